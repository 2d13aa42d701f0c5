"""What the page on training needs beside the solutions: the network in use, and the source's backward pass."""

from assignments.hw1.mistakes import BANK
from assignments.hw1.network import PARAMS as PARAMETERS
from solutions import linear_forward, relu_forward

__all__ = ["PARAMETERS", "in_use", "source_backward", "statistics"]

# The mistakes of the bank that make the source's formula of a parameter: errata E9, and E6 with E7.
SOURCE = {
    "theta_1a": ["the sum that should not be there"],
    "theta_1b": ["batch statistics taken as constants", "sgn(z_1B) for ReLU's slope"],
}


def source_backward(*parameters):
    """A backward pass of the network in which some gradients are the source's, and the others right.

    Args:
        parameters: whose gradients are the source's, keys of SOURCE.

    Returns:
        backward(dout, cache), as solutions.two_branch_backward, with the six gradients alone.
    """
    wrong = {mistake.name: mistake.steps for mistake in BANK.mistakes}
    steps = {}
    for parameter in parameters:
        for name in SOURCE[parameter]:
            steps |= wrong[name]

    def backward(dout, cache):
        evaluation = BANK.evaluate(cache | {"dout": dout}, steps)
        return {f"d{name}": getattr(evaluation, f"d{name}") for name in PARAMETERS}

    return backward


def statistics(x, params):
    """The mean and the variance of a_1b over all samples that are given.

    Args:
        x: (m, n), one sample a row.
        params: the network's six.

    Returns:
        mu, var: (n_h,) each.
    """
    ### BEGIN SOLUTION
    a_1b, _ = relu_forward(linear_forward(x, params["theta_1b"])[0])
    return a_1b.mean(axis=0), a_1b.var(axis=0)
    ### END SOLUTION


def in_use(x, params, mu, var, eps=1e-5):
    """The network in use: nothing is dropped, batch norm's statistics are given.

    Args:
        x: (m, n), one sample a row, none of which feels another.
        params: the network's six.
        mu, var: (n_h,), from statistics.
        eps: above 0, added to the variance under the root, as in training.

    Returns:
        z_2a: (m, n_h), the prediction of branch A.
        z_2b: (m, K), the scores of the classes.
    """
    ### BEGIN SOLUTION
    a_1a, _ = relu_forward(linear_forward(x, params["theta_1a"])[0])
    z_2a, _ = linear_forward(a_1a, params["theta_2a"])
    a_1b, _ = relu_forward(linear_forward(x, params["theta_1b"])[0])
    c = params["gamma"] * (a_1b - mu) / (var + eps) ** 0.5 + params["beta"]
    z_2b, _ = linear_forward(c + z_2a, params["theta_2b"])
    return z_2a, z_2b
    ### END SOLUTION

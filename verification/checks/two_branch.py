"""The two-branch network against its references: each step by itself, with any upstream gradient, and the whole.

The gradient with respect to an intermediate is the reference's gradient along a nudge that is added to it.
"""

import numpy as np

from solutions import branch_a_backward, branch_b_backward, head_backward, two_branch_backward, two_branch_forward
from verification.agreement import agree, per_sample, pulled, twice
from verification.checks import verifies
from verification.reference_gradients import network, network_loss, network_loss_a, network_scores, softmax

HEAD = ("y_hat_b", "z_2b", "theta_2b")
BRANCH_B = ("c", "beta", "gamma", "a_1b", "z_1b", "theta_1b")
BRANCH_A = ("z_2a", "theta_2a", "d", "z_1a", "theta_1a")
PARAMS = ("theta_1a", "theta_1b", "theta_2a", "theta_2b", "gamma", "beta")


def two_branch_arguments(inputs):
    """The arguments of two_branch_forward, which takes the parameters as one dict, from inputs by name."""
    x, y_a, y_b, r, p, eps = (inputs[name] for name in ("x", "y_a", "y_b", "r", "p", "eps"))
    return x, y_a, y_b, {name: inputs[name] for name in PARAMS}, r, p, eps


def call(inputs, forward=two_branch_forward):
    """The forward pass, of the network's inputs by name."""
    return twice(forward, *two_branch_arguments(inputs))


def gradients(reference, forward, upstream, inputs, along):
    """{dname: gradient}; what is no input is an intermediate, and gets a nudge of zeros."""
    seen = network(np, **inputs)
    nudges = {name: np.zeros_like(seen[name]) for name in HEAD + BRANCH_B + BRANCH_A if name not in inputs}
    found = pulled(upstream, reference(forward, inputs | nudges, along))
    return {f"d{name}": found[name] for name in along}


def head_jacobian(reference, inputs):
    """Along a score, a sample at a time."""
    z_2b = network(np, **inputs)["z_2b"]
    return dict(dy_hat_b_dz_2b=per_sample(reference(softmax, dict(x=z_2b), ("x",))["x"]))


def branch_b_jacobian(reference, inputs):
    """Along c, and the same for every sample."""
    nudge = dict(c=np.zeros_like(inputs["y_a"]))
    first, *others = per_sample(reference(network_scores, inputs | nudge, ("c",))["c"])
    for other in others:
        np.testing.assert_allclose(other, first, rtol=1e-7)
    return dict(dz_2b_dc=first)


def check_two_branch_forward(problem, function=two_branch_forward):
    inputs = problem.network()
    loss, cache = call(inputs, function)
    expected = network(np, **inputs)
    expected["mu_b"], expected["var_b"] = expected["a_1b"].mean(axis=0), expected["a_1b"].var(axis=0)
    expected["x_hat"] = (expected["c"] - inputs["beta"]) / inputs["gamma"]
    expected["mask"] = np.where(inputs["r"] >= inputs["p"], 1 / (1 - inputs["p"]), 0)
    agree([loss], [expected.pop("loss_a") + expected.pop("loss_b")], "value")
    agree(cache, expected | inputs, "value")


@verifies("grad-y-hat-b", "jac-y-hat-b", "grad-z-2b", "grad-theta-2b")
def check_head_backward(reference, problem, function=head_backward):
    dout = problem.scalar("dout")
    inputs = problem.network()
    _, cache = call(inputs)
    expected = gradients(reference, network_loss, dout, inputs, HEAD) | head_jacobian(reference, inputs)
    agree(twice(function, dout, cache), expected, reference.__name__)


@verifies("jac-z-2b-c", "grad-c", "grad-beta", "grad-gamma", "grad-a-1b", "grad-z-1b", "grad-theta-1b")
def check_branch_b_backward(reference, problem, function=branch_b_backward):
    dz_2b = problem.normal("dz_2b", problem.m, problem.K)
    inputs = problem.network()
    _, cache = call(inputs)
    expected = gradients(reference, network_scores, dz_2b, inputs, BRANCH_B) | branch_b_jacobian(reference, inputs)
    agree(twice(function, dz_2b, cache), expected, reference.__name__)


@verifies("grad-z-2a", "grad-theta-2a", "grad-d", "grad-z-1a", "grad-theta-1a")
def check_branch_a_backward(reference, problem, function=branch_a_backward):
    dout, dz_2b = problem.scalar("dout"), problem.normal("dz_2b", problem.m, problem.K)
    inputs = problem.network()
    _, cache = call(inputs)
    through_loss = gradients(reference, network_loss_a, dout, inputs, BRANCH_A)
    through_s = gradients(reference, network_scores, dz_2b, inputs, BRANCH_A)
    expected = {name: through_loss[name] + through_s[name] for name in through_loss}
    agree(twice(function, dout, dz_2b, cache), expected, reference.__name__)


@verifies("grad-summary", "grad-summary-batch")
def check_two_branch_backward(reference, problem, function=two_branch_backward):
    dout = problem.scalar("dout")
    inputs = problem.network()
    _, cache = call(inputs)
    expected = gradients(reference, network_loss, dout, inputs, HEAD + BRANCH_B + BRANCH_A)
    expected |= head_jacobian(reference, inputs) | branch_b_jacobian(reference, inputs)
    agree(twice(function, dout, cache), expected, reference.__name__)

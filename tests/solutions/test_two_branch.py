"""The two-branch network against its witnesses: each step by itself with an upstream gradient that nothing else explains,
and the whole. The gradient of an intermediate is the witness's gradient along a nudge that is added to it."""

import numpy as np
import pytest

from solutions import branch_a_backward, branch_b_backward, head_backward, two_branch_backward, two_branch_forward
from tests.agreement import agree, per_sample, pulled, twice
from tests.witnesses import network, network_loss, network_loss_a, network_scores, softmax

PARAMS = ("theta_1a", "theta_1b", "theta_2a", "theta_2b", "gamma", "beta")
HEAD = ("y_hat_b", "z_2b", "theta_2b")
BRANCH_B = ("c", "beta", "gamma", "a_1b", "z_1b", "theta_1b")
BRANCH_A = ("z_2a", "theta_2a", "d", "z_1a", "theta_1a")


def problems_of(problem):
    """The network's inputs, and again with scalars for gamma and beta."""
    inputs = problem.network()
    return inputs, inputs | dict(gamma=-problem.scalar("gamma"), beta=problem.scalar("beta"))


def call(inputs, function=two_branch_forward):
    """two_branch_forward takes the parameters as one dict."""
    params = {name: inputs[name] for name in PARAMS}
    x, y_a, y_b, r, p, eps = (inputs[name] for name in ("x", "y_a", "y_b", "r", "p", "eps"))
    return twice(function, x, y_a, y_b, params, r, p, eps)


def gradients(witness, forward, upstream, inputs, along):
    """{dname: gradient}; what is no input is an intermediate, and gets a nudge of zeros."""
    seen = network(np, **inputs)
    nudges = {name: np.zeros_like(seen[name]) for name in along if name not in inputs}
    found = pulled(upstream, witness(forward, inputs | nudges, along))
    return {f"d{name}": found[name] for name in along}


def jacobians(witness, inputs):
    """The head's two Jacobians, each a block a sample."""
    z_2b = network(np, **inputs)["z_2b"]
    dy_hat_b_dz_2b = per_sample(witness(softmax, dict(x=z_2b), ("x",))["x"])
    nudged = inputs | dict(c=np.zeros_like(inputs["y_a"]))
    blocks = per_sample(witness(network_scores, nudged, ("c",))["c"])
    return dict(dy_hat_b_dz_2b=dy_hat_b_dz_2b), dict(dz_2b_dc=blocks.mean(axis=0))


def test_two_branch_forward(problem, function=two_branch_forward):
    for inputs in problems_of(problem):
        loss, cache = call(inputs, function)
        expected = network(np, **inputs)
        expected["mu_b"], expected["var_b"] = expected["a_1b"].mean(axis=0), expected["a_1b"].var(axis=0)
        expected["x_hat"] = (expected["c"] - inputs["beta"]) / inputs["gamma"]
        expected["mask"] = np.where(inputs["r"] >= inputs["p"], 1 / (1 - inputs["p"]), 0)
        agree([loss], [expected.pop("loss_a") + expected.pop("loss_b")], "value")
        agree(cache, expected | inputs, "value")


@pytest.mark.verifies("grad-y-hat-b", "jac-y-hat-b", "grad-z-2b", "grad-theta-2b")
def test_head_backward(witness, problem, function=head_backward):
    dout = problem.scalar("dout")
    for inputs in problems_of(problem):
        _, cache = call(inputs)
        expected = gradients(witness, network_loss, dout, inputs, HEAD) | jacobians(witness, inputs)[0]
        agree(twice(function, dout, cache), expected, witness.__name__)


@pytest.mark.verifies(
    "jac-z-2b-c", "grad-c", "grad-beta", "grad-gamma", "grad-a-1b", "grad-z-1b", "grad-theta-1b"
)
def test_branch_b_backward(witness, problem, function=branch_b_backward):
    dz_2b = problem.normal("dz_2b", problem.m, problem.K)
    for inputs in problems_of(problem):
        _, cache = call(inputs)
        expected = gradients(witness, network_scores, dz_2b, inputs, BRANCH_B) | jacobians(witness, inputs)[1]
        agree(twice(function, dz_2b, cache), expected, witness.__name__)


@pytest.mark.verifies("grad-z-2a", "grad-theta-2a", "grad-d", "grad-z-1a", "grad-theta-1a")
def test_branch_a_backward(witness, problem, function=branch_a_backward):
    dout, dz_2b = problem.scalar("dout"), problem.normal("dz_2b", problem.m, problem.K)
    for inputs in problems_of(problem):
        _, cache = call(inputs)
        through_loss = gradients(witness, network_loss_a, dout, inputs, BRANCH_A)
        through_s = gradients(witness, network_scores, dz_2b, inputs, BRANCH_A)
        expected = {name: through_loss[name] + through_s[name] for name in through_loss}
        agree(twice(function, dout, dz_2b, cache), expected, witness.__name__)


@pytest.mark.verifies("grad-summary")
def test_two_branch_backward(witness, problem, function=two_branch_backward):
    dout = problem.scalar("dout")
    for inputs in problems_of(problem):
        _, cache = call(inputs)
        expected = gradients(witness, network_loss, dout, inputs, dict.fromkeys(HEAD + BRANCH_B + BRANCH_A))
        for found in jacobians(witness, inputs):
            expected |= found
        agree(twice(function, dout, cache), expected, witness.__name__)


def test_labels_that_do_not_sum_to_one_are_refused(problem):
    inputs = problem.network()
    inputs["y_b"] = inputs["y_b"] * 2
    with pytest.raises(ValueError, match=r"two_branch_forward: y_b must have rows that are not negative and sum to 1"):
        call(inputs)


def test_a_probability_that_underflowed(problem):
    """The loss and the six gradients stay finite; the gradient of that probability alone is minus infinity."""
    inputs = problem.network()
    inputs["theta_2b"] = inputs["theta_2b"] * 10_000
    inputs["y_b"] = np.eye(problem.K)[network(np, **problem.network())["y_hat_b"].argmin(axis=1)]
    loss, cache = call(inputs)
    assert np.isfinite(loss)
    found = two_branch_backward(1.0, cache)
    assert np.isneginf(found.pop("dy_hat_b")[inputs["y_b"] == 1]).any()
    assert all(np.isfinite(value).all() for value in found.values())


def test_a_batch_of_one():
    """Batch norm then passes nothing back: theta_1b does not learn, and nothing breaks."""
    rng = np.random.default_rng(4)
    params = {
        name: rng.normal(size=shape)
        for name, shape in zip(PARAMS, [(4, 5), (4, 5), (4, 4), (3, 4), (4,), (4,)], strict=True)
    }
    loss, cache = two_branch_forward(
        rng.normal(size=(1, 5)), rng.normal(size=(1, 4)), np.array([[0, 1, 0]]), params, rng.random((1, 4)), 0
    )
    found = two_branch_backward(1.0, cache)
    assert np.isfinite(loss)
    assert all(np.isfinite(value).all() for value in found.values())
    np.testing.assert_array_equal(found["dtheta_1b"], np.zeros((4, 5)))
    np.testing.assert_array_equal(found["dbeta"], found["dc"][0])

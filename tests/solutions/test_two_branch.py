"""The two-branch network against its witnesses: each step by itself, with an upstream gradient that is any numbers, and
the whole. The gradient of an intermediate is the witness's gradient along a nudge that is added to it."""

import warnings

import numpy as np
import pytest

from solutions import branch_a_backward, branch_b_backward, head_backward, two_branch_backward, two_branch_forward
from tests.agreement import agree, per_sample, pulled, twice
from tests.calls import two_branch_arguments
from tests.draws import Problem
from tests.witnesses import automatic, network, network_loss, network_loss_a, network_scores, softmax

HEAD = ("y_hat_b", "z_2b", "theta_2b")
BRANCH_B = ("c", "beta", "gamma", "a_1b", "z_1b", "theta_1b")
BRANCH_A = ("z_2a", "theta_2a", "d", "z_1a", "theta_1a")


def call(inputs, function=two_branch_forward):
    """The forward pass, of the network's inputs by name."""
    return twice(function, *two_branch_arguments(inputs))


def gradients(witness, forward, upstream, inputs, along):
    """{dname: gradient}; what is no input is an intermediate, and gets a nudge of zeros."""
    seen = network(np, **inputs)
    nudges = {name: np.zeros_like(seen[name]) for name in HEAD + BRANCH_B + BRANCH_A if name not in inputs}
    found = pulled(upstream, witness(forward, inputs | nudges, along))
    return {f"d{name}": found[name] for name in along}


def head_jacobian(witness, inputs):
    """Along a score, a sample at a time."""
    z_2b = network(np, **inputs)["z_2b"]
    return dict(dy_hat_b_dz_2b=per_sample(witness(softmax, dict(x=z_2b), ("x",))["x"]))


def branch_b_jacobian(witness, inputs):
    """Along c, and the same for every sample."""
    nudge = dict(c=np.zeros_like(inputs["y_a"]))
    first, *others = per_sample(witness(network_scores, inputs | nudge, ("c",))["c"])
    for other in others:
        np.testing.assert_allclose(other, first, rtol=1e-7)
    return dict(dz_2b_dc=first)


def test_two_branch_forward(problem, function=two_branch_forward):
    inputs = problem.network()
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
    inputs = problem.network()
    _, cache = call(inputs)
    expected = gradients(witness, network_loss, dout, inputs, HEAD) | head_jacobian(witness, inputs)
    agree(twice(function, dout, cache), expected, witness.__name__)


@pytest.mark.verifies("jac-z-2b-c", "grad-c", "grad-beta", "grad-gamma", "grad-a-1b", "grad-z-1b", "grad-theta-1b")
def test_branch_b_backward(witness, problem, function=branch_b_backward):
    dz_2b = problem.normal("dz_2b", problem.m, problem.K)
    inputs = problem.network()
    _, cache = call(inputs)
    expected = gradients(witness, network_scores, dz_2b, inputs, BRANCH_B) | branch_b_jacobian(witness, inputs)
    agree(twice(function, dz_2b, cache), expected, witness.__name__)


@pytest.mark.verifies("grad-z-2a", "grad-theta-2a", "grad-d", "grad-z-1a", "grad-theta-1a")
def test_branch_a_backward(witness, problem, function=branch_a_backward):
    dout, dz_2b = problem.scalar("dout"), problem.normal("dz_2b", problem.m, problem.K)
    inputs = problem.network()
    _, cache = call(inputs)
    through_loss = gradients(witness, network_loss_a, dout, inputs, BRANCH_A)
    through_s = gradients(witness, network_scores, dz_2b, inputs, BRANCH_A)
    expected = {name: through_loss[name] + through_s[name] for name in through_loss}
    agree(twice(function, dout, dz_2b, cache), expected, witness.__name__)


@pytest.mark.verifies("grad-summary", "grad-summary-batch")
def test_two_branch_backward(witness, problem, function=two_branch_backward):
    dout = problem.scalar("dout")
    inputs = problem.network()
    _, cache = call(inputs)
    expected = gradients(witness, network_loss, dout, inputs, HEAD + BRANCH_B + BRANCH_A)
    expected |= head_jacobian(witness, inputs) | branch_b_jacobian(witness, inputs)
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


@pytest.mark.parametrize("tiny", [0.0, 1e-310])
def test_a_slope_beyond_every_float_is_infinite_without_a_warning(problem, tiny):
    _, cache = call(problem.network())
    wanted = np.argmax(cache["y_b"][0])
    cache["y_hat_b"][0, wanted] = tiny
    with warnings.catch_warnings(action="error"):
        assert head_backward(1.5, cache)["dy_hat_b"][0, wanted] == -np.inf


@pytest.mark.parametrize("p", [0, 0.375])
def test_a_batch_of_one(p):
    """Batch norm then passes nothing back: theta_1b does not learn, and nothing breaks."""
    problem = Problem(m=1)
    drawn = dict(
        x=problem.normal("x", 1, 5),
        y_a=problem.normal("y_a", 1, 4),
        y_b=np.array([[0, 1, 0]]),
        theta_1a=problem.normal("theta_1a", 4, 5),
        theta_1b=problem.normal("theta_1b", 4, 5),
        theta_2a=problem.normal("theta_2a", 4, 4),
        theta_2b=problem.normal("theta_2b", 3, 4, scale=0.25),
        gamma=problem.gamma(),
        beta=problem.beta(),
        r=problem.uniform("r", 1, 4),
        p=p,
        eps=1e-5,
    )
    loss, cache = call(drawn)
    expected = network(np, **drawn)
    agree([loss], [expected["loss_a"] + expected["loss_b"]], "value")
    found = two_branch_backward(1.5, cache)
    np.testing.assert_array_equal(found["dtheta_1b"], np.zeros((4, 5)))
    np.testing.assert_array_equal(found["dgamma"], np.zeros(4))
    along = ("theta_1a", "theta_2a", "theta_2b", "beta")
    expected = gradients(automatic, network_loss, 1.5, drawn, along)
    agree({name: found[name] for name in expected}, expected, "automatic")

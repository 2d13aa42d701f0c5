"""The two-branch network where a class is all but ruled out, and for a batch of one."""

import warnings

import numpy as np
import pytest

from solutions import head_backward, two_branch_backward
from verification.agreement import agree
from verification.checks.two_branch import call, gradients
from verification.problems import Problem
from verification.reference_gradients import automatic, network, network_loss


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

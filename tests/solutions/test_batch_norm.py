"""Batch normalisation with an array and a scalar, for one sample, for a constant feature, and with a wrong eps."""

import numpy as np
import pytest

from solutions import batch_norm_backward, batch_norm_forward, batch_norm_jacobian
from verification.agreement import agree, pulled
from verification.checks.batch_norm import inputs_of
from verification.reference_gradients import automatic, batch_norm


def test_one_may_be_an_array_and_the_other_a_scalar(problem):
    dout, inputs = problem.normal("dout", problem.m, problem.h), inputs_of(problem)
    along = ("x", "gamma", "beta")
    for gamma, beta in ((problem.normal("gamma", problem.h), 0.75), (-1.5, problem.normal("beta", problem.h))):
        inputs |= dict(gamma=gamma, beta=beta)
        _, cache = batch_norm_forward(**inputs)
        found = dict(zip(along, batch_norm_backward(dout, cache), strict=True))
        agree(found, pulled(dout, automatic(batch_norm, inputs, along)), "automatic")


def test_a_batch_of_one_is_its_own_mean():
    x, gamma, beta = np.array([[3.0, -2.0]]), np.array([1.5, -2.5]), np.array([0.25, 0.75])
    out, cache = batch_norm_forward(x, gamma, beta)
    np.testing.assert_array_equal(out, [beta])
    dx, dgamma, dbeta = batch_norm_backward(np.array([[0.7, -0.4]]), cache)
    np.testing.assert_array_equal(dx, [[0, 0]])
    np.testing.assert_array_equal(dgamma, [0, 0])
    np.testing.assert_array_equal(dbeta, [0.7, -0.4])


def test_a_constant_feature_is_centred_and_stays_finite(reference, problem):
    """Its variance is 0, so eps alone is under the root."""
    inputs = inputs_of(problem)
    inputs["x"][:, 1] = 0.75
    dout = problem.normal("dout", problem.m, problem.h)
    out, cache = batch_norm_forward(**inputs)
    np.testing.assert_array_equal(out[:, 1], np.broadcast_to(inputs["beta"], problem.h)[1])
    dx, _, _ = batch_norm_backward(dout, cache)
    agree([dx], [pulled(dout, reference(batch_norm, inputs, ("x",)))["x"]], reference.__name__)


@pytest.mark.parametrize("eps", [0, -1e-5, np.nan, np.inf, "small", None])
def test_eps_must_be_positive(eps):
    x = np.ones((2, 3))
    for function in (batch_norm_forward, batch_norm_jacobian):
        with pytest.raises(ValueError, match=r"eps must be a finite number above 0, but is "):
            function(x, x[0], x[0], eps)

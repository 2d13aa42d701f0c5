"""Batch normalisation against its witnesses, with one gamma and beta a feature and with scalars."""

import itertools

import numpy as np
import pytest

from solutions import batch_norm_backward, batch_norm_forward, batch_norm_jacobian
from tests.agreement import agree, pulled, twice
from tests.draws import EPS
from tests.witnesses import batch_norm


def inputs_of(problem):
    """All four: each of gamma and beta may be an array or a scalar."""
    x = problem.batch()
    gammas, betas = (problem.gamma(), -problem.scalar("gamma")), (problem.beta(), problem.scalar("beta"))
    return [dict(x=x, gamma=gamma, beta=beta, eps=EPS) for gamma, beta in itertools.product(gammas, betas)]


def test_batch_norm_forward(problem, function=batch_norm_forward):
    for inputs in inputs_of(problem):
        out, (x_hat, mu, var, *rest) = twice(function, *inputs.values())
        expected = [batch_norm(np, **inputs), batch_norm(np, inputs["x"], 1, 0, EPS)]
        agree([out, x_hat, mu, var], [*expected, np.mean(inputs["x"], 0), np.var(inputs["x"], 0)], "value")
        assert rest == [inputs["gamma"], inputs["beta"], EPS] or rest[0] is inputs["gamma"]


@pytest.mark.verifies("jac-batch-norm-gamma", "jac-batch-norm-beta")
def test_batch_norm_jacobian(witness, problem, function=batch_norm_jacobian):
    for inputs in inputs_of(problem):
        dy_dgamma, dy_dbeta = twice(function, *inputs.values())
        expected = witness(batch_norm, inputs, ("gamma", "beta"))
        agree(dict(gamma=dy_dgamma, beta=dy_dbeta), expected, witness.__name__)


@pytest.mark.verifies("grad-batch-norm-x", "grad-batch-norm-gamma", "grad-batch-norm-beta")
def test_batch_norm_backward(witness, problem, function=batch_norm_backward):
    dout = problem.normal("dout", problem.m, problem.h)
    for inputs in inputs_of(problem):
        _, cache = batch_norm_forward(**inputs)
        dx, dgamma, dbeta = twice(function, dout, cache)
        expected = pulled(dout, witness(batch_norm, inputs, ("x", "gamma", "beta")))
        agree(dict(x=dx, gamma=dgamma, beta=dbeta), expected, witness.__name__)


def test_a_batch_of_one_is_its_own_mean():
    x, gamma, beta = np.array([[3.0, -2.0]]), np.array([1.5, -2.5]), np.array([0.25, 0.75])
    out, cache = batch_norm_forward(x, gamma, beta)
    np.testing.assert_array_equal(out, [beta])
    dx, dgamma, dbeta = batch_norm_backward(np.array([[0.7, -0.4]]), cache)
    np.testing.assert_array_equal(dx, [[0, 0]])
    np.testing.assert_array_equal(dgamma, [0, 0])
    np.testing.assert_array_equal(dbeta, [0.7, -0.4])


def test_a_constant_feature_is_centred_and_stays_finite(witness, problem):
    """Its variance is 0, so eps alone is under the root."""
    inputs = inputs_of(problem)[0]
    inputs["x"][:, 1] = 0.75
    dout = problem.normal("dout", problem.m, problem.h)
    out, cache = batch_norm_forward(**inputs)
    np.testing.assert_array_equal(out[:, 1], inputs["beta"][1])
    dx, dgamma, _ = batch_norm_backward(dout, cache)
    assert dgamma[1] == 0
    agree([dx], [pulled(dout, witness(batch_norm, inputs, ("x",)))["x"]], witness.__name__)


@pytest.mark.parametrize("eps", [0, -1e-5, np.nan, np.inf, "small", None])
def test_eps_must_be_positive(eps):
    x = np.ones((2, 3))
    for function in (batch_norm_forward, batch_norm_jacobian):
        with pytest.raises(ValueError, match=r"eps must be a finite number above 0, but is "):
            function(x, x[0], x[0], eps)

"""Batch normalisation against its references, with one gamma and one beta a feature, and with scalars."""

import numpy as np

from solutions import batch_norm_backward, batch_norm_forward, batch_norm_jacobian
from verification.agreement import agree, pulled, twice
from verification.checks import verifies
from verification.problems import EPS
from verification.reference_gradients import batch_norm


def inputs_of(problem):
    return dict(x=problem.batch(), gamma=problem.gamma(), beta=problem.beta(), eps=EPS)


def check_batch_norm_forward(problem, function=batch_norm_forward):
    inputs = inputs_of(problem)
    out, (x_hat, mu, var, *rest) = twice(function, *inputs.values())
    x_hat_expected = batch_norm(np, inputs["x"], 1, 0, EPS)
    expected = [batch_norm(np, **inputs), x_hat_expected, inputs["x"].mean(axis=0), inputs["x"].var(axis=0)]
    agree([out, x_hat, mu, var], expected, "value")
    agree(rest, [inputs["gamma"], inputs["beta"], EPS], "value")


@verifies("jac-batch-norm-gamma", "jac-batch-norm-beta")
def check_batch_norm_jacobian(reference, problem, function=batch_norm_jacobian):
    inputs = inputs_of(problem)
    dy_dgamma, dy_dbeta = twice(function, *inputs.values())
    expected = reference(batch_norm, inputs, ("gamma", "beta"))
    agree(dict(gamma=dy_dgamma, beta=dy_dbeta), expected, reference.__name__)


@verifies("grad-batch-norm-x", "grad-batch-norm-gamma", "grad-batch-norm-beta")
def check_batch_norm_backward(reference, problem, function=batch_norm_backward):
    dout, inputs = problem.normal("dout", problem.m, problem.h), inputs_of(problem)
    _, cache = batch_norm_forward(**inputs)
    dx, dgamma, dbeta = twice(function, dout, cache)
    expected = pulled(dout, reference(batch_norm, inputs, ("x", "gamma", "beta")))
    agree(dict(x=dx, gamma=dgamma, beta=dbeta), expected, reference.__name__)

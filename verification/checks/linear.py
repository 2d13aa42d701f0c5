"""The fully connected layer against its references."""

import numpy as np

from solutions import linear_backward, linear_forward
from verification.agreement import agree, pulled, twice
from verification.checks import verifies
from verification.reference_gradients import linear


def inputs_of(problem):
    return dict(x=problem.normal("x", problem.m, problem.n), theta=problem.normal("theta", problem.h, problem.n))


def check_linear_forward(problem, function=linear_forward):
    inputs = inputs_of(problem)
    out, _ = twice(function, *inputs.values())
    agree([out], [linear(np, **inputs)], "value")


@verifies("grad-linear-x", "grad-linear-theta")
def check_linear_backward(reference, problem, function=linear_backward):
    inputs = inputs_of(problem)
    dout = problem.normal("dout", problem.m, problem.h)
    _, cache = linear_forward(**inputs)
    dx, dtheta = twice(function, dout, cache)
    agree(dict(x=dx, theta=dtheta), pulled(dout, reference(linear, inputs, ("x", "theta"))), reference.__name__)

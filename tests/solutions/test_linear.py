"""The fully connected layer against its witnesses."""

import numpy as np
import pytest

from solutions import linear_backward, linear_forward
from tests.agreement import agree, pulled, twice
from tests.witnesses import linear


def inputs_of(problem):
    return dict(x=problem.normal("x", problem.m, problem.n), theta=problem.normal("theta", problem.h, problem.n))


def test_linear_forward(problem, function=linear_forward):
    inputs = inputs_of(problem)
    out, _ = twice(function, *inputs.values())
    agree([out], [linear(np, **inputs)], "value")


@pytest.mark.verifies("grad-linear-x", "grad-linear-theta")
def test_linear_backward(witness, problem, function=linear_backward):
    inputs = inputs_of(problem)
    dout = problem.normal("dout", problem.m, problem.h)
    _, cache = linear_forward(**inputs)
    dx, dtheta = twice(function, dout, cache)
    agree(dict(x=dx, theta=dtheta), pulled(dout, witness(linear, inputs, ("x", "theta"))), witness.__name__)

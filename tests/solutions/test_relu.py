"""ReLU against its witnesses. At 0 the slope is 0: a central difference says 1/2 there, no other does."""

import numpy as np
import pytest

from solutions import relu_backward, relu_forward
from tests.agreement import agree, pulled, twice
from tests.witnesses import central, relu


def inputs_of(problem, kink=True):
    z = problem.normal("z", problem.m, problem.n)
    z[0, 0] = 1 / 64
    z[1, 1] = 0 if kink else z[1, 1]
    return dict(z=z)


def test_relu_forward(problem, function=relu_forward):
    inputs = inputs_of(problem)
    out, _ = twice(function, *inputs.values())
    agree([out], [relu(np, **inputs)], "value")


@pytest.mark.verifies("grad-relu")
def test_relu_backward(witness, problem, function=relu_backward):
    inputs = inputs_of(problem, kink=witness is not central)
    dout = problem.normal("dout", problem.m, problem.n)
    _, cache = relu_forward(**inputs)
    agree(dict(z=twice(function, dout, cache)), pulled(dout, witness(relu, inputs, ("z",))), witness.__name__)

"""ReLU against its references. At 0 the slope is 0: a central difference says 1/2 there, no other does."""

import numpy as np

from solutions import relu_backward, relu_forward
from verification.agreement import agree, pulled, twice
from verification.checks import verifies
from verification.reference_gradients import central, relu


def inputs_of(problem, kink=True):
    z = problem.normal("z", problem.m, problem.n)
    z[0, 0] = 1 / 64
    z[1, 1] = 0 if kink else z[1, 1]
    return dict(z=z)


def check_relu_forward(problem, function=relu_forward):
    inputs = inputs_of(problem)
    out, _ = twice(function, *inputs.values())
    agree([out], [relu(np, **inputs)], "value")


@verifies("grad-relu")
def check_relu_backward(reference, problem, function=relu_backward):
    inputs = inputs_of(problem, kink=reference is not central)
    dout = problem.normal("dout", problem.m, problem.n)
    _, cache = relu_forward(**inputs)
    agree(dict(z=twice(function, dout, cache)), pulled(dout, reference(relu, inputs, ("z",))), reference.__name__)

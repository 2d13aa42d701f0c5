"""The two losses against their references."""

import numpy as np

from solutions import cross_entropy_backward, cross_entropy_forward, squared_error_backward, squared_error_forward
from verification.agreement import agree, pulled, twice
from verification.checks import verifies
from verification.reference_gradients import cross_entropy, softmax, squared_error


def squared_error_inputs(problem):
    return dict(y_hat=problem.normal("y_hat", problem.m, problem.h), y=problem.normal("y", problem.m, problem.h))


def cross_entropy_inputs(problem):
    z = problem.normal("scores", problem.m, problem.K)
    return dict(z=z, y=problem.distributions("y", problem.m, problem.K))


def check_squared_error_forward(problem, function=squared_error_forward):
    inputs = squared_error_inputs(problem)
    out, _ = twice(function, *inputs.values())
    agree([out], [squared_error(np, **inputs)], "value")


@verifies("grad-squared-error")
def check_squared_error_backward(reference, problem, function=squared_error_backward):
    inputs, dout = squared_error_inputs(problem), problem.scalar("dout")
    _, cache = squared_error_forward(**inputs)
    expected = pulled(dout, reference(squared_error, inputs, ("y_hat",)))
    agree(dict(y_hat=twice(function, dout, cache)), expected, reference.__name__)


def check_cross_entropy_forward(problem, function=cross_entropy_forward):
    inputs = cross_entropy_inputs(problem)
    out, (y_hat, _) = twice(function, *inputs.values())
    agree([out, y_hat], [cross_entropy(np, **inputs), softmax(np, inputs["z"])], "value")
    far = np.array([[1000.0, -1000.0, 0.0], [-1000.0, -1000.5, -1002.0]])
    labels = np.array([[0, 1, 0], [0.25, 0.25, 0.5]])  # row 0: the wanted class has underflowed
    row_1 = np.log(1 + np.exp(-0.5) + np.exp(-2)) + 0.25 * 0.5 + 0.5 * 2
    np.testing.assert_allclose(function(far, labels)[0], (2000 + row_1) / 2, rtol=1e-15)


@verifies("grad-z-2b")
def check_cross_entropy_backward(reference, problem, function=cross_entropy_backward):
    inputs, dout = cross_entropy_inputs(problem), problem.scalar("dout")
    _, cache = cross_entropy_forward(**inputs)
    expected = pulled(dout, reference(cross_entropy, inputs, ("z",)))
    agree(dict(z=twice(function, dout, cache)), expected, reference.__name__)

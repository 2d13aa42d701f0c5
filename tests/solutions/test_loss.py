"""The two losses against their witnesses."""

import numpy as np
import pytest

from solutions import cross_entropy_backward, cross_entropy_forward, squared_error_backward, squared_error_forward
from tests.agreement import agree, pulled, twice
from tests.witnesses import cross_entropy, softmax, squared_error, symbolic


def squared_error_inputs(problem):
    return dict(y_hat=problem.normal("y_hat", problem.m, problem.h), y=problem.normal("y", problem.m, problem.h))


def cross_entropy_inputs(problem):
    z = problem.normal("scores", problem.m, problem.K)
    return dict(z=z, y=problem.distributions("y", problem.m, problem.K))


def test_squared_error_forward(problem, function=squared_error_forward):
    inputs = squared_error_inputs(problem)
    out, _ = twice(function, *inputs.values())
    agree([out], [squared_error(np, **inputs)], "value")


@pytest.mark.verifies("grad-squared-error")
def test_squared_error_backward(witness, problem, function=squared_error_backward):
    inputs, dout = squared_error_inputs(problem), problem.scalar("dout")
    _, cache = squared_error_forward(**inputs)
    expected = pulled(dout, witness(squared_error, inputs, ("y_hat",)))
    agree(dict(y_hat=twice(function, dout, cache)), expected, witness.__name__)


def test_cross_entropy_forward(problem, function=cross_entropy_forward):
    inputs = cross_entropy_inputs(problem)
    out, (y_hat, _) = twice(function, *inputs.values())
    agree([out, y_hat], [cross_entropy(np, **inputs), softmax(np, inputs["z"])], "value")
    far = np.array([[1000.0, -1000.0, 0.0], [-1000.0, -1000.5, -1002.0]])
    labels = np.array([[0, 1, 0], [0.25, 0.25, 0.5]])  # row 0: the wanted class has underflowed
    row_1 = np.log(1 + np.exp(-0.5) + np.exp(-2)) + 0.25 * 0.5 + 0.5 * 2
    np.testing.assert_allclose(function(far, labels)[0], (2000 + row_1) / 2, rtol=1e-15)


@pytest.mark.verifies("grad-z-2b")
def test_cross_entropy_backward(witness, problem, function=cross_entropy_backward):
    inputs, dout = cross_entropy_inputs(problem), problem.scalar("dout")
    _, cache = cross_entropy_forward(**inputs)
    expected = pulled(dout, witness(cross_entropy, inputs, ("z",)))
    agree(dict(z=twice(function, dout, cache)), expected, witness.__name__)


def test_cross_entropy_far_out():
    inputs = dict(z=np.array([[1000.0, -1000.0, 999.0], [-1000.0, -1000.5, -998.0]]), y=np.eye(3)[[1, 0]])
    _, cache = cross_entropy_forward(**inputs)
    agree(dict(z=cross_entropy_backward(1.5, cache)), pulled(1.5, symbolic(cross_entropy, inputs, ("z",))), "symbolic")


@pytest.mark.parametrize("y", [[[0.5, 0.25]], [[1, 1]], [[1.5, -0.5]], [[0, 0]], [[2.0, -1.0]]])
def test_labels_that_are_no_distribution_are_refused(y):
    z = np.array([[0.5, 0.25]])
    for call in (lambda: cross_entropy_forward(z, np.array(y)), lambda: cross_entropy_backward(1.0, (z, np.array(y)))):
        with pytest.raises(ValueError, match=r"must have rows that are not negative and sum to 1, but row 0 is \["):
            call()


def test_labels_may_be_integers():
    z, labels = np.array([[0.5, 0.25, -1.0]], np.float32), np.array([[0, 1, 0]])
    for forward, backward in (
        (squared_error_forward, squared_error_backward),
        (cross_entropy_forward, cross_entropy_backward),
    ):
        loss, cache = forward(z, labels)
        assert loss == forward(z, labels.astype(np.float32))[0]
        assert loss.dtype == backward(np.float32(1), cache).dtype == np.float32

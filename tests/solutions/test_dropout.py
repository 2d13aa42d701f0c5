"""Dropout against its witnesses. One draw of r is p itself, where the entry is kept."""

import numpy as np
import pytest

from solutions import dropout_backward, dropout_forward, dropout_jacobian
from tests.agreement import agree, pulled, twice
from tests.draws import P
from tests.witnesses import dropout


def inputs_of(problem, *shape):
    return dict(x=problem.normal("x", *shape), r=problem.uniform("r", *shape), p=P)


def shapes_of(problem):
    return (problem.m, problem.n), (problem.n,)


def test_dropout_forward(problem, function=dropout_forward):
    for shape in shapes_of(problem):
        inputs = inputs_of(problem, *shape)
        out, _ = twice(function, *inputs.values())
        agree([out], [dropout(np, **inputs)], "value")


@pytest.mark.verifies("jac-dropout")
def test_dropout_jacobian(witness, problem, function=dropout_jacobian):
    inputs = inputs_of(problem, problem.n)
    agree(dict(x=twice(function, inputs["r"], P)), witness(dropout, inputs, ("x",)), witness.__name__)


@pytest.mark.verifies("grad-dropout")
def test_dropout_backward(witness, problem, function=dropout_backward):
    for shape in shapes_of(problem):
        inputs = inputs_of(problem, *shape)
        dout = problem.normal("dout", *shape)
        _, cache = dropout_forward(**inputs)
        agree(dict(x=twice(function, dout, cache)), pulled(dout, witness(dropout, inputs, ("x",))), witness.__name__)


def test_p_of_zero_keeps_everything():
    x = np.array([0.5, -1.5, 2.0])
    out, cache = dropout_forward(x, np.zeros(3), 0)
    np.testing.assert_array_equal(out, x)
    np.testing.assert_array_equal(dropout_backward(x, cache), x)
    np.testing.assert_array_equal(dropout_jacobian(np.zeros(3), 0), np.eye(3))


@pytest.mark.parametrize("p", [1, 1.0, -0.1, 1.5, np.nan, np.inf, "0.3", None, [0.3], 0.3j])
def test_p_outside_its_range_is_refused(p):
    x = np.array([0.5, 0.7])
    for call in (lambda: dropout_forward(x, x, p), lambda: dropout_jacobian(x, p)):
        with pytest.raises(ValueError, match=r"p must be a number p with 0 <= p < 1, but is "):
            call()

"""Dropout against its references. One draw of r is p itself, where the entry is kept."""

import numpy as np

from solutions import dropout_backward, dropout_forward, dropout_jacobian
from verification.agreement import agree, pulled, twice
from verification.checks import verifies
from verification.problems import P
from verification.reference_gradients import dropout


def inputs_of(problem, *shape):
    return dict(x=problem.normal("x", *shape), r=problem.uniform("r", *shape), p=P)


def shapes_of(problem):
    return (problem.m, problem.n), (problem.n,)


def check_dropout_forward(problem, function=dropout_forward):
    for shape in shapes_of(problem):
        inputs = inputs_of(problem, *shape)
        out, _ = twice(function, *inputs.values())
        agree([out], [dropout(np, **inputs)], "value")


@verifies("jac-dropout")
def check_dropout_jacobian(reference, problem, function=dropout_jacobian):
    inputs = inputs_of(problem, problem.n)
    agree(dict(x=twice(function, inputs["r"], P)), reference(dropout, inputs, ("x",)), reference.__name__)


@verifies("grad-dropout")
def check_dropout_backward(reference, problem, function=dropout_backward):
    for shape in shapes_of(problem):
        inputs = inputs_of(problem, *shape)
        dout = problem.normal("dout", *shape)
        _, cache = dropout_forward(**inputs)
        expected = pulled(dout, reference(dropout, inputs, ("x",)))
        agree(dict(x=twice(function, dout, cache)), expected, reference.__name__)

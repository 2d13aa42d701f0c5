"""Softmax against its references."""

import numpy as np

from solutions import softmax_backward, softmax_forward, softmax_jacobian
from verification.agreement import agree, pulled, twice
from verification.checks import verifies
from verification.reference_gradients import softmax, symbolic

FAR = np.array([1000.0, 999.5, 998.0, -1000.0])


def inputs_of(problem):
    return [dict(x=problem.normal("scores", *shape)) for shape in ((problem.m, problem.K), (problem.K,))]


def check_softmax_forward(problem, function=softmax_forward):
    for inputs in inputs_of(problem):
        out, _ = twice(function, *inputs.values())
        agree([out], [softmax(np, **inputs)], "value")
        np.testing.assert_allclose(function(FAR)[0], softmax(np, FAR - 1000), rtol=1e-15, atol=0)
        np.testing.assert_allclose(function(-FAR)[0], [0, 0, 0, 1], rtol=1e-15, atol=0)


@verifies("jac-softmax")
def check_softmax_jacobian(reference, problem, function=softmax_jacobian):
    inputs = inputs_of(problem)[1]
    agree(dict(x=twice(function, inputs["x"])), reference(softmax, inputs, ("x",)), reference.__name__)
    for far in (FAR, -FAR[:3]):
        agree(dict(x=function(far)), symbolic(softmax, dict(x=far), ("x",)), "symbolic")


@verifies("grad-softmax")
def check_softmax_backward(reference, problem, function=softmax_backward):
    for inputs in inputs_of(problem):
        dout = problem.normal("dout", *inputs["x"].shape)
        _, cache = softmax_forward(**inputs)
        expected = pulled(dout, reference(softmax, inputs, ("x",)))
        agree(dict(x=twice(function, dout, cache)), expected, reference.__name__)

"""Every gradient and Jacobian that a function of solutions/ says it computes is verified by that function's test."""

import re

import pytest

import solutions
from tests.claims import judging_tests, labels_of

TESTS = judging_tests()


@pytest.mark.parametrize("name", solutions.__all__)
def test_the_docstring_and_the_test_name_the_same_equations(name):
    documented = set(re.findall(r"\b(?:grad|jac)-[a-z0-9-]*[a-z0-9]", getattr(solutions, name).__doc__))
    assert documented == labels_of(TESTS[name])
    assert bool(documented) == (not name.endswith("_forward"))

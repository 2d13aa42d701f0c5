"""Every gradient and Jacobian that a function of solutions/ says it computes is verified by that function's check."""

import re

import pytest

import solutions
from verification.equation_registry import CHECKS, MODULES, labels_of


@pytest.mark.parametrize("name", solutions.__all__)
def test_the_docstring_and_the_check_name_the_same_equations(name):
    documented = set(re.findall(r"\b(?:grad|jac)-[a-z0-9-]*[a-z0-9]", getattr(solutions, name).__doc__))
    assert documented == labels_of(CHECKS[name])
    assert bool(documented) == (not name.endswith("_forward"))


def test_every_function_has_one_check():
    """Two checks of one function would leave one of them out, and not say so."""
    written = [name for module in MODULES for name in vars(module) if name.startswith("check_")]
    assert len(written) == len(set(written)) == len(CHECKS) and CHECKS.keys() == set(solutions.__all__)

"""Every function of solutions/ agrees with its references: the checks that the book runs too, for its equations."""

import pytest

from verification.equation_registry import CHECKS, takes_reference

GRADIENTS = {name: check for name, check in CHECKS.items() if takes_reference(check)}
VALUES = {name: check for name, check in CHECKS.items() if not takes_reference(check)}


@pytest.mark.parametrize("name", GRADIENTS)
def test_gradients_agree(name, reference, problem):
    GRADIENTS[name](reference=reference, problem=problem)


@pytest.mark.parametrize("name", VALUES)
def test_forward_values_agree(name, problem):
    VALUES[name](problem=problem)

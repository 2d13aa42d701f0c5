"""Which function computes a labelled equation of the book, which check and which derivation step verify it."""

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass

import solutions
from verification import symbolic_derivations
from verification.agreement import measuring
from verification.checks import batch_norm, dropout, linear, loss, relu, softmax, two_branch
from verification.derivation_steps import SEALS, seal
from verification.problems import PROBLEMS, TINY
from verification.reference_gradients import automatic, central, complex_step, oracle, symbolic

MODULES = (batch_norm, dropout, linear, loss, relu, softmax, two_branch)
TRIALS = {
    f"{reference.__name__}-{name}": (reference, problem)
    for name, problem in PROBLEMS.items()
    for reference in (central, complex_step, automatic, oracle)
} | {"symbolic": (symbolic, TINY)}


def by_function(modules, argument="function"):
    """{name of a function of solutions/: what checks it}, of all functions `check_…` and `test_…` in some modules.

    The function that is checked is the default of an argument, so that another may be put in its place.
    """
    found = {}
    for module in modules:
        for name, check in inspect.getmembers(module, inspect.isfunction):
            checked = inspect.signature(check).parameters.get(argument)
            if name.startswith(("check_", "test_")) and checked and checked.default is not checked.empty:
                found[checked.default.__name__] = check
    return found


CHECKS = by_function(MODULES)


def labels_of(check):
    """The set of the equations' labels that a check is marked to verify."""
    return set(getattr(check, "labels", ()))


def takes_reference(check):
    """A forward pass is compared with another's values; a gradient, with a reference."""
    return "reference" in inspect.signature(check).parameters


def run_check(check, function, reference=None):
    """Run a check on a function, on every problem, with every reference or with one. Raises where it fails."""
    if not takes_reference(check):
        for problem in PROBLEMS.values():
            check(problem=problem, function=function)
        return
    for one, problem in TRIALS.values():
        if reference in (None, one):
            check(reference=one, problem=problem, function=function)


def check_of(label):
    """The check that verifies an equation, and the function that it checks.

    Raises:
        LookupError: there is none.
    """
    for name, check in CHECKS.items():
        if label in labels_of(check):
            return check, getattr(solutions, name)
    raise LookupError(f"{label}: no check is marked to verify it")


JACOBIANS = {"jac-y-hat-b": "dy_hat_b_dz_2b", "jac-z-2b-c": "dz_2b_dc"}  # beside the gradients in one answer


def error_of(label, check, function, reference):
    """The largest relative error that a check sees: of the gradient that the label names, or else of all it compares.

    Raises:
        AssertionError: the check fails.
    """
    with measuring() as found:
        run_check(check, function, reference)
    errors = [(str(name), error) for name, kind, error in found if kind == reference.__name__]
    wanted = label.split("-", 1)[1].replace("-", "_")
    ours = JACOBIANS.get(label)
    named = [error for name, error in errors if name == ours or (not ours and wanted.endswith(name.removeprefix("d")))]
    return max(named or [error for _, error in errors])


@dataclass(frozen=True)
class Verification:
    """How an equation was verified.

    Attributes:
        oracle, autograd: the largest relative errors that the check saw with the gradient checker and with HIPS
            autograd; a gradient that the check compares by name counts alone, otherwise all that it compares.
        check, step: the functions that verify the label and that say what the equation says.
    """

    oracle: float
    autograd: float
    check: Callable
    step: Callable


@functools.cache
def verify(label, tex):
    """Verify an equation: SymPy derives its step, and its check compares the function with two references.

    Args:
        label, tex: the equation's label, and the equation in LaTeX.

    Returns:
        A Verification.

    Raises:
        LookupError: no check verifies the label, or there is no derivation step that was written for this equation.
        AssertionError: a check fails.
    """
    check, function = check_of(label)
    if SEALS.get(label) != seal(tex):
        raise LookupError(f"{label}: verification/derivation_steps.py has no step for this very equation")
    step = symbolic_derivations.STEPS[label]
    if not symbolic_derivations.is_exact(label, step):
        raise AssertionError(f"{label} is not what SymPy derives")
    errors = (error_of(label, check, function, reference) for reference in (oracle, automatic))
    return Verification(*errors, check, step)

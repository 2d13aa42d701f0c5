"""Which test verifies which equation, by which function, and who the witnesses are."""

import importlib
import inspect
import pkgutil

import solutions
import tests.solutions
from tests.agreement import measuring
from tests.draws import PROBLEMS, TINY
from tests.witnesses import automatic, central, complex_step, oracle, symbolic

TRIALS = {
    f"{witness.__name__}-{name}": (witness, problem)
    for name, problem in PROBLEMS.items()
    for witness in (central, complex_step, automatic, oracle)
} | {"symbolic": (symbolic, TINY)}


def judging_tests(argument="function"):
    """{name of a function of solutions/: the test that judges it}. Such a test names the function as the default of an
    argument, so that another may be put in its place: `function` where it compares numbers, `lines` an identity."""
    found = {}
    for module in pkgutil.iter_modules(tests.solutions.__path__, "tests.solutions."):
        if module.name.rpartition(".")[2].startswith("test_"):
            for name, test in inspect.getmembers(importlib.import_module(module.name), inspect.isfunction):
                judged = inspect.signature(test).parameters.get(argument)
                if name.startswith("test_") and judged and judged.default is not judged.empty:
                    found[judged.default.__name__] = test
    return found


def labels_of(test):
    """The equations that a test is marked to verify."""
    return {label for mark in getattr(test, "pytestmark", ()) if mark.name == "verifies" for label in mark.args}


def takes_witness(test):
    """A forward pass is compared with another's values; a gradient, with a witness."""
    return "witness" in inspect.signature(test).parameters


def judge(test, function, witness=None):
    """Run a judging test on a function, on every problem, with every witness or with one. Raises where it fails."""
    if not takes_witness(test):
        for problem in PROBLEMS.values():
            test(problem=problem, function=function)
        return
    for one, problem in TRIALS.values():
        if witness in (None, one):
            test(witness=one, problem=problem, function=function)


BADGE = (oracle, automatic)  # who stands in the line under an equation
JACOBIANS = {"jac-y-hat-b": "dy_hat_b_dz_2b", "jac-z-2b-c": "dz_2b_dc"}  # beside the gradients in one answer


def verifier(label):
    """The test that verifies an equation, and the function that it judges.

    Raises:
        LookupError: there is none.
    """
    for name, test in judging_tests().items():
        if label in labels_of(test):
            return test, getattr(solutions, name)
    raise LookupError(f"{label}: no test is marked to verify it")


def error_of(label, test, function, witness):
    """The largest relative error that a test sees: of the gradient that the label names, or else of all it compares.

    Raises:
        AssertionError: the test fails.
    """
    with measuring() as found:
        judge(test, function, witness)
    errors = [(str(name), error) for name, kind, error in found if kind == witness.__name__]
    wanted = label.split("-", 1)[1].replace("-", "_")
    ours = JACOBIANS.get(label)
    named = [error for name, error in errors if name == ours or (not ours and wanted.endswith(name.removeprefix("d")))]
    return max(named or [error for _, error in errors])

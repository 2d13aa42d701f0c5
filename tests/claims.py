"""Which test verifies which equation, by which function, and who the witnesses are."""

import importlib
import inspect
import pkgutil

import tests.solutions
from tests.draws import PROBLEMS, TINY
from tests.witnesses import automatic, central, complex_step, symbolic

TRIALS = {
    f"{witness.__name__}-{name}": (witness, problem)
    for name, problem in PROBLEMS.items()
    for witness in (central, complex_step, automatic)
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

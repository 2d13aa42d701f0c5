"""A test that takes a reference and a problem runs for every pair; one that takes a problem, for every problem."""

from verification.equation_registry import TRIALS
from verification.problems import PROBLEMS


def pytest_generate_tests(metafunc):
    if "reference" in metafunc.fixturenames:
        metafunc.parametrize(("reference", "problem"), TRIALS.values(), ids=TRIALS)
    elif "problem" in metafunc.fixturenames:
        metafunc.parametrize("problem", PROBLEMS.values(), ids=PROBLEMS)

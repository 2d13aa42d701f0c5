"""What every test may ask for: the marker `verifies`, and a witness with a problem to compare on."""

from tests.draws import Problem
from tests.witnesses import automatic, central, complex_step, symbolic

PROBLEMS = {"arrays": Problem(seed=1), "scalars": Problem(seed=2, m=6, n=3, h=5, K=4, scalars=True)}
TRIALS = {
    f"{witness.__name__}-{name}": (witness, problem)
    for name, problem in PROBLEMS.items()
    for witness in (central, complex_step, automatic)
}
TRIALS["symbolic"] = symbolic, Problem(seed=3, m=3, n=2, h=2, K=3)  # tiny, so that SymPy takes seconds


def pytest_configure(config):
    config.addinivalue_line(
        "markers", "verifies(*labels): compares the function that computes these equations of the book with a witness"
    )


def pytest_generate_tests(metafunc):
    if "witness" in metafunc.fixturenames:
        metafunc.parametrize(("witness", "problem"), TRIALS.values(), ids=TRIALS)
    elif "problem" in metafunc.fixturenames:
        metafunc.parametrize("problem", PROBLEMS.values(), ids=PROBLEMS)

"""What every test may ask for: the marker `verifies`, and a witness with a problem to compare on."""

from tests.draws import Problem
from tests.witnesses import automatic, central, complex_step, exact

TRIALS = [(witness, Problem(seed=seed)) for seed in (1, 2) for witness in (central, complex_step, automatic)]
TRIALS += [(exact, Problem(seed=3, m=4, n=3, h=2, K=5))]


def pytest_configure(config):
    config.addinivalue_line(
        "markers", "verifies(*labels): compares the function that computes these equations of the book with a witness"
    )


def pytest_generate_tests(metafunc):
    if "witness" in metafunc.fixturenames:
        names = [f"{witness.__name__}-{problem.seed}" for witness, problem in TRIALS]
        metafunc.parametrize(("witness", "problem"), TRIALS, ids=names)
    elif "problem" in metafunc.fixturenames:
        metafunc.parametrize("problem", [Problem(seed=seed) for seed in (1, 2)], ids=str)

"""The tests of every function again, on shapes and draws that nobody chose."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from verification.equation_registry import CHECKS, takes_reference
from verification.problems import Problem
from verification.reference_gradients import automatic, complex_step

PROBLEMS = st.builds(
    Problem,
    seed=st.integers(10, 10**6),
    m=st.integers(5, 9),
    n=st.integers(2, 6),
    h=st.integers(2, 6),
    K=st.integers(3, 6),
    scalars=st.booleans(),
)


@pytest.mark.parametrize("name", CHECKS)
@settings(max_examples=12, deadline=None, derandomize=True, database=None)
@given(problem=PROBLEMS)
def test_on_random_shapes(name, problem):
    check = CHECKS[name]
    for reference in (complex_step, automatic) if takes_reference(check) else (None,):
        check(**dict(reference=reference) if reference else {}, problem=problem)

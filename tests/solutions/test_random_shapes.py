"""The tests of every function again, on shapes and draws that nobody chose."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.claims import judging_tests, takes_witness
from tests.draws import Problem
from tests.witnesses import automatic, complex_step

TESTS = judging_tests()
PROBLEMS = st.builds(
    Problem,
    seed=st.integers(10, 10**6),
    m=st.integers(5, 9),
    n=st.integers(2, 6),
    h=st.integers(2, 6),
    K=st.integers(3, 6),
    scalars=st.booleans(),
)


@pytest.mark.parametrize("name", TESTS)
@settings(max_examples=12, deadline=None, derandomize=True, database=None)
@given(problem=PROBLEMS)
def test_on_random_shapes(name, problem):
    test = TESTS[name]
    for witness in (complex_step, automatic) if takes_witness(test) else (None,):
        test(**dict(witness=witness) if witness else {}, problem=problem)

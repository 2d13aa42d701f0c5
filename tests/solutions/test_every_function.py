"""What holds for every function: its types, its arguments left alone, and any memory order taken."""

import numpy as np
import pytest

import solutions
from tests.calls import changed, every_call, leaves
from tests.draws import PROBLEMS

CALLS = {
    f"{name}-{kind}": (getattr(solutions, name), args)
    for kind, problem in PROBLEMS.items()
    for name, args in every_call(problem).items()
}
each = pytest.mark.parametrize(("function", "args"), CALLS.values(), ids=CALLS)


def test_none_is_left_out():
    assert {name.rpartition("-")[0] for name in CALLS} == set(solutions.__all__)


@each
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_floats_stay_what_they_are(function, args, dtype):
    """float32 in, float32 out, near to what float64 gives. A Python number, as p and eps are, has no say."""
    cast = changed(args, lambda leaf: leaf if isinstance(leaf, float) and type(leaf) is float else dtype(leaf))
    found, expected = dict(leaves(function(*cast))), dict(leaves(function(*args)))
    for path, leaf in found.items():
        assert type(leaf) is float or leaf.dtype == dtype, path
        np.testing.assert_allclose(
            leaf, expected[path], rtol=2e-3 if dtype is np.float32 else 0, atol=1e-5, err_msg=path
        )


def strided(leaf):
    """Every other entry of a larger array, run through backwards."""
    if np.ndim(leaf) == 0:
        return leaf
    large = np.full([2 * size for size in leaf.shape], np.nan)
    view = large[(slice(None, None, -2),) * leaf.ndim]
    view[...] = leaf
    return view


def read_only(leaf):
    """A copy that cannot be written."""
    copy = np.array(leaf)
    copy.flags.writeable = False
    return copy if copy.ndim else leaf


@each
@pytest.mark.parametrize("order", [lambda leaf: np.asfortranarray(leaf) if np.ndim(leaf) else leaf, strided, read_only])
def test_any_memory_will_do(function, args, order):
    found, expected = dict(leaves(function(*changed(args, order)))), dict(leaves(function(*args)))
    assert found.keys() == expected.keys()
    for path, leaf in found.items():
        np.testing.assert_allclose(leaf, expected[path], rtol=1e-12, atol=1e-14, err_msg=path)


@pytest.mark.parametrize("name", [name for name in CALLS if "_forward" not in name])
def test_gradients_are_arrays_of_their_own(name):
    """Whoever changes one does not change the cache with it."""
    function, args = CALLS[name]
    arrays = [leaf for _, leaf in leaves(args) if np.ndim(leaf)]
    for path, leaf in leaves(function(*args)):
        assert not any(np.shares_memory(leaf, array) for array in arrays), path

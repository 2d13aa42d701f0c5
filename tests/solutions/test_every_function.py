"""What holds for every function: its types, its arguments left alone, and any memory order taken."""

import numpy as np
import pytest

import solutions
from tests.solutions.calls import changed, every_call, leaves
from verification.problems import PROBLEMS

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


# How many of a forward pass's arguments its backward pass has a gradient for.
MOVING = {"linear": 2, "relu": 1, "dropout": 1, "batch_norm": 3, "softmax": 1, "squared_error": 1, "cross_entropy": 1}


@pytest.mark.parametrize("kind", PROBLEMS)
@pytest.mark.parametrize("layer", [*MOVING, "two_branch"])
def test_a_forward_pass_can_be_differenced(layer, kind):
    """The solutions' own, along a random direction, by central difference and by complex step."""
    forward, args = CALLS[f"{layer}_forward-{kind}"]
    backward, (dout, cache) = CALLS[f"{layer}_backward-{kind}"]
    gradients = backward(dout, cache)
    if layer == "two_branch":
        moving, gradients = args[3], {name: gradients[f"d{name}"] for name in args[3]}
    else:
        moving = dict(enumerate(args[: MOVING[layer]]))
        gradients = dict(enumerate(gradients if isinstance(gradients, tuple) else [gradients]))
    rng = np.random.default_rng(5)
    direction = {name: rng.normal(size=np.shape(value)) for name, value in moving.items()}

    def along(step):
        moved = {name: value + step * direction[name] for name, value in moving.items()}
        if layer == "two_branch":
            return forward(*args[:3], moved, *args[4:])[0]
        return forward(*moved.values(), *args[len(moved) :])[0]

    expected = sum((gradients[name] * direction[name]).sum() for name in moving)
    central, complex_step = (along(1e-6) - along(-1e-6)) / 2e-6, along(1e-20j).imag / 1e-20
    np.testing.assert_allclose((dout * central).sum(), expected, rtol=1e-6)
    np.testing.assert_allclose((dout * complex_step).sum(), expected, rtol=1e-12)


def test_an_imaginary_part_does_not_switch_a_relu():
    out, _ = solutions.relu_forward(np.array([[0, 1e-20j, -1e-20j, 1 - 1e-20j]]))
    np.testing.assert_array_equal(out, [[0, 0, 0, 1 - 1e-20j]])

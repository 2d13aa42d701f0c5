"""What is refused, and with what words: the argument's name, what was expected, what came."""

import re

import numpy as np
import pytest

import solutions
from solutions.expects import expects
from tests.solutions.calls import changed, every_call, leaves
from verification.problems import Problem

CALLS = every_call(Problem(seed=1))
LABELS = {"y_a", "y_b", "y"}


def named(function, path):
    """How a message names an argument, or an entry of one."""
    first, *rest = path
    names = solutions_signature(function)
    return f"{function}: {names[first]}" + "".join(f"[{key!r}]" for key in rest)


def solutions_signature(function):
    code = getattr(solutions, function).__wrapped__.__code__
    return code.co_varnames[: code.co_argcount]


ARRAYS = {
    f"{function}-{'.'.join(map(str, path))}": (function, path)
    for function, args in CALLS.items()
    for path, leaf in leaves(args)
    if isinstance(leaf, np.ndarray | np.generic)
}
each_array = pytest.mark.parametrize(("function", "path"), ARRAYS.values(), ids=ARRAYS)


def refused(function, path, change, words):
    args = changed(CALLS[function], change, at=path)
    with pytest.raises(ValueError, match=re.escape(named(function, path)) + words):
        getattr(solutions, function)(*args)


def is_label(function, path):
    return (
        path[-1] in LABELS
        or solutions_signature(function)[path[0]] in LABELS
        or (function in ("squared_error_backward", "cross_entropy_backward") and path == (1, 1))
    )


@each_array
def test_what_is_not_finite_is_refused(function, path):
    for bad in (np.nan, np.inf, -np.inf):

        def spoil(leaf, bad=bad):
            leaf = np.array(leaf)
            leaf[(-1,) * leaf.ndim] = bad
            return leaf

        refused(function, path, spoil, rf" must be finite, but holds {bad} at \[[\d, ]*\]")


@each_array
def test_another_number_of_axes_is_refused(function, path):
    refused(function, path, lambda leaf: leaf[None, None], r" must have shape \(.*\).*, but has \(1, 1.*\)")


@each_array
def test_what_is_not_floating_point_is_refused(function, path):
    wanted = " or integer" if is_label(function, path) else ""
    for kind in (np.str_, bool, object):
        refused(
            function,
            path,
            lambda leaf, kind=kind: np.asarray(leaf).astype(kind),
            f" must be floating point{wanted}, but its dtype is ",
        )
    if not wanted:
        refused(
            function, path, lambda leaf: np.asarray(leaf).astype(int), " must be floating point, but its dtype is int64"
        )


@each_array
def test_a_list_is_refused(function, path):
    if np.ndim(dict(leaves(CALLS[function]))[path]):
        refused(function, path, lambda leaf: leaf.tolist(), " must be a NumPy array, but is a list")


@each_array
def test_an_empty_array_is_refused(function, path):
    if np.ndim(dict(leaves(CALLS[function]))[path]):
        refused(function, path, lambda leaf: leaf[:0], "( is empty: its shape is | must have shape .* but has )")


def test_sizes_that_do_not_fit_are_refused():
    """In the network every axis of every array is tied to another array's."""
    for function in (
        "two_branch_forward",
        "two_branch_backward",
        "head_backward",
        "branch_b_backward",
        "branch_a_backward",
    ):
        for path, leaf in leaves(CALLS[function]):
            for axis in range(np.ndim(leaf)):
                longer = changed(
                    CALLS[function], lambda leaf, axis=axis: np.concatenate([leaf, 0 * leaf], axis), at=path
                )
                with pytest.raises(
                    ValueError, match=rf"^{function}: .* must have shape \(.*\), .* = \d+.*, but has \("
                ):
                    getattr(solutions, function)(*longer)


@pytest.mark.parametrize(
    ("function", "args", "words"),
    [
        ("linear_forward", ((7, 5), (4, 6)), "theta must have shape (h, n), n = 5, but has (4, 6)"),
        ("linear_forward", ((5,), (4, 5)), "x must have shape (m, n), but has (5,)"),
        ("dropout_forward", ((7, 5), (5, 7), 0.5), "r must have shape (7, 5), but has (5, 7)"),
        ("dropout_forward", ((7, 5), (5,), 0.5), "r must have shape (7, 5), but has (5,)"),
        (
            "batch_norm_forward",
            ((7, 4), (1, 4), (4,)),
            "gamma must have shape (n,), n = 4 or () (a scalar), but has (1, 4)",
        ),
        (
            "batch_norm_jacobian",
            ((7, 4), (4,), (5,)),
            "beta must have shape (n,), n = 4 or () (a scalar), but has (5,)",
        ),
        ("squared_error_forward", ((7, 4), (7, 1)), "y must have shape (m, n), m = 7, n = 4, but has (7, 1)"),
        ("cross_entropy_forward", ((7, 3), (7,)), "y must have shape (m, K), m = 7, K = 3, but has (7,)"),
        ("dropout_forward", ((5,), (7, 5), 0.5), "r must have shape (5,), but has (7, 5)"),
        ("softmax_jacobian", ((7, 3),), "x must have shape (n,), but has (7, 3)"),
    ],
)
def test_the_words_for_a_wrong_shape(function, args, words):
    arrays = [np.full(arg, 0.5) if isinstance(arg, tuple) else arg for arg in args]
    with pytest.raises(ValueError, match=re.escape(f"{function}: {words}")):
        getattr(solutions, function)(*arrays)


def test_a_broken_cache_is_refused():
    _, cache = CALLS["two_branch_backward"]
    for key in cache:
        if key != "a_1a":
            without = {name: value for name, value in cache.items() if name != key}
            with pytest.raises(ValueError, match=r"cache must be a dict with the keys \[.*\], but is the keys \["):
                solutions.two_branch_backward(1.0, without)
    with pytest.raises(ValueError, match=r"cache must be a dict with the keys .*, but is tuple"):
        solutions.two_branch_backward(1.0, (cache,))
    for bad, came in ((cache, "dict"), ((), "a tuple of 0"), (np.ones((2, 3)), "ndarray")):
        with pytest.raises(ValueError, match=rf"cache must be a tuple of 1, as the forward pass .*, but is {came}"):
            solutions.relu_backward(np.ones((2, 3)), bad)


def test_a_complex_number_passes_through():
    """That is what a complex step needs."""

    @expects(x="m n", gamma="n | ")
    def scale(x, gamma):
        return gamma * x

    assert scale(np.ones((2, 3)) + 1e-20j, 2.0).dtype == complex


def test_integer_labels_give_what_floating_ones_give():
    x, y_a, y_b, *rest = CALLS["two_branch_forward"]
    y_a, y_b = np.round(y_a), np.eye(3)[np.arange(len(x)) % 3]
    found = []
    for kind in (float, int):
        loss, cache = solutions.two_branch_forward(x, y_a.astype(kind), y_b.astype(kind), *rest)
        found.append((loss, solutions.two_branch_backward(1.0, cache)))
    np.testing.assert_equal(*found)


def test_arguments_are_checked_where_the_call_comes_from_outside_and_only_there():
    """A function that calls another is checked once; after an error in it the next call is checked again."""

    @expects(x="m")
    def inner(x):
        return x.sum()

    @expects(x="m n")
    def outer(x, fail=False):
        if fail:
            raise KeyError("inside")
        return inner(x)  # of two axes: refused if it were asked from outside

    assert outer(np.ones((2, 3))) == 6
    with pytest.raises(ValueError, match="inner: x must have shape"):
        inner(np.ones((2, 3)))
    with pytest.raises(KeyError):
        outer(np.ones((2, 3)), fail=True)
    with pytest.raises(ValueError, match="outer: x must have shape"):
        outer(np.ones(3))


@pytest.mark.parametrize("bad", [1e200, np.float64(1e200)])
def test_large_numbers_whose_squares_overflow_are_let_through(bad):
    @expects(x="m n", s="")
    def total(x, s):
        return x.sum() + s

    with np.errstate(all="raise"):
        assert total(np.full((2, 2), bad), bad) == pytest.approx(5e200)

"""How a function under test is called, and when its answer agrees with a reference's."""

import copy
from contextlib import contextmanager

import numpy as np

# Right code is off by 1e-15 or so, a central difference by 1e-8. The smallest mistake that matters is far above both.
TOLERANCE = {"central": 1e-6, "value": 1e-13}
TOLERANCE |= dict.fromkeys(("complex_step", "oracle", "automatic", "symbolic"), 1e-11)


_heard = []  # who wants to know how far off each comparison was


@contextmanager
def measuring():
    """A list to which each comparison of the block adds (name, kind, error): what it compared, how far off."""
    found = []
    _heard.append(found)
    try:
        yield found
    finally:
        _heard.pop()


def twice(function, *args):
    """Call it, call it again: the answers must be equal, bit by bit, and the arguments untouched."""
    before = copy.deepcopy(args)
    first, second = copy.deepcopy(function(*args)), function(*args)
    assert same(first, second), "the second call gave another answer"
    assert same(before, args), "the call changed its arguments"
    return first


def same(a, b):
    """Equal in every type, shape and bit, through dicts and tuples."""
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, tuple):
        return len(a) == len(b) and all(map(same, a, b))
    a, b = np.asarray(a), np.asarray(b)
    return a.dtype == b.dtype and a.shape == b.shape and np.array_equal(a, b)


def agree(yours, expected, kind):
    """Compare name by name: the shape, and the norm of the difference over the norm of what is expected."""
    yours, expected = (copy_.items() if isinstance(copy_, dict) else enumerate(copy_) for copy_ in (yours, expected))
    yours, expected = dict(yours), dict(expected)
    assert yours.keys() == expected.keys()
    for name, right in expected.items():
        assert np.shape(yours[name]) == np.shape(right), f"{name}: shape {np.shape(yours[name])}, not {np.shape(right)}"
        size = np.linalg.norm(right)
        assert size > 0, f"{name}: the reference is 0 everywhere and would see nothing"
        error = np.linalg.norm(yours[name] - right) / size
        for found in _heard:
            found.append((name, kind, error))
        assert error <= TOLERANCE[kind], f"{name}: off by {error:.2g} of its size"


def pulled(upstream, jacobians):
    """The gradients of sum(upstream * output), from the Jacobians of the output."""
    return {name: np.tensordot(upstream, jacobian, np.ndim(upstream)) for name, jacobian in jacobians.items()}


def per_sample(jacobian):
    """The blocks of a batch's Jacobian (m, a, m, b) that tie a sample to itself (m, a, b); the others must be 0."""
    blocks = np.einsum("iaib->iab", jacobian)
    assert np.count_nonzero(jacobian) == np.count_nonzero(blocks), "a sample feels another"
    return blocks

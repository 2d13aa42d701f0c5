"""What a function expects of its arguments, said once, above the function, and checked where it is called from outside.

A function that another one here calls is given what that one was given or made, and is not checked again. A call that
is as expected, the usual one, is recognised by a short test that was compiled beforehand; only where that is not
satisfied does the long one run, which finds the words.
"""

import functools
import inspect
import threading

import numpy as np

_calls = threading.local()  # .running: a checked function is running in this thread
_FLOATS, _INTEGERS = set("fdFD"), set("bBhHiIlLqQ")


def expects(**specs):
    """Check a function's arguments before it runs.

    A specification is a string of dimension names, ``"m n"``; a name stands for one size throughout a call, ``"1"`` for
    one, ``""`` for a scalar. ``"n | "`` allows either, ``"like x"`` the shape that came for the argument x before it. A
    tuple describes a tuple, entry by entry, a dict a dict.
    Three words stand before the names, or alone: ``labels`` may be integers, ``distribution`` also needs rows that are
    not negative and sum to one, ``probability`` is a number in [0, 1), ``positive`` a number above zero.

    Raises:
        ValueError: what was expected and what came, when an argument has another shape, is not floating point, or holds
            NaN or infinity. Complex input is let through: that is how complex-step differentiation works.
    """

    def decorate(function):
        signature = inspect.signature(function)
        names = tuple(signature.parameters)
        tests = [
            (name, names.index(name), signature.parameters[name].default, _test(spec)) for name, spec in specs.items()
        ]

        def as_expected(args, kwargs):
            sizes, count = {}, len(args)
            for name, position, default, test in tests:
                value = args[position] if position < count else kwargs.get(name, default)
                if not test(value, sizes):
                    return False
                if type(value) is np.ndarray:
                    sizes["like " + name] = value.shape
            return True

        def check(args, kwargs):
            bound = signature.bind(*args, **kwargs)
            bound.apply_defaults()
            sizes = {}
            for name, spec in specs.items():
                _check(f"{function.__name__}: {name}", bound.arguments[name], spec, sizes)
                sizes[f"like {name}"] = np.shape(bound.arguments[name]) if isinstance(spec, str) else None

        @functools.wraps(function)
        def checked(*args, **kwargs):
            if getattr(_calls, "running", False):
                return function(*args, **kwargs)
            if not as_expected(args, kwargs):
                check(args, kwargs)
            _calls.running = True
            try:
                return function(*args, **kwargs)
            finally:
                _calls.running = False

        return checked

    return decorate


def _test(spec):
    """test(value, sizes) -> whether a value is certainly as a specification says; False where one must look closer."""
    if isinstance(spec, dict):
        items = [(key, _test(inner)) for key, inner in spec.items()]
        return lambda value, sizes: (
            type(value) is dict and all(key in value and test(value[key], sizes) for key, test in items)
        )
    if isinstance(spec, tuple):
        entries = [_test(inner) for inner in spec]
        return lambda value, sizes: (
            type(value) is tuple
            and len(value) == len(entries)
            and all(test(v, sizes) for test, v in zip(entries, value, strict=True))
        )
    if spec == "probability":
        return lambda value, sizes: isinstance(value, float) and 0 <= value < 1
    if spec == "positive":
        return lambda value, sizes: isinstance(value, float) and 0 < value < np.inf
    return _array_test(spec)


def _array_test(spec):
    kind, _, rest = spec.partition(" ")
    labels = kind in ("labels", "distribution")
    shapes = [tuple(shape.split()) for shape in (rest if labels else spec).split("|")]
    scalar = () in shapes

    def fits(shape, sizes):
        if kind == "like":
            return shape == sizes.get(spec)
        for names in shapes:
            if len(names) == len(shape):
                for name, size in zip(names, shape, strict=True):
                    if not size or sizes.setdefault(name, size) != size or name.isdigit():
                        return False
                return True
        return False

    if len(shapes) == 1 and len(shapes[0]) == 2 and kind != "like" and not any(n.isdigit() for n in shapes[0]):
        first, second = shapes[0]

        def fits(shape, sizes):  # the usual one, quicker
            if len(shape) != 2:
                return False
            m, n = shape
            return m and n and sizes.setdefault(first, m) == m and sizes.setdefault(second, n) == n

    def test(value, sizes):
        if scalar and isinstance(value, float):  # NumPy's float64 is one
            return abs(value) < np.inf
        if type(value) is not np.ndarray or not fits(value.shape, sizes):
            return False
        if value.dtype.char in _INTEGERS:
            return labels and kind != "distribution"
        if value.dtype.char not in _FLOATS:
            return False
        if not abs(np.vdot(value, value)) < np.inf:  # NaN and infinity stay what they are; who overflows is looked at
            return False
        if kind == "distribution":
            if value.dtype.char != "d" or value.min() < 0:
                return False
            off = value @ np.ones(value.shape[-1]) - 1
            return np.vdot(off, off) < 1e-18
        return True

    return test


def _check(name, value, spec, sizes):
    if isinstance(spec, dict):
        if not isinstance(value, dict) or not spec.keys() <= value.keys():
            came = f"the keys {sorted(value)}" if isinstance(value, dict) else type(value).__name__
            raise ValueError(f"{name} must be a dict with the keys {sorted(spec)}, but is {came}")
        for key, inner in spec.items():
            _check(f"{name}[{key!r}]", value[key], inner, sizes)
    elif isinstance(spec, tuple):
        if not isinstance(value, tuple) or len(value) != len(spec):
            came = f"a tuple of {len(value)}" if isinstance(value, tuple) else type(value).__name__
            raise ValueError(f"{name} must be a tuple of {len(spec)}, as the forward pass returned it, but is {came}")
        for i, (inner, inner_spec) in enumerate(zip(value, spec, strict=True)):
            _check(f"{name}[{i}]", inner, inner_spec, sizes)
    elif spec in ("probability", "positive"):
        _check_number(name, value, spec)
    else:
        _check_array(name, value, spec, sizes)


def _check_number(name, value, spec):
    low, high, words = {
        "probability": (lambda v: v >= 0, lambda v: v < 1, "a number p with 0 <= p < 1"),
        "positive": (lambda v: v > 0, np.isfinite, "a finite number above 0"),
    }[spec]
    if np.ndim(value) or np.asarray(value).dtype.kind not in "fiu" or not (low(value) and high(value)):
        raise ValueError(f"{name} must be {words}, but is {value!r}")


def _check_array(name, value, spec, sizes):
    kind, _, rest = spec.partition(" ")
    labels = kind in ("labels", "distribution")
    wanted = [shape.split() for shape in (rest if labels else spec).split("|")]
    if kind == "like":
        wanted = [[str(size) for size in sizes[spec]]]
    if isinstance(value, list | tuple):
        raise ValueError(f"{name} must be a NumPy array, but is a {type(value).__name__}")
    array = np.asarray(value)
    if not (np.issubdtype(array.dtype, np.inexact) or (labels and np.issubdtype(array.dtype, np.integer))):
        raise ValueError(f"{name} must be floating point{' or integer' * labels}, but its dtype is {array.dtype}")
    fitting = [s for s in wanted if len(s) == array.ndim and _fits(s, array.shape, sizes)]
    if not fitting:
        text = " or ".join(_shape_text(s, sizes) for s in wanted)
        raise ValueError(f"{name} must have shape {text}, but has {array.shape}")
    sizes.update(zip(fitting[0], array.shape, strict=True))
    if 0 in array.shape:
        raise ValueError(f"{name} is empty: its shape is {array.shape}")
    if not np.isfinite(array).all():
        where = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
        raise ValueError(f"{name} must be finite, but holds {array[where]} at {list(where)}")
    if kind == "distribution":
        rows = array.real.sum(axis=-1)
        off = np.abs(rows - 1) > 1e-4 if array.dtype.itemsize < 8 else np.abs(rows - 1) > 1e-9
        if off.any() or (array.real < 0).any():
            row = int(np.flatnonzero(off | (array.real < 0).any(axis=-1))[0])
            raise ValueError(
                f"{name} must have rows that are not negative and sum to 1, but row {row} is {array[row]} "
                f"and sums to {rows[row]:.6g}"
            )


def _fits(names, shape, sizes):
    return all(
        size == (int(name) if name.isdigit() else sizes.get(name, size))
        for name, size in zip(names, shape, strict=True)
    )


def _shape_text(names, sizes):
    if not names:
        return "() (a scalar)"
    return f"({', '.join(names)}{',' * (len(names) == 1)})" + "".join(
        f", {name} = {sizes[name]}" for name in dict.fromkeys(names) if name in sizes and not name.isdigit()
    )

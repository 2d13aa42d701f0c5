"""What a function expects of its arguments, said once, above the function, and checked at every call."""

import functools
import inspect

import numpy as np


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

        @functools.wraps(function)
        def checked(*args, **kwargs):
            bound = signature.bind(*args, **kwargs)
            bound.apply_defaults()
            sizes = {}
            for name, spec in specs.items():
                _check(f"{function.__name__}: {name}", bound.arguments[name], spec, sizes)
                sizes[f"like {name}"] = np.shape(bound.arguments[name]) if isinstance(spec, str) else None
            return function(*bound.args, **bound.kwargs)

        return checked

    return decorate


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

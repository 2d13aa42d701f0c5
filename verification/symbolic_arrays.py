"""Arrays of SymPy's expressions: symbols, derivatives, substitution, and arithmetic for a forward pass."""

import types

import numpy as np
import sympy as sp

from verification.reference_gradients import Symbols

EPS = sp.Symbol("eps", positive=True)
ELEMENTARY = {name: np.vectorize(getattr(sp, name), otypes=[object]) for name in ("exp", "log", "sqrt")}
FORWARD = types.SimpleNamespace(**ELEMENTARY, einsum=Symbols.einsum)


def symbols(name, *shape):
    """An array of symbols."""
    return np.array(sp.symbols(f"{name}_:{int(np.prod(shape))}"), dtype=object).reshape(shape)


def derived(loss, variable):
    """SymPy's gradient, entry by entry."""
    return np.vectorize(lambda v: sp.diff(loss, v), otypes=[object])(variable)


def put(values, expressions):
    """Put values in the place of symbols."""
    return np.vectorize(lambda expression: sp.sympify(expression).subs(values), otypes=[object])(expressions)


def normalised(a):
    """The statistics of a batch, and what batch norm makes of it before gamma and beta."""
    mu = a.sum(axis=0) / sp.Integer(len(a))
    var = ((a - mu) ** 2).sum(axis=0) / sp.Integer(len(a))
    return mu, var, (a - mu) / ELEMENTARY["sqrt"](var + EPS)

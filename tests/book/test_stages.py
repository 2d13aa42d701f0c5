"""Each labelled step of block 1, not only the end, is exact: SymPy, for three samples or three classes."""

import re
from pathlib import Path

import pytest
import sympy as sp

BOOK = Path(__file__).parents[2] / "book"
PAGES = [BOOK / page for page in ("notation.md", "block1/batch_norm.md", "block1/dropout.md", "block1/softmax.md")]
LABEL = re.compile(r"\$\$ \((?!grad-|jac-)([\w-]+)\)$", re.MULTILINE)
DEFINITIONS = {"batch-norm-forward", "batch-norm-pieces", "dropout-forward", "softmax-forward"}

m = 3
x, u, g, free = (sp.Matrix(sp.symbols(f"{name}:{m}", real=True)) for name in "xuge")
gamma, beta, mu, c = sp.symbols("gamma beta mu c", real=True)
w, var, eps, p = sp.symbols("w var eps p", positive=True)
ones = sp.ones(m, 1)


def along(function, column):
    """The gradient of a number along a column of symbols."""
    return sp.Matrix([function.diff(symbol) for symbol in column])


# Batch norm, one feature, the loss g . y. Each stage begins a shorter forward pass; what it holds still is an argument.
def from_x_hat(x_hat):
    return g.dot(gamma * x_hat + beta * ones)


def w_of(variance):
    return 1 / sp.sqrt(variance + eps)


def from_u(u):
    return from_x_hat(u * w_of(u.dot(u) / m))


h = gamma * g
dw = u.dot(h)
dvar = -sp.Rational(1, 2) * w**3 * dw
du = w * h + sp.Rational(2, m) * u * dvar
at_own_u = {w: w_of(u.dot(u) / m)}
at_x = dict(zip(u, x - sum(x) / m * ones, strict=True))

# Softmax, three classes, and two layers for the chain rule.
e = x.applyfunc(sp.exp)
S = sum(e)
y = e / S
inner, outer = sp.Matrix([x[0] * x[1], sp.sin(x[2]) + x[0] ** 2]), free[0] ** 2 * free[1] + free[1]
at_inner = dict(zip(free, inner, strict=False))

ZERO = {  # label: what is left minus right
    "chain-rule": along(outer.subs(at_inner), x) - inner.jacobian(x).T * along(outer, free[:2]).subs(at_inner),
    "batch-norm-stage-x-hat": along(from_x_hat(free), free) - h,
    "batch-norm-stage-w": from_x_hat(u * w).diff(w) - dw,
    "batch-norm-stage-var": from_x_hat(u * w_of(var)).diff(var) - dvar.subs(w, w_of(var)),
    "batch-norm-stage-u": along(from_u(u), u) - du.subs(at_own_u),
    "batch-norm-stage-mu": from_u(x - mu * ones).diff(mu)
    + sum(du.subs(at_own_u)).subs(dict(zip(u, x - mu * ones, strict=True))),
    "batch-norm-stage-x": along(from_u(u).subs(at_x), x) - (du - sum(du) / m * ones).subs(at_own_u).subs(at_x),
    "batch-norm-close-variance": sp.Rational(2, m) * u * dvar + w * (u * w) * (u * w).dot(h) / m,
    "dropout-mean": p * 0 + (1 - p) * (1 / (1 - p)) - 1,
    "softmax-shift": y.subs(dict(zip(x, x + c * ones, strict=True)), simultaneous=True) - y,
    "softmax-sum-slope": along(S, x) - e,
    "softmax-own": sp.Matrix(
        [[y[j].diff(x[j]) - (e[j] * S - e[j] * e[j]) / S**2, y[j].diff(x[j]) - y[j] * (1 - y[j])] for j in range(m)]
    ),
    "softmax-other": sp.Matrix(
        [
            [y[i].diff(x[j]) - (0 * S - e[i] * e[j]) / S**2, y[i].diff(x[j]) + y[i] * y[j]]
            for i in range(m)
            for j in range(m)
            if i != j
        ]
    ),
    "softmax-apply": (sp.diag(*free) - free * free.T) * g - (free.multiply_elementwise(g) - free * free.dot(g)),
}


def is_zero(expression):
    return all(sp.simplify(entry) == 0 for entry in sp.Matrix([expression]))


def test_every_labelled_step_is_here():
    labels = [label for page in PAGES for label in LABEL.findall(page.read_text(encoding="utf8"))]
    assert sorted(labels) == sorted({*ZERO, *DEFINITIONS})


@pytest.mark.parametrize("label", ZERO)
def test_a_step_is_exact(label):
    assert is_zero(ZERO[label])


@pytest.mark.parametrize(
    "wrong",
    [
        from_x_hat(u * w_of(var)).diff(var) - dvar.subs(w, w_of(var)) / 2,
        along(from_u(u), u) - (w * h).subs(at_own_u),
        along(from_u(u).subs(at_x), x) - du.subs(at_own_u).subs(at_x),
        sp.Matrix([y[0].diff(x[0]) - y[0] * (1 + y[0])]),
    ],
    ids=["half the slope of the root", "no variance path", "no mean path", "a sign"],
)
def test_a_wrong_step_is_seen(wrong):
    assert not is_zero(wrong)

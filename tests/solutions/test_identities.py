"""Not at a point, but for all numbers: the solutions' own lines run on SymPy's symbols, and what comes out, less what
SymPy derives from the forward pass, is 0 as an expression. On small shapes, with a pattern of ReLU and a mask."""

import inspect
import types

import numpy as np
import sympy as sp

import solutions
from verification import reference_gradients as references
from verification.checks import verifies
from verification.symbolic_arrays import ELEMENTARY, EPS, FORWARD, derived, normalised, put, symbols

# What the lines of a function refer to: SymPy's arithmetic, and the other functions in it.
NAMES = {"np": types.SimpleNamespace(**vars(np) | ELEMENTARY), "__builtins__": __builtins__}


def in_symbols(function):
    """The function in SymPy's arithmetic, without the checks of its arguments."""
    return types.FunctionType(inspect.unwrap(function).__code__, NAMES)


NAMES |= {name: in_symbols(getattr(solutions, name)) for name in solutions.__all__}

m, n, h, K = 3, 2, 2, 3
ON_A, ON_B = np.array([[1, 0], [1, 1], [0, 1]]), np.array([[0, 1], [1, 1], [1, 0]])  # where the two ReLUs are on
MASK = np.array([[1, 0], [0, 1], [1, 1]]) * sp.Rational(8, 5)
DOUT = sp.Symbol("dout")


def same(yours, expected, var=None):
    """Whether two arrays hold the same expressions: each difference, over one denominator, has the numerator 0. Where
    the last axis runs over features, with the variances var, eps = root^2 - var leaves no root in a feature's."""
    assert np.shape(yours) == np.shape(expected)
    difference = np.asarray(yours - expected, dtype=object)
    if var is not None:
        root = sp.Symbol("root", positive=True)
        difference = np.stack([put({EPS: root**2 - v}, d) for d, v in zip(difference.T, var, strict=True)])
    return all(sp.numer(sp.together(entry)).expand() == 0 for entry in np.ravel(difference))


@verifies("grad-linear-x", "grad-linear-theta")
def test_linear(lines=solutions.linear_backward):
    x, theta, dout = symbols("x", 3, 2), symbols("theta", 4, 2), symbols("dout", 3, 4)
    dx, dtheta = in_symbols(lines)(dout, (x, theta))
    loss = (dout * (x @ theta.T)).sum()
    assert same(dx, derived(loss, x))
    assert same(dtheta, derived(loss, theta))
    assert not same(-dx, derived(loss, x))


@verifies("grad-batch-norm-x", "grad-batch-norm-gamma", "grad-batch-norm-beta")
def test_batch_norm(lines=solutions.batch_norm_backward):
    x, dout = symbols("x", 4, 2), symbols("dout", 4, 2)
    mu, var, x_hat = normalised(x)
    for gamma, beta in ((symbols("gamma", 2), symbols("beta", 2)), sp.symbols("gamma beta")):
        dx, dgamma, dbeta = in_symbols(lines)(dout, (x_hat, mu, var, gamma, beta, EPS))
        loss = (dout * references.batch_norm(FORWARD, x, gamma, beta, EPS)).sum()
        assert same(dx, derived(loss, x), var)
        assert same(dgamma, derived(loss, gamma))
        assert same(dbeta, derived(loss, beta))
        constant_statistics = dout * gamma / ELEMENTARY["sqrt"](var + EPS)
        assert not same(constant_statistics, derived(loss, x), var)


@verifies("jac-batch-norm-gamma", "jac-batch-norm-beta")
def test_batch_norm_jacobian(lines=solutions.batch_norm_jacobian):
    """At a point of fractions, since np.var knows no symbol."""
    x = np.array([[1, 5], [2, 7], [4, 3]]) * sp.Rational(1, 3)
    gamma, beta, eps = symbols("gamma", 2), symbols("beta", 2), sp.Rational(1, 7)
    out = references.batch_norm(FORWARD, x, gamma, beta, eps)
    for found, variable in zip(in_symbols(lines)(x, gamma, beta, eps), (gamma, beta), strict=True):
        assert same(found, np.stack([derived(entry, variable) for entry in out.flat]).reshape(3, 2, 2))


@verifies("jac-softmax")
def test_softmax_jacobian(lines=solutions.softmax_jacobian):
    """At logarithms of fractions, where softmax is a fraction; the shift by the largest needs numbers."""
    x, at = symbols("x", 4), ELEMENTARY["log"](np.array([sp.Rational(k, 7) for k in (2, 3, 11, 5)]))
    expected = np.stack([derived(y, x) for y in references.softmax(FORWARD, x)])
    assert same(in_symbols(lines)(at), put(dict(zip(x, at, strict=True)), expected))


@verifies("grad-softmax")
def test_softmax(lines=solutions.softmax_backward):
    x, dout = symbols("x", 2, 3), symbols("dout", 2, 3)
    y = references.softmax(FORWARD, x)
    assert same(in_symbols(lines)(dout, (y,)), derived((dout * y).sum(), x))


@verifies("grad-squared-error")
def test_squared_error(lines=solutions.squared_error_backward):
    y_hat, y = symbols("y_hat", m, h), symbols("y", m, h)
    loss = DOUT * references.squared_error(FORWARD, y_hat, y)
    assert same(in_symbols(lines)(DOUT, (y_hat, y)), derived(loss, y_hat))


@verifies("grad-z-2b")
def test_cross_entropy_needs_labels_that_sum_to_one(lines=solutions.cross_entropy_backward):
    z, y = symbols("z", m, K), symbols("y", m, K)
    found = in_symbols(lines)(DOUT, (references.softmax(FORWARD, z), y))
    expected = derived(DOUT * references.cross_entropy(FORWARD, z, y), z)
    sum_to_one = {row[-1]: 1 - row[:-1].sum() for row in y}
    assert same(put(sum_to_one, found), put(sum_to_one, expected))
    assert not same(found, expected)


@verifies("grad-y-hat-b", "jac-y-hat-b", "grad-z-2b", "grad-theta-2b")
def test_head(lines=solutions.head_backward):
    s, theta_2b, y_b, y_hat_b = (symbols("s", m, h), symbols("theta", K, h), symbols("y", m, K), symbols("y_hat", m, K))
    hard = dict(zip(y_b.flat, [0, 1, 0, 0, 0, 1], strict=False)) | {y_b[2, 2]: 1 - y_b[2, 0] - y_b[2, 1]}
    y_b = put(hard, y_b)  # two hard labels and a soft one
    z_2b = symbols("z", m, K)
    cache = dict(s=s, theta_2b=theta_2b, y_b=y_b, y_hat_b=y_hat_b)
    found = in_symbols(lines)(DOUT, cache)
    assert same(found["dy_hat_b"], derived(-DOUT * (y_b * ELEMENTARY["log"](y_hat_b)).sum() / m, y_hat_b))

    as_softmax = dict(zip(y_hat_b.flat, references.softmax(FORWARD, z_2b).flat, strict=True))
    rows = [[derived(y, z) for y in row] for row, z in zip(references.softmax(FORWARD, z_2b), z_2b, strict=True)]
    assert same(put(as_softmax, found["dy_hat_b_dz_2b"]), np.array(rows))
    assert same(put(as_softmax, found["dz_2b"]), derived(DOUT * references.cross_entropy(FORWARD, z_2b, y_b), z_2b))

    as_scores = dict(zip(z_2b.flat, (s @ theta_2b.T).flat, strict=True))
    loss = DOUT * references.cross_entropy(FORWARD, s @ theta_2b.T, y_b)
    assert same(put(as_scores, put(as_softmax, found["dtheta_2b"])), derived(loss, theta_2b))


@verifies("jac-z-2b-c", "grad-c", "grad-beta", "grad-gamma", "grad-a-1b", "grad-z-1b", "grad-theta-1b")
def test_branch_b(lines=solutions.branch_b_backward):
    x, theta_1b, theta_2b, dz_2b = symbols("x", m, n), symbols("t1", h, n), symbols("t2", K, h), symbols("dz", m, K)
    gamma, beta = symbols("gamma", h), symbols("beta", h)
    c, a, z = symbols("c", m, h), symbols("a", m, h), x @ theta_1b.T

    def loss(c):
        return (dz_2b * (c @ theta_2b.T)).sum()

    def found(a):
        """Of ReLU's input, its signs are all that the lines read."""
        mu, var, x_hat = normalised(a)
        cache = dict(x_hat=x_hat, mu_b=mu, var_b=var, gamma=gamma, beta=beta, eps=EPS, z_1b=2 * ON_B - 1, s=c)
        return var, in_symbols(lines)(dz_2b, cache | dict(x=x, theta_1b=theta_1b, theta_2b=theta_2b))

    var, at_a = found(a)
    loss_of_a = loss(references.batch_norm(FORWARD, a, gamma, beta, EPS))
    assert same(at_a["dz_2b_dc"], np.stack([derived(score, c[0]) for score in (c @ theta_2b.T)[0]]))
    assert same(at_a["dc"], derived(loss(c), c))
    assert same(at_a["dbeta"], derived(loss_of_a, beta), var)
    assert same(at_a["dgamma"], derived(loss_of_a, gamma), var)
    assert same(at_a["da_1b"], derived(loss_of_a, a), var)
    assert same(at_a["dz_1b"], ON_B * derived(loss_of_a, a), var)
    var, at_z = found(ON_B * z)
    loss_of_z = loss(references.batch_norm(FORWARD, ON_B * z, gamma, beta, EPS))
    assert same(at_z["dtheta_1b"].T, derived(loss_of_z, theta_1b).T, var)


@verifies("grad-z-2a", "grad-theta-2a", "grad-d", "grad-z-1a", "grad-theta-1a")
def test_branch_a(lines=solutions.branch_a_backward):
    x, theta_1a, theta_2a, theta_2b = symbols("x", m, n), symbols("t1", h, n), symbols("ta", h, h), symbols("tb", K, h)
    dz_2b, y_a, c = symbols("dz", m, K), symbols("y", m, h), symbols("c", m, h)
    z_1a, d, z_2a = symbols("z1", m, h), symbols("d", m, h), symbols("z2", m, h)

    def loss(z_2a):
        return DOUT * references.squared_error(FORWARD, z_2a, y_a) + (dz_2b * ((c + z_2a) @ theta_2b.T)).sum()

    def found(d):
        cache = dict(x=x, theta_1a=theta_1a, theta_2a=theta_2a, theta_2b=theta_2b, mask=MASK, z_1a=2 * ON_A - 1, s=c)
        return in_symbols(lines)(DOUT, dz_2b, cache | dict(y_a=y_a, d=d, z_2a=d @ theta_2a.T))

    as_z_2a = dict(zip(z_2a.flat, (d @ theta_2a.T).flat, strict=True))
    assert same(found(d)["dz_2a"], put(as_z_2a, derived(loss(z_2a), z_2a)))
    assert same(found(d)["dtheta_2a"], derived(loss(d @ theta_2a.T), theta_2a))
    assert same(found(d)["dd"], derived(loss(d @ theta_2a.T), d))
    assert same(found(MASK * ON_A * z_1a)["dz_1a"], derived(loss((MASK * ON_A * z_1a) @ theta_2a.T), z_1a))
    d = MASK * ON_A * (x @ theta_1a.T)
    assert same(found(d)["dtheta_1a"], derived(loss(d @ theta_2a.T), theta_1a))

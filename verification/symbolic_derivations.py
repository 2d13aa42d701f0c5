"""What each step of `derivation_steps` must be: SymPy derives it, on a small case with all sizes different.

It is derived from the forward pass alone, with an upstream gradient of arbitrary symbols. Neither the solutions nor any
list of names is read.
"""

import functools
import inspect
from types import SimpleNamespace

import numpy as np
import sympy as sp

from verification import derivation_steps
from verification import reference_gradients as references
from verification.derivation_steps import K, m, n, n_h
from verification.problems import Problem
from verification.symbolic_arrays import ELEMENTARY, FORWARD, derived, normalised, put, symbols


def label(function):
    return function.__name__.replace("_", "-")


# A step takes the stations v, and nothing else.
STEPS = {
    label(f): f
    for f in vars(derivation_steps).values()
    if inspect.isfunction(f) and [*inspect.signature(f).parameters] == ["v"]
}


ON_A, ON_B = np.array([[1, 0], [1, 1], [0, 1]]), np.array([[0, 1], [1, 1], [1, 0]])  # where the two ReLUs are on
KEPT = np.array([[1, 0], [0, 1], [1, 1]])


def slopes(outputs, inputs):
    """The Jacobian, by SymPy: outputs.shape + inputs.shape."""
    return np.stack([derived(entry, inputs) for entry in outputs.flat]).reshape(outputs.shape + inputs.shape)


def pieces(u, h, eps):
    """Batch norm backward from x_hat to u, as the stages of block 1 say it."""
    var = (u**2).sum(axis=0) / sp.Integer(m)
    w = 1 / ELEMENTARY["sqrt"](var + eps)
    dw = (u * h).sum(axis=0)
    dvar = -(w**3) * dw / 2
    du = w * h + sp.Rational(2, m) * u * dvar
    return var, w, dw, dvar, du


X = np.array([[3, 1, -2, 1, 4], [-1, 2, 5, 3, 1], [2, -4, 1, 2, 3]]) / sp.Integer(3)


@functools.cache
def stations(x=None):
    """Everything that a step may name, made of symbols. A gradient that arrives is made of symbols of its own, or of
    the errors delta where the page puts those in. x, in a tuple, may be numbers."""
    v = SimpleNamespace(m=sp.Integer(m), on_a=ON_A, on_b=ON_B, kept=KEPT)
    v.exp, v.log, v.sqrt, v.slope = ELEMENTARY["exp"], sp.log, ELEMENTARY["sqrt"], sp.diff
    v.eps, v.p, v.shift = sp.Symbol("eps", positive=True), sp.Symbol("p", positive=True), sp.Symbol("shift")
    v.M = KEPT * (1 / (1 - v.p))
    for name, shape in dict(
        x=(m, n), theta=(n_h, n), theta_1a=(n_h, n), theta_1b=(n_h, n), theta_2a=(n_h, n_h)
    ).items():
        setattr(v, name, symbols(name, *shape))
    v.x = np.reshape(v.x if x is None else x, (m, n))
    for name in ("a", "u", "z", "z_2a", "d", "s", "c", "y_a", "dy", "dz", "da", "da_1b", "dz_1b", "dd", "dz_1a", "g"):
        setattr(v, name, symbols(name, m, n_h))
    for name in ("y_b", "y_hat_b", "z_2b"):
        setattr(v, name, symbols(name, m, K))
    v.theta_2b, v.gamma, v.beta = symbols("theta_2b", K, n_h), symbols("gamma", n_h), symbols("beta", n_h)

    # the chain rule, of two layers; a softmax by itself
    v.r, free = symbols("r", 3), symbols("f", 2)
    inner = np.array([v.r[0] * v.r[1], sp.sin(v.r[2]) + v.r[0] ** 2])
    v.two_layers = free[0] ** 2 * free[1] + free[1]
    at_inner = dict(zip(free, inner, strict=True))
    v.inner_slopes, v.outer_slope = slopes(inner, v.r), put(at_inner, derived(v.two_layers, free))
    v.two_layers = v.two_layers.subs(at_inner)
    v.q, v.g_y = symbols("q", K), symbols("g_y", K)
    v.e = v.exp(v.q)
    v.S = v.e.sum()
    v.y = v.e / v.S

    # batch norm, of a
    v.mu, v.var, v.x_hat = normalised(v.a)
    v.h = v.gamma * v.dy
    v.var_u, v.w, v.dw, v.dvar, v.du = pieces(v.u, v.h, v.eps)
    *_, v.du_at_x = pieces(v.a - v.mu, v.h, v.eps)
    v.dmu_at_x = -v.du_at_x.sum(axis=0)
    v.c_lines = slopes((v.gamma * v.x_hat + v.beta)[:, 0], v.a[:, 0])

    # the head and the errors
    v.softmax = np.stack([references.softmax(FORWARD, z) for z in v.z_2b])
    v.softmax_slopes = np.stack([slopes(y, z) for y, z in zip(v.softmax, v.z_2b, strict=True)])
    v.dsoftmax = -v.y_b / v.softmax / v.m
    v.labels = np.concatenate([v.y_b[:, :-1], 1 - v.y_b[:, :-1].sum(axis=1, keepdims=True)], axis=1)
    v.delta_a, v.delta_b = v.z_2a - v.y_a, v.y_hat_b - v.y_b
    v.dz_2b, v.dy_hat_a = v.delta_b / v.m, v.delta_a / v.m
    v.dc = v.dz_2b @ v.theta_2b
    v.dz_2a = (v.delta_a + v.delta_b @ v.theta_2b) / v.m
    v.b = SimpleNamespace()
    v.b.mu, v.b.var, v.b.x_hat = normalised(v.on_b * (v.x @ v.theta_1b.T))
    v.d_slopes = np.stack([slopes(d, z) for d, z in zip(v.M * v.on_a * v.z, v.z, strict=True)])
    for checking in (along_one_weight, moved, taped):
        checking(v)
    v.sizes = np.array([[3, 5, 2, 4], [7, 2, 6, 3], [2, 9, 4, 5]])
    return v


def along_one_weight(v):
    """A loss f along one weight, and its three derivatives here. f and the third are positive."""
    v.step, v.rounding, h = sp.Symbol("step", positive=True), sp.Symbol("rounding", positive=True), sp.Symbol("h")
    c = sp.symbols("c_:3", positive=True)
    loss = c[0] * sp.exp(c[1] * h) + c[2] * h**3 - 3 * h**2
    v.f_of, v.f = (lambda at: loss.subs(h, at)), loss.subs(h, 0)
    v.f1, v.f2, v.f3 = (sp.diff(loss, h, k).subs(h, 0) for k in (1, 2, 3))
    v.f_there, v.f_back = v.f_of(v.step), v.f_of(-v.step)
    v.f_aside = v.f_of(sp.I * v.step).expand(complex=True).as_real_imag()[1]
    v.up_to_third = lambda quotient: sp.series(quotient, v.step, 0, 4).removeO()
    v.at_no_step = lambda quotient: sp.limit(quotient, v.step, 0)


def moved(v):
    """What moves, and by how much. The spread grows by the factor growth^2, so that SymPy has its root."""
    v.by_x, v.by_theta, v.by_u = symbols("by_x", m, n), symbols("by_theta", n_h, n), symbols("by_u", m, n_h)
    v.signed = np.array([[2, 2, 2, 0], [-2, -2, -2, 0], [1, -1, 3, 0]])
    v.by_signed = np.array([[1, -1, -3, 2], [1, 3, -1, -2], [-1, 1, 0, 0]])
    root, v.growth = sp.symbols("root_of_spread growth", positive=True)
    v.spread, v.by_spread = root**2, root**2 * v.growth**2 - root**2
    v.scale, v.by_scale, v.by_gamma, v.by_beta = (symbols(s, n_h) for s in ("scale", "by_scale", "by_gamma", "by_beta"))
    v.moved_x_hat, v.by_x_hat = symbols("moved_x_hat", m, n_h), symbols("by_x_hat", m, n_h)
    v.by_q, v.tau = symbols("by_q", K), symbols("tau", m)
    v.by_log_S = v.log((v.y * v.exp(v.by_q)).sum())


def taped(v):
    """A tape of seven numbers: what each was made from, with which slope, and what comes back to it."""
    made = [None, None, lambda t: t[0] * t[1], lambda t: sp.exp(t[0]), lambda t: t[2] + t[3], lambda t: t[4] ** 2]
    made.append(lambda t: t[5] * t[3] + t[1])
    held, given = symbols("tape", len(made)), symbols("taken", 2)
    values = [*given]
    for rule in made[2:]:
        values.append(rule(values))
    here = dict(zip(held, values, strict=True))

    def back_to(j):
        """The last number, as a function of those up to j, along j."""
        numbers = [*held[: j + 1]]
        for rule in made[j + 1 :] if j else made[1:]:
            numbers.append(held[1] if rule is None else rule(numbers))
        return sp.diff(numbers[-1], held[j]).subs(here)

    v.heard = np.array([back_to(j) for j in range(len(made))])
    v.made_from = np.array([[sp.diff(rule(held), t).subs(here) if rule else sp.S(0) for t in held] for rule in made])
    v.taken, v.loss_of_tape = given, values[-1]


def batch_norm(v, x):
    return references.batch_norm(FORWARD, x, v.gamma, v.beta, v.eps)


def linear(x, theta):
    return references.linear(FORWARD, x, theta)


def of_the_layer(v):
    """Of a fully connected layer that dz comes back to."""
    return (v.dz * linear(v.x, v.theta)).sum()


def of_c(v):
    """Of what dz_2b comes back to, from c on."""
    return (v.dz_2b * linear(v.c + v.z_2a, v.theta_2b)).sum()


def of_u(v, u):
    """Of what dy comes back to, from u = x - mu on."""
    return (v.dy * (v.gamma * u / v.sqrt((u**2).sum(axis=0) / v.m + v.eps) + v.beta)).sum()


def of_the_scores(v):
    """The cross-entropy, from the scores on."""
    return references.cross_entropy(FORWARD, v.z_2b, v.y_b)


def of_theta_1a(v, dz_2a):
    """Of what dz_2a comes back to, from theta_1a on."""
    return (dz_2a * linear(v.M * v.on_a * linear(v.x, v.theta_1a), v.theta_2a)).sum()


def of_theta_1b(v, dc):
    """Of what dc comes back to, from theta_1b on."""
    return (dc * batch_norm(v, v.on_b * linear(v.x, v.theta_1b))).sum()


def at_own_variance(v):
    """Along the variance, with u and all that is not the variance held still."""
    variance = symbols("variance", n_h)
    loss = (v.dy * (v.gamma * v.u / v.sqrt(variance + v.eps) + v.beta)).sum()
    return put(dict(zip(variance, v.var_u, strict=True)), derived(loss, variance))


def through_the_variance(v):
    """Along u, where it moves the variance alone."""
    held = symbols("held", m, n_h)
    loss = (v.dy * (v.gamma * held / v.sqrt((v.u**2).sum(axis=0) / v.m + v.eps) + v.beta)).sum()
    return put(dict(zip(held.flat, v.u.flat, strict=True)), derived(loss, v.u))


def at_own_mean(v):
    """Along mu, in u = x - mu: moved by the same in every sample."""
    moved = symbols("moved", n_h)
    return put(dict.fromkeys(moved, 0), derived(of_u(v, v.u - moved), moved))


def at_labels_that_sum_to_one(v, gradient):
    return put(dict(zip(v.y_b[:, -1], v.labels[:, -1], strict=True)), gradient)


def summary(v):
    """Six, of what the gradients g of c and delta/m come back to."""
    dz_2a = v.delta_a / v.m + v.g
    of_gamma = (v.g * (v.gamma * v.b.x_hat + v.beta)).sum()
    return (
        derived((v.dz_2b * linear(v.s, v.theta_2b)).sum(), v.theta_2b),
        derived(of_gamma, v.beta),
        derived(of_gamma, v.gamma),
        derived(of_theta_1b(v, v.g), v.theta_1b),
        derived((dz_2a * linear(v.d, v.theta_2a)).sum(), v.theta_2a),
        derived(of_theta_1a(v, dz_2a), v.theta_1a),
    )


def coefficients(v):
    """Of the series of f in the step."""
    series = sp.series(v.f_of(v.step), v.step, 0, 4).removeO()
    return [series.coeff(v.step, k) for k in range(4)]


def of_two_roundings(v):
    """How far the quotient of two points is off where both values of f are rounded, in the same place at the worst."""
    rounded = symbols("rounded", 2)
    quotient = (v.f * (1 + rounded[0]) - v.f * (1 + rounded[1])) / (2 * v.step)
    return v.rounding * sum(abs(slope) for slope in derived(quotient, rounded))


def relu_apart(v):
    """After less before; from the corner, by decision, nothing."""
    after, before = (np.maximum(z, 0) for z in (v.signed + v.by_signed, v.signed))
    return np.where(v.signed == 0, 0, after - before)


def entropies_apart(v, scores, by, labels):
    """The cross-entropy of one sample, after less before."""

    def entropy(z):
        return v.log(v.exp(z).sum()) - (labels * z).sum()

    return entropy(scores + by) - entropy(scores)


def counted(forward):
    """Multiplications in the network's matrix products, for each row of sizes: forward, or back, where each product
    causes one for each of its factors that is not the data."""
    totals = []
    for sizes in stations().sizes:
        problem = Problem(**dict(zip(("m", "n", "h", "K"), map(int, sizes), strict=True)))
        inputs, total = problem.network(), 0

        def einsum(rule, x, theta, data=inputs["x"]):
            nonlocal total
            total += len(x) * theta.size * (1 if forward else 1 + (x is not data))
            return np.einsum(rule, x, theta)

        references.network(SimpleNamespace(**vars(np) | {"einsum": einsum}), **inputs)
        totals.append(total)
    return np.array(totals)


# For each label what each of its lines must be, or the one thing that they all must be.
RIGHT = {
    "chain-rule": lambda v: derived(v.two_layers, v.r),
    "jac-batch-norm-gamma": lambda v: np.stack([slopes(y, v.gamma) for y in batch_norm(v, v.a)]),
    "jac-batch-norm-beta": lambda v: np.stack([slopes(y, v.beta) for y in batch_norm(v, v.a)]),
    "grad-batch-norm-gamma": lambda v: derived((v.dy * batch_norm(v, v.a)).sum(), v.gamma),
    "grad-batch-norm-beta": lambda v: derived((v.dy * batch_norm(v, v.a)).sum(), v.beta),
    "batch-norm-stage-x-hat": lambda v: derived((v.dy * (v.gamma * v.z + v.beta)).sum(), v.z),
    "batch-norm-stage-w": lambda v: derived((v.dy * (v.gamma * v.u * v.g[0] + v.beta)).sum(), v.g[0]),
    "batch-norm-stage-var": at_own_variance,
    "batch-norm-stage-u": lambda v: derived(of_u(v, v.u), v.u),
    "batch-norm-stage-mu": at_own_mean,
    "batch-norm-stage-x": lambda v: derived((v.dy * batch_norm(v, v.a)).sum(), v.a),
    "batch-norm-close-variance": through_the_variance,
    "grad-batch-norm-x": lambda v: (
        derived((v.dy * batch_norm(v, v.a)).sum(), v.a),
        derived((v.dy * (v.gamma * v.z + v.beta)).sum(), v.z),
    ),
    "dropout-mean": lambda v: np.array(v.p * 0 + (1 - v.p) / (1 - v.p)),
    "jac-dropout": lambda v: np.stack([slopes(d, x) for d, x in zip(v.kept * v.a / (1 - v.p), v.a, strict=True)]),
    "grad-dropout": lambda v: derived((v.dy * v.kept * v.a / (1 - v.p)).sum(), v.a),
    "softmax-shift": lambda v: references.softmax(FORWARD, v.q),
    "softmax-sum-slope": lambda v: derived(v.S, v.q),
    "softmax-own": lambda v: np.diag(slopes(references.softmax(FORWARD, v.q), v.q)),
    "softmax-other": lambda v: (1 - np.eye(K, dtype=int)) * slopes(references.softmax(FORWARD, v.q), v.q),
    "jac-softmax": lambda v: slopes(references.softmax(FORWARD, v.q), v.q),
    "softmax-apply": lambda v: derived((v.g_y * references.softmax(FORWARD, v.q)).sum(), v.q),
    "grad-softmax": lambda v: derived((v.g_y * references.softmax(FORWARD, v.q)).sum(), v.q),
    "linear-forward": lambda v: linear(v.x, v.theta),
    "linear-entry": lambda v: linear(v.x, v.theta),
    "linear-input-entry": lambda v: derived(of_the_layer(v), v.x),
    "grad-linear-x": lambda v: derived(of_the_layer(v), v.x),
    "linear-weight-entry": lambda v: derived(of_the_layer(v), v.theta),
    "grad-linear-theta": lambda v: derived(of_the_layer(v), v.theta),
    "head-one-term": lambda v: derived(-(v.y_b * ELEMENTARY["log"](v.y_hat_b)).sum() / m, v.y_hat_b),
    "grad-y-hat-b": lambda v: derived(-(v.y_b * ELEMENTARY["log"](v.y_hat_b)).sum() / m, v.y_hat_b),
    "head-jacobian-entry": lambda v: v.softmax_slopes,
    "jac-y-hat-b": lambda v: (v.softmax_slopes, np.stack([slopes(v.softmax[0], z) for z in v.z_2b[1:]])),
    "head-chain": lambda v: derived(of_the_scores(v), v.z_2b),
    "head-any-labels": lambda v: derived(of_the_scores(v), v.z_2b),
    "grad-z-2b": lambda v: at_labels_that_sum_to_one(v, derived(of_the_scores(v), v.z_2b)),
    "grad-theta-2b": lambda v: derived((v.dz_2b * linear(v.s, v.theta_2b)).sum(), v.theta_2b),
    "jac-z-2b-c": lambda v: np.stack(
        [slopes(z, c) for z, c in zip(linear(v.c + v.z_2a, v.theta_2b), v.c, strict=True)]
    ),
    "grad-c": lambda v: derived(of_c(v), v.c),
    "grad-beta": lambda v: derived((v.dc * batch_norm(v, v.a)).sum(), v.beta),
    "grad-gamma": lambda v: derived((v.dc * batch_norm(v, v.a)).sum(), v.gamma),
    "branch-b-lines": lambda v: derived((v.dy * batch_norm(v, v.a))[:, 0].sum(), v.a[:, 0]),
    "branch-b-means": lambda v: (
        (v.gamma * v.dy).sum(axis=0) / v.m,
        (v.gamma * v.dy * v.x_hat).sum(axis=0) / v.m,
    ),
    "grad-a-1b": lambda v: derived((v.dy * batch_norm(v, v.a)).sum(), v.a),
    "grad-relu": lambda v: derived((v.da * v.on_b * v.z).sum(), v.z),
    "grad-z-1b": lambda v: derived((v.da_1b * v.on_b * v.z).sum(), v.z),
    "grad-theta-1b": lambda v: (
        *[derived((v.dz_1b * linear(v.x, v.theta_1b)).sum(), v.theta_1b)] * 2,
        derived(of_theta_1b(v, v.dy), v.theta_1b),
    ),
    "grad-squared-error": lambda v: derived(references.squared_error(FORWARD, v.z_2a, v.y_a), v.z_2a),
    "grad-z-2a": lambda v: derived(
        references.squared_error(FORWARD, v.z_2a, v.y_a) + of_c(v),
        v.z_2a,
    ),
    "grad-theta-2a": lambda v: derived((v.dz_2a * linear(v.d, v.theta_2a)).sum(), v.theta_2a),
    "grad-d": lambda v: derived((v.dz_2a * linear(v.d, v.theta_2a)).sum(), v.d),
    "branch-a-entry": lambda v: v.d_slopes,
    "branch-a-one-term": lambda v: derived((v.dd * v.M * v.on_a * v.z).sum(), v.z),
    "grad-z-1a": lambda v: derived((v.dd * v.M * v.on_a * v.z).sum(), v.z),
    "grad-theta-1a": lambda v: (
        *[derived((v.dz_1a * linear(v.x, v.theta_1a)).sum(), v.theta_1a)] * 2,
        derived(of_theta_1a(v, v.dz_2a), v.theta_1a),
    ),
    "grad-summary": summary,
    "grad-summary-batch": summary,
    "taylor": lambda v: sum(c * v.step**k for k, c in enumerate(coefficients(v))),
    "central-difference": lambda v: coefficients(v)[1] + coefficients(v)[3] * v.step**2,
    "two-errors": lambda v: abs(coefficients(v)[3]) * v.step**2 + of_two_roundings(v),
    "complex-step": lambda v: sum(sp.im(sp.I**k) * c * v.step ** (k - 1) for k, c in enumerate(coefficients(v))),
    "difference-root": lambda v: v.sqrt(v.spread + v.by_spread) - v.sqrt(v.spread),
    "difference-linear": lambda v: linear(v.x + v.by_x, v.theta + v.by_theta) - linear(v.x, v.theta),
    "difference-relu": relu_apart,
    "difference-variance": lambda v: ((v.u + v.by_u) ** 2).sum(axis=0) / v.m - (v.u**2).sum(axis=0) / v.m,
    "difference-inverse-root": lambda v: 1 / v.sqrt(v.spread + v.by_spread) - 1 / v.sqrt(v.spread),
    "difference-batch-norm": lambda v: (
        (v.u + v.by_u) * (v.scale + v.by_scale) - v.u * v.scale,
        (v.gamma + v.by_gamma) * (v.moved_x_hat + v.by_x_hat) + v.by_beta - v.gamma * v.moved_x_hat,
    ),
    "difference-log-sum-exp": lambda v: v.log(v.exp(v.q + v.by_q).sum()) - v.log(v.S),
    "difference-softmax": lambda v: (
        references.softmax(FORWARD, v.q + v.by_q) - references.softmax(FORWARD, v.q),
        entropies_apart(v, v.q, v.by_q, v.labels[0]),
    ),
    "difference-squared-error": lambda v: ((v.a + v.by_u) ** 2 - v.a**2) / 2,
    "exact-difference": lambda v: coefficients(v)[1],
    "difference-rank-one": lambda v: (
        linear(v.c + np.outer(v.tau, [1, 0]), v.theta_2b) - linear(v.c, v.theta_2b),
        np.array([entropies_apart(v, v.z_2b[i], v.tau[i] * v.theta_2b[:, 0], v.labels[i]) for i in range(m)]),
    ),
    "tape": lambda v: (np.array([*derived(v.loss_of_tape, v.taken), *v.heard[2:-1]]), sp.S(1)),
    "cost-forward": lambda v: counted(forward=True),
    "cost-backward": lambda v: counted(forward=False),
}


def stations_of(name):
    """With numbers for x where theta_1b goes through it and batch norm, or the expressions would fill pages."""
    return stations(tuple(X.flat) if name in ("grad-theta-1b", "grad-summary", "grad-summary-batch") else None)


@functools.cache
def right(name):
    """What each line of a step must be."""
    found = RIGHT[name](stations_of(name))
    return found if isinstance(found, tuple) else (found,) * len(STEPS[name](stations_of(name)))


def is_zero(expression):
    """Over one denominator, the numerator is 0. With eps = root^2 - var no root of var + eps is left in it. What has
    logarithms is 0 if its exponential is 1."""
    expression = sp.sympify(expression)
    if expression.has(sp.log):
        expression = sp.exp(expression.expand()) - 1
    eps, root = stations().eps, sp.Symbol("root", positive=True)
    under = {power.base for power in expression.atoms(sp.Pow) if power.exp.is_Rational and power.exp.q == 2}
    for base in under:
        expression = expression.subs(eps, root**2 - (base - eps))
    return sp.numer(sp.together(expression)).expand() == 0


def is_exact(name, step):
    """Whether every line of a step is what SymPy derives."""
    return all(
        np.shape(line) == np.shape(expected) and all(map(is_zero, np.ravel(line - expected)))
        for line, expected in zip(step(stations_of(name)), right(name), strict=True)
    )

"""Exact finite differences: how much a layer's output changes, without subtracting two numbers that are almost equal.

For each layer a rule gives f(x + dx) - f(x) from the forward equation alone, to full precision however small dx is. No
derivative stands in here. Rules compose as layers do: what one says has changed, the next is given. Then the central
difference

    (D(h) - D(-h)) / 2h,        D(h) = f(p + h) - f(p) by the rules,

is right to fourteen digits at h = 1e-10, for nothing is lost in the subtraction. (The one-sided D(h) / h is not: it is
off by h times half the curvature.) Where ReLU stands exactly on its kink its pattern is frozen: slope 0.

`declare` gives a forward pass its rule; gradcheck's "auto" then takes the exact engine. `two_branch` is the network,
declared. `two_branch_gradients` is its engine: an entry of a weight matrix moves one unit of one layer, and is followed
from there as just that.
"""

from functools import partial

import numpy as np

from .gradcheck import EPS, lengths

BLOCK = 32_000  # numbers in one array at a time: a few such arrays fit a processor's cache


# The rules. Arrays may have more axes than the layer needs, as long as they broadcast.


def linear_difference(x, theta, dx=0.0, dtheta=0.0):
    """Of x @ theta.T, x (..., m, n), theta (..., h, n): the product of two sums, multiplied out."""
    dx, dtheta = np.broadcast_to(dx, np.shape(x)), np.broadcast_to(dtheta, np.shape(theta))
    return dx @ np.swapaxes(theta + dtheta, -1, -2) + x @ np.swapaxes(dtheta, -1, -2)


def relu_difference(z, dz):
    """Of max(z, 0): clipped where the sign changes. Exactly at z = 0 nothing passes, either way."""
    return np.where(z > 0, np.maximum(dz, -z), np.where(z < 0, np.maximum(z + dz, 0), 0))


def dropout_difference(x, mask, dx):
    """Of x * mask, whatever x."""
    return dx * mask


def add_difference(da, db):
    """Of a + b."""
    return da + db


def batch_norm_difference(x, gamma, beta, eps=1e-5, dx=0.0, dgamma=0.0, dbeta=0.0):
    """Of gamma (x - mean) / sqrt(var + eps) + beta, with the statistics along axis 0: x (m, n, ...).

    With v = var + eps and t = sqrt(1 + dv / v), the change of 1 / sqrt(v) is -dv / (v^(3/2) t (1 + t)).
    """
    centred = x - np.mean(x, axis=0)
    dcentred = dx - np.mean(dx, axis=0) if np.ndim(dx) else np.zeros_like(centred)
    v = np.mean(centred**2, axis=0) + eps
    dv = np.mean((2 * centred + dcentred) * dcentred, axis=0)
    t = np.sqrt(1 + dv / v)
    dscale = -dv / (v * np.sqrt(v) * t * (1 + t))
    dx_hat = dcentred * (1 / np.sqrt(v) + dscale) + centred * dscale
    return (gamma + dgamma) * dx_hat + dgamma * centred / np.sqrt(v) + dbeta


def softmax_difference(x, dx):
    """Of softmax along the last axis: y expm1(dx - L), where L = log1p(sum y expm1(dx)) is log sum exp's own change."""
    y = _softmax(x)
    return y * np.expm1(dx - np.log1p((y * np.expm1(dx)).sum(axis=-1, keepdims=True)))


def cross_entropy_difference(z, y, dz):
    """Of -(1/m) sum y log softmax(z), z and y (m, K), rows of y that sum to one: what log sum exp does, less y dz."""
    return (np.log1p((_softmax(z) * np.expm1(dz)).sum(axis=-1)) - (y * dz).sum(axis=-1)).sum(axis=-1) / len(y)


def squared_error_difference(y_hat, y, dy_hat):
    """Of (1/2m) sum |y_hat - y|^2, y_hat and y (m, n)."""
    return ((y_hat - y + dy_hat / 2) * dy_hat).sum(axis=(-2, -1)) / len(y)


def _softmax(z):
    e = np.exp(z - z.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


# Forward passes that know their rule


def declare(forward, difference, doubtful=None):
    """A forward pass that knows its rule, for gradcheck.

    Args:
        forward: forward(**params) -> out or (out, cache).
        difference: difference(**params, dx=move) -> the change of out when x moves; likewise for the other params.
        doubtful: doubtful(params) -> {name: sentence}, why nothing can be concluded about a gradient. None: never.
    """

    def declared(**params):
        return forward(**params)

    declared.exact = partial(_gradients, difference)
    if doubtful:
        declared.doubtful = doubtful
    return declared


def _gradients(difference, params, upstream, step):
    """Central differences of sum(upstream * out), entry by entry, each step relative to the column's spread."""
    gradients = {}
    for name, p in params.items():
        slopes, steps = np.zeros(p.shape), step * lengths(p)
        for entry in np.ndindex(p.shape):
            move = np.zeros(p.shape)
            move[entry] = steps[entry]
            there, back = (difference(**params, **{f"d{name}": sign * move}) for sign in (1, -1))
            slopes[entry] = (upstream * (there - back)).sum() / (2 * steps[entry])
        gradients[name] = slopes
    return gradients


def no_variance(x):
    """The columns of x (m, n) that do not vary over the batch: batch norm has nothing to go by there. Their numbers."""
    return np.flatnonzero(np.ptp(x, axis=0) <= 8 * EPS * np.abs(x).max(axis=0))


def two_branch(x, y_a, y_b, r, p, eps=1e-5):
    """The loss of the two-branch network as a function of its six parameters, declared. See two_branch_gradients."""
    fixed = dict(x=x, y_a=y_a, y_b=y_b, r=r, p=p, eps=eps)

    def forward(**params):
        return _forward(fixed | params)["loss"]

    def exact(params, upstream, step):
        return {name: upstream * slope for name, slope in two_branch_gradients(fixed | params, step).items()}

    def doubtful(params):
        units = no_variance(_forward(fixed | params)["a_1b"])
        reason = f"Unit {', '.join(map(str, units))} of branch B does not vary over the batch: nothing is seen of it."
        return {"theta_1b": reason, "gamma": reason} if len(units) else {}

    forward.exact, forward.doubtful = exact, doubtful
    return forward


def _forward(g):
    """The network's forward pass, from its equations: what is given, and every intermediate that the rules need."""
    z_1a, z_1b = g["x"] @ g["theta_1a"].T, g["x"] @ g["theta_1b"].T
    mask = (g["r"] >= g["p"]) / (1 - g["p"])
    d, a_1b = np.where(z_1a.real > 0, z_1a, 0) * mask, np.where(z_1b.real > 0, z_1b, 0)
    z_2a, centred = d @ g["theta_2a"].T, a_1b - a_1b.mean(axis=0)
    x_hat = centred / np.sqrt((centred**2).mean(axis=0) + g["eps"])
    s, residual = g["gamma"] * x_hat + g["beta"] + z_2a, z_2a - g["y_a"]
    z_2b = s @ g["theta_2b"].T
    shifted = z_2b - z_2b.real.max(axis=1, keepdims=True)
    log_y_hat = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    loss = ((residual**2).sum() / 2 - (g["y_b"] * log_y_hat).sum()) / len(s)
    seen = dict(z_1a=z_1a, mask=mask, d=d, z_1b=z_1b, a_1b=a_1b, s=s, residual=residual, z_2b=z_2b)
    return g | seen | dict(y_hat_b=np.exp(log_y_hat), loss=loss)


def two_branch_gradients(given, h=1e-10):
    """All six gradients of the two-branch network's loss, every entry, by exact central differences.

    An entry of a weight matrix moves one unit of its layer, by another amount in each sample. The rules carry that
    amount through ReLU, dropout and batch norm. From there on it is a multiple of one fixed direction, a column of
    theta_2b and of theta_2a, so that no matrix is multiplied again: the work is m K a parameter.

    Args:
        given: a dict with x, y_a, y_b, r, p, eps and the six parameters; the cache of two_branch_forward will do.
        h: the step.

    Returns:
        {name of a parameter: its gradient, float64}, the six of them.
    """
    names = ("x", "y_a", "y_b", "r", "p", "eps", "theta_1a", "theta_1b", "theta_2a", "theta_2b", "gamma", "beta")
    f = _forward({name: np.asarray(given[name], np.float64) for name in names})
    theta_2a, theta_2b, n_h = f["theta_2a"], f["theta_2b"], len(f["theta_2a"])
    gamma, beta = (np.broadcast_to(f[name], n_h)[:, None] for name in ("gamma", "beta"))

    def batch_norm(j, **moves):
        return batch_norm_difference(f["a_1b"][:, j, None], gamma[j], beta[j], f["eps"], **moves)

    def branch_a(j, move):  # z_1a[:, j] moves; this arrives at d[:, j]
        return dropout_difference(None, f["mask"][:, j, None], relu_difference(f["z_1a"][:, j, None], move))

    def branch_b(j, move):  # z_1b[:, j] moves; this arrives at c[:, j]
        return batch_norm(j, dx=relu_difference(f["z_1b"][:, j, None], move))

    def straight(j, move):
        return move

    gradients = {
        "theta_1a": _unit_slopes(f, h, f["x"], branch_a, theta_2b @ theta_2a, theta_2a),
        "theta_1b": _unit_slopes(f, h, f["x"], branch_b, theta_2b),
        "theta_2a": _unit_slopes(f, h, f["d"], straight, theta_2b, np.eye(n_h)),
        "theta_2b": _unit_slopes(f, h, f["s"], straight, np.eye(len(theta_2b))),
    }
    for name in ("dgamma", "dbeta"):
        if f[name[1:]].ndim:
            one, carry = np.ones((len(f["s"]), 1)), lambda j, move, name=name: batch_norm(j, **{name: move})
            gradients[name[1:]] = _unit_slopes(f, h, one, carry, theta_2b)[:, 0]
        else:  # one number for all units: it moves them all at once
            dc = (batch_norm_difference(f["a_1b"], f["gamma"], f["beta"], f["eps"], **{name: step}) for step in (h, -h))
            there, back = (cross_entropy_difference(f["z_2b"], f["y_b"], move @ theta_2b.T) for move in dc)
            gradients[name[1:]] = (there - back) / (2 * h)
    return gradients


def _unit_slopes(f, h, source, carry, along_2b, along_2a=None):
    """The gradient of a matrix whose entry [j, l], where it grows by h, moves unit j by h source[:, l].

    carry(j, move) is what of that goes on, (m, units, entries). So many times along_2b[:, j] is what z_2b moves by, and
    so many times along_2a[:, j] is what z_2a moves by; None: it stays.
    """
    (m, width), height = source.shape, along_2b.shape[1]
    along_2a = np.zeros((f["s"].shape[1], height)) if along_2a is None else along_2a
    slopes, columns = np.empty((height, width)), min(width, max(1, BLOCK // m))
    rows = max(1, BLOCK // (m * columns))
    for top in range(0, height, rows):
        j = np.arange(top, min(top + rows, height))
        w, u = along_2b[:, j], along_2a[:, j]
        linear, square = f["residual"] @ u - f["y_b"] @ w, (u**2).sum(axis=0)[:, None] / 2
        for left in range(0, width, columns):
            entries, changes = slice(left, left + columns), []
            for step in (h, -h):
                t = carry(j, step * source[:, None, entries])
                inner = sum(
                    p_k[:, None, None] * np.expm1(w_k[:, None] * t) for p_k, w_k in zip(f["y_hat_b"].T, w, strict=True)
                )
                changes.append((np.log1p(inner) + linear[:, :, None] * t + square * t**2).sum(axis=0))
            slopes[j, entries] = (changes[0] - changes[1]) / (2 * h * m)
    return slopes

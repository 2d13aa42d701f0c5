"""Exact finite differences: how much a layer's output changes, without subtracting two numbers that are almost equal.

For each layer a rule gives f(x + dx) - f(x) from the forward equation alone, to full precision however small dx is. No
derivative is used. Rules compose as layers do: the output change of one rule is the input change of the next. Then
the central difference

    (D(h) - D(-h)) / 2h,        D(h) = f(p + h) - f(p) by the rules,

is right to fourteen digits at h = 1e-10, for nothing is lost in the subtraction. (The one-sided D(h) / h is not: it is
off by h times half the curvature.) Where ReLU stands exactly on its kink its pattern is frozen: its derivative is 0.

`declare` gives a forward pass its rule; gradcheck's "auto" then takes the exact engine.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np

from .gradcheck import EPS, lengths

Array = np.ndarray | float  # a move of 0.0 stands for an array of zeros


# The rules. Arrays may have more axes than the layer needs, as long as they broadcast.


def linear_difference(x: np.ndarray, theta: np.ndarray, dx: Array = 0.0, dtheta: Array = 0.0) -> np.ndarray:
    """Of x @ theta.T, x (..., m, n), theta (..., h, n): the product of two sums, multiplied out."""
    dx, dtheta = np.broadcast_to(dx, np.shape(x)), np.broadcast_to(dtheta, np.shape(theta))
    return dx @ np.swapaxes(theta + dtheta, -1, -2) + x @ np.swapaxes(dtheta, -1, -2)


def relu_difference(z: np.ndarray, dz: np.ndarray) -> np.ndarray:
    """Of max(z, 0): clipped where the sign changes. Exactly at z = 0 nothing passes, either way."""
    return np.where(z > 0, np.maximum(dz, -z), np.where(z < 0, np.maximum(z + dz, 0), 0))


def dropout_difference(x: np.ndarray | None, mask: np.ndarray, dx: np.ndarray) -> np.ndarray:
    """Of x * mask, whatever x."""
    return dx * mask


def add_difference(da: np.ndarray, db: np.ndarray) -> np.ndarray:
    """Of a + b."""
    return da + db


def batch_norm_difference(
    x: np.ndarray,
    gamma: Array,
    beta: Array,
    eps: float = 1e-5,
    dx: Array = 0.0,
    dgamma: Array = 0.0,
    dbeta: Array = 0.0,
) -> np.ndarray:
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


def softmax_difference(x: np.ndarray, dx: np.ndarray) -> np.ndarray:
    """Of softmax along the last axis: y expm1(dx - L), where L = log1p(sum y expm1(dx)) is log sum exp's own change."""
    y = _softmax(x)
    return y * np.expm1(dx - np.log1p((y * np.expm1(dx)).sum(axis=-1, keepdims=True)))


def cross_entropy_difference(z: np.ndarray, y: np.ndarray, dz: np.ndarray) -> np.ndarray:
    """Of -(1/m) sum y log softmax(z), z and y (m, K), rows of y that sum to one: what log sum exp does, less y dz."""
    return (np.log1p((_softmax(z) * np.expm1(dz)).sum(axis=-1)) - (y * dz).sum(axis=-1)).sum(axis=-1) / len(y)


def squared_error_difference(y_hat: np.ndarray, y: np.ndarray, dy_hat: np.ndarray) -> np.ndarray:
    """Of (1/2m) sum |y_hat - y|^2, y_hat and y (m, n)."""
    return ((y_hat - y + dy_hat / 2) * dy_hat).sum(axis=(-2, -1)) / len(y)


def _softmax(z):
    e = np.exp(z - z.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


# Forward passes that know their rule


def declare(
    forward: Callable,
    difference: Callable[..., np.ndarray],
    doubtful: Callable[[Mapping[str, np.ndarray]], dict[str, str]] | None = None,
) -> Callable:
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


def _gradients(
    difference: Callable[..., np.ndarray], params: Mapping[str, np.ndarray], upstream: Any, step: float
) -> dict[str, np.ndarray]:
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


def no_variance(x: np.ndarray) -> np.ndarray:
    """The columns of x (m, n) that do not vary over the batch: batch norm can show nothing there. Their numbers."""
    return np.flatnonzero(np.ptp(x, axis=0) <= 8 * EPS * np.abs(x).max(axis=0))

"""Exact finite differences of hw1's network: all six gradients from the forward equations alone.

`two_branch` is the network's loss, declared for gradcheck. `two_branch_gradients` is its engine: an entry of a weight
matrix moves one unit of one layer, and is followed from there as just that.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from autograder import exact_difference as exact

from .network import INPUTS, PARAMS

BLOCK = 32_000  # numbers in one array at a time: a few such arrays fit a processor's cache


def two_branch(
    x: np.ndarray, y_a: np.ndarray, y_b: np.ndarray, r: np.ndarray, p: float, eps: float = 1e-5
) -> Callable[..., float]:
    """The loss of the two-branch network as a function of its six parameters, declared. See two_branch_gradients."""
    fixed = dict(x=x, y_a=y_a, y_b=y_b, r=r, p=p, eps=eps)

    def forward(**params):
        return _forward(fixed | params)["loss"]

    def gradients(params, upstream, step):
        return {name: upstream * slope for name, slope in two_branch_gradients(fixed | params, step).items()}

    def doubtful(params):
        units = exact.no_variance(_forward(fixed | params)["a_1b"])
        reason = f"Unit {', '.join(map(str, units))} of branch B does not vary over the batch: nothing is seen of it."
        return {"theta_1b": reason, "gamma": reason} if len(units) else {}

    forward.exact, forward.doubtful = gradients, doubtful
    return forward


def _forward(g: Mapping[str, Any]) -> dict[str, Any]:
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
    return {**g, **seen} | dict(y_hat_b=np.exp(log_y_hat), loss=loss)


def two_branch_gradients(given: Mapping[str, Any], h: float = 1e-10) -> dict[str, np.ndarray]:
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
    f = _forward({name: np.asarray(given[name], np.float64) for name in (*INPUTS, *PARAMS)})
    theta_2a, theta_2b, n_h = f["theta_2a"], f["theta_2b"], len(f["theta_2a"])
    gamma, beta = (np.broadcast_to(f[name], n_h)[:, None] for name in ("gamma", "beta"))

    def batch_norm(j, **moves):
        return exact.batch_norm_difference(f["a_1b"][:, j, None], gamma[j], beta[j], f["eps"], **moves)

    def branch_a(j, move):  # z_1a[:, j] moves; this arrives at d[:, j]
        return exact.dropout_difference(None, f["mask"][:, j, None], exact.relu_difference(f["z_1a"][:, j, None], move))

    def branch_b(j, move):  # z_1b[:, j] moves; this arrives at c[:, j]
        return batch_norm(j, dx=exact.relu_difference(f["z_1b"][:, j, None], move))

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
            moves = [
                exact.batch_norm_difference(f["a_1b"], f["gamma"], f["beta"], f["eps"], **{name: step})
                for step in (h, -h)
            ]
            there, back = (exact.cross_entropy_difference(f["z_2b"], f["y_b"], dc @ theta_2b.T) for dc in moves)
            gradients[name[1:]] = (there - back) / (2 * h)
    return gradients


def _unit_slopes(
    f: Mapping[str, Any],
    h: float,
    source: np.ndarray,
    carry: Callable,
    along_2b: np.ndarray,
    along_2a: np.ndarray | None = None,
) -> np.ndarray:
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

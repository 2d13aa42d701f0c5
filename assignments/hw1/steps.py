"""The network of hw1, written once more: every quantity of both passes as a formula of the inputs and of other steps.

The steps know neither `solutions` nor the table of the network, so that each is an independent check of the other. A
step that is a part of a question has that part's name; the others are pieces of one such step, which a mistake can
replace by itself. Samples are rows; shapes are those of solutions.two_branch.
"""

import numpy as np

from autograder.steps import Steps


def softmax(z: np.ndarray, axis: int = -1) -> np.ndarray:
    """Normalize the exponentials of z along an axis; same shape as z."""
    e = np.exp(z - z.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def outer(y: np.ndarray) -> np.ndarray:
    """Each row times itself: (..., n) to (..., n, n)."""
    return y[..., :, None] * y[..., None, :]


def diagonal(y: np.ndarray) -> np.ndarray:
    """Each row on the diagonal of a matrix: (..., n) to (..., n, n)."""
    return y[..., :, None] * np.eye(y.shape[-1])


STEPS: Steps = {
    # forward, branch A
    "z_1a": lambda v: v.x @ v.theta_1a.T,
    "a_1a": lambda v: np.maximum(v.z_1a, 0),
    "kept": lambda v: v.r >= v.p,
    "scale": lambda v: 1 / (1 - v.p),
    "mask": lambda v: v.kept * v.scale,
    "d": lambda v: v.a_1a * v.mask,
    "dropout_jacobian": lambda v: np.diag(v.mask),
    "z_2a": lambda v: v.d @ v.theta_2a.T,
    # forward, branch B
    "z_1b": lambda v: v.x @ v.theta_1b.T,
    "a_1b": lambda v: np.maximum(v.z_1b, 0),
    "mu_b": lambda v: v.a_1b.mean(axis=0),
    "var_b": lambda v: ((v.a_1b - v.mu_b) ** 2).mean(axis=0),
    "std_b": lambda v: np.sqrt(v.var_b + v.eps),
    "x_hat": lambda v: (v.a_1b - v.mu_b) / v.std_b,
    "c": lambda v: v.gamma * v.x_hat + v.beta,
    "dy_dgamma": lambda v: diagonal(v.x_hat),
    "dy_dbeta": lambda v: diagonal(np.ones_like(v.x_hat)),
    # forward, head
    "s": lambda v: v.c + v.z_2a,
    "z_2b": lambda v: v.s @ v.theta_2b.T,
    "y_hat_b": lambda v: softmax(v.z_2b),
    "loss_a": lambda v: ((v.z_2a - v.y_a) ** 2).sum() / (2 * len(v.y_a)),
    "loss_b": lambda v: -(v.y_b * np.log(v.y_hat_b)).sum() / len(v.y_b),
    "loss": lambda v: v.loss_a + v.loss_b,
    # backward, head
    "upstream": lambda v: v.dout,
    "upstream_b": lambda v: v.upstream,
    "sign_y": lambda v: -1.0,
    "labels_y": lambda v: v.y_b,
    "share_y": lambda v: 1 / len(v.y_b),
    "dy_hat_b": lambda v: v.sign_y * v.upstream_b * v.share_y * v.labels_y / v.y_hat_b,
    "dy_hat_b_dz_2b": lambda v: diagonal(v.y_hat_b) - outer(v.y_hat_b),
    "delta_b": lambda v: v.y_hat_b - v.y_b,
    "share_b": lambda v: 1 / len(v.y_b),
    "dz_2b": lambda v: v.upstream_b * v.share_b * v.delta_b,
    "dtheta_2b": lambda v: v.dz_2b.T @ v.s,
    # backward, branch B
    "dz_2b_dc": lambda v: v.theta_2b,
    "dc": lambda v: v.dz_2b @ v.theta_2b,
    "dbeta": lambda v: v.dc.sum(axis=0),
    "dgamma": lambda v: (v.dc * v.x_hat).sum(axis=0),
    "dx_hat": lambda v: v.dc * v.gamma,
    "mean_path": lambda v: v.dx_hat.mean(axis=0),
    "var_path": lambda v: v.x_hat * (v.dx_hat * v.x_hat).mean(axis=0),
    "back_std": lambda v: np.sqrt(v.var_b + v.eps),
    "da_1b": lambda v: (v.dx_hat - v.mean_path - v.var_path) / v.back_std,
    "slope_1b": lambda v: v.z_1b > 0,
    "dz_1b": lambda v: v.da_1b * v.slope_1b,
    "dtheta_1b": lambda v: v.dz_1b.T @ v.x,
    # backward, branch A
    "delta_a": lambda v: v.z_2a - v.y_a,
    "share_a": lambda v: 1 / len(v.y_a),
    "own_loss": lambda v: v.upstream * v.share_a * v.delta_a,
    "from_b": lambda v: v.dz_2b @ v.theta_2b,
    "dz_2a": lambda v: v.own_loss + v.from_b,
    "dtheta_2a": lambda v: v.dz_2a.T @ v.d,
    "dd": lambda v: v.dz_2a @ v.theta_2a,
    "back_mask": lambda v: v.mask,
    "slope_1a": lambda v: v.z_1a > 0,
    "dz_1a": lambda v: v.dd * v.back_mask * v.slope_1a,
    "dtheta_1a": lambda v: v.dz_1a.T @ v.x,
}

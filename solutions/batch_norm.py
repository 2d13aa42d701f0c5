"""Batch normalisation with the statistics of the batch: Ioffe and Szegedy (2015), Batch normalization.

The paper's algorithm 1 is the forward pass; its section 3 lists the gradients, which the book derives anew.
"""

import numpy as np

from .expects import expects


@expects(x="m n", gamma="n | ", beta="n | ", eps="positive")
def batch_norm_forward(x, gamma, beta, eps=1e-5):
    """Standardise each feature over the batch, stretch by gamma, shift by beta: equation batch-norm-forward.

    Args:
        x: (m, n), one sample a row.
        gamma: (n,), one stretch a feature, or a scalar for all.
        beta: (n,), one shift a feature, or a scalar for all.
        eps: above 0, added to the variance under the root.

    Returns:
        out: (m, n).
        cache: (x_hat, mu, var, gamma, beta, eps), x_hat (m, n), mu and var (n,), mean and variance.

    Raises:
        ValueError: a wrong shape, NaN or infinity, not floating point, or eps <= 0.
    """
    mu = x.mean(axis=0)
    var = ((x - mu) ** 2).mean(axis=0)
    x_hat = (x - mu) / np.sqrt(var + eps)
    return gamma * x_hat + beta, (x_hat, mu, var, gamma, beta, eps)


@expects(x="m n", gamma="n | ", beta="n | ", eps="positive")
def batch_norm_jacobian(x, gamma, beta, eps=1e-5):
    """The slopes of the output along gamma and beta, equations jac-batch-norm-gamma and jac-batch-norm-beta.

    Args:
        x: (m, n), one sample a row.
        gamma: (n,), or a scalar for all features.
        beta: (n,), or a scalar for all features.
        eps: above 0, added to the variance under the root.

    Returns:
        dy_dgamma: (m, n, n), entry [i, j, k] is the slope of y[i, j] along gamma[k]; (m, n) where gamma is a scalar.
        dy_dbeta: (m, n, n), entry [i, j, k] is the slope of y[i, j] along beta[k]; (m, n) where beta is a scalar.

    Raises:
        ValueError: a wrong shape, NaN or infinity, not floating point, or eps <= 0.
    """
    ### BEGIN SOLUTION
    x_hat = (x - x.mean(axis=0)) / np.sqrt(x.var(axis=0) + eps)
    own_feature = np.eye(x.shape[1], dtype=x.dtype)
    dy_dgamma = x_hat[:, :, None] * own_feature if np.ndim(gamma) else x_hat
    dy_dbeta = np.ones_like(x)[:, :, None] * own_feature if np.ndim(beta) else np.ones_like(x)
    return dy_dgamma, dy_dbeta
    ### END SOLUTION


@expects(dout="m n", cache=("m n", "n", "n", "n | ", "n | ", "positive"))
def batch_norm_backward(dout, cache):
    """Send a gradient back through batch normalisation, where the mean and the variance feel every sample.

    Equations grad-batch-norm-gamma, grad-batch-norm-beta and grad-batch-norm-x.

    Args:
        dout: (m, n), the gradient of the output.
        cache: (x_hat, mu, var, gamma, beta, eps), from batch_norm_forward.

    Returns:
        dx: (m, n).
        dgamma: the shape of gamma.
        dbeta: the shape of beta.

    Raises:
        ValueError: a wrong shape, NaN or infinity, or not floating point.
    """
    ### BEGIN SOLUTION
    x_hat, _, var, gamma, beta, eps = cache
    dgamma = (dout * x_hat).sum(axis=0 if np.ndim(gamma) else None)
    dbeta = dout.sum(axis=0 if np.ndim(beta) else None)
    dx_hat = dout * gamma
    dx = (dx_hat - dx_hat.mean(axis=0) - x_hat * (dx_hat * x_hat).mean(axis=0)) / np.sqrt(var + eps)
    return dx, dgamma, dbeta
    ### END SOLUTION

"""The two losses, each a mean over the batch."""

import numpy as np

from .expects import expects
from .softmax import softmax_forward


@expects(y_hat="m n", y="labels m n")
def squared_error_forward(y_hat, y):
    """Half the squared distance, averaged over the batch, equation squared-error.

    Args:
        y_hat: (m, n), the prediction.
        y: (m, n), the target; integers are allowed.

    Returns:
        out: a scalar, (1/m) sum_i 1/2 |y_hat_i - y_i|^2.
        cache: (y_hat, y).

    Raises:
        ValueError: a wrong shape, NaN or infinity, or y_hat not floating point.
    """
    ### BEGIN SOLUTION
    distance = y_hat - np.asarray(y, y_hat.dtype)
    return (distance**2).sum() / (2 * len(y)), (y_hat, y)
    ### END SOLUTION


@expects(dout="", cache=("m n", "labels m n"))
def squared_error_backward(dout, cache):
    """The gradient of the squared error along the prediction, equation grad-squared-error.

    Args:
        dout: a scalar, the gradient of the loss itself.
        cache: (y_hat, y), from squared_error_forward.

    Returns:
        dy_hat: (m, n).

    Raises:
        ValueError: a wrong shape, NaN or infinity, or not floating point.
    """
    ### BEGIN SOLUTION
    y_hat, y = cache
    dy_hat = dout * (y_hat - np.asarray(y, y_hat.dtype)) / len(y)
    return dy_hat
    ### END SOLUTION


@expects(z="m K", y="distribution m K")
def cross_entropy_forward(z, y):
    """Cross-entropy of the labels and the softmax of the scores, averaged over the batch, equation cross-entropy.

    It is computed from the scores: log softmax(z) = z - log sum exp z, which is finite where softmax is already 0.

    Args:
        z: (m, K), scores.
        y: (m, K), labels, rows that sum to one; integers are allowed.

    Returns:
        out: a scalar, -(1/m) sum_i sum_k y_ik log softmax(z_i)_k.
        cache: (y_hat, y), where y_hat (m, K) is the softmax of z.

    Raises:
        ValueError: a wrong shape, NaN or infinity, z not floating point, or labels that do not sum to one.
    """
    ### BEGIN SOLUTION
    shifted = z - z.real.max(axis=-1, keepdims=True)
    log_y_hat = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    y_hat, _ = softmax_forward(z)
    return -(np.asarray(y, z.dtype) * log_y_hat).sum() / len(y), (y_hat, y)
    ### END SOLUTION


@expects(dout="", cache=("m K", "distribution m K"))
def cross_entropy_backward(dout, cache):
    """The gradient along the scores, equation grad-z-2b. It uses that each row of labels sums to one.

    Args:
        dout: a scalar, the gradient of the loss itself.
        cache: (y_hat, y), from cross_entropy_forward.

    Returns:
        dz: (m, K).

    Raises:
        ValueError: a wrong shape, NaN or infinity, not floating point, or labels that do not sum to one.
    """
    ### BEGIN SOLUTION
    y_hat, y = cache
    dz = dout * (y_hat - np.asarray(y, y_hat.dtype)) / len(y)
    return dz
    ### END SOLUTION

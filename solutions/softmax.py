"""Softmax: scores in, probabilities out. Bridle (1990), Probabilistic interpretation of feedforward network outputs."""

import numpy as np

from .expects import expects


@expects(x="m n | n")
def softmax_forward(x):
    """Exponentiate and normalise each row, equation softmax-forward. The largest score is subtracted first, so that no
    exponential overflows; the result does not change by it.

    Args:
        x: (m, n) or (n,), scores.

    Returns:
        out: the shape of x, rows that sum to one.
        cache: (out,).

    Raises:
        ValueError: a wrong shape, NaN or infinity, or not floating point.
    """
    e = np.exp(x - x.real.max(axis=-1, keepdims=True))
    y = e / e.sum(axis=-1, keepdims=True)
    return y, (y,)


@expects(x="n")
def softmax_jacobian(x):
    """The Jacobian of softmax for one sample, equation jac-softmax.

    Args:
        x: (n,), scores.

    Returns:
        jacobian: (n, n), entry [i, j] is the slope of y[i] along x[j].

    Raises:
        ValueError: a wrong shape, NaN or infinity, or not floating point.
    """
    ### BEGIN SOLUTION
    e = np.exp(x - x.max())
    y = e / e.sum()
    return np.diag(y) - np.outer(y, y)
    ### END SOLUTION


@expects(dout="m n | n", cache=("like dout",))
def softmax_backward(dout, cache):
    """Send a gradient back through softmax without building the Jacobian, equation grad-softmax.

    Args:
        dout: (m, n) or (n,), the gradient of the output.
        cache: (y,), from softmax_forward.

    Returns:
        dx: the shape of dout.

    Raises:
        ValueError: a wrong shape, NaN or infinity, or not floating point.
    """
    ### BEGIN SOLUTION
    (y,) = cache
    dx = y * (dout - (dout * y).sum(axis=-1, keepdims=True))
    return dx
    ### END SOLUTION

"""Dropout, in its inverted form: what stays is scaled up in training, so that nothing changes in use.

Srivastava, Hinton, Krizhevsky, Sutskever and Salakhutdinov (2014), Dropout: a simple way to prevent neural networks
from overfitting. The scaling by 1/(1 - p) in training is the source homework's, and the common one today.
"""

import numpy as np

from .expects import expects


@expects(x="m n | n", r="like x", p="probability")
def dropout_forward(x, r, p):
    """Drop each entry whose draw is below p, and scale the others by 1/(1 - p), equation dropout-forward.

    Args:
        x: (m, n) or (n,).
        r: the shape of x, uniform draws in [0, 1), one an entry. An entry is kept where r >= p.
        p: in [0, 1), the probability of being dropped.

    Returns:
        out: the shape of x.
        cache: (mask,), with the shape of x: 0 where dropped, 1/(1 - p) where kept.

    Raises:
        ValueError: a wrong shape, NaN or infinity, not floating point, or p outside [0, 1).
    """
    ### BEGIN SOLUTION
    mask = np.where(r >= p, 1 / (1 - p), 0).astype(x.dtype)
    out = x * mask
    return out, (mask,)
    ### END SOLUTION


@expects(r="n", p="probability")
def dropout_jacobian(r, p):
    """The Jacobian of dropout for one sample, equation jac-dropout.

    Args:
        r: (n,), the draws of the forward pass.
        p: in [0, 1), the probability of being dropped.

    Returns:
        jacobian: (n, n), entry [i, j] is the slope of y[i] along x[j].

    Raises:
        ValueError: a wrong shape, NaN or infinity, not floating point, or p outside [0, 1).
    """
    ### BEGIN SOLUTION
    slope = np.where(r >= p, 1 / (1 - p), 0).astype(r.dtype)
    return np.diag(slope)
    ### END SOLUTION


@expects(dout="m n | n", cache=("like dout",))
def dropout_backward(dout, cache):
    """Send a gradient back through the same mask, equation grad-dropout.

    Args:
        dout: (m, n) or (n,), the gradient of the output.
        cache: (mask,), from dropout_forward.

    Returns:
        dx: the shape of dout.

    Raises:
        ValueError: a wrong shape, NaN or infinity, or not floating point.
    """
    ### BEGIN SOLUTION
    (mask,) = cache
    dx = dout * mask
    return dx
    ### END SOLUTION

"""The rectified linear unit."""

import numpy as np

from .expects import expects


@expects(z="m n")
def relu_forward(z):
    """Keep what is positive, entry by entry: a = max(z, 0), equation relu-forward.

    Args:
        z: (m, n).

    Returns:
        out: (m, n).
        cache: (z,).

    Raises:
        ValueError: a wrong shape, NaN or infinity, or not floating point.
    """
    return np.where(z.real > 0, z, 0), (z,)


@expects(dout="m n", cache=("m n",))
def relu_backward(dout, cache):
    """Let a gradient through where z > 0, and nowhere else, equation grad-relu. At z = 0 the slope is taken as 0.

    Args:
        dout: (m, n), the gradient of the output.
        cache: (z,), from relu_forward.

    Returns:
        dz: (m, n).

    Raises:
        ValueError: a wrong shape, NaN or infinity, or not floating point.
    """
    ### BEGIN SOLUTION
    (z,) = cache
    dz = np.where(z > 0, dout, 0)
    return dz
    ### END SOLUTION

"""A fully connected layer without a bias."""

from .expects import expects


@expects(x="m n", theta="h n")
def linear_forward(x, theta):
    """Multiply every row of x by theta: z_i = theta x_i, equation linear-forward.

    Args:
        x: (m, n), one sample a row.
        theta: (h, n).

    Returns:
        out: (m, h).
        cache: (x, theta).

    Raises:
        ValueError: a wrong shape, NaN or infinity, or not floating point.
    """
    return x @ theta.T, (x, theta)


@expects(dout="m h", cache=("m n", "h n"))
def linear_backward(dout, cache):
    """Send a gradient back through a fully connected layer, equations grad-linear-x and grad-linear-theta.

    Args:
        dout: (m, h), the gradient of the output.
        cache: (x, theta), from linear_forward.

    Returns:
        dx: (m, n).
        dtheta: (h, n).

    Raises:
        ValueError: a wrong shape, NaN or infinity, or not floating point.
    """
    ### BEGIN SOLUTION
    x, theta = cache
    dx = dout @ theta
    dtheta = dout.T @ x
    return dx, dtheta
    ### END SOLUTION

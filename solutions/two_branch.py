"""The network of two branches: its forward pass with every intermediate named, its loss, its full backward pass.

x - FC1A - ReLU - dropout - FC2A -+- y_hat_a (squared error)
                                  +
x - FC1B - ReLU - batch norm -----+- s - FC2B - softmax - y_hat_b (cross-entropy)
"""

import numpy as np

from .batch_norm import batch_norm_backward, batch_norm_forward
from .dropout import dropout_backward, dropout_forward
from .expects import expects
from .linear import linear_backward, linear_forward
from .loss import cross_entropy_backward, cross_entropy_forward, squared_error_backward, squared_error_forward
from .relu import relu_backward, relu_forward

PARAMS = {"theta_1a": "h n", "theta_1b": "h n", "theta_2a": "h h", "theta_2b": "K h", "gamma": "h | ", "beta": "h | "}
INPUTS = {"x": "m n", "y_a": "labels m h", "y_b": "distribution m K", "r": "m h", "p": "probability", "eps": "positive"}
BRANCH_A = {"z_1a": "m h", "a_1a": "m h", "mask": "m h", "d": "m h", "z_2a": "m h"}
BRANCH_B = {"z_1b": "m h", "a_1b": "m h", "mu_b": "h", "var_b": "h", "x_hat": "m h", "c": "m h"}
HEAD = {"s": "m h", "z_2b": "m K", "y_hat_b": "m K"}
CACHE = INPUTS | PARAMS | BRANCH_A | BRANCH_B | HEAD


@expects(x="m n", y_a="labels m h", y_b="distribution m K", params=PARAMS, r="m h", p="probability", eps="positive")
def two_branch_forward(x, y_a, y_b, params, r, p, eps=1e-5):
    """Run the network and its loss, equations z-1a to loss.

    Args:
        x: (m, n), one sample a row.
        y_a: (m, n_h), targets of branch A; integers are allowed.
        y_b: (m, K), labels, rows that sum to one; integers are allowed.
        params: theta_1a, theta_1b (n_h, n), theta_2a (n_h, n_h), theta_2b (K, n_h), gamma, beta (n_h,) or scalars.
        r: (m, n_h), the draws of dropout, uniform in [0, 1). An entry is kept where r >= p.
        p: in [0, 1), the probability of being dropped.
        eps: above 0, added to the variance under the root.

    Returns:
        loss: a scalar, the mean over the batch of 1/2 |z_2a - y_a|^2 - sum_k y_b log y_hat_b.
        cache: a dict of every argument (the six parameters each under its own name) and every intermediate:
            z_1a, a_1a, mask, d, z_2a (which is y_hat_a), z_1b, a_1b, x_hat, c, s (m, n_h), mu_b and var_b (n_h,),
            z_2b and y_hat_b (m, K).

    Raises:
        ValueError: a wrong shape, NaN or infinity, not floating point, p outside [0, 1), or labels not summing to one.
    """
    ### BEGIN SOLUTION
    z_1a, _ = linear_forward(x, params["theta_1a"])
    a_1a, _ = relu_forward(z_1a)
    d, (mask,) = dropout_forward(a_1a, r, p)
    z_2a, _ = linear_forward(d, params["theta_2a"])

    z_1b, _ = linear_forward(x, params["theta_1b"])
    a_1b, _ = relu_forward(z_1b)
    c, (x_hat, mu_b, var_b, *_) = batch_norm_forward(a_1b, params["gamma"], params["beta"], eps)

    s = c + z_2a
    z_2b, _ = linear_forward(s, params["theta_2b"])
    loss_a, _ = squared_error_forward(z_2a, y_a)
    loss_b, (y_hat_b, _) = cross_entropy_forward(z_2b, y_b)

    cache = dict(x=x, y_a=y_a, y_b=y_b, r=r, p=p, eps=eps, **params)
    cache |= dict(z_1a=z_1a, a_1a=a_1a, mask=mask, d=d, z_2a=z_2a)
    cache |= dict(z_1b=z_1b, a_1b=a_1b, mu_b=mu_b, var_b=var_b, x_hat=x_hat, c=c, s=s, z_2b=z_2b, y_hat_b=y_hat_b)
    return loss_a + loss_b, cache
    ### END SOLUTION


@expects(dout="", cache=CACHE)
def head_backward(dout, cache):
    """From the cross-entropy back to theta_2b, equations grad-y-hat-b, jac-y-hat-b, grad-z-2b and grad-theta-2b.

    Args:
        dout: a scalar, the gradient of the loss itself: 1.0 where the loss is all there is.
        cache: from two_branch_forward.

    Returns:
        A dict of
            dy_hat_b: (m, K), minus infinity where a probability that the label wants has underflowed to 0.
            dy_hat_b_dz_2b: (m, K, K), entry [i, j, k] is the slope of y_hat_b[i, j] along z_2b[i, k].
            dz_2b: (m, K).
            dtheta_2b: (K, n_h).

    Raises:
        ValueError: a key that is missing from the cache, a wrong shape, NaN or infinity, or not floating point.
    """
    ### BEGIN SOLUTION
    y_hat_b = cache["y_hat_b"]
    y_b = np.asarray(cache["y_b"], y_hat_b.dtype)
    with np.errstate(divide="ignore", over="ignore"):
        dy_hat_b = -dout / len(y_b) * np.divide(y_b, y_hat_b, out=np.zeros_like(y_b), where=y_b != 0)
    dy_hat_b_dz_2b = y_hat_b[:, :, None] * (np.eye(y_b.shape[1], dtype=y_b.dtype) - y_hat_b[:, None, :])
    dz_2b = cross_entropy_backward(dout, (y_hat_b, y_b))
    _, dtheta_2b = linear_backward(dz_2b, (cache["s"], cache["theta_2b"]))
    return dict(dy_hat_b=dy_hat_b, dy_hat_b_dz_2b=dy_hat_b_dz_2b, dz_2b=dz_2b, dtheta_2b=dtheta_2b)
    ### END SOLUTION


@expects(dz_2b="m K", cache=CACHE)
def branch_b_backward(dz_2b, cache):
    """From z_2b back through batch norm, ReLU and FC1B, equations jac-z-2b-c, grad-c, grad-beta, grad-gamma, grad-a-1b,
    grad-z-1b and grad-theta-1b.

    Args:
        dz_2b: (m, K), the gradient of z_2b.
        cache: from two_branch_forward.

    Returns:
        A dict of
            dz_2b_dc: (K, n_h), entry [k, j] is the slope of z_2b[i, k] along c[i, j], the same for every sample i.
            dc, da_1b, dz_1b: (m, n_h).
            dbeta, dgamma: the shapes of beta and gamma.
            dtheta_1b: (n_h, n).

    Raises:
        ValueError: a key that is missing from the cache, a wrong shape, NaN or infinity, or not floating point.
    """
    ### BEGIN SOLUTION
    dz_2b_dc = cache["theta_2b"].copy()
    dc, _ = linear_backward(dz_2b, (cache["s"], cache["theta_2b"]))
    batch_norm_cache = tuple(cache[name] for name in ("x_hat", "mu_b", "var_b", "gamma", "beta", "eps"))
    da_1b, dgamma, dbeta = batch_norm_backward(dc, batch_norm_cache)
    dz_1b = relu_backward(da_1b, (cache["z_1b"],))
    _, dtheta_1b = linear_backward(dz_1b, (cache["x"], cache["theta_1b"]))
    return dict(dz_2b_dc=dz_2b_dc, dc=dc, dbeta=dbeta, dgamma=dgamma, da_1b=da_1b, dz_1b=dz_1b, dtheta_1b=dtheta_1b)
    ### END SOLUTION


@expects(dout="", dz_2b="m K", cache=CACHE)
def branch_a_backward(dout, dz_2b, cache):
    """From z_2a back through FC2A, dropout, ReLU and FC1A, equations grad-z-2a, grad-theta-2a, grad-d, grad-z-1a and
    grad-theta-1a.

    Args:
        dout: a scalar, the gradient of the loss itself: 1.0 where the loss is all there is.
        dz_2b: (m, K), the gradient of z_2b.
        cache: from two_branch_forward.

    Returns:
        A dict of dz_2a, dd, dz_1a (m, n_h), dtheta_2a (n_h, n_h) and dtheta_1a (n_h, n).

    Raises:
        ValueError: a key that is missing from the cache, a wrong shape, NaN or infinity, or not floating point.
    """
    ### BEGIN SOLUTION
    ds, _ = linear_backward(dz_2b, (cache["s"], cache["theta_2b"]))
    dz_2a = squared_error_backward(dout, (cache["z_2a"], cache["y_a"])) + ds
    dd, dtheta_2a = linear_backward(dz_2a, (cache["d"], cache["theta_2a"]))
    da_1a = dropout_backward(dd, (cache["mask"],))
    dz_1a = relu_backward(da_1a, (cache["z_1a"],))
    _, dtheta_1a = linear_backward(dz_1a, (cache["x"], cache["theta_1a"]))
    return dict(dz_2a=dz_2a, dtheta_2a=dtheta_2a, dd=dd, dz_1a=dz_1a, dtheta_1a=dtheta_1a)
    ### END SOLUTION


@expects(dout="", cache=CACHE)
def two_branch_backward(dout, cache):
    """The whole backward pass, equations grad-summary and grad-summary-batch: head, branch B, branch A.

    Args:
        dout: a scalar, the gradient of the loss itself: 1.0 where the loss is all there is.
        cache: from two_branch_forward.

    Returns:
        A dict of the six gradients dtheta_1a, dtheta_1b, dtheta_2a, dtheta_2b, dgamma, dbeta, each with its parameter's
        shape. What is found on the way may stand in it too.

    Raises:
        ValueError: a key that is missing from the cache, a wrong shape, NaN or infinity, or not floating point.
    """
    ### BEGIN SOLUTION
    head = head_backward(dout, cache)
    branch_b = branch_b_backward(head["dz_2b"], cache)
    branch_a = branch_a_backward(dout, head["dz_2b"], cache)
    return head | branch_b | branch_a
    ### END SOLUTION

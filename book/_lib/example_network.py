"""The network and the batch that the pages of block 2 share, so that a number means the same on each of them."""

import numpy as np


def draw(seed=88, m=7, n=5, n_h=4, K=3):
    """The arguments of two_branch_forward, drawn so that no mistake can hide.

    All sizes differ, gamma has both signs and is nowhere 1, beta is nowhere
    0, p is not one half, the labels are not one-hot, and the second unit of
    branch B hardly varies, so that eps matters there.

    Args:
        seed: of the random numbers. With the default, each unit is on in
            some samples and off in others.
        m, n, n_h, K: samples, inputs, hidden units, classes.

    Returns:
        x (m, n), y_a (m, n_h), y_b (m, K), params (a dict of the six),
        r (m, n_h), p and eps (numbers).
    """
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(m, n))
    theta_1a, theta_1b = rng.normal(scale=0.6, size=(2, n_h, n))
    theta_1b[1] *= 0.03
    params = {"theta_1a": theta_1a, "theta_1b": theta_1b}
    params["theta_2a"] = rng.normal(scale=0.5, size=(n_h, n_h))
    params["theta_2b"] = rng.normal(scale=0.5, size=(K, n_h))
    sign = rng.choice([-1.0, 1.0], n_h)
    params["gamma"] = sign * rng.uniform(0.5, 2, n_h)
    params["beta"] = rng.normal(size=n_h)
    y_a = rng.normal(size=(m, n_h))
    y_b = rng.dirichlet(np.ones(K), m)
    r = rng.uniform(size=(m, n_h))
    return x, y_a, y_b, params, r, 0.3, 1e-5


def draw_features(seed=5):
    """The arguments of a batch norm that hide nothing, and a gradient that arrives from above.

    m and n differ, gamma has both signs and is nowhere 1, beta is nowhere 0, and the last feature hardly varies.

    Returns:
        x (m, n), gamma and beta (n,), dout (m, n), eps (a number).
    """
    rng = np.random.default_rng(seed)
    m, n = 6, 3
    x = rng.normal(size=(m, n)) * [1.5, 0.8, 0.004] + [2.0, -1.0, 0.5]
    return x, np.array([1.7, -0.6, 0.4]), np.array([0.3, -1.1, 0.8]), rng.normal(size=(m, n)), 1e-5

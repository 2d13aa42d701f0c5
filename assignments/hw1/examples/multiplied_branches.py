"""The network of two branches with a product where the course has a sum."""

import numpy as np

from autograder.questions.public import ask


def multiplied_branches_forward(x, y, theta_a, theta_b, theta_c, gamma, beta, eps):
    """Branch A is a ReLU layer, branch B a ReLU layer and batch norm; they are multiplied, and scored against y.

    Args:
        x, y: (m, n) and (m, K), inputs and targets, one sample a row.
        theta_a, theta_b: (n_h, n). theta_c: (K, n_h).
        gamma, beta: (n_h,).
        eps: above 0, added to the variance under the root.

    Returns:
        out: a scalar, the mean over the batch of half the squared distance.
        cache: a dict of the arguments and of z_a, a, z_b, x_hat, std, c, s (m, n_h; std (n_h,)) and y_hat (m, K).
    """
    z_a, z_b = x @ theta_a.T, x @ theta_b.T
    a, b = (np.where(z.real > 0, z, 0) for z in (z_a, z_b))
    centred = b - b.mean(axis=0)
    std = np.sqrt((centred**2).mean(axis=0) + eps)
    x_hat = centred / std
    c = gamma * x_hat + beta
    s = a * c
    y_hat = s @ theta_c.T
    cache = dict(x=x, y=y, theta_a=theta_a, theta_b=theta_b, theta_c=theta_c, gamma=gamma, beta=beta, eps=eps)
    cache |= dict(z_a=z_a, a=a, z_b=z_b, x_hat=x_hat, std=std, c=c, s=s, y_hat=y_hat)
    return ((y_hat - y) ** 2).sum() / (2 * len(x)), cache


def draw(rng):
    """Sizes all different; every unit is on in some samples and off in others, and no sample sits on a kink."""
    m, n, n_h, K = rng.permutation([4, 5, 6, 7])
    while True:
        x, theta_a, theta_b = rng.normal(size=(m, n)), rng.normal(size=(n_h, n)), rng.normal(size=(n_h, n))
        units = np.stack([x @ theta_a.T, x @ theta_b.T])
        if (units > 0).any(axis=1).all() and (units < 0).any(axis=1).all() and np.abs(units).min() > 1e-3:
            break
    q = dict(x=x, y=rng.normal(size=(m, K)), theta_a=theta_a, theta_b=theta_b, theta_c=rng.normal(size=(K, n_h)))
    gamma, beta = rng.permutation(np.resize([1.7, -0.6], n_h)), rng.permutation(np.resize([-0.8, 1.4, 0.5], n_h))
    return q | dict(gamma=gamma, beta=beta, eps=1e-3)


QUESTION = ask(
    "multiplied branches",
    multiplied_branches_forward,
    draw,
    points={"theta_a": 3, "theta_b": 4, "theta_c": 2, "gamma": 2, "beta": 2},
)

"""Layer normalisation (Ba, Kiros and Hinton, 2016): each sample is standardised over its own features."""

import numpy as np

from autograder.questions.public import ask


def layer_norm_forward(x, gamma, beta, eps):
    """Standardise each row, then stretch and shift each feature.

    Args:
        x: (m, n), one sample a row.
        gamma, beta: (n,), one stretch and one shift a feature.
        eps: above 0, added to the variance under the root.

    Returns:
        out: (m, n).
        cache: (x_hat, std, gamma), x_hat (m, n), std (m, 1): the root that x was divided by.
    """
    centred = x - x.mean(axis=1, keepdims=True)
    std = np.sqrt((centred**2).mean(axis=1, keepdims=True) + eps)
    x_hat = centred / std
    return gamma * x_hat + beta, (x_hat, std, gamma)


def draw(rng):
    """One sample of low variance, gamma of both signs and away from 1, beta away from 0."""
    m, n = rng.permutation([4, 5, 6, 7])[:2]
    x = rng.normal(size=(m, n)) * np.r_[0.03, np.ones(m - 1)][:, None]
    gamma, beta = np.resize([1.7, -0.6], n), np.resize([-0.8, 1.4, 0.5], n)
    return dict(x=x, gamma=rng.permutation(gamma), beta=rng.permutation(beta), eps=1e-3)


QUESTION = ask("layer norm", layer_norm_forward, draw, points={"x": 4, "gamma": 2, "beta": 2})

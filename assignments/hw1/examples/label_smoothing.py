"""Cross-entropy with smoothed labels: each label gives the share alpha of its weight to all classes alike."""

import numpy as np

from autograder.questions.public import ask


def label_smoothing_forward(z, y, alpha):
    """The cross-entropy of softmax(z) and (1 - alpha) y + alpha / K, averaged over the batch.

    Args:
        z: (m, K), scores.
        y: (m, K), labels, rows that sum to one.
        alpha: in [0, 1], the share that is smoothed away.

    Returns:
        out: a scalar.
        cache: (log_y_hat, y, alpha), log_y_hat (m, K) the logarithm of softmax(z).
    """
    shifted = z - z.real.max(axis=1, keepdims=True)
    log_y_hat = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    smoothed = (1 - alpha) * y + alpha / y.shape[1]
    return -(smoothed * log_y_hat).sum() / len(y), (log_y_hat, y, alpha)


def draw(rng):
    """More than two classes, labels that are not one-hot, alpha away from 0, 1 and one half."""
    m, K = rng.permutation([4, 5, 6, 7])[:2]
    return dict(z=rng.normal(size=(m, K)), y=rng.dirichlet(np.ones(K), size=m), alpha=rng.uniform(0.1, 0.4))


QUESTION = ask("label smoothing", label_smoothing_forward, draw, points={"z": 4, "alpha": 2})

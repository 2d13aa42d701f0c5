"""Cross-entropy with label smoothing."""

import numpy as np

name = "label_smoothing"
style = "smoothed target distribution built inside, ignore_index -1 for padding"


def smoothed_ce(logits, labels, eps):
    keep = labels >= 0
    z = logits[keep]
    k = z.shape[1]
    target = np.full(z.shape, eps / k)
    target[np.arange(len(z)), labels[keep]] += 1 - eps
    z = z - z.max(1, keepdims=True)
    logp = z - np.log(np.exp(z).sum(1, keepdims=True))
    return -(target * logp).sum() / keep.sum()


def make(rng):
    logits, labels, eps = rng.normal(size=(7, 4)), np.array([0, 3, -1, 2, 1, -1, 2]), 0.1
    keep = labels >= 0
    p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    hot = np.zeros((7, 4))
    hot[np.arange(7), labels] = 1
    t = hot * (1 - eps) + eps / 4
    m = keep[:, None]
    wrapped = np.zeros((7, 4))
    wrapped[np.arange(7), labels] = 1
    return {
        "forward": lambda logits: smoothed_ce(logits, labels, eps),
        "arguments": {"logits": logits},
        "upstream": None,
        "right": lambda: {"logits": (p - t) * m / 5},
        "wrong": {
            "forgets the smoothing": lambda: {"logits": (p - hot) * m / 5},
            "divides by all rows, padding included": lambda: {"logits": (p - t) * m / 7},
            "lets padded rows through": lambda: {"logits": (p - wrapped * (1 - eps) - eps / 4) / 5},
            "spreads eps over the other classes only": lambda: {
                "logits": (p - np.where(hot == 1, 1 - eps, eps / 3)) * m / 5
            },
            "forgets the constant part eps / k": lambda: {"logits": (p - hot * (1 - eps)) * m / 5},
        },
        "kink": False,
        "dtype": "float64",
    }

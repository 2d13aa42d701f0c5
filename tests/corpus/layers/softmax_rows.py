"""Softmax along the last axis."""

import numpy as np

name = "softmax_rows"
style = "in-place on a private copy: subtract max, exp, divide"


def softmax(scores):
    e = np.array(scores)
    e -= e.max(axis=-1, keepdims=True)
    np.exp(e, out=e)
    e /= e.sum(axis=-1, keepdims=True)
    return e


def make(rng):
    scores, g = 2 * rng.normal(size=(4, 5)), rng.normal(size=(4, 5))
    p = softmax(scores)
    return {
        "forward": softmax,
        "arguments": {"scores": scores},
        "upstream": g,
        "right": lambda: {"scores": p * (g - (g * p).sum(-1, keepdims=True))},
        "wrong": {
            "keeps only the diagonal of the Jacobian": lambda: {"scores": g * p * (1 - p)},
            "omits the mean term": lambda: {"scores": g * p},
            "sums g without weighting it by p": lambda: {"scores": p * (g - g.sum(-1, keepdims=True))},
            "takes the weighted sum over the batch axis": lambda: {"scores": p * (g - (g * p).sum(0, keepdims=True))},
            "forgets the outer factor p": lambda: {"scores": g - (g * p).sum(-1, keepdims=True)},
        },
        "kink": False,
        "dtype": "float64",
    }

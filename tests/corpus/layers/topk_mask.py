"""Keep the k largest entries of each row and zero the rest."""

import numpy as np

name = "topk_mask"
style = "argpartition; the output jumps where the kth and next entries are tied, here 8e-5 apart"


def topk(x, k=2):
    out = np.zeros_like(x)
    idx = np.argpartition(x, -k, axis=-1)[:, -k:]
    np.put_along_axis(out, idx, np.take_along_axis(x, idx, -1), -1)
    return out


def make(rng):
    x = 1 + rng.permutation(20).reshape(4, 5) * 0.1
    x[2] = [1.0, 2.5, 2.0, 2.0 + 8e-5, 1.5]
    g = rng.normal(size=(4, 5))
    keep = topk(x) > 0
    return {
        "forward": topk,
        "arguments": {"x": x},
        "upstream": g,
        "right": lambda: {"x": g * keep},
        "wrong": {
            "lets everything through": lambda: {"x": g.copy()},
            "keeps the largest only": lambda: {"x": g * (x == x.max(1, keepdims=True))},
            "keeps one entry too many": lambda: {"x": g * (topk(x, 3) > 0)},
            "multiplies by the kept values": lambda: {"x": g * topk(x)},
            "divides by k": lambda: {"x": g * keep / 2},
        },
        "kink": True,
        "dtype": "float64",
    }

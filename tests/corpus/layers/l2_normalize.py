"""Scale rows to unit length."""

import numpy as np

name = "l2_normalize"
style = "max(norm, eps) in the denominator; one row is shorter than eps"


def l2_normalize(x, eps=0.1):
    return x / np.maximum(np.sqrt((x**2).sum(1, keepdims=True)), eps)


def make(rng):
    x = rng.normal(size=(4, 3))
    x[1] *= 0.01
    g = rng.normal(size=(4, 3))
    n = np.sqrt((x**2).sum(1, keepdims=True))
    m = np.maximum(n, 0.1)
    dot = (x * g).sum(1, keepdims=True)
    on = n > 0.1
    return {
        "forward": l2_normalize,
        "arguments": {"x": x},
        "upstream": g,
        "right": lambda: {"x": g / m - on * x * dot / m**3},
        "wrong": {
            "treats the norm as constant": lambda: {"x": g / m},
            "projects the short row as well": lambda: {"x": g / m - x * dot / (m * n**2)},
            "divides the projection by n squared": lambda: {"x": g / m - on * x * dot / m**2},
            "adds the projection": lambda: {"x": g / m + on * x * dot / m**3},
            "forgets the division by the norm": lambda: {"x": g - on * x * dot / m**2},
        },
        "kink": False,
        "dtype": "float64",
    }

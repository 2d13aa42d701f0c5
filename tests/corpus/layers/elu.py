"""Exponential linear unit."""

import numpy as np

name = "elu"
style = "boolean indexing into a copy, backward from the cached output"


def elu(x, alpha=1.0):
    out = x.copy()
    neg = x <= 0
    out[neg] = alpha * np.expm1(x[neg])
    return out


def elu_backward(grad, out, alpha=1.0):
    d = np.ones_like(out)
    neg = out <= 0
    d[neg] = out[neg] + alpha
    return grad * d


def make(rng):
    alpha = 1.5  # so the two sides meet with different slopes
    x = rng.normal(size=(3, 4)) * 2
    x[np.abs(x) < 0.05] = 0.4
    g = rng.normal(size=x.shape)
    out = elu(x, alpha)
    neg = x <= 0
    return {
        "forward": lambda x: elu(x, alpha),
        "arguments": {"x": x},
        "upstream": g,
        "right": lambda: {"x": elu_backward(g, out, alpha)},
        "wrong": {
            "forgets to add alpha to the output": lambda: {"x": g * np.where(neg, out, 1)},
            "uses alpha = 1": lambda: {"x": elu_backward(g, out, 1.0)},
            "takes the exponential of the output": lambda: {"x": g * np.where(neg, alpha * np.exp(out), 1)},
            "returns 0 on the negative side": lambda: {"x": g * ~neg},
            "has exp(-x) on the negative side": lambda: {"x": g * np.where(neg, alpha * np.exp(-x), 1)},
        },
        "kink": False,
        "dtype": "float64",
    }

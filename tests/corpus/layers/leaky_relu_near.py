"""Leaky ReLU with inputs close to, but not at, zero."""

import numpy as np

name = "leaky_relu_near"
style = "closure: leaky(alpha) returns a pair of functions; some inputs within 5e-5 of the kink"


def leaky(alpha):
    def f(x):
        return np.where(x > 0, x, alpha * x)

    def df(x, g):
        return np.where(x > 0, g, alpha * g)

    return f, df


def make(rng):
    f, df = leaky(0.1)
    x = rng.normal(size=12)
    x[np.abs(x) < 0.05] = -0.7
    x[2], x[5], x[9] = 3e-5, -4e-5, 1e-5
    g = rng.normal(size=12)
    return {
        "forward": f,
        "arguments": {"x": x},
        "upstream": g,
        "right": lambda: {"x": df(x, g)},
        "wrong": {
            "treats the layer as a plain ReLU": lambda: {"x": g * (x > 0)},
            "uses the wrong slope 0.01": lambda: {"x": np.where(x > 0, g, 0.01 * g)},
            "swaps the two sides": lambda: {"x": np.where(x > 0, 0.1 * g, g)},
            "multiplies the negative side by x again": lambda: {"x": np.where(x > 0, g, 0.1 * g * x)},
            "forgets the upstream gradient on the negative side": lambda: {"x": np.where(x > 0, g, 0.1)},
        },
        "kink": True,
        "dtype": "float64",
    }

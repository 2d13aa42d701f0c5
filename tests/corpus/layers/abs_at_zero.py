"""Absolute value with zeros among the inputs."""

import numpy as np

name = "abs_at_zero"
style = "np.abs with np.sign as derivative, weighted by a parameter, float32"


def weighted_abs(x, w):
    return w * np.abs(x)


def make(rng):
    x = rng.normal(size=(3, 4))
    x = (np.sign(x) * (np.abs(x) + 0.1)).astype(np.float32)
    x[0, 2] = x[2, 1] = 0
    w = rng.normal(size=4).astype(np.float32)
    g = rng.normal(size=(3, 4)).astype(np.float32)

    def right():
        return {"x": g * w * np.sign(x), "w": (g * np.abs(x)).sum(0)}

    return {
        "forward": weighted_abs,
        "arguments": {"x": x, "w": w},
        "upstream": g,
        "right": right,
        "wrong": {
            "forgets the sign": lambda: right() | {"x": g * w},
            "forgets the weight": lambda: right() | {"x": g * np.sign(x)},
            "uses x in place of its absolute value for w": lambda: right() | {"w": (g * x).sum(0)},
            "takes the absolute value of the gradient": lambda: right() | {"x": np.abs(g * w)},
            "takes the sign of the weighted input": lambda: right() | {"x": g * w * np.sign(w * x)},
        },
        "kink": True,
        "dtype": "float32",
    }

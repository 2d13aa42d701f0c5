"""Softplus for large and small inputs."""

import numpy as np

name = "softplus"
style = "numerically stable through logaddexp, inputs between -40 and 60"


def softplus(v):
    return np.logaddexp(0.0, v)


def make(rng):
    v = np.concatenate([rng.normal(size=7), [-40.0, -12.0, 15.0, 60.0]])
    g = rng.normal(size=v.size)
    s = 1 / (1 + np.exp(-v))
    return {
        "forward": softplus,
        "arguments": {"v": v},
        "upstream": g,
        "right": lambda: {"v": g * s},
        "wrong": {
            "differentiates the sigmoid again": lambda: {"v": g * s * (1 - s)},
            "has the sigmoid of minus v": lambda: {"v": g * (1 - s)},
            "uses tanh": lambda: {"v": g * np.tanh(v)},
            "uses the derivative of ReLU": lambda: {"v": g * (v > 0)},
            "forgets to multiply by the upstream gradient": lambda: {"v": s},
        },
        "kink": False,
        "dtype": "float64",
    }

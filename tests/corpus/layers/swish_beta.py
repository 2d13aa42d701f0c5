"""Swish with a learned scalar beta."""

import numpy as np

name = "swish_beta"
style = "a 0-d array among the arguments"


def swish(x, beta):
    return x / (1 + np.exp(-beta * x))


def make(rng):
    x, beta, g = rng.normal(size=(3, 5)), np.array(1.3), rng.normal(size=(3, 5))
    s = 1 / (1 + np.exp(-beta * x))
    ds = s * (1 - s)

    def right():
        return {"x": g * (s + beta * x * ds), "beta": np.sum(g * x * x * ds)}

    return {
        "forward": swish,
        "arguments": {"x": x, "beta": beta},
        "upstream": g,
        "right": right,
        "wrong": {
            "forgets beta in the input gradient": lambda: right() | {"x": g * (s + x * ds)},
            "has x only once in the beta gradient": lambda: right() | {"beta": np.sum(g * x * ds)},
            "averages the beta gradient": lambda: right() | {"beta": np.mean(g * x * x * ds)},
            "drops the sigmoid term": lambda: right() | {"x": g * beta * x * ds},
            "forgets the upstream gradient in beta": lambda: right() | {"beta": np.sum(x * x * ds)},
        },
        "kink": False,
        "dtype": "float64",
    }

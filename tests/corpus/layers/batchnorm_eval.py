"""Batch norm at test time, with fixed statistics."""

from functools import partial

import numpy as np

name = "batchnorm_eval"
style = "functools.partial with the running statistics filled in"


def bn_inference(mean, var, x, gamma, beta):
    return gamma * (x - mean) / np.sqrt(var + 1e-3) + beta


def make(rng):
    mean, var = rng.normal(size=4), rng.uniform(0.5, 2, size=4)
    x, gamma, beta = rng.normal(size=(5, 4)), rng.normal(size=4), rng.normal(size=4)
    g = rng.normal(size=(5, 4))
    inv = 1 / np.sqrt(var + 1e-3)
    xh = (x - mean) * inv

    def right():
        return {"x": g * gamma * inv, "gamma": (g * xh).sum(0), "beta": g.sum(0)}

    dh = g * gamma
    return {
        "forward": partial(bn_inference, mean, var),
        "arguments": {"x": x, "gamma": gamma, "beta": beta},
        "upstream": g,
        "right": right,
        "wrong": {
            "uses the training-mode formula": lambda: right() | {"x": inv * (dh - dh.mean(0) - xh * (dh * xh).mean(0))},
            "divides by the variance in place of its root": lambda: right() | {"x": g * gamma / (var + 1e-3)},
            "forgets gamma": lambda: right() | {"x": g * inv},
            "normalizes with the batch's statistics for gamma": lambda: (
                right() | {"gamma": (g * (x - x.mean(0)) / x.std(0)).sum(0)}
            ),
            "uses an epsilon of 0.1": lambda: right() | {"x": g * gamma / np.sqrt(var + 1e-1)},
        },
        "kink": False,
        "dtype": "float64",
    }

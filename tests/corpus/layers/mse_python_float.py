"""Mean squared error that returns a Python float."""

import numpy as np

name = "mse_python_float"
style = "returns float(...), target captured by a closure"


def make_mse(target):
    def mse(pred):
        return float(np.mean((pred - target) ** 2))

    return mse


def make(rng):
    pred, target = rng.normal(size=(5, 3)), rng.normal(size=(5, 3))
    r = pred - target
    return {
        "forward": make_mse(target),
        "arguments": {"pred": pred},
        "upstream": None,
        "right": lambda: {"pred": 2 * r / r.size},
        "wrong": {
            "divides by the batch size only": lambda: {"pred": 2 * r / len(r)},
            "forgets the factor 2": lambda: {"pred": r / r.size},
            "has target minus prediction": lambda: {"pred": -2 * r / r.size},
            "does not divide at all": lambda: {"pred": 2 * r},
            "returns the mean residual for every entry": lambda: {"pred": np.full_like(r, 2 * r.mean())},
        },
        "kink": False,
        "dtype": "float64",
    }

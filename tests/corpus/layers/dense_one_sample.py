"""Affine map of a single vector."""

import numpy as np

name = "dense_one_sample"
style = "one sample as a 1-d vector, W x + b with np.outer, non-contiguous weight array"


def layer(x, W, b):
    return W @ x + b


def make(rng):
    x, b = rng.normal(size=4), rng.normal(size=4)
    W = rng.normal(size=(4, 4)).T  # Fortran order
    d = rng.normal(size=4)

    def right():
        return {"x": W.T @ d, "W": np.outer(d, x), "b": d.copy()}

    return {
        "forward": layer,
        "arguments": {"x": x, "W": W, "b": b},
        "upstream": d,
        "right": right,
        "wrong": {
            "forgets to transpose W": lambda: right() | {"x": W @ d},
            "swaps the factors of the outer product": lambda: right() | {"W": np.outer(x, d)},
            "returns ones for the bias": lambda: right() | {"b": np.ones(4)},
            "multiplies elementwise instead of forming an outer product": lambda: right() | {"W": np.diag(d * x)},
            "uses the output in place of the input": lambda: right() | {"W": np.outer(d, layer(x, W, b))},
        },
        "kink": False,
        "dtype": "float64",
    }

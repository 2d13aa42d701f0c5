"""Affine layer on a batch of rows."""

import numpy as np

name = "dense_plain"
style = "one plain function, samples in rows, weights (in, out)"


def affine(X, W, b):
    return X @ W + b


def affine_grad(dY, X, W):
    return {"X": dY @ W.T, "W": X.T @ dY, "b": dY.sum(axis=0)}


def make(rng):
    X, W, b = rng.normal(size=(6, 4)), rng.normal(size=(4, 3)), rng.normal(size=3)
    dY = rng.normal(size=(6, 3))
    right = affine_grad(dY, X, W)
    return {
        "forward": affine,
        "arguments": {"X": X, "W": W, "b": b},
        "upstream": dY,
        "right": lambda: affine_grad(dY, X, W),
        "wrong": {
            "averages the bias gradient over the batch": lambda: right | {"b": dY.mean(axis=0)},
            "averages the weight gradient over the batch": lambda: right | {"W": X.T @ dY / len(X)},
            "takes only the first sample for the bias": lambda: right | {"b": dY[0]},
            "ignores the upstream gradient": lambda: affine_grad(np.ones_like(dY), X, W),
            "flips the sign of the input gradient": lambda: right | {"X": -dY @ W.T},
        },
        "kink": False,
        "dtype": "float64",
    }

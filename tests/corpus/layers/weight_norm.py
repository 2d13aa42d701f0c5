"""Linear layer with weight normalization."""

import numpy as np

name = "weight_norm"
style = "direction v and length g per output unit"


def wn_linear(x, v, g):
    norm = np.linalg.norm(v, axis=1, keepdims=True)
    return x @ (g[:, None] * v / norm).T


def make(rng):
    x, v, g, d = rng.normal(size=(5, 4)), rng.normal(size=(3, 4)), rng.normal(size=3) + 2, rng.normal(size=(5, 3))
    n = np.linalg.norm(v, axis=1, keepdims=True)
    W = g[:, None] * v / n
    dW = d.T @ x
    dot = (dW * v).sum(1, keepdims=True)

    def right():
        return {"x": d @ W, "v": g[:, None] / n * (dW - v * dot / n**2), "g": (dot / n)[:, 0]}

    return {
        "forward": wn_linear,
        "arguments": {"x": x, "v": v, "g": g},
        "upstream": d,
        "right": right,
        "wrong": {
            "treats the norm as constant": lambda: right() | {"v": g[:, None] / n * dW},
            "returns the gradient of the effective weight": lambda: right() | {"v": dW},
            "divides the projection by the norm once": lambda: right() | {"v": g[:, None] / n * (dW - v * dot / n)},
            "forgets to normalize v in the gradient of g": lambda: right() | {"g": dot[:, 0]},
            "forgets g in the input gradient": lambda: right() | {"x": d @ (v / n)},
        },
        "kink": False,
        "dtype": "float64",
    }

"""Residual ReLU layer in which one hidden unit lies at the kink although no argument is zero."""

import numpy as np

name = "residual_hidden_kink"
style = "h = x + relu(x W); integers and halves, so a pre-activation is exactly zero"


def layer(x, W):
    return x + np.maximum(x @ W, 0.0)


def make(rng):
    x, W = rng.integers(1, 5, size=(3, 2)) / 2, rng.integers(1, 4, size=(2, 2)) / 2
    x[0] = [1.0, 2.0]
    W[:, 1] = [1.0, -0.5]
    x[1], x[2] = [0.5, 2.0], [2.0, 1.0]
    g = rng.normal(size=(3, 2))
    on = x @ W > 0

    def back(dz, skip=g):
        return {"x": skip + dz @ W.T, "W": x.T @ dz}

    return {
        "forward": layer,
        "arguments": {"x": x, "W": W},
        "upstream": g,
        "right": lambda: back(g * on),
        "wrong": {
            "forgets the mask": lambda: back(g),
            "forgets the skip connection": lambda: back(g * on, 0),
            "masks the skip connection as well": lambda: back(g * on, g * on),
            "masks by the sign of the output": lambda: back(g * (x + np.maximum(x @ W, 0) > 0)),
            "averages the weight gradient": lambda: back(g * on) | {"W": x.T @ (g * on) / 3},
        },
        "kink": True,
        "dtype": "float64",
    }

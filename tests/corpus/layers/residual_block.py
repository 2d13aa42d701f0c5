"""Pre-activation residual block with ReLU."""

import numpy as np

name = "residual_block"
style = "x + W2 relu(W1 norm(x)), parameters as a list; hidden units away from the kink"


def block(x, params):
    W1, b1, W2 = params
    n = x / np.sqrt((x * x).mean(-1, keepdims=True) + 1e-5)
    return x + np.maximum(n @ W1 + b1, 0) @ W2


def make(rng):
    while True:
        x, W1, b1, W2 = (rng.normal(size=s) for s in ((4, 3), (3, 5), (5,), (5, 3)))
        r = 1 / np.sqrt((x * x).mean(-1, keepdims=True) + 1e-5)
        n = x * r
        z = n @ W1 + b1
        if np.abs(z).min() > 0.01:
            break
    g = rng.normal(size=(4, 3))

    def back(slip=None):
        dz = g @ W2.T
        if slip != "relu":
            dz = dz * (z > 0)
        dn = dz @ W1.T
        dx = r * dn if slip == "norm" else r * (dn - n * (dn * n).mean(-1, keepdims=True))
        if slip == "double":
            dx = dx + 2 * g
        elif slip != "skip":
            dx = dx + g
        return {
            "x": dx,
            "W1": (x if slip == "input" else n).T @ dz,
            "b1": dz.sum(0),
            "W2": np.maximum(z, 0).T @ g,
        }

    return {
        "forward": lambda x, W1, b1, W2: block(x, [W1, b1, W2]),
        "arguments": {"x": x, "W1": W1, "b1": b1, "W2": W2},
        "upstream": g,
        "right": back,
        "wrong": {
            "forgets the skip connection": lambda: back("skip"),
            "counts the skip connection twice": lambda: back("double"),
            "forgets the ReLU mask": lambda: back("relu"),
            "treats the norm as constant": lambda: back("norm"),
            "uses the raw input in the gradient of W1": lambda: back("input"),
        },
        "kink": False,
        "dtype": "float64",
        "native": {
            "callable": block,
            "inputs": (x, [W1, b1, W2]),
            "handed over as": "block(x, params) with params a list; gradients (dx, [dW1, db1, dW2])",
        },
    }

"""Dense sigmoid layer with samples in columns."""

import numpy as np

name = "dense_columns"
style = "deep-learning-course notation: A_prev (n, m), bias (n, 1), returns (A, cache)"


def linear_activation_forward(A_prev, W, b):
    Z = np.dot(W, A_prev) + b
    A = 1 / (1 + np.exp(-Z))
    return A, ((A_prev, W, b), Z)


def linear_activation_backward(dA, cache):
    (A_prev, W, _b), Z = cache
    s = 1 / (1 + np.exp(-Z))
    dZ = dA * s * (1 - s)
    dW = np.dot(dZ, A_prev.T)
    db = np.sum(dZ, axis=1, keepdims=True)
    dA_prev = np.dot(W.T, dZ)
    return dA_prev, dW, db


def make(rng):
    A_prev, W, b = rng.normal(size=(4, 7)), rng.normal(size=(3, 4)), rng.normal(size=(3, 1))
    dA = rng.normal(size=(3, 7))
    _, cache = linear_activation_forward(A_prev, W, b)
    m = A_prev.shape[1]

    def pack(t):
        return dict(zip(("A_prev", "W", "b"), t, strict=True))

    def no_square():
        s = 1 / (1 + np.exp(-cache[1]))
        dZ = dA * s
        return pack((W.T @ dZ, dZ @ A_prev.T, dZ.sum(1, keepdims=True)))

    def right():
        return pack(linear_activation_backward(dA, cache))

    return {
        "forward": lambda A_prev, W, b: linear_activation_forward(A_prev, W, b)[0],
        "arguments": {"A_prev": A_prev, "W": W, "b": b},
        "upstream": dA,
        "right": right,
        "wrong": {
            "divides dW and db by m although the loss already has the mean": lambda: (
                right() | {"W": right()["W"] / m, "b": right()["b"] / m}
            ),
            "forgets the factor 1 - s": no_square,
            "takes the sigmoid of A in place of Z": lambda: pack(
                linear_activation_backward(dA, (cache[0], 1 / (1 + np.exp(-cache[1]))))
            ),
            "sums the whole of dZ for every bias": lambda: right() | {"b": np.full((3, 1), right()["b"].sum())},
            "returns dA as if the activation were linear": lambda: pack((W.T @ dA, dA @ A_prev.T, dA.sum(1)[:, None])),
        },
        "kink": False,
        "dtype": "float64",
        "native": {
            "callable": linear_activation_forward,
            "inputs": (A_prev, W, b),
            "handed over as": "forward returns (A, cache); backward(dA, cache) returns (dA_prev, dW, db)",
        },
    }

"""Softmax regression with the width of a digit image."""

import numpy as np

name = "digits_softmax"
style = "784 inputs, 10 classes, many weights whose gradient is exactly 0 because the pixels are black; float32"


def loss(W, b, images, onehot):
    z = images @ W + b
    z = z - z.max(axis=1, keepdims=True)
    return -np.mean(np.sum(onehot * (z - np.log(np.exp(z).sum(axis=1, keepdims=True))), axis=1))


def make(rng):
    images = (rng.random((8, 784)) * (rng.random((1, 784)) < 0.2)).astype(np.float32)
    onehot = np.eye(10, dtype=np.float32)[rng.integers(0, 10, size=8)]
    W, b = (0.05 * rng.normal(size=(784, 10))).astype(np.float32), np.zeros(10, dtype=np.float32)
    z = images @ W + b
    p = np.exp(z - z.max(1, keepdims=True))
    p /= p.sum(1, keepdims=True)

    def out(d):
        return lambda: {"W": images.T @ d, "b": d.sum(0)}

    d = (p - onehot) / 8
    return {
        "forward": lambda W, b: loss(W, b, images, onehot),
        "arguments": {"W": W, "b": b},
        "upstream": None,
        "right": out(d),
        "wrong": {
            "sums over the batch": out(8 * d),
            "forgets the labels": out(p / 8),
            "adds a small weight decay": lambda: {"W": images.T @ d + np.float32(0.01) * W, "b": d.sum(0)},
            "multiplies by p (1 - p)": out(d * p * (1 - p)),
            "loses the last sample": out(np.vstack([d[:-1], 0 * d[-1:]])),
        },
        "kink": False,
        "dtype": "float32",
        "native": {
            "callable": loss,
            "inputs": (W, b, images, onehot),
            "handed over as": "loss(W, b, images, onehot), differentiate by the first two only",
        },
    }

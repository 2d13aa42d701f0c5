"""Linear layer with a bias in front of batch norm."""

import numpy as np

name = "dense_before_batchnorm"
style = "fused function; the bias has an exactly zero gradient, and eps is 0"


def block(x, w, bias):
    z = x @ w + bias
    z = z - z.mean(0)
    return z / np.sqrt((z * z).mean(0))


def make(rng):
    x, w, bias = rng.normal(size=(7, 3)), rng.normal(size=(3, 4)), rng.normal(size=4)
    g = rng.normal(size=(7, 4))
    z = x @ w + bias
    inv = 1 / z.std(0)
    zh = (z - z.mean(0)) * inv

    def grads(dz):
        return {"x": dz @ w.T, "w": x.T @ dz, "bias": dz.sum(0)}

    dz = inv * (g - g.mean(0) - zh * (g * zh).mean(0))
    return {
        "forward": block,
        "arguments": {"x": x, "w": w, "bias": bias},
        "upstream": g,
        "right": lambda: grads(dz),
        "wrong": {
            "sums the upstream gradient for the bias": lambda: grads(dz) | {"bias": g.sum(0)},
            "forgets the variance path": lambda: grads(inv * (g - g.mean(0))),
            "forgets the mean path": lambda: grads(inv * (g - zh * (g * zh).mean(0))),
            "sums in place of averaging in the projection": lambda: grads(inv * (g - g.mean(0) - zh * (g * zh).sum(0))),
            "uses the variance in place of the standard deviation": lambda: grads(dz * inv),
        },
        "kink": False,
        "dtype": "float64",
    }

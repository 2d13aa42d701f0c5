"""Dense layer that writes into a buffer it owns."""

import numpy as np

name = "dense_buffer"
style = "callable object; every call returns the same preallocated output array"


class FastDense:
    def __init__(self, n, out):
        self.y = np.empty((n, out))

    def __call__(self, x, w, b):
        np.dot(x, w, out=self.y)
        self.y += b
        np.multiply(self.y, self.y, out=self.y)
        return self.y


def make(rng):
    x, w, b = rng.normal(size=(4, 3)), rng.normal(size=(3, 2)), rng.normal(size=2)
    up = rng.normal(size=(4, 2))

    def grads(dz):
        return {"x": dz @ w.T, "w": x.T @ dz, "b": dz.sum(0)}

    z = x @ w + b
    return {
        "forward": FastDense(4, 2),
        "arguments": {"x": x, "w": w, "b": b},
        "upstream": up,
        "right": lambda: grads(2 * z * up),
        "wrong": {
            "uses the squared output in place of the pre-activation": lambda: grads(2 * z**2 * up),
            "forgets the factor 2": lambda: grads(z * up),
            "forgets the upstream gradient": lambda: grads(2 * z),
            "forgets the square entirely": lambda: grads(up),
            "uses the absolute value of the pre-activation": lambda: grads(2 * np.abs(z) * up),
        },
        "kink": False,
        "dtype": "float64",
        "native": {"object": FastDense(4, 2), "handed over as": "the object itself is the forward callable"},
    }

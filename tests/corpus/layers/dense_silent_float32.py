"""Dense layer that computes in single precision whatever it is given."""

import numpy as np

name = "dense_silent_float32"
style = "arguments are float64, but the function casts to float32 inside and returns float32"


def predict(features, theta):
    f = np.asarray(features, dtype=np.float32)
    t = np.asarray(theta, dtype=np.float32)
    z = f @ t
    return np.float32(1) / (np.float32(1) + np.exp(-z))


def make(rng):
    features, theta = rng.normal(size=(6, 3)), rng.normal(size=3)
    g = rng.normal(size=6)
    p = 1 / (1 + np.exp(-features @ theta))

    def grads(dz):
        return {"features": np.outer(dz, theta), "theta": features.T @ dz}

    return {
        "forward": predict,
        "arguments": {"features": features, "theta": theta},
        "upstream": g,
        "right": lambda: grads(g * p * (1 - p)),
        "wrong": {
            "forgets the derivative of the sigmoid": lambda: grads(g),
            "uses p in place of p (1 - p)": lambda: grads(g * p),
            "uses 1 - p squared": lambda: grads(g * (1 - p**2)),
            "averages over the samples": lambda: (
                grads(g * p * (1 - p)) | {"theta": features.T @ (g * p * (1 - p)) / len(p)}
            ),
            "has the sign of minimising reversed": lambda: grads(-g * p * (1 - p)),
        },
        "kink": False,
        "dtype": "float64",
    }

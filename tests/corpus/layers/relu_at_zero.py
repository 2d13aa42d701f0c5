"""ReLU with some inputs exactly zero."""

import numpy as np

name = "relu_at_zero"
style = "two short functions, derivative at zero taken as 0"


def relu(z):
    return np.maximum(0, z)


def relu_backward(dA, z):
    dZ = np.array(dA, copy=True)
    dZ[z <= 0] = 0
    return dZ


def make(rng):
    z = rng.normal(size=(4, 5))
    z[np.abs(z) < 0.05] = 0.5
    z[0, 0] = z[2, 3] = z[3, 1] = 0.0
    dA = rng.normal(size=z.shape)
    return {
        "forward": relu,
        "arguments": {"z": z},
        "upstream": dA,
        "right": lambda: {"z": relu_backward(dA, z)},
        "wrong": {
            "masks by the sign of the upstream gradient": lambda: {"z": dA * (dA > 0)},
            "returns the mask without the upstream gradient": lambda: {"z": (z > 0).astype(float)},
            "multiplies by the output in place of the mask": lambda: {"z": dA * relu(z)},
            "keeps the negative side": lambda: {"z": dA * (z < 0)},
            "masks both the input and the upstream gradient": lambda: {"z": dA * (z > 0) * (dA > 0)},
        },
        "kink": True,
        "dtype": "float64",
    }

"""ReLU that overwrites its argument."""

import numpy as np

name = "relu_inplace"
style = "changes its argument in place and returns it, to save memory"


def relu_(x):
    x[x < 0] = 0.0
    return x


def make(rng):
    x = rng.normal(size=(3, 6))
    x = np.where(np.abs(x) < 0.05, 0.3, x)
    g = rng.normal(size=x.shape)
    mask = x > 0
    saved = x.copy()
    return {
        "forward": relu_,
        "arguments": {"x": x},
        "upstream": g,
        "right": lambda: {"x": g * mask},
        "wrong": {
            "tests x >= 0 after the input has been overwritten": lambda: {"x": g * (np.maximum(saved, 0) >= 0)},
            "passes the gradient on unchanged where it is positive": lambda: {"x": np.maximum(g, 0)},
            "masks where the magnitude exceeds one": lambda: {"x": g * (saved > 1)},
            "scales the gradient by the input": lambda: {"x": g * np.maximum(saved, 0)},
            "has the mask of the transposed batch": lambda: {"x": g * mask[::-1]},
        },
        "kink": False,
        "dtype": "float64",
        "native": {"callable": relu_, "handed over as": "y = relu_(x.copy()); the caller must copy, or x is lost"},
    }

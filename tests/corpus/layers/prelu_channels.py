"""Parametric ReLU with one slope per channel."""

import numpy as np

name = "prelu_channels"
style = "learned slope per channel of an NCHW array, broadcast by reshape, float32"


def prelu(x, slope):
    a = slope.reshape(1, -1, 1, 1)
    return np.maximum(x, 0) + a * np.minimum(x, 0)


def prelu_grad(x, slope, dy):
    a = slope.reshape(1, -1, 1, 1)
    dx = dy * np.where(x > 0, np.float32(1), a)
    dslope = (dy * np.minimum(x, 0)).sum(axis=(0, 2, 3))
    return {"x": dx, "slope": dslope}


def make(rng):
    x = rng.normal(size=(2, 3, 3, 3))
    x = (np.sign(x) * (np.abs(x) + 0.05)).astype(np.float32)
    slope = np.array([0.25, 0.1, -0.3], dtype=np.float32)
    dy = rng.normal(size=x.shape).astype(np.float32)
    r = prelu_grad(x, slope, dy)
    return {
        "forward": prelu,
        "arguments": {"x": x, "slope": slope},
        "upstream": dy,
        "right": lambda: prelu_grad(x, slope, dy),
        "wrong": {
            "sums the slope gradient over all inputs, not only negative ones": lambda: (
                r | {"slope": (dy * x).sum(axis=(0, 2, 3))}
            ),
            "averages the slope gradient over the batch": lambda: r | {"slope": r["slope"] / np.float32(2)},
            "leaves the slope out of the input gradient": lambda: r | {"x": dy * (x > 0)},
            "shares one slope gradient among the channels": lambda: (
                r | {"slope": np.full(3, r["slope"].sum(), dtype=np.float32)}
            ),
            "multiplies the slope gradient by the slope": lambda: r | {"slope": r["slope"] * slope},
        },
        "kink": False,
        "dtype": "float32",
    }

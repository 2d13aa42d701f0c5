"""Maxout unit with tied pieces."""

import numpy as np

name = "maxout_ties"
style = "k pieces along the last axis, argmax and take_along_axis; two pieces tie in one place"


def maxout(z):
    k = z.argmax(-1)[..., None]
    return np.take_along_axis(z, k, -1)[..., 0]


def maxout_grad(z, dh):
    dz = np.zeros_like(z)
    np.put_along_axis(dz, z.argmax(-1)[..., None], dh[..., None], -1)
    return dz


def make(rng):
    z = rng.permutation(60).reshape(4, 5, 3) * 0.1
    z[1, 2] = [2.0, 2.0, -1.0]
    dh = rng.normal(size=(4, 5))
    return {
        "forward": maxout,
        "arguments": {"z": z},
        "upstream": dh,
        "right": lambda: {"z": maxout_grad(z, dh)},
        "wrong": {
            "hands the gradient to every piece": lambda: {"z": np.repeat(dh[..., None], 3, -1)},
            "hands it to the smallest piece": lambda: {"z": maxout_grad(-z, dh)},
            "multiplies it by the maximum": lambda: {"z": maxout_grad(z, dh * maxout(z))},
            "spreads it evenly over the pieces": lambda: {"z": np.repeat(dh[..., None], 3, -1) / 3},
            "takes the maximum along the wrong axis": lambda: {
                "z": np.where(z == z.max(1, keepdims=True), dh[..., None], 0)
            },
        },
        "kink": True,
        "dtype": "float64",
    }

"""RMS norm."""

import numpy as np

name = "rmsnorm"
style = "language-model code: weight * (x * rsqrt(mean(x^2) + eps))"


def rms_norm(x, weight):
    return weight * (x * (np.mean(x * x, axis=-1, keepdims=True) + 1e-6) ** -0.5)


def make(rng):
    x, w, g = rng.normal(size=(4, 6)), rng.normal(size=6), rng.normal(size=(4, 6))
    r = (np.mean(x * x, -1, keepdims=True) + 1e-6) ** -0.5
    d, n = g * w, 6

    def right():
        return {"x": r * d - x * r**3 * (d * x).sum(-1, keepdims=True) / n, "weight": (g * x * r).sum(0)}

    return {
        "forward": rms_norm,
        "arguments": {"x": x, "weight": w},
        "upstream": g,
        "right": right,
        "wrong": {
            "treats the root mean square as constant": lambda: right() | {"x": r * d},
            "forgets to divide the projection by n": lambda: (
                right() | {"x": r * d - x * r**3 * (d * x).sum(-1, keepdims=True)}
            ),
            "has r in place of r cubed": lambda: right() | {"x": r * d - x * r * (d * x).mean(-1, keepdims=True)},
            "subtracts the mean, as layer norm does": lambda: (
                right() | {"x": right()["x"] - r * d.mean(-1, keepdims=True)}
            ),
            "forgets to normalize x in the weight gradient": lambda: right() | {"weight": (g * x).sum(0)},
        },
        "kink": False,
        "dtype": "float64",
    }

"""Hard swish away from its kinks."""

import numpy as np

name = "hard_swish"
style = "mobile-network code, x * relu6(x + 3) / 6, float32"


def relu6(x):
    return np.minimum(np.maximum(x, 0), 6)


def hswish(x):
    return x * relu6(x + 3) / 6


def make(rng):
    x = rng.uniform(-5, 5, size=(2, 3, 4))
    x[np.abs(np.abs(x) - 3) < 0.1] = 1.0
    x.flat[:3] = [-4.5, 4.2, 2.0]
    x = x.astype(np.float32)
    g = rng.normal(size=x.shape).astype(np.float32)
    inside = (x > -3) & (x < 3)
    return {
        "forward": hswish,
        "arguments": {"x": x},
        "upstream": g,
        "right": lambda: {"x": g * np.where(inside, (2 * x + 3) / 6, (x >= 3).astype(np.float32))},
        "wrong": {
            "forgets the product rule": lambda: {"x": g * relu6(x + 3) / 6},
            "returns 0 above 3": lambda: {"x": g * np.where(inside, (2 * x + 3) / 6, np.float32(0))},
            "has x + 3 in place of 2x + 3": lambda: {"x": g * np.where(inside, (x + 3) / 6, x >= 3).astype(np.float32)},
            "forgets the division by 6": lambda: {"x": g * np.where(inside, 2 * x + 3, x >= 3).astype(np.float32)},
            "applies the middle formula everywhere": lambda: {"x": g * (2 * x + 3) / 6},
        },
        "kink": False,
        "dtype": "float32",
    }

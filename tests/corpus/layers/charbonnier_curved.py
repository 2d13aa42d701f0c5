"""Distance loss with strong curvature."""

import numpy as np

name = "charbonnier_curved"
style = "Charbonnier penalty sqrt(d^2 + eps^2), mean over many pixels; inputs and eps around 1e-3, so strongly curved"


def charbonnier(a, b, eps=1e-3):
    return np.mean(np.sqrt((a - b) ** 2 + eps * eps))


def make(rng):
    a, b = 1e-3 * rng.normal(size=(6, 8)), 1e-3 * rng.normal(size=(6, 8))
    d = a - b
    s = np.sqrt(d * d + 1e-6)

    def out(g):
        return lambda: {"a": g, "b": -g}

    return {
        "forward": charbonnier,
        "arguments": {"a": a, "b": b},
        "upstream": None,
        "right": out(d / s / d.size),
        "wrong": {
            "uses the sign as for the absolute error": out(np.sign(d) / d.size),
            "has eps in place of its square": out(d / np.sqrt(d * d + 1e-3) / d.size),
            "forgets the root": out(d / s**2 / d.size * 1e-3),
            "leaves a factor 2 from the square": out(2 * d / s / d.size),
            "sums over one axis only": out(d / s / 8),
        },
        "kink": False,
        "dtype": "float64",
    }

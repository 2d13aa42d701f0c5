"""Gated linear unit."""

import numpy as np

name = "glu_split"
style = "np.split of one array into value and gate"


def glu(h):
    a, b = np.split(h, 2, axis=-1)
    return a * (1 / (1 + np.exp(-b)))


def make(rng):
    h, g = rng.normal(size=(4, 6)), rng.normal(size=(4, 3))
    a, b = np.split(h, 2, axis=-1)
    s = 1 / (1 + np.exp(-b))

    def cat(da, db):
        return {"h": np.concatenate([da, db], axis=-1)}

    return {
        "forward": glu,
        "arguments": {"h": h},
        "upstream": g,
        "right": lambda: cat(g * s, g * a * s * (1 - s)),
        "wrong": {
            "concatenates the halves in the wrong order": lambda: cat(g * a * s * (1 - s), g * s),
            "forgets the derivative of the sigmoid": lambda: cat(g * s, g * a),
            "uses b in place of its sigmoid": lambda: cat(g * b, g * a * s * (1 - s)),
            "gives the gate no gradient": lambda: cat(g * s, 0 * g),
            "forgets the value in the gate's gradient": lambda: cat(g * s, g * s * (1 - s)),
        },
        "kink": False,
        "dtype": "float64",
    }

"""Discounted cumulative sum."""

import numpy as np

name = "cumsum_rows"
style = "np.cumsum along time of weighted rewards; weights learned"


def returns(r, w):
    return np.cumsum(r * w, axis=1)


def make(rng):
    r, w, g = rng.normal(size=(3, 6)), rng.normal(size=6), rng.normal(size=(3, 6))

    def back(s):
        return lambda: {"r": s * w, "w": (s * r).sum(0)}

    rev = g[:, ::-1].cumsum(1)[:, ::-1]
    return {
        "forward": returns,
        "arguments": {"r": r, "w": w},
        "upstream": g,
        "right": back(rev),
        "wrong": {
            "sums forwards in time": back(g.cumsum(1)),
            "does not sum over time": back(g),
            "excludes the present step": back(rev - g),
            "sums over all times": back(np.broadcast_to(g.sum(1, keepdims=True), g.shape)),
            "forgets to reverse back": back(g[:, ::-1].cumsum(1)),
        },
        "kink": False,
        "dtype": "float64",
    }

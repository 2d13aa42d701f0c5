"""Volume rendering weights by a cumulative product."""

import numpy as np

name = "cumprod_transmittance"
style = "radiance-field code: weights = T * alpha with exclusive cumprod, no loop; one alpha is 0"


def render(alpha, color):
    T = np.cumprod(np.concatenate([[1.0], 1 - alpha[:-1]]))
    return (T * alpha) @ color


def make(rng):
    alpha, color, g = rng.uniform(0.1, 0.6, size=6), rng.random((6, 3)), rng.normal(size=3)
    alpha[2] = 0.0
    T = np.cumprod(np.concatenate([[1.0], 1 - alpha[:-1]]))
    s = color @ g
    tail = np.append(((T * alpha * s)[::-1].cumsum()[::-1])[1:], 0)

    def out(da, w=T * alpha):
        return lambda: {"alpha": da, "color": np.outer(w, g)}

    return {
        "forward": render,
        "arguments": {"alpha": alpha, "color": color},
        "upstream": g,
        "right": out(T * s - tail / (1 - alpha)),
        "wrong": {
            "forgets that alpha shades what lies behind": out(T * s),
            "adds the shading": out(T * s + tail / (1 - alpha)),
            "forgets to divide by 1 - alpha": out(T * s - tail),
            "includes the point itself in the tail": out(T * s - (tail + T * alpha * s) / (1 - alpha)),
            "weights the color by the transmittance alone": out(T * s - tail / (1 - alpha), T),
        },
        "kink": False,
        "dtype": "float64",
    }

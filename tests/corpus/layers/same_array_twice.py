"""Similarity of a sequence with itself: both arguments are the very same array object."""

import numpy as np

name = "same_array_twice"
style = "f(q, k) called as f(h, h); the gradients of the two roles are reported separately"


def scores(q, k):
    return np.tanh(q @ k.T)


def make(rng):
    h, g = 0.5 * rng.normal(size=(4, 3)), rng.normal(size=(4, 4))
    s = np.tanh(h @ h.T)
    d = g * (1 - s**2)

    def out(dq, dk):
        return lambda: {"q": dq, "k": dk}

    return {
        "forward": scores,
        "arguments": {"q": h, "k": h},
        "upstream": g,
        "right": out(d @ h, d.T @ h),
        "wrong": {
            "reports the sum of both roles twice": out(d @ h + d.T @ h, d @ h + d.T @ h),
            "forgets to transpose for the second role": out(d @ h, d @ h),
            "doubles the first role and leaves the second at zero": out(2 * d @ h, 0 * h),
            "forgets the derivative of tanh": out(g @ h, g.T @ h),
            "reports the sum for the first and zero for the second": out(d @ h + d.T @ h, 0 * h),
        },
        "kink": False,
        "dtype": "float64",
        "native": {
            "callable": lambda h: scores(h, h),
            "inputs": (h,),
            "gradient": d @ h + d.T @ h,
            "handed over as": "scores(h, h) with a single gradient, the sum of both roles",
        },
    }

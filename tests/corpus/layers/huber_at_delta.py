"""Huber loss with residuals exactly at delta, where the slope is continuous."""

import numpy as np

name = "huber_at_delta"
style = "np.where, summed over the batch; delta = 0.5"


def huber(y_hat, y, delta=0.5):
    a = np.abs(y_hat - y)
    return np.where(a <= delta, 0.5 * a**2, delta * (a - 0.5 * delta)).sum()


def make(rng):
    delta = 0.5
    y = np.round(rng.normal(size=9), 2)
    r = rng.normal(size=9)
    r[:6] = [0.5, -0.5, 0.25, -0.125, 1.5, -2.0]
    y_hat = y + r

    def both(g):
        return {"y_hat": g, "y": -g}

    r = y_hat - y
    big = np.abs(r) > delta
    return {
        "forward": huber,
        "arguments": {"y_hat": y_hat, "y": y},
        "upstream": None,
        "right": lambda: both(np.clip(r, -delta, delta)),
        "wrong": {
            "has slope 1 in the linear part": lambda: both(np.where(big, np.sign(r), r)),
            "forgets the sign in the linear part": lambda: both(np.where(big, delta, r)),
            "has 2r in the quadratic part": lambda: both(np.where(big, delta * np.sign(r), 2 * r)),
            "gives the target no gradient": lambda: both(np.clip(r, -delta, delta)) | {"y": np.zeros(9)},
            "never clips": lambda: both(r),
        },
        "kink": False,
        "dtype": "float64",
    }

"""Binary focal loss on logits."""

import numpy as np

name = "focal_binary"
style = "gamma and alpha as keyword defaults, summed"


def focal(z, t, gamma=2.0, alpha=0.25):
    p = 1 / (1 + np.exp(-z))
    pt = np.where(t == 1, p, 1 - p)
    at = np.where(t == 1, alpha, 1 - alpha)
    return np.sum(-at * (1 - pt) ** gamma * np.log(pt))


def make(rng):
    z, t = rng.normal(size=9), (np.arange(9) % 2)
    p = 1 / (1 + np.exp(-z))
    pt, at = np.where(t == 1, p, 1 - p), np.where(t == 1, 0.25, 0.75)
    sgn = np.where(t == 1, 1.0, -1.0)
    gam = 2.0

    def out(dpt):
        return {"z": dpt * pt * (1 - pt) * sgn}

    left, right_ = at * gam * (1 - pt) ** (gam - 1) * np.log(pt), -at * (1 - pt) ** gam / pt
    return {
        "forward": lambda z: focal(z, t),
        "arguments": {"z": z},
        "upstream": None,
        "right": lambda: out(left + right_),
        "wrong": {
            "treats the modulating factor as constant": lambda: out(right_),
            "has the sign of the modulating term reversed": lambda: out(right_ - left),
            "forgets alpha": lambda: out((left + right_) / at),
            "forgets the factor gamma": lambda: out(left / gam + right_),
            "forgets that pt falls with p for negatives": lambda: {"z": (left + right_) * pt * (1 - pt)},
        },
        "kink": False,
        "dtype": "float64",
    }

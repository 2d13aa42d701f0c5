"""Binary cross-entropy of probabilities, clipped to [0.01, 0.99]."""

import numpy as np

name = "bce_clipped"
style = "np.clip before the log; some probabilities are clipped, so their gradient is zero"


def log_loss(p, t):
    q = np.clip(p, 0.01, 0.99)
    return -np.mean(t * np.log(q) + (1 - t) * np.log(1 - q))


def make(rng):
    p = rng.uniform(0.1, 0.9, size=8)
    p[1], p[4] = 0.004, 0.997
    t = (rng.random(8) < 0.5).astype(float)
    t[1], t[4], t[0], t[2] = 1.0, 0.0, 1.0, 0.0
    q = np.clip(p, 0.01, 0.99)
    inside = (p > 0.01) & (p < 0.99)
    g = (q - t) / (q * (1 - q)) / 8
    return {
        "forward": lambda p: log_loss(p, t),
        "arguments": {"p": p},
        "upstream": None,
        "right": lambda: {"p": g * inside},
        "wrong": {
            "lets the gradient through where p was clipped": lambda: {"p": g},
            "returns p - t as if p were a logit": lambda: {"p": (q - t) / 8 * inside},
            "forgets the term of the negatives": lambda: {"p": -t / q / 8 * inside},
            "has the wrong sign for the negatives": lambda: {"p": (-t / q - (1 - t) / (1 - q)) / 8 * inside},
            "forgets the mean": lambda: {"p": 8 * g * inside},
        },
        "kink": False,
        "dtype": "float64",
    }

"""Poisson likelihood with large counts, so the loss is huge beside its gradient."""

import math

import numpy as np

name = "poisson_big_constant"
style = "log-factorials included through math.lgamma; the loss is about 1e6, gradients are about 1"


def poisson_nll(log_rate, counts):
    const = sum(math.lgamma(c + 1) for c in counts)
    return np.sum(np.exp(log_rate) - counts * log_rate) + const + 1e6


def make(rng):
    counts = rng.poisson(20, size=8).astype(float)
    log_rate = np.log(20) + 0.3 * rng.normal(size=8)
    lam = np.exp(log_rate)
    return {
        "forward": lambda log_rate: poisson_nll(log_rate, counts),
        "arguments": {"log_rate": log_rate},
        "upstream": None,
        "right": lambda: {"log_rate": lam - counts},
        "wrong": {
            "differentiates by the rate": lambda: {"log_rate": 1 - counts / lam},
            "has the sign reversed": lambda: {"log_rate": counts - lam},
            "forgets the counts": lambda: {"log_rate": lam},
            "averages over the observations": lambda: {"log_rate": (lam - counts) / 8},
            "subtracts the logarithm of the rate": lambda: {"log_rate": log_rate - counts},
        },
        "kink": False,
        "dtype": "float64",
    }

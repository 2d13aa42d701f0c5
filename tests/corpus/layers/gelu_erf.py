"""Exact GELU by the error function."""

import math

import numpy as np

name = "gelu_erf"
style = "math.erf through np.vectorize, density and distribution named as in statistics"

_erf = np.vectorize(math.erf, otypes=[float])


def Phi(x):
    return 0.5 * (1 + _erf(x / math.sqrt(2)))


def phi(x):
    return np.exp(-(x**2) / 2) / math.sqrt(2 * math.pi)


def gelu(x):
    return x * Phi(x)


def make(rng):
    x = rng.normal(size=(10,)) * 1.5
    g = rng.normal(size=10)
    return {
        "forward": gelu,
        "arguments": {"x": x},
        "upstream": g,
        "right": lambda: {"x": g * (Phi(x) + x * phi(x))},
        "wrong": {
            "forgets the density term": lambda: {"x": g * Phi(x)},
            "forgets the factor x before the density": lambda: {"x": g * (Phi(x) + phi(x))},
            "omits the square root of 2 pi": lambda: {"x": g * (Phi(x) + x * np.exp(-(x**2) / 2))},
            "uses the derivative of the sigmoid approximation": lambda: {
                "x": g * (1 / (1 + np.exp(-1.702 * x)) * (1 + 1.702 * x * (1 - 1 / (1 + np.exp(-1.702 * x)))))
            },
            "has exp(-x squared) in the density": lambda: {
                "x": g * (Phi(x) + x * np.exp(-(x**2)) / math.sqrt(2 * math.pi))
            },
        },
        "kink": False,
        "dtype": "float64",
    }

"""GELU in the tanh approximation, in single precision."""

import math

import numpy as np

name = "gelu_tanh"
style = "one-liner with constants from math, float32"

C = math.sqrt(2 / math.pi)
A = 0.044715


def gelu(x):
    return 0.5 * x * (1 + np.tanh(C * (x + A * x**3)))


def dgelu(x, dy, slip=None):
    t = np.tanh(C * (x + A * x**3))
    inner = C * (1 + 3 * A * x**2)
    if slip == "inner":
        inner = C
    if slip == "3":
        inner = C * (1 + A * x**2)
    left, right = 0.5 * (1 + t), 0.5 * x * (1 - t**2) * inner
    if slip == "left":
        right = 0 * right
    if slip == "right":
        left = 0 * left
    if slip == "half":
        right = 2 * right
    return {"x": dy * (left + right)}


def make(rng):
    x = (2 * rng.normal(size=(4, 6))).astype(np.float32)
    dy = rng.normal(size=x.shape).astype(np.float32)
    return {
        "forward": gelu,
        "arguments": {"x": x},
        "upstream": dy,
        "right": lambda: dgelu(x, dy),
        "wrong": {
            "forgets the derivative of the cubic term": lambda: dgelu(x, dy, "inner"),
            "forgets the factor 3 of the cube": lambda: dgelu(x, dy, "3"),
            "treats the gate as constant": lambda: dgelu(x, dy, "left"),
            "differentiates only the gate": lambda: dgelu(x, dy, "right"),
            "loses the factor one half in the second term": lambda: dgelu(x, dy, "half"),
        },
        "kink": False,
        "dtype": "float32",
    }

"""GELU with the error function."""

import math
from functools import partial

import numpy as np

name = "gelu_erf"
upstream_shape = (4, 3)
erf = np.vectorize(math.erf, otypes=[float])


def forward(x):
    scaled = x / np.sqrt(2)
    cdf = 0.5 * (1 + erf(scaled))
    return x * cdf


def draw(rng):
    return {"x": 1.2 * rng.normal(size=(4, 3))}


def right(dout, x, slip=None):
    cdf = 0.5 * (1 + erf(x / np.sqrt(2)))
    density = np.exp(-(x**2) / 2) / np.sqrt(2 * np.pi)
    if slip == "root 2":
        density = density * np.sqrt(2)
    if slip == "exponent":
        density = np.exp(-(x**2)) / np.sqrt(2 * np.pi)
    if slip == "density":
        density = 0
    if slip == "x":
        return {"x": dout * (cdf + density)}
    if slip == "derivative of density":
        return {"x": dout * (cdf - x**2 * density)}
    return {"x": dout * (cdf + x * density)}


def _with(slip):
    return partial(right, slip=slip)


def _tanh_form(dout, x):
    t = np.tanh(np.sqrt(2 / np.pi) * x)
    return {"x": dout * (0.5 * (1 + t) + 0.5 * x * (1 - t**2) * np.sqrt(2 / np.pi))}


wrong = [
    ("The cumulative distribution was treated as a constant.", _with("density")),
    ("The division by the root of 2 was not differentiated.", _with("root 2")),
    ("The exponent of the density is minus x squared, without the one half.", _with("exponent")),
    ("The factor x is missing in front of the density.", _with("x")),
    ("The derivative of the density stands in place of the density.", _with("derivative of density")),
    ("The derivative belongs to a tanh approximation without the cubic term.", _tanh_form),
]
closed_form = {2, 4, 5}

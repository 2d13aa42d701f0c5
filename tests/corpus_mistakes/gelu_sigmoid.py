"""GELU in the sigmoid form, x times the sigmoid of 1.702 x."""

import numpy as np

name = "gelu_sigmoid"
upstream_shape = (7,)
K = 1.702


def forward(x):
    scaled = K * x
    gate = 1 / (1 + np.exp(-scaled))
    return x * gate


def draw(rng):
    return {"x": 1.5 * rng.normal(size=7)}


def _gate(x):
    return 1 / (1 + np.exp(-K * x))


def right(dout, x):
    s = _gate(x)
    return {"x": dout * (s + K * x * s * (1 - s))}


def _no_k(dout, x):
    s = _gate(x)
    return {"x": dout * (s + x * s * (1 - s))}


def _no_product(dout, x):
    s = _gate(x)
    return {"x": dout * K * x * s * (1 - s)}


def _s_only(dout, x):
    s = _gate(x)
    return {"x": dout * (s + K * x * (1 - s))}


def _output_for_gate(dout, x):
    y = x * _gate(x)
    return {"x": dout * (_gate(x) + K * y * (1 - y))}


wrong = [
    ("The factor 1.702 is missing in the derivative of the gate.", _no_k),
    ("The gate was differentiated, but the direct factor x was not.", _no_product),
    ("The derivative of the sigmoid was taken to be 1 - s, without the factor s.", _s_only),
    ("The derivative of the gate uses the output y in place of the sigmoid, as y (1 - y).", _output_for_gate),
]
closed_form = {3}

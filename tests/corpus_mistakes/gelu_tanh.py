"""GELU in the tanh form."""

from functools import partial

import numpy as np

name = "gelu_tanh"
upstream_shape = (3, 5)
C = np.sqrt(2 / np.pi)
A = 0.044715


def forward(x):
    cubic = x + A * x**3
    inner = C * cubic
    t = np.tanh(inner)
    gate = 0.5 * (1 + t)
    return x * gate


def draw(rng):
    return {"x": 1.5 * rng.normal(size=(3, 5))}


def right(dout, x, slip=None):
    t = np.tanh(C * (x + A * x**3))
    gate = 0.5 * (1 + t)
    dtanh = 1 - t if slip == "1 - t" else 1 - t**2
    dinner = C * (1 + 3 * A * x**2)
    if slip == "inner":
        dinner = 1
    if slip == "cubic":
        dinner = C
    if slip == "3":
        dinner = C * (1 + A * x**2)
    if slip == "C":
        dinner = 1 + 3 * A * x**2
    half = 1 if slip == "half" else 0.5
    through_gate = x * half * dtanh * dinner
    if slip == "gate":
        through_gate = 0
    if slip == "x":
        through_gate = half * dtanh * dinner
    if slip == "only gate":
        return {"x": dout * through_gate}
    return {"x": dout * (gate + through_gate)}


def _with(slip):
    return partial(right, slip=slip)


def _sigmoid_form(dout, x):
    s = 1 / (1 + np.exp(-1.702 * x))
    return {"x": dout * (s + 1.702 * x * s * (1 - s))}


wrong = [
    ("The gate was treated as a constant.", _with("gate")),
    ("The direct factor x was treated as a constant, so only the gate was differentiated.", _with("only gate")),
    ("The derivative of the argument of tanh is missing.", _with("inner")),
    ("The cubic term was left out of the derivative of the argument of tanh.", _with("cubic")),
    ("The factor 3 from the cube is missing.", _with("3")),
    ("The derivative of tanh was taken to be 1 - t, not 1 - t squared.", _with("1 - t")),
    ("The factor one half is missing in the part that goes through tanh.", _with("half")),
    ("The constant root of 2 over pi is missing in the derivative of the argument of tanh.", _with("C")),
    ("The factor x is missing in the part that goes through the gate.", _with("x")),
    ("The derivative belongs to the sigmoid approximation of GELU, not to the tanh form.", _sigmoid_form),
]
closed_form = {9}

"""Residual block: RMS norm, two linear maps with ReLU, and a skip connection."""

from functools import partial

import numpy as np

name = "residual_block"
upstream_shape = (4, 3)


def forward(x, W1, b1, W2):
    rms = np.sqrt((x**2).mean(axis=1, keepdims=True) + 1e-6)
    normalized = x / rms
    preactivation = normalized @ W1 + b1
    hidden = np.maximum(preactivation, 0)
    branch = hidden @ W2
    return x + branch


def draw(rng):
    while True:
        arguments = {
            "x": rng.normal(size=(4, 3)),
            "W1": rng.normal(size=(3, 5)),
            "b1": 0.3 * rng.normal(size=5),
            "W2": rng.normal(size=(5, 3)),
        }
        x = arguments["x"]
        z = x / np.sqrt((x**2).mean(axis=1, keepdims=True) + 1e-6) @ arguments["W1"] + arguments["b1"]
        if np.abs(z).min() > 0.01:
            return arguments


def right(dout, x, W1, b1, W2, slip=None):
    rms = np.sqrt((x**2).mean(axis=1, keepdims=True) + 1e-6)
    n = x / rms
    z = n @ W1 + b1
    h = np.maximum(z, 0)
    dh = dout @ W2.T
    mask = z > 0
    if slip == "guided":
        mask = mask & (dh > 0)
    if slip == "sign of gradient":
        mask = dh > 0
    if slip == "no mask":
        mask = 1
    dz = dh * mask
    dn = dz @ W1.T
    total = dn + dout if slip == "skip through norm" else dn
    dx = (total - n * (total * n).mean(axis=1, keepdims=True)) / rms
    if slip == "norm":
        dx = dn / rms
    if slip == "no norm":
        dx = dn
    skip = {"skip": 0, "double": 2, "skip through norm": 0}.get(slip, 1)
    source = x if slip == "raw" else n
    dW2 = z.T @ dout if slip == "W2" else h.T @ dout
    return {"x": dx + skip * dout, "W1": source.T @ dz, "b1": dz.sum(axis=0), "W2": dW2}


def _with(slip):
    return partial(right, slip=slip)


wrong = [
    ("The skip connection is missing in the gradient of x.", _with("skip")),
    ("The skip connection was counted twice.", _with("double")),
    ("The ReLU mask is missing.", _with("no mask")),
    ("The root mean square was treated as a constant.", _with("norm")),
    ("The normalization was left out of the backward pass altogether.", _with("no norm")),
    ("The gradient of W1 uses the raw input, not the normalized one.", _with("raw")),
    ("The gradient of W2 uses the preactivation, not the output of ReLU.", _with("W2")),
    ("The ReLU mask was taken from the sign of the gradient, not of the preactivation.", _with("sign of gradient")),
    ("Negative gradients were cut off at the ReLU as well.", _with("guided")),
    ("The skip connection was sent through the normalization, as if it began after it.", _with("skip through norm")),
]
closed_form = {7, 8, 9}

"""Depthwise 2-d convolution with 'same' padding."""

import numpy as np

name = "conv2d_depthwise"
style = "sum over kernel offsets of shifted copies, no explicit window loop"


def depthwise(x, k):
    _, _, h, w = x.shape
    xp = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    return sum(k[:, i, j, None, None] * xp[:, :, i : i + h, j : j + w] for i in range(3) for j in range(3))


def grads(x, k, g, flip=False, shared=False, wrap=False, centre=False, shift=False):
    _, _, h, w = x.shape
    mode = "wrap" if wrap else "constant"
    xp = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)), mode=mode)
    gp = np.pad(g, ((0, 0), (0, 0), (1, 1), (1, 1)), mode=mode)
    dx, dk = np.zeros_like(x), np.zeros_like(k)
    for i in range(3):
        for j in range(3):
            a, b = (i, j) if flip else (2 - i, 2 - j)
            dx += k[:, i, j, None, None] * gp[:, :, a : a + h, b : b + w]
            dk[:, i, j] = (g * xp[:, :, i : i + h, j : j + w]).sum((0, 2, 3))
    if shared:
        dk[:] = dk.sum(0)
    if centre:
        dx = k[:, 1, 1, None, None] * g
    if shift:
        dk = np.roll(dk, 1, axis=2)
    return {"x": dx, "k": dk}


def make(rng):
    x, k, g = rng.normal(size=(2, 3, 4, 4)), rng.normal(size=(3, 3, 3)), rng.normal(size=(2, 3, 4, 4))
    return {
        "forward": depthwise,
        "arguments": {"x": x, "k": k},
        "upstream": g,
        "right": lambda: grads(x, k, g),
        "wrong": {
            "does not rotate the kernel in the input gradient": lambda: grads(x, k, g, flip=True),
            "sums the kernel gradient over channels": lambda: grads(x, k, g, shared=True),
            "pads circularly in the backward pass": lambda: grads(x, k, g, wrap=True),
            "uses only the central weight for the input gradient": lambda: grads(x, k, g, centre=True),
            "shifts the kernel gradient by one column": lambda: grads(x, k, g, shift=True),
        },
        "kink": False,
        "dtype": "float64",
    }

"""2x2 max pooling after a ReLU, with ties."""

import numpy as np

name = "maxpool_ties"
style = "loops, argmax per window; windows with tied maxima, so kinks"


def max_pool(x, size=2, stride=2):
    n, c, h, w = x.shape
    out = np.zeros((n, c, h // stride, w // stride))
    for i in range(h // stride):
        for j in range(w // stride):
            out[:, :, i, j] = x[:, :, i * stride : i * stride + size, j * stride : j * stride + size].max(axis=(2, 3))
    return out


def max_pool_grad(x, g, size=2):
    dx = np.zeros_like(x)
    for n, c, i, j in np.ndindex(g.shape):
        win = x[n, c, 2 * i : 2 * i + size, 2 * j : 2 * j + size]
        a, b = np.unravel_index(win.argmax(), win.shape)
        dx[n, c, 2 * i + a, 2 * j + b] += g[n, c, i, j]
    return dx


def make(rng):
    x = rng.permutation(64).reshape(2, 2, 4, 4) * 0.1
    x[0, 0, :2, :2] = 0.0
    x[1, 1, 2, 2] = x[1, 1, 3, 3] = 9.0
    g = rng.normal(size=(2, 2, 2, 2))
    up = g.repeat(2, 2).repeat(2, 3)
    big = max_pool(x).repeat(2, 2).repeat(2, 3)
    return {
        "forward": max_pool,
        "arguments": {"x": x},
        "upstream": g,
        "right": lambda: {"x": max_pool_grad(x, g)},
        "wrong": {
            "spreads the gradient as average pooling does": lambda: {"x": up / 4},
            "hands the gradient to every entry": lambda: {"x": up},
            "routes it to the minimum": lambda: {"x": max_pool_grad(-x, g)},
            "transposes the window indices": lambda: {"x": max_pool_grad(x.swapaxes(2, 3).copy(), g)},
            "multiplies it by the pooled value": lambda: {"x": (x == big) * up * big},
        },
        "kink": True,
        "dtype": "float64",
    }

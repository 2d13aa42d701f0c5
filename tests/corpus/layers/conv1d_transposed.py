"""Transposed 1-d convolution, stride 2."""

import numpy as np

name = "conv1d_transposed"
style = "scatter loop with += into the output"


def deconv(x, w):
    L, _ = x.shape
    k, _, c_out = w.shape
    y = np.zeros((2 * (L - 1) + k, c_out), dtype=x.dtype)
    for t in range(L):
        for j in range(k):
            y[2 * t + j] += x[t] @ w[j]
    return y


def back(x, w, g, slip=None):
    dx, dw = np.zeros_like(x), np.zeros_like(w)
    for t in range(len(x)):
        for j in range(len(w)):
            u = t + j if slip == "stride" else 2 * t + (len(w) - 1 - j if slip == "flip" else j)
            if slip == "assign":
                dx[t] = w[j] @ g[u]
            else:
                dx[t] += w[j] @ g[u]
            if slip == "last":
                dw[j] = np.outer(x[t], g[u])
            else:
                dw[j] += np.outer(x[t], g[u])
    if slip == "scale":
        dw = dw / len(x)
    return {"x": dx, "w": dw}


def make(rng):
    x, w = rng.normal(size=(4, 2)), rng.normal(size=(3, 2, 3))
    g = rng.normal(size=(9, 3))
    return {
        "forward": deconv,
        "arguments": {"x": x, "w": w},
        "upstream": g,
        "right": lambda: back(x, w, g),
        "wrong": {
            "reads the upstream gradient without the stride": lambda: back(x, w, g, "stride"),
            "flips the kernel": lambda: back(x, w, g, "flip"),
            "overwrites the input gradient": lambda: back(x, w, g, "assign"),
            "overwrites the kernel gradient": lambda: back(x, w, g, "last"),
            "averages the kernel gradient over positions": lambda: back(x, w, g, "scale"),
        },
        "kink": False,
        "dtype": "float64",
    }

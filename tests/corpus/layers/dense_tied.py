"""Autoencoder with tied weights."""

import numpy as np

name = "dense_tied"
style = "one weight matrix used twice, returns a scalar reconstruction error"


def reconstruction_error(x, W):
    code = np.tanh(x @ W)
    err = code @ W.T - x
    return 0.5 * np.sum(err**2) / x.shape[0]


def gradients(x, W, slip=None):
    n = x.shape[0]
    code = np.tanh(x @ W)
    err = (code @ W.T - x) / n
    d_code = err @ W
    d_pre = d_code * (1 - code**2)
    encoder, decoder = x.T @ d_pre, err.T @ code
    g = {"x": d_pre @ W.T - err, "W": encoder + decoder}
    if slip == "encoder":
        g["W"] = encoder
    elif slip == "decoder":
        g["W"] = decoder
    elif slip == "target":
        g["x"] = d_pre @ W.T
    elif slip == "no n":
        g = {k: v * n for k, v in g.items()}
    elif slip == "average":
        g["W"] = (encoder + decoder) / 2
    return g


def make(rng):
    x, W = rng.normal(size=(5, 4)), rng.normal(size=(4, 2))
    return {
        "forward": reconstruction_error,
        "arguments": {"x": x, "W": W},
        "upstream": None,
        "right": lambda: gradients(x, W),
        "wrong": {
            "counts only the encoder's use of the weights": lambda: gradients(x, W, "encoder"),
            "counts only the decoder's use of the weights": lambda: gradients(x, W, "decoder"),
            "forgets that the input is also the target": lambda: gradients(x, W, "target"),
            "forgets to divide by the number of samples": lambda: gradients(x, W, "no n"),
            "averages the two uses of the weights": lambda: gradients(x, W, "average"),
        },
        "kink": False,
        "dtype": "float64",
    }

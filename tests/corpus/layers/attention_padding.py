"""Additive attention with a padding mask."""

import numpy as np

name = "attention_padding"
style = "additive scores v . tanh(W h + U s), mask with -1e9, one query"


def context(h, s, W, U, v, mask=None):
    a = np.tanh(h @ W + s @ U) @ v
    if mask is not None:
        a = a + (1 - mask) * -1e9
    w = np.exp(a - a.max())
    w = w / w.sum()
    return w @ h


def make(rng):
    mask = np.array([1, 1, 1, 0, 0.0])
    a = {
        "h": rng.normal(size=(5, 3)),
        "s": rng.normal(size=2),
        "W": rng.normal(size=(3, 4)),
        "U": rng.normal(size=(2, 4)),
        "v": rng.normal(size=4),
    }
    g = rng.normal(size=3)

    def back(slip=None):
        h, s, W, U, v = a.values()
        t = np.tanh(h @ W + s @ U)
        z = t @ v
        w = np.exp(z) * (1 if slip == "mask" else mask)
        w = w / w.sum()
        dw = h @ g
        dz = w * (dw - (0 if slip == "row" else w @ dw))
        dt = np.outer(dz, v)
        if slip != "tanh":
            dt = dt * (1 - t**2)
        dh = dt @ W.T
        if slip != "value":
            dh = dh + np.outer(w, g)
        dsum = dt.mean(0) if slip == "mean" else dt.sum(0)
        return {"h": dh, "s": U @ dsum, "W": h.T @ dt, "U": np.outer(s, dsum), "v": t.T @ dz}

    return {
        "forward": lambda h, s, W, U, v: context(h, s, W, U, v, mask),
        "arguments": a,
        "upstream": g,
        "right": back,
        "wrong": {
            "forgets the mask in the backward pass": lambda: back("mask"),
            "omits the weighted mean in the softmax gradient": lambda: back("row"),
            "forgets the derivative of tanh": lambda: back("tanh"),
            "forgets that h is also the value": lambda: back("value"),
            "averages the query's gradient over the positions": lambda: back("mean"),
        },
        "kink": False,
        "dtype": "float64",
    }

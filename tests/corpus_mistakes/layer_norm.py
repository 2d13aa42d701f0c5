"""Layer norm over the features of each row."""

from functools import partial

import numpy as np

name = "layer_norm"
upstream_shape = (4, 6)
EPS = 1e-5


def forward(x, gamma, beta):
    mean = x.mean(axis=1, keepdims=True)
    centered = x - mean
    variance = (centered**2).mean(axis=1, keepdims=True)
    std = np.sqrt(variance + EPS)
    normalized = centered / std
    return gamma * normalized + beta


def draw(rng):
    return {"x": 1 + 2 * rng.normal(size=(4, 6)), "gamma": 1 + 0.5 * rng.normal(size=6), "beta": rng.normal(size=6)}


def right(dout, x, gamma, beta, slip=None):
    centered = x - x.mean(axis=1, keepdims=True)
    std = np.sqrt((centered**2).mean(axis=1, keepdims=True) + EPS)
    normalized = centered / std
    dgamma = (dout * (centered if slip == "dgamma" else normalized)).sum(axis=0)
    dbeta = dout.mean(axis=0) if slip == "dbeta" else dout.sum(axis=0)
    dnormalized = dout if slip == "no gamma" else dout * gamma
    axis = 0 if slip == "axis" else 1
    first = dnormalized.mean(axis=axis, keepdims=True)
    second = normalized * (dnormalized * normalized).mean(axis=axis, keepdims=True)
    if slip == "mean":
        first = 0
    if slip == "std":
        second = 0
    if slip == "gamma in one term":
        first = dout.mean(axis=1, keepdims=True)
    if slip == "x in projection":
        second = x * (dnormalized * normalized).mean(axis=1, keepdims=True)
    if slip == "two":
        second = 2 * second
    dx = (dnormalized - first - second) / (std**2 if slip == "variance" else std)
    return {"x": dx, "gamma": dgamma, "beta": dbeta}


def _with(slip):
    return partial(right, slip=slip)


wrong = [
    ("The mean was treated as a constant when x was differentiated.", _with("mean")),
    ("The standard deviation was treated as a constant, so the variance path is missing.", _with("std")),
    ("The averages in the input gradient were taken over the batch, not over the features.", _with("axis")),
    ("The upstream gradient was not multiplied by gamma before the input gradient was computed.", _with("no gamma")),
    ("The gradient of gamma uses the centered input, not the normalized one.", _with("dgamma")),
    ("The gradient of beta was averaged over the batch in place of being summed.", _with("dbeta")),
    ("The input gradient was divided by the variance, not by the standard deviation.", _with("variance")),
    ("The mean that is subtracted was taken of the upstream gradient without gamma.", _with("gamma in one term")),
    ("The raw input x stands in place of the normalized input in the last term.", _with("x in projection")),
    ("The variance term is counted twice, because a 2 of the square was not cancelled.", _with("two")),
]
closed_form = {2, 6, 7, 8}

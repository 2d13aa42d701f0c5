"""Single-head self-attention with projections of one input."""

from functools import partial

import numpy as np

name = "attention_self"
upstream_shape = (5, 3)


def forward(x, Wq, Wk, Wv):
    queries = x @ Wq
    keys = x @ Wk
    values = x @ Wv
    scores = queries @ keys.T / np.sqrt(3)
    exponentials = np.exp(scores - scores.max(axis=-1, keepdims=True))
    weights = exponentials / exponentials.sum(axis=-1, keepdims=True)
    return weights @ values


def draw(rng):
    weights = {k: 0.7 * rng.normal(size=(4, 3)) for k in ("Wq", "Wk", "Wv")}
    return {"x": rng.normal(size=(5, 4)), **weights}


def right(dout, x, Wq, Wk, Wv, slip=None):
    queries, keys, values = x @ Wq, x @ Wk, x @ Wv
    scores = queries @ keys.T / np.sqrt(3)
    exponentials = np.exp(scores - scores.max(axis=-1, keepdims=True))
    weights = exponentials / exponentials.sum(axis=-1, keepdims=True)
    dvalues = weights.T @ dout
    dweights = dout @ values.T
    dscores = weights * (dweights - (dweights * weights).sum(axis=-1, keepdims=True)) / np.sqrt(3)
    if slip == "model width":
        dscores = dscores * np.sqrt(3) / np.sqrt(4)
    dqueries, dkeys = dscores @ keys, dscores.T @ queries
    if slip == "detached weights":
        dqueries, dkeys = 0 * dqueries, 0 * dkeys
    if slip == "symmetric":
        dscores = (dscores + dscores.T) / 2
        dqueries, dkeys = dscores @ keys, dscores @ queries
    dWv = x.T @ (dout if slip == "values" else dvalues)
    parts = [dqueries @ Wq.T, dkeys @ Wk.T, dvalues @ Wv.T]
    if slip == "no query path":
        parts[0] = 0
    if slip == "no value path":
        parts[2] = 0
    if slip == "average":
        parts = [p / 3 for p in parts]
    if slip == "swapped":
        dqueries, dkeys = dkeys, dqueries
    return {"x": sum(parts), "Wq": x.T @ dqueries, "Wk": x.T @ dkeys, "Wv": dWv}


def _with(slip):
    return partial(right, slip=slip)


wrong = [
    ("The path through the queries is missing in the gradient of x.", _with("no query path")),
    ("The path through the values is missing in the gradient of x.", _with("no value path")),
    ("The attention weights were treated as constants.", _with("detached weights")),
    ("The scores were scaled by the root of the model width 4 in the backward pass, not of 3.", _with("model width")),
    ("The three contributions to the gradient of x were averaged in place of added.", _with("average")),
    ("The gradients of Wq and Wk were interchanged.", _with("swapped")),
    ("The gradient of Wv uses the upstream gradient without the attention weights.", _with("values")),
    ("The score gradient was replaced by its symmetric part.", _with("symmetric")),
]
closed_form = {4, 5, 7}

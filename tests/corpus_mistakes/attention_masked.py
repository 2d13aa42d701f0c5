"""Causal scaled dot-product attention for one head."""

from functools import partial

import numpy as np

name = "attention_masked"
upstream_shape = (4, 3)
MASK = np.tri(4, dtype=bool)
WIDTH = 2


def forward(q, k, v):
    scores = q @ k.T / np.sqrt(WIDTH)
    masked = np.where(MASK, scores, -1e9)
    shifted = masked - masked.max(axis=1, keepdims=True)
    exponentials = np.exp(shifted)
    weights = exponentials / exponentials.sum(axis=1, keepdims=True)
    return weights @ v


def draw(rng):
    return {"q": rng.normal(size=(4, 2)), "k": rng.normal(size=(4, 2)), "v": rng.normal(size=(4, 3))}


def right(dout, q, k, v, slip=None):
    scores = q @ k.T / np.sqrt(WIDTH)
    exponentials = np.exp(scores) if slip == "no mask" else np.exp(scores) * MASK
    weights = exponentials / exponentials.sum(axis=1, keepdims=True)
    dv = weights @ dout if slip == "dv" else weights.T @ dout
    dweights = dout @ v.T
    row = (dweights * weights).sum(axis=1, keepdims=True)
    if slip == "no row":
        row = 0
    if slip == "column":
        row = (dweights * weights).sum(axis=0, keepdims=True)
    if slip == "plain mean":
        row = (dweights * MASK).sum(axis=1, keepdims=True) / MASK.sum(axis=1, keepdims=True)
    dscores = weights * (dweights - row)
    if slip == "diagonal":
        dscores = dweights * weights * (1 - weights)
    scale = np.sqrt(WIDTH)
    dq = dscores @ k / (1 if slip == "scale" else scale)
    dk = (dscores if slip == "dk" else dscores.T) @ q / (1 if slip in ("scale", "scale k") else scale)
    return {"q": dq, "k": dk, "v": dv}


def _with(slip):
    return partial(right, slip=slip)


wrong = [
    ("The scaling by the root of the width is missing in the backward pass.", _with("scale")),
    ("The scaling by the root of the width is missing in the gradient of the keys only.", _with("scale k")),
    ("Only the diagonal of the softmax Jacobian was used.", _with("diagonal")),
    ("The weighted row sum of the softmax gradient is missing.", _with("no row")),
    ("The weighted sum of the softmax gradient was taken over the queries, not over the keys.", _with("column")),
    ("The gradient of the keys uses the score gradient without transposing it.", _with("dk")),
    ("The gradient of the values uses the attention weights without transposing them.", _with("dv")),
    ("The backward pass recomputes the attention weights without the causal mask.", _with("no mask")),
    ("The softmax gradient subtracts the plain mean over the visible keys, not the weighted one.", _with("plain mean")),
]
closed_form = {2, 7, 8}

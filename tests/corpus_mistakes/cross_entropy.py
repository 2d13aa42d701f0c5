"""Cross-entropy of logits with fixed labels."""

from functools import partial

import numpy as np

name = "cross_entropy"
upstream_shape = ()
LABELS = np.array([2, 0, 3, 1, 2])


def forward(logits):
    shifted = logits - logits.max(axis=1, keepdims=True)
    exponentials = np.exp(shifted)
    totals = exponentials.sum(axis=1, keepdims=True)
    log_probabilities = shifted - np.log(totals)
    picked = log_probabilities[np.arange(5), LABELS]
    return -picked.mean()


def draw(rng):
    return {"logits": 1.5 * rng.normal(size=(5, 4))}


def right(dout, logits, slip=None):
    axis = 0 if slip == "axis" else 1
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    p = exponentials / exponentials.sum(axis=axis, keepdims=True)
    onehot = np.eye(4)[LABELS]
    if slip == "labels":
        return {"logits": dout * p / 5}
    if slip == "order":
        return {"logits": dout * (p - onehot / 5)}
    if slip == "picked":
        return {"logits": -dout * onehot / 5}
    if slip == "own class":
        return {"logits": dout * (p - onehot) * onehot / 5}
    if slip == "jacobian":
        d = (p - onehot) / 5
        return {"logits": dout * p * (d - (d * p).sum(axis=1, keepdims=True))}
    if slip == "unnormalized":
        return {"logits": dout * (exponentials - onehot) / 5}
    if slip == "sign":
        return {"logits": dout * (onehot - p) / 5}
    return {"logits": dout * (p - onehot) / {"sum": 1, "entries": 20}.get(slip, 5)}


def _with(slip):
    return partial(right, slip=slip)


wrong = [
    ("The gradient was not divided by the batch size.", _with("sum")),
    ("The gradient was divided by the number of entries, not by the batch size.", _with("entries")),
    ("The one-hot labels were not subtracted from the probabilities.", _with("labels")),
    ("The normalizing sum was treated as a constant, so only the labels remain.", _with("picked")),
    ("Only the logit of the labelled class got a gradient.", _with("own class")),
    ("The gradient went through the Jacobian of softmax a second time.", _with("jacobian")),
    ("The exponentials were not divided by their sum before the labels were subtracted.", _with("unnormalized")),
    ("The softmax was normalized over the batch, not over the classes.", _with("axis")),
    ("Only the one-hot labels were divided by the batch size, the probabilities were not.", _with("order")),
    ("The sign of the gradient is reversed.", _with("sign")),
]
closed_form = {4, 5, 7, 8}

"""Softmax cross-entropy from logits with integer labels."""

import numpy as np

name = "cross_entropy_labels"
style = "softmax_loss(x, y) returns (loss, dx); integer labels; float32"


def softmax_loss(x, y):
    shifted = x - x.max(axis=1, keepdims=True)
    log_probs = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    n = x.shape[0]
    loss = -log_probs[np.arange(n), y].sum() / n
    dx = np.exp(log_probs)
    dx[np.arange(n), y] -= 1
    dx /= n
    return loss, dx


def make(rng):
    x = (3 * rng.normal(size=(6, 4))).astype(np.float32)
    y = rng.integers(0, 4, size=6)
    p = np.exp(x - x.max(1, keepdims=True))
    p /= p.sum(1, keepdims=True)
    onehot = np.eye(4, dtype=np.float32)[y]
    n = len(y)
    return {
        "forward": lambda x: softmax_loss(x, y)[0],
        "arguments": {"x": x},
        "upstream": None,
        "right": lambda: {"x": softmax_loss(x, y)[1]},
        "wrong": {
            "does not average over the batch": lambda: {"x": p - onehot},
            "forgets to subtract the one-hot labels": lambda: {"x": p / n},
            "chains the diagonal of the softmax Jacobian once more": lambda: {"x": (p - onehot) * p * (1 - p) / n},
            "keeps the gradient of the labelled class only": lambda: {"x": (p - onehot) * onehot / n},
            "divides by the number of entries": lambda: {"x": (p - onehot) / x.size},
        },
        "kink": False,
        "dtype": "float32",
        "native": {
            "callable": softmax_loss,
            "inputs": (x, y),
            "handed over as": "softmax_loss(x, y) returns (loss, dx)",
        },
    }

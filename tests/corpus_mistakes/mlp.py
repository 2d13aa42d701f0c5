"""Two-layer perceptron with tanh."""

from functools import partial

import numpy as np

name = "mlp"
upstream_shape = (5, 2)


def forward(x, W1, b1, W2, b2):
    preactivation = x @ W1 + b1
    hidden = np.tanh(preactivation)
    return hidden @ W2 + b2


def draw(rng):
    return {
        "x": rng.normal(size=(5, 3)),
        "W1": 0.7 * rng.normal(size=(3, 3)),
        "b1": 0.3 * rng.normal(size=3),
        "W2": rng.normal(size=(3, 2)),
        "b2": rng.normal(size=2),
    }


def right(dout, x, W1, b1, W2, b2, slip=None):
    z = x @ W1 + b1
    h = np.tanh(z)
    dW2 = (z if slip == "z" else h).T @ dout
    W2_used = W2 - 0.1 * dW2 if slip == "updated" else W2
    dh = dout @ W2_used.T
    dz = dh * (1 - h**2)
    if slip == "no tanh":
        dz = dh
    if slip == "1 - h":
        dz = dh * (1 - h)
    if slip == "tanh of h":
        dz = dh * (1 - np.tanh(h) ** 2)
    if slip == "sigmoid":
        dz = dh * h * (1 - h)
    db1 = dh.sum(axis=0) if slip == "b1" else dz.sum(axis=0)
    dW1 = x.T @ dz
    if slip == "W1":
        dW1 = dW1.T
    dx = dz @ (W1 if slip == "transpose" else W1.T)
    if slip == "mean":
        dW1, db1, dW2 = dW1 / 5, db1 / 5, dW2 / 5
    db2 = dout.mean(axis=0) if slip in ("b2", "mean") else dout.sum(axis=0)
    return {"x": dx, "W1": dW1, "b1": db1, "W2": dW2, "b2": db2}


def _with(slip):
    return partial(right, slip=slip)


wrong = [
    ("The derivative of tanh is missing.", _with("no tanh")),
    ("The derivative of tanh was taken to be 1 - h, without the square.", _with("1 - h")),
    ("The derivative of tanh was evaluated at the hidden values, not at the preactivations.", _with("tanh of h")),
    ("The derivative of the sigmoid, h (1 - h), was used for tanh.", _with("sigmoid")),
    ("The gradient of W2 uses the preactivation, not the hidden values.", _with("z")),
    ("The gradient of b1 was summed before the derivative of tanh was applied.", _with("b1")),
    ("The gradient of b2 was averaged over the batch in place of summed.", _with("b2")),
    ("W1 was not transposed in the gradient of x.", _with("transpose")),
    ("The gradient of W1 was transposed.", _with("W1")),
    ("All parameter gradients were divided by the batch size.", _with("mean")),
    ("W2 was updated by a step before the gradient was sent through it.", _with("updated")),
]
closed_form = {2, 9, 10}

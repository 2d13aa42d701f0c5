"""Multiclass hinge loss with regularization, in the manner of a well-known course assignment."""

import numpy as np

name = "multiclass_svm"
style = "svm_loss_naive(W, X, y, reg): returns loss and dW in one function, y integer labels"


def svm_loss_naive(W, X, y, reg):
    dW = np.zeros(W.shape)
    num_train = X.shape[0]
    loss = 0.0
    for i in range(num_train):
        scores = X[i].dot(W)
        for j in range(W.shape[1]):
            if j == y[i]:
                continue
            margin = scores[j] - scores[y[i]] + 1
            if margin > 0:
                loss += margin
                dW[:, j] += X[i]
                dW[:, y[i]] -= X[i]
    loss = loss / num_train + reg * np.sum(W * W)
    return loss, dW / num_train + 2 * reg * W


def make(rng):
    y = np.array([0, 2, 1, 1, 3])
    reg = 0.1
    while True:
        W, X = rng.normal(size=(3, 4)), rng.normal(size=(5, 3))
        S = X @ W
        M = S - S[np.arange(5), y][:, None] + 1
        if np.abs(M).min() > 1e-2:
            break
    active = (M > 0).astype(float)
    active[np.arange(5), y] = 0
    full = active.copy()
    full[np.arange(5), y] = -active.sum(1)
    once = active.copy()
    once[np.arange(5), y] = -np.minimum(active.sum(1), 1)
    return {
        "forward": lambda W: svm_loss_naive(W, X, y, reg)[0],
        "arguments": {"W": W},
        "upstream": None,
        "right": lambda: {"W": svm_loss_naive(W, X, y, reg)[1]},
        "wrong": {
            "gives the right class no gradient": lambda: {"W": X.T @ active / 5 + 2 * reg * W},
            "counts the right class once, not once per violated margin": lambda: {"W": X.T @ once / 5 + 2 * reg * W},
            "forgets the regularization": lambda: {"W": X.T @ full / 5},
            "has reg * W in place of 2 reg W": lambda: {"W": X.T @ full / 5 + reg * W},
            "divides the regularization by the number of samples too": lambda: {"W": (X.T @ full + 2 * reg * W) / 5},
        },
        "kink": False,
        "dtype": "float64",
        "native": {
            "callable": svm_loss_naive,
            "inputs": (W, X, y, reg),
            "handed over as": "f(W, X, y, reg) returns (loss, dW); y holds integers, reg is a Python float",
        },
    }

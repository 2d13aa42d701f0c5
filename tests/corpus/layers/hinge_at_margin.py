"""Hinge loss of a linear classifier with samples exactly on the margin."""

import numpy as np

name = "hinge_at_margin"
style = "labels +1/-1 captured as a global constant of the call, loop with if"


def make(rng):
    labels = np.array([1, -1, 1, -1, 1, -1])

    def svm(w, b, X):
        loss = 0.0
        for i in range(len(labels)):
            m = labels[i] * (X[i] @ w + b[0])
            if m < 1:
                loss += 1 - m
        return loss / len(labels)

    X, w, b = rng.normal(size=(6, 2)), np.array([0.5, -0.25]), np.array([0.25])
    X[0] = [2.0, 1.0]  # margin 1 exactly
    X[1] = [-3.0, -1.0]  # margin 1 exactly
    X[2], X[3] = [-1.0, 1.0], [2.0, 0.0]
    X[4], X[5] = [4.0, 0.0], [-1.0, 1.0]

    def grads(rule=lambda m: m < 1, scale=1 / 6, sign=-1.0):
        m = labels * (X @ w + b)
        c = sign * labels * rule(m) * scale
        return {"w": X.T @ c, "b": np.array([c.sum()]), "X": np.outer(c, w)}

    return {
        "forward": svm,
        "arguments": {"w": w, "b": b, "X": X},
        "upstream": None,
        "right": grads,
        "wrong": {
            "counts samples beyond the margin": lambda: grads(lambda m: m > -9),
            "counts only misclassified samples": lambda: grads(lambda m: m < 0),
            "forgets to divide by the number of samples": lambda: grads(scale=1.0),
            "has the sign reversed": lambda: grads(sign=1.0),
            "weights each sample by its violation": lambda: grads(lambda m: np.maximum(0, 1 - m)),
        },
        "kink": True,
        "dtype": "float64",
    }

"""L1 penalty of a sparse weight vector."""

import numpy as np

name = "l1_penalty_zeros"
style = "objective = least squares + lam * |w|_1; several weights are exactly zero"


def make(rng):
    A, y = rng.normal(size=(8, 5)), rng.normal(size=8)
    lam = 0.3

    def objective(w):
        r = A @ w - y
        return 0.5 * r @ r + lam * np.abs(w).sum()

    w = np.array([0.7, 0.0, -1.2, 0.0, 0.4])
    ls = A.T @ (A @ w - y)
    return {
        "forward": objective,
        "arguments": {"w": w},
        "upstream": None,
        "right": lambda: {"w": ls + lam * np.sign(w)},
        "wrong": {
            "forgets the penalty": lambda: {"w": ls},
            "uses the gradient of the L2 penalty": lambda: {"w": ls + lam * w},
            "forgets lam": lambda: {"w": ls + np.sign(w)},
            "penalizes with a constant sign": lambda: {"w": ls + lam},
            "averages the data term only": lambda: {"w": ls / 8 + lam * np.sign(w)},
        },
        "kink": True,
        "dtype": "float64",
    }

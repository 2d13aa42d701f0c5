"""Solve a linear system with several right-hand sides."""

import numpy as np

name = "linear_solve"
style = "np.linalg.solve on a stack of matrices"


def solve(A, B):
    return np.linalg.solve(A, B)


def make(rng):
    A, B, G = rng.normal(size=(2, 3, 3)) + 3 * np.eye(3), rng.normal(size=(2, 3, 2)), rng.normal(size=(2, 3, 2))
    X = np.linalg.solve(A, B)
    dB = np.linalg.solve(A.swapaxes(1, 2), G)

    def out(dA, dB=dB):
        return lambda: {"A": dA, "B": dB}

    return {
        "forward": solve,
        "arguments": {"A": A, "B": B},
        "upstream": G,
        "right": out(-dB @ X.swapaxes(1, 2)),
        "wrong": {
            "forgets the minus sign": out(dB @ X.swapaxes(1, 2)),
            "solves with A in place of its transpose": lambda: {
                "A": -np.linalg.solve(A, G) @ X.swapaxes(1, 2),
                "B": np.linalg.solve(A, G),
            },
            "transposes the gradient of A": out(-X @ dB.swapaxes(1, 2)),
            "uses B in place of X": out(-dB @ B.swapaxes(1, 2)),
            "multiplies by A transposed in place of solving": out(-dB @ X.swapaxes(1, 2), A.swapaxes(1, 2) @ G),
        },
        "kink": False,
        "dtype": "float64",
    }

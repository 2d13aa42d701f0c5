"""Cholesky factor; NumPy reads only the lower triangle."""

import numpy as np

name = "cholesky_lower"
style = "np.linalg.cholesky as the callable; partial derivatives entry by entry, so the upper triangle has none"


def factor(A):
    return np.linalg.cholesky(A)


def make(rng):
    B = rng.normal(size=(4, 4))
    A = B @ B.T + 2 * np.eye(4)
    G = rng.normal(size=(4, 4))
    L = np.linalg.cholesky(A)

    def symmetric(phi_of):
        P = phi_of(L.T @ np.tril(G))
        S = np.linalg.solve(L.T, np.linalg.solve(L.T, P.T).T)
        return (S + S.T) / 2

    def phi(M):
        return np.tril(M) - 0.5 * np.diag(np.diag(M))

    def lower(S):
        return np.tril(S + S.T) - np.diag(np.diag(S))

    S = symmetric(phi)
    return {
        "forward": factor,
        "arguments": {"A": A},
        "upstream": G,
        "right": lambda: {"A": lower(S)},
        "wrong": {
            "keeps the whole diagonal of phi": lambda: {"A": lower(symmetric(np.tril))},
            "does not take the lower triangle": lambda: {"A": lower(symmetric(lambda M: M))},
            "counts off-diagonal entries once": lambda: {"A": np.tril(S)},
            "counts the diagonal twice": lambda: {"A": np.tril(S + S.T)},
            "returns the gradient of the factor itself": lambda: {"A": np.tril(G)},
        },
        "kink": False,
        "dtype": "float64",
    }

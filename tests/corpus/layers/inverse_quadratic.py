"""Mahalanobis distance by an explicit inverse."""

import numpy as np

name = "inverse_quadratic"
style = "np.linalg.inv, batch of vectors against one mean, not symmetric"


def mahalanobis(x, mu, S):
    d = x - mu
    return np.sqrt(np.sum(d @ np.linalg.inv(S) * d, axis=1))


def make(rng):
    B = rng.normal(size=(3, 3))
    S = B @ B.T + np.eye(3) + 0.1 * rng.normal(size=(3, 3))
    x, mu, g = rng.normal(size=(5, 3)), rng.normal(size=3), rng.normal(size=5)
    P = np.linalg.inv(S)
    d = x - mu
    m = np.sqrt(np.einsum("ni,ij,nj->n", d, P, d))
    c = g / (2 * m)

    def pack(dd, dS):
        return lambda: {"x": dd, "mu": -dd.sum(0), "S": dS}

    dd = c[:, None] * (d @ (P + P.T))
    dP = np.einsum("n,ni,nj->ij", c, d, d)
    dS = -P.T @ dP @ P.T
    return {
        "forward": mahalanobis,
        "arguments": {"x": x, "mu": mu, "S": S},
        "upstream": g,
        "right": pack(dd, dS),
        "wrong": {
            "treats the inverse as symmetric": pack(2 * c[:, None] * (d @ P), dS),
            "forgets the minus sign of the inverse's derivative": pack(dd, -dS),
            "forgets the derivative of the root": pack(2 * m[:, None] * dd, dS),
            "does not transpose the inverse": pack(dd, -P @ dP @ P),
            "returns the gradient of the inverse": pack(dd, dP),
        },
        "kink": False,
        "dtype": "float64",
    }

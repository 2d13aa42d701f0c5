"""Gaussian process likelihood through a symmetrized Cholesky factor."""

import numpy as np

name = "gaussian_process_nll"
style = "symmetrizes its argument, log-determinant from the factor, scalar"


def gp_nll(K, y):
    K = (K + K.T) / 2
    L = np.linalg.cholesky(K)
    a = np.linalg.solve(L, y)
    return 0.5 * a @ a + np.log(np.diag(L)).sum() + 0.5 * len(y) * np.log(2 * np.pi)


def make(rng):
    t = np.sort(rng.random(5))
    K = np.exp(-(((t[:, None] - t) / 0.3) ** 2)) + 0.3 * np.eye(5)
    y = rng.normal(size=5)
    Ki = np.linalg.inv(K)
    w = Ki @ y

    def out(dK, dy=w):
        return lambda: {"K": dK, "y": dy}

    return {
        "forward": gp_nll,
        "arguments": {"K": K, "y": y},
        "upstream": None,
        "right": out(0.5 * (Ki - np.outer(w, w))),
        "wrong": {
            "forgets the log-determinant": out(-0.5 * np.outer(w, w)),
            "has the sign of the quadratic term reversed": out(0.5 * (Ki + np.outer(w, w))),
            "forgets one half": out(Ki - np.outer(w, w)),
            "uses y in place of the solved vector": out(0.5 * (Ki - np.outer(y, y))),
            "halves the gradient of y": out(0.5 * (Ki - np.outer(w, w)), w / 2),
        },
        "kink": False,
        "dtype": "float64",
    }

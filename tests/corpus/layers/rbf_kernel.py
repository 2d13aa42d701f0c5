"""RBF kernel matrix by expanded squared distances."""

import numpy as np

name = "rbf_kernel"
style = "x^2 + y^2 - 2xy trick, the same points on both sides, log length scale as 0-d array"


def rbf(x, log_ell):
    sq = (x**2).sum(1)
    d2 = sq[:, None] + sq[None, :] - 2 * x @ x.T
    return np.exp(-0.5 * d2 / np.exp(2 * log_ell))


def make(rng):
    x, log_ell, g = rng.normal(size=(5, 2)), np.array(0.2), rng.normal(size=(5, 5))
    K = rbf(x, log_ell)
    e2 = np.exp(2 * log_ell)
    d2 = -2 * e2 * np.log(K)
    M = g * K
    N = M + M.T

    def out(dx, dl):
        return lambda: {"x": dx, "log_ell": dl}

    dx = (N @ x - N.sum(1, keepdims=True) * x) / e2
    dl = np.sum(M * d2) / e2
    return {
        "forward": rbf,
        "arguments": {"x": x, "log_ell": log_ell},
        "upstream": g,
        "right": out(dx, dl),
        "wrong": {
            "counts x on one side only": out((M @ x - M.sum(1, keepdims=True) * x) / e2, dl),
            "takes g to be symmetric": out(2 * (M @ x - M.sum(1, keepdims=True) * x) / e2, dl),
            "has the sign reversed": out(-dx, dl),
            "differentiates by the length scale, not its logarithm": out(dx, dl / np.exp(log_ell)),
            "forgets the squared norms": out(N @ x / e2, dl),
        },
        "kink": False,
        "dtype": "float64",
    }

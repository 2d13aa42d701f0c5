"""Gaussian negative log-likelihood with predicted mean and log variance."""

import numpy as np

name = "gaussian_nll"
style = "dataclass-like dict of outputs, heteroscedastic regression"


def nll(mu, log_var, y):
    return 0.5 * np.mean(log_var + (y - mu) ** 2 / np.exp(log_var))


def make(rng):
    mu, lv, y = rng.normal(size=(6, 2)), rng.normal(size=(6, 2)), rng.normal(size=(6, 2))
    e = np.exp(-lv)
    r, n = y - mu, y.size

    def out(a, b):
        return lambda: {"mu": a, "log_var": b}

    a, b = -r * e / n, 0.5 * (1 - r**2 * e) / n
    return {
        "forward": lambda mu, log_var: nll(mu, log_var, y),
        "arguments": {"mu": mu, "log_var": lv},
        "upstream": None,
        "right": out(a, b),
        "wrong": {
            "differentiates by the variance": out(a, 0.5 * (e - r**2 * e**2) / n),
            "forgets the log-determinant term": out(a, b - 0.5 / n),
            "has the residual's sign reversed": out(-a, b),
            "divides by the standard deviation only": out(-r * np.sqrt(e) / n, b),
            "forgets one half": out(2 * a, 2 * b),
        },
        "kink": False,
        "dtype": "float64",
        "native": {
            "callable": lambda outputs: nll(outputs["mu"], outputs["log_var"], y),
            "inputs": {"mu": mu, "log_var": lv},
            "handed over as": "loss(outputs) where outputs is a dict of arrays",
        },
    }

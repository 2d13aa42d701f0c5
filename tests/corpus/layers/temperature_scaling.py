"""Negative log-likelihood with a learned temperature."""

import numpy as np

name = "temperature_scaling"
style = "calibration: only a 0-d temperature and per-class bias are learned, logits captured"


def make(rng):
    logits, y = 3 * rng.normal(size=(10, 3)), rng.integers(0, 3, size=10)

    def nll(log_T, bias):
        z = logits / np.exp(log_T) + bias
        m = z.max(axis=1)
        return np.mean(m + np.log(np.exp(z - m[:, None]).sum(axis=1)) - z[np.arange(10), y])

    log_T, bias = np.array(0.4), rng.normal(size=3)
    z = logits / np.exp(log_T) + bias
    p = np.exp(z - z.max(1, keepdims=True))
    p /= p.sum(1, keepdims=True)
    d = p.copy()
    d[np.arange(10), y] -= 1
    d /= 10
    T = np.exp(log_T)

    def right():
        return {"log_T": -np.sum(d * logits) / T, "bias": d.sum(0)}

    return {
        "forward": nll,
        "arguments": {"log_T": log_T, "bias": bias},
        "upstream": None,
        "right": right,
        "wrong": {
            "differentiates by T in place of log T": lambda: right() | {"log_T": -np.sum(d * logits) / T**2},
            "has the sign of the temperature reversed": lambda: right() | {"log_T": np.sum(d * logits) / T},
            "includes the bias in the scaled logits": lambda: right() | {"log_T": -np.sum(d * z)},
            "averages twice": lambda: right() | {"bias": d.mean(0)},
            "forgets the labels in the bias gradient": lambda: right() | {"bias": p.mean(0)},
        },
        "kink": False,
        "dtype": "float64",
    }

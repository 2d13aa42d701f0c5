"""Pinball loss for several quantiles."""

import numpy as np

name = "quantile_loss"
style = "max(q e, (q - 1) e), predictions (n, quantiles), one prediction 2e-5 from its target; float32"


def pinball(pred, y, qs):
    e = y[:, None] - pred
    return np.maximum(qs * e, (qs - 1) * e).mean()


def make(rng):
    qs = np.array([0.1, 0.5, 0.9], dtype=np.float32)
    y = rng.normal(size=5).astype(np.float32)
    e = (np.sign(rng.normal(size=(5, 3))) * rng.uniform(0.1, 1, size=(5, 3))).astype(np.float32)
    e[0, 0], e[1, 2] = 0.5, -0.5
    pred = y[:, None] - e
    y[3] = 0.25
    pred[3] = [0.25 - 2e-5, 0.5, 0.125]
    e = y[:, None] - pred
    d = np.where(e > 0, -qs, 1 - qs) / np.float32(15)

    def f32(a):
        return lambda: {"pred": np.asarray(a, dtype=np.float32)}

    return {
        "forward": lambda pred: pinball(pred, y, qs),
        "arguments": {"pred": pred},
        "upstream": None,
        "right": f32(d),
        "wrong": {
            "has the sign reversed": f32(-d),
            "swaps q and 1 - q": f32(np.where(e > 0, qs - 1, qs) / 15),
            "divides by the number of samples only": f32(d * 3),
            "uses the median's weight for all": f32(np.where(e > 0, -0.5, 0.5) / 15),
            "multiplies by the error": f32(d * e),
        },
        "kink": True,
        "dtype": "float32",
    }

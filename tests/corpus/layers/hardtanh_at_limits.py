"""Hard tanh with inputs exactly at its limits."""

import numpy as np

name = "hardtanh_at_limits"
style = "class with min_val and max_val, np.clip; gradient passes at the limits, by convention of its author"


class HardTanh:
    min_val, max_val = -1.0, 1.0

    def __call__(self, x):
        return np.clip(x, self.min_val, self.max_val)

    def grad(self, x, g):
        return g * ((x >= self.min_val) & (x <= self.max_val))


def make(rng):
    act = HardTanh()
    x = rng.uniform(-2, 2, size=(3, 6))
    x[np.abs(np.abs(x) - 1) < 0.05] = 0.2
    x[0, 1], x[1, 2], x[2, 5] = 1.0, -1.0, 1.0
    x[0, 0], x[0, 5] = 0.5, 1.7
    g = rng.normal(size=x.shape)
    return {
        "forward": act,
        "arguments": {"x": x},
        "upstream": g,
        "right": lambda: {"x": act.grad(x, g)},
        "wrong": {
            "passes everything through": lambda: {"x": g.copy()},
            "clips the gradient in place of masking it": lambda: {"x": np.clip(g, -1, 1)},
            "uses the derivative of tanh": lambda: {"x": g * (1 - np.tanh(x) ** 2)},
            "masks only above the upper limit": lambda: {"x": g * (x <= 0.9)},
            "passes the gradient outside the limits": lambda: {"x": g * (np.abs(x) >= 1)},
        },
        "kink": True,
        "dtype": "float64",
        "native": {"object": act, "handed over as": "act(x) and act.grad(x, g)"},
    }

"""Log-sum-exp of large numbers."""

import numpy as np

name = "logsumexp_offset"
style = "inputs near 1000, axis argument, keepdims; output loses digits"


def logsumexp(a, axis=-1):
    m = a.max(axis=axis, keepdims=True)
    return m + np.log(np.exp(a - m).sum(axis=axis, keepdims=True))


def make(rng):
    a, g = 1000 + 3 * rng.normal(size=(3, 5)), rng.normal(size=(3, 1))
    e = np.exp(a - a.max(1, keepdims=True))
    p = e / e.sum(1, keepdims=True)
    return {
        "forward": logsumexp,
        "arguments": {"a": a},
        "upstream": g,
        "right": lambda: {"a": g * p},
        "wrong": {
            "forgets to normalize": lambda: {"a": g * e},
            "returns the derivative of the maximum": lambda: {"a": g * (e == 1)},
            "adds the maximum's derivative a second time": lambda: {"a": g * (p + (e == 1))},
            "normalizes over the batch": lambda: {"a": g * e / e.sum(0)},
            "returns the softmax's own derivative": lambda: {"a": g * p * (1 - p)},
        },
        "kink": False,
        "dtype": "float64",
    }

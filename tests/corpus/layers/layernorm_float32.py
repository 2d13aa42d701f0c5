"""Layer norm over the last axis of a (batch, time, feature) array."""

import numpy as np

name = "layernorm_float32"
style = "GPT code in NumPy, float32, eps 1e-5"


def layer_norm(x, g, b, eps=1e-5):
    mean = np.mean(x, axis=-1, keepdims=True)
    variance = np.var(x, axis=-1, keepdims=True)
    return g * (x - mean) / np.sqrt(variance + eps) + b


def make(rng):
    x = (2 * rng.normal(size=(2, 3, 6)) + 5).astype(np.float32)
    gain, bias = rng.normal(size=6).astype(np.float32), rng.normal(size=6).astype(np.float32)
    up = rng.normal(size=x.shape).astype(np.float32)
    inv = 1 / np.sqrt(x.var(-1, keepdims=True) + np.float32(1e-5))
    xh = (x - x.mean(-1, keepdims=True)) * inv
    d = up * gain

    def right():
        dx = inv * (d - d.mean(-1, keepdims=True) - xh * (d * xh).mean(-1, keepdims=True))
        return {"x": dx, "g": (up * xh).sum((0, 1)), "b": up.sum((0, 1))}

    return {
        "forward": layer_norm,
        "arguments": {"x": x, "g": gain, "b": bias},
        "upstream": up,
        "right": right,
        "wrong": {
            "averages over the batch axis, as batch norm does": lambda: (
                right() | {"x": inv * (d - d.mean(0) - xh * (d * xh).mean(0))}
            ),
            "omits the projection on x hat": lambda: right() | {"x": inv * (d - d.mean(-1, keepdims=True))},
            "omits the mean": lambda: right() | {"x": inv * (d - xh * (d * xh).mean(-1, keepdims=True))},
            "sums the gain over the time axis of the first sample only": lambda: right() | {"g": (up * xh)[0].sum(0)},
            "forgets the inverse standard deviation": lambda: right() | {"x": right()["x"] / inv},
        },
        "kink": False,
        "dtype": "float32",
    }

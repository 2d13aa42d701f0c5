"""Log-sum-exp pooling with sharpness, single precision."""

import numpy as np

name = "logsumexp_float32"
style = "smooth maximum with a learned sharpness of shape (1,), inputs near 50, float32"


def smooth_max(x, r):
    z = r * x
    m = z.max(axis=1)
    return (m + np.log(np.mean(np.exp(z - m[:, None]), axis=1))) / r


def make(rng):
    x = (50 + rng.normal(size=(4, 6))).astype(np.float32)
    r, g = np.array([1.5], dtype=np.float32), rng.normal(size=4).astype(np.float32)
    x64, r64 = x.astype(float), r.astype(float)
    e = np.exp(r64 * (x64 - x64.max(1, keepdims=True)))
    p = e / e.sum(1, keepdims=True)
    y = smooth_max(x64, r64)
    ex = (p * x64).sum(1)

    def out(dx, dr):
        return lambda: {"x": dx.astype(np.float32), "r": np.array([dr], dtype=np.float32)}

    dx, dr = g[:, None] * p, np.sum(g * (ex - y) / r64)
    return {
        "forward": smooth_max,
        "arguments": {"x": x, "r": r},
        "upstream": g,
        "right": out(dx, dr),
        "wrong": {
            "multiplies the input gradient by r": out(r64 * dx, dr),
            "forgets the division by r in the gradient of r": out(dx, dr * r64[0]),
            "forgets that r also divides": out(dx, np.sum(g * ex / r64)),
            "divides by the number of entries, as for a mean": out(dx / 6, dr),
            "has the sign of the gradient of r reversed": out(dx, -dr),
        },
        "kink": False,
        "dtype": "float32",
    }

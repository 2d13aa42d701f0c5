"""Rotary position embedding written with complex numbers."""

import numpy as np

name = "rotary_positions"
style = "view of pairs as complex numbers inside, real outside"


def rope(x, freqs):
    t = np.arange(x.shape[0])[:, None]
    z = (x[:, 0::2] + 1j * x[:, 1::2]) * np.exp(1j * t * freqs)
    out = np.empty_like(x)
    out[:, 0::2], out[:, 1::2] = z.real, z.imag
    return out


def make(rng):
    x, freqs, g = rng.normal(size=(5, 4)), np.array([1.0, 0.1]), rng.normal(size=(5, 4))
    t = np.arange(5)[:, None]

    def c(a):
        return a[:, 0::2] + 1j * a[:, 1::2]

    def r(z):
        out = np.empty(x.shape)
        out[:, 0::2], out[:, 1::2] = z.real, z.imag
        return out

    w = np.exp(1j * t * freqs)
    dx = r(c(g) * w.conj())
    df = (t * (c(g).conj() * 1j * c(x) * w).real).sum(0)
    return {
        "forward": rope,
        "arguments": {"x": x, "freqs": freqs},
        "upstream": g,
        "right": lambda: {"x": dx, "freqs": df},
        "wrong": {
            "rotates the gradient forwards": lambda: {"x": r(c(g) * w), "freqs": df},
            "does not rotate the gradient": lambda: {"x": g.copy(), "freqs": df},
            "counts positions from one": lambda: {"x": r(c(g) * np.exp(-1j * (t + 1) * freqs)), "freqs": df},
            "forgets the position in the gradient of the frequencies": lambda: {
                "x": dx,
                "freqs": (c(g).conj() * 1j * c(x) * w).real.sum(0),
            },
            "has the sign of the frequency gradient reversed": lambda: {"x": dx, "freqs": -df},
        },
        "kink": False,
        "dtype": "float64",
    }

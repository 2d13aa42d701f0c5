"""Polynomial features of arrays that must not be written to."""

import numpy as np

name = "read_only_arguments"
style = "arguments are read-only (a frozen array, a broadcast view and a negative-stride view)"


def poly(x, offset, coef):
    return coef[0] + coef[1] * (x - offset) + coef[2] * (x - offset) ** 2


def make(rng):
    x = rng.normal(size=(3, 4))
    x.setflags(write=False)
    offset = np.broadcast_to(rng.normal(size=(3, 1)), (3, 4))
    coef = rng.normal(size=3)[::-1]
    g = rng.normal(size=(3, 4))
    u = x - offset
    d = g * (coef[1] + 2 * coef[2] * u)
    dc = np.array([g.sum(), (g * u).sum(), (g * u**2).sum()])

    def out(dx, do, dc=dc):
        return lambda: {"x": dx, "offset": do, "coef": dc}

    return {
        "forward": poly,
        "arguments": {"x": x, "offset": offset, "coef": coef},
        "upstream": g,
        "right": out(d, -d),
        "wrong": {
            "gives the offset the sign of x": out(d, d),
            "forgets the factor 2 of the square": out(g * (coef[1] + coef[2] * u), -g * (coef[1] + coef[2] * u)),
            "reverses the coefficients": out(d, -d, dc[::-1]),
            "forgets to subtract the offset": out(g * (coef[1] + 2 * coef[2] * x), -g * (coef[1] + 2 * coef[2] * x)),
            "averages the gradient of the coefficients": out(d, -d, dc / 12),
        },
        "kink": False,
        "dtype": "float64",
    }

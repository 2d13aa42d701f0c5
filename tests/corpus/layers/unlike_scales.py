"""Chemical rate law whose parameters differ by many powers of ten."""

import numpy as np

name = "unlike_scales"
style = "scientific code with physical units; arguments about 1e10, 5e4, 600 and 1e-2 side by side"

R = 8.314


def rate(A, Ea, T, conc):
    return A * np.exp(-Ea / (R * T)) * conc**2


def make(rng):
    A, Ea = 1e10 * rng.uniform(1, 2, size=3), 5e4 * rng.uniform(0.9, 1.1, size=3)
    T, conc = 600 + 20 * rng.random(3), 1e-2 * rng.uniform(1, 2, size=3)
    g = rng.normal(size=3)
    y = rate(A, Ea, T, conc)

    def right():
        return {"A": g * y / A, "Ea": -g * y / (R * T), "T": g * y * Ea / (R * T**2), "conc": 2 * g * y / conc}

    return {
        "forward": rate,
        "arguments": {"A": A, "Ea": Ea, "T": T, "conc": conc},
        "upstream": g,
        "right": right,
        "wrong": {
            "forgets the minus sign of the activation energy": lambda: right() | {"Ea": -right()["Ea"]},
            "divides by T once in the temperature gradient": lambda: right() | {"T": right()["T"] * T},
            "forgets the order 2 of the reaction": lambda: right() | {"conc": g * y / conc},
            "multiplies by A in place of dividing": lambda: right() | {"A": g * y},
            "forgets the gas constant": lambda: right() | {"Ea": -g * y / T},
        },
        "kink": False,
        "dtype": "float64",
    }

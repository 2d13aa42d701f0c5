"""Elastic-net penalty over a list of parameter arrays."""

import numpy as np

name = "elastic_net"
style = "loops over several arrays of unlike shapes, returns a numpy scalar, float32"


def penalty(arrays, l1, l2):
    total = 0
    for a in arrays:
        total = total + l1 * np.abs(a).sum() + 0.5 * l2 * (a * a).sum()
    return total


def make(rng):
    arrays = [(np.sign(a) * (np.abs(a) + 0.1)) for a in (rng.normal(size=(3, 4)), rng.normal(size=4))]
    M, v = (a.astype(np.float32) for a in arrays)
    l1, l2 = 0.02, 0.1

    def g(a, c1=l1, c2=l2):
        return c1 * np.sign(a) + c2 * a

    return {
        "forward": lambda M, v: penalty([M, v], l1, l2),
        "arguments": {"M": M, "v": v},
        "upstream": None,
        "right": lambda: {"M": g(M), "v": g(v)},
        "wrong": {
            "has a factor 2 in the quadratic part": lambda: {"M": g(M, c2=2 * l2), "v": g(v, c2=2 * l2)},
            "does not penalize the vector": lambda: {"M": g(M), "v": 0 * v},
            "swaps the two coefficients": lambda: {"M": g(M, l2, l1), "v": g(v, l2, l1)},
            "divides by the number of entries": lambda: {"M": g(M) / M.size, "v": g(v) / v.size},
            "forgets the sign": lambda: {"M": l1 + l2 * M, "v": l1 + l2 * v},
        },
        "kink": False,
        "dtype": "float32",
        "native": {
            "callable": lambda arrays: penalty(arrays, l1, l2),
            "inputs": [M, v],
            "handed over as": "penalty([M, v], l1, l2), gradient as a list of arrays in the same order",
        },
    }

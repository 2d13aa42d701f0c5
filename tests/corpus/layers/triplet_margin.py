"""Triplet margin loss."""

import numpy as np

name = "triplet_margin"
style = "three embeddings, Euclidean distances, one triplet inactive"


def triplet(anchor, positive, negative, margin=1.0):
    dp = np.linalg.norm(anchor - positive, axis=1)
    dn = np.linalg.norm(anchor - negative, axis=1)
    return np.maximum(dp - dn + margin, 0).mean()


def make(rng):
    while True:
        a, p, n = (rng.normal(size=(5, 3)) for _ in range(3))
        n[0] = a[0] + 9
        up, un = a - p, a - n
        dp, dn = np.sqrt((up**2).sum(1, keepdims=True)), np.sqrt((un**2).sum(1, keepdims=True))
        v = dp - dn + 1
        if np.abs(v).min() > 0.02 and (v > 0).sum() >= 2:
            break
    on = (v > 0) / 5

    def pack(gp, gn, on=on):
        return {"anchor": on * (gp - gn), "positive": -on * gp, "negative": on * gn}

    return {
        "forward": triplet,
        "arguments": {"anchor": a, "positive": p, "negative": n},
        "upstream": None,
        "right": lambda: pack(up / dp, un / dn),
        "wrong": {
            "forgets to divide by the distances": lambda: pack(up, un),
            "divides by the squared distances": lambda: pack(up / dp**2, un / dn**2),
            "counts inactive triplets": lambda: pack(up / dp, un / dn, 0.2),
            "has the wrong sign for the negative": lambda: pack(up / dp, -un / dn),
            "gives the anchor only the positive's part": lambda: pack(up / dp, un / dn) | {"anchor": on * up / dp},
        },
        "kink": False,
        "dtype": "float64",
    }

"""Embedding lookup with repeated token ids."""

import numpy as np

name = "embedding_repeated"
style = "F.embedding(input, weight) with integer ids; padding row 0 gets no gradient by masking"


class Embedding:
    padding_idx = 0

    def __init__(self, weight):
        self.weight = weight

    def __call__(self, ids):
        out = self.weight[ids]
        return out * (ids != self.padding_idx)[..., None]


def make(rng):
    ids = np.array([[3, 1, 3, 0], [1, 1, 5, 0]])
    weight, g = rng.normal(size=(6, 3)), rng.normal(size=(2, 4, 3))
    live = (ids != 0)[..., None] * 1.0

    def scatter(g, ids=ids):
        d = np.zeros_like(weight)
        np.add.at(d, ids, g)
        return {"weight": d}

    def assign():
        d = np.zeros_like(weight)
        d[ids] = g * live
        return {"weight": d}

    def plus_equals():
        d = np.zeros_like(weight)
        d[ids] += g * live * 2
        return {"weight": d}

    counts = np.bincount(ids.ravel(), minlength=6)
    return {
        "forward": lambda weight: Embedding(weight)(ids),
        "arguments": {"weight": weight},
        "upstream": g,
        "right": lambda: scatter(g * live),
        "wrong": {
            "assigns, so that repeated ids keep the last gradient": assign,
            "adds by fancy indexing, which counts repeated ids once, and doubles": plus_equals,
            "gives the padding row a gradient": lambda: scatter(g),
            "averages over repetitions": lambda: {
                "weight": scatter(g * live)["weight"] / np.maximum(counts, 1)[:, None]
            },
            "shifts the ids by one": lambda: scatter(g * live, (ids + 1) % 6),
        },
        "kink": False,
        "dtype": "float64",
        "native": {
            "object": Embedding(weight.copy()),
            "inputs": (ids,),
            "parameters": ["weight"],
            "handed over as": "layer(ids) with an integer array; only the weight has a gradient",
        },
    }

"""Cosine embedding loss for pairs with labels +1 and -1."""

import numpy as np

name = "cosine_embedding"
style = "einsum for row dots; dissimilar pairs count above a margin"


def cosine_embedding_loss(u, v, y, margin=0.1):
    c = np.einsum("ij,ij->i", u, v) / np.sqrt(np.einsum("ij,ij->i", u, u) * np.einsum("ij,ij->i", v, v))
    return np.mean(np.where(y == 1, 1 - c, np.maximum(0, c - margin)))


def make(rng):
    y = np.array([1, -1, 1, -1, -1])
    while True:
        u, v = rng.normal(size=(5, 4)), rng.normal(size=(5, 4))
        nu, nv = np.linalg.norm(u, axis=1, keepdims=True), np.linalg.norm(v, axis=1, keepdims=True)
        c = (u * v).sum(1, keepdims=True) / (nu * nv)
        if np.abs(c[y == -1] - 0.1).min() > 0.05 and len(set(c[y == -1, 0] > 0.1)) == 2:
            break
    w = np.where(y == 1, -1, (c[:, 0] > 0.1) * 1.0)[:, None] / 5

    def pack(gu, gv, w=w):
        return {"u": w * gu, "v": w * gv}

    du, dv = v / (nu * nv) - c * u / nu**2, u / (nu * nv) - c * v / nv**2
    return {
        "forward": lambda u, v: cosine_embedding_loss(u, v, y),
        "arguments": {"u": u, "v": v},
        "upstream": None,
        "right": lambda: pack(du, dv),
        "wrong": {
            "treats the norms as constant": lambda: pack(v / (nu * nv), u / (nu * nv)),
            "divides the second term by the product of the norms": lambda: pack(
                (v - c * u) / (nu * nv), (u - c * v) / (nu * nv)
            ),
            "ignores the margin": lambda: pack(du, dv, np.where(y == 1, -1, 1.0)[:, None] / 5),
            "ignores the labels": lambda: pack(du, dv, np.full((5, 1), -0.2)),
            "adds the norm's part": lambda: pack(v / (nu * nv) + c * u / nu**2, u / (nu * nv) + c * v / nv**2),
        },
        "kink": False,
        "dtype": "float64",
    }

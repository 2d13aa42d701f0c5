"""Causal attention with minus infinity in the mask."""

import numpy as np

name = "attention_causal"
style = "np.where with -inf, float32; scores and values as inputs (projections done elsewhere)"


def causal(scores, v):
    t = scores.shape[-1]
    s = np.where(np.tri(t, dtype=bool), scores, -np.inf)
    w = np.exp(s - s.max(-1, keepdims=True))
    w /= w.sum(-1, keepdims=True)
    return w @ v


def make(rng):
    s, v = rng.normal(size=(2, 4, 4)).astype(np.float32), rng.normal(size=(2, 4, 3)).astype(np.float32)
    g = rng.normal(size=(2, 4, 3)).astype(np.float32)
    tri = np.tri(4, dtype=bool)
    e = np.exp(np.where(tri, s, -np.inf))
    w = e / e.sum(-1, keepdims=True)
    full = np.exp(s) / np.exp(s).sum(-1, keepdims=True)

    def back(w):
        dw = g @ v.swapaxes(1, 2)
        return {"scores": w * (dw - (w * dw).sum(-1, keepdims=True)), "v": w.swapaxes(1, 2) @ g}

    dw = g @ v.swapaxes(1, 2)
    return {
        "forward": causal,
        "arguments": {"scores": s, "v": v},
        "upstream": g,
        "right": lambda: back(w),
        "wrong": {
            "forgets the mask": lambda: back(full),
            "masks the gradient, but uses unmasked weights": lambda: {
                k: a * tri if k == "scores" else a for k, a in back(full).items()
            },
            "sums the row term without the weights": lambda: (
                back(w) | {"scores": w * (dw - (tri * dw).sum(-1, keepdims=True))}
            ),
            "masks the transposed triangle": lambda: back(w) | {"scores": back(w)["scores"] * tri.T},
            "does not transpose the weights for v": lambda: back(w) | {"v": w @ g},
        },
        "kink": False,
        "dtype": "float32",
    }

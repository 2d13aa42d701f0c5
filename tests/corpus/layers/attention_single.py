"""Scaled dot-product attention, one head."""

import numpy as np

name = "attention_single"
style = "function of Q, K, V; batch first; matmul with swapaxes"


def softmax(a):
    e = np.exp(a - a.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def attention(Q, K, V):
    A = softmax(Q @ K.swapaxes(-1, -2) / np.sqrt(Q.shape[-1]))
    return A @ V


def make(rng):
    Q, K, V = rng.normal(size=(2, 3, 4)), rng.normal(size=(2, 5, 4)), rng.normal(size=(2, 5, 2))
    G = rng.normal(size=(2, 3, 2))
    A = softmax(Q @ K.swapaxes(1, 2) / 2)
    dA = G @ V.swapaxes(1, 2)

    def pack(dS, scale=0.5):
        return {"Q": scale * dS @ K, "K": scale * dS.swapaxes(1, 2) @ Q, "V": A.swapaxes(1, 2) @ G}

    dS = A * (dA - (A * dA).sum(-1, keepdims=True))
    return {
        "forward": attention,
        "arguments": {"Q": Q, "K": K, "V": V},
        "upstream": G,
        "right": lambda: pack(dS),
        "wrong": {
            "forgets the scale": lambda: pack(dS, 1.0),
            "keeps only the softmax diagonal": lambda: pack(A * (1 - A) * dA),
            "sums over queries in place of keys": lambda: pack(A * (dA - (A * dA).sum(-2, keepdims=True))),
            "forgets the scale in the key's gradient only": lambda: pack(dS) | {"K": dS.swapaxes(1, 2) @ Q},
            "does not weight V's gradient by the attention": lambda: (
                pack(dS) | {"V": np.broadcast_to(G.sum(1, keepdims=True), V.shape) / 5}
            ),
        },
        "kink": False,
        "dtype": "float64",
    }

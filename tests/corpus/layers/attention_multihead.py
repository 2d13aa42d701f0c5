"""Multi-head self-attention with output projection."""

import numpy as np

name = "attention_multihead"
style = "class with Wqkv and Wo attributes, heads by reshape and transpose"


class SelfAttention:
    heads = 2

    def __init__(self, Wqkv, Wo):
        self.Wqkv, self.Wo = Wqkv, Wo

    def split(self, a):
        t, d = a.shape
        return a.reshape(t, self.heads, d // self.heads).transpose(1, 0, 2)

    def join(self, a):
        return a.transpose(1, 0, 2).reshape(a.shape[1], -1)

    def forward(self, x):
        self.x = x
        self.q, self.k, self.v = (self.split(a) for a in np.split(x @ self.Wqkv, 3, axis=1))
        s = self.q @ self.k.transpose(0, 2, 1) / np.sqrt(self.q.shape[-1])
        e = np.exp(s - s.max(-1, keepdims=True))
        self.a = e / e.sum(-1, keepdims=True)
        self.o = self.join(self.a @ self.v)
        return self.o @ self.Wo

    def backward(self, g, slip=None):
        dWo = self.o.T @ g
        do = self.split(g @ self.Wo.T)
        if slip == "heads":
            do = (g @ self.Wo.T).reshape(do.shape)
        dv = self.a.transpose(0, 2, 1) @ do
        da = do @ self.v.transpose(0, 2, 1)
        ds = self.a * (da - (self.a * da).sum(-1, keepdims=True))
        ds /= np.sqrt(self.x.shape[1]) if slip == "scale" else np.sqrt(self.q.shape[-1])
        dq, dk = ds @ self.k, ds.transpose(0, 2, 1) @ self.q
        if slip == "order":
            dq, dk = dk, dq
        d = np.hstack([self.join(dq), self.join(dk), self.join(dv)])
        if slip == "only v":
            d[:, : -self.x.shape[1]] = 0
        dx = d @ self.Wqkv.T
        if slip == "Wo":
            dWo = g.T @ self.o
        return {"x": dx, "Wqkv": self.x.T @ d, "Wo": dWo}


def make(rng):
    x, Wqkv, Wo = rng.normal(size=(5, 4)), rng.normal(size=(4, 12)), rng.normal(size=(4, 4))
    g = rng.normal(size=(5, 4))

    def run(slip=None):
        m = SelfAttention(Wqkv, Wo)
        m.forward(x)
        return m.backward(g, slip)

    m = SelfAttention(Wqkv.copy(), Wo.copy())
    return {
        "forward": lambda x, Wqkv, Wo: SelfAttention(Wqkv, Wo).forward(x),
        "arguments": {"x": x, "Wqkv": Wqkv, "Wo": Wo},
        "upstream": g,
        "right": run,
        "wrong": {
            "splits the heads by a reshape alone": lambda: run("heads"),
            "scales by the model width in place of the head width": lambda: run("scale"),
            "swaps the gradients of queries and keys": lambda: run("order"),
            "lets the gradient through the values only": lambda: run("only v"),
            "transposes the gradient of Wo": lambda: run("Wo"),
        },
        "kink": False,
        "dtype": "float64",
        "native": {
            "object": m,
            "call": lambda: m.forward(x),
            "inputs": (x,),
            "parameters": ["Wqkv", "Wo"],
            "handed over as": "check(m, x, g); m.backward(g) returns a dict",
        },
    }

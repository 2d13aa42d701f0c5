"""RNN language model: one function from parameters to mean loss over integer characters."""

from itertools import pairwise

import numpy as np

name = "rnn_shared_loss"
style = "class with parameters as attributes and an integer sequence as input, last hidden state kept between calls"


class CharRNN:
    def __init__(self, E, U, V):
        self.E, self.U, self.V = E, U, V

    def loss(self, chars):
        h = np.zeros(self.U.shape[0])
        self.hs, self.ps = [h], []
        total = 0.0
        for a, b in pairwise(chars):
            h = np.tanh(self.E[a] + self.U @ h)
            z = self.V @ h
            p = np.exp(z - z.max())
            p /= p.sum()
            total -= np.log(p[b])
            self.hs.append(h)
            self.ps.append(p)
        return total / (len(chars) - 1)

    def grad(self, chars, slip=None):
        T = len(chars) - 1
        dE, dU, dV = 0 * self.E, 0 * self.U, 0 * self.V
        later = np.zeros(self.U.shape[0])
        for t in reversed(range(T)):
            dz = self.ps[t].copy()
            dz[chars[t] if slip == "target" else chars[t + 1]] -= 1
            dz /= 1 if slip == "sum" else T
            dV += np.outer(dz, self.hs[t + 1])
            dh = self.V.T @ dz + later
            dpre = dh * (1 - self.hs[t + 1] ** 2)
            dU += np.outer(dpre, self.hs[t + 1] if slip == "state" else self.hs[t])
            if slip == "embedding":
                dE[chars[t]] = dpre
            else:
                dE[chars[t]] += dpre
            later = 0 * dpre if slip == "cut" else self.U.T @ dpre
        return {"E": dE, "U": dU, "V": dV}


def make(rng):
    chars = np.array([0, 2, 1, 2, 2, 0, 3])
    E, U, V = rng.normal(size=(4, 3)), rng.normal(size=(3, 3)) * 0.7, rng.normal(size=(4, 3))

    def run(slip=None):
        m = CharRNN(E, U, V)
        m.loss(chars)
        return m.grad(chars, slip)

    model = CharRNN(E.copy(), U.copy(), V.copy())
    return {
        "forward": lambda E, U, V: CharRNN(E, U, V).loss(chars),
        "arguments": {"E": E, "U": U, "V": V},
        "upstream": None,
        "right": run,
        "wrong": {
            "subtracts one at the input character": lambda: run("target"),
            "sums the loss over time in place of averaging": lambda: run("sum"),
            "pairs U with the state of the same step": lambda: run("state"),
            "overwrites the embedding gradient of repeated characters": lambda: run("embedding"),
            "does not send the gradient back in time": lambda: run("cut"),
        },
        "kink": False,
        "dtype": "float64",
        "native": {
            "object": model,
            "call": lambda: model.loss(chars),
            "parameters": ["E", "U", "V"],
            "inputs": (chars,),
            "handed over as": "model.loss(chars) then model.grad(chars) returns a dict; chars are integers",
        },
    }

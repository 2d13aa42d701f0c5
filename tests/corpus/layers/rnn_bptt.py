"""Vanilla RNN over a short sequence."""

import numpy as np

name = "rnn_bptt"
style = "column vectors, Wxh/Whh/bh names as in a well-known character model, backpropagation through time"


def rnn(xs, h0, Wxh, Whh, bh):
    h, hs = h0, []
    for x in xs:
        h = np.tanh(Wxh @ x + Whh @ h + bh)
        hs.append(h)
    return np.stack(hs)


def bptt(dhs, xs, h0, Wxh, Whh, bh, slip=None):
    hs = rnn(xs, h0, Wxh, Whh, bh)
    g = {"xs": np.zeros_like(xs), "h0": None, "Wxh": 0 * Wxh, "Whh": 0 * Whh, "bh": 0 * bh}
    dhnext = np.zeros_like(h0)
    for t in reversed(range(len(xs))):
        dh = dhs[t] + dhnext
        draw = (1 - hs[t] ** 2) * dh
        if slip == "order":
            draw = (1 - hs[t] ** 2) * dhs[t] + dhnext
        prev = hs[t] if slip == "h now" else (hs[t - 1] if t else h0)
        if slip == "zero h0" and t == 0:
            prev = 0 * h0
        g["bh"] += draw
        g["Wxh"] += np.outer(draw, xs[t])
        g["Whh"] += np.outer(draw, prev)
        g["xs"][t] = Wxh.T @ draw
        dhnext = (Whh if slip == "transpose" else Whh.T) @ draw
        if slip == "truncate":
            dhnext = 0 * dhnext
    g["h0"] = dhnext
    return g


def make(rng):
    a = {
        "xs": rng.normal(size=(5, 3)),
        "h0": rng.normal(size=4),
        "Wxh": rng.normal(size=(4, 3)) * 0.5,
        "Whh": rng.normal(size=(4, 4)) * 0.5,
        "bh": rng.normal(size=4) * 0.1,
    }
    dhs = rng.normal(size=(5, 4))

    def run(slip=None):
        return lambda: bptt(dhs, **a, slip=slip)

    return {
        "forward": rnn,
        "arguments": a,
        "upstream": dhs,
        "right": run(),
        "wrong": {
            "cuts the gradient between time steps": run("truncate"),
            "multiplies with Whh in place of its transpose": run("transpose"),
            "adds the later gradient after the derivative of tanh": run("order"),
            "pairs the step's own state with Whh": run("h now"),
            "takes the initial state to be zero": run("zero h0"),
        },
        "kink": False,
        "dtype": "float64",
    }

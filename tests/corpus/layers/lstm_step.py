"""One LSTM step with two outputs."""

import numpy as np

name = "lstm_step"
style = "returns (h, c); one stacked weight matrix, gates split by slicing; checked through a concatenation"


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def lstm_step(x, h, c, W, b):
    n = h.shape[1]
    a = np.hstack([x, h]) @ W + b
    i, f, o = (sigmoid(a[:, k * n : (k + 1) * n]) for k in range(3))
    g = np.tanh(a[:, 3 * n :])
    c_new = f * c + i * g
    return o * np.tanh(c_new), c_new


def lstm_step_backward(dh, dc, x, h, c, W, b, slip=None):
    n = h.shape[1]
    a = np.hstack([x, h]) @ W + b
    i, f, o = (sigmoid(a[:, k * n : (k + 1) * n]) for k in range(3))
    g = np.tanh(a[:, 3 * n :])
    tc = np.tanh(f * c + i * g)
    if slip == "dc":
        dc = dh * o * (1 - tc**2)
    elif slip == "tanh c":
        dc = dc + dh * o
    else:
        dc = dc + dh * o * (1 - tc**2)
    di, df, do, dg = dc * g, dc * c, dh * tc, dc * i
    if slip == "swap":
        di, df = df, di
    dg = dg * (1 - g**2)
    if slip == "g sigmoid":
        dg = dc * i * g * (1 - g)
    da = np.hstack([di * i * (1 - i), df * f * (1 - f), do * o * (1 - o), dg])
    dxh = da @ W.T
    dc_prev = dc if slip == "forget" else dc * f
    k = x.shape[1]
    return {"x": dxh[:, :k], "h": dxh[:, k:], "c": dc_prev, "W": np.hstack([x, h]).T @ da, "b": da.sum(0)}


def make(rng):
    n, k = 3, 2
    a = {
        "x": rng.normal(size=(4, k)),
        "h": rng.normal(size=(4, n)),
        "c": rng.normal(size=(4, n)),
        "W": rng.normal(size=(k + n, 4 * n)) * 0.6,
        "b": rng.normal(size=4 * n),
    }
    up = rng.normal(size=(4, 2 * n))

    def run(slip=None):
        return lambda: lstm_step_backward(up[:, :n], up[:, n:], **a, slip=slip)

    return {
        "forward": lambda x, h, c, W, b: np.hstack(lstm_step(x, h, c, W, b)),
        "arguments": a,
        "upstream": up,
        "right": run(),
        "wrong": {
            "ignores the gradient that arrives at the cell state": run("dc"),
            "forgets the derivative of tanh at the cell": run("tanh c"),
            "swaps input and forget gate": run("swap"),
            "uses the sigmoid's derivative for the candidate": run("g sigmoid"),
            "forgets the forget gate in the previous cell's gradient": run("forget"),
        },
        "kink": False,
        "dtype": "float64",
        "native": {
            "callable": lstm_step,
            "inputs": tuple(a.values()),
            "upstream": (up[:, :n], up[:, n:]),
            "handed over as": "lstm_step returns a tuple (h, c); the upstream gradient is a tuple of the same form",
        },
    }

"""Actor-critic head with two outputs in a dict."""

import numpy as np

name = "multi_output_dict"
style = "returns {'policy': ..., 'value': ...}; one output is not used by the loss; checked through one total"


def heads(x, P, v):
    z = x @ P
    e = np.exp(z - z.max(1, keepdims=True))
    return {"policy": e / e.sum(1, keepdims=True), "value": np.tanh(x @ v)}


def make(rng):
    x, P, v = rng.normal(size=(4, 3)), rng.normal(size=(3, 2)), rng.normal(size=3)
    gp, gv = rng.normal(size=(4, 2)), rng.normal(size=4)

    def total(x, P, v):
        out = heads(x, P, v)
        return (gp * out["policy"]).sum() + (gv * out["value"]).sum()

    def back(slip=None):
        out = heads(x, P, v)
        p, t = out["policy"], out["value"]
        dz = p * (gp - (gp * p).sum(1, keepdims=True))
        if slip == "softmax":
            dz = gp * p
        du = gv * (1 if slip == "tanh" else 1 - t**2)
        dx = dz @ P.T + np.outer(du, v)
        if slip == "policy only":
            dx = dz @ P.T
        if slip == "value only":
            dx = np.outer(du, v)
        return {"x": dx, "P": x.T @ dz, "v": x.T @ (gv * t if slip == "output" else du)}

    return {
        "forward": total,
        "arguments": {"x": x, "P": P, "v": v},
        "upstream": None,
        "right": back,
        "wrong": {
            "forgets the value head's share of the input gradient": lambda: back("policy only"),
            "forgets the policy head's share of the input gradient": lambda: back("value only"),
            "omits the softmax coupling": lambda: back("softmax"),
            "forgets the derivative of tanh": lambda: back("tanh"),
            "multiplies by the value in place of its derivative": lambda: back("output"),
        },
        "kink": False,
        "dtype": "float64",
        "native": {
            "callable": heads,
            "inputs": (x, P, v),
            "upstream": {"policy": gp, "value": gv},
            "handed over as": "heads returns a dict of arrays; upstream is a dict with the same keys",
        },
    }

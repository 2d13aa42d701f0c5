"""Dense layer with explicit loops."""

import numpy as np

name = "dense_loops"
style = "triple loop over samples, outputs and inputs, as translated from C"


def dense(weights, inputs):
    n, d_in = inputs.shape
    d_out = weights.shape[0]
    out = np.zeros((n, d_out), dtype=inputs.dtype)
    for s in range(n):
        for j in range(d_out):
            total = weights[j, d_in]
            for i in range(d_in):
                total += weights[j, i] * inputs[s, i]
            out[s, j] = total
    return out


def dense_back(weights, inputs, delta, slip=""):
    gw = np.zeros_like(weights)
    gi = np.zeros_like(inputs)
    n, d_in = inputs.shape
    for s in range(n):
        for j in range(weights.shape[0]):
            if slip == "no bias":
                pass
            elif slip == "overwrite":
                gw[j, d_in] = delta[s, j]
            else:
                gw[j, d_in] += delta[s, j]
            for i in range(d_in - 1 if slip == "short" else d_in):
                if slip == "last sample":
                    gw[j, i] = delta[s, j] * inputs[s, i]
                else:
                    gw[j, i] += delta[s, j] * inputs[s, i]
                if slip == "overwrite inputs":
                    gi[s, i] = delta[s, j] * weights[j, i]
                else:
                    gi[s, i] += delta[s, j] * weights[j, i]
    return {"weights": gw, "inputs": gi}


def make(rng):
    weights, inputs = rng.normal(size=(3, 5)), rng.normal(size=(4, 4))
    delta = rng.normal(size=(4, 3))

    def run(slip=""):
        return dense_back(weights, inputs, delta, slip)

    return {
        "forward": dense,
        "arguments": {"weights": weights, "inputs": inputs},
        "upstream": delta,
        "right": run,
        "wrong": {
            "leaves the bias column of the weight gradient at zero": lambda: run("no bias"),
            "overwrites the bias gradient in place of adding": lambda: run("overwrite"),
            "stops the inner loop one input too early": lambda: run("short"),
            "keeps only the last sample in the weight gradient": lambda: run("last sample"),
            "overwrites the input gradient in place of adding": lambda: run("overwrite inputs"),
        },
        "kink": False,
        "dtype": "float64",
    }

"""Exponential moving average by a Python loop, with learned decay."""

import numpy as np

name = "moving_average_scan"
style = "generator function and np.array(list(...)); decay as a shape-(1,) logit"


def _scan(x, a):
    s = np.zeros_like(x[0])
    for row in x:
        s = a * s + (1 - a) * row
        yield s


def ema(x, logit):
    return np.array(list(_scan(x, 1 / (1 + np.exp(-logit)))))


def make(rng):
    x, logit, g = rng.normal(size=(6, 2)), np.array([0.7]), rng.normal(size=(6, 2))

    def back(slip=None):
        a = 1 / (1 + np.exp(-logit))
        s = ema(x, logit)
        prev = np.vstack([np.zeros((1, 2)), s[:-1]])
        dx, da, carry = np.zeros_like(x), 0.0, np.zeros(2)
        for t in reversed(range(6)):
            d = g[t] + carry
            da += np.sum(d * (prev[t] if slip == "x" else prev[t] - x[t]))
            dx[t] = d if slip == "weight" else (1 - a) * d
            carry = 0 * d if slip == "cut" else (1 - a) * d if slip == "swap" else a * d
        return {"x": dx, "logit": da * (1 if slip == "sigmoid" else a * (1 - a)) * np.ones(1)}

    return {
        "forward": ema,
        "arguments": {"x": x, "logit": logit},
        "upstream": g,
        "right": back,
        "wrong": {
            "cuts the gradient between steps": lambda: back("cut"),
            "forgets the weight of the new value": lambda: back("weight"),
            "forgets that the decay also weights the new value": lambda: back("x"),
            "carries with the wrong weight": lambda: back("swap"),
            "forgets the derivative of the sigmoid": lambda: back("sigmoid"),
        },
        "kink": False,
        "dtype": "float64",
    }

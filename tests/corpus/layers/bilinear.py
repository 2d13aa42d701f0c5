"""Bilinear form of two inputs."""

import numpy as np

name = "bilinear"
style = "nn.Bilinear: y_k = x1^T A_k x2 + b_k, einsum with three operands"


def bilinear(input1, input2, weight, bias):
    return np.einsum("ni,kij,nj->nk", input1, weight, input2) + bias


def make(rng):
    a, b, W, c = rng.normal(size=(4, 2)), rng.normal(size=(4, 3)), rng.normal(size=(2, 2, 3)), rng.normal(size=2)
    g = rng.normal(size=(4, 2))

    def right():
        return {
            "input1": np.einsum("nk,kij,nj->ni", g, W, b),
            "input2": np.einsum("nk,kij,ni->nj", g, W, a),
            "weight": np.einsum("nk,ni,nj->kij", g, a, b),
            "bias": g.sum(0),
        }

    return {
        "forward": bilinear,
        "arguments": {"input1": a, "input2": b, "weight": W, "bias": c},
        "upstream": g,
        "right": right,
        "wrong": {
            "sums the samples before the outer product": lambda: (
                right() | {"weight": np.einsum("nk,mi,mj->kij", g, a, b) / 4}
            ),
            "doubles the first input's gradient as for a square": lambda: right() | {"input1": 2 * right()["input1"]},
            "contracts with the wrong output order": lambda: (
                right() | {"input2": np.einsum("nk,kij,ni->nj", g[:, ::-1], W, a)}
            ),
            "forgets the upstream gradient in the weight": lambda: (
                right() | {"weight": np.broadcast_to(np.einsum("ni,nj->ij", a, b), W.shape).copy()}
            ),
            "averages the bias gradient": lambda: right() | {"bias": g.mean(0)},
        },
        "kink": False,
        "dtype": "float64",
    }

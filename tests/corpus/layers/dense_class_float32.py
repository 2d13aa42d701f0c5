"""Linear layer as a class in the PyTorch manner."""

import numpy as np

name = "dense_class_float32"
style = "class with weight (out, in) and bias attributes, grads stored on the object, float32"


class Linear:
    def __init__(self, weight, bias):
        self.weight = weight
        self.bias = bias
        self.grad_weight = None
        self.grad_bias = None

    def forward(self, x):
        self.x = x
        return x @ self.weight.T + self.bias

    def backward(self, grad_output):
        self.grad_weight = grad_output.T @ self.x
        self.grad_bias = grad_output.sum(0)
        return grad_output @ self.weight


def make(rng):
    x = rng.normal(size=(8, 5)).astype(np.float32)
    weight = (rng.normal(size=(3, 5)) * 0.4).astype(np.float32)
    bias = rng.normal(size=3).astype(np.float32)
    g = rng.normal(size=(8, 3)).astype(np.float32)

    def forward(x, weight, bias):
        return Linear(weight, bias).forward(x)

    def right():
        layer = Linear(weight, bias)
        layer.forward(x)
        gx = layer.backward(g)
        return {"x": gx, "weight": layer.grad_weight, "bias": layer.grad_bias}

    def accumulated():
        layer = Linear(weight, bias)
        layer.forward(x)
        layer.backward(g)
        first = layer.grad_weight
        gx = layer.backward(g)
        return {"x": gx, "weight": first + layer.grad_weight, "bias": layer.grad_bias}

    def stale():
        layer = Linear(weight, bias)
        layer.forward(np.roll(x, 1, axis=0))
        gx = layer.backward(g)
        return {"x": gx, "weight": layer.grad_weight, "bias": layer.grad_bias}

    layer = Linear(weight.copy(), bias.copy())
    return {
        "forward": forward,
        "arguments": {"x": x, "weight": weight, "bias": bias},
        "upstream": g,
        "right": right,
        "wrong": {
            "accumulates the weight gradient of two calls": accumulated,
            "uses the input cached from another batch": stale,
            "updates the weight before it computes the input gradient": lambda: (
                right() | {"x": g @ (weight - np.float32(0.1) * (g.T @ x))}
            ),
            "divides the bias gradient by the batch size": lambda: right() | {"bias": g.mean(0)},
            "adds weight decay to the weight gradient": lambda: (
                right() | {"weight": g.T @ x + np.float32(0.1) * weight}
            ),
        },
        "kink": False,
        "dtype": "float32",
        "native": {
            "object": layer,
            "call": lambda: layer.forward(x),
            "parameters": ["weight", "bias"],
            "backward": lambda: layer.backward(g),
            "gradients": ["grad_weight", "grad_bias"],
            "input": x,
            "handed over as": "check(layer, x, g): layer.forward(x), then gx = layer.backward(g)",
        },
    }

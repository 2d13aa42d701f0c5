"""Small sequential model built from layer objects."""

import numpy as np

name = "sequential_model"
style = "list of layer objects, each with params() returning references to arrays that are changed in place"


class Affine:
    def __init__(self, W, b):
        self.W, self.b = W, b

    def __call__(self, x):
        self.x = x
        return x @ self.W + self.b

    def back(self, g):
        self.gW, self.gb = self.x.T @ g, g.sum(0)
        return g @ self.W.T


class Sin:
    def __call__(self, x):
        self.x = x
        return np.sin(x)

    def back(self, g):
        return g * np.cos(self.x)


class Sequential:
    def __init__(self, *layers):
        self.layers = layers

    def __call__(self, x):
        for layer in self.layers:
            x = layer(x)
        return x

    def back(self, g):
        for layer in self.layers[::-1]:
            g = layer.back(g)
        return g

    def params(self):
        return [a for layer in self.layers if isinstance(layer, Affine) for a in (layer.W, layer.b)]

    def grads(self):
        return [a for layer in self.layers if isinstance(layer, Affine) for a in (layer.gW, layer.gb)]


def make(rng):
    x, W1, b1, W2, b2 = (rng.normal(size=s) for s in ((3, 2), (2, 4), (4,), (4, 1), (1,)))
    g = rng.normal(size=(3, 1))
    model = Sequential(Affine(W1.copy(), b1.copy()), Sin(), Affine(W2.copy(), b2.copy()))

    def forward(x, W1, b1, W2, b2):
        for slot, new in zip(model.params(), (W1, b1, W2, b2), strict=True):
            slot[...] = new
        return model(x)

    def right():
        forward(x, W1, b1, W2, b2)
        gx = model.back(g)
        return dict(zip(("x", "W1", "b1", "W2", "b2"), (gx, *model.grads()), strict=True))

    z = x @ W1 + b1

    def through(dz):
        return right() | {"x": dz @ W1.T, "W1": x.T @ dz, "b1": dz.sum(0)}

    dh = g @ W2.T
    return {
        "forward": forward,
        "arguments": {"x": x, "W1": W1, "b1": b1, "W2": W2, "b2": b2},
        "upstream": g,
        "right": right,
        "wrong": {
            "skips the activation": lambda: through(dh),
            "has minus the cosine": lambda: through(-dh * np.cos(z)),
            "uses the sine again": lambda: through(dh * np.sin(z)),
            "uses the cosine of the output": lambda: through(dh * np.cos(np.sin(z))),
            "returns the first bias gradient before the activation": lambda: right() | {"b1": dh.sum(0)},
        },
        "kink": False,
        "dtype": "float64",
        "native": {
            "object": model,
            "call": lambda: model(x),
            "parameters": model.params,
            "backward": lambda: model.back(g),
            "gradients": model.grads,
            "handed over as": "check(model, x, g) with lists model.params() and model.grads() in the same order",
        },
    }

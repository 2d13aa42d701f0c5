"""Flatten images; the output shares memory with the input."""

import numpy as np

name = "flatten_view"
style = "returns a view of its argument (reshape), as a network's flatten layer does"


class Flatten:
    def __call__(self, x):
        self.shape = x.shape
        return x.reshape(x.shape[0], -1)

    def backward(self, g):
        return g.reshape(self.shape)


def make(rng):
    x, g = rng.normal(size=(2, 3, 2, 4)), rng.normal(size=(2, 24))
    layer = Flatten()
    layer(x)
    return {
        "forward": layer,
        "arguments": {"x": x},
        "upstream": g,
        "right": lambda: {"x": g.reshape(x.shape)},
        "wrong": {
            "reshapes in column order": lambda: {"x": g.reshape(x.shape, order="F")},
            "takes the channels to be last": lambda: {"x": g.reshape(2, 2, 4, 3).transpose(0, 3, 1, 2)},
            "swaps height and width": lambda: {"x": g.reshape(2, 3, 4, 2).swapaxes(2, 3)},
            "reverses the batch": lambda: {"x": g[::-1].reshape(x.shape)},
            "returns ones": lambda: {"x": np.ones_like(x)},
        },
        "kink": False,
        "dtype": "float64",
        "native": {"object": layer, "handed over as": "layer(x), then layer.backward(g)"},
    }

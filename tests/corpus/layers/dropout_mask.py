"""Inverted dropout with a given mask."""

import numpy as np

name = "dropout_mask"
style = "class with train flag; the mask is drawn from a seeded generator inside forward; float32"


class Dropout:
    def __init__(self, p, seed):
        self.p, self.seed, self.train = p, seed, True

    def forward(self, x):
        if not self.train:
            return x
        self.mask = np.random.default_rng(self.seed).random(x.shape) >= self.p
        return x * self.mask / (1 - self.p)


def make(rng):
    x, g = rng.normal(size=(4, 6)).astype(np.float32), rng.normal(size=(4, 6)).astype(np.float32)
    layer = Dropout(0.4, 7)
    layer.forward(x)
    mask = layer.mask
    other = np.random.default_rng(8).random(x.shape) >= 0.4
    return {
        "forward": lambda x: Dropout(0.4, 7).forward(x),
        "arguments": {"x": x},
        "upstream": g,
        "right": lambda: {"x": g * mask / 0.6},
        "wrong": {
            "forgets to scale by the keep probability": lambda: {"x": g * mask},
            "draws a new mask in the backward pass": lambda: {"x": g * other / 0.6},
            "divides by the drop probability": lambda: {"x": g * mask / 0.4},
            "forgets the mask": lambda: {"x": g / 0.6},
            "multiplies by the keep probability": lambda: {"x": g * mask * 0.6},
        },
        "kink": False,
        "dtype": "float32",
        "native": {
            "object": layer,
            "call": lambda: layer.forward(x),
            "handed over as": "layer with seed, so that each call draws the same mask",
        },
    }

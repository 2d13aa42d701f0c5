"""Soft Dice loss for segmentation."""

import numpy as np

name = "dice_loss"
style = "image-to-image, float32, smoothing constant, one minus the coefficient"

SMOOTH = 1.0


def dice(prob, mask):
    inter = (prob * mask).sum(axis=(1, 2))
    union = prob.sum(axis=(1, 2)) + mask.sum(axis=(1, 2))
    return (1 - (2 * inter + SMOOTH) / (union + SMOOTH)).mean()


def make(rng):
    prob = rng.uniform(0.05, 0.95, size=(3, 4, 4)).astype(np.float32)
    mask = (rng.random((3, 4, 4)) < 0.4).astype(np.float32)
    i = (prob * mask).sum((1, 2), keepdims=True)
    u = prob.sum((1, 2), keepdims=True) + mask.sum((1, 2), keepdims=True)
    return {
        "forward": lambda prob: dice(prob, mask),
        "arguments": {"prob": prob},
        "upstream": None,
        "right": lambda: {"prob": -(2 * mask / (u + 1) - (2 * i + 1) / (u + 1) ** 2) / 3},
        "wrong": {
            "treats the denominator as constant": lambda: {"prob": -(2 * mask / (u + 1)) / 3},
            "adds the second term of the quotient rule": lambda: {
                "prob": -(2 * mask / (u + 1) + (2 * i + 1) / (u + 1) ** 2) / 3
            },
            "forgets the smoothing constant": lambda: {"prob": -(2 * mask / u - 2 * i / u**2) / 3},
            "forgets to square the denominator": lambda: {"prob": -(2 * mask - (2 * i + 1)) / (u + 1) / 3},
            "returns the gradient of the coefficient, not of the loss": lambda: {
                "prob": (2 * mask / (u + 1) - (2 * i + 1) / (u + 1) ** 2) / 3
            },
        },
        "kink": False,
        "dtype": "float32",
    }

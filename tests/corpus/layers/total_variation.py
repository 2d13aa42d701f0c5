"""Total variation of an image with flat regions."""

import numpy as np

name = "total_variation"
style = "np.diff along both axes, absolute values; a flat patch puts many differences at zero"


def tv(img):
    return np.abs(np.diff(img, axis=0)).sum() + np.abs(np.diff(img, axis=1)).sum()


def make(rng):
    img = rng.permutation(20).reshape(4, 5) * 0.1
    img[1:3, 1:3] = 0.95
    sx, sy = np.sign(np.diff(img, axis=0)), np.sign(np.diff(img, axis=1))

    def back(sx, sy, sub=-1):
        d = np.zeros_like(img)
        d[1:] += sx
        d[:-1] += sub * sx
        d[:, 1:] += sy
        d[:, :-1] += sub * sy
        return lambda: {"img": d}

    return {
        "forward": tv,
        "arguments": {"img": img},
        "upstream": None,
        "right": back(sx, sy),
        "wrong": {
            "forgets that each pixel is also a left neighbour": back(sx, sy, 0),
            "gives both neighbours the same sign": back(sx, sy, 1),
            "counts vertical differences only": back(sx, 0 * sy),
            "uses the differences as for the squared penalty": back(np.diff(img, axis=0), np.diff(img, axis=1)),
            "has the sign reversed": back(-sx, -sy),
        },
        "kink": True,
        "dtype": "float64",
    }

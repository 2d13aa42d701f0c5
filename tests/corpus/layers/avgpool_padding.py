"""3x3 average pooling, stride 2, padding 1, padding not counted."""

import numpy as np

name = "avgpool_padding"
style = "divides by the number of real pixels in each window"


def windows(h, w):
    for i in range((h - 1) // 2 + 1):
        for j in range((w - 1) // 2 + 1):
            yield i, j, slice(max(2 * i - 1, 0), 2 * i + 2), slice(max(2 * j - 1, 0), 2 * j + 2)


def avg_pool(img):
    h, w = img.shape[-2:]
    out = np.zeros((*img.shape[:-2], (h - 1) // 2 + 1, (w - 1) // 2 + 1))
    for i, j, a, b in windows(h, w):
        out[..., i, j] = img[..., a, b].mean((-2, -1))
    return out


def make(rng):
    img, g = rng.normal(size=(2, 5, 6)), rng.normal(size=(2, 3, 3))

    def back(divisor=None, add=True, skip=False):
        d = np.zeros_like(img)
        for i, j, a, b in windows(5, 6):
            n = d[0, a, b].size if divisor is None else divisor
            part = g[:, i, j, None, None] / n
            if skip and d[0, a, b].size < 9:
                continue
            if add:
                d[:, a, b] += part
            else:
                d[:, a, b] = part
        return {"img": d}

    return {
        "forward": avg_pool,
        "arguments": {"img": img},
        "upstream": g,
        "right": back,
        "wrong": {
            "always divides by 9": lambda: back(9),
            "overwrites where windows overlap": lambda: back(add=False),
            "does not divide": lambda: back(1),
            "divides by the side length": lambda: back(3),
            "skips windows that touch the border": lambda: back(skip=True),
        },
        "kink": False,
        "dtype": "float64",
    }

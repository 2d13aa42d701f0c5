"""Layer that keeps an expensive transform of its input as long as the same array object comes in."""

import numpy as np

name = "cached_by_identity"
style = "callable object with 'if x is self.last: reuse'; an argument changed in place goes unnoticed"


class Spectrum:
    def __init__(self):
        self.last = None

    def __call__(self, x, gain):
        if x is not self.last:
            self.last, self.power = x, np.abs(np.fft.rfft(x, axis=-1)) ** 2
        return gain * self.power


def make(rng):
    x, gain, g = rng.normal(size=(2, 8)), rng.normal(size=5), rng.normal(size=(2, 5))
    X = np.fft.rfft(x, axis=-1)
    half = np.array([1, 2, 2, 2, 1])

    def back(w):
        return np.fft.irfft(2 * w * X / half, n=8, axis=-1) * 8

    def out(dx, dgain):
        return lambda: {"x": dx, "gain": dgain}

    w, power = g * gain, np.abs(X) ** 2
    return {
        "forward": Spectrum(),
        "arguments": {"x": x, "gain": gain},
        "upstream": g,
        "right": out(back(w), (g * power).sum(0)),
        "wrong": {
            "counts the inner frequencies twice": out(back(w * half), (g * power).sum(0)),
            "forgets that the inverse transform divides by n": out(back(w) / 8, (g * power).sum(0)),
            "forgets the factor 2 of the square": out(back(w) / 2, (g * power).sum(0)),
            "uses the amplitude for the gain": out(back(w), (g * np.sqrt(power)).sum(0)),
            "forgets the gain": out(back(g), (g * power).sum(0)),
        },
        "kink": False,
        "dtype": "float64",
        "native": {"object": Spectrum(), "handed over as": "the object is the forward callable"},
    }

"""Valid 1-d cross-correlation of one signal."""

import numpy as np

name = "conv1d_valid"
style = "single channel, np.correlate and np.convolve"


def make(rng):
    signal, kernel, d = rng.normal(size=11), rng.normal(size=4), rng.normal(size=8)

    def filt(signal, kernel):
        return np.correlate(signal, kernel, mode="valid")

    def right():
        return {"signal": np.convolve(d, kernel, mode="full"), "kernel": np.correlate(signal, d, mode="valid")}

    full = np.correlate(d, kernel, mode="full")
    return {
        "forward": filt,
        "arguments": {"signal": signal, "kernel": kernel},
        "upstream": d,
        "right": right,
        "wrong": {
            "does not flip the kernel in the signal gradient": lambda: right() | {"signal": full},
            "flips the kernel gradient": lambda: right() | {"kernel": right()["kernel"][::-1].copy()},
            "convolves with the signal in place of correlating": lambda: (
                right() | {"kernel": np.convolve(signal, d, mode="valid")}
            ),
            "shifts the signal gradient by one": lambda: right() | {"signal": np.roll(right()["signal"], 1)},
            "drops the border of the signal gradient": lambda: (
                right() | {"signal": np.pad(np.convolve(d, kernel, mode="full")[3:-3], 3)}
            ),
        },
        "kink": False,
        "dtype": "float64",
    }

"""1-d max pooling with overlapping windows."""

import numpy as np

name = "maxpool_overlap"
style = "sliding_window_view and np.add.at, window 3, stride 1, float32"


def pool(x):
    return np.lib.stride_tricks.sliding_window_view(x, 3, axis=-1).max(-1)


def make(rng):
    x = (rng.permutation(20).reshape(2, 10) * 0.25).astype(np.float32)
    g = rng.normal(size=(2, 8)).astype(np.float32)
    where = np.lib.stride_tricks.sliding_window_view(x, 3, axis=-1).argmax(-1) + np.arange(8)
    rows = np.arange(2)[:, None]

    def scatter(index, g=g, add=True):
        dx = np.zeros_like(x)
        if add:
            np.add.at(dx, (rows, index), g)
        else:
            dx[rows, index] = g
        return {"x": dx}

    return {
        "forward": pool,
        "arguments": {"x": x},
        "upstream": g,
        "right": lambda: scatter(where),
        "wrong": {
            "loses repeated indices by assigning": lambda: scatter(where, add=False),
            "uses the argmax relative to the window": lambda: scatter(where - np.arange(8)),
            "always routes to the middle": lambda: scatter(np.broadcast_to(np.arange(1, 9), (2, 8))),
            "routes to the first entry of each window": lambda: scatter(np.broadcast_to(np.arange(8), (2, 8))),
            "divides by the window length": lambda: scatter(where, g / 3),
        },
        "kink": False,
        "dtype": "float32",
    }

"""Sort each row and weight the order statistics."""

import numpy as np

name = "sort_quantile"
style = "np.sort; two values differ by 6e-5, so a larger step swaps them"


def l_statistic(x, w):
    return np.sort(x, axis=1) * w


def make(rng):
    x = rng.permutation(15).reshape(3, 5) * 0.2
    x[1, 3] = x[1, 0] + 6e-5
    w, g = rng.normal(size=5), rng.normal(size=(3, 5))
    order = x.argsort(1)
    xs = np.sort(x, 1)

    def unsort(d, index=order):
        out = np.empty_like(x)
        np.put_along_axis(out, index, d, 1)
        return out

    def right():
        return {"x": unsort(g * w), "w": (g * xs).sum(0)}

    return {
        "forward": l_statistic,
        "arguments": {"x": x, "w": w},
        "upstream": g,
        "right": right,
        "wrong": {
            "does not undo the sorting": lambda: right() | {"x": g * w},
            "gathers with the order in place of scattering": lambda: (
                right() | {"x": np.take_along_axis(g * w, order, 1)}
            ),
            "sorts in falling order": lambda: right() | {"x": unsort(g * w, order[:, ::-1])},
            "multiplies by the unsorted values for w": lambda: right() | {"w": (g * x).sum(0)},
            "sorts the gradient": lambda: right() | {"x": np.sort(g * w, 1)},
        },
        "kink": True,
        "dtype": "float64",
    }

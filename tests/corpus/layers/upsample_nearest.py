"""Nearest-neighbour upsampling followed by a global weighted mean."""

name = "upsample_nearest"
style = "np.repeat twice, decoder code; a map of weights is learned too"


def up(x, weight):
    return x.repeat(2, axis=-2).repeat(3, axis=-1) * weight


def make(rng):
    x, weight, g = rng.normal(size=(2, 2, 2)), rng.normal(size=(4, 6)), rng.normal(size=(2, 4, 6))
    big = x.repeat(2, -2).repeat(3, -1)

    def fold(d):
        return d.reshape(2, 2, 2, 2, 3).sum((2, 4))

    def right():
        return {"x": fold(g * weight), "weight": (g * big).sum(0)}

    return {
        "forward": up,
        "arguments": {"x": x, "weight": weight},
        "upstream": g,
        "right": right,
        "wrong": {
            "averages the repeated pixels": lambda: right() | {"x": fold(g * weight) / 6},
            "takes every second pixel": lambda: right() | {"x": (g * weight)[:, ::2, ::3]},
            "folds tiles in place of repeats": lambda: right() | {"x": (g * weight).reshape(2, 2, 2, 3, 2).sum((1, 3))},
            "forgets the weight": lambda: right() | {"x": fold(g)},
            "averages the weight gradient over the batch": lambda: right() | {"weight": (g * big).mean(0)},
        },
        "kink": False,
        "dtype": "float64",
    }

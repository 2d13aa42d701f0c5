"""Group norm on NCHW images with two groups."""

import numpy as np

name = "groupnorm"
style = "reshape to (N, G, C//G, H, W); class with keyword-only options; affine per channel"


class GroupNorm:
    def __init__(self, groups, *, eps=1e-5):
        self.groups, self.eps = groups, eps

    def __call__(self, x, scale, shift):
        n, c, h, w = x.shape
        z = x.reshape(n, self.groups, c // self.groups, h, w)
        mu = z.mean((2, 3, 4), keepdims=True)
        sd = np.sqrt(z.var((2, 3, 4), keepdims=True) + self.eps)
        self.sd = sd
        self.zh = ((z - mu) / sd).reshape(x.shape)
        return self.zh * scale[:, None, None] + shift[:, None, None]


def make(rng):
    x, scale, shift = rng.normal(size=(2, 4, 2, 3)), rng.normal(size=4) + 1, rng.normal(size=4)
    dy = rng.normal(size=x.shape)
    gn = GroupNorm(2)
    gn(x, scale, shift)
    zh, sd = gn.zh, gn.sd

    def dx(axes=(2, 3, 4), groups=2):
        shape = (2, groups, 4 // groups, 2, 3)
        d = (dy * scale[:, None, None]).reshape(shape)
        z = zh.reshape(shape)
        inner = d - d.mean(axes, keepdims=True) - z * (d * z).mean(axes, keepdims=True)
        return (inner.reshape(2, 2, 2, 2, 3) / sd).reshape(x.shape)

    def right():
        return {"x": dx(), "scale": (dy * zh).sum((0, 2, 3)), "shift": dy.sum((0, 2, 3))}

    return {
        "forward": lambda x, scale, shift: GroupNorm(2)(x, scale, shift),
        "arguments": {"x": x, "scale": scale, "shift": shift},
        "upstream": dy,
        "right": right,
        "wrong": {
            "averages over space but not over the group's channels": lambda: right() | {"x": dx((3, 4))},
            "averages as if there were one group": lambda: right() | {"x": dx(groups=1)},
            "averages over the batch as well": lambda: right() | {"x": dx((0, 2, 3, 4))},
            "sums the scale gradient over groups in the wrong order": lambda: (
                right() | {"scale": right()["scale"].reshape(2, 2).T.ravel()}
            ),
            "takes the mean over the batch for the shift": lambda: right() | {"shift": right()["shift"] / 2},
        },
        "kink": False,
        "dtype": "float64",
    }

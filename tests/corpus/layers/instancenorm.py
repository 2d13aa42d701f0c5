"""Instance norm without affine parameters."""

import numpy as np

name = "instancenorm"
style = "loops over samples and channels; standard deviation plus eps outside the root"


def instance_norm(x):
    out = np.empty_like(x)
    for n in range(x.shape[0]):
        for c in range(x.shape[1]):
            img = x[n, c]
            out[n, c] = (img - img.mean()) / (img.std() + 1e-3)
    return out


def back(x, d, slip=None):
    out = np.empty_like(x)
    for n in range(x.shape[0]):
        for c in range(x.shape[1]):
            img, g = x[n, c], d[n, c]
            s = img.std()
            u = img - img.mean()
            if slip == "eps inside":
                s_eps = np.sqrt(s**2 + 1e-1)
                ds = -(g * u).sum() / s_eps**2
            else:
                s_eps = s + 1e-3
                ds = -(g * u).sum() / s_eps**2
            if slip == "sign":
                ds = -ds
            t = g / s_eps + ds * u / (img.size * s)
            if slip == "no size":
                t = g / s_eps + ds * u / s
            if slip == "detached std":
                t = g / s_eps
            out[n, c] = t if slip == "no mean" else t - t.mean()
    return {"x": out}


def make(rng):
    x, d = rng.normal(size=(2, 2, 3, 3)), rng.normal(size=(2, 2, 3, 3))
    return {
        "forward": instance_norm,
        "arguments": {"x": x},
        "upstream": d,
        "right": lambda: back(x, d),
        "wrong": {
            "puts a larger eps inside the root": lambda: back(x, d, "eps inside"),
            "has the sign of the deviation's path reversed": lambda: back(x, d, "sign"),
            "forgets to divide by the number of pixels": lambda: back(x, d, "no size"),
            "treats the standard deviation as constant": lambda: back(x, d, "detached std"),
            "treats the mean as constant": lambda: back(x, d, "no mean"),
        },
        "kink": False,
        "dtype": "float64",
    }

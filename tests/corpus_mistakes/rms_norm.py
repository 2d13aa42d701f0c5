"""RMS norm over the features of each row."""

import numpy as np

name = "rms_norm"
upstream_shape = (5, 4)
EPS = 1e-6


def forward(x, weight):
    mean_square = np.mean(x * x, axis=1, keepdims=True)
    rms = np.sqrt(mean_square + EPS)
    normalized = x / rms
    return normalized * weight


def draw(rng):
    return {"x": 0.5 + 1.5 * rng.normal(size=(5, 4)), "weight": 1 + 0.5 * rng.normal(size=4)}


def _rms(x):
    return np.sqrt(np.mean(x * x, axis=1, keepdims=True) + EPS)


def right(dout, x, weight):
    rms = _rms(x)
    normalized = x / rms
    dnormalized = dout * weight
    dx = (dnormalized - normalized * (dnormalized * normalized).mean(axis=1, keepdims=True)) / rms
    return {"x": dx, "weight": (dout * normalized).sum(axis=0)}


def _constant_rms(dout, x, weight):
    return right(dout, x, weight) | {"x": dout * weight / _rms(x)}


def _sum(dout, x, weight):
    rms = _rms(x)
    dn = dout * weight
    return right(dout, x, weight) | {"x": dn / rms - x * (dn * x).sum(axis=1, keepdims=True) / rms**3}


def _centered(dout, x, weight):
    rms = _rms(x)
    n, dn = x / rms, dout * weight
    dx = (dn - dn.mean(axis=1, keepdims=True) - n * (dn * n).mean(axis=1, keepdims=True)) / rms
    return right(dout, x, weight) | {"x": dx}


def _plus(dout, x, weight):
    rms = _rms(x)
    n, dn = x / rms, dout * weight
    return right(dout, x, weight) | {"x": (dn + n * (dn * n).mean(axis=1, keepdims=True)) / rms}


def _raw_weight(dout, x, weight):
    return right(dout, x, weight) | {"weight": (dout * x).sum(axis=0)}


def _no_weight(dout, x, weight):
    return right(dout, x, np.ones_like(weight)) | {"weight": right(dout, x, weight)["weight"]}


def _output(dout, x, weight):
    rms = _rms(x)
    n, dn = x / rms, dout * weight
    return right(dout, x, weight) | {"x": (dn - n * weight * (dn * n).mean(axis=1, keepdims=True)) / rms}


def _square(dout, x, weight):
    rms = _rms(x)
    dn = dout * weight
    return right(dout, x, weight) | {"x": dn / rms - x * (dn * x).mean(axis=1, keepdims=True) / rms**2}


wrong = [
    ("The root mean square was treated as a constant.", _constant_rms),
    ("The projection term was summed over the features without dividing by their number.", _sum),
    ("The mean of the gradient was subtracted, as if the layer centered its input.", _centered),
    ("The projection term was added in place of subtracted.", _plus),
    ("The gradient of the weight uses the raw input, not the normalized one.", _raw_weight),
    ("The upstream gradient was not multiplied by the weight before the input gradient.", _no_weight),
    ("The output stands in place of the normalized input in front of the projection.", _output),
    ("The projection term was divided by the square of the root mean square, not by its cube.", _square),
]
closed_form = {2, 6}

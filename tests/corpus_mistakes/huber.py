"""Mean Huber loss."""

from functools import partial

import numpy as np

name = "huber"
upstream_shape = ()
DELTA = 0.8


def forward(prediction, target):
    residual = prediction - target
    magnitude = np.abs(residual)
    quadratic = 0.5 * residual**2
    linear = DELTA * (magnitude - 0.5 * DELTA)
    per_sample = np.where(magnitude <= DELTA, quadratic, linear)
    return per_sample.mean()


def draw(rng):
    residual = rng.uniform(0.1, 0.6, size=8) * rng.choice([-1, 1], size=8)
    residual[::2] *= 4
    residual = np.where(np.abs(np.abs(residual) - DELTA) < 0.05, 0.7 * residual, residual)
    residual[:4] = [1.7, 0.4, -1.3, -0.5]
    target = rng.normal(size=8)
    return {"prediction": target + residual, "target": target}


def right(dout, prediction, target, slip=None):
    r = prediction - target
    small = np.abs(r) <= DELTA
    inner, outer = r, DELTA * np.sign(r)
    if slip == "slope":
        outer = np.sign(r)
    if slip == "sign":
        outer = DELTA
    if slip == "two":
        inner = 2 * r
    if slip == "value":
        outer = np.sign(r) * DELTA * (np.abs(r) - 0.5 * DELTA)
    if slip == "branches":
        small = ~small
    if slip == "sign of prediction":
        outer = DELTA * np.sign(prediction)
    d = dout * np.where(small, inner, outer) / (1 if slip == "mean" else 8)
    dtarget = d if slip == "target" else 0 * d if slip == "no target" else -d
    return {"prediction": d, "target": dtarget}


def _with(slip):
    return partial(right, slip=slip)


wrong = [
    ("The slope of the linear part is 1 in place of delta.", _with("slope")),
    ("The sign of the residual is missing in the linear part.", _with("sign")),
    ("The factor one half of the quadratic part was forgotten, so its gradient is doubled.", _with("two")),
    ("The gradient was not divided by the number of samples.", _with("mean")),
    ("The gradient of the target has the same sign as that of the prediction.", _with("target")),
    ("The target was treated as a constant.", _with("no target")),
    ("The two branches were interchanged.", _with("branches")),
    ("The linear part's gradient still contains the magnitude, as the loss itself does.", _with("value")),
]
closed_form = {6, 7}

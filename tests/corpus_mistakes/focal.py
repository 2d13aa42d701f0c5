"""Binary focal loss of logits, summed."""

from functools import partial

import numpy as np

name = "focal"
upstream_shape = ()
TARGETS = np.array([1, 0, 0, 1, 1, 0])
SIGNS = 2 * TARGETS - 1
ALPHA = np.where(TARGETS == 1, 0.25, 0.75)
GAMMA = 2


def forward(logits):
    margins = SIGNS * logits
    confidence = 1 / (1 + np.exp(-margins))
    difficulty = 1 - confidence
    modulation = difficulty**GAMMA
    losses = -ALPHA * modulation * np.log(confidence)
    return losses.sum()


def draw(rng):
    return {"logits": 1.3 * rng.normal(size=6)}


def right(dout, logits, slip=None):
    pt = 1 / (1 + np.exp(-SIGNS * logits))
    log_pt = np.log(pt)
    through_log = -((1 - pt) ** GAMMA) / pt
    through_modulation = GAMMA * (1 - pt) ** (GAMMA - 1) * log_pt
    if slip == "modulation":
        through_modulation = 0
    if slip == "log":
        through_log = 0
    if slip == "gamma":
        through_modulation = through_modulation / GAMMA
    if slip == "inner sign":
        through_modulation = -through_modulation
    if slip == "exponent":
        through_modulation = GAMMA * (1 - pt) ** GAMMA * log_pt
    alpha = 1 if slip == "alpha" else 0.25 if slip == "one alpha" else ALPHA
    signs = 1 if slip == "signs" else SIGNS
    sigmoid = 1 if slip == "sigmoid" else pt * (1 - pt)
    d = dout * alpha * (through_log + through_modulation) * sigmoid * signs
    if slip == "cross-entropy":
        d = dout * ALPHA * (1 - pt) ** GAMMA * (1 / (1 + np.exp(-logits)) - TARGETS) * (1 + GAMMA * (1 - pt))
    return {"logits": d}


def _with(slip):
    return partial(right, slip=slip)


wrong = [
    ("The modulating factor was treated as a constant.", _with("modulation")),
    ("The logarithm was treated as a constant.", _with("log")),
    ("The factor gamma from the power is missing.", _with("gamma")),
    ("The minus sign of 1 - p is missing where the modulating factor is differentiated.", _with("inner sign")),
    ("The exponent gamma was not lowered by one.", _with("exponent")),
    ("The class weights alpha are missing.", _with("alpha")),
    ("The gradient of negative samples has the wrong sign.", _with("signs")),
    ("The derivative of the sigmoid is missing.", _with("sigmoid")),
    ("The class weight of the positives was used for all samples.", _with("one alpha")),
    ("The cross-entropy gradient was multiplied by a factor that lacks the logarithm.", _with("cross-entropy")),
]
closed_form = {9}

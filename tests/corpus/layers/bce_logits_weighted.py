"""Binary cross-entropy with logits and a weight for positives."""

import numpy as np

name = "bce_logits_weighted"
style = "stable softplus form, pos_weight is a Python float, loss of shape (1,)"


def bce(logit, target, pos_weight):
    per = pos_weight * target * np.logaddexp(0, -logit) + (1 - target) * np.logaddexp(0, logit)
    return per.mean(keepdims=True)


def make(rng):
    logit = 2 * rng.normal(size=10)
    target = (rng.random(10) < 0.5).astype(float)
    target[:2] = [0, 1]
    w = 3.0
    s = 1 / (1 + np.exp(-logit))
    return {
        "forward": lambda logit: bce(logit, target, w),
        "arguments": {"logit": logit},
        "upstream": np.ones(1),
        "right": lambda: {"logit": (w * target * (s - 1) + (1 - target) * s) / 10},
        "wrong": {
            "forgets the weight of positives": lambda: {"logit": (s - target) / 10},
            "weights negatives too": lambda: {"logit": w * (s - target) / 10},
            "weights negatives in place of positives": lambda: {
                "logit": (target * (s - 1) + w * (1 - target) * s) / 10
            },
            "multiplies by the derivative of the sigmoid": lambda: {
                "logit": (w * target * (s - 1) + (1 - target) * s) * s * (1 - s) / 10
            },
            "forgets the mean": lambda: {"logit": w * target * (s - 1) + (1 - target) * s},
        },
        "kink": False,
        "dtype": "float64",
    }

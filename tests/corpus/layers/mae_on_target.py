"""Mean absolute error with predictions that hit the target."""

import numpy as np

name = "mae_on_target"
style = "loss class with forward(pred, target) and backward(), both inputs differentiable"


class L1Loss:
    def forward(self, pred, target):
        self.diff = pred - target
        return np.abs(self.diff).mean()

    def backward(self):
        g = np.sign(self.diff) / self.diff.size
        return g, -g


def make(rng):
    target = np.round(rng.normal(size=(4, 3)), 1)
    pred = target + np.sign(rng.normal(size=(4, 3))) * rng.uniform(0.1, 1, size=(4, 3))
    target[0, 0], pred[0, 0] = 0.5, 0.2
    pred[1, 1], pred[3, 0] = target[1, 1], target[3, 0]
    loss = L1Loss()
    s = np.sign(pred - target)

    def right():
        loss.forward(pred, target)
        a, b = loss.backward()
        return {"pred": a, "target": b}

    def wrong(a, b):
        return lambda: {"pred": a, "target": b}

    return {
        "forward": lambda pred, target: L1Loss().forward(pred, target),
        "arguments": {"pred": pred, "target": target},
        "upstream": None,
        "right": right,
        "wrong": {
            "divides by the number of rows only": wrong(s / len(s), -s / len(s)),
            "returns the difference as for the squared error": wrong(
                (pred - target) / s.size, (target - pred) / s.size
            ),
            "gives the target the same sign as the prediction": wrong(s / s.size, s / s.size),
            "takes the sign of the prediction alone": wrong(np.sign(pred) / s.size, -np.sign(pred) / s.size),
            "forgets the mean": wrong(s, -s),
        },
        "kink": True,
        "dtype": "float64",
        "native": {
            "object": L1Loss(),
            "call": lambda: loss.forward(pred, target),
            "backward": loss.backward,
            "handed over as": "loss.forward(pred, target), then loss.backward() returns a tuple of two gradients",
        },
    }

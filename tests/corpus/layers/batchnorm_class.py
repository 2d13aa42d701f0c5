"""Batch norm with running statistics that change at every call."""

import numpy as np

name = "batchnorm_class"
style = "stateful class, training flag, momentum updates on every forward call"


class BatchNorm1d:
    def __init__(self, gamma, beta, eps=1e-5, momentum=0.1):
        self.gamma, self.beta, self.eps, self.momentum = gamma, beta, eps, momentum
        self.running_mean = np.zeros_like(beta)
        self.running_var = np.ones_like(beta)
        self.training = True

    def forward(self, x):
        if self.training:
            mu, var = x.mean(0), x.var(0)
            self.running_mean += self.momentum * (mu - self.running_mean)
            self.running_var += self.momentum * (var - self.running_var)
        else:
            mu, var = self.running_mean, self.running_var
        self.inv = 1 / np.sqrt(var + self.eps)
        self.xhat = (x - mu) * self.inv
        return self.gamma * self.xhat + self.beta

    def backward(self, dy):
        n = len(dy)
        self.dgamma = (dy * self.xhat).sum(0)
        self.dbeta = dy.sum(0)
        dxhat = dy * self.gamma
        return self.inv / n * (n * dxhat - dxhat.sum(0) - self.xhat * (dxhat * self.xhat).sum(0))


def make(rng):
    x, gamma, beta = rng.normal(size=(6, 3)) * 2 + 1, rng.normal(size=3) + 1, rng.normal(size=3)
    dy = rng.normal(size=(6, 3))
    shared = BatchNorm1d(gamma, beta)

    def forward(x, gamma, beta):
        shared.gamma, shared.beta = gamma, beta
        return shared.forward(x)

    def right():
        bn = BatchNorm1d(gamma, beta)
        bn.forward(x)
        dx = bn.backward(dy)
        return {"x": dx, "gamma": bn.dgamma, "beta": bn.dbeta}

    bn = BatchNorm1d(gamma, beta)
    bn.forward(x)
    inv, xh, dh = bn.inv, bn.xhat, dy * gamma
    layer = BatchNorm1d(gamma.copy(), beta.copy())
    return {
        "forward": forward,
        "arguments": {"x": x, "gamma": gamma, "beta": beta},
        "upstream": dy,
        "right": right,
        "wrong": {
            "treats mean and variance as constants": lambda: right() | {"x": dh * inv},
            "forgets the variance path": lambda: right() | {"x": inv * (dh - dh.mean(0))},
            "forgets the mean path": lambda: right() | {"x": inv * (dh - xh * (dh * xh).mean(0))},
            "leaves gamma out": lambda: right() | {"x": inv * (dy - dy.mean(0) - xh * (dy * xh).mean(0))},
            "multiplies by x in place of x hat for gamma": lambda: right() | {"gamma": (dy * x).sum(0)},
        },
        "kink": False,
        "dtype": "float64",
        "native": {
            "object": layer,
            "call": lambda: layer.forward(x),
            "parameters": ["gamma", "beta"],
            "gradients": ["dgamma", "dbeta"],
            "inputs": (x,),
            "handed over as": "check(layer, x, dy); running_mean and running_var must not be taken as parameters",
        },
    }

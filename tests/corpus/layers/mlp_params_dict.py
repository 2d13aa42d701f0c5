"""Two-layer perceptron whose parameters live in a dict."""

import numpy as np

name = "mlp_params_dict"
style = "params dict with W1, b1, W2, b2; grads returned as a dict with the same keys"


def mlp_forward(params, x):
    z1 = x.dot(params["W1"]) + params["b1"]
    h = np.tanh(z1)
    out = h.dot(params["W2"]) + params["b2"]
    return out, (x, h)


def mlp_backward(params, cache, dout, slip=None):
    x, h = cache
    grads = {}
    grads["W2"] = h.T.dot(dout)
    grads["b2"] = dout.sum(0)
    dh = dout.dot(params["W2"].T)
    dz = dh * (1 - h**2)
    if slip == "no tanh":
        dz = dh
    if slip == "one minus h":
        dz = dh * (1 - h)
    if slip == "tanh twice":
        dz = dh * (1 - np.tanh(h) ** 2)
    grads["W1"] = x.T.dot(dz)
    grads["b1"] = dz.sum(0)
    if slip == "b1 from dh":
        grads["b1"] = dh.sum(0)
    if slip == "x in W2":
        grads["W2"] = (x.dot(params["W1"]) + params["b1"]).T.dot(dout)
    return dz.dot(params["W1"].T), grads


def make(rng):
    x = rng.normal(size=(5, 4))
    params = {
        "W1": rng.normal(size=(4, 6)) * 0.5,
        "b1": rng.normal(size=6) * 0.1,
        "W2": rng.normal(size=(6, 2)) * 0.5,
        "b2": rng.normal(size=2),
    }
    dout = rng.normal(size=(5, 2))

    def forward(x, W1, b1, W2, b2):
        return mlp_forward(dict(W1=W1, b1=b1, W2=W2, b2=b2), x)[0]

    def grads(slip=None):
        _, cache = mlp_forward(params, x)
        dx, g = mlp_backward(params, cache, dout, slip)
        return {"x": dx, **g}

    return {
        "forward": forward,
        "arguments": {"x": x, **params},
        "upstream": dout,
        "right": grads,
        "wrong": {
            "forgets the derivative of tanh": lambda: grads("no tanh"),
            "uses 1 - h in place of 1 - h squared": lambda: grads("one minus h"),
            "applies tanh again to the cached activation": lambda: grads("tanh twice"),
            "sums the gradient of h in place of that of z1 for b1": lambda: grads("b1 from dh"),
            "uses the pre-activation in the gradient of W2": lambda: grads("x in W2"),
        },
        "kink": False,
        "dtype": "float64",
        "native": {
            "callable": lambda params: mlp_forward(params, x)[0],
            "params": params,
            "handed over as": "check(lambda params: mlp_forward(params, x)[0], params, grads, dout)",
        },
    }

"""Batch norm on NCHW images."""

import numpy as np

name = "batchnorm_images"
style = "spatial batch norm, reshape to (N*H*W, C) and back, float32"


def spatial_bn(x, gamma, beta, eps=1e-5):
    n, c, h, w = x.shape
    flat = x.transpose(0, 2, 3, 1).reshape(-1, c)
    mu = flat.mean(axis=0)
    var = ((flat - mu) ** 2).mean(axis=0)
    out = gamma * (flat - mu) / np.sqrt(var + eps) + beta
    return out.reshape(n, h, w, c).transpose(0, 3, 1, 2)


def spatial_bn_grad(x, gamma, dout, slip=None, eps=1e-5):
    ax = (0, 3, 2)
    mu = x.mean(ax, keepdims=True)
    var = x.var(ax, keepdims=True, ddof=1 if slip == "ddof" else 0)
    inv = 1 / np.sqrt(var + eps)
    xh = (x - mu) * inv
    g = dout * gamma[None, :, None, None]
    ax_mean = (0,) if slip == "batch only" else (2, 3) if slip == "space only" else ax
    dx = inv * (g - g.mean(ax_mean, keepdims=True) - xh * (g * xh).mean(ax_mean, keepdims=True))
    dgamma, dbeta = (dout * xh).sum(ax), dout.sum(ax)
    if slip == "no gamma":
        dx = dx / gamma[None, :, None, None]
    if slip == "beta":
        dbeta = dout.mean(ax)
    return {"x": dx, "gamma": dgamma, "beta": dbeta}


def make(rng):
    x = (rng.normal(size=(3, 2, 3, 2)) + 1).astype(np.float32)
    gamma, beta = np.array([0.5, 2.0], dtype=np.float32), np.array([0.1, -0.2], dtype=np.float32)
    dout = rng.normal(size=x.shape).astype(np.float32)

    def run(slip=None):
        return lambda: spatial_bn_grad(x, gamma, dout, slip)

    return {
        "forward": spatial_bn,
        "arguments": {"x": x, "gamma": gamma, "beta": beta},
        "upstream": dout,
        "right": run(),
        "wrong": {
            "averages over the batch axis only": run("batch only"),
            "averages over space only, as instance norm does": run("space only"),
            "uses the unbiased variance": run("ddof"),
            "divides the input gradient by gamma": run("no gamma"),
            "averages the beta gradient": run("beta"),
        },
        "kink": False,
        "dtype": "float32",
    }

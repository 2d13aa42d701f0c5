"""Layers outside hw1 with right backward passes, to derive mistakes from: forward passes as a teacher writes them."""

import math

import numpy as np


def layer_norm_forward(x, gamma, beta, eps):
    mu = x.mean(axis=1, keepdims=True)
    var = x.var(axis=1, keepdims=True)
    x_hat = (x - mu) / np.sqrt(var + eps)
    return gamma * x_hat + beta, dict(x=x, mu=mu, var=var, x_hat=x_hat, gamma=gamma, eps=eps)


def layer_norm_backward(dout, c):
    dx_hat = dout * c["gamma"]
    x_hat, std = c["x_hat"], np.sqrt(c["var"] + c["eps"])
    dx = dx_hat - dx_hat.mean(axis=1, keepdims=True) - x_hat * (dx_hat * x_hat).mean(axis=1, keepdims=True)
    return dict(dx=dx / std, dgamma=(dout * x_hat).sum(axis=0), dbeta=dout.sum(axis=0))


def draw_layer_norm(rng):
    x = rng.normal(size=(5, 7)) * rng.uniform(0.5, 2, size=(5, 1)) + rng.normal(size=(5, 1))
    return dict(x=x, gamma=rng.normal(size=7), beta=rng.normal(size=7), eps=0.03)


def softmax(z):
    e = np.exp(z - z.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def attention_forward(x, w_q, w_k, w_v):
    q, k, v = x @ w_q, x @ w_k, x @ w_v
    scores = q @ k.T / math.sqrt(q.shape[1])
    weights = softmax(scores)
    return weights @ v, dict(x=x, w_q=w_q, w_k=w_k, w_v=w_v, q=q, k=k, v=v, weights=weights)


def attention_backward(dout, c):
    weights, root = c["weights"], math.sqrt(c["q"].shape[1])
    dweights, dv = dout @ c["v"].T, weights.T @ dout
    dscores = weights * (dweights - (dweights * weights).sum(axis=-1, keepdims=True)) / root
    dq, dk = dscores @ c["k"], dscores.T @ c["q"]
    dx = dq @ c["w_q"].T + dk @ c["w_k"].T + dv @ c["w_v"].T
    return dict(dx=dx, dw_q=c["x"].T @ dq, dw_k=c["x"].T @ dk, dw_v=c["x"].T @ dv)


def draw_attention(rng):
    return dict(
        x=rng.normal(size=(5, 7)), w_q=rng.normal(size=(7, 3)), w_k=rng.normal(size=(7, 3)), w_v=rng.normal(size=(7, 4))
    )


def convolution_forward(x, w, b):
    n, _, height, width = x.shape
    f, _, kh, kw = w.shape
    out = np.zeros((n, f, height - kh + 1, width - kw + 1))
    for i in range(out.shape[2]):
        for j in range(out.shape[3]):
            window = x[:, :, i : i + kh, j : j + kw]
            out[:, :, i, j] = np.einsum("ncij,fcij->nf", window, w) + b
    return out, dict(x=x, w=w, b=b)


def convolution_backward(dout, c):
    x, w = c["x"], c["w"]
    kh, kw = w.shape[2:]
    dx, dw = np.zeros_like(x), np.zeros_like(w)
    for i in range(dout.shape[2]):
        for j in range(dout.shape[3]):
            dw += np.einsum("nf,ncij->fcij", dout[:, :, i, j], x[:, :, i : i + kh, j : j + kw])
            dx[:, :, i : i + kh, j : j + kw] += np.einsum("nf,fcij->ncij", dout[:, :, i, j], w)
    return dict(dx=dx, dw=dw, db=dout.sum(axis=(0, 2, 3)))


def draw_convolution(rng):
    return dict(x=rng.normal(size=(3, 2, 5, 6)), w=rng.normal(size=(4, 2, 2, 3)), b=rng.normal(size=4))


def gelu_forward(x):
    inner = math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)
    t = np.tanh(inner)
    return 0.5 * x * (1 + t), dict(x=x, t=t)


def gelu_backward(dout, c):
    x, t = c["x"], c["t"]
    dinner = math.sqrt(2 / math.pi) * (1 + 3 * 0.044715 * x**2)
    return dict(dx=dout * (0.5 * (1 + t) + 0.5 * x * (1 - t**2) * dinner))


def draw_gelu(rng):
    return dict(x=rng.normal(size=(4, 5)))


def focal_loss_forward(z, y, alpha):
    p = softmax(z)
    log_p = np.log(p)
    weight = (1 - p) ** 2
    return -(alpha * y * weight * log_p).sum() / len(y), dict(z=z, y=y, alpha=alpha, p=p, log_p=log_p)


def focal_loss_backward(dout, c):
    p, y, alpha = c["p"], c["y"], c["alpha"]
    dp = -dout * alpha * y * ((1 - p) ** 2 / p - 2 * (1 - p) * c["log_p"]) / len(y)
    return dict(
        dz=p * (dp - (dp * p).sum(axis=1, keepdims=True)), dalpha=dout * -(y * (1 - p) ** 2 * c["log_p"]).sum() / len(y)
    )


def draw_focal_loss(rng):
    return dict(z=rng.normal(size=(6, 4)), y=rng.dirichlet(np.ones(4), size=6), alpha=rng.uniform(0.2, 0.4))


LAYERS = {
    name: (globals()[f"{name}_forward"], globals()[f"{name}_backward"], globals()[f"draw_{name}"])
    for name in ("layer_norm", "attention", "convolution", "gelu", "focal_loss")
}

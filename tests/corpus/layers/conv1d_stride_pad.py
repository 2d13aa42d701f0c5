"""Multi-channel 1-d convolution with stride and zero padding."""

import numpy as np

name = "conv1d_stride_pad"
style = "class Conv1d(stride, padding) with W (out, in, k), loops over output positions, stride leaves a rest"


class Conv1d:
    def __init__(self, W, b, stride=2, padding=1):
        self.W, self.b, self.stride, self.padding = W, b, stride, padding

    def forward(self, x):
        self.xp = np.pad(x, ((0, 0), (0, 0), (self.padding, self.padding)))
        k = self.W.shape[2]
        n_out = (self.xp.shape[2] - k) // self.stride + 1
        y = np.empty((x.shape[0], self.W.shape[0], n_out), dtype=x.dtype)
        for t in range(n_out):
            window = self.xp[:, :, t * self.stride : t * self.stride + k]
            y[:, :, t] = np.tensordot(window, self.W, axes=([1, 2], [1, 2])) + self.b
        return y

    def backward(self, dy, slip=None):
        k, p = self.W.shape[2], self.padding
        s = 1 if slip == "stride" else self.stride
        dxp, dW = np.zeros_like(self.xp), np.zeros_like(self.W)
        for t in range(dy.shape[2]):
            window = slice(t * s, t * s + k)
            part = np.tensordot(dy[:, :, t], self.W, axes=(1, 0))
            if slip == "overwrite":
                dxp[:, :, window] = part
            else:
                dxp[:, :, window] += part
            dW += np.tensordot(dy[:, :, t], self.xp[:, :, window], axes=(0, 0))
        dx = dxp[:, :, : -2 * p] if slip == "crop" else dxp[:, :, p:-p]
        db = dy[:, :, 0].sum(0) if slip == "bias" else dy.sum((0, 2))
        if slip == "flip":
            dW = dW[:, :, ::-1].copy()
        return dx, dW, db


def make(rng):
    x, W, b = rng.normal(size=(2, 3, 8)), rng.normal(size=(4, 3, 3)), rng.normal(size=4)
    dy = rng.normal(size=(2, 4, 4))

    def run(slip=None):
        layer = Conv1d(W, b)
        layer.forward(x)
        return dict(zip(("x", "W", "b"), layer.backward(dy, slip), strict=True))

    layer = Conv1d(W.copy(), b.copy())
    return {
        "forward": lambda x, W, b: Conv1d(W, b).forward(x),
        "arguments": {"x": x, "W": W, "b": b},
        "upstream": dy,
        "right": run,
        "wrong": {
            "forgets the stride in the backward pass": lambda: run("stride"),
            "overwrites overlapping windows in place of adding": lambda: run("overwrite"),
            "crops the padding on the wrong side": lambda: run("crop"),
            "takes only the first position for the bias": lambda: run("bias"),
            "flips the kernel gradient": lambda: run("flip"),
        },
        "kink": False,
        "dtype": "float64",
        "native": {
            "object": layer,
            "call": lambda: layer.forward(x),
            "parameters": ["W", "b"],
            "handed over as": "dx, dW, db = layer.backward(dy)",
        },
    }

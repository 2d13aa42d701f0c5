"""2-d convolution by im2col, with stride 2 and padding 1."""

import numpy as np

name = "conv2d_im2col"
style = "conv_param dict with stride and pad, sliding_window_view, NCHW, cache tuple"


def conv_forward(x, w, b, conv_param):
    s, p = conv_param["stride"], conv_param["pad"]
    xp = np.pad(x, ((0, 0), (0, 0), (p, p), (p, p)), mode="constant")
    win = np.lib.stride_tricks.sliding_window_view(xp, w.shape[2:], axis=(2, 3))[:, :, ::s, ::s]
    out = np.einsum("nchwij,fcij->nfhw", win, w, optimize=True) + b[:, None, None]
    return out, (x, w, win, conv_param)


def conv_backward(dout, cache, slip=None):
    x, w, win, conv_param = cache
    s, p = conv_param["stride"], conv_param["pad"]
    dw = np.einsum("nfhw,nchwij->fcij", dout, win, optimize=True)
    db = dout.sum(axis=(0, 2, 3))
    n, c, h, wd = x.shape
    dxp = np.zeros((n, c, h + 2 * p, wd + 2 * p), dtype=x.dtype)
    wk = w[:, :, ::-1, ::-1] if slip == "rotate" else w
    for i in range(dout.shape[2]):
        for j in range(dout.shape[3]):
            dxp[:, :, i * s : i * s + w.shape[2], j * s : j * s + w.shape[3]] += np.einsum(
                "nf,fcij->ncij", dout[:, :, j, i] if slip == "transpose" else dout[:, :, i, j], wk
            )
    dx = dxp[:, :, p:-p, p:-p]
    if slip == "transpose w":
        dw = dw.transpose(0, 1, 3, 2)
    if slip == "db":
        db = dout.mean(axis=(0, 2, 3))
    if slip == "batch":
        dw = dw / n
    return dx, dw, db


def make(rng):
    x, w, b = rng.normal(size=(2, 2, 5, 5)), rng.normal(size=(3, 2, 3, 3)), rng.normal(size=3)
    param = {"stride": 2, "pad": 1}
    dout = rng.normal(size=(2, 3, 3, 3))

    def run(slip=None):
        _, cache = conv_forward(x, w, b, param)
        return dict(zip("xwb", conv_backward(dout, cache, slip), strict=True))

    return {
        "forward": lambda x, w, b: conv_forward(x, w, b, param)[0],
        "arguments": {"x": x, "w": w, "b": b},
        "upstream": dout,
        "right": run,
        "wrong": {
            "rotates the kernel once too often for the input gradient": lambda: run("rotate"),
            "swaps rows and columns of the upstream gradient": lambda: run("transpose"),
            "transposes the kernel gradient": lambda: run("transpose w"),
            "averages the bias gradient": lambda: run("db"),
            "divides the kernel gradient by the batch size": lambda: run("batch"),
        },
        "kink": False,
        "dtype": "float64",
        "native": {
            "callable": conv_forward,
            "inputs": (x, w, b, param),
            "handed over as": "conv_forward(x, w, b, conv_param) returns (out, cache); conv_backward(dout, cache)",
        },
    }

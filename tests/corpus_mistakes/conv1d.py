"""Convolution along time with several channels and zero padding 1."""

from functools import partial

import numpy as np

name = "conv1d"
upstream_shape = (2, 3, 6)


def forward(x, w, b):
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1)))
    windows = np.stack([padded[:, :, t : t + 3] for t in range(x.shape[2])], axis=2)
    products = np.einsum("nctk,ock->not", windows, w)
    return products + b[:, None]


def draw(rng):
    return {"x": rng.normal(size=(2, 3, 6)), "w": rng.normal(size=(3, 3, 3)), "b": rng.normal(size=3)}


def right(dout, x, w, b, slip=None):
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1)))
    dpadded, dw = np.zeros_like(padded), np.zeros_like(w)
    taps = w[:, :, ::-1] if slip == "flip" else w.transpose(1, 0, 2) if slip == "channels" else w
    for t in range(x.shape[2]):
        part = np.einsum("no,ock->nck", dout[:, :, t], taps)
        if slip == "overwrite":
            dpadded[:, :, t : t + 3] = part
        else:
            dpadded[:, :, t : t + 3] += part
        dw += np.einsum("no,nck->ock", dout[:, :, t], padded[:, :, t : t + 3])
    dx = dpadded[:, :, 1:-1]
    if slip == "crop":
        dx = dpadded[:, :, :-2]
    if slip == "circular":
        dx = dx.copy()
        dx[:, :, 0] += dpadded[:, :, -1]
        dx[:, :, -1] += dpadded[:, :, 0]
    if slip == "dw flip":
        dw = dw[:, :, ::-1]
    if slip == "batch":
        dw = dw / len(x)
    if slip == "dw border":
        dw = np.stack([np.einsum("not,nct->oc", dout[:, :, 1:-1], x[:, :, k : k + 4]) for k in range(3)], axis=2)
    db = dout.sum(axis=(0, 2))
    if slip == "db time":
        db = dout.sum(axis=0).mean(axis=1)
    return {"x": dx, "w": dw, "b": db}


def _with(slip):
    return partial(right, slip=slip)


wrong = [
    ("The kernel was flipped once too often when the input gradient was computed.", _with("flip")),
    ("Overlapping windows overwrite one another in the input gradient in place of adding up.", _with("overwrite")),
    ("The padding was cut off at the end only, so the input gradient is shifted by one.", _with("crop")),
    ("The kernel gradient was flipped along time.", _with("dw flip")),
    ("The kernel gradient was divided by the batch size.", _with("batch")),
    ("The bias gradient was averaged over time in place of summed.", _with("db time")),
    ("Input and output channels of the kernel were interchanged in the input gradient.", _with("channels")),
    ("The backward pass treats the zero padding as circular padding.", _with("circular")),
    ("The first and last output positions were left out of the kernel gradient.", _with("dw border")),
]
closed_form = {7, 8}

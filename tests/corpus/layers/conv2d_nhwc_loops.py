"""2-d convolution with nested loops on NHWC images."""

import numpy as np

name = "conv2d_nhwc_loops"
style = "four nested loops, one slice at a time, filters (f, f, C_in, C_out), float32, no padding"


def conv_single_step(a_slice, W, b):
    return np.sum(a_slice * W) + b


def conv_forward(A_prev, W, b):
    m, h, w, _ = A_prev.shape
    f, _, _, n_c = W.shape
    Z = np.zeros((m, h - f + 1, w - f + 1, n_c), dtype=A_prev.dtype)
    for i in range(m):
        for y in range(h - f + 1):
            for x in range(w - f + 1):
                for c in range(n_c):
                    Z[i, y, x, c] = conv_single_step(A_prev[i, y : y + f, x : x + f, :], W[..., c], b[0, 0, 0, c])
    return Z


def conv_backward(dZ, A_prev, W, slip=None):
    dA, dW, db = np.zeros_like(A_prev), np.zeros_like(W), np.zeros((1, 1, 1, W.shape[3]), dtype=W.dtype)
    f = W.shape[0]
    for i in range(dZ.shape[0]):
        for y in range(dZ.shape[1]):
            for x in range(dZ.shape[2]):
                for c in range(dZ.shape[3]):
                    g = dZ[i, y, x, c]
                    win = A_prev[i, y : y + f, x : x + f]
                    if slip == "first image":
                        win = A_prev[0, y : y + f, x : x + f]
                    if slip == "assign dA":
                        dA[i, y : y + f, x : x + f] = W[..., c] * g
                    elif slip == "swap":
                        dA[i, y : y + f, x : x + f] += W[..., c].transpose(1, 0, 2) * g
                    else:
                        dA[i, y : y + f, x : x + f] += W[..., c] * g
                    if slip == "assign dW":
                        dW[..., c] = win * g
                    else:
                        dW[..., c] += win * g
                    db[..., c] += g * g if slip == "db" else g
    return {"A_prev": dA, "W": dW, "b": db}


def make(rng):
    A = rng.normal(size=(2, 4, 3, 2)).astype(np.float32)
    W = rng.normal(size=(2, 2, 2, 2)).astype(np.float32)
    b = rng.normal(size=(1, 1, 1, 2)).astype(np.float32)
    dZ = rng.normal(size=(2, 3, 2, 2)).astype(np.float32)

    def run(slip=None):
        return lambda: conv_backward(dZ, A, W, slip)

    return {
        "forward": conv_forward,
        "arguments": {"A_prev": A, "W": W, "b": b},
        "upstream": dZ,
        "right": run(),
        "wrong": {
            "assigns the input gradient in place of adding": run("assign dA"),
            "assigns the kernel gradient in place of adding": run("assign dW"),
            "always takes the first image's window": run("first image"),
            "transposes the kernel": run("swap"),
            "squares the upstream gradient for the bias": run("db"),
        },
        "kink": False,
        "dtype": "float32",
    }

"""One GRU step with a dict of parameters, float32."""

import numpy as np

name = "gru_step"
style = "p['Wz'], p['Uz'], ... nine arrays, passed on by keyword; reset gate before the matrix product; float32"


def sig(a):
    return 1 / (1 + np.exp(-a))


def gru(x, h, p):
    z = sig(x @ p["Wz"] + h @ p["Uz"] + p["bz"])
    r = sig(x @ p["Wr"] + h @ p["Ur"] + p["br"])
    n = np.tanh(x @ p["Wn"] + (r * h) @ p["Un"] + p["bn"])
    return (1 - z) * n + z * h


def gru_grad(d, x, h, p, slip=None):
    z = sig(x @ p["Wz"] + h @ p["Uz"] + p["bz"])
    r = sig(x @ p["Wr"] + h @ p["Ur"] + p["br"])
    n = np.tanh(x @ p["Wn"] + (r * h) @ p["Un"] + p["bn"])
    dn = d * (1 - z) * (1 - n**2)
    dz = d * (n - h if slip == "z sign" else h - n) * z * (1 - z)
    drh = dn @ p["Un"].T
    dr = drh * h * r * (1 - r)
    dh = drh * r + dz @ p["Uz"].T + dr @ p["Ur"].T
    if slip != "skip":
        dh = dh + d * z
    if slip == "r":
        dh = dh - drh * r + drh
    dx = dn @ p["Wn"].T + dz @ p["Wz"].T + dr @ p["Wr"].T
    g = {"x": dx, "h": dh}
    for k, dk in (("z", dz), ("r", dr), ("n", dn)):
        g["W" + k], g["U" + k], g["b" + k] = x.T @ dk, h.T @ dk, dk.sum(0)
    if slip != "Un":
        g["Un"] = (r * h).T @ dn
    if slip == "no reset":
        g["x"] = g["x"] - dr @ p["Wr"].T
        g["Wr"], g["Ur"], g["br"] = 0 * g["Wr"], 0 * g["Ur"], 0 * g["br"]
    return g


def make(rng):
    def a(*shape):
        return (rng.normal(size=shape) * 0.7).astype(np.float32)

    x, h, d = a(3, 2), a(3, 4), a(3, 4)
    p = {}
    for k in "zrn":
        p["W" + k], p["U" + k], p["b" + k] = a(2, 4), a(4, 4), a(4)

    def run(slip=None):
        return lambda: gru_grad(d, x, h, p, slip)

    return {
        "forward": lambda x, h, **p: gru(x, h, p),
        "arguments": {"x": x, "h": h, **p},
        "upstream": d,
        "right": run(),
        "wrong": {
            "has the update gate's sign reversed": run("z sign"),
            "forgets the direct path z * h": run("skip"),
            "forgets the reset gate on the path through the candidate": run("r"),
            "uses h in place of r * h for Un": run("Un"),
            "treats the reset gate as constant": run("no reset"),
        },
        "kink": False,
        "dtype": "float32",
        "native": {
            "callable": gru,
            "inputs": (x, h, p),
            "handed over as": "gru(x, h, p) with p a dict of nine arrays; gradients (dx, dh, dict)",
        },
    }

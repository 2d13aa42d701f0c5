"""Pairwise cosine similarity of two sets, followed by InfoNCE."""

import numpy as np

name = "cosine_similarity_matrix"
style = "contrastive loss with in-batch negatives, both directions, temperature 0.5"


def info_nce(image, text, tau=0.5):
    a = image / np.linalg.norm(image, axis=1, keepdims=True)
    b = text / np.linalg.norm(text, axis=1, keepdims=True)
    s = a @ b.T / tau
    rows = s - np.log(np.exp(s).sum(1, keepdims=True))
    cols = s - np.log(np.exp(s).sum(0, keepdims=True))
    return -(np.trace(rows) + np.trace(cols)) / (2 * len(s))


def make(rng):
    image, text = rng.normal(size=(4, 3)), rng.normal(size=(4, 3))

    def back(slip=None):
        na, nb = np.linalg.norm(image, axis=1, keepdims=True), np.linalg.norm(text, axis=1, keepdims=True)
        a, b = image / na, text / nb
        s = a @ b.T / 0.5
        p, q = np.exp(s) / np.exp(s).sum(1, keepdims=True), np.exp(s) / np.exp(s).sum(0, keepdims=True)
        ds = (p + q - 2 * np.eye(4)) / 8
        if slip == "rows":
            ds = (p - np.eye(4)) / 4
        if slip == "tau":
            ds = ds * 0.5
        if slip == "positives":
            ds = ds * np.eye(4)
        da, db = ds @ b / 0.5, ds.T @ a / 0.5
        if slip == "transpose":
            db = ds @ a / 0.5
        if slip == "norm":
            return {"image": da / na, "text": db / nb}
        return {
            "image": (da - a * (da * a).sum(1, keepdims=True)) / na,
            "text": (db - b * (db * b).sum(1, keepdims=True)) / nb,
        }

    return {
        "forward": info_nce,
        "arguments": {"image": image, "text": text},
        "upstream": None,
        "right": back,
        "wrong": {
            "counts one direction only": lambda: back("rows"),
            "forgets the temperature": lambda: back("tau"),
            "forgets the negatives": lambda: back("positives"),
            "does not transpose for the second set": lambda: back("transpose"),
            "treats the norms as constant": lambda: back("norm"),
        },
        "kink": False,
        "dtype": "float64",
    }

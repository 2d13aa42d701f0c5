"""Contrastive loss on cosine similarities with in-batch negatives."""

from functools import partial

import numpy as np

name = "contrastive"
upstream_shape = ()
TEMPERATURE = 0.4


def forward(anchors, candidates):
    anchor_norms = np.sqrt((anchors**2).sum(axis=1, keepdims=True))
    candidate_norms = np.sqrt((candidates**2).sum(axis=1, keepdims=True))
    unit_anchors = anchors / anchor_norms
    unit_candidates = candidates / candidate_norms
    cosines = unit_anchors @ unit_candidates.T
    logits = cosines / TEMPERATURE
    log_totals = np.log(np.exp(logits).sum(axis=1))
    return np.mean(log_totals - np.diag(logits))


def draw(rng):
    return {"anchors": rng.normal(size=(4, 3)), "candidates": rng.normal(size=(4, 3))}


def right(dout, anchors, candidates, slip=None):
    na = np.sqrt((anchors**2).sum(axis=1, keepdims=True))
    nc = np.sqrt((candidates**2).sum(axis=1, keepdims=True))
    a, c = anchors / na, candidates / nc
    logits = a @ c.T / TEMPERATURE
    p = np.exp(logits) / np.exp(logits).sum(axis=0 if slip == "columns" else 1, keepdims=True)
    dlogits = dout * (p - np.eye(4)) / 4
    if slip == "positives":
        dlogits = -dout * np.eye(4) / 4
    if slip == "negatives":
        dlogits = dout * p / 4
    dcosines = dlogits if slip == "temperature" else dlogits / TEMPERATURE
    da = dcosines @ c
    dc = (dcosines if slip == "transpose" else dcosines.T) @ a
    if slip == "norms":
        return {"anchors": da / na, "candidates": dc / nc}
    if slip == "anchor norms":
        return {"anchors": da / na, "candidates": (dc - c * (dc * c).sum(axis=1, keepdims=True)) / nc}
    if slip == "unnormalized":
        return {
            "anchors": (da - anchors * (da * anchors).sum(axis=1, keepdims=True)) / na,
            "candidates": (dc - candidates * (dc * candidates).sum(axis=1, keepdims=True)) / nc,
        }
    if slip == "partner":
        return {
            "anchors": (da - c * (da * c).sum(axis=1, keepdims=True)) / na,
            "candidates": (dc - a * (dc * a).sum(axis=1, keepdims=True)) / nc,
        }
    if slip == "no division":
        na, nc = 1, 1
    return {
        "anchors": (da - a * (da * a).sum(axis=1, keepdims=True)) / na,
        "candidates": (dc - c * (dc * c).sum(axis=1, keepdims=True)) / nc,
    }


def _with(slip):
    return partial(right, slip=slip)


wrong = [
    ("The norms of both inputs were treated as constants.", _with("norms")),
    ("The norms of the anchors alone were treated as constants.", _with("anchor norms")),
    ("The division by the temperature is missing in the backward pass.", _with("temperature")),
    ("The gradient of the similarities was not transposed for the candidates.", _with("transpose")),
    ("The normalizing sum over the candidates was treated as a constant.", _with("positives")),
    ("The positive pairs were not subtracted.", _with("negatives")),
    ("The division by the norms was left out after the projection.", _with("no division")),
    ("The softmax was taken over the anchors, not over the candidates.", _with("columns")),
    ("The projection was made with the inputs themselves, not with the unit vectors.", _with("unnormalized")),
    ("The gradient was projected off the partner's direction, not off its own.", _with("partner")),
]
closed_form = {6, 7, 8, 9}

"""Kullback-Leibler divergence between two softmax distributions."""

import numpy as np

name = "kl_batchmean"
style = "teacher and student logits both differentiable, temperature captured"


def _log_softmax(a):
    a = a - a.max(1, keepdims=True)
    return a - np.log(np.exp(a).sum(1, keepdims=True))


def kl(student, teacher, T=2.0):
    lp, lq = _log_softmax(teacher / T), _log_softmax(student / T)
    return (np.exp(lp) * (lp - lq)).sum() / len(student)


def make(rng):
    s, t, T, n = 2 * rng.normal(size=(4, 5)), 2 * rng.normal(size=(4, 5)), 2.0, 4
    lp, lq = _log_softmax(t / T), _log_softmax(s / T)
    p, q = np.exp(lp), np.exp(lq)
    kl_row = (p * (lp - lq)).sum(1, keepdims=True)

    def right():
        return {"student": (q - p) / (T * n), "teacher": p * (lp - lq - kl_row) / (T * n)}

    return {
        "forward": kl,
        "arguments": {"student": s, "teacher": t},
        "upstream": None,
        "right": right,
        "wrong": {
            "forgets the temperature": lambda: {k: v * T for k, v in right().items()},
            "has the student's sign reversed": lambda: right() | {"student": (p - q) / (T * n)},
            "leaves the row's divergence out of the teacher's gradient": lambda: (
                right() | {"teacher": p * (lp - lq) / (T * n)}
            ),
            "detaches the teacher": lambda: right() | {"teacher": np.zeros_like(t)},
            "weights the student's gradient by q": lambda: right() | {"student": q * (q - p) / (T * n)},
        },
        "kink": False,
        "dtype": "float64",
    }

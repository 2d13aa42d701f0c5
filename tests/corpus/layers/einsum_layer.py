"""Low-rank tensor layer by einsum."""

import numpy as np

name = "einsum_layer"
style = "lambda with an einsum string and repeated indices (trace and square), float32"


def make(rng):
    T, u = rng.normal(size=(3, 4, 4)).astype(np.float32), rng.normal(size=(3, 4)).astype(np.float32)
    g = rng.normal(size=3).astype(np.float32)
    I4 = np.eye(4, dtype=np.float32)

    def right():
        return {
            "T": np.einsum("b,ij->bij", g, I4) + np.einsum("b,bi,bj->bij", g, u, u),
            "u": np.einsum("b,bij,bj->bi", g, T, u) + np.einsum("b,bji,bj->bi", g, T, u),
        }

    return {
        "forward": lambda T, u: np.einsum("bii->b", T) + np.einsum("bi,bij,bj->b", u, T, u),
        "arguments": {"T": T, "u": u},
        "upstream": g,
        "right": right,
        "wrong": {
            "treats T as symmetric": lambda: right() | {"u": 2 * np.einsum("b,bij,bj->bi", g, T, u)},
            "counts only one occurrence of u": lambda: right() | {"u": np.einsum("b,bij,bj->bi", g, T, u)},
            "forgets the trace": lambda: right() | {"T": np.einsum("b,bi,bj->bij", g, u, u)},
            "puts the trace gradient in every entry": lambda: (
                right() | {"T": g[:, None, None] + np.einsum("b,bi,bj->bij", g, u, u)}
            ),
            "keeps only the diagonal of the quadratic part": lambda: (
                right() | {"T": np.einsum("b,ij->bij", g, I4) * (1 + u[:, :, None] ** 2)}
            ),
        },
        "kink": False,
        "dtype": "float32",
    }

"""The inputs of the graded questions, with the intermediates of the trusted forward pass."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from solutions import two_branch_forward

from .public import DRAWS, PARAMS, QUESTIONS, sizes_of


def draw(question_id: str, seed: Any, **options: Any) -> dict[str, Any]:
    """The inputs of one draw by name, those of the network with every intermediate of its forward pass.

    Args:
        question_id: a key of QUESTIONS.
        seed: what numpy.random.default_rng takes: an int of any size, or a sequence of them.
        options: for the function of DRAWS: sizes, where they are not to be drawn, and for the network `kink`.
    """
    family, rng = QUESTIONS[question_id].family, np.random.default_rng(seed)
    if family != "network":
        return DRAWS[family](rng, **options)
    while not _is_informative(q := run(DRAWS[family](rng, **options))):
        pass
    return q


def graded_draw(question_id: str, seed: Any) -> dict[str, Any]:
    """A draw as it is stored in checks.py and as it is graded.

    The last of three has equal sizes, and z is exactly 0 at one entry of each branch. What is right there comes from
    complex steps, which take ReLU's slope by z's real part.
    """
    family = QUESTIONS[question_id].family
    special = sizes_of(family, seed)
    kink = {"kink": True} if special and family == "network" else {}
    return draw(question_id, seed, **special, **kink)


def run(q: Mapping[str, Any]) -> dict[str, Any]:
    """The network's inputs, and every intermediate of its trusted forward pass."""
    params = {name: q[name] for name in PARAMS}
    return {**q, **two_branch_forward(q["x"], q["y_a"], q["y_b"], params, q["r"], q["p"], q["eps"])[1]}


def _is_informative(q: Mapping[str, Any]) -> bool:
    """Whether no probability is nearly 0, and the gradient of d, in branch A's own question and in the whole pass, has
    both signs where ReLU and dropout let it pass. The functions of DRAWS cannot see to that without the forward pass.
    """
    passes = (q["mask"] > 0) & (q["z_1a"] > 0)
    own, m = q["dout"] * (q["z_2a"] - q["y_a"]), len(q["x"])
    scores = (q["dz_2b"], q["dout"] * (q["y_hat_b"] - q["y_b"]) / m)
    back = [((own / m + dz_2b @ q["theta_2b"]) @ q["theta_2a"])[passes] for dz_2b in scores]
    return q["y_hat_b"].min() > 1e-6 and all(dd.min() < 0 < dd.max() for dd in back)

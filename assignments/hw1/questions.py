"""The questions of hw1 in their public half: what is wanted, how inputs are drawn, what is compared with what.

This file goes to the students, as a part of checks.py. It holds no answer.
"""

from dataclasses import replace

import numpy as np

from autograder.gradcheck import numerical_gradient, numerical_jacobian
from autograder.questions.model import (
    Call,
    Clues,
    Inputs,
    Part,
    Question,
    arguments,
    by_id,
    kind_of,
    unpack_array,
    unpack_dict,
    unpack_pair,
)

from .network import BRANCH_A, BRANCH_B, CACHE, FULL_BACKWARD_POINTS, GRADIENTS, PARAMS, QUANTITIES, asked_in

# ---------------------------------------------------------------------------------------------------------------------
# Inputs that hide nothing: sizes all different, gamma of both signs and away from 1, beta away from 0, p away from 1/2,
# one feature of low variance, an upstream gradient that is not all ones.


def draw_batch_norm(rng, sizes=None):
    """x (m, n) with one column of low variance, gamma and beta (n,), eps. sizes: (m, n), where they are not drawn."""
    m, n = sizes or rng.permutation([4, 5, 6, 7])[:2]
    x = rng.normal(size=(m, n)) * np.r_[0.03, rng.uniform(0.7, 2, n - 1)] + rng.normal(size=n)
    return dict(x=x, gamma=_of_both_signs(rng, n), beta=_of_both_signs(rng, n), eps=1e-3)


def draw_dropout(rng):
    """x and r (n,), p; at least two entries are dropped and two kept."""
    n, p = rng.integers(6, 10), _probability(rng)
    r = _until(lambda r: 2 <= (r >= p).sum() <= n - 2, lambda: rng.uniform(size=n))
    r[np.argmax(r >= p)] = p  # one that is kept lies on the border
    return dict(x=rng.normal(size=n), r=r, p=p)


def draw_softmax(rng):
    """x (n,), scores."""
    return dict(x=rng.normal(size=rng.integers(4, 7)) * 1.5)


def draw_network(rng, sizes=None, kink=False):
    """The inputs and parameters of the two-branch network, with upstream gradients dout (scalar) and dz_2b (m, K).

    Args:
        sizes: (m, n, n_h, K), where they are not drawn.
        kink: True makes z_1a and z_1b exactly 0 for the first sample and the second unit. A finite difference of the
            loss has no meaning there; only a reference that knows that ReLU's slope at 0 is 0 may judge such a draw.
    """
    m, n, n_h, K = sizes or (int(size) for size in rng.permutation([4, 5, 6, 7]))

    def draw():
        scale = np.r_[0.04, np.ones(n_h - 1)][:, None]  # the first unit of branch B has low variance
        q = dict(x=rng.normal(size=(m, n)), y_a=rng.normal(size=(m, n_h)), y_b=rng.dirichlet(np.ones(K), size=m))
        q |= dict(r=rng.uniform(size=(m, n_h)), p=_probability(rng), eps=1e-3)
        q |= dict(theta_1a=rng.normal(size=(n_h, n)), theta_1b=scale * rng.normal(size=(n_h, n)))
        q |= dict(theta_2a=rng.normal(size=(n_h, n_h)) / n_h, theta_2b=rng.normal(size=(K, n_h)) / n_h)
        if kink:  # one feature alone is not 0 in this sample, and this unit does not look at it
            q["x"][0, 1:] = q["theta_1a"][1, 0] = q["theta_1b"][1, 0] = 0
            q["r"][0, 1] = (1 + q["p"]) / 2  # it is kept, so that the slope at 0 is seen
        return q | dict(gamma=_of_both_signs(rng, n_h), beta=_of_both_signs(rng, n_h))

    def fair(q):  # every unit is on for some samples and off for others, of both some dropped, no other sits on a kink
        units = [q["x"] @ q[theta].T for theta in ("theta_1a", "theta_1b")]
        kept, on = q["r"] >= q["p"], units[0] > 0
        return (
            all(
                ((z > 0).any(axis=0) & (z < 0).any(axis=0)).all() and np.sort(np.abs(z), axis=None)[int(kink)] > 1e-4
                for z in units
            )
            and ((units[1] > 0).sum(axis=0) >= 2).all()
            and (kept & on).any(axis=0).sum() >= 2
            and all(entries.any() for entries in (kept & ~on, ~kept & on, ~kept & ~on))
            and kept[0].any()
            and not kept[0].all()
        )

    upstream = dict(dout=_of_both_signs(rng, 2)[0], dz_2b=rng.normal(size=(m, K)) / m)  # as large as a real one
    q = _until(fair, draw)
    kept_and_on = (q["r"] >= q["p"]) & (q["x"] @ q["theta_1a"].T > 0)
    q["r"][tuple(np.argwhere(kept_and_on)[0])] = q["p"]  # one that is kept lies on the border
    return q | upstream


def _of_both_signs(rng, n):
    size = np.where(rng.uniform(size=n) < 0.5, rng.uniform(0.4, 0.8, n), rng.uniform(1.3, 2.2, n))
    return size * rng.permutation(np.resize([1.0, -1.0], n))


def _probability(rng):
    return float(rng.choice([rng.uniform(0.2, 0.4), rng.uniform(0.6, 0.75)]))


def _until(fair, draw):
    while not fair(drawn := draw()):
        pass
    return drawn


# ---------------------------------------------------------------------------------------------------------------------
# What the numbers of a wrong answer are held against


def _network_clues(q):
    if not q:
        return Clues()
    where = {"the mask is 0": q["mask"] == 0, "z_1A < 0": q["z_1a"] < 0, "z_1B < 0": q["z_1b"] < 0}
    m, K = q["y_b"].shape
    sizes = {"m": m, "K": K, "n_h": q["gamma"].size}
    factors = {"1 - p": 1 - q["p"], "dout": q["dout"]}
    factors |= sizes if len(set(sizes.values())) == len(sizes) else {}  # equal ones cannot be told apart
    return Clues(where, factors)


def _dropout_clues(q):
    return Clues(factors={"1 - p": 1 - q["p"]} if q else {})


def _branch(names):
    """The parts of one branch, and their gradients."""
    return frozenset(names) | {f"d{name}" for name in names}


CONCERNS = {"the mask is 0": _branch(BRANCH_A), "z_1A < 0": _branch(BRANCH_A), "z_1B < 0": _branch(BRANCH_B)}
CLUES = {"1a": "z_1A < 0", "1b": "z_1B < 0", "d": "the mask is 0"}  # what an error may follow, by a part's last letters


def batch_norm_symptoms(dx, q):
    """What must hold of a gradient that went back through batch norm, and does not hold of dx (m, n_h)."""
    if dx.shape != q["x_hat"].shape:
        return ()
    sums = dx.sum(axis=0)
    if np.abs(sums).max() > 1e-6 * np.abs(dx).max():
        shown = ", ".join(f"{value:.2g}" for value in sums)
        return (
            "Add one number to a column of a_1b, in all samples: x_hat stays. So each column of da_1b sums to 0. "
            f"The sums of yours: {shown}.",
        )
    along = (dx * q["x_hat"]).sum(axis=0) / np.linalg.norm(dx, axis=0).clip(1e-300) / np.linalg.norm(q["x_hat"], axis=0)
    along = along[q["var_b"] > 30 * q["eps"]]
    if along.size and np.abs(along).max() > 0.1:
        return (
            "Stretch a column of a_1b about its mean: x_hat hardly moves, unless the variance is as small as eps. So "
            "the sum of x_hat * da_1b over the batch is nearly 0. In yours it is not.",
        )
    return ()


# ---------------------------------------------------------------------------------------------------------------------
# The questions


def _loss_and_cache(value):
    pair = unpack_pair("loss", "cache")(value)
    if not isinstance(pair["cache"], dict):
        raise ValueError(f"returned {kind_of(pair['cache'])} as its second value; the cache, a dict, is wanted there")
    return pair["cache"] | {"loss": pair["loss"]}


def _dropout_out(value):
    return {"out": unpack_pair("out", "cache")(value)["out"]}


def _batch_norm_slopes(functions, q):
    forward = functions["batch_norm_forward"]
    slopes = numerical_jacobian(
        lambda gamma, beta: forward(q["x"], gamma, beta, q["eps"]), {"gamma": q["gamma"], "beta": q["beta"]}
    )
    return {"dy_dgamma": slopes["gamma"], "dy_dbeta": slopes["beta"]}


def _softmax_slopes(functions, q):
    return {"jacobian": numerical_jacobian(functions["softmax_forward"], {"x": q["x"]})["x"]}


def _loss_slopes(functions, q):
    forward = functions["two_branch_forward"]

    def loss(**params):
        return np.reshape(forward(q["x"], q["y_a"], q["y_b"], params, q["r"], q["p"], q["eps"])[0], ())  # or (1,)

    slopes = numerical_gradient(loss, {name: q[name] for name in PARAMS}, upstream=q["dout"])
    return {f"d{name}": slope for name, slope in slopes.items()}


NETWORK_ARGUMENTS = ("x", "y_a", "y_b", "params", "r", "p", "eps")
GROUPS = {"params": PARAMS, "cache": CACHE}
FORWARD = Call("two_branch_forward", NETWORK_ARGUMENTS, _loss_and_cache, GROUPS, CACHE)


def _with_own_cache(functions, q):
    """The inputs and the cache of the student's own forward pass, without what the statement does not list."""
    cache = FORWARD.unpack(functions[FORWARD.function](*arguments(FORWARD, q)))
    if lacking := [repr(name) for name in CACHE if name not in cache]:
        raise ValueError(f"the cache that {FORWARD.function} returns lacks {', '.join(lacking)}")
    return q | {name: cache[name] for name in CACHE}


def _backward(function, *names):
    return Call(function, names, unpack_dict, GROUPS, ())


def _of_network(question_id, call, parts=None, reference=None):
    """A question on the network of two branches. parts: None for those that the table has."""
    parts = parts or tuple(Part(part.name, part.points, part.after) for part in asked_in(question_id))
    pictured = {
        part.name: next((clue for letters, clue in CLUES.items() if part.name.endswith(letters)), "") for part in parts
    }
    return Question(
        question_id,
        NETWORK,
        (call,),
        parts,
        reference,
        clues=_network_clues,
        concerns=CONCERNS,
        pictured=pictured,
        symptoms={"da_1b": batch_norm_symptoms},
        axes=AXES,
    )


BATCH_NORM = Inputs("batch_norm", draw_batch_norm, equal_sizes=(5, 5))
DROPOUT = Inputs("dropout", draw_dropout)
SOFTMAX = Inputs("softmax", draw_softmax)
NETWORK = Inputs("network", draw_network, equal_sizes=(5, 5, 5, 5), complete=_with_own_cache)

# What a part's rows and columns are. The gradient of v has the axes of v.
AXES = {quantity.name: quantity.axes_in_words for quantity in (*QUANTITIES, *GRADIENTS)}
AXES |= {f"d{name}": AXES[name] for name in PARAMS}
OF_LAYERS = {"dy_dgamma": ("sample", "output", "gamma"), "dy_dbeta": ("sample", "output", "beta")}
OF_LAYERS |= {"jacobian": ("output", "input"), "out": ("", "entry")}

# The formulas that are asked, with their points: `formula("2-2 gamma", r"...")`, then `check("2-2 gamma, written")`.
WRITTEN = {"1-1 gamma": 1, "1-1 beta": 1, "1-2": 1, "1-3": 1, "2-1 x_hat": 1, "2-2 theta_2b": 1, "2-2 beta": 1}
WRITTEN |= {"2-2 gamma": 1, "2-2 theta_1b": 1, "2-2 theta_2a": 1, "2-2 theta_1a": 1}
WRITTEN = {f"{name}, written": points for name, points in WRITTEN.items()}

_QUESTIONS = (
    Question(
        "1-1",
        BATCH_NORM,
        (Call("batch_norm_jacobian", ("x", "gamma", "beta", "eps"), unpack_pair("dy_dgamma", "dy_dbeta")),),
        (Part("dy_dgamma", 2), Part("dy_dbeta", 2)),
        _batch_norm_slopes,
        axes=OF_LAYERS,
    ),
    Question(
        "1-2",
        DROPOUT,
        (
            Call("dropout_forward", ("x", "r", "p"), _dropout_out),
            Call("dropout_jacobian", ("r", "p"), unpack_array("jacobian")),
        ),
        (Part("out", 2), Part("jacobian", 2)),
        clues=_dropout_clues,
        axes=OF_LAYERS,
    ),
    Question(
        "1-3",
        SOFTMAX,
        (Call("softmax_jacobian", ("x",), unpack_array("jacobian")),),
        (Part("jacobian", 4),),
        _softmax_slopes,
        axes=OF_LAYERS,
    ),
    _of_network("2-1", FORWARD),
    _of_network("2-2 head", _backward("head_backward", "dout", "cache")),
    _of_network("2-2 branch b", _backward("branch_b_backward", "dz_2b", "cache")),
    _of_network("2-2 branch a", _backward("branch_a_backward", "dout", "dz_2b", "cache")),
    _of_network(
        "2-2",
        _backward("two_branch_backward", "dout", "cache"),
        tuple(Part(f"d{name}", FULL_BACKWARD_POINTS) for name in PARAMS),
        _loss_slopes,
    ),
)
_PARTS = frozenset(part.name for question in _QUESTIONS for part in question.parts)
QUESTIONS = by_id(replace(question, known=_PARTS) for question in _QUESTIONS)

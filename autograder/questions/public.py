"""The questions of hw1, as a student meets them: what is wanted, how inputs are drawn, what is compared with what.

This file travels with the notebooks, as checks.py, beside gradcheck.py and formulas.py. It knows no answer. Dropout,
the network and every written formula are compared with numbers that were stored at release. Where no number is stored,
as in 1-1 and 1-3 and for other seeds of 2-2, the reference is the finite difference of a forward pass that the notebook
gives or that the student wrote.
"""

import ast
import copy
import difflib
import hashlib
import json
import os
import re
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from autograder.formula.errors import FormulaError
from autograder.formula.parser import read
from autograder.formula.typesetting import typeset
from autograder.formula.verdict import FormulaVerdict, compare
from autograder.gradcheck import (
    NEGATIVE_ZERO,
    Verdict,
    compare_arrays,
    numerical_gradient,
    numerical_jacobian,
    symptoms,
)
from autograder.hw1.targets import NOTATION, TARGETS, named_target

TOLERANCE = 1e-6  # at home and when graded: right code is right to 1e-11, differences with a step of 1e-6 to 1e-7, the
# smallest mistake that real code was seen to make is off by 5e-3
SEEDS = (0, 1, 2)  # what check() runs at home, and the seeds that have stored numbers
STORED = {}  # {question id: {seed: {part: array}}}; under "inputs" {family: {seed: inputs}}, under "formulas" draws by
# number, {family: {number: draw}}; filled in at release

PARAMS = ("theta_1a", "theta_1b", "theta_2a", "theta_2b", "gamma", "beta")
BRANCH_A = ("z_1a", "a_1a", "mask", "d", "z_2a")
BRANCH_B = ("z_1b", "a_1b", "mu_b", "var_b", "x_hat", "c")
INTERMEDIATES = (*BRANCH_A, *BRANCH_B, "s", "z_2b", "y_hat_b")
CACHE = ("x", "y_a", "y_b", "r", "p", "eps", *PARAMS, *INTERMEDIATES)


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


def sizes_of(family, seed):
    """{"sizes": all equal} for the last of three draws, where a square matrix that is transposed by mistake has the
    right shape; {} for the others, whose sizes all differ. seed: an int, or a tuple that ends with the draw's number.
    """
    last = seed[-1] if isinstance(seed, tuple) else seed
    equal = {"network": (5, 5, 5, 5), "batch_norm": (5, 5)}
    return {"sizes": equal[family]} if family in equal and last % len(SEEDS) == len(SEEDS) - 1 else {}


DRAWS = {"batch_norm": draw_batch_norm, "dropout": draw_dropout, "softmax": draw_softmax, "network": draw_network}


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
# The questions


@dataclass(frozen=True)
class Part:
    """One array that is judged by itself: its name, its points, and the parts that it is computed from."""

    name: str
    points: int
    after: tuple[str, ...] = ()


@dataclass(frozen=True)
class Call:
    """One call of a student's function: its name, the inputs it gets, and how its value is taken apart into parts."""

    function: str
    arguments: tuple[str, ...]
    unpack: Callable


@dataclass(frozen=True)
class Question:
    """One graded question. At home the stored numbers say what is expected; where there are none, `reference(functions,
    inputs)` does, a finite difference of a forward pass that the notebook gives or that the student wrote."""

    id: str
    family: str
    calls: tuple[Call, ...]
    parts: tuple[Part, ...]
    reference: Callable | None = None

    @property
    def points(self):
        return sum(part.points for part in self.parts)

    @property
    def functions(self):
        return tuple(call.function for call in self.calls)


def _array(name):
    return lambda value: {name: value}


def _pair(*names):
    def unpack(value):
        if not isinstance(value, tuple) or len(value) != len(names):
            raise ValueError(f"returned {_kind(value)}; a tuple ({', '.join(names)}) is wanted")
        return dict(zip(names, value, strict=True))

    return unpack


def _entries(value):
    if not isinstance(value, dict):
        raise ValueError(f"returned {_kind(value)}; a dict of named gradients is wanted")
    return value


def _loss_and_cache(value):
    pair = _pair("loss", "cache")(value)
    if not isinstance(pair["cache"], dict):
        raise ValueError(f"returned {_kind(pair['cache'])} as its second value; the cache, a dict, is wanted there")
    return pair["cache"] | {"loss": pair["loss"]}


def _kind(value):
    return f"a tuple of {len(value)}" if isinstance(value, tuple) else f"an object of type {type(value).__name__}"


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


_NETWORK = ("x", "y_a", "y_b", "params", "r", "p", "eps")

# The formulas that are asked, with their points: `formula("2-2 gamma", r"...")`, then `check("2-2 gamma, written")`.
WRITTEN = {"1-1 gamma": 1, "1-1 beta": 1, "1-2": 1, "1-3": 1, "2-1 x_hat": 1, "2-2 theta_2b": 1, "2-2 beta": 1}
WRITTEN |= {"2-2 gamma": 1, "2-2 theta_1b": 1, "2-2 theta_2a": 1, "2-2 theta_1a": 1}
WRITTEN = {f"{name}, written": points for name, points in WRITTEN.items()}

QUESTIONS = {
    question.id: question
    for question in (
        Question(
            "1-1",
            "batch_norm",
            (Call("batch_norm_jacobian", ("x", "gamma", "beta", "eps"), _pair("dy_dgamma", "dy_dbeta")),),
            (Part("dy_dgamma", 2), Part("dy_dbeta", 2)),
            _batch_norm_slopes,
        ),
        Question(
            "1-2",
            "dropout",
            (
                Call("dropout_forward", ("x", "r", "p"), lambda value: {"out": _pair("out", "cache")(value)["out"]}),
                Call("dropout_jacobian", ("r", "p"), _array("jacobian")),
            ),
            (Part("out", 2), Part("jacobian", 2)),
        ),
        Question(
            "1-3",
            "softmax",
            (Call("softmax_jacobian", ("x",), _array("jacobian")),),
            (Part("jacobian", 4),),
            _softmax_slopes,
        ),
        Question(
            "2-1",
            "network",
            (Call("two_branch_forward", _NETWORK, _loss_and_cache),),
            (
                Part("z_1a", 1),
                Part("a_1a", 1, ("z_1a",)),
                Part("mask", 1),
                Part("d", 1, ("a_1a", "mask")),
                Part("z_2a", 1, ("d",)),
                Part("z_1b", 1),
                Part("a_1b", 1, ("z_1b",)),
                Part("mu_b", 1, ("a_1b",)),
                Part("var_b", 1, ("a_1b", "mu_b")),
                Part("x_hat", 1, ("a_1b", "mu_b", "var_b")),
                Part("c", 1, ("x_hat",)),
                Part("s", 1, ("c", "z_2a")),
                Part("z_2b", 1, ("s",)),
                Part("y_hat_b", 1, ("z_2b",)),
                Part("loss", 2, ("z_2a", "y_hat_b")),
            ),
        ),
        Question(
            "2-2 head",
            "network",
            (Call("head_backward", ("dout", "cache"), _entries),),
            (Part("dy_hat_b", 2), Part("dy_hat_b_dz_2b", 2), Part("dz_2b", 2), Part("dtheta_2b", 2, ("dz_2b",))),
        ),
        Question(
            "2-2 branch b",
            "network",
            (Call("branch_b_backward", ("dz_2b", "cache"), _entries),),
            (
                Part("dz_2b_dc", 1),
                Part("dc", 2),
                Part("dbeta", 2, ("dc",)),
                Part("dgamma", 2, ("dc",)),
                Part("da_1b", 4, ("dc",)),
                Part("dz_1b", 2, ("da_1b",)),
                Part("dtheta_1b", 2, ("dz_1b",)),
            ),
        ),
        Question(
            "2-2 branch a",
            "network",
            (Call("branch_a_backward", ("dout", "dz_2b", "cache"), _entries),),
            (
                Part("dz_2a", 3),
                Part("dtheta_2a", 2, ("dz_2a",)),
                Part("dd", 2, ("dz_2a",)),
                Part("dz_1a", 3, ("dd",)),
                Part("dtheta_1a", 2, ("dz_1a",)),
            ),
        ),
        Question(
            "2-2",
            "network",
            (Call("two_branch_backward", ("dout", "cache"), _entries),),
            tuple(Part(f"d{name}", 2) for name in PARAMS),
            _loss_slopes,
        ),
    )
}


def arguments(call, q):
    """The arguments of one call, from a question's inputs by name."""
    groups = {"params": PARAMS, "cache": CACHE}
    return tuple(q[name] if name in q else {key: q[key] for key in groups[name]} for name in call.arguments)


def clues(question, q):
    """Where an error may sit, and by which factor: what the numbers of a wrong answer are held against."""
    where, factors = {}, {}
    if question.family == "network" and q:
        where = {"the mask is 0": q["mask"] == 0, "z_1A < 0": q["z_1a"] < 0, "z_1B < 0": q["z_1b"] < 0}
        m, K = q["y_b"].shape
        sizes = {"m": m, "K": K, "n_h": q["gamma"].size}
        factors = {"1 - p": 1 - q["p"], "dout": q["dout"]}
        factors |= sizes if len(set(sizes.values())) == len(sizes) else {}  # equal ones cannot be told apart
    elif question.family == "dropout" and q:
        factors = {"1 - p": 1 - q["p"]}
    return where, factors


def concerns(clue, part):
    """Whether a part lies on the branch whose mask or ReLU a clue of `clues` is about; its gradient does too."""
    branch = {"the mask is 0": BRANCH_A, "z_1A < 0": BRANCH_A, "z_1B < 0": BRANCH_B}.get(clue, ())
    return part in branch or part in {f"d{name}" for name in branch}


def ask(question_id, forward, draw, points):
    """Make a graded question of a forward pass alone: no backward pass and no expected number is needed.

    Where forward is layer_forward, students are given it and write layer_backward(dout, cache), which returns a dict:
    the gradient of x under "dx". It is compared with the finite difference of forward, on a random upstream gradient.

    Args:
        question_id: a new id, for check(question_id).
        forward: forward(**inputs) -> (out, cache), in NumPy; its name ends in _forward.
        draw: draw(rng) -> dict of inputs that hide nothing.
        points: {name of an input: points for its gradient}.

    Returns:
        The Question, which QUESTIONS then holds.

    Raises:
        ValueError: the id is taken, the name does not end in _forward, or there is no such input.
    """
    name, inputs = forward.__name__, draw(np.random.default_rng(0))
    if question_id in QUESTIONS or not name.endswith("_forward") or not points.keys() <= inputs.keys():
        raise ValueError(
            f"{question_id!r} needs a new id (there are {', '.join(map(repr, QUESTIONS))}), a function whose name ends "
            f"in _forward (its name is {name}), and points for inputs that are drawn ({', '.join(inputs)})"
        )

    def draw_all(rng):
        q = draw(rng)
        out, cache = forward(**q)
        return q | dict(dout=rng.normal(size=np.shape(out)), cache=cache)

    def reference(functions, q):
        held = {key: q[key] for key in inputs if key not in points}
        along = {key: q[key] for key in points}
        slopes = numerical_gradient(lambda **moved: forward(**held, **moved), along, q["dout"])
        return {f"d{key}": slope for key, slope in slopes.items()}

    DRAWS[question_id] = draw_all
    backward = Call(name.removesuffix("_forward") + "_backward", ("dout", "cache"), _entries)
    parts = tuple(Part(f"d{key}", worth) for key, worth in points.items())
    QUESTIONS[question_id] = Question(question_id, question_id, (backward,), parts, reference)
    return QUESTIONS[question_id]


# ---------------------------------------------------------------------------------------------------------------------
# Judging


@dataclass(frozen=True)
class Answer:
    """What came of calling a student's function: its value, and the value of a second call; or the error it raised."""

    value: object = None
    again: object = None
    after: tuple = ()  # the arguments as they were after the calls
    error: str | None = None


@dataclass(frozen=True)
class PartResult:
    """A part's points; status is "ok", "carried", "not yet", "waits" or "missing"."""

    name: str
    points: float
    maximum: int
    status: str
    verdict: Verdict | None = None


@dataclass(frozen=True)
class Result:
    """A question's verdict: a result for each part, and sentences about the whole."""

    id: str
    functions: tuple[str, ...]
    parts: tuple[PartResult, ...]
    words: tuple[str, ...] = ()

    @property
    def points(self):
        return float(sum(part.points for part in self.parts))

    @property
    def maximum(self):
        return sum(part.maximum for part in self.parts)

    def __str__(self):
        lines = [f"{self.id:<13}{', '.join(self.functions):<50}  {self.points:g} of {self.maximum}"]
        words = [f"    {sentence}" for sentence in self.words]
        if all(part.status == "missing" for part in self.parts):
            return "\n".join(lines + words)
        shapes = [str(part.verdict.shape) if part.verdict else "" for part in self.parts]
        names, width = (max(map(len, texts)) for texts in ([part.name for part in self.parts], shapes))
        for part, shape in zip(self.parts, shapes, strict=True):
            line, v = f"    {part.name:<{names}}  {shape:<{width}}  {part.status:<8}", part.verdict
            if v and v.verdict == "pass":
                line += f" {v.error:.0e}"
            elif v and v.worst is not None:
                line += f" off by {v.error:.2g} (allowed {v.tolerance:.0e})  " if np.isfinite(v.error) else ""
                line += f" worst at {list(v.worst)}: " if v.worst else ""
                line += f" yours {v.yours + 0.0:.4g}, expected {v.expected + 0.0:.4g}"
            lines.append(line.rstrip())
            lines += [f"        {sentence}" for sentence in (v.words if v else ())]
        return "\n".join(lines + words)


def collect(question, call, q):
    """Call a student's functions on one draw.

    Returns:
        values: {part: what came}, without what is missing.
        words: what is wrong with the calls themselves.
    """
    values, words = {}, []
    for wanted in question.calls:
        given = arguments(wanted, q)
        answer = call(wanted.function, given)
        try:
            if answer.error:
                raise ValueError(answer.error)
            if answer.value is None:
                raise ValueError("returned None: it is not written yet, or a `return` is missing")
            found = wanted.unpack(answer.value)
            words += _missing(question, wanted, found)
            changed = [
                text
                for name, before, after in zip(wanted.arguments, given, answer.after, strict=False)
                for text in _changes(name, before, after)
            ]
            spoilt = [text for text in changed if text.startswith(("cache", "params"))]
            if spoilt:
                raise ValueError(
                    f"changed its input: {', '.join(spoilt)}. A function only reads what it is handed. "
                    "Look for `-=`, `*=` or `out=` on something that you did not make"
                )
            if not _same(answer.value, answer.again):
                raise ValueError("answers differently when it is called twice with the same arguments")
            values |= found
            if changed:
                words.append(f"{wanted.function} writes into {', '.join(changed)}. The answer counts; copy it first.")
        except ValueError as error:
            words.append(f"{wanted.function} {error}.")
    return values, words


def _missing(question, wanted, found):
    """The names that a dict lacks, and those that nobody asked for: one may be the other, misspelt."""
    if wanted.unpack not in (_entries, _loss_and_cache):
        return []
    asked = dict.fromkeys([part.name for part in question.parts] + list(CACHE) * (wanted.unpack is _loss_and_cache))
    missing = [repr(name) for name in asked if name not in found]
    known = {part.name for other in QUESTIONS.values() for part in other.parts} | set(asked)
    others = [repr(name) for name in found if name not in known and name.isidentifier() and len(name) <= 40]
    if not missing:
        return []
    strange = f" It has {', '.join(others[:6])}, which nobody asked for." if others else ""
    return [f"{wanted.function} returned a dict without {', '.join(missing)}.{strange}"]


def _changes(name, before, after):
    """What a call changed in one argument, each with the largest change."""
    if isinstance(before, dict) and isinstance(after, dict):
        return [text for key in before for text in _changes(f"{name}[{key!r}]", before[key], after.get(key))]
    if isinstance(before, tuple) and isinstance(after, tuple) and len(before) == len(after):
        return [text for i in range(len(before)) for text in _changes(f"{name}[{i}]", before[i], after[i])]
    if _same(before, after):
        return []
    try:
        same_shape = np.shape(before) == np.shape(after) and np.issubdtype(np.asarray(after).dtype, np.number)
    except ValueError:  # lists of different lengths
        same_shape = False
    return [f"{name} by up to {np.max(np.abs(before - after)):.2g}" if same_shape else f"{name} is another array"]


def _same(a, b):
    if isinstance(a, dict):
        return isinstance(b, dict) and a.keys() == b.keys() and all(_same(a[key], b[key]) for key in a)
    if isinstance(a, tuple | list):
        return isinstance(b, type(a)) and len(a) == len(b) and all(_same(x, y) for x, y in zip(a, b, strict=True))
    try:
        return np.array_equal(a, b, equal_nan=True)
    except (TypeError, ValueError):  # no numbers: the judge of the part says so
        return type(a) is type(b)


def judge_draw(question, values, expected, q, *, tolerance=TOLERANCE, carried=None):
    """Judge the parts of one draw.

    Args:
        values: {part: array}, what came.
        expected: {part: array}, what is right; a part that is not in it waits for another.
        q: the draw's inputs.
        tolerance: the error that is allowed, relative to a part's own scale.
        carried: {part: array} or None, what is right after the student's own earlier parts.
    """
    results, failed = [], set()
    where, factors = clues(question, q)
    for part in question.parts:
        status, verdict = "missing", None
        if part.name in values and part.name in expected:
            fitting = {words: mask for words, mask in where.items() if concerns(words, part.name)}
            judged = dict(tolerance=tolerance, where=fitting, factors=factors)
            verdict = compare_arrays(part.name, values[part.name], expected[part.name], **judged)
            if verdict.verdict == "pass":
                status = "ok"
            elif not failed.intersection(part.after):
                status = "not yet"
            elif (
                carried and part.name in carried
            ):  # what counts, and what the student reads, is this part's own mistake
                verdict = compare_arrays(part.name, values[part.name], carried[part.name], **judged)
                status = "carried" if verdict.verdict == "pass" else "not yet"
            else:
                status, verdict = "waits", replace(verdict, words=())
            verdict = replace(verdict, words=_told(part.name, status, values[part.name], q, verdict.words))
        elif part.name in values:
            status = "waits"
        if status in ("not yet", "waits", "carried"):
            failed.add(part.name)
        points = part.points if status in ("ok", "carried") else 0
        results.append(PartResult(part.name, points, part.points, status, verdict))
    return tuple(results)


def _told(name, status, value, q, words):
    """The sentences on a part that a student reads."""
    words = tuple(sentence for sentence in words if sentence != NEGATIVE_ZERO)
    if (
        name == "da_1b"
        and status == "not yet"
        and np.shape(value) == q["x_hat"].shape
        and np.asarray(value).dtype.kind in "fi"
    ):
        words += batch_norm_symptoms(np.asarray(value, float), q)
    return words


def batch_norm_symptoms(dx, q):
    """What must hold of a gradient that went back through batch norm, and does not hold of dx (m, n_h)."""
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


def worst_of(draws):
    """One result a part from several draws: the first draw that took points stands for the part."""
    return tuple(min(parts, key=lambda part: part.points) for parts in zip(*draws, strict=True))


# ---------------------------------------------------------------------------------------------------------------------
# At home


def call_in(functions):
    """A `call` that runs a student's functions in this process, twice, on copies."""

    def call(name, given):
        if name not in functions:
            return Answer(error="is not there: run the cell that defines it, and keep its name")
        used = copy.deepcopy(given)
        try:
            value = copy.deepcopy(functions[name](*used))
            fresh = (b if isinstance(a, dict | tuple) else copy.deepcopy(a) for a, b in zip(given, used, strict=True))
            again = functions[name](*fresh)
        except Exception as error:
            return Answer(error=f"raised {type(error).__name__}: {error}{_place(error)}")
        return Answer(value, again, used)

    return call


def _place(error):
    """Where in the student's own code an error was raised, with the line."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if frame.filename != __file__ and "site-packages" not in frame.filename]
    return f" (line {own[-1].lineno} of {own[-1].name}:  {own[-1].line})" if own else ""


def inputs_for(question, functions, seed):
    """The inputs of one public draw: the stored ones where there are any, else drawn.

    A cache that was not stored comes from the student's own forward pass, without what the statement does not list.
    """
    stored = STORED.get("inputs", {}).get(question.family, {})
    if seed in stored:
        return copy.deepcopy(stored[seed])
    q = DRAWS[question.family](np.random.default_rng(seed), **sizes_of(question.family, seed))
    if question.family == "network":
        forward = Call("two_branch_forward", _NETWORK, _loss_and_cache)
        cache = forward.unpack(functions[forward.function](*arguments(forward, q)))
        if lacking := [repr(name) for name in CACHE if name not in cache]:
            raise ValueError(f"the cache that {forward.function} returns lacks {', '.join(lacking)}")
        q |= {name: cache[name] for name in CACHE}
    return q


def at_home(question, functions, seeds):
    """Judge a question with what a student has: the public draws, the stored numbers, finite differences."""
    draws, words = [], []
    for seed in seeds:
        expected = STORED.get(question.id, {}).get(seed)
        try:
            q = inputs_for(question, functions, seed)
            values, complaints = collect(question, call_in(functions), q)
            expected = expected or (question.reference(functions, q) if values else {})
        except Exception as error:  # the student's own forward pass, or one that the notebook gives and that was edited
            q, values, expected = {}, {}, {}
            complaints = [f"The forward pass that this is compared with failed: {type(error).__name__}: {error}."]
        draws.append(judge_draw(question, values, expected, q))
        words += new_words(complaints, words)
    parts = worst_of(draws)
    words += _what_waits(question, {part.name: part.status for part in parts})
    return Result(question.id, question.functions, parts, tuple(words))


def new_words(sentences, said):
    """The sentences that have not been said yet, whatever numbers stand in them."""
    known = {re.sub(r"[\d.e-]+", "", sentence) for sentence in said}
    return [sentence for sentence in sentences if re.sub(r"[\d.e-]+", "", sentence) not in known]


def _what_waits(question, status):
    """Which part to mend first, and what is built on it."""
    roots = {}
    for part in question.parts:
        roots[part.name] = {part.name} if status[part.name] == "not yet" else set()
        if status[part.name] == "waits":
            roots[part.name] = set().union(*(roots[name] for name in part.after))
    words = []
    for root in (name for name in status if status[name] == "not yet"):
        built = [name for name in status if status[name] == "waits" and root in roots[name]]
        if built:
            words.append(f"Mend {root} first: {', '.join(built)} {'is' if len(built) == 1 else 'are'} built on it.")
    return words + ["When it is graded, what is right after a wrong part still counts."] * bool(words)


# Formulas

FORMULAS = {}  # {question, without ", written": the formula that was last made for it}
MADE = []  # (the cell's run, formula) of those that name no question, as notebooks of before hold them


class Formula(str):
    """A formula as it was written. A notebook shows it typeset."""

    __repr__ = str.__str__

    def _repr_latex_(self):
        try:
            lines = " \\\\ ".join(typeset(line, NOTATION) for line in read(self, NOTATION).statements)
        except FormulaError:
            return None
        return rf"$$ \begin{{gathered}} {lines} \end{{gathered}} $$"


def formula(question, latex=None):
    """A formula, for `check` to judge:  formula("2-2 beta", r"\\frac1m \\sum_i ...")

    Args:
        question: which question it answers, as its check names it: "2-2 beta". Notebooks that were handed out before
            give the LaTeX alone, and keep the formula in `f`.
        latex: its LaTeX, in a string with an r before its quotes. What it builds upon may be defined on lines of its
            own. The symbols are those of the question.

    Returns:
        None where the question is named: `check` judges, and shows, the last formula that was made for its question; an
        empty one takes no other's place. Otherwise the formula, a string that a notebook shows typeset.

    Raises:
        TypeError: one of the two is no string.
        ValueError: there is no such question, or its formula is missing.
    """
    example = 'formula("2-2 beta", r"...")'
    for given in (question, question if latex is None else latex):
        if not isinstance(given, str):
            raise TypeError(f"formula takes a question and LaTeX in quotes, {example}, and not {_kind(given)}")
    name = question.strip().removesuffix(", written")
    known = [written.removesuffix(", written") for written in WRITTEN]
    if latex is None:
        if name in known:
            raise ValueError(f"formula takes LaTeX too: {example}")
        made = Formula(question)
        MADE.append((_run_of_cell(), made))
        return made
    if name not in known:
        (nearest,) = difflib.get_close_matches(name, known, n=1, cutoff=0)
        raise ValueError(
            f"there is no question {_shortened(name)!r} that asks for a formula. The nearest is {nearest!r}; "
            f"there are {', '.join(map(repr, known))}"
        )
    if latex.strip() or name not in FORMULAS:
        FORMULAS[name] = Formula(latex)
    return None


def _run_of_cell():
    """What tells one run of a cell from another in a notebook, the id of the message that asked for it; else None."""
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    parent = getattr(shell, "parent_header", None)
    return parent.get("header", parent).get("msg_id") if isinstance(parent, dict) else None


def _shortened(text):
    return text if len(text) <= 40 else f"{text[:40]}..."


def formula_of(question_id, namespace):
    """The formula that a check judges: the last one that was made for its question. Where none was, and the notebook is
    one whose formulas name no question: `f`, or what the last such cell made without an `f`. None where there is none.
    """
    name, f = question_id.removesuffix(", written"), namespace.get("f")
    if name in FORMULAS:
        return FORMULAS[name]
    last = [made for run, made in MADE if run == MADE[-1][0]]
    earlier = [made for run, made in MADE if run != MADE[-1][0]]
    if isinstance(f, str) and not any(f is made for made in (*FORMULAS.values(), *earlier)):
        return f
    return last[-1] if last else None


SAID = {"right": "right", "repaired": "right once it is mended", "wrong": "not right", "asked": "ambiguous"}
SAID |= {"unread": "not read"}


@dataclass(frozen=True)
class WrittenResult:
    """The verdict on one written formula. What a repair costs, if anything, is the teacher's choice: here nothing."""

    id: str
    verdict: FormulaVerdict

    @property
    def points(self):
        return float(self.maximum if self.verdict.verdict in ("right", "repaired") else 0)

    @property
    def maximum(self):
        return WRITTEN[self.id]

    def __str__(self):
        found = self.verdict
        lines = [f"{self.id:<63}  {self.points:g} of {self.maximum}"]
        shown = f" to {found.error:.0e}" if found.verdict == "right" and found.error else ""
        lines.append(f"    {SAID[found.verdict]}{shown}")
        width = max((len(name) for name, _ in found.shapes), default=0)
        lines += [f"    {name or 'it':<{max(width, 2)}}  is {shape}" for name, shape in found.shapes]
        lines += [f"    {line}" for words in found.words for line in words.splitlines()]
        return "\n".join(lines)


def written_at_home(question_id, latex):
    """Judge a formula with what a student has: the stored draws."""
    target = TARGETS[named_target(question_id)]
    if not isinstance(latex, str):
        asked = f'formula("{question_id.removesuffix(", written")}", r"...")'
        words = f"There is no formula: the cell above it holds  {asked}  and has to run first."
        return WrittenResult(question_id, FormulaVerdict(question_id, "unread", words=(words,)))
    draws = list(STORED["formulas"][target.family].values())
    return WrittenResult(question_id, compare(str(latex), target, draws, explain=partial(_seen_in, target, draws[0])))


def _seen_in(target, draw, values):
    """No name, for the bank is not here; and what the numbers show."""
    return None, shown_by(target, draw, values[0])


def shown_by(target, draw, value):
    """Sentences on what the numbers of a wrong formula show, on one draw; () where its shape is another one."""
    truth = np.asarray(draw[target.part])
    if value.shape != truth.shape:
        return ()
    where, factors = clues(QUESTIONS[target.question], dict(draw, gamma=np.asarray(draw.get("gamma"))))
    where = {words: mask for words, mask in where.items() if concerns(words, target.part)}
    return symptoms(value, truth, where=where, factors=factors)


def _show(latex):
    """Show a formula typeset, in a notebook."""
    if isinstance(latex, str) and "IPython" in sys.modules and (shown := Formula(latex)._repr_latex_()):
        from IPython.display import Latex, display

        display(Latex(shown))


# ---------------------------------------------------------------------------------------------------------------------


def check(question_id, seed=None):
    """Check an answer: print what is right and what is not yet, and return the points.

    Args:
        question_id: "1-1", "1-2", "1-3", "2-1", "2-2 head", "2-2 branch b", "2-2 branch a" or "2-2"; or of a
            formula, as in "2-2 gamma, written".
        seed: which draw; None runs those of SEEDS. A question with stored numbers knows those alone, a formula none.

    Returns:
        The points, a plain float.

    Raises:
        ValueError: there is no such question, or no stored numbers for the seed.
    """
    if question_id not in QUESTIONS and question_id not in WRITTEN:
        known = ", ".join(map(repr, [*QUESTIONS, *WRITTEN]))
        raise ValueError(f"there is no question {question_id!r}; there are {known}")
    functions = sys._getframe(1).f_globals
    if question_id in WRITTEN:
        if seed is not None:
            raise ValueError("a formula is checked on all its draws: leave the seed out")
        latex = formula_of(question_id, functions)
        result = written_at_home(question_id, latex)
        _show(latex)
    else:
        question = QUESTIONS[question_id]
        if seed is not None and seed not in SEEDS and question.reference is None:
            raise ValueError(f"question {question_id!r} is checked with stored numbers: its seeds are {SEEDS}")
        result = at_home(question, functions, SEEDS if seed is None else (seed,))
    CHECKED[question_id] = result.points, result.maximum
    print(result)
    return result.points


# ---------------------------------------------------------------------------------------------------------------------
# Before you hand in

CHECKED = {}  # {question id: (points, maximum)} of the last check() of each question
PLACEHOLDER = "YOUR DERIVATION HERE"
ALONE = "CHECKS_RUN_ALONE"  # the environment variable that is set where before_you_hand_in has nothing to do
CELL_SECONDS, RUN_SECONDS = 10, 300  # that a cell may take when it is graded, and that a notebook may take here
PROVIDED = {"numpy", "matplotlib", "checks", "gradcheck", "formulas"}  # what exists when graded, beside Python's own


def before_you_hand_in(notebook):
    """Run a saved notebook from top to bottom in a Python of its own, as when it is graded, and print what came of it:
    the points of the checks, derivations that are missing, given cells that were edited, imports that will not exist.

    Args:
        notebook: the name of its file, "problem1.ipynb".

    It does nothing where the notebook is being run like that, or graded, and no point depends on it.
    """
    if os.environ.get(ALONE):
        return
    path = Path(notebook)
    try:
        cells = json.loads(path.read_text(encoding="utf-8-sig"))["cells"]
        cells = [dict(cell, source="".join(cell["source"])) for cell in cells]
    except FileNotFoundError:
        print(f"There is no file {path} beside checks.py: save the notebook, and give the name that its file has.")
        return
    except (OSError, ValueError, TypeError, KeyError) as error:
        print(f"{path} cannot be read as a notebook: {type(error).__name__}: {error}. Save it again.")
        return
    age = time.time() - path.stat().st_mtime
    saved = time.strftime("%H:%M:%S", time.localtime(path.stat().st_mtime))
    print(f"{path.name}, as it was saved at {saved}, run from top to bottom")
    if age > 60:
        print(f"    It was saved {age / 60:.0f} minutes ago: if you have changed it since, save it and run this again.")
    if not any(cell["cell_type"] == "code" and "before_you_hand_in(" in cell["source"] for cell in cells):
        print("    The saved file has no cell before_you_hand_in(...): is it the notebook that you look at?")
    for line in [*_shown_run(path), *_shown_cells(cells)]:
        print(f"    {line}")


def _shown_run(path):
    """Lines on what came of running a notebook."""
    import subprocess  # where Python runs in a browser there is none to start

    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log"
        code = f"import {__name__} as module; module._run_alone({path.name!r}, {str(log)!r})"
        how = dict(cwd=path.parent, env=os.environ | {ALONE: "1", "MPLBACKEND": "Agg"}, stdin=subprocess.DEVNULL)
        how |= dict(stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, errors="replace")
        try:
            ended = subprocess.run([sys.executable, "-c", code], timeout=RUN_SECONDS, **how)
            why = f"Python ended itself: {(ended.stderr.strip() or 'without a word').splitlines()[-1][:200]}"
        except subprocess.TimeoutExpired:
            why = f"it took longer than {RUN_SECONDS} s"
        except OSError as error:
            return [f"It could not be run: no Python could be started ({error})."]
        said = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
    lines = []
    if not said or "points" not in said[-1]:
        at = f"in cell {said[-1]['cell']}" if said else "before the first cell"
        return [f"The run stopped {at}: {why}. What comes after that cell would not be graded."]
    points = said.pop()["points"]
    total, maximum = (sum(pair[k] for pair in points.values()) for k in (0, 1))
    lines.append(f"checks       {total:g} of {maximum:g} points")
    lines += [f"             {name}: {got:g} of {most:g}" for name, (got, most) in points.items() if got < most]
    chapters = {name.split("-")[0] for name in points}
    absent = [name for name in (*QUESTIONS, *WRITTEN) if name.split("-")[0] in chapters and name not in points]
    lines += [f'             check("{name}") was not run: is its cell gone?' for name in absent]
    for one in said:
        if one.get("error"):
            lines.append(f"error        in cell {one['cell']}: {one['error']}")
        elif one.get("seconds", 0) > CELL_SECONDS:
            lines.append(
                f"slow         cell {one['cell']} took {one['seconds']:.0f} s; it is stopped after {CELL_SECONDS} s"
            )
    return lines


def _run_alone(notebook, log):
    """Run a notebook's code cells in this process, and write a line of JSON on each into a file."""
    cells = json.loads(Path(notebook).read_text(encoding="utf-8-sig"))["cells"]
    run = _shell()
    checked = sys.modules["checks"].CHECKED if "checks" in sys.modules else CHECKED
    with open(log, "w", encoding="utf8", buffering=1) as file:
        for number, cell in enumerate((cell for cell in cells if cell["cell_type"] == "code"), 1):
            file.write(json.dumps({"cell": number}) + "\n")
            begun = time.monotonic()
            error = run("".join(cell["source"]))
            words = error and f"{type(error).__name__}: {error}"[:200]
            file.write(json.dumps({"cell": number, "error": words, "seconds": time.monotonic() - begun}) + "\n")
        checked = sys.modules["checks"].CHECKED if "checks" in sys.modules else checked
        file.write(json.dumps({"points": checked}) + "\n")


def _shell():
    """A function that runs a cell and returns the error that ended it, or None: IPython's, where it is installed."""
    try:
        from IPython.core.interactiveshell import InteractiveShell
        from traitlets.config import Config
    except ImportError:
        space = {"__name__": "__main__"}

        def run(source):
            try:
                exec(compile(source, "<cell>", "exec"), space)
            except (Exception, SystemExit) as error:
                return error
            return None

        return run
    shell = InteractiveShell.instance(config=Config({"HistoryManager": {"enabled": False}}))

    def run_cell(source):
        done = shell.run_cell(source, store_history=True)
        return done.error_before_exec or done.error_in_exec

    return run_cell


def _shown_cells(cells):
    """Lines on what the cells show without being run."""
    named = [(cell, cell.get("metadata", {}).get("nbgrader") or {}) for cell in cells]
    lines = []
    if not any(nbgrader for _, nbgrader in named):
        lines.append("cells        their names were removed, as some platforms do: given cells cannot be compared here")
    missing = [
        nbgrader.get("grade_id", "?")
        for cell, nbgrader in named
        if cell["cell_type"] == "markdown" and cell["source"].strip() in ("", PLACEHOLDER) and nbgrader.get("grade")
    ]
    missing += ["one"] * (not any(nbgrader for _, nbgrader in named) and any(PLACEHOLDER in c["source"] for c in cells))
    lines += [f"derivations  not written: {', '.join(missing)}"] * bool(missing)
    edited = [
        nbgrader.get("grade_id", "?")
        for cell, nbgrader in named
        if nbgrader.get("locked") and nbgrader.get("checksum") not in (None, _checksum(cell, nbgrader))
    ]
    lines += [f"given cells  edited: {', '.join(edited)}; when graded they are as they were handed out"] * bool(edited)
    given = {
        name
        for cell, nbgrader in named
        if nbgrader.get("locked") and nbgrader.get("grade_id", "?") not in edited
        for name in _imported(cell)
    }
    for number, cell in enumerate((cell for cell in cells if cell["cell_type"] == "code"), 1):
        absent = sorted(_imported(cell) - given - PROVIDED - sys.stdlib_module_names)
        lines += [f"imports      {name}, in cell {number}, does not exist when graded" for name in absent]
        if re.search(r"^\s*(!|%pip|%conda)", cell["source"], re.MULTILINE):
            lines.append(f"imports      cell {number} installs or calls a program: when graded there is no network")
    return lines


def _checksum(cell, nbgrader):
    """nbgrader's checksum of a cell, which a given cell has carried since the release."""
    parts = [cell["source"], cell["cell_type"], *(bool(nbgrader.get(key)) for key in ("grade", "solution", "locked"))]
    parts += [nbgrader.get("grade_id", ""), *([float(nbgrader["points"])] if nbgrader.get("grade") else [])]
    return hashlib.md5("".join(map(str, parts)).encode(), usedforsecurity=False).hexdigest()


def _imported(cell):
    """The top-level modules that a code cell imports."""
    if cell["cell_type"] != "code":
        return set()
    source = re.sub(r"^(\s*)[%!].*$", r"\1pass", cell["source"], flags=re.MULTILINE)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return set()
    names = {name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names}
    names |= {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module}
    return {name.split(".")[0] for name in names}

r"""The verdict on a written formula: right, right after a repair, wrong and which mistake it is.

    judge_formula("2-2 gamma", r"\frac1m \sum_i (\theta_{2B}^T (\hat y_{b,i} - y_{b,i})) \circ \hat x_i")

What is right comes from the same oracle as for code, finite differences of the trusted forward pass, on draws with
epsilon = 0.1 (so that it is seen where it is forgotten) and an upstream gradient of 1. A mistake's name comes from the
same bank, and is looked for before any repair. No verdict depends on how a formula is written, only on its numbers.
"""

import math
import re
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations

import numpy as np

from autograder import questions
from autograder.diagnosis import MISTAKES, Chain, Named, inputs_of
from autograder.gradcheck import numerical_jacobian, symptoms
from autograder.questions import private

from .reader import FormulaError, Node, evaluate, network, point, read, shapes, typeset

TOLERANCE = 1e-9
EPS = 0.1
DRAWS = 2
READINGS = 6  # more than six that all have a meaning are not told apart


@dataclass(frozen=True)
class Target:
    """What is asked: a question and its part, its name as it is written, its axes, what it may build upon."""

    question: str
    part: str
    written: str
    dims: str
    key: str | None
    given: tuple = ()


def _targets():
    """{"2-2 gamma": Target}: the gradients of 2-2, each with the ones before it in its question's own list."""
    dims = {key: axes for key, axes in network().values()}
    written = {
        key: name for name, (key, _) in reversed(network().items()) if name == "M" or name[-1].islower() or "_" in name
    }
    found = {}
    for question in ("2-2 head", "2-2 branch b", "2-2 branch a"):
        given = () if question == "2-2 head" else ("dz_2b",)
        for part in questions.QUESTIONS[question].parts:
            key = part.name[1:]
            if key in dims:
                found[f"2-2 {key}"] = Target(question, part.name, "∂" + written[key], dims[key], key, given)
                given = (*given, part.name)
            elif key == "y_hat_b_dz_2b":
                found[f"2-2 {key}"] = Target(question, part.name, r"\hat y_b/z_2b", "mKK", "z_2b", given)
            elif key == "z_2b_dc":
                found[f"2-2 {key}"] = Target(question, part.name, "z_2b/c", "Kh", "c", given)
    return found


TARGETS = _targets()


@dataclass(frozen=True)
class FormulaVerdict:
    """What was found about one formula.

    verdict: "right", "repaired" (right after a repair), "wrong", "asked" (several readings that differ) or "unread".
    error: how far off, over the truth's own norm; inf where there is nothing to compare. repair: what was mended, a
    sentence, or None. name: the mistake's name in the bank, or None. words: what a student reads. typeset: LaTeX in one
    spelling. shapes: (name, its shape in words) for each definition and the answer. at: (start, end) in the string of
    what could not be read.
    """

    target: str
    verdict: str
    error: float = math.inf
    repair: str | None = None
    name: str | None = None
    words: tuple = ()
    typeset: str = ""
    shapes: tuple = ()
    at: tuple | None = None


class _Draw(dict):
    """A draw's arrays, and on demand the Jacobian [u, v] of what the network computes, v moved and what follows too."""

    def __missing__(self, key):
        if not isinstance(key, tuple):
            raise KeyError(key)
        u, v = key
        inputs = {name: self[name] for name in ("x", "y_a", "y_b", "r", "p", "eps", *questions.public.PARAMS)}

        def forward(moved):
            chain = Chain(inputs | {v: moved})
            if v == "sigma_b":
                chain = Chain(inputs | {"var_b": moved**2})
            if u == v:
                return moved
            return np.sqrt(chain.var_b) if u == "sigma_b" else getattr(chain, u)

        slope = numerical_jacobian(
            lambda moved: forward(moved) + 0 * np.sum(moved), {"moved": self[v]}, method="complex"
        )
        self[key] = slope["moved"]
        return self[key]


@lru_cache(maxsize=16)
def drawn(seed, scalars=False):
    """(draw, inputs of the bank): every symbol, every gradient of 2-2 under "d" + its name, and the sizes."""
    q = private.draw("2-2", seed)
    q |= dict(eps=EPS, dout=1.0)
    if scalars:
        q |= dict(gamma=float(q["gamma"][0]), beta=float(q["beta"][0]))
    q = private.run(q)
    slopes = {}
    for question in ("2-2 head", "2-2 branch b", "2-2 branch a"):
        slopes |= private.truth(question, q)
        q["dz_2b"] = slopes["dz_2b"]
    m, n = q["x"].shape
    draw = _Draw(q | slopes, m=m, n=n, n_h=q["theta_1a"].shape[0], K=q["y_b"].shape[1])
    loss = Chain(inputs_of("2-1", q)).loss
    draw |= dict(sigma_b=np.sqrt(q["var_b"]), loss=loss)
    return draw, inputs_of("2-2", q)


@lru_cache(maxsize=128)
def _wrong(part, seed, scalars):
    """([(entries, value)] of each mistake of the bank, the same of each two): what they give for a part on a draw."""
    _, inputs = drawn(seed, scalars)

    def value(steps):
        with np.errstate(all="ignore"):
            found = np.asarray(getattr(Chain(inputs, steps), part), float)
        return found.sum() if scalars and part in ("dgamma", "dbeta") else found

    right, entries = value({}), []
    for mistake in sorted(MISTAKES, key=lambda mistake: mistake.part == "dy_hat_b_dz_2b"):  # the plainer name first
        found = None if mistake.only else value(mistake.steps)
        if found is None or not np.isfinite(found).all() or _off(found, right) <= TOLERANCE:
            continue
        same = next((names for names, wrong in entries if _off(found, wrong) <= TOLERANCE), None)
        if same:
            same.append(mistake)
        else:
            entries.append(([mistake], found))
    singles = [((tuple(names),), found) for names, found in entries]
    pairs = []
    for ((one,), _), ((two,), _) in combinations(singles, 2):
        if not one[0].steps.keys() & two[0].steps.keys():
            pairs.append(((one, two), value(one[0].steps | two[0].steps)))
    return singles, pairs


def _off(yours, truth):
    """The norm of the difference over the truth's; axes of length one do not matter."""
    yours, truth = np.squeeze(yours), np.squeeze(truth)
    if yours.shape != truth.shape:
        return math.inf
    size = np.linalg.norm(truth)
    return float(np.linalg.norm(yours - truth) / size) if size else float(np.linalg.norm(yours))


def _named(values, part, seeds, scalars):
    """What these values equal on every draw, a diagnosis.Named, or None; two mistakes where no single one does."""
    for kind in (0, 1):
        fitting = []
        for value, seed in zip(values, seeds, strict=True):
            found = [Named(entries, off) for entries, wrong in _wrong(part, seed, scalars)[kind]
                     if (off := _off(value, wrong)) <= TOLERANCE]  # fmt: skip
            fitting.append({named.name: named for named in found})
        names = set.intersection(*(set(found) for found in fitting))
        if names:
            return fitting[0][names.pop()] if len(names) == 1 else None
    return None


def _sentences(named):
    """What went wrong, and what to look at, for each mistake that was made."""
    return tuple(sentence for entry in named.entries for sentence in (entry[0].what, entry[0].look))


def judge_formula(question_part, latex, seed=0, *, scalars=False):
    """The verdict on one formula.

    Args:
        question_part: a key of TARGETS, "2-2 gamma" ("2-2-gamma" and "2-2 gamma, written" are the same).
        latex: what was written: the formula, with its definitions on lines of their own.
        seed: of the draws, an int of any size.
        scalars: whether gamma and beta are one number for all features.

    Returns:
        A FormulaVerdict; what cannot be read is a verdict too.

    Raises:
        ValueError: there is no such question.
    """
    key = re.sub(r"^(\d-\d)-", r"\1 ", question_part.split(",")[0].strip())
    if key not in TARGETS:
        raise ValueError(f"there is no formula {question_part!r}; there are {', '.join(TARGETS)}")
    try:
        tree = read(latex)
        return _judge(key, tree, TARGETS[key], latex, seed, scalars)
    except FormulaError as error:
        return FormulaVerdict(key, "unread", words=(point(latex, error),), at=error.at)


def _symbols(given, scalars):
    """What may be written: the network's symbols, and the gradients that are given."""
    table = network(scalars)
    return table | {f"∂{name}": (f"d{key}", dims) for name, (key, dims) in table.items() if f"d{key}" in given}


@np.errstate(all="ignore")
def _judge(label, tree, target, latex, seed, scalars, free=False):
    seeds = [(seed, 6, k) for k in range(DRAWS)]
    draws = [drawn(s, scalars)[0] for s in seeds]
    dims = target.dims if not (scalars and target.key in ("gamma", "beta")) else ""
    symbols = _symbols(target.given, scalars)
    asked = None if free else target.key
    how = dict(target=target.written, symbols=symbols, asked=asked)
    truths = [np.asarray(draw[target.part]) for draw in draws]
    record = dict(typeset=typeset(tree))

    def values(reading):
        return [evaluate(reading, draw) for draw in draws]

    problem, readings = None, ()
    try:
        readings = shapes(tree, dims, repair=False, **how)
    except FormulaError as error:
        problem = error
    if not readings:  # a mistake of another shape is named before anything is repaired
        for reading in _of_any_shape(tree, how):
            if named := _named(values(reading), target.part, seeds, scalars):
                words = (*_sentences(named), point(latex, problem))
                return FormulaVerdict(label, "wrong", name=named.name, words=words, shapes=reading.parts, **record)
        try:
            readings = shapes(tree, dims, **how)
        except FormulaError:
            return FormulaVerdict(label, "unread", words=(point(latex, problem),), at=problem.at, **record)
    found = [(reading, values(reading)) for reading in readings[:READINGS]]
    first, numbers = found[0]
    if any(_off(a, b) > TOLERANCE for _, others in found[1:] for a, b in zip(others, numbers, strict=True)):
        meant = tuple(
            dict.fromkeys(reading.repair or "The samples may stand in rows or in columns." for reading in readings)
        )
        words = ("This can be read in several ways. Which is meant?", *meant)
        return FormulaVerdict(label, "asked", words=words, shapes=first.parts, **record)
    error = max(_off(a, b) for a, b in zip(numbers, truths, strict=True))
    record |= dict(error=error, repair=first.repair, shapes=first.parts)
    told = (first.repair,) if first.repair else ()
    if error <= TOLERANCE:
        return FormulaVerdict(label, "repaired" if told else "right", words=told, **record)
    named = _named(numbers, target.part, seeds, scalars)
    words = _sentences(named) if named else (f"Off by {error:.2g}.", *_symptoms(numbers[0], truths[0], draws[0]))
    return FormulaVerdict(label, "wrong", name=named and named.name, words=(*told, *words), **record)


def _symptoms(yours, truth, draw):
    where, factors = questions.public.clues(questions.QUESTIONS["2-2"], draw | {"gamma": np.asarray(draw["gamma"])})
    return symptoms(yours, truth, where=where, factors=factors) if yours.shape == truth.shape else ()


def _of_any_shape(tree, how):
    try:
        return shapes(tree, None, repair=False, **how)
    except FormulaError:
        return ()


# ---------------------------------------------------------------------------------------------------------------------
# A written sheet


def judge_sheet(text, seed=0, *, scalars=False):
    """The verdict on every right side of a written solution: Markdown, formulas between $$.

    A line of a gradient is held against the truth, whatever other gradients it builds upon; a line that defines
    something serves all others.

    Returns:
        [(left side, right side, FormulaVerdict)], LaTeX as it was written. A definition's verdict is "definition".
    """
    statements, definitions = [], []
    for block in re.findall(r"\$\$(.*?)\$\$", text, re.S):
        for statement in read(block).args:
            left = statement.args[0]
            if len(statement.args) > 1 and left.kind in ("name", "slope"):
                target = None if statement.args[-1].kind == "ones" else _sheet_target(left, scalars)
                statements.append((block, statement, target))
                if target is None:
                    definitions.append(statement)
    rows = []
    for block, statement, target in statements:
        left = statement.args[0]
        for side in statement.args[1:]:
            texts = [block[slice(*part.at)].strip() for part in (left, side)]
            if target is None:
                rows.append((*texts, FormulaVerdict("", "definition", typeset=typeset(side))))
                continue
            tree = Node("formula", (*definitions, Node("statement", (left, side), statement.at)), (0, 0))
            try:
                verdict = _judge(target.written, tree, target, block, seed, scalars, free=True)
            except FormulaError as error:
                verdict = FormulaVerdict(target.written, "unread", words=(point(block, error),), at=error.at)
            rows.append((*texts, verdict))
    return rows


def _sheet_target(left, scalars):
    """What a line's left side asks for, or None for a definition."""
    names = [part.args[0] for part in (left.args if left.kind == "slope" else [left]) if part.kind == "name"]
    written = "/".join(names)
    for target in TARGETS.values():
        if target.written == written:
            given = tuple(f"d{key}" for key, _ in network().values() if f"d{key}" != target.part)
            return Target(target.question, target.part, written, target.dims, target.key, given)
    if written in network(scalars):
        key, dims = network(scalars)[written]
        return Target("2-1", key, written, dims, key)
    return None

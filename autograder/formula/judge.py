r"""The verdict on a written formula: right, right after a repair, wrong and which mistake it is.

    judge_formula("2-2 gamma", r"\frac1m \sum_i (\theta_{2B}^T (\hat y_{b,i} - y_{b,i})) \circ \hat x_i")

What is right comes from the same oracle as for code, finite differences of the trusted forward pass, on draws with
epsilon = 0.1 (so that it is seen where it is forgotten) and an upstream gradient of 1. A mistake's name comes from the
same bank, and is looked for before any repair. No verdict depends on how a formula is written, only on its numbers.
"""

import math
import re
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import combinations

import numpy as np

from autograder import questions
from autograder.diagnosis import MISTAKES, Chain, Named, inputs_of, step_of
from autograder.gradcheck import numerical_jacobian, symptoms
from autograder.questions import private

from .reader import FormulaError, Node, evaluate, network, point, read, shapes, typeset

TOLERANCE = 1e-9
EPS = 0.1
DRAWS = 2
READINGS = 6  # more than six that all have a meaning are not told apart


@dataclass(frozen=True)
class Target:
    """What is asked: a question and its part, its name as it is written, its axes (see reader.shapes), the symbol that
    no slope may be taken along, and the keys of what may not be built upon (given: of the gradients that may).
    """

    question: str
    part: str
    written: str
    dims: str
    key: str
    given: tuple = ()
    hidden: tuple = ()

    @property
    def family(self):
        """Whose draw it is: the network's, or that of a question of block 1."""
        return self.question if self.question in BLOCK1 else "network"


SLOPES = {"dy_hat_b_dz_2b": ("y_hat_b", "z_2b"), "dz_2b_dc": ("z_2b", "c")}

# The layers of block 1 are those of the network, under other names: {as it is written: (the network's, axes)}.
BLOCK1 = {
    "1-1": {"x": ("a_1b", "mn"), r"\hat x": ("x_hat", "mn"), "y": ("c", "mn"), r"\gamma": ("gamma", "n")}
    | {r"\beta": ("beta", "n"), r"\mu": ("mu_b", "n"), r"\mu_b": ("mu_b", "n"), r"\epsilon": ("eps", "")}
    | {r"\sigma": ("sigma_b", "n"), r"\sigma_b": ("sigma_b", "n")},
    "1-2": {"x": ("a_1a", "n"), "r": ("r", "n"), "p": ("p", ""), "y": ("d", "n"), "M": ("mask", "n")},
    "1-3": {"x": ("z_2b", "n"), "y": ("y_hat_b", "n")},
}


def _targets():
    """{"2-2 gamma": Target}: every part of hw1. A gradient of 2-2 may build upon those before it in its question's own
    list, a step of 2-1 on the steps before it."""
    written = {key: name for name, (key, _) in reversed(network().items()) if name not in CAPITALS}
    dims = {key: axes for key, axes in network().values()} | {"var_b": "h"}
    found = {
        "1-1 gamma": Target("1-1", "dy_dgamma", r"y/\gamma", "mnn", "gamma"),
        "1-1 beta": Target("1-1", "dy_dbeta", r"y/\beta", "mnn", "beta"),
        "1-2": Target("1-2", "jacobian", "y/x", "nn", "a_1a"),
        "1-3": Target("1-3", "jacobian", "y/x", "nn", "z_2b"),
    }
    steps = [part.name for part in questions.QUESTIONS["2-1"].parts]
    for k, key in enumerate(steps):
        hidden = {"sigma_b" if step == "var_b" else step for step in steps[k:]}
        found[f"2-1 {key}"] = Target("2-1", key, written.get(key, key), dims[key], key, hidden=tuple(hidden))
    jacobians = {"y_hat_b_dz_2b": (r"\hat y_b/z_2b", "mKK", "z_2b"), "z_2b_dc": ("z_2b/c", "Kh", "c")}
    for question in ("2-2 head", "2-2 branch b", "2-2 branch a"):
        given = () if question == "2-2 head" else ("dz_2b",)
        for part in questions.QUESTIONS[question].parts:
            key = part.name[1:]
            asked = jacobians.get(key) or ("∂" + written[key], dims[key], key)
            found[f"2-2 {key}"] = Target(question, part.name, *asked, given)
            given = (*given, part.name)
    return found


CAPITALS = {name for name in network() if name != "L" and name.split(" ")[-1][0].isupper()} - {"M"}
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
        u, v = key if isinstance(key, tuple) and "theta_1a" in self else (None, None)
        if u is None:
            raise KeyError(key)
        inputs = {name: self[name] for name in ("x", "y_a", "y_b", "r", "p", "eps", *questions.public.PARAMS)}

        def forward(moved):
            if u == v:
                return moved
            chain = Chain(inputs | ({"var_b": moved**2} if v == "sigma_b" else {v: moved}))
            return (np.sqrt(chain.var_b) if u == "sigma_b" else getattr(chain, u)) + 0 * np.sum(moved)

        self[key] = numerical_jacobian(forward, {"moved": self[v]}, method="complex")["moved"]
        return self[key]


@lru_cache(maxsize=32)
def drawn(seed, scalars=False, family="network"):
    """(draw, inputs of the question's draw): symbols by key, truths by part, the sizes."""
    if family in BLOCK1:
        q = private.draw(family, seed)
        q |= dict(eps=EPS) if "eps" in q else {}
        chain = Chain(inputs_of(family, q))
        draw = {key: getattr(chain, key) for key, _ in BLOCK1[family].values() if key != "sigma_b"}
        draw |= {"sigma_b": np.sqrt(chain.var_b)} if "mu_b" in draw else {}
        sizes = dict(zip("nm", q["x"].shape[::-1], strict=False))
        return _Draw(draw | private.truth(family, q), **sizes), q
    q = private.draw("2-2", seed)
    q |= dict(eps=EPS, dout=1.0)
    if scalars:
        q |= dict(gamma=float(q["gamma"][0]), beta=float(q["beta"][0]))
    q = private.run(q)
    slopes = private.truth("2-1", q) | private.truth("2-2 head", q)
    q["dz_2b"] = slopes["dz_2b"]
    slopes |= private.truth("2-2 branch b", q) | private.truth("2-2 branch a", q)
    m, n = q["x"].shape
    sizes = dict(m=m, n=n, n_h=q["theta_1a"].shape[0], K=q["y_b"].shape[1])
    return _Draw(q | slopes, **sizes, sigma_b=np.sqrt(q["var_b"])), q


def _value(target, seed, scalars, steps):
    """What a part is on a draw with these steps of the bank's network replaced."""
    _, q = drawn(seed, scalars, target.family)
    inputs = inputs_of("2-2" if target.question.startswith("2-2") else target.question, q)
    found = np.asarray(getattr(Chain(inputs, steps), step_of(target.question, target.part)), float)
    return found.sum() if scalars and target.part in ("dgamma", "dbeta") else found


@lru_cache(maxsize=256)
def _singles(target, seed, scalars):
    """[(entries, value)] of each mistake of the bank; those that come to the same are one entry."""
    right, entries = _value(target, seed, scalars, {}), []
    for mistake in sorted(MISTAKES, key=lambda mistake: mistake.part == "dy_hat_b_dz_2b"):  # the plainer name first
        if mistake.only and target.question not in mistake.only:
            continue
        found = _value(target, seed, scalars, mistake.steps)
        if not np.isfinite(found).all() or _off(found, right) <= TOLERANCE:
            continue
        same = next((names for names, wrong in entries if _off(found, wrong) <= TOLERANCE), None)
        if same:
            same.append(mistake)
        else:
            entries.append(([mistake], found))
    return [((tuple(names),), found) for names, found in entries]


@lru_cache(maxsize=256)
def _pairs(target, seed, scalars):
    """The same of each two mistakes at once."""
    pairs = []
    for ((one,), _), ((two,), _) in combinations(_singles(target, seed, scalars), 2):
        steps, others = one[0].steps, two[0].steps
        if not steps.keys() & others.keys():
            pairs.append(((one, two), _value(target, seed, scalars, steps | others)))
    return pairs


def _off(yours, truth):
    """The norm of the difference over the truth's; axes of length one do not matter."""
    yours, truth = np.squeeze(yours), np.squeeze(truth)
    if yours.shape != truth.shape:
        return math.inf
    size = np.linalg.norm(truth)
    return float(np.linalg.norm(yours - truth) / size) if size else float(np.linalg.norm(yours))


def _named(values, target, seeds, scalars):
    """What these values equal on every draw, a diagnosis.Named, or None; two mistakes where no single one does."""
    for bank in (_singles, _pairs):
        fitting = []
        for value, seed in zip(values, seeds, strict=True):
            found = [Named(entries, off) for entries, wrong in bank(target, seed, scalars)
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


def _symbols(target, scalars):
    """What may be written: the symbols of the network or of a layer, and the gradients that are given."""
    if target.family in BLOCK1:
        table = BLOCK1[target.family]
        return table | {
            name.replace(name[-1], name[-1].upper()): table[name] for name in ("x", "y", r"\hat x") if name in table
        }
    table = network(scalars)
    given = {f"∂{name}": (f"d{key}", dims) for name, (key, dims) in table.items() if f"d{key}" in target.given}
    return table | given | {name: None for name, (key, _) in table.items() if key in target.hidden}


@np.errstate(all="ignore")
def _judge(label, tree, target, latex, seed, scalars, free=False):
    seeds = [(seed, 6, k) for k in range(DRAWS)]
    draws = [drawn(s, scalars, target.family)[0] for s in seeds]
    dims = target.dims if not (scalars and target.key in ("gamma", "beta")) else ""
    how = dict(target=target.written, symbols=_symbols(target, scalars), asked=None if free else target.key)
    how["slopes"] = [SLOPES[part] for part in target.given if part in SLOPES]
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
            if named := _named(values(reading), target, seeds, scalars):
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
    named = _named(numbers, target, seeds, scalars)
    words = (
        _sentences(named) if named else (f"Off by {error:.2g}.", *_symptoms(target, numbers[0], truths[0], draws[0]))
    )
    return FormulaVerdict(label, "wrong", name=named and named.name, words=(*told, *words), **record)


def _symptoms(target, yours, truth, draw):
    question = questions.QUESTIONS[target.question]
    clues = dict(draw, gamma=np.asarray(draw.get("gamma")))
    where, factors = questions.public.clues(question, clues)
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
    statements, definitions, rows = [], [], []
    for block in re.findall(r"\$\$(.*?)\$\$", text, re.S):
        try:
            tree = read(block)
        except FormulaError as error:
            rows.append(("", block.strip(), FormulaVerdict("", "unread", words=(point(block, error),), at=error.at)))
            continue
        for statement in tree.args:
            left = statement.args[0]
            if len(statement.args) > 1 and left.kind in ("name", "slope"):
                target = None if statement.args[-1].kind == "ones" else _sheet_target(left, scalars)
                statements.append((block, statement, target))
                if target is None:
                    definitions.append(statement)
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
        if target.written == written and target.question.startswith("2-2"):
            given = tuple(f"d{key}" for key, _ in network().values() if f"d{key}" != target.part)
            return replace(target, given=given)
    key, dims = network(scalars).get(written, (None, ""))
    return Target("2-1", key, written, dims, key) if key else None

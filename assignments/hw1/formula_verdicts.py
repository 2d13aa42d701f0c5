r"""The verdict on a written formula: right, right after a repair, wrong and which mistake it is.

    judge_formula("2-2 gamma", r"\frac1m \sum_i (\theta_{2B}^T (\hat y_{b,i} - y_{b,i})) \circ \hat x_i")

What is right comes from the same oracle as for code, finite differences of the trusted forward pass, on draws with
epsilon = 0.1 (so that it is seen where it is forgotten) and an upstream gradient of 1. A mistake's name comes from the
same bank, and is looked for before any repair. No verdict depends on how a formula is written, only on its numbers.
"""

from dataclasses import replace
from functools import lru_cache, partial
from itertools import combinations

import numpy as np

from autograder.formula.readings import names_of_asked, written_name
from autograder.formula.verdict import TOLERANCE, compare, relative_error
from autograder.gradcheck import numerical_jacobian
from autograder.mistakes.model import Named
from autograder.questions.formula_network import judge_lines
from autograder.questions.public import shown_by

from .mistakes import BANK
from .network import PARAMS
from .questions import QUESTIONS
from .references import GRADED, run
from .targets import INNER, JACOBIANS, LAYERS, NETWORK, NOTATION, TARGETS, named_target, network, target_of, targets

EPS = 0.1
DRAWS = 2


class _Draw(dict):
    """A draw's arrays, and on demand the Jacobian [u, v] of what the network computes, v moved and what follows too."""

    def __missing__(self, key):
        u, v = key if isinstance(key, tuple) and "theta_1a" in self else (None, None)
        if u is None:
            raise KeyError(key)
        inputs = {name: self[name] for name in ("x", "y_a", "y_b", "r", "p", "eps", *PARAMS)}

        def forward(moved):
            if u == v:
                return moved
            chain = BANK.evaluate(inputs | ({"var_b": moved**2} if v == "sigma_b" else {v: moved}))
            return (np.sqrt(chain.var_b) if u == "sigma_b" else getattr(chain, u)) + 0 * np.sum(moved)

        self[key] = numerical_jacobian(forward, {"moved": self[v]}, method="complex")["moved"]
        return self[key]


def _inner_gradient(q, name):
    """The loss's gradient with respect to a step of the network that no question asks for."""
    inputs = {key: q[key] for key in ("x", "y_a", "y_b", "r", "p", "eps", *PARAMS)}

    def forward(moved):
        return BANK.evaluate(inputs | {name: moved}).loss + 0 * np.sum(moved)

    return numerical_jacobian(forward, {"moved": np.asarray(q[name], float)}, method="complex")["moved"]


@lru_cache(maxsize=32)
def drawn(seed, scalars=False, family=NETWORK):
    """(draw, inputs of the question's draw): symbols by key, truths by part, the sizes."""
    if family in LAYERS:
        q = GRADED.draw(family, seed)
        q |= dict(eps=EPS) if "eps" in q else {}
        chain = BANK.evaluate(BANK.inputs(family, q))
        draw = {key: getattr(chain, key) for key, _ in LAYERS[family].values() if key not in ("sigma_b", "exp_sum")}
        draw |= {"exp_sum": np.exp(draw["z_2b"]).sum()} if family == "1-3" else {}
        draw |= {"sigma_b": np.sqrt(chain.var_b)} if "mu_b" in draw else {}
        sizes = dict(zip("nm", q["x"].shape[::-1], strict=False))
        return _Draw(draw | GRADED.truth(family, q), **sizes), q
    q = GRADED.draw("2-2", seed)
    q |= dict(eps=EPS, dout=1.0)
    if scalars:
        q |= dict(gamma=float(q["gamma"][0]), beta=float(q["beta"][0]))
    q = run(q)
    slopes = GRADED.truth("2-1", q) | GRADED.truth("2-2 head", q)
    q["dz_2b"] = slopes["dz_2b"]
    slopes |= GRADED.truth("2-2 branch b", q) | GRADED.truth("2-2 branch a", q)
    slopes |= {name: _inner_gradient(q, of) for name, of in INNER.items()}
    m, n = q["x"].shape
    sizes = dict(m=m, n=n, n_h=q["theta_1a"].shape[0], K=q["y_b"].shape[1])
    return _Draw(q | slopes, **sizes, sigma_b=np.sqrt(q["var_b"])), q


def _value(target, seed, scalars, steps):
    """What a part is on a draw with these steps of the bank's network replaced."""
    _, q = drawn(seed, scalars, target.family)
    inputs = BANK.inputs("2-2" if target.question.startswith("2-2") else target.question, q)
    found = np.asarray(getattr(BANK.evaluate(inputs, steps), BANK.step_of(target.question, target.part)), float)
    return found.sum() if scalars and target.part in ("dgamma", "dbeta") else found


@lru_cache(maxsize=256)
def _singles(target, seed, scalars):
    """[(entries, value)] of each mistake of the bank; those that come to the same are one entry."""
    right, entries = _value(target, seed, scalars, {}), []
    plainer_first = sorted(BANK.mistakes, key=lambda mistake: mistake.part == "dy_hat_b_dz_2b")
    for mistake in plainer_first:
        if mistake.code_only or (mistake.only and target.question not in mistake.only):
            continue
        found = _value(target, seed, scalars, mistake.steps)
        if not np.isfinite(found).all() or relative_error(found, right) <= TOLERANCE:
            continue
        same = next((names for names, wrong in entries if relative_error(found, wrong) <= TOLERANCE), None)
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


def _named(values, target, seeds, scalars):
    """What these values equal on every draw, a Named, or None; two mistakes where no single one does."""
    for bank in (_singles, _pairs) if BANK.step_of(target.question, target.part) in BANK.steps else ():
        fitting = []
        for value, seed in zip(values, seeds, strict=True):
            errors = [(entries, relative_error(value, wrong)) for entries, wrong in bank(target, seed, scalars)]
            found = [Named(entries, error) for entries, error in errors if error <= TOLERANCE]
            fitting.append({named.name: named for named in found})
        names = set.intersection(*(set(found) for found in fitting))
        if names:
            return fitting[0][names.pop()] if len(names) == 1 else None
    return None


def _explain(target, seeds, scalars, values):
    """(name, what went wrong and what to look at) of the mistake; or (None, what the numbers show)."""
    if named := _named(values, target, seeds, scalars):
        return named.name, [sentence for entry in named.entries for sentence in (entry[0].what, entry[0].look)]
    return None, shown_by(QUESTIONS[target.question], target, drawn(seeds[0], scalars, target.family)[0], values[0])


def seeds_of(seed):
    """The seeds of the draws that a formula is judged on."""
    return [(seed, 6, k) for k in range(DRAWS)]


def _verdict(target, latex, seed, scalars, *, key=None, tree=None):
    """The verdict on one formula; key: as of Target, for how the formula is read."""
    seeds = seeds_of(seed)
    draws = [drawn(each, scalars, target.family)[0] for each in seeds]
    explain = partial(_explain, target, seeds, scalars)
    return compare(latex, replace(target, key=key), draws, explain=explain, tree=tree)


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
    name = named_target(question_part)
    target = targets(scalars)[name]
    return replace(_verdict(target, latex, seed, scalars, key=target.key), target=name)


def stored_draws(seeds):
    """What a notebook needs to judge formulas at home: {family: [draw, ...]}, plain dicts of arrays, the truth of every
    part among them, and of the Jacobians those that a question gives."""
    found = {}
    for family in (NETWORK, *LAYERS):
        draws = [drawn(seed, False, family)[0] for seed in seeds]
        for draw in draws if family == NETWORK else ():
            for pair in JACOBIANS.values():
                draw[pair]
        found[family] = [dict(draw) for draw in draws]
    return found


def stored_mistakes(seeds):
    """The bank as numbers, for where there is none: {key of TARGETS: [(name, sentences, its value on each draw)]}.
    Mistakes that come to the same on a draw are one entry; two at once are not among them."""
    found = {}
    for key, target in TARGETS.items():
        if BANK.step_of(target.question, target.part) in BANK.steps:
            values = {}
            for seed in seeds:
                for entries, value in _singles(target, seed, False):
                    named = Named(entries, 0.0)
                    values.setdefault(named.name, (entries, []))[1].append(value)
            found[key] = [
                (name, [sentence for entry in entries for sentence in (entry[0].what, entry[0].look)], each)
                for name, (entries, each) in values.items()
                if len(each) == len(seeds)
            ]
    return found


# ---------------------------------------------------------------------------------------------------------------------
# A written sheet


def judge_sheet(text, seed=0, *, scalars=False):
    """The verdict on every right side of a written solution in Markdown.

    Every display is found, and within lines every formula with an "=". A line of a gradient is held against the truth,
    whatever other gradients it builds upon; a line that defines something serves all others.

    Returns:
        [(left side, right side, FormulaVerdict)], LaTeX as it was written. A definition's verdict is "definition"; what
        is not read has a row too.
    """

    def judge(latex, tree, target):
        return _verdict(target, latex, seed, scalars, tree=tree)

    return judge_lines(text, NOTATION, partial(_sheet_target, scalars=scalars), judge)


def _sheet_target(statement, scalars):
    """What a line's left side asks for, or None for a definition."""
    written, table = written_name(statement.sides[0]), network(scalars)
    for target in TARGETS.values():
        if target.question.startswith("2-2") and written in names_of_asked(target):
            given = [f"d{symbol.key}" for symbol in table.values() if f"d{symbol.key}" != target.part]
            asked = (target.question, target.part, target.written, target.axes, target.key)
            return target_of(*asked, given=given, scalars=scalars)
    symbol = table.get(written)
    return target_of("2-1", symbol.key, written, symbol.axes, symbol.key, scalars=scalars) if symbol else None

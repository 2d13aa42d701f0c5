"""Each labelled step of a derivation, not only the end, is exact: SymPy, on a small case with all sizes different.

verification/derivation_steps.py says what the pages say, verification/symbolic_derivations.py derives what is right.
Then each step is broken, in each way of tests/solutions/mutants.py.
"""

import functools
import re
import zlib
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import sympy as sp

from tests.solutions.mutants import mutants
from tests.solutions.test_mutations import outcome
from verification import derivation_steps
from verification.derivation_steps import SEALS, seal
from verification.symbolic_arrays import ELEMENTARY
from verification.symbolic_derivations import RIGHT, STEPS, is_exact, right, stations_of

BOOK = Path(__file__).parents[2] / "book"
PAGES = [*sorted(BOOK.glob("start/*.md")), *sorted(BOOK.glob("block[12]/*.md")), *sorted(BOOK.glob("checking/*.md"))]
LABELLED = re.compile(r"\$\$(?P<tex>(?:(?!\$\$).)+)\$\$\s*\((?P<label>[\w-]+)\)$", re.DOTALL | re.MULTILINE)
# Definitions, which nothing precedes. The functions that compute them are tested against references of their own.
DEFINITIONS = {"batch-norm-forward", "batch-norm-pieces", "dropout-forward", "softmax-forward", "relu-forward", "z-1a"}
DEFINITIONS |= {"a-1a", "mask", "d", "z-2a", "z-1b", "a-1b", "mu-b", "var-b", "x-hat", "c", "s", "z-2b", "y-hat-b"}
DEFINITIONS |= {"squared-error", "cross-entropy", "loss", "delta-a", "delta-b", "difference-rule"}


# ---------------------------------------------------------------------------------------------------------- the tests


@pytest.mark.parametrize("name", STEPS)
def test_a_step_is_exact(name):
    assert is_exact(name, STEPS[name])


def equations():
    """{label: TeX} of every labelled equation of the derivations."""
    return {found["label"]: found["tex"] for page in PAGES for found in LABELLED.finditer(page.read_text("utf8"))}


def test_every_labelled_equation_has_its_line():
    assert sorted(equations()) == sorted({*STEPS, *DEFINITIONS})
    assert STEPS.keys() == RIGHT.keys() and not STEPS.keys() & DEFINITIONS


def equals_signs(tex):
    """How many expressions an equation states, about equal ones too, without the signs of sums, of indices, of
    conditions, of cases, and of a name that is given last."""
    for inside in (
        r"=:",
        r"\\begin\{cases\}.*?\\end\{cases\}",
        r"_\{[^{}]*\}",
        r"_\\text\{[^{}]*\}",
        r"\\mathbb\{1\}\[[^]]*\]",
    ):
        tex = re.sub(inside, "", tex, flags=re.DOTALL)
    return tex.count("=") + tex.count(r"\approx")


def test_the_way_back_costs_at_most_twice_the_way_forward():
    """What stands behind the equals sign of cost-backward."""
    sizes = SimpleNamespace(sizes=[sp.symbols("m n n_h K", positive=True)])
    (forward,), (back,) = derivation_steps.cost_forward(sizes)[0], derivation_steps.cost_backward(sizes)[0]
    assert sp.expand(2 * forward - back).is_positive
    assert sp.expand(3 * forward - (forward + back)).is_positive


@pytest.mark.parametrize("name", [*STEPS, *sorted(DEFINITIONS)])
def test_the_line_was_written_for_this_very_equation(name):
    """Nothing here reads TeX. So whoever changes an equation is asked to look at its line, and then to seal it anew."""
    now = seal(equations()[name])
    assert SEALS[name] == now, (
        f"{name} is not what it was. Compare its step in derivation_steps.py, then write {now} there."
    )


# An expression stands to the left of the first sign too.
LEFT_SIDES = {"batch-norm-close-variance", "softmax-shift", "softmax-apply", "central-difference", "complex-step"}
LEFT_SIDES |= {"difference-root", "difference-linear", "difference-inverse-root", "difference-squared-error"}


@pytest.mark.parametrize("name", STEPS)
def test_no_line_of_an_equation_is_left_out(name):
    left_side = name in LEFT_SIDES
    assert len(STEPS[name](stations_of(name))) == equals_signs(equations()[name]) + left_side


# ---------------------------------------------------------------------------------------------- the steps, broken


def in_numbers(value, seed=7):
    """The same with a number for each symbol, one for each name, between 0.25 and 1.75."""
    draw = {}

    def number(symbol):
        return draw.setdefault(symbol, sp.Rational(zlib.crc32(f"{seed} {symbol}".encode()) % 193 + 33, 128))

    def replaced(entry):
        entry = sp.sympify(entry)
        return float(entry.xreplace({symbol: number(symbol) for symbol in entry.free_symbols}))

    if isinstance(value, SimpleNamespace):
        return SimpleNamespace(**{name: in_numbers(inner) for name, inner in vars(value).items()})
    if callable(value):
        return {ELEMENTARY["exp"]: np.exp, ELEMENTARY["sqrt"]: np.sqrt, sp.log: np.log}.get(value)
    return np.vectorize(replaced, otypes=[float])(value)[()]


@functools.cache
def numbers_of(name):
    return in_numbers(stations_of(name)), [in_numbers(expected) for expected in right(name)]


def judgement(name):
    """Raises where a step's lines are not what they must be: at numbers, or where a line derives, as expressions."""

    def judge(step):
        if name in ("head-one-term", "central-difference", "complex-step", "exact-difference"):
            assert is_exact(name, step)
            return
        v, expected = numbers_of(name)
        for line, wanted in zip(step(v), expected, strict=True):
            assert np.shape(line) == np.shape(wanted)
            np.testing.assert_allclose(line, wanted, rtol=1e-9, atol=1e-11)

    return judge


# How many mistakes change nothing: a shift that softmax does not notice, nought times S, a symmetric matrix or an inner
# product turned round.
HARMLESS = {"softmax-shift": 2, "softmax-other": 2, "softmax-apply": 2, "grad-softmax": 1, "grad-dropout": 2}


@pytest.mark.filterwarnings("ignore")  # a mistake may divide by zero
@pytest.mark.parametrize("name", STEPS)
def test_every_mistake_in_a_step_is_seen(name):
    judge = judgement(name)
    judge(STEPS[name])
    outcomes = {change: outcome(judge, mutant) for change, mutant in mutants(STEPS[name])}
    unseen = [change for change, seen in outcomes.items() if seen == "unseen"]
    assert len(unseen) == HARMLESS.get(name, 0), unseen
    assert "seen by its numbers" in outcomes.values()


BROKEN = ["chain-rule", "batch-norm-stage-u", "head-any-labels", "branch-b-lines", "central-difference"]
BROKEN += ["difference-inverse-root", "difference-softmax", "difference-rank-one", "tape", "cost-backward"]


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_step_is_not_exact(name):
    """As an expression too, each line of it."""
    exact = STEPS[name](stations_of(name))
    for line in range(len(exact)):
        broken = [*exact]
        broken[line] = 2 * exact[line]
        assert not is_exact(name, lambda v, broken=broken: broken)


@pytest.mark.parametrize(
    ("tex", "count"),
    [
        (r"a = b", 1),
        (r"a &= \sum_{k=1}^m b_{i=j} \\ &= \mathbb{1}[i = k]", 2),
        (r"a = \begin{cases} 1 & k = j \\ 0 & k \ne j \end{cases}", 1),
        (r"a \approx b = c =: d", 2),
    ],
)
def test_equals_signs_are_counted(tex, count):
    assert equals_signs(tex) == count

"""Every wrong formula fails, at home and graded, and is named; every right variant passes."""

import json
import re
from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from assignments.hw1.mistakes import BANK, declare
from assignments.hw1.questions import draw_batch_norm, draw_dropout, draw_network
from autograder.mistakes import diagnosis
from autograder.mistakes.model import Named
from autograder.questions import private, public
from autograder.questions.model import Inputs
from tests.hw1 import GRADED, HW1, QUESTIONS, judge, run, stored_numbers, truth
from verification import mistake_matrix
from verification.mistake_matrix import BEHAVIOURS, QUESTION_IDS
from verification.student_variants import RIGHT, WRONG_ON_SOME, student

# What cannot be named, and why.
UNNAMED = {
    ("a fresh mask on the way back", "2-2")
}  # the mask is unknown, and a sum over samples does not show its zeros
# A part in which a question of steps shows a mistake, and which the six gradients of the whole are not computed from.
SHOWN_IN_STEPS_ALONE = {"dy_hat_b", "dz_2b_dc"}


def assert_as_it_should_be(cells):
    for (row, question_id), cell in cells.items():
        at = f"{row} in {question_id}"
        if row in RIGHT:
            assert cell.home == cell.graded == cell.misnamed == 0, f"{at}: a right answer failed"
            continue
        assert cell.home == cell.draws, f"{at}: missed at home in {cell.draws - cell.home} of {cell.draws} draws"
        assert cell.graded == cell.draws, f"{at}: missed in grading in {cell.draws - cell.graded} of {cell.draws} draws"
        assert cell.shown == cell.draws, f"{at}: no public seed shows it"
        assert cell.misnamed == 0, f"{at}: named wrongly in {cell.misnamed} of {cell.draws} draws"
        if (row, question_id) in UNNAMED:
            assert cell.named == 0
        else:
            assert cell.named >= 0.95 * cell.draws, f"{at}: named in {cell.named} of {cell.draws} draws"


@pytest.mark.parametrize("question_id", QUESTION_IDS)
def test_matrix(question_id):
    assert_as_it_should_be(mistake_matrix.run(range(2), [question_id]))


@pytest.mark.soak
@pytest.mark.parametrize("question_id", QUESTION_IDS)
def test_matrix_on_200_seeds(question_id):
    assert_as_it_should_be(mistake_matrix.run(range(200), [question_id]))


def test_every_mistake_of_the_steps_shows_in_the_whole_or_is_listed():
    """2-2 shows every mistake of head, branch B and branch A but those in what its six gradients do not need."""
    whole = {mistake for entry in diagnosis.entries_of(BANK, "2-2") for mistake in entry}
    steps = {
        m for name in ("2-2 head", "2-2 branch b", "2-2 branch a") for e in diagnosis.entries_of(BANK, name) for m in e
    }
    assert whole <= steps
    assert {mistake.part for mistake in steps - whole} == SHOWN_IN_STEPS_ALONE


@pytest.fixture
def released_numbers():
    """What the release fills in, so that at_home() judges as it does for students."""
    return stored_numbers()


def points_of(question_id, functions, stored=None):
    """The points at home, on the seeds that check() runs, and graded."""
    space = RIGHT["plain"] | mistake_matrix.GIVEN | functions
    home = public.at_home(QUESTIONS[question_id], space, public.SEEDS, stored)
    return home.points, judge(question_id, public.call_in(space), mistake_matrix.HIDDEN).result.points


@pytest.mark.parametrize("name", WRONG_ON_SOME)
def test_what_is_wrong_on_some_inputs_alone_is_seen(released_numbers, name):
    """r = p, z = 0 and equal sizes are among the draws, at home and when graded."""
    functions, question_ids = WRONG_ON_SOME[name]
    for question_id in question_ids:
        full = QUESTIONS[question_id].points
        assert all(points < full for points in points_of(question_id, functions, released_numbers)), question_id


def with_errors(value, size, rng):
    """The same arrays with a relative error in each entry."""
    if isinstance(value, dict):
        return {name: with_errors(inner, size, rng) for name, inner in value.items()}
    if isinstance(value, tuple):
        return tuple(with_errors(inner, size, rng) for inner in value)
    return value * (1 + size * rng.normal(size=np.shape(value)))


def inexact(functions, size):
    """The same functions, whose answers have errors of this size; the same ones at each call."""

    def spoil(function):
        return lambda *args: with_errors(function(*args), size, np.random.default_rng(5))

    names = {call.function for question_id in QUESTION_IDS for call in QUESTIONS[question_id].calls}
    return {name: spoil(function) if name in names else function for name, function in functions.items()}


@pytest.mark.parametrize("question_id", QUESTION_IDS)
@pytest.mark.parametrize("size", [1e-9, 1e-8, 1e-7, 3e-6, 1e-4])
def test_what_is_green_at_home_is_green_when_graded(released_numbers, question_id, size):
    """With the errors of differences of a step of 1e-6 both are full, and with larger ones neither is."""
    full = QUESTIONS[question_id].points
    expected = full if size < 1e-6 else 0
    assert points_of(question_id, inexact(RIGHT["plain"], size), released_numbers) == (expected, expected)


def test_the_matrix_sees_a_false_failure(monkeypatch):
    monkeypatch.setitem(RIGHT, "loops", student(softmax_slope=np.diag))
    with pytest.raises(AssertionError, match="loops in 1-3: a right answer failed"):
        assert_as_it_should_be(mistake_matrix.run([0], ["1-3"]))


@pytest.mark.parametrize(("half", "words"), [(public, "missed at home"), (private, "missed in grading")])
def test_the_matrix_sees_a_half_that_passes_everything(half, words, monkeypatch):
    lenient = partial(replaced_tolerance, public.judge_draw)
    monkeypatch.setattr(half, "judge_draw", lenient)
    with pytest.raises(AssertionError, match=words):
        assert_as_it_should_be(mistake_matrix.run([0], ["1-3"]))


def replaced_tolerance(judge_draw, *args, **kwargs):
    return judge_draw(*args, **kwargs | {"tolerance": 10.0})


def test_the_matrix_sees_a_wrong_name(monkeypatch):
    liar = Named((BANK.mistakes[:1],), 0.0)
    judge = partial(private.grade_hidden, GRADED, diagnose=lambda question_id, q, values, right: {"jacobian": liar})
    monkeypatch.setattr(mistake_matrix, "judge", judge)
    with pytest.raises(AssertionError, match="named wrongly"):
        assert_as_it_should_be(mistake_matrix.run([0], ["1-3"]))


def test_the_matrix_sees_a_wrong_formula_that_does_not_run(monkeypatch):
    broken = declare("dy_hat_b_dz_2b", "broken", lambda v: v.nothing, "What.", "Look.")
    monkeypatch.setattr(diagnosis, "entries_of", lambda bank, question_id: ((broken,),))
    with pytest.raises(AssertionError, match="broken in 1-3: softmax_jacobian raised AttributeError"):
        mistake_matrix.run([0], ["1-3"])


def test_draws_that_hide_something_are_seen(monkeypatch):
    """With p = 1/2 a division by p would pass for one by 1 - p: the matrix tells."""
    draw = draw_dropout

    def with_half(rng):
        q = draw(rng)
        return q | {"p": 0.5, "r": np.where(q["r"] >= q["p"], 0.5 + q["r"] / 4, q["r"] / 4)}

    private._drawn.cache_clear()
    half = replace(QUESTIONS["1-2"], inputs=Inputs("dropout", with_half))
    monkeypatch.setitem(QUESTIONS, "1-2", half)
    try:
        half = mistake_matrix.run(range(2), ["1-2"])
    finally:
        private._drawn.cache_clear()
    cell = half["dropout divided by p", "1-2"]  # at p = 1/2 it is right
    assert cell.home == cell.graded == 0
    with pytest.raises(AssertionError, match="dropout divided by p in 1-2: missed"):
        assert_as_it_should_be(half)


def test_the_tables(tmp_path):
    cells = mistake_matrix.run(range(1), ["1-2", "2-2 head"])
    mistake_matrix.write(cells, tmp_path)
    found = json.loads((tmp_path / "matrix.json").read_text())
    assert found["summary"]["false failures"] == 0 and found["summary"]["named wrongly"] == 0
    assert len(found["cells"]) == len(cells)
    lines = (tmp_path / "matrix.md").read_text().splitlines()
    (row,) = (line for line in lines if line.startswith("| y − ŷ for ŷ − y |"))
    assert row == "| y − ŷ for ŷ − y | `grad-z-2b` |  |  |  |  | ● |  |  |  |"
    (row,) = (line for line in lines if line.startswith("| loops |"))
    assert row == "| loops |  |  | ✓ |  |  | ✓ |  |  |  |"
    page = (tmp_path / "matrix.html").read_text()
    (row,) = re.findall(r"<tr>(<th scope=.row.>y − ŷ for ŷ − y<.*)</tr>", page)
    assert re.findall(r"<td class=.(\w*).>(.?)</td>", row) == [("", "")] * 4 + [("named", "●")] + [("", "")] * 3
    heads = re.findall(r'<tr><th scope="col">([^<]+)', page)
    assert heads[0] == "Mistakes that show in 1-2" and heads[-1] == "Right answers in unusual dress"
    assert page.index(heads[-1]) < page.index(">loops<")
    seen = {line.split(" | ")[0].lstrip("| ") for line in lines}
    assert set(BEHAVIOURS) <= seen


# ---------------------------------------------------------------------------------------------------------------------
# Right variants on draws of all sizes


def drawn(question_id, rng, scalar):
    """A draw of any size, m from 3 to 64; gamma and beta scalars, if wanted."""
    family = QUESTIONS[question_id].family
    n, n_h, K = rng.choice(np.arange(3, 8), 3, replace=False)
    m = int(rng.choice([s for s in range(3, 65) if s not in (n, n_h, K)]))
    if family == "batch_norm":
        q = draw_batch_norm(rng, (m, n))
    elif family == "network":
        n_h = min(n_h, m + 1)  # with three samples, and many units, a fair draw is long in coming
        q = draw_network(rng, (m, n, n_h, K))
    else:
        q = QUESTIONS[question_id].inputs.draw(rng)
    if scalar and "gamma" in q:
        q |= dict(gamma=q["gamma"][0], beta=q["beta"][0])
    return run(q) if family == "network" else q


def false_failures(draws, first=0):
    """[(variant, question, part, error)] of right variants that fail on any of so many draws."""
    found = []
    for k in range(first, first + draws):
        question_id = QUESTION_IDS[k % len(QUESTION_IDS)]
        rng = np.random.default_rng([k, 77])
        scalar = k // len(QUESTION_IDS) % 4 == 0
        q = drawn(question_id, rng, scalar)
        right = truth(question_id, q)
        for name in ("scalar γ and β",) if scalar else RIGHT:
            values, _ = public.collect(QUESTIONS[question_id], public.call_in(RIGHT[name]), q)
            parts = public.judge_draw(QUESTIONS[question_id], values, right, q, tolerance=private.TOLERANCE)
            found += [(k, name, question_id, p.name, p.verdict and p.verdict.error) for p in parts if p.status != "ok"]
    return found


def test_right_variants_on_draws_of_all_sizes():
    assert not false_failures(40)


@pytest.mark.soak
@pytest.mark.parametrize("block", range(10))
def test_right_variants_on_ten_thousand_draws(block):
    assert not false_failures(1000, first=1000 * block)


@pytest.mark.soak
@pytest.mark.parametrize("question_id", [question_id for question_id in HW1 if QUESTIONS[question_id].reference])
def test_right_variants_at_home_on_seeds_without_stored_numbers(question_id):
    """By the finite difference of the student's own forward pass, which in single precision is not right to 1e-3."""
    for name, functions in RIGHT.items():
        if (name, question_id) == ("float32", "2-2"):
            continue
        result = public.at_home(QUESTIONS[question_id], student() | mistake_matrix.GIVEN | functions, range(1000, 1020))
        assert result.points == result.maximum, f"{name}\n{result}"

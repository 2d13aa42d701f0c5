"""No secret is read, nobody outside is reached, nothing is left for the next submission."""

import sqlite3
from contextlib import closing

import numpy as np
import pytest

from tests.attacks import data_leaks
from tests.attacks.attack import (
    SEED,
    assert_deserved,
    assert_undisturbed,
    by_name,
    graded,
    hidden_numbers,
    numbers_in,
    source_lines,
)
from tests.attacks.listeners import TOKEN
from tests.hw1 import draw, graded_draw


@pytest.fixture(scope="module")
def attacked(tmp_path_factory, listeners):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("A_TOKEN", TOKEN)
        root = tmp_path_factory.mktemp("data_leaks")
        yield graded(root, data_leaks.ATTACKS, places=listeners.places, feedback=lambda student: False)


@pytest.mark.parametrize(**by_name(data_leaks.ATTACKS))
def test_no_secret_is_read(attacked, attack):
    assert_deserved(attacked, attack)
    told = attacked.seen_by_student(attack.folder) if attack.echoes else attacked.record(attack.folder)
    assert f"leaked {attack.name}" not in told, attack.what


def test_no_record_holds_what_only_the_teacher_knows(attacked):
    secret = {str(SEED), f"{SEED:x}", TOKEN, "SQLite format 3", *source_lines()}
    for student in attacked.rows:
        found = attacked.record(student)
        assert [text for text in secret if text in found] == [], student
        assert not numbers_in(attacked.seen_by_student(student)) & hidden_numbers(), student


def test_the_search_would_find_hidden_numbers():
    x = draw("1-3", (SEED, 2, 0))["x"]
    assert numbers_in(f"array({x.tolist()})") <= hidden_numbers()
    assert len(numbers_in(repr(x.tolist()))) == len(x)


@pytest.mark.parametrize(
    ("attack", "question_id", "index", "number"),
    [
        ("shape", "1-3", 2, lambda q: str(int(abs(q["x"][0]) * 1e4))),
        ("value", "1-1", 0, lambda q: f"{q['x'][0, 0]:.4g}"),
        ("changed inputs", "2-2 branch b", 5, lambda q: f"by up to {abs(q['x'][0, 0]):.2g}"),
    ],
)
def test_feedback_shows_no_number_that_was_made_of_hidden_inputs(attacked, attack, question_id, index, number):
    seen = attacked.seen_by_student("echoers")
    told = {number(graded_draw(question_id, (SEED, index, k))) for k in range(3)}
    told -= {number(graded_draw(question_id, public_seed)) for public_seed in range(3)}
    assert [text for text in told if text in seen] == []


def test_nobody_outside_was_reached(attacked, listeners):
    assert listeners.heard == []


def test_nothing_was_changed_in_the_gradebook(attacked):
    with closing(sqlite3.connect(attacked.course.root / "gradebook.db")) as gradebook:
        assert gradebook.execute("select count(*) > 0, count(manual_score) from grade").fetchone() == (1, 0)
    assert {row["manual_score"] for row in attacked.rows.values()} == {0}
    assert np.isfinite([row["score"] for row in attacked.rows.values()]).all()


def test_all_others_have_what_they_earned(attacked):
    assert_undisturbed(attacked, data_leaks.ATTACKS)

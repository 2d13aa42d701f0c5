"""A formula is a string of a stranger's: it earns nothing that is not right, and does nothing where it is shown."""

import re

import pytest

from assignments.hw1.formula_verdicts import drawn, seeds_of
from tests.attacks import formulas
from tests.attacks.attack import SEED, assert_deserved, assert_undisturbed, by_name, graded, hidden_numbers, numbers_in


@pytest.fixture(scope="module")
def mark(tmp_path_factory):
    """A file that is there when code of a submission has run outside its sandbox."""
    return tmp_path_factory.mktemp("marks") / "mark"


@pytest.fixture(scope="module")
def attacked(tmp_path_factory, mark, listeners):
    places = {"@MARK@": mark} | listeners.places
    return graded(tmp_path_factory.mktemp("formulas"), formulas.ATTACKS, places=places, feedback=bool)


@pytest.mark.parametrize(**by_name(formulas.ATTACKS))
def test_no_point_is_unearned(attacked, mark, attack):
    assert_deserved(attacked, attack)
    assert not mark.exists()


def test_all_others_have_what_they_earned(attacked):
    assert_undisturbed(attacked, formulas.ATTACKS)


def test_what_is_shown_does_nothing_and_asks_nobody(attacked, listeners):
    assert listeners.heard == []
    for student in attacked.rows:
        for page in attacked.pages[student]:
            assert not re.search(r"<script|<img[^>]*onerror|\ud800|\x00|\x1b|\u202e", page), student
            assert not re.search(r"""(?:src|href)\s*=\s*["']?(?:https?:|javascript:)""", page), student
    shown = "".join(attacked.pages["formulas 1"])
    assert "&lt;script&gt;" in shown, "what was written is shown, as text"


def test_no_number_of_the_hidden_draws_is_shown(attacked):
    assert numbers_in(repr(drawn(seeds_of(SEED)[0])[0]["x"].tolist())) <= hidden_numbers()
    for student in attacked.rows:
        assert not numbers_in(attacked.seen_by_student(student)) & hidden_numbers(), student

"""The account of what attacks brought, and the cutting of submissions to what their attacks need."""

from dataclasses import replace

import nbformat
import pytest

from autograder.grading.records import QuestionResult, Record
from tests.attacks.attack import PROBLEM_2, Attack, Class, assert_deserved, brought, notebooks_needed


@pytest.fixture
def robbed():
    """A graded class in which one attack got four points, and printed that it had read something."""
    record = Record(
        "thief", questions={"1-3": QuestionResult("1-3", "problem1", 4, 4)}, notebooks={"problem1": "leaked theft"}
    )
    return Class(None, {"thief": {"needs": ""}}, {"thief": record}, {}, 0, {"thief": {"problem1"}})


def test_the_account_counts_points_secrets_and_limits(robbed):
    theft = Attack("theft", "", deserves={"1-3": 0}, student="thief")
    assert brought(robbed, theft) == (4, True, False)
    assert brought(robbed, replace(theft, limit=True)) == (4, False, True)
    assert brought(robbed, replace(theft, deserves={"1-3": 4}, name="another")) == (0, False, False)


def test_points_that_were_not_earned_fail(robbed):
    with pytest.raises(AssertionError):
        assert_deserved(robbed, Attack("theft", "", deserves={"1-3": 0}, student="thief"))
    with pytest.raises(AssertionError, match="not asked"):
        assert_deserved(robbed, Attack("theft", "", deserves=PROBLEM_2, student="thief"))


def test_a_notebook_that_an_attack_needs_is_not_cut_away():
    cell = nbformat.v4.new_code_cell(metadata={"nbgrader": {"grade_id": "head_backward"}})
    released = {"problem1": nbformat.v4.new_notebook(), "problem2": nbformat.v4.new_notebook(cells=[cell])}
    assert notebooks_needed(released, [Attack("in problem 1", "")]) == {"problem1"}
    assert notebooks_needed(released, [Attack("in both", "", {"head_backward": ""})]) == set(released)
    assert notebooks_needed(released, [Attack("after the other notebook", "", whole=True)]) == set(released)
    assert notebooks_needed(released, [Attack("files", "", files=print)]) == set(released)

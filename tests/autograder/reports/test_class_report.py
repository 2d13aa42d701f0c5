"""The page on the class: its numbers, its named mistakes with their equation, and that strangers' text stays text."""

import re
from datetime import UTC, datetime

from assignments.hw1.mistakes import MISTAKES
from autograder.course.course_config import LatePolicy
from autograder.grading.gradebook import GradedCell
from autograder.grading.records import PartResult, QuestionResult, Record
from autograder.reports.book_equations import book_equations
from autograder.reports.class_report import named_mistakes, page
from tests.hw1 import ASSIGNMENT

CELLS = [
    GradedCell("problem1", "check-1-1", "1-1", "auto", 4.0, "1-1"),
    GradedCell("problem2", "check-2-2-head", "2-2-head", "auto", 8.0, "2-2 head"),
    GradedCell("problem1", "derive-1-1", "1-1", "manual", 6.0, None),
]
BATCH = "statistics over the whole array"
NOBODY_LATE = LatePolicy()


def row(student, first, second, by_hand=0.0, **other):
    made = {"student": student, "status": "graded", "needs": "", "late_penalty": 0.0, "manual_waiting": 0}
    made |= {"auto_score": first + second, "auto_max": 12.0, "score": first + second + by_hand, "max_score": 18.0}
    return made | {"auto 1-1": first, "auto 2-2-head": second, "manual 1-1": by_hand} | other


def record(student, *mistakes, timestamp=None):
    parts = tuple(PartResult("x" if name else "y", 0, 1, "not yet", name or None) for name in mistakes)
    questions = {"1-1": QuestionResult("1-1", "problem1", 0, 4, parts)}
    questions["2-2 head"] = QuestionResult("2-2 head", "problem2", 0, 8, parts[:1])
    return Record(student, timestamp=timestamp, questions=questions)


def text(rows, records=None, policy=NOBODY_LATE, cells=CELLS):
    made = page(ASSIGNMENT, rows, records or {one["student"]: record(one["student"]) for one in rows}, cells, policy)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", made.split("<body>")[1])), made


def test_scores_and_questions_are_counted():
    rows = [row("a", 4, 8, 6), row("b", 4, 4, 3), row("c", 0, 0), row("d", 4, 0, 3)]
    words, html = text(rows)
    assert "Of 18 points (after what being late cost): mean 9.0, median 9.0." in words
    assert "90 to 100 % 1 80 to 90 % 0" in words
    assert "60 to 70 % 1" in words
    assert "0 to 10 % 1" in words
    assert "1-1 75 % 3.0 of 4" in words
    assert "2-2 head 25 % 3.0 of 8" in words
    assert "1-1 3.0 of 6" in words.split("Derivations")[1]
    assert html.count('class="count" style="width:100.00%"') == 4  # as many as the fullest band has: 1


def test_while_derivations_wait_the_automatic_points_count_alone():
    words, _ = text([row("a", 4, 8, manual_waiting=1), row("b", 4, 8, 6)])
    assert "Of 12 points (the automatic ones alone" in words
    assert "1 derivation to read" in words
    assert "90 to 100 % 2" in words
    assert "Derivations" not in words


def test_who_was_not_graded_is_no_score():
    words, _ = text([row("a", 4, 8, 6), row("b", 0, 0, status="not graded", needs="grading broke down")])
    assert "2 submissions · 1 graded · 1 need you" in words
    assert "mean 18.0" in words
    assert "b grading broke down" in words


def test_mistakes_are_named_by_how_many_made_them_with_their_equation():
    records = [
        record("a", BATCH, f"ε left out; and {BATCH}"),
        record("b", BATCH, None),
        record("c"),
        record("d", "ε left out"),
    ]
    both = {"1-1", "2-2 head"}
    assert named_mistakes(records) == [(BATCH, both, 2), ("ε left out", both, 2)]
    words, _ = text([row(one.student, 1, 1) for one in records], {one.student: one for one in records})
    assert f"50 % 2 {BATCH} One mean and one variance were taken over all entries" in words
    assert "In the book: equation mu-b , block2/forward." in words
    assert "1-1 2-2 head" in words


def test_every_mistake_of_the_bank_has_its_page():
    pages = book_equations(ASSIGNMENT.course_folder)
    assert [mistake.equation for mistake in MISTAKES if mistake.equation not in pages] == []
    assert not [mistake.name for mistake in MISTAKES if "; and " in mistake.name or ", or " in mistake.name]


def test_late_ones_and_those_without_a_time():
    policy = LatePolicy(datetime(2026, 12, 1, tzinfo=UTC), extensions={"zoe": 2, "c": 1})
    records = {
        "a": record("a", timestamp="2026-12-02 01:00:00 UTC"),
        "b": record("b"),
        "c": record("c", timestamp="2026-11-30"),
    }
    words, _ = text([row("a", 4, 8, late_penalty=2.4), row("b", 4, 8), row("c", 4, 8)], records, policy)
    assert "a 2 2.4" in words
    assert "Of 1 no time is known, and they count as in time: b." in words
    assert "course.toml extends the time of students who are not here: zoe." in words
    assert "c " not in words.split("Late")[1].split("Of 1")[0]


def test_nothing_of_a_stranger_is_html():
    evil = "<script>alert(1)</script><img src=x onerror=alert(1)>\x1b[2J\u202e"
    policy = LatePolicy(datetime(2026, 12, 1, tzinfo=UTC), extensions={f"{evil}z": 1})
    records = {evil: record(evil, evil, timestamp="2027-01-01"), f"{evil}b": record(f"{evil}b")}
    _, html = text([row(evil, 4, 8, needs=evil), row(f"{evil}b", 4, 8)], records, policy)
    assert html.count("&lt;script&gt;") == 6
    assert not re.search(r"<script|<img|\x1b|\u202e", html)


def test_the_page_asks_nobody():
    _, html = text([row("a", 4, 8, 6)])
    assert not re.search(r"https?:|src=|href=|url\(|@import|<link|<script", html)
    assert "default-src 'none'" in html


def test_an_empty_class_has_a_page():
    words, _ = text([])
    assert "Nobody has been graded yet." in words

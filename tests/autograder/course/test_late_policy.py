"""What handing in late costs."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from attrs import evolve

from autograder.course.course_config import LatePolicy
from autograder.course.late_policy import days_late, notebook_penalties, penalty

DUE = datetime(2026, 12, 1, 23, 59, tzinfo=timezone(timedelta(hours=1)))
POLICY = LatePolicy(due=DUE, grace_minutes=15, percent_per_day=20, cap_percent=50, extensions={"ada": 2, "bob": 0.5})


def after(**late):
    return (DUE + timedelta(**late)).astimezone(UTC)


@pytest.mark.parametrize(
    ("late", "days"),
    [
        ({"days": -3}, 0),
        ({}, 0),
        ({"minutes": 15}, 0),
        ({"minutes": 15, "seconds": 1}, 1),
        ({"days": 1}, 1),
        ({"days": 1, "seconds": 1}, 2),
        ({"days": 2, "minutes": 5}, 3),
    ],
)
def test_a_day_counts_once_it_was_begun(late, days):
    assert days_late(POLICY, "eve", after(**late)) == days


@pytest.mark.parametrize(
    ("timestamp", "days"),
    [
        ("2026-12-01 22:59:00 UTC", 0),
        ("2026-12-01 23:20:00 UTC", 1),
        ("2026-12-01 23:20:00", 1),
        ("2026-12-01T23:20:00+01:00", 0),
        ("2026-12-01 23:58:00 +0100", 0),
        ("2026-12-01 18:20:00 -0500", 1),
        ("2026-12-01 18:20:00.123456 -05:00", 1),
        ("2026-12-01 18:20:00 America/New_York", 1),
        (datetime(2026, 12, 1, 23, 20), 1),
        (None, 0),
        ("yesterday", 0),
        ("2026-12-03 10:00:00 +9999", 0),
    ],
)
def test_a_time_is_in_utc_or_says_its_offset(timestamp, days):
    assert days_late(POLICY, "eve", timestamp) == days


def test_an_extension_moves_the_moment_of_one_student():
    assert [days_late(POLICY, name, after(days=2, minutes=15)) for name in ("ada", "bob", "eve")] == [0, 2, 3]


def test_the_penalty_is_a_share_of_what_was_earned_up_to_the_cap():
    assert [penalty(POLICY, "eve", after(days=d), 80.0) for d in (-1, 1, 2, 3, 30)] == [0, 16, 32, 40, 40]
    assert penalty(POLICY, "eve", after(days=30), 0.0) == 0


def test_another_policy_another_penalty():
    milder = evolve(POLICY, percent_per_day=5, extensions={"eve": 1})
    assert penalty(milder, "eve", after(days=2), 80.0) == 4
    assert penalty(LatePolicy(), "eve", after(days=200), 80.0) == 0


def test_the_notebooks_penalties_make_the_whole():
    shares = notebook_penalties(POLICY, "eve", after(days=2), {"problem1": 30.0, "problem2": 50.0, "empty": 0.0})
    assert shares == {"problem1": 12.0, "problem2": 20.0, "empty": None}
    assert set(notebook_penalties(POLICY, "ada", after(days=2), {"problem1": 30.0}).values()) == {None}

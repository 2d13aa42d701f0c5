"""What handing in late costs, and what a policy that cannot be says."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest

from autograder.course.late_policy import (
    DEFAULTS,
    Policy,
    days_late,
    notebook_penalties,
    penalty,
    read_policy,
    write_defaults,
)

DUE = datetime(2026, 12, 1, 23, 59, tzinfo=timezone(timedelta(hours=1)))
POLICY = Policy(due=DUE, grace_minutes=15, percent_per_day=20, cap_percent=50, extensions={"ada": 2, "bob": 0.5})


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
    milder = replace(POLICY, percent_per_day=5, extensions={"eve": 1})
    assert penalty(milder, "eve", after(days=2), 80.0) == 4
    assert penalty(Policy(), "eve", after(days=200), 80.0) == 0


def test_the_notebooks_penalties_make_the_whole():
    shares = notebook_penalties(POLICY, "eve", after(days=2), {"problem1": 30.0, "problem2": 50.0, "empty": 0.0})
    assert shares == {"problem1": 12.0, "problem2": 20.0, "empty": None}
    assert set(notebook_penalties(POLICY, "ada", after(days=2), {"problem1": 30.0}).values()) == {None}


def test_the_file_is_written_once_and_takes_nothing_off(tmp_path):
    assert read_policy(tmp_path) == Policy()
    write_defaults(tmp_path)
    assert read_policy(tmp_path) == Policy()
    changed = DEFAULTS.replace("# due", "due").replace("grace_minutes = 0", "grace_minutes = 5") + '"ada" = 2\n'
    (tmp_path / "course.toml").write_text(changed)
    write_defaults(tmp_path)
    read = read_policy(tmp_path)
    assert read.due == datetime(2030, 1, 31, 22, 59, tzinfo=UTC)
    assert (read.grace_minutes, read.extensions) == (5, {"ada": 2})


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[late]\ndue = 2026-12-01T23:59:00", "late.due is expected to be a moment with its offset"),
        ("[late]\ndue = 2026-12-01", "late.due"),
        ('[late]\ndue = "tomorrow"', "no quotes; it is 'tomorrow'"),
        (
            "[late]\ngrace_minutes = -1",
            "late.grace_minutes is expected to be a number of minutes from 0 to 100,000; it is -1",
        ),
        ("[late]\ngrace_minutes = true", "late.grace_minutes"),
        ("[late]\npercent_per_day = 101", "late.percent_per_day is expected to be a number from 0 to 100; it is 101"),
        ("[late]\ncap_percent = nan", "late.cap_percent"),
        ('[late.extensions]\nada = "2 days"', "late.extensions.ada is expected to be a number of days"),
        ("[late]\nextensions = 3", "late.extensions is expected to be a table"),
        ("late = 3", "late is expected to be a table"),
        ("[late]\ngrace = 3", "late.grace is not known here. Known: cap_percent, due, "),
        ("[lates]", "lates is not known here. Known: book, formulas, late"),
        ("[late", "course.toml cannot be read"),
    ],
)
def test_what_cannot_be_is_named(tmp_path, text, words):
    (tmp_path / "course.toml").write_text(text)
    with pytest.raises(ValueError, match=r"course\.toml") as raised:
        read_policy(tmp_path)
    assert words in str(raised.value)

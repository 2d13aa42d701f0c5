"""The rules of a course: what handing in late costs, in the course folder's course.toml, and what follows from it.

A penalty is never kept as truth: it is worked out from the policy, the time and the points, each time that one is
asked for, so that a changed policy changes every grade. The gradebook's `late_submission_penalty` is a copy of it, for
nbgrader's feedback and its export (its formgrader shows none): `notebook_penalties` says what to write there.
"""

import math
import os
import re
import tomllib
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from nbgrader.utils import parse_utc

FILE = "course.toml"
DEFAULTS = """# The rules of this course. Change them at any time: penalties are worked out anew wherever one is shown.

[book]
# Where the book is published, the folder of its index.html. Then what the feedback names in it is a link.
url = ""

[formulas]
# A written formula that is right once a slip is mended (an index that is missing, a transpose) loses so many percent of
# its points. The slip is told in any case. Unlike the rules below, this one is taken up by the next `autograder grade`.
repair_percent = 0

[late]
# The moment after which handing in costs points, with its offset from UTC (or Z). Without it nothing is late.
# due = 2030-01-31T23:59:00+01:00

# Up to so many minutes after it cost nothing. Who is later than that is counted from the moment itself.
grace_minutes = 0

# For each day that was begun, so many percent of the points that were earned; and never more than so many in all.
percent_per_day = 10
cap_percent = 50

# Days that a student has more than the others, under the name of the folder with the submission:  "ada" = 2
[late.extensions]
"""
MINUTES, DAYS = 100_000, 10_000  # that any grace and any extension may have
LATE = {"due", "grace_minutes", "percent_per_day", "cap_percent", "extensions"}
FORMULAS = {"repair_percent"}


@dataclass(frozen=True)
class Policy:
    """due: an aware datetime, or None where nothing is late. extensions: {student: days}. repair_percent: of its
    points, what a written formula loses where it is right after a repair."""

    due: datetime | None = None
    grace_minutes: float = 0
    percent_per_day: float = 10
    cap_percent: float = 50
    extensions: dict = field(default_factory=dict)
    repair_percent: float = 0


def write_defaults(root):
    """Write course.toml with its comments into the course folder, where there is none yet."""
    try:
        descriptor = os.open(Path(root) / FILE, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
    except FileExistsError:
        return
    with os.fdopen(descriptor, "w", encoding="utf8") as file:
        file.write(DEFAULTS)


def read_policy(root):
    """The policy of a course folder's course.toml; one without penalties where there is no such file.

    Raises:
        ValueError: the file is no TOML, or a key is unknown or has a value that cannot be; in words for a teacher.
    """
    path = Path(root) / FILE
    try:
        rules = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        return Policy()
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} cannot be read: {error}") from error
    _known(path, "", rules, {"book", "late", "formulas"})
    formulas = rules.get("formulas", {})
    _expect(path, "formulas", formulas, isinstance(formulas, dict), "a table: a line [formulas], and its keys below it")
    _known(path, "formulas.", formulas, FORMULAS)
    for name, value in formulas.items():
        _expect(path, f"formulas.{name}", value, _number(value) and 0 <= value <= 100, "a number from 0 to 100")
    late = rules.get("late", {})
    _expect(path, "late", late, isinstance(late, dict), "a table: a line [late], and its keys below it")
    _known(path, "late.", late, LATE)
    for name, value in late.items():
        if name == "due":
            aware = isinstance(value, datetime) and value.tzinfo is not None
            _expect(
                path, "late.due", value, aware, "a moment with its offset, as in 2030-01-31T23:59:00+01:00, no quotes"
            )
        elif name != "extensions":
            highest = MINUTES if name == "grace_minutes" else 100
            words = f"a number{' of minutes' if name == 'grace_minutes' else ''} from 0 to {highest:,}"
            _expect(path, f"late.{name}", value, _number(value) and 0 <= value <= highest, words)
    extensions = late.get("extensions", {})
    _expect(path, "late.extensions", extensions, isinstance(extensions, dict), "a table: a line a student, name = days")
    words = f"a number of days from 0 to {DAYS:,}"
    for student, days in extensions.items():
        _expect(path, f"late.extensions.{student}", days, _number(days) and 0 <= days <= DAYS, words)
    return Policy(**late, **formulas)


def _known(path, prefix, table, names):
    for name in table:
        if name not in names:
            raise ValueError(f"{path}: {prefix}{name} is not known here. Known: {', '.join(sorted(names))}")


def _expect(path, name, value, right, words):
    if not right:
        raise ValueError(f"{path}: {name} is expected to be {words}; it is {value!r}")


def _number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def moment(timestamp):
    """A time as an aware datetime in UTC. Without an offset it is in UTC already, as nbgrader reads it.

    timestamp: text as in timestamp.txt, or a datetime. Raises ValueError or OverflowError where it is no time.
    """
    if isinstance(timestamp, str):  # " +0100" is 100 seconds to parse_utc, "+0100" is an hour
        timestamp = re.sub(r"\s+([+-]\d\d:?\d\d)$", r"\1", timestamp.strip())
    return parse_utc(timestamp).replace(tzinfo=UTC)


def days_late(policy, student, timestamp):
    """How many days were begun after the student's own due moment: 0 where it is in time, or within the grace.

    timestamp: see `moment`. None, or what is no time, is never late: what is not known is held against nobody.
    """
    if policy.due is None or timestamp is None:
        return 0
    try:
        late = moment(timestamp) - policy.due - timedelta(days=policy.extensions.get(student, 0))
    except (ValueError, OverflowError):
        return 0
    return 0 if late <= timedelta(minutes=policy.grace_minutes) else math.ceil(late / timedelta(days=1))


def penalty(policy, student, timestamp, points):
    """Points taken off `points`, from 0 to `points`; see `days_late`."""
    percent = min(days_late(policy, student, timestamp) * policy.percent_per_day, policy.cap_percent)
    return max(points, 0.0) * percent / 100


def notebook_penalties(policy, student, timestamp, scores):
    """What nbgrader's SubmittedNotebook.late_submission_penalty is to hold; together it is `penalty` of all points.

    scores: {notebook: points}. Returns {notebook: points taken off, or None where nothing is}.
    """
    return {name: penalty(policy, student, timestamp, points) or None for name, points in scores.items()}

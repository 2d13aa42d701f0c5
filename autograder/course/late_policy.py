"""What handing in late costs, by the rules in course.toml.

A penalty is never kept as truth: it is worked out from the policy, the time and the points, each time that one is
asked for, so that a changed policy changes every grade. The gradebook's `late_submission_penalty` is a copy of it, for
nbgrader's feedback and its export (its formgrader shows none): `notebook_penalties` says what to write there.
"""

import math
import re
from datetime import UTC, datetime, timedelta

from nbgrader.utils import parse_utc


def moment(timestamp: str) -> datetime:
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

"""What a person has looked at and ticked off: who, when and why, in the course folder's resolutions.json.

A resolution holds for the reasons that were there when it was made, whatever is graded again; a new reason shows. The
caller holds `course.lock()` while it writes.
"""

import getpass
import json
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from autograder.course.folder import Course, write_whole
from autograder.grading.records import renamed

VARYING = re.compile(
    r"\d+(?:\.\d+)?(?= (?:s|GiB|MiB|bytes)\b)|0x[0-9a-f]+"
)  # another one each time that it is measured


@dataclass(frozen=True)
class Resolution:
    """The reasons for a person to look at a student's submission, and the decision about them.

    needs_attention: the reasons, as sentences. because: the decision. by: who made it. when: ISO 8601, in UTC.
    """

    student: str
    needs_attention: tuple[str, ...]
    because: str
    by: str
    when: str

    def __post_init__(self):
        object.__setattr__(self, "needs_attention", tuple(self.needs_attention))

    def __str__(self):
        return f"{'; '.join(self.needs_attention)} (resolved by {self.by}, {self.when[:10]}: {self.because})"


def read_resolutions(course: Course) -> list[Resolution]:
    """Every Resolution of the course, the oldest first.

    Raises:
        ValueError: the file is damaged; in words for a teacher.
    """
    path = _file(course)
    try:
        return [Resolution(**renamed(entry)) for entry in json.loads(path.read_text(encoding="utf8"))]
    except FileNotFoundError:
        return []
    except (ValueError, TypeError, AttributeError) as error:
        raise ValueError(f"{path} cannot be read ({error}); mend it, or remove it and resolve anew") from error


def resolve(
    course: Course, needs: Mapping[str, Iterable[str]], because: str, by: str | None = None
) -> list[Resolution]:
    """Tick off reasons.

    Args:
        needs: {student: the reasons that are open}.
        because: why nobody is needed any more.
        by: who says so; by default the name of the account.

    Returns:
        The new Resolutions.

    Raises:
        ValueError: the file is damaged, or the account has no name.
    """
    when = datetime.now(UTC).isoformat(timespec="seconds")
    by = by or _account()
    made = [Resolution(student, tuple(reasons), because, by, when) for student, reasons in needs.items() if reasons]
    _write(course, read_resolutions(course) + made)
    return made


def undo(course: Course, students: Collection[str]) -> list[Resolution]:
    """Take back every Resolution of these students. Returns them."""
    known = read_resolutions(course)
    _write(course, [each for each in known if each.student not in students])
    return [each for each in known if each.student in students]


def split_needs(
    student: str, needs: Iterable[str], resolutions: Iterable[Resolution]
) -> tuple[list[str], list[Resolution]]:
    """A student's reasons that are open, and the Resolutions that still stand for one, with no other reason in them."""
    own = [each for each in resolutions if each.student == student]
    resolved = {_same(need) for each in own for need in each.needs_attention}
    there = {_same(need) for need in needs}
    standing = []
    for each in own:
        if still := tuple(need for need in each.needs_attention if _same(need) in there):
            standing.append(Resolution(student, still, each.because, each.by, each.when))
    return [need for need in needs if _same(need) not in resolved], standing


def _account():
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        raise ValueError("this account has no name; say who has looked:  --by NAME") from None


def _same(need):
    """A reason without the numbers that differ each time that they are measured."""
    return VARYING.sub("…", need)


def _file(course):
    return course.root / "resolutions.json"


def _write(course, resolutions):
    write_whole(_file(course), json.dumps([asdict(each) for each in resolutions], indent=1, ensure_ascii=False))

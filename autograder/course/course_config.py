"""course.toml, the rules of a course: what may be in it, and how it is read and validated.

It lies in the course folder, beside `assignments/`; where there is none, in the folder that nbgrader grades in, where
the grader then writes one with its defaults.
"""

import difflib
import os
import re
import tomllib
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import attrs
from attrs import validators

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
MAX_GRACE_MINUTES, MAX_EXTENSION_DAYS = 100_000, 10_000
EXPECTED = "expected"  # the metadata of a field: what its value is expected to be, in words
TABLE = "a table: a line [{name}], and its keys below it"

Table = TypeVar("Table")


def _is_number(instance: object, attribute: object, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError


def _has_offset(instance: object, attribute: object, value: object) -> None:
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise TypeError


def _within(highest: float) -> list:
    """Validators of a number from 0 to `highest`; nan and inf are none."""
    return [_is_number, validators.ge(0), validators.le(highest)]


def _number(default: float, highest: float, what: str = "a number") -> Any:
    words = {EXPECTED: f"{what} from 0 to {highest:,}"}
    return attrs.field(default=default, validator=_within(highest), metadata=words)


@attrs.frozen
class Book:
    """[book]. url: where the book is published; "": nowhere."""

    url: str = attrs.field(
        default="",
        validator=[validators.instance_of(str), validators.matches_re(r"""(https?://[^\s<>"']+)?""")],
        metadata={EXPECTED: "an address, https://…, or empty"},
    )


@attrs.frozen
class Formulas:
    """[formulas]. repair_percent: of its points, what a written formula loses where it is right after a repair."""

    repair_percent: float = _number(0, 100)


@attrs.frozen
class LatePolicy:
    """[late]. What handing in late costs.

    due: an aware datetime, or None where nothing is late. grace_minutes: after it that cost nothing. percent_per_day:
    of the points that were earned, for each day that was begun; cap_percent: at most. extensions: {student: days}.
    """

    due: datetime | None = attrs.field(
        default=None,
        validator=validators.optional(_has_offset),
        metadata={EXPECTED: "a moment with its offset, as in 2030-01-31T23:59:00+01:00, no quotes"},
    )
    grace_minutes: float = _number(0, MAX_GRACE_MINUTES, "a number of minutes")
    percent_per_day: float = _number(10, 100)
    cap_percent: float = _number(50, 100)
    extensions: Mapping[str, float] = attrs.field(
        factory=dict,
        validator=validators.deep_mapping(value_validator=validators.and_(*_within(MAX_EXTENSION_DAYS))),
        metadata={EXPECTED: f"a number of days from 0 to {MAX_EXTENSION_DAYS:,}"},
    )


@attrs.frozen
class CourseConfig:
    """What course.toml says, a class for each of its tables."""

    book: Book = attrs.field(factory=Book)
    formulas: Formulas = attrs.field(factory=Formulas)
    late: LatePolicy = attrs.field(factory=LatePolicy)


def write_defaults(folder: Path) -> None:
    """Write course.toml with its comments into a folder, where there is none yet."""
    try:
        descriptor = os.open(Path(folder) / FILE, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
    except FileExistsError:
        return
    with os.fdopen(descriptor, "w", encoding="utf8") as file:
        file.write(DEFAULTS)


def find_config(grading_folder: Path, course_folder: Path) -> Path:
    """The path of the course.toml that counts; where there is none, that in the grading folder.

    Args:
        grading_folder: nbgrader's course folder, by default OUT/course.
        course_folder: the folder that holds `assignments/`.

    Raises:
        ValueError: both hold one; in words for a teacher.
    """
    graded, own = (Path(folder).resolve() / FILE for folder in (grading_folder, course_folder))
    if own.is_file() and graded.is_file() and own != graded:
        raise ValueError(f"There are two: {own} and {graded}. Only one can hold the rules: remove the other.")
    return own if own.is_file() else graded


def read_config(path: Path) -> CourseConfig:
    """What a course.toml says; the defaults, which take no points off, where there is no such file.

    Raises:
        ValueError: the file is no TOML, or a key is unknown or has a value that cannot be; in words for a teacher.
    """
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
        return _structured(CourseConfig, tomllib.loads(text))
    except FileNotFoundError:
        return CourseConfig()
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        advice = _quoting_advice(text, error) if isinstance(error, tomllib.TOMLDecodeError) else ""
        raise ValueError(f"{path} cannot be read: {error}{advice}") from error
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def _structured(table_class: type[Table], table: object, prefix: str = "") -> Table:
    """An object of an attrs class from a table of the file. Raises ValueError, which says what is wrong where."""
    if not isinstance(table, dict):
        name = prefix.removesuffix(".")
        raise ValueError(_unexpected(name, TABLE.format(name=name), table))
    fields = attrs.fields_dict(table_class)
    for key in table:
        if key not in fields:
            known = ", ".join(sorted(fields))
            raise ValueError(f"{prefix}{key} is not known here. Known: {known}.{_nearest(prefix + key)}")
    values = {
        key: _structured(fields[key].type, value, f"{prefix}{key}.")
        if attrs.has(fields[key].type)
        else _validated(fields[key], value, f"{prefix}{key}")
        for key, value in table.items()
    }
    return table_class(**values)


def _validated(field: attrs.Attribute, value: Any, name: str) -> Any:
    if field.name != "extensions":
        _validate(field, value, name, value)
        return value
    if not isinstance(value, dict):
        raise ValueError(_unexpected(name, "a table: a line a student, name = days", value))
    for student, days in value.items():
        if isinstance(days, dict) and days:
            raise ValueError(
                f'{name}.{student} is a table. A name that holds a dot needs quotes:  "{_dotted(student, days)}" = …'
            )
        _validate(field, {student: days}, f"{name}.{student}", days)
    return value


def _validate(field: attrs.Attribute, value: Any, name: str, shown: Any) -> None:
    try:
        field.validator(None, field, value)
    except (TypeError, ValueError):
        raise ValueError(_unexpected(name, field.metadata[EXPECTED], shown)) from None


def _dotted(name: str, value: object) -> str:
    """The name that was meant where TOML read one with dots as tables in tables: a.b.c = 2."""
    while isinstance(value, dict) and value:
        key, value = next(iter(value.items()))
        name = f"{name}.{key}"
    return name


def _unexpected(name, words, value):
    return f"{name} is expected to be {words}; it is {value!r}"


def _names(table_class: type, prefix: str = "") -> list[str]:
    """The dotted names of all that a table may hold."""
    names = []
    for field in attrs.fields(table_class):
        names.append(prefix + field.name)
        names += _names(field.type, f"{prefix}{field.name}.") if attrs.has(field.type) else []
    return names


def _nearest(name: str) -> str:
    """A question that names the key that may have been meant, or ""; it may belong into another table."""
    last = {known.rpartition(".")[2]: known for known in reversed(_names(CourseConfig))}
    found = difflib.get_close_matches(name.rpartition(".")[2].lower(), last, n=1)
    return f" Did you mean {last[found[0]]}?" if found else ""


def _quoting_advice(text: str, error: tomllib.TOMLDecodeError) -> str:
    """What to do where the line that cannot be read begins with a name that needs quotes, as an e-mail address does."""
    place = re.search(r"\(at line (\d+),", str(error))
    lines = text.replace("\r\n", "\n").split("\n")
    line = lines[int(place[1]) - 1] if place and int(place[1]) <= len(lines) else ""
    name, equals, value = line.partition("=")
    name = name.strip().strip("\"'")
    if not equals or not name or name.startswith(("[", "#")) or re.fullmatch(r"[\w.-]+", name, re.ASCII):
        return ""
    quoted = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'\nA name that holds more than letters a to z, digits, - and _ needs quotes:  "{quoted}" = {value.strip()}'

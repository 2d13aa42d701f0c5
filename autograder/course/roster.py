"""Who is in the class: a CSV file, the teacher's own or as Canvas or Moodle export it."""

import contextlib
import csv
import io
import os
import re
import unicodedata
from dataclasses import dataclass
from pathlib import Path

COLUMNS = {
    "login": ("login", "username", "sis login id"),
    "name": ("name", "full name", "student"),
    "first": ("first name", "firstname"),
    "last": ("last name", "surname", "lastname"),
    "email": ("email", "email address", "e-mail"),
    "number": ("number", "id number", "sis user id"),
    "canvas_id": ("canvas id",),
    "participant": ("participant", "identifier"),
    "section": ("section",),
    "submitted": ("submitted", "last modified (submission)"),
}
KEYS = ("login", "email", "number", "canvas_id", "participant")


@dataclass(frozen=True)
class Student:
    """One of the class; "" is what the roster does not tell.

    key: the name of the student's folder, and in the gradebook. login: in Canvas "SIS Login ID". number: the
    institution's, in Canvas "SIS User ID", in Moodle "ID number". canvas_id: Canvas' own. participant: Moodle's own, in
    one assignment. submitted: when the work was handed in, as text.
    """

    key: str
    login: str = ""
    name: str = ""
    email: str = ""
    number: str = ""
    canvas_id: str = ""
    participant: str = ""
    section: str = ""
    submitted: str = ""


def read_roster(path: Path | str) -> dict[str, Student]:
    """Students by key, from a CSV file with a row of headings (commas, semicolons or tabs; UTF-8).

    These headings are known, in any order and in capitals or not; each may be missing, others are ignored:

        login, Username, SIS Login ID        email, Email address          Section
        name, Full name, Student             number, ID number, SIS User ID
        First name, Last name, Surname       Canvas ID, and ID in Canvas' own export
        participant, Identifier              submitted, Last modified (submission)

    So Canvas' exported gradebook is a roster (Student, ID, SIS User ID, SIS Login ID, Section: its own source,
    `lib/gradebook_exporter.rb` of instructure/canvas-lms), and so are Moodle's participants, exported grades and
    grading worksheet. The worksheet alone has Identifier, "Participant 123", which an assignment's download names, and
    the time of the submission (`mod/assign/feedback/offline/importgradeslib.php` of moodle/moodle). A student's key is
    the first that there is of login, email, number, Canvas ID and participant.

    Raises:
        ValueError: it cannot be read, tells nothing that identifies a student, or two students are told alike.
    """
    with open(path, "rb") as file:
        data = file.read()
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not in UTF-8 (byte {error.start:,}); save it as CSV UTF-8") from error
    heading = text.splitlines()[0] if text.strip() else ""
    delimiter = max(",;\t", key=heading.count)
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True))
    except csv.Error as error:
        raise ValueError(f"{path} is no CSV file: {error}") from error
    columns = _columns([name.strip().casefold() for name in rows[0]] if rows else [])
    if not set(KEYS) & set(columns):
        headings = ", ".join(name.strip() for name in rows[0]) if rows else "nothing"
        raise ValueError(f"{path} has no column that identifies a student: login, email, number …; found {headings}")
    students = {}
    for cells in rows[1:]:
        student = _student({name: cells[index].strip() for name, index in columns.items() if index < len(cells)})
        if student and student.key in students:
            raise ValueError(f"{path} has two rows for {shown(student.key)}")
        if student:
            students[student.key] = student
    for field in KEYS:
        _differ(path, field, [(getattr(student, field) or None, student) for student in students.values()])
    _differ(path, "folder", [(student.key, student) for student in students.values()])
    return students


def _columns(heading):
    columns = {field: heading.index(name) for field, names in COLUMNS.items() for name in names if name in heading}
    if "id" in heading:  # Canvas' own where its export has it, beside Student (or LastName, FirstName)
        canvas = heading[0] in {"student", "lastname"}
        columns.setdefault("canvas_id" if canvas else "login", heading.index("id"))
    return columns


def _student(cells):
    first, last = cells.pop("first", ""), cells.pop("last", "")
    cells["name"] = cells.get("name") or f"{first} {last}".strip()
    cells["participant"] = (re.findall(r"\d+$", cells.get("participant", "")) or [""])[0]
    key = next((cells[field] for field in KEYS if cells.get(field)), "")
    if not key:  # an empty row, and Canvas' "Points Possible"
        return None
    if "/" in key or "\\" in key or not key.isprintable() or key.startswith(".") or len(os.fsencode(key)) > 200:
        raise ValueError(f"{shown(key)} cannot be the name of a student's folder; add a column login that can")
    return Student(key, **cells)


def _differ(path, field, values):
    seen = {}
    for value, student in values:
        same = unicodedata.normalize("NFKC", value).casefold() if value else student
        if same in seen:
            raise ValueError(f"{path}: {shown(seen[same].key)} and {shown(student.key)} have the same {field}")
        seen[same] = student


def folded(text: str) -> str:
    """A name by its letters and digits alone, which is what survives in a file's name."""
    return "".join(c for c in unicodedata.normalize("NFKC", text).casefold() if c.isalnum())


def spellings(student: Student) -> set[str]:
    """The folded forms of a student's name: as it is, and begun at any other word of it ("Last, First Middle")."""
    names = student.name.replace(",", " ").split()
    return {folded("".join(names[i:] + names[:i])) for i in range(len(names))} - {""}


def shown(text: object) -> str:
    """A stranger's text as it can be printed: one line, and nothing in it moves the cursor or turns the line around.

    Every control character, line separator, bidi control and surrogate is written as its number, as in \\x0a.
    """
    text = str(text)
    with contextlib.suppress(UnicodeEncodeError):  # of a lone surrogate, which is escaped below
        text = os.fsencode(text).decode("utf8", "backslashreplace")
    return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text)

"""The grades as Canvas and Moodle import them.

- Canvas: Gradebook, Import. It is read by `lib/gradebook_importer.rb` of instructure/canvas-lms, which reads what
  `lib/gradebook_exporter.rb` writes: headings Student, ID, SIS User ID, SIS Login ID, Section, then a column for an
  assignment, called "title (id)"; a row "Points Possible"; a row a student, who is found by ID, else by SIS User ID,
  else by SIS Login ID. Without "(id)" the title decides, and one that is not there yet makes a new assignment.
- Moodle: Grades, Import, CSV file, as https://docs.moodle.org/en/Grade_import tells. One column identifies the student
  ("Email address", "ID number" or "Username") and is mapped to that, another holds the points and is mapped to the
  grade item. One student whom Moodle does not find, or one grade above the site's maximum (100, where it was not
  raised), and it imports nothing: `grade/import/csv/classes/load_data.php` of moodle/moodle.

What a spreadsheet would take for a formula is written with ' before it. A name may carry that; an identifier may not,
since nobody would be found by it, so such a student is left out and reported.
"""

import csv
import io
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from autograder.course.roster import Student, shown
from autograder.grading.gradebook import spreadsheet_safe

MOODLE_COLUMNS = {"email": "Email address", "number": "ID number", "login": "Username"}
MAX_MOODLE_GRADE = 100  # what Moodle takes, where its site administration says nothing else


@dataclass
class Table:
    """rows: lists of cells, the headings first. needs_attention: what a person must look at. advice: on the import."""

    rows: list
    needs_attention: list = field(default_factory=list)
    advice: list = field(default_factory=list)

    def text(self):
        """The rows as the text of a CSV file."""
        file = io.StringIO(newline="")
        csv.writer(file).writerows(self.rows)
        return file.getvalue()


def canvas(rows: list[dict], roster: Mapping[str, Student], column: str, points: float | None = None) -> Table:
    """A Table for Canvas.

    Args:
        rows: of gradebook.grades, or as many of them.
        roster: {key: Student}.
        column: the assignment, best as Canvas' own export calls it, with its number: "Homework 1 (4711)".
        points: the maximum to which the scores are scaled; by default they stay as they are.
    """
    table = Table([["Student", "ID", "SIS User ID", "SIS Login ID", "Section", column]])
    if not re.search(r"\s\(\d+\)$", column):
        table.advice.append(
            f'"{column}" has no number of an assignment, as in "{column} (4711)": Canvas goes by the title'
        )
    graded = _graded(rows, roster, table)
    table.rows.append(["    Points Possible", "", "", "", "", _number(_maximum(rows, points))])
    for row, student in graded:
        own = student.canvas_id if student.canvas_id.isdecimal() else ""
        names = [name for name in (student.number, student.login) if name]
        if not own and (not names or any(spreadsheet_safe(name) != name for name in names)):
            table.needs_attention.append(
                f"{shown(student.key)}: the roster has nothing that Canvas finds them by; left out"
            )
            continue
        cells = [student.name, own, student.number, student.login, student.section]
        table.rows.append([*map(spreadsheet_safe, cells), _number(_score(row, points))])
    return table


def moodle(rows: list[dict], roster: Mapping[str, Student], column: str, points: float | None = None) -> Table:
    """A Table for Moodle; the arguments are those of `canvas`, and column may be called anything."""
    table = Table([])
    graded = _graded(rows, roster, table)
    usable = {
        name: {s.key for _, s in graded if (value := getattr(s, name)) and spreadsheet_safe(value) == value}
        for name in MOODLE_COLUMNS
    }
    by = max(MOODLE_COLUMNS, key=lambda name: len(usable[name]))
    table.rows.append([MOODLE_COLUMNS[by], "Full name", column])
    table.advice.append(f'in Moodle map "{MOODLE_COLUMNS[by]}" to the same, and "{column}" to the grade item')
    highest = max((_score(row, points) for row, _ in graded), default=0)
    if highest > MAX_MOODLE_GRADE:
        table.advice.append(
            f"the best has {highest:.2f}: Moodle takes no more than {MAX_MOODLE_GRADE}, unless the site says so"
        )
    for row, student in graded:
        if student.key in usable[by]:
            name = spreadsheet_safe(student.name)
            table.rows.append([getattr(student, by), name, _number(_score(row, points))])
        else:
            table.needs_attention.append(
                f"{shown(student.key)}: the roster has no {MOODLE_COLUMNS[by]} that can be written; left out"
            )
    return table


def _graded(rows, roster, table):
    """(row, Student) of those who can be written."""
    graded = []
    for row in rows:
        if row["status"] == "not graded":
            table.needs_attention.append(f"{shown(row['student'])}: was not graded; left out")
        elif row["student"] not in roster:
            table.needs_attention.append(f"{shown(row['student'])}: is not in the roster; left out")
        else:
            graded.append((row, roster[row["student"]]))
    return graded


def _maximum(rows, points):
    return points if points is not None else max((row["max_score"] for row in rows), default=0)


def _score(row, points):
    return row["score"] if points is None else row["score"] / row["max_score"] * points if row["max_score"] else 0.0


def _number(value):
    return f"{value:.2f}"

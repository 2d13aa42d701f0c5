"""Merge records into nbgrader's gradebook, and export grades from the two.

A record file is authoritative for everything automatic: scores, verdicts, repaired notebooks, reasons for a person. The
gradebook is authoritative for what a person enters: manual scores and comments. Every automatic score in the gradebook
is derived from the record and is written again by `merge`, so a gradebook that is lost or new is filled from the
records (`_catch_up`), and only manual work would be missing. Grades are read from the gradebook, because a manual score
may replace an automatic one; the sentences beside them come from the records.

The caller of `merge` and `export` holds `course.lock()`. grades.csv and grades.json are described at `export`.
"""

import csv
import hashlib
import io
import json
import math
import os
import sys
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

import nbformat
from nbgrader.api import (
    Assignment,
    BaseCell,
    Comment,
    Grade,
    Notebook,
    Student,
    SubmittedAssignment,
    SubmittedNotebook,
)
from nbgrader.utils import is_grade
from sqlalchemy.orm import load_only

from autograder.assignment.cell_names import short_name
from autograder.course import late_policy
from autograder.course.folder import Course, write_whole
from autograder.course.roster import shown
from autograder.faults import LOG
from autograder.grading.grader import question_of
from autograder.grading.records import Record
from autograder.grading.resolutions import Resolution, read_resolutions, split_needs


def merge(record: Record, course: Course) -> None:
    """Write one record into the gradebook. Idempotent; safe to rerun after a crash.

    Manual scores and comments stay. Where a manual score was given to another version of a notebook (what the student
    wrote differs from what lies in the folder of autograded notebooks), nbgrader's flag asks for a second look.

    Raises:
        ValueError: the gradebook cannot be reached, or cannot hold it; in words for a teacher.
    """
    longest = Student.id.type.length
    if course.db and len(record.student) > longest:
        raise ValueError(f"a name of more than {longest} characters has no place in PostgreSQL; shorten the folder's")
    folder = course.root / "autograded" / record.student / course.name
    paths = {name: folder / f"{name}.ipynb" for name in record.notebooks}
    changed = {name for name, path in paths.items() if path.exists() and _differs(path, record.notebooks[name])}
    with course.open() as gradebook:
        gradebook.update_or_create_student(record.student)
        when = {"timestamp": time} if (time := _time(record)) else {}
        gradebook.update_or_create_submission(course.name, record.student, **when)
        grades = _by_cell(
            gradebook,
            course.name,
            Grade,
            record.student,
            Grade.auto_score,
            Grade.manual_score,
            Grade.needs_manual_grade,
        )
        for cell in record.cells:
            grade = grades[cell.notebook, cell.name]
            grade.auto_score = cell.auto_score
            if grade.manual_score is None:
                grade.needs_manual_grade = grade.auto_score is None
            else:
                grade.needs_manual_grade = grade.needs_manual_grade or cell.notebook in changed
        for grade in grades.values() if not record.cells else ():  # nothing could be graded: a person is asked
            if grade.auto_score is None and grade.manual_score is None:
                grade.needs_manual_grade = True
        comments = _by_cell(gradebook, course.name, Comment, record.student, Comment.auto_comment)
        for comment in record.comments:
            comments[comment.notebook, comment.name].auto_comment = comment.auto_comment
        gradebook.db.commit()
    folder.mkdir(parents=True, exist_ok=True)  # after the flags: what is compared above is replaced last
    for name, path in paths.items():
        write_whole(path, record.notebooks[name])
    if record.timestamp:
        write_whole(folder / "timestamp.txt", record.timestamp)
    for path in set(folder.glob("*.ipynb")) - set(paths.values()):
        path.unlink()


def _differs(path, text):
    """Whether another answer stands in a notebook's cells than in a file. Given cells and outputs do not count: a new
    version of the assignment's text asks nobody to read derivations again."""

    def written(text):
        try:
            cells = json.loads(text)["cells"]
            return [(cell["cell_type"], cell["source"]) for cell in cells if _is_answer(cell)]
        except (ValueError, KeyError, TypeError):
            return text

    return written(path.read_text(encoding="utf8")) != written(text)


def _is_answer(cell):
    return cell["metadata"].get("nbgrader", {}).get("solution", False)


def record_file(course: Course, student: str) -> Path:
    """Where a student's record lies: under the name, or its beginning and a hash where it is too long for a file."""
    name = os.fsencode(student)
    if len(name) > 200:
        student = f"{name[:100].decode('utf8', 'ignore')}-{hashlib.sha256(name).hexdigest()[:32]}"
    return course.records / f"{student}.json"


def load_records(course: Course, whole: bool = False) -> dict[str, Record]:
    """Every record of the course, by student; their notebooks, which take the most room, only where they are wanted.

    A file that is damaged is set aside, under a new name, and that is said; without it the submission is graded again.
    """
    records = {}
    for path in sorted(course.records.glob("*.json")):
        try:
            record = Record.load(path)
            _check(record, path, course)
        except Exception as error:
            LOG.info("the record %s is damaged", path.name, exc_info=True)
            aside = _set_aside(path)
            message = (
                f"The record {shown(path.name)} is damaged ({type(error).__name__}). It is kept as {shown(aside.name)}"
            )
            print(f"{message}, and the submission is graded again the next time.", file=sys.stderr, flush=True)
        else:
            records[record.student] = record if whole else light(record)
    return records


def light(record: Record) -> Record:
    """The record without its notebooks."""
    return replace(record, notebooks={})


KINDS = {float: (float, int), type(None): (str, type(None))}


def _check(record, path, course):
    usual = Record("")
    for field in fields(Record):
        value, kind = getattr(record, field.name), type(getattr(usual, field.name))
        if not isinstance(value, KINDS.get(kind, kind)):
            raise TypeError(f"{field.name} is {value!r}")
    if not math.isfinite(record.seconds) or record_file(course, record.student) != path:
        raise ValueError("not what is kept under this name")


def _set_aside(path):
    number, aside = 1, path.with_name(f"{path.name}.damaged")
    while aside.exists():
        number += 1
        aside = path.with_name(f"{path.name}.damaged-{number}")
    return path.rename(aside)


@dataclass(frozen=True)
class GradedCell:
    """A graded cell of the assignment. short: its name in grades.csv. kind: "auto" or "manual". question: the id of
    what a check asks, else None."""

    notebook: str
    name: str
    short: str
    kind: str
    points: float
    question: str | None


def graded_cells(course: Course) -> list[GradedCell]:
    """The assignment's graded cells, in their order."""
    cells, known = [], course.assignment.known
    for path in sorted(course.release.glob("*.ipynb")):
        for cell in nbformat.read(path, as_version=4).cells:
            if is_grade(cell):
                name, code = cell.metadata.nbgrader.grade_id, cell.cell_type == "code"
                kind, points = "auto" if code else "manual", float(cell.metadata.nbgrader.points)
                question = question_of(cell.source, known) if code else None
                cells.append(GradedCell(path.stem, name, short_name(name), kind, points, question))
    return cells


def grades(course: Course, records: dict[str, Record] | None = None) -> list[dict]:
    """A row a student, as dicts: automatic and manual points apart, each question's, and what needs a person.

    An automatic score is None where a fault of ours left the question open.

    records: {student: Record}, by default those that are kept in the course.
    A manual score that a teacher gave to an automatic cell counts in place of the automatic one. `score` is what is
    left after `late_penalty`, which follows from course.toml as it is now.
    """
    records = load_records(course) if records is None else records
    with course.open() as gradebook:
        scores = _scores(gradebook, course.name)
    return _rows(course, records, scores)


def _rows(course, records, scores):
    policy, cells, resolutions = course.rules.late, graded_cells(course), read_resolutions(course)
    return [_row(record, cells, scores.get(record.student, {}), policy, resolutions) for record in records.values()]


def _scores(gradebook, assignment):
    """{student: {(notebook, cell): (score, whether it waits for a person)}}, of the whole assignment.

    The score is None where there is none yet: nobody has read a derivation, or a fault of ours left a check open.
    """
    scores, columns = {}, (Grade.score, Grade.needs_manual_grade, Grade.auto_score, Grade.manual_score)
    for student, notebook, cell, score, waits, automatic, manual in _query(gradebook, assignment, Grade, *columns):
        none = waits and automatic is None and manual is None
        scores.setdefault(student, {})[notebook, cell] = (None if none else score, waits)
    return scores


def _by_cell(gradebook, assignment, kind, student, *columns):
    """{(notebook, cell): Grade or Comment} of a student, with these columns."""
    query = _query(gradebook, assignment, kind, kind).filter(SubmittedAssignment.student_id == student)
    return {(notebook, cell): row for _, notebook, cell, row in query.options(load_only(*columns))}


def _query(gradebook, assignment, kind, *wanted):
    """A query of student, notebook, cell and what is wanted, of each Grade or Comment of the assignment: one query for
    all, where nbgrader's own functions ask once a cell."""
    query = gradebook.db.query(SubmittedAssignment.student_id, Notebook.name, BaseCell.name, *wanted).select_from(kind)
    query = query.join(BaseCell, BaseCell.id == kind.cell_id)
    query = query.join(SubmittedNotebook, SubmittedNotebook.id == kind.notebook_id)
    query = query.join(Notebook, Notebook.id == SubmittedNotebook.notebook_id)
    query = query.join(SubmittedAssignment, SubmittedAssignment.id == SubmittedNotebook.assignment_id)
    query = query.join(Assignment, Assignment.id == SubmittedAssignment.assignment_id)
    return query.filter(Assignment.name == assignment)


def open_needs(record: Record, resolutions: Iterable[Resolution]) -> tuple[list[str], list[Resolution]]:
    """The reasons for a person to look at a submission that are open, and the Resolutions of the others."""
    needs = record.needs_attention
    if record.timestamp and not _time(record):
        needs = [*needs, f"the time {record.timestamp!r} cannot be read; it is taken for in time"]
    return split_needs(record.student, needs, resolutions)


def _row(record, cells, scores, policy, resolutions):
    needs, resolved = open_needs(record, resolutions)
    status = "graded" if record.status == "needs a person" and not needs else record.status
    row = {"student": record.student, "status": status, "auto_score": 0.0, "auto_max": 0.0}
    row |= {"manual_score": 0.0, "manual_max": 0.0, "manual_waiting": 0}
    row |= {"late_penalty": 0.0, "score": 0.0, "max_score": 0.0}
    for cell in cells:
        score, waits = scores.get((cell.notebook, cell.name), (0.0, False))
        row[f"{cell.kind}_score"] += score or 0.0
        row[f"{cell.kind}_max"] += cell.points
        row["manual_waiting"] += bool(waits)
        row[f"{cell.kind} {cell.short}"] = score if cell.kind == "auto" else score or 0.0
    earned = row["auto_score"] + row["manual_score"]
    row["late_penalty"] = late_policy.penalty(policy, record.student, _time(record), earned)
    row["score"] = earned - row["late_penalty"]
    row["max_score"] = row["auto_max"] + row["manual_max"]
    row |= {"seconds": record.seconds, "needs": "; ".join(needs)}
    return row | {"resolved": "; ".join(map(str, resolved))}


def _time(record):
    """The submission's time, or None where it is unknown or cannot be read."""
    try:
        return late_policy.moment(record.timestamp) if record.timestamp else None
    except (ValueError, OverflowError):
        return None


def export(course: Course, latest: Mapping[str, Record] = ()) -> list[dict]:
    """Write grades.csv and grades.json into the course's `out`, and return the rows of the former.

    What a gradebook that is new does not hold yet is merged into it, and it gets a copy of the penalties for lateness.

    grades.csv has the columns of `grades`. grades.json holds, for each student and question: score and maximum;
    verdict: "right", "partly right", "not right", or "not judged" where no verdict was reached; diagnosis, the names of
    the mistakes that were recognised; seconds; happened, sentences on what was seen; and the same of each part. A score
    that a teacher gave in place of the automatic one counts, and is said. `by_hand` holds the derivations, whose
    verdict is "read" or "to read".

    latest: {student: Record} that count in place of those in the course, where one could not be saved.
    """
    records = dict(sorted((load_records(course) | dict(latest)).items()))
    _catch_up(course, {name: record for name, record in records.items() if name not in dict(latest)})
    with course.open() as gradebook:
        scores = _scores(gradebook, course.name)
        _copy_penalties(gradebook, course, records, scores)
    rows = _rows(course, records, scores)
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]) if rows else ["student"])
    writer.writeheader()
    writer.writerows({name: spreadsheet_safe(cell) for name, cell in row.items()} for row in rows)
    write_whole(course.out / "grades.csv", text.getvalue())
    cells, resolutions = graded_cells(course), read_resolutions(course)
    detail = {
        row["student"]: _detail(records[row["student"]], row, cells, scores.get(row["student"], {}), resolutions)
        for row in rows
    }
    text = json.dumps({"assignment": course.name, "students": detail}, indent=1, allow_nan=False, default=str)
    write_whole(course.out / "grades.json", text)
    return rows


def _catch_up(course, records):
    """Merge the records of students who are not in the gradebook, as when it is new."""
    with course.open() as gradebook:
        query = (
            gradebook.db.query(SubmittedAssignment.student_id).join(Assignment).filter(Assignment.name == course.name)
        )
        known = {student for (student,) in query}
    for student in records.keys() - known:
        try:
            merge(Record.load(record_file(course, student)), course)
        except Exception as error:
            LOG.exception("%s: could not be put into the gradebook", student)
            records[student].needs_attention.append(f"could not be put into the gradebook: {error}")


def _copy_penalties(gradebook, course, records, scores):
    policy = course.rules.late
    query = gradebook.db.query(SubmittedNotebook, Notebook.name, SubmittedAssignment.student_id)
    query = query.join(Notebook, Notebook.id == SubmittedNotebook.notebook_id)
    query = query.join(SubmittedAssignment, SubmittedAssignment.id == SubmittedNotebook.assignment_id).join(Assignment)
    query = query.options(load_only(SubmittedNotebook.late_submission_penalty))
    for notebook, name, student in query.filter(Assignment.name == course.name):
        points = sum(
            score or 0.0 for (cell_notebook, _), (score, _) in scores.get(student, {}).items() if cell_notebook == name
        )
        if student in records:
            penalties = late_policy.notebook_penalties(policy, student, _time(records[student]), {name: points})
            notebook.late_submission_penalty = penalties[name]
    gradebook.db.commit()


def _detail(record, row, cells, scores, resolutions):
    questions, by_hand = {}, {}
    needs, resolved = open_needs(record, resolutions)
    for cell in cells:
        score, waits = scores.get((cell.notebook, cell.name), (0.0, False))
        if cell.kind == "auto":
            questions[cell.question] = _question(record, cell, score)
        else:
            verdict = "to read" if waits else "read"
            by_hand[cell.short] = {"score": score or 0.0, "maximum": cell.points, "verdict": verdict}
    totals = ("auto_score", "auto_max", "manual_score", "manual_max", "manual_waiting", "late_penalty", "score")
    return (
        {"status": row["status"], "needs": needs, "notes": record.repairs, "seconds": record.seconds}
        | {"resolved": [asdict(each) for each in resolved]}
        | {name: row[name] for name in (*totals, "max_score")}
        | {"questions": questions, "by_hand": by_hand, "cells": [asdict(cell) for cell in record.cells]}
    )


def _question(record, cell, score):
    result = record.questions.get(cell.question)
    entry = {"score": score, "maximum": cell.points, "verdict": "not judged", "diagnosis": [], "seconds": 0.0}
    if result is None or score is None:
        return entry | {"happened": list(record.needs_attention), "parts": [], "notebook": cell.notebook}
    right, some = result.score >= result.maximum, result.score > 0
    entry["verdict"] = "right" if right else "partly right" if some else "not right"
    entry["diagnosis"] = list(dict.fromkeys(part.mistake for part in result.parts if part.mistake))
    happened = [*result.messages]
    for part in result.parts:
        happened += [f"{part.name}: {message}" for message in part.messages]
    happened += result.errors
    if not math.isclose(score, result.score):
        happened.append(f"a teacher gave {score:g} in place of {result.score:g}")
    return _in_earlier_names(asdict(result)) | entry | {"seconds": result.seconds, "happened": happened}


def _in_earlier_names(question):
    """A question of grades.json, whose format has `words` for messages, and no key where a part has no mistake."""
    parts = [{name: value for name, value in part.items() if value is not None} for part in question["parts"]]
    question["parts"] = [part | {"error": part.get("error"), "words": part.pop("messages")} for part in parts]
    return question | {"words": question.pop("messages")}


SEPARATORS = ";,|"  # what a spreadsheet may take for the end of a cell, by the language that it speaks
BEFORE = ' "\u201c\u201d\u201e\u00ab\u00bb'  # spaces and quotation marks, which it may leave out before it reads a cell
FORMULA = "=+-@|"


def spreadsheet_safe(cell):
    """A cell of a CSV file as it may be opened in a spreadsheet: text is no formula and holds no control character.

    A program may split a line at semicolons or tabs where it was written with commas. So a ' is put before a character
    that begins a formula (= + - @ |, full-width and other forms of them too) wherever it stands first in the text, or
    first after a separator. A control character is written as Python writes it in a string. Nothing else is changed:
    who reads such a file back takes away a ' that stands before one of these, and grades.json has the text as it is.
    """
    if not isinstance(cell, str):
        return cell
    text, first = [], True
    for c in cell:
        if not c.isprintable():
            c, first = c.encode("unicode_escape").decode(), False
        elif first and _begins_formula(c):
            text.append("'")
        first = c in SEPARATORS or (first and c in BEFORE)
        text.append(c)
    return "'" + "".join(text) if cell.startswith(("\t", "\r")) else "".join(text)


def _begins_formula(c):
    return unicodedata.normalize("NFKC", c)[:1] in {*FORMULA, "\u2212"}  # the minus sign of mathematics

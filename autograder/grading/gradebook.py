"""The one writer: records into nbgrader's gradebook and its folder of autograded notebooks, and grades out of it."""

import csv
import hashlib
import json
import os
import shutil

from nbgrader.api import Gradebook, MissingEntry

from autograder.release import ASSIGNMENT

from .submission import Record


def merge(record, course, before=None):
    """Write one record into the gradebook. Twice is as good as once.

    Manual scores and comments stay. Where a manual score was given to another version of the submission (`before` is
    that version's record, or None), nbgrader's flag asks for a second look.
    """
    changed = before is not None and before.notebooks != record.notebooks
    folder = course.root / "autograded" / record.student / ASSIGNMENT
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name, text in record.notebooks.items():
        (folder / f"{name}.ipynb").write_text(text, encoding="utf8")
    if record.timestamp:
        (folder / "timestamp.txt").write_text(record.timestamp, encoding="utf8")
    with Gradebook(course.gradebook) as gradebook:
        gradebook.update_or_create_student(record.student)
        when = {"timestamp": record.timestamp} if record.timestamp else {}
        gradebook.update_or_create_submission(ASSIGNMENT, record.student, **when)
        for cell in record.cells:
            grade = gradebook.find_grade(cell["name"], cell["notebook"], ASSIGNMENT, record.student)
            grade.auto_score = cell["auto_score"]
            if grade.manual_score is None:
                grade.needs_manual_grade = grade.auto_score is None
            else:
                grade.needs_manual_grade = grade.needs_manual_grade or changed
        for found in record.comments:
            comment = gradebook.find_comment(found["name"], found["notebook"], ASSIGNMENT, record.student)
            comment.auto_comment = found["auto_comment"]
        gradebook.db.commit()


def record_file(course, student):
    """Where a student's record lies: under the name, or its beginning and a hash where it is too long for a file."""
    name = os.fsencode(student)
    if len(name) > 200:
        student = f"{name[:100].decode('utf8', 'ignore')}-{hashlib.sha256(name).hexdigest()[:32]}"
    return course.records / f"{student}.json"


def load_records(course):
    """Every record of the course, by student."""
    records = (Record.load(path) for path in sorted(course.records.glob("*.json")))
    return {record.student: record for record in records}


def grades(course, records=None):
    """A row a student, as dicts: automatic and manual points apart, each question's, and what needs a person.

    records: {student: Record}, by default those that are kept in the course.
    A manual score that a teacher gave to an automatic cell counts in place of the automatic one.
    """
    records = load_records(course) if records is None else records
    with Gradebook(course.gradebook) as gradebook:
        return [_row(gradebook, record) for record in records.values()]


def _row(gradebook, record):
    row = {"student": record.student, "status": record.status, "auto_score": 0.0, "auto_max": 0.0}
    row |= {"manual_score": 0.0, "manual_max": 0.0, "manual_waiting": 0, "score": 0.0, "max_score": 0.0}
    for notebook in gradebook.find_assignment(ASSIGNMENT).notebooks:
        for cell in notebook.grade_cells:
            try:
                grade = gradebook.find_grade(cell.name, notebook.name, ASSIGNMENT, record.student)
                score, waits = grade.score, grade.needs_manual_grade
            except MissingEntry:
                score, waits = 0.0, False
            kind = "auto" if cell.cell_type == "code" else "manual"
            row[f"{kind}_score"] += score
            row[f"{kind}_max"] += cell.max_score
            row["manual_waiting"] += bool(waits)
            row[f"{kind} {cell.name.removeprefix('check-').removeprefix('derive-')}"] = score
    row["score"] = row["auto_score"] + row["manual_score"]
    row["max_score"] = row["auto_max"] + row["manual_max"]
    return row | {"seconds": record.seconds, "needs": "; ".join(record.needs)}


def export(course, latest=()):
    """Write grades.csv and grades.json into the course's `out`, and return the rows of the former.

    latest: {student: Record} that count in place of those in the course, where one could not be saved.
    """
    records = dict(sorted((load_records(course) | dict(latest)).items()))
    rows = grades(course, records)
    with open(course.out / "grades.csv", "w", newline="", encoding="utf8") as file:
        writer = csv.DictWriter(file, list(rows[0]) if rows else ["student"])
        writer.writeheader()
        writer.writerows(rows)
    detail = {
        record.student: {
            "status": record.status,
            "needs": record.needs,
            "notes": record.notes,
            "seconds": record.seconds,
            "questions": record.questions,
            "cells": record.cells,
        }
        for record in records.values()
    }
    text = json.dumps({"assignment": ASSIGNMENT, "students": detail}, indent=1, allow_nan=False, default=str)
    (course.out / "grades.json").write_text(text, encoding="utf8")
    return rows

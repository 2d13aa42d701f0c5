"""A course that was begun with version 0.1: its folder opens, its submissions keep their grades.

tests/fixtures/course_0_1.json holds that course as {path: text}: the submissions of two students, the records of their
grades, the table, and nbgrader's gradebook as SQL, in which a teacher has read two derivations of `perfect`.
"""

import csv
import json
import sqlite3
from pathlib import Path

import pytest

from autograder.course.folder import Course
from autograder.grading.batch import grade_all
from autograder.grading.feedback_pages import write_feedback
from autograder.grading.gradebook import export, load_records

FIXTURE = Path(__file__).parents[2] / "fixtures" / "course_0_1.json"
# Formulas that version 0.1 repaired, or gave no point because it could not read them: they wait for a person now.
READ_BY_A_PERSON = [
    f"auto {name}-written" for name in ("1-1-beta", "2-2-theta_2b", "2-2-beta", "2-2-gamma", "2-2-theta_2a")
]
POINTS = ("student", "auto_score", "auto_max", "manual_score", "manual_max", "manual_waiting", "score", "max_score")


@pytest.fixture
def earlier(tmp_path):
    """The folder of submissions, the Course, and the table of grades as version 0.1 wrote it."""
    for name, text in json.loads(FIXTURE.read_text(encoding="utf8")).items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf8", newline="")
    course = Course.at(tmp_path / "grading")
    sql = course.root / "gradebook.sql"
    with sqlite3.connect(course.root / "gradebook.db") as gradebook:
        gradebook.executescript(sql.read_text(encoding="utf8"))
    gradebook.close()
    sql.unlink()
    for student, record in load_records(course, whole=True).items():
        for name, notebook in record.notebooks.items():
            path = course.root / "autograded" / student / "hw1" / f"{name}.ipynb"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(notebook, encoding="utf8")
    with open(tmp_path / "grading/grades.csv", encoding="utf8", newline="") as table:
        return tmp_path / "submitted", course, list(csv.DictReader(table))


def points(row):
    """A row's points by column, the columns of single questions included."""
    return {
        name: value if name == "student" else float(value)
        for name, value in row.items()
        if name in POINTS or name.startswith(("auto ", "manual "))
    }


def test_the_table_is_as_it_was(earlier):
    _, course, before = earlier
    assert [points(row) for row in export(course)] == [points(row) for row in before]
    assert [row["student"] for row in before] == ["perfect", "source-homework"]


def test_graded_again_every_point_is_as_it_was_but_for_formulas_that_wait_for_a_person(earlier):
    submitted, course, before = earlier
    with course.lock():
        rows, graded, _ = grade_all(submitted, course, again=True, jobs=1, say=lambda text: None)
        assert graded == 2
        waiting = [[name for name, value in row.items() if value is None] for row in rows]
        assert waiting == [[], READ_BY_A_PERSON]
        lost = sum(float(before[1][name]) for name in READ_BY_A_PERSON)
        expected = [points(row) for row in before]
        expected[1] |= dict.fromkeys(READ_BY_A_PERSON, 0)
        expected[1] |= {name: expected[1][name] - lost for name in ("auto_score", "score")}
        expected[1]["manual_waiting"] += len(READ_BY_A_PERSON)
        assert [points({n: v or 0 for n, v in row.items()} | {"student": row["student"]}) for row in rows] == expected
        assert rows[0]["needs"] == "" and rows[1]["needs"].count("formula was") == len(READ_BY_A_PERSON)
        written, failed = write_feedback(course, say=lambda text: None)
    assert (written, failed) == (2, {})
    pages = course.out / "feedback" / "perfect" / "hw1"
    assert "Well argued." in (pages / "problem1.html").read_text(encoding="utf8")

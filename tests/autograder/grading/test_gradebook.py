"""The one writer: once or ten times with the same result, and what a teacher wrote by hand stays."""

import csv

from nbgrader.api import Gradebook

from autograder.grading.gradebook import export, grades, load_records, merge
from autograder.grading.submission import Record

TASKS = {"problem1": ["1-1", "1-2", "1-3"], "problem2": ["2-2-head", "2-2-branch-b", "2-2-branch-a"]}


def record(course, student, score=2.0, written="an answer"):
    with Gradebook(course.gradebook) as gradebook:
        cells = [
            {"notebook": notebook.name, "name": cell.name, "max_score": cell.max_score}
            | {"kind": "automatic" if cell.cell_type == "code" else "manual"}
            | {"auto_score": score if cell.cell_type == "code" else None}
            for notebook in gradebook.find_assignment("hw1").notebooks
            for cell in notebook.grade_cells
        ]
    comments = [{"notebook": "problem1", "name": "derive-1-1", "auto_comment": "No response."}]
    made = Record(student, cells=cells, comments=comments, notebooks={"problem1": written, "problem2": "{}"})
    made.save(course.records / f"{student}.json")
    return made


def row(course, student):
    return next(row for row in grades(course) if row["student"] == student)


def by_hand(course, student, score, comment="Well argued."):
    with Gradebook(course.gradebook) as gradebook:
        grade = gradebook.find_grade("derive-1-1", "problem1", "hw1", student)
        grade.manual_score, grade.needs_manual_grade = score, False
        gradebook.find_comment("derive-1-1", "problem1", "hw1", student).manual_comment = comment
        gradebook.db.commit()


def test_ten_times_is_as_good_as_once(course):
    made = record(course, "ada")
    merge(made, course)
    once = row(course, "ada")
    for _ in range(9):
        merge(made, course, made)
    assert row(course, "ada") == once
    assert once["auto_score"] == 16
    assert once["auto_max"] == 75
    assert once["manual_waiting"] == 6
    folder = course.root / "autograded/ada/hw1"
    assert (folder / "problem1.ipynb").read_text() == "an answer"


def test_a_manual_score_and_its_comment_stay(course):
    first = record(course, "bob")
    merge(first, course)
    by_hand(course, "bob", 3.5)
    merge(record(course, "bob", score=4.0), course, first)
    after = row(course, "bob")
    assert after["auto_score"] == 32
    assert after["manual_score"] == after["manual 1-1"] == 3.5
    assert after["manual_waiting"] == 5
    assert after["score"] == 35.5
    with Gradebook(course.gradebook) as gradebook:
        assert gradebook.find_comment("derive-1-1", "problem1", "hw1", "bob").comment == "Well argued."


def test_a_manual_score_for_another_text_is_to_be_looked_at_again(course):
    first = record(course, "eve")
    merge(first, course)
    by_hand(course, "eve", 3.5)
    merge(record(course, "eve", written="another answer"), course, first)
    after = row(course, "eve")
    assert after["manual 1-1"] == 3.5
    assert after["manual_waiting"] == 6


def test_a_teachers_own_score_for_an_automatic_cell_counts(course):
    made = record(course, "joe")
    merge(made, course)
    with Gradebook(course.gradebook) as gradebook:
        gradebook.find_grade("check-1-3", "problem1", "hw1", "joe").manual_score = 4.0
        gradebook.db.commit()
    merge(made, course, made)
    assert row(course, "joe")["auto 1-3"] == 4.0
    assert row(course, "joe")["auto_score"] == 18


def test_a_submission_that_could_not_be_graded_has_a_row_too(course):
    nothing = Record("max", needs=["grading broke down: ValueError"])
    merge(nothing, course)
    nothing.save(course.records / "max.json")
    export(course)
    with open(course.out / "grades.csv", newline="", encoding="utf8") as file:
        rows = {found["student"]: found for found in csv.DictReader(file)}
    assert rows["max"]["status"] == "not graded"
    assert float(rows["max"]["score"]) == 0
    assert float(rows["max"]["max_score"]) == 111
    assert set(rows) == set(load_records(course))

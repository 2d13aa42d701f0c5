"""Pages of feedback: for whoever is called whatever, and nobody keeps the others waiting."""

import csv
import time

import nbformat
import pytest
from nbformat.v4 import new_markdown_cell

from autograder import cli
from autograder.grading import feedback_pages as feedback
from autograder.grading.feedback_pages import write_feedback, write_pages
from autograder.grading.gradebook import export, graded_cells, merge, record_file
from autograder.grading.records import CellScore, Record

STRANGE = [
    "name*[1]",
    " ",
    "  two  ",
    "a\nb",
    "\n",
    "tab\there",
    "[!a]",
    "{student_id}",
    "+x",
    "-x",
    "(?P<x>",
    "a\x1b[2Jb",
    "\u202eeve",
    ".*",
    "ada",
]


def graded(course, released, student, extra=()):
    """A record of a submission in the course, as grading would leave it, with these cells at a notebook's end."""
    notebooks = {name: nbformat.from_dict(notebook) for name, notebook in released.items()}
    notebooks["problem1"] = nbformat.from_dict(released["problem1"] | {"cells": [*released["problem1"].cells, *extra]})
    record = Record(student, notebooks={name: nbformat.writes(notebook) for name, notebook in notebooks.items()})
    for cell in graded_cells(course):
        kind, score = ("automatic", 1.0) if cell.kind == "auto" else ("manual", None)
        record.cells.append(CellScore(cell.notebook, cell.name, kind, score, cell.points))
    record.save(record_file(course, student))
    merge(record, course)
    return record


@pytest.fixture
def fresh(tmp_path, course):
    """A course folder of its own with nobody in it."""
    made = type(course).at(tmp_path / "out")
    made.prepare()
    return made


def page_of(course, student, notebook="problem1"):
    return course.out / "feedback" / student / "hw1" / f"{notebook}.html"


def test_whatever_a_folder_is_called_its_student_has_pages_a_row_and_a_place_in_the_report(fresh, released, capsys):
    for student in STRANGE:
        graded(fresh, released, student)
    written, failed = write_feedback(fresh, say=lambda line: None)
    assert (written, failed) == (len(STRANGE), {})
    for student in STRANGE:
        assert "Score:" in page_of(fresh, student).read_text(encoding="utf8")
        assert page_of(fresh, student, "problem2").is_file()
    assert [row["student"] for row in export(fresh)] == sorted(STRANGE)
    with open(fresh.out / "grades.csv", newline="", encoding="utf8") as file:
        assert len(list(csv.reader(file))) == len(STRANGE) + 1
    for command in ("feedback", "summary", "report", "export"):
        assert cli.main([command, "--out", str(fresh.out)]) in (cli.GRADED, cli.NEEDS_A_PERSON)
    printed = capsys.readouterr().out
    assert not set("\x1b\t\u202e") & set(printed) and "a\\x0ab" in printed


def slow_for_eve(course, student):
    if student == "eve":
        time.sleep(600)
    return write_pages(course, student)


def test_who_takes_too_long_is_named_and_the_others_have_their_pages(fresh, released, monkeypatch, capsys):
    for student in ("ada", "eve", "kim"):
        graded(fresh, released, student)
    monkeypatch.setattr(feedback, "write_pages", slow_for_eve)
    monkeypatch.setattr(feedback, "STUDENT_TIMEOUT", 20)
    assert cli.main(["feedback", "--out", str(fresh.out)]) == cli.NEEDS_A_PERSON
    printed = capsys.readouterr().out
    assert "no feedback for eve: its pages could not be made: no answer in 20 s; its process was ended" in printed
    assert page_of(fresh, "ada").is_file() and page_of(fresh, "kim").is_file() and not page_of(fresh, "eve").exists()
    monkeypatch.undo()
    assert write_feedback(fresh, say=lambda line: None) == (1, {}), "the next time it is tried again"


def test_six_hundred_cells_that_keep_a_parser_busy_have_a_page(fresh, released):
    graded(fresh, released, "eve", [new_markdown_cell("\\\\[ " * 7500) for _ in range(600)])
    assert write_feedback(fresh, say=lambda line: None) == (1, {})
    assert "\\\\[ \\\\[ " in page_of(fresh, "eve").read_text(encoding="utf8")

"""What stands on top of a page: every sentence on its own notebook's page, and none that shows what is hidden."""

import math
from dataclasses import replace

import nbformat
import pytest

from autograder.faults import Fault
from autograder.grading.records import PartResult, QuestionResult, Record
from autograder.grading.resolutions import Resolution
from autograder.reports.book_equations import book_equations
from autograder.reports.feedback_summary import fold, summarize
from tests.hw1 import ASSIGNMENT

EQUATIONS = book_equations(ASSIGNMENT.course_folder)
NAMES = ["problem1", "problem2"]


def graded(name, score, points, kind="code"):
    make = nbformat.v4.new_code_cell if kind == "code" else nbformat.v4.new_markdown_cell
    metadata = {"grade": True, "solution": kind != "code", "grade_id": name, "points": points, "score": score}
    return make("x", metadata={"nbgrader": metadata | {"task": False, "locked": kind == "code"}})


def summary(record=None, needs=(), resolved=(), cells=(), score=0.0):
    notebook = nbformat.v4.new_notebook(cells=list(cells))
    return summarize(
        notebook,
        "problem1",
        record or Record("ada"),
        list(needs),
        list(resolved),
        score,
        NAMES,
        ASSIGNMENT.mistakes,
        EQUATIONS,
    )


def test_points_by_hand_and_automatic_ones_and_what_is_open():
    cells = [graded("check-1-1", 4.0, 4), graded("check-1-2", math.nan, 4), graded("check-1-3", 1.0, 4)]
    cells += [graded("derive-1-1", 1.5, 2, "markdown"), graded("derive-1-2", math.nan, 2, "markdown")]
    made = summary(cells=cells, score=6.5)
    assert (made.score, made.maximum) == ("6.5", "10")
    assert made.so_far == " so far: a derivation is not read yet, and a check is not graded yet"
    assert made.parts == "5 of 8 graded automatically, 1.5 of 2 graded by hand"
    results = {name: (row.points, row.result, row.kind) for name, row in made.rows.items()}
    assert results["check-1-1"] == ("4 of 4", "right", "right")
    assert results["check-1-2"] == ("not graded, of 4", "a person will look at it", "open")
    assert results["check-1-3"] == ("1 of 4", "partly right", "wrong")
    assert results["derive-1-2"][0] == "not read yet, of 2"
    assert results["derive-1-1"] == ("1.5 of 2", "graded by hand", "open")


def test_what_could_not_be_read_is_not_called_wrong():
    blank = graded("derive-1-1", 0.0, 2, "markdown")
    blank.metadata.nbgrader.comment = "No response."
    made = summary(cells=[blank, graded("check-1-1", 0.0, 4)])
    assert [row.result for row in made.rows.values()] == ["nothing was written", "not graded"]
    judged = {"1-1": QuestionResult("1-1", "problem1", 0, 4, (PartResult("out", 0, 4, "not yet"),))}
    made = summary(Record("ada", questions=judged), cells=[graded("check-1-1", 0.0, 4)])
    assert made.rows["check-1-1"].result == "not right"


def test_a_fault_is_told_without_the_exception_which_could_hold_a_hidden_input():
    fault = Fault("check-1-2 could not be judged", "ValueError: 0.8731 is hidden", "Traceback 0.8731")
    made = summary(Record("ada", faults=[fault], needs_attention=[fault.need]), [fault.need])
    assert made.needs_attention == ("check-1-2 could not be judged, through no fault of yours",)
    resolved = [Resolution("ada", (fault.need,), "seen", "Grace", "2030-01-01")]
    assert "0.8731" not in str(summary(Record("ada", faults=[fault]), (), resolved))


@pytest.mark.parametrize(
    ("sentence", "shown"),
    [
        ("problem1: a cell was put back", ("a cell was put back",)),
        ("problem1.ipynb is missing", ("problem1.ipynb is missing",)),
        ("problem2: a cell was put back", ()),
        ("problem2.ipynb is missing", ()),
        ("grading broke down", ("grading broke down",)),
        ("problem1: /home/teacher/course/x.py fails\x1b[2J", ("…/x.py fails",)),
    ],
)
def test_a_sentence_stands_on_the_page_of_its_notebook(sentence, shown):
    assert summary(Record("ada", repairs=[sentence]), [sentence]).needs_attention == shown
    assert summary(Record("ada", repairs=[sentence])).repairs == shown


def test_a_mistake_is_named_once_with_every_place_where_it_was_made():
    part = PartResult("da_1b", 0, 4, "not yet", "batch statistics taken as constants")
    judged = QuestionResult("2-1", "problem2", 0, 8, (part, part))
    questions = {
        name: replace(judged, question=name, notebook="problem1") for name in ("2-2 branch b", "2-2 theta_1b, written")
    }
    questions["2-1"] = judged
    (mistake,) = summary(Record("ada", questions=questions)).mistakes
    assert mistake.name == "Batch statistics taken as constants" and "data-equation" in mistake.reference
    assert mistake.where == ("check-2-2-branch-b", "check-2-2-theta_1b-written")


@pytest.mark.parametrize(
    ("source", "missing"),
    [
        ("![](photo.jpg)", ["photo.jpg"]),
        ("![page 1](<my/photo.jpg> 'title') ![](attachment:gone.png)", ["my/photo.jpg", "attachment:gone.png"]),
        ('<img src="https://example.org/a.png">', ["https://example.org/a.png"]),
        ("![](attachment:here.png) ![](data:image/png;base64,AAAA) [a link](b.png)", []),
        ("![" * 50_000, []),
    ],
)
def test_a_picture_that_is_not_in_the_notebook_is_said(source, missing):
    cell = graded("derive-1-1", math.nan, 2, "markdown")
    cell.source, cell.attachments = source, {"here.png": {"image/png": "AAAA"}}
    sentences = [f"Derivation 1-1: {name} is not in the notebook, so nobody can see it." for name in missing]
    assert list(summary(cells=[cell]).pictures) == sentences


def test_what_is_given_is_folded_and_what_is_a_student_s_is_not():
    new = nbformat.v4.new_markdown_cell
    cells = [new("text"), new("## 1-1 The $x$\n\ntext"), new("mine"), nbformat.v4.new_code_cell("import numpy as np")]
    failing = nbformat.v4.new_code_cell("1 / 0", outputs=[nbformat.v4.new_output("error", ename="E", evalue="")])
    cells += [graded("check-1-1", 1.0, 1), failing]
    notebook = nbformat.v4.new_notebook(cells=cells)
    fold(notebook, {"text", "## 1-1 The $x$\n\ntext", "import numpy as np", "x", "1 / 0"})
    marks = [(cell.metadata.get("fold"), cell.metadata.get("fold_end")) for cell in notebook.cells]
    assert marks == [
        ("Statement: 1-1 The x", None),
        (None, True),
        (None, None),
        ("Given code", True),
        (None, None),
        (None, None),
    ]

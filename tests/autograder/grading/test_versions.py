"""Whoever changes verdicts or pages raises the version; otherwise they reach nobody who has been graded already."""

import hashlib
import json
import re

import nbformat
import numpy as np
from traitlets.config import Config

import solutions
from assignments.hw1.formula_verdicts import judge_formula
from autograder import versions
from autograder.grading import feedback_pages, gradebook
from autograder.grading.formula_grading import shown
from autograder.questions.public import call_in
from autograder.reports import feedback
from autograder.reports.book_equations import book_equations
from autograder.reports.feedback_summary import Named, Row, Summary
from autograder.reports.verdict_html import html
from tests.hw1 import ASSIGNMENT, judge
from verification.mistake_matrix import diagnose

NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:e[+-]?\d+)?")


def without_noise(page):
    """A page without what rounding decides: digits, and whether two numbers agree exactly."""
    page = NUMBER.sub("#", page)
    return re.sub(r"(?:,? )?(?:to #|digit for digit|exactly|off by #)", "~", page)


def digest_of(thing):
    return hashlib.sha256(json.dumps(thing, sort_keys=True, ensure_ascii=False).encode()).hexdigest()[:16]


def functions(**wrong):
    return {name: thing for name, thing in vars(solutions).items() if callable(thing)} | wrong


def diagonal(x):
    return np.diag(solutions.softmax_forward(x)[0] * (1 - solutions.softmax_forward(x)[0]))


def constant_statistics(dz_2b, cache):
    right = dict(solutions.branch_b_backward(dz_2b, cache))
    right["da_1b"] = right["dc"] * cache["gamma"] / np.sqrt(cache["var_b"] + cache["eps"])
    right["dz_1b"] = right["da_1b"] * (cache["z_1b"] > 0)
    return right | {"dtheta_1b": right["dz_1b"].T @ cache["x"]}


ANSWERS = [
    ("1-1", {}),
    ("1-3", {"softmax_jacobian": diagonal}),
    ("1-3", {"softmax_jacobian": lambda x: None}),
    ("2-2 branch b", {"branch_b_backward": constant_statistics}),
]
FORMULAS = [
    ("1-3, written", r"y_i ([i = j] - y_j)"),
    ("1-3, written", r"\operatorname{diag}(y - y y^\top"),
    ("2-2 gamma, written", r"\sum_i \theta_{2B}^\top (\hat y_{b,i} - y_{b,i}) \circ \hat x_i"),
]


def verdicts():
    found = []
    for question_id, wrong in ANSWERS:
        judged = judge(question_id, call_in(functions(**wrong)), 7, draws=1, diagnose=diagnose)
        page = html(judged.result, judged.names, judged.pictures, book_equations(ASSIGNMENT.course_folder))
        found.append([[part.name, part.points, part.status] for part in judged.result.parts] + [without_noise(page)])
    for question_id, latex in FORMULAS:
        verdict = judge_formula(question_id, latex, 7)
        page = shown(ASSIGNMENT, question_id, verdict, latex, 1.0)
        found.append(
            [verdict.verdict, verdict.name, verdict.repair, without_noise(re.sub(r"<math.*?</math>", "", page))]
        )
    return found


def page():
    """A page of each kind of cell, without the colours of code, which Pygments chooses."""
    grade = {"grade": True, "solution": False, "locked": True, "grade_id": "check-1-1", "points": 4.0, "score": 4.0}
    grade |= {"task": False}
    derivation = grade | {"grade_id": "derive-1-1", "solution": True, "locked": False, "comment": "*Why?*"}
    cells = [
        nbformat.v4.new_markdown_cell("# Given", metadata={"fold": "Statement", "fold_end": True}),
        nbformat.v4.new_markdown_cell("## Mine $x$ ![](photo.jpg)", metadata={"nbgrader": derivation}),
        nbformat.v4.new_code_cell("check(1)", metadata={"nbgrader": grade}),
        nbformat.v4.new_code_cell("x", outputs=[nbformat.v4.new_output("stream", text="<b>")]),
    ]
    for number, cell in enumerate(cells):
        cell.id = f"cell-{number}"
    rows = {"check-1-1": Row("Check 1-1", "4 of 4", "right", "right")}
    rows["derive-1-1"] = Row("Derivation 1-1", "not read yet, of 2", "a person reads it", "open")
    named = Named("A mistake", "What. Look.", "See the book.", ("check-1-1",))
    lists = dict(
        mistakes=(named,), needs_attention=("a need",), resolved=("was one",), repairs=("a note",), pictures=("gone",)
    )
    summary = Summary("4", "4", " so far", "4 of 4 graded automatically", rows, **lists)
    shown = {"notebook": "problem1", "summary": summary, "highlighting": "", "late_penalty": 1.5}
    config = Config()
    feedback.configure(config, ".")
    exporter = feedback.FeedbackExporter(config=config, template_name="feedback")
    text, _ = exporter.from_notebook_node(nbformat.v4.new_notebook(cells=cells), {"nbgrader": shown})
    return re.sub(r"<math.*?</math>", "<math>", re.sub(r"</?span[^>]*>", "", text))


def recorded(kind, version, digest, now):
    assert digest == now, (
        f"The {'verdicts' if kind == 'GRADING' else 'pages'} are other than those of {kind}_VERSION {version}. If "
        f"that is wanted, raise {kind}_VERSION in autograder/versions.py by 1, and write {now!r} as its "
        f"{kind}_DIGEST. Else undo the change. Without a new version those who have been graded keep what they have."
    )


def test_verdicts_are_those_of_the_grading_version():
    recorded("GRADING", versions.GRADING_VERSION, versions.GRADING_DIGEST, digest_of(verdicts()))


def test_pages_are_those_of_the_feedback_version():
    recorded("FEEDBACK", versions.FEEDBACK_VERSION, versions.FEEDBACK_DIGEST, digest_of(page()))


def test_rounding_is_no_other_verdict():
    assert without_noise("right, to 3e-17") == without_noise("right, exactly")
    assert without_noise("yours 1.093") == without_noise("yours 1.0931")
    assert without_noise("not right") != without_noise("right")


def test_a_page_is_written_again_when_its_version_or_what_it_says_changes(course, monkeypatch):
    record = gradebook.Record("vera", notebooks={})
    record.save(course.records / "vera.json")
    gradebook.merge(record, course)

    def stamp(**changed):
        made = gradebook.Record(**{"student": "vera"} | changed)
        with course.open() as opened:
            return feedback_pages._stamp(course, opened, made, [])

    before = stamp()
    assert stamp() == before
    assert stamp(repairs=["a cell was put back"]) != before and stamp(needs_attention=["a reason"]) != before
    monkeypatch.setattr(feedback_pages, "FEEDBACK_VERSION", versions.FEEDBACK_VERSION + 1)
    assert stamp() != before
    (course.records / "vera.json").unlink()

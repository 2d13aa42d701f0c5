"""One submission: whatever is handed in, a record comes out, and the cells count as they were released."""

import base64
import json
import shutil
import subprocess
import sys

import nbformat
import pytest
from nbgrader.api import Gradebook

from autograder.faults import Fault
from autograder.grading import grader as execute
from autograder.grading import submission
from autograder.grading.notebook_file import MAX_FILE_BYTES, parse_notebook, read_notebook
from autograder.grading.records import CellComment, CellScore, PartResult, QuestionResult, Record, from_json, to_json
from autograder.grading.repair import repair
from autograder.grading.submission import grade_submission
from tests.hw1 import WRITTEN, fill, right_answers


def points(record):
    return {question_id: result.score for question_id, result in record.questions.items()}


FULL = {"1-1": 4, "1-2": 4, "1-3": 4}
FULL |= {"2-1": 16, "2-2 head": 8, "2-2 branch b": 15, "2-2 branch a": 12, "2-2": 12}
FULL |= WRITTEN


def test_cells_that_were_moved_doubled_retyped_and_deleted_cost_nothing(course, submit):
    def edit(name, notebook):
        cells = {cell.metadata.get("nbgrader", {}).get("grade_id"): cell for cell in notebook.cells}
        if name == "problem1":
            notebook.cells.remove(cells["check-1-1"])  # deleted
            notebook.cells.remove(cells["check-1-1-gamma-written"])
            doubled = nbformat.v4.new_code_cell(cells["given-batch-norm"].source)
            doubled.metadata = cells["given-batch-norm"].metadata
            notebook.cells.append(doubled)  # the last counts
            cells["check-1-3"].metadata.nbgrader.points = 400  # forged
            cells["check-1-3"].metadata.nbgrader.locked = False
            cells["check-1-3"].source = "400.0"
            cells["given-softmax"].source = "softmax_forward = None"  # a locked cell, edited
        else:
            for cell in notebook.cells:  # as some platforms save them
                cell.metadata.pop("nbgrader", None)

    record = grade_submission(submit("wild", {}, edit), course)
    assert points(record) == FULL
    assert record.status == "graded"
    assert 'problem1: cell "check-1-1" was gone; it is back in its place' in record.repairs
    assert 'problem1: cell "check-1-1-gamma-written" was gone; it is back in its place' in record.repairs
    assert 'problem1: cell "given-batch-norm" occurs 2 times; the last one counts' in record.repairs
    matched = "its cells came without the information of the assignment; they were matched by their ids and contents"
    assert f"problem2: {matched}" in record.repairs
    assert [cell.auto_score for cell in record.cells if cell.kind == "manual"] == [None] * 6


def test_a_loop_in_a_cell_and_a_kernel_that_ends_itself_cost_what_they_touch(course, submit):
    cells = {
        "batch_norm_jacobian": right_answers()["batch_norm_jacobian"] + "\nwhile True:\n    pass",
        "two_branch_forward": right_answers()["two_branch_forward"].replace("s = c + z_2a", "import os; os._exit(1)"),
    }
    record = grade_submission(submit("rough", cells), course, timeout=2)
    assert points(record) == FULL | {"2-1": 0}
    assert record.status == "needs a person"
    assert record.needs_attention == [
        'problem1: cell "batch_norm_jacobian" took longer than 2 s and was stopped (the other cells count)',
        "problem2: the kernel ended itself in two_branch_forward (the other questions count)",
    ]
    assert "could not be called" in record.questions["2-1"].messages[0]


def test_a_kernel_that_ends_itself_in_a_cell_leaves_what_was_before_it(course, submit):
    cells = {"branch_b_backward": right_answers()["branch_b_backward"] + "\nimport os; os.kill(os.getpid(), 11)"}
    record = grade_submission(submit("short", cells), course)
    assert points(record) == FULL | {"2-2 branch b": 0, "2-2 branch a": 0, "2-2": 0}
    for name in ("2-2 theta_2a", "2-2 theta_1a"):
        why = 'the kernel ended itself in cell "branch_b_backward" (SIGSEGV)'
        assert f"problem2: the formula of {name} was read from its cell's source: {why}" in record.repairs
    assert record.needs_attention == [
        'problem2: the kernel ended itself in cell "branch_b_backward" (SIGSEGV) (the cells before it count)'
    ]


def test_nothing_hidden_is_there_yet_when_a_cell_prints(course, submit):
    stash = "\nseen = []\n_f = softmax_jacobian\ndef softmax_jacobian(x):\n    seen.append(x)\n    return _f(x)"
    cells = {"softmax_jacobian": right_answers()["softmax_jacobian"] + stash}

    def tell(name, notebook):
        notebook.cells.append(
            nbformat.v4.new_code_cell("print('seen', len(seen))")
            if name == "problem1"
            else nbformat.v4.new_code_cell("import os; print(os.listdir('/tmp'))")
        )

    record = grade_submission(submit("teller", cells, tell), course)
    assert points(record) == FULL
    assert "seen 0" in record.notebooks["problem1"]


def test_hidden_inputs_come_after_all_that_is_shown_of_every_notebook(course, submit, monkeypatch):
    order = []
    for module, name in (
        (submission, "run_cells"),
        (execute, "grade_public"),
        (execute, "grade_hidden"),
        (execute.formula_grading, "received"),
        (execute.formula_grading, "grade_hidden"),
    ):
        stock = getattr(module, name)
        monkeypatch.setattr(module, name, lambda *a, _n=name, _f=stock, **k: (order.append(_n), _f(*a, **k))[1])
    assert points(grade_submission(submit("ordered", {}), course)) == FULL
    assert order[:2] == ["run_cells"] * 2
    assert sorted(order[2:21]) == ["grade_public"] * 8 + ["received"] * 11
    assert order[21:] == ["grade_hidden"] * 19


@pytest.mark.parametrize("broken", [False, True])
def test_no_channel_is_left_open_and_the_rules_are_read_once(course, submit, monkeypatch, broken):
    runs, read, stock = [], [], submission.run_cells
    monkeypatch.setattr(submission, "run_cells", lambda *args: runs.append(stock(*args)) or runs[-1])
    rules = execute.course_config.read_config
    monkeypatch.setattr(execute.course_config, "read_config", lambda root: read.append(root) or rules(root))
    if broken:
        monkeypatch.setattr(submission, "grade_public_draws", lambda *args: 1 / 0)
    record = grade_submission(submit(f"channels-{broken}", {}), course)
    assert any("grading broke down: ZeroDivisionError" in need for need in record.needs_attention) == broken
    channels = [channel for found in runs for channel in found.channels.values()]
    assert len(channels) == 19 and all(channel.local.fileno() == -1 for channel in channels)
    assert broken or len(read) == 1


def test_a_pasted_picture_of_a_derivation_stays(course, submit):
    png = base64.b64encode(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\0\0\0\0").decode()

    def paste(name, notebook):
        cell = next(
            cell for cell in notebook.cells if cell.metadata.get("nbgrader", {}).get("grade_id") == "derive-1-1"
        )
        cell.attachments = {"photo.png": {"image/png": png, "text/html": "<script>"}}

    record = grade_submission(submit("photo", {}, lambda n, nb: paste(n, nb) if n == "problem1" else None), course)
    assert png in record.notebooks["problem1"]
    assert "<script>" not in record.notebooks["problem1"]


def test_a_loop_that_does_not_stop_when_told_to_ends_with_its_kernel(course, submit):
    stubborn = (
        "while True:\n    try:\n        while True:\n            pass\n    except KeyboardInterrupt:\n        pass"
    )
    record = grade_submission(submit("stubborn", {"dropout_jacobian": stubborn}), course, timeout=1)
    assert points(record) == FULL | {"1-2": 0, "1-3": 0}
    assert "did not stop when told to" in record.needs_attention[0]


def test_student_code_runs_beside_the_public_files_and_no_path_is_shown(course, submit):
    looking = "\nimport os, sys\nprint(sorted(os.listdir()), os.getcwd(), sys.prefix)\nnp.linalg.inv(np.zeros((2, 2)))"
    record = grade_submission(submit("curious", {"helpers": right_answers()["helpers"] + looking}), course)
    printed = json.loads(record.notebooks["problem2"])
    (text,) = (
        "".join(o["text"]) for cell in printed["cells"] for o in cell.get("outputs", ()) if o.get("name") == "stdout"
    )
    assert text.startswith("['checks.py', 'formulas.py', 'gradcheck.py']")
    assert "No module named" not in record.notebooks["problem1"] + record.notebooks["problem2"]
    assert text.split("]")[1].split() == ["…/" + word.split("/")[-1] for word in text.split("]")[1].split()]
    assert "LinAlgError" in record.notebooks["problem2"]
    assert "site-packages" not in record.notebooks["problem2"]
    assert points(record) == FULL


OWN_CHECK = {
    "batch_norm_jacobian": "def check(question):\n    return 4.0",
    "dropout_jacobian": "",
    "softmax_jacobian": "",
}


def test_a_check_of_the_students_own_earns_nothing(course, submit):
    record = grade_submission(submit("own", OWN_CHECK), course)
    assert points(record) == FULL | {"1-1": 0, "1-2": 2, "1-3": 0}


def test_nbgraders_own_command_writes_the_same_scores_and_comments(course, submit, released):
    def edit(name, notebook):
        for index, cell in enumerate(notebook.cells):  # nothing but one derivation is left out
            if cell.metadata.get("nbgrader", {}).get("grade_id") == "derive-2-2-head":
                cell.source = released[name].cells[index].source

    folder = submit("stock", OWN_CHECK, edit)
    record = grade_submission(folder, course)
    shutil.copytree(folder, course.root / "submitted/stock/hw1")
    command = [sys.executable, "-m", "nbgrader", "autograde", "hw1", "--student", "stock"]
    subprocess.run(command, cwd=course.root, check=True, capture_output=True, timeout=120)
    with Gradebook(course.gradebook) as gradebook:
        notebooks = gradebook.find_submission("hw1", "stock").notebooks
        scores = {(n.name, grade.name): (grade.auto_score, grade.max_score) for n in notebooks for grade in n.grades}
        comments = {(n.name, comment.name): comment.auto_comment for n in notebooks for comment in n.comments}
    assert {(c.notebook, c.name): (c.auto_score, c.max_score) for c in record.cells} == scores
    assert {(c.notebook, c.name): c.auto_comment for c in record.comments} == comments
    assert scores["problem1", "check-1-2"] == (2, 4)
    assert {None, 0.0} < {score for score, _ in scores.values()}
    assert {None, "No response."} == set(comments.values())


def test_nothing_is_raised_where_nothing_can_be_read(course, tmp_path):
    (tmp_path / "nobody" / "hw1").mkdir(parents=True)
    record = grade_submission(tmp_path / "nobody" / "hw1", course)
    assert record.status == "needs a person"
    assert record.needs_attention == ["problem1.ipynb is missing", "problem2.ipynb is missing"]
    assert [cell.auto_score for cell in record.cells] == [0.0] * 25
    assert points(record) == {}


def test_a_grader_that_breaks_down_leaves_a_row(tmp_path):
    record = grade_submission(tmp_path / "anybody" / "hw1", None)
    assert record.status == "not graded"
    assert record.needs_attention == [
        "grading broke down: AttributeError: 'NoneType' object has no attribute 'release'"
    ]


def test_a_record_is_written_and_read_whole(tmp_path):
    part = PartResult("out", 0.5, 1, "not yet", "a mistake", 1e-3, ("a sentence",))
    record = Record(
        "ada",
        key="k",
        needs_attention=["a"],
        repairs=["b"],
        cells=[CellScore("problem1", "check-1-1", "automatic", None, 4.0)],
        comments=[CellComment("problem1", "derive-1-1", "No response.")],
        questions={"1-1": QuestionResult("1-1", "problem1", 0.5, 4.0, (part,), ("all",), 7, ("raised",), 0.1)},
        faults=[Fault("1-1", "ValueError: x")],
    )
    record.save(tmp_path / "ada.json")
    assert Record.load(tmp_path / "ada.json") == record
    assert [path.name for path in tmp_path.iterdir()] == ["ada.json"]


def test_a_record_of_version_0_1_is_read():
    """Its fields have other names, and nothing is lost."""
    part = {"name": "J", "points": 2, "maximum": 4, "verdict": "not yet", "mistake": "m", "error": 0.5, "words": ["w"]}
    question = {"question": "1-3", "notebook": "problem1", "score": 2.0, "maximum": 4.0, "parts": [part]}
    question |= {"words": ["on the whole"], "public_seed": 0, "errors": [], "seconds": 0.2}
    cell = {"notebook": "problem1", "name": "check-1-3", "kind": "automatic", "auto_score": 2.0, "max_score": 4.0}
    earlier = {"student": "ada", "needs": ["a"], "notes": ["b"], "cells": [cell], "questions": {"1-3": question}}
    record = from_json(json.dumps(earlier))
    assert (record.needs_attention, record.repairs) == (["a"], ["b"])
    assert record.cells == [CellScore("problem1", "check-1-3", "automatic", 2.0, 4.0)]
    expected = PartResult("J", 2, 4, "not yet", "m", 0.5, ("w",))
    assert record.questions["1-3"] == QuestionResult(
        "1-3", "problem1", 2.0, 4.0, (expected,), ("on the whole",), 0, (), 0.2
    )
    assert from_json(to_json(record)) == record


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "not valid JSON"),
        (b'{"cells": [', "not valid JSON"),
        (b"\xff\xfe", "not a notebook"),
        (b"[" * 100_000, "not a notebook"),
        (b"[]", "no list of cells"),
        (b'{"cells": 3}', "no list of cells"),
        (b'{"cells": [3]}', "no list of cells"),
        (b'{"worksheets": []}', "no list of cells"),
    ],
)
def test_what_is_not_a_notebook_is_said_in_words(tmp_path, content, words):
    path = tmp_path / "problem1.ipynb"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=f"problem1.ipynb .*{words}"):
        read_notebook(path)


def test_a_notebook_that_is_too_large_is_not_read(tmp_path):
    path = tmp_path / "problem1.ipynb"
    with path.open("wb") as file:
        file.truncate(MAX_FILE_BYTES + 1)
    with pytest.raises(ValueError, match="too large"):
        read_notebook(path)


def _parsed(notebook):
    return parse_notebook(nbformat.writes(notebook).encode(), "problem.ipynb")


STRANGE = [
    {},
    {"cell_type": 3, "source": 4, "metadata": []},
    {"cell_type": "code", "source": ["a = 1\n", None], "metadata": {"nbgrader": "no"}, "outputs": "lies"},
    {"cell_type": "code", "source": "b", "metadata": {"nbgrader": {"grade_id": ["a list"]}}},
    {"cell_type": "markdown", "source": "c", "metadata": {"nbgrader": {"grade_id": "unknown", "grade": True}}},
]


def test_cells_of_any_form_become_cells_of_the_right_form(released):
    blank = fill(released["problem1"], {})
    repaired = repair(parse_notebook(json.dumps({"cells": STRANGE}).encode(), "x.ipynb"), blank)
    nbformat.validate(repaired.notebook)
    cells = [(cell.source, "nbgrader" in cell.metadata) for cell in repaired.notebook.cells]
    expected = [(cell.source, "nbgrader" in cell.metadata) for cell in released["problem1"].cells]
    expected[2:2] = [("a = 1\n", False), ("b", False)]
    expected[expected.index(("YOUR DERIVATION HERE", True))] = ("c", True)
    assert cells == expected
    assert [need[:13] for need in repaired.needs_attention] == ['"derive-1-1":', '"derive-1-2":', '"derive-1-3":']
    assert len([note for note in repaired.repairs if "was gone" in note]) == 19


def test_a_locked_cell_that_was_edited_is_as_it_was(released):
    filled = fill(released["problem1"], {"given-softmax": "softmax_forward = None", "check-1-1": "4.0"})
    mended = repair(_parsed(filled), fill(released["problem1"], {})).notebook
    expected = [cell.source for cell in released["problem1"].cells]
    expected.insert(25, "softmax_forward = None")  # it is run first, and directly after it the released one
    assert [cell.source for cell in mended.cells] == expected


def test_a_repaired_notebook_that_was_right_is_as_it_was(released):
    filled = fill(released["problem2"], right_answers())
    repaired = repair(_parsed(filled), fill(released["problem2"], {}))
    assert repaired.repairs == repaired.needs_attention == repaired.uncertainties == []
    assert [(c.cell_type, c.source, c.metadata) for c in repaired.notebook.cells] == [
        (c.cell_type, c.source, c.metadata if "nbgrader" in c.metadata else {}) for c in filled.cells
    ]

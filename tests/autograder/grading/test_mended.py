"""Submissions that tools and hands have changed, graded whole, in the sandbox: what the issue lists, end to end."""

import csv
import json
import random

import nbformat
import pytest

from autograder.cli import NEEDS_A_PERSON, main
from autograder.grading import batch
from autograder.grading.gradebook import export, merge
from autograder.grading.submission import grade_submission
from tests.hw1 import fill, right_answers

from . import operations
from .operations import FLAGGED, FULL


@pytest.fixture
def graded(course, released, tmp_path):
    """graded(*names of operations) grades a right submission after these; its Record."""

    def grade(*names, student="ada"):
        known = {operation.name: operation for operation in (*operations.TOOLS, *operations.HANDS)}
        answers = right_answers()
        files = {f"{name}.ipynb": nbformat.writes(fill(nb, answers)).encode() for name, nb in released.items()}
        for name in names:
            files = known[name].run(files, random.Random(1))
        folder = tmp_path / student / "hw1"
        for name, data in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(data)
        return grade_submission(folder, course)

    return grade


def outcome(record):
    """FULL, FLAGGED, or the cells that lost points."""
    lost = [cell.name for cell in record.cells if cell.kind == "automatic" and cell.auto_score < cell.max_score]
    lost += [cell.name for cell in record.cells if cell.kind == "manual" and cell.auto_score is not None]
    return FLAGGED if record.needs_attention else lost or FULL


@pytest.mark.parametrize(
    ("names", "expected", "said"),
    [
        (("empty_all_metadata", "rename_untitled", "nbformat_3"), FULL, "Untitled"),
        (("delete_imports_given_and_checks", "solutions_above_the_imports"), FULL, "stood elsewhere"),
        (("above_a_function_matplotlib_widget", "above_a_function_colab_mounted"), FULL, "`%matplotlib widget`"),
        (("exit_in_a_cell", "import_added_to_the_given_ones", "into_a_zip"), FULL, "homework.zip"),
        (("above_a_function_cell_magic", "above_a_function_pip"), FULL, ""),
        (("derivation_below_its_placeholder", "function_above_its_stub"), FLAGGED, "stood outside its cell"),
        (("above_a_function_nested_import",), FLAGGED, "stopped with ModuleNotFoundError"),
        (("function_needs_a_missing_module",), FLAGGED, "there is no module scipy.special when graded"),
        (("photo_that_was_not_sent",), FLAGGED, "'photo.jpg'"),
    ],
    ids=lambda value: "+".join(value) if isinstance(value, tuple) else "",
)
def test_a_changed_submission_is_graded_in_full_or_flagged(graded, names, expected, said):
    record = graded(*names)
    assert outcome(record) == expected, (record.needs_attention, record.repairs)
    assert any(said in words for words in record.needs_attention + record.repairs) or not said


def test_both_problems_in_one_notebook_are_graded_and_flagged(graded):
    for before in ((), ("empty_all_metadata",)):
        record = graded(*before, "both_in_one_notebook")
        assert outcome(record) == FLAGGED
        assert {cell.name for cell in record.cells if cell.auto_score not in (cell.max_score, None)} == set()
        assert len([cell for cell in record.cells if cell.auto_score is None]) == 6  # the derivations, to be read
        assert any('its cells stand in "homework.ipynb"' in need for need in record.needs_attention)
        assert len(record.needs_attention) == 1


@pytest.mark.parametrize(
    "name", ["solution.pdf", "solution.docx", "homework.rar", "problem1.py", "link.txt", "problem1.ipynb.gz"]
)
def test_what_came_in_place_of_a_notebook_is_named(course, tmp_path, name):
    (tmp_path / "ada/hw1").mkdir(parents=True)
    (tmp_path / "ada/hw1" / name).write_bytes(b"%PDF-1.7")
    record = grade_submission(tmp_path / "ada/hw1", course)
    words = f'problem1.ipynb is missing; what came is "{name}", which is no notebook that can be graded'
    assert words in record.needs_attention


def test_thirty_megabytes_of_outputs_are_dropped_before_a_size_is_compared(graded, monkeypatch):
    def bloat(files, rng):
        notebook = json.loads(files["problem1.ipynb"])
        picture = {"output_type": "display_data", "metadata": {}, "data": {"image/png": "A" * 30_000_000}}
        notebook["cells"][1]["outputs"] = [picture]
        return files | {"problem1.ipynb": json.dumps(notebook).encode()}

    monkeypatch.setattr(operations, "TOOLS", [operations.Operation("bloat", bloat, FULL)])
    assert outcome(graded("bloat")) == FULL


def test_what_needs_attention_is_in_the_row_the_summary_and_the_export(graded, course, tmp_path, capsys):
    record = graded("photo_that_was_not_sent", student="eve")
    record.save(course.records / "eve.json")
    merge(record, course)
    (row,) = (row for row in export(course) if row["student"] == "eve")
    assert row["status"] == "needs a person" and "photo.jpg" in row["needs"]
    with (course.out / "grades.csv").open(newline="", encoding="utf8") as file:
        assert any("photo.jpg" in row["needs"] for row in csv.DictReader(file))
    capsys.readouterr()
    assert main(["summary", "--out", str(course.out)]) == NEEDS_A_PERSON
    assert "photo.jpg" in capsys.readouterr().out
    (tmp_path / "roster.csv").write_text("login,name\neve,Eve\n", encoding="utf8")
    command = ["export", "--out", str(course.out), "--to", "canvas", "--roster", str(tmp_path / "roster.csv")]
    assert main([*command, "--column", "hw1 (4711)"]) == NEEDS_A_PERSON
    assert "was not written" in capsys.readouterr().out and not (course.out / "for_canvas.csv").exists()
    assert main([*command, "--column", "hw1 (4711)", "--partial"]) == NEEDS_A_PERSON
    assert (course.out / "for_canvas.csv").exists()


def test_a_zip_file_and_a_folder_are_part_of_what_a_grade_depends_on(tmp_path):
    folder = tmp_path / "ada/hw1"
    (folder / "inner").mkdir(parents=True)
    keys = {batch.submission_key(folder, "", 1)}
    for name in ("inner/problem1.ipynb", "homework.zip", "problem1.ipynb.txt", "problem1.ipynb.download", "photo.jpg"):
        for content in (b"", b"new"):
            (folder / name).write_bytes(content)
            keys.add(batch.submission_key(folder, "", 1))
    assert len(keys) == 1 + 2 * 4 + 1  # of a photo the name alone is used

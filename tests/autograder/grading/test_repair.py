"""Everything a student wrote is graded, or a person is told: whatever tools and hands have done to a notebook."""

import random

import nbformat
import pytest

from tests.hw1 import fill, right_answers

from .operations import FLAGGED, FULL, HANDS, TOOLS, applied, sequence
from .simulation import checks_of, outcome


@pytest.fixture(scope="module")
def right(course, released):
    """A right submission: {file name: bytes}."""
    checks_of(course.release)
    answers = right_answers()
    return {f"{name}.ipynb": nbformat.writes(fill(nb, answers)).encode() for name, nb in released.items()}


def written(files, folder):
    """The folder <student>/hw1 with these files."""
    for name, data in files.items():
        path = folder / "ada/hw1" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return folder / "ada/hw1"


@pytest.mark.parametrize("operation", [*TOOLS, *HANDS], ids=lambda operation: operation.name)
def test_each_operation_has_the_outcome_that_is_stated(operation, right, released, tmp_path):
    folder = written(operation.run(right, random.Random(7)), tmp_path)
    found, said = outcome(folder, released)
    assert found == operation.outcome, said


def shares(count, hands, right, released, folder):
    """[(the names of a sequence's operations, its outcome, what was said)] of so many random sequences."""
    found = []
    for seed in range(count):
        rng = random.Random(f"{seed} {hands}")
        chosen = sequence(rng, hands if hands < 2 else rng.randrange(1, hands + 1))
        submitted = written(applied(right, chosen, rng), folder / str(seed))
        found.append(([operation.name for operation in chosen], *outcome(submitted, released)))
    return found


def clean(found):
    """Of sequences, the share that ends flagged; none ends neither full nor flagged."""
    assert [each for each in found if each[1] not in {FULL, FLAGGED}] == []
    return sum(each[1] == FLAGGED for each in found) / len(found)


@pytest.mark.parametrize("count", [25, pytest.param(500, marks=pytest.mark.soak)])
def test_what_tools_do_one_after_another_costs_nothing(count, right, released, tmp_path, record_property):
    share = clean(found := shares(count, 0, right, released, tmp_path))
    record_property("flagged share", share)
    assert share <= 0.05, [each for each in found if each[1] == FLAGGED]


@pytest.mark.parametrize("count", [25, pytest.param(500, marks=pytest.mark.soak)])
def test_what_hands_and_tools_do_is_full_or_flagged(count, right, released, tmp_path, record_property):
    record_property("flagged share", clean(shares(count, 3, right, released, tmp_path)))


REVERSED = ("empty_metadata_and_drop_ids", "cells_in_reversed_order")


def said_of(name, right, released, folder):
    """What is said of a right submission after one operation: needs and notes together."""
    (operation,) = (operation for operation in (*TOOLS, *HANDS) if operation.name == name)
    said = outcome(written(operation.run(right, random.Random(7)), folder), released)[1]
    return said["needs"] + said["notes"]


def test_a_comment_above_a_check_is_no_half_of_the_text_below(right, released, tmp_path):
    assert not [
        words for words in said_of("comment_above_a_check", right, released, tmp_path) if "split in two" in words
    ]


def test_a_formula_without_metadata_is_known_by_the_question_that_it_names(right, released, tmp_path):
    chosen = [operation for operation in (*TOOLS, *HANDS) if operation.name in REVERSED]
    said = outcome(written(applied(right, chosen, random.Random(7)), tmp_path), released)[1]
    assert not [words for words in said["notes"] if '"written-' in words and "gone" in words]


def test_what_is_said_of_a_picture_is_true(right, released, tmp_path):
    texts = {
        "![](<my photo.jpg>)": "'my photo.jpg'",
        '<img src="data:image/gif;base64,R0lGODlh"/>': "no PNG or JPEG",
        "![](photo.png)": "'photo.png', a file that came beside the notebook",
    }
    for number, (text, expected) in enumerate(texts.items()):
        notebook = nbformat.reads(right["problem1.ipynb"].decode(), as_version=4)
        (cell,) = (cell for cell in notebook.cells if cell.metadata.get("nbgrader", {}).get("grade_id") == "derive-1-3")
        cell.source = text
        files = right | {"problem1.ipynb": nbformat.writes(notebook).encode(), "photo.png": b"\x89PNG"}
        found, said = outcome(written(files, tmp_path / str(number)), released)
        assert found == FLAGGED and any(expected in words for words in said["needs"]), said["needs"]

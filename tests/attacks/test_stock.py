"""Canaries: attacks that are harmless to this machine, on nbgrader as it comes, whose Execute runs everything in one
kernel, as the teacher. There they work; so it is the sandbox and the trusted verdict that stop them elsewhere.
"""

import nbformat
import pytest
from nbgrader.api import Gradebook
from nbgrader.converters import Autograde
from nbgrader.coursedir import CourseDirectory
from nbgrader.utils import capture_log

from autograder.assignment.cell_names import check_cell
from autograder.assignment.release import HERE
from tests.attacks import data_leaks, score_theft
from tests.attacks.attack import by_name, prepared, write_submission
from tests.attacks.listeners import TOKEN

EARNERS = [attack for attack in score_theft.PATCHED + score_theft.KERNEL + score_theft.HUNTS if attack.stock]
READERS = [attack for attack in data_leaks.ATTACKS if attack.stock]


@pytest.fixture(scope="module")
def stock(tmp_path_factory, listeners):
    """{student: (points by cell, the graded notebook as text)}."""
    course = prepared(tmp_path_factory.mktemp("stock"))
    submitted = course.root / "submitted"
    released = {"problem1": nbformat.read(course.release / "problem1.ipynb", as_version=4)}
    places = {"@COURSE@": course.root, "@SUBMITTED@": submitted, "@REPOSITORY@": HERE.parent} | listeners.places
    write_submission(submitted / "honest" / "hw1", released, [], places)
    for attack in EARNERS:
        write_submission(submitted / attack.name / "hw1", released, [attack], places)
    together = [attack for attack in READERS if "softmax_jacobian" not in attack.cells]
    write_submission(submitted / "together" / "hw1", released, together, places)
    for attack in READERS:
        if attack not in together:
            write_submission(submitted / attack.name / "hw1", released, [attack], places)
    config = course.config()
    config.CourseDirectory.notebook_id = "problem1"
    config.ExecutePreprocessor.timeout = 20
    found = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("A_TOKEN", TOKEN)
        for folder in sorted(submitted.iterdir()):
            config.CourseDirectory.student_id = folder.name
            done = capture_log(Autograde(coursedir=CourseDirectory(config=config), config=config))
            path = course.root / "autograded" / folder.name / "hw1" / "problem1.ipynb"
            with Gradebook(course.gradebook) as gradebook:
                grades = gradebook.find_submission_notebook("problem1", "hw1", folder.name).grades
                scores = {grade.name: grade.auto_score for grade in grades}
            found[folder.name] = (scores, path.read_text(encoding="utf8") if done["success"] else "")
    return found


def test_stock_knows_an_honest_submission(stock):
    scores, _ = stock["honest"]
    assert [scores[check_cell(question)] for question in ("1-1", "1-2", "1-3")] == [4, 4, 4]


@pytest.mark.parametrize(**by_name(EARNERS))
def test_stock_gives_points_that_were_not_earned(stock, attack):
    scores, _ = stock[attack.name]
    assert max(scores[check_cell(question)] for question in attack.deserves) > 0, attack.what


@pytest.mark.parametrize(**by_name(READERS))
def test_stock_shows_what_it_should_not(stock, attack):
    _, text = stock[attack.name if attack.name in stock else "together"]
    assert attack.stock.replace("@TOKEN@", TOKEN) in text, attack.what


def test_there_are_ten_of_them():
    assert len(EARNERS + READERS) >= 10

"""Whatever the form of what is handed in, its cells count as they were released, and everybody has a row."""

import csv

import pytest

from autograder.sandbox.bubblewrap import Limits
from tests.attacks import forged_formats
from tests.attacks.attack import assert_deserved, assert_undisturbed, by_name, graded


@pytest.fixture(scope="module")
def mark(tmp_path_factory):
    return tmp_path_factory.mktemp("marks") / "mark"


@pytest.fixture(scope="module")
def attacked(tmp_path_factory, mark):
    root = tmp_path_factory.mktemp("forged_formats")
    places, limits = {"@MARK@": mark}, Limits(wall=8)
    return graded(root, forged_formats.ATTACKS, places=places, feedback=lambda name: "<" in name, limits=limits)


@pytest.mark.parametrize(**by_name(forged_formats.ATTACKS))
def test_its_form_brings_nothing(attacked, mark, attack):
    assert_deserved(attacked, attack)
    assert not mark.exists()
    released = [cell for cell in attacked.records["honest"].cells if cell.notebook in attacked.notebooks[attack.folder]]
    maxima = {cell.name: cell.max_score for cell in attacked.records[attack.folder].cells}
    assert maxima == {cell.name: cell.max_score for cell in released}
    assert {c.auto_score for c in attacked.records[attack.folder].cells if c.kind == "manual"} <= {None, 0.0}


def test_all_others_have_what_they_earned(attacked):
    assert_undisturbed(attacked, forged_formats.ATTACKS)


def test_no_name_is_a_formula_or_a_tag(attacked):
    with open(attacked.course.out / "grades.csv", newline="", encoding="utf8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(attacked.rows)
    assert not [row["student"] for row in rows if row["student"][:1] in ("=", "+", "-", "@")]
    names = [student for student in attacked.pages if "<" in student]
    assert names and not [page for student in names for page in attacked.pages[student] if "<script>alert" in page]

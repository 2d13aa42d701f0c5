"""Whatever the form of what is handed in, its cells count as they were released, and everybody has a row."""

import csv

import pytest

from autograder.grading.sandbox import Limits
from tests.attacks import forms
from tests.attacks.attack import assert_deserved, assert_undisturbed, by_name, graded


@pytest.fixture(scope="module")
def mark(tmp_path_factory):
    return tmp_path_factory.mktemp("marks") / "mark"


@pytest.fixture(scope="module")
def of_forms(tmp_path_factory, mark):
    root = tmp_path_factory.mktemp("forms")
    return graded(root, forms.ATTACKS, places={"@MARK@": mark}, feedback=True, limits=Limits(wall=8))


@pytest.mark.parametrize(**by_name(forms.ATTACKS))
def test_its_form_brings_nothing(of_forms, mark, attack):
    assert_deserved(of_forms, attack)
    assert not mark.exists()
    maxima = {cell["name"]: cell["max_score"] for cell in of_forms.records[attack.folder].cells}
    assert maxima == {cell["name"]: cell["max_score"] for cell in of_forms.records["honest"].cells}
    assert {c["auto_score"] for c in of_forms.records[attack.folder].cells if c["kind"] == "manual"} <= {None, 0.0}


def test_all_others_have_what_they_earned(of_forms):
    assert_undisturbed(of_forms, forms.ATTACKS)


def test_no_name_is_a_formula_or_a_tag(of_forms):
    with open(of_forms.course.out / "grades.csv", newline="", encoding="utf8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(of_forms.rows)
    assert not [row["student"] for row in rows if row["student"][:1] in ("=", "+", "-", "@")]
    names = [student for student in of_forms.pages if "<" in student]
    assert names and not [page for student in names for page in of_forms.pages[student] if "<script>alert" in page]

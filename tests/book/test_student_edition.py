"""The student edition, as it was built: no line of a solution and no gradient's formula is anywhere in it."""

import re
import shutil

import pytest

from book._ext.editions import student_edition
from tests.answers import ROOT, answer_equations, found_in, solution_lines

STUDENT = ROOT / "_build/student/html"
FULL = ROOT / "_build/html"
needs_build = pytest.mark.skipif(not (STUDENT / "index.html").exists(), reason="make book EDITION=student builds it")


def test_there_is_something_to_look_for():
    assert len(solution_lines()) > 60
    assert len(answer_equations()) > 25


PAGES = sorted((ROOT / "book").rglob("*.md"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_no_answer_is_in_what_is_left_of_a_page(page):
    """Before anything is built: the text that Sphinx gets."""
    left = re.sub(r"\s+", "", student_edition(page.read_text()))
    assert [needle for needle in [*solution_lines(), *answer_equations().values()] if needle in left] == []


def test_the_pages_do_hold_answers():
    whole = re.sub(r"\s+", "", "".join(page.read_text() for page in PAGES))
    assert all(needle in whole for needle in answer_equations().values())


@needs_build
def test_no_solution_is_in_the_student_edition():
    assert found_in(STUDENT, solution_lines()) == []


@needs_build
def test_no_gradient_is_in_the_student_edition():
    assert found_in(STUDENT, answer_equations().values()) == []


@needs_build
@pytest.mark.parametrize("needle", [solution_lines()[0], solution_lines()[-1], *list(answer_equations().values())[:1]])
def test_one_that_is_put_in_is_found(tmp_path, needle):
    page = shutil.copy(STUDENT / "book/notation.html", tmp_path)
    assert found_in(tmp_path, [needle]) == []
    with open(page, "a") as file:
        file.write(
            f"<pre><span>{needle[:7]}</span>\n<b>{needle[7:].replace('<', '&lt;').replace('>', '&gt;')}</b></pre>"
        )
    assert found_in(tmp_path, [needle]) == [("notation.html", needle)]


@pytest.mark.skipif(not (FULL / "index.html").exists(), reason="make book builds it")
def test_the_full_edition_has_them():
    found = {needle for _, needle in found_in(FULL, [*solution_lines(), *answer_equations().values()])}
    assert set(answer_equations().values()) <= found
    assert len(found.intersection(solution_lines())) > 60

"""The page of errata: every item is there, what the source has is off by far, and what is right is right."""

import re

import jupytext
import pytest

import book._lib.page_helpers
from autograder.gradcheck import check_gradient
from book._ext.editions import student_edition
from book._lib import source_verdicts
from tests.answers import ROOT

PAGE = ROOT / "book/errata.md"
ITEMS = [f"E{number}" for number in range(1, 14)]


@pytest.fixture(scope="module")
def asked():
    """[(what, right or not, error)] of every formula that the page asks the oracle about, by running its cells."""
    found = []

    def compare(forward, params, upstream, right, wrong, blind=False):
        for words, gradients in {"right": right, **wrong}.items():
            for verdict in check_gradient(forward, params, gradients, upstream).verdicts:
                found.append((words, words == "right" or blind, verdict.error))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(book._lib.page_helpers, "compare", compare)
        names = {}
        for cell in jupytext.read(PAGE).cells:
            if cell.cell_type == "code":
                exec(compile(cell.source, str(PAGE), "exec"), names)
    return found


@pytest.mark.parametrize("item", ITEMS)
def test_an_item_has_its_text_and_its_number(asked, item):
    assert re.search(rf"^\*\*{item}\. ", PAGE.read_text(), re.MULTILINE)
    assert any(re.search(rf"\b{item}\b", words) and not right for words, right, _ in asked)


def test_the_source_is_off_by_far_and_the_right_is_right(asked):
    assert [entry for entry in asked if entry[1] and not entry[2] < 1e-9] == []
    assert [entry for entry in asked if not entry[1] and not entry[2] > 1e-3] == []
    assert sum(right for _, right, _ in asked) > len(ITEMS)


def test_the_sheet_has_the_counts_that_were_found():
    lines = source_verdicts.judged()
    cells = [line.strip("| ").split(" | ") for line in source_verdicts.counts(lines).splitlines()[2:]]
    table = {words: (int(for_all), int(each)) for words, for_all, each in cells}
    assert table == {
        "right": (30, 30),
        "right after a repair": (13, 7),
        "wrong": (2, 2),
        "wrong, after a repair too": (10, 10),
        "no valid reading": (0, 6),
        "a definition": (2, 2),
        "together": (57, 57),
    }
    shown = source_verdicts.every_line(lines).splitlines()
    assert len(shown) == 59 and all(row.count("|") == 5 for row in shown)
    assert sum("the sum that should not be there" in row for row in shown) == 5


def test_the_verdicts_are_the_run_s_and_not_the_file_s(monkeypatch):
    """Another formula in the file is another count."""
    monkeypatch.setattr(
        source_verdicts, "formulas", lambda: [(("right", "right"), r"$$ \frac{\partial L}{\partial c_i} = c_i $$")]
    )
    assert "| wrong | 1 | 1 |" in source_verdicts.counts(source_verdicts.judged())


def test_a_student_sees_how_many_lines_are_right_and_not_which():
    left = student_edition(PAGE.read_text())
    assert "source_verdicts.counts" in left
    assert "source_verdicts.every_line" not in left and "source_verdicts.formulas" not in left

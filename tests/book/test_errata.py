"""The page of errata: every item is there, what the source has is off by far, and what is right is right."""

import re

import jupytext
import pytest

import book.kit
from autograder.gradcheck import check_gradient
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
        patch.setattr(book.kit, "compare", compare)
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

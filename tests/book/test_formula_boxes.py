"""Boxes for formulas without a browser: every target has one, what they say is what the teacher's half says, and the
student edition's hold no formula and no mistake."""

import html
import io
import json
import re
import sys
import types

import numpy as np
import pytest

from assignments.hw1 import formula_verdicts as judge
from assignments.hw1.mistakes import MISTAKES
from assignments.hw1.targets import TARGETS
from autograder import gradcheck
from book._ext import formula_boxes
from book._ext.editions import student_edition
from tests.answers import ROOT
from tests.autograder.formula.test_formula import RIGHT, WRONG

ASKED = re.compile(r"^```\{formula\} (.+)\n```$", re.M)
PAGES = {page: ASKED.findall(page.read_text()) for page in sorted((ROOT / "book").glob("block?/*.md"))}
Formulas = formula_boxes.PAGE_SIDE["Formulas"]


def loaded(name):
    """A file that a page loads, as a module."""
    module = types.ModuleType(name)
    sys.modules[name] = module  # dataclasses look there
    exec(formula_boxes.LOADED[f"{name}.py"](), vars(module))
    return module


@pytest.fixture(scope="module")
def formulas():
    yield loaded("formulas")
    del sys.modules["formulas"]


@pytest.fixture(scope="module")
def checks(formulas):
    sys.modules["gradcheck"] = gradcheck
    yield loaded("checks")
    del sys.modules["gradcheck"], sys.modules["checks"]


@pytest.fixture(scope="module", params=["full", "student"])
def page_side(request, formulas, checks):
    """(edition, what a page of it asks), with the files that the page loads."""
    return request.param, Formulas(
        io.BytesIO(formula_boxes.stored(request.param == "full")), formulas, checks.CHECKS.shown_by
    )


def test_every_target_has_one_box():
    keys = [key.strip() for asked in PAGES.values() for box in asked for key in box.split(",")]
    assert sorted(keys) == sorted(TARGETS)


@pytest.mark.parametrize("page", [page for page, asked in PAGES.items() if asked], ids=lambda page: page.stem)
def test_both_editions_have_the_same_boxes(page):
    assert ASKED.findall(student_edition(page.read_text())) == PAGES[page]


def test_a_target_is_called_as_in_the_book():
    assert formula_boxes.shown("2-2 theta_2b") == {
        "key": "2-2 theta_2b",
        "tex": r"\frac{\partial L}{\partial \theta_{2B}} \in \mathbb{R}^{K \times n_h}",
        "name": "∂L/∂θ_2B",
        "shape": "a matrix K × n_h",
    }
    assert formula_boxes.shown("2-1 var_b")["tex"] == r"\sigma_B^2 \in \mathbb{R}^{n_h}"
    assert formula_boxes.shown("2-2 y_hat_b_dz_2b")["name"] == "∂ŷ_b/∂z_2B"
    assert len({formula_boxes.shown(key)["tex"] for key in TARGETS}) > 30
    assert not any("\\" in formula_boxes.shown(key)["name"] for key in TARGETS)


def test_the_page_s_verdict_is_the_teacher_s(page_side):
    edition, page = page_side
    for key, _, formula in RIGHT[::3] + WRONG[::3]:
        here, there = json.loads(page.judge(key, formula)), judge.judge_formula(key, formula)
        named = edition == "full" and there.name and "; and " not in there.name
        assert here["name"] == (there.name if named else None), (key, formula)
        assert (here["verdict"] == "right") == (there.verdict == "right"), (key, formula, here)
        if named:
            assert tuple(here["words"]) == there.words
        elif here["verdict"] == "wrong":
            assert here["words"] and here["error"] > 1e-3


def test_shapes_are_told_as_it_is_typed(page_side):
    _, page = page_side
    look = json.loads(page.look("2-2 theta_2b", "g_i = c_i\n\\sum_i g_i x_i^T"))
    assert look["shapes"] == [["g_i", "a column of n_h"], ["", "a matrix n_h × n"]]
    assert "what is asked is a matrix K × n_h" in look["problem"]
    assert look["typeset"] == "g_{i} = c_{i}, \\\\\n\\sum_{i} g_{i} \\, x_{i}^{\\mathsf T}"
    assert json.loads(page.look("2-2 theta_2b", "( c_i"))["problem"].startswith("`(` is never closed")
    assert json.loads(page.look("2-2 c", "c_i")) == {
        "typeset": "c_{i}",
        "shapes": [["", "a column of n_h"]],
        "problem": None,
    }


def test_what_is_wrong_without_a_name_is_told_by_the_numbers(page_side):
    _, page = page_side
    (off, factor) = json.loads(page.judge("2-2 z_2b", r"\frac3m (\hat y_{b,i} - y_{b,i})"))["words"]
    assert off == "Off by 2." and "3 times" in factor


def test_the_student_edition_holds_numbers_alone():
    with np.load(io.BytesIO(formula_boxes.stored(full=False)), allow_pickle=False) as file:
        assert json.loads(file["bank"].tobytes()) == {}
        assert all(file[name].dtype.kind in "fiub" for name in file.files)
    with np.load(io.BytesIO(formula_boxes.stored(full=True)), allow_pickle=False) as file:
        bank = json.loads(file["bank"].tobytes())
    assert {mistake.name for mistake in MISTAKES} & {name for rows in bank.values() for name, *_ in rows}
    assert len(formula_boxes.stored(full=True)) < 150_000


def test_no_right_writing_is_in_what_the_boxes_load():
    """The reader travels with the homework: its words and examples answer nothing."""
    loaded = [source() for source in formula_boxes.LOADED.values()]
    loaded += [path.read_text() for path in (ROOT / "book/_static/live").glob("formula*")]
    assert len(loaded) == 4
    text = "".join(re.sub(r"\s+", "", source) for source in loaded)
    long = {re.sub(r"\s+", "", formula) for _, _, formula in RIGHT if len(formula) > 25}
    assert len(long) > 100 and [formula for formula in long if formula in text] == []


def test_fingerprints_tell_apart():
    one = np.arange(6.0).reshape(2, 3)
    fingerprint, equal = formula_boxes.PAGE_SIDE["fingerprint"], formula_boxes.PAGE_SIDE["_equal"]
    assert equal(fingerprint(one), fingerprint(one[:, None] * (1 + 1e-14)))
    for other in (one.T, one.reshape(3, 2), one * (1 + 1e-6), one[::-1], one.ravel()):
        assert not equal(fingerprint(one), fingerprint(other))


def test_a_box_in_html_has_its_targets_and_a_sentence_without_javascript():
    class Here(formula_boxes.Formula):
        def __init__(self, argument):
            self.arguments = [argument]

        def error(self, words):
            return ValueError(words)

    (node,) = Here("2-2 beta, 2-2 gamma").run()
    assert formula_boxes.CLASS in node["classes"] and node["format"] == "html"
    data = json.loads(html.unescape(re.search(r'data-targets="([^"]*)"', node.astext())[1]))
    assert [target["key"] for target in data] == ["2-2 beta", "2-2 gamma"]
    assert "<noscript><p>With JavaScript this is a box: write your own formula for ∂L/∂β or ∂L/∂γ" in node.astext()
    with pytest.raises(ValueError, match=r"there is no formula 2-2 delta"):
        Here("2-2 delta").run()

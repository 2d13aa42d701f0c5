"""Formulas of the feedback, as MathML."""

import pytest

from autograder.grading.feedback import Renderer


def rendered(kind, *tex):
    return "".join(getattr(Renderer(escape=False), kind)(*tex).split())


def test_a_formula_is_mathml():
    assert rendered("inline_math", r"\theta x").startswith('<mathxmlns="http://www.w3.org/1998/Math/MathML">')
    assert 'display="block"' in rendered("block_math", r"\theta x")


@pytest.mark.parametrize("tex", [r"\hat y_b", r"\hat{y}_b", r"\hat y_b^{(j)}", r"\hat\beta_j"])
def test_the_index_of_a_hatted_letter_is_an_index(tex):
    assert "munderover" not in rendered("inline_math", tex)
    assert "<msub" in rendered("inline_math", tex)


@pytest.mark.parametrize("tex", [r"\frac12 (a)", r"\tfrac12(a)", r"\frac 12 (a)", r"\frac{1}{2}(a)"])
def test_one_half_is_one_half(tex):
    assert "<mn>1</mn><mn>2</mn></mfrac>" in rendered("inline_math", tex)


def test_an_environment_is_a_block():
    assert "<mtable" in rendered("latex_environment", "align*", r"a &= b \\ c &= d")


@pytest.mark.parametrize("tex", [r"\nosuchcommand{a}", r"\frac{1}", "a}b", r"\begin{x}"])
def test_what_cannot_be_read_is_shown_as_it_was_typed(tex):
    assert rendered("inline_math", tex) == f"<code>${tex}$</code>"


def test_what_was_typed_is_no_html():
    assert "<script>" not in rendered("inline_math", r"\nosuch <script>alert(1)</script>")

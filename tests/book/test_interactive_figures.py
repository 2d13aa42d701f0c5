"""The pictures that a reader can move, without a browser: their numbers, and what the student edition's walk holds."""

import re
from types import SimpleNamespace

import numpy as np
import pytest
from docutils import nodes

from book._ext import interactive_figures
from book._ext.editions import equations
from book._lib.example_network import draw
from book._lib.page_helpers import NODES, SYMBOLS
from solutions import two_branch_backward, two_branch_forward
from tests.answers import ROOT, answer_equations


def gradients():
    x, y_a, y_b, params, r, p, eps = draw()
    return two_branch_backward(1.0, two_branch_forward(x, y_a, y_b, params, r, p, eps)[1])


def test_the_steps_are_measured_and_the_two_terms_tell_the_error():
    found = interactive_figures.measured()
    name, index = interactive_figures.WEIGHT
    right = gradients()[f"d{name}"][index]
    for each in found:
        assert each["true"] == pytest.approx(right, rel=1e-12)
        assert each["error"] == abs(each["estimate"] - each["true"]) / abs(each["true"])
        assert each["error"] < 4 * (each["bends"] + each["lost"])
    for each in found:
        if 1e-4 < each["h"] < 0.2:
            assert each["error"] == pytest.approx(each["bends"], rel=0.05)
    winners = [each["bends"] > each["lost"] for each in found]
    assert winners == sorted(winners, reverse=True) and {*winners} == {True, False}


def test_the_curve_goes_through_its_two_points():
    for each in interactive_figures.measured():
        low, high = (each["curve"][np.flatnonzero(at == interactive_figures.ALONG).item()] for at in (-1, 1))
        assert (high - low) / 2 == pytest.approx(each["estimate"] / each["true"], rel=1e-12)
        assert each["curve"][len(interactive_figures.ALONG) // 2] == 0


@pytest.mark.parametrize("name", ["step", "influence"])
def test_a_picture_is_whole_without_its_script(name):
    (node,) = interactive_figures.PICTURES[name](None)
    text = node.astext()
    assert text.count("<svg") == text.count("<desc>") == text.count("<title>") > 1
    assert 'class="moving-controls" hidden' in text and 'role="status">' in text
    assert not re.search(r"nan|inf\b|None", re.sub(r"<script.*", "", text))
    assert len(text) < 40_000


def test_the_walk_is_the_backward_pass_in_its_order():
    assert list(interactive_figures.WALK) == [name for name in gradients() if not re.match("d.*_d", name)]
    marked = {symbol for *_, symbol in SYMBOLS}
    for lit, symbol, label, _ in interactive_figures.WALK.values():
        assert set(lit.split()) <= NODES.keys() and symbol in {"", *marked}
        assert label in answer_equations()


class Env(SimpleNamespace):
    def doc2path(self, name):
        return str(ROOT / name) + ".md"


def environment(edition):
    pages = (page.relative_to(ROOT).with_suffix("") for page in ROOT.glob("book/**/*.md"))
    return Env(found_docs={str(page) for page in pages}, config=SimpleNamespace(edition=edition))


def walked(edition):
    """The text of the walk that Sphinx gets to parse, a step each."""
    parsed = []
    state = SimpleNamespace(nested_parse=lambda lines, offset, node: parsed.append("\n".join(lines)))
    interactive_figures.walk(SimpleNamespace(env=environment(edition), state=state, content_offset=0))
    return parsed


def test_the_walk_shows_the_pages_own_equations():
    for text, (_, _, label, _) in zip(walked("full"), interactive_figures.WALK.values(), strict=True):
        assert answer_equations()[label] in re.sub(r"\s", "", text) and f"{{eq}}`{label}`" in text


def test_the_student_editions_walk_gives_nothing_away():
    assert equations(environment("student")) == {}
    for text in walked("student"):
        assert "$$" not in text and "{eq}" not in text and "\\" not in text
        assert len(text.split("\n")) == 1


def test_a_picture_that_is_not_there_is_an_error_that_names_those_that_are():
    directive = SimpleNamespace(arguments=["dance"], error=ValueError)
    with pytest.raises(ValueError, match=r"no picture 'dance' to move; there are step, influence, walk"):
        interactive_figures.Moving.run(directive)


@pytest.mark.parametrize(("markup", "scripts"), [("", 0), ('<div data-picture="step">', 1)])
def test_only_a_page_that_has_a_picture_gets_the_script(markup, scripts):
    added = []
    app = SimpleNamespace(add_js_file=added.append, add_css_file=lambda file: None)
    page = nodes.container("", nodes.raw("", markup, format="html"))
    interactive_figures._add_script(app, "page", "page.html", {}, page)
    interactive_figures._add_script(app, "search", "search.html", {}, None)
    assert len(added) == scripts

"""What a page shows of a function in either edition, and the picture of the network."""

import re
import xml.etree.ElementTree as ET

import pytest

from book._lib import page_helpers
from solutions.expects import expects


@expects(x="m n")
def half_hidden(x):
    """Twice x, equation twice."""
    y = 1 * x
    ### BEGIN SOLUTION
    secret = y + x
    ### END SOLUTION
    for _ in range(1):
        ### BEGIN SOLUTION
        secret = secret * 1
        return secret
        ### END SOLUTION


def given(x):
    """Nothing is hidden here."""
    return x + 1


def edition(monkeypatch, name):
    monkeypatch.setenv("EDITION", name)
    return page_helpers.show(half_hidden, given).data


def test_the_full_edition_shows_all_but_the_machinery(monkeypatch):
    page = edition(monkeypatch, "full")
    assert page.startswith("```python\ndef half_hidden(x):") and page.endswith("```")
    assert "    secret = y + x\n    for _ in range(1):\n        secret = secret * 1\n" in page
    assert "expects" not in page and "###" not in page


def test_what_is_shown_is_python(monkeypatch):
    for name in ("full", "student"):
        compile(re.search(r"```python\n(.*)```", edition(monkeypatch, name), re.DOTALL)[1], "page", "exec")


def test_the_student_edition_keeps_what_the_assignment_keeps(monkeypatch):
    page = edition(monkeypatch, "student")
    assert "secret" not in page
    assert "    y = 1 * x\n    ...\n    for _ in range(1):\n        ...\n" in page
    assert "Twice x, equation twice." in page and "return x + 1" in page
    assert page.endswith("*What is left out appears here when the homework has closed.*")


def test_nothing_is_promised_where_nothing_is_left_out(monkeypatch):
    monkeypatch.setenv("EDITION", "student")
    assert "appears here" not in page_helpers.show(given).data


def test_a_decorator_over_several_lines_goes_and_another_stays():
    source = '@functools.cache\n@expects(\n    x="n",\n    y="n",\n)\ndef f(x, y):\n    return x\n'
    assert page_helpers.page_source(source, hide=False) == "@functools.cache\ndef f(x, y):\n    return x"


def svg(highlight=None):
    return ET.fromstring(
        re.search(r"<svg.*</svg>", page_helpers.network(highlight).data, re.DOTALL)[0].replace("&#8203;", "")
    )


def test_the_picture_has_a_title_a_description_and_every_node():
    picture = svg()
    assert picture.find("title").text == page_helpers.TITLE
    assert picture.find("desc").text == page_helpers.DESCRIPTION
    words = [text.text for group in picture.findall("g") for text in group.findall("text")]
    assert words == [name for *_, name in page_helpers.NODES.values()]


@pytest.mark.parametrize("highlight", ["batch_norm", ("fc2b", "add")])
def test_what_is_asked_for_is_lit_and_named(highlight):
    picture, names = svg(highlight), [highlight] if isinstance(highlight, str) else highlight
    lit = {group.find("text").text for group in picture.findall("g") if group.get("class") == "lit"}
    assert lit == {page_helpers.NODES[name][3] for name in names}
    assert all(page_helpers.NODES[name][3] in picture.find("desc").text.split("Lit here:")[1] for name in names)


def test_an_unknown_node_is_named_with_those_that_exist():
    with pytest.raises(ValueError, match="no such node: gate; there are fc1a, relu_a"):
        page_helpers.network("gate")


def test_every_edge_ends_at_a_node():
    """Each arrow's tip touches a node's box, and each line starts at a box, at x, or at the point where z_2A forks."""
    boxes = [(x - w / 2, y - 18, x + w / 2, y + 18) for x, y, w, _ in page_helpers.NODES.values()]

    def touches(x, y):
        fork, circle = (x, y) == (530, 70), abs(((x - 35) ** 2 + (y - 135) ** 2) ** 0.5 - 19) < 2
        return fork or circle or any(a - 5 <= x <= c + 5 and b - 5 <= y <= d + 5 for a, b, c, d in boxes)

    assert all(touches(*point) for points in page_helpers.EDGES for point in points)

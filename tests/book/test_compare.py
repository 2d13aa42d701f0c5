"""The table that puts a right gradient beside wrong ones, and refuses to tell a story that is not true."""

import re

import numpy as np
import pytest

from book._lib.page_helpers import Table, compare, influence

rng = np.random.default_rng(4)
x, a, dout = rng.normal(size=(3, 2, 4))


def forward(x, a):
    return x * a**2


RIGHT = {"x": a**2 * dout, "a": 2 * a * x * dout}
NO_TWO = RIGHT | {"a": a * x * dout}


def table(right=RIGHT, wrong=None, **kwargs):
    return compare(forward, {"x": x, "a": a}, dout, right=right, wrong=wrong or {"2 forgotten": NO_TWO}, **kwargs)


def test_each_row_has_an_error_a_parameter_and_what_the_numbers_show():
    right, wrong = table().rows
    assert table().head == ["formula", "x", "a", "what the numbers show"]
    assert right[0] == "right" and right[1].startswith("ok ") and right[2].startswith("ok ") and right[3] == ""
    assert wrong[:1] + wrong[2:3] == ["2 forgotten", "off by 0.5"] and wrong[1].startswith("ok ")
    assert wrong[3].startswith("a: ") and "0.5 times" in wrong[3]


def test_a_name_for_a_factor_is_used():
    assert "two = 2" in table(factors={"two": 2}).rows[1][3]


def test_a_right_one_that_is_wrong_stops_the_page():
    with pytest.raises(ValueError, match=r"'right'.*fail"):
        table(right=NO_TWO)


def test_a_wrong_one_that_is_right_stops_the_page():
    with pytest.raises(ValueError, match=r"'2 forgotten'.*pass"):
        table(wrong={"2 forgotten": RIGHT})


def test_blind_means_that_these_inputs_show_no_mistake():
    assert table(wrong={"tripled, then divided": RIGHT}, blind=True).rows[1][2].startswith("ok ")
    with pytest.raises(ValueError, match=r"'2 forgotten'.*fail"):
        table(blind=True)


def test_a_gradient_that_is_zero_by_structure_is_said_to_be_so():
    rows = compare(
        lambda x: x / x.sum(axis=1, keepdims=True),
        {"x": np.abs(x)},
        np.ones((2, 4)),
        0 * x,
        {"zero": 0 * x},
        blind=True,
    ).rows
    assert all(row[1].startswith("unsure ") for row in rows)


def test_a_table_reads_the_same_as_text_and_as_html():
    text, page = (
        repr(Table(["", "x < y"], ["one", "1"], ["twenty", "2"])),
        Table(["", "x < y"], ["a & b", "1"])._repr_html_(),
    )
    assert text == "        x < y\none     1\ntwenty  2"
    assert re.findall(r"<t[hd](?: [^>]*)?>([^<]*)", page) == ["", "x &lt; y", "a &amp; b", "1"]
    assert '<th scope=row class="text-nowrap">a &amp; b</th>' in page


def test_the_picture_of_a_jacobian_has_one_mark_a_slope():
    jacobian = np.zeros((2, 3, 2, 3))
    jacobian[0, 0, 0, 0], jacobian[0, 0, 1, 2], jacobian[1, 2, 0, 1] = 4.0, -1.0, -1e-3
    picture = influence(jacobian, 'a "title"').data
    marks = re.findall(r'<rect class="(\w+)" x="([\d.]+)" y="([\d.]+)" width="([\d.]+)"', picture)
    assert [(kind, float(width)) for kind, _, _, width in marks] == [("plus", 0.9), ("minus", 0.45), ("minus", 0.9)]
    assert [(float(x) + float(w) / 2, float(y) + float(w) / 2) for _, x, y, w in marks] == pytest.approx(
        np.array([(0.5, 0.5), (5.5, 0.5), (1.5, 5.5)]), abs=0.01
    )
    assert 'aria-label="a &quot;title&quot;"' in picture

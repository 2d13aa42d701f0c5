"""Formula questions for any network: the example of the documentation, run as it stands."""

import contextlib
import io
import re
from dataclasses import replace
from pathlib import Path

import pytest

from autograder.questions.formula_network import FormulaNetwork

PAGE = (Path(__file__).parents[3] / "docs" / "formulas_for_any_network.md").read_text("utf8")
BLOCKS = re.findall(r"^```python\n(.*?)^```", PAGE, re.S | re.M)
TEN = BLOCKS[0]


@pytest.fixture(scope="module")
def example():
    space = {}
    exec(TEN, space)
    return space


def test_a_network_of_ten_quantities_is_described_in_at_most_twenty_lines(example):
    lines = [line for line in TEN.splitlines() if line and not line.startswith(("import", "from"))]
    assert len(lines) <= 20 and len(example["TABLE"].quantities) == 10


def test_the_page_prints_what_it_says(example):
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(BLOCKS[1], example)
    said = re.search(r"```\n\n((?:    \w+\n)+)", PAGE.split(BLOCKS[1])[1])[1]
    assert out.getvalue().split() == said.split()


RIGHT = {
    "o": [r"\frac1N (o - t)", r"\frac{\partial J}{\partial o_i} = \frac{1}{N}(o_i - t_i)", "(o_{ij} - t_{ij}) / N"],
    "W_2": [r"\sum_i \frac{\partial J}{\partial o_i} h_i^T", r"\left(\frac{\partial J}{\partial O}\right)^T H"],
    "b_2": [r"\sum_i \frac{\partial J}{\partial o_i}", r"N \, \overline{\frac{\partial J}{\partial o}}"],
    "h": [
        r"W_2^T \frac{\partial J}{\partial o_i}",
        r"\frac{\partial J}{\partial h_{ij}} = \frac{dJ}{do_{ik}} W_{2,kj}",
    ],
    "u": [r"\frac{\partial J}{\partial h_i} \circ [u_i > 0]", r"f'(u) \circ \frac{\partial J}{\partial h}"],
    "W_1": [r"\sum_n \frac{\partial J}{\partial u_n} \otimes x_n", r"\sum_i \nabla_{u_i} J \, x_i^\top"],
    "b_1": [r"du^T \mathbf 1", r"\sum_{i \in B} du_i"],
}


@pytest.mark.parametrize("asked", RIGHT)
def test_right_formulas_of_a_network_of_ones_own_are_right_and_others_are_not(example, asked):
    judge = example["NETWORK"].judge
    for latex in RIGHT[asked]:
        assert judge(asked, latex, 3).verdict == "right", latex
        assert judge(asked, f"2 ({latex.split(' = ')[-1]})", 3).verdict in ("wrong", "not read"), latex
    assert judge(asked, f"2 ({RIGHT[asked][0]})", 3).verdict == "wrong"


def test_a_written_solution_is_judged_line_by_line(example):
    text = r"$$ \delta_i = \frac1N (o_i - t_i) $$ and $$ \frac{\partial J}{\partial b_2} = \sum_i \delta_i $$"
    rows = example["NETWORK"].judge_sheet(rf"{text} \[ \frac{{\partial J}}{{\partial W_2}} = \sum_i h_i \delta_i^T \]")
    assert [verdict.verdict for _, _, verdict in rows] == ["definition", "right", "not read"]


def test_a_setting_requires_forward_quantities_alone(example):
    table = replace(example["TABLE"], given=False)
    strict = FormulaNetwork(table, example["STEPS"], example["NETWORK"].lengths)
    assert strict.judge("b_2", r"\sum_i \frac{\partial J}{\partial o_i}").verdict == "not read"
    assert strict.judge("b_2", r"\frac1N \sum_i (o_i - t_i)").verdict == "right"


def test_a_question_that_there_is_not_is_said(example):
    with pytest.raises(ValueError, match="there are o, W_2"):
        example["NETWORK"].judge("W_3", "x")


def test_another_truth_would_be_seen(example):
    steps = example["STEPS"] | {"J": lambda net: ((net.o - net.t) ** 2).sum()}
    other = FormulaNetwork(example["TABLE"], steps, example["NETWORK"].lengths)
    assert other.judge("o", r"\frac1N (o - t)").verdict == "wrong"

"""Formulas: every writing's verdict against the oracle, every repair told, every message in its place; and nothing that
is written, however odd, does more than end in a tree or an error, in time."""

import json
import re
import time
import warnings
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assignments.hw1 import formula_verdicts as judge
from assignments.hw1.formula_verdicts import judge_formula, judge_sheet
from assignments.hw1.targets import ANYTHING, NOTATION, TARGETS, network
from autograder import formula as package
from autograder.formula import notation as tables
from autograder.formula import parser, tokens, tree, typesetting
from autograder.formula.errors import FormulaError, point
from autograder.formula.evaluate import evaluate
from autograder.formula.readings import find_readings
from autograder.formula.verdict import compare
from book._lib.source_verdicts import formulas, word
from tests.hw1 import HW1, QUESTIONS, truth

HERE = Path(__file__).parent
FINAL = tuple(f"2-2 {name}" for name in ("theta_2b", "theta_2a", "theta_1a", "gamma", "beta", "theta_1b"))


def writings(name):
    """(what is asked, note, formula) of each writing in a data file; a note is a line that begins with %."""
    found, head = [], None
    for block in re.split(r"\n\s*\n", (HERE / f"{name}.txt").read_text())[1:]:
        if block.startswith("##"):
            head = block[2:].strip()
        elif block.strip():
            note, formula = re.match(r"(?:% ?(.*)\n)?([\s\S]*)", block).groups()
            found.append((head, note, formula.strip()))
    return found


def read(latex):
    return parser.read(latex, NOTATION)


def typeset(node):
    return typesetting.typeset(node, NOTATION)


RIGHT, WRONG = writings("right"), writings("wrong")


def cases(name):
    """[{question, latex, truth, ...}] of a file of writings in any notation."""
    return [json.loads(line) for line in (HERE / f"{name}.jsonl").read_text("utf8").splitlines()]


CASES = cases("cases")
SOURCE = formulas()


def named(found, wanted):
    """Whether a mistake was named as wanted; where mistakes come to the same, one of the names."""
    if not wanted or not found:
        return not wanted and not found
    entries, names = [entry.split(", or ") for entry in found.split("; and ")], wanted.split("; and ")
    return len(entries) == len(names) and all(any(name in entry for entry in entries) for name in names)


# The writings


def test_there_are_enough_writings():
    assert all(sum(head == name for head, _, _ in RIGHT) >= 25 for name in FINAL)
    assert len(RIGHT) >= 150 and len(WRONG) >= 150 and len(SOURCE) == 57
    assert len({formula for _, _, formula in RIGHT + WRONG}) == len(RIGHT) + len(WRONG)


@pytest.mark.parametrize("name", TARGETS)
def test_every_right_writing_is_accepted(name):
    formulas = [formula for head, _, formula in RIGHT if head == name]
    assert formulas
    for formula in formulas:
        verdict = judge_formula(name, formula, seed=1)
        assert (verdict.verdict, verdict.repair) == ("right", None), (formula, verdict)
        assert verdict.error < 1e-12


@pytest.mark.parametrize("name", dict.fromkeys(head for head, _, _ in WRONG))
def test_every_wrong_writing_is_refused_and_named(name):
    for wanted, formula in ((note, formula) for head, note, formula in WRONG if head == name):
        verdict = judge_formula(name, formula, seed=1)
        assert verdict.verdict == "wrong", (formula, verdict)
        assert named(verdict.name, wanted), (formula, verdict.name, wanted)
        assert verdict.error > 1e-3


def test_every_right_writing_in_any_notation_is_accepted():
    """Written by people who had read no more than the notation page, or less."""
    verdicts = [(case, judge_formula(case["question"], case["latex"], 1)) for case in CASES if case["truth"] == "right"]
    assert len(verdicts) == 194
    refused = [(case, verdict) for case, verdict in verdicts if verdict.verdict not in ("right", "repaired")]
    assert not refused
    assert sum(verdict.verdict == "right" for _, verdict in verdicts) > 0.9 * len(verdicts)


def test_no_wrong_writing_in_any_notation_is_accepted():
    """A false step before a right end has its points, and is told to a person: that is no acceptance."""
    verdicts = [(case, judge_formula(case["question"], case["latex"], 1)) for case in CASES if case["truth"] == "wrong"]
    assert len(verdicts) == 137
    assert not [(case, verdict) for case, verdict in verdicts if verdict.verdict in ("right", "repaired")]
    steps = {case["notation"] for case, verdict in verdicts if verdict.verdict == "inconsistent"}
    shifted = "1/m shifted: intermediate false, end right"
    assert steps == {"false middle step", "extra wrong claim", shifted}
    assert sum(verdict.verdict == "wrong" for _, verdict in verdicts) >= 90


@pytest.mark.parametrize("name, count, not_read", [("blind", 102, 5), ("notations", 256, 3)])
def test_of_other_writings_hardly_any_is_not_read_none_called_wrong_and_no_wrong_one_accepted(name, count, not_read):
    """`blind` was written by somebody who had not seen the parser; the others aim at what it is made of."""
    verdicts = [(case, judge_formula(case["question"], case["latex"], 1)) for case in cases(name)]
    of_right = [verdict for case, verdict in verdicts if case["truth"] == "right"]
    assert len(of_right) == count
    refused = [verdict for verdict in of_right if verdict.verdict not in ("right", "repaired")]
    assert [verdict for verdict in refused if not verdict.needs_a_person] == []
    assert len(refused) <= not_read, refused
    accepted = ("right", "repaired")
    assert not [case for case, verdict in verdicts if case["truth"] == "wrong" and verdict.verdict in accepted]


@pytest.mark.parametrize("scalars", [True, False], ids=["one gamma for all", "one a feature"])
def test_the_source_has_the_verdicts_of_its_errata(scalars):
    rows = judge_sheet("\n".join(formula for _, formula in SOURCE), scalars=scalars)
    for (notes, formula), (_, _, verdict) in zip(SOURCE, rows, strict=True):
        assert word(verdict) == notes[0 if scalars else 1], (formula, verdict)
    count = [word(verdict).split()[0] for _, _, verdict in rows].count
    assert [count(words) for words in ("right", "definition", "repaired")] == [30, 2, 13 if scalars else 7]
    assert [count(words) for words in ("wrong", "not")] == [12, 0 if scalars else 6]


def test_of_the_sources_six_summary_formulas_two_are_wrong_and_four_hold_for_one_gamma_once_repaired():
    rows = judge_sheet("\n".join(formula for _, formula in SOURCE), scalars=True)
    last = [verdict for _, _, verdict in rows[-6:]]
    assert [word(verdict).split()[0] for verdict in last] == [
        "repaired",
        "repaired",
        "wrong",
        "wrong",
        "repaired",
        "repaired",
    ]
    assert named(last[2].name, "batch statistics taken as constants; and sgn(z_1B) for ReLU's slope")
    assert last[3].name == "the sum that should not be there"


def test_every_question_of_hw1_has_a_target():
    parts = {(question, part.name) for question in HW1 for part in QUESTIONS[question].parts}
    whole = {(q, p) for q, p in parts if q == "2-2"}  # the six finals are asked in the questions of the branches
    assert {(t.question, t.part) for t in TARGETS.values()} == parts - whole - {("1-2", "out")}


def test_the_truth_is_the_whole_backward_pass_as_in_code():
    q = judge.drawn(5)[1]
    for name, slope in truth("2-2", q).items():
        assert np.allclose(judge.drawn(5)[0][name], slope, rtol=1e-11, atol=1e-14)


def test_the_draws_hide_nothing():
    draw = judge.drawn(1)[0]
    assert draw["eps"] == 0.1 and np.allclose(draw["y_b"].sum(axis=1), 1)
    assert len({draw[size] for size in ("m", "n", "n_h", "K")}) == 4 and draw["gamma"].min() < 0 < draw["gamma"].max()


def test_no_verdict_depends_on_the_seed():
    for seed in range(3):
        assert judge_formula("2-2 gamma", GAMMA, seed).verdict == "right"
        assert judge_formula("2-2 gamma", GAMMA.replace(r"\hat x", "c"), seed).name == "∂L/∂γ from the output"


GAMMA = r"\frac1m \sum_i (\theta_{2B}^T (\hat y_{b,i} - y_{b,i})) \circ \hat x_i"


def test_a_broken_truth_would_be_seen(monkeypatch):
    """The verdict hangs on the oracle: with another truth the right formula is wrong."""
    real = judge.drawn

    def broken(*how):
        draw, inputs = real(*how)
        other = judge._Draw(draw)
        other["dgamma"] = draw["dgamma"] * (1 + 1e-6)
        return other, inputs

    monkeypatch.setattr(judge, "drawn", broken)
    assert judge_formula("2-2 gamma", GAMMA).verdict == "wrong"


# Repairs, and what is not repaired


@pytest.mark.parametrize(
    "name, formula, told",
    [
        ("beta", r"\frac1m \sum_i (\hat y_{b,i} - y_{b,i})^T \theta_{2B}", "with a transpose"),
        ("gamma", r"\frac1m \sum_i \theta_{2B}^T (\hat y_{b,i} - y_{b,i}) \hat x_i", r"\circ"),
    ],
)  # fmt: skip
def test_a_repair_is_told(name, formula, told):
    verdict = judge_formula(f"2-2 {name}", formula)
    assert verdict.verdict == "repaired" and told in verdict.repair, verdict


@pytest.mark.parametrize(
    "name, formula, told",
    [
        ("theta_2b", r"\frac1m \sum_{i=1}^m (\hat y_{b,i} - y_{b,i}) s^T", "no sample index"),
        ("theta_2a", r"\sum_i \frac{\partial L}{\partial z_{2A,i}} d_i", "with a transpose"),
        ("beta", r"\sum_i \sum_{k=1}^{n_h} \frac{\partial L}{\partial z_{2B,i}^{(k)}} \theta_{2B}^{(kj)}", "place of"),
        ("z_1b", r"\frac{\partial L}{\partial a_{1B,i}^{(j)}} \mathbb 1[z_{1B}^{(j)} > 0]", "sample"),
    ],
)  # fmt: skip
def test_what_is_right_only_if_it_is_changed_is_left_to_a_person(name, formula, told):
    verdict = judge_formula(f"2-2 {name}", formula)
    assert (verdict.verdict, verdict.needs_a_person) == ("ambiguous", True), verdict
    assert verdict.is_right_if_repaired and told in verdict.repair, verdict
    assert "a person reads" in verdict.words[-1]


def test_two_repairs_are_too_many():
    verdict = judge_formula(
        "2-2 theta_2a", r"\frac1m \sum_i (\hat y_{a,i} - y_{a,i} + \theta_{2B}^T (\hat y_b - y_b)) d_i"
    )
    assert verdict.verdict == "not read"


def test_a_mistake_is_named_before_anything_is_repaired():
    verdict = judge_formula("2-2 theta_2b", r"\frac1m \sum_i s_i (\hat y_{b,i} - y_{b,i})^T")
    assert (verdict.verdict, verdict.repair, verdict.name) == ("wrong", None, "∂L/∂θ_2B transposed")
    square = (
        r"\sum_i ((\theta_{2A} \frac{\partial L}{\partial z_{2A,i}}) \circ M_i \circ \mathbb 1[z_{1A,i} > 0]) x_i^T"
    )
    assert judge_formula("2-2 theta_1a", square).name == "θ_2A transposed on the way back"


def test_what_is_asked_is_not_given():
    for formula in (
        r"\frac{\partial L}{\partial \gamma}",
        r"2 \frac{\partial L}{\partial \gamma} / 2",
        r"\frac{\partial}{\partial \gamma} \frac1m \sum_i -\sum_k y_{b,i}^{(k)} \log \hat y_{b,i}^{(k)}",
        r"\sum_i \sum_j \frac{\partial L}{\partial c_i^{(j)}} \frac{\partial c_i^{(j)}}{\partial \gamma}",
        r"\sum_i \frac{\partial L}{\partial a_{1B,i}} \circ \hat x_i",  # comes later in the question's list
    ):
        verdict = judge_formula("2-2 gamma", formula)
        assert verdict.verdict == "not read", (formula, verdict)


def test_a_slope_of_a_whole_expression_is_no_answer():
    loss = r"-\frac1m \sum_{i=1}^m \sum_k y_{b,i}^{(k)} \log \hat y_{b,i}^{(k)}"
    for slope in (
        rf"\frac{{\partial}}{{\partial c_i}} \left( {loss} \right)",
        f"s_i = {loss}\n\\frac{{\\partial s_i}}{{\\partial c_i}}",
    ):
        *before, slope = slope.split("\n")
        formula = "\n".join([*before, rf"\frac1m (\hat y_{{a,i}} - y_{{a,i}}) + {slope}"])
        assert "slopes are of symbols" in judge_formula("2-2 z_2a", formula).words[0]


def test_a_step_of_the_forward_pass_is_not_what_comes_after_it():
    for name, formula in (
        ("z_1a", "z_{1A,i}"),
        ("z_2a", r"\hat y_{a,i}"),
        ("var_b", r"\sigma_B^2"),
        ("c", "s_i - z_{2A,i}"),
    ):
        assert "is what is asked, or comes after it" in judge_formula(f"2-1 {name}", formula).words[0]


def test_a_scalar_gamma_where_the_question_says_so():
    scalar = r"\frac1m \sum_i (\hat y_{b,i} - y_{b,i})^T \theta_{2B} \hat x_i"
    assert judge_formula("2-2 gamma", scalar, scalars=True).verdict == "right"
    assert judge_formula("2-2 gamma", scalar).name == "one γ for all features"
    assert judge_formula("2-2 gamma", GAMMA, scalars=True).verdict in ("wrong", "not read")


def test_readings_that_differ_are_asked_about():
    """A sum over all samples if they stand in rows, over all features if they stand in columns."""
    verdict = judge_formula("2-2 z_2a", r"\frac1m (\hat Y_a - Y_a) + \mathbf 1 \mathbf 1^T C")
    assert verdict.verdict == "ambiguous" and "Which is meant?" in verdict.words[0]


def test_a_jacobian_in_the_other_layout_is_told_apart_from_a_mistake():
    verdict = judge_formula("2-2 z_2b_dc", r"\theta_{2B}^T")
    assert verdict.verdict == "ambiguous" and "denominator layout" in verdict.words[0]
    assert judge_formula("2-2 z_2b_dc", r"2 \theta_{2B}^T").verdict == "not read"
    assert judge_formula("2-2 z_2b_dc", r"2 \theta_{2B}").verdict == "wrong"


def test_the_reading_that_was_taken_is_told():
    vjp = r"\hat y_b \odot (g - \hat y_b^T g \mathbf 1), \ g = \frac{\partial L}{\partial \hat y_b}"
    einstein = r"\frac{\partial L}{\partial d_{ij}} = \frac{\partial L}{\partial z_{2A,ik}} \theta_{2A,kj}"
    for name, latex, words in (
        ("2-2 z_2b", vjp, "one sample"),
        ("2-2 beta", r"\sum_i \frac{\partial L}{\partial c^{(i)}}", "the sample"),
        ("2-1 mask", r"\frac{H(r - p)}{1 - p}", "1 at 0"),
        ("2-2 d", einstein, "twice"),
    ):
        verdict = judge_formula(name, latex)
        assert verdict.verdict == "right" and words in verdict.words[0], (latex, verdict)


def test_a_line_on_another_quantity_is_no_answer():
    verdict = judge_formula("2-2 z_2b", r"\frac{\partial L}{\partial \hat y_b} = \frac1m (\hat y_b - y_b)")
    assert verdict.verdict == "ambiguous" and "The line is on" in verdict.words[0]
    for left in (r"\delta_{2B}", r"\frac{\partial L}{\partial Z_{2B}}", r"\frac{dJ}{dz_{2B}}", "\\mathrm{d}z_{2B}"):
        assert judge_formula("2-2 z_2b", rf"{left} = \frac1m (\hat y_b - y_b)").verdict == "right", left


def test_a_jacobian_of_the_questions_own_list_is_given():
    chain = r"\left( \frac{\partial \hat y_{b,i}}{\partial z_{2B,i}} \right)^T \frac{\partial L}{\partial \hat y_{b,i}}"
    assert judge_formula("2-2 z_2b", chain).verdict == "right"
    assert judge_formula("2-2 z_2b", chain.replace("^T", "")).verdict == "right"  # it is symmetric
    chain = r"\left( \frac{\partial z_{2B,i}}{\partial c_i} \right)^T \frac{\partial L}{\partial z_{2B,i}}"
    assert judge_formula("2-2 c", chain).verdict == "right"
    ignored = r"\frac{\partial a_{1A,i}}{\partial z_{1A,i}}"
    assert judge_formula("2-2 z_1a", ignored).verdict == "not read"


def test_ids_may_be_spelled_as_in_a_check_or_on_a_command_line():
    for name in ("2-2 gamma", "2-2-gamma", "2-2 gamma, written"):
        assert judge_formula(name, GAMMA).verdict == "right"
    with pytest.raises(ValueError, match="2-2 gamma"):
        judge_formula("2-2 delta", GAMMA)


# Messages


@pytest.mark.parametrize(
    "formula, message, place",
    [
        (r"\frac1m \sum_i (\hat y_{b,i} - ) s_i", "`)` where a value should be", ")"),
        (r"\frac1m \sum_i (\hat y_{b,i} - y_{b,i} s_i", "`(` is never closed", "("),
        (r"s_i^T)", "`)` closes nothing", ")"),
        (r"\left[ s_i^T \right)", "closes the `[`", ")"),
        (r"\frac1m \sum (\hat y_{b,i} - y_{b,i})", "needs an index", "("),
        (r"s_i + w_i", "w_i is no symbol", "w_i"),
        (r"\log \operatorname{mean}_i c_i", "`mean` where a value should be", r"\operatorname{mean}"),
        (
            r"\theta_{2A} \mathbf 1_{n_h} M_i",
            r"is a column of n_h and M_i another: a matrix product has no meaning",
            None,
        ),
        (r"s_i + \hat y_{b,i}", r"cannot be added", None),
        (r"\theta_{2B} \hat y_{b,i}", r"Rows of n_h meet columns of K", None),
        (r"\sum_{j=1}^K s_i^{(j)}", "j runs to K", None),
        ("s_i # 2", "`#` has no meaning", "#"),
        (r"s_i \circ \text{wave}(c_i)", "The words `wave` are not read", r"\text{wave}"),
        (r"\|s_i\|_1", "norms are read as those of Euclid", None),
        (r"\operatorname{mean}_{ij} (s_i)", "a mean needs one index", None),
        (r"1 \text{ if } j = k \text{ else } 0", "`if` is read within", r"\text{ if }"),
        (r"\sigma''(z_{1A,i})", "which function is meant cannot be told", None),
        (r"\hat s_i^{(j)} + (s_i + c_i)_{2B}", "indices alone", None),
        ("", "There is no formula", None),
        ("a = b, b = a, a", "is defined by itself", None),
        (r"\sum_{i=1}^m \frac{\partial}{\partial s_i} \frac{\partial}{\partial c_i} s_i", "within a slope", None),
        (r"\frac{s_i}{c_i - c_i}", "divides by zero", None),
        ("x" * 10_001, "too long", None),
        ("(" * 200 + "s" + ")" * 200, "deep", None),
        (
            r"\sum_i \sum_j \sum_k \sum_l \sum_q \sum_r \sum_t x_i^{(j)} x_k^{(l)} x_q^{(r)} x_t",
            "more than is computed",
            None,
        ),
    ],
)
def test_what_cannot_be_read_is_said_with_its_place(formula, message, place):
    with pytest.raises(FormulaError) as caught:
        for reading in find_readings(read(formula), ANYTHING, repair=False):
            evaluate(reading, judge.drawn(0)[0])
    error = caught.value
    assert message in str(error)
    if place:
        assert formula[slice(*error.at)] == place
        line, mark = point(formula, error).splitlines()[1:]
        assert line[mark.index("^")] == place[0]


@pytest.mark.parametrize("lost", ["\frac1m s_i", "\theta_{2B}", "2 \beta", "\rho", "a \times b"])
def test_a_string_without_its_r_is_told_so(lost):
    verdict = judge_formula("2-2 gamma", lost)
    assert verdict.verdict == "not read" and "Is the r missing" in verdict.words[0]


def test_a_tab_and_a_carriage_return_are_white_space():
    assert read("s_i\t+ c_i\r\n") == read("s_i + c_i")


def test_half_a_character_is_a_verdict_that_can_be_written():
    verdict = judge_formula("2-2 gamma", "s_i \ud800")
    assert verdict.verdict == "not read"
    "".join(verdict.words).encode("utf8")


def test_of_a_long_line_the_message_shows_what_is_around_its_place():
    formula = "s_i + " * 300 + "@ + c_i" + " + s_i" * 300
    (words,) = judge_formula("2-2 gamma", formula).words
    line, mark = words.splitlines()[1:]
    assert len(line) < 200 and line[mark.index("^")] == "@"


def test_a_wrong_verdict_says_what_the_numbers_show_where_the_bank_has_no_name():
    verdict = judge_formula("2-2 z_2b", r"\frac3m (\hat y_{b,i} - y_{b,i})")
    assert verdict.name is None and "3" in " ".join(verdict.words)


def test_shapes_stand_beside_the_definitions():
    verdict = judge_formula(
        "2-2 gamma", "g_i = \\theta_{2B}^T (\\hat y_{b,i} - y_{b,i})\n\\frac1m \\sum_i g_i \\circ \\hat x_i"
    )
    assert verdict.shapes == (("g_i", "a column of n_h"), ("", "a column of n_h"))


# Reading


@pytest.mark.parametrize(
    "one, other",
    [
        (r"\hat{\mathbf{y}}_{bi}", r"\hat y_{b,i}"),
        (r"\mathbf{\hat{y}}_{b,i}", r"\hat y_{b,i}"),
        (r"\widehat{y_{b,i}}", r"\hat y_{b,i}"),
        (r"z_{1a,i}^{(j)}", r"\mathbf{z}^{(j)}_{1Ai}"),
        (r"\left( s_i \right)^\top", r"s_i^{\mathsf{T}}"),
        (r"\theta_{2B}^{T(kj)}", r"{\theta_{2B}^T}^{(kj)}"),
        (r"\tfrac12 s_i", r"\frac{1}{2} \, s_i"),
        (r"[j = k \wedge r_i \ge p]", r"\mathbb 1[j = k \text{ and } r_i \geq p]"),
        (r"s_i \odot c_i", "s_i ∘ c_i"),
        (r"\operatorname{ReLU}'(z_{1A,i})", r"\text{ReLU}^{\prime}(z_{1A,i})"),
        (r"\mathbb{1}_{z_{1A,i} > 0}", r"\mathbb 1[z_{1A,i} > 0]"),
        (r"\mathbf 1\{z_{1A,i} \geqslant 0\}", r"[z_{1A,i} \ge 0]"),
        (r"\sum\limits_{i = 1}^{m} s_i", r"\sum_{i=1}^m s_i"),
        (r"\partial L / \partial s_i", r"\frac{\partial \mathcal{L}}{\partial s_i}"),
        (r"s_i^{\rm T} \in \mathbb{R}^{1 \times n_{h}}", "s_i^t"),
        (r"\hat y_{b_i}", r"\hat y_{b,i}"),
        (r"1_{z_{1A,i} > 0}", r"\mathbb 1[z_{1A,i} > 0]"),
        (r"a = s_i \quad a", "a = s_i, a"),
        (r"\nabla_{s_i} L", r"\frac{\partial L}{\partial s_i}"),
        ("a = s_i % a remark\na", "a = s_i\na"),
        ("U, \\text{ where } U \\text{ is a column of } n_h \\text{ ones}", "U \n U = \\mathbf 1_{n_h}"),
    ],
)
def test_spellings_that_mean_the_same_are_the_same_tree(one, other):
    assert read(one) == read(other)


@pytest.mark.parametrize("one, other", [(r"\hat y_{b,i}", "y_{b,i}"), (r"\bar s", "s"), (r"s_i c_i", r"s_i \circ c_i")])
def test_what_is_not_the_same_is_not(one, other):
    assert read(one) != read(other)


def test_a_product_binds_tighter_than_entry_by_entry_and_a_sum_takes_what_follows():
    assert read(r"a \circ b c") == read(r"a \circ (b c)")
    assert read(r"\sum_i a_i \circ b_i - c") == read(r"(\sum_i (a_i \circ b_i)) - c")


def _every_tree():
    return [read(formula) for _, _, formula in RIGHT + WRONG] + [read(f.strip("$ ")) for _, f in SOURCE]


def test_every_writing_reads_back_as_itself_from_its_typeset_form():
    for formula in _every_tree():
        assert read(typeset(formula)) == formula, typeset(formula)


INDEX = st.sampled_from(["i", "j", "k", "l", "i'"])
LETTERS = st.lists(INDEX, max_size=2).map(tuple)
WRITTEN = [name for name in network() if name != "L"]
WRITTEN += [r"\delta", "g", "g_a", r"\bar g", r"\kappa_out", r"∂\gamma", "∂c", "n_h", r"∂\sigma^2_b", r"\mathrm{CE}"]
NAMES = st.builds(
    tree.Name,
    st.sampled_from(WRITTEN),
    LETTERS,
    st.lists(INDEX | st.just(":"), max_size=2).map(tuple),
)
LEAVES = NAMES | st.builds(tree.Number, st.sampled_from(["1", "2", "12", "0.5"]))
LEAVES |= st.builds(tree.Ones, st.sampled_from([None, *NOTATION.sizes]))
LEAVES |= st.builds(tree.Identity, st.sampled_from([None, *NOTATION.sizes]))


def _grow(inner):
    several = st.lists(inner, min_size=2, max_size=3).map(tuple)
    compare = st.builds(tree.Compare, st.sampled_from(tables.COMPARISONS), inner, inner)
    compare |= st.tuples(compare, compare).map(tree.Both)
    unnamed = inner.filter(lambda node: not isinstance(node, tree.Name))
    rows = st.lists(st.builds(tree.Case, inner, st.none() | compare), min_size=1, max_size=3)
    one, two = st.tuples(inner), st.tuples(inner, inner)
    return st.one_of(
        several.map(tree.Sum),
        several.map(tree.Product),
        several.map(tree.Entrywise),
        rows.map(lambda items: tree.Cases(tuple(items))),
        st.builds(tree.Negative, inner),
        st.builds(tree.Quotient, inner, inner),
        st.builds(tree.Power, inner, LEAVES.filter(lambda node: isinstance(node, tree.Number))),
        *(st.builds(kind, inner) for kind in (tree.Root, tree.Norm, tree.Absolute, tree.Transpose)),
        st.builds(tree.Entry, unnamed, st.lists(INDEX, min_size=1, max_size=2).map(tuple)),
        st.builds(tree.IndexSum, INDEX, st.sampled_from([None, "m", "n_h", "n_yb"]), inner),
        st.builds(tree.IndexMean, INDEX, inner),
        st.builds(tree.Indicator, compare),
        st.builds(tree.BatchMean, inner),
        *(st.builds(kind, inner, inner) for kind in (tree.Kronecker, tree.InnerProduct)),
        st.builds(tree.AppliedLetter, st.sampled_from(["f", "g", "H", r"\sigma"]), st.sampled_from([0, 1]), inner),
        st.builds(tree.Call, st.sampled_from(["relu", "relu'", "sgn", "exp", "log", "diag", "softmax"]), one),
        st.builds(tree.Call, st.sampled_from(tables.FUNCTIONS_OF_TWO), two),
        st.builds(tree.Derivative, inner, NAMES.filter(lambda node: node.symbol[0] != "∂")),
    )


TREES = st.recursive(LEAVES, _grow, max_leaves=12)
QUICK = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
SOAK = 200  # seconds, each of three
MORE = settings(max_examples=1_000, deadline=None, suppress_health_check=list(HealthCheck))


def reads_back(node):
    formula = tree.Formula((tree.Statement((node,)),))
    assert read(typeset(formula)) == formula, typeset(formula)


def soaked(strategy, check):
    """A test that goes on with new examples for as long as a soak lasts."""

    @pytest.mark.soak
    def test():
        end, rounds = time.monotonic() + SOAK, 0
        while time.monotonic() < end:
            MORE(given(strategy)(lambda example: check(example)))()
            rounds += 1
        assert rounds

    return test


test_a_tree_printed_as_latex_reads_back_as_itself = QUICK(given(TREES)(reads_back))
test_any_tree_reads_back = soaked(TREES, reads_back)

PIECES = {token.text for _, _, formula in RIGHT + WRONG for token in tokens.tokens_of(formula, NOTATION)}
PIECES |= {*r"()[]{}^_'|&%$#\,;=", "\\\\", "\n", r"\begin{cases}", r"\|", r"\text{", "where", "٣", "é"}
PIECES = sorted(PIECES)
STRINGS = st.text(max_size=60) | st.lists(st.sampled_from(PIECES), max_size=60).map(" ".join)


@st.composite
def mutated(draw):
    text = draw(st.sampled_from([formula for _, _, formula in RIGHT + WRONG]))
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(text)))
        end = min(len(text), start + draw(st.integers(0, 6)))
        text = text[:start] + draw(st.sampled_from(["", *PIECES])) + text[end:]
    return text


def ends_well(latex):
    """Any string ends in a verdict, without a warning, in less than a second."""
    began = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        verdict = judge_formula("2-2 gamma", latex)
    assert verdict.verdict in ("right", "repaired", "inconsistent", "wrong", "ambiguous", "not read")
    assert verdict.verdict != "not read" or verdict.words
    assert time.process_time() - began < 1


test_random_strings_end_in_a_verdict = QUICK(given(STRINGS)(ends_well))
test_mutated_writings_end_in_a_verdict = QUICK(given(mutated())(ends_well))
test_any_string_ends_in_a_verdict = soaked(STRINGS, ends_well)
test_any_mutated_writing_ends_in_a_verdict = soaked(mutated(), ends_well)

BOMBS = [
    *"({[-x,1%&|∂ŷ",
    "\n",
    " ",
    "x^",
    "x_",
    "x'",
    "x/",
    "+x\n",
    "x=",
    "^2",
    "a=b\n",
    "x_i+",
    "x_i^T x_i",
    "[x>",
    "{x}^T",
    "x^{x",
]
BOMBS += [
    r"\frac",
    r"\sqrt",
    r"\hat",
    r"\sum_i",
    r"\frac12",
    r"\text",
    r"\text{",
    r"\log",
    r"\|",
    r"\begin{cases}",
    r"a \\ ",
]
BOMBS += [
    r"\circ x_i",
    r"\mathbf 1 \mathbf 1^T",
    r"\mathbf 1",
    r"\partial",
    "i'",
    r"\left(",
    r"\lVert",
    "is a column of",
]


@pytest.mark.parametrize("piece", BOMBS)
def test_ten_thousand_characters_end_within_a_second(piece):
    judge_formula("2-2 gamma", GAMMA)  # the draw is made once
    ends_well((piece * 10_000)[:10_000])
    ends_well((piece * 400)[:1_200])
    ends_well(GAMMA + " + " + (piece * 300)[:900])


NESTS = [(r"\frac{1}{", "}"), (r"\sqrt{1 + ", "}"), ("x_i^{", "}"), ("(1 + ", ")"), (r"\sum_i s_i ", ""), ("{", "}^T")]
NESTS += [(r"\begin{cases} 1 & ", r"> 0 \end{cases}"), (r"\|", r"\|"), (r"\log ", "")]


@pytest.mark.parametrize(
    "latex", [r"M\circ 0I", r"M + I", r"X I + I", r"\mathbf 1 \mathbf 1^T \circ M + I", r"\sum_i \delta_{ii}"]
)
def test_sizes_that_cannot_be_told_are_no_accident(latex):
    ends_well(latex)


def test_a_whole_sheet_with_its_definitions_of_symbols():
    sheet = r"$$\sigma_B = \frac1m \sum_{i=1}^m (a_{1Bi} - \mu_B)^2$$ and "
    sheet += r"$$\hat x = \frac{a_{1B} - \mu_B}{\sqrt{\mu_B^2 + \epsilon}}$$"
    rows = judge_sheet(sheet + r" and $$c_i = ($$")
    assert [verdict.verdict for _, _, verdict in rows] == ["wrong", "wrong", "not read"]
    assert rows[1][2].name == "μ_B² where σ_B² belongs"


def test_a_size_that_a_question_does_not_have_is_a_verdict():
    for latex in (r"\mathbf 1_{n_h}", "K", r"\sum_{j=1}^{n_h} x"):
        verdict = judge_formula("1-1 beta", latex)
        assert verdict.verdict == "not read" and "in this question" in verdict.words[0], (latex, verdict)


@pytest.mark.parametrize("sign", [">", "<"])
def test_a_case_of_features_is_laid_along_a_batch(sign):
    cases = rf"\begin{{cases}} X \theta_{{1A}}^T & \beta {sign} 0 \\ 0 & \text{{otherwise}} \end{{cases}}"
    (reading, *_) = find_readings(read(cases), ANYTHING, repair=False)
    draw = judge.drawn(0)[0]
    kept = draw["beta"] > 0 if sign == ">" else draw["beta"] < 0
    assert np.allclose(evaluate(reading, draw), np.where(kept, draw["x"] @ draw["theta_1a"].T, 0))


@pytest.mark.parametrize("opens, closes", NESTS)
def test_what_nests_does_not_explode(opens, closes):
    for depth in (8, 18, 38):
        ends_well(opens * depth + "m" + closes * depth)


def test_definitions_that_double_do_not_explode():
    names = [f"w_{{{'x' * k}}}" for k in range(1, 41)]
    lines = [f"{name} = {before} + {before}" for before, name in pairwise(names)]
    doubled = "\n".join([f"{names[0]} = s_i", *lines, rf"\sum_i {names[-1]}"])
    ends_well(doubled)
    assert judge_formula("2-2 gamma", doubled).verdict == "wrong"  # it is read, and computed


def test_nothing_is_evaluated_or_imported():
    source = "".join(path.read_text() for path in Path(package.__file__).parent.glob("*.py"))
    assert not re.search(r"\b(?:eval|exec|compile|__import__)\(", source.replace("re.compile(", ""))


def test_a_formula_is_read_and_judged_in_fifty_milliseconds():
    judged = [(head, formula) for head, _, formula in (RIGHT + WRONG)[::5]]
    for name, formula in judged:
        judge_formula(name, formula)  # draws and wrong values are made once
    slow = [pair for pair in judged if min(_seconds(*pair), _seconds(*pair)) > 0.05]
    assert not slow


def _seconds(name, formula):
    began = time.process_time()
    judge_formula(name, formula)
    return time.process_time() - began


def test_a_draw_of_stored_numbers_is_enough():
    """At home there is no network, no bank and no oracle: plain dicts of arrays give the same verdicts."""
    stored = judge.stored_draws([0, 1])
    for name, _, formula in RIGHT[::3] + WRONG[::3]:
        at_home = compare(formula, TARGETS[name], stored[TARGETS[name].family])
        graded = judge_formula(name, formula)
        assert {at_home.verdict, graded.verdict} in ({graded.verdict}, {"not read", "wrong"}), (formula, at_home)
        assert (at_home.verdict == "right") == (graded.verdict == "right")
    assert all(type(draw) is dict for draws in stored.values() for draw in draws)

"""The page on formulas: each of its claims, by the examples that it prints itself."""

import re
import shlex
from dataclasses import replace

import numpy as np
import pytest

from assignments.hw1 import formula_verdicts as judge
from assignments.hw1.targets import ANYTHING, NOTATION, TARGETS
from autograder import cli
from autograder.formula import parser
from autograder.formula.errors import FormulaError
from autograder.formula.evaluate import evaluate
from autograder.formula.readings import find_readings
from autograder.formula.tokens import MAX_CHARACTERS
from autograder.formula.verdict import TOLERANCE, compare
from tests.answers import ROOT

PAGE = (ROOT / "book/teach/formulas.md").read_text(encoding="utf8")
SPAN = re.compile(r"``` (.+?) ```|`([^`]+)`")


def rows(head):
    """The cells of every table row below a head, code without its backticks."""
    found = []
    for table in re.findall(rf"^\| {re.escape(head)} \|\n\|[-|]+\|\n((?:\|.*\n)+)", PAGE, re.M):
        for row in table.splitlines():
            cells = [cell.strip() for cell in row.strip("|").split(" | ")]
            found.append(tuple("".join(SPAN.fullmatch(cell).groups("")) if "`" in cell else cell for cell in cells))
    return found


SAME, IS = rows("written | the same"), rows("written | set | is")
SAID, MENDED, TRAPS = rows("written | what is said"), rows("asked | written | what is said"), rows(
    "written | is read as | say instead"
)  # fmt: skip


def read(latex):
    return parser.read(latex, NOTATION)


def said(latex):
    """The first line of what is said to a formula that has no meaning."""
    with pytest.raises(FormulaError) as caught:
        find_readings(read(latex), ANYTHING, repair=False)
    return str(caught.value)


def test_there_are_examples_of_every_kind():
    assert [len(SAME) > 15, len(IS) > 25, len(SAID) > 25, len(MENDED), len(TRAPS)] == [True, True, True, 5, 6]


@pytest.mark.parametrize("one, other", SAME)
def test_what_is_said_to_be_the_same_is(one, other):
    assert read(one) == read(other) or same_numbers(one, other)


def same_numbers(one, other):
    found = [numbers(latex) for latex in (one, other)]
    return all(np.array_equal(a, b) for a, b in zip(*found, strict=True))


def numbers(latex):
    draw = judge.drawn(0)[0]
    return [evaluate(reading, draw) for reading in find_readings(read(latex), ANYTHING)]


@pytest.mark.parametrize("latex, shown, shape", IS)
def test_what_it_is(latex, shown, shape):
    assert shown == f"${latex}$"
    readings = find_readings(read(latex), ANYTHING, repair=False)
    assert {reading.parts[-1][1] for reading in readings} == {shape}
    assert np.isfinite(evaluate(readings[0], judge.drawn(0)[0])).all()


@pytest.mark.parametrize("latex, message", SAID)
def test_what_is_said(latex, message):
    assert said(latex) == message


@pytest.mark.parametrize("asked, latex, message", MENDED)
def test_what_is_mended(asked, latex, message):
    assert judge.judge_formula(asked, latex).repair == message


@pytest.mark.parametrize("latex, read_as, instead", TRAPS)
def test_what_is_read_otherwise(latex, read_as, instead):
    def value(formula):
        gamma = replace(TARGETS["2-2 gamma"], axes=None)
        for target in (ANYTHING, gamma) if "partial L" in formula or formula.startswith("d c") else (ANYTHING,):
            try:
                return [evaluate(r, judge.drawn(0)[0]) for r in find_readings(read(formula), target)]
            except FormulaError:
                continue
        raise AssertionError(f"{formula} is not read")

    assert all(np.allclose(a, b) for a, b in zip(value(latex), value(read_as), strict=True))
    other = value(instead)[0]
    assert other.shape != value(latex)[0].shape or not np.allclose(other, value(latex)[0])


def test_the_commands_of_the_page_do_what_it_says(tmp_path, capsys):
    one, sheet = (shlex.split(line) for line in re.findall(r"^    autograder (.+)$", PAGE, re.M))
    assert cli.main(one) == 3 and "wrong" in capsys.readouterr().out
    file = tmp_path / sheet[-1]
    file.write_text(r"So $$ z_{1A,i} = \theta_{1A} x_i $$ and $$ d_i = a_{1A,i} \circ M_i. $$")
    assert cli.main([sheet[0], str(file)]) == 0
    file.write_text(r"So $$ z_{1A,i} = \theta_{1B} x_i $$")
    assert cli.main([sheet[0], str(file)]) == 3
    target = re.search(r"^    make (\w+) (\w+)=", PAGE, re.M).groups()
    assert re.search(rf"^{target[0]}:.*\n.*autograder formula \$\({target[1]}\)", (ROOT / "Makefile").read_text(), re.M)


def test_the_numbers_of_the_page():
    assert f"to {TOLERANCE:.0e}".replace("e-0", "e-") in PAGE and f"$\\epsilon$ is {judge.EPS}" in PAGE
    assert f"a string of {MAX_CHARACTERS:,} characters" in PAGE
    letters = re.search(r"letters of indices are\s+(.+?)\.", PAGE, re.S)[1]
    assert set(re.findall(r"\$(\w)\$", letters)) == NOTATION.indices


def test_no_example_answers_a_question():
    """The page is in the student edition too."""
    examples = {latex for latex, *_ in SAME + IS + SAID + TRAPS} | {cell for row in SAME for cell in row}
    examples |= {latex for _, latex, _ in MENDED} | {cell for row in TRAPS for cell in row}
    examples |= set(re.findall(r'formula\(r"(.+?)"\)|formula \'(.+?)\'', PAGE)[0])
    assert [found for latex in examples if latex for found in answered(latex)] == []


def answered(latex):
    """The targets that a formula is right for, if need be after a repair."""
    stored = judge.stored_draws([0])
    verdicts = {name: compare(latex, target, stored[target.family]).verdict for name, target in TARGETS.items()}
    return [name for name, verdict in verdicts.items() if verdict in ("right", "repaired")]


def test_the_test_above_would_find_one():
    assert answered("c_i + z_{2A,i}") == ["2-1 s"] and answered("\\mathbf 1") == []

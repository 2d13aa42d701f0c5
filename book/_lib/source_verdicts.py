"""The source's right sides of 2-2, as they stand in `source_formulas.txt`, read and judged: what the errata show."""

import math
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from assignments.hw1.formula_verdicts import judge_sheet
from autograder.formula.verdict import FormulaVerdict

FILE = Path(__file__).with_name("source_formulas.txt")
WORDS = {
    "right": "right",
    "repaired": "right after a repair",
    "wrong": "wrong",
    "wrong after repair": "wrong, after a repair too",
    "not read": "no valid reading",
    "definition": "a definition",
}
SHORT = {"wrong after repair": "wrong", "not read": "no reading"}
REPAIRS = {
    "no sample index": "the sample's index",
    "with a transpose": "a transpose",
    "in place of": "a sum's range",
    r"\circ": "∘",
    "for each feature": "the feature's index",
}


def formulas():
    """[(verdicts that were found once: with one gamma for all features, with one a feature; formula)]"""
    blocks = re.split(r"\n\s*\n", FILE.read_text(encoding="utf8"))[1:]
    found = (re.fullmatch(r"% (.+), (.+)\n(\$\$[\s\S]+\$\$)\s*", block).groups() for block in blocks)
    return [((for_all, each), formula) for for_all, each, formula in found]


@dataclass(frozen=True)
class Line:
    """A line of the source: its sides in LaTeX, and its verdict in two readings of gamma and beta."""

    left: str
    right: str
    for_all: FormulaVerdict
    each: FormulaVerdict


def judged(seed=0):
    """[Line] of every right side, in the source's order."""
    text = "\n".join(formula for _, formula in formulas())
    rows = [judge_sheet(text, seed, scalars=scalars) for scalars in (True, False)]
    return [Line(left, right, one, two) for (left, right, one), (_, _, two) in zip(*rows, strict=True)]


def word(verdict):
    """A key of WORDS."""
    if verdict.is_right_if_repaired:
        return "repaired"
    return "wrong after repair" if verdict.repair and math.isfinite(verdict.error) else verdict.verdict


def counts(lines):
    """Of each verdict, how many lines have it: a table in Markdown."""
    columns = [Counter(word(getattr(line, reading)) for line in lines) for reading in ("for_all", "each")]
    rows = ["| verdict | one γ, one β for all features | one a feature |", "|---|---|---|"]
    rows += [f"| {words} | {columns[0][key]} | {columns[1][key]} |" for key, words in WORDS.items()]
    return "\n".join([*rows, f"| together | {len(lines)} | {len(lines)} |"])


def every_line(lines):
    """Both verdicts on each line, the line, and what was mended or which mistake it is: a table in Markdown."""
    rows = ["| line | one γ for all | one a feature | as it stands |", "|---|---|---|---|"]
    for number, line in enumerate(lines, 1):
        tex = re.sub(r"\s+", " ", f"{line.left} = {line.right}").replace(r"\|", r"\Vert ").replace("|", r"\vert ")
        said = [SHORT.get(word(verdict), word(verdict)) for verdict in (line.for_all, line.each)]
        note = _note(line.for_all)
        rows.append(f"| {number} | {said[0]} | {said[1]} | ${tex}$ {f'<br>*{note}*' if note else ''} |")
    return "\n".join(rows)


def _note(verdict):
    mended = [words for mark, words in REPAIRS.items() if mark in (verdict.repair or "")]
    return "; ".join([*("mended: " + words for words in mended[:1]), *([verdict.name] if verdict.name else [])])

"""The matrix: every wrong formula of the bank against its questions, at home and graded, and every right variant.

    python -m verification.mistake_matrix [--seeds 20] [--out _build/matrix]

runs it and writes matrix.json (everything), matrix.md (with the equations) and matrix.html (in colour).
"""

import argparse
import itertools
import json
from dataclasses import asdict, dataclass, field
from functools import partial
from html import escape
from pathlib import Path

import numpy as np

import solutions
from assignments.hw1.mistakes import BANK
from assignments.hw1.references import GRADED, REFERENCES
from autograder.mistakes import diagnosis
from autograder.mistakes.model import Mistake
from autograder.questions import private, public
from verification.student_variants import RIGHT, student

HIDDEN = 2**90 + 7
QUESTIONS, QUESTION_IDS = GRADED.questions, tuple(REFERENCES)
GIVEN = {name: getattr(solutions, name) for name in ("linear_forward", "relu_forward")}
GIVEN |= {name: getattr(solutions, name) for name in ("batch_norm_forward", "softmax_forward")}

diagnose = partial(diagnosis.diagnose, BANK)
judge = partial(private.grade_hidden, GRADED, diagnose=diagnose)


# ---------------------------------------------------------------------------------------------------------------------
# Students who are wrong


def mistaken(question_id, mistake):
    """The functions of a student who makes this mistake in this question, and no other."""

    def write(wanted):
        def call(*args):
            inputs = BANK.named_inputs(question_id, wanted, args)
            evaluation = BANK.evaluate(inputs, mistake.steps)
            return packed(wanted, lambda part: getattr(evaluation, BANK.step_of(question_id, part)), question_id)

        return call

    return {wanted.function: write(wanted) for wanted in QUESTIONS[question_id].calls}


def packed(wanted, value, question_id):
    """A question's parts in the shape in which its function returns them."""
    match wanted.function:
        case "batch_norm_jacobian":
            return value("dy_dgamma"), value("dy_dbeta")
        case "dropout_forward":
            return value("out"), ()
        case "dropout_jacobian" | "softmax_jacobian":
            return value("jacobian")
    parts = {part.name: value(part.name) for part in QUESTIONS[question_id].parts}
    return (parts.pop("loss"), parts) if question_id == "2-1" else parts


def spoiling_its_cache(functions):
    def dress(function):
        def call(*args):
            value = function(*args)
            args[-1]["theta_2b"] *= 1.1
            return value

        return call

    return {name: dress(function) if name.endswith("_backward") else function for name, function in functions.items()}


def answering_anew(functions):
    """Every second call gives twice as much, for all that is random in one call and not in the next."""
    calls = itertools.count()

    def times(value, by):
        if isinstance(value, dict):
            return {name: times(inner, by) for name, inner in value.items()}
        return tuple(times(inner, by) for inner in value) if isinstance(value, tuple) else np.asarray(value) * by

    return {name: lambda *args, f=f: times(f(*args), 1.0 + next(calls) % 2) for name, f in functions.items()}


# What only some draws can show, those with a negative dout: no row, but a test of its own.
ON_SOME_DRAWS = {"|dout| for dout"}

# No formulas, but what a function does besides: the words that the check itself has for it.
BEHAVIOURS = {
    "a cache changed in place": (spoiling_its_cache, "changed its input"),
    "another answer at the second call": (answering_anew, "called twice"),
}


def rows(question_id):
    """{name: (functions, Mistake, words or None)} of everyone who answers this question."""
    mistakes = [mistake for entry in diagnosis.entries_of(BANK, question_id) for mistake in entry]
    mistakes = [mistake for mistake in mistakes if mistake.name not in ON_SOME_DRAWS]
    found = {mistake.name: (mistaken(question_id, mistake), mistake) for mistake in mistakes}
    for name, (spoil, words) in BEHAVIOURS.items():
        if "cache" not in name or any("cache" in call.arguments for call in QUESTIONS[question_id].calls):
            found[name] = (spoil(student()), words)
    return found | {name: (functions, None) for name, functions in RIGHT.items()}


# ---------------------------------------------------------------------------------------------------------------------
# What comes of them


@dataclass
class Cell:
    """One row in one question: the draws, and in how many of them it failed, at home and graded; a public seed showed
    what failed in grading; every part that was wrong by itself was named rightly; some part was named wrongly."""

    draws: int = 0
    home: int = 0
    graded: int = 0
    shown: int = 0
    named: int = 0
    misnamed: int = 0
    parts: dict = field(default_factory=dict)  # how often each part was not right

    def add(self, home, judgement, known):
        hidden = judgement.result
        if isinstance(known, Mistake):
            names = {part: name for part, name in judgement.names.items() if name}
            right = {part for part, name in names.items() if len(name.entries) == 1 and known in name.mistakes}
            wrong_by_itself = {part.name for part in hidden.parts if part.status == "not yet"}
            self.named += bool(wrong_by_itself) and wrong_by_itself <= right
            self.misnamed += names.keys() != right
        else:
            self.named += known is not None and all(known in " ".join(r.words) for r in (home, hidden))
            self.misnamed += any(judgement.names.values())
        self.draws += 1
        self.home += home.points < home.maximum
        self.graded += hidden.points < hidden.maximum
        self.shown += judgement.seed is not None
        for part in hidden.parts:
            if part.status != "ok":
                self.parts[part.name] = self.parts.get(part.name, 0) + 1


def store(stored, question_id, seed):
    """Add the stored numbers of one more public seed, where a release has three."""
    question = QUESTIONS[question_id]
    if question.reference is None or question.family == "network":
        q, right = private._drawn(GRADED, question_id, seed)
        stored.setdefault("inputs", {}).setdefault(question.family, {})[seed] = q
        stored.setdefault(question_id, {})[seed] = right


def run(seeds, question_ids=QUESTION_IDS, progress=lambda text: None):
    """{(row, question): Cell}. Each seed is one public draw, seen at home, and one hidden draw, seen in grading."""
    cells, stored = {}, {}
    for question_id in question_ids:
        answers = rows(question_id)
        for seed in seeds:
            progress(f"{question_id} {seed}")
            store(stored, question_id, seed)
            for name, (functions, known) in answers.items():
                call = public.call_in(functions)
                at_hand = RIGHT["plain"] | GIVEN | functions
                home = public.at_home(QUESTIONS[question_id], at_hand, (seed,), stored)
                judgement = judge(question_id, call, HIDDEN + seed, draws=1)
                if isinstance(known, Mistake) and judgement.errors:
                    raise AssertionError(f"{name} in {question_id}: {judgement.errors[0]}")
                cells.setdefault((name, question_id), Cell()).add(home, judgement, known)
    return cells


def summary(cells):
    """The figures: how many mistakes, the rates over all their draws; how many right answers, and how many failed."""
    wrong = [cell for (name, _), cell in cells.items() if name not in RIGHT]
    right = [cell for (name, _), cell in cells.items() if name in RIGHT]
    draws = sum(cell.draws for cell in wrong)
    return {
        "mistakes": len({name for name, _ in cells if name not in RIGHT}),
        "mistakes in their questions": len(wrong),
        "draws of mistakes": draws,
        "failed at home": sum(cell.home for cell in wrong) / draws,
        "failed in grading": sum(cell.graded for cell in wrong) / draws,
        "shown by a public seed": sum(cell.shown for cell in wrong) / draws,
        "named rightly": sum(cell.named for cell in wrong) / draws,
        "named wrongly": sum(cell.misnamed for cell in wrong),
        "right variants": len({name for name, _ in cells if name in RIGHT}),
        "draws of right variants": 2 * sum(cell.draws for cell in right),
        "false failures": sum(cell.home + cell.graded for cell in right),
    }


# ---------------------------------------------------------------------------------------------------------------------
# The tables

MARKS = {"named": "●", "failed": "○", "missed": "✗", "passed": "✓"}
KINDS = {sign: kind for kind, sign in MARKS.items()}
LEGEND = (
    "● fails at home and in grading, and is named; ○ fails in both, unnamed; ✗ missed in some draw; ✓ passes; "
    "empty: the question's outputs cannot show it."
)


def mark(name, cell):
    """A row's mark in one question; none where the question's outputs cannot show the mistake."""
    if cell is None:
        return ""
    if name in RIGHT:
        return MARKS["missed" if cell.home or cell.graded else "passed"]
    if min(cell.home, cell.graded) < cell.draws:
        return MARKS["missed"]
    return MARKS["named" if cell.named >= 0.95 * cell.draws and not cell.misnamed else "failed"]


def table(cells):
    """Markdown: a line a row, a column a question."""
    labels = {mistake.name: f"`{mistake.equation}`" for mistake in BANK.mistakes}
    lines = ["| | equation | " + " | ".join(QUESTION_IDS) + " |", "|---|---|" + ":-:|" * len(QUESTION_IDS)]
    for name in ordered(cells):
        marks = [mark(name, cells.get((name, question_id))) for question_id in QUESTION_IDS]
        lines.append(f"| {name} | {labels.get(name, '')} | {' | '.join(marks)} |")
    figures = [f"- {what}: {value:.4g}" for what, value in summary(cells).items()]
    return "\n".join([LEGEND, "", *figures, "", *lines, ""])


def ordered(cells):
    names = [mistake.name for mistake in BANK.mistakes] + list(BEHAVIOURS) + list(RIGHT)
    seen = {name for name, _ in cells}
    return [name for name in names if name in seen]


def html(cells):
    """The same for a page: a row's marks in colour, the rows in groups by the first question that shows them."""
    groups = {question_id: [] for question_id in QUESTION_IDS} | {"besides": [], "right": []}
    for name in ordered(cells):
        first = next(question_id for question_id in QUESTION_IDS if (name, question_id) in cells)
        groups["right" if name in RIGHT else "besides" if name in BEHAVIOURS else first].append(name)
    names = {"besides": "What a function does besides", "right": "Right answers in unusual dress"}
    bodies = []
    for group, members in groups.items():
        if not members:
            continue
        heads = [names.get(group, f"Mistakes that show in {group}"), *QUESTION_IDS]
        rows = ["".join(f'<th scope="col">{head}</th>' for head in heads)]
        for name in members:
            marks = [mark(name, cells.get((name, question_id))) for question_id in QUESTION_IDS]
            tds = "".join(f'<td class="{KINDS.get(sign, "")}">{sign}</td>' for sign in marks)
            rows.append(f'<th scope="row">{escape(name)}</th>{tds}')
        bodies.append("<tbody>" + "".join(f"<tr>{row}</tr>\n" for row in rows) + "</tbody>")
    return f'<table class="matrix">\n<caption>{LEGEND}</caption>\n{"".join(bodies)}</table>\n'


def write(cells, out):
    """matrix.json, matrix.md and matrix.html, in the folder `out`."""
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    found = [{"row": name, "question": question_id} | asdict(cell) for (name, question_id), cell in cells.items()]
    (out / "matrix.json").write_text(
        json.dumps({"summary": summary(cells), "cells": found}, ensure_ascii=False, indent=1)
    )
    (out / "matrix.md").write_text(table(cells))
    (out / "matrix.html").write_text(html(cells))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m verification.mistake_matrix")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--out", default="_build/matrix")
    args = parser.parse_args()
    cells = run(range(args.seeds), progress=lambda text: print(f"\r{text:<20}", end="", flush=True))
    write(cells, args.out)
    print("\r" + table(cells).split("\n| |")[0])

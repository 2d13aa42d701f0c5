"""A written formula: what a submission's cell has left of it, and the verdict, reached in this process.

A formula is data. Its string comes out of the sandbox once, bounded, before any hidden input is there, and is read by
a reader that evaluates nothing. Where its cell did not run, the string is read from the cell's source.
"""

import ast
import json
import re
import warnings
from dataclasses import dataclass, replace

from autograder.assignment.cell_names import formula_cell, formula_of
from autograder.assignment.release import PUBLIC_SEED
from autograder.faults import LOG
from autograder.formula.tokens import MAX_CHARACTERS as MAX_FORMULA_CHARACTERS
from autograder.formula.verdict import FormulaVerdict
from autograder.reports.book_equations import book_equations
from autograder.reports.safe_markdown import mathml
from autograder.reports.verdict_html import equation_reference, formula_html
from autograder.source_code import parse as parse_source

MAX_SHOWN_CHARACTERS = 2_000  # characters of a formula's source in the feedback
MAX_SENTENCE_CHARACTERS, MAX_NAME_CHARACTERS = 1_000, 200  # characters of a sentence, and of a name in it
MAX_SOURCE_CHARACTERS = 4 * MAX_FORMULA_CHARACTERS  # characters of a cell that is read for its formula
NO_FORMULA = "There is no formula."


def received(channel):
    """The string that was sent through a formula's channel, or None where none or something else was sent."""
    try:
        formula = json.loads(channel.receive_formula())["formula"]
        return formula[: MAX_FORMULA_CHARACTERS + 1] if type(formula) is str else None
    except Exception:  # whatever a hostile kernel sends
        LOG.info("what came in place of a formula could not be read", exc_info=True)
        return None


@dataclass(frozen=True)
class Taken:
    """What is judged as the answer to one question.

    latex: the formula, or None. note: where it was read from, if not from the run; or "". why: why there is none though
    something was written, which a person must look at; or "".
    """

    latex: str | None
    note: str = ""
    why: str = ""


def taken(question_id, channel, notebook, run, known):
    """The formula of one question: what the run has sent through its channel; else the string in its cell.

    Args:
        question_id: "2-2 beta, written".
        channel: the Channel of its check, or None.
        notebook: as it was run. run: the Run that came of it.
        known: the ids of all questions that ask for formulas.
    """
    latex = received(channel)
    if latex and latex.strip():
        return Taken(latex)
    question = formula_of(question_id)
    name, reason = formula_cell(question), run.aborted_reason
    source = None
    for cell, outputs in zip(notebook.cells, run.outputs, strict=True):
        if cell.cell_type == "code" and cell.metadata.get("nbgrader", {}).get("grade_id") == name:
            source, reason = cell.source, _error(outputs) or reason
    others = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    latex = literal(source or "", question, known) or next(
        filter(None, (literal(other, question) for other in reversed(others))), None
    )
    reason = reason or "no cell that ran before its check has made it"
    if latex:
        return Taken(
            latex[: MAX_FORMULA_CHARACTERS + 1],
            note=f"the formula of {question} was read from its cell's source: {reason}",
        )
    if source is None or is_unanswered(source):
        return Taken(None)
    return Taken(None, why=f"its cell is not empty, but no formula came of it: {reason}")


def _error(outputs):
    """The error that ended a cell, in words; or ""."""
    names = [output.get("ename") for output in outputs or [] if output.get("output_type") == "error"]
    if not names:
        return ""
    name = names[-1]
    return (
        f"the cell ended with {name}"
        if str(name).isidentifier() and len(name) <= 40
        else "the cell ended with an error"
    )


def _tree(source):
    """A cell's source as a syntax tree without its magic lines, or None where it cannot be read."""
    if len(source) > MAX_SOURCE_CHARACTERS:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an escape that is none, as in "\frac"
            return parse_source(re.sub(r"^[%!].*$", "", source, flags=re.MULTILINE))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _formulas_in(tree):
    """(question or None, LaTeX) of each call of `formula` with strings in quotes, in their order."""
    calls = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and getattr(node.func, "id", getattr(node.func, "attr", "")) == "formula":
            by_name = {keyword.arg: keyword.value for keyword in node.keywords}
            given = [*node.args, *(by_name[name] for name in ("question", "latex") if name in by_name)]
            strings = [getattr(argument, "value", None) for argument in given if isinstance(argument, ast.Constant)]
            if len(strings) == len(given) in (1, 2) and all(isinstance(string, str) for string in strings):
                calls.append((node.lineno, node.col_offset, strings))
    return [(strings[0] if len(strings) == 2 else None, strings[-1]) for *_, strings in sorted(calls)]


def literal(source, question, known=None):
    """The last formula that a cell's source holds for a question as a string in quotes, or None.

    known: in the question's own cell, where a formula counts whose question is not named, or misspelt, the ids of all
        questions that ask for formulas.
    """
    tree = _tree(source)
    result = None
    for named, latex in _formulas_in(tree) if tree else ():
        named = named and formula_of(named.strip())
        ours = named == question or (known is not None and named not in map(formula_of, known))
        if ours and latex.strip():
            result = latex
    return result


def is_unanswered(source):
    """Whether a formula's cell holds no more than when it was released: one empty formula, or nothing."""
    tree = _tree(source)
    statements = tree.body if tree else []
    if len(statements) != 1 or not isinstance(statements[0], ast.Expr | ast.Assign):
        return not source.strip()
    only = isinstance(statements[0].value, ast.Call) and _formulas_in(tree)
    return bool(only) and not only[-1][1].strip()


def grade_public(formulas, question_id, latex, why=""):
    """The verdict on the public draws, which may be shown with all its numbers.

    Args:
        formulas: the assignment's FormulaQuestions.
        question_id: a key of their points.
        latex: what was written, or None. why: why there is no string, or "".
    """
    if latex is None:
        message = (
            f"It could not be read: {visible(why)[:MAX_SENTENCE_CHARACTERS]}. A person will look at it."
            if why
            else NO_FORMULA
        )
        return FormulaVerdict(question_id, "not read", words=(message,))
    return _bounded(formulas.judge(question_id, latex, PUBLIC_SEED))


def grade_hidden(formulas, question_id, latex, seen, seed):
    """The verdict on hidden draws, with the numbers and messages of the public ones from `grade_public`."""
    if seen.verdict == "not read":
        return seen
    hidden = formulas.judge(question_id, latex, seed)
    if hidden.verdict == seen.verdict:
        return seen
    only = "On the draws that are graded the verdict is another one than on those at home. Ask for a second look."
    return replace(_bounded(hidden), error=seen.error, words=(only,))


STATES = {"not read": "not read", "ambiguous": "read in several ways, or only after a change"}


def is_open(verdict):
    """Whether a formula has no points yet, neither full ones nor none: somebody has to read it."""
    return verdict.needs_a_person and verdict.words != (NO_FORMULA,)


def share(verdict, repair_percent):
    """The share of a formula's points that a verdict brings; 0 for what a person has to read first."""
    return {"right": 1.0, "inconsistent": 1.0, "repaired": 1 - repair_percent / 100}.get(verdict.verdict, 0.0)


def need(question_id, verdict, latex):
    """A sentence for the person who has to read a formula, or None.

    A formula that was not read, or that can be read in several ways, has no points until somebody has read it; one that
    is right after a false step has its points.
    """
    if not (latex or "").strip():  # nothing was written, or why there is no string has been told
        return None
    if is_open(verdict):
        return f"{question_id}: the formula was {STATES[verdict.verdict]}, and is not graded: read it"
    if verdict.verdict == "inconsistent":
        return f"{question_id}: the formula is right, and a step before it is not (its points stand)"
    return None


def shown(assignment, question_id, verdict, latex, points):
    """What a student reads, as HTML."""
    equations = book_equations(assignment.course_folder)
    names = [entry.split(", or ")[0] for entry in (verdict.name or "").split("; and ")]
    references = [
        equation_reference(mistake.equation, equations)
        for name in names
        for mistake in assignment.mistakes
        if mistake.name == name
    ]
    source = visible(latex or "")
    verdict = verdict if verdict.typeset else replace(verdict, typeset=source)  # as it is, where it was not read
    source = source if len(source) <= MAX_SHOWN_CHARACTERS else f"{source[:MAX_SHOWN_CHARACTERS]} …"
    return formula_html(question_id, verdict, source, points, assignment.written[question_id], mathml, references)


def visible(text):
    """Text that can be kept and shown anywhere: what would not be seen, or moves what is seen, as its number."""
    return "".join(c if c.isprintable() or c in "\n\t" else f"\\u{ord(c):04x}" for c in text)


def _bounded(verdict):
    """A verdict whose texts can be kept and shown anywhere."""
    return replace(
        verdict,
        words=tuple(visible(words)[:MAX_SENTENCE_CHARACTERS] for words in verdict.words),
        repair=verdict.repair and visible(verdict.repair)[:MAX_SENTENCE_CHARACTERS],
        typeset=visible(verdict.typeset),
        shapes=tuple((visible(name)[:MAX_NAME_CHARACTERS], shape) for name, shape in verdict.shapes),
    )

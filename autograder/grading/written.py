"""A written formula: what a submission's cell has left of it, and the verdict, reached in this process.

A formula is data. Its string comes out of the sandbox once, bounded, before any hidden input is there, and is read by
a reader that evaluates nothing.
"""

import json
from dataclasses import replace

from autograder.diagnosis import MISTAKES
from autograder.faults import LOG
from autograder.formula.judge import judge_formula
from autograder.formula.reader import LENGTH, FormulaVerdict
from autograder.questions import WRITTEN
from autograder.release import PUBLIC
from autograder.report import formula_html, place

from .markdown import mathml

SHOWN = 2_000  # characters of a formula's source in the feedback
WORDS, NAME = 1_000, 200  # characters of a sentence, and of a name in it
NONE = "There is no formula: `f` is not there, or holds something else than a string."


def received(door):
    """The string that came through a formula's door, or None where none did, whatever did."""
    try:
        found = json.loads(door.told())["formula"]
        return found[: LENGTH + 1] if type(found) is str else None
    except Exception:  # whatever a hostile kernel sends
        LOG.info("what came in place of a formula could not be read", exc_info=True)
        return None


def look(question_id, latex, lost=""):
    """The verdict on the public draws, which may be shown with all its numbers. lost: why there is no string, or ""."""
    if latex is None:
        return FormulaVerdict(question_id, "unread", words=(f"It could not be read: {lost}." if lost else NONE,))
    return _bounded(judge_formula(question_id, latex, PUBLIC))


def judge(question_id, latex, seen, seed):
    """The verdict on hidden draws, with the numbers and words of the public ones that `look` has seen."""
    if seen.verdict == "unread":
        return seen
    hidden = judge_formula(question_id, latex, seed)
    if hidden.verdict == seen.verdict:
        return seen
    only = "On the draws that are graded the verdict is another one than on those at home. Ask for a second look."
    return replace(_bounded(hidden), error=seen.error, words=(only,))


def share(verdict, repair_percent):
    """The share of a formula's points that a verdict brings."""
    return {"right": 1.0, "repaired": 1 - repair_percent / 100}.get(verdict.verdict, 0.0)


def shown(question_id, verdict, latex, points):
    """What a student reads, as HTML."""
    names = [entry.split(", or ")[0] for entry in (verdict.name or "").split("; and ")]
    places = [place(mistake.equation) for name in names for mistake in MISTAKES if mistake.name == name]
    source = visible(latex or "")
    source = source if len(source) <= SHOWN else f"{source[:SHOWN]} …"
    return formula_html(question_id, verdict, source, points, WRITTEN[question_id], mathml, places)


def visible(text):
    """Text that can be kept and shown anywhere: what would not be seen, or moves what is seen, as its number."""
    return "".join(c if c.isprintable() or c in "\n\t" else f"\\u{ord(c):04x}" for c in text)


def _bounded(verdict):
    """A verdict whose texts can be kept and shown anywhere."""
    return replace(
        verdict,
        words=tuple(visible(words)[:WORDS] for words in verdict.words),
        repair=verdict.repair and visible(verdict.repair)[:WORDS],
        typeset=visible(verdict.typeset),
        shapes=tuple((visible(name)[:NAME], shape) for name, shape in verdict.shapes),
    )

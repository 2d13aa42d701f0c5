"""The verdict on a formula: its readings, computed on draws, compared with the truth."""

from dataclasses import dataclass, replace

import numpy as np

from .errors import FormulaError, point
from .evaluate import evaluate
from .parser import read
from .readings import find_readings
from .typesetting import typeset

TOLERANCE = 1e-9
TOO_DEEP = "Too many definitions build upon each other."
MAX_READINGS = 6  # more that all have a meaning are not told apart


@dataclass(frozen=True)
class FormulaVerdict:
    """What was found about one formula.

    verdict: "right", "repaired" (right after a repair), "wrong", "asked" (several readings that differ) or "unread".
    error: how far off, over the truth's own norm; inf where there is nothing to compare. repair: what was changed, a
    sentence, or None. name: the mistake's name, or None. words: what a student reads. typeset: LaTeX in one
    spelling. shapes: (name, its shape in words) for each definition and the answer. at: (start, end) in the string of
    what could not be read.
    """

    target: str
    verdict: str
    error: float = np.inf
    repair: str | None = None
    name: str | None = None
    words: tuple = ()
    typeset: str = ""
    shapes: tuple = ()
    at: tuple | None = None


def compare(latex, target, draws, *, explain=None, tree=None):
    """The verdict on one formula.

    Args:
        latex: what was written: the formula, with its definitions on lines of their own.
        target: a notation.Target.
        draws: dicts as for `evaluate`, with the truth under target.part. The formula must be right on all.
        explain: explain(values, of the draws) -> (name of the mistake or None, sentences); None explains nothing.
        tree: what was read already.

    Returns:
        A FormulaVerdict; what cannot be read is a verdict too.
    """
    latex = latex.encode("utf8", "backslashreplace").decode()  # half a surrogate pair cannot be written anywhere
    try:
        with np.errstate(all="ignore"):
            tree = read(latex, target.notation) if tree is None else tree
            return replace(_compared(latex, tree, target, draws, explain or _explain_nothing), target=target.label)
    except FormulaError as error:
        return FormulaVerdict(target.label, "unread", words=(point(latex, error),), at=error.at)
    except RecursionError:
        return FormulaVerdict(target.label, "unread", words=(TOO_DEEP,))


def _explain_nothing(values):
    return None, ()


def _compared(latex, tree, target, draws, explain):
    def values(reading):
        return [evaluate(reading, draw) for draw in draws]

    verdict = FormulaVerdict("", "wrong", typeset=typeset(tree, target.notation))
    try:
        readings = find_readings(tree, target, repair=False)
    except FormulaError as problem:  # a mistake of another shape is named before anything is repaired
        for reading in _of_any_shape(tree, target):
            name, sentences = explain(values(reading))
            if name:
                return replace(verdict, name=name, words=(*sentences, point(latex, problem)), shapes=reading.parts)
        try:
            readings = find_readings(tree, target)
        except FormulaError:
            return replace(verdict, verdict="unread", words=(point(latex, problem),), at=problem.at)
    first, several = readings[0], [values(reading) for reading in readings[:MAX_READINGS]]
    if _differ(several):
        meant = [reading.repair or "The samples may stand in rows or in columns." for reading in readings]
        words = ("This can be read in several ways. Which is meant?", *dict.fromkeys(meant))
        return replace(verdict, verdict="asked", words=words, shapes=first.parts)
    numbers = several[0]
    error = max(relative_error(value, draw[target.part]) for value, draw in zip(numbers, draws, strict=True))
    told = (first.repair,) if first.repair else ()
    verdict = replace(verdict, error=error, repair=first.repair, shapes=first.parts)
    if error <= TOLERANCE:
        return replace(verdict, verdict="repaired" if told else "right", words=told)
    name, sentences = explain(numbers)
    return replace(verdict, name=name, words=(*told, *(() if name else (f"Off by {error:.2g}.",)), *sentences))


def _of_any_shape(tree, target):
    """The readings of a formula whose shape is not that of what is asked."""
    try:
        return find_readings(tree, replace(target, axes=None), repair=False)
    except FormulaError:
        return ()


def _differ(several):
    return any(relative_error(a, b) > TOLERANCE for others in several for a, b in zip(others, several[0], strict=True))


def relative_error(actual, expected):
    """The norm of the difference over that of what is expected; axes of length one do not matter."""
    actual, expected = np.squeeze(actual), np.squeeze(expected)
    if actual.shape != expected.shape:
        return np.inf
    size = np.linalg.norm(expected)
    return float(np.linalg.norm(actual - expected) / (size or 1.0))

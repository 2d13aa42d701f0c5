"""The verdict on a formula: its readings, computed on draws, compared with the truth."""

from dataclasses import dataclass, replace

import numpy as np

from .errors import FormulaError, point
from .evaluate import evaluate
from .parser import read
from .readings import (
    CONVENTION,
    PAGE,
    REPAIR,
    answer,
    find_readings,
    interpretations,
    names_in,
    names_of_asked,
    written_name,
)
from .tree import Derivative, Formula, Name, Statement
from .typesetting import text_of, typeset

TOLERANCE = 1e-9
TOO_DEEP = "Too many definitions build upon each other."
MAX_READINGS = 6  # more that all have a meaning are not told apart
ACCEPTED = ("right", "repaired", "inconsistent")  # verdicts with points: those of the last expression
UNDECIDED = ("ambiguous", "not read")  # verdicts without points, until a person has read the formula
OTHER_LAYOUT = (
    "This is the Jacobian transposed, as in denominator layout. Here its rows are the outputs (numerator layout): the "
    "entry in row k and column j is the derivative of output k with respect to input j."
)
A_PERSON_READS = "It costs nothing: a person reads what is handed in like this."


@dataclass(frozen=True)
class FormulaVerdict:
    """What was found about one formula.

    verdict:
        "right".
        "repaired": right, in a notation that the notation page does not have and that can mean nothing else.
        "inconsistent": right, but an expression or line before it is false. A person is told.
        "wrong": it was read, and is wrong in every reading.
        "ambiguous": several readings that differ, or right only if it is changed. A person decides.
        "not read": a person reads it.
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

    @property
    def is_accepted(self) -> bool:
        """Whether it has points: its last expression is right."""
        return self.verdict in ACCEPTED

    @property
    def needs_a_person(self) -> bool:
        """Whether somebody has to read the formula: no points are taken from it before."""
        return self.verdict in UNDECIDED

    @property
    def is_right_if_repaired(self) -> bool:
        """Whether it is right after a change, be that one of notation or one that a person decides on."""
        return self.verdict == "repaired" or (self.verdict == "ambiguous" and self.error <= TOLERANCE)


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
        return FormulaVerdict(target.label, "not read", words=(point(latex, error),), at=error.at)
    except RecursionError:
        return FormulaVerdict(target.label, "not read", words=(TOO_DEEP,))


def _explain_nothing(values):
    return None, ()


@dataclass(frozen=True)
class _Computed:
    """A reading with its values on all draws, and its error."""

    kind: str
    reading: object
    values: list
    error: float

    @property
    def is_right(self) -> bool:
        return self.error <= TOLERANCE


def _computed(tree, target, draws, problems, uncomputed):
    """Each reading with its numbers, the likeliest first; why some have none is added to the two lists."""
    for kind, readings in interpretations(tree, target, problems):
        for reading in readings[:MAX_READINGS]:
            try:
                values = [evaluate(reading, draw) for draw in draws]
            except FormulaError as problem:
                uncomputed.append(problem)
                continue
            truths = [draw[target.part] for draw in draws]
            error = max(relative_error(value, truth) for value, truth in zip(values, truths, strict=True))
            yield _Computed(kind, reading, values, error)


def _compared(latex, tree, target, draws, explain):
    verdict = FormulaVerdict("", "wrong", typeset=typeset(tree, target.notation))
    problems, uncomputed, found = [], [], []
    for computed in _computed(tree, target, draws, problems, uncomputed):
        found.append(computed)
        if computed.is_right and computed.kind != REPAIR:
            return _right(verdict, computed, latex, tree, target, draws)
    if tree.unread:  # what was not read may be what makes it right
        problem = tree.unread[0]
        return replace(verdict, verdict="not read", words=(point(latex, problem),), at=problem.at)
    by_page = [computed for computed in found if computed.kind == PAGE]
    if by_page:
        return _not_right(verdict, by_page, explain)
    for reading in _of_any_shape(tree, target):  # a mistake of another shape is named before anything is changed
        try:
            values = [evaluate(reading, draw) for draw in draws]
        except FormulaError as problem:
            uncomputed.append(problem)
            continue
        if _is_other_layout(values, target, draws):
            words = (OTHER_LAYOUT, A_PERSON_READS)
            return replace(verdict, verdict="ambiguous", words=words, shapes=reading.parts)
        name, sentences = explain(values)
        if name:
            return replace(verdict, name=name, words=(*sentences, point(latex, problems[0])), shapes=reading.parts)
    by_convention = [computed for computed in found if computed.kind == CONVENTION]
    if by_convention:
        return _not_right(verdict, by_convention[:1], explain)
    repaired = sorted((computed for computed in found if computed.kind == REPAIR), key=lambda one: not one.is_right)
    if repaired:
        return _after_a_repair(verdict, repaired[0], point(latex, problems[0]), explain)
    raise (uncomputed or problems)[0]


def _right(verdict, computed, latex, tree, target, draws):
    """The verdict on a formula that is right in a reading: the point follows its last expression."""
    reading = computed.reading
    told = (reading.repair,) if reading.repair else ()
    changed = reading.repair and any(mark in reading.repair for mark in ("with a transpose", "entry by entry"))
    verdict = replace(
        verdict,
        verdict="repaired" if changed else "right",
        error=computed.error,
        repair=reading.repair if changed else None,
        words=told,
        shapes=reading.parts,
    )
    if other := _other_left_side(tree, target):
        words = f"The line is on {other}, and what is asked is {target.label.split(' ', 1)[-1]}."
        return replace(verdict, verdict="ambiguous", words=(words, A_PERSON_READS))
    if claims := _false_claims(latex, tree, target, draws):
        return replace(verdict, verdict="inconsistent", words=(*told, *claims))
    return verdict


def _not_right(verdict, several, explain):
    """The verdict on a formula that was read, and is right in no reading."""
    first, reading = several[0], several[0].reading
    if any(_differ(first.values, other.values) for other in several):
        meant = [one.reading.repair or "The samples may stand in rows or in columns." for one in several]
        words = ("This can be read in several ways. Which is meant?", *dict.fromkeys(meant), A_PERSON_READS)
        return replace(verdict, verdict="ambiguous", words=words, shapes=reading.parts)
    told = (reading.repair,) if reading.repair else ()
    verdict = replace(verdict, error=first.error, repair=reading.repair, shapes=reading.parts)
    name, sentences = explain(first.values)
    return replace(verdict, name=name, words=(*told, *(() if name else (f"Off by {first.error:.2g}.",)), *sentences))


def _after_a_repair(verdict, computed, problem, explain):
    """The verdict on what has a meaning only if it is changed: a person decides whether it is a slip."""
    reading = computed.reading
    verdict = replace(verdict, verdict="ambiguous", error=computed.error, repair=reading.repair, shapes=reading.parts)
    if computed.is_right:
        words = (problem, f"It would be right like this: {reading.repair}", A_PERSON_READS)
        return replace(verdict, words=words)
    name, sentences = explain(computed.values)
    if name and " in place of " not in reading.repair:  # a range that is changed may make the mistake itself
        return replace(verdict, verdict="wrong", name=name, words=(reading.repair, *sentences))
    return replace(verdict, words=(problem, f"It was tried like this: {reading.repair}", A_PERSON_READS))


def _is_other_layout(values, target, draws):
    """Whether values are the transpose of a Jacobian that is asked, for one sample."""
    if "/" not in (target.written or "") or target.axes is None or len(target.axes) != 2:
        return False
    truths = [np.squeeze(draw[target.part]) for draw in draws]
    return all(relative_error(value.T, truth) <= TOLERANCE for value, truth in zip(values, truths, strict=True))


def _of_any_shape(tree, target):
    """The readings of a formula whose shape is not that of what is asked."""
    try:
        return find_readings(tree, replace(target, axes=None), repair=False)
    except FormulaError:
        return ()


def _differ(values, others):
    return any(relative_error(a, b) > TOLERANCE for a, b in zip(values, others, strict=True))


# ---------------------------------------------------------------------------------------------------------------------
# The left side, and every "="


def _other_left_side(tree, target):
    """The LaTeX of the answer's left side, where it names another quantity than what is asked; or None."""
    left = answer(tree, target)[0]
    if left is None or target.written is None or written_name(left) in names_of_asked(target):
        return None
    own = answer(tree, target)[2]
    keys = [None if name.symbol in own else _key_of(name, target) for name in names_in(left)]
    asked = [_key_of(Name(name), target) for name in target.written.split("/")]
    if None in keys or None in asked or keys == asked or len(keys) != len(asked):
        return None
    return text_of(left, tree.source, target.notation)


def _key_of(name, target):
    """What a name of the notation page is, ("∂", key) for a gradient; or None for a letter of the formula's own."""
    is_gradient, base = name.symbol[:1] == "∂", name.symbol.removeprefix("∂")
    symbol = target.symbols.get(base)
    return ("∂" * is_gradient, symbol.key) if symbol else None


def _false_claims(latex, tree, target, draws):
    """A sentence on each expression of the formula that was read as it stands, and is false in every reading."""
    chosen, definitions = _chosen_and_others(tree, target)
    claims = []
    for side in chosen.sides[1:-1] if len(chosen.sides) > 2 else chosen.sides[:-1]:
        if not isinstance(side, Name | Derivative):
            claims.append((side, target, definitions))
    for statement in definitions:
        left = statement.sides[0]
        if isinstance(left, Name) and left.symbol[:1] == "∂" and (asked := _gradient_target(left, target, draws)):
            others = tuple(other for other in definitions if other is not statement)
            claims += [(Statement((left, side), at=side.at), asked, others) for side in statement.sides[1:]]
    return tuple(
        f"This expression before it is false: {text_of(_last(claim), latex, target.notation)}"
        for claim, asked, others in claims
        if _is_false(claim, asked, others, tree, draws)
    )


def _last(claim):
    return claim.sides[-1] if isinstance(claim, Statement) else claim


def _chosen_and_others(tree, target):
    body = answer(tree, target)[1]
    chosen = next(statement for statement in reversed(tree.statements) if statement.sides[-1] is body)
    return chosen, tuple(statement for statement in tree.statements if statement is not chosen)


def _gradient_target(left, target, draws):
    """The Target of a gradient that a line is on, or None where its truth is not known."""
    symbol = target.symbols.get(left.symbol.removeprefix("∂"))
    part = f"d{symbol.key}" if symbol else None
    if symbol is None or part not in draws[0] or left.symbol in names_of_asked(target):
        return None
    return replace(target, part=part, written=left.symbol, axes=symbol.axes)


def _is_false(claim, target, definitions, tree, draws):
    statement = claim if isinstance(claim, Statement) else Statement((claim,), at=claim.at)
    formula, found = Formula((*definitions, statement), tree.source), []
    for computed in _computed(formula, target, draws, [], []):
        found.append(computed)
        if computed.kind == REPAIR or computed.is_right:
            break
    is_right = found and found[-1].is_right and found[-1].kind != REPAIR
    by_page = any(computed.kind == PAGE for computed in found)
    return not is_right and (by_page or bool(_of_any_shape(formula, target)))


def relative_error(actual, expected):
    """The norm of the difference over that of what is expected; axes of length one do not matter."""
    actual, expected = np.squeeze(actual), np.squeeze(expected)
    if actual.shape != expected.shape:
        return np.inf
    size = np.linalg.norm(expected)
    return float(np.linalg.norm(actual - expected) / (size or 1.0))

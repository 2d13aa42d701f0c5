"""Which mistake is in a wrong answer? A search over the mistakes of a bank, and over pairs of them.

**When an answer is named.** A part that is wrong by itself, not merely computed from a wrong one, is compared with what
each mistake of its question gives there, both after the student's own earlier parts and after right ones. Two values
are equal if they agree to TOLERANCE. Unless one mistake explains every part, pairs of mistakes that both change this
part are tried too. Of several explanations the one counts that gives the most of the answer's other parts as well, then
the one with the fewest mistakes, then one that was made in this very part. Where two are left, nothing is named.
Neither is a mistake that was made elsewhere and would have spoilt more right parts than it explains wrong ones, nor a
pair of which one mistake undoes the other: its answer is nearer to the right one than that of either mistake alone, and
a simpler mistake that the bank does not hold explains it better.
A name that one draw gives must also hold on the others, those where the answer is right included: `suspected`.

Mistakes that a question cannot tell apart are one entry, with all their names. Three mistakes in one part are not
searched for: gradcheck.symptoms says what the numbers show (a factor, a sign, a place) in any case.
"""

import logging
import math
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import combinations
from typing import Any

import numpy as np

from autograder.steps import Evaluation, Steps

from .at_home import DERIVED_FROM, Told
from .derivation import Change, DerivedBank
from .model import Bank, Entry, Mistake, Named
from .trace import NotTraceable

TOLERANCE = 1e-9  # a mistake is named where an answer equals its formula, far closer than a right answer has to come
Explanation = tuple[Entry, ...]  # the entries whose mistakes were all made; the empty one means no mistake


def diagnose(
    bank: Bank,
    question_id: str,
    q: Mapping[str, Any],
    values: Mapping[str, Any],
    right: Mapping[str, Any] | None = None,
    suspected: Mapping[str, Named] | None = None,
) -> dict[str, Named | None]:
    """Name the mistakes of one answer on one draw.

    Args:
        bank: the mistakes that are tried.
        question_id: a key of bank.questions.
        q: the draw's inputs, as bank.draw gives them.
        values: {part: the student's value}, of any type.
        right: {part: the right value}; None takes what the right steps of the bank give.
        suspected: {part: Named} by other draws, of parts that are right on this one.

    Returns:
        {part: Named or None} for the parts that are there and are wrong by themselves; None where nothing fits. With
        `suspected`, for its parts alone, the name where its mistakes leave the part right on this draw, else None.
        The mistakes of a question that the bank has no steps for are derived from its forward pass; empty where it
        has none, or one that cannot be traced.
    """
    if not bank.covers(question_id):
        derived = derived_bank(bank, question_id)
        return _from_derived(derived, q, values, right, suspected) if derived and right else {}
    right = bank.answer(question_id, q) if right is None else right
    arrays = {part: array for part, value in values.items() if part in right and (array := _array(value)) is not None}
    wrong = [part for part in arrays if not equal(arrays[part], right[part])]
    if not wrong and not suspected:
        return {}
    with np.errstate(all="ignore"):  # a student's variance may be negative
        search = _Search(bank, question_id, q, arrays, right)
        if suspected:
            return {part: named if search.allows(named, part) else None for part, named in suspected.items()}
        steps = {part: bank.step_of(question_id, part) for part in wrong}
        return {part: search.name(step) for part, step in steps.items() if not search.is_carried(step)}


@lru_cache
def derived_bank(bank: Bank, question_id: str) -> DerivedBank | None:
    """The mistakes that are derived from a question's forward pass; None where there is none, or none that can be
    traced."""
    question = bank.questions[question_id]
    if question.forward is None:
        return None
    wanted = [part.name.removeprefix("d") for part in question.parts]
    try:
        return DerivedBank(question.forward, wanted, [bank.draw(question_id, seed) for seed in DERIVED_FROM])
    except NotTraceable as reason:
        logging.getLogger("autograder").info(f"{question_id}: no mistakes could be derived, {reason}")
        return None


def _from_derived(derived, q, values, right, suspected):
    """`diagnose` for a question whose mistakes are derived."""
    if suspected:
        held = {part: named.mistakes[0].key for part, named in suspected.items()}
        return {
            part: suspected[part] if derived.allows(key, part, (q, values, right)) else None
            for part, key in held.items()
        }
    found = derived.explain([(q, values, right)])
    answers = derived.of_draw(q).answers
    return {
        part: change
        and Named(((_mistake(derived, part, change),),), relative_error(values[part], answers[change.key][part[1:]]))
        for part, change in found.items()
    }


@lru_cache(maxsize=4096)
def _mistake(derived: DerivedBank, part: str, change: Change) -> Mistake:
    """A derived mistake as one of a bank."""
    return Mistake(part, change.what.removesuffix("."), {}, change.what, change.look, "", key=change.key)


@lru_cache
def entries_of(bank: Bank, question_id: str) -> tuple[Entry, ...]:
    """The mistakes that a question can show, those that come to the same in each of its parts in one entry, first the
    one that replaces the fewest steps: it is the one that can be made together with others."""
    draws = [bank.draw(question_id, seed) for seed in range(4)]
    right = [bank.answer(question_id, q) for q in draws]
    groups: list[tuple[list, list]] = []
    for mistake in bank.mistakes:
        if mistake.only and question_id not in mistake.only:
            continue
        with np.errstate(all="ignore"):
            answers = [bank.answer(question_id, q, mistake.steps) for q in draws]
        if all(map(_equal_in_all_parts, answers, right)):
            continue
        same = (group for group, of_group in groups if all(map(_equal_in_all_parts, answers, of_group)))
        if group := next(same, None):
            group.append(mistake)
        else:
            groups.append(([mistake], answers))
    return tuple(tuple(sorted(group, key=lambda mistake: len(mistake.steps))) for group, _ in groups)


def marked_mistakes(bank: Bank, seeds: Sequence[int]) -> Iterator[tuple[str, Told, dict]]:
    """(question id, Told, {(part, seed): wrong answer}) of each single mistake, for `at_home.lock`.

    A part that is computed from another wrong one is not marked: at home it waits for that one.
    """
    for question_id, question in bank.questions.items():
        if not bank.covers(question_id):
            continue
        draws = {seed: bank.graded_draw(question_id, seed) for seed in seeds}
        right = {seed: bank.answer(question_id, q) for seed, q in draws.items()}
        for entry in entries_of(bank, question_id):
            answers, shows = {}, {}
            for seed, q in draws.items():
                with np.errstate(all="ignore"):
                    wrong = bank.answer(question_id, q, entry[0].steps)
                spoilt = {part.name for part in question.parts if not equal(wrong[part.name], right[seed][part.name])}
                for part in question.parts:
                    if part.name in spoilt:
                        shows.setdefault(part.name, []).append(seed)
                        if not spoilt.intersection(part.after):
                            answers[part.name, seed] = wrong[part.name]
            name = ", or ".join(dict.fromkeys(mistake.home_name or mistake.name for mistake in entry))
            yield question_id, Told(name, entry[0].hint or entry[0].look, shows), answers


def replaced_steps(explanation: Sequence[Entry]) -> Steps | None:
    """{step: wrong formula} of all the mistakes of an explanation, or None where two of them replace the same step."""
    steps = [entry[0].steps for entry in explanation]
    together = {name: formula for each in steps for name, formula in each.items()}
    return together if len(together) == sum(map(len, steps)) else None


def relative_error(actual: Any, expected: Any) -> float:
    """The norm of the difference over the norm of the expected array; infinite for another shape, where axes of length
    one do not count."""
    actual, expected = np.squeeze(actual), np.squeeze(expected)
    if actual.shape != expected.shape:
        return math.inf
    difference, size = np.linalg.norm(actual - expected), np.linalg.norm(expected)
    return float(difference / size if size else difference and math.inf)


def equal(actual: Any, expected: Any) -> bool:
    """Whether two arrays agree to the precision of the gradient checker."""
    return relative_error(actual, expected) <= TOLERANCE


def _equal_in_all_parts(actual: Mapping[str, Any], expected: Mapping[str, Any]) -> bool:
    return all(equal(actual[part], expected[part]) for part in expected)


def _array(value: Any) -> np.ndarray | None:
    """As an array, where it is one of finite floating point numbers; else None."""
    try:
        array = np.asarray(value)
    except ValueError:
        return None
    return array if array.dtype.kind == "f" and np.isfinite(array).all() else None


class _Search:
    """The search for what explains one answer. What was computed once for an explanation is kept."""

    def __init__(
        self,
        bank: Bank,
        question_id: str,
        q: Mapping[str, Any],
        arrays: Mapping[str, np.ndarray],
        right: Mapping[str, Any],
    ) -> None:
        def by_step(of_parts: Mapping[str, Any]) -> dict[str, Any]:
            return {bank.step_of(question_id, part): value for part, value in of_parts.items()}

        self.bank, self.question_id, self.right = bank, question_id, by_step(right)
        self.entries = entries_of(bank, question_id)
        self.inputs = bank.inputs(question_id, q)
        self.actual = by_step(arrays)
        shapes = {step: np.shape(value) for step, value in self.right.items()}
        self.usable = {step: value for step, value in self.actual.items() if value.shape == shapes[step]}
        self.depends = by_step({part.name: bool(part.after) for part in bank.questions[question_id].parts})
        self.evaluations: dict[Explanation, Evaluation] = {}

    def name(self, step: str) -> Named | None:
        """The one explanation of a step's value, or None where there is none or more than one."""
        fitting: list[Explanation] = [(entry,) for entry in self.entries if self.fits((entry,), step)]
        if not any(self.agreement(single) == len(self.actual) for single in fitting):
            fitting += [pair for pair in self.pairs(step) if self.fits(pair, step) and not self.is_undone(pair, step)]
        ranks = {each: (self.agreement(each), -len(each), self.is_made_in(each, step)) for each in fitting}
        best = [explanation for explanation, rank in ranks.items() if rank == max(ranks.values())]
        if len(best) != 1:
            return None
        return Named(best[0], min(relative_error(self.actual[step], value) for value in self.values(best[0], step)))

    def allows(self, named: Named, part: str) -> bool:
        """Whether a part, if an array came, is what these mistakes give on this draw too."""
        step = self.bank.step_of(self.question_id, part)
        return step not in self.actual or any(equal(self.actual[step], v) for v in self.values(named.entries, step))

    def is_carried(self, step: str) -> bool:
        """Whether a step's value is right after the student's own earlier parts."""
        return equal(self.actual[step], self.values((), step)[-1])

    def pairs(self, step: str) -> list[Explanation]:
        """Each two entries that both change this step and can be made together."""
        unchanged = self.values((), step)[-1]
        bearing = [entry for entry in self.entries if not equal(unchanged, self.values((entry,), step)[-1])]
        return [pair for pair in combinations(bearing, 2) if replaced_steps(pair) is not None]

    def fits(self, explanation: Explanation, step: str) -> bool:
        """Whether an explanation gives this step's value, and either sits in this very step or spoils no more right
        parts than it explains wrong ones."""
        if not any(equal(self.actual[step], value) for value in self.values(explanation, step)):
            return False
        return self.is_made_in(explanation, step) or self.agreement(explanation) >= self.agreement(())

    def is_made_in(self, explanation: Explanation, step: str) -> bool:
        """Whether every mistake of an explanation is one in this very step."""
        return all(any(mistake.part == step for mistake in entry) for entry in explanation)

    def is_undone(self, pair: Explanation, step: str) -> bool:
        """Whether an answer is nearer to the right one than either mistake of this pair would be alone."""
        nearest = min(
            min(relative_error(value, self.right[step]) for value in self.values((entry,), step)) for entry in pair
        )
        return relative_error(self.actual[step], self.right[step]) < nearest * (1 - TOLERANCE)

    def agreement(self, explanation: Explanation) -> int:
        """In how many parts an explanation, and nothing else, gives the answer."""
        evaluation = self.evaluation(explanation)
        return sum(equal(value, getattr(evaluation, step)) for step, value in self.actual.items())

    def values(self, explanation: Explanation, step: str) -> list[Any]:
        """What a step gives under an explanation: after right steps, then after the student's own earlier parts."""
        values = [getattr(self.evaluation(explanation), step)]
        if self.depends[step]:
            own = {name: value for name, value in self.usable.items() if name != step}
            after_own = self.bank.evaluate(self.inputs | own, replaced_steps(explanation), self.actual)
            values.append(getattr(after_own, step))
        return values

    def evaluation(self, explanation: Explanation) -> Evaluation:
        """The question's steps with the mistakes of an explanation, after right inputs."""
        if explanation not in self.evaluations:
            self.evaluations[explanation] = self.bank.evaluate(self.inputs, replaced_steps(explanation), self.actual)
        return self.evaluations[explanation]

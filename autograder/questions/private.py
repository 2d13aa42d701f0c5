"""The grading of the questions on hidden draws, in the trusted process.

Each part is judged after right parts and after the student's own earlier parts. So one mistake costs its own part, and
not those that follow it.
"""

import contextlib
import time
import warnings
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from typing import Any, NamedTuple

import numpy as np

from autograder.faults import guarded

from . import public
from .graded import GradedQuestions
from .model import SEEDS, Answer, PartResult, Question, Result, arguments
from .public import TOLERANCE, collect, judge_draw, worst_of

NUMERIC_GROWTH = 1.2  # a power of the parameters: honest code was measured at up to 1.0, numeric at 1.4 to 2


CallFunction = Callable[[str, tuple], Answer]  # runs a student's function by name on these arguments, twice
Diagnose = Callable[..., Mapping[str, Any]]  # (question id, inputs, values, right[, names of other draws]) -> names


def carried(
    graded: GradedQuestions,
    question_id: str,
    q: Mapping[str, Any],
    values: Mapping[str, Any],
    right: Mapping[str, Any],
) -> dict[str, Any]:
    """What is right for each part after the student's own earlier parts, where these can be told from nothing.

    An earlier part that is all zero, tiny, or the same for every sample would make an empty answer right: it is not
    carried, and neither is what would then be all but zero.
    """
    own = {name: np.asarray(values[name]) for name in values if name in right and _usable(values[name], right[name])}
    own = {name: value for name, value in own.items() if _tells_something(value, right[name], name)}
    after = {}
    with np.errstate(all="ignore"):  # a student's variance may be negative
        for part in graded.questions[question_id].parts:
            if part.after and all(name in own for name in part.after):
                expected = graded.references[question_id][part.name](q, {**right, **own})
                if _tells_something(expected, right[part.name], part.name):
                    after[part.name] = expected
    return after


def _tells_something(value: Any, right: Any, name: str) -> bool:
    """Whether an array is as large as the right one, within a factor, and varies as much from sample to sample (but for
    the mask: one for all samples is a mistake that people make).
    """
    value, right = np.asarray(value), np.asarray(right)
    sizes = [(np.linalg.norm(value), np.linalg.norm(right))]
    if right.ndim > 1 and name != "mask":
        sizes.append((np.linalg.norm(value - value.mean(axis=0)), np.linalg.norm(right - right.mean(axis=0))))
    return all(1e-2 * wanted <= size < np.inf for size, wanted in sizes)


def _usable(value: Any, right: Any) -> bool:
    try:
        value = np.asarray(value)
    except ValueError:  # lists of different lengths
        return False
    return value.shape == np.shape(right) and np.issubdtype(value.dtype, np.floating) and np.isfinite(value).all()


@dataclass(frozen=True)
class Judgement:
    """What grading a question found.

    result: what a student reads.
    seed: a public seed that shows the same failure, or None.
    errors: what the function raised, and what was wrong on hidden inputs alone, for the teacher alone.
    names: {part: what `diagnose` calls its mistake, or None}.
    pictures: {part: Picture} of parts that are wrong on the public seed.
    """

    result: Result
    seed: int | None
    errors: tuple[str, ...]
    names: Mapping[str, Any] = field(default_factory=dict)
    pictures: Mapping[str, "Picture"] = field(default_factory=dict)


class Clue(NamedTuple):
    """What an error follows. condition: "z_1B < 0", say. inside, outside: the mean size of the error where it holds and
    elsewhere, the larger being 1."""

    condition: str
    inside: float
    outside: float


@dataclass(frozen=True)
class Picture:
    """Where an error sits. error: an array over 0 to 1, the largest being 1. clue: what it follows, if anything.
    axes: what the array's axes are, in words; () where they are samples and units."""

    error: np.ndarray
    clue: Clue | None = None
    axes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Findings:
    """What some draws have shown: the Result over all of them, and by part the names of mistakes and the Pictures."""

    result: Result
    names: Mapping[str, Any]
    pictures: Mapping[str, Picture]


@dataclass(frozen=True)
class Seen:
    """What the public draws have shown, by seed, and what the functions raised."""

    draws: Mapping[int, Findings]
    errors: tuple[str, ...]


def grade_public(graded: GradedQuestions, question_id: str, call: CallFunction) -> Seen:
    """Judge a student's functions on the public draws, before any hidden input is shown to any of that student's code.

    No answer to them can then hold anything of the hidden ones, and so it may be shown.

    Args:
        graded: the assignment's questions.
        question_id: a key of them.
        call: call(function_name, arguments) -> Answer runs the function wherever it lives, twice.
    """
    errors: list[str] = []
    return Seen({seed: _judge(graded, question_id, _quiet(call, errors), [seed]) for seed in SEEDS}, tuple(errors))


def _quiet(call: CallFunction, errors: list[str]) -> CallFunction:
    """A call that says of an error no more than its kind; the rest goes into `errors`."""

    def quiet(name: str, given: tuple) -> Answer:
        answer = call(name, given)
        if answer.error:
            errors.append(f"{name} {answer.error}")
            return Answer(error=answer.error.split(":")[0])
        return answer

    return quiet


def grade_hidden(
    graded: GradedQuestions,
    question_id: str,
    call: CallFunction,
    seed: int,
    *,
    draws: int = 3,
    diagnose: Diagnose | None = None,
    seen: Seen | None = None,
) -> Judgement:
    """Judge a student's functions on hidden inputs, in the trusted process.

    Args:
        graded, question_id, call: as for `look`.
        seed: the course's hidden seed, an int of any size.
        draws: how many hidden draws are judged; the worst counts for each part.
        diagnose: diagnose(question_id, q, values, right) -> {part: name or None} names the mistakes of one draw. A name
            counts where every draw that shows the mistake gives the same, and where the draws that do not show it allow
            it: they are asked diagnose(question_id, q, values, right, {part: name}).
        seen: what `look` has found; by default it looks now.

    Returns:
        A Judgement. A function that fails is a verdict, not an error.
    """
    seen = seen or grade_public(graded, question_id, call)
    index, errors = list(graded.questions).index(question_id), list(seen.errors)
    seeds = [(seed, index, k) for k in range(draws)]
    findings = _judge(graded, question_id, _quiet(call, errors), seeds, diagnose)
    hidden = findings.result
    if hidden.points == hidden.maximum:
        return Judgement(hidden, None, ())
    lost = _lost(hidden)
    names = {part: name for part, name in findings.names.items() if part in lost}
    for public_seed in SEEDS if diagnose else ():  # a name must not say that what was right there is wrong
        q, right = _drawn(graded, question_id, public_seed)
        still = partial(guarded, f"{question_id}: its names", diagnose, question_id, q, right, right, otherwise={})
        held = _lost(seen.draws[public_seed].result)
        names |= _allowed({part: name for part, name in names.items() if part not in held}, still)
    closest = max(SEEDS, key=lambda seed: len(_lost(seen.draws[seed].result) & lost))
    home = seen.draws[closest].result
    public_seed = closest if _lost(home) & lost else None
    result, only_hidden = _shown(question_id, hidden, home, public_seed)
    pictures = {part: picture for part, picture in seen.draws[closest].pictures.items() if part in lost}
    return Judgement(result, public_seed, tuple(dict.fromkeys(errors + only_hidden)), names, pictures)


def _lost(result: Result) -> set[str]:
    return {part.name for part in result.parts if part.points < part.maximum}


def _shown(question_id: str, hidden: Result, home: Result, public_seed: int | None) -> tuple[Result, list[str]]:
    """What a student reads: the points that the hidden draws gave, and the numbers and words of a public draw.

    What a function returns on hidden inputs is not shown, for it could be those inputs. Returns the Result, and the
    sentences that hold on hidden inputs alone.
    """
    at_home = {part.name: part for part in home.parts}
    parts = []
    for part in hidden.parts:
        seen, right = at_home[part.name], part.points == part.maximum
        if (seen.points == seen.maximum) == right:
            part = replace(part, verdict=part.verdict and seen.verdict)
        elif not right:
            part = replace(part, verdict=None)
        parts.append(part)
    only_hidden = public.new_words(hidden.words, home.words)
    words = [sentence for sentence in home.words if sentence not in public.new_words(home.words, hidden.words)]
    words += ["On the graded inputs something was wrong with the call itself that no public seed shows."] * bool(
        only_hidden
    )
    if public_seed is not None:
        numbers = any(part.verdict and part.verdict.worst is not None for part in parts)
        see = f'See it yourself:  check("{question_id}", seed={public_seed})'
        words.append(see + "  (the numbers here are of that seed)" * numbers)
    return replace(hidden, parts=tuple(parts), words=tuple(words)), only_hidden


@lru_cache(maxsize=64)
def _drawn(graded: GradedQuestions, question_id: str, seed: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """A draw and its truth, once for all students."""
    q = graded.graded_draw(question_id, seed)
    for value in q.values():
        if isinstance(value, np.ndarray):
            value.setflags(write=False)
    return q, graded.truth(question_id, q)


def _agreed(draws: Sequence[tuple[Mapping[str, Any], Callable[[Mapping], Mapping]]]) -> dict[str, Any]:
    """{part: name} of several draws, where those that name the part say the same, and the others allow it; else
    {part: None}.

    draws: (names, still) each; names is {part: name or None} of the draw, still(names of others) keeps what holds.
    """
    found = {part: [names[part] for names, _ in draws if names.get(part)] for each, _ in draws for part in each}
    agreed = {part: said[0] if said and said.count(said[0]) == len(said) else None for part, said in found.items()}
    for names, still in draws:
        agreed |= _allowed({part: name for part, name in agreed.items() if not names.get(part)}, still)
    return agreed


def _allowed(names: Mapping[str, Any], still: Callable[[Mapping], Mapping]) -> dict[str, Any]:
    """What another draw leaves of these names: {part: name, or None where it contradicts}."""
    named = {part: name for part, name in names.items() if name is not None}
    kept = still(named) if named else {}
    return {part: kept.get(part) for part in named}


def _judge(
    graded: GradedQuestions, question_id: str, call: CallFunction, seeds: Sequence, diagnose: Diagnose | None = None
) -> Findings:
    """What some draws show."""
    question = graded.questions[question_id]
    words: list[str] = []
    drawn, named, special, pictures = [], [], [], []
    for seed in seeds:
        q, right = _drawn(graded, question_id, seed)
        with strange_numbers():
            values, complaints = collect(question, call, q)
            after, parts = {}, judge_draw(question, values, right, q, tolerance=TOLERANCE, carried={})
            if any(part.points < part.maximum for part in parts):
                after = carried(graded, question_id, q, values, right)
                parts = judge_draw(question, values, right, q, tolerance=TOLERANCE, carried=after)
            drawn.append(parts)
            words += public.new_words(complaints, words)
            # a fault in these two costs a name or a picture, and no verdict
            naming = f"{question_id}: its mistakes could not be named"
            names = guarded(naming, diagnose, question_id, q, values, right, otherwise={}) if diagnose else {}
            still = partial(guarded, naming, diagnose, question_id, q, values, right, otherwise={})
            (special if question.inputs.sizes(seed) else named).append((names, still))
            drawing = f"{question_id}: its errors could not be drawn"
            pictures.append(guarded(drawing, _pictures, question, q, values, right | after, parts, otherwise={}))
    result = Result(question.id, question.functions, worst_of(drawn), tuple(words))
    names = _agreed(special) | _agreed(named)  # what is wrong at equal sizes and at z = 0 alone is named by these
    first = {name: picture for of_draw in reversed(pictures) for name, picture in of_draw.items()}
    return Findings(result, names, first)


def _pictures(
    question: Question,
    q: Mapping[str, Any],
    values: Mapping[str, Any],
    expected: Mapping[str, Any],
    parts: Collection[PartResult],
) -> dict[str, Picture]:
    """A Picture of each part that is wrong by itself. expected: what is right after the student's own earlier parts."""
    clues = question.clues(q)
    wrong = {
        part.name for part in parts if part.status == "not yet" and part.verdict and part.verdict.worst is not None
    }
    pictures = {}
    for name in wrong:
        error = np.abs(np.asarray(values[name], float) - expected[name])
        if error.ndim and np.isfinite(error).all() and error.max() > 0:
            words = question.pictured.get(name, "")
            clue = _clue(error, words, clues.where.get(words))
            pictures[name] = Picture(error / error.max(), clue, question.axes.get(name, ()))
    return pictures


def _clue(error: np.ndarray, condition: str, holds: np.ndarray | None) -> Clue | None:
    if holds is None or holds.shape != error.shape or holds.all() or not holds.any():
        return None
    inside, outside = error[holds].mean(), error[~holds].mean()
    return Clue(condition, float(inside / max(inside, outside)), float(outside / max(inside, outside)))


def _right_along_a_line(graded, answer, q, seed):
    """Whether six gradients give the slope of the loss along one random direction, that of a complex step."""
    cost = graded.cost
    values, _ = collect(graded.questions[cost.question], lambda name, given: answer, q)
    rng, step = np.random.default_rng(seed), 1e-20
    along = {name: rng.normal(size=q[name].shape) for name in cost.params}
    slope = q["dout"] * cost.loss(q, **{name: q[name] + 1j * step * along[name] for name in cost.params}).imag / step
    try:
        found = sum(
            float((np.asarray(values[f"d{name}"]).reshape(q[name].shape) * along[name]).sum()) for name in cost.params
        )
    except (KeyError, TypeError, ValueError):
        return False
    return abs(found - slope) <= 1e-6 * abs(slope)


def watched(graded, question_id, seed):
    """[(Call, its arguments)] of a question, on the first hidden draw: with what its functions are watched."""
    q, _ = _drawn(graded, question_id, (seed, list(graded.questions).index(question_id), 0))
    return [(wanted, arguments(wanted, q)) for wanted in graded.questions[question_id].calls]


@contextlib.contextmanager
def strange_numbers():
    """Without NumPy's warnings: a student's numbers may be as large as 1e308, complex, or no numbers."""
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", np.exceptions.ComplexWarning)
        warnings.simplefilter("ignore", RuntimeWarning)
        yield


@strange_numbers()
def looks_numeric(graded, call, seed, *, right=True):
    """Whether the backward pass of `graded.cost` costs what a numeric derivative costs, which a person should look at.

    A backward pass costs a few forward passes (Baur and Strassen, 1983), a numeric derivative one or two for each
    parameter. At one size honest loops cost as much. So the time is taken at two sizes, the second with four times the
    parameters: honest code grows with them at most, a numeric derivative with their product with the forward pass. Who
    differentiates small networks alone is found by being wrong on these.

    Args:
        graded, call, seed: as for judge.
        right: whether its answer was right on the draws that were judged, and so should be here.

    Returns:
        A sentence, or None where nothing is to be seen.
    """
    question_id = graded.cost.question
    (wanted,) = graded.questions[question_id].calls
    seconds, counts = [], []
    for sizes in graded.cost.sizes:
        q = graded.draw(question_id, seed, sizes=sizes)
        counts.append(sum(q[name].size for name in graded.cost.params))
        begun = time.perf_counter()
        answer = call(wanted.function, arguments(wanted, q))
        seconds.append((time.perf_counter() - begun) / 2)  # it is called twice
        if answer.error:
            problem = answer.error.split(":")[0]
            return f"{wanted.function} {problem} at {counts[-1]:,} parameters: is it a numeric derivative?"
        if right and not _right_along_a_line(graded, answer, q, seed):
            return (
                f"{wanted.function} is right for small networks, and wrong at {counts[-1]:,} parameters: is it numeric?"
            )
    power = np.log(seconds[1] / seconds[0]) / np.log(counts[1] / counts[0])
    if seconds[1] > 5 or (seconds[1] > 1 and power > NUMERIC_GROWTH):  # honest loops took 0.2 s
        return (
            f"{wanted.function} takes {seconds[0]:.1f} s at {counts[0]:,} parameters and {seconds[1]:.1f} s at "
            f"{counts[1]:,}: is it a numeric derivative?"
        )
    return None

"""What a question is, what an answer is, and what came of it."""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from autograder.formula.verdict import FormulaVerdict
from autograder.gradcheck import Verdict

SEEDS = (0, 1, 2)  # what check() runs at home, and the seeds that have stored numbers
Values = Mapping[str, Any]


@dataclass(frozen=True)
class Part:
    """One array that is judged by itself: its name, its points, and the parts that it is computed from."""

    name: str
    points: int
    after: tuple[str, ...] = ()


@dataclass(frozen=True)
class Call:
    """One call of a student's function.

    function: its name.
    arguments: the inputs it gets, by name.
    unpack: how its value is taken apart into {part: array}; raises ValueError where the value is no such thing.
    groups: {argument: names of inputs} of the arguments that are dicts of inputs.
    names: of what its value has to hold beside the question's parts; None where it is no dict.
    """

    function: str
    arguments: tuple[str, ...]
    unpack: Callable[[Any], dict[str, Any]]
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    names: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Inputs:
    """How the inputs of questions are drawn.

    name: questions with the same inputs share their stored ones under this name.
    draw: draw(rng, **options) -> {name: value}.
    equal_sizes: the option `sizes` of the last of three draws, where a square matrix that is transposed by mistake has
        the right shape; None: it is drawn as the others, whose sizes all differ.
    complete: complete(functions, inputs) -> inputs, adds what a student's own functions compute; None: nothing.
    """

    name: str
    draw: Callable[..., dict[str, Any]]
    equal_sizes: tuple[int, ...] | None = None
    complete: Callable[[Mapping[str, Callable], dict[str, Any]], dict[str, Any]] | None = None

    def sizes(self, seed: Any) -> dict[str, tuple[int, ...]]:
        """The option `sizes` of a draw, or {}. seed: an int, or a tuple that ends with the draw's number."""
        last = seed[-1] if isinstance(seed, tuple) else seed
        return {"sizes": self.equal_sizes} if self.equal_sizes and last % len(SEEDS) == len(SEEDS) - 1 else {}


@dataclass(frozen=True)
class Clues:
    """What the numbers of a wrong answer are held against: {words: where an error may sit}, {words: a factor}."""

    where: Mapping[str, np.ndarray] = field(default_factory=dict)
    factors: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Question:
    """One graded question.

    inputs: how its inputs are drawn.
    calls, parts: the functions that students write, and what is judged.
    reference: where no numbers are stored, reference(functions, inputs) -> {part: array} says at home what is expected:
        a finite difference of a forward pass that the notebook gives or that the student wrote.
    clues: clues(inputs) -> Clues.
    concerns: {words of a clue: the parts that it may be told of}.
    pictured: {part: words of the clue that a picture of its error shows}.
    symptoms: {part: symptoms(array, inputs) -> sentences on what must hold of the part and does not}.
    axes: {part: what its axes are, in words}; of the others they are samples and units.
    known: names that a returned dict may hold beside the parts, as other questions ask for them.
    forward: the forward pass that mistakes are derived from, forward(**inputs) -> (out, cache), where the part of the
        input x is dx and the inputs hold its upstream gradient as "dout".
    """

    id: str
    inputs: Inputs
    calls: tuple[Call, ...]
    parts: tuple[Part, ...]
    reference: Callable[[Mapping[str, Callable], Values], dict[str, Any]] | None = None
    clues: Callable[[Values], Clues] = field(default=lambda q: Clues())
    concerns: Mapping[str, Collection[str]] = field(default_factory=dict)
    pictured: Mapping[str, str] = field(default_factory=dict)
    symptoms: Mapping[str, Callable[[np.ndarray, Values], tuple[str, ...]]] = field(default_factory=dict)
    axes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    known: Collection[str] = ()
    forward: Callable[..., Any] | None = None

    @property
    def family(self) -> str:
        return self.inputs.name

    @property
    def points(self) -> int:
        return sum(part.points for part in self.parts)

    @property
    def functions(self) -> tuple[str, ...]:
        return tuple(call.function for call in self.calls)


@dataclass(frozen=True)
class Answer:
    """What came of calling a student's function: its value, and the value of a second call; or the error it raised."""

    value: object = None
    again: object = None
    after: tuple = ()  # the arguments as they were after the calls
    error: str | None = None


@dataclass(frozen=True)
class PartResult:
    """A part's points; status is "ok", "carried", "not yet", "waits" or "missing"."""

    name: str
    points: float
    maximum: int
    status: str
    verdict: Verdict | None = None


@dataclass(frozen=True)
class SeenDraw:
    """What a check has seen on one draw.

    seed: of the draw. inputs: by name. values: {part: the student's value}. right: {part: what is right}.
    status: {part: as of PartResult}.
    """

    seed: int
    inputs: Values
    values: Values
    right: Values
    status: Mapping[str, str]


@dataclass(frozen=True)
class Result:
    """A question's verdict: a result for each part, and sentences about the whole."""

    id: str
    functions: tuple[str, ...]
    parts: tuple[PartResult, ...]
    words: tuple[str, ...] = ()

    @property
    def points(self) -> float:
        return float(sum(part.points for part in self.parts))

    @property
    def maximum(self) -> int:
        return sum(part.maximum for part in self.parts)

    def __str__(self) -> str:
        lines = [f"{self.id:<13}{', '.join(self.functions):<50}  {self.points:g} of {self.maximum}"]
        words = [f"    {sentence}" for sentence in self.words]
        if all(part.status == "missing" for part in self.parts):
            return "\n".join(lines + words)
        shapes = [str(part.verdict.shape) if part.verdict else "" for part in self.parts]
        names, width = (max(map(len, texts)) for texts in ([part.name for part in self.parts], shapes))
        for part, shape in zip(self.parts, shapes, strict=True):
            line, v = f"    {part.name:<{names}}  {shape:<{width}}  {part.status:<8}", part.verdict
            if v and v.verdict == "pass":
                line += f" {v.error:.0e}"
            elif v and v.worst is not None:
                line += f" off by {v.error:.2g} (allowed {v.tolerance:.0e})  " if np.isfinite(v.error) else ""
                line += f" worst at {list(v.worst)}: " if v.worst else ""
                line += f" yours {v.yours + 0.0:.4g}, expected {v.expected + 0.0:.4g}"
            lines.append(line.rstrip())
            lines += [f"        {sentence}" for sentence in (v.words if v else ())]
        return "\n".join(lines + words)


SAID = {"right": "right", "repaired": "right once it is mended", "wrong": "not right", "ambiguous": "ambiguous"}
SAID |= {"inconsistent": "right, but not every step before it", "not read": "not read"}


@dataclass(frozen=True)
class WrittenResult:
    """The verdict on one written formula. What a repair costs, if anything, is the teacher's choice: here nothing."""

    id: str
    verdict: FormulaVerdict
    maximum: int = 1

    @property
    def points(self) -> float:
        return float(self.maximum if self.verdict.is_accepted else 0)

    def __str__(self) -> str:
        found = self.verdict
        lines = [f"{self.id:<63}  {self.points:g} of {self.maximum}"]
        shown = f" to {found.error:.0e}" if found.verdict == "right" and found.error else ""
        lines.append(f"    {SAID[found.verdict]}{shown}")
        width = max((len(name) for name, _ in found.shapes), default=0)
        lines += [f"    {name or 'it':<{max(width, 2)}}  is {shape}" for name, shape in found.shapes]
        lines += [f"    {line}" for words in found.words for line in words.splitlines()]
        if found.needs_a_person and found.verdict == "not read" and found.at:
            lines.append(
                "    Write it otherwise, or hand it in like this: then a person reads it, and it costs nothing."
            )
        return "\n".join(lines)


# ---------------------------------------------------------------------------------------------------------------------
# How a function's value is taken apart into parts


def unpack_array(name: str) -> Callable[[Any], dict[str, Any]]:
    """Take a value as one array, the part of this name."""
    return lambda value: {name: value}


def unpack_pair(*names: str) -> Callable[[Any], dict[str, Any]]:
    """Take a value as a tuple with these names. What it returns raises ValueError where it is another thing."""

    def unpack(value: Any) -> dict[str, Any]:
        if not isinstance(value, tuple) or len(value) != len(names):
            raise ValueError(f"returned {kind_of(value)}; a tuple ({', '.join(names)}) is wanted")
        return dict(zip(names, value, strict=True))

    return unpack


def unpack_dict(value: Any) -> dict[str, Any]:
    """Take a value as a dict of named gradients. Raises ValueError where it is another thing."""
    if not isinstance(value, dict):
        raise ValueError(f"returned {kind_of(value)}; a dict of named gradients is wanted")
    return value


def kind_of(value: Any) -> str:
    """What a value is, in words: "a tuple of 3", "an object of type int"."""
    return f"a tuple of {len(value)}" if isinstance(value, tuple) else f"an object of type {type(value).__name__}"


def arguments(call: Call, q: Values) -> tuple[Any, ...]:
    """The arguments of one call, from a question's inputs by name."""
    return tuple(q[name] if name in q else {key: q[key] for key in call.groups[name]} for name in call.arguments)


def by_id(questions: Iterable[Question]) -> dict[str, Question]:
    """{id: Question} of these. Raises ValueError: two have one id."""
    found: dict[str, Question] = {}
    for question in questions:
        if question.id in found:
            raise ValueError(f"{question.id!r} needs a new id: there are {', '.join(map(repr, found))}")
        found[question.id] = question
    return found

"""What a mistake is, what a bank of mistakes is, and what an answer is said to be."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from autograder.questions.model import Call, Question, arguments
from autograder.steps import Evaluation, Steps


@dataclass(frozen=True, eq=False)
class Mistake:
    """A wrong version of one step.

    part: the step that it concerns.
    name: a few words.
    steps: {step: wrong formula}: of `part` itself, or of pieces of it.
    what: a sentence on what went wrong.
    look: a sentence on what to look at.
    equation: the label of the right formula in the book; "" where it has none.
    only: the ids of the questions that it makes sense for; empty means wherever the step occurs.
    code_only: whether code alone can make it, as a broadcast; a formula that comes to the same has another name.
    home_name, hint: in place of name and look in a student's own notebook, where these give the right formula away.
    key: of one that was derived from a forward pass.
    """

    part: str
    name: str
    steps: Steps
    what: str
    look: str
    equation: str
    only: tuple[str, ...] = ()
    code_only: bool = False
    home_name: str = ""
    hint: str = ""
    key: tuple = ()


Entry = tuple[Mistake, ...]
"""Mistakes that a question cannot tell apart."""


@dataclass(frozen=True)
class Named:
    """What an answer equals.

    entries: one entry of the bank, or two where both mistakes were made.
    error: the norm of the answer's difference from that formula, over the formula's own norm.
    """

    entries: tuple[Entry, ...]
    error: float = field(compare=False)

    @property
    def name(self) -> str:
        """A few words: "A", "A, or B" where they come to the same, "A; and B" where both were made."""
        return "; and ".join(", or ".join(mistake.name for mistake in entry) for entry in self.entries)

    @property
    def mistakes(self) -> tuple[Mistake, ...]:
        return tuple(mistake for entry in self.entries for mistake in entry)


@dataclass(frozen=True, eq=False)
class Bank:
    """The mistakes of an assignment, and the right steps that they are wrong versions of.

    steps: {step: right formula} of the whole computation.
    mistakes: in the order in which they are listed for a reader.
    questions: {id: Question}.
    draw: draw(question id, seed) gives the inputs of a question by name.
    part_steps: {(question id, part): step} for the parts that are not called after their step.
    renamed_arguments: {question id: {argument: input of the steps}} where a function calls it something else.
    graded_draw: as draw, for a draw as a release stores it; what is marked for home needs it.
    """

    steps: Steps
    mistakes: tuple[Mistake, ...]
    questions: Mapping[str, Question]
    draw: Callable[[str, int], dict[str, Any]]
    part_steps: Mapping[tuple[str, str], str]
    renamed_arguments: Mapping[str, Mapping[str, str]]
    graded_draw: Callable[[str, int], dict[str, Any]] | None = None

    def covers(self, question_id: str) -> bool:
        """Whether every part of a question is one of the steps."""
        return all(self.step_of(question_id, part.name) in self.steps for part in self.questions[question_id].parts)

    def step_of(self, question_id: str, part: str) -> str:
        """The step that a question's part is."""
        return self.part_steps.get((question_id, part), part)

    def inputs(self, question_id: str, q: Mapping[str, Any]) -> dict[str, Any]:
        """What the functions of a question are given on a draw q, as inputs of the steps."""
        inputs: dict[str, Any] = {}
        for call in self.questions[question_id].calls:
            inputs |= self.named_inputs(question_id, call, arguments(call, q))
        return inputs

    def named_inputs(self, question_id: str, call: Call, values: tuple[Any, ...]) -> dict[str, Any]:
        """The arguments of one call as inputs of the steps, the entries of a dict each under its own name."""
        inputs: dict[str, Any] = {}
        for name, value in zip(call.arguments, values, strict=True):
            inputs |= value if isinstance(value, dict) else {name: value}
        renamed = self.renamed_arguments.get(question_id, {})
        return inputs | {new: inputs[name] for name, new in renamed.items() if name in inputs}

    def evaluate(
        self, inputs: Mapping[str, Any], wrong: Steps | None = None, actual: Mapping[str, Any] | None = None
    ) -> Evaluation:
        """The steps on these inputs, those in `wrong` replaced. actual: as for Evaluation."""
        return Evaluation(self.steps | wrong if wrong else self.steps, inputs, actual)

    def answer(self, question_id: str, q: Mapping[str, Any], wrong: Steps | None = None) -> dict[str, Any]:
        """{part: value} of a question on a draw q, with the steps in `wrong` replaced; with none, what is right."""
        evaluation = self.evaluate(self.inputs(question_id, q), wrong)
        parts = self.questions[question_id].parts
        return {part.name: getattr(evaluation, self.step_of(question_id, part.name)) for part in parts}

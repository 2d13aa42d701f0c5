"""The questions of an assignment with what only the teacher has: trusted draws, and what is right on them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .model import SEEDS, Question, Values

Reference = Callable[[Values, Values], Any]


@dataclass(frozen=True)
class TrustedDraw:
    """What the trusted forward pass adds to the public draws of one family.

    complete: complete(inputs) -> inputs with every intermediate.
    informative: informative(inputs) -> whether these hide nothing, which the public draw cannot see to by itself.
    special: options of the last of three draws, that with equal sizes.
    """

    complete: Callable[[dict[str, Any]], dict[str, Any]] = dict
    informative: Callable[[Values], bool] = field(default=lambda q: True)
    special: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Cost:
    """The question whose cost is watched, a gradient of everything at once.

    question: its id. params: the inputs that it differentiates with respect to.
    loss: loss(inputs, **params) -> number, the trusted forward pass with some parameters given, perhaps complex.
    sizes: two of the option `sizes`, of which the second has about four times the parameters.
    """

    question: str
    params: tuple[str, ...]
    loss: Callable[..., Any]
    sizes: tuple[tuple[int, ...], tuple[int, ...]]


@dataclass(frozen=True, eq=False)
class GradedQuestions:
    """Questions with their trusted draws and references.

    questions: {id: Question}.
    draws: {family: TrustedDraw}; other families' public draws are trusted as they are.
    references: {id: {part: reference(inputs, parts so far) -> what is right}}; of other questions, those that `ask`
        made, the own forward pass is the trusted one.
    cost: of the question whose cost is watched, or None.
    """

    questions: Mapping[str, Question]
    draws: Mapping[str, TrustedDraw] = field(default_factory=dict)
    references: Mapping[str, Mapping[str, Reference]] = field(default_factory=dict)
    cost: Cost | None = None

    def draw(self, question_id: str, seed: Any, **options: Any) -> dict[str, Any]:
        """The inputs of one draw by name, with every intermediate of the trusted forward pass where there is one.

        Args:
            question_id: a key of `questions`.
            seed: what numpy.random.default_rng takes: an int of any size, or a sequence of them.
            options: for the public draw: sizes, where they are not to be drawn, and what else it knows.
        """
        inputs, rng = self.questions[question_id].inputs, np.random.default_rng(seed)
        trusted = self.draws.get(inputs.name, TrustedDraw())
        while not trusted.informative(q := trusted.complete(inputs.draw(rng, **options))):
            pass
        return q

    def graded_draw(self, question_id: str, seed: Any) -> dict[str, Any]:
        """A draw as it is stored in checks.py and as it is graded: the last of three has equal sizes, and what the
        family's TrustedDraw has as special."""
        inputs = self.questions[question_id].inputs
        sizes = inputs.sizes(seed)
        special = self.draws.get(inputs.name, TrustedDraw()).special if sizes else {}
        return self.draw(question_id, seed, **sizes, **special)

    def truth(self, question_id: str, q: Values) -> dict[str, Any]:
        """What is right for each part, on a draw q."""
        if question_id not in self.references:
            return self.questions[question_id].reference({}, q)
        right: dict[str, Any] = {}
        for name, reference in self.references[question_id].items():
            right[name] = reference(q, right)
        return right

    def stored_numbers(self) -> dict[str, dict]:
        """What checks.py is given: public inputs, and what is right for the parts that no forward pass shows.

        Returns {question id: {seed: {part: right value}}}, and under "inputs" {family: {seed: inputs}}.
        """
        stored: dict[str, dict] = {"inputs": {}}
        for question in self.questions.values():
            if question.reference and not question.inputs.complete:
                continue
            inputs = stored["inputs"].setdefault(question.family, {})
            stored[question.id] = {}
            for seed in SEEDS:
                inputs[seed] = self.graded_draw(question.id, seed)
                stored[question.id][seed] = self.truth(question.id, inputs[seed])
        return stored

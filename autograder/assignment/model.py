"""What an assignment is: an object that is loaded from its folder and handed on."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from autograder.formula.notation import Notation, Target
from autograder.formula.verdict import FormulaVerdict
from autograder.mistakes.model import Bank, Mistake
from autograder.questions.graded import GradedQuestions
from autograder.questions.model import Question
from autograder.questions.public import Checks

Cells = dict[str, str]
"""{grade_id: what stands in that cell}."""


@dataclass(frozen=True)
class FormulaQuestions:
    """The questions that ask for formulas.

    points: {"2-2 gamma, written": points}.
    targets: {"2-2 gamma": Target}; notation: of them all.
    modules: the files that define both, as TARGETS and NOTATION; students get them as a part of formulas.py.
    judge: judge(question, latex, seed, scalars=False) -> FormulaVerdict.
    judge_sheet: judge_sheet(text, scalars=False) -> [(left side, right side, FormulaVerdict)] of a written solution.
    stored_draws: stored_draws(seed) -> {family: [draw, ...]}, on which a formula is judged at home.
    """

    points: Mapping[str, int]
    targets: Mapping[str, Target]
    notation: Notation
    modules: tuple[Path, ...]
    judge: Callable[..., FormulaVerdict]
    judge_sheet: Callable[..., list[tuple[str, str, FormulaVerdict]]]
    stored_draws: Callable[[int], dict[str, list[dict]]]


@dataclass(frozen=True)
class DemoClass:
    """A class of made-up submissions. Each student's name says what is in it.

    written: {student: Cells} in place of the right answers.
    edits: {student: [(cell, old text, new text)]}, changes of the right answers.
    formulas: {student: {"2-2 gamma": LaTeX}}, beside either.
    changed: {student: function(cells of a filled-in notebook) -> cells}, right answers that tools and hands changed.
    damaged: {student: function(folder)}, changes of the files of right answers.
    """

    written: Mapping[str, Cells] = field(default_factory=dict)
    edits: Mapping[str, Sequence[tuple[str, str, str]]] = field(default_factory=dict)
    formulas: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    changed: Mapping[str, Callable[[list], list]] = field(default_factory=dict)
    damaged: Mapping[str, Callable[[Path], None]] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Assignment:
    """An assignment.

    folder: where its modules and the texts of its notebooks lie, COURSE/assignments/NAME; its name is the assignment's.
    graded: its questions, with what the teacher has.
    questions_module: the file that defines those of the homework, as QUESTIONS; it goes into checks.py.
    own: {id: file} of questions that `ask` made; each goes to the students as it stands, where a notebook imports it.
    formulas: of its written formulas, or None.
    bank: its mistakes, or None.
    functions: {name: function}, whose source fills the notebooks' placeholders.
    left_out: what of a function's docstring does not concern students.
    demo: the class of made-up submissions.
    index: the name of the course's module that `autograder where` asks, or "".
    """

    folder: Path
    graded: GradedQuestions
    questions_module: Path | None = None
    own: Mapping[str, Path] = field(default_factory=dict)
    formulas: FormulaQuestions | None = None
    bank: Bank | None = None
    functions: Mapping[str, Callable] = field(default_factory=dict)
    left_out: re.Pattern | None = None
    demo: DemoClass = field(default_factory=DemoClass)
    index: str = ""

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def course_folder(self) -> Path:
        """The folder that holds `assignments/`."""
        return self.folder.parents[1]

    @property
    def questions(self) -> Mapping[str, Question]:
        """{id: Question} of those that ask for functions."""
        return self.graded.questions

    @property
    def written(self) -> Mapping[str, int]:
        """{id: points} of the questions that ask for formulas."""
        return self.formulas.points if self.formulas else {}

    @property
    def known(self) -> tuple[str, ...]:
        """The ids of all questions."""
        return (*self.questions, *self.written)

    @property
    def mistakes(self) -> tuple[Mistake, ...]:
        return self.bank.mistakes if self.bank else ()

    @cached_property
    def naming(self) -> Bank:
        """The bank that names mistakes; without one of its own it knows those that are derived from forward passes."""
        return self.bank or Bank({}, (), self.questions, self.graded.draw, {}, {})

    @cached_property
    def notebooks(self) -> tuple[Path, ...]:
        """The files of the notebooks' texts, in their order."""
        return tuple(sorted(self.folder.glob("*.md")))

    def checks(self, stored: Mapping[str, Any] | None = None) -> Checks:
        """The questions as students have them, with the numbers that a release stores."""
        formulas = self.formulas
        if formulas is None:
            return Checks(self.questions, stored=stored or {})
        return Checks(self.questions, formulas.points, formulas.targets, formulas.notation, stored or {})

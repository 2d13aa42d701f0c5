"""Where a label, a function, a question, a part or a mistake of an assignment stands: for `autograder where NAME`.

It follows the links that are recorded elsewhere: the registry from an equation to its function, check and step; the
assignment from a question to its parts and functions; the table of the network from a part to its equation.
"""

import difflib
import inspect
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from assignments.hw1.mistakes import equation_of
from autograder.assignment.cell_names import check_cell
from autograder.assignment.model import Assignment
from autograder.mistakes.model import Mistake
from autograder.reports.book_equations import BookEquation, book_equations
from verification.equation_registry import CHECKS, labels_of
from verification.symbolic_derivations import STEPS

TESTS = ("tests/solutions", "tests/verification", "tests/autograder")  # which a name is looked for in
NEAREST = 5  # names that are proposed for one that is unknown


@dataclass(frozen=True)
class Part:
    """A part of a question. step: what the mistakes call it. label: of its equation, whether the book has it or not."""

    question: str
    name: str
    points: float
    step: str
    label: str


@dataclass(frozen=True)
class Where:
    """What is connected with one name.

    kind: "equation", "function", "question", "part" or "mistake". places: {what stands there: "file:line"}; of an
    equation's page the line of its label.
    """

    name: str
    kind: str
    equations: tuple[BookEquation, ...]
    functions: dict[str, str]
    questions: dict[str, str]
    parts: tuple[Part, ...]
    mistakes: dict[str, str]
    tests: dict[str, str]

    def lines(self) -> list[str]:
        """As it is printed."""
        rows = [("page", f"{e.page}.md:{e.line}   {e.url}   {_heading(e)}") for e in self.equations]
        rows += [("function", f"{place}   {name}") for name, place in self.functions.items()]
        for question, place in self.questions.items():
            parts = ", ".join(f"{part.name} {part.points:g}" for part in self.parts if part.question == question)
            rows.append(("question", f"{place}   {question}" + (f": {parts}" if parts else "")))
        rows += [("mistake", f"{place}   {name}") for name, place in self.mistakes.items()]
        rows += [("test", f"{place}   {name}") for name, place in self.tests.items()]
        return [f"{self.name}   {self.kind}", *(f"  {kind:<10}{text}" for kind, text in rows)]


def _heading(equation):
    number = f"equation ({equation.number}), " if equation.number else ""
    return f"{number}{equation.heading!r}"


def locate(name: str, assignment: Assignment) -> list[Where]:
    """Everything that has this name; a question may be named as its cells are, "2-2-branch-b".

    Raises:
        ValueError: nothing has; with the nearest names.
    """
    index = Index(assignment)
    found = [index.about(kind, known) for kind, names in index.names.items() for known in names if _same(known, name)]
    if found:
        return found
    everything = {known for names in index.names.values() for known in names}
    nearest = difflib.get_close_matches(name, everything, NEAREST, cutoff=0.4)
    advice = f"the nearest: {', '.join(nearest)}" if nearest else "give a label, a function, a question or a mistake"
    raise ValueError(f"nothing is called {name!r}; {advice}")


def _same(known, name):
    return known.replace(", ", "-").replace(" ", "-") == name.strip().replace(", ", "-").replace(" ", "-")


class Index:
    """The names of an assignment, and the links between them."""

    def __init__(self, assignment: Assignment) -> None:
        self.assignment, self.course = assignment, assignment.course_folder

    @cached_property
    def names(self) -> dict[str, list[str]]:
        """{kind: every name of that kind}."""
        return {
            "equation": sorted({*self.equations, *STEPS}),
            "function": list(self.assignment.functions),
            "question": list(self.assignment.known),
            "part": sorted({part.name for part in self.parts}),
            "mistake": [mistake.name for mistake in self.assignment.mistakes],
        }

    @cached_property
    def equations(self) -> dict[str, BookEquation]:
        return dict(book_equations(self.course))

    @cached_property
    def parts(self) -> list[Part]:
        """The parts of all questions; a formula that is asked is a part of its question's own."""
        parts = []
        for question in self.assignment.questions.values():
            for part in question.parts:
                step = self.assignment.bank.step_of(question.id, part.name)
                parts.append(Part(question.id, part.name, part.points, step, equation_of(step)))
        for question, points in self.assignment.written.items():
            target = self.assignment.formulas.targets[question.removesuffix(", written")]
            step = self.assignment.bank.step_of(target.question, target.part)
            parts.append(Part(question, target.part, points, step, equation_of(step)))
        return parts

    def about(self, kind: str, name: str) -> Where:
        """All that is connected with a name of this kind."""
        labels, functions, parts, mistakes = getattr(self, f"_of_{kind}")(name)
        questions = dict.fromkeys(part.question for part in parts)
        functions = dict.fromkeys([*functions, *(f for question in questions for f in self._functions_of(question))])
        return Where(
            name,
            kind,
            tuple(self.equations[label] for label in dict.fromkeys(labels) if label in self.equations),
            {each: self._place_of(self.assignment.functions[each]) for each in functions},
            {each: self._place_of_question(each) for each in questions},
            tuple(parts),
            {mistake.name: self._place_of_mistake(mistake) for mistake in mistakes},
            self._tests(name, labels),
        )

    # Each of these gives labels, names of functions, parts and mistakes.

    def _of_equation(self, label):
        parts = [part for part in self.parts if part.label == label]
        mistakes = [mistake for mistake in self.assignment.mistakes if mistake.equation == label]
        return [label], self._functions_at(label), parts, mistakes

    def _of_function(self, name):
        labels = [label for label in self.names["equation"] if name in self._functions_at(label)]
        asked = [question.id for question in self.assignment.questions.values() if name in question.functions]
        parts = [part for part in self.parts if part.question in asked]
        parts = parts or [part for part in self.parts if part.label in labels]
        return labels, [name], parts, self._mistakes_in(parts)

    def _of_question(self, question):
        parts = [part for part in self.parts if part.question == question]
        return [part.label for part in parts], [], parts, self._mistakes_in(parts)

    def _of_part(self, name):
        parts = [part for part in self.parts if part.name == name]
        return [part.label for part in parts], [], parts, self._mistakes_in(parts)

    def _of_mistake(self, name):
        mistakes = [mistake for mistake in self.assignment.mistakes if mistake.name == name]
        parts = [part for part in self.parts if part.step in {mistake.part for mistake in mistakes}]
        parts = parts or [part for part in self.parts if part.label in {mistake.equation for mistake in mistakes}]
        return [mistake.equation for mistake in mistakes], [], parts, mistakes

    def _mistakes_in(self, parts) -> list[Mistake]:
        steps = {part.step for part in parts}
        return [mistake for mistake in self.assignment.mistakes if mistake.part in steps]

    def _functions_at(self, label) -> list[str]:
        """The functions whose check verifies an equation; else those whose docstring names it."""
        verified = [name for name, check in CHECKS.items() if label in labels_of(check)]
        named = re.compile(rf"(?<![\w-]){re.escape(label)}(?![\w-])")
        known = self.assignment.functions
        return [name for name in verified if name in known] or [
            name for name, function in known.items() if "-" in label and named.search(function.__doc__ or "")
        ]

    def _functions_of(self, question) -> Iterable[str]:
        """The functions of solutions/ that a question asks for."""
        asked = self.assignment.questions.get(question)
        return [name for name in asked.functions if name in self.assignment.functions] if asked else ()

    def _place_of(self, thing: Callable) -> str:
        thing = inspect.unwrap(thing)
        return f"{self._short(Path(inspect.getsourcefile(thing)))}:{inspect.getsourcelines(thing)[1]}"

    def _place_of_question(self, question) -> str:
        cell = check_cell(question)
        return self._first(
            self.assignment.notebooks, rf'"grade_id": "{re.escape(cell)}"|check\("{re.escape(question)}"\)'
        )

    def _place_of_mistake(self, mistake) -> str:
        declared = self._first(sorted(self.assignment.folder.glob("*.py")), re.escape(f'"{mistake.name}"'))
        return declared or self._place_of(next(iter(mistake.steps.values())))  # whose name is put together

    def _tests(self, name, labels) -> dict[str, str]:
        """The checks and derivation steps of equations, and the first line of each test file that has the name."""
        tests = {}
        for label in dict.fromkeys(labels):  # tests/solutions/test_checks.py runs them, on every problem
            checks = [check for check in CHECKS.values() if label in labels_of(check)]
            for thing in [*checks, *([STEPS[label]] if label in STEPS else [])]:
                tests[thing.__name__] = self._place_of(thing)
        word = rf"(?<![\w-]){re.escape(name)}(?![\w-])" if re.fullmatch(r"[\w-]{4,}", name) else rf'"{re.escape(name)}"'
        for path in (path for folder in TESTS for path in sorted((self.course / folder).rglob("test_*.py"))):
            if place := self._first([path], word):
                tests[path.stem] = place
        return tests

    def _first(self, paths, pattern) -> str:
        """The first place in some files where a pattern stands, or ""."""
        for path in paths:
            for number, line in enumerate(path.read_text(encoding="utf8").splitlines(), 1):
                if re.search(pattern, line):
                    return f"{self._short(path)}:{number}"
        return ""

    def _short(self, path) -> str:
        return str(path.relative_to(self.course)) if path.is_relative_to(self.course) else str(path)

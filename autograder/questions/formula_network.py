"""Formula questions for any network: a formula.table.Table, and the steps of its forward pass."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from autograder.formula.documents import formulas_in
from autograder.formula.errors import FormulaError, point
from autograder.formula.parser import read_lines
from autograder.formula.readings import is_a_remark, names_of_asked, written_name
from autograder.formula.table import Table
from autograder.formula.tree import Derivative, Formula, Name, Ones, Statement
from autograder.formula.typesetting import typeset
from autograder.formula.verdict import FormulaVerdict, compare
from autograder.gradcheck import numerical_jacobian
from autograder.steps import Evaluation, Steps

DRAWS = 2


@dataclass(frozen=True, eq=False)
class FormulaNetwork:
    """Judges the formulas of a network: each gradient is compared with the loss's numerical derivative.

    Args:
        table: its quantities.
        steps: {key of a quantity: function(evaluation) -> array}, the forward pass; what has no step is an input, and
            is drawn from the normal distribution. Written for complex numbers too: `np.where(z.real > 0, z, 0)`.
        lengths: {size as it is written: its length}, all different.
    """

    table: Table
    steps: Steps
    lengths: dict

    @lru_cache(maxsize=32)  # noqa: B019 - as many as the questions of one assignment
    def draw(self, seed):
        """A draw: every quantity, the gradient of each that is asked, and the sizes."""
        table, rng = self.table, np.random.default_rng(seed)
        axes = {table.sizes[name]: length for name, length in self.lengths.items()}
        symbols = {symbol.key: symbol for symbol in table.names.values()}
        shapes = {key: tuple(axes[axis] for axis in symbol.axes) for key, symbol in symbols.items()}
        inputs = {key: rng.normal(size=shape) for key, shape in shapes.items() if key not in self.steps}
        evaluation = Evaluation(self.steps, inputs)
        draw = {key: np.asarray(getattr(evaluation, key)) for key in symbols}
        for target in table.targets.values():
            draw[target.part] = self._gradient(target.key, draw[target.key], inputs)
        return draw | self.lengths

    def _gradient(self, key, value, inputs):
        def loss(moved):
            return (
                getattr(Evaluation(self.steps, inputs | {key: moved}), self.table.key(self.table.loss))
                + 0 * moved.sum()
            )

        return numerical_jacobian(loss, {"moved": value}, method="complex")["moved"]

    def judge(self, question, latex, seed=0, *, scalars=False):
        """The FormulaVerdict on one formula. question: a key of the table's targets; ValueError where there is none."""
        if question not in self.table.targets:
            raise ValueError(f"there is no formula {question!r}; there are {', '.join(self.table.targets)}")
        return compare(latex, self.table.targets[question], self._draws(seed))

    def judge_sheet(self, text, seed=0, *, scalars=False):
        """As `judge_lines`, with the table's targets."""

        def target_of(statement):
            name = written_name(statement.sides[0])
            return next((t for t in self.table.targets.values() if name in names_of_asked(t)), None)

        def judge(latex, tree, target):
            return compare(latex, target, self._draws(seed), tree=tree)

        return judge_lines(text, self.table.notation, target_of, judge)

    def stored_draws(self, seed):
        """What a notebook needs to judge formulas at home: {family: [draw, ...]}."""
        return {"": self._draws(seed)}

    def _draws(self, seed):
        return [self.draw((seed, k)) for k in range(DRAWS)]


def judge_lines(text, notation, target_of, judge):
    """The verdict on every right side of a written solution in Markdown.

    Every display is found, and within lines every formula with an "=". A line that has a target is held against it; a
    line that has none defines something for all others.

    Args:
        target_of: function(Statement) -> Target or None.
        judge: function(LaTeX, Formula, Target) -> FormulaVerdict.

    Returns:
        [(left side, right side, FormulaVerdict)], LaTeX as it was written. A definition's verdict is "definition"; what
        is not read has a row too.
    """
    lines = [line for written in formulas_in(text) for line in _lines_of(written, notation)]
    targets = [_target(statement, target_of) for _, statement, _ in lines]
    definitions = tuple(s for (_, s, _), target in zip(lines, targets, strict=True) if s and target is None)
    rows = []
    for (latex, statement, problems), target in zip(lines, targets, strict=True):
        rows += [("", latex.strip(), _not_read(latex, problem)) for problem in problems]
        left, *sides = statement.sides if statement else (None,)
        for side in sides:
            texts = [latex[slice(*part.at)].strip() for part in (left, side)]
            if target is None:
                rows.append((*texts, FormulaVerdict("", "definition", typeset=typeset(side, notation))))
                continue
            tree = Formula((*definitions, Statement((left, side), at=statement.at)))
            rows.append((*texts, judge(latex, tree, target)))
    return rows


def _target(statement, target_of):
    return None if statement is None or isinstance(statement.sides[-1], Ones) else target_of(statement)


def _lines_of(written, notation):
    """[(LaTeX, Statement or None, why something of it was not read)] of one formula of a text."""
    latex = written.latex
    if written.is_inline and "=" not in latex:
        return []  # a symbol in a sentence
    try:
        lines = read_lines(latex, notation)
    except FormulaError as problem:
        return [] if written.is_inline and problem.at is None else [(latex, None, [problem])]
    lines = [line for line in lines if not line[0] or not is_a_remark(line[0], notation)]
    for k, (statement, problems) in enumerate(lines):
        if statement and (len(statement.sides) < 2 or not isinstance(statement.sides[0], Name | Derivative)):
            message = "This says of nothing what it is: begin with the name of the gradient, and an =."
            told = problems or ([] if written.is_inline else [FormulaError(message, statement.at)])
            lines[k] = (None, told)
    return [(latex, statement, problems) for statement, problems in lines]


def _not_read(latex, problem):
    return FormulaVerdict("", "not read", words=(point(latex, problem),), at=problem.at)

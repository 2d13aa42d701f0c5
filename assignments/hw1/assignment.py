"""The first homework, put together."""

import re
from pathlib import Path

import solutions
from autograder.assignment.model import Assignment, FormulaQuestions

from . import examples
from .demo_class import DEMO
from .formula_verdicts import judge_formula, judge_sheet, seeds_of, stored_draws
from .mistakes import BANK
from .questions import WRITTEN
from .references import GRADED
from .targets import NOTATION, TARGETS

FOLDER = Path(__file__).parent

ASSIGNMENT = Assignment(
    folder=FOLDER,
    graded=GRADED,
    questions_module=FOLDER / "questions.py",
    own={module.QUESTION.id: Path(module.__file__) for module in examples.MODULES},
    formulas=FormulaQuestions(
        points=WRITTEN,
        targets=TARGETS,
        notation=NOTATION,
        modules=(FOLDER / "network.py", FOLDER / "targets.py"),
        judge=judge_formula,
        judge_sheet=judge_sheet,
        stored_draws=lambda seed: stored_draws(seeds_of(seed)),
    ),
    bank=BANK,
    functions={name: getattr(solutions, name) for name in solutions.__all__},
    left_out=re.compile(r"; \(m, n\) where \w+ is a scalar|, or a scalar for all( features)?| or scalars"),
    demo=DEMO,
    index="verification.where",
)

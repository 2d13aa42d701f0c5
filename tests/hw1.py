"""hw1 as tests use it: the assignment that the commands load, and its functions with it filled in."""

from functools import partial

from assignments.hw1.demo_class import CHANGED, FORMULAS, SPOILT
from assignments.hw1.questions import WRITTEN
from assignments.hw1.references import REFERENCES, run
from autograder import demo
from autograder.assignment import release as making
from autograder.assignment.load import find_assignment, load_assignment
from autograder.demo import fill, spoil, write
from autograder.questions import private

__all__ = ["CHANGED", "FORMULAS", "SPOILT", "WRITTEN", "fill", "run", "spoil", "write"]

ASSIGNMENT = load_assignment(find_assignment("hw1"))
NAME = ASSIGNMENT.name
GRADED, QUESTIONS = ASSIGNMENT.graded, ASSIGNMENT.questions
HW1 = tuple(REFERENCES)  # the ids of the homework's own questions; QUESTIONS also holds those that `ask` made
draw, graded_draw, truth, stored_numbers = GRADED.draw, GRADED.graded_draw, GRADED.truth, GRADED.stored_numbers
look, judge, watched, looks_numeric, drawn = (
    partial(function, GRADED)
    for function in (private.grade_public, private.grade_hidden, private.watched, private.looks_numeric, private._drawn)
)
right_answers, answers, write_class = (
    partial(function, ASSIGNMENT) for function in (demo.right_answers, demo.answers, demo.write_class)
)
release, source_notebooks, checks_source, formulas_source, function_source, every_number, own_sources = (
    partial(function, ASSIGNMENT)
    for function in (
        making.release,
        making.source_notebooks,
        making.checks_source,
        making.formulas_source,
        making.function_source,
        making.every_number,
        making.own_sources,
    )
)

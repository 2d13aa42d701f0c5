"""The graded questions, each in a public half that students get and a private half that they do not."""

from .draws import draw, graded_draw, run
from .private import Judgement, judge, look, looks_numeric, watched
from .public import QUESTIONS, WRITTEN, Answer, Question, Result, ask
from .references import REFERENCES, stored_numbers, truth

HW1 = tuple(REFERENCES)  # the ids of the assignment's own questions; QUESTIONS also holds what `ask` adds

__all__ = [
    "HW1",
    "QUESTIONS",
    "WRITTEN",
    "Answer",
    "Judgement",
    "Question",
    "Result",
    "ask",
    "draw",
    "graded_draw",
    "judge",
    "look",
    "looks_numeric",
    "run",
    "stored_numbers",
    "truth",
    "watched",
]

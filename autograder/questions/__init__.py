"""The graded questions, each in a public half that students get and a private half that they do not."""

from .private import REFERENCES, Judgement, draw, judge, look, looks_numeric, stored_numbers, truth, watched
from .public import QUESTIONS, WRITTEN, Answer, Question, Result, ask

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
    "judge",
    "look",
    "looks_numeric",
    "stored_numbers",
    "truth",
    "watched",
]

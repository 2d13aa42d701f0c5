"""The graded questions, each in a public half that students get and a private half that they do not."""

from .private import Judgement, draw, judge, stored_numbers, truth
from .public import QUESTIONS, Answer, Question, Result

__all__ = ["QUESTIONS", "Answer", "Judgement", "Question", "Result", "draw", "judge", "stored_numbers", "truth"]

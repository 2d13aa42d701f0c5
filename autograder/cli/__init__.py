"""The commands of `autograder`: what a teacher types."""

from .command_line import main
from .output import FAILED, GRADED, NEEDS_A_PERSON, REPAIRED, STOPPED

__all__ = ["FAILED", "GRADED", "NEEDS_A_PERSON", "REPAIRED", "STOPPED", "main"]

"""What every command prints, and the exit statuses."""

import sys
from pathlib import Path

from ..course.roster import shown

GRADED, FAILED, NEEDS_A_PERSON, REPAIRED, STOPPED = 0, 1, 3, 4, 130


def say(*lines):
    """Print lines, each as exactly one: a student's text begins no line, moves no cursor and changes no colour."""
    for line in lines:
        print(shown(line), flush=True)


def complain(name, text):
    """Print why a command could not do its work. Lines after the first are indented, so that none looks like ours."""
    first, *more = text.splitlines() or [""]
    for line in (f"autograder {name}: {first}", *(f"  {line}" for line in more)):
        print(shown(line), file=sys.stderr, flush=True)


def tell_needs(needs):
    """Print what a person must look at, and return the exit status."""
    if needs:
        say("", f"needs you  {len(needs)}", *(f"  * {need}" for need in needs))
    return NEEDS_A_PERSON if needs else GRADED


def short_path(path):
    """A path as short as it can be said from here."""
    path = Path(path).resolve()
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path

"""The outcome of a submission without a sandbox: repaired by the grader's own code, and its cells run in this process.

Only for the submissions that tests/autograder/grading/operations.py makes: nothing keeps their code in bounds here.
"""

import builtins
import contextlib
import importlib
import io
import sys
import warnings
from copy import deepcopy
from functools import lru_cache

import pytest
from nbgrader.utils import compute_checksum, is_grade, is_solution

from assignments.hw1.formula_verdicts import judge_formula
from autograder.assignment.release import PUBLIC
from autograder.grading.execute import question_of
from autograder.grading.notebook_file import find_notebooks
from autograder.grading.repair import answers_in, repair
from autograder.grading.sandbox import KERNEL
from autograder.grading.student_code import kernel_environment, prepare, stops_early, transformed
from tests.hw1 import ASSIGNMENT, WRITTEN

from . import operations

VERDICTS = {}  # {(question, what was run so far): whether all its points are earned}


def checks_of(release):
    """The release's own checks.py, as a notebook imports it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(release))
        return importlib.import_module("checks")


def outcome(folder, released):
    """(operations.FULL, FLAGGED, or "lost"; what was said). `checks_of` has been called.

    Args:
        folder: <student>/hw1.
        released: {name: released notebook}; they are not changed.
    """
    found, notes, needs = find_notebooks(
        folder, list(released), lambda parsed: {name: answers_in(parsed, blank) for name, blank in released.items()}
    )
    lost = []
    for name, one in found.items():
        if one.parsed is None:
            needs.append(one.why)
            continue
        repaired = repair(one.parsed, deepcopy(released[name]))
        told, doubts, missing = _run(repaired.notebook)
        notes += repaired.notes + told
        needs += repaired.needs
        (needs if missing else notes).extend(repaired.doubts + doubts)
        lost += missing + [c.metadata.nbgrader.grade_id for c in repaired.notebook.cells if _unread(c)]
    verdict = operations.FLAGGED if needs else "lost" if lost else operations.FULL
    return verdict, {"lost": lost, "needs": needs, "notes": notes}


def _unread(cell):
    """Whether a derivation counts as not answered: nobody would read it."""
    return is_grade(cell) and is_solution(cell) and cell.metadata.nbgrader.checksum == compute_checksum(cell)


def _run(notebook):
    """(sentences on what was left out, doubts, the questions that lose points) of a repaired notebook."""
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    prepared = prepare([("a cell", None if is_grade(c) else c.source) for c in cells], environment)
    space, run, lost, doubts = {"get_ipython": lambda: Shell(space), "__builtins__": BUILTINS}, [], [], []
    for cell, source in zip(cells, prepared.sources, strict=True):
        if not is_grade(cell):
            run.append(source)
            doubts += _execute(source, space)
        elif not _earned(question_of(cell.source, ASSIGNMENT.known), tuple(run), space):
            lost.append(question_of(cell.source, ASSIGNMENT.known))
    return prepared.notes, prepared.doubts + doubts, lost


def environment():
    """What exists in the kernel's environment, and beside the notebooks."""
    return kernel_environment(str(KERNEL / "bin" / "python"), frozenset({"checks", "gradcheck", "formulas"}))


def _import(name, *args, **kwargs):
    if not environment().has_module(name):
        raise ModuleNotFoundError(f"No module named {name!r}")
    return __import__(name, *args, **kwargs)


BUILTINS = vars(builtins) | {"__import__": _import}


class Shell:
    """What a magic does here: nothing, but for a cell magic, whose body is run."""

    def __init__(self, space):
        self.space = space

    def run_cell_magic(self, name, line, body):
        """Run the body."""
        _execute(body, self.space)

    def __getattr__(self, name):
        return lambda *_: None


def _execute(source, space):
    """Run a cell's source; returns what the grader would say where it stops early."""
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            exec(_compiled(source), space)  # of the submissions that the operations make
    except (Exception, SystemExit) as error:
        if not isinstance(error, SyntaxError) and stops_early(source):
            return [f"a cell stopped with {type(error).__name__}"]
    return []


@lru_cache(maxsize=4096)
def _compiled(source):
    return compile(transformed(source), "cell", "exec")


def _earned(question, run, space):
    if question in WRITTEN:
        key = question, str(space.get("f"))
        if key not in VERDICTS:
            VERDICTS[key] = judge_formula(question, key[1], PUBLIC).verdict == "right" if "f" in space else False
    else:
        key = question, run
        if key not in VERDICTS:
            checks = sys.modules["checks"]
            result = checks.at_home(checks.QUESTIONS[question], space, (0,))
            VERDICTS[key] = result.points == result.maximum
    return VERDICTS[key]

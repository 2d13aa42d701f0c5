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
from functools import lru_cache, partial

import pytest
from nbgrader.utils import compute_checksum, is_grade, is_solution

from assignments.hw1.formula_verdicts import judge_formula
from autograder.assignment.cell_names import formula_cell
from autograder.assignment.release import PUBLIC_SEED
from autograder.grading import formula_grading
from autograder.grading.grader import question_of
from autograder.grading.notebook_file import find_notebooks
from autograder.grading.repair import match_released, part_of, repair
from autograder.sandbox import protocol
from autograder.sandbox.bubblewrap import KERNEL
from autograder.sandbox.kernel_server import _formula_of
from autograder.sandbox.notebook_runner import Run
from autograder.sandbox.student_code import FAILS_AT_HOME_TOO, kernel_environment, prepare, stops_early, transformed
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
    submitted = find_notebooks(
        folder,
        list(released),
        lambda parsed: {name: match_released(parsed, blank) for name, blank in released.items()},
        lambda parsed, name: part_of(parsed, released[name], [b for other, b in released.items() if other != name]),
    )
    notes, needs = submitted.repairs, submitted.needs_attention
    lost = []
    for name, one in submitted.notebooks.items():
        if one.parsed is None:
            needs.append(one.why)
            continue
        repaired = repair(one.parsed, deepcopy(released[name]))
        run, missing = _run(repaired.notebook)
        notes += repaired.repairs + run.repairs
        needs += repaired.needs_attention + run.needs_attention
        (needs if missing else notes).extend(repaired.uncertainties + run.uncertainties)
        lost += missing + [c.metadata.nbgrader.grade_id for c in repaired.notebook.cells if _unread(c)]
    verdict = operations.FLAGGED if needs else "lost" if lost else operations.FULL
    return verdict, {"lost": lost, "needs": needs, "notes": notes}


def _unread(cell):
    """Whether a derivation counts as not answered: nobody would read it."""
    return is_grade(cell) and is_solution(cell) and cell.metadata.nbgrader.checksum == compute_checksum(cell)


def _run(notebook):
    """(sentences on what was left out or guessed, doubts, needs, the questions that lose points) of a repaired
    notebook."""
    cells = notebook.cells
    runs = [cell.cell_type == "code" and not is_grade(cell) for cell in cells]
    prepared = prepare([("a cell", c.source if run else None) for c, run in zip(cells, runs, strict=True)], environment)
    found = Run([None] * len(cells), repairs=[*prepared.repairs], uncertainties=[*prepared.uncertainties])
    space, done, lost = {"get_ipython": lambda: Shell(space), "__builtins__": BUILTINS}, [], []
    checks, checked = sys.modules["checks"], []
    checks.FORMULAS.clear()
    checks.MADE.clear()
    for index, (cell, source) in enumerate(zip(cells, prepared.sources, strict=True)):
        if runs[index]:
            done.append(source)
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(checks, "_run_of_cell", partial(_name, cell))
                doubts, found.outputs[index] = _execute(source, space)
            found.uncertainties += doubts
        elif cell.cell_type == "code":
            question = question_of(cell.source, ASSIGNMENT.known)
            if question in WRITTEN:
                checked.append((question, _Told(question, space)))
            elif not _earned(question, tuple(done), space):
                lost.append(question)
    for question, told in checked:
        taken = formula_grading.taken(question, told, notebook, found, WRITTEN)
        found.repairs += [taken.note] if taken.note else []
        found.needs_attention += [f"{question}: {taken.why}"] if taken.why else []
        if not _right(question, taken.latex):
            lost.append(question)
    return found, lost


def _name(cell):
    return cell.metadata.get("nbgrader", {}).get("grade_id")


class _Told:
    """A channel through which a formula's cell has sent its string."""

    def __init__(self, question, space):
        name = question.removesuffix(", written")
        names = {formula_cell(other.removesuffix(", written")) for other in WRITTEN}
        own = formula_cell(name)
        self.text = protocol.formula_message(_formula_of(space, name, own, names - {own}))

    def receive_formula(self):
        """What came through."""
        return self.text


def environment():
    """What exists in the kernel's environment, and beside the notebooks."""
    return kernel_environment(str(KERNEL / "bin" / "python"), frozenset({"checks", "gradcheck", "formulas"}))


def _import(name, *args, **kwargs):
    if not environment().has_module(name):
        raise ModuleNotFoundError(f"No module named {name!r}")
    return __import__(name, *args, **kwargs)


def _input(prompt=""):
    raise EOFError("nobody can answer here")


# Python's own `quit` would close the standard input of the tests.
BUILTINS = vars(builtins) | {"__import__": _import, "input": _input, "quit": sys.exit, "exit": sys.exit}


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
    """Run a cell's source; returns what the grader would say where it stops early, and its outputs."""
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            exec(_compiled(source), space)  # of the submissions that the operations make
    except (Exception, SystemExit) as error:
        doubts = [f"a cell stopped with {type(error).__name__}"] * (
            type(error).__name__ not in FAILS_AT_HOME_TOO and stops_early(source)
        )
        return doubts, [{"output_type": "error", "ename": type(error).__name__}]
    return [], []


@lru_cache(maxsize=4096)
def _compiled(source):
    return compile(transformed(source), "cell", "exec")


def _earned(question, run, space):
    key = question, run
    if key not in VERDICTS:
        checks = sys.modules["checks"]
        result = checks.at_home(checks.QUESTIONS[question], space, (0,), checks.STORED)
        VERDICTS[key] = result.points == result.maximum
    return VERDICTS[key]


def _right(question, latex):
    key = question, latex
    if key not in VERDICTS:
        VERDICTS[key] = latex is not None and judge_formula(question, latex, PUBLIC_SEED).verdict == "right"
    return VERDICTS[key]

"""A class of made-up submissions: what people really hand in, written into the released notebooks by code.

Each is a folder whose name says what is in it. Most begin with the right answers and spoil one thing.
"""

import shutil
from collections.abc import Sequence
from copy import deepcopy
from pathlib import Path

import nbformat

from .assignment.cell_names import formula_cell
from .assignment.model import Assignment, Cells
from .assignment.release import MARKER, release, source_notebooks


def right_answers(assignment: Assignment) -> Cells:
    """What the instructor's notebooks hold in every cell that a student fills in."""
    cells = (cell for notebook in source_notebooks(assignment).values() for cell in notebook.cells)
    return {
        cell.metadata.nbgrader.grade_id: MARKER.sub("", cell.source + "\n").rstrip()
        for cell in cells
        if cell.metadata.get("nbgrader", {}).get("solution")
    }


def answers(assignment: Assignment) -> dict[str, Cells]:
    """The class, {student: Cells}, but for those whose notebooks or files were changed."""
    right, demo = right_answers(assignment), assignment.demo
    students = {"perfect": right}
    students |= {student: right | cells if cells else {} for student, cells in demo.written.items()}
    students |= {student: spoil(right, edits) for student, edits in demo.edits.items()}
    return {student: cells | _written(demo.formulas.get(student, {})) for student, cells in students.items()}


def _written(formulas):
    """The Cells of formulas {"2-2 gamma": LaTeX}."""
    return {formula_cell(name): f'formula("{name}", r"{latex}")' for name, latex in formulas.items()}


def spoil(right: Cells, edits: Sequence[tuple[str, str, str]]) -> Cells:
    """The answers with edits (cell, old, new) made. Raises ValueError when a cell does not hold its old text."""
    spoilt = dict(right)
    for cell, old, new in edits:
        if old not in spoilt[cell]:
            raise ValueError(f"{cell} no longer holds {old!r}")
        spoilt[cell] = spoilt[cell].replace(old, new)
    return spoilt


def write_class(assignment: Assignment, out: Path) -> Path:
    """Write every submission into out/submitted/<student>/NAME/, and return that folder. What was there is replaced."""
    out = Path(out)
    released = release(assignment, out / "release")
    blank = {path.stem: nbformat.read(path, as_version=4) for path in released.glob("*.ipynb")}
    submitted = out / "submitted"
    shutil.rmtree(submitted, ignore_errors=True)
    for student, cells in answers(assignment).items():
        for name, notebook in blank.items():
            write(fill(notebook, cells), submitted / student / assignment.name / f"{name}.ipynb")
    for student, change in assignment.demo.changed.items():
        for name, notebook in blank.items():
            filled = fill(notebook, right_answers(assignment))
            filled.cells = change(filled.cells)
            write(filled, submitted / student / assignment.name / f"{name}.ipynb")
    for student, damage in assignment.demo.damaged.items():
        shutil.copytree(submitted / "perfect", submitted / student)
        damage(submitted / student / assignment.name)
    return submitted


def fill(notebook: nbformat.NotebookNode, cells: Cells) -> nbformat.NotebookNode:
    """A copy of a released notebook with answers in its cells."""
    filled = deepcopy(notebook)
    for cell in filled.cells:
        cell.source = cells.get(cell.metadata.get("nbgrader", {}).get("grade_id"), cell.source)
    return filled


def write(notebook: nbformat.NotebookNode, path: Path) -> None:
    """Write a notebook, and the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, path)

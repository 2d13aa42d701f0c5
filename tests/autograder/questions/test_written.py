"""Formulas at home: `formula("2-2 beta", r"...")` and its check, from stored numbers, in a plain notebook too."""

import shutil
import subprocess
import sys

import nbformat
import numpy as np
import pytest

from assignments.hw1.formula_verdicts import judge_formula
from assignments.hw1.targets import TARGETS, named_target
from autograder.assignment.release import find_alembic
from autograder.questions import public
from autograder.questions.public import Formula
from autograder.sandbox.bubblewrap import KERNEL
from tests.hw1 import ASSIGNMENT, FORMULAS, WRITTEN, every_number, fill, release, right_answers

BETA = r"\frac1m \sum_i \theta_{2B}^T (\hat y_{b,i} - y_{b,i})"
GAMMA = r"\frac1m \sum_i \theta_{2B}^T (\hat y_{b,i} - y_{b,i}) \circ \hat x_i"


CHECKS = ASSIGNMENT.checks(every_number())  # with what the release fills in
check, formula = CHECKS.check, CHECKS.formula


def asked(latex, question_id="2-2 gamma, written"):
    return CHECKS.written_at_home(question_id, latex)


@pytest.mark.parametrize(
    "latex, points, words",
    [
        (GAMMA, 1, ["    right to ", "it  is a column of n_h"]),
        (GAMMA.replace(r"\circ ", ""), 1, ["right once it is mended", r"was read as entry by entry, \circ"]),
        (f"3 {GAMMA}", 0, ["not right", "Off by 2", "3"]),
        (f"{GAMMA} + ", 0, ["not read", "The formula ends where a value should be", "^", "a person reads it"]),
        ("", 0, ["not read", "There is no formula."]),
        (None, 0, ["not read", 'the cell above it holds  formula("2-2 gamma", r"...")']),
    ],
)
def test_a_verdict_is_printed_with_its_shapes_and_its_points(latex, points, words):
    result = asked(latex)
    lines = str(result).splitlines()
    assert lines[0] == f"2-2 gamma, written{'':<45}  {points} of 1"
    assert result.points == points and type(result.points) is float
    assert all(word in str(result) for word in words), str(result)


def test_what_passes_at_home_passes_when_graded_and_what_fails_fails():
    """But for the mistake's name, and that a mistake of another shape is named before anything is repaired."""
    for formulas in FORMULAS.values():
        for name, latex in formulas.items():
            graded, home = judge_formula(name, latex), asked(latex, f"{name}, written").verdict
            other = {"wrong", "not read"}, {"wrong", "ambiguous"}
            assert {graded.verdict, home.verdict} in ({graded.verdict}, *other), (name, graded, home)
            assert home.name is None


def test_a_formula_has_what_the_numbers_show():
    told = str(asked(GAMMA.replace(r"\frac1m", "1")))
    assert "m" in told.split("Off by")[1]


@pytest.fixture(autouse=True)
def nothing_made():
    """No formula has been made yet."""
    public.FORMULAS.clear()
    public.MADE.clear()


def test_check_judges_the_formula_that_names_its_question():
    formula("2-2 beta", BETA)
    space = {"check": check, "f": public.FORMULAS["2-2 beta"]}
    formula("2-2 gamma", GAMMA)
    assert eval('check("2-2 beta, written")', space) == eval('check("2-2 gamma, written")', space) == 1
    assert eval('check("2-2 theta_2b, written")', space) == 0, "that of another question is not taken for it"
    formula("2-2 gamma, written", "0")
    assert eval('check("2-2 gamma, written")', space) == 0, "the last one counts"
    formula("2-2 gamma", GAMMA)
    formula("2-2 gamma", "")
    assert eval('check("2-2 gamma, written")', space) == 1, "but for an empty one"


@pytest.mark.parametrize(
    "question, nearest", [("2-2 bta", "2-2 beta"), ("theta_1a", "2-2 theta_1a"), ("1-3 ", "1-3"), ("2-2", "1-2")]
)
def test_a_misspelt_question_is_told_the_nearest(question, nearest):
    if question.strip() == nearest:
        formula(question, GAMMA)
        assert {nearest: GAMMA} == public.FORMULAS
        return
    with pytest.raises(
        ValueError, match=f"no question '{question}' .* The nearest is '{nearest}'; there are '1-1 gamma', "
    ):
        formula(question, GAMMA)
    assert not public.FORMULAS


@pytest.mark.parametrize("given", [(3,), ("2-2 beta", 3), (b"2-2 beta", "x_i")])
def test_a_formula_takes_strings(given):
    with pytest.raises(TypeError, match=r'LaTeX in quotes, formula\("2-2 beta", r"..."\), and not an object of type'):
        formula(*given)
    with pytest.raises(ValueError, match="formula takes LaTeX too"):
        formula("2-2 beta")


def test_what_was_handed_out_before_is_judged_by_f(capsys):
    space = {"f": formula(GAMMA), "check": check}
    assert eval('check("2-2 gamma, written")', space) == 1
    assert eval('check("2-2 beta, written")', space) == 0
    assert eval('check("2-2 gamma, written")', {"f": GAMMA, "check": check}) == 1, "a string will do"
    assert eval('check("2-2 gamma, written")', {"check": check}) == 1, "so will one that is not assigned"
    public.MADE.clear()
    assert eval('check("2-2 gamma, written")', {"check": check}) == 0
    with pytest.raises(ValueError, match="leave the seed out"):
        eval('check("2-2 gamma, written", seed=1)', space)
    with pytest.raises(ValueError, match="'2-2 gamma, written'"):
        check("2-2 delta, written")


def test_a_formula_is_a_string_that_a_notebook_typesets():
    f = formula("g_i = s_i\n\\sum_i g_i")
    assert isinstance(f, Formula) and f == "g_i = s_i\n\\sum_i g_i" == repr(f)
    assert f._repr_latex_() == r"$$ \begin{gathered} g_{i} = s_{i} \\ \sum_{i} g_{i} \end{gathered} $$"
    assert formula("(")._repr_latex_() is None


def test_every_formula_has_a_target_and_points():
    assert all(TARGETS[named_target(name)] and points == 1 for name, points in WRITTEN.items())


def test_no_stored_number_of_one_draw_is_another():
    for draws in CHECKS.stored["formulas"].values():
        assert len(draws) == 2
        assert not np.array_equal(*(next(iter(draw.values())) for draw in draws.values()))


# In a plain notebook, in an environment without this course


@pytest.fixture(scope="module")
def released(tmp_path_factory):
    return release(tmp_path_factory.mktemp("release"))


def handed_in(released, folder, cells):
    """The released files with these answers in the notebooks, in a folder of their own."""
    shutil.copytree(released, folder)
    for name in ("problem1", "problem2"):
        path = folder / f"{name}.ipynb"
        nbformat.write(fill(nbformat.read(path, as_version=4), right_answers() | cells), path)
    return folder


RUN = """
import sys, nbformat
from nbclient import NotebookClient
notebook = nbformat.read("problem2.ipynb", as_version=4)
NotebookClient(notebook, kernel_name="python3").execute()
nbformat.write(notebook, "run.ipynb")
"""


def test_in_a_plain_notebook_the_formula_is_typeset_and_its_verdict_printed(released, tmp_path):
    cells = {"written-2-2-theta_2a": r'f = formula(r"\sum_i \frac{\partial L}{\partial z_{2A,i}} (M_i a_{1A,i})^T")'}
    folder = handed_in(released, tmp_path / "hw1", cells)
    subprocess.run([sys.executable, "-c", RUN], cwd=folder, check=True, capture_output=True, timeout=120)
    outputs = {
        cell.metadata.nbgrader.grade_id: cell.outputs
        for cell in nbformat.read(folder / "run.ipynb", as_version=4).cells
        if cell.cell_type == "code" and "nbgrader" in cell.metadata
    }
    typeset, printed, points = outputs["check-2-2-theta_2a-written"]
    assert typeset.data["text/latex"].startswith(r"$$ \begin{gathered} \sum_{i} \frac{\partial L}{\partial z_{2A,i}}")
    assert "right once it is mended" in printed.text and "it  is a matrix n_h × n_h" in printed.text
    assert points.data["text/plain"] == "1.0"
    assert outputs["check-2-2-gamma-written"][-1].data["text/plain"] == "1.0"


@pytest.mark.skipif(not KERNEL.exists(), reason="make .venv-kernel/.ready")
def test_the_public_files_need_numpy_alone(released):
    code = (
        'from checks import check, formula\nf = formula(r"\\operatorname{diag}(M)")\nassert check("1-2, written") == 1'
    )
    subprocess.run([KERNEL / "bin/python", "-W", "error", "-c", code], cwd=released, check=True, timeout=60)


@pytest.mark.parametrize(
    "cells, words", [({}, "Success!"), ({"written-2-2-beta": 'f = formula(r"0")'}, 'check("2-2 beta, written")')]
)
def test_nbgrader_validate_knows_a_formula(released, tmp_path, cells, words):
    folder = handed_in(released, tmp_path / "hw1", cells)
    find_alembic()
    command = [sys.executable, "-m", "nbgrader", "validate", "problem2.ipynb"]
    told = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True, timeout=120).stdout
    assert words in told, told
    assert ("VALIDATION FAILED" in told) == bool(cells)

"""The students' version: it holds no solution, runs by itself, and the instructor's own answers pass in it."""

import json
import re
import shutil
import subprocess
import sys
from itertools import pairwise

import nbformat
import numpy as np
import pytest

from assignments.hw1.network import PARAMS
from assignments.hw1.targets import TARGETS, named_target
from autograder.assignment.cell_names import check_cell
from tests import hw1 as questions
from tests.answers import found_in, solution_lines, squeezed_code
from tests.hw1 import checks_source, fill, function_source, release, right_answers, source_notebooks

QUESTIONS = {question_id: questions.QUESTIONS[question_id] for question_id in questions.HW1}
POINTS = {question_id: question.points for question_id, question in QUESTIONS.items()} | questions.WRITTEN

# Runs a notebook's code cells in one namespace, where nothing of ours can be imported; prints what checks return.
ALONE = """
import ast, json, sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {"solutions", "autograder", "book", "tests", "nbgrader", "scipy"}:
            raise ImportError(f"{name} is blocked")

sys.meta_path.insert(0, Blocked())
sys.path.insert(0, ".")
space = {"__name__": "__main__"}
for cell in json.load(open(sys.argv[1]))["cells"]:
    if cell["cell_type"] == "code":
        source = "".join(cell["source"])
        if source.startswith("check("):
            print("POINTS", json.dumps([ast.literal_eval(source[6:-1]), eval(source, space)]))
        else:
            exec(source, space)
"""


@pytest.fixture(scope="module")
def released(tmp_path_factory):
    return release(tmp_path_factory.mktemp("release"))


def run_alone(notebook):
    command = [sys.executable, "-I", "-W", "error", "-c", ALONE, notebook.name]
    ran = subprocess.run(command, cwd=notebook.parent, capture_output=True, text=True, timeout=120)
    assert ran.returncode == 0, ran.stderr
    lines = ran.stdout.splitlines()
    return dict(json.loads(line[7:]) for line in lines if line.startswith("POINTS")), ran.stdout


def test_no_line_of_a_solution_is_released(released):
    assert {path.name for path in released.iterdir()} == {
        "problem1.ipynb",
        "problem2.ipynb",
        "gradcheck.py",
        "mistake_names.py",
        "checks.py",
        "formulas.py",
    }
    assert len(solution_lines()) > 100
    assert found_in(released, solution_lines()) == []


@pytest.mark.parametrize("name", ["problem1.ipynb", "problem2.ipynb", "gradcheck.py", "checks.py", "formulas.py"])
def test_a_line_of_a_solution_that_is_put_in_is_seen(released, tmp_path, name):
    shutil.copytree(released, tmp_path / "hw1")
    path = tmp_path / "hw1" / name
    line = "dx = (dx_hat - dx_hat.mean(axis=0)  -  x_hat * (dx_hat * x_hat).mean(axis=0)) / np.sqrt(var + eps)"
    assert squeezed_code(line) in solution_lines()
    if path.suffix == ".py":
        path.write_text(path.read_text() + f"\n# {line}\n")
    else:
        notebook = nbformat.read(path, as_version=4)
        notebook.cells[-1].source += f"\n    {line}"
        nbformat.write(notebook, path)
    whole = squeezed_code(line)
    assert found_in(tmp_path / "hw1", solution_lines()) == [(name, whole.removeprefix("dx=")), (name, whole)]


@pytest.mark.parametrize("name", ["problem1", "problem2"])
def test_the_release_runs_by_itself_and_says_what_is_not_written(released, name):
    points, printed = run_alone(released / f"{name}.ipynb")
    assert points == {question_id: 0.0 for question_id in POINTS if question_id.startswith(name[-1])}
    assert all(type(value) is float for value in points.values())
    for question_id in points.keys() & QUESTIONS.keys():
        for function in QUESTIONS[question_id].functions:
            assert f"{function} returned None: it is not written yet" in printed
    assert printed.count("There is no formula.") == len(points.keys() & questions.WRITTEN.keys())


@pytest.mark.parametrize("name", ["problem1", "problem2"])
def test_the_instructors_answers_get_full_points_at_home(released, tmp_path, name):
    shutil.copytree(released, tmp_path, dirs_exist_ok=True)
    path = tmp_path / f"{name}.ipynb"
    nbformat.write(fill(nbformat.read(path, as_version=4), right_answers()), path)
    points, printed = run_alone(path)
    wanted = {question_id: most for question_id, most in POINTS.items() if question_id.startswith(name[-1])}
    assert points == wanted, printed


def test_the_blocked_imports_are_blocked(released, tmp_path):
    shutil.copytree(released, tmp_path, dirs_exist_ok=True)
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("import solutions")])
    nbformat.write(notebook, tmp_path / "n.ipynb")
    with pytest.raises(AssertionError, match="solutions is blocked"):
        run_alone(tmp_path / "n.ipynb")


def graded_cells():
    return [
        c
        for notebook in source_notebooks().values()
        for c in notebook.cells
        if c.metadata.get("nbgrader", {}).get("grade")
    ]


def test_each_question_has_one_check_worth_its_points():
    checks = {cell.source: cell.metadata.nbgrader for cell in graded_cells() if cell.cell_type == "code"}
    assert len(graded_cells()) == len(checks) + 6
    assert set(checks) == {f'check("{question_id}")' for question_id in POINTS}
    for question_id, points in POINTS.items():
        nbgrader = checks[f'check("{question_id}")']
        assert nbgrader.points == points
        assert nbgrader.locked
        assert nbgrader.grade_id == check_cell(question_id)


def test_each_formula_has_an_empty_cell_before_its_check(released):
    count = 0
    for path in released.glob("*.ipynb"):
        cells = nbformat.read(path, as_version=4).cells
        for before, cell in pairwise(cells):
            if cell.source.endswith(', written")'):
                count += 1
                name = cell.metadata.nbgrader.grade_id.removeprefix("check-").removesuffix("-written")
                question = cell.source.removeprefix('check("').removesuffix(', written")')
                assert before.source == f'formula("{question}", r"")'
                assert before.metadata.nbgrader.grade_id == f"written-{name}"
                assert not before.metadata.nbgrader.locked
    assert count == len(questions.WRITTEN) == 11


def test_the_formulas_that_are_asked_are_those_of_the_source(released):
    """Two of 1-1, the Jacobians of 1-2 and 1-3, a step of 2-1 that it has wrong, and the six gradients of 2-2."""
    assert [name for name in questions.WRITTEN if name[0] == "1"] == [
        f"{name}, written" for name in ("1-1 gamma", "1-1 beta", "1-2", "1-3")
    ]
    assert {TARGETS[named_target(name)].part for name in questions.WRITTEN if name.startswith("2-2")} == {
        f"d{name}" for name in PARAMS
    }


def test_each_wanted_function_has_a_cell_of_its_own_and_nothing_else_is_answered():
    wanted = {function for question in QUESTIONS.values() for function in question.functions}
    derivations = {cell.metadata.nbgrader.grade_id for cell in graded_cells() if cell.cell_type == "markdown"}
    formulas = {"written-" + name.removesuffix(", written").replace(" ", "-") for name in questions.WRITTEN}
    assert set(right_answers()) == wanted | derivations | formulas | {"helpers"}


def test_each_derivation_follows_a_rubric_that_adds_up():
    count = 0
    for notebook in source_notebooks().values():
        for before, cell in zip(notebook.cells, notebook.cells[1:], strict=False):
            if cell.cell_type == "markdown" and "nbgrader" in cell.metadata:
                count += 1
                (total, items) = re.search(r"\*Rubric, (\d+) points\.\*(.*)", before.source, re.DOTALL).groups()
                items = items.replace("\n", " ").split(" · ")
                each = sum(
                    int(re.match(r" *(\d+) ", item)[1]) * (2 if "for each of the two" in item else 1) for item in items
                )
                assert int(total) == each == cell.metadata.nbgrader.points, cell.metadata.nbgrader.grade_id
    assert count == 6


def test_every_placeholder_and_marker_is_gone(released):
    text = "".join(path.read_text(encoding="utf8") for path in released.glob("*.ipynb"))
    assert "{{" not in text
    assert "SOLUTION" not in text
    assert "expects" not in text
    assert "Raises:" not in text
    assert "data:image/svg+xml;base64," in text


def test_a_functions_source_begins_with_def_and_keeps_its_markers():
    source = function_source("softmax_jacobian")
    assert source.startswith("def softmax_jacobian(x):")
    assert source.count("SOLUTION") == 2


def test_checks_imports_nothing_of_ours_and_holds_the_numbers(released):
    text = (released / "checks.py").read_text(encoding="utf8")
    assert "autograder" not in text
    assert "STORED = {}" not in text
    assert "np.array(" in text.split("STORED = ")[1][:2000]


def test_checks_holds_the_numbers_that_it_is_given_once():
    text = checks_source({"1-3": {0: {"jacobian": np.eye(2)}}})
    assert text.count("STORED = ") == 1
    assert "STORED = {'1-3': {0: {'jacobian': np.array([[1.0, 0.0], [0.0, 1.0]])}}}" in text

"""Before a notebook is handed in it is run as it will be graded, and what is missing is said."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pytest

from autograder import cli
from autograder.assignment.release import book_page
from autograder.questions import public
from autograder.sandbox import bubblewrap as sandbox
from tests.hw1 import ASSIGNMENT, NAME, fill, release, right_answers

CALL = "from checks import before_you_hand_in; before_you_hand_in({!r})"


@pytest.fixture(scope="module")
def released(tmp_path_factory):
    return release(tmp_path_factory.mktemp("release"))


@pytest.fixture
def told(released, tmp_path):
    """told(edit) edits problem1 with right answers in it, and returns what is printed."""
    folder = tmp_path / NAME

    def run(edit=lambda notebook: None, age=0, name="problem1.ipynb"):
        shutil.copytree(released, folder, dirs_exist_ok=True)
        path = folder / "problem1.ipynb"
        notebook = fill(nbformat.read(path, as_version=4), right_answers())
        edit({cell.metadata.get("nbgrader", {}).get("grade_id", cell.id): cell for cell in notebook.cells}, notebook)
        nbformat.write(notebook, path)
        os.utime(path, (time.time() - age,) * 2)
        command = [sys.executable, "-c", CALL.format(name)]
        return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True, timeout=120).stdout

    return run


def nothing(cells, notebook):
    pass


def test_a_complete_notebook_has_its_points_and_nothing_else(told):
    first, *lines = told(nothing).splitlines()
    assert first.startswith("problem1.ipynb, as it was saved at ")
    assert lines == ["    checks       16 of 16 points"]


def test_what_is_missing_edited_or_will_not_exist_is_said(told):
    def edit(cells, notebook):
        cells["softmax_jacobian"].source = "import scipy.special\n" + cells["softmax_jacobian"].source
        cells["dropout_jacobian"].source = "def dropout_jacobian(r, p):\n    return undefined"
        cells["derive-1-2"].source = public.PLACEHOLDER
        cells["given-softmax"].source += "\n# mine"
        cells["imports-1"].source += "\nfrom google.colab import drive"
        notebook.cells.remove(cells["check-1-1"])

    shown = told(edit, age=600)
    assert "It was saved 10 minutes ago: if you have changed it since, save it" in shown
    assert "1-2: 2 of 4" in shown
    assert 'check("1-1") was not run: is its cell gone?' in shown
    assert "derivations  not written: derive-1-2\n" in shown
    assert "given cells  edited: imports-1, given-softmax; when graded they are as they were handed out" in shown
    assert "scipy, in cell" in shown and "google, in cell 1, does not exist when graded" in shown
    assert "error        in cell 1: ModuleNotFoundError" in shown


def test_a_kernel_that_ends_itself_is_said_with_its_cell(told):
    def edit(cells, notebook):
        cells["dropout_forward"].source = "import os\nos._exit(3)"

    assert "The run stopped in cell 11: Python ended itself" in told(edit)


def test_names_that_a_platform_removed(told):
    def edit(cells, notebook):
        for cell in notebook.cells:
            cell.metadata.clear()
        cells["derive-1-3"].source = public.PLACEHOLDER

    shown = told(edit)
    assert "16 of 16 points" in shown and "their names were removed" in shown and "derivations  not written" in shown


def test_another_name_and_another_file(told):
    assert "There is no file problem7.ipynb beside checks.py: save the notebook" in told(nothing, name="problem7.ipynb")
    assert "The saved file has no cell before_you_hand_in" in told(lambda cells, nb: nb.cells.pop())


def test_it_does_nothing_where_the_notebook_is_being_run_or_graded(monkeypatch, capsys):
    monkeypatch.setenv(public.ALONE, "1")
    monkeypatch.setattr(public, "Path", None)  # no file is looked at
    ASSIGNMENT.checks().before_you_hand_in("problem1.ipynb")
    assert capsys.readouterr().out == ""
    assert f'os.environ["{public.ALONE}"] = "1"' in Path(sandbox.KERNEL_SERVER).read_text(encoding="utf8")


def test_a_command_previews_a_folder(told, tmp_path, capfd):
    told(nothing)
    assert cli.main(["preview", str(tmp_path / NAME)]) == 0
    out = capfd.readouterr().out
    assert "16 of 16 points" in out and "problem2.ipynb, as it was saved" in out
    assert cli.main(["preview", str(tmp_path)]) == 1
    assert "holds no notebook with checks.py beside it" in capfd.readouterr().err


def test_the_notebooks_say_how_to_start_and_what_exists(released, tmp_path):
    text = "\n".join(cell.source for cell in nbformat.read(released / "problem1.ipynb", as_version=4).cells)
    for words in ("JupyterLab", "VS Code", "Colab", "standard library, NumPy and Matplotlib", '"Notation"'):
        assert words in text
    assert "grey cells" not in text
    for name in ("problem1", "problem2"):
        last = nbformat.read(released / f"{name}.ipynb", as_version=4).cells[-1]
        assert last.source.endswith(f'before_you_hand_in("{name}.ipynb")')
        assert "nbgrader" not in last.metadata
    (tmp_path / "book").mkdir()
    (tmp_path / "book/notation.md").write_text("---\n---\n# Notation\n")
    (tmp_path / "_config.yml").write_text('html:\n  baseurl: "https://example.org/by-hand/"\n')
    assert book_page(tmp_path, "notation") == "[Notation](https://example.org/by-hand/book/notation.html)"

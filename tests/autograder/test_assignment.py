"""An assignment is found and loaded as an object, from a folder that is named or found, and no import registers one."""

import ast
import os
import pickle
import subprocess
import sys
from pathlib import Path

import pytest
from traitlets.config import Config

import autograder
from autograder import cli
from autograder.assignment.cell_names import bare_name, check_cell, formula_cell, is_check_of_formula, is_formula
from autograder.assignment.load import INSTALLED, find_assignment, find_course, load_assignment
from autograder.course.folder import Course
from autograder.grading.grader import TrustedExecute
from autograder.reports.feedback import configure
from tests.hw1 import ASSIGNMENT

HW9 = """
from pathlib import Path
from autograder.assignment.model import Assignment
from autograder.questions.graded import GradedQuestions
from autograder.questions.public import ask
from solutions import square_forward
QUESTION = ask("square", square_forward, lambda rng: {"x": rng.normal(size=3)}, {"x": 2})
ASSIGNMENT = Assignment(Path(__file__).parent, GradedQuestions({"square": QUESTION}))
"""
SOLUTIONS = "def square_forward(x):\n    return x**2, x\n"


@pytest.fixture
def course(tmp_path):
    """Another course folder, with one assignment."""
    (tmp_path / "assignments/hw9").mkdir(parents=True)
    (tmp_path / "assignments/hw9/assignment.py").write_text(HW9)
    for package in ("assignments", "assignments/hw9"):
        (tmp_path / package / "__init__.py").write_text("")
    (tmp_path / "solutions.py").write_text(SOLUTIONS)
    return tmp_path


def test_the_course_is_found_from_the_working_directory_upwards(course, monkeypatch, tmp_path_factory):
    deeper = course / "somewhere/below"
    deeper.mkdir(parents=True)
    monkeypatch.chdir(deeper)
    assert find_course() == course and find_assignment() == course / "assignments/hw9"
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    assert find_course() == INSTALLED and find_assignment().name == "hw1", "the one that the engine lies in"


def test_which_assignment_is_said_where_there_are_several(course, monkeypatch, capsys):
    monkeypatch.chdir(course)
    with pytest.raises(ValueError, match="holds hw9; there is no 'hw8':  --assignment NAME"):
        find_assignment("hw8")
    (course / "assignments/hw8").mkdir()
    (course / "assignments/hw8/assignment.py").write_text("")
    assert find_assignment("hw9") == course / "assignments/hw9"
    assert cli.main(["release", "--out", str(course / "out")]) == cli.FAILED
    assert "holds hw8, hw9; say which one:  --assignment NAME" in capsys.readouterr().err


def test_where_there_is_none_it_is_said(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("autograder.assignment.load.INSTALLED", tmp_path)
    with pytest.raises(ValueError, match="There is no assignment"):
        find_course()
    with pytest.raises(ValueError, match="holds no assignment"):
        load_assignment(tmp_path)


def test_another_course_is_loaded_with_its_own_solutions(course):
    code = (
        "import sys\nfrom pathlib import Path\nfrom autograder.assignment.load import load_assignment\n"
        "path = list(sys.path)\nfound = load_assignment(Path(sys.argv[1]))\n"
        "print(found.name, *found.known, found.graded.truth('square', found.graded.draw('square', 0)).keys())\n"
        "assert sys.path == path and load_assignment(Path(sys.argv[1])) is found"
    )
    words = [sys.executable, "-c", code, course / "assignments/hw9"]
    done = subprocess.run(words, capture_output=True, text=True, cwd=course, timeout=60, check=True)
    assert done.stdout == "hw9 square dict_keys(['dx'])\n"


def test_a_process_serves_one_course(course):
    with pytest.raises(ValueError, match="a process serves one course"):
        load_assignment(course / "assignments/hw9")
    assert load_assignment(ASSIGNMENT.folder) is ASSIGNMENT


def test_a_course_folder_travels_with_the_path_of_its_assignment(tmp_path):
    sent = pickle.loads(pickle.dumps(Course.at(tmp_path)))
    assert sent.assignment_folder == ASSIGNMENT.folder and sent.assignment is ASSIGNMENT


def test_a_config_file_of_before_names_no_assignment_and_means_the_one_at_hand(tmp_path):
    assert TrustedExecute().assignment is ASSIGNMENT
    config = Config()
    configure(config, tmp_path)
    assert config.Grades.assignment_folder == ""
    assert Course.at(tmp_path, tmp_path, assignment=config.Grades.assignment_folder or None).name == "hw1"


@pytest.mark.parametrize(
    "question, check, bare, formula",
    [
        ("2-2 head", "check-2-2-head", "2-2-head", False),
        ("2-2 gamma, written", "check-2-2-gamma-written", "2-2-gamma", True),
    ],
)
def test_a_cells_name_tells_its_question(question, check, bare, formula):
    assert check_cell(question) == check and bare_name(check) == bare
    assert is_check_of_formula(check) == formula and not is_formula(check)
    assert formula_cell(question) == f"written-{bare}" and is_formula(formula_cell(question))


def bare_calls(tree):
    """The calls at the top of a module whose value nobody takes: all that they can do is to change something."""
    return [ast.unparse(node) for node in tree.body if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)]


ENGINE = Path(autograder.__file__).parent
MODULES = sorted(path for path in ENGINE.rglob("*.py") if path.stem != "__main__")


def test_a_bare_call_is_seen():
    assert bare_calls(ast.parse('"""A."""\nask("x")\nQ = ask("y")\n')) == ["ask('x')"]


# What a module may set up for its own process, and no registry of ours: logging, temporary files, the kernel.
SETS_UP = {
    "faults.py": ["LOG.setLevel(logging.INFO)", "LOG.addHandler(logging.NullHandler())"],
    "__init__.py": ["sys.modules.setdefault('rfc3987_syntax', None)"],
    "sandbox/kernel_server.py": ["sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))", "sys.path.pop(0)"],
    "sandbox/temporary_folder.py": ["atexit.register(_leave)", "os.register_at_fork(after_in_child=_forked)"],
}


def test_no_module_of_the_engine_registers_anything_when_it_is_imported():
    found = {str(path.relative_to(ENGINE)): bare_calls(ast.parse(path.read_text(encoding="utf8"))) for path in MODULES}
    assert {name: calls for name, calls in found.items() if calls} == SETS_UP


def test_the_engine_imports_no_assignment():
    names = [".".join(path.relative_to(ENGINE.parent).with_suffix("").parts) for path in MODULES]
    names = [name.removesuffix(".__init__") for name in names if "kernel_server" not in name]
    code = "import importlib, sys\nfor name in sys.argv[1:]:\n    importlib.import_module(name)\n"
    code += "print([name for name in sys.modules if name.split('.')[0] in ('assignments', 'solutions')])"
    done = subprocess.run(
        [sys.executable, "-c", code, *names], capture_output=True, text=True, timeout=120, check=True, env=os.environ
    )
    assert done.stdout == "[]\n"

"""The page on a teacher's own question: its very code, run; and the way into the assignment that it describes."""

import re
import runpy
import subprocess
import sys

import jupytext
import nbformat
import pytest

from autograder.assignment.model import Assignment
from autograder.assignment.release import release
from autograder.questions import public
from autograder.questions.graded import GradedQuestions
from tests.answers import ROOT

PAGE = ROOT / "book/teach/your_own_question.md"


@pytest.fixture
def page(capsys):
    """The namespace after the page's cells, and what they printed."""
    space = {"__name__": "__main__"}
    for cell in jupytext.read(PAGE).cells:
        if cell.cell_type == "code":
            exec(compile(cell.source, "page", "exec"), space)
    return space, capsys.readouterr().out


def test_the_pages_code_makes_a_question_that_tells_right_from_wrong(page):
    space, printed = page
    first, second, graded = re.findall(r"rms_norm_backward +(\d) of 6", printed)
    assert (first, second, graded) == ("2", "6", "6")
    assert "not yet" in printed.split("rms_norm_backward")[2]

    def gamma_forgotten(dout, cache):
        return space["rms_norm_backward"](dout, (*cache[:2], 1.0))

    result = public.at_home(space["question"], {"rms_norm_backward": gamma_forgotten}, (0, 1, 2))
    assert {part.name: part.status for part in result.parts} == {"dx": "not yet", "dgamma": "ok"}


def test_the_cells_of_the_page_work_in_a_release(tmp_path):
    """The page's file and cells, put where it says; the students' version has the file, and its check runs alone."""
    text = PAGE.read_text()
    code = re.findall(r"```\{code-cell\} ipython3\n(.*?)```\n", text, re.DOTALL)
    forward, draw, ask = (next(c for c in code if word in c) for word in ("def rms_norm_forward", "def draw", "ask("))
    cells = re.search(r"   ````\n(.*?)   ````\n", text, re.DOTALL)[1].replace("\n   ", "\n").removeprefix("   ")
    here = tmp_path / "assignments/hw3"
    (here / "examples").mkdir(parents=True)
    (here / "examples/rms_norm.py").write_text(
        forward + draw + ask.partition("print")[0].replace("question = ", "QUESTION = ")
    )
    header = text.split("\n(your-own-question)=")[0]
    (here / "problem3.md").write_text(header + "\n" + cells)
    question = runpy.run_path(str(here / "examples/rms_norm.py"))["QUESTION"]
    graded = GradedQuestions({question.id: question})
    assignment = Assignment(here, graded, own={question.id: here / "examples/rms_norm.py"})

    made = release(assignment, tmp_path / "out")

    public = {"gradcheck.py", "checks.py", "formulas.py", "mistake_names.py"}
    assert {path.name for path in made.iterdir()} == public | {"problem3.ipynb", "rms_norm.py"}
    assert "autograder" not in (made / "rms_norm.py").read_text()
    sources = [cell.source for cell in nbformat.read(made / "problem3.ipynb", 4).cells if cell.cell_type == "code"]
    assert sources[-1] == 'check("rms norm")' and "YOUR CODE HERE" in sources[1]
    ran = subprocess.run(
        [sys.executable, "-c", "\n".join(sources)], cwd=made, capture_output=True, text=True, timeout=60, check=True
    )
    assert "0 of 6" in ran.stdout and "not written yet" in ran.stdout

"""The assignment: text notebooks and solutions/ in, nbgrader's source and the students' version out.

A placeholder in the text, `{{ softmax_jacobian }}`, stands for that function's source in solutions/, its docstring
without the errors that a student's function need not raise; `{{ network.svg }}` for the picture; `{{ page notation }}`
for the title of a page of the book, a link where _config.yml says where the book is published. nbgrader then strips
what stands between the markers BEGIN SOLUTION and END SOLUTION.
"""

import base64
import inspect
import os
import re
import shutil
import sys
import tempfile
from pathlib import Path

import jupytext
import nbformat
import numpy as np

import solutions
from autograder.grading import scratch

from .assemble import assemble

HERE = Path(__file__).parent
ASSIGNMENT = "hw1"
PUBLIC = 0  # the seed of the draws that a formula is judged on at home
TEXTS = HERE / ASSIGNMENT
STUBS = {"code_stub": {"python": "# YOUR CODE HERE\npass"}, "text_stub": "YOUR DERIVATION HERE"}
TEACHERS = re.compile(
    r"\n\n    Raises:(\n {8}.*)+"
    r"|[,:]?\s+equations?\s+([a-z0-9-]+(,\s+|\s+and\s+|\s+to\s+)?)+(?=[.:])"
    r"|; \(m, n\) where \w+ is a scalar|, or a scalar for all( features)?| or scalars"
)
FORMULA = re.compile(r'formula\("[^"]+", r"')  # how a formula's cell begins in the texts
BASEURL = r'^ +baseurl: *"?(https?://[^"\s#]+)'  # in _config.yml
PLACEHOLDER = re.compile(r"\{\{ ([\w .]+) \}\}")
FORMULA_MODULES = [path for path in sorted((HERE / "formula").glob("*.py")) if path.stem != "__init__"]
TARGETS = HERE / ASSIGNMENT / "targets.py"
FORMULAS_DOCSTRING = """Formulas in LaTeX: how they are read, and compared with numbers. Needs NumPy alone."""
RELEASED_AS = {  # {module: the file that students get it in}
    **{f"autograder.formula.{path.stem}": "formulas" for path in FORMULA_MODULES},
    f"autograder.{ASSIGNMENT}.targets": "formulas",
    "autograder.gradcheck": "gradcheck",
    "autograder.questions.public": "checks",
}
MARKER = re.compile(r" *### (BEGIN|END) SOLUTION\n")


def source_notebooks():
    """The instructor's notebooks, solutions included: {name: NotebookNode}."""
    return {path.stem: _source_notebook(path) for path in sorted(TEXTS.glob("*.md"))}


def _source_notebook(path):
    notebook = jupytext.read(path)
    notebook.metadata = {"kernelspec": notebook.metadata["kernelspec"]}
    notebook.nbformat_minor = 5
    for index, cell in enumerate(notebook.cells):
        cell.source = PLACEHOLDER.sub(lambda found, cell=cell: _filled_in(found[1], cell.source), cell.source)
        cell.id = cell.metadata.get("nbgrader", {}).get("grade_id", f"text-{index}")
    nbformat.validate(notebook)
    return notebook


def _filled_in(names, around):
    if names.startswith("page "):
        return book_page(names.removeprefix("page ").replace(".", "/"))
    if names.endswith(".svg"):
        data = base64.b64encode((TEXTS / names).read_bytes()).decode()
        return f'<img alt="The network of two branches" width="900" src="data:image/svg+xml;base64,{data}">'
    text = "\n\n".join(function_source(name) for name in names.split())
    return MARKER.sub("", text) if "BEGIN SOLUTION" in around else text


def book_page(name):
    """The title of book/<name>.md, a link in Markdown where the site's address is known (html.baseurl)."""
    text = (HERE.parent / "book" / f"{name}.md").read_text(encoding="utf8")
    title = re.search(r"^# (.+)$", text, re.MULTILINE)[1]
    settings = HERE.parent / "_config.yml"
    known = re.search(BASEURL, settings.read_text(encoding="utf8"), re.MULTILINE) if settings.is_file() else None
    return f"[{title}]({known[1].rstrip('/')}/book/{name}.html)" if known else f'"{title}"'


def function_source(name):
    """A function of solutions/ as text, its markers included.

    Left out is what does not concern a student: the decorator and the errors that it raises, the labels of equations,
    and that gamma and beta may be scalars.
    """
    source = inspect.getsource(getattr(solutions, name))
    source = source[re.search(r"^def ", source, re.MULTILINE).start() :]
    return TEACHERS.sub("", source).rstrip()


def formulas_source():
    """formulas.py, as students get it: all that reads formulas and judges them, with the targets of the assignment."""
    return assemble([*FORMULA_MODULES, TARGETS], docstring=FORMULAS_DOCSTRING)


def checks_source(stored=None):
    """checks.py, as students get it: the questions' public half with its numbers filled in.

    Args:
        stored: nested dicts of arrays and numbers, as `every_number` gives them.
    """
    values = {"STORED": _literal(stored)} if stored is not None else {}
    return assemble([HERE / "questions/public.py"], elsewhere=RELEASED_AS, values=values)


def every_number():
    """Every number that checks.py is given."""
    from .hw1.formula_verdicts import seeds_of, stored_draws
    from .questions import stored_numbers

    formulas = {family: dict(enumerate(draws)) for family, draws in stored_draws(seeds_of(PUBLIC)).items()}
    return stored_numbers() | {"formulas": formulas}


def own_sources(notebooks):
    """{file name: text} of the teacher's own questions, autograder/own/, that a cell of these notebooks imports."""
    code = "\n".join(cell.source for notebook in notebooks for cell in notebook.cells if cell.cell_type == "code")
    imported = set(re.findall(r"^(?:import|from) (\w+)", code, re.MULTILINE))
    files = (path for path in sorted((HERE / "own").glob("*.py")) if path.stem in imported)
    return {path.name: assemble([path], elsewhere=RELEASED_AS) for path in files}


def _literal(value):
    if isinstance(value, dict):
        return "{" + ",\n".join(f"{key!r}: {_literal(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, np.ndarray) and value.ndim:
        return f"np.array({value.tolist()!r})"
    return repr(int(value) if isinstance(value, int | np.integer) else float(value))


def find_alembic():
    """Put this environment's programs on the PATH: nbgrader runs alembic by its name where a gradebook is new."""
    folders = os.environ.get("PATH", "").split(os.pathsep)
    if (ours := str(Path(sys.executable).parent)) not in folders:
        os.environ["PATH"] = os.pathsep.join([ours, *filter(None, folders)])


def course_config(course):
    """nbgrader's configuration of a course folder."""
    from traitlets.config import Config

    find_alembic()
    config = Config()
    config.CourseDirectory.root = str(Path(course).resolve())
    config.CourseDirectory.assignment_id = ASSIGNMENT
    config.ClearSolutions.update(STUBS)
    config.Application.log_level = "ERROR"
    return config


def generate(course, db=None):
    """Write a course folder's source/hw1, and let nbgrader make release/hw1 and the gradebook's entries from it.

    db: the gradebook's URL; None for the course folder's own file.

    Returns the path of release/hw1. Raises nbgrader's NbGraderException when cells came or went while the gradebook
    holds submissions.
    """
    from nbgrader.converters import GenerateAssignment
    from nbgrader.coursedir import CourseDirectory

    course = Path(course)
    source, release = (course / step / ASSIGNMENT for step in ("source", "release"))
    source.mkdir(parents=True, exist_ok=True)
    notebooks = source_notebooks()
    for name, notebook in notebooks.items():
        nbformat.write(notebook, source / f"{name}.ipynb")
    shutil.copy(HERE / "gradcheck.py", source)
    files = {"formulas.py": formulas_source(), "checks.py": checks_source(every_number())}
    for name, text in (own_sources(notebooks.values()) | files).items():
        (source / name).write_text(text, encoding="utf8")
    config = course_config(course)
    if db:
        config.CourseDirectory.db_url = db
        config.CourseDirectory.course_id = "default_course"  # as Gradebook calls it; no other has its row in PostgreSQL
    make = GenerateAssignment(coursedir=CourseDirectory(config=config), config=config, force=True)
    make.preprocessors = [_stubs() if step.__name__ == "ClearSolutions" else step for step in make.preprocessors]
    with scratch.holding_temporary_files():
        make.start()
    return release


def _stubs():
    from nbgrader.preprocessors import ClearSolutions

    class Stubs(ClearSolutions):
        """nbgrader's stubs; where a formula is asked, an empty one."""

        def preprocess_cell(self, cell, resources, cell_index):
            begins = FORMULA.match(cell.source)
            cell, resources = super().preprocess_cell(cell, resources, cell_index)
            if cell.metadata.get("nbgrader", {}).get("grade_id", "").startswith("written-"):
                cell.source = f'{begins[0]}")'
            return cell, resources

    return Stubs


def release(out):
    """Write the students' version to out/hw1, and return that path. What was there is replaced."""
    target = Path(out) / ASSIGNMENT
    with tempfile.TemporaryDirectory(dir=scratch.folder()) as course:
        made = generate(course)
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(made, target)
    return target

"""The students' version of an assignment: text notebooks and functions in, nbgrader's source and release out.

A placeholder in the text, `{{ softmax_jacobian }}`, stands for the source of that function of the assignment, its
docstring without what does not concern students; `{{ network.svg What it shows }}` for the picture;
`{{ page notation }}` for the title of a page of the book, a link where _config.yml says where the book is published.
nbgrader then strips what stands between the markers BEGIN SOLUTION and END SOLUTION.
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

from autograder.assemble import assemble
from autograder.mistakes.at_home import lock
from autograder.mistakes.diagnosis import marked_mistakes
from autograder.questions.model import SEEDS
from autograder.sandbox import temporary_folder

from .cell_names import is_formula
from .model import Assignment

HERE = Path(__file__).parents[1]
PUBLIC_SEED = 0  # the seed of the draws that a formula is judged on at home
STUBS = {"code_stub": {"python": "# YOUR CODE HERE\npass"}, "text_stub": "YOUR DERIVATION HERE"}
ERRORS_AND_LABELS = re.compile(
    r"\n\n    Raises:(\n {8}.*)+|[,:]?\s+equations?\s+([a-z0-9-]+(,\s+|\s+and\s+|\s+to\s+)?)+(?=[.:])"
)
FORMULA = re.compile(r'formula\("[^"]+", r"')  # how a formula's cell begins in the texts
BASEURL = r'^ +baseurl: *"?(https?://[^"\s#]+)'  # in _config.yml
PLACEHOLDER = re.compile(r"\{\{ ([\w .]+) \}\}")
FORMULA_MODULES = [path for path in sorted((HERE / "formula").glob("*.py")) if path.stem != "__init__"]
FORMULAS_DOCSTRING = """Formulas in LaTeX: how they are read, and compared with numbers. Needs NumPy alone."""
QUESTION_MODULES = [HERE / "questions" / "model.py", HERE / "questions" / "public.py"]
NAMES_FILE = Path("mistake_names.py")
NAMES_MODULES = [HERE / "mistakes" / "at_home.py"]
DERIVING_MODULES = [HERE / "mistakes" / f"{name}.py" for name in ("trace", "sweep", "kinds", "derivation")]
NAMES_DOCSTRING = """Which mistake is in a wrong gradient: what `check` says from the second time on.

It is not needed for any point, and does not exist where a notebook is graded. Of the course's own questions it holds
locked names, which only the wrong answer itself unlocks.
"""
CHECKS_DOCSTRING = """The questions of {name}, as a student meets them: what is wanted, and what is compared with what.

This file travels with the notebooks, beside gradcheck.py and formulas.py. It knows no answer. What no forward pass at
hand shows is compared with numbers that were stored when the assignment was released; elsewhere the reference is the
finite difference of a forward pass that the notebook gives or that you wrote.
"""
MODULES = {  # {module of the engine: the file that students get it in}
    **{f"autograder.formula.{path.stem}": "formulas" for path in FORMULA_MODULES},
    "autograder.gradcheck": "gradcheck",
    **{f"autograder.questions.{path.stem}": "checks" for path in QUESTION_MODULES},
}
MARKER = re.compile(r" *### (BEGIN|END) SOLUTION\n")


def source_notebooks(assignment: Assignment) -> dict[str, nbformat.NotebookNode]:
    """The instructor's notebooks, solutions included: {name: NotebookNode}."""
    return {path.stem: _source_notebook(assignment, path) for path in assignment.notebooks}


def _source_notebook(assignment, path):
    notebook = jupytext.read(path)
    notebook.metadata = {"kernelspec": notebook.metadata["kernelspec"]}
    notebook.nbformat_minor = 5
    for index, cell in enumerate(notebook.cells):
        around = cell.source
        cell.source = PLACEHOLDER.sub(lambda found, around=around: _filled_in(assignment, found[1], around), around)
        cell.id = cell.metadata.get("nbgrader", {}).get("grade_id", f"text-{index}")
    nbformat.validate(notebook)
    return notebook


def _filled_in(assignment, names, around):
    if names.startswith("page "):
        return book_page(assignment.course_folder, names.removeprefix("page ").replace(".", "/"))
    file, _, words = names.partition(" ")
    if file.endswith(".svg"):
        data = base64.b64encode((assignment.folder / file).read_bytes()).decode()
        return f'<img alt="{words}" width="900" src="data:image/svg+xml;base64,{data}">'
    text = "\n\n".join(function_source(assignment, name) for name in names.split())
    return MARKER.sub("", text) if "BEGIN SOLUTION" in around else text


def book_page(course: Path, name: str) -> str:
    """The title of a course's book/<name>.md, a link in Markdown where the site's address is known (html.baseurl)."""
    text = (course / "book" / f"{name}.md").read_text(encoding="utf8")
    title = re.search(r"^# (.+)$", text, re.MULTILINE)[1]
    settings = course / "_config.yml"
    known = re.search(BASEURL, settings.read_text(encoding="utf8"), re.MULTILINE) if settings.is_file() else None
    return f"[{title}]({known[1].rstrip('/')}/book/{name}.html)" if known else f'"{title}"'


def function_source(assignment: Assignment, name: str) -> str:
    """A function of the assignment as text, its markers included.

    Left out is what does not concern a student: the decorator and the errors that it raises, the labels of equations,
    and what the assignment has as left_out.
    """
    source = inspect.getsource(assignment.functions[name])
    source = ERRORS_AND_LABELS.sub("", source[re.search(r"^def ", source, re.MULTILINE).start() :])
    return (assignment.left_out.sub("", source) if assignment.left_out else source).rstrip()


def formulas_source(assignment: Assignment) -> str:
    """formulas.py, as students get it: all that reads formulas and judges them, with the targets of the assignment."""
    targets = assignment.formulas.modules if assignment.formulas else ()
    return assemble([*FORMULA_MODULES, *targets], docstring=FORMULAS_DOCSTRING)


def checks_source(assignment: Assignment, stored: dict | None = None) -> str:
    """checks.py, as students get it: the questions' public half with its numbers filled in.

    Args:
        assignment: whose questions.
        stored: nested dicts of arrays and numbers, as `every_number` gives them.
    """
    modules = [*QUESTION_MODULES, *([assignment.questions_module] if assignment.questions_module else [])]
    docstring = CHECKS_DOCSTRING.format(name=assignment.name)
    return assemble(modules, elsewhere=released_as(assignment), docstring=docstring) + _ending(assignment, stored or {})


def _ending(assignment, stored):
    """The end of checks.py, where the questions are put together and `check` is made of them."""
    lines = ["", "", "# " + "=" * 117, f"# The questions of {assignment.name}, and what the notebooks import", ""]
    given = [
        "QUESTIONS" if assignment.questions_module else "{}",
        repr(dict(assignment.written)),
        "TARGETS" if assignment.formulas else "{}",
        "NOTATION" if assignment.formulas else "None",
    ]
    lines += ["from formulas import NOTATION, TARGETS  # noqa: E402", ""] if assignment.formulas else []
    own = ", ".join(f"{question!r}: {_finder(path.stem)}" for question, path in _own_files(assignment).items())
    for path in _own_files(assignment).values():
        lines += [
            "",
            f"def {_finder(path.stem)}():",
            f"    from {path.stem} import QUESTION",
            "",
            "    return QUESTION",
            "",
        ]
    lines += ["", "try:", f"    from {NAMES_FILE.stem} import NAMES"]
    lines += ["except ImportError:  # it does not exist where the notebook is graded", "    NAMES = None"]
    lines += ["", f"STORED = {_literal(stored)}", f"CHECKS = Checks({', '.join(given)}, STORED, {{{own}}}, NAMES)"]
    lines += ["check, formula, before_you_hand_in = CHECKS.check, CHECKS.formula, CHECKS.before_you_hand_in", ""]
    return "\n".join(lines)


def _finder(module):
    return f"_question_of_{module}"


def released_as(assignment: Assignment) -> dict[str, str]:
    """{module: the file that students get it in}."""
    found = dict(MODULES)
    if assignment.formulas:
        found |= {_module_name(path): "formulas" for path in assignment.formulas.modules}
    if assignment.questions_module:
        found[_module_name(assignment.questions_module)] = "checks"
    return found


def _module_name(path):
    return ".".join(path.with_suffix("").parts[-3:])  # assignments.NAME.FILE


def names_source(assignment: Assignment) -> str:
    """mistake_names.py, as students get it: the locked names of the mistakes in the bank. Where a notebook asks a
    question of the teacher's own, also what derives mistakes from its forward pass; not elsewhere, since that can
    differentiate.
    """
    marks, texts = lock(marked_mistakes(assignment.bank, SEEDS)) if assignment.bank else ("", [])
    derives = bool(_own_files(assignment))
    given = "MARKS, TEXTS, derived_bank" if derives else "MARKS, TEXTS"
    ending = ["", "", f"MARKS = {marks!r}", f"TEXTS = {texts!r}", f"NAMES = NamesAtHome({given})", ""]
    modules = [*DERIVING_MODULES, *NAMES_MODULES] if derives else NAMES_MODULES
    return assemble(modules, docstring=NAMES_DOCSTRING) + "\n".join(ending)


def every_number(assignment: Assignment) -> dict:
    """Every number that checks.py is given."""
    numbers = assignment.graded.stored_numbers()
    if assignment.formulas:
        draws = assignment.formulas.stored_draws(PUBLIC_SEED)
        numbers["formulas"] = {family: dict(enumerate(of_family)) for family, of_family in draws.items()}
    return numbers


def own_sources(assignment: Assignment) -> dict[str, str]:
    """{file name: text} of the teacher's own questions that a cell of the notebooks imports."""
    elsewhere = released_as(assignment)
    return {path.name: assemble([path], elsewhere=elsewhere) for path in _own_files(assignment).values()}


def _own_files(assignment):
    """{question id: file} of the teacher's own questions that a cell of the notebooks imports."""
    text = "\n".join(path.read_text(encoding="utf8") for path in assignment.notebooks)
    imported = set(re.findall(r"^(?:import|from) (\w+)", text, re.MULTILINE))
    return {question: path for question, path in assignment.own.items() if path.stem in imported}


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


def nbgrader_config(course: Path, name: str):
    """nbgrader's configuration of a course folder, for the assignment of this name."""
    from traitlets.config import Config

    find_alembic()
    config = Config()
    config.CourseDirectory.root = str(Path(course).resolve())
    config.CourseDirectory.assignment_id = name
    config.ClearSolutions.update(STUBS)
    config.Application.log_level = "ERROR"
    return config


def generate(assignment: Assignment, course: Path, db: str | None = None) -> Path:
    """Write a course folder's source/NAME, and let nbgrader make release/NAME and the gradebook's entries from it.

    db: the gradebook's URL; None for the course folder's own file.

    Returns the path of release/NAME. Raises nbgrader's NbGraderException when cells came or went while the gradebook
    holds submissions.
    """
    from nbgrader.converters import GenerateAssignment
    from nbgrader.coursedir import CourseDirectory

    course = Path(course)
    source, release = (course / step / assignment.name for step in ("source", "release"))
    source.mkdir(parents=True, exist_ok=True)
    for name, notebook in source_notebooks(assignment).items():
        nbformat.write(notebook, source / f"{name}.ipynb")
    shutil.copy(HERE / "gradcheck.py", source)
    files = {
        "checks.py": checks_source(assignment, every_number(assignment)),
        "formulas.py": formulas_source(assignment),
        NAMES_FILE.name: names_source(assignment),
    }
    for name, text in (own_sources(assignment) | files).items():
        (source / name).write_text(text, encoding="utf8")
    config = nbgrader_config(course, assignment.name)
    if db:
        config.CourseDirectory.db_url = db
        config.CourseDirectory.course_id = "default_course"  # as Gradebook calls it; no other has its row in PostgreSQL
    make = GenerateAssignment(coursedir=CourseDirectory(config=config), config=config, force=True)
    make.preprocessors = [_stubs() if step.__name__ == "ClearSolutions" else step for step in make.preprocessors]
    with temporary_folder.holding_temporary_files():
        make.start()
    return release


def _stubs():
    from nbgrader.preprocessors import ClearSolutions

    class Stubs(ClearSolutions):
        """nbgrader's stubs; where a formula is asked, an empty one."""

        def preprocess_cell(self, cell, resources, cell_index):
            begins = FORMULA.match(cell.source)
            cell, resources = super().preprocess_cell(cell, resources, cell_index)
            if is_formula(cell.metadata.get("nbgrader", {}).get("grade_id", "")):
                cell.source = f'{begins[0]}")'
            return cell, resources

    return Stubs


def release(assignment: Assignment, out: Path) -> Path:
    """Write the students' version to out/NAME, and return that path. What was there is replaced."""
    target = Path(out) / assignment.name
    with tempfile.TemporaryDirectory(dir=temporary_folder.folder()) as course:
        made = generate(assignment, course)
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(made, target)
    return target

"""Feedback: nbgrader's own page for each notebook, with the scores of the gradebook, that asks nobody outside.

Formulas are turned into MathML, which browsers show by themselves, where the stock page fetches MathJax.
"""

import hashlib
import json
import math
import re
import tomllib
from pathlib import Path

from nbconvert.exporters import HTMLExporter
from nbgrader import utils
from nbgrader.converters import GenerateFeedback, NbGraderException
from nbgrader.coursedir import CourseDirectory
from nbgrader.preprocessors import GetGrades
from nbgrader.server_extensions import formgrader
from nbgrader.utils import capture_log
from traitlets import Unicode

from autograder.release import ASSIGNMENT
from autograder.report import linked

from .gradebook import load_records
from .late import FILE
from .markdown import markdown2html, unchanged
from .pool import Processes, Unanswered
from .roster import shown

SECONDS = 120  # for one student's pages, which take about one

# A student's Markdown and outputs stand on the page: no script of theirs runs, and nothing is fetched from outside.
POLICY = (
    '<meta http-equiv="Content-Security-Policy" '
    "content=\"default-src 'none'; img-src data:; style-src 'unsafe-inline'; font-src data:\">"
)


class Grades(GetGrades):
    """nbgrader's grades; a derivation that nobody has read has none, and does not count in the total."""

    def preprocess(self, nb, resources):
        """Write the grades into the notebook's cells, and the totals into the resources."""
        nb, resources = super().preprocess(nb, resources)
        grades = [cell.metadata.nbgrader for cell in nb.cells if utils.is_grade(cell)]
        unread = [grade["points"] for grade in grades if math.isnan(grade["score"])]
        resources["nbgrader"]["max_score"] -= sum(unread)
        resources["nbgrader"]["unread"] = len(unread)
        return nb, resources

    def _get_score(self, cell, resources):
        super()._get_score(cell, resources)
        names = (cell.metadata.nbgrader["grade_id"], self.notebook_id, self.assignment_id, self.student_id)
        if self.gradebook.find_grade(*names).needs_manual_grade:
            cell.metadata.nbgrader["score"] = math.nan


class FeedbackExporter(HTMLExporter):
    """nbgrader's feedback page without MathJax, its links called after the questions."""

    book_url = Unicode(help="where the book is published: what feedback names in it is then a link").tag(config=True)

    def default_filters(self):
        """nbconvert's, but for those whose work would grow with the square of what a student wrote."""
        yield from super().default_filters()
        yield from {"markdown2html": markdown2html, "strip_files_prefix": unchanged}.items()

    def from_notebook_node(self, nb, resources=None, **kwargs):
        """The page as text, and resources."""
        page, resources = super().from_notebook_node(nb, resources, **kwargs)
        mathjax = r"<!-- Load mathjax -->.*?<!-- End of mathjax configuration -->"
        page = re.sub(mathjax, "", page, flags=re.DOTALL)
        page = linked(page.replace("<head>", f"<head>\n{POLICY}", 1), self.book_url)
        page = re.sub(r"Score: nan / ([\d.]+)", r"not read yet, of \1", page)
        page = re.sub(r'(<a href="#check-([\w-]+)">)Test cell', r"\1Check \2", page)
        page = re.sub(r'(<a href="#derive-([\w-]+)">)Written response', r"\1Derivation \2", page)
        if unread := resources["nbgrader"].get("unread"):
            derivations = "a derivation is" if unread == 1 else f"{unread} derivations are"
            page = page.replace("</h4>", f"<br><small>so far: {derivations} not read yet</small></h4>", 1)
        return page, resources


def book_url(root):
    """Where the book is published, by the course folder's course.toml; "" where it does not say.

    Raises:
        ValueError: it is no address, or the file cannot be read; in words for a teacher.
    """
    path = Path(root) / FILE
    try:
        book = tomllib.loads(path.read_text(encoding="utf-8-sig")).get("book", {})
    except FileNotFoundError:
        return ""
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} cannot be read: {error}") from error
    url = book.get("url", "") if isinstance(book, dict) else book
    if not isinstance(url, str) or (url and not re.fullmatch(r"""https?://[^\s<>"']+""", url)):
        raise ValueError(f"{path}: book.url is expected to be an address, https://…, or empty; it is {url!r}")
    return url


def configure(config, root):
    """Let nbgrader show students' work in pages on which nothing of theirs acts: formgrader's, and the feedback's.

    Args:
        config: traitlets' configuration, which is changed: `c` in a nbgrader_config.py.
        root: the course folder.
    """
    stock = str(Path(formgrader.__file__).with_name("templates"))
    module = "autograder.grading.markdown"
    config.HTMLExporter.filters = {
        "markdown2html": f"{module}.markdown2html",
        "strip_files_prefix": f"{module}.unchanged",
        "highlight_code": f"{module}.highlighted",
    }
    config.HTMLExporter.extra_template_basedirs = [str(Path(__file__).with_name("templates")), stock]
    config.HTMLExporter.extra_template_paths = [stock]
    config.GenerateFeedback.exporter_class = f"{__name__}.FeedbackExporter"
    config.GenerateFeedback.preprocessors = [f"{__name__}.Grades", "nbconvert.preprocessors.CSSHTMLHeaderPreprocessor"]
    config.FeedbackExporter.book_url = book_url(root)


def write_feedback(course, *, again=False, say=print, seconds=None):
    """Write out/feedback/<student>/hw1/<notebook>.html where the gradebook has changed since it was written.

    A student's pages are made in a process that is ended after `seconds` (by default SECONDS), so that nobody keeps the
    others waiting.

    Returns how many students' feedback was written, and those of whom none could be: {student: why}.
    """
    written = course.root / "feedback.json"
    stamps = json.loads(written.read_text()) if written.exists() else {}
    todo, failed = {}, {}
    with course.open() as gradebook:
        for student in load_records(course):
            stamp = _stamp(course, gradebook, student)
            if again or stamps.get(student) != stamp:
                todo[student] = stamp
    with Processes(1, seconds or SECONDS) as pool:
        for count, (student, stamp) in enumerate(todo.items(), 1):
            if why := _page_in_time(pool, course, student):
                failed[student] = why
            else:
                stamps[student] = stamp
            say(f"{count:>4}/{len(todo)}  {shown(student)}")
            written.write_text(json.dumps(stamps), encoding="utf8")
    return len(todo) - len(failed), failed


def _page_in_time(pool, course, student):
    """Write a student's pages in a process that can be killed. Returns "", or why there are none."""
    try:
        return pool.submit(write_pages, course, student).result()
    except (RuntimeError, Unanswered) as error:  # the former also where the process has ended by itself
        return f"its pages could not be made: {error}"


def write_pages(course, student):
    """Write one student's pages, from the gradebook. Returns "", or why there are none."""
    config = course.config()
    config.GenerateFeedback.force = True
    configure(config, course.root)
    outcome = capture_log(OneStudent(student, coursedir=CourseDirectory(config=config), config=config))
    return "" if outcome["success"] else outcome.get("log") or outcome["error"]


class OneStudent(GenerateFeedback):
    """nbgrader's feedback for the student of this very name, where nbgrader reads a name as a pattern."""

    def __init__(self, student, **kwargs):
        super().__init__(**kwargs)
        self._student = student

    def init_notebooks(self):
        """Find the student's notebooks. Raises NbGraderException where there are none."""
        folder = Path(self.coursedir.root, self.coursedir.autograded_directory, self._student, ASSIGNMENT)
        self.assignments = {str(folder): [str(path) for path in sorted(folder.glob("*.ipynb"))]}
        if not self.assignments[str(folder)]:
            raise NbGraderException("there are no graded notebooks")

    def _format_source(self, assignment_id, student_id, escape=False):
        path = super()._format_source(assignment_id, student_id, escape)
        return f"(?s:{path})" if escape else path  # a name may hold a newline


def _stamp(course, gradebook, student):
    digest = hashlib.sha256(book_url(course.root).encode())
    for path in sorted((course.root / "autograded" / student / ASSIGNMENT).glob("*.ipynb")):
        digest.update(path.read_bytes())
    for notebook in gradebook.find_submission(ASSIGNMENT, student).notebooks:
        digest.update(repr([(g.name, g.score, g.max_score) for g in notebook.grades]).encode())
        digest.update(repr([(c.name, c.comment) for c in notebook.comments]).encode())
        digest.update(repr(notebook.late_submission_penalty).encode())
    return digest.hexdigest()

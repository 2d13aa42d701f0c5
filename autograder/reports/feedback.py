"""Feedback: a page for each notebook, with the scores of the gradebook, that asks nobody outside.

Formulas are turned into MathML, which browsers show by themselves, where the stock page fetches MathJax.
"""

import hashlib
import json
import math
import re
from pathlib import Path

import nbformat
from nbconvert.exporters import HTMLExporter
from nbgrader import utils
from nbgrader.converters import GenerateFeedback, NbGraderException
from nbgrader.coursedir import CourseDirectory
from nbgrader.preprocessors import GetGrades
from nbgrader.server_extensions import formgrader
from nbgrader.utils import capture_log
from pygments.formatters import HtmlFormatter
from traitlets import Unicode

from autograder.course.folder import Course
from autograder.course.roster import shown
from autograder.faults import LOG
from autograder.grading.executors import WorkerPool, WorkerTimedOut
from autograder.grading.gradebook import load_records, open_needs, record_file
from autograder.grading.resolutions import read_resolutions
from autograder.grading.submission import Record
from autograder.grading.versions import FEEDBACK_VERSION
from autograder.report import linked
from autograder.reports.feedback_summary import fold, summarize
from autograder.reports.safe_markdown import markdown2html, unchanged

STUDENT_TIMEOUT = 120  # for one student's pages, which take about one

# A student's Markdown and outputs stand on the page: no script of theirs runs, and nothing is fetched from outside.
POLICY = (
    '<meta http-equiv="Content-Security-Policy" '
    "content=\"default-src 'none'; img-src data:; style-src 'unsafe-inline'; font-src data:; "
    "base-uri 'none'; form-action 'none'\">"
)
WIDE_FORMULA = r"<math(?=[^<>]* display=\"block\")"  # on a phone it is scrolled, by the keyboard too


class Grades(GetGrades):
    """nbgrader's grades, and the page's summary. What nobody has graded yet has no score, and is not in the total."""

    root = Unicode(help="the course folder, where the submission's record lies").tag(config=True)
    assignment_folder = Unicode(help="the assignment's; empty: that of the course at hand").tag(config=True)

    def preprocess(self, nb, resources):
        """Write the grades into the notebook's cells, and the summary into the resources."""
        nb, resources = super().preprocess(nb, resources)
        course = Course.at(self.root, self.root, assignment=self.assignment_folder or None)
        record = _record_of(course, self.student_id)
        needs, resolved = open_needs(record, read_resolutions(course)) if record else ([], [])
        released = sorted(course.release.glob("*.ipynb"))
        given = {
            cell.source.strip()
            for path in released
            if path.stem == self.notebook_id
            for cell in nbformat.read(path, as_version=4).cells
            if not (utils.is_grade(cell) or utils.is_solution(cell))
        }
        fold(nb, given)
        earned = [cell.metadata.nbgrader.score for cell in nb.cells if utils.is_grade(cell)]
        score = sum(points for points in earned if not math.isnan(points)) - resources["nbgrader"]["late_penalty"]
        names = [path.stem for path in released]
        summary = summarize(nb, self.notebook_id, record, needs, resolved, score, names, course.assignment.mistakes)
        resources["nbgrader"] |= {"summary": summary, "highlighting": _highlighting()}
        return nb, resources

    def _get_score(self, cell, resources):
        super()._get_score(cell, resources)
        names = (cell.metadata.nbgrader["grade_id"], self.notebook_id, self.assignment_id, self.student_id)
        if self.gradebook.find_grade(*names).needs_manual_grade:
            cell.metadata.nbgrader["score"] = math.nan


def _record_of(course, student):
    path = record_file(course, student)
    try:
        return Record.load(path)
    except FileNotFoundError:  # graded by nbgrader's own command
        return None


def _highlighting():
    """The colours of code, in the light and in the dark."""
    light, dark = (HtmlFormatter(style=style).get_style_defs(".highlight") for style in ("default", "github-dark"))
    return f"{light}\n@media (prefers-color-scheme: dark) {{\n{dark}\n}}\n.highlight {{ background: none !important }}"


def demoted(html):
    """A cell's HTML with its headings below the page's own: no level is skipped, and no id is one of the page's."""
    return re.sub(r"</h[1-6]>", "</h3>", re.sub(r"<h([1-6])\b[^>]*>", r'<h3 class="level-\1">', html))


class FeedbackExporter(HTMLExporter):
    """The page, by the template `feedback`: no script, nothing from outside; what it names in the book is a link."""

    book_url = Unicode(help="where the book is published: what feedback names in it is then a link").tag(config=True)

    def default_filters(self):
        """nbconvert's, but for those whose work would grow with the square of what a student wrote."""
        yield from super().default_filters()
        yield from {"markdown2html": markdown2html, "strip_files_prefix": unchanged, "demoted": demoted}.items()

    def from_notebook_node(self, nb, resources=None, **kwargs):
        """The page as text, and resources."""
        page, resources = super().from_notebook_node(nb, resources, **kwargs)
        page = linked(page.replace("<head>", f"<head>\n{POLICY}", 1), self.book_url)
        return re.sub(WIDE_FORMULA, r'<math tabindex="0"', page), resources


def configure(config, root, assignment=""):
    """Let nbgrader show students' work in pages on which nothing of theirs acts: formgrader's, and the feedback's.

    Args:
        config: traitlets' configuration, which is changed: `c` in a nbgrader_config.py.
        root: the course folder.
        assignment: the assignment's folder, which config files of before do not name.
    """
    stock = str(Path(formgrader.__file__).with_name("templates"))
    module = "autograder.reports.safe_markdown"
    config.HTMLExporter.filters = {
        "markdown2html": f"{module}.markdown2html",
        "strip_files_prefix": f"{module}.unchanged",
        "highlight_code": f"{module}.highlighted",
    }
    config.HTMLExporter.extra_template_basedirs = [str(Path(__file__).with_name("templates")), stock]
    config.HTMLExporter.extra_template_paths = [stock]
    config.GenerateFeedback.exporter_class = f"{__name__}.FeedbackExporter"
    config.GenerateFeedback.preprocessors = [f"{__name__}.Grades"]
    config.Grades.root = str(root)
    config.Grades.assignment_folder = str(assignment)
    config.FeedbackExporter.book_url = Course.at(root, root, assignment=assignment or None).rules.book.url


def write_feedback(course, *, again=False, say=print, seconds=None):
    """Write out/feedback/<student>/<assignment>/<notebook>.html where the gradebook has changed since it was written.

    A student's pages are made in a process that is ended after `seconds` (by default SECONDS), so that nobody keeps the
    others waiting.

    Returns how many students' feedback was written, and those of whom none could be: {student: why}.
    """
    written = course.root / "feedback.json"
    stamps = json.loads(written.read_text()) if written.exists() else {}
    todo, failed, resolutions = {}, {}, read_resolutions(course)
    with course.open() as gradebook:
        for student, record in load_records(course).items():
            stamp = _stamp(course, gradebook, record, resolutions)
            if again or stamps.get(student) != stamp:
                todo[student] = stamp
    with WorkerPool(1, seconds or STUDENT_TIMEOUT) as pool:
        for count, (student, stamp) in enumerate(todo.items(), 1):
            if why := _page_in_time(pool, course, student):
                failed[student] = why
                LOG.error("%s: no feedback could be written", student, extra={"traceback": why})
            else:
                stamps[student] = stamp
            say(f"{count:>4}/{len(todo)}  {shown(student)}")
            written.write_text(json.dumps(stamps), encoding="utf8")
    return len(todo) - len(failed), failed


def _page_in_time(pool, course, student):
    """Write a student's pages in a process that can be killed. Returns "", or why there are none."""
    try:
        return pool.submit(write_pages, course, student).result()
    except (RuntimeError, WorkerTimedOut) as error:  # the former also where the process has ended by itself
        return f"its pages could not be made: {error}"


def write_pages(course, student):
    """Write one student's pages, from the gradebook. Returns "", or why there are none."""
    config = course.config()
    config.GenerateFeedback.force = True
    configure(config, course.root, course.assignment_folder)
    outcome = capture_log(OneStudent(student, coursedir=CourseDirectory(config=config), config=config))
    return "" if outcome["success"] else outcome.get("log") or outcome["error"]


class OneStudent(GenerateFeedback):
    """nbgrader's feedback for the student of this very name, where nbgrader reads a name as a pattern."""

    def __init__(self, student, **kwargs):
        super().__init__(**kwargs)
        self._student = student

    def init_notebooks(self):
        """Find the student's notebooks. Raises NbGraderException where there are none."""
        folder = Path(
            self.coursedir.root, self.coursedir.autograded_directory, self._student, self.coursedir.assignment_id
        )
        self.assignments = {str(folder): [str(path) for path in sorted(folder.glob("*.ipynb"))]}
        if not self.assignments[str(folder)]:
            raise NbGraderException("there are no graded notebooks")

    def _format_source(self, assignment_id, student_id, escape=False):
        path = super()._format_source(assignment_id, student_id, escape)
        return f"(?s:{path})" if escape else path  # a name may hold a newline


def _stamp(course, gradebook, record, resolutions):
    """One number for all that a student's pages depend on."""
    needs, resolved = open_needs(record, resolutions)
    shown = [
        FEEDBACK_VERSION,
        course.rules.book.url,
        needs,
        [each.needs_attention for each in resolved],
        record.repairs,
    ]
    digest = hashlib.sha256(json.dumps([*shown, record.questions], sort_keys=True).encode())
    for path in sorted((course.root / "autograded" / record.student / course.name).glob("*.ipynb")):
        digest.update(path.read_bytes())
    for notebook in gradebook.find_submission(course.name, record.student).notebooks:
        digest.update(repr([(g.name, g.score, g.max_score) for g in notebook.grades]).encode())
        digest.update(repr([(c.name, c.comment) for c in notebook.comments]).encode())
        digest.update(repr(notebook.late_submission_penalty).encode())
    return digest.hexdigest()

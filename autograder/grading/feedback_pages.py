"""Write feedback: a page for each notebook, where the gradebook, a record or a resolution has changed.

The pages themselves are made by `reports.feedback`; this module reads the scores and hands over the records.
"""

import hashlib
import json
import math
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import nbformat
from nbgrader import utils
from nbgrader.converters import GenerateFeedback, NbGraderException
from nbgrader.coursedir import CourseDirectory
from nbgrader.preprocessors import GetGrades
from nbgrader.utils import capture_log
from traitlets import Unicode

from autograder.course.folder import Course
from autograder.course.roster import shown
from autograder.faults import LOG
from autograder.grading.executors import WorkerPool, WorkerTimedOut
from autograder.grading.gradebook import load_records, open_needs, record_file
from autograder.grading.records import Record
from autograder.grading.resolutions import read_resolutions
from autograder.reports.book_equations import book_equations
from autograder.reports.feedback import configure, highlighting
from autograder.reports.feedback_summary import fold, summarize
from autograder.versions import FEEDBACK_VERSION

STUDENT_TIMEOUT = 120  # seconds for one student's pages, which take about one


class Grades(GetGrades):
    """nbgrader's grades and the page's summary. An ungraded cell has no score and does not count in the total."""

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
        mistakes, equations = course.assignment.mistakes, book_equations(course.assignment.course_folder)
        summary = summarize(nb, self.notebook_id, record, needs, resolved, score, names, mistakes, equations)
        resources["nbgrader"] |= {"summary": summary, "highlighting": highlighting()}
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


def write_feedback(
    course: Course, *, again: bool = False, say: Callable[[str], object] = print, seconds: float | None = None
) -> tuple[int, dict[str, str]]:
    """Write out/feedback/<student>/<assignment>/<notebook>.html where the gradebook has changed since it was written.

    A student's pages are made in a process that is ended after `seconds` (by default STUDENT_TIMEOUT), so that the
    others do not wait for it.

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


def write_pages(course: Course, student: str) -> str:
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
    digest = hashlib.sha256(json.dumps([*shown, asdict(record)["questions"]], sort_keys=True).encode())
    for path in sorted((course.root / "autograded" / record.student / course.name).glob("*.ipynb")):
        digest.update(path.read_bytes())
    for notebook in gradebook.find_submission(course.name, record.student).notebooks:
        digest.update(repr([(g.name, g.score, g.max_score) for g in notebook.grades]).encode())
        digest.update(repr([(c.name, c.comment) for c in notebook.comments]).encode())
        digest.update(repr(notebook.late_submission_penalty).encode())
    return digest.hexdigest()

"""What an attack is, and how a class of attackers is written, graded, and searched for what it must not hold."""

import json
import os
import re
import shutil
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path

import nbformat
import numpy as np

from autograder.assignment.cell_names import formula_cell as cell_of
from autograder.assignment.release import HERE
from autograder.course.folder import Course
from autograder.grading.batch import grade_all
from autograder.grading.executors import WorkerPool
from autograder.grading.feedback_pages import write_feedback, write_pages
from autograder.grading.gradebook import load_records
from autograder.grading.submission import student_of
from autograder.sandbox.bubblewrap import Limits
from tests.hw1 import ASSIGNMENT, QUESTIONS, WRITTEN, fill, graded_draw, right_answers, write

FULL = {question.id: question.points for question in QUESTIONS.values() if question.family in ("batch_norm", "dropout")}
FULL |= {"1-3": 4, "2-1": 16, "2-2 head": 8, "2-2 branch b": 15, "2-2 branch a": 12, "2-2": 12}
FULL |= WRITTEN
PROBLEM_1 = {question_id: 0 for question_id in FULL if question_id.startswith("1-")}
PROBLEM_2 = {question_id: 0 for question_id in FULL if question_id not in PROBLEM_1}
SEED = 271828182845904523536028747135266249775  # the hidden seed of every class here: what leaks does so each time
SHORT = Limits(wall=40)
TIMEOUT = 300  # seconds after which nobody waits for a submission any longer
SHORTENED = os.environ.get("AUTOGRADER_ATTACKS") == "shortened"
"""Whether a submission is only the notebooks that its attacks need, and only the pages are made that an attack aims at:
then all attacks can be repeated with each bubblewrap, as root and as an ordinary user.
"""

# Shapes are right and numbers are wrong, so that whoever scores with them has not earned it.
WRONG = {
    "batch_norm_jacobian": "def batch_norm_jacobian(x, gamma, beta, eps=1e-5):\n"
    "    return np.zeros((*x.shape, x.shape[1])), np.zeros((*x.shape, x.shape[1]))",
    "dropout_forward": "def dropout_forward(x, r, p):\n    return np.zeros_like(x), ()",
    "dropout_jacobian": "def dropout_jacobian(r, p):\n    return np.zeros((len(r), len(r)))",
    "softmax_jacobian": "def softmax_jacobian(x):\n    return np.zeros((len(x), len(x)))",
    "two_branch_forward": "def two_branch_forward(x, y_a, y_b, params, r, p, eps=1e-5):\n    return 0.0, {}",
    "head_backward": "def head_backward(dout, cache):\n    return {}",
    "branch_b_backward": "def branch_b_backward(dz_2b, cache):\n    return {}",
    "branch_a_backward": "def branch_a_backward(dout, dz_2b, cache):\n    return {}",
    "two_branch_backward": "def two_branch_backward(dout, cache):\n    return {}",
}


@dataclass(frozen=True)
class Attack:
    """One attack. All that share a `student` stand in one submission; whatever they do not aim at is answered rightly.

    name, what: what it is called, and a sentence on what it tries.
    cells: {grade_id: source} in place of the right answers.
    first: a cell after the first imports. last: a cell at the end. Both of `notebook`.
    edit: edit(notebooks) changes {name: notebook} before they are written.
    files: files(folder, places) changes the folder that they were written into.
    deserves: {question: points that were earned} of the questions that it aims at; at 0 their functions are wrong ones,
        and None is whatever is left.
    says: what the row of the submission must say of it, a regular expression; "" where nobody is needed.
    echoes: it hands hidden inputs to the grader, which may keep them and may not show them.
    limit: what it says that it has got past is a limit of the machine, and no secret.
    whole: it is after what another notebook of the submission has left, so none may be cut away.
    stock: what proves that it works where nothing stops it: "points", or a word that its output then holds; or "".
    """

    name: str
    what: str
    cells: dict = field(default_factory=dict)
    first: str = ""
    last: str = ""
    notebook: str = "problem1"
    edit: Callable | None = None
    files: Callable | None = None
    deserves: dict = field(default_factory=PROBLEM_1.copy)
    says: str = ""
    student: str = ""
    echoes: bool = False
    limit: bool = False
    whole: bool = False
    stock: str = ""

    @property
    def folder(self):
        """The folder of the submission that it stands in."""
        return self.student or self.name


@dataclass
class Class:
    """A graded class: rows of grades.csv and records by student, pages of feedback by student, seconds that it took.

    notebooks: {student: the names of the notebooks that were graded}.
    """

    course: Course
    rows: dict
    records: dict
    pages: dict
    seconds: float
    notebooks: dict

    def asked(self, student):
        """{question: points that it gives} of the notebooks that were graded."""
        return {
            question: points for question, points in FULL.items() if notebook_of(question) in self.notebooks[student]
        }

    def points(self, student):
        """{question: points} that a submission got."""
        got = {question_id: result.score for question_id, result in self.records[student].questions.items()}
        return dict.fromkeys(self.asked(student), 0) | got

    def deserved(self, attack):
        """{question: points that were earned, or None} of the questions that the attack aims at and that were asked."""
        return {question: due for question, due in attack.deserves.items() if question in self.asked(attack.folder)}

    def seen_by_student(self, student):
        """Everything that the student gets to read."""
        return "\n".join([*self.records[student].notebooks.values(), *self.pages.get(student, ())])

    def record(self, student):
        """All that grading kept of a submission, as text."""
        kept = (json.dumps(self.records[student].__dict__, default=str), self.seen_by_student(student))
        return "\n".join(kept).replace("\\\\", "\\")


PREPARED = []  # the first course of this process: the others copy what is made from the assignment


def prepared(root):
    """A course of its own, with a hidden seed that is known here."""
    course = Course.at(root / "out")
    course.root.mkdir(parents=True)
    course.seed_file.write_text(str(SEED))
    for first in PREPARED:
        shutil.copytree(first.template, course.template)
        shutil.copy(first.root / "assignment.sha256", course.root)
    course.prepare()
    PREPARED[:] = PREPARED or [course]
    return course


def notebook_of(question_id):
    """The name of the notebook that asks a question: "1-3" stands in problem1."""
    return f"problem{question_id[0]}"


def notebooks_needed(released, attacks):
    """The names of the notebooks that some attacks need, of {name: released notebook}: where their code runs, and where
    the questions stand whose points they are after.
    """
    needed = set()
    for attack in attacks:
        if attack.whole or attack.edit or attack.files:
            return set(released)
        aimed = {question for question, due in attack.deserves.items() if due is not None}
        needed |= {attack.notebook, *map(notebook_of, aimed)}
        needed |= {name for name, notebook in released.items() if attack.cells.keys() & _grade_ids(notebook)}
    return needed or set(released)


def _grade_ids(notebook):
    return {cell.metadata.get("nbgrader", {}).get("grade_id") for cell in notebook.cells}


def with_notebooks(course, names):
    """A course beside this one, for grading alone, whose release has no notebooks but these."""
    cut = Course.at(course.out / "cut" / "-".join(sorted(names)))
    if not cut.root.exists():
        shutil.copytree(course.release, cut.release)
        for place in filter(Path.is_file, (course.seed_file, course.rules_file)):
            shutil.copy(place, cut.root)
        for path in cut.release.glob("*.ipynb"):
            if path.stem not in names:
                path.unlink()
    return cut


class ShortenedGrading(WorkerPool):
    """Processes for `grade_all` that grade each submission in a course of its own. courses: {student: Course}."""

    def __init__(self, jobs, courses):
        super().__init__(jobs, TIMEOUT)
        self.courses = courses

    def submit(self, call):
        """`call` is grade_submission with the student's folder and the whole course."""
        folder, _ = call.args
        return super().submit(call.func, folder, self.courses[student_of(folder)], **call.keywords)


def write_submission(folder, released, attacks, places):
    """Write one submission with its attacks into <student>/hw1. places: {@WORD@: what stands for it in their code}."""
    cells, deserves = right_answers(), {}
    for attack in attacks:
        deserves |= attack.deserves
    for question_id, points in deserves.items():
        if points == 0:
            cells |= wrong_cells(question_id)
    for attack in attacks:
        cells |= attack.cells
    notebooks = {name: fill(notebook, cells) for name, notebook in released.items()}
    for attack in attacks:
        found = notebooks[attack.notebook].cells
        imports = next(i for i, cell in enumerate(found) if cell.cell_type == "code")
        if attack.first:
            found.insert(imports + 1, nbformat.v4.new_code_cell(attack.first))
        if attack.last:
            found.append(nbformat.v4.new_code_cell(attack.last))
        if attack.edit:
            attack.edit(notebooks)
    for name, notebook in notebooks.items():
        for cell in notebook.cells:
            for word, place in places.items():
                cell.source = cell.source.replace(word, str(place))
        write(notebook, folder / f"{name}.ipynb")
    for attack in attacks:
        if attack.files:
            attack.files(folder, places)


def wrong_cells(question_id):
    """The cells of a question with wrong answers in them."""
    if question_id in WRITTEN:
        cell = formula_cell(question_id)
        return {cell: negated(right_answers()[cell])}
    return {name: WRONG[name] for name in QUESTIONS[question_id].functions}


def negated(source):
    """The source of a cell whose formula is the negative of this one's: it is read, and wrong."""
    last = source.strip().removesuffix(")").rstrip('"\n').splitlines()[-1].rpartition('r"')[2]
    right = re.fullmatch(r"(?:.*?(?:\}|_i) = )?(.*)", last)[1]
    return source.replace(right, f"-({right})")


def formula_cell(question_id):
    """The name of the cell in which a formula is written."""
    return cell_of(question_id.removesuffix(", written"))


def graded(root, attacks, *, places=(), feedback=None, timeout=2, limits=SHORT, jobs=3):
    """Write a class of attackers and an honest student, grade it in the sandbox, and return what came of it.

    feedback: None for no pages; else pages for all, or, if SHORTENED, for the students for whom feedback(name) is true.
    """
    course = prepared(root)
    released = {path.stem: nbformat.read(path, as_version=4) for path in course.release.glob("*.ipynb")}
    submitted = root / "submitted"
    places = {"@COURSE@": course.root, "@SUBMITTED@": submitted, "@REPOSITORY@": HERE.parent} | dict(places)
    of_student = {"honest": []}
    for attack in attacks:
        of_student.setdefault(attack.folder, []).append(attack)
    notebooks = {
        student: notebooks_needed(released, together) if SHORTENED else set(released)
        for student, together in of_student.items()
    }
    for student, together in of_student.items():
        asked = {name: released[name] for name in sorted(notebooks[student])}
        write_submission(submitted / student / "hw1", asked, together, places)
    courses = {student: with_notebooks(course, names) for student, names in notebooks.items()} if SHORTENED else {}
    with ShortenedGrading(jobs, courses) if SHORTENED else nullcontext() as executor:
        options = dict(timeout=timeout, limits=limits, jobs=jobs, executor=executor)
        rows, _, seconds = grade_all(submitted, course, say=lambda line: None, **options)
    if feedback and SHORTENED:
        for student in filter(feedback, of_student):
            write_pages(course, student)
    elif feedback:
        write_feedback(course, say=lambda line: None)
    pages = {
        folder.name: [page.read_text(encoding="utf8") for page in sorted(folder.rglob("*.html"))]
        for folder in (course.out / "feedback").glob("*")
    }
    rows = {row["student"]: row for row in rows}
    return Class(course, rows, load_records(course, whole=True), pages, seconds, notebooks)


def in_pairs(attacks):
    """The attacks, each two of them in one submission, the second in problem 2: a kernel for each, a "
    "sandbox for both."""
    paired = list(attacks)
    for n, attack in enumerate(attacks):
        if n % 2:
            deserves = dict.fromkeys(PROBLEM_2, attack.deserves.get("1-1", 0)) if attack.deserves else {}
            paired[n] = replace(attack, notebook="problem2", deserves=deserves, student=attacks[n - 1].folder)
    return paired


def by_name(attacks):
    """Arguments of pytest.mark.parametrize: one test an attack, called by its name."""
    names = [attack.name for attack in attacks]
    if len(set(names)) < len(names):
        raise ValueError("two attacks have one name")
    return dict(argnames="attack", argvalues=attacks, ids=names)


def brought(graded_class, attack):
    """(points that it had not earned, whether it has read a secret, whether it has crossed a limit of the machine)."""
    points, deserved = graded_class.points(attack.folder), graded_class.deserved(attack)
    unearned = sum(max(points[question] - due, 0) for question, due in deserved.items() if due is not None)
    told = graded_class.seen_by_student(attack.folder) if attack.echoes else graded_class.record(attack.folder)
    leaked = f"leaked {attack.name}" in told
    return unearned, leaked and not attack.limit, leaked and attack.limit


def assert_deserved(graded_class, attack):
    """The attack brought what was earned, no more and no less, and the row says what was seen of it."""
    points, deserved = graded_class.points(attack.folder), graded_class.deserved(attack)
    assert deserved or not attack.deserves, "its questions were not asked"
    earned = {question_id: points[question_id] if due is None else due for question_id, due in deserved.items()}
    assert {question_id: points[question_id] for question_id in deserved} == earned, attack.what
    needs = graded_class.rows[attack.folder]["needs"]
    if attack.says:
        assert re.search(attack.says, needs), f"{attack.what} The row says: {needs!r}"


def assert_undisturbed(graded_class, attacks):
    """Everybody has a row; the honest have every point, and so has whatever nobody attacked; without attacks that are
    seen nobody is needed, but to read a formula that was attacked.
    """
    aimed = {"honest": {}}
    for attack in attacks:
        aimed.setdefault(attack.folder, {}).update(graded_class.deserved(attack))
    assert graded_class.rows.keys() == graded_class.records.keys() == aimed.keys()
    for student, targets in aimed.items():
        expected = (student, graded_class.asked(student) | targets)
        assert (student, graded_class.points(student) | targets) == expected, graded_class.rows[student]
        seen = [attack.says for attack in attacks if attack.folder == student and attack.says]
        if not seen:
            unread = "|".join(re.escape(question) for question in targets if question in WRITTEN) or "-"
            sentence = rf"\w+: ({unread}): the formula was not read, and is not graded: read it(; )?"
            needs = re.sub(sentence, "", graded_class.rows[student]["needs"])
            assert needs == "", f"{student}: {needs}"


# ---------------------------------------------------------------------------------------------------------------------
# Secrets

NUMBER = re.compile(r"\d+\.\d{6,}")


def hidden_numbers():
    """The first eight digits of every number in the hidden inputs that has as many."""
    found = set()
    for index, question_id in enumerate(QUESTIONS):
        for k in range(3 if question_id in FULL else 0):
            for value in graded_draw(question_id, (SEED, index, k)).values():
                found |= {_digits(repr(abs(float(entry)))) for entry in np.ravel(value)}
    return found - {""}


def numbers_in(text):
    """The first eight digits of every decimal number in a text that has as many."""
    return {_digits(number) for number in NUMBER.findall(text)}


def _digits(number):
    digits = number.replace(".", "").lstrip("0")
    return digits[:8] if "e" not in number and len(digits) >= 8 else ""


OPEN = ("questions", "targets", "network", "demo_class")  # of hw1: students get them, or they hold what students write


def source_lines():
    """Lines of code that stand in the teacher's files alone."""
    private = [
        *HERE.glob("mistakes/*.py"),
        *(
            path
            for path in ASSIGNMENT.folder.glob("*.py")
            if path.stem not in ("questions", "targets", "network", "demo_class")
        ),
        *(HERE / f"questions/{name}.py" for name in ("private", "graded")),
        HERE / "exact_difference.py",
    ]
    lines = {line.strip() for path in private for line in path.read_text(encoding="utf8").splitlines()}
    return {line for line in lines if len(line) > 50}

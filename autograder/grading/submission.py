"""One submission in, one record out."""

import json
import os
import time
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path

import nbformat
from nbgrader.preprocessors import LimitOutput
from nbgrader.utils import compute_checksum, is_grade, is_solution

from autograder.course import late_policy
from autograder.course.folder import write_whole
from autograder.faults import Fault, collected, guarded
from autograder.grading.grader import TrustedExecute, grade_public_draws, run_cells, score_of
from autograder.grading.notebook_file import find_notebooks, stay_inside
from autograder.grading.repair import answers_in, repair
from autograder.sandbox.bubblewrap import Limits, Sandbox

EARLIER_NAMES = {"needs": "needs_attention", "notes": "repairs"}  # of fields, in records and resolutions on disk


@dataclass
class Record:
    """What grading one submission found. It knows no path and holds plain data, so that it can travel and be kept.

    needs_attention: what a person must look at. repairs: what was mended. cells: each graded cell's scores. questions:
    {id: verdicts}. notebooks: {name: the autograded notebook as text}. faults: the Faults of the grader itself.
    """

    student: str
    assignment: str = ""
    key: str = ""
    timestamp: str | None = None
    needs_attention: list = field(default_factory=list)
    repairs: list = field(default_factory=list)
    cells: list = field(default_factory=list)
    comments: list = field(default_factory=list)
    questions: dict = field(default_factory=dict)
    notebooks: dict = field(default_factory=dict)
    seconds: float = 0.0
    faults: list = field(default_factory=list)

    def __post_init__(self):
        self.faults = [fault if isinstance(fault, Fault) else Fault(**fault) for fault in self.faults]

    @property
    def status(self):
        """ "graded", "needs a person", or "not graded" where nothing could be graded at all."""
        return "not graded" if not self.cells else "needs a person" if self.needs_attention else "graded"

    def save(self, path):
        """Write the record to a file, whole or not at all."""
        write_whole(path, json.dumps(asdict(self)))

    @classmethod
    def load(cls, path):
        """The Record in a file, one of an earlier version included."""
        fields = json.loads(Path(path).read_text(encoding="utf8"))
        return cls(**{EARLIER_NAMES.get(name, name): value for name, value in fields.items()})


def grade_submission(folder, course, *, key="", timeout=10, sandbox="bubblewrap", limits=None):
    """Grade one submission.

    Args:
        folder: <student>/<assignment>, which holds the notebooks.
        course: the prepared Course; only its template, its release and its seed are read.
        key: what the record is filed under: submission and grader in one number.
        timeout: seconds that a cell, or a call of a student's function, may take.
        sandbox: "bubblewrap", or "none" for code that you trust.
        limits: the Limits of its sandbox.

    Returns:
        A Record. Nothing is raised: failures are sentences in its `needs_attention`.
    """
    begun = time.monotonic()
    folder = Path(folder)
    record = Record(student_of(folder), folder.name, key=key)
    with collected() as record.faults:
        guarded("grading broke down", _grade_in_sandbox, folder, course, record, timeout, sandbox, limits or Limits())
    record.needs_attention += dict.fromkeys(fault.need for fault in record.faults if fault.level == "ERROR")
    record.seconds = round(time.monotonic() - begun, 3)
    return record


def _grade_in_sandbox(folder, course, record, timeout, sandbox, limits):
    with (
        Sandbox(course.release, kind=sandbox, limits=limits, kernel=course.kernel_folder) as opened,
        ExitStack() as stack,
    ):
        _grade(folder, course, record, timeout, opened, stack)


def student_of(folder):
    """The name of the student whose <student>/<assignment> it is; a byte that is no UTF-8 is written out as \\x.."""
    return os.fsencode(folder.parent.name).decode("utf8", "backslashreplace")


def _grade(folder, course, record, timeout, sandbox, stack):
    try:
        record.timestamp = read_timestamp(folder / "timestamp.txt")
    except (ValueError, OverflowError, OSError):
        record.repairs.append("timestamp.txt holds no time that can be read; it is ignored")
    notebooks = {path.stem: nbformat.read(path, as_version=4) for path in sorted(course.release.glob("*.ipynb"))}
    uncertainties, unread = _read_and_repair(folder, notebooks, record)
    runs = {}
    readable = [name for name in notebooks if name not in unread]
    # Run everything whose output is shown before a hidden input exists.
    for name in readable:
        runs[name] = run_cells(notebooks[name], sandbox, timeout, course.assignment)
        stack.callback(runs[name].close)
    sandbox.wake()
    for name in readable:
        grade_public_draws(notebooks[name], runs[name], timeout, course.assignment)
    record.needs_attention += unread.values() if folder.is_dir() else [_instead(folder)]

    folders = dict(seed_file=str(course.seed_file), public_folder=str(course.release))
    grader = TrustedExecute(timeout=timeout, assignment_folder=str(course.assignment_folder), **folders)
    grader.unread, grader.runs = unread, runs
    for name, notebook in notebooks.items():
        resources = {"nbgrader": {"notebook": name}}
        for step in (grader, LimitOutput()):
            notebook, resources = step.preprocess(notebook, resources)
        judgements, needs = grader.reports[name]
        record.questions |= {judged["question"]: judged | {"notebook": name} for judged in judgements.values()}
        record.needs_attention += [f"{name}: {need}" for need in needs]
        record.repairs += [f"{name}: {note}" for note in runs[name].repairs] if name in runs else []
        _save_scores(notebook, name, record)
        sentences = [f"{name}: {uncertainty}" for uncertainty in uncertainties.get(name, [])]
        sentences += [f"{name}: {uncertainty}" for uncertainty in runs[name].uncertainties] if name in runs else []
        (record.needs_attention if _lost_points(record, name) else record.repairs).extend(sentences)
        record.notebooks[name] = nbformat.writes(notebook) + "\n"


def _read_and_repair(folder, notebooks, record):
    """Replace each released notebook by its submitted version, repaired.

    Returns:
        {name: sentences that matter if points are missing}, {name: why it could not be read}.
    """
    results, notes, needs = find_notebooks(
        folder, list(notebooks), lambda parsed: {name: answers_in(parsed, blank) for name, blank in notebooks.items()}
    )
    record.repairs += notes
    record.needs_attention += needs
    uncertainties, unread = {}, {}
    for name, one in results.items():
        if one.parsed is None:
            unread[name] = one.why
            continue
        repaired = repair(one.parsed, notebooks[name])
        notebooks[name], uncertainties[name] = repaired.notebook, repaired.uncertainties
        record.repairs += [f"{name}: {note}" for note in repaired.repairs]
        record.needs_attention += [f"{name}: {need}" for need in repaired.needs_attention]
    return uncertainties, unread


def _lost_points(record, notebook):
    """Whether a notebook's automatic score is less than it could be."""
    cells = [cell for cell in record.cells if cell["notebook"] == notebook and cell["kind"] == "automatic"]
    return any((cell["auto_score"] or 0) < cell["max_score"] for cell in cells)


def _instead(folder):
    """What a student's folder holds where the assignment's is not in it."""
    names = [f"{path.name}/" if path.is_dir() else path.name for path in sorted(folder.parent.glob("*"))]
    return f"no folder {folder.name} in it; found {', '.join(names) or 'nothing'}"


def _save_scores(notebook, name, record):
    """What nbgrader's SaveAutoGrades would write into a gradebook, in the record: the one writer does that."""
    for cell in notebook.cells:
        entry = {"notebook": name, "name": cell.metadata.get("nbgrader", {}).get("grade_id")}
        if is_grade(cell):
            score, maximum = score_of(cell)
            kind = "automatic" if cell.cell_type == "code" else "manual"
            record.cells.append(entry | {"kind": kind, "auto_score": score, "max_score": maximum})
        if is_solution(cell):
            untouched = cell.metadata.nbgrader.get("checksum") == compute_checksum(cell)
            record.comments.append(entry | {"auto_comment": "No response." if untouched else None})


def read_timestamp(path):
    """The text of a timestamp.txt, or None where there is none. Raises ValueError, OverflowError, or OSError."""
    if not path.is_file():
        return None
    stay_inside(path)
    text = path.read_text(encoding="utf-8-sig").strip()
    if text:
        late_policy.moment(text)
    return text or None

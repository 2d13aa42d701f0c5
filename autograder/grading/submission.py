"""One submission in, one record out."""

import os
import time
from contextlib import ExitStack
from pathlib import Path

import nbformat
from nbgrader.preprocessors import LimitOutput
from nbgrader.utils import compute_checksum, is_grade, is_solution

from autograder.course import late_policy
from autograder.course.folder import Course
from autograder.faults import collected, guarded
from autograder.grading.grader import TrustedExecute, grade_public_draws, run_cells, score_of
from autograder.grading.notebook_file import find_notebooks, stay_inside
from autograder.grading.records import CellComment, CellScore, Record
from autograder.grading.repair import match_released, part_of, repair
from autograder.sandbox.bubblewrap import Limits, Sandbox
from autograder.sandbox.notebook_runner import Run


def grade_submission(
    folder: Path,
    course: Course,
    *,
    key: str = "",
    timeout: float = 10,
    sandbox: str = "bubblewrap",
    limits: Limits | None = None,
) -> Record:
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


def student_of(folder: Path) -> str:
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
        result, run = grader.results[name], runs.get(name, Run([]))
        record.questions |= {question.question: question for question in result.questions}
        record.needs_attention += [f"{name}: {need}" for need in result.needs_attention]
        record.repairs += [f"{name}: {each}" for each in run.repairs]
        _save_scores(notebook, name, record)
        sentences = [f"{name}: {each}" for each in (*uncertainties.get(name, ()), *run.uncertainties)]
        (record.needs_attention if _lost_points(record, name) else record.repairs).extend(sentences)
        record.notebooks[name] = nbformat.writes(notebook) + "\n"


def _read_and_repair(folder, notebooks, record):
    """Replace each released notebook by its submitted version, repaired.

    Returns:
        {name: sentences that matter if points are missing}, {name: why it could not be read}.
    """
    submitted = find_notebooks(
        folder,
        list(notebooks),
        lambda parsed: {name: match_released(parsed, blank) for name, blank in notebooks.items()},
        lambda parsed, name: part_of(parsed, notebooks[name], [b for other, b in notebooks.items() if other != name]),
    )
    record.repairs += submitted.repairs
    record.needs_attention += submitted.needs_attention
    uncertainties, unread = {}, {}
    for name, one in submitted.notebooks.items():
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
    return any((cell.auto_score or 0) < cell.max_score for cell in record.automatic if cell.notebook == notebook)


def _instead(folder):
    """What a student's folder holds where the assignment's is not in it."""
    names = [f"{path.name}/" if path.is_dir() else path.name for path in sorted(folder.parent.glob("*"))]
    return f"no folder {folder.name} in it; found {', '.join(names) or 'nothing'}"


def _save_scores(notebook, name, record):
    """What nbgrader's SaveAutoGrades would write into a gradebook, in the record: the one writer does that."""
    for cell in notebook.cells:
        cell_name = cell.metadata.get("nbgrader", {}).get("grade_id")
        if is_grade(cell):
            score, maximum = score_of(cell)
            kind = "automatic" if cell.cell_type == "code" else "manual"
            record.cells.append(CellScore(name, cell_name, kind, score, maximum))
        if is_solution(cell):
            untouched = cell.metadata.nbgrader.get("checksum") == compute_checksum(cell)
            record.comments.append(CellComment(name, cell_name, "No response." if untouched else None))


def read_timestamp(path: Path) -> str | None:
    """The text of a timestamp.txt, or None where there is none. Raises ValueError, OverflowError, or OSError."""
    if not path.is_file():
        return None
    stay_inside(path)
    text = path.read_text(encoding="utf-8-sig").strip()
    if text:
        late_policy.moment(text)
    return text or None

"""One submission in, one record out."""

import json
import os
import time
from contextlib import ExitStack
from copy import deepcopy
from dataclasses import asdict, dataclass, field
from pathlib import Path

import nbformat
from nbgrader.preprocessors import LimitOutput
from nbgrader.utils import compute_checksum, is_grade, is_solution

from autograder.faults import Fault, collected, guarded
from autograder.release import ASSIGNMENT

from . import late
from .clean import clean, plain
from .course import write_whole
from .execute import TrustedExecute, look_at, run_cells, score_of
from .sandbox import Limits, Sandbox

LARGEST = 20 * 2**20  # bytes of a notebook
MOST = 1_000  # cells of a notebook


@dataclass
class Record:
    """What grading one submission found. It knows no path and holds plain data, so that it can travel and be kept.

    needs: what a person must look at. notes: what was mended on the way. cells: each graded cell's scores. questions:
    {id: verdicts}. notebooks: {name: the autograded notebook as text}. faults: the Faults of the grader itself.
    """

    student: str
    assignment: str = ASSIGNMENT
    key: str = ""
    timestamp: str | None = None
    needs: list = field(default_factory=list)
    notes: list = field(default_factory=list)
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
        return "not graded" if not self.cells else "needs a person" if self.needs else "graded"

    def save(self, path):
        """Write the record to a file, whole or not at all."""
        write_whole(path, json.dumps(asdict(self)))

    @classmethod
    def load(cls, path):
        return cls(**json.loads(Path(path).read_text(encoding="utf8")))


def grade_submission(folder, course, *, key="", timeout=10, sandbox="bubblewrap", limits=None):
    """Grade one submission.

    Args:
        folder: <student>/hw1, which holds the notebooks.
        course: the prepared Course; only its template, its release and its seed are read.
        key: what the record is filed under: submission and grader in one number.
        timeout: seconds that a cell, or a call of a student's function, may take.
        sandbox: "bubblewrap", or "none" for code that you trust.
        limits: the Limits of its sandbox.

    Returns:
        A Record. Nothing is raised: what breaks is a sentence in its `needs`.
    """
    begun = time.monotonic()
    folder = Path(folder)
    record = Record(student=student_of(folder), key=key)
    with collected() as record.faults:
        guarded("grading broke down", _grade_in_sandbox, folder, course, record, timeout, sandbox, limits or Limits())
    record.needs += dict.fromkeys(fault.need for fault in record.faults if fault.level == "ERROR")
    record.seconds = round(time.monotonic() - begun, 3)
    return record


def _grade_in_sandbox(folder, course, record, timeout, sandbox, limits):
    with Sandbox(course.release, kind=sandbox, limits=limits) as opened, ExitStack() as doors:
        _grade(folder, course, record, timeout, opened, doors)


def student_of(folder):
    """The name of the student whose <student>/hw1 it is; a byte that is no UTF-8 is written out as \\x.."""
    return os.fsencode(folder.parent.name).decode("utf8", "backslashreplace")


def _grade(folder, course, record, timeout, sandbox, doors):
    try:
        record.timestamp = read_timestamp(folder / "timestamp.txt")
    except (ValueError, OverflowError, OSError):
        record.notes.append("timestamp.txt holds no time that can be read; it is ignored")
    notebooks, unread, runs = {}, {}, {}
    for path in sorted(course.release.glob("*.ipynb")):
        notebook = nbformat.read(path, as_version=4)
        try:
            notebook, notes = repair(read_notebook(folder / path.name), notebook)
            record.notes += [f"{path.stem}: {note}" for note in notes]
        except ValueError as error:
            unread[path.stem] = str(error)
        notebooks[path.stem] = notebook
    readable = [name for name in notebooks if name not in unread]
    # Nothing hidden is there before everything that is shown has been said.
    for name in readable:
        runs[name] = run_cells(notebooks[name], sandbox, timeout)
        doors.callback(runs[name].close)
    sandbox.wake()
    for name in readable:
        look_at(notebooks[name], runs[name], timeout)
    record.needs += unread.values() if folder.is_dir() else [_instead(folder)]

    execute = TrustedExecute(timeout=timeout, seed_file=str(course.seed_file), public_folder=str(course.release))
    execute.unread, execute.runs = unread, runs
    for name, notebook in notebooks.items():
        resources = {"nbgrader": {"notebook": name}}
        for step in (execute, LimitOutput()):
            notebook, resources = step.preprocess(notebook, resources)
        judgements, needs = execute.reports[name]
        record.questions |= {judged["question"]: judged | {"notebook": name} for judged in judgements.values()}
        record.needs += [f"{name}: {need}" for need in needs]
        _save_scores(notebook, name, record)
        record.notebooks[name] = nbformat.writes(notebook) + "\n"


def _instead(folder):
    """What a student's folder holds where there is no hw1 in it."""
    found = [f"{path.name}/" if path.is_dir() else path.name for path in sorted(folder.parent.glob("*"))]
    return f"no folder {folder.name} in it; found {', '.join(found) or 'nothing'}"


def _save_scores(notebook, name, record):
    """What nbgrader's SaveAutoGrades would write into a gradebook, in the record: the one writer does that."""
    for cell in notebook.cells:
        place = {"notebook": name, "name": cell.metadata.get("nbgrader", {}).get("grade_id")}
        if is_grade(cell):
            score, maximum = score_of(cell)
            kind = "automatic" if cell.cell_type == "code" else "manual"
            record.cells.append(place | {"kind": kind, "auto_score": score, "max_score": maximum})
        if is_solution(cell):
            untouched = cell.metadata.nbgrader.get("checksum") == compute_checksum(cell)
            record.comments.append(place | {"auto_comment": "No response." if untouched else None})


def read_timestamp(path):
    """The text of a timestamp.txt, or None where there is none. Raises ValueError, OverflowError, or OSError."""
    if not path.is_file():
        return None
    _own(path)
    text = path.read_text(encoding="utf-8-sig").strip()
    if text:
        late.moment(text)
    return text or None


def _own(path):
    """Raises ValueError if <student>/hw1/<file> is a link to what lies outside the student's own folder."""
    if not path.resolve().is_relative_to(path.parent.parent.resolve()):
        raise ValueError(f"{path.name} is a link that leaves the student's own folder; it was not read")


def read_notebook(path):
    """A submitted notebook as the dict that its file holds.

    Raises:
        ValueError: there is no such file, it cannot be read, it is a link that leaves the student's folder, or no
            notebook is in it; in words for a teacher.
    """
    try:
        if not path.is_file():
            raise ValueError(f"{path.name} is missing")
        _own(path)
        if path.stat().st_size > LARGEST:
            raise ValueError(f"{path.name} is too large ({path.stat().st_size:,} bytes; at most {LARGEST:,} are read)")
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ValueError(f"{path.name} cannot be read ({error.strerror or error})") from error
    except UnicodeDecodeError as error:
        raise ValueError(f"{path.name} is not a notebook: {error}") from error
    try:
        notebook = json.loads(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"{path.name} is not valid JSON (see character {error.pos:,}: {error.msg})") from error
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path.name} is not a notebook: {error}") from error
    cells = notebook.get("cells") if isinstance(notebook, dict) else None
    if not isinstance(cells, list) or not all(isinstance(cell, dict) for cell in cells):
        raise ValueError(f"{path.name} is not a notebook of format 4: it has no list of cells")
    if len(cells) > MOST:
        raise ValueError(f"{path.name} has {len(cells):,} cells; at most {MOST:,} are read")
    return notebook


def repair(submitted, blank):
    """Put a submitted notebook back into the form in which it was released, keeping what the student wrote.

    Every cell that was released keeps its released metadata and, where it is locked, its released source. Where one
    occurs twice the last counts. A check without its metadata is known by its source. A graded cell that is gone comes
    back, behind its formula or at the end. All other cells stay as plain cells.

    Args:
        submitted: a notebook as a dict; of its cells only type and source are believed.
        blank: the released notebook. It is changed, and returned.

    Returns:
        the notebook, and sentences on what was mended.
    """
    released = {cell.metadata.nbgrader.grade_id: cell for cell in blank.cells if "nbgrader" in cell.metadata}
    names = _names(submitted["cells"], released)
    last = {name: index for index, name in enumerate(names) if name in released}
    notes = [
        f'cell "{name}" occurs {names.count(name)} times; the last one counts' for name in last if names.count(name) > 1
    ]
    if (kernel := _kernel(submitted)) not in ("python3", None):
        notes.append(f"it names the kernel {kernel!r}; Python's was used")
    cells = []
    for index, (cell, name) in enumerate(zip(submitted["cells"], names, strict=True)):
        source, attachments = plain(cell.get("source")), cell.get("attachments")
        if last.get(name) == index:
            kept = deepcopy(released[name])
            if not kept.metadata.nbgrader.locked:
                kept.source = source
            elif source.strip() != kept.source.strip():
                notes.append(f'cell "{name}" was changed; it counts as it was released')
        elif cell.get("cell_type") == "code":
            kept = nbformat.v4.new_code_cell(source)
        else:
            kept = nbformat.v4.new_markdown_cell(source)
        if kept.cell_type == "markdown" and isinstance(attachments, dict):
            kept.attachments = attachments
        cells.append(clean(kept))
    for name, cell in released.items():
        if name not in last and is_grade(cell):
            formula = f"written-{name.removeprefix('check-').removesuffix('-written')}"
            places = [index for index, kept in enumerate(cells) if _name(kept) == formula]
            cells.insert(places[0] + 1 if places else len(cells), cell)
            notes.append(f'cell "{name}" was gone; it is back {"behind its formula" if places else "at the end"}')
    blank.cells = cells
    return blank, notes


def _names(cells, released):
    """What each cell is called; a check that has lost its name has that of the released one with its source."""
    names = [_name(cell) for cell in cells]
    checks = {cell.source: name for name, cell in released.items() if is_grade(cell) and cell.cell_type == "code"}
    lost = {source: name for source, name in checks.items() if name not in names}
    return [
        name if name in released else lost.get(plain(cell.get("source")).strip(), name)
        for name, cell in zip(names, cells, strict=True)
    ]


def _kernel(notebook):
    """The name of the kernel that a notebook asks for, or None."""
    for key in ("metadata", "kernelspec", "name"):
        notebook = notebook.get(key) if isinstance(notebook, dict) else None
    return notebook[:40] if isinstance(notebook, str) else None


def _name(cell):
    metadata = cell.get("metadata")
    nbgrader = metadata.get("nbgrader") if isinstance(metadata, dict) else None
    name = nbgrader.get("grade_id") if isinstance(nbgrader, dict) else None
    return name if isinstance(name, str) else None

"""The record of one graded submission: typed plain data, and its form on disk.

A record knows no path, so it travels between processes and machines. Record files are authoritative for everything that
grading finds out by itself: scores, verdicts, repaired notebooks, reasons for a person. nbgrader's gradebook is
authoritative for what a person enters there, manual scores and comments; its automatic scores are derived from the
records (see gradebook.py). `to_json` and `from_json` are the one way from a Record to its file and back.
"""

import json
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

from autograder.course.folder import write_whole
from autograder.faults import Fault

# Field names of earlier versions, in the files of records and resolutions.
EARLIER_NAMES = {"needs": "needs_attention", "notes": "repairs", "words": "messages"}


@dataclass(frozen=True)
class CellScore:
    """The scores of one graded cell. kind: "automatic", or "manual" where a person reads it. auto_score: None where no
    automatic score was reached."""

    notebook: str
    name: str
    kind: str
    auto_score: float | None
    max_score: float


@dataclass(frozen=True)
class CellComment:
    """nbgrader's automatic comment on one cell, "No response." or None."""

    notebook: str
    name: str
    auto_comment: str | None


@dataclass(frozen=True)
class PartResult:
    """The verdict on one part of a question.

    verdict: a status of questions.model.PartResult, or a verdict of the formula reader. mistake: its name in the bank,
    or None. error: relative, None where it is not finite or nothing was compared. repair: of a formula.
    """

    name: str
    points: float
    maximum: float
    verdict: str
    mistake: str | None = None
    error: float | None = None
    messages: tuple[str, ...] = ()
    repair: str | None = None


@dataclass(frozen=True)
class QuestionResult:
    """The verdict on one question. score, maximum: in the points of its grade cell. public_seed: of the draw that the
    feedback shows, or None. errors: what the student's functions raised. seconds: that grading it took."""

    question: str
    notebook: str
    score: float
    maximum: float
    parts: tuple[PartResult, ...] = ()
    messages: tuple[str, ...] = ()
    public_seed: int | None = None
    errors: tuple[str, ...] = ()
    seconds: float = 0.0

    @property
    def mistakes(self) -> list[tuple[str, str]]:
        """(name of a mistake, name of the part in which it was made) of every part; several share a part's name."""
        return [(name, part.name) for part in self.parts for name in (part.mistake or "").split("; and ") if name]


@dataclass
class Record:
    """The result of grading one submission.

    key: submission and grader as one number. timestamp: the text of its timestamp.txt. needs_attention: sentences on
    what a person must look at. repairs: on what was mended. cells, comments: of each graded and each answered cell.
    questions: {id: QuestionResult}. notebooks: {name: the autograded notebook as text}. faults: of the grader itself.
    """

    student: str
    assignment: str = ""
    key: str = ""
    timestamp: str | None = None
    needs_attention: list[str] = field(default_factory=list)
    repairs: list[str] = field(default_factory=list)
    cells: list[CellScore] = field(default_factory=list)
    comments: list[CellComment] = field(default_factory=list)
    questions: dict[str, QuestionResult] = field(default_factory=dict)
    notebooks: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    faults: list[Fault] = field(default_factory=list)

    @property
    def status(self) -> str:
        """ "graded", "needs a person", or "not graded" where nothing could be graded at all."""
        return "not graded" if not self.cells else "needs a person" if self.needs_attention else "graded"

    @property
    def automatic(self) -> list[CellScore]:
        """The scores of the cells that are graded automatically."""
        return [cell for cell in self.cells if cell.kind == "automatic"]

    def save(self, path: Path) -> None:
        """Write the record to a file, whole or not at all."""
        write_whole(path, to_json(self))

    @classmethod
    def load(cls, path: Path) -> "Record":
        """The Record in a file. Raises OSError, or as `from_json`."""
        return from_json(Path(path).read_text(encoding="utf8"))


def to_json(record: Record) -> str:
    """A record as JSON text."""
    return json.dumps(asdict(record))


def from_json(text: str) -> Record:
    """The Record in JSON text, one that an earlier version has written included.

    Raises:
        ValueError, TypeError, AttributeError: it is no record.
    """
    record = _made(Record, json.loads(text))
    record.cells = [_made(CellScore, cell) for cell in record.cells]
    record.comments = [_made(CellComment, comment) for comment in record.comments]
    record.questions = {name: _question(question) for name, question in record.questions.items()}
    record.faults = [_made(Fault, fault) for fault in record.faults]
    return record


def renamed(entry: dict) -> dict:
    """A dict from a file, its keys under the names of this version."""
    return {EARLIER_NAMES.get(name, name): value for name, value in entry.items()}


def _question(entry):
    question = renamed(entry)
    parts = tuple(_made(PartResult, part) for part in question.pop("parts", ()))
    return _made(QuestionResult, question | {"parts": parts})


def _made(kind, entry):
    """An instance of a dataclass from a dict; lists become tuples where the dataclass has these."""
    values = renamed(entry)
    for each in fields(kind):
        if isinstance(each.default, tuple) and each.name in values:
            values[each.name] = tuple(values[each.name])
    return kind(**values)

"""Faults of the grader's own code: none costs a student a point, and each leaves its traceback.

Whoever catches more exceptions than can be named logs them to LOG. While a submission is graded, wherever that is,
`collected` gathers these entries for its Record, with which they travel; the one writer puts them into a file beside
the grades (`log_file`, `write_faults`).
"""

import logging
import sys
import threading
import traceback
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

LOG = logging.getLogger("autograder")
LOG.setLevel(logging.INFO)
LOG.addHandler(logging.NullHandler())  # nothing is printed unless somebody asks for it
FILE = "autograder.log"
MAX_COLLECTED = 100  # entries of one submission
MAX_TRACEBACK = 20_000  # characters of one


@dataclass(frozen=True)
class Fault:
    """An exception where none was expected.

    where: what failed, with the question. error: the exception, in one line. traceback: its text.
    level: "ERROR" where a person must look at the submission; "INFO" where nothing is lost by it.
    """

    where: str
    error: str = ""
    traceback: str = ""
    level: str = "ERROR"

    @property
    def need(self):
        """The sentence that asks for a person."""
        return f"{self.where}: {self.error}" if self.error else self.where

    @classmethod
    def of(cls, where, error, level="ERROR"):
        """The fault that an exception is; an exception without a message is told by its kind alone."""
        kind = f"{type(error).__name__}: {error}"
        text = "".join(traceback.format_exception(error))
        return cls(where, kind, text[-MAX_TRACEBACK:], level)


def guarded(where, function, *args, otherwise=None):
    """function(*args); where it raises, the fault is logged under the name `where`, and `otherwise` is returned."""
    try:
        return function(*args)
    except Exception:
        LOG.exception(where)
        return otherwise


@contextmanager
def collected():
    """The list of Faults that this thread logs in the body of the `with` statement; they reach no handler meanwhile.

    What is said of several draws stands there once.
    """
    faults, thread = [], threading.get_ident()

    def collect(entry):
        if threading.get_ident() != thread:
            return True
        error = entry.exc_info[1] if entry.exc_info else None
        where, level = entry.getMessage(), entry.levelname
        fault = Fault.of(where, error, level) if error else Fault(where, level=level)
        if len(faults) < MAX_COLLECTED and fault.need not in {known.need for known in faults}:
            faults.append(fault)
        return False

    LOG.addFilter(collect)
    try:
        yield faults
    finally:
        LOG.removeFilter(collect)


def write_faults(student, faults):
    """Log the faults that came with a student's record."""
    for fault in faults:
        LOG.log(
            logging.getLevelNamesMapping().get(fault.level, logging.ERROR),
            "%s: %s",
            student,
            fault.need,
            extra={"traceback": fault.traceback},
        )


@contextmanager
def log_file(out, *, verbose=False):
    """Append what is logged to out/autograder.log, in the body of the `with` statement. verbose: print it too."""
    handlers = [_File(Path(out) / FILE, encoding="utf8", errors="backslashreplace", delay=True)]
    handlers += [logging.StreamHandler(sys.stderr)] if verbose else []
    for handler in handlers:
        handler.setFormatter(_Entry("%(asctime)s %(levelname)s %(message)s"))
        LOG.addHandler(handler)
    try:
        yield
    finally:
        for handler in handlers:
            LOG.removeHandler(handler)
            handler.close()


class _File(logging.FileHandler):
    """A file that is made, with its folder, by the first entry."""

    def _open(self):
        Path(self.baseFilename).parent.mkdir(parents=True, exist_ok=True)
        return super()._open()


class _Entry(logging.Formatter):
    """An entry's first line, and its traceback indented below: no text of a student's can look like an entry."""

    def format(self, record):
        record.message = record.getMessage()
        record.asctime = self.formatTime(record)
        text = getattr(record, "traceback", "") or (self.formatException(record.exc_info) if record.exc_info else "")
        lines = [f"    {printable(line)}" for line in text.splitlines()]
        return "\n".join([printable(self.formatMessage(record)), *lines])


def printable(line):
    """A line as the log shows it: what cannot be printed is written as its number."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in line)

"""Everything that the course folder and its output hold of one student, removed."""

import json
import re
import shutil
import sqlite3
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from nbgrader.api import MissingEntry

from autograder.course.folder import Course, write_whole
from autograder.faults import FILE as FAULTS
from autograder.faults import printable
from autograder.grading.gradebook import export, record_file
from autograder.grading.resolutions import read_resolutions, undo

EXPORTS = ("for_canvas.csv", "for_moodle.csv", "report.html")  # made anew by the next export or report


@dataclass
class Forgotten:
    """removed: what was taken away. left: what still holds something of the student, and what to do there."""

    removed: list = field(default_factory=list)
    left: list = field(default_factory=list)


def forget(student: str, course: Course, submitted: Path | str | None = None) -> Forgotten:
    """Remove one student from the course folder, the gradebook and the output; safe to repeat after a crash.

    Records go first, so that nothing puts the student back into the gradebook, which an export would do.

    Args:
        student: the name of the student's folder.
        course: a Course; the caller holds its lock.
        submitted: the folder of <student>/<assignment>, whose <student> is removed too; None leaves it.

    Returns:
        Forgotten.

    Raises:
        ValueError: nothing is known of such a student, or the gradebook cannot be reached; in words for a teacher.
    """
    if student in ("", ".", "..") or "/" in student or "\0" in student:
        raise ValueError(f"{student!r} is no student's name")
    done = Forgotten()
    for path in _record_files(student, course):
        path.unlink()
        done.removed.append(f"the record {path}")
    if _remove_from_gradebook(student, course):
        done.removed.append("the student, the scores and the comments in the gradebook")
    folders = [course.root / step / student for step in ("autograded", "feedback", "submitted", "release")]
    folders += [course.out / "feedback" / student] + ([Path(submitted).resolve() / student] if submitted else [])
    for folder in dict.fromkeys(folders):
        if _remove(folder):
            done.removed.append(f"the folder {folder}")
    if not done.removed:
        raise ValueError(f"Nothing is known of a student called {student!r} in {course.root}.")
    _remove_from_files(student, course, done)
    export(course)
    done.removed.append(f"the rows in {course.out / 'grades.csv'} and grades.json")
    done.left = _not_removed(student, course, submitted)
    return done


def _record_files(student, course):
    """The student's record, in each assignment, and what lies beside it: one that waits, and damaged ones."""
    name = record_file(course, student).name
    folders = [path for path in course.records.parent.glob("*") if path.is_dir()]
    beside = re.compile(re.escape(name) + r"(?:\.new|\.damaged(?:-\d+)?)?", re.DOTALL)
    return sorted(path for folder in folders for path in folder.iterdir() if beside.fullmatch(path.name))


def _remove_from_gradebook(student, course):
    """Remove a student from the gradebook; True where there was one. SQLite then writes over what it deleted."""
    try:
        with course.open() as gradebook:
            gradebook.remove_student(student)
    except MissingEntry:
        return False
    if course.db is None:
        with closing(sqlite3.connect(course.root / "gradebook.db", isolation_level=None)) as database:
            database.execute("VACUUM")
    return True


def _remove(folder):
    """Remove a folder, or a link in its place; True where there was one."""
    if folder.is_symlink():
        folder.unlink()
    elif folder.is_dir():
        shutil.rmtree(folder)
    else:
        return False
    return True


def _remove_from_files(student, course, done):
    """Remove the student from files on several students, and remove exports, which the next export makes again."""
    stamps = course.root / "feedback.json"
    if stamps.is_file():
        entries = json.loads(stamps.read_text(encoding="utf8"))
        if entries.pop(student, None):
            write_whole(stamps, json.dumps(entries))
            done.removed.append(f"an entry in {stamps}")
    for name in EXPORTS:
        if (course.out / name).is_file():
            (course.out / name).unlink()
            done.removed.append(f"{course.out / name}, which names the class; make it anew")
    if any(each.student == student for each in read_resolutions(course)):
        undo(course, [student])
        done.removed.append("what was ticked off with `autograder resolve`")
    for log in (course.root / ".nbgrader.log", course.out / FAULTS):
        if count := _remove_from_log(student, log):
            done.removed.append(f"{count} entries of {log}")


def _remove_from_log(student, log):
    """Remove the entries of a log that name a student, with their tracebacks, which are indented. Returns how many."""
    if not log.is_file():
        return 0
    names = {student, printable(student)}
    named = re.compile("|".join(rf"(?<![\w.-]){re.escape(name)}(?![\w.-])" for name in names))
    entries = re.split(r"(?m)^(?! )", log.read_text(encoding="utf8", errors="replace"))
    remaining = [entry for entry in entries if not named.search(entry)]
    if len(remaining) < len(entries):
        write_whole(log, "".join(remaining))
    return len(entries) - len(remaining)


def _not_removed(student, course, submitted):
    """What this command cannot remove, a sentence for each."""
    again = "with it there, the next `autograder grade` grades the student again"
    left = [] if submitted else [f"the folder that you grade from, unless --submitted names it; {again}"]
    if student in course.rules.late.extensions:
        left.append(f"the student's line under [late.extensions] in {course.rules_file}")
    left.append("the roster and what was downloaded from the learning platform, and the grades imported there")
    left.append("copies of feedback that were handed out, backups, and what a disk keeps of deleted files")
    if course.db and (course.root / "gradebook.db").exists():
        left.append(f"{course.root / 'gradebook.db'}, the gradebook before it lay in PostgreSQL; delete the file")
    if course.db:
        left.append("the database server's own log, archive and backups; VACUUM there frees the deleted rows")
    return left

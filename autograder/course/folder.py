"""nbgrader's course folder, by default OUT/course: the release, the hidden seed, a record of each submission, grades.

`with course.lock():` around whatever writes into it; `with course.open() as gradebook:` for nbgrader's gradebook.
"""

import fcntl
import hashlib
import inspect
import os
import secrets
import shutil
import sqlite3
import sys
import time
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

from nbgrader.api import Gradebook
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DatabaseError, OperationalError

from autograder import versions
from autograder.assignment.load import find_assignment, load_assignment
from autograder.assignment.model import Assignment
from autograder.assignment.release import HERE, find_alembic, generate, nbgrader_config
from autograder.course import course_config
from autograder.extras import require_extra
from autograder.sandbox import temporary_folder
from autograder.sandbox.kernel_environment import find_kernel

LOCK_TIMEOUT = 600  # seconds that SQLite's lock is waited for
WAITING_MESSAGE = "the gradebook is in use by another program; waiting"

CONFIG_TEMPLATE = """# nbgrader's configuration of this course folder: `jupyter lab`, run here, has its Formgrader.
c = get_config()
c.CourseDirectory.root = {root!r}
c.CourseDirectory.feedback_directory = {feedback!r}
c.TrustedExecute.seed_file = {seed!r}
c.TrustedExecute.public_folder = {release!r}
c.TrustedExecute.assignment_folder = {assignment!r}
c.Autograde.autograde_preprocessors = [
    "autograder.grading.grader.TrustedExecute",  # nbgrader's own would run the grade cells beside the student's code
    "nbgrader.preprocessors.LimitOutput",
    "autograder.grading.grader.SaveGrades",
    "nbgrader.preprocessors.AssignLatePenalties",
    "nbgrader.preprocessors.CheckCellMetadata",
]

from autograder.reports.feedback import configure  # what a student wrote acts on no page, and no page asks outside

configure(c, {root!r}, {assignment!r})
"""


class Busy(ValueError):
    """Another process is writing into this course folder."""


@dataclass(frozen=True)
class Course:
    """Where things lie. `out` is what a teacher reads; `root`, nbgrader's course folder, is for the teacher alone.

    db: PostgreSQL's URL where the gradebook lies there, which may hold a password; no submission's grading reads it.
    assignment_folder: of the assignment, COURSE/assignments/NAME.
    """

    out: Path
    root: Path
    db: str | None = field(default=None, repr=False)
    assignment_folder: Path = field(default_factory=find_assignment)

    @classmethod
    def at(cls, out, root=None, db=None, assignment=None):
        """The course that grades into `out`; its folder is out/course unless it is named.

        db: where its gradebook is: a URL of PostgreSQL, "sqlite" for a file in the course folder, or None for what
        this course folder was prepared with. Raises ValueError where it is anything else, or psycopg2 is missing.
        assignment: the assignment's folder; None: that of find_assignment.
        """
        out = Path(out).resolve()
        root = Path(root).resolve() if root else out / "course"
        if db is None and (root / "gradebook.url").is_file():
            db = (root / "gradebook.url").read_text(encoding="utf8")
        db = _postgresql(db) if db and db != "sqlite" else None
        if db:
            require_extra("A gradebook in PostgreSQL", "psycopg2", "postgres")
        return cls(out, root, db, Path(assignment).resolve() if assignment else find_assignment())

    @property
    def name(self) -> str:
        """The assignment's name."""
        return self.assignment_folder.name

    @property
    def assignment(self) -> Assignment:
        return load_assignment(self.assignment_folder)

    @property
    def kernel_folder(self) -> Path:
        """The folder of the environment that submissions run in, which may be missing."""
        return find_kernel(self.assignment_folder.parents[1])

    @property
    def rules_file(self) -> Path:
        """The course.toml that counts. Raises ValueError where there are two."""
        return course_config.find_config(self.root, self.assignment_folder.parents[1])

    @property
    def rules(self) -> course_config.CourseConfig:
        """What course.toml says now. Raises ValueError, in words for a teacher."""
        return course_config.read_config(self.rules_file)

    @property
    def seed_file(self):
        return self.root / "hidden_seed"

    @property
    def records(self):
        return self.root / "records" / self.name

    @property
    def template(self):
        """A course folder that holds the assignment and no submission: each submission is graded in a copy of it."""
        return self.root / "template"

    @property
    def release(self):
        return self.template / "release" / self.name

    @property
    def gradebook(self):
        """The URL of nbgrader's gradebook, a password included."""
        if self.db is None:
            url = URL.create("sqlite", database=str(self.root / "gradebook.db"), query={"timeout": "60"})
        else:
            url = make_url(self.db)
            url = url.update_query_dict({"connect_timeout": "10"} | dict(url.query))
        return url.render_as_string(hide_password=False)

    @contextmanager
    def open(self):
        """nbgrader's Gradebook, open in the `with` statement's body. While another program holds SQLite's lock, waits.

        Raises:
            ValueError: there is no reaching it, then or in the body; in words for a teacher, without a password.
        """
        if self.db is None:
            _wait_for(self.root / "gradebook.db")
        find_alembic()
        try:
            with temporary_folder.holding_temporary_files():
                opened = Gradebook(self.gradebook)
            with opened as gradebook:
                yield gradebook
        except DatabaseError as error:
            if type(error) not in (DatabaseError, OperationalError):
                raise
            raise ValueError(self._unreachable(str(error.orig).strip().split("\n")[0])) from None

    def _unreachable(self, why):
        if self.db is None:
            return f"The gradebook {self.root / 'gradebook.db'} cannot be used: {why}. What was graded is kept."
        url = make_url(self.db)
        why = why.replace(url.password, "***") if url.password else why
        return (
            f"The gradebook cannot be used: {why}\n"
            f"Is the server running, and are host, port, user and database right in {without_password(self.db)} ?\n"
            "A password is best kept in ~/.pgpass, or in the variable PGPASSWORD. "
            "What was graded is kept; then run this again."
        )

    @contextmanager
    def lock(self):
        """Keep other writers out of this course folder. The system ends it with this process, however that ends.

        Raises:
            Busy: another process has it; in words for a teacher.
        """
        self.root.mkdir(parents=True, exist_ok=True)
        with open(self.root / "lock", "a+", encoding="utf8") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                file.seek(0)
                raise Busy(
                    f"Another autograder (process {file.read() or 'unknown'}) is writing into {self.root}.\n"
                    "Wait until it has ended, then run this again."
                ) from None
            file.truncate(0)
            file.write(str(os.getpid()))
            file.flush()
            yield

    def config(self):
        """nbgrader's configuration of this course."""
        config = nbgrader_config(self.root, self.name)
        config.CourseDirectory.db_url = self.gradebook
        config.CourseDirectory.feedback_directory = str(self.out / "feedback")
        return config

    def _config_file(self):
        feedback, seed, release = map(str, (self.out / "feedback", self.seed_file, self.release))
        paths = dict(root=str(self.root), feedback=feedback, seed=seed, release=release)
        text = CONFIG_TEMPLATE.format(**paths, assignment=str(self.assignment_folder))
        if self.db:
            remark = "a password is never written here; it is read from ~/.pgpass or the variable PGPASSWORD"
            text += f"c.CourseDirectory.db_url = {without_password(self.db)!r}  # {remark}\n"
        return text

    def prepare(self):
        """Make what is missing or out of date: the seed, the assignment in nbgrader's form, its place in the gradebook.

        Returns the fingerprint of all that a grade depends on but the submission itself.

        Raises:
            ValueError: course.toml holds a mistake, or the gradebook cannot be reached; in words for a teacher.
        """
        self.records.mkdir(parents=True, exist_ok=True)
        course_config.write_defaults(self.rules_file.parent)
        _ = self.rules  # a mistake in it is said before anything is graded
        fresh = self.db is None and not (self.root / "gradebook.db").exists()
        known = not fresh and self._has_assignment()
        make_seed(self.seed_file)
        sources = sources_digest(self)
        stamp = self.root / "assignment.sha256"
        current = stamp.exists() and stamp.read_text() == sources
        if not current:
            stamp.unlink(missing_ok=True)
            shutil.rmtree(self.template, ignore_errors=True)
            generate(self.assignment, self.template)
        if fresh:
            shutil.copytree(self.template, self.root, dirs_exist_ok=True, ignore=lambda *_: ["gradebook.db"])
            partial = self.root / "gradebook.db.partial"
            shutil.copy(self.template / "gradebook.db", partial)
            partial.replace(self.root / "gradebook.db")
        elif not (known and current):
            generate(self.assignment, self.root, self.gradebook)
        write_whole(stamp, sources)
        if self.db:
            write_whole(self.root / "gradebook.url", without_password(self.db))
        else:
            (self.root / "gradebook.url").unlink(missing_ok=True)
        write_whole(self.root / "nbgrader_config.py", self._config_file())
        return fingerprint_of(self)

    def _has_assignment(self):
        with self.open() as gradebook:
            return any(assignment.name == self.name for assignment in gradebook.assignments)


def write_whole(path: Path | str, text: str) -> None:
    """Write a file's text, whole or not at all, whatever happens meanwhile to this process or this machine."""
    partial = Path(path).with_name(f"{hashlib.sha256(os.fsencode(Path(path).name)).hexdigest()[:16]}.partial")
    with open(partial, "w", encoding="utf8", newline="") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


def without_password(url: str) -> str:
    """A database's URL as it may be shown and written down."""
    return make_url(url)._replace(password=None).render_as_string(hide_password=False)


def _postgresql(url):
    try:
        parsed = make_url(url)
        known = parsed.drivername.partition("+")[0] in ("postgresql", "postgres")
        if known and parsed.database and url.count("@") <= 1 and not {"password", "sslpassword"} & set(parsed.query):
            return parsed.set(drivername="postgresql+psycopg2").render_as_string(hide_password=False)
    except (ArgumentError, ValueError):  # neither quotes the URL without its password
        pass
    raise ValueError(
        "--db names a database of PostgreSQL:  postgresql://USER@HOST:PORT/DATABASE\n"
        "A password is best kept in ~/.pgpass, or in the variable PGPASSWORD. In a URL @ is %40, / %2F and : %3A.\n"
        'The other choice is "sqlite", a file in the course folder.'
    )


def _wait_for(file):
    """Return when no other program holds SQLite's lock on this file, or after PATIENCE; say it when that takes long."""
    begun, said = time.monotonic(), False
    while file.exists() and time.monotonic() - begun < LOCK_TIMEOUT:
        try:
            with closing(sqlite3.connect(file, timeout=1, isolation_level=None)) as probe:
                probe.execute("BEGIN IMMEDIATE")
                probe.execute("ROLLBACK")
            return
        except sqlite3.DatabaseError as error:
            if error.sqlite_errorcode & 0xFF not in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
                return  # opening it will say what is the matter
            if not said:
                print(WAITING_MESSAGE, file=sys.stderr, flush=True)
                said = True


def make_seed(path: Path) -> None:
    """Write a new hidden seed, readable by its owner alone, where there is none yet."""
    if path.exists():
        return
    partial = path.with_suffix(".partial")
    partial.unlink(missing_ok=True)
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(str(secrets.randbits(128)))
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


def fingerprint_of(course: Course) -> str:
    """One number for all that a grade depends on but the submission and the options: hidden seed, GRADING_VERSION, what
    the assignment asks, packages, and what a repaired formula costs."""
    digest = hashlib.sha256(course.seed_file.read_bytes())
    digest.update(f"{course.rules.formulas.repair_percent}\0{versions.GRADING_VERSION}\0".encode())
    _add_files(digest, (course.assignment_folder,), {".md", ".svg"})
    for path in course.assignment.own.values():
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    for package in ("numpy", "nbgrader", "ipykernel"):
        digest.update(f"{package}=={version(package)}".encode())
    return digest.hexdigest()


def sources_digest(course: Course) -> str:
    """One number for the source text of grader, assignment and its functions: the release is made of it."""
    digest = hashlib.sha256()
    functions = {
        Path(inspect.getfile(inspect.unwrap(function))).parent for function in course.assignment.functions.values()
    }
    _add_files(digest, (HERE, course.assignment_folder, *sorted(functions)))
    return digest.hexdigest()


def _add_files(digest, folders, suffixes=frozenset({".py", ".md", ".svg"})):
    for folder in folders:
        for path in sorted(path for path in folder.rglob("*") if path.suffix in suffixes):
            digest.update(path.name.encode() + b"\0" + path.read_bytes())

"""A teacher's course folder: nbgrader's own, the hidden seed, and a record of each submission."""

import hashlib
import os
import secrets
import shutil
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from autograder.release import ASSIGNMENT, HERE, course_config, generate

APART = {"cli.py", "demo.py", "batch.py", "course.py", "feedback.py", "gradebook.py"}  # no grade depends on these

CONFIG = """# nbgrader's configuration of this course folder: `jupyter lab`, run here, has its Formgrader.
c = get_config()
c.CourseDirectory.root = {root!r}
c.CourseDirectory.feedback_directory = {feedback!r}
c.TrustedExecute.seed_file = {seed!r}
c.TrustedExecute.public_folder = {release!r}
c.Autograde.autograde_preprocessors = [
    "autograder.grading.execute.TrustedExecute",  # nbgrader's own would run the grade cells beside the student's code
    "nbgrader.preprocessors.LimitOutput",
    "nbgrader.preprocessors.SaveAutoGrades",
    "nbgrader.preprocessors.AssignLatePenalties",
    "nbgrader.preprocessors.CheckCellMetadata",
]
"""


@dataclass(frozen=True)
class Course:
    """Where things lie. `out` is what a teacher reads; `root`, nbgrader's course folder, is for the teacher alone."""

    out: Path
    root: Path

    @classmethod
    def at(cls, out, root=None):
        """The course that grades into `out`; its folder is out/course unless it is named."""
        out = Path(out).resolve()
        return cls(out, Path(root).resolve() if root else out / "course")

    @property
    def seed_file(self):
        return self.root / "hidden_seed"

    @property
    def records(self):
        return self.root / "records" / ASSIGNMENT

    @property
    def template(self):
        """A course folder that holds the assignment and no submission: each submission is graded in a copy of it."""
        return self.root / "template"

    @property
    def release(self):
        return self.template / "release" / ASSIGNMENT

    @property
    def gradebook(self):
        return f"sqlite:///{self.root / 'gradebook.db'}"

    def config(self):
        """nbgrader's configuration of this course."""
        config = course_config(self.root)
        config.CourseDirectory.feedback_directory = str(self.out / "feedback")
        return config

    def _config_file(self):
        feedback, seed, release = map(str, (self.out / "feedback", self.seed_file, self.release))
        return CONFIG.format(root=str(self.root), feedback=feedback, seed=seed, release=release)

    def prepare(self):
        """Make what is missing or out of date: the seed, the assignment in nbgrader's form, its place in the gradebook.

        Returns the fingerprint of all that a grade depends on but the submission itself.
        """
        self.records.mkdir(parents=True, exist_ok=True)
        make_seed(self.seed_file)
        fingerprint = _fingerprint(self.seed_file)
        stamp = self.root / "assignment.sha256"
        if not stamp.exists() or stamp.read_text() != fingerprint:
            shutil.rmtree(self.template, ignore_errors=True)
            generate(self.template)
            if (self.root / "gradebook.db").exists():
                generate(self.root)
            else:
                shutil.copytree(self.template, self.root, dirs_exist_ok=True)
            stamp.write_text(fingerprint)
        (self.root / "nbgrader_config.py").write_text(self._config_file(), encoding="utf8")
        return fingerprint


def make_seed(path):
    """Write a new hidden seed, readable by its owner alone, where there is none yet."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return
    with os.fdopen(descriptor, "w") as file:
        file.write(str(secrets.randbits(128)))


def _fingerprint(seed_file):
    digest = hashlib.sha256(seed_file.read_bytes())
    for folder in (HERE, HERE.parent / "solutions"):
        for path in sorted(p for p in folder.rglob("*") if p.suffix in {".py", ".md", ".svg"} and p.name not in APART):
            digest.update(path.name.encode() + b"\0" + path.read_bytes())
    for package in ("numpy", "nbgrader", "ipykernel"):
        digest.update(f"{package}=={version(package)}".encode())
    return digest.hexdigest()

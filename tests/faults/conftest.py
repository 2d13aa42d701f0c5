"""A small class, the grades that it gets when nothing happens, and what may not be left when something has."""

import csv
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import nbformat
import psutil
import pytest
from nbgrader.api import Gradebook

from autograder.course.folder import Course
from tests.hw1 import fill, right_answers, write

CLASS = {  # student: notebooks with the right answers, but for these cells
    "ada": ("problem1", {}),
    "bob": ("problem1", {"softmax_jacobian": "def softmax_jacobian(x):\n    return np.diag(softmax_forward(x)[0])"}),
    "ida": ("problem1", {"batch_norm_jacobian": "import os\nos._exit(1)"}),
    "kim": (None, {}),
}


class Grading:
    """One class, a course folder, and a temporary folder of its own; `autograder grade` on it, as a process."""

    def __init__(self, folder, submitted, prepared):
        self.submitted, self.out, self.temporary = submitted, folder / "out", folder / "t"
        self.temporary.mkdir(parents=True)
        shutil.copytree(prepared, self.out / "course")
        self.course = Course.at(self.out)

    def start(self, *options):
        command = [sys.executable, "-m", "autograder.cli", "grade", str(self.submitted), "--out", str(self.out)]
        env = os.environ | {"TMPDIR": str(self.temporary), "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        quiet = dict(stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        return subprocess.Popen([*command, "--jobs", "2", *options], env=env, **quiet)

    def run(self, *options):
        """Grade to the end; what was printed."""
        process = self.start(*options)
        printed, _ = process.communicate(timeout=240)
        assert process.returncode == 3, printed  # somebody needs a person
        return printed

    def grades(self):
        """Everything that a teacher may see of the grades, without the seconds."""
        with open(self.out / "grades.csv", newline="", encoding="utf8") as file:
            rows = [{k: v for k, v in row.items() if k != "seconds"} for row in csv.DictReader(file)]
        with Gradebook(self.course.gradebook) as gradebook:
            book = {
                (submission.student.id, notebook.name, grade.name): (grade.auto_score, grade.needs_manual_grade)
                for submission in gradebook.assignment_submissions("hw1")
                for notebook in submission.notebooks
                for grade in notebook.grades
            }
        return rows, book, _timeless(json.loads((self.out / "grades.json").read_text()))

    def kept(self):
        """{student: the bytes of the record}, of all that are graded and on the disk."""
        return {path.name.split(".")[0]: path.read_bytes() for path in self.course.records.glob("*.json*")}

    def leftovers(self):
        """What is still there of a grading: processes, mounts, sockets, files."""
        found = []
        for process in psutil.process_iter():
            try:
                known = [*process.cmdline(), *process.environ().values(), process.cwd()]
            except psutil.Error:
                continue
            if any(str(self.temporary.parent) in word for word in known):
                found.append(f"process {process.pid} {process.name()}")
        for table in ("/proc/self/mounts", "/proc/net/unix"):
            if Path(table).exists():
                found += [line for line in Path(table).read_text().splitlines() if str(self.temporary.parent) in line]
        return found + [str(path) for path in self.temporary.rglob("*")]

    def still_there(self, within=15):
        """`leftovers`, after a while if there are any at first."""
        end = time.monotonic() + within
        while (found := self.leftovers()) and time.monotonic() < end:
            time.sleep(0.1)
        return found


def grades(pid):
    """Whether a process has a sandbox in which a submission runs."""
    for child in psutil.Process(pid).children():
        with suppress(psutil.Error):
            if any("kernel_server.py" in word for word in child.cmdline()):
                return True
    return False


def _timeless(data):
    if isinstance(data, dict):
        return {key: _timeless(value) for key, value in data.items() if key != "seconds"}
    return [_timeless(value) for value in data] if isinstance(data, list) else data


@pytest.fixture(scope="session")
def short():
    """A folder with a short name: a socket's path may have some hundred characters."""
    folder = Path(tempfile.mkdtemp(prefix="f-"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def prepared(short):
    """A prepared course folder, to be copied."""
    course = Course.at(short / "prepared")
    course.prepare()
    return course.root


@pytest.fixture(scope="session")
def submitted(short, prepared):
    released = {path.stem: nbformat.read(path, as_version=4) for path in prepared.glob("release/hw1/*.ipynb")}
    for student, (name, cells) in CLASS.items():
        folder = short / "submitted" / student / "hw1"
        folder.mkdir(parents=True)
        if name:
            write(fill(released[name], right_answers() | cells), folder / f"{name}.ipynb")
    return short / "submitted"


@pytest.fixture
def grading(short, submitted, prepared):
    """A class that waits to be graded."""
    return Grading(Path(tempfile.mkdtemp(prefix="g", dir=short)), submitted, prepared)


@pytest.fixture(scope="session")
def undisturbed(short, submitted, prepared):
    """The grades that the class gets when nothing happens, and the seconds that it takes."""
    quiet = Grading(Path(tempfile.mkdtemp(prefix="u", dir=short)), submitted, prepared)
    begun = time.monotonic()
    quiet.run()
    seconds = time.monotonic() - begun
    assert quiet.still_there() == []
    rows, *others = quiet.grades()
    # ida: her kernel ends before the cells of the formulas of 1-2 and 1-3 are run, so these are read from their text
    assert {row["student"]: float(row["auto_score"]) for row in rows} == {"ada": 16, "bob": 12, "ida": 4, "kim": 0}
    return (rows, *others), seconds

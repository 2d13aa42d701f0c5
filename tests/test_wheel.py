"""The wheel, installed outside this repository: a new course is made, released, solved, graded and handed back."""

import csv
import importlib.metadata
import json
import os
import re
import shutil
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import nbformat
import pytest
from packaging.requirements import Requirement

from autograder.sandbox.bubblewrap import KERNEL, NoSandbox, find

ROOT = Path(__file__).parents[1]
RIGHT = """
def rms_norm_backward(dout, cache):
    x_hat, rms, gamma = cache
    dx_hat = dout * gamma
    return {
        "dx": (dx_hat - x_hat * (dx_hat * x_hat).mean(axis=1, keepdims=True)) / rms,
        "dgamma": (dout * x_hat).sum(axis=0),
    }
"""
WRONG = RIGHT.replace(" - x_hat * (dx_hat * x_hat).mean(axis=1, keepdims=True)", "")
STUDENTS = {"ada": RIGHT, "bob": WRONG, "eve": "while True:\n    pass"}
EVERY_COMMAND = {"new", "kernel", "release", "demo", "preview", "formula", "collect", "grade", "summary", "feedback"}
EVERY_COMMAND |= {"export", "resolve", "report", "forget", "doctor"}


def without_checkout():
    """The variables of this process, but for what lets pip find a checkout that would count as installed."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}


def pip(*words):
    """Run this environment's pip, which fetches nothing and knows of no checkout."""
    command = [sys.executable, "-m", "pip", *words, "--quiet", "--no-deps"]
    done = subprocess.run(command, capture_output=True, text=True, env=without_checkout() | {"PIP_NO_INDEX": "1"})
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="session")
def wheel(tmp_path_factory):
    """The wheel, built from a copy of what it is made of."""
    folder = tmp_path_factory.mktemp("wheel")
    for name in ("pyproject.toml", "README.md", *(path.name for path in ROOT.glob("LICENSE*"))):
        shutil.copy(ROOT / name, folder)
    for name in ("autograder", "solutions", "assignments", "book", "verification"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    pip("wheel", "--no-build-isolation", "--wheel-dir", folder / "dist", folder)
    (path,) = (folder / "dist").glob("*.whl")
    return path


def closure(names):
    """The distributions that these requirements lead to here, by name."""
    found, waiting = {}, [Requirement(name) for name in names]
    while waiting:
        wanted = waiting.pop()
        key = re.sub(r"[-_.]+", "-", wanted.name).lower()
        marked = wanted.marker is None or any(wanted.marker.evaluate({"extra": e}) for e in ("", *wanted.extras))
        if key in found or not marked:
            continue
        found[key] = importlib.metadata.distribution(wanted.name)
        waiting += [each for line in found[key].requires or () if (each := _with_extras(line, wanted.extras))]
    return found


def _with_extras(line, extras):
    """A requirement of a distribution, if it counts with these extras of it."""
    wanted = Requirement(line)
    if wanted.marker and not any(wanted.marker.evaluate({"extra": extra}) for extra in ("", *extras)):
        return None
    wanted.marker = None
    return wanted


def dependencies(wheel):
    """What the wheel says that it needs, without extras."""
    with zipfile.ZipFile(wheel) as archive:
        (metadata,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        text = archive.read(metadata).decode()
    return [line for line in re.findall(r"(?m)^Requires-Dist: (.*)$", text) if "extra ==" not in line]


@pytest.fixture(scope="session")
def environment(wheel, tmp_path_factory):
    """An environment of its own that holds the wheel and links to its dependencies, and nothing else; its folder."""
    folder = tmp_path_factory.mktemp("installed") / "env"
    venv.create(folder, symlinks=True)
    python = folder / "bin" / "python"
    (site,) = folder.glob("lib/python*/site-packages")
    for distribution in closure(dependencies(wheel)).values():
        for top in {file.parts[0] for file in distribution.files if file.parts[0] not in ("..", "__pycache__")}:
            if not (site / top).exists() and distribution.locate_file(top).exists():
                (site / top).symlink_to(distribution.locate_file(top))
    (folder / "share").symlink_to(Path(sys.prefix, "share"))  # templates of nbconvert
    alembic = folder / "bin" / "alembic"  # nbgrader runs it by its name
    alembic.write_text(f"#!{python}\nimport sys\nfrom alembic.config import main\nsys.exit(main())\n")
    alembic.chmod(0o755)
    pip("--python", python, "install", wheel)
    return folder


class Teacher:
    """Somebody who types commands in a folder, with one environment and nothing of this repository."""

    def __init__(self, environment, folder):
        self.environment, self.folder, self.typed = environment, folder, set()

    def run(self, *command):
        """Run a program of the environment. Returns what came of it."""
        names = ("HOME", "LANG", "PIP_CERT", "PIP_FIND_LINKS", "SSL_CERT_FILE", "TMPDIR")  # of here; no PYTHONPATH
        kept = {name: os.environ[name] for name in names if name in os.environ}
        path = f"{self.environment / 'bin'}:/usr/local/bin:/usr/bin:/bin"
        words = [self.environment / "bin" / command[0], *command[1:]]
        options = {"cwd": self.folder, "env": kept | {"PATH": path}, "stdin": subprocess.DEVNULL}
        return subprocess.run(words, capture_output=True, text=True, timeout=300, **options)

    def __call__(self, *command, status=0):
        """Type an autograder's command and expect its status. Returns what it printed."""
        self.typed.add(command[0])
        done = self.run("autograder", *map(str, command))
        said = done.stdout + done.stderr
        assert done.returncode == status, f"{' '.join(map(str, command))}: {said}"
        assert "Traceback" not in said
        return said

    def submit(self, student, released, answer):
        """Hand in a released notebook with an answer in its cell."""
        notebook = nbformat.read(self.folder / released / "problem1.ipynb", as_version=4)
        (cell,) = (c for c in notebook.cells if c.metadata.get("nbgrader", {}).get("grade_id") == "rms_norm_backward")
        assert "dx_hat" not in cell.source, "the solution is left out"
        cell.source = answer
        folder = self.folder / "submitted" / student / Path(released).name
        folder.mkdir(parents=True)
        nbformat.write(notebook, folder / "problem1.ipynb")

    def grades(self):
        """{student: (automatic score, score after what being late costs)}, as the teacher reads them."""
        with open(self.folder / "_build/grading/grades.csv", encoding="utf8") as file:
            return {row["student"]: (float(row["auto_score"]), float(row["score"])) for row in csv.DictReader(file)}


def teach(teacher, kernel):
    """Everything that a teacher does with a course, from its first file on. kernel(): makes the environment."""
    said = teacher("new", "course")
    teacher.folder /= "course"
    assert "autograder kernel" in said and len((teacher.folder / "README.md").read_text().splitlines()) <= 12
    teacher("release")
    shutil.copytree(teacher.folder / "_build/release/homework1", teacher.folder / "work")
    assert {path.name for path in (teacher.folder / "work").iterdir()} == {
        "checks.py",
        "formulas.py",
        "gradcheck.py",
        "mistake_names.py",
        "problem1.ipynb",
        "rms_norm.py",
    }
    assert "rms norm: 0 of 6" in teacher("preview", "_build/release/homework1")
    teacher("demo")
    missing = teacher("grade", "_build/demo/submitted", status=1)
    assert f"is missing: {teacher.folder}/.venv-kernel\n  Make it:  autograder kernel" in missing
    kernel()
    teacher("grade", "_build/demo/submitted")
    assert teacher.grades() == {"perfect": (6, 6), "constant_root": (2, 2), "empty": (0, 0)}

    for student, answer in STUDENTS.items():
        teacher.submit(student, "_build/release/homework1", answer)
    shutil.rmtree(teacher.folder / "_build/grading")
    late = teacher.folder / "submitted/ada/homework1/timestamp.txt"
    late.write_text("2030-01-02 12:00:00 UTC")
    rules = teacher.folder / "course.toml"
    rules.write_text(rules.read_text().replace("# due = 2030-01-31T23:59:00+01:00", "due = 2030-01-01T13:00:00Z"))
    roster = teacher.folder / "class.csv"
    roster.write_text(
        "id,name,email\nada,Ada L,ada@example.org\nbob,Bob B,bob@example.org\neve,Eve E,eve@example.org\n"
    )
    teacher("collect", "submitted", "--roster", "class.csv", "--out", "collected")
    assert "is stopped" in (said := teacher("grade", "collected", "--timeout", "3", status=3)) or "took longer" in said
    assert teacher.grades() == {"ada": (6, pytest.approx(5.4)), "bob": (2, 2), "eve": (0, 0)}
    teacher("resolve", "eve", "--because", "an endless loop")
    assert "0 need you" in teacher("summary")
    teacher("feedback")
    page = (teacher.folder / "_build/grading/feedback/bob/homework1/problem1.html").read_text()
    assert "rms norm" in page and "2 of 6" in page
    teacher("report")
    teacher("export")
    said = teacher("export", "--to", "moodle", "--roster", "class.csv")
    assert "for_moodle.csv" in said and not (teacher.folder / "_build/grading/course/course.toml").exists()
    assert "The sandbox holds." in teacher("doctor")
    teacher("formula", "x", "--question", "1", status=1)
    said = json.loads((teacher.folder / "_build/grading/grades.json").read_text())
    assert {q["verdict"] for q in said["students"]["ada"]["questions"].values()} == {"right"}
    teacher("forget", "eve")
    assert set(teacher.grades()) == {"ada", "bob"}

    teacher("new", "assignment", "homework2")
    assert "say which one:  --assignment NAME" in teacher("release", status=1)
    teacher("release", "--assignment", "homework2")
    assert (teacher.folder / "_build/release/homework2/problem1.ipynb").is_file()
    assert teacher.typed == EVERY_COMMAND


def test_it_has_one_package_and_all_its_files(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    assert {name.partition("/")[0].partition("-")[0] for name in names} == {"autograder", "backprop_by_hand"}
    made = [path for path in (ROOT / "autograder").rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    wanted = {str(path.relative_to(ROOT)) for path in made} - {"autograder/sandbox/kernel.in"}
    assert {name for name in names if name.startswith("autograder/")} == wanted


@pytest.mark.skipif(not KERNEL.exists(), reason="make .venv-kernel/.ready")
def test_a_course_is_taught_with_the_wheel_alone(environment, tmp_path):
    try:
        find()
    except NoSandbox as error:
        pytest.skip(str(error))
    teacher = Teacher(environment, tmp_path)
    where = teacher.run("python", "-c", "import autograder; print(autograder.__file__)").stdout
    assert where.startswith(str(environment))
    for name in ("solutions", "assignments", "book", "verification", "distributed", "pytest", "sphinx"):
        assert f"No module named {name!r}" in teacher.run("python", "-c", f"import {name}").stderr
    teach(teacher, lambda: (teacher.folder / ".venv-kernel").symlink_to(KERNEL) or teacher.typed.add("kernel"))


@pytest.mark.parametrize(
    ("options", "extra"), [(["--dask", "tcp://127.0.0.1:9"], "dask"), (["--db", "postgresql://a@b/c"], "postgres")]
)
def test_an_extra_that_is_missing_is_named(environment, tmp_path, options, extra):
    teacher = Teacher(environment, tmp_path)
    teacher("new", "course")
    teacher.folder /= "course"
    teacher("demo")
    (teacher.folder / ".venv-kernel").symlink_to(KERNEL)
    said = teacher("grade", "_build/demo/submitted", *options, status=1)
    assert f"needs a package that is not installed:  pip install 'backprop-by-hand[{extra}]'" in said


def test_outside_a_course_folder_it_is_said(environment, tmp_path):
    teacher = Teacher(environment, tmp_path)
    for command in (["release"], ["demo"], ["kernel"], ["new", "assignment", "homework2"], ["summary"]):
        said = teacher(*command, status=1)
        assert "There is no assignment" in said and "assignments/NAME/assignment.py" in said
    teacher("new", "course")
    for words, why in {
        ("course",): "is there already",
        ("other", "--assignment", "a-b"): "cannot be an assignment's name",
        ("one", "two", "three"): "autograder new COURSE",
    }.items():
        assert why in teacher("new", *words, status=1)
    assert [path.name for path in tmp_path.iterdir()] == ["course"]


@pytest.mark.soak
def test_a_course_is_taught_with_what_pip_installs(wheel, tmp_path):
    """As a teacher installs it: from the package index, which it needs."""
    folder = tmp_path / "env"
    venv.create(folder, with_pip=True)
    command = [folder / "bin/python", "-m", "pip", "install", "--quiet", wheel]
    subprocess.run(command, check=True, timeout=900, env=without_checkout())
    teacher = Teacher(folder, tmp_path)
    teach(teacher, lambda: teacher("kernel"))

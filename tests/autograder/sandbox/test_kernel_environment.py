"""Where the environment that submissions run in lies, and how it is made, or is not."""

import os
import subprocess
from pathlib import Path

import pytest

from autograder.sandbox import kernel_environment
from autograder.sandbox.kernel_environment import find_kernel, kernel_of, make_kernel


@pytest.fixture
def nothing_named(monkeypatch, tmp_path):
    """No variable names an environment, and the engine lies in an empty folder."""
    monkeypatch.delenv("AUTOGRADER_KERNEL", raising=False)
    monkeypatch.setattr(kernel_environment, "ENGINE_FOLDER", tmp_path / "engine")


def test_a_course_has_its_own_or_else_the_engines(nothing_named, tmp_path):
    own, of_engine = tmp_path / "course/.venv-kernel", tmp_path / "engine/.venv-kernel"
    assert find_kernel(tmp_path / "course") == own == kernel_of(tmp_path / "course"), "there is none yet"
    of_engine.mkdir(parents=True)
    assert find_kernel(tmp_path / "course") == of_engine
    assert kernel_of(tmp_path / "course") == own, "where it would be made"
    own.mkdir(parents=True)
    assert find_kernel(tmp_path / "course") == own


def test_one_that_is_named_is_the_one(nothing_named, monkeypatch, tmp_path):
    (tmp_path / "engine/.venv-kernel").mkdir(parents=True)
    monkeypatch.setenv("AUTOGRADER_KERNEL", str(tmp_path / "named"))
    assert find_kernel(tmp_path / "course") == kernel_of(tmp_path / "course") == tmp_path / "named", "even if missing"


@pytest.fixture
def lock(monkeypatch, tmp_path):
    """An empty lock file to install from, and no package index."""
    monkeypatch.setattr(kernel_environment, "LOCK", tmp_path / "kernel.lock")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    (tmp_path / "kernel.lock").touch()
    return tmp_path / "kernel.lock"


def test_whoever_made_it_the_sandboxs_user_can_read_it(lock, tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "of the teacher"))
    before = os.umask(0o077)
    try:
        make_kernel(tmp_path / "kernel", say=lambda line: None)
        make_kernel(tmp_path / "kernel", say=lambda line: None)  # a second time, in its place
    finally:
        os.umask(before)
    paths = [tmp_path / "kernel", *(tmp_path / "kernel").rglob("*")]
    assert all(path.stat().st_mode & 0o044 == 0o044 for path in paths)
    show = [tmp_path / "kernel/bin/python", "-c", "import sys; print(sys.prefix)"]
    assert subprocess.run(show, capture_output=True, text=True).stdout.strip() == str(tmp_path / "kernel")


def test_where_it_cannot_be_made_it_is_said_and_nothing_is_left(lock, tmp_path):
    lock.write_text("no-such-package==1.0 --hash=sha256:" + 64 * "0" + "\n")
    with pytest.raises(ValueError, match=r"could not be made:(.|\s)*no-such-package"):
        make_kernel(tmp_path / "kernel", say=lambda line: None)
    assert not (tmp_path / "kernel").exists()


def test_a_folder_that_is_no_environment_is_left_alone(lock, tmp_path):
    (tmp_path / "kernel").mkdir()
    (tmp_path / "kernel/thesis.tex").write_text("all of it")
    with pytest.raises(ValueError, match="no environment of Python's, so it is left alone"):
        make_kernel(tmp_path / "kernel")
    assert Path(tmp_path / "kernel/thesis.tex").read_text() == "all of it"

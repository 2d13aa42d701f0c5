"""After kill -9, at whatever moment, nothing of the grader's is left in the temporary folder."""

import os
import signal
import subprocess
import sys
import tempfile
import time

import pytest

from autograder.sandbox import temporary_folder

# Each stops itself, as kill -9 would find it, at the moment when nbgrader has just written its alembic.ini.
STOP = """
import os, signal, sys, tempfile
from pathlib import Path
import nbgrader.dbutil
write = nbgrader.dbutil.write_alembic_ini
def write_and_stop(*args, **options):
    write(*args, **options)
    os.kill(os.getpid(), signal.SIGSTOP)
nbgrader.dbutil.write_alembic_ini = write_and_stop
"""
MAKERS = {
    "course": "from autograder.course.folder import Course\nCourse.at(Path(sys.argv[1])).prepare()",
    "gradebook": "from autograder.course.folder import Course\ncourse = Course.at(Path(sys.argv[1]))\n"
    "course.root.mkdir(parents=True)\nwith course.open():\n    pass",
    "release": "from tests.hw1 import release\nrelease(sys.argv[1])",
}


@pytest.mark.parametrize("maker", MAKERS)
def test_nothing_stays_behind_after_kill_9(tmp_path, maker):
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    line = [sys.executable, "-c", STOP + MAKERS[maker], str(tmp_path / "out")]
    process = subprocess.Popen(line, env=os.environ | {"TMPDIR": str(temporary)})
    assert os.WIFSTOPPED(os.waitpid(process.pid, os.WUNTRACED)[1])
    assert list(temporary.rglob("alembic.ini")), "it is killed while the file is there"
    process.send_signal(signal.SIGKILL)
    process.wait()
    deadline = time.monotonic() + 60
    while list(temporary.iterdir()) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert list(temporary.iterdir()) == []


def test_temporary_files_lie_in_its_folder_for_as_long_as_it_is_said():
    before = tempfile.gettempdir()
    with temporary_folder.holding_temporary_files(), tempfile.NamedTemporaryFile() as file:
        assert file.name.startswith(str(temporary_folder.folder()))
    assert tempfile.gettempdir() == before

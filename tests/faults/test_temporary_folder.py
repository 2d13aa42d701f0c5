"""The temporary folder is gone after every kind of end, and nobody else keeps it alive."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from autograder.sandbox import temporary_folder

HOLDS = """
import os, subprocess, sys, threading, time
from autograder.sandbox import temporary_folder
folder = temporary_folder.folder()
(folder / "deep").mkdir()
(folder / "deep/file").touch()
(folder / "deep").chmod(0)
left = subprocess.Popen(["sleep", "60"], close_fds=False)   # started by us, and survives us
forked = os.fork()
if not forked:
    assert temporary_folder._mine is None
    own = temporary_folder.folder()
    assert own != folder
    print(own, flush=True)
    time.sleep(60)
time.sleep(0.5)
print(folder, left.pid, forked, flush=True)
"""


def gone(path, within=10):
    end = time.monotonic() + within
    while Path(path).exists() and time.monotonic() < end:
        time.sleep(0.02)
    return not Path(path).exists()


@pytest.mark.parametrize(
    "end", ["sys.exit(3)", "os._exit(3)", "raise ValueError", "os.kill(os.getpid(), 9)", "os.kill(os.getpid(), 15)"]
)
def test_nothing_is_left_after_any_end(end):
    code = HOLDS + end
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    childs = process.stdout.readline().strip()
    folder, left, forked = process.stdout.readline().split()
    try:
        process.wait(20)
        assert gone(folder), "the folder of the process"
        assert Path(childs).exists(), "the child is still there"
        os.kill(int(forked), signal.SIGKILL)
        assert gone(childs), "the folder of its child"
        os.kill(int(left), 0)
    finally:
        for pid in (left, forked):
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)


def test_a_signal_to_all_of_the_group_does_not_reach_the_janitor():
    code = "from autograder.sandbox import temporary_folder; import time\n"
    code += "print(temporary_folder.folder(), flush=True); time.sleep(60)"
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, start_new_session=True)
    folder = process.stdout.readline().strip()
    assert Path(folder).stat().st_mode & 0o777 == 0o700
    os.killpg(process.pid, signal.SIGKILL)
    process.wait(20)
    assert gone(folder)


def test_threads_share_one_folder():
    found = []
    threads = [threading.Thread(target=lambda: found.append(temporary_folder.folder())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(found)) == 1
    assert found[0].is_dir()

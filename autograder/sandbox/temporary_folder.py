"""This process's own temporary folder, removed when the process ends for whatever reason."""

import atexit
import os
import secrets
import subprocess
import tempfile
import threading
from contextlib import contextmanager
from pathlib import Path

# Waits until nobody holds the pipe's other end any more. Whoever lives in the folder (a kernel without a sandbox, whose
# environment names it) is ended. What dies with us may write for another moment: try again.
JANITOR = """
trap '' HUP INT QUIT TERM PIPE TSTP
read -r _
for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
  for found in $(grep -lsF "=$1/" /proc/[0-9]*/environ); do
    found=${found%/environ}; kill -9 "${found#/proc/}"
  done
  chmod -R u+rwX "$1"; rm -rf "$1"
  [ -e "$1" ] || exit 0
  sleep 1
done
"""

_mine = None  # (folder, the pipe's writing end, the janitor)
_lock = threading.Lock()


def folder() -> Path:
    """The temporary folder of this process alone; the same at each call, and gone soon after the process.

    A small shell in a session of its own waits at a pipe that only this process holds, and removes the folder when the
    pipe is closed: by the process's end of whatever kind, kill -9 included. A forked child has a folder of its own.

    Raises:
        OSError: no folder can be made.
    """
    global _mine
    with _lock:
        if _mine is None:
            _mine = _make()
        return _mine[0]


@contextmanager
def holding_temporary_files():
    """In the `with` statement's body, what a library writes to the temporary folder lies in this process's own.

    nbgrader writes an alembic.ini wherever it makes a gradebook, and would leave it behind after kill -9.
    """
    before, tempfile.tempdir = tempfile.tempdir, str(folder())
    try:
        yield
    finally:
        tempfile.tempdir = before


def _make():
    path = Path(tempfile.gettempdir()).resolve() / f"autograder-{secrets.token_hex(6)}"
    read, write = os.pipe()  # neither is inherited by what is executed
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "start_new_session": True, "cwd": "/"}
    try:
        janitor = subprocess.Popen(["/bin/sh", "-c", JANITOR, "janitor", str(path)], stdin=read, **quiet)
    except OSError:
        os.close(write)
        raise
    finally:
        os.close(read)
    path.mkdir(mode=0o700)  # after the janitor: there is no moment at which it would be left behind
    return path, write, janitor


def _leave():
    """At a normal end: wait until the folder is gone."""
    global _mine
    if _mine:
        _, write, janitor = _mine
        _mine = None
        os.close(write)
        try:
            janitor.wait(timeout=5)
        except subprocess.TimeoutExpired:
            janitor.returncode = 0  # it goes on by itself


def _forked():
    """In a forked child: the folder is the parent's."""
    global _mine, _lock
    _lock = threading.Lock()
    if _mine:
        os.close(_mine[1])
        _mine[2].returncode = 0  # not this process's child
        _mine = None


atexit.register(_leave)
os.register_at_fork(after_in_child=_forked)

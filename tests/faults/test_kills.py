"""Processes are killed while a class is graded: the grades come out the same, and nothing is left behind."""

import random
import signal
import time
from contextlib import suppress

import nbformat
import psutil
import pytest

from .conftest import CLASS, grades


def kill_at(grading, undisturbed, seed, times):
    """kill -9 of the grader at a random moment, so many times; then run to the end."""
    grades, whole = undisturbed
    draw, kept = random.Random(seed), {}
    for _ in range(times):
        process = grading.start("--resume")
        time.sleep((seed % 3 + draw.random()) * 0.3 * whole)  # early, in the middle, or late
        with suppress(psutil.NoSuchProcess):
            family = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=20)
        assert grading.still_there() == []
        _, alive = psutil.wait_procs(family, timeout=20)
        assert not [member for member in alive if member.status() != psutil.STATUS_ZOMBIE]
        for student, record in kept.items():
            assert grading.kept()[student] == record, "it was graded twice"
        kept = grading.kept()
    printed = grading.run("--resume")
    assert grading.grades() == grades
    after = grading.kept()
    assert set(after) == set(CLASS)
    assert {student: after[student] for student in kept} == kept, "it was graded twice"
    assert f"{len(kept)} of {len(CLASS)} submissions have not changed" in printed or not kept
    assert grading.still_there() == []


@pytest.mark.parametrize("seed", range(3))
def test_whenever_the_grader_is_killed_the_grades_are_the_same(grading, undisturbed, seed):
    kill_at(grading, undisturbed, seed, times=1)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(3, 23))
def test_whenever_the_grader_is_killed_the_grades_are_the_same_twenty_times(grading, undisturbed, seed):
    kill_at(grading, undisturbed, seed, times=1 + seed % 2)


def test_a_worker_that_is_killed_costs_nobody_anything(grading, undisturbed):
    process = grading.start()
    lines = [process.stdout.readline()]
    (server,) = (c for c in psutil.Process(process.pid).children() if "forkserver" in " ".join(c.cmdline()))
    end = time.monotonic() + 100
    while not (busy := [worker for worker in server.children() if grades(worker.pid)]) and time.monotonic() < end:
        time.sleep(0.02)
    busy[0].kill()
    printed = lines[0] + process.communicate(timeout=240)[0]
    assert process.returncode == 3
    assert "ended while grading" not in printed
    assert grading.grades() == undisturbed[0]
    assert grading.still_there() == []


@pytest.mark.parametrize("sandbox", ["bubblewrap", "none"])
def test_a_loop_does_not_outlive_a_killed_grader(grading, sandbox):
    """Not even one that takes no signal, in a process of its own."""
    path = grading.submitted.parent / f"loop-{sandbox}" / "max" / "hw1" / "problem1.ipynb"
    path.parent.mkdir(parents=True)
    path.write_bytes((grading.submitted / "ada/hw1/problem1.ipynb").read_bytes())
    notebook = nbformat.read(path, as_version=4)
    loop = (
        "import os, signal\nfor s in (1, 2, 3, 15):\n    signal.signal(s, signal.SIG_IGN)\nos.fork()\nwhile True: pass"
    )
    next(cell for cell in notebook.cells if cell.cell_type == "code").source = loop
    notebook.cells.insert(0, nbformat.v4.new_code_cell(loop))
    nbformat.write(notebook, path)
    grading.submitted = path.parents[2]
    process = grading.start("--timeout", "60", "--sandbox", sandbox)
    end = time.monotonic() + 100
    while time.monotonic() < end and not _burning(process.pid):
        time.sleep(0.1)
    family = psutil.Process(process.pid).children(recursive=True)
    assert _burning(process.pid)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=20)
    assert grading.still_there() == []
    assert not [member for member in family if member.is_running() and member.status() != psutil.STATUS_ZOMBIE]


def _burning(pid):
    """Whether a kernel of this grader has a forked child."""
    burning = 0
    for child in psutil.Process(pid).children(recursive=True):
        with suppress(psutil.Error):  # it has just ended
            burning += "kernel_server.py" in " ".join(child.cmdline()) and child.cpu_times().user > 0.7
    return burning >= 2

"""A real scheduler and two real workers, as processes on this machine; one is killed while it grades."""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager

import pytest

from .conftest import CLASS, grades

pytest.importorskip("distributed", reason="Dask is not installed")
LOCAL = ["--host", "127.0.0.1", "--no-dashboard"]


@contextmanager
def cluster(folder, threads=(1, 1)):
    """The scheduler's address and the workers' processes."""
    file = folder / "scheduler.json"
    env = os.environ | {"TMPDIR": str(folder), "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    env |= {"DASK_DISTRIBUTED__ADMIN__SYSTEM_MONITOR__GIL__ENABLED": "false"}

    def start(name, *options):
        command = [sys.executable, "-m", f"distributed.cli.dask_{name}", "--scheduler-file", str(file), *LOCAL]
        return subprocess.Popen([*command, *options], env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    started = [start("scheduler", "--port", "0")]
    try:
        for number, count in enumerate(threads):
            place = ["--local-directory", str(folder / f"w{number}"), "--no-nanny"]
            started.append(start("worker", "--nthreads", str(count), *place))
        end = time.monotonic() + 100
        while not file.exists() and time.monotonic() < end:
            time.sleep(0.05)
        address = json.loads(file.read_text())["address"]
        from distributed import Client

        with Client(address, timeout=30, set_as_default=False) as client:
            client.wait_for_workers(len(threads), timeout=60)
        yield address, started[1:]
    finally:
        for process in started:
            process.kill()
            process.wait()


def test_a_class_is_graded_by_dask_though_a_worker_is_killed(grading, undisturbed):
    place = grading.temporary.parent / "d"
    place.mkdir()
    with cluster(place) as (address, workers):
        process = grading.start("--dask", address)
        end = time.monotonic() + 100
        while not (busy := [w for w in workers if grades(w.pid)]) and time.monotonic() < end:
            time.sleep(0.05)
        busy[0].send_signal(signal.SIGKILL)
        printed, _ = process.communicate(timeout=240)
        assert process.returncode == 3, printed
        assert f"{len(CLASS)}/{len(CLASS)}" in printed
        assert grading.grades() == undisturbed[0]
    assert grading.still_there() == []


def test_workers_that_would_grade_wrongly_are_refused_in_words(grading):
    place = grading.temporary.parent / "d"
    place.mkdir()
    with cluster(place, threads=(2,)) as (address, _):
        process = grading.start("--dask", address)
        printed, _ = process.communicate(timeout=120)
    assert process.returncode == 1
    assert "A worker grades one submission at a time" in printed
    assert "dask worker --nthreads 1" in printed
    process = grading.start("--dask", address)
    printed, _ = process.communicate(timeout=120)
    assert process.returncode == 1
    assert f"There is no Dask scheduler at {address}" in printed
    assert not grading.kept()

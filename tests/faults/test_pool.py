"""Processes that die, hang and break down: each costs its own call, and no other."""

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from functools import partial

import psutil
import pytest

from autograder.grading import executors as pool
from autograder.grading.batch import _record, _results
from autograder.grading.executors import WorkerDied, WorkerPool, WorkerTimedOut

DIES_ONCE = """
import os, pathlib, time
begun = pathlib.Path({!r})
if not begun.exists():
    begun.touch()
    os.kill(os.getpid(), 9)
(begun.parent / "alone").write_text(repr(time.monotonic()))
"""


@pytest.fixture(scope="module")
def two():
    with WorkerPool(2, timeout=2) as processes:
        yield processes


def test_a_death_costs_one_call(two):
    killed, ended = two.submit(signal.raise_signal, signal.SIGKILL), two.submit(os._exit, 3)
    others = [two.submit(divmod, n, 4) for n in range(6)]
    assert [future.result(60) for future in others] == [divmod(n, 4) for n in range(6)]
    with pytest.raises(WorkerDied, match=r"exit status -9"):
        killed.result(60)
    with pytest.raises(WorkerDied, match=r"exit status 3"):
        ended.result(60)


@pytest.mark.parametrize("call", [(time.sleep, 60), (signal.raise_signal, signal.SIGSTOP)])
def test_who_does_not_answer_is_ended(two, call):
    late, other = two.submit(*call), two.submit(os.getpid)
    pid = other.result(60)
    with pytest.raises(WorkerTimedOut, match="no answer in 2 s"):
        late.result(60)
    assert psutil.pid_exists(pid)


def test_what_is_raised_is_raised_here(two):
    with pytest.raises(RuntimeError, match="ZeroDivisionError: division by zero"):
        two.submit(exec, "1 / 0").result(60)


def test_a_process_is_renewed(monkeypatch):
    monkeypatch.setattr(pool, "MAX_TASKS_PER_WORKER", 2)
    with WorkerPool(1, timeout=20) as one:
        pids = [one.submit(os.getpid).result(60) for _ in range(5)]
        assert len(set(pids)) == 3
        assert not psutil.pid_exists(pids[0])
    assert not psutil.pid_exists(pids[-1])


def test_an_interrupt_ends_them_at_once():
    begun = time.monotonic()
    with pytest.raises(KeyboardInterrupt), WorkerPool(1, timeout=60) as one:
        one.submit(os.getpid).result(60)
        one.submit(time.sleep, 60)
        raise KeyboardInterrupt
    assert time.monotonic() - begun < 20


def test_whose_process_died_is_tried_once_more_alone(two, tmp_path):
    file = tmp_path / "begun"
    late = f"import time; time.sleep(0.5); open({str(tmp_path / 'late')!r}, 'w').write(repr(time.monotonic()))"
    calls = {"once": partial(exec, DIES_ONCE.format(str(file))), "twice": partial(os._exit, 3)}
    calls |= {"late": partial(exec, late), "fails": partial(int, "x"), "right": partial(int, "7")}
    found = dict(_results(calls, two, timeout=60))
    assert set(found) == set(calls)
    assert found["right"] == 7
    assert found["once"] is None
    assert float((tmp_path / "alone").read_text()) > float((tmp_path / "late").read_text())
    assert isinstance(found["twice"], WorkerDied)
    (need,) = _record("twice", found["twice"], "hw1").needs_attention
    assert need.startswith("the grader's own process ended while grading it, twice")
    assert "ValueError" in _record("fails", found["fails"], "hw1").needs_attention[0]


class Nobody(Executor):
    """Never answers."""

    def submit(self, function, *args):
        return Future()


def test_nobody_is_waited_for_for_ever():
    found = dict(_results({"ada": int, "bob": int}, Nobody(), timeout=0.1))
    assert all(isinstance(answer, WorkerTimedOut) for answer in found.values())
    assert len(found) == 2


def test_any_executor_will_do():
    with ThreadPoolExecutor(2) as threads:
        assert dict(_results({n: partial(int, n) for n in "123"}, threads, 60)) == {"1": 1, "2": 2, "3": 3}
    with ProcessPoolExecutor(2) as broken:  # it ends at the first death, and everybody still has an answer
        found = dict(_results({"dies": partial(os._exit, 3)} | {n: partial(int, n) for n in "123"}, broken, 60))
    assert set(found) == {"dies", *"123"}
    assert isinstance(found["dies"], BrokenExecutor)


def test_they_end_with_their_parent():
    code = (
        "import os, time\n"
        "from autograder.grading.executors import WorkerPool\n"
        "if __name__ == '__main__':\n"
        "    two = WorkerPool(2, 60)\n"
        "    two.submit(time.sleep, 60), two.submit(time.sleep, 60)\n"
        "    print('ready', flush=True)\n"
        "    time.sleep(100)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    end = time.monotonic() + 100
    assert process.stdout.readline() == "ready\n"
    family = []
    while len(family) < 5 and time.monotonic() < end:  # forkserver, its tracker, two workers, the janitor
        time.sleep(0.05)
        family = psutil.Process(process.pid).children(recursive=True)
    process.kill()
    process.wait()
    process.stdout.close()
    gone, alive = psutil.wait_procs(family, timeout=10)
    assert not [p for p in alive if p.status() != psutil.STATUS_ZOMBIE]
    assert len(gone) + len(alive) == len(family) >= 5

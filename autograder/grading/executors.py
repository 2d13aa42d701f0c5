"""Executors that grade a batch: a pool of processes on this machine, or a Dask cluster's workers."""

from __future__ import annotations

import multiprocessing
import os
import threading
import traceback
import warnings
from collections.abc import Iterator
from concurrent.futures import BrokenExecutor, Executor, ThreadPoolExecutor
from contextlib import contextmanager
from multiprocessing import forkserver
from multiprocessing.connection import wait
from pathlib import Path
from typing import TYPE_CHECKING

from autograder.extras import require_extra
from autograder.sandbox import temporary_folder  # and no more, so that `begin` can come before all that takes its time

if TYPE_CHECKING:
    from autograder.course.folder import Course

MAX_TASKS_PER_WORKER = 25  # submissions after which a process is replaced by a fresh one
CONTEXT = multiprocessing.get_context("forkserver")
GRADING_MODULE = "autograder.grading.submission"


def begin(assignment: Path | None = None) -> None:
    """Start the server that processes are forked from: it imports what they need while this process does the same.

    assignment: the assignment's folder; None: each process loads the assignment itself.
    """
    of_assignment = [f"{assignment.parent.name}.{assignment.name}.assignment"] if assignment else []
    CONTEXT.set_forkserver_preload([GRADING_MODULE, *of_assignment])
    # multiprocessing's own socket lies where it is cleared away, whatever becomes of this process
    multiprocessing.current_process()._config["tempdir"] = str(temporary_folder.folder())
    forkserver.ensure_running()


class WorkerDied(BrokenExecutor):
    """The worker's process ended before it returned a result."""


class WorkerTimedOut(TimeoutError):
    """The worker returned no result in time."""


class WorkerPool(Executor):
    """A pool of at most `jobs` processes, one call each at a time, replaced after MAX_TASKS_PER_WORKER calls.

    A call whose process ends raises WorkerDied. A call without a result after `timeout` seconds raises WorkerTimedOut,
    and its process is killed. The other calls continue. When this process ends, for whatever reason, the workers end.
    """

    def __init__(self, jobs, timeout):
        self._timeout = timeout
        self._threads = ThreadPoolExecutor(jobs)  # a thread waits for a process
        self._idle, self._busy = [], set()
        begin()

    def submit(self, function, /, *args, **options):
        return self._threads.submit(self._run, (function, args, options))

    def __exit__(self, kind, *_):
        self.shutdown(cancel_futures=kind is not None)

    def _run(self, call):
        worker = self._worker()
        self._busy.add(worker)
        try:
            answered, value = worker.ask(call, self._timeout)
        except BaseException:
            worker.kill()
            raise
        finally:
            self._busy.discard(worker)
        if worker.tasks < MAX_TASKS_PER_WORKER:
            self._idle.append(worker)
        else:
            worker.close()
        if not answered:
            message, text = value
            error = RuntimeError(message)
            error.add_note(text)
            raise error
        return value

    def _worker(self):
        try:
            return self._idle.pop()
        except IndexError:
            return _Worker()

    def shutdown(self, wait=True, *, cancel_futures=False):
        """End the processes after their current calls, or at once with cancel_futures."""
        self._threads.shutdown(wait=False, cancel_futures=cancel_futures)
        for worker in list(self._busy) if cancel_futures else ():
            worker.kill()
        self._threads.shutdown(wait=wait)
        while wait and self._idle:
            self._idle.pop().close()


class _Worker:
    """A worker process, and the local end of the pipe to it."""

    _one = threading.Lock()  # starting one looks at them all, and an exit status can be read once

    def __init__(self):
        self.tasks = 0
        self._pipe, theirs = CONTEXT.Pipe()
        self._process = CONTEXT.Process(target=_serve, args=(theirs,), daemon=True)
        with self._one:
            self._process.start()
        theirs.close()

    def ask(self, call, timeout):
        self.tasks += 1
        late = threading.Event()
        watch = threading.Timer(timeout, lambda: (late.set(), self.kill()))
        watch.daemon = True
        watch.start()
        try:
            self._pipe.send(call)
            return self._pipe.recv()
        except (EOFError, OSError) as error:
            with self._one:
                self._process.join()
            if late.is_set():
                raise WorkerTimedOut(f"no answer in {timeout:g} s; its process was ended") from error
            raise WorkerDied(f"the grader's own process ended (exit status {self._process.exitcode})") from error
        finally:
            watch.cancel()

    def kill(self):
        self._process.kill()

    def close(self):
        self._pipe.close()
        with self._one:
            self._process.join(5)
        self._process.kill()


def _serve(pipe):
    """The worker's main loop: answer calls until the pipe is closed."""
    os.setsid()  # Ctrl-C is for the one that started it
    quietly()
    threading.Thread(target=_end_with_parent, daemon=True).start()
    while True:
        try:
            function, args, options = pipe.recv()
        except EOFError:
            return
        try:
            answer = True, function(*args, **options)
        except Exception as error:
            answer = False, (f"{type(error).__name__}: {error}", traceback.format_exc())
        pipe.send(answer)


def _end_with_parent():
    wait([multiprocessing.parent_process().sentinel])
    os._exit(1)


def quietly() -> None:
    """Suppress the warnings that nbgrader's own code causes in SQLAlchemy 2."""
    warnings.filterwarnings("ignore", category=Warning, module="nbgrader")


@contextmanager
def dask(address: str, course: Course, fingerprint: str, sandbox: str) -> Iterator[Executor]:
    """A Dask cluster's executor.

    Its workers must see the course folder and the submissions under the same paths (a file system that they share),
    hold this version of the grader, and run one call at a time, each in a process of its own.

    Raises:
        ValueError: Dask is not installed, there is no scheduler, or its workers are not like that; in words for a
            teacher.
    """
    require_extra("--dask", "distributed", "dask")
    from distributed import Client

    from autograder.course.folder import sources_digest

    try:
        client = Client(address, timeout=10, set_as_default=False)
    except (OSError, ValueError) as error:
        raise ValueError(f"There is no Dask scheduler at {address}: {error}") from error
    with client:
        workers = client.scheduler_info(n_workers=-1)["workers"]
        if not workers:
            raise ValueError(f"The Dask scheduler at {address} has no workers. Start them:  {DASK_COMMAND} {address}")
        several = [name for name, worker in workers.items() if worker["nthreads"] != 1]
        if several:
            raise ValueError(
                f"A worker grades one submission at a time, but {several[0]} has threads: {DASK_COMMAND} {address}"
            )
        answers = client.run(_worker_problem, course, fingerprint, sources_digest(course), sandbox)
        problems = {name: why for name, why in answers.items() if why}
        if problems:
            raise ValueError("\n".join(f"Dask worker {name}: {why}" for name, why in problems.items()))
        executor = client.get_executor(pure=False)
        try:
            yield executor
        finally:
            executor.shutdown(wait=False)


DASK_COMMAND = "dask worker --nthreads 1"


def _worker_problem(course, fingerprint, sources, sandbox):
    """What a worker lacks, in words, or "". Runs there."""
    from autograder.course.folder import fingerprint_of, sources_digest
    from autograder.sandbox.bubblewrap import require

    try:
        if (fingerprint_of(course), sources_digest(course)) != (fingerprint, sources):
            return "it holds another version of the grader or of its packages"
        require(sandbox, course.kernel_folder)
    except OSError as error:
        return f"it does not see the course folder ({error}); all must share a file system"
    except ValueError as error:
        return str(error)
    quietly()
    return ""

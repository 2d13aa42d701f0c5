"""A notebook's cells, run in a sandbox: what they print, and a copy of the kernel behind a door at each grade cell."""

import asyncio
import builtins
import json
import math
import os
import secrets
import signal
import socket
import time
from contextlib import suppress
from copy import deepcopy
from dataclasses import dataclass, field
from queue import Empty

import zmq
from jupyter_client.manager import AsyncKernelManager
from jupyter_core.utils import ensure_async, run_sync
from nbclient import NotebookClient
from nbclient.exceptions import CellControlSignal, CellExecutionComplete, CellTimeoutError, DeadKernelError
from nbformat.v4 import new_output
from nbgrader.utils import is_grade

from autograder.assignment.cell_names import formula_cell
from autograder.faults import LOG
from autograder.sandbox import protocol
from autograder.sandbox.bubblewrap import KERNEL, OPEN, Opened, Specs, graded_files
from autograder.sandbox.student_code import FAILS_AT_HOME_TOO, kernel_environment, prepare, stops_early

STOPPED = "CellTimeoutError"
GRACE = 5  # seconds that a kernel gets to obey an interrupt, or to say that a cell has ended: a machine may be busy
LONGEST = 16 * 2**20  # bytes of a kernel's message
WAITING = 64  # messages of a kernel that wait to be read


@dataclass
class Run:
    """What came of a notebook's cells.

    outputs: of each cell, None where it was not run. doors: {grade_id: Door}. seen: {grade_id: (functions, what public
    draws have shown, seconds that it took)}. needs: what a person must look at. notes: what was left out of its cells,
    or guessed. doubts: what a person must look at if points are missing. lost: why the rest was not run, or "".
    """

    outputs: list
    doors: dict = field(default_factory=dict)
    seen: dict = field(default_factory=dict)
    needs: list = field(default_factory=list)
    notes: list = field(default_factory=list)
    doubts: list = field(default_factory=list)
    lost: str = ""

    def close(self):
        """Nobody is asked any more."""
        for door in self.doors.values():
            door.near.close()

    def lose(self, why):
        """The kernel is gone: what comes after is not run."""
        if not self.lost:
            self.lost = why
            self.needs.append(f"{why} (the cells before it count)")


class Door:
    """This end of a door: behind the other waits a copy of a kernel in a sandbox."""

    def __init__(self, near, sandbox):
        self.near, self.sandbox, self.pid, self.started = near, sandbox, None, None

    @property
    def ended(self):
        """Why the watch has ended what was behind it, or ""."""
        return self.sandbox.reasons.get(self.started, "")

    def ask(self, name, given, seconds, watch=False):
        """Have a function called, by protocol.run or protocol.watch. Returns the text of the answer, or None where
        there is nobody behind the door.

        Raises:
            TimeoutError: no answer has come in time, though the call should have been stopped.
            ValueError: something came that is no answer.
        """
        deadline = time.monotonic() + seconds + GRACE
        asked = {"name": name, "seconds": seconds, "watch": watch}
        try:
            if self.pid is None:
                self.pid = int(protocol.receive(self.near, deadline) or 0)
            self.near.settimeout(seconds + GRACE)
            protocol.send(self.near, json.dumps(asked | {"given": json.dumps(given)}))
            return protocol.receive(self.near, deadline)
        except (BrokenPipeError, ConnectionResetError):
            return None

    def told(self):
        """The text that a formula's cell has sent, or None where none has. Raises as `ask`."""
        return protocol.receive(self.near, time.monotonic() + GRACE, protocol.TOLD)

    def close(self):
        """Nobody is asked any more, and whoever is behind the door ends."""
        self.near.close()
        if self.pid and self.started == self.sandbox.pid:  # in a sandbox that was started anew it is another process's
            self.sandbox.signal(self.pid, signal.SIGKILL)


class Cells(NotebookClient):
    """nbclient, for a kernel that may say anything.

    key: of its sandbox, in OPEN. most: characters that a cell may print. said: what this one has printed so far.
    run_id: of the request that ran it, or None. stopped: whether it was stopped. error: the name of the error that
    ended it, or "".
    """

    key, most, said, interrupting, stopped, run_id, error = "", 0, 0, None, False, None, ""

    def create_kernel_manager(self):
        """A manager whose every kernel is the sandbox's, and whose sockets take in so much and no more."""
        km = AsyncKernelManager(kernel_spec_manager=Specs(opened=self.key))
        km.context.setsockopt(zmq.MAXMSGSIZE, LONGEST)
        km.context.setsockopt(zmq.RCVHWM, WAITING)
        self.km = km
        return km

    async def async_start_new_kernel_client(self):
        """A client, once the kernel answers and is heard on its output channel too. (nbclient then waits for silence.)

        Raises:
            RuntimeError: the kernel does not answer.
        """
        self.kc = self.km.client()
        self.kc.start_channels(stdin=False, hb=False)
        self.kc.allow_stdin = False
        deadline = time.monotonic() + self.startup_timeout
        while time.monotonic() < deadline and await ensure_async(self.km.is_alive()):
            self.kc.kernel_info()
            with suppress(Empty):
                await ensure_async(self.kc.shell_channel.get_msg(timeout=1))
                await ensure_async(self.kc.iopub_channel.get_msg(timeout=0.05))
                return self.kc
        raise RuntimeError("a kernel did not answer")

    start_new_kernel_client = run_sync(async_start_new_kernel_client)

    def process_message(self, msg, cell, cell_index):
        """Keep an output, as long as the cell has not said too much; leave what is no message."""
        try:
            if msg["msg_type"] != "status":
                self.said += len(repr(msg["content"]))
                if self.said > self.most:
                    self.interrupting = self.interrupting or asyncio.ensure_future(self._interrupt())
                    return None
            return super().process_message(msg, cell, cell_index)
        except CellExecutionComplete:
            raise
        except Exception:  # a forged message
            LOG.info("a message of the kernel's could not be read", exc_info=True)
            return None

    def on_cell_executed(self, cell, cell_index, execute_reply):
        """Say in the cell that it was stopped; keep how it ended, and the id of the request that ran it."""
        self.error = str(execute_reply["content"].get("ename") or "")
        self.run_id = execute_reply.get("parent_header", {}).get("msg_id")
        if execute_reply["content"].get("ename") == STOPPED and not execute_reply.get("header"):
            words = f"Stopped after {self.timeout:g} s. The other cells count."
            cell.outputs.append(new_output("error", ename=STOPPED, evalue="", traceback=[words]))
            self.stopped = True

    async def _interrupt(self):
        await ensure_async(self.km.interrupt_kernel())

    async def _async_keep(self, number, formula=None):
        """Have the kernel leave a copy of itself behind a door; or a formula's string, where one is asked.

        formula: None, or (the question, the id of its own cell's run or None, those of the other formulas).
        """
        what = "keep" if formula is None else "tell"
        given = ", ".join(map(repr, formula or ()))
        code = f'__import__("autograder_kernel").{what}({number}, globals(), {given})'
        asked = await ensure_async(self.kc.execute(code, silent=True, store_history=False, stop_on_error=False))
        deadline = time.monotonic() + GRACE
        while time.monotonic() < deadline:
            with suppress(Empty):
                reply = await ensure_async(self.kc.shell_channel.get_msg(timeout=0.5))
                if reply["parent_header"].get("msg_id") == asked:
                    if reply["content"].get("status") != "ok":
                        raise RuntimeError(
                            f"no copy of the kernel could be made: {reply['content'].get('ename')}"[:200]
                        )
                    return
            await self._async_check_alive()
        raise CellTimeoutError("The kernel does not answer")

    keep = run_sync(_async_keep)

    async def _async_kill(self):
        await ensure_async(self.km.shutdown_kernel(now=True))

    kill = run_sync(_async_kill)


def run(nb, sandbox, timeout, formulas=None):
    """Run a notebook's cells in a sandbox, all but the grade cells, where a copy of the kernel is left behind a door.

    Args:
        nb: the notebook; it is not changed.
        sandbox: a Sandbox.
        timeout: seconds that a cell may take.
        formulas: {grade_id of a check: question} where no function is asked but a formula.

    Returns:
        A Run. Nothing that a student's code does raises; what breaks is in its `needs`.

    Raises:
        NoSandbox, RuntimeError: no kernel could be started, which is the machine's fault.
    """
    found = Run([None] * len(nb.cells))
    nb = deepcopy(nb)
    _prepare(nb, found, sandbox)
    graded = [cell.metadata.nbgrader.grade_id for cell in nb.cells if cell.cell_type == "code" and is_grade(cell)]
    pairs = [socket.socketpair() for _ in graded]
    found.doors = {name: Door(near, sandbox) for name, (near, _) in zip(graded, pairs, strict=True)}
    key = secrets.token_hex(8)
    OPEN[key] = Opened(sandbox, [far for _, far in pairs])
    options = {
        "startup_timeout": 30,
        "shutdown_kernel": "immediate",
        "iopub_timeout": GRACE,
        "raise_on_iopub_timeout": True,
        "allow_errors": True,
        "interrupt_on_timeout": True,
        "error_on_timeout": {"ename": STOPPED},  # `on_cell_executed` says it in the cell
    }
    client = Cells(nb, timeout=math.ceil(timeout), **options)
    client.key, client.most = key, sandbox.limits.output * 2**20
    formulas = formulas or {}
    runs = dict.fromkeys(map(formula_cell, formulas.values()))
    try:
        with client.setup_kernel():
            for door in found.doors.values():
                door.started = sandbox.pid
            for index, cell in enumerate(nb.cells):
                if cell.cell_type == "code" and not found.lost:
                    _run_cell(client, cell, index, graded, formulas, runs, found, sandbox)
    except Exception as error:
        if not (sandbox.ended or sandbox.used):
            raise
        LOG.info("the run of a notebook's cells broke off", exc_info=True)
        found.lose(sandbox.ended or f"no kernel could be started after the notebook before ({error})")
    finally:
        del OPEN[key]
        for _, far in pairs:
            far.close()
    return found


def _prepare(nb, found, sandbox):
    """Leave out of its cells what cannot run where they are graded: said in the Run's notes and doubts."""
    own = frozenset(path.stem for path in graded_files(sandbox.public))
    runs = [cell.cell_type == "code" and not is_grade(cell) for cell in nb.cells]
    cells = [
        (_called(cell, index), cell.source if run else None)
        for index, (cell, run) in enumerate(zip(nb.cells, runs, strict=True))
    ]
    prepared = prepare(cells, lambda: kernel_environment(str(KERNEL / "bin" / "python"), own))
    for cell, source in zip(nb.cells, prepared.sources, strict=True):
        cell.source = cell.source if source is None else source
    found.notes += prepared.notes
    found.doubts += prepared.doubts


def _called(cell, index):
    return f'cell "{cell.metadata.get("nbgrader", {}).get("grade_id") or index + 1}"'


def _run_cell(client, cell, index, graded, formulas, runs, found, sandbox):
    name = cell.metadata.get("nbgrader", {}).get("grade_id")
    try:
        if name in graded:
            client.keep(graded.index(name), _asked(formulas[name], runs) if name in formulas else None)
            return
        place = _called(cell, index)
        client.said, client.interrupting, client.stopped = 0, None, False
        client.run_id, client.error = None, ""
        try:
            client.execute_cell(cell, index)
        finally:
            found.outputs[index] = cell.outputs
            if name in runs:
                runs[name] = client.run_id
        if client.stopped:
            found.needs.append(f"{place} took longer than {client.timeout:g} s and was stopped (the other cells count)")
        elif client.error and client.error not in FAILS_AT_HOME_TOO and stops_early(cell.source):
            kind = client.error if client.error in vars(builtins) else "an error"
            found.doubts.append(f"{place} stopped with {kind} before all of it was defined")
        if client.interrupting:
            cell.outputs.append(new_output("stream", name="stderr", text="\nCut: it printed too much.\n"))
            found.needs.append(f"{place} printed more than {sandbox.limits.output:g} MiB; what came after was cut")
    except DeadKernelError:
        found.lose(
            sandbox.ended or f"the kernel ended itself in {_place(name, graded, index)}{_status(client, sandbox)}"
        )
    except (CellTimeoutError, CellControlSignal):
        client.kill()
        where = _place(name, graded, index)
        found.lose(f"{where} took longer than {client.timeout:g} s and did not stop when told to")
    except RuntimeError as error:
        client.kill()
        found.lose(sandbox.ended or str(error))
    except Exception as error:  # what the kernel said is no message
        LOG.info("what the kernel said is no message", exc_info=True)
        client.kill()
        where = _place(name, graded, index)
        found.lose(sandbox.ended or f"the kernel's answer to {where} could not be read ({type(error).__name__})")


def _asked(question, runs):
    """What the kernel is told of a formula: its question, the id of its own cell's run, and those of the others."""
    own = formula_cell(question)
    return question, runs[own], [run for name, run in runs.items() if name != own and run is not None]


def _place(name, graded, index):
    return f'"{name}"' if name in graded else f'cell "{name or index + 1}"'


def _status(client, sandbox):
    """How the kernel ended, where that says something."""
    status = sandbox.statuses.get(getattr(client.km.provisioner, "pid", None)) if client.km else None
    if status is None or not os.WIFSIGNALED(status):
        return ""
    number = os.WTERMSIG(status)
    if number == signal.SIGXCPU:
        return f": it had used {sandbox.limits.cpu:g} s of the processor"
    return f" ({signal.Signals(number).name})"

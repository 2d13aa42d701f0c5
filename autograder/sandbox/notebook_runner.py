"""Run a notebook's cells in a sandbox: keep their outputs, and a fork of the kernel for each grade cell."""

import asyncio
import builtins
import json
import logging
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
from nbformat import NotebookNode
from nbformat.v4 import new_output
from nbgrader.utils import is_grade

from autograder.sandbox import protocol
from autograder.sandbox.bubblewrap import OPEN, Opened, Sandbox, Specs, graded_files
from autograder.sandbox.student_code import FAILS_AT_HOME_TOO, kernel_environment, prepare, stops_early

LOG = logging.getLogger("autograder")
STOPPED = "CellTimeoutError"
GRACE = 5  # seconds that a kernel gets to obey an interrupt, or to say that a cell has ended: a machine may be busy
MAX_MESSAGE_BYTES = 16 * 2**20  # bytes of a kernel's message
MAX_QUEUED_MESSAGES = 64  # messages of a kernel that wait to be read


@dataclass
class Run:
    """The result of running a notebook's cells.

    outputs: of each cell, None where it was not run. channels: {grade_id: Channel}. public_grades: {grade_id: what the
    caller keeps of a question's public draws}. needs_attention: what a person must look at. repairs: what was left out
    of its cells, or guessed. uncertainties: what a person must look at if points are missing. aborted_reason: why the
    remaining cells were not run, or "".
    """

    outputs: list
    channels: dict = field(default_factory=dict)
    public_grades: dict = field(default_factory=dict)
    needs_attention: list = field(default_factory=list)
    repairs: list = field(default_factory=list)
    uncertainties: list = field(default_factory=list)
    aborted_reason: str = ""

    def close(self):
        """Close all channels."""
        for channel in self.channels.values():
            channel.local.close()

    def abort(self, why):
        """Record why the kernel ended; the remaining cells are not run. The first reason counts."""
        if not self.aborted_reason:
            self.aborted_reason = why
            self.needs_attention.append(f"{why} (the cells before it count)")


@dataclass(frozen=True)
class AskedFormula:
    """A check that asks for a formula. question: as the formula names it. cell: the id of the question's cell."""

    question: str
    cell: str


class Channel:
    """The grader's end of a socket pair; a fork of a kernel in a sandbox holds the other end.

    local: the socket. pid: of the fork, known after the first call. started: the sandbox process that it belongs to.
    """

    def __init__(self, local, sandbox):
        self.local, self.sandbox, self.pid, self.started = local, sandbox, None, None

    @property
    def ended(self):
        """Why the watchdog ended the sandbox that this channel leads to, or ""."""
        return self.sandbox.reasons.get(self.started, "")

    def ask(self, name, given, seconds, watch=False):
        """Have a function called, by protocol.run or protocol.watch. Returns the text of the answer, or None where the
        fork has ended.

        Raises:
            TimeoutError: no answer has come in time, though the call should have been stopped.
            ValueError: something came that is no answer.
        """
        deadline = time.monotonic() + seconds + GRACE
        asked = {"name": name, "seconds": seconds, "watch": watch}
        try:
            if self.pid is None:
                self.pid = int(protocol.receive(self.local, deadline) or 0)
            self.local.settimeout(seconds + GRACE)
            protocol.send(self.local, json.dumps(asked | {"given": json.dumps(given)}))
            return protocol.receive(self.local, deadline)
        except (BrokenPipeError, ConnectionResetError):
            return None

    def receive_formula(self):
        """The text that a formula's cell has sent, or None where none has. Raises as `ask`."""
        return protocol.receive(self.local, time.monotonic() + GRACE, protocol.MAX_FORMULA_BYTES)

    def close(self):
        """Close the socket, and end the fork at its other end."""
        self.local.close()
        if self.pid and self.started == self.sandbox.pid:  # in a sandbox that was started anew it is another process's
            self.sandbox.signal(self.pid, signal.SIGKILL)


class SandboxClient(NotebookClient):
    """nbclient's NotebookClient for an untrusted kernel: every message may be forged.

    key: of its sandbox, in OPEN. max_output: characters that a cell may print. printed: how many the current cell has
    printed. run_id: of the request that ran it, or None. stopped: whether it was stopped. error: the name of the error
    that ended it, or "".
    """

    key, max_output, printed, interrupting, stopped, run_id, error = "", 0, 0, None, False, None, ""

    def create_kernel_manager(self):
        """A kernel manager that uses the sandbox's kernel, and whose sockets bound the size and number of messages."""
        km = AsyncKernelManager(kernel_spec_manager=Specs(opened=self.key))
        km.context.setsockopt(zmq.MAXMSGSIZE, MAX_MESSAGE_BYTES)
        km.context.setsockopt(zmq.RCVHWM, MAX_QUEUED_MESSAGES)
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
        """Keep an output until the cell has printed too much; ignore what is no valid message."""
        try:
            if msg["msg_type"] != "status":
                self.printed += len(repr(msg["content"]))
                if self.printed > self.max_output:
                    self.interrupting = self.interrupting or asyncio.ensure_future(self._interrupt())
                    return None
            return super().process_message(msg, cell, cell_index)
        except CellExecutionComplete:
            raise
        except Exception:  # a forged message
            LOG.info("a message of the kernel's could not be read", exc_info=True)
            return None

    def on_cell_executed(self, cell, cell_index, execute_reply):
        """Record how a cell ended and the id of the request that ran it; add an output where it was stopped."""
        self.error = str(execute_reply["content"].get("ename") or "")
        self.run_id = execute_reply.get("parent_header", {}).get("msg_id")
        if execute_reply["content"].get("ename") == STOPPED and not execute_reply.get("header"):
            message = f"Stopped after {self.timeout:g} s. The other cells count."
            cell.outputs.append(new_output("error", ename=STOPPED, evalue="", traceback=[message]))
            self.stopped = True

    async def _interrupt(self):
        await ensure_async(self.km.interrupt_kernel())

    async def _async_fork_snapshot(self, number, formula=None):
        """Have the kernel fork a snapshot of itself that waits at a channel, or send a formula's string through it.

        formula: None, or (the question, the id of its own cell's run or None, those of the other formulas).
        """
        function = "fork_snapshot" if formula is None else "send_formula"
        given = ", ".join(map(repr, formula or ()))
        code = f'__import__("autograder_kernel").{function}({number}, globals(), {given})'
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

    fork_snapshot = run_sync(_async_fork_snapshot)

    async def _async_kill(self):
        await ensure_async(self.km.shutdown_kernel(now=True))

    kill = run_sync(_async_kill)


def run(nb: NotebookNode, sandbox: Sandbox, timeout: float, formulas: dict[str, AskedFormula] | None = None) -> Run:
    """Run a notebook's cells in a sandbox, except the grade cells; at each of these the kernel forks a snapshot.

    Args:
        nb: the notebook; it is not changed.
        sandbox: a Sandbox.
        timeout: seconds that a cell may take.
        formulas: {grade_id of a check: AskedFormula} where no function is asked but a formula.

    Returns:
        A Run. Nothing that a student's code does raises; failures are in its `needs_attention`.

    Raises:
        NoSandbox, RuntimeError: no kernel could be started, which is the machine's fault.
    """
    result = Run([None] * len(nb.cells))
    nb = deepcopy(nb)
    _prepare(nb, result, sandbox)
    graded = [cell.metadata.nbgrader.grade_id for cell in nb.cells if cell.cell_type == "code" and is_grade(cell)]
    pairs = [socket.socketpair() for _ in graded]
    result.channels = {name: Channel(local, sandbox) for name, (local, _) in zip(graded, pairs, strict=True)}
    key = secrets.token_hex(8)
    OPEN[key] = Opened(sandbox, [remote for _, remote in pairs])
    options = {
        "startup_timeout": 30,
        "shutdown_kernel": "immediate",
        "iopub_timeout": GRACE,
        "raise_on_iopub_timeout": True,
        "allow_errors": True,
        "interrupt_on_timeout": True,
        "error_on_timeout": {"ename": STOPPED},  # `on_cell_executed` says it in the cell
    }
    client = SandboxClient(nb, timeout=math.ceil(timeout), **options)
    client.key, client.max_output = key, sandbox.limits.output * 2**20
    formulas = formulas or {}
    runs = dict.fromkeys(formula.cell for formula in formulas.values())
    try:
        with client.setup_kernel():
            for channel in result.channels.values():
                channel.started = sandbox.pid
            for index, cell in enumerate(nb.cells):
                if cell.cell_type == "code" and not result.aborted_reason:
                    _run_cell(client, cell, index, graded, formulas, runs, result, sandbox)
    except Exception as error:
        if not (sandbox.ended or sandbox.used):
            raise
        LOG.info("the run of a notebook's cells broke off", exc_info=True)
        result.abort(sandbox.ended or f"no kernel could be started after the notebook before ({error})")
    finally:
        del OPEN[key]
        for _, remote in pairs:
            remote.close()
    return result


def _prepare(nb, result, sandbox):
    """Leave out of the cells what cannot run where they are graded; recorded in the Run's repairs and uncertainties."""
    own = frozenset(path.stem for path in graded_files(sandbox.public))
    runs = [cell.cell_type == "code" and not is_grade(cell) for cell in nb.cells]
    cells = [
        (_label(cell, index), cell.source if run else None)
        for index, (cell, run) in enumerate(zip(nb.cells, runs, strict=True))
    ]
    prepared = prepare(cells, lambda: kernel_environment(str(sandbox.kernel_folder / "bin" / "python"), own))
    for cell, source in zip(nb.cells, prepared.sources, strict=True):
        cell.source = cell.source if source is None else source
    result.repairs += prepared.repairs
    result.uncertainties += prepared.uncertainties


def _label(cell, index):
    return f'cell "{cell.metadata.get("nbgrader", {}).get("grade_id") or index + 1}"'


def _run_cell(client, cell, index, graded, formulas, runs, result, sandbox):
    name = cell.metadata.get("nbgrader", {}).get("grade_id")
    try:
        if name in graded:
            client.fork_snapshot(graded.index(name), _asked(formulas[name], runs) if name in formulas else None)
            return
        label = _label(cell, index)
        client.printed, client.interrupting, client.stopped = 0, None, False
        client.run_id, client.error = None, ""
        try:
            client.execute_cell(cell, index)
        finally:
            result.outputs[index] = cell.outputs
            if name in runs:
                runs[name] = client.run_id
        if client.stopped:
            result.needs_attention.append(
                f"{label} took longer than {client.timeout:g} s and was stopped (the other cells count)"
            )
        elif client.error and client.error not in FAILS_AT_HOME_TOO and stops_early(cell.source):
            kind = client.error if client.error in vars(builtins) else "an error"
            result.uncertainties.append(f"{label} stopped with {kind} before all of it was defined")
        if client.interrupting:
            cell.outputs.append(new_output("stream", name="stderr", text="\nCut: it printed too much.\n"))
            result.needs_attention.append(
                f"{label} printed more than {sandbox.limits.output:g} MiB; what came after was cut"
            )
    except DeadKernelError:
        result.abort(
            sandbox.ended or f"the kernel ended itself in {_quoted_name(name, graded, index)}{_status(client, sandbox)}"
        )
    except (CellTimeoutError, CellControlSignal):
        client.kill()
        where = _quoted_name(name, graded, index)
        result.abort(f"{where} took longer than {client.timeout:g} s and did not stop when told to")
    except RuntimeError as error:
        client.kill()
        result.abort(sandbox.ended or str(error))
    except Exception as error:  # what the kernel said is no message
        LOG.info("what the kernel said is no message", exc_info=True)
        client.kill()
        where = _quoted_name(name, graded, index)
        result.abort(sandbox.ended or f"the kernel's answer to {where} could not be read ({type(error).__name__})")


def _asked(formula, runs):
    """What the kernel needs to find a formula: its question, its cell's run id, and those of the other formulas."""
    others = [run for name, run in runs.items() if name != formula.cell and run is not None]
    return formula.question, runs[formula.cell], others


def _quoted_name(name, graded, index):
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

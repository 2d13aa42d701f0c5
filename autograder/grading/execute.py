"""nbgrader's Execute with the verdict taken out of the student's reach.

Student cells run in their kernel. A grade cell never does: nbgrader has restored its source from the gradebook, so the
question's id in it can be trusted, and the question is judged in this process. The kernel is only asked to call a
function on arrays; its answer is data.
"""

import ast
import builtins
import json
import math
import re
import shutil
import tempfile
import time
from html import escape
from pathlib import Path
from queue import Empty

from jupyter_core.utils import ensure_async, run_sync
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from nbformat.v4 import new_output
from nbgrader import utils
from nbgrader.preprocessors import Execute
from traitlets import Unicode

import autograder.own  # noqa: F401 -- so that QUESTIONS holds the teacher's own questions too
from autograder.diagnosis import diagnose
from autograder.questions import QUESTIONS, Answer, judge, looks_numeric
from autograder.report import html

from . import wire

KNOWN_ERRORS = {
    name for name, thing in vars(builtins).items() if isinstance(thing, type) and issubclass(thing, BaseException)
}
PATH = re.compile(r"(\x1b\[[\d;]*m|(?<![\w.:/~]))(?:/[^\s/:'\"<>\x1b]+)+/(?=[^\s/:'\"<>\x1b]+)")
WHOLE = "2-2"  # the question whose cost is watched
GRACE = 2  # seconds that a kernel gets to obey an interrupt


class TrustedExecute(Execute):
    """Run a submission's cells in its kernel, and judge its grade cells here.

    unread: {notebook: why it could not be read}, of notebooks that are judged as empty without a kernel.
    reports: {notebook: (judgements by grade_id, sentences on what a person must look at)}, filled by `preprocess`.
    """

    seed_file = Unicode(help="the course's hidden seed").tag(config=True)
    public_folder = Unicode(help="the release; its Python files are put where a kernel runs").tag(config=True)

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.unread, self.reports = {}, {}

    def preprocess(self, nb, resources, km=None):
        """Execute and judge one notebook. Raises what nbclient raises when no kernel can be started."""
        name = resources["nbgrader"]["notebook"]
        self.judgements, self.needs, self.lost = {}, [], ""
        self.reports[name] = (self.judgements, self.needs)
        if name in self.unread:
            return _not_read(nb, self.unread[name]), resources
        self._stopped = set()
        self._cell = "the first cell"
        self.error_on_timeout = {
            "ename": "CellTimeoutError",
            "evalue": "",
            "traceback": [f"Stopped after {self.timeout} s. The other cells count."],
        }
        metadata = resources["metadata"]
        path = metadata.get("path")
        with tempfile.TemporaryDirectory() as folder:
            for file in Path(self.public_folder).glob("*.py"):
                shutil.copy(file, folder)
            metadata["path"] = folder
            try:
                nb, resources = super().preprocess(nb, resources, km)
            finally:
                metadata["path"] = path
        for cell in nb.cells:
            _without_paths(cell)
        return nb, resources

    def preprocess_cell(self, cell, resources, index):
        """Judge a grade cell; run any other code cell, and note what it did to the kernel."""
        if cell.cell_type != "code":
            return cell, resources
        if utils.is_grade(cell):
            self._judge(cell)
        elif not self.lost:
            self._cell = f'cell "{cell.metadata.get("nbgrader", {}).get("grade_id") or index + 1}"'
            try:
                cell, resources = super().preprocess_cell(cell, resources, index)
            except DeadKernelError:
                self._lose(f"the kernel ended itself in {self._cell}")
            except CellTimeoutError:
                self._kill()
            if any(output.get("ename") == "CellTimeoutError" for output in cell.outputs):
                self.needs.append(
                    f"endless loop in {self._cell} (stopped after {self.timeout} s; the other cells count)"
                )
        return cell, resources

    def _judge(self, cell):
        name, maximum = cell.metadata.nbgrader["grade_id"], float(cell.metadata.nbgrader["points"])
        begun = time.monotonic()
        self._cell = f'"{name}"'
        try:
            question_id = question_of(cell.source)
            seed = int(Path(self.seed_file).read_text())
            judgement = judge(question_id, self._call, seed, diagnose=diagnose)
        except Exception as error:  # a fault of ours: the submission goes on, a person looks
            self.needs.append(f"{name} could not be judged: {type(error).__name__}: {error}")
            cell.outputs = [
                new_output("error", ename="NotJudged", evalue="", traceback=["A person will look at this."])
            ]
            return
        result = judgement.result
        if question_id == WHOLE and result.points and (numeric := looks_numeric(WHOLE, self._call, seed)):
            self.needs.append(f"{numeric} (its points stand)")
        points = maximum * result.points / result.maximum
        cell.outputs = [
            new_output("execute_result", {"text/plain": repr(points), "text/html": html(result, judgement.names)})
        ]
        self.judgements[name] = {
            "question": question_id,
            "score": points,
            "maximum": maximum,
            "parts": [
                {"name": part.name, "points": part.points, "maximum": part.maximum, "verdict": part.status}
                | ({"mistake": judgement.names[part.name].name} if judgement.names.get(part.name) else {})
                | ({"error": _number(part.verdict.error), "words": list(part.verdict.words)} if part.verdict else {})
                for part in result.parts
            ],
            "words": list(result.words),
            "public_seed": judgement.seed,
            "errors": list(judgement.errors),
            "seconds": round(time.monotonic() - begun, 3),
        }

    def _call(self, name, given):
        """Call a student's function where it lives, on hidden inputs; `judge` asks for this."""
        if self.lost:
            return Answer(error=f"could not be called: {self.lost}")
        if name in self._stopped:
            return Answer(error=f"was stopped after {self.timeout} s")
        try:
            reply = self._ask(_request(name, given))
        except DeadKernelError:
            self._lose(f"the kernel ended itself in {self._cell}, in {name}")
            return self._call(name, given)
        if reply is None:
            self._stopped.add(name)
            self.needs.append(f"endless loop in {name} (stopped after {self.timeout} s; the other functions count)")
            return self._call(name, given)
        return _answer(reply)

    async def _async_ask(self, code):
        """Run code in the kernel and return the text of its answer; None when it had to be stopped."""
        asked = self.kc.execute(
            code, silent=True, user_expressions={"answer": "_autograder_answer"}, stop_on_error=False
        )
        asked = await ensure_async(asked)
        deadline, interrupted = time.monotonic() + self.timeout, False
        while True:
            try:
                wait = max(0.01, min(1, deadline - time.monotonic()))
                reply = await ensure_async(self.kc.shell_channel.get_msg(timeout=wait))
            except Empty:
                await self._async_check_alive()
                if time.monotonic() < deadline:
                    continue
                if interrupted:
                    await self._async_kill()
                    return None
                await ensure_async(self.km.interrupt_kernel())
                deadline, interrupted = time.monotonic() + GRACE, True
            else:
                if reply["parent_header"].get("msg_id") == asked:
                    expressions = reply["content"].get("user_expressions", {})
                    return None if interrupted else expressions.get("answer", {}).get("data", {}).get("text/plain", "")

    _ask = run_sync(_async_ask)

    async def _async_kill(self):
        await ensure_async(self.km.shutdown_kernel(now=True))
        self._lose(f"an endless loop in {self._cell} did not stop when told to")

    _kill = run_sync(_async_kill)

    def _lose(self, why):
        self.lost = why
        self.needs.append(f"{why} (the cells before it count)")


def question_of(source):
    """The question's id in a grade cell's source, `check("1-3")`. Raises ValueError when the cell is anything else."""
    try:
        (statement,) = ast.parse(source).body
        call = statement.value
        (argument,) = call.args
        if call.func.id == "check" and not call.keywords and argument.value in QUESTIONS:
            return argument.value
    except (SyntaxError, ValueError, AttributeError, TypeError):
        pass
    raise ValueError(f"a grade cell holds one line, check(question), but this one holds {source!r}")


def _number(value):
    """A float that JSON knows: None for NaN and infinity."""
    return float(value) if math.isfinite(value) else None


def _not_read(notebook, why):
    for cell in notebook.cells:
        if cell.cell_type == "code" and utils.is_grade(cell):
            words = f"<p>This notebook could not be read: {escape(why)}. Nothing of it was graded yet.</p>"
            cell.outputs = [new_output("execute_result", {"text/plain": "0.0", "text/html": words})]
    return notebook


def _request(name, given):
    arguments = json.dumps(wire.pack(tuple(given)))
    return (
        "_autograder_wire = {'__name__': 'wire'}\n"
        f"exec({Path(wire.__file__).read_text(encoding='utf8')!r}, _autograder_wire)\n"
        f"_autograder_answer = _autograder_wire['run'](globals(), {name!r}, {arguments!r})\n"
    )


def _answer(text):
    """What a kernel sent, read with suspicion."""
    if len(text) > 2 * wire.LIMIT:
        return Answer(error="returned more than can be read")
    try:
        reply = json.loads(ast.literal_eval(text))
        if "absent" in reply:
            return Answer(error="is not there: no cell that ran defines it")
        if "unsendable" in reply:
            return Answer(error="returned what is no number, array, tuple or dict of them: only these can be judged")
        if "error" in reply:
            kind, words, place = reply["error"]
            kind = kind if kind in KNOWN_ERRORS else "an exception of its own"
            return Answer(error=f"raised {kind}: {words} ({place})")
        return Answer(*(wire.unpack(reply[part]) for part in ("value", "again", "after")))
    except Exception:  # whatever a hostile kernel sends
        return Answer(error="returned what cannot be read")


def _without_paths(cell):
    """Take the folders of this machine out of what a cell printed or raised."""
    for output in cell.get("outputs", ()):
        for key in ("text", "evalue"):
            if key in output:
                output[key] = PATH.sub(r"\1…/", output[key])
        if "traceback" in output:
            output["traceback"] = [PATH.sub(r"\1…/", line) for line in output["traceback"]]
        if "text/plain" in output.get("data", {}):
            output["data"]["text/plain"] = PATH.sub(r"\1…/", output["data"]["text/plain"])

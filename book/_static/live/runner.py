"""Runs one cell after the other in one namespace, and tells what a reader wants to know. In the page, by Pyodide.

`send(kind, text)` is called with kind "text" (what a cell prints and its last value), "error" and "figure" (a PNG as
base64). Plain Python: the tests run it as it stands.
"""

import ast
import base64
import contextlib
import io
import linecache
import os
import sys
import time
import traceback

os.environ["MPLBACKEND"] = "agg"

MOST = 100_000  # characters that one run may print
FRAMES = 4


class Printed(io.TextIOBase):
    """What a cell writes, sent on ten times a second at most."""

    def __init__(self, send):
        self.send, self.waiting, self.last, self.left = send, [], time.monotonic(), MOST

    def write(self, text):
        if self.left > 0:
            self.waiting.append(text[: self.left])
            self.left -= len(text)
            if self.left <= 0:
                self.waiting.append("\n… and more, which is not shown.\n")
        if time.monotonic() - self.last > 0.1:
            self.flush()
        return len(text)

    def flush(self):
        if self.waiting:
            self.send("text", "".join(self.waiting))
            self.waiting.clear()
        self.last = time.monotonic()


def nobody_answers(*_):
    raise RuntimeError("a page cannot ask: write the value into the code, in place of input()")


def run(code, name, namespace, send):
    """Run a cell's text in `namespace`. `name` is how an error calls the cell. Returns whether it ran to its end."""
    namespace.setdefault("input", nobody_answers)
    linecache.cache[name] = (len(code), None, code.splitlines(keepends=True), name)
    printed = Printed(send)
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
        try:
            value = _evaluate(code, name, namespace)
            if value is not None:
                printed.write(repr(value) + "\n")
            error = None
        except BaseException as problem:
            error = told(problem, name)
        printed.flush()
        if error is None:
            for picture in _figures():
                send("figure", picture)
        else:
            send("error", error)
    return error is None


def _evaluate(code, name, namespace):
    body = ast.parse(code, name).body
    last = ast.Expression(body.pop().value) if body and isinstance(body[-1], ast.Expr) else None
    exec(compile(ast.Module(body, []), name, "exec"), namespace)
    return None if last is None else eval(compile(last, name, "eval"), namespace)


def told(problem, name):
    """An error as a reader reads it: where in the cells, and what. No frame of ours, of Pyodide's or of a library's."""
    last = traceback.format_exception_only(problem)[-1].strip()
    if isinstance(problem, SyntaxError) and problem.filename == name:
        line = (problem.text or "").rstrip()
        caret = " " * max((problem.offset or 1) - 1, 0) + "^"
        return f"Line {problem.lineno}:\n    {line}\n    {caret}\n{last}"
    if isinstance(problem, ModuleNotFoundError) and problem.name:
        missing = problem.name.split(".")[0]
        last = f"ModuleNotFoundError: '{missing}' is not here. The cells of a page have NumPy and gradcheck.py"
        last += (
            ", and this site's copy of Pyodide brings no Matplotlib: no figure can be drawn."
            if missing == "matplotlib"
            else "."
        )
    frames = [f for f in traceback.extract_tb(problem.__traceback__) if f.filename.startswith("cell ")]
    places = []
    for frame in frames:
        where = "Line" if frame.filename == name else f"In {frame.filename}, line"
        inside = f", in {frame.name}" if frame.name.isidentifier() else ""
        places.append(f"{where} {frame.lineno}{inside}:\n    {frame.line}\n")
    if len(places) > 2 * FRAMES:
        places[FRAMES:-FRAMES] = [f"… {len(places) - 2 * FRAMES} more of the same kind …\n"]
    return "".join(places) + last


def _figures():
    pyplot = sys.modules.get("matplotlib.pyplot")
    for number in pyplot.get_fignums() if pyplot else ():
        file = io.BytesIO()
        pyplot.figure(number).savefig(file, format="png", dpi=110)
        yield base64.b64encode(file.getvalue()).decode()
    if pyplot:
        pyplot.close("all")


def quiet_show():
    """`plt.show()` has nothing to do here: figures are sent when a cell ends."""
    pyplot = sys.modules.get("matplotlib.pyplot")
    if pyplot:
        pyplot.show = lambda *args, **kwargs: None

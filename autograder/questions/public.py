"""The questions as a student meets them: what a check compares with what, and what it says.

This file travels with the notebooks, as checks.py, beside gradcheck.py and formulas.py; release puts an assignment's
own questions at its end. It knows no answer. What no forward pass at hand shows is compared with numbers that were
stored at release; elsewhere the reference is the finite difference of a forward pass that the notebook gives or that
the student wrote.
"""

import ast
import copy
import difflib
import hashlib
import json
import os
import re
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from autograder.formula.errors import FormulaError
from autograder.formula.notation import Notation, Target
from autograder.formula.parser import read
from autograder.formula.typesetting import typeset
from autograder.formula.verdict import FormulaVerdict, compare
from autograder.gradcheck import (
    DOUBTFUL,
    NEGATIVE_ZERO,
    compare_arrays,
    gradient_uncertainty,
    numerical_gradient,
    symptoms,
)

from .model import (
    SEEDS,
    Answer,
    Call,
    Inputs,
    Part,
    PartResult,
    Question,
    Result,
    SeenDraw,
    WrittenResult,
    arguments,
    kind_of,
    unpack_dict,
)

TOLERANCE = 1e-6  # at home and when graded: right code is right to 1e-11, differences with a step of 1e-6 to 1e-7, the
# smallest mistake that real code was seen to make is off by 5e-3
DRAWS = 20  # of a question made by ask, before it is refused
REFERENCE_TOLERANCES = "reference tolerances"  # among a draw's inputs, {part: tolerance} where it is not TOLERANCE


def ask(question_id, forward, draw, points):
    """Make a graded question of a forward pass alone: no backward pass and no expected number is needed.

    Where forward is layer_forward, students are given it and write layer_backward(dout, cache), which returns a dict:
    the gradient of x under "dx". It is compared with the finite difference of forward, on a random upstream gradient.
    The mistakes that a wrong one may hold are derived from forward, and told in its names: give each step a line and a
    name of its own, sizes that all differ, plain NumPy on arrays of floats.

    Args:
        question_id: a new id, for check(question_id).
        forward: forward(**inputs) -> (out, cache), in NumPy; its name ends in _forward.
        draw: draw(rng) -> dict of inputs that hide nothing.
        points: {name of an input: points for its gradient}.

    A draw on a kink of forward, such as ReLU at exactly 0, is drawn again: a gradient is a convention there. A forward
    pass in float32 has finite differences of four to six digits; they set the tolerance, at home and when graded.

    Returns:
        The Question, for an assignment to list.

    Raises:
        ValueError: the name does not end in _forward, there is no such input, or in DRAWS draws no derivative is known
            to a thousandth.
    """
    name, inputs = forward.__name__, draw(np.random.default_rng(0))
    if not name.endswith("_forward") or not points.keys() <= inputs.keys():
        raise ValueError(
            f"{question_id!r} needs a function whose name ends in _forward (its name is {name}), and points for inputs "
            f"that are drawn ({', '.join(inputs)})"
        )

    def moving(q):
        """forward as a function of what is differentiated, and those inputs."""
        held = {key: q[key] for key in inputs if key not in points}
        return (lambda **moved: forward(**held, **moved)), {key: q[key] for key in points}

    def draw_all(rng):
        found = []
        while len(found) < DRAWS:
            q = draw(rng)
            out, cache = forward(**q)
            q |= dict(dout=rng.normal(size=np.shape(out)), cache=cache)
            uncertainty = gradient_uncertainty(*moving(q), q["dout"])
            tolerances = {f"d{key}": max(TOLERANCE, 10 * value) for key, value in uncertainty.items()}
            found.append((max(tolerances.values()), q | {REFERENCE_TOLERANCES: tolerances}))
            limit = TOLERANCE if len(found) < 3 else DOUBTFUL / 4  # noise that is in every draw is no kink
            if found[-1][0] <= limit:
                return found[-1][1]
        tolerance, q = min(found, key=lambda one: one[0])
        if tolerance > DOUBTFUL:
            raise ValueError(
                f"{question_id!r} cannot be graded: in {DRAWS} draws its derivative was known to {tolerance / 10:.0e} "
                "at best. Draw inputs that lie on no kink (ReLU at 0, ties in a max), and compute in float64"
            )
        return q

    def reference(functions, q):
        along, params = moving(q)
        return {f"d{key}": slope for key, slope in numerical_gradient(along, params, q["dout"]).items()}

    backward = Call(name.removesuffix("_forward") + "_backward", ("dout", "cache"), unpack_dict, names=())
    parts = tuple(Part(f"d{key}", worth) for key, worth in points.items())
    return Question(question_id, Inputs(question_id, draw_all), (backward,), parts, reference, forward=forward)


# ---------------------------------------------------------------------------------------------------------------------
# Judging


def collect(question, call, q):
    """Call a student's functions on one draw.

    Returns:
        values: {part: what came}, without what is missing.
        words: what is wrong with the calls themselves.
    """
    values, words = {}, []
    for wanted in question.calls:
        given = arguments(wanted, q)
        answer = call(wanted.function, given)
        try:
            if answer.error:
                raise ValueError(answer.error)
            if answer.value is None:
                raise ValueError("returned None: it is not written yet, or a `return` is missing")
            found = wanted.unpack(answer.value)
            words += _missing(question, wanted, found)
            changed = [
                text
                for name, before, after in zip(wanted.arguments, given, answer.after, strict=False)
                for text in _changes(name, before, after)
            ]
            spoilt = [text for text in changed if text.startswith(("cache", "params"))]
            if spoilt:
                raise ValueError(
                    f"changed its input: {', '.join(spoilt)}. A function only reads what it is handed. "
                    "Look for `-=`, `*=` or `out=` on something that you did not make"
                )
            if not _same(answer.value, answer.again):
                raise ValueError("answers differently when it is called twice with the same arguments")
            values |= found
            if changed:
                words.append(f"{wanted.function} writes into {', '.join(changed)}. The answer counts; copy it first.")
        except ValueError as error:
            words.append(f"{wanted.function} {error}.")
    return values, words


def _missing(question, wanted, found):
    """The names that a dict lacks, and those that nobody asked for: one may be the other, misspelt."""
    if wanted.names is None:
        return []
    asked = dict.fromkeys([part.name for part in question.parts] + list(wanted.names))
    missing = [repr(name) for name in asked if name not in found]
    known = {*question.known, *asked}
    others = [repr(name) for name in found if name not in known and name.isidentifier() and len(name) <= 40]
    if not missing:
        return []
    strange = f" It has {', '.join(others[:6])}, which nobody asked for." if others else ""
    return [f"{wanted.function} returned a dict without {', '.join(missing)}.{strange}"]


def _changes(name, before, after):
    """What a call changed in one argument, each with the largest change."""
    if isinstance(before, dict) and isinstance(after, dict):
        return [text for key in before for text in _changes(f"{name}[{key!r}]", before[key], after.get(key))]
    if isinstance(before, tuple) and isinstance(after, tuple) and len(before) == len(after):
        return [text for i in range(len(before)) for text in _changes(f"{name}[{i}]", before[i], after[i])]
    if _same(before, after):
        return []
    try:
        same_shape = np.shape(before) == np.shape(after) and np.issubdtype(np.asarray(after).dtype, np.number)
    except ValueError:  # lists of different lengths
        same_shape = False
    return [f"{name} by up to {np.max(np.abs(before - after)):.2g}" if same_shape else f"{name} is another array"]


def _same(a, b):
    if isinstance(a, dict):
        return isinstance(b, dict) and a.keys() == b.keys() and all(_same(a[key], b[key]) for key in a)
    if isinstance(a, tuple | list):
        return isinstance(b, type(a)) and len(a) == len(b) and all(_same(x, y) for x, y in zip(a, b, strict=True))
    try:
        return np.array_equal(a, b, equal_nan=True)
    except (TypeError, ValueError):  # no numbers: the judge of the part says so
        return type(a) is type(b)


def judge_draw(question, values, expected, q, *, tolerance=TOLERANCE, carried=None):
    """Judge the parts of one draw.

    Args:
        values: {part: array}, what came.
        expected: {part: array}, what is right; a part that is not in it waits for another.
        q: the draw's inputs.
        tolerance: the error that is allowed, relative to a part's own scale, unless q says that it needs more.
        carried: {part: array} or None, what is right after the student's own earlier parts.
    """
    results, failed = [], set()
    clues = question.clues(q)
    for part in question.parts:
        status, verdict = "missing", None
        if part.name in values and part.name in expected:
            allowed = max(tolerance, q.get(REFERENCE_TOLERANCES, {}).get(part.name, 0.0))
            judged = dict(tolerance=allowed, where=where_of(question, clues, part.name), factors=clues.factors)
            verdict = compare_arrays(part.name, values[part.name], expected[part.name], **judged)
            if verdict.verdict == "pass":
                status = "ok"
            elif not failed.intersection(part.after):
                status = "not yet"
            elif (
                carried and part.name in carried
            ):  # what counts, and what the student reads, is this part's own mistake
                verdict = compare_arrays(part.name, values[part.name], carried[part.name], **judged)
                status = "carried" if verdict.verdict == "pass" else "not yet"
            else:
                status, verdict = "waits", replace(verdict, words=())
            verdict = replace(verdict, words=_told(question, part.name, status, values[part.name], q, verdict.words))
        elif part.name in values:
            status = "waits"
        if status in ("not yet", "waits", "carried"):
            failed.add(part.name)
        points = part.points if status in ("ok", "carried") else 0
        results.append(PartResult(part.name, points, part.points, status, verdict))
    return tuple(results)


def where_of(question, clues, part):
    """{words: where an error may sit} of the clues that may be told of a part."""
    return {words: mask for words, mask in clues.where.items() if part in question.concerns.get(words, ())}


def _told(question, part, status, value, q, words):
    """The sentences on a part that a student reads."""
    words = tuple(sentence for sentence in words if sentence != NEGATIVE_ZERO)
    if part in question.symptoms and status == "not yet" and np.asarray(value).dtype.kind in "fi":
        words += question.symptoms[part](np.asarray(value, float), q)
    return words


def worst_of(draws):
    """One result a part from several draws: the first draw that took points stands for the part."""
    return tuple(min(parts, key=lambda part: part.points) for parts in zip(*draws, strict=True))


# ---------------------------------------------------------------------------------------------------------------------
# At home


def call_in(functions):
    """A `call` that runs a student's functions in this process, twice, on copies."""

    def call(name, given):
        if name not in functions:
            return Answer(error="is not there: run the cell that defines it, and keep its name")
        used = copy.deepcopy(given)
        try:
            value = copy.deepcopy(functions[name](*used))
            fresh = (b if isinstance(a, dict | tuple) else copy.deepcopy(a) for a, b in zip(given, used, strict=True))
            again = functions[name](*fresh)
        except Exception as error:
            return Answer(error=f"raised {type(error).__name__}: {error}{_place(error)}")
        return Answer(value, again, used)

    return call


def _place(error):
    """Where in the student's own code an error was raised, with the line."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if frame.filename != __file__ and "site-packages" not in frame.filename]
    return f" (line {own[-1].lineno} of {own[-1].name}:  {own[-1].line})" if own else ""


def inputs_for(question, functions, seed, stored):
    """The inputs of one public draw: the stored ones where there are any, else drawn."""
    inputs = stored.get("inputs", {}).get(question.family, {})
    if seed in inputs:
        return copy.deepcopy(inputs[seed])
    q = question.inputs.draw(np.random.default_rng(seed), **question.inputs.sizes(seed))
    return question.inputs.complete(functions, q) if question.inputs.complete else q


def at_home(question, functions, seeds, stored=None):
    """Judge a question with what a student has: the public draws, the stored numbers, finite differences.

    Args:
        question: a Question.
        functions: {name: function}, the student's.
        seeds: of the draws.
        stored: as Checks has it; None: nothing is stored.
    """
    return judge_at_home(question, functions, seeds, stored)[0]


def judge_at_home(question, functions, seeds, stored=None):
    """As `at_home`: (Result, [SeenDraw of each seed])."""
    draws, words, stored, seen = [], [], stored or {}, []
    for seed in seeds:
        expected = stored.get(question.id, {}).get(seed)
        try:
            q = inputs_for(question, functions, seed, stored)
            values, complaints = collect(question, call_in(functions), q)
            expected = expected or (question.reference(functions, q) if values else {})
        except Exception as error:  # the student's own forward pass, or one that the notebook gives and that was edited
            q, values, expected = {}, {}, {}
            complaints = [f"The forward pass that this is compared with failed: {type(error).__name__}: {error}."]
        draws.append(judge_draw(question, values, expected, q))
        seen.append(SeenDraw(seed, q, values, expected, {part.name: part.status for part in draws[-1]}))
        words += new_words(complaints, words)
    parts = worst_of(draws)
    words += _what_waits(question, {part.name: part.status for part in parts})
    return Result(question.id, question.functions, parts, tuple(words)), seen


FAILED, TOLD = (
    {},
    set(),
)  # {(question id, part): how often a check found it wrong}, and the parts whose mistake was named


def told_again(question, seen, names):
    """Lines on the mistakes of parts that are not right for the second time: each mistake's name and what to look at,
    once a part as long as Python runs.

    names: names(question, seen) -> {part: Told}, whose name and hint are told; None: nothing is known.
    """
    wrong = [part.name for part in question.parts if any(draw.status[part.name] == "not yet" for draw in seen)]
    for part in wrong:
        FAILED[question.id, part] = FAILED.get((question.id, part), 0) + 1
    due = [part for part in wrong if FAILED[question.id, part] > 1 and (question.id, part) not in TOLD]
    if names is None or not due:
        return []
    try:
        found = names(question, seen)
    except Exception as error:  # a fault of ours costs a name, and no verdict
        warnings.warn(f"the mistake could not be named: {type(error).__name__}: {error}", stacklevel=2)
        return []
    said = {}
    for part in due:
        if part in found:
            TOLD.add((question.id, part))
            said.setdefault((found[part].name, found[part].hint), []).append(part)
    return [f"    {', '.join(parts)}: {name.removesuffix('.')}. {hint}" for (name, hint), parts in said.items()]


def new_words(sentences, said):
    """The sentences that have not been said yet, whatever numbers stand in them."""
    known = {re.sub(r"[\d.e-]+", "", sentence) for sentence in said}
    return [sentence for sentence in sentences if re.sub(r"[\d.e-]+", "", sentence) not in known]


def _what_waits(question, status):
    """Which part to mend first, and what is built on it."""
    roots = {}
    for part in question.parts:
        roots[part.name] = {part.name} if status[part.name] == "not yet" else set()
        if status[part.name] == "waits":
            roots[part.name] = set().union(*(roots[name] for name in part.after))
    words = []
    for root in (name for name in status if status[name] == "not yet"):
        built = [name for name in status if status[name] == "waits" and root in roots[name]]
        if built:
            words.append(f"Mend {root} first: {', '.join(built)} {'is' if len(built) == 1 else 'are'} built on it.")
    return words + ["When it is graded, what is right after a wrong part still counts."] * bool(words)


# Formulas

FORMULAS = {}  # {question, without ", written": the formula that was last made for it}
MADE = []  # (the cell's run, formula) of those that name no question, as notebooks of before hold them


class Formula(str):
    """A formula as it was written. A notebook shows it typeset, where its notation is given."""

    __repr__ = str.__str__

    def __new__(cls, latex, notation=None):
        made = super().__new__(cls, latex)
        made.notation = notation
        return made

    def _repr_latex_(self):
        try:
            lines = " \\\\ ".join(typeset(line, self.notation) for line in read(self, self.notation).statements)
        except FormulaError:
            return None
        return rf"$$ \begin{{gathered}} {lines} \end{{gathered}} $$"


def _make_formula(question, latex, known, notation):
    """What `Checks.formula` does. known: the questions that ask for a formula."""
    example = 'formula("2-2 beta", r"...")'
    for given in (question, question if latex is None else latex):
        if not isinstance(given, str):
            raise TypeError(f"formula takes a question and LaTeX in quotes, {example}, and not {kind_of(given)}")
    name = question.strip().removesuffix(", written")
    if latex is None:
        if name in known:
            raise ValueError(f"formula takes LaTeX too: {example}")
        made = Formula(question, notation)
        MADE.append((_run_of_cell(), made))
        return made
    if name not in known:
        (nearest,) = difflib.get_close_matches(name, known, n=1, cutoff=0)
        raise ValueError(
            f"there is no question {_shortened(name)!r} that asks for a formula. The nearest is {nearest!r}; "
            f"there are {', '.join(map(repr, known))}"
        )
    if latex.strip() or name not in FORMULAS:
        FORMULAS[name] = Formula(latex, notation)
    return None


def _run_of_cell():
    """What tells one run of a cell from another in a notebook, the id of the message that asked for it; else None."""
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    parent = getattr(shell, "parent_header", None)
    return parent.get("header", parent).get("msg_id") if isinstance(parent, dict) else None


def _shortened(text):
    return text if len(text) <= 40 else f"{text[:40]}..."


def formula_of(question_id, namespace):
    """The formula that a check judges: the last one that was made for its question. Where none was, and the notebook is
    one whose formulas name no question: `f`, or what the last such cell made without an `f`. None where there is none.
    """
    name, f = question_id.removesuffix(", written"), namespace.get("f")
    if name in FORMULAS:
        return FORMULAS[name]
    last = [made for run, made in MADE if run == MADE[-1][0]]
    earlier = [made for run, made in MADE if run != MADE[-1][0]]
    if isinstance(f, str) and not any(f is made for made in (*FORMULAS.values(), *earlier)):
        return f
    return last[-1] if last else None


# ---------------------------------------------------------------------------------------------------------------------
# Before you hand in

CHECKED = {}  # {question id: (points, maximum)} of the last check() of each question
PLACEHOLDER = "YOUR DERIVATION HERE"
ALONE = "CHECKS_RUN_ALONE"  # the environment variable that is set where before_you_hand_in has nothing to do
CELL_SECONDS, RUN_SECONDS = 10, 300  # that a cell may take when it is graded, and that a notebook may take here
PROVIDED = {"numpy", "matplotlib", "checks", "gradcheck", "formulas"}  # what exists when graded, beside Python's own


def _preview(notebook, known):
    """What `Checks.before_you_hand_in` does. known: the ids of all questions."""
    if os.environ.get(ALONE):
        return
    path = Path(notebook)
    try:
        cells = json.loads(path.read_text(encoding="utf-8-sig"))["cells"]
        cells = [dict(cell, source="".join(cell["source"])) for cell in cells]
    except FileNotFoundError:
        print(f"There is no file {path} beside checks.py: save the notebook, and give the name that its file has.")
        return
    except (OSError, ValueError, TypeError, KeyError) as error:
        print(f"{path} cannot be read as a notebook: {type(error).__name__}: {error}. Save it again.")
        return
    age = time.time() - path.stat().st_mtime
    saved = time.strftime("%H:%M:%S", time.localtime(path.stat().st_mtime))
    print(f"{path.name}, as it was saved at {saved}, run from top to bottom")
    if age > 60:
        print(f"    It was saved {age / 60:.0f} minutes ago: if you have changed it since, save it and run this again.")
    if not any(cell["cell_type"] == "code" and "before_you_hand_in(" in cell["source"] for cell in cells):
        print("    The saved file has no cell before_you_hand_in(...): is it the notebook that you look at?")
    for line in [*_shown_run(path, known), *_shown_cells(cells)]:
        print(f"    {line}")


def _shown_run(path, known):
    """Lines on what came of running a notebook."""
    import subprocess  # where Python runs in a browser there is none to start

    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log"
        code = f"import {__name__} as module; module._run_alone({path.name!r}, {str(log)!r})"
        how = dict(cwd=path.parent, env=os.environ | {ALONE: "1", "MPLBACKEND": "Agg"}, stdin=subprocess.DEVNULL)
        how |= dict(stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, errors="replace")
        try:
            ended = subprocess.run([sys.executable, "-c", code], timeout=RUN_SECONDS, **how)
            why = f"Python ended itself: {(ended.stderr.strip() or 'without a word').splitlines()[-1][:200]}"
        except subprocess.TimeoutExpired:
            why = f"it took longer than {RUN_SECONDS} s"
        except OSError as error:
            return [f"It could not be run: no Python could be started ({error})."]
        said = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
    lines = []
    if not said or "points" not in said[-1]:
        at = f"in cell {said[-1]['cell']}" if said else "before the first cell"
        return [f"The run stopped {at}: {why}. What comes after that cell would not be graded."]
    points = said.pop()["points"]
    total, maximum = (sum(pair[k] for pair in points.values()) for k in (0, 1))
    lines.append(f"checks       {total:g} of {maximum:g} points")
    lines += [f"             {name}: {got:g} of {most:g}" for name, (got, most) in points.items() if got < most]
    chapters = {name.split("-")[0] for name in points}
    absent = [name for name in known if name.split("-")[0] in chapters and name not in points]
    lines += [f'             check("{name}") was not run: is its cell gone?' for name in absent]
    for one in said:
        if one.get("error"):
            lines.append(f"error        in cell {one['cell']}: {one['error']}")
        elif one.get("seconds", 0) > CELL_SECONDS:
            lines.append(
                f"slow         cell {one['cell']} took {one['seconds']:.0f} s; it is stopped after {CELL_SECONDS} s"
            )
    return lines


def _run_alone(notebook, log):
    """Run a notebook's code cells in this process, and write a line of JSON on each into a file."""
    cells = json.loads(Path(notebook).read_text(encoding="utf-8-sig"))["cells"]
    run = _shell()
    checked = sys.modules["checks"].CHECKED if "checks" in sys.modules else CHECKED
    with open(log, "w", encoding="utf8", buffering=1) as file:
        for number, cell in enumerate((cell for cell in cells if cell["cell_type"] == "code"), 1):
            file.write(json.dumps({"cell": number}) + "\n")
            begun = time.monotonic()
            error = run("".join(cell["source"]))
            words = error and f"{type(error).__name__}: {error}"[:200]
            file.write(json.dumps({"cell": number, "error": words, "seconds": time.monotonic() - begun}) + "\n")
        checked = sys.modules["checks"].CHECKED if "checks" in sys.modules else checked
        file.write(json.dumps({"points": checked}) + "\n")


def _shell():
    """A function that runs a cell and returns the error that ended it, or None: IPython's, where it is installed."""
    try:
        from IPython.core.interactiveshell import InteractiveShell
        from traitlets.config import Config
    except ImportError:
        space = {"__name__": "__main__"}

        def run(source):
            try:
                exec(compile(source, "<cell>", "exec"), space)
            except (Exception, SystemExit) as error:
                return error
            return None

        return run
    shell = InteractiveShell.instance(config=Config({"HistoryManager": {"enabled": False}}))

    def run_cell(source):
        done = shell.run_cell(source, store_history=True)
        return done.error_before_exec or done.error_in_exec

    return run_cell


def _shown_cells(cells):
    """Lines on what the cells show without being run."""
    named = [(cell, cell.get("metadata", {}).get("nbgrader") or {}) for cell in cells]
    lines = []
    if not any(nbgrader for _, nbgrader in named):
        lines.append("cells        their names were removed, as some platforms do: given cells cannot be compared here")
    missing = [
        nbgrader.get("grade_id", "?")
        for cell, nbgrader in named
        if cell["cell_type"] == "markdown" and cell["source"].strip() in ("", PLACEHOLDER) and nbgrader.get("grade")
    ]
    missing += ["one"] * (not any(nbgrader for _, nbgrader in named) and any(PLACEHOLDER in c["source"] for c in cells))
    lines += [f"derivations  not written: {', '.join(missing)}"] * bool(missing)
    edited = [
        nbgrader.get("grade_id", "?")
        for cell, nbgrader in named
        if nbgrader.get("locked") and nbgrader.get("checksum") not in (None, _checksum(cell, nbgrader))
    ]
    lines += [f"given cells  edited: {', '.join(edited)}; when graded they are as they were handed out"] * bool(edited)
    given = {
        name
        for cell, nbgrader in named
        if nbgrader.get("locked") and nbgrader.get("grade_id", "?") not in edited
        for name in _imported(cell)
    }
    for number, cell in enumerate((cell for cell in cells if cell["cell_type"] == "code"), 1):
        absent = sorted(_imported(cell) - given - PROVIDED - sys.stdlib_module_names)
        lines += [f"imports      {name}, in cell {number}, does not exist when graded" for name in absent]
        if re.search(r"^\s*(!|%pip|%conda)", cell["source"], re.MULTILINE):
            lines.append(f"imports      cell {number} installs or calls a program: when graded there is no network")
    return lines


def _checksum(cell, nbgrader):
    """nbgrader's checksum of a cell, which a given cell has carried since the release."""
    parts = [cell["source"], cell["cell_type"], *(bool(nbgrader.get(key)) for key in ("grade", "solution", "locked"))]
    parts += [nbgrader.get("grade_id", ""), *([float(nbgrader["points"])] if nbgrader.get("grade") else [])]
    return hashlib.md5("".join(map(str, parts)).encode(), usedforsecurity=False).hexdigest()


def _imported(cell):
    """The top-level modules that a code cell imports."""
    if cell["cell_type"] != "code":
        return set()
    source = re.sub(r"^(\s*)[%!].*$", r"\1pass", cell["source"], flags=re.MULTILINE)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return set()
    names = {name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names}
    names |= {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module}
    return {name.split(".")[0] for name in names}


# ---------------------------------------------------------------------------------------------------------------------


def shown_by(question, target, draw, value):
    """Sentences on what the numbers of a wrong formula show, on one draw; () where its shape is another one.

    Args:
        question: the Question that the Target is of.
        target: a Target.
        draw: {symbol or part: array}.
        value: what the formula comes to.
    """
    truth = np.asarray(draw[target.part])
    if value.shape != truth.shape:
        return ()
    clues = question.clues(dict(draw, gamma=np.asarray(draw.get("gamma"))))
    return symptoms(value, truth, where=where_of(question, clues, target.part), factors=clues.factors)


@dataclass(frozen=True)
class Checks:
    """The questions of an assignment as a notebook has them.

    questions: {id: Question}. formulas: {"2-2 gamma, written": points}.
    targets, notation: of the formulas.
    stored: {question id: {seed: {part: array}}}; under "inputs" {family: {seed: inputs}}, under "formulas" draws by
        number, {family: {number: draw}}.
    own: {id: function without arguments that returns the Question} of those that files beside this one hold.
    names: what names a mistake, as told_again takes it; None: nothing does.
    """

    questions: Mapping[str, Question]
    formulas: Mapping[str, int] = field(default_factory=dict)
    targets: Mapping[str, Target] = field(default_factory=dict)
    notation: Notation | None = None
    stored: Mapping[str, Mapping] = field(default_factory=dict)
    own: Mapping[str, Callable[[], Question]] = field(default_factory=dict)
    names: Callable | None = None

    @property
    def known(self):
        """The ids of all questions, those of formulas last."""
        return (*self.questions, *self.own, *self.formulas)

    def question(self, question_id):
        """The Question of this id, which asks for functions."""
        return self.own[question_id]() if question_id in self.own else self.questions[question_id]

    def check(self, question_id, seed=None):
        """Check an answer: print what is right and what is not yet, and return the points.

        Args:
            question_id: as its cell has it; of a formula with ", written", as in "2-2 gamma, written".
            seed: which draw; None runs those of SEEDS. A question with stored numbers knows those alone, a formula
                none.

        Returns:
            The points, a plain float.

        Raises:
            ValueError: there is no such question, or no stored numbers for the seed.
        """
        if question_id not in self.known:
            known = ", ".join(map(repr, self.known))
            raise ValueError(f"there is no question {question_id!r}; there are {known}")
        functions = sys._getframe(1).f_globals
        if question_id in self.formulas:
            if seed is not None:
                raise ValueError("a formula is checked on all its draws: leave the seed out")
            latex, names = formula_of(question_id, functions), []
            result = self.written_at_home(question_id, latex)
            self._show(latex)
        else:
            question = self.question(question_id)
            if seed is not None and seed not in SEEDS and question.reference is None:
                raise ValueError(f"question {question_id!r} is checked with stored numbers: its seeds are {SEEDS}")
            result, seen = judge_at_home(question, functions, SEEDS if seed is None else (seed,), self.stored)
            names = told_again(question, seen, self.names)
        CHECKED[question_id] = result.points, result.maximum
        print(result)
        for line in names:
            print(line)
        return result.points

    def formula(self, question, latex=None):
        """A formula, for `check` to judge:  formula("2-2 beta", r"\\frac1m \\sum_i ...")

        Args:
            question: which question it answers, as its check names it: "2-2 beta". Notebooks that were handed out
                before give the LaTeX alone, and keep the formula in `f`.
            latex: its LaTeX, in a string with an r before its quotes. What it builds upon may be defined on lines of
                its own. The symbols are those of the question.

        Returns:
            None where the question is named: `check` judges, and shows, the last formula that was made for its
            question; an empty one takes no other's place. Otherwise the formula, a string that a notebook shows
            typeset.

        Raises:
            TypeError: one of the two is no string.
            ValueError: there is no such question, or its formula is missing.
        """
        known = [written.removesuffix(", written") for written in self.formulas]
        return _make_formula(question, latex, known, self.notation)

    def before_you_hand_in(self, notebook):
        """Run a saved notebook from top to bottom in a Python of its own, as when it is graded, and print what came of
        it: the points of the checks, derivations that are missing, given cells that were edited, imports that will not
        exist.

        Args:
            notebook: the name of its file, "problem1.ipynb".

        It does nothing where the notebook is being run like that, or graded, and no point depends on it.
        """
        _preview(notebook, self.known)

    def written_at_home(self, question_id, latex):
        """Judge a formula with what a student has: the stored draws."""
        target, maximum = self.targets[question_id.removesuffix(", written")], self.formulas[question_id]
        if not isinstance(latex, str):
            asked = f'formula("{question_id.removesuffix(", written")}", r"...")'
            words = f"There is no formula: the cell above it holds  {asked}  and has to run first."
            return WrittenResult(question_id, FormulaVerdict(question_id, "not read", words=(words,)), maximum)
        draws = list(self.stored["formulas"][target.family].values())
        verdict = compare(str(latex), target, draws, explain=lambda values: self._seen_in(target, draws[0], values))
        return WrittenResult(question_id, verdict, maximum)

    def _seen_in(self, target, draw, values):
        """No name, for the bank is not here; and what the numbers show."""
        return None, self.shown_by(target, draw, values[0])

    def shown_by(self, target, draw, value):
        """Sentences on what the numbers of a wrong formula show, on one draw."""
        return shown_by(self.questions[target.question], target, draw, value)

    def _show(self, latex):
        """Show a formula typeset, in a notebook."""
        shown = Formula(latex, self.notation)._repr_latex_() if isinstance(latex, str) else None
        if shown and "IPython" in sys.modules:
            from IPython.display import Latex, display

            display(Latex(shown))

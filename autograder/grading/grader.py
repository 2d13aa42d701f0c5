"""Replaces nbgrader's execution step: the verdict is reached in this process, not in the student's.

A notebook's cells are run in the sandbox first, and their outputs are kept; no hidden input exists by then. Grade cells
are never run: their source is the released one, so the question's id in it can be trusted. For each of them a fork of
the kernel, which holds what the student's cells have defined, calls the student's functions on arrays. The grader
compares what they return, and only the verdict is shown.
"""

import builtins
import json
import math
import time
from collections.abc import Iterable
from contextlib import closing, suppress
from dataclasses import dataclass
from functools import cached_property, partial
from html import escape
from pathlib import Path

from nbformat import NotebookNode
from nbformat.v4 import new_output
from nbgrader import utils
from nbgrader.preprocessors import NbGraderPreprocessor, SaveAutoGrades
from traitlets import Float, Unicode

from autograder.assignment.cell_names import formula_cell, formula_of
from autograder.assignment.load import find_assignment, load_assignment
from autograder.assignment.model import Assignment
from autograder.course import course_config
from autograder.faults import LOG, guarded
from autograder.grading import formula_grading
from autograder.grading.records import PartResult, QuestionResult
from autograder.mistakes.diagnosis import diagnose
from autograder.questions import numeric
from autograder.questions.model import Answer
from autograder.questions.private import grade_hidden, grade_public, looks_numeric, watched
from autograder.reports.book_equations import book_equations
from autograder.reports.verdict_html import html
from autograder.sandbox import protocol
from autograder.sandbox.bubblewrap import Sandbox
from autograder.sandbox.kernel_environment import find_kernel
from autograder.sandbox.notebook_runner import AskedFormula, Run, run
from autograder.sandbox.sanitize import sanitize_notebook
from autograder.source_code import parse as parse_source

KNOWN_ERRORS = {
    name for name, thing in vars(builtins).items() if isinstance(thing, type) and issubclass(thing, BaseException)
}
STOPPED = "stopped"
NOT_GRADED = "NotGraded"  # of a grade cell's output: a fault of ours, or a formula that a person has to read


def run_cells(nb: NotebookNode, sandbox: Sandbox, timeout: float, assignment: Assignment) -> Run:
    """Run a notebook's cells with `notebook_runner.run`; a grade cell's source says whether it asks for a formula."""
    formulas = {}
    for cell in nb.cells:
        if cell.cell_type == "code" and utils.is_grade(cell):
            with suppress(ValueError):  # told where the cell is judged
                if (question_id := question_of(cell.source, assignment.known)) in assignment.written:
                    question = formula_of(question_id)
                    formulas[cell.metadata.nbgrader["grade_id"]] = AskedFormula(question, formula_cell(question))
    return run(nb, sandbox, timeout, formulas)


@dataclass(frozen=True)
class PublicGrade:
    """What a question's public draws have shown. answer: the StudentFunctions, or the formula's LaTeX or None. result:
    as of `private.grade_public` or `formula_grading.grade_public`. seconds: that it took."""

    answer: object
    result: object
    seconds: float


def grade_public_draws(nb: NotebookNode, run: Run, timeout: float, assignment: Assignment) -> None:
    """Grade a notebook on the public draws, before any hidden draw exists for one of the student's notebooks.

    Fills `run.public_grades`; a question whose public half fails through a fault of ours is not in it afterwards.
    """
    for cell in nb.cells:
        if cell.cell_type == "code" and utils.is_grade(cell):
            name = cell.metadata.nbgrader["grade_id"]
            context = f"{name} could not be judged on the public draws"
            if grade := guarded(context, _grade_public, nb, cell, name, run, timeout, assignment):
                run.public_grades[name] = grade


def _grade_public(nb, cell, name, run, timeout, assignment):
    question_id, begun = question_of(cell.source, assignment.known), time.monotonic()
    if question_id in assignment.written:
        taken = formula_grading.taken(question_id, run.channels.get(name), nb, run, assignment.written)
        result = formula_grading.grade_public(assignment.formulas, question_id, taken.latex, taken.why)
        run.repairs += [taken.note] if taken.note else []
        run.needs_attention += [f"{question_id}: {taken.why}"] if taken.why else []
        return PublicGrade(taken.latex, result, time.monotonic() - begun)
    functions = StudentFunctions(run, name, timeout)
    result = grade_public(assignment.graded, question_id, functions.call)
    return PublicGrade(functions, result, time.monotonic() - begun)


@dataclass(frozen=True)
class NotebookResult:
    """The verdicts on a notebook's questions, and sentences on what a person must look at."""

    questions: list[QuestionResult]
    needs_attention: list[str]


def score_of(cell: NotebookNode) -> tuple[float | None, float]:
    """A grade cell's automatic score and its maximum; None where a person reads it, or a fault of ours left it open."""
    score, maximum = utils.determine_grade(cell)
    outputs = cell.get("outputs", ())
    return None if any(output.get("ename") == NOT_GRADED for output in outputs) else score, maximum


class SaveGrades(SaveAutoGrades):
    """nbgrader's step that saves scores; what a fault of ours left open has none, and waits for a person."""

    def _add_score(self, cell, resources):
        super()._add_score(cell, resources)
        if score_of(cell)[0] is None:
            names = (cell.metadata.nbgrader["grade_id"], self.notebook_id, self.assignment_id, self.student_id)
            grade = self.gradebook.find_grade(*names)
            grade.auto_score, grade.needs_manual_grade = None, True
            self.gradebook.db.commit()


class TrustedExecute(NbGraderPreprocessor):
    """Grade a submission's grade cells in this process, after its other cells were run in a sandbox.

    unread: {notebook: why it could not be read}, of notebooks that are judged as empty without a kernel.
    runs: {notebook: Run}, of notebooks whose cells have been run already; others are run in a sandbox of their own.
    results: {notebook: NotebookResult}, filled by `preprocess`.
    """

    seed_file = Unicode(help="the course's hidden seed").tag(config=True)
    public_folder = Unicode(help="the release; its Python files are put where a kernel runs").tag(config=True)
    assignment_folder = Unicode(help="the assignment's; empty: that of the course at hand").tag(config=True)
    timeout = Float(10, help="seconds that a cell, or a call of a function, may take").tag(config=True)
    sandbox = Unicode("bubblewrap", help="bubblewrap, or none: code that you trust").tag(config=True)

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.unread, self.runs, self.results = {}, {}, {}

    @cached_property
    def assignment(self):
        """The Assignment."""
        return load_assignment(self._assignment_folder())

    def _assignment_folder(self):
        """The assignment's folder, which course folders of before do not name."""
        return Path(self.assignment_folder) if self.assignment_folder else find_assignment()

    @cached_property
    def rules(self):
        """What the course's course.toml says, a CourseConfig."""
        folder = self._assignment_folder().parents[1]
        return course_config.read_config(course_config.find_config(Path(self.seed_file).parent, folder))

    def preprocess(self, nb, resources):
        """Copy the sandbox's outputs into the notebook, then grade the check cells.

        Raises:
            NoSandbox: the notebook has not been run, and there is no sandbox to run it in.
        """
        name = resources["nbgrader"]["notebook"]
        if name in self.unread:
            self.results[name] = NotebookResult([], [])
            return _not_read(nb, self.unread[name]), resources
        if name in self.runs:
            self._grade_cells(nb, name, self.runs[name])
        else:
            kernel = find_kernel(self._assignment_folder().parents[1])
            with (
                Sandbox(self.public_folder, kind=self.sandbox, kernel=kernel) as sandbox,
                closing(run_cells(nb, sandbox, self.timeout, self.assignment)) as run,
            ):
                grade_public_draws(nb, run, self.timeout, self.assignment)
                self._grade_cells(nb, name, run)
        return nb, resources

    def _grade_cells(self, nb, name, run):
        self.run, self.needs_attention = run, run.needs_attention
        self.sources = [cell.source for cell in nb.cells if cell.cell_type == "code"]
        self.notebook, self.questions = name, []
        self.results[name] = NotebookResult(self.questions, self.needs_attention)
        fitting = len(run.outputs) == len(nb.cells)
        for index, cell in enumerate(nb.cells):
            if cell.cell_type != "code":
                continue
            if utils.is_grade(cell):
                guarded(f"{cell.metadata.nbgrader['grade_id']} could not be judged", self._grade_cell, cell)
            else:
                cell.outputs = (run.outputs[index] if fitting else None) or []
        sanitize_notebook(nb)

    def _grade_cell(self, cell):
        name, maximum = cell.metadata.nbgrader["grade_id"], float(cell.metadata.nbgrader["points"])
        message = "Not graded: the autograder failed here, through no fault of yours. A person will look at it."
        cell.outputs = [new_output("error", ename=NOT_GRADED, evalue="", traceback=[message])]
        if name not in self.run.public_grades:
            return  # which has been logged
        question_id, begun = question_of(cell.source, self.assignment.known), time.monotonic()
        public = self.run.public_grades[name]
        functions = public.answer
        seed = int(Path(self.seed_file).read_text())
        if question_id in self.assignment.written:
            verdict = formula_grading.grade_hidden(
                self.assignment.formulas, question_id, functions, public.result, seed
            )
            self._save_formula(cell, question_id, verdict, functions, public.seconds + time.monotonic() - begun)
            return
        naming = partial(diagnose, self.assignment.naming)
        judgement = grade_hidden(
            self.assignment.graded, question_id, functions.call, seed, diagnose=naming, seen=public.result
        )
        result = judgement.result
        if result.points:
            unmeasured = f"{name}: its cost could not be measured"
            right = result.points == result.maximum
            self.needs_attention += guarded(
                unmeasured, partial(self._numeric, right=right), question_id, functions, seed, otherwise=[]
            )
        points = maximum * result.points / result.maximum
        cell.outputs = [_shown(name, points, self._html, judgement)]
        parts = tuple(_part_result(part, judgement.names.get(part.name)) for part in result.parts)
        seconds = round(public.seconds + time.monotonic() - begun, 3)
        self.questions.append(
            QuestionResult(
                question_id,
                self.notebook,
                points,
                maximum,
                parts,
                tuple(result.words),
                judgement.seed,
                tuple(judgement.errors),
                seconds,
            )
        )

    def _html(self, judgement):
        equations = book_equations(self.assignment.course_folder)
        return html(judgement.result, judgement.names, judgement.pictures, equations)

    def _numeric(self, question_id, functions, seed, right):
        """Sentences on a function that may differentiate numerically, for a person: its points stand."""
        signs_found = []
        graded, cost = self.assignment.graded, self.assignment.graded.cost
        for wanted, counts in functions.watch(graded, question_id, seed):
            signs = [numeric.seen_while_running(counts), numeric.said_by_the_source(self.sources, wanted)]
            if signs := [sign for sign in signs if sign]:
                signs_found.append(f"{wanted} may differentiate numerically: {'; '.join(signs)}")
        if cost and question_id == cost.question and not signs_found:
            signs_found += filter(None, [looks_numeric(graded, functions.call, seed, right=right)])
        return [f"{message} (its points stand)" for message in signs_found]

    def _save_formula(self, cell, question_id, verdict, latex, seconds):
        name, maximum = cell.metadata.nbgrader["grade_id"], float(cell.metadata.nbgrader["points"])
        points = maximum * formula_grading.share(verdict, self.rules.formulas.repair_percent)
        if points and (numbers := numeric.unusual_numbers(latex)):
            numbers = ", ".join(formula_grading.visible(number)[:20] for number in numbers[:3])
            message = f"{question_id}: the formula holds {numbers}, as a difference quotient does"
            self.needs_attention.append(f"{message} (its points stand)")
        cell.outputs = [
            _shown(name, points, formula_grading.shown, self.assignment, question_id, verdict, latex, points)
        ]
        self.needs_attention += filter(None, [formula_grading.need(question_id, verdict, latex)])
        if formula_grading.is_open(verdict):  # no notation costs a point
            message = "Not graded yet: a person will read this formula."
            cell.outputs.append(new_output("error", ename=NOT_GRADED, evalue="", traceback=[message]))
        part = PartResult(
            "formula",
            points,
            maximum,
            verdict.verdict,
            verdict.name or None,
            _number(verdict.error),
            tuple(verdict.words),
            verdict.repair,
        )
        self.questions.append(
            QuestionResult(question_id, self.notebook, points, maximum, (part,), seconds=round(seconds, 3))
        )


def _part_result(part, mistake):
    """A graded part as it is recorded. mistake: what `diagnose` has named, or None."""
    error, messages = (_number(part.verdict.error), tuple(part.verdict.words)) if part.verdict else (None, ())
    name = mistake.name if mistake else None
    return PartResult(part.name, part.points, part.maximum, part.status, name, error, messages)


class StudentFunctions:
    """A student's functions as the cells before one grade cell have defined them, called through its channel."""

    def __init__(self, run, name, timeout):
        self.needs_attention, self.timeout = run.needs_attention, timeout
        self.channel, self.closed, self.stopped = run.channels.get(name), run.aborted_reason, set()

    def call(self, name, given):
        """Call a function on arguments, for `grade_public` and `grade_hidden`. Never raises: failures are Answers."""
        if name in self.stopped:
            return Answer(error=f"was stopped after {self.timeout:g} s")
        if self.channel is None:
            return Answer(error=f"could not be called: {self.closed}")
        try:
            reply = self.channel.ask(name, protocol.pack(tuple(given)), self.timeout)
        except TimeoutError:
            self._stop(name)
            self._shut(f"{name} took longer than {self.timeout:g} s and did not stop when told to")
            return self.call(name, given)
        except (ValueError, OSError):
            self._shut(f"what came from {name} could not be read")
            return Answer(error="returned what cannot be read")
        if reply is None:
            self._shut(self.channel.ended or self.closed or f"the kernel ended itself in {name}")
            return self.call(name, given)
        answer = _answer(reply)
        if answer.error == STOPPED:
            self._stop(name)
            return self.call(name, given)
        return answer

    def watch(self, graded, question_id, seed):
        """(function, what a Watch has counted in it) of a question's functions, on one hidden draw; "off" where there
        are no counts. The draw has all been judged: nothing that is said afterwards reaches the student."""
        return [
            (wanted.function, self._counts(wanted.function, given))
            for wanted, given in watched(graded, question_id, seed)
        ]

    def _counts(self, name, given):
        if self.channel is None or name in self.stopped:  # which has been told
            return {}
        try:
            reply = json.loads(self.channel.ask(name, protocol.pack(given), self.timeout, watch=True))
            if {"error", "absent", "unsendable"} & reply.keys():  # without a watch too
                return {}
            return {key: int(reply["watch"][key]) for key in ("moved", "of", "complex", "off", "differs")}
        except Exception:  # whatever a hostile kernel sends, or its silence: what it sends later answers nothing
            LOG.info(f"the watch of {name} could not be read", exc_info=True)
            self.channel.close()
            self.channel, self.closed = None, "it could not be watched"
            return {"off": 1}

    def _stop(self, name):
        self.stopped.add(name)
        self.needs_attention.append(
            f"{name} took longer than {self.timeout:g} s and was stopped (the other functions count)"
        )

    def _shut(self, why):
        self.channel.close()
        self.channel, self.closed = None, why
        if not any(why in need for need in self.needs_attention):
            self.needs_attention.append(f"{why} (the other questions count)")


def question_of(source: str, known: Iterable[str]) -> str:
    """The question's id in a grade cell's source, `check("1-3")`. Raises ValueError when the cell is anything else.

    known: the ids that there are.
    """
    try:
        (statement,) = parse_source(source).body
        call = statement.value
        (argument,) = call.args
        if call.func.id == "check" and not call.keywords and argument.value in known:
            return argument.value
    except (SyntaxError, ValueError, AttributeError, TypeError):
        pass
    raise ValueError(f"a grade cell holds one line, check(question), but this one holds {source!r}")


def _shown(name, points, render, *args):
    """A grade cell's output: its points, and what `render` makes of the verdict; without it the points stand."""
    page = guarded(f"{name}: its verdict could not be shown", render, *args)
    message = "The points stand. What they are for could not be shown, through no fault of yours."
    page = page or f"<p><b>{points:g} points.</b> {message}</p>"
    return new_output("execute_result", {"text/plain": repr(points), "text/html": page})


def _number(value):
    """A float that JSON knows: None for NaN and infinity."""
    return float(value) if math.isfinite(value) else None


def _not_read(notebook, why):
    for cell in notebook.cells:
        if cell.cell_type == "code" and utils.is_grade(cell):
            message = f"<p>This notebook could not be read: {escape(why)}. Nothing of it was graded yet.</p>"
            cell.outputs = [new_output("execute_result", {"text/plain": "0.0", "text/html": message})]
    return notebook


def _answer(text):
    """The Answer in a message from the untrusted kernel."""
    try:
        reply = json.loads(text)
        if "stopped" in reply:
            return Answer(error=STOPPED)
        if "absent" in reply:
            return Answer(error="is not there: no cell that ran defines it")
        if "unsendable" in reply:
            return Answer(error="returned what is no number, array, tuple or dict of them: only these can be judged")
        if "error" in reply:
            kind, text, line = reply["error"]
            kind = kind if kind in KNOWN_ERRORS else "an exception of its own"
            return Answer(error=f"raised {kind}: {str(text)[:500]} ({str(line)[:100]})")
        return Answer(*(protocol.unpack(reply[part]) for part in ("value", "again", "after")))
    except Exception:  # whatever a hostile kernel sends
        LOG.info("an answer of the kernel's could not be read", exc_info=True)
        return Answer(error="returned what cannot be read")

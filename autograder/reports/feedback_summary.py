"""What stands on top of a student's page of feedback: points, mistakes by name, what was changed, what is open."""

import math
import re
from dataclasses import dataclass, field

from nbformat import NotebookNode
from nbgrader.utils import is_grade, is_solution

from autograder.assignment.cell_names import bare_name, check_cell, is_check_of_formula
from autograder.reports.verdict_html import capital, equation_reference
from autograder.sandbox.sanitize import plain, without_paths

PICTURE = re.compile(
    r"!\[[^\]\n]{0,500}\]\(\s*<?([^\s()<>]{1,500})|<img\b[^<>]{0,500}?\bsrc\s*=\s*[\"']?([^\s\"'<>]{1,500})", re.I
)
HEADING = re.compile(r"^#{1,6}[ \t]+(.{1,200})", re.MULTILINE)
NO_RESPONSE = "No response."  # nbgrader's comment on a cell that was left as it was released
ROUNDING = 1e-9  # of a question's points: what is missing by less is rounding


@dataclass(frozen=True)
class Row:
    """A graded cell. kind: "right", "wrong" or "open", which gives the colour of its result."""

    title: str
    points: str
    result: str
    kind: str


@dataclass(frozen=True)
class Named:
    """A mistake that was recognised. text: what went wrong, and where to look. reference: HTML, where the book has it.
    where: the names of the graded cells in which it was made."""

    name: str
    text: str
    reference: str
    where: tuple[str, ...]


@dataclass(frozen=True)
class Summary:
    """rows: {grade_id: Row}. so_far: what the score leaves out. parts: the score's automatic part and the one by hand.
    needs_attention, resolved, repairs, pictures: what needs a person, what one has looked at, what was changed in the
    notebook, which pictures are not in it."""

    score: str
    maximum: str
    so_far: str = ""
    parts: str = ""
    rows: dict = field(default_factory=dict)
    mistakes: tuple[Named, ...] = ()
    needs_attention: tuple[str, ...] = ()
    resolved: tuple[str, ...] = ()
    repairs: tuple[str, ...] = ()
    pictures: tuple[str, ...] = ()


def summarize(notebook, name, record, needs, resolved, score, notebooks, mistakes=(), equations=None):
    """The Summary of one notebook.

    Args:
        notebook: with a score and points in each grade cell's metadata, the score NaN where there is none yet.
        name: of the notebook.
        record: the submission's Record, or None where there is none.
        needs, resolved: its open reasons for a person, and the Resolutions of the others.
        score: of the notebook, less what being late costs.
        notebooks: the names of all of the assignment's notebooks.
        mistakes: those that the assignment knows. equations: those of the book.
    """
    graded = [cell for cell in notebook.cells if is_grade(cell)]
    questions = [question for question in (record.questions.values() if record else ()) if question.notebook == name]
    rows = {cell.metadata.nbgrader.grade_id: _row(cell, questions, record is not None) for cell in graded}
    sums = {kind: [0.0, 0.0] for kind in ("code", "markdown")}
    for cell in graded:
        if not math.isnan(cell.metadata.nbgrader.score):
            sums[cell.cell_type][0] += cell.metadata.nbgrader.score
            sums[cell.cell_type][1] += cell.metadata.nbgrader.points
    maximum = sum(most for _, most in sums.values())
    words = {"code": "graded automatically", "markdown": "graded by hand"}
    parts = [f"{got:g} of {most:g} {words[kind]}" for kind, (got, most) in sums.items() if most]
    return Summary(
        f"{score:g}",
        f"{maximum:g}",
        _so_far(graded),
        ", ".join(parts),
        rows,
        tuple(_mistakes(questions, mistakes, equations or {})),
        tuple(_of(name, notebooks, _without_faults(record, needs))),
        tuple(
            _of(name, notebooks, [need for each in resolved for need in _without_faults(record, each.needs_attention)])
        ),
        tuple(_of(name, notebooks, record.repairs if record else ())),
        tuple(_pictures(notebook)),
    )


def title(cell: NotebookNode) -> str:
    """What a graded cell is called on the page."""
    name = cell.metadata.nbgrader.grade_id
    if cell.cell_type == "markdown":
        return f"Derivation {bare_name(name)}"
    return f"{'Formula' if is_check_of_formula(name) else 'Check'} {bare_name(name)}"


def fold(notebook: NotebookNode, given: set[str]) -> None:
    """Mark what the assignment gives, so that the page folds it.

    A run of such cells gets `fold`, what it is about, in its first cell's metadata, and `fold_end` in its last one's.

    Args:
        notebook: which is changed.
        given: the released sources of cells that nobody is asked to fill in.
    """
    runs = [[]]
    for cell in notebook.cells:
        cell.metadata.pop("fold", None)
        cell.metadata.pop("fold_end", None)
        failed = any(output.output_type == "error" for output in cell.get("outputs", ()))
        if cell.source.strip() in given and not (is_grade(cell) or is_solution(cell) or failed):
            runs[-1].append(cell)
        elif runs[-1]:
            runs.append([])
    for run in filter(None, runs):
        headings = [match[1] for cell in run if cell.cell_type == "markdown" and (match := HEADING.search(cell.source))]
        about = re.sub(r"[`$*_{}\\]", "", headings[0]) if headings else ""
        kind = "given code" if all(cell.cell_type == "code" for cell in run) else "statement"
        run[0].metadata.fold = f"{kind.capitalize()}: {about}" if about else f"{kind.capitalize()}"
        run[-1].metadata.fold_end = True


def _row(cell, questions, recorded):
    score, points = cell.metadata.nbgrader.score, float(cell.metadata.nbgrader.points)
    if cell.cell_type == "markdown":
        if math.isnan(score):
            return Row(title(cell), f"not read yet, of {points:g}", "a person reads it", "open")
        empty = score == 0 and cell.metadata.nbgrader.get("comment") == NO_RESPONSE
        return Row(
            title(cell), f"{score:g} of {points:g}", "nothing was written" if empty else "graded by hand", "open"
        )
    if math.isnan(score):
        return Row(title(cell), f"not graded, of {points:g}", "a person will look at it", "open")
    verdicts = [
        part.verdict
        for question in questions
        if check_cell(question.question) == cell.metadata.nbgrader.grade_id
        for part in question.parts
    ]
    if score == 0 and recorded and not verdicts:  # its notebook could not be read
        return Row(title(cell), f"0 of {points:g}", "not graded", "open")
    right = score >= points - ROUNDING
    result = "right after a repair" if "repaired" in verdicts else "right" if right else "partly right"
    result = result if score > 0 else "not right"
    return Row(title(cell), f"{score:g} of {points:g}", result, "right" if right or "repaired" in verdicts else "wrong")


def _so_far(graded):
    unread = sum(math.isnan(cell.metadata.nbgrader.score) for cell in graded if cell.cell_type == "markdown")
    open_ = sum(math.isnan(cell.metadata.nbgrader.score) for cell in graded if cell.cell_type == "code")
    said = [("a derivation is" if unread == 1 else f"{unread} derivations are") + " not read yet"] if unread else []
    said += [("a check is" if open_ == 1 else f"{open_} checks are") + " not graded yet"] if open_ else []
    return f" so far: {', and '.join(said)}" if said else ""


def _mistakes(questions, mistakes, equations):
    """Each named mistake once, with every graded cell in which it was made."""
    where, parts = {}, {}
    for question in questions:
        for name, part in question.mistakes:
            where.setdefault(name, {})[check_cell(question.question)] = None
            parts.setdefault(name, part)
    for name, made in where.items():
        known = [mistake for mistake in mistakes if mistake.name in name.split(", or ")]
        known.sort(key=lambda mistake, name=name: mistake.part != parts[name])
        text = f"{known[0].what} {known[0].look}" if known else ""
        reference = equation_reference(known[0].equation, equations) if known else ""
        yield Named(capital(name), text, reference, tuple(made))


def _without_faults(record, needs):
    """Sentences for a student: a fault of ours without its exception's text, which could reveal hidden inputs."""
    faults = {fault.need: fault.where for fault in (record.faults if record else ())}
    return [f"{faults[need]}, through no fault of yours" if need in faults else need for need in needs]


def _of(name, notebooks, sentences):
    """The sentences that concern a notebook, or none by its name; without its name in front, and without a path."""
    for sentence in sentences:
        begins = next((each for each in notebooks if re.match(rf"{re.escape(each)}(:|\.ipynb\b)", sentence)), name)
        if begins == name:
            yield without_paths(plain(sentence.removeprefix(f"{name}: ")))


def _pictures(notebook):
    """A sentence for each picture that a student's Markdown shows and the notebook does not hold."""
    for cell in notebook.cells:
        if cell.cell_type != "markdown" or cell.metadata.get("given"):
            continue
        where = f"{title(cell)}: " if is_grade(cell) else ""
        for target in dict.fromkeys(one or other for one, other in PICTURE.findall(cell.source)):
            held = target.lower().startswith("data:image/") or target.removeprefix("attachment:") in cell.get(
                "attachments", {}
            )
            if not held:
                yield f"{where}{target[:100]} is not in the notebook, so nobody can see it."

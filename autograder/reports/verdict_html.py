"""What a student reads in the feedback: a question's verdict as a piece of HTML that needs nothing from outside."""

import math
import re
from collections.abc import Mapping
from html import escape

from autograder.reports.book_equations import BookEquation

STATUS = {
    "ok": ("var(--right,#14702e)", "right"),
    "carried": ("var(--right,#14702e)", "right, after what went in"),
    "not yet": ("var(--wrong,#a3260f)", "not right"),
    "waits": ("var(--muted,#5c5c5c)", "built on a part that is not right"),
    "missing": ("var(--wrong,#a3260f)", "missing"),
}
CELL = 'style="padding:3px 14px 3px 0;text-align:left;vertical-align:top;border:0;white-space:nowrap"'
WIDE = CELL.replace("nowrap", "normal")
FORMULAS = {
    "right": ("var(--right,#14702e)", "right"),
    "repaired": ("var(--right,#14702e)", "right after a repair"),
    "wrong": ("var(--wrong,#a3260f)", "not right"),
    "inconsistent": ("var(--right,#14702e)", "right, but not every step before it"),
    "ambiguous": ("var(--muted,#5c5c5c)", "not graded: it can be read in several ways"),
    "not read": ("var(--muted,#5c5c5c)", "not graded: it was not read"),
}
ERROR = 'style="fill:var(--wrong,#a3260f)"'  # a page that has a dark form sets the variables
SQUARE, MAX_PICTURE_SIDE = 15, 24  # pixels of an entry in a picture; entries along a side
MAX_CLUE_RATIO = 0.25  # a clue is shown where the error on one side of it is at most this much of that on the other
EQUATION = re.compile(r'<cite data-equation="([a-z0-9-]+)">(.*?)</cite>', re.DOTALL)


def html(result, names=None, pictures=None, equations: Mapping[str, BookEquation] | None = None) -> str:
    """A questions.Result as HTML, a row a part.

    names: {part: what diagnosis.diagnose called its mistake, or None}. pictures: {part: questions.Picture}. equations:
    those of the book.
    """
    names, pictures, equations = names or {}, pictures or {}, equations or {}
    functions = ", ".join(f"<code>{escape(name)}</code>" for name in result.functions)
    told = set()
    parts = () if all(part.status == "missing" for part in result.parts) else result.parts
    rows = "".join(_row(part, names.get(part.name), pictures.get(part.name), told, equations) for part in parts)
    sentences = "".join(f"<p style='margin:6px 0'>{escape(sentence)}</p>" for sentence in result.words)
    return (
        f'<div style="font-size:14px"><p><b>{escape(result.id)}</b> &nbsp; {functions} &nbsp; '
        f"<b>{result.points:g} of {result.maximum}</b></p>"
        f'<table style="border:0;border-collapse:collapse;margin:0">{rows}</table>{sentences}</div>'
    )


def formula_html(question_id, verdict, source, points, maximum, mathml, references=()):
    """The verdict on a written formula as HTML.

    Args:
        verdict: a FormulaVerdict. source: the formula as it was written. mathml: a function, LaTeX -> MathML or "".
        references: from `equation_reference`, where the book has what the named mistake is about.
    """
    colour, status = FORMULAS[verdict.verdict]
    exact = verdict.is_accepted and math.isfinite(verdict.error)
    status += (f", to {verdict.error:.0e}" if verdict.error else ", exactly") if exact else ""
    status += f", off by {verdict.error:.2g}" if verdict.name and math.isfinite(verdict.error) else ""
    lines = map(mathml, verdict.typeset.split(", \\\\\n"))
    typeset = f'<div style="overflow-x:auto">{"".join(lines)}</div>'
    shapes = "".join(
        f"<tr><td {CELL}>{mathml(name, block=False) or escape(name) if name else 'the formula'}</td>"
        f"<td {CELL}>{escape(shape)}</td></tr>"
        for name, shape in verdict.shapes
    )
    name = [f"<b>{escape(capital(verdict.name))}.</b>"] if verdict.name else []
    sentences = []
    for said in verdict.words:
        sentence, _, place_in_it = said.partition("\n")
        sentences.append(escape(sentence) + (f"<pre>{escape(place_in_it)}</pre>" if place_in_it else ""))
    told = "".join(f"<div style='margin:6px 0'>{said}</div>" for said in [*name, *sentences, *references])
    return (
        f'<div style="font-size:14px"><p><b>{escape(question_id)}</b> &nbsp; '
        f'<span style="color:{colour}">{status}</span> &nbsp; <b>{points:g} of {maximum}</b></p>{typeset}'
        f'<table style="border:0;border-collapse:collapse;margin:0;font-size:14px">{shapes}</table>{told}'
        "<p style='margin:6px 0'>As it was written:</p>"
        f"<pre style='white-space:pre-wrap'>{escape(source) or '(nothing)'}</pre></div>"
    )


def linked(page: str, book_url: str, equations: Mapping[str, BookEquation]) -> str:
    """A page in which what `equation_reference` names is a link into the book, where the book's address is known."""
    if not book_url:
        return page

    def link(match):
        label, text = match.groups()
        equation = equations.get(label)
        address = f"{book_url.rstrip('/')}/{equation.url}" if equation else ""
        return f'<a href="{escape(address)}">{text}</a>' if address else text

    return EQUATION.sub(link, page)


def _row(part, named, picture, told, equations):
    colour, status = STATUS[part.status]
    verdict = part.verdict
    shape = "×".join(map(str, verdict.shape)) or "a number" if verdict else ""
    lines = _mistake(named, told, equations) if named else []
    if verdict and verdict.verdict == "pass":
        lines.append(f"to {verdict.error:.0e}" if verdict.error else "exactly")
    elif verdict and verdict.worst is not None:
        at = f" at [{', '.join(map(str, verdict.worst))}]" if verdict.worst else ""
        lines.append(f"off by {verdict.error:.2g}; yours {verdict.yours:.4g}, expected {verdict.expected:.4g}{at}")
    lines += [escape(sentence) for sentence in (verdict.words if verdict else ())]
    shown = _picture(picture) if picture else ""
    return (
        f"<tr><td {CELL}><code>{escape(part.name)}</code></td><td {CELL}>{shape}</td>"
        f'<td {CELL}><span style="color:{colour}">{status}</span></td>'
        f"<td {CELL}>{part.points:g} of {part.maximum}</td><td {WIDE}>{'<br>'.join(lines)}{shown}</td></tr>"
    )


def _mistake(named, told, equations):
    """What an answer equals, each mistake with what went wrong and where the book has it, once in a question."""
    lines = [f"<b>{escape(capital(named.name))}.</b>"]
    if named.name in told:
        return [f"{lines[0]} As above."]
    told.add(named.name)
    formula = "that formula" if len(named.entries) == 1 else "the formula with both"
    lines[0] += f" Your answer equals {formula}" + (f" to {named.error:.0e}." if named.error else ", digit for digit.")
    for mistake, *_ in named.entries:
        if mistake.what not in told:
            told.add(mistake.what)
            what = "" if mistake.what == f"{named.name}." else f"{escape(mistake.what)} "
            lines.append(f"{what}{escape(mistake.look)} {equation_reference(mistake.equation, equations)}".strip())
    return lines


def equation_reference(label: str, equations: Mapping[str, BookEquation]) -> str:
    """A sentence on where the book has an equation, as HTML; `linked` makes a link of it. "" for no label."""
    if not label:
        return ""
    equation = equations.get(label)
    if equation is None or not equation.number:
        return f"In the book: equation <code>{escape(label)}</code>."
    text = f"“{_prose(equation.heading)}”, equation ({equation.number})"
    return f'See <cite data-equation="{label}">{text}</cite>.'


def _prose(heading):
    return escape(re.sub(r"[`$*_{}]", "", heading))


def _picture(picture):
    """The error over a part's entries as an inline SVG, darker where it is larger; and where something holds."""
    error = picture.error.max(axis=0) if picture.error.ndim == 3 else picture.error
    error = error[None] if error.ndim == 1 else error
    if error.ndim != 2 or max(error.shape) > MAX_PICTURE_SIDE:
        return ""
    height, width = (side * SQUARE for side in error.shape)
    squares = "".join(
        f'<rect x="{j * SQUARE}" y="{i * SQUARE}" width="{SQUARE}" height="{SQUARE}" {ERROR} '
        f'fill-opacity="{_shade(value):g}" stroke="#c9c9c9"/>'
        for (i, row) in enumerate(error)
        for (j, value) in enumerate(row)
    )
    axes = picture.axes or ("sample", "unit")
    axes = {1: ("", axes[-1]), 2: axes[-2:], 3: axes[-2:]}[picture.error.ndim]
    rows = f"a row for each {axes[0]}, " if axes[0] else ""
    over = "; of all samples the worst" if picture.error.ndim == 3 else ""
    caption = f"where the error sits: {rows}a column for each {axes[1]}; the stronger its colour, the larger{over}"
    return (
        f'<figure style="margin:6px 0 10px"><svg role="img" aria-label="{caption}" width="{width + 2}" '
        f'height="{height + 2}" style="vertical-align:top"><g transform="translate(1 1)">{squares}</g></svg>'
        f"{_bars(picture.clue)}"
        f'<figcaption style="color:var(--muted,#5c5c5c);font-size:12px">{caption}</figcaption></figure>'
    )


def _shade(error):
    """From 0 to 1, by the root, so that the smaller errors are seen too; 0 for rounding alone."""
    return 0.0 if error < 1e-9 else max(0.1, round(float(error) ** 0.5, 1))


def _bars(clue):
    if not clue or min(clue[1:]) > MAX_CLUE_RATIO:
        return ""
    condition, inside, outside = clue
    bars = "".join(
        f'<rect x="0" y="{y}" width="{max(1, round(100 * size))}" height="{SQUARE - 4}" {ERROR}/>'
        f'<text x="{max(1, round(100 * size)) + 6}" y="{y + SQUARE - 6}" font-size="12">{escape(label)}</text>'
        for y, size, label in ((2, inside, f"where {condition}"), (2 + SQUARE, outside, "elsewhere"))
    )
    label = escape(f"mean error where {condition}: {inside:.1f}; elsewhere: {outside:.1f}")
    return (
        f'<svg role="img" aria-label="{label}" width="230" height="{2 * SQUARE + 4}" '
        f'style="vertical-align:top;margin-left:28px;fill:currentColor">{bars}</svg>'
    )


def capital(name: str) -> str:
    """A name as a sentence begins; a symbol stays as it is: μ_B², sgn(z), dout."""
    return name[0].upper() + name[1:] if re.match(r"(?!dout\b)(?:a|[a-z]{2,})(?=[ ,'-]|$)", name) else name

"""What a student reads in the feedback: a question's verdict as a piece of HTML that needs nothing from outside."""

from html import escape

STATUS = {
    "ok": ("#14702e", "right"),
    "carried": ("#14702e", "right, after what went in"),
    "not yet": ("#a3260f", "not right"),
    "waits": ("#6b6b6b", "built on a part that is not right"),
    "missing": ("#a3260f", "missing"),
}
CELL = 'style="padding:2px 14px 2px 0;text-align:left;vertical-align:top;border:0;white-space:nowrap"'
WIDE = CELL.replace("nowrap", "normal")


def html(result, names=None):
    """A questions.Result as HTML, a row a part. names: {part: what diagnosis.diagnose called its mistake, or None}."""
    names = names or {}
    functions = ", ".join(f"<code>{escape(name)}</code>" for name in result.functions)
    rows = "".join(_row(part, names.get(part.name)) for part in result.parts)
    words = "".join(f"<p style='margin:6px 0'>{escape(sentence)}</p>" for sentence in result.words)
    return (
        f'<div style="font-size:14px"><p><b>{escape(result.id)}</b> &nbsp; {functions} &nbsp; '
        f"<b>{result.points:g} of {result.maximum}</b></p>"
        f'<table style="border:0;border-collapse:collapse;margin:0">{rows}</table>{words}</div>'
    )


def _row(part, named):
    colour, words = STATUS[part.status]
    verdict = part.verdict
    shape = "×".join(map(str, verdict.shape)) or "a number" if verdict else ""
    numbers = ""
    if verdict and part.status != "missing" and verdict.worst is not None and verdict.verdict != "pass":
        at = f" at [{', '.join(map(str, verdict.worst))}]" if verdict.worst else ""
        numbers = f"off by {verdict.error:.2g}; yours {verdict.yours:.4g}, expected {verdict.expected:.4g}{at}"
    elif verdict and verdict.verdict == "pass":
        numbers = f"to {verdict.error:.0e}" if verdict.error else "exactly"
    sentences = "".join(f"<br>{escape(sentence)}" for sentence in (verdict.words if verdict else ()))
    sentences += "".join(
        f"<br><b>{escape(_sentence(mistake.name))}.</b> {escape(mistake.what)} {escape(mistake.look)} "
        f"In the book: equation <code>{escape(mistake.equation)}</code>."
        for mistake in (entry[0] for entry in (named.entries if named else ()))
    )
    return (
        f"<tr><td {CELL}><code>{escape(part.name)}</code></td><td {CELL}>{shape}</td>"
        f'<td {CELL}><span style="color:{colour}">{words}</span></td>'
        f"<td {CELL}>{part.points:g} of {part.maximum}</td><td {WIDE}>{numbers}{sentences}</td></tr>"
    )


def _sentence(name):
    """A name as a sentence begins; μ_B² stays μ_B²."""
    return name[0].upper() + name[1:] if name[0].isascii() else name

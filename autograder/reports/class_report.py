"""The class report: one page for the teacher after grading, without scripts and external requests."""

from collections import Counter
from collections.abc import Iterable, Mapping
from html import escape
from statistics import mean, median

from autograder.assignment.model import Assignment
from autograder.course.late_policy import days_late
from autograder.course.roster import shown
from autograder.reports.book_equations import book_equations

BAR_COUNT = 10
MAX_MISTAKES = 10  # mistakes
MAX_NAMES = 20  # names in a sentence
ROUNDING = 1e-9  # of a question's points: what is missing by less is rounding
STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; color: #1c1c1c; max-width: 54rem; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.6rem } h2 { font-size: 1.2rem; margin: 2.2rem 0 .4rem } p { margin: .4rem 0 }
table { border-collapse: collapse; width: 100% }
th, td { text-align: left; vertical-align: top; padding: .25rem .9rem .25rem 0; border-bottom: 1px solid #e4e4e4 }
th { font-weight: 600 } td.n, th.n { text-align: right } td.n, td.q { white-space: nowrap }
td.bar { width: 45%; padding-right: 0 }
.bar div { display: flex; height: 1rem; margin-top: .3rem; background: #eee }
.right { background: #14702e } .partly { background: #d99b1c } .none { background: #a3260f }
.count { background: #4a6fa5 }
.key i { display: inline-block; width: .8rem; height: .8rem; margin: 0 .3rem 0 1rem }
small { color: #555 } code { font-size: .9em; overflow-wrap: anywhere } td { overflow-wrap: anywhere }
"""
KEY = {"right": "right", "partly": "partly", "none": "nothing"}
POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def page(assignment: Assignment, rows: list[dict], records: Mapping[str, object], cells: list, policy: object) -> str:
    """The page as HTML text.

    Args:
        assignment: whose class it is.
        rows: of gradebook.grades.
        records: {student: Record}, of the same students.
        cells: of gradebook.graded_cells, the assignment's graded cells.
        policy: a LatePolicy.
    """
    graded = [row for row in rows if row["status"] != "not graded"]
    sections = [
        _scores(graded),
        _questions(graded, [cell for cell in cells if cell.kind == "auto"]),
        _mistakes(assignment, [records[row["student"]] for row in graded]),
        _derivations(graded, [cell for cell in cells if cell.kind == "manual"]),
        _late(rows, records, policy),
        _needing(rows),
    ]
    waiting = sum(row["manual_waiting"] for row in rows)
    needing = sum(bool(row["needs"]) for row in rows)
    facts = [f"{len(rows)} submissions", f"{len(rows) - needing} graded", f"{needing} need you"]
    facts += [f"{waiting} derivation{'' if waiting == 1 else 's'} to read"] if waiting else []
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{assignment.name}: the class</title><style>{STYLE}</style></head><body>\n"
        f"<h1>{assignment.name}: the class</h1><p>{' · '.join(facts)}</p>\n" + "\n".join(sections) + "</body></html>\n"
    )


def _scores(rows):
    score, maximum, what = "score", "max_score", "after what being late cost"
    if any(row["manual_waiting"] for row in rows):
        score, maximum, what = "auto_score", "auto_max", "the automatic ones alone, while derivations wait to be read"
    scores, top = [row[score] for row in rows], max((row[maximum] for row in rows), default=0)
    if not top:
        return "<h2>Scores</h2><p>Nobody has been graded yet.</p>"
    counts = Counter(min(int(score / top * BAR_COUNT + 1e-9), BAR_COUNT - 1) for score in scores)
    most = max(counts.values())
    lines = []
    for step in reversed(range(BAR_COUNT)):
        band = f"{100 * step // BAR_COUNT} to {100 * (step + 1) // BAR_COUNT} %"
        lines.append([("n", band), ("bar", _bar([("count", counts[step] / most)])), ("n", str(counts[step]))])
    summary = f"Of {top:g} points ({what}): mean {mean(scores):.1f}, median {median(scores):.1f}."
    return f"<h2>Scores</h2><p>{summary}</p>" + _table([("n", "of the maximum"), ("", ""), ("n", "students")], lines)


def _questions(rows, cells):
    if not rows:
        return ""
    lines = []
    for cell in cells:
        scores = [row[f"auto {cell.short}"] for row in rows]
        shares = [score / cell.points for score in scores if score is not None] or [0.0]
        right = sum(share >= 1 - ROUNDING for share in shares) / len(shares)
        none = sum(share <= ROUNDING for share in shares) / len(shares)
        bar = _bar([("right", right), ("partly", 1 - right - none), ("none", none)])
        name = f"<b>{escape(cell.question or cell.short)}</b>"
        lines.append(
            [
                ("", name),
                ("bar", bar),
                ("n", _percent(right)),
                ("n", f"{mean(shares) * cell.points:.1f} of {cell.points:g}"),
            ]
        )
    key = "".join(f'<i class="{kind}"></i>{label}' for kind, label in KEY.items())
    head = [("", "question"), ("", ""), ("n", "all right"), ("n", "mean")]
    return f'<h2>Questions</h2><p class="key"><small>{key}</small></p>' + _table(head, lines)


def named_mistakes(records: Iterable) -> list[tuple[str, set[str], int]]:
    """[(name, {question ids}, students)] of the recognised mistakes, the most frequent first; a student counts once."""
    students, questions = Counter(), {}
    for record in records:
        seen = {}
        for question, result in record.questions.items():
            for name, _ in result.mistakes:
                seen.setdefault(name, set()).add(question)
        students.update(seen.keys())
        for name, where in seen.items():
            questions.setdefault(name, set()).update(where)
    ordered = sorted(students.items(), key=lambda item: (-item[1], item[0]))
    return [(name, questions[name], count) for name, count in ordered]


def _mistakes(assignment, records):
    mistakes = named_mistakes(records)
    if not mistakes:
        return "<h2>What to teach again</h2><p>No mistake was recognised by name.</p>"
    known = {mistake.name: mistake for mistake in assignment.mistakes}
    equations = book_equations(assignment.course_folder)
    lines = []
    for name, questions, count in mistakes[:MAX_MISTAKES]:
        mistake = known.get(name.split(", or ")[0])
        text = f"<b>{escape(shown(name))}</b><br>"
        if mistake:
            equation = equations.get(mistake.equation)
            at = f", {equation.page.removeprefix('book/')}" if equation else ""
            text += f"{escape(mistake.what)} {escape(mistake.look)}<br>"
            text += f"<small>In the book: equation <code>{escape(mistake.equation)}</code>{escape(at)}.</small>"
        share = count / len(records)
        lines.append(
            [("n", _percent(share)), ("n", str(count)), ("", text), ("q", "<br>".join(map(escape, sorted(questions))))]
        )
    rest = (
        f"<p><small>And {len(mistakes) - MAX_MISTAKES} more, rarer.</small></p>" if len(mistakes) > MAX_MISTAKES else ""
    )
    head = [("n", "of all"), ("n", "students"), ("", "mistake"), ("", "in")]
    return "<h2>What to teach again</h2>" + _table(head, lines) + rest


def _derivations(rows, cells):
    if not rows or not cells or any(row["manual_waiting"] for row in rows):
        return ""
    lines = []
    for cell in cells:
        average = mean(row[f"manual {cell.short}"] for row in rows)
        bar = _bar([("count", average / cell.points)])
        lines.append([("", f"<b>{escape(cell.short)}</b>"), ("bar", bar), ("n", f"{average:.1f} of {cell.points:g}")])
    return "<h2>Derivations</h2>" + _table([("", "derivation"), ("", ""), ("n", "mean")], lines)


def _late(rows, records, policy):
    if policy.due is None:
        return "<h2>Late</h2><p>course.toml names no due date, so nothing is late.</p>"
    lines = []
    for row in rows:
        if days := days_late(policy, row["student"], records[row["student"]].timestamp):
            lines.append([("", _name(row)), ("n", str(days)), ("n", f"{row['late_penalty']:.1f}")])
    unknown = [_name(row) for row in rows if records[row["student"]].timestamp is None]
    some = ", ".join(unknown[:MAX_NAMES]) + (" …" if len(unknown) > MAX_NAMES else "")
    remark = f"<p>Of {len(unknown)} no time is known, and they count as in time: {some}.</p>" if unknown else ""
    strange = [escape(shown(name)) for name in policy.extensions if name not in records]
    remark += (
        f"<p>course.toml extends the time of students who are not here: {', '.join(strange)}.</p>" if strange else ""
    )
    table = _table([("", "student"), ("n", "days"), ("n", "points off")], lines) if lines else "<p>Nobody was late.</p>"
    return "<h2>Late</h2>" + table + remark


def _needing(rows):
    lines = [[("", _name(row)), ("", escape(shown(row["needs"])))] for row in rows if row["needs"]]
    head = [("", "student"), ("", "")]
    table = _table(head, lines) if lines else "<p>Nobody.</p>"
    resolved = [[("", _name(row)), ("", escape(shown(row["resolved"])))] for row in rows if row.get("resolved")]
    return "<h2>Who needs a person</h2>" + table + ("<h2>Resolved</h2>" + _table(head, resolved) if resolved else "")


def _name(row):
    return escape(shown(row["student"]))


def _percent(share):
    return f"{100 * share:.0f} %"


def _bar(parts):
    return (
        "<div>"
        + "".join(f'<span class="{kind}" style="width:{100 * share:.2f}%"></span>' for kind, share in parts)
        + "</div>"
    )


def _table(head, lines):
    """An HTML table of cells (class, HTML)."""
    top = "".join(f'<th class="{kind}">{text}</th>' for kind, text in head)
    rows = "".join(
        "<tr>" + "".join(f'<td class="{kind}">{text}</td>' for kind, text in cells) + "</tr>\n" for cells in lines
    )
    return f"<table><tr>{top}</tr>\n{rows}</table>"

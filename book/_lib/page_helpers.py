"""What the cells of a page use.

`show` prints a function's own source, `network` draws the two-branch network, `influence` draws a Jacobian, and
`compare` puts a right gradient beside wrong ones.
"""

import ast
import inspect
import os
import re
import textwrap
from html import escape
from pathlib import Path

import numpy as np
from IPython.display import HTML, Markdown

from autograder.gradcheck import check_gradient

BEGIN, END = "### BEGIN SOLUTION", "### END SOLUTION"


def show(*functions):
    """The functions' own source, as a page shows it, read from where they are defined.

    The decorator `expects` and the solution markers are left out. In the student edition what stands between the
    markers is left out too, as in the assignment, and a sentence says when it appears. Returns a Markdown display.
    """
    student = os.environ.get("EDITION") == "student"
    sources = [inspect.getsource(function) for function in functions]
    code = "\n\n\n".join(page_source(source, hide=student) for source in sources)
    later = "\n\n*What is left out appears here when the homework has closed.*"
    return Markdown(f"```python\n{code}\n```" + (later if student and any(BEGIN in s for s in sources) else ""))


def pytorch(name):
    """The class `name` of benchmarks/pytorch_layers.py as a Markdown display. PyTorch itself is not needed."""
    text = (Path(__file__).parents[2] / "benchmarks/pytorch_layers.py").read_text(encoding="utf8")
    (found,) = [node for node in ast.parse(text).body if isinstance(node, ast.ClassDef) and node.name == name]
    return Markdown(f"```python\n{ast.get_source_segment(text, found)}\n```")


def page_source(source, hide):
    """A function's source as text, without decorator and markers; `hide` puts `...` for what stands between them."""
    source = textwrap.dedent(source)
    function = ast.parse(source).body[0]
    lines = source.splitlines()
    for decorator in function.decorator_list:
        if ast.unparse(decorator).split("(")[0].split(".")[-1] == "expects":
            lines[decorator.lineno - 1 : decorator.end_lineno] = [None] * (decorator.end_lineno - decorator.lineno + 1)
    text = "\n".join(line for line in lines if line is not None)
    if hide:
        text = re.sub(rf"(?ms)^([ \t]*){BEGIN}.*?{END}[^\n]*$", r"\1...", text)
    return re.sub(rf"(?m)^[ \t]*(?:{BEGIN}|{END})[^\n]*\n?", "", text).rstrip()


# The picture of the network. A node is (x, y, width, name as read); y is the row, 70 for branch A and 200 for branch B.
NODES = {
    "fc1a": (135, 70, 64, "FC 1A"),
    "relu_a": (240, 70, 60, "ReLU"),
    "dropout": (350, 70, 76, "dropout"),
    "fc2a": (463, 70, 64, "FC 2A"),
    "loss_a": (878, 70, 116, "squared error"),
    "fc1b": (135, 200, 64, "FC 1B"),
    "relu_b": (240, 200, 60, "ReLU"),
    "batch_norm": (358, 200, 92, "batch norm"),
    "add": (530, 200, 36, "+"),
    "fc2b": (625, 200, 64, "FC 2B"),
    "softmax": (738, 200, 76, "softmax"),
    "loss_b": (878, 200, 116, "cross-entropy"),
}
# An edge is the points that it joins; its label is (x, y, text), where `_` starts a subscript that the next space ends.
EDGES = [
    [(52, 124), (99, 78)],
    [(52, 146), (99, 192)],
    [(167, 70), (206, 70)],
    [(270, 70), (308, 70)],
    [(388, 70), (427, 70)],
    [(495, 70), (816, 70)],
    [(530, 70), (530, 180)],
    [(167, 200), (206, 200)],
    [(270, 200), (308, 200)],
    [(404, 200), (510, 200)],
    [(546, 200), (589, 200)],
    [(657, 200), (696, 200)],
    [(776, 200), (816, 200)],
]
SYMBOLS = [
    (35, 140, "x"),
    (187, 60, "z_1A"),
    (289, 60, "a_1A"),
    (408, 60, "d"),
    (655, 60, "z_2A = ŷ_a"),
    (187, 190, "z_1B"),
    (289, 190, "a_1B"),
    (457, 190, "c"),
    (567, 190, "s"),
    (677, 190, "z_2B"),
    (796, 190, "ŷ_b"),
]
TITLE = "The two-branch network"
DESCRIPTION = (
    "Branch A: x goes through the fully connected layer 1A (z_1A), ReLU (a_1A), dropout (d) and the fully connected "
    "layer 2A to z_2A, which is ŷ_a and meets the squared error. Branch B: x goes through the fully connected layer 1B "
    "(z_1B), ReLU (a_1B) and batch norm (c); c and z_2A are added to s, which goes through the fully connected layer "
    "2B (z_2B) and softmax to ŷ_b and meets the cross-entropy."
)
STYLE = """\
.network { overflow-x: auto; }
.network svg { min-width: 40rem; width: 100%; height: auto; color: inherit; font: 15px Arial, sans-serif; }
.network text { fill: currentColor; text-anchor: middle; }
.network .symbol { font: italic 17px Georgia, serif; }
.network .sub { font-size: 12px; font-style: normal; }
.network .node, .network .edge { fill: none; stroke: currentColor; stroke-width: 1.5; }
.network .head { fill: currentColor; }
.network .lit .node { fill: #e69f00; stroke-width: 3; }
.network .lit text { fill: #000; }"""


def network(highlight=None):
    """The two-branch network as an inline SVG that takes the page's own text colour, light or dark.

    `highlight` is one of NODES or several: those are lit. Raises ValueError, which lists the names, for any other.
    """
    lit = {highlight} if isinstance(highlight, str) else set(highlight or ())
    if lit - NODES.keys():
        raise ValueError(f"no such node: {', '.join(sorted(lit - NODES.keys()))}; there are {', '.join(NODES)}")
    description = DESCRIPTION + (
        f" Lit here: {', '.join(NODES[name][3] for name in NODES if name in lit)}." if lit else ""
    )
    parts = [_edge(points) for points in EDGES]
    parts += ['<circle class="node" cx="35" cy="135" r="19"/>', '<circle class="head" cx="530" cy="70" r="4"/>']
    parts += [_symbol(*symbol) for symbol in SYMBOLS]
    parts += [_node(key, *NODES[key], lit=key in lit) for key in NODES]
    return HTML(
        f'<div class="network"><style>{STYLE}</style><svg viewBox="0 0 945 250" role="img" aria-label="{TITLE}">'
        f"<title>{TITLE}</title><desc>{description}</desc>{''.join(parts)}"
        '<text x="289" y="22">branch A</text><text x="289" y="246">branch B</text></svg></div>'
    )


def _node(key, x, y, width, name, lit):
    place = f'x="{x - width / 2}" y="{y - 18}" width="{width}" height="36" rx="{18 if name == "+" else 6}"'
    group = f'class="{"lit" if lit else "unlit"}" data-node="{key}"'
    return f'<g {group}><rect class="node" {place}/><text x="{x}" y="{y + 5}">{name}</text></g>'


def _edge(points):
    """A line with an arrowhead at its end, which is drawn 4 units long beyond the last point."""
    (x0, y0), (x1, y1) = points
    length = ((x1 - x0) ** 2 + (y1 - y0) ** 2) ** 0.5
    u, v = (x1 - x0) / length, (y1 - y0) / length
    tip, left, right = (
        (x1 + 4 * u, y1 + 4 * v),
        (x1 - 6 * u - 4.5 * v, y1 - 6 * v + 4.5 * u),
        (x1 - 6 * u + 4.5 * v, y1 - 6 * v - 4.5 * u),
    )
    corners = " ".join(f"{x:.1f},{y:.1f}" for x, y in (tip, left, right))
    return f'<line class="edge" x1="{x0}" y1="{y0}" x2="{x1}" y2="{y1}"/><polygon class="head" points="{corners}"/>'


def _symbol(x, y, text):
    marked = re.sub(r"_(\S+)", r'<tspan class="sub" dy="4">\1</tspan><tspan dy="-4">&#8203;</tspan>', text)
    return f'<text class="symbol" data-symbol="{text}" x="{x}" y="{y}">{marked}</text>'


INFLUENCE_STYLE = """\
.influence { display: block; width: 100%; max-width: 24rem; margin: auto; }
.influence .plus { fill: currentColor; }
.influence .minus, .influence path { fill: none; stroke: currentColor; stroke-width: 0.08; }
.influence path { opacity: 0.4; }"""


def influence(jacobian, title):
    """Draw which output feels which input: a Hinton diagram of a batch's Jacobian, as an inline SVG.

    A mark's area is the size of the slope, each row scaled by its own largest entry. Filled is positive, hollow is
    negative, nothing is zero. Lines set the samples apart.

    Args:
        jacobian: (m, n, m, n), entry [i, j, k, l] is the slope of output [i, j] along input [k, l].
        title: what it shows, for those who cannot see it.
    """
    m, n = jacobian.shape[:2]
    slopes = jacobian.reshape(m * n, m * n)
    slopes = slopes / np.abs(slopes).max(axis=1, keepdims=True).clip(1e-300)
    sides = 0.9 * np.sqrt(np.abs(slopes))
    marks = [
        f'<rect class="{"plus" if slopes[row, column] > 0 else "minus"}" x="{column + 0.5 - side / 2:.2f}" '
        f'y="{row + 0.5 - side / 2:.2f}" width="{side:.2f}" height="{side:.2f}"/>'
        for (row, column), side in np.ndenumerate(sides)
        if side > 1e-3
    ]
    size = m * n
    lines = [f"M{at} 0V{size}M0 {at}H{size}" for at in range(0, size + 1, n)]
    box = f'viewBox="-0.1 -0.1 {size + 0.2} {size + 0.2}" role="img" aria-label="{escape(title)}"'
    picture = f'<svg class="influence" {box}><path d="{"".join(lines)}"/>{"".join(marks)}</svg>'
    return HTML(f"<style>{INFLUENCE_STYLE}</style>{picture}")


ERRORS = {"pass": "ok {:.0e}", "fail": "off by {:.2g}", "inconclusive": "unsure {:.0e}"}


def compare(forward, params, upstream, right, wrong, *, blind=False, where=None, factors=None):
    """A right gradient beside wrong ones, each judged by the gradient checker on this very page: a table of errors.

    Args:
        forward, params, upstream, where, factors: see autograder.gradcheck.check_gradient.
        right: the right gradients, in any form that check_gradient takes.
        wrong: {what was done wrong: gradients}.
        blind: False where these inputs show every mistake, True where the point is that they show none.

    Returns:
        A Table, one row each: the error of every parameter, and what the numbers alone show.

    Raises:
        ValueError: the gradient checker rejects the right one, or finds, against `blind`, a wrong one right or wrong.
    """
    rows, remarks = [], {}
    for name, gradients in ({"right": right} | wrong).items():
        verdicts = check_gradient(forward, params, gradients, upstream, where=where, factors=factors).verdicts
        failed = [v for v in verdicts if v.verdict == "fail"]
        if bool(failed) != (name in wrong and not blind):
            raise ValueError(f"{name!r}: the gradient checker says {[(v.name, v.verdict, v.error) for v in verdicts]}")
        remarks = remarks or {v.name: v.words for v in verdicts}  # of the right one: no sign of a mistake
        words = [(v.name, word) for v in failed for word in v.words if word not in remarks[v.name]]
        shown = [f"{name}: {word}" if len(params) > 1 else word for name, word in words]
        errors = [ERRORS[v.verdict].format(v.error) for v in verdicts]
        rows.append([name, *errors, " ".join(shown)])
    head = ["formula", *params, "what the numbers show"]
    used = [i for i in range(len(head)) if any(row[i] for row in rows)]
    return Table(*([row[i] for i in used] for row in [head, *rows]))


class Table:
    """Rows of text, the first one the head, as HTML on a page and aligned text elsewhere."""

    def __init__(self, head, *rows):
        self.head, self.rows = head, rows

    def __repr__(self):
        table = [self.head, *self.rows]
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        return "\n".join(
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in table
        )

    def _repr_html_(self):
        def cell(tag, text):
            short = ' class="text-nowrap"' if len(text) < 16 else ""
            return f"<{tag}{short}>{escape(text)}</{tag[:2]}>"

        head = "".join(cell('th scope="col"', text) if text else "<td></td>" for text in self.head)
        body = ""
        for name, *cells in self.rows:
            body += f"<tr>{cell('th scope=row', name)}{''.join(cell('td', text) for text in cells)}</tr>"
        table = f'<table class="table dataframe"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'
        return f'<div style="overflow-x: auto">{table}</div>'

"""Markdown of a stranger: formulas as MathML, and nothing that acts, leads astray, or asks anybody."""

import base64
import io
import itertools
import subprocess
import sys
from html import escape

import matplotlib.image
import nbformat
import numpy as np
import pytest
from bs4 import BeautifulSoup
from nbconvert.exporters import HTMLExporter
from nbconvert.filters.markdown_mistune import MarkdownWithMath
from nbformat.v4 import new_markdown_cell, new_notebook
from traitlets.config import Config

from autograder.reports.feedback import FeedbackExporter, configure
from autograder.reports.safe_markdown import (
    MAX_CELL_CHARACTERS,
    MAX_NOTEBOOK_CHARACTERS,
    MAX_PIECE_CHARACTERS,
    Renderer,
    _pieces,
    highlighted,
    markdown2html,
)
from tests.hw1 import source_notebooks


def rendered(kind, *tex):
    return "".join(getattr(Renderer(), kind)(*tex).split())


def test_a_formula_is_mathml():
    assert rendered("inline_math", r"\theta x").startswith('<mathxmlns="http://www.w3.org/1998/Math/MathML">')
    assert 'display="block"' in rendered("block_math", r"\theta x")


@pytest.mark.parametrize("tex", [r"\hat y_b", r"\hat{y}_b", r"\hat y_b^{(j)}", r"\hat\beta_j"])
def test_the_index_of_a_hatted_letter_is_an_index(tex):
    assert "munderover" not in rendered("inline_math", tex)
    assert "<msub" in rendered("inline_math", tex)


@pytest.mark.parametrize("tex", [r"\frac12 (a)", r"\tfrac12(a)", r"\frac 12 (a)", r"\frac{1}{2}(a)"])
def test_one_half_is_one_half(tex):
    assert "<mn>1</mn><mn>2</mn></mfrac>" in rendered("inline_math", tex)


def test_an_environment_is_a_block():
    assert "<mtable" in rendered("latex_environment", "align*", r"a &= b \\ c &= d")


def test_what_docutils_does_not_know_is_said_otherwise():
    assert "<mtable" in rendered("block_math", r"\begin{array}{l|cr} a & b \\ c & d \end{array}")
    assert "<code>" not in rendered("block_math", r"\Big( a \bigr) \tag{3} \label{x} \nonumber")
    assert "(3)" in BeautifulSoup(rendered("block_math", r"a \tag{3}"), "html.parser").text


@pytest.mark.parametrize(
    "tex", [r"\nosuchcommand{a}", r"\frac{1}", "a}b", r"\begin{x}", r"\frac{1}{" * 1000, "x" * 9999]
)
def test_what_cannot_be_read_is_shown_as_it_was_typed(tex):
    assert rendered("inline_math", tex) == f"<code>${tex}$</code>"


def test_what_was_typed_is_no_html():
    assert "<script>" not in rendered("inline_math", r"\nosuch <script>alert(1)</script>")
    assert "<script>" not in rendered("inline_math", r"\text{<script>alert(1)</script>}")


def page(source, **attachments):
    return markdown2html({"cell": {"attachments": attachments}}, source)


def png():
    file = io.BytesIO()
    matplotlib.image.imsave(file, np.zeros((2, 3, 3)), format="png")
    return base64.b64encode(file.getvalue()).decode()


HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "a <img src=x onerror=alert(1)> b",
    "<img src='data:image/png;base64,AAAA' onerror=alert(1)>",
    '<img alt="a" onerror="alert(1)" src="data:image/png;base64,AAAA">',
    '<img alt="&quot; onerror=&quot;alert(1)" src="data:image/png;base64,AAAA">',
    "<svg onload=alert(1)>",
    "<iframe srcdoc='<script>alert(1)</script>'></iframe>",
    "<math><mtext><img src=x onerror=alert(1)></mtext></math>",
    "<b onmouseover=alert(1)>x</b>",
    "<style>@import 'http://a.org/'</style>",
    "<form action='http://a.org/'><input></form>",
    "</div></div><h1>Full credit</h1>",
    "<!-- --><script>alert(1)</script>",
    "<a href='javascript:alert(1)'>x</a>",
    "[x](javascript:alert(1))",
    "[x](JaVaScRiPt:alert(1))",
    "[x](&#106;avascript:alert(1))",
    "[x](<\x01javascript:alert(1)>)",
    "[x](data:text/html;base64,PHNjcmlwdD4=)",
    "[x](vbscript:x)",
    "[x](//a.org/)",
    "[x]: javascript:alert(1)\n\n[x]",
    "<javascript:alert(1)>",
    "![x](http://a.org/seen.png)",
    "![x](javascript:alert(1))",
    "![x](data:text/html;base64,PHNjcmlwdD4=)",
    '![x" onerror="alert(1)](data:image/png;base64,AAAA)',
    "![$<img src=x onerror=alert(1)>$](data:image/png;base64,AAAA)",
    "![x](x.png)",
    "![x](/etc/passwd)",
    "```mermaid\n<script>alert(1)</script>\n```",
    "```<script>\nx\n```",
    "```python onload=1\n<script>\n```",
    '~~~ "><script>alert(1)</script>\nx\n~~~',
    "# <script>alert(1)</script>",
    "# derive-1-1",
    "| <script> |\n|---|\n| <img src=x onerror=alert(1)> |",
    r"$\text{<img src=x onerror=alert(1)>}$",
    r"$\hspace{1\" onload=\"alert(1)}$",
    "$$<script>alert(1)</script>$$",
    r"\begin{<script>}x\end{<script>}",
    r"\begin{align}<script>alert(1)</script>\end{align}",
]
ALLOWED = {"href", "title", "alt", "src", "width", "class", "style", "xmlns", "display", "mathvariant", "stretchy"}


@pytest.mark.parametrize("source", HOSTILE)
def test_nothing_acts_and_nothing_is_fetched(source):
    for tag in BeautifulSoup(page(source), "html.parser").find_all(True):
        assert tag.name not in {"script", "svg", "iframe", "style", "form", "input", "object", "embed", "link"}
        assert not any(name.startswith("on") or name == "id" for name in tag.attrs), tag
        assert tag.get("href", "#").startswith(("#", "http://", "https://", "mailto:")), tag
        assert tag.name != "img" or tag["src"].startswith("data:image/"), tag
        assert "url(" not in tag.get("style", ""), tag


def test_stock_nbconvert_lets_them_through():
    """The test above, tested: a page of nbconvert's own does act."""
    stock = HTMLExporter(template_name="classic", sanitize_html=False)
    html, _ = stock.from_notebook_node(new_notebook(cells=[new_markdown_cell(source) for source in HOSTILE[:4]]))
    assert "<script>alert(1)</script>" in html and "onerror" in html
    html, _ = stock.from_notebook_node(new_notebook(cells=[new_markdown_cell("[x](javascript:alert(1))")]))
    assert 'href="javascript:alert(1)"' in html


def test_what_people_write_is_shown():
    assert "<strong>a</strong>" in page("**a**")
    assert '<a href="https://a.org/b?c=1&amp;d=2">x</a>' in page("[x](https://a.org/b?c=1&d=2)")
    assert "<table>" in page("|a|b|\n|-|-|\n|$x$|2|")
    assert page("x<sub>1</sub><br>y<BR/>").count("<sub>") == 1
    assert "1 &lt; 2 &amp; 3 &gt; 2" in page("1 < 2 & 3 > 2")
    assert '<span class="k">def</span>' in page("```python\ndef f(): pass\n```")


def test_a_picture_that_the_notebook_holds_is_shown_and_one_that_it_does_not_hold_is_named():
    shown = page("![photo](attachment:p.png)", **{"p.png": {"image/png": png()}})
    assert f'<img alt="photo" src="data:image/png;base64,{png()}">' in shown
    assert "[photo: not in the notebook]" in page("![photo](attachment:gone.png)")
    assert "[photo: not in the notebook]" in page("![photo](local.png)")
    assert f'src="data:image/png;base64,{png()}"' in page(f"![photo](data:image/png;base64,{png()})")


def test_the_statement_s_own_picture_stays():
    cell = next(cell for cell in source_notebooks()["problem2"].cells if "data:image/svg+xml" in cell.source)
    assert '<img alt="The network of two branches" width="900" src="data:image/svg+xml;base64,' in page(cell.source)


@pytest.mark.parametrize(
    "source", ["x" * (MAX_CELL_CHARACTERS + 1), "> " * 9000 + "<b onclick=x>", "<!--" * 2000, "a\ud800\x00b"]
)
def test_markdown_that_breaks_or_stops_the_parser_is_shown_as_it_was_typed(source):
    assert "onclick=x>" not in page(source)
    page(source).encode("utf8")


def test_it_is_a_filter_of_nbconvert_by_configuration():
    exporter = HTMLExporter(
        filters={"markdown2html": "autograder.reports.safe_markdown.markdown2html"}, template_name="classic"
    )
    cell = new_markdown_cell("<script>alert(1)</script>\n\n![p](attachment:p.png) $x$")
    cell.attachments = nbformat.from_dict({"p.png": {"image/png": png()}})
    html, _ = exporter.from_notebook_node(new_notebook(cells=[cell]))
    assert "<script>alert(1)" not in html and png() in html and "<mi>x</mi>" in html


# ---------------------------------------------------------------------------------------------------------------------
# The work is linear, whatever is written

PIECES = [
    "\\\\[",
    "\\\\(",
    "$",
    "$$",
    "*",
    "_",
    "[",
    "](",
    "![",
    "<",
    "<!--",
    "`",
    "``",
    "~~",
    "|",
    "\n",
    "\n\n",
    ">",
    "- ",
]
PIECES += [
    "\n: ",
    "\\begin{a}",
    "\\end{a}",
    "\\",
    "&#",
    "\n    ",
    "```\n",
    "[a]: ",
    "<![CDATA[",
    "|-|\n---",
    "#",
    "^",
    " ",
]
PATTERNS = [*PIECES, "\\\\[ ", *map("".join, itertools.product(PIECES[:14], PIECES[14:]))]


@pytest.mark.parametrize("size", [MAX_CELL_CHARACTERS // 2, MAX_CELL_CHARACTERS])
def test_the_parser_never_reads_more_than_a_piece_at_once_and_all_of_it_once(size, monkeypatch):
    read = []
    monkeypatch.setattr(MarkdownWithMath, "render", lambda self, text: read.append(text) or "")
    for pattern in PATTERNS:
        read.clear()
        page((pattern * size)[:size])
        assert max(map(len, read), default=0) <= MAX_PIECE_CHARACTERS
        assert sum(map(len, read)) <= size


def test_no_repeated_pattern_keeps_the_parser_busy():
    """In a process of its own with 90 s of the processor for all of them; the first one alone took 28 s once."""
    code = (
        "import resource; resource.setrlimit(resource.RLIMIT_CPU, (90, 90))\n"
        "from tests.autograder.reports.test_safe_markdown import MAX_CELL_CHARACTERS, PATTERNS, page\n"
        "for pattern in ['\\\\\\\\[ ', *PATTERNS[::3]]: page((pattern * MAX_CELL_CHARACTERS)[:MAX_CELL_CHARACTERS])\n"
        "for pattern in PATTERNS[1::3]: page('\\n\\n'.join([(pattern * 2000)[:2000]] * 14))\n"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_notebook_has_a_bound_of_its_own():
    resources = {}
    shown = [markdown2html({"cell": {}, "resources": resources}, "**a**" + " b" * 10_000) for _ in range(20)]
    assert (
        len([html for html in shown if html.startswith("<pre>**a**")]) == 20
    )  # longer than a piece, and without blanks
    resources, text = {}, "**a** b\n\n" * 2_000
    shown = [markdown2html({"cell": {}, "resources": resources}, text) for _ in range(20)]
    rendered = [html for html in shown if "<strong>a</strong>" in html]
    assert len(rendered) == MAX_NOTEBOOK_CHARACTERS // len(text) and shown[-1].startswith("<pre>**a** b")


def test_a_long_derivation_is_shown_as_a_short_one_is():
    step = "The gradient of $x_{ij}$ is\n\n$$\n\\frac{1}{m}\n\n+ 1\n$$\n\n```\ncode\n\n\ncode\n```\n\n- a **b**\n"
    text = "\n".join([step] * 100)
    assert len(text) > 2 * MAX_PIECE_CHARACTERS
    assert BeautifulSoup(page(text), "html.parser") == BeautifulSoup(page(step) * 100, "html.parser")
    assert "".join(_pieces(text)) == text
    assert page(text).count("<mfrac>") == page(text).count("<strong>b</strong>") == page(text).count("<code>") == 100


def test_what_is_longer_than_a_piece_and_cannot_be_cut_is_shown_as_it_was_typed():
    html = page("**before**\n\n```\n" + "code\n\n" * MAX_PIECE_CHARACTERS + "```\n\n")
    assert "<strong>before</strong>" in html and "<pre>" in html
    assert page("**a** " * MAX_PIECE_CHARACTERS).startswith("<pre>**a** ")


def test_one_picture_does_not_fill_the_page():
    shown = page("![p](attachment:p.png) " * 100, **{"p.png": {"image/png": png()}})
    assert shown.count("data:image/png") == 3 and "[p: shown above]" in shown
    shown = page(f"[a]: data:image/png;base64,{png()}\n\n" + "![p][a] " * 100)
    assert shown.count(png()) == 3


def test_cleaning_a_source_of_any_characters_is_linear():
    patterns = ["\x1b", "\x1b[", "\x1b]", "\x1b[0 ", "/", "/a", "/a-", "/a:", "file://", "file:///a", "//"]
    code = (
        "import resource; resource.setrlimit(resource.RLIMIT_CPU, (60, 60))\n"
        "from autograder.sandbox.sanitize import MAX_SOURCE_CHARACTERS as SOURCE, plain, without_paths\n"
        f"for pattern in {patterns!r}:\n"
        "    text = (pattern * SOURCE)[:SOURCE]\n    plain(text), without_paths(text)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("source", ["a." * 100_000, "a.\n" * 60_000, "x" * 1_001, "%" * 5_000, "'" * 30_000])
def test_code_that_keeps_the_highlighter_busy_is_shown_as_it_was_typed(source, monkeypatch):
    monkeypatch.setattr(
        "autograder.reports.safe_markdown.Highlight2HTML", lambda **_: pytest.fail("it was highlighted")
    )
    assert highlighted({}, source) == f'<div class="highlight hl-ipython3"><pre>{escape(source)}</pre></div>'
    monkeypatch.setattr("nbconvert.filters.markdown_mistune.highlight", lambda *_: pytest.fail("it was highlighted"))
    assert "<pre>" in page("```python\n" + "a." * 1_900 + "\n```")


def test_code_is_shown_in_colours_in_python_alone():
    assert '<span class="k">def</span>' in highlighted({}, "def f(): pass")
    assert "<span" in page("```python\ndef f(): pass\n```") and "<span" not in page("```java\nclass A {}\n```")
    resources = {"markdown_characters": MAX_NOTEBOOK_CHARACTERS}
    assert "<span" not in highlighted({"resources": resources}, "def f(): pass")


@pytest.mark.parametrize("source", ["a." * 5_000, "def f(): pass"])
def test_the_filters_are_those_of_both_exporters(source, tmp_path):
    config = Config()
    configure(config, tmp_path)
    for exporter in (HTMLExporter, FeedbackExporter):
        made = exporter(config=config, template_name="classic")
        html = made.environment.from_string("{{ source | highlight_code }}{{ '[a](files/b)' | strip_files_prefix }}")
        made.register_filter("highlight_code", made.filters["highlight_code"])
        shown = html.render(source=source)
        assert ("<span" in shown) == (len(source) < 1_000) and shown.endswith("[a](files/b)")

"""Untrusted Markdown as HTML without scripts and requests: for the feedback, and for nbgrader's formgrader.

Stock formgrader puts a student's HTML, scripts included, into a page that has the teacher's rights, and links to
javascript: too. Here HTML stands as it was typed, but for a few bare tags and pictures that hold their own data;
links lead to the web, pictures come from nowhere but the notebook. Formulas become MathML, which browsers show by
themselves, where the stock page fetches MathJax.
"""

import re
import secrets
from collections import Counter
from html import escape, unescape

from docutils.utils.math.latex2mathml import tex2mathml
from jinja2 import pass_context
from nbconvert.filters.highlight import Highlight2HTML
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath

from autograder.faults import LOG
from autograder.sandbox.sanitize import PICTURES, plain

MAX_CELL_CHARACTERS = (
    30_000  # characters of a cell's Markdown without its pictures; a longer one is shown as it was typed
)
MAX_PIECE_CHARACTERS = (
    4_000  # characters that the parser reads at once: its work may grow with their square, never with the cell's
)
MAX_NOTEBOOK_CHARACTERS = (
    300_000  # characters of a notebook's Markdown; the cells after them are shown as they were typed
)
MAX_CODE_CHARACTERS, MAX_LINE_CHARACTERS = (
    20_000,
    1_000,
)  # characters of a cell's code, and of a line of it, that are shown in colours
PYTHON = {"python", "python3", "py", "py3", "ipython", "ipython3"}
MAX_USES = 3  # of one picture in a cell: what is held once must not fill the page
MAX_FORMULA_CHARACTERS = 5_000
LINK = re.compile(r"(?:https?://|mailto:|#)", re.IGNORECASE)
BARE = re.compile(r"&lt;(/?(?:br|b|i|em|strong|sub|sup))\s*/?&gt;")
IMAGE = re.compile(r"(<img\s[^<>]*>)", re.IGNORECASE)
TOKEN = re.compile(r"\b[0-9a-f]{32}\b")
DATA = re.compile(r"data:image/(?:png|jpeg|svg\+xml);base64,[A-Za-z0-9+/]+={0,2}")  # none of them runs scripts in <img>

# \hat y_b: the index belongs to the letter with its hat, and stands beside it, not below
ACCENT = re.compile(r"(\\(?:hat|bar|tilde|dot|vec) ?(?:\{[^{}]*\}|\\?\w+?))(?=[_^])")
HALF = re.compile(r"(\\[tdc]?frac) ?(\d)(\d)")  # \frac12: two digits, not one number
UNKNOWN = {
    r"\\(?:big|Big|bigg|Bigg)[lrm]?(?![A-Za-z])|\\(?:nonumber|notag)(?![A-Za-z])|\\label\{[^{}]*\}": "",
    r"\\tag\*?\{([^{}]*)\}": r"\\qquad (\1)",
    r"\\begin\{array\}\s*\{[lcr| ]*\}": r"\\begin{matrix}",
    r"\\end\{array\}": r"\\end{matrix}",
}  # what docutils does not know, and can be said otherwise


class Renderer(IPythonRenderer):
    """nbconvert's Markdown, made harmless. attachments: {name: {mime type: base64 text}}, a cell's own pictures."""

    def __init__(self, attachments=None):
        super().__init__(escape=True, attachments=attachments, exclude_anchor_links=True)
        self.uses = Counter()

    def inline_math(self, body):
        return self._mathml(body, f"${body}$", block=False)

    def block_math(self, body):
        return self._mathml(body, f"$${body}$$", block=True)

    def latex_environment(self, name, body):
        typed = f"\\begin{{{name}}}{body}\\end{{{name}}}"
        name = "aligned" if name.startswith(("align", "eqnarray", "equation")) else name
        return self._mathml(f"\\begin{{{name}}}{body}\\end{{{name}}}", typed, block=True)

    def inline_html(self, html):
        parts = IMAGE.split(html)  # every second one is an image
        parts[::2] = (BARE.sub(r"<\1>", escape(part)) for part in parts[::2])
        parts[1::2] = map(_image, parts[1::2])
        return "".join(parts)

    def block_html(self, html):
        return f"<p>{self.inline_html(html.strip())}</p>\n"

    def block_code(self, code, info=None):
        language = (info or "").split()[:1]
        coloured = language and language[0].lower() in PYTHON and _may_be_coloured(code)
        return super().block_code(code, language[0] if coloured else None)

    def block_mermaidjs(self, code):
        return f"<pre>{escape(code)}</pre>\n"

    def link(self, text, url, title=None):
        return super().link(text, url, title) if LINK.match(url) else text

    def image(self, text, url, title=None):
        self.uses[url] += 1
        if self.uses[url] > MAX_USES:
            return f"[{text or 'a picture'}: shown above]"
        if url.startswith("attachment:"):
            held = self.attachments.get(url.removeprefix("attachment:"), {})
            url = next((f"data:{mime};base64,{held[mime]}" for mime in PICTURES if mime in held), url)
        if DATA.fullmatch(url):
            return f'<img alt="{escape(re.sub("<[^>]*>", "", text))}" src="{url}">'
        return f"[{text or 'a picture'}: not in the notebook]"

    def _mathml(self, tex, typed, block):
        return mathml(tex, block) or f"<code>{escape(typed)}</code>"


def mathml(tex: str, block: bool = True) -> str:
    """A formula as MathML, or "" where it cannot be."""
    bare = re.sub(r"\\.", "", tex)
    try:
        if len(tex) > MAX_FORMULA_CHARACTERS or bare.count("{") != bare.count(
            "}"
        ):  # unbalanced ones would end the formula early
            return ""
        for unknown, known in UNKNOWN.items():
            tex = re.sub(unknown, known, tex)
        return tex2mathml(HALF.sub(r"\1{\2}{\3}", ACCENT.sub(r"{\1{}}", tex)), as_block=block)
    except Exception:  # whatever a stranger's formula does to docutils: RecursionError, MathError, IndexError ...
        LOG.info("a formula could not be typeset", exc_info=True)
        return ""


@pass_context
def markdown2html(context, source):
    """A filter in place of nbconvert's: a cell's Markdown, or a comment's, as HTML.

    The parser's work can grow with the square of what it reads: each `\\[` that is never closed is sought to the end.
    So it reads at most MAX_PIECE characters at once, of a cell at most LONGEST, and of a notebook at most MAX_NOTEBOOK.
    The work is then linear in the length of the cell, whatever is in it, and bounded for a notebook.
    """
    source = plain(source)
    text, pictures = _without_pictures(source)
    if len(text) > MAX_CELL_CHARACTERS or not _within_notebook(context, len(text)):
        return _as_typed(source)
    try:
        renderer = Renderer(context.get("cell", {}).get("attachments", {}))
        html = "".join(_piece_html(piece, renderer) for piece in _pieces(text))
    except Exception:  # whatever a stranger's Markdown does to its parser
        LOG.info("a cell's Markdown could not be rendered", exc_info=True)
        return _as_typed(source)
    return TOKEN.sub(lambda match: pictures.get(match[0], match[0]), html)


@pass_context
def highlighted(context, source, language=None, metadata=None):
    """A filter in place of nbconvert's `highlight_code`, whose work can grow with the square of a line's length."""
    if _may_be_coloured(source) and _within_notebook(context, len(source)):
        return Highlight2HTML(pygments_lexer="ipython3")(source, language, metadata)
    return f'<div class="highlight hl-ipython3">{_as_typed(source)}</div>'


def _may_be_coloured(code):
    return len(code) <= MAX_CODE_CHARACTERS and max(map(len, code.split("\n"))) <= MAX_LINE_CHARACTERS


def unchanged(html: str) -> str:
    """A filter in place of nbconvert's `strip_files_prefix`, which seeks the end of a link from each `[` of a page."""
    return html


def _without_pictures(source):
    """The source with a token in place of each picture's data, and {token: data}; nobody can guess a token."""
    pictures = {}

    def stand_in(match):
        head, data = match[0].split(",", 1)
        token = secrets.token_hex(16)
        pictures[token] = data
        return f"{head},{token}"

    return DATA.sub(stand_in, source), pictures


def _within_notebook(context, size):
    """Whether the page's notebook may still have `size` characters rendered; they are counted in its resources."""
    resources = context.get("resources")
    if not isinstance(resources, dict):
        return True
    resources["markdown_characters"] = resources.get("markdown_characters", 0) + size
    return resources["markdown_characters"] <= MAX_NOTEBOOK_CHARACTERS


def _pieces(text):
    """The text in pieces of at most MAX_PIECE characters, cut at blank lines outside of code and formulas; a piece that
    has none of these is longer."""
    if len(text) <= MAX_PIECE_CHARACTERS:
        return [text]
    pieces, piece, tail, state = [], "", "", (0, 0, 0)  # `piece` ends where it may be cut, its `tail` where it may not
    for paragraph in re.split(r"(?<=\n)(?=[ \t]*\n)", text):
        if piece and len(piece) + len(tail) + len(paragraph) > MAX_PIECE_CHARACTERS:
            pieces.append(piece)
            piece = ""
        tail += paragraph
        state = tuple(map(sum, zip(state, _delimiters(paragraph), strict=True)))
        fences, dollars, environments = state
        if fences % 2 == dollars % 2 == 0 and environments <= 0:
            piece, tail, state = piece + tail, "", (0, 0, 0)
    return [each for each in [*pieces, piece + tail] if each]


def _delimiters(text):
    """How many fences of code and $$ stand in a text, and how many environments begin in it and do not end."""
    fences = re.findall(r"^ {0,3}(?:```|~~~)", text, re.MULTILINE)
    return len(fences), text.count("$$"), text.count("\\begin{") - text.count("\\end{")


def _piece_html(piece, renderer):
    if len(piece) > MAX_PIECE_CHARACTERS:
        return _as_typed(piece)
    return MarkdownWithMath(renderer=renderer).render(piece)


def _as_typed(text):
    return f"<pre>{escape(text)}</pre>"


def _image(html):
    """A rebuilt <img> tag with its alt text, width and embedded data; escaped text where it embeds no data."""
    data = DATA.search(html)
    if not data:
        return escape(html)
    alt, width = re.search(r'alt="([^"]*)"', html), re.search(r'width="?(\d{1,4})\b', html)
    size = f' width="{width[1]}"' if width else ""
    return f'<img alt="{escape(unescape(alt[1])) if alt else ""}"{size} src="{data[0]}">'

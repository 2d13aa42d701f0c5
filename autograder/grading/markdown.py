"""Markdown of a stranger, as HTML that does nothing and asks nobody: for the feedback, and for nbgrader's formgrader.

Stock formgrader puts a student's HTML, scripts included, into a page that has the teacher's rights, and links to
javascript: too. Here HTML stands as it was typed, but for a few bare tags and pictures that hold their own data;
links lead to the web, pictures come from nowhere but the notebook. Formulas become MathML, which browsers show by
themselves, where the stock page fetches MathJax.
"""

import re
from html import escape, unescape

from docutils.utils.math.latex2mathml import tex2mathml
from jinja2 import pass_context
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath

from autograder.faults import LOG

from .clean import PICTURES, plain

LONGEST = 30_000  # characters of Markdown without its pictures; a longer one is shown as it was typed
FORMULA = 5_000
LINK = re.compile(r"(?:https?://|mailto:|#)", re.IGNORECASE)
BARE = re.compile(r"&lt;(/?(?:br|b|i|em|strong|sub|sup))\s*/?&gt;")
IMAGE = re.compile(r"(<img\s[^<>]*>)", re.IGNORECASE)
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

    def block_mermaidjs(self, code):
        return f"<pre>{escape(code)}</pre>\n"

    def link(self, text, url, title=None):
        return super().link(text, url, title) if LINK.match(url) else text

    def image(self, text, url, title=None):
        if url.startswith("attachment:"):
            held = self.attachments.get(url.removeprefix("attachment:"), {})
            url = next((f"data:{mime};base64,{held[mime]}" for mime in PICTURES if mime in held), url)
        if DATA.fullmatch(url):
            return f'<img alt="{escape(re.sub("<[^>]*>", "", text))}" src="{url}">'
        return f"[{text or 'a picture'}: not in the notebook]"

    def _mathml(self, tex, typed, block):
        return mathml(tex, block) or f"<code>{escape(typed)}</code>"


def mathml(tex, block=True):
    """A formula as MathML, or "" where it cannot be."""
    bare = re.sub(r"\\.", "", tex)
    try:
        if len(tex) > FORMULA or bare.count("{") != bare.count("}"):  # unbalanced ones would end the formula early
            return ""
        for unknown, known in UNKNOWN.items():
            tex = re.sub(unknown, known, tex)
        return tex2mathml(HALF.sub(r"\1{\2}{\3}", ACCENT.sub(r"{\1{}}", tex)), as_block=block)
    except Exception:  # whatever a stranger's formula does to docutils: RecursionError, MathError, IndexError ...
        LOG.info("a formula could not be typeset", exc_info=True)
        return ""


@pass_context
def markdown2html(context, source):
    """A filter in place of nbconvert's: a cell's Markdown, or a comment's, as HTML."""
    source = plain(source)
    try:
        if len(DATA.sub("", source)) > LONGEST:
            raise ValueError
        renderer = Renderer(context.get("cell", {}).get("attachments", {}))
        return MarkdownWithMath(renderer=renderer).render(source)
    except Exception:  # whatever a stranger's Markdown does to its parser
        LOG.info("a cell's Markdown could not be rendered", exc_info=True)
        return f"<pre>{escape(source)}</pre>"


def _image(html):
    """An <img> tag anew: its words, its width and its own data; as it was typed where it has no data of its own."""
    data = DATA.search(html)
    if not data:
        return escape(html)
    alt, width = re.search(r'alt="([^"]*)"', html), re.search(r'width="?(\d{1,4})\b', html)
    size = f' width="{width[1]}"' if width else ""
    return f'<img alt="{escape(unescape(alt[1])) if alt else ""}"{size} src="{data[0]}">'

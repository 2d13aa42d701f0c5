"""Two editions of one book: a small Sphinx extension.

The website is up while the homework is open. So EDITION=student (the default is `full`) takes what answers a graded
question out of a page's *text*, before Sphinx parses it: nothing of it is executed, indexed, linked or copied. Authors
mark it as an `answer` block, a `solution` directive, or a code cell with the tag `answer`.
"""

import os
import re
from pathlib import Path

import yaml
from docutils import nodes
from sphinx.errors import ConfigError
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

LOGGER = logging.getLogger(__name__)

ANSWERS = {"answer", "solution"}
VERBATIM = {None, "code-cell", "raw-cell", "code-block", "code", "sourcecode", "math", "raw", "literalinclude"}

FENCE = re.compile(r"(?P<indent>\s*)(?P<mark>:{3,}|`{3,}|~{3,})\s*(?:\{(?P<name>[^}\s]+)\})?(?P<rest>.*)")
LABELS = re.compile(
    r"^\s*\((?P<target>[\w:.-]+)\)=\s*$"  # (label)=
    r"|\$\$\s*\((?P<dollars>[\w:.-]+)\)\s*$"  # $$ ... $$ (label)
    r"|^\s*:?(?:label|name):\s*[\"']?(?P<option>[\w:.-]+)"  # :label: or, in a cell's YAML, name:
    r"|\\label\{(?P<latex>[^}]+)\}",
    re.MULTILINE,
)
GRADIENT = re.compile(r"\$\$(?P<tex>(?:(?!\$\$).)+)\$\$\s*\((?P<label>(?:grad|jac)-[\w-]+)\)", re.DOTALL)
TARGET = re.compile(r"\([\w:.-]+\)=\s*")
HEADING = re.compile(r"(#{2,6})\s.*")
ROLE = re.compile(r"\{(?P<role>[\w:.+-]+)\}`(?:(?P<text>[^`<]*?)\s*<)?(?P<label>[^`<>]+)>?`")
LINK = re.compile(r"\[(?P<text>[^\]\[]*)\]\(#?(?P<label>[\w:.-]+)\)")


LATER = "\0"  # where something was left out: the indent, this, and the marks of its block
AGAIN = "*(After the homework.)*"


def notice(closes=""):
    """The title and text that stand where a page's first answer was left out; `closes` is a date as text, or nothing.

    For the others of that page `AGAIN` will do.
    """
    when = f" ({closes})" if closes else ""
    return [
        "After the homework",
        f"This part holds an answer. It and the page's others appear here when the homework has closed{when}.",
    ]


def labels(markdown):
    """The set of labels that a page defines: targets, equations, directives and figures."""
    return {label for found in LABELS.finditer(markdown) for label in found.groups() if label}


def student_edition(markdown, closes="", hidden=frozenset()):
    """A page's text without its answers, and without sections in which nothing else stands.

    `markdown` is the page in MyST. `hidden` names labels that other pages' answers define: references to them, and to
    the labels that are removed here, become plain words. Raises ValueError on what cannot be removed safely.
    """
    lines = _without_bare_sections(_without_answers(markdown.split("\n")))
    kept = "\n".join(_with_notices(lines, closes))
    return _plain_references(kept, (labels(markdown) | set(hidden)) - labels(kept))


def hidden_labels(markdown):
    """The set of labels that a page defines in its answers alone."""
    return labels(markdown) - labels(student_edition(markdown))


def equations(env):
    """{label: TeX} of the labelled gradients and Jacobians on all pages of a Sphinx environment, in its edition."""
    pages = [Path(env.doc2path(name)) for name in sorted(env.found_docs)]
    texts = [page.read_text(encoding="utf8") for page in pages if page.suffix == ".md"]
    if env.config.edition == "student":
        texts = [student_edition(text) for text in texts]
    return {found["label"]: found["tex"] for text in texts for found in GRADIENT.finditer(text)}


def _without_answers(lines):
    kept, i, noticed = [], 0, False
    while i < len(lines):
        fence = opening(lines[i])
        if fence is None:
            kept.append(lines[i])
            noticed = noticed and not lines[i].strip()
            i += 1
            continue
        end = closing(lines, i + 1, fence["mark"])
        body = lines[i + 1 : end]
        if fence["name"] == "solution":
            pass  # to an exercise of the book, not to a graded question: nothing needs to be said
        elif _answers(fence["name"], body):
            if not noticed:
                kept.append(fence["indent"] + LATER + fence["mark"])
            noticed = True
        else:
            inner = body if fence["name"] in VERBATIM else _without_answers(body)
            kept += [lines[i], *inner, *lines[end : end + 1]]
            noticed = False
        i = end + 1
    return kept


def _without_bare_sections(lines):
    """Without the sections that held answers alone. From the last to the first, since one may hold another."""
    ends, level_after = len(lines), 0
    for start, heading, level in reversed(list(_sections(lines))):
        left = [line for line in lines[heading + 1 : ends] if line.strip()]
        if left and all(LATER in line for line in left) and level_after <= level:
            lines = lines[:start] + lines[ends:]
        else:
            level_after = level
        ends = start
    return lines


def _sections(lines):
    """Of each section: where it starts, with its labels; the line of its heading; its level."""
    i = 0
    while i < len(lines):
        if fence := opening(lines[i]):
            i = closing(lines, i + 1, fence["mark"])
        elif heading := HEADING.fullmatch(lines[i]):
            start = i
            while start and TARGET.fullmatch(lines[start - 1]):
                start -= 1
            yield start, i, len(heading[1])
        i += 1


def _with_notices(lines, closes):
    first = True
    for line in lines:
        indent, later, mark = line.partition(LATER)
        if not later:
            yield line
        elif first:
            title, text = notice(closes)
            words = [f"{mark}{{admonition}} {title}", ":class: answer-later", "", text, mark]
            yield from (indent + word for word in words)
        else:
            yield from ("", indent + AGAIN, "")
        first = first and not later


def opening(line):
    """The match of a line that opens a block, its `indent`, `mark`, `name` and the `rest`, or None."""
    fence = FENCE.fullmatch(line)
    return None if fence is None or (fence["mark"][0] == "`" and "`" in fence["rest"]) else fence


def closing(lines, start, mark):
    """The index of the line that closes a block: as many of the same marks or more, and nothing else."""
    closes = re.compile(rf"\s*{mark[0]}{{{len(mark)},}}\s*")
    return next((i for i in range(start, len(lines)) if closes.fullmatch(lines[i])), len(lines))


def _answers(name, body):
    if name in {"solution-start", "solution-end"}:
        raise ValueError(f"`{name}` cannot be left out safely: write `solution`, and tag its code cells `answer`")
    return name in ANSWERS or (name == "code-cell" and "answer" in _tags(body))


def _tags(body):
    """The tags of a code cell, from `:tags: [a, b]` or a YAML block between lines of `---`."""
    first = next((i for i, line in enumerate(body) if line.strip()), len(body))
    options = []
    if body[first : first + 1] and body[first].strip() == "---":
        for line in body[first + 1 :]:
            if line.strip() == "---":
                break
            options.append(line)
    else:
        for line in body[first:]:
            if not re.match(r"\s*:[\w-]+:", line):
                break
            options.append(line.strip()[1:])
    tags = (yaml.safe_load("\n".join(options)) or {}).get("tags") or []
    return re.split(r"[\s,]+", tags) if isinstance(tags, str) else tags


def _plain_references(markdown, gone):
    def role(found):
        text, label = found["text"], found["label"].strip()
        if label not in gone:
            return found[0]
        if text and "%" not in text and "{" not in text:
            return text
        return f"{'an equation' if found['role'] == 'eq' else 'a part'} that appears later"

    def link(found):
        return found[0] if found["label"] not in gone else found["text"] or "a part that appears later"

    return LINK.sub(link, ROLE.sub(role, markdown))


class Answer(SphinxDirective):
    """What answers a graded question. The full edition shows it as if it stood in the text."""

    has_content = True

    def run(self):
        if self.config.edition == "student":
            raise self.error("an answer was not left out of the student edition")
        block = nodes.container(classes=["answer"])
        self.state.nested_parse(self.content, self.content_offset, block)
        return [block]


def _check_edition(app, config):
    if config.edition not in {"full", "student"}:
        raise ConfigError(f"EDITION is 'full' or 'student', not {config.edition!r}")
    os.environ["EDITION"] = config.edition  # the pages' kernels inherit it
    if config.edition == "student":
        config.html_copy_source = False  # the raw page holds the answers


def _collect_hidden(app, env, docnames):
    pages = (Path(env.doc2path(name)) for name in env.found_docs)
    texts = (page.read_text(encoding="utf8") for page in pages if page.suffix == ".md")
    app.hidden_labels = set().union(*map(hidden_labels, texts)) if app.config.edition == "student" else set()


def _leave_out(app, docname, source):
    if app.config.edition == "student":
        source[0] = student_edition(source[0], app.config.homework_closes, app.hidden_labels)


def _nothing_left(app, doctree):
    """The second look: what slipped through is a warning, and a warning fails the build."""
    if app.config.edition == "student":
        for node in doctree.findall(nodes.Element):
            if "tag_answer" in node.get("classes", ()) or node.tagname == "solution_node":
                LOGGER.warning("an answer was not left out of the student edition", location=node)


def setup(app):
    """Register the extension with Sphinx."""
    app.add_config_value("edition", os.environ.get("EDITION") or "full", "env", types=(str,))
    app.add_config_value("homework_closes", "", "env", types=(str,))
    app.add_directive("answer", Answer)
    app.connect("config-inited", _check_edition)
    app.connect("env-before-read-docs", _collect_hidden)
    app.connect("source-read", _leave_out)
    app.connect("doctree-read", _nothing_left)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}

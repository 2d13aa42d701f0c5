"""A page as a notebook to download: plain Markdown that every Jupyter shows, code cells to run, no outputs."""

import re

import jupytext
import nbformat

from book._ext.editions import TARGET, closing, opening

PAGE_ONLY = "*(The page has something to try here.)*"
NOTE = """\
*This is the page [{title}]({address}) of {book}, as a notebook. Its code imports the course's own modules: keep it
anywhere in the course's folder, and run it with the environment that `make course` makes there. Beside the homework's
`gradcheck.py` those cells run that import nothing but NumPy and it.*"""
SETUP = """\
# The course's folder, somewhere above this notebook, holds the modules that the cells import.
import importlib.util
import sys
from pathlib import Path
from types import ModuleType

sys.path += [str(folder) for folder in (Path.cwd(), *Path.cwd().parents) if (folder / "solutions").is_dir()]
if importlib.util.find_spec("autograder") is None and importlib.util.find_spec("gradcheck"):
    import gradcheck  # the homework's

    sys.modules |= {"autograder": ModuleType("autograder"), "autograder.gradcheck": gradcheck}"""

EQUATION = re.compile(r"\$\$(?P<tex>(?:(?!\$\$).)+?)\s*\$\$[ \t]*\((?P<label>[\w:.-]+)\)", re.DOTALL)
ROLE = re.compile(r"\{(?P<role>[\w:.+-]+)\}`(?P<text>[^`]+)`")
PAGE = re.compile(r"(?<!!)\[(?P<text>[^\]\[]+)\]\((?!\w+:)[^()\s]*\.md(?:#[^()\s]*)?\)")
OPTION = re.compile(r"\s*:[\w-]+:.*")


def notebook(markdown, title, address, book, titles, glued):
    """A page's text in MyST as a notebook without outputs, a nbformat NotebookNode.

    Args:
        markdown: the page; for students, what `book._ext.editions.student_edition` leaves of it.
        title, address, book: the page's title and where it stands on the web, and the book's title.
        titles: a function from a page's name, as this page's text writes it, to that page's title.
        glued: {name: text} of the values that were measured when the page was built.
    """
    page = jupytext.reads(markdown, fmt="md:myst")
    made = nbformat.v4.new_notebook(metadata={"kernelspec": page.metadata["kernelspec"]})
    cells = [("markdown", NOTE.format(title=title, address=address, book=book)), ("code", SETUP)]
    for cell in page.cells:
        source = cell.source if cell.cell_type == "code" else plain(cell.source, titles, glued)
        cells += [(cell.cell_type, source)] if source.strip() else []
    for index, (kind, source) in enumerate(cells):
        new = nbformat.v4.new_code_cell if kind == "code" else nbformat.v4.new_markdown_cell
        made.cells.append(new(source, id=f"cell-{index}"))
    nbformat.validate(made)
    return made


def plain(markdown, titles, glued):
    """MyST as Markdown: blocks become quotes and headings, labels become tags, references become words."""
    text = "\n".join(_plain_blocks(markdown.split("\n")))
    text = EQUATION.sub(lambda found: f"$${found['tex']} \\tag{{{found['label']}}}$$", text)
    text = PAGE.sub(r"*\g<text>*", text)
    return ROLE.sub(lambda found: _words(found["role"], found["text"], titles, glued), text).strip()


def _plain_blocks(lines):
    kept, i = [], 0
    while i < len(lines):
        fence = opening(lines[i])
        if fence is None:
            kept += [] if TARGET.fullmatch(lines[i]) else [lines[i]]
            i += 1
            continue
        end = closing(lines, i + 1, fence["mark"])
        if fence["name"] is None:
            kept += lines[i : end + 1]
        else:
            kept += _plain_block(fence["name"], fence["rest"].strip(), lines[i + 1 : end])
        i = end + 1
    return kept


def _plain_block(name, title, body):
    while body and (OPTION.fullmatch(body[0]) or not body[0].strip()):
        body = body[1:]
    inner = _plain_blocks(body)
    match name:
        case "answer":
            return inner
        case "exercise":
            return [f"**Exercise{f': {title}' if title else ''}.**", "", *inner]
        case "solution":
            return ["<details><summary>Solution</summary>", "", *inner, "", "</details>"]
        case "admonition" | "note" | "tip" | "warning" | "hint" | "important":
            return [f"> {line}".rstrip() for line in (f"**{title or name.capitalize()}**", "", *inner)]
        case "code-block" | "code":
            return [f"```{title}", *body, "```"]
        case "math":
            return ["$$", *body, "$$"]
    return [PAGE_ONLY]


def _words(role, text, titles, glued):
    written = re.fullmatch(r"(?P<text>[^<]*?)\s*<(?P<target>[^>]+)>", text)
    shown, target = (written["text"], written["target"]) if written else ("", text)
    target = re.sub(r"\s+", " ", target)
    match role:
        case "eq":
            return f"({target})"
        case "doc":
            return f"*{shown or titles(target)}*"
        case "glue:text":
            return glued[target]
        case "cite" | "cite:p" | "cite:t":
            return f"[{target}]"
    return shown or target  # among them what is downloaded: the file is on the page

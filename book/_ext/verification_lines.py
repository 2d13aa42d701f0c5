"""Under each equation that states a gradient or a Jacobian: how it was checked, and how far off. A Sphinx extension.

Nothing here is written down, all of it is done as the page is built: SymPy derives the equation anew, and the check
that verifies its label (`verification.equation_registry`) is run, once with the oracle and once with HIPS autograd, and
tells the error that it saw. Where a check fails, or there is none for a label, the build says so. What the student
edition leaves out has no such line there.
"""

import functools
import inspect
import re
from pathlib import Path

from docutils import nodes
from sphinx.util import logging

from verification import equation_registry

ROOT = Path(__file__).parents[2]
LABEL = re.compile(r"(?:grad|jac)-[\w-]+")
LOGGER = logging.getLogger(__name__)


def words(label, tex, repository="", branch="main"):
    """The line under an equation, as docutils nodes; with a repository's address its checks are links.

    It begins with the label, the equation's name in docstrings and in feedback.
    """
    result = equation_registry.verify(label, tex)
    place = functools.partial(_place, repository=repository, branch=branch)
    oracle, autograd = (f"{error:.0e}" if error else "0" for error in (result.oracle, result.autograd))
    line = nodes.paragraph("", "", nodes.literal("", label), nodes.Text(", checked: "), classes=["checked"])
    line += [place("SymPy", result.step), nodes.Text(f", exactly · oracle {oracle} · autograd {autograd} · ")]
    line += place(result.check.__name__, result.check)
    return line


def _place(text, function, repository, branch):
    """Where a function stands: a link, or its name alone where there is no address."""
    if not repository:
        return nodes.Text(text)
    path = Path(inspect.getsourcefile(function)).resolve().relative_to(ROOT).as_posix()
    line = inspect.getsourcelines(function)[1]
    return nodes.reference("", text, refuri=f"{repository.rstrip('/')}/blob/{branch}/{path}#L{line}")


def _add(app, doctree):
    if app.builder.format != "html":
        return
    options = app.config.html_theme_options
    for equation in list(doctree.findall(nodes.math_block)):
        label = equation.get("label") or ""
        if LABEL.fullmatch(label):
            try:
                address = options.get("repository_url", ""), options.get("repository_branch") or "main"
                badge = words(label, equation.astext(), *address)
            except (LookupError, AssertionError) as error:
                LOGGER.warning("not checked: %s", error, location=equation)
            else:
                equation.parent.insert(equation.parent.index(equation) + 1, badge)


def setup(app):
    """Register the extension with Sphinx."""
    app.connect("doctree-read", _add)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}

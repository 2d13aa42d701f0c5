"""Under each equation that states a gradient or a Jacobian: how it was checked, and how far off. A Sphinx extension.

Nothing here is written down, all of it is done as the page is built: SymPy derives the equation anew, and the test that
verifies its label is run, once with the oracle and once with HIPS autograd, and tells the error that it saw. Where a
test fails, or there is none for a label, the build says so. What the student edition leaves out has no badge there.
"""

import functools
import inspect
import re
import sys
from pathlib import Path

from docutils import nodes
from sphinx.util import logging

ROOT = Path(__file__).parents[2]
LABEL = re.compile(r"(?:grad|jac)-[\w-]+")
LOGGER = logging.getLogger(__name__)


def _tests():
    """tests.claims and tests.book.test_stages, which no package holds."""
    if str(ROOT) not in sys.path:
        sys.path.append(str(ROOT))
    from tests import claims
    from tests.book import test_stages

    return claims, test_stages


@functools.cache
def check(label, tex):
    """Check an equation in three ways, with the code that the tests run.

    Args:
        label, tex: the equation's label, and the equation.

    Returns:
        oracle, autograd: the largest relative errors that the test of the label saw with the two; a gradient that the
            test compares by name counts alone, otherwise all that it compares.
        test, step: the functions that verify the label and that say what the equation says.

    Raises:
        LookupError: no test verifies the label, or no step is there for SymPy that was written for this equation.
        AssertionError: a check fails.
    """
    claims, stages = _tests()
    test, function = claims.verifier(label)
    if stages.SEALS.get(label) != stages.seal(tex):
        raise LookupError(f"{label}: tests/book/stages.py has no step for this very equation")
    assert stages.is_exact(label, stages.STEPS[label]), f"{label} is not what SymPy derives"
    oracle, autograd = (claims.error_of(label, test, function, witness) for witness in claims.BADGE)
    return {"oracle": oracle, "autograd": autograd, "test": test, "step": stages.STEPS[label]}


def words(label, tex, repository="", branch="main"):
    """The line under an equation, as docutils nodes; with a repository's address its tests are links.

    It begins with the label, the equation's name in docstrings and in feedback.
    """
    found = check(label, tex)
    place = functools.partial(_place, repository=repository, branch=branch)
    oracle, autograd = (f"{found[name]:.0e}" if found[name] else "0" for name in ("oracle", "autograd"))
    line = nodes.paragraph("", "", nodes.literal("", label), nodes.Text(", checked: "), classes=["checked"])
    line += [place("SymPy", found["step"]), nodes.Text(f", exactly · oracle {oracle} · autograd {autograd} · ")]
    line += place(found["test"].__name__, found["test"])
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

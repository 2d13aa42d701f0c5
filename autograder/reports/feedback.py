"""The page of feedback on one notebook: no script of a student's runs on it, and nothing is fetched from outside.

Formulas are turned into MathML, which browsers show by themselves, where the stock page fetches MathJax.
"""

import re
from pathlib import Path

from nbconvert.exporters import HTMLExporter
from nbgrader.server_extensions import formgrader
from pygments.formatters import HtmlFormatter
from traitlets import Unicode

from autograder.assignment.load import find_course
from autograder.course.folder import Course
from autograder.reports.book_equations import book_equations
from autograder.reports.safe_markdown import markdown2html, unchanged
from autograder.reports.verdict_html import linked

# A student's Markdown and outputs stand on the page: no script of theirs runs, and nothing is fetched from outside.
POLICY = (
    '<meta http-equiv="Content-Security-Policy" '
    "content=\"default-src 'none'; img-src data:; style-src 'unsafe-inline'; font-src data:; "
    "base-uri 'none'; form-action 'none'\">"
)
WIDE_FORMULA = r"<math(?=[^<>]* display=\"block\")"  # on a phone it is scrolled, by the keyboard too


def highlighting() -> str:
    """The colours of code, in the light and in the dark."""
    light, dark = (HtmlFormatter(style=style).get_style_defs(".highlight") for style in ("default", "github-dark"))
    return f"{light}\n@media (prefers-color-scheme: dark) {{\n{dark}\n}}\n.highlight {{ background: none !important }}"


def demoted(html: str) -> str:
    """A cell's HTML with its headings below the page's own: no level is skipped, and no id is one of the page's."""
    return re.sub(r"</h[1-6]>", "</h3>", re.sub(r"<h([1-6])\b[^>]*>", r'<h3 class="level-\1">', html))


class FeedbackExporter(HTMLExporter):
    """The page, by the template `feedback`: no script, nothing from outside; what it names in the book is a link."""

    book_url = Unicode(help="where the book is published: what feedback names in it is then a link").tag(config=True)

    course_folder = Unicode(help="the folder that holds the book and the assignments").tag(config=True)

    def default_filters(self):
        """nbconvert's, but for those whose work would grow with the square of what a student wrote."""
        yield from super().default_filters()
        yield from {"markdown2html": markdown2html, "strip_files_prefix": unchanged, "demoted": demoted}.items()

    def from_notebook_node(self, nb, resources=None, **kwargs):
        """The page as text, and resources."""
        equations = book_equations(Path(self.course_folder)) if self.course_folder else {}
        page, resources = super().from_notebook_node(nb, resources, **kwargs)
        page = linked(page.replace("<head>", f"<head>\n{POLICY}", 1), self.book_url, equations)
        return re.sub(WIDE_FORMULA, r'<math tabindex="0"', page), resources


def configure(config, root, assignment=""):
    """Let nbgrader show students' work in pages on which nothing of theirs acts: formgrader's, and the feedback's.

    Args:
        config: traitlets' configuration, which is changed: `c` in a nbgrader_config.py.
        root: the course folder.
        assignment: the assignment's folder, which config files of before do not name.
    """
    stock = str(Path(formgrader.__file__).with_name("templates"))
    module = "autograder.reports.safe_markdown"
    config.HTMLExporter.filters = {
        "markdown2html": f"{module}.markdown2html",
        "strip_files_prefix": f"{module}.unchanged",
        "highlight_code": f"{module}.highlighted",
    }
    config.HTMLExporter.extra_template_basedirs = [str(Path(__file__).with_name("templates")), stock]
    config.HTMLExporter.extra_template_paths = [stock]
    config.GenerateFeedback.exporter_class = f"{__name__}.FeedbackExporter"
    config.GenerateFeedback.preprocessors = ["autograder.grading.feedback_pages.Grades"]  # by name: nbgrader loads it
    config.Grades.root = str(root)
    config.Grades.assignment_folder = str(assignment)
    config.FeedbackExporter.book_url = Course.at(root, root, assignment=assignment or None).rules.book.url
    config.FeedbackExporter.course_folder = str(Path(assignment).parents[1] if assignment else find_course())

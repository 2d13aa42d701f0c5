"""Live cells without a browser: what they may use, what a reader is told, and where the script goes."""

import ast
import json
import re
import runpy
import sys
from types import SimpleNamespace

import pytest
from sphinx.errors import ConfigError

from book._ext import live_cells
from book._ext.editions import _tags, closing, opening, student_edition
from book._tools import pyodide_copy
from tests.answers import ROOT

runner = SimpleNamespace(**runpy.run_path(str(ROOT / "book/_static/live/runner.py")))
ALLOWED = {"numpy", "matplotlib.pyplot", "autograder.gradcheck"} | set(sys.stdlib_module_names)


def live_cells_of(markdown):
    """The code of a page's cells that are tagged `live`, as a list."""
    lines, found = markdown.split("\n"), []
    i = 0
    while i < len(lines):
        if (fence := opening(lines[i])) is None:
            i += 1
            continue
        end = closing(lines, i + 1, fence["mark"])
        body = lines[i + 1 : end]
        if fence["name"] == "code-cell" and "live" in _tags(body):
            code = "\n".join(line for line in body if not line.startswith(":tags:"))
            found.append(re.sub(r"\A---\n.*?\n---\n", "", code, flags=re.S))
        i = end + 1 if fence["name"] == "code-cell" else i + 1
    return found


PAGES = {page: cells for page in sorted((ROOT / "book").rglob("*.md")) if (cells := live_cells_of(page.read_text()))}


def alone(cells):
    """Run cells as the page does, in a namespace of their own. Returns what was sent, pairs of kind and text."""
    sent, namespace = [], {}
    for number, code in enumerate(cells, 1):
        if not runner.run(code, f"cell {number}", namespace, lambda *said: sent.append(said)):
            break
    return sent


def imported(code):
    """The names of the modules that a cell imports."""
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module


def not_in_the_page(cells):
    return {name for code in cells for name in imported(code)} - ALLOWED


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_live_cells_stand_on_their_own(page):
    assert not_in_the_page(PAGES[page]) == set()
    said = alone(PAGES[page])
    assert [text for kind, text in said if kind == "error"] == []
    if "matplotlib" in "".join(PAGES[page]):
        assert any(kind == "figure" for kind, _ in said)


def test_a_cell_that_needs_a_solution_or_a_hidden_cell_is_noticed():
    assert not_in_the_page(["import numpy as np\nfrom solutions import softmax_forward"]) == {"solutions"}
    assert not_in_the_page(["from book._lib.page_helpers import compare"]) == {"book._lib.page_helpers"}
    ((kind, text),) = alone(["x.mean()"])
    assert kind == "error" and "NameError" in text


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_both_editions_have_the_same_live_cells(page):
    assert live_cells_of(student_edition(page.read_text())) == PAGES[page]


@pytest.mark.parametrize(
    "page", ["block1/batch_norm", "block1/dropout", "block1/softmax", "block1/linear", "block1/relu"]
)
def test_each_layer_has_a_cell_for_an_own_gradient(page):
    cells = PAGES[ROOT / f"book/{page}.md"]
    assert "def my_backward" in cells[-1] and "# yours" in cells[-1] and "check_gradient(" in cells[-1]
    assert "not yet" in alone(cells)[-1][1], "as given it is wrong"


def told(code):
    sent = []
    assert not runner.run(code, "cell 3", {}, lambda *said: sent.append(said))
    return sent[-1]


def test_an_error_is_told_by_its_lines_in_the_cells():
    kind, text = told("def f(v):\n    return v / nothing\n\nf(1)")
    assert kind == "error"
    assert text == (
        "Line 4:\n    f(1)\nLine 2, in f:\n    return v / nothing\nNameError: name 'nothing' is not defined"
    )
    _, text = told("import json\njson.loads('[')")
    assert text.startswith("Line 2:\n    json.loads('[')\njson.decoder.JSONDecodeError:") and "decoder.py" not in text
    _, text = told("if True\n    pass")
    assert text == "Line 1:\n    if True\n           ^\nSyntaxError: expected ':'"
    _, text = told("raise SystemExit(3)")
    assert text.endswith("SystemExit: 3")
    _, text = told("import matplotlib_that_is_not")
    assert "is not here" in text


def test_an_error_in_another_cell_names_it():
    namespace, sent = {}, []
    assert runner.run("def f():\n    return 1 / 0", "cell 1", namespace, print)
    assert not runner.run("f()", "cell 2", namespace, lambda *said: sent.append(said))
    assert sent[0][1].startswith("Line 1:\n    f()\nIn cell 1, line 2, in f:\n    return 1 / 0\nZeroDivisionError")


def test_what_is_printed_and_the_last_value():
    sent = []
    assert runner.run("print('a')\nx = 1\nx + 1", "cell 1", {}, lambda *said: sent.append(said))
    assert "".join(text for kind, text in sent if kind == "text") == "a\n2\n"
    sent.clear()
    assert runner.run("for i in range(50_000): print('more than enough')", "cell 1", {}, lambda *s: sent.append(s))
    assert len("".join(text for _, text in sent)) < 101_000 and "is not shown" in sent[-1][1]


def app(tmp_path, url):
    added = []
    config = SimpleNamespace(pyodide_url=url, edition="student")
    return SimpleNamespace(
        config=config,
        confdir=str(tmp_path),
        outdir=str(tmp_path / "html"),
        builder=SimpleNamespace(format="html"),
        add_js_file=lambda name, **attributes: added.append((name, attributes)),
        add_css_file=lambda name: added.append((name, {})),
        added=added,
    )


class Doctree(list):
    def findall(self, condition):
        return [node for node in self if condition(node)]


class Cell(SimpleNamespace):
    def __getitem__(self, name):
        return self.attributes[name]


def page_of(*classes):
    return Doctree([Cell(attributes={"classes": list(classes)}), SimpleNamespace()])


def test_only_a_page_with_live_cells_gets_the_script(tmp_path):
    some = app(tmp_path, live_cells.RELEASE)
    live_cells._add_script(some, "p", "page.html", {}, None)
    live_cells._add_script(some, "p", "page.html", {}, page_of("cell", "tag_answer"))
    assert some.added == []
    live_cells._add_script(some, "p", "page.html", {}, page_of("cell", "tag_live"))
    assert some.added == [("live/live.js", {"data-pyodide": live_cells.RELEASE}), ("live/live.css", {})]
    some.added.clear()
    live_cells._add_script(some, "p", "page.html", {}, page_of("formula-box"))
    assert [name for name, _ in some.added] == ["live/live.js", "live/live.css", "live/formulas.js"]


def test_a_copy_is_laid_beside_the_site_by_one_setting(tmp_path):
    some = app(tmp_path, "copy")
    with pytest.raises(ConfigError, match="make pyodide"):
        live_cells._lay_out(some)
    (tmp_path / "copy").mkdir()
    (tmp_path / "copy/pyodide.js").write_text("// Pyodide")
    live_cells._lay_out(some)
    assert (tmp_path / "html/_static/pyodide/pyodide.js").exists()
    live_cells._add_script(some, "p", "page.html", {}, page_of("cell", "tag_live"))
    assert some.added[0][1] == {"data-pyodide": "_static/pyodide/"}


def test_what_is_served_holds_no_solution(tmp_path):
    some = app(tmp_path, live_cells.RELEASE)
    live_cells._lay_out(some)
    served = {path.name for path in (tmp_path / "html").rglob("*") if path.is_file()}
    served |= {path.name for path in (ROOT / "book/_static/live").iterdir() if path.is_file()}
    live_cells_need = {"gradcheck.py", "live.css", "live.js", "runner.py", "worker.js"}
    assert served == live_cells_need | {"formulas.js", "formula_page.py", "formulas.py", "checks.py", "draws.npz"}


def test_the_setting_and_the_copy_are_of_the_same_release():
    version = re.search(r"/v([\d.]+)/", live_cells.RELEASE)[1]
    assert f"pyodide@{version}" == pyodide_copy.CORE
    assert live_cells.RELEASE in (ROOT / "_config.yml").read_text()


def test_a_wheel_that_is_not_the_locks_is_refused():
    package = {"file_name": "numpy.whl", "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"}
    assert pyodide_copy.checked(b"test", package) == b"test"
    with pytest.raises(ValueError, match=r"numpy\.whl is not the file"):
        pyodide_copy.checked(b"tesT", package)
    packages = {"a": {"depends": ["b"]}, "b": {"depends": ["a", "c"]}, "c": {"depends": []}, "d": {"depends": []}}
    assert len(pyodide_copy.needed(packages, ["a"])) == 3


@pytest.mark.skipif(not (ROOT / "_build/pyodide").exists(), reason="make pyodide fetches a copy")
def test_the_copy_is_what_its_lock_file_says():
    copy = ROOT / "_build/pyodide"
    packages = json.loads((copy / "pyodide-lock.json").read_text())["packages"]
    for package in pyodide_copy.needed(packages, pyodide_copy.WANTED):
        pyodide_copy.checked((copy / package["file_name"]).read_bytes(), package)

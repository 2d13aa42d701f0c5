"""What a teacher opens, in a real browser: nbgrader's formgrader on a course folder, one of its students hostile."""

import csv
import json

import nbformat
import pytest
from nbconvert.exporters import HTMLExporter

from autograder import cli
from autograder.course.folder import Course
from autograder.grading.gradebook import grades
from tests.browser.serving import NEEDED, jupyterlab
from tests.hw1 import fill, right_answers, write

pytestmark = NEEDED

STRANGER = "<img src=x onerror='owned()'>"  # a folder may be called so
DERIVATION = """
$\\frac12 x$, and <script>owned()</script> <img src=x onerror="owned()">

<script>owned()</script>

<svg onload="owned()"></svg><iframe srcdoc="<script>owned()</script>"></iframe>

[link](javascript:owned()) ![seen](http://127.0.0.1:9/seen.png) ![gone](attachment:gone.png)
"""
OUTPUTS = """
from IPython.display import HTML, SVG, Javascript, Latex, Markdown, display
for kind in (HTML, Markdown, Latex):
    display(kind('<script>owned()</script><img src=x onerror="owned()"><img src="http://127.0.0.1:9/seen.png">'))
display(Javascript("owned()"), SVG('<svg xmlns="http://www.w3.org/2000/svg" onload="owned()"/>'))
display({"image/png": '" onerror="owned()'}, raw=True)
wide = {"image/png": {"width": "1 onerror=owned()"}}
display({"text/plain": "x", "image/png": "iVBORw0KGgo="}, raw=True, metadata=wide)
print("\\x1b[38m<script>owned()</script>\\x00")
raise type("<script>owned()</script>", (Exception,), {})("<script>owned()</script>")
"""


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    """A course with an honest submission and a hostile one; its Course and the folder of the submissions."""
    out, submitted = tmp_path_factory.mktemp("grading"), tmp_path_factory.mktemp("class") / "submitted"
    course = Course.at(out)
    course.prepare()
    for student in ("ada", STRANGER):
        for path in course.release.glob("*.ipynb"):
            notebook = fill(nbformat.read(path, as_version=4), right_answers())
            if student == STRANGER:
                for cell in notebook.cells:
                    if cell.cell_type == "markdown" and cell.metadata.get("nbgrader", {}).get("solution"):
                        cell.source = DERIVATION
                notebook.cells.insert(3, nbformat.v4.new_markdown_cell(DERIVATION))
                notebook.cells.append(nbformat.v4.new_code_cell(OUTPUTS))
            write(notebook, submitted / student / "hw1" / path.name)
    assert grade(course, submitted) == cli.NEEDS_A_PERSON  # the stranger's pictures were not sent
    return course, submitted


def grade(course, submitted, *options):
    return cli.main(["grade", str(submitted), "--out", str(course.out), "--jobs", "1", *options])


@pytest.fixture(scope="module")
def server(graded, tmp_path_factory):
    """The address of what `jupyter lab` serves when it is started in the course folder, as its configuration says."""
    with jupyterlab(graded[0].root, tmp_path_factory) as address:
        yield address.rstrip("/")


@pytest.fixture
def tab(browser, server):
    """A page; `tab.asked` are the addresses that it asked outside the server, `tab.owned` the scripts that ran."""
    page = browser.new_page(viewport={"width": 1300, "height": 1000})
    page.asked, page.owned = [], []
    page.on("request", lambda request: request.url.startswith((server, "data:")) or page.asked.append(request.url))
    page.expose_function("owned", lambda: page.owned.append(True))
    yield page
    page.close()


def show_names(tab):
    tab.locator("td.name a").nth(3).wait_for(state="attached")
    tab.get_by_text("Show All Names").click()


def submission(tab, server, student, notebook):
    """Open a student's notebook as a teacher does: from the list, by the name."""
    tab.goto(f"{server}/formgrader/gradebook/hw1/{notebook}")
    show_names(tab)
    tab.locator("td.name a.name-shown", has_text=student).click()
    tab.wait_for_selector(".score-saved", state="attached")
    tab.wait_for_load_state("networkidle")


def test_the_lists_show_the_assignment_its_notebooks_and_every_submission(tab, server):
    tab.goto(f"{server}/formgrader")
    tab.locator("tr", has_text="hw1").wait_for()
    tab.get_by_role("link", name="Manual Grading", exact=True).click()
    tab.get_by_role("link", name="hw1", exact=True).click()
    row = tab.locator("tr", has_text="problem1")
    assert "16 / 16" in row.locator(".avg-code-score").inner_text()
    row.locator(".needs-manual-grade .glyphicon-ok").wait_for()
    tab.get_by_role("link", name="problem1", exact=True).click()
    show_names(tab)
    assert sorted(tab.locator("td.name a.name-shown").all_inner_texts()) == sorted(["ada", STRANGER])
    assert tab.asked == [] and tab.owned == []


@pytest.mark.parametrize("notebook", ["problem1", "problem2"])
def test_nothing_that_a_student_wrote_acts_in_the_teacher_s_browser(tab, server, notebook):
    submission(tab, server, STRANGER, notebook)
    shown = tab.inner_text("#notebook-container")
    assert shown.count("<script>owned()</script>") > 10 and "[seen: not in the notebook]" in shown
    assert tab.locator("#notebook-container math").count() > 3, "formulas are set"
    assert tab.locator("a[href^=javascript]").count() == 0
    tab.goto(f"{server}/formgrader/manage_students")
    tab.goto(f"{server}/formgrader/gradebook/hw1/{notebook}")
    show_names(tab)
    tab.wait_for_timeout(300)
    assert tab.asked == [] and tab.owned == []


def test_what_acts_on_a_stock_page_is_noticed(tab, graded):
    """The test above, tested: the same notebook, before it was cleaned, on nbconvert's own page."""
    cells = [nbformat.v4.new_markdown_cell(DERIVATION.replace("![gone](attachment:gone.png)", ""))]
    page, _ = HTMLExporter(template_name="classic").from_notebook_node(nbformat.v4.new_notebook(cells=cells))
    tab.set_content(page)
    tab.wait_for_timeout(300)
    assert tab.owned and "http://127.0.0.1:9/seen.png" in tab.asked


def test_a_derivation_is_scored_and_what_the_teacher_gave_is_kept(tab, server, graded, capsys):
    course, submitted = graded
    before = {row["student"]: row for row in grades(course)}["ada"]
    submission(tab, server, "ada", "problem1")
    for place, value, request in (
        ("#derive-1-1", "1.5", "grade"),
        ("#derive-1-1-comment", "Why is it *diagonal*?", "comment"),
    ):
        with tab.expect_response(
            lambda answer, r=request: f"/api/{r}/" in answer.url and answer.request.method == "PUT"
        ):
            tab.fill(place, value)
            tab.locator(place).blur()
    tab.reload()
    tab.wait_for_load_state("networkidle")
    assert tab.input_value("#derive-1-1") == "1.5"
    assert tab.asked == []

    def row():
        return {row["student"]: row for row in grades(course)}["ada"]

    def file():
        with open(course.out / "grades.csv", newline="", encoding="utf8") as lines:
            return {row["student"]: row for row in csv.DictReader(lines)}["ada"]

    assert row()["score"] == before["score"] + 1.5
    assert (row()["manual_score"], row()["manual_waiting"]) == (1.5, before["manual_waiting"] - 1)
    assert cli.main(["summary", "--out", str(course.out)]) == cli.NEEDS_A_PERSON
    assert "5 to read" in next(line for line in capsys.readouterr().out.splitlines() if line.startswith("ada"))

    assert grade(course, submitted, "--student", "ada") == cli.NEEDS_A_PERSON
    assert row()["manual_score"] == float(file()["manual_score"]) == 1.5
    assert float(file()["score"]) == before["score"] + 1.5
    submission(tab, server, "ada", "problem1")
    assert tab.input_value("#derive-1-1") == "1.5"
    assert tab.input_value("#derive-1-1-comment") == "Why is it *diagonal*?"

    assert cli.main(["feedback", "--out", str(course.out)]) == cli.GRADED
    page = (course.out / "feedback/ada/hw1/problem1.html").read_text(encoding="utf8")
    assert "1.5 of 2" in page and "1.5 of 2 graded by hand" in page and "Why is it <em>diagonal</em>?" in page


def test_formgrader_s_own_button_writes_the_same_feedback(tab, server, graded):
    course, _ = graded
    ours = course.out / "feedback/ada/hw1/problem1.html"
    ours.unlink(missing_ok=True)
    tab.goto(f"{server}/formgrader")
    answer = tab.evaluate(
        """async () => {
            const token = document.cookie.match(/_xsrf=([^;]*)/)[1];
            const headers = {"X-CSRFToken": token, "X-XSRFToken": token};
            const asked = await fetch("/formgrader/api/assignment/hw1/generate_feedback",
                {method: "POST", headers, body: JSON.stringify({force: true})});
            return await asked.text();
        }"""
    )
    assert json.loads(answer)["success"], answer
    page = ours.read_text(encoding="utf8")
    assert "default-src 'none'" in page and "<script" not in page and "not read yet" in page

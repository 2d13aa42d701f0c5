"""What a student opens after grading, in a real browser: the feedback, in the light and the dark, on a phone."""

import base64
import struct
import zlib

import nbformat
import pytest

from autograder.course.folder import Course
from autograder.grading.feedback_pages import write_feedback
from autograder.grading.gradebook import graded_cells, merge, record_file
from autograder.grading.records import CellScore, PartResult, QuestionResult, Record
from tests.browser.serving import NEEDED, PICTURES
from tests.browser.test_pages import findings
from tests.hw1 import SPOILT, fill, right_answers, spoil

pytestmark = NEEDED
HOSTILE = "<script>owned()</script><img src=x onerror='owned()'>"
VERDICT = (
    '<div style="font-size:14px"><table><tr>'
    + '<td style="white-space:nowrap">dz_2b_dc</td>' * 9
    + "</tr></table></div>"
)


def png(width, height):
    """A grey PNG, in base64."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    rows = zlib.compress((b"\0" + b"\x80" * width) * height)
    data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    return base64.b64encode(data).decode()


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """A folder of feedback on one submission that has everything on its page; no kernel runs."""
    course = Course.at(tmp_path_factory.mktemp("feedback"))
    course.prepare()
    answers = spoil(right_answers(), SPOILT["constant-statistics"])
    answers["derive-2-2-head"] = (
        f"{HOSTILE}\n\n![mine](attachment:a.png) ![](photo.jpg)\n\n##### x\n\n$$ {'x_i + ' * 40} 1 $$"
    )
    record = Record(HOSTILE.replace("/", ""), needs_attention=["problem1.ipynb is missing", f"problem2: {HOSTILE}"])
    record.repairs = [f"problem2: the check of 1-2 was put back {HOSTILE}", "problem1: of the other one"]
    for path in sorted(course.release.glob("*.ipynb")):
        notebook = fill(nbformat.read(path, as_version=4), answers)
        for cell in notebook.cells:
            grading = cell.metadata.get("nbgrader", {})
            if grading.get("grade_id") == "derive-2-2-head":
                cell.attachments = {"a.png": {"image/png": png(1600, 300)}}
            if grading.get("grade") and cell.cell_type == "code":
                shown = {"text/plain": "1.0", "text/html": VERDICT}
                cell.outputs = [nbformat.v4.new_output("execute_result", shown)]
        notebook.cells.insert(2, nbformat.v4.new_code_cell("'" + "y" * 300 + "'"))
        notebook.cells.insert(3, nbformat.v4.new_markdown_cell("wide" * 100))
        record.notebooks[path.stem] = nbformat.writes(notebook)
    for cell in graded_cells(course):
        kind = "automatic" if cell.kind == "auto" else "manual"
        score = None if kind == "manual" or cell.name == "check-2-1" else cell.points / 2
        record.cells.append(CellScore(cell.notebook, cell.name, kind, score, cell.points))
    name = "batch statistics taken as constants"
    for question in ("2-2 branch b", "2-2"):
        part = PartResult("da_1b", 0, 4, "not yet", name)
        record.questions[question] = QuestionResult(question, "problem2", 4, 8, (part,))
    record.save(record_file(course, record.student))
    merge(record, course)
    assert write_feedback(course, say=lambda line: None) == (1, {})
    return next((course.out / "feedback").glob("*/hw1"))


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_fits_is_open_to_all_and_runs_nothing(browser, pages, scheme, width):
    view = {"width": width, "height": 900}
    with browser.new_context(color_scheme=scheme, viewport=view, bypass_csp=True) as context:  # for axe
        tab, wrong = context.new_page(), []
        tab.expose_function("owned", lambda: wrong.append("a script ran"))
        tab.on("request", lambda request: request.url.startswith(("file:", "data:")) or wrong.append(request.url))
        tab.goto((pages / "problem2.html").as_uri())
        PICTURES.mkdir(parents=True, exist_ok=True)
        tab.screenshot(path=PICTURES / f"feedback-{scheme}-{width}.png")
        dark = tab.evaluate("getComputedStyle(document.body).backgroundColor") != "rgb(255, 255, 255)"
        assert dark == (scheme == "dark")
        for opened in (False, True):
            tab.evaluate("opened => document.querySelectorAll('details').forEach(one => one.open = opened)", opened)
            assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"wider than {width}"
            assert findings(tab) == []
        assert wrong == []


def test_the_summary_says_what_there_is_in_a_minute(browser, pages):
    tab = browser.new_page(viewport={"width": 390, "height": 900})
    tab.goto((pages / "problem2.html").as_uri())
    above = tab.locator("body").inner_text().split("Your notebook\n")[0]
    assert "3 derivations are not read yet, and a check is not graded yet" in above
    assert above.count("Batch statistics taken as constants.") == 1
    assert above.count(HOSTILE) == 2, "a need and a note, as text"
    assert "the check of 1-2 was put back" in above and "of the other one" not in above
    assert "problem1.ipynb" not in above
    assert "Derivation 2-2-head: photo.jpg is not in the notebook" in above
    mistake = tab.locator("li", has_text="Batch statistics")
    assert mistake.locator("a[href^='#check-']").all_inner_texts() == ["Check 2-2-branch-b", "Check 2-2"]
    (picture,) = tab.locator("#derive-2-2-head img").evaluate_all("all => all.map(one => one.naturalWidth)")
    assert picture == 1600, "what was attached is shown"
    tab.close()


def test_the_given_text_is_folded_and_opened_by_the_keyboard(browser, pages):
    tab = browser.new_page(viewport={"width": 1280, "height": 900})
    tab.goto((pages / "problem2.html").as_uri())
    assert tab.locator("details.given[open]").count() == 0 and tab.locator("details.given").count() > 3
    tab.keyboard.press("Tab")
    assert tab.evaluate("document.activeElement.textContent") == "Skip to your notebook"
    tab.keyboard.press("Enter")
    tab.keyboard.press("Tab")
    assert tab.evaluate("document.activeElement.tagName") == "SUMMARY"
    tab.keyboard.press("Enter")
    assert tab.locator("details.given[open]").count() == 1
    assert tab.locator("details.given[open]").inner_text().startswith("Statement: ")
    folded = tab.locator("details.given").all_inner_texts()
    assert not any("wide" * 100 in text or "YOUR" in text for text in folded), "nothing of the student's is folded"
    tab.close()


def test_what_could_not_be_read_is_said_on_top_of_its_own_page(pages):
    page = (pages / "problem1.html").read_text(encoding="utf8")
    assert "This needs attention" in page and "problem1.ipynb is missing" in page
    assert "default-src 'none'" in page and "<script" not in page

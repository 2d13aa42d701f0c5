"""What a student opens, in a real browser: the assignment in JupyterLab, and the feedback on it."""

import re

import nbformat
import pytest

from tests.browser.serving import NEEDED, jupyterlab
from tests.hw1 import fill, release, right_answers

pytestmark = NEEDED


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """The address of a JupyterLab that is opened in the released folder."""
    folder = release(tmp_path_factory.mktemp("release"))
    written = fill(nbformat.read(folder / "problem2.ipynb", as_version=4), right_answers())
    nbformat.write(written, folder / "written2.ipynb")
    with jupyterlab(folder, tmp_path_factory) as address:
        yield address


@pytest.fixture(scope="module")
def tab(browser):
    return browser.new_page(viewport={"width": 1200, "height": 9000})  # tall: cells out of sight are not drawn


def run_all(tab, lab, name):
    tab.goto(f"{lab}lab/tree/{name}.ipynb?reset")
    tab.wait_for_selector(".jp-Notebook .jp-MarkdownCell h1", timeout=60_000)
    tab.wait_for_selector('.jp-Notebook-ExecutionIndicator[data-status="idle"]', state="attached", timeout=60_000)
    tab.get_by_role("menuitem", name="Run", exact=True).click()
    tab.get_by_role("menuitem", name="Run All Cells", exact=True).click()


@pytest.mark.parametrize(("name", "checks", "formulas", "pictures"), [("problem1", 3, 4, 0), ("problem2", 5, 7, 1)])
def test_the_released_notebook_opens_and_runs_in_jupyterlab(lab, tab, name, checks, formulas, pictures):
    run_all(tab, lab, name)
    outputs = tab.locator(".jp-OutputArea-output", has_text="it is not written yet")
    outputs.nth(checks - 1).wait_for(timeout=180_000)
    assert outputs.count() == checks
    assert tab.locator(".jp-OutputArea-output", has_text="There is no formula.").count() == formulas
    assert tab.locator('[data-mime-type="application/vnd.jupyter.stderr"], [data-mime-type*="error"]').count() == 0
    shown = tab.locator(".jp-RenderedMarkdown img")
    assert [width > 0 for width in shown.evaluate_all("all => all.map(image => image.naturalWidth)")] == [
        True
    ] * pictures
    assert tab.locator(".jp-RenderedMarkdown mjx-merror").count() == 0


def test_the_notebook_typesets_each_formula_with_its_verdict_below(lab, tab):
    run_all(tab, lab, "written2")
    outputs = tab.locator(".jp-OutputArea-output").filter(has_not_text="run from top to bottom")  # before_you_hand_in
    outputs.filter(has_text="2-2 theta_1a, written").wait_for(timeout=60_000)
    outputs.filter(has_text="two_branch_backward").wait_for(timeout=60_000)
    assert tab.locator(".jp-OutputArea-output mjx-container").count() == 7
    assert tab.locator(".jp-OutputArea-output mjx-merror").count() == 0
    assert outputs.filter(has_text=re.compile(r"written +1 of 1")).count() == 7

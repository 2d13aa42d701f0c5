"""Boxes for formulas in a real browser, with a copy of Pyodide beside the site."""

import itertools
import re

import pytest

from tests.autograder.formula.test_formula import RIGHT, WRONG
from tests.browser import test_live_cells
from tests.browser.serving import NEEDED
from tests.browser.test_live_cells import COPY, PICTURES, READY, serve

pytestmark = [
    *NEEDED,
    pytest.mark.skipif(not (COPY / "pyodide.js").exists(), reason="make pyodide fetches what boxes run on"),
]
site, one = test_live_cells.site, test_live_cells.one  # the fixtures

SIDE = r"\frac1m \sum_i (\hat y_{b,i} - y_{b,i}) s_i^T"
PAGES = {f"book/block1/{name}.html" for name in ("batch_norm", "dropout", "softmax")}
PAGES |= {f"book/block2/{name}.html" for name in ("forward", "head", "branch_b", "branch_a")}


def boxes(tab):
    tab.wait_for_selector(".formula textarea")
    return tab.locator(".formula").all()


def write(tab, box, latex):
    """Type a formula, and wait until all that follows by itself has followed."""
    box.locator("textarea").fill(latex)
    tab.wait_for_timeout(600)


def check(tab, box):
    """Press Check; what the verdict says."""
    box.get_by_role("button").click()
    return verdict(tab, box)


def verdict(tab, box):
    box.locator(".formula-head").wait_for(timeout=READY)
    return box.locator(".formula-verdict").inner_text()


def typeset(box):
    """The characters of what is set, without white space, from what a screen reader gets."""
    return re.sub(r"\s", "", box.locator(".formula-preview mjx-assistive-mml").first.text_content())


@pytest.fixture
def page(one, visit):
    (base, _), (tab, wrong) = one, visit
    tab.goto(f"{base}book/block2/head.html", wait_until="networkidle")
    yield tab
    assert wrong == []


def test_boxes_stand_on_their_pages_and_ask_for_nothing_before_the_first_check(site, visit):
    (base, folder), (tab, wrong) = site, visit
    found = {str(p.relative_to(folder)) for p in folder.glob("book/**/*.html") if b'class="formula"' in p.read_bytes()}
    assert found == PAGES
    asked = []
    tab.on("request", lambda request: asked.append(request.url))
    for name in sorted(PAGES):
        asked.clear()
        tab.goto(base + name, wait_until="networkidle")
        for box in boxes(tab):
            field = box.locator("textarea")
            field.click()
            field.type("c_i + s_i")
        tab.wait_for_timeout(600)
        assert [url for url in asked if re.search(r"worker|pyodide|\.npz|\.py$|\.wasm|\.whl", url)] == [], name
        assert all(typeset(box) for box in boxes(tab)), "typeset all the same"
    check(tab, boxes(tab)[0])
    loaded = " ".join(asked)
    assert all(
        word in loaded
        for word in ("worker.js", "formula_page.py", "formulas.py", "checks.py", "draws.npz", "pyodide.asm.wasm")
    ), "it would see"
    assert wrong == []


def test_the_verdicts_and_in_time(page):
    box = boxes(page)[3]
    write(page, box, SIDE)
    assert check(page, box).startswith("✓ Right.")
    for latex, *said in (
        (SIDE.replace("^T", ""), "? This can be read in several ways.", "was read with a transpose"),
        (SIDE.replace("1m", "3m"), "✗ Wrong.", "Off by 2", "3 times"),
        (SIDE.replace(" - y", " + y"), "✗ Wrong.", "Off by"),
        (SIDE.replace("y_{b,i})", ")"), "? It is not read yet.", "where a value should be", "^"),
        (SIDE.replace("s_i^T", "x_i^T"), "? It is not read yet.", "what is asked is a matrix K × n_h"),
    ):
        write(page, box, latex)
        began = page.evaluate("performance.now()")
        words = check(page, box)
        assert page.evaluate("performance.now()") - began < 1500  # 0.03 to 0.15 s were seen; a busy machine has time
        assert all(part in words for part in said), words


def test_a_formula_is_read_and_judged_in_half_a_second(page):
    asked = """async ([key, latex]) => {
        const found = await livePython.formula({ what: "judge", key, latex }, () => {});
        return [found.verdict, found.milliseconds];
    }"""
    for key, latex in [(key, latex) for key, _, latex in (RIGHT + WRONG)[::8]]:
        pairs = [page.evaluate(asked, [key, latex]) for _ in range(2)]
        assert pairs[0][0] in ("right", "wrong", "not read"), latex
        assert min(milliseconds for _, milliseconds in pairs) < 500, latex  # 3 is usual


def test_a_mistake_has_its_name_in_the_full_edition_alone(site, visit):
    (base, folder), (tab, _) = site, visit
    tab.goto(f"{base}book/block2/head.html")
    box = boxes(tab)[3]
    write(tab, box, SIDE.replace(r"\frac1m", ""))
    words = check(tab, box)
    assert words.startswith("✗ Wrong.") and "Off by" in words
    assert ("no 1/m in ∂L/∂z_2B" in words) == ("student" not in str(folder))
    assert "student" not in str(folder) or "m = " in words


def test_shapes_are_told_as_it_is_typed_once_python_is_there(page):
    box, other = boxes(page)[3], boxes(page)[1]
    write(page, box, SIDE)
    assert box.locator(".formula-shapes").inner_text() == ""
    assert "15 MB" in box.inner_text()
    check(page, box)
    assert "15 MB" not in box.inner_text() + other.inner_text()
    write(page, box, "g_i = \\theta_{2B}^T (\\hat y_{b,i} - y_{b,i})\n\\sum_i s_i g_i^T")
    assert "is a column of n_h" in box.locator(".formula-shapes").inner_text()
    assert "Your formula is a matrix n_h × n_h." in box.locator(".formula-shapes").inner_text()
    assert "what is asked is a matrix K × n_h" in box.locator(".formula-shapes").inner_text()
    assert box.locator(".formula-verdict").inner_text() == "", "the verdict was on something else"
    write(page, box, r"\frac1m \sum_i (\hat y_{b,i} - ")
    assert "`(` is never closed" in box.locator(".formula-shapes").inner_text()
    write(page, other, "1/m s_i")
    assert "column of n_h" in other.locator(".formula-shapes").inner_text()
    assert other.locator(".formula-preview mjx-mfrac").count() == 1, "typeset as it was read: a fraction"
    write(page, other, "")
    assert other.locator(".formula-preview").inner_text() == other.locator(".formula-shapes").inner_text() == ""


def test_what_is_typed_is_typeset_at_once_and_half_a_formula_leaves_the_last_whole_one(page):
    box = boxes(page)[0]
    write(page, box, r"\frac{s_i}{m}")
    whole = typeset(box)
    assert len(whole) == 3
    write(page, box, r"\frac{s_i}{m} + \frac{")
    assert typeset(box) == whole and box.locator(".formula-preview.formula-old").count() == 1
    write(page, box, "a = s_i % a remark\nb = a + 1\n\\frac{b}{m}")
    assert box.locator(".formula-preview.formula-old").count() == 0
    assert box.locator(".formula-preview mjx-mtr").count() == 3


def test_by_keyboard_alone(page):
    box = boxes(page)[0]
    box.locator("textarea").focus()
    page.keyboard.type("-\\frac1m \\frac{y_{b,i}}{\\hat y_{b,i}}")
    page.keyboard.press("Control+Enter")
    assert verdict(page, box).startswith("✓ Right.")
    assert page.evaluate("document.activeElement.tagName") == "TEXTAREA", "the focus stays"
    page.keyboard.press("End")
    page.keyboard.press("Enter")
    assert box.locator("textarea").input_value().endswith("\n"), "Enter alone is a new line"
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Check", "Tab leaves the field"
    page.keyboard.press("Enter")
    assert verdict(page, box).startswith("✓ Right.")
    assert page.evaluate("document.activeElement.textContent") == "Check"


def test_what_is_seen_is_said(page):
    box = boxes(page)[2]
    assert box.get_by_role("textbox").get_attribute("aria-label") == "Your formula for ∂L/∂z_2B, in LaTeX"
    assert box.get_by_role("button").get_attribute("aria-label") == "Check your formula for ∂L/∂z_2B"
    live = box.locator(".formula-verdict")
    assert (live.get_attribute("role"), live.get_attribute("aria-live")) == ("status", "polite")
    assert "check too" in page.locator(f"#{box.get_by_role('textbox').get_attribute('aria-describedby')}").inner_text()
    link = box.get_by_role("link", name="what can be written")
    assert page.request.get(link.evaluate("link => link.href")).ok


def test_one_box_asks_for_several_and_keeps_each_draft(one, visit):
    (base, _), (tab, wrong) = one, visit
    tab.goto(f"{base}book/block2/branch_b.html")
    box = next(box for box in boxes(tab) if "∂L/∂γ" in box.inner_text())
    choice = box.get_by_role("combobox", name="Which formula")
    assert choice.locator("option").all_inner_texts() == ["∂L/∂β", "∂L/∂γ"]
    write(tab, box, r"\sum_i \frac{\partial L}{\partial c_i}")
    assert check(tab, box).startswith("✓ Right.")
    choice.select_option("∂L/∂γ")
    assert box.get_by_role("textbox").get_attribute("aria-label") == "Your formula for ∂L/∂γ, in LaTeX"
    assert box.get_by_role("textbox").input_value() == "" and box.locator(".formula-verdict").inner_text() == ""
    write(tab, box, r"\sum_i \frac{\partial L}{\partial c_i} \circ c_i")
    assert check(tab, box).startswith("✗ Wrong.")
    choice.select_option("∂L/∂β")
    assert box.get_by_role("textbox").input_value() == r"\sum_i \frac{\partial L}{\partial c_i}"
    assert check(tab, box).startswith("✓ Right.") and wrong == []


def test_a_cell_and_a_formula_share_one_python(page):
    page.goto(page.url.replace("block2/head", "block1/softmax"))
    first, *_ = test_live_cells.cells(page)
    box = boxes(page)[0]
    test_live_cells.edit(first, "import time\ntime.sleep(1)\nprint('slept')")
    test_live_cells.button(first, "Run").click()
    write(page, box, r"\operatorname{diag}(y) - y y^T")
    assert check(page, box).startswith("✓ Right.")
    assert test_live_cells.output(first).strip() == "slept"
    assert len(page.workers) == 1


def test_where_python_cannot_be_had_and_where_it_can_again(one, visit):
    (_, folder), (tab, _) = one, visit
    with serve(folder, source="nowhere/") as base:
        tab.goto(f"{base}book/block2/head.html")
        box = boxes(tab)[3]
        write(tab, box, SIDE)
        box.get_by_role("button").click()
        status = box.locator(".live-status")
        tab.wait_for_function("s => s.textContent.startsWith('Python')", arg=status.element_handle(), timeout=READY)
        assert "could not be loaded" in status.inner_text() and "Check tries again" in status.inner_text()
        assert typeset(box) and box.get_by_role("button").get_attribute("aria-disabled") is None


def test_without_javascript_or_in_an_old_browser_there_is_a_sentence(one, browser):
    base, _ = one
    plain = browser.new_context(java_script_enabled=False).new_page()
    plain.goto(f"{base}book/block2/head.html")
    assert plain.locator(".formula").first.inner_text().startswith("With JavaScript this is a box")
    old = browser.new_page()
    old.add_init_script("delete window.WebAssembly")
    old.goto(f"{base}book/block2/head.html")
    assert "So there is no box for a formula here" in old.locator(".formula").first.inner_text()
    plain.context.close()
    old.close()


def test_pictures_to_look_at(page):
    box = boxes(page)[3]
    long = SIDE + " + " + " + ".join(rf"\frac{{{k}}}{{m}} \sum_i \hat y_{{b,i}} s_i^T" for k in range(9))
    write(page, box, f"g_i = \\hat y_{{b,i}} - y_{{b,i}}\n{long}")
    check(page, box)
    PICTURES.mkdir(parents=True, exist_ok=True)
    for theme, width in itertools.product(("light", "dark"), (1280, 390)):
        page.set_viewport_size({"width": width, "height": 900})
        page.evaluate("theme => { document.documentElement.dataset.theme = theme }", theme)
        page.wait_for_timeout(300)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "nothing sticks out"
        box.screenshot(path=PICTURES / f"formula-{theme}-{width}.png")


def test_a_formula_is_still_there_when_the_page_is_found_again(page):
    box = boxes(page)[3]
    write(page, box, SIDE)
    box.get_by_role("link", name="what can be written").click()
    page.wait_for_url("**/teach/formulas.html")
    page.go_back(wait_until="networkidle")
    box = boxes(page)[3]
    assert box.locator("textarea").input_value() == SIDE
    page.wait_for_function("box => box.querySelector('.formula-preview mjx-container')", arg=box.element_handle())
    assert boxes(page)[0].locator("textarea").input_value() == ""


def test_what_cannot_be_set_is_not_judged_under_an_older_picture(page):
    box = boxes(page)[3]
    write(page, box, SIDE)
    assert check(page, box).startswith("✓")
    box.locator("textarea").fill(r"\frac1m \sum_i {")  # half a formula, and Check at once
    assert check(page, box).startswith("? It is not read yet.")
    assert box.locator(".formula-preview mjx-container").count() == 0
    box.locator("textarea").fill(r"\sum_i q_i")  # it can be set, and has no meaning
    assert check(page, box).startswith("? It is not read yet.")
    assert "q" in typeset(box)

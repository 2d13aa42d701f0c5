"""Live cells in a real browser, with a copy of Pyodide that stands beside the site: nobody outside is asked."""

import gzip
import math
import re

import pytest

from tests.browser.serving import NEEDED, PICTURES, ROOT, SITES, Quiet, serving, site_of

COPY = ROOT / "_build/pyodide"
NUMBER = r"[-+]?(?:\d+\.?\d*(?:e[-+]?\d+)?|\binf\b|\bnan\b)"
TIDY = re.compile(r"\s+")
INK = """async image => {  // the share of a picture that is not white
    await image.decode();
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [image.naturalWidth, image.naturalHeight];
    const pen = canvas.getContext("2d");
    pen.drawImage(image, 0, 0);
    const bytes = pen.getImageData(0, 0, canvas.width, canvas.height).data;
    return bytes.filter((byte, i) => i % 4 === 0 && byte < 200).length / (bytes.length / 4);
}"""
READY = 120_000  # milliseconds: a busy machine takes long to start Python

pytestmark = [
    *NEEDED,
    pytest.mark.skipif(not (COPY / "pyodide.js").exists(), reason="make pyodide fetches what live cells run on"),
]

# A right body for each empty one in the book, and a mistake of the kind that people make.
MINE = {
    "block1/softmax": (
        "def my_backward(dout, y):\n    return y * (dout - (dout * y).sum(axis=-1, keepdims=True))\n",
        "def my_backward(dout, y):\n    return dout * y * (1 - y)\n",
    ),
    "block1/dropout": (
        "def my_mask(r, p):\n    return (r >= p) / (1 - p)\n"
        "def my_backward(dout, r, p):\n    return dout * my_mask(r, p)\n",
        "def my_mask(r, p):\n    return (r >= p) / (1 - p)\ndef my_backward(dout, r, p):\n    return dout * (r >= p)\n",
    ),
    "block1/batch_norm": (
        "def my_backward(dout, x, gamma, beta, eps=1e-5):\n"
        "    s = np.sqrt(x.var(axis=0) + eps)\n    x_hat, h = (x - x.mean(axis=0)) / s, gamma * dout\n"
        "    dx = (h - h.mean(axis=0) - x_hat * (x_hat * h).mean(axis=0)) / s\n"
        "    return dx, (dout * x_hat).sum(axis=0), dout.sum(axis=0)\n",
        "def my_backward(dout, x, gamma, beta, eps=1e-5):\n"
        "    s = np.sqrt(x.var(axis=0) + eps)\n    x_hat = (x - x.mean(axis=0)) / s\n"
        "    return gamma * dout / s, (dout * x_hat).sum(axis=0), dout.sum(axis=0)\n",
    ),
    "block1/linear": (
        "def my_backward(dout, x, theta):\n    return dout @ theta, dout.T @ x\n",
        "def my_backward(dout, x, theta):\n    return dout @ theta, x.T @ dout\n",
    ),
    "block1/relu": (
        "def my_backward(dout, z):\n    return dout * (z > 0)\n",
        "def my_backward(dout, z):\n    return dout * z\n",
    ),
}


class Handler(Quiet):
    """The site, with `_build/pyodide` beside it, whatever the site was built with."""

    source, lacks = "pyodide/", ()

    def do_GET(self):
        path = self.path.split("?")[0]
        if path.startswith("/pyodide/"):
            name = path.removeprefix("/pyodide/")
            self.answer(None if name.startswith(self.lacks) else COPY / name)
        elif path.endswith(".html"):
            self.answer(self.site / path[1:], lambda page: re.sub(rb'data-pyodide="[^"]*"', self.attribute(), page))
        else:
            super().do_GET()

    def attribute(self):
        return f'data-pyodide="{self.source}"'.encode()

    def answer(self, file, change=lambda data: data):
        if file is None or not file.exists():
            return self.send_error(404)
        data = change(file.read_bytes())
        self.send_response(200)
        self.send_header("Content-Type", self.guess_type(str(file)))
        self.send_header("Content-Length", str(len(data)))
        self.send_header("Access-Control-Allow-Origin", "*")  # as the official release's server does
        self.end_headers()
        self.wfile.write(data)


def serve(folder, **settings):
    return serving(folder, type("Handler", (Handler,), {"site": folder, **settings}))


def live_pages(folder):
    pages = sorted(folder.glob("book/**/*.html"))
    return [str(page.relative_to(folder)) for page in pages if b"tag_live" in page.read_bytes()]


@pytest.fixture(scope="module", params=SITES)
def site(request):
    folder = site_of(request.param)
    with serve(folder) as base:
        yield base, folder


@pytest.fixture(scope="module")
def one():
    """Either edition, for what does not depend on it."""
    folder = SITES["student"] if (SITES["student"] / "index.html").exists() else site_of("full")
    with serve(folder) as base:
        yield base, folder


def cells(tab):
    """The page's live cells: a locator each."""
    tab.wait_for_selector(".live-bar")
    return tab.locator(".cell.tag_live:has(.live-bar)").all()


def button(cell, name):
    return cell.get_by_role("button", name=re.compile(rf"^{name}\b"))


def edit(cell, code):
    if button(cell, "Edit").is_visible() and not cell.get_by_role("textbox").is_visible():
        button(cell, "Edit").click()
    cell.get_by_role("textbox").fill(code)


def finished(tab, cell):
    """What a cell's status says when it has ended."""
    status = cell.get_by_role("status")
    # an empty name in the page's own words would wait for ever, and that is a failure too
    tab.wait_for_function(
        "status => /^(Ran|Stopped|Not run|Python)/.test(status.textContent)",
        arg=status.element_handle(),
        timeout=READY,
    )
    return status.inner_text()


def run(tab, cell):
    cell.get_by_role("status").evaluate("status => { status.textContent = '' }")
    button(cell, "Run").click()
    return finished(tab, cell)


def output(cell):
    return cell.get_by_role("region").inner_text() if cell.get_by_role("region").is_visible() else ""


def given(cell):
    return cell.locator("textarea").input_value()


def built(cell):
    """What the build printed: the text of a cell's output, and the figures' text alternatives."""
    boxes = cell.locator(".cell_output pre").all()
    images = cell.locator(".cell_output img").all()
    return "".join(box.text_content() for box in boxes), [image.get_attribute("alt") for image in images]


def same(here, there):
    """The same words, and numbers that agree to the digits that two machines share."""
    if TIDY.sub("", re.sub(NUMBER, "#", here)) != TIDY.sub("", re.sub(NUMBER, "#", there)):
        return False
    pairs = zip(re.findall(NUMBER, here), re.findall(NUMBER, there), strict=True)
    return all(a == b or math.isclose(float(a), float(b), rel_tol=1e-6, abs_tol=1e-9) for a, b in pairs)


def test_same_tells_apart():
    assert same("slope 1.25 ok 2e-16", "slope  1.25\nok 5e-16")
    assert not same("slope 1.25 ok", "slope 1.26 ok")
    assert not same("slope 1.25 ok", "slope 1.25 fail")
    assert not same("1 2", "1")


def test_the_pages_that_should_have_live_cells(site):
    _, folder = site
    pages = {page.removeprefix("book/").removesuffix(".html") for page in live_pages(folder)}
    assert MINE.keys() | {"checking/finite_differences"} <= pages
    assert (folder / "_static/live/gradcheck.py").read_text() == (ROOT / "autograder/gradcheck.py").read_text()


def test_nothing_is_loaded_before_the_first_run_and_a_page_is_light(site, visit):
    (base, folder), (tab, _) = site, visit
    asked, sizes = [], {}
    tab.on("request", lambda request: asked.append(request.url))
    for page in live_pages(folder):
        asked.clear()
        tab.goto(base + page, wait_until="networkidle")
        assert [url for url in asked if re.search(r"worker|runner|gradcheck|pyodide|\.npz|\.py$", url)] == [], page
        assert not tab.evaluate("() => performance.getEntriesByType('resource').some(e => /worker/.test(e.name))")
        assert [url for url in asked if not url.startswith((base, "data:", "blob:"))] == [], page
        for url in {url for url in asked if url.startswith(base)} - sizes.keys():
            sizes[url] = len(gzip.compress(tab.request.get(url).body()))  # as a server sends it
        weights = {url: sizes[url] for url in set(asked) & sizes.keys()}
        assert 100_000 < sum(weights.values()) < 1_000_000, (page, weights)
        assert sum(size for url, size in weights.items() if "/live/" in url) < 9_000, (page, weights)
    run(tab, cells(tab)[0])
    loaded = " ".join(asked)
    assert all(word in loaded for word in ("worker.js", "gradcheck.py", "pyodide.asm.wasm", "numpy")), "it would see"


def test_each_live_cell_gives_what_the_build_gave(site, visit):
    (base, folder), (tab, wrong) = site, visit
    tab.on("request", lambda request: request.url.startswith((base, "data:", "blob:")) or wrong.append(request.url))
    pages = live_pages(folder)
    assert pages
    for page in pages:
        tab.goto(base + page)
        there = [built(cell) for cell in cells(tab)]
        tab.get_by_role("button", name="Run all").click()
        for cell, (text, figures) in zip(cells(tab), there, strict=True):
            assert finished(tab, cell).startswith("Ran here"), (page, output(cell))
            assert same(output(cell), text), f"{page}\n--- here\n{output(cell)}\n--- built\n{text}"
            drawn = cell.locator(".live-output img").all()
            assert [image.get_attribute("alt") for image in drawn] == figures, page
            assert all(image.evaluate(INK) > 0.01 for image in drawn), "a figure shows something"
            assert not cell.locator(".cell_output").is_visible() or not (text or figures)
    assert wrong == []


@pytest.mark.parametrize("page", MINE)
def test_a_reader_checks_an_own_gradient(one, visit, page):
    (base, _), (tab, _) = one, visit
    tab.goto(f"{base}book/{page}.html")
    cell = cells(tab)[-1]
    whole = given(cell)
    # the reader's part begins at the first empty body, and ends where the check begins
    before = whole[: whole.index("def my_mask" if page == "block1/dropout" else "def my_backward")]
    after = whole[re.search(r"^(M|mine|check_gradient)\b", whole, re.M).start() :]
    right, wrong_one = MINE[page]
    assert run(tab, cell).startswith("Ran here"), "as given, with the cells above it"
    assert "not yet" in output(cell), "nothing is written yet"
    edit(cell, f"{before}{right}\n{after}")
    assert run(tab, cell).startswith("Ran here"), output(cell)
    assert "not yet" not in output(cell) and "ok" in output(cell), output(cell)
    edit(cell, f"{before}{wrong_one}\n{after}")
    assert run(tab, cell).startswith("Ran here"), output(cell)
    assert "not yet" in output(cell), output(cell)


@pytest.fixture
def page(one, visit):
    """A page with three live cells; each needs what stands above it."""
    (base, _), (tab, _) = one, visit
    tab.goto(f"{base}book/block1/softmax.html")
    return tab


def test_errors_are_told_to_a_person(page):
    first, second, _ = cells(page)
    edit(first, "def half(v):\n    return v / nothing\n\n\nhalf(2)")
    assert run(page, first) == "Stopped at an error."
    told = output(first)
    assert "Line 5:\n    half(2)" in told and "Line 2, in half:\n    return v / nothing" in told
    assert told.strip().endswith("NameError: name 'nothing' is not defined")
    edit(first, "import numpy as np\nnp.ones(3) @ np.ones(4)")
    run(page, first)
    assert "ValueError" in output(first) and "Line 2" in output(first)
    edit(first, "for v in range(3)\n    print(v)")
    run(page, first)
    assert "SyntaxError: expected ':'" in output(first) and "^" in output(first)
    edit(first, "import torch")
    run(page, first)
    assert "'torch' is not here" in output(first)
    edit(first, "def ever(n):\n    return ever(n + 1)\n\n\never(0)")
    run(page, first)
    assert "RecursionError" in output(first) and len(output(first)) < 1500
    for word in ("Traceback", "pyodide", "runner", "/lib/"):
        assert word not in output(first), word
    edit(first, "import warnings\nwarnings.warn('look out', stacklevel=1)\nprint(1)")
    assert run(page, first).startswith("Ran here")
    assert "UserWarning: look out" in output(first) and output(first).strip().endswith("1")
    edit(first, "1 / 0")
    assert run(page, second).startswith("Not run: cell 1"), "what stands above comes first"
    assert "ZeroDivisionError" in output(first)


def test_one_state_a_page_and_what_stands_above_runs_first(page):
    first, _, third = cells(page)
    assert run(page, third).startswith("Ran here"), "both others were run first"
    assert output(first) and "gradients" in output(third)
    edit(first, given(first) + "\nkept = 41")
    edit(third, "print(kept + 1)\nkept")
    run(page, third)
    assert output(third).split() == ["42", "41"], "an edited cell above was run again"
    edit(third, "kept = kept + 1\nkept")
    run(page, third)
    run(page, third)
    assert output(third).split() == ["43"], "and it was run once"


def test_reset(page):
    first, *_ = cells(page)
    text, before = given(first), first.locator(".cell_output").inner_text()
    edit(first, "print('mine')")
    run(page, first)
    assert output(first).strip() == "mine" and not first.locator(".cell_output").is_visible()
    button(first, "Reset").click()
    assert given(first) == text and output(first) == ""
    assert first.locator(".cell_output").inner_text() == before
    assert not first.get_by_role("textbox").is_visible() and first.locator(".cell_input").is_visible()
    run(page, first)
    assert same(output(first), before)


def test_what_a_reader_typed_is_kept_and_a_reset_is_undone(page):
    first, *_ = cells(page)
    edit(first, "print('mine')")
    page.reload(wait_until="networkidle")
    first, second, *_ = cells(page)
    assert given(first) == "print('mine')" and first.get_by_role("textbox").is_visible()
    assert not second.get_by_role("textbox").is_visible(), "what nobody has changed stays as it was built"
    button(first, "Reset").click()
    assert given(first) != "print('mine')"
    first.get_by_role("button", name="Undo the reset of live cell 1").click()
    assert given(first) == "print('mine')" and first.get_by_role("textbox").is_visible()
    assert button(first, "Reset").is_visible()
    button(first, "Reset").click()
    page.reload(wait_until="networkidle")
    assert not cells(page)[0].get_by_role("textbox").is_visible(), "what was reset does not come back"


def test_editing_begins_at_the_beginning(page):
    first, *_ = cells(page)
    button(first, "Edit").click()
    assert first.locator("textarea").evaluate("field => [field.selectionStart, field.scrollLeft]") == [0, 0]


def test_the_check_has_both_of_its_names_and_nobody_answers_a_question(page):
    first, *_ = cells(page)
    edit(first, "import gradcheck\nfrom autograder import gradcheck as course\nprint(gradcheck is course)")
    run(page, first)
    assert output(first).strip() == "True"
    edit(first, "input('How many?')")
    assert run(page, first) == "Stopped at an error."
    assert "write the value into the code" in output(first)


def test_by_keyboard_alone(page):
    first, *_ = cells(page)
    page.get_by_role("button", name="Run all").focus()
    seen = []
    for _ in range(8):
        page.keyboard.press("Tab")
        seen.append(
            page.evaluate("document.activeElement.getAttribute('aria-label') || document.activeElement.tagName")
        )
        if seen[-1] == "Edit live cell 1":
            break
    assert "Run live cell 1" in seen and seen[-1] == "Edit live cell 1"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.tagName") == "TEXTAREA"
    page.keyboard.press("Control+A")
    page.keyboard.type("def twice(v):\nreturn 2 * v")  # the editor indents behind a colon
    assert given(first) == "def twice(v):\n    return 2 * v"
    page.keyboard.press("Control+A")
    page.keyboard.type("print(6 * 7)")
    page.keyboard.press("Shift+Enter")
    assert finished(page, first).startswith("Ran here") and output(first).strip() == "42"
    assert page.evaluate("document.activeElement.tagName") == "TEXTAREA", "the focus stays"
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.tagName") == "BUTTON", "Tab leaves the editor"


def test_buttons_and_fields_have_names_and_output_is_announced(page):
    for number, cell in enumerate(cells(page), 1):
        for name in ("Run", "Edit", "Reset"):
            assert cell.get_by_role("button", name=f"{name} live cell {number}", exact=True).count() == 1
        assert cell.locator("textarea").get_attribute("aria-label").startswith(f"Code of live cell {number}")
        assert cell.locator(".live-output").get_attribute("aria-live") == "polite"


def test_stop(page):
    first, *_ = cells(page)
    edit(first, "while True:\n    pass")
    button(first, "Run").click()
    page.wait_for_function("document.querySelector('.live-status').textContent === 'Running …'", timeout=READY)
    button(first, "Stop").click()
    assert finished(page, first) == "Stopped. Python begins anew at the next Run."
    for _ in range(100):  # a browser lets a busy worker live for two seconds or so
        page.wait_for_timeout(100)
        if not page.workers:
            break
    assert page.workers == [], "nothing runs on behind the page"
    edit(first, "print('again')")
    assert run(page, first).startswith("Ran here") and output(first).strip() == "again"


def test_more_than_a_page_can_hold(page):
    first, *_ = cells(page)
    edit(first, "for _ in range(30_000):\n    print('a long line')")
    run(page, first)
    assert "and more, which is not shown" in output(first) and len(output(first)) < 200_000


def test_what_it_says_where_python_cannot_be_had(one, visit):
    (_, folder), (tab, _) = one, visit
    with serve(folder, source="nowhere/") as base:
        tab.goto(f"{base}book/block1/softmax.html")
        first, *_ = cells(tab)
        said = run(tab, first)
        assert said.startswith("Python could not be loaded from this site.") and "offline" in said
        assert first.locator(".cell_output").is_visible(), "the build's output is still there"


def test_python_from_another_address(one, visit):
    """As the default is: the release stands elsewhere. The page says where, and asks nobody before the first Run."""
    (elsewhere, folder), (tab, _) = one, visit
    with serve(folder, source=f"{elsewhere}pyodide/") as base:
        asked = []
        tab.on("request", lambda request: request.url.startswith(elsewhere) and asked.append(request.url))
        tab.goto(f"{base}book/block1/softmax.html", wait_until="networkidle")
        assert f"loads Python from {elsewhere.split('/')[2]}," in tab.locator(".live-note").inner_text()
        assert asked == []
        first, *_ = cells(tab)
        assert run(tab, first).startswith("Ran here") and output(first)
        assert f"{elsewhere}pyodide/pyodide.asm.wasm" in asked


def test_where_the_copy_has_no_matplotlib(one, visit):
    (_, folder), (tab, _) = one, visit
    with serve(folder, lacks=("matplotlib",)) as base:
        tab.goto(f"{base}book/block1/softmax.html")
        first, *_ = cells(tab)
        edit(first, "import matplotlib.pyplot as plt\nplt.plot([1, 2])")
        assert run(tab, first) == "Stopped at an error."
        assert "no Matplotlib: no figure can be drawn" in output(first)
        edit(first, "print(1)")
        assert run(tab, first).startswith("Ran here"), "the rest goes on"


def test_an_old_browser_is_told(one, visit):
    (base, _), (tab, wrong) = one, visit
    tab.add_init_script("delete window.WebAssembly")
    tab.goto(f"{base}book/block1/softmax.html")
    assert "cannot run Python" in tab.locator(".live-note").inner_text()
    assert tab.locator(".live-bar").count() == 0 and wrong == []


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_a_picture_to_look_at(page, theme, width):
    page.set_viewport_size({"width": width, "height": 900})
    page.evaluate("theme => { document.documentElement.dataset.theme = theme }", theme)
    *_, third = cells(page)
    edit(third, given(third).replace("np.zeros_like(dout)    # yours", "dout * y * (1 - y)"))
    run(page, third)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "nothing sticks out"
    third.scroll_into_view_if_needed()
    PICTURES.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=PICTURES / f"live-{theme}-{width}.png")

"""Every page of a built book, in a real browser: nothing is asked from outside, nothing breaks, all can use it.

The pages' pictures are written to `_build/pictures/<edition>/`, to be looked at.
"""

import functools
import http.server
import importlib.util
import re
import threading
from collections import Counter
from pathlib import Path

import pytest

from tests.browser.serving import NEEDED

ROOT = Path(__file__).parents[2]
SITES = {"full": ROOT / "_build/html", "student": ROOT / "_build/student/html"}
PICTURES = ROOT / "_build/pictures"
(AXE,) = importlib.util.find_spec("axe_playwright_python").submodule_search_locations
AXE = Path(AXE, "axe.min.js").read_text(encoding="utf8")
LOOKS = [("light", 1280), ("dark", 390), ("light", 390), ("dark", 1280)]  # axe sees the first two
SET = "!window.MathJax || MathJax.startup?.promise?.then(() => true)"
PAINT = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime"

THEMES = {"bootstrap": "pydata_sphinx_theme", "pydata-sphinx-theme": "pydata_sphinx_theme"}
THEMES["sphinx-book-theme"] = "sphinx_book_theme"

pytestmark = NEEDED


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


@pytest.fixture(scope="module", params=SITES)
def site(request):
    """The address of a built edition, its pages, and the folder for its pictures."""
    folder = SITES[request.param]
    if not (folder / "index.html").exists():
        pytest.skip(f"make book EDITION={request.param} builds it")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=folder))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    pages = sorted(str(page.relative_to(folder)) for page in folder.glob("book/**/*.html"))
    pictures = PICTURES / request.param
    pictures.mkdir(parents=True, exist_ok=True)
    yield f"http://127.0.0.1:{server.server_port}/", [*pages, "search.html", "genindex.html"], pictures
    server.shutdown()


def findings(tab):
    """What axe-core finds on a page, by all of its rules: [(rule, how to mend it, element)]."""
    if not tab.evaluate("Boolean(window.axe)"):
        tab.evaluate(AXE)
    found = tab.evaluate("axe.run({resultTypes: ['violations'], preload: false})")["violations"]
    return [(rule["id"], node["failureSummary"], node["html"][:200]) for rule in found for node in rule["nodes"]]


def selectors(css):
    """The selectors of a style sheet, those within @media too; without what is no element, like `:hover`."""
    rules = re.findall(r"([^{}@;]+)\{", re.sub(r"/\*.*?\*/", "", css, flags=re.DOTALL))
    plain = re.compile(r":(:[\w-]+|hover|focus|active|checked|disabled|focus-visible|focus-within)\b")
    return {plain.sub("", one).strip() for rule in rules for one in re.split(r",(?![^()]*\))", rule)}


def look(tab, theme, width):
    tab.set_viewport_size({"width": width, "height": 900})
    tab.evaluate("theme => { document.documentElement.dataset.theme = theme }", theme)
    tab.evaluate("() => new Promise(done => requestAnimationFrame(() => setTimeout(done, 50)))")


def test_every_page_is_whole_asks_nobody_outside_and_is_open_to_all(site, visit):
    (base, pages, pictures), (tab, wrong) = site, visit
    tab.on("request", lambda request: request.url.startswith((base, "data:", "blob:")) or wrong.append(request.url))
    for page in pages:
        tab.goto(base + page)
        tab.wait_for_function(SET)
        assert tab.locator("mjx-merror, mjx-mtext[style*=red]").count() == 0, (
            f"{page}: MathJax could not read a formula"
        )
        assert tab.locator(".math:not(:has(mjx-container))").count() == 0, f"{page}: a formula is not set"
        for theme, width in LOOKS:
            look(tab, theme, width)
            assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{page}: wider than {width}"
            if (theme, width) in LOOKS[:2]:
                assert findings(tab) == [], f"{page}, {theme}, {width}"
            name = page.removesuffix(".html").replace("/", "-")
            tab.screenshot(path=pictures / f"{name}-{theme}-{width}.png", full_page=True)
        assert wrong == [], page


def test_an_outside_request_and_an_error_are_noticed(site, visit):
    """The test above, tested."""
    (base, pages, _), (tab, wrong) = site, visit
    tab.on("request", lambda request: request.url.startswith(base) or wrong.append(request.url))
    tab.goto(base + pages[0])
    tab.evaluate("() => { fetch('http://127.0.0.1:9/x').catch(() => 0); setTimeout(() => { throw Error('made') }) }")
    tab.wait_for_timeout(300)
    assert any("127.0.0.1:9/x" in line for line in wrong) and any("made" in line for line in wrong)


BARRIERS = {
    "image-alt": "<img src='data:,'>",
    "color-contrast": "<p style='color: #999; background: #fff'>pale</p>",
    "label": "<input type='text'>",
    "button-name": "<button></button>",
    "svg-img-alt": "<svg role='img' width='9' height='9'><rect width='9' height='9'/></svg>",
    "empty-table-header": "<table><thead><tr><th></th></tr></thead><tbody><tr><td>1</td></tr></tbody></table>",
}


def test_what_shuts_somebody_out_is_found(site, visit):
    (base, pages, _), (tab, _) = site, visit
    tab.goto(base + pages[0])
    tab.wait_for_function(SET)
    tab.evaluate(
        "code => document.querySelector('article').insertAdjacentHTML('beforeend', code)", "".join(BARRIERS.values())
    )
    assert BARRIERS.keys() <= {rule for rule, _, _ in findings(tab)}


def test_what_scrolls_is_reached_by_keyboard_and_nothing_else_is(site, visit):
    (base, _, _), (tab, _) = site, visit
    tab.goto(f"{base}book/block1/batch_norm.html")
    tab.wait_for_function(SET)
    stops = {}
    for width in (390, 1280):
        look(tab, "light", width)
        stops[width] = tab.locator("article [data-reached]").count()
    assert stops[390] > stops[1280]
    look(tab, "light", 390)
    picture = tab.locator(".network").first
    picture.focus()
    for _ in range(5):
        tab.keyboard.press("ArrowRight")
    tab.wait_for_function("document.querySelector('.network').scrollLeft > 0")


HINDRANCES = {
    "none": None,
    "the packed file is missing": lambda tab: tab.route("**/mathjax.packed", lambda route: route.fulfill(status=404)),
    "it arrives broken": lambda tab: tab.route("**/mathjax.packed", lambda route: route.fulfill(body="no gzip")),
    "an old browser": lambda tab: tab.add_init_script("delete window.DecompressionStream"),
    "no script from a blob": lambda tab: tab.add_init_script(
        "URL.createObjectURL = () => location.origin + '/none.js'"
    ),
}


@pytest.mark.parametrize("hindrance", HINDRANCES)
def test_formulas_are_set_packed_or_in_parts(site, browser, hindrance):
    base, _, _ = site
    tab, asked = browser.new_page(), []
    if HINDRANCES[hindrance]:
        HINDRANCES[hindrance](tab)
    tab.on("request", lambda request: asked.append(request.url.rsplit("/", 1)[1]))
    tab.goto(f"{base}book/block1/softmax.html")
    tab.evaluate("formulasSet")
    assert tab.locator("mjx-container").count() > 10 and tab.locator(".math:not(:has(mjx-container))").count() == 0
    parts = {"startup.js", "core.js", "tex.js", "chtml.js"}
    assert parts.isdisjoint(asked) if hindrance == "none" else parts <= set(asked), asked
    tab.close()


def test_opened_as_a_file_a_page_has_its_formulas(site, browser):
    """Somebody unpacks the site and opens a page."""
    _, _, pictures = site
    tab = browser.new_page()
    tab.goto((SITES[pictures.name] / "book/block1/softmax.html").as_uri())
    tab.evaluate("formulasSet")
    assert tab.locator("mjx-container").count() > 10 and tab.locator(".math:not(:has(mjx-container))").count() == 0
    tab.close()


def test_no_rule_is_left_out_that_a_page_needs(site, visit):
    """What book/light.py takes from the theme's style sheets would match nothing."""
    (base, pages, pictures), (tab, _) = site, visit
    left_out = set()
    for sheet in ("bootstrap", "pydata-sphinx-theme", "sphinx-book-theme"):
        (place,) = importlib.util.find_spec(THEMES[sheet]).submodule_search_locations
        (whole,) = Path(place).rglob(f"{sheet}.css")
        lightened = SITES[pictures.name] / f"_static/styles/{sheet}.css"
        left_out |= selectors(whole.read_text()) - selectors(lightened.read_text())
    assert len(left_out) > 1000
    for page in pages:
        tab.goto(base + page)
        found = "all => all.filter(one => { try { return document.querySelector(one) } catch { return false } })"
        assert tab.evaluate(found, sorted(left_out)) == [], page


def test_a_page_is_light_and_there_at_once(site, browser):
    """At most 1 MB before the first Run, even from a server that compresses nothing; painted within 1 s."""
    base, pages, _ = site
    sizes, weight = {}, Counter()
    for page in pages:
        tab, asked, times = browser.new_page(), set(), []
        tab.on("request", lambda request, asked=asked: request.url.startswith(base) and asked.add(request.url))
        for visit in range(3):
            tab.goto(base + page, wait_until="load")
            tab.wait_for_function(SET)
            tab.wait_for_function(PAINT)
            times.append(tab.evaluate(PAINT))
            if visit == 0:  # on a second one Chromium asks for fonts that the page before had
                tab.wait_for_load_state("networkidle")
                weight[page] = sum(sizes.setdefault(url, len(tab.request.get(url).body())) for url in [*asked])
        tab.close()
        assert min(times) < 1000, (page, times)
    assert min(weight.values()) > 200_000 and max(weight.values()) < 1_000_000, weight.most_common(3)


@pytest.mark.parametrize("words", ["softmax", "batch norm", "dropout", "ReLU", "cross-entropy", "gradient", "dgamma"])
def test_search_finds_the_names_of_layers_and_gradients(site, visit, words):
    (base, _, _), (tab, _) = site, visit
    tab.goto(f"{base}search.html?q={words}")
    tab.wait_for_selector("ul.search li a")
    assert tab.locator("ul.search li a").count() > 0


def test_search_from_a_page_and_what_it_does_not_find(site, visit):
    (base, pages, _), (tab, wrong) = site, visit
    tab.goto(base + pages[0])
    tab.keyboard.press("Control+k")
    tab.keyboard.type("softmax")
    tab.keyboard.press("Enter")
    tab.wait_for_url("**/search.html?q=softmax*")
    tab.locator("ul.search li a", has_text="Softmax").first.click()
    assert "softmax" in tab.inner_text("h1").lower()
    tab.goto(f"{base}search.html?q=photosynthesis")
    tab.get_by_text("did not match any documents").wait_for()
    assert wrong == []


def test_the_theme_is_switched_and_kept(site, visit):
    (base, pages, _), (tab, _) = site, visit
    tab.emulate_media(color_scheme="dark")
    tab.goto(base + pages[0])
    ground = "getComputedStyle(document.body).backgroundColor"
    dark = tab.evaluate(ground)
    seen = {}
    for _ in range(3):
        tab.get_by_role("button", name="light/dark").click()
        seen[tab.evaluate("document.documentElement.dataset.mode")] = tab.evaluate(ground)
        if "light" in seen:
            break
    assert seen["light"] != dark
    tab.goto(base + pages[1])
    assert tab.evaluate(ground) == seen["light"], "the next page is light too"

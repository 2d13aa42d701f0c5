"""Every page of a built book, in a real browser: nothing is asked from outside, nothing breaks, all can use it.

The pages' pictures are written to `_build/pictures/<edition>/`, to be looked at.
"""

import functools
import gzip
import http.server
import importlib.util
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


def test_a_page_is_light_and_there_at_once(site, browser):
    """At most 1 MB before the first Run, as a server sends it; painted within 1 s."""
    base, pages, _ = site
    tab, asked, sizes, heaviest = browser.new_page(), [], {}, Counter()
    tab.on("request", lambda request: request.url.startswith(base) and asked.append(request.url))
    for page in pages:
        times = []
        for _ in range(3):
            asked.clear()
            tab.goto(base + page, wait_until="load")
            tab.wait_for_function(SET)
            tab.wait_for_function(PAINT)
            times.append(tab.evaluate(PAINT))
        for url in set(asked) - sizes.keys():
            body = tab.request.get(url).body()
            sizes[url] = min(len(gzip.compress(body)), len(body))
        heaviest[page] = sum(sizes[url] for url in set(asked))
        assert min(times) < 1000, (page, times)
    tab.close()
    assert min(heaviest.values()) > 50_000 and max(heaviest.values()) < 1_000_000, heaviest.most_common(3)


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

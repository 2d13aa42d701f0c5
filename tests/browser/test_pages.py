"""Every page of a built book, in a real browser: nothing is asked from outside, nothing breaks, all can use it.

The pages' pictures are written to `_build/pictures/<edition>/`, to be looked at.
"""

import importlib.util
from pathlib import Path

from tests.browser.serving import NEEDED, PICTURES, SET, SITES, pages_of

(AXE,) = importlib.util.find_spec("axe_playwright_python").submodule_search_locations
AXE = Path(AXE, "axe.min.js").read_text(encoding="utf8")
LOOKS = [("light", 1280), ("dark", 390), ("light", 390), ("dark", 1280)]
STILL = """async () => {
  const frame = () => new Promise(requestAnimationFrame);
  await frame();
  const moves = document.getAnimations().map(one => one.finished); // a sidebar slides
  await Promise.race([Promise.allSettled(moves), new Promise(done => setTimeout(done, 500))]);
  for (let i = 0; i < 3; i++) await frame(); // and who watches sizes is told
}"""

pytestmark = NEEDED


def findings(tab):
    """What axe-core finds on a page, by all of its rules: [(rule, how to mend it, element)]."""
    if not tab.evaluate("Boolean(window.axe)"):
        tab.evaluate(AXE)
    found = tab.evaluate("axe.run({resultTypes: ['violations'], preload: false})")["violations"]
    return [(rule["id"], node["failureSummary"], node["html"][:200]) for rule in found for node in rule["nodes"]]


def look(tab, theme, width):
    tab.set_viewport_size({"width": width, "height": 900})
    tab.evaluate("theme => { document.documentElement.dataset.theme = theme }", theme)
    tab.evaluate(STILL)


def test_every_page_is_whole_asks_nobody_outside_and_is_open_to_all(site, visit):
    (base, folder), (tab, wrong) = site, visit
    pictures = PICTURES / next(edition for edition in SITES if SITES[edition] == folder)
    pictures.mkdir(parents=True, exist_ok=True)
    tab.on("request", lambda request: request.url.startswith((base, "data:", "blob:")) or wrong.append(request.url))
    for page in pages_of(folder):
        tab.goto(base + page)
        tab.wait_for_function(SET)
        assert tab.locator("mjx-merror, mjx-mtext[style*=red]").count() == 0, (
            f"{page}: MathJax could not read a formula"
        )
        assert tab.locator(".math:not(:has(mjx-container))").count() == 0, f"{page}: a formula is not set"
        for theme, width in LOOKS:
            look(tab, theme, width)
            assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{page}: wider than {width}"
            assert findings(tab) == [], f"{page}, {theme}, {width}"
            name = page.removesuffix(".html").replace("/", "-")
            tab.screenshot(path=pictures / f"{name}-{theme}-{width}.png", full_page=True)
        assert wrong == [], page


def test_an_outside_request_and_an_error_are_noticed(site, visit):
    """The test above, tested."""
    (base, _), (tab, wrong) = site, visit
    tab.on("request", lambda request: request.url.startswith(base) or wrong.append(request.url))
    tab.goto(f"{base}book/index.html")
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
    (base, _), (tab, _) = site, visit
    tab.goto(f"{base}book/index.html")
    tab.wait_for_function(SET)
    tab.evaluate(
        "code => document.querySelector('article').insertAdjacentHTML('beforeend', code)", "".join(BARRIERS.values())
    )
    assert BARRIERS.keys() <= {rule for rule, _, _ in findings(tab)}


def test_what_scrolls_is_reached_by_keyboard_and_nothing_else_is(site, visit):
    (base, _), (tab, _) = site, visit
    tab.goto(f"{base}book/block1/batch_norm.html")
    tab.wait_for_function(SET)
    stops = {}
    for width in (390, 1280):
        look(tab, "light", width)
        stops[width] = tab.locator("article [data-reached]").count()
    assert stops[390] > stops[1280]
    tab.goto(f"{base}book/block2/head.html")
    look(tab, "light", 390)
    picture = tab.locator(".network").first
    picture.evaluate("one => { one.scrollLeft = 0 }")
    picture.focus()
    for _ in range(5):
        tab.keyboard.press("ArrowRight")
    tab.wait_for_function("document.querySelector('.network').scrollLeft > 0")


def test_on_a_phone_the_lit_part_of_the_network_is_in_view(site, visit):
    (base, _), (tab, _) = site, visit
    tab.set_viewport_size({"width": 390, "height": 900})
    for page in ("block1/dropout", "block1/softmax", "block2/head", "block2/branch_a", "block2/branch_b"):
        tab.goto(f"{base}book/{page}.html")
        box, lit = tab.locator(".network").first.bounding_box(), tab.locator(".network .lit").first.bounding_box()
        assert box["x"] <= lit["x"] and lit["x"] + lit["width"] <= box["x"] + box["width"], page

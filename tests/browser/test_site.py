"""A built book as a website, in a browser: light, its formulas set wherever it stands, searched, in light and dark."""

import importlib.util
import re
from collections import Counter
from pathlib import Path

import pytest

from tests.browser.serving import NEEDED, SET, pages_of

PAINT = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime"

THEMES = {"bootstrap": "pydata_sphinx_theme", "pydata-sphinx-theme": "pydata_sphinx_theme"}
THEMES["sphinx-book-theme"] = "sphinx_book_theme"

pytestmark = NEEDED


def selectors(css):
    """The selectors of a style sheet, those within @media too; without what is no element, like `:hover`."""
    rules = re.findall(r"([^{}@;]+)\{", re.sub(r"/\*.*?\*/", "", css, flags=re.DOTALL))
    plain = re.compile(r":(:[\w-]+|hover|focus|active|checked|disabled|focus-visible|focus-within)\b")
    return {plain.sub("", one).strip() for rule in rules for one in re.split(r",(?![^()]*\))", rule)}


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
    base, _ = site
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
    _, folder = site
    tab = browser.new_page()
    tab.goto((folder / "book/block1/softmax.html").as_uri())
    tab.evaluate("formulasSet")
    assert tab.locator("mjx-container").count() > 10 and tab.locator(".math:not(:has(mjx-container))").count() == 0
    tab.close()


def test_no_rule_is_left_out_that_a_page_needs(site, visit):
    """What book/_ext/page_weight.py takes from the theme's style sheets would match nothing."""
    (base, folder), (tab, _) = site, visit
    left_out = set()
    for sheet in ("bootstrap", "pydata-sphinx-theme", "sphinx-book-theme"):
        (place,) = importlib.util.find_spec(THEMES[sheet]).submodule_search_locations
        (whole,) = Path(place).rglob(f"{sheet}.css")
        lightened = folder / f"_static/styles/{sheet}.css"
        left_out |= selectors(whole.read_text()) - selectors(lightened.read_text())
    assert len(left_out) > 1000
    for page in pages_of(folder):
        tab.goto(base + page)
        found = "all => all.filter(one => { try { return document.querySelector(one) } catch { return false } })"
        assert tab.evaluate(found, sorted(left_out)) == [], page


def test_a_page_is_light_and_there_at_once(site, browser):
    """At most 1 MB before the first Run, even from a server that compresses nothing; painted within 1 s."""
    base, folder = site
    sizes, weight = {}, Counter()
    for page in pages_of(folder):
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


# What somebody types: the page that should come first.
SEARCHES = {
    "backpropagation": "start/chain_rule",
    "computational graph": "start/chain_rule",
    "batch normalization": "block1/batch_norm",
    "reverse mode": "start/chain_rule",
    "vector-Jacobian product": "start/chain_rule",
    "logits": "block1/softmax",
    "Hadamard product": "start/chain_rule",
    "inverted dropout": "block1/dropout",
    "PyTorch": "checking/autodiff",
    "softmax": "block1/softmax",
    "batch norm": "block1/batch_norm",
    "batch norm gradient": "block1/batch_norm",
    "dropout": "block1/dropout",
    "ReLU": "block1/relu",
    "cross-entropy": "block1/softmax",
    "chain rule": "start/chain_rule",
    "linear layer": "block1/linear",
    "fully connected": "block1/linear",
    "finite differences": "checking/finite_differences",
    "complex step": "checking/finite_differences",
    "automatic differentiation": "checking/autodiff",
    "trace": "start/how_to_derive",
    "learning rate": "training",
    "overfitting": "block1/dropout",
    "backprop": "start/chain_rule",
}


@pytest.mark.parametrize("words", SEARCHES)
def test_search_finds_the_right_page_first_with_a_sentence(site, visit, words):
    (base, _), (tab, wrong) = site, visit
    tab.goto(f"{base}search.html?q={words.replace(' ', '+')}")
    first = tab.locator("ul.search li").first
    first.locator("p.context").wait_for()
    assert re.search(r"book/(.*)\.html", first.locator("a").get_attribute("href"))[1] == SEARCHES[words]
    snippet = first.locator("p.context").inner_text()
    assert re.search(r"\w{3}.*[.?!:;]$|…$", snippet) and len(snippet.split()) > 3, snippet
    assert wrong == []


@pytest.mark.parametrize("words", ["gradient", "dgamma", "upstream gradient", "Jacobian"])
def test_search_finds_what_stands_on_many_pages(site, visit, words):
    (base, _), (tab, _) = site, visit
    tab.goto(f"{base}search.html?q={words}")
    tab.wait_for_selector("ul.search li a")
    assert tab.locator("ul.search li a").count() > 0


def test_search_from_a_page_and_what_it_does_not_find(site, visit):
    (base, _), (tab, wrong) = site, visit
    tab.goto(f"{base}book/index.html")
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
    (base, _), (tab, _) = site, visit
    tab.emulate_media(color_scheme="dark")
    tab.goto(f"{base}book/index.html")
    ground = "getComputedStyle(document.body).backgroundColor"
    dark = tab.evaluate(ground)
    seen = {}
    for _ in range(3):
        tab.get_by_role("button", name="light/dark").click()
        seen[tab.evaluate("document.documentElement.dataset.mode")] = tab.evaluate(ground)
        if "light" in seen:
            break
    assert seen["light"] != dark
    tab.goto(f"{base}book/notation.html")
    assert tab.evaluate(ground) == seen["light"], "the next page is light too"

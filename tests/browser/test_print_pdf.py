"""The book as one PDF: it is printed whole, nothing is cut at the paper's edge, and bookmarks lead through it."""

import importlib.util
import re
import shutil
from pathlib import Path

import pytest

from book._tools.print_pdf import PLACE, link, write
from tests.browser.serving import NEEDED, SET, SITES, site_of

pytestmark = NEEDED

PAGE = """<!doctype html><title>{title}</title>
<script>MathJax = {{loader: {{load: ["core", "input/tex", "output/chtml"]}}}}</script>
<script defer src="_static/startup.js"></script><link rel="stylesheet" href="_static/book.css">
<div class="logo__title">The book</div>
<nav class="bd-links"><a class="reference internal" href="#">One</a>
<a class="reference internal" href="two.html">Two</a></nav>
<main class="bd-main"><article><h1>{title}</h1>{text}</article></main>"""
WIDE = {  # none below two fifths of its size, in whatever font there is
    "a formula": r"\[ " + " + ".join(f"x_{{{i}}}" for i in range(25)) + r" \]",
    "code": f"<pre>{'a_long_name = 1; ' * 40}</pre>",
    "a table": f"<div><table style='font-size: 10px'><tr>{'<td>some_name_of_a_column</td>' * 9}</tr></table></div>",
}


def small_site(folder, text):
    (mathjax,) = importlib.util.find_spec("mathjax").submodule_search_locations
    shutil.copytree(Path(mathjax, "static/mathjax/es5"), folder / "_static")
    shutil.copy(Path(__file__).parents[2] / "book/_static/book.css", folder / "_static")
    (folder / "index.html").write_text(PAGE.format(title="One", text='<p id="here"><a href="two.html#there">on</a>'))
    (folder / "two.html").write_text(PAGE.format(title="Two", text=f'<p id="there">{text}'))
    return folder


def facts(path):
    """How many pages a PDF has, how many bookmarks, and how many links."""
    data = Path(path).read_bytes()
    assert data.startswith(b"%PDF")
    count = lambda pattern: len(re.findall(pattern, data))  # noqa: E731
    return count(rb"/Type\s*/Page\b"), count(rb"/Title\s*[(<]"), count(rb"/Subtype\s*/Link")


@pytest.mark.parametrize("wide", WIDE)
def test_what_is_too_wide_is_made_to_fit(tmp_path, wide):
    write(small_site(tmp_path / "site", WIDE[wide]), tmp_path / "out/book.pdf")
    pages, bookmarks, links = facts(tmp_path / "out/book.pdf")
    assert pages >= 4 and bookmarks >= 2 and links >= 3


def test_what_cannot_fit_is_told_and_not_cut(tmp_path):
    site = small_site(tmp_path / "site", '<div style="width: 1200px">beyond the edge</div>')
    with pytest.raises(RuntimeError, match=r"Wider than the paper: \['div: beyond the edge"):
        write(site, tmp_path / "book.pdf")


def test_long_code_goes_over_pages_and_leaves_none_half_white(tmp_path):
    """Six blocks of two thirds of a page, which the theme's style keeps whole."""
    pages = {}
    for name in ("highlight-ipython3", "something-else"):
        whole = f"<style>.{name} {{ break-inside: avoid; display: flex; overflow: hidden }}</style>"
        blocks = f'<div class="{name}"><pre>' + "x = 1\n" * 40 + "</pre></div>"
        write(small_site(tmp_path / name, whole + 6 * blocks), tmp_path / f"{name}.pdf")
        pages[name] = facts(tmp_path / f"{name}.pdf")[0]
    assert pages["something-else"] > pages["highlight-ipython3"], pages


def test_without_a_browser_it_says_so(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(RuntimeError, match="printed by Chromium"):
        write(tmp_path, tmp_path / "book.pdf")


@pytest.mark.soak
@pytest.mark.parametrize("edition", SITES)
def test_the_whole_book(edition, tmp_path):
    write(site_of(edition), tmp_path / "book.pdf")
    pages, bookmarks, links = facts(tmp_path / "book.pdf")
    assert pages > 120 and bookmarks > 100 and links > 50


def test_the_cheat_sheet_is_one_printed_page(site, visit, tmp_path):
    (base, _), (tab, _) = site, visit
    tab.goto(f"{base}book/appendix/cheat_sheet.html")
    tab.wait_for_function(SET)
    tab.emulate_media(media="print")
    sides = dict.fromkeys(("top", "bottom", "left", "right"), "12mm")
    tab.pdf(format="A4", margin=sides, path=tmp_path / "sheet.pdf")
    assert facts(tmp_path / "sheet.pdf")[0] == 1


def test_the_landing_page_links_to_a_pdf_that_lies_in_the_site(tmp_path):
    page = tmp_path / "book/index.html"
    page.parent.mkdir()
    page.write_text(f"<p>Read. {PLACE}</p>")
    link(tmp_path, tmp_path.parent / "elsewhere.pdf")
    assert page.read_text() == f"<p>Read. {PLACE}</p>"
    link(tmp_path, tmp_path / "the-book.pdf")
    assert 'Also <a href="../the-book.pdf">as one PDF</a>.' in page.read_text()

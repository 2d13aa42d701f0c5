"""What a published site has: tags for who links to it, a sitemap, buttons, notebooks; and its links lead somewhere."""

import gzip
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import nbformat
import pytest
import yaml
from fontTools.ttLib import TTFont
from PIL import Image

from book._ext.notebook_download import notebook, plain
from book._ext.page_weight import few_letters, icon_codes, used_rules
from book._ext.publishing import broken_links
from tests.answers import found_in, solution_lines
from tests.browser.serving import SITES, site_of

ROOT = Path(__file__).parents[2]
PAGE = """\
---
jupytext: {text_representation: {extension: .md, format_name: myst}}
kernelspec: {name: python3, display_name: Python 3}
---

(first)=
# A first page

```{admonition} By the end of this page you can
- read it.
```

With $x$ in it.

What a reader sees first, in words. See {doc}`second`.

$$ y = x $$ (identity)

::::{answer}
SECRET
::::

```{code-cell} ipython3
y = 2 * 21
print(y)
```
"""


@pytest.fixture(scope="module", params=["published", "at home"])
def built(request, tmp_path_factory):
    """A book of two pages with this book's settings, built: with a site's and a repository's address, and without."""
    folder = tmp_path_factory.mktemp("site")
    config = yaml.safe_load((ROOT / "_config.yml").read_text())
    config["bibtex_bibfiles"] = [str(ROOT / "book/references.bib")]
    config["html"]["favicon"] = str(ROOT / "book/figures/favicon.svg")
    sphinx = config["sphinx"]["config"]
    sphinx["html_static_path"], sphinx["templates_path"] = [str(ROOT / "book/_static")], [str(ROOT / "book/_templates")]
    if request.param == "published":
        config["html"]["baseurl"] = "https://example.org/course/"
        config["repository"]["url"] = "https://github.com/someone/course"
    (folder / "_config.yml").write_text(yaml.safe_dump(config))
    (folder / "_toc.yml").write_text("format: jb-book\nroot: book/first\nchapters: [{file: book/second}]\n")
    (folder / "book").mkdir()
    (folder / "book/first.md").write_text(PAGE)
    (folder / "book/second.md").write_text("# The second\n\nBack to [the first](first.md).\n")
    command = [Path(sys.executable).with_name("jupyter-book"), "build", folder, "-W", "-n", "--keep-going"]
    env = os.environ | {"PYTHONPATH": str(ROOT), "EDITION": "student"}
    done = subprocess.run(command, env=env, capture_output=True, text=True, cwd=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return request.param == "published", folder / "_build/html"


def tags(page):
    return dict(re.findall(r'<meta (?:property|name)="([\w:]+)" content="([^"]*)"', page.read_text()))


def test_who_shows_a_link_has_title_description_and_picture(built):
    published, site = built
    found = tags(site / "book/first.html")
    assert found["og:title"] == "A first page" and found["og:site_name"] == "Backprop by Hand"
    assert found["og:description"] == found["description"]
    assert found["description"].startswith("What a reader sees first, in words.")
    assert found["og:type"] == "website" and tags(site / "book/second.html")["og:type"] == "article"
    assert ("og:image" in found) == ("og:url" in found) == published
    if published:
        assert found["og:url"] == "https://example.org/course/book/first.html"
        picture = site / found["og:image"].removeprefix("https://example.org/course/")
        with Image.open(picture) as image:
            assert image.size == (1200, 630) and len(image.convert("RGB").getcolors(1 << 20)) > 50


def test_the_sitemap_names_every_page_by_its_whole_address(built):
    published, site = built
    assert (site / "sitemap.xml").exists() == (site / "robots.txt").exists() == published
    if published:
        found = [url.text for url in ElementTree.parse(site / "sitemap.xml").iter() if url.tag.endswith("loc")]
        assert found == ["https://example.org/course/book/first.html", "https://example.org/course/book/second.html"]
        assert "Sitemap: https://example.org/course/sitemap.xml" in (site / "robots.txt").read_text()


def test_a_page_can_be_edited_and_complained_of_where_there_is_a_repository(built):
    published, site = built
    text = (site / "book/first.html").read_text()
    assert ("Edit this page" in text) == ("Report a mistake" in text) == published
    assert ("https://github.com/someone/course/edit/main/book/first.md" in text) == published
    assert ("https://github.com/someone/course/issues/new" in text) == published


def test_every_page_says_its_license_and_has_the_icon(built):
    _, site = built
    for page in ("book/first.html", "book/second.html"):
        text = (site / page).read_text()
        assert "https://creativecommons.org/licenses/by/4.0/" in text and "MIT License" in text
        icon = re.search(r'<link rel="icon" href="([^"]+)"', text)[1]
        assert ((site / page).parent / icon.split("?")[0]).exists()


def test_the_page_as_a_notebook_runs_and_holds_no_answer(built):
    _, site = built
    text = (site / "book/first.html").read_text()
    assert re.search(r'<a href="first.ipynb"[^>]*title="Download this page as a notebook"', text)
    assert not (site / "book/second.ipynb").exists() and "second.ipynb" not in (site / "book/second.html").read_text()
    page = nbformat.read(site / "book/first.ipynb", as_version=4)
    assert "SECRET" not in str(page) and "See *The second*." in str(page)
    assert r"\tag{identity}" in str(page)
    names = {}
    for cell in page.cells:
        if cell.cell_type == "code":
            exec(cell.source, names)
    assert names["y"] == 42


def test_of_the_icons_those_that_are_shown_are_left(built):
    _, site = built
    icons = site / "_static/icons"
    text = (site / "book/first.html").read_text()
    style = (icons / "icons.css").read_text()
    for name in set(re.findall(r"fa[sb]? (fa-[a-z-]+)", text)):
        assert f".{name}::before" in style
    letters = TTFont(icons / "fa-solid-900.woff").getBestCmap()
    assert 0xF019 in letters and len(letters) < 60, "the one for a download, and few others"
    assert (".fab" in style) and not (site / "_static/vendor").exists()
    assert sum(file.stat().st_size for file in icons.iterdir()) < 20_000


CSS = """\
/* a comment */
@charset "utf-8";
:root { --size: 1px }
p, a:hover { color: red }
.here, .nowhere > p { color: red; }
.here:not(.nowhere) .here::before { content: ".nowhere { } /* kept */" }
.nowhere { color: red }
#place { color: red }
#no-place .here { color: red }
.bs-made-by-script { color: red }
.half\\/way { color: red }
@media (max-width: 9px) { .nowhere { color: red } .here { color: red } }
@media print { .nowhere { color: red } }
@keyframes turn { from { top: 0 } to { top: 1px } }
@font-face { font-family: "x"; src: url(x.woff) }
"""
KEPT = """\
@charset "utf-8";
:root{--size: 1px}
p,a:hover{color: red}
.here{color: red;}
.here:not(.nowhere) .here::before{content: ".nowhere { } /* kept */"}
#place{color: red}
.bs-made-by-script{color: red}
.half\\/way{color: red}
@media (max-width: 9px) {.here{color: red}}
@keyframes turn { from { top: 0 } to { top: 1px } }
@font-face { font-family: "x"; src: url(x.woff) }"""


def test_of_a_style_sheet_the_rules_that_are_used_are_left():
    assert used_rules(CSS, {"here", "place"}) == KEPT
    assert used_rules(KEPT, {"here", "place"}) == KEPT
    assert used_rules(".here { color: red }", set()) == ""


def test_a_site_keeps_what_its_pages_and_its_scripts_show(built):
    _, site = built
    sheets = {sheet: sheet.read_text() for sheet in (site / "_static").rglob("*.css")}
    assert len(sheets) > 10 and sum(map(len, sheets.values())) < 250_000
    assert sheets[site / "_static/book.css"] == (ROOT / "book/_static/book.css").read_text(), "what we wrote is whole"
    style = "".join(sheets.values())
    for name in (".bd-sidebar-primary", ".navbar", ".highlight", ".tooltip", ".admonition", ".bs-tooltip-auto"):
        assert name in style, name
    for name in (".list-group-flush", ".card-img-overlay", ".offcanvas-lg"):
        assert name not in style, name


def test_mathjax_is_one_compressed_file_and_its_parts(built):
    _, site = built
    mathjax = site / "_static/mathjax"
    code = gzip.decompress((mathjax / "mathjax.packed").read_bytes()).decode()
    config = yaml.safe_load((ROOT / "_config.yml").read_text())["sphinx"]["config"]["mathjax3_config"]
    for part in ["startup", *config["loader"]["load"], "output/chtml/fonts/tex"]:
        assert (mathjax / f"{part}.js").read_text() in code
    assert (mathjax / "mathjax.packed").stat().st_size < 170_000
    assert 'src="../_static/mathjax/load.js' in (site / "book/first.html").read_text()


def test_icon_codes():
    css = '.fa-x:before,.fa-y:before{content:"\\f00d"}.fa-plus:before{content:"\\2b"}.fa-0:before{content:"0"}.fa{a:b}'
    assert icon_codes(css) == {"fa-x": 0xF00D, "fa-y": 0xF00D, "fa-plus": 0x2B, "fa-0": 0x30}


def test_a_font_without_such_letters_is_left_out(tmp_path):
    font = next(Path(sys.prefix).glob("lib/python3*/site-packages/matplotlib/mpl-data/fonts/ttf/DejaVuSans.ttf"))
    assert few_letters(font, {ord("a"), 0xF8FF}, tmp_path / "a.woff")
    assert set(TTFont(tmp_path / "a.woff").getBestCmap()) == {ord("a")}
    assert not few_letters(font, {0xF8FF}, tmp_path / "none.woff") and not (tmp_path / "none.woff").exists()


GOOD = (
    '<a id="here" href="sub/two.html#there">x</a><img src="../site/one.png?v=1"><a href="#here">x</a><a href="">x</a>'
)


@pytest.mark.parametrize(
    "bad", ["", "sub/gone.html", "#gone", "sub/two.html#gone", "gone.png", "sub/gone.html#there", "http:one.png"]
)
def test_a_link_that_leads_nowhere_is_found(tmp_path, bad):
    site = tmp_path / "site"
    (site / "sub").mkdir(parents=True)
    (site / "one.png").touch()
    (site / "sub/two.html").write_text('<p id="there"><a href="https://example.org/gone#x">outside</a>')
    (site / "one.html").write_text(GOOD + (f'<a class="x" href="{bad}">' if bad else ""))
    assert broken_links(site) == ([("one.html", bad)] if bad and not bad.startswith("http") else [])


@pytest.mark.parametrize(
    ("page", "shown"),
    [
        ("(label)=\n# T", "# T"),
        ("$$ y = x $$ (a-b)", "$$ y = x \\tag{a-b}$$"),
        ("$$\ny = x\n$$ (a)\n\n$$ z $$", "$$\ny = x \\tag{a}$$\n\n$$ z $$"),
        ("{eq}`a`, {ref}`the slope <b>`, {cite:p}`c2015`", "(a), the slope, [c2015]"),
        ("{doc}`x/y`, {doc}`it <x>`", "*x/y!*, *it*"),
        ("[it](../x.md), [there](x.md#y), [out](https://a.b/x.md)", "*it*, *there*, [out](https://a.b/x.md)"),
        ("by {glue:text}`at\nten`.", "by 1e-9."),
        (":::{admonition} T\n- a\n\nb\n:::", "> **T**\n>\n> - a\n>\n> b"),
        ("```{note}\na\n```", "> **Note**\n>\n> a"),
        ("```{exercise} T\n:label: l\n$a$\n```", "**Exercise: T.**\n\n$a$"),
        ("```{solution} l\n:class: dropdown\na\n```", "<details><summary>Solution</summary>\n\na\n\n</details>"),
        ("::::{answer}\n:::{note}\na\n:::\n::::", "> **Note**\n>\n> a"),
        ("```python\n:::{note}\n```", "```python\n:::{note}\n```"),
        ("```{never-seen} x\na\n```", "*(The page has something to try here.)*"),
    ],
)  # fmt: skip
def test_myst_becomes_plain_markdown(page, shown):
    assert plain(page, lambda name: f"{name}!", {"at ten": "1e-9"}) == shown


CODE = re.compile(r"^\s*(`{3,})\w*\n.*?^\s*\1`*$", re.MULTILINE | re.DOTALL)
LEFT_OVER = re.compile(r"^\s*:{3,}|^\s*`{3,}\{|\{[a-z:]+\}`|^\([\w-]+\)=", re.MULTILINE)


def notebooks(edition):
    return sorted(site_of(edition).glob("book/**/*.ipynb"))


@pytest.mark.parametrize("edition", SITES)
def test_every_notebook_of_the_book_is_whole_and_plain(edition):
    pages = [page for page in (ROOT / "book").rglob("*.md") if "kernelspec" in page.read_text()[:300]]
    assert len(notebooks(edition)) == len(pages)
    for path in notebooks(edition):
        page = nbformat.read(path, as_version=4)
        nbformat.validate(page)
        texts = [CODE.sub("", cell.source) for cell in page.cells if cell.cell_type == "markdown"]
        assert [found[0] for text in texts for found in LEFT_OVER.finditer(text)] == [], path


@pytest.mark.parametrize("edition", SITES)
def test_the_site_holds_the_assignment_without_a_solution(edition, tmp_path):
    notebooks(edition)
    found = []
    for page in ("index", "teach/assignment"):
        path = SITES[edition] / f"book/{page}.html"
        found += [path.parent / link for link in re.findall(r'href="([^"]*hw1\.zip)"', path.read_text())]
    assert len(found) == 2 and found[0].resolve() == found[1].resolve()
    shutil.unpack_archive(found[0], tmp_path)
    names = {file.name for file in (tmp_path / "hw1").iterdir()}
    assert {"problem1.ipynb", "problem2.ipynb", "checks.py", "gradcheck.py"} <= names
    assert found_in(tmp_path, solution_lines()) == []


def run(path, folder):
    """Execute a notebook in the folder, as a reader would: in a kernel of the course's environment."""
    shutil.copy(path, folder)
    command = [sys.executable, "-m", "nbconvert", "--execute", "--to", "notebook", "--stdout", path.name]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr[-2000:]


@pytest.mark.parametrize("edition", SITES)
def test_a_notebook_of_the_book_runs(edition, tmp_path):
    (path,) = [path for path in notebooks(edition) if path.stem == "softmax"]
    run(path, tmp_path)


@pytest.mark.soak
@pytest.mark.parametrize("edition", SITES)
def test_every_notebook_of_the_book_runs(edition, tmp_path):
    for path in notebooks(edition):
        run(path, tmp_path)


def test_a_notebook_knows_where_it_comes_from():
    made = notebook(PAGE, "A first page", "https://example.org/first.html", "The book", str.title, {})
    assert "[A first page](https://example.org/first.html) of The book" in made.cells[0].source


def test_a_notebook_runs_beside_the_homeworks_gradcheck_where_it_needs_no_more(tmp_path, monkeypatch):
    shutil.copy(ROOT / "autograder/gradcheck.py", tmp_path)
    for name in [name for name in sys.modules if name.split(".")[0] in ("autograder", "gradcheck")]:
        monkeypatch.delitem(sys.modules, name)
    stock = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "autograder" else stock(name))
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    monkeypatch.chdir(tmp_path)
    made = notebook(PAGE, "A first page", "https://example.org/first.html", "The book", str.title, {})
    names = {}
    exec(made.cells[1].source, names)
    exec("from autograder.gradcheck import check_gradient", names)
    assert names["check_gradient"].__code__.co_filename == str(tmp_path / "gradcheck.py")
    for name in ("autograder", "autograder.gradcheck", "gradcheck"):
        sys.modules.pop(name)

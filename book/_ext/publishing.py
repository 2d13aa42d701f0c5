"""What makes a built book a website to publish: a small Sphinx extension.

Each page can be had as a notebook, says what it is to those who show a link to it, and, where the settings name a
repository, can be edited and complained of. Every link inside the site is followed. What a page asks for is made light
(`book/_ext/page_weight.py`). The settings are Jupyter Book's own: `html.baseurl`, `repository.url`.
"""

import json
import re
import textwrap
from html import escape, unescape
from pathlib import Path
from urllib.parse import unquote, urljoin

import nbformat
from docutils import nodes
from matplotlib.figure import Figure
from sphinx.util import logging

from book._ext.editions import student_edition
from book._ext.notebook_download import notebook
from book._ext.page_weight import copy_mathjax, few_icons, few_rules

LOGGER = logging.getLogger(__name__)


def _repository(app, config):
    """Where there is a repository, each page can be edited, and mistakes reported."""
    if config.html_theme_options.get("repository_url"):
        config.html_theme_options |= {f"use_{what}_button": True for what in ("repository", "edit_page", "issues")}


NAMES = {"source-edit-button": "Edit this page", "source-issues-button": "Report a mistake"}


def _page(app, pagename, templatename, context, doctree):
    """A page's head, its buttons and its notebook; it comes after what the theme does to a page."""
    # Sphinx writes a role for sources that has gone out of use.
    context["body"] = (context.get("body") or "").replace(' role="doc-biblioentry"', ' role="listitem"')
    for group in context["header_buttons"]:
        buttons = group.get("buttons", [group])
        if not app.config.html_copy_source:  # the theme links to the source all the same
            buttons[:] = [button for button in buttons if button["label"] != "download-source-button"]
        for button in buttons:
            if name := NAMES.get(button["label"]):
                button |= {"text": name, "tooltip": name}
    if doctree is None:
        return
    title, address = app.env.titles[pagename].astext(), urljoin(app.config.html_baseurl, f"{pagename}.html")
    context["metatags"] = context.get("metatags", "") + head(title, description(doctree), app, pagename)
    if app.config.html_baseurl:
        target = Path(app.outdir, "_static/cards", f"{pagename}.png")
        target.parent.mkdir(parents=True, exist_ok=True)
        card(title, app.config.html_title).savefig(target)
    if made := _notebook(app, pagename, title, address if app.config.html_baseurl else Path(address).name):
        target = Path(app.outdir, f"{pagename}.ipynb")
        target.parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(made, target)
        words = {"text": "Notebook", "tooltip": "Download this page as a notebook"}
        link = {"type": "link", "url": f"{Path(pagename).name}.ipynb", "icon": "fas fa-download", "label": "notebook"}
        groups = [group for group in context["header_buttons"] if group["label"] == "download-buttons"]
        if groups:
            groups[0]["buttons"].insert(0, link | words)
        else:
            context["header_buttons"].insert(0, link | words | {"text": ""})


def _notebook(app, pagename, title, address):
    file = Path(app.env.doc2path(pagename))
    markdown = file.read_text(encoding="utf8")
    if "kernelspec" not in markdown.split("\n---", 1)[0]:
        return None
    if app.config.edition == "student":
        markdown = student_edition(markdown, app.config.homework_closes, app.hidden_labels)
    here = file.parent
    titles = lambda name: app.env.titles[app.env.path2doc(str((here / name).resolve()) + ".md")].astext()  # noqa: E731
    measured = Path(app.outdir).parent / "jupyter_execute" / f"{pagename}.glue.json"
    glued = json.loads(measured.read_text()) if measured.exists() else {}
    glued = {name: output["data"]["text/plain"].strip("'") for name, output in glued.items()}
    return notebook(markdown, title, address, app.config.html_title, titles, glued)


def description(doctree):
    """The first sentences of a page's text, at most 200 characters; not of the box at its top, and no formula."""
    texts = [p for p in doctree.findall(nodes.paragraph) if isinstance(p.parent, nodes.section)]
    words = [p.astext() for p in texts if not any(p.findall(nodes.math))] + [""]
    return textwrap.shorten(words[0], 200, placeholder=" …")


def head(title, about, app, pagename):
    """The tags by which others show a link to a page. Addresses are whole ones, so they need `html.baseurl`."""
    base = app.config.html_baseurl
    kind = "website" if pagename == app.config.root_doc else "article"
    found = {"og:title": title, "og:site_name": app.config.html_title, "og:type": kind, "og:description": about}
    if base:
        picture = urljoin(base, f"_static/cards/{pagename}.png")
        found |= {"og:url": urljoin(base, f"{pagename}.html"), "og:image": picture}
        found |= {"og:image:alt": f"{title}. {app.config.html_title}", "twitter:card": "summary_large_image"}
    tags = [f'<meta property="{name}" content="{escape(text)}" />' for name, text in found.items()]
    return "\n".join([*tags, f'<meta name="description" content="{escape(about)}" />', ""])


def card(title, book):
    """The picture beside a link to a page: its title, the book's, and a gradient that flows back. A Figure."""
    figure = Figure(figsize=(12, 6.3), dpi=100, facecolor="#14213d")
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, 12), ylim=(0, 6.3))
    axes.axis("off")
    axes.text(0.8, 5.0, textwrap.fill(title, 26), color="white", size=46, va="top", weight="bold", linespacing=1.2)
    axes.text(0.8, 0.8, book, color="#ffb703", size=26)
    for x in (7.2, 8.6, 10.0):
        axes.annotate("", (x, 1.0), (x + 1.1, 1.0), arrowprops={"arrowstyle": "->", "color": "#ffb703", "lw": 2.5})
    axes.plot([7.0, 8.4, 9.8, 11.3], [1.0] * 4, "o", color="#14213d", mec="white", ms=14, mew=2.5)
    return figure


def _sitemap(app):
    """Every page's address, for search engines. It wants whole addresses: without `html.baseurl` there is none."""
    base = app.config.html_baseurl
    if base:
        pages = [urljoin(base, f"{name}.html") for name in sorted(app.env.found_docs)]
        urls = "".join(f"<url><loc>{escape(page)}</loc></url>\n" for page in pages)
        xml = f'<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">\n{urls}</urlset>\n'
        Path(app.outdir, "sitemap.xml").write_text('<?xml version="1.0" encoding="UTF-8"?>\n' + xml)
        Path(app.outdir, "robots.txt").write_text(f"User-agent: *\nSitemap: {urljoin(base, 'sitemap.xml')}\n")


def broken_links(folder):
    """[(page, link)] of every link inside a site that leads to no file, or to no such place in it."""
    folder = Path(folder).resolve()
    pages = [page for page in sorted(folder.rglob("*.html")) if "_static" not in page.parts]
    texts = {page: page.read_text(encoding="utf8") for page in pages}
    places = {page: set(re.findall(r'\b(?:id|name)="([^"]+)"', text)) for page, text in texts.items()}
    broken = []
    for page, text in texts.items():
        for link in sorted(set(re.findall(r'<[^>]*\s(?:href|src)="([^"]*)"', text))):
            path, _, place = unquote(unescape(link)).partition("#")
            target = (page.parent / path.split("?")[0]).resolve() if path else page
            if re.match(r"[a-z]+:|//", link):
                continue
            if not target.exists() or (place and place not in places.get(target, {place})):
                broken.append((str(page.relative_to(folder)), link))
    return broken


def _begin(app):
    if app.builder.format == "html":
        copy_mathjax(Path(app.outdir), app.config.mathjax3_config["loader"]["load"])


def _finish(app, error):
    if error is None and app.builder.name == "html":
        few_rules(Path(app.outdir))
        few_icons(Path(app.outdir))
        _sitemap(app)
        for page, link in broken_links(app.outdir):
            LOGGER.warning("%s: a link that leads nowhere: %s", page, link)


def setup(app):
    """Register the extension with Sphinx."""
    app.add_js_file("keyboard_scroll.js", defer="defer")
    app.connect("config-inited", _repository)
    app.connect("builder-inited", _begin)
    app.connect("html-page-context", _page, priority=900)
    app.connect("build-finished", _finish)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}

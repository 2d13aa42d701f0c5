"""Search results in the order of relevance: a Sphinx extension.

Sphinx's own search knows whether a word occurs on a page, not how often. `weights` counts, by the usual formula BM25:
a word counts more if it is frequent on the page, rare in the book, and in the title or the first paragraph. The weights
are written to `search/weights.js`, which only the search page loads; `book/_static/search/ranking.js` sorts by them.
"""

import json
import math
from collections import Counter
from pathlib import Path

from docutils import nodes

# How often a word is counted in the page's title, in a section's title, and in the first paragraph.
TITLE, SECTION, OPENING = 12, 3, 5
SATURATION, LENGTH = 4, 0.2  # BM25's k and b
LISTS = 0.5  # the factor of pages without a chapter number: lists, such as the glossary, that mention everything
PAGES = 8  # as many pages are kept for a word
SCORER = Path(__file__).parents[1] / "_static/search/ranking.js"
CODE = (nodes.literal_block, nodes.math_block, nodes.raw, nodes.comment, nodes.Invisible)


def texts(doctree):
    """[(text, how often each of its words is counted)] of a page's prose, without code and display formulas."""
    titles = [node.astext() for node in doctree.findall(nodes.title)]
    paragraphs = [
        node.astext()
        for node in doctree.findall(lambda node: isinstance(node, (nodes.paragraph, nodes.term)))
        if not any(isinstance(inner, CODE) for inner in node.findall())
    ]
    found = [(text, TITLE if i == 0 else SECTION) for i, text in enumerate(titles)]
    return found + [(text, OPENING if i == 0 else 1) for i, text in enumerate(paragraphs)]


def weights(pages, stems, lists=frozenset()):
    """{stem: {page: weight}} of a book.

    Args:
        pages: {page: what `texts` returns}.
        stems: a function that takes a text and returns the list of the stems of its words.
        lists: the pages that count less.
    """
    counts = {}
    for page, pieces in pages.items():
        counts[page] = Counter()
        for text, times in pieces:
            for stem in stems(text):
                counts[page][stem] += times
    usual = sum(count.total() for count in counts.values()) / max(len(counts), 1)
    spread = Counter(stem for count in counts.values() for stem in count)
    found = {}
    for page, count in counts.items():
        long = SATURATION * (1 - LENGTH + LENGTH * count.total() / usual)
        for stem, times in count.items():
            rare = math.log(1 + len(counts) / spread[stem])
            weight = 100 * rare * times * (1 + SATURATION) / (times + long)
            found.setdefault(stem, {})[page] = round(weight * (LISTS if page in lists else 1))
    return {stem: dict(Counter(weighted).most_common(PAGES)) for stem, weighted in found.items()}


def _write(app, exception):
    if exception or app.builder.name != "html":
        return
    language = app.builder.indexer.lang

    def stems(text):
        words = (word.lower() for word in language.split(text))
        return [language.stem(word) for word in words if word not in language.stopwords]

    pages = {name: texts(app.env.get_doctree(name)) for name in sorted(app.env.found_docs)}
    target = app.outdir / "_static/search/weights.js"
    target.parent.mkdir(parents=True, exist_ok=True)
    lists = {name for name in pages if not app.env.toc_secnumbers.get(name)}
    found = json.dumps(weights(pages, stems, lists), separators=(",", ":"), ensure_ascii=False)
    target.write_text(f"window.searchWeights={found};\n", encoding="utf8")


def _set_scorer(app, config):
    config.html_search_scorer = str(SCORER)


def _add_script(app, pagename, templatename, context, doctree):
    if pagename == "search":
        app.add_js_file("search/weights.js")


def setup(app):
    """Register the extension with Sphinx."""
    app.connect("config-inited", _set_scorer)
    app.connect("html-page-context", _add_script)
    app.connect("build-finished", _write)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}

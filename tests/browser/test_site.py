"""Every page of a built book, in a real browser: nothing is asked from outside, nothing breaks, all maths is set."""

import functools
import http.server
import threading
from pathlib import Path

import pytest

from tests.browser.serving import NEEDED

ROOT = Path(__file__).parents[2]
SITES = {"full": ROOT / "_build/html", "student": ROOT / "_build/student/html"}

pytestmark = NEEDED


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


@pytest.fixture(scope="module", params=SITES)
def site(request):
    """The address of a built edition, and its pages."""
    folder = SITES[request.param]
    if not (folder / "index.html").exists():
        pytest.skip(f"make book EDITION={request.param} builds it")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=folder))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    pages = sorted(str(page.relative_to(folder)) for page in folder.glob("book/**/*.html"))
    yield f"http://127.0.0.1:{server.server_port}/", [*pages, "search.html"]
    server.shutdown()


def test_every_page_is_whole_and_asks_nobody_outside(site, visit):
    (base, pages), (tab, wrong) = site, visit
    tab.on("request", lambda request: request.url.startswith((base, "data:", "blob:")) or wrong.append(request.url))
    for page in pages:
        tab.goto(base + page)
        tab.wait_for_function("!window.MathJax?.startup?.promise || MathJax.startup.promise.then(() => true)")
        assert tab.locator("mjx-merror, mjx-mtext[style*=red]").count() == 0, (
            f"{page}: MathJax could not read a formula"
        )
        assert tab.locator(".math:not(:has(mjx-container))").count() == 0, f"{page}: a formula is not set"
        assert wrong == [], page


def test_an_outside_request_and_an_error_are_noticed(site, visit):
    """The test above, tested."""
    (base, pages), (tab, wrong) = site, visit
    tab.on("request", lambda request: request.url.startswith(base) or wrong.append(request.url))
    tab.goto(base + pages[0])
    tab.evaluate("() => { fetch('http://127.0.0.1:9/x').catch(() => 0); setTimeout(() => { throw Error('made') }) }")
    tab.wait_for_timeout(300)
    assert any("127.0.0.1:9/x" in line for line in wrong) and any("made" in line for line in wrong)


def test_search_finds_a_page(site, visit):
    (base, _), (tab, _) = site, visit
    tab.goto(f"{base}search.html?q=softmax")
    tab.wait_for_selector("ul.search li a")
    assert tab.locator("ul.search li a").count() > 0

"""A browser for each file of tests, and the built book in both editions."""

import pytest
from playwright.sync_api import sync_playwright

from tests.browser.serving import CHROMIUM, QUIET, SITES, serving, site_of


@pytest.fixture(scope="module")
def browser():
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield chromium
        chromium.close()


@pytest.fixture
def visit(browser):
    """A page, and the list of what went wrong on it: requests to elsewhere, failed ones, errors of scripts."""
    tab, wrong = browser.new_page(), []
    # What the next page cuts off has not failed.
    failed = lambda request: request.failure == "net::ERR_ABORTED" or wrong.append(f"failed: {request.url}")  # noqa: E731
    tab.on("requestfailed", failed)
    tab.on("response", lambda answer: answer.status >= 400 and wrong.append(f"{answer.status}: {answer.url}"))
    tab.on("pageerror", lambda error: wrong.append(f"script: {error}"))
    tab.on("console", lambda message: message.type == "error" and wrong.append(f"console: {message.text}"))
    yield tab, wrong
    tab.close()


@pytest.fixture(scope="module", params=SITES)
def site(request):
    """An edition's address and its folder."""
    folder = site_of(request.param)
    with serving(folder) as base:
        yield base, folder

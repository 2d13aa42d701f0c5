"""What a student opens, in a real browser: the assignment in JupyterLab, and the feedback on it."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request

import pytest
from playwright.sync_api import sync_playwright

from autograder.release import release

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
QUIET = ["--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync"]
QUIET += ["--no-first-run", "--no-sandbox"]  # a test's own pages, and a sandbox refuses to start as root

pytestmark = [pytest.mark.browser, pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium")]


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """The address of a JupyterLab that is opened in the released folder."""
    folder = release(tmp_path_factory.mktemp("release"))
    homes = {
        name: str(tmp_path_factory.mktemp("home")) for name in ("HOME", "JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR")
    }
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = ["--no-browser", "--allow-root", f"--ServerApp.port={port}", "--ServerApp.port_retries=0"]
    options += ["--IdentityProvider.token=", "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate"]
    options += ["--LabApp.news_url=", "--LabApp.extension_manager=readonly"]
    command = [sys.executable, "-m", "jupyterlab", *options]
    server = subprocess.Popen(
        command, cwd=folder, env=os.environ | homes, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    address = f"http://127.0.0.1:{port}/"
    try:
        for _ in range(240):
            try:
                urllib.request.urlopen(address + "api", timeout=2).close()
                break
            except OSError:
                time.sleep(0.25)
        else:
            raise RuntimeError("JupyterLab did not start within a minute")
        yield address
    finally:
        server.terminate()
        server.wait(20)


@pytest.fixture(scope="module")
def tab():
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield chromium.new_page(viewport={"width": 1200, "height": 9000})  # tall: cells out of sight are not drawn
        chromium.close()


@pytest.mark.parametrize(("name", "checks", "pictures"), [("problem1", 3, 0), ("problem2", 5, 1)])
def test_the_released_notebook_opens_and_runs_in_jupyterlab(lab, tab, name, checks, pictures):
    tab.goto(f"{lab}lab/tree/{name}.ipynb?reset")
    tab.wait_for_selector(".jp-Notebook .jp-MarkdownCell h1", timeout=60_000)
    tab.wait_for_selector('.jp-Notebook-ExecutionIndicator[data-status="idle"]', state="attached", timeout=60_000)
    tab.get_by_role("menuitem", name="Run", exact=True).click()
    tab.get_by_role("menuitem", name="Run All Cells", exact=True).click()
    outputs = tab.locator(".jp-OutputArea-output", has_text="it is not written yet")
    outputs.nth(checks - 1).wait_for(timeout=60_000)
    assert outputs.count() == checks
    assert tab.locator('[data-mime-type="application/vnd.jupyter.stderr"], [data-mime-type*="error"]').count() == 0
    shown = tab.locator(".jp-RenderedMarkdown img")
    assert [width > 0 for width in shown.evaluate_all("all => all.map(image => image.naturalWidth)")] == [
        True
    ] * pictures
    assert tab.locator(".jp-RenderedMarkdown mjx-merror").count() == 0

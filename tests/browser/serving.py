"""What the browser tests have in common: Chromium and how it is started; a built book and a JupyterLab to look at."""

import functools
import http.server
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import pytest

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
QUIET = ["--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync"]
QUIET += ["--no-first-run", "--no-sandbox"]  # a test's own pages, and a sandbox refuses to start as root
NEEDED = [pytest.mark.browser, pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium")]

ROOT = Path(__file__).parents[2]
SITES = {"full": ROOT / "_build/html", "student": ROOT / "_build/student/html"}
PICTURES = ROOT / "_build/pictures"  # to be looked at
SET = "!window.MathJax || MathJax.startup?.promise?.then(() => true)"  # every formula of a page is


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


@contextmanager
def serving(folder, handler=Quiet):
    """The address at which a folder is served."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(handler, directory=folder))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()


def site_of(edition):
    """The folder of an edition that is built; without it the test is skipped."""
    if not (SITES[edition] / "index.html").exists():
        pytest.skip(f"make book EDITION={edition} builds it")
    return SITES[edition]


def pages_of(folder):
    """A site's pages, by their addresses in it."""
    pages = sorted(str(page.relative_to(folder)) for page in folder.glob("book/**/*.html"))
    return [*pages, "search.html", "genindex.html"]


@contextmanager
def jupyterlab(folder, tmp_path_factory):
    """The address of a JupyterLab that runs in the folder, at home nowhere else.

    Raises:
        RuntimeError: it has not started within a minute.
    """
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
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    server = subprocess.Popen(command, cwd=folder, env=os.environ | homes, **quiet)
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

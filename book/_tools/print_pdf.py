"""The whole book as one PDF, printed by Chromium.

    python -m book._tools.print_pdf _build/html _build/html/backprop-by-hand.pdf

The built pages are put one after another into one, in the order of the contents, their formulas are set and fitted to
the paper, and what is folded on the screen stands open. The PDF has bookmarks, and links lead to its own pages.
"""

import functools
import http.server
import os
import shutil
import sys
import threading
from pathlib import Path

from playwright.sync_api import sync_playwright

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
PATIENCE = 600_000  # milliseconds: some 1,500 formulas are set
FOOTER = (
    '<div style="font: 8px sans-serif; width: 100%; text-align: center">'
    '<span class="pageNumber"></span> / <span class="totalPages"></span></div>'
)
PLACE = '<span class="pdf"></span>'
PAPER = {"format": "A4", "margin": {"top": "16mm", "bottom": "18mm", "left": "18mm", "right": "18mm"}}

# In the browser, on the first page. Ids and links are told apart by the page that they come from.
GATHER = """async () => {
  const links = [...document.querySelectorAll("nav.bd-links a.reference.internal")];
  const addresses = [...new Set([location.href, ...links.map(link => link.href)].map(url => url.split("#")[0]))];
  const slug = url => "page-" + addresses.indexOf(url.split("#")[0]);
  const book = document.createElement("main");
  book.className = "whole-book";
  const title = document.querySelector(".logo__title").textContent;
  const contents = document.createElement("section");
  contents.className = "book-contents";
  contents.append(Object.assign(document.createElement("p"), { className: "book-title", textContent: title }));
  for (const part of document.querySelectorAll(".component-author, .extra_footer p")) {
    contents.append(Object.assign(document.createElement("p"), { innerHTML: part.innerHTML }));
  }
  contents.append(document.querySelector("nav.bd-links").cloneNode(true));
  contents.querySelectorAll("a.reference.internal").forEach(link => { link.href = "#" + slug(link.href); });
  book.append(contents);
  const sheets = new Map();
  for (const address of addresses) {
    const page = new DOMParser().parseFromString(await (await fetch(address)).text(), "text/html");
    page.querySelectorAll('link[rel="stylesheet"]').forEach(sheet => {
      const url = new URL(sheet.getAttribute("href"), address).href;
      sheets.set(url.split("?")[0], url);
    });
    const article = page.querySelector("article");
    article.querySelectorAll("script, .headerlink").forEach(part => part.remove());
    article.querySelectorAll("[id]").forEach(part => { part.id = slug(address) + "-" + part.id; });
    article.querySelectorAll("[src]").forEach(part => { part.src = new URL(part.getAttribute("src"), address).href; });
    article.querySelectorAll("a[href]").forEach(link => {
      const url = new URL(link.getAttribute("href"), address);
      if (addresses.includes(url.href.split("#")[0])) {
        link.setAttribute("href", "#" + slug(url.href) + (url.hash ? "-" + decodeURIComponent(url.hash.slice(1)) : ""));
      }
    });
    article.id = slug(address);
    article.querySelectorAll("details").forEach(part => { part.open = true; });
    article.querySelectorAll(".dropdown, .toggle, .toggle-hidden").forEach(part => {
      part.classList.remove("dropdown", "toggle", "toggle-hidden");
    });
    book.append(article);
  }
  document.body.replaceChildren(book);
  document.title = title;
  document.documentElement.dataset.theme = "light";
  for (const [path, url] of sheets) {
    if (![...document.styleSheets].some(sheet => sheet.href?.startsWith(path))) {
      const link = Object.assign(document.createElement("link"), { rel: "stylesheet", href: url });
      document.head.append(link);
      await new Promise(done => { link.onload = link.onerror = done; });
    }
  }
  await MathJax.typesetPromise([book]);
  await Promise.all([...document.images].map(image => image.decode().catch(() => 0)));
  await document.fonts.ready;
}"""

# A formula, a table or an output that is wider than the paper is drawn smaller. What sticks out all the same is told.
FIT = """() => {
  const book = document.querySelector(".whole-book");
  const shrink = (part, wanted) => {
    const share = part.parentElement.clientWidth / wanted;
    if (share < 1) part.style.zoom = Math.max(0.99 * share, 0.4);
  };
  for (const formula of book.querySelectorAll('mjx-container[display="true"]')) {
    const parts = [...formula.querySelectorAll("mjx-math, mjx-mtable, mjx-mtr")].map(part => part.scrollWidth);
    shrink(formula, Math.max(formula.scrollWidth, ...parts));
  }
  book.querySelectorAll("table, .cell_output .output").forEach(part => shrink(part, part.scrollWidth));
  const edge = book.getBoundingClientRect().right + 2;
  const seen = book.querySelectorAll("article *:not(mjx-assistive-mml, mjx-assistive-mml *, svg *)");
  const out = [...seen].filter(part => {
    const box = part.getBoundingClientRect();
    return box.width > 0 && box.right > edge;
  });
  return out.map(part => part.localName + ": " + part.textContent.trim().slice(0, 60));
}"""


def write(site, target, width=658):
    """Print a built site, a folder, to a PDF file. `width` is the paper's between its margins, in CSS pixels.

    Raises:
        RuntimeError: there is no Chromium, or something would be cut at the paper's edge.
    """
    chromium = next(filter(None, map(shutil.which, BROWSERS)), None)
    if chromium is None:
        raise RuntimeError(f"A PDF is printed by Chromium, and there is none of {', '.join(BROWSERS)} on the PATH.")
    handler = type("Quiet", (http.server.SimpleHTTPRequestHandler,), {"log_message": lambda *args: None})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(handler, directory=site))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    root = next(path for path in ("book/index.html", "index.html") if Path(site, path).exists())
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
            page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme="light")
            page.set_default_timeout(PATIENCE)
            page.goto(f"http://127.0.0.1:{server.server_port}/{root}")
            page.wait_for_function("window.MathJax?.startup?.promise")
            page.evaluate("MathJax.startup.promise.then(() => 0)")
            page.emulate_media(media="print")
            page.evaluate(GATHER)
            if cut := page.evaluate(FIT):
                raise RuntimeError(f"Wider than the paper: {cut[:5]}")
            Path(target).parent.mkdir(parents=True, exist_ok=True)
            looks = {"print_background": True, "display_header_footer": True, "header_template": "<span></span>"}
            page.pdf(path=target, outline=True, tagged=True, footer_template=FOOTER, **looks, **PAPER)
            browser.close()
    finally:
        server.shutdown()


def link(site, target):
    """Where the landing page keeps a place for it, put a link to the PDF, if that lies in the site."""
    page = Path(site) / "book/index.html"
    if Path(target).resolve().is_relative_to(Path(site).resolve()):
        address = os.path.relpath(target, page.parent)
        text = page.read_text(encoding="utf8")
        text = text.replace(PLACE, f'<span class="pdf">Also <a href="{address}">as one PDF</a>.</span>')
        page.write_text(text, encoding="utf8")


if __name__ == "__main__":
    write(*sys.argv[1:3])
    link(*sys.argv[1:3])

"""Asks every other site that a built book links to: `python -m book._tools.external_links _build/html`.

Links inside are checked by each build (`book._ext.publishing`). Needs the internet.
"""

import http.client
import re
import sys
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from html import unescape
from pathlib import Path

WARY = {401, 403, 405, 406, 429}  # there is something, and it does not talk to programs


def outside_links(folder):
    """{address: the pages that link to it} of every link from a site, a folder, to elsewhere."""
    found = {}
    for page in sorted(Path(folder).rglob("*.html")):
        for link in re.findall(r'<a\s[^>]*href="(https?://[^"#]+)', page.read_text(encoding="utf8")):
            found.setdefault(unescape(link), []).append(str(page.relative_to(folder)))
    return found


def fault(address, seconds=20):
    """What is wrong with an address: nothing (an empty text), what its server answers, or that nobody does."""
    request = urllib.request.Request(address, headers={"User-Agent": "Mozilla/5.0 (a book's check of its links)"})
    try:
        urllib.request.urlopen(request, timeout=seconds).close()
    except urllib.error.HTTPError as answer:
        return "" if answer.code in WARY else f"{answer.code} {answer.reason}"
    except (OSError, http.client.HTTPException) as error:
        return f"nobody answers: {getattr(error, 'reason', error)}"
    return ""


def main(folder):
    """Print what is wrong with which link, and where it stands. Returns 0 where nothing is, else 1."""
    links = outside_links(folder)
    with ThreadPoolExecutor(8) as pool:
        faults = dict(zip(links, pool.map(fault, links), strict=True))
    for address, words in faults.items():
        if words:
            print(f"{address}\n    {words}\n    in {', '.join(links[address][:3])}")
    if links and all(words.startswith("nobody") for words in faults.values()):
        print("Nobody at all answers: is this machine on the internet?")
    print(f"{len(links)} links to other sites, {sum(map(bool, faults.values()))} of them at fault")
    return int(any(faults.values()))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))

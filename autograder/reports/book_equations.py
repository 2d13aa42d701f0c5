"""The labelled equations of a course's book: page, line, section and number of each."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import yaml

LABEL = re.compile(r"\$\$ \(([a-z0-9-]+)\)$")
HEADING = re.compile(r"#+ (.*)")


@dataclass(frozen=True)
class BookEquation:
    """A labelled equation.

    page: of the book, relative to the course folder, without its suffix: "book/block1/softmax".
    line: of the label in the page's file, from 1.
    heading: of the section that it stands in.
    number: as Sphinx numbers it, "3.2", chapter and equation; "" on a page that is in no numbered part of _toc.yml.
    """

    label: str
    page: str
    line: int
    heading: str
    number: str = ""

    @property
    def url(self) -> str:
        """Its address on the site, relative to the site's folder."""
        return f"{self.page}.html#equation-{self.label}"


@lru_cache
def book_equations(course_folder: Path) -> Mapping[str, BookEquation]:
    """{label: BookEquation} of the pages in a course folder's book/; empty where it has no book."""
    numbered = _numbered_pages(course_folder / "_toc.yml")
    equations = {}
    for path in sorted((course_folder / "book").rglob("*.md")):
        page = path.relative_to(course_folder).with_suffix("").as_posix()
        chapter = numbered.index(page) + 1 if page in numbered else None
        for count, (label, line, heading) in enumerate(_labels(path.read_text(encoding="utf8")), 1):
            equations[label] = BookEquation(label, page, line, heading, f"{chapter}.{count}" if chapter else "")
    return equations


def _numbered_pages(contents):
    """The pages of the numbered parts, in their order: the n-th is chapter n."""
    if not contents.is_file():
        return []
    parts = yaml.safe_load(contents.read_text(encoding="utf8")).get("parts", ())
    return [chapter["file"] for part in parts if part.get("numbered") for chapter in part["chapters"]]


def _labels(text):
    """(label, line, heading) of each labelled equation of a page, in their order; cells are left out."""
    heading, code = "", False
    for number, line in enumerate(text.splitlines(), 1):
        code ^= line.startswith("```")
        if not code and (title := HEADING.match(line)):
            heading = title[1]
        elif not code and (label := LABEL.search(line)):
            yield label[1], number, heading

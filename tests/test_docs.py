"""docs/, README and CONTRIBUTING name files that exist, so that they are not forgotten when one moves."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = [*sorted((ROOT / "docs").glob("*.md")), ROOT / "README.md", ROOT / "CONTRIBUTING.md"]
# A page that is on one part of the tree names files there without the folder.
FOLDERS = ["", "autograder", "autograder/grading", "book", "book/_ext", "verification"]
FOLDERS += ["autograder/assignment", "assignments/hw1", "tests/attacks", "tests/solutions", "docs"]
FILE = re.compile(r"`((?:[\w.-]+/)*[\w.-]+(?:\.(?:py|md|yml|toml|json|lock)|/))`|\]\(([\w./-]+)\)")
MADE = re.compile(
    r"_build/|problem\d\.ipynb|grades\.|course\.toml|(gradcheck|formulas|checks|mistake_names)\.py"
)  # not in the tree


def missing(text, root=ROOT):
    """The files and folders that a text names and that are not there, as a sorted list."""
    named = {code or link for code, link in FILE.findall(text)}
    there = {name for name in named if any((root / folder / name).exists() for folder in FOLDERS)}
    return sorted(name for name in named - there if not MADE.match(name))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_file_that_is_named_exists(page):
    text = page.read_text(encoding="utf8")
    assert missing(text) == [] and (page.name == "README.md" or len(FILE.findall(text)) > 3)


def test_a_file_that_has_moved_is_found():
    text = "See `autograder/nowhere.py`, `docs/`, [this](docs/gone.md), `release.py` and `_build/release/`."
    assert missing(text) == ["autograder/nowhere.py", "docs/gone.md"]

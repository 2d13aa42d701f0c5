"""The lock holds every dependency, by hash, and no place to fetch it from."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
LOCK = (ROOT / "requirements.lock").read_text()
PROJECT = (ROOT / "pyproject.toml").read_text()


def test_the_lock_names_no_place():
    assert not re.search(r"://|--(extra-)?index|--find-links|^-e|(^|\s)/\w", LOCK, re.MULTILINE)


def test_everything_in_it_has_a_hash():
    entries = re.split(r"(?m)^(?=\w)", re.sub(r"(?m)^\s*#.*\n?", "", LOCK))
    assert len(entries) > 100
    assert [
        entry for entry in entries if entry and not re.match(r"[\w.-]+==[^ ]+ .*--hash=sha256:", entry, re.DOTALL)
    ] == []


def test_it_holds_every_dependency():
    locked = set(re.findall(r"(?m)^([\w.-]+)==", LOCK))
    wanted = {re.match(r"[\w.-]+", line)[0] for line in tomllib.loads(PROJECT)["project"]["dependencies"]}
    assert wanted <= locked


def test_every_dependency_has_its_reason():
    block = re.search(r"(?s)\ndependencies = \[\n(.*?)\n\]", PROJECT)[1]
    lines = [line.strip() for line in block.splitlines()]
    assert all(line.startswith("#") or re.search(r",\s+# \w", line) for line in lines)

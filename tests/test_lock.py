"""The lock holds every dependency, by hash, and no place to fetch it from."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LOCK = (ROOT / "requirements.lock").read_text()
KERNEL_LOCK = (ROOT / "autograder/sandbox/kernel.lock").read_text()
TEXT = (ROOT / "pyproject.toml").read_text()
PROJECT = tomllib.loads(TEXT)["project"]
EXTRAS = PROJECT["optional-dependencies"]


@pytest.mark.parametrize("lock", [LOCK, KERNEL_LOCK])
def test_the_lock_names_no_place(lock):
    assert not re.search(r"://|--(extra-)?index|--find-links|^-e|(^|\s)/\w", lock, re.MULTILINE)


@pytest.mark.parametrize(("lock", "most"), [(LOCK, 100), (KERNEL_LOCK, 20)])
def test_everything_in_it_has_a_hash(lock, most):
    entries = re.split(r"(?m)^(?=\w)", re.sub(r"(?m)^\s*#.*\n?", "", lock))
    assert len(entries) > most
    assert [
        entry for entry in entries if entry and not re.match(r"[\w.-]+==[^ ]+ .*--hash=sha256:", entry, re.DOTALL)
    ] == []


def names(requirements):
    return {re.match(r"[\w.-]+", line)[0] for line in requirements}


def locked(lock):
    return set(re.findall(r"(?m)^([\w.-]+)==", lock))


def test_it_holds_every_dependency_of_every_extra():
    assert set(EXTRAS) == {"book", "dask", "dev", "postgres"}
    assert names([*PROJECT["dependencies"], *(line for extra in EXTRAS.values() for line in extra)]) <= locked(LOCK)


def test_what_submissions_run_with_has_the_same_versions():
    asked = (ROOT / "autograder/sandbox/kernel.in").read_text()
    assert set(re.findall(r"(?m)^\w+", asked)) <= locked(KERNEL_LOCK) <= locked(LOCK)
    pinned = re.compile(r"(?m)^[\w.-]+==\S+")
    assert set(pinned.findall(KERNEL_LOCK)) <= set(pinned.findall(LOCK))


def test_every_dependency_has_its_reason():
    blocks = re.findall(r"(?s)\n(?:dependencies|book|dask|postgres|dev) = \[[^\n]*\n(.*?)\n\]", TEXT)
    lines = [line.strip() for block in blocks for line in block.splitlines()]
    assert len(blocks) == 5 and all(re.search(r",\s+# \w", line) for line in lines)

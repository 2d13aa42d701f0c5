"""The workflows on GitHub: the tested versions of Python, and that what is published is built with one of them."""

import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
MATRIX = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text())["jobs"]["ci"]["strategy"]["matrix"]
PUBLISH = yaml.safe_load((ROOT / ".github/workflows/publish.yml").read_text())


def test_every_version_from_the_oldest_on_is_tested():
    oldest = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"].removeprefix(">=3.")
    minors = [int(version.removeprefix("3.")) for version in MATRIX["python"]]
    assert minors == list(range(int(oldest), 15))


def test_what_is_published_is_built_with_a_python_that_builds_the_book_in_the_tests():
    (setup,) = [step for step in PUBLISH["jobs"]["build"]["steps"] if "setup-python" in step.get("uses", "")]
    whole = [row["python"] for row in MATRIX["include"] if row["what"] == "all"]
    assert setup["with"]["python-version"] in whole and set(whole) <= set(MATRIX["python"])


@pytest.mark.parametrize("path", sorted((ROOT / ".github").rglob("*.yml")), ids=lambda path: path.name)
def test_a_file_for_github_can_be_read(path):
    assert isinstance(yaml.safe_load(path.read_text()), dict)


def test_the_hooks_are_local():
    """They run the ruff of the environment, so that there is one version of it, and fetch nothing."""
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    assert [repository["repo"] for repository in hooks] == ["local"]
    assert all(hook["language"] == "system" and ".venv/bin/ruff" in hook["entry"] for hook in hooks[0]["hooks"])

"""What `make book` builds anew after a change: Jupyter Book's cache alone does not notice a changed import."""

import os
import shutil
import subprocess
import time
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
IMPORTED = ["solutions/relu.py", "autograder/gradcheck.py", "book/_lib/page_helpers.py", "benchmarks/results.json"]
IMPORTED += ["verification/checks/relu.py", "book/_lib/source_formulas.txt"]
READ = ["book/block1/softmax.md", "book/_static/book.css", "_config.yml", "_toc.yml"]


@pytest.fixture
def make(tmp_path):
    """make(words) in a copy of the repository where everything counts as made."""
    for part in ("solutions", "autograder", "book", "tests", "verification", "benchmarks"):
        shutil.copytree(ROOT / part, tmp_path / part, ignore=shutil.ignore_patterns("__pycache__"))
    for file in ROOT.iterdir():
        if file.is_file():
            shutil.copy(file, tmp_path)
    long_ago = time.time() - 1000
    for file in tmp_path.rglob("*"):
        os.utime(file, (long_ago, long_ago))
    for folder in (".venv", ".venv-kernel", "_build/.done"):
        (tmp_path / folder).mkdir(parents=True)
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}

    def run(*words):
        return subprocess.run(["make", *words], cwd=tmp_path, env=environment, capture_output=True, text=True)

    assert (
        run("--touch", "book", "EDITION=full").returncode == run("--touch", "book", "EDITION=student").returncode == 0
    )
    return run, tmp_path


@pytest.mark.parametrize("edition", ["full", "student"])
def test_after_a_change_the_book_is_built_anew_and_what_it_imports_is_run_anew(make, edition):
    run, folder = make
    book = f"EDITION={edition}"
    assert run("--question", "book", book).returncode == 0, "nothing has changed"
    for name in IMPORTED + READ:
        os.utime(folder / name)
        planned = run("--dry-run", "book", book).stdout
        assert "jupyter-book build . --all -W -n --keep-going" in planned, name
        assert ("rm -rf _build/.jupyter_cache _build/student/_build/.jupyter_cache" in planned) == (name in IMPORTED)
        assert run("--touch", "book", book).returncode == 0
        assert run("--question", "book", book).returncode == 0


def test_what_make_sets_up_finds_the_folders_beside_the_engine(make, tmp_path_factory):
    """The engine alone is installed; pages, extensions and workers import the others from anywhere."""
    run, folder = make
    planned = run("--dry-run", ".venv/.ready", "--what-if=pyproject.toml").stdout
    (line,) = (line for line in planned.splitlines() if ".pth" in line)
    venv.create(folder / ".venv")
    subprocess.run(["bash", "-c", line], cwd=folder, check=True)
    find = "import importlib.util as util\nfor name in ('solutions', 'verification', 'book'):\n"
    find += "    print(util.find_spec(name).origin)"
    done = subprocess.run(
        [folder / ".venv/bin/python", "-c", find],
        cwd=tmp_path_factory.mktemp("elsewhere"),
        env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
        capture_output=True,
        text=True,
    )
    assert done.stdout.split() == [str(folder / name / "__init__.py") for name in ("solutions", "verification", "book")]

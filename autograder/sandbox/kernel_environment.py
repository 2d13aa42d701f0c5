"""The environment that submissions run in: where it is, and how it is made, from kernel.lock beside this file."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

NAME = ".venv-kernel"
LOCK = Path(__file__).with_name("kernel.lock")
ENGINE_FOLDER = Path(__file__).parents[2]  # of a checkout of this repository, whose course lies beside the engine
UMASK = 0o022  # the sandbox's own user must read it, where the grader is root
PIP = ("-m", "pip", "--disable-pip-version-check", "--no-input")


def kernel_of(course: Path) -> Path:
    """Where a course's environment belongs: what AUTOGRADER_KERNEL names, else .venv-kernel in the course folder."""
    return Path(os.environ.get("AUTOGRADER_KERNEL") or Path(course).resolve() / NAME)


def find_kernel(course: Path = ENGINE_FOLDER) -> Path:
    """The environment that a course's submissions run in: its own, or without one that beside a checkout of the engine.

    Returns its path, whether it is there or not.
    """
    own, of_engine = kernel_of(course), kernel_of(ENGINE_FOLDER)
    return of_engine if of_engine.exists() and not own.exists() else own


def make_kernel(folder: Path, say: Callable[[str], None] = print) -> None:
    """Make the environment in `folder`, in place of the one that was there. pip needs a package index for it.

    Raises:
        ValueError: it cannot be made; in words for a teacher. Then nothing is left in `folder`.
    """
    folder = Path(folder)
    if folder.exists() and not (folder / "pyvenv.cfg").is_file() and any(folder.iterdir()):
        raise ValueError(f"{folder} is no environment of Python's, so it is left alone. Remove it, or move it away.")
    say(f"making {folder}: half a minute")
    python = folder / "bin" / "python"
    try:
        _run([sys.executable, "-m", "venv", "--clear", folder])
        _run([python, *PIP, "install", "--quiet", "--require-hashes", "-r", LOCK])
        _run([python, "-m", "compileall", "-q", folder / "lib"], check=False)  # a file that is no code of this version
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _run(command, check=True):
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME")}
    options = {"umask": UMASK, "stdin": subprocess.DEVNULL, "env": environment, "capture_output": True, "text": True}
    done = subprocess.run(command, check=False, **options)
    if check and done.returncode:
        said = "\n".join((done.stdout + done.stderr).strip().splitlines()[-6:])
        raise ValueError(f"the environment that submissions run in could not be made:\n{said}")

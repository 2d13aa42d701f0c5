"""Many submissions: what is to be graded, who grades it, and the one writer at the end of the line."""

import hashlib
import multiprocessing
import os
import time
import warnings
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

from autograder.release import ASSIGNMENT

from .gradebook import export, load_records, merge
from .submission import grade_submission


def submissions(submitted):
    """The folders <student>/hw1 in `submitted`, by student. Raises ValueError, in a teacher's words, without any."""
    submitted = Path(submitted)
    if not submitted.is_dir():
        raise ValueError(f"There is no folder {submitted}.")
    found = {path.parent.name: path for path in sorted(submitted.glob(f"*/{ASSIGNMENT}")) if path.is_dir()}
    if not found:
        raise ValueError(
            f"No submission was found in {submitted}.\n"
            f"A folder a student is expected: <student>/{ASSIGNMENT}/problem1.ipynb and problem2.ipynb."
        )
    return found


def submission_key(folder, fingerprint, timeout):
    """One number for a submission and for all that its grade depends on: bytes, hidden seed, grader, time limit."""
    digest = hashlib.sha256(f"{fingerprint} {timeout}".encode())
    for path in sorted(folder.iterdir()):
        if path.is_file() and path.suffix in {".ipynb", ".txt"}:
            digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def processes(jobs):
    """An executor of processes that hold no submission's code, at most `jobs` at a time, each renewed now and then."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["autograder.grading.submission"])
    return ProcessPoolExecutor(jobs, mp_context=context, max_tasks_per_child=25, initializer=_quietly)


def _quietly():
    warnings.filterwarnings("ignore", category=Warning, module="nbgrader")  # SQLAlchemy 2's, of nbgrader's own making


def grade_all(submitted, course, *, timeout=10, again=False, jobs=None, executor=None, say=print):
    """Grade what is new or has changed, merge it into the gradebook, write grades.csv and grades.json.

    Args:
        submitted: the folder of <student>/hw1/<notebook>.ipynb.
        course: a Course.
        timeout: seconds that a cell, or a call of a student's function, may take.
        again: grade also what has not changed.
        jobs: how many at a time; the number of cores by default.
        executor: any concurrent.futures executor, used instead of processes on this machine.
        say: where progress goes, a line at a time.

    Returns:
        rows, as grades.csv has them; how many were graded now; seconds.
    """
    begun = time.monotonic()
    _quietly()
    found = submissions(submitted)
    fingerprint = course.prepare()
    before = load_records(course)
    keys = {student: submission_key(folder, fingerprint, timeout) for student, folder in found.items()}
    todo = [s for s in found if again or s not in before or before[s].key != keys[s]]
    if len(todo) < len(found):
        say(f"{len(found) - len(todo)} of {len(found)} submissions have not changed since they were graded.")
    if todo:
        with executor or processes(jobs or os.cpu_count() or 1) as pool:
            waiting = [
                pool.submit(grade_submission, found[student], course, key=keys[student], timeout=timeout)
                for student in todo
            ]
            for count, future in enumerate(as_completed(waiting), 1):
                record = future.result()
                merge(record, course, before.get(record.student))
                record.save(course.records / f"{record.student}.json")
                say(_progress(count, len(todo), record, time.monotonic() - begun))
    return export(course), len(todo), time.monotonic() - begun


def _progress(count, total, record, seconds):
    automatic = [cell for cell in record.cells if cell["kind"] == "automatic"]
    score = (
        f"{sum(cell['auto_score'] or 0 for cell in automatic):g} of {sum(cell['max_score'] for cell in automatic):g}"
    )
    left = seconds / count * (total - count)
    needs = f"   needs you: {record.needs[0]}" if record.needs else ""
    return f"{count:>4}/{total}  {record.student:<24}{score:>10}   {left:3.0f} s left{needs}"

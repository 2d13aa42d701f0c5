"""Many submissions: what is to be graded, who grades it, and the one writer at the end of the line."""

import hashlib
import multiprocessing
import os
import signal
import threading
import time
import warnings
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

from autograder.release import ASSIGNMENT

from .gradebook import export, load_records, merge, record_file
from .submission import LARGEST, Record, grade_submission, student_of


def _visible(submitted, course):
    ours = {course.out, course.root, *(course.out / name for name in ("feedback", "grades.csv", "grades.json"))}
    paths = sorted(Path(submitted).iterdir())
    return [path for path in paths if not path.name.startswith(".") and path.resolve() not in ours]


def strays(submitted, course):
    """The names of the visible files that lie in `submitted` beside the students' folders."""
    return [path.name for path in _visible(submitted, course) if not path.is_dir()]


def submissions(submitted, course):
    """<student>/hw1 of every visible folder in `submitted`, by student, whether it is there or not.

    What the grading itself wrote there, if `course` grades into `submitted`, is no student's.

    Raises:
        ValueError: no hw1 is there at all; in words for a teacher.
    """
    submitted = Path(submitted)
    if not submitted.is_dir():
        kind = "is a file; the folder that holds the students' folders is expected"
        raise ValueError(f"{submitted} {kind}." if submitted.exists() else f"There is no folder {submitted}.")
    found = [path / ASSIGNMENT for path in _visible(submitted, course) if path.is_dir()]
    if not any(folder.is_dir() for folder in found):
        raise ValueError(
            f"No submission was found in {submitted}.\n"
            f"A folder a student is expected: <student>/{ASSIGNMENT}/problem1.ipynb and problem2.ipynb."
        )
    return {student_of(folder): folder for folder in found}


def submission_key(folder, fingerprint, timeout):
    """One number for a submission and for all that its grade depends on: bytes, hidden seed, grader, time limit."""
    digest = hashlib.sha256(f"{fingerprint} {timeout}".encode())
    try:
        for path in sorted(folder.iterdir() if folder.is_dir() else folder.parent.iterdir()):
            digest.update(os.fsencode(path.name) + b"\0" + _content(path))
    except OSError as error:
        digest.update(str(error).encode())
    return digest.hexdigest()


def _content(path):
    if path.suffix not in {".ipynb", ".txt"} or not path.is_file():
        return b""
    try:
        return path.read_bytes() if path.stat().st_size <= LARGEST else b"too large"
    except OSError as error:
        return str(error).encode()


def processes(jobs):
    """An executor of processes that hold no submission's code, at most `jobs` at a time, each renewed now and then."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["autograder.grading.submission"])
    return ProcessPoolExecutor(jobs, mp_context=context, max_tasks_per_child=25, initializer=_start)


def _quietly():
    warnings.filterwarnings("ignore", category=Warning, module="nbgrader")  # SQLAlchemy 2's, of nbgrader's own making


def _start():
    _quietly()
    signal.signal(signal.SIGINT, _stay)


def _stay(number, frame):
    """An idle process leaves Ctrl-C to the one that started it."""


def _grade_one(*args, **options):
    try:
        return grade_submission(*args, **options)
    finally:  # what ran the notebooks has put the usual handler back
        if multiprocessing.parent_process() and threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGINT, _stay)


def _result(future, student):
    try:
        return future.result()
    except Exception as error:
        return Record(student, needs=[f"grading broke down: {type(error).__name__}: {error}"])


def _keep(record, course, before):
    """Merge and save a record. What fails is a sentence in its `needs`, and it is graded again the next time."""
    for step in (lambda: merge(record, course, before), lambda: record.save(record_file(course, record.student))):
        try:
            step()
        except Exception as error:
            record.key = ""
            record.needs.append(f"could not be kept: {type(error).__name__}: {error}")


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

    Raises:
        KeyboardInterrupt: Ctrl-C; with a sentence on what is graded and kept.
    """
    begun = time.monotonic()
    _quietly()
    found = submissions(submitted, course)
    fingerprint = course.prepare()
    before = load_records(course)
    keys = {student: submission_key(folder, fingerprint, timeout) for student, folder in found.items()}
    todo = [s for s in found if again or s not in before or before[s].key != keys[s]]
    if len(todo) < len(found):
        say(f"{len(found) - len(todo)} of {len(found)} submissions have not changed since they were graded.")
    kept = {}
    if todo:
        with executor or processes(min(jobs or os.cpu_count() or 1, len(todo))) as pool:
            try:
                waiting = {
                    pool.submit(_grade_one, found[student], course, key=keys[student], timeout=timeout): student
                    for student in todo
                }
                for count, future in enumerate(as_completed(waiting), 1):
                    record = _result(future, waiting[future])
                    _keep(record, course, before.get(record.student))
                    kept[record.student] = record
                    say(_progress(count, len(todo), record, time.monotonic() - begun))
            except KeyboardInterrupt:
                pool.shutdown(wait=False, cancel_futures=True)
                export(course, kept)
                done = f"{len(found) - len(todo) + len(kept)} of {len(found)}"
                words = f"stopped; {done} are graded and kept; run the same command again to go on"
                raise KeyboardInterrupt(words) from None
    return export(course, kept), len(todo), time.monotonic() - begun


def _progress(count, total, record, seconds):
    automatic = [cell for cell in record.cells if cell["kind"] == "automatic"]
    score = (
        f"{sum(cell['auto_score'] or 0 for cell in automatic):g} of {sum(cell['max_score'] for cell in automatic):g}"
    )
    left = seconds / count * (total - count)
    needs = f"   needs you: {record.needs[0]}" if record.needs else ""
    return f"{count:>4}/{total}  {record.student:<24}{score:>10}   {left:3.0f} s left{needs}"

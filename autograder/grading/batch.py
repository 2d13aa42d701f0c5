"""Grade a batch: find what is new or has changed, distribute it to workers, and merge the records one by one."""

import hashlib
import itertools
import json
import os
import time
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, wait
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

from autograder.assignment.cell_names import check_cell
from autograder.course.folder import Course
from autograder.course.roster import shown
from autograder.faults import LOG, Fault, write_faults
from autograder.grading.executors import WorkerPool, WorkerTimedOut, dask, quietly
from autograder.grading.gradebook import export, light, load_records, merge, record_file
from autograder.grading.notebook_file import MAX_FILE_BYTES, may_be_notebook
from autograder.grading.records import Record
from autograder.grading.submission import grade_submission, student_of
from autograder.sandbox.bubblewrap import UNSAFE, Limits, require

MAX_KEY_FILES = 1_000  # files of a submission that its key is made of
TIMEOUT_MARGIN = 60  # seconds after a submission's own wall clock in which its grading must have ended


def _visible(submitted, course):
    ours = {course.out, course.root, *(course.out / name for name in ("feedback", "grades.csv", "grades.json"))}
    paths = sorted(Path(submitted).iterdir())
    return [path for path in paths if not path.name.startswith(".") and path.resolve() not in ours]


def strays(submitted: Path, course: Course) -> list[str]:
    """The names of the visible files that lie in `submitted` beside the students' folders."""
    return [path.name for path in _visible(submitted, course) if not path.is_dir()]


def submissions(submitted: Path, course: Course) -> dict[str, Path]:
    """<student>/<assignment> of every visible folder in `submitted`, by student, whether it is there or not.

    What the grading itself wrote there, if `course` grades into `submitted`, is no student's.

    Raises:
        ValueError: no submission is there at all; in words for a teacher.
    """
    submitted = Path(submitted)
    if not submitted.is_dir():
        kind = "is a file; the folder that holds the students' folders is expected"
        raise ValueError(f"{submitted} {kind}." if submitted.exists() else f"There is no folder {submitted}.")
    folders = [path / course.name for path in _visible(submitted, course) if path.is_dir()]
    if not any(folder.is_dir() for folder in folders):
        notebooks = " and ".join(f"{path.stem}.ipynb" for path in course.assignment.notebooks)
        raise ValueError(
            f"No submission was found in {submitted}.\n"
            f"A folder a student is expected: <student>/{course.name}/{notebooks}."
        )
    return {student_of(folder): folder for folder in folders}


def submission_key(folder: Path, fingerprint: str, options: dict) -> str:
    """What a grade depends on, as two numbers: the submission's bytes; the hidden seed, the grader and its options."""
    digest = hashlib.sha256()
    try:
        for path in _files(folder) if folder.is_dir() else sorted(folder.parent.iterdir()):
            digest.update(os.fsencode(path.relative_to(folder.parent)) + b"\0" + _content(path))
    except OSError as error:
        digest.update(str(error).encode())
    return f"{digest.hexdigest()}-{hashlib.sha256(f'{fingerprint} {options}'.encode()).hexdigest()}"


def _files(folder):
    """A submission's files, those in its folders too; so many and no more."""
    return sorted(
        itertools.islice((Path(top, name) for top, _, names in os.walk(folder) for name in names), MAX_KEY_FILES)
    )


def _content(path):
    if not (may_be_notebook(path) or path.suffix.lower() == ".zip") or not path.is_file():
        return b""
    try:
        return path.read_bytes() if path.stat().st_size <= MAX_FILE_BYTES else b"too large"
    except OSError as error:
        return str(error).encode()


def _results(calls, pool, timeout):
    """Yield (student, Record or the exception that came instead) in the order in which they come.

    A submission whose process ended is tried once more, alone, after all the others. When no result arrives for
    `timeout` seconds, the remaining submissions are given up.

    Args:
        calls: {student: a function without arguments}.
        pool: any concurrent.futures executor.
    """
    rounds, tried = [list(calls)], set()
    for students in rounds:  # it grows
        waiting = {_submit(pool, calls[student]): student for student in students}
        while waiting:
            done, _ = wait(waiting, timeout=timeout, return_when=FIRST_COMPLETED)
            for future in [each for each in waiting if each in done] or list(waiting):
                student = waiting.pop(future)
                try:
                    if not done:
                        future.cancel()
                        raise WorkerTimedOut(f"no answer from anywhere in {timeout:g} s")
                    answer = future.result()
                except BrokenExecutor as error:
                    answer = error
                    if student not in tried:
                        tried.add(student)
                        rounds.append([student])
                        continue
                except Exception as error:
                    answer = error
                yield student, answer


def _submit(pool, call):
    try:
        return pool.submit(call)
    except RuntimeError as error:  # a pool that is broken says so here
        future = Future()
        future.set_exception(error)
        return future


def _record(student, answer, assignment):
    if isinstance(answer, Record):
        return answer
    if isinstance(answer, BrokenExecutor):
        where = "the grader's own process ended while grading it, twice"
        return Record(student, assignment, needs_attention=[f"{where}: {answer}"], faults=[Fault.of(where, answer)])
    fault = Fault.of("grading broke down", answer)
    return Record(student, assignment, needs_attention=[fault.need], faults=[fault])


def only(questions: Iterable[str], record: Record, before: Record) -> Record:
    """The record with all but these questions as they were before.

    A cell that had no automatic score before has nothing to keep, and gets its new one.
    """
    names = {check_cell(question) for question in questions}
    names |= {cell.name for cell in before.automatic if cell.auto_score is None}

    def mixed(new, old):
        unchanged = {each.name: each for each in old if each.name not in names}
        return [unchanged.get(each.name, each) for each in new]

    verdicts = {q: v for q, v in before.questions.items() if check_cell(q) not in names}
    verdicts |= {q: v for q, v in record.questions.items() if check_cell(q) in names}
    return replace(
        record,
        cells=mixed(record.cells, before.cells),
        comments=mixed(record.comments, before.comments),
        questions={q: verdicts[q] for q in record.questions | verdicts if q in verdicts},
        notebooks={name: _graft(text, before.notebooks.get(name), names) for name, text in record.notebooks.items()},
    )


def _graft(new, old, names):
    """The old notebook's text with these cells of the new one's."""
    if old is None:
        return new
    fresh, notebook = json.loads(new), json.loads(old)
    cells = {_grade_id(cell): cell for cell in fresh["cells"]}
    notebook["cells"] = [
        cells.get(name, cell) if (name := _grade_id(cell)) in names else cell for cell in notebook["cells"]
    ]
    return json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"


def _grade_id(cell):
    return cell["metadata"].get("nbgrader", {}).get("grade_id")


def _keep(record, course):
    """Merge and save a record, so that one that is on the disk is never graded again, whenever this process ends.

    It is written beside its place, merged, and then moved there; what lies beside is merged by the next run. What fails
    is a sentence in its `needs`.
    """
    path = record_file(course, record.student)
    waiting = path.with_name(f"{path.name}.new")
    steps = [
        lambda: record.save(waiting),
        lambda: merge(record, course),
        lambda: waiting.replace(path),
    ]
    for step in steps:
        try:
            step()
        except Exception as error:
            LOG.exception("%s: could not be kept", record.student)
            record.needs_attention.append(f"could not be kept: {type(error).__name__}: {error}")
            break


def _finish(course):
    """Merge what an earlier run had graded and could not merge any more."""
    for waiting in sorted(course.records.glob("*.json.new")):
        try:
            merge(Record.load(waiting), course)
            waiting.replace(waiting.with_suffix(""))
        except Exception:  # then it is graded again, and its row says what fails
            LOG.exception("%s could not be merged", waiting.name)


@contextmanager
def _pool(course, fingerprint, options, jobs, executor, address):
    """The executor that grades, and after how many seconds without a result it is given up."""
    timeout = options["limits"].wall + TIMEOUT_MARGIN
    if executor:
        yield executor, 3 * timeout
    elif address:  # there a submission whose worker is lost is begun anew elsewhere
        with dask(address, course, fingerprint, options["sandbox"]) as pool:
            yield pool, 3 * timeout
    else:
        with WorkerPool(jobs, timeout) as pool:
            yield pool, 3 * timeout


def grade_all(
    submitted: Path,
    course: Course,
    *,
    timeout: float = 10,
    sandbox: str = "bubblewrap",
    limits: Limits | None = None,
    again: bool = False,
    students: Iterable[str] = (),
    questions: Iterable[str] = (),
    resume: bool = False,
    jobs: int | None = None,
    executor: Executor | None = None,
    dask_address: str | None = None,
    say: Callable[[str], object] = print,
) -> tuple[list[dict], int, float]:
    """Grade what is new or has changed, merge it into the gradebook, write grades.csv and grades.json.

    Safe to rerun after a crash: the same call continues where it ended, and nothing that was saved is graded again.

    Args:
        submitted: the folder of <student>/<assignment>/<notebook>.ipynb.
        course: a Course; the caller holds its lock.
        timeout: seconds that a cell, or a call of a student's function, may take.
        sandbox: "bubblewrap", or "none" for code that you trust.
        limits: the Limits of a submission's sandbox.
        again: grade also what has not changed.
        students: grade these alone, also where nothing has changed; () for all.
        questions: grade also what has not changed, and replace the results of these questions alone.
        resume: with one of the three, leave out what this very grader has graded.
        jobs: how many at a time; by default one more than there are cores, as each waits for its sandbox now and then.
        executor: any concurrent.futures executor, used instead of processes on this machine.
        dask_address: of a Dask scheduler, whose workers are used instead.
        say: where progress goes, a line at a time.

    Returns:
        rows, as grades.csv has them; how many were graded now; seconds.

    Raises:
        ValueError: it cannot begin; in words for a teacher.
        KeyboardInterrupt: Ctrl-C; with a sentence on what is graded and kept.
    """
    begun = time.monotonic()
    quietly()
    options = {"timeout": timeout, "sandbox": sandbox, "limits": limits or Limits()}
    require(sandbox, course.kernel_folder)
    if sandbox == "none":
        say(UNSAFE)
    folders = submissions(submitted, course)
    chosen = _known(students, folders, f"no student in {submitted}") or list(folders)
    _known(questions, course.assignment.known, "no question")
    fingerprint = course.prepare()
    _finish(course)
    before = load_records(course)
    keys = {student: submission_key(folders[student], fingerprint, options) for student in chosen}
    asked = (again or students or questions) and not resume
    pending = [s for s in chosen if asked or s not in before or before[s].key != keys[s]]
    if len(pending) < len(chosen):
        say(f"{len(chosen) - len(pending)} of {len(chosen)} submissions have not changed since they were graded.")
    saved = {}
    if pending:
        without_gradebook = replace(course, db=None)
        calls = {s: partial(grade_submission, folders[s], without_gradebook, key=keys[s], **options) for s in pending}
        jobs = min(jobs or (os.cpu_count() or 1) + 1, len(pending))
        try:
            with _pool(without_gradebook, fingerprint, options, jobs, executor, dask_address) as (pool, timeout):
                for student, answer in _results(calls, pool, timeout):
                    record, old = _record(student, answer, course.name), before.get(student)
                    if questions and old and old.cells and record.cells and _same_submission(record.key, old.key):
                        record = only(questions, record, Record.load(record_file(course, student)))
                    write_faults(student, record.faults)
                    _keep(record, course)
                    saved[student] = record = light(record)
                    say(_progress(saved, len(pending), record, time.monotonic() - begun))
        except KeyboardInterrupt:
            export(course, saved)
            done = f"{len(chosen) - len(pending) + len(saved)} of {len(chosen)}"
            message = f"stopped; {done} are graded and kept; run the same command again to go on"
            raise KeyboardInterrupt(message) from None
    return export(course, saved), len(pending), time.monotonic() - begun


def _known(names, known, what):
    unknown = [name for name in names if name not in known]
    if unknown:
        there = ", ".join(list(known)[:20]) + (", …" if len(known) > 20 else "")
        raise ValueError(f"There is {what} called {unknown[0]!r}. There are: {there}")
    return list(dict.fromkeys(names))


def _same_submission(key, other):
    return key.partition("-")[0] == other.partition("-")[0]


def _progress(saved, total, record, seconds):
    points, maximum = sum(cell.auto_score or 0 for cell in record.automatic), sum(c.max_score for c in record.automatic)
    score = f"{points:g} of {maximum:g}"
    count, need = len(saved), sum(bool(record.needs_attention) for record in saved.values())
    left = seconds / count * (total - count)
    parts = [f"{count:>4}/{total}  {record.student:<24}{score:>10}", f"{count / seconds * 60:.0f} a minute"]
    parts += [f"{minutes(left)} left"] + ([f"{need} need you"] if need else [])
    return shown("   ".join(parts + [f"needs you: {need}" for need in record.needs_attention[:1]]))


def minutes(seconds: float) -> str:
    """Seconds as a person says them."""
    return f"{seconds // 60:.0f} min {seconds % 60:.0f} s" if seconds >= 60 else f"{seconds:.0f} s"

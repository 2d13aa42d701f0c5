"""The commands of `autograder`: what a teacher types."""

import argparse
import math
import re
import subprocess
import sys
from collections import Counter
from contextlib import nullcontext
from pathlib import Path

from .assignment.cell_names import is_check_of_formula
from .course.roster import shown
from .faults import FILE, log_file

GRADED, FAILED, NEEDS_A_PERSON, STOPPED = 0, 1, 3, 130

EXIT = """exit status:
  0  all of it was done, and nobody is needed
  1  it could not be done; the last lines say why and what to do
  3  everything has a row, and some rows need a person: the summary says which and why
  130  stopped by Ctrl-C; what was graded is kept"""


def main(argv=None):
    """Run one command, and return its exit status."""
    args = _parser().parse_args(argv)
    try:
        if hasattr(args, "out") and Path(args.out).is_file():
            raise ValueError(f"--out is a folder, but {args.out} is a file")
        with log_file(args.out, verbose=args.verbose) if hasattr(args, "verbose") else nullcontext():
            return args.command(args)
    except (ValueError, OSError) as error:
        _complain(args.name, str(error))
        return FAILED
    except KeyboardInterrupt as stopped:
        _complain(args.name, str(stopped) or "stopped")
        return STOPPED


def _parser():
    parser = argparse.ArgumentParser(
        prog="autograder", epilog=EXIT, formatter_class=argparse.RawDescriptionHelpFormatter, description=__doc__
    )
    commands = parser.add_subparsers(dest="name", required=True, metavar="COMMAND")

    def command(function, words, **more):
        added = commands.add_parser(function.__name__.lstrip("_"), help=words, description=words, **more)
        added.set_defaults(command=function)
        if function not in (_preview, _doctor):
            added.add_argument("--assignment", metavar="NAME", help="which one, where the course has more than one")
        return added

    release = command(_release, "make the students' version of the assignment")
    release.add_argument(
        "--out", default="_build/release", help="folder that gets the assignment's (default: %(default)s)"
    )

    demo = command(_demo, "write a class of made-up submissions to try the grading on")
    demo.add_argument("--out", default="_build/demo", help="folder that gets submitted/ (default: %(default)s)")

    collect = command(_collect, "sort a download of Canvas or Moodle into <student>/<assignment>")
    collect.add_argument(
        "download", metavar="DOWNLOAD", help="folder or zip file, as it was downloaded, or a plain one"
    )
    collect.add_argument(
        "--roster", required=True, metavar="FILE", help="CSV file of the class, also as exported there"
    )
    collect.add_argument(
        "--out", default="_build/submitted", help="folder that gets <student>/<assignment> (default: %(default)s)"
    )
    collect.add_argument(
        "--replace", action="store_true", help="what differs from what was collected before replaces it"
    )
    collect.add_argument("--timezone", metavar="NAME", help="zone of the roster's times, where they do not say it")

    grade = command(_grade, "grade submissions, as far as they are new or have changed")
    grade.add_argument("submitted", metavar="SUBMITTED", help="folder of <student>/<assignment>/<notebook>.ipynb")
    _place(grade)
    grade.add_argument(
        "--timeout", type=float, default=10, metavar="S", help="seconds for a cell or a call (default: %(default)s)"
    )
    grade.add_argument(
        "--jobs", type=int, metavar="N", help="submissions at a time (default: one more than there are cores)"
    )
    grade.add_argument(
        "--dask",
        metavar="ADDRESS",
        help="use the workers of this Dask scheduler, e.g. tcp://HOST:8786; each has one thread, and sees SUBMITTED "
        "and the course folder under the same paths",
    )
    grade.add_argument("--again", action="store_true", help="grade also what has not changed")
    grade.add_argument("--student", action="append", default=[], metavar="NAME", help="grade NAME alone, again")
    grade.add_argument(
        "--question", action="append", default=[], metavar="ID", help="again, and change the results of ID alone"
    )
    grade.add_argument(
        "--resume",
        action="store_true",
        help="go on after an interruption, as happens anyway without --again, --student and --question: leave out what "
        "this version of the grader has graded",
    )
    grade.add_argument("--sandbox", default="bubblewrap", metavar="KIND", help="bubblewrap (default), or none")
    grade.add_argument(
        "--limit",
        action="append",
        default=[],
        metavar="NAME=N",
        help="what a submission may take: memory, file_size, disk and output in MiB, wall and cpu in seconds, "
        "processes, files (autograder doctor shows them)",
    )

    feedback = command(_feedback, "write a page of feedback for each notebook, as far as grades have changed")
    _place(feedback)
    feedback.add_argument("--again", action="store_true", help="write also what has not changed")

    _place(command(_summary, "print the table of grades, and write grades.csv and grades.json anew"))

    export = command(_export, "write the grades, with those given by hand, as a file to import elsewhere")
    _place(export)
    export.add_argument(
        "--to", choices=["csv", "canvas", "moodle"], default="csv", help="for whom (default: %(default)s)"
    )
    export.add_argument("--roster", metavar="FILE", help="CSV file of the class; canvas and moodle need it")
    export.add_argument(
        "--column", metavar="NAME", help="the assignment, in Canvas with its number (default: the assignment's name)"
    )
    export.add_argument("--points", type=float, metavar="N", help="scale the scores to N points (default: as they are)")
    export.add_argument(
        "--partial", action="store_true", help="even while derivations wait to be read, or somebody needs a person"
    )

    resolve = command(
        _resolve,
        "tick off what needs a person, once somebody has looked",
        epilog="The reasons stay ticked off when the same submission is graded again; a new reason shows.",
    )
    resolve.add_argument("student", nargs="+", metavar="STUDENT", help="as in the table of grades; several are fine")
    resolve.add_argument("--because", metavar="WHY", help="what was found; it stands beside the reason from then on")
    resolve.add_argument("--by", metavar="NAME", help="who has looked (default: the name of this account)")
    resolve.add_argument("--undo", action="store_true", help="take back what was ticked off")
    _place(resolve)

    _place(command(_report, "write a page on the class: scores, questions, what to teach again"))
    preview = command(
        _preview,
        "run notebooks from top to bottom, as when they are graded, and say what is missing",
        epilog="It runs the notebooks' code on this machine, without a sandbox: use it for your own work.",
    )
    preview.add_argument(
        "folder", metavar="FOLDER", help="the folder with the notebooks, and with checks.py beside them"
    )

    formula = command(
        _formula,
        "say whether a written formula is right, or every formula of a written solution",
        epilog="Exit status: 0, all are right, perhaps after a repair, which is told; 3, one is not right, or is not "
        "read; 1, there is no such question or file. LaTeX that begins with - comes last, after --",
    )
    formula.add_argument(
        "formula",
        metavar="LATEX|FILE",
        help="with --question LaTeX; without it a Markdown file with its formulas between $$, each line held against "
        "what its left side names",
    )
    formula.add_argument("--question", metavar="ID", help="what is asked, as 2-2-gamma; a wrong one lists them all")
    formula.add_argument("--scalars", action="store_true", help="gamma and beta are one number for all features")

    forget = command(_forget, "remove everything that is kept of one student")
    _place(forget)
    forget.add_argument("student", metavar="STUDENT", help="the name of the student's folder")
    forget.add_argument(
        "--submitted", metavar="FOLDER", help="remove FOLDER/STUDENT too, what was handed in (default: it is left)"
    )

    doctor = command(_doctor, "show the sandbox, and try to break out of it")
    doctor.add_argument("--sandbox", default="bubblewrap", metavar="KIND", help="bubblewrap (default) or none")
    return parser


def _place(parser):
    parser.add_argument("--out", default="_build/grading", help="folder of grades and feedback (default: %(default)s)")
    parser.add_argument("--course", help="nbgrader's course folder, with the hidden seed (default: OUT/course)")
    parser.add_argument(
        "--db",
        metavar="URL",
        help="the gradebook: postgresql://USER@HOST/DATABASE, its password in ~/.pgpass; or sqlite, a file in the "
        "course folder (default: as the course folder was last graded with, else sqlite)",
    )
    parser.add_argument(
        "--verbose", action="store_true", help=f"print the grader's own faults, as OUT/{FILE} has them, with tracebacks"
    )


def _assignment(args):
    from .assignment.load import find_assignment, load_assignment

    return load_assignment(find_assignment(args.assignment))


def _release(args):
    from .assignment.release import release

    _say(f"the assignment: {_shown(release(_assignment(args), args.out))}")
    return GRADED


def _demo(args):
    from .demo import write_class

    submitted = write_class(_assignment(args), args.out)
    _say(f"a class of {len(list(submitted.iterdir()))}: {_shown(submitted)}")
    return GRADED


def _grade(args):
    if args.timeout <= 0:
        raise ValueError(f"--timeout must be above 0 seconds, but is {args.timeout:g}")
    if args.jobs is not None and args.jobs < 1:
        raise ValueError(f"--jobs must be at least 1, but is {args.jobs}")
    if not args.dask:
        from .assignment.load import find_assignment
        from .grading import executors

        executors.begin(find_assignment(args.assignment))
    from .grading.batch import grade_all, strays

    course = _course(args)
    options = dict(timeout=args.timeout, sandbox=args.sandbox, limits=_limits(args.limit), say=_say)
    options |= dict(again=args.again, students=args.student, questions=args.question, resume=args.resume)
    options |= dict(jobs=args.jobs, dask_address=args.dask)
    with course.lock():
        rows, graded, seconds = grade_all(args.submitted, course, **options)
    _say(*_table(rows), *_closing(rows, course, graded, seconds))
    if names := strays(args.submitted, course):
        _say(f"no folder of a student, so left alone in {args.submitted}: {', '.join(names)}")
    return _status(rows)


def _limits(given):
    from .sandbox.bubblewrap import Limits

    usual, limits = vars(Limits()), {}
    for text in given:
        name, _, number = text.partition("=")
        if name not in usual or not number.isdecimal():
            raise ValueError(
                f"--limit is NAME=N, a whole number, where NAME is one of {', '.join(usual)}; not {text!r}"
            )
        limits[name] = int(number)
    return Limits(**limits)


def _feedback(args):
    from .reports.feedback import write_feedback

    course = _graded_course(args)
    with course.lock():
        written, failed = write_feedback(course, again=args.again, say=_say)
    _say(
        f"feedback: {_shown(course.out / 'feedback')}  ({written} students' pages written, the others had not changed)"
    )
    for student, why in failed.items():
        _say(f"no feedback for {student}: {why.strip().splitlines()[-1]}")
    return NEEDS_A_PERSON if failed else GRADED


def _summary(args):
    from .course.folder import Busy
    from .grading.gradebook import export, grades

    course = _graded_course(args)
    try:
        with course.lock():
            rows = export(course)
    except Busy:  # a batch is running: it writes them
        rows = grades(course)
    _say(*_table(rows), *_closing(rows, course))
    return _status(rows)


def _collect(args):
    from .course.roster import read_roster
    from .lms.collect import collect

    roster = read_roster(args.roster)
    done = collect(_assignment(args), args.download, roster, args.out, replacing=args.replace, timezone=args.timezone)
    if done.notes:
        _say(*done.notes, "")
    _say(f"{len(done.students)} of {len(roster)} students collected: {_shown(args.out)}")
    if done.absent:
        _say(f"nothing came of {len(done.absent)}: {', '.join(map(shown, done.absent))}")
    return _person(done.needs)


def _export(args):
    from .course.folder import write_whole
    from .course.roster import read_roster
    from .grading.gradebook import export
    from .lms import export as lms_export

    if args.points is not None and not args.points > 0:
        raise ValueError(f"--points must be above 0, but is {args.points:g}")
    if args.to != "csv" and not args.roster:
        raise ValueError(f"--to {args.to} needs the class, to find the students there: --roster FILE")
    course = _graded_course(args)
    roster = read_roster(args.roster) if args.roster else {}
    with course.lock():
        rows = export(course)
    waiting = [f"{shown(row['student'])}: {row['manual_waiting']} to read" for row in rows if row["manual_waiting"]]
    needs = [f"{shown(row['student'])}: {shown(row['needs'])}" for row in rows if row["needs"]]
    if args.to == "csv":
        _say(f"grades: {_shown(course.out / 'grades.csv')}")
        return _person(needs if args.partial else waiting + needs)
    path = course.out / f"for_{args.to}.csv"
    if (waiting or needs) and not args.partial:
        todo = ["read the derivations that wait"] * bool(waiting)
        todo += ["look at who needs you, and tick it off with  autograder resolve"] * bool(needs)
        _say(f"{path.name} was not written: {', and '.join(todo)}; or export it as it is with  --partial")
        return _person(waiting + needs)
    table = getattr(lms_export, args.to)(rows, roster, args.column or course.name, args.points)
    write_whole(path, table.text())
    for words in table.advice:
        _say(f"note: {words}")
    _say(f"grades for {args.to.capitalize()}: {_shown(path)}")
    return _person(table.needs + needs)


def _resolve(args):
    from .grading.gradebook import export, load_records, open_needs
    from .grading.resolutions import read_resolutions, resolve, undo

    if not args.undo and not (args.because or "").strip():
        raise ValueError("say what was found:  --because WHY  (or take it back with  --undo)")
    course = _graded_course(args)
    with course.lock():
        records, resolutions = load_records(course), read_resolutions(course)
        if unknown := [name for name in args.student if name not in records]:
            raise ValueError(f"There is no submission of {unknown[0]!r}. Those of the table of grades are known.")
        if args.undo:
            changed = undo(course, args.student)
        else:
            needs = {name: open_needs(records[name], resolutions)[0] for name in args.student}
            changed = resolve(course, needs, args.because.strip(), args.by)
        rows = export(course)
    for each in changed:
        _say(f"{each.student}: {'open again: ' if args.undo else ''}{each}")
    for name in dict.fromkeys(args.student):
        if name not in {each.student for each in changed}:
            _say(f"{name}: {'nothing was ticked off' if args.undo else 'nobody is needed'}")
    return _person([f"{row['student']}: {row['needs']}" for row in rows if row["needs"]])


def _report(args):
    from .course import late_policy
    from .course.folder import write_whole
    from .grading.gradebook import graded_cells, grades, load_records
    from .reports.class_report import page

    course = _graded_course(args)
    records = load_records(course)
    text = page(
        course.assignment, grades(course, records), records, graded_cells(course), late_policy.read_policy(course.root)
    )
    path = course.out / "report.html"
    write_whole(path, text)
    _say(f"the class: {_shown(path)}")
    return GRADED


def _forget(args):
    from .grading.forget import forget

    course = _graded_course(args)
    with course.lock():
        done = forget(args.student, course, args.submitted)
    _say(f"removed of {args.student}:", *(f"  * {what}" for what in done.removed))
    _say("", "not reached:", *(f"  * {what}" for what in done.left))
    return GRADED


def _person(needs):
    """Print what a person must look at, and return the exit status."""
    if needs:
        _say("", f"needs you  {len(needs)}", *(f"  * {need}" for need in needs))
    return NEEDS_A_PERSON if needs else GRADED


PREVIEW = "import sys, checks; checks.before_you_hand_in(sys.argv[1])"


def _preview(args):
    """Have each notebook of a folder previewed by the checks.py that lies beside it."""
    folder = Path(args.folder)
    notebooks = sorted(folder.glob("*.ipynb"))
    if not notebooks or not (folder / "checks.py").is_file():
        raise ValueError(f"{folder} holds no notebook with checks.py beside it; the release has them together")
    for path in notebooks:
        subprocess.run([sys.executable, "-c", PREVIEW, path.name], cwd=folder, check=True)
    return GRADED


VERDICTS = {"right": "right", "repaired": "right after a repair", "wrong": "wrong", "asked": "ambiguous"}
VERDICTS |= {"unread": "not read", "definition": "defining something"}


def _formula(args):
    formulas = _assignment(args).formulas
    if formulas is None:
        raise ValueError("the assignment asks for no formula")
    if args.question:
        verdict = formulas.judge(args.question, args.formula, scalars=args.scalars)
        _say(f"{verdict.target}   {_verdict(verdict)}")
        for name, shape in verdict.shapes:
            _say(f"    {name or 'it'} is {shape}")
        _tell(verdict)
        verdicts = [verdict]
    else:
        verdicts = _sheet(Path(args.formula), formulas.judge_sheet, args.scalars)
    bad = {"wrong", "asked", "unread"}
    return NEEDS_A_PERSON if any(verdict.verdict in bad for verdict in verdicts) else GRADED


def _verdict(verdict):
    words = VERDICTS[verdict.verdict]
    if verdict.verdict in ("right", "repaired"):
        words += f", to {verdict.error:.0e}" if verdict.error else ", exactly"
    elif math.isfinite(verdict.error):
        words += f", off by {verdict.error:.2g}"
    return words + (f": {verdict.name}" if verdict.name else "")


def _sheet(path, judge_sheet, scalars):
    """Print the verdict on every formula of a written solution, and return them."""
    if not path.is_file():
        raise ValueError(f"there is no file {path}; of a formula say what it answers:  --question 2-2-gamma")
    rows = judge_sheet(path.read_text(encoding="utf-8-sig"), scalars=scalars)
    for number, (left, right, verdict) in enumerate(rows, 1):
        line = re.sub(r"\s+", " ", f"{left} = {right}" if left else right)
        _say(f"{number:>3}  {line if len(line) <= 110 else line[:110] + ' …'}", f"     {_verdict(verdict)}")
        _tell(verdict)
    counts = Counter(verdict.verdict for _, _, verdict in rows)
    found = [f"{counts[name]} {words}" for name, words in VERDICTS.items() if counts[name]]
    found = [f"{len(rows)} formula{'s' * (len(rows) != 1)}", *found]
    _say("", " · ".join(found))
    return [verdict for _, _, verdict in rows]


def _tell(verdict):
    for words in verdict.words:
        for line in words.splitlines():
            _say(f"       {line}")


def _doctor(args):
    from .sandbox.self_test import report

    return GRADED if report(args.sandbox, say=_say) else FAILED


def _course(args):
    from .assignment.load import find_assignment
    from .course.folder import Course

    return Course.at(args.out, args.course, args.db, find_assignment(args.assignment))


def _graded_course(args):
    course = _course(args)
    if not course.records.is_dir():
        raise ValueError(
            f"Nothing has been graded into {args.out} yet. First:  autograder grade SUBMITTED --out {args.out}"
        )
    return course


def _table(rows):
    columns = rows[0] if rows else {}
    questions = [name for name in columns if name.startswith("auto ") and not is_check_of_formula(name)]
    formulas = [name for name in columns if name.startswith("auto ") and is_check_of_formula(name)]
    short = [name.removeprefix("auto ").removeprefix("2-2-") for name in questions]
    lines = [["student", "automatic", *short, "formulas", "by hand", ""]]
    for row in rows:
        automatic = f"{row['auto_score']:g} of {row['auto_max']:g}"
        by_hand = f"{row['manual_score']:g} of {row['manual_max']:g}"
        by_hand = f"{row['manual_waiting']} to read" if row["manual_waiting"] else by_hand
        scores = ["-" if row[name] is None else f"{row[name]:g}" for name in questions]  # -: not graded
        scores += [f"{sum(row[name] or 0 for name in formulas):g}"]
        lines.append([shown(row["student"]), automatic, *scores, by_hand, "*" if row["needs"] else ""])
    left, *widths = (max(map(len, column)) for column in zip(*lines, strict=True))
    return ["  ".join([name.ljust(left), *map(str.rjust, cells, widths)]).rstrip() for name, *cells in lines]


def _closing(rows, course, graded=0, seconds=0):
    from .grading.gradebook import load_records
    from .grading.resolutions import read_resolutions

    needing = sum(bool(row["needs"]) for row in rows)
    parts = [course.name, f"{len(rows)} submissions", f"{len(rows) - needing} graded", f"{needing} need you"]
    parts += [f"{resolved} resolved"] if (resolved := sum(bool(row["resolved"]) for row in rows)) else []
    if graded:
        parts += [f"{graded} of them now" if graded < len(rows) else "", _minutes(seconds)]
        parts += [f"{graded / seconds * 60:.0f} a minute"]
    records, resolutions = load_records(course), read_resolutions(course)
    lines = [
        " · ".join(filter(None, parts)),
        *_reasons(rows, records, resolutions),
        *_mistakes(course.assignment, records.values()),
    ]
    again = "again, safely: autograder grade … --resume" if graded else ""
    where = [f"grades: {_shown(course.out / 'grades.csv')}, grades.json", again]
    if any(fault.level == "ERROR" for record in records.values() for fault in record.faults):
        where.append(f"the grader's own faults: {_shown(course.out / FILE)}")
    return ["", *lines, "", "   ".join(filter(None, where))]


def _reasons(rows, records, resolutions, most=30):
    """Why somebody is needed, the most frequent reason first, and for whom."""
    from .grading.gradebook import open_needs

    students = {}
    for row in rows:
        record = records.get(row["student"])
        needs = open_needs(record, resolutions)[0] if record else []
        for reason in dict.fromkeys(needs if "; ".join(needs) == row["needs"] else [row["needs"]]):
            students.setdefault(reason, []).append(row["student"])
    found = sorted(students.items(), key=lambda item: -len(item[1]))
    lines = [f"{len(names):>3}  {reason}   {_some(names)}" for reason, names in found[:most]]
    if len(found) > most:
        lines.append(f"     and {len(found) - most} more reasons: the column `needs` of grades.csv")
    return ["", *(f"  {'needs you' if not n else '':<11}{line}" for n, line in enumerate(lines))] if lines else []


def _mistakes(assignment, records, most=5):
    """The named mistakes that were made most often, and in what share of the submissions that were graded."""
    from .reports.class_report import named_mistakes

    graded = [record for record in records if record.cells]
    equations = {mistake.name: f"   equation {mistake.equation}" for mistake in assignment.mistakes}
    lines = [
        f"{100 * count / len(graded):>3.0f} %  {name}{equations.get(name.split(', or ')[0], '')}"
        for name, _, count in named_mistakes(graded)[:most]
    ]
    return ["", *(f"  {'most often' if not n else '':<11}{line}" for n, line in enumerate(lines))] if lines else []


def _some(names):
    return f"({', '.join(names[:3])}{', …' if len(names) > 3 else ''})"


def _status(rows):
    return NEEDS_A_PERSON if any(row["needs"] for row in rows) else GRADED


def _minutes(seconds):
    return f"{seconds // 60:.0f} min {seconds % 60:.0f} s" if seconds >= 60 else f"{seconds:.0f} s"


def _shown(path):
    """A path as short as it can be said from here."""
    path = Path(path).resolve()
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def _say(*lines):
    """Print lines, each as exactly one: a student's text begins no line, moves no cursor and changes no colour."""
    for line in lines:
        print(shown(line), flush=True)


def _complain(name, text):
    """Print why a command could not do its work. Lines after the first are indented, so that none looks like ours."""
    first, *more = text.splitlines() or [""]
    for line in (f"autograder {name}: {first}", *(f"  {line}" for line in more)):
        print(shown(line), file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())

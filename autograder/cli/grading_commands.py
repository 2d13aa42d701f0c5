"""Commands that grade, and the table of grades on the console."""

from ..assignment.cell_names import is_check_of_formula
from ..course.roster import shown
from ..faults import FILE
from .options import add_course_options, graded_course, load, open_course
from .output import GRADED, NEEDS_A_PERSON, say, short_path, tell_needs


def add_commands(add):
    """Add this module's commands. add: see `command_line.parser`."""
    collect = add(_collect, "sort a download of Canvas or Moodle into <student>/<assignment>")
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

    grade = add(_grade, "grade submissions, as far as they are new or have changed")
    grade.add_argument("submitted", metavar="SUBMITTED", help="folder of <student>/<assignment>/<notebook>.ipynb")
    add_course_options(grade)
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

    add_course_options(add(_summary, "print the table of grades, and write grades.csv and grades.json anew"))


def _collect(args):
    from ..course.roster import read_roster
    from ..lms.collect import collect

    roster = read_roster(args.roster)
    done = collect(load(args), args.download, roster, args.out, replacing=args.replace, timezone=args.timezone)
    if done.notes:
        say(*done.notes, "")
    say(f"{len(done.students)} of {len(roster)} students collected: {short_path(args.out)}")
    if done.absent:
        say(f"nothing came of {len(done.absent)}: {', '.join(map(shown, done.absent))}")
    return tell_needs(done.needs_attention)


def _grade(args):
    if args.timeout <= 0:
        raise ValueError(f"--timeout must be above 0 seconds, but is {args.timeout:g}")
    if args.jobs is not None and args.jobs < 1:
        raise ValueError(f"--jobs must be at least 1, but is {args.jobs}")
    if not args.dask:
        from ..assignment.load import find_assignment
        from ..grading import executors

        executors.begin(find_assignment(args.assignment))
    from ..grading.batch import grade_all, strays

    course = open_course(args)
    options = dict(timeout=args.timeout, sandbox=args.sandbox, limits=_limits(args.limit), say=say)
    options |= dict(again=args.again, students=args.student, questions=args.question, resume=args.resume)
    options |= dict(jobs=args.jobs, dask_address=args.dask)
    with course.lock():
        rows, graded, seconds = grade_all(args.submitted, course, **options)
    say(*_table(rows), *_closing(rows, course, graded, seconds))
    if names := strays(args.submitted, course):
        say(f"no folder of a student, so left alone in {args.submitted}: {', '.join(names)}")
    return _status(rows)


def _limits(given):
    from ..sandbox.bubblewrap import Limits

    usual, limits = vars(Limits()), {}
    for text in given:
        name, _, number = text.partition("=")
        if name not in usual or not number.isdecimal():
            raise ValueError(
                f"--limit is NAME=N, a whole number, where NAME is one of {', '.join(usual)}; not {text!r}"
            )
        limits[name] = int(number)
    return Limits(**limits)


def _summary(args):
    from ..course.folder import Busy
    from ..grading.gradebook import export, grades

    course = graded_course(args)
    try:
        with course.lock():
            rows = export(course)
    except Busy:  # a batch is running: it writes them
        rows = grades(course)
    say(*_table(rows), *_closing(rows, course))
    return _status(rows)


def _table(rows):
    columns = rows[0] if rows else {}
    questions = [name for name in columns if name.startswith("auto ") and not is_check_of_formula(name)]
    formulas = [name for name in columns if name.startswith("auto ") and is_check_of_formula(name)]
    short = [name.removeprefix("auto ") for name in questions]
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
    from ..grading.batch import minutes
    from ..grading.gradebook import load_records
    from ..grading.resolutions import read_resolutions

    needing = sum(bool(row["needs"]) for row in rows)
    parts = [course.name, f"{len(rows)} submissions", f"{len(rows) - needing} graded", f"{needing} need you"]
    parts += [f"{resolved} resolved"] if (resolved := sum(bool(row["resolved"]) for row in rows)) else []
    if graded:
        parts += [f"{graded} of them now" if graded < len(rows) else "", minutes(seconds)]
        parts += [f"{graded / seconds * 60:.0f} a minute"]
    records, resolutions = load_records(course), read_resolutions(course)
    lines = [
        " · ".join(filter(None, parts)),
        *_reasons(rows, records, resolutions),
        *_mistakes(course.assignment, records.values()),
    ]
    again = "again, safely: autograder grade … --resume" if graded else ""
    where = [f"grades: {short_path(course.out / 'grades.csv')}, grades.json", again]
    if any(fault.level == "ERROR" for record in records.values() for fault in record.faults):
        where.append(f"the grader's own faults: {short_path(course.out / FILE)}")
    return ["", *lines, "", "   ".join(filter(None, where))]


def _reasons(rows, records, resolutions, most=30):
    """Why somebody is needed, the most frequent reason first, and for whom."""
    from ..grading.gradebook import open_needs

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
    from ..reports.class_report import named_mistakes

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

"""Commands on what was graded: feedback, the class report, files to import elsewhere, decisions on single students."""

from ..course.roster import shown
from .options import add_course_options, graded_course
from .output import GRADED, NEEDS_A_PERSON, say, short_path, tell_needs


def add_commands(add):
    """Add this module's commands. add: see `command_line.parser`."""
    feedback = add(_feedback, "write a page of feedback for each notebook, as far as grades have changed")
    add_course_options(feedback)
    feedback.add_argument("--again", action="store_true", help="write also what has not changed")

    export = add(_export, "write the grades, with those given by hand, as a file to import elsewhere")
    add_course_options(export)
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

    resolve = add(
        _resolve,
        "tick off what needs a person, once somebody has looked",
        epilog="The reasons stay ticked off when the same submission is graded again; a new reason shows.",
    )
    resolve.add_argument("student", nargs="+", metavar="STUDENT", help="as in the table of grades; several are fine")
    resolve.add_argument("--because", metavar="WHY", help="what was found; it stands beside the reason from then on")
    resolve.add_argument("--by", metavar="NAME", help="who has looked (default: the name of this account)")
    resolve.add_argument("--undo", action="store_true", help="take back what was ticked off")
    add_course_options(resolve)

    add_course_options(add(_report, "write a page on the class: scores, questions, what to teach again"))

    forget = add(_forget, "remove everything that is kept of one student")
    add_course_options(forget)
    forget.add_argument("student", metavar="STUDENT", help="the name of the student's folder")
    forget.add_argument(
        "--submitted", metavar="FOLDER", help="remove FOLDER/STUDENT too, what was handed in (default: it is left)"
    )


def _feedback(args):
    from ..grading.feedback_pages import write_feedback

    course = graded_course(args)
    with course.lock():
        written, failed = write_feedback(course, again=args.again, say=say)
    others = "the others had not changed"
    say(f"feedback: {short_path(course.out / 'feedback')}  ({written} students' pages written, {others})")
    for student, why in failed.items():
        say(f"no feedback for {student}: {why.strip().splitlines()[-1]}")
    return NEEDS_A_PERSON if failed else GRADED


def _export(args):
    from ..course.folder import write_whole
    from ..course.roster import read_roster
    from ..grading.gradebook import export
    from ..lms import export as lms_export

    if args.points is not None and not args.points > 0:
        raise ValueError(f"--points must be above 0, but is {args.points:g}")
    if args.to != "csv" and not args.roster:
        raise ValueError(f"--to {args.to} needs the class, to find the students there: --roster FILE")
    course = graded_course(args)
    roster = read_roster(args.roster) if args.roster else {}
    with course.lock():
        rows = export(course)
    waiting = [f"{shown(row['student'])}: {row['manual_waiting']} to read" for row in rows if row["manual_waiting"]]
    needs = [f"{shown(row['student'])}: {shown(row['needs'])}" for row in rows if row["needs"]]
    if args.to == "csv":
        say(f"grades: {short_path(course.out / 'grades.csv')}")
        return tell_needs(needs if args.partial else waiting + needs)
    path = course.out / f"for_{args.to}.csv"
    if (waiting or needs) and not args.partial:
        todo = ["read the derivations that wait"] * bool(waiting)
        todo += ["look at who needs you, and tick it off with  autograder resolve"] * bool(needs)
        say(f"{path.name} was not written: {', and '.join(todo)}; or export it as it is with  --partial")
        return tell_needs(waiting + needs)
    table = getattr(lms_export, args.to)(rows, roster, args.column or course.name, args.points)
    write_whole(path, table.text())
    for words in table.advice:
        say(f"note: {words}")
    say(f"grades for {args.to.capitalize()}: {short_path(path)}")
    return tell_needs(table.needs_attention + needs)


def _resolve(args):
    from ..grading.gradebook import export, load_records, open_needs
    from ..grading.resolutions import read_resolutions, resolve, undo

    if not args.undo and not (args.because or "").strip():
        raise ValueError("say what was found:  --because WHY  (or take it back with  --undo)")
    course = graded_course(args)
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
        say(f"{each.student}: {'open again: ' if args.undo else ''}{each}")
    for name in dict.fromkeys(args.student):
        if name not in {each.student for each in changed}:
            say(f"{name}: {'nothing was ticked off' if args.undo else 'nobody is needed'}")
    return tell_needs([f"{row['student']}: {row['needs']}" for row in rows if row["needs"]])


def _report(args):
    from ..course.folder import write_whole
    from ..grading.gradebook import graded_cells, grades, load_records
    from ..reports.class_report import page

    course = graded_course(args)
    records = load_records(course)
    text = page(course.assignment, grades(course, records), records, graded_cells(course), course.rules.late)
    path = course.out / "report.html"
    write_whole(path, text)
    say(f"the class: {short_path(path)}")
    return GRADED


def _forget(args):
    from ..grading.forget import forget

    course = graded_course(args)
    with course.lock():
        done = forget(args.student, course, args.submitted)
    say(f"removed of {args.student}:", *(f"  * {what}" for what in done.removed))
    say("", "not reached:", *(f"  * {what}" for what in done.left))
    return GRADED

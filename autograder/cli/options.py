"""The options that commands share: which assignment, and where its grades lie; and what they name."""

from ..faults import FILE


def add_course_options(parser):
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


def load(args):
    from ..assignment.load import find_assignment, load_assignment

    return load_assignment(find_assignment(args.assignment))


def open_course(args):
    from ..assignment.load import find_assignment
    from ..course.folder import Course

    return Course.at(args.out, args.course, args.db, find_assignment(args.assignment))


def graded_course(args):
    course = open_course(args)
    if not course.records.is_dir():
        raise ValueError(
            f"Nothing has been graded into {args.out} yet. First:  autograder grade SUBMITTED --out {args.out}"
        )
    return course

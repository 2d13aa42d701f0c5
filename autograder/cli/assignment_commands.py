"""Commands on an assignment before it is graded: its release, a class to try it on, a preview, its formulas."""

import math
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

from .options import load
from .output import GRADED, NEEDS_A_PERSON, REPAIRED, say, short_path

PREVIEW = "import sys, checks; checks.before_you_hand_in(sys.argv[1])"
VERDICTS = {"right": "right", "repaired": "right after a repair", "inconsistent": "right after a false step"}
VERDICTS |= {name: name for name in ("wrong", "ambiguous", "not read")} | {"definition": "defining something"}


def add_commands(add):
    """Add this module's commands. add: see `command_line.parser`."""
    new = add(
        _new,
        "write a new course folder with one assignment; or in a course folder  new assignment NAME",
        of_assignment=False,
    )
    new.add_argument("words", nargs="+", metavar="COURSE|assignment NAME", help="the new folder, or the new assignment")
    new.add_argument(
        "--assignment", metavar="NAME", default="homework1", help="of a new course's assignment (default: %(default)s)"
    )

    release = add(_release, "make the students' version of the assignment")
    release.add_argument(
        "--out", default="_build/release", help="folder that gets the assignment's (default: %(default)s)"
    )

    demo = add(_demo, "write a class of made-up submissions to try the grading on")
    demo.add_argument("--out", default="_build/demo", help="folder that gets submitted/ (default: %(default)s)")

    preview = add(
        _preview,
        "run notebooks from top to bottom, as when they are graded, and say what is missing",
        of_assignment=False,
        epilog="It runs the notebooks' code on this machine, without a sandbox: use it for your own work.",
    )
    preview.add_argument(
        "folder", metavar="FOLDER", help="the folder with the notebooks, and with checks.py beside them"
    )

    formula = add(
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

    where = add(_where, "say where a label, a function, a question, a part or a mistake stands")
    where.add_argument("name", nargs="+", metavar="NAME", help="as in  jac-softmax,  2-2 branch b  or  da_1b")


def _new(args):
    from ..assignment.load import find_course
    from ..assignment.new_course import write_assignment, write_course
    from ..course.course_config import DEFAULTS

    match args.words:
        case ["assignment", name]:
            course = find_course()
            if not Path.cwd().is_relative_to(course):
                raise ValueError(f"a new assignment is written into a course folder, and {Path.cwd()} is in none")
            say(f"a new assignment: {short_path(write_assignment(course, name))}")
        case [folder]:
            course = write_course(Path(folder), args.assignment, DEFAULTS)
            say(f"a new course: {short_path(course)}", f"next:  cd {course} && autograder kernel && autograder release")
        case _:
            raise ValueError("autograder new COURSE, or in a course folder  autograder new assignment NAME")
    return GRADED


def _release(args):
    from ..assignment.release import release

    say(f"the assignment: {short_path(release(load(args), args.out))}")
    return GRADED


def _demo(args):
    from ..demo import write_class

    submitted = write_class(load(args), args.out)
    say(f"a class of {len(list(submitted.iterdir()))}: {short_path(submitted)}")
    return GRADED


def _preview(args):
    """Have each notebook of a folder previewed by the checks.py that lies beside it."""
    folder = Path(args.folder)
    notebooks = sorted(folder.glob("*.ipynb"))
    if not notebooks or not (folder / "checks.py").is_file():
        raise ValueError(f"{folder} holds no notebook with checks.py beside it; the release has them together")
    for path in notebooks:
        subprocess.run([sys.executable, "-c", PREVIEW, path.name], cwd=folder, check=True)
    return GRADED


def _formula(args):
    formulas = load(args).formulas
    if formulas is None:
        raise ValueError("the assignment asks for no formula")
    if args.question:
        verdict = formulas.judge(args.question, args.formula, scalars=args.scalars)
        say(f"{verdict.target}   {_verdict(verdict)}")
        for name, shape in verdict.shapes:
            say(f"    {name or 'it'} is {shape}")
        _tell(verdict)
        verdicts = [verdict]
    else:
        verdicts = _sheet(Path(args.formula), formulas.judge_sheet, args.scalars)
    found = {verdict.verdict for verdict in verdicts}
    if found & {"inconsistent", "wrong", "ambiguous", "not read"}:
        return NEEDS_A_PERSON
    return REPAIRED if "repaired" in found else GRADED


def _column(verdict):
    """The verdict under which a formula is counted."""
    return "repaired" if verdict.is_right_if_repaired else verdict.verdict


def _verdict(verdict):
    words = VERDICTS[_column(verdict)]
    if _column(verdict) in ("right", "repaired", "inconsistent"):
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
        say(f"{number:>3}  {line if len(line) <= 110 else line[:110] + ' …'}", f"     {_verdict(verdict)}")
        _tell(verdict)
    counts = Counter(_column(verdict) for _, _, verdict in rows)
    found = [f"{counts[name]} {words}" for name, words in VERDICTS.items() if counts[name]]
    found = [f"{len(rows)} formula{'s' * (len(rows) != 1)}", *found]
    say("", " · ".join(found))
    return [verdict for _, _, verdict in rows]


def _tell(verdict):
    for words in verdict.words:
        for line in words.splitlines():
            say(f"       {line}")


def _where(args):
    from ..assignment.load import load_index

    assignment = load(args)
    for where in load_index(assignment).locate(" ".join(args.name), assignment):
        say(*where.lines(), "")
    return GRADED

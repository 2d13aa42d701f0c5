"""The command line: its parser, put together of the modules of commands, and what becomes of an error."""

import argparse
from contextlib import nullcontext
from pathlib import Path

from ..faults import log_file
from . import assignment_commands, grading_commands, machine_commands, result_commands
from .output import FAILED, STOPPED, complain

DESCRIPTION = "The commands of `autograder`: what a teacher types."
EXIT = """exit status:
  0  all of it was done, and nobody is needed
  1  it could not be done; the last lines say why and what to do
  3  everything has a row, and some rows need a person: the summary says which and why
  4  of formulas: every one is right, some after a repair
  130  stopped by Ctrl-C; what was graded is kept"""


def main(argv=None):
    """Run one command, and return its exit status. argv: its words; None: those of the process."""
    args = parser().parse_args(argv)
    try:
        if hasattr(args, "out") and Path(args.out).is_file():
            raise ValueError(f"--out is a folder, but {args.out} is a file")
        with log_file(args.out, verbose=args.verbose) if hasattr(args, "verbose") else nullcontext():
            return args.command(args)
    except (ValueError, OSError) as error:
        complain(args.name, str(error))
        return FAILED
    except KeyboardInterrupt as stopped:
        complain(args.name, str(stopped) or "stopped")
        return STOPPED


def parser() -> argparse.ArgumentParser:
    """The parser of all commands.

    Each module of commands adds its own by add(function, help, **options of add_parser), which returns the command's
    parser: function(args) runs it and returns the exit status, and is called as the command, after an underscore.
    """
    whole = argparse.ArgumentParser(
        prog="autograder", epilog=EXIT, formatter_class=argparse.RawDescriptionHelpFormatter, description=DESCRIPTION
    )
    commands = whole.add_subparsers(dest="name", required=True, metavar="COMMAND")

    def add(function, help, *, of_assignment=True, **more):
        added = commands.add_parser(function.__name__.removeprefix("_"), help=help, description=help, **more)
        added.set_defaults(command=function)
        if of_assignment:
            added.add_argument("--assignment", metavar="NAME", help="which one, where the course has more than one")
        return added

    for module in (assignment_commands, grading_commands, result_commands, machine_commands):
        module.add_commands(add)
    return whole

"""Commands on this machine: the environment that submissions run in, and the sandbox around it."""

from pathlib import Path

from .output import FAILED, GRADED, say, short_path


def add_commands(add):
    """Add this module's commands. add: see `command_line.parser`."""
    add(
        _kernel,
        "make the environment that submissions run in, .venv-kernel in the course folder",
        of_assignment=False,
        epilog="It is made by Python's own venv and pip, from the versions and hashes that come with it. If "
        "it shall lie elsewhere, name the place in the variable AUTOGRADER_KERNEL, now and when you grade.",
    )
    doctor = add(_doctor, "show the sandbox, and try to break out of it", of_assignment=False)
    doctor.add_argument("--sandbox", default="bubblewrap", metavar="KIND", help="bubblewrap (default) or none")


def _kernel(args):
    from ..assignment.load import find_course
    from ..sandbox.kernel_environment import kernel_of, make_kernel

    folder = kernel_of(find_course())
    make_kernel(folder, say)
    say(f"submissions run in  {short_path(folder)}")
    return GRADED


def _doctor(args):
    from ..assignment.load import find_course
    from ..sandbox.kernel_environment import find_kernel
    from ..sandbox.self_test import report

    try:
        course = find_course()
    except ValueError:  # the sandbox can be tried without an assignment
        course = Path.cwd()
    return GRADED if report(args.sandbox, say=say, kernel=find_kernel(course)) else FAILED

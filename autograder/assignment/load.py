"""Find an assignment's folder, and load it as an object."""

import importlib
import sys
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from types import ModuleType

from .model import Assignment

FOLDER = "assignments"
INSTALLED = Path(__file__).parents[2]  # in this repository the course that lies beside the engine


def find_course(start: Path | None = None) -> Path:
    """The course folder: the nearest from `start` (by default the working directory) upwards that holds assignments;
    else the one that the engine lies in.

    Raises:
        ValueError: there is none; in words for a teacher.
    """
    start = Path(start or Path.cwd()).resolve()
    for folder in (start, *start.parents, INSTALLED):
        if find_assignments(folder):
            return folder
    raise ValueError(
        f"There is no assignment: neither {start} nor a folder above it holds  {FOLDER}/NAME/assignment.py"
    )


def find_assignments(course: Path) -> list[Path]:
    """The folders of a course's assignments, by name."""
    return [path.parent for path in sorted((Path(course) / FOLDER).glob("*/assignment.py"))]


def find_assignment(name: str | None = None, course: Path | None = None) -> Path:
    """The folder of a course's assignment.

    Args:
        name: which one; None: the only one.
        course: the course folder; None: that of find_course.

    Raises:
        ValueError: there is none of this name, or more than one and no name; in words for a teacher.
    """
    course = course or find_course()
    found = {folder.name: folder for folder in find_assignments(course)}
    if name is None and len(found) == 1:
        return next(iter(found.values()))
    if name in found:
        return found[name]
    which = "say which one" if name is None else f"there is no {name!r}"
    raise ValueError(
        f"{Path(course) / FOLDER} holds {', '.join(found) or 'no assignment'}; {which}:  --assignment NAME"
    )


@lru_cache
def load_assignment(folder: Path) -> Assignment:
    """The Assignment of a folder, COURSE/assignments/NAME: ASSIGNMENT of its module `assignment`. Once a process.

    While its modules are imported, the course folder is where Python looks first.

    Raises:
        ValueError: there is none, a folder is no package (it holds no __init__.py), or this process has loaded the
            assignments of another course.
    """
    folder = Path(folder).resolve()
    for file in (folder / "assignment.py", folder / "__init__.py", folder.parent / "__init__.py"):
        if not file.is_file():
            raise ValueError(f"{folder} holds no assignment: there is no {file}.")
    with _first_on_path(str(folder.parents[1])):
        package = importlib.import_module(folder.parent.name)
        if Path(package.__file__).resolve().parent != folder.parent:
            raise ValueError(
                f"{package.__file__} has been loaded in place of {folder.parent}: a process serves one course."
            )
        module = importlib.import_module(f"{folder.parent.name}.{folder.name}.assignment")
    return module.ASSIGNMENT


def load_index(assignment: Assignment) -> ModuleType:
    """The module of the course that says where the names of an assignment stand; it has locate(name, assignment).

    Raises:
        ValueError: the assignment names none.
    """
    if not assignment.index:
        raise ValueError(f"{assignment.name} names no index of its labels, functions, questions and mistakes")
    with _first_on_path(str(assignment.course_folder)):
        return importlib.import_module(assignment.index)


@contextmanager
def _first_on_path(folder: str):
    sys.path.insert(0, folder)
    try:
        yield
    finally:
        sys.path.remove(folder)

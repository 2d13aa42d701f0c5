"""Write a new course folder, or a new assignment in one: a question made from a forward pass, ready to be released."""

import shutil
from pathlib import Path

from .load import FOLDER

TEMPLATES = Path(__file__).with_name("templates")
PACKAGE = '"""{}"""\n'
CODE_SUFFIX = ".txt"  # of a template that is code: the engine's own tools leave it alone


def write_assignment(course: Path, name: str) -> Path:
    """Write assignments/NAME into a course folder, and return its path.

    Raises:
        ValueError: the name is none that Python can import, or is taken; in words for a teacher.
    """
    if not (name.isidentifier() and name.isascii()):
        raise ValueError(f"{name!r} cannot be an assignment's name: it is made of letters, digits and _, as homework2")
    folder = Path(course) / FOLDER / name
    if folder.exists():
        raise ValueError(f"there is {folder} already, and nothing was changed")
    folder.mkdir(parents=True)
    if not (package := folder.parent / "__init__.py").exists():
        package.write_text(PACKAGE.format("The course's assignments, a folder each."), encoding="utf8")
    (folder / "__init__.py").write_text(PACKAGE.format("The assignment; `assignment.py` puts it together."), "utf8")
    for template in (TEMPLATES / "assignment").iterdir():
        shutil.copyfile(template, folder / template.name.removesuffix(CODE_SUFFIX))
    return folder


def write_course(course: Path, assignment: str, rules: str) -> Path:
    """Write a course folder with one assignment, and return its path. rules: the text of its course.toml.

    Raises:
        ValueError: there is something at its place, or the assignment cannot have this name.
    """
    course = Path(course)
    if course.exists() and not (course.is_dir() and not any(course.iterdir())):
        raise ValueError(f"{course} is there already, and nothing was changed: a new folder is needed, or an empty one")
    write_assignment(course, assignment)
    (course / "course.toml").write_text(rules, encoding="utf8")
    for template, name in {"README.md": "README.md", "gitignore": ".gitignore"}.items():
        text = (TEMPLATES / "course" / template).read_text(encoding="utf8")
        (course / name).write_text(text.replace("ASSIGNMENT", assignment), encoding="utf8")
    return course

"""A prepared course folder, and submissions written into it."""

import nbformat
import pytest

from autograder.course.folder import Course
from tests.hw1 import fill, right_answers, write


@pytest.fixture(scope="session")
def course(tmp_path_factory):
    made = Course.at(tmp_path_factory.mktemp("course"))
    made.prepare()
    return made


@pytest.fixture(scope="session")
def released(course):
    """{name: a released notebook}; do not change them."""
    return {path.stem: nbformat.read(path, as_version=4) for path in course.release.glob("*.ipynb")}


@pytest.fixture
def submit(released, tmp_path):
    """submit(student, {grade_id: source}, edit=...) writes a right submission with some cells replaced; its folder."""

    def write_one(student, cells, edit=lambda name, notebook: None):
        folder = tmp_path / "submitted" / student / "hw1"
        for name, notebook in released.items():
            filled = fill(notebook, right_answers() | cells)
            edit(name, filled)
            write(filled, folder / f"{name}.ipynb")
        return folder

    return write_one

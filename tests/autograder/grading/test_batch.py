"""A class with something wrong in it: everybody has a row, and nobody's mishap stops the others."""

import csv
from concurrent.futures import Executor, Future
from pathlib import Path

import pytest

from autograder import cli
from autograder.grading import batch
from autograder.grading.course import Course
from autograder.grading.gradebook import load_records, record_file
from autograder.grading.submission import LARGEST, Record, grade_submission, read_notebook, read_timestamp

LONG = "n" * 255  # as long as a folder's name may be


class AtOnce(Executor):
    """Runs what is submitted in this process, at once."""

    def submit(self, function, *args, **options):
        future = Future()
        try:
            future.set_result(function(*args, **options))
        except Exception as error:
            future.set_exception(error)
        return future


@pytest.fixture
def ungraded(monkeypatch):
    """Every submission becomes an empty record at once, without a kernel."""
    monkeypatch.setattr(
        batch, "grade_submission", lambda folder, course, key, **options: Record(folder.parent.name, key=key)
    )


def class_of(tmp_path, *students):
    for student in students:
        (tmp_path / "class" / student / "hw1").mkdir(parents=True)
    return tmp_path / "class"


def grade(submitted, course, **options):
    rows, *_ = batch.grade_all(submitted, course, executor=AtOnce(), say=lambda line: None, **options)
    return {row["student"]: row for row in rows}


@pytest.fixture
def fresh(tmp_path):
    return Course.at(tmp_path / "out")


@pytest.mark.parametrize("content", [b"gestern abend", b"\xff\xfe\xfa", b"99999999999999999999"])
def test_a_time_that_cannot_be_read_is_ignored_with_a_note(course, submit, content):
    folder = submit("late", {})
    (folder / "timestamp.txt").write_bytes(content)
    for name in ("problem1", "problem2"):
        (folder / f"{name}.ipynb").unlink()
    record = grade_submission(folder, course)
    assert record.timestamp is None
    assert record.notes == ["timestamp.txt holds no time that can be read; it is ignored"]
    (folder / "timestamp.txt").write_text("2025-03-01 12:00:00 UTC\n")
    assert read_timestamp(folder / "timestamp.txt") == "2025-03-01 12:00:00 UTC"


@pytest.mark.parametrize("broken", ["merge", "save", "grade"])
def test_what_fails_for_one_leaves_the_others_their_grades(tmp_path, fresh, ungraded, monkeypatch, broken):
    submitted = class_of(tmp_path, "ada", "bob", "eve")
    target = {"merge": (batch, "merge"), "save": (Record, "save"), "grade": (batch, "grade_submission")}[broken]
    right = getattr(*target)

    def fails(first, *args, **options):
        if "bob" in str(first):
            raise RuntimeError("no luck")
        return right(first, *args, **options)

    monkeypatch.setattr(*target, fails)
    assert set(grade(submitted, fresh)) == {"ada", "bob", "eve"}
    with open(fresh.out / "grades.csv", newline="", encoding="utf8") as file:
        rows = {row["student"]: row for row in csv.DictReader(file)}
    assert "no luck" in rows["bob"]["needs"]
    assert not rows["ada"]["needs"] and not rows["eve"]["needs"]
    monkeypatch.setattr(*target, right)
    assert not grade(submitted, fresh)["bob"]["needs"], "it is tried again"


def test_every_visible_folder_has_a_row_and_says_what_is_in_it(tmp_path, fresh):
    submitted = class_of(tmp_path, "ada")
    (submitted / "bob/HW1").mkdir(parents=True)
    (submitted / "bob/problem1.ipynb").touch()
    (submitted / ".cache").mkdir()
    (submitted / "list.csv").touch()
    rows = grade(submitted, fresh)
    assert set(rows) == {"ada", "bob"}
    assert rows["bob"]["needs"] == "no folder hw1 in it; found HW1/, problem1.ipynb"
    assert rows["bob"]["status"] == "needs a person"
    assert rows["bob"]["auto_score"] == rows["bob"]["manual_waiting"] == 0
    assert batch.strays(submitted, fresh) == ["list.csv"]


def test_what_the_grading_writes_is_no_submission(tmp_path, ungraded):
    submitted = class_of(tmp_path, "ada")
    inside = Course.at(submitted)
    for _ in range(2):
        assert set(grade(submitted, inside)) == {"ada"}
        assert batch.strays(submitted, inside) == []


def test_a_name_of_any_length_and_any_bytes_has_a_row(tmp_path, fresh):
    submitted = class_of(tmp_path, "ada", LONG, b"m\xfcller".decode("utf8", "surrogateescape"))
    assert set(grade(submitted, fresh)) == {"ada", LONG, r"m\xfcller"}
    assert record_file(fresh, LONG).exists()
    assert set(load_records(fresh)) == {"ada", LONG, r"m\xfcller"}
    _, graded, _ = batch.grade_all(submitted, fresh, executor=AtOnce(), say=lambda line: None)
    assert graded == 0


def test_a_notebook_that_cannot_be_read_is_a_sentence(tmp_path, monkeypatch):
    path = tmp_path / "ada/hw1/problem1.ipynb"
    path.parent.mkdir(parents=True)
    path.write_text("{}")

    def refuse(self, *args, **options):
        raise PermissionError(13, "Permission denied")

    for reads in ("read_text", "is_file"):
        with monkeypatch.context() as patch, pytest.raises(ValueError, match=r"problem1.ipynb cannot be read \(Perm"):
            patch.setattr(Path, reads, refuse)
            read_notebook(path)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "read_bytes", refuse)
        key = batch.submission_key(path.parent, "", 1)
    assert key != batch.submission_key(path.parent, "", 1)


def test_a_link_out_of_the_students_folder_is_refused(tmp_path):
    class_of(tmp_path, "ada", "bob")
    theirs, own = tmp_path / "class/bob/hw1/problem1.ipynb", tmp_path / "class/ada/hw1/problem1.ipynb"
    theirs.write_text('{"cells": []}')
    own.symlink_to(theirs)
    with pytest.raises(ValueError, match=r"problem1.ipynb is a link that leaves the student's own folder"):
        read_notebook(own)
    own.unlink()
    (tmp_path / "class/ada/mine.ipynb").write_text('{"cells": []}')
    own.symlink_to("../mine.ipynb")
    assert read_notebook(own) == {"cells": []}
    (tmp_path / "linked").symlink_to(tmp_path / "class/ada")
    assert read_notebook(tmp_path / "linked/hw1/problem1.ipynb") == {"cells": []}


def test_a_byte_order_mark_is_no_mistake(tmp_path):
    path = tmp_path / "problem1.ipynb"
    path.write_text('{"cells": []}', encoding="utf-8-sig")
    assert read_notebook(path) == {"cells": []}
    assert path.stat().st_size < LARGEST


def test_ctrl_c_keeps_what_is_graded(tmp_path, ungraded, capsys, monkeypatch):
    submitted = class_of(tmp_path, "ada", "bob", "eve")
    out = tmp_path / "out"
    monkeypatch.setattr(batch, "Processes", lambda jobs, patience: AtOnce())

    def stop(line):
        if line.lstrip().startswith("2/3"):
            raise KeyboardInterrupt

    command = ["grade", str(submitted), "--out", str(out)]
    with monkeypatch.context() as patch:
        patch.setattr(cli, "_say", stop)
        assert cli.main(command) == cli.STOPPED == 130
    words = "stopped; 2 of 3 are graded and kept; run the same command again to go on"
    assert words in capsys.readouterr().err
    assert len(load_records(Course.at(out))) == 2
    assert cli.main(command) == cli.GRADED
    assert "2 of 3 submissions have not changed" in capsys.readouterr().out


def test_a_file_where_a_folder_is_expected_is_named(tmp_path, capsys):
    file = tmp_path / "class.zip"
    file.touch()
    for command in (["grade", str(file), "--out", str(tmp_path)], ["grade", str(tmp_path), "--out", str(file)]):
        assert cli.main(command) == cli.FAILED
        assert "is a file" in capsys.readouterr().err
    below = ["summary", "--out", str(file / "below")]
    assert cli.main(below) == cli.FAILED
    assert cli.main(["grade", str(class_of(tmp_path, "ada")), "--out", str(file / "below")]) == cli.FAILED
    assert "Not a directory" in capsys.readouterr().err

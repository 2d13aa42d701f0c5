"""A class with something wrong in it: everybody has a row, and nobody's mishap stops the others."""

import csv
import json
import re
from concurrent.futures import Executor, Future
from pathlib import Path

import pytest

from autograder import cli
from autograder.cli import grading_commands
from autograder.course.folder import Course
from autograder.grading import batch
from autograder.grading.gradebook import load_records, record_file
from autograder.grading.notebook_file import MAX_FILE_BYTES, read_notebook
from autograder.grading.records import CellScore, PartResult, QuestionResult, Record
from autograder.grading.submission import grade_submission, read_timestamp

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
    assert record.repairs == ["timestamp.txt holds no time that can be read; it is ignored"]
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

    for reads in ("read_bytes", "is_file"):
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
    assert read_notebook(own).cells == []
    (tmp_path / "linked").symlink_to(tmp_path / "class/ada")
    assert read_notebook(tmp_path / "linked/hw1/problem1.ipynb").cells == []


def test_a_byte_order_mark_is_no_mistake(tmp_path):
    path = tmp_path / "problem1.ipynb"
    path.write_text('{"cells": []}', encoding="utf-8-sig")
    assert read_notebook(path).cells == []
    assert path.stat().st_size < MAX_FILE_BYTES


def test_ctrl_c_keeps_what_is_graded(tmp_path, ungraded, capsys, monkeypatch):
    submitted = class_of(tmp_path, "ada", "bob", "eve")
    out = tmp_path / "out"
    monkeypatch.setattr(batch, "WorkerPool", lambda jobs, timeout: AtOnce())

    def stop(line):
        if line.lstrip().startswith("2/3"):
            raise KeyboardInterrupt

    command = ["grade", str(submitted), "--out", str(out)]
    with monkeypatch.context() as patch:
        patch.setattr(grading_commands, "say", stop)
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


@pytest.mark.parametrize("moment", ["before merging", "after merging", "before moving", "after moving"])
def test_what_is_on_the_disk_is_not_graded_twice_whenever_the_grader_ends(tmp_path, fresh, graded, monkeypatch, moment):
    submitted = class_of(tmp_path, "ada", "bob", "eve")
    when, step = moment.split()
    target = {"merging": (batch, "merge"), "moving": (Path, "replace")}[step]
    right = getattr(*target)

    def ends(first, *args):
        mine = getattr(first, "student", None) == "bob" or getattr(first, "name", None) == "bob.json.new"
        if not mine:
            return right(first, *args)
        if when == "after":
            right(first, *args)
        raise SystemExit("as kill -9 would, here")

    with monkeypatch.context() as patch, pytest.raises(SystemExit):
        patch.setattr(*target, ends)
        grade(submitted, fresh)
    assert graded == ["ada", "bob", "eve"]
    rows = grade(submitted, fresh)
    assert graded == ["ada", "bob", "eve", "eve"], "who was not yet on the disk"
    assert {student: row["auto 1-1"] for student, row in rows.items()} == {"ada": 1, "bob": 2, "eve": 4}
    assert not list(fresh.records.glob("*.new"))


@pytest.fixture
def graded(monkeypatch):
    """Grading gives whoever comes n-th n points for 1-1 and for 1-2; the list of who came."""
    came = []

    def points(folder, course, key, **options):
        came.append(folder.parent.name)
        cells = [("check-1-1", "automatic", len(came)), ("check-1-2", "automatic", len(came))]
        cells.append(("derive-1-1", "manual", None))
        return Record(
            folder.parent.name,
            key=key,
            cells=[CellScore("problem1", name, kind, score, 4.0) for name, kind, score in cells],
            questions={q: _judged(q, len(came)) for q in ("1-1", "1-2")},
            notebooks={"problem1": json.dumps({"cells": [_cell(name, score) for name, _, score in cells]})},
        )

    monkeypatch.setattr(batch, "grade_submission", points)
    return came


def _judged(question, score):
    part = PartResult("J", score, 4.0, "fail", "a sign; and another sign", 1.0)
    return QuestionResult(question, "problem1", score, 4.0, (part,))


def _cell(name, score):
    return {"metadata": {"nbgrader": {"grade_id": name}}, "outputs": [score]}


def outputs(course, student):
    text = load_records(course, whole=True)[student].notebooks["problem1"]
    return {cell["metadata"]["nbgrader"]["grade_id"]: cell["outputs"][0] for cell in json.loads(text)["cells"]}


def test_one_student_again_and_nobody_else(tmp_path, fresh, graded):
    submitted = class_of(tmp_path, "ada", "bob")
    grade(submitted, fresh)
    rows = grade(submitted, fresh, students=["bob"])
    assert graded == ["ada", "bob", "bob"]
    assert set(rows) == {"ada", "bob"}
    assert [rows[student]["auto 1-1"] for student in rows] == [1, 3]
    grade(submitted, fresh, again=True)
    assert graded[3:] == ["ada", "bob"]
    grade(submitted, fresh, again=True, resume=True)
    assert len(graded) == 5
    with pytest.raises(ValueError, match=r"There is no student in .* called 'eve'. There are: ada, bob"):
        grade(submitted, fresh, students=["eve"])


def test_one_question_again_leaves_the_others_and_what_a_person_gave(tmp_path, fresh, graded):
    submitted = class_of(tmp_path, "ada", "bob")
    grade(submitted, fresh)
    with fresh.open() as gradebook:
        gradebook.find_grade("derive-1-1", "problem1", "hw1", "ada").manual_score = 1.5
        gradebook.find_grade("check-1-2", "problem1", "hw1", "bob").manual_score = 3.5
        gradebook.db.commit()
    rows = grade(submitted, fresh, questions=["1-2"])
    assert [rows["ada"][f"auto {q}"] for q in ("1-1", "1-2")] == [1, 3]
    assert [rows["bob"][f"auto {q}"] for q in ("1-1", "1-2")] == [2, 3.5]
    assert rows["ada"]["manual_score"] == 1.5
    assert outputs(fresh, "ada") == {"check-1-1": 1, "check-1-2": 3, "derive-1-1": None}
    record = load_records(fresh)["ada"]
    assert {q: result.score for q, result in record.questions.items()} == {"1-1": 1, "1-2": 3}
    grade(submitted, fresh)
    assert len(graded) == 4, "what was asked for is done: nothing is graded again by itself"
    (submitted / "ada/hw1/problem1.ipynb").touch()  # handed in again: all of it counts
    rows = grade(submitted, fresh, questions=["1-2"], students=["ada"])
    assert [rows["ada"][f"auto {q}"] for q in ("1-1", "1-2")] == [5, 5]
    with pytest.raises(ValueError, match=r"There is no question called '1-4'\. There are: 1-1, 1-2"):
        grade(submitted, fresh, questions=["1-4"])


def test_the_progress_and_the_end_say_who_needs_a_person(tmp_path, graded, monkeypatch, capsys):
    right = batch.grade_submission

    def some_need(folder, course, key, **options):
        record = right(folder, course, key, **options)
        record.needs_attention = ["problem1.ipynb is missing"] * (record.student != "ada")
        return record

    monkeypatch.setattr(batch, "grade_submission", some_need)
    monkeypatch.setattr(batch, "WorkerPool", lambda jobs, timeout: AtOnce())
    submitted, out = class_of(tmp_path, "ada", "bob", "e\x1b[2Jve", "ida", "kim"), str(tmp_path / "out")
    assert cli.main(["grade", str(submitted), "--out", out]) == cli.NEEDS_A_PERSON == 3
    printed = capsys.readouterr().out
    lines = printed.splitlines()
    assert "\x1b" not in printed
    assert re.match(r" +1/5  ada +2 of 8   \d+ a minute   (\d+ min )?\d+ s left$", lines[0])
    assert re.match(r" +5/5  kim .* 0 s left   4 need you   needs you: problem1.ipynb is missing$", lines[4])
    assert re.search(
        r"^hw1 · 5 submissions · 1 graded · 4 need you · (?:\d+ min )?\d+ s · \d+ a minute$", printed, re.MULTILINE
    )
    assert "  needs you    4  problem1.ipynb is missing   (bob, e\\x1b[2Jve, ida, …)" in lines
    assert "  most often 100 %  a sign" in lines
    assert cli.main(["grade", str(submitted), "--out", out, "--resume", "--limit", "wall=0"]) == cli.FAILED
    assert "the limit wall must be above 0" in capsys.readouterr().err

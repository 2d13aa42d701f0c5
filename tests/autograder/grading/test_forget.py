"""One student is deleted completely: no file of the course folder or of the output holds a word of theirs."""

import csv
import shutil

import pytest
from nbformat.v4 import new_code_cell

from autograder import cli
from autograder.course.folder import Course
from autograder.faults import Fault, log_file, write_faults
from autograder.grading.feedback_pages import write_feedback
from autograder.grading.gradebook import export, load_records
from autograder.grading.resolutions import read_resolutions, resolve
from tests.autograder.reports.test_feedback import graded

NAME, ANSWER = "zoe*[7] quaggington", "xyzzy_plugh_42"


@pytest.fixture
def fresh(tmp_path, course):
    """A course folder with ada and one more student in it, and a folder of what they handed in."""
    made = Course.at(tmp_path / "out")
    made.prepare()
    for student, extra in (("ada", []), (NAME, [new_code_cell(f"{ANSWER} = 1")])):
        graded(made, _released(made), student, extra)
        (tmp_path / "submitted" / student / "hw1").mkdir(parents=True)
        (tmp_path / "submitted" / student / "hw1" / "problem1.ipynb").write_text(ANSWER)
    write_feedback(made, say=lambda line: None)
    export(made)
    return made


def _released(course):
    import nbformat

    return {path.stem: nbformat.read(path, as_version=4) for path in course.release.glob("*.ipynb")}


def holding(folder, *words):
    """The files and folders below a folder that hold one of the words, in their name or inside."""
    words = [word.encode() for word in words]
    return [
        str(path)
        for path in folder.rglob("*")
        for content in [bytes(path.relative_to(folder)) + (path.read_bytes() if path.is_file() else b"")]
        if any(word in content for word in words)
    ]


def test_nothing_of_the_student_is_left_and_all_of_the_others(fresh, tmp_path, capsys):
    shutil.copy(fresh.records / f"{NAME}.json", fresh.records / f"{NAME}.json.damaged-2")
    (fresh.root / ".nbgrader.log").write_text(f"read autograded/{NAME}/hw1\nread autograded/ada/hw1\n")
    for command in (["report"], ["export"]):
        assert cli.main([*command, "--out", str(fresh.out)]) in (cli.GRADED, cli.NEEDS_A_PERSON)
    with log_file(fresh.out):
        for student, line in (("ada", "x = 1"), (NAME, ANSWER), ("a\nb", "x = 1")):
            write_faults(student, [Fault("check-1-1 could not be judged", "ValueError: 1", f"Traceback\n  {line}")])
    resolve(fresh, {NAME: ["a reason"], "ada": ["a reason"]}, "looked at it", by="the teacher")
    assert len(holding(fresh.out, NAME, ANSWER)) > 8
    before = load_records(fresh)["ada"]
    assert cli.main(["forget", NAME, "--out", str(fresh.out)]) == cli.GRADED
    printed = capsys.readouterr().out
    assert [each.student for each in read_resolutions(fresh)] == ["ada"]
    assert "ada: check-1-1" in (fresh.out / "autograder.log").read_text()
    assert holding(fresh.out, NAME, "quaggington", ANSWER) == []
    assert set(load_records(fresh)) == {"ada"} and load_records(fresh)["ada"] == before
    with open(fresh.out / "grades.csv", newline="", encoding="utf8") as file:
        assert [row["student"] for row in csv.DictReader(file)] == ["ada"]
    assert (fresh.out / "feedback/ada/hw1/problem1.html").is_file()
    assert (fresh.root / ".nbgrader.log").read_text() == "read autograded/ada/hw1\n"
    assert "the folder that you grade from, unless --submitted names it" in printed and "backups" in printed
    assert (tmp_path / "submitted" / NAME).is_dir()


def test_what_was_handed_in_goes_too_where_it_is_named(fresh, tmp_path):
    submitted = tmp_path / "submitted"
    assert cli.main(["forget", NAME, "--out", str(fresh.out), "--submitted", str(submitted)]) == cli.GRADED
    assert not (submitted / NAME).exists() and (submitted / "ada/hw1/problem1.ipynb").is_file()


def test_it_is_safe_to_repeat_after_a_crash_and_says_when_nobody_is_there(fresh, capsys, monkeypatch):
    from autograder.grading import forget

    with monkeypatch.context() as patch:
        patch.setattr(forget, "_remove_from_gradebook", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            forget.forget(NAME, fresh)
    forget.forget(NAME, fresh)
    assert holding(fresh.out, NAME, ANSWER) == []
    assert cli.main(["forget", NAME, "--out", str(fresh.out)]) == cli.FAILED
    assert "Nothing is known of a student called" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["", ".", "..", "../..", "/etc", "ada/hw1", "a\0b"])
def test_a_name_is_no_path(course, name):
    from autograder.grading.forget import forget

    with pytest.raises(ValueError, match="is no student's name"):
        forget(name, course)


def test_a_student_who_has_an_extension_is_told_of(fresh):
    from autograder.course.course_config import FILE
    from autograder.grading.forget import forget

    path = fresh.root / FILE
    path.write_text(path.read_text() + f'"{NAME}" = 2\n')
    assert any("[late.extensions]" in what for what in forget(NAME, fresh).left)

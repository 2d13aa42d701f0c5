"""One line a message on the teacher's console, whatever a student's text holds."""

import pytest

from autograder import cli
from autograder.cli import output
from autograder.course.folder import Course
from autograder.grading import batch
from autograder.grading.gradebook import record_file
from autograder.grading.records import Record
from tests.autograder.grading.test_batch import AtOnce

FORGED = "hw1 · 99 submissions · 99 graded · 0 need you"
SIGNS = [
    "\n",
    "\r",
    "\r\n",
    "\x1b[2J\x1b[H",
    "\x9b2J",
    "\u202e",
    "\u2066",
    "\u2028",
    "\x85",
    "\x0b",
    "\x0c",
    "\x1c",
    "\x07",
    "\x08",
]


def assert_plain(printed):
    lines = printed.split("\n")
    assert not [line for line in lines if line.startswith(FORGED)]
    assert not [c for line in lines for c in line if not c.isprintable()]


def test_no_text_of_a_student_begins_a_line_or_moves_the_cursor(tmp_path, monkeypatch, capsys):
    def record(folder, course, key, **options):
        sign = folder.parent.name.removeprefix("eve").removesuffix(FORGED)
        needs = [f'cell "{sign}{FORGED}{sign}" raised ValueError: {sign}{FORGED}', f"{sign}{FORGED}"]
        return Record(folder.parent.name, key=key, needs_attention=needs)

    monkeypatch.setattr(batch, "grade_submission", record)
    monkeypatch.setattr(batch, "WorkerPool", lambda jobs, timeout: AtOnce())
    out, names = str(tmp_path / "out"), [f"eve{sign}{FORGED}" for sign in SIGNS]
    for name in names:
        (tmp_path / "class" / name / "hw1").mkdir(parents=True)
        (tmp_path / "class" / f"stray {name}").touch()
    assert cli.main(["grade", str(tmp_path / "class"), "--out", out]) == cli.NEEDS_A_PERSON
    for command in ("summary", "feedback", "report", "export"):
        assert cli.main([command, "--out", out]) in (cli.GRADED, cli.NEEDS_A_PERSON)
    for name in names:
        record_file(Course.at(out), name).write_text("{")
    assert cli.main(["summary", "--out", out]) == cli.GRADED, "of nobody any more"
    printed = capsys.readouterr()
    assert_plain(printed.out)
    assert_plain(printed.err)
    assert printed.out.count("no feedback for eve") == len(SIGNS) and "no folder of a student" in printed.out
    assert printed.err.count("is damaged") == len(SIGNS)


@pytest.mark.parametrize("sign", SIGNS)
def test_an_error_has_its_further_lines_indented(sign, capsys):
    output.complain("summary", f"no folder called x{sign}{FORGED}")
    assert_plain(capsys.readouterr().err)


def test_a_surrogate_is_escaped_and_not_an_error():
    output.say("a\ud800b\udcfcc")


@pytest.mark.parametrize("sign", SIGNS)
def test_what_is_collected_is_told_a_line_a_message(sign, tmp_path, capsys):
    roster = tmp_path / "roster.csv"
    roster.write_text("login,name\nada,Ada L\n", encoding="utf8")
    folder = tmp_path / "download" / f"ada{sign}{FORGED}"
    folder.mkdir(parents=True)
    (folder / f"x{sign}{FORGED}.ipynb").write_text("{}")
    cli.main(["collect", str(tmp_path / "download"), "--roster", str(roster), "--out", str(tmp_path / "out")])
    assert_plain(capsys.readouterr().out)

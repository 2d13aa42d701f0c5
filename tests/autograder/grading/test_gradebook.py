"""The one writer: once or ten times with the same result, and what a teacher wrote by hand stays."""

import csv
import io
import json
import multiprocessing
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
import unicodedata
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from nbgrader.api import Gradebook

from autograder import cli
from autograder.course.folder import WAITING_MESSAGE, Course
from autograder.grading import gradebook as writer
from autograder.grading.gradebook import export, grades, load_records, merge, record_file, spreadsheet_safe
from autograder.grading.records import CellComment, CellScore, PartResult, QuestionResult, Record
from tests.hw1 import WRITTEN


def record(course, student, score=2.0, written="an answer"):
    """A record with this score for each of the eight functions, and none for the formulas."""
    with Gradebook(course.gradebook) as gradebook:
        cells = [
            CellScore(notebook.name, cell.name, "automatic", score * ("written" not in cell.name), cell.max_score)
            if cell.cell_type == "code"
            else CellScore(notebook.name, cell.name, "manual", None, cell.max_score)
            for notebook in gradebook.find_assignment("hw1").notebooks
            for cell in notebook.grade_cells
        ]
    comments = [CellComment("problem1", "derive-1-1", "No response.")]
    made = Record(student, cells=cells, comments=comments, notebooks={"problem1": written, "problem2": "{}"})
    made.save(course.records / f"{student}.json")
    return made


def row(course, student):
    return next(row for row in grades(course) if row["student"] == student)


def by_hand(course, student, score, comment="Well argued."):
    with Gradebook(course.gradebook) as gradebook:
        grade = gradebook.find_grade("derive-1-1", "problem1", "hw1", student)
        grade.manual_score, grade.needs_manual_grade = score, False
        gradebook.find_comment("derive-1-1", "problem1", "hw1", student).manual_comment = comment
        gradebook.db.commit()


def test_ten_times_is_as_good_as_once(course):
    made = record(course, "ada")
    merge(made, course)
    once = row(course, "ada")
    for _ in range(9):
        merge(made, course)
    assert row(course, "ada") == once
    assert once["auto_score"] == 16
    assert once["auto_max"] == 86
    assert once["manual_waiting"] == 6
    folder = course.root / "autograded/ada/hw1"
    assert (folder / "problem1.ipynb").read_text() == "an answer"


def test_a_manual_score_and_its_comment_stay(course):
    first = record(course, "bob")
    merge(first, course)
    by_hand(course, "bob", 3.5)
    merge(record(course, "bob", score=4.0), course)
    after = row(course, "bob")
    assert after["auto_score"] == 32
    assert after["manual_score"] == after["manual 1-1"] == 3.5
    assert after["manual_waiting"] == 5
    assert after["score"] == 35.5
    with Gradebook(course.gradebook) as gradebook:
        assert gradebook.find_comment("derive-1-1", "problem1", "hw1", "bob").comment == "Well argued."


def test_a_manual_score_for_another_text_is_to_be_looked_at_again(course):
    first = record(course, "eve")
    merge(first, course)
    by_hand(course, "eve", 3.5)
    merge(record(course, "eve", written="another answer"), course)
    after = row(course, "eve")
    assert after["manual 1-1"] == 3.5
    assert after["manual_waiting"] == 6


def test_a_teachers_own_score_for_an_automatic_cell_counts(course):
    made = record(course, "joe")
    merge(made, course)
    with Gradebook(course.gradebook) as gradebook:
        gradebook.find_grade("check-1-3", "problem1", "hw1", "joe").manual_score = 4.0
        gradebook.db.commit()
    merge(made, course)
    assert row(course, "joe")["auto 1-3"] == 4.0
    assert row(course, "joe")["auto_score"] == 18


def test_a_submission_that_could_not_be_graded_has_a_row_too(course):
    nothing = Record("max", needs_attention=["grading broke down: ValueError"])
    merge(nothing, course)
    nothing.save(course.records / "max.json")
    export(course)
    with open(course.out / "grades.csv", newline="", encoding="utf8") as file:
        rows = {found["student"]: found for found in csv.DictReader(file)}
    assert rows["max"]["status"] == "not graded"
    assert float(rows["max"]["score"]) == 0
    assert float(rows["max"]["max_score"]) == 112
    assert set(rows) == set(load_records(course))


def notebook(source, output=""):
    cell = {"cell_type": "code", "source": source, "outputs": [output], "metadata": {"nbgrader": {"solution": True}}}
    given = {"cell_type": "code", "source": output, "metadata": {}}
    return json.dumps({"cells": [cell, given]})


def test_a_second_look_is_asked_for_what_was_written_and_not_for_what_was_printed(course):
    first = record(course, "ann", written=notebook("x = 1", "at 0x7f01"))
    merge(first, course)
    by_hand(course, "ann", 3.5)
    merge(record(course, "ann", written=notebook("x = 1", "at 0x7f02")), course)
    assert row(course, "ann")["manual_waiting"] == 5
    other = replace(first, notebooks={"problem1": notebook("x = 1"), "problem2": notebook("y")})
    merge(other, course)
    assert row(course, "ann")["manual_waiting"] == 5, "the notebook that was read is as it was"
    merge(record(course, "ann", written=notebook("x = 2")), course)
    assert row(course, "ann")["manual_waiting"] == 6


def die(*ignored, **too):
    os.kill(os.getpid(), signal.SIGKILL)


def killed(function, *given):
    """Call it in a process that a signal ends."""
    process = multiprocessing.get_context("fork").Process(target=function, args=given)
    process.start()
    process.join(60)
    return process.exitcode == -signal.SIGKILL


@pytest.mark.parametrize("moment", ["before the commit", "after the commit", "between notebooks"])
def test_a_kill_in_the_middle_is_mended_by_once_more(course, monkeypatch, moment):
    name = f"kim {moment}"
    first = record(course, name)
    merge(first, course)
    by_hand(course, name, 3.5)
    second = replace(record(course, name, score=4.0, written="another answer"), comments=[])

    def merge_and_die():
        if moment == "before the commit":
            writer._by_cell = die
        else:
            whole, calls = writer.write_whole, []
            after = moment == "between notebooks"
            writer.write_whole = lambda *a: (calls.append(a), die() if len(calls) > after else whole(*a))
        merge(second, course)

    assert killed(merge_and_die)
    merge(second, course)
    once = row(course, name)
    merge(second, course)
    assert row(course, name) == once
    assert (once["auto_score"], once["manual 1-1"], once["manual_waiting"]) == (32, 3.5, 6)
    folder = course.root / "autograded" / name / "hw1"
    assert {path.name: path.read_text() for path in folder.iterdir()} == {
        "problem1.ipynb": "another answer",
        "problem2.ipynb": "{}",
    }


HOLD = """
import sqlite3, sys, time
held = sqlite3.connect(sys.argv[1], isolation_level=None)
held.execute("BEGIN EXCLUSIVE")
print("held", flush=True)
time.sleep(float(sys.argv[2]))
held.execute("COMMIT")
"""


@pytest.mark.parametrize("seconds", [3, pytest.param(30, marks=pytest.mark.soak)])
def test_while_another_program_holds_the_gradebook_it_waits_and_says_so(course, capsys, seconds):
    made = record(course, f"lou {seconds}")
    words = [sys.executable, "-c", HOLD, str(course.root / "gradebook.db"), str(seconds)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout.readline() == "held\n"
        begun = time.monotonic()
        merge(made, course)
        assert seconds - 1 < time.monotonic() - begun
    assert capsys.readouterr().err == WAITING_MESSAGE + "\n"
    assert row(course, made.student)["auto_score"] == 16


def test_a_lock_that_is_taken_in_the_middle_is_waited_for_too(course):
    made = record(course, "lea")
    with course.open() as gradebook, sqlite3.connect(course.root / "gradebook.db", isolation_level=None) as other:
        other.execute("BEGIN EXCLUSIVE")
        merging = threading.Thread(target=gradebook.add_student, args=("lea",))
        merging.start()
        merging.join(6.5)
        assert merging.is_alive(), "SQLAlchemy's own five seconds are over, and it waits"
        other.execute("COMMIT")
        merging.join(60)
    merge(made, course)
    assert row(course, "lea")["auto_score"] == 16


DAMAGE = [b"", b"{", b"[]", b"3", b"\xff\xfe", b"{}", b'{"student": 3}', b'{"student": "other"}', b"[" * 9999]
DAMAGE += [
    b'{"student": "mia", "needs": "all"}',
    b'{"student": "mia", "seconds": NaN}',
    b'{"student": "mia", "new": 1}',
]


@pytest.mark.parametrize("content", DAMAGE)
def test_a_damaged_record_is_set_aside_and_said(tmp_path, capsys, content):
    course = Course.at(tmp_path)
    course.records.mkdir(parents=True)
    Record("bob").save(record_file(course, "bob"))
    for name in ("mia.json.damaged", "mia.json.damaged-2"):
        record_file(course, "mia").write_bytes(content)
        assert set(load_records(course)) == {"bob"}
        assert (course.records / name).read_bytes() == content
        assert f"It is kept as {name}, and the submission is graded again" in capsys.readouterr().err
    assert set(load_records(course)) == {"bob"}
    assert not capsys.readouterr().err


def answered(course, student, score=2.0):
    made = record(course, student)
    part = PartResult("J", 2, 4, "not yet", "the diagonal", messages=("zero",))
    made.questions = {"1-3": QuestionResult("1-3", "problem1", score, 4.0, (part,), ("on the whole",), 0, (), 0.2)}
    made.save(record_file(course, student))
    merge(made, course)
    return made


def test_the_json_says_of_each_question_what_happened(course):
    answered(course, "ned")
    with course.open() as gradebook:
        gradebook.find_grade("check-1-3", "problem1", "hw1", "ned").manual_score = 3.0
        gradebook.db.commit()
    by_hand(course, "ned", 3.5)
    export(course)
    found = json.loads((course.out / "grades.json").read_text())["students"]["ned"]
    question = found["questions"]["1-3"]
    assert (question["score"], question["maximum"], question["seconds"]) == (3.0, 4.0, 0.2)
    assert question["verdict"] == "partly right"
    assert question["diagnosis"] == ["the diagonal"]
    assert question["happened"] == ["on the whole", "J: zero", "a teacher gave 3 in place of 2"]
    assert found["questions"]["2-2 head"]["verdict"] == "not judged"
    assert len(found["questions"]) == 8 + len(WRITTEN)
    assert found["by_hand"]["1-1"] == {"score": 3.5, "maximum": 2.0, "verdict": "read"}
    assert found["by_hand"]["1-2"]["verdict"] == "to read"
    assert found["score"] == row(course, "ned")["score"] == 20.5


@pytest.mark.parametrize(("score", "verdict"), [(4.0, "right"), (0.0, "not right"), (0.5, "partly right")])
def test_a_verdict_is_one_of_few_words(course, score, verdict):
    answered(course, "ole", score=score)
    export(course)
    found = json.loads((course.out / "grades.json").read_text())["students"]["ole"]
    assert found["questions"]["1-3"]["verdict"] == verdict


def test_no_cell_is_a_formula_or_moves_a_cursor():
    assert spreadsheet_safe("=1+1") == "'=1+1"
    assert spreadsheet_safe("-ada") == "'-ada"
    assert spreadsheet_safe("\t=1") == "'\\t=1"
    assert spreadsheet_safe("a\r\n=1\x1b[2J\udcfc\u202e") == "a\\r\\n=1\\x1b[2J\\udcfc\\u202e"
    assert spreadsheet_safe("Zoë = 1") == "Zoë = 1"
    assert spreadsheet_safe(-1.5) == -1.5


def read_by(delimiter, text):
    """The cells that a spreadsheet makes of a CSV file: split at the delimiter of its language, or at every one."""
    for line in text.splitlines():
        yield from next(csv.reader([line], delimiter=delimiter, skipinitialspace=True), [])
        yield from line.split(delimiter)


HOSTILE = [
    f"{before}{start}1+1" for before in ("", " ", "  ", "\xa0", '"', ' "') for start in "=+-@|＝＋－＠｜﹦⁺−﹣﹫⁼"
]
HOSTILE += [f"ada{before}=1+1;x" for before in (";", "; ", ';"', "|", ",", "\t", "\r", "\n", "\r\n", ' ; " ')]
HOSTILE += [
    "\r=1",
    "\t=1",
    "\n=1",
    "\x0b=1",
    "\u2028=1",
    ";＝1+1;",
    "=cmd|' /C calc'!A0",
    ";;;=1",
    "a,;=1",
    "＝1+1",
    "'=1",
    '";"=1',
]


@pytest.mark.parametrize("delimiter", [",", ";", "|", "\t"])
def test_no_program_reads_a_formula_in_any_cell_whatever_it_splits_a_line_at(delimiter):
    for text in HOSTILE:
        file = io.StringIO()
        csv.writer(file).writerows([[spreadsheet_safe(text), "1"], ["x", spreadsheet_safe(text), "2"]])
        for cell in read_by(delimiter, file.getvalue()):
            begins = cell.strip().strip('"').strip()[:1]
            assert unicodedata.normalize("NFKC", begins) not in {*"=+-@|\t\r", "−"}, (text, cell)


@pytest.mark.parametrize(
    "name", ["Zoë O'Hara", "Smith, Jane", "a; b", "Anna-Maria", "x = 1", "a@b.org", "王小明", "1-2", "“Q”"]
)
def test_what_is_no_formula_is_written_as_it_is(name):
    assert spreadsheet_safe(name) == name


@pytest.mark.parametrize("name", ["=1", ";=1", "Ann; -x", " @a", "＝1", "a|=b"])
def test_a_name_is_read_back_without_the_sign_that_was_put_before_it(name):
    kept = spreadsheet_safe(name)
    assert kept != name
    assert re.sub("'(?=[=+@|＝-])", "", kept) == name


def test_a_hostile_name_and_a_hostile_need_are_text_in_the_table(course):
    made = record(course, "=HYPERLINK(1)")
    made.needs_attention = ["@sum\n=1", "found m\udcfcller"]
    made.save(record_file(course, made.student))
    merge(made, course)
    export(course)
    with open(course.out / "grades.csv", newline="", encoding="utf8") as file:
        rows = {found["student"]: found for found in csv.DictReader(file)}
    assert rows["'=HYPERLINK(1)"]["needs"] == "'@sum\\n=1; found m\\udcfcller"
    assert made.student in json.loads((course.out / "grades.json").read_text())["students"]


def test_the_table_is_written_whole_or_not_at_all(course, monkeypatch):
    export(course)
    before = (course.out / "grades.csv").read_bytes()
    merge(record(course, "pia"), course)
    monkeypatch.setattr(os, "fsync", die)
    assert killed(export, course)
    assert (course.out / "grades.csv").read_bytes() == before


def policy(course, text):
    (course.root / "course.toml").write_text(f"[late]\ndue = 2025-03-01T12:00:00Z\n{text}")


def penalties(course, student):
    with course.open() as gradebook:
        notebooks = gradebook.find_submission("hw1", student).notebooks
        return sum(notebook.late_submission_penalty or 0 for notebook in notebooks)


def test_a_penalty_follows_from_the_policy_as_it_is_now(course):
    made = record(course, "quo")
    made.timestamp = "2025-03-02 13:00:00 UTC"
    made.save(record_file(course, "quo"))
    merge(made, course)
    by_hand(course, "quo", 4.0)
    try:
        for text, penalty in {"percent_per_day = 10": 4.0, "percent_per_day = 20": 8.0, "cap_percent = 5": 1.0}.items():
            policy(course, text)
            found = {row["student"]: row for row in export(course)}["quo"]
            assert (found["auto_score"], found["manual_score"]) == (16, 4)
            assert (found["late_penalty"], found["score"]) == (penalty, 20 - penalty)
            assert penalties(course, "quo") == pytest.approx(penalty)
        policy(course, "[late.extensions]\nquo = 2")
        assert {row["student"]: row for row in export(course)}["quo"]["score"] == 20
        assert penalties(course, "quo") == 0
        policy(course, "precent_per_day = 20")
        with pytest.raises(ValueError, match="precent_per_day is not known"):
            course.prepare()
    finally:
        (course.root / "course.toml").unlink()


@pytest.mark.parametrize("time", ["2025-03-02 13:00:00 +9999", "0001-01-01 00:00 +23:59"])
def test_a_time_that_is_none_stops_nobodys_grades(course, time):
    made = record(course, "rob")
    made.timestamp = time
    made.save(record_file(course, "rob"))
    merge(made, course)
    policy(course, "")
    try:
        found = {row["student"]: row for row in export(course)}["rob"]
    finally:
        (course.root / "course.toml").unlink()
    assert found["late_penalty"] == 0
    assert "cannot be read; it is taken for in time" in found["needs"]


def test_the_gradebooks_time_is_the_one_that_was_handed_in(course):
    made = record(course, "sam")
    made.timestamp = "2025-03-02 13:00:00 +0100"
    merge(made, course)
    with course.open() as gradebook:
        time = gradebook.find_submission("hw1", "sam").timestamp
    assert time.replace(tzinfo=UTC) == datetime(2025, 3, 2, 12, tzinfo=UTC)


def test_a_gradebook_that_is_new_is_filled_from_the_records(tmp_path, course):
    fresh = Course.at(shutil.copytree(course.out, tmp_path / "copy"))
    for path in fresh.records.iterdir():
        path.unlink()
    record(fresh, "tom")
    assert row(fresh, "tom")["auto_score"] == 0
    export(fresh)
    before = row(fresh, "tom")
    assert before["auto_score"] == 16
    (fresh.root / "gradebook.db").unlink()
    fresh.prepare()
    assert export(fresh) == [before]


def test_a_gradebook_that_is_damaged_is_said(tmp_path):
    fresh = Course.at(tmp_path)
    fresh.root.mkdir(exist_ok=True)
    (fresh.root / "gradebook.db").write_bytes(b"no database" * 999)
    with pytest.raises(ValueError, match=r"gradebook.db cannot be used: file is not a database"), fresh.open():
        pass


LOCK = """
import sys, time
from autograder.course.folder import Course
with Course.at(sys.argv[1]).lock():
    print("held", flush=True)
    time.sleep(60)
"""


def test_of_two_writers_the_second_is_told(tmp_path, capsys):
    (tmp_path / "class/ada/hw1").mkdir(parents=True)
    Course.at(tmp_path).records.mkdir(parents=True)
    with subprocess.Popen([sys.executable, "-c", LOCK, tmp_path], stdout=subprocess.PIPE, text=True) as other:
        try:
            assert other.stdout.readline() == "held\n"
            for command in (["grade", str(tmp_path / "class")], ["feedback"]):
                assert cli.main([*command, "--out", str(tmp_path)]) == cli.FAILED
                assert f"Another autograder (process {other.pid}) is writing into" in capsys.readouterr().err
        finally:
            other.kill()
    with Course.at(tmp_path).lock():
        pass


@pytest.mark.parametrize("url", ["postgres://ada:geheim@h:5/d", "postgresql+psycopg2://ada:geheim@h:5/d"])
def test_a_password_is_used_and_neither_shown_nor_written(tmp_path, url):
    course = Course.at(tmp_path, db=url)
    assert course.gradebook == "postgresql+psycopg2://ada:geheim@h:5/d?connect_timeout=10"
    assert "geheim" not in repr(course) + course._config_file()
    assert "c.CourseDirectory.db_url = 'postgresql+psycopg2://ada@h:5/d'" in course._config_file()


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://h",
        "mysql://h/d",
        "geheim",
        "postgresql://ada:ge@heim@h/d",
        "postgresql://ada@geheim:geheim/d",
        "postgresql://h/d?password=geheim",
    ],
)
def test_what_is_no_database_of_postgresql_is_said_without_a_word_of_it(tmp_path, url):
    with pytest.raises(ValueError, match=r"postgresql://USER@HOST:PORT/DATABASE") as told:
        Course.at(tmp_path, db=url)
    assert "heim" not in str(told.value)


def test_a_server_that_is_not_there_is_said_without_the_password(tmp_path, capsys):
    (tmp_path / "class/ada/hw1").mkdir(parents=True)
    url = "postgresql://ada:geheim@127.0.0.1:1/hw1"
    command = ["grade", str(tmp_path / "class"), "--out", str(tmp_path / "out"), "--db", url]
    assert cli.main(command) == cli.FAILED
    told = capsys.readouterr().err
    assert "Connection refused" in told
    assert "Is the server running, and are host, port, user and database right" in told
    assert "geheim" not in told
    left = (path for path in (tmp_path / "out").rglob("*") if path.is_file())
    assert not any(b"geheim" in path.read_bytes() for path in left)

"""What Canvas and Moodle import: the columns that their own sources ask for, and nobody who would not be found."""

import csv

import pytest

from autograder.course.roster import Student, read_roster
from autograder.lms.export import canvas, moodle

ADA = Student("ada", "ada", "Lovelace, Ada", "ada@example.org", "S-1", "101", section="BP-1")
EMMY = Student("emmy", "emmy", "Noether, Emmy", "emmy@example.org", "S-2", "102", section="BP-2")
ROSTER = {student.key: student for student in (ADA, EMMY)}


def row(student, score=71.0, **other):
    return {"student": student, "status": "graded", "score": score, "max_score": 111.0, "manual_waiting": 0} | other


def test_canvas_reads_what_it_writes(tmp_path):
    table = canvas([row("ada", 70.123), row("emmy", 100.0)], ROSTER, "Homework 1 (4711)")
    assert table.rows == [
        ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", "Homework 1 (4711)"],
        ["    Points Possible", "", "", "", "", "111.00"],
        ["Lovelace, Ada", "101", "S-1", "ada", "BP-1", "70.12"],
        ["Noether, Emmy", "102", "S-2", "emmy", "BP-2", "100.00"],
    ]
    assert (table.needs_attention, table.advice) == ([], [])
    assert table.text().startswith("Student,ID,")  # no mark of a byte order before it
    assert list(csv.reader(table.text().splitlines())) == table.rows
    (tmp_path / "canvas.csv").write_text(table.text(), encoding="utf8")
    assert read_roster(tmp_path / "canvas.csv").keys() == ROSTER.keys()


def test_a_title_without_its_number_is_warned_of():
    assert "Canvas goes by the title" in canvas([row("ada")], ROSTER, "hw1").advice[0]


def test_moodle_has_one_column_to_find_a_student_by():
    rows = [row("ada", 70.0), row("emmy", 40.5)]
    table = moodle(rows, ROSTER, "hw1")
    assert table.rows[0] == ["Email address", "Full name", "hw1"]
    assert table.rows[1:] == [
        ["ada@example.org", "Lovelace, Ada", "70.00"],
        ["emmy@example.org", "Noether, Emmy", "40.50"],
    ]
    assert table.advice == ['in Moodle map "Email address" to the same, and "hw1" to the grade item']
    by_number = {key: Student(key, number=f"S-{key}") for key in ROSTER}
    assert moodle(rows, by_number, "hw1").rows[1] == ["S-ada", "", "70.00"]
    assert moodle(rows, {key: Student(key, key) for key in ROSTER}, "hw1").rows[0][0] == "Username"


def test_points_are_scaled_and_moodle_s_maximum_is_told():
    rows = [row("ada", 111.0), row("emmy", 55.5)]
    assert "Moodle takes no more than 100" in moodle(rows, ROSTER, "hw1").advice[1]
    scaled = moodle(rows, ROSTER, "hw1", 100)
    assert [cells[2] for cells in scaled.rows] == ["hw1", "100.00", "50.00"]
    assert len(scaled.advice) == 1
    assert [cells[5] for cells in canvas(rows, ROSTER, "hw1 (1)", 20).rows[1:]] == ["20.00", "20.00", "10.00"]


@pytest.mark.parametrize("make", [canvas, moodle])
def test_who_cannot_be_written_is_said(make):
    rows = [row("ada", status="not graded"), row("zoe"), row("emmy", status="needs a person")]
    table = make(rows, ROSTER, "hw1 (1)")
    assert table.needs_attention == ["ada: was not graded; left out", "zoe: is not in the roster; left out"]
    assert len(table.rows) == (3 if make is canvas else 2)
    assert make([], ROSTER, "hw1 (1)").needs_attention == []


def test_a_name_is_no_formula_and_an_identifier_is_none_or_left_out():
    roster = {
        "a": Student("a", "a", "=cmd|' /C calc'!A0", "a@example.org", canvas_id="1"),
        "b": Student("b", "-b", "+1", "=b@example.org", canvas_id="2"),
        "c": Student("c", "@c", "Zoe", "c@example.org"),
        "d": Student("d", "", "Zoe", "", canvas_id="x1"),
    }
    rows = [row(key) for key in roster]
    table = canvas(rows, roster, "hw1 (1)")
    assert [cells[0] for cells in table.rows[2:]] == ["'=cmd|' /C calc'!A0", "'+1"]
    assert table.rows[3][3] == "'-b"
    assert [need.split(":")[0] for need in table.needs_attention] == ["c", "d"]
    table = moodle(rows, roster, "hw1")
    assert [cells[0] for cells in table.rows[1:]] == ["a@example.org", "c@example.org"]
    assert table.rows[1][1].startswith("'=")
    assert [need.split(":")[0] for need in table.needs_attention] == ["b", "d"]

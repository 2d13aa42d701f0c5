"""Rosters: a teacher's own, Canvas' and Moodle's, and what cannot be one."""

import pytest

from autograder.course.roster import folded, read_roster, shown, spellings

CANVAS = """\
Student,ID,SIS User ID,SIS Login ID,Section,Homework 1 (4711)
,,,,,Manual Posting
    Points Possible,,,,,75.00
"Lovelace, Ada",101,S-1,ada,BP-1,
"Noether, Emmy",102,S-2,emmy,BP-2,70
"""
WORKSHEET = """\
Identifier,Full name,Email address,Status,Grade,Maximum Grade,Last modified (submission),Last modified (grade)
Participant 9001,Ada Lovelace,ada@example.org,Submitted,,75.00,"Tuesday, 24 November 2026, 6:50 PM",-
Participant 9002,Emmy Noether,emmy@example.org,No submission,,75.00,-,-
"""


def roster(tmp_path, text, encoding="utf8"):
    path = tmp_path / "roster.csv"
    path.write_bytes(text.encode(encoding))
    return read_roster(path)


def test_canvas_gradebook(tmp_path):
    read = roster(tmp_path, CANVAS)
    assert list(read) == ["ada", "emmy"]
    ada = read["ada"]
    assert (ada.name, ada.canvas_id, ada.number, ada.login) == ("Lovelace, Ada", "101", "S-1", "ada")
    assert (ada.section, ada.email) == ("BP-1", "")
    assert roster(tmp_path, CANVAS.replace(",", ";").replace('"Lovelace; Ada"', '"Lovelace, Ada"'))["ada"] == ada


def test_moodle_grading_worksheet(tmp_path):
    read = roster(tmp_path, WORKSHEET, "utf-8-sig")
    ada = read["ada@example.org"]
    assert (ada.participant, ada.name, ada.submitted) == ("9001", "Ada Lovelace", "Tuesday, 24 November 2026, 6:50 PM")


def test_moodle_grades_and_participants(tmp_path):
    grades = "First name,Last name,ID number,Email address,Assignment: hw1 (Real)\nAda,Lovelace,S-1,ada@example.org,-\n"
    ada = roster(tmp_path, grades)["ada@example.org"]
    assert (ada.name, ada.number, ada.canvas_id) == ("Ada Lovelace", "S-1", "")


def test_a_teachers_own(tmp_path):
    read = roster(tmp_path, "Login\tName\tCanvas ID\nada\tAda Lovelace\t101\n\n\t\t\n")
    assert read["ada"].canvas_id == "101"
    assert len(read) == 1
    assert roster(tmp_path, "name,id\nAda Lovelace,ada\n")["ada"].canvas_id == ""


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no column that identifies a student"),
        ("Name,Vorname\nLovelace,Ada\n", "found Name, Vorname"),
        ("login\nada\nada\n", "two rows for ada"),
        ("login\nada\nADA\n", "ada and ADA have the same login"),
        ("login,email\nada,x@example.org\nemmy,X@example.org\n", "have the same email"),
        ("login,email\n,a\na,\n", "two rows for a"),
        ("login\n../ada\n", "cannot be the name of a student's folder"),
        ("login\n.ada\n", "cannot be the name of a student's folder"),
        ("login\na\\b\n", "cannot be the name of a student's folder"),
        ("login\n" + "a" * 201 + "\n", "cannot be the name of a student's folder"),
        ('login\n"ada\n', "is no CSV file"),
    ],
)
def test_what_cannot_be_a_roster_is_told(tmp_path, text, words):
    with pytest.raises(ValueError) as raised:
        roster(tmp_path, text)
    assert words in str(raised.value)


def test_another_encoding_is_told(tmp_path):
    with pytest.raises(ValueError, match="not in UTF-8"):
        roster(tmp_path, "login,name\nemmy,Émmy\n", "latin1")


def test_names_are_compared_by_letters_in_either_order(tmp_path):
    ada = roster(tmp_path, 'login,name\nada,"King-Lovelace, Ada Augusta"\n')["ada"]
    assert {folded("kinglovelaceadaaugusta"), folded("Ada Augusta King-Lovelace")} <= spellings(ada)
    assert folded("Ada King-Lovelace") not in spellings(ada)
    assert folded("E\u0301mmy") == folded("Émmy")


def test_a_name_moves_no_cursor():
    assert shown("a\x1b[2J\u202eb\nc") == "a\\x1b[2J\\x202eb\\x0ac"
    assert shown("na\udcefve") == "na\\xefve"

"""A teacher's commands, one after the other: collect, export, report; no kernel runs."""

import csv
import json
import shutil
import zipfile

import nbformat
import pytest
from nbgrader.api import Gradebook
from nbgrader.plugins import CsvExportPlugin

from autograder.cli import FAILED, GRADED, NEEDS_A_PERSON, main
from autograder.course.folder import Course
from autograder.grading.gradebook import graded_cells, merge, record_file
from autograder.grading.records import CellScore, Record

ROSTER = """\
Student,ID,SIS User ID,SIS Login ID,Section,hw1 (4711)
    Points Possible,,,,,112.00
"Lovelace, Ada",101,S-1,ada,BP-1,
"Noether, Emmy",102,S-2,emmy,BP-1,
"Curie, Marie",103,S-3,marie,BP-1,
"""


@pytest.fixture
def roster(tmp_path):
    (tmp_path / "roster.csv").write_text(ROSTER)
    return str(tmp_path / "roster.csv")


@pytest.fixture
def graded(course, tmp_path):
    """A course folder with ada, all right and on time, and emmy, half right and two days late; derivations unread."""
    made = Course.at(tmp_path / "grading")
    shutil.copytree(course.template, made.root)
    shutil.copytree(course.template, made.template)
    made.records.mkdir(parents=True)
    (made.root / "course.toml").write_text("[late]\ndue = 2026-12-01T12:00:00Z\npercent_per_day = 10\n")
    for student, share, when in (("ada", 1, "2026-12-01 11:00:00 UTC"), ("emmy", 0.5, "2026-12-03 11:00:00 UTC")):
        cells = [
            CellScore(cell.notebook, cell.name, "automatic", share * cell.points, cell.points)
            if cell.kind == "auto"
            else CellScore(cell.notebook, cell.name, "manual", None, cell.points)
            for cell in graded_cells(made)
        ]
        record = Record(student, timestamp=when, cells=cells, notebooks={"problem1": "{}", "problem2": "{}"})
        merge(record, made)
        record.save(record_file(made, student))
    return made


def read_by_hand(course, points=2.0):
    with Gradebook(course.gradebook) as gradebook:
        for student in ("ada", "emmy"):
            for notebook in gradebook.find_submission("hw1", student).notebooks:
                for grade in notebook.grades:
                    if grade.needs_manual_grade:
                        grade.manual_score, grade.needs_manual_grade = points, False
        gradebook.db.commit()


def table(path):
    with open(path, newline="", encoding="utf8") as file:
        return list(csv.reader(file))


def test_a_canvas_download_becomes_a_class(released, roster, tmp_path, capsys):
    with zipfile.ZipFile(tmp_path / "submissions.zip", "w") as archive:
        for number, (student, user) in enumerate((("lovelaceada", 101), ("noetheremmy", 102))):
            for name, notebook in released.items():
                archive.writestr(f"{student}_{user}_{number}{name[-1]}_{name}-1.ipynb", nbformat.writes(notebook))
    command = ["collect", str(tmp_path / "submissions.zip"), "--roster", roster, "--out", str(tmp_path / "submitted")]
    assert main(command) == GRADED
    said = capsys.readouterr().out
    assert 'ada: "problem1-1.ipynb" answers problem1' in said
    assert "2 of 3 students collected" in said
    assert "nothing came of 1: marie" in said
    collected = {str(path.relative_to(tmp_path / "submitted")) for path in (tmp_path / "submitted").rglob("*.*")}
    assert collected == {f"{student}/hw1/{name}.ipynb" for student in ("ada", "emmy") for name in released}
    changed = tmp_path / "submitted/ada/hw1/problem1.ipynb"
    changed.write_text("{}")
    assert main(command) == NEEDS_A_PERSON
    assert "needs you  1\n  * ada: problem1.ipynb differs" in capsys.readouterr().out
    assert changed.read_text() == "{}"
    assert main([*command, "--replace"]) == GRADED
    assert main([*command[:1], str(tmp_path / "nothing.zip"), *command[2:]]) == FAILED


def test_grades_are_exported_once_derivations_are_read(graded, roster, capsys):
    command = ["export", "--out", str(graded.out), "--to", "canvas", "--roster", roster, "--column", "hw1 (4711)"]
    written = graded.out / "for_canvas.csv"
    assert main(command) == NEEDS_A_PERSON
    assert "ada: 6 to read" in capsys.readouterr().out
    assert not written.exists()
    assert main([*command, "--partial"]) == GRADED
    assert [row[-1] for row in table(written)] == ["hw1 (4711)", "112.00", "86.00", "34.40"]
    read_by_hand(graded)
    assert main(command) == GRADED
    assert [row[-1] for row in table(written)] == ["hw1 (4711)", "112.00", "98.00", "44.00"]

    (graded.root / "course.toml").write_text("[late]\ndue = 2026-12-03T12:00:00Z\n")
    assert main(command) == GRADED
    assert table(written)[-1][-1] == "55.00"


def test_nbgrader_s_own_export_takes_off_the_same(graded, roster, tmp_path):
    read_by_hand(graded)
    assert main(["export", "--out", str(graded.out)]) == GRADED
    with Gradebook(graded.gradebook) as gradebook:
        CsvExportPlugin(to=str(tmp_path / "nbgrader.csv")).export(gradebook)
    with open(tmp_path / "nbgrader.csv") as file:
        theirs = {row["student_id"]: row for row in csv.DictReader(file)}
    assert float(theirs["emmy"]["late_submission_penalty"]) == pytest.approx(11.0)
    assert float(theirs["emmy"]["score"]) == pytest.approx(44.0)
    assert float(theirs["ada"]["score"]) == 98
    ours = {row[0]: row for row in table(graded.out / "grades.csv")}
    assert float(ours["emmy"][ours["student"].index("score")]) == pytest.approx(44.0)


def test_moodle_and_who_is_in_no_roster(graded, tmp_path, capsys):
    read_by_hand(graded)
    (tmp_path / "roster.csv").write_text("login,Full name,Email address\nada,Ada Lovelace,ada@example.org\n")
    command = ["export", "--out", str(graded.out), "--to", "moodle", "--roster", str(tmp_path / "roster.csv")]
    assert main([*command, "--points", "100"]) == NEEDS_A_PERSON
    assert "emmy: is not in the roster; left out" in capsys.readouterr().out
    assert table(graded.out / "for_moodle.csv")[1:] == [["ada@example.org", "Ada Lovelace", "87.50"]]


def test_what_cannot_be_exported_is_told(graded, roster, capsys):
    assert main(["export", "--out", str(graded.out), "--to", "canvas"]) == FAILED
    assert "--roster FILE" in capsys.readouterr().err
    assert main(["export", "--out", str(graded.out), "--to", "canvas", "--roster", roster, "--points", "0"]) == FAILED
    (graded.root / "course.toml").write_text("[late]\ngrace = 3\n")
    assert main(["export", "--out", str(graded.out)]) == FAILED
    assert "late.grace is not known here" in capsys.readouterr().err
    assert main(["export", "--out", str(graded.out / "nothing")]) == FAILED


def test_the_page_on_the_class(graded):
    assert main(["report", "--out", str(graded.out)]) == GRADED
    page = (graded.out / "report.html").read_text(encoding="utf8")
    assert "2 submissions · 2 graded · 0 need you · 12 derivations to read" in page
    assert '<td class="">emmy</td><td class="n">2</td><td class="n">8.6</td>' in page


def needing(course, student, *reasons):
    record = Record.load(record_file(course, student))
    record.needs_attention = list(reasons)
    record.save(record_file(course, student))


def rows_of(course):
    with open(course.out / "grades.csv", newline="", encoding="utf8") as file:
        return {row["student"]: row for row in csv.DictReader(file)}


def test_what_a_person_has_looked_at_is_ticked_off_and_a_new_reason_shows(graded, roster, capsys):
    read_by_hand(graded)
    place = ["--out", str(graded.out)]
    command = ["export", *place, "--to", "canvas", "--roster", roster, "--column", "hw1 (4711)"]
    loop = "problem1: endless loop in f (stopped after 10 s; the other functions count)"
    needing(graded, "ada", loop, "problem1: two notebooks")
    needing(graded, "emmy", loop)
    assert main(command) == NEEDS_A_PERSON
    assert not (graded.out / "for_canvas.csv").exists()
    assert "autograder resolve" in capsys.readouterr().out

    assert main(["resolve", "ada", "emmy", *place, "--because", "ran it at home: it ends", "--by", "Grace"]) == GRADED
    said = capsys.readouterr().out
    assert "emmy: problem1: endless loop" in said and "ran it at home: it ends" in said
    row = rows_of(graded)["ada"]
    assert (row["needs"], row["status"]) == ("", "graded")
    assert "two notebooks" in row["resolved"] and "resolved by Grace, 20" in row["resolved"]
    assert main(command) == GRADED
    assert [row[-1] for row in table(graded.out / "for_canvas.csv")] == ["hw1 (4711)", "112.00", "98.00", "44.00"]
    assert main(["summary", *place]) == GRADED
    assert "2 graded · 0 need you · 2 resolved" in capsys.readouterr().out
    assert main(["report", *place]) == GRADED
    assert "<h2>Resolved</h2>" in (graded.out / "report.html").read_text(encoding="utf8")

    needing(graded, "ada", loop.replace("10 s", "4 s"))  # graded again: the same reason, another time
    assert main(command) == GRADED
    assert "two notebooks" not in rows_of(graded)["ada"]["resolved"]
    needing(graded, "ada", loop, "problem2.ipynb is missing")
    assert main(command) == NEEDS_A_PERSON
    row = rows_of(graded)["ada"]
    assert (row["needs"], row["status"]) == ("problem2.ipynb is missing", "needs a person")
    assert "endless loop" in row["resolved"] and "missing" not in row["resolved"]
    assert main([*command, "--partial"]) == NEEDS_A_PERSON

    assert main(["resolve", "ada", *place, "--undo"]) == NEEDS_A_PERSON
    assert loop in rows_of(graded)["ada"]["needs"] and rows_of(graded)["ada"]["resolved"] == ""
    assert rows_of(graded)["emmy"]["needs"] == "", "undone for one alone"
    detail = json.loads((graded.out / "grades.json").read_text(encoding="utf8"))["students"]["emmy"]
    assert detail["needs"] == [] and detail["status"] == "graded"
    (resolution,) = detail["resolved"]
    assert resolution["by"] == "Grace" and resolution["because"] == "ran it at home: it ends"
    assert resolution["needs_attention"] == [loop] and resolution["when"].startswith("20")


def test_what_cannot_be_resolved_is_told(graded, capsys):
    place = ["--out", str(graded.out)]
    assert main(["resolve", "ada", *place]) == FAILED
    assert "--because WHY" in capsys.readouterr().err
    assert main(["resolve", "ada", *place, "--because", " "]) == FAILED
    assert main(["resolve", "nobody", *place, "--because", "x"]) == FAILED
    assert "There is no submission of 'nobody'" in capsys.readouterr().err
    assert main(["resolve", "ada", *place, "--because", "x"]) == GRADED
    assert "ada: nobody is needed" in capsys.readouterr().out
    (graded.root / "resolutions.json").write_text("{")
    assert main(["export", *place]) == FAILED
    assert "resolutions.json cannot be read" in capsys.readouterr().err

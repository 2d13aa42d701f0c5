"""The demonstration class, written, graded, exported and explained by the commands that a teacher types."""

import csv
import json
import re
import stat
from html import unescape
from pathlib import Path

import pytest

from autograder import cli
from tests.hw1 import CHANGED, HW1, WRITTEN, answers, spoil

COLUMNS = ("1-1", "1-2", "1-3", "2-1", "2-2-head", "2-2-branch-b", "2-2-branch-a", "2-2")
FULL = (4, 4, 4, 16, 8, 15, 12, 12)
EXPECTED = {
    "perfect": FULL,
    "loops": FULL,
    "blank": (0, 0, 0, 0, 0, 0, 0, 0),
    "source-homework": (4, 4, 4, 15, 8, 9, 9, 8),
    "constant-statistics": (4, 4, 4, 16, 8, 11, 12, 10),
    "sign-for-relu-slope": (4, 4, 4, 16, 8, 13, 9, 8),
    "no-mean-over-batch": (4, 4, 4, 16, 6, 15, 9, 0),
    "transposed-theta": (4, 4, 4, 16, 8, 15, 10, 10),
    "missing-branch": (4, 4, 4, 16, 8, 15, 9, 8),
    "scalar-gamma": (4, 4, 4, 16, 8, 11, 12, 8),
    "nan": (4, 4, 4, 9, 8, 15, 12, 12),
    "exception": (4, 4, 4, 0, 8, 15, 12, 12),
    "syntax-error": (4, 4, 0, 16, 8, 15, 12, 12),
    "endless-loop": (4, 4, 0, 16, 8, 15, 12, 12),
    "emptied-metadata": FULL,
    "derivation-beside-its-cell": FULL,
    "deleted-check": FULL,
    "unavailable-import": FULL,
    "not-json": (4, 4, 4, 0, 0, 0, 0, 0),
    "one-notebook-only": (4, 4, 4, 0, 0, 0, 0, 0),
}
FORMULAS = dict.fromkeys(EXPECTED, 11) | {  # points for written formulas, one each
    "blank": 0,
    "source-homework": 3,  # two of them after a repair
    "constant-statistics": 10,
    "no-mean-over-batch": 8,
    "transposed-theta": 10,
    "missing-branch": 10,
    "scalar-gamma": 9,
    "syntax-error": 10,
    "not-json": 4,
    "one-notebook-only": 4,
}
NEEDS = {
    "derivation-beside-its-cell": 'problem1: "derive-1-3": a derivation stood outside its cell; it was joined to it; '
    "a person must read it",
    "endless-loop": r"problem1: softmax_jacobian took longer than 4 s and was stopped \(the other functions count\)",
    "not-json": r"problem2.ipynb is not valid JSON \(see character [\d,]+: .*\)",
    "one-notebook-only": r"problem2.ipynb is missing",
}
WRONG = {  # {question: parts that take points}, as the source homework's own formulas do
    "2-1": {"x_hat"},
    "2-2 branch b": {"da_1b", "dz_1b"},
    "2-2 branch a": {"dz_1a"},
    "2-2": {"dtheta_1a", "dtheta_1b"},
}
ON_PAPER = ("1-1 gamma", "1-1 beta", "1-2", "2-1 x_hat", "2-2 beta", "2-2 gamma", "2-2 theta_1b", "2-2 theta_1a")
WRONG |= {f"{name}, written": {"formula"} for name in ON_PAPER}


def run(capsys, *command):
    status = cli.main([str(word) for word in command])
    return status, capsys.readouterr().out


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    """The class, graded: (folder, exit status)."""
    root = tmp_path_factory.mktemp("demo")
    assert cli.main(["demo", "--out", str(root / "demo")]) == 0
    command = ["grade", root / "demo/submitted", "--out", root / "grading", "--timeout", 4, "--jobs", 2]
    return root, cli.main([str(word) for word in command])


def rows(root):
    with open(root / "grading/grades.csv", newline="", encoding="utf8") as file:
        return {row["student"]: row for row in csv.DictReader(file)}


def details(root):
    return json.loads((root / "grading/grades.json").read_text(encoding="utf8"))["students"]


def test_every_submission_has_its_row_with_the_points_it_earned(graded):
    found = {name: tuple(float(row[f"auto {c}"]) for c in COLUMNS) for name, row in rows(graded[0]).items()}
    assert found == EXPECTED


def test_every_formula_has_a_column_and_its_point(graded):
    for name, row in rows(graded[0]).items():
        points = [float(value) for column, value in row.items() if column.endswith("-written")]
        assert (len(points), sum(points)) == (len(WRITTEN), FORMULAS[name]), name
        assert set(points) <= {0, 1}


def test_what_was_mended_is_told_once(graded):
    (note,) = details(graded[0])["unavailable-import"]["notes"]
    assert note.startswith("problem1: `from google.colab import drive` was left out")
    for student in details(graded[0]).values():
        assert len(set(student["notes"])) == len(student["notes"])


def test_automatic_and_manual_points_have_columns_of_their_own(graded):
    for name, row in rows(graded[0]).items():
        assert float(row["auto_score"]) == sum(EXPECTED[name]) + FORMULAS[name]
        assert float(row["auto_max"]) == sum(FULL) + sum(WRITTEN.values()) == 86
        assert float(row["manual_max"]) == 26
        assert float(row["manual_score"]) == 0
        assert int(row["manual_waiting"]) == {"blank": 0, "not-json": 3, "one-notebook-only": 3}.get(name, 6)
        assert float(row["score"]) == float(row["auto_score"]) + float(row["manual_score"])


def test_what_needs_a_person_is_said_and_told_by_the_exit_status(graded):
    root, status = graded
    assert status == cli.NEEDS_A_PERSON
    for name, row in rows(root).items():
        assert row["status"] == ("needs a person" if name in NEEDS else "graded")
        assert re.fullmatch(NEEDS.get(name, ""), row["needs"])


def test_the_source_homework_fails_where_its_formulas_are_wrong_and_nowhere_else(graded):
    questions = details(graded[0])["source-homework"]["questions"]
    lost = {q: {p["name"] for p in found["parts"] if p["points"] < p["maximum"]} for q, found in questions.items()}
    assert {question: parts for question, parts in lost.items() if parts} == WRONG
    said = {part["name"]: part["words"] for found in questions.values() for part in found["parts"] if part.get("words")}
    assert said["dz_1b"], "what the numbers show is said"


def test_the_json_tells_of_each_question_what_happened(graded):
    for name, student in details(graded[0]).items():
        assert student["status"] in {"graded", "needs a person"}
        missing = {"not-json", "one-notebook-only"} & {name}
        judged = {name for name, found in student["questions"].items() if found["verdict"] != "not judged"}
        asked = {*HW1, *WRITTEN}
        assert judged == ({question for question in asked if question[0] == "1"} if missing else asked)
        for question, found in student["questions"].items():
            assert 0 <= found["score"] <= found["maximum"]
            assert found["seconds"] >= 0 and (found["seconds"] == 0 or question in judged)
            assert found["verdict"] == "right" or found["happened"]
            assert all(part["verdict"] for part in found["parts"])
    exception = details(graded[0])["exception"]["questions"]["2-1"]
    assert any("ValueError" in error and "matmul" in error for error in exception["errors"])
    assert exception["public_seed"] in {0, 1, 2}


def test_the_hidden_seed_is_the_owners_alone_and_stays(graded, capsys):
    root, _ = graded
    seed = root / "grading/course/hidden_seed"
    assert stat.S_IMODE(seed.stat().st_mode) == 0o600
    number = seed.read_text()
    assert int(number) > 2**64
    for path in (p for p in root.rglob("*") if p.is_file() and p != seed):
        assert number.encode() not in path.read_bytes(), path


def test_what_has_not_changed_is_not_graded_again(graded, capsys):
    root, _ = graded
    command = ("grade", root / "demo/submitted", "--out", root / "grading", "--timeout", 4, "--jobs", 1)
    status, printed = run(capsys, *command)
    assert "20 of 20 submissions have not changed" in printed
    assert "a minute" not in printed
    assert status == cli.NEEDS_A_PERSON
    path = root / "demo/submitted/blank/hw1/problem1.ipynb"
    path.write_text(path.read_text() + "\n")
    _, printed = run(capsys, *command)
    assert "19 of 20 submissions have not changed" in printed
    assert "1/1  blank" in printed


def test_the_summary_is_a_table(graded, capsys):
    status, printed = run(capsys, "summary", "--out", graded[0] / "grading")
    assert status == cli.NEEDS_A_PERSON
    (line,) = (line for line in printed.splitlines() if line.startswith("source-homework"))
    assert line.split() == [
        "source-homework",
        "64",
        "of",
        "86",
        *map(str, EXPECTED["source-homework"]),
        str(FORMULAS["source-homework"]),
        "6",
        "to",
        "read",
    ]
    assert "20 submissions · 16 graded · 4 need you" in printed


@pytest.fixture(scope="module")
def feedback(graded):
    root, _ = graded
    assert cli.main(["feedback", "--out", str(root / "grading")]) == cli.GRADED
    return root / "grading/feedback"


def test_every_student_has_a_page_for_each_notebook(feedback):
    for name in EXPECTED:
        assert {path.name for path in (feedback / name / "hw1").glob("*.html")} == {"problem1.html", "problem2.html"}


def test_no_page_asks_outside_or_shows_a_path_of_this_machine(feedback):
    for path in feedback.rglob("*.html"):
        head, _, rest = path.read_text(encoding="utf8").partition("Content-Security-Policy")
        assert "<head>" in head and "<script" not in head and "default-src 'none'" in rest[:60]
        page = path.read_text(encoding="utf8")
        assert not re.search(r"""(?:src|href)\s*=\s*["']?(?:https?:)?//|@import|url\(["']?http""", page), path
        assert "<script" not in page
        for place in (str(Path.home()), str(Path(cli.__file__).parents[2]), "/tmp/", "site-packages"):
            assert place not in page, (path, place)


def test_a_page_shows_the_verdict_and_not_what_was_raised_on_hidden_inputs(feedback):
    page = (feedback / "exception/hw1/problem2.html").read_text(encoding="utf8")
    assert "two_branch_forward raised ValueError." in page
    assert "matmul" not in page
    assert 'check("2-1", seed=' in unescape(page)
    page = (feedback / "source-homework/hw1/problem2.html").read_text(encoding="utf8")
    assert "15 of 16" in page
    assert "not right" in page
    page = (feedback / "not-json/hw1/problem2.html").read_text(encoding="utf8")
    assert "could not be read" in page
    page = (feedback / "syntax-error/hw1/problem1.html").read_text(encoding="utf8")
    assert "SyntaxError" in page


def test_feedback_that_has_not_changed_is_not_written_again(feedback, capsys):
    _, printed = run(capsys, "feedback", "--out", feedback.parent)
    assert "(0 students" in printed


def test_formulas_are_mathml(feedback):
    page = (feedback / "perfect/hw1/problem2.html").read_text(encoding="utf8")
    assert page.count("<math") > 50
    assert "$" not in re.sub(r"<(style|pre|code).*?</\1>", "", page, flags=re.DOTALL)


def test_a_page_shows_each_formula_typeset_with_its_verdict_and_its_mistake(feedback):
    page = (feedback / "source-homework/hw1/problem2.html").read_text(encoding="utf8")
    assert page.count("right after a repair") == 4, "in the summary, and at the formula"
    assert "no sample index: it was read as that of sample i." in page
    assert "Batch statistics taken as constants" in page
    assert "a matrix K × n_h" in page
    assert unescape(page).count(r"\frac{1}{m} \sum_{i=1}^m (\hat{y}_{bi} - y_{bi}) \mathbf{s}^T") == 1
    perfect = (feedback / "perfect/hw1/problem2.html").read_text(encoding="utf8")
    verdict = perfect[perfect.index("<b>2-2 gamma, written</b>") :]
    assert re.search(r">right, to \de-1\d<.*?1 of 1</b></p>\s*<div[^>]*><math", verdict[:400], re.DOTALL)
    blank = (feedback / "blank/hw1/problem2.html").read_text(encoding="utf8")
    assert "There is no formula." in blank and "(nothing)" in blank


def test_the_class_spoils_what_it_says(graded):
    assert {*answers(), *CHANGED} == set(EXPECTED) - {"not-json", "one-notebook-only"}
    with pytest.raises(ValueError, match="no longer holds"):
        spoil({"cell": "a"}, [("cell", "b", "c")])


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (("grade", "nowhere", "--out", "OUT"), "There is no folder nowhere."),
        (("grade", "OUT", "--out", "OUT"), "A folder a student is expected: <student>/hw1/problem1.ipynb"),
        (("grade", "OUT", "--out", "OUT", "--timeout", "0"), "--timeout must be above 0 seconds"),
        (("feedback", "--out", "OUT"), "First:  autograder grade SUBMITTED"),
        (("summary", "--out", "OUT"), "First:  autograder grade SUBMITTED"),
    ],
)
def test_what_cannot_be_done_is_said_with_what_to_do(tmp_path, capsys, command, words):
    status = cli.main([str(tmp_path) if word == "OUT" else word for word in command])
    assert status == cli.FAILED
    assert words in capsys.readouterr().err


def test_a_derivation_that_nobody_has_read_is_not_shown_as_failed(feedback):
    page = (feedback / "perfect/hw1/problem2.html").read_text(encoding="utf8")
    assert "Score: 70 of 70" in page
    assert page.count("not read yet, of") == 6 and "3 derivations are not read yet" in page
    assert (
        "Score: 0 " not in page
        and ">0 of " not in page
        and "nan" not in re.sub(r"<(style|code|pre)[^>]*>.*?</\1>", "", page, flags=re.DOTALL)
    )
    assert ">Check 2-2-branch-b</a>" in page and ">Derivation 2-2-head</a>" in page

"""The page on grading: its very commands, in their order, from an empty folder to the files that the LMS imports."""

import csv
import json
import os
import re
import subprocess

import pytest

from autograder.sandbox.bubblewrap import NoSandbox, require
from tests.answers import ROOT

PAGE = (ROOT / "book/teach/grading.md").read_text(encoding="utf8")
COMMANDS = [found[2] for found in re.finditer(r"^(```|~~~)bash\n(.*?)^\1$", PAGE, re.DOTALL | re.MULTILINE)]

# Whatever `autograder` returns, the page goes on as a person would. In place of JupyterLab somebody reads everything.
TERMINAL = """\
set -euo pipefail
autograder() {
    local status=0
    command autograder "$@" || status=$?
    echo "$1 $status" >> "$STATUSES"
}
jupyter() {
    [ "$*" = lab ] && command -v jupyter > /dev/null && [ -f nbgrader_config.py ]
    python - <<'END'
from nbgrader.api import Gradebook

with Gradebook("sqlite:///gradebook.db") as gradebook:
    for submission in gradebook.assignment_submissions("hw1"):
        for notebook in submission.notebooks:
            for grade in notebook.grades:
                if grade.needs_manual_grade:
                    grade.manual_score, grade.needs_manual_grade = 2, False
    gradebook.db.commit()
END
}
"""


@pytest.fixture(scope="module")
def typed(tmp_path_factory):
    """The folder after all of the page's commands; what they said; and [command, exit status] of each."""
    try:
        require("bubblewrap")
    except NoSandbox:
        pytest.skip("there is no sandbox")
    folder = tmp_path_factory.mktemp("empty")
    script = TERMINAL + "".join(COMMANDS).replace("REPOSITORY", str(ROOT))
    env = os.environ | {"STATUSES": str(folder / "statuses")}
    ran = subprocess.run(["bash", "-c", script], cwd=folder, env=env, capture_output=True, text=True, timeout=600)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    statuses = [line.split() for line in (folder / "statuses").read_text().splitlines()]
    return folder / "hw1-spring", ran.stdout + ran.stderr, statuses


def table(path):
    with open(path, newline="", encoding="utf8") as file:
        return list(csv.DictReader(file))


def test_every_command_ends_as_the_page_says(typed):
    """0; and 3 where a person is needed: for Emmy's time, then for Grace's loop, until somebody has looked."""
    _, said, statuses = typed
    wanted = "doctor 0, release 0, demo 0, collect 3, grade 3, summary 3, feedback 0, report 0, "
    wanted += "resolve 0, export 0, export 0"
    assert ", ".join(map(" ".join, statuses)) == wanted, said
    assert "The sandbox holds." in said
    assert "nothing came of 1: marie" in said and "emmy: is marked LATE" in said
    assert re.search(r"needs you +1 +problem1: \w+ took longer than 10 s and was stopped.*\(grace\)", said)
    assert re.search(r"most often +33 %", said)


def test_what_the_page_says_lies_there_does(typed):
    """Every line of the page's tree of files."""
    (tree,) = re.findall(r"```text\nhw1-spring/\n(.*?)```", PAGE, re.DOTALL)
    parents, seen = [], 0
    for line in tree.splitlines():
        depth, name = (len(line) - len(line.lstrip())) // 4 - 1, line.split()[0]
        parents = [*parents[:depth], name]
        pattern = "/".join(part.strip("/") for part in parents).replace("<student>", "*")
        found = list(typed[0].glob(pattern))
        assert len(found) == (3 if "<student>" in name else 1), pattern
        assert all(path.is_dir() == name.endswith("/") and (path.is_file() or any(path.iterdir())) for path in found)
        seen += 1
    assert seen > 15


def test_the_words_of_the_two_files_are_the_pages(typed):
    folder = typed[0] / "grading"
    rows = {row["student"]: row for row in table(folder / "grades.csv")}
    assert {name: row["status"] for name, row in rows.items()} == {
        "ada": "graded",
        "emmy": "graded",
        "grace": "graded",
    }
    assert rows["grace"]["needs"] == "" and "the loop never ends" in rows["grace"]["resolved"]
    assert [float(rows[name]["manual_score"]) for name in rows] == [12, 12, 12]
    assert rows["ada"]["auto_score"] == rows["ada"]["auto_max"]
    assert float(rows["ada"]["late_penalty"]) == 0
    emmy = {name: float(rows["emmy"][name]) for name in ("auto_score", "manual_score", "late_penalty", "score")}
    assert emmy["late_penalty"] == pytest.approx(0.2 * (emmy["auto_score"] + emmy["manual_score"]))  # two days
    assert emmy["score"] == pytest.approx(0.8 * (emmy["auto_score"] + emmy["manual_score"]))
    students = json.loads((folder / "grades.json").read_text())["students"]
    verdicts = {q["verdict"] for student in students.values() for q in student["questions"].values()}
    assert verdicts == {"right", "partly right", "not right"}
    assert {d["verdict"] for student in students.values() for d in student["by_hand"].values()} == {"read"}
    assert any(q["diagnosis"] for q in students["emmy"]["questions"].values())
    for word in {*verdicts, "not judged", "not graded", "needs a person", *{row["status"] for row in rows.values()}}:
        assert f"*{word}*" in " ".join(PAGE.split())
    for name in ("manual_waiting", "late_penalty", "needs", "resolved", "status"):
        assert f"`{name}`" in PAGE and name in rows["ada"]


def test_the_feedback_has_the_comments_links_and_no_hidden_draw(typed):
    pages = {path.parts[-3]: path.read_text() for path in (typed[0] / "grading/feedback").glob("*/hw1/problem2.html")}
    assert pages.keys() == {"ada", "emmy", "grace"}
    assert re.search(r'check\("2-\d[ \w]*", seed=\d\)', re.sub("&quot;|&#34;", '"', pages["emmy"]))
    assert 'href="https://example.org/backprop/book/' in pages["emmy"]


def test_what_is_imported_has_the_scores(typed):
    folder = typed[0] / "grading"
    rows = {row["student"]: row for row in table(folder / "grades.csv")}
    canvas = {row["SIS Login ID"]: row["hw1 (4711)"] for row in table(folder / "for_canvas.csv")}
    top = float(canvas.pop(""))
    assert {name: float(score) for name, score in canvas.items()} == {
        name: pytest.approx(float(row["score"]), abs=0.005) for name, row in rows.items()
    }
    moodle = sorted(float(row["hw1"]) for row in table(folder / "for_moodle.csv"))
    assert moodle == pytest.approx(sorted(100 * float(row["score"]) / top for row in rows.values()), abs=0.005)


def test_the_page_tells_every_option_of_grade():
    told = subprocess.run(["autograder", "grade", "--help"], capture_output=True, text=True, check=True, env=_path())
    options = set(re.findall(r"--[a-z]+", told.stdout)) - {"--help"}
    assert len(options) > 10
    assert {option for option in options if not re.search(rf"{option}\b", PAGE)} == set()


def _path():
    return os.environ | {"PATH": f"{ROOT / '.venv/bin'}:{os.environ['PATH']}"}

"""Our own faults: no student loses a point by one, a person is told, and its traceback is in the log."""

import json
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from autograder import cli, faults
from autograder.course.folder import Course
from autograder.faults import LOG, Fault, collected, log_file, write_faults
from autograder.grading import batch, formula_grading, submission
from autograder.grading import grader as execute
from autograder.grading.batch import grade_all
from autograder.grading.gradebook import load_records
from autograder.grading.grader import _answer
from autograder.grading.records import Record
from autograder.questions import private
from autograder.reports import safe_markdown as markdown
from autograder.sandbox import notebook_runner as cells

FULL = {"1-1": 4, "1-2": 4, "1-3": 4, "2-1": 16, "2-2 head": 8, "2-2 branch b": 15, "2-2 branch a": 12, "2-2": 12}


def break_for(monkeypatch, module, name, question_id=None):
    """Let a function of ours raise: always, or where an argument of its is the question."""
    stock = getattr(module, name)

    def broken(*args, **options):
        if question_id is None or any(isinstance(each, str) and each == question_id for each in args):
            raise ZeroDivisionError(f"made in {name}")
        return stock(*args, **options)

    monkeypatch.setattr(module, name, broken)


def graded(tmp_path, folder, verbose=False):
    """The Course, the row and the Record of one submission, graded in this process."""
    course = Course.at(tmp_path / "out")
    with ThreadPoolExecutor(1) as pool, log_file(course.out, verbose=verbose):
        (row,), _, _ = grade_all(folder.parent.parent, course, executor=pool, say=lambda line: None)
    return course, row, load_records(course)[row["student"]]


@pytest.mark.parametrize(
    ("broken", "lost"),
    [
        (
            [
                (execute, "grade_public", "1-2"),
                (formula_grading, "grade_public", "1-3, written"),
                (private, "_pictures", None),
            ],
            {"1-2", "1-3-written"},
        ),
        ([(execute, "grade_hidden", "1-2"), (formula_grading, "grade_hidden", "1-3, written")], {"1-2", "1-3-written"}),
        ([(execute, "diagnose", "1-2"), (formula_grading, "shown", "1-3, written"), (execute, "html", None)], set()),
        ([(execute, "looks_numeric", None), (formula_grading, "share", None)], {"every formula"}),
    ],
)
def test_a_fault_in_one_question_takes_no_point_and_is_told(submit, tmp_path, monkeypatch, capsys, broken, lost):
    for module, name, question in broken:
        break_for(monkeypatch, module, name, question)
    course, row, record = graded(tmp_path, submit("ada", {}), verbose=True)
    for each, points in FULL.items():
        short = each.replace(" ", "-")
        assert row[f"auto {short}"] == (None if short in lost else points), each
    formulas = {name.removeprefix("auto "): row[name] for name in row if re.match("auto .*written", name)}
    assert len(formulas) == 11
    for short, score in formulas.items():
        assert score == (None if short in lost or "every formula" in lost else 1), short
    assert row["status"] == "needs a person"
    assert row["manual_waiting"] == 6 + (11 if "every formula" in lost else len(lost))
    assert {fault.level for fault in record.faults} == {"ERROR"}
    log, printed = (course.out / faults.FILE).read_text(encoding="utf8"), capsys.readouterr().err
    for _, name, question in broken:
        assert f"ZeroDivisionError: made in {name}" in row["needs"]
        where = question.replace(", ", "-") if question else ""
        entry = (
            rf"^\S+ \S+ ERROR ada: .*{where}\b.*made in {name}\n    Traceback \(most recent call last\):\n(    .*\n)+"
        )
        found = re.search(entry, log, re.MULTILINE)
        assert found and "ZeroDivisionError(f" in found[0] and found[0] in printed
    detail = json.loads((course.out / "grades.json").read_text())["students"]["ada"]["questions"]
    assert detail["1-1"]["verdict"] == "right"
    if "1-2" in lost:
        assert detail["1-2"]["verdict"] == "not judged" and detail["1-2"]["score"] is None


@pytest.mark.parametrize(
    ("module", "name"), [(submission, "run_cells"), (batch, "merge"), (batch, "grade_submission"), (Record, "save")]
)
def test_a_fault_in_a_whole_submission_leaves_it_to_a_person(submit, tmp_path, monkeypatch, module, name):
    if name in ("merge", "save"):  # what was graded does not matter
        monkeypatch.setattr(batch, "grade_submission", lambda folder, course, **options: Record("ada"))
    break_for(monkeypatch, module, name)
    course = Course.at(tmp_path / "out")
    with ThreadPoolExecutor(1) as pool, log_file(course.out):
        folder = submit("ada", {}).parent.parent
        (row,), _, _ = grade_all(folder, course, executor=pool, say=lambda line: None)
    kept = "could not be kept" in row["needs"]
    assert kept or row["status"] == "not graded"
    assert kept or (row["auto 1-1"] is None and row["manual_waiting"] == 25)
    log = (course.out / faults.FILE).read_text(encoding="utf8")
    assert "ERROR ada: " in log and "    Traceback (most recent call last):" in log
    assert f"ZeroDivisionError: made in {name}" in log


def test_what_an_earlier_run_could_not_merge_is_logged_where_it_fails_again(course, tmp_path, monkeypatch):
    waiting = course.records / "zoe.json.new"
    Record("zoe").save(waiting)
    break_for(monkeypatch, batch, "merge")
    with log_file(tmp_path):
        batch._finish(course)
    log = (tmp_path / faults.FILE).read_text()
    assert "ERROR zoe.json.new could not be merged\n    Traceback" in log and waiting.exists()
    waiting.unlink()


def test_nothing_is_exported_while_a_fault_left_a_question_open(submit, tmp_path, monkeypatch, capsys):
    break_for(monkeypatch, execute, "grade_hidden", "1-2")
    course, _, _ = graded(tmp_path, submit("ada", {}))
    (tmp_path / "roster.csv").write_text("login,Full name,Email address\nada,Ada,ada@example.org\n")
    command = ["export", "--out", str(course.out), "--to", "moodle", "--roster", str(tmp_path / "roster.csv")]
    assert cli.main(command) == cli.NEEDS_A_PERSON
    assert "for_moodle.csv was not written" in capsys.readouterr().out
    assert not (course.out / "for_moodle.csv").exists()
    assert cli.main([*command, "--partial"]) == cli.NEEDS_A_PERSON
    assert "82.0" in (course.out / "for_moodle.csv").read_text()
    assert cli.main(["report", "--out", str(course.out)]) == cli.GRADED
    assert cli.main(["summary", "--out", str(course.out)]) == cli.NEEDS_A_PERSON
    assert "the grader's own faults: " in capsys.readouterr().out


@pytest.mark.parametrize(
    ("use", "words"),
    [
        (lambda: _answer("{"), "an answer of the kernel's could not be read"),
        (lambda: formula_grading.received(None), "what came in place of a formula could not be read"),
        (lambda: markdown.mathml(r"\begin{nothing} x"), "a formula could not be typeset"),
        (lambda: markdown.markdown2html({"cell": None}, "x"), "a cell's Markdown could not be rendered"),
        (
            lambda: cells.SandboxClient.process_message(
                type("Client", (), {"printed": 0, "max_output": 9})(), {}, {}, 0
            ),
            "a message of the kernel's could not be read",
        ),
    ],
)
def test_what_a_hostile_kernel_or_text_does_is_logged_and_asks_for_nobody(use, words):
    with collected() as found:
        use()
    assert [(fault.level, fault.where) for fault in found] == [("INFO", words)]
    assert "Traceback" in found[0].traceback


def test_only_this_thread_s_faults_are_collected_and_so_many_and_no_more(tmp_path):
    with log_file(tmp_path), collected() as found, ThreadPoolExecutor(1) as other:
        other.submit(LOG.error, "of another").result()
        for number in range(2 * faults.MAX_COLLECTED):
            LOG.error("fault %s", number)
            LOG.error("fault %s", number)  # of another draw: said once
    assert [fault.where for fault in found] == [f"fault {n}" for n in range(faults.MAX_COLLECTED)]
    assert (tmp_path / faults.FILE).read_text().endswith(" ERROR of another\n")


def test_no_text_of_a_student_s_can_forge_an_entry(tmp_path):
    entry = "2030-01-01 00:00:00,000 ERROR eve: forged"
    fault = Fault(f"x\n{entry}", f"ValueError: \r{entry}\x1b[2J", f"Traceback\n{entry}\u2028{entry}\x1b[2J")
    with log_file(tmp_path):
        write_faults(f"ada\n{entry}", [fault])
    lines = (tmp_path / faults.FILE).read_text().splitlines()
    assert len(lines) == 4 and not any(line.startswith("2030") for line in lines)
    assert not any("\x1b" in line for line in lines)


def test_faults_travel_with_their_record_and_records_without_them_are_read(tmp_path):
    record = Record("ada", faults=[Fault.of("1-2", ValueError("x"))])
    record.save(tmp_path / "ada.json")
    assert Record.load(tmp_path / "ada.json") == record
    kept = json.loads((tmp_path / "ada.json").read_text())
    del kept["faults"]
    (tmp_path / "ada.json").write_text(json.dumps(kept))
    assert Record.load(tmp_path / "ada.json").faults == []


def test_every_broad_except_logs_tells_or_raises_again():
    """Each `except` that names no exception logs it, or is one of TOLD, which somebody has looked at."""
    root, found = Path(faults.__file__).parent, {}
    for path in root.rglob("*.py"):
        lines = path.read_text(encoding="utf8").splitlines()
        for number, line in enumerate(lines):
            if re.search(r"^\s*except( \(?(Base)?Exception\b|:)|suppress\((Base)?Exception", line):
                handler = "\n".join(lines[number : number + 4])
                logs = re.search(r"\.(info|exception)\(|Fault\.of|traceback\.format_exc", handler)
                if not logs:
                    found.setdefault(str(path.relative_to(root)), []).append(line.strip())
    assert {name: len(lines) for name, lines in found.items()} == TOLD


TOLD = {
    "gradcheck.py": 2,  # of a backward pass that is called again, and of what is no array: said in the verdict
    "grading/batch.py": 1,  # an answer that did not come: `_record` keeps it
    "grading/executors.py": 1,  # kills a process, and raises it again
    "sandbox/kernel_environment.py": 1,  # removes a half-made environment, and raises it again
    "sandbox/protocol.py": 2,  # of a student's function, in the kernel: the answer, or "differs" while it is watched
    "mistakes/trace.py": 1,  # of a forward pass: raised again as NotTraceable, and the question has no derived names
    "questions/public.py": 4,  # at home, of a student's function or cell: the answer, or said of the cell, or a warning
}

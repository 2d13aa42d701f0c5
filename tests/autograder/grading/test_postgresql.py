"""The gradebook in PostgreSQL, on a real server of the test's own: a new one on loopback, thrown away at the end."""

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import pytest
from sqlalchemy import inspect, text

from autograder import cli
from autograder.course.folder import Course
from autograder.grading.forget import forget
from autograder.grading.gradebook import export, load_records, merge, record_file
from autograder.grading.records import Record
from tests.autograder.grading.test_gradebook import by_hand, record, row

PASSWORD = "ge/heim@: %40"
QUOTED = quote(PASSWORD, safe="")
ROOT = os.getuid() == 0


def _programs():
    """The folder of PostgreSQL's newest programs on this machine, or None."""
    there = shutil.which("initdb")
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: float(path.parts[-3]))
    return Path(there).resolve().parent if there else found[-1].parent if found else None


def _user():
    """Arguments of subprocess.run: the server refuses to run as root."""
    return {"user": "postgres", "group": "postgres", "extra_groups": []} if ROOT else {}


class Server:
    """A cluster in a folder; stop() and start() it as often as you like."""

    def __init__(self, folder, programs):
        self.folder, self.programs = Path(folder), programs
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        words = ["-U", "ada", "--auth=scram-sha-256", f"--pwfile={folder}/password", "--no-sync", "-E", "UTF8"]
        self._run("initdb", *words)
        self.start()

    def url(self, database, password=QUOTED):
        return f"postgresql://ada:{password}@127.0.0.1:{self.port}/{database}"

    def start(self):
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -k {self.folder} -c fsync=off"
        self._run("pg_ctl", "-w", "-l", f"{self.folder}/log", "-o", options, "start")

    def stop(self):
        self._run("pg_ctl", "-w", "-m", "immediate", "stop")

    def create(self, database):
        words = ["createdb", "-h", "127.0.0.1", "-p", str(self.port), "-U", "ada", database]
        environment = {"PATH": os.environ["PATH"], "PGPASSWORD": PASSWORD}
        subprocess.run([self.programs / words[0], *words[1:]], env=environment, check=True, timeout=60)
        return self.url(database)

    def _run(self, program, *words):
        command = [self.programs / program, "-D", f"{self.folder}/data", *words]
        subprocess.run(command, cwd=self.folder, check=True, stdout=subprocess.DEVNULL, timeout=120, **_user())


@pytest.fixture(scope="module")
def server():
    programs = _programs()
    if programs is None:
        pytest.skip("PostgreSQL's server is not installed (initdb was not found): apt-get install postgresql")
    with tempfile.TemporaryDirectory(prefix="pg", ignore_cleanup_errors=True) as folder:
        Path(folder, "password").write_text(PASSWORD)
        if ROOT:
            shutil.chown(folder, "postgres", "postgres")
            shutil.chown(f"{folder}/password", "postgres", "postgres")
        made = Server(folder, programs)
        try:
            yield made
        finally:
            made.stop()


@pytest.fixture(scope="module")
def pg(server, tmp_path_factory):
    made = Course.at(tmp_path_factory.mktemp("course"), db=server.create("hw1"))
    made.prepare()
    return made


@contextmanager
def down(server):
    server.stop()
    try:
        yield
    finally:
        server.start()


def test_no_file_of_sqlite_is_made_and_no_password_written(pg):
    assert not (pg.root / "gradebook.db").exists()
    files = [path for path in pg.out.rglob("*") if path.is_file()]
    assert files
    assert not any(PASSWORD.encode() in path.read_bytes() for path in files)
    assert not any(QUOTED.encode() in path.read_bytes() for path in files)


def test_ten_times_is_as_good_as_once_and_what_was_given_by_hand_stays(pg):
    first = record(pg, "zoë 'ada'; --")
    first.timestamp = "2025-03-01 12:00:00 +0100"
    merge(first, pg)
    by_hand(pg, first.student, 3.5)
    second = record(pg, first.student, score=4.0, written="another answer")
    merge(second, pg)
    once = row(pg, first.student)
    assert (once["auto_score"], once["manual 1-1"], once["manual_waiting"], once["score"]) == (32, 3.5, 6, 35.5)
    for _ in range(9):
        merge(second, pg)
    assert row(pg, first.student) == once
    with pg.open() as gradebook:
        assert gradebook.find_comment("derive-1-1", "problem1", "hw1", first.student).comment == "Well argued."
        assert str(gradebook.find_submission("hw1", first.student).timestamp) == "2025-03-01 11:00:00"


def test_the_columns_are_those_of_sqlite(pg, course):
    for where in (pg, course):
        merge(record(where, "bert", score=3.0), where)
        by_hand(where, "bert", 1.5)
    assert list(row(pg, "bert").items()) == list(row(course, "bert").items())


def test_a_name_that_has_no_place_is_said_and_the_others_have_their_rows(pg):
    long = Record("n" * 255)
    with pytest.raises(ValueError, match="a name of more than 128 characters"):
        merge(long, pg)
    long.save(record_file(pg, long.student))
    merge(record(pg, "eve"), pg)
    found = {row["student"]: row for row in export(pg)}
    assert "a name of more than 128 characters" in found[long.student]["needs"]
    assert found["eve"]["auto_score"] == 16
    record_file(pg, long.student).unlink()


def test_the_course_folder_knows_its_gradebook_the_next_time(server, pg, monkeypatch, capsys):
    merge(record(pg, "joe"), pg)
    command = ["summary", "--out", str(pg.out)]
    monkeypatch.delenv("PGPASSWORD", raising=False)
    monkeypatch.setenv("PGPASSFILE", os.devnull)
    assert cli.main(command) == cli.FAILED
    told = capsys.readouterr().err
    assert "no password supplied" in told
    assert "~/.pgpass" in told
    monkeypatch.setenv("PGPASSWORD", PASSWORD)
    assert cli.main(command) == cli.GRADED
    assert "16 of 86" in capsys.readouterr().out
    found = json.loads((pg.out / "grades.json").read_text())["students"]["joe"]
    assert found["questions"]["1-1"]["score"] == 2
    assert Course.at(pg.out, db="sqlite").db is None


def test_nbgraders_own_commands_work_in_the_course_folder(pg):
    merge(record(pg, "kim"), pg)
    by_hand(pg, "kim", 3.5)
    words = [sys.executable, "-m", "nbgrader", "export", "--to", "own.csv"]
    environment = os.environ | {"PGPASSWORD": PASSWORD}
    subprocess.run(words, cwd=pg.root, env=environment, check=True, capture_output=True, timeout=120)
    (line,) = [line for line in (pg.root / "own.csv").read_text().splitlines() if ",kim," in line]
    assert ",19.5," in line


def test_a_wrong_password_is_said_and_not_shown(server, tmp_path, capsys):
    (tmp_path / "class/ada/hw1").mkdir(parents=True)
    url = server.url("hw1", "falsch")
    command = ["grade", str(tmp_path / "class"), "--out", str(tmp_path / "out"), "--db", url]
    assert cli.main(command) == cli.FAILED
    told = capsys.readouterr().err
    assert 'password authentication failed for user "ada"' in told
    assert "falsch" not in told


def test_a_server_that_goes_away_leaves_the_records_and_comes_back_to_the_same_grades(server, pg):
    first = record(pg, "lou")
    merge(first, pg)
    by_hand(pg, "lou", 3.5)
    second = record(pg, "lou", score=4.0)
    with down(server), pytest.raises(ValueError, match="Is the server running") as told:
        merge(second, pg)
    assert PASSWORD not in str(told.value)
    assert "What was graded is kept" in str(told.value)
    assert "lou" in load_records(pg)
    merge(second, pg)
    assert (row(pg, "lou")["auto_score"], row(pg, "lou")["manual 1-1"]) == (32, 3.5)


def test_a_server_that_goes_away_in_the_middle_is_said_too(server, pg):
    with pytest.raises(ValueError, match="The gradebook cannot be used"), pg.open() as gradebook:
        with down(server):
            pass
        gradebook.find_student("lou")
    assert row(pg, "lou")["auto_score"] == 32


def test_grades_go_over_from_sqlite_to_a_server(server, course, tmp_path):
    before = Course.at(shutil.copytree(course.out, tmp_path / "copy"))
    for path in before.records.iterdir():
        path.unlink()
    merge(record(before, "mia"), before)
    after = Course.at(before.out, db=server.create("moved"))
    after.prepare()
    (found,) = export(after)
    assert found["auto_score"] == 16
    assert Course.at(before.out).db is not None


def test_one_student_is_deleted_from_every_table(pg):
    made = record(pg, "zoe quaggington")
    made.save(record_file(pg, made.student))
    merge(made, pg)
    by_hand(pg, made.student, 3.5, comment="Said of nobody else.")
    done = forget(made.student, pg)
    assert any("in the gradebook" in what for what in done.removed)
    assert any("VACUUM" in what for what in done.left)
    with pg.open() as gradebook:
        tables = [table for table in inspect(gradebook.db.get_bind()).get_table_names() if table != "alembic_version"]
        for table in tables:
            rows = gradebook.db.execute(text(f'SELECT * FROM "{table}"')).all()
            assert "quaggington" not in repr(rows) and "Said of nobody else" not in repr(rows), table

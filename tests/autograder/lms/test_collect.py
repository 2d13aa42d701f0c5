"""Downloads of Canvas and Moodle, and plain folders: whose a file is, which notebook, and what is left alone."""

import json
import os
import random
import stat
import zipfile
from functools import partial

import nbformat
import pytest

from autograder.course.roster import Student
from autograder.lms import collect as module
from tests.autograder.grading import operations
from tests.hw1 import ASSIGNMENT

collect = partial(module.collect, ASSIGNMENT)

ADA = Student("ada", "ada", "Lovelace, Ada", "ada@example.org", "S-1", "101", "9001")
EMMY = Student("emmy", "emmy", "Noether, Emmy", "emmy@example.org", "S-2", "102", "9002")
EVE = Student("eve", "eve", "Müller, Eve", "eve@example.org", "S-3", "103", "9003")
ROSTER = {student.key: student for student in (ADA, EMMY, EVE)}
IDS = {"problem1": {"check-1-1", "derive-1-1", "check-1-2"}, "problem2": {"check-2-1", "check-2-2"}}


@pytest.fixture(autouse=True)
def _two_small_notebooks(monkeypatch):
    made = {name: json.loads(notebook(*sorted(ids))) for name, ids in IDS.items()}
    monkeypatch.setattr(module, "source_notebooks", lambda assignment: made)


def notebook(*names, words=""):
    cells = [{"cell_type": "code", "source": words, "metadata": {"nbgrader": {"grade_id": name}}} for name in names]
    return json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}).encode()


P1, P2 = notebook("check-1-1", "derive-1-1"), notebook("check-2-1", "check-2-2")
OTHER_P1 = notebook("check-1-1", "derive-1-1", words="another")


def folder(tmp_path, files):
    for name, data in files.items():
        path = tmp_path / "download" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return tmp_path / "download"


def zipped(tmp_path, files):
    path = tmp_path / "download.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files if isinstance(files, list) else files.items():
            archive.writestr(name, data)
    return path


def collected(out):
    return {str(p.relative_to(out)): p.read_bytes() for p in sorted(out.rglob("*")) if p.is_file()}


BOTH = {"ada/hw1/problem1.ipynb": P1, "ada/hw1/problem2.ipynb": P2}


@pytest.mark.parametrize("pack", [folder, zipped])
@pytest.mark.parametrize(
    "names",
    [
        ("lovelaceada_101_7001_problem1.ipynb", "lovelaceada_101_7002_problem2.ipynb"),
        (
            "Ada Lovelace_9001_assignsubmission_file/problem1.ipynb",
            "Ada Lovelace_9001_assignsubmission_file/problem2.ipynb",
        ),
        (
            "Ada Lovelace_9001_assignsubmission_file_/a/problem1.ipynb",
            "Ada Lovelace_9001_assignsubmission_file_/problem2.ipynb",
        ),
        (
            "Ada Lovelace_9001_assignsubmission_file_problem1.ipynb",
            "Ada Lovelace_9001_assignsubmission_file_problem2.ipynb",
        ),
        ("ada/problem1.ipynb", "ada/problem2.ipynb"),
        ("hw1 submissions/ada/hw1/problem1.ipynb", "hw1 submissions/ada/hw1/problem2.ipynb"),
        ("Ada Lovelace/problem1.ipynb", "Ada Lovelace/problem2.ipynb"),
        ("ada@example.org/problem1.ipynb", "ada@example.org/problem2.ipynb"),
        ("S-1_problem1.ipynb", "S-1_problem2.ipynb"),
        ("Ada Lovelace problem1.ipynb", "ada-problem2.ipynb"),
    ],
)
def test_each_layout(tmp_path, pack, names):
    done = collect(pack(tmp_path, dict(zip(names, (P1, P2), strict=True))), ROSTER, tmp_path / "out")
    assert (done.needs_attention, done.notes, done.absent) == ([], [], ["emmy", "eve"])
    assert done.students == {"ada": ["problem1", "problem2"]}
    assert collected(tmp_path / "out") == BOTH


def test_one_student_alone_in_a_folder_is_no_wrapper(tmp_path):
    name = "Ada Lovelace_9001_assignsubmission_file"
    done = collect(
        folder(tmp_path, {f"{name}/problem1.ipynb": P1, f"{name}/problem2.ipynb": P2}), ROSTER, tmp_path / "o"
    )
    assert done.needs_attention == []


def test_twice_is_as_good_as_once(tmp_path):
    download = folder(tmp_path, {"ada/problem1.ipynb": P1, "ada/problem2.ipynb": P2})
    once, twice = (collect(download, ROSTER, tmp_path / "out") for _ in range(2))
    assert once == twice
    assert collected(tmp_path / "out") == BOTH


def test_what_was_collected_before_is_not_overwritten_unsaid(tmp_path):
    out = tmp_path / "out"
    collect(folder(tmp_path, {"ada/problem1.ipynb": P1, "ada/problem2.ipynb": P2}), ROSTER, out)
    download = folder(tmp_path, {"ada/problem1.ipynb": OTHER_P1})
    done = collect(download, ROSTER, out)
    assert "problem1.ipynb differs from what was collected before" in done.needs_attention[0]
    assert collected(out) == BOTH
    done = collect(download, ROSTER, out, replacing=True)
    assert done.needs_attention == []
    assert done.notes == ["ada: problem1.ipynb took the place of a different one that was collected before"]
    assert collected(out) == BOTH | {"ada/hw1/problem1.ipynb": OTHER_P1}


@pytest.mark.parametrize(
    "name", ["hw.ipynb", "problem1 (1).ipynb", "problem1-3.ipynb", "Untitled.json", "problem1.ipynb.txt"]
)
def test_a_renamed_notebook_is_known_by_its_cells(tmp_path, name):
    done = collect(folder(tmp_path, {f"ada/{name}": P1, "ada/problem2.ipynb": P2}), ROSTER, tmp_path / "out")
    assert done.needs_attention == []
    assert done.notes == [f'ada: "{name}" answers problem1']
    assert collected(tmp_path / "out") == BOTH


@pytest.mark.parametrize("before", [(), ("empty_all_metadata",), ("empty_all_metadata", "drop_ids", "utf16")])
def test_a_renamed_notebook_without_metadata_is_known_by_its_contents(tmp_path, monkeypatch, before):
    monkeypatch.undo()
    known = {operation.name: operation for operation in (*operations.TOOLS, *operations.HANDS)}
    released = module.source_notebooks(ASSIGNMENT)
    files = {f"{name}.ipynb": nbformat.writes(nb).encode() for name, nb in released.items()}
    for name in before:
        files = known[name].run(files, random.Random(1))
    renamed = {f"ada/Untitled{n}.ipynb": files[name] for n, name in enumerate(sorted(files, reverse=True))}
    done = collect(folder(tmp_path, renamed), ROSTER, tmp_path / "out")
    assert done.needs_attention == []
    assert collected(tmp_path / "out") == {f"ada/hw1/{name}": data for name, data in files.items()}


def test_one_file_that_holds_both_is_collected_for_grading_to_take_apart(tmp_path):
    both = notebook("check-1-1", "check-2-1", "check-2-2")
    done = collect(folder(tmp_path, {"ada/homework.ipynb": both}), ROSTER, tmp_path / "out")
    assert done.needs_attention == ['ada: "homework.ipynb" holds problem1 and problem2; grading takes them apart']
    assert collected(tmp_path / "out") == {"ada/hw1/problem1.ipynb": both}


def test_swapped_names_are_mended_and_reported(tmp_path):
    done = collect(folder(tmp_path, {"ada/problem1.ipynb": P2, "ada/problem2.ipynb": P1}), ROSTER, tmp_path / "out")
    assert done.needs_attention == [
        'ada: "problem1.ipynb" holds the cells of problem2; taken for that',
        'ada: "problem2.ipynb" holds the cells of problem1; taken for that',
    ]
    assert collected(tmp_path / "out") == BOTH


@pytest.mark.parametrize(
    ("data", "words", "kept"),
    [
        (b"{not json", "cannot be read as a notebook; taken for problem1, by its name", True),
        (b"\xff\xfe", "cannot be read as a notebook; taken for problem1, by its name", True),
        (b"[" * 100_000, "cannot be read as a notebook; taken for problem1, by its name", True),
        (b"[]", "cannot be read as a notebook; taken for problem1, by its name", True),
        (notebook("x"), "holds no cell of problem1; taken for it, by its name", True),
        (notebook("check-1-1", "derive-1-1", "check-2-1"), "holds cells of problem2 too; taken for problem1", True),
        (notebook("check-1-1", "check-2-1"), "holds as many cells of problem1 as of problem2; left alone", False),
    ],
)
def test_a_notebook_that_leaves_doubts_is_a_persons(tmp_path, data, words, kept):
    done = collect(folder(tmp_path, {"ada/problem1.ipynb": data, "ada/problem2.ipynb": P2}), ROSTER, tmp_path / "out")
    assert done.needs_attention[0] == f'ada: "problem1.ipynb" {words}'
    assert ("ada/hw1/problem1.ipynb" in collected(tmp_path / "out")) == kept


def test_what_no_name_and_no_cell_tells_is_left_alone(tmp_path):
    files = {"ada/a.ipynb": b"{", "ada/b.ipynb": notebook("x"), "ada/hw1.zip": b"PK", "ada/problem2.ipynb": P2}
    done = collect(folder(tmp_path, files), ROSTER, tmp_path / "out")
    assert len(done.needs_attention) == 3
    assert (
        done.needs_attention[2] == 'ada: no notebook answers problem1; beside it came "a.ipynb", "b.ipynb", "hw1.zip"'
    )
    assert list(collected(tmp_path / "out")) == ["ada/hw1/problem2.ipynb"]


TAKEN = 'ada: two notebooks answer problem1: "{}" taken, "{}" is older'


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("lovelaceada_101_7001_problem1-1.ipynb", "lovelaceada_101_7003_problem1.ipynb"),
        (
            "Ada Lovelace_9001_assignsubmission_file_problem1.ipynb",
            "Ada Lovelace_9001_assignsubmission_file_problem1 (1).ipynb",
        ),
        (
            "Ada Lovelace_9001_assignsubmission_file/problem1-9.ipynb",
            "Ada Lovelace_9001_assignsubmission_file/problem1-10.ipynb",
        ),
    ],
)
def test_of_two_the_newer_is_taken_and_said(tmp_path, old, new):
    done = collect(zipped(tmp_path, {new: OTHER_P1, old: P1}), ROSTER, tmp_path / "out")
    own = [name.split("problem1")[1] for name in (new, old)]
    assert TAKEN.format(*(f"problem1{end}" for end in own)) in done.needs_attention
    assert collected(tmp_path / "out")["ada/hw1/problem1.ipynb"] == OTHER_P1


def test_in_a_plain_folder_the_time_of_the_file_tells(tmp_path):
    download = folder(
        tmp_path, {"ada/problem1.ipynb": OTHER_P1, "ada/problem1 (1).ipynb": P1, "ada/problem2.ipynb": P2}
    )
    os.utime(download / "ada/problem1.ipynb", (2e9, 2e9))
    done = collect(download, ROSTER, tmp_path / "out")
    assert done.needs_attention == [TAKEN.format("problem1.ipynb", "problem1 (1).ipynb")]
    assert collected(tmp_path / "out")["ada/hw1/problem1.ipynb"] == OTHER_P1


def test_where_nothing_tells_the_newer_none_is_taken(tmp_path):
    start = "Ada Lovelace_9001_assignsubmission_file"
    files = {f"{start}/a/problem1.ipynb": P1, f"{start}/b/problem1.ipynb": OTHER_P1, f"{start}/problem2.ipynb": P2}
    done = collect(zipped(tmp_path, files), ROSTER, tmp_path / "out")
    assert "nothing tells which is newer, and none was taken" in done.needs_attention[0]
    assert list(collected(tmp_path / "out")) == ["ada/hw1/problem2.ipynb"]


def test_the_same_notebook_twice_is_one(tmp_path):
    files = [
        ("ada/problem1.ipynb", P1),
        ("ada/problem1.ipynb", P1),
        ("ada/copy/problem1.ipynb", P1),
        ("ada/p2.ipynb", P2),
    ]
    with pytest.warns(UserWarning, match="Duplicate name"):
        download = zipped(tmp_path, files)
    done = collect(download, ROSTER, tmp_path / "out")
    assert done.needs_attention == []
    assert collected(tmp_path / "out") == BOTH


def test_one_name_twice_in_a_zip_file_is_two_notebooks(tmp_path):
    with pytest.warns(UserWarning, match="Duplicate name"):
        download = zipped(tmp_path, [("ada/problem1.ipynb", P1), ("ada/problem1.ipynb", OTHER_P1)])
    assert "ada: two notebooks answer problem1" in collect(download, ROSTER, tmp_path / "out").needs_attention[0]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("nobody_555_7001_problem1.ipynb", '"nobody_555" fits nobody of the roster; left alone: "problem1.ipynb"'),
        ("noetheremmy_101_7001_problem1.ipynb", '"noetheremmy_101" fits nobody'),
        ("lovelaceada_555_7001_problem1.ipynb", '"lovelaceada_555" fits nobody'),
        ("Ada Lovelace_9002_assignsubmission_file/problem1.ipynb", '"Ada Lovelace_9002" fits nobody'),
        ("Zoe_1_assignsubmission_file_problem1.ipynb", '"Zoe_1" fits nobody'),
        ("anon_x7_7001_problem1.ipynb", "fits nobody"),
        ("zoe/problem1.ipynb", "fits nobody"),
        ("problem1.ipynb", '"problem1" fits nobody of the roster; left alone: "problem1.ipynb"'),
    ],
)
def test_who_is_not_in_the_roster_is_reported(tmp_path, name, words):
    done = collect(zipped(tmp_path, {name: P1}), ROSTER, tmp_path / "out")
    assert words in done.needs_attention[0]
    assert done.absent == list(ROSTER)
    assert collected(tmp_path / "out") == {}


def test_a_name_that_fits_two_is_nobodys(tmp_path):
    roster = {key: Student(key, key, "Ada Lovelace") for key in ("ada1", "ada2")}
    for name in (
        "lovelaceada_1_2_problem1.ipynb",
        "Ada Lovelace_1_assignsubmission_file_problem1.ipynb",
        "Ada Lovelace/x.ipynb",
    ):
        done = collect(zipped(tmp_path, {name: P1}), roster, tmp_path / "out")
        assert "fits ada1 and ada2 of the roster" in done.needs_attention[0]
        assert collected(tmp_path / "out") == {}


def test_a_name_alone_will_do_where_the_roster_tells_no_numbers(tmp_path):
    roster = {"ada": Student("ada", "ada", "Ada Lovelace")}
    files = {"lovelaceada_LATE_1_2_problem1.ipynb": P1, "lovelaceada_LATE_1_3_problem2.ipynb": P2}
    assert collect(zipped(tmp_path, files), roster, tmp_path / "out").students == {"ada": ["problem1", "problem2"]}
    files = {"lovelaceada_1_2_problem1.ipynb": P1, "lovelaceada_9_3_problem2.ipynb": P2}
    done = collect(zipped(tmp_path, files), roster, tmp_path / "out2")
    assert done.needs_attention == ['ada: "lovelaceada_1" and "lovelaceada_9" both fit; nothing was taken']


def test_nobody_hands_in_for_another(tmp_path):
    files = {
        "evemuller_101_999_7001_problem1.ipynb": P1,  # somebody who calls herself "…_101", Ada's number
        "mullereve_103_7002_x_101_5_problem1.ipynb": OTHER_P1,  # a file named to look like Ada's
        "lovelaceada_101_7003_problem1.ipynb": P1,
        "lovelaceada_101_7004_problem2.ipynb": P2,
    }
    roster = ROSTER | {"eve": Student("eve", "eve", "Muller, Eve", canvas_id="103")}
    done = collect(zipped(tmp_path, files), roster, tmp_path / "out")
    assert collected(tmp_path / "out") == BOTH | {"eve/hw1/problem1.ipynb": OTHER_P1}
    assert any(need.startswith('"evemuller_101" fits nobody') for need in done.needs_attention)


@pytest.mark.parametrize(
    "name",
    [
        "../ada/problem1.ipynb",
        "ada/../../problem1.ipynb",
        "/ada/problem1.ipynb",
        "ada\\..\\x.ipynb",
        "C:/ada/x.ipynb",
        "ada//x.ipynb",
    ],
)
def test_a_zip_file_writes_nowhere_else(tmp_path, name):
    done = collect(zipped(tmp_path, {name: P1, "emmy/problem1.ipynb": P1}), ROSTER, tmp_path / "in" / "out")
    assert "points out of the zip file" in done.needs_attention[0]
    assert list(collected(tmp_path / "in" / "out")) == ["emmy/hw1/problem1.ipynb"]
    assert {path.name for path in tmp_path.iterdir()} == {"download.zip", "in"}


def test_no_link_is_followed(tmp_path):
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "problem1.ipynb").write_bytes(P1)
    download = folder(tmp_path, {"ada/problem2.ipynb": P2})
    (download / "ada/problem1.ipynb").symlink_to(secret / "problem1.ipynb")
    (download / "emmy").symlink_to(secret)
    os.mkfifo(download / "ada/pipe.ipynb")
    done = collect(download, ROSTER, tmp_path / "out")
    assert sum("is a link, or no file at all" in need for need in done.needs_attention) == 3
    assert list(collected(tmp_path / "out")) == ["ada/hw1/problem2.ipynb"]

    link = zipfile.ZipInfo("ada/problem1.ipynb")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "link.zip", "w") as archive:
        archive.writestr(link, str(secret / "problem1.ipynb"))
    done = collect(tmp_path / "link.zip", ROSTER, tmp_path / "out2")
    assert done.needs_attention == ['"ada/problem1.ipynb" is a link, or no file at all; it was not followed']


def test_a_bomb_is_unpacked_up_to_a_size(tmp_path, monkeypatch):
    monkeypatch.setattr("autograder.grading.archive.MAX_FILE_BYTES", 10_000)
    monkeypatch.setattr("autograder.lms.collect.MAX_FILE_BYTES", 10_000)
    files = {"ada/problem1.ipynb": bytes(5_000_000), "ada/problem2.ipynb": P2}
    read = []
    original = zipfile.ZipExtFile.read
    monkeypatch.setattr(zipfile.ZipExtFile, "read", lambda file, n=-1: read.append(n) or original(file, n))
    done = collect(zipped(tmp_path, files), ROSTER, tmp_path / "out")
    assert 'ada: "problem1.ipynb" is larger than 10,000 bytes; left alone' in done.needs_attention
    assert set(read) == {10_001}
    assert list(collected(tmp_path / "out")) == ["ada/hw1/problem2.ipynb"]


def test_a_student_with_too_many_files_stops_nobody_else(tmp_path):
    files = {f"ada/{i}.ipynb": P1 for i in range(51)} | {"emmy/problem1.ipynb": P1, "emmy/problem2.ipynb": P2}
    done = collect(zipped(tmp_path, files), ROSTER, tmp_path / "out")
    assert done.needs_attention == ["ada: 51 files came, and at most 50 are looked at; nothing was taken"]
    assert done.students["emmy"] == ["problem1", "problem2"]


def test_names_in_other_encodings(tmp_path):
    path = tmp_path / "download.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("MXXller Eve_9003_assignsubmission_file_problem1.ipynb", P1)
    path.write_bytes(path.read_bytes().replace(b"MXXller", "Müller".encode()))  # in UTF-8, and not said to be
    done = collect(path, ROSTER, tmp_path / "out")
    assert done.students == {"eve": ["problem1"]}

    odd = os.fsencode(tmp_path) + b"/odd"
    os.makedirs(odd + b"/\xff\xfe")
    with open(odd + b"/\xff\xfe/problem1.ipynb", "wb") as file:
        file.write(P1)
    os.makedirs(odd + b"/ada")
    with open(odd + b"/ada/\xff.ipynb", "wb") as file:
        file.write(P1)
    done = collect(os.fsdecode(odd), ROSTER, tmp_path / "out2")
    assert done.students == {"ada": ["problem1"]}
    assert done.notes == ['ada: "\\xff.ipynb" answers problem1']
    assert '"\\xff\\xfe" fits nobody' in done.needs_attention[0]


def test_a_folder_named_like_a_notebook(tmp_path):
    download = folder(tmp_path, {"ada/problem2.ipynb": P2, "ada/problem1.ipynb/x.txt": b"x"})
    done = collect(download, ROSTER, tmp_path / "out")
    assert '"ada/problem1.ipynb" is a folder, no notebook' in done.needs_attention
    assert list(collected(tmp_path / "out")) == ["ada/hw1/problem2.ipynb"]
    (tmp_path / "out/ada/hw1/problem1.ipynb").mkdir()
    done = collect(folder(tmp_path, {"ada/p1.ipynb": P1}), ROSTER, tmp_path / "out")
    assert any("problem1.ipynb cannot be written" in need for need in done.needs_attention)


def test_a_folder_named_like_a_notebook_in_a_zip_file(tmp_path):
    done = collect(zipped(tmp_path, {"ada/problem1.ipynb/": b"", "ada/problem2.ipynb": P2}), ROSTER, tmp_path / "out")
    assert done.needs_attention == [
        '"ada/problem1.ipynb" is a folder, no notebook',
        "ada: no notebook answers problem1",
    ]


def test_what_no_file_system_would_hold_is_left_in_the_zip_file(tmp_path, monkeypatch):
    files = {f"ada/{'x' * 300}.ipynb": P1, f"ada/{'d/' * 30}problem1.ipynb": P1, "ada/problem2.ipynb": P2}
    done = collect(zipped(tmp_path, files), ROSTER, tmp_path / "out")
    assert sum("has too long a name; it was left there" in need for need in done.needs_attention) == 2
    assert done.students == {"ada": ["problem2"]}
    monkeypatch.setattr("autograder.grading.archive.MAX_ENTRIES", 2)
    with pytest.raises(ValueError, match="has 3 entries; at most 2 are looked at"):
        collect(tmp_path / "download.zip", ROSTER, tmp_path / "out")


def test_folders_are_followed_to_a_depth(tmp_path):
    files = {f"ada/{'d/' * 30}problem1.ipynb": P1, "ada/problem2.ipynb": P2}
    done = collect(folder(tmp_path, files), ROSTER, tmp_path / "out")
    assert "lies too deep; it was not looked into" in done.needs_attention[0]
    assert done.students == {"ada": ["problem2"]}


def test_an_unusual_compression_is_not_undone(tmp_path):
    with zipfile.ZipFile(tmp_path / "download.zip", "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("ada/problem1.ipynb", P1)
    done = collect(tmp_path / "download.zip", ROSTER, tmp_path / "out")
    assert done.needs_attention[0] == 'ada: "problem1.ipynb" cannot be read (ValueError)'


def test_litter_is_no_submission(tmp_path):
    files = {
        "__MACOSX/ada/._problem1.ipynb": b"x",
        "ada/.DS_Store": b"x",
        "ada/problem1.ipynb": P1,
        "ada/problem2.ipynb": P2,
    }
    files |= {"ada/.ipynb_checkpoints/problem1-checkpoint.ipynb": OTHER_P1}
    for pack in (folder, zipped):
        assert collect(pack(tmp_path, files), ROSTER, tmp_path / "out").needs_attention == []


def test_times_of_the_roster(tmp_path):
    told = "Tuesday, 24 November 2026, 6:50 PM"
    roster = {"ada": Student("ada", "ada", submitted=told)}
    download = folder(tmp_path, {"ada/problem1.ipynb": P1, "ada/problem2.ipynb": P2})
    done = collect(download, roster, tmp_path / "out")
    assert done.needs_attention == [
        f'ada: the time "{told}" does not say its zone; name that, as in --timezone Europe/Paris'
    ]
    assert collect(download, roster, tmp_path / "out", timezone="Europe/Paris").needs_attention == []
    assert (tmp_path / "out/ada/hw1/timestamp.txt").read_text() == "2026-11-24 17:50:00 UTC\n"
    for text, words in {"11/12/2026 10:00": "can be read in two ways", "Dienstag": "cannot be read"}.items():
        done = collect(download, {"ada": Student("ada", "ada", submitted=text)}, tmp_path / "x", timezone="UTC")
        assert words in done.needs_attention[0]
    assert collect(download, {"ada": Student("ada", "ada", submitted="-")}, tmp_path / "y").needs_attention == []
    with pytest.raises(ValueError, match="no time zone 'Mars'"):
        collect(download, roster, tmp_path / "out", timezone="Mars")


def test_a_timestamp_counts_in_a_plain_folder_alone(tmp_path):
    files = {"ada/problem1.ipynb": P1, "ada/problem2.ipynb": P2, "ada/hw1/timestamp.txt": b"2026-12-01 10:00:00 +0100"}
    assert collect(folder(tmp_path, files), ROSTER, tmp_path / "out").needs_attention == []
    assert (tmp_path / "out/ada/hw1/timestamp.txt").read_text() == "2026-12-01 09:00:00 UTC\n"
    start = "Ada Lovelace_9001_assignsubmission_file"
    for name in ("ada/mine/timestamp.txt", f"{start}/timestamp.txt", "lovelaceada_101_7_timestamp.txt"):
        files = {name: b"2026-12-01 10:00:00", name.replace("timestamp.txt", "problem1.ipynb"): P1}
        collect(zipped(tmp_path, files), ROSTER, tmp_path / "forged")
    assert list(collected(tmp_path / "forged")) == ["ada/hw1/problem1.ipynb"]


def test_a_number_alone_will_do_where_the_roster_tells_no_names(tmp_path):
    files = {"lovelaceada_LATE_101_7001_problem1.ipynb": P1, "lovelaceada_LATE_101_7002_problem2.ipynb": P2}
    done = collect(zipped(tmp_path, files), {"ada": Student("ada", canvas_id="101")}, tmp_path / "out")
    assert done.students == {"ada": ["problem1", "problem2"]}


def test_late_without_a_time_is_a_persons(tmp_path):
    files = {"lovelaceada_LATE_101_7001_problem1.ipynb": P1, "lovelaceada_LATE_101_7002_problem2.ipynb": P2}
    download = zipped(tmp_path, files)
    done = collect(download, ROSTER, tmp_path / "out")
    assert done.needs_attention[0].startswith("ada: is marked LATE, but the download tells no time")
    (tmp_path / "out/ada/hw1/timestamp.txt").write_text("2026-12-01 10:00:00 UTC\n")
    assert collect(download, ROSTER, tmp_path / "out").needs_attention == []
    assert (tmp_path / "out/ada/hw1/timestamp.txt").exists()


def test_what_is_no_download(tmp_path):
    (tmp_path / "a.zip").write_bytes(b"PK no zip")
    with pytest.raises(ValueError, match="no folder and no zip file"):
        collect(tmp_path / "a.zip", ROSTER, tmp_path / "out")
    with pytest.raises(ValueError, match="There is no"):
        collect(tmp_path / "b.zip", ROSTER, tmp_path / "out")
    with pytest.raises(ValueError, match="lies in"):
        collect(tmp_path, ROSTER, tmp_path / "out")


def test_a_damaged_entry_harms_nobody_else(tmp_path):
    files = {"ada/problem1.ipynb": P1, "emmy/problem1.ipynb": P1, "emmy/problem2.ipynb": P2}
    path = tmp_path / "download.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    path.write_bytes(path.read_bytes().replace(b"check-1-1", b"check-1-X", 1))
    done = collect(path, ROSTER, tmp_path / "out")
    assert 'ada: "problem1.ipynb" cannot be read (BadZipFile)' in done.needs_attention
    assert done.students["emmy"] == ["problem1", "problem2"]

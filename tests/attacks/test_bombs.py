"""What loops, ends itself or takes all there is costs itself alone, and its row says what was seen."""

import multiprocessing
import resource
from concurrent.futures import ProcessPoolExecutor

import nbformat
import pytest

from autograder.grading.sandbox import Limits
from autograder.grading.submission import grade_submission
from tests.attacks import bombs
from tests.attacks.attack import (
    FULL,
    Attack,
    assert_deserved,
    assert_undisturbed,
    by_name,
    graded,
    write_submission,
)

LIMITS = Limits(wall=40, memory=1024, processes=64, files=5_000, disk=64, cpu=20)


@pytest.fixture(scope="module")
def of_bombs(tmp_path_factory):
    return graded(tmp_path_factory.mktemp("bombs"), bombs.ATTACKS, timeout=4, limits=LIMITS, jobs=2)


@pytest.mark.parametrize(**by_name(bombs.ATTACKS))
def test_it_costs_itself_alone(of_bombs, attack):
    assert_deserved(of_bombs, attack)
    assert f"leaked {attack.name}" not in of_bombs.record(attack.folder), attack.what


def test_all_others_have_what_they_earned(of_bombs):
    assert_undisturbed(of_bombs, bombs.ATTACKS)


def test_nobody_takes_longer_than_the_wall_clock(of_bombs):
    late = {student: row["seconds"] for student, row in of_bombs.rows.items() if row["seconds"] > LIMITS.wall + 5}
    assert late == {}


def measured(folder, course):
    """A record, and by how many MiB the grader's own process grew."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    record = grade_submission(folder, course, timeout=2, limits=LIMITS)
    return record, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 2**10


def graded_apart(of_bombs, attack):
    course = of_bombs.course
    released = {path.stem: nbformat.read(path, as_version=4) for path in course.release.glob("*.ipynb")}
    folder = course.out / "apart" / attack.name / "hw1"
    write_submission(folder, released, [attack], {})
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(measured, folder, course).result()


def test_a_message_without_end_does_not_fill_the_graders_memory(of_bombs):
    endless = Attack("endless", "A message of frames, and none is the last.", first=bombs.ENDLESS_MESSAGE, deserves={})
    record, grown = graded_apart(of_bombs, endless)
    assert grown < 250
    assert record.needs


def test_who_prints_and_logs_while_asked_loses_nothing(of_bombs):
    record, _ = graded_apart(of_bombs, Attack("logs", "", {"softmax_jacobian": bombs.LOGS}, deserves={}))
    assert {question_id: found["score"] for question_id, found in record.questions.items()} == FULL
    assert record.needs == []

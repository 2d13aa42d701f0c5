"""What loops, ends itself or takes all there is costs itself alone, and its row says what was seen."""

import resource

import nbformat
import pytest

from autograder.grading.executors import WorkerPool
from autograder.grading.submission import grade_submission
from autograder.sandbox.bubblewrap import Limits
from tests.attacks import resource_exhaustion
from tests.attacks.attack import (
    FULL,
    SHORTENED,
    TIMEOUT,
    Attack,
    assert_deserved,
    assert_undisturbed,
    by_name,
    graded,
    write_submission,
)

JOBS = 6 if SHORTENED else 2  # most of them wait for a limit
LIMITS = Limits(wall=40, memory=1024, processes=64, files=5_000, disk=64, cpu=20)


@pytest.fixture(scope="module")
def attacked(tmp_path_factory):
    return graded(
        tmp_path_factory.mktemp("exhaustion"), resource_exhaustion.ATTACKS, timeout=4, limits=LIMITS, jobs=JOBS
    )


@pytest.mark.parametrize(**by_name(resource_exhaustion.ATTACKS))
def test_it_costs_itself_alone(attacked, attack):
    assert_deserved(attacked, attack)
    assert f"leaked {attack.name}" not in attacked.record(attack.folder), attack.what


def test_all_others_have_what_they_earned(attacked):
    assert_undisturbed(attacked, resource_exhaustion.ATTACKS)


def test_nobody_takes_longer_than_the_wall_clock(attacked):
    seconds = {student: row["seconds"] for student, row in attacked.rows.items()}
    beside = 5 + 5 * seconds["honest"]  # repairing and judging, on a machine as busy as this one
    assert {student: taken for student, taken in seconds.items() if taken > LIMITS.wall + beside} == {}


def measured(folder, course):
    """A record, and by how many MiB the grader's own process grew."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    record = grade_submission(folder, course, timeout=2, limits=LIMITS)
    return record, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 2**10


def graded_apart(attacked, attack):
    course = attacked.course
    released = {path.stem: nbformat.read(path, as_version=4) for path in course.release.glob("*.ipynb")}
    folder = course.out / "apart" / attack.name / "hw1"
    write_submission(folder, released, [attack], {})
    with WorkerPool(1, TIMEOUT) as pool:
        return pool.submit(measured, folder, course).result()


def test_a_message_without_end_does_not_fill_the_graders_memory(attacked):
    what = "A message of frames, and none is the last."
    endless = Attack("endless", what, first=resource_exhaustion.ENDLESS_MESSAGE, deserves={})
    record, grown = graded_apart(attacked, endless)
    assert grown < 250
    assert record.needs_attention


def test_who_prints_and_logs_while_asked_loses_nothing(attacked):
    record, _ = graded_apart(attacked, Attack("logs", "", {"softmax_jacobian": resource_exhaustion.LOGS}, deserves={}))
    assert {question_id: result.score for question_id, result in record.questions.items()} == FULL
    assert record.needs_attention == []

"""What loops, ends itself or takes all there is costs itself alone, and its row says what was seen."""

import pytest

from autograder.grading.sandbox import Limits
from tests.attacks import bombs
from tests.attacks.attack import assert_deserved, assert_undisturbed, by_name, graded

LIMITS = Limits(wall=12, memory=1024, processes=64, files=5_000, disk=64, cpu=20)


@pytest.fixture(scope="module")
def of_bombs(tmp_path_factory):
    return graded(tmp_path_factory.mktemp("bombs"), bombs.ATTACKS, timeout=2, limits=LIMITS, jobs=3)


@pytest.mark.parametrize(**by_name(bombs.ATTACKS))
def test_it_costs_itself_alone(of_bombs, attack):
    assert_deserved(of_bombs, attack)
    assert f"leaked {attack.name}" not in of_bombs.record(attack.folder), attack.what


def test_all_others_have_what_they_earned(of_bombs):
    assert_undisturbed(of_bombs, bombs.ATTACKS)


def test_nobody_takes_longer_than_the_wall_clock(of_bombs):
    late = {student: row["seconds"] for student, row in of_bombs.rows.items() if row["seconds"] > LIMITS.wall + 5}
    assert late == {}

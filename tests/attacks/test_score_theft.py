"""Nobody gets a point that was not earned, and nobody loses one that was."""

import pytest

from tests.attacks import score_theft
from tests.attacks.attack import assert_deserved, assert_undisturbed, by_name, graded


@pytest.fixture(scope="module")
def mark(tmp_path_factory):
    """A file that is there when code of a submission has run outside its sandbox."""
    return tmp_path_factory.mktemp("marks") / "mark"


@pytest.fixture(scope="module")
def attacked(tmp_path_factory, mark):
    return graded(tmp_path_factory.mktemp("score_theft"), score_theft.ATTACKS, places={"@MARK@": mark})


@pytest.mark.parametrize(**by_name(score_theft.ATTACKS))
def test_no_point_is_unearned(attacked, mark, attack):
    assert_deserved(attacked, attack)
    assert not mark.exists()


def test_all_others_have_what_they_earned(attacked):
    assert_undisturbed(attacked, score_theft.ATTACKS)

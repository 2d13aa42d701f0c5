"""The checker on layers whose authors had not read it: each right gradient passes, each wrong one does not."""

import copy

import numpy as np
import pytest

from autograder.gradcheck import check_gradient, quick_check
from tests.corpus import load

LAYERS = {layer.name: layer for layer in load()}
ZERO_BY_STRUCTURE = {"dense_before_batchnorm"}  # a bias before a batch norm: nothing can be concluded
SEEDS = (0, 1, 2)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("check", [check_gradient, quick_check])
@pytest.mark.parametrize("name", LAYERS)
def test_right_gradients_pass_and_wrong_ones_do_not(name, check):
    for seed in SEEDS[: 1 if name == "digits_softmax" else None]:

        def judged(gradients, seed=seed):
            made = LAYERS[name].make(np.random.default_rng(seed))
            found = copy.deepcopy(gradients(made)())
            report = check(made["forward"], copy.deepcopy(made["arguments"]), found, copy.deepcopy(made["upstream"]))
            return report, {verdict.verdict for verdict in report.verdicts}

        report, verdicts = judged(lambda made: made["right"])
        assert report.passed or (name in ZERO_BY_STRUCTURE and "fail" not in verdicts), report
        for mistake in LAYERS[name].make(np.random.default_rng(seed))["wrong"]:
            report, verdicts = judged(lambda made, mistake=mistake: made["wrong"][mistake])
            assert "fail" in verdicts, (mistake, report)


def test_the_corpus_is_as_large_as_it_is_said_to_be():
    assert len(LAYERS) >= 60
    made = [layer.make(np.random.default_rng(0)) for layer in LAYERS.values()]
    assert all(len(one["wrong"]) >= 5 for one in made)
    assert {one["kink"] for one in made} == {True, False} and len({one["dtype"] for one in made}) > 1

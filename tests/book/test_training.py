"""The page on training: run with fewer seeds, its claims hold; and a wrong gradient put into its loop is noticed."""

from itertools import chain

import jupytext
import matplotlib
import numpy as np
import pytest

from book._ext.editions import student_edition
from book._lib import training_helpers
from solutions import two_branch_backward
from tests.answers import ROOT
from verification.problems import PROBLEMS
from verification.reference_gradients import network

PAGE = ROOT / "book/training.md"
PROBLEM = PROBLEMS["arrays"]
SIX = training_helpers.PARAMETERS


@pytest.fixture(scope="module")
def page():
    """What the cells of the page define. A claim that does not hold stops them."""
    matplotlib.use("agg")
    names = {}
    for cell in jupytext.read(PAGE).cells:
        if cell.cell_type == "code":
            source = cell.source.replace("SEEDS = 10, 0.05, 5", "SEEDS = 10, 0.05, 2")
            exec(compile(source, str(PAGE), "exec"), names)
    assert names["SEEDS"] == 2
    return names


def test_what_the_page_says_of_the_losses(page):
    final, LOSS_A, LOSS_B = page["final"], page["LOSS_A"], page["LOSS_B"]
    for theta, loss, order in (
        ("θ_1A", LOSS_A, ("right", "θ_1A never moved", "the source's θ_1A")),
        ("θ_1B", LOSS_B, ("right", "the source's θ_1B", "θ_1B never moved")),
    ):
        best, middle, worst = (final[name][:, 0, loss] for name in order)
        assert (best < middle).all() and (middle < worst).all(), theta
    assert final["right"][:, 1, page["RIGHT"]].min() > 0.8


@pytest.mark.parametrize("name", SIX)
def test_a_mutated_gradient_is_noticed(page, name):
    """By the oracle on the page's own batch; and by where the training ends, but for beta, whose sign hardly costs."""

    def mutant(dout, cache):
        gradients = two_branch_backward(dout, cache)
        return gradients | {f"d{name}": -gradients[f"d{name}"]}

    report = page["check_gradient"](
        lambda **moved: page["loss"](**page["params"] | moved),
        {name: page["params"][name]},
        mutant(1.0, page["cache"]),
    )
    assert not report.passed
    with np.errstate(all="ignore"):
        try:
            _, curve = page["descend"](0, mutant)
        except ValueError:  # it climbed beyond every float, and the forward pass refuses that
            return
    assert curve[-1][0, :2].sum() > 1.05 * page["final"]["right"][0, 0, :2].sum() or name == "beta"


def trained_network(**changes):
    inputs = PROBLEM.network() | changes
    return inputs, {name: inputs[name] for name in SIX}


def test_in_use_with_the_batchs_own_statistics_and_nothing_dropped():
    """It says what the network of training says, as a witness has it; and what one sample gets depends on no other."""
    inputs, params = trained_network(p=0.0)
    seen = network(np, **inputs)
    mu, var = training_helpers.statistics(inputs["x"], params)
    np.testing.assert_allclose(mu, seen["a_1b"].mean(axis=0), rtol=1e-13)
    np.testing.assert_allclose(var, seen["a_1b"].var(axis=0), rtol=1e-13)
    z_2a, z_2b = training_helpers.in_use(inputs["x"], params, mu, var, inputs["eps"])
    np.testing.assert_allclose(z_2a, seen["z_2a"], rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(z_2b, seen["z_2b"], rtol=1e-12, atol=1e-13)
    alone = training_helpers.in_use(inputs["x"][2:3], params, mu, var, inputs["eps"])
    np.testing.assert_allclose(np.concatenate(alone, axis=1)[0], [*z_2a[2], *z_2b[2]], rtol=1e-12, atol=1e-13)


def test_the_sources_gradients_are_the_sources():
    """As its last page has them, sample by sample; whoever is not named has the right one, scaled by dout."""
    inputs, params = trained_network()
    cache = inputs | network(np, **inputs)
    cache |= dict(mu_b=cache["a_1b"].mean(axis=0), var_b=cache["a_1b"].var(axis=0))
    cache |= dict(x_hat=(cache["c"] - inputs["beta"]) / inputs["gamma"])
    cache |= dict(mask=(inputs["r"] >= inputs["p"]) / (1 - inputs["p"]))
    right = two_branch_backward(1.5, cache)
    root = np.sqrt(cache["var_b"] + cache["eps"])
    source = dict(theta_1a=0, theta_1b=0)
    for i in range(PROBLEM.m):
        g = params["theta_2b"].T @ (cache["y_hat_b"][i] - cache["y_b"][i])
        U = np.ones(PROBLEM.h)
        total = (cache["z_2a"][i] - cache["y_a"][i] + g) @ params["theta_2a"] @ U
        into_a = total * cache["mask"][i] * np.sign(cache["a_1a"][i])
        source["theta_1a"] += 1.5 * np.outer(into_a, cache["x"][i]) / PROBLEM.m
        into_b = params["gamma"] / root * g * np.sign(cache["z_1b"][i])
        source["theta_1b"] += 1.5 * np.outer(into_b, cache["x"][i]) / PROBLEM.m
    for named in ([], ["theta_1a"], ["theta_1b"], ["theta_1a", "theta_1b"]):
        found = training_helpers.source_backward(*named)(1.5, cache)
        assert found.keys() == {f"d{name}" for name in SIX}
        for name in SIX:
            expected = source[name] if name in named else right[f"d{name}"]
            np.testing.assert_allclose(found[f"d{name}"], expected, rtol=1e-11, atol=1e-13)


def test_the_student_edition_names_no_mistake():
    left = student_edition(PAGE.read_text())
    for words in ["as constants", "sgn", "sum over units", "sign of", *chain(*training_helpers.SOURCE.values())]:
        assert words not in left

"""The notation page's tables, and the network's table that they and others derive from."""

import re

import pytest

from assignments.hw1.network import CACHE, INPUTS, PARAMS, QUANTITIES, SIZES
from book._lib.notation_table import MEANINGS, notation_table
from solutions import two_branch


@pytest.mark.parametrize(
    ("place", "row"),
    [
        ("input", r"| $x_i \in \mathbb{R}^n$ | `x` $(m, n)$ | the input |"),
        ("input", r"| $y_{a,i} \in \mathbb{R}^{n_h}$ | `y_a` $(m, n_h)$ | the target of branch A, any numbers |"),
        ("input", r"| $p \in \mathbb{R}$ | `p` $()$ | the probability of being dropped, $0 \le p < 1$ |"),
        ("parameter", r"| $\theta_{2B} \in \mathbb{R}^{K \times n_h}$ | `theta_2b` $(K, n_h)$ | weights of FC2B |"),
        ("parameter", r"| $\gamma \in \mathbb{R}^{n_h}$ | `gamma` $(n_h,)$ | batch norm's stretch, one per feature |"),
        (
            "a",
            r"| $z_{2A,i} = \hat y_{a,i} \in \mathbb{R}^{n_h}$ | `z_2a` $(m, n_h)$ | " + MEANINGS["z_2a"] + " |",
        ),
        ("b", r"| $\mu_B \in \mathbb{R}^{n_h}$ | `mu_b` $(n_h,)$ | the batch's mean of $a_{1B,i}$ |"),
        ("head", r"| $\hat y_{b,i} \in \mathbb{R}^K$ | `y_hat_b` $(m, K)$ | after softmax: probabilities |"),
    ],
)
def test_a_row_says_symbol_space_name_and_shape(place, row):
    assert row in notation_table(place).splitlines()


def test_every_quantity_of_the_cache_is_in_one_table():
    tables = "\n".join(map(notation_table, ("input", "parameter", "a", "b", "head")))
    assert sorted(re.findall(r"\| `(\w+)` \$", tables)) == sorted(CACHE) == sorted(MEANINGS)


def test_the_table_says_the_shapes_that_solutions_enforce():
    """solutions/ may not import the table: it states shapes in its decorators, letter by letter."""
    axes = {quantity.name: quantity.axes for quantity in QUANTITIES}
    letters = {
        name: "".join(re.findall(rf"\b({'|'.join(SIZES)})\b", shape.split("|")[0]))
        for name, shape in two_branch.CACHE.items()
    }
    assert letters == {name: axes[name] for name in letters}
    assert (tuple(two_branch.PARAMS), tuple(two_branch.INPUTS), set(two_branch.CACHE)) == (PARAMS, INPUTS, set(CACHE))

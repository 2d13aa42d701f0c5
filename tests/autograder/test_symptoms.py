"""Each sentence on what the numbers show: where it holds it is said, where it would be false it is not."""

import ast
import inspect

import numpy as np
import pytest

from autograder import gradcheck
from autograder.gradcheck import symptoms

RNG = np.random.default_rng(0)
E = RNG.uniform(1, 2, size=(4, 5)) * RNG.permutation(np.resize([1.0, -1.0], 20)).reshape(4, 5)
SQUARE = E[:, :4].copy()
TINY = RNG.uniform(0.5, 1, size=(4, 5))  # of random entries


def changed(array, **entries):
    """A copy with other entries: at_1_2=3.0 puts 3 at [1, 2]."""
    copy = array.copy()
    for name, value in entries.items():
        copy[tuple(int(i) for i in name.split("_")[1:])] = value
    return copy


def beside_the_diagonal(array, value):
    return np.where(np.eye(len(array), dtype=bool), array, value)


def with_small(at):
    """Expected and wrong values of which one entry is as small as `at` times the largest."""
    expected = changed(E, at_1_2=at * 0.5 * np.abs(E).max())
    return expected


SMALL = with_small(3e-7)  # larger than what two equal entries may differ by, 1e-7 of the largest
HOLLOW = np.where(np.arange(5) < 2, E, 0.0)

# (sentence, (yours, expected) of which it holds, (yours, expected) of which it would be false)
CASES = [
    ("one number for all, where each needs its own", (np.float64(2), E), (np.float64(2), np.ones((1, 1)))),
    ("yours is the transpose.", (E.T, E), (E.T + TINY.T, E)),
    ("transposed, and the numbers are others too", (E.T + TINY.T, E), (E.T, E)),
    ("not yet summed over the first axis. Summed, it is right", (E, E.sum(axis=0)), (E, E.sum(axis=0) + TINY[0])),
    ("the numbers are right", (E.reshape(2, 10), E), (E.T.reshape(2, 10), E)),
    ("Drop the axes of length 1, as .reshape(", (E[:, None], E), (E.reshape(2, 10), E)),
    ("Yours should be zero everywhere", (E, 0 * E), (E, 1e-9 * E)),
    ("Yours is zero everywhere", (0 * E, E), (1e-9 * TINY, E)),
    ("All your entries are equal", (np.full((4, 5), 0.7), E), (1e-9 * TINY, E)),
    ("The sign is flipped.", (-E, E), (changed(-E, at_1_2=3.0), E)),
    ("times the expected, everywhere", (1.7 * E, E), (changed(1.7 * E, at_1_2=E[1, 2]), E)),
    ("Yours is m = 4 times too large", (4 * E, E), (5 * E, E)),
    ("Yours is m = 4 times too small", (E / 4, E), (E / 5, E)),
    ("Yours is the expected times 1 - p", (0.3 * E, E), (0.31 * E, E)),
    ("Yours is the expected divided by 1 - p", (E / 0.3, E), (E / 0.31, E)),
    ("Yours is the transpose.", (SQUARE.T, SQUARE), (changed(SQUARE.T, at_0_1=9.0), SQUARE)),
    (
        "Your diagonal is right; everything beside it is off",
        (beside_the_diagonal(SQUARE, 9.0), SQUARE),
        (changed(SQUARE, at_0_1=9.0), SQUARE),
    ),
    (
        "Your diagonal is right; everything beside it is zero",
        (beside_the_diagonal(SQUARE, 0.0), SQUARE),
        (changed(beside_the_diagonal(SQUARE, 0.0), at_0_1=SQUARE[0, 1]), SQUARE),
    ),
    ("each column has its own factor", (E * [1.5, 2, 3, -0.5, 7], E), (E * [1.5, 1.5, 3, 3, 7], E)),
    ("the factor is not the same in every column", (E * [1.5, 1.5, 3, 3, 7], E), (E * [1.5, 2, 3, -0.5, 7], E)),
    (
        "Column by column, yours is a constant times the expected",
        (
            E * [1.5, 1.5, 3, 3, 7],
            E,
        ),  # below, a column is smaller than the tolerance of the largest entry, and no constant
        (E * [1.5, 2, 3, 4, 3e-7] * np.where(np.arange(5) == 4, 1 + 0.4 * TINY, 1), E * [1, 1, 1, 1, 3e-7]),
    ),
    (
        "off by the same amount in every row",
        (E + np.arange(1, 6), E),
        (changed(E + np.arange(1, 6), at_0_0=0.0), E),
    ),
    ("Yours is zero where it should not be", (changed(E, at_1_2=0.0), E), (changed(SMALL, at_1_2=1e-8), SMALL)),
    (
        "Yours should be zero at",
        (HOLLOW + (HOLLOW == 0) * TINY, HOLLOW),
        (changed(E, at_1_2=2.0), changed(E, at_1_2=1e-8)),
    ),
    (
        "The sign is flipped at",
        (changed(E, at_1_2=-E[1, 2]), E),
        (changed(E, at_1_2=-1.9e-7), changed(E, at_1_2=0.2e-7)),
    ),
    ("The others are right", (changed(E, at_1_2=9.0), E), (TINY + 3, E)),
    (
        "The others are 0, as they should be",
        (changed(0 * E, at_0_0=9.0, at_1_0=8.0), changed(0 * E, at_0_0=2.0, at_1_0=3.0)),
        (changed(0 * E, at_0_0=9.0, at_1_0=8.0, at_2_2=1e-9), changed(0 * E, at_0_0=2.0, at_1_0=3.0)),
    ),
    ("Off in row 1 alone", (changed(E, at_1_2=9.0), E), (changed(E, at_1_2=9.0, at_2_2=9.0), E)),
    ("Off in column 2 alone", (changed(E, at_1_2=9.0), E), (changed(E, at_1_2=9.0, at_1_3=9.0), E)),
]


def said(yours, expected):
    return " ".join(symptoms(np.asarray(yours), np.asarray(expected), factors={"m": 4, "1 - p": 0.3}))


@pytest.mark.parametrize(("sentence", "holds", "is_false"), CASES, ids=[case[0] for case in CASES])
def test_a_sentence_is_said_where_it_holds_and_not_where_it_is_false(sentence, holds, is_false):
    assert sentence in said(*holds)
    assert sentence not in said(*is_false)


def test_where_an_error_sits_is_said_only_if_it_is_nowhere_else():
    where = {"z < 0": np.arange(20).reshape(4, 5) < 6}
    inside = E + 3 * where["z < 0"]
    outside = changed(inside, at_3_3=9.0)
    assert "Off only where z < 0." in symptoms(inside, E, where=where)
    assert "Off only where z < 0." not in symptoms(outside, E, where=where)
    assert "Off only where z < 0." not in symptoms(
        changed(E, at_0_1=9.0), E, where=where
    )  # one may lie there by chance


def test_every_sentence_of_symptoms_has_its_counterexample():
    """The texts in gradcheck's source against the cases here; what only counts or measures is left out."""
    texts = set()
    for name in ("_shape_symptom", "_whole_symptoms", "_factor", "_part_symptoms"):
        (function,) = ast.parse(inspect.getsource(getattr(gradcheck, name))).body
        for node in ast.walk(ast.Module(function.body[bool(ast.get_docstring(function)) :], [])):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                texts.add(node.value.strip(" .:;,"))
    known = " | ".join([*(case[0] for case in CASES), "Off only where", "is wanted", "Off in row alone column"])
    missing = {text for text in texts if len(text) > 11 and text not in known and not any(c in text for c, *_ in CASES)}
    assert missing == set()

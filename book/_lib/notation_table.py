r"""The tables of the page on notation: names, shapes and symbols are those of assignments/hw1/network.py."""

import re

from assignments.hw1.network import QUANTITIES, SIZES

MEANINGS = {  # for a reader, in Markdown
    "x": "the input",
    "y_a": "the target of branch A, any numbers",
    "y_b": "the label: not negative, and its entries sum to 1",
    "r": "dropout's draws, uniform in $[0, 1)$",
    "p": r"the probability of being dropped, $0 \le p < 1$",
    "eps": "a small number above 0 that keeps batch norm's root from 0",
    "theta_1a": "weights of FC1A; no layer has a bias",
    "theta_1b": "weights of FC1B",
    "theta_2a": "weights of FC2A",
    "theta_2b": "weights of FC2B",
    "gamma": "batch norm's stretch, one per feature",
    "beta": "batch norm's shift, one per feature",
    "z_1a": "after FC1A",
    "a_1a": "after ReLU",
    "mask": "dropout's mask: 0 or $1/(1-p)$, another one for each sample",
    "d": "after dropout",
    "z_2a": "after FC2A: the prediction of branch A",
    "z_1b": "after FC1B",
    "a_1b": "after ReLU",
    "mu_b": "the batch's mean of $a_{1B,i}$",
    "var_b": "its variance: the mean of squares, divided by $m$",
    "x_hat": "$a_{1B,i}$ standardised",
    "c": "after batch norm",
    "s": "the sum of both branches",
    "z_2b": "after FC2B: scores",
    "y_hat_b": "after softmax: probabilities",
}
SYMBOLS = {"mu_b": r"\mu_B", "var_b": r"\sigma_B^2"}  # in the book, where formulas of students write another one
HEAD = "| one sample | in code | meaning |\n|---|---|---|\n"


def notation_table(place):
    """The quantities of one place, "input", "parameter", "a", "b" or "head", as a table in Markdown."""
    return HEAD + "\n".join(_row(quantity) for quantity in QUANTITIES if quantity.place == place)


def _row(quantity):
    samples, sizes = quantity.axes.startswith("m"), [SIZES[letter] for letter in quantity.axes]
    symbols = [SYMBOLS[quantity.name]] if quantity.name in SYMBOLS else [quantity.latex, *quantity.also]
    written = " = ".join(_of_one_sample(symbol) if samples else _in_print(symbol) for symbol in symbols)
    one = " \\times ".join(sizes[samples:])
    space = r"\mathbb{R}" + (f"^{one}" if len(one) == 1 else f"^{{{one}}}" if one else "")
    shape = f"({', '.join(sizes)}{',' * (len(sizes) == 1)})"
    return f"| ${written} \\in {space}$ | `{quantity.name}` ${shape}$ | {MEANINGS[quantity.name]} |"


def _in_print(symbol):
    r"""A symbol as the book prints it: \theta_1a as \theta_{1A}."""
    return re.sub(r"_(\d\w)$", lambda match: f"_{{{match[1].upper()}}}", symbol)


def _of_one_sample(symbol):
    """A symbol with the index of the sample: z_{1A,i}, x_i."""
    letter, _, label = _in_print(symbol).partition("_")
    return f"{letter}_{{{label.strip('{}')},i}}" if label else f"{letter}_i"

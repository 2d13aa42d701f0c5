r"""The letters of hw1, the quantities that they stand for, and what is asked of formulas.

Students get this file as a part of formulas.py. It holds names and shapes, and no answer.
"""

import re
from dataclasses import replace
from functools import lru_cache

from autograder.formula.notation import Notation, Symbol, Target

from .network import QUANTITIES, SIZES, asked_in

WRITTEN_SIZES = {name: letter for letter, name in SIZES.items()} | {"n_ya": "h", "n_yb": "K"}
WRITTEN_SIZES |= {"N": "m", "B": "m"}  # how many others write the number of samples
WRITTEN_SIZES |= {"n_1a": "h", "n_1b": "h", "n_2a": "h", "n_2b": "K"}
LABELS = {letter: ("1a", "2a", "1b", "2b") for letter in (r"\theta", r"\Theta", "W", "z", "a", "Z", "A")}
LABELS |= {letter: ("a", "b") for letter in ("y", "Y", r"\hat y", r"\hat Y")}
LABELS |= {r"\mu": ("b",), r"\sigma": ("b",), "n": tuple(size[2:] for size in WRITTEN_SIZES if "_" in size)}
NOTATION = Notation(
    sizes=WRITTEN_SIZES,
    size_names=SIZES,
    samples="m",
    features="h",
    labels=LABELS,
    capitals=frozenset({r"\theta", "z", "a", "Z", "A", r"\mu", r"\sigma"}),
    quantities=frozenset(latex for q in QUANTITIES for latex in (q.latex, *q.also) if "_" not in latex) - {"", "L"},
)

LAYER_NOTATION = replace(  # on the pages of block 1 x and y have no labels
    NOTATION,
    labels={letter: labels for letter, labels in LABELS.items() if letter in (r"\mu", r"\sigma", "n")},
    quantities=NOTATION.quantities | {"x", "y", "X", "Y", r"\hat x", r"\hat X", r"\sigma", r"\mu", "S"},
)

# {as it is written: (key in a draw, its axes)}


def _symbols(quantities):
    return {
        latex: Symbol(quantity.name, quantity.axes)
        for quantity in quantities
        for latex in (quantity.latex, *quantity.also)
        if latex
    }


PARAMETERS = _symbols(quantity for quantity in QUANTITIES if quantity.place == "parameter")
PER_SAMPLE = _symbols(quantity for quantity in QUANTITIES if quantity.axes.startswith("m"))
STATISTICS = _symbols(q for q in QUANTITIES if not q.axes.startswith("m") and q.place != "parameter")
PARAMETERS |= {
    name.replace(r"\theta", other): symbol
    for name, symbol in PARAMETERS.items()
    if name.startswith(r"\theta")
    for other in ("W", r"\Theta")
}
VARIANCE = {name: Symbol("var_b", "h") for name in (r"\sigma^2", r"\sigma^2_b")}  # below a derivative's bar
STATISTICS |= {r"\sigma": Symbol("sigma_b", "h"), r"\sigma_b": Symbol("sigma_b", "h")}  # the root of var_b
SAME_IN_CAPITALS = set(PER_SAMPLE) - {"M", "r"}  # a batch is written with a capital letter too
SCALARS = ("gamma", "beta")  # which some take for one number for all features

# The layers of block 1 are those of the network, under other names.
LAYERS = {
    "1-1": {
        "x": Symbol("a_1b", "mn"),
        r"\hat x": Symbol("x_hat", "mn"),
        "y": Symbol("c", "mn"),
        r"\gamma": Symbol("gamma", "n"),
        r"\beta": Symbol("beta", "n"),
        r"\mu": Symbol("mu_b", "n"),
        r"\mu_b": Symbol("mu_b", "n"),
        r"\epsilon": Symbol("eps", ""),
        r"\sigma": Symbol("sigma_b", "n"),
        r"\sigma_b": Symbol("sigma_b", "n"),
    },
    "1-2": {
        "x": Symbol("a_1a", "n"),
        "r": Symbol("r", "n"),
        "p": Symbol("p", ""),
        "y": Symbol("d", "n"),
        "M": Symbol("mask", "n"),
    },
    "1-3": {"x": Symbol("z_2b", "n"), "y": Symbol("y_hat_b", "n")},
}
LAYERS["1-3"]["S"] = Symbol("exp_sum", "")  # the page's name for softmax's denominator
NETWORK = "network"  # the family of all other questions

INNER = {"ds": "s", "dx_hat": "x_hat", "dvar_b": "var_b", "dmu_b": "mu_b"}  # gradients that may be built upon: of what
QUESTIONS_OF_NETWORK = ("2-1", "2-2 head", "2-2 branch b", "2-2 branch a")
PARTS = {question: asked_in(question) for question in QUESTIONS_OF_NETWORK}
JACOBIANS = {"dy_hat_b_dz_2b": ("y_hat_b", "z_2b"), "dz_2b_dc": ("z_2b", "c")}  # {part: (output, input)}


def network(scalars=False):
    """{name as it is written: Symbol} for the network of two branches. scalars: γ and β are one number for all."""
    parameters = {
        name: symbol._replace(axes="") if scalars and symbol.key in SCALARS else symbol
        for name, symbol in PARAMETERS.items()
    }
    capitals = {_in_capitals(name): PER_SAMPLE[name] for name in PER_SAMPLE if name in SAME_IN_CAPITALS}
    return PER_SAMPLE | capitals | parameters | STATISTICS


def _in_capitals(name):
    letter, _, label = name.partition("_")
    return letter[:-1] + letter[-1].upper() + ("_" + label if label else "")


def layer(question):
    """{name as it is written: Symbol} for a question of block 1, x and y in capitals too."""
    table = LAYERS[question]
    return table | {_in_capitals(name): table[name] for name in ("x", "y", r"\hat x") if name in table}


def target_of(question, part, written, axes, key, *, given=(), hidden=(), scalars=False):
    """A Target of hw1.

    Args:
        question, part, written, axes, key: as of Target.
        given: the parts that an answer may build upon, gradients and Jacobians.
        hidden: the keys of symbols that it may not use.
        scalars: whether gamma and beta are one number for all features.
    """
    table = layer(question) if question in LAYERS else network(scalars)
    gradients = {f"∂{name}": Symbol(f"d{symbol.key}", symbol.axes) for name, symbol in (table | VARIANCE).items()}
    gradients = {name: symbol for name, symbol in gradients.items() if symbol.key in given}
    unusable = {name: None for name, symbol in table.items() if symbol.key in hidden}
    return Target(
        question=question,
        part=part,
        label=f"{question.split(' ')[0]} {written}",
        written=written,
        axes="" if scalars and key in SCALARS else axes,
        key=key,
        symbols=table | gradients | unusable,
        notation=LAYER_NOTATION if question in LAYERS else NOTATION,
        given=tuple(given),
        jacobians=tuple(JACOBIANS[part] for part in given if part in JACOBIANS),
        family=question if question in LAYERS else NETWORK,
        functions=dict.fromkeys((r"\sigma", "f", "g", r"\phi"), "softmax") if question == "1-3" else {},
    )


@lru_cache
def targets(scalars=False):
    """{"2-2 gamma": Target}: every part of hw1. A gradient of 2-2 may build upon those before it in its question's own
    list, a step of 2-1 on the steps before it."""
    table = PER_SAMPLE | PARAMETERS | STATISTICS
    written = {symbol.key: name for name, symbol in reversed(table.items())}
    axes = {symbol.key: symbol.axes for symbol in table.values()} | {"var_b": "h"}
    found = {
        "1-1 gamma": target_of("1-1", "dy_dgamma", r"y/\gamma", "mnn", "gamma", scalars=scalars),
        "1-1 beta": target_of("1-1", "dy_dbeta", r"y/\beta", "mnn", "beta", scalars=scalars),
        "1-2": target_of("1-2", "jacobian", "y/x", "nn", "a_1a"),
        "1-3": target_of("1-3", "jacobian", "y/x", "nn", "z_2b"),
    }
    steps = [part.name for part in PARTS["2-1"]]
    for k, key in enumerate(steps):
        hidden = ["sigma_b" if step == "var_b" else step for step in steps[k:]]
        asked = (written.get(key, key), axes[key], key)
        found[f"2-1 {key}"] = target_of("2-1", key, *asked, hidden=hidden, scalars=scalars)
    given = ()
    for question in ("2-2 head", "2-2 branch b", "2-2 branch a"):
        given = {"2-2 head": (), "2-2 branch b": ("dz_2b",)}.get(question, given)
        for part in PARTS[question]:
            key = part.name[1:]
            into = JACOBIANS[part.name][1] if part.name in JACOBIANS else key
            asked = (part.latex or "∂" + written[key], part.axes, into)
            found[f"2-2 {key}"] = target_of(question, part.name, *asked, given=given, scalars=scalars)
            given = (*given, part.name)
            given += {"dc": ("ds",), "dgamma": ("dx_hat", "dvar_b", "dmu_b")}.get(part.name, ())
    return found


TARGETS = targets()
ANYTHING = replace(TARGETS["2-1 loss"], written=None, axes=None, key=None, symbols=network())  # no answer to anything


def named_target(name):
    """The key of TARGETS that is meant: "2-2-gamma" is "2-2 gamma". ValueError: there is none."""
    key = re.sub(r"^(\d-\d)-", r"\1 ", name.split(",")[0].strip())
    if key not in TARGETS:
        raise ValueError(f"there is no formula {name!r}; there are {', '.join(TARGETS)}")
    return key

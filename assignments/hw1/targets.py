r"""The letters of hw1, the quantities that they stand for, and what is asked of formulas.

Students get this file as a part of formulas.py. It holds names and shapes, and no answer.
"""

import re
from dataclasses import replace
from functools import lru_cache

from autograder.formula.notation import Notation, Symbol, Target

SIZES = {"m": "m", "n": "n", "n_h": "h", "K": "K", "n_ya": "h", "n_yb": "K"}
SIZES |= {"n_1a": "h", "n_1b": "h", "n_2a": "h", "n_2b": "K"}
LABELS = {letter: ("1a", "2a", "1b", "2b") for letter in (r"\theta", "z", "a", "Z", "A")}
LABELS |= {letter: ("a", "b") for letter in ("y", "Y", r"\hat y", r"\hat Y")}
LABELS |= {r"\mu": ("b",), r"\sigma": ("b",), "n": tuple(size[2:] for size in SIZES if "_" in size)}
NO_SIGMOID = "\\sigma is batch norm's deviation, no function. ReLU's slope is ReLU'(z), or [z > 0]"

NOTATION = Notation(
    sizes=SIZES,
    size_names={"m": "m", "n": "n", "h": "n_h", "K": "K"},
    samples="m",
    features="h",
    labels=LABELS,
    capitals=frozenset({r"\theta", "z", "a", "Z", "A", r"\mu", r"\sigma"}),
    no_functions={r"\sigma": NO_SIGMOID},
)

# {as it is written: (key in a draw, its axes)}

PER_SAMPLE = {
    "x": Symbol("x", "mn"),
    "y_a": Symbol("y_a", "mh"),
    "y_b": Symbol("y_b", "mK"),
    "r": Symbol("r", "mh"),
    "z_1a": Symbol("z_1a", "mh"),
    "a_1a": Symbol("a_1a", "mh"),
    "M": Symbol("mask", "mh"),
    "d": Symbol("d", "mh"),
    "z_2a": Symbol("z_2a", "mh"),
    r"\hat y_a": Symbol("z_2a", "mh"),
    "z_1b": Symbol("z_1b", "mh"),
    "a_1b": Symbol("a_1b", "mh"),
    r"\hat x": Symbol("x_hat", "mh"),
    "c": Symbol("c", "mh"),
    "s": Symbol("s", "mh"),
    "z_2b": Symbol("z_2b", "mK"),
    r"\hat y_b": Symbol("y_hat_b", "mK"),
}
PARAMETERS = {
    r"\theta_1a": Symbol("theta_1a", "hn"),
    r"\theta_1b": Symbol("theta_1b", "hn"),
    r"\theta_2a": Symbol("theta_2a", "hh"),
    r"\theta_2b": Symbol("theta_2b", "Kh"),
    r"\gamma": Symbol("gamma", "h"),
    r"\beta": Symbol("beta", "h"),
}
STATISTICS = {
    r"\mu": Symbol("mu_b", "h"),
    r"\mu_b": Symbol("mu_b", "h"),
    r"\sigma": Symbol("sigma_b", "h"),
    r"\sigma_b": Symbol("sigma_b", "h"),
    r"\epsilon": Symbol("eps", ""),
    "p": Symbol("p", ""),
    "L": Symbol("loss", ""),
}
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
NETWORK = "network"  # the family of all other questions

PARTS = {  # in the order of the questions' own lists
    "2-1": "z_1a a_1a mask d z_2a z_1b a_1b mu_b var_b x_hat c s z_2b y_hat_b loss",
    "2-2 head": "y_hat_b y_hat_b_dz_2b z_2b theta_2b",
    "2-2 branch b": "z_2b_dc c beta gamma a_1b z_1b theta_1b",
    "2-2 branch a": "z_2a theta_2a d z_1a theta_1a",
}
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
    gradients = {f"∂{name}": Symbol(f"d{symbol.key}", symbol.axes) for name, symbol in table.items()}
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
        notation=NOTATION,
        given=tuple(given),
        jacobians=tuple(JACOBIANS[part] for part in given if part in JACOBIANS),
        family=question if question in LAYERS else NETWORK,
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
    steps = PARTS["2-1"].split()
    for k, key in enumerate(steps):
        hidden = ["sigma_b" if step == "var_b" else step for step in steps[k:]]
        asked = (written.get(key, key), axes[key], key)
        found[f"2-1 {key}"] = target_of("2-1", key, *asked, hidden=hidden, scalars=scalars)
    jacobians = {"y_hat_b_dz_2b": (r"\hat y_b/z_2b", "mKK", "z_2b"), "z_2b_dc": ("z_2b/c", "Kh", "c")}
    for question in ("2-2 head", "2-2 branch b", "2-2 branch a"):
        given = () if question == "2-2 head" else ("dz_2b",)
        for key in PARTS[question].split():
            asked = jacobians.get(key) or ("∂" + written[key], axes[key], key)
            found[f"2-2 {key}"] = target_of(question, "d" + key, *asked, given=given, scalars=scalars)
            given = (*given, "d" + key)
    return found


TARGETS = targets()
ANYTHING = replace(TARGETS["2-1 loss"], written=None, axes=None, key=None, symbols=network())  # no answer to anything


def named_target(name):
    """The key of TARGETS that is meant: "2-2-gamma" is "2-2 gamma". ValueError: there is none."""
    key = re.sub(r"^(\d-\d)-", r"\1 ", name.split(",")[0].strip())
    if key not in TARGETS:
        raise ValueError(f"there is no formula {name!r}; there are {', '.join(TARGETS)}")
    return key

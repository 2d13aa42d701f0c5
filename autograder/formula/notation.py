r"""What can be written. First what an assignment hands in, then the tables of commands, signs and words that all share.

To read a new spelling of something known, add a row to a table below. An assignment describes its own letters in a
`Notation`, its quantities in a dict of `Symbol`, and each question in a `Target`; nothing here names one.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

INDICES = frozenset("ijklqrt")


class Symbol(NamedTuple):
    """A quantity: its key in a draw, and its axes, one character each, the samples' first: "mh" for a batch of n_h."""

    key: str
    axes: str


@dataclass(frozen=True, eq=False)
class Notation:
    """The letters of an assignment.

    Args:
        sizes: {size as it is written: its axis}, {"n_h": "h"}. Several names may have one axis.
        size_names: {axis: the name of its size in messages and in draws}, {"h": "n_h"}.
        samples: the axis of the samples.
        features: the axis on which a missing index may be supplied by a repair.
        labels: {letter: the labels that belong to its name, in lower case}, {"z": ("1a", "2a")}.
        capitals: the letters whose labels are typeset in capitals.
        loss: the names of the loss, the one that is shown first: its derivatives are gradients.
        row_and_column: {sorted free letters: (the row's, the column's)}, where the left side does not say.
        no_functions: {letter that is not applied to anything: what is said where it seems to be}.
        indices: the letters of indices.
    """

    sizes: Mapping[str, str]
    size_names: Mapping[str, str]
    samples: str
    features: str
    labels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    capitals: frozenset[str] = frozenset()
    loss: tuple[str, ...] = ("L",)
    row_and_column: Mapping[tuple[str, ...], tuple[str, ...]] = field(
        default_factory=lambda: {("j", "k"): ("k", "j"), ("i", "j"): ("i", "j")}
    )
    no_functions: Mapping[str, str] = field(default_factory=dict)
    indices: frozenset[str] = INDICES

    @property
    def size_letters(self):
        """The letters that names of sizes begin with."""
        return "".join(sorted({name[0] for name in self.sizes}))

    @property
    def labelled_sizes(self):
        """The letters of sizes that have a label."""
        return {name.partition("_")[0] for name in self.sizes if "_" in name}


@dataclass(frozen=True)
class Target:
    r"""What is asked, and what may be used in the answer.

    Args:
        question, part: of the assignment; the truth stands in a draw under `part`.
        label: the question and what is asked, for messages.
        written: the name of what is asked as it is written: "∂\gamma" for a gradient, "y/x" for a Jacobian; or None.
        axes: of what is asked, "Kh" for an array (K, n_h), the samples' first. None asks for no shape.
        key: what is asked, as a key of draws: no derivative is taken with respect to it, and derivatives are of symbols
            alone. None allows the derivative of anything.
        symbols: {name as it is written: Symbol, or None for what is known but may not be used}.
        notation: of the assignment.
        given: the parts that the answer may build upon; `symbols` holds their gradients.
        jacobians: those of the Jacobians among them, each (key of the output, key of the input).
        family: which draws the target is judged on.
    """

    question: str
    part: str | None
    label: str
    written: str | None
    axes: str | None
    key: str | None
    symbols: Mapping[str, Symbol | None] = field(hash=False, repr=False)
    notation: Notation = field(repr=False)
    given: tuple[str, ...] = ()
    jacobians: tuple[tuple[str, str], ...] = ()
    family: str = ""


# ---------------------------------------------------------------------------------------------------------------------
# Names that LaTeX writes in letters

FUNCTION_NAMES = ("ReLU", "relu", "diag", "sgn", "sign", "exp", "log", "ln", "max", "min", "mean", "softmax", "Softmax")
SAME_FUNCTION = {"ln": "log", "sign": "sgn"}  # of names in lower case
DERIVATIVES = {"relu": "relu'"}  # of functions, that a prime denotes
FUNCTIONS_OF_TWO = ("max", "min")
FONTS = ("mathbf", "boldsymbol", "bm", "mathrm", "mathit", "mathsf", "mathcal", "mathnormal", "mathbb", "mathds")
FONTS += ("mathbbm", "pmb", "vec", "textbf", "rm", "bf", "sf", "it", r"operatorname\*?")
CONNECTIVES = ("where", "with", "and", "for", "if", "otherwise", "else", "let")
CASE_WORDS = ("if", "else", "otherwise", "when")
PROSE = {*CONNECTIVES, "when", "so", "hence", "thus", "then", "we have", "which is", "here", ""}
ACCENTS = (r"\hat", r"\bar", r"\tilde")
TRANSPOSES = ("T", r"\top", "'", "t")  # as superscripts
IDENTITY, EULER, KRONECKER = "I", "e", r"\delta"

# ---------------------------------------------------------------------------------------------------------------------
# Spellings of one thing

SAME_COMMAND = {"varepsilon": "epsilon", "le": "leq", "ge": "geq", "leqslant": "leq", "geqslant": "geq", "ne": "neq"}
SAME_COMMAND |= {"odot": "circ", "dfrac": "frac", "tfrac": "frac", "widehat": "hat", "overline": "bar"}
SAME_COMMAND |= {"widetilde": "tilde", "Vert": "|", "times": "cdot", "intercal": "top", "prime": "'", "colon": ":"}
SAME_COMMAND |= {"ast": "cdot", "div": "/", "land": "wedge"}
SIGNS = {"∘": r"\circ", "⊙": r"\circ", "≥": r"\geq", "≤": r"\leq", "≠": r"\neq", "−": "-", "′": "'", "·": r"\cdot"}
SIGNS |= {"×": r"\cdot", "*": r"\cdot", r"\'": "'", r"\:": ":", "\\": "|", r"\/": "/"}
INDEX_COMMANDS = {"ell": "l"}
GREEK_LETTERS = {"α": "alpha", "β": "beta", "γ": "gamma", "δ": "delta", "ε": "epsilon", "η": "eta", "θ": "theta"}
GREEK_LETTERS |= {"λ": "lambda", "μ": "mu", "ν": "nu", "ρ": "rho", "σ": "sigma", "τ": "tau", "φ": "phi", "ω": "omega"}
GREEK_LETTERS |= {"Δ": "Delta"}
GREEK_COMMANDS = {*GREEK_LETTERS.values(), "zeta", "kappa", "xi", "pi", "chi", "psi", "Gamma", "Sigma", "Omega"}
GREEK_COMMANDS |= {"Psi", "Phi"}
COMPARISONS = (">", "<", r"\geq", r"\leq", "=", r"\neq")
CLOSING = {"(": ")", "[": "]", r"\{": r"\}", "{": "}", r"\begin{cases}": r"\end{cases}"}
CLOSING |= {r"\lVert": r"\rVert", r"\lvert": r"\rvert"}
SAME_BRACKET = {r"\lbrack": "[", r"\rbrack": "]", " ": ""}

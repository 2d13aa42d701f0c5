r"""What can be written. First what an assignment hands in, then the tables of commands, signs and words that all share.

To read a new spelling of something known, add a row to a table below. An assignment describes its own letters in a
`Notation`, its quantities in a dict of `Symbol`, and each question in a `Target`; nothing here names one.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

INDICES = frozenset("ijklqrt")
FUNCTION_LETTERS = {"H": "step", r"\Theta": "step", "u": "step"}
FUNCTION_LETTERS |= dict.fromkeys(("f", "g", "h", r"\phi", r"\rho", r"\sigma", r"\psi", "S"), "relu")


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
        functions: {letter that may stand for a function where brackets follow it: which one}.
        quantities: the names of quantities; below and above them every letter is an index.
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
    functions: Mapping[str, str] = field(default_factory=lambda: FUNCTION_LETTERS)
    quantities: frozenset[str] = frozenset()
    indices: frozenset[str] = INDICES

    def labels_of(self, symbol):
        """The labels that a letter may have, with an accent or without."""
        return self.labels.get(symbol) or self.labels.get(symbol.rpartition(" ")[2], ())

    @property
    def all_labels(self):
        return frozenset(label for labels in self.labels.values() for label in labels)

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
        functions: as of Notation, where the question has a meaning of its own for them.
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
    functions: Mapping[str, str] = field(default_factory=dict, hash=False, repr=False)


# ---------------------------------------------------------------------------------------------------------------------
# Names that LaTeX writes in letters

FUNCTION_NAMES = ("ReLU", "relu", "diag", "Diag", "sgn", "sign", "exp", "log", "ln", "max", "min", "mean", "softmax")
FUNCTION_NAMES += ("Softmax", "Step", "heaviside", "Heaviside", "trace")
SHORT_FUNCTION_NAMES = ("step", "tr", "Tr", "vec", "SM", "smax", "unvec")  # function names where an argument follows
SAME_FUNCTION = {"ln": "log", "sign": "sgn", "heaviside": "step", "trace": "tr", "sm": "softmax", "smax": "softmax"}
DERIVATIVES = {"relu": "relu'"}  # of functions, that a prime denotes
FUNCTIONS_OF_TWO = ("max", "min")
MEAN_NAMES = ("mean", "avg", "E", "Mean", "average")
LOSS_WORDS = ("Loss", "Cost")  # in capital or small letters
FONTS = ("mathbf", "boldsymbol", "bm", "mathrm", "mathit", "mathsf", "mathcal", "mathnormal", "mathbb", "mathds")
FONTS += ("mathbbm", "mathscr", "mathfrak", "pmb", "vec", "textbf", "rm", "bf", "sf", "it", r"operatorname\*?")
CONNECTIVES = ("where", "with", "and", "for", "if", "otherwise", "else", "let", "mit", "wobei", "avec", "donde", "dove")
CASE_WORDS = ("if", "else", "otherwise", "when", "wenn", "falls", "sonst", "si", "sinon")
OTHERWISE_WORDS = {"otherwise", "else", "sonst", "sinon", "ansonsten", "altrimenti", "否则", "其他"}
AND_WORDS = {"and", "und", "et", "y", "e", "且", "和"}
IF_WORDS = {"if", "for", "when", "wenn", "falls", "fur", "si", "pour", "where", "provided", "se", "若", "当", "如果"}
PROSE = {*CONNECTIVES, "when", "so", "hence", "thus", "then", "we", "have", "which", "is", "here", "using", "by", "as"}
PROSE |= {"since", "because", "let", "us", "define", "denote", "finally", "therefore", "that", "set", "from", "all"}
PROSE |= {"get", "obtain", "follows", "it", "the", "und", "sei", "seien", "dann", "also", "damit", "daher", "folgt"}
PROSE |= {"somit", "hier", "ist", "ou", "et", "soit", "donc", "alors", "ainsi", "ici", "con", "sea", "entonces", "e"}
PROSE |= {"writing", "put", "ergibt", "wir", "definiere", "setze", "posons", "on", "pour", "fur"}
VERBS = {"is", "are", "denotes", "denote", "ist", "sind", "bezeichnet", "est", "sont", "designe", "stands", "means"}
EQUALS_WORDS = {"is", "equals", "ist", "est", "gives", "gleich"}  # by themselves
NEGATING = {"not", "no", "never", "without", "except", "up", "wrong", "nicht", "kein", "ohne", "pas", "sans", "unless"}
HARMLESS = ("no sum", "no implied sum", "sum over", "summation over", "mean over", "average over", "keine summe")
CONTRADICTING = ("not", "no", "never", "minus", "plus", "negative", "twice", "half", "times", "over", "divided", "up")
CONTRADICTING += ("without", "except", "approximately", "approx", "proportional", "roughly", "transposed", "false")
CONTRADICTING += ("wrong", "nicht", "kein", "keine", "ohne", "mal", "pas", "sans", "fois", "moins", "ne", "non", "sin")
CONTRADICTING += ("ca", "circa", "etwa", "rund", "ungefahr", "environ", "about", "almost")
CONTRADICTING += ("nearly", "unless", "instead", "neither", "nor", "incorrect", "falsch", "faux")
CONTRADICTING += ("sum", "mean", "transpose", "inverse", "minus", "durch", "geteilt", "par")
CONTRADICTING += ("不", "非", "没", "除", "乘", "负")  # signs that a longer word may hold
ACCENTS = (r"\hat", r"\bar", r"\tilde", r"\dot")
TRANSPOSES = ("T", r"\top", "'", "t")  # as superscripts
IDENTITY, EULER, KRONECKER = "I", "e", r"\delta"
LOSS_LETTERS = ("L", "J", "E", "l", "C", "Q", "F", r"\ell")  # above a derivative's bar, where they name nothing else

# ---------------------------------------------------------------------------------------------------------------------
# Spellings of one thing

LAYOUT_COMMANDS = ("left", "right", "middle", r"[bB]igg?[lrm]?", "displaystyle", "textstyle", "scriptstyle", "limits")
LAYOUT_COMMANDS += ("nolimits", "notag", "nonumber", "mathop", "mathrel", "mathstrut", "thinspace", "qty", "vb", "va")
LAYOUT_COMMANDS += ("therefore", "because", "blacksquare", "square", "Box", "qed", "qedhere", "checkmark")
LAYOUT_COMMANDS += ("enspace", "hfill", "hline", "mathord", "mathbin", "displaylimits")
WRAPPERS = ("boxed", "fbox", "underline", "smash", "ensuremath", "bigl", "Aboxed")  # braces around a whole
ARROWS = ("Rightarrow", "Longrightarrow", "implies", "iff", "Leftrightarrow", "to", "rightarrow", "longrightarrow")
ARROWS += ("leadsto", "Leftarrow", "impliedby")
DOTS = ("dots", "ldots", "cdots", "vdots", "ddots", "dotsc", "dotsb")
SAME_COMMAND = {"varepsilon": "epsilon", "le": "leq", "ge": "geq", "leqslant": "leq", "geqslant": "geq", "ne": "neq"}
SAME_COMMAND |= {"odot": "circ", "dfrac": "frac", "tfrac": "frac", "cfrac": "frac", "widehat": "hat"}
SAME_COMMAND |= {"overline": "bar", "widetilde": "tilde", "Vert": "|", "times": "cdot", "intercal": "top"}
SAME_COMMAND |= {"prime": "'", "colon": ":", "ast": "cdot", "star": "cdot", "div": "/", "land": "wedge"}
SAME_COMMAND |= {"succ": ">", "prec": "<", "succeq": "geq", "preceq": "leq", "pdv": "pdv", "dv": "pdv"}
SAME_COMMAND |= {"lt": "<", "gt": ">", "vert": "vert", "bigodot": "circ", "bullet": "cdot", "bigcirc": "circ"}
SAME_COMMAND |= {"vartheta": "theta", "transpose": "top", "varphi": "phi", "upsilon": "upsilon"}
SIGNS = {"∘": r"\circ", "⊙": r"\circ", "≥": r"\geq", "≤": r"\leq", "≠": r"\neq", "−": "-", "′": "'", "·": r"\cdot"}
SIGNS |= {"×": r"\cdot", "*": r"\cdot", r"\'": "'", r"\:": ":", "\\": "|", r"\/": "/", r"\<": "<", r"\>": ">"}
SIGNS |= {r"\vert": "|"}
INDEX_COMMANDS = {"ell": "l"}
GREEK_LETTERS = {"α": "alpha", "β": "beta", "γ": "gamma", "δ": "delta", "ε": "epsilon", "η": "eta", "θ": "theta"}
GREEK_LETTERS |= {"λ": "lambda", "μ": "mu", "ν": "nu", "ρ": "rho", "σ": "sigma", "τ": "tau", "φ": "phi", "ω": "omega"}
GREEK_LETTERS |= {"Δ": "Delta", "Θ": "Theta", "ζ": "zeta", "κ": "kappa", "ξ": "xi", "π": "pi", "χ": "chi", "ψ": "psi"}
GREEK_LETTERS |= {"Γ": "Gamma", "Ω": "Omega", "Ψ": "Psi", "Φ": "Phi", "Λ": "Lambda"}
GREEK_COMMANDS = {*GREEK_LETTERS.values(), "Sigma"}
COMPARISONS = (">", "<", r"\geq", r"\leq", "=", r"\neq")
CLOSING = {"(": ")", "[": "]", r"\{": r"\}", "{": "}", r"\begin{cases}": r"\end{cases}"}
CLOSING |= {r"\lVert": r"\rVert", r"\lvert": r"\rvert", r"\langle": r"\rangle", r"\begin{matrix}": r"\end{matrix}"}
SAME_BRACKET = {r"\lbrack": "[", r"\rbrack": "]", r"\lbrace": r"\{", r"\rbrace": r"\}", " ": ""}

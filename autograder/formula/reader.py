r"""A gradient written in LaTeX: read, its shapes checked, computed. One file, NumPy only.

    tree = read(r"\frac1m \sum_i (\hat x_i \circ c_i) x_i^T")
    (reading,) = shapes(tree, "hn")           # what it means as an array of shape (n_h, n), or a FormulaError
    evaluate(reading, draw)                   # an array; draw is a dict symbol -> array, rows are samples

Nothing is handed to eval or exec. The grammar, loosest first; font, spacing and size commands are skipped:

    formula    = statement {(line break | "," | "where") statement}
    statement  = [name "="] {sum "="} sum                  a definition, or the answer; the last side counts
    sum        = ["-"] entrywise {("+" | "-") entrywise}
    entrywise  = product {("\circ" | "\odot") product}
    product    = factor {["\cdot" | "\times" | "*" | "/"] factor}
    factor     = ("\sum_{i=1}^m" | "\operatorname{mean}_i" | "\frac{\partial}{\partial v}") entrywise
               | atom {"^T" | "^{(kj)}" | "_{kj}" | "^" power | "'"}
    atom       = number | name | "(" sum ")" | "[" condition "]" | "\frac{sum}{sum}" | "\sqrt{sum}" | "\|sum\|"
               | function atom | "\mathbf 1" | "\mathbb 1[" condition "]" | cases | "\frac{\partial u}{\partial v}"
    condition  = comparison {("and" | "\wedge") comparison}
    comparison = sum (">" | "<" | "\ge" | "\le" | "=" | "\ne") sum

A name is a letter with its label ("\theta_{1A}", "\hat y_b"), then indices: below the sample's first, above entries.

What a product means is decided by shapes, never by numbers. A value has a shape (rows, columns), each "1" or the name
of a size: m, n, h (for n_h), K; what x_i holds is a column. Its indices are axes of their own. A letter's range is the
axis that it is used on. A symbol of the batch without its sample index is a matrix, with the samples in rows (as in
code) or in columns: both readings are tried. If no reading has a meaning, one repair is tried, each kind by itself: a
sample index that is missing, the index of a feature that is missing, the range of a sum or of a column of ones, a
transpose, a product of columns read as entry by entry. What was repaired is told.

Slopes of what is named, and "\frac{\partial}{\partial v}" of an expression, come from the draw's Jacobians, draw[u, v]
of shape u.shape + v.shape, by a complex step through the expression.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

LENGTH, DEPTH, NODES, LETTERS, WORK = 10_000, 40, 800, 10, 2_000_000  # the bounds of what is read and computed
STEP = 1e-20
SHOWN = 80  # characters of a line, on each side of the place that a message is about
LOST = re.compile(
    r"[\a\b\v\f]|\t(?=heta|ext|op\b|imes|frac|ilde|au)|\r(?=ho|ight|m\b)"
)  # "\frac" without r: a form feed, "rac"

INDICES = frozenset("ijklqrt")
SIZES = {"m": "m", "n": "n", "n_h": "h", "K": "K", "n_ya": "h", "n_yb": "K"} | dict.fromkeys(
    ("n_1a", "n_1b", "n_2a"), "h"
)
SIZES["n_2b"] = "K"
LABELS = {letter: ("1a", "2a", "1b", "2b") for letter in (r"\theta", "z", "a", "Z", "A")}
LABELS |= {letter: ("a", "b") for letter in ("y", "Y", r"\hat y", r"\hat Y")}
LABELS |= {r"\mu": ("b",), r"\sigma": ("b",), "n": tuple(size[2:] for size in SIZES if "_" in size)}


def network(scalars=False):
    """{name as it is written: (key in a draw, its axes)} for the network of two branches."""
    per_sample = {"x": "x n", "y_a": "y_a h", "y_b": "y_b K", "r": "r h", "z_1a": "z_1a h", "a_1a": "a_1a h"}
    per_sample |= {
        "M": "mask h",
        "d": "d h",
        "z_2a": "z_2a h",
        r"\hat y_a": "z_2a h",
        "z_1b": "z_1b h",
        "a_1b": "a_1b h",
    }
    per_sample |= {r"\hat x": "x_hat h", "c": "c h", "s": "s h", "z_2b": "z_2b K", r"\hat y_b": "y_hat_b K"}
    table = {name: (entry.split()[0], "m" + entry.split()[1]) for name, entry in per_sample.items()}
    for name in set(table) - {"M", "r"}:  # a batch is written with a capital letter too
        letter, _, label = name.rpartition("_") if "_" in name else (name, "", "")
        table[letter[:-1] + letter[-1].upper() + ("_" + label if label else "")] = table[name]
    feature = "" if scalars else "h"
    table |= {r"\theta_1a": ("theta_1a", "hn"), r"\theta_1b": ("theta_1b", "hn"), r"\theta_2a": ("theta_2a", "hh")}
    table |= {r"\theta_2b": ("theta_2b", "Kh"), r"\gamma": ("gamma", feature), r"\beta": ("beta", feature)}
    table |= {
        r"\mu": ("mu_b", "h"),
        r"\mu_b": ("mu_b", "h"),
        r"\sigma": ("sigma_b", "h"),
        r"\sigma_b": ("sigma_b", "h"),
    }
    return table | {r"\epsilon": ("eps", ""), "p": ("p", ""), "L": ("loss", "")}


class FormulaError(ValueError):
    """Why a formula could not be read, or has no meaning. `at` is the place, (start, end) in the string, or None."""

    def __init__(self, message, at=None):
        super().__init__(message)
        self.at = at


def point(latex, error):
    """The message with the line of the formula that it is about, and a mark below the place."""
    if not error.at:
        return str(error)
    start, end = error.at
    first = latex.rfind("\n", 0, start) + 1
    last = first + len(latex[first:].split("\n")[0])
    begin, stop = max(first, start - SHOWN), min(last, start + SHOWN)
    before, after = "… " * (begin > first), " …" * (stop < last)
    mark = " " * (len(before) + start - begin) + "^" * max(1, min(end, stop) - start)
    return f"{error}\n    {before}{latex[begin:stop]}{after}\n    {mark}"


@dataclass(frozen=True)
class Node:
    """A piece of a formula: its kind, what it is made of, and where it stands in the string (which does not count)."""

    kind: str
    args: tuple = ()
    at: tuple = field(default=(0, 0), compare=False)
    source: str = field(default="", compare=False, repr=False)  # of the whole formula, in its top node


# ---------------------------------------------------------------------------------------------------------------------
# Reading: a string, tokens, a tree

_FUNCTIONS = ["ReLU", "relu", "diag", "sgn", "sign", "exp", "log", "ln", "max", "min", "mean", "softmax", "Softmax"]
_NAMES = "|".join(_FUNCTIONS)
_FONTS = (
    r"mathbf|boldsymbol|bm|mathrm|mathit|mathsf|mathcal|mathnormal|mathbb|mathds|mathbbm|pmb|vec|textbf|rm|bf|sf|it"
)
_FONTS += r"|operatorname\*?"
_WORDS = "where|with|and|for|if|otherwise|else|let"
_PROSE = frozenset(_WORDS.split("|")) | {"when", "so", "hence", "thus", "then", "we have", "which is", "here", ""}
_SIZE = r"[mnK](?:_\{?\w+\}?)?"
_TOKEN = re.compile(
    rf"""
    (?P<skip> %[^\n]* | [^\S\n]+ | \\[,;:!>\ ] | ~ | \$ | \\[\[\]] | \\(?:label|tag)\{{[^{{}}]*\}}
        | \\in\s*\\mathbb\s*\{{?R\}}?(?:\^(?:\w|\{{(?:[^{{}}]|\{{[^{{}}]*\}})*\}}))?
        | \\(?:left|right)\s*\. | \\(?:left|right|middle|[bB]igg?[lrm]?|displaystyle|textstyle|limits|nolimits
        |notag|nonumber|mathop|mathstrut|thinspace)(?![a-zA-Z])
        | \\(?:begin|end)\s*\{{(?:aligned|align|equation|split|gather|gathered|multline)\*?\}} )
    | (?P<isones> (?:\\text\s*\{{)?\s{{0,9}}\bis\s+(?:a|the)\s+(?:column|vector)\s+of\s*\}}?\s*\$?(?:{_SIZE})?\$?
        \s*(?:\\text\s*\{{)?\s*ones\b\s*\}}? )
    | (?P<ones> \\begin\{{(?P<m>[bp]matrix)\}}\s*1\s*(?:\\\\\s*(?:1|\\vdots)\s*)+\\end\{{(?P=m)\}}
        (?:_\{{\s*{_SIZE}\s*\\times\s*1\s*\}})? | \\(?:{_FONTS})\s*(?:\{{\s*1\s*\}}|1) )
    | (?P<func> \\(?:text|textrm|{_FONTS})\s*\{{\s*(?:{_NAMES})\s*\}} | \\?(?:{_NAMES})(?![a-zA-Z]) )
    | (?P<word> \\text(?:rm|it)?\s*\{{[^{{}}]*\}} | (?<![a-zA-Z\\])(?:{_WORDS})(?![a-zA-Z]) )
    | (?P<font> \\(?:{_FONTS})(?![a-zA-Z]) )
    | (?P<nl> \\\\(?:\[[^\]\n]*\])? | \n | \\q?quad(?![a-zA-Z]) )
    | (?P<open> [({{\[] | \\\{{ | \\begin\s*\{{cases\}} | \\(?:lbrack|lVert|lvert)(?![a-zA-Z]) )
    | (?P<close> [)}}\]] | \\\}} | \\end\s*\{{cases\}} | \\(?:rbrack|rVert|rvert)(?![a-zA-Z]) )
    | (?P<num> \d+(?:\.\d+)? )
    | (?P<eq> :?= | \\(?:coloneqq|triangleq|equiv)(?![a-zA-Z]) )
    | (?P<cmd> \\[a-zA-Z]+ | \\\| )
    | (?P<letter> [a-zA-Zα-ωΑ-Ω] )
    | (?P<op> [-+*/^_',;.&|<>:∘⊙≥≤≠−′·×] )
    """,
    re.X,
)
_SAME = {"varepsilon": "epsilon", "le": "leq", "ge": "geq", "leqslant": "leq", "geqslant": "geq", "ne": "neq"}
_SAME |= {"odot": "circ", "dfrac": "frac", "tfrac": "frac", "widehat": "hat", "overline": "bar", "widetilde": "tilde"}
_SAME |= {"Vert": "|", "times": "cdot", "intercal": "top", "prime": "'", "colon": ":"}
_SAME |= {"ast": "cdot", "div": "/", "land": "wedge"}
_SIGNS = {"∘": r"\circ", "⊙": r"\circ", "≥": r"\geq", "≤": r"\leq", "≠": r"\neq", "−": "-", "′": "'", "·": r"\cdot"}
_SIGNS |= {"×": r"\cdot", "*": r"\cdot", r"\'": "'", r"\:": ":", "\\": "|", r"\/": "/"}
_GREEK = {
    "α": "alpha",
    "β": "beta",
    "γ": "gamma",
    "δ": "delta",
    "ε": "epsilon",
    "η": "eta",
    "θ": "theta",
    "λ": "lambda",
}
_GREEK |= {"μ": "mu", "ν": "nu", "ρ": "rho", "σ": "sigma", "τ": "tau", "φ": "phi", "ω": "omega", "Δ": "Delta"}
_COMPARE = {">": ">", "<": "<", r"\geq": r"\geq", r"\leq": r"\leq", "=": "=", r"\neq": r"\neq"}
_GREEK_NAMES = frozenset(_GREEK.values()) | {
    "zeta",
    "kappa",
    "xi",
    "pi",
    "chi",
    "psi",
    "Gamma",
    "Sigma",
    "Omega",
    "Psi",
    "Phi",
}
_CLOSES = {"(": ")", "[": "]", r"\{": r"\}", "{": "}", r"\begin{cases}": r"\end{cases}"}
_CLOSES |= {r"\lVert": r"\rVert", r"\lvert": r"\rvert"}


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str
    at: tuple


def _size_in(text):
    found = re.search(rf"(?:_\{{\s*|of\s*\}}?\s*\$?)({_SIZE})", text)
    name = re.sub(r"[{}\s]", "", found[1]) if found else None
    return name if name in SIZES else None


def _tokens(latex):
    """The tokens of a string, its brackets balanced; line breaks within brackets are gone (but for those of cases)."""
    if len(latex) > LENGTH:
        raise FormulaError(f"A formula of {len(latex):,} characters is too long: {LENGTH:,} are read.")
    if lost := LOST.search(latex):
        raise FormulaError('A backslash is lost here. Is the r missing, as in r"…"?', lost.span())
    found, stack, place = [], [], 0
    while place < len(latex):
        match = _TOKEN.match(latex, place)
        at = (place, match.end() if match else place + 1)
        if not match or match.end() == place:
            raise FormulaError(f"`{latex[place]}` has no meaning here, at {place}.", at)
        kind, text, place = match.lastgroup, match[0], match.end()
        kind = "ones" if kind == "m" else kind
        if kind in ("skip", "font"):
            continue
        if kind == "isones":
            found.append(_Token("eq", "=", at))
            kind, text = "ones", _size_in(text) or ""
        elif kind == "ones":
            text = (_size_in(text) if "times" in text else None) or ("" if "matrix" in text else "1")
        elif kind == "func":
            text = re.search(rf"(?:{_NAMES})(?=\W*$)", text)[0]
        elif kind == "word":
            text = re.sub(r"\\text(rm|it)?\s*\{|[{}]", "", text).strip()
        elif kind == "cmd":
            name = _SAME.get(text[1:], text[1:])
            kind, text = ("letter" if name in _GREEK_NAMES else "op"), _SIGNS.get("\\" + name, "\\" + name)
            if name == "ell":
                kind, text = "letter", "l"
        elif kind == "letter" and text in _GREEK:
            text = "\\" + _GREEK[text]
        elif kind == "op":
            text = _SIGNS.get(text, text)
        elif kind == "eq":
            text = "="
        elif kind in ("open", "close"):
            text = text.replace(r"\lbrack", "[").replace(r"\rbrack", "]").replace(" ", "")
        if kind == "open":
            stack.append(_Token(kind, text, at))
            if len(stack) > DEPTH:
                raise FormulaError(f"Brackets are nested more than {DEPTH} deep, at {at[0]}.", at)
        elif kind == "close":
            if not stack:
                raise FormulaError(f"`{text}` closes nothing, at {at[0]}.", at)
            if _CLOSES[stack[-1].text] != text:
                opened = stack[-1]
                raise FormulaError(f"`{text}` at {at[0]} closes the `{opened.text}` of {opened.at[0]}.", at)
            stack.pop()
        elif (kind == "nl" or text == "&") and stack and ("quad" in text or stack[-1].text != r"\begin{cases}"):
            continue
        found.append(_Token(kind, text, at))
    if stack:
        raise FormulaError(f"`{stack[-1].text}` is never closed, at {stack[-1].at[0]}.", stack[-1].at)
    return found


def _statements(tokens):
    """The tokens of each statement. A line that goes on from the one before belongs to it."""
    lines, depth, remark, hard = [([], False)], 0, False, False
    for token in tokens:
        depth += (token.kind == "open") - (token.kind == "close")
        remark = (remark and token.kind != "nl") or (token.kind == "word" and "that" in token.text)  # "note that ..."
        if remark:
            continue
        if (
            token.kind == "word"
            and depth == 0
            and token.text.lower().strip(" ,:") in ("if", "else", "otherwise", "when")
        ):
            raise FormulaError(
                f"`{token.text}` is read within \\begin{{cases}} alone, at {token.at[0]}. Or write [j = k].", token.at
            )
        if token.kind == "word" and depth == 0 and token.text.lower().strip(" ,:") not in _PROSE:
            raise FormulaError(f"The words `{token.text}` are not read, at {token.at[0]}.", token.at)
        if depth == 0 and (token.kind in ("nl", "word") or token.text in (",", ";", ".")):
            hard |= token.kind != "nl"
            lines.append(([], hard))
        elif depth or token.text != "&":
            lines[-1][0].append(token)
            hard = False
    lines = [line for line in lines if line[0]]
    joins = ("+", "-", r"\circ", r"\cdot", "/")
    found, defines = [], False
    for number, (line, hard) in enumerate(lines):
        equals, first = _equals(line), line[0]
        goes_on = first.kind == "eq" or (first.text in joins and not hard)
        if found:
            before = found[-1]
            if first.text == "-" and defines and not equals and number == len(lines) - 1:
                goes_on &= before[0].text == r"\frac"  # a definition is followed by the answer; a gradient goes on
            goes_on |= before[-1].text in joins or before[-1].kind == "eq"
            goes_on |= not (defines or equals or hard)
        if found and goes_on:
            found[-1] += line
            defines |= equals
        else:
            found.append(line)
            defines = equals
    return found


def _equals(line):
    depth, found = 0, False
    for token in line:
        depth += (token.kind == "open") - (token.kind == "close")
        found |= token.kind == "eq" and depth == 0
    return found


def read(latex):
    """The tree of a formula: Node("formula", statements), each Node("statement", sides of "=").

    Raises:
        FormulaError: with the place, where it cannot be read.
    """
    statements = []
    for line in _statements(_tokens(latex)):
        sides, depth = [[]], 0
        for token in line:
            depth += (token.kind == "open") - (token.kind == "close")
            if token.kind == "eq" and depth == 0:
                sides.append([])
            else:
                sides[-1].append(token)
        if len(sides) > 1 and not sides[0]:
            sides = sides[1:]
        end = line[-1].at[1]
        trees = [_Parser(side, end).whole() for side in sides]
        statements.append(Node("statement", tuple(trees), (line[0].at[0], end)))
    if not statements:
        raise FormulaError("There is no formula.")
    tree = Node("formula", tuple(statements), (0, len(latex)), latex)
    if (count := sum(1 for _ in nodes(tree))) > NODES:
        raise FormulaError(f"A formula of {count:,} pieces is too long: {NODES:,} are read.")
    return tree


def nodes(tree):
    """Every node of a tree."""
    todo = [tree]
    while todo:
        item = todo.pop()
        if isinstance(item, Node):
            yield item
            todo.extend(item.args)
        elif isinstance(item, tuple):
            todo.extend(item)


class _Parser:
    """Operator precedence over the tokens of one side of a statement."""

    def __init__(self, tokens, end):
        self.tokens, self.end, self.place, self.depth = tokens, end, 0, 0
        self.bars = ()  # those that are open within the innermost bracket: the next one closes

    @property
    def next(self):
        if self.place < len(self.tokens):
            return self.tokens[self.place]
        return _Token("end", "the end", (self.end, self.end))

    def take(self, *texts):
        """The next token, if it is one of these."""
        token = self.next
        if token.text in texts and token.kind != "end":
            self.place += 1
            return token
        return None

    def need(self, text, why):
        return self.take(text) or self.fail(f"`{text}` is missing {why}")

    def fail(self, problem=None):
        token = self.next
        problem = problem or f"`{token.text}` where a value should be"
        raise FormulaError(f"{problem}, at {token.at[0]}.".replace("`the end`", "The formula ends"), token.at)

    def node(self, kind, args, start):
        end = self.tokens[self.place - 1].at[1] if self.place else start
        return Node(kind, tuple(args), (start, end))

    def whole(self):
        tree = self.sum()
        if self.next.kind != "end":
            self.fail(f"`{self.next.text}` is not expected")
        return tree

    def sum(self):
        self.depth += 1
        if self.depth > DEPTH:
            self.fail(f"nested more than {DEPTH} deep")
        start, terms = self.next.at[0], []
        sign = self.take("-", "+")
        while True:
            term = self.entrywise()
            if sign and sign.text == "-":
                term = Node("negative", (term,), (sign.at[0], term.at[1]))
            terms.append(term)
            sign = self.take("-", "+")
            if not sign:
                break
        self.depth -= 1
        return terms[0] if len(terms) == 1 else self.node("sum", terms, start)

    def entrywise(self):
        start, factors = self.next.at[0], [self.product()]
        while self.take(r"\circ"):
            factors.append(self.product())
        return factors[0] if len(factors) == 1 else self.node("entrywise", factors, start)

    def product(self):
        start, factors = self.next.at[0], [self.factor()]
        while True:
            if self.take("/"):
                above = factors[0] if len(factors) == 1 else self.node("product", factors, start)
                factors = [self.node("quotient", (above, self.factor()), start)]
                if sum(1 for _ in _spine(factors[0])) > DEPTH:
                    self.fail("too many divisions")
            elif self.take(r"\cdot") or self.starts():
                factors.append(self.factor())
            else:
                return factors[0] if len(factors) == 1 else self.node("product", factors, start)

    def starts(self):
        token = self.next
        if token.kind in ("num", "letter", "func", "ones"):
            return True
        words = (r"\frac", r"\sqrt", r"\sum", r"\hat", r"\bar", r"\tilde", r"\partial", r"\nabla")
        bar = token.text in ("|", r"\|") and token.text not in self.bars
        return token.kind == "open" or bar or (token.kind == "op" and token.text in words)

    def factor(self):
        start = self.next.at[0]
        if self.take(r"\sum"):
            return self.total(start)
        if self.next.kind == "func" and self.next.text == "mean":
            self.place += 1
            self.need("_", "after mean: which index it runs over")
            letters = self.letters(self.group())
            if not letters or len(letters) > 1:
                self.fail("a mean needs one index")
            return self.node("mean", (*letters, self.below(self.entrywise)), start)
        atom = self.atom()
        if atom.kind == "operator":
            return self.node("slope", (self.below(self.entrywise), atom.args[0]), start)
        return self.marks(atom, start)

    def below(self, rule):
        self.depth += 1
        if self.depth > DEPTH:
            self.fail(f"nested more than {DEPTH} deep")
        tree = rule()
        self.depth -= 1
        return tree

    def total(self, start):
        upper, condition, letters = None, None, None
        while mark := self.take("_", "^"):
            group = self.group()
            if mark.text == "^":
                upper = self.size(group)
            elif any(t.text == r"\neq" for t in group):
                inner = _Parser(group, group[-1].at[1])
                condition = inner.condition(inner.sum())
                letters = self.letters(group[:1])
            else:
                cut = next((k for k, t in enumerate(group) if t.kind == "eq"), len(group))
                letters = self.letters(group[:cut])
                if not all(t.text == "1" or t.kind == "eq" for t in group[cut:]):
                    self.fail("a sum begins at 1")
        if not letters:
            self.fail("a sum needs an index below it, as in \\sum_i")
        body = self.below(self.entrywise)
        if condition:
            body = self.node("product", (Node("indicator", (condition,), condition.at), body), start)
        for letter in reversed(letters):
            body = self.node("total", (letter, upper, body), start)
        return body

    def size(self, group):
        name = re.sub(r"[{},]", "", "".join(t.text for t in group))
        name = name if name in SIZES else name[:2] + name[2:].lower()
        return name if name in SIZES else self.fail(f"a sum's end is m, n, n_h or K, not `{name}`")

    def group(self):
        """The tokens of what follows a `_` or `^`: those in braces, or one (a number counts by digits)."""
        token = self.next
        if token.text == "{":
            depth, first = 0, self.place + 1
            while True:
                depth += (self.next.kind == "open") - (self.next.kind == "close")
                self.place += 1
                if depth == 0:
                    group = self.tokens[first : self.place - 1]
                    return group or self.fail("empty braces")
        if token.kind in ("end", "close"):
            self.fail()
        if token.kind == "num" and len(token.text) > 1:
            self.split()
        if token.text == "n" and self.place + 2 < len(self.tokens) and self.tokens[self.place + 1].text == "_":
            first, self.place = self.place, self.place + 2  # \sum^n_h is no LaTeX, but what is meant is plain
            self.group()
            return [self.tokens[first], *self.tokens[first + 1 : self.place]]
        self.place += 1
        return [self.tokens[self.place - 1]]

    def split(self):
        """A number of several digits where LaTeX takes one: \\frac12 is \\frac{1}{2}."""
        token = self.next
        (start, end), digits = token.at, token.text
        parts = [_Token("num", digits[0], (start, start + 1)), _Token("num", digits[1:], (start + 1, end))]
        self.tokens = self.tokens[: self.place] + parts + self.tokens[self.place + 1 :]

    def letters(self, group):
        """The index letters of a group, ":" among them; None where there is something else in it."""
        found = []
        for token in group:
            if token.text == "'" and found and found[-1] != ":":
                found[-1] += "'"
            elif token.text in INDICES or token.text == ":":
                found.append(token.text)
            elif token.text not in (",", "(", ")", "{", "}", "[", "]"):
                return None
        return tuple(found) if all(len(letter) < 4 for letter in found) else None

    def argument(self):
        """What a command takes: braces, or one token."""
        if self.next.kind == "num" and len(self.next.text) > 1:
            self.split()
        return self.atom()

    def atom(self):
        self.depth += 1
        if self.depth > DEPTH:
            self.fail(f"nested more than {DEPTH} deep")
        try:
            return self._atom()
        finally:
            self.depth -= 1

    def _atom(self):
        token, start = self.next, self.next.at[0]
        if token.kind == "num":
            self.place += 1
            if token.text == "1" and self.next.text == "_":
                return self.ones(token, start)
            return self.node("number", (token.text,), start)
        if token.kind == "letter":
            self.place += 1
            return self.node("name", (token.text, (), ()), start)
        if token.kind == "ones":
            self.place += 1
            return self.ones(token, start)
        if token.kind == "func":
            return self.call(start)
        if token.kind == "open":
            return self.cases(start) if "cases" in token.text else self.brackets(start)
        self.place += token.kind != "end"
        if token.kind == "op":
            if token.text == r"\frac":
                return self.fraction(start)
            if token.text == r"\sqrt":
                return self.node("root", (self.argument(),), start)
            if token.text in (r"\hat", r"\bar", r"\tilde"):
                inner = self.argument()
                if inner.kind == "name" and "\\" + inner.args[0].split(" ")[0] and " " not in inner.args[0]:
                    name, subs, sups = inner.args
                    return self.node("name", (f"{token.text} {name}", subs, sups), start)
                self.fail(f"`{token.text}` stands on a letter")
            if token.text in ("|", r"\|"):
                outer, self.bars = self.bars, (*self.bars, token.text)
                inner = self.sum()
                self.bars = outer
                self.need(token.text, "to close the bars")
                return self.node("norm" if token.text == r"\|" else "absolute", (inner,), start)
            if token.text == r"\partial":
                return self.slope(start, self.marks(self.atom(), start), inline=True)
            if token.text == r"\nabla":
                self.need("_", "after \\nabla")
                inner = _Parser(group := self.group(), group[-1].at[1]).whole()
                above = self.marks(self.atom(), start)
                return self.gradient(start, above, inner)
        self.place -= token.kind != "end"
        return self.fail()

    def ones(self, token, start):
        if token.text != "1" or self.next.text not in ("_", "(", "[", r"\{"):
            return self.node("ones", (None if token.text == "1" else token.text or None,), start)
        mark, here = self.next, self.place
        if self.take("_"):
            group = self.group()
            if any(t.text in _COMPARE for t in group):
                inside = _Parser(group, group[-1].at[1])
                if inside.next.kind == "open" and inside.tokens[-1].kind == "close":
                    return replace(inside.atom(), at=(start, group[-1].at[1]))
                return self.node("indicator", (inside.condition(inside.sum()),), start)
            return self.node("ones", (self.size(group),), start)
        inner = self.brackets(mark.at[0])
        if inner.kind == "indicator":
            return replace(inner, at=(start, inner.at[1]))
        self.place = here
        return self.node("ones", (None,), start)

    def condition(self, left):
        start, found = left.at[0], [self.comparison(left)]
        while self.take(r"\wedge", "and"):
            found.append(self.comparison(self.sum()))
        return found[0] if len(found) == 1 else self.node("both", found, start)

    def comparison(self, left):
        for text in _COMPARE:
            if self.take(text):
                return self.node("compare", (text, left, self.sum()), left.at[0])
        return self.fail(f"`{self.next.text}` where a comparison should be")

    def brackets(self, start):
        opened, outer = self.next, self.bars
        self.place, self.bars = self.place + 1, ()
        inner = self.sum()
        if self.next.text in _COMPARE and opened.text != "{":
            inner = Node("indicator", (self.condition(inner),), inner.at)
        if self.next.text != _CLOSES[opened.text]:
            self.fail()
        self.place, self.bars = self.place + 1, outer
        if opened.text in (r"\lVert", r"\lvert"):
            return self.node("norm" if opened.text == r"\lVert" else "absolute", (inner,), start)
        return replace(inner, at=(start, self.tokens[self.place - 1].at[1]))

    def cases(self, start):
        self.place += 1
        rows = []
        while not self.take(r"\end{cases}"):
            value = self.sum()
            while self.take(",", "&") or (self.next.kind == "word" and self.next.text in ("if", "for")):
                self.place += self.next.kind == "word" and self.next.text in ("if", "for")
            if self.next.kind == "word":
                self.place += 1
                rows.append(Node("case", (value, None)))
            else:
                rows.append(Node("case", (value, self.condition(self.sum()))))
            while self.take(",", ".", ";") or self.next.kind == "nl":
                self.place += self.next.kind == "nl"
        return self.node("cases", rows, start) if rows else self.fail("cases are empty")

    def call(self, start):
        if self.next.text == "mean":
            self.fail()
        name = self.next.text.lower()
        name = {"ln": "log", "sign": "sgn"}.get(name, name)
        self.place += 1
        prime = self.take("'")
        if not prime and self.next.text == "^" and self.place + 1 < len(self.tokens):
            here = self.place
            self.place += 1
            group = self.group()
            prime = len(group) == 1 and group[0].text == "'"
            self.place = self.place if prime else here
        if name == "relu" and prime:
            name = "relu'"
        elif prime:
            self.fail(f"`{name}'` is not known")
        if name in ("max", "min"):
            opened = self.next
            if opened.kind != "open":
                self.fail()
            self.place += 1
            left = self.sum()
            self.need(",", f"between the two of {name}")
            right = self.sum()
            self.need(_CLOSES[opened.text], "")
            return self.node("call", (name, left, right), start)
        bare = self.next.kind != "open"
        inner = self.atom()
        return self.node("call", (name, self.marks(inner, inner.at[0]) if bare else inner), start)

    def fraction(self, start):
        above = self.next
        if above.text == "{" and self.place + 1 < len(self.tokens) and self.tokens[self.place + 1].text == r"\partial":
            self.place += 2
            inner = None
            if self.next.text != "}":
                first = self.next.at[0]
                inner = self.marks(self.atom(), first)
            self.need("}", "after what is differentiated: one name")
            self.need("{", "")
            return self.slope(start, inner)
        above = self.argument()
        return self.node("quotient", (above, self.argument()), start)

    def slope(self, start, above, inline=False):
        if inline:
            self.need("/", "between ∂ and ∂")
        self.need(r"\partial", "below")
        first = self.next.at[0]
        below = self.marks(self.atom(), first)
        if not inline:
            self.need("}", "after one name")
        return self.gradient(start, above, below)

    def gradient(self, start, above, below):
        if below.kind != "name":
            self.fail("a slope is taken along one named thing")
        if above is None:
            return self.node("operator", (below,), start)
        if above.kind == "name" and above.args[0] == "L":
            return self.node("name", ("∂" + below.args[0], *below.args[1:]), start)
        return self.node("slope", (above, below), start)

    def marks(self, atom, start):
        for _ in range(8):
            if self.take("_"):
                atom = self.below_mark(atom, self.group(), start)
            elif self.take("'"):
                if atom.kind == "name" and atom.args[0] == r"\sigma" and self.next.text in ("(", "["):
                    self.fail("\\sigma is batch norm's deviation, no function. ReLU's slope is ReLU'(z), or [z > 0]")
                atom = self.node("transpose", (atom,), start)
            elif self.take("^"):
                atom = self.above_mark(atom, self.group(), start)
            else:
                return atom
        return self.fail("too many marks on one thing")

    def below_mark(self, atom, group, start):
        if atom.kind == "name":
            name, subs, sups = atom.args
            known = LABELS.get(name, ())
            texts = [part for token in group for part in _pieces(token)]
            label, rest = _label(texts, known) if "_" not in name and not subs and name[0] != "∂" else ("", texts)
            letters = self.letters([_Token("letter", text, (0, 0)) for text in rest])
            if letters is None:
                self.fail(f"`{''.join(rest)}` is no index ({', '.join(sorted(INDICES))} are)")
            return self.node("name", (f"{name}_{label}" if label else name, subs + letters, sups), start)
        if "norm" in (atom.kind, atom.kind == "power" and atom.args[0].kind):
            return atom if [token.text for token in group] == ["2"] else self.fail("norms are read as those of Euclid")
        letters = self.letters(group)
        if not letters:
            self.fail("below a bracket stand indices alone")
        return self.node("entry", (atom, letters), start)

    def above_mark(self, atom, group, start):
        turns = ("T", r"\top", "'", "t")
        while group:
            if group[0].text == "{" and len(group) == 3:
                group = group[1:-1]
            first, cut = group[0], len(group)
            opens = max((k for k, token in enumerate(group) if token.text == "("), default=0)
            closes = min((k for k, token in enumerate(group) if token.text == ")"), default=0)
            if first.text in turns:
                atom, cut = self.node("transpose", (atom,), start), 1
            elif first.text == "(" and closes and (letters := self.letters(group[1:closes])):
                atom, cut = self.indexed(atom, letters, start), closes + 1
            else:
                if group[-1].text in turns:
                    cut -= 1
                elif group[-1].text == ")" and opens and self.letters(group[opens + 1 : -1]):
                    cut = opens
                power = _Parser(group[:cut], group[cut - 1].at[1])
                power.depth = self.depth
                atom = self.node("power", (atom, power.whole()), start)
            group = group[cut:]
        return atom

    def indexed(self, atom, letters, start):
        if atom.kind == "name" and not atom.args[2]:
            return self.node("name", (*atom.args[:2], letters), start)
        return self.node("entry", (atom, letters), start)


def _spine(node):
    while isinstance(node, Node) and node.kind == "quotient":
        yield node
        node = node.args[0]


def _pieces(token):
    """The letters of a token below a name: "2B" may come as a number and a letter, as one word, or in braces."""
    if token.text in ("{", "}", "_"):
        return []
    return list(token.text) if token.kind in ("word", "num") else [token.text]


def _label(texts, known):
    """(label, the indices that follow): z_{1Ai} is z_1a of sample i, g_{a,i} is g_a of sample i."""
    for label in known:
        if "".join(texts[: len(label)]).lower() == label:
            rest = texts[len(label) :]
            return label, rest[1:] if rest[:1] == [","] else rest
    if known:
        return "", texts
    cut = texts.index(",") if "," in texts else None
    if cut is not None:
        first = texts[:cut]
        return (
            ("", texts) if all(text in INDICES or text == "'" for text in first) else ("".join(first), texts[cut + 1 :])
        )
    end = len(texts)
    while end and (texts[end - 1] in INDICES or texts[end - 1] in (":", "'")):
        end -= 1
    return "".join(texts[:end]), texts[end:]


# ---------------------------------------------------------------------------------------------------------------------
# Shapes: a tree, a reading

_WORDS_OF = {"m": "m", "n": "n", "h": "n_h", "K": "K"}
COLUMNS, ROWS = "columns", "rows"


class _Size:
    """A size that is not known yet: an index's range, the length of a column of ones."""

    def __init__(self, known=None):
        self.known = known


def _is(size):
    """What a size is: "1", a name, or a _Size that is not known yet."""
    while isinstance(size, _Size) and size.known is not None:
        size = size.known
    return size


def _same(a, b):
    """Make two sizes one, if they can be."""
    a, b = _is(a), _is(b)
    if a is b or a == b:
        return True
    for one, other in ((a, b), (b, a)):
        if isinstance(one, _Size) and other != "1":
            one.known = other
            return True
    return False


def _may_be(a, b):
    a, b = _is(a), _is(b)
    return a == b or (isinstance(a, _Size) and b != "1") or (isinstance(b, _Size) and a != "1")


def words(shape):
    """A shape in words: "a column of n_h"."""
    rows, columns = (_WORDS_OF.get(size, size) if not isinstance(size, _Size) else "?" for size in map(_is, shape))
    if rows == columns == "1":
        return "a number"
    if columns == "1":
        return f"a column of {rows}"
    if rows == "1":
        return f"a row of {columns}"
    return f"a matrix {rows} × {columns}"


@dataclass(frozen=True)
class Value:
    """A piece with its shape: (rows, columns), the index letters that it depends on, and run(context) -> array, whose
    axes are one a letter of the formula, then rows and columns."""

    shape: tuple
    letters: frozenset
    run: Callable


@dataclass(frozen=True)
class Reading:
    """One meaning of a formula. repair: what was mended, in words, or None. parts: (LaTeX, shape in words) of each
    statement. The rest is for `evaluate`: the value, the place of each letter, what is asked."""

    repair: str | None
    parts: tuple
    value: Value
    axes: dict
    order: tuple
    dims: str


class _ShapeError(FormulaError):
    """No meaning; and the repairs, each (kind, node), that might give one at this place."""

    def __init__(self, message, at=None, repairs=()):
        super().__init__(message, at)
        self.repairs = repairs


def _column_or_not(shape):
    return [size for size in shape if _is(size) != "1"]


class _Shaper:
    """One way of reading a tree: samples in rows or in columns, and at most one repair, (kind, node) or None."""

    def __init__(self, latex_of, symbols, samples, repair, asked, slopes):
        self.text, self.symbols, self.samples, self.repair = latex_of, symbols, samples, repair
        self.asked, self.slopes = asked, slopes
        self.axes, self.told, self.work, self.scope, self.along = {}, {}, 0, [], None
        self.definitions, self.defined, self.busy, self.batch, self.comparing = {}, {}, set(), False, False

    def mends(self, kind, node=None):
        return self.repair is not None and self.repair[0] == kind and (node is None or self.repair[1] == node.at)

    def axis(self, letter):
        if letter not in self.axes:
            if len(self.axes) >= LETTERS:
                raise FormulaError(f"More than {LETTERS} index letters are not read.")
            self.axes[letter] = len(self.axes)
        return letter

    def range(self, letter):
        for known, size in reversed(self.scope):
            if known == letter:
                return size
        size = _Size()
        self.scope.insert(0, (self.axis(letter), size))
        return size

    def value(self, node, shape, letters, run, inner=1):
        """A Value, and what it costs against the bound; a draw has sizes of up to 7."""
        shape = tuple(map(_is, shape))
        self.work += inner * 7 ** (len(letters) + sum(size != "1" for size in shape))
        if self.work > WORK:
            raise FormulaError("This is more than is computed: fewer indices, or smaller sums.", node.at)
        return Value(shape, frozenset(letters), run)

    def of(self, node):
        return getattr(self, "_" + node.kind)(node, *node.args)

    # leaves

    def _number(self, node, text):
        number = float(text)
        return self.value(node, "11", (), lambda c: np.full((1,) * (len(self.axes) + 2), number))

    def _ones(self, node, size, unit=False):
        known = _Size(None if size is None or self.mends("range") else SIZES[size])
        if size is not None and self.mends("range"):
            self.told.setdefault("range", []).append((node, known, SIZES[size]))
        shape = (known, known if unit else "1")

        def run(c):
            if isinstance(_is(known), _Size):
                raise FormulaError(f"How many ones {self.text(node)} has cannot be told.", node.at)
            count = c.sizes[_is(known)]
            core = np.eye(count) if unit else np.ones((count, 1))
            return core.reshape((1,) * len(self.axes) + core.shape)

        return self.value(node, shape, (), run)

    def _name(self, node, name, subs, sups):
        if name in self.definitions:
            return self.use(node, name, subs, sups)
        if name in self.symbols and self.symbols[name] is None:
            raise FormulaError(f"{self.text(node)} is what is asked, or comes after it.", node.at)
        if name in self.symbols:
            key, dims = self.symbols[name]
            subs = subs[1:] if self.mends("alone") and subs[:1] == ("i",) else subs
            moved = tuple(f"∂{k}" for k in range(len(self.along[1]))) if self.along else ()
            return self.take(node, self.stored(key), list(dims), subs, sups, moved)
        known = self.comparing or any(name == letter for letter, _ in self.scope)
        if name in INDICES and not subs and not sups and known:
            return self.counter(node, name)
        if name in SIZES and not sups:
            return self.value(
                node, "11", (), lambda c: np.full((1,) * (len(self.axes) + 2), float(c.sizes[SIZES[name]]))
            )
        if name == "I" and not subs:
            return self._ones(node, None, unit=True)
        if name == r"\delta" and len(subs) == 2 and not sups:
            one, other = (self.counter(node, letter) for letter in subs)
            _same(self.range(subs[0]), self.range(subs[1]))
            return self.value(node, "11", one.letters | other.letters, lambda c: (one.run(c) == other.run(c)) * 1.0)
        if name.startswith("∂"):
            raise FormulaError(
                f"You may not build upon {self.text(node)} here: say what it is, on a line of its own.", node.at
            )
        raise FormulaError(
            f"{self.text(node)} is no symbol of the notation page, and no line says what it is.", node.at
        )

    def counter(self, node, letter):
        """An index as a number, for [j = k]."""
        size = self.range(letter)

        def run(c):
            core = np.arange(float(c.sizes[_known(size, node, letter)])).reshape(-1, 1, 1)
            return _placed(core, [letter], self.axes)

        return self.value(node, "11", (letter,), run)

    def stored(self, key):
        """core(context) of a symbol: the draw's array; in a derivative, moved along it by a complex step."""
        along = self.along

        def core(c):
            array = np.asarray(c.draw[key], float)
            if along is None:
                return array
            moved, axes = along
            try:
                slope = np.asarray(c.draw[key, moved], float)
            except KeyError:
                raise FormulaError(f"The slopes of {key} along {moved} are not known here.") from None
            return array.reshape(array.shape + (1,) * len(axes)) + 1j * STEP * slope

        return core

    def take(self, node, core, dims, subs, sups, more, matrix=True):
        """An array with axes `dims` (then those of `more`, which are letters already), its indices given or not."""
        sample = bool(dims) and _is(dims[0]) == "m"
        given = self.assign(node, dims, subs, sups, sample)
        kept = [k for k, letter in enumerate(given) if letter is None]
        letters = [letter for letter in given if letter is not None]
        for letter in more:
            self.axis(letter)
        if len(kept) > 2:
            raise FormulaError(f"{self.text(node)} has more than two axes: give it its indices.", node.at)
        if sample and 0 in kept:
            self.batch = True
        shape = [dims[k] for k in kept]
        turned = len(kept) == 2 and sample and kept[0] == 0 and self.samples == COLUMNS
        if turned:
            shape, kept = shape[::-1], kept[::-1]
        row = matrix and not sample and len(dims) == 2 and kept == [1]
        if len(shape) == 1 and row:
            shape = ["1", *shape]
        shape = [*shape, "1", "1"][:2]
        order = [k for k, letter in enumerate(given) if letter is not None]

        def run(c):
            array = core(c)
            front = [*order, *range(len(dims), array.ndim)]
            array = array.transpose(*front, *kept)
            head = array.shape[: len(front)]
            tail = array.shape[len(front) :]
            tail = (1, *tail) if row and len(tail) == 1 else (*tail, 1, 1)[:2]
            return _placed(array.reshape(head + tail), [*letters, *more], self.axes)

        return self.value(node, shape, {*letters, *more}, run)

    def assign(self, node, dims, subs, sups, sample):
        """The letter of each axis, or None."""
        subs, sups = list(subs), list(sups)
        given = [None] * len(dims)
        if sample and dims:
            inner = self.sample_letter()
            if self.mends("sample"):
                lone = len(subs) == 1 and not sups and inner not in (None, subs[0])
                if lone and _is(self.range(subs[0])) not in ("m",) and not isinstance(_is(self.range(subs[0])), _Size):
                    subs, sups = [], subs
                if not subs and inner:
                    subs = [inner]
                    self.told.setdefault("sample", []).append((node, inner))
            if subs:
                first = subs.pop(0)
                given[0] = None if first == ":" else first
            rest, places = subs + sups, range(1, len(dims))
        else:
            rest, places = subs + sups, range(len(dims))
        if len(rest) > len(places):
            raise _ShapeError(f"{self.text(node)} has an index too many: it has no such axis.", node.at)
        for letter, place in zip(rest, places, strict=False):
            given[place] = None if letter == ":" else letter
        if self.mends("feature") and not rest and [_is(dims[k]) for k in places] == ["h"] and not sample:
            letter = self.feature_letter()
            if letter:
                given[places[0]] = letter
                self.told.setdefault("feature", []).append((node, letter))
        for k, letter in enumerate(given):
            if letter is not None and not _same(self.range(letter), dims[k]):
                one, other = (_WORDS_OF.get(_is(s), "?") for s in (self.range(letter), dims[k]))
                raise _ShapeError(
                    f"{letter} runs to {one}, but {self.text(node)} has it on an axis of {other}.", node.at
                )
            if letter is not None:
                self.axis(letter)
        return given

    def sample_letter(self):
        letters = [letter for letter, size in reversed(self.scope) if _is(size) == "m"]
        open_ones = [letter for letter, size in reversed(self.scope) if isinstance(_is(size), _Size) and letter == "i"]
        return (letters + open_ones + [None])[0]

    def feature_letter(self):
        letters = list(dict.fromkeys(letter for letter, size in self.scope if _is(size) == "h"))
        return letters[0] if letters else None

    # definitions

    def use(self, node, name, subs, sups):
        body, params, ranges = self.definition(node, name)
        for letter in sorted(body.letters - set(params)):
            if letter[0] != "∂" and not _same(self.range(letter), ranges[letter]):
                raise _ShapeError(f"{letter} has two ranges: here, and in the line of {self.text(node)}.", node.at)
        kept, dims, turned = self.axes_of(body.shape)
        more = tuple(sorted(body.letters - set(params)))
        array = self.unplaced(node, body, [*params], kept, more, turned, dict(params), (name, self.along))
        value = self.take(node, array, [*params.values(), *dims], subs, sups, more, matrix=len(dims) == 2)
        if kept == [1] and len(subs) + len(sups) == len(params):  # a row stays one
            return self.turned(node, value)
        return value

    def axes_of(self, shape):
        """(which of rows and columns are axes, their sizes, whether they are exchanged to have the samples first)."""
        kept = [k for k, size in enumerate(shape) if _is(size) != "1"]
        dims = [shape[k] for k in kept]
        turned = len(dims) == 2 and _is(dims[1]) == "m" and self.samples == COLUMNS
        return kept, dims[::-1] if turned else dims, turned

    def unplaced(self, node, value, first, kept, more, turned, sizes, key=None):
        """array(context) with the axes `first` (letters), then rows and columns as kept, then the letters of `more`."""

        def array(c):
            if key is None:
                whole = value.run(c)
            else:
                whole = c.memo[key] if key in c.memo else c.memo.setdefault(key, value.run(c))
            for letter in first:
                if whole.shape[self.axes[letter]] == 1:
                    count = c.sizes[_known(sizes[letter], node, letter)]
                    whole = np.repeat(whole, count, axis=self.axes[letter])
            letters = [self.axes[letter] for letter in (*first, *more)]
            end = len(self.axes)
            rest = [axis for axis in range(end) if axis not in letters]
            inner = [end + k for k in (kept[::-1] if turned else kept)]
            gone = [end + k for k in (0, 1) if k not in kept]
            a, b = letters[: len(first)], letters[len(first) :]
            whole = whole.transpose(*a, *inner, *b, *rest, *gone)
            return whole.reshape(whole.shape[: len(letters) + len(inner)])

        return array

    def turned(self, node, value):
        return self.value(node, value.shape[::-1], value.letters, lambda c: value.run(c).swapaxes(-1, -2))

    def definition(self, node, name):
        key = (name, self.along)
        if key in self.busy:
            raise FormulaError(f"{self.text(node)} is defined by itself.", node.at)
        if key not in self.defined:
            lhs, body = self.definitions[name]
            outer, self.scope = self.scope, []
            self.busy.add(key)
            letters = [letter for letter in (*lhs.args[1], *lhs.args[2]) if letter != ":"]
            params = {letter: self.range(letter) for letter in dict.fromkeys(letters)}
            value = self.of(body)
            ranges = dict(self.scope)
            self.busy.discard(key)
            self.scope = outer
            self.defined[key] = (value, params, ranges)
        value, params, ranges = self.defined[key]
        return value, params, ranges

    # entry by entry

    def together(self, node, a, b, left, right, verb):
        """(shape, turns): how two values meet entry by entry; a vector of features is laid along a batch."""
        one, two = a.shape, b.shape
        if _column_or_not(one) == [] or _column_or_not(two) == []:
            shape = one if _column_or_not(two) == [] else two
            return Value(shape, a.letters | b.letters, lambda c: (a.run(c), b.run(c)))
        fits = _may_be(one[0], two[0]) and _may_be(one[1], two[1])
        if fits and _same(one[0], two[0]) and _same(one[1], two[1]):
            return Value(one, a.letters | b.letters, lambda c: (a.run(c), b.run(c)))
        for small, big, first in ((one, two, True), (two, one, False)):
            dims = _column_or_not(small)
            if len(dims) != 1 or len(_column_or_not(big)) != 2:
                continue
            column = _is(small[1]) == "1"
            batch = "m" in map(_is, big)
            if column and _may_be(small[0], big[0]) and (batch or verb == "entry by entry"):
                _same(small[0], big[0])
                turn = False
            elif _is(big[0]) == "m" and _may_be(dims[0], big[1]):
                _same(dims[0], big[1])
                turn = column
            else:
                continue

            def run(c, first=first, turn=turn):
                x, y = a.run(c), b.run(c)
                if turn:
                    x, y = (x.swapaxes(-1, -2), y) if first else (x, y.swapaxes(-1, -2))
                return x, y

            return Value(big, a.letters | b.letters, run)
        fixes = [("transpose", left.at), ("transpose", right.at)]
        what = f"they cannot be taken together {verb}" if verb == "entry by entry" else f"they cannot be {verb}"
        raise _ShapeError(
            f"{self.text(left)} is {words(one)} and {self.text(right)} is {words(two)}: {what}.",
            (left.at[0], right.at[1]),
            fixes,
        )

    def _fold(self, node, items, verb, combine):
        def meet(a, b, left, right):
            pair = self.together(node, a, b, left, right, verb)
            return self.value(node, pair.shape, pair.letters, lambda c: combine(*pair.run(c)))

        return self.folded(node, items, meet)

    def folded(self, node, items, meet):
        """Items taken together from the left; what is wrong between two may be mended by a transpose of either side."""
        total, span = self.mended(items[0]), items[0]
        for k, item in enumerate(items[1:], 2):
            total = meet(total, self.mended(item), span, item)
            span = Node(node.kind, items[:k], (items[0].at[0], item.at[1]))
            if k < len(items):
                total = self.mended(span, total)
        return total

    def mended(self, node, value=None):
        """A piece, transposed where that is the repair."""
        value = self.of(node) if value is None else value
        if not self.mends("transpose", node) or "transpose" in self.told:
            return value
        self.told["transpose"] = [node]
        return self.turned(node, value)

    def _sum(self, node, *terms):
        return self._fold(node, terms, "added", lambda a, b: a + b)

    def _negative(self, node, inner):
        value = self.of(inner)
        return self.value(node, value.shape, value.letters, lambda c: -value.run(c))

    def _entrywise(self, node, *factors):
        return self._fold(node, factors, "entry by entry", lambda a, b: a * b)

    def _quotient(self, node, above, below):
        def meet(a, b, left, right):
            if len(_column_or_not(b.shape)) == 2 and "m" not in map(_is, b.shape):
                raise FormulaError(f"{self.text(right)} is {words(b.shape)}: nothing is divided by it.", right.at)
            pair = self.together(node, a, b, left, right, "divided")
            return self.value(node, pair.shape, pair.letters, lambda c: np.divide(*pair.run(c)))

        return self.folded(node, (above, below), meet)

    def _product(self, node, *factors):
        return self.folded(node, factors, lambda *pair: self.times(node, *pair))

    def times(self, node, a, b, left, right):
        letters = a.letters | b.letters
        for one, two in ((a, b), (b, a)):
            if _column_or_not(one.shape) == []:
                return self.value(node, two.shape, letters, lambda c: a.run(c) * b.run(c))
        if _may_be(a.shape[1], b.shape[0]):
            _same(a.shape[1], b.shape[0])
            shape = (a.shape[0], b.shape[1])
            return self.value(node, shape, letters, lambda c: np.matmul(a.run(c), b.run(c)), inner=7)
        columns = _is(a.shape[1]) == "1" and _may_be(a.shape[0], b.shape[0])
        if columns and self.mends("entrywise"):
            pair = self.together(node, a, b, left, right, "entry by entry")
            self.told.setdefault("entrywise", []).append((left, right))
            return self.value(node, pair.shape, pair.letters, lambda c: np.multiply(*pair.run(c)))
        fixes = [("transpose", left.at), ("transpose", right.at)]
        one, two = words(a.shape), "is " + words(b.shape)
        hint = "Entry by entry is \\circ."
        if not columns:
            hint = f"Rows of {_WORDS_OF.get(_is(a.shape[1]), 1)} meet columns of {_WORDS_OF.get(_is(b.shape[0]), 1)}."
        two = "another" if two == "is " + one else two
        raise _ShapeError(
            f"{self.text(left)} is {one} and {self.text(right)} {two}: a matrix product has no meaning here. {hint}",
            (left.at[0], right.at[1]),
            fixes,
        )

    def _power(self, node, base, power):
        if base.kind == "name" and base.args == ("e", (), ()) and "e" not in self.definitions:
            return self._call(node, "exp", power)
        value, exponent = self.of(base), self.of(power)
        self.number(power, exponent, "a power")
        if len(_column_or_not(value.shape)) == 2 and "m" not in map(_is, value.shape):
            raise FormulaError(f"{self.text(base)} is {words(value.shape)}: its powers are not read.", base.at)
        letters = value.letters | exponent.letters
        return self.value(node, value.shape, letters, lambda c: value.run(c) ** exponent.run(c))

    def number(self, node, value, what):
        if _column_or_not(value.shape):
            raise _ShapeError(f"{self.text(node)} is {words(value.shape)}, and {what} is a number.", node.at)

    def _root(self, node, inner):
        value = self.of(inner)
        return self.value(node, value.shape, value.letters, lambda c: np.sqrt(value.run(c)))

    def _norm(self, node, inner):
        value = self.of(inner)

        def run(c):
            array = value.run(c)
            return np.sqrt((array * array).sum(axis=(-2, -1), keepdims=True))

        return self.value(node, "11", value.letters, run)

    def _absolute(self, node, inner):
        value = self.of(inner)
        return self.value(node, value.shape, value.letters, lambda c: _by_sign(value.run(c), lambda x: -x))

    def _transpose(self, node, inner):
        return self.turned(node, self.of(inner))

    def _entry(self, node, inner, letters):
        value = self.of(inner)
        kept, dims, turned = self.axes_of(value.shape)
        more = tuple(sorted(value.letters))
        array = self.unplaced(node, value, [], kept, more, turned, {})
        lone = bool(dims) and _is(dims[0]) == "m" and len(letters) == 1
        return self.take(node, array, dims, *(((), letters) if lone else (letters, ())), more)

    # sums

    def _total(self, node, letter, upper, body, mean=False):
        known = SIZES[upper] if upper else None
        size = _Size(None if self.mends("range") else known)
        self.scope.append((self.axis(letter), size))
        value = self.of(body)
        self.scope.pop()
        if self.mends("range") and known and _is(size) != known:
            self.told.setdefault("range", []).append((node, size, known))
        if isinstance(_is(size), _Size) and known:
            size = known
        if letter not in value.letters and _is(size) == "m" and self.lacks_sample(body):
            raise _ShapeError(f"Nothing in the sum over {letter} carries the index {letter}.", node.at)

        def run(c):
            array, count = value.run(c), c.sizes[_known(size, node, letter)]
            axis = self.axes[letter]
            total = array.sum(axis=axis, keepdims=True) * (count if array.shape[axis] == 1 else 1)
            return total / count if mean else total

        return self.value(node, value.shape, value.letters - {letter}, run, inner=7 if letter in value.letters else 1)

    def lacks_sample(self, body):
        return any(
            item.kind == "name" and not item.args[1] and (self.symbols.get(item.args[0]) or "  ")[1][:1] == "m"
            for item in nodes(body)
        )

    def _mean(self, node, letter, body):
        return self._total(node, letter, None, body, mean=True)

    # functions

    def _call(self, node, name, inner, other=None):
        if other is not None:
            choose = np.greater_equal if name == "max" else np.less_equal
            items = (inner, other)
            return self._fold(node, items, "compared", lambda a, b: np.where(choose(a.real, b.real), a, b))
        value = self.of(inner)
        if name == "diag":
            dims = _column_or_not(value.shape)
            if len(dims) == 2 and _same(*dims):
                return self.value(node, (dims[0], "1"), value.letters,
                                  lambda c: np.diagonal(value.run(c), axis1=-2, axis2=-1)[..., None])  # fmt: skip
            if len(dims) != 1:
                raise _ShapeError(f"{self.text(inner)} is {words(value.shape)}, and diag is of a vector.", node.at)

            def run(c):
                array = value.run(c)
                array = array.reshape((*array.shape[:-2], -1))
                return array[..., None] * np.eye(array.shape[-1])

            return self.value(node, dims * 2, value.letters, run)
        if name == "softmax":

            def run(c):
                powers = np.exp(value.run(c))
                return powers / powers.sum(axis=axis, keepdims=True)

            axis = -1 if _is(value.shape[0]) in ("1", "m") else -2
            return self.value(node, value.shape, value.letters, run)
        function = _FUNCTION[name]
        return self.value(node, value.shape, value.letters, lambda c: function(value.run(c)))

    def _indicator(self, node, condition):
        return self.of(condition)

    def _both(self, node, *conditions):
        return self._fold(node, conditions, "compared", lambda a, b: a * b)

    def _compare(self, node, sign, left, right):
        compare, outer, self.comparing = _COMPARES[sign], self.comparing, True
        value = self._fold(node, (left, right), "compared", lambda a, b: compare(a.real, b.real) * 1.0)
        self.comparing = outer
        return value

    def _cases(self, node, *rows):
        pieces = [(row.args[0], row.args[1]) for row in rows]
        values = [self.of(value) for value, _ in pieces]
        tests = [self.of(test) if test else None for _, test in pieces]
        result = self.value(node, "11", (), lambda c: np.zeros((1,) * (len(self.axes) + 2)))
        for value, test, (piece, condition) in reversed(list(zip(values, tests, pieces, strict=True))):
            if test is None:
                result = value
                continue
            pair = self.together(node, value, result, piece, piece, "compared")
            three = self.together(node, test, pair, condition, piece, "compared")

            def run(c, test=test, pair=pair):
                yes, no = pair.run(c)
                return np.where(test.run(c) != 0, yes, no)

            result = self.value(node, three.shape, three.letters, run)
        return result

    # slopes

    def _slope(self, node, above, below):
        name, subs, sups = below.args
        if not self.symbols.get(name) or name in self.definitions or name.startswith("∂"):
            raise FormulaError(f"{self.text(below)}: a slope is taken along a symbol of the notation page.", below.at)
        key, dims = self.symbols[name]
        given = (
            self.symbols.get(above.args[0]) if above.kind == "name" and above.args[0] not in self.definitions else None
        )
        if self.asked and given is None:
            raise FormulaError("In an answer slopes are of symbols of the notation page alone.", node.at)
        if key == self.asked and (given[0], key) not in self.slopes:
            raise FormulaError(f"A slope along {self.text(below)} is what is asked.", node.at)
        if self.along:
            raise FormulaError("A slope within a slope is not read.", node.at)
        self.along = (key, dims)
        moved = [self.axis(f"∂{k}") for k in range(len(dims))]
        moving = self.of(above)
        self.along = None
        kept, outs, _ = self.axes_of(moving.shape)
        if len(outs) == 2:
            raise FormulaError(f"{self.text(above)} is {words(moving.shape)}: its slope has too many axes.", node.at)
        more = tuple(sorted(moving.letters - set(moved)))
        whole = self.unplaced(node, moving, moved, kept, more, False, dict(zip(moved, dims, strict=True)))
        value = self.take(node, lambda c: whole(c).imag / STEP, [*dims, *outs], subs, sups, more)
        return self.turned(node, value) if len(_column_or_not(value.shape)) == 2 and outs else value  # rows are outputs


def _known(size, node, letter):
    if isinstance(_is(size), _Size):
        raise FormulaError(f"How far {letter} runs cannot be told.", node.at)
    return _is(size)


def _by_sign(x, negative):
    return np.where(x.real < 0, negative(x), x)


_FUNCTION = {
    "relu": lambda x: _by_sign(x, lambda x: 0 * x),
    "relu'": lambda x: (x.real > 0) * 1.0,
    "sgn": lambda x: np.sign(x.real),
    "exp": np.exp,
    "log": np.log,
}
_COMPARES = {">": np.greater, "<": np.less, r"\geq": np.greater_equal, r"\leq": np.less_equal, "=": np.equal}
_COMPARES[r"\neq"] = np.not_equal


def _placed(core, letters, axes):
    """An array whose first axes are letters, each moved to its letter's place; the same letter twice is a diagonal."""
    letters = list(letters)
    for letter in dict.fromkeys(letters):
        while letters.count(letter) > 1:
            one = letters.index(letter)
            other = letters.index(letter, one + 1)
            core = np.moveaxis(np.diagonal(core, axis1=one, axis2=other), -1, one)
            del letters[other]
    order = sorted(range(len(letters)), key=lambda k: axes[letters[k]])
    core = core.transpose(*order, core.ndim - 2, core.ndim - 1)
    shape = [1] * len(axes) + list(core.shape[-2:])
    for k, place in enumerate(order):
        shape[axes[letters[place]]] = core.shape[k]
    return core.reshape(shape)


# ---------------------------------------------------------------------------------------------------------------------
# The whole formula


def answer(tree, target=None):
    """(left side or None, body, {name: (left side, body)}): what is answered, and the definitions beside it.

    target: the written name of what is asked, "∂\\theta_2b"; a line that begins with it is the answer. Otherwise the
    line without a left side is, or else the last one.
    """
    asked = [s for s in tree.args if any(_written(name) == target for name in _names(s))]
    bare = [s for s in tree.args if len(s.args) == 1]
    chosen = (asked or bare or tree.args)[-1]
    definitions = {}
    for statement in tree.args:
        for name in _names(statement):
            if (
                name.kind == "name"
                and _written(name) != target
                and (statement is not chosen or len(statement.args) > 2)
            ):
                definitions[name.args[0]] = (name, statement.args[-1])
    left = [name for name in _names(chosen) if _written(name) == target] or _names(chosen)[:1]
    return (left[0] if left else None), chosen.args[-1], definitions


def _names(statement):
    return [side for side in statement.args[:-1] if side.kind in ("name", "slope")]


def _written(name):
    """A left side without its indices: "∂z_2b" for a gradient, "z_2b/c" for a slope of something else."""
    if name.kind == "name":
        return name.args[0]
    return "/".join(part.args[0] for part in name.args if part.kind == "name")


def shapes(tree, dims=None, *, target=None, symbols=None, asked=None, slopes=(), repair=True):
    """What a formula may mean: a tuple of Readings.

    Args:
        tree: from `read`.
        dims: the axes of what is asked, of "m", "n", "h", "K", the sample's first: "Kh" for theta_2b, "mh" for c. None
            asks for no shape.
        target: its written name, see `answer`.
        symbols: see `network`; None takes it as it is.
        asked: in an answer, the key of what is asked: slopes are of symbols alone, and none is along this one, but for
        slopes: those that are given, each (key of what moves, key of what it is moved along).
        repair: whether a repair is tried where nothing has a meaning.

    Raises:
        FormulaError: no reading has a meaning; with the place.
    """
    symbols = network() if symbols is None else symbols
    problems = []
    found = _readings(tree, dims, target, (symbols, asked, slopes), [None], problems)
    if not found and not any(entry and entry[1].startswith("m") for entry in symbols.values()):
        found = _readings(tree, dims, target, (symbols, asked, slopes), [("alone", None)], [])  # x_i is the sample x
    if found or not repair:
        if not found:
            raise problems[0]
        return found
    fixes = [(kind, None) for kind in ("sample", "range", "feature", "entrywise")]
    fixes += [fix for problem in problems for fix in getattr(problem, "repairs", ()) if fix not in fixes]
    found = _readings(tree, dims, target, (symbols, asked, slopes), fixes, [])
    if not found:
        raise problems[0]
    return found


def _readings(tree, dims, target, known, fixes, problems):
    left, body, definitions = answer(tree, target)

    def text(node):
        if not tree.source or not any(node.at):
            return typeset(node)
        return re.sub(r"\s+|\\(?:left|right|[bB]igg?[lr]?)(?![a-zA-Z])", " ", tree.source[slice(*node.at)]).strip()

    found = []
    for fix in fixes:
        for samples in (ROWS, COLUMNS):
            shaper = _Shaper(text, known[0], samples, fix, *known[1:])
            shaper.definitions = definitions
            try:
                reading = _reading(shaper, left, body, definitions, dims)
            except FormulaError as problem:
                problems.append(problem)
                continue
            if fix is None or fix[0] == "alone" or shaper.told:
                found.append(reading)
            if not shaper.batch:
                break
    return tuple(found)


def _reading(shaper, left, body, definitions, dims):
    order = _left_letters(shaper, left, dims)
    for letter, size in zip(order, dims or "", strict=False):
        if letter:
            shaper.scope.append((shaper.axis(letter), _Size(size)))
    value = shaper.mended(body)
    if dims is not None:
        order = _fitted(shaper, value, body, dims, order)
    used = [definitions[name][0] for name, _ in shaper.defined]
    parts = [(shaper.text(name), words(shaper.definition(name, name.args[0])[0].shape)) for name in used]
    parts.append((shaper.text(left) if left else "", words(value.shape)))
    return Reading(_told(shaper), tuple(parts), value, shaper.axes, tuple(order), dims)


def _left_letters(shaper, left, dims):
    """The letters of the left side, one for each axis of what is asked or None."""
    if left is None or not dims:
        return [None] * len(dims or "")
    names = left.args if left.kind == "slope" else (left,)
    if any(name.kind != "name" for name in names):
        return [None] * len(dims)
    subs = [letter for name in names for letter in name.args[1]]
    subs = [letter for letter in subs if letter != "i"] if shaper.mends("alone") else subs
    sups = [letter for name in names for letter in name.args[2]]
    if dims[0] == "m" and subs:
        subs = [subs[0], *(letter for letter in subs[1:] if letter != subs[0])]
    letters = subs + sups
    if len(set(letters) - {":"}) < len([letter for letter in letters if letter != ":"]):
        raise _ShapeError(f"{shaper.text(left)} names one index twice: the other entries are asked for too.", left.at)
    if len(letters) == len(dims):
        return letters
    if dims[0] == "m" and len(letters) == 1 and subs:
        return letters + [None] * (len(dims) - 1)
    if dims[0] == "m" and len(letters) == len(dims) - 1:
        return [None, *letters]
    if left.kind == "slope":
        entries = [letter for letter in letters if letter not in subs] if dims[0] != "m" else letters
        return entries if len(entries) == len(dims) else [None] * len(dims)
    if letters:
        raise _ShapeError(f"{shaper.text(left)} has {len(letters)} indices: its axes are {len(dims)}.", left.at)
    return [None] * len(dims)


def _fitted(shaper, value, body, dims, order):
    """The letter of each axis of what is asked, or None where the value's rows and columns are it."""
    free = value.letters
    wide = _column_or_not(value.shape)
    if wide and not free & set(order[dims.startswith("m") :]):
        order = [letter if dims[k] == "m" else None for k, letter in enumerate(order)]
        if len(wide) == len(dims):
            order = [None] * len(dims)
    new = sorted(free - {letter for letter in order if letter})
    if new and any(order):
        missing = [k for k, letter in enumerate(order) if letter is None]
        fits = len(missing) == len(new) and not wide
        if not fits:
            raise _ShapeError(f"{new[0]} is free on the right, and the left side has no such index.", body.at)
    if new:
        order = _guessed(shaper, new, dims, order, body)
    if dims.startswith("m") and order[0] is None and "m" not in map(_is, value.shape):
        order = [shaper.axis("every sample"), *order[1:]]  # it is the same for all of them
    rest = [size for size, letter in zip(dims, order, strict=True) if letter is None]
    if len(rest) == 2 and rest[0] == "m" and shaper.samples == COLUMNS:
        rest = rest[::-1]
    wanted = (*rest, "1", "1")[:2]
    fits = len(rest) <= 2 and all(_may_be(a, b) for a, b in zip(value.shape, wanted, strict=True))
    if fits and all(_same(a, b) for a, b in zip(value.shape, wanted, strict=True)):
        return order
    asked = words(wanted)
    if len(rest) > 2:
        axes = " × ".join({"h": "n_h"}.get(size, size) for size in dims)
        asked = f"three axes, {axes}: write it for one sample, with the index i"
    raise _ShapeError(
        f"This is {words(value.shape)}, and what is asked {'has' if len(rest) > 2 else 'is'} {asked}.",
        body.at,
        [("transpose", body.at)] * (len(wide) == 1),  # a matrix that is turned has its factors in the wrong order
    )


def _guessed(shaper, free, dims, order, body):
    """The axes of free indices where the left side names none: by their ranges, then row k and column j."""
    ranges = {letter: _is(shaper.range(letter)) for letter in free}
    open_axes = [k for k, letter in enumerate(order) if letter is None]
    order = list(order)
    samples = [letter for letter in free if ranges[letter] == "m"]
    if samples and not (dims.startswith("m") and 0 in open_axes and len(samples) == 1):
        raise _ShapeError(f"{samples[0]} is free: is a sum over the samples missing?", body.at)
    if samples:
        order[0] = samples[0]
    entries = [letter for letter in free if letter not in samples]
    places = [k for k in open_axes if dims[k] != "m"]
    if not entries:
        return order
    if len(entries) != len(places):
        fewer = len(entries) < len(places)
        hint = "its entries have a row and a column, equal or not" if fewer else "sum over the others"
        free = ", ".join(entries)
        raise _ShapeError(f"{free} is free, and what is asked has {len(places)} such axes: {hint}.", body.at)
    fits = [
        [letter for letter in entries if isinstance(ranges[letter], _Size) or ranges[letter] == dims[k]] for k in places
    ]
    usual = {("j", "k"): ["k", "j"], ("i", "j"): ["i", "j"]}.get(tuple(sorted(entries)))
    if usual and usual[0] in fits[0] and usual[1] in fits[-1]:
        chosen = usual
    elif len(entries) == 1 and fits[0]:
        chosen = entries
    elif len(fits) == 2 and (len(fits[0]) == 1 or len(fits[1]) == 1) and fits[0] and fits[1]:
        first = fits[0][0] if len(fits[0]) == 1 else next(x for x in entries if x != fits[1][0])
        chosen = [first, next(letter for letter in entries if letter != first)]
    else:
        raise _ShapeError("Which index is the row, which the column? Begin with the left side: ∂L/∂θ^(kj) = …", body.at)
    for k, letter in zip(places, chosen, strict=True):
        if not _same(shaper.range(letter), dims[k]):
            raise _ShapeError(f"{letter} runs over another axis than that of what is asked.", body.at)
        order[k] = letter
    return order


def _told(shaper):
    """The sentence of what was repaired."""
    text, said = shaper.text, []
    for kind, items in shaper.told.items():
        for item in items:
            if kind == "sample":
                said.append(f"{text(item[0])} has no sample index: it was read as that of sample {item[1]}.")
            elif kind == "feature":
                said.append(f"{text(item[0])} holds a number for each feature: its entry {item[1]} was read.")
            elif kind == "range":
                if _is(item[1]) != item[2] and not isinstance(_is(item[1]), _Size):
                    to = _WORDS_OF[_is(item[1])]
                    said.append(f"{text(item[0])[:60]} was read with {to} in place of {_WORDS_OF[item[2]]}.")
            elif kind == "transpose":
                said.append(f"{text(item)} was read with a transpose.")
            else:
                said.append(f"{text(item[0])} times {text(item[1])} was read as entry by entry, \\circ.")
    return " ".join(dict.fromkeys(said)) or None


@dataclass
class _Context:
    draw: dict
    sizes: dict
    memo: dict = field(default_factory=dict)


def evaluate(reading, draw):
    """The numbers of a reading: an array with the axes that were asked for.

    Args:
        draw: {key: array} of every symbol, rows are samples, "sigma_b" beside "var_b"; the sizes "m", "n", "n_h", "K";
            where there are slopes in the formula, [u, v] of shape u.shape + v.shape.

    Raises:
        FormulaError: it is not finite, or something cannot be told.
    """
    context = _Context(draw, {size: draw[name] for size, name in _WORDS_OF.items() if name in draw})
    with np.errstate(all="ignore"):
        array = reading.value.run(context)
    if not np.isfinite(array).all():
        raise FormulaError("Somewhere this divides by zero, or takes a root or a logarithm of what has none.")
    if reading.dims is None:
        return np.squeeze(array)
    end = len(reading.axes)
    free = [k for k in range(2) if _is(reading.value.shape[k]) != "1"]
    if len(free) == 2 and reading.dims[:1] == "m" and reading.order[0] is None and _is(reading.value.shape[1]) == "m":
        free = free[::-1]
    front, counts = [], []
    for letter, size in zip(reading.order, reading.dims, strict=True):
        front.append(reading.axes[letter] if letter else end + free.pop(0))
        counts.append(context.sizes[size])
    rest = [axis for axis in range(end + 2) if axis not in front]
    array = array.transpose(*front, *rest)
    return np.array(np.broadcast_to(array.reshape(array.shape[: len(front)]), counts))


# ---------------------------------------------------------------------------------------------------------------------
# What is asked, and the verdict

TOLERANCE = 1e-9
READINGS = 6  # more than six that all have a meaning are not told apart

# The layers of block 1 are those of the network, under other names: {as it is written: (the network's, axes)}.
BLOCK1 = {
    "1-1": {"x": ("a_1b", "mn"), r"\hat x": ("x_hat", "mn"), "y": ("c", "mn"), r"\gamma": ("gamma", "n")}
    | {r"\beta": ("beta", "n"), r"\mu": ("mu_b", "n"), r"\mu_b": ("mu_b", "n"), r"\epsilon": ("eps", "")}
    | {r"\sigma": ("sigma_b", "n"), r"\sigma_b": ("sigma_b", "n")},
    "1-2": {"x": ("a_1a", "n"), "r": ("r", "n"), "p": ("p", ""), "y": ("d", "n"), "M": ("mask", "n")},
    "1-3": {"x": ("z_2b", "n"), "y": ("y_hat_b", "n")},
}
PARTS = {  # in the order of the questions' own lists
    "2-1": "z_1a a_1a mask d z_2a z_1b a_1b mu_b var_b x_hat c s z_2b y_hat_b loss",
    "2-2 head": "y_hat_b y_hat_b_dz_2b z_2b theta_2b",
    "2-2 branch b": "z_2b_dc c beta gamma a_1b z_1b theta_1b",
    "2-2 branch a": "z_2a theta_2a d z_1a theta_1a",
}
SLOPES = {"dy_hat_b_dz_2b": ("y_hat_b", "z_2b"), "dz_2b_dc": ("z_2b", "c")}


@dataclass(frozen=True)
class Target:
    """What is asked: a question and its part, its name as it is written, its axes (see `shapes`), the symbol that no
    slope may be taken along; the gradients that are given, and the symbols that are not.
    """

    question: str
    part: str
    written: str
    dims: str
    key: str
    given: tuple = ()
    hidden: tuple = ()

    @property
    def family(self):
        """Whose draw it is: the network's, or that of a question of block 1."""
        return self.question if self.question in BLOCK1 else "network"

    def symbols(self, scalars=False):
        """What may be written: the symbols of the network or of a layer, and the gradients that are given."""
        if self.family in BLOCK1:
            table = BLOCK1[self.family]
            big = {"x": "X", "y": "Y", r"\hat x": r"\hat X"}
            return table | {big[name]: entry for name, entry in table.items() if name in big}
        table = network(scalars)
        given = {f"∂{name}": (f"d{key}", dims) for name, (key, dims) in table.items() if f"d{key}" in self.given}
        return table | given | {name: None for name, (key, _) in table.items() if key in self.hidden}

    def asked(self, scalars=False):
        """How a formula for it is read: the arguments of `shapes`, but for the axes."""
        slopes = [SLOPES[part] for part in self.given if part in SLOPES]
        return dict(target=self.written, symbols=self.symbols(scalars), asked=self.key, slopes=slopes)


def _targets():
    """{"2-2 gamma": Target}: every part of hw1. A gradient of 2-2 may build upon those before it in its question's own
    list, a step of 2-1 on the steps before it."""
    capitals = {name for name in network() if name.split(" ")[-1][0].isupper()} - {"M", "L"}
    written = {key: name for name, (key, _) in reversed(network().items()) if name not in capitals}
    dims = {key: axes for key, axes in network().values()} | {"var_b": "h"}
    found = {
        "1-1 gamma": Target("1-1", "dy_dgamma", r"y/\gamma", "mnn", "gamma"),
        "1-1 beta": Target("1-1", "dy_dbeta", r"y/\beta", "mnn", "beta"),
        "1-2": Target("1-2", "jacobian", "y/x", "nn", "a_1a"),
        "1-3": Target("1-3", "jacobian", "y/x", "nn", "z_2b"),
    }
    steps = PARTS["2-1"].split()
    for k, key in enumerate(steps):
        hidden = tuple("sigma_b" if step == "var_b" else step for step in steps[k:])
        found[f"2-1 {key}"] = Target("2-1", key, written.get(key, key), dims[key], key, hidden=hidden)
    jacobians = {"y_hat_b_dz_2b": (r"\hat y_b/z_2b", "mKK", "z_2b"), "z_2b_dc": ("z_2b/c", "Kh", "c")}
    for question in ("2-2 head", "2-2 branch b", "2-2 branch a"):
        given = () if question == "2-2 head" else ("dz_2b",)
        for key in PARTS[question].split():
            asked = jacobians.get(key) or ("∂" + written[key], dims[key], key)
            found[f"2-2 {key}"] = Target(question, "d" + key, *asked, given)
            given = (*given, "d" + key)
    return found


TARGETS = _targets()


@dataclass(frozen=True)
class FormulaVerdict:
    """What was found about one formula.

    verdict: "right", "repaired" (right after a repair), "wrong", "asked" (several readings that differ) or "unread".
    error: how far off, over the truth's own norm; inf where there is nothing to compare. repair: what was mended, a
    sentence, or None. name: the mistake's name in the bank, or None. words: what a student reads. typeset: LaTeX in one
    spelling. shapes: (name, its shape in words) for each definition and the answer. at: (start, end) in the string of
    what could not be read.
    """

    target: str
    verdict: str
    error: float = np.inf
    repair: str | None = None
    name: str | None = None
    words: tuple = ()
    typeset: str = ""
    shapes: tuple = ()
    at: tuple | None = None


def named_target(name):
    """The key of TARGETS that is meant: "2-2-gamma" is "2-2 gamma". ValueError: there is none."""
    key = re.sub(r"^(\d-\d)-", r"\1 ", name.split(",")[0].strip())
    if key not in TARGETS:
        raise ValueError(f"there is no formula {name!r}; there are {', '.join(TARGETS)}")
    return key


def compare(latex, target, draws, *, scalars=False, explain=None, tree=None, sheet=False):
    """The verdict on one formula.

    Args:
        latex: what was written: the formula, with its definitions on lines of their own.
        target: a Target.
        draws: dicts as for `evaluate`, with the truth under target.part. The formula must be right on all.
        scalars: whether gamma and beta are one number for all features.
        explain: explain(values, of the draws) -> (name of the mistake or None, sentences); None explains nothing.
        tree: what was read already. sheet: it may take slopes of anything.

    Returns:
        A FormulaVerdict; what cannot be read is a verdict too.
    """
    label = f"{target.question.split(' ')[0]} {target.written}"
    latex = latex.encode("utf8", "backslashreplace").decode()  # half a surrogate pair cannot be written anywhere
    try:
        with np.errstate(all="ignore"):
            tree = read(latex) if tree is None else tree
            return replace(_compared(latex, tree, target, draws, scalars, explain, sheet), target=label)
    except FormulaError as error:
        return FormulaVerdict(label, "unread", words=(point(latex, error),), at=error.at)


def _compared(latex, tree, target, draws, scalars, explain, sheet):
    dims = "" if scalars and target.key in ("gamma", "beta") else target.dims
    how = target.asked(scalars) | ({"asked": None} if sheet else {})
    explain = explain or (lambda values: (None, ()))

    def values(reading):
        return [evaluate(reading, draw) for draw in draws]

    found = FormulaVerdict("", "wrong", typeset=typeset(tree))
    try:
        readings = shapes(tree, dims, repair=False, **how)
    except FormulaError as problem:  # a mistake of another shape is named before anything is repaired
        try:
            others = shapes(tree, None, repair=False, **how)
        except FormulaError:
            others = ()
        for reading in others:
            name, sentences = explain(values(reading))
            if name:
                return replace(found, name=name, words=(*sentences, point(latex, problem)), shapes=reading.parts)
        try:
            readings = shapes(tree, dims, **how)
        except FormulaError:
            return replace(found, verdict="unread", words=(point(latex, problem),), at=problem.at)
    several = [values(reading) for reading in readings[:READINGS]]
    numbers, first = several[0], readings[0]
    if any(off(a, b) > TOLERANCE for others in several for a, b in zip(others, numbers, strict=True)):
        meant = [reading.repair or "The samples may stand in rows or in columns." for reading in readings]
        words = ("This can be read in several ways. Which is meant?", *dict.fromkeys(meant))
        return replace(found, verdict="asked", words=words, shapes=first.parts)
    error = max(off(value, draw[target.part]) for value, draw in zip(numbers, draws, strict=True))
    told = (first.repair,) if first.repair else ()
    found = replace(found, error=error, repair=first.repair, shapes=first.parts)
    if error <= TOLERANCE:
        return replace(found, verdict="repaired" if told else "right", words=told)
    name, sentences = explain(numbers)
    return replace(found, name=name, words=(*told, *(() if name else (f"Off by {error:.2g}.",)), *sentences))


def off(yours, truth):
    """The norm of the difference over the truth's; axes of length one do not matter."""
    yours, truth = np.squeeze(yours), np.squeeze(truth)
    if yours.shape != truth.shape:
        return np.inf
    size = np.linalg.norm(truth)
    return float(np.linalg.norm(yours - truth) / (size or 1.0))


# ---------------------------------------------------------------------------------------------------------------------
# Typesetting: a tree, LaTeX that reads as the same tree

_LOOSE, _ENTRYWISE, _PRODUCT, _MARKED, _ATOM = range(5)


def typeset(node):
    """The LaTeX of a tree, in one spelling."""
    return _typeset(node)[0]


def _inside(node, level):
    text, own = _typeset(node)
    return text if own >= level else rf"\left( {text} \right)"


def _typeset(node):
    """(LaTeX, how tightly it binds)."""
    kind, args = node.kind, node.args
    if kind == "formula":
        return ", \\\\\n".join(map(typeset, args)), _LOOSE
    if kind == "statement":
        return " = ".join(map(typeset, args)), _LOOSE
    if kind == "sum":
        text = _inside(args[0], _ENTRYWISE) if args[0].kind != "negative" else typeset(args[0])
        for term in args[1:]:
            minus = term.kind == "negative"
            text += (" - " if minus else " + ") + _inside(term.args[0] if minus else term, _ENTRYWISE)
        return text, _LOOSE
    if kind == "negative":
        return f"- {_inside(args[0], _ENTRYWISE)}", _LOOSE
    if kind == "entrywise":
        return r" \circ ".join(_inside(factor, _PRODUCT) for factor in args), _ENTRYWISE
    if kind == "product":
        ends_open = args[-1].kind in ("total", "mean") or _is_operator(args[-1])
        texts = [_inside(factor, _MARKED) for factor in args[:-1]]
        texts.append(typeset(args[-1]) if ends_open else _inside(args[-1], _MARKED))
        return r" \, ".join(texts), _ENTRYWISE if ends_open else _PRODUCT
    if kind == "total":
        upper = f"^{{{_size(args[1])}}}" if args[1] else ""
        lower = f"{args[0]}=1" if args[1] else args[0]
        return rf"\sum_{{{lower}}}{upper} {_inside(args[2], _ENTRYWISE)}", _ENTRYWISE
    if kind == "mean":
        return rf"\operatorname{{mean}}_{{{args[0]}}} {_inside(args[1], _ENTRYWISE)}", _ENTRYWISE
    if kind == "slope":
        if _is_operator(node):
            return rf"\frac{{\partial}}{{\partial {typeset(args[1])}}} {_inside(args[0], _ENTRYWISE)}", _ENTRYWISE
        return rf"\frac{{\partial {typeset(args[0])}}}{{\partial {typeset(args[1])}}}", _ATOM
    if kind in ("power", "transpose", "entry"):
        text, level = _typeset(args[0])
        inside = text if level == _ATOM else f"{{{text}}}" if level == _MARKED else rf"\left( {text} \right)"
        if kind == "transpose":
            return rf"{inside}^{{\mathsf T}}", _MARKED
        if kind == "entry":
            return f"{inside}^{{({','.join(args[1])})}}", _MARKED
        power = typeset(args[1])
        return f"{inside}^{{{power if args[1].kind == 'number' else rf'{{{power}}}'}}}", _MARKED
    return _ATOMS[kind](*args), _MARKED if kind == "name" and args[2] else _ATOM


def _is_operator(node):
    return node.kind == "slope" and not (node.args[0].kind == "name" and node.args[0].args[0] != "L")


def _size(name):
    head, _, label = name.partition("_")
    return f"{head}_{{{label}}}" if label else head


def _name(name, subs, sups):
    if name.startswith("∂"):
        return rf"\frac{{\partial L}}{{\partial {_name(name[1:], subs, sups)}}}"
    letter, _, label = name.partition("_")
    *hats, letter = letter.split(" ")
    known = letter in (r"\theta", "z", "a", "Z", "A", r"\mu", r"\sigma") and label in LABELS.get(letter, ())
    tex = "".join(f"{hat}{{" for hat in hats) + letter + "}" * len(hats)
    below = ",".join([label.upper() if known else label] * bool(label) + list(subs))
    below += "," * (not known and not subs and label[-1:] in INDICES)  # or it would be read as an index
    return tex + (f"_{{{below}}}" if below else "") + (f"^{{({','.join(sups)})}}" if sups else "")


def _cases(*rows):
    lines = []
    for row in rows:
        value, test = row.args
        lines.append(f"{typeset(value)} & " + (typeset(test) if test else r"\text{otherwise}"))
    return r"\begin{cases} " + r" \\ ".join(lines) + r" \end{cases}"


def _call(name, *inner):
    prime = "'" if name.endswith("'") else ""
    word = {"relu": "ReLU"}.get(name.rstrip("'"), name.rstrip("'"))
    return rf"\operatorname{{{word}}}{prime}\left( {' , '.join(map(typeset, inner))} \right)"


_ATOMS = {
    "number": lambda text: text,
    "name": _name,
    "ones": lambda size: rf"\mathbf{{1}}_{{{_size(size)}}}" if size else r"\mathbf{1}",
    "quotient": lambda above, below: rf"\frac{{{typeset(above)}}}{{{typeset(below)}}}",
    "root": lambda inner: rf"\sqrt{{{typeset(inner)}}}",
    "norm": lambda inner: rf"\lVert {typeset(inner)} \rVert",
    "absolute": lambda inner: rf"\lvert {typeset(inner)} \rvert",
    "indicator": lambda condition: rf"\mathbb{{1}}\left[ {typeset(condition)} \right]",
    "both": lambda *conditions: r" \wedge ".join(map(typeset, conditions)),
    "compare": lambda sign, left, right: f"{typeset(left)} {sign} {typeset(right)}",
    "cases": _cases,
    "call": _call,
}

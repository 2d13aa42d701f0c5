r"""Tokens, parsed to a tree by recursive descent. The grammar, loosest first:

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
"""

import re
from dataclasses import dataclass, replace

from .errors import FormulaError
from .notation import (
    ACCENTS,
    CLOSING,
    COMPARISONS,
    DERIVATIVES,
    FUNCTIONS_OF_TWO,
    SAME_FUNCTION,
    TRANSPOSES,
)
from .tokens import CASES, MAX_DEPTH, Token, sides_of, statements_of, tokens_of
from .tree import (
    Absolute,
    Both,
    Call,
    Case,
    Cases,
    Compare,
    Derivative,
    Entry,
    Entrywise,
    Formula,
    IndexMean,
    IndexSum,
    Indicator,
    Name,
    Negative,
    Node,
    Norm,
    Number,
    Ones,
    Power,
    Product,
    Quotient,
    Root,
    Statement,
    Sum,
    Transpose,
    nodes,
)

MAX_NODES, MAX_MARKS, MAX_PRIMES = 800, 8, 2


def read(latex, notation):
    """The tree of a formula, a tree.Formula.

    Raises:
        FormulaError: with the place, where it cannot be read.
    """
    statements = []
    for tokens in statements_of(tokens_of(latex, notation)):
        end = tokens[-1].at[1]
        sides = tuple(_Parser(side, end, notation).whole() for side in sides_of(tokens))
        statements.append(Statement(sides, at=(tokens[0].at[0], end)))
    if not statements:
        raise FormulaError("There is no formula.")
    tree = Formula(tuple(statements), latex, at=(0, len(latex)))
    if (count := sum(1 for _ in nodes(tree))) > MAX_NODES:
        raise FormulaError(f"A formula of {count:,} pieces is too long: {MAX_NODES:,} are read.")
    return tree


@dataclass(frozen=True)
class _Operator(Node):
    r""" "\frac{\partial}{\partial v}", before what it is applied to."""

    wrt: Name


class _Parser:
    """The tokens of one side of a statement, and the place of the next one."""

    def __init__(self, tokens, end, notation, depth=0):
        self.tokens, self.end, self.notation, self.place, self.depth = tokens, end, notation, 0, depth
        self.bars = ()  # those that are open within the innermost bracket: the next one closes

    # Moving on

    @property
    def next(self):
        if self.place < len(self.tokens):
            return self.tokens[self.place]
        return Token("end", "the end", (self.end, self.end))

    @property
    def after_next(self):
        """The text of the token after the next one, or ""."""
        return self.tokens[self.place + 1].text if self.place + 1 < len(self.tokens) else ""

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

    def span(self, start):
        """From `start` to the end of what was taken."""
        return (start, self.tokens[self.place - 1].at[1] if self.place else start)

    def inner(self, group):
        """A parser of a group of tokens."""
        return _Parser(group, group[-1].at[1], self.notation)

    def deeper(self, rule):
        """What a rule gives, one level further down."""
        self.depth += 1
        if self.depth > MAX_DEPTH:
            self.fail(f"nested more than {MAX_DEPTH} deep")
        tree = rule()
        self.depth -= 1
        return tree

    # Sums and products

    def whole(self):
        tree = self.sum()
        if self.next.kind != "end":
            self.fail(f"`{self.next.text}` is not expected")
        return tree

    def sum(self):
        return self.deeper(self._sum)

    def _sum(self):
        start, terms = self.next.at[0], []
        sign = self.take("-", "+")
        while True:
            term = self.entrywise()
            if sign and sign.text == "-":
                term = Negative(term, at=(sign.at[0], term.at[1]))
            terms.append(term)
            sign = self.take("-", "+")
            if not sign:
                return terms[0] if len(terms) == 1 else Sum(tuple(terms), at=self.span(start))

    def entrywise(self):
        start, factors = self.next.at[0], [self.product()]
        while self.take(r"\circ"):
            factors.append(self.product())
        return factors[0] if len(factors) == 1 else Entrywise(tuple(factors), at=self.span(start))

    def product(self):
        start, factors = self.next.at[0], [self.factor()]
        while True:
            if self.take("/"):
                above = self._product(factors, start)
                factors = [Quotient(above, self.factor(), at=self.span(start))]
                if sum(1 for _ in _divisions(factors[0])) > MAX_DEPTH:
                    self.fail("too many divisions")
            elif self.take(r"\cdot") or self.starts_factor():
                factors.append(self.factor())
            else:
                return self._product(factors, start)

    def _product(self, factors, start):
        return factors[0] if len(factors) == 1 else Product(tuple(factors), at=self.span(start))

    def starts_factor(self):
        token = self.next
        if token.kind in ("num", "letter", "func", "ones"):
            return True
        bar = token.text in ("|", r"\|") and token.text not in self.bars
        return token.kind == "open" or bar or (token.kind == "op" and token.text in _STARTS)

    def factor(self):
        start = self.next.at[0]
        if self.take(r"\sum"):
            return self.index_sum(start)
        if self.next.kind == "func" and self.next.text == "mean":
            return self.index_mean(start)
        atom = self.atom()
        if isinstance(atom, _Operator):
            return Derivative(self.deeper(self.entrywise), atom.wrt, at=self.span(start))
        return self.marks(atom, start)

    def index_mean(self, start):
        self.place += 1
        self.need("_", "after mean: which index it runs over")
        letters = self.letters(self.group())
        if not letters or len(letters) > 1:
            self.fail("a mean needs one index")
        return IndexMean(letters[0], self.deeper(self.entrywise), at=self.span(start))

    def index_sum(self, start):
        limit, condition, letters = None, None, None
        while mark := self.take("_", "^"):
            group = self.group()
            if mark.text == "^":
                limit = self.size(group)
            elif any(token.text == r"\neq" for token in group):
                inner = self.inner(group)
                condition = inner.condition(inner.sum())
                letters = self.letters(group[:1])
            else:
                letters = self.first_of_sum(group)
        if not letters:
            self.fail("a sum needs an index below it, as in \\sum_i")
        body = self.deeper(self.entrywise)
        if condition:
            body = Product((Indicator(condition, at=condition.at), body), at=self.span(start))
        for letter in reversed(letters):
            body = IndexSum(letter, limit, body, at=self.span(start))
        return body

    def first_of_sum(self, group):
        """The index letters of "i=1" or "i,j"."""
        cut = next((k for k, token in enumerate(group) if token.kind == "eq"), len(group))
        letters = self.letters(group[:cut])
        if not all(token.text == "1" or token.kind == "eq" for token in group[cut:]):
            self.fail("a sum begins at 1")
        return letters

    def size(self, group):
        """The name of a size."""
        sizes = self.notation.sizes
        name = re.sub(r"[{},]", "", "".join(token.text for token in group))
        name = name if name in sizes else name[:2] + name[2:].lower()
        if name not in sizes:
            *shown, last = self.notation.size_names.values()
            self.fail(f"a sum's end is {', '.join(shown)} or {last}, not `{name}`")
        return name

    # What stands below and above

    def group(self):
        """The tokens of what follows a `_` or `^`: those in braces, or one (a number counts by digits)."""
        token = self.next
        if token.text == "{":
            return self.braces()
        if token.kind in ("end", "close"):
            self.fail()
        if token.kind == "num" and len(token.text) > 1:
            self.split_number()
        if token.text in self.notation.labelled_sizes and self.after_next == "_" and self.place + 2 < len(self.tokens):
            first, self.place = self.place, self.place + 2  # \sum^n_h is no LaTeX, but what is meant is plain
            self.group()
            return [self.tokens[first], *self.tokens[first + 1 : self.place]]
        self.place += 1
        return [self.tokens[self.place - 1]]

    def braces(self):
        depth, first = 0, self.place + 1
        while True:
            depth += (self.next.kind == "open") - (self.next.kind == "close")
            self.place += 1
            if depth == 0:
                return self.tokens[first : self.place - 1] or self.fail("empty braces")

    def split_number(self):
        """A number of several digits where LaTeX takes one: \\frac12 is \\frac{1}{2}."""
        token = self.next
        (start, end), digits = token.at, token.text
        parts = [Token("num", digits[0], (start, start + 1)), Token("num", digits[1:], (start + 1, end))]
        self.tokens = self.tokens[: self.place] + parts + self.tokens[self.place + 1 :]

    def letters(self, group):
        """The index letters of a group, ":" among them; None where there is something else in it."""
        letters = []
        for token in group:
            if token.text == "'" and letters and letters[-1] != ":":
                letters[-1] += "'"
            elif token.text in self.notation.indices or token.text == ":":
                letters.append(token.text)
            elif token.text not in (",", "(", ")", "{", "}", "[", "]"):
                return None
        return tuple(letters) if all(len(letter) < 2 + MAX_PRIMES for letter in letters) else None

    def marks(self, atom, start):
        """An atom with its subscripts, superscripts and primes."""
        for _ in range(MAX_MARKS):
            if self.take("_"):
                atom = self.subscript(atom, self.group(), start)
            elif self.take("'"):
                if isinstance(atom, Name) and self.next.text in ("(", "["):
                    self.refuse_function(atom)
                atom = Transpose(atom, at=self.span(start))
            elif self.take("^"):
                atom = self.superscript(atom, self.group(), start)
            else:
                return atom
        return self.fail("too many marks on one thing")

    def refuse_function(self, name):
        if name.symbol in self.notation.no_functions:
            self.fail(self.notation.no_functions[name.symbol])

    def subscript(self, atom, group, start):
        if isinstance(atom, Name):
            return self.subscript_of_name(atom, group, start)
        if isinstance(atom, Norm) or (isinstance(atom, Power) and isinstance(atom.base, Norm)):
            return atom if [token.text for token in group] == ["2"] else self.fail("norms are read as those of Euclid")
        letters = self.letters(group)
        if not letters:
            self.fail("below a bracket stand indices alone")
        return Entry(atom, letters, at=self.span(start))

    def subscript_of_name(self, name, group, start):
        symbol, indices = name.symbol, self.notation.indices
        label, rest = "", [part for token in group for part in _subscript_pieces(token)]
        if "_" not in symbol and not name.below and symbol[0] != "∂":
            label, rest = _split_label(rest, self.notation.labels.get(symbol, ()), indices)
        letters = self.letters([Token("letter", text, (0, 0)) for text in rest])
        if letters is None:
            self.fail(f"`{''.join(rest)}` is no index ({', '.join(sorted(indices))} are)")
        symbol = f"{symbol}_{label}" if label else symbol
        return Name(symbol, name.below + letters, name.above, at=self.span(start))

    def superscript(self, atom, group, start):
        while group:
            if group[0].text == "{" and len(group) == 3:
                group = group[1:-1]
            first, cut = group[0], len(group)
            opens = max((k for k, token in enumerate(group) if token.text == "("), default=0)
            closes = min((k for k, token in enumerate(group) if token.text == ")"), default=0)
            if first.text in TRANSPOSES:
                atom, cut = Transpose(atom, at=self.span(start)), 1
            elif first.text == "(" and closes and (letters := self.letters(group[1:closes])):
                atom, cut = self.indexed(atom, letters, start), closes + 1
            else:
                if group[-1].text in TRANSPOSES:
                    cut -= 1
                elif group[-1].text == ")" and opens and self.letters(group[opens + 1 : -1]):
                    cut = opens
                exponent = _Parser(group[:cut], group[cut - 1].at[1], self.notation, self.depth).whole()
                atom = Power(atom, exponent, at=self.span(start))
            group = group[cut:]
        return atom

    def indexed(self, atom, letters, start):
        if isinstance(atom, Name) and not atom.above:
            return Name(atom.symbol, atom.below, letters, at=self.span(start))
        return Entry(atom, letters, at=self.span(start))

    # Atoms

    def atom(self):
        self.depth += 1
        if self.depth > MAX_DEPTH:
            self.fail(f"nested more than {MAX_DEPTH} deep")
        try:
            return self._atom()
        finally:
            self.depth -= 1

    def _atom(self):
        token, start = self.next, self.next.at[0]
        if token.kind == "open":
            return self.cases(start) if token.text == CASES else self.brackets(start)
        if token.kind == "func":
            return self.call(start)
        if token.kind == "num":
            self.place += 1
            if token.text == "1" and self.next.text == "_":
                return self.ones(token, start)
            return Number(token.text, at=self.span(start))
        if token.kind == "letter":
            self.place += 1
            return Name(token.text, at=self.span(start))
        if token.kind == "ones":
            self.place += 1
            return self.ones(token, start)
        if token.kind == "op" and token.text in _COMMANDS:
            self.place += 1
            return _COMMANDS[token.text](self, token, start)
        return self.fail()

    def argument(self):
        """What a command takes: braces, or one token."""
        if self.next.kind == "num" and len(self.next.text) > 1:
            self.split_number()
        return self.atom()

    def root(self, token, start):
        return Root(self.argument(), at=self.span(start))

    def accent(self, token, start):
        inner = self.argument()
        if isinstance(inner, Name) and " " not in inner.symbol:
            return Name(f"{token.text} {inner.symbol}", inner.below, inner.above, at=self.span(start))
        return self.fail(f"`{token.text}` stands on a letter")

    def between_bars(self, token, start):
        outer, self.bars = self.bars, (*self.bars, token.text)
        inner = self.sum()
        self.bars = outer
        self.need(token.text, "to close the bars")
        return (Norm if token.text == r"\|" else Absolute)(inner, at=self.span(start))

    def ones(self, token, start):
        if token.text != "1" or self.next.text not in ("_", "(", "[", r"\{"):
            return Ones(None if token.text == "1" else token.text or None, at=self.span(start))
        mark, here = self.next, self.place
        if self.take("_"):
            return self.ones_with_subscript(self.group(), start)
        inner = self.brackets(mark.at[0])
        if isinstance(inner, Indicator):
            return replace(inner, at=(start, inner.at[1]))
        self.place = here
        return Ones(None, at=self.span(start))

    def ones_with_subscript(self, group, start):
        if not any(token.text in COMPARISONS for token in group):
            return Ones(self.size(group), at=self.span(start))
        inside = self.inner(group)
        if inside.next.kind == "open" and inside.tokens[-1].kind == "close":
            return replace(inside.atom(), at=(start, group[-1].at[1]))
        return Indicator(inside.condition(inside.sum()), at=self.span(start))

    def condition(self, left):
        start, comparisons = left.at[0], [self.comparison(left)]
        while self.take(r"\wedge", "and"):
            comparisons.append(self.comparison(self.sum()))
        return comparisons[0] if len(comparisons) == 1 else Both(tuple(comparisons), at=self.span(start))

    def comparison(self, left):
        for sign in COMPARISONS:
            if self.take(sign):
                return Compare(sign, left, self.sum(), at=self.span(left.at[0]))
        return self.fail(f"`{self.next.text}` where a comparison should be")

    def brackets(self, start):
        opened, outer = self.next, self.bars
        self.place, self.bars = self.place + 1, ()
        inner = self.sum()
        if self.next.text in COMPARISONS and opened.text != "{":
            at = inner.at
            inner = Indicator(self.condition(inner), at=at)
        if self.next.text != CLOSING[opened.text]:
            self.fail()
        self.place, self.bars = self.place + 1, outer
        if opened.text in _BARS:
            return _BARS[opened.text](inner, at=self.span(start))
        return replace(inner, at=self.span(start))

    def cases(self, start):
        self.place += 1
        rows = []
        while not self.take(r"\end{cases}"):
            value = self.sum()
            while self.take(",", "&") or self.take_word("if", "for"):
                pass
            if self.next.kind == "word":
                self.place += 1
                rows.append(Case(value, None))
            else:
                rows.append(Case(value, self.condition(self.sum())))
            while self.take(",", ".", ";") or self.next.kind == "nl":
                self.place += self.next.kind == "nl"
        return Cases(tuple(rows), at=self.span(start)) if rows else self.fail("cases are empty")

    def take_word(self, *texts):
        return self.take(*texts) if self.next.kind == "word" else None

    def call(self, start):
        if self.next.text == "mean":
            self.fail()
        name = self.next.text.lower()
        name = SAME_FUNCTION.get(name, name)
        self.place += 1
        if self.take_prime():
            name = DERIVATIVES.get(name) or self.fail(f"`{name}'` is not known")
        if name in FUNCTIONS_OF_TWO:
            return self.call_of_two(name, start)
        bare = self.next.kind != "open"
        inner = self.atom()
        return Call(name, (self.marks(inner, inner.at[0]) if bare else inner,), at=self.span(start))

    def call_of_two(self, name, start):
        opened = self.next
        if opened.kind != "open":
            self.fail()
        self.place += 1
        left = self.sum()
        self.need(",", f"between the two of {name}")
        right = self.sum()
        self.need(CLOSING[opened.text], "")
        return Call(name, (left, right), at=self.span(start))

    def take_prime(self):
        """Whether "'" or "^\\prime" was taken."""
        if self.take("'"):
            return True
        here = self.place
        if self.after_next and self.take("^"):
            group = self.group()
            if len(group) == 1 and group[0].text == "'":
                return True
            self.place = here
        return False

    # Fractions and derivatives

    def fraction(self, token, start):
        if self.next.text == "{" and self.after_next == r"\partial":
            self.place += 2
            above = None
            if self.next.text != "}":
                first = self.next.at[0]
                above = self.marks(self.atom(), first)
            self.need("}", "after what is differentiated: one name")
            self.need("{", "")
            return self.derivative(start, above)
        above = self.argument()
        return Quotient(above, self.argument(), at=self.span(start))

    def inline_derivative(self, token, start):
        above = self.marks(self.atom(), start)
        self.need("/", "between ∂ and ∂")
        return self.derivative(start, above, inline=True)

    def derivative(self, start, above, inline=False):
        self.need(r"\partial", "below")
        first = self.next.at[0]
        below = self.marks(self.atom(), first)
        if not inline:
            self.need("}", "after one name")
        return self.gradient(start, above, below)

    def nabla(self, token, start):
        self.need("_", "after \\nabla")
        below = self.inner(self.group()).whole()
        return self.gradient(start, self.marks(self.atom(), start), below)

    def gradient(self, start, above, below):
        at = self.span(start)
        if not isinstance(below, Name):
            self.fail("a slope is taken along one named thing")
        if above is None:
            return _Operator(below, at=at)
        if isinstance(above, Name) and above.symbol in self.notation.loss:
            return Name("∂" + below.symbol, below.below, below.above, at=at)
        return Derivative(above, below, at=at)


_BARS = {r"\lVert": Norm, r"\lvert": Absolute}
_COMMANDS = {
    r"\frac": _Parser.fraction,
    r"\sqrt": _Parser.root,
    "|": _Parser.between_bars,
    r"\|": _Parser.between_bars,
    r"\partial": _Parser.inline_derivative,
    r"\nabla": _Parser.nabla,
    **dict.fromkeys(ACCENTS, _Parser.accent),
}
_STARTS = {*_COMMANDS, r"\sum"} - {"|", r"\|"}  # a bar may close as well


def _divisions(node):
    while isinstance(node, Quotient):
        yield node
        node = node.numerator


def _subscript_pieces(token):
    """The letters of a token below a name: "2B" may come as a number and a letter, as one word, or in braces."""
    if token.text in ("{", "}", "_"):
        return []
    return list(token.text) if token.kind in ("word", "num") else [token.text]


def _split_label(texts, known, indices):
    """(label, the indices that follow): z_{1Ai} is z_1a of sample i, g_{a,i} is g_a of sample i."""
    for label in known:
        if "".join(texts[: len(label)]).lower() == label:
            rest = texts[len(label) :]
            return label, rest[1:] if rest[:1] == [","] else rest
    if known:
        return "", texts
    if "," in texts:
        cut = texts.index(",")
        first = texts[:cut]
        only_indices = all(text in indices or text == "'" for text in first)
        return ("", texts) if only_indices else ("".join(first), texts[cut + 1 :])
    end = len(texts)
    while end and (texts[end - 1] in indices or texts[end - 1] in (":", "'")):
        end -= 1
    return "".join(texts[:end]), texts[end:]

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
    AND_WORDS,
    CLOSING,
    COMPARISONS,
    DERIVATIVES,
    FUNCTIONS_OF_TWO,
    IDENTITY,
    IF_WORDS,
    KRONECKER,
    LOSS_LETTERS,
    SAME_FUNCTION,
    TRANSPOSES,
)
from .tokens import CASES, DIFFERENTIAL, MATRIX, MAX_DEPTH, Token, sides_of, statements_of, tokens_of
from .tree import (
    Absolute,
    AppliedLetter,
    BatchMean,
    Both,
    Call,
    Case,
    Cases,
    Compare,
    Derivative,
    Entries,
    Entry,
    Entrywise,
    Formula,
    Identity,
    IndexMean,
    IndexSum,
    Indicator,
    InnerProduct,
    Kronecker,
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
    statements, unread, problem = [], [], None
    for statement, problems in read_lines(latex, notation):
        statements += [statement] if statement else []
        unread += problems
        problem = None if statement else problems[-1]
    if not statements or problem:
        raise problem or FormulaError("There is no formula.")
    tree = Formula(tuple(statements), latex, tuple(unread), at=(0, len(latex)))
    if (count := sum(1 for _ in nodes(tree))) > MAX_NODES:
        raise FormulaError(f"A formula of {count:,} pieces is too long: {MAX_NODES:,} are read.")
    return tree


def read_lines(latex, notation):
    """[(Statement or None, the FormulaErrors of sides that were not read)] of each line; None if its last side was not.

    Raises:
        FormulaError: with the place, where there are no tokens, or none at all.
    """
    tokens = tokens_of(latex, notation)
    if not tokens:
        raise FormulaError("There is no formula.")
    if bound := _bound_letters(tokens):
        notation = replace(notation, indices=notation.indices | bound)
    lines = []
    for line in statements_of(tokens):
        end, sides, problems = line[-1].at[1], [], []
        for tokens_of_side in sides_of(line):
            if function := _function_alone(tokens_of_side, sides):
                sides[:] = function
                continue
            try:
                sides.append(_Parser(tokens_of_side, end, notation).whole())
            except FormulaError as problem:
                sides.append(None)
                problems.append(problem)
        statement = None
        if sides[-1] is not None:
            statement = Statement(tuple(side for side in sides if side is not None), at=(line[0].at[0], end))
            statement = gradient_of_differential(_untransposed(statement), notation)
        lines.append((statement, problems))
    return lines


def _function_alone(tokens, sides):
    """The sides of "φ = ReLU", as φ(z) = ReLU(z); or None."""
    if len(tokens) != 1 or tokens[0].kind != "func" or len(sides) != 1 or not isinstance(sides[0], Name):
        return None
    left, variable, name = sides[0], Name("z", at=tokens[0].at), tokens[0].text.lower()
    function = Call(SAME_FUNCTION.get(name, name), (variable,), at=tokens[0].at)
    return [AppliedLetter(left.symbol, 0, variable, at=left.at), function]


def _bound_letters(tokens):
    """The letters that sums run over, whatever they are."""
    letters = set()
    for k, token in enumerate(tokens):
        if token.text == r"\sum":
            below = next((n for n in range(k + 1, min(k + 14, len(tokens))) if tokens[n].text == "_"), len(tokens))
            letters |= {t.text for t in tokens[below + 1 : below + 5] if t.kind == "letter"}
            if tokens[below + 1 : below + 2] and tokens[below + 1].text != "{":
                letters -= {t.text for t in tokens[below + 2 : below + 5]} - {tokens[below + 1].text}
    return frozenset(letters)


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
        tree = self.sum_or_fraction()
        if self.next.kind != "end":
            self.fail(f"`{self.next.text}` is not expected")
        return tree

    def sum_or_fraction(self):
        """A sum, or "sum \\over sum"."""
        start, tree = self.next.at[0], self.sum()
        return Quotient(tree, self.sum(), at=self.span(start)) if self.take(r"\over") else tree

    def sum(self):
        return self.deeper(self._sum)

    def _sum(self):
        start, terms = self.next.at[0], []
        sign = self.take("-", "+")
        places = []
        while True:
            places.append(self.place)
            if self.next.kind == "dots" and terms:
                terms = [self.sum_with_dots(places, start)]
            else:
                term = self.entrywise()
                if sign and sign.text == "-":
                    term = Negative(term, at=(sign.at[0], term.at[1]))
                terms.append(term)
            sign = self.take("-", "+")
            if not sign:
                return terms[0] if len(terms) == 1 else Sum(tuple(terms), at=self.span(start))

    def sum_with_dots(self, places, start):
        """a_1 + a_2 + … + a_m, from its dots on, as a sum over an index."""
        self.place += 1
        self.need("+", "after the dots")
        begins = self.place
        self.entrywise()
        first, last = self.tokens[places[0] : places[1] - 1], self.tokens[begins : self.place]
        sizes = [token.text for token in last if token.text in self.notation.sizes]
        for size in dict.fromkeys(sizes):
            general = [_with_letter(last, k, {size: "q"}) for k in range(len(last))]
            if [t.text for t in general] == [_with_letter(first, k, {"1": "q"}).text for k in range(len(first))]:
                return IndexSum("q", size, self.inner(general).whole(), at=self.span(start))
        return self.fail("the terms of this sum follow no rule that is read")

    def entrywise(self):
        start, factors = self.next.at[0], [self.product()]
        while sign := self.take(r"\circ", r"\oslash", r"\otimes", ":", r"\vee"):
            right = self.product()
            if sign.text == r"\circ":
                factors.append(right)
                continue
            left = factors[0] if len(factors) == 1 else Entrywise(tuple(factors), at=self.span(start))
            if sign.text == r"\vee":
                factors = [Call("max", (left, right), at=self.span(start))]
                continue
            kind = {r"\oslash": Quotient, r"\otimes": Kronecker, ":": InnerProduct}[sign.text]
            factors = [kind(left, right, at=self.span(start))]
        return factors[0] if len(factors) == 1 else Entrywise(tuple(factors), at=self.span(start))

    def product(self):
        start, factors, dots = self.next.at[0], [self.factor()], []
        while True:
            if self.take("/"):
                above = self._product(factors, start, dots)
                factors, dots = [Quotient(above, self.factor(), at=self.span(start))], []
                if sum(1 for _ in _divisions(factors[0])) > MAX_DEPTH:
                    self.fail("too many divisions")
            elif (dot := self.take(r"\cdot")) or self.starts_factor():
                dots += [len(factors)] if dot else []
                factors.append(self.factor())
            else:
                return self._product(factors, start, dots)

    def _product(self, factors, start, dots):
        return factors[0] if len(factors) == 1 else Product(tuple(factors), tuple(dots), at=self.span(start))

    def starts_factor(self):
        token = self.next
        if token.kind in ("num", "letter", "func", "ones", "identity"):
            return True
        bar = token.text in ("|", r"\|") and token.text not in self.bars
        return token.kind == "open" or bar or (token.kind == "op" and token.text in _STARTS)

    def factor(self):
        start = self.next.at[0]
        if self.take(r"\sum"):
            return self.index_sum(start)
        if self.next.kind == "func" and self.next.text == "mean":
            mean = self.index_mean(start)
            return self.marks(mean, start) if self.tokens[self.place - 1].kind == "close" else mean
        atom = self.atom()
        if isinstance(atom, _Operator):
            return self.gradient(start, self.deeper(self.entrywise), atom.wrt)
        return self.marks(atom, start)

    def index_mean(self, start):
        self.place += 1
        letters = None
        if self.take("_"):
            letters = self.letters(self.group())
            if letters and len(letters) > 1:
                self.fail("a mean needs one index")
        if self.next.text == "[" or not letters:
            inner = self.brackets(self.next.at[0]) if self.next.text in ("[", "(", r"\{") else self.fail()
            at = self.span(start)
            return IndexMean(letters[0], inner, at=at) if letters else BatchMean(inner, at=at)
        return IndexMean(letters[0], self.deeper(self.entrywise), at=self.span(start))

    def index_sum(self, start):
        limit, upper, conditions, letters, first = None, None, [], None, "1"
        while mark := self.take("_", "^"):
            group = self.group()
            if mark.text == "^":
                upper = group
            else:
                letters, limit, conditions, first = self.range_of_sum(group)
        if not letters:
            self.fail("a sum needs an index below it, as in \\sum_i")
        if upper:
            if first == "0" and [token.text for token in upper[-2:]] == ["-", "1"]:
                upper, first = upper[:-2], "1"
            limit = self.size(upper)
        if first != "1":
            self.fail("a sum begins at 1")
        body = self.deeper(self.entrywise)
        for condition in conditions:
            body = Product((Indicator(condition, at=condition.at), body), at=self.span(start))
        for letter in reversed(letters):
            body = IndexSum(letter, limit, body, at=self.span(start))
        return body

    def range_of_sum(self, group):
        """(letters, the size where a set or a comparison gives it, conditions, where it begins) of what is below."""
        texts = [token.text for token in group]
        if r"\in" in texts:
            cut = texts.index(r"\in")
            named = [text for text in texts[cut + 1 :] if text in self.notation.sizes]
            return self.letters(group[:cut]), named[-1] if named and "|" not in texts else None, [], "1"
        if r"\dots" in texts and "=" in texts:  # i = 1, …, m
            return self.letters(group[: texts.index("=")]), self.size(group[texts.index(r"\dots") + 2 :]), [], "1"
        if texts.count(r"\leq") + texts.count("<") == 2 and texts[0] in ("1", "0"):  # 1 ≤ i ≤ m
            one, two = (k for k, text in enumerate(texts) if text in (r"\leq", "<"))
            if (texts[0], texts[one], texts[two]) in (("1", r"\leq", r"\leq"), ("0", r"\leq", "<")):
                return self.letters(group[one + 1 : two]), self.size(group[two + 1 :]), [], "1"
        if texts[1:2] == [r"\leq"]:  # i ≤ m
            return self.letters(group[:1]), self.size(group[2:]), [], "1"
        letters, conditions, first = (), [], "1"
        for part in _between_commas(group):
            if any(token.text == r"\neq" for token in part):
                inner = self.inner(part)
                conditions.append(inner.condition(inner.sum()))
                letters = letters or self.letters(part[:1])
            else:
                found, first = self.first_of_sum(part)
                letters += found or ()
        return letters, None, conditions, first

    def first_of_sum(self, group):
        """(the index letters of "i=1" or "i", where they begin)."""
        cut = next((k for k, token in enumerate(group) if token.kind == "eq"), len(group))
        begins = [token.text for token in group[cut + 1 :]] or ["1"]
        if begins not in (["1"], ["0"]):
            self.fail("a sum begins at 1")
        return self.letters(group[:cut]), begins[0]

    def size(self, group):
        """The name of a size."""
        sizes = self.notation.sizes
        name = re.sub(r"[{},|]", "", "".join(token.text for token in group))
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
        if token.text == "(" and self.after_next:  # "a_(1B,i)", as some write without LaTeX
            first = self.place
            inner = self.braces()
            return inner if self.tokens[first - 1].text == "_" else self.tokens[first : self.place]
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

    def letters(self, group, *, any_letter=False):
        """The index letters of a group, ":" among them; None where there is something else in it.

        any_letter: whether each letter of one sign is one, not those of the notation alone.
        """
        letters, known = [], self.notation.indices
        for token in group:
            if token.text == "'" and letters and letters[-1] != ":":
                letters[-1] += "'"
            elif token.text in known or token.text == ":" or (any_letter and re.fullmatch("[a-z]", token.text)):
                letters.append(token.text)
            elif token.text not in (",", ";", "(", ")", "{", "}", "[", "]", "<", ">"):
                return None
        return tuple(letters) if all(letter.count("'") <= MAX_PRIMES for letter in letters) else None

    def marks(self, atom, start):
        """An atom with its subscripts, superscripts and primes."""
        for _ in range(MAX_MARKS):
            if self.take("_"):
                atom = self.subscript(atom, self.group(), start)
            elif self.take("'"):
                atom = Transpose(atom, at=self.span(start))
            elif self.take("^"):
                atom = self.superscript(atom, self.group(), start)
            else:
                return atom
        return self.fail("too many marks on one thing")

    def subscript(self, atom, group, start):
        texts = [token.text for token in group]
        if texts == ["+"]:
            return Call("relu", (atom,), at=self.span(start))
        if isinstance(atom, Name):
            return self.subscript_of_name(atom, group, start)
        if isinstance(atom, Norm) or (isinstance(atom, Power) and isinstance(atom.base, Norm)):
            return atom if texts in (["2"], ["F"]) else self.fail("norms are read as those of Euclid")
        if isinstance(atom, Transpose) and isinstance(atom.inner, Name):  # x^T_i is x_i^T
            return replace(atom, inner=self.subscript_of_name(atom.inner, group, start), at=self.span(start))
        if isinstance(atom, Power) and isinstance(atom.base, Name):
            return replace(atom, base=self.subscript_of_name(atom.base, group, start), at=self.span(start))
        letters = self.letters(group)
        if not letters:
            self.fail("below a bracket stand indices alone")
        return Entry(atom, letters, at=self.span(start))

    def subscript_of_name(self, name, group, start):
        symbol, notation = name.symbol, self.notation
        if any(token.text in COMPARISONS for token in group) and symbol in (IDENTITY, r"\chi"):
            return self.ones_with_subscript(group, start)
        if symbol in (IDENTITY, "E") and not name.below:
            size = self.size_of_identity(group)
            if size or (size is not None and symbol == IDENTITY):
                return Identity(size or None, at=self.span(start))
        if symbol in notation.loss + LOSS_LETTERS and self.is_gradient_below(group):
            return self.gradient(start, name, self.inner(group).whole())
        pair = self.letters(group, any_letter=all(token.text != "," for token in group))
        if symbol == KRONECKER and not name.below and len(pair or ()) == 2:
            return Name(symbol, pair, name.above, at=self.span(start))
        label, rest = "", [part for token in group for part in _subscript_pieces(token)]
        has_labels = notation.labels_of(symbol) or symbol not in notation.quantities
        if "_" not in symbol and not name.below and symbol[0] != "∂" and has_labels:
            label, rest = _split_label(rest, notation.labels_of(symbol), notation.indices)
        tokens = [Token("letter", text, (0, 0)) for text in rest]
        known = bool(label or notation.labels_of(symbol)) or symbol in notation.quantities
        letters = self.letters(tokens, any_letter=known)
        if letters is None:
            self.fail(f"`{''.join(rest)}` is no index ({', '.join(sorted(notation.indices))} are)")
        symbol = f"{symbol}_{label}" if label else symbol
        return Name(symbol, name.below + letters, name.above, at=self.span(start))

    def is_gradient_below(self, group):
        """Whether below the loss stands what it is differentiated by, L_{c_i}."""
        if group[0].text in self.notation.indices or not any(token.text == "_" for token in group):
            return group[0].text in (r"\beta", r"\gamma")
        return True

    def superscript(self, atom, group, start):
        texts = [token.text for token in group]
        if texts == ["+"]:
            return Call("relu", (atom,), at=self.span(start))
        if texts[0] == r"\circ" and len(group) > 1:  # x^{\circ 2}, entry by entry
            group = group[1:]
        while group:
            if group[0].text == "{" and len(group) == 3:
                group = group[1:-1]
            first, cut = group[0], len(group)
            opens = max((k for k, token in enumerate(group) if token.text in ("(", "[", "<")), default=0)
            closes = min((k for k, token in enumerate(group) if token.text in (")", "]", ">")), default=0)
            if first.text in TRANSPOSES:
                atom, cut = Transpose(atom, at=self.span(start)), 1
            elif label := self.label_above(atom, group):
                atom = replace(atom, symbol=f"{atom.symbol}_{label}", at=self.span(start))
            elif first.text in ("(", "[", "<") and closes and (letters := self.letters_above(atom, group[1:closes])):
                atom, cut = self.indexed(atom, letters, start), closes + 1
            elif all(t.text in self.notation.indices and t.text not in self.notation.sizes for t in group):
                atom = self.indexed(atom, tuple(token.text for token in group), start)
            else:
                if group[-1].text in TRANSPOSES:
                    cut -= 1
                elif group[-1].text in (")", "]") and opens and self.letters_above(atom, group[opens + 1 : -1]):
                    cut = opens
                exponent = _Parser(group[:cut], group[cut - 1].at[1], self.notation, self.depth).whole()
                atom = Power(atom, exponent, at=self.span(start))
            group = group[cut:]
        return atom

    def letters_above(self, atom, group):
        known = isinstance(atom, Name) and (atom.symbol in self.notation.quantities or "_" in atom.symbol)
        return self.letters(group, any_letter=known)

    def label_above(self, atom, group):
        """The label of a name that stands above it in brackets, z^{(2B)}; or ""."""
        if not isinstance(atom, Name) or "_" in atom.symbol:
            return ""
        if len(group) == 1 and not self.notation.labels_of(atom.symbol) and atom.symbol not in self.notation.quantities:
            return group[0].text if group[0].text in self.notation.all_labels - self.notation.indices else ""
        if group[0].text not in ("(", "[", "2", "1"):
            return ""
        pieces = [part for token in group for part in _subscript_pieces(token) if part not in ("(", ")", "[", "]")]
        text, labels = "".join(pieces).lower(), self.notation.labels_of(atom.symbol)
        if labels or atom.symbol in self.notation.quantities:
            return text if text in labels else ""
        bracketed = group[0].text in ("(", "[") and group[-1].text in (")", "]")
        return text if bracketed and re.fullmatch(r"\d?[a-z]+|\d", text) and self.letters(group) is None else ""

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
            special = {CASES: self.cases, MATRIX: self.matrix, r"\langle": self.angles}
            return special.get(token.text, self.brackets)(start)
        if token.kind == "func":
            return self.call(start)
        if token.kind == "num":
            self.place += 1
            if token.text == "1" and self.next.text == "_":
                return self.ones(token, start)
            return Number(token.text, at=self.span(start))
        if token.kind == "identity":
            self.place += 1
            size = self.size_of_identity(self.group()) if self.take("_") else None
            return Identity(size or None, at=self.span(start))
        if token.kind == "letter":
            self.place += 1
            if token.text in ("d", DIFFERENTIAL) and self.starts_name():
                return self.differential(start)
            return self.letter(token, start)
        if token.kind == "ones":
            self.place += 1
            return self.ones(token, start)
        if token.kind == "op" and token.text in _COMMANDS:
            self.place += 1
            return _COMMANDS[token.text](self, token, start)
        return self.fail()

    def letter(self, token, start):
        """A name, or a function that is applied."""
        name = Name("d" if token.text == DIFFERENTIAL else token.text, at=self.span(start))
        if token.text in self.notation.functions:
            here, primes = self.place, 0
            while primes < 2 and self.take_prime():
                primes += 1
            if self.next.text in ("(", "["):
                return AppliedLetter(token.text, primes, self.brackets(self.next.at[0]), at=self.span(start))
            self.place = here
        return name

    def size_of_identity(self, group):
        """The size below an identity, "n" or "n \\times n"; "" for a letter that names none; None for anything else."""
        texts = [token.text for token in group]
        if r"\cdot" in texts:
            texts = texts[: texts.index(r"\cdot")]
        name = re.sub(r"[{},|]", "", "".join(texts))
        name = name if name in self.notation.sizes else name[:2] + name[2:].lower()
        if name in self.notation.sizes:
            return name
        return "" if re.fullmatch("[a-zA-Z](_[a-zA-Z])?", name) else None

    def starts_name(self):
        token = self.next
        return (token.kind == "letter" and token.text != DIFFERENTIAL) or token.text in ACCENTS

    def differential(self, start):
        """After a d: "dz" is the gradient of the loss with respect to z, "dL/dz" too, "dL" is a differential."""
        inner = self.next.at[0]
        name = self.marks(self.plain_atom(), inner)
        if self.next.text == "/" and self.after_next in ("d", DIFFERENTIAL, r"\partial"):
            self.place += 2
            below = self.next.at[0]
            return self.gradient(start, name, self.marks(self.plain_atom(), below))
        return self.gradient(start, Name(self.notation.loss[0], at=name.at), name)

    def plain_atom(self):
        """An atom where d is a name like any other."""
        if self.next.text == "d":
            token = self.next
            self.place += 1
            return Name("d", at=token.at)
        return self.atom()

    def argument(self):
        """What a command takes: braces, or one token."""
        if self.next.kind == "num" and len(self.next.text) > 1:
            self.split_number()
        return self.atom()

    def root(self, token, start):
        if self.next.text == "[":
            self.fail("roots are read as square roots")
        return Root(self.argument(), at=self.span(start))

    def accent(self, token, start):
        inner = self.argument()
        if isinstance(inner, Name) and inner.symbol[0] != "∂" and inner.symbol.count(" ") < 2:
            return Name(f"{token.text} {inner.symbol}", inner.below, inner.above, at=self.span(start))
        if token.text == r"\bar":
            return BatchMean(inner, at=self.span(start))
        return self.fail(f"`{token.text}` stands on a letter")

    def norm(self, token, start):
        kind = Norm if token.text == r"\norm" else Absolute
        return kind(self.argument(), at=self.span(start))

    def two_arguments(self, token, start):
        """A derivative with its two arguments in braces, "\\pdv{L}{x}"."""
        above = self.argument()
        return self.gradient(start, above, self.argument())

    def with_a_note(self, token, start):
        """What stands above or below a brace, without the note on it."""
        inner = self.argument()
        while self.take("_", "^"):
            self.group()
        return replace(inner, at=self.span(start))

    def angles(self, start):
        """A mean over the samples, or the inner product of two."""
        self.place += 1
        outer, self.bars = self.bars, ()
        left = self.sum()
        right = self.sum() if self.take(",", "|") else None
        self.need(r"\rangle", "to close the angle")
        self.bars = outer
        if right is None and self.take("_"):
            letters = self.letters(self.group())
            kind = IndexMean if letters and len(letters) == 1 else self.fail("a mean needs one index")
            return kind(letters[0], left, at=self.span(start))
        at = self.span(start)
        return BatchMean(left, at=at) if right is None else InnerProduct(left, right, at=at)

    def matrix(self, start):
        """A matrix whose entries follow one rule: its first rows and columns, dots, and its last."""
        self.place += 1
        rows, depth = [[[]]], 0
        while depth or self.next.text != r"\end{matrix}":
            token = self.next
            depth += (token.kind == "open") - (token.kind == "close")
            if token.kind == "end":
                self.fail()
            if depth == 0 and token.kind == "nl":
                rows.append([[]])
            elif depth == 0 and token.text == "&":
                rows[-1].append([])
            else:
                rows[-1][-1].append(token)
            self.place += 1
        self.place += 1
        return self.entries(start, [row for row in rows if any(row)])

    def entries(self, start, rows):
        """The matrix or column whose entry in row q and column t is the same for all that are written."""
        width = max(map(len, rows))
        columns, height = [[row[k] if k < len(row) else [] for row in rows] for k in range(width)], len(rows)
        if height > 1 and width > 1 and height != width:
            self.fail("only square matrices and columns are read entry by entry")
        labels = self.labels_of_entries([rows, columns][width > 1 and height == 1], max(height, width))
        found = {}
        for r, row in enumerate(rows):
            for c, cell in enumerate(row):
                if not cell or all(token.kind == "dots" for token in cell):
                    continue
                names = {labels[c if height == 1 else r]: "q"}
                if height > 1 and width > 1 and r != c:
                    names[labels[c]] = "t"
                general = [_with_letter(cell, k, names) for k in range(len(cell))]
                known = found.setdefault(r == c or min(height, width) == 1, general)
                if [token.text for token in known] != [token.text for token in general]:
                    self.fail("the entries of this matrix follow no rule that is read")
        if not found:
            self.fail("this matrix has no entries")
        trees = {diagonal: self.inner(cell).whole() for diagonal, cell in found.items()}
        at = self.span(start)
        if min(height, width) == 1:
            column = Entries(trees[True], ("q",), at=at)
            return column if height > 1 else Transpose(column, at=at)
        same = Compare("=", Name("q"), Name("t"))
        zero = Number("0", at=at)
        rows = (Case(trees.get(True, zero), same), Case(trees.get(False, zero), None))
        return Entries(Cases(rows, at=at), ("q", "t"), at=at)

    def labels_of_entries(self, rows, count):
        """How the rows are numbered: 1, 2, …, n."""
        last = next((row for row in reversed(rows) if any(row)), None)
        dots = [all(token.kind == "dots" for cell in row for token in cell) for row in rows]
        sizes = [token.text for cell in (last or []) for token in cell if token.text in self.notation.sizes]
        end = sizes[0] if sizes and any(dots) else str(count)
        return [*(str(k + 1) for k in range(count - 1)), end]

    def argument_list(self, start):
        """A diagonal that is written out, diag(a_1, …, a_n); or None."""
        depth, cells, place = 0, [[]], self.place + 1
        while place < len(self.tokens):
            token = self.tokens[place]
            depth += (token.kind == "open") - (token.kind == "close")
            if depth < 0:
                break
            if depth == 0 and token.text == ",":
                cells.append([])
            else:
                cells[-1].append(token)
            place += 1
        if len(cells) < 2 or not any(token.kind == "dots" for token in cells[-2]):
            return None
        self.place = place + 1
        return self.entries(start, [[cell] for cell in cells])

    def between_bars(self, token, start):
        outer, self.bars = self.bars, (*self.bars, token.text)
        inner = self.sum()
        self.bars = outer
        self.need(token.text, "to close the bars")
        return (Norm if token.text == r"\|" else Absolute)(inner, at=self.span(start))

    def ones(self, token, start):
        if token.text == "1" and self.next.text == "_" and (zero := self.indicator_of_a_set(start)):
            return zero
        if token.text == "1" and self.next.text == "{":  # "𝟙{z > 0}", typed without the backslashes of LaTeX
            here = self.place
            group = self.braces()
            if any(token.text in COMPARISONS for token in group):
                return self.ones_with_subscript(group, start)
            self.place = here
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

    def indicator_of_a_set(self, start):
        """1 of the positive numbers, "\\mathbb 1_{>0}(z)"; or None."""
        here = self.place
        self.place += 1
        text = re.sub(r"[{}]", "", "".join(token.text for token in self.group()))
        signs = {"R_>0": ">", ">0": ">", r"(0,\infty)": ">", "R_+": ">", "R^+": ">", r"R_\geq0": r"\geq"}
        if text not in signs or self.next.text not in ("(", "["):
            self.place = here
            return None
        inner = self.brackets(self.next.at[0])
        at = self.span(start)
        return Indicator(Compare(signs[text], inner, Number("0"), at=at), at=at)

    def ones_with_subscript(self, group, start):
        if any(token.text == r"\cdot" for token in group):  # 1_{n × n}
            return Identity(self.size_of_identity(group) or self.fail(), at=self.span(start))
        if not any(token.text in COMPARISONS for token in group):
            return Ones(self.size(group), at=self.span(start))
        inside = self.inner(group)
        if inside.next.kind == "open" and inside.tokens[-1].kind == "close":
            return replace(inside.atom(), at=(start, group[-1].at[1]))
        return Indicator(inside.condition(inside.sum()), at=self.span(start))

    def condition(self, left):
        start, comparisons = left.at[0], [self.comparison(left)]
        while self.take_and():
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
        inner = self.sum_or_fraction()
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
            while self.take(",", "&") or self.take_if():
                pass
            if self.next.kind == "word":
                self.place += 1
                rows.append(Case(value, None))
            else:
                rows.append(Case(value, self.condition(self.sum())))
            while self.take(",", ".", ";") or self.next.kind == "nl":
                self.place += self.next.kind == "nl"
        return Cases(tuple(rows), at=self.span(start)) if rows else self.fail("cases are empty")

    def take_and(self):
        """Whether another condition follows: a sign, a word, or a comma that is not at the end of a line."""
        if self.next.text == "," and self.after_next not in ("", r"\\", "\n", r"\end{cases}", "&"):
            self.place += 1
            return True
        if self.next.kind == "word" and self.next.text.strip().lower() in AND_WORDS:
            self.place += 1
            return True
        return bool(self.take(r"\wedge"))

    def take_if(self):
        """A word before a condition, "if"."""
        words = re.findall(r"\w+", self.next.text.lower()) if self.next.kind == "word" else []
        self.place += bool(words) and words[0] in IF_WORDS
        return bool(words) and words[0] in IF_WORDS

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
        written_out = self.argument_list(start) if name == "diag" and not bare else None
        inner = written_out or self.atom()
        inner = self.marks(inner, inner.at[0]) if bare else inner
        return Call(name, (inner,), at=self.span(start))

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
        if self.next.text == "{" and (differential := self.differential_above()):
            self.place += 2
            above = None
            if self.next.text != "}":
                first = self.next.at[0]
                above = self.marks(self.plain_atom(), first)
                if self.next.text in ("(", "[") and isinstance(above, Name):  # L(\theta)
                    self.brackets(self.next.at[0])
            self.need("}", "after what is differentiated: one name")
            self.need("{", "")
            return self.derivative(start, above, differential)
        above = self.argument()
        return Quotient(above, self.argument(), at=self.span(start))

    def differential_above(self):
        """The sign of a derivative's fraction, "\\partial" or a d above and below the bar; or ""."""
        sign = self.after_next
        if sign not in (r"\partial", "d", DIFFERENTIAL):
            return ""
        depth = 0
        for place in range(self.place, len(self.tokens) - 2):
            depth += (self.tokens[place].kind == "open") - (self.tokens[place].kind == "close")
            if depth == 0:
                below = self.tokens[place + 1 : place + 4]
                is_name = len(below) == 3 and (below[2].kind in ("letter", "open", "func") or below[2].text in ACCENTS)
                starts = is_name and below[0].text == "{" and below[1].text in (r"\partial", "d", DIFFERENTIAL)
                return below[1].text if starts else ""
        return ""

    def inline_derivative(self, token, start):
        if self.take("_"):
            below = self.inner(self.group()).whole()
            return self.gradient(start, self.marks(self.atom(), start), below)
        above = self.marks(self.plain_atom(), start)
        self.need("/", "between ∂ and ∂")
        return self.derivative(start, above, r"\partial", inline=True)

    def derivative(self, start, above, differential, inline=False):
        self.need(differential, "below")
        first = self.next.at[0]
        below = self.marks(self.plain_atom(), first)
        if not inline:
            self.need("}", "after one name")
        return self.gradient(start, above, below)

    def nabla(self, token, start):
        self.need("_", "after \\nabla")
        below = self.inner(self.group()).whole()
        above = self.marks(self.atom(), start)
        if isinstance(above, Name) and above.symbol in LOSS_LETTERS and self.next.text == "(":
            self.brackets(self.next.at[0])  # L(\theta)
        return self.gradient(start, above, below)

    def gradient(self, start, above, below):
        at = self.span(start)
        if isinstance(below, Transpose):
            return Transpose(self.gradient(start, above, below.inner), at=at)
        if isinstance(below, Call) and below.function == "vec":
            return Call("vec", (self.gradient(start, above, below.arguments[0]),), at=at)
        if isinstance(below, Entry) and isinstance(below.inner, Name | Power):
            gradient = self.gradient(start, above, below.inner)
            return Entry(gradient, below.letters, at=at) if gradient is not below else gradient
        if isinstance(below, Power) and isinstance(below.base, Name) and below.exponent == Number("2"):
            letter, _, label = below.base.symbol.partition("_")  # \sigma_B^2 is a quantity of its own
            below = replace(below.base, symbol=f"{letter}^2" + (f"_{label}" if label else ""))
        if not isinstance(below, Name):
            self.fail("a slope is taken along one named thing")
        if above is None:
            return _Operator(below, at=at)
        if isinstance(above, Name) and above.symbol in (*self.notation.loss, *LOSS_LETTERS):
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
    r"\norm": _Parser.norm,
    r"\abs": _Parser.norm,
    r"\pdv": _Parser.two_arguments,
    **dict.fromkeys((r"\underbrace", r"\overbrace"), _Parser.with_a_note),
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
    if token.text.startswith(r"\mathrm{"):
        return list(token.text[8:-1])
    return list(token.text) if token.kind in ("word", "num") else [token.text]


def _between_commas(group):
    """The tokens between the commas and semicolons of a group."""
    parts = [[]]
    for token in group:
        if token.text in (",", ";"):
            parts.append([])
        elif token.text not in ("{", "}"):
            parts[-1].append(token)
    return [part for part in parts if part]


def _with_letter(cell, place, names):
    """A token of a matrix's cell; the number of a row or a column, as an index, is a letter."""
    token, before = cell[place], [other.text for other in cell[:place] if other.text != "{"][-1:]
    depth = 0
    for k in range(place - 1, -1, -1):  # the bracket around it, if one begins after _ or ^
        depth += (cell[k].kind == "close") - (cell[k].kind == "open")
        if depth < 0:
            depth = 0
            if k and cell[k - 1].text in ("_", "^"):
                before = ["_"]
                break
    is_index = before and before[0] in ("_", "^")
    return replace(token, kind="letter", text=names[token.text]) if is_index and token.text in names else token


def _split_label(texts, known, indices):
    """(label, the indices that follow): z_{1Ai} is z_1a of sample i, g_{a,i} is g_a of sample i."""
    for label in known:
        if "".join(texts[: len(label)]).lower() == label:
            rest = texts[len(label) :]
            return label, rest[1:] if rest[:1] == [","] else rest
        if texts[-len(label) - 1 :] == [",", *texts[-len(label) :]] and "".join(texts[-len(label) :]).lower() == label:
            return label, texts[: -len(label) - 1]  # z_{i,2B}
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


# ---------------------------------------------------------------------------------------------------------------------
# Differentials: dL = tr(G^T dV) says that G is the gradient


def _untransposed(statement):
    """A statement "X^T = R" as that on X."""
    left = statement.sides[0]
    if len(statement.sides) < 2 or not isinstance(left, Transpose) or not isinstance(left.inner, Name | Derivative):
        return statement
    return replace(statement, sides=(left.inner, *(Transpose(side, at=side.at) for side in statement.sides[1:])))


def gradient_of_differential(statement, notation):
    """A statement "dL = tr(…)" as that on the gradient, "vec(X) = …" as that on X; any other as it is."""
    left, body = statement.sides[0], statement.sides[-1]
    if len(statement.sides) < 2:
        return statement
    if isinstance(left, Call) and left.function == "vec":
        return replace(statement, sides=(left.arguments[0], Call("unvec", (body,), at=body.at)))
    if left != Name("∂" + notation.loss[0]):
        return statement
    found = _gradient_in(body, "∂" + notation.loss[0])
    return replace(statement, sides=(found[0], replace(found[1], at=body.at))) if found else statement


def _gradient_in(node, loss):
    """(what the differential in a scalar expression is of, the gradient); or None."""
    if isinstance(node, Call) and node.function == "tr":
        return _gradient_in(node.arguments[0], loss)
    if isinstance(node, InnerProduct):
        pairs = ((node.left, node.right), (node.right, node.left))
        return next(((b, a) for a, b in pairs if _is_differential(b, loss)), None)
    if isinstance(node, Negative):
        found = _gradient_in(node.inner, loss)
        return found and (found[0], Negative(found[1], at=node.at))
    if isinstance(node, Quotient):
        found = _gradient_in(node.numerator, loss)
        return found and (found[0], Quotient(found[1], node.denominator, at=node.at))
    if isinstance(node, IndexSum):
        found = _gradient_in(node.body, loss)
        summed = found and node.letter not in found[0].below + found[0].above
        return (found[0], replace(node, body=found[1])) if summed else found
    if not isinstance(node, Product):
        return None
    return _gradient_in_product(node, loss)


def _gradient_in_product(node, loss):
    for k, factor in reversed(list(enumerate(node.factors))):
        plain = factor.inner if isinstance(factor, Transpose) else factor
        rest = (*node.factors[k + 1 :], *node.factors[:k])
        if _is_differential(plain, loss) and rest:
            gradient = rest[0] if len(rest) == 1 else Product(rest, at=node.at)
            return plain, gradient if plain is not factor else Transpose(gradient, at=node.at)
        found = _gradient_in(factor, loss) if isinstance(factor, Call | InnerProduct | IndexSum | Product) else None
        if found and rest:
            return found[0], Product((*rest, found[1]), at=node.at)
    return None


def _is_differential(node, loss):
    return isinstance(node, Name) and node.symbol[0] == "∂" and node.symbol != loss

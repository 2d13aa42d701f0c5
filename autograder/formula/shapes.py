"""The shapes of a tree: what each piece means as an array.

What a product means is decided by shapes, never by numbers. What x_i holds is a column; its indices are axes of their
own. A letter's range is the axis that it is used on.

Each function takes a piece of the tree and its surroundings, and returns an `arrays.Array`. Trees, surroundings and
arrays do not change. What is learnt on the way, such as the ranges of index letters, is collected in a `Progress`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from .arrays import (
    NUMBER,
    Applied,
    Choice,
    Constant,
    Diagonal,
    DiagonalMatrix,
    Elementwise,
    FrobeniusNorm,
    Gathered,
    IdentityMatrix,
    KroneckerProduct,
    MatrixProduct,
    OnesColumn,
    Position,
    Reduction,
    Selection,
    SizeNumber,
    Sizes,
    Softmax,
    Stacked,
    StepDerivative,
    Stored,
    Total,
    Transposed,
    Unknown,
    Unpacked,
    describe,
)
from .errors import FormulaError, ShapeError
from .notation import DERIVATIVES, EULER, IDENTITY, KRONECKER, Notation, Symbol
from .tree import (
    Absolute,
    AppliedLetter,
    BatchMean,
    Both,
    Call,
    Cases,
    Compare,
    Derivative,
    Entries,
    Entry,
    Entrywise,
    Identity,
    IndexMean,
    IndexSum,
    Indicator,
    InnerProduct,
    Kronecker,
    Name,
    Negative,
    Norm,
    Number,
    Ones,
    Power,
    Product,
    Quotient,
    Root,
    Sum,
    Transpose,
    nodes,
    with_children,
)
from .typesetting import text_of

MAX_LETTERS, MAX_WORK = 10, 2_000_000
TYPICAL_SIZE = 7  # the largest size of a draw, for the bound on what is computed
COLUMNS, ROWS = "columns", "rows"
UNIT = "unit"  # the index letter of a unit vector's entries
BAR = r"\bar "  # how the name of a barred letter begins
DIRECTION = "∂"  # the index letters along which a derivative is taken begin with it


@dataclass(frozen=True)
class Rules:
    """How a whole formula is read.

    definitions: {name: (left side, body)}. samples: whether the samples of a batch stand in ROWS or COLUMNS.
    changes: the kinds of change that are allowed, of "sample", "feature", "range", "entrywise", "one sample",
    "samples above", "adjoint bars", "step at 0", "inner" (products with a dot) and "stacked".
    asked, jacobians, functions: as `key`, `jacobians` and `functions` of a Target. source: the string that was read.
    """

    notation: Notation
    symbols: Mapping[str, Symbol | None]
    definitions: Mapping[str, tuple]
    samples: str
    changes: frozenset
    asked: str | None
    jacobians: tuple
    functions: Mapping[str, str]
    source: str

    def text(self, node):
        return text_of(node, self.source, self.notation)

    def describe(self, shape):
        return describe(shape, self.notation.size_names)


@dataclass
class Progress:
    """What is known so far while a formula's shapes are found.

    positions: {index letter: its axis}. repairs: {kind: what was changed}. has_batch: whether a symbol stood for the
    whole batch. defined: {(name, direction): (array, {letter of the left side: size}, {free letter: size})}.
    """

    sizes: Sizes = field(default_factory=Sizes)
    positions: dict = field(default_factory=dict)
    repairs: dict = field(default_factory=dict)
    defined: dict = field(default_factory=dict)
    has_batch: bool = False
    work: int = 0

    def add_letter(self, letter):
        if letter not in self.positions:
            if len(self.positions) >= MAX_LETTERS:
                raise FormulaError(f"More than {MAX_LETTERS} index letters are not read.")
            self.positions[letter] = len(self.positions)
        return letter

    def note(self, kind, change):
        self.repairs.setdefault(kind, []).append(change)


@dataclass(frozen=True)
class Surroundings:
    """Where a piece stands.

    bound: (letter, size) of the left side's letters and of the sums around, the innermost last. free: those of other
    letters, in the order of their first use. direction: (key, axes) of the symbol that everything is moved along, or
    None. comparing: within a comparison, where an index is a number. defining: the definitions around. sample: the
    letter of the sample that a symbol without an index belongs to; None where it stands for the batch.
    """

    rules: Rules
    progress: Progress
    sizes: Sizes
    bound: tuple = ()
    free: dict = field(default_factory=dict)
    direction: tuple | None = None
    comparing: bool = False
    defining: frozenset = frozenset()
    sample: str | None = None

    def within(self, letter, size):
        """Inside a sum over a letter."""
        return replace(self, bound=(*self.bound, (self.progress.add_letter(letter), size)))

    def range(self, letter):
        """A letter's range; a letter that is new is free."""
        for known, size in reversed(self.bound):
            if known == letter:
                return size
        if letter == self.sample:
            return self.rules.notation.samples
        if letter not in self.free:
            self.free[self.progress.add_letter(letter)] = Unknown()
        return self.free[letter]

    def knows(self, letter):
        return letter in self.free or any(known == letter for known, _ in self.bound)

    def repairs(self, kind):
        return kind in self.rules.changes


def surroundings(rules):
    """Those of a whole formula."""
    progress = Progress()
    return Surroundings(rules, progress, progress.sizes)


def shape(node, around):
    """The Array that a piece means.

    Raises:
        FormulaError: it has none; with the place. A ShapeError where shapes do not fit.
    """
    return _RULES[type(node)](node, around)


def _make(kind, node, around, dimensions, letters, *values, inner=1):
    """An Array of this kind, whose cost is counted: `inner` products or sums an entry."""
    dimensions = tuple(map(around.sizes.of, dimensions))
    count = len(letters) + sum(size != "1" for size in dimensions)
    around.progress.work += inner * TYPICAL_SIZE**count
    if around.progress.work > MAX_WORK:
        raise FormulaError("This is more than is computed: fewer indices, or smaller sums.", node.at)
    return kind(dimensions, frozenset(letters), *values)


# ---------------------------------------------------------------------------------------------------------------------
# Names and numbers


def _shape_number(node, around):
    return _make(Constant, node, around, NUMBER, (), float(node.text))


def _shape_ones(node, around):
    written = around.rules.notation.sizes[node.size] if node.size is not None else None
    size = written if written and not around.repairs("range") else Unknown()
    if written and around.repairs("range"):
        around.progress.note("range", (node, size, written))
    return _make(OnesColumn, node, around, (size, "1"), (), size, around.rules.text(node), node.at)


def _shape_identity(node, around):
    size = around.rules.notation.sizes[node.size] if node.size else Unknown()
    return _make(IdentityMatrix, node, around, (size, size), (), size, around.rules.text(node), node.at)


def _shape_name(node, around):
    rules, name = around.rules, node.symbol
    if name in rules.definitions:
        return _shape_defined(node, around)
    if name in rules.symbols:
        return _shape_symbol(node, around)
    if name.startswith(BAR) and (meant := _without_bar(node, around)):
        return shape(meant, around)
    notation, plain = rules.notation, not node.below and not node.above
    if plain and (name in notation.indices or name == UNIT) and (around.comparing or around.knows(name)):
        return _shape_position(node, name, around)
    if name in notation.sizes and not node.above:
        return _make(SizeNumber, node, around, NUMBER, (), notation.sizes[name])
    if name == IDENTITY and not node.below:
        size = Unknown()
        return _make(IdentityMatrix, node, around, (size, size), (), size, rules.text(node), node.at)
    if name in (KRONECKER, IDENTITY) and len(node.below) + len(node.above) == 2:
        return _shape_kronecker(node, around)
    if name == EULER and len(node.below) == 1 and not node.above:  # a unit vector
        is_one = Indicator(Compare("=", Name(UNIT), Name(node.below[0]), at=node.at), at=node.at)
        vector = _shape_entries(Entries(is_one, (UNIT,), at=node.at), replace(around, comparing=True))
        around.sizes.make_equal(vector.shape[0], around.range(node.below[0]))
        return vector
    if name.startswith("∂"):
        raise FormulaError(
            f"You may not build upon {rules.text(node)} here: say what it is, on a line of its own.", node.at
        )
    raise FormulaError(f"{rules.text(node)} is no symbol of the notation page, and no line says what it is.", node.at)


def _without_bar(node, around):
    """What a barred letter is that no line defines: the loss's gradient, or a mean over the samples; or None."""
    base = node.symbol.removeprefix(BAR)
    if around.repairs("adjoint bars"):
        return replace(node, symbol=f"∂{base}")
    if base in around.rules.symbols or base in around.rules.definitions:
        return BatchMean(replace(node, symbol=base), at=node.at)
    return None


def _shape_symbol(node, around):
    symbol = around.rules.symbols[node.symbol]
    if symbol is None:
        raise FormulaError(f"{around.rules.text(node)} is what is asked, or comes after it.", node.at)
    moved = [f"{DIRECTION}{k}" for k in range(len(around.direction[1]))] if around.direction else []
    source = Stored(symbol.key, around.direction)
    return _select(node, around, source, list(symbol.axes), node.below, node.above, moved)


def _shape_position(node, letter, around):
    return _make(Position, node, around, NUMBER, (letter,), letter, around.range(letter), node.at)


def _shape_kronecker(node, around):
    left, right = (_shape_position(node, letter, around) for letter in (*node.below, *node.above))
    around.sizes.make_equal(*map(around.range, (*node.below, *node.above)))
    return _make(Elementwise, node, around, NUMBER, left.letters | right.letters, "=", left, right)


# ---------------------------------------------------------------------------------------------------------------------
# Indices


def _select(node, around, source, axes, below, above, more, as_matrix=True):
    """The array of a source with these axes (then those of `more`, which have letters already), with its indices."""
    sizes = around.sizes
    of_samples = bool(axes) and sizes.of(axes[0]) == around.rules.notation.samples
    given = _assign(node, around, axes, below, above, of_samples)
    indexed = [k for k, letter in enumerate(given) if letter is not None]
    kept = [k for k, letter in enumerate(given) if letter is None]
    names = [*(given[k] for k in indexed), *more]
    for letter in more:
        around.progress.add_letter(letter)
    if len(kept) > 2:
        raise FormulaError(f"{around.rules.text(node)} has more than two axes: give it its indices.", node.at)
    if of_samples and 0 in kept:
        around.progress.has_batch = True
        if len(kept) == 2 and around.rules.samples == COLUMNS:
            kept = kept[::-1]
    dimensions = [axes[k] for k in kept]
    as_row = as_matrix and not of_samples and len(axes) == 2 and kept == [1]
    dimensions = ["1", *dimensions] if as_row else dimensions
    dimensions = [*dimensions, "1", "1"][:2]
    return _make(Selection, node, around, dimensions, set(names), source, indexed, kept, len(axes), as_row, names)


def _assign(node, around, axes, below, above, of_samples):
    """The letter of each axis, or None."""
    below, above = list(below), list(above)
    given = [None] * len(axes)
    places = range(len(axes))
    if of_samples:
        if around.repairs("sample"):
            below, above = _with_sample_index(node, around, below, above)
        if around.repairs("samples above") and above and len(below) + len(above) <= len(axes):
            below, above = [above[0], *below], above[1:]
        if around.sample and _lacks_its_sample(around, axes, below, above):
            below = [around.sample, *below]
        if below:
            first = below.pop(0)
            given[0] = None if first == ":" else first
        places = range(1, len(axes))
    rest = below + above
    if len(rest) > len(places):
        raise ShapeError(f"{around.rules.text(node)} has an index too many: it has no such axis.", node.at)
    for letter, place in zip(rest, places, strict=False):
        given[place] = None if letter == ":" else letter
    if around.repairs("feature") and not rest and not of_samples:
        _add_feature_index(node, around, axes, given)
    for letter, size in zip(given, axes, strict=True):
        if letter is not None:
            _check_range(node, around, letter, size)
    return given


def _lacks_its_sample(around, axes, below, above):
    """Whether the indices of a symbol of the batch are those of its entries, or none, and it belongs to one sample."""
    if not around.repairs("one sample"):
        return not below
    if len(below) + len(above) >= len(axes):
        return False
    return not below or around.sizes.of(around.range(below[0])) != around.rules.notation.samples


def _check_range(node, around, letter, size):
    if not around.sizes.make_equal(around.range(letter), size):
        names = around.rules.notation.size_names
        one, other = (names.get(around.sizes.of(s), "?") for s in (around.range(letter), size))
        raise ShapeError(
            f"{letter} runs to {one}, but {around.rules.text(node)} has it on an axis of {other}.", node.at
        )
    around.progress.add_letter(letter)


def _with_sample_index(node, around, below, above):
    """Indices with that of the sample, where it is missing."""
    inner = _sample_letter(around)
    samples = around.rules.notation.samples
    if len(below) == 1 and not above and inner not in (None, below[0]):  # a lone index that is an entry's
        size = around.sizes.of(around.range(below[0]))
        if size != samples and type(size) is not Unknown:
            below, above = [], below
    if not below and inner:
        below = [inner]
        around.progress.note("sample", (node, inner))
    return below, above


def _sample_letter(around):
    """The letter of the innermost sum over the samples; or i, if its range is not known; or None."""
    sizes = around.sizes
    scope = [(letter, sizes.of(size)) for letter, size in (*reversed(around.bound), *around.free.items())]
    letters = [letter for letter, size in scope if size == around.rules.notation.samples]
    letters += [letter for letter, size in scope if type(size) is Unknown and letter == "i"]
    return letters[0] if letters else None


def _add_feature_index(node, around, axes, given):
    """Give a vector of features the index of a feature, where there is one."""
    features = around.rules.notation.features
    if list(map(around.sizes.of, axes)) != [features]:
        return
    scope = (*reversed(around.free.items()), *around.bound)
    letter = next((letter for letter, size in scope if around.sizes.of(size) == features), None)
    if letter:
        given[0] = letter
        around.progress.note("feature", (node, letter))


def _shape_entry(node, around):
    if len(node.letters) < 3 and not any(map(around.knows, node.letters)) and _is_of_entries(node, around):
        return _shape_entries(Entries(node.inner, node.letters, at=node.at), around)
    array = shape(node.inner, around)
    kept, axes, turned = _axes_of(array.shape, around)
    more = tuple(sorted(array.letters))
    source = Unpacked(array, {}, kept, turned, more, node.at)
    of_sample = bool(axes) and around.sizes.of(axes[0]) == around.rules.notation.samples and len(node.letters) == 1
    below, above = ((), node.letters) if of_sample else (node.letters, ())
    return _select(node, around, source, axes, below, above, more)


def _is_of_entries(node, around):
    """Whether brackets hold an entry, so that the indices below make a matrix of it: "(\\delta_{jk})_{jk}"."""
    names = [name for name in nodes(node.inner) if isinstance(name, Name)]
    return all(any(letter in (*name.below, *name.above) for name in names) for letter in node.letters)


def _axes_of(dimensions, around):
    """(which of rows and columns are axes, their sizes, whether they are exchanged to have the samples first)."""
    sizes = around.sizes
    kept = [k for k, size in enumerate(dimensions) if sizes.of(size) != "1"]
    axes = [dimensions[k] for k in kept]
    samples_last = len(axes) == 2 and sizes.of(axes[1]) == around.rules.notation.samples
    turned = samples_last and around.rules.samples == COLUMNS
    return kept, axes[::-1] if turned else axes, turned


# ---------------------------------------------------------------------------------------------------------------------
# Definitions


def definition(node, name, around):
    """(array, {letter of the left side: size}, {free letter: size}) of a definition, for the name that uses it."""
    key = (name, around.direction, around.sample)
    if key in around.defining:
        raise FormulaError(f"{around.rules.text(node)} is defined by itself.", node.at)
    if key not in around.progress.defined:
        left, body = around.rules.definitions[name]
        inside = replace(around, bound=(), free={}, defining=around.defining | {key})
        letters = [letter for letter in (*left.below, *left.above) if letter != ":"]
        parameters = {letter: inside.range(letter) for letter in dict.fromkeys(letters)}
        around.progress.defined[key] = (shape(body, inside), parameters, inside.free)
    return around.progress.defined[key]


def _shape_defined(node, around):
    name = node.symbol
    body, parameters, ranges = definition(node, name, around)
    more = tuple(sorted(body.letters - set(parameters)))
    for letter in more:
        known = letter[0] == DIRECTION or letter == around.sample
        if not known and not around.sizes.make_equal(around.range(letter), ranges[letter]):
            raise ShapeError(f"{letter} has two ranges: here, and in the line of {around.rules.text(node)}.", node.at)
    kept, axes, turned = _axes_of(body.shape, around)
    source = Unpacked(body, parameters, kept, turned, more, node.at, (name, around.direction, around.sample))
    all_axes = [*parameters.values(), *axes]
    array = _select(node, around, source, all_axes, node.below, node.above, more, as_matrix=len(axes) == 2)
    if kept == [1] and len(node.below) + len(node.above) == len(parameters):  # a row stays one
        return _transposed(node, array, around)
    return array


# ---------------------------------------------------------------------------------------------------------------------
# Entry by entry


@dataclass(frozen=True)
class _Pair:
    """Two arrays taken together: their shape, and which is transposed first, "left", "right" or None."""

    shape: tuple
    letters: frozenset
    turned: str | None = None


def _together(a, b, left, right, around, verb):
    """The _Pair of two arrays, entry by entry; a vector of features is laid along a batch."""
    sizes, letters = around.sizes, a.letters | b.letters
    one, two = a.shape, b.shape
    if not sizes.wide(two):
        return _Pair(one, letters)
    if not sizes.wide(one):
        return _Pair(two, letters)
    fits = sizes.may_equal(one[0], two[0]) and sizes.may_equal(one[1], two[1])
    if fits and sizes.make_equal(one[0], two[0]) and sizes.make_equal(one[1], two[1]):
        return _Pair(one, letters)
    for small, big, side in ((one, two, "left"), (two, one, "right")):
        turned = _laid_along(small, big, around, verb)
        if turned is not None:
            return _Pair(big, letters, side if turned else None)
    what = f"they cannot be taken together {verb}" if verb == "entry by entry" else f"they cannot be {verb}"
    text, words = around.rules.text, around.rules.describe
    raise ShapeError(
        f"{text(left)} is {words(map(sizes.of, one))} and {text(right)} is {words(map(sizes.of, two))}: {what}.",
        (left.at[0], right.at[1]),
        [("transpose", left.at), ("transpose", right.at)],
    )


def _laid_along(small, big, around, verb):
    """Whether a vector has to be transposed to be laid along a matrix; None where it cannot be."""
    sizes, samples = around.sizes, around.rules.notation.samples
    vector = sizes.wide(small)
    if len(vector) != 1 or len(sizes.wide(big)) != 2:
        return None
    is_column = sizes.of(small[1]) == "1"
    of_batch = samples in map(sizes.of, big)
    if is_column and sizes.may_equal(small[0], big[0]) and (of_batch or verb == "entry by entry"):
        sizes.make_equal(small[0], big[0])
        return False
    if sizes.of(big[0]) == samples and sizes.may_equal(vector[0], big[1]):
        sizes.make_equal(vector[0], big[1])
        return is_column
    return None


def _combined(node, a, b, left, right, around, operation, verb):
    pair = _together(a, b, left, right, around, verb)
    return _make(Elementwise, node, around, pair.shape, pair.letters, operation, a, b, pair.turned)


def _fold(node, items, around, meet):
    """Items taken together from the left, by meet(array, array, node, node)."""
    total, span = shape(items[0], around), items[0]
    for k, item in enumerate(items[1:], 2):
        total = meet(total, shape(item, around), span, item)
        span = part_of(node, items, k) if k < len(items) else node
    return total


def part_of(node, items, count):
    """A sum or product of the first `count` items alone."""
    return type(node)(items[:count], at=(items[0].at[0], items[count - 1].at[1]))


def _all_combined(operation, verb, names):
    """The rule for a node whose items, in the field `names`, are taken together entry by entry."""

    def rule(node, around):
        def meet(a, b, left, right):
            return _combined(node, a, b, left, right, around, operation, verb)

        return _fold(node, getattr(node, names), around, meet)

    return rule


def _shape_quotient(node, around):
    a, b = shape(node.numerator, around), shape(node.denominator, around)
    if _is_plain_matrix(b, around):
        words = around.rules.describe(map(around.sizes.of, b.shape))
        raise FormulaError(
            f"{around.rules.text(node.denominator)} is {words}: nothing is divided by it.", node.denominator.at
        )
    return _combined(node, a, b, node.numerator, node.denominator, around, "/", "divided")


def _is_plain_matrix(array, around):
    """Whether it is a matrix that is no batch of vectors."""
    sizes = around.sizes
    return len(sizes.wide(array.shape)) == 2 and around.rules.notation.samples not in map(sizes.of, array.shape)


def _shape_compare(node, around):
    inside = replace(around, comparing=True)
    a, b = shape(node.left, inside), shape(node.right, inside)
    return _combined(node, a, b, node.left, node.right, around, node.sign, "compared")


def _shape_cases(node, around):
    arrays = [shape(row.value, around) for row in node.rows]
    tests = [shape(row.condition, around) if row.condition else None for row in node.rows]
    result = _make(Constant, node, around, NUMBER, (), 0.0)
    for array, test, row in reversed(list(zip(arrays, tests, node.rows, strict=True))):
        if test is None:
            result = array
            continue
        pair = _together(array, result, row.value, row.value, around, "compared")
        whole = _together(test, pair, row.condition, row.value, around, "compared")
        turned = (pair.turned, whole.turned)
        result = _make(Choice, node, around, whole.shape, whole.letters, test, array, result, *turned)
    return result


# ---------------------------------------------------------------------------------------------------------------------
# Products, powers and functions


def _shape_kronecker_product(node, around):
    a, b = shape(node.left, around), shape(node.right, around)
    letters, one = a.letters | b.letters, around.sizes
    columns = all(one.of(array.shape[1]) == "1" and one.of(array.shape[0]) != "1" for array in (a, b))
    if columns and not around.repairs("stacked"):
        turned = _make(Transposed, node.right, around, b.shape[::-1], b.letters, b)
        return _make(MatrixProduct, node, around, (a.shape[0], b.shape[0]), letters, a, turned)
    sizes = tuple(
        right if one.of(left) == "1" else left if one.of(right) == "1" else (left, right)
        for left, right in zip(a.shape, b.shape, strict=True)
    )
    return _make(KroneckerProduct, node, around, sizes, letters, a, b, inner=TYPICAL_SIZE)


def _shape_inner_product(node, around):
    product = _all_combined("*", "entry by entry", "factors")(Entrywise((node.left, node.right), at=node.at), around)
    return _make(Total, node, around, NUMBER, product.letters, product, False)


def _shape_trace(node, array, inner, around):
    if not around.sizes.make_equal(*array.shape):
        words = around.rules.describe(map(around.sizes.of, array.shape))
        raise ShapeError(f"{around.rules.text(inner)} is {words}, and a trace is of a square matrix.", node.at)
    return _make(Total, node, around, NUMBER, array.letters, array, True)


def _shape_vec(node, array, inner, around):
    rows, columns = map(around.sizes.of, array.shape)
    if columns == "1":
        return array
    return _make(Stacked, node, around, ((columns, rows), "1"), array.letters, array, False)


def _shape_unvec(node, array, inner, around):
    size = around.sizes.of(array.shape[0])
    if type(size) is not tuple or len(size) != 2:
        words = around.rules.describe(map(around.sizes.of, array.shape))
        raise ShapeError(f"{around.rules.text(inner)} is {words}, and no column of stacked columns.", node.at)
    return _make(Stacked, node, around, size[::-1], array.letters, array, True)


def _shape_entries(node, around):
    sizes, inside = [Unknown() for _ in node.letters], around
    for letter, size in zip(node.letters, sizes, strict=True):
        inside = inside.within(letter, size)
    array = shape(node.inner, inside)
    if around.sizes.wide(array.shape):
        raise ShapeError("Each entry of a matrix is a number.", node.at)
    if len(sizes) == 2:
        around.sizes.make_equal(*sizes)
    dimensions = (*sizes, "1")[:2]
    letters = array.letters - set(node.letters)
    return _make(Gathered, node, around, dimensions, letters, array, node.letters, tuple(sizes), node.at)


def _shape_applied(node, around):
    """A letter before brackets: a function of the formula's own, an array times what is in the brackets, or a function
    that the letter stands for in this assignment."""
    rules, symbol = around.rules, node.symbol
    if own := rules.definitions.get(f"{symbol}()"):
        return shape(_own_function(node, *own, around), around)
    is_symbol = rules.symbols.get(symbol) and not node.primes and not isinstance(node.inner, Name)
    if symbol in rules.definitions or is_symbol:
        name = Name(symbol, at=(node.at[0], node.at[0] + len(symbol)))
        for _ in range(node.primes):
            name = Transpose(name, at=name.at)
        return shape(Product((name, node.inner), at=node.at), around)
    function = rules.functions.get(symbol) or rules.notation.functions.get(symbol)
    if node.primes:
        function = DERIVATIVES.get(function)
    if not function or node.primes > 1:
        raise FormulaError(f"{rules.text(node)}: which function is meant cannot be told.", node.at)
    return shape(Call(function, (node.inner,), at=node.at), around)


def _own_function(node, left, body, around):
    """What a function that a line defines, "g(z) = \\max(0, z)", is of an argument."""
    variable = left.inner
    if node.primes == 1 and body in (Call("max", (Number("0"), variable)), Call("max", (variable, Number("0")))):
        return Call("relu'", (node.inner,), at=node.at)
    if node.primes == 1 and body == Call("relu", (variable,)):
        return Call("relu'", (node.inner,), at=node.at)
    if node.primes:
        raise FormulaError(f"{around.rules.text(node)}: the slope of this function is not read.", node.at)

    def put_in(piece):
        return node.inner if piece == variable else with_children(piece, put_in)

    return put_in(body)


def _shape_product(node, around):
    dotted = [node.factors[k] for k in node.dots]

    def meet(a, b, left, right):
        return _times(node, a, b, left, right, around, any(right is factor for factor in dotted))

    return _fold(node, node.factors, around, meet)


def _times(node, a, b, left, right, around, is_dotted=False):
    sizes, letters = around.sizes, a.letters | b.letters
    if is_dotted and around.repairs("inner") and _are_columns(a, b, around):
        product = _combined(node, a, b, left, right, around, "*", "entry by entry")
        return _make(Total, node, around, NUMBER, letters, product, False)
    for one, two in ((a, b), (b, a)):
        if not sizes.wide(one.shape):
            return _make(Elementwise, node, around, two.shape, letters, "*", a, b)
    if sizes.may_equal(a.shape[1], b.shape[0]):
        sizes.make_equal(a.shape[1], b.shape[0])
        return _make(MatrixProduct, node, around, (a.shape[0], b.shape[1]), letters, a, b, inner=TYPICAL_SIZE)
    columns = sizes.of(a.shape[1]) == "1" and sizes.may_equal(a.shape[0], b.shape[0])
    if around.repairs("entrywise") and (columns or _is_batch_of(a, b, around) or _is_batch_of(b, a, around)):
        product = _combined(node, a, b, left, right, around, "*", "entry by entry")
        around.progress.note("entrywise", (left, right))
        return product
    text, names = around.rules.text, around.rules.notation.size_names
    one, two = (around.rules.describe(map(sizes.of, array.shape)) for array in (a, b))
    hint = "Entry by entry is \\circ."
    if not columns:
        inner = [names.get(sizes.of(size), 1) for size in (a.shape[1], b.shape[0])]
        hint = f"Rows of {inner[0]} meet columns of {inner[1]}."
    two = "another" if two == one else f"is {two}"
    raise ShapeError(
        f"{text(left)} is {one} and {text(right)} {two}: a matrix product has no meaning here. {hint}",
        (left.at[0], right.at[1]),
        [("transpose", left.at), ("transpose", right.at)],
    )


def _are_columns(a, b, around):
    sizes = around.sizes
    columns = all(sizes.of(array.shape[1]) == "1" and sizes.of(array.shape[0]) != "1" for array in (a, b))
    return columns and sizes.may_equal(a.shape[0], b.shape[0])


def _is_batch_of(vector, batch, around):
    """Whether a column of features stands beside a batch, with the samples in rows."""
    sizes = around.sizes
    is_column = sizes.of(vector.shape[1]) == "1" and len(sizes.wide(vector.shape)) == 1
    of_batch = sizes.of(batch.shape[0]) == around.rules.notation.samples and len(sizes.wide(batch.shape)) == 2
    return is_column and of_batch and sizes.may_equal(vector.shape[0], batch.shape[1])


def _shape_power(node, around):
    if node.base == Name(EULER) and EULER not in around.rules.definitions:
        return _elementwise_call(node, "exp", node.exponent, around)
    base, exponent = shape(node.base, around), shape(node.exponent, around)
    if around.sizes.wide(exponent.shape):
        words = around.rules.describe(map(around.sizes.of, exponent.shape))
        raise ShapeError(f"{around.rules.text(node.exponent)} is {words}, and a power is a number.", node.exponent.at)
    if isinstance(base, DiagonalMatrix):
        power = _make(Elementwise, node, around, base.inner.shape, base.letters, "^", base.inner, exponent)
        return _make(DiagonalMatrix, node, around, base.shape, base.letters | exponent.letters, power)
    if _is_plain_matrix(base, around):
        words = around.rules.describe(map(around.sizes.of, base.shape))
        raise FormulaError(f"{around.rules.text(node.base)} is {words}: its powers are not read.", node.base.at)
    return _make(Elementwise, node, around, base.shape, base.letters | exponent.letters, "^", base, exponent)


def _elementwise_call(node, function, inner, around):
    array = shape(inner, around)
    return _make(Applied, node, around, array.shape, array.letters, function, array)


def _applied(function):
    return lambda node, around: _elementwise_call(node, function, node.inner, around)


def _shape_norm(node, around):
    array = shape(node.inner, around)
    return _make(FrobeniusNorm, node, around, NUMBER, array.letters, array)


def _shape_transpose(node, around):
    return _transposed(node, shape(node.inner, around), around)


def _transposed(node, array, around):
    return _make(Transposed, node, around, array.shape[::-1], array.letters, array)


def _shape_call(node, around):
    if len(node.arguments) == 2:
        return _all_combined(node.function, "compared", "arguments")(node, around)
    (inner,) = node.arguments
    if node.function == "step":
        sign = r"\geq" if around.repairs("step at 0") else ">"
        return _shape_compare(Compare(sign, inner, Number("0", at=inner.at), at=node.at), around)
    if node.function in _SHAPED_CALLS:
        return _SHAPED_CALLS[node.function](node, shape(inner, around), inner, around)
    return _elementwise_call(node, node.function, inner, around)


def _shape_diag(node, array, inner, around):
    wide = around.sizes.wide(array.shape)
    if len(wide) == 2 and around.sizes.make_equal(*wide):
        return _make(Diagonal, node, around, (wide[0], "1"), array.letters, array)
    if len(wide) != 1:
        words = around.rules.describe(map(around.sizes.of, array.shape))
        raise ShapeError(f"{around.rules.text(inner)} is {words}, and diag is of a vector.", node.at)
    return _make(DiagonalMatrix, node, around, wide * 2, array.letters, array)


def _shape_softmax(node, array, inner, around):
    axis = -1 if around.sizes.of(array.shape[0]) in ("1", around.rules.notation.samples) else -2
    return _make(Softmax, node, around, array.shape, array.letters, array, axis)


_SHAPED_CALLS = {"diag": _shape_diag, "softmax": _shape_softmax, "tr": _shape_trace, "vec": _shape_vec}
_SHAPED_CALLS["unvec"] = _shape_unvec  # all other functions are entry by entry


# ---------------------------------------------------------------------------------------------------------------------
# Sums over an index, and derivatives


def _shape_index_sum(node, around):
    return _reduced(node, node.limit, around, is_mean=False)


def _shape_index_mean(node, around):
    return _reduced(node, None, around, is_mean=True)


def _reduced(node, limit, around, is_mean):
    sizes, letter, progress = around.sizes, node.letter, around.progress
    written = around.rules.notation.sizes[limit] if limit else None
    repairs_range = around.repairs("range")
    size = written if written and not repairs_range else Unknown()
    inside = around.within(letter, size)
    if (
        around.repairs("one sample")
        and written in (None, around.rules.notation.samples)
        and not _uses(node.body, letter)
    ):
        size = around.rules.notation.samples
        inside = replace(around.within(letter, size), sample=letter)
    array = shape(node.body, inside)
    if repairs_range and written and sizes.of(size) != written:
        progress.note("range", (node, size, written))
    if written and not sizes.is_known(size):
        size = written
    over_samples = sizes.of(size) == around.rules.notation.samples
    if letter not in array.letters and over_samples and _lacks_sample(node.body, around):
        raise ShapeError(f"Nothing in the sum over {letter} carries the index {letter}.", node.at)
    inner = TYPICAL_SIZE if letter in array.letters else 1
    letters = array.letters - {letter}
    return _make(Reduction, node, around, array.shape, letters, array, letter, size, is_mean, node.at, inner=inner)


def _uses(body, letter):
    """Whether an index letter stands below or above something, or is compared."""
    return any(
        (isinstance(item, Name) and letter in (*item.below, *item.above, item.symbol))
        or (isinstance(item, Entry) and letter in item.letters)
        for item in nodes(body)
    )


def _shape_batch_mean(node, around):
    """A mean over the samples: over the one sample index that stands inside, or over symbols without one."""
    samples, bound = around.rules.notation.samples, {n.letter for n in nodes(node.inner) if isinstance(n, IndexSum)}
    found = {name.below[0] for name in nodes(node.inner) if _has_sample_index(name, around)} - bound
    letter = found.pop() if len(found) == 1 else f"mean {len(around.progress.positions)}"
    inside = replace(around.within(letter, samples), sample=letter)
    array = shape(node.inner, inside)
    letters = array.letters - {letter}
    return _make(Reduction, node, around, array.shape, letters, array, letter, samples, True, node.at)


def _has_sample_index(name, around):
    if not isinstance(name, Name) or not name.below:
        return False
    symbol = around.rules.symbols.get(name.symbol)
    if name.symbol in around.rules.definitions:
        return bool(around.rules.definitions[name.symbol][0].below)
    return bool(symbol) and symbol.axes[:1] == around.rules.notation.samples


def _lacks_sample(body, around):
    """Whether a symbol of the batch has no index below."""
    samples = around.rules.notation.samples
    names = (item for item in nodes(body) if isinstance(item, Name) and not item.below)
    symbols = (around.rules.symbols.get(name.symbol) for name in names)
    return any(symbol and symbol.axes[:1] == samples for symbol in symbols)


def name_of_derivative(node):
    """A derivative of one name with respect to another as a name, for where a line says what it is."""
    of, wrt = node.of, node.wrt
    below = (*of.below, *(letter for letter in wrt.below if letter not in of.below))
    return Name(f"{of.symbol}/{wrt.symbol}", below, of.above + wrt.above, at=node.at)


def _shape_derivative(node, around):
    rules, wrt, above = around.rules, node.wrt, node.of
    if isinstance(above, Name) and (name := name_of_derivative(node)).symbol in rules.definitions:
        return _shape_defined(name, around)
    symbol = rules.symbols.get(wrt.symbol)
    if not symbol or wrt.symbol in rules.definitions or wrt.symbol.startswith("∂"):
        raise FormulaError(f"{rules.text(wrt)}: a slope is taken along a symbol of the notation page.", wrt.at)
    named = isinstance(above, Name) and above.symbol not in rules.definitions
    output = rules.symbols.get(above.symbol) if named else None
    if rules.asked and output is None:
        raise FormulaError("In an answer slopes are of symbols of the notation page alone.", node.at)
    if symbol.key == rules.asked and (output.key, symbol.key) not in rules.jacobians:
        raise FormulaError(f"A slope along {rules.text(wrt)} is what is asked.", node.at)
    if around.direction:
        raise FormulaError("A slope within a slope is not read.", node.at)
    letters = [around.progress.add_letter(f"{DIRECTION}{k}") for k in range(len(symbol.axes))]
    moving = shape(above, replace(around, direction=tuple(symbol)))
    kept, outputs, _ = _axes_of(moving.shape, around)
    if len(outputs) == 2:
        words = rules.describe(map(around.sizes.of, moving.shape))
        raise FormulaError(f"{rules.text(above)} is {words}: its slope has too many axes.", node.at)
    more = tuple(sorted(moving.letters - set(letters)))
    source = StepDerivative(Unpacked(moving, dict(zip(letters, symbol.axes, strict=True)), kept, False, more, node.at))
    array = _select(node, around, source, [*symbol.axes, *outputs], wrt.below, wrt.above, more)
    rows_are_outputs = len(around.sizes.wide(array.shape)) == 2 and outputs
    return _transposed(node, array, around) if rows_are_outputs else array


_RULES = {
    Number: _shape_number,
    Ones: _shape_ones,
    Identity: _shape_identity,
    Kronecker: _shape_kronecker_product,
    InnerProduct: _shape_inner_product,
    Entries: _shape_entries,
    BatchMean: _shape_batch_mean,
    AppliedLetter: _shape_applied,
    Name: _shape_name,
    Entry: _shape_entry,
    Sum: _all_combined("+", "added", "terms"),
    Negative: _applied("-"),
    Entrywise: _all_combined("*", "entry by entry", "factors"),
    Product: _shape_product,
    Quotient: _shape_quotient,
    Power: _shape_power,
    Root: _applied("sqrt"),
    Norm: _shape_norm,
    Absolute: _applied("abs"),
    Transpose: _shape_transpose,
    Indicator: lambda node, around: shape(node.condition, around),
    Both: _all_combined("*", "compared", "conditions"),
    Compare: _shape_compare,
    Cases: _shape_cases,
    Call: _shape_call,
    IndexSum: _shape_index_sum,
    IndexMean: _shape_index_mean,
    Derivative: _shape_derivative,
}

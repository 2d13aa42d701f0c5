"""What a formula means as arrays: an expression whose pieces have shapes, from which `evaluate` computes numbers.

A piece has a shape (rows, columns), each the axis of a size or "1", and depends on index letters. As an array it has
one axis for each letter of the whole formula, of length one where it does not depend on it, then rows and columns.
"""

from dataclasses import dataclass, field

NUMBER = ("1", "1")


class Unknown:
    """A size that is not known yet: the range of an index, the length of a column of ones."""

    __slots__ = ()


class Sizes:
    """Which unknown sizes are equal to which others, found by unification."""

    def __init__(self):
        self._equal = {}

    def of(self, size):
        """What a size is by now: "1", an axis, an Unknown, or a tuple of them for their product."""
        while type(size) is Unknown and (known := self._equal.get(size)) is not None:
            size = known
        return tuple(map(self.of, size)) if type(size) is tuple else size

    def is_known(self, size):
        return type(self.of(size)) is not Unknown

    def may_equal(self, a, b):
        a, b = self.of(a), self.of(b)
        if type(a) is type(b) is tuple:
            return len(a) == len(b) and all(map(self.may_equal, a, b))
        return a == b or (type(a) is Unknown and b != "1") or (type(b) is Unknown and a != "1")

    def make_equal(self, a, b):
        """Take two sizes for one, and say whether they can be. No unknown size is 1."""
        a, b = self.of(a), self.of(b)
        if a == b:
            return True
        if type(a) is type(b) is tuple:
            return len(a) == len(b) and all(map(self.make_equal, a, b))
        for one, other in ((a, b), (b, a)):
            if type(one) is Unknown and other != "1":
                self._equal[one] = other
                return True
        return False

    def wide(self, shape):
        """The sizes of a shape that are not 1."""
        return [size for size in shape if self.of(size) != "1"]


def describe(shape, size_names):
    """A shape in words: "a column of n_h"."""
    rows, columns = (_name_of(size, size_names) for size in shape)
    if rows == columns == "1":
        return "a number"
    if columns == "1":
        return f"a column of {rows}"
    if rows == "1":
        return f"a row of {columns}"
    return f"a matrix {rows} × {columns}"


def _name_of(size, size_names):
    if type(size) is tuple:
        return "·".join(_name_of(part, size_names) for part in size)
    return "?" if type(size) is Unknown else size_names.get(size, size)


@dataclass(frozen=True)
class Array:
    """A piece with its shape, and the index letters that it depends on."""

    shape: tuple
    letters: frozenset


@dataclass(frozen=True)
class Constant(Array):
    number: float


@dataclass(frozen=True)
class SizeNumber(Array):
    """The length of an axis, as a number."""

    axis: str


@dataclass(frozen=True)
class OnesColumn(Array):
    """text, at: as it was written, for a message where its length cannot be told."""

    size: object
    text: str
    at: tuple


@dataclass(frozen=True)
class IdentityMatrix(OnesColumn):
    pass


@dataclass(frozen=True)
class Position(Array):
    """An index as a number, 0, 1, …"""

    letter: str
    size: object
    at: tuple


@dataclass(frozen=True)
class Stored:
    """A symbol's array in a draw. direction: (key of a symbol, its axes) where the symbol is moved along it."""

    key: str
    direction: tuple | None


@dataclass(frozen=True)
class Unpacked:
    """An array's axes in another order: those of the letters `first`, then rows and columns, then those of `more`.

    first: {letter: its size}. kept: which of rows (0) and columns (1) are axes. turned: columns come before rows.
    name: of the definition that the array is, with the direction, or None; it is computed once.
    """

    array: Array
    first: dict
    kept: list
    turned: bool
    more: tuple
    at: tuple
    name: tuple | None = None


@dataclass(frozen=True)
class StepDerivative:
    """The derivative of an array that was moved by a complex step."""

    moved: Unpacked


@dataclass(frozen=True)
class Selection(Array):
    """Some axes of `source` are an index's, and the others are rows and columns.

    indexed: the source's axes that have index letters, those beyond its own `count` axes left out. kept: those that are
    rows and columns. as_row: a single one of them is the columns. names: the letter of each indexed axis, and of those
    beyond.
    """

    source: Stored | Unpacked | StepDerivative
    indexed: list
    kept: list
    count: int
    as_row: bool
    names: list


@dataclass(frozen=True)
class Elementwise(Array):
    """operation: a key of `evaluate.OPERATIONS`. turned: "left" or "right", which side is transposed first, or None."""

    operation: str
    left: Array
    right: Array
    turned: str | None = None


@dataclass(frozen=True)
class MatrixProduct(Array):
    left: Array
    right: Array


@dataclass(frozen=True)
class KroneckerProduct(Array):
    left: Array
    right: Array


@dataclass(frozen=True)
class Stacked(Array):
    """A matrix's columns, one below the other; or with `back` the matrix of such a column."""

    inner: Array
    back: bool


@dataclass(frozen=True)
class Total(Array):
    """The sum over rows and columns; diagonal: over the diagonal alone."""

    inner: Array
    diagonal: bool


@dataclass(frozen=True)
class Gathered(Array):
    """A matrix or column of numbers whose index letters become its rows and columns."""

    inner: Array
    indices: tuple
    sizes: tuple
    at: tuple


@dataclass(frozen=True)
class Applied(Array):
    """function: a key of `evaluate.FUNCTIONS`."""

    function: str
    inner: Array


@dataclass(frozen=True)
class Transposed(Array):
    inner: Array


@dataclass(frozen=True)
class FrobeniusNorm(Array):
    inner: Array


@dataclass(frozen=True)
class Diagonal(Array):
    """A matrix's diagonal, as a column."""

    inner: Array


@dataclass(frozen=True)
class DiagonalMatrix(Array):
    inner: Array


@dataclass(frozen=True)
class Softmax(Array):
    inner: Array
    axis: int


@dataclass(frozen=True)
class Reduction(Array):
    """A sum over an index, or a mean."""

    inner: Array
    letter: str
    size: object
    is_mean: bool
    at: tuple


@dataclass(frozen=True)
class Choice(Array):
    """yes where the test is not 0, no elsewhere.

    turned: as of `Elementwise`, of yes and no. test_turned: the same of the test, and of yes and no together.
    """

    test: Array
    yes: Array
    no: Array
    turned: str | None
    test_turned: str | None


@dataclass(frozen=True)
class Reading:
    """One meaning of a formula.

    repair: what was changed, in words, or None. parts: (LaTeX, shape in words) of each statement. array: the answer.
    positions: {index letter: its axis}. order: for each axis of what is asked its letter, or None where rows or columns
    are it. axes: of what is asked, or None.
    """

    repair: str | None
    parts: tuple
    array: Array
    positions: dict
    order: tuple
    axes: str | None
    sizes: Sizes = field(repr=False)
    notation: object = field(repr=False)

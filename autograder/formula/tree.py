"""The tree of a formula: one frozen dataclass for each kind of piece.

Every node has `at`, where it stands in the string. Two nodes are equal if they hold the same, wherever they stand.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, fields, replace


@dataclass(frozen=True)
class Node:
    """A piece of a formula. at: (start, end) in the string."""

    at: tuple[int, int] = field(default=(0, 0), compare=False, kw_only=True)


@dataclass(frozen=True)
class Number(Node):
    text: str


@dataclass(frozen=True)
class Name(Node):
    r"""A letter with its accent and label, "\hat y_b", and its indices. "∂" before it makes it the loss's gradient."""

    symbol: str
    below: tuple[str, ...] = ()
    above: tuple[str, ...] = ()


@dataclass(frozen=True)
class Ones(Node):
    """A column of ones; size: its length as it is written, or None."""

    size: str | None = None


@dataclass(frozen=True)
class Identity(Node):
    """The identity matrix; size: as of Ones."""

    size: str | None = None


@dataclass(frozen=True)
class Sum(Node):
    terms: tuple[Node, ...]


@dataclass(frozen=True)
class Negative(Node):
    inner: Node


@dataclass(frozen=True)
class Entrywise(Node):
    """The Hadamard product."""

    factors: tuple[Node, ...]


@dataclass(frozen=True)
class Product(Node):
    """Matrix products and products with numbers. dots: before which factors a dot is written."""

    factors: tuple[Node, ...]
    dots: tuple[int, ...] = field(default=(), compare=False)


@dataclass(frozen=True)
class Kronecker(Node):
    left: Node
    right: Node


@dataclass(frozen=True)
class InnerProduct(Node):
    """The sum of the products of the entries."""

    left: Node
    right: Node


@dataclass(frozen=True)
class Quotient(Node):
    numerator: Node
    denominator: Node


@dataclass(frozen=True)
class Power(Node):
    base: Node
    exponent: Node


@dataclass(frozen=True)
class Root(Node):
    inner: Node


@dataclass(frozen=True)
class Norm(Node):
    inner: Node


@dataclass(frozen=True)
class Absolute(Node):
    inner: Node


@dataclass(frozen=True)
class Transpose(Node):
    inner: Node


@dataclass(frozen=True)
class Entry(Node):
    """An expression in brackets with indices."""

    inner: Node
    letters: tuple[str, ...]


@dataclass(frozen=True)
class Entries(Node):
    """A matrix or column that is written out: the expression of its entry, for the row's and the column's letter."""

    inner: Node
    letters: tuple[str, ...]


@dataclass(frozen=True)
class IndexSum(Node):
    """A sum over an index; limit: the size that it runs to as it is written, or None."""

    letter: str
    limit: str | None
    body: Node


@dataclass(frozen=True)
class IndexMean(Node):
    letter: str
    body: Node


@dataclass(frozen=True)
class BatchMean(Node):
    """A mean over the samples of what is inside, with or without their index."""

    inner: Node


@dataclass(frozen=True)
class AppliedLetter(Node):
    """A letter before brackets: a function with its primes, or a product where the letter names an array."""

    symbol: str
    primes: int
    inner: Node


@dataclass(frozen=True)
class Call(Node):
    function: str
    arguments: tuple[Node, ...]


@dataclass(frozen=True)
class Compare(Node):
    sign: str
    left: Node
    right: Node


@dataclass(frozen=True)
class Both(Node):
    conditions: tuple[Node, ...]


@dataclass(frozen=True)
class Indicator(Node):
    """1 where the condition holds, 0 elsewhere."""

    condition: Node


@dataclass(frozen=True)
class Case(Node):
    """A row of `Cases`; without a condition it is what holds otherwise."""

    value: Node
    condition: Node | None


@dataclass(frozen=True)
class Cases(Node):
    rows: tuple[Case, ...]


@dataclass(frozen=True)
class Derivative(Node):
    """The derivative of an expression, with respect to a symbol."""

    of: Node
    wrt: Name


@dataclass(frozen=True)
class Statement(Node):
    """The sides of "=": one for a bare expression."""

    sides: tuple[Node, ...]


@dataclass(frozen=True)
class Formula(Node):
    """All statements. source: the string that they were read from, or "". unread: why some sides could not be read."""

    statements: tuple[Statement, ...]
    source: str = field(default="", compare=False, repr=False)
    unread: tuple = field(default=(), compare=False, repr=False)


def nodes(tree: Node) -> Iterator[Node]:
    """Every node of a tree."""
    todo = [tree]
    while todo:
        item = todo.pop()
        if isinstance(item, Node):
            yield item
            todo.extend(vars(item).values())
        elif isinstance(item, tuple):
            todo.extend(item)


def with_children(node: Node, change: Callable[[Node], Node]) -> Node:
    """The node with `change` made to each of its children; the node itself where none of them changes."""
    changes = {}
    for entry in fields(node):
        value = getattr(node, entry.name)
        if isinstance(value, Node):
            new = change(value)
        elif isinstance(value, tuple):
            new = tuple(change(item) if isinstance(item, Node) else item for item in value)
            new = value if all(one is other for one, other in zip(new, value, strict=True)) else new
        else:
            continue
        if new is not value:
            changes[entry.name] = new
    return replace(node, **changes) if changes else node

"""A tree as LaTeX in one spelling, which reads back as the same tree."""

import re

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
)

LOOSE, ENTRYWISE, PRODUCT, MARKED, ATOM = range(5)  # how tightly a piece binds
SPELLED_FUNCTIONS = {"relu": "ReLU"}


def typeset(node, notation):
    """The LaTeX of a tree."""
    return _typeset(node, notation)[0]


def text_of(node, source, notation):
    """A piece as it was written in `source`, on one line; or typeset, where it has no place there."""
    if not source or not any(node.at):
        return typeset(node, notation)
    return re.sub(r"\s+|\\(?:left|right|[bB]igg?[lr]?)(?![a-zA-Z])", " ", source[slice(*node.at)]).strip()


def _typeset(node, notation):
    """(LaTeX, how tightly it binds)."""
    return _TYPESET[type(node)](node, notation)


def _inside(node, level, notation):
    text, own = _typeset(node, notation)
    return text if own >= level else rf"\left( {text} \right)"


def _typeset_sum(node, notation):
    first = node.terms[0]
    text = typeset(first, notation) if isinstance(first, Negative) else _inside(first, ENTRYWISE, notation)
    for term in node.terms[1:]:
        minus = isinstance(term, Negative)
        text += (" - " if minus else " + ") + _inside(term.inner if minus else term, ENTRYWISE, notation)
    return text, LOOSE


def _typeset_product(node, notation):
    *before, last = node.factors
    ends_open = isinstance(last, IndexSum | IndexMean) or _is_operator(last, notation)
    texts = [_before_a_factor(factor, notation) for factor in before]
    texts.append(typeset(last, notation) if ends_open else _inside(last, MARKED, notation))
    return r" \, ".join(texts), ENTRYWISE if ends_open else PRODUCT


def _before_a_factor(node, notation):
    """A factor that another follows: in braces where it would be read as a d before it, or as a function of it."""
    text = _inside(node, MARKED, notation)
    return f"{{{text}}}" if text == "d" or text in notation.functions else text


def _typeset_index_sum(node, notation):
    upper = f"^{{{_size_name(node.limit)}}}" if node.limit else ""
    lower = f"{node.letter}=1" if node.limit else node.letter
    return rf"\sum_{{{lower}}}{upper} {_inside(node.body, ENTRYWISE, notation)}", ENTRYWISE


def _typeset_index_mean(node, notation):
    return rf"\operatorname{{mean}}_{{{node.letter}}} {_inside(node.body, ENTRYWISE, notation)}", ENTRYWISE


def _typeset_derivative(node, notation):
    of, wrt = typeset(node.of, notation), typeset(node.wrt, notation)
    if _is_operator(node, notation):
        return rf"\frac{{\partial}}{{\partial {wrt}}} {_inside(node.of, ENTRYWISE, notation)}", ENTRYWISE
    return rf"\frac{{\partial {of}}}{{\partial {wrt}}}", ATOM


def _is_operator(node, notation):
    """Whether a derivative is written before what it is of: that is so for all but names, and for the loss."""
    return isinstance(node, Derivative) and not (isinstance(node.of, Name) and node.of.symbol not in notation.loss)


def _bracketed(node, notation):
    text, level = _typeset(node, notation)
    return text if level == ATOM else f"{{{text}}}" if level == MARKED else rf"\left( {text} \right)"


def _typeset_power(node, notation):
    exponent = typeset(node.exponent, notation)
    exponent = exponent if isinstance(node.exponent, Number) else f"{{{exponent}}}"
    return f"{_bracketed(node.base, notation)}^{{{exponent}}}", MARKED


def _typeset_name(node, notation):
    return _name_text(node.symbol, node.below, node.above, notation), MARKED if node.above else ATOM


def _name_text(name, below, above, notation):
    if name.startswith("∂"):
        return rf"\frac{{\partial {notation.loss[0]}}}{{\partial {_name_text(name[1:], below, above, notation)}}}"
    letter, _, label = name.partition("_")
    *accents, letter = letter.split(" ")
    known = letter.removesuffix("^2") in notation.capitals and label in notation.labels_of(letter.removesuffix("^2"))
    square, letter = "^2" * letter.endswith("^2"), letter.removesuffix("^2")
    tex = "".join(f"{accent}{{" for accent in accents) + letter + "}" * len(accents) + square
    subscript = ",".join([label.upper() if known else label] * bool(label) + list(below))
    # after a label that ends in an index's letter, a comma, or that letter would be read as an index
    subscript += "," * (not known and not below and label[-1:] in notation.indices)
    return tex + (f"_{{{subscript}}}" if subscript else "") + (f"^{{({','.join(above)})}}" if above else "")


def _size_name(name):
    head, _, label = name.partition("_")
    return f"{head}_{{{label}}}" if label else head


def _typeset_cases(node, notation):
    lines = [typeset(row, notation) for row in node.rows]
    return r"\begin{cases} " + r" \\ ".join(lines) + r" \end{cases}", ATOM


def _typeset_case(node, notation):
    condition = typeset(node.condition, notation) if node.condition else r"\text{otherwise}"
    return f"{typeset(node.value, notation)} & {condition}", ATOM


def _typeset_call(node, notation):
    name = node.function.rstrip("'")
    prime = "'" if node.function != name else ""
    inner = " , ".join(typeset(argument, notation) for argument in node.arguments)
    return rf"\operatorname{{{SPELLED_FUNCTIONS.get(name, name)}}}{prime}\left( {inner} \right)", ATOM


def _joined(between, names, level):
    def text(node, notation):
        return between.join(typeset(item, notation) for item in getattr(node, names)), level

    return text


def _around(opening, closing):
    return lambda node, notation: (f"{opening}{typeset(node.inner, notation)}{closing}", ATOM)


def _joined_two(between):
    def text(node, notation):
        left, right = (_inside(side, PRODUCT, notation) for side in (node.left, node.right))
        return f"{left}{between}{right}", ENTRYWISE

    return text


_TYPESET = {
    Formula: _joined(", \\\\\n", "statements", LOOSE),
    Statement: _joined(" = ", "sides", LOOSE),
    Sum: _typeset_sum,
    Negative: lambda node, notation: (f"- {_inside(node.inner, ENTRYWISE, notation)}", LOOSE),
    Entrywise: lambda node, notation: (
        r" \circ ".join(_inside(factor, PRODUCT, notation) for factor in node.factors),
        ENTRYWISE,
    ),
    Product: _typeset_product,
    Quotient: lambda node, notation: (
        rf"\frac{{{typeset(node.numerator, notation)}}}{{{typeset(node.denominator, notation)}}}",
        ATOM,
    ),
    IndexSum: _typeset_index_sum,
    IndexMean: _typeset_index_mean,
    Derivative: _typeset_derivative,
    Power: _typeset_power,
    Transpose: lambda node, notation: (rf"{_bracketed(node.inner, notation)}^{{\mathsf T}}", MARKED),
    Entry: lambda node, notation: (f"{_bracketed(node.inner, notation)}^{{({','.join(node.letters)})}}", MARKED),
    Number: lambda node, notation: (node.text, ATOM),
    Name: _typeset_name,
    Ones: lambda node, notation: (
        rf"\mathbf{{1}}_{{{_size_name(node.size)}}}" if node.size else r"\mathbf{1}",
        ATOM,
    ),
    Identity: lambda node, notation: (rf"I_{{{_size_name(node.size)}}}" if node.size else r"\mathrm{Id}", ATOM),
    Kronecker: _joined_two(r" \otimes "),
    InnerProduct: lambda node, notation: (
        rf"\langle {typeset(node.left, notation)} , {typeset(node.right, notation)} \rangle",
        ATOM,
    ),
    BatchMean: _around(r"\mathbb{E}\left[ ", r" \right]"),
    AppliedLetter: lambda node, notation: (
        f"{node.symbol}{chr(39) * node.primes}" + rf"\left( {typeset(node.inner, notation)} \right)",
        ATOM,
    ),
    Entries: lambda node, notation: (
        rf"\bigl( {typeset(node.inner, notation)} \bigr)_{{{','.join(node.letters)}}}",
        ATOM,
    ),
    Root: _around(r"\sqrt{", "}"),
    Norm: _around(r"\lVert ", r" \rVert"),
    Absolute: _around(r"\lvert ", r" \rvert"),
    Indicator: lambda node, notation: (rf"\mathbb{{1}}\left[ {typeset(node.condition, notation)} \right]", ATOM),
    Both: _joined(r" \wedge ", "conditions", ATOM),
    Compare: lambda node, notation: (
        f"{typeset(node.left, notation)} {node.sign} {typeset(node.right, notation)}",
        ATOM,
    ),
    Case: _typeset_case,
    Cases: _typeset_cases,
    Call: _typeset_call,
}

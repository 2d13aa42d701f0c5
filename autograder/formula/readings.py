r"""What a whole formula may mean. Several readings are tried; each is a pass over the tree, or a rule for its shapes.

- Orientation: a symbol of the batch without its sample index is a matrix, with the samples in rows (as in code) or in
  columns. Both are tried.
- One sample: where no symbol has an axis of samples, x_i is the sample x.
- Repairs: if no reading has a meaning, one repair is tried, each kind by itself: a sample index that is missing, the
  index of a feature that is missing, the range of a sum or of a column of ones, a transpose, a product of columns read
  as entry by entry. What was repaired is told.
"""

from dataclasses import replace

from .arrays import Reading, Unknown
from .errors import FormulaError, ShapeError
from .shapes import COLUMNS, ROWS, Rules, definition, part_of, shape, surroundings
from .tree import (
    Both,
    Call,
    Compare,
    Derivative,
    Entrywise,
    Name,
    Product,
    Quotient,
    Sum,
    Transpose,
    with_children,
)

ONE_SAMPLE = ("one sample", None)
REPAIRS = [(kind, None) for kind in ("sample", "range", "feature", "entrywise")]
EVERY_SAMPLE = "every sample"  # the letter of the samples' axis where the value is the same for all of them
SAMPLE_LETTER = "i"
QUOTED_CHARACTERS = 60


def find_readings(tree, target, *, repair=True):
    """What a formula may mean as an answer to a target: a tuple of Readings.

    Args:
        tree: from `parser.read`.
        target: a notation.Target.
        repair: whether a repair is tried where nothing has a meaning.

    Raises:
        FormulaError: no reading has a meaning; with the place.
    """
    problems = []
    readings = _readings(tree, target, [None], problems)
    samples = target.notation.samples
    if not readings and not any(symbol and symbol.axes.startswith(samples) for symbol in target.symbols.values()):
        readings = _readings(tree, target, [ONE_SAMPLE], [])
    if not readings and repair:
        repairs = [*REPAIRS]
        repairs += [one for problem in problems for one in getattr(problem, "repairs", ()) if one not in repairs]
        readings = _readings(tree, target, repairs, [])
    if not readings:
        raise problems[0]
    return readings


def _readings(tree, target, changes, problems):
    """The readings with one of these changes, each (kind, place) or None; why there is none is added to `problems`."""
    answered = answer(tree, target.written)
    readings = []
    for change in changes:
        kind, place = change or (None, None)
        left, body, definitions, transposed = (*answered, None)
        if change == ONE_SAMPLE:
            left, body, definitions = as_one_sample(left, body, definitions, target.symbols)
        elif kind == "transpose":
            body, definitions, transposed = with_transpose(body, definitions, place)
            if transposed is None:
                continue
        for samples in (ROWS, COLUMNS):
            rules = Rules(
                target.notation,
                target.symbols,
                definitions,
                samples,
                kind,
                target.key,
                target.jacobians,
                tree.source,
            )
            around = surroundings(rules)
            try:
                reading = _reading(around, left, body, target.axes, transposed)
            except FormulaError as problem:
                problems.append(problem)
            else:
                if change in (None, ONE_SAMPLE) or transposed or around.progress.repairs:
                    readings.append(reading)
                if not around.progress.has_batch:
                    break
    return tuple(readings)


# ---------------------------------------------------------------------------------------------------------------------
# Passes over the tree


def answer(tree, written=None):
    r"""(left side or None, body, {name: (left side, body)}): what is answered, and the definitions beside it.

    written: the name of what is asked, "∂\theta_2b"; a line that begins with it is the answer. Otherwise the line
    without a left side is, or else the last one.
    """
    statements = tree.statements
    asked = [s for s in statements if any(written_name(side) == written for side in _left_sides(s))]
    bare = [s for s in statements if len(s.sides) == 1]
    chosen = (asked or bare or statements)[-1]
    definitions = {}
    for statement in statements:
        for side in _left_sides(statement):
            defines = statement is not chosen or len(statement.sides) > 2
            if isinstance(side, Name) and written_name(side) != written and defines:
                definitions[side.symbol] = (side, statement.sides[-1])
    left = [side for side in _left_sides(chosen) if written_name(side) == written] or _left_sides(chosen)[:1]
    return (left[0] if left else None), chosen.sides[-1], definitions


def _left_sides(statement):
    return [side for side in statement.sides[:-1] if isinstance(side, Name | Derivative)]


def names_in(side):
    """The names of a left side: those that a derivative is of and with respect to, or one."""
    parts = (side.of, side.wrt) if isinstance(side, Derivative) else (side,)
    return [part for part in parts if isinstance(part, Name)]


def written_name(side):
    r"""A left side without its indices: "∂z_2b" for a gradient, "z_2b/c" for another derivative."""
    return "/".join(name.symbol for name in names_in(side))


def as_one_sample(left, body, definitions, symbols):
    """(left side, body, definitions) where the index of the sample is left out: x_i is x."""

    def without_index(node):
        if isinstance(node, Name):
            is_symbol = node.symbol in symbols and node.symbol not in definitions
            return replace(node, below=node.below[1:]) if is_symbol and node.below[:1] == (SAMPLE_LETTER,) else node
        if isinstance(node, Derivative):
            return replace(node, of=without_index(node.of))
        return with_children(node, without_index)

    def without_any(node):
        if isinstance(node, Name):
            return replace(node, below=tuple(letter for letter in node.below if letter != SAMPLE_LETTER))
        return with_children(node, without_any)

    changed = {name: (side, without_index(defined)) for name, (side, defined) in definitions.items()}
    return left and without_any(left), without_index(body), changed


def with_transpose(body, definitions, place):
    """(body, definitions, what was transposed): the answer or an operand that stands at `place`, transposed.

    What was transposed is None where nothing that may be stands there.
    """
    if body.at == place:
        return Transpose(body, at=body.at), definitions, body
    changed, transposed = _transposed_operand(body, place)
    if transposed is not None:
        return changed, definitions, transposed
    for name, (side, defined) in definitions.items():
        changed, transposed = _transposed_operand(defined, place)
        if transposed is not None:
            return body, definitions | {name: (side, changed)}, transposed
    return body, definitions, None


def _transposed_operand(node, place):
    """(node, operand): with the first operand that stands at `place` transposed, or as it is and None."""
    for count in range(2, len(_operands(node))):  # a sum or product of the first operands
        part = part_of(node, _operands(node), count)
        if part.at == place:
            items = (Transpose(part, at=part.at), *_operands(node)[count:])
            return type(node)(items, at=node.at), part
    transposed = []

    def change(child):
        if transposed:
            return child
        if child.at == place and any(child is operand for operand in _operands(node)):
            transposed.append(child)
            return Transpose(child, at=child.at)
        child, operand = _transposed_operand(child, place)
        transposed.extend([operand] if operand is not None else [])
        return child

    changed = with_children(node, change)
    return changed, transposed[0] if transposed else None


def _operands(node):
    """What is combined by shape: the terms of a sum, the factors of a product, both sides of a comparison."""
    if isinstance(node, Sum):
        return node.terms
    if isinstance(node, Product | Entrywise):
        return node.factors
    if isinstance(node, Both):
        return node.conditions
    if isinstance(node, Quotient):
        return node.numerator, node.denominator
    if isinstance(node, Compare):
        return node.left, node.right
    return node.arguments if isinstance(node, Call) and len(node.arguments) == 2 else ()


# ---------------------------------------------------------------------------------------------------------------------
# One reading


def _reading(around, left, body, axes, transposed):
    order = _left_letters(around, left, axes)
    for letter, size in zip(order, axes or "", strict=False):
        if letter:
            around = around.within(letter, size)
    array = shape(body, around)
    if axes is not None:
        order = _fitted(around, array, body, axes, order)
    return Reading(
        _told(around, transposed),
        _parts(around, left, array),
        array,
        around.progress.positions,
        tuple(order),
        axes,
        around.sizes,
        around.rules.notation,
    )


def _parts(around, left, array):
    """[(LaTeX, shape in words)] of each definition that is used, and of the answer."""
    rules, sizes = around.rules, around.sizes
    names = [rules.definitions[name][0] for name, _ in around.progress.defined]
    parts = [(rules.text(name), definition(name, name.symbol, around)[0]) for name in names]
    parts.append((rules.text(left) if left else "", array))
    return tuple((text, rules.describe(map(sizes.of, part.shape))) for text, part in parts)


def _left_letters(around, left, axes):
    """The letters of the left side, one for each axis of what is asked or None."""
    unnamed = [None] * len(axes or "")
    if left is None or not axes:
        return unnamed
    is_derivative, names = isinstance(left, Derivative), names_in(left)
    if is_derivative and len(names) < 2:
        return unnamed
    of_samples = axes[0] == around.rules.notation.samples
    below = [letter for name in names for letter in name.below]
    above = [letter for name in names for letter in name.above]
    if of_samples and below:
        below = [below[0], *(letter for letter in below[1:] if letter != below[0])]
    letters = below + above
    if len(set(letters) - {":"}) < len([letter for letter in letters if letter != ":"]):
        raise ShapeError(
            f"{around.rules.text(left)} names one index twice: the other entries are asked for too.", left.at
        )
    if len(letters) == len(axes):
        return letters
    if of_samples and len(letters) == 1 and below:
        return letters + [None] * (len(axes) - 1)
    if of_samples and len(letters) == len(axes) - 1:
        return [None, *letters]
    if is_derivative:
        entries = letters if of_samples else [letter for letter in letters if letter not in below]
        return entries if len(entries) == len(axes) else unnamed
    if letters:
        raise ShapeError(f"{around.rules.text(left)} has {len(letters)} indices: its axes are {len(axes)}.", left.at)
    return unnamed


def _fitted(around, array, body, axes, order):
    """The letter of each axis of what is asked, or None where the value's rows and columns are it."""
    sizes, rules = around.sizes, around.rules
    samples = rules.notation.samples
    free, wide = array.letters, sizes.wide(array.shape)
    if wide and not free & set(order[axes.startswith(samples) :]):
        order = [letter if axes[k] == samples else None for k, letter in enumerate(order)]
        if len(wide) == len(axes):
            order = [None] * len(axes)
    new = sorted(free - {letter for letter in order if letter})
    if new and any(order) and (wide or order.count(None) != len(new)):
        raise ShapeError(f"{new[0]} is free on the right, and the left side has no such index.", body.at)
    if new:
        order = _guessed(around, new, axes, order, body)
    if axes.startswith(samples) and order[0] is None and samples not in map(sizes.of, array.shape):
        order = [around.progress.add_letter(EVERY_SAMPLE), *order[1:]]
    rest = [size for size, letter in zip(axes, order, strict=True) if letter is None]
    if len(rest) == 2 and rest[0] == samples and rules.samples == COLUMNS:
        rest = rest[::-1]
    wanted = (*rest, "1", "1")[:2]
    fits = len(rest) <= 2 and all(sizes.may_equal(a, b) for a, b in zip(array.shape, wanted, strict=True))
    if fits and all(sizes.make_equal(a, b) for a, b in zip(array.shape, wanted, strict=True)):
        return order
    asked = f"is {rules.describe(wanted)}"
    if len(rest) > 2:
        product = " × ".join(rules.notation.size_names.get(size, size) for size in axes)
        asked = f"has three axes, {product}: write it for one sample, with the index i"
    raise ShapeError(
        f"This is {rules.describe(map(sizes.of, array.shape))}, and what is asked {asked}.",
        body.at,
        [("transpose", body.at)] * (len(wide) == 1),  # a matrix that is turned has its factors in the wrong order
    )


def _guessed(around, free, axes, order, body):
    """The axes of free indices where the left side names none: by their ranges, then row k and column j."""
    samples = around.rules.notation.samples
    ranges = {letter: around.sizes.of(around.range(letter)) for letter in free}
    unnamed = [k for k, letter in enumerate(order) if letter is None]
    order = list(order)
    of_samples = [letter for letter in free if ranges[letter] == samples]
    if of_samples and not (axes.startswith(samples) and 0 in unnamed and len(of_samples) == 1):
        raise ShapeError(f"{of_samples[0]} is free: is a sum over the samples missing?", body.at)
    if of_samples:
        order[0] = of_samples[0]
    entries = [letter for letter in free if letter not in of_samples]
    places = [k for k in unnamed if axes[k] != samples]
    if not entries:
        return order
    if len(entries) != len(places):
        fewer = len(entries) < len(places)
        hint = "its entries have a row and a column, equal or not" if fewer else "sum over the others"
        names = ", ".join(entries)
        raise ShapeError(f"{names} is free, and what is asked has {len(places)} such axes: {hint}.", body.at)
    fits = [
        [letter for letter in entries if type(ranges[letter]) is Unknown or ranges[letter] == axes[k]] for k in places
    ]
    chosen = _chosen(entries, fits, around.rules.notation.row_and_column)
    if not chosen:
        raise ShapeError("Which index is the row, which the column? Begin with the left side: ∂L/∂θ^(kj) = …", body.at)
    for k, letter in zip(places, chosen, strict=True):
        if not around.sizes.make_equal(around.range(letter), axes[k]):
            raise ShapeError(f"{letter} runs over another axis than that of what is asked.", body.at)
        order[k] = letter
    return order


def _chosen(entries, fits, usual):
    """Which letter each axis has, or None; fits: the letters that it may have."""
    pair = usual.get(tuple(sorted(entries)))
    if pair and pair[0] in fits[0] and pair[1] in fits[-1]:
        return pair
    if len(entries) == 1 and fits[0]:
        return entries
    if len(fits) == 2 and all(fits) and min(map(len, fits)) == 1:
        first = fits[0][0] if len(fits[0]) == 1 else next(letter for letter in entries if letter != fits[1][0])
        return first, next(letter for letter in entries if letter != first)
    return None


def _told(around, transposed):
    """The sentences on what was repaired, or None."""
    text, names, sizes = around.rules.text, around.rules.notation.size_names, around.sizes
    told = [f"{text(transposed)} was read with a transpose."] if transposed is not None else []
    for kind, changes in around.progress.repairs.items():
        for change in changes:
            if kind == "sample":
                told.append(f"{text(change[0])} has no sample index: it was read as that of sample {change[1]}.")
            elif kind == "feature":
                told.append(f"{text(change[0])} holds a number for each feature: its entry {change[1]} was read.")
            elif kind == "entrywise":
                told.append(f"{text(change[0])} times {text(change[1])} was read as entry by entry, \\circ.")
            else:
                node, size, written = change
                size = sizes.of(size)
                if size != written and type(size) is not Unknown:
                    quoted = text(node)[:QUOTED_CHARACTERS]
                    told.append(f"{quoted} was read with {names[size]} in place of {names[written]}.")
    return " ".join(dict.fromkeys(told)) or None

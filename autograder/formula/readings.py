r"""What a whole formula may mean. Several readings are tried; each is a pass over the tree, or a rule for its shapes.

- Orientation: a symbol of the batch without its sample index is a matrix, with the samples in rows (as in code) or in
  columns. Both are tried.
- One sample: where no symbol has an axis of samples, x_i is the sample x.
- Conventions that the notation page does not have, but others do: a letter without an index is one sample, x^{(i)} is a
  sample, columns side by side are multiplied entry by entry, a row stands for a column, an index that occurs twice is
  summed over (Einstein). Each is tried for the whole formula, and told.
- Repairs, if nothing else is right: a sample index that is missing, the index of a feature that is missing, the range
  of a sum or of a column of ones, a transpose. What a repair makes right was not right as it stands: a person decides.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product

from .arrays import Reading, Unknown
from .errors import FormulaError, ShapeError
from .shapes import BAR, COLUMNS, ROWS, Rules, name_of_derivative, part_of, shape, surroundings
from .tree import (
    AppliedLetter,
    Both,
    Call,
    Compare,
    Derivative,
    Entry,
    Entrywise,
    IndexSum,
    Name,
    Negative,
    Number,
    Product,
    Quotient,
    Sum,
    Transpose,
    nodes,
    with_children,
)

PAGE, CONVENTION, REPAIR = "page", "convention", "repair"
REPAIRS = ("sample", "range", "feature")
EVERY_SAMPLE = "every sample"  # the letter of the samples' axis where the value is the same for all of them
ANY_SAMPLE = "this sample"  # the letter of the sample where a letter without an index is one sample
SAMPLE_LETTER = "i"
QUOTED_CHARACTERS = 60
TOLD = {  # {convention: the sentence on it}
    "one sample": "A letter without an index was read as that of one sample.",
    "samples above": "A letter in brackets above, as in x^{(i)}, was read as the sample.",
    "einstein": "An index that occurs twice was summed over.",
    "inner": "A dot between two columns was read as their inner product.",
    "step at 0": "The step function was read as 1 at 0.",
    "adjoint bars": "A bar was read as the gradient of the loss.",
}


@dataclass(frozen=True)
class _Way:
    """How a formula is read.

    changes: as of Rules, "einstein" and "without i" among them. transposed: the place of what is transposed, or None.
    """

    kind: str
    changes: frozenset = frozenset()
    transposed: tuple | None = None


def find_readings(tree, target, *, repair=True):
    """What a formula may mean as an answer to a target: a tuple of Readings, all of the first way that has a meaning.

    Args:
        tree: from `parser.read`.
        target: a notation.Target.
        repair: whether conventions and repairs are tried where nothing has a meaning on the notation page.

    Raises:
        FormulaError: no reading has a meaning; with the place.
    """
    problems = []
    for kind, readings in interpretations(tree, target, problems):
        if readings and (repair or kind == PAGE):
            return readings
    raise problems[0]


def interpretations(tree, target, problems) -> Iterator[tuple[str, tuple[Reading, ...]]]:
    """(PAGE, CONVENTION or REPAIR, the readings) of each way to read a formula, the likeliest first; some have none.

    Why the first way has no reading is added to `problems`.
    """
    answered = answer(tree, target)
    always = frozenset(["adjoint bars"] if bars_are_adjoints(tree, target) else [])
    readings = _readings(tree, answered, target, _Way(PAGE, always), problems)
    samples = target.notation.samples
    if not readings and not any(symbol and symbol.axes.startswith(samples) for symbol in target.symbols.values()):
        readings = _readings(tree, answered, target, _Way(PAGE, always | {"without i"}), [])
    yield PAGE, readings
    ways = [_Way(CONVENTION, always | changes) for changes in _conventions(tree, answered, target)]
    places = [place for problem in problems for _, place in getattr(problem, "repairs", ())]
    if answered[1].at in places:
        ways.append(_Way(CONVENTION, always, answered[1].at))
    for way in ways:
        found = _readings(tree, answered, target, way, [])
        yield CONVENTION, found
        if not found and "entrywise" not in way.changes and way.transposed is None:
            yield CONVENTION, _readings(tree, answered, target, replace(way, changes=way.changes | {"entrywise"}), [])
    repairs = [_Way(REPAIR, always | {kind}) for kind in REPAIRS]
    repairs += [_Way(REPAIR, always, place) for place in dict.fromkeys(places) if place != answered[1].at]
    found = []
    for way in repairs if not readings else ():
        found += _readings(tree, answered, target, way, [])
    yield REPAIR, tuple(found)


def _conventions(tree, answered, target):
    """The changes that a formula's look suggests."""
    samples, left = target.notation.samples, answered[0]
    names = [node for node in nodes(tree) if isinstance(node, Name)]
    yield frozenset(["entrywise"])
    if any(symbol and symbol.axes.startswith(samples) for symbol in target.symbols.values()):
        yield frozenset(["one sample"])
        if any(name.above for name in names) or any(isinstance(node, Entry) for node in nodes(tree)):
            yield frozenset(["samples above"])
            yield frozenset(["samples above", "one sample"])
    if left is not None and any(name.below or name.above for name in names_in(left)):
        yield frozenset(["einstein"])
    functions = {node.symbol for node in nodes(tree) if isinstance(node, AppliedLetter) and not node.primes}
    steps = {"step"} & {target.functions.get(f) or target.notation.functions.get(f) for f in functions}
    if steps or any(isinstance(node, Call) and node.function == "step" for node in nodes(tree)):
        yield frozenset(["step at 0"])
    if any(isinstance(node, Product) and node.dots for node in nodes(tree)):
        yield frozenset(["inner"])
        yield frozenset(["inner", "one sample"])
    if any(isinstance(node, Call) and node.function in ("vec", "unvec") for node in nodes(tree)):
        yield frozenset(["stacked"])


def bars_are_adjoints(tree, target):
    """Whether a bar is the loss's gradient, as some write: a parameter's, a sample's, or that of what is asked."""
    defined = {side.symbol for s in tree.statements for side in s.sides[:-1] if isinstance(side, Name)}
    barred = [node for node in nodes(tree) if isinstance(node, Name) and node.symbol.startswith(BAR)]
    asked = (target.written or "").removeprefix("∂")
    if any(_says_what_bars_are(s.sides[0], s.sides[-1], target) for s in tree.statements):
        return True
    for name in barred:
        base, symbol = name.symbol.removeprefix(BAR), target.symbols.get(name.symbol.removeprefix(BAR))
        on_the_left = any(name in s.sides[:-1] for s in tree.statements)
        if on_the_left and (base == asked or (asked.startswith(f"{base}_") and symbol is None)):
            return True
        has_gradient = name.symbol not in defined and symbol and f"∂{base}" in target.symbols
        if has_gradient and (name.below or not symbol.axes.startswith(target.notation.samples)):
            return True
    return False


def _readings(tree, answered, target, way, problems):
    """The readings in one way; why there is none is added to `problems`."""
    left, body, definitions = answered
    transposed = None
    if "without i" in way.changes:
        left, body, definitions = as_one_sample(left, body, definitions, target.symbols)
    if "einstein" in way.changes:
        body = with_sums(body, left)
    if way.transposed is not None:
        body, definitions, transposed = with_transpose(body, definitions, way.transposed)
        if transposed is None:
            return ()
    readings = []
    for samples in (ROWS, COLUMNS):
        rules = Rules(
            target.notation,
            target.symbols,
            definitions,
            samples,
            way.changes,
            target.key,
            target.jacobians,
            target.functions,
            tree.source,
        )
        around = surroundings(rules)
        try:
            reading = _reading(around, left, body, target.axes, way, transposed)
        except FormulaError as problem:
            problems.append(problem)
        else:
            if way.kind != REPAIR or transposed is not None or around.progress.repairs:
                readings.append(reading)
            if not around.progress.has_batch:
                break
    return tuple(readings)


# ---------------------------------------------------------------------------------------------------------------------
# Passes over the tree


def answer(tree, target=None):
    r"""(left side or None, body, {name: (left side, body)}): what is answered, and the definitions beside it.

    A line that begins with the name of what is asked is the answer. Otherwise the line without a left side is, or else
    the last one whose left side no other line uses.
    """
    statements = [s for s in tree.statements if not target or not is_a_remark(s, target.notation, target)]
    statements = statements or tree.statements
    asked_names = names_of_asked(target) if target else {None}

    def is_asked(side):
        return written_name(side) in asked_names

    asked = [s for s in statements if any(is_asked(side) for side in _left_sides(s))]
    bare = [s for s in statements if len(s.sides) == 1]
    chosen = (asked or bare or _unused(statements) or statements)[-1]
    definitions = {}
    for statement in statements:
        for side in _left_sides(statement):
            defines = statement is not chosen or len(statement.sides) > 2
            if isinstance(side, Name) and not is_asked(side) and defines:
                definitions[side.symbol] = (side, statement.sides[-1])
            if isinstance(side, Derivative) and len(names_in(side)) == 2 and not is_asked(side) and defines:
                name = name_of_derivative(side)
                definitions[name.symbol] = (name, statement.sides[-1])
            if isinstance(side, AppliedLetter) and isinstance(side.inner, Name) and not side.primes and defines:
                definitions[f"{side.symbol}()"] = (side, statement.sides[-1])
    left = [side for side in _left_sides(chosen) if is_asked(side)] or _left_sides(chosen)[:1]
    return (left[0] if left else None), chosen.sides[-1], definitions


def is_a_remark(statement, notation, target=None):
    """Whether a line defines nothing: "m = 5", "i = 1", "H(0) = 1", or with any letter "\\bar v = ∂L/∂v"."""
    left, right = statement.sides[0], statement.sides[-1]
    if len(statement.sides) < 2:
        return False
    if isinstance(left, AppliedLetter):
        return isinstance(left.inner, Number)
    if isinstance(left, Name) and isinstance(right, Number) and left.symbol in {*notation.sizes, *notation.indices}:
        return True
    return target is not None and _says_what_bars_are(left, right, target)


def _says_what_bars_are(left, right, target):
    names = isinstance(left, Name) and isinstance(right, Name) and left.symbol.startswith(BAR)
    return names and right.symbol == f"∂{left.symbol.removeprefix(BAR)}" and right.symbol[1:] not in target.symbols


def names_of_asked(target):
    """The names, as `written_name` gives them, of what is asked: in small letters and in capitals, with W for θ."""
    if not target.written:
        return {target.written}
    parts = []
    for name in target.written.split("/"):
        sign, base = name[: name[:1] == "∂"], name.removeprefix("∂")
        symbol = target.symbols.get(base)
        same = {other for other, known in target.symbols.items() if symbol and known and known.key == symbol.key}
        parts.append({sign + other for other in {base, *same}})
    return {"/".join(names) for names in product(*parts)}


def _unused(statements):
    """The statements whose left side stands in no other."""
    unused = []
    for statement in statements:
        names = {side.symbol for side in _left_sides(statement) if isinstance(side, Name | AppliedLetter)}
        others = (node for other in statements if other is not statement for node in nodes(other))
        if not any(isinstance(node, Name | AppliedLetter) and node.symbol in names for node in others):
            unused.append(statement)
    return unused


def _left_sides(statement):
    return [side for side in statement.sides[:-1] if isinstance(side, Name | Derivative | AppliedLetter)]


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


def with_sums(body, left):
    """A body with a sum over each index that occurs in two factors and not on the left side (Einstein)."""
    known = {letter for name in (names_in(left) if left is not None else ()) for letter in (*name.below, *name.above)}

    def counted(node):
        if isinstance(node, IndexSum):
            return counted(node.body) - {node.letter}
        if isinstance(node, Name):
            return {*node.below, *node.above}
        return {letter for child in vars(node).values() for letter in _letters_of(child, counted)}

    def summed(node):
        if isinstance(node, Sum):
            return replace(node, terms=tuple(map(summed, node.terms)))
        if isinstance(node, Negative):
            return replace(node, inner=summed(node.inner))
        factors = node.factors if isinstance(node, Product | Entrywise) else (node,)
        sets = [counted(factor) for factor in factors]
        twice = {letter for letters in sets for letter in letters if sum(letter in other for other in sets) > 1}
        for letter in sorted(twice - known - {":"}):
            node = IndexSum(letter, None, node, at=node.at)
        return node

    return summed(body)


def _letters_of(child, counted):
    children = child if isinstance(child, tuple) else (child,)
    return {letter for one in children if hasattr(one, "at") for letter in counted(one)}


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


def _reading(around, left, body, axes, way, transposed):
    of_one_sample = "one sample" in way.changes
    if of_one_sample and (axes or "").startswith(around.rules.notation.samples):
        around = replace(around, sample=around.progress.add_letter(ANY_SAMPLE))
    order = _left_letters(around, left, axes)
    if around.sample and order[0] is None:
        order = [ANY_SAMPLE, *order[1:]]
    if len(named := [letter for letter in order if letter]) > len(set(named)):
        raise ShapeError("One index stands for two axes of what is asked.", left.at if left else body.at)
    for letter, size in zip(order, axes or "", strict=False):
        if letter:
            around = around.within(letter, size)
    array = shape(body, around)
    if type(around.sizes.of(array.shape[0])) is tuple and len(axes or "") == 2:
        array = shape(Call("unvec", (body,), at=body.at), around)  # a gradient that was stacked
    if axes is not None:
        order = _fitted(around, array, body, axes, order)
    return Reading(
        _told(around, way, transposed),
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
    parts = {name: (rules.text(rules.definitions[name][0]), part) for (name, *_), (part, *_) in _defined(around)}
    told = [*parts.values(), (rules.text(left) if left else "", array)]
    return tuple((text, rules.describe(map(sizes.of, part.shape))) for text, part in told)


def _defined(around):
    return around.progress.defined.items()


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
    if around.repairs("samples above") and above and of_samples:
        firsts = [name.above[0] for name in names if name.above]
        below, above = [firsts[0], *(letter for letter in below if letter != firsts[0])], []
    if around.sample and len(below) + len(above) < len(axes):
        below = [around.sample, *below]
    if of_samples and below:
        below = [below[0], *(letter for letter in below[1:] if letter != below[0])]
    if not of_samples and is_derivative and len(below) > 1 and below.count(below[0]) == len(names):
        below = [letter for letter in below if letter != below[0]]  # the sample's, of which nothing depends here
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


def _told(around, way, transposed):
    """The sentences on what was read otherwise than it is written on the notation page, or None."""
    text, names, sizes = around.rules.text, around.rules.notation.size_names, around.sizes
    told = [sentence for change, sentence in TOLD.items() if change in way.changes]
    if transposed is not None:
        told.append(f"{text(transposed)} was read with a transpose.")
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

r"""The numbers of a reading, from a draw: a dict of arrays, rows are samples.

Derivatives of what is named, and "\frac{\partial}{\partial v}" of an expression, come from the draw's Jacobians,
draw[u, v] of shape u.shape + v.shape, by a complex step through the expression. Nothing is handed to eval or exec.
"""

from dataclasses import dataclass, field

import numpy as np

from .arrays import (
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
)
from .errors import FormulaError

STEP = 1e-20


def _by_sign(x, negative):
    return np.where(x.real < 0, negative(x), x)


def _comparison(compare):
    return lambda a, b: compare(a.real, b.real) * 1.0


OPERATIONS = {
    "+": np.add,
    "*": np.multiply,
    "/": np.divide,
    "^": lambda a, b: a**b,
    "max": lambda a, b: np.where(a.real >= b.real, a, b),
    "min": lambda a, b: np.where(a.real <= b.real, a, b),
    ">": _comparison(np.greater),
    "<": _comparison(np.less),
    r"\geq": _comparison(np.greater_equal),
    r"\leq": _comparison(np.less_equal),
    "=": _comparison(np.equal),
    r"\neq": _comparison(np.not_equal),
}
FUNCTIONS = {
    "-": np.negative,
    "sqrt": np.sqrt,
    "abs": lambda x: _by_sign(x, np.negative),
    "relu": lambda x: _by_sign(x, lambda x: 0 * x),
    "relu'": lambda x: (x.real > 0) * 1.0,
    "sgn": lambda x: np.sign(x.real),
    "exp": np.exp,
    "log": np.log,
}


def evaluate(reading, draw):
    r"""The numbers of a reading: an array with the axes that were asked for.

    Args:
        reading: an arrays.Reading.
        draw: {key: array} of every symbol, and the sizes by their names; where there are derivatives in the formula,
            [u, v] of shape u.shape + v.shape.

    Raises:
        FormulaError: it is not finite, or something cannot be told.
    """
    names = reading.notation.size_names.items()
    lengths = {axis: draw[name] for axis, name in names if name in draw}
    context = _Context(draw, lengths, reading.sizes, reading.positions, reading.notation.size_names)
    with np.errstate(all="ignore"):
        array = _run(reading.array, context)
    if not np.isfinite(array).all():
        raise FormulaError("Somewhere this divides by zero, or takes a root or a logarithm of what has none.")
    return np.squeeze(array) if reading.axes is None else _in_order(array, reading, context)


def _in_order(array, reading, context):
    """The array with the axes of what is asked."""
    samples, shape = reading.notation.samples, [context.sizes.of(size) for size in reading.array.shape]
    end = len(reading.positions)
    free = [k for k in range(2) if shape[k] != "1"]
    if len(free) == 2 and reading.axes[:1] == samples and reading.order[0] is None and shape[1] == samples:
        free = free[::-1]
    front = [reading.positions[letter] if letter else end + free.pop(0) for letter in reading.order]
    rest = [axis for axis in range(end + 2) if axis not in front]
    array = array.transpose(*front, *rest)
    counts = [context.length_of_axis(axis) for axis in reading.axes]
    return np.array(np.broadcast_to(array.reshape(array.shape[: len(front)]), counts))


@dataclass(frozen=True)
class _Context:
    """lengths: {axis: its length in this draw}. positions: {index letter: its axis}. definitions: computed so far."""

    draw: dict
    lengths: dict
    sizes: Sizes
    positions: dict
    size_names: dict
    definitions: dict = field(default_factory=dict)

    def length(self, size, problem, at):
        size = self.sizes.of(size)
        if type(size) is Unknown:
            raise FormulaError(problem, at)
        return self.length_of_axis(size)

    def length_of_axis(self, axis):
        if type(axis) is tuple:
            return int(np.prod([self.length(part, "A size cannot be told.", None) for part in axis]))
        if axis not in self.lengths:
            raise FormulaError(f"There is no {self.size_names[axis]} in this question.")
        return self.lengths[axis]

    def length_of_range(self, letter, size, at):
        return self.length(size, f"How far {letter} runs cannot be told.", at)


def _run(array, context):
    """The numbers of an Array: an axis for each letter of the formula, then rows and columns."""
    return _RUN[type(array)](array, context)


def _filled(context, number):
    return np.full((1,) * (len(context.positions) + 2), number)


def _run_ones(array, context):
    count = context.length(array.size, f"How many ones {array.text} has cannot be told.", array.at)
    core = np.eye(count) if isinstance(array, IdentityMatrix) else np.ones((count, 1))
    return core.reshape((1,) * len(context.positions) + core.shape)


def _run_position(array, context):
    count = context.length_of_range(array.letter, array.size, array.at)
    return _placed(np.arange(float(count)).reshape(-1, 1, 1), [array.letter], context.positions)


def _run_selection(array, context):
    source = _load(array.source, context)
    front = [*array.indexed, *range(array.count, source.ndim)]
    source = source.transpose(*front, *array.kept)
    head, tail = source.shape[: len(front)], source.shape[len(front) :]
    tail = (1, *tail) if array.as_row and len(tail) == 1 else (*tail, 1, 1)[:2]
    return _placed(source.reshape(head + tail), array.names, context.positions)


def _load(source, context):
    """The array of a source, with its own axes."""
    if isinstance(source, Stored):
        return _run_stored(source, context)
    if isinstance(source, StepDerivative):
        return _run_unpacked(source.moved, context).imag / STEP
    return _run_unpacked(source, context)


def _run_stored(source, context):
    """A symbol's array in the draw; in a derivative, moved in its direction by a complex step."""
    array = np.asarray(context.draw[source.key], float)
    if source.direction is None:
        return array
    moved, axes = source.direction
    try:
        slope = np.asarray(context.draw[source.key, moved], float)
    except KeyError:
        raise FormulaError(f"The slopes of {source.key} along {moved} are not known here.") from None
    return array.reshape(array.shape + (1,) * len(axes)) + 1j * STEP * slope


def _run_definition(source, context):
    if source.name not in context.definitions:
        context.definitions[source.name] = _run(source.array, context)
    return context.definitions[source.name]


def _run_unpacked(source: Unpacked, context):
    whole = _run(source.array, context) if source.name is None else _run_definition(source, context)
    positions, end = context.positions, len(context.positions)
    for letter, size in source.first.items():
        if whole.shape[positions[letter]] == 1:
            whole = np.repeat(whole, context.length_of_range(letter, size, source.at), axis=positions[letter])
    first, more = ([positions[letter] for letter in letters] for letters in (source.first, source.more))
    rest = [axis for axis in range(end) if axis not in first and axis not in more]
    inner = [end + k for k in (source.kept[::-1] if source.turned else source.kept)]
    gone = [end + k for k in (0, 1) if k not in source.kept]
    whole = whole.transpose(*first, *inner, *more, *rest, *gone)
    return whole.reshape(whole.shape[: len(first) + len(inner) + len(more)])


def _placed(core, letters, positions):
    """An array whose first axes are letters, each moved to its letter's place; the same letter twice is a diagonal."""
    letters = list(letters)
    for letter in dict.fromkeys(letters):
        while letters.count(letter) > 1:
            one = letters.index(letter)
            other = letters.index(letter, one + 1)
            core = np.moveaxis(np.diagonal(core, axis1=one, axis2=other), -1, one)
            del letters[other]
    order = sorted(range(len(letters)), key=lambda k: positions[letters[k]])
    core = core.transpose(*order, core.ndim - 2, core.ndim - 1)
    shape = [1] * len(positions) + list(core.shape[-2:])
    for k, index in enumerate(order):
        shape[positions[letters[index]]] = core.shape[k]
    return core.reshape(shape)


def _run_chain(array, context):
    """Sums and products, which are chains to the left, without a recursion for each of their pieces."""
    steps = []
    while isinstance(array, Elementwise | MatrixProduct):
        steps.append(array)
        array = array.left
    value = _run(array, context)
    for step in reversed(steps):
        right = _run(step.right, context)
        if isinstance(step, MatrixProduct):
            value = np.matmul(value, right)
        else:
            value = OPERATIONS[step.operation](*_turned(value, right, step.turned))
    return value


def _turned(left, right, turned):
    if turned == "left":
        return left.swapaxes(-1, -2), right
    return left, right.swapaxes(-1, -2) if turned == "right" else right


def _run_choice(array, context):
    yes, no = _turned(_run(array.yes, context), _run(array.no, context), array.turned)
    test = _run(array.test, context)
    test, yes = _turned(test, yes, array.test_turned)
    _, no = _turned(test, no, "right" if array.test_turned == "right" else None)
    return np.where(test != 0, yes, no)


def _run_norm(array, context):
    inner = _run(array.inner, context)
    return np.sqrt((inner * inner).sum(axis=(-2, -1), keepdims=True))


def _run_kronecker(array, context):
    left, right = _run(array.left, context), _run(array.right, context)
    product = left[..., :, None, :, None] * right[..., None, :, None, :]
    return product.reshape(*product.shape[:-4], product.shape[-4] * product.shape[-3], -1)


def _run_stacked(array, context):
    inner = _run(array.inner, context)
    if not array.back:
        return inner.swapaxes(-1, -2).reshape(*inner.shape[:-2], -1, 1)
    rows, columns = (context.length(size, "A size cannot be told.", None) for size in array.shape)
    return inner.reshape(*inner.shape[:-2], columns, rows).swapaxes(-1, -2)


def _run_total(array, context):
    inner = _run(array.inner, context)
    if array.diagonal:
        return np.trace(inner, axis1=-2, axis2=-1)[..., None, None]
    return inner.sum(axis=(-2, -1), keepdims=True)


def _run_gathered(array, context):
    inner = _run(array.inner, context)
    for letter, size, place in zip(array.indices, array.sizes, (-2, -1), strict=False):
        position = context.positions[letter]
        count = context.length_of_range(letter, size, array.at)
        inner = np.broadcast_to(inner, (*inner.shape[:position], count, *inner.shape[position + 1 :]))
        inner = inner.swapaxes(position, place)
    return inner


def _run_diagonal_matrix(array, context):
    inner = _run(array.inner, context)
    inner = inner.reshape((*inner.shape[:-2], -1))
    return inner[..., None] * np.eye(inner.shape[-1])


def _run_softmax(array, context):
    powers = np.exp(_run(array.inner, context))
    return powers / powers.sum(axis=array.axis, keepdims=True)


def _run_reduction(array, context):
    inner = _run(array.inner, context)
    count, axis = context.length_of_range(array.letter, array.size, array.at), context.positions[array.letter]
    total = inner.sum(axis=axis, keepdims=True) * (count if inner.shape[axis] == 1 else 1)
    return total / count if array.is_mean else total


_RUN = {
    Constant: lambda array, context: _filled(context, array.number),
    SizeNumber: lambda array, context: _filled(context, float(context.length_of_axis(array.axis))),
    OnesColumn: _run_ones,
    IdentityMatrix: _run_ones,
    Position: _run_position,
    Selection: _run_selection,
    Elementwise: _run_chain,
    MatrixProduct: _run_chain,
    KroneckerProduct: _run_kronecker,
    Stacked: _run_stacked,
    Total: _run_total,
    Gathered: _run_gathered,
    Applied: lambda array, context: FUNCTIONS[array.function](_run(array.inner, context)),
    Transposed: lambda array, context: _run(array.inner, context).swapaxes(-1, -2),
    FrobeniusNorm: _run_norm,
    Diagonal: lambda array, context: np.diagonal(_run(array.inner, context), axis1=-2, axis2=-1)[..., None],
    DiagonalMatrix: _run_diagonal_matrix,
    Softmax: _run_softmax,
    Reduction: _run_reduction,
    Choice: _run_choice,
}

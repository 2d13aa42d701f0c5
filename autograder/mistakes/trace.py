"""Trace a forward pass once: every operation with its operands, its local derivatives, and the names in the code.

    graph = trace(forward, inputs, ["x", "gamma"])
    graph.gradients(dout)  # {"x": array, "gamma": array}, by the reverse sweep

`trace` runs the forward pass on Traced values, which stand in for arrays: NumPy hands every function and operator that
meets one to this module (`__array_ufunc__`, `__array_function__`, indexing). What a function does beside that, loops,
helpers, dicts, is Python and needs no rule. An array that is made inside (`np.zeros(shape)`) and filled entry by entry
is traced too.

Names are the local variables and the keys of dicts that values are bound to, the outermost function's first; an
expression without a name is called by its source text. Operations at one place in the code, as in a loop, share a site.

A forward pass can be traced where it is plain NumPy on arrays of floats, deterministic, and writes into no view of
another array. What cannot be traced raises NotTraceable, and so does a trace whose output is not that of the forward
pass. Write one assignment a step and give each step a name: the sentences on mistakes are made of these names.
"""

import linecache
import math
import sys
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

MAX_NODES = 4_000  # operations of one trace; loops over entries of larger arrays take too long to sweep
MAX_TEXT = 60  # characters of a source text that is shown


class NotTraceable(Exception):
    """A forward pass does what this module cannot follow; the message says what."""


@dataclass(eq=False)
class Node:
    """One operation's result.

    value: the array. op: the operation's name. operands: Nodes and constants. pull: {operand's number: pull(g, values,
    out) -> the part of the operand's gradient that comes through here, from g, the gradient of the result}; values are
    those of the operands. slopes: the same for elementwise operations, slope(values, out) -> local derivative.
    site: the places in the code that led here. text: the source of the innermost one. names: [(depth of the function
    whose variable it is, order, name)].
    """

    index: int
    value: np.ndarray
    op: str
    operands: tuple = ()
    pull: Mapping[int, Callable] = field(default_factory=dict)
    slopes: Mapping[int, Callable] = field(default_factory=dict)
    site: tuple = ()
    text: str = ""
    names: list = field(default_factory=list)

    @property
    def name(self) -> str:
        """The variable's name, that of the outermost function; "" where it has none."""
        return min(self.names)[2] if self.names else ""

    @property
    def values(self) -> list:
        return [operand.value if isinstance(operand, Node) else operand for operand in self.operands]

    def parents(self) -> list[tuple[int, "Node"]]:
        """[(operand's number, Node)] of the operands that gradients flow to."""
        return [(k, each) for k, each in enumerate(self.operands) if isinstance(each, Node) and k in self.pull]


class Graph:
    """A traced forward pass: its nodes in the order of computation, those of the inputs first."""

    def __init__(self, nodes: list[Node], inputs: Mapping[str, Node], out: Node) -> None:
        self.inputs, self.out = inputs, out
        feeding = self._feeding(nodes, out)
        self.nodes = [node for node in nodes if node.index in feeding or node.index < len(inputs)]
        self.users: dict[int, list[tuple[Node, int]]] = defaultdict(list)  # of each node: (the node that uses it, as k)
        for node in self.nodes:
            for k, parent in node.parents():
                self.users[parent.index].append((node, k))
        self.sites: dict[tuple, list[Node]] = defaultdict(list)
        for node in self.nodes:
            self.sites[(node.site, node.op) if node.op != "input" else ("input", node.name)].append(node)

    @staticmethod
    def _feeding(nodes, out):
        needed = {out.index}
        for node in reversed(nodes):
            if node.index in needed:
                needed |= {parent.index for _, parent in node.parents()}
        return needed

    def gradients(self, dout: Any) -> dict[str, np.ndarray]:
        """{input: gradient of sum(dout * out)} of every input that was traced."""
        adjoints = self.sweep(dout)
        return {name: adjoints.get(node.index, np.zeros_like(node.value)) for name, node in self.inputs.items()}

    def sweep(self, dout: Any) -> dict[int, np.ndarray]:
        """{node's index: its gradient}."""
        adjoints = {self.out.index: np.asarray(dout, float)}
        for node in reversed(self.nodes):
            g = adjoints.get(node.index)
            if g is None:
                continue
            for k, parent in node.parents():
                part = node.pull[k](g, node.values, node.value)
                known = adjoints.get(parent.index)
                adjoints[parent.index] = part if known is None else known + part
        return adjoints


def trace(forward: Callable, inputs: Mapping[str, Any], wanted: Collection[str]) -> Graph:
    """Run forward(**inputs) and record it.

    Args:
        forward: returns out, or (out, cache); in NumPy.
        inputs: {argument: value}.
        wanted: the arguments that gradients are taken with respect to, arrays or numbers of floats.

    Returns:
        The Graph, whose inputs are the wanted ones.

    Raises:
        NotTraceable: it could not be followed, or what came out is not what the forward pass gives.
    """
    expected = _first(forward(**inputs))
    tracer = _Tracer(forward)
    given = dict(inputs)
    for name in wanted:
        given[name] = tracer.leaf(np.array(inputs[name], float), name)
    try:
        with tracer.running():
            out = _first(forward(**given))
    except NotTraceable:
        raise
    except Exception as error:
        raise NotTraceable(f"{type(error).__name__}: {error}") from error
    if not isinstance(out, Traced):
        raise NotTraceable("what comes out does not depend on the inputs")
    if np.shape(expected) != out.shape or not np.allclose(out.node.value, expected, rtol=1e-9, atol=1e-12):
        raise NotTraceable("the traced forward pass gives another output: does it write into a view of an array?")
    graph = Graph(tracer.nodes, {name: given[name].node for name in wanted}, out.node)
    if not any(graph.users[node.index] for node in graph.inputs.values()):
        raise NotTraceable("what comes out does not depend on the inputs")
    return graph


def _first(value):
    return value[0] if isinstance(value, tuple) else value


# ---------------------------------------------------------------------------------------------------------------------
# Where in the code an operation stands, and what its value is called


class _Tracer:
    """The recording of one forward pass."""

    def __init__(self, forward: Callable) -> None:
        self.nodes: list[Node] = []
        self.depth = 0
        self.first_code = getattr(forward, "__code__", None)

    def leaf(self, value: np.ndarray, name: str) -> "Traced":
        node = Node(len(self.nodes), value, "input", names=[(0, -1, name)])
        self.nodes.append(node)
        return Traced(node, self)

    def add(self, value, op, operands, pull, slopes=None) -> "Traced":
        if len(self.nodes) >= MAX_NODES:
            raise NotTraceable(f"it takes more than {MAX_NODES:,} operations")
        value = np.asarray(value)
        if value.dtype.kind not in "fiub":
            raise NotTraceable(f"{op} gives {value.dtype}")
        operands = tuple(each.node if isinstance(each, Traced) else each for each in operands)
        site, text = self._place()
        node = Node(len(self.nodes), value, op, operands, pull, slopes or {}, site, text)
        self.nodes.append(node)
        return Traced(node, self)

    def _place(self):
        """(the places of the calls that led here, outermost first; the source text of the innermost)."""
        frame, places, text = sys._getframe(2), [], ""
        while frame is not None:
            if not _is_ours(frame):
                line, end_line, start, end = _position(frame)
                places.append((frame.f_code.co_name, line, end_line, start, end))
                if len(places) == 1:
                    text = _source(frame.f_code.co_filename, line, end_line, start, end)
                if frame.f_code is self.first_code:
                    break
            frame = frame.f_back
        return tuple(reversed(places)), text

    @contextmanager
    def running(self):
        """While the forward pass runs: its local variables are looked at, and arrays that it makes are traced."""
        before, replaced = sys.gettrace(), []

        def put(where, name, function):
            replaced.append((where, name, getattr(where, name)))
            setattr(where, name, function)

        for name in ("zeros", "empty", "ones", "full"):
            put(np, name, self._making(getattr(np, name)))
        for name in ("array", "asarray", "ascontiguousarray", "asanyarray"):
            put(np, name, self._gathering(getattr(np, name)))
        for name in ("exp", "log", "log1p", "expm1", "sqrt", "tanh", "sin", "cos", "erf", "fabs"):
            put(math, name, self._of_number(getattr(math, name)))
        put(np.vectorize, "__call__", self._of_vectorized(np.vectorize.__call__))
        sys.settrace(self._watch)
        try:
            yield
        finally:
            sys.settrace(before)
            for where, name, function in reversed(replaced):
                setattr(where, name, function)

    def _gathering(self, function):
        """np.array and its like, for lists of Traced values too."""

        def gather(value, *args, **kwargs):
            if isinstance(value, Traced):
                return value.astype((args or (kwargs.get("dtype") or float,))[0])
            if isinstance(value, tuple | list) and _tracer_of(value):
                return np.stack([gather(each) for each in value])
            return function(value, *args, **kwargs)

        return gather

    def _of_number(self, function):
        def of(x):
            if isinstance(x, Traced):
                return _elementwise(
                    np.vectorize(function, otypes=[float]),
                    ELEMENTWISE[_NAMES.get(function.__name__, function.__name__)],
                    (x,),
                    self,
                    function.__name__,
                )
            return function(x)

        of.__name__, of.plain = function.__name__, function
        return of

    def _of_vectorized(self, call):
        def of(vectorized, *args, **kwargs):
            if not _tracer_of(*args):
                return call(vectorized, *args, **kwargs)
            function = getattr(vectorized.pyfunc, "plain", vectorized.pyfunc)
            name = _NAMES.get(function.__name__, function.__name__)
            if function.__module__ != "math" or name not in ELEMENTWISE or kwargs:
                raise NotTraceable("np.vectorize of a function of one's own")
            plain = np.vectorize(function, otypes=[float])
            return _elementwise(lambda *values: call(plain, *values), ELEMENTWISE[name], args, self, name)

        return of

    def _making(self, function):
        def make(*args, **kwargs):
            made = function(*args, **kwargs)
            frame = sys._getframe(1)
            if _is_ours(frame) or made.dtype.kind != "f" or not made.ndim:
                return made
            return self.add(made, "made", (), {})

        return make

    def _watch(self, frame, event, arg):
        if _is_ours(frame):
            return None
        self.depth += event == "call"
        if event in ("line", "return", "call"):
            for name, value in list(frame.f_locals.items()):
                self._bind(name, value, 1 if isinstance(value, dict) else 0)
            self.depth -= event == "return"
        return self._watch

    def _bind(self, name, value, inside):
        if isinstance(value, dict):
            for key, each in list(value.items()):
                if isinstance(key, str) and isinstance(each, Traced):
                    self._bind(key, each, inside)
        elif isinstance(value, Traced) and value.tracer is self:
            names = value.node.names
            if name not in [known for _, _, known in names] and not name.startswith("."):
                names.append((self.depth, inside * 1000 + len(names), name))


def _is_ours(frame) -> bool:
    module = frame.f_globals.get("__name__", "")
    return module == __name__ or module.split(".")[0] in ("numpy", "contextlib", "scipy")


def _position(frame):
    positions = list(frame.f_code.co_positions())
    at = positions[frame.f_lasti // 2]
    return at if None not in at else (frame.f_lineno, frame.f_lineno, 0, 0)


def _source(file, line, end_line, start, end) -> str:
    if line != end_line:
        return ""
    text = linecache.getline(file, line).encode()[start:end].decode(errors="replace").strip()
    return text if len(text) <= MAX_TEXT else ""


# ---------------------------------------------------------------------------------------------------------------------
# The values that stand in for arrays


class Traced(NDArrayOperatorsMixin):
    """An array, or a number, whose operations are recorded."""

    __array_priority__ = 1000

    def __init__(self, node: Node, tracer: _Tracer) -> None:
        self.node, self.tracer = node, tracer

    shape = property(lambda self: self.node.value.shape)
    ndim = property(lambda self: self.node.value.ndim)
    size = property(lambda self: self.node.value.size)
    dtype = property(lambda self: self.node.value.dtype)
    T = property(lambda self: np.transpose(self))
    mT = property(lambda self: np.swapaxes(self, -1, -2))
    real = property(lambda self: self)
    flat = property(lambda self: iter(np.ravel(self)))

    def __len__(self):
        return len(self.node.value)

    def __iter__(self):
        return (self[i] for i in range(len(self)))

    def __bool__(self):
        return bool(self.node.value)

    def __repr__(self):
        return f"Traced({self.node.value!r})"

    def __deepcopy__(self, memo):
        return self

    def __array__(self, dtype=None, copy=None):
        raise NotTraceable("a value is turned into a plain array")

    def __float__(self):
        raise NotTraceable("a value is turned into a plain number")

    __int__ = __index__ = __float__

    def __getitem__(self, at):
        return _select(lambda array: array[_plain(at)], "index", (self,), self.tracer)

    def __setitem__(self, at, value):
        self._write(at, value, add=False)

    def _write(self, at, value, add):
        """This array with a value at some places, put there or added; the variable then means that."""
        at, before = _plain(at), self.node
        held = np.array(before.value, float)
        inner = np.broadcast_to(np.asarray(_plain(value), float), np.shape(held[at]))
        if add:
            np.add.at(held, at, inner)
        else:
            held[at] = inner
        shape = np.shape(_plain(value))

        def keep(g, values, out):
            rest = np.array(g)
            if not add:
                rest[at] = 0
            return rest

        pull = {0: keep}
        if isinstance(value, Traced):
            pull[1] = lambda g, values, out: fold(g[at], shape)
        traced = Traced(before, self.tracer)
        self.node = self.tracer.add(held, "write", (traced, value), pull).node
        self.node.names = list(before.names)

    def __array_ufunc__(self, ufunc, method, *args, out=None, **kwargs):
        if method == "at" and ufunc is np.add:
            args[0]._write(args[1], args[2], add=True)
            return None
        if method == "reduce" and ufunc in REDUCE:
            found = REDUCE[ufunc](*args, **kwargs)
        elif method != "__call__" or set(kwargs) - {"dtype", "casting"}:
            raise NotTraceable(f"{ufunc.__name__}.{method} with {', '.join(kwargs) or 'no rule'}")
        elif ufunc in PLAIN_UFUNCS:
            return ufunc(*map(_plain, args))
        elif ufunc is np.matmul:
            found = _matmul(*args)
        elif (slopes := ELEMENTWISE.get(ufunc.__name__)) is not None:
            found = _elementwise(ufunc, slopes, args, self.tracer)
        else:
            raise NotTraceable(f"there is no rule for {ufunc.__name__}")
        if out is not None:
            (target,) = out
            if not isinstance(target, Traced) or target.shape != found.shape:
                raise NotTraceable("a result is written into a plain array")
            target.node = found.node
            return target
        return found

    def __array_function__(self, function, types, args, kwargs):
        if function in PLAIN:
            return function(*_plain(args), **_plain(kwargs))
        if function in RULES:
            return RULES[function](*args, **kwargs)
        if function in SELECTIONS:
            return _select_function(function, args, kwargs, self.tracer)
        raise NotTraceable(f"there is no rule for np.{function.__name__}")

    def astype(self, dtype, **kwargs):
        if np.dtype(dtype).kind != "f":
            return self.node.value.astype(dtype)
        return self

    def transpose(self, *axes):
        return np.transpose(self, axes[0] if len(axes) == 1 and not isinstance(axes[0], int) else axes or None)

    def reshape(self, *shape, **kwargs):
        return np.reshape(self, shape[0] if len(shape) == 1 else shape, **kwargs)

    def flatten(self):
        return np.ravel(self)

    def copy(self, order="C"):
        return Traced(self.node, self.tracer)

    def __copy__(self):
        return self.copy()

    def item(self):
        return self.reshape(())

    def dot(self, other):
        return np.dot(self, other)


def _method(function):
    return lambda self, *args, **kwargs: function(self, *args, **kwargs)


for _name in ("sum", "mean", "var", "std", "max", "min", "prod", "ravel", "swapaxes", "squeeze", "clip", "repeat"):
    setattr(Traced, _name, _method(getattr(np, _name)))
for _name in ("argmax", "argmin", "argsort", "any", "all", "round", "nonzero", "cumsum", "take", "trace", "diagonal"):
    setattr(Traced, _name, _method(getattr(np, _name)))


def _plain(value):
    """The same with arrays in place of Traced values."""
    if isinstance(value, Traced):
        return value.node.value
    if isinstance(value, tuple | list):
        return type(value)(map(_plain, value))
    return {key: _plain(each) for key, each in value.items()} if isinstance(value, dict) else value


def _tracer_of(*values):
    for value in values:
        if isinstance(value, Traced):
            return value.tracer
        if isinstance(value, tuple | list) and (found := _tracer_of(*value)):
            return found
    return None


# ---------------------------------------------------------------------------------------------------------------------
# The rules: what comes back through each operation


def fold(g: np.ndarray, shape: Sequence[int]) -> np.ndarray:
    """g summed over the axes along which an array of this shape was broadcast."""
    g = np.asarray(g)
    if g.shape == tuple(shape):
        return g
    if g.ndim > len(shape):
        g = g.sum(axis=tuple(range(g.ndim - len(shape))))
    axes = tuple(axis for axis, size in enumerate(shape) if size == 1 and g.shape[axis] != 1)
    return g.sum(axis=axes, keepdims=True) if axes else g


def _where_larger(a, b):
    return np.where(a == b, 0.5, a > b)


ELEMENTWISE = {  # {ufunc: the local derivative by each operand, of (operands, result)}
    "add": (lambda v, y: 1.0, lambda v, y: 1.0),
    "subtract": (lambda v, y: 1.0, lambda v, y: -1.0),
    "multiply": (lambda v, y: v[1], lambda v, y: v[0]),
    "divide": (lambda v, y: 1 / v[1], lambda v, y: -v[0] / v[1] ** 2),
    "power": (
        lambda v, y: v[1] * np.power(v[0], np.subtract(v[1], 1.0)),
        lambda v, y: y * np.log(np.where(np.asarray(v[0]) > 0, v[0], 1.0)),
    ),
    "maximum": (lambda v, y: _where_larger(v[0], v[1]), lambda v, y: _where_larger(v[1], v[0])),
    "minimum": (lambda v, y: _where_larger(v[1], v[0]), lambda v, y: _where_larger(v[0], v[1])),
    "logaddexp": (lambda v, y: np.exp(v[0] - y), lambda v, y: np.exp(v[1] - y)),
    "hypot": (lambda v, y: v[0] / y, lambda v, y: v[1] / y),
    "negative": (lambda v, y: -1.0,),
    "positive": (lambda v, y: 1.0,),
    "conjugate": (lambda v, y: 1.0,),
    "reciprocal": (lambda v, y: -1 / v[0] ** 2,),
    "square": (lambda v, y: 2 * v[0],),
    "sqrt": (lambda v, y: 0.5 / np.sqrt(v[0]),),
    "cbrt": (lambda v, y: 1 / (3 * np.cbrt(v[0]) ** 2),),
    "exp": (lambda v, y: np.exp(v[0]),),
    "exp2": (lambda v, y: np.exp2(v[0]) * math.log(2),),
    "expm1": (lambda v, y: np.exp(v[0]),),
    "log": (lambda v, y: 1 / v[0],),
    "log2": (lambda v, y: 1 / (v[0] * math.log(2)),),
    "log10": (lambda v, y: 1 / (v[0] * math.log(10)),),
    "log1p": (lambda v, y: 1 / (1 + v[0]),),
    "tanh": (lambda v, y: 1 - np.tanh(v[0]) ** 2,),
    "sinh": (lambda v, y: np.cosh(v[0]),),
    "cosh": (lambda v, y: np.sinh(v[0]),),
    "sin": (lambda v, y: np.cos(v[0]),),
    "cos": (lambda v, y: -np.sin(v[0]),),
    "tan": (lambda v, y: 1 / np.cos(v[0]) ** 2,),
    "arctan": (lambda v, y: 1 / (1 + v[0] ** 2),),
    "absolute": (lambda v, y: np.sign(v[0]),),
    "fabs": (lambda v, y: np.sign(v[0]),),
    "erf": (lambda v, y: 2 / math.sqrt(math.pi) * np.exp(-np.square(v[0])),),
    "expit": (lambda v, y: y * (1 - y),),
}
ELEMENTWISE["float_power"], ELEMENTWISE["true_divide"] = ELEMENTWISE["power"], ELEMENTWISE["divide"]
_NAMES = {"pow": "power"}  # of functions of `math`, where NumPy calls them something else
PLAIN_UFUNCS = {np.greater, np.greater_equal, np.less, np.less_equal, np.equal, np.not_equal, np.sign, np.isfinite}
PLAIN_UFUNCS |= {np.isnan, np.isinf, np.logical_not, np.logical_and, np.logical_or, np.floor, np.ceil, np.rint}
PLAIN_UFUNCS |= {np.heaviside, np.signbit}


def _pull_elementwise(k, slope, shape):
    return lambda g, values, out: fold(g * slope(values, out), shape)


def _elementwise(ufunc, slopes, args, tracer, name=""):
    value = ufunc(*map(_plain, args))
    pull = {k: _pull_elementwise(k, slopes[k], arg.shape) for k, arg in enumerate(args) if isinstance(arg, Traced)}
    args = [arg if isinstance(arg, Traced) else np.asarray(arg) for arg in args]
    return tracer.add(value, name or ufunc.__name__, args, pull, slopes={k: slopes[k] for k in pull})


def _axes(axis, ndim):
    if axis is None:
        return tuple(range(ndim))
    return tuple(a % ndim for a in (axis if isinstance(axis, tuple | list) else (axis,)))


def _sum(a, axis=None, dtype=None, out=None, keepdims=False, *, op="sum", **kwargs):
    if out is not None or (kwargs.keys() - {"initial", "where"}) or any(v is not np._NoValue for v in kwargs.values()):
        raise NotTraceable(f"{op} with {', '.join(kwargs)}")
    keepdims = keepdims is not np._NoValue and bool(keepdims)
    axes, shape = _axes(axis, a.ndim), a.shape
    kept = tuple(1 if i in axes else n for i, n in enumerate(shape))
    share = 1.0 / math.prod(shape[i] for i in axes) if op == "mean" else 1.0

    def pull(g, values, out):
        return np.broadcast_to(np.reshape(g, kept) * share, shape)

    function = np.mean if op == "mean" else np.sum
    node = a.tracer.add(function(_plain(a), axis=axes, keepdims=keepdims), op, (a,), {0: pull})
    node.node.axes, node.node.kept = axes, kept
    return node


def _mean(a, axis=None, dtype=None, out=None, keepdims=False, **kwargs):
    return _sum(a, axis, dtype, out, keepdims, op="mean", **kwargs)


def _var(a, axis=None, dtype=None, out=None, ddof=0, keepdims=False, **kwargs):
    keepdims = keepdims is not np._NoValue and bool(keepdims)
    n = math.prod(a.shape[i] for i in _axes(axis, a.ndim))
    squares = np.square(a - np.mean(a, axis=axis, keepdims=True))
    if ddof:
        return np.sum(squares, axis=axis, keepdims=keepdims) / (n - ddof)
    return np.mean(squares, axis=axis, keepdims=keepdims)


def _std(a, axis=None, dtype=None, out=None, ddof=0, keepdims=False, **kwargs):
    return np.sqrt(np.var(a, axis=axis, ddof=ddof, keepdims=keepdims))


def _extreme(function):
    def rule(a, axis=None, out=None, keepdims=False, **kwargs):
        keepdims = keepdims is not np._NoValue and bool(keepdims)
        axes = _axes(axis, a.ndim)
        kept = function(_plain(a), axis=axes, keepdims=True)
        chosen = _plain(a) == kept
        share = chosen / chosen.sum(axis=axes, keepdims=True)

        def pull(g, values, out):
            return np.reshape(g, kept.shape) * share

        value = kept if keepdims else np.squeeze(kept, axis=axes)
        return a.tracer.add(value, function.__name__, (a,), {0: pull})

    return rule


def _matmul(a, b):
    shapes = np.shape(_plain(a)), np.shape(_plain(b))
    if not shapes[0] or not shapes[1]:
        raise NotTraceable("matmul of a number")
    if len(shapes[0]) == 1 or len(shapes[1]) == 1:  # as matrices with one row or column
        left = np.reshape(a, (1, -1)) if len(shapes[0]) == 1 else a
        right = np.reshape(b, (-1, 1)) if len(shapes[1]) == 1 else b
        found = _matmul(left, right)
        shape = list(found.shape)
        if len(shapes[1]) == 1:
            shape.pop(-1)
        if len(shapes[0]) == 1:
            shape.pop(-1 if len(shapes[1]) == 1 else -2)
        return np.reshape(found, tuple(shape))
    pull = {}
    if isinstance(a, Traced):
        pull[0] = lambda g, values, out: fold(np.matmul(g, np.swapaxes(values[1], -1, -2)), shapes[0])
    if isinstance(b, Traced):
        pull[1] = lambda g, values, out: fold(np.matmul(np.swapaxes(values[0], -1, -2), g), shapes[1])
    return _tracer_of(a, b).add(np.matmul(_plain(a), _plain(b)), "matmul", (a, b), pull)


def _dot(a, b, out=None):
    ndims = np.ndim(_plain(a)), np.ndim(_plain(b))
    if 0 in ndims:
        return a * b
    if max(ndims) > 2:
        return np.tensordot(a, b, axes=([ndims[0] - 1], [max(ndims[1] - 2, 0)]))
    return _matmul(a, b)


def _einsum(subscripts, *arrays, out=None, optimize=None, **kwargs):
    if not isinstance(subscripts, str) or kwargs or out is not None:
        raise NotTraceable("einsum in another form than einsum('ij,jk->ik', a, b)")
    subscripts = _explicit(subscripts.replace(" ", ""), [np.ndim(_plain(array)) for array in arrays])
    left, _, right = subscripts.partition("->")
    terms = left.split(",")
    if any(len(set(term)) < len(term) for term in [*terms, right]):
        raise NotTraceable("einsum of a diagonal")
    sizes = {}
    for term, array in zip(terms, arrays, strict=True):
        sizes |= dict(zip(term, np.shape(_plain(array)), strict=True))

    def pulling(k):
        others = [term for i, term in enumerate(terms) if i != k]
        present = set(right).union(*others)
        inner = "".join(letter for letter in terms[k] if letter in present)
        rule = ",".join([right, *others]) + "->" + inner
        shape = tuple(sizes[letter] for letter in terms[k])
        spread = tuple(slice(None) if letter in present else None for letter in terms[k])

        def pull(g, values, out):
            part = np.einsum(rule, g, *(value for i, value in enumerate(values) if i != k))
            return np.broadcast_to(part[spread], shape)

        return pull

    pull = {k: pulling(k) for k, array in enumerate(arrays) if isinstance(array, Traced)}
    return _tracer_of(*arrays).add(np.einsum(subscripts, *map(_plain, arrays)), "einsum", arrays, pull)


def _explicit(subscripts, ndims):
    """Subscripts with letters for the dots, and with what comes out."""
    left, arrow, right = subscripts.partition("->")
    terms = left.split(",")
    if "." in subscripts:
        free = [chr(c) for c in range(ord("A"), ord("Z") + 1) if chr(c) not in subscripts]
        extra = [n - len(term.replace("...", "")) for n, term in zip(ndims, terms, strict=True)]
        most = max(n for n, term in zip(extra, terms, strict=True) if "..." in term)
        letters = "".join(free[:most])
        terms = [term.replace("...", letters[most - n :]) for term, n in zip(terms, extra, strict=True)]
        right = right.replace("...", letters)
    if not arrow:
        every = "".join(terms)
        right = "".join(sorted(letter for letter in set(every) if every.count(letter) == 1))
    return ",".join(terms) + "->" + right


def _tensordot(a, b, axes=2):
    n, k = np.ndim(_plain(a)), np.ndim(_plain(b))
    if isinstance(axes, int):
        axes = (list(range(n - axes, n)), list(range(axes)))
    first, second = ([each] if isinstance(each, int) else list(each) for each in axes)
    letters = [chr(ord("a") + i) for i in range(n)]
    others = [chr(ord("a") + n + i) for i in range(k)]
    for i, j in zip(first, second, strict=True):
        others[j % k] = letters[i % n]
    right = [c for c in letters if c not in others] + [c for c in others if c not in letters]
    return np.einsum(f"{''.join(letters)},{''.join(others)}->{''.join(right)}", a, b)


def _outer(a, b, out=None):
    return np.einsum("i,j->ij", np.ravel(a), np.ravel(b))


def _inner(a, b):
    return np.tensordot(a, b, axes=([-1], [-1])) if np.ndim(_plain(a)) and np.ndim(_plain(b)) else a * b


def _where(condition, *choices):
    if not choices:
        return np.where(_plain(condition))
    condition = np.asarray(_plain(condition), bool)
    shapes = [np.shape(_plain(choice)) for choice in choices]
    slopes = (lambda v, y: condition * 1.0, lambda v, y: ~condition * 1.0)
    pull = {
        k: _pull_elementwise(k, slopes[k], shapes[k]) for k, choice in enumerate(choices) if isinstance(choice, Traced)
    }
    value = np.where(condition, *map(_plain, choices))
    if not pull:
        return value
    return _tracer_of(*choices).add(value, "where", choices, pull, slopes={k: slopes[k] for k in pull})


def _clip(a, a_min=None, a_max=None, out=None, **kwargs):
    low, high = kwargs.get("min", a_min), kwargs.get("max", a_max)
    if low is not None:
        a = np.maximum(a, low)
    return a if high is None else np.minimum(a, high)


def _norm(x, ord=None, axis=None, keepdims=False):
    if ord not in (None, 2, "fro") or (ord == 2 and x.ndim > 1 and axis is None):
        raise NotTraceable("a norm of another order")
    return np.sqrt(np.sum(np.square(x), axis=axis, keepdims=keepdims))


def _prod(a, axis=None, **kwargs):
    axes = _axes(axis, a.ndim)
    keepdims = bool(kwargs.get("keepdims", False) is True)
    whole = np.prod(_plain(a), axis=axes, keepdims=True)

    def pull(g, values, out):
        return np.reshape(g, whole.shape) * whole / values[0]

    value = whole if keepdims else np.squeeze(whole, axis=axes)
    return a.tracer.add(value, "prod", (a,), {0: pull})


def _cumsum(a, axis=None, dtype=None, out=None):
    if axis is None:
        a, axis = np.ravel(a), 0

    def pull(g, values, out):
        return np.flip(np.cumsum(np.flip(g, axis), axis=axis), axis)

    return a.tracer.add(np.cumsum(_plain(a), axis=axis), "cumsum", (a,), {0: pull})


def _made_like(function):
    def rule(a, *args, **kwargs):
        kwargs.pop("dtype", None)
        made = function(np.asarray(_plain(a), float), *_plain(args), **kwargs)
        return a.tracer.add(made, "made", (), {}) if isinstance(a, Traced) else made

    return rule


def _average(a, axis=None, weights=None, **kwargs):
    if weights is not None or kwargs:
        raise NotTraceable("np.average with weights")
    return np.mean(a, axis=axis)


RULES = {
    np.sum: _sum,
    np.mean: _mean,
    np.var: _var,
    np.std: _std,
    np.max: _extreme(np.max),
    np.min: _extreme(np.min),
    np.prod: _prod,
    np.cumsum: _cumsum,
    np.average: _average,
    np.dot: _dot,
    np.einsum: _einsum,
    np.tensordot: _tensordot,
    np.outer: _outer,
    np.inner: _inner,
    np.vdot: lambda a, b: np.sum(np.ravel(a) * np.ravel(b)),
    np.where: _where,
    np.clip: _clip,
    np.linalg.norm: _norm,
    np.zeros_like: _made_like(np.zeros_like),
    np.ones_like: _made_like(np.ones_like),
    np.empty_like: _made_like(np.zeros_like),
    np.full_like: _made_like(np.full_like),
    np.copy: lambda a, **kwargs: a.copy(),
    np.real: lambda a: a,
    np.trace: lambda a, **kwargs: np.sum(np.diagonal(a, **kwargs), axis=-1),
}
RULES[np.amax], RULES[np.amin] = RULES[np.max], RULES[np.min]
REDUCE = {np.add: _sum, np.maximum: _extreme(np.max), np.minimum: _extreme(np.min)}
PLAIN = {np.shape, np.ndim, np.size, np.argmax, np.argmin, np.argsort, np.isclose, np.allclose, np.array_equal}
PLAIN |= {np.any, np.all, np.nonzero, np.argwhere, np.flatnonzero, np.round, np.may_share_memory, np.result_type}
PLAIN |= {np.array_repr, np.array_str, np.count_nonzero, np.iscomplexobj, np.isrealobj}
# Functions that only choose, move or repeat entries: where each entry came from says what comes back.
SELECTIONS = {np.reshape, np.transpose, np.ravel, np.swapaxes, np.moveaxis, np.rollaxis, np.expand_dims, np.squeeze}
SELECTIONS |= {np.concatenate, np.stack, np.vstack, np.hstack, np.dstack, np.column_stack, np.broadcast_to, np.flip}
SELECTIONS |= {np.split, np.array_split, np.hsplit, np.vsplit, np.atleast_1d, np.atleast_2d, np.atleast_3d, np.take}
SELECTIONS |= {np.repeat, np.tile, np.roll, np.rot90, np.fliplr, np.flipud, np.diagonal, np.diag, np.tril, np.triu}
SELECTIONS |= {np.take_along_axis, np.pad, np.lib.stride_tricks.sliding_window_view, np.block, np.append}
SELECTIONS |= {np.broadcast_arrays, np.matrix_transpose} if hasattr(np, "matrix_transpose") else {np.broadcast_arrays}


def _select_function(function, args, kwargs, tracer):
    found = []
    _traced_in((args, kwargs), found)

    def apply(*arrays):
        given = {id(value): array for value, array in zip(found, arrays, strict=True)}
        new_args, new_kwargs = _put_in((args, kwargs), given)
        return function(*new_args, **new_kwargs)

    return _select(apply, function.__name__, tuple(found), tracer)


def _traced_in(value, found):
    if isinstance(value, Traced):
        if not any(value is each for each in found):
            found.append(value)
    elif isinstance(value, tuple | list):
        for each in value:
            _traced_in(each, found)
    elif isinstance(value, dict):
        for each in value.values():
            _traced_in(each, found)


def _put_in(value, given):
    if isinstance(value, Traced):
        return given[id(value)]
    if isinstance(value, tuple | list):
        return type(value)(_put_in(each, given) for each in value)
    if isinstance(value, dict):
        return {key: _put_in(each, given) for key, each in value.items()}
    return np.zeros(value.shape, int) if isinstance(value, np.ndarray) and value.dtype.kind == "f" else value


def _select(apply, op, sources, tracer):
    """The result of a function that chooses entries: each entry of the result is one of the sources', or a constant."""
    values = apply_values(apply, sources)
    starts = np.cumsum([1, *(source.size for source in sources)])
    numbered = [
        np.arange(start, start + source.size).reshape(source.shape)
        for start, source in zip(starts, sources, strict=False)
    ]
    chosen = apply(*numbered)
    if isinstance(values, tuple | list):
        return [
            _chosen(np.asarray(value), np.asarray(each), op, sources, starts, tracer)
            for value, each in zip(values, chosen, strict=True)
        ]
    return _chosen(np.asarray(values), np.asarray(chosen), op, sources, starts, tracer)


def apply_values(apply, sources):
    return apply(*(source.node.value for source in sources))


def _chosen(value, chosen, op, sources, starts, tracer):
    def pulling(k):
        shape, size = sources[k].shape, sources[k].size
        mine = (chosen >= starts[k]) & (chosen < starts[k + 1])
        at = chosen[mine] - starts[k]

        def pull(g, values, out):
            return np.bincount(at, weights=np.asarray(g, float)[mine], minlength=size).reshape(shape)

        pull.at, pull.mine = at, mine
        return pull

    return tracer.add(value, op, sources, {k: pulling(k) for k in range(len(sources))})

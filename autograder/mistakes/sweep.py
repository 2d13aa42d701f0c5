"""The reverse sweep over a traced forward pass, with something changed at one place."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .trace import Graph, Node, fold

SAME = 1e-9  # two arrays are equal to this, relative to their norm
MAX_STEPS = 400_000  # operations that are swept for the mistakes of one forward pass
EdgeChange = Callable[[np.ndarray, Node, int], np.ndarray]


@dataclass(eq=False)
class Change:
    """One mistake.

    key: what tells it from others, the same on every draw. rank: the plainest sentence has the lowest.
    what, look: sentences. edges: {(node, operand): pull(g, node, operand)}; adjoints: {node: change(gradient)}.
    """

    key: tuple
    rank: float
    what: str
    look: str
    edges: Mapping[tuple[int, int], EdgeChange] = field(default_factory=dict)
    adjoints: Mapping[int, Callable[[np.ndarray], np.ndarray]] = field(default_factory=dict)


class Sweep:
    """The right gradients of a forward pass on one draw, and what a change at one place makes of them.

    Args:
        graph: of the forward pass. dout: the upstream gradient.

    right: {input: gradient}. adjoints: {node's index: gradient}; parts: {(node's index, operand): what comes back}.
    cut: the uses that change nothing.
    """

    def __init__(self, graph: Graph, dout: Any) -> None:
        self.graph, self.dout = graph, np.asarray(dout, float)
        self.cut: set[tuple[int, int]] = set()
        self.node = {node.index: node for node in graph.nodes}
        self.steps = 0
        with np.errstate(all="ignore"):
            self._sweep_right()
            self._cut_what_changes_nothing()
            self.right = self._leaves({}, {})

    def _sweep_right(self):
        self.parts: dict[tuple[int, int], np.ndarray] = {}
        self.adjoints: dict[int, np.ndarray] = {self.graph.out.index: self.dout}
        for node in reversed(self.graph.nodes):
            g = self.adjoints.get(node.index)
            if g is None:
                continue
            for k, parent in node.parents():
                if (node.index, k) in self.cut:
                    continue
                part = self.parts[node.index, k] = node.pull[k](g, node.values, node.value)
                before = self.adjoints.get(parent.index)
                self.adjoints[parent.index] = part if before is None else before + part

    def _cut_what_changes_nothing(self):
        """Forget the uses that no gradient needs."""
        right = self._leaves({}, {})
        for node in self.graph.nodes:
            for k, _ in node.parents():
                if (node.index, k) in self.parts and len(self.graph.nodes) < 300:
                    without = self._leaves(*self._swept({(node.index, k): nothing}, {}))
                    if all(same(without[name], right[name]) for name in right):
                        self.cut.add((node.index, k))
                        self._sweep_right()

    def _swept(self, edges, adjoints):
        """(parts, gradients) that differ from the right ones under a change."""
        if self.steps > MAX_STEPS:
            raise ValueError("the work has become too much")
        start = max([i for i, _ in edges] + list(adjoints))
        parts, changed, dirty = {}, {}, set()
        changing = {i for i, _ in edges} | set(adjoints)
        for node in reversed(self.graph.nodes):
            i = node.index
            if i > start or i not in self.adjoints or (i not in dirty and i not in changing):
                continue
            self.steps += 1
            g = self._gathered(i, parts) if i in dirty else self.adjoints[i]
            if i in adjoints:
                g = adjoints[i](g)
            if g is not self.adjoints[i]:
                changed[i] = g
            for k, parent in node.parents():
                if (i, k) in self.cut or (i not in changed and (i, k) not in edges):
                    continue
                part = edges[i, k](g, node, k) if (i, k) in edges else pulled(g, node, k)
                parts[i, k] = part
                dirty.add(parent.index)
        return parts, changed

    def _gathered(self, i, parts):
        total = None
        if i == self.graph.out.index:
            total = self.dout
        for user, k in self.graph.users[i]:
            part = parts.get((user.index, k), self.parts.get((user.index, k)))
            if part is not None:
                total = part if total is None else total + part
        return total

    def _leaves(self, parts, changed):
        return {
            name: changed.get(node.index, self.adjoints.get(node.index, np.zeros_like(node.value)))
            for name, node in self.graph.inputs.items()
        }

    def _only(self, source: Node, g: np.ndarray, target: Node) -> np.ndarray:
        """What of a gradient g of `source` comes back to `target`."""
        gradients = {source.index: g}
        for node in reversed(self.graph.nodes):
            if node.index > source.index or node.index not in gradients:
                continue
            if node.index == target.index:
                return gradients[node.index]
            for k, parent in node.parents():
                if (node.index, k) not in self.cut and parent.index >= target.index:
                    part = node.pull[k](gradients[node.index], node.values, node.value)
                    before = gradients.get(parent.index)
                    gradients[parent.index] = part if before is None else before + part
        return np.zeros_like(target.value)


# ---------------------------------------------------------------------------------------------------------------------
# What is done to a part that comes back


def pulled(g, node, k):
    """What comes back to an operand. Where g is wider than the result (a sum over a wrong axis), it stays wide."""
    if np.shape(g) == node.value.shape:
        return node.pull[k](g, node.values, node.value)
    if k in node.slopes:
        return g * node.slopes[k](node.values, node.value)
    if node.op in ("sum", "mean"):
        size = node.values[0].size / max(node.value.size, 1) if node.op == "mean" else 1.0
        if np.broadcast_shapes(np.shape(g), node.values[0].shape) == node.values[0].shape:
            return np.broadcast_to(g / size, node.values[0].shape)
    raise ValueError("the shapes do not fit")


def nothing(g, node, k):
    return np.zeros_like(node.values[k], dtype=float)


def fail():
    raise ValueError("not for this step")


def after(function):
    return lambda g, node, k: function(pulled(g, node, k))


def times(factor):
    return lambda array: array * factor


def with_slope(slope):
    """The step with slope(its own slope, operands, result) in place of its own."""

    def pull(g, node, k):
        own = np.broadcast_to(np.asarray(node.slopes[k](node.values, node.value), float), node.value.shape)
        part = g * slope(own, node.values, node.value)
        return fold(part, node.values[k].shape) if np.shape(g) == node.value.shape else part

    return pull


def at_the_output(g, node, k):
    """The step with its slope taken at its result."""
    values = [node.value if i == k else each for i, each in enumerate(node.values)]
    return fold(g * node.slopes[k](values, node.value), node.values[k].shape)


def with_operand(g, node, k, slot, value):
    """The step with another value in place of one operand."""
    values = [value if i == slot else each for i, each in enumerate(node.values)]
    part = node.pull[k](g, values, node.value)
    return of_shape(part, node.values[k])


def of_shape(part, like):
    """The part, if it has the shape of `like`; else ValueError."""
    if np.shape(part) != np.shape(like):
        raise ValueError("the shapes do not fit")
    return part


def transposed(g):
    flipped = np.swapaxes(g, -1, -2)
    return flipped


def within(g, axis, kept):
    """g with zeros outside a slice of one axis."""
    at = [slice(None)] * g.ndim
    at[axis] = kept
    inner = np.zeros_like(g)
    inner[tuple(at)] = g[tuple(at)]
    return inner


def cropped(g, shape, end):
    """A gradient of a padded array cut to the size of what was padded, from its beginning or its end."""
    return g[tuple(slice(0, n) if end == 0 else slice(g.shape[a] - n, None) for a, n in enumerate(shape))]


def wrapped(g, node, k):
    """What a circular padding would send back."""
    shape = node.values[k].shape
    at = np.unravel_index(node.pull[k].at[0], shape)  # where the first entry of the inside lies
    inside = np.argwhere(node.pull[k].mine)[0] - np.array(at)
    total = np.zeros(shape)
    index = np.indices(g.shape).reshape(g.ndim, -1)
    np.add.at(total, tuple((index[a] - inside[a]) % shape[a] for a in range(g.ndim)), np.asarray(g).reshape(-1))
    return total


def alone(g, index):
    kept = np.zeros_like(g)
    kept[index] = g[index]
    return kept


def last_kept(g, node, k):
    pull = node.pull[k]
    kept = np.zeros(node.values[k].size)
    kept[pull.at] = np.asarray(g)[pull.mine]
    return kept.reshape(node.values[k].shape)


def over_axes(axes, by, weight, everything):
    """The step summed over these axes on the way back, times `by`; each term is weighted, and the sum divided again."""

    def pull(g, node, k):
        part = g * node.slopes[k](node.values, node.value)
        wide = np.broadcast_to(part, node.value.shape)
        shape = node.values[k].shape
        held = (
            np.reshape(weight, (1,) * (wide.ndim - np.ndim(weight)) + np.shape(weight)) if np.ndim(weight) else weight
        )
        found = np.sum(wide * held, axis=axes, keepdims=True) * by / held if axes else wide * by
        return np.squeeze(found, axis=axes) if axes and len(shape) < wide.ndim and np.ndim(weight) == 0 else found

    return pull


def same(a, b):
    if np.shape(a) != np.shape(b):
        return False
    with np.errstate(over="ignore"):
        size, difference = np.linalg.norm(b), np.linalg.norm(np.subtract(a, b))
    return bool(np.isfinite(size) and difference <= SAME * size)  # of numbers too large to be measured nothing is said

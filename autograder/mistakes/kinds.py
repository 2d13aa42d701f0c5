"""The kinds of mistakes: where in the reverse sweep something may be changed, and how it is told.

Each kind yields Changes. The sentences are made of the names in the forward pass. A rank says how plain a sentence is:
of several changes that come to the same answer the plainest is told.
"""

import ast
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from .sweep import (
    Change,
    Sweep,
    after,
    alone,
    at_the_output,
    cropped,
    fail,
    last_kept,
    nothing,
    of_shape,
    over_axes,
    pulled,
    same,
    times,
    transposed,
    with_operand,
    with_slope,
    within,
    wrapped,
)
from .trace import Graph, Node, fold

MAX_JACOBIAN, MAX_PAIRS = 120, 20  # entries of values whose Jacobian is looked at; pairs of such values, the nearest


@dataclass(frozen=True, eq=False)
class Factor:
    """A number that may be too many or too few: how it is called, and its value on this draw.

    instead: how another number is called that may stand in its place, where the value is the ratio of the two.
    """

    label: str
    value: float
    instead: str = ""


class Kinds(Sweep):
    """The mistakes that can be made in a backward pass.

    Args:
        graph, dout: as for Sweep. known: {name: value} of all inputs of the forward pass.
    """

    def __init__(self, graph: Graph, known: Mapping[str, Any], dout: Any) -> None:
        super().__init__(graph, dout)
        self.known = known
        self.jacobians: dict = {}
        self.known_variants: list | None = None

    # -- names --------------------------------------------------------------------------------------------------------

    def label(self, node: Node) -> str:
        """A value as a reader of the code finds it: its name, else its source."""
        return f"`{node.name or node.text}`" if node.name or node.text else f"the result of {node.op}"

    def goal(self, node: Node) -> str:
        """The named value that an operation is a part of."""
        while not node.name and len(self.graph.users[node.index]) == 1:
            node = self.graph.users[node.index][0][0]
        return "the output" if node is self.graph.out and not node.name else self.label(node)

    def place(self, node: Node) -> str:
        """An operation as a reader finds it: by the name of its result, else by its source."""
        return self.label(node) if node.name or node.text else self.goal(node)

    def known_values(self) -> Iterator[tuple[str, np.ndarray, bool]]:
        """(how it is called, value, whether it has a name) of all that a backward pass can look at."""
        if self.dout.ndim:
            yield "`dout`", self.dout, True
        for name, value in self.known.items():
            if isinstance(value, np.ndarray | float | int | np.number) and np.asarray(value).dtype.kind in "fiub":
                yield f"`{name}`", np.asarray(value, float), True
        for node in self.graph.nodes:
            if node.op != "input" and (node.name or node.text):
                yield self.label(node), node.value, bool(node.name)
        seen = []
        for node in self.graph.nodes:
            for k, operand in enumerate(node.operands):
                known = isinstance(operand, np.ndarray) and operand.ndim and operand.dtype.kind in "fiub"
                text = _part_of(node.text, k) if known and not any(operand is other for other in seen) else ""
                if text:
                    seen.append(operand)
                    yield f"`{text}`", operand.astype(float), text.isidentifier()
                if text.startswith("-"):
                    yield f"`{text[1:]}`", -operand.astype(float), text[1:].isidentifier()

    def factors(self) -> list[Factor]:
        """Numbers that people forget or write twice, no two alike on this draw."""
        found, ratios = [Factor("2", 2.0), Factor("3", 3.0)], []
        if self.dout.ndim == 0:
            found.append(Factor("`dout`", float(self.dout)))
        for name, value in self.known.items():
            array = np.asarray(value) if isinstance(value, np.ndarray | float | np.floating) else None
            if array is None:
                continue
            for axis, size in enumerate(array.shape):
                found.append(Factor(f"the length of axis {axis} of `{name}`", float(size)))
            if array.ndim > 1:
                found.append(Factor(f"the number of entries of `{name}`", float(array.size)))
            if array.ndim == 0 and array.dtype.kind == "f" and abs(float(array)) > 0:
                found.append(Factor(f"`{name}`", float(array)))
                if abs(1 - float(array)) > 1e-3:
                    found.append(Factor(f"1 − `{name}`", 1 - float(array)))
        for node in self.graph.nodes:
            if node.op in ("sum", "mean", "max"):
                size = node.values[0].size / max(node.value.size, 1)
                found.append(Factor(f"the number of entries that {self.label(node)} sums", float(size)))
                if size > 1:
                    found.append(
                        Factor(f"n/(n − 1), n the number of entries that {self.label(node)} sums", size / (size - 1))
                    )
            axes = range(node.value.ndim) if node.name and node.op != "input" else ()
            found += [
                Factor(f"the length of axis {axis} of {self.label(node)}", float(node.value.shape[axis]))
                for axis in axes
            ]
            for k, operand in enumerate(node.operands):  # constants of the code: 0.5, math.sqrt(d)
                if not isinstance(operand, Node) and np.ndim(operand) == 0 and np.asarray(operand).dtype.kind in "fi":
                    number = abs(float(operand))
                    if node.op in ("multiply", "divide", "power") and number not in (0.0, 1.0):
                        found.append(Factor(self._operand(node, k), number))
                        roots = [math.sqrt(size) for name in self.known for size in np.shape(self.known[name])]
                        for root in dict.fromkeys(roots):
                            if abs(number**2 - round(number**2)) < 1e-9 and abs(root - number) > 1e-9:
                                ratio = number / root if node.op == "divide" else root / number
                                ratios.append(Factor(self._operand(node, k), ratio, f"the root of {root * root:.0f}"))
        found += [
            Factor(f"the root of {each.label}", math.sqrt(each.value)) for each in list(found) if "length" in each.label
        ]
        found += ratios
        kept: list[Factor] = []
        for each in found:
            if (
                each.value
                and abs(abs(each.value) - 1) > 1e-9
                and not any(
                    abs(each.value - other.value) < 1e-9 * abs(each.value) or abs(each.value * other.value - 1) < 1e-9
                    for other in kept
                )
            ):
                kept.append(each)
        return kept

    # -- the kinds ----------------------------------------------------------------------------------------------------

    def all_changes(self) -> Iterator[Change]:
        factors = self.factors()
        values = list(self.known_values())
        yield from self._of_upstream()
        groups = list(self.graph.sites.values())
        for group in groups:
            yield from self._of_value(group, factors, values)
        for group in groups:
            for k in range(len(group[0].operands)):
                edges = [(node.index, k) for node in group if (node.index, k) in self.parts]
                if edges:
                    yield from self._of_use(group[0], k, edges, factors, values)
        yield from self._of_replaced(values)
        yield from self._of_paths(values)
        yield from self._of_branches()
        yield from self._of_jacobians()

    def _of_upstream(self):
        out = self.graph.out.index
        yield Change(
            ("upstream ignored",),
            0,
            "You did not multiply by the upstream gradient.",
            "Every gradient begins with `dout`, whatever it is.",
            adjoints={out: np.ones_like},
        )
        yield Change(
            ("upstream's sign",),
            3,
            "You took the upstream gradient without its sign.",
            "Multiply by `dout` as it comes.",
            adjoints={out: np.abs},
        )

    def _of_value(self, group, factors, values):
        """A value's whole gradient is wrong."""
        node = group[-1]
        if not any(each.index in self.adjoints for each in group) or node is self.graph.out:
            return
        name, site = self.label(node), self._key(node)
        unnamed = 0.0 if node.name else 0.5
        asked = node.op == "input"
        indices = [each.index for each in group if each.index in self.adjoints]

        def change(kind, rank, what, look, function):
            near = (
                1e-5 * node.index * (kind == "constant")
            )  # of values that come to the same the one nearest to the output is named
            return Change((kind, site), rank + unnamed - near, what, look, adjoints=dict.fromkeys(indices, function))

        if not asked:
            depends = f"{name} depends on the inputs too: differentiate it, and add what comes back through it."
            yield change("constant", 1, f"You took {name} as a constant.", depends, np.zeros_like)
        which = f"The gradient of {name}" if asked else f"What comes back through {name}"
        yield change(
            "sign", 2, f"{which} has the wrong sign.", f"Follow the minus signs on the way to {name}.", np.negative
        )
        for factor in factors:
            yield from self._by(
                factor, which, lambda kind, rank, what, look, f: change(kind, rank, what, look, f), 10 if asked else 12
            )
        if node.value.ndim >= 2:
            yield change(
                "transposed",
                9,
                f"The gradient of {name} is transposed on the way back.",
                f"It has the shape of {name}: write one entry of it out.",
                transposed,
            )
        if asked:
            for axis in range(node.value.ndim if node.value.ndim > 1 else 0):
                yield change(
                    ("reversed", axis),
                    13,
                    f"The gradient of {name} is reversed along axis {axis}.",
                    f"Entry 0 of axis {axis} belongs to entry 0 of {name}.",
                    lambda g, axis=axis: np.flip(g, axis),
                )
        if node.value.ndim >= 1:
            for axis in range(node.value.ndim):
                yield change(
                    ("centred", axis),
                    14,
                    f"You subtracted the mean over axis {axis} from the gradient of {name}.",
                    "No step of the forward pass does that on the way back.",
                    lambda g, axis=axis: g - np.mean(g, axis=axis, keepdims=True),
                )
        uses = self._uses(group)
        if len(uses) > 1:
            for use, of_use in uses.items():
                others = {edge: nothing for other, of_other in uses.items() if other != use for edge in of_other}
                goal = self.place(self.node[of_use[0][0]])
                yield Change(
                    ("only", site, use),
                    4 + unnamed,
                    f"You followed {name} into {goal} alone.",
                    f"{name} is used {len(uses)} times: what comes back through its uses adds up.",
                    edges=others,
                )
        if len(self.graph.users[node.index]) > 1 or any(
            user.op not in ("sum", "mean") and hasattr(user.pull[k], "at") for user, k in self.graph.users[node.index]
        ):
            for first in (False, True):
                which_one = "first" if first else "last"
                overwriting = {i: (lambda g, i=i, first=first: self._overwritten(i, first)) for i in indices}
                yield Change(
                    ("overwritten", site, which_one),
                    8 + unnamed + first,
                    f"Of what comes back to one entry of {name} from several places only the {which_one} was kept.",
                    "Where an entry is used more than once, its gradients add up: `+=`, not `=`.",
                    adjoints=overwriting,
                )
        if node.name and len(indices) == 1:
            yield from self._by_values(node, which if asked else f"The gradient of {name}", values, change)

    def _by(self, factor, which, change, rank):
        """A number too many, or too few."""
        look = f"Count where {factor.label} enters on the way back: the forward pass says how often."
        if factor.instead:
            words = f"{which} is scaled by {factor.instead} in place of {factor.label}."
            yield change(("instead", factor.label, factor.instead), rank, words, look, times(factor.value))
            return
        if factor.label in ("2", "3"):
            few = {"2": "half", "3": "a third"}[factor.label]
            many = {"2": "twice", "3": "three times"}[factor.label]
            yield change(
                ("times", factor.label), rank, f"{which} is {many} what it should be.", look, times(factor.value)
            )
            yield change(
                ("over", factor.label), rank, f"{which} is {few} of what it should be.", look, times(1 / factor.value)
            )
            return
        yield change(
            ("times", factor.label),
            rank,
            f"{which} is too large by the factor {factor.label}.",
            look,
            times(factor.value),
        )
        yield change(
            ("over", factor.label),
            rank,
            f"{which} is too small by the factor {factor.label}.",
            look,
            times(1 / factor.value),
        )

    def _by_values(self, node, which, values, change):
        """A factor or divisor too many or too few, an array."""
        for name, value, has_name in values:
            if value.ndim and _spreads(value, node.value) and not same(value, np.ones_like(value)):
                rank = 14 if has_name else 18
                often, lacking = self._words(name)
                look = f"Count the factors {name} on the way back."
                yield change(("by", name), rank, f"{which} {often}.", look, times(value))
                yield change(("by inverse", name), rank, f"{which} {lacking}.", look, times(1 / value))
        for name, label, value, variant, divides in self.variants():
            if _spreads(value, node.value):
                ratio = value / variant if divides else variant / value
                words = f"{which} is {'divided' if divides else 'multiplied'} by {name}; it is {label}."
                yield change(
                    ("variant", name, divides),
                    8,
                    words,
                    "Forward and backward pass use the same number.",
                    times(ratio),
                )

    def _words(self, name):
        """What is said where a factor of this name is too many, or too few: it is a divisor or a factor of the forward
        pass."""
        divides = any(
            node.op == "divide" and len(node.operands) == 2 and self._operand(node, 1) == name
            for node in self.graph.nodes
        )
        if divides:
            return f"is not divided by {name} as often as it should be", f"is divided by {name} once too often"
        return f"is multiplied by {name} once too often", f"lacks the factor {name}"

    def variants(self):
        """(how it is called, label of the right one, value, variant, whether it divides) of what an expression would be
        with one step less, or with two steps in the other order."""
        if self.known_variants is None:
            self.known_variants = []
            for node in self.graph.nodes:
                if not node.slopes or not (node.name or node.text):
                    continue
                uses = self._users_of_value(node)
                roles = {user.op == "divide" and slot == 1 for user, slot in uses if user.op in ("divide", "multiply")}
                for what, variant in self._other_values(node):
                    if not same(variant, node.value):
                        for divides in roles:
                            self.known_variants.append((what, self.label(node), node.value, variant, divides))
        return self.known_variants

    def _uses(self, group):
        """{site of a use: its edges}."""
        found: dict = {}
        for node in group:
            for user, k in self.graph.users[node.index]:
                if (user.index, k) in self.parts:
                    found.setdefault((*self._key(user), k), []).append((user.index, k))
        return found

    def _key(self, node):
        return (node.site, node.op) if node.op != "input" else ("input", node.name)

    def _overwritten(self, i, first):
        """The gradient of a node where each part that comes back replaces what was there."""
        total = np.zeros_like(self.node[i].value, dtype=float)
        users = sorted(self.graph.users[i], key=lambda use: use[0].index, reverse=first)
        for user, k in users:
            if (user.index, k) not in self.parts:
                continue
            pull = user.pull[k]
            g = np.asarray(self.adjoints[user.index])
            if hasattr(pull, "at"):
                order = slice(None, None, -1) if first else slice(None)
                total.reshape(-1)[pull.at[order]] = g[pull.mine][order]
            else:
                part = self.parts[user.index, k]
                total = np.where(part != 0, part, total)
        return total

    def _of_use(self, node, k, edges, factors, values):
        """What comes back through one use of a value is wrong."""
        parent = node.operands[k]
        name, goal, key = self.label(parent), self.place(node), (*self._key(node), k)
        unnamed = 0.0 if parent.name else 0.5
        several = sum(1 for _ in self._uses([parent])) > 1
        extra = 0.2 if several else 0.3
        which = f"What comes back to {name} through {goal}"

        def change(kind, rank, what, look, function, loose=False):
            fns = dict.fromkeys(edges, function)
            return Change((kind, key), rank + unnamed + extra, what, look, edges=fns)

        others = [self.place(user) for user, _ in self.graph.users[parent.index] if user is not node]
        around = [
            other for user, other in zip(self._users_but(parent, node), others, strict=True) if self._leads(user, node)
        ]
        if around:
            yield change(
                "constant",
                1,
                f"You followed {name} into {goal} through {' and '.join(around)} alone, not directly.",
                f"{name} stands in {goal} itself too: add what comes back from there.",
                nothing,
            )
        else:
            yield change(
                "constant",
                1 if node.name else 1.6,  # of a step without a name it is plainer to say that its value is a constant
                f"You took {name} as a constant in {goal}.",
                f"{goal} depends on the inputs through {name} too: add what comes back that way.",
                nothing,
            )
        yield change(
            "sign", 2, f"{which} has the wrong sign.", f"Write out how {goal} changes with {name}.", after(np.negative)
        )
        for factor in factors:
            yield from self._by(
                factor, which, lambda kind, rank, what, look, f: change(kind, rank, what, look, after(f)), 11
            )
        if parent.op == "input" and node.value.ndim and node.value.shape[0] > 1:
            for first in (0, -1):
                yield change(
                    ("one sample", first),
                    9,
                    f"{which} is that of the {'last' if first else 'first'} sample alone.",
                    "Every sample adds its part.",
                    lambda g, node, k, first=first: pulled(alone(g, first), node, k),
                )
        if len(edges) > 2:
            ends = {"first": edges[:1], "last": edges[-1:], "first and the last": [edges[0], edges[-1]]}
            for words, some in ends.items():
                yield Change(
                    (("left out", words), key),
                    9,
                    f"Of what comes back to {name} from {goal} the {words} pass of the loop is left out.",
                    "Every pass of the loop adds its part.",
                    edges=dict.fromkeys(some, nothing),
                )
        if parent.op == "input" and node.op in ("einsum", "matmul") and len(edges) == 1:
            for axis in range(node.value.ndim):
                if node.value.shape[axis] > 2:
                    for words, kept in (
                        ("first", slice(1, None)),
                        ("last", slice(0, -1)),
                        ("first and the last", slice(1, -1)),
                    ):
                        yield change(
                            ("border", axis, words),
                            10,
                            f"{which} leaves out the {words} position along axis {axis} of {self.label(node)}.",
                            "Every position adds its part.",
                            lambda g, node, k, axis=axis, kept=kept: pulled(within(g, axis, kept), node, k),
                        )
        if node.op == "pad":
            for end in (0, -1):
                yield change(
                    ("cropped", end),
                    7,
                    f"You cut the padding off at one end alone, so that the gradient of {name} is shifted.",
                    "Cut off at each end what was added there.",
                    lambda g, node, k, end=end: cropped(g, node.values[k].shape, end),
                )
            yield change(
                "circular",
                9,
                "You added the gradient of the padding at the other end, as if it were circular.",
                "The padding holds constants: what comes back to it is dropped.",
                lambda g, node, k: wrapped(g, node, k),
            )
        yield from self._of_step(node, k, which, name, goal, change)
        for limited in self._limits(node) if len(edges) == 1 else ():
            user, at, part = limited
            through = self.place(self.node[user])
            if through != goal:

                def only(function, part=part):
                    return lambda g, node, k: function(part, node, k) + pulled(g - part, node, k)

                def narrow(kind, rank, what, look, function, user=user, at=at, through=through, only=only):
                    made = change((kind, user and self._key(self.node[user]), at), rank + 5, what, look, only(function))
                    return made

                via = f"What comes back to {name} from {through} through {goal}"
                yield narrow(
                    "constant",
                    1,
                    f"You took {name} as a constant in {goal}, for {through}.",
                    f"{through} depends on {name} through {goal} too.",
                    nothing,
                )
                yield narrow(
                    "sign",
                    2,
                    f"{via} has the wrong sign.",
                    f"Write out how {goal} changes with {name}.",
                    after(np.negative),
                )
                for factor in factors:
                    yield from self._by(
                        factor,
                        via,
                        lambda kind, rank, what, look, f, narrow=narrow: narrow(kind, rank, what, look, after(f)),
                        11,
                    )
                yield from self._of_step(node, k, via, name, goal, narrow)

    def _users_but(self, parent, node):
        return [user for user, _ in self.graph.users[parent.index] if user is not node]

    def _leads(self, source, target):
        """Whether a value goes into another one."""
        if source.index > target.index:
            return False
        waiting, seen = [target], set()
        while waiting:
            for _, parent in waiting.pop().parents():
                if parent is source:
                    return True
                if parent.index > source.index and parent.index not in seen:
                    seen.add(parent.index)
                    waiting.append(parent)
        return False

    def _limits(self, node):
        """[(user, operand, part)] of the single uses that a node's gradient comes from, where there are several."""
        uses = [(user.index, k) for user, k in self.graph.users[node.index] if (user.index, k) in self.parts]
        return [(user, k, self.parts[user, k]) for user, k in uses] if 1 < len(uses) < 6 else []

    def _of_step(self, node, k, which, name, goal, change):
        """The step itself is skipped, or its derivative is another's."""
        if k in node.slopes:
            label = self._operand(node, 1 - k) if len(node.operands) == 2 else ""
            text = self.label(node)
            if node.op == "multiply":
                skipped = f"You left out the factor {label} on the way back to {name}."
                look = f"{goal} holds {name} times {label}: going back multiplies by {label}."
            elif node.op in ("divide", "true_divide") and k == 0:
                skipped = f"You did not divide by {label} on the way back to {name}."
                look = f"{goal} holds {name} divided by {label}: going back divides by {label}."
            else:
                skipped = f"You passed the gradient of {text} on to {name} as it is, as if the slope were 1."
                look = f"{text} has a slope of its own: multiply by it."
            yield change("skipped", 5, skipped, look, with_slope(lambda s, v, y: np.ones_like(s)))
            twice = f"You multiplied by the slope of {text} twice on the way back to {name}."
            upside = f"You divided by the slope of {text} on the way back to {name}; it is a factor."
            if node.op == "multiply":
                twice = f"You multiplied by {label} twice on the way back to {name}."
                upside = f"You divided by {label} on the way back to {name}; it is a factor."
            elif node.op in ("divide", "true_divide") and k == 0:
                twice = f"You divided by {label} twice on the way back to {name}."
                upside = f"You multiplied by {label} on the way back to {name}; it is a divisor."
            yield change(
                "twice",
                7,
                twice,
                f"Each step's slope enters once: that of {text} too.",
                with_slope(lambda s, v, y: s * s),
            )
            yield change(
                "inverse", 7, upside, f"Write out how {text} changes with {name}.", with_slope(lambda s, v, y: 1 / s)
            )
            yield from self._of_slope(node, k, name, text, change)
            yield from self._of_axes(node, k, name, goal, change)
        elif node.op in ("sum", "mean"):
            size = node.values[0].size / max(node.value.size, 1)
            if node.op == "mean":
                yield change(
                    "sum for mean",
                    3,
                    f"{which} was not divided by the number of entries of the mean.",
                    f"Each entry moves the mean {self.label(node)} by one over their number.",
                    after(times(size)),
                )
                yield change(
                    "mean twice",
                    6,
                    f"{which} was divided by the number of entries of the mean twice.",
                    f"The mean {self.label(node)} brings its 1/n once.",
                    after(times(1 / size)),
                )
            else:
                yield change(
                    "mean for sum",
                    3,
                    f"{which} was divided by the number of entries, as if it were a mean.",
                    f"{self.label(node)} is a sum: each entry counts in full.",
                    after(times(1 / size)),
                )
        elif node.op == "matmul":
            label = self._operand(node, 1 - k)
            yield change(
                "skipped",
                6,
                f"You skipped the product with {label} on the way back to {name}.",
                f"{goal} is a product with {label}: going back multiplies by its transpose.",
                lambda g, node, k: of_shape(g, node.values[k]),
            )
            yield change(
                "operand transposed",
                5,
                f"You did not transpose {label} on the way back to {name}, or did so once too often.",
                "Look at one entry: which index is summed over?",
                lambda g, node, k: with_operand(g, node, k, 1 - k, np.swapaxes(node.values[1 - k], -1, -2)),
            )
            yield change(
                "upstream transposed",
                6,
                f"You multiplied by the transpose of the gradient of {self.label(node)} on the way back to {name}.",
                "Look at one entry: which index is summed over?",
                lambda g, node, k: node.pull[k](np.swapaxes(g, -1, -2), node.values, node.value),
            )
            shape = node.values[k].shape
            yield change(
                "result transposed",
                7,
                f"{which} is transposed.",
                f"It has the shape of {name}.",
                lambda g, node, k: of_shape(np.swapaxes(pulled(g, node, k), -1, -2), node.values[k]),
            )
            count = math.prod(node.value.shape[:-1]) / max(math.prod(shape[:-1]), 1) if k == 1 else 0
            if k == 1 and node.value.ndim == 2:
                yield change(
                    "mean over rows",
                    4,
                    f"{which} was averaged over the rows of {self._operand(node, 0)}; it is their sum.",
                    "Each row adds its own part.",
                    after(times(1 / node.value.shape[0])),
                )
            del count
        elif node.op == "einsum":
            yield from ()
        elif hasattr(node.pull[k], "at") and node.op not in ("transpose",):
            yield change(
                "repeated once",
                6,
                f"{which} keeps one of several parts for an entry that is used more than once.",
                "Where an entry is used more than once, its gradients add up.",
                last_kept,
            )

    def _of_slope(self, node, k, name, text, change):
        """Another derivative in place of an elementwise step's own."""
        x = f"its input {name}"
        slips = [
            ("at the output", f"You took the slope of {text} at its output.", 7, at_the_output),
            (
                "the value",
                f"You multiplied by {text} itself where its slope belongs, on the way back to {name}.",
                8,
                lambda s, v, y: y + 0 * s,
            ),
            ("the input", f"You multiplied by {x} where the slope of {text} belongs.", 9, lambda s, v, y: v[k] + 0 * s),
            ("sign of the gradient", f"You let the gradient of {text} through where it is positive itself.", 9, None),
        ]
        if node.op in ("tanh",):
            slips += [
                ("1 - y", f"You took 1 − tanh for the slope of {text}.", 6, lambda s, v, y: 1 - y),
                (
                    "1 + y2",
                    f"You took 1 + tanh² for the slope of {text}.",
                    6,
                    lambda s, v, y: 1 + y * y,
                ),
                ("y2", f"You took tanh² for the slope of {text}.", 6, lambda s, v, y: y * y),
                (
                    "y2 - 1",
                    f"You took tanh² − 1 for the slope of {text}.",
                    6,
                    lambda s, v, y: y * y - 1,
                ),
                (
                    "y(1-y)",
                    f"You took the slope of a sigmoid, y (1 − y), for that of {text}.",
                    6,
                    lambda s, v, y: y * (1 - y),
                ),
            ]
        if node.op in ("power", "float_power", "square", "reciprocal") and k == 0:

            def power(v):
                return {"square": 2.0, "reciprocal": -1.0}.get(node.op, v[1] if len(v) > 1 else 2.0)

            slips += [
                (
                    "no exponent",
                    f"You left out the factor {_number_of(node)} in the slope of {text}.",
                    5,
                    lambda s, v, y: s / power(v),
                ),
                (
                    "power kept",
                    f"You did not lower the power by one in the slope of {text}.",
                    6,
                    lambda s, v, y: s * v[0],
                ),
                (
                    "power too low",
                    f"You lowered the power once too often in the slope of {text}.",
                    6,
                    lambda s, v, y: s / v[0],
                ),
                (
                    "power kept, no exponent",
                    f"You took the power itself for the slope of {text}.",
                    7,
                    lambda s, v, y: y + 0 * s,
                ),
                (
                    "power raised",
                    f"You raised the power in the slope of {text}, as in an integral.",
                    8,
                    lambda s, v, y: s * v[0] ** 2,
                ),
            ]
        if node.op in ("sqrt", "cbrt"):
            slips += [
                ("no half", f"You left out the ½ of the slope of {text}.", 5, lambda s, v, y: 2 * s),
                (
                    "half root",
                    f"You took half the root for the slope of {text}.",
                    18,
                    lambda s, v, y: y / 2,
                ),
                (
                    "half over",
                    f"You took ½ over the radicand for the slope of {text}.",
                    6,
                    lambda s, v, y: 0.5 / v[0],
                ),
                (
                    "over",
                    f"You took 1 over the radicand for the slope of {text}.",
                    7,
                    lambda s, v, y: 1 / v[0],
                ),
            ]
        if node.op in ("divide", "true_divide") and k == 1:
            slips += [
                (
                    "no square",
                    f"You divided by {name} once in the slope of {text} by its divisor.",
                    5,
                    lambda s, v, y: s * v[1],
                ),
                (
                    "no numerator",
                    f"You left the numerator out of the slope of {text} by its divisor.",
                    6,
                    lambda s, v, y: s / v[0],
                ),
                (
                    "cubed",
                    f"You divided by {name} once too often in the slope of {text} by its divisor.",
                    7,
                    lambda s, v, y: s / v[1],
                ),
                (
                    "no divisor",
                    f"You did not divide by {name} in the slope of {text} by its divisor.",
                    8,
                    lambda s, v, y: s * v[1] ** 2,
                ),
                (
                    "no result",
                    f"You left out the factor {text} in its slope by the divisor {name}.",
                    6,
                    lambda s, v, y: -1 / v[1] + 0 * s,
                ),
            ]
        if node.op in ("log", "log1p", "log2", "log10"):
            slips += [("squared", f"You divided by the square in the slope of {text}.", 8, lambda s, v, y: s * s)]
        if node.op in ("exp", "expm1", "exp2"):
            slips += [("lowered", f"You treated {text} as a power: its slope is itself.", 8, lambda s, v, y: s * v[0])]
        if node.op in ("erf",):
            slips += [
                (
                    "no constant",
                    f"You left out 2/√π in the slope of {text}.",
                    5,
                    lambda s, v, y: s * math.sqrt(math.pi) / 2,
                ),
                ("half constant", f"You took 1/√π for 2/√π in the slope of {text}.", 6, lambda s, v, y: s / 2),
                (
                    "density",
                    f"You took the normal density for the slope of {text}.",
                    6,
                    lambda s, v, y: np.exp(-(v[0] ** 2) / 2) / math.sqrt(2 * math.pi),
                ),
                (
                    "half square",
                    f"You took exp(−x²/2) for exp(−x²) in the slope of {text}.",
                    6,
                    lambda s, v, y: s * np.exp(v[0] ** 2 / 2),
                ),
                (
                    "no minus",
                    f"You lost the minus in the exponent of the slope of {text}.",
                    7,
                    lambda s, v, y: s * np.exp(2 * v[0] ** 2),
                ),
            ]
        if node.op in ("expit",):
            slips += [
                (
                    "1 - y",
                    f"You left out one of the two factors of y (1 − y), the slope of {text}.",
                    6,
                    lambda s, v, y: 1 - y,
                ),
                ("1 + y", f"You took y (1 + y) for the slope of {text}.", 6, lambda s, v, y: y * (1 + y)),
                ("1 - y2", f"You took 1 − y² for the slope of {text}.", 6, lambda s, v, y: 1 - y * y),
            ]
        if node.op in ("maximum", "minimum", "where", "absolute"):
            slips += [
                (
                    "other side",
                    f"You let the gradient through on the other side of {text}.",
                    5,
                    lambda s, v, y: 1.0 - s,
                ),
                ("−1 for 0", f"You took −1 for 0 in the slope of {text}.", 5, lambda s, v, y: 2.0 * s - 1),
                (
                    "step of the result",
                    f"You took the slope of {text} where its result is positive.",
                    7,
                    lambda s, v, y: (y > 0) * 1.0,
                ),
                (
                    "result at least 0",
                    f"You asked ≥ 0 where > 0 decides the slope of {text}.",
                    8,
                    lambda s, v, y: (y >= 0) * 1.0,
                ),
            ]
        if node.op == "divide" and k == 1 and node.values[1].shape != node.value.shape:
            count = node.value.size / max(np.size(node.values[1]), 1)
            yield change(
                "plain mean",
                8,
                f"You took the plain mean where {text} weights, on the way back to {name}.",
                f"What comes back to {name} is a sum weighted by {text}.",
                lambda g, node, k: with_slope(lambda s, v, y: -1 / v[1] / count + 0 * s)(g, node, k),
            )
        for kind, what, rank, slope in slips:
            look = f"Differentiate {text} on paper, and compare it with your line."
            if slope is None:
                too = f"You let the gradient of {text} through only where it is positive itself too."
                what = f"You asked where the gradient of {text} is positive, not where {name} is."
                yield change(
                    kind,
                    rank,
                    too,
                    look,
                    lambda g, node, k: pulled(g * (g > 0), node, k) if node.op in ("maximum", "where") else fail(),
                )
                yield change(
                    kind + ", alone",
                    rank,
                    what,
                    look,
                    lambda g, node, k: (
                        fold(g * (g > 0), node.values[k].shape) if node.op in ("maximum", "where") else fail()
                    ),
                )
            else:
                yield change(kind, rank, what, look, slope if slope is at_the_output else with_slope(slope))

    def _of_axes(self, node, k, name, goal, change):
        """What was broadcast forward is summed over other axes on the way back."""
        shape, wide = node.values[k].shape, node.value.shape
        summed = [
            a for a in range(len(wide)) if a < len(wide) - len(shape) or shape[a - len(wide) + len(shape)] != wide[a]
        ]
        if not summed:
            return
        count = math.prod(wide[a] for a in summed)
        yield change(
            "mean for sum",
            4,
            f"What comes back to {name} through {goal} is averaged where it is summed.",
            f"Every entry that {name} was broadcast to adds its part.",
            after(times(1 / count)),
        )
        everything = tuple(range(len(wide)))
        yield change(
            "summed whole",
            16,
            f"What comes back to {name} through {goal} is summed over all axes.",
            f"It has the shape of {name}, {len(shape)} axes.",
            lambda g, node, k: np.sum(g * node.slopes[k](node.values, node.value)) + np.zeros(shape),
        )
        weights: list = [(None, 1.0)]
        weights += [(label, value) for label, value, _ in self.known_values() if value.ndim and value.shape == shape][
            :12
        ]
        for axes in _subsets(len(wide)):
            if list(axes) == summed:
                continue
            ratio = count / math.prod(wide[a] for a in axes) if axes else count
            for by in {1.0, ratio}:
                for label, weight in weights:
                    words = "not summed" if not axes else f"summed over axis {', '.join(map(str, axes))}"
                    own = f"axis {', '.join(map(str, summed))}"
                    yield change(
                        ("axes", axes, by == 1.0, label),
                        6 + (len(axes) != len(summed)) + (label is not None) + 10 * (axes == everything),
                        f"What comes back to {name} through {goal} is {words}.",
                        f"{name} was broadcast along {own}: sum over that.",
                        over_axes(axes, by, weight, everything),
                    )

    def _operand(self, node, k):
        operand = node.operands[k] if 0 <= k < len(node.operands) else None
        if isinstance(operand, Node):
            return self.label(operand)
        for name, value in self.known.items():
            if isinstance(value, np.ndarray) and np.shape(operand) == value.shape and np.array_equal(operand, value):
                return f"`{name}`"
            if (
                isinstance(value, np.ndarray)
                and value.ndim == 2
                and np.shape(operand) == value.T.shape
                and np.array_equal(operand, value.T)
            ):
                return f"`{name}.T`"
        if text := _part_of(node.text, k):
            return f"`{text}`"
        if np.ndim(operand) == 0 and operand is not None and float(operand) * 1e4 % 1 == 0:
            return f"`{float(operand):g}`"
        return f"the other operand of `{node.text}`" if node.text else "the other operand"

    def _of_replaced(self, values):
        """Another value of the same shape where one belongs, in one step or in all."""
        pool = [*values, *self._without_a_step()]
        targets = [node for node in self.graph.nodes if node.value.ndim or node.op == "input"]
        for node in targets:
            label = self.label(node)
            users = [user for user in self._users_of_value(node)]
            if not users or not (node.name or node.text):
                continue
            options = [
                (name, value, named) for name, value, named in pool if value.shape == node.value.shape and name != label
            ]
            if node.value.ndim >= 2 and node.value.shape[-1] == node.value.shape[-2]:
                options.append((f"the transpose of {label}", np.swapaxes(node.value, -1, -2), True))
            if node.value.ndim >= 2:
                options.append((f"{label} reversed along its last two axes", node.value[..., ::-1, ::-1], True))
                options.append((f"{label} reversed along its last axis", node.value[..., ::-1], True))
                options.append((f"{label} reversed along its first axis", node.value[::-1], True))
            for i, j in combinations(range(node.value.ndim), 2):
                if node.value.ndim > 2 and node.value.shape[i] == node.value.shape[j]:
                    options.append(
                        (f"{label} with its axes {i} and {j} exchanged", np.swapaxes(node.value, i, j), True)
                    )
            for name, value, named in options:
                if same(value, node.value):
                    continue
                rank = 6 if named and node.name else 9
                edges = {}
                for user, slot in users:
                    for k, _ in user.parents():
                        if (user.index, k) in self.parts:

                            def swapped(g, user, k, slot=slot, value=value):
                                return with_operand(g, user, k, slot, value)

                            edges[user.index, k] = swapped
                            yield Change(
                                ("replaced", self._key(user), k, slot, name),
                                rank + 0.5,
                                f"You used {name} in place of {label} on the way back from {self.goal(user)} "
                                f"to {self._operand(user, k)}.",
                                f"Read off the forward pass what stands there: {label}.",
                                edges={(user.index, k): swapped},
                            )
                yield Change(
                    ("replaced everywhere", self._key(node), name),
                    rank,
                    f"You used {name} in place of {label} on the way back.",
                    f"Read off the forward pass what stands there: {label}.",
                    edges=edges,
                )
        for node in self.graph.nodes:  # constants of the forward pass: an input that is no parameter
            for slot, operand in enumerate(node.operands):
                if isinstance(operand, Node) or not np.ndim(operand):
                    continue
                label = self._operand(node, slot)
                for name, value, named in pool:
                    if value.shape == np.shape(operand) and not same(value, operand) and name != label:
                        for k, _ in node.parents():
                            if (node.index, k) in self.parts:
                                yield Change(
                                    ("replaced", self._key(node), k, slot, name),
                                    7 + (not named),
                                    f"You used {name} in place of {label} on the way back to {self._operand(node, k)}.",
                                    f"Read off the forward pass what stands there: {label}.",
                                    edges={
                                        (node.index, k): lambda g, user, k, slot=slot, value=value: with_operand(
                                            g, user, k, slot, value
                                        )
                                    },
                                )

    def _users_of_value(self, node):
        """[(user, slot)] of every operation that a node's value goes into, whether or not a gradient comes back."""
        return [(user, slot) for user in self.graph.nodes for slot, each in enumerate(user.operands) if each is node]

    def _without_a_step(self):
        """(label, value, True) of values as they would be without one step of their expression."""
        return [(name, variant, True) for name, _, _, variant, _ in self.variants()]

    def _other_values(self, node):
        """[(how it is called, value)] of an expression with one step left out, or with two steps exchanged."""
        chain, found = [node], []
        while True:
            parents = chain[-1].parents()
            if len(parents) != 1 or not chain[-1].slopes:
                break
            below = parents[0][1]
            if below.name or not below.slopes or len(below.parents()) != 1 or len(self.graph.users[below.index]) > 1:
                break
            chain.append(below)
        orders = [
            (chain[:i] + chain[i + 1 :], f"without {self._step(each)}")
            for i, each in enumerate(chain)
            if len(each.parents()) == 1
        ]
        orders += [
            (
                [*chain[:i], chain[i + 1], chain[i], *chain[i + 2 :]],
                f"with {self._step(chain[i + 1])} after {self._step(chain[i])}",
            )
            for i in range(len(chain) - 1)
        ]
        for order, what in orders:
            try:
                value = chain[-1].parents()[0][1].value
                for each in reversed(order):
                    ((k, _),) = each.parents()
                    values = [value if i == k else one for i, one in enumerate(each.values)]
                    value = np.asarray(getattr(np, each.op)(*values))
            except (AttributeError, ValueError, TypeError):
                continue
            if value.shape == node.value.shape and np.isfinite(value).all():
                found.append((f"{self.label(node)} {what}", value))
        return found

    def _step(self, node):
        """One operation of an expression in a few words: "+ `eps`", "its root"."""
        signs = {"add": "+", "subtract": "−", "multiply": "the factor", "divide": "the divisor", "power": "the power"}
        others = [i for i, each in enumerate(node.operands) if not isinstance(each, Node)]
        if node.op in signs and others:
            return f"{signs[node.op]} {self._operand(node, others[0])}"
        return {"sqrt": "the root", "exp": "the exponential", "log": "the logarithm"}.get(node.op, f"np.{node.op}")

    def _of_paths(self, values):
        """A factor that is forgotten, or taken once more, on one path alone."""
        named = [node for node in self.graph.nodes if node.name and node.index in self.adjoints]
        forks = [edge for edge in self.parts if self._matters(edge)]
        for edge in forks:
            node, k = self.node[edge[0]], edge[1]
            parent = node.operands[k]
            frozen = self._swept({edge: nothing}, {})[1]
            targets = [each for each in named if each.index in frozen and each.index <= parent.index]
            for target in targets:
                rest = frozen[target.index]
                if np.shape(rest) != target.value.shape:
                    continue
                through = self._only(parent, self.parts[edge], target)
                path = f"What comes back to {self.label(target)} through {self.label(parent)}"
                if parent is target:
                    path = f"What comes back to {self.label(target)} through {self.goal(node)}"
                for name, value, has_name in values:
                    if not value.ndim or not _spreads(value, target.value):
                        continue
                    rank = (15 if has_name else 19) + (0 if target.op == "input" else 0.4)
                    for kind, words, factor in (
                        ("by", f"{path} {self._words(name)[0]}.", value),
                        ("by inverse", f"{path} {self._words(name)[1]}.", 1 / value),
                    ):
                        yield Change(
                            ("path", kind, self._key(node), k, self._key(target), name),
                            rank,
                            words,
                            f"Count the factors {name} on that path.",
                            adjoints={
                                target.index: lambda g, rest=rest, through=through, factor=factor: (
                                    rest + through * factor
                                )
                            },
                        )
                names = [
                    (name, value) for name, value, has_name in values if has_name and value.shape == target.value.shape
                ]
                for name, value in names[:8]:
                    for other, instead in names[:8]:
                        if other != name:
                            yield Change(
                                ("path", "replaced", self._key(node), k, self._key(target), name, other),
                                17,
                                f"{path} holds {other} in place of {name}.",
                                f"Read off the forward pass what stands there: {name}.",
                                adjoints={
                                    target.index: lambda g, rest=rest, through=through, f=instead / value: (
                                        rest + through * f
                                    )
                                },
                            )
                            yield Change(
                                ("path", "replaced twice", self._key(node), k, self._key(target), name, other),
                                17.5,
                                f"{path} holds {other} twice where {name} belongs.",
                                f"Read off the forward pass what stands there: {name}.",
                                adjoints={
                                    target.index: lambda g, rest=rest, through=through, f=(instead / value) ** 2: (
                                        rest + through * f
                                    )
                                },
                            )
        for one, two in combinations(named, 2):
            if one.value.shape == two.value.shape and not self._leads(one, two) and one.value.ndim:
                swapped = {one.index: self.adjoints[two.index], two.index: self.adjoints[one.index]}
                yield Change(
                    ("interchanged", self._key(one), self._key(two)),
                    6,
                    f"The gradients of {self.label(one)} and {self.label(two)} are interchanged.",
                    "Write each beside the value that it belongs to.",
                    adjoints={i: lambda g, other=other: other for i, other in swapped.items()},
                )
        for edge in forks:
            node, parent = self.node[edge[0]], self.node[edge[0]].operands[edge[1]]
            for other in named:
                if (
                    other.value.shape == parent.value.shape
                    and self._leads(parent, other)
                    and other is not node
                    and other.index < node.index
                ):
                    part = self.parts[edge]
                    yield Change(
                        ("detour", self._key(node), edge[1], self._key(other)),
                        9,
                        f"What comes back to {self.label(parent)} from {self.place(node)} was sent through "
                        f"{self.label(other)} first.",
                        f"{self.place(node)} holds {self.label(parent)} itself.",
                        edges={edge: nothing},
                        adjoints={other.index: lambda g, part=part: g + part},
                    )
        skips = [
            (edge, with_slope(lambda s, v, y: np.ones_like(s)))
            for edge in self.parts
            if edge[1] in self.node[edge[0]].slopes and self.node[edge[0]].op in ("multiply", "divide", "sqrt", "exp")
        ]
        for edge, skip in skips:
            upper = self.node[edge[0]]
            try:
                changed = self._swept({edge: skip}, {})[1]
            except ValueError:
                continue
            label = self._operand(upper, 1 - edge[1]) if len(upper.operands) == 2 else self.label(upper)
            for fork in forks:
                if fork[0] in changed and fork[0] < edge[0]:
                    g, node = changed[fork[0]], self.node[fork[0]]
                    parent = node.operands[fork[1]]
                    yield Change(
                        ("path skipped", self._key(upper), edge[1], self._key(node), fork[1]),
                        13,
                        f"You left out {label} in what comes back through {self.label(parent)}.",
                        f"{label} stands on that path too.",
                        edges={fork: lambda g_right, node, k, g=g: pulled(g, node, k)},
                    )

    def _matters(self, edge):
        """Whether a use is one of several ways to some input."""
        parent = self.node[edge[0]].operands[edge[1]]
        uses = [use for use in self.graph.users[parent.index] if (use[0].index, use[1]) in self.parts]
        node = self.node[edge[0]]
        return len(uses) > 1 or len([1 for k, _ in node.parents() if (node.index, k) in self.parts]) > 1

    def _of_branches(self):
        """The branches of np.where, each with the other's condition."""
        for node in self.graph.nodes:
            edges = [(node.index, k) for k in (1, 2, 0) if node.op == "where" and (node.index, k) in self.parts]
            if len(edges) == 2:
                yield Change(
                    ("branches", self._key(node)),
                    6,
                    f"You interchanged the two branches of {self.place(node)} on the way back.",
                    "Each branch has the slope that it has where its condition holds.",
                    edges=dict.fromkeys(edges, with_slope(lambda s, v, y: 1.0 - s)),
                )

    def _of_jacobians(self):
        """The diagonal of a Jacobian alone."""
        named = [node for node in self.graph.nodes if node.name and node.index in self.adjoints]
        near = [
            (upper, lower)
            for lower, upper in combinations(named, 2)
            if lower.value.shape == upper.value.shape and upper.value.ndim > 0 and upper.value.size <= MAX_JACOBIAN
        ]
        near.sort(key=lambda pair: named.index(pair[0]) - named.index(pair[1]))
        for upper, lower in near[:MAX_PAIRS]:
            jacobian = self._jacobian(upper, lower)
            diagonal = np.diag(jacobian).reshape(upper.value.shape)
            if not jacobian.any():
                continue
            g = self.adjoints[upper.index]
            through = (g.reshape(-1) @ jacobian).reshape(lower.value.shape)
            names = self.label(upper), self.label(lower)
            if np.count_nonzero(jacobian - np.diag(np.diag(jacobian))) == 0:
                yield Change(
                    ("jacobian", "skipped", self._key(upper), self._key(lower)),
                    7,
                    f"You passed the gradient of {names[0]} on to {names[1]} as it is, as if the slope were 1.",
                    f"Differentiate {names[0]} by {names[1]}, and multiply.",
                    adjoints={lower.index: lambda total, g=g, through=through: total - through + g},
                )
                continue
            kinds = [
                (
                    "diagonal",
                    5,
                    f"You took the diagonal of the Jacobian of {names[0]} by {names[1]} alone.",
                    g * diagonal,
                ),
                (
                    "off-diagonal sign",
                    6,
                    f"Beside its diagonal the Jacobian of {names[0]} by {names[1]} has the wrong sign.",
                    2 * g * diagonal - through,
                ),
                ("skipped", 7, f"You passed the gradient of {names[0]} on to {names[1]} as it is.", g),
                (
                    "transposed",
                    8,
                    f"You multiplied by the Jacobian of {names[0]} by {names[1]}, not by its transpose.",
                    (jacobian @ g.reshape(-1)).reshape(lower.value.shape),
                ),
            ]
            for kind, rank, what, wrong in kinds:
                yield Change(
                    ("jacobian", kind, self._key(upper), self._key(lower)),
                    rank + 1e-5 * lower.index,  # of values that come to the same the first
                    what,
                    f"A change of one entry of {names[1]} moves several entries of {names[0]}.",
                    adjoints={lower.index: lambda total, wrong=wrong, through=through: total - through + wrong},
                )

    def _jacobian(self, upper, lower):
        key = (upper.index, lower.index)
        if key not in self.jacobians:
            rows = []
            for i in range(upper.value.size):
                seed = np.zeros(upper.value.size)
                seed[i] = 1
                rows.append(self._only(upper, seed.reshape(upper.value.shape), lower).reshape(-1))
            self.jacobians[key] = np.array(rows)
        return self.jacobians[key]


def _subsets(n):
    """Every set of at most three of n axes, as tuples, the empty one first."""
    found = [()]
    for axis in range(min(n, 4)):
        found += [(*each, axis) for each in found]
    return [each for each in found if len(each) <= 3]


def _number_of(node):
    """The exponent of a power, as text."""
    exponent = {"square": 2.0, "reciprocal": -1.0}.get(node.op, node.values[1] if len(node.values) > 1 else 2.0)
    return f"{float(exponent):g}" if np.ndim(exponent) == 0 else "of the exponent"


def _part_of(text, k):
    """The source of one operand of an operator, "" where the text is none."""
    try:
        tree = ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError):
        return ""
    if isinstance(tree, ast.BinOp) and k in (0, 1):
        return ast.unparse(tree.left if k == 0 else tree.right)
    return ""


def _spreads(value, over):
    """Whether an array is broadcast to the shape of another without enlarging it."""
    try:
        return np.broadcast_shapes(value.shape, over.shape) == over.shape
    except ValueError:
        return False

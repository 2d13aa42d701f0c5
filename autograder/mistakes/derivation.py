"""The mistakes that a forward pass lets one make in its backward pass, derived from it: the bank that nobody writes.

    derived = Derivation(graph, known, dout)     # of one draw; graph from trace.trace
    derived.changes                              # every mistake: a sentence, a hint, and the wrong gradients

The right gradients come from a reverse sweep over the traced graph. A mistake is the same sweep with something changed
at one place:

- a value taken as a constant, everywhere or in one of its uses; one use followed and the others forgotten;
- a wrong sign; a factor (½, 2, a length, its root, an input such as p, 1 − p) too many or too few on a path;
- a step of the forward pass skipped, a factor or divisor left out, or taken twice;
- sum for mean and mean for sum; a sum over another axis;
- an operand replaced by another value of its shape, by its transpose, by itself flipped, or by what it would be without
  one step ("without + eps"); a derivative taken at the output, or of another function;
- the Jacobian's diagonal alone; parts that come back from overlapping places overwritten, not added.

Changes with the same answers are one, told in the plainest of their sentences. Uses that change nothing when they are
forgotten (the maximum that a softmax subtracts) are forgotten first, so that they hide no other mistake.

What cannot be derived: a mistake that needs numbers from elsewhere (a fresh mask), two mistakes in one gradient, and a
closed formula that is wrong in a way that no single step explains.
"""

import inspect
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from typing import Any

import numpy as np

from .kinds import Kinds
from .sweep import MAX_STEPS, Change, same
from .trace import Graph, NotTraceable, trace

MAX_CHANGES = 20_000  # of one forward pass


class Derivation(Kinds):
    """The mistakes of one forward pass on one draw.

    Args:
        graph: of the forward pass. known: {name: value} of all its inputs. dout: the upstream gradient.
        only: the keys of the changes that are wanted; None: all.

    right: {input: gradient}. changes: {key: Change} of those that change something, answers: {key: {input: wrong
    gradient}}.
    """

    def __init__(
        self, graph: Graph, known: Mapping[str, Any], dout: Any, only: Collection[tuple] | None = None
    ) -> None:
        super().__init__(graph, known, dout)
        self.only = only
        self.changes: dict[tuple, Change] = {}
        self.answers: dict[tuple, dict[str, np.ndarray]] = {}
        with np.errstate(all="ignore"):
            for change in self.all_changes():
                if self.steps > MAX_STEPS or len(self.answers) >= MAX_CHANGES:
                    break
                self._try(change)
            for change in self._twice_the_same():
                self._try(change)

    def _try(self, change: Change) -> None:
        if change.key in self.answers or (self.only is not None and change.key not in self.only):
            return
        try:
            found = self._leaves(*self._swept(change.edges, change.adjoints))
        except (ValueError, IndexError):  # the shapes of this change do not fit
            return
        if all(np.isfinite(value).all() for value in found.values()) and not all(
            same(found[name], self.right[name]) for name in found
        ):
            self.changes[change.key], self.answers[change.key] = change, found

    def _twice_the_same(self):
        """One kind of mistake made in two places: two values as constants, two means over another axis."""
        kinds: dict = {}
        for key, change in self.changes.items():
            kind = key[0]
            while isinstance(kind, tuple) and isinstance(kind[0], tuple):
                kind = kind[0]
            if kind in ("constant", "sum for mean") or (kind[0] == "axes" and not isinstance(kind, str)):
                kinds.setdefault(kind, []).append(change)
        for kind, changes in kinds.items():
            plain: list[Change] = []
            for change in sorted(changes, key=lambda each: each.rank):
                if not any(self._alike(change.key, other.key) for other in plain):
                    plain.append(change)
            for one, two in combinations(plain[:32], 2):
                if one.edges.keys() & two.edges.keys() or one.adjoints.keys() & two.adjoints.keys():
                    continue
                yield Change(
                    ("both", kind, one.key, two.key),
                    5 + max(one.rank, two.rank),
                    f"{one.what} {two.what.replace('You took', 'And you took', 1)}",
                    f"{one.look} {two.look}",
                    edges={**one.edges, **two.edges},
                    adjoints={**one.adjoints, **two.adjoints},
                )

    def _alike(self, one, two):
        return all(same(self.answers[one][name], self.answers[two][name]) for name in self.graph.inputs)


def derived_bank(forward: Callable, wanted: Sequence[str], draws: Sequence[Mapping[str, Any]]) -> "DerivedBank | None":
    """A DerivedBank, or None where the forward pass cannot be followed."""
    try:
        return DerivedBank(forward, wanted, draws)
    except NotTraceable:
        return None


class DerivedBank:
    """The mistakes of a forward pass, and which of them explains an answer.

    Args:
        forward: forward(**inputs) -> (out, cache).
        wanted: the inputs that gradients are taken with respect to; the gradient of x is the part "dx".
        draws: [{name: value}] of several draws: the inputs of forward, "dout", and what else a draw holds. What comes
            to the same on all of them is one mistake.

    Raises:
        NotTraceable: the forward pass cannot be followed.
    """

    def __init__(self, forward: Callable, wanted: Sequence[str], draws: Sequence[Mapping[str, Any]]) -> None:
        self.forward, self.wanted = forward, tuple(wanted)
        self.kept: list[tuple[Mapping, Derivation]] = []
        self.alone: dict[tuple, Change] = {}
        derived = [self._derived(q, None) for q in draws]
        common = [key for key in derived[0].answers if all(key in each.answers for each in derived)]
        common.sort(key=lambda key: derived[0].changes[key].rank)
        plainest: list[tuple] = []
        seen: dict[tuple, list[tuple]] = {}
        for key in common:
            rough = tuple(float(f"{np.linalg.norm(value):.5e}") for value in derived[0].answers[key].values())
            alike = seen.setdefault(rough, [])
            if not any(
                all(same(each.answers[key][x], each.answers[other][x]) for each in derived for x in self.wanted)
                for other in alike
            ):
                alike.append(key)
                plainest.append(key)
        self.keys = frozenset(plainest)
        self.changes = {key: derived[0].changes[key] for key in plainest}

    def _derived(self, q: Mapping[str, Any], only: Collection[tuple] | None) -> Derivation:
        parameters = inspect.signature(self.forward).parameters.values()
        names = [each.name for each in parameters if each.kind is not each.VAR_KEYWORD]
        if len(names) < len(parameters):  # it takes any: all that are drawn but what the backward pass is given
            names = [name for name in q if name not in ("dout", "cache")]
        inputs = {name: q[name] for name in names if name in q}
        return Derivation(trace(self.forward, inputs, self.wanted), inputs, q["dout"], only)

    def of_draw(self, q: Mapping[str, Any]) -> Derivation:
        """The mistakes' answers on one draw; the last few draws are remembered."""
        found = next((derived for known, derived in self.kept if known is q), None)
        if found is None:
            found = self._derived(q, self.keys)
            self.kept = [*self.kept[-7:], (q, found)]
        return found

    def fitting(
        self, q: Mapping[str, Any], values: Mapping[str, Any], right: Mapping[str, Any]
    ) -> dict[str, dict[tuple, int]]:
        """What may explain an answer on one draw.

        Args:
            q: the inputs. values: {part: the student's value}. right: {part: what is right}.

        Returns:
            {part: {key: how many parts it explains}} of the parts that are wrong; -1 for a mistake that would have
            spoilt a part that is right: it was made in this gradient alone.
        """
        derived = self.of_draw(q)
        if not all(_close(derived.right[name], right[f"d{name}"]) for name in self.wanted):
            return {}
        arrays = {part: array for part, value in values.items() if (array := _array(value)) is not None}
        names = [name for name in self.wanted if f"d{name}" in arrays]
        wrong = {name for name in names if not _equal(arrays[f"d{name}"], np.asarray(right[f"d{name}"], float))}
        found: dict[str, dict[tuple, int]] = {f"d{name}": {} for name in wrong}
        for key, answer in derived.answers.items() if any(arrays[f"d{name}"].any() for name in names) else ():
            fits = {name for name in names if _equal(arrays[f"d{name}"], answer[name])}
            spoilt = [name for name in names if name not in wrong and name not in fits]
            for name in fits & wrong:
                found[f"d{name}"][key] = -1 if spoilt else len(fits)
        return found

    def best(self, fits: Mapping[tuple, int]) -> Change | None:
        """The explanation of most parts, of these the plainest; None where there is none."""
        if not fits:
            return None
        key = min(fits, key=lambda key: (-fits[key], self.changes[key].rank))
        change = self.changes[key]
        if fits[key] > 0:
            return change
        if key not in self.alone:
            self.alone[key] = replace(change, what=f"In this gradient alone: {change.what[0].lower()}{change.what[1:]}")
        return self.alone[key]

    def explain(self, draws: Sequence[tuple[Mapping, Mapping, Mapping]]) -> dict[str, Change | None]:
        """{part: the mistake that explains it on every draw, or None} of the parts that are wrong on some draw.

        draws: (inputs, values, right) of each.
        """
        fits = [self.fitting(*draw) for draw in draws]
        found = {}
        for part in dict.fromkeys(part for each in fits for part in each):
            seen = [each[part] for each in fits if part in each]
            together = {key: min(one[key] for one in seen) for key in seen[0] if all(key in one for one in seen)}
            held = {
                key: count
                for key, count in together.items()
                if all(part in each or self.allows(key, part, draw) for each, draw in zip(fits, draws, strict=True))
            }
            found[part] = self.best(held)
        return found

    def allows(self, key: tuple, part: str, draw: tuple[Mapping, Mapping, Mapping]) -> bool:
        """Whether a part is on this draw what a mistake gives; also where nothing usable came, or the mistake cannot be
        made."""
        q, values, _ = draw
        array, answer = _array(values.get(part)), self.of_draw(q).answers.get(key)
        right = self.of_draw(q).right[part[1:]]
        return array is None or _equal(array, right if answer is None else answer[part[1:]])


def _array(value):
    """As an array of finite floats, or None."""
    try:
        array = np.asarray(value)
    except ValueError:
        return None
    return array if array.dtype.kind == "f" and np.isfinite(array).all() else None


def _equal(a, b):
    """Whether two arrays are the same, where axes of length one do not count."""
    return same(np.squeeze(a), np.squeeze(b))


def _close(a, b):
    """Whether a derived gradient is the one that a finite difference gives."""
    difference = np.linalg.norm(np.subtract(np.squeeze(a), np.squeeze(b)))
    return bool(difference <= 1e-5 * (np.linalg.norm(b) or 1.0))

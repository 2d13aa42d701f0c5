r"""Symbols, sizes and targets of any network, from a table: one entry a quantity.

TABLE = Table(
    sizes={"N": "N", "D": "D", "H": "H"},
    quantities={"x": "ND", "t": "NH", "W": "HD", "b": "H", "z": "NH", "y": "NH", "L": ""},
    asked=("y", "z", "W", "b"),
)
TARGETS, NOTATION = TABLE.targets, TABLE.notation
"""

import re
from dataclasses import dataclass, field
from functools import cached_property

from .notation import Notation, Symbol, Target


@dataclass(frozen=True)
class Table:
    r"""A network's quantities.

    Args:
        sizes: {size as it is written: its axis, one character}; the first one is that of the samples.
        quantities: {LaTeX of a name: its axes, the samples' first}: "W_1", "\hat y", "\theta_{2B}"; "" for a number.
        asked: the names whose gradients are asked, in the order in which an answer may build upon those before it.
        loss: the name of the loss among them.
        given: whether an answer may build upon the gradients that are asked before it; or forward quantities alone.
        functions: {letter: function}, as of Notation: what "f(z)" and "f'(z)" stand for.
    """

    sizes: dict
    quantities: dict
    asked: tuple
    loss: str = "L"
    given: bool = True
    functions: dict = field(default_factory=dict)

    @cached_property
    def names(self):
        """{name as a tree has it, "\\theta_2b": Symbol}, a batch also in a capital letter where that is free."""
        names = {_name(latex): Symbol(self.key(latex), axes) for latex, axes in self.quantities.items()}
        capitals = {_with_a_capital(name): symbol for name, symbol in names.items() if symbol.axes[:1] == self._samples}
        return capitals | names

    @cached_property
    def notation(self):
        labels = {}
        for name in self.names:
            letter, _, label = name.partition("_")
            labels[letter] = (*labels.get(letter, ()), *([label] if label else ()))
        labels = {letter: known for letter, known in labels.items() if known}
        features = [axis for axis in self.sizes.values() if axis != self._samples]
        return Notation(
            sizes=self.sizes,
            size_names={axis: name for name, axis in reversed(self.sizes.items())},
            samples=self._samples,
            features=features[0] if features else self._samples,
            labels=labels,
            loss=(self.loss,),
            quantities=frozenset(name for name in self.names if "_" not in name) - {self.loss},
            **({"functions": self.functions} if self.functions else {}),
        )

    @cached_property
    def targets(self):
        """{"W_1": Target}: the gradient of each name that is asked."""
        found, given = {}, ()
        for latex in self.asked:
            name, part = _name(latex), f"d{self.key(latex)}"
            gradients = {f"∂{other}": Symbol(f"d{symbol.key}", symbol.axes) for other, symbol in self.names.items()}
            found[self.key(latex)] = Target(
                question=self.key(latex),
                part=part,
                label=f"{self.key(latex)} ∂{self.loss}/∂{latex}",
                written=f"∂{name}",
                axes=self.names[name].axes,
                key=self.key(latex),
                symbols=self.names | {other: symbol for other, symbol in gradients.items() if symbol.key in given},
                notation=self.notation,
                given=given,
            )
            given += (part,) * self.given
        return found

    def key(self, latex):
        """A name in code: "theta_2b" of "\\theta_{2B}", "y_hat" of "\\hat y"."""
        accent, letter, label = re.fullmatch(r"\\?(?:(hat|bar|tilde) )?\\?(\w+?)(?:_(\w+))?", _name(latex)).groups()
        return "_".join(filter(None, (letter, label, accent)))

    @property
    def _samples(self):
        return next(iter(self.sizes.values()))


def _name(latex):
    """A name as a tree has it."""
    letter, _, label = re.sub(r"[{}]", "", latex).partition("_")
    return f"{letter}_{label.lower()}" if label else letter


def _with_a_capital(name):
    letter, _, label = name.partition("_")
    return letter[:-1] + letter[-1].upper() + ("_" + label if label else "")

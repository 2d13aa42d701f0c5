"""A computation written as named steps, each a formula of the inputs and of other steps."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Step = Callable[["Evaluation"], Any]
Steps = dict[str, Step]


class Evaluation:
    """One evaluation of named steps: every input and every step is an attribute, a step computed when it is first read.

    Args:
        steps: {name: formula}; a formula reads what it needs as attributes of this object.
        inputs: {name: value}, which take precedence over steps of the same name.
        actual: a student's values by step, for a formula that must read off them what nothing else tells (a mask of
            other draws); None where there is no answer.

    Raises:
        AttributeError: a name that is neither an input nor a step was read.
    """

    def __init__(self, steps: Steps, inputs: Mapping[str, Any], actual: Mapping[str, Any] | None = None) -> None:
        self.__dict__.update(inputs)
        self._steps = steps
        self.actual = actual

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or name not in self._steps:
            raise AttributeError(name)
        value = self.__dict__[name] = self._steps[name](self)
        return value

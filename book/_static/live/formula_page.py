"""What a box on the page asks of Python: how a formula is read, as it is typed, and whether it is right.

In the page, by Pyodide, beside the students' formulas.py and checks.py, and `draws.npz`. Plain Python: the tests run it
as it stands.
"""

import json
from dataclasses import replace
from functools import partial

import numpy as np

MOST = 1e-9  # between two equal fingerprints, over their size


def fingerprint(value):
    """The axes of a value that are longer than one, and three numbers that no other value is likely to have."""
    value = np.squeeze(np.asarray(value, float))
    places = np.arange(value.size) + 0.5
    return list(value.shape), [float(np.cos(k * places) @ value.ravel()) for k in (1, 2, 3)]


class Formulas:
    """The formulas of a page. draws: a file as `book._ext.formula_boxes` stores it; formulas: the students' module;
    shown_by: of checks.CHECKS, what the numbers of a wrong formula show."""

    def __init__(self, draws, formulas, shown_by):
        self.formulas, self.shown_by, self.draws = formulas, shown_by, {}
        with np.load(draws, allow_pickle=False) as file:
            self.bank = json.loads(file["bank"].tobytes())
            for name in sorted(set(file.files) - {"bank"}):  # the draws in their order
                family, number, key = name.split("|")
                draw = self.draws.setdefault(family, {}).setdefault(int(number), {})
                value = file[name]
                draw[tuple(key.split("/")) if "/" in key else key] = value if value.ndim else value[()]

    def look(self, key, latex):
        """What stands there, before it is asked for: {"typeset", "shapes": [(name, shape)], "problem"}, as JSON."""
        formulas, target = self.formulas, self.formulas.TARGETS[key]
        found = {"typeset": "", "shapes": [], "problem": None}
        try:
            tree = formulas.read(latex, target.notation)
        except formulas.FormulaError as error:
            return json.dumps(found | {"problem": formulas.point(latex, error)})
        found["typeset"] = formulas.typeset(tree, target.notation)
        for axes in (target.axes, None):
            try:
                reading = formulas.find_readings(tree, replace(target, axes=axes), repair=False)[0]
            except formulas.FormulaError as error:
                found["problem"] = found["problem"] or formulas.point(latex, error)
            else:
                return json.dumps(found | {"shapes": reading.parts})
        return json.dumps(found)

    def judge(self, key, latex):
        """The verdict: {"verdict", "error", "name", "words", "typeset", "shapes"}, as JSON."""
        target = self.formulas.TARGETS[key]
        draws = list(self.draws[target.family].values())
        found = self.formulas.compare(latex, target, draws, explain=partial(self.explain, key))
        error = found.error if np.isfinite(found.error) else None
        return json.dumps(dict(verdict=found.verdict, error=error, name=found.name, words=found.words,
                               typeset=found.typeset, shapes=found.shapes))  # fmt: skip

    def explain(self, key, values):
        """(name of the mistake or None, sentences)."""
        for name, sentences, prints in self.bank.get(key, ()):
            if all(_equal(fingerprint(value), known) for value, known in zip(values, prints, strict=True)):
                return name, sentences
        target = self.formulas.TARGETS[key]
        return None, self.shown_by(target, self.draws[target.family][0], values[0])


def _equal(one, other):
    (shape, numbers), (known_shape, known) = one, other
    return shape == known_shape and np.allclose(numbers, known, rtol=0, atol=MOST * (np.abs(known).max() + 1e-300))

r"""Boxes: a reader writes a formula in LaTeX, sees it typeset and its shapes, and gets the verdict in the page.

    ```{formula} 2-2 beta, 2-2 gamma
    ```

asks for these targets of `assignments.hw1.targets`, one at a time. The page's Python (see `book._ext.live_cells`) reads
and judges with the files that students get, on stored draws: what every symbol is and what each target comes to,
in numbers. The full edition's draws hold the bank's wrong values too, as three numbers each, so that a mistake has its
name. The student edition's do not, and neither holds a formula.
"""

import html
import io
import json
import re
import runpy
from functools import partial
from pathlib import Path

import numpy as np
from docutils import nodes
from sphinx.util.docutils import SphinxDirective

from assignments.hw1.assignment import ASSIGNMENT
from assignments.hw1.formula_verdicts import stored_draws, stored_mistakes
from assignments.hw1.targets import LAYERS, NOTATION, TARGETS, network
from autograder.assignment.release import checks_source, formulas_source
from autograder.formula.arrays import describe
from autograder.formula.tree import Name
from autograder.formula.typesetting import typeset

# What makes each file that is loaded.
LOADED = {"formulas.py": partial(formulas_source, ASSIGNMENT), "checks.py": partial(checks_source, ASSIGNMENT)}
PAGE_SIDE = runpy.run_path(str(Path(__file__).parents[1] / "_static/live/formula_page.py"))
SEEDS = (0, 1)
CLASS = "formula-box"
WITHOUT = "With JavaScript this is a box: write your own formula for {} in LaTeX, and have it judged."

_WRITTEN = {"var_b": r"\sigma_B^2", r"\mu": r"\mu_B"}
_PLAIN = {r"\\theta": "θ", r"\\gamma": "γ", r"\\beta": "β", r"\\mu": "μ", r"\\sigma": "σ", r"\\hat x": "x̂"}
_PLAIN |= {r"\\hat y": "ŷ", r"_([12])([ab])": lambda found: f"_{found[1]}{found[2].upper()}", r"_B\^2": "_B²"}


def shown(key):
    """How a target is called: {"key", "tex" with its set, "name" in plain characters, "shape" in words}."""
    target = TARGETS[key]
    table = LAYERS.get(target.family) or network()
    pieces = target.written.removeprefix("∂").split("/")
    pieces = ["L", *pieces] if target.written.startswith("∂") else pieces

    def name(piece):
        sample = ("i",) if piece in table and table[piece].axes.startswith("m") else ()
        return _WRITTEN.get(piece) or typeset(Name(piece, sample), NOTATION)

    tex, plain = [name(piece) for piece in pieces], [_WRITTEN.get(piece, piece) for piece in pieces]
    for written, sign in _PLAIN.items():
        plain = [re.sub(written, sign, piece) for piece in plain]
    if len(pieces) == 2:
        tex, plain = [rf"\frac{{\partial {tex[0]}}}{{\partial {tex[1]}}}"], [f"∂{plain[0]}/∂{plain[1]}"]
    axes = target.axes[target.axes.startswith("m") :]
    sizes = r" \times ".join(NOTATION.size_names[axis] for axis in axes)
    space = rf" \in \mathbb{{R}}^{{{sizes}}}" if sizes else r" \in \mathbb{R}"
    return {
        "key": key,
        "tex": tex[0] + space,
        "name": plain[0],
        "shape": describe((*axes, "1", "1")[:2], NOTATION.size_names),
    }


class Formula(SphinxDirective):
    """A box for the targets that its argument names, with commas between. Unknown ones are an error of the build."""

    required_arguments, optional_arguments, final_argument_whitespace = 1, 0, True

    def run(self):
        keys = [key.strip() for key in self.arguments[0].split(",")]
        if unknown := [key for key in keys if key not in TARGETS]:
            raise self.error(f"there is no formula {', '.join(unknown)}; there are {', '.join(TARGETS)}")
        targets = [shown(key) for key in keys]
        names = " or ".join(target["name"] for target in targets)
        data = html.escape(json.dumps(targets, ensure_ascii=False))
        without = html.escape(WITHOUT.format(names))
        box = f'<div class="formula" data-targets="{data}"><noscript><p>{without}</p></noscript></div>'
        return [nodes.raw("", box, format="html", classes=[CLASS])]


def stored(full):
    """The file with the draws, as bytes: NumPy's own, compressed. full: the bank's values and names are in it too."""
    arrays = {}
    for family, draws in stored_draws(SEEDS).items():
        for k, draw in enumerate(draws):
            for key, value in draw.items():
                arrays[f"{family}|{k}|{key if isinstance(key, str) else '/'.join(key)}"] = value
    bank = {}
    for key, mistakes in stored_mistakes(SEEDS).items() if full else ():
        bank[key] = [(*said, [PAGE_SIDE["fingerprint"](value) for value in values]) for *said, values in mistakes]
    arrays["bank"] = np.frombuffer(json.dumps(bank).encode(), np.uint8)
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)
    return file.getvalue()


def lay_out(folder, full):
    """Write what the boxes load on demand."""
    for name, source in LOADED.items():
        (folder / name).write_text(source(), encoding="utf8")
    (folder / "draws.npz").write_bytes(stored(full))

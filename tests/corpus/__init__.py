"""Layers written in many styles, each with a right and five wrong gradients, as trial material for a gradient checker.

Every module in `layers/` holds `name`, `style` and `make(rng)`. `make` returns a dict with
`forward` (callable of the differentiable arrays), `arguments` (name -> array), `upstream` (array, or None for a scalar
output), `right` (callable without arguments, returns name -> gradient), `wrong` (description -> callable like `right`),
`kink` (whether an argument lies at, or within 1e-4 of, a point where the derivative jumps), `dtype`, and for some
layers `native`: the object, dict or tuple-valued function in the form in which its author would hand it over.

Call `forward(**arguments)`; all but `gru_step` also accept the arrays by position, in the order of `arguments`. Some
layers keep state, return a shared buffer or a view, or overwrite their argument, so copy whatever is still needed.
At a kink `right` follows its author's convention, which lies between the two one-sided derivatives.
"""

import importlib
import pkgutil

from . import layers


def load():
    """Yield the layer modules in alphabetical order."""
    for info in sorted(pkgutil.iter_modules(layers.__path__), key=lambda info: info.name):
        yield importlib.import_module(f"{layers.__name__}.{info.name}")

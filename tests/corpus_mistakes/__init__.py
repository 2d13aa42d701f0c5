"""Backward passes with one student mistake each, as trial material for naming the mistake.

Every module describes one layer: `name`, `forward` (plain NumPy, returns the output only), `draw(rng)` (dict of
arguments, all differentiable; labels and masks are constants of the module), `upstream_shape`,
`right(dout, **arguments)` (dict of gradients), `wrong` (list of (truth, callable like `right`)), and `closed_form`
(indices into `wrong` of slips which arise in a closed formula, and which probably no change of a single edge of a
reverse sweep reproduces).
"""

import importlib
import pkgutil


def layers():
    """Yield the layer modules in alphabetical order."""
    for info in sorted(pkgutil.iter_modules(__path__), key=lambda info: info.name):
        yield importlib.import_module(f"{__name__}.{info.name}")

"""Questions that a teacher made from a forward pass alone.

Each file is one question, NumPy only, and goes to the students as it stands: it holds a forward pass and its inputs.
"""

from . import label_smoothing, layer_norm, multiplied_branches

MODULES = (label_smoothing, layer_norm, multiplied_branches)
QUESTIONS = tuple(module.QUESTION for module in MODULES)

"""Packages that the engine does without until they are asked for: the extras of pyproject.toml."""

from importlib.util import find_spec


def require_extra(option: str, module: str, extra: str) -> None:
    """See that a package of an extra is installed.

    Args:
        option: of the command line, what needs it. module: what is imported of it. extra: its name in pyproject.toml.

    Raises:
        ValueError: it is not; in words for a teacher.
    """
    if find_spec(module) is None:
        raise ValueError(f"{option} needs a package that is not installed:  pip install 'backprop-by-hand[{extra}]'")

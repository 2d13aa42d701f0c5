"""Packages that the engine does without until they are asked for: the extras of pyproject.toml."""

from importlib.util import find_spec


def require_extra(what: str, module: str, extra: str) -> None:
    """See that a package of an extra is installed.

    Args:
        what: the option that needs it, or words for it.
        module: what is imported of it.
        extra: its name in pyproject.toml.

    Raises:
        ValueError: it is not; in words for a teacher.
    """
    if find_spec(module) is None:
        raise ValueError(f"{what} needs a package that is not installed:  pip install 'backprop-by-hand[{extra}]'")

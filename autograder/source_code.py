"""Python source that strangers wrote, as a syntax tree."""

import ast

ATTEMPTS = 5


def parse(source: str) -> ast.Module:
    """`ast.parse`, tried again where CPython 3.11 fails through no fault of the source.

    Its parser counts the depth of the tree for the whole process. Where another thread parses meanwhile, or the garbage
    collector runs Python code, it raises SystemError, "AST constructor recursion depth mismatch": CPython's issue
    106905.

    Raises:
        SyntaxError, ValueError, RecursionError, MemoryError: the source is no Python, or too deep for the parser.
        SystemError: it failed each time.
    """
    for _ in range(ATTEMPTS - 1):
        try:
            return ast.parse(source)
        except SystemError:
            continue
    return ast.parse(source)

"""Signs that an answer is a numerical derivative, or made of one. They are for a person: its points stand.

What a function does is watched while it runs (protocol.Watch), and its source is read; both for every question, a
teacher's own among them. In a formula a decimal such as 0.0005 is a step, which no derivation gives.
"""

import ast
import re

from autograder.source_code import parse as parse_source

MOVED = 3  # places in which copies of one array were moved; an analytic derivative was seen to move one
STEP = 1e-2  # a constant up to this that something is divided by is a step
NUMERIC = {"numerical_gradient", "numerical_jacobian", "approx_fprime", "approx_derivative", "check_grad", "jacfwd"}
NUMERIC |= {"autograd", "jax", "torch", "tensorflow", "mistake_names"}  # automatic derivatives are no derivation either
RECORDING = {"__array_ufunc__", "__array_function__"}
MAX_SOURCE = 100_000  # characters of a cell that are read
DENOMINATORS = (1, 2, 3, 4, 5, 6, 8, 10, 12, 16)


def seen_while_running(counts):
    """What a Watch's counts show of a numerical derivative, as the end of a sentence; "" where they show nothing."""
    if counts.get("off") or counts.get("differs"):
        return "it could not be watched while it ran, or behaves otherwise then"
    if counts.get("complex"):
        return "it computes with complex numbers, as a complex step does"
    moved, total = counts.get("moved", 0), counts.get("of", 0)
    if moved >= MOVED and 2 * moved >= total:
        return f"it works with copies of one array that are moved in one place each, in {moved} of {total} places"
    return ""


def said_by_the_source(sources, function):
    """What the source of a function, and of the functions that it names, says of a numerical derivative; or "".

    Args:
        sources: the code of a notebook's cells, a text each; a cell that cannot be read is left out.
        function: its name.
    """
    nodes = list(_reachable(sources, function))
    for node in nodes:
        names = {getattr(node, "id", ""), getattr(node, "attr", "")} | {
            each.name for each in getattr(node, "names", ())
        }
        if found := names & NUMERIC:
            return f"it calls {min(found)}"
        if isinstance(node, ast.FunctionDef) and node.name in RECORDING:
            return f"its source defines {node.name}, as automatic differentiation does"
        if isinstance(node, ast.Constant) and isinstance(node.value, complex):
            return "its source holds an imaginary number, as of a complex step"
    constants = _constants(nodes)
    for node in nodes:
        if isinstance(node, ast.BinOp | ast.AugAssign) and isinstance(node.op, ast.Div):
            step = _number(node.right if isinstance(node, ast.BinOp) else node.value, constants)
            if step is not None and 0 < abs(step) <= STEP:
                return f"its source divides by the small constant {step:g}, as a difference quotient does"
    return ""


def _reachable(sources, function):
    """The nodes of a function's definition, and of those of the definitions at the top of a cell that it names."""
    defined = {}
    for source in sources:
        try:
            statements = parse_source(re.sub(r"^[%!].*$", "", source[:MAX_SOURCE], flags=re.MULTILINE)).body
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            continue
        defined |= {name: statement for statement in statements for name in _defines(statement)}
    waiting, known = [function], {function}
    while waiting:
        statement = defined.get(waiting.pop())
        for node in ast.walk(statement) if statement else ():
            yield node
            name = node.id if isinstance(node, ast.Name) else None
            if name in defined and name not in known:
                known.add(name)
                waiting.append(name)


def _defines(statement):
    if isinstance(statement, ast.FunctionDef | ast.ClassDef):
        return [statement.name]
    if isinstance(statement, ast.Import | ast.ImportFrom):
        return [each.asname or each.name for each in statement.names]
    if isinstance(statement, ast.Assign):
        return [target.id for target in statement.targets if isinstance(target, ast.Name)]
    return []


def _constants(nodes):
    """{name: number} of the names that are given a constant, or have one as their default."""
    found = {}
    for node in nodes:
        pairs = []
        if isinstance(node, ast.Assign):
            pairs = [(target.id, node.value) for target in node.targets if isinstance(target, ast.Name)]
        elif isinstance(node, ast.arguments):
            positional = [each.arg for each in (*node.posonlyargs, *node.args)]
            pairs = list(zip(positional[::-1], node.defaults[::-1], strict=False))
            pairs += zip([each.arg for each in node.kwonlyargs], node.kw_defaults, strict=True)
        found |= {name: number for name, value in pairs if (number := _number(value, {})) is not None}
    return found


def _number(node, constants):
    """The number that an expression of constants is, or None."""
    if isinstance(node, ast.Constant) and type(node.value) in (int, float):
        return node.value
    if isinstance(node, ast.Name):
        return constants.get(node.id)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult | ast.Pow | ast.Div):
        left, right = _number(node.left, constants), _number(node.right, constants)
        if left is None or right is None:
            return None
        try:
            found = {ast.Mult: float.__mul__, ast.Pow: float.__pow__, ast.Div: float.__truediv__}[type(node.op)]
            value = found(float(left), float(right))
        except (ArithmeticError, ValueError):
            return None
        return value if isinstance(value, float) else None
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        value = _number(node.operand, constants)
        return None if value is None else -value
    return None


ASIDE = re.compile(r"\\(?:tag|label|text|mathrm|operatorname)\*?\s*\{[^{}]*\}|\d*\.?\d+\s*(?:em|ex|pt|cm|mm|mu|px)\b")
NUMBER = re.compile(r"\d+(?:(?:\.|\{[.,]\})\d*)?|\.\d+")
POWER = re.compile(r"(?<![\d.])10\s*\^[\s{]*-?[\s{]*\d+|\d\s*\^[\s{]*-[\s{]*\d+|\d\s*\^[\s{]*\d\d+|\d[eE]-\d+")


def unusual_numbers(latex):
    """The numbers in a formula that no derivation gives, as they were typed: decimals that are no simple ratio, such as
    0.0005, whole numbers of three digits and more, and powers of numbers such as 10^{-4}."""
    text = ASIDE.sub(" ", latex)
    found = [match[0] for match in POWER.finditer(text)]
    found += [match[0] for match in NUMBER.finditer(text) if not _simple(match[0])]
    return list(dict.fromkeys(found))


def _simple(text):
    value = float(re.sub(r"\{[.,]\}", ".", text))
    return value < 100 and any(abs(value * n - round(value * n)) < 1e-12 for n in DENOMINATORS)

"""Small mistakes put into a function's answer, one at a time: a sign, a factor, a term, an axis, a step."""

import ast
import copy
import inspect
import textwrap

OTHER = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.Gt: ast.Lt,
    ast.GtE: ast.Lt,
    ast.NotEq: ast.Eq,
}
AT_THE_EDGE = {ast.Gt: ast.GtE, ast.GtE: ast.Gt}


def mutants(function):
    """(what was changed, the changed function) for every mistake in what stands between the markers, or in all of the
    body where there are none."""
    original = inspect.unwrap(function)
    source = textwrap.dedent(inspect.getsource(original))
    tree = ast.parse(source)
    for index, node in enumerate(ast.walk(tree)):
        if _within_answer(node, source):
            for replacement in _mistakes(node):
                changed = copy.deepcopy(tree)
                target = list(ast.walk(changed))[index]
                statement = next(s for s in ast.walk(changed) if isinstance(s, ast.stmt) and _holds(s, target))
                before = ast.unparse(statement)
                _replace(changed, target, replacement)
                if ast.unparse(statement) != before:
                    yield f"{before}  ->  {ast.unparse(statement)}", _compiled(changed, original)


def _within_answer(node, source):
    lines = source.splitlines()
    if "### BEGIN SOLUTION" in source:
        first = next(i for i, line in enumerate(lines, 1) if "### BEGIN SOLUTION" in line)
    else:
        first = ast.parse(source).body[0].body[0].end_lineno  # the docstring's last line
    return getattr(node, "lineno", 0) > first


def _holds(statement, node):
    return not isinstance(statement, ast.FunctionDef | ast.With) and any(inner is node for inner in ast.walk(statement))


def _replace(tree, target, replacement):
    for parent in ast.walk(tree):
        for field, value in ast.iter_fields(parent):
            if value is target:
                setattr(parent, field, replacement)
            elif isinstance(value, list) and any(item is target for item in value):
                setattr(parent, field, [replacement if item is target else item for item in value])


def _compiled(tree, original):
    namespace = dict(original.__globals__)
    exec(compile(ast.fix_missing_locations(tree), f"<a mutant of {original.__name__}>", "exec"), namespace)
    return namespace[original.__name__]


def _times(factor, node):
    return ast.BinOp(left=ast.Constant(factor), op=ast.Mult(), right=copy.deepcopy(node))


def _mistakes(node):
    """What may stand in a node's place."""
    node = copy.deepcopy(node)
    match node:
        case ast.BinOp(left=left, op=op, right=right):
            if type(op) in OTHER:
                yield ast.BinOp(left=left, op=OTHER[type(op)](), right=right)
            yield left
            yield right
            if isinstance(op, ast.MatMult):
                yield ast.BinOp(left=right, op=op, right=left)
                yield _times(2.0, node)
        case ast.UnaryOp(op=ast.USub(), operand=ast.expr() as operand) if not isinstance(operand, ast.Constant):
            yield operand
        case ast.Compare(ops=[op]):
            for table in (OTHER, AT_THE_EDGE):
                if type(op) in table:
                    yield ast.Compare(left=node.left, ops=[table[type(op)]()], comparators=node.comparators)
        case ast.Constant(value=int(value)) if not isinstance(value, bool):
            yield ast.Constant(value + 1)
        case ast.keyword(arg="axis", value=ast.UnaryOp()):
            yield ast.keyword(arg="axis", value=ast.Constant(0))
        case ast.IfExp(test=test, body=body, orelse=orelse):
            yield ast.IfExp(test=test, body=orelse, orelse=body)
        case ast.Attribute(value=value, attr="T"):
            yield value
        case ast.Attribute(value=value, attr="mean" | "sum"):
            yield ast.Attribute(value=value, attr="sum" if node.attr == "mean" else "mean", ctx=ast.Load())
        case ast.Call(func=ast.Name(id=name), args=[first, *_]) if name != "len" and name != "dict":
            yield first  # the step is left out
            yield ast.Call(func=node.func, args=[_times(-1.0, first), *node.args[1:]], keywords=node.keywords)
            yield _times(2.0, node)
        case ast.Subscript(value=ast.Name(), slice=ast.Constant(value=str()), ctx=ast.Load()):
            yield _times(-1.0, node)

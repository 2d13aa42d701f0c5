"""Join modules of one package or of several into one file that can be imported alone.

The modules are parsed, and their text is kept as it is, comments included. Imports of each other are dropped, all other
imports are merged at the top, and each module comes after those that it imports.
"""

import ast
import builtins
import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

WIDTH = 120
DYNAMIC_IMPORTS = ("__import__", "import_module")


class AssemblyError(RuntimeError):
    """These modules cannot be joined."""


@dataclass(frozen=True)
class Module:
    """A module's full name, its lines and its syntax tree."""

    name: str
    lines: list[str]
    tree: ast.Module


def assemble(paths: Iterable[Path], *, elsewhere: Mapping[str, str] | None = None, docstring: str | None = None) -> str:
    """One module's source, made of several.

    Args:
        paths: the modules' files, in their packages.
        elsewhere: {module of these packages: the name under which it can be imported where the file will be}, for what
            the modules import and is not among them.
        docstring: of the file; None takes that of the first of `paths`.

    Returns:
        The source, whose docstrings of modules are comments but for the first.

    Raises:
        AssemblyError: two modules define one name, or an imported name means two things; modules import each other in
            a circle, or something of these packages that would not be there.
    """
    modules = [_parse(Path(path)) for path in paths]
    elsewhere = elsewhere or {}
    names = {module.name for module in modules}
    docstring = docstring or ast.get_docstring(modules[0].tree, clean=False) or ""
    imports, parts, needs = _Imports(), [], {module.name: set() for module in modules}
    packages = {name.partition(".")[0] for name in (*names, *elsewhere)}
    for module in modules:
        for statement in module.tree.body:
            if isinstance(statement, ast.Import | ast.ImportFrom):
                needs[module.name] |= _add_import(imports, statement, module, modules, elsewhere, packages)
        _check_nested(module, packages)
    _check_names(modules, imports)
    for module in _ordered(modules, needs):
        heading = [_heading(module)] if len(names) > 1 else []
        parts.append("\n".join([*heading, _body(module)]))
    quotes = 'r"""' if "\\" in docstring else '"""'
    head = [f'{quotes}{docstring}"""', imports.source()]
    return "\n\n\n".join(["\n\n".join(filter(None, head)), *parts]) + "\n"


def _parse(path):
    text = path.read_text(encoding="utf8")
    name, folder = [] if path.stem == "__init__" else [path.stem], path.resolve().parent
    while (folder / "__init__.py").is_file():
        name, folder = [folder.name, *name], folder.parent
    return Module(".".join(name), text.splitlines(), ast.parse(text))


# ---------------------------------------------------------------------------------------------------------------------
# Imports


class _Imports:
    """What is imported at the top: {what a name is bound to}, each (module, attribute or None)."""

    def __init__(self):
        self.bound = {}

    def add(self, name, meaning, where):
        if self.bound.setdefault(name, meaning) != meaning:
            raise AssemblyError(f"{where}: {name} is imported as two things, {self.bound[name]} and {meaning}")

    def source(self):
        plain, grouped = [], defaultdict(list)  # lines, names by module
        for name, (module, attribute) in self.bound.items():
            if attribute is None:
                plain.append(f"import {module}" + ("" if name == module.partition(".")[0] else f" as {name}"))
            else:
                grouped[module].append(attribute if name == attribute else f"{attribute} as {name}")
        lines = [*sorted(plain), *(_from_import(module, sorted(names)) for module, names in sorted(grouped.items()))]
        standard = [line for line in lines if line.split()[1].partition(".")[0] in sys.stdlib_module_names]
        others = [line for line in lines if line not in standard]
        return "\n\n".join("\n".join(group) for group in (standard, others) if group)


def _from_import(module, names):
    line = f"from {module} import {', '.join(names)}"
    return line if len(line) <= WIDTH else f"from {module} import (\n" + "".join(f"    {n},\n" for n in names) + ")"


def _add_import(imports, statement, module, modules, elsewhere, packages):
    """Take over a top-level import; returns the modules among `modules` that it needs."""
    where = f"{module.name}, line {statement.lineno}"
    if isinstance(statement, ast.Import):
        for alias in statement.names:
            if alias.name.partition(".")[0] in packages:
                raise AssemblyError(f"{where}: import names of {alias.name} with `from`")
            plain = alias.asname is None
            imports.add(alias.name.partition(".")[0] if plain else alias.asname, (alias.name, None), where)
        return set()
    source, joined = _source(statement, module), {other.name: other for other in modules}
    if source == "__future__":
        raise AssemblyError(f"{where}: an import from __future__ would change the other modules")
    if source in joined:
        defined = _defined_names(joined[source])
        for alias in statement.names:
            if alias.asname or alias.name not in defined:
                raise AssemblyError(f"{where}: {source} defines no {alias.name}, or it is given another name")
        return {source}
    if source.partition(".")[0] in packages:
        if source not in elsewhere:
            raise AssemblyError(f"{where}: {source} will not be there")
        source = elsewhere[source]
    for alias in statement.names:
        imports.add(alias.asname or alias.name, (source, alias.name), where)
    return set()


def _source(statement, module):
    """The full name of what `from … import` imports from."""
    if not statement.level:
        return statement.module
    package = module.name.split(".")[: -statement.level]
    return ".".join([*package, *([statement.module] if statement.module else [])])


def _check_nested(module, packages):
    """Refuse imports of these packages that stand in functions, conditions or code as text, where they fail."""
    top = {id(statement) for statement in module.tree.body}
    for node in ast.walk(module.tree):
        names = []
        if isinstance(node, ast.ImportFrom) and id(node) not in top:
            names = [_source(node, module)]
        elif isinstance(node, ast.Import) and id(node) not in top:
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.Name | ast.Attribute) and _last_name(node) in DYNAMIC_IMPORTS:
            names = sorted(packages)[:1]
        for name in names:
            if name.partition(".")[0] in packages:
                raise AssemblyError(f"{module.name}, line {node.lineno}: an import of {name} that is not at the top")


def _last_name(node):
    return node.id if isinstance(node, ast.Name) else node.attr


# ---------------------------------------------------------------------------------------------------------------------
# Names


def _defined_names(module):
    """{name that the top level defines: its line}, where it is not an import's."""
    names = {}
    for statement in module.tree.body:
        for name in _names_of(statement):
            names.setdefault(name, statement.lineno)
    return names


def _names_of(statement):
    return [] if isinstance(statement, ast.Import | ast.ImportFrom) else list(_bound(statement))


def _bound(node):
    """The names that a statement of the top level binds there."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield node.name
    elif isinstance(node, ast.Import | ast.ImportFrom):
        yield from (alias.asname or alias.name.partition(".")[0] for alias in node.names)
    elif isinstance(node, ast.Name):
        yield from [node.id] if isinstance(node.ctx, ast.Store) else []
    elif not isinstance(node, ast.Lambda | ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp):
        for child in ast.iter_child_nodes(node):
            yield from _bound(child)


def _check_names(modules, imports):
    owner = {}
    for module in modules:
        for name, line in _defined_names(module).items():
            where = f"{module.name}, line {line}"
            if name in imports.bound:
                raise AssemblyError(f"{where}: {name} is imported too, from {imports.bound[name][0]}")
            if name in owner:
                raise AssemblyError(f"{where}: {name} is defined in {owner[name]} too")
            if name in vars(builtins) and len(modules) > 1:
                raise AssemblyError(f"{where}: {name} is a builtin, which the other modules may use")
            owner[name] = where


def _ordered(modules, needs):
    """The modules, each after those that it needs, and otherwise in the order that they came in."""
    by_name = {module.name: module for module in modules}
    try:
        sorter = TopologicalSorter(needs)
        sorter.prepare()
    except CycleError as error:
        raise AssemblyError(f"these modules import each other: {', '.join(error.args[1])}") from error
    ordered, waiting = [], list(by_name)
    while waiting:
        name = next(name for name in waiting if needs[name] <= set(ordered))
        waiting.remove(name)
        ordered.append(name)
    return [by_name[name] for name in ordered]


# ---------------------------------------------------------------------------------------------------------------------
# Text


def _heading(module):
    short = module.name.rpartition(".")[2]
    told = (ast.get_docstring(module.tree) or "").splitlines()
    return "\n".join(["# " + "=" * 117, f"# {short}", *(f"# {line}".rstrip() for line in told), ""])


def _body(module):
    """A module's text without its docstring and imports."""
    lines = [[line] for line in module.lines]
    for number, statement in enumerate(module.tree.body):
        is_docstring = number == 0 and ast.get_docstring(module.tree) is not None
        if is_docstring or isinstance(statement, ast.Import | ast.ImportFrom):
            _cut(lines, statement, module)
    return "\n".join(line for chunk in lines for line in chunk).strip("\n")


def _cut(lines, statement, module):
    first, last = statement.lineno - 1, statement.end_lineno - 1
    before = module.lines[first].encode()[: statement.col_offset].decode().strip()
    after = module.lines[last].encode()[statement.end_col_offset :].decode().strip()
    if before or (after and not after.startswith("#")):
        raise AssemblyError(f"{module.name}, line {statement.lineno}: an import shares its line with something else")
    for number in range(first, last + 1):
        lines[number] = []

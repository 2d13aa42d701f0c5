"""A student's code, read before it is run: what its cells define and use, and what must be left out when graded.

A platform's own modules and magics do not exist when graded. A cell that begins with one would stop there, and the
function below it would be lost. So they are left out *before* a cell runs, with the statements that cannot run without
them. Nothing is ever run twice.
"""

import ast
import builtins
import json
import re
import subprocess
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.machinery import PathFinder

from IPython.core.inputtransformer2 import TransformerManager

from autograder.source_code import parse as parse_source

MAX_WORK = 2_000_000  # characters that IPython's transformer may read: it reads a cell anew for each magic in it
UNREADABLE = (SyntaxError, ValueError, RecursionError, MemoryError)
RUN_PYTHON = {"time", "timeit", "capture", "prun"}  # cell magics whose body is Python
NOT_PYTHON = {  # cell magics whose body is something else, or is not run
    *("writefile", "file", "html", "HTML", "svg", "SVG", "latex", "markdown", "javascript", "js", "bash", "sh"),
    *("script", "system", "sx", "perl", "ruby", "python", "python2", "python3", "pypy"),
}
NEVER_RUN = {  # line magics that would fail in the sandbox, or wait there for a network
    *("matplotlib", "pylab", "load_ext", "reload_ext", "unload_ext", "pip", "conda", "mamba", "micromamba", "uv"),
    *("cd", "run", "load", "loadpy", "system", "sx", "sc", "autoreload", "edit", "notebook"),
}
SUPPRESSING = {"Exception", "BaseException", "ImportError", "ModuleNotFoundError", "NameError"}
DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
DEFERRED = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
FAILS_AT_HOME_TOO = {"SyntaxError", "IndentationError", "TabError"}
EXIT_NAMES = {"exit", "quit"}
ENVIRONMENT_PROGRAM = """
import json, sys, tempfile
from ipykernel.zmqshell import ZMQInteractiveShell
from traitlets.config import Config
with tempfile.TemporaryDirectory() as folder:
    config = Config({"HistoryManager": {"enabled": False}})
    found = ZMQInteractiveShell(config=config, ipython_dir=folder).magics_manager.lsmagic()
names = sorted({*found["line"], *found["cell"]})
print(json.dumps({"path": sys.path, "builtin": sorted(sys.stdlib_module_names), "magics": names}))
"""


@dataclass(frozen=True)
class Environment:
    """What exists where a notebook is graded. path: its sys.path. builtin: the standard library's modules. magics: the
    names of IPython's magics. own: the modules that lie beside the notebook."""

    path: tuple
    builtin: frozenset
    magics: frozenset
    own: frozenset = frozenset()

    def has_module(self, name):
        """Whether a module, by its dotted name, can be found. Nothing is imported."""
        path = list(self.path)
        for depth, _ in enumerate(parts := name.split("."), 1):
            full = ".".join(parts[:depth])
            if depth == 1 and full in self.own:
                return True
            spec = PathFinder.find_spec(full, path)
            if spec is None:
                return depth == 1 and full in self.builtin
            if spec.submodule_search_locations is None:
                return True  # as os.path: no package, and yet it may hold a module
            path = list(spec.submodule_search_locations)
        return True

    def has_magic(self, name, arguments):
        """Whether a line magic exists and can do in the sandbox what it does at home."""
        if name == "matplotlib":
            return arguments.strip() in {"", "inline", "agg"}
        return name in self.magics and name not in NEVER_RUN


@lru_cache
def kernel_environment(python, own=frozenset()):
    """The Environment of a Python interpreter. own: the modules that lie beside the notebook."""
    done = subprocess.run(
        [python, "-I", "-c", ENVIRONMENT_PROGRAM], capture_output=True, text=True, check=True, timeout=60
    )
    answer = json.loads(done.stdout.splitlines()[-1])
    return Environment(tuple(answer["path"]), frozenset(answer["builtin"]), frozenset(answer["magics"]), own)


@lru_cache(maxsize=4096)
def transformed(source: str) -> str:
    """A cell's source as plain Python: IPython's magics as calls of get_ipython()."""
    special = len(re.findall(r"^.*[%!?]|^\s*>>>|^In \[|\A\s", source, re.MULTILINE))
    if not special or len(source) * special > MAX_WORK:
        return source
    try:
        return TransformerManager().transform_cell(source)
    except (SyntaxError, ValueError, IndexError, RecursionError):
        return source


@lru_cache(maxsize=4096)
def parse(source: str) -> ast.Module | None:
    """The syntax tree of a cell's source, or None where it is no Python. A cell magic around it is looked through."""
    if magic := re.match(r"\s*%%(\w+).*\n", source):
        source = "" if magic[1] in NOT_PYTHON else source[magic.end() :]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of a "\\m" in a student's string
            return parse_source(transformed(source))
    except UNREADABLE:
        return None


def same_code(a: str, b: str) -> bool:
    """Whether two sources are the same program: comments and layout aside."""
    if a.strip() == b.strip():
        return True
    return bool(_dumped(a)) and _dumped(a) == _dumped(b)


@lru_cache(maxsize=4096)
def _dumped(source):
    """A cell's syntax tree as text; "" where it is empty or no Python."""
    tree = parse(source)
    return ast.dump(tree) if tree and tree.body else ""


def functions_in(source: str) -> dict[str, ast.FunctionDef]:
    """{name: FunctionDef} of the functions that a cell defines at its top level, the last of each name."""
    tree = parse(source)
    return {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)} if tree else {}


def formulas_named(source: str) -> list[str]:
    """The questions that the calls formula(question, latex) in a source name, in their order."""
    tree = parse(source) if "formula" in source else None
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)] if tree else []
    named = []
    for call in calls:
        given = [*call.args, *(word.value for word in call.keywords)]
        first = next((word.value for word in call.keywords if word.arg == "question"), given[0] if given else None)
        if getattr(call.func, "id", "") == "formula" and len(given) == 2 and isinstance(first, ast.Constant):
            named.append(str(first.value).strip().removesuffix(", written"))
    return named


def is_stub(function: ast.FunctionDef) -> bool:
    """Whether a FunctionDef does nothing: `pass`, `...` or NotImplementedError, below a docstring or not."""
    body = [node for node in function.body if not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))]
    return all(
        isinstance(node, ast.Pass) or (isinstance(node, ast.Raise) and "NotImplementedError" in ast.unparse(node))
        for node in body
    )


def names_bound(node: ast.AST) -> set[str]:
    """The names that a top-level statement binds in the notebook."""
    if isinstance(node, DEFINITIONS):
        return {node.name}
    bound = set()
    for inner in _now(node):
        if isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Store):
            bound.add(inner.id)
        elif isinstance(inner, ast.Import | ast.ImportFrom):
            bound |= {_bound(alias) for alias in inner.names}
        elif isinstance(inner, DEFINITIONS):
            bound.add(inner.name)
    return bound


def names_used(node: ast.AST) -> set[str]:
    """The names that a statement reads anywhere in it, functions' bodies included, but for the builtin ones."""
    used = {n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)}
    return used - _local(node) - vars(builtins).keys()


@lru_cache(maxsize=4096)
def defined(source: str) -> frozenset[str]:
    """The names that a cell's top level binds; none where it is no Python."""
    tree = parse(source)
    return frozenset().union(*map(names_bound, tree.body)) if tree else frozenset()


@lru_cache(maxsize=4096)
def used(source: str) -> frozenset[str]:
    """The names that a cell reads anywhere in it; none where it is no Python."""
    tree = parse(source)
    return frozenset().union(*map(names_used, tree.body)) if tree else frozenset()


def stops_early(source: str) -> bool:
    """Whether an error in a cell may have come before one of its functions was defined."""
    tree = parse(source)
    if tree is None:
        return False
    first = next((i for i, node in enumerate(tree.body) if not isinstance(node, DEFINITIONS) and not _text(node)), None)
    return first is not None and any(isinstance(node, DEFINITIONS) for node in tree.body[first:])


@dataclass
class Prepared:
    """Cells as they are run. sources: of each cell. repairs: what was left out. uncertainties: where that may cost
    points."""

    sources: list
    repairs: list = field(default_factory=list)
    uncertainties: list = field(default_factory=list)


def prepare(cells: Iterable[tuple[str, str | None]], environment: Callable[[], Environment]) -> Prepared:
    """Leave out of a notebook's code what cannot run where it is graded.

    Args:
        cells: (what a person calls the cell, its source) in the order in which they run; source None: not run.
        environment: function() -> Environment, called where something is imported or a magic is used.
    """
    prepared, missing, everything = Prepared([]), {}, "\n".join(source or "" for _, source in cells)
    known = set()
    for label, source in cells:
        cell = _Preparation(label, environment, missing, known, everything)
        try:
            prepared.sources.append(source if source is None else cell.run(source))
        except RecursionError:  # an expression too deep to be looked through: it is run as it stands
            prepared.sources.append(source)
            continue
        if cell.left_out:
            listed = ", ".join(f"`{message}`" for message in cell.left_out[:5]) + (
                " …" if len(cell.left_out) > 5 else ""
            )
            prepared.repairs.append(f"{listed} {_was(cell.left_out)} left out of {label}: {cell.reasons()}")
        prepared.uncertainties += cell.uncertainties
    for (label, _), source in zip(cells, prepared.sources, strict=True):
        for node in parse(source).body if missing and source and parse(source) else ():
            if isinstance(node, DEFINITIONS):
                for name in sorted(names_used(node) & missing.keys()):
                    message = f"{node.name} in {label} uses `{name}`, which was left out: {missing[name]}"
                    prepared.uncertainties.append(message)
    return prepared


class _Preparation:
    """One cell on its way. missing: {name: why it is not there}, and known: the names that are there, both of the cells
    so far; they are changed."""

    def __init__(self, label, environment, missing, known, everything):
        self.label, self.environment, self.everything = label, environment, everything
        self.missing, self.known = missing, known
        self.left_out, self.why, self.uncertainties = [], [], []

    def reasons(self):
        return "; ".join(dict.fromkeys(self.why))

    def run(self, source):
        """The source as it is run."""
        head, body = self._cell_magic(source)
        tree = parse(body) if body is not None else None
        if tree is None:
            return source if head is None or body is None else head + body
        changes = {}
        for index, node in enumerate(tree.body):
            new = self._statement(node)
            if new is not node:
                changes[index] = new
            for name in names_bound(new) if new is not None else ():
                self.known.add(name)
                self.missing.pop(name, None)
        if not changes:
            return source if head is None else head + body
        return (head or "") + _without(transformed(body), tree.body, changes)

    def _cell_magic(self, source):
        """(the line of a cell magic that stays, or None, or "" where one was left out; the Python below, or None)."""
        if not source.lstrip().startswith("%%"):
            return None, source
        line, _, body = source.lstrip().partition("\n")
        name = re.match(r"%%(\w*)", line)[1]
        if name in RUN_PYTHON:
            return f"{line}\n", body
        if self._environment().has_magic(name, "") or name in self._environment().magics:
            return None, None
        if parse(body) is None:
            return None, None
        self._leave(line, f"there is no magic %%{name} when graded")
        return "", body

    def _environment(self):
        return self.environment()

    def _leave(self, code, why):
        self.left_out.append(code if len(code) <= 100 else f"{code[:100]}…")
        self.why.append(why)

    def _statement(self, node):
        """The statement itself, or a changed one, or None where it is left out."""
        if isinstance(node, ast.Import | ast.ImportFrom):
            return self._import(node)
        if (magic := _magic(node)) is not None:
            return self._line_magic(node, *magic)
        if _ends(node):
            return self._drop(node, "a cell does not end the notebook when graded")
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            self._inner_imports(node)
            return self._function(node)
        if isinstance(node, ast.Try) and any(_suppresses(handler) for handler in node.handlers):
            return node
        if gone := sorted(_used_now(node) & self.missing.keys()):
            return self._drop(node, self.missing[gone[0]])
        return node

    def _drop(self, node, why):
        self._leave(ast.unparse(node).splitlines()[0], why)
        self._miss(names_bound(node), why)
        return None

    def _miss(self, names, why):
        self.missing |= {name: why for name in names if name not in self.known}

    def _exists(self, module):
        top = module.split(".")[0]
        if top in {"numpy", "checks"} and module == top:  # what nearly every cell imports
            return True
        written = f"{top}.py" in self.everything or "sys.modules" in self.everything  # a student's own, made on the way
        return written or self._environment().has_module(module)

    def _import(self, node):
        if isinstance(node, ast.ImportFrom):
            if not node.level and self._exists(node.module):
                return node
            gone, module = node.names, node.module or "."
        else:
            gone = [alias for alias in node.names if not self._exists(alias.name)]
            module = gone[0].name if gone else ""
        if not gone:
            return node
        why = f"there is no module {module} when graded"
        present = [alias for alias in node.names if alias not in gone]
        removed = (
            ast.ImportFrom(node.module, gone, node.level) if isinstance(node, ast.ImportFrom) else ast.Import(gone)
        )
        self._leave(ast.unparse(removed), why)
        self._miss(map(_bound, gone), why)
        return ast.Import(present) if present else None

    def _line_magic(self, node, name, arguments):
        if name is not None and self._environment().has_magic(name, arguments):
            return node
        code = f"%{name} {arguments}".strip() if name is not None else f"!{arguments}".strip()
        what = f"%{name} does nothing" if name is not None else "no other program is run"
        self._leave(code, f"{what} when graded")
        self._miss(names_bound(node), f"{what} when graded")
        return None

    def _inner_imports(self, function):
        caught = {
            inner
            for node in ast.walk(function)
            if isinstance(node, ast.Try) and any(map(_suppresses, node.handlers))
            for inner in ast.walk(node)
        }
        for node in ast.walk(function):
            if node in caught or not isinstance(node, ast.Import | ast.ImportFrom):
                continue
            modules = [node.module or "."] if isinstance(node, ast.ImportFrom) else [a.name for a in node.names]
            for module in modules:
                if not self._exists(module):
                    self.uncertainties.append(
                        f"{function.name} in {self.label} imports {module}, and there is no such module when graded"
                    )

    def _function(self, node):
        """Without the decorators and annotations that would stop its definition."""
        gone = [d for d in node.decorator_list if _names(d) & self.missing.keys()]
        arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs, node.args.vararg, node.args.kwarg]
        noted = [a for a in arguments if a and a.annotation and _names(a.annotation) & self.missing.keys()]
        returns = node.returns is not None and _names(node.returns) & self.missing.keys()
        if not (gone or noted or returns):
            return node
        new = parse_source(ast.unparse(node)).body[0]
        new.decorator_list = [d for d in new.decorator_list if not _names(d) & self.missing.keys()]
        for argument in ast.walk(new.args):
            if isinstance(argument, ast.arg) and argument.annotation:
                argument.annotation = None
        if returns:
            new.returns = None
        for decorator in gone:
            code = f"@{ast.unparse(decorator)}"
            self._leave(code, self.missing[min(_names(decorator) & self.missing.keys())])
            self.uncertainties.append(f"{code} was left out above {node.name} in {self.label}")
        if not gone:
            self._leave(f"the annotations of {node.name}", "what they name does not exist when graded")
        return new


def _without(source, body, changes):
    """A source with some of its top-level statements changed or left out; these stay as comments."""
    lines, spans = source.splitlines(), []
    for index, node in enumerate(body):
        first = min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", ()))])
        if spans and first <= spans[-1][1]:
            spans[-1][1] = node.end_lineno
            spans[-1][2].append(index)
        else:
            spans.append([first, node.end_lineno, [index]])
    new, at = [], 0
    for first, last, indices in spans:
        new += lines[at : first - 1]
        at = last
        if not changes.keys() & set(indices):
            new += lines[first - 1 : last]
            continue
        new += [f"# left out: {line}" for line in lines[first - 1 : last]]
        statements = [changes.get(index, body[index]) for index in indices]
        new += [ast.unparse(ast.fix_missing_locations(node)) for node in statements if node is not None]
    return "\n".join(new + lines[at:])


def _was(things):
    return "was" if len(things) == 1 else "were"


def _text(node):
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _bound(alias):
    return alias.asname or alias.name.split(".")[0]


def _names(node):
    return {inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name)}


def _now(node):
    """What of a statement is evaluated when it is run: all but the bodies of functions."""
    yield node
    for child in ast.iter_child_nodes(node):
        if isinstance(child, DEFERRED) and not isinstance(node, ast.Module):
            if not isinstance(child, ast.Lambda):
                yield child
            continue
        yield from _now(child)


def _used_now(node):
    return {n.id for n in _now(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)}


def _local(node):
    """The names that only a statement's own functions know: their arguments and what they bind."""
    local = set()
    for function in ast.walk(node):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            local |= {a.arg for a in ast.walk(function.args) if isinstance(a, ast.arg)}
            local |= {n.id for n in ast.walk(function) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
            for inner in ast.walk(function):
                if isinstance(inner, ast.Import | ast.ImportFrom):
                    local |= {_bound(alias) for alias in inner.names}
                elif isinstance(inner, DEFINITIONS) and inner is not function:
                    local.add(inner.name)
        elif isinstance(function, ast.comprehension):
            local |= {n.id for n in ast.walk(function.target) if isinstance(n, ast.Name)}
    return local


def _magic(node):
    """(name, arguments) of a statement that is a magic, (None, command) of a shell command; else None."""
    value = getattr(node, "value", None) if isinstance(node, ast.Expr | ast.Assign) else None
    if not (isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute)):
        return None
    owner = value.func.value
    if not (isinstance(owner, ast.Call) and isinstance(owner.func, ast.Name) and owner.func.id == "get_ipython"):
        return None
    arguments = [a.value for a in value.args if isinstance(a, ast.Constant) and isinstance(a.value, str)]
    if len(arguments) != len(value.args):
        return None
    if value.func.attr == "run_line_magic" and len(arguments) == 2:
        return arguments[0], arguments[1]
    return (None, arguments[0]) if value.func.attr in ("system", "getoutput") and arguments else None


def _ends(node):
    """Whether a statement would end the kernel or its cell: exit(), quit(), sys.exit(), raise SystemExit, `exit`."""
    if isinstance(node, ast.Raise):
        return node.exc is not None and ast.unparse(node.exc).startswith("SystemExit")
    if not isinstance(node, ast.Expr):
        return False
    called = node.value.func if isinstance(node.value, ast.Call) else node.value
    return ast.unparse(called) in {*EXIT_NAMES, "sys.exit"} and (
        isinstance(node.value, ast.Call) or ast.unparse(called) in EXIT_NAMES
    )


def _suppresses(handler):
    """Whether an except clause takes the error of a missing module or name."""
    return handler.type is None or bool(_names(handler.type) & SUPPRESSING)

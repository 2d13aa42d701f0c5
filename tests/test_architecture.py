"""Who may import whom, in the whole tree: the import statements are read, and compared with one table."""

import ast
from pathlib import Path

import jupytext
import pytest

ROOT = Path(__file__).parents[1]
# For each part of the tree what it may import, beside itself and third-party libraries. Where several rows fit a
# module, the one with the longest name counts. Only tests/ may import tests/.
ALLOWED = {
    "solutions": [],
    "autograder": [],
    "autograder.gradcheck": [],  # students get this very file
    "autograder.formula": ["autograder.gradcheck"],
    "autograder.questions": [
        "autograder.faults",
        "autograder.formula",
        "autograder.gradcheck",
        "autograder.source_code",
    ],
    "autograder.questions.formula_network": ["autograder.formula", "autograder.gradcheck", "autograder.steps"],
    "autograder.mistakes": ["autograder.questions.model", "autograder.steps"],
    # From here on in the order of design: each row may import what stands above it, and not what stands below.
    "autograder.assemble": [],
    "autograder.extras": [],
    "autograder.faults": [],
    "autograder.source_code": [],
    "autograder.steps": [],
    "autograder.versions": [],
    "autograder.sandbox": ["autograder.source_code"],  # it runs cells and functions, and knows no question
    "autograder.assignment": [
        "autograder.assemble",
        "autograder.formula",
        "autograder.mistakes",
        "autograder.questions",
        "autograder.sandbox.temporary_folder",
    ],
    "autograder.course": [
        "autograder.assignment",
        "autograder.extras",
        "autograder.sandbox.kernel_environment",
        "autograder.sandbox.temporary_folder",
        "autograder.versions",
    ],
    "autograder.reports": [
        "autograder.assignment",
        "autograder.course",
        "autograder.faults",
        "autograder.sandbox.sanitize",
    ],
    "autograder.grading": [
        "autograder.assignment",
        "autograder.course",
        "autograder.extras",
        "autograder.faults",
        "autograder.formula",
        "autograder.mistakes",
        "autograder.questions",
        "autograder.reports",
        "autograder.sandbox",
        "autograder.source_code",
        "autograder.versions",
    ],
    "autograder.lms": ["autograder.assignment", "autograder.course", "autograder.grading"],
    "autograder.demo": ["autograder.assignment"],
    "assignments": ["solutions", "autograder"],
    "verification": ["solutions", "autograder", "assignments"],
    "verification.reference_gradients": ["autograder.gradcheck"],
    "verification.problems": ["verification.reference_gradients"],
    "verification.symbolic_arrays": ["verification.reference_gradients"],
    "verification.derivation_steps": [],
    "verification.symbolic_derivations": [
        "verification.derivation_steps",
        "verification.problems",
        "verification.reference_gradients",
        "verification.symbolic_arrays",
    ],
    "book": ["solutions", "autograder", "assignments", "verification"],
    "benchmarks": ["solutions", "autograder", "assignments", "verification"],
    "tests": ["solutions", "autograder", "assignments", "verification", "book", "benchmarks"],
}
# What these must not reach through others either, or they would be no independent evidence.
INDEPENDENT = ["verification.reference_gradients", "verification.derivation_steps", "verification.symbolic_derivations"]
WHAT_THEY_JUDGE = ["solutions", "autograder.questions", "autograder.mistakes", "assignments"]


def sources(root):
    """{module: (its code, its package)} of every module in ALLOWED's folders, and of each page's code cells."""
    found = {}
    for top in sorted({name.split(".")[0] for name in ALLOWED}):
        for path in sorted((root / top).rglob("*.py")):
            parts = path.relative_to(root).with_suffix("").parts
            module = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
            found[module] = path.read_text(encoding="utf8"), ".".join(parts[:-1])
    for path in sorted((root / "book").rglob("*.md")):
        cells = [cell.source for cell in jupytext.read(path).cells if cell.cell_type == "code"]
        module = ".".join(path.relative_to(root).with_suffix("").parts) + " (page)"
        found[module] = "\n".join(cells), ""
    return found


def imported(code, package, modules):
    """The full names of the modules of ours that code imports, inside functions too, as a set."""
    names = set()
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            parents = package.split(".")[: len(package.split(".")) + 1 - node.level] if node.level else []
            base = ".".join([*parents, *([node.module] if node.module else [])])
            inside = {f"{base}.{alias.name}" for alias in node.names}
            names |= {name if name in modules else base for name in inside}
        elif isinstance(node, ast.Call) and _called(node) in ("import_module", "__import__") and node.args:
            names.add(str(getattr(node.args[0], "value", "")))
    tops = {name.split(".")[0] for name in ALLOWED}
    return {name for name in names if name.split(".")[0] in tops}


def _called(call):
    return getattr(call.func, "attr", getattr(call.func, "id", ""))


def arrows(root):
    """{module: the set of the modules of ours that it imports} of a tree."""
    found = sources(root)
    return {module: imported(code, package, found) for module, (code, package) in found.items()}


def within(module, part):
    return f"{module}.".startswith(f"{part}.")


def row_of(module):
    """The row of ALLOWED that counts for a module."""
    return max((part for part in ALLOWED if within(module.removesuffix(" (page)"), part)), key=len)


def against_the_table(found):
    """[(module, what it imports)] of the arrows that the table does not allow."""
    return [
        (module, name)
        for module, names in found.items()
        for name in sorted(names)
        if not any(within(name, part) for part in [row_of(module), *ALLOWED[row_of(module)]])
    ]


def reached(module, found):
    """The modules that a module imports, directly or through others, as a set. With a module comes its package."""
    seen, waiting = set(), [module]
    while waiting:
        names = found.get(waiting.pop(), set())
        new = names | {name.rpartition(".")[0] for name in names if "." in name}
        waiting += new - seen
        seen |= new
    return seen


@pytest.fixture(scope="module")
def tree():
    return arrows(ROOT)


def test_every_import_is_in_the_table(tree):
    assert against_the_table(tree) == []


@pytest.mark.parametrize("part", ALLOWED)
def test_every_row_is_of_a_part_that_exists(tree, part):
    assert any(within(module, part) for module in tree)
    assert all(any(within(module, name) for module in tree) for name in ALLOWED[part])


@pytest.mark.parametrize("module", INDEPENDENT)
def test_what_is_independent_does_not_reach_what_it_judges(tree, module):
    assert [name for name in reached(module, tree) if any(within(name, part) for part in WHAT_THEY_JUDGE)] == []


PAGE = """\
---
jupytext: {text_representation: {extension: .md, format_name: myst}}
kernelspec: {name: python3, display_name: Python 3}
---

```{code-cell} ipython3
:tags: [hide-input]
from tests.book import test_make
```
"""


@pytest.mark.parametrize(
    ("file", "code", "name"),
    [
        ("book/_ext/one.py", "import tests.answers", "tests.answers"),
        ("book/_ext/one.py", "def f():\n    from tests import answers", "tests"),
        ("book/one.md", PAGE, "tests.book"),
        ("benchmarks/one.py", "import importlib\nimportlib.import_module('tests.answers')", "tests.answers"),
        ("solutions/one.py", "from autograder.gradcheck import check_gradient", "autograder.gradcheck"),
        ("autograder/deep/one.py", "from ...book import _lib", "book"),
        ("autograder/one.py", "def f():\n    import solutions", "solutions"),
        ("autograder/one.py", "from assignments.hw1 import questions", "assignments.hw1"),
        ("autograder/formula/one.py", "from ..questions import public", "autograder.questions"),
        ("autograder/gradcheck.py", "from . import deep", "autograder"),
        ("autograder/sandbox/one.py", "from autograder.faults import LOG", "autograder.faults"),
        ("autograder/sandbox/one.py", "from autograder.assignment import model", "autograder.assignment"),
        ("autograder/course/one.py", "from autograder.reports import feedback", "autograder.reports"),
        (
            "autograder/reports/one.py",
            "from autograder.grading.gradebook import grades",
            "autograder.grading.gradebook",
        ),
        ("autograder/grading/one.py", "def f():\n    from autograder.lms import collect", "autograder.lms"),
        ("autograder/lms/one.py", "from .. import cli", "autograder"),
        ("autograder/demo.py", "from .grading import batch", "autograder.grading"),
        ("verification/reference_gradients.py", "from autograder.questions import public", "autograder.questions"),
        ("verification/derivation_steps.py", "import solutions.relu as relu", "solutions.relu"),
    ],
)
def test_an_import_against_the_table_is_found(tmp_path, file, code, name):
    path = tmp_path / file
    path.parent.mkdir(parents=True)
    path.write_text(code)
    ((_, told),) = against_the_table(arrows(tmp_path))
    assert told == name


def test_what_is_reached_through_others_is_found():
    found = {"a": {"b.one"}, "b": {"c", "a"}, "c": {"solutions.relu"}}
    assert "solutions.relu" in reached("a", found), "through the package of b.one"
    assert reached("solutions.relu", found) == set()

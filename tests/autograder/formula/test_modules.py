"""The modules of `formula`: each imports only those before it, none knows an assignment, joined they are one file."""

import ast
import json
import pickle
import re
import subprocess
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from assignments.hw1.formula_verdicts import stored_draws
from assignments.hw1.targets import TARGETS
from autograder import formula
from autograder.formula import tree
from autograder.formula.notation import Notation, Symbol, Target
from autograder.formula.verdict import compare
from autograder.sandbox.bubblewrap import KERNEL
from tests.answers import found_in, solution_lines
from tests.autograder.formula.test_formula import RIGHT, WRONG
from tests.hw1 import formulas_source

FOLDER = Path(formula.__file__).parent
ORDER = re.findall(r"^    (\w+) {2,}\w", formula.__doc__.split("NumPy:")[1], re.M)  # as the package says itself
OUTSIDE = {"numpy", "re", "collections", "dataclasses", "functools", "itertools", "typing", "unicodedata"}


def imports(source):
    """[(level, module)] of all imports of a file."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from ((0, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.level, node.module


def upward(name, source, order):
    """The imports of a module that go up, or out of the package to something that is not allowed."""
    before = set(order[: order.index(name)])
    return [
        module
        for level, module in imports(source)
        if (level == 0 and module.split(".")[0] not in OUTSIDE) or (level and (level > 1 or module not in before))
    ]


def test_the_package_names_all_its_modules_in_order():
    assert sorted(ORDER) == sorted(path.stem for path in FOLDER.glob("*.py") if path.stem != "__init__")
    assert list(imports((FOLDER / "__init__.py").read_text())) == []


@pytest.mark.parametrize("name", ORDER)
def test_a_module_imports_only_those_before_it_and_nothing_else_of_the_autograder(name):
    assert upward(name, (FOLDER / f"{name}.py").read_text(), ORDER) == []


@pytest.mark.parametrize(
    "line", ["from .verdict import compare", "from autograder.diagnosis import STEPS", "from .. import gradcheck"]
)
def test_an_import_that_goes_up_would_be_seen(line):
    assert upward("shapes", f"{line}\n" + (FOLDER / "shapes.py").read_text(), ORDER) != []


def test_no_module_knows_a_question():
    """No name of a quantity, a key of a draw or an id of hw1 stands in the package, outside its examples."""
    quantities = {symbol.key for target in TARGETS.values() for symbol in target.symbols.values() if symbol}
    quantities |= {target.question for target in TARGETS.values()} | {target.part for target in TARGETS.values()}
    quantities -= {"x", "r", "p", "d", "c", "s", "gamma", "beta"}  # letters of any assignment
    for name in ORDER:
        module = ast.parse((FOLDER / f"{name}.py").read_text())
        documented = (
            node for node in ast.walk(module) if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
        )
        docstrings = {id(node.body[0].value) for node in documented if ast.get_docstring(node)}
        strings = {
            node.value
            for node in ast.walk(module)
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings
        }
        assert not strings & quantities, name
        assert not [text for text in strings if re.search(r"theta_|hw1|_\{?[12][abAB]\b", text)], name


def test_another_network_is_read_with_a_table_of_its_own():
    """A layer y = W x with other letters and sizes: nothing of hw1 is needed."""
    notation = Notation(
        sizes={"B": "B", "d_in": "p", "d_out": "q"},
        size_names={"B": "B", "p": "d_in", "q": "d_out"},
        samples="B",
        features="q",
        labels={"d": ("in", "out")},
    )
    symbols = {"u": Symbol("u", "Bp"), "v": Symbol("v", "Bq"), "W": Symbol("W", "qp"), "∂v": Symbol("dv", "Bq")}
    target = Target("1", "dW", "1 ∂W", "∂W", "qp", "W", symbols, notation)
    rng = np.random.default_rng(0)
    draw = {"u": rng.normal(size=(5, 3)), "dv": rng.normal(size=(5, 4)), "B": 5, "d_in": 3, "d_out": 4}
    draw["dW"] = draw["dv"].T @ draw["u"]
    right = compare(r"\sum_{i=1}^B \frac{\partial L}{\partial v_i} u_i^T", target, [draw])
    assert (right.verdict, right.shapes) == ("right", (("", "a matrix d_out × d_in"),))
    wrong = compare(r"\frac1B \sum_i \frac{\partial L}{\partial v_i} u_i^T", target, [draw])
    assert wrong.verdict == "wrong" and wrong.error == pytest.approx(0.8)
    ended = compare(r"\sum_{i=1}^m u_i", target, [draw])
    assert "a sum's end is B, d_in or d_out, not `m`" in ended.words[0]


def test_a_chain_of_definitions_that_is_too_long_is_not_read():
    names = [f"w_{{{a}{b}}}" for a in "abcdefghmnopsuv" for b in "abcdefghmnopsuv"]
    lines = [f"{name}=(({before}))" for before, name in pairwise(names)]
    latex = "\n".join([f"{names[0]}=s_i", *lines, names[-1]])
    verdict = compare(latex, TARGETS["2-1 s"], stored_draws([0])["network"])
    assert verdict.verdict == "not read" and verdict.words


def test_nodes_are_equal_wherever_they_stand_and_do_not_change():
    name = tree.Name("x", ("i",), at=(3, 6))
    assert name == tree.Name("x", ("i",)) and name != tree.Name("x")
    with pytest.raises(AttributeError):
        name.symbol = "y"
    both = tree.Sum((name, tree.Number("1")))
    assert tree.with_children(both, lambda child: child) is both
    changed = tree.with_children(both, lambda child: replace(child, at=(0, 0)) if child is name else child)
    assert changed.terms[0].at == (0, 0) and changed == both
    assert len(list(tree.nodes(tree.Formula((tree.Statement((both,)),))))) == 5


# Joined

ALONE = """
import json, pickle, sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {"autograder", "solutions", "gradcheck", "checks", "scipy"}:
            raise ImportError(f"{name} is blocked")

sys.meta_path.insert(0, Blocked())
sys.path.insert(0, ".")
import formulas
draws, writings = pickle.load(open("draws.pickle", "rb"))
for name, latex in writings:
    target = formulas.TARGETS[name]
    verdict = formulas.compare(latex, target, draws[target.family])
    print(json.dumps([getattr(verdict, name) for name in verdict.__dataclass_fields__]))
print(json.dumps(sorted({name.split(".")[0] for name in sys.modules} - set(sys.stdlib_module_names))))
"""


@pytest.fixture(scope="module")
def joined(tmp_path_factory):
    folder = tmp_path_factory.mktemp("joined")
    (folder / "formulas.py").write_text(formulas_source(), encoding="utf8")
    return folder


@pytest.mark.skipif(not KERNEL.exists(), reason="make .venv-kernel/.ready")
def test_formulas_py_alone_gives_the_verdicts_of_the_package_and_needs_numpy_alone(joined):
    draws = stored_draws([0, 1])
    writings = [(name, latex) for name, _, latex in RIGHT + WRONG]
    (joined / "draws.pickle").write_bytes(pickle.dumps((draws, writings)))
    command = [KERNEL / "bin/python", "-I", "-W", "error", "-c", ALONE]
    ran = subprocess.run(command, cwd=joined, capture_output=True, text=True, timeout=300)
    assert ran.returncode == 0, ran.stderr
    *rows, loaded = map(json.loads, ran.stdout.splitlines())
    assert {"formulas", "numpy"} <= set(loaded)
    assert not set(loaded) & {"autograder", "solutions", "gradcheck", "nbformat", "IPython"}
    assert len(rows) == len(writings)
    for (name, latex), row in zip(writings, rows, strict=True):
        verdict = compare(latex, TARGETS[name], draws[TARGETS[name].family])
        here = [getattr(verdict, field) for field in verdict.__dataclass_fields__]
        assert row == json.loads(json.dumps(here)), latex


def test_formulas_py_imports_numpy_and_the_standard_library(joined):
    assert {module.split(".")[0] for _, module in imports((joined / "formulas.py").read_text())} == OUTSIDE


def test_formulas_py_holds_no_answer(joined):
    assert found_in(joined, solution_lines()) == []
    text = re.sub(r"\s+", "", (joined / "formulas.py").read_text())
    long = {re.sub(r"\s+", "", latex) for _, _, latex in RIGHT if len(latex) > 25}
    assert len(long) > 100 and not [latex for latex in long if latex in text]


def test_formulas_py_holds_every_module_whole(joined):
    """Each function and class of the modules is there, line by line."""
    text = (joined / "formulas.py").read_text()
    for name in ORDER:
        source = (FOLDER / f"{name}.py").read_text()
        for node in ast.parse(source).body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                assert ast.get_source_segment(source, node) in text, (name, node.name)

"""Modules joined to one file: what is kept, in which order, and what is refused."""

import ast

import pytest

from autograder.assemble import AssemblyError, assemble
from autograder.assignment.release import released_as
from tests.hw1 import ASSIGNMENT, checks_source

LOW = '''"""Low. Not the first."""

import re
from functools import partial  # a remark

# about WIDTH
WIDTH = 3


def low(text):
    """Keep "from .high import high" in a docstring."""
    return re.sub("a", "b", text)
'''
HIGH = r'''"""High."""

import numpy as np
from functools import (
    lru_cache,
    partial,
)

from .low import WIDTH, low
from package.far import far

TABLE = {}


def high():
    from json import dumps

    return dumps(low("a" * WIDTH)), far, np, lru_cache, partial
'''


@pytest.fixture
def package(tmp_path):
    folder = tmp_path / "package"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    (folder / "low.py").write_text(LOW)
    (folder / "high.py").write_text(HIGH)
    return folder


def join(package, *names, **how):
    return assemble([package / f"{name}.py" for name in names], **({"elsewhere": {"package.far": "near"}} | how))


def test_modules_are_joined_in_the_order_of_their_imports(package):
    source = join(package, "high", "low")
    assert source == join(package, "high", "low"), "it is the same each time"
    module = ast.parse(source)
    assert ast.get_docstring(module) == "High."
    head = [ast.unparse(node) for node in module.body[1:5]]
    assert head == [
        "import re",
        "from functools import lru_cache, partial",
        "import numpy as np",
        "from near import far",
    ]
    assert [node.name for node in module.body if isinstance(node, ast.FunctionDef)] == ["low", "high"]
    assert "# about WIDTH\nWIDTH = 3\n" in source and "# Low. Not the first." in source
    assert 'Keep "from .high import high" in a docstring.' in source
    assert source.count("import") == 4 + 1 + 1  # those at the top, that in high(), that in a docstring


@pytest.mark.parametrize(
    "line, message",
    [
        ("def low():\n    pass", "low, line 10: low is defined in package.high, line 20 too"),
        ("low = 3", "low, line 10: low is defined in package.high, line 20 too"),
        ("if TABLE:\n    def low(): ...", "low, line 10: low is defined in package.high, line 20 too"),
        ("re = 3", "re is imported too, from re"),
        ("import numpy as re", "re is imported as two things"),
        ("def sum(x):\n    return x", "sum is a builtin"),
        ("from .low import missing", "package.low defines no missing"),
        ("from .low import low as other", "or it is given another name"),
        ("from .other import x", "package.other will not be there"),
        ("from package import low", "package will not be there"),
        ("import package.low", "import names of package.low with `from`"),
        ("def f():\n    from .low import low", "an import of package.low that is not at the top"),
        ("if TABLE:\n    import package.low", "an import of package.low that is not at the top"),
        ("try:\n    from .low import low\nexcept ImportError: pass", "not at the top"),
        ("import importlib\nx = importlib.import_module('package.low')", "not at the top"),
        ("from __future__ import annotations", "would change the other modules"),
        ("import re; x = 1", "shares its line"),
    ],
)
def test_what_would_not_work_is_refused(package, line, message):
    (package / "high.py").write_text(HIGH + "\n" + line + "\n" if "__future__" not in line else line)
    with pytest.raises(AssemblyError, match=message):
        join(package, "high", "low")


def test_modules_that_import_each_other_are_refused(package):
    (package / "low.py").write_text("from .high import high\n" + LOW.split('"""', 2)[2])
    with pytest.raises(AssemblyError, match="import each other"):
        join(package, "high", "low")


def test_local_names_are_nobody_elses(package):
    local = "x = [low for low in 'ab']\n\n\ndef other(low):\n    re = low\n    return re\n\n\nclass C:\n    low = 1\n"
    (package / "high.py").write_text(HIGH + local)
    assert local in join(package, "high", "low")


def test_checks_py_imports_what_students_have():
    module = ast.parse(checks_source({}))
    modules = {node.module for node in ast.walk(module) if isinstance(node, ast.ImportFrom)}
    assert {"formulas", "gradcheck"} <= modules and not any(name.startswith("autograder") for name in modules)
    assert set(released_as(ASSIGNMENT).values()) == {"formulas", "gradcheck", "checks"}


def test_a_teachers_own_question_imports_ask_from_checks():
    source = assemble([ASSIGNMENT.own["layer norm"]], elsewhere=released_as(ASSIGNMENT))
    assert "\nfrom checks import ask\n" in source and "autograder" not in source

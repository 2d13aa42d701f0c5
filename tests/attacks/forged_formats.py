"""Attacks by the form of what is handed in: cells, metadata, files and names. No kernel need run for most of them."""

import gzip
import json
import os
from copy import deepcopy

import nbformat

from tests.attacks.attack import PROBLEM_1, PROBLEM_2, Attack


def at(name, change):
    """An edit that makes change(notebook, cell) of one cell."""

    def edit(notebooks):
        for notebook in notebooks.values():
            for cell in list(notebook.cells):
                if cell.metadata.get("nbgrader", {}).get("grade_id") == name:
                    change(notebook, cell)

    return edit


def edited(notebook, cell):
    cell.source, cell.metadata.nbgrader.locked = "4.0", False


def deleted(notebook, cell):
    notebook.cells.remove(cell)


def doubled(notebook, cell):
    for source in ("16.0", "1e9"):
        copy = deepcopy(cell)
        copy.source, copy.id, copy.metadata.nbgrader.points = source, f"copy-{source[0]}", 400
        notebook.cells.append(copy)


def moved(notebook, cell):
    notebook.cells.remove(cell)
    notebook.cells.insert(0, cell)


def renamed_cell(name):
    def change(notebook, cell):
        cell.metadata.nbgrader.grade_id = name

    return change


def to_text(notebook, cell):
    cell.cell_type = "markdown"
    del cell["outputs"], cell["execution_count"]


def to_code(notebook, cell):
    cell.cell_type, cell.source, cell.outputs, cell.execution_count = "code", "5.0", [], None
    cell.metadata.nbgrader.solution = False


def more_points(notebook, cell):
    cell.source, cell.metadata.nbgrader.points = "400.0", 400


def negative_points(notebook, cell):
    cell.source, cell.metadata.nbgrader.points = "-4.0", -4


def forged_outputs(notebook, cell):
    cell.outputs = [nbformat.v4.new_output("execute_result", {"text/plain": "8.0", "text/html": "<b>8 of 8</b>"})]
    cell.metadata.nbgrader.update(score=100, auto_score=100, manual_score=100)


def forge_cells(notebooks):
    for name in ("check-9-9", "check-1-4", "check-2-1"):
        cell = nbformat.v4.new_code_cell("1000.0")
        cell.metadata.nbgrader = {"grade": True, "grade_id": name, "locked": True, "points": 1000, "schema_version": 3}
        cell.metadata.nbgrader.update(solution=False, task=False)
        notebooks["problem1"].cells.append(cell)


def strange_metadata(notebooks):
    for cell in notebooks["problem1"].cells:
        cell.metadata.update(tags=["raises-exception", "skip-execution"], collapsed=True, deletable=True)
        name = cell.metadata.get("nbgrader", {}).get("grade_id", "new")
        cell.metadata.nbgrader = {"grade_id": name, "schema_version": 99}
    notebooks["problem1"].metadata.update(nbgrader={"points": 99}, celltoolbar="Create Assignment", widgets={"x": 1})


def another_kernel(notebooks):
    for notebook in notebooks.values():
        kernel = {"name": "../../bin/bash", "display_name": "x", "language": "bash", "argv": ["touch", "@MARK@"]}
        notebook.metadata.kernelspec, notebook.metadata.language_info = kernel, {"name": "bash"}


ONE, TWO = {"student": "cells"}, {"student": "more cells"}
CELLS = [
    Attack(
        "edited check",
        "A check is changed to all points, and unlocked.",
        edit=at("check-1-1", edited),
        deserves={"1-1": 0},
        **ONE,
    ),
    Attack(
        "deleted check",
        "Without a check nothing can be found wrong.",
        edit=at("check-1-2", deleted),
        deserves={"1-2": 0},
        **ONE,
    ),
    Attack(
        "more points", "A check is worth 400 points.", edit=at("check-1-3", more_points), deserves={"1-3": 0}, **ONE
    ),
    Attack(
        "doubled check",
        "A check stands there three times, twice with a verdict of its own.",
        edit=at("check-2-1", doubled),
        deserves={"2-1": 0},
        **ONE,
    ),
    Attack(
        "forged outputs",
        "The outputs and the scores are already there.",
        edit=at("check-2-2-head", forged_outputs),
        deserves={"2-2 head": 0, "2-2": 0},
        **ONE,
    ),
    Attack(
        "exchanged names",
        "A check bears another check's name.",
        edit=at("check-2-2-branch-b", renamed_cell("check-2-2-branch-a")),
        deserves={"2-2 branch b": 0, "2-2": 0},
        **ONE,
    ),
    Attack(
        "negative points",
        "What is wrong costs minus four points, and that is a gain.",
        edit=at("check-2-2-branch-a", negative_points),
        deserves={"2-2 branch a": 0, "2-2": 0},
        **ONE,
    ),
    Attack("moved check", "A check comes before the answer.", edit=at("check-1-1", moved), deserves={"1-1": 0}, **TWO),
    Attack("retyped check", "A check becomes text.", edit=at("check-1-2", to_text), deserves={"1-2": 0}, **TWO),
    Attack(
        "retyped derivation",
        "A derivation, which a person reads, becomes code that gives points.",
        edit=at("derive-1-3", to_code),
        deserves={},
        **TWO,
    ),
    Attack(
        "forged cells", "New check cells, worth a thousand points each.", edit=forge_cells, deserves={"1-3": 0}, **TWO
    ),
    Attack("strange metadata", "Cells ask to be skipped, in a scheme that is yet to come.", edit=strange_metadata),
    Attack(
        "another kernel",
        "The notebook names a kernel of its own, with a command line.",
        edit=another_kernel,
        deserves={},
        student="more cells",
    ),
]


def holds(name, what, content, says, *, notebook="problem1", **more):
    """An attack whose notebook holds these bytes, or what content(the notebook that was written) makes of it."""

    def files(folder, places):
        path = folder / f"{notebook}.ipynb"
        path.write_bytes(content(path.read_bytes()) if callable(content) else content)

    aims = PROBLEM_1 if notebook == "problem1" else PROBLEM_2
    more["deserves"] = more.get("deserves", dict.fromkeys(aims, 0))
    return Attack(name, what, files=files, says=says and f"{says}", notebook=notebook, **more)


def with_cell(**cell):
    """Bytes of a notebook to which a cell was added: {"cell_type": "code", ...}."""
    return lambda data: json.dumps(
        _added(json.loads(data), {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": None} | cell)
    ).encode()


def _added(notebook, cell):
    notebook["cells"].insert(0, cell)
    return notebook


def deep(data):
    notebook = json.loads(data)
    inner = {}
    notebook["metadata"]["deep"] = notebook["cells"][0]["metadata"]["deep"] = inner
    for _ in range(400):
        inner["a"] = inner = {}
    return json.dumps(notebook).encode()


def many_cells(data):
    notebook = json.loads(data)
    notebook["cells"] += [
        {"cell_type": "code", "metadata": {}, "source": "1", "outputs": [], "execution_count": None}
    ] * 20_000
    return json.dumps(notebook).encode()


def second(student):
    """Arguments of an attack by the second notebook of a submission whose first attacks too."""
    return {"notebook": "problem2", "student": student}


CONTENTS = [
    holds("an empty file", "Nothing at all.", b"", "problem1.ipynb is not valid JSON"),
    holds("a huge file", "Sixty-five megabytes.", b" " * (65 * 2**20), "too large"),
    holds(
        "a deep file",
        "A hundred thousand brackets.",
        b"[" * 100_000,
        "2.ipynb is not a notebook",
        **second("a huge file"),
    ),
    holds("a file of other bytes", "No UTF-8.", bytes(range(256)) * 40, "not a notebook|not valid JSON"),
    holds(
        "a file of zeros", "A sparse file of zeros.", b"\0" * 9999, "not valid JSON", **second("a file of other bytes")
    ),
    holds("no notebook", "JSON, and no notebook.", b'{"cells": {"cell_type": "code"}, "n": 1e999}', "no list of cells"),
    holds(
        "a zip bomb",
        "A notebook that is compressed.",
        gzip.compress(bytes(2**24)),
        "2.ipynb is not",
        **second("no notebook"),
    ),
    holds(
        "an old notebook",
        "Format 3, whose cells stand in worksheets.",
        b'{"worksheets": [{"cells": []}], "nbformat": 3}',
        "no list of cells",
    ),
    holds(
        "a number without end",
        "An integer of a million digits.",
        lambda data: data.replace(b"{", b'{"n": ' + b"9" * 10**6 + b",", 1),
        "problem2.ipynb",
        **second("an old notebook"),
    ),
    holds(
        "half a character",
        "Half a surrogate pair, which no encoding can write.",
        with_cell(source="x = '\ud800'"),
        "",
        deserves={},
    ),
    holds("deep metadata", "Metadata four hundred dicts deep.", deep, "", deserves={}, **second("half a character")),
    holds(
        "zeros in the text",
        "NUL bytes and escape sequences in a cell.",
        with_cell(source="x = '\0\x1b[31m\x1b]0;owned\x07'"),
        "",
        deserves={},
    ),
    holds(
        "a cell of no form",
        "A cell whose source is numbers, whose metadata are a list.",
        with_cell(source=[1, None, {"a": 2}], metadata=[], outputs="lies", id=["x"], cell_type={"a": 1}),
        "",
        deserves={},
        **second("zeros in the text"),
    ),
    holds("twenty thousand cells", "Each runs quickly, and all of them take minutes.", many_cells, "cells|took more"),
]


def link(target):
    def files(folder, places):
        for word, place in places.items():
            nonlocal target
            target = target.replace(word, str(place))
        (folder / "problem1.ipynb").unlink()
        os.symlink(target, folder / "problem1.ipynb")

    return files


def pipe(folder, places):
    (folder / "problem1.ipynb").unlink()
    os.mkfifo(folder / "problem1.ipynb")


def is_a_folder(folder, places):
    (folder / "problem1.ipynb").unlink()
    (folder / "problem1.ipynb").mkdir()


def renamed(*names):
    def files(folder, places):
        for name in names[1:]:
            (folder / name).write_bytes((folder / names[0]).read_bytes())
        (folder / names[0]).unlink()

    return files


def own_files(folder, places):
    for name in (
        "checks.py",
        "gradcheck.py",
        "numpy.py",
        "sitecustomize.py",
        "ipython_config.py",
        "nbgrader_config.py",
        "jupyter_config.py",
    ):
        (folder / name).write_text(
            "import builtins, os\nbuiltins.poisoned = True\nopen('@MARK@', 'w').close()".replace(
                "@MARK@", str(places["@MARK@"])
            )
        )


def both(first, then):
    """One after the other, for problem1 and problem2."""
    return lambda folder, places: (first(folder, places), then(folder, places))


FILES = [
    Attack(
        "a link to the neighbour",
        "The notebook is a link to somebody else's.",
        files=link("@SUBMITTED@/honest/hw1/problem1.ipynb"),
        says="link that leaves",
    ),
    Attack(
        "a link to the gradebook",
        "The notebook is a link to the gradebook.",
        files=link("@COURSE@/gradebook.db"),
        says="link that leaves",
    ),
    Attack(
        "a link to itself",
        "The notebook is a link to itself.",
        files=link("problem1.ipynb"),
        says="missing|cannot be read",
    ),
    Attack(
        "a link to a device",
        "The notebook is a link to zeros without end.",
        files=link("/dev/zero"),
        says="missing|link",
    ),
    Attack("a pipe", "The notebook is a pipe: whoever reads it waits for ever.", files=pipe, says="missing"),
    Attack("a folder", "The notebook is a folder.", files=is_a_folder, says="missing"),
    Attack(
        "a wrong name",
        "The notebook has another name: it is found all the same.",
        files=renamed("problem1.ipynb", "Problem1 (1).ipynb", "problem1.ipynb.txt"),
        deserves={},
    ),
    Attack(
        "files of its own",
        "Modules and configurations lie beside the notebooks, under names that are imported.",
        files=own_files,
        deserves={},
    ),
]
NAMES = [
    "[!a]*?$(touch mark)`touch mark`",
    "=cmd|' C'!A0'; DROP TABLE grade; --",
    "<script>alert(1)<|script>%s{0}%00",
    "-rf x..two\nlines\x1b[2J",
    "über\u202egnp\\~",
    "a" * 240,
]
NAMED = [
    Attack(
        f"name {n}",
        "A folder's name that is a pattern, a command, a formula, a page, or too long.",
        student=name,
        deserves={},
    )
    for n, name in enumerate(NAMES)
]

ATTACKS = CELLS + CONTENTS + FILES + NAMED

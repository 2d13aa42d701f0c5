"""What tools and hands do to a right submission, each with the outcome that its grading must have.

A submission is a dict {file name: bytes}. An operation takes one and a random.Random, and returns the changed one.
FULL: every automatic point, and every derivation waits to be read. FLAGGED: "needs attention", with the reason.
"""

import base64
import contextlib
import html
import io
import json
import struct
import zipfile
import zlib
from dataclasses import dataclass

import nbformat

FULL, FLAGGED = "full", "flagged"
NAMES = ("problem1.ipynb", "problem2.ipynb")


@dataclass(frozen=True)
class Operation:
    """run: function(files, rng) -> files. outcome: FULL or FLAGGED. phase: of a tool, what it can still be used on:
    0 JSON, 1, 2 text, 3 names, 4 files.
    """

    name: str
    run: object
    outcome: str
    phase: int = 0


TOOLS, HANDS = [], []


def tool(outcome, phase=0):
    """Register what a tool does: it changes metadata, ids, format, encoding, line ends, outputs or names of files."""
    return lambda run: TOOLS.append(Operation(run.__name__, run, outcome, phase=phase)) or run


def hand(outcome, phase=0):
    """Register what a person does to cells."""
    return lambda run: HANDS.append(Operation(run.__name__, run, outcome, phase)) or run


def each(change):
    """An operation on files from a function(notebook as dict, rng) that changes each notebook."""

    def run(files, rng):
        return {name: _dumped(change(json.loads(_text(data)), rng), data) for name, data in files.items()}

    run.__name__, run.__doc__ = change.__name__, change.__doc__
    return run


def first(change):
    """An operation on files from a function(cells, rng) that changes the cells of problem1."""

    def run(files, rng):
        name = next((name for name in files if "blem1" in name or "titled7" in name), next(iter(files)))
        notebook = json.loads(_text(files[name]))
        cells = _cells(notebook)
        change(cells, rng)
        return files | {name: _dumped(notebook, files[name])}

    run.__name__, run.__doc__ = change.__name__, change.__doc__
    return run


def _text(data):
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf16")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def _dumped(notebook, before):
    """JSON text in the encoding that was there before, as a later tool would keep it."""
    text = json.dumps(notebook, ensure_ascii=False, indent=1)
    if before[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return text.encode("utf16")
    try:
        before.decode("utf-8-sig")
    except UnicodeDecodeError:
        return text.encode("latin-1", "replace")
    return (b"\xef\xbb\xbf" if before.startswith(b"\xef\xbb\xbf") else b"") + text.encode()


def _cells(notebook):
    return notebook["cells"] if "cells" in notebook else notebook["worksheets"][0]["cells"]


def _id(cell):
    return cell.get("metadata", {}).get("nbgrader", {}).get("grade_id") or cell.get("id")


def source(cell):
    """A cell's source as one string."""
    text = cell.get("source", cell.get("input", ""))
    return "".join(text) if isinstance(text, list) else text


def put(cell, text):
    """Write a cell's source."""
    cell["input" if "input" in cell else "source"] = text


def at(cells, name, text=None):
    """The index of a cell by its id, or by what stands in it where tools took its ids away. Raises LookupError."""
    for index, cell in enumerate(cells):
        if _id(cell) == name:
            return index
    found = next((i for i, cell in enumerate(cells) if (text or MARKS[name]) in source(cell)), None)
    if found is None:
        raise LookupError(name)
    return found


MARKS = {
    "imports-1": "from checks import check",
    "given-batch-norm": "def batch_norm_forward",
    "given-softmax": "def softmax_forward",
    "derive-1-1": "The statistics are made of $x$ alone",
    "derive-1-2": "Write the rule as a mask",
    "derive-1-3": "Let $S = ",
    "written-1-1-gamma": "partial \\gamma_k} = \\hat x_{ij}",
    "written-1-1-beta": 'partial \\beta_k} = [j = k]"',
    "written-1-2": 'operatorname{diag}(M)")',
    "written-1-3": 'operatorname{diag}(y) - y y^\\top")',
    "check-1-1": 'check("1-1")',
    "check-1-2": 'check("1-2")',
    "check-1-3": 'check("1-3")',
    "check-1-2-written": 'check("1-2, written")',
    "batch_norm_jacobian": "def batch_norm_jacobian",
    "dropout_forward": "def dropout_forward",
    "dropout_jacobian": "def dropout_jacobian",
    "softmax_jacobian": "def softmax_jacobian",
    "text-4": "**Derive** $\\partial y_{ij}",
    "text-26": "**Derive** the Jacobian $\\partial y_i / \\partial x_j$, for all",
    "text-28": "**Type** it: the whole matrix",
}
PLACEHOLDER = "YOUR DERIVATION HERE"
STUB = 'def softmax_jacobian(x):\n    """The Jacobian."""\n    # YOUR CODE HERE\n    pass'


def code(text, **more):
    """A new code cell, as a front end makes it."""
    return {"cell_type": "code", "metadata": {}, "source": text, "outputs": [], "execution_count": None} | more


def markdown(text, **more):
    """A new text cell."""
    return {"cell_type": "markdown", "metadata": {}, "source": text} | more


def png():
    """A real PNG of one pixel, in base64."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0))
    return base64.b64encode(b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(b"\0\0"))).decode()


# ------------------------------------------------------------------------------------------------------------ tools


@tool(FULL)
@each
def empty_all_metadata(notebook, rng):
    """The metadata of every cell, and of the notebook, is emptied, as several platforms do."""
    notebook["metadata"] = {}
    for cell in _cells(notebook):
        cell["metadata"] = {}
    return notebook


@tool(FULL)
@each
def empty_some_metadata(notebook, rng):
    """The metadata of about a third of the cells is emptied."""
    for cell in _cells(notebook):
        if rng.random() < 0.33:
            cell["metadata"] = {}
    return notebook


@tool(FULL)
@each
def drop_nbgraders_metadata(notebook, rng):
    """nbgrader's metadata alone is dropped."""
    for cell in _cells(notebook):
        cell.get("metadata", {}).pop("nbgrader", None)
    return notebook


@tool(FULL)
@each
def drop_ids(notebook, rng):
    """The cells' ids are dropped, as formats before 4.5 have none."""
    for cell in _cells(notebook):
        cell.pop("id", None)
    return notebook


@tool(FULL)
@each
def new_ids(notebook, rng):
    """Every cell gets a new random id, as converters give."""
    for cell in _cells(notebook):
        cell["id"] = f"{rng.getrandbits(32):08x}"
    return notebook


@tool(FULL)
@each
def duplicate_an_id(notebook, rng):
    """A cell gets the id of another one."""
    one, two = rng.sample(_cells(notebook), 2)
    if "id" in one:
        two["id"] = one["id"]
    return notebook


@tool(FULL)
def empty_metadata_and_drop_ids(files, rng):
    """Neither metadata nor ids are left: contents and positions alone tell."""
    return drop_ids(empty_all_metadata(files, rng), rng)


@tool(FULL)
@each
def unknown_metadata(notebook, rng):
    """Colab's, Kaggle's and Deepnote's own metadata stands beside, or in place of, a cell's own."""
    for cell in _cells(notebook):
        extra = {"id": f"{rng.getrandbits(32):08x}", "trusted": True, "deepnote_cell_type": cell["cell_type"]}
        cell["metadata"] = extra | (cell.get("metadata", {}) if rng.random() < 0.5 else {})
    return notebook


@tool(FULL)
@each
def sources_as_one_string(notebook, rng):
    """Sources are strings, not lists of lines."""
    for cell in _cells(notebook):
        put(cell, source(cell))
    return notebook


@tool(FULL)
@each
def sources_as_lines(notebook, rng):
    """Sources are lists of lines."""
    for cell in _cells(notebook):
        put(cell, source(cell).splitlines(keepends=True))
    return notebook


@tool(FULL)
@each
def blanks_at_line_ends(notebook, rng):
    """A formatter adds or takes blanks at the ends of cells."""
    for cell in _cells(notebook):
        put(cell, source(cell).rstrip() + rng.choice(["", "\n", " \n\n"]))
    return notebook


@tool(FULL, phase=1)
def compact_json(files, rng):
    """The file is written on one line, with its characters escaped."""
    return {n: json.dumps(json.loads(_text(d)), separators=(",", ":")).encode() for n, d in files.items()}


@tool(FULL, phase=1)
def crlf_in_the_file(files, rng):
    """The file's lines end with CRLF."""
    return {n: b"\r\n".join(d.split(b"\n")) if d[:2] not in (b"\xff\xfe", b"\xfe\xff") else d for n, d in files.items()}


@tool(FULL)
@each
def crlf_in_the_sources(notebook, rng):
    """The sources' lines end with CRLF."""
    for cell in _cells(notebook):
        put(cell, source(cell).replace("\r\n", "\n").replace("\n", "\r\n"))
    return notebook


@tool(FULL, phase=1)
def byte_order_mark(files, rng):
    """The file begins with a BOM."""
    return {name: b"\xef\xbb\xbf" + _text(data).encode() for name, data in files.items()}


@tool(FULL, phase=1)
def utf16(files, rng):
    """The file is UTF-16."""
    return {name: _text(data).encode(rng.choice(["utf-16", "utf-16"])) for name, data in files.items()}


@tool(FULL, phase=1)
def latin1(files, rng):
    """The file is Latin-1: what that has no character for is written as a question mark."""
    changed = {}
    for name, data in files.items():
        notebook = json.loads(_text(data))
        cell = _cells(notebook)[-1]
        cell["metadata"] = cell.get("metadata", {}) | {"author": "Zoë"}
        changed[name] = json.dumps(notebook, ensure_ascii=False).encode("latin-1", "replace")
    return changed


@tool(FULL)
@each
def minor_version(notebook, rng):
    """The notebook is one of nbformat 4.0 to 4.4, without ids."""
    if "cells" in notebook:
        notebook["nbformat_minor"] = rng.randrange(5)
        for cell in notebook["cells"]:
            cell.pop("id", None)
    return notebook


@tool(FULL)
@each
def nbformat_3(notebook, rng):
    """The notebook is downgraded to nbformat 3 by nbformat itself."""
    if "cells" not in notebook:
        return notebook
    for cell in notebook["cells"]:
        cell.setdefault("metadata", {})
        put(cell, source(cell))
        if cell["cell_type"] == "code":
            cell["outputs"], cell["execution_count"] = [], None
    notebook |= {"nbformat": 4, "nbformat_minor": 5}
    return json.loads(json.dumps(nbformat.v4.downgrade(nbformat.from_dict(notebook))))


@tool(FULL)
@each
def bloat_outputs(notebook, rng):
    """A cell has an output of 300 KB, more than is kept of it. (Of 30 MB there is a test of its own.)"""
    cells = [cell for cell in _cells(notebook) if cell["cell_type"] == "code"]
    rng.choice(cells)["outputs"] = [{"output_type": "stream", "name": "stdout", "text": ["x" * 300_000]}]
    return notebook


@tool(FULL)
@each
def widgets(notebook, rng):
    """Widgets' state stands in the metadata, and outputs that refer to it."""
    notebook["metadata"] = notebook.get("metadata", {}) | {"widgets": {"application/vnd.jupyter.widget-state+json": {}}}
    return notebook


@tool(FULL)
@each
def execution_counts(notebook, rng):
    """Cells were run, in some order."""
    for cell in _cells(notebook):
        if cell["cell_type"] == "code":
            cell["execution_count"] = rng.randrange(1, 99)
    return notebook


@tool(FULL, phase=3)
def rename_numbered(files, rng):
    """A browser saves `problem1 (1).ipynb`."""
    return {f"{name.removesuffix('.ipynb')} ({rng.randrange(1, 4)}).ipynb": data for name, data in files.items()}


@tool(FULL, phase=3)
def rename_untitled(files, rng):
    """A platform calls it `Untitled7.ipynb`."""
    return {f"Untitled{7 + index}.ipynb": data for index, data in enumerate(files.values())}


@tool(FULL, phase=3)
def rename_suffixed(files, rng):
    """It is called `problem1-solution.ipynb`."""
    return {f"{name.removesuffix('.ipynb')}-solution.ipynb": data for name, data in files.items()}


@tool(FULL, phase=3)
def rename_txt(files, rng):
    """A browser adds `.txt` or `.json`."""
    return {f"{name}{rng.choice(['.txt', '.json'])}": data for name, data in files.items()}


@tool(FULL)
@each
def text_cells_as_md_magic(notebook, rng):
    """Databricks writes a text cell as a code cell that begins with %md; cells have its metadata alone."""
    for cell in _cells(notebook):
        cell["metadata"] = {"application/vnd.databricks.v1+cell": {"title": "", "showTitle": False}}
        if cell["cell_type"] == "markdown" and not cell.get("attachments"):
            cell |= code(f"%md\n{source(cell)}")
            if "input" in cell:
                cell["input"] = cell.pop("source")
    return notebook


@tool(FULL, phase=3)
def rename_download(files, rng):
    """An unfinished name of a browser: `problem1.ipynb.download`."""
    return {f"{name}.download": data for name, data in files.items()}


@tool(FULL, phase=4)
def into_a_subfolder(files, rng):
    """They lie in a folder inside the submission."""
    return {f"homework/{name}": data for name, data in files.items()}


@tool(FULL, phase=4)
def into_a_zip(files, rng):
    """They are zipped inside the submission."""
    if any(name.endswith(".zip") for name in files):
        return files
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return {"homework.zip": packed.getvalue()}


@tool(FULL, phase=2)
def conflict_in_metadata(files, rng):
    """A merge left its markers in the file, around an execution count: both sides say the same."""
    name = next(iter(files))
    lines = _text(files[name]).split("\n")
    index = next((i for i, line in enumerate(lines) if '"execution_count": ' in line and line.endswith(",")), None)
    if index is None:
        return files
    other = '   "execution_count": 7,'
    lines[index : index + 1] = ["<<<<<<< HEAD", lines[index], "=======", other, ">>>>>>> theirs"]
    return files | {name: "\n".join(lines).encode()}


# ------------------------------------------------------------------------------------------------------------ hands


def delete(name, outcome):
    """A cell is deleted."""

    def run(cells, rng):
        del cells[at(cells, name)]

    run.__name__, run.__doc__ = f"delete_{name}", f"The cell {name} is deleted."
    return hand(outcome)(first(run))


for _name in ("check-1-1", "check-1-2", "check-1-3", "check-1-2-written", "imports-1", "given-softmax", "text-4"):
    delete(_name, FULL)
for _name in ("derive-1-3", "softmax_jacobian", "written-1-2"):  # nothing is left of what was written there
    delete(_name, FLAGGED)


@hand(FULL)
@first
def delete_imports_given_and_checks(cells, rng):
    """Every locked cell is deleted."""
    for name in ("imports-1", "given-batch-norm", "given-softmax", "check-1-1", "check-1-2", "check-1-3"):
        del cells[at(cells, name)]


def retype(name, outcome):
    """A cell is deleted and typed anew in a new one."""

    def run(cells, rng):
        index = at(cells, name)
        make = code if cells[index]["cell_type"] == "code" else markdown
        cells[index] = make(source(cells[index]))

    run.__name__, run.__doc__ = f"retype_{name}", f"The cell {name} is deleted and typed anew in a new one."
    return hand(outcome)(first(run))


for _name in ("derive-1-3", "softmax_jacobian", "written-1-2", "check-1-3", "imports-1", "given-softmax", "text-4"):
    retype(_name, FULL)


def _beside(cells, below, stub=STUB):
    index = at(cells, "softmax_jacobian")
    own = source(cells[index])
    put(cells[index], stub)
    cells.insert(index + below, code(own))


@hand(FULL)
@first
def function_below_its_stub(cells, rng):
    """The function is typed in a new cell below the stub."""
    _beside(cells, 1)


@hand(FULL)
@first
def function_above_its_stub(cells, rng):
    """The function is typed in a new cell above the stub, which would overwrite it."""
    _beside(cells, 0)


@hand(FULL)
@first
def function_at_the_end(cells, rng):
    """The function is typed in a new cell at the end, the stub stays."""
    index = at(cells, "softmax_jacobian")
    own = source(cells[index])
    put(cells[index], STUB)
    cells.append(code(own))


def move(name, to, outcome=FULL):
    """A cell is moved."""

    def run(cells, rng):
        cell = cells.pop(at(cells, name))
        cells.insert(len(cells) if to == "end" else 0, cell)

    run.__name__, run.__doc__ = f"move_{name}_to_the_{to}", f"The cell {name} is moved to the {to}."
    return hand(outcome)(first(run))


for _name in ("derive-1-2", "dropout_jacobian", "written-1-3", "imports-1", "given-softmax", "check-1-1", "text-4"):
    move(_name, "end")
    move(_name, "top")


@hand(FULL)
@first
def solutions_above_the_imports(cells, rng):
    """Every cell with an answer is moved above the imports."""
    names = ("written-1-1-gamma", "written-1-1-beta", "batch_norm_jacobian", "written-1-2", "dropout_forward")
    moved = [cells.pop(at(cells, name)) for name in (*names, "dropout_jacobian", "written-1-3", "softmax_jacobian")]
    cells[1:1] = moved


@hand(FULL)
@first
def helper_in_a_new_cell_below(cells, rng):
    """A function uses a helper that a new cell further down defines."""
    index = at(cells, "softmax_jacobian")
    put(cells[index], source(cells[index]).replace("np.outer(", "_outer("))
    cells.append(code("def _outer(a, b):\n    return np.outer(a, b)"))


@hand(FULL)
@first
def split_between_functions(cells, rng):
    """A cell that holds a helper and a function is split between them."""
    index = at(cells, "softmax_jacobian")
    own = source(cells[index]).replace("np.outer(", "_outer(")
    put(cells[index], "def _outer(a, b):\n    return np.outer(a, b)")
    cells.insert(index + 1, code(own))


@hand(FULL)
@first
def split_within_a_function(cells, rng):
    """A function's cell is split in the middle of the function."""
    index = at(cells, "softmax_jacobian")
    lines = source(cells[index]).rstrip().split("\n")
    put(cells[index], "\n".join(lines[:-1]))
    cells.insert(index + 1, code(lines[-1]))


@hand(FULL)
@first
def split_within_a_function_keeping_metadata(cells, rng):
    """The same, where the front end gives both halves the cell's metadata."""
    index = at(cells, "softmax_jacobian")
    lines = source(cells[index]).rstrip().split("\n")
    put(cells[index], "\n".join(lines[:-1]))
    cells.insert(index + 1, code(lines[-1], metadata=json.loads(json.dumps(cells[index].get("metadata", {})))))


@hand(FULL)
@first
def split_derivation(cells, rng):
    """A derivation's cell is split in two."""
    index = at(cells, "derive-1-3")
    head, _, tail = source(cells[index]).partition("\n\n")
    put(cells[index], head)
    cells.insert(index + 1, markdown(tail))


@hand(FULL)
@first
def split_derivation_keeping_metadata(cells, rng):
    """The same, where the front end gives both halves the cell's metadata."""
    index = at(cells, "derive-1-3")
    head, _, tail = source(cells[index]).partition("\n\n")
    put(cells[index], head)
    cells.insert(index + 1, markdown(tail, metadata=json.loads(json.dumps(cells[index].get("metadata", {})))))


@hand(FULL)
@first
def split_statement(cells, rng):
    """A given text is split in two."""
    index = at(cells, "text-4")
    head, _, tail = source(cells[index]).partition("\n\n")
    put(cells[index], head)
    cells.insert(index + 1, markdown(tail))


def join(name, outcome=FULL):
    """A cell is joined with the next."""

    def run(cells, rng):
        index = at(cells, name)
        put(cells[index], f"{source(cells[index])}\n\n{source(cells[index + 1])}")
        if pictures := cells[index].get("attachments", {}) | cells[index + 1].get("attachments", {}):
            cells[index]["attachments"] = pictures  # as JupyterLab does
        del cells[index + 1]

    run.__name__, run.__doc__ = f"join_{name}_with_the_next", f"The cell {name} is joined with the next."
    return hand(outcome)(first(run))


for _name in (
    "derive-1-3",
    "dropout_forward",
    "dropout_jacobian",
    "softmax_jacobian",
    "written-1-2",
    "check-1-2-written",
):
    join(_name)
join("text-26")
join("imports-1")
join("given-softmax")


def duplicate(name, below, outcome=FULL):
    """A cell is copied."""

    def run(cells, rng):
        index = at(cells, name)
        copy = json.loads(json.dumps(cells[index])) | ({"id": "copy"} if "id" in cells[index] else {})
        cells.insert(index + 1 if below else len(cells), copy)

    run.__name__ = f"duplicate_{name}_{'below' if below else 'at_the_end'}"
    run.__doc__ = f"The cell {name} is copied."
    return hand(outcome)(first(run))


for _name in ("derive-1-3", "softmax_jacobian", "written-1-2", "check-1-3", "imports-1", "given-softmax", "text-4"):
    duplicate(_name, True)
    duplicate(_name, False)


@hand(FULL)
@first
def duplicate_emptied(cells, rng):
    """A function's cell is copied, and the copy is emptied to the stub."""
    index = at(cells, "softmax_jacobian")
    copy = json.loads(json.dumps(cells[index])) | {"id": "copy"}
    put(copy, STUB)
    cells.append(copy)


@hand(FLAGGED)
@first
def duplicate_spoilt(cells, rng):
    """A function's cell is copied, and the copy, which is wrong, comes last."""
    index = at(cells, "softmax_jacobian")
    copy = json.loads(json.dumps(cells[index])) | {"id": "copy"}
    put(copy, "def softmax_jacobian(x):\n    return np.diag(x)")
    cells.append(copy)


def turn(name, kind, outcome=FULL):
    """A cell is turned into another type."""

    def run(cells, rng):
        cells[at(cells, name)]["cell_type"] = kind

    run.__name__ = f"turn_{name}_into_{kind}"
    run.__doc__ = f"The cell {name} is turned into {kind}."
    return hand(outcome)(first(run))


for _name in ("softmax_jacobian", "written-1-2", "check-1-3", "imports-1", "given-softmax"):
    turn(_name, "markdown")
    turn(_name, "raw")
for _name in ("derive-1-3", "text-4"):
    turn(_name, "code")
    turn(_name, "raw")


@hand(FULL)
@first
def fenced(cells, rng):
    """A function's cell is a text cell, with the code in a Markdown fence."""
    cell = cells[at(cells, "softmax_jacobian")]
    cell["cell_type"] = "markdown"
    put(cell, f"```python\n{source(cell).rstrip()}\n```")


def _derivation_beside(cells, below, make=markdown):
    index = at(cells, "derive-1-3")
    own = source(cells[index])
    put(cells[index], PLACEHOLDER)
    cells.insert(index + below, make(own))


@hand(FLAGGED)
@first
def derivation_below_its_placeholder(cells, rng):
    """The derivation is in a new cell below the untouched placeholder."""
    _derivation_beside(cells, 1)


@hand(FLAGGED)
@first
def derivation_above_its_placeholder(cells, rng):
    """The derivation is in a new cell above the untouched placeholder."""
    _derivation_beside(cells, 0)


@hand(FLAGGED)
@first
def derivation_in_a_raw_cell(cells, rng):
    """The derivation is in a new raw cell below the untouched placeholder."""
    _derivation_beside(cells, 1, lambda text: markdown(text) | {"cell_type": "raw"})


@hand(FLAGGED)
@first
def derivation_as_comments(cells, rng):
    """The derivation is in a new code cell, as comments."""
    _derivation_beside(cells, 1, lambda text: code("\n".join(f"# {line}" for line in text.split("\n"))))


@hand(FLAGGED)
@first
def derivation_at_the_end(cells, rng):
    """The derivation is in a new cell at the end of the notebook."""
    index = at(cells, "derive-1-3")
    own = source(cells[index])
    put(cells[index], PLACEHOLDER)
    cells.append(markdown(own))


@hand(FLAGGED)
@first
def derivation_far_away(cells, rng):
    """The derivation of 1-1 is in a new cell at the end of the notebook."""
    index = at(cells, "derive-1-1")
    own = source(cells[index])
    put(cells[index], PLACEHOLDER)
    cells.append(markdown(own))


@hand(FLAGGED)
@first
def derivation_in_the_statement(cells, rng):
    """The derivation is written into the given text, the placeholder is untouched."""
    index = at(cells, "derive-1-3")
    own = source(cells[index])
    put(cells[index], PLACEHOLDER)
    put(cells[at(cells, "text-26")], f"{source(cells[at(cells, 'text-26')])}\n\n{own}")


@hand(FULL)
@first
def fenced_in_a_code_cell(cells, rng):
    """A function's code cell holds a Markdown fence."""
    cell = cells[at(cells, "softmax_jacobian")]
    put(cell, f"```python\n{source(cell).rstrip()}\n```")


@hand(FLAGGED)
@first
def function_among_words(cells, rng):
    """A function's cell has become text, with words above a Markdown fence."""
    cell = cells[at(cells, "softmax_jacobian")]
    cell["cell_type"] = "markdown"
    put(cell, f"Here it is:\n\n```python\n{source(cell).rstrip()}\n```")


@hand(FLAGGED)
@first
def derivation_in_a_given_cell(cells, rng):
    """The derivation is written below a given function, in its cell."""
    cell = cells[at(cells, "derive-1-3")]
    own = source(cell)
    put(cell, PLACEHOLDER)
    cell = cells[at(cells, "given-softmax")]
    put(cell, f"{source(cell)}\n\n{own}")


@hand(FLAGGED)
@first
def words_in_the_statement(cells, rng):
    """Something is written into the middle of a given text."""
    cell = cells[at(cells, "text-26")]
    head, _, tail = source(cell).partition("\n\n")
    put(cell, f"{head} I first take the logarithm of both sides and then derive.\n\n{tail}")


@hand(FULL)
@first
def derivation_below_the_words_of_its_placeholder(cells, rng):
    """The placeholder's words are left above the derivation."""
    cell = cells[at(cells, "derive-1-3")]
    put(cell, f"{PLACEHOLDER}\n\n{source(cell)}")


@hand(FULL)
@first
def pasted_picture(cells, rng):
    """The derivation is a pasted picture: an attachment."""
    cell = cells[at(cells, "derive-1-3")]
    put(cell, "![image.png](attachment:image.png)")
    cell["attachments"] = {"image.png": {"image/png": png()}}


@hand(FULL)
@first
def attachment_without_a_reference(cells, rng):
    """A picture is attached, and the placeholder is untouched."""
    cell = cells[at(cells, "derive-1-3")]
    put(cell, PLACEHOLDER)
    cell["attachments"] = {"image.png": {"image/png": png()}}


@hand(FULL)
@first
def picture_as_data(cells, rng):
    """The derivation is a picture whose data stands in the text, as Colab pastes it."""
    put(cells[at(cells, "derive-1-3")], f"![image.png](data:image/png;base64,{png()})")


@hand(FLAGGED)
@first
def pasted_picture_below_the_placeholder(cells, rng):
    """The picture is pasted into a new cell below the untouched placeholder."""
    index = at(cells, "derive-1-3")
    put(cells[index], PLACEHOLDER)
    picture = {"attachments": {"image.png": {"image/png": png()}}}
    cells.insert(index + 1, markdown("![image.png](attachment:image.png)", **picture))


@hand(FLAGGED)
@first
def photo_that_was_not_sent(cells, rng):
    """The derivation is `![](photo.jpg)`."""
    put(cells[at(cells, "derive-1-3")], "![](photo.jpg)")


@hand(FLAGGED)
@first
def photo_in_html(cells, rng):
    """The derivation is an <img> of a file."""
    put(cells[at(cells, "derive-1-3")], '<img src="photo.jpg" width=500>')


@hand(FLAGGED)
@first
def picture_that_cannot_be_shown(cells, rng):
    """The attachment is no PNG and no JPEG."""
    cell = cells[at(cells, "derive-1-3")]
    put(cell, "![](attachment:photo.heic)")
    cell["attachments"] = {"photo.heic": {"image/heic": "AAAA"}}


@hand(FLAGGED)
@first
def picture_by_code(cells, rng):
    """The derivation is `Image("photo.jpg")` in a code cell beside the placeholder."""
    put(cells[at(cells, "derive-1-3")], PLACEHOLDER)
    picture = 'from IPython.display import Image\nImage("photo.jpg")'
    cells.insert(at(cells, "derive-1-3", PLACEHOLDER) + 1, code(picture))


@hand(FULL)
@first
def comment_above_a_check(cells, rng):
    """A comment above a check, which text follows: neither is a half of the other."""
    for name in ("check-1-1-gamma-written", "check-1-1"):
        cell = cells[at(cells, name, 'check("1-1 gamma, written")')]
        put(cell, f"# does it work?\n{source(cell)}")


@hand(FULL)
@first
def functions_in_each_others_cells(cells, rng):
    """Two functions stand in each other's cells."""
    one, two = (cells[at(cells, name)] for name in ("softmax_jacobian", "dropout_jacobian"))
    first_source, second_source = source(one), source(two)
    put(one, second_source)
    put(two, first_source)


def _elsewhere(cells, text, below):
    index = at(cells, "dropout_jacobian")
    put(cells[index], STUB.replace("softmax_jacobian(x)", "dropout_jacobian(r, p)"))
    cells.insert(index + below, code(text))


@hand(FULL)
@first
def function_assigned_above_its_stub(cells, rng):
    """A function is a lambda, assigned above the stub."""
    _elsewhere(cells, "dropout_jacobian = lambda r, p: np.diag((r >= p) / (1 - p))", 0)


@hand(FULL)
@first
def function_in_an_if_above_its_stub(cells, rng):
    """A function is defined in an `if`, above the stub."""
    _elsewhere(cells, "if True:\n    def dropout_jacobian(r, p):\n        return np.diag((r >= p) / (1 - p))", 0)


@hand(FLAGGED)
@first
def function_of_another_name(cells, rng):
    """A function's cell defines it by another name."""
    cell = cells[at(cells, "softmax_jacobian")]
    put(cell, source(cell).replace("def softmax_jacobian", "def jacobian_of_softmax"))


@hand(FLAGGED)
@first
def function_in_its_derivation(cells, rng):
    """A function stands in the derivation, as text, and its cell holds the stub."""
    cell = cells[at(cells, "softmax_jacobian")]
    own = source(cell)
    put(cell, STUB)
    cell = cells[at(cells, "derive-1-3")]
    put(cell, f"{source(cell)}\n\n```python\n{own}\n```")


@hand(FLAGGED)
@first
def formulas_that_name_each_others_questions(cells, rng):
    """Two formulas name each other's questions."""
    one, two = (cells[at(cells, name)] for name in ("written-1-2", "written-1-3"))
    put(one, source(one).replace('"1-2"', '"1-3"'))
    put(two, source(two).replace('"1-3"', '"1-2"'))


@hand(FLAGGED)
@first
def formula_in_a_derivation(cells, rng):
    """A formula stands in the derivation, as text, and its cell is empty."""
    cell = cells[at(cells, "written-1-2")]
    own = source(cell)
    put(cell, 'formula("1-2", r"")')
    cell = cells[at(cells, "derive-1-2")]
    put(cell, f"{source(cell)}\n\n{own}")


@hand(FULL)
@first
def cells_in_reversed_order(cells, rng):
    """All cells stand in reversed order."""
    cells.reverse()


def _commented(cells, name):
    cell = cells[at(cells, "derive-1-3")]
    own = source(cell).split("\n")
    put(cell, PLACEHOLDER)
    cell = cells[at(cells, name)]
    put(cell, "\n".join([*(f"# {line}" for line in own), source(cell)]))


@hand(FLAGGED)
@first
def derivation_as_comments_of_a_formula(cells, rng):
    """The derivation is comments in the formula's cell, the placeholder is untouched."""
    _commented(cells, "written-1-3")


@hand(FLAGGED)
@first
def derivation_as_comments_of_a_function(cells, rng):
    """The derivation is comments in the function's cell, the placeholder is untouched."""
    _commented(cells, "softmax_jacobian")


@hand(FLAGGED)
@first
def short_derivation_at_the_end(cells, rng):
    """The derivation is one short formula, at the end of the notebook."""
    put(cells[at(cells, "derive-1-2")], PLACEHOLDER)
    cells.append(markdown("$\\mathrm{diag}(M)$"))


@hand(FLAGGED)
@first
def photo_by_reference(cells, rng):
    """The derivation shows a picture by a reference."""
    put(cells[at(cells, "derive-1-3")], "![mine][photo]\n\n[photo]: photo.jpg")


@hand(FLAGGED, phase=4)
def derivations_as_a_file_beside(files, rng):
    """The derivations are a PDF beside the notebooks, their cells are untouched."""
    name = next((name for name in files if "blem1" in name or "titled7" in name), next(iter(files)))
    try:
        notebook = json.loads(_text(files[name]))
    except ValueError as error:
        raise LookupError(f"{name} is no notebook any more") from error
    for grade_id in ("derive-1-1", "derive-1-2", "derive-1-3"):
        put(_cells(notebook)[at(_cells(notebook), grade_id)], PLACEHOLDER)
    return files | {name: _dumped(notebook, files[name]), "derivations.pdf": b"%PDF-1.7"}


def above(name, text, outcome=FULL):
    """Something stands above a function in its cell."""

    def run(cells, rng):
        cell = cells[at(cells, "softmax_jacobian")]
        put(cell, f"{text}\n\n{source(cell)}")

    run.__name__, run.__doc__ = f"above_a_function_{name}", f"Above a function stands {text!r}."
    return hand(outcome)(first(run))


above("matplotlib_widget", "%matplotlib widget")
above("pip", "!pip install tqdm")
above("percent_pip", "%pip install tqdm")
above("load_ext", "%load_ext autoreload\n%autoreload 2")
above("colab", "from google.colab import drive")
above("colab_mounted", 'from google.colab import drive\ndrive.mount("/content/drive")\n%cd /content/drive')
above("tqdm", "from tqdm.notebook import tqdm\nfor _ in tqdm(range(3)):\n    pass")
above("two_modules", "import os, scipy.special, sys")
above("one_line", "import torch; torch.manual_seed(0); import os")
above("parentheses", "from scipy.special import (\n    softmax,\n    logsumexp,\n)")
above("try", "try:\n    import cupy as xp\nexcept ImportError:\n    import numpy as xp")
above("cell_magic", "%%time")
above("unknown_cell_magic", "%%wandb")
above("exit", "exit()")
above("sys_exit", "import sys\nsys.exit()")
above("file", "table = np.loadtxt('table.csv')", FLAGGED)
above("input", "name = input()", FLAGGED)
above("nested_import", "if True:\n    import torch", FLAGGED)


@hand(FULL)
@first
def decorated(cells, rng):
    """A function has the decorator of a module that does not exist when graded."""
    cell = cells[at(cells, "softmax_jacobian")]
    text = source(cell).replace("def softmax_jacobian", "@njit\ndef softmax_jacobian")
    put(cell, f"from numba import njit\n\n{text}")


@hand(FULL)
@first
def exit_in_a_cell(cells, rng):
    """A cell of its own says `exit()`, another `quit()`."""
    cells.insert(at(cells, "check-1-1"), code("exit()"))
    cells.insert(at(cells, "check-1-2"), code("if True:\n    quit()"))


@hand(FLAGGED)
@first
def function_needs_a_missing_module(cells, rng):
    """A function uses a module that does not exist when graded."""
    cell = cells[at(cells, "softmax_jacobian")]
    put(
        cell,
        "from scipy.special import softmax\n\n"
        "def softmax_jacobian(x):\n    y = softmax(x)\n    return np.diag(y) - np.outer(y, y)",
    )


@hand(FLAGGED)
@first
def function_imports_a_missing_module(cells, rng):
    """A function imports a module that does not exist when graded."""
    cell = cells[at(cells, "softmax_jacobian")]
    put(
        cell,
        "def softmax_jacobian(x):\n    from scipy.special import softmax\n"
        "    y = softmax(x)\n    return np.diag(y) - np.outer(y, y)",
    )


@hand(FULL)
@first
def import_added_to_the_given_ones(cells, rng):
    """`import numpy.linalg as la` is added to the locked import cell, and used."""
    cell = cells[at(cells, "imports-1")]
    put(cell, f"{source(cell)}\nimport numpy.linalg as la")
    cell = cells[at(cells, "softmax_jacobian")]
    put(cell, source(cell).rstrip() + " * la.norm([1.0])")


@hand(FULL)
@first
def given_function_edited(cells, rng):
    """A given function is edited: the released one counts."""
    cell = cells[at(cells, "given-softmax")]
    put(cell, source(cell) + "\n\nsoftmax_forward = None")


@hand(FLAGGED)
@first
def given_function_edited_and_used(cells, rng):
    """A given function is edited, and an answer relies on that."""
    cell = cells[at(cells, "given-softmax")]
    put(cell, "def softmax_forward(x):\n    y = np.exp(x - x.max())\n    return y / y.sum(), None, None")
    cell = cells[at(cells, "softmax_jacobian")]
    put(cell, "def softmax_jacobian(x):\n    y, _, _ = softmax_forward(x)\n    return np.diag(y) - np.outer(y, y)")


@hand(FULL)
@first
def check_edited(cells, rng):
    """A check asks for another seed."""
    put(cells[at(cells, "check-1-3")], 'check("1-3", seed=1)')


@hand(FULL)
@first
def scratch_cells(cells, rng):
    """New cells with notes and trials stand everywhere."""
    for index in range(len(cells), 0, -5):
        cells.insert(index, code(f"trial_{index} = 1 + 1"))
    cells.append(code("print(softmax_jacobian(np.ones(3)))"))


@hand(FLAGGED)
@first
def conflict_in_a_cell(cells, rng):
    """Merge-conflict markers stand in a cell."""
    cell = cells[at(cells, "derive-1-3")]
    put(cell, f"<<<<<<< HEAD\n{source(cell)}\n=======\nMy other derivation.\n>>>>>>> theirs")


@hand(FLAGGED)
@first
def conflict_in_a_function(cells, rng):
    """Merge-conflict markers stand in a function's cell."""
    cell = cells[at(cells, "softmax_jacobian")]
    put(cell, f"<<<<<<< HEAD\n{source(cell)}\n=======\n# the same\n{source(cell)}\n>>>>>>> theirs")


@hand(FLAGGED, phase=2)
def conflict_in_the_file(files, rng):
    """A merge left its markers in the file, and the sides differ."""
    name = next(iter(files))
    lines = _text(files[name]).split("\n")
    index = next((i for i, line in enumerate(lines) if '"cell_type": "code"' in line), None)
    if index is None:
        raise LookupError("the file is one line")
    other = '   "cell_type": "markdown",'
    lines[index : index + 1] = ["<<<<<<< HEAD", lines[index], "=======", other, ">>>>>>> theirs"]
    return files | {name: "\n".join(lines).encode()}


@hand(FLAGGED)
def two_candidates(files, rng):
    """Two notebooks answer the same problem, and differ."""
    name = min(files)
    notebook = json.loads(_text(files[name]))
    cells = _cells(notebook)
    put(cells[at(cells, "softmax_jacobian")], STUB)
    return files | {f"{name.removesuffix('.ipynb')} (1).ipynb": _dumped(notebook, files[name])}


@hand(FULL)
def same_file_twice(files, rng):
    """A notebook was sent twice."""
    name, data = next(iter(files.items()))
    return files | {f"{name.removesuffix('.ipynb')} (1).ipynb": data}


@hand(FLAGGED)
def one_missing(files, rng):
    """A notebook is missing."""
    return dict(list(files.items())[:1])


@hand(FLAGGED, phase=2)
def cut_off(files, rng):
    """A file was cut off."""
    name, data = next(iter(files.items()))
    return files | {name: data[: len(data) // 2]}


@hand(FULL)
@first
def formula_in_another_name(cells, rng):
    """`g = formula(...)`."""
    _rewrite_formula(cells, lambda written: f"g = {written}")


@hand(FULL)
@first
def formula_as_in_earlier_notebooks(cells, rng):
    """`f = formula(r"...")`, as notebooks had it before formulas named their question."""
    _rewrite_formula(cells, lambda written: f"f = {_without_question(written)}")


@hand(FULL)
@first
def unnamed_formula_in_another_name(cells, rng):
    """`g = formula(r"...")`."""
    _rewrite_formula(cells, lambda written: f"g = {_without_question(written)}")


@hand(FULL)
@first
def unnamed_formula_not_assigned(cells, rng):
    """`formula(r"...")`."""
    _rewrite_formula(cells, _without_question)


def _rewrite_formula(cells, rewrite):
    cell = cells[at(cells, "written-1-2")]
    put(cell, rewrite(source(cell)))


def _without_question(written):
    return written.replace('formula("1-2", ', "formula(", 1)


@tool(FULL)
@first
def invisible_characters(cells, rng):
    """A cell has passed through a web page: a zero-width space at its start, and no-break spaces as indentation."""
    cell = cells[at(cells, "softmax_jacobian")]
    put(cell, "\u200b" + source(cell).replace("    ", "\u00a0\u00a0\u00a0\u00a0"))


@tool(FULL)
@first
def html_entities(cells, rng):
    """A tool has written `&lt;`, `&gt;` and `&amp;` into a cell's code."""
    cell = cells[at(cells, "dropout_forward")]
    put(cell, html.escape(source(cell) + "\nassert 1 < 2", quote=False))


@hand(FULL)
@first
def typographic_quotes(cells, rng):
    """A formula was copied out of a word processor."""
    cell = cells[at(cells, "written-1-2")]
    put(cell, source(cell).replace('"', "\u201d"))


@hand(FULL)
@first
def notes_with_the_metadata_of_answers(cells, rng):
    """A front end copies a cell's metadata into the new cell below, which holds something else."""
    for name, note in (("written-1-2", "print('done')"), ("softmax_jacobian", "remember = 3")):
        index = at(cells, name)
        cells.insert(index + 1, code(note) | {"metadata": cells[index].get("metadata", {})})


@hand(FLAGGED)
@first
def function_in_a_module_of_its_own(cells, rng):
    """The cell of a function imports it from a file that nobody has when graded."""
    put(cells[at(cells, "softmax_jacobian")], "from my_functions import softmax_jacobian")


@hand(FLAGGED)
@first
def function_by_a_magic(cells, rng):
    """The cell of a function runs a file that nobody has when graded."""
    put(cells[at(cells, "softmax_jacobian")], "%run my_functions.py")


@hand(FLAGGED, phase=2)
def both_in_one_notebook(files, rng):
    """Both problems stand in one notebook, the second below the first."""
    try:
        first, second = (json.loads(_text(data)) for data in files.values())
    except ValueError as error:
        raise LookupError("no two notebooks are there any more") from error
    _cells(first).extend(_cells(second))
    return {"homework.ipynb": _dumped(first, b"")}


def sequence(rng, hands):
    """Operations in an order in which tools and hands can use them: up to four tools, and so many hands among them."""
    chosen = sorted(rng.sample(TOOLS, rng.randrange(1, 5)), key=lambda operation: operation.phase)
    chosen = [
        o for i, o in enumerate(chosen) if o.phase < 2 or o.phase != chosen[i - 1].phase
    ]  # one new name is enough
    for operation in rng.sample(HANDS, hands):
        begin = next((i for i, o in enumerate(chosen) if o.phase >= operation.phase), len(chosen))
        end = next((i for i, o in enumerate(chosen) if o.phase > operation.phase), len(chosen))
        chosen.insert(rng.randrange(begin, end + 1), operation)
    return chosen


def applied(files, chosen, rng):
    """A submission after operations; those that find no cell for them any more do nothing."""
    for operation in chosen:
        with contextlib.suppress(LookupError):
            files = operation.run(files, rng)
    return files

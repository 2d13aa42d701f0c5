"""Submitted notebook files: which file answers which notebook, and what is read of it.

Platforms and hands rename a notebook, zip it, and write it in older formats and other encodings. Of each cell only its
type, source, attachments, id and nbgrader's name for it are believed; outputs are dropped before sizes are compared.
"""

import json
import re
import zipfile
from dataclasses import dataclass, field, replace

from autograder.sandbox.sanitize import plain

MAX_FILE_BYTES = 64 * 2**20  # of a file, its outputs included
MAX_SOURCE_BYTES = 20 * 2**20  # of a notebook's sources together
MAX_CELLS = 1_000  # of a notebook
MAX_FILES = 30  # files of one submission that are looked into
MAX_ARCHIVES = 3  # zip files of one submission that are looked into
SUFFIXES = {".ipynb", ".json", ".txt", ""}
DOCUMENTS = {  # in which a derivation may stand
    *(".pdf", ".png", ".jpg", ".jpeg", ".heic", ".webp", ".gif", ".tif", ".tiff", ".bmp", ".svg"),
    *(".doc", ".docx", ".odt", ".rtf", ".tex", ".md", ".html", ".pages", ".goodnotes"),
}
TEXT_MAGIC = re.compile(r"\s*%%?(?:md|markdown|latex)\b[^\S\n]*\n?")  # Databricks writes a text cell as %md
CONFLICT = re.compile(r"^(<{7}|>{7})(?: .*)?$", re.MULTILINE)
NUMBER = re.compile(r"\((\d{1,9})\)|[-_ ](\d{1,9})$")  # problem1 (1), problem1-2


@dataclass(frozen=True)
class Cell:
    """A submitted cell. kind: "code", "markdown" or "raw". source: with \\n between lines. attachments: as they came.
    name: nbgrader's grade_id, or None. id: the cell's own id, or None."""

    kind: str
    source: str
    attachments: dict = field(default_factory=dict)
    name: str | None = None
    id: str | None = None


@dataclass
class Parsed:
    """A notebook as it was read. kernel: the name of the kernel that it asks for, or None. repairs: what was done to
    read it, without loss. needs_attention: what a person must look at. beside: names of documents and pictures that
    came with it. loses_pictures: whether its format cannot hold pictures that are attached to a cell."""

    cells: list
    kernel: str | None = None
    repairs: list = field(default_factory=list)
    needs_attention: list = field(default_factory=list)
    beside: list = field(default_factory=list)
    loses_pictures: bool = False


def read_notebook(path):
    """The notebook in a file, as Parsed.

    Raises:
        ValueError: there is no such file, it cannot be read, it is a link that leaves the student's folder, or no
            notebook is in it; in words for a teacher.
    """
    try:
        if not path.is_file():
            raise ValueError(f"{path.name} is missing")
        stay_inside(path)
        if path.stat().st_size > MAX_FILE_BYTES:
            size = f"{path.stat().st_size:,} bytes; at most {MAX_FILE_BYTES:,} are read"
            raise ValueError(f"{path.name} is too large ({size})")
        data = path.read_bytes()
    except OSError as error:
        raise ValueError(f"{path.name} cannot be read ({error.strerror or error})") from error
    return parse_notebook(data, path.name)


def stay_inside(path):
    """Raises ValueError if <student>/<assignment>/<file> is a link to what lies outside the student's own folder."""
    if not path.resolve().is_relative_to(path.parent.parent.resolve()):
        raise ValueError(f"{path.name} is a link that leaves the student's own folder; it was not read")


def parse_notebook(data, name):
    """The notebook in a file's bytes, of nbformat 3 or 4 and in any encoding of Unicode or Latin-1, as Parsed.

    Where a file holds merge-conflict markers, its first side counts, and that is said where the sides differ.

    Raises:
        ValueError: no notebook is in it; in words for a teacher that begin with `name`.
    """
    text, notes = _decoded(data, name)
    if not text.strip():
        raise ValueError(f"{name} is not valid JSON: it is empty, and so not a notebook")
    if CONFLICT.search(text):
        return _merged(text, name, notes)
    return replace(_parsed(text, name), repairs=notes)


def _decoded(data, name):
    try:
        encoding = json.detect_encoding(data)
        return data.decode("utf-8-sig" if encoding.startswith("utf-8") else encoding), []
    except UnicodeDecodeError as error:
        if not encoding.startswith("utf-8"):
            raise ValueError(f"{name} is not a notebook, and not valid JSON: {error}") from error
    mended = data.decode("utf8", "replace")
    broken = mended.count("\ufffd")
    if broken <= sum(c > "\x7f" for c in mended) - broken:
        return mended, [f"{broken} characters of it are no UTF-8 and were replaced"]
    try:
        return data.decode("cp1252"), ["it was read as Latin-1, since it is no UTF-8"]
    except UnicodeDecodeError:
        return data.decode("latin-1"), ["it was read as Latin-1, since it is no UTF-8"]


def _parsed(text, name):
    try:
        notebook = json.loads(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"{name} is not valid JSON (see character {error.pos:,}: {error.msg})") from error
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{name} is not a notebook: {error}") from error
    cells = _cells(notebook)
    if not isinstance(cells, list) or not all(isinstance(cell, dict) for cell in cells):
        raise ValueError(f"{name} is not a notebook of format 3 or 4: it has no list of cells")
    if len(cells) > MAX_CELLS:
        raise ValueError(f"{name} has {len(cells):,} cells; at most {MAX_CELLS:,} are read")
    cells = [_cell(cell) for cell in cells]
    size = sum(len(cell.source.encode()) for cell in cells)
    if size > MAX_SOURCE_BYTES:
        raise ValueError(f"{name} is too large ({size:,} bytes of sources; at most {MAX_SOURCE_BYTES:,} are read)")
    kernel = _at(notebook, "metadata", "kernelspec", "name")
    name = kernel[:40] if isinstance(kernel, str) else None
    return Parsed(cells, name, loses_pictures="cells" not in notebook)


def _cells(notebook):
    """The list of cells of nbformat 4, or of nbformat 3 with its worksheets; None where there is none."""
    if not isinstance(notebook, dict) or "cells" in notebook:
        return notebook.get("cells") if isinstance(notebook, dict) else None
    sheets = notebook.get("worksheets")
    if not isinstance(sheets, list) or not sheets:
        return None
    lists = [sheet.get("cells") if isinstance(sheet, dict) else None for sheet in sheets]
    return (
        [cell for cells in lists for cell in cells] or None if all(isinstance(cells, list) for cells in lists) else None
    )


def _cell(cell):
    kind, source = cell.get("cell_type"), cell.get("source", cell.get("input"))
    text = _text(source)
    if kind == "heading":  # of nbformat 3
        level = cell.get("level")
        text = f"{'#' * (level if level in range(1, 7) else 1)} {text}"
    kind = kind if kind in ("code", "raw") else "markdown"
    if kind == "code" and (magic := TEXT_MAGIC.match(text)):
        kind, text = "markdown", text[magic.end() :]
    attachments, name, own = cell.get("attachments"), _at(cell, "metadata", "nbgrader", "grade_id"), cell.get("id")
    return Cell(
        kind,
        text,
        attachments if isinstance(attachments, dict) and kind != "code" else {},
        name if isinstance(name, str) else None,
        own if isinstance(own, str) else None,
    )


def _text(source):
    """A source as one string; some tools write its lines without what ends them."""
    if isinstance(source, list):
        lines = [line for line in source if isinstance(line, str)]
        ended = len(lines) < 2 or any(line.endswith(("\n", "\r")) for line in lines[:-1])
        source = ("" if ended else "\n").join(lines)
    return plain(source).replace("\r\n", "\n").replace("\r", "\n")


def _at(tree, *keys):
    for key in keys:
        tree = tree.get(key) if isinstance(tree, dict) else None
    return tree


def _merged(text, name, notes):
    """A file with merge-conflict markers: its first side that is a notebook, flagged where the sides differ."""
    sides, first = [], None
    for side in (0, 1):
        try:
            sides.append(_parsed(_side(text, side), name))
        except ValueError as error:
            first = first or error
    line = text[: CONFLICT.search(text).start()].count("\n") + 1
    where = f"{name} holds merge-conflict markers (line {line:,})"
    if not sides:
        raise ValueError(f"{where}, and no side of it can be read: {first}") from first
    parsed = sides[0]
    written = [[(cell.kind, cell.source) for cell in side.cells] for side in sides]
    if len(sides) == 2 and written[0] == written[1]:
        return replace(
            parsed, repairs=[*notes, "it holds merge-conflict markers; both sides say the same, so it counts"]
        )
    which = "the first side was graded" if not first else "the one side that can be read was graded"
    return replace(parsed, repairs=notes, needs_attention=[f"{where}; {which}: a person must say which side counts"])


def _side(text, side):
    """A text with one side of each conflict: 0, what stands above =======, or 1, below it."""
    lines, at = [], None
    for line in text.splitlines():
        if line.startswith("<<<<<<<"):
            at = 0
        elif at is not None and line.startswith("|||||||"):
            at = -1  # what both came from
        elif at is not None and line.startswith("======="):
            at = 1
        elif at is not None and line.startswith(">>>>>>>"):
            at = None
        elif at in (None, side):
            lines.append(line)
    return "\n".join(lines)


@dataclass
class Found:
    """What was found for a notebook. parsed: None where `why` says what is wrong."""

    parsed: Parsed | None = None
    why: str = ""


def find_notebooks(folder, wanted, answers):
    """The notebooks that a submission's folder holds, whatever they are called.

    A file with the right name and no rival is taken. Else every notebook in the folder, in its folders and in its zip
    files is compared with what is wanted; of several, the one with the most answers is taken, and of those the newest.

    Args:
        folder: <student>/<assignment>.
        wanted: the names of the notebooks.
        answers: function(Parsed) -> {name: (cells that are surely of that notebook, answers in them, a digest)}.

    Returns:
        {name: Found}, sentences on what was mended, and sentences on what a person must look at.
    """
    results, notes, needs, others, beside = {}, [], [], [], []
    for name in wanted:
        try:
            results[name] = Found(read_notebook(folder / f"{name}.ipynb"))
        except ValueError as error:
            results[name] = Found(why=str(error))
    if folder.is_dir():
        others, beside = _others(folder, {f"{name}.ipynb" for name in wanted}, needs)
    rivals = {name: [] for name in wanted}
    for label, age, parsed in [(f"{name}.ipynb", _age(folder, name), f.parsed) for name, f in results.items()] + others:
        if parsed:
            scores = answers(parsed)
            best = max(scores, key=lambda name: scores[name][0])
            if not scores[best][0] and f"{label[:-6]}" in wanted:
                best = label.removesuffix(".ipynb")
            if scores[best][0] or label == f"{best}.ipynb":
                _, count, digest = scores[best]
                rivals[best].append((count, age, label, digest, parsed))
    for name, candidates in rivals.items():
        candidates.sort(key=lambda it, exact=f"{name}.ipynb": (it[0], it[1], it[2] == exact), reverse=True)
        if not candidates:
            if results[name].parsed:
                results[name] = Found(why=f"{name}.ipynb is missing: the file of that name holds another notebook")
            continue
        (_, _, label, digest, parsed), *rest = candidates
        different = [other for other in rest if other[3] != digest]
        if label != f"{name}.ipynb":
            broken = results[name].why if not results[name].why.endswith("is missing") else ""
            (needs if broken else notes).append(
                f'"{label}" was taken for {name}.ipynb' + (f": {broken}" * bool(broken))
            )
        if different:
            listed = ", ".join(f'"{other[2]}"' for other in different[:5])
            count = "two" if len(different) == 1 else str(len(different) + 1)
            needs.append(f'{count} notebooks answer {name}: "{label}" taken, {listed} left out: a person must compare')
        results[name] = Found(replace(parsed, beside=beside))
    return results, notes, needs


def _age(folder, name):
    path = folder / f"{name}.ipynb"
    return (path.stat().st_mtime if path.is_file() else 0, 0)


def _others(folder, known, needs):
    """[(label, age, Parsed)] of each notebook in a folder that does not have its name and place, and the names of the
    documents and pictures in it; both bounded."""
    from autograder.lms import archive  # it reads no more of a file than MAX_FILE_BYTES

    read, archives, beside = [], [], []
    with archive.opened(folder) as (files, _):
        files = [file for file in files if len(file.place.parts) > 1 or file.place.name not in known]
        beside += _documents(files)
        archives = [file for file in files if file.place.suffix.lower() == ".zip"][:MAX_ARCHIVES]
        read += _parsed_files(files, "", needs)
    for file in archives:
        try:
            with archive.opened(folder / file.place) as (inner, _):
                read += _parsed_files(inner, f"{file.place}/", needs)
                beside += _documents(inner)
        except (ValueError, OSError, zipfile.BadZipFile) as error:
            needs.append(f'"{file.place}" cannot be read ({type(error).__name__})')
    return read, beside


def _documents(files):
    names = [plain(file.place.name)[:100] for file in files if file.place.suffix.lower() in DOCUMENTS]
    return [name for name in names if not name.startswith("._")][:MAX_FILES]


def may_be_notebook(path):
    """Whether a file's name is one that a notebook may have, `problem1.ipynb.download` included."""
    return path.suffix.lower() in SUFFIXES or ".ipynb" in path.name.lower()


def _parsed_files(files, prefix, needs):
    from autograder.lms.archive import UNREADABLE

    files = [f for f in files if may_be_notebook(f.place) and f.place.name != "timestamp.txt"]
    if len(files) > MAX_FILES:
        needs.append(f"{len(files)} files came; at most {MAX_FILES} are looked into")
    for file in files[:MAX_FILES]:
        label = plain(f"{prefix}{file.place}")[:100]
        try:
            data = file.read()
            if len(data) > MAX_FILE_BYTES:
                raise ValueError(f"{label} is too large")
            if data[:4].strip(b"\0 \r\n\t\xef\xbb\xbf\xff\xfe")[:1] not in (b"{", b"", b"<"):
                continue
            number = NUMBER.search(file.place.stem)
            age = (file.age, int(number[1] or number[2]) if number else 0)
            yield label, age, parse_notebook(data, label)
        except (*UNREADABLE, ValueError) as error:
            if file.place.suffix == ".ipynb":
                needs.append(f'"{label}" was left out: {plain(str(error))[:200]}')

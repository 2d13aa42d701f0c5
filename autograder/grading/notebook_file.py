"""Submitted notebook files: which file answers which notebook, and what is read of it.

Platforms and hands rename a notebook, zip it, and write it in older formats and other encodings. Of each cell only its
type, source, attachments, id and nbgrader's name for it are believed; outputs are dropped before sizes are compared.
"""

import json
import re
import zipfile
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePath

from autograder.grading import archive
from autograder.grading.archive import MAX_FILE_BYTES, UNREADABLE
from autograder.sandbox.sanitize import plain

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
    """A notebook as it was read.

    kernel: the name of the kernel that it asks for, or None. repairs: what was done to read it, without loss.
    needs_attention: what a person must look at. uncertainties: the same, if points are missing. beside: names of
    documents and pictures that came with it. loses_pictures: whether its format cannot hold pictures that are attached
    to a cell.
    """

    cells: list
    kernel: str | None = None
    repairs: list = field(default_factory=list)
    needs_attention: list = field(default_factory=list)
    uncertainties: list = field(default_factory=list)
    beside: list = field(default_factory=list)
    loses_pictures: bool = False


def read_notebook(path: Path) -> Parsed:
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


def stay_inside(path: Path) -> None:
    """Raises ValueError if <student>/<assignment>/<file> is a link to what lies outside the student's own folder."""
    if not path.resolve().is_relative_to(path.parent.parent.resolve()):
        raise ValueError(f"{path.name} is a link that leaves the student's own folder; it was not read")


def parse_notebook(data: bytes, name: str) -> Parsed:
    """The notebook in a file's bytes, of nbformat 3 or 4 and in any encoding of Unicode or Latin-1, as Parsed.

    Where a file holds merge-conflict markers, its first side counts, and that is said where the sides differ.

    Raises:
        ValueError: no notebook is in it; in words for a teacher that begin with `name`.
    """
    text, uncertainties = _decoded(data, name)
    if not text.strip():
        raise ValueError(f"{name} is not valid JSON: it is empty, and so not a notebook")
    if CONFLICT.search(text):
        return replace(_merged(text, name), uncertainties=uncertainties)
    return replace(_parsed(text, name), uncertainties=uncertainties)


def _decoded(data, name):
    """A file's bytes as text, and sentences on characters that may be lost."""
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


def _merged(text, name):
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
        return replace(parsed, repairs=["it holds merge-conflict markers; both sides say the same, so it counts"])
    which = "the first side was graded" if not first else "the one side that can be read was graded"
    return replace(parsed, needs_attention=[f"{where}; {which}: a person must say which side counts"])


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


@dataclass(frozen=True)
class Match:
    """How far a parsed notebook is a released one. cells: how many are surely of it. answers: how many are in them.
    digest: of its answers and of what was not released; equal for two copies of the same work."""

    cells: int
    answers: int
    digest: Hashable


@dataclass
class SubmittedNotebooks:
    """The notebooks of a submission by name, sentences on what was mended, and on what a person must look at."""

    notebooks: dict[str, Found]
    repairs: list[str] = field(default_factory=list)
    needs_attention: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Candidate:
    """A file that may be a notebook. label: its path, as a person is told it. age: a pair of numbers that grow."""

    label: str
    age: tuple[float, int]
    parsed: Parsed
    match: Match


@dataclass(frozen=True)
class _Compared:
    """A file, and how far it is each of the released notebooks."""

    label: str
    parsed: Parsed
    matches: dict[str, Match]


def find_notebooks(
    folder: Path,
    wanted: list[str],
    match: Callable[[Parsed], dict[str, Match]],
    part: Callable[[Parsed, str], Parsed],
) -> SubmittedNotebooks:
    """The notebooks in a submission's folder, under any file names.

    A file with the right name and no rival is taken. Else every notebook in the folder, in its folders and in its zip
    files is compared with what is wanted; of several, the one with the most answers is taken, and of those the newest.

    Args:
        folder: <student>/<assignment>.
        wanted: the names of the notebooks.
        match: {name: Match} of a parsed notebook with each of the released ones.
        part: function(Parsed, name) -> Parsed, without what is surely another notebook's.
    """
    result, files, beside, came = SubmittedNotebooks({}), [], [], []
    for name in wanted:
        try:
            result.notebooks[name] = Found(read_notebook(folder / f"{name}.ipynb"))
        except ValueError as error:
            result.notebooks[name] = Found(why=str(error))
    files += [(f"{name}.ipynb", _age(folder, name), found.parsed) for name, found in result.notebooks.items()]
    if folder.is_dir():
        others, beside, came = _others(folder, {f"{name}.ipynb" for name in wanted}, result.needs_attention)
        files += others
    candidates, compared = {name: [] for name in wanted}, []
    for label, age, parsed in files:
        if parsed:
            matches = match(parsed)
            compared.append(_Compared(label, parsed, matches))
            best = max(matches, key=lambda name: matches[name].cells)
            if not matches[best].cells and label[:-6] in wanted:
                best = label.removesuffix(".ipynb")
            if matches[best].cells or label == f"{best}.ipynb":
                candidates[best].append(_Candidate(label, age, parsed, matches[best]))
    for name, several in candidates.items():
        if several:
            result.notebooks[name] = Found(_choose(name, several, result))
        elif result.notebooks[name].parsed:
            why = f"{name}.ipynb is missing: the file of that name holds another notebook"
            result.notebooks[name] = Found(why=why)
    _take_apart(result, compared, part)
    for name, one in result.notebooks.items():
        if one.parsed:
            result.notebooks[name] = Found(replace(one.parsed, beside=beside))
        elif came and one.why.endswith("is missing"):
            listed = ", ".join(f'"{other}"' for other in came[:5]) + (" …" if len(came) > 5 else "")
            why = f"{one.why}; what came is {listed}, which is no notebook that can be graded"
            result.notebooks[name] = Found(why=why)
    return result


def _choose(name, candidates, result):
    """The Parsed of the candidate that counts: the most answers, then the newest, then the one with the right name."""
    exact = f"{name}.ipynb"
    best, *rest = sorted(candidates, key=lambda it: (it.match.answers, it.age, it.label == exact), reverse=True)
    if best.label != exact:
        why = result.notebooks[name].why
        broken = "" if why.endswith("is missing") else why
        sentences = result.needs_attention if broken else result.repairs
        sentences.append(f'"{best.label}" was taken for {exact}' + (f": {broken}" if broken else ""))
    if different := [other for other in rest if other.match.digest != best.match.digest]:
        listed = ", ".join(f'"{other.label}"' for other in different[:5])
        count = "two" if len(different) == 1 else str(len(different) + 1)
        result.needs_attention.append(
            f'{count} notebooks answer {name}: "{best.label}" taken, {listed} left out: a person must compare'
        )
    return best.parsed


def _take_apart(result, compared, part):
    """Take a notebook that nobody handed in from the file of another one, where its answers stand there."""
    whole = {name: one.parsed for name, one in result.notebooks.items()}
    for name in [name for name, parsed in whole.items() if parsed is None]:
        best = max(compared, key=lambda it: it.matches[name].answers, default=None)
        if best is None or not best.matches[name].answers or not _stands_in(best, name):
            continue
        result.needs_attention.append(
            f'{result.notebooks[name].why}; its cells stand in "{best.label}" and were graded: a person must compare'
        )
        for other in result.notebooks:
            if other == name or whole[other] is best.parsed:
                result.notebooks[other] = Found(part(best.parsed, other))


def _stands_in(file, name):
    """Whether a file is more than half as much of this notebook as of any: fewer cells are copied functions."""
    return 2 * file.matches[name].cells > max(match.cells for match in file.matches.values())


def _age(folder, name):
    path = folder / f"{name}.ipynb"
    return (path.stat().st_mtime if path.is_file() else 0, 0)


def _others(folder, known, needs):
    """[(label, age, Parsed)] of each notebook in a folder that does not have its name and place, the names of the
    documents and pictures in it, and those of all files in which no notebook was found; all bounded."""
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
    names = [plain(str(file.place))[:100] for file in files if not file.place.name.startswith((".", "timestamp.txt"))]
    came = [name for name in names if not any(label == name or label.startswith(f"{name}/") for label, *_ in read)]
    return read, beside, came[:MAX_FILES]


def _documents(files):
    names = [plain(file.place.name)[:100] for file in files if file.place.suffix.lower() in DOCUMENTS]
    return [name for name in names if not name.startswith("._")][:MAX_FILES]


def may_be_notebook(path: PurePath) -> bool:
    """Whether a file's name is one that a notebook may have, `problem1.ipynb.download` included."""
    return path.suffix.lower() in SUFFIXES or ".ipynb" in path.name.lower()


def _parsed_files(files, prefix, needs):
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

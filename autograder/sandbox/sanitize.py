"""Reduce the outputs of a student's cells to text, errors and real pictures of bounded size.

Formgrader shows a notebook to the teacher, with the rights of the teacher's own Jupyter server, and the feedback shows
it to its student. So HTML, scripts, SVG, widgets and whatever else a browser would act on are left out, and so is what
breaks a page or a database: escape sequences (a lone "38" of colour ends nbconvert in an IndexError), NUL bytes
(PostgreSQL refuses them) and surrogates (UTF-8 does).
"""

import base64
import binascii
import re
import struct
import sys
from pathlib import Path

from nbformat import NotebookNode
from nbformat.v4 import new_output
from nbgrader.utils import is_grade

MAX_TEXT_CHARACTERS = 20_000  # characters of text that one cell may leave
MAX_OUTPUTS = 100  # outputs of one cell
MAX_PICTURE_BYTES = 2 * 2**20  # bytes of the pictures of one cell
MAX_PIXELS = 16_000_000  # a picture of few bytes can have more pixels than a browser's memory
MAX_SOURCE_CHARACTERS = 200_000  # characters of one cell
PICTURES = ("image/png", "image/jpeg")
REMOVED_OUTPUT = "[an output that is neither text nor a picture that can be shown]"

ESCAPE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)|[ -/]*[0-~])?")
CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufffe\uffff]")
SURROGATE = re.compile(r"[\ud800-\udfff]")
PATH = re.compile(r"(?:\bfile://|(?<![\w.:/~]))(?:/[^\s/:'\"<>]+)+/(?=[^\s/:'\"<>])")
FOLDER = re.compile(rf"(?<![\w.:/~])(?:{re.escape(str(Path.home()))}|{re.escape(sys.prefix)})(?![\w/-])")


def sanitize_cell(cell: NotebookNode, limit: int = MAX_TEXT_CHARACTERS) -> NotebookNode:
    """Remove from a cell whatever is unsafe to store or show. The cell is changed, and returned.

    The outputs of a grade cell are the grader's own and stay as they are.

    Args:
        cell: a notebook cell; nothing that a kernel put into it is believed.
        limit: characters of text that its outputs may hold; what is over is cut, and a sentence says so.
    """
    cell.source = plain(cell.source)[:MAX_SOURCE_CHARACTERS]
    if cell.cell_type != "code":
        attachments = {plain(name): _pictures(bundle) for name, bundle in _dict(cell.pop("attachments", None)).items()}
        if attachments := {name: bundle for name, bundle in attachments.items() if bundle}:
            cell.attachments = attachments
        return cell
    count = cell.get("execution_count")
    cell.execution_count = count if type(count) is int and 0 < count < 10**6 else None  # stands in the page as it is
    if not is_grade(cell):
        cell.outputs = _outputs(cell.outputs, limit)
    return cell


def sanitize_notebook(notebook: NotebookNode, limit: int = MAX_TEXT_CHARACTERS) -> NotebookNode:
    """`sanitize_cell` for each cell; of the notebook's metadata only its language and kernel are kept."""
    kernel = notebook.metadata.get("kernelspec")
    notebook.metadata.clear()
    notebook.metadata.update({"kernelspec": kernel} if kernel else {}, language_info={"name": "python"})
    for cell in notebook.cells:
        sanitize_cell(cell, limit)
    return notebook


def plain(text: object) -> str:
    """Text, or a list of lines, as text that can be saved anywhere and shown anywhere; "" of anything else."""
    if isinstance(text, list):
        text = "".join(line for line in text if isinstance(line, str))
    if not isinstance(text, str):
        return ""
    return SURROGATE.sub("\ufffd", CONTROL.sub("", ESCAPE.sub("", text)))


def without_paths(text: str) -> str:
    """Text without the folders of this machine: a file's own name is left of its path."""
    return FOLDER.sub("…", PATH.sub("…/", text))


def picture(mime: str, text: object) -> str | None:
    """The normalised base64 text of a PNG or JPEG; None where it is not one or has too many bytes or pixels."""
    try:
        data = base64.b64decode("".join(plain(text).split()), validate=True)
        width, height = (_png_size if mime == "image/png" else _jpeg_size)(data)
    except (binascii.Error, ValueError, struct.error, IndexError):
        return None
    fits = len(data) <= MAX_PICTURE_BYTES and 0 < width * height <= MAX_PIXELS
    return base64.b64encode(data).decode() if fits else None


def _outputs(outputs, limit):
    result, left, room = [], limit, MAX_PICTURE_BYTES * 4 // 3
    for output in outputs[:MAX_OUTPUTS]:
        output_copy = _output(output)
        size = sum(len(output_copy.data.get(mime, "")) for mime in PICTURES) if "data" in output_copy else 0
        if size > room:
            output_copy.data = {"text/plain": output_copy.data.get("text/plain", REMOVED_OUTPUT)}
        else:
            room -= size
        left = _cut(output_copy, left)
        result.append(output_copy)
        if left < 0:
            break
    if left < 0 or len(outputs) > MAX_OUTPUTS:
        what = f"{limit:,} characters" if left < 0 else f"{MAX_OUTPUTS} outputs"
        result.append(new_output("stream", name="stderr", text=f"[cut after {what}]\n"))
    return result


def _output(output):
    """A copy of an output that holds only what is safe."""
    kind = output.get("output_type")
    if kind == "stream":
        name = "stderr" if output.get("name") == "stderr" else "stdout"
        return new_output("stream", name=name, text=without_paths(plain(output.get("text"))))
    if kind == "error":
        lines = output.get("traceback")
        return new_output(
            "error",
            ename=without_paths(plain(output.get("ename"))),
            evalue=without_paths(plain(output.get("evalue"))),
            traceback=[without_paths(plain(line)) for line in lines] if isinstance(lines, list) else [],
        )
    given = _dict(output.get("data"))
    data = _pictures(given)
    if isinstance(given.get("text/plain"), str | list):
        data["text/plain"] = without_paths(plain(given["text/plain"]))
    return new_output("display_data", data or {"text/plain": REMOVED_OUTPUT})


def _cut(output, left):
    """Shorten an output's texts to what is left of the limit. Returns what is left then: below 0 where it was cut."""
    for holder, key in [(output, "text"), (output, "ename"), (output, "evalue"), (output.get("data"), "text/plain")]:
        if holder and key in holder:
            size, holder[key] = len(holder[key]), holder[key][: max(left, 0)]
            left -= size
    lines = []
    for line in output.get("traceback", ()):
        lines.append(line[: max(left, 0)])
        left -= len(line) + 1
        if left < 0:
            break
    if "traceback" in output:
        output.traceback = lines
    return left


def _pictures(bundle):
    """{mime: base64 text} of the real pictures in a bundle of mime types."""
    pictures = {mime: picture(mime, _dict(bundle).get(mime)) for mime in PICTURES}
    return {mime: text for mime, text in pictures.items() if text}


def _dict(value):
    return value if isinstance(value, dict) else {}


def _png_size(data):
    if data[:8] != b"\x89PNG\r\n\x1a\n" or data[12:16] != b"IHDR":
        raise ValueError("no PNG")
    return struct.unpack(">II", data[16:24])


def _jpeg_size(data):
    """Width and height from a JPEG's frame header (ITU-T T.81, B.2.2)."""
    if data[:3] != b"\xff\xd8\xff":
        raise ValueError("no JPEG")
    at = 2
    while data[at] == 0xFF:
        marker, length = data[at + 1], struct.unpack(">H", data[at + 2 : at + 4])[0]
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack(">HH", data[at + 5 : at + 9])
            return width, height
        at += 2 + length
    raise ValueError("no frame in the JPEG")

"""What may be kept of a student's cells, and that what is kept breaks nothing and does nothing."""

import base64
import io
import json
import struct
import zlib

import matplotlib.image
import nbformat
import numpy as np
import pytest
from nbconvert.filters import ansi2html
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from autograder.sandbox.sanitize import (
    MAX_PICTURE_BYTES,
    REMOVED_OUTPUT,
    picture,
    plain,
    sanitize_cell,
    sanitize_notebook,
    without_paths,
)


def png(width=3, height=2):
    file = io.BytesIO()
    matplotlib.image.imsave(file, np.zeros((height, width, 3)), format="png")
    return base64.b64encode(file.getvalue()).decode()


def jpeg():
    file = io.BytesIO()
    matplotlib.image.imsave(file, np.zeros((20, 30, 3)), format="jpeg")
    return base64.b64encode(file.getvalue()).decode()


def shown(*outputs, limit=1000):
    cell = new_code_cell("x")
    cell.outputs = list(outputs)
    return sanitize_cell(cell, limit).outputs


def display(**data):
    """A display_data output; an underscore stands for the slash of a mime type."""
    return new_output("display_data", {name.replace("_", "/", 1): value for name, value in data.items()})


def test_text_an_error_and_a_picture_stay():
    picture = png()
    kept = shown(
        new_output("stream", name="stderr", text="a warning\n"),
        new_output("error", ename="ValueError", evalue="no", traceback=["line 1", "line 2"]),
        display(image_png=picture, text_plain="<Figure>"),
        new_output("execute_result", {"text/plain": ["1", "2"]}, execution_count=3),
    )
    assert (kept[0].name, kept[0].text) == ("stderr", "a warning\n")
    assert (kept[1].ename, kept[1].evalue, kept[1].traceback) == ("ValueError", "no", ["line 1", "line 2"])
    assert kept[2].data == {"image/png": picture, "text/plain": "<Figure>"}
    assert kept[3].data == {"text/plain": "12"}


@pytest.mark.parametrize(
    "mime",
    [
        "text/html",
        "text/markdown",
        "text/latex",
        "image/svg+xml",
        "application/javascript",
        "application/json",
        "application/vnd.jupyter.widget-view+json",
        "image/gif",
        "made/up",
    ],
)
def test_what_a_browser_would_act_on_goes_and_a_word_says_so(mime):
    (kept,) = shown(
        new_output("display_data", {mime: "<script>alert(1)</script>"}, metadata={mime: {"isolated": True}})
    )
    assert kept.data == {"text/plain": REMOVED_OUTPUT}
    assert kept.metadata == {}
    (beside,) = shown(new_output("display_data", {mime: "<script>", "text/plain": "a table"}))
    assert beside.data == {"text/plain": "a table"}


def test_a_picture_s_width_is_no_place_for_an_attribute():
    output = new_output("display_data", {"image/png": png()}, metadata={"image/png": {"width": "1 onerror=alert(1)"}})
    assert shown(output)[0].metadata == {}


def test_a_forged_count_does_not_reach_the_page():
    for forged in ("<script>", 10**5000, -1, 1.5, True, None):
        cell = new_code_cell("x")
        cell.execution_count = forged
        assert sanitize_cell(cell).execution_count is None
    cell.execution_count = 7
    assert sanitize_cell(cell).execution_count == 7


def test_an_output_of_a_kind_that_does_not_exist_is_shown_as_none():
    odd = nbformat.from_dict({"output_type": "stream", "name": "<b>", "text": {"a": 1}})
    assert shown(odd) == [{"output_type": "stream", "name": "stdout", "text": ""}]
    (kept,) = shown(nbformat.from_dict({"output_type": ["x"], "data": "y"}))
    assert kept.data == {"text/plain": REMOVED_OUTPUT}
    (kept,) = shown(nbformat.from_dict({"output_type": "error", "ename": 3, "traceback": "x"}))
    assert (kept.ename, kept.evalue, kept.traceback) == ("", "", [])


def test_pictures_are_pictures():
    assert picture("image/png", png()) == png()
    assert picture("image/png", "\n".join(png())) == png()
    assert picture("image/jpeg", jpeg()) == jpeg()
    assert picture("image/png", jpeg()) is None
    assert picture("image/jpeg", png()) is None
    assert picture("image/png", png()[:20]) is None
    assert picture("image/jpeg", jpeg()[:20]) is None
    assert picture("image/png", '" onerror="alert(1)') is None
    assert picture("image/png", base64.b64encode(b"<svg onload='alert(1)'>").decode()) is None
    for nonsense in (None, 3, {}, "", "\ud800", "é"):
        assert picture("image/png", nonsense) is None


def test_a_picture_of_few_bytes_and_many_pixels_is_none():
    def bomb(side):
        header = struct.pack(">II5B", side, side, 8, 0, 0, 0, 0)
        chunk = struct.pack(">I", 13) + b"IHDR" + header + struct.pack(">I", zlib.crc32(b"IHDR" + header))
        return base64.b64encode(b"\x89PNG\r\n\x1a\n" + chunk).decode()

    assert picture("image/png", bomb(1000))
    assert picture("image/png", bomb(100_000)) is None
    assert picture("image/png", bomb(0)) is None


def test_the_pictures_of_one_cell_have_one_limit():
    large = base64.b64encode(base64.b64decode(png()) + bytes(MAX_PICTURE_BYTES * 2 // 3)).decode()
    kept = shown(*[display(image_png=large, text_plain="p")] * 3)
    assert ["image/png" in output.data for output in kept] == [True, False, False]
    assert [output.data["text/plain"] for output in kept] == ["p"] * 3
    huge = base64.b64encode(base64.b64decode(png()) + bytes(MAX_PICTURE_BYTES)).decode()
    assert shown(display(image_png=huge))[0].data == {"text/plain": REMOVED_OUTPUT}
    assert picture("image/png", huge) is None
    assert shown(*[display(image_png=large)] * 2)[1].data == {"text/plain": REMOVED_OUTPUT}


def test_text_is_cut_where_it_is_too_long_and_a_sentence_says_so():
    first, last = shown(new_output("stream", name="stdout", text="a" * 5000), limit=1000)
    assert first.text == "a" * 1000
    assert last.text == "[cut after 1,000 characters]\n"
    kept = shown(*[new_output("stream", name="stdout", text="a" * 400)] * 9, limit=1000)
    assert [len(output.text) for output in kept[:-1]] == [400, 400, 200]
    error = new_output("error", ename="E", evalue="b" * 50, traceback=["c" * 600, "d" * 600, "e"])
    kept, last = shown(error, limit=1000)
    assert [len(line) for line in kept.traceback] == [600, 348]
    assert "cut after" in last.text
    assert "cut" in shown(*[new_output("stream", name="stdout", text="")] * 101)[-1].text
    assert len(shown(*[new_output("stream", name="stdout", text="")] * 5000)) == 101


def test_nothing_is_said_where_nothing_is_cut():
    assert len(shown(new_output("stream", name="stdout", text="a" * 1000), limit=1000)) == 1


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("a\x1b[38mb", "ab"),
        ("a\x1b[48;2mb", "ab"),
        ("a\x1b[2Jb\x1b[1;1Hc", "abc"),
        ("a\x1b]0;title\x07b", "ab"),
        ("a\x1b]8;;http://x\x1b\\b", "ab"),
        ("a\x1b]never ended", "anever ended"),
        ("a\x1b", "a"),
        ("a\x00b\x07c\x08d\x9be", "abcde"),
        ("a\ud800b", "a\ufffdb"),
        ("\ud83d\ude00", "\ufffd\ufffd"),
        ("tab\tline\nreturn\rμ", "tab\tline\nreturn\rμ"),
        (["a\n", "b", 3, None], "a\nb"),
        ({"a": 1}, ""),
        (None, ""),
    ],
)
def test_text_is_plain(text, left):
    assert plain(text) == left
    plain(text).encode("utf8")
    ansi2html(plain(text))


def test_stock_nbconvert_stumbles_over_an_escape_that_is_taken_out():
    """The test above, tested."""
    with pytest.raises(IndexError):
        ansi2html("a\x1b[38mb")


def test_a_cleaned_notebook_can_be_saved_whatever_was_in_it(tmp_path):
    cell = new_code_cell("print('\ud800\x00')")
    cell.outputs = [new_output("stream", name="stdout", text="\ud800\x00")]
    notebook = new_notebook(cells=[cell, new_markdown_cell("\ud800\x00")])
    notebook.metadata = nbformat.from_dict(
        {
            "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"},
            "language_info": {"name": "</script>"},
            "widgets": {"application/vnd.jupyter.widget-state+json": {"x": "</script>"}},
        }
    )
    sanitize_notebook(notebook)
    assert notebook.metadata.keys() == {"kernelspec", "language_info"}
    assert notebook.metadata.language_info == {"name": "python"}
    nbformat.validate(notebook)
    nbformat.write(notebook, tmp_path / "n.ipynb")
    text = json.dumps(notebook, ensure_ascii=False)
    assert "\\u0000" not in text and "script" not in text


def test_a_grade_cell_s_own_output_stays_and_a_student_s_markdown_keeps_its_pictures():
    check = new_code_cell('check("1-1")', metadata={"nbgrader": {"grade": True, "solution": False}})
    check.outputs = [new_output("execute_result", {"text/plain": "1.0", "text/html": "<b>ours</b>"})]
    assert sanitize_cell(check).outputs[0].data["text/html"] == "<b>ours</b>"
    written = new_markdown_cell("$x$ ![](attachment:photo.png)", metadata={"nbgrader": {"grade": True}})
    written.attachments = {
        "photo.png": {"image/png": png(), "text/html": "<script>"},
        "drawing.svg": {"image/svg+xml": "<svg onload='alert(1)'>"},
        "forged.png": {"image/png": "<script>"},
        "odd": 3,
    }
    sanitize_cell(written)
    assert written.attachments == {"photo.png": {"image/png": png()}}
    bare = new_markdown_cell("x")
    bare.attachments = "none"
    assert "attachments" not in sanitize_cell(bare)


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("/home/ada/lib/numpy/core.py:3: RuntimeWarning", "…/core.py:3: RuntimeWarning"),
        ("a/b and 1/2, see https://a.org/b/c", "a/b and 1/2, see https://a.org/b/c"),
        ('File "/opt/x/y.py"', 'File "…/y.py"'),
        ("x = a / b / c", "x = a / b / c"),
        ("PosixPath('/tmp/abc/def')", "PosixPath('…/def')"),
        ("file:///home/ada/x.py", "…/x.py"),
        ("path=/home/ada/x.py", "path=…/x.py"),
    ],
)
def test_paths_of_this_machine_are_taken_out(text, left):
    assert without_paths(text) == left


def test_the_teacher_s_home_is_not_named(monkeypatch):
    from pathlib import Path

    assert str(Path.home()) not in without_paths(f"cwd: {Path.home()}")


def test_paths_go_from_every_text_of_an_output():
    kept = shown(
        new_output("stream", name="stderr", text="in /opt/x/y.py"),
        new_output("error", ename="E", evalue="in /opt/x/y.py", traceback=["\x1b[32mFile /opt/x/y.py:7\x1b[39m"]),
        new_output("execute_result", {"text/plain": "'/opt/x/y.py'"}),
    )
    assert "/opt" not in json.dumps(kept)
    assert kept[1].traceback == ["File …/y.py:7"]

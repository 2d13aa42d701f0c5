"""The files of an untrusted download, a folder or a zip file.

Names and contents come from strangers. A name is never used as a path, no link is followed, and a file is
read only when it is asked for, and no further than MAX_FILE_BYTES.
"""

import contextlib
import lzma
import os
import stat
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from autograder.course.roster import shown

MAX_FILE_BYTES = 64 * 2**20  # of a file that is read, its outputs included
MAX_ENTRIES = 100_000  # entries of a zip file
MAX_DEPTH = 20  # folders in each other
UNREADABLE = (OSError, RuntimeError, ValueError, EOFError, zipfile.BadZipFile, zlib.error, lzma.LZMAError)


@dataclass(frozen=True)
class File:
    """place: where it lies in the download. age: when it was written, as a number that grows. read: its first
    MAX_FILE_BYTES + 1 bytes; raises one of UNREADABLE."""

    place: PurePosixPath
    age: float
    read: Callable[[], bytes]


@contextlib.contextmanager
def opened(download: Path | str) -> Iterator[tuple[list[File], list[str]]]:
    """A list of Files, and of sentences on what was left out and why.

    Raises:
        ValueError: it is neither a folder nor a zip file, or there is no such thing.
    """
    download, left = Path(download), []
    if download.is_dir():
        yield list(_of_folder(download, PurePosixPath(), left)), left
        return
    if not download.exists():
        raise ValueError(f"There is no {download}.")
    try:
        archive = zipfile.ZipFile(download)
    except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        raise ValueError(f"{download} is no folder and no zip file ({error}).") from error
    with archive:
        if len(archive.infolist()) > MAX_ENTRIES:
            raise ValueError(
                f"{download} has {len(archive.infolist()):,} entries; at most {MAX_ENTRIES:,} are looked at."
            )
        yield list(_of_zip(archive, left)), left


def _of_folder(folder, inner, left):
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: os.fsencode(entry.name))
    except OSError as error:
        left.append(f"{quoted(inner)} cannot be read ({error.strerror})")
        return
    for entry in entries:
        place = inner / entry.name
        if _litter(entry.name):
            continue
        if entry.is_dir(follow_symlinks=False):
            if _folder(place, left):
                yield from _of_folder(entry.path, place, left)
        elif entry.is_file(follow_symlinks=False):
            yield File(place, entry.stat(follow_symlinks=False).st_mtime, lambda path=entry.path: _read_path(path))
        else:
            left.append(f"{quoted(place)} is a link, or no file at all; it was not followed")


def _read_path(path):
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(descriptor, "rb") as file:
        return file.read(MAX_FILE_BYTES + 1)


def _of_zip(archive, left):
    for info in archive.infolist():
        name = info.filename
        if not info.flag_bits & 0x800:  # not said to be UTF-8, and often it is
            with contextlib.suppress(UnicodeError):
                name = name.encode("cp437").decode("utf8")
        parts = name.replace("\\", "/").removesuffix("/").split("/")
        if any(part in {"", ".", ".."} for part in parts) or parts[0].endswith(":"):
            left.append(f"{quoted(name[:200])} points out of the zip file; it was left there")
            continue
        if any(map(_litter, parts)):
            continue
        place = PurePosixPath(*parts)
        if max(map(len, parts)) > 255 or len(parts) > MAX_DEPTH:
            left.append(f"{quoted(name[:100])}… has too long a name; it was left there")
        elif info.is_dir():
            _folder(place, left)
        elif stat.S_IFMT(info.external_attr >> 16) not in {0, stat.S_IFREG}:
            left.append(f"{quoted(place)} is a link, or no file at all; it was not followed")
        else:
            age = float("".join(f"{part:02}" for part in info.date_time))
            yield File(place, age, lambda info=info: _read_entry(archive, info))


def _read_entry(archive, info):
    if info.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
        raise ValueError("compressed in an unusual way")
    with archive.open(info) as file:
        return file.read(MAX_FILE_BYTES + 1)


def _litter(name):
    return name.startswith(".") or name == "__MACOSX"


def _folder(place, left):
    if place.suffix == ".ipynb":
        left.append(f"{quoted(place)} is a folder, no notebook")
    if len(place.parts) >= MAX_DEPTH:
        left.append(f"{quoted(place)} lies too deep; it was not looked into")
    return len(place.parts) < MAX_DEPTH


def quoted(name: object) -> str:
    """A stranger's name for print, in quotation marks."""
    return f'"{shown(str(name))}"'

"""A download from Canvas or Moodle, or a plain folder, sorted into <student>/<assignment>/.

How the two name what they hand out stands in their own sources:

- Canvas, `lib/content_zipper.rb` of instructure/canvas-lms: `<name>_<user id>_<file id>_<file>`, with `_LATE` after the
  name where it was late; the name is "last, first" in small letters, without spaces and signs.
- Moodle, `mod/assign/classes/downloader.php` of moodle/moodle: `<full name>_<participant id>_assignsubmission_file`, as
  a folder with the student's files in it, or, without "Download submissions in folders", before the name of each file.
- A plain folder, or a zip file of one: `<student>/…` or `<student>_<file>`, where <student> is a login, an email
  address, a number or a name of the roster. Here alone a timestamp.txt is believed, in <student>/ or
  <student>/<assignment>/.

Who a file is from is what the download says of it and the roster knows; which notebook it is, its cells say.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC
from pathlib import Path, PurePosixPath
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import dateutil.parser
import nbformat

from autograder.assignment.model import Assignment
from autograder.assignment.release import source_notebooks
from autograder.course.late_policy import moment
from autograder.course.roster import Student, folded, shown, spellings
from autograder.grading.archive import MAX_FILE_BYTES, UNREADABLE, opened, quoted
from autograder.grading.notebook_file import parse_notebook
from autograder.grading.repair import match_released

MAX_FILES_OF_STUDENT = 50  # files of one student
CANVAS_NAME = re.compile(r"(?=(_LATE)?_(\d{1,19})_(\d{1,19})_)")
MOODLE_NAME = re.compile(r"(.*?)_(\d{1,19})_assignsubmission_[a-z]+(?:_(.*))?", re.DOTALL)
NUMBERED_NAME = re.compile(r"(.*?)(?:[-_ ]?\((\d{1,9})\)|-(\d{1,9}))?", re.DOTALL)  # problem1 (1), problem1-2
AMBIGUOUS_DATE = re.compile(r"\b\d{1,2}[/.-]\d{1,2}[/.-]\d{2,4}\b")  # 11/12/2030


@dataclass(frozen=True)
class Piece:
    """A file with what its place says of it. students: the keys of those whom it may be from. sender: the same for all
    of one person's files. plain: a timestamp.txt there is the teacher's."""

    file: object
    name: str
    sender: str
    students: tuple
    age: float = 0
    late: bool = False
    plain: bool = False


@dataclass
class Collected:
    """students: {key: names of the notebooks received}. needs_attention: what a person must look at. notes: what was
    done. absent: keys of the students who sent nothing."""

    students: dict = field(default_factory=dict)
    needs_attention: list = field(default_factory=list)
    notes: list = field(default_factory=list)
    absent: list = field(default_factory=list)


def collect(
    assignment: Assignment,
    download: Path | str,
    roster: Mapping[str, Student],
    out: Path | str,
    *,
    replacing: bool = False,
    timezone: str | None = None,
) -> Collected:
    """Sort a download into out/<student>/<assignment>/. Idempotent.

    Args:
        download: a folder or a zip file.
        roster: {key: Student}.
        out: the folder that gets <student>/<assignment>/<notebook>.ipynb, and timestamp.txt where a time is told.
        replacing: what differs from what was collected before takes its place; else it is left and reported.
        timezone: name of the zone that the roster's times are in, where they do not say.

    Returns:
        Collected.

    Raises:
        ValueError: the download is neither a folder nor a zip file, `out` lies in it, or there is no such zone.
    """
    out = Path(out)
    if out.resolve().is_relative_to(Path(download).resolve()):
        raise ValueError(f"{out} lies in {download} itself; choose another --out.")
    try:
        zone = ZoneInfo(timezone) if timezone else None
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f"There is no time zone {timezone!r}; one like Europe/Paris is expected.") from error
    wanted = {name: nbformat.from_dict(notebook) for name, notebook in source_notebooks(assignment).items()}
    done, names = Collected(), _Names(roster)
    with opened(download) as (files, done.needs_attention):
        pieces = [_piece(place, file, names, assignment.name) for place, file in _without_wrapper(files, names)]
        _report_strangers([piece for piece in pieces if len(piece.students) != 1], done)
        theirs = {}
        for piece in pieces:
            if len(piece.students) == 1:
                theirs.setdefault(piece.students[0], []).append(piece)
        for key, student in roster.items():
            if key in theirs:
                _sort(student, theirs[key], wanted, out / key / assignment.name, replacing, zone, done)
            else:
                done.absent.append(key)
    return done


class _Names:
    """The roster's students by what a download may call them."""

    def __init__(self, roster):
        self.canvas = {s.canvas_id: s for s in roster.values() if s.canvas_id}
        self.participants = {s.participant: s for s in roster.values() if s.participant}
        self.spelled, self.named = {}, {}
        for s in roster.values():
            for name in spellings(s):
                self.spelled.setdefault(name, []).append(s)
            for name in {v.casefold() for v in (s.key, s.login, s.email, s.number, s.canvas_id) if v}:
                self.named.setdefault(name, []).append(s)

    def plain(self, text):
        students = self.named.get(text.casefold(), []) + self.spelled.get(folded(text), [])
        return {student.key: student for student in students}

    def by(self, number, name, numbers, kind):
        """Who has this number and this name; or this name alone, where the roster tells no number of theirs."""
        alike = self.spelled.get(folded(name), [])
        if number in numbers:
            student = numbers[number]
            return [student.key] if student in alike or not student.name else []
        return [student.key for student in alike if not getattr(student, kind)]


def _without_wrapper(files, names):
    """(place, file), without a common top folder that is no student's."""

    places = [file.place for file in files]
    while places and all(len(place.parts) > 1 and place.parts[0] == places[0].parts[0] for place in places):
        top = places[0].parts[0]
        if MOODLE_NAME.fullmatch(top) or names.plain(top):
            break
        places = [PurePosixPath(*place.parts[1:]) for place in places]
    return list(zip(places, files, strict=True))


def _piece(place, file, names, assignment):
    top, *inner = place.parts
    if (match := MOODLE_NAME.fullmatch(top)) and (own := inner[-1] if inner else match[3]):
        students = names.by(match[2], match[1], names.participants, "participant")
        return Piece(file, own, f"{match[1]}_{match[2]}", tuple(students))
    if not inner and (readings := list(_canvas(top))):
        fitting = [(reading, key) for reading in readings for key in names.by(*reading[:2], names.canvas, "canvas_id")]
        user, name, own, late, number = fitting[0][0] if fitting else readings[0]
        return Piece(file, own, f"{name}_{user}", tuple(key for _, key in fitting), number, late)
    if inner:
        return Piece(file, inner[-1], top, tuple(names.plain(top)), file.age, plain=inner[:-1] in ([], [assignment]))
    ends = [*(match.start() for match in re.finditer("[-_ ]", place.stem)), len(place.stem)]
    begun = {end: names.plain(place.stem[:end]) for end in ends}
    students = {key: key for match in begun.values() for key in match}
    own = top[max((end + 1 for end in ends[:-1] if begun[end]), default=0) :]
    return Piece(file, own, next(iter(students), place.stem), tuple(students), file.age)


def _canvas(name):
    """Every way to read a name as one of Canvas': students choose the names of their files, and may choose their own.

    Yields (user id, name, file, late, file id).
    """
    for match in CANVAS_NAME.finditer(name):
        late, user, number = match.groups()
        before = name[: match.start()]
        if late or not before.endswith("_LATE"):
            own = name[match.start() + len(late or "") + len(user) + len(number) + 3 :]
            yield user, before, own, bool(late), int(number)


def _report_strangers(pieces, done):
    together = {}
    for piece in pieces:
        together.setdefault((piece.sender, piece.students), []).append(piece)
    for (sender, keys), theirs in together.items():
        files = ", ".join(quoted(piece.name) for piece in theirs[:3]) + (" …" if len(theirs) > 3 else "")
        fits = " and ".join(map(shown, keys)) if keys else "nobody"
        done.needs_attention.append(f"{quoted(sender)} fits {fits} of the roster; left alone: {files}")


def _sort(student, pieces, wanted, folder, replacing, zone, done):
    who = shown(student.key)
    notebooks = done.students.setdefault(student.key, [])
    if len(senders := sorted({piece.sender for piece in pieces})) > 1:
        done.needs_attention.append(f"{who}: {' and '.join(map(quoted, senders))} both fit; nothing was taken")
        return
    if len(pieces) > MAX_FILES_OF_STUDENT:
        done.needs_attention.append(
            f"{who}: {len(pieces)} files came, and at most {MAX_FILES_OF_STUDENT} are looked at; nothing was taken"
        )
        return
    answers, times, others, shared = {}, [], [], []
    for piece in pieces:
        try:
            data = piece.file.read()
        except UNREADABLE as error:
            done.needs_attention.append(f"{who}: {quoted(piece.name)} cannot be read ({type(error).__name__})")
            continue
        if piece.plain and piece.name == "timestamp.txt":
            times.append(data[:100].decode("utf8", "replace").strip())
            continue
        if len(data) > MAX_FILE_BYTES:
            done.needs_attention.append(
                f"{who}: {quoted(piece.name)} is larger than {MAX_FILE_BYTES:,} bytes; left alone"
            )
            continue
        name, words, serious, held = _which(piece.name, data, wanted)
        if held:
            shared.append((piece, held, words))
        elif words:
            (done.needs_attention if serious else done.notes).append(f"{who}: {quoted(piece.name)} {words}")
        if name:
            answers.setdefault(name, []).append((piece, hashlib.sha256(data).digest()))
        else:
            others.append(piece.name)
    apart = _take_shared(who, shared, answers, done)
    for name in wanted:
        if chosen := _newest(who, name, answers.get(name, []), done):
            notebooks.append(name)
            _save(chosen.file.read(), folder / f"{name}.ipynb", who, replacing, done)
        elif name not in answers and name not in apart:
            beside = f"; beside it came {', '.join(map(quoted, others[:5]))}" if others else ""
            done.needs_attention.append(f"{who}: no notebook answers {name}{beside}")
    _save_time(student, times, any(piece.late for piece in pieces), folder / "timestamp.txt", replacing, zone, done)


def _take_shared(who, shared, answers, done):
    """Take the one file that holds several notebooks for the first of them, where no other file answers any of these.

    shared: (piece, the names of the notebooks that it holds, what else is said of it).

    Returns:
        The names of notebooks that came in the file of another one.
    """
    apart = set()
    for piece, held, words in shared:
        others = [answering for name in held for answering, _ in answers.get(name, ()) if answering is not piece]
        if len(shared) == 1 and not others:
            (digest,) = {digest for name in held for _, digest in answers.pop(name, ())} or {b""}
            answers[held[0]] = [(piece, digest)]
            apart |= set(held[1:])
            words = f"holds {' and '.join(held)}; grading takes them apart"
        done.needs_attention.append(f"{who}: {quoted(piece.name)} {words}")
    return apart


def _which(file_name, data, wanted):
    """The notebook that a file answers, or None; a sentence, or ""; whether a person must look; and the names of all
    notebooks that it holds, if these are several.
    """
    stem, _, suffix = file_name.rpartition(".")
    by_name = NUMBERED_NAME.fullmatch(stem)[1]
    by_name = by_name if by_name in wanted else None
    try:
        parsed = parse_notebook(data, file_name)
    except ValueError:
        if suffix != "ipynb":
            return None, "", False, []
        if by_name:
            return by_name, f"cannot be read as a notebook; taken for {by_name}, by its name", True, []
        return None, "cannot be read as a notebook, and its name does not say which one it is; left alone", True, []
    (most, best), *rest = _cells_of_each(parsed, wanted)
    also = [name for count, name in rest if count]
    held = sorted([best, *also]) if also else []
    if not most:
        if by_name:
            return by_name, f"holds no cell of {by_name}; taken for it, by its name", True, []
        return None, "holds no cell of the assignment; left alone", True, []
    if also and rest[0][0] == most:
        return None, f"holds as many cells of {rest[0][1]} as of {best}; left alone", True, held
    if also:
        return best, f"holds cells of {' and '.join(also)} too; taken for {best}", True, held
    if by_name not in {None, best}:
        return best, f"holds the cells of {best}; taken for that", True, []
    return best, "" if file_name == f"{best}.ipynb" else f"answers {best}", False, []


def _cells_of_each(parsed, wanted):
    """[(how many of its cells a file holds, name)] of each notebook, the most first: by the assignment's information in
    the cells, else by what stands in them. By content a few alike, such as copied functions, do not count.
    """
    named = {cell.name for cell in parsed.cells} - {None}
    counts = {name: len(named & grade_ids(notebook)) for name, notebook in wanted.items()}
    if not any(counts.values()):
        alike = {name: match_released(parsed, notebook).cells for name, notebook in wanted.items()}
        counts = {name: count if 2 * count > max(alike.values()) else 0 for name, count in alike.items()}
    return sorted(((count, name) for name, count in counts.items()), reverse=True)


def grade_ids(notebook: nbformat.NotebookNode) -> set[str]:
    """The names of a notebook's graded cells."""
    return {cell.metadata.nbgrader.grade_id for cell in notebook.cells if "nbgrader" in cell.metadata}


def _newest(who, name, candidates, done):
    """The newest of the pieces that answer one notebook; None where there is none, or nothing tells which it is."""
    different = {digest: piece for piece, digest in sorted(candidates, key=lambda pair: _age(pair[0]))}
    if len(different) < 2:
        return next(iter(different.values()), None)
    ordered = sorted(different.values(), key=_age, reverse=True)
    newest, *older = (quoted(piece.name) for piece in ordered)
    count = "two" if len(ordered) == 2 else len(ordered)
    if _age(ordered[0]) == _age(ordered[1]):
        remark = f"{', '.join([newest, *older])}: nothing tells which is newer, and none was taken"
        done.needs_attention.append(f"{who}: {count} notebooks answer {name}, {remark}")
        return None
    older = f"{', '.join(older)} {'is' if len(older) == 1 else 'are'} older"
    done.needs_attention.append(f"{who}: {count} notebooks answer {name}: {newest} taken, {older}")
    return ordered[0]


def _age(piece):
    _, brackets, dash = NUMBERED_NAME.fullmatch(piece.name.rpartition(".")[0]).groups()
    return piece.age, int(brackets or dash or 0)


def _save(data, path, who, replacing, done):
    try:
        before = path.read_bytes() if path.exists() else None
        if before == data:
            return
        if before is not None and not replacing:
            remark = "differs from what was collected before, and that was left; --replace takes the new one"
            done.needs_attention.append(f"{who}: {path.name} {remark}")
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f".{path.name}.partial")
        partial.write_bytes(data)
        partial.replace(path)
        if before is not None:
            done.notes.append(f"{who}: {path.name} took the place of a different one that was collected before")
    except OSError as error:
        done.needs_attention.append(f"{who}: {path.name} cannot be written ({error.strerror})")


def _save_time(student, times, late, path, replacing, zone, done):
    who = shown(student.key)
    told = student.submitted if student.submitted != "-" else ""
    try:
        when = _time(told, zone) if told else moment(times[0]) if times else None
    except (ValueError, OverflowError) as error:
        why = error if told else "cannot be read"
        done.needs_attention.append(f"{who}: the time {quoted((told or times[0])[:60])} {why}")
        return
    if when:
        _save(f"{when:%Y-%m-%d %H:%M:%S} UTC\n".encode(), path, who, replacing, done)
    elif late and not path.exists():
        remark = "is marked LATE, but the download tells no time; write one, as in 2030-01-31 23:59:00 UTC, into"
        done.needs_attention.append(f"{who}: {remark} {path}")


def _time(text, zone):
    if AMBIGUOUS_DATE.search(text):
        raise ValueError("can be read in two ways; write it as in 2030-01-31 23:59")
    try:
        read = dateutil.parser.parse(text)
    except (ValueError, OverflowError):
        raise ValueError("cannot be read") from None
    if read.tzinfo is None and zone is None:
        raise ValueError("does not say its zone; name that, as in --timezone Europe/Paris")
    return (read if read.tzinfo else read.replace(tzinfo=zone)).astimezone(UTC)

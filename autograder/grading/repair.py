"""A submitted notebook put back into the form in which it was released, keeping everything that its student wrote.

It is done as a person would do it. Each submitted cell is identified by its nbgrader id, else by its cell id, else by
its released source or the function that it defines, else by its position between identified neighbours. Every released
cell then stands in its released place; what the student added stays behind the cell that it followed. Whatever was
moved, restored, joined or guessed is said.
"""

import ast
import re
import unicodedata
from bisect import bisect_left
from copy import deepcopy
from dataclasses import dataclass, field, replace
from difflib import SequenceMatcher
from functools import lru_cache
from html import unescape
from itertools import pairwise
from urllib.parse import unquote

import nbformat
from nbformat import NotebookNode
from nbgrader.utils import is_grade, is_solution

from autograder.assignment.cell_names import is_formula
from autograder.grading.notebook_file import Match, Parsed
from autograder.sandbox.sanitize import MAX_SOURCE_CHARACTERS, plain, sanitize_cell
from autograder.sandbox.student_code import (
    defined,
    formulas_named,
    functions_in,
    is_stub,
    names_bound,
    parse,
    same_code,
    used,
)

MIN_NEW_WORDS = 3  # that make an edited statement more than a typo
MIN_EXPLANATION = 20  # words of comments that may be a derivation
MATHEMATICS = re.compile(r"\$.+\$|\\(?:frac|partial|sum|sqrt|mathrm|operatorname)\b|∂", re.DOTALL)
SHOWN_NAMES = 6
CONFLICT = re.compile(r"^<{7} .*\n(?:.*\n)*?={7}\s*$|(?:<|&lt;){7} (?:local|HEAD)", re.MULTILINE)
DATA_PICTURE = re.compile(r"data:(image/(?:png|jpe?g));base64,([A-Za-z0-9+/=]+)")
IMG = re.compile(r"""<img\b[^>]*?\bsrc\s*=\s*["']?((?:attachment:|data:image/)[^"'\s>]+)["']?[^>]*>""", re.IGNORECASE)
PICTURE = re.compile(  # in Markdown, in HTML, or the target of a reference
    r"""!\[[^\]]*\]\(\s*(?:<([^>\n]+)>|([^)\s>]+))|<img\b[^>]*?\bsrc\s*=\s*["']?([^"'\s>]+)"""
    r"""|^\[[^\]\n]+\]:\s*(\S+\.(?:png|jpe?g|heic|gif|webp|pdf))\s*$""",
    re.IGNORECASE | re.MULTILINE,
)
UNTYPED = str.maketrans(dict.fromkeys("\ufeff\u200b\u200c\u200d\u2060") | dict.fromkeys("\u00a0\u202f", " "))
UNTYPED |= str.maketrans("\u201c\u201d\u201e\u2018\u2019\u201a", "\"\"\"'''")
FILE_LINK = re.compile(r"(?<!!)\[[^\]]*\]\((?!https?:|#|mailto:|attachment:)([^)\s]+\.\w{2,5})\)")
FORMULA = re.compile(r"""\bformula\(\s*['"]([^'"]+)['"]\s*,""")
FENCE_LINE = re.compile(r"^\s*(?:`{3,}|~{3,})\w*[ \t]*\n?", re.MULTILINE)
FENCE = re.compile(r"\A\s*(`{3,}|~{3,})[^\n]*\n(.*?)\n\1\s*\Z", re.DOTALL)


@dataclass
class Repaired:
    """The notebook in its released form. repairs: what was mended without loss. needs_attention: what a person must
    look at. uncertainties: what a person must look at if points are missing: a guess that would explain it."""

    notebook: object
    repairs: list = field(default_factory=list)
    needs_attention: list = field(default_factory=list)
    uncertainties: list = field(default_factory=list)


@dataclass(frozen=True)
class Slot:
    """A released cell and its place. kind: "text", "given", "check", "function", "formula", "derivation" or "helper".
    functions: the names that a function's stub, or a given cell, defines."""

    index: int
    name: str
    kind: str
    cell: object
    functions: frozenset

    @property
    def source(self):
        return self.cell.source


@dataclass(eq=False)
class _Piece:
    """A submitted cell on its way. name: the slot that it is taken for. anchor: the index of the slot behind which it
    stands. from_statement: it was written into the cell of a given text. unsure: its place could be another one's."""

    kind: str
    source: str
    attachments: dict
    grade_id: str | None
    id: str | None
    name: str | None = None
    anchor: int = -1
    from_statement: bool = False
    unsure: bool = False


def slots_of(blank: NotebookNode) -> list[Slot]:
    """The Slots of a released notebook, in their order."""
    slots = []
    for index, cell in enumerate(blank.cells):
        name = cell.metadata.get("nbgrader", {}).get("grade_id", cell.get("id", f"text-{index}"))
        functions = frozenset(functions_in(cell.source)) if cell.cell_type == "code" else frozenset()
        slots.append(Slot(index, name, _kind(cell, name, functions), cell, functions))
    return slots


def _kind(cell, name, functions):
    if "nbgrader" not in cell.metadata:
        return "text" if cell.cell_type != "code" else "given"
    if not is_solution(cell):
        return "check" if is_grade(cell) else "given" if cell.cell_type == "code" else "text"
    if cell.cell_type != "code":
        return "derivation"
    return "formula" if is_formula(name) else "function" if functions else "helper"


def match_released(parsed: Parsed, blank: NotebookNode) -> Match:
    """How far a submitted notebook is this released one."""
    slots = slots_of(blank)
    pieces = _unjoin(_pieces(parsed), slots)
    _identify(pieces, slots, by_position=False)
    by_name = {slot.name: slot for slot in slots}
    own = {slot.name for slot in slots if slot.kind != "text" and "checks import" not in slot.source}
    named = [piece for piece in pieces if piece.name in own or (piece.name and piece.grade_id)]
    written = [piece.source for piece in named if _is_answer(by_name[piece.name], piece)]
    released = {_fold(slot.source) for slot in slots}
    loose = [piece.source for piece in pieces if piece.name is None and _fold(piece.source) not in released]
    return Match(len({piece.name for piece in named}), len(written), frozenset(map(_fold, written + loose)))


def part_of(parsed: Parsed, blank: NotebookNode, others: list[NotebookNode]) -> Parsed:
    """A submitted notebook that holds this released one and others: without what is surely another's.

    Functions stay wherever they are from: a notebook may copy those of another one.
    """
    own, foreign = _names(parsed, blank), [_names(parsed, other) for other in others]
    kept, anothers = [], False
    for index, cell in enumerate(parsed.cells):
        if own[index] or any(names[index] for names in foreign):
            anothers = not own[index]
        if not anothers or (cell.kind == "code" and functions_in(cell.source)):
            kept.append(cell)
    return replace(parsed, cells=kept)


def _names(parsed, blank):
    """For each submitted cell the name of the released one that it surely is, or None."""
    pieces = _pieces(parsed)
    _identify(pieces, slots_of(blank), by_position=False)
    return [piece.name for piece in pieces]


def repair(parsed: Parsed, blank: NotebookNode) -> Repaired:
    """Put a submitted notebook back into the form in which it was released.

    Every released cell keeps its released metadata; a locked one its released source, behind the student's version of
    it where that was edited. Of several copies of an answer the last that differs from the release counts.

    Args:
        parsed: the notebook_file.Parsed.
        blank: the released notebook. It is changed, and returned in the result.

    Returns:
        Repaired.
    """
    return _Repair(parsed, blank).run()


def _pieces(parsed):
    return [_Piece(c.kind, _as_typed(c), dict(c.attachments), c.name, c.id) for c in parsed.cells]


def _as_typed(cell):
    """A cell's source. Code that is no Python until invisible characters, typographic quotes or HTML's entities, which
    some tools write, are undone comes without them.
    """
    if cell.kind == "code" and parse(cell.source) is None:
        for undone in (cell.source.translate(UNTYPED), unescape(cell.source).translate(UNTYPED)):
            if undone != cell.source and parse(undone) is not None:
                return undone
    return cell.source


@lru_cache(maxsize=4096)
def _fold(text):
    return " ".join(unicodedata.normalize("NFC", text).split())


def _unfenced(text):
    """The code in a Markdown fence that is the whole text, or what is Python once lines of fences are left out; else
    the text."""
    if fence := FENCE.match(text):
        return fence[2]
    without = FENCE_LINE.sub("", text)
    return without if without != text and parse(text) is None and parse(without) is not None else text


def _words(text):
    return re.findall(r"\S+", text)


def _alike(a, b):
    """How much of two texts' words is the same, from 0 to 1."""
    one, two = set(_words(a)), set(_words(b))
    return len(one & two) / len(one | two) if one | two else 0.0


# ---------------------------------------------------------------------------------------------- identifying cells


def _unjoin(pieces, slots):
    """Cut released statements and checks out of cells that they were joined with."""
    there = {_fold(piece.source) for piece in pieces}
    lost = [slot for slot in slots if slot.kind in {"text", "check"} and _fold(slot.source) not in there]
    remaining = []
    for piece in pieces:
        before = piece.source
        for slot in lost:
            if (rest := _cut(piece.source, slot.source)) is None:
                continue
            own = slot.name in (piece.grade_id, piece.id if not piece.grade_id else None)
            piece.source = rest if rest or not own else slot.source
            if own and rest:
                piece.grade_id = piece.id = None
            if slot.kind == "text" and (own or not (piece.grade_id or piece.id)):
                piece.from_statement, piece.anchor = True, slot.index
        if piece.source.strip() or piece.attachments or not before.strip():
            remaining.append(piece)
    return remaining


def _cut(text, part):
    """A text without some of its lines, or None where they do not stand in it."""
    if _fold(part) not in _fold(text):
        return None
    pattern = r"[ \t]*\n".join(re.escape(line.rstrip()) for line in part.strip("\n").split("\n"))
    match = re.search(rf"(?:^|\n){pattern}[ \t]*(?=\n|$)", text)
    return (text[: match.start()] + "\n" + text[match.end() :]).strip("\n") if match else None


def _identify(pieces, slots, by_position=True):
    """Name the pieces, each by the surest sign that it has. Returns whether the position had to say anything."""
    by_name, claims = {slot.name: slot for slot in slots}, {}

    def claim(piece, name):
        piece.name = name
        claims.setdefault(name, []).append(piece)

    for piece in pieces:
        if piece.grade_id in by_name and not _is_anothers(piece, by_name[piece.grade_id], slots):
            claim(piece, piece.grade_id)
    for name, several in claims.items():
        _only_fitting(several, by_name[name])
    sources = {}
    for slot in slots:
        if slot.kind in {"text", "check", "given"}:
            sources.setdefault(_fold(slot.source), []).append(slot.name)
    for piece in pieces:
        names = sources.get(_fold(piece.source), [])
        if piece.name is None and len(names) == 1:
            claim(piece, names[0])
    _by_id(pieces, by_name, claims, claim)
    for piece in pieces:
        if piece.name is None and (name := _by_content(piece, slots, claims)):
            claim(piece, name)
    if not by_position:
        return False
    return _by_position(pieces, slots, claims, claim)


def _is_anothers(piece, slot, slots):
    """Whether a function's cell holds nothing that was asked there, but the function of another one."""
    if slot.kind != "function" or not defined(piece.source) or _fits(piece, slot):
        return False
    return any(other.kind == "function" and other.functions & defined(piece.source) for other in slots)


def _only_fitting(several, slot):
    """Of several pieces that claim one slot, unname those whose content is something else."""
    fitting = [piece for piece in several if _fits(piece, slot)]
    if len(several) > 1 and fitting:
        for piece in several:
            if piece not in fitting:
                piece.name = None
        several[:] = fitting


def _by_id(pieces, by_name, claims, claim):
    ids = {}
    for piece in pieces:
        if piece.name is None and piece.id in by_name and not piece.grade_id:
            ids.setdefault(piece.id, []).append(piece)
    for name, several in ids.items():
        slot = by_name[name]
        if len(several) > 1 or name in claims:
            several = [p for p in several if _fits(p, slot) and slot.kind not in {"derivation", "formula"}]
        for piece in several:
            claim(piece, name)


def _fits(piece, slot):
    """Whether what stands in a piece is of a slot's kind."""
    if slot.kind == "text":
        return _alike(piece.source, slot.source) > 0.4
    if slot.kind == "derivation":
        return piece.kind != "code" or parse(piece.source) is None
    code = _unfenced(piece.source)
    if slot.kind == "formula":
        return "formula(" in code
    if slot.kind == "check":
        return "check(" in code
    if slot.kind == "function":
        written = (re.search(rf"^\s*def {name}\b", code, re.MULTILINE) for name in slot.functions)
        return any(written) or bool(slot.functions & defined(code))
    return piece.kind == "code" or parse(code) is not None


def _by_content(piece, slots, claims):
    """The name of the slot whose function, check or statement stands in a piece, or None."""
    code = _unfenced(piece.source)
    functions = functions_in(code)
    if piece.kind == "code" and not functions and parse(code) is None:
        functions = dict.fromkeys(re.findall(r"^def (\w+)\(", code, re.MULTILINE))
    if asked := formulas_named(code):
        name = f"written-{asked[-1].replace(' ', '-')}"
        return next((slot.name for slot in slots if slot.name == name), None)
    names = functions.keys() or (defined(code) if piece.kind == "code" else set())
    if any(slot.kind in {"function", "given"} and slot.functions & names for slot in slots):
        asked = [slot for slot in slots if slot.kind == "function" and slot.functions & names]
        free = [slot for slot in asked if slot.name not in claims]
        given = [s for s in slots if s.kind == "given" and s.functions & names and s.name not in claims]
        return next((slot.name for slot in [*free, *asked, *given]), None)
    if piece.kind == "code" and "from checks import" in code:
        given = (s for s in slots if s.kind == "given" and "from checks import" in s.source and s.name not in claims)
        return next((slot.name for slot in given), None)
    if question := re.fullmatch(r"""\s*check\(\s*(['"][^'"]+['"])\s*(?:,[^)]*)?\)\s*""", code):
        wanted = question[1].replace("'", '"')
        return next((s.name for s in slots if s.kind == "check" and f"({wanted})" in s.source), None)
    if piece.kind != "code":
        free = [slot for slot in slots if slot.kind == "text" and slot.name not in claims]
        best = max(free, key=lambda slot: _alike(slot.source, piece.source), default=None)
        return best.name if best and _alike(best.source, piece.source) > 0.6 else None
    return None


def chain_of(pieces, order):
    """The longest run of pieces that stand in the released order: those that were not moved."""
    tails, ends, before, named = [], [], {}, [piece for piece in pieces if piece.name]
    for piece in named:
        at = bisect_left(tails, order[piece.name])
        tails[at : at + 1] = [order[piece.name]]
        ends[at : at + 1] = [piece]
        before[id(piece)] = ends[at - 1] if at else None
    run, piece = [], ends[-1] if ends else None
    while piece is not None:
        run.append(piece)
        piece = before[id(piece)]
    return run[::-1]


def _by_position(pieces, slots, claims, claim):
    """Name answers that nothing but their place tells: between the same neighbours as in the release."""
    order = {slot.name: slot.index for slot in slots}
    ends = [(-1, -1), *((pieces.index(p), order[p.name]) for p in chain_of(pieces, order)), (len(pieces), len(slots))]
    guessed = False
    for (begin, low), (end, high) in pairwise(ends):
        free = [slot for slot in slots[low + 1 : high] if slot.name not in claims]
        loose = [piece for piece in pieces[begin + 1 : end] if piece.name is None and _fold(piece.source)]
        derivations = sum(slot.kind == "derivation" for slot in free)
        unsure = derivations > 1 and sum(map(_is_text, loose)) != derivations
        for slot in free:
            fitting = [piece for piece in loose if _could_be(piece, slot)]
            same = [piece for piece in fitting if _fold(piece.source) == _fold(slot.source)]
            if fitting:
                piece = (same or fitting)[0]
                loose = loose[loose.index(piece) + 1 :]
                claim(piece, slot.name)
                guessed, piece.unsure = True, unsure
    return guessed | _leftover_formulas(pieces, slots, claims, claim)


def _could_be(piece, slot):
    code = _unfenced(piece.source)
    if slot.kind == "derivation":
        return _is_text(piece) and not re.match(r"\s*#{1,6} .*\Z", piece.source)
    if slot.kind == "formula":
        return "formula(" in code or bool(re.match(r"\s*f\s*=", code))
    return slot.kind == "helper" and piece.kind == "code" and "formula(" not in code and bool(parse(code))


def _is_text(piece):
    """Whether a piece is prose: no code cell, or one that holds nothing but comments, strings or no Python at all."""
    if piece.kind != "code":
        return not functions_in(_unfenced(piece.source))
    tree = parse(piece.source)
    if tree is None:
        return not re.search(r"^(def|class|import|from) |formula\(|^[%!]|\bcheck\(", piece.source, re.MULTILINE)
    return all(
        isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        for node in tree.body
    )


def _leftover_formulas(pieces, slots, claims, claim):
    """Formulas that stand together, in another place than released: as many as are missing, in their order."""
    free = [slot for slot in slots if slot.kind == "formula" and slot.name not in claims]
    loose = [p for p in pieces if p.name is None and p.kind == "code" and re.match(r"\s*f\s*=\s*formula\(", p.source)]
    if not free or len(free) != len(loose):
        return False
    for slot, piece in zip(free, loose, strict=True):
        claim(piece, slot.name)
    return True


def _is_answer(slot, piece):
    """Whether a piece differs from what was released in its slot by more than layout."""
    if piece.attachments:
        return True
    if slot.kind == "derivation":
        return _fold(piece.source) != _fold(slot.source)
    if slot.kind not in {"function", "formula", "helper"}:
        return False
    code = _unfenced(piece.source)
    if _fold(code) == _fold(slot.source) or not code.strip() or same_code(code, slot.source):
        return False
    functions = functions_in(code)
    return not (
        slot.kind == "function"
        and set(functions) == set(slot.functions)
        and len(parse(code).body) == len(functions)
        and all(map(is_stub, functions.values()))
    )


# ---------------------------------------------------------------------------------------------- rebuilding the notebook


class _Repair:
    def __init__(self, parsed, blank):
        self.parsed, self.blank, self.slots = parsed, blank, slots_of(blank)
        self.by_name = {slot.name: slot for slot in self.slots}
        self.result = Repaired(blank, [*parsed.repairs], [*parsed.needs_attention], [*parsed.uncertainties])
        self.placed = {}  # {slot name: [cells]}: what stands in a slot, the released cell last
        self.joined = set()  # names of derivations to which something was added

    def run(self):
        if (kernel := self.parsed.kernel) not in ("python3", None):
            self.result.repairs.append(f"it names the kernel {kernel!r}; Python's was used")
        pieces = _pieces(self.parsed)
        if mended := sum(piece.source != cell.source for piece, cell in zip(pieces, self.parsed.cells, strict=True)):
            where = "a cell" if mended == 1 else f"{mended} cells"
            self.result.repairs.append(f"characters that are no Python were put right in {where}")
        self.pieces = _unjoin(pieces, self.slots)
        self._join_halves()
        guessed = _identify(self.pieces, self.slots)
        order = {slot.name: slot.index for slot in self.slots}
        self.chain = chain_of(self.pieces, order)
        at = -1
        for piece in self.pieces:
            at = order[piece.name] if piece in self.chain else at
            piece.anchor = max(at, piece.anchor) if piece.from_statement else at
        self._say_how(guessed)
        self.claims = {}
        for piece in self.pieces:
            if piece.name:
                self.claims.setdefault(piece.name, []).append(piece)
        self.loose = [piece for piece in self.pieces if piece.name is None and not self._is_released(piece)]
        elsewhere = self._share_joined_functions()
        for slot in self.slots:
            self.placed[slot.name] = getattr(self, f"_{slot.kind}")(slot, self.claims.get(slot.name, []), elsewhere)
        self._stray_texts()
        for piece in self.loose:
            if piece.kind == "code" and parse(piece.source) is None:
                self.result.uncertainties.append(
                    f"a cell that belongs to no question is no Python: {_begins(piece.source)}"
                )
        self._assemble()
        self._conflicts()
        for said in (self.result.repairs, self.result.needs_attention, self.result.uncertainties):
            said[:] = dict.fromkeys(said)
        return self.result

    def _join_halves(self):
        """Join a code cell that was split in the middle of a statement: a half is no Python, and both together are."""
        joined, at = [], 0
        while at < len(self.pieces):
            piece, following = self.pieces[at], self.pieces[at + 1 : at + 2]
            code = following and "code" in (piece.kind, following[0].kind) and not _is_comment(piece.source)
            if code and _broken(piece, following[0]):
                for between in ("\n", "", "\n\n"):
                    if parse(whole := piece.source + between + following[0].source) is not None:
                        piece.source, at = whole, at + 1
                        piece.grade_id = piece.grade_id or following[0].grade_id
                        piece.id = piece.id if piece.id in self.by_name else following[0].id
                        self.result.repairs.append(f"a cell that was split in two was joined again: {_begins(whole)}")
                        break
            joined.append(piece)
            at += 1
        self.pieces = joined

    def _say_how(self, guessed):
        released = {slot.name for slot in self.slots if "nbgrader" in slot.cell.metadata}
        named = [piece for piece in self.pieces if piece.name in released]
        bare = [piece for piece in named if piece.grade_id is None]
        if bare:
            what = "its cells" if len(bare) == len(named) else f"{len(bare)} of its cells"
            how = "their contents and their positions" if guessed else "their ids and contents"
            self.result.repairs.append(
                f"{what} came without the information of the assignment; they were matched by {how}"
            )
        if moved := [p.name for p in named if p not in self.chain and self.by_name[p.name].kind != "check"]:
            moved = [name for name in dict.fromkeys(moved) if not any(p.name == name for p in self.chain)]
        if moved:
            self.result.repairs.append(f"{_listed(moved)} stood elsewhere; put back where released")

    def _is_released(self, piece):
        """Whether a piece holds nothing but a part of what was released."""
        text = _fold(_unfenced(piece.source))
        if piece.attachments or not text:
            return not piece.attachments
        return len(text) > 8 and any(text in _fold(slot.source) for slot in self.slots)

    def _share_joined_functions(self):
        """{slot: the slot whose cell holds its function too}, where functions were joined in one cell."""
        elsewhere = {}
        free = [
            slot
            for slot in self.slots
            if slot.kind == "function" and not any(_is_answer(slot, piece) for piece in self.claims.get(slot.name, ()))
        ]
        for slot in free:
            for piece in self.pieces:
                owner = self.by_name.get(piece.name)
                functions = functions_in(_unfenced(piece.source))
                if owner is None or owner is slot or owner.kind not in {"function", "helper"}:
                    continue
                if not slot.functions <= functions.keys() or all(is_stub(functions[name]) for name in slot.functions):
                    continue
                if owner.index < slot.index:
                    elsewhere[slot.name] = owner.name
                else:  # it is needed up here
                    self.claims[owner.name].remove(piece)
                    self.claims.setdefault(slot.name, []).append(piece)
                    piece.name, elsewhere[owner.name] = slot.name, slot.name
                break
        return elsewhere

    # Each of these gives the cells that stand in a slot: what goes before it, and then the released cell.

    def _text(self, slot, claims, _):
        cell = deepcopy(slot.cell)
        for piece in claims:
            if added := _added(slot.source, piece.source):
                self.loose.append(_Piece("markdown", added, piece.attachments, None, None, None, slot.index, True))
            elif piece.attachments:
                self.loose.append(_Piece("markdown", "", piece.attachments, None, None, None, slot.index, True))
        return [cell]

    def _given(self, slot, claims, _):
        cells = []
        for piece in claims:
            if same_code(_unfenced(piece.source), slot.source) or not piece.source.strip():
                continue
            cells.append(self._plain(piece, "code"))
            self.result.repairs.append(
                f'cell "{slot.name}" was changed; it is run as changed, and then as it was released'
            )
            if parse(_unfenced(piece.source)) is None:
                self.result.needs_attention.append(
                    f'something that is no code was written into the given cell "{slot.name}"; read it'
                )
            if not _keeps(piece.source, slot.source):
                self.result.uncertainties.append(
                    f'the given cell "{slot.name}" was changed, and counts as it was released'
                )
        self._gone(slot, claims)
        return [*cells, deepcopy(slot.cell)]

    def _check(self, slot, claims, _):
        cells = []
        for piece in claims:
            if _fold(piece.source) == _fold(slot.source) or same_code(piece.source, slot.source):
                continue
            self.result.repairs.append(f'cell "{slot.name}" was changed; it counts as it was released')
            if piece.kind == "code" and functions_in(piece.source):
                cells.append(self._plain(piece, "code"))
            elif _is_text(piece):
                self.loose.append(piece)
        self._gone(slot, claims)
        return [*cells, deepcopy(slot.cell)]

    def _helper(self, slot, claims, elsewhere):
        return self._code(slot, claims, elsewhere)

    def _function(self, slot, claims, elsewhere):
        return self._code(slot, claims, elsewhere)

    def _formula(self, slot, claims, elsewhere):
        return self._code(slot, claims, elsewhere)

    def _code(self, slot, claims, elsewhere):
        cell = deepcopy(slot.cell)
        written = [piece for piece in claims if _is_answer(slot, piece)]
        self._doubled(slot, claims)
        if not written:
            if slot.name in elsewhere:
                cell.source = f"# It stands in the cell {elsewhere[slot.name]}."
                self.result.repairs.append(f'"{slot.name}" was found in the cell "{elsewhere[slot.name]}"')
                return [cell]
            self._elsewhere_as_text(slot, claims)
            if claims:
                cell.source = claims[-1].source if _fold(claims[-1].source) != _fold(slot.source) else slot.source
            else:
                self._gone(slot, claims)
                self.result.uncertainties.append(f'the cell "{slot.name}" was not there')
            return [cell]
        fitting = [piece for piece in written if _fits(piece, slot)]
        *_, chosen = fitting or written
        plain = fitting and chosen.kind == "code"
        self._elsewhere_as_text(slot, [chosen, *(p for p in self.pieces if plain and p.kind == "code")])
        self._mistaken(slot, _unfenced(chosen.source))
        others = [piece for piece in written if piece is not chosen]
        different = [piece for piece in others if not same_code(_unfenced(piece.source), _unfenced(chosen.source))]
        if different and slot.kind != "helper":
            self.result.uncertainties.append(
                f'"{slot.name}" was answered {len(different) + 1} times; the last one counts'
            )
        if chosen.kind != "code":
            self.result.repairs.append(f'cell "{slot.name}" had become a text cell; it is code again')
            if parse(_unfenced(chosen.source)) is None:
                self.result.uncertainties.append(f'the cell "{slot.name}", which had become text, is no Python')
        cell.source = _unfenced(chosen.source)
        return [*(self._plain(piece, "code") for piece in different), cell]

    def _mistaken(self, slot, code):
        """Say what would explain lost points: a function of another name, a formula that names another question."""
        asked = sorted(slot.functions - defined(code))
        if slot.kind == "function" and asked and defined(code) and "*" not in defined(code):
            others = _listed(sorted(defined(code)))
            self.result.uncertainties.append(f'the cell "{slot.name}" defines {others}, and not "{asked[0]}"')
        body = getattr(parse(code), "body", ())
        imported = {
            name for node in body if isinstance(node, ast.Import | ast.ImportFrom) for name in names_bound(node)
        }
        if slot.kind == "function" and body and (not defined(code) or slot.functions & imported):
            self.result.uncertainties.append(
                f'the cell "{slot.name}" holds code, and does not itself define what was asked'
            )
        questions = formulas_named(code) if slot.kind == "formula" else []
        if questions and all(f"written-{question.replace(' ', '-')}" != slot.name for question in questions):
            self.result.uncertainties.append(
                f'the formula in the cell "{slot.name}" names the question "{questions[-1]}"'
            )

    def _elsewhere_as_text(self, slot, claims):
        """Say where an answer seems to stand whose own cell holds none."""
        question = slot.name.removeprefix("written-")
        for piece in self.pieces:
            if self._is_released(piece):  # an example in a given text is nobody's answer
                continue
            code = piece.source
            named = [name.replace(" ", "-") for name in FORMULA.findall(code)]
            as_function = any(re.search(rf"\bdef {name}\b", code) for name in slot.functions)
            own = slot.name in (piece.grade_id, piece.id)
            other = functions_in(code).keys() if piece.kind == "code" and (piece.name is None or own) else set()
            unused = other - set().union(*(used(one.source) for one in self.pieces if one is not piece))
            as_function |= slot.kind == "function" and bool(unused)
            if piece not in claims and (as_function or (slot.kind == "formula" and question in named)):
                where = f'the cell "{piece.name}"' if piece.name else "another cell"
                self.result.uncertainties.append(f'{where} holds what may be meant for "{slot.name}"')

    def _derivation(self, slot, claims, _):
        cell = deepcopy(slot.cell)
        self._doubled(slot, claims)
        texts = [p for p in claims if _is_answer(slot, p) and (p.source.strip() or p.attachments)]
        if any(piece.unsure for piece in texts):
            self._need(slot, "a text was taken for it whose place alone tells, and that not surely")
        close = [p for p in self.loose if p.anchor in (slot.index - 1, slot.index) and _is_text(p)]
        code = [p for p in self.loose if p.anchor in (slot.index - 1, slot.index) and not _is_text(p)]
        added = [piece for piece in close if not any(_fold(piece.source) == _fold(text.source) for text in texts)]
        self.loose = [piece for piece in self.loose if piece not in close]
        if not texts and not added and not claims:
            self._need(slot, "its cell was not in the notebook")
        if added:
            self.joined.add(slot.name)
        if added and not texts:
            self._need(slot, "a derivation stood outside its cell; it was joined to it")
        elif added and any(piece.from_statement for piece in added):
            self._need(slot, "something was written into the given text; it was joined to the derivation")
        elif added:
            self.result.repairs.append(f'text beside "{slot.name}" was joined to it')
        if code and not texts and not added:
            self._need(slot, "it is untouched, and a code cell stands beside it")
        if self.parsed.loses_pictures and not texts and not added:
            self._need(slot, "it is empty, and a notebook of the old format 3 cannot hold a pasted picture")
        if any(piece.kind == "code" for piece in texts):
            self.result.repairs.append(f'cell "{slot.name}" had become a code cell; it is text again')
        if texts or added:
            self._write_derivation(slot, cell, sorted(texts + added, key=self._order))
        return [cell]

    def _order(self, piece):
        return (0, self.pieces.index(piece)) if piece in self.pieces else (-1 if piece.from_statement else 1, 0)

    def _need(self, slot, reason):
        self.result.needs_attention.append(f'"{slot.name}": {reason}; a person must read it')

    def _write_derivation(self, slot, cell, pieces):
        sources, attachments = [], {}
        for number, piece in enumerate(pieces):
            text = _cut(piece.source, slot.source) if _fold(piece.source) != _fold(slot.source) else ""
            text = piece.source if text is None else text
            text = _unfenced(text) if piece.kind == "code" else text
            for name, bundle in piece.attachments.items():
                new = name if name not in attachments else f"{number}-{name}"
                text = text.replace(f"attachment:{name}", f"attachment:{new}") if new != name else text
                attachments[new] = bundle
            if text.strip() and text not in sources:
                sources.append(text)
        text = _with_pictures("\n\n".join(sources), attachments)
        for name in attachments:
            if f"attachment:{name}" not in text and f"attachment:{_quoted(name)}" not in text:
                text += f"\n\n![{name}](attachment:{name})"
        if len(plain(text)) > MAX_SOURCE_CHARACTERS:
            self._need(slot, f"it is longer than {MAX_SOURCE_CHARACTERS:,} characters and was cut")
        cell.source = text.strip("\n") or slot.source
        if attachments:
            cell.attachments = attachments
        sanitize_cell(cell)
        pictures = cell.get("attachments", {})
        for name in attachments.keys() - pictures.keys():
            self._need(slot, f"its picture {name[:60]!r} is no PNG or JPEG that can be shown")
        for link in PICTURE.finditer(cell.source):
            target = unquote(next(filter(None, link.groups())))
            if target.startswith("data:"):
                self._need(slot, "it holds a picture that is no PNG or JPEG that can be shown")
            elif target.rpartition("/")[2] in self.parsed.beside:
                self._need(slot, f"it shows {target[:60]!r}, a file that came beside the notebook")
            elif target.removeprefix("attachment:") not in {*pictures, *attachments}:
                self._need(slot, f"it shows a picture that was not sent, {target[:60]!r}")
        for link in FILE_LINK.finditer(cell.source):
            if unquote(link[1]).rpartition("/")[2] in self.parsed.beside:
                self._need(slot, f"it names {link[1][:60]!r}, a file that came beside the notebook")
                continue
            self._need(slot, f"it names a file that was not sent, {link[1][:60]!r}")

    def _doubled(self, slot, claims):
        if len(claims) > 1:
            which = "they were joined" if slot.kind == "derivation" else "the last one counts"
            self.result.repairs.append(f'cell "{slot.name}" occurs {len(claims)} times; {which}')

    def _gone(self, slot, claims):
        if not claims:
            self.result.repairs.append(f'cell "{slot.name}" was gone; it is back in its place')
        elif slot.kind in {"given", "check"}:
            self._doubled(slot, claims)

    def _plain(self, piece, kind):
        make = nbformat.v4.new_code_cell if kind == "code" else nbformat.v4.new_markdown_cell
        cell = make(piece.source if kind != "code" else _unfenced(piece.source))
        if kind != "code" and piece.attachments:
            cell.attachments = piece.attachments
        return cell

    def _stray_texts(self):
        """Text that stands beside no derivation, while one is empty: it may be that derivation."""
        self._commented_derivations()
        untouched = [slot.name for slot in self.slots if self._is_untouched(slot)]
        if untouched and self.parsed.beside:
            which, sent = _listed(untouched), _listed(self.parsed.beside)
            self.result.needs_attention.append(
                f"{which} untouched, while {sent} came beside the notebook; a person must read it"
            )
        derivations = [slot for slot in self.slots if slot.kind == "derivation"]
        empty = {slot.name for slot in derivations if self._is_untouched(slot)}
        for piece in self.loose:
            is_answer = len(_words(piece.source)) >= MIN_NEW_WORDS or MATHEMATICS.search(piece.source)
            if not _is_text(piece) or not (piece.attachments or is_answer):
                continue
            slot = max((s for s in derivations if self._begin(s) <= piece.anchor), key=lambda s: s.index, default=None)
            if slot and slot.name in empty:
                self._need(slot, "its derivation may stand outside its cell; it was joined to it")
                self._write_derivation(slot, self.placed[slot.name][-1], [piece])
                empty.remove(slot.name)
            elif piece.from_statement:
                self.result.needs_attention.append("something was written into the given text; a person must read it")
            elif empty:
                which = _listed([s.name for s in derivations if s.name in empty])
                self.result.needs_attention.append(
                    f"text stands outside the derivations, and {which} may be meant; read it"
                )

    def _is_untouched(self, slot):
        cell = self.placed[slot.name][-1]
        return slot.kind == "derivation" and cell.source == slot.source and not cell.get("attachments")

    def _commented_derivations(self):
        """Comments that explain, in the code cells below an empty derivation: they may be that derivation."""
        above = None
        for slot in self.slots:
            if slot.kind == "derivation":
                above = slot if self._is_untouched(slot) else None
            elif above and slot.kind in {"formula", "function", "helper"}:
                released = set(_comments(slot.source))
                own = [line for cell in self.placed[slot.name] for line in _comments(cell.source)]
                text = "\n".join(line for line in own if line not in released)
                if MATHEMATICS.search(text) or PICTURE.search(text) or len(_words(text)) >= MIN_EXPLANATION:
                    self._need(above, f'it is untouched, and comments in the cell "{slot.name}" may be meant')
                    above = None

    def _begin(self, derivation):
        """The index of the first cell of the statement above a derivation."""
        index = derivation.index
        while index and self.slots[index - 1].kind in {"text", "given"}:
            index -= 1
        return index

    def _assemble(self):
        """The notebook's cells in their order, what the student added behind the cell that it followed."""
        first = next((slot.index for slot in self.slots if slot.kind == "given"), -1)
        behind = {}
        for piece in self.loose:
            kind = "code" if piece.kind == "code" else "markdown"
            anchor = max(piece.anchor, first) if kind == "code" else piece.anchor
            behind.setdefault(anchor, []).append(self._plain(piece, kind))
        cells = behind.pop(-1, [])
        for slot in self.slots:
            cells += [*self.placed[slot.name], *behind.get(slot.index, ())]
        self.blank.cells = [sanitize_cell(cell) for cell in self._defined_before_used(cells)]
        if missing := [s.name for s in self.slots if s.kind == "text" and s.name not in self.claims]:
            self.result.repairs.append(f"{len(missing)} given texts that were missing or joined to others are back")
        for cell in self.blank.cells:
            cell.pop("id", None)
        for index, cell in enumerate(self.blank.cells):
            cell.id = cell.metadata.get("nbgrader", {}).get("grade_id") or f"cell-{index}"

    def _defined_before_used(self, cells):
        """Cells of the student's own that define what a check needs, moved up to where it is first used."""
        for check in [cell for cell in cells if is_grade(cell) and cell.cell_type == "code"]:
            for _ in range(len(cells)):
                at = cells.index(check)
                before, after = cells[:at], [c for c in cells[at:] if c.cell_type == "code" and not is_grade(c)]
                known = set().union(*(defined(c.source) for c in before if c.cell_type == "code"), set())
                users = [c for c in before if c.cell_type == "code" and not is_grade(c) and functions_in(c.source)]
                lacking = {name: c for c in reversed(users) for name in used(c.source) - known}
                definitions = [(name, c) for name in sorted(lacking) for c in after if name in defined(c.source)]
                own = [(name, c) for name, c in definitions if "nbgrader" not in c.metadata]
                if not own:
                    for name, c in definitions[:1]:
                        where = c.metadata.nbgrader.grade_id
                        message = f'`{name}` is used before the cell "{where}" that defines it'
                        self.result.uncertainties += [message] if message not in self.result.uncertainties else []
                    break
                name, cell = own[0]
                cells.remove(cell)
                cells.insert(cells.index(lacking[name]), cell)
                self.result.repairs.append(f"a cell that defines `{name}` was moved up to where that is used")
        return cells

    def _conflicts(self):
        for index, cell in enumerate(self.blank.cells):
            if CONFLICT.search(cell.source):
                name = cell.metadata.get("nbgrader", {}).get("grade_id", index + 1)
                self.result.needs_attention.append(
                    f'cell "{name}" holds merge-conflict markers; a person must say which side counts'
                )


def _is_comment(source):
    """Whether a source is Python that does nothing; what is joined to it might become a comment too."""
    tree = parse(source)
    return tree is not None and not tree.body


def _broken(piece, following):
    """Whether two code cells are halves of one: at least one of them is no Python by itself, or begins indented."""
    return (
        parse(piece.source) is None
        or parse(following.source) is None
        or re.match(r"(?:[ \t]*\n)*[ \t]+\S", following.source)
    ) and not (piece.grade_id and following.grade_id and piece.grade_id != following.grade_id)


def _comments(source):
    """The words of a source's comments, a string a line."""
    return [comment.strip() for comment in re.findall(r"^\s*#(.*)$", source, re.MULTILINE)]


def _begins(text):
    return repr(text.strip().splitlines()[0][:40])


def _listed(names):
    shown = ", ".join(f'"{name}"' for name in names[:SHOWN_NAMES])
    return f"{shown} …" if len(names) > SHOWN_NAMES else shown


def _keeps(changed, released):
    """Whether a changed given cell still holds every statement that was released."""
    one, two = parse(changed), parse(released)
    if one is None or two is None:
        return False
    return {ast.dump(node) for node in two.body} <= {ast.dump(node) for node in one.body}


def _added(released, submitted):
    """What was written into a released text, or "": new words, as opposed to words that were changed or lost."""
    if _fold(released) == _fold(submitted):
        return ""
    old, new = _words(released), list(re.finditer(r"\S+", submitted))
    matcher = SequenceMatcher(None, old, [word[0] for word in new], autojunk=False)
    parts = [
        submitted[new[j].start() : new[k - 1].end()]
        for what, i, i2, j, k in matcher.get_opcodes()
        if what in {"insert", "replace"} and k - j >= MIN_NEW_WORDS and k - j >= 2 * (i2 - i) + MIN_NEW_WORDS
    ]
    return "\n\n".join(parts)


def _quoted(name):
    return name.replace(" ", "%20")


def _with_pictures(text, attachments):
    """A text whose pasted pictures are attachments: where they stand in it as data, and where HTML shows them."""

    def attach(match):
        mime = match[1].replace("jpg", "jpeg")
        name = f"pasted-{len(attachments) + 1}.{mime.removeprefix('image/')}"
        attachments[name] = {mime: match[2]}
        return f"attachment:{name}"

    return DATA_PICTURE.sub(attach, IMG.sub(r"![picture](\1)", text))

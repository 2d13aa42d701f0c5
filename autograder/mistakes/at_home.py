"""The names of mistakes in a student's own notebook, where neither a bank nor a right formula lies.

Where a question holds its forward pass, its mistakes are derived there and then; what derives them can also
differentiate, so a release holds it only where one of its notebooks asks such a question. Of other questions it stores
*marks*: of each mistake of the bank, each public draw and each part, three random projections of the wrong answer, on a
grid, hashed. The first bytes of the hash are the mark; further ones unlock the sentences that are said of it. Nothing
can be read off marks and sentences without the very answer that they are of: a plain projection would give right
answers away (two multiples of one of them), and so would a number, which can be guessed. Parts that are one number have
no mark.

A name is a help for the second attempt. It is told after the second check in which a part is not right, once.
"""

import base64
import hashlib
import itertools
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

PROJECTIONS = 3
GRID = 2.0**-19  # of the answer's norm, a power of two: an error of 1e-8 moves a projection by a tenth of it at most
NEAR = 0.1  # of a cell: where a projection is as near as that to the next cell, both are looked up
MARK, KEY = 8, 18  # bytes of a hash; two of the latter number the sentences, and 16 unlock them
PADDED = 64  # bytes: sentences are filled up to a multiple, so that their length says little
DERIVED_FROM = (0, 1)  # seeds of the draws on which derived mistakes are told apart


@dataclass(frozen=True)
class Told:
    """What is said of a mistake: its name, and what to look at. shows: {part: the seeds that show it}."""

    name: str
    hint: str
    shows: Mapping[str, Sequence[int]] = field(default_factory=dict)


class NamesAtHome:
    """What names a mistake at home.

    Args:
        marks: as `lock` makes them.
        texts: the locked sentences, one a mistake.
        derive: `derivation.derived_bank`, or None where no mistakes are derived at home.
    """

    def __init__(self, marks: str = "", texts: Sequence[str] = (), derive: Callable[..., Any] | None = None) -> None:
        packed = base64.b64decode(marks)
        width = MARK + KEY
        self.marks: dict[bytes, list[bytes]] = {}  # mistakes that come to the same in one part share its mark
        for i in range(0, len(packed), width):
            self.marks.setdefault(packed[i : i + MARK], []).append(packed[i + MARK : i + width])
        self.texts = [base64.b64decode(text) for text in texts]
        self.derive = derive
        self.derived: dict[str, Any] = {}

    def __call__(self, question: Any, seen: Sequence[Any]) -> dict[str, Told]:
        """{part: Told} of the parts that are wrong by themselves and have a name that holds on every draw.

        question: a Question. seen: a SeenDraw for each draw that a check has judged.
        """
        if question.forward is not None:
            return self._derive(question, seen)
        return self._look_up(question, seen)

    def _derive(self, question, seen):
        if self.derive is None:
            return {}
        if question.id not in self.derived:
            draws = [question.inputs.draw(np.random.default_rng(seed)) for seed in DERIVED_FROM]
            wanted = [part.name.removeprefix("d") for part in question.parts]
            self.derived[question.id] = self.derive(question.forward, wanted, draws)
        bank = self.derived[question.id]
        if bank is None:
            return {}
        found = bank.explain([(draw.inputs, draw.values, draw.right) for draw in seen if draw.right])
        return {part: Told(change.what, change.look) for part, change in found.items() if change}

    def _look_up(self, question, seen):
        wrong = {part.name for part in question.parts if any(d.status.get(part.name) == "not yet" for d in seen)}
        fitting: dict[str, dict[int, Told]] = {}
        for part in wrong:
            each = [
                self._told(question.id, part, draw.seed, draw.values.get(part))
                for draw in seen
                if draw.status.get(part) == "not yet"
            ]
            held = {i: told for i, told in each[0].items() if all(i in other for other in each)}
            fitting[part] = {i: told for i, told in held.items() if self._allowed(told, seen)}
        counts = {i: sum(i in of_part for of_part in fitting.values()) for of_part in fitting.values() for i in of_part}
        found = {}
        for part, of_part in fitting.items():
            best = [i for i in of_part if counts[i] == max(counts[j] for j in of_part)]
            if len(best) == 1:
                found[part] = of_part[best[0]]
        return found

    @staticmethod
    def _allowed(told, seen):
        """Whether nothing is right that this mistake would have spoilt."""
        return not any(
            draw.status.get(part) == "ok" and draw.seed in seeds for draw in seen for part, seeds in told.shows.items()
        )

    def _told(self, question_id, part, seed, value):
        """{number: Told} of the sentences that a value unlocks."""
        found = {}
        for digest in digests(question_id, part, seed, value, near=True):
            for locked in self.marks.get(digest[:MARK], ()):
                opened = _xor(locked, digest[MARK : MARK + KEY])
                number, key = int.from_bytes(opened[:2], "big"), opened[2:]
                if number < len(self.texts):
                    text = _xor(self.texts[number], _stream(key, len(self.texts[number])))
                    found[number] = Told(**json.loads(text))
        return found


def digests(question_id: str, part: str, seed: int, value: Any, near: bool = False) -> list[bytes]:
    """The hashes of an answer's projections; with `near` also those of the cells that it is nearly in. [] for what is
    no array of floats, one number, or zero."""
    try:
        array = np.squeeze(np.asarray(value, float))
    except (TypeError, ValueError):
        return []
    norm = float(np.linalg.norm(array)) if np.isfinite(array).all() else 0.0
    if array.size < 2 or norm == 0:
        return []
    where = f"{question_id}|{part}|{seed}|{array.shape}"
    rng = np.random.default_rng(int.from_bytes(hashlib.sha256(where.encode()).digest()[:8], "big"))
    projected = rng.normal(size=(PROJECTIONS, array.size)) @ array.reshape(-1)
    exponent = np.log2(norm)
    scales = {int(np.floor(exponent + shift)) for shift in ((-1e-6, 0, 1e-6) if near else (0,))}
    found = []
    for scale in scales:
        at = projected / (2.0**scale * GRID)
        cells = [[int(np.floor(x))] for x in at]
        if near:
            cells = [sorted({int(np.floor(x + shift)) for shift in (-NEAR, 0, NEAR)}) for x in at]
        for cell in itertools.product(*cells):
            found.append(hashlib.sha256(f"{where}|{scale}|{cell}".encode()).digest())
    return found


def lock(mistakes: Iterable[tuple[str, Told, Mapping[tuple[str, int], Any]]]) -> tuple[str, list[str]]:
    """Marks and locked sentences, for NamesAtHome.

    mistakes: (question id, Told, {(part, seed): the wrong answer}) of each.

    Raises:
        ValueError: there are more than 65,536 mistakes.
    """
    marks, texts = [], []
    for question_id, told, answers in mistakes:
        found = [
            digest for (part, seed), value in answers.items() for digest in digests(question_id, part, seed, value)
        ]
        if not found:
            continue
        secret = hashlib.sha256(b"".join(found)).digest()[: KEY - 2]
        text = json.dumps({"name": told.name, "hint": told.hint, "shows": {k: list(v) for k, v in told.shows.items()}})
        text = text.ljust(-len(text) % PADDED + len(text))  # ASCII, and JSON may end with spaces
        number = len(texts)
        if number >= 2**16:
            raise ValueError("more than 65,536 mistakes")
        for digest in found:
            marks.append(digest[:MARK] + _xor(number.to_bytes(2, "big") + secret, digest[MARK : MARK + KEY]))
        texts.append(base64.b64encode(_xor(text.encode(), _stream(secret, len(text.encode())))).decode())
    return base64.b64encode(b"".join(sorted(marks))).decode(), texts  # sorted, so that their order says nothing


def _stream(key: bytes, length: int) -> bytes:
    blocks = (hashlib.sha256(key + i.to_bytes(4, "big")).digest() for i in range(length // 32 + 1))
    return b"".join(blocks)[:length]


def _xor(a: bytes, b: bytes) -> bytes:
    return bytes(x ^ y for x, y in zip(a, b, strict=False))

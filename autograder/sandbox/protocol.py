"""The protocol between the grader and the sandbox: arguments to a student's function, and its return value back.

Both sides import this file, so it uses NumPy and the standard library only. Arrays are sent in NumPy's .npy format
inside JSON. Neither side unpickles anything, and no array is larger than the message that held it.
"""

import base64
import contextlib
import copy
import functools
import io
import json
import math
import sys
import time
import traceback

import numpy as np

PORTS = ("shell", "iopub", "stdin", "hb", "control")  # of a kernel, in the order of their numbers
MAX_ANSWER_BYTES = (
    16 * 2**20
)  # bytes of one answer; the course's own are a few thousand, and 3 million where cost is measured


MAX_FORMULA_CHARACTERS = 10_001  # characters of a formula that are sent: one more than are read
MAX_FORMULA_BYTES = 12 * MAX_FORMULA_CHARACTERS + 100  # bytes of it as JSON


class Stopped(BaseException):
    """The time for a call is over."""


class Unsendable(Exception):
    """A value that cannot travel."""


def send(channel, text: str) -> None:
    """Send a text through a stream socket, its length before it."""
    data = text.encode()
    channel.sendall(len(data).to_bytes(8, "big") + data)


def receive(channel, deadline: float | None = None, most: int | None = None) -> str | None:
    """The next text from a stream socket, or None where it is closed.

    Raises:
        TimeoutError: it is not whole at `deadline` (of time.monotonic).
        ValueError: it is longer than `most` or LIMIT, or no UTF-8.
    """
    head = _exactly(channel, 8, deadline)
    if head is None:
        return None
    if (size := int.from_bytes(head, "big")) > (most or MAX_ANSWER_BYTES):
        raise ValueError(f"an answer of {size:,} bytes")
    body = _exactly(channel, size, deadline)
    return None if body is None else body.decode()


def _exactly(channel, size, deadline):
    data = bytearray()
    while len(data) < size:
        if deadline is not None:
            channel.settimeout(max(1e-3, deadline - time.monotonic()))
        if not (part := channel.recv(min(size - len(data), 2**20))):
            return None
        data += part
    return bytes(data)


def pack(value):
    """A value as JSON's own types.

    Raises:
        Unsendable: it is not None, a number, a string, an array, or a tuple, list or dict of these.
    """
    if value is None or (isinstance(value, (bool, int, float, str)) and not isinstance(value, np.generic)):
        return value
    if isinstance(value, (np.ndarray, np.generic)):
        array = np.asarray(value)
        if array.dtype.kind not in "biufc":
            raise Unsendable(f"an array of dtype {array.dtype}")
        buffer = io.BytesIO()
        np.save(buffer, array, allow_pickle=False)
        return {"npy": base64.b64encode(buffer.getvalue()).decode()}
    if isinstance(value, (tuple, list)):
        return {"tuple" if isinstance(value, tuple) else "list": [pack(inner) for inner in value]}
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        return {"dict": {key: pack(inner) for key, inner in value.items()}}
    raise Unsendable("a dict whose keys are not all strings" if isinstance(value, dict) else type(value).__name__)


def unpack(tree):
    """The value that `pack` made a tree of. Raises ValueError, TypeError or KeyError on a tree that it did not make."""
    if not isinstance(tree, dict):
        if isinstance(tree, list):
            raise ValueError("a list stands where a value is wanted")
        return tree
    ((kind, body),) = tree.items()
    if kind == "dict":
        return {key: unpack(inner) for key, inner in body.items()}
    if kind == "npy":
        return _array(base64.b64decode(body, validate=True))
    return {"tuple": tuple, "list": list}[kind](unpack(inner) for inner in body)


def _array(data):
    start = 10 + int.from_bytes(data[8:10], "little")
    shape, columns_first, dtype = _header(data[:start])
    if dtype.kind not in "biufc" or math.prod(shape) * dtype.itemsize != len(data) - start or min(shape, default=0) < 0:
        raise ValueError("an array whose header does not fit its data")
    array = np.frombuffer(data, dtype, offset=start).reshape(shape, order="F" if columns_first else "C")
    return array.copy(order="K")[()]


@functools.lru_cache  # a call's arrays have few shapes, and NumPy's reader takes its time
def _header(data):
    buffer = io.BytesIO(data)
    if np.lib.format.read_magic(buffer) != (1, 0):
        raise ValueError("an array in a newer format than np.save writes for it")
    return np.lib.format.read_array_header_1_0(buffer)


def run(functions: dict, name: str, given: str) -> str:
    """Call a function twice in the student's namespace, and return the results as JSON text.

    Args:
        functions: where to look for it, the student's namespace.
        name: its name.
        given: its arguments, a packed tuple as JSON text.

    Returns:
        JSON text: {"value", "again", "after"}, packed; or {"error": [class, text, place]}; or {"unsendable": text};
        or {"absent": true}; or {"stopped": true}, where a Stopped was raised. The second call gets copies, but for
        dicts, where a change by the first would show.
    """

    def twice(function, used):
        fresh = copy.deepcopy(used)
        value = pack(function(*used))
        again = pack(function(*(a if isinstance(a, dict) else b for a, b in zip(used, fresh, strict=True))))
        return {"value": value, "again": again, "after": pack(used)}

    return _called(functions, name, given, twice)


def watch(functions: dict, name: str, given: str) -> str:
    """Call a function once with a Watch and once without. The arguments are those of `run`.

    Returns:
        JSON text: {"watch": the Watch's counts, with "differs", whether the values do}, or a failure as of `run`.
    """
    return _called(functions, name, given, lambda function, used: {"watch": watched(function, used)})


def watched(function, given):
    """The counts of a Watch of a function, with "differs": whether it returns or raises something else while it is
    watched. Raises whatever the function raises when it is not watched."""
    plain, differs = pack(function(*copy.deepcopy(given))), True
    try:
        with Watch() as seen, np.errstate(all="ignore"):
            value = function(*copy.deepcopy(given))
        differs = pack(value) != plain
    except Stopped:
        raise
    except BaseException:  # SystemExit too, and what cannot travel: it differs
        pass
    return seen.counts() | {"differs": differs}


def _called(functions, name, given, work):
    """What work(function, arguments) returns, as JSON text, or the failure."""
    if not callable(functions.get(name)):
        return json.dumps({"absent": True})
    try:
        with contextlib.redirect_stdout(_Nowhere()), contextlib.redirect_stderr(_Nowhere()):
            answer = json.dumps(work(functions[name], unpack(json.loads(given))))
        return answer if len(answer) <= MAX_ANSWER_BYTES else json.dumps({"unsendable": f"{len(answer):,} bytes"})
    except Unsendable as error:
        return json.dumps({"unsendable": str(error)})
    except Stopped:
        return json.dumps({"stopped": True})
    except BaseException as error:  # an interrupt and SystemExit too: the kernel goes on
        line = traceback.extract_tb(error.__traceback__)[-1]
        return json.dumps({"error": [type(error).__name__, str(error)[:500], f"line {line.lineno} of {line.name}"]})


class Watch:
    """Watches, line by line, whether the running code evaluates something at many points around one array.

    Numerical differentiation moves each entry of an array (or each column, for all samples at once) and runs
    the forward pass again, so among the local variables stand copies of one array that differ from it in one entry, a
    copy for each entry. An analytic derivative has no use for them, however many loops it has. So what is counted is
    in how many places copies of an array were moved: it grows with the array and does not depend on the machine. Only
    small steps count; larger ones where the copy is handed to a function (of a linear function any step is exact).
    A complex array is a complex step.
    """

    MAX_EVENTS, MAX_BASES, MAX_ARRAY_SIZE = (
        100_000,
        60,
        20_000,
    )  # lines that are watched; arrays of a shape; entries of an array
    MAX_STEP = 1e-2  # of the largest entry: a step

    def __init__(self):
        self.known, self.bases, self.events, self.complex, self.off = set(), {}, 0, 0, False

    def __enter__(self):
        sys.settrace(self._event)
        return self

    def __exit__(self, *_):
        self.off = sys.gettrace() != self._event and self.events < self.MAX_EVENTS
        sys.settrace(None)

    def counts(self):
        """{"moved": entries or slices of one array that were moved, "of": how many it has, of the array of which most
        were; "complex": complex arrays; "off": whether the code has stopped the watch}."""
        best = max(
            (
                (len(positions), total)
                for bases in self.bases.values()
                for _, moved in bases
                for total, positions in moved
            ),
            key=lambda pair: (2 * pair[0] >= pair[1], pair[0]),
            default=(0, 0),
        )
        return {"moved": best[0], "of": best[1], "complex": self.complex, "off": self.off}

    def _event(self, frame, event, argument):
        self.events += 1
        if self.events >= self.MAX_EVENTS:
            sys.settrace(None)
            return None
        library = "site-packages" in frame.f_code.co_filename or frame.f_code.co_filename.startswith(sys.base_prefix)
        for value in list(frame.f_locals.values()):
            self._look(value, event == "call" and not library)
        return None if library else self._event

    def _look(self, value, handed, deep=True):
        kind = type(value)
        if kind is np.ndarray and 1 < value.size <= self.MAX_ARRAY_SIZE:
            self._array(value, handed)
        elif kind in (complex, np.complex128) and value.imag:
            self.complex += 1
        elif deep and kind in (dict, tuple, list) and len(value) <= 100:
            for inner in list(value.values() if kind is dict else value):
                self._look(inner, handed, False)

    def _array(self, array, handed):
        if array.dtype.kind not in "fc" or (key := (array.shape, array.tobytes(), handed)) in self.known:
            return
        self.known.add(key)
        if array.dtype.kind == "c":
            self.complex += 1
            return
        for shape, bases in list(self.bases.items()):
            if shape != array.shape and array.shape[-len(shape) :] == shape and array.ndim == len(shape) + 1:
                for part in array:
                    any(_moved(base, part, handed, moved) for base, moved in bases)
        bases = self.bases.setdefault(array.shape, [])
        moves = [_moved(base, array, handed, moved) for base, moved in bases]
        if not any(moves) and len(bases) < self.MAX_BASES and array.min() < array.max():
            axes = [(size, set()) for size in array.shape] if array.ndim > 1 else []
            bases.append((array.copy(), [(array.size, set()), *axes]))


def _moved(base, array, handed, moved):
    """Whether an array is a copy of `base` that was moved in one entry or in one slice; the place is noted in `moved`,
    [(how many there are, {places}), ...] of the entries and of each axis."""
    different = base != array
    count = np.count_nonzero(different)
    if not count or count > base.size // min(base.shape) or (base.ndim == 1 and count > 1):
        return not count
    if not handed and np.abs(array - base).max() > Watch.MAX_STEP * np.abs(base).max():
        return False
    if count == 1:
        moved[0][1].add(int(different.argmax()))
        return True
    for axis, (_, positions) in enumerate(moved[1:]):
        others = tuple(other for other in range(base.ndim) if other != axis)
        (where,) = np.nonzero(different.any(axis=others))
        if len(where) == 1:
            positions.add(int(where[0]))
            return True
    return False


def formula_message(formula: object) -> str:
    """A formula as JSON text: {"formula": the string}, of at most FORMULA characters; {} where it is none."""
    text = issubclass(type(formula), str)  # nothing is asked of the object itself, which may lie, or never answer
    return json.dumps({"formula": str.__getitem__(formula, slice(MAX_FORMULA_CHARACTERS))} if text else {})


class _Nowhere(io.TextIOBase):
    def write(self, text):
        return len(text)

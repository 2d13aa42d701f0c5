"""Arrays in, arrays out: how inputs travel to a student's function, and what it returns travels back.

This file is at both ends, in the grader and in the sandbox, so it needs NumPy and the standard library alone. Arrays go
in NumPy's own format inside JSON. Nothing is unpickled on either side, and no array is made larger than what came.
"""

import base64
import contextlib
import copy
import functools
import io
import json
import math
import time
import traceback

import numpy as np

PORTS = ("shell", "iopub", "stdin", "hb", "control")  # of a kernel, in the order of their numbers
LIMIT = 16 * 2**20  # bytes of one answer; the course's own are a few thousand, and 3 million where cost is measured


FORMULA = 10_001  # characters of a formula that are sent: one more than are read
TOLD = 12 * FORMULA + 100  # bytes of it as JSON


class Stopped(BaseException):
    """The time for a call is over."""


class Unsendable(Exception):
    """A value that cannot travel."""


def send(door, text):
    """Send a text through a stream socket, its length before it."""
    data = text.encode()
    door.sendall(len(data).to_bytes(8, "big") + data)


def receive(door, deadline=None, most=None):
    """The next text from a stream socket, or None where it is closed.

    Raises:
        TimeoutError: it is not whole at `deadline` (of time.monotonic).
        ValueError: it is longer than `most` or LIMIT, or no UTF-8.
    """
    head = _exactly(door, 8, deadline)
    if head is None:
        return None
    if (size := int.from_bytes(head, "big")) > (most or LIMIT):
        raise ValueError(f"an answer of {size:,} bytes")
    body = _exactly(door, size, deadline)
    return None if body is None else body.decode()


def _exactly(door, size, deadline):
    data = bytearray()
    while len(data) < size:
        if deadline is not None:
            door.settimeout(max(1e-3, deadline - time.monotonic()))
        if not (part := door.recv(min(size - len(data), 2**20))):
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


def run(functions, name, given):
    """Call a function twice, where it lives, and say what came of it.

    Args:
        functions: where to look for it, the student's namespace.
        name: its name.
        given: its arguments, a packed tuple as JSON text.

    Returns:
        JSON text: {"value", "again", "after"}, packed; or {"error": [class, text, place]}; or {"unsendable": text};
        or {"absent": true}; or {"stopped": true}, where a Stopped was raised. The second call gets copies, but for
        dicts, where a change by the first would show.
    """
    if not callable(functions.get(name)):
        return json.dumps({"absent": True})
    try:
        used = unpack(json.loads(given))
        fresh = copy.deepcopy(used)
        with contextlib.redirect_stdout(_Nowhere()), contextlib.redirect_stderr(_Nowhere()):
            value = pack(functions[name](*used))
            again = pack(functions[name](*(a if isinstance(a, dict) else b for a, b in zip(used, fresh, strict=True))))
        answer = json.dumps({"value": value, "again": again, "after": pack(used)})
        return answer if len(answer) <= LIMIT else json.dumps({"unsendable": f"{len(answer):,} bytes"})
    except Unsendable as error:
        return json.dumps({"unsendable": str(error)})
    except Stopped:
        return json.dumps({"stopped": True})
    except BaseException as error:  # an interrupt and SystemExit too: the kernel goes on
        line = traceback.extract_tb(error.__traceback__)[-1]
        return json.dumps({"error": [type(error).__name__, str(error)[:500], f"line {line.lineno} of {line.name}"]})


def told(formula):
    """A formula as JSON text: {"formula": the string}, of at most FORMULA characters; {} where it is none."""
    text = issubclass(type(formula), str)  # nothing is asked of the object itself, which may lie, or never answer
    return json.dumps({"formula": str.__getitem__(formula, slice(FORMULA))} if text else {})


class _Nowhere(io.TextIOBase):
    def write(self, text):
        return len(text)

"""Arrays in, arrays out: what travels arrives unchanged, and what should not travel is refused on both sides."""

import base64
import io
import json
from pathlib import Path

import numpy as np
import pytest

from autograder.sandbox import protocol

VALUES = [
    None,
    True,
    3,
    -2.5,
    "a word",
    np.arange(6.0).reshape(2, 3),
    np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    np.arange(12.0).reshape(3, 4)[:, ::2],
    np.float32([[1.5, -0.0]]),
    np.zeros((0, 3)),
    np.array([True, False]),
    np.array([1 + 2j]),
    np.float64(0.1),
    (1.5, np.ones(2), [np.arange(3), {"a": (1,)}]),
    {"x": np.array([np.nan, np.inf]), "npy": 1, "dict": {"list": []}},
]


def same(a, b):
    if isinstance(a, dict):
        return type(b) is dict and a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    if isinstance(a, (tuple, list)):
        return type(a) is type(b) and len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, (np.ndarray, np.generic)):
        return a.dtype == b.dtype and a.shape == b.shape and np.array_equal(a, b, equal_nan=a.dtype.kind in "fc")
    return type(a) is type(b) and a == b


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_what_travels_arrives_unchanged(value):
    assert same(protocol.unpack(json.loads(json.dumps(protocol.pack(value)))), value)


def test_a_subclass_arrives_as_a_plain_array():
    class Lying(np.ndarray):
        def __eq__(self, other):
            return True

    arrived = protocol.unpack(protocol.pack(np.ones(3).view(Lying)))
    assert type(arrived) is np.ndarray


@pytest.mark.parametrize(
    "value", [object(), {1: 2.0}, np.array([object()]), np.array(["text"]), {1, 2}, lambda: 0, np.datetime64("2020")]
)
def test_what_holds_no_numbers_is_not_sent(value):
    with pytest.raises(protocol.Unsendable):
        protocol.pack(value)


def npy(array=None, header=None, data=b""):
    buffer = io.BytesIO()
    if header is None:
        np.save(buffer, array, allow_pickle=True)
    else:
        np.lib.format.write_array_header_1_0(buffer, header)
        buffer.write(data)
    return {"npy": base64.b64encode(buffer.getvalue()).decode()}


def header(descr, shape):
    return {"descr": descr, "fortran_order": False, "shape": shape}


HOSTILE = [
    npy(np.array([{"a": 1}], dtype=object)),
    npy(header=header("<f8", (10**12,)), data=b"12345678"),
    npy(header=header("<f8", (-1,)), data=b""),
    npy(header=header("<f8", (2,)), data=b"12345678"),
    npy(header=header("|V8", (1,)), data=b"12345678"),
    npy(header=header("<U2", (1,)), data=b"12345678"),
    {"npy": "no base64!"},
    {"npy": base64.b64encode(b"not an array").decode()},
    {"pickle": "gASVAAAAAAAAAAA="},
    {"list": [], "tuple": []},
    {},
    [1, 2],
    {"dict": [1]},
    {"tuple": 3},
]


@pytest.mark.parametrize("tree", HOSTILE, ids=range(len(HOSTILE)))
def test_a_tree_that_pack_did_not_make_is_refused(tree):
    with pytest.raises((ValueError, TypeError, KeyError, AttributeError)):
        protocol.unpack(tree)


def ran(function, *given):
    return json.loads(protocol.run({"f": function}, "f", json.dumps(protocol.pack(given))))


def test_a_function_is_called_twice_with_the_same():
    calls = []

    def f(x):
        calls.append(x.copy())
        return x * len(calls)

    reply = ran(f, np.ones(2))
    assert len(calls) == 2
    assert protocol.unpack(reply["value"]).tolist() == [1, 1]
    assert protocol.unpack(reply["again"]).tolist() == [2, 2]


def test_what_a_function_does_to_its_arguments_comes_back():
    def f(x, cache):
        x *= 2
        cache["a"] += 1
        return x + cache["a"]

    reply = ran(f, np.ones(2), {"a": np.zeros(2)})
    x, cache = protocol.unpack(reply["after"])
    assert x.tolist() == [2, 2]
    assert cache["a"].tolist() == [2, 2]
    assert protocol.unpack(reply["value"]).tolist() == [3, 3]  # packed before the second call
    assert protocol.unpack(reply["again"]).tolist() == [4, 4]


def test_what_a_function_prints_goes_nowhere(capsys):
    def f(x):
        print("a hidden input:", x)
        return x

    assert "value" in ran(f, np.ones(2))
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("error", [ValueError("no"), KeyboardInterrupt(), SystemExit(3), MemoryError()])
def test_an_error_of_any_kind_is_an_answer(error):
    def f():
        raise error

    kind, _, place = ran(f)["error"]
    assert kind == type(error).__name__
    assert place.endswith(" of f")


def test_a_function_that_is_not_there_is_said_to_be_absent():
    assert json.loads(protocol.run({"f": 3}, "f", "{}")) == {"absent": True}


def test_what_is_too_large_is_not_sent(monkeypatch):
    monkeypatch.setattr(protocol, "MAX_ANSWER_BYTES", 1000)
    assert "bytes" in ran(lambda: np.ones(1000))["unsendable"]


def test_a_bottomless_answer_is_an_error():
    endless = []
    endless.append(endless)
    assert ran(lambda: endless)["error"][0] == "RecursionError"


def test_the_source_needs_nothing_of_ours():
    source = Path(protocol.__file__).read_text(encoding="utf8")
    imports = {line.split()[1].split(".")[0] for line in source.splitlines() if line.startswith(("import", "from"))}
    assert imports <= {
        "base64",
        "contextlib",
        "copy",
        "functools",
        "io",
        "json",
        "math",
        "sys",
        "time",
        "traceback",
        "numpy",
    }

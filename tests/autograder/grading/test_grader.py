"""The trusted half of executing: which question a cell asks, and what is made of what a kernel sends."""

import json

import numpy as np
import pytest

from autograder.grading.grader import _answer, question_of
from autograder.sandbox import protocol
from tests.hw1 import ASSIGNMENT


def test_the_question_is_read_from_the_one_line_that_a_grade_cell_holds():
    assert question_of('check("2-2 branch b")', ASSIGNMENT.known) == "2-2 branch b"
    assert question_of('check("2-2 gamma, written")', ASSIGNMENT.known) == "2-2 gamma, written"


@pytest.mark.parametrize(
    "source",
    [
        "",
        "4.0",
        'check("9-9")',
        'check("2-2 gamma")',
        'check("2-2 c, written")',
        'check("1-1", seed=0)',
        'check("1-1"); x = 1',
        "check(x)",
        'f("1-1")',
        "check(",
        'a.check("1-1")',
    ],
)
def test_a_grade_cell_that_holds_anything_else_is_refused(source):
    with pytest.raises(ValueError, match="a grade cell holds one line"):
        question_of(source, ASSIGNMENT.known)


def sent(reply):
    return _answer(json.dumps(reply))


def test_an_answer_arrives():
    packed = protocol.pack(np.ones(2))
    answer = sent({"value": packed, "again": packed, "after": protocol.pack((1.0,))})
    assert answer.error is None
    assert answer.value.tolist() == answer.again.tolist() == [1, 1]
    assert answer.after == (1.0,)


def test_an_error_is_told_by_a_class_that_python_knows_and_by_no_other():
    assert sent({"error": ["ValueError", "x is 3", "line 2 of f"]}).error == "raised ValueError: x is 3 (line 2 of f)"
    assert sent({"error": ["Secret_0_123", "", "line 1 of f"]}).error.split(":")[0] == "raised an exception of its own"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no literal",
        "3",
        "{",
        "[]",
        '{"value": {"npy": "AAAA"}}',
        '{"error": 3}',
        "[" * 9999,
    ],
)
def test_whatever_else_a_kernel_sends_is_an_error(text):
    assert _answer(text).error == "returned what cannot be read"

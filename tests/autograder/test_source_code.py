"""Source is parsed, though CPython's parser fails now and then through no fault of it."""

import ast

import pytest

from autograder import source_code


@pytest.fixture
def failing(monkeypatch):
    """A parser that fails so many times before it works."""

    def make(times):
        stock, failures = ast.parse, iter(range(times))

        def parse(source):
            if next(failures, None) is not None:
                raise SystemError("AST constructor recursion depth mismatch (before=66, after=113)")
            return stock(source)

        monkeypatch.setattr(source_code.ast, "parse", parse)

    return make


@pytest.mark.parametrize("times", [0, 1, source_code.ATTEMPTS - 1])
def test_a_parser_that_fails_is_asked_again(failing, times):
    failing(times)
    assert ast.dump(source_code.parse("x = 1")) == ast.dump(compile("x = 1", "", "exec", ast.PyCF_ONLY_AST))


def test_a_parser_that_always_fails_is_no_student_s_fault(failing):
    failing(source_code.ATTEMPTS)
    with pytest.raises(SystemError):
        source_code.parse("x = 1")


def test_what_is_no_python_is_said():
    with pytest.raises(SyntaxError):
        source_code.parse("x = ")

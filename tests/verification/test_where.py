"""`autograder where NAME`: page, equation, function, question, mistakes and tests of each kind of name."""

import re
from dataclasses import replace

import pytest

from autograder import cli
from autograder.assignment.load import load_index
from tests.hw1 import ASSIGNMENT
from verification.where import locate

ROOT = ASSIGNMENT.course_folder


def only(name):
    (found,) = locate(name, ASSIGNMENT)
    return found


def line_at(place):
    """The text of a line, "file:line"."""
    file, _, number = place.rpartition(":")
    return (ROOT / file).read_text(encoding="utf8").splitlines()[int(number) - 1]


def parts_of(found):
    return [(part.question, part.name) for part in found.parts]


def test_a_label():
    found = only("jac-softmax")
    (equation,) = found.equations
    assert found.kind == "equation" and equation.page == "book/block1/softmax"
    assert line_at(f"{equation.page}.md:{equation.line}").endswith("$$ (jac-softmax)")
    assert equation.url == "book/block1/softmax.html#equation-jac-softmax"
    assert re.fullmatch(r"\d+\.\d+", equation.number) and equation.heading
    assert "def softmax_jacobian(" in line_at(found.functions["softmax_jacobian"]) + line_at(
        _next(found.functions["softmax_jacobian"])
    )
    assert set(parts_of(found)) == {("1-3", "jacobian"), ("1-3, written", "jacobian"), ("2-2 head", "dy_hat_b_dz_2b")}
    assert "softmax's diagonal alone" in found.mistakes
    assert {"check_softmax_jacobian", "jac_softmax"} <= set(found.tests)


def _next(place):
    file, _, number = place.rpartition(":")
    return f"{file}:{int(number) + 1}"


def test_a_function():
    found = only("branch_b_backward")
    assert found.kind == "function" and found.functions["branch_b_backward"].startswith("solutions/two_branch.py:")
    assert [equation.label for equation in found.equations] and "grad-a-1b" in {e.label for e in found.equations}
    assert {question for question, _ in parts_of(found)} == {"2-2 branch b"}
    assert "batch statistics taken as constants" in found.mistakes and "check_branch_b_backward" in found.tests


@pytest.mark.parametrize("name", ["2-2 branch b", "2-2-branch-b"])
def test_a_question(name):
    found = only(name)
    asked = ASSIGNMENT.questions["2-2 branch b"]
    assert [(part.name, part.points) for part in found.parts] == [(part.name, part.points) for part in asked.parts]
    assert 'check("2-2 branch b")' in line_at(found.questions["2-2 branch b"]) or "check-2-2-branch-b" in line_at(
        found.questions["2-2 branch b"]
    )
    assert list(found.functions) == ["branch_b_backward"] and len(found.equations) == len(asked.parts)


def test_a_formula_that_is_asked():
    found = only("2-2-gamma-written")
    assert parts_of(found) == [("2-2 gamma, written", "dgamma")]
    assert [equation.label for equation in found.equations] == ["grad-gamma"]


def test_a_part_has_its_points_from_the_table():
    found = only("da_1b")
    assert [(part.question, part.points) for part in found.parts] == [("2-2 branch b", 4)]
    assert [equation.label for equation in found.equations] == ["grad-a-1b"]


def test_a_mistake():
    found = only("batch statistics taken as constants")
    assert found.kind == "mistake" and "batch statistics" in line_at(found.mistakes[found.name])
    assert parts_of(found) == [("2-2 branch b", "da_1b")] and list(found.functions) == ["branch_b_backward"]
    assert [equation.label for equation in found.equations] == ["grad-a-1b"]


@pytest.mark.parametrize("mistake", ASSIGNMENT.mistakes, ids=lambda mistake: mistake.name)
def test_every_mistake_has_a_place_a_page_and_a_question(mistake):
    found = next(each for each in locate(mistake.name, ASSIGNMENT) if each.kind == "mistake")
    assert found.equations and found.parts, mistake.name
    assert all(line_at(place) for place in found.mistakes.values())


def test_a_name_of_several_kinds_is_found_as_each():
    assert [found.kind for found in locate("loss", ASSIGNMENT)] == ["equation", "part"]


def test_the_command_prints_a_line_for_each_place(capsys):
    assert cli.main(["where", "2-2", "branch", "b"]) == cli.GRADED
    printed = capsys.readouterr().out
    assert printed.startswith("2-2 branch b   question\n")
    assert re.search(
        r"^  page +book/block2/branch_b\.md:\d+   book/block2/branch_b\.html#equation-grad-c ", printed, re.M
    )
    assert re.search(r"^  function +solutions/two_branch\.py:\d+   branch_b_backward$", printed, re.M)
    assert re.search(r"^  question +assignments/hw1/problem2\.md:\d+   2-2 branch b: .*da_1b 4", printed, re.M)
    assert re.search(r"^  mistake +assignments/hw1/mistakes\.py:\d+   batch statistics", printed, re.M)
    assert re.search(r"^  test +verification/checks/two_branch\.py:\d+   check_branch_b_backward$", printed, re.M)


def test_an_unknown_name_names_the_nearest(capsys):
    assert cli.main(["where", "jac-sofmax"]) == cli.FAILED
    assert "nothing is called 'jac-sofmax'; the nearest: jac-softmax" in capsys.readouterr().err


def test_a_course_without_an_index_says_so():
    with pytest.raises(ValueError, match="hw1 names no index"):
        load_index(replace(ASSIGNMENT, index=""))

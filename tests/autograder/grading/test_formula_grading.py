"""A written formula, from what comes through its channel to the points that a repair leaves it."""

import json
import os
import re
import socket
import time
from dataclasses import asdict, replace

import nbformat
import numpy as np
import pytest

from assignments.hw1 import formula_verdicts as judge
from autograder.assignment.cell_names import formula_cell
from autograder.course import course_config
from autograder.course import folder as course
from autograder.course.course_config import read_config
from autograder.formula.tokens import MAX_CHARACTERS
from autograder.formula.verdict import FormulaVerdict
from autograder.grading import formula_grading
from autograder.grading.submission import grade_submission
from autograder.sandbox import notebook_runner as cells
from autograder.sandbox import protocol
from tests.hw1 import ASSIGNMENT, WRITTEN, every_number, right_answers

FORMULAS = ASSIGNMENT.formulas

QUESTION = "2-2 theta_2a, written"
REPAIRED = r'f = formula(r"\sum_i \frac{\partial L}{\partial z_{2A,i}} (M_i a_{1A,i})^T")'
GAMMA = r"\frac1m \sum_i \theta_{2B}^T (\hat y_{b,i} - y_{b,i}) \circ \hat x_i"


# What comes


class Channel:
    def __init__(self, text):
        self.text = text

    def receive_formula(self):
        return self.text


@pytest.mark.parametrize(
    "formula, latex",
    [
        (r"\hat x_i", r"\hat x_i"),
        ("", ""),
        ("\ud800", "\ud800"),
        ("x" * 10**6, "x" * (MAX_CHARACTERS + 1)),
        (None, None),
        (3.0, None),
        (b"x", None),
        (["x"], None),
    ],
)
def test_a_string_comes_as_it_is_and_bounded_and_nothing_else_comes(formula, latex):
    assert formula_grading.received(Channel(protocol.formula_message(formula))) == latex
    assert len(protocol.formula_message(formula)) <= protocol.MAX_FORMULA_BYTES


def test_what_is_sent_is_one_character_more_than_is_read():
    assert protocol.MAX_FORMULA_CHARACTERS == MAX_CHARACTERS + 1


@pytest.mark.parametrize(
    "text", [None, "", "3", "[]", "{}", '{"formula": ["x"]}', '{"formula": 1}', "[" * 99_999, "\ud800"]
)
def test_whatever_else_a_kernel_sends_is_no_formula(text):
    assert formula_grading.received(Channel(text)) is None


def test_a_door_takes_no_more_than_a_formula_and_does_not_wait_for_ever():
    local, remote = socket.socketpair()
    with local, remote:
        remote.sendall((protocol.MAX_FORMULA_BYTES + 1).to_bytes(8, "big"))
        with pytest.raises(ValueError, match="an answer of"):
            cells.Channel(local, None).receive_formula()
        begun = time.monotonic()
        with pytest.raises(TimeoutError):
            cells.Channel(local, None).receive_formula()
        assert time.monotonic() - begun < 2 * cells.GRACE + 1
        remote.close()
        assert cells.Channel(local, None).receive_formula() is None


def test_a_string_that_is_sent_arrives():
    local, remote = socket.socketpair()
    with local, remote:
        protocol.send(remote, protocol.formula_message("\ud83d\u202e" * 20_000))
        assert formula_grading.received(cells.Channel(local, None)) == ("\ud83d\u202e" * 20_000)[: MAX_CHARACTERS + 1]


# Which formula answers a question


SOURCES = right_answers()
FORMULA = {name: SOURCES[formula_cell(name)] for name in (key.removesuffix(", written") for key in WRITTEN)}
UNNAMED = {name: re.sub(r'^formula\("[^"]+", ', "formula(", source) for name, source in FORMULA.items()}


def cell_of(name, source):
    return {formula_cell(name): source}


def scores(record):
    """The points of each formula, by question."""
    return {name: record.questions[f"{name}, written"].score for name in FORMULA}


@pytest.mark.parametrize(
    "write",
    [
        lambda name: f"f = {FORMULA[name]}",
        lambda name: f"f = {UNNAMED[name]}",
        lambda name: f"g = {UNNAMED[name]}",
        lambda name: UNNAMED[name],
        lambda name: f"{UNNAMED[name]}\nNone",
        lambda name: f"f = {UNNAMED[name]}\nsketch = formula('0')",
        lambda name: f"formula('{name}, written', {UNNAMED[name].removeprefix('formula(')}\nf = formula('0')",
        lambda name: f"import checks\nchecks.formula('{name}', '0')\n{FORMULA[name]}",
    ],
    ids=["assigned", "as before", "another name", "not assigned", "no value", "a sketch", "f is another", "the last"],
)
def test_each_question_gets_the_formula_that_was_made_for_it(course, submit, write):
    record = grade_submission(submit("s", {formula_cell(name): write(name) for name in FORMULA}), course)
    assert scores(record) == dict.fromkeys(FORMULA, 1)
    assert record.status == "graded" and not record.repairs


@pytest.mark.parametrize("sources", [FORMULA, {name: f"f = {source}" for name, source in UNNAMED.items()}])
def test_formulas_above_the_imports_or_after_a_dead_kernel_are_read_from_their_cells(course, submit, sources):
    def move(name, notebook):
        found = [cell for cell in notebook.cells if cell.metadata.nbgrader.get("grade_id", "").startswith("written-")]
        notebook.cells = [*found, *(cell for cell in notebook.cells if cell not in found)]

    def move_all(name, notebook):
        for cell in notebook.cells:
            cell.metadata.setdefault("nbgrader", {})
        move(name, notebook)

    answers = {formula_cell(name): source for name, source in sources.items()}
    record = grade_submission(submit("above", answers, move_all), course)
    assert scores(record) == dict.fromkeys(FORMULA, 1) and record.status == "graded"
    assert any('"written-2-2-beta"' in note and "put back where released" in note for note in record.repairs)

    def die(name, notebook):
        notebook.cells.insert(2, nbformat.v4.new_code_cell("import os; os._exit(1)"))

    record = grade_submission(submit("dead", answers, die), course)
    assert scores(record) == dict.fromkeys(FORMULA, 1)
    assert record.status == "needs a person"


@pytest.mark.parametrize(
    "source",
    [
        'n = "m"\nformula("2-2 beta", rf"\\frac1{n} \\sum_i s_i" + undefined)',
        r"\frac1m \sum_i \theta_{2B}^\top (\hat y_{b,i} - y_{b,i})",
        'formula("2-2 gamma", r"s_i")',
        "f = None",
        "# my formula: sum of y",
        "latex = r'x_i'\nraise ValueError",
        "f = formula(" + "(" * 9_999,
    ],
)
def test_what_is_written_and_cannot_be_read_is_for_a_person(course, submit, source):
    record = grade_submission(submit("s", cell_of("2-2 beta", source)), course)
    assert scores(record) == dict.fromkeys(FORMULA, 1) | {"2-2 beta": 0}
    other = 'problem2: the formula in the cell "written-2-2-beta" names the question "2-2 gamma"'
    (need,) = (need for need in record.needs_attention if need != other)
    assert (other in record.needs_attention) == ("2-2 gamma" in source)
    assert need.startswith("problem2: 2-2 beta, written: its cell is not empty, but no formula came of it")
    assert "A person will look at it" in record.questions["2-2 beta, written"].parts[0].messages[0]


@pytest.mark.parametrize("source", ['formula("2-2 beta", r"")', 'f = formula(r"")', "formula('2-2 beta', '')  # ?", ""])
def test_the_released_cell_is_no_answer_and_no_other_formula_is_taken_for_it(course, submit, source):
    """Neither what came before it in `f`, nor what stands further down."""
    others = {formula_cell(name): f"f = {UNNAMED[name]}" for name in FORMULA}
    record = grade_submission(submit("s", others | cell_of("2-2 beta", source)), course)
    assert scores(record) == dict.fromkeys(FORMULA, 1) | {"2-2 beta": 0}
    assert record.status == "graded"
    assert record.questions["2-2 beta, written"].parts[0].messages == (formula_grading.NO_FORMULA,)


def test_a_formula_in_a_cell_below_the_released_one_counts(course, submit):
    def below(name, notebook):
        for question, source in (("2-2 beta", FORMULA["2-2 beta"]), ("2-2 gamma", f"f = {UNNAMED['2-2 gamma']}")):
            for index, cell in enumerate(notebook.cells):
                if cell.metadata.get("nbgrader", {}).get("grade_id") == formula_cell(question):
                    notebook.cells.insert(index + 1, nbformat.v4.new_code_cell(source))
                    break

    stubs = cell_of("2-2 beta", 'formula("2-2 beta", r"")') | cell_of("2-2 gamma", 'f = formula(r"")')
    assert scores(grade_submission(submit("s", stubs, below), course)) == dict.fromkeys(FORMULA, 1)


def test_a_misspelt_question_is_read_in_its_own_cell_and_noted(course, submit):
    record = grade_submission(submit("s", cell_of("2-2 beta", FORMULA["2-2 beta"].replace("beta", "bta"))), course)
    assert scores(record) == dict.fromkeys(FORMULA, 1)
    assert sorted(record.repairs) == [
        'problem2: the formula in the cell "written-2-2-beta" names the question "2-2 bta"',
        "problem2: the formula of 2-2 beta was read from its cell's source: the cell ended with ValueError",
    ]


@pytest.mark.parametrize(
    "source, own, elsewhere",
    [
        ('formula("2-2 beta", r"x_i")', "x_i", "x_i"),
        ('f = checks.formula("2-2 beta, written", "x_i")', "x_i", "x_i"),
        ('print(formula(latex=r"x_i", question="2-2 beta"))', "x_i", "x_i"),
        ('f = formula(r"x_i")', "x_i", None),
        ('formula("2-2 bta", "x_i")', "x_i", None),
        ('formula("2-2 gamma", "x_i")', None, None),
        ('formula("2-2 beta", "a")\nformula("2-2 beta", "x_i")\nformula("2-2 beta", "")', "x_i", "x_i"),
        ('%matplotlib inline\nformula("2-2 beta", """x_i""")', "x_i", "x_i"),
        ('formula("2-2 beta", f"x_i")', None, None),
        ('formula("2-2 beta", b"x_i")', None, None),
        ('formula("2-2 beta", "x" "_i")', "x_i", "x_i"),
        ('formula("2-2 beta", "x" + "_i")', None, None),
        ('# formula("2-2 beta", r"x_i")', None, None),
        ('formula("2-2 beta", *["x_i"])', None, None),
        ("formula()", None, None),
        ("x_i", None, None),
        ("formula(" * 5_000, None, None),
        ("-" * 39_000 + "1", None, None),
        ("a" + ".a" * 19_000, None, None),
        ('f = formula(r"x_i")\n' + "#" * 40_000, None, None),
    ],
)
def test_a_string_in_quotes_is_read_from_a_cell(source, own, elsewhere):
    assert formula_grading.literal(source, "2-2 beta", WRITTEN) == own
    assert formula_grading.literal(source, "2-2 beta") == elsewhere


# The verdict


def test_the_hidden_draws_decide_and_the_public_ones_are_shown():
    seen = formula_grading.grade_public(FORMULAS, QUESTION.replace("theta_2a", "gamma"), GAMMA)
    assert (seen.verdict, seen.error < 1e-12) == ("right", True)
    assert formula_grading.grade_hidden(FORMULAS, "2-2 gamma, written", GAMMA, seen, 5) == seen
    hidden = FormulaVerdict("2-2 gamma", "wrong", 0.123, words=("a hidden number: 0.123",))
    found = formula_grading.grade_hidden(
        replace(FORMULAS, judge=lambda *a: hidden), "2-2 gamma, written", GAMMA, seen, 5
    )
    assert (found.verdict, found.error) == ("wrong", seen.error)
    assert "0.123" not in " ".join(found.words)


def test_public_draws_are_those_that_a_student_has():
    for family, draws in every_number()["formulas"].items():
        graded = [judge.drawn(seed, False, family)[0] for seed in judge.seeds_of(formula_grading.PUBLIC_SEED)]
        assert len(draws) == len(graded) == 2
        for draw, other in zip(draws.values(), graded, strict=True):
            assert all(np.array_equal(draw[name], value) for name, value in other.items())


@pytest.mark.parametrize(
    "verdict, percent, share",
    [
        ("right", 100, 1),
        ("repaired", 0, 1),
        ("repaired", 25, 0.75),
        ("repaired", 100, 0),
        ("wrong", 0, 0),
        ("ambiguous", 0, 0),
        ("not read", 0, 0),
    ],
)
def test_a_repair_costs_what_the_course_says(verdict, percent, share):
    assert formula_grading.share(FormulaVerdict("", verdict), percent) == share


def test_a_repair_costs_nothing_unless_course_toml_says_so(course, submit):
    folder = submit("mender", {"written-2-2-theta_2a": REPAIRED})
    found = grade_submission(folder, course).questions[QUESTION]
    assert (found.score, found.parts[0].verdict) == (1, "repaired")
    course_config.write_defaults(course.root)
    rules = course.root / "course.toml"
    before = rules.read_text()
    try:
        rules.write_text(before.replace("repair_percent = 0", "repair_percent = 40"))
        record = grade_submission(folder, course)
    finally:
        rules.write_text(before)
    assert record.questions[QUESTION].score == pytest.approx(0.6)
    (cell,) = [cell for cell in record.cells if cell.name == "check-2-2-theta_2a-written"]
    assert cell.auto_score == pytest.approx(0.6)
    assert record.status == "graded"
    page = shown(record, "check-2-2-theta_2a-written")
    assert "right after a repair" in page and "0.6 of 1" in page
    assert "M_i times a_{1A,i} was read as entry by entry" in page


@pytest.mark.parametrize(
    "latex, verdict, words",
    [
        (r"\frac1m \sum_i \tanh(\hat y_{b,i} - y_{b,i})", "not read", "was not read, and is not graded: read it"),
        (
            r"\frac1m \sum_i \theta_{2B}^T (\hat y_{b,i} - y_b)",
            "ambiguous",
            "or only after a change, and is not graded",
        ),
    ],
)
def test_what_is_not_read_costs_nothing_and_waits_for_a_person(course, submit, latex, verdict, words):
    record = grade_submission(submit("s", cell_of("2-2 beta", f'formula("2-2 beta", r"{latex}")')), course)
    assert record.questions["2-2 beta, written"].parts[0].verdict == verdict
    (cell,) = [cell for cell in record.cells if cell.name == "check-2-2-beta-written"]
    assert cell.auto_score is None, "neither full points nor none"
    (need,) = record.needs_attention
    assert words in need and record.status == "needs a person"
    page = shown(record, "check-2-2-beta-written")
    assert "not graded" in page and "<math" in page and "As it was written:" in page


def test_a_right_end_after_a_false_step_has_its_point_and_a_person_is_told(course, submit):
    step = r"\sum_i \frac{\partial L}{\partial c_i} = \sum_i \theta_{2B}^T (\hat y_{b,i} - y_{b,i})"
    latex = rf"{step} = \frac1m \sum_i \theta_{{2B}}^T (\hat y_{{b,i}} - y_{{b,i}})"
    record = grade_submission(submit("s", cell_of("2-2 beta", f'formula("2-2 beta", r"{latex}")')), course)
    (part,) = record.questions["2-2 beta, written"].parts
    assert (part.verdict, part.points) == ("inconsistent", 1)
    assert "This expression before it is false" in part.messages[0]
    assert record.needs_attention == [
        "problem2: 2-2 beta, written: the formula is right, and a step before it is not (its points stand)"
    ]


def test_what_is_wrong_has_no_points_and_needs_nobody(course, submit):
    latex = r"\sum_i \theta_{2B}^T (\hat y_{b,i} - y_{b,i})"
    record = grade_submission(submit("s", cell_of("2-2 beta", f'formula("2-2 beta", r"{latex}")')), course)
    (cell,) = [cell for cell in record.cells if cell.name == "check-2-2-beta-written"]
    assert (cell.auto_score, record.needs_attention) == (0, [])


def shown(record, name):
    """What a check's cell shows."""
    for text in record.notebooks.values():
        for cell in nbformat.reads(text, as_version=4).cells:
            if cell.metadata.get("nbgrader", {}).get("grade_id") == name:
                return cell.outputs[0].data["text/html"]
    raise KeyError(name)


def test_what_a_grade_depends_on_has_the_reader_the_judge_and_the_cost_of_a_repair(tmp_path, monkeypatch):
    place = course.Course.at(tmp_path, tmp_path)
    place.seed_file.write_text("1")
    before = course.fingerprint_of(place)
    (tmp_path / "course.toml").write_text("[formulas]\nrepair_percent = 10\n")
    assert course.fingerprint_of(place) != before
    (tmp_path / "course.toml").unlink()
    assert course.fingerprint_of(place) == before
    read, release = course.Path.read_bytes, course.sources_digest(place)
    for name in ("problem1.md", "network.svg", "tokens.py", "verdict.py", "targets.py", "formula_grading.py"):
        with monkeypatch.context() as patch:
            patch.setattr(course.Path, "read_bytes", lambda path, name=name: read(path) + b"#" * (path.name == name))
            assert (course.fingerprint_of(place) == before) == name.endswith(".py"), f"no docstring regrades: {name}"
            assert course.sources_digest(place) != release, name
    monkeypatch.setattr(course.versions, "GRADING_VERSION", course.versions.GRADING_VERSION + 1)
    assert course.fingerprint_of(place) != before


@pytest.mark.parametrize("value", ["-1", "101", "nan", '"5"', "true"])
def test_a_cost_that_cannot_be_is_said(tmp_path, value):
    (tmp_path / "course.toml").write_text(f"[formulas]\nrepair_percent = {value}\n")
    with pytest.raises(ValueError, match=r"formulas\.repair_percent is expected to be a number from 0 to 100"):
        read_config(tmp_path / "course.toml")
    (tmp_path / "course.toml").write_text("[formulas]\nrepairs = 3\n")
    with pytest.raises(ValueError, match=r"formulas\.repairs is not known here. Known: repair_percent"):
        read_config(tmp_path / "course.toml")


# What is shown


def page_of(latex, points):
    """What is shown of an answer to 2-2 gamma."""
    seen = formula_grading.grade_public(FORMULAS, "2-2 gamma, written", latex)
    return formula_grading.shown(ASSIGNMENT, "2-2 gamma, written", seen, latex, points)


def test_what_is_shown_is_escaped_and_bounded():
    evil = "<script>alert(1)</script>&\u202e\x00\ud800" + "@" * 9_000
    page = formula_grading.shown(
        ASSIGNMENT, "2-2 gamma, written", formula_grading.grade_public(FORMULAS, "2-2 gamma, written", evil), evil, 0.0
    )
    assert "<script" not in page and "&lt;script&gt;" in page
    assert r"\u202e\u0000\ud800" in page and "@ …</pre>" in page
    assert not {"\u202e", "\x00", "\ud800"} & set(page)
    assert len(page) < 6_000
    page.encode("utf8")


def test_a_definition_is_shown_typeset_with_its_shape():
    latex = "g_i = \\theta_{2B}^T (\\hat y_{b,i} - y_{b,i})\n\\frac1m \\sum_i g_i \\circ \\hat x_i"
    page = formula_grading.shown(
        ASSIGNMENT,
        "2-2 gamma, written",
        formula_grading.grade_public(FORMULAS, "2-2 gamma, written", latex),
        latex,
        1.0,
    )
    assert page.count('display="block"') == 2
    assert page.count("a column of n_h") == 2
    assert "1 of 1" in page and ">right, to " in page


def test_a_named_mistake_has_its_words_and_its_place_in_the_book():
    latex = GAMMA.replace(r"\hat x", "c")
    page = formula_grading.shown(
        ASSIGNMENT,
        "2-2 gamma, written",
        formula_grading.grade_public(FORMULAS, "2-2 gamma, written", latex),
        latex,
        0.0,
    )
    assert "<b>∂L/∂γ from the output.</b>" in page
    assert "off by" in page
    assert '<cite data-equation="' in page


def test_without_a_formula_it_says_why():
    assert formula_grading.grade_public(FORMULAS, "1-2, written", None).words == (formula_grading.NO_FORMULA,)
    assert formula_grading.grade_public(FORMULAS, "1-2, written", None, "the kernel ended itself").words == (
        "It could not be read: the kernel ended itself. A person will look at it.",
    )
    assert formula_grading.grade_public(FORMULAS, "1-2, written", "").words == ("There is no formula.",)


def test_a_formula_that_is_infinitely_wrong_is_json(course, submit):
    record = grade_submission(submit("short", {"written-2-2-gamma": 'f = formula("1")'}), course)
    json.dumps(asdict(record), allow_nan=False)
    assert record.questions["2-2 gamma, written"].parts[0].error is None
    assert os.path.sep not in record.questions["2-2 gamma, written"].parts[0].messages[0]

"""Names before the deadline: told after the second check, right, and of no use to whoever looks for an answer."""

import importlib
import re
import sys
from dataclasses import replace

import numpy as np
import pytest

from assignments.hw1.mistakes import BANK, MISTAKES
from autograder.assignment.release import names_source
from autograder.mistakes.at_home import KEY, MARK, PADDED, NamesAtHome, Told, digests, lock
from autograder.mistakes.derivation import derived_bank
from autograder.mistakes.diagnosis import entries_of, marked_mistakes
from autograder.questions import public
from autograder.questions.model import SEEDS
from autograder.sandbox.bubblewrap import graded_files
from tests.answers import answer_equations, solution_lines, squeezed, squeezed_code
from tests.hw1 import ASSIGNMENT, GRADED, HW1, QUESTIONS, stored_numbers
from verification.mistake_matrix import GIVEN, mistaken
from verification.student_variants import RIGHT, student


@pytest.fixture(scope="module")
def names():
    return NamesAtHome(*lock(marked_mistakes(BANK, SEEDS)))


@pytest.fixture(scope="module")
def stored():
    return stored_numbers()


@pytest.fixture(autouse=True)
def fresh_kernel(monkeypatch):
    monkeypatch.setattr(public, "FAILED", {})
    monkeypatch.setattr(public, "TOLD", set())


def seen_by(question_id, functions, stored, seeds=SEEDS):
    space = RIGHT["plain"] | GIVEN | functions
    return public.judge_at_home(QUESTIONS[question_id], space, seeds, stored)[1]


def home_name(entry):
    return ", or ".join(dict.fromkeys(mistake.home_name or mistake.name for mistake in entry))


# ---------------------------------------------------------------------------------------------------------------------
# When they are told


def test_a_name_is_told_after_the_second_check_and_once(names, stored):
    question = QUESTIONS["1-3"]
    seen = seen_by("1-3", student(softmax_slope=lambda y: np.diag(y - y * y)), stored)
    assert public.told_again(question, seen, names) == []
    (line,) = public.told_again(question, seen, names)
    assert line == (
        "    jacobian: softmax's diagonal alone. A change of one score moves every probability: they share a sum."
    )
    assert public.told_again(question, seen, names) == []


def test_each_part_has_its_own_count(names, stored):
    question = QUESTIONS["2-1"]
    mask = student(make_mask=lambda r, p: (r < p) / (1 - p))
    public.told_again(question, seen_by("2-1", mask, stored), names)
    loss = student(losses=lambda z, y_a, y_hat, y: (((z - y_a) ** 2).sum() / len(y), -np.mean(y * np.log(y_hat))))
    assert public.told_again(question, seen_by("2-1", loss, stored), names) == []
    (line,) = public.told_again(question, seen_by("2-1", mask, stored), names)
    assert line.startswith("    mask: keep and drop swapped. ")


def test_a_right_answer_is_told_nothing(names, stored):
    for question_id in HW1:
        seen = seen_by(question_id, {}, stored)
        assert [public.told_again(QUESTIONS[question_id], seen, names) for _ in range(3)] == [[], [], []]
        assert names(QUESTIONS[question_id], seen) == {}


def test_a_fault_of_ours_costs_a_name_and_no_verdict(stored):
    def broken(question, seen):
        raise ZeroDivisionError

    seen = seen_by("1-3", student(softmax_slope=np.diag), stored)
    assert public.told_again(QUESTIONS["1-3"], seen, broken) == []
    with pytest.warns(UserWarning, match="could not be named: ZeroDivisionError"):
        assert public.told_again(QUESTIONS["1-3"], seen, broken) == []
    assert public.told_again(QUESTIONS["1-3"], seen, None) == []


def test_check_prints_it_after_the_verdict(tmp_path, monkeypatch, capsys, names, stored):
    """As in a notebook: the function's globals are the notebook's."""
    checks = public.Checks(QUESTIONS, stored=stored, names=names)
    space = RIGHT["plain"] | GIVEN | student(softmax_slope=np.diag) | {"check": checks.check}
    for _ in range(2):
        exec('points = check("1-3")', space)
    out = capsys.readouterr().out
    assert space["points"] == 0
    assert out.count("softmax's sum taken as a constant") == 1
    assert out.rstrip().endswith("differentiate the quotient, not the exponential alone.")


# ---------------------------------------------------------------------------------------------------------------------
# Right, or none


# What is one number has no mark.
NOT_AT_HOME = {mistake.name for mistake in MISTAKES if mistake.part == "loss"}
NOT_AT_HOME |= {"statistics over the whole array", "one β for all features", "one γ for all features"}  # one number too
NOT_AT_HOME |= {"a mask of other draws", "a fresh mask on the way back"}  # no two students' masks are the same


@pytest.mark.parametrize("question_id", HW1)
def test_each_mistake_of_the_bank_is_named_at_home_as_itself_or_not_at_all(names, stored, question_id):
    named, missed = [], []
    for entry in entries_of(BANK, question_id):
        seen = seen_by(question_id, mistaken(question_id, entry[0]), stored)
        found = {told.name for told in names(QUESTIONS[question_id], seen).values()}
        assert found <= {home_name(entry)}, entry[0].name
        if found:
            named.append(entry[0].name)
        else:
            missed.append(entry[0].name)
    assert set(missed) <= NOT_AT_HOME, missed
    assert named


@pytest.mark.parametrize("question_id", HW1)
def test_rounding_of_1e_8_does_not_hide_a_mistake(names, stored, question_id):
    rng = np.random.default_rng(0)
    for entry in entries_of(BANK, question_id)[::5]:
        seen = seen_by(question_id, mistaken(question_id, entry[0]), stored)
        exact = names(QUESTIONS[question_id], seen)
        for draw in seen:
            for part in exact:
                value = np.asarray(draw.values[part], float)
                noise = rng.normal(size=value.shape)
                draw.values[part] = value + 1e-8 * np.linalg.norm(value) * noise / np.linalg.norm(noise)
        assert names(QUESTIONS[question_id], seen) == exact


def test_no_false_match_among_answers_that_are_no_mistake(names):
    rng = np.random.default_rng(1)
    for question_id in ("2-2 head", "2-2"):
        right = {seed: GRADED.truth(question_id, GRADED.graded_draw(question_id, seed)) for seed in SEEDS}
        for _ in range(300):
            for seed in SEEDS:
                for part, value in right[seed].items():
                    wrong = value * rng.uniform(0.5, 2) + rng.normal(size=np.shape(value))
                    assert names._told(question_id, part, seed, wrong) == {}


def test_numbers_and_zeros_have_no_mark():
    assert (
        digests("q", "loss", 0, 3.7) == digests("q", "part", 0, np.zeros((3, 4))) == digests("q", "part", 0, "x") == []
    )
    assert digests("q", "part", 0, [np.nan, 1.0]) == digests("q", "part", 0, None) == []
    assert len(digests("q", "part", 0, [1.0, 2.0])) == 1


def test_what_is_derived_at_home():
    """A teacher's own question: names from its forward pass, on the draws of a check."""
    from tests.autograder.test_examples import layer_norm

    def backward(dout, cache):
        x_hat, std, gamma = cache
        dx_hat = dout * gamma
        wrong = dict(dx=(dx_hat - x_hat * (dx_hat * x_hat).mean(axis=1, keepdims=True)) / std)
        return layer_norm(dout, cache) | wrong | dict(dgamma=(dout * x_hat).mean(axis=0))

    question = QUESTIONS["layer norm"]
    _, seen = public.judge_at_home(question, {"layer_norm_backward": backward}, SEEDS, {})
    assert NamesAtHome()(question, seen) == {}
    found = NamesAtHome(derive=derived_bank)(question, seen)
    assert found["dx"].name == "You took `x.mean(axis=1, keepdims=True)` as a constant."
    assert "averaged where it is summed" in found["dgamma"].name
    assert found.keys() == {"dx", "dgamma"}


# ---------------------------------------------------------------------------------------------------------------------
# What somebody finds who wants the answers. Everything that is shipped is read as a student would read it.


@pytest.fixture(scope="module")
def shipped(tmp_path_factory):
    """mistake_names.py as text, and as a module."""
    folder = tmp_path_factory.mktemp("home")
    text = names_source(ASSIGNMENT)
    (folder / "mistake_names.py").write_text(text)
    sys.path.insert(0, str(folder))
    try:
        yield text, importlib.import_module("mistake_names")
    finally:
        sys.path.remove(str(folder))
        sys.modules.pop("mistake_names", None)


def test_the_file_needs_numpy_alone_and_names_nothing(shipped):
    text, module = shipped
    imports = {line.split()[1].split(".")[0] for line in text.splitlines() if re.match(r"(import|from) ", line)}
    assert imports - sys.stdlib_module_names == {"numpy"}
    words = [sentence for m in MISTAKES for sentence in (m.what, m.look, m.hint, m.home_name) if len(sentence) > 12]
    assert [word for word in words if word in text] == []
    assert [m.name for m in MISTAKES if len(m.name) > 12 and m.name in text] == []
    assert len(module.NAMES.marks) > 500


def test_nothing_in_it_differentiates_where_no_notebook_asks_for_that(shipped):
    text, module = shipped
    assert len(text.split("MARKS = ")[0].splitlines()) < 250
    assert not {"trace", "Graph", "Kinds", "DerivedBank", "derived_bank"} & set(dir(module))
    for name in ("_matmul", "sweep", "pull"):
        assert name not in text


def test_what_derives_is_shipped_where_a_notebook_asks_a_question_of_the_teachers(tmp_path):
    (tmp_path / "problem.md").write_text("```{code-cell} ipython3\nfrom layer_norm import QUESTION\n```\n")
    text = names_source(replace(ASSIGNMENT, folder=tmp_path))
    assert "class DerivedBank" in text and "NAMES = NamesAtHome(MARKS, TEXTS, derived_bank)" in text


def test_the_key_of_a_sentence_is_too_long_to_be_tried(names):
    assert KEY - 2 >= 16 and MARK + KEY <= 32
    assert {len(text) % PADDED for text in names.texts} == {0}


def test_no_line_of_a_solution_is_in_it(shipped):
    text, _ = shipped
    held = squeezed(text) + squeezed_code(text)
    assert [line for line in solution_lines() if line in held] == []
    assert [label for label, tex in answer_equations().items() if tex in re.sub(r"\s+", "", text)] == []


def test_what_is_unlocked_holds_no_formula(names):
    """Somebody who makes every mistake on purpose reads all names and hints: no right side of an answer is in them."""
    told = [told for _, told, _ in marked_mistakes(BANK, SEEDS)]
    lines = solution_lines()
    for each in told:
        for sentence in (each.name, each.hint):
            assert not [line for line in lines if line in squeezed(sentence)], sentence
            assert not re.search(r"∂\S+\s*(=|is)\s|(?<![ac-z])d\w+ = ", sentence), sentence
            for product in re.findall(r"[\ŵŷ]+ᵀ|\w+ ∘ \w+|diag\(", sentence):
                assert product in ("a_1A ∘ M",) or (product == "diag(" and "∂" not in sentence), sentence


def test_sentences_cannot_be_read_without_the_answer(shipped):
    """Neither the marks themselves, nor the keys that they hold, nor other marks' keys open a sentence."""
    _, module = shipped
    home = module.NAMES
    keys = set()
    for mark, records in home.marks.items():
        keys |= {part for locked in records for part in (locked[2:], mark[:6], mark[2:], locked[:6])}
    opened = 0
    for text in home.texts[:40]:
        for key in list(keys)[:400]:
            plain = module._xor(text, module._stream(key, len(text)))
            opened += plain.startswith(b'{"name"')
    assert opened == 0


def test_right_answers_and_their_multiples_unlock_only_what_they_are(shipped):
    """The marks are no oracle for a right answer: it has no mark, and nothing near it has."""
    _, module = shipped
    rng = np.random.default_rng(3)
    for question_id in HW1:
        for seed in SEEDS:
            for part, value in GRADED.truth(question_id, GRADED.graded_draw(question_id, seed)).items():
                assert module.NAMES._told(question_id, part, seed, value) == {}
                near = value * (1 + 1e-4 * rng.normal(size=np.shape(value)))
                assert module.NAMES._told(question_id, part, seed, near) == {}


def test_projections_cannot_be_solved_for_an_answer(shipped):
    """What linear algebra does with plain projections: the file holds none. Every stored number is a hash, and no bit
    of it stays the same more often than by chance where an answer moves by one cell."""
    text, _ = shipped
    stored = text[text.index("\nMARKS = ") :]
    assert not re.search(r"\d\.\d", stored)
    one = digests("q", "p", 0, np.array([1.0, 2.0, 3.0]))[0]
    two = digests("q", "p", 0, np.array([1.0, 2.0, 3.0]) * (1 + 1e-6))[0]
    assert 60 < sum(bin(a ^ b).count("1") for a, b in zip(one, two, strict=True)) < 196


def test_it_does_not_exist_where_it_would_be_graded(tmp_path):
    """It can differentiate a forward pass, so no code that is graded can import it."""
    for name in ("checks.py", "gradcheck.py", "mistake_names.py", "notes.txt"):
        (tmp_path / name).write_text("")
    assert [path.name for path in graded_files(tmp_path)] == ["checks.py", "gradcheck.py"]


def test_marks_of_two_mistakes_are_told_apart():
    answers = {("p", 0): np.array([1.0, 2.0, 4.0])}
    other = {("p", 0): np.array([1.0, 2.0, 5.0])}
    home = NamesAtHome(*lock([("q", Told("one", "Look."), answers), ("q", Told("two", "Look."), other)]))
    assert [told.name for told in home._told("q", "p", 0, [1.0, 2.0, 4.0]).values()] == ["one"]
    assert [told.name for told in home._told("q", "p", 0, [1.0, 2.0, 5.0]).values()] == ["two"]
    assert home._told("q", "p", 1, [1.0, 2.0, 4.0]) == home._told("r", "p", 0, [1.0, 2.0, 4.0]) == {}

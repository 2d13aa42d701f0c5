"""The feedback: what is right, what is not, a mistake by its name and place, nothing that breaks the page."""

import re
from functools import partial
from html import unescape
from pathlib import Path

import numpy as np
import pytest

import solutions
from assignments.hw1.mistakes import BANK, MISTAKES
from assignments.hw1.questions import draw_network, draw_softmax
from autograder.mistakes.diagnosis import diagnose
from autograder.questions import public
from autograder.questions.model import Answer
from autograder.reports.book_equations import book_equations
from autograder.reports.verdict_html import html, linked
from tests.hw1 import ASSIGNMENT, graded_draw, judge

RIGHT = {name: getattr(solutions, name) for name in solutions.__all__}
SITE = Path(__file__).parents[3] / "_build/html"
EQUATIONS = book_equations(ASSIGNMENT.course_folder)


def judged(question_id, **answers):
    return judge(question_id, public.call_in(RIGHT | answers), 4711, diagnose=partial(diagnose, BANK))


def page(question_id, **answers):
    judgement = judged(question_id, **answers)
    return html(judgement.result, judgement.names, judgement.pictures, EQUATIONS)


def constant_statistics(dz_2b, cache):
    g = solutions.branch_b_backward(dz_2b, cache)
    da_1b = g["dc"] * cache["gamma"] / np.sqrt(cache["var_b"] + cache["eps"])
    dz_1b = da_1b * (cache["z_1b"] > 0)
    return g | dict(da_1b=da_1b, dz_1b=dz_1b, dtheta_1b=dz_1b.T @ cache["x"])


def sign_for_slope(dz_2b, cache):
    g = solutions.branch_b_backward(dz_2b, cache)
    dz_1b = g["da_1b"] * np.sign(cache["z_1b"])
    return g | dict(dz_1b=dz_1b, dtheta_1b=dz_1b.T @ cache["x"])


def test_a_right_answer_is_called_right_and_nothing_else():
    text = page("2-2 head")
    assert text.count(">right<") == 4
    assert "8 of 8" in text
    assert not any(words in text for words in ("not right", "expected", "See ", "In the book", "<svg"))


def test_a_mistake_is_named_with_what_to_look_at_and_the_equation():
    text = page("2-2 branch b", branch_b_backward=constant_statistics)
    assert "<b>Batch statistics taken as constants.</b> Your answer equals that formula" in text
    assert 'See <cite data-equation="grad-a-1b">“Stage 3: batch norm, where samples interact”, equation (12.' in text
    assert text.count("right, after what went in") == 2
    assert "check(&quot;2-2 branch b&quot;, seed=" in text


def test_a_mistake_is_told_once_and_a_symbol_stays_small():
    def head(dout, cache):
        g = solutions.head_backward(dout, cache)
        return g | {name: g[name] * len(cache["x"]) for name in ("dy_hat_b", "dz_2b")}

    def everything(dout, cache):
        g = solutions.two_branch_backward(dout, cache)
        b = sign_for_slope(solutions.head_backward(dout, cache)["dz_2b"], cache)
        return g | {"dtheta_1b": b["dtheta_1b"]}

    assert page("2-2 head", head_backward=head).count("<b>No 1/m in") == 2
    assert "<b>sgn(z_1B) for ReLU&#x27;s slope.</b>" in page("2-2", two_branch_backward=everything)


def test_the_picture_shows_where_the_error_sits_and_a_clue_where_it_tells():
    judgement = judged("2-2 branch b", branch_b_backward=sign_for_slope)
    picture = judgement.pictures["dz_1b"]
    q = draw_network(np.random.default_rng(judgement.seed))
    z_1b = q["x"] @ q["theta_1b"].T
    assert ((picture.error > 1e-9) == (z_1b < 0)).all() and picture.error.max() == 1
    assert picture.clue == ("z_1B < 0", 1.0, pytest.approx(0, abs=1e-9))
    text = html(judgement.result, judgement.names, judgement.pictures, EQUATIONS)
    assert text.count("<svg") == 2 and "a row for each sample, a column for each unit" in text
    dark = [float(opacity) for opacity in re.findall(r'fill-opacity="([\d.]+)"', text)]
    assert [shade > 0 for shade in dark] == (z_1b < 0).ravel().tolist() and max(dark) == 1
    assert "mean error where z_1B &lt; 0: 1.0; elsewhere: 0.0" in text
    even = page("2-2 branch b", branch_b_backward=constant_statistics)
    assert even.count("<svg") == 1, "no clue where the error is on both sides"


def test_a_jacobian_has_a_picture_and_a_number_or_another_shape_none():
    text = page("1-1", batch_norm_jacobian=lambda *q: (2 * solutions.batch_norm_jacobian(*q)[0], np.zeros(3)))
    assert text.count("<svg") == 1 and "of all samples the worst" in text

    def forward(*q):
        loss, cache = solutions.two_branch_forward(*q)
        return 2 * loss, cache

    assert "<svg" not in page("2-1", two_branch_forward=forward)
    assert "<svg" not in page("1-3", softmax_jacobian=lambda x: np.full((len(x), len(x)), np.nan))
    assert "<svg" not in page("1-3", softmax_jacobian=lambda x: "a")


def test_nothing_that_a_function_returns_on_hidden_inputs_is_shown():
    """It may be the inputs themselves: in numbers, in shapes, in names, in what is raised."""
    known = [graded_draw("2-2 branch b", seed)["x"] for seed in public.SEEDS]
    hidden = []
    first = []

    def in_order(name, given):
        first.append(any(np.array_equal(given[-1]["x"], x) for x in known))
        if first[-1]:
            wrong = constant_statistics(*given)
            return Answer(wrong, wrong, given)
        secret = float(given[-1]["x"][0, 0])
        hidden.append(f"{abs(secret):.3g}")
        echo = np.full(given[-1]["z_1b"].shape, secret)
        leak = {"dc": np.full((1, 9173), secret), "da_1b": echo, f"x is {secret}": 1.0}
        return Answer(leak, leak, given)

    judgement = judge("2-2 branch b", in_order, 4711, diagnose=partial(diagnose, BANK))
    assert first == [True] * 3 + [False] * 3, "the public draws come first, when no hidden input is known yet"
    text = html(judgement.result, judgement.names, judgement.pictures, EQUATIONS) + str(judgement.result)
    assert not any(secret in text for secret in hidden)
    assert "9173" not in text and "x is" not in text
    assert "something was wrong with the call itself that no public seed shows" in text
    assert any("a dict without" in error for error in judgement.errors), "the teacher is told"


def test_where_no_public_seed_shows_it_the_verdict_stands_alone():
    known = [draw_softmax(np.random.default_rng(seed))["x"] for seed in public.SEEDS]

    def call(name, given):
        value = solutions.softmax_jacobian(*given)
        value = value if any(np.array_equal(given[0], x) for x in known) else 3 * value
        return Answer(value, value, given)

    judgement = judge("1-3", call, 4711)
    text = html(judgement.result, judgement.names, judgement.pictures, EQUATIONS)
    assert judgement.seed is None and judgement.result.points == 0
    assert "not right" in text and "0 of 4" in text
    assert not any(words in text for words in ("expected", "times", "See it yourself", "<svg"))


def test_a_function_that_is_missing_has_a_sentence_and_no_table_of_nothing():
    def forward(*q):
        raise ValueError("secret")

    text = page("2-1", two_branch_forward=forward)
    assert "two_branch_forward raised ValueError." in text and "<td" not in text
    assert "secret" not in text and "numbers here" not in text


def test_what_a_student_chose_is_escaped():
    def softmax_jacobian(x):
        raise type("<script>alert(1)</script>", (Exception,), {})()

    text = page("1-3", softmax_jacobian=softmax_jacobian)
    assert "<script" not in text and "&lt;script" in text


def test_every_mistake_s_equation_is_in_the_book():
    assert {mistake.equation for mistake in MISTAKES} <= set(EQUATIONS)


def test_a_page_links_to_the_book_only_where_it_is_known_where_that_is():
    text = page("2-2 branch b", branch_b_backward=constant_statistics)
    assert "<a " not in text and linked(text, "", EQUATIONS) == text
    link = '<a href="https://a.org/b/book/block2/branch_b.html#equation-grad-a-1b">'
    link += "“Stage 3: batch norm, where samples interact”, equation (12."
    assert link in linked(text, "https://a.org/b", EQUATIONS) and link in linked(text, "https://a.org/b/", EQUATIONS)
    assert linked('<cite data-equation="no-such">x</cite>', "https://a.org", EQUATIONS) == "x"


@pytest.mark.skipif(not (SITE / "index.html").exists(), reason="make book builds it")
def test_equations_are_numbered_as_in_the_built_book():
    numbered = [equation for equation in EQUATIONS.values() if equation.number]
    for page in {equation.page for equation in numbered}:
        text = (SITE / f"{page}.html").read_text(encoding="utf8")
        built = dict(re.findall(r'id="equation-([a-z0-9-]+)">\s*<span class="eqno">\(([\d.]+)', text))
        here = [equation for equation in numbered if equation.page == page]
        assert built == {equation.label: equation.number for equation in here}
        shown = unescape(re.sub("<[^>]*>", "", text))
        assert all(equation.heading in shown for equation in here if "$" not in equation.heading)

"""The feedback: what is right, what is not, a mistake by its name, and nothing that could break the page."""

import numpy as np

import solutions
from autograder.diagnosis import diagnose
from autograder.questions import judge, public
from autograder.report import html

RIGHT = {name: getattr(solutions, name) for name in solutions.__all__}


def page(question_id, **answers):
    judgement = judge(question_id, public.call_in(RIGHT | answers), 4711, diagnose=diagnose)
    return html(judgement.result, judgement.names)


def test_a_right_answer_is_called_right_and_nothing_else():
    text = page("2-2 head")
    assert text.count(">right<") == 4
    assert "8 of 8" in text
    assert "not right" not in text and "expected" not in text and "In the book" not in text


def test_a_mistake_is_named_with_what_to_look_at_and_the_equation():
    def branch_b(dz_2b, cache):
        g = solutions.branch_b_backward(dz_2b, cache)
        da_1b = g["dc"] * cache["gamma"] / np.sqrt(cache["var_b"] + cache["eps"])
        dz_1b = da_1b * (cache["z_1b"] > 0)
        return g | dict(da_1b=da_1b, dz_1b=dz_1b, dtheta_1b=dz_1b.T @ cache["x"])

    text = page("2-2 branch b", branch_b_backward=branch_b)
    assert "<b>Batch statistics taken as constants.</b>" in text
    assert "<code>grad-a-1b</code>" in text
    assert text.count("right, after what went in") == 2
    assert "check(&quot;2-2 branch b&quot;, seed=" in text


def test_what_a_student_chose_is_escaped():
    def softmax_jacobian(x):
        raise type("<script>alert(1)</script>", (Exception,), {})()

    text = page("1-3", softmax_jacobian=softmax_jacobian)
    assert "<script" not in text and "&lt;script" in text

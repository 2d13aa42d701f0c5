"""The questions: the truth agrees with the solutions; right answers pass, at home and graded; wrong ones do not."""

import time
from functools import partial

import numpy as np
import pytest

import solutions
from assignments.hw1.network import CACHE
from assignments.hw1.questions import CONCERNS, batch_norm_symptoms
from autograder.questions import public
from autograder.questions.model import arguments
from tests import hw1 as questions
from tests.hw1 import HW1, QUESTIONS, draw
from verification.student_variants import student

SECRET = 2**100 + 12345
RIGHT = {name: getattr(solutions, name) for name in solutions.__all__}
HOME = tuple(public.SEEDS)


STORED = questions.stored_numbers()  # what the release fills in


def at_home(question_id, **mistakes):
    return public.at_home(QUESTIONS[question_id], RIGHT | mistakes, HOME, STORED)


def graded(question_id, **mistakes):
    return questions.judge(question_id, public.call_in(RIGHT | mistakes), SECRET)


def status(result):
    return {part.name: part.status for part in result.parts}


@pytest.mark.parametrize("question_id", HW1)
def test_truth_agrees_with_the_solutions(question_id):
    for seed in range(20):
        q = questions.draw(question_id, [SECRET, seed])
        values, words = public.collect(QUESTIONS[question_id], public.call_in(RIGHT), q)
        assert not words
        right = questions.truth(question_id, q)
        assert set(right) == {part.name for part in QUESTIONS[question_id].parts}
        for name in right:
            assert np.shape(values[name]) == np.shape(right[name])
            np.testing.assert_allclose(values[name], right[name], rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("question_id", HW1)
def test_right_answers_get_all_points(question_id):
    for result in (at_home(question_id), graded(question_id).result):
        assert result.points == result.maximum
        assert type(result.points) is float
        assert not result.words


@pytest.mark.parametrize("question_id", HW1)
def test_a_blank_answer_gets_none_and_says_so(question_id):
    blank = dict.fromkeys(QUESTIONS[question_id].functions, lambda *args: None)
    for result in (at_home(question_id, **blank), graded(question_id, **blank).result):
        assert result.points == 0
        assert all(part.status == "missing" for part in result.parts)
        assert "not written yet" in " ".join(result.words)


def owner_of(question_id, part):
    """The call whose value holds the part."""
    q = questions.draw(question_id, 0)
    for call in QUESTIONS[question_id].calls:
        if part in call.unpack(RIGHT[call.function](*arguments(call, q))):
            return call
    raise LookupError(part)


def replaced(value, name, change):
    """A right value with one part changed."""
    if isinstance(value, dict):
        return value | {name: change(value[name])}
    if not isinstance(value, tuple):
        return change(value)
    first, second = value
    if name in ("out", "loss", "dy_dgamma"):
        return change(first), second
    return first, (replaced(second, name, change) if isinstance(second, dict) else change(second))


def with_mistake(question_id, part, change):
    call = owner_of(question_id, part)
    right = RIGHT[call.function]
    return {call.function: lambda *args: replaced(right(*args), part, change)}


def off_in_one_entry(array):
    array = np.array(array)
    array.flat[-1] += 0.01 * (1 + abs(array.flat[-1]))
    return array


PARTS = [(question_id, part.name) for question_id in HW1 for part in QUESTIONS[question_id].parts]


@pytest.mark.parametrize(("question_id", "part"), PARTS)
@pytest.mark.parametrize(
    "change",
    [off_in_one_entry, lambda a: -a, lambda a: a * np.nan, lambda a: None, lambda a: np.stack([a, a]), lambda a: "7"],
    ids=["one entry", "sign", "NaN", "None", "shape", "text"],
)
def test_a_mistake_in_a_part_costs_that_part_alone(question_id, part, change):
    mistake = with_mistake(question_id, part, change)
    lost = {p.name for p in graded(question_id, **mistake).result.parts if p.points < p.maximum}
    assert lost == {part}
    home = status(at_home(question_id, **mistake))
    assert {name for name, s in home.items() if s != "ok"} == {part}


def test_a_mistake_is_not_paid_for_twice():
    """Constant batch statistics in branch B: the parts after da_1b are wrong, but right after the student's own."""

    def branch_b(dz_2b, cache):
        g = solutions.branch_b_backward(dz_2b, cache)
        da_1b = g["dc"] * cache["gamma"] / np.sqrt(cache["var_b"] + cache["eps"])
        dz_1b = da_1b * (cache["z_1b"] > 0)
        return g | dict(da_1b=da_1b, dz_1b=dz_1b, dtheta_1b=dz_1b.T @ cache["x"])

    judgement = graded("2-2 branch b", branch_b_backward=branch_b)
    found = status(judgement.result)
    assert found["da_1b"] == "not yet"
    assert found["dz_1b"] == found["dtheta_1b"] == "carried"
    assert judgement.result.points == judgement.result.maximum - 4
    home = status(at_home("2-2 branch b", branch_b_backward=branch_b))
    assert (home["da_1b"], home["dz_1b"], home["dtheta_1b"]) == ("not yet", "waits", "waits")
    assert (
        status(
            public.at_home(QUESTIONS["2-2 branch b"], RIGHT | {"branch_b_backward": branch_b}, [judgement.seed], STORED)
        )["da_1b"]
        == "not yet"
    )


def test_parts_after_a_wrong_one_are_judged_where_the_cache_holds_nested_lists():
    def forward(*args, as_lists):
        _, cache = solutions.two_branch_forward(*args)
        mask = (cache["mask"] > 0).astype(float)  # without its scale
        d = cache["a_1a"] * mask
        z_2a = d @ cache["theta_2a"].T
        s = cache["c"] + z_2a
        z_2b = s @ cache["theta_2b"].T
        y_hat_b = np.exp(z_2b) / np.exp(z_2b).sum(axis=1, keepdims=True)
        loss = ((z_2a - args[1]) ** 2).sum() / (2 * len(s)) - (args[2] * np.log(y_hat_b)).sum() / len(s)
        cache |= dict(mask=mask, d=d, z_2a=z_2a, s=s, z_2b=z_2b, y_hat_b=y_hat_b)
        return loss, {name: np.asarray(value).tolist() if as_lists else value for name, value in cache.items()}

    results = [graded("2-1", two_branch_forward=partial(forward, as_lists=lists)).result for lists in (False, True)]
    assert [status(result)["mask"] for result in results] == ["not yet"] * 2
    assert status(results[0]) == status(results[1]) and status(results[0])["d"] == "carried"


def test_a_wrong_part_that_others_use_does_not_excuse_their_own_mistakes():
    def head(dout, cache):
        g = solutions.head_backward(dout, cache)
        return g | dict(dz_2b=-g["dz_2b"], dtheta_2b=g["dtheta_2b"] * 3)

    assert status(graded("2-2 head", head_backward=head).result)["dtheta_2b"] == "not yet"


def spoils_its_cache(dout, cache):
    g = solutions.two_branch_backward(dout, cache)
    cache["theta_2b"] -= 0.3
    return g


def forgets(dout, cache, calls=[]):  # noqa: B006
    calls.append(1)
    g = solutions.two_branch_backward(dout, cache)
    return {name: value * (1 + len(calls) % 2) for name, value in g.items()}


@pytest.mark.parametrize(
    ("backward", "words"),
    [(spoils_its_cache, "changed its input: cache['theta_2b'] by up to"), (forgets, "called twice")],
)
def test_impure_answers_fail(backward, words):
    for result in (at_home("2-2", two_branch_backward=backward), graded("2-2", two_branch_backward=backward).result):
        assert result.points == 0
        assert words in " ".join(result.words)


def test_writing_into_the_upstream_gradient_is_told_but_costs_nothing():
    def branch_b(dz_2b, cache):
        dz_2b *= 2
        dz_2b /= 2
        dz_2b += 1
        return solutions.branch_b_backward(dz_2b - 1, cache)

    for result in (
        at_home("2-2 branch b", branch_b_backward=branch_b),
        graded("2-2 branch b", branch_b_backward=branch_b).result,
    ):
        assert result.points == result.maximum
        assert "writes into dz_2b" in " ".join(result.words)


def test_what_a_function_raises_on_hidden_inputs_is_for_the_teacher_alone():
    def leaks(x):
        raise RuntimeError(f"the input is {x}")

    judgement = graded("1-3", softmax_jacobian=leaks)
    assert judgement.result.points == 0
    assert "the input is" not in str(judgement.result)
    assert "RuntimeError" in str(judgement.result)
    assert "the input is" in " ".join(judgement.errors)
    assert "the input is" in " ".join(at_home("1-3", softmax_jacobian=leaks).words)


def test_the_whole_is_checked_by_the_students_own_forward_pass_on_other_seeds():
    result = public.at_home(QUESTIONS["2-2"], RIGHT, [41], STORED)
    assert result.points == result.maximum
    wrong = with_mistake("2-2", "dgamma", off_in_one_entry)
    assert status(public.at_home(QUESTIONS["2-2"], RIGHT | wrong, [41], STORED))["dgamma"] == "not yet"

    def forward(*args):
        raise KeyError("theta")

    result = public.at_home(QUESTIONS["2-2"], RIGHT | {"two_branch_forward": forward}, [41], STORED)
    assert result.points == 0
    assert "forward pass" in " ".join(result.words)


def test_check_takes_its_functions_from_the_notebook_and_returns_points(capsys):
    namespace = {"check": questions.ASSIGNMENT.checks(STORED).check} | RIGHT
    assert eval('check("1-3")', namespace) == 4.0
    assert "4 of 4" in capsys.readouterr().out
    with pytest.raises(ValueError, match="no question '9-9'"):
        eval('check("9-9")', namespace)
    with pytest.raises(ValueError, match="its seeds are"):
        eval('check("2-1", seed=41)', namespace)


def test_draws_hide_nothing():
    for seed in range(200):
        q = questions.draw("2-2", [SECRET, seed])
        sizes = (*q["x"].shape, q["theta_1a"].shape[0], q["theta_2b"].shape[0])
        assert len(set(sizes)) == 4
        assert min(sizes) > 2
        assert (q["gamma"] > 0).any() and (q["gamma"] < 0).any()
        assert (np.abs(np.abs(q["gamma"]) - 1) > 0.1).all() and (np.abs(q["beta"]) > 0.1).all()
        assert abs(q["p"] - 0.5) > 0.05
        assert abs(abs(q["dout"]) - 1) > 0.1
        assert (q["var_b"] > 0).all()
        assert q["var_b"].min() < 30 * q["eps"]
        kept, on = q["mask"] > 0, q["z_1a"] > 0
        assert all((a & b).any() for a in (kept, ~kept) for b in (on, ~on))
        assert kept[0].any() and not kept[0].all()
        dd = solutions.two_branch_backward(q["dout"], {name: q[name] for name in CACHE})["dd"]
        assert dd[kept & on].min() < 0 < dd[kept & on].max()
        assert q["y_hat_b"].min() > 1e-6
        assert np.allclose(q["y_b"].sum(axis=1), 1, atol=1e-12)


def test_what_costs_like_a_numeric_derivative_is_told_and_honest_loops_are_not():
    def numeric(dout, cache):
        steps = cache["theta_1a"].size ** 2 / 4e7  # as a loop over parameters, each with a forward pass, would take
        time.sleep(steps)
        return solutions.two_branch_backward(dout, cache)

    def loops(dout, cache):
        g = solutions.two_branch_backward(dout, cache)
        theta = np.zeros_like(cache["theta_1b"])
        for dz, x in zip(g["dz_1b"], cache["x"], strict=True):
            for k in range(len(dz)):
                for j in range(len(x)):
                    theta[k, j] += dz[k] * x[j]
        return g | dict(dtheta_1b=theta)

    def stopped(name, given):
        return public.Answer(error="was stopped after 10 s")

    def ask(backward):
        return questions.looks_numeric(public.call_in(RIGHT | {"two_branch_backward": backward}), SECRET)

    assert ask(solutions.two_branch_backward) is None
    assert ask(loops) is None
    assert "is it a numeric derivative?" in ask(numeric)
    assert "was stopped after 10 s at" in questions.looks_numeric(stopped, SECRET)


def test_who_is_right_for_small_networks_alone_is_shown_to_a_person():
    def backward(dout, cache):
        right = RIGHT["two_branch_backward"](dout, cache)
        return {name: np.zeros_like(value) for name, value in right.items()} if len(cache["x"]) > 10 else right

    mistaken = public.call_in(RIGHT | {"two_branch_backward": backward})
    assert "wrong at 8,960 parameters" in questions.looks_numeric(mistaken, SECRET)


def dict_of(**changes):
    """two_branch_backward with some of its keys renamed or left out."""

    def backward(dout, cache):
        g = solutions.two_branch_backward(dout, cache)
        return {changes.get(name, name): value for name, value in g.items() if changes.get(name, name)}

    return backward


def words(question_id, **mistakes):
    return str(at_home(question_id, **mistakes))


def test_a_misspelt_key_is_told_with_what_came_instead():
    text = words("2-2", two_branch_backward=dict_of(dtheta_1a="theta_1a"))
    assert "returned a dict without 'dtheta_1a'. It has 'theta_1a', which nobody asked for." in text

    def forgetful(*args):
        loss, cache = solutions.two_branch_forward(*args)
        return loss, {name: value for name, value in cache.items() if name not in ("x", "r")}

    assert "returned a dict without 'x', 'r'." in words("2-1", two_branch_forward=forgetful)


def test_what_waits_is_told_by_what_it_is_built_on():
    def head(dout, cache):
        g = solutions.head_backward(dout, cache)
        return g | dict(dy_hat_b=g["dy_hat_b"] * 2, dz_2b=-g["dz_2b"], dtheta_2b=-g["dtheta_2b"])

    text = words("2-2 head", head_backward=head)
    assert "Mend dz_2b first: dtheta_2b is built on it." in text
    assert "Mend dy_hat_b" not in text
    assert "what is right after a wrong part still counts" in text


def test_an_error_is_told_once_with_the_line_that_raised_it():
    def softmax_jacobian(x):
        return x @ np.ones((len(x) + 1, 2))

    text = words("1-3", softmax_jacobian=softmax_jacobian)
    assert text.count("raised ValueError") == 1
    assert "softmax_jacobian:  return x @ np.ones((len(x) + 1, 2))" in text
    assert "missing" not in text
    assert "(line" not in words("1-3", softmax_jacobian=lambda x, y: x)


def test_a_border_that_is_dropped_is_found():
    def dropout_forward(x, r, p):
        mask = np.where(r > p, 1 / (1 - p), 0)
        return x * mask, (mask,)

    for result in (
        at_home("1-2", dropout_forward=dropout_forward),
        graded("1-2", dropout_forward=dropout_forward).result,
    ):
        assert status(result)["out"] == "not yet"


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        (lambda dx, c: dx, "So each column of da_1b sums to 0"),  # constants
        (
            lambda dx, c: dx - dx.mean(axis=0),
            "the sum of x_hat * da_1b over the batch is nearly 0",
        ),  # variance constant
    ],
)
def test_what_must_hold_behind_batch_norm_is_told_where_it_does_not(wrong, sentence):
    def branch_b(dz_2b, cache):
        g = solutions.branch_b_backward(dz_2b, cache)
        dx_hat = g["dc"] * cache["gamma"]
        return g | dict(da_1b=wrong(dx_hat, cache) / np.sqrt(cache["var_b"] + cache["eps"]))

    assert sentence in words("2-2 branch b", branch_b_backward=branch_b)
    right = questions.draw("2-2 branch b", 5)
    values = solutions.branch_b_backward(right["dz_2b"], {name: right[name] for name in CACHE})
    assert batch_norm_symptoms(values["da_1b"], right) == ()


def test_minus_zero_and_ragged_lists_are_no_riddle():
    def relu_of_minus_zero(dz_2b, cache):
        g = solutions.branch_b_backward(dz_2b, cache)
        return g | dict(dz_1b=g["da_1b"] * (cache["z_1b"] > 0))

    assert "-0" not in words("2-2 branch b", branch_b_backward=relu_of_minus_zero).replace("e-0", "")
    ragged = np.empty(2, object)
    ragged[:] = [np.ones(2), np.ones(3)]
    assert "An array of numbers of shape" in words("1-3", softmax_jacobian=lambda x: ragged)
    lists = with_mistake("2-2 branch b", "dc", lambda a: [[1.0], [1.0, 2.0]])
    assert "An array of numbers of shape" in words("2-2 branch b", **lists)
    assert status(graded("2-2 branch b", **lists).result)["dc"] == "not yet"

    def spoils(dz_2b, cache):
        cache["x"] = [[1.0], [1.0, 2.0]]
        return dict(dc=dz_2b)

    assert "changed its input: cache['x'] is another array" in words("2-2 branch b", branch_b_backward=spoils)
    assert "ambiguous" not in words("1-3", softmax_jacobian=lambda x: ragged)


def filled(question_id, fill):
    """Functions that return an array for every part, made by fill(right array)."""
    made = {}
    for call in QUESTIONS[question_id].calls:

        def function(*args, call=call):
            value = RIGHT[call.function](*args)
            for part in QUESTIONS[question_id].parts:
                value = replaced(value, part.name, lambda a: fill(np.asarray(a)))
            return value

        made[call.function] = function
    return made


@pytest.mark.parametrize("question_id", ["2-1", "2-2 head", "2-2 branch b", "2-2 branch a", "2-2"])
@pytest.mark.parametrize(
    "fill",
    [
        lambda a: a * 0.0,
        lambda a: a * 0 + 1e-300,
        lambda a: a * 0 + 5e-324,
        lambda a: a * 0 + 1.0,
        lambda a: a * 1e-9,
        lambda a: np.ones_like(a) * a.mean(axis=0) if a.ndim > 1 else a * 0.0,
    ],
    ids=["zeros", "tiny", "tiniest", "ones", "scaled away", "each sample alike"],
)
def test_an_empty_answer_is_not_right_after_an_empty_answer(question_id, fill):
    result = graded(question_id, **filled(question_id, fill)).result
    assert result.points <= 1, str(result)
    assert not any(part.status == "carried" for part in result.parts)


def test_a_clue_is_told_of_its_own_branch_alone():
    assert ("dz_1a" in CONCERNS["the mask is 0"]) and ("dd" in CONCERNS["the mask is 0"])
    assert ("dz_1b" in CONCERNS["z_1B < 0"]) and ("c" in CONCERNS["z_1B < 0"])
    for part in ("dz_1b", "da_1b", "dc", "x_hat", "dtheta_1b", "s", "loss"):
        assert part not in CONCERNS["the mask is 0"], part


def test_factors_that_are_equal_are_not_told_apart():
    q = draw("2-2", 1, sizes=(5, 5, 5, 5))
    assert QUESTIONS["2-2"].clues(q).factors.keys() == {"1 - p", "dout"}
    assert QUESTIONS["2-2"].clues(draw("2-2", 1)).factors.keys() == {"1 - p", "dout", "m", "K", "n_h"}


def test_an_incomplete_cache_is_told_once_and_by_its_keys():
    def forward(*args):
        loss, cache = student()["two_branch_forward"](*args)
        del cache["r"], cache["z_2b"]
        return loss, cache

    functions = student() | {"two_branch_forward": forward}
    (words,) = public.at_home(QUESTIONS["2-2"], functions, (9,)).words
    assert "the cache that two_branch_forward returns lacks 'r', 'z_2b'." in words and "KeyError" not in words
    _, words = public.collect(QUESTIONS["2-1"], public.call_in(functions), draw("2-1", 0))
    assert words == ["two_branch_forward returned a dict without 'z_2b', 'r'."]

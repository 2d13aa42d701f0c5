"""Numerical derivatives are shown to a person in every question, a teacher's own too; right answers are not."""

import copy
import inspect
import json
import textwrap
import warnings

import numpy as np
import pytest

import solutions
from assignments.hw1.network import PARAMS
from autograder.gradcheck import numerical_jacobian
from autograder.questions import public
from autograder.questions.model import arguments
from autograder.questions.numeric import said_by_the_source, seen_while_running, unusual_numbers
from autograder.sandbox import protocol
from tests.attacks.score_theft import AUTODIFF
from tests.hw1 import FORMULAS, HW1, QUESTIONS, draw, judge, right_answers
from verification.mistake_matrix import diagnose
from verification.student_variants import RIGHT

OWN = [question_id for question_id in QUESTIONS if question_id not in HW1]
SEEDS = range(3)


def signs(question_id, functions, seed=0):
    """What is seen of a question's functions while they run on one draw."""
    q, found = draw(question_id, seed), []
    for wanted in QUESTIONS[question_id].calls:
        counts = protocol.watched(functions[wanted.function], arguments(wanted, q))
        found.append(seen_while_running(counts))
    return [sign for sign in found if sign]


@pytest.mark.parametrize("name", RIGHT)
@pytest.mark.parametrize("question_id", HW1)
def test_no_right_variant_is_taken_for_a_numerical_derivative(question_id, name):
    assert signs(question_id, RIGHT[name]) == []


def test_an_automatic_derivative_is_none_either():
    functions = {"np": np, "two_branch_forward": solutions.two_branch_forward}
    exec(AUTODIFF, functions)
    assert signs("2-2", functions) == []
    assert said_by_the_source([AUTODIFF], "two_branch_backward") == ""


def kronecker_softmax(x):
    """Honest: a row a copy of -y, in which one entry is moved by 1."""
    y = np.exp(x - x.max())
    y /= y.sum()
    rows = []
    for i in range(len(y)):
        row = -y
        row[i] += 1
        rows.append(y[i] * row)
    return np.array(rows)


def entry_by_entry(x):
    """Honest: a helper that is called for each entry, with the whole array."""
    y = np.exp(x - x.max()) / np.exp(x - x.max()).sum()

    def entry(y, i, j):
        return y[i] * ((i == j) - y[j])

    return np.array([[entry(y, i, j) for j in range(len(y))] for i in range(len(y))])


@pytest.mark.parametrize("function", [kronecker_softmax, entry_by_entry])
def test_honest_loops_over_entries_are_none(function):
    assert signs("1-3", {"softmax_jacobian": function}) == []
    assert said_by_the_source([inspect.getsource(function)], function.__name__) == ""


# ---------------------------------------------------------------------------------------------------------------------
# Numerical derivatives of each question. `way` gives the slopes of f at an array, of shape (*x.shape, *f(x).shape).


def complex_step(f, x):
    def along(i):
        moved = x.astype(complex)
        moved[i] += 1e-20j
        return np.imag(f(moved)) / 1e-20

    return np.array([along(i) for i in np.ndindex(x.shape)])


def central(f, x):
    slopes = []
    for i in np.ndindex(x.shape):
        up, down = x.copy(), x.copy()
        up[i] += 1e-5
        down[i] -= 1e-5
        slopes.append((f(up) - f(down)) / 2e-5)
    return np.array(slopes)


def forward_in_place(f, x):
    slopes, start = [], f(x)
    for i in np.ndindex(x.shape):
        kept = x[i]
        x[i] = kept + 1e-6
        slopes.append((f(x) - start) / 1e-6)
        x[i] = kept
    return np.array(slopes)


def of_a_linear_function(f, x):
    """A step of one, which is exact where f is linear."""
    eye = np.eye(x.size).reshape(x.size, *x.shape)
    return np.array([f(x + e) - f(x) for e in eye])


def given_to_students(f, x):
    jacobian = numerical_jacobian(lambda x: f(x), {"x": x}, method="central")["x"]
    return np.moveaxis(np.asarray(jacobian).reshape(-1, *x.shape), 0, -1)


def stacked(f, x):
    points = x + 1e-4 * np.eye(x.size).reshape(x.size, *x.shape)
    return np.array([f(point) - f(x) for point in points]) / 1e-4


WAYS = [complex_step, central, forward_in_place, of_a_linear_function, given_to_students, stacked]


def numeric(question_id, way):
    """The functions of a question, where one gradient is taken numerically and the others are right or left out."""
    right = {name: getattr(solutions, name) for name in solutions.__all__}
    relu, bn = solutions.relu_forward, solutions.batch_norm_forward

    def two_branch(params, c):
        return solutions.two_branch_forward(c["x"], c["y_a"], c["y_b"], params, c["r"], c["p"], c["eps"])[0]

    def along(name):
        def backward(dout, cache):
            params = {key: cache[key].copy() for key in PARAMS}
            way(lambda moved: two_branch(params | {name: moved}, cache), params[name])
            return right["two_branch_backward"](dout, cache)

        return backward

    def own(dout, cache):
        held = (
            {k: np.array(v, float) for k, v in cache.items()} if isinstance(cache, dict) else {"a": np.array(cache[0])}
        )
        name = "theta_a" if "theta_a" in held else next(iter(held))
        way(lambda moved: (np.cumsum(moved) ** 2).sum(), held[name])
        return {}

    return {
        "1-1": {"batch_norm_jacobian": lambda x, gamma, beta, eps: way(lambda g: bn(x, g, beta, eps)[0], gamma + 0)},
        "1-2": {
            "dropout_forward": right["dropout_forward"],
            "dropout_jacobian": lambda r, p: way(lambda x: solutions.dropout_forward(x, r, p)[0], r + 1.0),
        },
        "1-3": {"softmax_jacobian": lambda x: way(lambda x: solutions.softmax_forward(x)[0], x + 0)},
        "2-2 head": {
            "head_backward": lambda dout, c: way(
                lambda z: solutions.cross_entropy_forward(z, c["y_b"])[0], c["z_2b"] + 0
            )
        },
        "2-2 branch b": {"branch_b_backward": lambda dz, c: way(lambda z: relu(z)[0], c["z_1b"] + 0)},
        "2-2 branch a": {"branch_a_backward": lambda dout, dz, c: way(lambda d: d @ c["theta_2a"].T, c["d"] + 0)},
        "2-2": {"two_branch_backward": along("theta_2b")},
    }.get(question_id) or {QUESTIONS[question_id].functions[0]: own}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("question_id", [*(name for name in HW1 if name != "2-1"), *OWN])
def test_a_numerical_derivative_is_seen_in_every_question(question_id, way):
    for seed in SEEDS:
        assert signs(question_id, numeric(question_id, way), seed), (question_id, way.__name__)


def test_the_work_grows_with_what_is_differentiated():
    def counted(n):
        x = np.random.default_rng(0).normal(size=n)
        return protocol.watched(lambda x: central(lambda x: np.exp(x) / np.exp(x).sum(), x), (x,))["moved"]

    assert [counted(n) for n in (5, 10, 40)] == [5, 10, 40]


def test_a_column_at_a_time_is_seen_too():
    def by_columns(x):
        slopes = []
        for j in range(x.shape[1]):
            moved = x.copy()
            moved[:, j] += 1e-6
            slopes.append((np.tanh(moved) - np.tanh(x)).sum() / 1e-6)
        return np.array(slopes)

    counts = protocol.watched(by_columns, (np.random.default_rng(0).normal(size=(6, 5)),))
    assert counts["moved"] == counts["of"] == 5 and seen_while_running(counts)


def test_who_looks_for_the_watch_is_seen():
    def hides(x):
        import sys

        return np.zeros(3) if sys.gettrace() else np.ones(3)

    def stops(x):
        import sys

        sys.settrace(None)
        return np.ones(3)

    def raises(x):
        import sys

        return 1 / 0 if sys.gettrace() else np.ones(3)

    def leaves(x):
        import sys

        return sys.exit() if sys.gettrace() else np.ones(3)

    def returns_what_cannot_travel(x):
        import sys

        return np.array([None, None]) if sys.gettrace() else np.ones(3)

    for function in (hides, stops, raises, leaves, returns_what_cannot_travel):
        reply = json.loads(protocol.watch({"f": function}, "f", json.dumps(protocol.pack((np.ones(4),)))))
        assert "could not be watched" in seen_while_running(reply["watch"])


def test_the_watch_changes_no_answer_and_no_argument():
    q = draw("2-2", 0)
    (wanted,) = QUESTIONS["2-2"].calls
    given = arguments(wanted, q)
    kept = copy.deepcopy(given)
    counts = protocol.watched(solutions.two_branch_backward, given)
    assert not counts["differs"]
    np.testing.assert_equal(given, kept)


SOURCES = {
    "a complex step": ("def f(x):\n    return np.imag(g(x + 1e-20j)) / 1e-20", "imaginary"),
    "through a helper": (
        "def f(x):\n    return slope(g, x)\ndef slope(g, x, h=1e-5):\n    return (g(x + h) - g(x)) / h",
        "1e-05",
    ),
    "a constant of its own": ("H = 1e-4\ndef f(x):\n    return (g(x + H) - g(x - H)) / (2 * H)", "0.0002"),
    "divided later": ("def f(x):\n    h = 10**-6\n    d = g(x + h) - g(x)\n    d /= h\n    return d", "1e-06"),
    "a lambda": ("f = lambda x: numerical_jacobian(g, {'x': x})['x']", "numerical_jacobian"),
    "by another name": (
        "from gradcheck import numerical_jacobian as nj\ndef f(x):\n    return nj(g, x)",
        "numerical_jacobian",
    ),
    "SciPy": (
        "def f(x):\n    from scipy.optimize import approx_fprime\n    return approx_fprime(x, g)",
        "approx_fprime",
    ),
}


@pytest.mark.parametrize("source, says", SOURCES.values(), ids=SOURCES)
def test_the_source_says_it_too(source, says):
    assert says in said_by_the_source(["%matplotlib inline\nimport numpy as np", "not python (", source], "f")


def test_what_another_function_does_or_an_eps_says_nothing():
    honest = "def f(x, eps=1e-5):\n    return x / np.sqrt(x.var(0) + eps) + np.log(x + 1e-12) / (2 * len(x)) + x / 0.5"
    other = "def mine(x):\n    return numerical_jacobian(g, x)\nslope = (g(x + 1e-5) - g(x)) / 1e-5"
    assert said_by_the_source([honest, other], "f") == ""
    assert said_by_the_source(["(" * 10_000, "x" * 200_000], "f") == ""


@pytest.mark.parametrize("name", solutions.__all__)
def test_the_sources_of_right_answers_say_nothing(name):
    source = textwrap.dedent(inspect.getsource(getattr(solutions, name)))
    assert said_by_the_source([source, *right_answers().values()], name) == ""


# ---------------------------------------------------------------------------------------------------------------------
# Formulas


def test_no_formula_of_the_demonstration_class_holds_an_unusual_number():
    formulas = [latex for written in FORMULAS.values() for latex in written.values()]
    formulas += right_answers().values()
    assert len(formulas) > 20 and [latex for latex in formulas if "formula(" in latex and unusual_numbers(latex)] == []


USUAL = [
    r"\frac{1}{2}",
    "0.5 x",
    r"\frac12",
    "-1.0 x^2",
    r"x_{10}^{-1}",
    r"(1-p)^{-1}",
    r"\sum_{i=1}^{m}",
    r"\sqrt[3]{x}",
]
USUAL += [
    r"a \\[0.3em] b",
    r"\hspace{12.5pt}x",
    r"x \tag{2024}",
    r"0{,}5 x",
    r"v^{-3/2}",
    r"\label{eq:1234}",
    "0.25",
    "1.5",
]


@pytest.mark.parametrize("latex", USUAL)
def test_what_a_derivation_gives_is_usual(latex):
    assert unusual_numbers(latex) == []


QUOTIENTS = [
    r"\frac{f(x + 0.0005) - f(x - 0.0005)}{0.001}",
    r"\frac{f(x + 10^{-4}) - f(x)}{10^{-4}}",
    r"x + 1e-5",
    "10^4",
]
QUOTIENTS += [
    r"x + 10^{-{6}}",
    r"\frac{x}{2000}",
    r"2^{-20}",
    r"x + .001",
    r"x + 0{,}0005",
    r"\frac{1}{10^{5}}",
    "3.14159",
]


@pytest.mark.parametrize("latex", QUOTIENTS)
def test_what_a_difference_quotient_is_made_of_is_not(latex):
    assert unusual_numbers(latex)


# ---------------------------------------------------------------------------------------------------------------------
# Numbers as large as there are


@pytest.mark.parametrize("value", [1e308, -1e308, np.inf, np.nan, 1e308j, 5e-324])
@pytest.mark.parametrize("question_id", [*HW1, *OWN])
def test_strange_numbers_reach_no_console(question_id, value):
    right = {name: getattr(solutions, name) for name in solutions.__all__}

    def strange(name, given):
        answer = public.call_in(right)(name, given)
        if answer.error:
            return answer

        def spoil(thing):
            if isinstance(thing, dict):
                return {key: spoil(inner) for key, inner in thing.items()}
            if isinstance(thing, tuple):
                return tuple(map(spoil, thing))
            return np.asarray(thing) * 0 + value if isinstance(thing, np.ndarray | float) else thing

        spoilt = spoil(answer.value)
        return public.Answer(spoilt, copy.deepcopy(spoilt), answer.after)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        judge(question_id, strange, 7, diagnose=diagnose)

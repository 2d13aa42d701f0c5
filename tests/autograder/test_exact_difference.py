"""Each rule against fifty decimal digits; the network's gradients against its backward pass and complex steps."""

import ast
import inspect
import timeit
import tracemalloc
from decimal import Decimal, getcontext
from functools import partial

import numpy as np
import pytest

import solutions
from assignments.hw1 import exact_gradients
from assignments.hw1.exact_gradients import two_branch, two_branch_gradients
from autograder import exact_difference
from autograder.exact_difference import (
    add_difference,
    batch_norm_difference,
    cross_entropy_difference,
    declare,
    dropout_difference,
    linear_difference,
    no_variance,
    relu_difference,
    softmax_difference,
    squared_error_difference,
)
from autograder.gradcheck import check_gradient, numerical_gradient, numerical_jacobian
from benchmarks import networks
from verification.problems import EPS, P, Problem

PARAMS = ("theta_1a", "theta_1b", "theta_2a", "theta_2b", "gamma", "beta")
getcontext().prec = 50


# The rules


def digits(value):
    """An array of floats as an array of Decimals, nothing lost."""
    return np.vectorize(Decimal, otypes=[object])(np.asarray(value, np.float64))


def log(x):
    return np.vectorize(lambda v: v.ln(), otypes=[object])(x)


def softmax(x):
    return np.exp(x) / np.exp(x).sum(axis=-1, keepdims=True)


def batch_norm(x, gamma, beta):
    centred = x - x.sum(axis=0) / len(x)
    return gamma * centred / np.sqrt((centred**2).sum(axis=0) / len(x) + Decimal(EPS)) + beta


PROBLEM = Problem()
X, UPSTREAM, MASK = PROBLEM.batch(), PROBLEM.normal("upstream", 7, 4), (PROBLEM.uniform("r", 7, 4) >= P) / (1 - P)
THETA, LABELS = PROBLEM.normal("theta", 3, 4), PROBLEM.distributions("labels", 7, 4)
RULES = {  # the layer in decimals, its rule, its parameters
    "linear": (lambda x, theta: x @ theta.T, linear_difference, dict(x=X, theta=THETA)),
    "relu": (lambda z: np.where(z > 0, z, 0), relu_difference, dict(z=X - 0.6)),
    "dropout": (lambda x: x * digits(MASK), partial(dropout_difference, mask=MASK), dict(x=X)),
    "batch norm": (
        batch_norm,
        partial(batch_norm_difference, eps=EPS),
        dict(x=X, gamma=PROBLEM.gamma(), beta=PROBLEM.beta()),
    ),
    "batch norm of one gamma": (
        batch_norm,
        partial(batch_norm_difference, eps=EPS),
        dict(x=X, gamma=PROBLEM.scalar("gamma"), beta=PROBLEM.scalar("beta")),
    ),
    "softmax": (softmax, softmax_difference, dict(x=X)),
    "cross-entropy": (
        lambda z: -(digits(LABELS) * log(softmax(z))).sum() / len(z),
        partial(cross_entropy_difference, y=LABELS),
        dict(z=X),
    ),
    "squared error": (
        lambda y_hat: ((y_hat - digits(UPSTREAM)) ** 2).sum() / (2 * len(y_hat)),
        partial(squared_error_difference, y=UPSTREAM),
        dict(y_hat=X),
    ),
}


def moved_digits(layer, params, moves):
    """The change of the layer's output, to fifty digits, rounded once at the end."""
    before = layer(**{n: digits(p) for n, p in params.items()})
    after = layer(**{n: digits(p) + (digits(moves[n]) if n in moves else 0) for n, p in params.items()})
    return np.asarray(after - before, np.float64)


def off(yours, expected):
    return np.abs(yours - expected).max() / np.abs(expected).max()


@pytest.mark.parametrize("size", [1.0, 1e-3, 1e-10, 1e-30])
@pytest.mark.parametrize("name", RULES)
def test_a_rule_is_right_however_small_the_move(name, size):
    layer, rule, params = RULES[name]
    moves = {n: size * PROBLEM.rng(f"move {n}").normal(size=p.shape) for n, p in params.items()}
    for moving in ({n: move} for n, move in moves.items()), (moves,):
        for some in moving:
            found = rule(**params, **{f"d{n}": move for n, move in some.items()})
            assert off(found, moved_digits(layer, params, some)) < 1e-13, list(some)


@pytest.mark.parametrize("name", RULES)
def test_a_rule_that_subtracts_would_not_be(name):
    """The test above, on the difference as one would first write it."""
    layer, _, params = RULES[name]
    float_layer = {
        "linear": lambda x, theta: x @ theta.T,
        "relu": lambda z: np.maximum(z, 0),
        "dropout": lambda x: x * MASK,
        "softmax": softmax,
        "cross-entropy": lambda z: solutions.cross_entropy_forward(z, LABELS)[0],
        "squared error": lambda y_hat: solutions.squared_error_forward(y_hat, UPSTREAM)[0],
    }.get(name, lambda **params: solutions.batch_norm_forward(**params, eps=EPS)[0])
    moving, p = next(iter(params.items()))
    move = 1e-10 * PROBLEM.rng(f"move {moving}").normal(size=p.shape)
    naive = float_layer(**params | {moving: p + move}) - float_layer(**params)
    assert off(naive, moved_digits(layer, params, {moving: move})) > 1e-8


def test_relu_clips_and_stays_frozen_at_its_kink():
    z, dz = np.array([1.0, 1.0, -1.0, -1.0, 0.0, 0.0]), np.array([-0.5, -3.0, 0.5, 3.0, 2.0, -2.0])
    assert relu_difference(z, dz).tolist() == [-0.5, -1.0, 0.0, 2.0, 0.0, 0.0]
    declared = declare(lambda z: np.maximum(z, 0), relu_difference)
    exact = numerical_gradient(declared, {"z": z}, np.arange(1.0, 7.0), method="exact")["z"]
    assert exact.tolist() == [1.0, 2.0, 0.0, 0.0, 0.0, 0.0]


def test_add():
    assert add_difference(1e-30, 2e-30) == pytest.approx(3e-30)


# The layers, declared


DECLARED = {
    "linear": (solutions.linear_forward, linear_difference, solutions.linear_backward),
    "relu": (solutions.relu_forward, relu_difference, solutions.relu_backward),
    "dropout": (
        partial(solutions.dropout_forward, r=PROBLEM.uniform("r", 7, 4), p=P),
        partial(dropout_difference, mask=MASK),
        solutions.dropout_backward,
    ),
    "batch norm": (
        partial(solutions.batch_norm_forward, eps=EPS),
        partial(batch_norm_difference, eps=EPS),
        solutions.batch_norm_backward,
    ),
    "softmax": (solutions.softmax_forward, softmax_difference, solutions.softmax_backward),
    "cross-entropy": (
        lambda z: solutions.cross_entropy_forward(z, LABELS),
        partial(cross_entropy_difference, y=LABELS),
        solutions.cross_entropy_backward,
    ),
    "squared error": (
        lambda y_hat: solutions.squared_error_forward(y_hat, UPSTREAM),
        partial(squared_error_difference, y=UPSTREAM),
        lambda dout, cache: solutions.squared_error_backward(dout, cache),
    ),
}
DECLARED["batch norm of one gamma"] = DECLARED["batch norm"]


@pytest.mark.parametrize("name", RULES)
def test_auto_takes_the_exact_engine_where_a_layer_has_its_rule(name):
    forward, rule, backward = DECLARED[name]
    params = RULES[name][2]
    out, cache = forward(**params)
    upstream = PROBLEM.normal("another upstream", *out.shape) if out.ndim else np.float64(1.5)
    gradients = backward(upstream, cache)
    report = check_gradient(declare(forward, rule), params, gradients, upstream)
    assert report.passed and report.method == "exact difference", report
    assert all(v.error < 1e-13 and v.tolerance < 1e-9 for v in report.verdicts)
    gradients = tuple(gradients) if isinstance(gradients, tuple) else (gradients,)
    wrong = check_gradient(declare(forward, rule), params, tuple(g * (1 + 1e-8) for g in gradients), upstream)
    assert {v.verdict for v in wrong.verdicts} == {"fail"}
    jacobian = numerical_jacobian(declare(forward, rule), params)
    for name, expected in numerical_jacobian(forward, params, method="complex").items():
        np.testing.assert_allclose(jacobian[name], expected, atol=1e-13 * np.abs(expected).max())


def test_a_wrong_rule_is_not_believed():
    forward, _, backward = DECLARED["dropout"]
    forgetful = declare(forward, lambda x, dx: dx * (MASK > 0))
    upstream = PROBLEM.normal("another upstream", 7, 4)
    report = check_gradient(forgetful, {"x": X}, backward(upstream, forward(X)[1]), upstream)
    assert report.passed and report.method.startswith("complex step")


def test_the_step_fits_the_column():
    x = X.copy()
    x[:, 1] = 1 + 1e-6 * x[:, 1]
    fixed = dict(gamma=PROBLEM.gamma(), beta=PROBLEM.beta(), eps=1e-14)
    forward = partial(solutions.batch_norm_forward, **fixed)
    dx, *_ = solutions.batch_norm_backward(UPSTREAM, forward(x)[1])
    report = check_gradient(declare(forward, partial(batch_norm_difference, **fixed)), {"x": x}, dx, UPSTREAM)
    assert report.passed and report.verdicts[0].error < 1e-10, report


def test_rules_compose_as_layers_do():
    """A network with a residual connection, never seen by this file: its rule is its forward pass, said in rules."""

    def forward(x, theta):
        z = x @ theta.T
        return z + np.where(np.real(z) > 0, z, 0)

    def rule(x, theta, dx=0.0, dtheta=0.0):
        dz = linear_difference(x, theta, dx, dtheta)
        return add_difference(dz, relu_difference(x @ theta.T, dz))

    upstream = PROBLEM.normal("another upstream", 7, 3)
    z = X @ THETA.T
    dz = upstream * (1 + (z > 0))
    report = check_gradient(declare(forward, rule), dict(x=X, theta=THETA), (dz @ THETA, dz.T @ X), upstream)
    assert report.passed and report.method == "exact difference"


# The network


def split(problem, scalar=False):
    fixed = problem.network()
    params = {name: fixed.pop(name) for name in PARAMS}
    if scalar:
        params |= {name: problem.scalar(name) for name in ("gamma", "beta")}
    return fixed, params


def wide(m, n, h, K, seed=0):
    """A network of any size, drawn once: some of its units may be off for every sample."""
    rng = np.random.default_rng(seed)
    fixed = dict(x=rng.normal(size=(m, n)), y_a=rng.normal(size=(m, h)), r=rng.random((m, h)), p=P, eps=1e-5)
    fixed["y_b"] = rng.multinomial(16, np.full(K, 1 / K), size=m) / 16
    shapes = dict(theta_1a=(h, n), theta_1b=(h, n), theta_2a=(h, h), theta_2b=(K, h))
    params = {name: rng.normal(size=shape) / np.sqrt(shape[1]) for name, shape in shapes.items()}
    gamma = rng.uniform(0.5, 2, size=h) * rng.choice([-1, 1], size=h)
    return fixed, params | dict(gamma=gamma, beta=rng.normal(size=h))


def forward_of(fixed):
    return lambda **params: solutions.two_branch_forward(params=params, **fixed)


def by_hand(fixed, params, dtype=np.float64):
    """The six gradients of the solutions' backward pass."""
    fixed, params = ({n: np.asarray(v, dtype) if n != "p" else v for n, v in d.items()} for d in (fixed, params))
    found = solutions.two_branch_backward(dtype(1), solutions.two_branch_forward(params=params, **fixed)[1])
    return {name: found[f"d{name}"] for name in PARAMS}


def errors(yours, expected):
    return {n: float(np.linalg.norm(yours[n] - g) / np.linalg.norm(g)) for n, g in expected.items()}


@pytest.mark.parametrize("scalar", [False, True])
@pytest.mark.parametrize("sizes", [(5, 4, 6, 3), (3, 2, 5, 4), (16, 12, 9, 10)])
def test_six_gradients(sizes, scalar):
    for seed in range(3):
        fixed, params = wide(*sizes, seed=seed)
        params |= {name: params[name][0] for name in ("gamma", "beta") if scalar}
        exact = two_branch_gradients(fixed | params)
        assert {n: g.shape for n, g in exact.items()} == {n: np.shape(p) for n, p in params.items()}
        assert max(errors(exact, by_hand(fixed, params)).values()) < 1e-13
        assert max(errors(exact, numerical_gradient(forward_of(fixed), params, method="complex")).values()) < 1e-13


def test_the_cache_of_the_forward_pass_will_do():
    fixed, params = split(Problem())
    cache = solutions.two_branch_forward(params=params, **fixed)[1]
    from_cache, from_inputs = two_branch_gradients(cache), two_branch_gradients(fixed | params)
    assert all(np.array_equal(from_cache[name], from_inputs[name]) for name in PARAMS)


@pytest.mark.parametrize("block", [1, 50, 1000])
def test_blocks_change_nothing(block, monkeypatch):
    fixed, params = wide(5, 4, 6, 3)
    whole = two_branch_gradients(fixed | params)
    monkeypatch.setattr(exact_gradients, "BLOCK", block)
    pieces = two_branch_gradients(fixed | params)
    assert max(errors(pieces, whole).values()) < 1e-15


def test_a_large_step_is_the_forward_passs_own_difference():
    """At h = 1/4 units switch on and off on the way, and nothing is small: every term of every rule counts."""
    fixed, params = wide(5, 4, 6, 3)
    h, forward = 0.25, forward_of(fixed)
    for name, found in two_branch_gradients(fixed | params, h=h).items():
        for entry in np.ndindex(found.shape):
            move = np.zeros(found.shape)
            move[entry] = h
            there, back = (forward(**params | {name: params[name] + sign * move})[0] for sign in (1, -1))
            assert found[entry] == pytest.approx((there - back) / (2 * h), abs=1e-13)


def test_one_sided_would_not_be_right():
    """Why the difference is central: D(h) / h at the same step is off by h times half the curvature."""
    x, gamma, beta, move = X, PROBLEM.gamma(), PROBLEM.beta(), PROBLEM.normal("move", 7, 4)
    slope = numerical_gradient(
        lambda h: solutions.batch_norm_forward(x + h * move, gamma, beta, EPS), {"h": 0.0}, UPSTREAM, method="complex"
    )["h"]
    there, back = (batch_norm_difference(x, gamma, beta, EPS, dx=h * move) for h in (1e-10, -1e-10))
    assert abs((UPSTREAM * (there - back)).sum() / 2e-10 - slope) < 1e-14 * abs(slope)
    assert abs((UPSTREAM * there).sum() / 1e-10 - slope) > 1e-11 * abs(slope)


def test_exact_kinks_take_slope_zero():
    """A sample of zeros puts every unit on its kink."""
    fixed, params = split(Problem())
    fixed["x"][2] = 0.0
    cache = solutions.two_branch_forward(params=params, **fixed)[1]
    assert (cache["z_1a"][2] == 0).all()
    exact = two_branch_gradients(cache)
    assert max(errors(exact, by_hand(fixed, params)).values()) < 1e-13
    fixed["x"][2, 0] = 1.0  # on the kink, and moved by its own weight
    params["theta_1a"][:, 0] = params["theta_1b"][:, 0] = 0.0
    exact = two_branch_gradients(fixed | params)
    assert (solutions.two_branch_forward(params=params, **fixed)[1]["z_1b"][2] == 0).all()
    assert max(errors(exact, by_hand(fixed, params)).values()) < 1e-13


@pytest.mark.parametrize("scalar", [False, True])
def test_the_network_declared(scalar):
    fixed, params = split(Problem(), scalar)
    right = by_hand(fixed, params)
    report = check_gradient(two_branch(**fixed), params, right)
    assert report.passed and report.method == "exact difference", report
    for name in PARAMS:
        for wrong in (right[name] * (1 + 1e-8), -right[name], right[name] + 1e-6):
            verdicts = check_gradient(two_branch(**fixed), params, right | {name: wrong}).verdicts
            assert [v.name for v in verdicts if v.verdict == "fail"] == [name]
    loss = solutions.two_branch_forward(params=params, **fixed)[0]
    assert two_branch(**fixed)(**params) == pytest.approx(loss, rel=1e-14)


def test_a_rule_of_the_network_broken_is_not_believed(monkeypatch):
    """Each rule in turn, made wrong: central differences of the forward pass notice, and auto takes another engine."""
    fixed, params = split(Problem())
    for name in ("relu_difference", "dropout_difference", "batch_norm_difference"):
        rule = getattr(exact_difference, name)
        monkeypatch.setattr(exact_difference, name, lambda *args, rule=rule, **moves: 1.001 * rule(*args, **moves))
        report = check_gradient(two_branch(**fixed), params, by_hand(fixed, params))
        assert report.passed and report.method.startswith("complex step")
        assert not check_gradient(two_branch(**fixed), params, by_hand(fixed, params), method="exact").passed
        monkeypatch.undo()


def test_a_column_without_variance_is_no_verdict():
    fixed, params = split(Problem())
    params["theta_1b"][1] = 0.0  # unit 1 of branch B is 0 for every sample
    report = check_gradient(two_branch(**fixed), params, by_hand(fixed, params))
    assert {v.name: v.verdict for v in report.verdicts if v.verdict != "pass"} == {
        "theta_1b": "inconclusive",
        "gamma": "inconclusive",
    }
    assert "Unit 1 of branch B does not vary over the batch" in str(report)
    assert no_variance(np.array([[1.0, 2.0, 0.0, 1e-9], [1.0, 3.0, 0.0, 0.0]])).tolist() == [0, 2]


@pytest.mark.parametrize(
    ("module", "known"),
    [
        (exact_difference, {"collections.abc", "functools", "typing", "gradcheck"}),
        (exact_gradients, {"collections.abc", "typing", "autograder", "network"}),
    ],
)
def test_it_knows_nothing_of_the_solutions(module, known):
    imports = [node for node in ast.walk(ast.parse(inspect.getsource(module))) if isinstance(node, ast.ImportFrom)]
    assert {node.module for node in imports} == known


# What it costs, and what many draws say


def test_memory_stays_small():
    fixed, params = wide(16, 128, 256, 10)
    assert sum(p.size for p in params.values()) == 134_144
    tracemalloc.start()
    exact = two_branch_gradients(fixed | params)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20e6
    assert max(errors(exact, by_hand(fixed, params)).values()) < 1e-13


@pytest.mark.soak
def test_the_time_grows_no_faster_than_the_parameters():
    def seconds(*sizes):
        fixed, params = wide(*sizes)
        return min(timeit.repeat(lambda: two_branch_gradients(fixed | params), number=1, repeat=7))

    small, large = seconds(16, 32, 64, 10), seconds(16, 128, 256, 10)
    assert small < 0.1
    assert large / small < 1.2 * 134_144 / 8_960


@pytest.mark.soak
@pytest.mark.parametrize(("sizes", "draws"), [((5, 4, 6, 3), 1000), ((16, 32, 64, 10), 1000)])
def test_fourteen_digits_in_many_draws(sizes, draws):
    """Worst parameter of all draws, against the backward pass in extended precision."""
    worst = 0.0
    for seed in range(draws):
        fixed, params = wide(*sizes, seed=seed)
        exact = two_branch_gradients(fixed | params)
        worst = max(worst, *errors(exact, by_hand(fixed, params, np.longdouble)).values())
    print(f"{sizes}: {worst:.1e}")
    assert worst < 1e-13


@pytest.mark.soak
@pytest.mark.parametrize(("sizes", "draws"), [((5, 4, 6, 3), 1000), ((16, 32, 64, 10), 100)])
def test_a_complex_step_has_as_many(sizes, draws):
    """Worst parameter of all draws. At the larger size each draw takes a third of a second and more."""
    worst = 0.0
    for seed in range(draws):
        fixed, params = wide(*sizes, seed=seed)
        truth = by_hand(fixed, params, np.longdouble)
        mask = solutions.dropout_forward(np.ones_like(fixed["r"]), fixed["r"], fixed["p"])[0]
        slopes = numerical_gradient(
            partial(networks.loss, np, fixed | {"mask": mask}), params, method="complex", batched=True
        )
        worst = max(worst, *errors(slopes, truth).values())
    print(f"{sizes}: {worst:.1e}")
    assert worst < 1e-13

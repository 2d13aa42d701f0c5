"""The checker is checked: right answers pass in any dress, each kind of wrong one fails, a broken engine is noticed."""

import dataclasses
import inspect
import sys
from functools import partial

import numpy as np
import pytest

import solutions
from autograder import gradcheck
from autograder.gradcheck import (
    check_backward,
    check_gradient,
    compare_arrays,
    numerical_gradient,
    numerical_jacobian,
    quick_check,
    symptoms,
)
from verification.problems import EPS, Problem

METHODS = ("auto", "complex", "central")
PRECISION = {"auto": 1e-13, "complex": 1e-13, "central": 1e-7}
batch_norm_forward = partial(solutions.batch_norm_forward, eps=EPS)


def batch_norm(problem):
    """Parameters, an upstream gradient and the cache of a batch norm with one column of low variance."""
    params = {"x": problem.batch(), "gamma": problem.gamma(), "beta": problem.beta()}
    upstream = problem.normal("upstream", problem.m, problem.h)
    return params, upstream, batch_norm_forward(**params)[1]


def relu(z):
    return np.where(np.real(z) > 0, z, 0)


def only(report):
    (verdict,) = report.verdicts
    return verdict


# The engines


@pytest.mark.parametrize("method", METHODS)
def test_gradient_of_what_is_known_by_heart(method):
    rng = np.random.default_rng(0)
    x, a, s = rng.normal(size=(3, 4)), rng.normal(size=4), 0.7
    upstream = rng.normal(size=(3, 4))
    slopes = numerical_gradient(
        lambda x, a, s: (np.sin(x) * a * s, "cache"), dict(x=x, a=a, s=s), upstream, method=method
    )
    right = {
        "x": upstream * np.cos(x) * a * s,
        "a": (upstream * np.sin(x) * s).sum(0),
        "s": (upstream * np.sin(x) * a).sum(),
    }
    for name, expected in right.items():
        assert slopes[name].shape == expected.shape and slopes[name].dtype == np.float64
        np.testing.assert_allclose(slopes[name], expected, rtol=0, atol=PRECISION[method])


@pytest.mark.parametrize("method", METHODS)
def test_jacobian_has_the_shape_of_out_and_then_of_the_parameter(method):
    x, s = np.random.default_rng(0).normal(size=(2, 3)), np.float64(0.3)
    jacobian = numerical_jacobian(lambda x, s: s * np.cumsum(x, axis=1)[:, 1:], dict(x=x, s=s), method=method)
    assert jacobian["x"].shape == (2, 2, 2, 3) and jacobian["s"].shape == (2, 2)
    np.testing.assert_allclose(jacobian["s"], np.cumsum(x, axis=1)[:, 1:], atol=PRECISION[method])
    for i, j, k, n in np.ndindex(2, 2, 2, 3):
        assert jacobian["x"][i, j, k, n] == pytest.approx(s * (i == k and n <= j + 1), abs=PRECISION[method])


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("chunk", [1, 10_000])
def test_batched_is_the_loop_all_at_once(method, chunk, monkeypatch):
    monkeypatch.setattr(gradcheck, "CHUNK", chunk * 16)
    rng = np.random.default_rng(0)
    params = dict(x=rng.normal(size=(5, 3)), theta=rng.normal(size=(2, 3)), b=rng.normal(size=2), s=1.5)
    upstream, calls = rng.normal(size=(5, 2)), []

    def batched(x, theta, b, s):
        calls.append(len(x))
        return np.exp(x @ np.swapaxes(theta, 1, 2) + b[:, None, :]) * s[:, None, None]

    def looped(x, theta, b, s):
        return np.exp(x @ theta.T + b) * s

    at_once = numerical_gradient(batched, params, upstream, method=method, batched=True)
    one_by_one = numerical_gradient(looped, params, upstream, method=method)
    for name in params:
        np.testing.assert_allclose(at_once[name], one_by_one[name], rtol=1e-9 if method == "central" else 1e-14)
    assert max(calls) == (1 if chunk == 1 else 15)
    jacobian = numerical_jacobian(batched, params, method=method, batched=True)
    np.testing.assert_allclose(np.tensordot(upstream, jacobian["b"], 2), at_once["b"], atol=PRECISION[method])
    assert "batched" in check_gradient(batched, params, at_once, upstream, method=method, batched=True).method
    assert "in a loop" in check_gradient(looped, params, at_once, upstream, method=method).method


def test_a_step_asks_for_central_differences():
    params, upstream, cache = batch_norm(Problem())
    right = solutions.batch_norm_backward(upstream, cache)
    report = check_gradient(batch_norm_forward, params, right, upstream, step=1e-4)
    assert report.passed and report.method.startswith("central")


def test_auto_takes_complex_where_it_can():
    params, upstream, cache = batch_norm(Problem())
    report = check_gradient(batch_norm_forward, params, solutions.batch_norm_backward(upstream, cache), upstream)
    assert report.passed and report.method.startswith("complex step")


def with_np_var(x):
    return (x - x.mean(axis=0)) / np.sqrt(x.var(axis=0) + EPS)


def with_a_float_buffer(x):
    out = np.empty(x.shape)
    out[:] = x**2
    return out


def with_a_complex_ban(x):
    if np.iscomplexobj(x):
        raise TypeError("real numbers, please")
    return x**2


def with_np_abs(x):
    return np.abs(x)


@pytest.mark.parametrize("forward", [with_np_var, with_np_abs, with_a_float_buffer, with_a_complex_ban])
def test_auto_does_not_fall_for_what_complex_input_gets_wrong(forward):
    """Each of these accepts complex input, or refuses it, without giving the derivative."""
    problem = Problem()
    x, upstream = problem.batch(), problem.normal("upstream", problem.m, problem.h)
    by_central = numerical_gradient(forward, {"x": x}, upstream, method="central")
    report = check_gradient(forward, {"x": x}, by_central["x"], upstream)
    assert report.passed and report.method.startswith("central")
    if forward in (with_np_var, with_np_abs):  # and the trap is real
        wrong = numerical_gradient(forward, {"x": x}, upstream, method="complex")["x"]
        assert np.linalg.norm(wrong - by_central["x"]) > 0.04 * np.linalg.norm(by_central["x"])


@pytest.mark.filterwarnings("ignore")
def test_a_dropped_imaginary_part_is_an_error_where_complex_is_asked_for():
    with pytest.raises(np.exceptions.ComplexWarning):
        numerical_gradient(with_a_float_buffer, {"x": np.ones(3)}, np.ones(3), method="complex")


def test_auto_believes_an_exact_engine_only_where_central_differences_agree():
    x, upstream = np.random.default_rng(0).normal(size=(4, 3)), np.random.default_rng(1).normal(size=(4, 3))

    def forward(x):
        return np.exp(x)

    forward.exact = lambda params, upstream, step: {"x": upstream * np.exp(params["x"])}
    assert check_gradient(forward, {"x": x}, upstream * np.exp(x), upstream).method == "exact difference"
    jacobian = numerical_jacobian(forward, {"x": x})["x"]
    np.testing.assert_allclose(jacobian.reshape(12, 12), np.diag(np.exp(x).ravel()), rtol=1e-14)
    forward.exact = lambda params, upstream, step: {"x": upstream * np.exp(params["x"]) * (1 + 1e-4)}
    assert check_gradient(forward, {"x": x}, upstream * np.exp(x), upstream).method.startswith("complex step")
    assert not check_gradient(forward, {"x": x}, upstream * np.exp(x), upstream, method="exact").passed


@pytest.mark.parametrize("method", METHODS)
def test_what_cannot_be_differentiated_says_why(method):
    x = np.ones((2, 3))
    with pytest.raises(ValueError, match=r"shape \(2, 3\), so an upstream"):
        numerical_gradient(lambda x: np.sin(x), {"x": x}, method=method)
    with pytest.raises(ValueError, match=r"must have the shape of out, \(2, 3\), but has \(3, 2\)"):
        numerical_gradient(lambda x: np.sin(x), {"x": x}, np.ones((3, 2)), method=method)
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="draw its random numbers once"):
        numerical_gradient(lambda x: (x * rng.random(x.shape)).sum(), {"x": x}, method=method)
    with pytest.raises(ValueError, match="method must be"):
        numerical_gradient(lambda x: x.sum(), {"x": x}, method="forward")
    with pytest.raises(ZeroDivisionError):  # an error of forward is forward's own
        numerical_gradient(lambda x: 1 // 0, {"x": x}, method=method)


def test_a_forward_pass_that_writes_into_its_input_spoils_nothing():
    def forward(x):
        x *= 2
        return (x**2).sum()

    x = np.array([1.0, 2.0])
    np.testing.assert_allclose(numerical_gradient(forward, {"x": x})["x"], 8 * x)
    assert x.tolist() == [1.0, 2.0]


# The step, the tolerance, the third verdict


@pytest.mark.parametrize("spread", [1e-6, 1e-4, 1e-2, 1.0, 1e4])
@pytest.mark.parametrize("mean", [0.0, 1.0, 10.0])
@pytest.mark.parametrize("method", METHODS)
def test_the_step_fits_the_column(spread, mean, method):
    """A column that hardly varies bends on its own scale. A step that fits the others raises a false alarm there."""
    problem = Problem()
    x, upstream = problem.batch(), problem.normal("upstream", problem.m, problem.h)
    x[:, 1] = mean + spread * x[:, 1]
    forward = partial(solutions.batch_norm_forward, gamma=problem.gamma(), beta=problem.beta(), eps=1e-14)
    dx, *_ = solutions.batch_norm_backward(upstream, forward(x)[1])
    verdict = only(check_gradient(forward, {"x": x}, dx, upstream, method=method))
    assert verdict.verdict == "pass", verdict
    assert verdict.tolerance < 1e-3
    verdict = only(check_gradient(forward, {"x": x}, dx * (1 + 5e-3), upstream, method=method))
    assert verdict.verdict == "fail", verdict


@pytest.mark.parametrize("seed", range(4))
def test_right_code_does_not_fail_where_the_last_bits_of_the_input_decide(seed):
    """A column near 10,000 that varies by 1e-6: its mean is known to 1e-12 only, and so is everything after it."""
    problem = Problem(seed)
    x, upstream = problem.batch(), problem.normal("upstream", problem.m, problem.h)
    x[:, 1] = 1e4 + 1e-6 * x[:, 1]
    forward = partial(solutions.batch_norm_forward, gamma=problem.gamma(), beta=problem.beta(), eps=1e-14)
    dx, *_ = solutions.batch_norm_backward(upstream, forward(x)[1])
    reports = [check_gradient(forward, {"x": x}, dx, upstream, method=method) for method in METHODS]
    assert all(only(r).verdict != "fail" for r in (*reports, quick_check(forward, {"x": x}, dx, upstream)))


def test_one_step_for_all_would_fail_right_code():
    """The same check with the step taken at its word, 1e-5 of an entry near 1, where the column varies by 1e-6."""
    problem = Problem()
    x, upstream = problem.batch(), problem.normal("upstream", problem.m, problem.h)
    x[:, 1] = 1 + 1e-6 * x[:, 1]
    forward = partial(solutions.batch_norm_forward, gamma=problem.gamma(), beta=problem.beta(), eps=1e-14)
    dx, *_ = solutions.batch_norm_backward(upstream, forward(x)[1])
    h, slopes = 1e-5, np.zeros_like(x)
    for index in np.ndindex(x.shape):
        step = np.zeros_like(x)
        step[index] = h
        slopes[index] = (upstream * (forward(x + step)[0] - forward(x - step)[0])).sum() / (2 * h)
    assert compare_arrays("x", dx, slopes, tolerance=1e-3).verdict == "fail"


@pytest.mark.parametrize("method", METHODS)
def test_the_tolerance_is_the_engines_own(method):
    """It covers the engine's error, and leaves no room for a mistake of 5e-3."""
    for seed in range(5):
        params, upstream, cache = batch_norm(Problem(seed=seed))
        right = solutions.batch_norm_backward(upstream, cache)
        for verdict in check_gradient(batch_norm_forward, params, right, upstream, method=method).verdicts:
            assert verdict.error <= verdict.tolerance / 5
            assert verdict.tolerance <= (1e-4 if method == "central" else 1.1e-10)


def test_a_kink_inside_the_step_is_no_verdict():
    z, upstream = np.array([0.5, 1e-4, -2.0]), np.array([1.0, -2.0, 3.0])
    dz = upstream * (z > 0)
    verdict = only(check_gradient(relu, {"z": z}, dz, upstream, method="central", step=4.0))
    assert verdict.verdict == "inconclusive" and "a kink inside the step" in verdict.words[-1]
    assert only(check_gradient(relu, {"z": z}, 3 * dz, upstream, method="central", step=4.0)).verdict == "fail"
    for method in METHODS:  # left to itself, the engine finds a step without the kink
        assert check_gradient(relu, {"z": z}, dz, upstream, method=method).passed


@pytest.mark.parametrize("method", METHODS)
def test_at_a_kink_either_slope_is_right_and_no_other(method):
    z, upstream = np.array([[0.5, 0.0, -2.0], [0.0, 1.5, 0.0]]), np.array([[1.0, -2.0, 3.0], [2.5, -1.5, 0.5]])
    for slope in (0.0, 0.5, 1.0):
        dz = upstream * np.where(z == 0, slope, z > 0)
        verdict = only(check_gradient(relu, {"z": z}, dz, upstream, method=method))
        assert verdict.verdict == "pass", verdict
    assert any("kink at 3 of the entries" in word for word in verdict.words)
    for slope in (-1.0, 1.1):
        dz = upstream * np.where(z == 0, slope, z > 0)
        assert only(check_gradient(relu, {"z": z}, dz, upstream, method=method)).verdict != "pass"
    dz = upstream * (z >= 0)
    dz[0, 2] = upstream[0, 2]  # a mistake beside the kinks
    assert only(check_gradient(relu, {"z": z}, dz, upstream, method=method)).verdict == "fail"


@pytest.mark.parametrize("method", METHODS)
def test_a_gradient_that_is_zero_by_structure(method):
    """A bias before a batch norm: its true gradient is 0, right code returns 1e-17, and 0/0 is no error."""
    problem = Problem()
    x, bias, upstream = problem.batch(), problem.beta(), problem.normal("upstream", problem.m, problem.h)

    def forward(bias):
        return batch_norm_forward(x + bias, problem.gamma(), problem.beta())[0]

    dx, *_ = solutions.batch_norm_backward(upstream, batch_norm_forward(x, problem.gamma(), problem.beta())[1])
    assert 0 < np.abs(dx.sum(axis=0)).max() < 1e-12
    for yours in (dx.sum(axis=0), np.zeros(problem.h), -0.0 * bias):
        for report in (
            check_gradient(forward, {"bias": bias}, yours, upstream, method=method),
            quick_check(forward, {"bias": bias}, yours, upstream),
        ):
            assert only(report).verdict == "inconclusive" and not report.passed
            assert "zero here whatever the formula" in only(report).words[-1]
    for yours in (upstream.sum(axis=0), np.full(problem.h, 1e-4)):
        verdict = only(check_gradient(forward, {"bias": bias}, yours, upstream, method=method))
        assert verdict.verdict == "fail" and verdict.words == ("Yours should be zero everywhere.",)
        assert only(quick_check(forward, {"bias": bias}, yours, upstream)).verdict == "fail"


@pytest.mark.parametrize("method", METHODS)
def test_a_small_gradient_is_not_zero(method):
    """Saturation makes a gradient tiny. It is still judged by its own size."""
    a = np.array([20.0, 25.0, 18.0])
    g = 1 / (1 + np.exp(-a))
    forward = lambda a: (1 / (1 + np.exp(-a))).sum()  # noqa: E731
    verdict = only(check_gradient(forward, {"a": a}, g * np.exp(-a) * g, method=method))
    assert verdict.verdict == "pass" or method == "central"
    assert only(check_gradient(forward, {"a": a}, 2 * g * np.exp(-a) * g, method=method)).verdict != "pass"


def test_nothing_is_said_of_a_reference_that_is_not_finite():
    with np.errstate(all="ignore"):
        verdict = only(
            check_gradient(lambda x: np.log(x).sum(), {"x": np.array([1.0, 0.0])}, np.ones(2), method="central")
        )
    assert verdict.verdict == "inconclusive"


def test_one_parameter_does_not_hide_behind_another():
    params = {"large": 1e6 * np.ones(3), "small": np.array([1e-3, 2e-3])}
    forward = lambda large, small: (large**2).sum() + (small**2).sum()  # noqa: E731
    report = check_gradient(forward, params, {"large": 2 * params["large"], "small": 3 * params["small"]})
    assert [v.verdict for v in report.verdicts] == ["pass", "fail"]


# An unusual dress


@pytest.mark.parametrize("check", [check_gradient, quick_check])
@pytest.mark.parametrize(
    ("dress", "remark"),
    [
        (lambda g: g[None], "Shape (1, 4) for (4,)"),
        (lambda g: g.astype(np.float32), "float32: judged by its own precision, to "),
        (lambda g: list(g), None),
        (lambda g: np.asfortranarray(g), None),
        (lambda g: g + 0j, "nothing imaginary"),
        (lambda g: np.repeat(g, 2)[::2], None),
        (lambda g: np.ma.masked_array(g), None),
    ],
)
def test_right_in_an_unusual_dress(check, dress, remark):
    params, upstream, cache = batch_norm(Problem())
    dx, dgamma, dbeta = solutions.batch_norm_backward(upstream, cache)
    report = check(batch_norm_forward, params, {"dx": dx, "gamma": dress(dgamma), "dbeta": dbeta}, upstream)
    assert report.passed, report
    words = report.verdicts[1].words
    assert not words if remark is None else any(remark in word for word in words)
    wrong = check(batch_norm_forward, params, (dx, dress(1.01 * dgamma), dbeta), upstream)
    assert [v.verdict for v in wrong.verdicts] == ["pass", "fail", "pass"]


def test_negative_zero_and_float64_from_float32_get_a_remark():
    z, upstream = np.array([0.5, -1.0, 2.0]), np.array([1.0, -2.0, 3.0])
    verdict = only(check_gradient(relu, {"z": z}, upstream * (z > 0), upstream))
    assert verdict.verdict == "pass" and "-0.0" in verdict.words[0]
    verdict = only(check_gradient(relu, {"z": z.astype(np.float32)}, np.where(z > 0, upstream, 0), upstream))
    assert verdict.verdict == "pass" and "float64, where the parameter is float32" in verdict.words[0]


def test_float32_is_judged_by_its_own_precision():
    for seed in range(5):
        params, upstream, _ = batch_norm(Problem(seed=seed))
        single = {name: value.astype(np.float32) for name, value in params.items()}
        cache = solutions.batch_norm_forward(**single, eps=EPS)[1]
        gradients = solutions.batch_norm_backward(upstream.astype(np.float32), cache)
        report = check_gradient(batch_norm_forward, single, gradients, upstream)
        assert report.passed, report
        assert all(v.error < v.tolerance < 1e-3 for v in report.verdicts)
        assert report.verdicts[0].error > 1e-9
        wrong = check_gradient(batch_norm_forward, single, [g * np.float32(1.005) for g in gradients], upstream)
        assert not any(v.verdict == "pass" for v in wrong.verdicts)


def test_a_forward_pass_in_float32_widens_the_tolerance():
    params, upstream, cache = batch_norm(Problem())

    def single(x, gamma, beta):
        return batch_norm_forward(*(np.asarray(a, np.float32) for a in (x, gamma, beta)))

    right = solutions.batch_norm_backward(upstream, cache)
    for verdict in check_gradient(single, params, right, upstream).verdicts:
        assert verdict.verdict in ("pass", "inconclusive") and verdict.tolerance > 1e-6


def test_a_name_that_nobody_asked_for_is_told_where_one_is_missing():
    params, upstream, cache = batch_norm(Problem())
    dx, dgamma, dbeta = solutions.batch_norm_backward(upstream, cache)
    report = check_gradient(batch_norm_forward, params, {"x": dx, "gama": dgamma, "dbeta": dbeta}, upstream)
    told = {verdict.name: "Nobody has asked for 'gama'." in verdict.words for verdict in report.verdicts}
    assert told == {"x": False, "gamma": True, "beta": False}
    more = check_gradient(batch_norm_forward, params, {"x": dx, "gamma": dgamma, "beta": dbeta, "eps": 0.0}, upstream)
    assert more.passed, "what is there besides disturbs nobody"


def test_what_a_wrong_gradient_is_instead():
    params, upstream, cache = batch_norm(Problem())
    dx, dgamma, dbeta = solutions.batch_norm_backward(upstream, cache)
    gamma = params["gamma"]

    def words(**wrong):
        given = {"x": dx, "gamma": dgamma, "beta": dbeta} | wrong
        report = check_gradient(batch_norm_forward, params, given, upstream)
        return {verdict.name: " ".join(verdict.words) for verdict in report.verdicts if verdict.verdict == "fail"}

    assert words(gamma=dgamma * gamma) == {"gamma": "Yours is the expected times gamma, entry by entry."}
    assert words(beta=dbeta / gamma) == {"beta": "Yours is the expected divided by gamma, entry by entry."}
    assert words(gamma=dbeta) == {"gamma": "These are the numbers of the gradient of beta."}
    swapped = words(gamma=dbeta, beta=dgamma)
    assert swapped["beta"] == "These are the numbers of the gradient of gamma." and len(swapped) == 2
    assert "gamma" not in words(gamma=dgamma * 1.01 * gamma)["gamma"]


def test_masks_may_be_bool_or_integers():
    mask = np.array([[1.0, 0.0], [0.0, 1.0]])
    for dtype in (bool, np.int64, np.uint8):
        verdict = compare_arrays("mask", mask.astype(dtype), mask)
        assert verdict.verdict == "pass" and "and equal" in verdict.words[0]
        assert compare_arrays("mask", (1 - mask).astype(dtype), mask).verdict == "fail"


@pytest.mark.parametrize("check", [check_gradient, quick_check])
@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda g: np.round(10 * g).astype(int), "whole numbers"),
        (lambda g: np.where(np.arange(4) == 2, np.nan, g), "1 of 4 entries are NaN or infinite"),
        (lambda g: np.where(np.arange(4) < 3, np.inf, g), "3 of 4 entries are NaN or infinite"),
        (lambda g: g + 1e-3j, "Complex"),
        (lambda g: None, "nothing came"),
        (lambda g: "0.5", "a str came"),
        (lambda g: [[1.0], [2.0, 3.0]], "a list came"),
        (lambda g: np.array([None] * 4), "a ndarray came"),
        (lambda g: g[:3], "Shape (3,) came"),
        (lambda g: g[:, None], "Shape (4, 1) came, (4,) is wanted"),
        (lambda g: g.sum(), "one number for all"),
        (lambda g: np.tile(g / 7, (7, 1)), "Shape (7, 4) came, (4,) is wanted"),
    ],
)
def test_what_is_no_gradient_fails_with_words(check, spoil, words):
    params, upstream, cache = batch_norm(Problem())
    dx, dgamma, dbeta = solutions.batch_norm_backward(upstream, cache)
    report = check(batch_norm_forward, params, (dx, spoil(dgamma), dbeta), upstream)
    assert [v.verdict for v in report.verdicts] == ["pass", "fail", "pass"], report
    assert words in str(report)
    assert not report.passed


def test_gradients_that_are_missing_fail():
    params, upstream, cache = batch_norm(Problem())
    dx, dgamma, dbeta = solutions.batch_norm_backward(upstream, cache)
    report = check_gradient(batch_norm_forward, params, {"x": dx, "gamma": dgamma}, upstream)
    assert [v.verdict for v in report.verdicts] == ["pass", "pass", "fail"]
    for wrong in ((dx, dgamma), dx, None, (dx, dgamma, dbeta, dbeta)):
        assert {v.verdict for v in check_gradient(batch_norm_forward, params, wrong, upstream).verdicts} == {"fail"}


# Mistakes that people make, and right code in other words


def backward_by_hand(dout, cache, *, mean=1.0, var=1.0, gamma=1.0, samples=1.0):
    """Batch norm's dx with a weight on each path; all of them 1 is right."""
    x_hat, _, variance, stretch, _, eps = cache
    d = dout * np.where(gamma, stretch, 1.0)
    m = len(dout) * samples
    return (d - mean * d.sum(axis=0) / m - var * x_hat * (d * x_hat).sum(axis=0) / m) / np.sqrt(variance + eps)


WRONG = {
    "statistics as constants": lambda d, c: backward_by_hand(d, c, mean=0, var=0),
    "no mean path": lambda d, c: backward_by_hand(d, c, mean=0),
    "no variance path": lambda d, c: backward_by_hand(d, c, var=0),
    "variance path of wrong sign": lambda d, c: backward_by_hand(d, c, var=-1),
    "variance path without its 2": lambda d, c: backward_by_hand(d, c, var=0.5),
    "N - 1": lambda d, c: backward_by_hand(d, c, samples=(len(d) - 1) / len(d)),
    "gamma forgotten": lambda d, c: backward_by_hand(d, c, gamma=0.0),
    "1/m too much": lambda d, c: backward_by_hand(d, c) / len(d),
    "eps left out": lambda d, c: backward_by_hand(d, c) * np.sqrt(1 + c[5] / c[2]),
    "eps outside the root": lambda d, c: backward_by_hand(d, c) * np.sqrt(c[2] + c[5]) / (np.sqrt(c[2]) + c[5]),
    "upstream ignored": lambda d, c: backward_by_hand(np.ones_like(d), c) + c[0] * 1e-3,
    "sign": lambda d, c: -backward_by_hand(d, c),
    "one entry": lambda d, c: backward_by_hand(d, c) + np.where(np.arange(d.size).reshape(d.shape) == 3, 1.0, 0),
}


def chained(d, c):
    x_hat, _, variance, gamma, _, eps = c
    root = np.sqrt(variance + eps)
    centred, d_hat = x_hat * root, d * gamma
    dvar = (d_hat * centred).sum(axis=0) * -0.5 * root**-3
    dmu = -(d_hat / root).sum(axis=0) + dvar * -2 * centred.mean(axis=0)
    return d_hat / root + dvar * 2 * centred / len(d) + dmu / len(d)


def looped(d, c):
    x_hat, _, variance, gamma, _, eps = c
    dx, m = np.zeros_like(d), len(d)
    for i, k, j in np.ndindex(m, m, d.shape[1]):
        dx[i, j] += d[k, j] * gamma[j] * ((i == k) - (1 + x_hat[i, j] * x_hat[k, j]) / m) / np.sqrt(variance[j] + eps)
    return dx


RIGHT = {
    "by hand": backward_by_hand,
    "chained": chained,
    "looped": looped,
    "fortran": lambda d, c: np.asfortranarray(chained(d, c)),
}


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", WRONG)
def test_wrong_formulas_fail(name, method, seed):
    params, upstream, cache = batch_norm(Problem(seed=seed))
    forward = lambda x: batch_norm_forward(x, params["gamma"], params["beta"])  # noqa: E731
    dx = WRONG[name](upstream, cache)
    verdict = only(check_gradient(forward, {"x": params["x"]}, dx, upstream, method=method))
    assert verdict.verdict == "fail" and verdict.error > 1e-3, verdict
    assert only(quick_check(forward, {"x": params["x"]}, dx, upstream)).verdict == "fail"


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", RIGHT)
def test_right_variants_pass(name, method, seed):
    params, upstream, cache = batch_norm(Problem(seed=seed))
    forward = lambda x: batch_norm_forward(x, params["gamma"], params["beta"])  # noqa: E731
    dx = RIGHT[name](upstream, cache)
    assert check_gradient(forward, {"x": params["x"]}, dx, upstream, method=method).passed
    assert quick_check(forward, {"x": params["x"]}, dx, upstream).passed


@pytest.mark.parametrize("method", METHODS)
def test_a_sum_for_a_loss_sees_nothing_and_says_so(method):
    """With an upstream of ones a softmax has no gradient: right and wrong formulas are both zero."""
    x = Problem().batch()
    for yours in (np.zeros_like(x), solutions.softmax_backward(np.ones_like(x), solutions.softmax_forward(x)[1])):
        report = check_gradient(solutions.softmax_forward, {"x": x}, yours, np.ones_like(x), method=method)
        assert only(report).verdict == "inconclusive"


# What backward does to what it is given


def relu_check(backward):
    problem = Problem()
    z, dout = problem.batch() - 0.5, problem.normal("upstream", problem.m, problem.h)
    return check_backward(solutions.relu_forward, backward, {"z": z}, dout)


def verdicts(report):
    return {v.name: v.verdict for v in report.verdicts}


def test_a_backward_pass_that_only_reads():
    report = relu_check(solutions.relu_backward)
    assert report.passed and verdicts(report) == {"z": "pass"}


def test_writing_into_dout_is_right_with_a_remark():
    def backward(dout, cache):
        dout[cache[0] <= 0] = 0
        return dout

    report = relu_check(backward)
    assert report.passed and verdicts(report) == {"z": "pass", "dout": "pass"}
    assert "wrote into dout" in str(report) and "A view" in str(report)


def test_changing_the_cache_fails_even_if_the_gradient_is_right():
    def backward(dout, cache):
        dz = np.where(cache[0] > 0, dout, 0)
        cache[0][:] = np.maximum(cache[0], 0)
        return dz

    report = relu_check(backward)
    assert not report.passed and verdicts(report) == {"z": "pass", "cache": "fail"}
    assert "backward changed z, cache[0]" in str(report)


def test_changing_a_parameter_fails():
    def backward(dout, cache):
        x, theta = cache
        gradients = dout @ theta, dout.T @ x
        theta -= 0.25
        return gradients

    problem = Problem()
    inputs = {"x": problem.normal("x", 7, 5), "theta": problem.normal("theta", 4, 5)}
    report = check_backward(solutions.linear_forward, backward, inputs, problem.normal("upstream", 7, 4))
    assert verdicts(report) == {"x": "pass", "theta": "pass", "cache": "fail", "second call": "fail"}
    assert "theta" in report.verdicts[2].words[0] and "0.25" in report.verdicts[2].words[0]


def test_taking_from_the_cache_fails():
    def forward(z):
        return solutions.relu_forward(z)[0], {"z": z}

    z, dout = Problem().batch(), Problem().normal("upstream", 7, 4)
    report = check_backward(forward, lambda dout, cache: np.where(cache.pop("z") > 0, dout, 0), {"z": z}, dout)
    assert verdicts(report) == {"z": "pass", "cache": "fail", "second call": "fail"}
    assert "KeyError" in str(report)


def test_another_answer_when_called_twice_fails():
    rng, calls = np.random.default_rng(0), []
    report = relu_check(lambda dout, cache: np.where(cache[0] > 0, dout, 0) * rng.integers(1, 100))
    assert verdicts(report)["second call"] == "fail"

    def accumulates(dout, cache):
        calls.append(np.where(cache[0] > 0, dout, 0))
        return sum(calls)

    report = relu_check(accumulates)
    assert verdicts(report) == {"z": "pass", "second call": "fail"}
    buffer = np.zeros((7, 4))

    def accumulates_in_one_place(dout, cache):
        np.add(buffer, np.where(cache[0] > 0, dout, 0), out=buffer)
        return buffer

    report = relu_check(accumulates_in_one_place)
    assert verdicts(report) == {"z": "pass", "second call": "fail"}


def test_only_the_named_inputs_have_gradients():
    problem = Problem()
    inputs = {"x": problem.batch(), "r": problem.uniform("r", 7, 4), "p": 0.375}
    dout = problem.normal("upstream", 7, 4)
    report = check_backward(solutions.dropout_forward, solutions.dropout_backward, inputs, dout, names=["x"])
    assert report.passed and verdicts(report) == {"x": "pass"}


# What the numbers show

RNG = np.random.default_rng(5)
E, SQUARE, NOISE = RNG.normal(size=(5, 4)), RNG.normal(size=(4, 4)), RNG.random((5, 4))
ROWS = np.array([[0], [1], [1], [0], [1]])
MASK = np.array([[1, 0, 0, 1], [0, 0, 1, 0], [1, 0, 0, 0], [0, 1, 0, 1], [0, 0, 0, 1]], bool)
REST = "of 20 entries. The others are right. Off only where the mask is 0."


@pytest.mark.parametrize(
    ("yours", "expected", "words"),
    [
        (5 * E, E, "Yours is m = 5 times too large."),
        (E / 4, E, "Yours is n = 4 times too small."),
        (E / 20, E, "Yours is m * n = 20 times too small."),
        (1.3 * E, E, "Yours is 1.3 times the expected, everywhere."),
        ((1 - 5e-6) * E, E, "Yours is (1 - 5.0e-06) times the expected, everywhere."),
        ((1 + 2e-4) * E, E, "Yours is (1 + 2.0e-04) times the expected, everywhere."),
        (E * 0.3, E, "Yours is the expected times 1 - p = 0.3."),
        (E / 0.3, E, "Yours is the expected divided by 1 - p = 0.3."),
        (-E, E, "The sign is flipped."),
        (-5 * E, E, "The sign is flipped. Yours is m = 5 times too large."),
        (0 * E, E, "Yours is zero everywhere."),
        (E, 0 * E, "Yours should be zero everywhere."),
        (0 * E + 0.3, E, "All your entries are equal."),
        (E.T, E, "Shape (4, 5) came, (5, 4) is wanted: yours is the transpose."),
        (2 * E.T, E, "Shape (4, 5) came, (5, 4) is wanted: transposed, and the numbers are others too."),
        (1.0, E, "Shape () came, (5, 4) is wanted: one number for all, where each needs its own."),
        (E[:2, :2], E, "Shape (2, 2) came, (5, 4) is wanted."),
        (E.ravel(), E, "Shape (20,) came, (5, 4) is wanted: the numbers are right."),
        (
            E,
            E.sum(axis=0),
            "Shape (5, 4) came, (4,) is wanted: not yet summed over the first axis. Summed, it is right.",
        ),
        (SQUARE.T, SQUARE, "Yours is the transpose."),
        (np.diag(np.diag(SQUARE)), SQUARE, "Your diagonal is right; everything beside it is zero."),
        (SQUARE + 1 - np.eye(4), SQUARE, "Your diagonal is right; everything beside it is off."),
        (
            E * np.arange(1, 5),
            E,
            "Column by column, yours is a constant times the expected: each column has its own factor.",
        ),
        (
            E + np.arange(1, 5),
            E,
            "Within a column, yours is off by the same amount in every row: a term that rows share.",
        ),
        (E + MASK, E, f"Off at 7 {REST}"),
        (np.where(MASK, 0, E), E, f"Yours is zero where it should not be, at 7 {REST}"),
        (E, np.where(MASK, 0, E), f"Yours should be zero at 7 {REST}"),
        (np.where(MASK, -E, E), E, f"The sign is flipped at 7 {REST}"),
        (E + ROWS * NOISE, E, "Off at 12 of 20 entries. The others are right. Off in rows 1, 2, 4 alone."),
        (E + ROWS.T[:, :4] * NOISE, E, "Off at 10 of 20 entries. The others are right. Off in columns 1, 2 alone."),
        (1e-17 * NOISE, E, "Yours is zero everywhere."),
        (1e300 * NOISE, E, ""),
        (E + NOISE, E, ""),
        (E + 1e-12, E, ""),
    ],
)
def test_symptoms(yours, expected, words):
    where = {
        "the mask is 0": MASK,
        "z < 0": ~MASK & (np.arange(4) < 3),
        "another shape": MASK.T,
        "everywhere": MASK | True,
    }
    assert " ".join(symptoms(yours, expected, where=where, factors={"m": 5, "n": 4, "1 - p": 0.3})) == words


def test_a_verdict_tells_the_worst_entry_and_both_values():
    yours = E.copy()
    yours[3, 1], yours[0, 2] = E[3, 1] + 0.5, E[0, 2] + 0.25
    verdict = compare_arrays("theta", yours, E)
    assert (verdict.verdict, verdict.worst, verdict.shape) == ("fail", (3, 1), (5, 4))
    assert (verdict.yours, verdict.expected) == (yours[3, 1], E[3, 1])
    assert verdict.error == pytest.approx(np.hypot(0.5, 0.25) / np.linalg.norm(E))
    assert compare_arrays("theta", yours, E, tolerance=1.0).verdict == "pass"
    assert compare_arrays("theta", E * (1 + 1e-11), E).verdict == "pass"
    assert compare_arrays("theta", E * (1 + 1e-9), E).verdict == "fail"
    with pytest.raises(dataclasses.FrozenInstanceError):
        verdict.verdict = "pass"


def test_a_report_reads_well():
    params, upstream, cache = batch_norm(Problem())
    dx, dgamma, dbeta = solutions.batch_norm_backward(upstream, cache)
    report = check_gradient(batch_norm_forward, params, (7 * dx, dgamma, dbeta[None]), upstream, factors={"m": 7})
    lines = str(report).splitlines()
    assert lines[0].split() == ["gradients", "2", "of", "3", "by", "complex", "step,", "in", "a", "loop"]
    assert lines[1].startswith("     x      (7, 4)  not yet  off by 6 (allowed 1e-10)   worst at [")
    assert lines[2] == "       Yours is m = 7 times too large."
    assert lines[3].startswith("     gamma  (4,)    ok       ")
    assert lines[5] == "       Shape (1, 4) for (4,): the same numbers."
    assert repr(report) == str(report)


def test_students_get_one_file_that_needs_numpy_alone():
    source = inspect.getsource(gradcheck)
    imports = {line.split()[1] for line in source.splitlines() if line.startswith(("import ", "from "))}
    assert imports - sys.stdlib_module_names == {"numpy"}


# The engines, broken on purpose: the tests above would not stay green


def test_a_broken_engine_is_noticed(monkeypatch):
    params, upstream, cache = batch_norm(Problem())
    right = solutions.batch_norm_backward(upstream, cache)
    wrong = (right[0] * 1.01, *right[1:])
    for name in ("_complex_step", "_central_difference"):
        engine = getattr(gradcheck, name)

        def off(*args, engine=engine, **kwargs):
            result = engine(*args, **kwargs)
            return tuple(1.01 * a for a in result) if isinstance(result, tuple) else 1.01 * result

        monkeypatch.setattr(gradcheck, name, off)
        method = {"_complex_step": "complex", "_central_difference": "central"}[name]
        assert not check_gradient(batch_norm_forward, params, right, upstream, method=method).passed
        assert check_gradient(batch_norm_forward, params, wrong, upstream, method=method).verdicts[0].verdict == "pass"
        if method == "complex":  # auto does not believe it
            assert check_gradient(batch_norm_forward, params, right, upstream).method.startswith("central")
        monkeypatch.undo()


@pytest.mark.soak
@pytest.mark.parametrize("method", METHODS)
def test_no_right_answer_fails_in_many_draws(method):
    """Shapes drawn too, a column of low variance in each."""
    for seed in range(1000):
        m, n, h, K = np.random.default_rng(seed).integers((3, 2, 2, 3), (20, 7, 7, 6))
        params, upstream, cache = batch_norm(Problem(seed, int(m), int(n), int(h), int(K)))
        _, dgamma, dbeta = solutions.batch_norm_backward(upstream, cache)
        gradients = chained(upstream, cache), dgamma, dbeta
        report = check_gradient(batch_norm_forward, params, gradients, upstream, method=method)
        assert report.passed, (seed, report)


# A sentence is said only where it holds


def test_no_constant_is_told_of_columns_that_show_none():
    """Of a column with one number that is not 0, or whose sign alone is wrong, no factor can be told."""
    mask = np.array([[2.0, 0, 0, 2], [0, 2, 0, 0], [0, 0, 2, 2], [0, 0, 0, 2]])
    dropped = mask.copy()
    dropped[0, 0] = 0  # r > p for r >= p
    assert symptoms(dropped, mask) == [
        "Yours is zero where it should not be, at 1 of 16 entries. The others are right.",
        "Off in row 0 alone.",
        "Off in column 0 alone.",
    ]
    full = np.random.default_rng(0).normal(size=(5, 3))
    flipped = full * [1, -1, 1]
    assert symptoms(flipped, full)[0] == "The sign is flipped at 5 of 15 entries. The others are right."
    assert "Column by column" in symptoms(full * [2, 3, -0.5], full)[0]
    assert not any("Column by column" in words for words in symptoms(full * [2, 0, 3], full))


def test_where_an_error_sits_is_told_only_if_it_is_most_of_that_place():
    expected = np.ones((4, 5))
    mask = np.zeros((4, 5), bool)
    mask[:, :2] = True
    few, most = expected.copy(), expected.copy()
    few[0, 0] = 3  # lies there by chance
    most[mask] = np.arange(2, 10)
    assert not any("Off only where" in words for words in symptoms(few, expected, where={"z < 0": mask}))
    assert "Off only where z < 0." in symptoms(most, expected, where={"z < 0": mask})

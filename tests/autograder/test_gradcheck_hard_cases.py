"""Cases that separate a kink, noise, single precision and a mistake: none may be taken for another."""

import io
from contextlib import redirect_stdout

import numpy as np
import pytest

from autograder import gradcheck
from autograder.gradcheck import check_backward, check_gradient, numerical_gradient, quick_check
from autograder.questions.public import ask, at_home

F4 = np.float32


def only(report):
    (verdict,) = report.verdicts
    return verdict


def kind(report):
    return only(report).verdict


# Kinks


def l1_and_square(w):
    return np.abs(w).sum() + 3 * (w**2).sum()


def weights(seed=0):
    w = np.random.default_rng(seed).normal(size=8)
    w[[2, 5]] = 0.0
    return w


@pytest.mark.parametrize("seed", range(5))
def test_an_l1_penalty_with_two_weights_at_zero(seed):
    w = weights(seed)
    assert kind(check_gradient(l1_and_square, {"w": w}, np.sign(w) + 6 * w)) == "pass"
    assert kind(check_gradient(l1_and_square, {"w": w}, np.where(w >= 0, 1, -1) + 6 * w)) == "pass"
    assert kind(check_gradient(l1_and_square, {"w": w}, 6 * w)) == "fail"
    assert kind(quick_check(l1_and_square, {"w": w}, 6 * w)) == "fail"
    assert kind(quick_check(l1_and_square, {"w": w}, np.sign(w) + 6 * w)) != "fail"


def relu_batch_norm(x):
    a = np.maximum(x, 0)
    return (a - a.mean(0)) / np.sqrt(a.var(0) + 1e-5)


def relu_batch_norm_backward(dout, x, variance_path=1.0):
    a = np.maximum(x, 0)
    x_hat = relu_batch_norm(x)
    da = dout - dout.mean(0) - variance_path * x_hat * (dout * x_hat).mean(0)
    return da / np.sqrt(a.var(0) + 1e-5) * (x > 0)


@pytest.mark.parametrize("seed", range(9))
def test_relu_before_a_batch_norm_that_uses_np_var(seed):
    rng = np.random.default_rng(seed)
    x, dout = rng.normal(size=(8, 4)), rng.normal(size=(8, 4))
    x[rng.random(x.shape) < 0.2] = 0.0
    assert kind(check_gradient(relu_batch_norm, {"x": x}, relu_batch_norm_backward(dout, x), dout)) == "pass"
    assert kind(check_gradient(relu_batch_norm, {"x": x}, relu_batch_norm_backward(dout, x, 0.0), dout)) == "fail"


def test_mean_absolute_error_with_an_exact_hit():
    rng = np.random.default_rng(0)
    x, t = rng.normal(size=(5, 3)), rng.normal(size=(5, 3))
    t[1, 1] = x[1, 1]
    right = np.sign(x - t) / x.size
    assert kind(check_gradient(lambda x: np.abs(x - t).mean(), {"x": x}, right)) == "pass"
    assert kind(check_gradient(lambda x: np.abs(x - t).mean(), {"x": x}, right * 1.01)) == "fail"
    assert kind(check_gradient(lambda x: np.abs(x - t).mean(), {"x": x}, 0 * right)) == "fail"


@pytest.mark.parametrize("method", ["auto", "central"])
def test_a_sample_of_zeros_before_a_linear_layer_and_a_relu(method):
    """Each entry of that sample moves several units off their kinks at once, with weights of both signs."""
    for seed in range(10):
        rng = np.random.default_rng(seed)
        x, w, dout = rng.normal(size=(5, 4)), rng.normal(size=(4, 6)), rng.normal(size=(5, 6))
        x[2] = 0.0
        z = x @ w

        def forward(x, w=w):
            return np.maximum(x @ w, 0)

        right = (dout * (z > 0)) @ w.T
        report = check_gradient(forward, {"x": x}, right, dout, method=method)
        assert kind(report) == "pass", report
        right[3] *= 1.01
        assert kind(check_gradient(forward, {"x": x}, right, dout, method=method)) == "fail"


def test_one_entry_on_a_kink_hides_no_mistake_elsewhere():
    rng = np.random.default_rng(0)
    x, dout = rng.normal(size=(6, 5)), rng.normal(size=(6, 5))
    x[0, 0] = 0.0
    for forward in (lambda x: np.maximum(x, 0) ** 2 + np.abs(x), lambda x: np.where(np.real(x) > 0, x, 0)):
        right = numerical_gradient(forward, {"x": x}, dout, method="central")["x"]
        right[0, 0] = 0.0
        assert kind(check_gradient(forward, {"x": x}, right, dout)) == "pass"
        wrong = right.copy()
        wrong.flat[np.abs(right).argmax()] *= 1 + 1e-4
        assert kind(check_gradient(forward, {"x": x}, wrong, dout)) == "fail"


def pool(x):
    return x.max(axis=1)


@pytest.mark.parametrize("method", ["auto", "central"])
def test_a_tie_in_max(method):
    x, dout = np.array([[1.0, 3.0, 3.0], [2.0, 0.5, 1.0], [4.0, 4.0, 4.0]]), np.array([1.5, -2.0, 0.7])
    ties = (x == x.max(axis=1, keepdims=True)).astype(float)
    first = np.zeros_like(x)
    first[np.arange(3), x.argmax(axis=1)] = 1
    for right in (first, ties / ties.sum(axis=1, keepdims=True)):
        assert kind(check_gradient(pool, {"x": x}, right * dout[:, None], dout, method=method)) == "pass"
    verdict = only(check_gradient(pool, {"x": x}, ties * dout[:, None], dout, method=method))
    assert verdict.verdict == "fail" and "(1, ..., 1)" in " ".join(verdict.words), verdict
    nothing = np.where(ties.sum(axis=1, keepdims=True) > 1, 0, first) * dout[:, None]
    verdict = only(check_gradient(pool, {"x": x}, nothing, dout, method=method))
    assert verdict.verdict == "fail" and "whatever the formula" not in str(verdict), verdict
    alone, one = x[2:], dout[2:]
    verdict = only(check_gradient(pool, {"x": alone}, 0 * alone, one, method=method))
    assert verdict.verdict == "fail" and "whatever the formula" not in str(verdict), verdict


def test_an_upstream_of_zeros_shows_nothing():
    x = np.random.default_rng(0).normal(size=(3, 4))
    for check in (check_gradient, quick_check):
        verdict = only(check(lambda x: np.sin(x), {"x": x}, 0 * x, 0 * x))
        assert verdict.verdict == "inconclusive" and "upstream" in " ".join(verdict.words), verdict


# Single precision


def single_inside(w, x):
    return np.tanh(x.astype(F4) @ w.astype(F4)).astype(np.float64)


@pytest.mark.parametrize("seed", range(20))
def test_a_forward_pass_that_computes_in_float32(seed):
    rng = np.random.default_rng(seed)
    x, w, dout = rng.normal(size=(6, 5)), rng.normal(size=(5, 3)), rng.normal(size=(6, 3))
    dz = dout * (1 - np.tanh(x @ w) ** 2)
    report = check_gradient(single_inside, {"w": w, "x": x}, (x.T @ dz, dz @ w.T), dout)
    assert report.passed, report
    wrong = check_gradient(single_inside, {"w": w, "x": x}, (1.01 * x.T @ dz, dz @ w.T * 0.99), dout)
    assert [v.verdict for v in wrong.verdicts] == ["fail", "fail"], wrong
    assert not quick_check(single_inside, {"w": w, "x": x}, (0 * w, 0 * x), dout).passed
    assert all(
        v.verdict != "fail" for v in quick_check(single_inside, {"w": w, "x": x}, (x.T @ dz, dz @ w.T), dout).verdicts
    )


def rms_norm_forward(x, gamma, eps):
    x = np.asarray(x, np.float32)
    rms = np.sqrt((x**2).mean(axis=1, keepdims=True) + eps)
    x_hat = x / rms
    return gamma * x_hat, (x_hat, rms, gamma)


def rms_norm_draw(rng):
    m, n = rng.permutation([4, 5, 6, 7])[:2]
    size = np.r_[0.03, np.ones(m - 1)][:, None]
    return dict(x=size * rng.normal(size=(m, n)), gamma=rng.permutation(np.resize([1.7, -0.6], n)), eps=1e-3)


def rms_norm_backward(dout, cache, shared=1.0):
    x_hat, rms, gamma = cache
    arrives = dout * gamma
    dx = (arrives - shared * x_hat * (arrives * x_hat).mean(axis=1, keepdims=True)) / rms
    return {"dx": dx, "dgamma": (dout * x_hat).sum(axis=0)}


def test_a_question_of_a_forward_pass_in_float32_gives_a_right_answer_full_points():
    question = ask("rms norm", rms_norm_forward, rms_norm_draw, points={"x": 4, "gamma": 2})
    for seed in range(6):
        result = at_home(question, {"rms_norm_backward": rms_norm_backward}, (seed,))
        assert result.points == 6, result
        wrong = {"rms_norm_backward": lambda dout, cache: rms_norm_backward(dout, cache, 0.98)}
        assert at_home(question, wrong, (seed,)).points == 2


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("upstream_type", [np.float64, F4])
def test_float32_inputs_with_a_float64_upstream_or_buffer(seed, upstream_type):
    """Mixed precision turns the answer into float64 that is right to seven digits."""
    rng = np.random.default_rng(seed)
    x, w = rng.normal(size=(6, 5)).astype(F4), rng.normal(size=(5, 3)).astype(F4)
    dout = rng.normal(size=(6, 3)).astype(upstream_type)

    def forward(x, w):
        return np.tanh(x @ w)

    dz = dout * (1 - forward(x, w) ** 2)
    buffer = np.zeros(x.shape)
    buffer[:] = dz @ w.T
    gradients = {"x": buffer, "w": x.T @ dz}
    assert check_gradient(forward, {"x": x, "w": w}, gradients, dout).passed
    wrong = {name: g * (1 + 9e-4) for name, g in gradients.items()}
    assert {v.verdict for v in check_gradient(forward, {"x": x, "w": w}, wrong, dout).verdicts} == {"fail"}


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("method", ["auto", "central"])
def test_a_float32_answer_is_judged_by_what_rounding_the_inputs_does(seed, method):
    rng = np.random.default_rng(seed)
    x, w, dout = rng.normal(size=(6, 5)), rng.normal(size=(5, 3)), rng.normal(size=(6, 3))

    def forward(x):
        z = x @ w
        return np.exp(z - z.max(1, keepdims=True)) / np.exp(z - z.max(1, keepdims=True)).sum(1, keepdims=True)

    p = forward(x)
    right = ((p * (dout - (p * dout).sum(1, keepdims=True))) @ w.T).astype(F4)
    assert kind(check_gradient(forward, {"x": x}, right, dout, method=method)) == "pass"
    verdict = only(check_gradient(forward, {"x": x}, right * F4(1.0009), dout, method=method))
    assert verdict.verdict == "fail" and verdict.tolerance < 1e-4, verdict


def test_a_float32_answer_on_a_column_that_hardly_varies_gets_the_tolerance_that_it_needs():
    rng = np.random.default_rng(0)
    x, dout = rng.normal(size=(7, 4)).astype(F4), rng.normal(size=(7, 4)).astype(F4)
    x[:, 1] = 1 + F4(1e-3) * x[:, 1]

    def batch_norm(x):
        centred = x - x.mean(0)
        return centred / np.sqrt((centred**2).mean(0) + 1e-12)

    def backward(x, dout):
        x_hat = batch_norm(x)
        centred = x - x.mean(0)
        d = dout - dout.mean(0) - x_hat * (dout * x_hat).mean(0)
        return d / np.sqrt((centred**2).mean(0) + F4(1e-12))

    assert kind(check_gradient(batch_norm, {"x": x}, backward(x, dout), dout)) == "pass"
    assert kind(check_gradient(batch_norm, {"x": x}, backward(x, dout) * F4(1.01), dout)) == "fail"


# Noise


@pytest.mark.parametrize("amplitude", [1e-10, 1e-9, 1e-8, 1e-7])
@pytest.mark.parametrize("wrong", [0.01, 0.03, 0.1])
@pytest.mark.parametrize("method", ["auto", "complex", "central"])
def test_noise_is_no_kink(amplitude, wrong, method):
    for seed in range(4):
        rng = np.random.default_rng(seed)
        x, a = rng.normal(size=6), rng.normal(size=6)

        def forward(x, a=a):
            return (a * np.sin(x)).sum() + amplitude * np.sin(1e12 * x.sum())

        right = a * np.cos(x)
        report = check_gradient(forward, {"x": x}, right * (1 + wrong), method=method)
        assert not report.passed, report
        assert not quick_check(forward, {"x": x}, right * (1 + wrong)).passed
        if method != "complex":
            assert kind(report) == "fail"
            assert kind(check_gradient(forward, {"x": x}, right, method=method)) == "pass"


def fixed_point(w, b, tolerance):
    """x = tanh(w x + b), iterated until it changes by less than the tolerance."""
    x, new = np.zeros_like(b), np.tanh(b)
    for _ in range(200):
        if np.abs(new - x).max() < tolerance:
            break
        x, new = new, np.tanh(w @ new + b)
    return new


@pytest.mark.parametrize("tolerance", [1e-10, 1e-8, 1e-6, 1e-5, 1e-4])
def test_a_solver_that_stops_early_is_no_mistake(tolerance):
    passed = 0
    for seed in range(3):
        rng = np.random.default_rng(seed)
        w, b, dout = 0.7 * np.linalg.qr(rng.normal(size=(4, 4)))[0], rng.normal(size=4), rng.normal(size=4)

        def forward(w, b):
            return fixed_point(w, b, tolerance)

        x = fixed_point(w, b, 1e-14)
        slope = 1 - x**2
        dz = slope * np.linalg.solve((np.eye(4) - slope[:, None] * w).T, dout)
        report = check_gradient(forward, {"w": w, "b": b}, (np.outer(dz, x), dz), dout)
        assert all(v.verdict != "fail" for v in report.verdicts), report
        passed += report.passed
        told = [word for v in report.verdicts if v.verdict == "inconclusive" for word in v.words]
        assert report.passed or any("known to" in word for word in told), report
        report = check_gradient(forward, {"w": w, "b": b}, (np.outer(dz, x) * 1.1, dz * 0.9), dout)
        assert {v.verdict for v in report.verdicts} == {"fail"}, report


# Errors of the forward pass


@pytest.mark.parametrize("error", [NameError, AttributeError, KeyError, IndexError, ZeroDivisionError])
def test_an_error_that_is_no_refusal_of_complex_input_is_raised(error):
    def complex_alone(x):
        if np.iscomplexobj(x):
            raise error("a slip")
        return (x**2).sum()

    def declared(x):
        return (x**2).sum()

    def rule(params, upstream, step):
        raise error("a slip")

    declared.exact = rule
    x = np.arange(1.0, 4.0)
    for forward in (complex_alone, declared):
        with pytest.raises(error):
            check_gradient(forward, {"x": x}, 2 * x)


@pytest.mark.parametrize("error", [TypeError, ValueError, NotImplementedError, AssertionError])
def test_a_refusal_of_complex_input_selects_the_next_engine(error):
    def real_alone(x):
        if np.iscomplexobj(x):
            raise error("real numbers, please")
        return (x**2).sum()

    x = np.arange(1.0, 4.0)
    report = check_gradient(real_alone, {"x": x}, 2 * x)
    assert report.passed and report.method.startswith("central")


# Code that is written otherwise


def test_a_forward_pass_without_a_cache():
    x, dout = np.random.default_rng(0).normal(size=(2, 5, 3))

    class Layer:
        def forward(self, x):
            self.x = x
            return np.sin(x)

        def backward(self, dout):
            return dout * np.cos(self.x)

    layer = Layer()
    assert check_backward(layer.forward, layer.backward, {"x": x}, dout).passed
    assert check_backward(lambda x: np.sin(x), lambda dout, x: dout * np.cos(x), {"x": x}, dout).passed
    with pytest.raises(ValueError, match="returns no cache"):
        check_backward(lambda x: np.sin(x), lambda dout, cache: dout * np.cos(cache), {"x": x}, dout)


def test_out_extra_cache():
    x, dout = np.random.default_rng(0).normal(size=(2, 5, 3))

    def forward(x):
        return np.sin(x), "remark", (x,)

    assert check_backward(forward, lambda dout, cache: dout * np.cos(cache[0]), {"x": x}, dout).passed


def lstm_step(x, h, c, w):
    z = np.concatenate([x, h], axis=1) @ w
    i, f, o, g = np.split(z, 4, axis=1)
    i, f, o, g = 1 / (1 + np.exp(-i)), 1 / (1 + np.exp(-f)), 1 / (1 + np.exp(-o)), np.tanh(g)
    new_c = f * c + i * g
    return o * np.tanh(new_c), new_c, (x, h, c, w, i, f, o, g, new_c)


def lstm_step_backward(dh, dc, cache):
    x, h, c, w, i, f, o, g, new_c = cache
    t = np.tanh(new_c)
    dc = dc + dh * o * (1 - t**2)
    dz = [dc * g * i * (1 - i), dc * c * f * (1 - f), dh * t * o * (1 - o), dc * i * (1 - g**2)]
    dz = np.concatenate(dz, axis=1)
    back = dz @ w.T
    return back[:, : x.shape[1]], back[:, x.shape[1] :], dc * f, np.concatenate([x, h], axis=1).T @ dz


@pytest.mark.parametrize("seed", range(5))
def test_several_outputs(seed):
    rng = np.random.default_rng(seed)
    inputs = dict(x=rng.normal(size=(3, 2)), h=rng.normal(size=(3, 4)), c=rng.normal(size=(3, 4)))
    inputs["w"] = rng.normal(size=(6, 16))
    dout = rng.normal(size=(3, 4)), rng.normal(size=(3, 4))
    assert check_backward(lstm_step, lstm_step_backward, inputs, dout).passed
    packed = check_backward(lstm_step, lambda douts, cache: lstm_step_backward(*douts, cache), inputs, dout)
    assert packed.passed
    gradients = lstm_step_backward(*dout, lstm_step(**inputs)[2])
    assert check_gradient(lstm_step, inputs, gradients, dout).passed
    assert quick_check(lstm_step, inputs, gradients, dout).passed
    one = lstm_step_backward(dout[0], 0 * dout[1], lstm_step(**inputs)[2])
    assert check_gradient(lstm_step, inputs, one, (dout[0], None)).passed
    swapped = check_gradient(lstm_step, inputs, gradients, dout[::-1])
    assert "fail" in {v.verdict for v in swapped.verdicts}
    with pytest.raises(ValueError, match="several outputs"):
        check_gradient(lstm_step, inputs, gradients, (*dout, dout[0], dout[1]))


def test_outputs_by_name():
    x, du, dv = np.random.default_rng(0).normal(size=(3, 4, 3))

    def forward(x):
        return {"u": np.sin(x), "v": x**2}

    report = check_gradient(forward, {"x": x}, du * np.cos(x) + dv * 2 * x, {"u": du, "v": dv})
    assert report.passed


def test_parameters_of_an_object():
    class Linear:
        def __init__(self, rng):
            self.w, self.b = rng.normal(size=(3, 2)), rng.normal(size=2)

        def forward(self, x):
            self.x = x
            return x @ self.w + self.b

    rng = np.random.default_rng(0)
    layer, x, dout = Linear(rng), rng.normal(size=(4, 3)), rng.normal(size=(4, 2))
    w = layer.w.copy()
    gradients = {"x": dout @ layer.w.T, "w": x.T @ dout, "b": dout.sum(0)}
    report = check_gradient(layer.forward, {"x": x, "w": layer.w, "b": layer.b}, gradients, dout)
    assert report.passed and np.array_equal(layer.w, w)
    with pytest.raises(ValueError, match="takes no argument 'gain'"):
        check_gradient(layer.forward, {"x": x, "gain": np.ones(3)}, gradients, dout)
    with pytest.raises(ValueError, match="an object of type Linear"):
        check_gradient(lambda layer, x: layer.forward(x), {"layer": layer, "x": x}, (None, gradients["x"]), dout)


def test_dicts_and_lists_of_arrays():
    rng = np.random.default_rng(0)
    x, dout = rng.normal(size=(4, 3)), rng.normal(size=(4, 2))
    params = {"w": [rng.normal(size=(3, 5)), rng.normal(size=(5, 2))], "b": rng.normal(size=2)}

    def forward(x, params):
        return np.tanh(x @ params["w"][0]) @ params["w"][1] + params["b"]

    a = np.tanh(x @ params["w"][0])
    dz = (dout @ params["w"][1].T) * (1 - a**2)
    gradients = {"x": dz @ params["w"][0].T, "params": {"w": [x.T @ dz, a.T @ dout], "b": dout.sum(0)}}
    report = check_gradient(forward, {"x": x, "params": params}, gradients, dout)
    assert report.passed and [v.name for v in report.verdicts][1:] == [
        "params['w'][0]",
        "params['w'][1]",
        "params['b']",
    ]
    gradients["params"]["w"][1] *= 1.1
    report = check_gradient(forward, {"x": x, "params": params}, gradients, dout)
    assert [v.name for v in report.verdicts if v.verdict == "fail"] == ["params['w'][1]"]


def embedding(indices, table):
    return table[indices], (indices, table.shape)


def test_integer_inputs_are_held_still():
    rng = np.random.default_rng(0)
    indices, table, dout = np.array([0, 2, 2]), rng.normal(size=(4, 3)), rng.normal(size=(3, 3))
    dtable = np.zeros((4, 3))
    np.add.at(dtable, indices, dout)
    inputs = {"indices": indices, "table": table}
    for gradients in ((None, dtable), {"table": dtable}, {"indices": None, "table": dtable}):
        report = check_gradient(embedding, inputs, gradients, dout)
        assert report.passed and [v.name for v in report.verdicts] == ["table"], report
    wrong = check_gradient(embedding, inputs, {"indices": np.ones(3), "table": dtable}, dout)
    assert [v.verdict for v in wrong.verdicts] == ["fail", "pass"]
    assert check_backward(embedding, lambda dout, cache: dtable, inputs, dout).passed
    assert check_backward(embedding, lambda dout, cache: (None, dtable), inputs, dout).passed


def test_a_gradient_of_an_argument_that_was_not_named_is_checked_too():
    x, s, dout = np.ones((2, 3)), 1.5, np.arange(6.0).reshape(2, 3)

    def forward(x, s):
        return x * s, (x, s)

    right = {"dx": dout * s, "ds": (dout * x).sum()}
    assert check_backward(forward, lambda dout, cache: right, {"x": x, "s": s}, dout, names=["x"]).passed
    wrong = check_backward(forward, lambda dout, cache: right | {"ds": 7.0}, {"x": x, "s": s}, dout, names=["x"])
    assert [v.name for v in wrong.verdicts if v.verdict == "fail"] == ["s"]


def test_a_forward_pass_that_overwrites_its_input():
    def forward(x):
        x *= 2
        return np.sin(x), x

    x, dout = np.random.default_rng(0).normal(size=(2, 5, 3))
    report = check_backward(forward, lambda dout, cache: 2 * dout * np.cos(cache), {"x": x}, dout)
    assert report.passed and "forward writes into x" in str(report)


def test_randomness_is_refused_with_what_to_write():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(4, 5))
    with pytest.raises(ValueError, match=r"draw its random numbers once.*argument"):
        check_gradient(lambda x: (x * (rng.random(x.shape) > 0.5)).sum(), {"x": x}, x)


def test_running_statistics():
    class Norm:
        def __init__(self):
            self.mean, self.training = np.zeros(3), True

        def forward(self, x):
            if self.training:
                self.mean = 0.9 * self.mean + 0.1 * x.mean(0)
                return x - x.mean(0)
            self.mean = 0.9 * self.mean + 0.1 * x.mean(0)
            return x - self.mean

    x, dout = np.random.default_rng(0).normal(size=(2, 5, 3))
    layer = Norm()
    assert check_gradient(layer.forward, {"x": x}, dout - dout.mean(0), dout).passed
    layer.training = False
    with pytest.raises(ValueError, match="running statistics"):
        check_gradient(layer.forward, {"x": x}, dout, dout)


# Messages


def messages(report):
    return " ".join(word for verdict in report.verdicts for word in verdict.words)


def affine(x, w, b):
    return x @ w + b


def affine_case():
    rng = np.random.default_rng(0)
    params = dict(x=rng.normal(size=(5, 3)), w=rng.normal(size=(3, 4)), b=rng.normal(size=4))
    dout = rng.normal(size=(5, 4))
    return params, dout, dict(x=dout @ params["w"].T, w=params["x"].T @ dout, b=dout.sum(0))


def test_a_wrong_number_of_gradients_is_said():
    params, dout, right = affine_case()
    said = messages(check_gradient(affine, params, (right["x"], right["w"]), dout))
    assert "2 gradients came for 3 parameters" in said and "x, w, b" in said


def test_a_misspelt_name_is_said():
    params, dout, right = affine_case()
    said = messages(check_gradient(affine, params, {"x": right["x"], "dW": right["w"], "b": right["b"]}, dout))
    assert "'dW'" in said and "w" in said


def test_axes_of_length_one_are_said():
    params, dout, right = affine_case()
    report = check_gradient(affine, params, right | {"b": right["b"].reshape(1, 4, 1, 1)}, dout)
    assert [v.verdict for v in report.verdicts] == ["pass", "pass", "fail"]
    assert "(1, 4, 1, 1)" in messages(report) and "reshape(4)" in messages(report)


@pytest.mark.parametrize("eps", [1e-12, 1e-10, 1e-8, 1e-6])
def test_a_hidden_epsilon_is_said(eps):
    rng = np.random.default_rng(0)
    p, y = rng.dirichlet(np.ones(4), size=6), np.eye(4)[[0, 1, 2, 3, 0, 1]]
    report = check_gradient(lambda p: -(y * np.log(p + eps)).sum(), {"p": p}, -y / p)
    if eps >= 1e-8:
        assert kind(report) == "fail" and "ε" in messages(report), report
    assert kind(check_gradient(lambda p: -(y * np.log(p + eps)).sum(), {"p": p}, -y / (p + eps))) == "pass"


def test_a_hidden_epsilon_where_a_probability_is_zero():
    p, y = np.array([[0.0, 0.4, 0.6]]), np.array([[1.0, 0.0, 0.0]])
    with np.errstate(divide="ignore"):
        report = check_gradient(lambda p: -(y * np.log(p + 1e-12)).sum(), {"p": p}, -y / p)
    assert kind(report) == "fail" and "ε" in messages(report), report


def test_an_empty_array_is_said():
    x = np.zeros((0, 3))
    verdict = only(check_gradient(lambda x: (x**2).sum(), {"x": x}, 2 * x))
    assert verdict.verdict == "inconclusive" and "empty" in verdict.words[-1]


# Time


def test_a_long_check_says_what_it_does(monkeypatch):
    monkeypatch.setattr(gradcheck, "PROGRESS_AFTER", 0.0)
    x = np.random.default_rng(0).normal(size=(20, 20))
    printed = io.StringIO()
    with redirect_stdout(printed):
        report = check_gradient(lambda x: np.sin(x).sum(), {"x": x}, np.cos(x))
    assert report.passed and "of 400 entries" in printed.getvalue() and "left" in printed.getvalue()


def test_a_check_beyond_its_budget_says_so_and_takes_random_directions():
    x = np.random.default_rng(0).normal(size=(50, 40))
    calls = []

    def forward(x):
        calls.append(1)
        return np.sin(x).sum()

    report = check_gradient(forward, {"x": x}, np.cos(x), budget=1e-6)
    assert report.passed and len(calls) < 200
    assert "2,000 entries" in str(report) and "budget=None" in str(report) and "random directions" in report.method
    assert not check_gradient(forward, {"x": x}, 1.01 * np.cos(x), budget=1e-6).passed
    calls.clear()
    assert check_gradient(forward, {"x": x}, np.cos(x), budget=None).passed and len(calls) >= 2000

"""Mistakes derived from forward passes: right gradients, right names, and none where there is none."""

import inspect
import math
import sys

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view

from assignments.hw1 import examples
from assignments.hw1.mistakes import BANK
from assignments.hw1.network import PARAMS
from autograder.gradcheck import numerical_gradient
from autograder.mistakes.derivation import DerivedBank
from autograder.mistakes.diagnosis import entries_of, equal
from autograder.mistakes.trace import NotTraceable, trace
from tests import corpus_mistakes
from tests.autograder.layers import LAYERS

R = np.random.default_rng(0)


# ---------------------------------------------------------------------------------------------------------------------
# The trace


def heads(x, w_q, w_k, w_v, w_o):
    n, t, _ = x.shape

    def split(z):
        return z.reshape(n, t, 2, -1).transpose(0, 2, 1, 3)

    q, k, v = (split(x @ w) for w in (w_q, w_k, w_v))
    scores = q @ k.transpose(0, 1, 3, 2) / np.sqrt(q.shape[-1])
    scores = np.where(np.triu(np.ones((t, t), bool), 1), -1e9, scores)
    e = np.exp(scores - scores.max(-1, keepdims=True))
    weights = e / np.sum(e, -1, keepdims=True)
    return np.einsum("...ij,...jk->...ik", weights, v).transpose(0, 2, 1, 3).reshape(n, t, -1) @ w_o, {}


def strided_convolution(x, w, b):
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    windows = sliding_window_view(padded, w.shape[2:], axis=(2, 3))[:, :, ::2, ::2]
    return np.tensordot(windows, w, axes=([1, 4, 5], [1, 2, 3])).transpose(0, 3, 1, 2) + b[None, :, None, None], ()


def filled(x, w):
    out = np.zeros((len(x), len(w)))
    for i in range(len(x)):
        for j in range(len(w)):
            out[i, j] = np.sum(x[i] * w[j])
            out[i, j] += 1
    return out, ()


def accumulated(x, w):
    out = np.zeros(len(x))
    for i in range(len(x)):
        total = 0.0
        for k in range(x.shape[1]):
            total += x[i, k] * w[k]
        out[i] = max(total, 0.1 * total)
    return out, ()


def stable_logits(z, y):
    return np.mean(np.maximum(z, 0) - z * y + np.log1p(np.exp(-np.abs(z)))), ()


def picked_entries(z):
    largest = np.max(z, axis=1)
    totals = np.log(np.sum(np.exp(z - largest[:, None]), axis=1))
    return (largest + totals - z[np.arange(len(z)), [0, 1, 2]]).mean(), ()


def grouped_norm(x, gamma, beta):
    n, c, h, w = x.shape
    g = x.reshape(n, 2, -1)
    normal = ((g - g.mean(2)[..., None]) / (g.var(2, keepdims=True) + 1e-3) ** 0.5).reshape(n, c, h, w)
    return gamma.reshape(1, -1, 1, 1) * normal + beta[:, None, None], ()


def in_place(x, w):
    y = x * 2.0
    y += w
    y *= 3
    y[:, 0] = w[0]
    y -= y.mean(0)
    return y, ()


def recurrent(x, w_h, w_x):
    h, states = np.zeros(3), []
    for row in x:
        h = np.tanh(w_h @ h + w_x @ row)
        states.append(h)
    return np.array(states), ()


def looked_up(table, w):
    return table[np.array([0, 2, 2, 1])] @ w, ()


def added_at(x):
    out = np.zeros((3, 2))
    np.add.at(out, np.array([0, 0, 2]), x)
    return out, ()


def error_function(x):
    return x * 0.5 * (1 + np.vectorize(math.erf)(x / np.sqrt(2))), ()


def pooled(x):
    n, c, h, w = x.shape
    return x.reshape(n, c, h // 2, 2, w // 2, 2).max(axis=(3, 5)), ()


def stacked(x):
    return np.stack([np.outer(row, row) for row in x]).sum(0) + np.concatenate([x, x[:1]]).mean(), ()


def cosine(a, b):
    return 1 - (a * b).sum() / (np.linalg.norm(a) * np.linalg.norm(b)), ()


FORWARDS = [
    (heads, dict(x=(2, 3, 4), w_q=(4, 6), w_k=(4, 6), w_v=(4, 6), w_o=(6, 5))),
    (strided_convolution, dict(x=(2, 3, 5, 6), w=(4, 3, 3, 2), b=(4,))),
    (filled, dict(x=(3, 4), w=(2, 4))),
    (accumulated, dict(x=(3, 4), w=(4,))),
    (stable_logits, dict(z=(3, 4), y=(3, 4))),
    (picked_entries, dict(z=(3, 4))),
    (grouped_norm, dict(x=(2, 4, 3, 3), gamma=(4,), beta=(4,))),
    (in_place, dict(x=(3, 4), w=(4,))),
    (recurrent, dict(x=(4, 2), w_h=(3, 3), w_x=(3, 2))),
    (looked_up, dict(table=(4, 3), w=(3, 2))),
    (added_at, dict(x=(3, 2))),
    (error_function, dict(x=(3, 4))),
    (pooled, dict(x=(2, 3, 4, 6))),
    (stacked, dict(x=(3, 4))),
    (cosine, dict(a=(4,), b=(4,))),
]


@pytest.mark.parametrize(("forward", "shapes"), FORWARDS, ids=[forward.__name__ for forward, _ in FORWARDS])
def test_a_traced_forward_pass_gives_the_right_gradients(forward, shapes):
    inputs = {name: R.normal(size=shape) for name, shape in shapes.items()}
    out = np.asarray(forward(**inputs)[0])
    dout = R.normal(size=out.shape)
    found = trace(forward, inputs, list(inputs)).gradients(dout)
    expected = numerical_gradient(lambda **moved: forward(**moved), inputs, dout, method="central")
    for name, value in expected.items():
        assert np.linalg.norm(found[name] - value) <= 1e-7 * max(np.linalg.norm(value), 1), name


@pytest.mark.parametrize("name", LAYERS)
def test_the_derived_right_gradients_are_right(name):
    forward, backward, draw = LAYERS[name]
    q = draw(np.random.default_rng(3))
    out, cache = forward(**q)
    dout = R.normal(size=np.shape(out))
    right = backward(dout, cache)
    found = trace(forward, q, [part[1:] for part in right]).gradients(dout)
    for part, value in right.items():
        assert np.linalg.norm(found[part[1:]] - value) <= 1e-12 * np.linalg.norm(value)


def test_names_are_those_of_the_outermost_function_and_loops_share_a_site():
    forward, _, draw = LAYERS["attention"]
    graph = trace(forward, draw(R), ["x", "w_q", "w_k", "w_v"])
    names = {node.name for node in graph.nodes}
    assert {"q", "k", "v", "scores", "weights", "e"} <= names and "z" not in names
    forward, _, draw = LAYERS["convolution"]
    graph = trace(forward, draw(R), ["x", "w", "b"])
    assert len({node.site for node in graph.nodes if node.op == "einsum"}) == 1
    assert "x @ w_q" in {node.text for node in trace(*_attention()).nodes}


def _attention():
    forward, _, draw = LAYERS["attention"]
    return forward, draw(R), ["w_q"]


def into_a_plain_array(x):
    out = np.empty_like(np.arange(3.0))
    np.negative(x, out=out)
    return out, ()


@pytest.mark.parametrize(
    ("forward", "reason"),
    [
        (lambda x: (np.vectorize(lambda each: each * 2)(x), ()), "function of one's own"),
        (lambda x: (np.fft.fft(x).real, ()), "no rule"),
        (into_a_plain_array, "plain array"),
        (lambda x: (np.ones(3), ()), "does not depend"),
        (lambda x: (np.array([float(each) for each in x]), ()), "plain number"),
        (lambda x: (sum(x.sum() for _ in range(3000)), ()), "operations"),
    ],
)
def test_what_cannot_be_followed_is_refused(forward, reason):
    with pytest.raises(NotTraceable, match=reason):
        trace(forward, {"x": np.array([1.0, 2.0, 3.0])}, ["x"])


def written_into_a_view(x):
    y = x * 1.0
    row = y[0]
    row += 1
    return y, ()


def test_a_trace_that_gives_another_output_is_refused():
    with pytest.raises(NotTraceable, match="view"):
        trace(written_into_a_view, {"x": np.ones((2, 3))}, ["x"])


def test_everything_is_as_before_after_a_trace():
    def watching(frame, event, arg):
        return None

    held = (np.zeros, np.array, math.exp, np.vectorize.__call__)
    before = sys.gettrace()
    sys.settrace(watching)
    try:
        trace(*_attention())
        with pytest.raises(NotTraceable):
            trace(lambda x: (np.fft.fft(x), ()), {"x": np.ones(3)}, ["x"])
        assert sys.gettrace() is watching
    finally:
        sys.settrace(before)
    assert held == (np.zeros, np.array, math.exp, np.vectorize.__call__)


# ---------------------------------------------------------------------------------------------------------------------
# The names


def drawn(forward, draw, seeds):
    """Draws with an upstream gradient each."""
    found = []
    for seed in seeds:
        rng = np.random.default_rng(seed)
        q = draw(rng)
        out = forward(**q)
        found.append(q | {"dout": rng.normal(size=np.shape(out[0] if isinstance(out, tuple) else out))})
    return found


@pytest.fixture(scope="module")
def banks():
    """{layer: (DerivedBank, draws that it has not seen, backward)}."""
    found = {}
    for name in ("layer_norm", "gelu"):
        forward, backward, draw = LAYERS[name]
        draws = drawn(forward, draw, range(4))
        _, cache = forward(**{key: value for key, value in draws[0].items() if key != "dout"})
        wanted = [part[1:] for part in backward(draws[0]["dout"], cache)]
        found[name] = DerivedBank(forward, wanted, draws[:2]), draws[2:], forward, backward
    return found


def explained(bank, change):
    """What a bank says of a layer whose right answer is changed: change(gradients, dout, cache) -> gradients."""
    derived, draws, forward, backward = bank
    seen = []
    for q in draws:
        _, cache = forward(**{key: value for key, value in q.items() if key != "dout"})
        right = backward(q["dout"], cache)
        seen.append((q, right | change(dict(right), q["dout"], cache), right))
    return {part: each and each.what for part, each in derived.explain(seen).items()}


def _norm(dout, c, mean=True, variance=True, gamma=True, eps=True):
    dx_hat = dout * c["gamma"] if gamma else dout
    std = np.sqrt(c["var"] + c["eps"] * eps)
    dx = dx_hat - mean * dx_hat.mean(axis=1, keepdims=True)
    return dict(dx=(dx - variance * c["x_hat"] * (dx_hat * c["x_hat"]).mean(axis=1, keepdims=True)) / std)


SENTENCES = [
    ("layer_norm", "You took `mu` as a constant.", lambda g, dout, c: _norm(dout, c, mean=0)),
    ("layer_norm", "You took `var` as a constant.", lambda g, dout, c: _norm(dout, c, variance=0)),
    ("layer_norm", "What comes back through `var` has the wrong sign.", lambda g, dout, c: _norm(dout, c, variance=-1)),
    (
        "layer_norm",
        "You left out the factor `gamma` on the way back to `x_hat`.",
        lambda g, dout, c: _norm(dout, c, gamma=False),
    ),
    (
        "layer_norm",
        "You used `x` in place of `x_hat` on the way back.",
        lambda g, dout, c: dict(dgamma=(dout * c["x"]).sum(0)),
    ),
    ("gelu", "You took 1 − tanh for the slope of `t`.", lambda g, dout, c: dict(dx=_gelu(dout, c, 1 - c["t"]))),
    ("gelu", "You took 1 + tanh² for the slope of `t`.", lambda g, dout, c: dict(dx=_gelu(dout, c, 1 + c["t"] ** 2))),
    ("gelu", "You did not multiply by the upstream gradient.", lambda g, dout, c: dict(dx=g["dx"] / dout)),
]


def _gelu(dout, c, slope):
    x, t = c["x"], c["t"]
    return dout * (0.5 * (1 + t) + 0.5 * x * slope * math.sqrt(2 / math.pi) * (1 + 3 * 0.044715 * x**2))


@pytest.mark.parametrize(("layer", "sentence", "change"), SENTENCES, ids=[case[1] for case in SENTENCES])
def test_mistakes_are_told_in_the_names_of_the_forward_pass(banks, layer, sentence, change):
    assert set(explained(banks[layer], change).values()) == {sentence}


def test_a_divisor_without_eps_is_told(banks):
    (said,) = explained(banks["layer_norm"], lambda g, dout, c: _norm(dout, c, eps=False)).values()
    assert "without + `eps`" in said


def test_two_parts_with_a_mistake_each_are_told_apart(banks):
    def change(g, dout, c):
        return _norm(dout, c, mean=0) | dict(dgamma=(dout * c["x_hat"]).mean(axis=0))

    said = explained(banks["layer_norm"], change)
    assert said["dx"] == "You took `mu` as a constant." and "averaged where it is summed" in said["dgamma"]


def test_right_answers_and_noise_have_no_name(banks):
    rng = np.random.default_rng(5)
    for bank in banks.values():
        assert explained(bank, lambda g, dout, c: {}) == {}
        for _ in range(20):
            said = explained(
                bank, lambda g, dout, c: {part: value * rng.uniform(0.4, 1.7) for part, value in g.items()}
            )
            assert set(said.values()) == {None}
            said = explained(bank, lambda g, dout, c: {p: v + 1e-6 * rng.normal(size=v.shape) for p, v in g.items()})
            assert set(said.values()) == {None}


def test_a_mistake_on_one_draw_alone_has_no_name(banks):
    """It must fit every draw: the second one is right, or wrong in another way."""
    for factor in (1, 3):
        calls = iter(range(10))

        def change(g, dout, c, calls=calls, factor=factor):
            return dict(dx=g["dx"] * (2 if next(calls) == 0 else factor))

        assert explained(banks["layer_norm"], change) == {"dx": None}


def test_a_bank_that_is_not_right_names_nothing(banks):
    derived, draws, forward, backward = banks["gelu"]
    _, cache = forward(**{key: value for key, value in draws[0].items() if key != "dout"})
    right = backward(draws[0]["dout"], cache)
    wrong = {"dx": 2 * right["dx"]}
    assert derived.fitting(draws[0], wrong, right) != {}
    assert derived.fitting(draws[0], wrong, {"dx": right["dx"] * 1.1}) == {}


@pytest.mark.parametrize("value", [None, "text", 7, [[1.0], [2.0, 3.0]], np.nan, {}])
def test_anything_may_come_back(banks, value):
    assert explained(banks["gelu"], lambda g, dout, c: dict(dx=value)) in ({}, {"dx": None})


@pytest.mark.parametrize("module", examples.MODULES, ids=lambda module: module.__name__.split(".")[-1])
def test_every_question_of_a_teachers_own_has_its_bank(module):
    question = module.QUESTION
    draws = [question.inputs.draw(np.random.default_rng(seed)) for seed in (0, 1)]
    bank = DerivedBank(question.forward, [part.name[1:] for part in question.parts], draws[:1])
    assert len(bank.changes) > 100
    for change in bank.changes.values():
        assert change.what.endswith(".") and change.look.endswith((".", "?")) and len(change.what) < 400


# ---------------------------------------------------------------------------------------------------------------------
# The corpus of mistakes that somebody wrote who had not read this


NAMES = (corpus_mistakes.__path__[0] + "/derived_names.txt").replace("corpus_mistakes/", "autograder/")


def corpus_names():
    """{(layer, truth): what is said, the sentences on its parts, sorted}."""
    found = {}
    for layer in corpus_mistakes.layers():
        draws = drawn(layer.forward, layer.draw, range(4))
        inputs = [{key: value for key, value in q.items() if key != "dout"} for q in draws]
        wanted = list(layer.right(draws[0]["dout"], **inputs[0]))
        derived = DerivedBank(lambda layer=layer, **given: (layer.forward(**given), ()), wanted, draws[:2])
        for truth, wrong in layer.wrong:
            seen = []
            for q, given in zip(draws[2:], inputs[2:], strict=True):
                values, right = wrong(q["dout"], **given), layer.right(q["dout"], **given)
                seen.append((q, *({f"d{name}": each[name] for name in each} for each in (values, right))))
            said = derived.explain(seen)
            named = said and all(said.values())
            found[layer.name, truth] = " / ".join(sorted({each.what for each in said.values()})) if named else ""
    return found


def test_the_corpus_is_named_as_it_was_read():
    """At least 80 % have a name. Each name was read beside its truth; another one is to be read before it is written
    there."""
    found = corpus_names()
    named = sum(map(bool, found.values()))
    assert named >= 0.8 * len(found), f"{named} of {len(found)}"
    with open(NAMES, encoding="utf8") as file:
        known = [line.rstrip("\n").split(" => ") for line in file if not line.startswith("#")]
    assert {(layer, truth): said for (layer, truth), said in found.items()} == {
        tuple(what.split(": ", 1)): said for what, said in known
    }


# ---------------------------------------------------------------------------------------------------------------------
# Figures: how often something that is no mistake is named, and how much of hw1's bank is derived


@pytest.mark.soak
def test_no_name_in_8_000_answers_that_are_no_mistake():
    hits = 0
    for name in ("layer_norm", "attention", "gelu", "focal_loss"):
        forward, backward, draw = LAYERS[name]
        (q,) = drawn(forward, draw, (0,))
        _, cache = forward(**{key: value for key, value in q.items() if key != "dout"})
        wanted = [part[1:] for part in backward(q["dout"], cache)]
        derived, rng = DerivedBank(forward, wanted, [q]).of_draw(q), np.random.default_rng(1)
        answers = {
            x: np.array(
                [each[x].ravel() for each in derived.answers.values() if each[x].shape == derived.right[x].shape]
            )
            for x in wanted
        }
        for k in range(2_000):
            x = wanted[k // 4 % len(wanted)]
            right, wrong = derived.right[x].ravel(), answers[x][rng.integers(len(answers[x]))]
            control = [
                right * rng.uniform(0.3, 3),
                right + 10.0 ** -rng.integers(2, 7) * np.linalg.norm(right) * rng.normal(size=right.size),
                right * rng.uniform(0.5, 1.5, size=right.size),
                right + (wrong - right) * rng.uniform(0.1, 0.9),
            ][k % 4]
            if np.linalg.norm(control - right) > 1e-9 * np.linalg.norm(right):
                apart = np.linalg.norm(answers[x] - control, axis=1)
                hits += bool((apart <= 1e-9 * np.linalg.norm(control)).any())
    assert hits == 0


def hw1_forward(x, y_a, y_b, theta_1a, theta_1b, theta_2a, theta_2b, gamma, beta, mask, eps):
    z_1a = x @ theta_1a.T
    a_1a = np.maximum(z_1a, 0)
    d = a_1a * mask
    z_2a = d @ theta_2a.T
    z_1b = x @ theta_1b.T
    a_1b = np.maximum(z_1b, 0)
    mu_b = a_1b.mean(axis=0)
    var_b = ((a_1b - mu_b) ** 2).mean(axis=0)
    std_b = np.sqrt(var_b + eps)
    x_hat = (a_1b - mu_b) / std_b
    c = gamma * x_hat + beta
    s = c + z_2a
    z_2b = s @ theta_2b.T
    e = np.exp(z_2b - z_2b.max(axis=1, keepdims=True))
    y_hat_b = e / e.sum(axis=1, keepdims=True)
    loss_a = ((z_2a - y_a) ** 2).sum() / (2 * len(y_a))
    loss_b = -(y_b * np.log(y_hat_b)).sum() / len(y_b)
    return loss_a + loss_b, ()


@pytest.mark.soak
def test_most_of_hw1s_bank_is_derived_from_its_forward_pass():
    """78 of 89 when this was written; 82 % was reached before."""
    q = BANK.draw("2-2", 0)
    inputs = {name: q[name] for name in inspect.signature(hw1_forward).parameters}
    draw = inputs | {"dout": q["dout"]}
    answers = DerivedBank(hw1_forward, PARAMS, [draw]).of_draw(draw).answers
    entries = entries_of(BANK, "2-2")
    found = 0
    for entry in entries:
        wrong = BANK.answer("2-2", q, entry[0].steps)
        found += any(all(equal(each[name], wrong[f"d{name}"]) for name in PARAMS) for each in answers.values())
    assert found >= 0.85 * len(entries), (found, len(entries))

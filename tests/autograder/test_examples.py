"""Three questions made from a forward pass alone: right backward passes get all points, each usual mistake is found."""

import numpy as np
import pytest

from assignments.hw1 import examples
from autograder.questions import public
from autograder.questions.model import by_id
from tests import hw1 as questions
from tests.hw1 import QUESTIONS

SECRET = 987654321


def layer_norm(dout, cache):
    x_hat, std, gamma = cache
    dx_hat = dout * gamma
    dx = dx_hat - dx_hat.mean(axis=1, keepdims=True) - x_hat * (dx_hat * x_hat).mean(axis=1, keepdims=True)
    return dict(dx=dx / std, dgamma=(dout * x_hat).sum(axis=0), dbeta=dout.sum(axis=0))


def multiplied_branches(dout, cache):
    q = cache
    dy_hat = dout * (q["y_hat"] - q["y"]) / len(q["y"])
    ds = dy_hat @ q["theta_c"]
    dc, da = ds * q["a"], ds * q["c"]
    dx_hat = dc * q["gamma"]
    db = (dx_hat - dx_hat.mean(axis=0) - q["x_hat"] * (dx_hat * q["x_hat"]).mean(axis=0)) / q["std"]
    return dict(
        dtheta_c=dy_hat.T @ q["s"],
        dgamma=(dc * q["x_hat"]).sum(axis=0),
        dbeta=dc.sum(axis=0),
        dtheta_a=(da * (q["z_a"] > 0)).T @ q["x"],
        dtheta_b=(db * (q["z_b"] > 0)).T @ q["x"],
    )


def label_smoothing(dout, cache):
    log_y_hat, y, alpha = cache
    m, K = y.shape
    dz = dout * (np.exp(log_y_hat) - (1 - alpha) * y - alpha / K) / m
    return dict(dz=dz, dalpha=dout * ((y - 1 / K) * log_y_hat).sum() / m)


RIGHT = {"layer norm": layer_norm, "multiplied branches": multiplied_branches, "label smoothing": label_smoothing}


def central(forward, step=1e-6, **params):
    """The gradient of a scalar by central differences, entry by entry, as a student might write them."""
    slopes = {}
    for name, value in params.items():
        slope = np.zeros(np.shape(value))
        for at in np.ndindex(slope.shape):
            up, down = np.array(value, float), np.array(value, float)
            up[at] += step
            down[at] -= step
            slope[at] = (forward(**params | {name: up}) - forward(**params | {name: down})) / (2 * step)
        slopes[f"d{name}"] = slope
    return slopes


def layer_norm_numeric(dout, cache):
    x_hat, std, gamma = cache
    eps = (std**2 * (1 - (x_hat**2).mean(axis=1, keepdims=True))).mean()
    forward = examples.layer_norm.layer_norm_forward
    return central(
        lambda x, gamma, beta: (dout * forward(x, gamma, beta, eps)[0]).sum(),
        x=x_hat * std,
        gamma=gamma,
        beta=np.zeros_like(gamma),
    )


def label_smoothing_numeric(dout, cache):
    log_y_hat, y, alpha = cache
    forward = examples.label_smoothing.label_smoothing_forward
    return central(lambda z, alpha: dout * forward(z, y, alpha)[0], z=log_y_hat, alpha=alpha)


def multiplied_branches_numeric(dout, cache):
    names = ("theta_a", "theta_b", "theta_c", "gamma", "beta")
    held = {name: cache[name] for name in ("x", "y", "eps")}
    forward = examples.multiplied_branches.multiplied_branches_forward
    return central(lambda **moved: dout * forward(**held, **moved)[0], **{name: cache[name] for name in names})


NUMERIC = {"layer norm": layer_norm_numeric, "label smoothing": label_smoothing_numeric}
NUMERIC |= {"multiplied branches": multiplied_branches_numeric}


@pytest.mark.parametrize("question_id", RIGHT)
@pytest.mark.parametrize("secret", range(3))
def test_central_differences_that_pass_at_home_pass_when_graded(question_id, secret):
    functions = {QUESTIONS[question_id].functions[0]: NUMERIC[question_id]}
    home = public.at_home(QUESTIONS[question_id], functions, range(6))
    graded = questions.judge(question_id, public.call_in(functions), secret).result
    assert home.points == graded.points == home.maximum


def both(question_id, backward):
    """(at home, graded) of a backward pass."""
    functions = {QUESTIONS[question_id].functions[0]: backward}
    home = public.at_home(QUESTIONS[question_id], functions, range(5))
    return home, questions.judge(question_id, public.call_in(functions), SECRET).result


def test_there_are_three():
    assert [question.id for question in examples.QUESTIONS] == [
        "label smoothing",
        "layer norm",
        "multiplied branches",
    ]


@pytest.mark.parametrize("question_id", RIGHT)
def test_a_right_backward_pass_gets_all_points(question_id):
    for result in both(question_id, RIGHT[question_id]):
        assert result.points == result.maximum, str(result)
        assert not result.words


@pytest.mark.parametrize(
    ("question_id", "part", "mistake"),
    [
        ("layer norm", "dx", lambda g, dout, c: dout * c[2] / c[1]),  # statistics as constants
        ("layer norm", "dx", lambda g, dout, c: g["dx"] * c[2]),  # gamma twice
        ("layer norm", "dgamma", lambda g, dout, c: (dout * c[0]).mean(axis=0)),
        ("layer norm", "dbeta", lambda g, dout, c: dout.sum()),
        ("multiplied branches", "dtheta_a", lambda g, dout, c: g["dtheta_a"] * len(c["x"])),
        ("multiplied branches", "dtheta_b", lambda g, dout, c: g["dtheta_b"] * 0),
        ("multiplied branches", "dgamma", lambda g, dout, c: g["dbeta"]),
        ("label smoothing", "dz", lambda g, dout, c: dout * (np.exp(c[0]) - c[1]) / len(c[1])),  # not smoothed
        ("label smoothing", "dz", lambda g, dout, c: g["dz"] / dout),  # upstream ignored
        ("label smoothing", "dalpha", lambda g, dout, c: -g["dalpha"]),
    ],
)
def test_a_mistake_costs_its_gradient_alone(question_id, part, mistake):
    def backward(dout, cache):
        right = RIGHT[question_id](dout, cache)
        return right | {part: mistake(right, dout, cache)}

    for result in both(question_id, backward):
        assert {p.name for p in result.parts if p.status != "ok"} == {part}, str(result)


def test_a_changed_cache_is_found():
    def backward(dout, cache):
        gradients = layer_norm(dout, cache)
        cache[0][:] = 0
        return gradients

    for result in both("layer norm", backward):
        assert result.points == 0
        assert "changed its input: cache[0]" in " ".join(result.words)


def test_ask_refuses_what_cannot_be_a_question():
    def forward(x):
        return x, ()

    with pytest.raises(ValueError, match="name ends in _forward"):
        public.ask("new", forward, examples.layer_norm.draw, {"x": 1})
    with pytest.raises(ValueError, match="points for inputs that are drawn"):
        public.ask("new", examples.layer_norm.layer_norm_forward, examples.layer_norm.draw, {"y": 1})
    taken = public.ask("1-1", examples.layer_norm.layer_norm_forward, examples.layer_norm.draw, {"x": 1})
    with pytest.raises(ValueError, match="'1-1' needs a new id"):
        by_id([*QUESTIONS.values(), taken])

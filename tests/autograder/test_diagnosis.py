"""The bank and its names: mistakes as people write them are named, and nothing else is."""

import ast
import re
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

import solutions
from assignments.hw1.formula_verdicts import judge_formula
from assignments.hw1.mistakes import BANK, MISTAKES, declare
from assignments.hw1.network import INTERMEDIATES, PARAMS
from assignments.hw1.questions import SOFTMAX
from autograder.mistakes import diagnosis
from autograder.mistakes.model import Named
from autograder.questions import model, public
from autograder.steps import Evaluation
from tests import hw1 as questions
from tests.hw1 import QUESTIONS
from verification import student_variants
from verification.mistake_matrix import QUESTION_IDS, diagnose, judge
from verification.student_variants import student

ROOT = Path(__file__).parents[2]
SECRET = 2**80 + 11
BY_NAME = {mistake.name: mistake for mistake in MISTAKES}


def bank(question_id):
    return diagnosis.entries_of(BANK, question_id)


def drawn(question_id, seed=0):
    return questions.drawn(question_id, (SECRET, seed, 0))  # the first of three: sizes differ, no z is 0


def named(question_id, values, seed=0):
    """{part: name or None} of an answer's parts."""
    q, right = drawn(question_id, seed)
    found = diagnose(question_id, q, values, right)
    return {part: name and name.name for part, name in found.items()}


def answered(question_id, functions, seed=0):
    """What a student's functions give for each part."""
    q, _ = drawn(question_id, seed)
    values, words = public.collect(QUESTIONS[question_id], public.call_in(functions), q)
    assert not words
    return {part.name: values[part.name] for part in QUESTIONS[question_id].parts}


# ---------------------------------------------------------------------------------------------------------------------
# The bank itself


@pytest.mark.parametrize("question_id", QUESTION_IDS)
def test_the_right_steps_are_right(question_id):
    for seed in range(20):
        q, right = drawn(question_id, seed)
        for part, value in BANK.answer(question_id, q).items():
            assert np.shape(value) == np.shape(right[part])
            np.testing.assert_allclose(value, right[part], rtol=1e-10, atol=1e-12)
        assert diagnose(question_id, q, right, right) == diagnose(question_id, q, right) == {}


def test_every_mistake_is_told_in_words_and_shows_somewhere():
    assert len(MISTAKES) >= 40
    assert len(BY_NAME) == len(MISTAKES)
    shown = {mistake for question_id in QUESTION_IDS for entry in bank(question_id) for mistake in entry}
    assert shown == set(MISTAKES)
    for mistake in MISTAKES:
        assert mistake.part in BANK.steps and mistake.steps.keys() <= BANK.steps.keys(), mistake.name
        assert not mistake.name.endswith(".") and len(mistake.name) < 60
        for sentence in (mistake.what, mistake.look):
            assert sentence.endswith(".") and len(sentence) < 120, mistake.name


def test_every_mistake_points_at_an_equation_that_the_solutions_name():
    words = "".join(path.read_text() for path in (ROOT / "solutions").glob("*.py"))
    spans = re.findall(r"equations? ([^:.]+?)(?:[:.]|$)", re.sub(r"\s+", " ", words))
    labels = set(re.findall(r"[a-z]+(?:-[a-z0-9]+)+|\bloss\b", " ".join(spans)))
    forward = ["z-1a", *(name.replace("_", "-") for name in INTERMEDIATES), "loss"]  # "equations z-1a to loss"
    assert "equations z-1a to loss" in re.sub(r"\s+", " ", words)
    assert {mistake.equation for mistake in MISTAKES} <= labels | set(forward)


def test_what_a_question_cannot_tell_apart_is_one_entry():
    for question_id in ("2-2 branch b", "2-2"):
        (entry,) = (e for e in bank(question_id) if BY_NAME["no ReLU slope in branch B"] in e)
        assert [m.name for m in entry] == ["no ReLU slope in branch B", "≥ 0 asked of the activation in branch B"]
    q, right = drawn("2-2 branch b")
    values = BANK.answer("2-2 branch b", q, BY_NAME["no ReLU slope in branch B"].steps)
    found = diagnose("2-2 branch b", q, values, right)["dz_1b"]
    assert found.name == "no ReLU slope in branch B, or ≥ 0 asked of the activation in branch B"
    assert found.error < 1e-12


# ---------------------------------------------------------------------------------------------------------------------
# Mistakes as people write them: in other words than the bank's, in a staged batch norm, in whole functions


def staged(*, mean=True, variance=True, power=3, two=2, eps=True, gamma=True, n=0, sign=1):
    def batch_norm_back(dout, cache):
        m, distance = len(dout), cache["a_1b"] - cache["mu_b"]
        inverse = 1 / np.sqrt(cache["var_b"] + cache["eps"] * eps)
        x_hat = cache["x_hat"]
        dx_hat = dout * cache["gamma"] if gamma else dout
        dvar = -0.5 * np.sum(dx_hat * distance, axis=0) * inverse**power * variance * sign
        da = dx_hat * inverse + two * distance * dvar / (m - n)
        dmu = -np.sum(dx_hat * inverse, axis=0) * mean
        return da + dmu / m, np.sum(dout * x_hat, axis=0), np.sum(dout, axis=0)

    return batch_norm_back


def batch_norm_gradients(dgamma=None, dbeta=None):
    def batch_norm_back(dout, cache):
        da, right_gamma, right_beta = student_variants.batch_norm_back(dout, cache)
        return da, dgamma(dout, cache) if dgamma else right_gamma, dbeta(dout) if dbeta else right_beta

    return batch_norm_back


def transposing(shape_of):
    def linear_back(dout, x, theta):
        dx, dtheta = student_variants.linear_back(dout, x, theta)
        return (dout @ theta.T, dtheta) if shape_of(theta) else (dx, dtheta)

    return linear_back


def sign_of_z(dout, z, a):
    return dout * np.where(z > 0, 1, -1)


SQUARE = transposing(lambda theta: theta.shape[0] == theta.shape[1])
PEOPLE = [
    # question, part, name, pieces
    ("2-2 branch b", "da_1b", "batch statistics taken as constants", dict(batch_norm_back=staged(mean=0, variance=0))),
    ("2-2 branch b", "da_1b", "the path through the mean dropped", dict(batch_norm_back=staged(mean=0))),
    ("2-2 branch b", "da_1b", "the path through the variance dropped", dict(batch_norm_back=staged(variance=0))),
    ("2-2 branch b", "da_1b", "the path through the variance of wrong sign", dict(batch_norm_back=staged(sign=-1))),
    ("2-2 branch b", "da_1b", "the path through the variance without its 2", dict(batch_norm_back=staged(two=1))),
    ("2-2 branch b", "da_1b", "the path through the variance with m − 1", dict(batch_norm_back=staged(n=1))),
    (
        "2-2 branch b",
        "da_1b",
        "the path through the variance with the wrong power",
        dict(batch_norm_back=staged(power=1)),
    ),
    ("2-2 branch b", "da_1b", "γ forgotten on the way back", dict(batch_norm_back=staged(gamma=False))),
    ("2-2 branch b", "da_1b", "ε left out on the way back, in every step", dict(batch_norm_back=staged(eps=0))),
    (
        "2-2 branch b",
        "dgamma",
        "mean for sum in ∂L/∂γ",
        dict(batch_norm_back=batch_norm_gradients(dgamma=lambda dout, c: np.mean(dout * c["x_hat"], 0))),
    ),
    (
        "2-2 branch b",
        "dgamma",
        "∂L/∂γ from the output",
        dict(batch_norm_back=batch_norm_gradients(dgamma=lambda dout, c: np.einsum("ij,ij->j", dout, c["c"]))),
    ),
    (
        "2-2 branch b",
        "dbeta",
        "mean for sum in ∂L/∂β",
        dict(batch_norm_back=batch_norm_gradients(dbeta=lambda dout: dout.mean(axis=0))),
    ),
    (
        "2-2 branch b",
        "dbeta",
        "one β for all features",
        dict(batch_norm_back=batch_norm_gradients(dbeta=lambda dout: np.sum(dout))),
    ),
    (
        "2-2 branch b",
        "dz_1b",
        "sgn(z_1B) for ReLU's slope",
        dict(relu_back_b=sign_of_z),
    ),
    (
        "2-2 branch a",
        "dz_1a",
        "sgn(z_1A) for ReLU's slope",
        dict(relu_back_a=sign_of_z),
    ),
    ("2-2 branch a", "dz_1a", "no mask on the way back", dict(dropout_back=lambda dd, c: dd)),
    (
        "2-2 branch a",
        "dz_1a",
        "the mask without its scale on the way back",
        dict(dropout_back=lambda dd, c: np.where(c["r"] < c["p"], 0, dd)),
    ),
    (
        "2-2 branch a",
        "dz_1a",
        "a fresh mask on the way back",
        dict(
            dropout_back=lambda dd, c: (
                dd * student_variants.make_mask(np.random.default_rng(4).uniform(size=dd.shape), c["p"])
            )
        ),
    ),
    ("2-2 branch a", "dd", "θ_2A transposed on the way back", dict(linear_back=SQUARE)),
    (
        "2-2 branch a",
        "dz_2a",
        "branch B's share alone in branch A",
        dict(squared_error_back=lambda dout, c: 0 * c["y_a"]),
    ),
    (
        "2-2 branch a",
        "dz_2a",
        "squared error's gradient without its ½",
        dict(squared_error_back=lambda dout, c: 2 * dout * np.subtract(c["z_2a"], c["y_a"]) / c["y_a"].shape[0]),
    ),
    (
        "2-2 head",
        "dz_2b",
        "no 1/m in ∂L/∂z_2B",
        dict(scores_back=lambda dout, c: -dout * np.subtract(c["y_b"], c["y_hat_b"])),
    ),
    (
        "2-2 head",
        "dz_2b",
        "1/(m·K) in ∂L/∂z_2B",
        dict(scores_back=lambda dout, c: dout * (c["y_hat_b"] - c["y_b"]) / np.prod(c["y_b"].shape)),
    ),
    (
        "2-2 head",
        "dy_hat_b_dz_2b",
        "softmax's diagonal alone",
        dict(softmax_slope=lambda y: np.diag(y - y * y)),
    ),
    ("1-3", "jacobian", "softmax's diagonal alone", dict(softmax_slope=lambda y: np.diag(y - y * y))),
    ("1-3", "jacobian", "softmax's sum taken as a constant", dict(softmax_slope=np.diag)),
    ("1-1", "dy_dgamma", "variance with m − 1", dict(statistics=lambda a: (a.mean(0), np.cov(a.T).diagonal()))),
    ("1-1", "dy_dgamma", "ε outside the root", dict(normalise=lambda a, mu, var, eps: (a - mu) / (var**0.5 + eps))),
    (
        "2-1",
        "x_hat",
        "μ_B² where σ_B² belongs",
        dict(normalise=lambda a, mu, var, eps: (a - mu) / (mu * mu + eps) ** 0.5),
    ),
    ("2-1", "mask", "keep and drop swapped", dict(make_mask=lambda r, p: (r < p) / (1 - p))),
    ("2-1", "mask", "dropout without its scale", dict(make_mask=lambda r, p: np.where(r < p, 0.0, 1.0))),
    ("1-2", "out", "p taken for the probability of keeping", dict(make_mask=lambda r, p: (r < p) / p)),
    (
        "2-1",
        "mask",
        "a mask of other draws",
        dict(make_mask=lambda r, p: (np.random.default_rng(4).random(r.shape) >= p) / (1 - p)),
    ),
    (
        "2-1",
        "loss",
        "cross-entropy divided by m·K",
        dict(losses=lambda z, y_a, y_hat, y: (((z - y_a) ** 2).sum() / len(y) / 2, np.mean(-y * np.log(y_hat)))),
    ),
    ("2-1", "y_hat_b", "softmax over the wrong axis", dict(softmax=lambda z: np.exp(z) / np.exp(z).sum(0))),
]


@pytest.mark.parametrize(("question_id", "part", "name", "pieces"), PEOPLE, ids=[case[2] for case in PEOPLE])
def test_mistakes_as_people_write_them(question_id, part, name, pieces):
    for seed in range(5):
        values = answered(question_id, student(**pieces), seed)
        found = named(question_id, values, seed)
        assert found[part] == name
        assert set(found.values()) == {name}  # all that is wrong by itself is wrong for this reason


# ---------------------------------------------------------------------------------------------------------------------
# The source homework's formulas, as they stand


def the_sources_summary(dout, cache):
    """The six final formulas, sample by sample; where a product of theirs has no shape, the reading that has one."""
    c = cache
    m, root = len(c["x"]), np.sqrt(c["var_b"] + c["eps"])
    delta_a, delta_b = dout * (c["z_2a"] - c["y_a"]), dout * (c["y_hat_b"] - c["y_b"])
    sums = {f"d{name}": 0.0 for name in PARAMS}
    for i in range(m):
        both = delta_a[i] + c["theta_2b"].T @ delta_b[i]
        residual = c["theta_2b"].T @ delta_b[i]
        sums["dtheta_2b"] += np.outer(delta_b[i], c["s"].mean(axis=0)) / m  # s has no sample index
        sums["dtheta_2a"] += both * c["d"][i] / m  # d_i without its transpose
        sums["dtheta_1b"] += np.outer(c["gamma"] / root / m * residual * np.sign(c["z_1b"][i]), c["x"][i])
        u = np.ones(len(both))
        sums["dtheta_1a"] += np.outer(both @ c["theta_2a"] @ u / m * c["mask"][i] * np.sign(c["a_1a"][i]), c["x"][i])
        sums["dbeta"] += delta_b[i] @ c["theta_2b"] @ u / m  # R, with n_h rows
        sums["dgamma"] += delta_b[i] @ c["theta_2b"] @ c["x_hat"][i] / m
    return sums


def test_the_sources_own_six_formulas():
    for seed in range(5):
        values = answered("2-2", {"two_branch_backward": the_sources_summary}, seed)
        assert named("2-2", values, seed) == {
            "dtheta_2b": "one s for the whole batch",
            "dtheta_2a": "an entrywise product in ∂L/∂θ_2A",
            "dtheta_1b": "batch statistics taken as constants; and sgn(z_1B) for ReLU's slope",
            "dtheta_1a": "the sum that should not be there",
            "dbeta": "one β for all features",
            "dgamma": "one γ for all features",
        }


# What the source has wrong, and the bank's name for it. E11 needs labels that do not sum to one, which no question has;
# E12 is a letter used twice, E13 a factor without a shape.
ERRATA = {
    "E1": ("2-1", "standard deviation for the variance"),
    "E2": ("2-1", "μ_B² where σ_B² belongs"),
    "E3": ("2-2", "one s for the whole batch"),
    "E4": ("2-2", "one β for all features"),
    "E5": ("2-2", "one γ for all features"),
    "E6": ("2-2", "batch statistics taken as constants"),
    "E7": ("2-2", "sgn(z_1B) for ReLU's slope"),
    "E8": ("2-2", "an entrywise product in ∂L/∂θ_2A"),
    "E9": ("2-2", "the sum that should not be there"),
    "E10": ("2-1", "one mask for the whole batch"),
}


@pytest.mark.parametrize("number", ERRATA)
def test_the_sources_errata_are_in_the_bank(number):
    question_id, name = ERRATA[number]
    assert any(BY_NAME[name] in entry for entry in bank(question_id))


# ---------------------------------------------------------------------------------------------------------------------
# Two at once, and where nothing is named


@pytest.mark.parametrize(
    ("question_id", "part", "pieces", "name"),
    [
        (
            "2-2 branch b",
            "da_1b",
            dict(batch_norm_back=staged(gamma=False, sign=-1)),
            "the path through the variance of wrong sign; and γ forgotten on the way back",
        ),
        (
            "2-2 head",
            "dz_2b",
            dict(scores_back=lambda dout, c: dout * (c["y_b"] - c["y_hat_b"])),
            "y − ŷ for ŷ − y; and no 1/m in ∂L/∂z_2B",
        ),
        (
            "2-2",
            "dtheta_1a",
            dict(dropout_back=lambda dd, c: dd, relu_back_a=lambda d, z, a: d),
            "no mask on the way back; and no ReLU slope in branch A, or ≥ 0 asked of the activation in branch A",
        ),
    ],
)
def test_two_mistakes_at_once(question_id, part, pieces, name):
    for seed in range(3):
        assert named(question_id, answered(question_id, student(**pieces), seed), seed)[part] == name


def test_each_gradient_of_the_whole_has_its_own_mistakes():
    """No 1/m in either loss, and no slope in branch B: each gradient is told what bears on it, and nothing else."""
    pieces = dict(
        scores_back=lambda dout, c: dout * (c["y_hat_b"] - c["y_b"]),
        squared_error_back=lambda dout, c: dout * (c["z_2a"] - c["y_a"]),
        relu_back_b=lambda d, z, a: d * np.sign(z),
    )
    head, own = "no 1/m in ∂L/∂z_2B", "no 1/m in the squared error's gradient"
    assert named("2-2", answered("2-2", student(**pieces))) == {
        "dtheta_2b": head,
        "dgamma": head,
        "dbeta": head,
        "dtheta_1b": f"{head}; and sgn(z_1B) for ReLU's slope",
        "dtheta_2a": f"{head}; and {own}",
        "dtheta_1a": f"{head}; and {own}",
    }


def test_a_later_mistake_is_named_after_a_wrong_earlier_part():
    """In the steps each of two mistakes is named in its own part, and what is only built on them in none."""
    pieces = dict(batch_norm_back=staged(mean=0, variance=0), relu_back_b=lambda d, z, a: d * np.sign(z))
    values = answered("2-2 branch b", student(**pieces))
    assert named("2-2 branch b", values) == {
        "da_1b": "batch statistics taken as constants",
        "dz_1b": "sgn(z_1B) for ReLU's slope",
    }
    values["da_1b"] = np.random.default_rng(0).normal(size=values["da_1b"].shape)
    values["dz_1b"] = values["da_1b"] * np.sign(drawn("2-2 branch b")[0]["z_1b"])
    values["dtheta_1b"] = values["dz_1b"].T @ drawn("2-2 branch b")[0]["x"]
    assert named("2-2 branch b", values) == {"da_1b": None, "dz_1b": "sgn(z_1B) for ReLU's slope"}


def noise(rng, a):
    return a + 1e-3 * np.linalg.norm(a) * rng.normal(size=np.shape(a))


UNKNOWN = {
    "a factor of 1.7": lambda rng, a: 1.7 * a,
    "noise": noise,
    "noise in the seventh digit": lambda rng, a: noise(rng, a) * 1e-4 + a * (1 - 1e-4),
    "zero": lambda rng, a: np.zeros_like(a),
    "one entry off": lambda rng, a: a + 0.1 * (np.arange(np.size(a)).reshape(np.shape(a)) == 0),
    "shuffled": lambda rng, a: rng.permutation(np.ravel(a)).reshape(np.shape(a)) + 1e-3,
    "squared": lambda rng, a: a**2 + a,
}


@pytest.mark.parametrize("change", UNKNOWN)
@pytest.mark.parametrize("question_id", QUESTION_IDS)
def test_what_is_not_in_the_bank_is_not_named(question_id, change):
    for seed in range(2):
        _, right = drawn(question_id, seed)
        for part in right:
            rng = np.random.default_rng(seed)
            found = named(question_id, right | {part: UNKNOWN[change](rng, right[part])}, seed)
            assert found == {part: None}


def test_one_wrong_gradient_is_not_blamed_on_what_all_gradients_share():
    _, right = drawn("2-2")
    m = len(drawn("2-2")[0]["x"])
    assert named("2-2", right | {"dtheta_2b": m * right["dtheta_2b"]}) == {"dtheta_2b": None}
    every = {part: m * value for part, value in right.items()}
    assert named("2-2", every)["dtheta_2b"] == "no 1/m in ∂L/∂z_2B"


def branch_a(dz_2a_of):
    """A student whose branch A is right after this dz_2a."""

    def branch_a_backward(dout, dz_2b, c):
        own = dout * (c["z_2a"] - c["y_a"]) / len(c["y_a"])
        dz_2a = dz_2a_of(own, dz_2b @ c["theta_2b"], len(c["y_a"]))
        dd = dz_2a @ c["theta_2a"]
        dz_1a = dd * c["mask"] * (c["z_1a"] > 0)
        return dict(dz_2a=dz_2a, dtheta_2a=dz_2a.T @ c["d"], dd=dd, dz_1a=dz_1a, dtheta_1a=dz_1a.T @ c["x"])

    return {"branch_a_backward": branch_a_backward}


@pytest.mark.parametrize(
    ("name", "dz_2a_of"),
    [
        ("½ in branch B's share", lambda own, share, m: own + share / 2),
        ("branch B's share twice", lambda own, share, m: own + 2 * share),
        ("1/m once more in branch B's share", lambda own, share, m: own + share / m),
        ("½ in the squared error's gradient", lambda own, share, m: own / 2 + share),
        ("∂L/∂z_2A with the sign flipped", lambda own, share, m: -own - share),
        ("squared error's gradient without its ½", lambda own, share, m: 2 * own + share),
        ("the two shares averaged", lambda own, share, m: (own + share) / 2),
    ],
)
def test_one_mistake_in_two_shares_is_not_told_as_two(name, dz_2a_of):
    for seed in range(5):
        assert named("2-2 branch a", answered("2-2 branch a", branch_a(dz_2a_of), seed), seed) == {"dz_2a": name}


def test_a_pair_of_which_one_mistake_undoes_the_other_is_not_told(monkeypatch):
    """What the bank does not hold is not told as 2 (own + share / 2), halved."""
    known = [entry for entry in bank("2-2 branch a") if BY_NAME["½ in branch B's share"] not in entry]
    monkeypatch.setattr(diagnosis, "entries_of", lambda bank, question_id: tuple(known))
    functions = branch_a(lambda own, share, m: own + share / 2)
    for seed in range(5):
        assert named("2-2 branch a", answered("2-2 branch a", functions, seed), seed) == {"dz_2a": None}


def test_two_mistakes_in_the_head_are_told_in_every_part():
    """No 1/m and a flipped sign, in the head alone and in all gradients of the whole."""
    flipped = dict(scores_back=lambda dout, c: dout * (c["y_b"] - c["y_hat_b"]))
    for seed in range(3):
        names = named("2-2", answered("2-2", student(**flipped), seed), seed)
        assert names.keys() == {f"d{name}" for name in PARAMS}
        (name,) = set(names.values())
        assert name == "y − ŷ for ŷ − y, or softmax's slope with the sign flipped; and no 1/m in ∂L/∂z_2B"

        def head_backward(dout, c):
            dz_2b = dout * (c["y_b"] - c["y_hat_b"])
            slopes = student()["head_backward"](dout, c)["dy_hat_b_dz_2b"]
            dy_hat_b = dout * c["y_b"] / c["y_hat_b"]
            return dict(dy_hat_b=dy_hat_b, dy_hat_b_dz_2b=slopes, dz_2b=dz_2b, dtheta_2b=dz_2b.T @ c["s"])

        assert named("2-2 head", answered("2-2 head", {"head_backward": head_backward}, seed), seed) == {
            "dy_hat_b": "minus missing in ∂L/∂ŷ_b; and no 1/m in ∂L/∂ŷ_b",
            "dz_2b": "y − ŷ for ŷ − y; and no 1/m in ∂L/∂z_2B",
        }


def test_an_entry_on_the_border_that_is_dropped_is_named():
    functions = student(make_mask=lambda r, p: (r > p) / (1 - p))
    for question_id in ("2-1", "1-2"):
        for seed in range(5):
            found = named(question_id, answered(question_id, functions, seed), seed)
            assert set(found.values()) == {"> for ≥ in dropout's mask"}


WITHOUT_ITS_SIGN = [
    ("2-2 head", "head_backward"),
    ("2-2 branch a", "branch_a_backward"),
    ("2-2", "two_branch_backward"),
]


@pytest.mark.parametrize(("question_id", "function"), WITHOUT_ITS_SIGN)
def test_a_gradient_without_its_sign_is_no_other_mistake(question_id, function):
    """It is right wherever dout is positive, which no other mistake is: where draws of both signs are judged."""
    right = student()[function]
    functions = {function: lambda dout, *others: right(abs(dout), *others)}
    seen = set()
    for secret in range(12):
        names = judge(question_id, public.call_in(functions), secret).names
        seen |= {name and name.name for name in names.values()}
    assert seen <= {None, "|dout| for dout"}
    assert "|dout| for dout" in seen or question_id == "2-2 branch a"


def test_a_name_must_hold_where_the_answer_is_right():
    """Of one draw y − ŷ explains the answer; on another, where the answer is right, it would be wrong."""
    right = student()["branch_a_backward"]
    functions = {"branch_a_backward": lambda dout, *others: right(abs(dout), *others)}
    seeds = [seed for seed in range(20) if drawn("2-2 branch a", seed)[0]["dout"] < 0]
    (name,) = diagnose("2-2 branch a", *_answer("2-2 branch a", functions, seeds[0])).values()
    assert name.name == "y − ŷ in the squared error's gradient"
    positive = next(seed for seed in range(20) if seed not in seeds)
    q, values, truth = _answer("2-2 branch a", functions, positive)
    assert diagnose("2-2 branch a", q, values, truth) == {}
    assert diagnose("2-2 branch a", q, values, truth, {"dz_2a": name}) == {"dz_2a": None}
    wrong = BANK.answer("2-2 branch a", q, name.mistakes[0].steps)
    assert diagnose("2-2 branch a", q, wrong, truth, {"dz_2a": name}) == {"dz_2a": name}


def _answer(question_id, functions, seed):
    q, right = drawn(question_id, seed)
    return q, answered(question_id, functions, seed), right


BROADCASTS = {  # a: half the squared distances, b: the cross-entropies, (m,) each
    "(m, 1) + (m,), summed": lambda a, b: (a[:, None] + b).sum() / len(a),
    "(m, 1) + (m,), summed over each axis": lambda a, b: (a[:, None] + b).mean(axis=0).sum(),
    "(m,) + (m, 1)": lambda a, b: np.sum(a + b[:, None]) / len(a),
    "a number + (m,)": lambda a, b: (a.mean() + b / len(b)).sum(),
    "(m,) + a number": lambda a, b: np.sum(a / len(a) + b.mean()),
}


@pytest.mark.parametrize("case", BROADCASTS)
def test_a_broadcast_is_told_as_a_broadcast(case):
    def losses(z, y_a, y_hat, y):
        return BROADCASTS[case](((z - y_a) ** 2).sum(axis=1) / 2, -(y * np.log(y_hat)).sum(axis=1)), 0

    for seed in range(3):
        name = named("2-1", answered("2-1", student(losses=losses), seed), seed)["loss"]
        assert name and ("broadcast" in name or "added to every sample's loss" in name)


def test_sums_taken_apart_have_no_missing_mean():
    """(Σ δ_i)(Σ s_i)ᵀ/m holds the 1/m: neither code nor formula is told that it is missing."""

    for seed in range(3):
        q, _ = drawn("2-2 head", seed)
        values = BANK.answer("2-2 head", q)
        values["dtheta_2b"] = np.outer(values["dz_2b"].sum(axis=0), q["s"].sum(axis=0))
        assert named("2-2 head", values, seed) == {"dtheta_2b": "a product of sums in ∂L/∂θ_2B"}
    for latex in (
        r"\frac1m\left(\sum_i(\hat y_{b,i} - y_{b,i})\right)\left(\sum_i s_i\right)^T",
        r"\frac{1}{m}\sum_{i}\sum_{l} (\hat y_{b,i} - y_{b,i}) s_l^T",
    ):
        assert judge_formula("2-2 theta_2b", latex).name == "a product of sums in ∂L/∂θ_2B"


def test_what_fits_two_mistakes_is_not_named(monkeypatch):
    """Two entries that differ elsewhere and coincide here: no name."""
    twin = declare("dz_1b", "a twin", lambda v: v.da_1b * np.sign(v.z_1b), "What.", "Look.")
    other = declare("dz_1b", "another", lambda v: v.da_1b * np.sign(v.z_1b) * 1.0, "What.", "Look.")
    monkeypatch.setattr(diagnosis, "entries_of", lambda bank, question_id: ((twin,), (other,)))
    q, right = drawn("2-2 branch b")
    values = BANK.answer("2-2 branch b", q, twin.steps)
    assert diagnose("2-2 branch b", q, values, right) == {"dz_1b": None}
    monkeypatch.setattr(diagnosis, "entries_of", lambda bank, question_id: ((twin,),))
    assert diagnose("2-2 branch b", q, values, right)["dz_1b"].name == "a twin"


@pytest.mark.parametrize("question_id", QUESTION_IDS)
def test_a_hopeless_answer_takes_bounded_work(question_id, monkeypatch):
    made = []
    init = Evaluation.__init__
    monkeypatch.setattr(Evaluation, "__init__", lambda self, *args: (made.append(1), init(self, *args))[1])
    bank(question_id)
    _, right = drawn(question_id)
    rng = np.random.default_rng(0)
    made.clear()
    found = named(question_id, {part: rng.normal(size=np.shape(value)) for part, value in right.items()})
    assert set(found.values()) == {None}
    assert len(made) < 12_000


@pytest.mark.parametrize("value", [None, "text", np.nan, [[1.0], [2.0, 3.0]], 7, {}, np.float32(1), 1j, [None]])
@pytest.mark.parametrize("question_id", ["1-3", "2-1", "2-2 branch b"])
def test_anything_may_come_back(question_id, value):
    _, right = drawn(question_id)
    for part in right:
        assert set(named(question_id, right | {part: value}).values()) <= {None}
    assert named(question_id, dict.fromkeys(right, value)) is not None
    assert named(question_id, {}) == {}


@pytest.mark.parametrize(
    "change", [np.ravel, np.atleast_3d, lambda a: np.resize(a, (2, 3)), lambda a: np.zeros((0, 4))]
)
@pytest.mark.parametrize("question_id", QUESTION_IDS)
def test_any_shape_may_come_back(question_id, change):
    _, right = drawn(question_id)
    for part in right:
        named(question_id, right | {part: change(np.asarray(right[part]) + 1)})
    named(question_id, {part: change(np.asarray(value) + 1) for part, value in right.items()})


def test_a_question_of_other_layers_has_no_bank(monkeypatch):
    other = model.Question("9-1", SOFTMAX, (), (model.Part("dx_of_another_layer", 1),))
    monkeypatch.setitem(QUESTIONS, "9-1", other)
    assert diagnose("9-1", {}, {"dx_of_another_layer": np.ones(3)}, {"dx_of_another_layer": np.zeros(3)}) == {}


# ---------------------------------------------------------------------------------------------------------------------
# In a judgement, and who may know of it


def test_a_judgement_carries_the_names():
    functions = student(batch_norm_back=staged(mean=0, variance=0))
    judgement = judge("2-2 branch b", public.call_in(functions), SECRET)
    (name,) = judgement.names.values()
    assert isinstance(name, Named) and name.name == "batch statistics taken as constants"
    assert name.mistakes == (BY_NAME["batch statistics taken as constants"],)
    assert name.mistakes[0].equation == "grad-a-1b"
    assert judge("2-2 branch b", public.call_in(student()), SECRET).names == {}
    assert questions.judge("2-2 branch b", public.call_in(functions), SECRET).names == {}


def test_only_what_lost_points_is_named():
    """A right part in single precision is no mistake without a name, and a wrong one may still have one."""
    functions = student_variants.dressed(
        student(relu_back_b=sign_of_z), given=student_variants.single, returned=student_variants.single
    )
    judgement = judge("2-2 branch b", public.call_in(functions), SECRET)
    assert {part: name.name for part, name in judgement.names.items()} == {"dz_1b": "sgn(z_1B) for ReLU's slope"}
    assert [part.name for part in judgement.result.parts if part.points < part.maximum] == ["dz_1b"]


def test_draws_that_disagree_name_nothing():
    """On the second hidden draw the mistake is another one: the part has no name."""
    calls, at_home = [], 2 * len(public.SEEDS)  # each draw calls twice, the public ones first

    def slope(d, z, a):
        calls.append(1)
        return d if len(calls) > at_home + 2 else d * np.sign(z)

    functions = student(relu_back_b=slope)
    judgement = judge("2-2 branch b", public.call_in(functions), SECRET, draws=2)
    assert judgement.names == {"dz_1b": None}


def test_no_release_holds_the_bank():
    """What students get, and the questions themselves, neither import the bank nor hold a name or a sentence of it."""
    for path in (*(ROOT / "autograder/questions").glob("*.py"), ROOT / "autograder/gradcheck.py"):
        source = path.read_text()
        imported = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Import | ast.ImportFrom)]
        assert not [node for node in imported if "mistakes" in ast.unparse(node)]
        for mistake in MISTAKES:
            held = [text for text in (mistake.what, mistake.look) if text in source]
            assert not held and (mistake.name not in source or len(mistake.name) < 12), mistake.name


def test_the_search_knows_no_assignment():
    """What is not hw1's own imports nothing of it, and names none of its questions and steps."""
    names = {*QUESTION_IDS, *BANK.steps} - {"d", "c", "s", "scale", "kept", "mask", "loss"}  # words of the language too
    for path in (*(ROOT / "autograder/mistakes").glob("*.py"), ROOT / "autograder/steps.py"):
        tree = ast.parse(path.read_text())
        imports = [ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
        assert not [line for line in imports if "hw1" in line or "solutions" in line]
        words = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)}
        words |= {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
        assert not words & names, path.name


def test_names_read_well():
    one, two, three = MISTAKES[:3]
    assert Named(((one,),), 0.0).name == one.name
    assert Named(((one, two), (three,)), 0.0).name == f"{one.name}, or {two.name}; and {three.name}"
    assert Named(((one,),), 0.0) == Named(((one,),), 1e-12) != Named(((two,),), 0.0)


@pytest.mark.soak
@pytest.mark.parametrize("question_id", QUESTION_IDS)
def test_pairs_of_mistakes_are_named_as_what_they_are_or_not_at_all(question_id):
    """200 random pairs: what is named is one of the two, both, or a formula that comes to the same on every draw."""
    rng, entries = np.random.default_rng(1), bank(question_id)
    tried = named_parts = parts = 0
    while tried < 200:
        pair = [entries[i] for i in rng.choice(len(entries), 2, replace=False)]
        wrong = diagnosis.replaced_steps(pair)
        if wrong is None:
            continue
        tried += 1
        q, right = drawn(question_id, tried % 20)
        with np.errstate(all="ignore"):
            values = BANK.answer(question_id, q, wrong)
        for part, name in diagnose(question_id, q, values, right).items():
            parts += 1
            if name is None:
                continue
            named_parts += 1
            if not all(entry in pair for entry in name.entries):
                again, _ = drawn(question_id, 21)
                with np.errstate(all="ignore"):
                    both = [
                        BANK.answer(question_id, again, diagnosis.replaced_steps(e))[part] for e in (pair, name.entries)
                    ]
                assert diagnosis.equal(*both), (part, name.name, [m.name for e in pair for m in e])
    assert named_parts >= 0.9 * parts


def test_solutions_are_what_the_tests_call_right():
    assert set(student()) <= set(solutions.__all__)
    assert all(a != b for a, b in pairwise(BY_NAME))

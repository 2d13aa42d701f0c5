"""The teacher's half of the questions: what is right, from the trusted forward passes and the oracle alone.

No backward pass of solutions/ is used here. Each part has a reference, a function of the question's inputs and of the
parts that it is computed from. On right parts it gives the truth; on the student's own parts, what would be right after
them. So one mistake costs its own part, and not those that follow it.
"""

import time
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial

import numpy as np

from autograder.faults import guarded
from autograder.gradcheck import numerical_gradient, numerical_jacobian
from solutions import (
    batch_norm_forward,
    cross_entropy_forward,
    dropout_forward,
    linear_forward,
    relu_forward,
    softmax_forward,
    squared_error_forward,
    two_branch_forward,
)

from . import public
from .public import PARAMS, QUESTIONS, SEEDS, Answer, arguments, collect, judge_draw, worst_of

TOLERANCE = 1e-9  # complex steps of float64 passes are right to 1e-13, a right answer's own noise is below 1e-11
CLUES = {
    "1a": "z_1A < 0",
    "1b": "z_1B < 0",
    "d": "the mask is 0",
}  # what an error may follow, by the part's last letters
NUMERIC_GROWTH = 1.2  # a power of the parameters: honest code was measured at up to 1.0, numeric at 1.4 to 2


def _vjp(forward, upstream, **param):
    """The gradient of sum(upstream * out) along the one parameter that is named."""
    (name,) = param
    return numerical_gradient(forward, param, upstream, method="complex")[name]


def _jacobian(forward, **param):
    (name,) = param
    return numerical_jacobian(forward, param, method="complex")[name]


def _softmax_slopes(q, a):
    return np.stack([_jacobian(softmax_forward, x=row) for row in q["z_2b"]])


def _batch_norm(q, a, name):
    forward = partial(_renamed_batch_norm, **{k: q[k] for k in ("a_1b", "gamma", "beta") if k != name}, eps=q["eps"])
    return _vjp(forward, a["dc"], **{name: q[name]})


def _renamed_batch_norm(a_1b, gamma, beta, eps):
    return batch_norm_forward(a_1b, gamma, beta, eps)


def _batch_norm_slope(q, a, name):
    forward = partial(batch_norm_forward, **{k: q[k] for k in ("x", "gamma", "beta", "eps") if k != name})
    return _jacobian(forward, **{name: q[name]})


def _loss(q, **params):
    return two_branch_forward(q["x"], q["y_a"], q["y_b"], {k: q[k] for k in PARAMS} | params, q["r"], q["p"], q["eps"])[
        0
    ]


def _arrows_from_z_2a(q, a):
    direct = _vjp(lambda z: squared_error_forward(z, q["y_a"])[0], q["dout"], z=q["z_2a"])
    return direct + _vjp(lambda z: linear_forward(q["c"] + z, q["theta_2b"]), q["dz_2b"], z=q["z_2a"])


REFERENCES = {
    "1-1": {
        "dy_dgamma": lambda q, a: _batch_norm_slope(q, a, "gamma"),
        "dy_dbeta": lambda q, a: _batch_norm_slope(q, a, "beta"),
    },
    "1-2": {
        "out": lambda q, a: dropout_forward(q["x"], q["r"], q["p"])[0],
        "jacobian": lambda q, a: _jacobian(lambda x: dropout_forward(x, q["r"], q["p"]), x=q["x"]),
    },
    "1-3": {"jacobian": lambda q, a: _jacobian(softmax_forward, x=q["x"])},
    "2-1": {
        "z_1a": lambda q, a: linear_forward(q["x"], q["theta_1a"])[0],
        "a_1a": lambda q, a: relu_forward(a["z_1a"])[0],
        "mask": lambda q, a: dropout_forward(np.ones_like(q["r"]), q["r"], q["p"])[0],
        "d": lambda q, a: a["a_1a"] * a["mask"],
        "z_2a": lambda q, a: linear_forward(a["d"], q["theta_2a"])[0],
        "z_1b": lambda q, a: linear_forward(q["x"], q["theta_1b"])[0],
        "a_1b": lambda q, a: relu_forward(a["z_1b"])[0],
        "mu_b": lambda q, a: a["a_1b"].mean(axis=0),
        "var_b": lambda q, a: ((a["a_1b"] - a["mu_b"]) ** 2).mean(axis=0),
        "x_hat": lambda q, a: (a["a_1b"] - a["mu_b"]) / np.sqrt(a["var_b"] + q["eps"]),
        "c": lambda q, a: q["gamma"] * a["x_hat"] + q["beta"],
        "s": lambda q, a: a["c"] + a["z_2a"],
        "z_2b": lambda q, a: linear_forward(a["s"], q["theta_2b"])[0],
        "y_hat_b": lambda q, a: softmax_forward(a["z_2b"])[0],
        "loss": lambda q, a: (
            squared_error_forward(a["z_2a"], q["y_a"])[0] - (q["y_b"] * np.log(a["y_hat_b"])).sum() / len(q["y_b"])
        ),
    },
    "2-2 head": {
        "dy_hat_b": lambda q, a: _vjp(
            lambda y_hat_b: -(q["y_b"] * np.log(y_hat_b)).sum() / len(q["y_b"]), q["dout"], y_hat_b=q["y_hat_b"]
        ),
        "dy_hat_b_dz_2b": _softmax_slopes,
        "dz_2b": lambda q, a: _vjp(lambda z: cross_entropy_forward(z, q["y_b"]), q["dout"], z=q["z_2b"]),
        "dtheta_2b": lambda q, a: _vjp(lambda theta: linear_forward(q["s"], theta), a["dz_2b"], theta=q["theta_2b"]),
    },
    "2-2 branch b": {
        "dz_2b_dc": lambda q, a: _jacobian(lambda c: (c + q["z_2a"][0]) @ q["theta_2b"].T, c=q["c"][0]),
        "dc": lambda q, a: _vjp(lambda c: linear_forward(c + q["z_2a"], q["theta_2b"]), q["dz_2b"], c=q["c"]),
        "dbeta": lambda q, a: _batch_norm(q, a, "beta"),
        "dgamma": lambda q, a: _batch_norm(q, a, "gamma"),
        "da_1b": lambda q, a: _batch_norm(q, a, "a_1b"),
        "dz_1b": lambda q, a: _vjp(relu_forward, a["da_1b"], z=q["z_1b"]),
        "dtheta_1b": lambda q, a: _vjp(lambda theta: linear_forward(q["x"], theta), a["dz_1b"], theta=q["theta_1b"]),
    },
    "2-2 branch a": {
        "dz_2a": _arrows_from_z_2a,
        "dtheta_2a": lambda q, a: _vjp(lambda theta: linear_forward(q["d"], theta), a["dz_2a"], theta=q["theta_2a"]),
        "dd": lambda q, a: _vjp(lambda d: linear_forward(d, q["theta_2a"]), a["dz_2a"], d=q["d"]),
        "dz_1a": lambda q, a: _vjp(lambda z: relu_forward(z)[0] * q["mask"], a["dd"], z=q["z_1a"]),
        "dtheta_1a": lambda q, a: _vjp(lambda theta: linear_forward(q["x"], theta), a["dz_1a"], theta=q["theta_1a"]),
    },
    "2-2": {
        f"d{name}": lambda q, a, name=name: _vjp(lambda **p: _loss(q, **p), q["dout"], **{name: q[name]})
        for name in PARAMS
    },
}


def draw(question_id, seed, **sizes):
    """The inputs of one draw, the intermediates of the trusted forward pass among them. `seed` is any numpy seed."""
    family, rng = QUESTIONS[question_id].family, np.random.default_rng(seed)
    if family != "network":
        return public.DRAWS[family](rng, **sizes)
    while not _tells(q := run(public.DRAWS[family](rng, **sizes))):
        pass
    return q


def run(q):
    """The network's inputs, and every intermediate of its trusted forward pass."""
    params = {name: q[name] for name in PARAMS}
    return q | two_branch_forward(q["x"], q["y_a"], q["y_b"], params, q["r"], q["p"], q["eps"])[1]


def _tells(q):
    """What a draw without the forward pass cannot know: that no class is all but ruled out, and that the gradient which
    comes back to d, in branch A's own question and in the whole, has both signs where ReLU and dropout let it pass.
    """
    passes = (q["mask"] > 0) & (q["z_1a"] > 0)
    own, m = q["dout"] * (q["z_2a"] - q["y_a"]), len(q["x"])
    scores = (q["dz_2b"], q["dout"] * (q["y_hat_b"] - q["y_b"]) / m)
    back = [((own / m + dz_2b @ q["theta_2b"]) @ q["theta_2a"])[passes] for dz_2b in scores]
    return q["y_hat_b"].min() > 1e-6 and all(dd.min() < 0 < dd.max() for dd in back)


def truth(question_id, q):
    """What is right for each part, on inputs q."""
    if question_id not in REFERENCES:  # made by public.ask: its own forward pass is the trusted one
        return QUESTIONS[question_id].reference({}, q)
    right = {}
    for name, reference in REFERENCES[question_id].items():
        right[name] = reference(q, right)
    return right


def carried(question_id, q, values, right):
    """What is right for each part after the student's own earlier parts, where these can be told from nothing.

    An earlier part that is all zero, tiny, or the same for every sample would make an empty answer right: it is not
    carried, and neither is what would then be all but zero.
    """
    own = {name: values[name] for name in values if name in right and _usable(values[name], right[name])}
    own = {name: value for name, value in own.items() if _tells_something(value, right[name], name)}
    after = {}
    with np.errstate(all="ignore"):  # a student's variance may be negative
        for part in QUESTIONS[question_id].parts:
            if part.after and all(name in own for name in part.after):
                expected = REFERENCES[question_id][part.name](q, right | own)
                if _tells_something(expected, right[part.name], part.name):
                    after[part.name] = expected
    return after


def _tells_something(value, right, name):
    """Whether an array is as large as the right one, within a factor, and varies as much from sample to sample (but for
    the mask: one for all samples is a mistake that people make).
    """
    value, right = np.asarray(value), np.asarray(right)
    sizes = [(np.linalg.norm(value), np.linalg.norm(right))]
    if right.ndim > 1 and name != "mask":
        sizes.append((np.linalg.norm(value - value.mean(axis=0)), np.linalg.norm(right - right.mean(axis=0))))
    return all(1e-2 * wanted <= size < np.inf for size, wanted in sizes)


def _usable(value, right):
    try:
        value = np.asarray(value)
    except ValueError:  # lists of different lengths
        return False
    return value.shape == np.shape(right) and np.issubdtype(value.dtype, np.floating) and np.isfinite(value).all()


def stored_numbers():
    """What checks.py is given at release: public inputs, and what is right for the parts that no forward pass shows."""
    stored = {"inputs": {}}
    for question in QUESTIONS.values():
        if question.reference and question.family != "network":
            continue
        inputs = stored["inputs"].setdefault(question.family, {})
        stored[question.id] = {}
        for seed in SEEDS:
            inputs[seed] = draw(question.id, seed)
            stored[question.id][seed] = truth(question.id, inputs[seed])
    return stored


@dataclass(frozen=True)
class Judgement:
    """What grading a question found.

    result: what a student reads. seed: a public seed that shows the same failure, or None. errors: what the function
    raised, and what was wrong on hidden inputs alone, for the teacher alone. names: {part: what `diagnose` calls its
    mistake, or None}. pictures: {part: Picture} of parts that are wrong on the public seed.
    """

    result: public.Result
    seed: int | None
    errors: tuple[str, ...]
    names: dict = field(default_factory=dict)
    pictures: dict = field(default_factory=dict)


@dataclass(frozen=True)
class Picture:
    """Where an error sits. error: an array over 0 to 1, the largest being 1. clue: None, or (words, inside, outside):
    where something holds ("z_1B < 0"), and the mean size of the error there and elsewhere, the larger being 1.
    """

    error: np.ndarray
    clue: tuple[str, float, float] | None = None


@dataclass(frozen=True)
class Seen:
    """What public draws have shown: {seed: what `_judge` says}, and what the functions raised."""

    draws: dict
    errors: tuple[str, ...]


def look(question_id, call):
    """Judge a student's functions on the public draws, before any hidden input is shown to any of that student's code.

    No answer to them can then hold anything of the hidden ones, and so it may be shown.

    Args:
        question_id: a key of QUESTIONS.
        call: call(function_name, arguments) -> Answer runs the function wherever it lives, twice.
    """
    errors = []
    return Seen({seed: _judge(question_id, _quiet(call, errors), [seed]) for seed in SEEDS}, tuple(errors))


def _quiet(call, errors):
    """A call that says of an error no more than its kind; the rest goes into `errors`."""

    def quiet(name, given):
        answer = call(name, given)
        if answer.error:
            errors.append(f"{name} {answer.error}")
            return Answer(error=answer.error.split(":")[0])
        return answer

    return quiet


def judge(question_id, call, seed, *, draws=3, diagnose=None, seen=None):
    """Judge a student's functions on hidden inputs, in the trusted process.

    Args:
        question_id, call: as for `look`.
        seed: the course's hidden seed, an int of any size.
        draws: how many hidden draws are judged; the worst counts for each part.
        diagnose: diagnose(question_id, q, values, right) -> {part: name or None} names the mistakes of one draw. A name
            counts where every draw that shows the mistake gives the same.
        seen: what `look` has found; by default it looks now.

    Returns:
        A Judgement. A function that fails is a verdict, not an error.
    """
    seen = seen or look(question_id, call)
    index, errors = list(QUESTIONS).index(question_id), list(seen.errors)
    seeds = [(seed, index, k) for k in range(draws)]
    hidden, names, _ = _judge(question_id, _quiet(call, errors), seeds, diagnose)
    if hidden.points == hidden.maximum:
        return Judgement(hidden, None, ())
    lost = {part.name for part in hidden.parts if part.points < part.maximum}
    names = {part: name for part, name in names.items() if part in lost}
    public_seed = max(SEEDS, key=lambda seed: len(_lost(seen.draws[seed][0]) & lost))
    home, _, pictures = seen.draws[public_seed]
    if not _lost(home) & lost:
        public_seed = None
    result, only_hidden = _shown(question_id, hidden, home, public_seed)
    pictures = {part: picture for part, picture in pictures.items() if part in lost}
    return Judgement(result, public_seed, tuple(dict.fromkeys(errors + only_hidden)), names, pictures)


def _lost(result):
    return {part.name for part in result.parts if part.points < part.maximum}


def _shown(question_id, hidden, home, public_seed):
    """What a student reads: the points that the hidden draws gave, and the numbers and words of a public draw.

    What a function returns on hidden inputs is not shown, for it could be those inputs. Returns the Result, and the
    sentences that hold on hidden inputs alone.
    """
    at_home = {part.name: part for part in home.parts}
    parts = []
    for part in hidden.parts:
        seen, right = at_home[part.name], part.points == part.maximum
        if (seen.points == seen.maximum) == right:
            part = replace(part, verdict=part.verdict and seen.verdict)
        elif not right:
            part = replace(part, verdict=None)
        parts.append(part)
    only_hidden = public.new_words(hidden.words, home.words)
    words = [sentence for sentence in home.words if sentence not in public.new_words(home.words, hidden.words)]
    words += ["On the graded inputs something was wrong with the call itself that no public seed shows."] * bool(
        only_hidden
    )
    if public_seed is not None:
        numbers = any(part.verdict and part.verdict.worst is not None for part in parts)
        see = f'See it yourself:  check("{question_id}", seed={public_seed})'
        words.append(see + "  (the numbers here are of that seed)" * numbers)
    return replace(hidden, parts=tuple(parts), words=tuple(words)), only_hidden


@lru_cache(maxsize=64)
def _drawn(question_id, seed):
    """A draw and its truth, once for all students."""
    q = draw(question_id, seed)
    for value in q.values():
        if isinstance(value, np.ndarray):
            value.setflags(write=False)
    return q, truth(question_id, q)


def _agreed(names):
    """{part: name} of several draws, where those that name the part say the same; else {part: None}."""
    found = {part: [draw[part] for draw in names if part in draw] for draw in names for part in draw}
    return {part: said[0] if all(name == said[0] for name in said) else None for part, said in found.items()}


def _judge(question_id, call, seeds, diagnose=None):
    """The Result of some draws, the names of its mistakes, and pictures of its errors: {part: Picture}."""
    question = QUESTIONS[question_id]
    drawn, words, named, pictures = [], [], [], []
    for seed in seeds:
        q, right = _drawn(question_id, seed)
        values, complaints = collect(question, call, q)
        after, parts = {}, judge_draw(question, values, right, q, tolerance=TOLERANCE, carried={})
        if any(part.points < part.maximum for part in parts):
            after = carried(question_id, q, values, right)
            parts = judge_draw(question, values, right, q, tolerance=TOLERANCE, carried=after)
        drawn.append(parts)
        words += public.new_words(complaints, words)
        # a fault in these two costs a name or a picture, and no verdict
        naming = f"{question_id}: its mistakes could not be named"
        named.append(guarded(naming, diagnose, question_id, q, values, right, otherwise={}) if diagnose else {})
        drawing = f"{question_id}: its errors could not be drawn"
        pictures.append(guarded(drawing, _pictures, question, q, values, right | after, parts, otherwise={}))
    result = public.Result(question.id, question.functions, worst_of(drawn), tuple(words))
    return result, _agreed(named), {name: picture for found in reversed(pictures) for name, picture in found.items()}


def _pictures(question, q, values, expected, parts):
    """A Picture of each part that is wrong by itself. expected: what is right after the student's own earlier parts."""
    where, _ = public.clues(question, q)
    wrong = {part.name for part in parts if part.status == "not yet" and part.verdict.worst is not None}
    found = {}
    for name in wrong:
        error = np.abs(np.asarray(values[name], float) - expected[name])
        if error.ndim and np.isfinite(error).all() and error.max() > 0:
            clue = next((words for suffix, words in CLUES.items() if name.endswith(suffix)), None)
            found[name] = Picture(error / error.max(), _contrast(error, clue, where.get(clue)))
    return found


def _contrast(error, words, holds):
    if holds is None or holds.shape != error.shape or holds.all() or not holds.any():
        return None
    inside, outside = error[holds].mean(), error[~holds].mean()
    return words, float(inside / max(inside, outside)), float(outside / max(inside, outside))


def _right_along_a_line(question_id, answer, q, seed):
    """Whether six gradients give the slope of the loss along one random direction, that of a complex step."""
    values, _ = collect(QUESTIONS[question_id], lambda name, given: answer, q)
    rng, step = np.random.default_rng(seed), 1e-20
    along = {name: rng.normal(size=q[name].shape) for name in PARAMS}
    slope = q["dout"] * _loss(q, **{name: q[name] + 1j * step * along[name] for name in PARAMS}).imag / step
    try:
        found = sum(
            float((np.asarray(values[f"d{name}"]).reshape(q[name].shape) * along[name]).sum()) for name in PARAMS
        )
    except (KeyError, TypeError, ValueError):
        return False
    return abs(found - slope) <= 1e-6 * abs(slope)


def looks_numeric(question_id, call, seed, *, right=True):
    """Whether a backward pass costs what a numeric derivative costs, which a person should look at.

    A backward pass costs a few forward passes (Baur and Strassen, 1983), a numeric derivative one or two for each
    parameter. At one size honest loops cost as much. So the time is taken at two sizes, the second with four times the
    parameters: honest code grows with them at most, a numeric derivative with their product with the forward pass. Who
    differentiates small networks alone is found by being wrong on these.

    Args:
        question_id: a question on the network.
        call, seed: as for judge.
        right: whether its answer was right on the draws that were judged, and so should be here.

    Returns:
        A sentence, or None where nothing is to be seen.
    """
    (wanted,) = QUESTIONS[question_id].calls
    seconds, counts = [], []
    for n, n_h in ((32, 64), (64, 128)):
        q = draw(question_id, seed, sizes=(16, n, n_h, 10))
        counts.append(sum(q[name].size for name in PARAMS))
        begun = time.perf_counter()
        answer = call(wanted.function, arguments(wanted, q))
        seconds.append((time.perf_counter() - begun) / 2)  # it is called twice
        if answer.error:
            problem = answer.error.split(":")[0]
            return f"{wanted.function} {problem} at {counts[-1]:,} parameters: is it a numeric derivative?"
        if right and not _right_along_a_line(question_id, answer, q, seed):
            return (
                f"{wanted.function} is right for small networks, and wrong at {counts[-1]:,} parameters: is it numeric?"
            )
    power = np.log(seconds[1] / seconds[0]) / np.log(counts[1] / counts[0])
    if seconds[1] > 5 or (seconds[1] > 1 and power > NUMERIC_GROWTH):  # honest loops took 0.2 s
        return (
            f"{wanted.function} takes {seconds[0]:.1f} s at {counts[0]:,} parameters and {seconds[1]:.1f} s at "
            f"{counts[1]:,}: is it a numeric derivative?"
        )
    return None

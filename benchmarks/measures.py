"""Four measures: the time of a check, the error of its slopes, its verdicts, and the time of forward and backward."""

import contextlib
import copy
import math
import signal
import statistics
import time
from collections import Counter
from functools import partial

import numpy as np

from assignments.hw1.mistakes import BANK
from assignments.hw1.network import PARAMS
from autograder.mistakes.diagnosis import entries_of
from solutions import two_branch_backward, two_branch_forward
from verification.student_variants import RIGHT

from .networks import DRAWS, FIXED, by_hand, demanding, error, loss, ordinary, true_gradient
from .peers import OURS, PEERS, anp, autograd, jax, jnp, torch

SIZES = ((5, 4, 6, 3), (16, 32, 64, 10), (16, 128, 256, 10))  # m, n, n_h, K: 114, 8,960 and 134,144 parameters
BATCHES = ((8, 32, 64, 10), (64, 64, 128, 10), (1024, 512, 1024, 10))
MEMORY = 4e9  # bytes: what needs more is not started


# Time


class _Late(BaseException):  # no `except Exception` of a peer stops it
    pass


@contextlib.contextmanager
def _at_most(seconds):
    """Raise _Late when the time is up, between two steps of Python."""

    def ring(*_):
        raise _Late

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _once(call):
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def in_rounds(calls, rounds, budget, least=0.2):
    """Time each call once a round, in turn, so that what disturbs the machine disturbs all.

    Args:
        calls: {name: call}. rounds: how many. budget: seconds; a call that takes longer is dropped.
        least: short calls are repeated, to last as many seconds together, after one that is not timed: the caches are
            theirs then, and not those of the call before.

    Returns:
        {name: [seconds, a round each]}, an empty list where a call was dropped.
    """
    seconds, repeats = {name: [] for name in calls}, {}
    for name, call in calls.items():  # warm up, which also compiles; and see how long it takes
        with contextlib.suppress(_Late), _at_most(budget):
            taken = _once(call)
            repeats[name] = max(1, int(least / (_once(call) if taken < 1 else taken)))
    for _ in range(rounds):
        for name, many in repeats.items():
            if many > 1:
                calls[name]()
            seconds[name].append(_once(partial(_repeat, calls[name], many)) / many)
    return seconds


def _repeat(call, many):
    for _ in range(many):
        call()


def summary(seconds, base):
    """Seconds of one call and of another in the same rounds: their medians, and the ratio's median and range."""
    ratios = [s / b for s, b in zip(seconds, base, strict=True)]
    return {
        "seconds": statistics.median(seconds),
        "rounds": len(seconds),
        "ratio": [statistics.median(ratios), min(ratios), max(ratios)],
    }


def check_times(sizes=SIZES, rounds=(15, 5, 5), budget=30.0, peers=PEERS, say=print):
    """{number of parameters: {peer: summary, or why there is none}}; a ratio is over ours of the same kind."""
    found = {}
    peers = [peer for peer in peers if peer.timed]
    kinds = {peer.name: peer.kind for peer in peers} | {"the backward pass itself": "slopes"}
    for size, many in zip(sizes, rounds, strict=True):
        problem = demanding(np.random.default_rng(0), size)
        say(f"time, {problem.count} parameters")
        calls = {peer.name: partial(_run, peer, problem) for peer in peers if peer.bytes(problem.count) <= MEMORY}
        calls["the backward pass itself"] = partial(by_hand, problem.f, *problem.params.values())
        seconds = in_rounds(calls, many, budget)
        table = {peer.name: {"memory": peer.bytes(problem.count)} for peer in peers if peer.name not in calls}
        for name, taken in seconds.items():
            table[name] = summary(taken, seconds[OURS[kinds[name]]]) if taken else {"over": budget}
        found[str(problem.count)] = {name: {"kind": kind} | table[name] for name, kind in kinds.items()}
    return found


def _run(peer, problem):
    """All that a peer does: to its slopes, or to its verdict on the right gradients."""
    return peer.run(problem) if peer.kind == "slopes" else _judged(peer.run(problem), problem.gradients)


# Error


def slope_errors(times, sizes=SIZES, draws=(100, 3, 2), budget=30.0, peers=PEERS, say=print):
    """{number of parameters: {peer: the median and the largest error over the draws, worst parameter each}}.

    times: what check_times found; who was not timed there is not asked here.
    """
    found = {}
    for size, many in zip(sizes, draws, strict=True):
        problems = [demanding(np.random.default_rng(seed), size) for seed in range(many)]
        truths, count = [true_gradient(problem) for problem in problems], str(problems[0].count)
        table = found[count] = {}
        say(f"error, {count} parameters")
        for peer in (
            peer for peer in peers if peer.kind == "slopes" and not peer.name.startswith("max relative error")
        ):
            errors = []
            if peer.timed and "seconds" not in times[count][peer.name]:
                continue
            with contextlib.suppress(_Late), _at_most(budget):
                for problem, truth in zip(problems, truths, strict=True):
                    errors.append(error(peer.run(problem), truth))
            if errors:
                table[peer.name] = {"median": statistics.median(errors), "largest": max(errors), "draws": len(errors)}
    return found


# Verdicts


def right_answers(problem):
    """{variant: six gradients} of code that is right, in many dresses. One gamma for all is another problem."""
    found = {}
    for name, functions in RIGHT.items():
        if name != "scalar γ and β":
            given = copy.deepcopy([problem.fixed[k] for k in FIXED[:3]])
            rest = copy.deepcopy([problem.params, *(problem.fixed[k] for k in FIXED[3:])])
            _, cache = functions["two_branch_forward"](*given, *rest)
            gradients = functions["two_branch_backward"](1.0, cache)
            found[name] = {param: np.array(gradients[f"d{param}"]) for param in PARAMS}
    return found


def wrong_answers(problem):
    """{mistake: six gradients} for each of the bank's mistakes that these inputs can show."""
    found, right = {}, problem.gradients
    for entry in entries_of(BANK, "2-2"):
        evaluation = BANK.evaluate(problem.cache | {"dout": 1.0}, entry[0].steps)
        with np.errstate(all="ignore"):
            gradients = {param: np.asarray(getattr(evaluation, f"d{param}")) for param in PARAMS}
        same_shape = all(gradients[param].shape == right[param].shape for param in PARAMS)
        if not same_shape or not error(gradients, right) <= 1e-9:
            found[entry[0].name] = gradients
    return found


def _judged(judge, gradients):
    """A judge that raises has found something wrong."""
    with np.errstate(all="ignore"):
        try:
            return judge(gradients)
        except Exception:
            return False


def verdicts(draws=8, kinds=DRAWS, peers=PEERS, say=print):
    """{kind of inputs: {peer: false failures, misses, and whose}}.

    A peer that returns a distance is judged by one threshold, the one that errs least over all of this, in hindsight.
    """
    peers = [peer for peer in peers if peer.kind != "slopes" or peer.rule]
    outcomes = {kind: {peer.name: {"right": [], "wrong": []} for peer in peers} for kind in kinds}
    for kind, draw in kinds.items():
        for seed in range(draws):
            say(f"verdicts, {kind} inputs, draw {seed}")
            problem = draw(np.random.default_rng(seed))
            answers = {"right": right_answers(problem), "wrong": wrong_answers(problem)}
            for peer in peers:
                judge = peer.judge(problem)
                for side, gradients in answers.items():
                    judged = [(name, _judged(judge, g)) for name, g in gradients.items()]
                    outcomes[kind][peer.name][side] += judged
    limits = {peer.name: threshold([rows[peer.name] for rows in outcomes.values()]) for peer in peers}
    return {
        kind: {name: tally(**both, limit=limits[name]) for name, both in rows.items()}
        for kind, rows in outcomes.items()
    }


def threshold(outcomes):
    """The distance that, as a threshold, errs least. None where there are no distances."""
    right, wrong = ([value for both in outcomes for _, value in both[side]] for side in ("right", "wrong"))
    if not any(isinstance(value, float) for value in right + wrong):
        return None
    right, wrong = np.array([_distance(v) for v in right]), np.array([_distance(v) for v in wrong])
    return min(np.append(right, wrong).tolist(), key=lambda limit: (right > limit).sum() + (wrong <= limit).sum())


def _distance(value):
    """Infinite where there is none, or where it is NaN."""
    return value if value is not False and math.isfinite(value) else math.inf


def tally(right, wrong, limit=None):
    """What came of right and wrong answers, lists of (name, verdict or distance): who failed, and who was missed."""
    if limit is not None:
        right, wrong = ([(name, _distance(v) <= limit) for name, v in side] for side in (right, wrong))
    failed = Counter(name for name, verdict in right if verdict is False)
    missed = Counter(name for name, verdict in wrong if verdict is True)
    return {
        "right": len(right),
        "false failures": failed.total(),
        "failed": failed,
        "wrong": len(wrong),
        "misses": missed.total(),
        "missed": missed,
        "unsure": sum(verdict is None for _, verdict in right + wrong),
        "threshold": limit,
    }


# Forward and backward


def _products(problem):
    """The ten matrix products that forward and backward cannot do without, one after the other."""
    c, p = problem.cache, problem.params
    m, n_h = c["s"].shape
    dz_2b, dh = np.ones((m, len(p["theta_2b"]))), np.ones((m, n_h))
    pairs = [(c["x"], p["theta_1a"].T), (c["d"], p["theta_2a"].T), (c["x"], p["theta_1b"].T), (c["s"], p["theta_2b"].T)]
    pairs += [(dz_2b.T, c["s"]), (dz_2b, p["theta_2b"]), (dh.T, c["d"]), (dh, p["theta_2a"])]
    pairs += [(dh.T, c["x"]), (dh.T, c["x"])]
    products = [partial(np.matmul, a, b, out=a @ b) for a, b in pairs]
    return lambda: [product() for product in products]


def passes(problem):
    """{name: call} of forward with backward, in each of the libraries that are there."""
    params = tuple(problem.params.values())
    calls = {
        "the matrix products alone": _products(problem),
        "NumPy, one function": lambda: by_hand(problem.f, *params),
        "NumPy, forward alone": lambda: loss(np, problem.f, *params),
        "solutions/, layer by layer": lambda: two_branch_backward(
            1.0, two_branch_forward(**problem.fixed, params=problem.params)[1]
        ),
    }
    if torch:
        f_torch = {name: torch.as_tensor(value) for name, value in problem.f.items()}
        leaves = [torch.tensor(p, requires_grad=True) for p in params]
        calls["torch, eager"] = lambda: torch.autograd.grad(loss(torch, f_torch, *leaves), leaves)
    if jax:
        compiled = jax.jit(jax.value_and_grad(partial(loss, jnp), argnums=tuple(range(1, 7))))
        given = jax.device_put((problem.f, *params))
        calls["jax, compiled"] = lambda: jax.block_until_ready(compiled(*given))
    if autograd:
        both = autograd.value_and_grad(partial(loss, anp), argnum=tuple(range(1, 7)))
        calls["HIPS autograd"] = lambda: both(problem.f, *params)
    return calls


def pass_times(batches=BATCHES, rounds=15, say=print):
    """{m: {name: summary}}; a ratio is over the matrix products alone."""
    found = {}
    for size in batches:
        say(f"forward and backward, m = {size[0]}")
        seconds = in_rounds(passes(ordinary(np.random.default_rng(0), size)), rounds, budget=60.0)
        found[str(size[0])] = {
            name: summary(taken, seconds["the matrix products alone"]) for name, taken in seconds.items()
        }
    return found

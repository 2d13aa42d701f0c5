"""The peers and us, each as one function of a Problem. What is not installed is left out, and named in MISSING."""

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from assignments.hw1.network import PARAMS
from autograder.gradcheck import check_gradient, numerical_gradient, quick_check

from .networks import flat, loss

MISSING = []


def _import(name, *parts):
    try:
        return [importlib.import_module(part) for part in (name, *parts)]
    except ImportError:
        MISSING.append(name.split(".")[0])
        return [None] * (1 + len(parts))


torch, torch_gradcheck = _import("torch", "torch.autograd.gradcheck")
jax, jnp, jax_test = _import("jax", "jax.numpy", "jax.test_util")
autograd, anp, autograd_extend, autograd_test = _import(
    "autograd", "autograd.numpy", "autograd.extend", "autograd.test_util"
)
optimize, numdifftools = _import("scipy.optimize")[0], _import("numdifftools")[0]
if torch:
    torch.set_num_threads(1)


@dataclass(frozen=True)
class Peer:
    """One way to check a gradient.

    kind: "slopes", run(problem) -> {name: every slope}; "check", run(problem) -> judge, by every slope; "spot check",
    run(problem) -> judge, by a few directions. judge(gradients) -> True, False, None where unsure, or a distance.
    rule: rule(slopes, gradients) -> True or False, the judge of a peer that gives slopes; None: not judged.
    bytes: bytes(parameters), where it is much. timed: False where another peer does the same work.
    """

    name: str
    kind: str
    run: Callable
    rule: Callable | None = None
    module: object = np
    bytes: Callable = lambda count: 0
    timed: bool = True

    def judge(self, problem):
        if self.kind != "slopes":
            return self.run(problem)
        return partial(self.rule, self.run(problem))


# Ours


def _slopes(method, problem):
    if method == "exact":
        return numerical_gradient(problem.declared, problem.params, method=method)
    return numerical_gradient(problem.loss, problem.params, method=method, batched=True)


def _check(method, problem):
    forward, batched = (problem.declared, False) if method == "exact" else (problem.loss, True)
    return lambda g: _verdict(check_gradient(forward, problem.params, g, method=method, batched=batched))


def _quick_check(problem):
    return lambda g: _verdict(quick_check(problem.loss, problem.params, g, batched=True))


def _verdict(report):
    verdicts = {v.verdict for v in report.verdicts}
    return False if "fail" in verdicts else None if "inconclusive" in verdicts else True


# Rules that courses teach, from their definitions


def _loop(h, problem):
    """Central differences with one step for all, entry by entry."""
    slopes, forward = {}, problem.loss
    for name, p in problem.params.items():
        moved, slopes[name] = p.copy(), np.empty_like(p)
        there = problem.params | {name: moved}
        for entry in np.ndindex(p.shape):
            moved[entry] = p[entry] + h
            above = forward(**there)
            moved[entry] = p[entry] - h
            slopes[name][entry] = (above - forward(**there)) / (2 * h)
            moved[entry] = p[entry]
    return slopes


def _largest_relative_error(limit, slopes, gradients):
    """The largest relative error of an entry, max |a - b| / max(1e-8, |a| + |b|), at h = 1e-5, below a limit.

    The notes of CS231n teach it: above 1e-2 the gradient is probably wrong, below 1e-4 it is usually fine where the
    network has kinks, 1e-7 is good.
    """
    errors = [np.abs(s - g) / np.maximum(1e-8, np.abs(s) + np.abs(g)) for s, g in _pairs(slopes, gradients)]
    return all(np.max(e) < limit for e in errors)


def _below(limit):
    return partial(_largest_relative_error, float(limit))


def _taylor(problem):
    """Taylor's remainder |f(p + hd) - f(p) - h g.d| along one random direction falls with the square of the step where
    g is right: the rate at h = 1e-2 and three halvings is at least 1.9, as pyadjoint asks."""
    rng = np.random.default_rng(0)
    direction = {name: rng.normal(size=p.shape) for name, p in problem.params.items()}
    steps = 1e-2 / 2.0 ** np.arange(4)
    start = problem.loss(**problem.params)
    moved = [problem.loss(**{n: p + h * direction[n] for n, p in problem.params.items()}) for h in steps]

    def judge(gradients):
        slope = sum(float((direction[name] * gradients[name]).sum()) for name in PARAMS)
        remainders = np.abs(np.array(moved) - start - steps * slope)
        return bool(np.log2(remainders[:-1] / remainders[1:]).min() > 1.9)

    return judge


def _sum_of_norms(slopes, gradients):
    """dlsys: the sum of the parameters' |a - b|, with h = 1e-4, below 1e-6."""
    return bool(sum(np.linalg.norm(s - g) for s, g in _pairs(slopes, gradients)) < 1e-6)


def _all_close(slopes, gradients):
    """Who returns slopes and no verdict is judged by np.allclose, with its defaults."""
    return all(s.shape == np.shape(g) and np.allclose(g, s) for s, g in _pairs(slopes, gradients))


def _pairs(slopes, gradients):
    return [(slopes[name], gradients[name]) for name in PARAMS]


# The peers


def _torch(fast_mode, problem):
    f = {name: torch.as_tensor(value) for name, value in problem.f.items()}
    params = [torch.tensor(p, requires_grad=True) for p in problem.params.values()]

    def judge(gradients):
        class Loss(torch.autograd.Function):
            @staticmethod
            def forward(ctx, *params):
                return loss(torch, f, *params)

            @staticmethod
            def backward(ctx, dout):
                return tuple(dout * torch.as_tensor(np.array(gradients[name])) for name in PARAMS)

        return torch_gradcheck.gradcheck(Loss.apply, params, raise_exception=False, fast_mode=fast_mode)

    return judge


def _jax_slopes(problem):
    return dict(zip(PARAMS, map(np.asarray, _jacfwd()(problem.f, *problem.params.values())), strict=True))


def _jacfwd(made=[]):  # noqa: B006 (compiled once, at its first use)
    if not made:
        made.append(jax.jit(jax.jacfwd(partial(loss, jnp), argnums=tuple(range(1, 7)))))
    return made[0]


def _jax(problem):
    def judge(gradients):
        own = [jnp.asarray(gradients[name], float) for name in PARAMS]
        forward = partial(loss, jnp, problem.f)
        checked = jax.custom_vjp(forward)
        checked.defvjp(lambda *params: (forward(*params), None), lambda _, dout: tuple(dout * g for g in own))
        jax_test.check_grads(checked, tuple(map(jnp.asarray, problem.params.values())), order=1, modes=("rev",))
        return True

    return judge


def _autograd(problem):
    def judge(gradients):
        checked = autograd_extend.primitive(partial(loss, np, problem.f))
        rules = [lambda value, *params, name=name: lambda dout: dout * gradients[name] for name in PARAMS]
        autograd_extend.defvjp(checked, *rules)
        np.random.seed(0)  # noqa: NPY002 (it draws from there)
        autograd_test.check_grads(checked, tuple(range(6)), modes=["rev"], order=1)(*problem.params.values())
        return True

    return judge


def _approx_fprime(problem):
    return dict(zip(PARAMS, problem.apart(optimize.approx_fprime(problem.vector, problem.flat_loss)), strict=True))


def _check_grad(problem):
    return lambda g: float(optimize.check_grad(problem.flat_loss, lambda _: flat(g), problem.vector))


def _numdifftools(problem):
    return dict(zip(PARAMS, problem.apart(numdifftools.Gradient(problem.flat_loss)(problem.vector)), strict=True))


OURS = {"slopes": "ours, exact difference", "check": "ours, exact check", "spot check": "ours, quick_check"}
PEERS = [
    Peer(OURS["slopes"], "slopes", partial(_slopes, "exact")),
    Peer("ours, complex step", "slopes", partial(_slopes, "complex")),
    Peer("ours, central difference", "slopes", partial(_slopes, "central")),
    Peer("a loop, entry by entry", "slopes", partial(_loop, 1e-5)),
    *(
        Peer(f"max relative error < {limit}", "slopes", partial(_loop, 1e-5), _below(limit), timed=False)
        for limit in ("1e-2", "1e-4", "1e-7")
    ),
    Peer("a loop, dlsys's rule", "slopes", partial(_loop, 1e-4), _sum_of_norms, timed=False),
    Peer("scipy approx_fprime", "slopes", _approx_fprime, _all_close, optimize),
    Peer("numdifftools Gradient", "slopes", _numdifftools, _all_close, numdifftools),
    Peer("jax jacfwd", "slopes", _jax_slopes, _all_close, jax, lambda count: 8 * count**2),
    Peer(OURS["check"], "check", partial(_check, "exact")),
    Peer("ours, complex check", "check", partial(_check, "complex")),
    Peer("ours, central check", "check", partial(_check, "central")),
    Peer("torch gradcheck", "check", partial(_torch, False), module=torch),
    Peer("scipy check_grad", "check", _check_grad, module=optimize),
    Peer(OURS["spot check"], "spot check", _quick_check),
    Peer("Taylor's remainder test", "spot check", _taylor),
    Peer("torch gradcheck, fast mode", "spot check", partial(_torch, True), module=torch),
    Peer("jax check_grads", "spot check", _jax, module=jax),
    Peer("autograd check_grads", "spot check", _autograd, module=autograd),
]
PEERS = [peer for peer in PEERS if peer.module]

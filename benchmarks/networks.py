"""The two-branch network's loss, written once for every library, and draws of it."""

from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np

from assignments.hw1.exact_gradients import two_branch
from assignments.hw1.network import PARAMS, QUANTITIES
from assignments.hw1.questions import draw_network
from autograder.exact_difference import no_variance
from solutions import two_branch_backward, two_branch_forward

FIXED = ("x", "y_a", "y_b", "r", "p", "eps")


def loss(xp, f, theta_1a, theta_1b, theta_2a, theta_2b, gamma, beta):
    """The loss, in the arithmetic of xp: numpy, autograd.numpy, jax.numpy, torch. Parameters may have axes in front.

    f holds x (m, n), y_a (m, n_h), y_b (m, K), mask (m, n_h) and eps.
    """
    m = len(f["x"])
    z_1a, z_1b = f["x"] @ _transposed(xp, theta_1a), f["x"] @ _transposed(xp, theta_1b)
    z_2a = (_relu(xp, z_1a) * f["mask"]) @ _transposed(xp, theta_2a)
    a_1b = _relu(xp, z_1b)
    centred = a_1b - a_1b.sum(axis=-2, keepdims=True) / m
    x_hat = centred / xp.sqrt((centred**2).sum(axis=-2, keepdims=True) / m + f["eps"])
    s = gamma[..., None, :] * x_hat + beta[..., None, :] + z_2a
    z_2b = s @ _transposed(xp, theta_2b)
    top = xp.amax(xp.real(z_2b), axis=-1, keepdims=True)
    log_sum = xp.log(xp.exp(z_2b - top).sum(axis=-1)) + top[..., 0]
    squares = ((z_2a - f["y_a"]) ** 2).sum(axis=(-1, -2)) / 2
    return (squares + (log_sum - (f["y_b"] * z_2b).sum(axis=-1)).sum(axis=-1)) / m


def _transposed(xp, theta):
    return xp.swapaxes(theta, -1, -2)


def _relu(xp, z):
    return xp.where(xp.real(z) > 0, z, 0)


def by_hand(f, theta_1a, theta_1b, theta_2a, theta_2b, gamma, beta):
    """Loss and gradients, forward and backward in one function, nothing checked and nothing kept that is not used."""
    x, y_a, y_b, mask, m = f["x"], f["y_a"], f["y_b"], f["mask"], len(f["x"])
    z_1a, z_1b = x @ theta_1a.T, x @ theta_1b.T
    slope = mask * (z_1a > 0)
    d = z_1a * slope
    z_2a = d @ theta_2a.T
    a_1b = np.maximum(z_1b, 0)
    centred = a_1b - a_1b.sum(axis=0) / m
    scale = 1 / np.sqrt((centred**2).sum(axis=0) / m + f["eps"])
    x_hat = centred * scale
    s = gamma * x_hat + beta + z_2a
    z_2b = s @ theta_2b.T
    shifted = z_2b - z_2b.max(axis=1, keepdims=True)
    e = np.exp(shifted)
    total, residual = e.sum(axis=1, keepdims=True), z_2a - y_a
    value = ((residual**2).sum() / 2 + np.log(total).sum() - (y_b * shifted).sum()) / m

    dz_2b = (e / total - y_b) / m
    ds = dz_2b @ theta_2b
    dgamma, dbeta = (ds * x_hat).sum(axis=0), ds.sum(axis=0)
    dz_1b = (gamma * scale) * (ds - dbeta / m - x_hat * (dgamma / m)) * (z_1b > 0)
    dz_2a = residual / m + ds
    dz_1a = (dz_2a @ theta_2a) * slope
    return value, (dz_1a.T @ x, dz_1b.T @ x, dz_2a.T @ d, dz_2b.T @ s, dgamma, dbeta)


@dataclass(frozen=True)
class Problem:
    """One network and one batch. f: what the loss holds still. params: the six, in PARAMS' order."""

    fixed: dict
    params: dict

    @cached_property
    def f(self):
        mask = (self.fixed["r"] >= self.fixed["p"]) / (1 - self.fixed["p"])
        return {name: self.fixed[name] for name in ("x", "y_a", "y_b", "eps")} | {"mask": mask}

    @property
    def loss(self):
        """The loss as a function of the six parameters by name, and of one flat vector."""
        return lambda **params: loss(np, self.f, **params)

    @property
    def flat_loss(self):
        return lambda vector: loss(np, self.f, *self.apart(vector))

    @property
    def declared(self):
        return two_branch(**self.fixed)

    @cached_property
    def cache(self):
        return two_branch_forward(**self.fixed, params=self.params)[1]

    @cached_property
    def gradients(self):
        """By the course's own backward pass, {name: array}."""
        found = two_branch_backward(1.0, self.cache)
        return {name: found[f"d{name}"] for name in PARAMS}

    @property
    def count(self):
        return sum(p.size for p in self.params.values())

    @property
    def vector(self):
        return flat(self.params)

    def apart(self, vector):
        """The six arrays that a flat vector holds."""
        ends = np.cumsum([p.size for p in self.params.values()])[:-1]
        return [v.reshape(p.shape) for v, p in zip(np.split(vector, ends), self.params.values(), strict=True)]


def flat(arrays):
    return np.concatenate([np.ravel(arrays[name]) for name in PARAMS])


def demanding(rng, sizes=None):
    """Numbers that hide nothing, as graded questions draw them: also a feature of low variance, gamma away from 1.

    With sizes (m, n, n_h, K) the weights shrink as layers grow, so that softmax does not saturate.
    """
    q = draw_network(rng, sizes)
    params = {name: q[name] for name in PARAMS}
    if sizes:
        thetas = {name: q[name] * 2 / np.sqrt(q[name].shape[1]) for name in PARAMS if q[name].ndim == 2}
        params |= thetas
    return Problem({name: q[name] for name in FIXED}, params)


def ordinary(rng, sizes=None):
    """What one meets before training: gamma 1, beta 0, p one half, hard labels, weights by their fan-in."""
    m, n, n_h, K = sizes or (int(size) for size in rng.permutation([4, 5, 6, 7]))
    sizes = {"n": n, "h": n_h, "K": K}
    shapes = {q.name: tuple(map(sizes.get, q.axes)) for q in QUANTITIES if q.name in PARAMS and len(q.axes) == 2}
    while True:
        params = {name: rng.normal(size=shape) * np.sqrt(2 / shape[1]) for name, shape in shapes.items()}
        params |= dict(gamma=np.ones(n_h), beta=np.zeros(n_h))
        fixed = dict(x=rng.normal(size=(m, n)), y_a=rng.normal(size=(m, n_h)), y_b=np.eye(K)[rng.integers(K, size=m)])
        fixed |= dict(r=rng.uniform(size=(m, n_h)), p=0.5, eps=1e-5)
        if not len(no_variance(np.maximum(fixed["x"] @ params["theta_1b"].T, 0))):
            return Problem(fixed, params)


def unscaled(rng, sizes=None):
    """As demanding, but as data come that nobody scaled: features in units of their own, targets in the hundreds."""
    problem = demanding(rng, sizes)
    unit = 10.0 ** rng.integers(-3, 4, size=problem.fixed["x"].shape[1])
    fixed = problem.fixed | {"x": problem.fixed["x"] * unit, "y_a": 300 * problem.fixed["y_a"]}
    return Problem(fixed, problem.params | {name: problem.params[name] / unit for name in ("theta_1a", "theta_1b")})


DRAWS = {"ordinary": ordinary, "demanding": demanding, "unscaled": unscaled}


def true_gradient(problem):
    """By the backward pass in long double, whose last bit is 1e-19 where the processor has it."""
    wide = partial(np.asarray, dtype=np.longdouble)
    f = {name: wide(value) for name, value in problem.f.items()}
    return dict(zip(PARAMS, by_hand(f, *map(wide, problem.params.values()))[1], strict=True))


def error(yours, expected):
    """The worst parameter's: the norm of the difference over the norm of what is expected."""
    off = [np.linalg.norm(np.ravel(yours[n] - e)) / np.linalg.norm(np.ravel(e)) for n, e in expected.items()]
    return float(max(off))

"""Draws that hide nothing, the same for a seed on every machine.

Every number is a multiple of 1/64, so that float32, float64 and exact fractions hold the very same one. Gamma has both
signs and is never 1 or -1, beta is never 0, p is not 1/2, the sizes all differ, an upstream gradient is random, labels
are soft in some rows and hard in others, and feature 0 of a batch norm varies so little that eps matters.
"""

import zlib
from dataclasses import dataclass
from itertools import count

import numpy as np

from verification.reference_gradients import network

P = 0.375  # not 1/2: keep and drop are told apart
EPS = 2.0**-10  # not the default: an eps that is forgotten is seen


@dataclass(frozen=True)
class Problem:
    """A seed; m samples of n features, h hidden units, K classes; and whether gamma and beta are scalars."""

    seed: int = 0
    m: int = 7
    n: int = 5
    h: int = 4
    K: int = 3
    scalars: bool = False

    def rng(self, name, attempt=0):
        """A generator of its own for each name, so that one draw does not depend on another."""
        return np.random.default_rng([self.seed, attempt, zlib.crc32(name.encode())])

    def normal(self, name, *shape, attempt=0, scale=1.0):
        """Normal numbers, rounded to multiples of 1/64, none of them 0."""
        values = np.round(64 * scale * self.rng(name, attempt).normal(size=shape)) / 64
        return np.where(values == 0, 1 / 64, values)

    def scalar(self, name):
        """A number between 1.25 and 2.75: not 0, not 1."""
        return np.float64(1.25 + self.rng(name).integers(97) / 64)

    def gamma(self):
        """(h,), signs alternate, sizes lie in [1.25, 2.75); or a negative scalar."""
        if self.scalars:
            return -self.scalar("gamma")
        return (1.25 + self.rng("gamma").integers(96, size=self.h) / 64) * (-1.0) ** np.arange(self.h)

    def beta(self):
        """(h,), no entry 0; or a scalar."""
        return self.scalar("beta") if self.scalars else self.normal("beta", self.h)

    def uniform(self, name, *shape):
        """Draws in [0, 1) for dropout; the first is p itself (kept), the second 0 (dropped), the last 63/64 (kept)."""
        values = self.rng(name).integers(64, size=shape) / 64
        values.flat[-1], values.flat[0], values.flat[1] = 63 / 64, P, 0
        return values

    def distributions(self, name, m, K):
        """(m, K), rows that sum to one: soft labels, and in the last row a hard one."""
        rows = self.rng(name).multinomial(16, np.full(K, 1 / K), size=m) / 16
        rows[-1] = np.eye(K)[self.seed % K]
        return rows

    def batch(self):
        """(m, h), the input of a batch norm: feature 0 hardly varies about 1."""
        x = self.normal("batch", self.m, self.h)
        x[:, 0] = 1 + self.rng("low variance").integers(-2, 3, size=self.m) / 64
        x[:2, 0] = 1 + np.array([-1, 2]) / 64
        return x

    def network(self):
        """The arguments of the two-branch network, by name. Drawn again until each unit of both branches is on for some
        samples and off for others, none stands on ReLU's kink, and no class is all but ruled out."""
        fixed = dict(
            y_a=self.normal("y_a", self.m, self.h),
            y_b=self.distributions("y_b", self.m, self.K),
            gamma=self.gamma(),
            beta=self.beta(),
            r=self.uniform("r", self.m, self.h),
            p=P,
            eps=EPS,
        )
        for attempt in count():
            drawn = dict(
                x=self.normal("x", self.m, self.n, attempt=attempt),
                theta_1a=self.normal("theta_1a", self.h, self.n, attempt=attempt),
                theta_1b=self.normal("theta_1b", self.h, self.n, attempt=attempt),
                theta_2a=self.normal("theta_2a", self.h, self.h, attempt=attempt, scale=0.5),
                theta_2b=self.normal("theta_2b", self.K, self.h, attempt=attempt, scale=0.25),
            )
            drawn["theta_1b"][0] = np.sign(drawn["theta_1b"][0]) / 64  # batch norm's feature of low variance
            seen = network(np, **drawn, **fixed)
            z = np.stack([seen["z_1a"], seen["z_1b"]])
            mixed = (z != 0).all() and (z.max(axis=1) > 0).all() and (z.min(axis=1) < 0).all()
            if mixed and seen["y_hat_b"].min() > 0.01:
                return drawn | fixed


PROBLEMS = {"arrays": Problem(seed=1), "scalars": Problem(seed=2, m=6, n=3, h=5, K=4, scalars=True)}
TINY = Problem(seed=3, m=3, n=2, h=2, K=3)  # for SymPy, which then takes seconds

"""Every function of solutions/ with arguments that fit, and a walk through them."""

import numpy as np

import solutions
from verification.checks.two_branch import two_branch_arguments
from verification.problems import EPS, P


def every_call(problem):
    """{function name: arguments}, the backward passes with the cache of their own forward pass."""
    m, n, h, K = problem.m, problem.n, problem.h, problem.K
    x, r, z = problem.normal("x", m, n), problem.uniform("r", m, n), problem.normal("scores", m, K)
    dout = np.float64(problem.scalar("dout"))
    norm = problem.batch(), problem.gamma(), problem.beta(), EPS
    forward = {
        "linear": (x, problem.normal("theta", h, n)),
        "relu": (x,),
        "dropout": (x, r, P),
        "batch_norm": norm,
        "softmax": (z,),
        "squared_error": (x, problem.normal("y", m, n)),
        "cross_entropy": (z, problem.distributions("y_b", m, K)),
        "two_branch": two_branch_arguments(problem.network()),
    }
    calls = {f"{name}_forward": args for name, args in forward.items()}
    for name, args in forward.items():
        out, cache = getattr(solutions, f"{name}_forward")(*args)
        calls[f"{name}_backward"] = problem.normal("dout", *out.shape) if np.ndim(out) else dout, cache
    _, cache = calls["two_branch_backward"]
    dz_2b = problem.normal("dz_2b", m, K)
    return calls | {
        "dropout_jacobian": (r[0], P),
        "batch_norm_jacobian": norm,
        "softmax_jacobian": (z[0],),
        "head_backward": (dout, cache),
        "branch_b_backward": (dz_2b, cache),
        "branch_a_backward": (dout, dz_2b, cache),
    }


def leaves(value, path=()):
    """(path, leaf) of every array and number in tuples and dicts."""
    if isinstance(value, dict | tuple):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from leaves(inner, (*path, key))
    else:
        yield path, value


def changed(value, change, at=None, path=()):
    """The same tuples and dicts with change(leaf) for every leaf, or for the one at a path."""
    if isinstance(value, dict):
        return {key: changed(inner, change, at, (*path, key)) for key, inner in value.items()}
    if isinstance(value, tuple):
        return tuple(changed(inner, change, at, (*path, i)) for i, inner in enumerate(value))
    return change(value) if at in (None, path) else value

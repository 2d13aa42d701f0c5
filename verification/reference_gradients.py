"""References that know nothing of solutions/: the forward passes, written anew, and five ways to differentiate them.

A forward pass takes `xp`, the arithmetic to use, and its inputs by name. A reference, called as
`reference(forward, inputs, names)`, returns {name: Jacobian} of the output with respect to each of the named inputs, of
shape output.shape + input.shape.
"""

import functools

import autograd
import autograd.numpy
import numpy as np
import sympy

from autograder.gradcheck import numerical_jacobian

# ----------------------------------------------------------------------------------------------- the forward passes


def linear(xp, x, theta):
    """(m, h) from x (m, n) and theta (h, n)."""
    return xp.einsum("mn,hn->mh", x, theta)


def relu(xp, z):
    """What is positive; a perturbation (imaginary, or the symbol t) does not decide."""
    return xp.where(xp.real(z) > 0, z, 0)


def dropout(xp, x, r, p):
    """Kept where r >= p, scaled by 1/(1 - p)."""
    return xp.where(xp.real(r) >= p, x / (1 - p), 0)


def batch_norm(xp, x, gamma, beta, eps):
    """With the statistics of the batch."""
    m = len(x)
    centred = x - x.sum(axis=0) / m
    return gamma * centred / xp.sqrt((centred * centred).sum(axis=0) / m + eps) + beta


def softmax(xp, x):
    """Along the last axis, without the shift: the inputs are small."""
    e = xp.exp(x)
    return e / e.sum(axis=-1, keepdims=True)


def squared_error(xp, y_hat, y):
    """(1/m) sum_i 1/2 |y_hat_i - y_i|^2."""
    return ((y_hat - y) * (y_hat - y)).sum() / 2 / len(y)


def cross_entropy(xp, z, y):
    """-(1/m) sum_i sum_k y_ik log softmax(z_i)_k."""
    return -(y * xp.log(softmax(xp, z))).sum() / len(y)


def network(xp, x, y_a, y_b, theta_1a, theta_1b, theta_2a, theta_2b, gamma, beta, r, p, eps, **nudge):
    """Every intermediate of the two-branch network, and the two losses. A nudge that bears an intermediate's name is
    added to it: the gradient along the nudge, at 0, is the gradient of the intermediate."""
    seen = {}

    def name(key, value):
        seen[key] = value + nudge[key] if key in nudge else value
        return seen[key]

    a_1a = name("a_1a", relu(xp, name("z_1a", linear(xp, x, theta_1a))))
    z_2a = name("z_2a", linear(xp, name("d", dropout(xp, a_1a, r, p)), theta_2a))
    a_1b = name("a_1b", relu(xp, name("z_1b", linear(xp, x, theta_1b))))
    s = name("s", name("c", batch_norm(xp, a_1b, gamma, beta, eps)) + z_2a)
    y_hat_b = name("y_hat_b", softmax(xp, name("z_2b", linear(xp, s, theta_2b))))
    seen["loss_a"] = squared_error(xp, z_2a, y_a)
    seen["loss_b"] = -(y_b * xp.log(y_hat_b)).sum() / len(x)
    return seen


def network_loss(xp, **inputs):
    """The loss of both branches."""
    seen = network(xp, **inputs)
    return seen["loss_a"] + seen["loss_b"]


def network_scores(xp, **inputs):
    """z_2b (m, K): what the head reads."""
    return network(xp, **inputs)["z_2b"]


def network_loss_a(xp, **inputs):
    """The squared error alone."""
    return network(xp, **inputs)["loss_a"]


# --------------------------------------------------------------------------------------------------- the references


def remember(reference):
    """A reference is asked the same thing many times (once for each broken function): compute it once."""
    known = {}

    @functools.wraps(reference)
    def remembering(forward, inputs, along):
        arrays = {name: np.asarray(value) for name, value in inputs.items()}
        data = tuple((name, value.shape, value.tobytes()) for name, value in sorted(arrays.items()))
        for name in along:
            if (forward, name, data) not in known:
                known[forward, name, data] = reference(forward, arrays, name)
        return {name: known[forward, name, data].copy() for name in along}

    return remembering


def _by_entry(slope, shape):
    """The Jacobian, from slope(index), the slope of the output along one entry of the input."""
    slopes = np.stack([slope(index) for index in np.ndindex(shape)], axis=-1)
    return slopes.reshape(slopes.shape[:-1] + shape)


def _moved(inputs, name, index, step):
    """The inputs, with one entry moved by step."""
    moved = inputs[name].astype(np.result_type(inputs[name], np.asarray(step)))
    moved[index] += step
    return inputs | {name: moved}


@remember
def central(forward, inputs, name, h=2e-6):
    """(f(v + h) - f(v - h)) / 2h, entry by entry."""

    def slope(index):
        there, back = (forward(autograd.numpy, **_moved(inputs, name, index, step)) for step in (h, -h))
        return (there - back) / (2 * h)

    return _by_entry(slope, inputs[name].shape)


@remember
def complex_step(forward, inputs, name, h=1e-20):
    """Im f(v + ih) / h, entry by entry: Squire and Trapp (1998). No subtraction, so no digits are lost."""

    def slope(index):
        return forward(autograd.numpy, **_moved(inputs, name, index, 1j * h)).imag / h

    return _by_entry(slope, inputs[name].shape)


@remember
def oracle(forward, inputs, name):
    """What students are graded with: autograder.gradcheck, by the engine that it trusts there."""
    return numerical_jacobian(lambda v: forward(autograd.numpy, **inputs | {name: v}), {"v": inputs[name]})["v"]


@remember
def automatic(forward, inputs, name):
    """HIPS autograd: a tape of the forward pass, run backward."""
    return autograd.jacobian(lambda v: forward(autograd.numpy, **inputs | {name: v}))(inputs[name])


T = sympy.Symbol("t")
DIGITS = 40


def _slope(value):
    """The derivative along t at t = 0, by SymPy."""
    return sympy.diff(value, T).subs(T, 0)


def _entrywise(function):
    return np.vectorize(function, otypes=[object])


def _first_order(value):
    """A number, or the tangent at t = 0: all that a derivative at 0 needs, and short."""
    value = sympy.sympify(value)
    return value.subs(T, 0) + _slope(value) * T if value.has(T) else value


class Symbols:
    """The arithmetic of expressions in t, with numbers of 40 digits."""

    exp, log, sqrt = (_entrywise(lambda v, f=f: _first_order(f(v))) for f in (sympy.exp, sympy.log, sympy.sqrt))
    real = _entrywise(lambda value: sympy.sympify(value).subs(T, 0))
    where = staticmethod(np.where)

    @staticmethod
    def einsum(_, x, theta):
        return _entrywise(_first_order)(_entrywise(_first_order)(x) @ theta.T)


@remember
def symbolic(forward, inputs, name):
    """SymPy: put t beside one entry, differentiate the expression that comes out, and set t = 0, entry by entry."""
    number = _entrywise(lambda value: sympy.Float(sympy.Rational(value), DIGITS))
    numbers = {name: number(value) for name, value in inputs.items()}

    @np.errstate(all="ignore")  # a SymPy number beyond float64's range is no error
    def slope(index):
        return _entrywise(_slope)(forward(Symbols, **_moved(numbers, name, index, T))).astype(float)

    return _by_entry(slope, inputs[name].shape)

"""The tests, tested: every small mistake in a function must be seen, by each reference by itself."""

import pytest

import solutions
from tests.solutions import test_identities
from tests.solutions.mutants import mutants
from verification.equation_registry import CHECKS, TRIALS, by_function, run_check, takes_reference

IDENTITIES = by_function([test_identities], "lines")
REFERENCES = {reference.__name__: reference for reference, _ in TRIALS.values()}

# A mistake that changes nothing, so that no reference can see it: ReLU's value at 0 is 0 whichever side it counts to,
# and linear_backward reads s and theta for two gradients of which these lines keep one.
HARMLESS = {
    "relu_forward": ["return (np.where(z.real > 0, z, 0), (z,))  ->  return (np.where(z.real >= 0, z, 0), (z,))"],
    "head_backward": [
        "_, dtheta_2b = linear_backward(dz_2b, (cache['s'], cache['theta_2b']))  ->  "
        "_, dtheta_2b = linear_backward(dz_2b, (cache['s'], -1.0 * cache['theta_2b']))"
    ],
    "branch_b_backward": [
        "dc, _ = linear_backward(dz_2b, (cache['s'], cache['theta_2b']))  ->  "
        "dc, _ = linear_backward(dz_2b, (-1.0 * cache['s'], cache['theta_2b']))",
        "_, dtheta_1b = linear_backward(dz_1b, (cache['x'], cache['theta_1b']))  ->  "
        "_, dtheta_1b = linear_backward(dz_1b, (cache['x'], -1.0 * cache['theta_1b']))",
        # what one function hands to another is not checked again, and a generator is taken apart like a tuple
        "batch_norm_cache = tuple((cache[name] for name in ('x_hat', 'mu_b', 'var_b', 'gamma', 'beta', 'eps')))  ->  "
        "batch_norm_cache = (cache[name] for name in ('x_hat', 'mu_b', 'var_b', 'gamma', 'beta', 'eps'))",
    ],
    "branch_a_backward": [
        "ds, _ = linear_backward(dz_2b, (cache['s'], cache['theta_2b']))  ->  "
        "ds, _ = linear_backward(dz_2b, (-1.0 * cache['s'], cache['theta_2b']))",
        "_, dtheta_1a = linear_backward(dz_1a, (cache['x'], cache['theta_1a']))  ->  "
        "_, dtheta_1a = linear_backward(dz_1a, (cache['x'], -1.0 * cache['theta_1a']))",
    ],
}
# What one reference cannot see. A central difference straddles ReLU's kink, so its test keeps away from it. In exact
# arithmetic no exponential overflows, and a generator unpacks like a tuple where nothing checks it.
BLIND = {
    ("relu_backward", "central"): ["dz = np.where(z > 0, dout, 0)  ->  dz = np.where(z >= 0, dout, 0)"],
    ("softmax_jacobian", "identity"): [
        "e = np.exp(x - x.max())  ->  e = np.exp(x + x.max())",
        "e = np.exp(x - x.max())  ->  e = np.exp(x)",
    ],
    ("branch_b_backward", "identity"): [
        "batch_norm_cache = tuple((cache[name] for name in ('x_hat', 'mu_b', 'var_b', 'gamma', 'beta', 'eps')))  ->  "
        "batch_norm_cache = (cache[name] for name in ('x_hat', 'mu_b', 'var_b', 'gamma', 'beta', 'eps'))"
    ],
}


def test_every_function_is_judged():
    assert CHECKS.keys() == set(solutions.__all__)


@pytest.mark.filterwarnings("ignore")  # a mistake may divide by zero
@pytest.mark.parametrize("name", CHECKS)
def test_every_mistake_is_seen(name):
    check = CHECKS[name]
    for reference_name, reference in REFERENCES.items() if takes_reference(check) else [("values", None)]:
        each_is_seen(name, reference_name, lambda function, reference=reference: run_check(check, function, reference))


@pytest.mark.soak  # a difference that is not 0 is a long expression
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", IDENTITIES)
def test_every_mistake_breaks_the_identity(name):
    each_is_seen(name, "identity", IDENTITIES[name])


def each_is_seen(name, reference_name, judgement):
    """Most by their numbers: a mistake that ends in another error is seen too, but proves little."""
    judgement(getattr(solutions, name))
    outcomes = {change: outcome(judgement, mutant) for change, mutant in mutants(getattr(solutions, name))}
    unseen = {change for change, seen in outcomes.items() if seen == "unseen"}
    assert unseen == {*HARMLESS.get(name, []), *BLIND.get((name, reference_name), [])}, reference_name
    assert sum(seen == "seen by its numbers" for seen in outcomes.values()) >= 3, reference_name


def outcome(judgement, function):
    try:
        judgement(function)
    except AssertionError:
        return "seen by its numbers"
    except Exception as error:
        return type(error).__name__
    return "unseen"

"""What is right for each part of a question: the forward steps of hw1, and numerical derivatives of its forward passes.

No backward pass of solutions/ is used here. The reference of a part is a function of the question's inputs `q` and of
the parts `a` that it is computed from. On right parts it gives the truth; on a student's own parts, what is right after
them.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np

from autograder.gradcheck import numerical_gradient, numerical_jacobian
from autograder.questions.graded import Cost, GradedQuestions, Reference, TrustedDraw
from autograder.questions.model import Values, by_id
from autograder.steps import Evaluation
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

from . import examples
from .network import INTERMEDIATES, PARAMS
from .questions import QUESTIONS
from .steps import STEPS


def run(q: Mapping[str, Any]) -> dict[str, Any]:
    """The network's inputs, and every intermediate of its trusted forward pass."""
    params = {name: q[name] for name in PARAMS}
    return {**q, **two_branch_forward(q["x"], q["y_a"], q["y_b"], params, q["r"], q["p"], q["eps"])[1]}


def _is_informative(q: Mapping[str, Any]) -> bool:
    """Whether no probability is nearly 0, and the gradient of d, in branch A's own question and in the whole pass, has
    both signs where ReLU and dropout let it pass. The public draw cannot see to that without the forward pass.
    """
    passes = (q["mask"] > 0) & (q["z_1a"] > 0)
    own_loss, m = q["dout"] * (q["z_2a"] - q["y_a"]), len(q["x"])
    scores = (q["dz_2b"], q["dout"] * (q["y_hat_b"] - q["y_b"]) / m)
    back = [((own_loss / m + dz_2b @ q["theta_2b"]) @ q["theta_2a"])[passes] for dz_2b in scores]
    return q["y_hat_b"].min() > 1e-6 and all(dd.min() < 0 < dd.max() for dd in back)


def _vjp(forward: Callable, upstream: Any, **param: Any) -> np.ndarray:
    """The gradient of sum(upstream * out) with respect to the one parameter that is named."""
    (name,) = param
    return numerical_gradient(forward, param, upstream, method="complex")[name]


def _jacobian(forward: Callable, **param: Any) -> np.ndarray:
    """The Jacobian of a forward pass with respect to the one parameter that is named."""
    (name,) = param
    return numerical_jacobian(forward, param, method="complex")[name]


def _softmax_jacobians(q: Values, a: Values) -> np.ndarray:
    return np.stack([_jacobian(softmax_forward, x=row) for row in q["z_2b"]])


def _batch_norm_gradient(q: Values, a: Values, name: str) -> np.ndarray:
    def forward(a_1b: Any, gamma: Any, beta: Any) -> Any:
        return batch_norm_forward(a_1b, gamma, beta, q["eps"])

    held = {key: q[key] for key in ("a_1b", "gamma", "beta") if key != name}
    return _vjp(partial(forward, **held), a["dc"], **{name: q[name]})


def _batch_norm_jacobian(q: Values, a: Values, name: str) -> np.ndarray:
    forward = partial(batch_norm_forward, **{k: q[k] for k in ("x", "gamma", "beta", "eps") if k != name})
    return _jacobian(forward, **{name: q[name]})


def loss(q: Values, **params: Any) -> Any:
    """The network's loss on a draw q, with some of its parameters given."""
    params = {name: q[name] for name in PARAMS} | params
    value, _ = two_branch_forward(q["x"], q["y_a"], q["y_b"], params, q["r"], q["p"], q["eps"])
    return value


def _loss_gradient(name: str) -> Reference:
    """The gradient of the network's loss with respect to one parameter."""
    return lambda q, a: _vjp(lambda **params: loss(q, **params), q["dout"], **{name: q[name]})


def _step(name: str) -> Reference:
    """A step of hw1's network as a reference."""
    return lambda q, a: STEPS[name](Evaluation(STEPS, {**q, **a}))


def _gradient_of_z_2a(q: Values, a: Values) -> np.ndarray:
    """The sum over both paths from z_2a to the loss: the squared error, and the sum s."""
    direct = _vjp(lambda z: squared_error_forward(z, q["y_a"])[0], q["dout"], z=q["z_2a"])
    return direct + _vjp(lambda z: linear_forward(q["c"] + z, q["theta_2b"]), q["dz_2b"], z=q["z_2a"])


REFERENCES: dict[str, dict[str, Reference]] = {
    "1-1": {
        "dy_dgamma": lambda q, a: _batch_norm_jacobian(q, a, "gamma"),
        "dy_dbeta": lambda q, a: _batch_norm_jacobian(q, a, "beta"),
    },
    "1-2": {
        "out": lambda q, a: dropout_forward(q["x"], q["r"], q["p"])[0],
        "jacobian": lambda q, a: _jacobian(lambda x: dropout_forward(x, q["r"], q["p"]), x=q["x"]),
    },
    "1-3": {"jacobian": lambda q, a: _jacobian(softmax_forward, x=q["x"])},
    "2-1": {name: _step(name) for name in (*INTERMEDIATES, "loss")},
    "2-2 head": {
        "dy_hat_b": lambda q, a: _vjp(
            lambda y_hat_b: -(q["y_b"] * np.log(y_hat_b)).sum() / len(q["y_b"]), q["dout"], y_hat_b=q["y_hat_b"]
        ),
        "dy_hat_b_dz_2b": _softmax_jacobians,
        "dz_2b": lambda q, a: _vjp(lambda z: cross_entropy_forward(z, q["y_b"]), q["dout"], z=q["z_2b"]),
        "dtheta_2b": lambda q, a: _vjp(lambda theta: linear_forward(q["s"], theta), a["dz_2b"], theta=q["theta_2b"]),
    },
    "2-2 branch b": {
        "dz_2b_dc": lambda q, a: _jacobian(lambda c: (c + q["z_2a"][0]) @ q["theta_2b"].T, c=q["c"][0]),
        "dc": lambda q, a: _vjp(lambda c: linear_forward(c + q["z_2a"], q["theta_2b"]), q["dz_2b"], c=q["c"]),
        "dbeta": lambda q, a: _batch_norm_gradient(q, a, "beta"),
        "dgamma": lambda q, a: _batch_norm_gradient(q, a, "gamma"),
        "da_1b": lambda q, a: _batch_norm_gradient(q, a, "a_1b"),
        "dz_1b": lambda q, a: _vjp(relu_forward, a["da_1b"], z=q["z_1b"]),
        "dtheta_1b": lambda q, a: _vjp(lambda theta: linear_forward(q["x"], theta), a["dz_1b"], theta=q["theta_1b"]),
    },
    "2-2 branch a": {
        "dz_2a": _gradient_of_z_2a,
        "dtheta_2a": lambda q, a: _vjp(lambda theta: linear_forward(q["d"], theta), a["dz_2a"], theta=q["theta_2a"]),
        "dd": lambda q, a: _vjp(lambda d: linear_forward(d, q["theta_2a"]), a["dz_2a"], d=q["d"]),
        "dz_1a": lambda q, a: _vjp(lambda z: relu_forward(z)[0] * q["mask"], a["dd"], z=q["z_1a"]),
        "dtheta_1a": lambda q, a: _vjp(lambda theta: linear_forward(q["x"], theta), a["dz_1a"], theta=q["theta_1a"]),
    },
    "2-2": {f"d{name}": _loss_gradient(name) for name in PARAMS},
}


# In the last of three draws z is exactly 0 at one entry of each branch. What is right there comes from complex steps,
# which take ReLU's slope by z's real part.
DRAWS = {"network": TrustedDraw(run, _is_informative, {"kink": True})}
COST = Cost("2-2", PARAMS, loss, sizes=((16, 32, 64, 10), (16, 64, 128, 10)))
GRADED = GradedQuestions(by_id((*QUESTIONS.values(), *examples.QUESTIONS)), DRAWS, REFERENCES, COST)

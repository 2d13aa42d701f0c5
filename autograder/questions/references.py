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
from autograder.hw1.steps import STEPS
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

from .draws import graded_draw
from .public import INTERMEDIATES, PARAMS, QUESTIONS, SEEDS

Values = Mapping[str, Any]
Reference = Callable[[Values, Values], Any]


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


def truth(question_id: str, q: Values) -> dict[str, Any]:
    """What is right for each part, on a draw q."""
    if question_id not in REFERENCES:  # made by public.ask: its own forward pass is the trusted one
        return QUESTIONS[question_id].reference({}, q)
    right: dict[str, Any] = {}
    for name, reference in REFERENCES[question_id].items():
        right[name] = reference(q, right)
    return right


def stored_numbers() -> dict[str, dict]:
    """What checks.py is given at release: public inputs, and what is right for the parts that no forward pass shows.

    Returns {question id: {seed: {part: right value}}}, and under "inputs" {family: {seed: inputs}}.
    """
    stored: dict[str, dict] = {"inputs": {}}
    for question in QUESTIONS.values():
        if question.reference and question.family != "network":
            continue
        inputs = stored["inputs"].setdefault(question.family, {})
        stored[question.id] = {}
        for seed in SEEDS:
            inputs[seed] = graded_draw(question.id, seed)
            stored[question.id][seed] = truth(question.id, inputs[seed])
    return stored

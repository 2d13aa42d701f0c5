"""Which mistake is it? The bank of wrong formulas, and which of them an answer equals.

The network is written down once more, step by step, each step a formula of the inputs and of other steps (STEPS). A
mistake is a wrong version of one step, declared once (MISTAKES). Replace that step, and what follows from it follows by
itself: the wrong values of later parts, and the six wrong gradients of the whole.

**When an answer is named.** A part that is wrong by itself, not merely built on a wrong one, is compared with what each
mistake of its question gives there, after the student's own earlier parts and after right ones; equal means to the
precision of the oracle. Unless one mistake explains every part, each two that both bear on this one are tried together.
Of several that fit, the one counts that gives the most of the answer's other parts too, then the one with the fewest
mistakes in it. Two that still differ name nothing. So does one that was made elsewhere and would have spoilt more right
parts than it explains wrong ones.

Mistakes that a question cannot tell apart are one entry of its bank, with all their names. Three mistakes in one part
are not looked for: what the numbers show (a factor, a sign, a place) is said by gradcheck.symptoms in any case.

The teacher's side: no release holds this file.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache, partial
from itertools import combinations

import numpy as np

from autograder import questions
from autograder.questions import QUESTIONS, public

TOLERANCE = 1e-9  # a mistake is named where an answer equals its formula, far closer than a right answer has to come

# ---------------------------------------------------------------------------------------------------------------------
# The right steps. A step that is a part of a question has that part's name; the others are pieces of one such step.


def _softmax(z, axis=-1):
    e = np.exp(z - z.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def _outer(y):
    return y[..., :, None] * y[..., None, :]


def _diagonal(y):
    return y[..., :, None] * np.eye(y.shape[-1])


STEPS: dict[str, Callable] = {
    # forward, branch A
    "z_1a": lambda v: v.x @ v.theta_1a.T,
    "a_1a": lambda v: np.maximum(v.z_1a, 0),
    "kept": lambda v: v.r >= v.p,
    "scale": lambda v: 1 / (1 - v.p),
    "mask": lambda v: v.kept * v.scale,
    "d": lambda v: v.a_1a * v.mask,
    "dropout_jacobian": lambda v: np.diag(v.mask),
    "z_2a": lambda v: v.d @ v.theta_2a.T,
    # forward, branch B
    "z_1b": lambda v: v.x @ v.theta_1b.T,
    "a_1b": lambda v: np.maximum(v.z_1b, 0),
    "mu_b": lambda v: v.a_1b.mean(axis=0),
    "var_b": lambda v: ((v.a_1b - v.mu_b) ** 2).mean(axis=0),
    "std_b": lambda v: np.sqrt(v.var_b + v.eps),
    "x_hat": lambda v: (v.a_1b - v.mu_b) / v.std_b,
    "c": lambda v: v.gamma * v.x_hat + v.beta,
    "dy_dgamma": lambda v: _diagonal(v.x_hat),
    "dy_dbeta": lambda v: _diagonal(np.ones_like(v.x_hat)),
    # forward, head
    "s": lambda v: v.c + v.z_2a,
    "z_2b": lambda v: v.s @ v.theta_2b.T,
    "y_hat_b": lambda v: _softmax(v.z_2b),
    "loss_a": lambda v: ((v.z_2a - v.y_a) ** 2).sum() / (2 * len(v.y_a)),
    "loss_b": lambda v: -(v.y_b * np.log(v.y_hat_b)).sum() / len(v.y_b),
    "loss": lambda v: v.loss_a + v.loss_b,
    # backward, head
    "dy_hat_b": lambda v: -v.dout * v.y_b / v.y_hat_b / len(v.y_b),
    "dy_hat_b_dz_2b": lambda v: _diagonal(v.y_hat_b) - _outer(v.y_hat_b),
    "delta_b": lambda v: v.y_hat_b - v.y_b,
    "share_b": lambda v: 1 / len(v.y_b),
    "dz_2b": lambda v: v.dout * v.share_b * v.delta_b,
    "dtheta_2b": lambda v: v.dz_2b.T @ v.s,
    # backward, branch B
    "dz_2b_dc": lambda v: v.theta_2b,
    "dc": lambda v: v.dz_2b @ v.theta_2b,
    "dbeta": lambda v: v.dc.sum(axis=0),
    "dgamma": lambda v: (v.dc * v.x_hat).sum(axis=0),
    "dx_hat": lambda v: v.dc * v.gamma,
    "mean_path": lambda v: v.dx_hat.mean(axis=0),
    "var_path": lambda v: v.x_hat * (v.dx_hat * v.x_hat).mean(axis=0),
    "back_std": lambda v: np.sqrt(v.var_b + v.eps),
    "da_1b": lambda v: (v.dx_hat - v.mean_path - v.var_path) / v.back_std,
    "slope_1b": lambda v: v.z_1b > 0,
    "dz_1b": lambda v: v.da_1b * v.slope_1b,
    "dtheta_1b": lambda v: v.dz_1b.T @ v.x,
    # backward, branch A
    "delta_a": lambda v: v.z_2a - v.y_a,
    "share_a": lambda v: 1 / len(v.y_a),
    "own_loss": lambda v: v.dout * v.share_a * v.delta_a,
    "from_b": lambda v: v.dz_2b @ v.theta_2b,
    "dz_2a": lambda v: v.own_loss + v.from_b,
    "dtheta_2a": lambda v: v.dz_2a.T @ v.d,
    "dd": lambda v: v.dz_2a @ v.theta_2a,
    "back_mask": lambda v: v.mask,
    "slope_1a": lambda v: v.z_1a > 0,
    "dz_1a": lambda v: v.dd * v.back_mask * v.slope_1a,
    "dtheta_1a": lambda v: v.dz_1a.T @ v.x,
}

# Block 1 asks for steps of the same network under other names.
INPUTS = {"1-1": "a_1b", "1-2": "a_1a", "1-3": "z_2b"}  # what x is there
PARTS = {("1-2", "out"): "d", ("1-2", "jacobian"): "dropout_jacobian", ("1-3", "jacobian"): "dy_hat_b_dz_2b"}


# Where a part's equation in the book is not called after the part.
EQUATIONS = {
    "mask": "dropout-forward",
    "dropout_jacobian": "jac-dropout",
    "dy_dgamma": "jac-batch-norm-gamma",
    "dy_dbeta": "jac-batch-norm-beta",
    "dy_hat_b_dz_2b": "jac-softmax",
    "dz_2b_dc": "jac-z-2b-c",
}


class Chain:
    """Inputs, and every step from the moment that it is asked for; `wrong` replaces some of the steps.

    `yours` are a student's values by step: a formula may read off them what no formula knows, a mask of other draws.
    """

    def __init__(self, inputs, wrong=None, yours=None):
        self.__dict__.update(inputs)
        self._steps = STEPS | (wrong or {})
        self.yours = yours

    def __getattr__(self, name):
        if name.startswith("_") or name not in self._steps:
            raise AttributeError(name)
        value = self.__dict__[name] = self._steps[name](self)
        return value


def inputs_of(question_id, q):
    """What a question's functions are given, by name, out of a draw."""
    inputs = {}
    for call in QUESTIONS[question_id].calls:
        inputs |= named_inputs(question_id, call, public.arguments(call, q))
    return inputs


def named_inputs(question_id, call, arguments):
    """The arguments of one call, by name."""
    inputs = {}
    for name, value in zip(call.arguments, arguments, strict=True):
        inputs |= value if isinstance(value, dict) else {name: value}
    if question_id in INPUTS and "x" in inputs:
        inputs[INPUTS[question_id]] = inputs["x"]
    return inputs


def answer(question_id, q, wrong=None, yours=None):
    """{part: value}, what comes out for each part of a question with these steps replaced; with none, what is right."""
    chain = Chain(inputs_of(question_id, q), wrong, yours)
    return {part.name: getattr(chain, step_of(question_id, part.name)) for part in QUESTIONS[question_id].parts}


def step_of(question_id, part):
    """The step that a question's part is."""
    return PARTS.get((question_id, part), part)


# ---------------------------------------------------------------------------------------------------------------------
# The bank


@dataclass(frozen=True, eq=False)
class Mistake:
    """A wrong version of one step.

    part: the step that it concerns. name: a few words. wrong: a formula for that step, or {step: formula} where it sits
    in a piece of the step or in several. what: a sentence of what went wrong. look: a sentence of what to look at.
    equation: its label in the book. only: the questions that it makes sense for; empty means wherever the step occurs.
    """

    part: str
    name: str
    wrong: Callable | dict[str, Callable]
    what: str
    look: str
    label: str = ""
    only: tuple[str, ...] = ()

    @property
    def steps(self):
        return self.wrong if isinstance(self.wrong, dict) else {self.part: self.wrong}

    @property
    def equation(self):
        grad = self.part.startswith("d") and self.part != "d"
        own = ("grad-" + self.part[1:] if grad else self.part).replace("_", "-")
        return self.label or EQUATIONS.get(self.part, own)


def _through_softmax(v):
    """dz_2b by way of the Jacobian, whatever that is."""
    return np.einsum("ij,ijk->ik", v.dy_hat_b, v.dy_hat_b_dz_2b)


def _jacobian(name, formula, what, look):
    """A mistake in softmax's Jacobian, and in the gradient that is taken through it."""
    steps = {"dy_hat_b_dz_2b": lambda v: formula(v.y_hat_b), "dz_2b": _through_softmax}
    return Mistake("dy_hat_b_dz_2b", name, steps, what, look)


def _other_mask(v, part):
    """A mask of other draws, read off where the answer is 0 (made up where there is no answer).

    NaN, which equals nothing, where something simpler explains those zeros: a threshold on r (which all kept, all
    dropped, keep and drop swapped are too), or one mask for all samples.
    """
    if v.yours is None:
        on = np.random.default_rng(5).uniform(size=v.r.shape) >= v.p
    else:
        mine = v.yours.get(part)
        on = (mine if np.shape(mine) == v.r.shape else np.zeros(v.r.shape)) != 0
    seen = v.z_1a > 0 if part == "dz_1a" else np.full(v.r.shape, True)
    kept, dropped = v.r[on & seen], v.r[~on & seen]
    threshold = kept.min(initial=1) >= dropped.max(initial=0) or kept.max(initial=0) <= dropped.min(initial=1)
    several = ((on & seen).any(axis=0) & (~on & seen).any(axis=0)).any()
    return on / (1 - v.p) if several and not threshold else np.full(v.r.shape, np.nan)


# fmt: off
_BATCH_NORM = (
    Mistake("mu_b", "statistics over the whole array",
            {"mu_b": lambda v: v.a_1b.mean(), "var_b": lambda v: v.a_1b.var()},
            "One mean and one variance were taken over all entries; batch norm takes one of each for every feature.",
            "Look at the axis: a mean over the samples leaves n_h numbers, not one."),
    Mistake("mu_b", "statistics along the features",
            {"mu_b": lambda v: v.a_1b.mean(axis=1, keepdims=True),
             "var_b": lambda v: v.a_1b.var(axis=1, keepdims=True)},
            "Mean and variance were taken within each sample (layer norm); batch norm takes them over the batch.",
            "Rows are samples: the mean over the batch runs along axis 0."),
    Mistake("var_b", "variance with m − 1", lambda v: v.a_1b.var(axis=0, ddof=1),
            "The squares were divided by m − 1; batch norm divides by m.",
            "m − 1 corrects an estimate of a population; here the batch itself is meant."),
    Mistake("var_b", "standard deviation for the variance", lambda v: v.a_1b.std(axis=0),
            "σ_B was kept where σ_B² is wanted, so that the root is taken twice.",
            "The mean of squares is σ_B², and its root is taken once, in x̂."),
    Mistake("var_b", "variance without its mean subtracted", lambda v: (v.a_1b**2).mean(axis=0),
            "The mean of the squares was taken, and μ_B was not subtracted first.",
            "The variance measures the distance from μ_B, not from 0."),
    Mistake("var_b", "sum for mean in the variance", lambda v: ((v.a_1b - v.mu_b) ** 2).sum(axis=0),
            "The squares were added up and not divided by m.",
            "Twice the batch would give twice the variance: a mean must not do that."),
    Mistake("x_hat", "μ_B² where σ_B² belongs", {"std_b": lambda v: np.sqrt(v.mu_b**2 + v.eps)},
            "x̂ was divided by √(μ_B² + ε); it is divided by √(σ_B² + ε).",
            "After standardising, each feature has variance 1: compute it and see."),
    Mistake("x_hat", "ε left out", {"std_b": lambda v: np.sqrt(v.var_b)},
            "x̂ was divided by √σ_B², without ε.",
            "Look at a feature that hardly varies: there ε is what counts."),
    Mistake("x_hat", "ε outside the root", {"std_b": lambda v: np.sqrt(v.var_b) + v.eps},
            "x̂ was divided by √σ_B² + ε; ε is added to the variance, under the root.",
            "Compare √(σ² + ε) and √σ² + ε at σ² = 0."),
    Mistake("x_hat", "no root", {"std_b": lambda v: v.var_b + v.eps},
            "x̂ was divided by σ_B² + ε, and the root is missing.",
            "A distance is divided by a distance: the variance has its unit squared."),
    Mistake("x_hat", "mean not subtracted", lambda v: v.a_1b / v.std_b,
            "The activation was divided by the spread, and μ_B was not subtracted.",
            "Each feature of x̂ has mean 0 over the batch: compute it and see."),
    Mistake("c", "γ and β exchanged", lambda v: v.beta * v.x_hat + v.gamma,
            "β stretches and γ shifts; it is the other way round.",
            "γ multiplies x̂, β is added."),
    Mistake("c", "β left out", lambda v: v.gamma * v.x_hat, "β was not added.", "c = γ x̂ + β has two terms."),
    Mistake("c", "γ left out", lambda v: v.x_hat + v.beta,
            "x̂ was not stretched by γ.",
            "c = γ x̂ + β: γ multiplies first."),
    Mistake("c", "activation not standardised", lambda v: v.gamma * v.a_1b + v.beta,
            "γ and β were applied to a_1B itself; they are applied to x̂.",
            "Standardise first, then stretch and shift."),
    Mistake("dy_dgamma", "∂y/∂γ from the input", lambda v: _diagonal(v.a_1b),
            "The slope along γ was taken to be x; γ multiplies x̂.",
            "Read off y = γ x̂ + β what stands beside γ."),
    Mistake("dy_dgamma", "∂y/∂γ from the output", lambda v: _diagonal(v.c),
            "The slope along γ was taken to be y; γ multiplies x̂.",
            "Read off y = γ x̂ + β what stands beside γ."),
    Mistake("dy_dgamma", "γ left in its own slope", lambda v: _diagonal(v.gamma * v.x_hat),
            "γ x̂ was given; differentiating along γ takes γ away.",
            "The slope of γ x̂ along γ does not depend on γ."),
    Mistake("dy_dgamma", "every feature moved by every γ", lambda v: v.x_hat[:, :, None] * np.ones(v.x_hat.shape[1]),
            "Entries with k ≠ j are not zero, as if γ of one feature moved another.",
            "y of feature j holds γ of feature j alone: the slope is zero for k ≠ j."),
    Mistake("dy_dgamma", "one γ for all features, ∂y/∂γ", lambda v: v.x_hat,
            "The slope along one common γ was given; here each feature has a γ of its own.",
            "Count the axes: sample, feature, and the entry of γ."),
    Mistake("dy_dbeta", "every feature moved by every β", lambda v: np.ones((*v.x_hat.shape, v.x_hat.shape[1])),
            "The slope was taken to be 1 everywhere, as if β of one feature moved another.",
            "y of feature j holds β of feature j alone: 1 where k = j, else 0."),
    Mistake("dy_dbeta", "one β for all features, ∂y/∂β", lambda v: np.ones_like(v.x_hat),
            "The slope along one common β was given; here each feature has a β of its own.",
            "Count the axes: sample, feature, and the entry of β."),
)

_DROPOUT = (
    Mistake("mask", "dropout without its scale", {"scale": lambda v: 1.0},
            "What was kept was not divided by 1 − p.",
            "Take the mean over many masks: it must be the input again."),
    Mistake("mask", "dropout scaled twice", {"scale": lambda v: 1 / (1 - v.p) ** 2},
            "What was kept was divided by 1 − p twice.",
            "The mask holds 1/(1 − p) already: multiply by it once."),
    Mistake("mask", "dropout multiplied by 1 − p", {"scale": lambda v: 1 - v.p},
            "What was kept was multiplied by 1 − p; it is divided by it.",
            "Fewer entries carry the sum, so each must carry more."),
    Mistake("mask", "dropout divided by p", {"scale": lambda v: 1 / v.p},
            "What was kept was divided by p; it is kept with probability 1 − p.",
            "p is the probability of being dropped."),
    Mistake("mask", "keep and drop swapped", {"kept": lambda v: v.r < v.p},
            "Entries with r < p were kept; those are dropped.",
            "At p = 0 nothing is dropped: check which side of your comparison does that."),
    Mistake("mask", "p taken for the probability of keeping", {"kept": lambda v: v.r < v.p, "scale": lambda v: 1 / v.p},
            "Entries were kept with probability p and divided by p; here p is the probability of being dropped.",
            "Two books, two conventions: read which one the statement takes."),
    Mistake("mask", "nothing dropped, all scaled", {"kept": lambda v: np.full(v.r.shape, True)},
            "Every entry was divided by 1 − p, the dropped ones too.",
            "The mask has zeros: where r < p."),
    Mistake("mask", "dropout left out", lambda v: np.ones_like(v.r),
            "Everything passed unchanged, as in use; in training entries are dropped.",
            "Half of dropout is the mask, the other half its scale: neither is there."),
    Mistake("mask", "one mask for the whole batch", lambda v: np.broadcast_to((v.r[0] >= v.p) / (1 - v.p), v.r.shape),
            "All samples got the first sample's mask.",
            "r has a row for every sample: M_i carries the index i.",
            only=("2-1",)),
    Mistake("mask", "a mask of other draws", lambda v: _other_mask(v, "mask"),
            "The mask was drawn afresh, not made from r.",
            "Everything that is random was drawn for you: r ≥ p keeps.",
            only=("2-1",)),
    Mistake("dropout_jacobian", "the diagonal as a vector", lambda v: v.mask,
            "The n slopes were given in a row; the Jacobian is (n, n), with zeros beside its diagonal.",
            "Entry [i, j] is the slope of y[i] along x[j], for every pair."),
)

_SOFTMAX = (
    Mistake("y_hat_b", "softmax over the wrong axis", lambda v: _softmax(v.z_2b, axis=0),
            "The exponentials were normalised over the samples; each sample's classes share a sum.",
            "Add up a row: it must be 1.",
            only=("2-1",)),
    Mistake("y_hat_b", "softmax twice", lambda v: _softmax(_softmax(v.z_2b)),
            "Softmax was applied to probabilities.",
            "Count the exponentials between the scores and ŷ_b: there is one."),
    Mistake("y_hat_b", "sigmoid for softmax", lambda v: 1 / (1 + np.exp(-v.z_2b)),
            "Each score was squashed by itself; softmax makes the classes share a sum.",
            "Add up a row: it must be 1."),
    Mistake("y_hat_b", "softmax not normalised", lambda v: np.exp(v.z_2b),
            "The exponentials were not divided by their sum.",
            "Add up a row: it must be 1."),
    _jacobian("softmax's diagonal alone", lambda y: _diagonal(y * (1 - y)),
              "Only a score's own probability was taken to move.",
              "A change of one score moves every probability: they share a sum."),
    _jacobian("softmax's sum taken as a constant", _diagonal,
              "diag(y) is the slope where the sum below does not move.",
              "The sum holds every score: differentiate the quotient, not the exponential alone."),
    _jacobian("y for diag(y)", lambda y: y[..., :, None] - _outer(y),
              "y was added to every column; it belongs on the diagonal.",
              "The first term is there for i = j alone."),
    _jacobian("softmax's slope with the sign flipped", lambda y: _outer(y) - _diagonal(y),
              "y yᵀ − diag(y) was given; it is diag(y) − y yᵀ.",
              "A higher score makes its own probability larger: the diagonal is positive."),
    _jacobian("softmax's slope beside the diagonal of wrong sign",
              lambda y: _diagonal(y - y**2) + _outer(y) - _diagonal(y**2),
              "Entries beside the diagonal are +y_i y_j; they are −y_i y_j.",
              "One probability grows at the cost of the others: each row adds up to 0."),
    Mistake("dy_hat_b_dz_2b", "scores for probabilities in softmax's slope",
            {"dy_hat_b_dz_2b": lambda v: _diagonal(v.z_2b) - _outer(v.z_2b), "dz_2b": _through_softmax},
            "The formula is right, and was fed the scores in place of the probabilities.",
            "y in y_i − y_i² is the output of softmax."),
)

_FORWARD = (
    Mistake("a_1a", "no ReLU in branch A", lambda v: v.z_1a,
            "a_1A is z_1A: negative entries passed.",
            "Look at the smallest entry of a_1A."),
    Mistake("a_1b", "no ReLU in branch B", lambda v: v.z_1b,
            "a_1B is z_1B: negative entries passed.",
            "Look at the smallest entry of a_1B."),
    Mistake("d", "dropout of z_1A", lambda v: v.z_1a * v.mask,
            "The mask was laid on z_1A; it is laid on a_1A.",
            "Follow branch A: linear, ReLU, dropout.",
            only=("2-1",)),
    Mistake("z_2a", "dropout bypassed", lambda v: v.a_1a @ v.theta_2a.T,
            "θ_2A was applied to a_1A, before dropout; it is applied to d.",
            "Follow branch A: what enters FC2A is what dropout let through."),
    Mistake("z_2a", "θ_2A transposed in z_2A", lambda v: v.d @ v.theta_2a,
            "d θ_2A was taken; with samples in rows it is d θ_2Aᵀ.",
            "θ_2A is square, so no shape protests: write one entry out."),
    Mistake("z_1b", "θ_1A in branch B", lambda v: v.x @ v.theta_1a.T,
            "Branch B was given branch A's weights.",
            "θ_1A and θ_1B have one shape: no error tells them apart."),
    Mistake("s", "s without branch A", lambda v: v.c,
            "z_2A was not added.",
            "Both branches enter the sum: s = c + z_2A."),
    Mistake("s", "s without branch B", lambda v: v.z_2a,
            "c was not added.",
            "Both branches enter the sum: s = c + z_2A."),
    Mistake("s", "branches averaged in s", lambda v: (v.c + v.z_2a) / 2,
            "The mean of both branches was taken; it is their sum.",
            "s = c + z_2A, without a ½."),
    Mistake("loss", "no 1/m in the squared error", {"loss_a": lambda v: ((v.z_2a - v.y_a) ** 2).sum() / 2},
            "The squared error is m times too large.",
            "1/m stands before the bracket: it belongs to both losses. Or (m, 1) was added to (m,), as (m, m).",
            "squared-error"),
    Mistake("loss", "no 1/m in the cross-entropy", {"loss_b": lambda v: -(v.y_b * np.log(v.y_hat_b)).sum()},
            "The cross-entropy is m times too large.",
            "1/m stands before the bracket: it belongs to both losses. Or (m, 1) was added to (m,), as (m, m).",
            "cross-entropy"),
    Mistake("loss", "1/m twice in the loss", lambda v: (v.loss_a + v.loss_b) / len(v.y_a),
            "Means were divided by m once more.",
            "Count the 1/m: np.mean brings one of its own."),
    Mistake("loss", "squared error without its ½", {"loss_a": lambda v: ((v.z_2a - v.y_a) ** 2).sum() / len(v.y_a)},
            "The ½ of the squared error is missing.",
            "The ½ is there to cancel the 2 of the derivative.",
            "squared-error"),
    Mistake("loss", "squared error divided by m·n_h", {"loss_a": lambda v: ((v.z_2a - v.y_a) ** 2).mean() / 2},
            "The squared error is a mean over all entries; it is a mean over samples of a sum over units.",
            "np.mean without an axis divides by m·n_h.",
            "squared-error"),
    Mistake("loss", "cross-entropy divided by m·K", {"loss_b": lambda v: -(v.y_b * np.log(v.y_hat_b)).mean()},
            "The cross-entropy is a mean over all entries; it is a mean over samples of a sum over classes.",
            "np.mean without an axis divides by m·K.",
            "cross-entropy"),
    Mistake("loss", "cross-entropy of wrong sign", {"loss_b": lambda v: (v.y_b * np.log(v.y_hat_b)).sum() / len(v.y_b)},
            "The minus of the cross-entropy is missing.",
            "A logarithm of a probability is negative, a loss is not.",
            "cross-entropy"),
    Mistake("loss", "binary cross-entropy",
            {"loss_b": lambda v: -(v.y_b * np.log(v.y_hat_b) + (1 - v.y_b) * np.log1p(-v.y_hat_b)).sum() / len(v.y_b)},
            "(1 − y) log(1 − ŷ) was added; that is the loss of K separate yes-or-no questions.",
            "With softmax the classes exclude each other: y log ŷ says it all.",
            "cross-entropy"),
    Mistake("loss", "squared error left out", lambda v: v.loss_b,
            "Only the cross-entropy was taken.",
            "L has two terms."),
    Mistake("loss", "cross-entropy left out", lambda v: v.loss_a,
            "Only the squared error was taken.",
            "L has two terms."),
)

_HEAD = (
    Mistake("dy_hat_b", "minus missing in ∂L/∂ŷ_b", lambda v: v.dout * v.y_b / v.y_hat_b / len(v.y_b),
            "y/ŷ was taken; the loss is −y log ŷ.",
            "More probability for the right class lowers the loss: the slope is negative."),
    Mistake("dy_hat_b", "labels missing in ∂L/∂ŷ_b", lambda v: -v.dout / v.y_hat_b / len(v.y_b),
            "−1/ŷ was taken for every class; each class counts by its label.",
            "Each term of the sum is y log ŷ: y stays as a factor."),
    Mistake("dy_hat_b", "no 1/m in ∂L/∂ŷ_b", lambda v: -v.dout * v.y_b / v.y_hat_b,
            "The loss is a mean over the batch, and its 1/m was lost.",
            "1/m stands before the sum, and no derivative removes it."),
    Mistake("dy_hat_b", "∂L/∂ŷ_b of the binary cross-entropy",
            lambda v: v.dout * ((1 - v.y_b) / (1 - v.y_hat_b) - v.y_b / v.y_hat_b) / len(v.y_b),
            "The term of (1 − y) log(1 − ŷ) is in it; this loss has none.",
            "With softmax the classes exclude each other: the loss is −Σ y log ŷ."),
    Mistake("dy_hat_b", "softmax's slope already in ∂L/∂ŷ_b", lambda v: v.dout * (v.y_hat_b - v.y_b) / len(v.y_b),
            "ŷ_b − y_b is the gradient of z_2B, one step further back.",
            "Which variable is it the slope along? ŷ_b, before softmax is undone."),
    Mistake("dz_2b", "y − ŷ for ŷ − y", {"delta_b": lambda v: v.y_b - v.y_hat_b},
            "The sign is flipped: with it the descent would climb.",
            "A class whose probability is too high has a score that should fall: its slope is positive."),
    Mistake("dz_2b", "no 1/m in ∂L/∂z_2B", {"share_b": lambda v: 1.0},
            "The loss is a mean over the batch, and the 1/m of the cross-entropy was lost.",
            "1/m stands before the sum, and no derivative removes it."),
    Mistake("dz_2b", "1/m twice in ∂L/∂z_2B", {"share_b": lambda v: 1 / len(v.y_b) ** 2},
            "It was divided by m twice.",
            "Count where m enters: once, in the loss."),
    Mistake("dz_2b", "1/(m·K) in ∂L/∂z_2B", {"share_b": lambda v: 1 / v.y_b.size},
            "It was divided by the number of all entries; the loss is a mean over samples of a sum over classes.",
            "np.mean without an axis divides by m·K."),
    Mistake("dz_2b", "labels left out of ∂L/∂z_2B", {"delta_b": lambda v: v.y_hat_b},
            "ŷ_b was taken alone.",
            "Where prediction and label agree the gradient is 0: ŷ_b − y_b."),
    Mistake("dz_2b", "softmax skipped on the way back", lambda v: v.dy_hat_b,
            "∂L/∂ŷ_b was passed on as ∂L/∂z_2B, as if softmax were not there.",
            "Between z_2B and ŷ_b stands softmax, and its Jacobian belongs between their gradients."),
    Mistake("dz_2b", "dout ignored in the head",
            {"dy_hat_b": lambda v: -v.y_b / v.y_hat_b / len(v.y_b), "dz_2b": lambda v: v.share_b * v.delta_b},
            "The upstream gradient dout was not multiplied in.",
            "The loss may be scaled by what comes after it: every gradient begins with dout."),
    Mistake("dtheta_2b", "c for s in ∂L/∂θ_2B", lambda v: v.dz_2b.T @ v.c,
            "The input of FC2B was taken to be c; branch A is in it too.",
            "FC2B saw s = c + z_2A."),
    Mistake("dtheta_2b", "z_2A for s in ∂L/∂θ_2B", lambda v: v.dz_2b.T @ v.z_2a,
            "The input of FC2B was taken to be z_2A; branch B is in it too.",
            "FC2B saw s = c + z_2A."),
    Mistake("dtheta_2b", "one s for the whole batch", lambda v: np.outer(v.dz_2b.sum(axis=0), v.s.mean(axis=0)),
            "s carries no sample index, and a mean took its place: a product of sums is not a sum of products.",
            "Sample i has its own s_i: multiply first, then sum."),
)

_BRANCH_B = (
    Mistake("dz_2b_dc", "∂z_2B/∂c transposed", lambda v: v.theta_2b.T,
            "θ_2Bᵀ was given; the Jacobian has a row for each output, a column for each input.",
            "Entry [k, j] is the slope of z_2B^(k) along c^(j)."),
    Mistake("dc", "upstream gradient ignored in branch B", lambda v: (v.y_hat_b - v.y_b) @ v.theta_2b / len(v.y_b),
            "(ŷ_b − y_b)/m was computed anew; branch B must take the dz_2b that it is handed.",
            "A backward function multiplies what comes from above, whatever that is."),
    Mistake("dc", "branch A's loss in branch B", lambda v: v.dz_2b @ v.theta_2b + (v.z_2a - v.y_a) / len(v.y_a),
            "The squared error was sent into branch B; it hangs on z_2A alone.",
            "Which arrows leave c? One, to s."),
    Mistake("dbeta", "mean for sum in ∂L/∂β", lambda v: v.dc.mean(axis=0),
            "The batch was averaged; β acts on every sample, so their gradients add up.",
            "The 1/m of the loss is in dc already."),
    Mistake("dbeta", "one β for all features", lambda v: v.dc.sum(),
            "One number was given, summed over features too; here each feature has a β of its own.",
            "The gradient of β has the shape of β."),
    Mistake("dbeta", "γ in ∂L/∂β", lambda v: v.dx_hat.sum(axis=0),
            "The gradient was taken after γ was multiplied in; β is added after γ.",
            "Going back, β comes first, then γ, then x̂."),
    Mistake("dgamma", "mean for sum in ∂L/∂γ", lambda v: (v.dc * v.x_hat).mean(axis=0),
            "The batch was averaged; γ acts on every sample, so their gradients add up.",
            "The 1/m of the loss is in dc already."),
    Mistake("dgamma", "one γ for all features", lambda v: (v.dc * v.x_hat).sum(),
            "One number was given, summed over features too; here each feature has a γ of its own.",
            "The gradient of γ has the shape of γ."),
    Mistake("dgamma", "γ in its own gradient", lambda v: (v.dx_hat * v.x_hat).sum(axis=0),
            "The gradient was taken after γ was multiplied in.",
            "The slope of γ x̂ along γ does not depend on γ."),
    Mistake("dgamma", "∂L/∂γ from the input", lambda v: (v.dc * v.a_1b).sum(axis=0),
            "a_1B stands where x̂ belongs.",
            "Read off c = γ x̂ + β what stands beside γ."),
    Mistake("dgamma", "∂L/∂γ from the output", lambda v: (v.dc * v.c).sum(axis=0),
            "c stands where x̂ belongs.",
            "Read off c = γ x̂ + β what stands beside γ."),
    Mistake("dgamma", "∂L/∂γ from the centred input", lambda v: (v.dc * (v.a_1b - v.mu_b)).sum(axis=0),
            "a_1B − μ_B stands where x̂ belongs: it was not divided by √(σ_B² + ε).",
            "Read off c = γ x̂ + β what stands beside γ."),
    Mistake("da_1b", "batch statistics taken as constants", {"mean_path": lambda v: 0.0, "var_path": lambda v: 0.0},
            "μ_B and σ_B² were held still, but they move when any sample moves.",
            "Every sample touches every other: two more paths lead from a_1B to c."),
    Mistake("da_1b", "the path through the mean dropped", {"mean_path": lambda v: 0.0},
            "μ_B was held still, but it moves when any sample moves.",
            "Add up ∂L/∂a_1B over the batch: a shift of all samples changes nothing, so the sum is 0."),
    Mistake("da_1b", "the path through the variance dropped", {"var_path": lambda v: 0.0},
            "σ_B² was held still, but it moves when any sample moves.",
            "Three paths lead from a_1B to x̂: directly, through μ_B and through σ_B²."),
    Mistake("da_1b", "the path through the variance of wrong sign", {"var_path": lambda v: -STEPS["var_path"](v)},
            "What comes through σ_B² was added; a larger spread makes x̂ smaller.",
            "The slope of v^(−1/2) is −½ v^(−3/2): the minus must survive."),
    Mistake("da_1b", "the path through the variance without its 2", {"var_path": lambda v: STEPS["var_path"](v) / 2},
            "The slope of (a − μ_B)² is 2 (a − μ_B), and the 2 is missing.",
            "The 2 cancels the ½ of the root's slope: see whether a ½ is left over."),
    Mistake("da_1b", "the path through the variance with m − 1",
            {"var_path": lambda v: STEPS["var_path"](v) * len(v.dc) / (len(v.dc) - 1)},
            "The variance was differentiated as if it had been divided by m − 1; the forward pass divides by m.",
            "Whatever the forward pass divides by, the backward pass does too."),
    Mistake("da_1b", "the path through the variance with the wrong power",
            {"var_path": lambda v: STEPS["var_path"](v) * (v.var_b + v.eps)},
            "∂L/∂σ_B² was taken with (σ_B² + ε)^(−1/2); it is (σ_B² + ε)^(−3/2).",
            "Differentiating v^(−1/2) lowers the power by one."),
    Mistake("da_1b", "sum for mean in the path through the mean", {"mean_path": lambda v: v.dx_hat.sum(axis=0)},
            "What comes through μ_B was not divided by m.",
            "Each sample moves μ_B by 1/m of its own move."),
    Mistake("da_1b", "sum for mean in the path through the variance",
            {"var_path": lambda v: v.x_hat * (v.dx_hat * v.x_hat).sum(axis=0)},
            "What comes through σ_B² was not divided by m.",
            "σ_B² is a mean of m squares: each has the weight 1/m."),
    Mistake("da_1b", "ε left out on the way back", {"back_std": lambda v: np.sqrt(v.var_b)},
            "It was divided by √σ_B²; the forward pass divides by √(σ_B² + ε).",
            "Look at a feature that hardly varies: there ε is what counts."),
    Mistake("da_1b", "ε left out on the way back, in every step",
            {"back_std": lambda v: np.sqrt(v.var_b),
             "var_path": lambda v: (v.a_1b - v.mu_b) * (v.dx_hat * (v.a_1b - v.mu_b)).mean(axis=0) / v.var_b},
            "Both powers of σ_B² + ε were taken of σ_B² alone.",
            "Look at a feature that hardly varies: there ε is what counts."),
    Mistake("da_1b", "ε outside the root on the way back", {"back_std": lambda v: np.sqrt(v.var_b) + v.eps},
            "It was divided by √σ_B² + ε; the forward pass adds ε under the root.",
            "Forward and backward pass must divide by the same number."),
    Mistake("da_1b", "no root on the way back", {"back_std": lambda v: v.var_b + v.eps},
            "It was divided by σ_B² + ε, and the root is missing.",
            "The slope of x̂ along a_1B, all else held, is 1/√(σ_B² + ε)."),
    Mistake("da_1b", "γ forgotten on the way back", {"dx_hat": lambda v: v.dc},
            "dc was taken for the gradient of x̂; γ stands between them.",
            "c = γ x̂ + β: going back to x̂ multiplies by γ."),
    Mistake("da_1b", "means over the whole array on the way back",
            {"mean_path": lambda v: v.dx_hat.mean(), "var_path": lambda v: v.x_hat * (v.dx_hat * v.x_hat).mean()},
            "The two means were taken over all entries; each feature has its own.",
            "Look at the axis: a mean over the samples leaves n_h numbers."),
    Mistake("da_1b", "means along the features on the way back",
            {"mean_path": lambda v: v.dx_hat.mean(axis=1, keepdims=True),
             "var_path": lambda v: v.x_hat * (v.dx_hat * v.x_hat).mean(axis=1, keepdims=True)},
            "The two means were taken within each sample; they run over the batch.",
            "Rows are samples: the mean over the batch runs along axis 0."),
    Mistake("dz_1b", "ReLU's slope taken of c", {"slope_1b": lambda v: v.c > 0},
            "The gradient was let through where c > 0, after batch norm has moved every number.",
            "ReLU sits between z_1B and a_1B: its slope is 1 where z_1B > 0."),
)

_BRANCH_A = (
    Mistake("dz_2a", "no 1/m in the squared error's gradient", {"share_a": lambda v: 1.0},
            "The loss is a mean over the batch, and the 1/m of the squared error was lost.",
            "1/m stands before the bracket: it belongs to both losses."),
    Mistake("dz_2a", "1/m twice in the squared error's gradient", {"share_a": lambda v: 1 / len(v.y_a) ** 2},
            "It was divided by m twice.",
            "Count where m enters: once, in the loss."),
    Mistake("dz_2a", "1/(m·n_h) in the squared error's gradient", {"share_a": lambda v: 1 / v.y_a.size},
            "It was divided by the number of all entries; the loss is a mean over samples of a sum over units.",
            "np.mean without an axis divides by m·n_h."),
    Mistake("dz_2a", "squared error's gradient without its ½", {"share_a": lambda v: 2 / len(v.y_a)},
            "2 (ŷ_a − y_a) was taken; the ½ of the loss cancels that 2.",
            "Differentiate ½ (ŷ − y)², not (ŷ − y)².",
            "grad-squared-error"),
    Mistake("dz_2a", "y − ŷ in the squared error's gradient", {"delta_a": lambda v: v.y_a - v.z_2a},
            "The sign is flipped: with it the descent would climb.",
            "A prediction that is too high should fall: its slope is positive.",
            "grad-squared-error"),
    Mistake("dz_2a", "dout ignored in the squared error", {"own_loss": lambda v: v.share_a * v.delta_a},
            "The upstream gradient dout was not multiplied in.",
            "The loss may be scaled by what comes after it: every gradient begins with dout."),
    Mistake("dz_2a", "branch A without branch B's share", lambda v: v.own_loss,
            "Only the squared error was followed; z_2A also enters s, and s the cross-entropy.",
            "Two arrows leave z_2A: gradients add where arrows part."),
    Mistake("dz_2a", "branch B's share alone in branch A", lambda v: v.from_b,
            "Only the cross-entropy was followed; z_2A is ŷ_a too, and the squared error hangs on it.",
            "Two arrows leave z_2A: gradients add where arrows part."),
    Mistake("dz_2a", "the two shares averaged", lambda v: (v.own_loss + v.from_b) / 2,
            "The mean of both shares was taken; it is their sum.",
            "Two arrows leave z_2A: gradients add where arrows part."),
    Mistake("dz_2a", "the two shares subtracted", lambda v: v.own_loss - v.from_b,
            "Branch B's share was subtracted; z_2A enters s with a plus.",
            "Two arrows leave z_2A: gradients add where arrows part."),
    Mistake("dz_2a", "upstream gradient ignored in branch A",
            {"from_b": lambda v: (v.y_hat_b - v.y_b) @ v.theta_2b / len(v.y_b)},
            "(ŷ_b − y_b)/m was computed anew; branch A must take the dz_2b that it is handed.",
            "A backward function multiplies what comes from above, whatever that is."),
    Mistake("dtheta_2a", "the activation before dropout in ∂L/∂θ_2A", lambda v: v.dz_2a.T @ v.a_1a,
            "a_1A was taken for the input of FC2A; dropped entries never reached it.",
            "FC2A saw d = a_1A ∘ M."),
    Mistake("dtheta_2a", "z_1A for d in ∂L/∂θ_2A", lambda v: v.dz_2a.T @ v.z_1a,
            "z_1A was taken for the input of FC2A; ReLU and dropout stand between.",
            "FC2A saw d = a_1A ∘ M."),
    Mistake("dtheta_2a", "an entrywise product in ∂L/∂θ_2A", lambda v: (v.dz_2a * v.d).sum(axis=0),
            "Gradient and input were multiplied entry by entry; θ_2A has an entry for every pair of them.",
            "Column times row: ∂L/∂z_2A dᵀ, with the transpose."),
    Mistake("dd", "θ_2A transposed on the way back", lambda v: v.dz_2a @ v.theta_2a.T,
            "dz_2a θ_2Aᵀ was taken; with samples in rows it is dz_2a θ_2A.",
            "θ_2A is square, so no shape protests: write one entry out."),
    Mistake("dd", "FC2A skipped on the way back", lambda v: v.dz_2a,
            "The gradient of z_2A was passed on as the gradient of d.",
            "θ_2A stands between d and z_2A, and between their gradients."),
    Mistake("dz_1a", "the sum that should not be there",
            lambda v: v.dd.sum(axis=1, keepdims=True) * v.back_mask * v.slope_1a,
            "The gradients of all entries of d were added up (θ_2A U); entry j of d feels entry j of z_1A alone.",
            "Dropout and ReLU act entry by entry: their Jacobian is diagonal, and the sum over k has one term."),
    Mistake("dz_1a", "no mask on the way back", {"back_mask": lambda v: 1.0},
            "The gradient passed dropout untouched.",
            "d = a_1A ∘ M: going back multiplies by M again."),
    Mistake("dz_1a", "the mask without its scale on the way back", {"back_mask": lambda v: v.mask != 0},
            "The gradient was stopped where it should be, and not divided by 1 − p elsewhere.",
            "d = a_1A ∘ M, and M holds 1/(1 − p) where it is not 0."),
    Mistake("dz_1a", "the mask scaled twice on the way back", {"back_mask": lambda v: v.mask / (1 - v.p)},
            "The gradient was divided by 1 − p twice.",
            "M holds 1/(1 − p) already: multiply by it once."),
    Mistake("dz_1a", "keep and drop swapped on the way back", {"back_mask": lambda v: (v.mask == 0) / (1 - v.p)},
            "The gradient passed where the forward pass dropped.",
            "A dropped entry has no say in the loss: its gradient is 0."),
    Mistake("dz_1a", "the scale without the mask on the way back", {"back_mask": lambda v: 1 / (1 - v.p)},
            "All entries were divided by 1 − p, the dropped ones too.",
            "A dropped entry has no say in the loss: its gradient is 0."),
    Mistake("dz_1a", "a fresh mask on the way back", {"back_mask": lambda v: _other_mask(v, "dz_1a")},
            "Another mask was drawn for the backward pass.",
            "The backward pass goes through the network that was run: its mask is in the cache."),
)
# fmt: on


def _slopes(branch, z, a, da):
    """Mistakes in ReLU's slope, which both branches know."""
    part, slope, Z = f"dz_1{branch.lower()}", f"slope_1{branch.lower()}", f"z_1{branch}"
    look = f"ReLU is flat below 0 and climbs at 45° above: its slope is 1 where {Z} > 0, else 0."
    return (
        Mistake(
            part,
            f"sgn({Z}) for ReLU's slope",
            {slope: lambda v: np.sign(z(v))},
            f"The slope was taken to be −1 where {Z} < 0.",
            look,
        ),
        Mistake(
            part,
            f"no ReLU slope in branch {branch}",
            {slope: lambda v: 1.0},
            f"The gradient passed where {Z} < 0 too.",
            look,
        ),
        Mistake(
            part,
            f"≥ 0 asked of the activation in branch {branch}",
            {slope: lambda v: a(v) >= 0},
            f"a_1{branch} ≥ 0 is true everywhere, so nothing was stopped.",
            f"Ask {Z} > 0, or a_1{branch} > 0, but not ≥ 0.",
        ),
        Mistake(
            part,
            f"the activation for ReLU's slope in branch {branch}",
            {slope: lambda v: a(v)},
            f"The gradient was multiplied by a_1{branch}; the slope is 1 or 0.",
            look,
        ),
        Mistake(
            part,
            f"ReLU of the gradient in branch {branch}",
            {slope: lambda v: da(v) > 0},
            "Negative gradients were cut off: the sign that was asked is the gradient's.",
            f"ReLU let through what was positive in the forward pass: ask {Z}.",
        ),
    )


def _weights(theta, dz, x):
    """Mistakes in a weight's gradient, which all four know. dz and x are the names of the two factors."""
    part, symbol = f"dtheta_{theta.lower()}", f"θ_{theta}"
    return (
        Mistake(
            part,
            f"∂L/∂{symbol} transposed",
            lambda v: getattr(v, x).T @ getattr(v, dz),
            f"The two factors are in the wrong order: {symbol}ᵀ has this gradient.",
            f"The gradient has the shape of {symbol}, and the gradient of its output comes first.",
        ),
        Mistake(
            part,
            f"mean for sum in ∂L/∂{symbol}",
            lambda v: getattr(v, dz).T @ getattr(v, x) / len(getattr(v, x)),
            "The batch was averaged once more; the samples' gradients add up.",
            f"The 1/m of the loss is in {dz} already.",
        ),
    )


MISTAKES = (
    *_BATCH_NORM,
    *_DROPOUT,
    *_SOFTMAX,
    *_FORWARD,
    *_HEAD,
    *_weights("2B", "dz_2b", "s"),
    *_BRANCH_B,
    *_slopes("B", lambda v: v.z_1b, lambda v: v.a_1b, lambda v: v.da_1b),
    *_weights("1B", "dz_1b", "x"),
    *_BRANCH_A,
    *_slopes("A", lambda v: v.z_1a, lambda v: v.a_1a, lambda v: v.dd),
    *_weights("2A", "dz_2a", "d"),
    *_weights("1A", "dz_1a", "x"),
)


def _wrong(entries):
    """{step: formula} of one or two entries at once, or None where both replace the same step."""
    steps = [entry[0].steps for entry in entries]
    together = {name: formula for each in steps for name, formula in each.items()}
    return together if len(together) == sum(map(len, steps)) else None


def _error(yours, expected):
    """The norm of the difference over the expected array's own; axes of length one do not matter."""
    yours, expected = np.squeeze(yours), np.squeeze(expected)
    if yours.shape != expected.shape:
        return math.inf
    off, size = np.linalg.norm(yours - expected), np.linalg.norm(expected)
    return float(off / size if size else off and math.inf)


def _equal(yours, expected):
    """To the oracle's precision."""
    return _error(yours, expected) <= TOLERANCE


def _all_equal(a, b):
    return all(_equal(a[part], b[part]) for part in b)


@lru_cache
def bank(question_id):
    """The mistakes that a question can show, in entries: tuples of those that come to the same in each of its parts."""
    draws = [questions.draw(question_id, seed) for seed in (0, 1)]
    right = [answer(question_id, q) for q in draws]
    entries = []
    for mistake in MISTAKES:
        if mistake.only and question_id not in mistake.only:
            continue
        with np.errstate(all="ignore"):
            found = [answer(question_id, q, mistake.steps) for q in draws]
        if all(map(_all_equal, found, right)):
            continue
        same = next((names for names, values in entries if all(map(_all_equal, found, values))), None)
        if same is None:
            entries.append(([mistake], found))
        else:
            same.append(mistake)
    return tuple(tuple(names) for names, _ in entries)


# ---------------------------------------------------------------------------------------------------------------------
# The diagnosis


@dataclass(frozen=True)
class Named:
    """What an answer equals: an entry of the bank, or two at once. An entry's mistakes all come to the same."""

    entries: tuple[tuple[Mistake, ...], ...]
    error: float = field(compare=False)  # how far the answer is from that formula, over its own scale

    @property
    def name(self):
        """A few words: "A", "A, or B" where they come to the same, "A; and B" where both were made."""
        return "; and ".join(", or ".join(mistake.name for mistake in entry) for entry in self.entries)

    @property
    def mistakes(self):
        return tuple(mistake for entry in self.entries for mistake in entry)


def diagnose(question_id, q, values, right=None):
    """Name the mistakes of one answer on one draw.

    Args:
        question_id: a key of QUESTIONS.
        q: the draw's inputs, from questions.draw.
        values: {part: what came}.
        right: {part: what is right}; None takes the bank's own right steps.

    Returns:
        {part: Named or None} for the parts that came and are wrong by themselves; None where nothing fits.
    """
    if any(step_of(question_id, part.name) not in STEPS for part in QUESTIONS[question_id].parts):
        return {}  # a question of other layers
    right = answer(question_id, q) if right is None else right
    own = {part: array for part, value in values.items() if part in right and (array := _array(value)) is not None}
    wrong = [part for part in own if not _equal(own[part], right[part])]
    if not wrong:
        return {}
    with np.errstate(all="ignore"):  # a student's variance may be negative
        yours = {step_of(question_id, part): array for part, array in own.items()}
        search = _Search(question_id, inputs_of(question_id, q), yours, right)
        names = {part: search.name(step_of(question_id, part)) for part in wrong}
    return {part: name for part, name in names.items() if name is not False}


def _array(value):
    """As an array, where it is one of finite floating point numbers; else None."""
    try:
        array = np.asarray(value)
    except ValueError:
        return None
    return array if array.dtype.kind == "f" and np.isfinite(array).all() else None


class _Search:
    """All that is compared for one answer. `yours` is by step."""

    def __init__(self, question_id, inputs, yours, right):
        self.bank, self.inputs, self.yours = bank(question_id), inputs, yours
        shapes = {step_of(question_id, part): np.shape(value) for part, value in right.items()}
        self.given = {step: value for step, value in yours.items() if value.shape == shapes[step]}
        self.built_on = {step_of(question_id, part.name): part.after for part in QUESTIONS[question_id].parts}
        self.chains = {}

    def chain(self, entries):
        """The question's steps with these mistakes made, and no others."""
        if entries not in self.chains:
            self.chains[entries] = Chain(self.inputs, _wrong(entries), self.yours)
        return self.chains[entries]

    def values(self, entries, step):
        """What a step gives with these mistakes made: after right steps, then after the student's own earlier parts."""
        values = [getattr(self.chain(entries), step)]
        if self.built_on[step]:
            own = {name: value for name, value in self.given.items() if name != step}
            values.append(getattr(Chain(self.inputs | own, _wrong(entries), self.yours), step))
        return values

    def agreement(self, entries):
        """In how many parts these mistakes, and no others, give the answer."""
        return sum(_equal(value, getattr(self.chain(entries), step)) for step, value in self.yours.items())

    def name(self, step):
        """Named, or None where nothing fits; False where the step is right after the student's own earlier parts."""
        bare = self.values((), step)[-1]
        if _equal(self.yours[step], bare):
            return False
        fitting = [(entry,) for entry in self.bank if self.fits((entry,), step)]
        if not any(self.agreement(one) == len(self.yours) for one in fitting):
            bearing = [entry for entry in self.bank if not _equal(bare, self.values((entry,), step)[-1])]
            pairs = [pair for pair in combinations(bearing, 2) if _wrong(pair) is not None]
            fitting += [pair for pair in pairs if self.fits(pair, step)]
        ranks = {entries: (self.agreement(entries), -len(entries)) for entries in fitting}
        first = [entries for entries, rank in ranks.items() if rank == max(ranks.values())]
        if len(first) != 1:
            return None
        return Named(first[0], min(_error(self.yours[step], value) for value in self.values(first[0], step)))

    def fits(self, entries, step):
        """Whether the mistakes give this step's value, and either were made in this very step or spoil no more right
        parts than they explain wrong ones."""
        if not any(_equal(self.yours[step], value) for value in self.values(entries, step)):
            return False
        made_here = all(any(mistake.part == step for mistake in entry) for entry in entries)
        return made_here or self.agreement(entries) >= self.agreement(())


judge = partial(questions.judge, diagnose=diagnose)

"""The wrong formulas of hw1, and the equation of the book that each of them concerns.

A mistake is a wrong version of one step of steps.py, declared once (MISTAKES). What follows from that step follows by
itself: the wrong values of later parts, and the six wrong gradients of the whole. BANK is what the diagnosis is given.

For the teacher: no release holds this file.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from autograder.mistakes.model import Bank, Mistake
from autograder.steps import Evaluation, Step, Steps

from .network import GRADIENTS, QUANTITIES
from .references import GRADED
from .steps import STEPS, diagonal, outer, softmax

# Block 1 asks for steps of the same network under other names.
RENAMED_ARGUMENTS = {"1-1": {"x": "a_1b"}, "1-2": {"x": "a_1a"}, "1-3": {"x": "z_2b"}}
PART_STEPS = {("1-2", "out"): "d", ("1-2", "jacobian"): "dropout_jacobian", ("1-3", "jacobian"): "dy_hat_b_dz_2b"}

# Where the equation of a step in the book is not called after the step.
EQUATIONS = {quantity.name: quantity.label for quantity in (*QUANTITIES, *GRADIENTS) if quantity.label}
EQUATIONS |= {"dropout_jacobian": "jac-dropout", "dy_dgamma": "jac-batch-norm-gamma", "dy_dbeta": "jac-batch-norm-beta"}


def equation_of(step: str) -> str:
    """The label in the book of a step's equation."""
    is_gradient = step.startswith("d") and step != "d"
    return EQUATIONS.get(step, ("grad-" + step[1:] if is_gradient else step).replace("_", "-"))


def declare(
    part: str,
    name: str,
    wrong: Step | Steps,
    what: str,
    look: str,
    label: str = "",
    only: tuple[str, ...] = (),
    code_only: bool = False,
) -> Mistake:
    """Declare a mistake.

    Args:
        part, name, what, look, only, code_only: as in Mistake.
        wrong: a formula for the step `part`, or {step: formula} where the mistake sits in a piece of it or in several.
        label: of the equation in the book, where it is not that of `part`.
    """
    steps = wrong if isinstance(wrong, dict) else {part: wrong}
    return Mistake(part, name, steps, what, look, label or equation_of(part), only, code_only)


def _through_softmax(v: Evaluation) -> np.ndarray:
    """dz_2b as the upstream gradient times the Jacobian of softmax, right or wrong."""
    return np.einsum("ij,ijk->ik", v.dy_hat_b, v.dy_hat_b_dz_2b)


def _jacobian(name: str, formula: Callable[[np.ndarray], np.ndarray], what: str, look: str) -> Mistake:
    """A mistake in the Jacobian of softmax, and in the gradient that is taken through it."""
    steps: Steps = {"dy_hat_b_dz_2b": lambda v: formula(v.y_hat_b), "dz_2b": _through_softmax}
    return declare("dy_hat_b_dz_2b", name, steps, what, look)


def _other_mask(v: Evaluation, part: str) -> np.ndarray:
    """A mask of other draws, (m, n_h), read off where the answer is 0 (made up where there is no answer).

    NaN, which equals nothing, where something simpler explains those zeros: a threshold on r (which also covers a mask
    that keeps all, that drops all, and one with keep and drop swapped), or one mask for all samples.
    """
    if v.actual is None:
        kept = np.random.default_rng(5).uniform(size=v.r.shape) >= v.p
    else:
        answer = np.asarray(v.actual.get(part, 0.0))
        kept = (answer if answer.shape == v.r.shape else np.zeros(v.r.shape)) != 0
    visible = v.z_1a > 0 if part == "dz_1a" else np.full(v.r.shape, True)
    r_kept, r_dropped = v.r[kept & visible], v.r[~kept & visible]
    is_threshold = r_kept.min(initial=1) >= r_dropped.max(initial=0) or r_kept.max(initial=0) <= r_dropped.min(
        initial=1
    )
    differs_by_sample = ((kept & visible).any(axis=0) & (~kept & visible).any(axis=0)).any()
    return kept / (1 - v.p) if differs_by_sample and not is_threshold else np.full(v.r.shape, np.nan)


# fmt: off
_BATCH_NORM = (
    declare("mu_b", "statistics over the whole array",
            {"mu_b": lambda v: v.a_1b.mean(), "var_b": lambda v: v.a_1b.var()},
            "One mean and one variance were taken over all entries; batch norm takes one of each for every feature.",
            "Look at the axis: a mean over the samples leaves n_h numbers, not one."),
    declare("mu_b", "statistics along the features",
            {"mu_b": lambda v: v.a_1b.mean(axis=1, keepdims=True),
             "var_b": lambda v: v.a_1b.var(axis=1, keepdims=True)},
            "Mean and variance were taken within each sample (layer norm); batch norm takes them over the batch.",
            "Rows are samples: the mean over the batch runs along axis 0."),
    declare("var_b", "variance with m − 1", lambda v: v.a_1b.var(axis=0, ddof=1),
            "The squares were divided by m − 1; batch norm divides by m.",
            "m − 1 corrects an estimate of a population; here the batch itself is meant."),
    declare("var_b", "standard deviation for the variance", lambda v: v.a_1b.std(axis=0),
            "σ_B was kept where σ_B² is wanted, so that the root is taken twice.",
            "The mean of squares is σ_B², and its root is taken once, in x̂."),
    declare("var_b", "variance without its mean subtracted", lambda v: (v.a_1b**2).mean(axis=0),
            "The mean of the squares was taken, and μ_B was not subtracted first.",
            "The variance measures the distance from μ_B, not from 0."),
    declare("var_b", "sum for mean in the variance", lambda v: ((v.a_1b - v.mu_b) ** 2).sum(axis=0),
            "The squares were added up and not divided by m.",
            "Twice the batch would give twice the variance: a mean must not do that."),
    declare("x_hat", "μ_B² where σ_B² belongs", {"std_b": lambda v: np.sqrt(v.mu_b**2 + v.eps)},
            "x̂ was divided by √(μ_B² + ε); it is divided by √(σ_B² + ε).",
            "After standardising, each feature has variance 1: compute it and see."),
    declare("x_hat", "ε left out", {"std_b": lambda v: np.sqrt(v.var_b)},
            "x̂ was divided by √σ_B², without ε.",
            "Look at a feature that hardly varies: there ε is what counts."),
    declare("x_hat", "ε outside the root", {"std_b": lambda v: np.sqrt(v.var_b) + v.eps},
            "x̂ was divided by √σ_B² + ε; ε is added to the variance, under the root.",
            "Compare √(σ² + ε) and √σ² + ε at σ² = 0."),
    declare("x_hat", "no root", {"std_b": lambda v: v.var_b + v.eps},
            "x̂ was divided by σ_B² + ε, and the root is missing.",
            "A distance is divided by a distance: the variance has its unit squared."),
    declare("x_hat", "mean not subtracted", lambda v: v.a_1b / v.std_b,
            "The activation was divided by the spread, and μ_B was not subtracted.",
            "Each feature of x̂ has mean 0 over the batch: compute it and see."),
    declare("c", "γ and β exchanged", lambda v: v.beta * v.x_hat + v.gamma,
            "β stretches and γ shifts; it is the other way round.",
            "γ multiplies x̂, β is added."),
    declare("c", "β left out", lambda v: v.gamma * v.x_hat, "β was not added.", "c = γ x̂ + β has two terms."),
    declare("c", "γ left out", lambda v: v.x_hat + v.beta,
            "x̂ was not stretched by γ.",
            "c = γ x̂ + β: γ multiplies first."),
    declare("c", "activation not standardised", lambda v: v.gamma * v.a_1b + v.beta,
            "γ and β were applied to a_1B itself; they are applied to x̂.",
            "Standardise first, then stretch and shift."),
    declare("dy_dgamma", "∂y/∂γ from the input", lambda v: diagonal(v.a_1b),
            "The slope along γ was taken to be x; γ multiplies x̂.",
            "Read off y = γ x̂ + β what stands beside γ."),
    declare("dy_dgamma", "∂y/∂γ from the output", lambda v: diagonal(v.c),
            "The slope along γ was taken to be y; γ multiplies x̂.",
            "Read off y = γ x̂ + β what stands beside γ."),
    declare("dy_dgamma", "γ left in its own slope", lambda v: diagonal(v.gamma * v.x_hat),
            "γ x̂ was given; differentiating along γ takes γ away.",
            "The slope of γ x̂ along γ does not depend on γ."),
    declare("dy_dgamma", "every feature moved by every γ", lambda v: v.x_hat[:, :, None] * np.ones(v.x_hat.shape[1]),
            "Entries with k ≠ j are not zero, as if γ of one feature moved another.",
            "y of feature j holds γ of feature j alone: the slope is zero for k ≠ j."),
    declare("dy_dgamma", "one γ for all features, ∂y/∂γ", lambda v: v.x_hat,
            "The slope along one common γ was given; here each feature has a γ of its own.",
            "Count the axes: sample, feature, and the entry of γ."),
    declare("dy_dbeta", "every feature moved by every β", lambda v: np.ones((*v.x_hat.shape, v.x_hat.shape[1])),
            "The slope was taken to be 1 everywhere, as if β of one feature moved another.",
            "y of feature j holds β of feature j alone: 1 where k = j, else 0."),
    declare("dy_dbeta", "one β for all features, ∂y/∂β", lambda v: np.ones_like(v.x_hat),
            "The slope along one common β was given; here each feature has a β of its own.",
            "Count the axes: sample, feature, and the entry of β."),
)

_DROPOUT = (
    declare("mask", "dropout without its scale", {"scale": lambda v: 1.0},
            "What was kept was not divided by 1 − p.",
            "Take the mean over many masks: it must be the input again."),
    declare("mask", "dropout scaled twice", {"scale": lambda v: 1 / (1 - v.p) ** 2},
            "What was kept was divided by 1 − p twice.",
            "The mask holds 1/(1 − p) already: multiply by it once."),
    declare("mask", "dropout multiplied by 1 − p", {"scale": lambda v: 1 - v.p},
            "What was kept was multiplied by 1 − p; it is divided by it.",
            "Fewer entries carry the sum, so each must carry more."),
    declare("mask", "dropout divided by p", {"scale": lambda v: 1 / v.p},
            "What was kept was divided by p; it is kept with probability 1 − p.",
            "p is the probability of being dropped."),
    declare("mask", "keep and drop swapped", {"kept": lambda v: v.r < v.p},
            "Entries with r < p were kept; those are dropped.",
            "At p = 0 nothing is dropped: check which side of your comparison does that."),
    declare("mask", "> for ≥ in dropout's mask", {"kept": lambda v: v.r > v.p},
            "An entry with r = p was dropped; it is kept.",
            "The statement keeps an entry where r ≥ p."),
    declare("mask", "p taken for the probability of keeping", {"kept": lambda v: v.r < v.p, "scale": lambda v: 1 / v.p},
            "Entries were kept with probability p and divided by p; here p is the probability of being dropped.",
            "Two books, two conventions: read which one the statement takes."),
    declare("mask", "nothing dropped, all scaled", {"kept": lambda v: np.full(v.r.shape, True)},
            "Every entry was divided by 1 − p, the dropped ones too.",
            "The mask has zeros: where r < p."),
    declare("mask", "dropout left out", lambda v: np.ones_like(v.r),
            "Everything passed unchanged, as in use; in training entries are dropped.",
            "Half of dropout is the mask, the other half its scale: neither is there."),
    declare("mask", "one mask for the whole batch", lambda v: np.broadcast_to((v.r[0] >= v.p) / (1 - v.p), v.r.shape),
            "All samples got the first sample's mask.",
            "r has a row for every sample: M_i carries the index i.",
            only=("2-1",)),
    declare("mask", "a mask of other draws", lambda v: _other_mask(v, "mask"),
            "The mask was drawn afresh, not made from r.",
            "Everything that is random was drawn for you: r ≥ p keeps.",
            only=("2-1",)),
    declare("dropout_jacobian", "the diagonal as a vector", lambda v: v.mask,
            "The n slopes were given in a row; the Jacobian is (n, n), with zeros beside its diagonal.",
            "Entry [i, j] is the slope of y[i] along x[j], for every pair."),
)

_SOFTMAX = (
    declare("y_hat_b", "softmax over the wrong axis", lambda v: softmax(v.z_2b, axis=0),
            "The exponentials were normalised over the samples; each sample's classes share a sum.",
            "Add up a row: it must be 1.",
            only=("2-1",)),
    declare("y_hat_b", "softmax twice", lambda v: softmax(softmax(v.z_2b)),
            "Softmax was applied to probabilities.",
            "Count the exponentials between the scores and ŷ_b: there is one."),
    declare("y_hat_b", "sigmoid for softmax", lambda v: 1 / (1 + np.exp(-v.z_2b)),
            "Each score was squashed by itself; softmax makes the classes share a sum.",
            "Add up a row: it must be 1."),
    declare("y_hat_b", "softmax not normalised", lambda v: np.exp(v.z_2b),
            "The exponentials were not divided by their sum.",
            "Add up a row: it must be 1."),
    _jacobian("softmax's diagonal alone", lambda y: diagonal(y * (1 - y)),
              "Only a score's own probability was taken to move.",
              "A change of one score moves every probability: they share a sum."),
    _jacobian("softmax's sum taken as a constant", diagonal,
              "diag(y) is the slope where the sum below does not move.",
              "The sum holds every score: differentiate the quotient, not the exponential alone."),
    _jacobian("y for diag(y)", lambda y: y[..., :, None] - outer(y),
              "y was added to every column; it belongs on the diagonal.",
              "The first term is there for i = j alone."),
    _jacobian("softmax's slope with the sign flipped", lambda y: outer(y) - diagonal(y),
              "y yᵀ − diag(y) was given; it is diag(y) − y yᵀ.",
              "A higher score makes its own probability larger: the diagonal is positive."),
    _jacobian("softmax's slope beside the diagonal of wrong sign",
              lambda y: diagonal(y - y**2) + outer(y) - diagonal(y**2),
              "Entries beside the diagonal are +y_i y_j; they are −y_i y_j.",
              "One probability grows at the cost of the others: each row adds up to 0."),
    declare("dy_hat_b_dz_2b", "scores for probabilities in softmax's slope",
            {"dy_hat_b_dz_2b": lambda v: diagonal(v.z_2b) - outer(v.z_2b), "dz_2b": _through_softmax},
            "The formula is right, and was fed the scores in place of the probabilities.",
            "y in y_i − y_i² is the output of softmax."),
)

_FORWARD = (
    declare("a_1a", "no ReLU in branch A", lambda v: v.z_1a,
            "a_1A is z_1A: negative entries passed.",
            "Look at the smallest entry of a_1A."),
    declare("a_1b", "no ReLU in branch B", lambda v: v.z_1b,
            "a_1B is z_1B: negative entries passed.",
            "Look at the smallest entry of a_1B."),
    declare("d", "dropout of z_1A", lambda v: v.z_1a * v.mask,
            "The mask was laid on z_1A; it is laid on a_1A.",
            "Follow branch A: linear, ReLU, dropout.",
            only=("2-1",)),
    declare("z_2a", "dropout bypassed", lambda v: v.a_1a @ v.theta_2a.T,
            "θ_2A was applied to a_1A, before dropout; it is applied to d.",
            "Follow branch A: what enters FC2A is what dropout let through."),
    declare("z_2a", "θ_2A transposed in z_2A", lambda v: v.d @ v.theta_2a,
            "d θ_2A was taken; with samples in rows it is d θ_2Aᵀ.",
            "θ_2A is square, so no shape protests: write one entry out."),
    declare("z_1b", "θ_1A in branch B", lambda v: v.x @ v.theta_1a.T,
            "Branch B was given branch A's weights.",
            "θ_1A and θ_1B have one shape: no error tells them apart."),
    declare("s", "s without branch A", lambda v: v.c,
            "z_2A was not added.",
            "Both branches enter the sum: s = c + z_2A."),
    declare("s", "s without branch B", lambda v: v.z_2a,
            "c was not added.",
            "Both branches enter the sum: s = c + z_2A."),
    declare("s", "branches averaged in s", lambda v: (v.c + v.z_2a) / 2,
            "The mean of both branches was taken; it is their sum.",
            "s = c + z_2A, without a ½."),
    declare("loss", "no 1/m in the squared error", {"loss_a": lambda v: ((v.z_2a - v.y_a) ** 2).sum() / 2},
            "The squared error is m times too large.",
            "1/m stands before the bracket: it belongs to both losses.",
            "squared-error"),
    declare("loss", "the squared error added to every sample's loss",
            {"loss_a": lambda v: ((v.z_2a - v.y_a) ** 2).sum() / 2},
            "The mean squared error was added to an array of m losses, and counts m times in their sum.",
            "Look at the shapes of what is added: a scalar is broadcast to every sample.",
            "squared-error", code_only=True),
    declare("loss", "no 1/m in the cross-entropy", {"loss_b": lambda v: -(v.y_b * np.log(v.y_hat_b)).sum()},
            "The cross-entropy is m times too large.",
            "1/m stands before the bracket: it belongs to both losses.",
            "cross-entropy"),
    declare("loss", "the cross-entropy added to every sample's loss",
            {"loss_b": lambda v: -(v.y_b * np.log(v.y_hat_b)).sum()},
            "The mean cross-entropy was added to an array of m losses, and counts m times in their sum.",
            "Look at the shapes of what is added: a scalar is broadcast to every sample.",
            "cross-entropy", code_only=True),
    declare("loss", "losses (m, 1) and (m,) broadcast to (m, m)", lambda v: (v.loss_a + v.loss_b) * len(v.y_a),
            "The loss is m times too large: (m, 1) and (m,) add up to (m, m), every sample with every other.",
            "Print the shapes before the sum: a sample has one loss, so there are m of them.", code_only=True),
    declare("loss", "no 1/m in the whole loss", lambda v: (v.loss_a + v.loss_b) * len(v.y_a),
            "The loss is m times too large: the sum over the samples was not divided by m.",
            "1/m stands before the bracket: it belongs to both losses."),
    declare("loss", "1/m twice in the loss", lambda v: (v.loss_a + v.loss_b) / len(v.y_a),
            "Means were divided by m once more.",
            "Count the 1/m: np.mean brings one of its own."),
    declare("loss", "squared error without its ½", {"loss_a": lambda v: ((v.z_2a - v.y_a) ** 2).sum() / len(v.y_a)},
            "The ½ of the squared error is missing.",
            "The ½ is there to cancel the 2 of the derivative.",
            "squared-error"),
    declare("loss", "squared error divided by m·n_h", {"loss_a": lambda v: ((v.z_2a - v.y_a) ** 2).mean() / 2},
            "The squared error is a mean over all entries; it is a mean over samples of a sum over units.",
            "np.mean without an axis divides by m·n_h.",
            "squared-error"),
    declare("loss", "cross-entropy divided by m·K", {"loss_b": lambda v: -(v.y_b * np.log(v.y_hat_b)).mean()},
            "The cross-entropy is a mean over all entries; it is a mean over samples of a sum over classes.",
            "np.mean without an axis divides by m·K.",
            "cross-entropy"),
    declare("loss", "cross-entropy of wrong sign", {"loss_b": lambda v: (v.y_b * np.log(v.y_hat_b)).sum() / len(v.y_b)},
            "The minus of the cross-entropy is missing.",
            "A logarithm of a probability is negative, a loss is not.",
            "cross-entropy"),
    declare("loss", "binary cross-entropy",
            {"loss_b": lambda v: -(v.y_b * np.log(v.y_hat_b) + (1 - v.y_b) * np.log1p(-v.y_hat_b)).sum() / len(v.y_b)},
            "(1 − y) log(1 − ŷ) was added; that is the loss of K separate yes-or-no questions.",
            "With softmax the classes exclude each other: y log ŷ says it all.",
            "cross-entropy"),
    declare("loss", "squared error left out", lambda v: v.loss_b,
            "Only the cross-entropy was taken.",
            "L has two terms."),
    declare("loss", "cross-entropy left out", lambda v: v.loss_a,
            "Only the squared error was taken.",
            "L has two terms."),
)

_HEAD = (
    declare("dy_hat_b", "minus missing in ∂L/∂ŷ_b", {"sign_y": lambda v: 1.0},
            "y/ŷ was taken; the loss is −y log ŷ.",
            "More probability for the right class lowers the loss: the slope is negative."),
    declare("dy_hat_b", "labels missing in ∂L/∂ŷ_b", {"labels_y": lambda v: 1.0},
            "−1/ŷ was taken for every class; each class counts by its label.",
            "Each term of the sum is y log ŷ: y stays as a factor."),
    declare("dy_hat_b", "no 1/m in ∂L/∂ŷ_b", {"share_y": lambda v: 1.0},
            "The loss is a mean over the batch, and its 1/m was lost.",
            "1/m stands before the sum, and no derivative removes it."),
    declare("dy_hat_b", "∂L/∂ŷ_b of the binary cross-entropy",
            lambda v: v.upstream * ((1 - v.y_b) / (1 - v.y_hat_b) - v.y_b / v.y_hat_b) / len(v.y_b),
            "The term of (1 − y) log(1 − ŷ) is in it; this loss has none.",
            "With softmax the classes exclude each other: the loss is −Σ y log ŷ."),
    declare("dy_hat_b", "softmax's slope already in ∂L/∂ŷ_b", lambda v: v.upstream * (v.y_hat_b - v.y_b) / len(v.y_b),
            "ŷ_b − y_b is the gradient of z_2B, one step further back.",
            "Which variable is it the slope along? ŷ_b, before softmax is undone."),
    declare("dz_2b", "y − ŷ for ŷ − y", {"delta_b": lambda v: v.y_b - v.y_hat_b},
            "The sign is flipped: with it the descent would climb.",
            "A class whose probability is too high has a score that should fall: its slope is positive."),
    declare("dz_2b", "no 1/m in ∂L/∂z_2B", {"share_b": lambda v: 1.0},
            "The loss is a mean over the batch, and the 1/m of the cross-entropy was lost.",
            "1/m stands before the sum, and no derivative removes it."),
    declare("dz_2b", "1/m twice in ∂L/∂z_2B", {"share_b": lambda v: 1 / len(v.y_b) ** 2},
            "It was divided by m twice.",
            "Count where m enters: once, in the loss."),
    declare("dz_2b", "1/(m·K) in ∂L/∂z_2B", {"share_b": lambda v: 1 / v.y_b.size},
            "It was divided by the number of all entries; the loss is a mean over samples of a sum over classes.",
            "np.mean without an axis divides by m·K."),
    declare("dz_2b", "labels left out of ∂L/∂z_2B", {"delta_b": lambda v: v.y_hat_b},
            "ŷ_b was taken alone.",
            "Where prediction and label agree the gradient is 0: ŷ_b − y_b."),
    declare("dz_2b", "softmax skipped on the way back", lambda v: v.dy_hat_b,
            "∂L/∂ŷ_b was passed on as ∂L/∂z_2B, as if softmax were not there.",
            "Between z_2B and ŷ_b stands softmax, and its Jacobian belongs between their gradients."),
    declare("dz_2b", "dout ignored in the head", {"upstream_b": lambda v: 1.0},
            "The upstream gradient dout was not multiplied in.",
            "The loss may be scaled by what comes after it: every gradient begins with dout."),
    declare("upstream", "|dout| for dout", lambda v: np.abs(v.dout),
            "The upstream gradient was taken without its sign: where dout is negative, every sign is flipped.",
            "Multiply by dout as it comes; nothing asks for its absolute value.",
            "grad-z-2b"),
    declare("dtheta_2b", "c for s in ∂L/∂θ_2B", lambda v: v.dz_2b.T @ v.c,
            "The input of FC2B was taken to be c; branch A is in it too.",
            "FC2B saw s = c + z_2A."),
    declare("dtheta_2b", "z_2A for s in ∂L/∂θ_2B", lambda v: v.dz_2b.T @ v.z_2a,
            "The input of FC2B was taken to be z_2A; branch B is in it too.",
            "FC2B saw s = c + z_2A."),
    declare("dtheta_2b", "one s for the whole batch", lambda v: np.outer(v.dz_2b.sum(axis=0), v.s.mean(axis=0)),
            "s carries no sample index, and a mean took its place: a product of sums is not a sum of products.",
            "Sample i has its own s_i: multiply first, then sum."),
    declare("dtheta_2b", "a product of sums in ∂L/∂θ_2B",
            lambda v: np.outer(v.dz_2b.sum(axis=0), v.s.sum(axis=0)),
            "Gradients and inputs were summed apart, so that every sample meets every other's s.",
            "Sample i has its own s_i: multiply first, then sum."),
)

_BRANCH_B = (
    declare("dz_2b_dc", "∂z_2B/∂c transposed", lambda v: v.theta_2b.T,
            "θ_2Bᵀ was given; the Jacobian has a row for each output, a column for each input.",
            "Entry [k, j] is the slope of z_2B^(k) along c^(j)."),
    declare("dc", "upstream gradient ignored in branch B", lambda v: (v.y_hat_b - v.y_b) @ v.theta_2b / len(v.y_b),
            "(ŷ_b − y_b)/m was computed anew; branch B must take the dz_2b that it is handed.",
            "A backward function multiplies what comes from above, whatever that is."),
    declare("dc", "branch A's loss in branch B", lambda v: v.dz_2b @ v.theta_2b + (v.z_2a - v.y_a) / len(v.y_a),
            "The squared error was sent into branch B; it hangs on z_2A alone.",
            "Which arrows leave c? One, to s."),
    declare("dbeta", "mean for sum in ∂L/∂β", lambda v: v.dc.mean(axis=0),
            "The batch was averaged; β acts on every sample, so their gradients add up.",
            "The 1/m of the loss is in dc already."),
    declare("dbeta", "one β for all features", lambda v: v.dc.sum(),
            "One number was given, summed over features too; here each feature has a β of its own.",
            "The gradient of β has the shape of β."),
    declare("dbeta", "γ in ∂L/∂β", lambda v: v.dx_hat.sum(axis=0),
            "The gradient was taken after γ was multiplied in; β is added after γ.",
            "Going back, β comes first, then γ, then x̂."),
    declare("dgamma", "mean for sum in ∂L/∂γ", lambda v: (v.dc * v.x_hat).mean(axis=0),
            "The batch was averaged; γ acts on every sample, so their gradients add up.",
            "The 1/m of the loss is in dc already."),
    declare("dgamma", "one γ for all features", lambda v: (v.dc * v.x_hat).sum(),
            "One number was given, summed over features too; here each feature has a γ of its own.",
            "The gradient of γ has the shape of γ."),
    declare("dgamma", "γ in its own gradient", lambda v: (v.dx_hat * v.x_hat).sum(axis=0),
            "The gradient was taken after γ was multiplied in.",
            "The slope of γ x̂ along γ does not depend on γ."),
    declare("dgamma", "∂L/∂γ from the input", lambda v: (v.dc * v.a_1b).sum(axis=0),
            "a_1B stands where x̂ belongs.",
            "Read off c = γ x̂ + β what stands beside γ."),
    declare("dgamma", "∂L/∂γ from the output", lambda v: (v.dc * v.c).sum(axis=0),
            "c stands where x̂ belongs.",
            "Read off c = γ x̂ + β what stands beside γ."),
    declare("dgamma", "∂L/∂γ from the centred input", lambda v: (v.dc * (v.a_1b - v.mu_b)).sum(axis=0),
            "a_1B − μ_B stands where x̂ belongs: it was not divided by √(σ_B² + ε).",
            "Read off c = γ x̂ + β what stands beside γ."),
    declare("da_1b", "batch statistics taken as constants", {"mean_path": lambda v: 0.0, "var_path": lambda v: 0.0},
            "μ_B and σ_B² were held still, but they move when any sample moves.",
            "Every sample touches every other: two more paths lead from a_1B to c."),
    declare("da_1b", "the path through the mean dropped", {"mean_path": lambda v: 0.0},
            "μ_B was held still, but it moves when any sample moves.",
            "Add up ∂L/∂a_1B over the batch: a shift of all samples changes nothing, so the sum is 0."),
    declare("da_1b", "the path through the variance dropped", {"var_path": lambda v: 0.0},
            "σ_B² was held still, but it moves when any sample moves.",
            "Three paths lead from a_1B to x̂: directly, through μ_B and through σ_B²."),
    declare("da_1b", "the path through the variance of wrong sign", {"var_path": lambda v: -STEPS["var_path"](v)},
            "What comes through σ_B² was added; a larger spread makes x̂ smaller.",
            "The slope of v^(−1/2) is −½ v^(−3/2): the minus must survive."),
    declare("da_1b", "the path through the variance without its 2", {"var_path": lambda v: STEPS["var_path"](v) / 2},
            "The slope of (a − μ_B)² is 2 (a − μ_B), and the 2 is missing.",
            "The 2 cancels the ½ of the root's slope: see whether a ½ is left over."),
    declare("da_1b", "the path through the variance with m − 1",
            {"var_path": lambda v: STEPS["var_path"](v) * len(v.dc) / (len(v.dc) - 1)},
            "The variance was differentiated as if it had been divided by m − 1; the forward pass divides by m.",
            "Whatever the forward pass divides by, the backward pass does too."),
    declare("da_1b", "the path through the variance with the wrong power",
            {"var_path": lambda v: STEPS["var_path"](v) * (v.var_b + v.eps)},
            "∂L/∂σ_B² was taken with (σ_B² + ε)^(−1/2); it is (σ_B² + ε)^(−3/2).",
            "Differentiating v^(−1/2) lowers the power by one."),
    declare("da_1b", "sum for mean in the path through the mean", {"mean_path": lambda v: v.dx_hat.sum(axis=0)},
            "What comes through μ_B was not divided by m.",
            "Each sample moves μ_B by 1/m of its own move."),
    declare("da_1b", "sum for mean in the path through the variance",
            {"var_path": lambda v: v.x_hat * (v.dx_hat * v.x_hat).sum(axis=0)},
            "What comes through σ_B² was not divided by m.",
            "σ_B² is a mean of m squares: each has the weight 1/m."),
    declare("da_1b", "ε left out on the way back", {"back_std": lambda v: np.sqrt(v.var_b)},
            "It was divided by √σ_B²; the forward pass divides by √(σ_B² + ε).",
            "Look at a feature that hardly varies: there ε is what counts."),
    declare("da_1b", "ε left out on the way back, in every step",
            {"back_std": lambda v: np.sqrt(v.var_b),
             "var_path": lambda v: (v.a_1b - v.mu_b) * (v.dx_hat * (v.a_1b - v.mu_b)).mean(axis=0) / v.var_b},
            "Both powers of σ_B² + ε were taken of σ_B² alone.",
            "Look at a feature that hardly varies: there ε is what counts."),
    declare("da_1b", "ε outside the root on the way back", {"back_std": lambda v: np.sqrt(v.var_b) + v.eps},
            "It was divided by √σ_B² + ε; the forward pass adds ε under the root.",
            "Forward and backward pass must divide by the same number."),
    declare("da_1b", "no root on the way back", {"back_std": lambda v: v.var_b + v.eps},
            "It was divided by σ_B² + ε, and the root is missing.",
            "The slope of x̂ along a_1B, all else held, is 1/√(σ_B² + ε)."),
    declare("da_1b", "γ forgotten on the way back", {"dx_hat": lambda v: v.dc},
            "dc was taken for the gradient of x̂; γ stands between them.",
            "c = γ x̂ + β: going back to x̂ multiplies by γ."),
    declare("da_1b", "means over the whole array on the way back",
            {"mean_path": lambda v: v.dx_hat.mean(), "var_path": lambda v: v.x_hat * (v.dx_hat * v.x_hat).mean()},
            "The two means were taken over all entries; each feature has its own.",
            "Look at the axis: a mean over the samples leaves n_h numbers."),
    declare("da_1b", "means along the features on the way back",
            {"mean_path": lambda v: v.dx_hat.mean(axis=1, keepdims=True),
             "var_path": lambda v: v.x_hat * (v.dx_hat * v.x_hat).mean(axis=1, keepdims=True)},
            "The two means were taken within each sample; they run over the batch.",
            "Rows are samples: the mean over the batch runs along axis 0."),
    declare("dz_1b", "ReLU's slope taken of c", {"slope_1b": lambda v: v.c > 0},
            "The gradient was let through where c > 0, after batch norm has moved every number.",
            "ReLU sits between z_1B and a_1B: its slope is 1 where z_1B > 0."),
)

_BRANCH_A = (
    declare("dz_2a", "no 1/m in the squared error's gradient", {"share_a": lambda v: 1.0},
            "The loss is a mean over the batch, and the 1/m of the squared error was lost.",
            "1/m stands before the bracket: it belongs to both losses."),
    declare("dz_2a", "1/m twice in the squared error's gradient", {"share_a": lambda v: 1 / len(v.y_a) ** 2},
            "It was divided by m twice.",
            "Count where m enters: once, in the loss."),
    declare("dz_2a", "1/(m·n_h) in the squared error's gradient", {"share_a": lambda v: 1 / v.y_a.size},
            "It was divided by the number of all entries; the loss is a mean over samples of a sum over units.",
            "np.mean without an axis divides by m·n_h."),
    declare("dz_2a", "squared error's gradient without its ½", {"share_a": lambda v: 2 / len(v.y_a)},
            "2 (ŷ_a − y_a) was taken; the ½ of the loss cancels that 2.",
            "Differentiate ½ (ŷ − y)², not (ŷ − y)².",
            "grad-squared-error"),
    declare("dz_2a", "y − ŷ in the squared error's gradient", {"delta_a": lambda v: v.y_a - v.z_2a},
            "The sign is flipped: with it the descent would climb.",
            "A prediction that is too high should fall: its slope is positive.",
            "grad-squared-error"),
    declare("dz_2a", "dout ignored in the squared error", {"own_loss": lambda v: v.share_a * v.delta_a},
            "The upstream gradient dout was not multiplied in.",
            "The loss may be scaled by what comes after it: every gradient begins with dout."),
    declare("dz_2a", "branch A without branch B's share", lambda v: v.own_loss,
            "Only the squared error was followed; z_2A also enters s, and s the cross-entropy.",
            "Two arrows leave z_2A: gradients add where arrows part."),
    declare("dz_2a", "branch B's share alone in branch A", lambda v: v.from_b,
            "Only the cross-entropy was followed; z_2A is ŷ_a too, and the squared error hangs on it.",
            "Two arrows leave z_2A: gradients add where arrows part."),
    declare("dz_2a", "½ in branch B's share", {"from_b": lambda v: v.dz_2b @ v.theta_2b / 2},
            "Half of what comes back through s was taken; it counts in full.",
            "The ½ of the loss belongs to the squared error; s = c + z_2A has none."),
    declare("dz_2a", "branch B's share twice", {"from_b": lambda v: v.dz_2b @ v.theta_2b * 2},
            "What comes back through s was counted twice.",
            "One arrow leads from z_2A to s, with the slope 1."),
    declare("dz_2a", "1/m once more in branch B's share", {"from_b": lambda v: v.dz_2b @ v.theta_2b / len(v.dz_2b)},
            "What comes back through s was divided by m; dz_2b holds the 1/m already.",
            "Count where m enters: once, in the loss."),
    declare("dz_2a", "½ in the squared error's gradient", {"share_a": lambda v: 1 / (2 * len(v.y_a))},
            "Half of ŷ_a − y_a was taken; the 2 of the derivative cancels the ½ of the loss.",
            "Differentiate ½ (ŷ − y)²: 2 · ½ = 1.",
            "grad-squared-error"),
    declare("dz_2a", "∂L/∂z_2A with the sign flipped", lambda v: -(v.own_loss + v.from_b),
            "Both shares have the wrong sign.",
            "Check one entry: a prediction that is too high should fall, so its slope is positive."),
    declare("dz_2a", "the two shares averaged", lambda v: (v.own_loss + v.from_b) / 2,
            "The mean of both shares was taken; it is their sum.",
            "Two arrows leave z_2A: gradients add where arrows part."),
    declare("dz_2a", "the two shares subtracted", lambda v: v.own_loss - v.from_b,
            "Branch B's share was subtracted; z_2A enters s with a plus.",
            "Two arrows leave z_2A: gradients add where arrows part."),
    declare("dz_2a", "upstream gradient ignored in branch A",
            {"from_b": lambda v: (v.y_hat_b - v.y_b) @ v.theta_2b / len(v.y_b)},
            "(ŷ_b − y_b)/m was computed anew; branch A must take the dz_2b that it is handed.",
            "A backward function multiplies what comes from above, whatever that is."),
    declare("dtheta_2a", "the activation before dropout in ∂L/∂θ_2A", lambda v: v.dz_2a.T @ v.a_1a,
            "a_1A was taken for the input of FC2A; dropped entries never reached it.",
            "FC2A saw d = a_1A ∘ M."),
    declare("dtheta_2a", "z_1A for d in ∂L/∂θ_2A", lambda v: v.dz_2a.T @ v.z_1a,
            "z_1A was taken for the input of FC2A; ReLU and dropout stand between.",
            "FC2A saw d = a_1A ∘ M."),
    declare("dtheta_2a", "an entrywise product in ∂L/∂θ_2A", lambda v: (v.dz_2a * v.d).sum(axis=0),
            "Gradient and input were multiplied entry by entry; θ_2A has an entry for every pair of them.",
            "Column times row: ∂L/∂z_2A dᵀ, with the transpose."),
    declare("dd", "θ_2A transposed on the way back", lambda v: v.dz_2a @ v.theta_2a.T,
            "dz_2a θ_2Aᵀ was taken; with samples in rows it is dz_2a θ_2A.",
            "θ_2A is square, so no shape protests: write one entry out."),
    declare("dd", "FC2A skipped on the way back", lambda v: v.dz_2a,
            "The gradient of z_2A was passed on as the gradient of d.",
            "θ_2A stands between d and z_2A, and between their gradients."),
    declare("dz_1a", "the sum that should not be there",
            lambda v: v.dd.sum(axis=1, keepdims=True) * v.back_mask * v.slope_1a,
            "The gradients of all entries of d were added up (θ_2A U); entry j of d feels entry j of z_1A alone.",
            "Dropout and ReLU act entry by entry: their Jacobian is diagonal, and the sum over k has one term."),
    declare("dz_1a", "no mask on the way back", {"back_mask": lambda v: 1.0},
            "The gradient passed dropout untouched.",
            "d = a_1A ∘ M: going back multiplies by M again."),
    declare("dz_1a", "the mask without its scale on the way back", {"back_mask": lambda v: v.mask != 0},
            "The gradient was stopped where it should be, and not divided by 1 − p elsewhere.",
            "d = a_1A ∘ M, and M holds 1/(1 − p) where it is not 0."),
    declare("dz_1a", "the mask scaled twice on the way back", {"back_mask": lambda v: v.mask / (1 - v.p)},
            "The gradient was divided by 1 − p twice.",
            "M holds 1/(1 − p) already: multiply by it once."),
    declare("dz_1a", "keep and drop swapped on the way back", {"back_mask": lambda v: (v.mask == 0) / (1 - v.p)},
            "The gradient passed where the forward pass dropped.",
            "A dropped entry has no say in the loss: its gradient is 0."),
    declare("dz_1a", "the scale without the mask on the way back", {"back_mask": lambda v: 1 / (1 - v.p)},
            "All entries were divided by 1 − p, the dropped ones too.",
            "A dropped entry has no say in the loss: its gradient is 0."),
    declare("dz_1a", "a fresh mask on the way back", {"back_mask": lambda v: _other_mask(v, "dz_1a")},
            "Another mask was drawn for the backward pass.",
            "The backward pass goes through the network that was run: its mask is in the cache."),
)
# fmt: on


def _relu_slopes(branch: str, da: str) -> tuple[Mistake, ...]:
    """Mistakes in ReLU's slope, which both branches can show. da is the name of the activation's gradient."""
    z, a, slope = (f"{name}_1{branch.lower()}" for name in ("z", "a", "slope"))
    Z, part = f"z_1{branch}", f"d{z}"
    look = f"ReLU is flat below 0 and climbs at 45° above: its slope is 1 where {Z} > 0, else 0."
    return (
        declare(
            part,
            f"sgn({Z}) for ReLU's slope",
            {slope: lambda v: np.sign(getattr(v, z))},
            f"The slope was taken to be −1 where {Z} < 0.",
            look,
        ),
        declare(
            part,
            f"no ReLU slope in branch {branch}",
            {slope: lambda v: 1.0},
            f"The gradient passed where {Z} < 0 too.",
            look,
        ),
        declare(
            part,
            f"≥ 0 asked of the activation in branch {branch}",
            {slope: lambda v: getattr(v, a) >= 0},
            f"a_1{branch} ≥ 0 is true everywhere, so nothing was stopped.",
            f"Ask {Z} > 0, or a_1{branch} > 0, but not ≥ 0.",
        ),
        declare(
            part,
            f"the activation for ReLU's slope in branch {branch}",
            {slope: lambda v: getattr(v, a)},
            f"The gradient was multiplied by a_1{branch}; the slope is 1 or 0.",
            look,
        ),
        declare(
            part,
            f"ReLU of the gradient in branch {branch}",
            {slope: lambda v: getattr(v, da) > 0},
            "Negative gradients were cut off: the sign that was asked is the gradient's.",
            f"ReLU let through what was positive in the forward pass: ask {Z}.",
        ),
    )


def _weights(theta: str, dz: str, x: str) -> tuple[Mistake, ...]:
    """Mistakes in a weight's gradient, which all four can show. dz and x are the names of its two factors."""
    part, symbol = f"dtheta_{theta.lower()}", f"θ_{theta}"
    return (
        declare(
            part,
            f"∂L/∂{symbol} transposed",
            lambda v: getattr(v, x).T @ getattr(v, dz),
            f"The two factors are in the wrong order: {symbol}ᵀ has this gradient.",
            f"The gradient has the shape of {symbol}, and the gradient of its output comes first.",
        ),
        declare(
            part,
            f"mean for sum in ∂L/∂{symbol}",
            lambda v: getattr(v, dz).T @ getattr(v, x) / len(getattr(v, x)),
            "The batch was averaged once more; the samples' gradients add up.",
            f"The 1/m of the loss is in {dz} already.",
        ),
    )


# What a student reads at home, before the deadline, where the name or the hint holds a right formula or a part of it.
HOME_NAMES = {
    "y − ŷ for ŷ − y": "a flipped sign in ∂L/∂z_2B",
    "y − ŷ in the squared error's gradient": "a flipped sign in the squared error's gradient",
    "y for diag(y)": "y in every column of softmax's Jacobian",
    "c for s in ∂L/∂θ_2B": "c as the input of FC2B",
    "z_2A for s in ∂L/∂θ_2B": "z_2A as the input of FC2B",
    "z_1A for d in ∂L/∂θ_2A": "z_1A as the input of FC2A",
}
_RELU = "ReLU is flat below 0 and climbs at 45° above. Which array tells on which side an entry was?"
HINTS = {
    "every feature moved by every β": "Which entries of β stand in y of feature j?",
    "every feature moved by every γ": "Which entries of γ stand in y of feature j?",
    "γ left in its own slope": "Differentiate γ x̂ by γ, with x̂ held still.",
    "y for diag(y)": "Write out one entry on the diagonal, and one beside it.",
    "scores for probabilities in softmax's slope": "Is the Jacobian a formula of softmax's input, or of its output?",
    "softmax's slope beside the diagonal of wrong sign": "One score grows: what happens to the others' probabilities?",
    "labels left out of ∂L/∂z_2B": "Where prediction and label agree the gradient is 0.",
    "∂L/∂ŷ_b of the binary cross-entropy": "The classes exclude each other: read the loss in the statement again.",
    "c for s in ∂L/∂θ_2B": "Look at the picture: which arrow enters FC2B?",
    "z_2A for s in ∂L/∂θ_2B": "Look at the picture: which arrow enters FC2B?",
    "z_1A for d in ∂L/∂θ_2A": "Look at the picture: which arrow enters FC2A?",
    "the activation before dropout in ∂L/∂θ_2A": "Look at the picture: which arrow enters FC2A?",
    "an entrywise product in ∂L/∂θ_2A": "How many entries has θ_2A, and how many your product before it is summed?",
    "the path through the variance of wrong sign": "Which sign has the slope of 1/√v along v?",
    "the path through the variance with the wrong power": "Which power has the slope of 1/√v along v?",
    "the path through the variance without its 2": "Does the 2 of a square's slope cancel, or is a ½ left over?",
    "no root on the way back": "Hold μ_B and σ_B² still, and differentiate x̂ by a_1B.",
    "γ forgotten on the way back": "Read off c = γ x̂ + β what stands beside x̂.",
    "ReLU's slope taken of c": "ReLU sits between z_1B and a_1B.",
    "no mask on the way back": "What is the slope of d along a_1A, for an entry that was dropped?",
    "the mask without its scale on the way back": "What is the slope of d along a_1A, for an entry that was kept?",
    "the mask scaled twice on the way back": "What is the slope of d along a_1A, for an entry that was kept?",
    "∂z_2B/∂c transposed": "Which axis of a Jacobian is that of the output?",
    "∂L/∂z_2A with the sign flipped": "A prediction that is too high should fall: which sign has its slope?",
    "½ in branch B's share": "Is there a ½ on the arrow from z_2A to s?",
    "squared error's gradient without its ½": "The loss has a ½: what becomes of it?",
    "½ in the squared error's gradient": "The square has a 2: what becomes of it?",
}
for _branch in "AB":
    HINTS |= {
        f"sgn(z_1{_branch}) for ReLU's slope": _RELU,
        f"no ReLU slope in branch {_branch}": _RELU,
        f"≥ 0 asked of the activation in branch {_branch}": f"Where is a_1{_branch} ≥ 0 false?",
        f"the activation for ReLU's slope in branch {_branch}": _RELU,
        f"ReLU of the gradient in branch {_branch}": _RELU,
    }

MISTAKES: tuple[Mistake, ...] = (
    *_BATCH_NORM,
    *_DROPOUT,
    *_SOFTMAX,
    *_FORWARD,
    *_HEAD,
    *_weights("2B", "dz_2b", "s"),
    *_BRANCH_B,
    *_relu_slopes("B", "da_1b"),
    *_weights("1B", "dz_1b", "x"),
    *_BRANCH_A,
    *_relu_slopes("A", "dd"),
    *_weights("2A", "dz_2a", "d"),
    *_weights("1A", "dz_1a", "x"),
)

MISTAKES = tuple(
    replace(mistake, home_name=HOME_NAMES.get(mistake.name, ""), hint=HINTS.get(mistake.name, ""))
    for mistake in MISTAKES
)
BANK = Bank(STEPS, MISTAKES, GRADED.questions, GRADED.draw, PART_STEPS, RENAMED_ARGUMENTS, GRADED.graded_draw)

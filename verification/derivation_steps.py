"""Every labelled step of the derivations: what stands to the right of each `=`, as the page has it.

There is a function for each label of the opening pages, of both blocks and of the pages on checking, called after it,
but for the definitions. It takes the stations of the network and what comes back to them (`symbolic_derivations` makes
them, of symbols), and returns what the equation says, in the order of its equals signs. `v.x[i]` is the page's column
x_i; an array without an index has the samples in its rows, as the page's capital letters do.
"""

import zlib

import numpy as np

m, n, n_h, K = 3, 5, 2, 4
SAMPLES, INPUTS, UNITS, CLASSES = range(m), range(n), range(n_h), range(K)


def rows(column):
    """Each sample's column, laid down as a row."""
    return np.stack([column(i) for i in SAMPLES])


def entries(entry, *shape):
    """An array from what stands at each index."""
    return np.array([entry(*index) for index in np.ndindex(shape)]).reshape(shape)


def outer(column, other):
    """A column times a row."""
    return column[:, None] @ other[None, :]


# ------------------------------------------------------------------------------------------- start, the chain rule


def chain_rule(v):
    """Entry by entry, and as a product with the transposed Jacobian."""
    return (
        entries(lambda j: sum(v.outer_slope[k] * v.inner_slopes[k, j] for k in range(2)), 3),
        v.inner_slopes.T @ v.outer_slope,
    )


# ------------------------------------------------------------------------------------------------- block 1, batch norm


def jac_batch_norm_gamma(v):
    """One matrix a sample."""
    return (rows(lambda i: np.diag(v.x_hat[i])),)


def jac_batch_norm_beta(v):
    """The unit matrix, for each sample."""
    return (rows(lambda i: np.eye(n_h, dtype=int)),)


def grad_batch_norm_gamma(v):
    """Collected from all samples."""
    return (sum(v.x_hat[i] * v.dy[i] for i in SAMPLES),)


def grad_batch_norm_beta(v):
    """Collected from all samples."""
    return (sum(v.dy[i] for i in SAMPLES),)


def batch_norm_stage_x_hat(v):
    """Stage 1: h_i, and what it is."""
    return rows(lambda i: v.h[i]), rows(lambda i: v.gamma * v.dy[i])


def batch_norm_stage_w(v):
    """Stage 2."""
    return (sum(v.u[k] * v.h[k] for k in SAMPLES),)


def batch_norm_stage_var(v):
    """Stage 3."""
    return (-(v.w**3) * v.dw / 2,)


def batch_norm_stage_u(v):
    """Stage 4."""
    return (rows(lambda i: v.w * v.h[i] + 2 / v.m * v.u[i] * v.dvar),)


def batch_norm_stage_mu(v):
    """Stage 5."""
    return (-sum(v.du[k] for k in SAMPLES),)


def batch_norm_stage_x(v):
    """Stage 6, at u = x - mu."""
    return (
        rows(lambda i: v.du_at_x[i] + 1 / v.m * v.dmu_at_x),
        rows(lambda i: v.du_at_x[i] - 1 / v.m * sum(v.du_at_x[k] for k in SAMPLES)),
    )


def batch_norm_close_variance(v):
    """The way through the variance, before and after the powers of w have turned u into x_hat = u w."""
    return (
        rows(lambda i: 2 / v.m * v.u[i] * (-(v.w**3) / 2 * sum(v.u[k] * v.h[k] for k in SAMPLES))),
        rows(lambda i: -v.w * (v.u[i] * v.w) * (1 / v.m) * sum((v.u[k] * v.w) * v.h[k] for k in SAMPLES)),
    )


def grad_batch_norm_x(v):
    """The closed form, and what h_i is in it."""
    h = rows(lambda i: v.gamma * v.dy[i])
    mean, along = sum(h[k] for k in SAMPLES) / v.m, sum(v.x_hat[k] * h[k] for k in SAMPLES) / v.m
    return rows(lambda i: 1 / v.sqrt(v.var + v.eps) * (h[i] - mean - v.x_hat[i] * along)), h


# ---------------------------------------------------------------------------------------------------- block 1, dropout


def dropout_mean(v):
    """The mean of a mask's entry."""
    return np.array((1 - v.p) * (1 / (1 - v.p))), np.array(1)


def jac_dropout(v):
    """As a matrix, and by cases."""
    return (
        rows(lambda i: np.diag(v.M[i])),
        entries(lambda i, j, k: 1 / (1 - v.p) if j == k and v.kept[i, j] else 0, m, n_h, n_h),
    )


def grad_dropout(v):
    """With the matrix, and entry by entry."""
    return rows(lambda i: np.diag(v.M[i]).T @ v.dy[i]), rows(lambda i: v.M[i] * v.dy[i])


# ---------------------------------------------------------------------------------------------------- block 1, softmax


def softmax_shift(v):
    """The shifted scores, the shift as a factor, and no shift."""
    shifted = v.exp(v.q + v.shift)
    return shifted / sum(shifted), v.exp(v.shift) * v.e / (v.exp(v.shift) * sum(v.e)), v.y


def softmax_sum_slope(v):
    """Along each score."""
    return (entries(lambda j: v.e[j], K),)


def softmax_own(v):
    """The quotient rule, and what becomes of it."""
    return (
        entries(lambda j: (v.e[j] * v.S - v.e[j] * v.e[j]) / v.S**2, K),
        entries(lambda j: v.e[j] / v.S - (v.e[j] / v.S) ** 2, K),
        entries(lambda j: v.y[j] * (1 - v.y[j]), K),
    )


def softmax_other(v):
    """The same beside the diagonal; what stands on it is left out."""
    beside = 1 - np.eye(K, dtype=int)
    return (
        beside * entries(lambda i, j: (0 * v.S - v.e[i] * v.e[j]) / v.S**2, K, K),
        beside * entries(lambda i, j: -(v.e[i] / v.S) * (v.e[j] / v.S), K, K),
        beside * entries(lambda i, j: -v.y[i] * v.y[j], K, K),
    )


def jac_softmax(v):
    """Both cases at once."""
    return (np.diag(v.y) - outer(v.y, v.y),)


def softmax_apply(v):
    """The matrix times g, and without the matrix. Both sides of the one equals sign."""
    return (np.diag(v.y) - outer(v.y, v.y)) @ v.g_y, v.y * v.g_y - v.y * (v.y @ v.g_y)


def grad_softmax(v):
    """One number is subtracted from every entry."""
    return (v.y * (v.g_y - v.y @ v.g_y),)


# ------------------------------------------------------------------------------------------------- block 2, the forward


def linear_forward(v):
    """A sample, and the batch."""
    return rows(lambda i: v.theta @ v.x[i]), v.x @ v.theta.T


# ---------------------------------------------------------------------------------------------------- block 2, the head


def linear_entry(v):
    """z_i^(k)."""
    return (entries(lambda i, k: sum(v.theta[k, j] * v.x[i, j] for j in INPUTS), m, n_h),)


def linear_input_entry(v):
    """Along x_i^(j)."""
    return (entries(lambda i, j: sum(v.dz[i, k] * v.theta[k, j] for k in UNITS), m, n),)


def grad_linear_x(v):
    """A sample, and the batch."""
    return rows(lambda i: v.theta.T @ v.dz[i]), v.dz @ v.theta


def linear_weight_entry(v):
    """Along theta^(kj)."""
    return (entries(lambda k, j: sum(v.dz[i, k] * v.x[i, j] for i in SAMPLES), n_h, n),)


def grad_linear_theta(v):
    """Outer products, and the batch."""
    return sum(outer(v.dz[i], v.x[i]) for i in SAMPLES), v.dz.T @ v.x


def head_one_term(v):
    """The slope of the whole sum, and of the one term that is left of it."""
    return (
        entries(
            lambda i, j: (
                -1
                / v.m
                * v.slope(
                    sum(v.y_b[other, k] * v.log(v.y_hat_b[other, k]) for other in SAMPLES for k in CLASSES),
                    v.y_hat_b[i, j],
                )
            ),
            m,
            K,
        ),
        entries(lambda i, j: -1 / v.m * v.slope(v.y_b[i, j] * v.log(v.y_hat_b[i, j]), v.y_hat_b[i, j]), m, K),
    )


def grad_y_hat_b(v):
    """A sample, and the batch."""
    return rows(lambda i: -1 / v.m * v.y_b[i] / v.y_hat_b[i]), -1 / v.m * v.y_b / v.y_hat_b


def head_jacobian_entry(v):
    """By cases."""
    return (
        entries(
            lambda i, j, k: v.softmax[i, j] * (1 - v.softmax[i, j]) if k == j else -v.softmax[i, j] * v.softmax[i, k],
            m,
            K,
            K,
        ),
    )


def jac_y_hat_b(v):
    """A sample's own scores, and another's: of the first sample along the second and the third."""
    return rows(lambda i: np.diag(v.softmax[i]) - outer(v.softmax[i], v.softmax[i])), np.zeros((m - 1, K, K), dtype=int)


def head_chain(v):
    """The sum over the probabilities, and with their gradient put in."""
    return (
        entries(lambda i, k: sum(v.dsoftmax[i, j] * v.softmax_slopes[i, j, k] for j in CLASSES), m, K),
        entries(
            lambda i, k: -1 / v.m * sum(v.y_b[i, j] / v.softmax[i, j] * v.softmax_slopes[i, j, k] for j in CLASSES),
            m,
            K,
        ),
    )


def head_any_labels(v):
    """The term j = k split off, and the sum of the labels kept."""
    return (
        entries(
            lambda i, k: (
                -1 / v.m * v.y_b[i, k] * (1 - v.softmax[i, k])
                + 1 / v.m * sum(v.y_b[i, j] * v.softmax[i, k] for j in CLASSES if j != k)
            ),
            m,
            K,
        ),
        entries(lambda i, k: 1 / v.m * (v.softmax[i, k] * sum(v.y_b[i, j] for j in CLASSES) - v.y_b[i, k]), m, K),
    )


def grad_z_2b(v):
    """A sample, and the batch. Here labels sum to one."""
    return rows(lambda i: 1 / v.m * (v.softmax[i] - v.labels[i])), 1 / v.m * (v.softmax - v.labels)


def grad_theta_2b(v):
    """Outer products, with delta_b, the batch, and with the errors put in."""
    return (
        sum(outer(v.dz_2b[i], v.s[i]) for i in SAMPLES),
        1 / v.m * sum(outer(v.delta_b[i], v.s[i]) for i in SAMPLES),
        v.dz_2b.T @ v.s,
        1 / v.m * (v.y_hat_b - v.y_b).T @ v.s,
    )


# ---------------------------------------------------------------------------------------------------- block 2, branch B


def jac_z_2b_c(v):
    """The same for every sample."""
    return (rows(lambda i: v.theta_2b),)


def grad_c(v):
    """A sample, with delta_b, the batch, and with the errors put in."""
    return (
        rows(lambda i: v.theta_2b.T @ v.dz_2b[i]),
        rows(lambda i: 1 / v.m * v.theta_2b.T @ v.delta_b[i]),
        v.dz_2b @ v.theta_2b,
        1 / v.m * (v.y_hat_b - v.y_b) @ v.theta_2b,
    )


def grad_beta(v):
    """Collected, with delta_b, and for the batch."""
    return (
        sum(v.dc[i] for i in SAMPLES),
        1 / v.m * sum(v.theta_2b.T @ v.delta_b[i] for i in SAMPLES),
        v.dc.T @ np.ones(m, dtype=int),
    )


def grad_gamma(v):
    """Collected, with delta_b, and for the batch."""
    return (
        sum(v.dc[i] * v.x_hat[i] for i in SAMPLES),
        1 / v.m * sum((v.theta_2b.T @ v.delta_b[i]) * v.x_hat[i] for i in SAMPLES),
        (v.dc * v.x_hat).T @ np.ones(m, dtype=int),
    )


def branch_b_lines(v):
    """One feature: a_k collects from every line that leaves it."""
    return (entries(lambda k: sum(v.dy[i, 0] * v.c_lines[i, k] for i in SAMPLES), m),)


def branch_b_means(v):
    """What the bars mean."""
    h = v.gamma * v.dy
    return 1 / v.m * sum(h[k] for k in SAMPLES), 1 / v.m * sum(h[k] * v.x_hat[k] for k in SAMPLES)


def grad_a_1b(v):
    """A sample, and the batch."""
    h, P = v.gamma * v.dy, np.ones((m, m), dtype=int) / v.m
    h_mean, hx_mean = branch_b_means(v)
    return (
        rows(lambda i: 1 / v.sqrt(v.var + v.eps) * (h[i] - h_mean - v.x_hat[i] * hx_mean)),
        (h - P @ h - v.x_hat * (P @ (h * v.x_hat))) @ np.diag(1 / v.sqrt(v.var + v.eps)),
    )


def grad_relu(v):
    """A sample, and the batch."""
    return rows(lambda i: v.da[i] * v.on_b[i]), v.da * v.on_b


def grad_z_1b(v):
    """A sample, and the batch."""
    return rows(lambda i: v.da_1b[i] * v.on_b[i]), v.da_1b * v.on_b


def grad_theta_1b(v):
    """Outer products, the batch, and the factor taken out in front. The statistics are those of v.b."""
    g, b = v.dy, v.b
    g_mean, gx_mean = sum(g[k] for k in SAMPLES) / v.m, sum(g[k] * b.x_hat[k] for k in SAMPLES) / v.m
    inside = sum(outer((g[i] - g_mean - b.x_hat[i] * gx_mean) * v.on_b[i], v.x[i]) for i in SAMPLES)
    return (
        sum(outer(v.dz_1b[i], v.x[i]) for i in SAMPLES),
        v.dz_1b.T @ v.x,
        np.diag(v.gamma / v.sqrt(b.var + v.eps)) @ inside,
    )


# ---------------------------------------------------------------------------------------------------- block 2, branch A


def grad_squared_error(v):
    """The half meets the two, with delta_a, and the batch."""
    return (
        rows(lambda i: 1 / v.m * (2 * (v.z_2a[i] - v.y_a[i]) / 2)),
        rows(lambda i: 1 / v.m * v.delta_a[i]),
        1 / v.m * (v.z_2a - v.y_a),
    )


def grad_z_2a(v):
    """Both arrows, with both errors, and the batch."""
    return (
        rows(lambda i: v.dy_hat_a[i] + v.theta_2b.T @ v.dz_2b[i]),
        rows(lambda i: 1 / v.m * (v.delta_a[i] + v.theta_2b.T @ v.delta_b[i])),
        v.dy_hat_a + v.dz_2b @ v.theta_2b,
    )


def grad_theta_2a(v):
    """Outer products, the batch, and with both errors."""
    return (
        sum(outer(v.dz_2a[i], v.d[i]) for i in SAMPLES),
        v.dz_2a.T @ v.d,
        1 / v.m * sum(outer(v.delta_a[i] + v.theta_2b.T @ v.delta_b[i], v.d[i]) for i in SAMPLES),
    )


def grad_d(v):
    """A sample, with both errors, and the batch."""
    return (
        rows(lambda i: v.theta_2a.T @ v.dz_2a[i]),
        rows(lambda i: 1 / v.m * v.theta_2a.T @ (v.delta_a[i] + v.theta_2b.T @ v.delta_b[i])),
        v.dz_2a @ v.theta_2a,
    )


def branch_a_entry(v):
    """By cases."""
    return (entries(lambda i, k, j: v.M[i, j] * v.on_a[i, j] if k == j else 0, m, n_h, n_h),)


def branch_a_one_term(v):
    """The sum over k, and its one term."""
    return (
        entries(lambda i, j: sum(v.dd[i, k] * v.d_slopes[i, k, j] for k in UNITS), m, n_h),
        entries(lambda i, j: v.dd[i, j] * v.M[i, j] * v.on_a[i, j], m, n_h),
    )


def grad_z_1a(v):
    """A sample, and the batch."""
    return rows(lambda i: v.dd[i] * v.M[i] * v.on_a[i]), v.dd * v.M * v.on_a


def grad_theta_1a(v):
    """Outer products, the batch, and the whole branch backward."""
    back = rows(lambda i: v.theta_2a.T @ (v.delta_a[i] + v.theta_2b.T @ v.delta_b[i]))
    return (
        sum(outer(v.dz_1a[i], v.x[i]) for i in SAMPLES),
        v.dz_1a.T @ v.x,
        1 / v.m * sum(outer(back[i] * v.M[i] * v.on_a[i], v.x[i]) for i in SAMPLES),
    )


# --------------------------------------------------------------------------------------------------- block 2, summary


def grad_summary(v):
    """Theta_2b, beta, gamma, theta_1b, theta_2a, theta_1a, as sums over the samples. g_i is the gradient of c_i."""
    g, b, f = v.g, v.b, v.gamma / v.sqrt(v.b.var + v.eps)
    g_mean, gx_mean = sum(g[k] for k in SAMPLES) / v.m, sum(g[k] * b.x_hat[k] for k in SAMPLES) / v.m
    return (
        1 / v.m * sum(outer(v.delta_b[i], v.s[i]) for i in SAMPLES),
        sum(g[i] for i in SAMPLES),
        sum(g[i] * b.x_hat[i] for i in SAMPLES),
        sum(outer(f * (g[i] - g_mean - b.x_hat[i] * gx_mean) * v.on_b[i], v.x[i]) for i in SAMPLES),
        sum(outer(v.delta_a[i] / v.m + g[i], v.d[i]) for i in SAMPLES),
        sum(outer(v.theta_2a.T @ (v.delta_a[i] / v.m + g[i]) * v.M[i] * v.on_a[i], v.x[i]) for i in SAMPLES),
    )


def grad_summary_batch(v):
    """The same six, as matrix products."""
    g, x_hat, f = v.g, v.b.x_hat, v.gamma / v.sqrt(v.b.var + v.eps)
    ones, P = np.ones(m, dtype=int), np.ones((m, m), dtype=int) / v.m
    return (
        1 / v.m * v.delta_b.T @ v.s,
        g.T @ ones,
        (g * x_hat).T @ ones,
        np.diag(f) @ ((g - P @ g - x_hat * (P @ (g * x_hat))) * v.on_b).T @ v.x,
        (v.delta_a / v.m + g).T @ v.d,
        ((v.delta_a / v.m + g) @ v.theta_2a * v.M * v.on_a).T @ v.x,
    )


# --------------------------------------------------------------------------------------- checking, finite differences


def taylor(v):
    """As far as the page writes it."""
    return (v.f + v.step * v.f1 + v.step**2 * v.f2 / 2 + v.step**3 * v.f3 / 6,)


def central_difference(v):
    """The quotient as far as the page writes it, and that."""
    return v.up_to_third((v.f_there - v.f_back) / (2 * v.step)), v.f1 + v.step**2 * v.f3 / 6


def two_errors(v):
    """Both terms. f and its third derivative are positive here."""
    return (v.step**2 * v.f3 / 6 + v.rounding * v.f / v.step,)


def complex_step(v):
    """The quotient as far as the page writes it, and that."""
    return v.up_to_third(v.f_aside / v.step), v.f1 - v.step**2 * v.f3 / 6


# ---------------------------------------------------------------------------------------- checking, exact differences


def difference_root(v):
    """Subtracted, and by the rule."""
    old, new = v.sqrt(v.spread), v.sqrt(v.spread + v.by_spread)
    return new - old, v.by_spread / (new + old)


def difference_linear(v):
    """Subtracted, and by the rule."""
    return (
        (v.x + v.by_x) @ (v.theta + v.by_theta).T - v.x @ v.theta.T,
        v.by_x @ (v.theta + v.by_theta).T + v.x @ v.by_theta.T,
    )


def difference_relu(v):
    """By cases, at numbers."""
    return (
        entries(
            lambda i, j: (
                max(v.by_signed[i, j], -v.signed[i, j])
                if v.signed[i, j] > 0
                else max(v.signed[i, j] + v.by_signed[i, j], 0)
                if v.signed[i, j] < 0
                else 0
            ),
            3,
            4,
        ),
    )


def difference_variance(v):
    """The mean over the batch."""
    return (sum((2 * v.u[i] + v.by_u[i]) * v.by_u[i] for i in SAMPLES) / v.m,)


def difference_inverse_root(v):
    """Subtracted, with t in front, multiplied by the sum, and with what 1 - t^2 is."""
    old, t = v.sqrt(v.spread), v.growth
    return (
        1 / v.sqrt(v.spread + v.by_spread) - 1 / old,
        1 / old * (1 - t) / t,
        1 / old * (1 - t**2) / (t * (1 + t)),
        -v.by_spread / (v.spread * old * t * (1 + t)),
    )


def difference_batch_norm(v):
    """Before gamma and beta, and after."""
    return (
        rows(lambda i: v.by_u[i] * (v.scale + v.by_scale) + v.u[i] * v.by_scale),
        rows(lambda i: (v.gamma + v.by_gamma) * v.by_x_hat[i] + v.by_gamma * v.moved_x_hat[i] + v.by_beta),
    )


def difference_log_sum_exp(v):
    """With y, and with log1p and expm1, which are log(1 + .) and exp(.) - 1."""
    return (
        v.log(sum(v.y[k] * v.exp(v.by_q[k]) for k in CLASSES)),
        v.log(1 + sum(v.y[k] * (v.exp(v.by_q[k]) - 1) for k in CLASSES)),
    )


def difference_softmax(v):
    """The probabilities, and the cross-entropy of labels that sum to one."""
    return (
        entries(lambda k: v.y[k] * (v.exp(v.by_q[k] - v.by_log_S) - 1), K),
        v.by_log_S - sum(v.labels[0, k] * v.by_q[k] for k in CLASSES),
    )


def difference_squared_error(v):
    """Subtracted, and by the rule."""
    return (v.a + v.by_u) ** 2 / 2 - v.a**2 / 2, (v.a + v.by_u / 2) * v.by_u


def exact_difference(v):
    """For a step that goes to 0."""
    return (v.at_no_step(((v.f_there - v.f) - (v.f_back - v.f)) / (2 * v.step)),)


def difference_rank_one(v):
    """Column j = 0 of c moves, by tau."""
    column = v.theta_2b[:, 0]
    return (
        rows(lambda i: v.tau[i] * column),
        entries(
            lambda i: (
                v.log(1 + sum(v.softmax[i, k] * (v.exp(v.tau[i] * column[k]) - 1) for k in CLASSES))
                - v.tau[i] * sum(v.labels[i, k] * column[k] for k in CLASSES)
            ),
            m,
        ),
    )


# ------------------------------------------------------------------------------------------ checking, autodiff and cost


def tape(v):
    """Of a small tape: each number but the last hears from those made of it; the last is the loss."""
    count = len(v.heard)
    return (
        entries(lambda j: sum(v.heard[k] * v.made_from[k, j] for k in range(count)), count - 1),
        v.heard[-1],
    )


def cost_forward(v):
    """Multiplications, for each row of sizes m, n, n_h, K."""
    return (np.array([m * (2 * n * h + h**2 + K * h) for m, n, h, K in v.sizes]),)


def cost_backward(v):
    """Multiplications, for each row of sizes m, n, n_h, K."""
    return (np.array([m * (2 * n * h + 2 * h**2 + 2 * K * h) for m, n, h, K in v.sizes]),)


# ---------------------------------------------------------------------------------------------------------- the seals

# Of each equation's TeX, without white space: the check sum of what these steps, and the definitions, were written for.
_SEALS = """
chain-rule 9e1f37de
batch-norm-forward 7516d768  jac-batch-norm-gamma 258b03c2  jac-batch-norm-beta 195ea2cd
grad-batch-norm-gamma fbf7aba4  grad-batch-norm-beta e3a99d43  batch-norm-pieces d5a06aca
batch-norm-stage-x-hat b7166fce  batch-norm-stage-w 174979f6  batch-norm-stage-var bed41584
batch-norm-stage-u ac94f3c9  batch-norm-stage-mu 8209c647  batch-norm-stage-x 9c840298
batch-norm-close-variance 2bce461c  grad-batch-norm-x 8d057a58
dropout-forward 273976e9  dropout-mean c7ecc9c5  jac-dropout bce5ae25  grad-dropout 1d8dcb12
softmax-forward 60910979  softmax-shift f9b4518c  softmax-sum-slope 4b71165e  softmax-own 01a80055
softmax-other 76f78f5e  jac-softmax 7ef3b4cd  softmax-apply 17cc1e2b  grad-softmax 55decb5c
grad-squared-error 96d23740  delta-a 8fc995f9  grad-z-2a 3f71d1b9  grad-theta-2a ff50f5e1  grad-d 2d89b6ad
branch-a-entry f75cb1be  branch-a-one-term 69f60cc3  grad-z-1a fb22a6f6  grad-theta-1a a7c8a510
jac-z-2b-c 4756080a  grad-c e26c37fe  grad-beta 78984527  grad-gamma 67de8bb7  branch-b-lines 93679160
branch-b-means ab309e86
grad-a-1b c2bce3ec  grad-relu aa510fa4  grad-z-1b cd8cc074  grad-theta-1b 645d3305
linear-forward b92e53ff  relu-forward 41e2765c  z-1a 6f58e866  a-1a b2d581ad  mask 3f3d1703  d c3982336
z-2a bc58f95d  z-1b b7b3b516  a-1b 88300df9  mu-b 3dae1673  var-b 8a18b834  x-hat 67a8de9e  c e0c125e9
s 4024e8b6  z-2b bed1f3dc  y-hat-b bd351bb0  squared-error b7e3c9d0  cross-entropy c1edbb95  loss 4d5eca69
linear-entry cd86deef  linear-input-entry 45d2dce5  grad-linear-x a00bb665  linear-weight-entry 81c434eb
grad-linear-theta dbc0d84e  head-one-term 534f5ce2  grad-y-hat-b 0e974245  head-jacobian-entry d016a2e0
jac-y-hat-b bec821e2  head-chain a86abed2  head-any-labels 27266d2b  grad-z-2b ef1f7a46  delta-b 9175f59c
grad-theta-2b fb3e8b3f
grad-summary 8a3914ab  grad-summary-batch 53425b32
taylor abd50e0f  central-difference d70d9a91  two-errors 27b2a41b  complex-step 068b4b89
difference-root 8555d0a1  difference-rule 10b17590  difference-linear 5986de8a  difference-relu ab23ff5e
difference-variance 29ab3821  difference-inverse-root 3c6fb652  difference-batch-norm 0fdd466c
difference-log-sum-exp deba7f80  difference-softmax 3261f7d4  difference-squared-error 3d41b1c0
exact-difference 533570ee  difference-rank-one b2975669
tape e6741e4b  cost-forward 1164730d  cost-backward 4866b6a6
"""
SEALS = dict(zip(_SEALS.split()[::2], _SEALS.split()[1::2], strict=True))


def seal(tex):
    """The check sum of an equation."""
    return f"{zlib.crc32(''.join(tex.split()).encode()):08x}"

"""A class of made-up submissions: what people really hand in, written into the released notebooks by code.

Each is a folder whose name says what is in it. Most begin with the right answers and spoil one thing.
"""

import nbformat

from autograder.assignment.model import DemoClass
from autograder.assignment.release import STUBS

CONSTANT_STATISTICS = [
    ("helpers", "dx_hat - dx_hat.mean(axis=0) - x_hat * (dx_hat * x_hat).mean(axis=0)", "dx_hat"),
]
SIGN_FOR_SLOPE = [("helpers", "dz = np.where(z > 0, dout, 0)", "dz = dout * np.sign(z)")]
NO_MEAN = [
    ("helpers", "dz = dout * (y_hat - np.asarray(y, y_hat.dtype)) / len(y)", "dz = dout * (y_hat - y)"),
    ("helpers", "dy_hat = dout * (y_hat - np.asarray(y, y_hat.dtype)) / len(y)", "dy_hat = dout * (y_hat - y)"),
]
TRANSPOSED = [
    (
        "branch_a_backward",
        'dd, dtheta_2a = linear_backward(dz_2a, (cache["d"], cache["theta_2a"]))',
        'dd, dtheta_2a = dz_2a @ cache["theta_2a"].T, dz_2a.T @ cache["d"]',
    ),
]
ONE_ARROW = [("branch_a_backward", 'cache["y_a"])) + ds', 'cache["y_a"]))')]
ONE_GAMMA = [
    ("helpers", "dgamma = (dout * x_hat).sum(axis=0 if np.ndim(gamma) else None)", "dgamma = (dout * x_hat).sum()"),
    ("helpers", "dbeta = dout.sum(axis=0 if np.ndim(beta) else None)", "dbeta = dout.sum()"),
]
NEGATIVE_VARIANCE = [
    (
        "two_branch_forward",
        "s = c + z_2a",
        "x_hat = (a_1b - mu_b) / np.sqrt(mu_b**2 - (a_1b**2).mean(axis=0))\n"
        '    c = params["gamma"] * x_hat + params["beta"]\n'
        "    s = c + z_2a",
    ),
]
NO_TRANSPOSE = [("two_branch_forward", 'linear_forward(x, params["theta_1a"])', '(x @ params["theta_1a"], None)')]

SYNTAX_ERROR = {
    "softmax_jacobian": """\
def softmax_jacobian(x):
    e = np.exp(x - x.max())
    y = e / e.sum(
    return np.diag(y) - np.outer(y, y)
"""
}

ENDLESS_LOOP = {
    "softmax_jacobian": """\
def softmax_jacobian(x):
    y, _ = softmax_forward(x)
    jacobian = -np.outer(y, y)
    i = 0
    while i < len(y):
        jacobian[i, i] += y[i]
    return jacobian
"""
}

LOOPS = {
    "batch_norm_jacobian": """\
def batch_norm_jacobian(x, gamma, beta, eps=1e-5):
    m, n = x.shape
    dy_dgamma, dy_dbeta = np.zeros((m, n, n)), np.zeros((m, n, n))
    for j in range(n):
        mean = sum(x[i, j] for i in range(m)) / m
        variance = sum((x[i, j] - mean) ** 2 for i in range(m)) / m
        for i in range(m):
            dy_dgamma[i, j, j] = (x[i, j] - mean) / (variance + eps) ** 0.5
            dy_dbeta[i, j, j] = 1
    return dy_dgamma, dy_dbeta
""",
    "softmax_jacobian": """\
def softmax_jacobian(x):
    total = sum(np.exp(xk) for xk in x)
    y = [np.exp(xi) / total for xi in x]
    jacobian = np.zeros((len(x), len(x)))
    for i in range(len(x)):
        for j in range(len(x)):
            jacobian[i, j] = y[i] * (1 - y[i]) if i == j else -y[i] * y[j]
    return jacobian
""",
    "branch_b_backward": """\
def branch_b_backward(dz_2b, cache):
    x, z, x_hat, theta = cache["x"], cache["z_1b"], cache["x_hat"], cache["theta_2b"]
    m, n_h = z.shape
    dc, da_1b, dz_1b = np.zeros((m, n_h)), np.zeros((m, n_h)), np.zeros((m, n_h))
    dgamma, dbeta, dtheta_1b = np.zeros(n_h), np.zeros(n_h), np.zeros_like(cache["theta_1b"])
    for i in range(m):
        for j in range(n_h):
            for k in range(len(theta)):
                dc[i, j] += dz_2b[i, k] * theta[k, j]
            dbeta[j] += dc[i, j]
            dgamma[j] += dc[i, j] * x_hat[i, j]
    for j in range(n_h):
        h = [cache["gamma"][j] * dc[i, j] for i in range(m)]
        for i in range(m):
            mean, slope = sum(h) / m, sum(h[k] * x_hat[k, j] for k in range(m)) / m
            da_1b[i, j] = (h[i] - mean - x_hat[i, j] * slope) / (cache["var_b"][j] + cache["eps"]) ** 0.5
            if z[i, j] > 0:
                dz_1b[i, j] = da_1b[i, j]
            for k in range(x.shape[1]):
                dtheta_1b[j, k] += dz_1b[i, j] * x[i, k]
    return dict(dz_2b_dc=theta.copy(), dc=dc, dbeta=dbeta, dgamma=dgamma, da_1b=da_1b, dz_1b=dz_1b, dtheta_1b=dtheta_1b)
""",
}

# The source homework, formula by formula. What has no shape is mended: an index, a transpose, one gamma a feature.
SOURCE_HOMEWORK = {
    "helpers": "# Everything is written out below.",
    "batch_norm_jacobian": """\
def batch_norm_jacobian(x, gamma, beta, eps=1e-5):
    _, (x_hat, *_) = batch_norm_forward(x, gamma, beta, eps)
    n = x.shape[1]
    dy_dgamma, dy_dbeta = np.zeros((*x.shape, n)), np.zeros((*x.shape, n))
    for j in range(n):
        dy_dgamma[:, j, j] = x_hat[:, j]
        dy_dbeta[:, j, j] = 1
    return dy_dgamma, dy_dbeta
""",
    "dropout_forward": """\
def dropout_forward(x, r, p):
    mask = np.where(r < p, 0, 1 / (1 - p))
    return x * mask, (mask,)
""",
    "dropout_jacobian": """\
def dropout_jacobian(r, p):
    return np.diag(np.where(r < p, 0, 1 / (1 - p)))
""",
    "softmax_jacobian": """\
def softmax_jacobian(x):
    y, _ = softmax_forward(x)
    W = -y[:, None] * y[None, :]
    for i in range(len(y)):
        W[i, i] = y[i] - y[i] ** 2
    return W
""",
    "two_branch_forward": """\
def two_branch_forward(x, y_a, y_b, params, r, p, eps=1e-5):
    z_1a = x @ params["theta_1a"].T
    a_1a = np.maximum(z_1a, 0)
    mask = np.where(r < p, 0, 1 / (1 - p))
    d = a_1a * mask
    z_2a = d @ params["theta_2a"].T

    z_1b = x @ params["theta_1b"].T
    a_1b = np.maximum(z_1b, 0)
    mu_b = a_1b.sum(axis=0) / len(x)
    var_b = ((a_1b - mu_b) ** 2).sum(axis=0) / len(x)
    x_hat = (a_1b - mu_b) / np.sqrt(mu_b**2 + eps)
    c = params["gamma"] * x_hat + params["beta"]

    s = c + z_2a
    z_2b = s @ params["theta_2b"].T
    e = np.exp(z_2b)
    y_hat_b = e / e.sum(axis=1, keepdims=True)
    loss = (0.5 * ((z_2a - y_a) ** 2).sum() - (y_b * np.log(y_hat_b)).sum()) / len(x)

    cache = dict(x=x, y_a=y_a, y_b=y_b, r=r, p=p, eps=eps, **params, z_1a=z_1a, a_1a=a_1a, mask=mask, d=d, z_2a=z_2a)
    cache |= dict(z_1b=z_1b, a_1b=a_1b, mu_b=mu_b, var_b=var_b, x_hat=x_hat, c=c, s=s, z_2b=z_2b, y_hat_b=y_hat_b)
    return loss, cache
""",
    "head_backward": """\
def head_backward(dout, cache):
    y_b, y_hat = cache["y_b"], cache["y_hat_b"]
    m, K = y_b.shape
    jacobian = np.zeros((m, K, K))
    for j in range(K):
        for k in range(K):
            jacobian[:, j, k] = y_hat[:, j] * (1 - y_hat[:, j]) if j == k else -y_hat[:, j] * y_hat[:, k]
    dz_2b = dout * (y_hat - y_b) / m
    dtheta_2b = dz_2b.T @ cache["s"]
    return dict(dy_hat_b=-dout * y_b / y_hat / m, dy_hat_b_dz_2b=jacobian, dz_2b=dz_2b, dtheta_2b=dtheta_2b)
""",
    "branch_b_backward": """\
def branch_b_backward(dz_2b, cache):
    dc = dz_2b @ cache["theta_2b"]
    dbeta = dc.sum(axis=0)
    dgamma = (dc * cache["x_hat"]).sum(axis=0)
    da_1b = dc * cache["gamma"] / np.sqrt(cache["var_b"] + cache["eps"])
    dz_1b = da_1b * np.sign(cache["z_1b"])
    dtheta_1b = dz_1b.T @ cache["x"]
    dz_2b_dc = cache["theta_2b"]
    return dict(dz_2b_dc=dz_2b_dc, dc=dc, dbeta=dbeta, dgamma=dgamma, da_1b=da_1b, dz_1b=dz_1b, dtheta_1b=dtheta_1b)
""",
    "branch_a_backward": """\
def branch_a_backward(dout, dz_2b, cache):
    m = len(cache["x"])
    dz_2a = dout * (cache["z_2a"] - cache["y_a"]) / m + dz_2b @ cache["theta_2b"]
    dtheta_2a = dz_2a.T @ cache["d"]
    dd = dz_2a @ cache["theta_2a"]
    U = np.ones((dd.shape[1], 1))
    dz_1a = (dz_2a @ cache["theta_2a"] @ U) * cache["mask"] * np.sign(cache["a_1a"])
    dtheta_1a = dz_1a.T @ cache["x"]
    return dict(dz_2a=dz_2a, dtheta_2a=dtheta_2a, dd=dd, dz_1a=dz_1a, dtheta_1a=dtheta_1a)
""",
    "two_branch_backward": """\
def two_branch_backward(dout, cache):
    head = head_backward(dout, cache)
    return head | branch_b_backward(head["dz_2b"], cache) | branch_a_backward(dout, head["dz_2b"], cache)
""",
}


# The formulas of those who make the same mistake on paper. The source's stand as it has them.
FORMULAS = {
    "constant-statistics": {
        "2-2 theta_1b": r"\frac{\gamma}{\sqrt{\sigma_B^2 + \epsilon}} \circ \sum_i "
        r"\frac{\partial L}{\partial c_i} \circ [z_{1B,i} > 0] x_i^\top",
    },
    "no-mean-over-batch": {
        "2-2 theta_2b": r"\sum_i (\hat y_{b,i} - y_{b,i}) s_i^\top",
        "2-2 beta": r"\sum_i \theta_{2B}^\top (\hat y_{b,i} - y_{b,i})",
        "2-2 gamma": r"\sum_i \theta_{2B}^\top (\hat y_{b,i} - y_{b,i}) \circ \hat x_i",
    },
    "transposed-theta": {
        "2-2 theta_1a": r"\sum_i (\theta_{2A} \frac{\partial L}{\partial z_{2A,i}} "
        r"\circ M_i \circ [z_{1A,i} > 0]) x_i^\top",
    },
    "missing-branch": {"2-2 theta_2a": r"\frac1m \sum_i (\hat y_{a,i} - y_{a,i}) d_i^\top"},
    "scalar-gamma": {
        "2-2 beta": r"\frac1m \sum_i (\hat y_{b,i} - y_{b,i})^\top \theta_{2B} \mathbf 1_{n_h}",
        "2-2 gamma": r"\frac1m \sum_i (\hat y_{b,i} - y_{b,i})^\top \theta_{2B} \hat x_i",
    },
    "syntax-error": {"1-3": r"\operatorname{diag}(y - y y^\top"},
    "source-homework": {
        "1-1 gamma": r"\frac{\partial y_i}{\partial \gamma} = \hat{x}_i",
        "1-1 beta": r"\frac{\partial y_i}{\partial \beta} = 1",
        "1-2": r"\begin{cases} 0, & r_i < p \\ 1/(1 - p), & r_i \geq p \end{cases}",
        "1-3": r"\begin{cases} \mathbf{y}_i - \mathbf{y}_i^2, & i = j \\ "
        r"-\mathbf{y}_i \mathbf{y}_j, & i \neq j \end{cases}",
        "2-1 x_hat": r"\hat{x} = \frac{a_{1B} - \mu_B}{\sqrt{\mu_B^2 + \epsilon}}",
        "2-2 theta_2b": r"\frac{1}{m} \sum_{i=1}^m (\hat{y}_{bi} - y_{bi}) \mathbf{s}^T",
        "2-2 theta_2a": r"\frac{1}{m} \sum_{i=1}^m "
        r"[(\hat{y}_{ai} - y_{ai}) + \theta_{2b}^T (\hat{y}_{bi} - y_{bi})] \mathbf{d}_i",
        "2-2 theta_1b": r"\frac{\gamma}{m \sqrt{\sigma_B^2 + \epsilon}} \sum_{i=1}^m "
        r"((\theta_{2b}^T (\hat{y}_{bi} - y_{bi})) \circ \text{sgn}(\mathbf{z}_{1Bi})) \mathbf{x}_i^T",
        "2-2 theta_1a": r"\frac{1}{m} \sum_{i=1}^m [(\hat{y}_{ai} - y_{ai})^T + (\hat{y}_{bi} - y_{bi})^T \theta_{2b}] "
        r"\theta_{2a} \mathbf{1}_{n_{1a}} (\mathbf{M} \circ \text{sgn}(\mathbf{a}_{1Ai})) \mathbf{x}_i^T",
        "2-2 beta": r"\frac{1}{m} \sum_{i=1}^m (\hat{y}_{bi} - y_{bi})^T \theta_{2b} \mathbf{1}_{n_{yb}}",
        "2-2 gamma": r"\frac{1}{m} \sum_{i=1}^m (\hat{y}_{bi} - y_{bi})^T \theta_{2b} \hat{\mathbf{x}}_i^T",
    },
}

SPOILT = {
    "constant-statistics": CONSTANT_STATISTICS,
    "sign-for-relu-slope": SIGN_FOR_SLOPE,
    "no-mean-over-batch": NO_MEAN,
    "transposed-theta": TRANSPOSED,
    "missing-branch": ONE_ARROW,
    "scalar-gamma": ONE_GAMMA,
    "nan": NEGATIVE_VARIANCE,
    "exception": NO_TRANSPOSE,
}
WRITTEN = {
    "loops": LOOPS,
    "source-homework": SOURCE_HOMEWORK,
    "syntax-error": SYNTAX_ERROR,
    "endless-loop": ENDLESS_LOOP,
}


def _named(cells, name):
    """The index of the cell with this grade_id, or None in a notebook that has none."""
    names = [cell.metadata.get("nbgrader", {}).get("grade_id") for cell in cells]
    return names.index(name) if name in names else None


def _emptied_metadata(cells):
    for cell in cells:
        cell.metadata.clear()
    return cells


def _derivation_beside(cells):
    if (index := _named(cells, "derive-1-3")) is None:
        return cells
    own = nbformat.v4.new_markdown_cell(cells[index].source)
    cells[index].source = STUBS["text_stub"]
    return [*cells[: index + 1], own, *cells[index + 1 :]]


def _without_check(cells):
    return [cell for cell in cells if cell.metadata.get("nbgrader", {}).get("grade_id") != "check-1-2"]


def _unavailable_import(cells):
    if (index := _named(cells, "softmax_jacobian")) is not None:
        cells[index].source = f"from google.colab import drive\n\n{cells[index].source}"
    return cells


# Right submissions that tools and hands have changed: {student: function(cells) -> cells}.
CHANGED = {
    "emptied-metadata": _emptied_metadata,
    "derivation-beside-its-cell": _derivation_beside,
    "deleted-check": _without_check,
    "unavailable-import": _unavailable_import,
}


def _cut_off(folder):
    path = folder / "problem2.ipynb"
    path.write_text(path.read_text(encoding="utf8")[:10_422], encoding="utf8")


def _one_missing(folder):
    (folder / "problem2.ipynb").unlink()


DEMO = DemoClass(
    written={"blank": {}} | WRITTEN,
    edits=SPOILT,
    formulas=FORMULAS,
    changed=CHANGED,
    damaged={"not-json": _cut_off, "one-notebook-only": _one_missing},
)

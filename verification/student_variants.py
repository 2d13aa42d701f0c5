"""Right answers in many dresses: the nine functions of hw1, put together from pieces that can be exchanged.

`student()` gives all nine in plain NumPy, written anew, not taken from solutions/. `student(batch_norm_back=...)` gives
the same with one piece replaced: by another right one, and it is a variant; by a wrong one, and it is a mistake as
people make it. RIGHT holds the variants.
"""

import numpy as np

# ---------------------------------------------------------------------------------------------------------------------
# The pieces, plain


def linear(x, theta):
    return x @ theta.T


def linear_back(dout, x, theta):
    return dout @ theta, dout.T @ x


def relu_back(dout, z, a):
    return dout * (z > 0)


def statistics(a):
    return a.mean(axis=0), a.var(axis=0)


def normalise(a, mu, var, eps):
    return (a - mu) / np.sqrt(var + eps)


def batch_norm_back(dout, cache):
    x_hat, gamma, std = cache["x_hat"], cache["gamma"], np.sqrt(cache["var_b"] + cache["eps"])
    m, axis = len(dout), 0 if np.ndim(gamma) else None
    dgamma, dbeta = (dout * x_hat).sum(axis=axis), dout.sum(axis=axis)
    dx_hat = dout * gamma
    da = (m * dx_hat - dx_hat.sum(axis=0) - x_hat * (dx_hat * x_hat).sum(axis=0)) / (m * std)
    return da, dgamma, dbeta


def make_mask(r, p):
    return np.where(r < p, 0, 1 / (1 - p))


def dropout_back(dd, cache):
    return dd * cache["mask"]


def softmax(z):
    e = np.exp(z - z.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def softmax_slope(y):
    return np.diag(y) - np.outer(y, y)


def losses(z_2a, y_a, y_hat_b, y_b):
    m = len(y_a)
    return 0.5 * np.sum((z_2a - y_a) ** 2) / m, -np.sum(y_b * np.log(y_hat_b)) / m


def scores_back(dout, cache):
    """dz_2b."""
    return dout * (cache["y_hat_b"] - cache["y_b"]) / len(cache["y_b"])


def squared_error_back(dout, cache):
    return dout * (cache["z_2a"] - cache["y_a"]) / len(cache["y_a"])


def see(cache):
    """What the backward pass looks at: the cache as it is."""
    return cache


PIECES = dict(
    linear=linear,
    linear_back=linear_back,
    relu_back_a=relu_back,
    relu_back_b=relu_back,
    statistics=statistics,
    normalise=normalise,
    batch_norm_back=batch_norm_back,
    make_mask=make_mask,
    dropout_back=dropout_back,
    softmax=softmax,
    softmax_slope=softmax_slope,
    losses=losses,
    scores_back=scores_back,
    squared_error_back=squared_error_back,
    see=see,
)


def student(**replaced):
    """{name: function} of hw1, with these pieces in place of the plain ones."""
    assert replaced.keys() <= PIECES.keys()
    use = type("pieces", (), {name: staticmethod(piece) for name, piece in (PIECES | replaced).items()})

    def batch_norm_jacobian(x, gamma, beta, eps=1e-5):
        x_hat = use.normalise(x, *use.statistics(x), eps)
        if np.ndim(gamma) == 0:
            return x_hat, np.ones_like(x)
        m, n = x.shape
        dgamma, dbeta = np.zeros((m, n, n)), np.zeros((m, n, n))
        for j in range(n):
            dgamma[:, j, j], dbeta[:, j, j] = x_hat[:, j], 1
        return dgamma, dbeta

    def dropout_forward(x, r, p):
        mask = use.make_mask(r, p)
        return x * mask, (mask,)

    def dropout_jacobian(r, p):
        return np.diag(use.make_mask(r, p))

    def softmax_jacobian(x):
        return use.softmax_slope(use.softmax(x))

    def two_branch_forward(x, y_a, y_b, params, r, p, eps=1e-5):
        z_1a = use.linear(x, params["theta_1a"])
        a_1a = np.maximum(z_1a, 0)
        mask = use.make_mask(r, p)
        d = a_1a * mask
        z_2a = use.linear(d, params["theta_2a"])
        z_1b = use.linear(x, params["theta_1b"])
        a_1b = np.maximum(z_1b, 0)
        mu_b, var_b = use.statistics(a_1b)
        x_hat = use.normalise(a_1b, mu_b, var_b, eps)
        c = params["gamma"] * x_hat + params["beta"]
        s = c + z_2a
        z_2b = use.linear(s, params["theta_2b"])
        y_hat_b = use.softmax(z_2b)
        cache = dict(
            x=x, y_a=y_a, y_b=y_b, r=r, p=p, eps=eps, **params, z_1a=z_1a, a_1a=a_1a, mask=mask, d=d, z_2a=z_2a
        )
        cache |= dict(z_1b=z_1b, a_1b=a_1b, mu_b=mu_b, var_b=var_b, x_hat=x_hat, c=c, s=s, z_2b=z_2b, y_hat_b=y_hat_b)
        return sum(use.losses(z_2a, y_a, y_hat_b, y_b)), cache

    def head_backward(dout, cache):
        cache = use.see(cache)
        y_hat_b, y_b = cache["y_hat_b"], cache["y_b"]
        dz_2b = use.scores_back(dout, cache)
        _, dtheta_2b = use.linear_back(dz_2b, cache["s"], cache["theta_2b"])
        slopes = np.stack([use.softmax_slope(y) for y in y_hat_b])
        return dict(
            dy_hat_b=-dout * y_b / (len(y_b) * y_hat_b), dy_hat_b_dz_2b=slopes, dz_2b=dz_2b, dtheta_2b=dtheta_2b
        )

    def branch_b_backward(dz_2b, cache):
        cache = use.see(cache)
        dc, _ = use.linear_back(dz_2b, cache["s"], cache["theta_2b"])
        da_1b, dgamma, dbeta = use.batch_norm_back(dc, cache)
        dz_1b = use.relu_back_b(da_1b, cache["z_1b"], cache["a_1b"])
        _, dtheta_1b = use.linear_back(dz_1b, cache["x"], cache["theta_1b"])
        return dict(
            dz_2b_dc=cache["theta_2b"] + 0,
            dc=dc,
            dbeta=dbeta,
            dgamma=dgamma,
            da_1b=da_1b,
            dz_1b=dz_1b,
            dtheta_1b=dtheta_1b,
        )

    def branch_a_backward(dout, dz_2b, cache):
        cache = use.see(cache)
        ds, _ = use.linear_back(dz_2b, cache["s"], cache["theta_2b"])
        dz_2a = use.squared_error_back(dout, cache) + ds
        dd, dtheta_2a = use.linear_back(dz_2a, cache["d"], cache["theta_2a"])
        dz_1a = use.relu_back_a(use.dropout_back(dd, cache), cache["z_1a"], cache["a_1a"])
        _, dtheta_1a = use.linear_back(dz_1a, cache["x"], cache["theta_1a"])
        return dict(dz_2a=dz_2a, dtheta_2a=dtheta_2a, dd=dd, dz_1a=dz_1a, dtheta_1a=dtheta_1a)

    def two_branch_backward(dout, cache):
        head = head_backward(dout, cache)
        dz_2b = head["dz_2b"]
        return head | branch_b_backward(dz_2b, cache) | branch_a_backward(dout, dz_2b, cache)

    functions = (batch_norm_jacobian, dropout_forward, dropout_jacobian, softmax_jacobian, two_branch_forward)
    functions += (head_backward, branch_b_backward, branch_a_backward, two_branch_backward)
    return {function.__name__: function for function in functions}


# ---------------------------------------------------------------------------------------------------------------------
# Other right pieces


def loop_linear(x, theta):
    out = np.zeros((len(x), len(theta)))
    for i in range(len(x)):
        for j in range(len(theta)):
            for k in range(x.shape[1]):
                out[i, j] += theta[j, k] * x[i, k]
    return out


def loop_linear_back(dout, x, theta):
    dx, dtheta = np.zeros(x.shape), np.zeros(theta.shape)
    for i in range(len(x)):
        for j in range(len(theta)):
            for k in range(x.shape[1]):
                dx[i, k] += dout[i, j] * theta[j, k]
                dtheta[j, k] += dout[i, j] * x[i, k]
    return dx, dtheta


def loop_relu_back(dout, z, a):
    dz = np.zeros(z.shape)
    for index, value in np.ndenumerate(z):
        if value > 0:
            dz[index] = dout[index]
    return dz


def loop_statistics(a):
    m, n = a.shape
    mu, var = np.zeros(n), np.zeros(n)
    for j in range(n):
        for i in range(m):
            mu[j] += a[i, j] / m
        for i in range(m):
            var[j] += (a[i, j] - mu[j]) ** 2 / m
    return mu, var


def loop_batch_norm_back(dout, cache):
    """By the full Jacobian of one feature: the slope of x_hat[i] along a[k]."""
    x_hat, gamma, std = cache["x_hat"], cache["gamma"], np.sqrt(cache["var_b"] + cache["eps"])
    m, n = dout.shape
    da, dgamma, dbeta = np.zeros((m, n)), np.zeros(n), np.zeros(n)
    for j in range(n):
        for i in range(m):
            dgamma[j] += dout[i, j] * x_hat[i, j]
            dbeta[j] += dout[i, j]
            for k in range(m):
                slope = ((i == k) - 1 / m - x_hat[i, j] * x_hat[k, j] / m) / std[j]
                da[k, j] += dout[i, j] * gamma[j] * slope
    return da, dgamma, dbeta


def loop_softmax_slope(y):
    return np.array([[y[i] - y[i] ** 2 if i == j else -y[i] * y[j] for j in range(len(y))] for i in range(len(y))])


def einsum_batch_norm_back(dout, cache):
    x_hat, gamma, m = cache["x_hat"], cache["gamma"], len(dout)
    centre = np.eye(m) - 1 / m
    project = np.einsum("ik,ijl->ikjl", centre, np.ones((m, dout.shape[1], 1)))[..., 0]
    project = project - np.einsum("ij,kj->ikj", x_hat, x_hat) / m
    da = np.einsum("ij,j,ikj,j->kj", dout, gamma, project, 1 / np.sqrt(cache["var_b"] + cache["eps"]))
    return da, np.einsum("ij,ij->j", dout, x_hat), np.einsum("ij->j", dout)


def staged_batch_norm_back(dout, cache):
    """Node by node through the graph: x_hat, the root, the variance, the squares, the distance, the mean."""
    m, a, gamma = len(dout), cache["a_1b"], cache["gamma"]
    distance, inverse = a - cache["mu_b"], (cache["var_b"] + cache["eps"]) ** -0.5
    dbeta = np.sum(dout, axis=0)
    dgamma = np.sum(dout * distance * inverse, axis=0)
    dx_hat = dout * gamma
    dinverse = np.sum(dx_hat * distance, axis=0)
    dvar = -0.5 * inverse**3 * dinverse
    ddistance = dx_hat * inverse + 2 * distance * dvar / m
    dmu = -np.sum(ddistance, axis=0)
    return ddistance + dmu / m, dgamma, dbeta


def closed_batch_norm_back(dout, cache):
    x_hat, m = cache["x_hat"], dout.shape[0]
    dbeta, dgamma = dout.sum(axis=0), (x_hat * dout).sum(axis=0)
    scale = cache["gamma"] / np.sqrt(cache["var_b"] + cache["eps"]) / m
    return scale * (m * dout - dbeta - x_hat * dgamma), dgamma, dbeta


def column_linear(x, theta):
    return np.matmul(theta, x.T).T


def column_linear_back(dout, x, theta):
    columns, inputs = dout.T, x.T
    dtheta = np.zeros(theta.shape)
    for i in range(columns.shape[1]):
        dtheta = dtheta + np.outer(columns[:, i], inputs[:, i])
    return (theta.T @ columns).T, dtheta


def column_batch_norm_back(dout, cache):
    dc, x_hat, gamma = dout.T, cache["x_hat"].T, cache["gamma"][:, None]
    std = np.sqrt(cache["var_b"] + cache["eps"])[:, None]
    dx_hat = gamma * dc
    da = (dx_hat - dx_hat.mean(1, keepdims=True) - x_hat * (dx_hat * x_hat).mean(1, keepdims=True)) / std
    return da.T, (dc * x_hat).sum(1), dc.sum(1)


def mask_from_d(dd, cache):
    """Where d is 0 either ReLU or dropout stopped the sample, and either way nothing passes."""
    return dd * (cache["d"] != 0) / (1 - cache["p"])


def moments(a):
    """E[x²] − E[x]²: it cancels, and is right all the same."""
    mu = a.mean(axis=0)
    return mu, np.maximum((a * a).mean(axis=0) - mu * mu, 0)


def moments_batch_norm_back(dout, cache):
    mu, var = moments(cache["a_1b"])
    x_hat = (cache["a_1b"] - mu) / np.sqrt(var + cache["eps"])
    return batch_norm_back(dout, cache | {"x_hat": x_hat, "var_b": var})


def recompute(cache):
    """Only the arguments are taken from the cache; the rest is run again."""
    arguments = [cache[name] for name in ("x", "y_a", "y_b")]
    params = {name: cache[name] for name in ("theta_1a", "theta_1b", "theta_2a", "theta_2b", "gamma", "beta")}
    return student()["two_branch_forward"](*arguments, params, cache["r"], cache["p"], cache["eps"])[1]


def through_the_jacobian(dout, cache):
    y_hat_b, y_b = cache["y_hat_b"], cache["y_b"]
    dy_hat_b = -dout / len(y_b) * y_b / y_hat_b
    return np.stack([softmax_slope(y).T @ dy for y, dy in zip(y_hat_b, dy_hat_b, strict=True)])


def negative_zeros(dout, z, a):
    return np.where(z > 0, dout, -0.0)


def by_the_activation(dout, z, a):
    return dout * np.sign(a)


def in_place_relu_back(dout, z, a):
    dout[z <= 0] = 0
    return dout


# ---------------------------------------------------------------------------------------------------------------------
# Other dresses for all that goes in and comes out


def dressed(functions, given=lambda a: a, returned=lambda a: a):
    """The same functions with every array changed on its way in and on its way out."""

    def through(change, value):
        if isinstance(value, dict):
            return {name: through(change, inner) for name, inner in value.items()}
        if isinstance(value, tuple):
            return tuple(through(change, inner) for inner in value)
        return change(value) if isinstance(value, np.ndarray | np.floating) else value

    def dress(function):
        return lambda *args: through(returned, function(*through(given, args)))

    return {name: dress(function) for name, function in functions.items()}


def single(array):
    return array.astype(np.float32)


def strided(array):
    """A view with gaps, backwards along the last axis: nothing in it is contiguous."""
    if array.ndim == 0:
        return array
    wide = np.full((*array.shape[:-1], 2 * array.shape[-1]), np.nan)
    wide[..., ::-2] = array
    return wide[..., ::-2]


def with_axis_in_front(functions):
    """Row vectors: (1, n_h) for (n_h,)."""

    def keep_axis(value):
        return {k: v[None] if k in ("dgamma", "dbeta", "mu_b", "var_b") else v for k, v in value.items()}

    def dress(function):
        def call(*args):
            value = function(*args)
            return keep_axis(value) if isinstance(value, dict) else (value[0], keep_axis(value[1]))

        return call

    names = ("branch_b_backward", "two_branch_backward", "two_branch_forward")
    return functions | {name: dress(functions[name]) for name in names}


def writing_into_dout(functions):
    """The gradient that comes from above is scaled in place on the way."""

    def branch_b_backward(dz_2b, cache):
        dz_2b *= 2
        found = functions["branch_b_backward"](dz_2b / 2, cache)
        dz_2b += 1
        return found

    def branch_a_backward(dout, dz_2b, cache):
        right = dz_2b.copy()
        dz_2b *= dout
        return functions["branch_a_backward"](dout, right, cache)

    return functions | {"branch_b_backward": branch_b_backward, "branch_a_backward": branch_a_backward}


RIGHT = {
    "plain": student(),
    "loops": student(
        linear=loop_linear,
        linear_back=loop_linear_back,
        relu_back_a=loop_relu_back,
        relu_back_b=loop_relu_back,
        statistics=loop_statistics,
        batch_norm_back=loop_batch_norm_back,
        softmax_slope=loop_softmax_slope,
    ),
    "einsum": student(
        linear=lambda x, theta: np.einsum("ik,jk->ij", x, theta),
        linear_back=lambda dout, x, theta: (
            np.einsum("ij,jk->ik", dout, theta),
            np.einsum("ij,ik->jk", dout, x),
        ),
        batch_norm_back=einsum_batch_norm_back,
        softmax_slope=lambda y: np.einsum("i,ij->ij", y, np.eye(len(y))) - np.einsum("i,j->ij", y, y),
    ),
    "column-major": student(
        linear=column_linear, linear_back=column_linear_back, batch_norm_back=column_batch_norm_back
    ),
    "staged batch norm": student(batch_norm_back=staged_batch_norm_back),
    "closed batch norm": student(batch_norm_back=closed_batch_norm_back),
    "the mask taken from d": student(dropout_back=mask_from_d),
    "scalar γ and β": student(),  # on inputs of its own
    "float32": dressed(student(), given=single, returned=single),
    "Fortran order": dressed(student(), given=np.asfortranarray, returned=np.asfortranarray),
    "non-contiguous": dressed(student(), given=strided, returned=strided),
    "E[x²] − E[x]²": student(statistics=moments, batch_norm_back=moments_batch_norm_back),
    "forward pass recomputed": student(see=recompute),
    "writing into dout": writing_into_dout(student(relu_back_a=in_place_relu_back)),
    "through softmax's Jacobian": student(scores_back=through_the_jacobian),
    "slope from the activation": student(relu_back_a=by_the_activation, relu_back_b=by_the_activation),
    "−0.0 where ReLU is flat": student(relu_back_a=negative_zeros, relu_back_b=negative_zeros),
    "(1, n) for (n,)": with_axis_in_front(student()),
}


# ---------------------------------------------------------------------------------------------------------------------
# Answers that are wrong on some inputs alone, which the draws must therefore contain


def turned_where_it_does_not_fit(dout, x, theta):
    """The gradient of theta the wrong way round, and turned where the shape says so: a square one stays wrong."""
    dtheta = x.T @ dout
    return dout @ theta, dtheta if dtheta.shape == theta.shape else dtheta.T


def slope_one_at_zero(dout, z, a):
    return dout * (z >= 0)


def features_by_length(x, gamma, beta, eps=1e-5):
    """Which axis holds the features is told from gamma's length: where both are as long it is the wrong one."""
    x = x.T if len(x) == len(gamma) else x
    return student()["batch_norm_jacobian"](x, gamma, beta, eps)


BACKWARD = ("2-2 branch b", "2-2 branch a", "2-2")
WRONG_ON_SOME = {  # {name: (functions, the questions that must see it)}
    "r > p for r >= p": (student(make_mask=lambda r, p: (r > p) / (1 - p)), ("1-2", "2-1")),
    "slope 1 at z = 0": (student(relu_back_a=slope_one_at_zero, relu_back_b=slope_one_at_zero), BACKWARD),
    "a square gradient transposed": (student(linear_back=turned_where_it_does_not_fit), ("2-2 head", *BACKWARD)),
    "features told by their number": (student() | {"batch_norm_jacobian": features_by_length}, ("1-1",)),
}

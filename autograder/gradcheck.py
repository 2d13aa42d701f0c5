"""Is this gradient right? Ask someone who knows only the forward pass.

    check_gradient(forward, {"x": x, "a": a}, {"x": dx, "a": da}, upstream=dout)

moves every entry of every parameter a little, watches the forward pass, and compares the slopes with yours.
"""

import math
import warnings
from dataclasses import dataclass

import numpy as np

TOLERANCE = 1e-10
TOLERANCE_FLOAT32 = 1e-3
DOUBTFUL = 1e-3
STEPS = (1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-2)
COMPLEX_STEP = 1e-20
CHUNK = 16_000_000
ENGINES = {"central": "central difference", "complex": "complex step", "exact": "exact difference"}


@dataclass(frozen=True)
class Verdict:
    """What was found about one array. error is the norm of the difference over the expected array's own norm."""

    name: str
    verdict: str  # "pass", "fail" or "inconclusive"
    shape: tuple
    error: float
    tolerance: float
    worst: tuple | None = None  # the index of the largest difference, and both values there
    yours: float = math.nan
    expected: float = math.nan
    words: tuple = ()  # sentences: what the numbers show, remarks, why nothing could be concluded

    def __str__(self):
        return "\n".join(_lines([self]))


@dataclass(frozen=True)
class Report:
    """One verdict a parameter. passed is true where every one is "pass"."""

    verdicts: tuple
    method: str
    title: str = "gradients"

    @property
    def passed(self):
        return all(v.verdict == "pass" for v in self.verdicts)

    def __str__(self):
        right = sum(v.verdict == "pass" for v in self.verdicts)
        score = "ok" if self.passed else "not yet" if not right else f"{right} of {len(self.verdicts)}"
        lines = [f"{self.title:<40}  {score:<9} by {ENGINES.get(self.method, self.method)}"]
        return "\n".join(lines + ["     " + line for line in _lines(self.verdicts)])

    __repr__ = __str__


def numerical_gradient(forward, params, upstream=None, *, method="auto", step=None, batched=False):
    """The gradient of sum(upstream * out) along every entry of every parameter, from the forward pass alone.

    Args:
        forward: called as forward(**params); returns out, or (out, cache).
        params: dict of arrays or scalars, what is differentiated. Everything else is closed over.
        upstream: the shape of out. None is allowed where out is a scalar.
        method: "central", "complex", "exact" (where forward has a rule of its own), or "auto".
        step: None lets the engine choose.
        batched: True says that forward takes, and returns, one more axis in front: every parameter then comes as
            (B, *shape), out goes as (B, *shape), and many perturbations are run at once.

    Returns:
        {name: array of the parameter's shape}, float64.

    Raises:
        ValueError: upstream has not the shape of out, or is missing, or the method is unknown.
    """
    return _differentiate(forward, params, upstream, method, step, batched)[0]


def numerical_jacobian(forward, params, *, method="auto", step=None, batched=False):
    """As numerical_gradient, but the whole Jacobian: {name: array of shape out.shape + param.shape}."""
    return _differentiate(forward, params, False, method, step, batched)[0]


def check_gradient(
    forward, params, gradients, upstream=None, *, method="auto", step=None, batched=False, where=None, factors=None
):
    """Compare your gradients with the slopes of the forward pass, one verdict a parameter.

    Args:
        gradients: a dict by name ("x" or "dx"), a tuple in params' order, or one array where there is one parameter.
        where, factors: see symptoms.
        The others: see numerical_gradient.

    Returns:
        A Report; print it.
    """
    expected, doubts, method, size = _differentiate(forward, params, upstream, method, step, batched)
    return Report(tuple(_judge(gradients, params, expected, doubts, size, where, factors)), method)


def compare_arrays(name, yours, expected, *, tolerance=TOLERANCE, where=None, factors=None):
    """Judge one array against a reference. See Verdict, and symptoms for where and factors."""
    return _compare(name, yours, expected, tolerance, where, factors)


def symptoms(yours, expected, *, where=None, factors=None, tolerance=1e-7):
    """Sentences on what two arrays alone show of a mistake, most telling first. Empty where they are equal.

    Args:
        where: {"the mask is 0": bool array, ...}, patterns that the difference may follow.
        factors: {"m": 5, ...}, names for a constant factor.
        tolerance: two entries are taken as equal within this, relative to the largest.
    """
    yours, expected = np.asarray(yours, float), np.asarray(expected, float)
    if yours.shape != expected.shape:
        return _shape_symptoms(yours, expected, tolerance)
    level = tolerance * max(np.abs(expected).max(initial=0), 1e-300)
    wrong = np.abs(yours - expected) > level
    if not wrong.any():
        return []
    words = _whole_symptoms(yours, expected, level, factors or {})
    return words or _part_symptoms(yours, expected, wrong, level, where or {})


# ---------------------------------------------------------------------------------------------- the engines


def _differentiate(forward, params, upstream, method, step, batched):
    """({name: slopes}, {name: doubts}, the engine, {name: the problem's own scale}). upstream False: the Jacobian."""
    if method not in ("auto", *ENGINES):
        raise ValueError(f"method must be 'auto' or one of {sorted(ENGINES)}, but is {method!r}")
    params = {name: np.array(value, np.float64) for name, value in params.items()}
    out = _out(forward(**params))
    if upstream is None and out.ndim:
        raise ValueError(f"out has shape {out.shape}, so an upstream gradient of that shape is needed")
    if upstream is not False:
        upstream = np.asarray(1.0 if upstream is None else upstream, np.float64)
        if upstream.shape != out.shape:
            raise ValueError(f"upstream must have the shape of out, {out.shape}, but has {upstream.shape}")

    def value(params):
        out = _out(forward(**params))
        if upstream is False:
            return out
        return (upstream * out).sum(axis=tuple(range(out.ndim - upstream.ndim, out.ndim)))

    weight = np.abs(out).max(initial=0) if upstream is False else np.abs(upstream * out).sum()
    size = {name: float(weight / (np.linalg.norm(p) or 1.0)) for name, p in params.items()}
    candidates = [method] if method != "auto" else ["exact"] * hasattr(forward, "exact") + ["complex", "central"]
    for engine in candidates:
        try:
            slopes, doubts = {}, {}
            for name in params:
                one_hot = _OneHot(params[name])
                slopes[name], doubts[name] = _along(engine, forward, value, params, name, one_hot, step, batched)
                if method == "auto" and engine != "central":
                    _cross_check(value, params, name, slopes[name], batched)
            return slopes, doubts, engine, size
        except Exception:
            if method != "auto" or engine == "central":
                raise
    raise AssertionError("unreachable: central differences need no permission")


def _out(out):
    return np.asarray(out[0] if isinstance(out, tuple) else out)


class _OneHot:
    """Every entry's own direction, as long as the entry's own scale; made in blocks, for all at once are too many."""

    def __init__(self, param):
        self.shape, self.size = param.shape, param.size
        spread = param.std(axis=0) if param.ndim > 1 else np.abs(param)
        spread = np.where(spread > 0, spread, np.sqrt((param**2).mean()) or 1.0)
        self.length = np.broadcast_to(spread, param.shape).ravel()

    def __call__(self, block):
        directions = np.zeros((len(block), self.size))
        directions[np.arange(len(block)), block] = self.length[block]
        return directions.reshape(-1, *self.shape)


def _along(engine, forward, value, params, name, one_hot, step, batched):
    slope = {"complex": _complex_step, "central": _central_difference}[engine]
    slopes, doubts = slope(value, params, name, one_hot, one_hot.size, step, batched)
    length = one_hot.length.reshape(-1, *[1] * (slopes.ndim - 1))
    return tuple(np.moveaxis(a / length, 0, -1).reshape(*a.shape[1:], *one_hot.shape) for a in (slopes, doubts))


def _complex_step(value, params, name, directions, count, step, batched):
    """Im f(p + ih d) / h: nothing is subtracted, so nothing cancels. Squire and Trapp (1998)."""
    h = step or COMPLEX_STEP
    with warnings.catch_warnings():
        warnings.simplefilter("error", np.exceptions.ComplexWarning)  # a forward pass that drops the imaginary part
        f = _evaluate(value, params, name, directions, np.arange(count), 1j * h, batched)
    slopes = f.imag / h
    return slopes, np.finfo(float).eps * np.abs(slopes)


def _central_difference(value, params, name, directions, count, step, batched):
    """(f(p + hd) - f(p - hd)) / 2h at h and h/2, extrapolated; other steps where those two disagree.

    The doubt of a slope is that disagreement and the rounding of f over h.
    """
    centre = value(params)
    if batched:
        centre = value({n: p[None] for n, p in params.items()})[0]
    slopes, doubts = np.zeros((count, *centre.shape)), np.full((count, *centre.shape), np.inf)
    todo = np.arange(count)
    for h in (step,) if step else STEPS:
        f = [_evaluate(value, params, name, directions, todo, c * h, batched) for c in (1, -1, 0.5, -0.5)]
        whole, half = (f[0] - f[1]) / (2 * h), (f[2] - f[3]) / h
        bend, bend_half = (f[0] + f[1] - 2 * centre) / h, (f[2] + f[3] - 2 * centre) / (h / 2)
        noise = 4 * np.finfo(centre.dtype).eps * (np.abs(f[0]) + np.abs(f[1])) / h
        kink = (np.abs(bend_half) > 0.75 * np.abs(bend)) & (np.abs(bend_half) > 8 * noise + 1e-7 * np.abs(half))
        doubt = np.abs(whole - half) + noise + kink * np.abs(bend_half)
        better = doubt < doubts[todo]
        slopes[todo] = np.where(better, (4 * half - whole) / 3, slopes[todo])
        doubts[todo] = np.where(better, doubt, doubts[todo])
        unsure = doubts[todo] > 1e-8 * np.abs(slopes).max(initial=0)
        todo = todo[unsure.reshape(len(todo), -1).any(axis=1)]
        if not len(todo):
            break
    return slopes, doubts


def _evaluate(value, params, name, directions, indices, h, batched):
    """value at params[name] + h * direction, for every index, chunk by chunk."""
    p = params[name]
    block = max(1, CHUNK // (16 * sum(q.size for q in params.values()) + 1))
    results = []
    for start in range(0, len(indices), block):
        moved = p + h * directions(indices[start : start + block])
        if batched:
            several = {n: np.broadcast_to(q, (len(moved), *q.shape)) for n, q in params.items()}
            results.append(value(several | {name: moved}))
        else:
            results.append(np.stack([value(params | {name: m}) for m in moved]))
    return np.concatenate(results)


def _cross_check(value, params, name, slopes, batched, count=2):
    """Refuse an engine whose slopes disagree with central differences along a few random directions.

    np.var and np.abs take the modulus of complex input: they accept it, and silently give a wrong derivative.
    """
    one_hot = _OneHot(params[name])
    signs = np.random.default_rng(0).choice([-1.0, 1.0], (count, *one_hot.shape)) * one_hot.length.reshape(
        one_hot.shape
    )
    central, doubt = _central_difference(value, params, name, lambda block: signs[block], count, None, batched)
    for direction, slope, unsure in zip(signs, central, doubt, strict=True):
        own = (slopes * direction).sum(axis=tuple(range(slopes.ndim - direction.ndim, slopes.ndim)))
        if not np.linalg.norm(own - slope) <= 10 * np.linalg.norm(unsure) + 1e-6 * np.linalg.norm(slope):
            raise ArithmeticError(f"the engine disagrees with central differences along {name}")


# ---------------------------------------------------------------------------------------------- the verdict


def _judge(gradients, params, expected, doubts, size, where, factors):
    for name, yours in _by_name(gradients, list(params)).items():
        scale = np.linalg.norm(expected[name])
        doubt = np.linalg.norm(doubts[name])
        zero = scale <= 1e-12 * size[name] + 10 * doubt
        tolerance = TOLERANCE + 10 * doubt / (size[name] if zero else scale)
        verdict = _compare(name, yours, expected[name], tolerance, where, factors)
        if verdict.verdict == "fail" and zero and math.isfinite(verdict.error):
            verdict = _compare(name, yours, expected[name], tolerance, where, factors, scale=size[name])
        if verdict.verdict == "pass" and zero:
            reason = "The gradient is zero here, whatever the formula. Yours is too, which says little about it."
            verdict = _replace(verdict, "inconclusive", reason)
        elif verdict.verdict == "pass" and tolerance > DOUBTFUL:
            reason = "The forward pass has a kink inside the step, or bends too fast for it: no verdict here."
            verdict = _replace(verdict, "inconclusive", reason)
        yield verdict


def _replace(v, verdict, *words):
    return Verdict(v.name, verdict, v.shape, v.error, v.tolerance, v.worst, v.yours, v.expected, (*v.words, *words))


def _by_name(gradients, names):
    if isinstance(gradients, dict):
        return {name: gradients.get(name, gradients.get("d" + name)) for name in names}
    if len(names) == 1 and not isinstance(gradients, tuple):
        return {names[0]: gradients}
    if not isinstance(gradients, tuple | list) or len(gradients) != len(names):
        return dict.fromkeys(names)
    return dict(zip(names, gradients, strict=True))


def _compare(name, yours, expected, tolerance, where, factors, scale=None):
    expected = np.asarray(expected, np.float64)
    try:
        array = np.asarray(yours)
    except ValueError:
        array = np.asarray(None)
    shape, words = array.shape, []

    def fail(*words, worst=None):
        at = {} if worst is None else dict(worst=worst, yours=float(array[worst]), expected=float(expected[worst]))
        return Verdict(name, "fail", shape, math.inf, tolerance, words=tuple(words), **at)

    if yours is None:
        return fail("Nothing came back for it.")
    if array.dtype.kind not in "fciub":
        return fail(f"Not an array of numbers, but {type(yours).__name__}.")
    if array.dtype.kind == "c":
        if np.any(array.imag):
            return fail("Complex numbers came back.")
        array = array.real
        words.append("Complex, with nothing imaginary in it: taken as real.")
    if array.shape != expected.shape:
        if not _same_but_for_leading_ones(array.shape, expected.shape):
            return fail(*symptoms(array, expected))
        words.append(f"Shape {array.shape} for {expected.shape}: the numbers count.")
        array = array.reshape(expected.shape)
    if not np.isfinite(array).all():
        worst = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
        count = int((~np.isfinite(array)).sum())
        return fail(f"{count} of {array.size} entries are NaN or infinite.", worst=worst)
    if not np.isfinite(expected).all():
        words.append("The reference itself is not finite here.")
        return Verdict(name, "inconclusive", shape, math.nan, tolerance, words=tuple(words))
    if array.dtype.kind == "f" and array.dtype.itemsize < 8:
        tolerance = max(tolerance, TOLERANCE_FLOAT32)
        words.append(f"{array.dtype}: judged by its own precision, to {tolerance:.0e}.")
    difference = np.abs(array.astype(np.float64) - expected)
    scale = scale or np.linalg.norm(expected) or 1.0
    error = float(np.linalg.norm(difference) / scale)
    worst = tuple(int(i) for i in np.unravel_index(difference.argmax(), expected.shape)) if expected.size else None
    right = error <= tolerance
    if array.dtype.kind in "iub":
        kind = "bool" if array.dtype.kind == "b" else "integers"
        words.append(f"{kind}, and equal." if right else f"{kind} came back: fractions were cut off.")
    if not right:
        words += symptoms(array, expected, where=where, factors=factors)
    verdict = "pass" if right else "fail"
    at = (worst, float(array[worst]), float(expected[worst])) if worst is not None else ()
    return Verdict(name, verdict, shape, error, tolerance, *at, words=tuple(words))


def _same_but_for_leading_ones(a, b):
    strip = lambda shape: shape[next((i for i, n in enumerate(shape) if n != 1), len(shape)) :]  # noqa: E731
    return strip(a) == strip(b)


def _shape_symptoms(yours, expected, tolerance):
    def equal(a):
        return np.abs(a - expected).max(initial=0) <= tolerance * np.abs(expected).max(initial=0)

    came = f"Shape {yours.shape} came, {expected.shape} is wanted"
    if yours.ndim == 0:
        return [f"{came}: one number for all, where each has its own."]
    if yours.shape == expected.shape[::-1]:
        return [f"{came}: " + ("yours is the transpose." if equal(yours.T) else "the shape is transposed.")]
    if yours.shape[1:] == expected.shape and equal(yours.sum(axis=0)):
        return [f"{came}: not yet summed over the first axis; summed, it is right."]
    if yours.size == expected.size and equal(yours.reshape(expected.shape)):
        return [f"{came}: the numbers are right."]
    return [f"{came}."]


def _whole_symptoms(yours, expected, level, factors):
    """A single rule for the whole array, or nothing."""
    if not yours.any():
        return ["Yours is zero everywhere."]
    if yours.size > 1 and np.ptp(yours) <= level < np.ptp(expected):
        return ["All your entries are equal."]
    if not expected.any():
        return ["Yours should be zero everywhere."]
    ratio = float((yours * expected).sum() / (expected**2).sum())
    if ratio and np.abs(yours - ratio * expected).max() <= abs(ratio) * level:
        sign = ["The sign is flipped."] if ratio < 0 else []
        return sign + _factor(abs(ratio), factors)
    if yours.ndim == 2 and yours.shape[0] == yours.shape[1]:
        if np.abs(yours.T - expected).max() <= level:
            return ["Yours is the transpose."]
        beside = ~np.eye(len(yours), dtype=bool)
        if np.abs(np.diag(yours - expected)).max() <= level:
            zero = "zero" if not yours[beside].any() else "off"
            return [f"Your diagonal is right; everything beside it is {zero}."]
    return []


def _factor(ratio, factors):
    if abs(ratio - 1) < 1e-6:
        return []
    for name, value in factors.items():
        for wanted, word in ((value, "large"), (1 / value, "small")):
            if abs(ratio / wanted - 1) < 1e-6:
                return [f"Yours is {name} = {value:.3g} times too {word}."]
    return [f"Yours is {ratio:.3g} times the expected one, everywhere."]


def _part_symptoms(yours, expected, wrong, level, where):
    """Where the difference sits."""
    words = []
    if wrong.all():
        return words
    count = f"{int(wrong.sum())} of {wrong.size} entries"
    if not yours[wrong].any():
        words.append(f"Yours is zero where it should not be, at {count}; the others are right.")
    elif not expected[wrong].any():
        words.append(f"Yours should be zero at {count}; the others are right.")
    elif np.abs(yours + expected)[wrong].max() <= level:
        words.append(f"The sign is flipped at {count}; the others are right.")
    for name, mask in where.items():
        mask = np.asarray(mask, bool)
        if mask.shape == wrong.shape and not mask.all() and not (wrong & ~mask).any():
            words.append(f"Off only where {name}.")
    for axis, kind in enumerate(("row", "column")) if wrong.ndim == 2 else ():
        off = np.flatnonzero(wrong.any(axis=1 - axis))
        if len(off) < wrong.shape[axis]:
            words.append(f"Off in {kind} {', '.join(map(str, off))} alone.")
    return words or [f"Off at {count}; the others are right."]


def _lines(verdicts):
    width = max(len(v.name) for v in verdicts)
    shapes = max(len(str(v.shape)) for v in verdicts)
    marks = {"pass": "ok", "fail": "not yet", "inconclusive": "unsure"}
    for v in verdicts:
        line = f"{v.name:<{width}}  {v.shape!s:<{shapes}}  {marks[v.verdict]:<8} "
        if v.verdict == "fail":
            line += f"off by {v.error:.2g} (allowed {v.tolerance:.0e})" if math.isfinite(v.error) else ""
            if v.worst is not None:
                line += f"   worst at {list(v.worst)}:  yours {_number(v.yours)}, expected {_number(v.expected)}"
        else:
            line += f"{v.error:.0e}"
        yield line.rstrip()
        yield from ("  " + word for word in v.words)


def _number(value):
    return f"{value:.3f}" if value == 0 or 0.01 <= abs(value) < 10_000 else f"{value:.2e}"

"""Is this gradient right? Ask someone who knows only the forward pass.

    check_gradient(forward, {"x": x, "a": a}, {"x": dx, "a": da}, upstream=dout)

moves every entry of every parameter a little, watches what the forward pass does, and compares the slopes with yours.
Three engines find the slope of f along a direction d:

    central   (f(p + hd) - f(p - hd)) / 2h: any f. Half the digits drown in the subtraction.
    complex   Im f(p + ihd) / h, h = 1e-20: any f that takes complex input. Nothing cancels. (Squire and Trapp, 1998)
    exact     forward.exact(params, upstream, step): a forward pass that brings its own rules for differences along.

"auto" takes exact before complex before central, and believes the first two only where central differences agree along
a few random directions: np.var and np.abs take the modulus of complex input, and silently give a wrong slope.

How far off is off? A parameter's error is the norm of the difference over the norm of the true gradient. So an entry
that is almost zero makes no alarm, and a small parameter does not hide behind a large one. Right code has rounding
noise: in eighty people's backward passes at most 5.6e-12. The smallest error of a real mistake was 5e-3. The line is
drawn between:

    tolerance = 1e-10 + 10 doubt / norm            (at least 1e-3 where yours is float32, whose last bit is 1.2e-7)

doubt is what the engine may itself be off by. For central differences it is measured entry by entry: how far the steps
h and h/2 disagree, plus the rounding of f over h. For the others it is the rounding of the slope. Either rounding is
seen by moving each parameter by its last bits: nobody's arithmetic is better than that. In a tolerance above 1e-3 a
mistake could hide: what is within it is then called "inconclusive", not "pass".

How large a step? Small against the parameter's spread down its column: that is the length on which a batch norm bends.
Where h and h/2 disagree all the same, other steps are tried, for each entry its own, and the surest is kept. Every step
is a power of two, so that p + h is exact.

Two special cases. At a kink of the forward pass (ReLU at 0) every slope from the left one to the right one passes. A
gradient that is zero whatever the formula (of a bias before a batch norm) is measured against the size of the problem,
sum |upstream * out| / |parameter|; where yours is zero too the verdict is "inconclusive": zero against zero shows
little.
"""

import copy
import logging
import math
import warnings
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

TOLERANCE = 1e-10
NEGATIVE_ZERO = "Some of its zeros are -0.0, which equals 0."
DOUBTFUL = 1e-3  # also the tolerance for float32
STEPS = tuple(2.0**-k for k in (13, 17, 20, 23, 27, 7))  # 1e-4 first, then smaller ones, and one that is larger
CHUNK = 8_000_000  # bytes of perturbed input held at once
EPS = np.finfo(np.float64).eps
ENGINES = {"central": "central difference", "complex": "complex step", "exact": "exact difference"}


@dataclass(frozen=True)
class Verdict:
    """What was found about one array. error is the norm of the difference over the norm of what was expected."""

    name: str
    verdict: str  # "pass", "fail" or "inconclusive"
    shape: tuple
    error: float = math.inf
    tolerance: float = TOLERANCE
    worst: tuple | None = None  # the index of the largest difference, and both values there
    yours: float = math.nan
    expected: float = math.nan
    words: tuple = ()  # sentences: what the numbers show, remarks, why nothing could be concluded

    def __str__(self):
        return "\n".join(_lines([self]))


@dataclass(frozen=True)
class Report:
    """One verdict a parameter. passed is true where every one of them is "pass"."""

    verdicts: tuple
    method: str
    title: str = "gradients"

    @property
    def passed(self):
        return all(v.verdict == "pass" for v in self.verdicts)

    def __str__(self):
        right = sum(v.verdict == "pass" for v in self.verdicts)
        score = "ok" if self.passed else f"{right} of {len(self.verdicts)}" if right else "not yet"
        head = f"{self.title:<40} {score:<9} by {self.method}"
        return "\n".join([head, *("     " + line for line in _lines(self.verdicts))])

    __repr__ = __str__


def numerical_gradient(forward, params, upstream=None, *, method="auto", step=None, batched=False):
    """The gradient of sum(upstream * out) along every entry of every parameter, from the forward pass alone.

    Args:
        forward: called as forward(**params); returns out, or (out, cache).
        params: dict of arrays or scalars, what is differentiated. Anything else that forward needs is closed over.
        upstream: the shape of out. None is allowed where out is a scalar.
        method: "auto", or "exact", "complex" or "central", which are then taken at their word.
        step: None lets the engine choose; a number, with "auto", asks for central differences. A central step is
            relative to the column's spread.
        batched: True declares that forward takes one more axis in front: each parameter comes as (B, *shape), out
            goes as (B, *shape), and B perturbations run at once. Otherwise they run one by one, in a loop.

    Returns:
        {name: array of the parameter's shape}, float64.

    Raises:
        ValueError: upstream is missing or has not the shape of out, forward is random, or the method is unknown.
    """
    return _slopes(_Forward(forward, params, upstream, batched), method, step, rounding=False)[0]


def numerical_jacobian(forward, params, *, method="auto", step=None, batched=False):
    """As numerical_gradient, but the whole Jacobian: {name: array of shape out.shape + param.shape}."""
    return _slopes(_Forward(forward, params, False, batched), method, step, rounding=False)[0]


def check_gradient(
    forward, params, gradients, upstream=None, *, method="auto", step=None, batched=False, where=None, factors=None
):
    """Compare your gradients with the slopes of the forward pass, one verdict a parameter. Print the Report it returns.

    Args:
        gradients: a dict by name ("x" or "dx"), a tuple in params' order, or one array where there is one parameter.
        where, factors: see symptoms. For the others, and for what it raises, see numerical_gradient.
    """
    f = _Forward(forward, params, upstream, batched)
    slopes, doubts, engine = _slopes(f, method, step)
    reasons = forward.doubtful(f.params) if engine == "exact" and hasattr(forward, "doubtful") else {}
    verdicts = []
    for name, yours in _by_name(gradients, params).items():
        judge = partial(_judge, name, yours, size=f.size(name), where=where, factors=factors, like=params[name])
        verdict = judge(slopes[name], doubts[name])
        if verdict.verdict != "pass" and verdict.worst is not None and math.isfinite(verdict.error):
            values = np.real(np.asarray(yours)).astype(np.float64).ravel()
            at = _kinks(f, name, values, slopes[name].ravel(), doubts[name].ravel())
            if len(at):
                slopes[name].flat[at], doubts[name].flat[at] = values[at], 0
                remark = f"The forward pass has a kink at {len(at)} of the entries: either slope is right there."
                verdict = judge(slopes[name], doubts[name])
                verdict = replace(verdict, words=(*verdict.words, remark))
        if verdict.verdict == "pass" and name in reasons:
            verdict = replace(verdict, verdict="inconclusive", words=(*verdict.words, reasons[name]))
        if yours is None and (others := _unasked(gradients, params)):
            verdict = replace(verdict, words=(*verdict.words, f"Nobody has asked for {others}."))
        if verdict.verdict == "fail" and verdict.worst is not None:
            verdict = replace(verdict, words=(*verdict.words, *_taken_for(name, np.asarray(yours), slopes, params)))
        verdicts.append(verdict)
    return Report(tuple(verdicts), ENGINES[engine] + (", batched" if batched else ", in a loop") * (engine != "exact"))


def quick_check(forward, params, gradients, upstream=None, *, directions=8, seed=0, batched=False):
    """As check_gradient, but by central differences along eight random sign vectors a parameter, instead of entry by
    entry: much faster where a parameter is large. It cannot say where a mistake sits."""
    f, verdicts = _Forward(forward, params, upstream, batched), []
    for name, yours in _by_name(gradients, params).items():
        signs = f.signs(name, directions, seed)
        verdict = _judge(name, yours, np.zeros(signs.shape[1:]), like=params[name])  # the shape, the type, NaN
        if verdict.worst is not None and math.isfinite(verdict.error):
            array, remarks = _dress(yours, signs.shape[1:], params[name])
            along = (signs.astype(array.dtype) * array).reshape(directions, -1).sum(axis=1)
            slopes, doubts = _central_difference(f, name, signs.__getitem__, directions)
            verdict = _judge(name, along, slopes, doubts, size=f.size(name) * np.linalg.norm(lengths(f.params[name])))
            words = tuple(dict.fromkeys((*remarks, *verdict.words)))
            verdict = replace(verdict, shape=np.shape(yours), worst=None, words=words)
        verdicts.append(verdict)
    return Report(tuple(verdicts), f"{ENGINES['central']}, {directions} random directions")


def check_backward(forward, backward, inputs, upstream=None, *, names=None, **options):
    """Run forward and backward, check the gradients, and look at what backward did to what it was given.

    Args:
        forward, backward: out, cache = forward(**inputs); gradients = backward(upstream, cache).
        inputs: dict, every argument of forward.
        names: the inputs that backward gives a gradient for, in its order. None: all of them.
        options: see check_gradient.

    Returns:
        A Report: one verdict a gradient, and one more for each of these if it was found: "cache": backward changed it,
        or an input (fail); "second call": it gave another answer (fail); "dout": it was written into (pass, a remark).
    """
    names, original = list(names or inputs), copy.deepcopy(inputs)
    inputs, upstream = copy.deepcopy(inputs), np.array(1.0 if upstream is None else upstream)
    given = {"dout": upstream.copy()} | inputs | {"cache": forward(**inputs)[1]}
    before = {path: a.copy() for path, a in _leaves(given).items()}
    raw = backward(given["dout"], given["cache"])
    first, after = copy.deepcopy(raw), _leaves(given)
    shared = {n for n, g in _by_name(raw, names).items() if any(np.may_share_memory(g, a) for a in after.values())}
    changed = {path: _distance(a, after.get(path)) for path, a in before.items()}
    changed = {path: distance for path, distance in changed.items() if distance > 0}
    verdicts = []
    if changed.pop("dout", 0):
        remark = "Right, but it wrote into dout: whoever needs dout afterwards no longer has it."
        verdicts.append(Verdict("dout", "pass", upstream.shape, 0.0, words=(remark,)))
    if changed:
        words = f"backward changed {', '.join(changed)} (by up to {max(changed.values()):.2g})."
        hint = "A backward pass only reads. Look for `-=`, `*=` or `out=` on something that you did not make."
        verdicts.append(Verdict("cache", "fail", (), words=(words, hint)))
    try:
        one, two = _leaves(first), _leaves(backward(upstream.copy(), given["cache"]))
        distance = max((_distance(a, two.get(path)) for path, a in one.items()), default=0.0)
        second = f"answers differently (by up to {distance:.2g})." if distance else ""
    except Exception as error:
        second = f"raises {type(error).__name__}: {error}"
    if second:
        words = f"Called again with the same input, it {second}"
        verdicts.append(Verdict("second call", "fail", (), words=(words,)))
    others = {name: value for name, value in original.items() if name not in names}
    wanted = {name: original[name] for name in names}
    report = check_gradient(partial(forward, **others), wanted, first, upstream, **options)
    remark = "A view of something that it was given: change the one and the other changes."
    own = [replace(v, words=(*v.words, remark)) if v.name in shared else v for v in report.verdicts]
    return replace(report, verdicts=(*own, *verdicts))


def compare_arrays(name, yours, expected, *, tolerance=TOLERANCE, where=None, factors=None):
    """Judge one array against a reference: a Verdict. See symptoms for where and factors."""
    return _judge(name, yours, expected, tolerance=tolerance, where=where, factors=factors)


@np.errstate(all="ignore")
def symptoms(yours, expected, *, where=None, factors=None, tolerance=1e-7):
    """Sentences on what the two arrays alone show of a mistake. Empty where they are equal.

    Args:
        where: {"the mask is 0": bool array, ...}, places where the difference may sit; another shape is skipped.
        factors: {"m": 5, ...}, names for a constant factor.
        tolerance: two entries are equal within this times the largest expected one.
    """
    yours, expected = np.asarray(yours, np.float64), np.asarray(expected, np.float64)
    level = tolerance * max(np.abs(expected).max(initial=0), np.finfo(float).tiny)
    if yours.shape != expected.shape:
        return [_shape_symptom(yours, expected, level)]
    wrong = np.abs(yours - expected) > level
    if not wrong.any():
        return []
    whole = _whole_symptoms(yours, expected, level, factors or {})
    return whole or _part_symptoms(yours, expected, wrong, level, where or {})


# The engines


class _Forward:
    """A forward pass as a function of its parameters: sum(upstream * out), or out itself where upstream is False."""

    def __init__(self, forward, params, upstream, batched):
        self.forward, self.batched = forward, batched
        self.params = {name: np.array(value, np.float64) for name, value in params.items()}
        once = {name: p[None] for name, p in self.params.items()}
        out, again = self.run(once), self.run(once)
        if not np.array_equal(out, again, equal_nan=True):
            raise ValueError("forward answers differently each time: draw its random numbers once, outside of it")
        self.shape = out.shape[1:]
        if upstream is None and self.shape:
            raise ValueError(f"out has the shape {self.shape}, so an upstream gradient of that shape is needed")
        if upstream is not None and upstream is not False and np.shape(upstream) != self.shape:
            raise ValueError(f"upstream must have the shape of out, {self.shape}, but has {np.shape(upstream)}")
        self.upstream = upstream if upstream is False else np.array(1.0 if upstream is None else upstream, np.float64)
        self.centre = self.weigh(out)[0]
        self.weight = np.abs(out[0]) if upstream is False else np.abs(self.upstream * out[0]).sum()
        rng = np.random.default_rng(0)
        self.shaken = {n: p * (1 + 4 * EPS * rng.normal(size=p.shape)) for n, p in self.params.items()}
        eps = np.finfo(out.dtype).eps if out.dtype.kind == "f" else EPS
        moved = self.weigh(self.run({n: p[None] for n, p in self.shaken.items()}))[0]
        self.rounding = eps * self.weight + np.abs(moved - self.centre)

    def run(self, params):
        """out for each row of the parameters, which all have one more axis in front."""
        if self.batched:
            return _out(self.forward(**params))
        count = len(next(iter(params.values())))
        return np.stack([_out(self.forward(**{n: p[i].copy() for n, p in params.items()})) for i in range(count)])

    def weigh(self, out):
        return out if self.upstream is False else (out * self.upstream).reshape(len(out), -1).sum(axis=1)

    def along(self, name, directions, indices, h, params=None):
        """The value at params[name] + h * direction, for each index, in chunks that fit the memory."""
        params, results = params or self.params, []
        chunk = max(1, CHUNK // (16 * (sum(p.size for p in params.values()) + math.prod(self.shape))))
        for start in range(0, len(indices), chunk):
            moved = params[name] + h * directions(indices[start : start + chunk])
            rows = {n: np.broadcast_to(p, (len(moved), *p.shape)) for n, p in params.items()}
            results.append(self.weigh(self.run(rows | {name: moved})))
        return np.concatenate(results)

    def size(self, name):
        """What a gradient of ordinary size would be: the gradient of a linear function has at least this norm."""
        return float(np.max(self.weight, initial=0) / max(1.0, np.linalg.norm(self.params[name])))

    def signs(self, name, count, seed=0):
        p = self.params[name]
        return np.random.default_rng(seed).choice([-1.0, 1.0], (count, *p.shape)) * lengths(p)


def lengths(p):
    """How far each entry may be moved: the spread of its column, its own size, or that of the whole parameter."""
    spread = p.std(axis=0) if p.ndim > 1 else np.abs(p)
    spread = np.where(spread > 0, spread, np.sqrt((p**2).mean()) or 1.0)
    return np.broadcast_to(2.0 ** np.round(np.log2(spread)), p.shape)


def _out(out):
    return np.asarray(out[0] if isinstance(out, tuple) else out)


def _one_hot(unit, block):
    directions = np.zeros((len(block), unit.size))
    directions[np.arange(len(block)), block] = unit.flat[block]
    return directions.reshape(-1, *unit.shape)


def _slopes(f, method, step, rounding=True):
    """{name: slopes}, {name: doubts}, the engine."""
    if method not in ("auto", *ENGINES):
        raise ValueError(f"method must be one of {['auto', *ENGINES]}, but is {method!r}")
    engines = [method]
    if method == "auto":
        engines = ["central"] if step else ["exact"] * hasattr(f.forward, "exact") + ["complex", "central"]
    for engine in engines:
        try:
            slopes, doubts = {"exact": _exact, "complex": _complex, "central": _central}[engine](f, step, rounding)
            if method == "auto" and engine != "central":
                for name in f.params:
                    signs = f.signs(name, 2)
                    _cross_check(f, name, np.stack([np.tensordot(slopes[name], s, s.ndim) for s in signs]), signs)
            return slopes, doubts, engine
        except Exception:  # refused, or not believed: the next one
            logging.getLogger("autograder").info("%s differences did not do", engine, exc_info=True)
            if engine == engines[-1]:
                raise


def _central(f, step, rounding):
    pairs = {n: _central_difference(f, n, partial(_one_hot, lengths(p)), p.size, step) for n, p in f.params.items()}
    return tuple({n: _per_entry(f, n, pair[k]) for n, pair in pairs.items()} for k in (0, 1))


def _complex(f, step, rounding):
    slopes, doubts, h = {}, {}, step or 1e-20
    for name, p in f.params.items():
        rows = _complex_step(f, name, partial(_one_hot, lengths(p)), p.size, h)
        slopes[name] = _per_entry(f, name, rows)
        if rounding:
            signs = f.signs(name, 2).__getitem__
            here, there = _complex_step(f, name, signs, 2, h), _complex_step(f, name, signs, 2, 0.7 * h, f.shaken)
            doubts[name] = np.abs(slopes[name]) * (EPS + np.linalg.norm(here - there) / (np.linalg.norm(here) or 1.0))
    return slopes, doubts


def _exact(f, step, rounding):
    def gradients(params, step):
        if f.upstream is not False:
            return f.forward.exact(params, f.upstream, step)
        rows = [f.forward.exact(params, one.reshape(f.shape), step) for one in np.eye(math.prod(f.shape))]
        return {n: np.stack([row[n] for row in rows]).reshape(f.shape + p.shape) for n, p in params.items()}

    h = step or 1e-10
    slopes = gradients(f.params, h)
    moved = gradients(f.shaken, 0.7 * h) if rounding else slopes
    return slopes, {n: EPS * np.abs(slope) + np.abs(slope - moved[n]) for n, slope in slopes.items()}


def _per_entry(f, name, rows):
    """From one slope a row to out.shape + param.shape, a slope for each unit of the entry."""
    rows = np.moveaxis(rows, 0, -1) / lengths(f.params[name]).ravel()
    return rows.reshape(rows.shape[:-1] + f.params[name].shape)


def _complex_step(f, name, directions, count, h, params=None):
    with warnings.catch_warnings():
        warnings.simplefilter("error", np.exceptions.ComplexWarning)  # a forward pass that drops the imaginary part
        return f.along(name, directions, np.arange(count), 1j * h, params).imag / h


def _central_difference(f, name, directions, count, step=None):
    """The slopes and their doubts. At each step: h and h/2, extrapolated; and by how much the slope jumps there."""
    slopes, doubts = np.zeros((count, *f.centre.shape)), np.full((count, *f.centre.shape), np.inf)
    todo = np.arange(count)
    for h in (step,) if step else STEPS:
        plus, minus, half_plus, half_minus = (f.along(name, directions, todo, c * h) for c in (1, -1, 0.5, -0.5))
        whole, half = (plus - minus) / (2 * h), (half_plus - half_minus) / h
        bend, half_bend = (plus + minus - 2 * f.centre) / h, (half_plus + half_minus - 2 * f.centre) / (h / 2)
        noise = 8 * f.rounding / h
        kink = (np.abs(half_bend) > 0.75 * np.abs(bend)) & (np.abs(half_bend) > 4 * noise + 1e-6 * np.abs(half))
        doubt = np.abs(whole - half) + noise + kink * np.abs(half_bend)
        surer = doubt < doubts[todo]
        slopes[todo] = np.where(surer, (4 * half - whole) / 3, slopes[todo])
        doubts[todo] = np.where(surer, doubt, doubts[todo])
        unsure = doubts[todo] > 1e-7 * np.abs(slopes).max(initial=0)
        todo = todo[unsure.reshape(len(todo), -1).any(axis=1)]
        if not len(todo):
            break
    slopes[~np.isfinite(doubts)] = np.nan
    return slopes, doubts


def _cross_check(f, name, own, signs):
    """Refuse an engine whose slopes along the signs are not those of central differences."""
    central, doubts = _central_difference(f, name, signs.__getitem__, len(signs))
    if not np.linalg.norm(own - central) <= 10 * np.linalg.norm(doubts) + 1e-6 * np.linalg.norm(central):
        raise ArithmeticError(f"central differences disagree about {name}")


def _kinks(f, name, yours, slopes, doubts):
    """The entries where yours differs at a kink of the forward pass, and lies between its left and its right slope."""
    off, largest = np.abs(yours - slopes), np.abs(slopes).max()
    order = np.argsort(-np.where(doubts > DOUBTFUL * largest, np.inf, off))
    at = order[off[order] > 1e-7 * largest]
    h, unit = STEPS[4], lengths(f.params[name])
    for block in (at[:8], at):  # a few first: where no kink is among them, the answer is plainly wrong
        if len(block):
            right, left = (f.along(name, partial(_one_hot, unit), block, s * h) - f.centre for s in (1, -1))
            right, left = right / (h * unit.flat[block]), -left / (h * unit.flat[block])
            slack = 8 * f.rounding / (h * unit.flat[block]) + 1e-6 * (np.abs(left) + np.abs(right))
            low, high = np.minimum(left, right), np.maximum(left, right)
            within = (low - slack <= yours[block]) & (yours[block] <= high + slack)
            block = block[within & (high - low > slack)]
        if not len(block):
            break
    return block


# The verdicts


@np.errstate(all="ignore")
def _judge(name, yours, expected, doubts=0.0, size=0.0, tolerance=TOLERANCE, where=None, factors=None, like=None):
    expected = np.asarray(expected, np.float64)
    array, words = _dress(yours, expected.shape, like)
    if array is None or array.shape != expected.shape:
        words += symptoms(array, expected) if array is not None else []
        return Verdict(name, "fail", () if array is None else array.shape, words=tuple(words))
    verdict = Verdict(name, "fail", np.shape(yours))
    if not (np.isfinite(array).all() and np.isfinite(expected).all()):
        bad = ~np.isfinite(array if np.isfinite(expected).all() else expected)
        at = tuple(int(i) for i in np.argwhere(bad)[0])
        verdict = replace(verdict, worst=at, yours=float(array[at]), expected=float(expected[at]))
        if bad.sum() and np.isfinite(expected).all():
            return replace(verdict, words=(*words, f"{bad.sum()} of {bad.size} entries are NaN or infinite."))
        return replace(verdict, verdict="inconclusive", words=(*words, "What is expected is itself not finite here."))

    off = np.abs(array - expected)
    norm, doubt, distance = (float(np.linalg.norm(a)) for a in (expected, doubts, off))
    single = array.dtype.kind == "f" and array.dtype.itemsize < 8
    allowed = max(tolerance, DOUBTFUL * single)
    error, unit = distance / (norm or 1.0), norm
    noisy = norm <= min(10 * doubt, DOUBTFUL * size) or (norm <= 1e-13 * size and doubt > 1e-8 * norm)
    zero = size > 0 and (not norm or (noisy and error > allowed))
    if zero:
        error, unit = distance / size, size
    limit = allowed + (10 * doubt / unit if unit else 0.0)
    right, reason = error <= limit, []
    if right and zero:
        reason = ["The gradient is zero here whatever the formula, and yours is too: that shows little."]
    elif right and error > allowed and limit > DOUBTFUL:
        reason = [f"Known to {limit:.0e} only: a kink inside the step, or numbers that hang on the inputs' last bits."]
    if single:
        words.append(f"{array.dtype}: judged by its own precision, to {allowed:.0e}.")
    if array.dtype.kind in "iub":
        words.append(f"dtype {array.dtype}" + (", and equal." if right else ": whole numbers, the fractions are lost."))
    if not right:
        wanted = np.zeros(expected.shape) if zero else expected
        words += symptoms(array, wanted, where=where, factors=factors, tolerance=max(1e-7, limit))
    if expected.size:
        at = tuple(int(i) for i in np.unravel_index(off.argmax(), off.shape))
        verdict = replace(verdict, worst=at, yours=float(array[at]), expected=float(expected[at]))
    kind = "fail" if not right else "inconclusive" if reason else "pass"
    return replace(verdict, verdict=kind, error=error, tolerance=limit, words=(*words, *reason))


def _dress(yours, shape, like=None):
    """Real numbers, in the wanted shape where only the dress is unusual, and remarks. None for what is no array."""
    try:
        array, words = np.asarray(yours), []
    except Exception:
        array = np.asarray(None)
    if yours is None or array.dtype.kind not in "fciub":
        came = "nothing" if yours is None else f"a {type(yours).__name__}"
        return None, [f"An array of numbers of shape {shape} is wanted; {came} came."]
    if array.dtype.kind == "c":
        if array.imag.any():
            return None, ["Complex numbers came back."]
        array = array.real
        words.append("Complex, with nothing imaginary in it.")
    if array.shape != shape and _bare(array.shape) == _bare(shape):
        words.append(f"Shape {array.shape} for {shape}: the same numbers.")
        array = array.reshape(shape)
    if array.dtype == np.float64 and getattr(like, "dtype", None) == np.float32:
        words.append("float64, where the parameter is float32.")
    if array.dtype.kind == "f" and (np.signbit(array) & (array == 0)).any():
        words.append(NEGATIVE_ZERO)
    return array, words


def _bare(shape):
    """A shape without its leading ones."""
    return shape if not shape or shape[0] != 1 else _bare(shape[1:])


def _by_name(gradients, names):
    names = list(names)
    if isinstance(gradients, dict):
        return {name: gradients.get(name, gradients.get("d" + name)) for name in names}
    if len(names) == 1 and not isinstance(gradients, tuple):
        return {names[0]: gradients}
    if not isinstance(gradients, tuple | list) or len(gradients) != len(names):
        return dict.fromkeys(names)
    return dict(zip(names, gradients, strict=True))


def _taken_for(name, yours, slopes, params):
    """What a wrong gradient is instead: another parameter's, or its own with a parameter too many or too few."""

    def same(a, b):
        return a.shape == b.shape and np.linalg.norm(b) > 0 and np.linalg.norm(a - b) < 1e-6 * np.linalg.norm(b)

    for other, slope in slopes.items():
        if other != name and same(yours, slope):
            return [f"These are the numbers of the gradient of {other}."]
    for other, value in params.items():
        if np.size(value) > 1 and np.shape(value) == slopes[name].shape:
            if same(yours, slopes[name] * value):
                return [f"Yours is the expected times {other}, entry by entry."]
            if same(yours * value, slopes[name]):
                return [f"Yours is the expected divided by {other}, entry by entry."]
    return []


def _unasked(gradients, names):
    """The names in a dict of gradients that are none of a parameter, as text: a slip of the pen, perhaps."""
    known = {*names, *(f"d{name}" for name in names)}
    return ", ".join(repr(key) for key in gradients if key not in known) if isinstance(gradients, dict) else ""


def _leaves(value, path=""):
    """Every array in nested dicts, tuples and lists: {how one would write it: array}."""
    if isinstance(value, dict | tuple | list):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        inner = {f"{path}[{key!r}]" if path else str(key): item for key, item in items}
        return {p: a for key, item in inner.items() for p, a in _leaves(item, key).items()}
    return {path: value} if isinstance(value, np.ndarray | np.generic) else {}


def _distance(a, b):
    """The largest difference of two arrays; infinite where one is missing or has another shape."""
    if b is None or np.shape(a) != np.shape(b):
        return math.inf
    if np.array_equal(a, b, equal_nan=a.dtype.kind in "fc"):
        return 0.0
    return float(np.abs(np.subtract(a, b, dtype=np.float64)).max())


# What the numbers show


def _shape_symptom(yours, expected, level):
    def equal(a):
        return np.shape(a) == expected.shape and np.abs(a - expected).max(initial=0) <= level

    came = f"Shape {yours.shape} came, {expected.shape} is wanted"
    if yours.ndim == 0 and expected.size > 1:
        return f"{came}: one number for all, where each needs its own."
    if equal(yours.T):
        return f"{came}: yours is the transpose."
    if yours.shape == expected.shape[::-1]:
        return f"{came}: transposed, and the numbers are others too."
    if yours.ndim > expected.ndim and equal(yours.sum(axis=0)):
        return f"{came}: not yet summed over the first axis. Summed, it is right."
    if yours.size == expected.size and equal(yours.reshape(expected.shape)):
        return f"{came}: the numbers are right."
    return f"{came}."


def _whole_symptoms(yours, expected, level, factors):
    """One rule for the whole array, or nothing."""
    if not expected.any():
        return ["Yours should be zero everywhere."]
    if np.abs(yours).max() <= 1e-5 * level:
        return ["Yours is zero everywhere."]
    if np.ptp(yours) <= min(level, 1e-7 * np.abs(yours).max()) and level < np.ptp(expected):
        return ["All your entries are equal."]
    ratio = float((yours * expected).sum() / (expected**2).sum())
    if ratio and np.abs(yours - ratio * expected).max() <= abs(ratio) * level:
        return ["The sign is flipped."] * (ratio < 0) + _factor(abs(ratio), factors, yours.size > 1)
    if yours.ndim == 2 and yours.shape[0] == yours.shape[1]:
        if np.abs(yours.T - expected).max() <= level:
            return ["Yours is the transpose."]
        beside = ~np.eye(len(yours), dtype=bool)
        all_off = (np.abs(yours - expected) > level)[beside].all()
        if np.abs(np.diag(yours - expected)).max() <= level and (all_off or not yours[beside].any()):
            return [f"Your diagonal is right; everything beside it is {'off' if yours[beside].any() else 'zero'}."]
    if yours.ndim == 2 and len(yours) > 2:
        ratios = (yours * expected).sum(axis=0) / np.maximum((expected**2).sum(axis=0), np.finfo(float).tiny)
        several = ((np.abs(expected) > level).sum(axis=0) > 1).all()  # one number is a constant times any other
        scaled = several and (np.abs(np.abs(ratios) - 1) > 1e-6).any() and (np.abs(ratios) > 1e-6).all()
        allowed = level * np.abs(ratios) * np.abs(expected).max(axis=0) / np.abs(expected).max()
        if scaled and (np.abs(yours - ratios * expected).max(axis=0) <= allowed).all():
            own = (np.diff(np.sort(ratios)) > 1e-6).all()
            which = "each column has its own factor" if own else "the factor is not the same in every column"
            return [f"Column by column, yours is a constant times the expected: {which}."]
        if np.ptp(yours - expected, axis=0).max() <= level:
            return ["Within a column, yours is off by the same amount in every row: a term that rows share."]
    return []


def _factor(ratio, factors, several=True):
    if abs(ratio - 1) < 1e-6:
        return []
    named = {f"{name} = {value:.4g}": value for name, value in factors.items()}
    named |= {f"{a} * {b} = {u * v:.4g}": u * v for a, u in factors.items() for b, v in factors.items() if a <= b}
    for name, value in named.items():
        if abs(ratio / value - 1) < 1e-6:
            return [f"Yours is {name} times too large." if value > 1 else f"Yours is the expected times {name}."]
        if abs(ratio * value - 1) < 1e-6:
            return [f"Yours is {name} times too small." if value > 1 else f"Yours is the expected divided by {name}."]
    amount = f"{ratio:.4g}" if abs(ratio - 1) > 1e-3 else f"(1 {'+' if ratio > 1 else '-'} {abs(ratio - 1):.1e})"
    return [f"Yours is {amount} times the expected, everywhere."] * several  # of one number it says nothing


def _part_symptoms(yours, expected, wrong, level, where):
    """Where the difference sits, if it does not sit everywhere."""
    if wrong.all():
        return []
    zeros = not expected[~wrong].any() and not yours[~wrong].any()
    right = " The others are 0, as they should be." if zeros else " The others are right."
    words, count = [], f"{wrong.sum()} of {wrong.size} entries"
    if np.abs(yours[wrong]).max() <= 1e-5 * level:
        words.append(f"Yours is zero where it should not be, at {count}.{right}")
    elif np.abs(expected[wrong]).max() <= 1e-3 * level:  # a difference quotient is not 0 exactly
        words.append(f"Yours should be zero at {count}.{right}")
    elif np.abs(yours + expected)[wrong].max() <= level < 0.1 * np.abs(expected[wrong]).min():
        words.append(f"The sign is flipped at {count}.{right}")
    else:
        words.append(f"Off at {count}.{right}")
    for name, mask in where.items():
        mask = np.asarray(mask, bool)
        if mask.shape != wrong.shape or mask.all() or (wrong & ~mask).any():
            continue
        if wrong.sum() > max(1, mask.sum() / 2):  # a few that lie there may do so by chance
            return [*words, f"Off only where {name}."]
    for axis, kind in enumerate(("row", "column")) if wrong.ndim == 2 else ():
        lines = np.flatnonzero(wrong.any(axis=1 - axis))
        if len(lines) < wrong.shape[axis]:
            words.append(f"Off in {kind}{'s' * (len(lines) > 1)} {', '.join(map(str, lines))} alone.")
    return words


def _lines(verdicts):
    width = max(len(v.name) for v in verdicts)
    shapes = max(len(str(v.shape)) for v in verdicts)
    marks = {"pass": "ok", "fail": "not yet", "inconclusive": "unsure"}
    for v in verdicts:
        line = f"{v.name:<{width}}  {v.shape!s:<{shapes}}  {marks[v.verdict]:<8} "
        if v.verdict != "fail":
            line += f"{v.error:.0e}"
        elif math.isfinite(v.error):
            line += f"off by {v.error:.2g} (allowed {v.tolerance:.0e})"
        if v.verdict == "fail" and v.worst is not None:
            line += f"   worst at {list(v.worst)}:  yours {_number(v.yours)}, expected {_number(v.expected)}"
        yield line.rstrip()
        yield from ("  " + word for word in v.words)


def _number(value):
    return f"{value:.3f}" if value == 0 or 0.01 <= abs(value) < 10_000 else f"{value:.2e}"

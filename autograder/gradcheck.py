"""Check analytic gradients against numerical differentiation of the forward pass.

    check_gradient(forward, {"x": x, "a": a}, {"x": dx, "a": da}, upstream=dout)

differentiates sum(upstream * forward(x, a)) numerically along every entry of every parameter and compares. It needs
nothing but the forward pass. There are three engines:

    central   (f(p + hd) - f(p - hd)) / 2h: any f. Half the digits are lost in the subtraction.
    complex   Im f(p + ihd) / h, h = 1e-20: any f that takes complex input. Nothing cancels. (Squire and Trapp, 1998)
    exact     forward.exact(params, upstream, step): a forward pass that brings its own rules for differences along.

"auto" takes exact before complex before central. It believes the first two only where central differences agree along
random directions, if need be at a point nearby that lies on no kink: np.var and np.abs take the modulus of complex
input, and silently give a wrong derivative. A forward pass that refuses complex input selects the next engine; any
other error that it raises is raised.

The verdicts. The error of a parameter is the norm of the difference over the norm of the true gradient, so that an
entry that is almost zero makes no alarm, and a small parameter does not hide behind a large one. Right code has
rounding errors: in eighty people's backward passes at most 5.6e-12. The smallest error of a real mistake was 5e-3. The
tolerance lies between:

    tolerance = 1e-10 + 10 uncertainty / norm + what single precision needs

and each entry by itself is held to the same. The uncertainty is the engine's own error, measured: how far the steps h
and h/2 disagree, plus the noise of f over h. Noise is measured by high differences of f along random lines, which
vanish for a smooth function. Where float32 takes part, in the inputs, in the forward pass or in the answer, rounding
the inputs to float32 changes the true gradient; that change, times a small factor, is allowed. Beyond 1e-3 a mistake
could hide: such a verdict is "inconclusive", with the reason, unless random directions, along which noise averages
out, decide it.

The step is relative to the parameter's spread down its column: that is the length on which a batch norm bends. Where h
and h/2 disagree other steps are tried, for each entry its own. Every step is a power of two, so that p + h is exact.

At a kink of the forward pass (ReLU at 0) the derivative is a convention, and each entry there may have any value from
its left to its right derivative. Where several entries tie, as in a max, their sum must be the derivative along all of
them together.
"""

import copy
import difflib
import inspect
import logging
import math
import time
import warnings
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

TOLERANCE = 1e-10
NEGATIVE_ZERO = "Some of its zeros are -0.0, which equals 0."
DOUBTFUL = 1e-3  # a tolerance above this could hide a mistake
STEPS = tuple(2.0**-k for k in (13, 17, 20, 23, 27, 10, 7, 5, 3))  # 1e-4 first, then smaller ones, and larger ones
CHUNK = 8_000_000  # bytes of perturbed input held at once
PROGRESS_AFTER = 1.0  # seconds
BUDGET = 60.0  # seconds
EPS = np.finfo(np.float64).eps
ROUGH = 1e-12  # relative noise of f above which the steps are larger
SINGLE = float(np.finfo(np.float32).eps)
FLOAT32_FACTOR = 20  # and times this, what rounding the inputs to float32 does to the gradient
ENGINES = {"central": "central difference", "complex": "complex step", "exact": "exact difference"}
MARKS = {"pass": "ok", "fail": "not yet", "inconclusive": "unsure"}
REFUSALS = (TypeError, ValueError, NotImplementedError, AssertionError, np.exceptions.ComplexWarning)


class _Disagreement(ArithmeticError):
    """An engine's derivatives are not those of central differences."""


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
    """One verdict a parameter. passed is true where every one of them is "pass". notes: sentences about the whole."""

    verdicts: tuple
    method: str
    title: str = "gradients"
    notes: tuple = ()

    @property
    def passed(self):
        return all(v.verdict == "pass" for v in self.verdicts)

    def __str__(self):
        right = sum(v.verdict == "pass" for v in self.verdicts)
        score = "ok" if self.passed else f"{right} of {len(self.verdicts)}" if right else "not yet"
        head = f"{self.title:<40} {score:<9} by {self.method}"
        return "\n".join([head, *("     " + line for line in (*self.notes, *_lines(self.verdicts)))])

    __repr__ = __str__


def numerical_gradient(forward, params, upstream=None, *, method="auto", step=None, batched=False):
    """The gradient of sum(upstream * out) along every entry of every parameter, from the forward pass alone.

    Args:
        forward: called as forward(**params); returns out, (out, cache), or several outputs and a cache.
        params: dict of arrays or scalars, what is differentiated, or of dicts and lists of them. Integers among them
            are held still where forward needs integers. Anything else that forward needs is closed over.
        upstream: the shape of out. None is allowed where out is a scalar. Of several outputs: a tuple, or a dict where
            forward returns one, an array each; None for an output that is not used.
        method: "auto", or "exact", "complex" or "central", which are then taken at their word.
        step: None lets the engine choose; a number, with "auto", asks for central differences. A central step is
            relative to the column's spread.
        batched: True declares that forward takes one more axis in front: each parameter comes as (B, *shape), out
            goes as (B, *shape), and B perturbations run at once. Otherwise they run one by one, in a loop.

    Returns:
        {name: array of the parameter's shape}, float64; of nested params {"params['w'][0]": array}.

    Raises:
        ValueError: upstream is missing or has not the shape of out, forward is random, a parameter is no array or not
            one that forward takes, or the method is unknown.
    """
    f = _Forward(forward, params, upstream, batched)
    return _slopes(f, method, step, rounding=False)[0]


def numerical_jacobian(forward, params, *, method="auto", step=None, batched=False):
    """As numerical_gradient, but the whole Jacobian: {name: array of shape out.shape + param.shape}."""
    return _slopes(_Forward(forward, params, False, batched), method, step, rounding=False)[0]


def gradient_uncertainty(forward, params, upstream=None):
    """How far numerical_gradient may be off, relative to the norm of each gradient: {name: number}.

    A gradient that is zero has the uncertainty 0. A kink at an entry counts as far as the derivative jumps there.
    """
    f = _Forward(forward, params, upstream, False)
    slopes, uncertainty, engine = _slopes(f, "auto", None)
    if engine != "central" and any(len(_all_kinks(f, name)) for name in f.params):
        _, uncertainty = _central(f, None, True)
    norms = {name: float(np.linalg.norm(slope)) for name, slope in slopes.items()}
    return {n: float(np.linalg.norm(uncertainty[n])) / norm if norm else 0.0 for n, norm in norms.items()}


def check_gradient(
    forward,
    params,
    gradients,
    upstream=None,
    *,
    method="auto",
    step=None,
    batched=False,
    where=None,
    factors=None,
    budget=BUDGET,
):
    """Compare your gradients with the derivatives of the forward pass, one verdict a parameter. Print its Report.

    Args:
        gradients: a dict by name ("x" or "dx"), a tuple in params' order, or one array where there is one parameter;
            None for integers that are held still.
        where, factors: see symptoms. For the others, and for what it raises, see numerical_gradient.
        budget: seconds. A check that would take longer looks along random directions instead, as quick_check does, and
            the report says so. None: every entry, however long it takes.
    """
    f = _Forward(forward, params, upstream, batched)
    given = _by_name(gradients, params, f)
    calls = f.calls(method, step)
    if calls * f.seconds > 1:
        f.time_rows()
    seconds = calls * f.seconds
    if budget is not None and seconds > budget:
        note = (
            f"{f.entries:,} entries would take about {_duration(seconds)} ({calls:,} calls of forward at "
            f"{_duration(f.seconds)}), more than the budget of {_duration(budget)}: only random directions were "
            "looked at. budget=None checks every entry."
        )
        verdicts = _along_directions(f, given, params, directions=8)
        return Report(tuple(verdicts), _DIRECTIONS.format(8), notes=(note,))
    f.progress = _Progress(calls, f.entries)
    if seconds > 1:  # along random directions first: known at once, while the entries take their time
        found = _along_directions(f, given, params, directions=2)
        f.progress.tell(", ".join(f"{v.name} {MARKS[v.verdict]}" for v in found) + " along two random directions")
    slopes, uncertainty, engine = _slopes(f, method, step)
    reasons = forward.doubtful(f.params) if engine == "exact" and hasattr(forward, "doubtful") else {}
    verdicts = []
    for name, yours in given.items():
        if name in f.held:
            verdicts += _held_still(name, yours)
            continue
        options = dict(where=where, factors=factors, like=f.originals[name])
        verdict = _examine(f, engine, step, name, yours, slopes[name], uncertainty[name], options)
        if verdict.verdict == "pass" and name in reasons:
            verdict = replace(verdict, verdict="inconclusive", words=(*verdict.words, reasons[name]))
        if yours is None:
            verdict = replace(verdict, words=(*verdict.words, *_why_missing(name, gradients, params, f)))
        if verdict.verdict == "fail" and verdict.worst is not None:
            verdict = replace(verdict, words=(*verdict.words, *_taken_for(name, np.asarray(yours), slopes, f.params)))
        verdicts.append(verdict)
    f.progress.end()
    return Report(tuple(verdicts), ENGINES[engine] + (", batched" if batched else ", in a loop") * (engine != "exact"))


def quick_check(forward, params, gradients, upstream=None, *, directions=2, seed=0, batched=False):
    """As check_gradient, but by central differences along two random directions a parameter, instead of entry by entry:
    much faster where a parameter is large. It cannot say where a mistake sits."""
    f = _Forward(forward, params, upstream, batched)
    verdicts = _along_directions(f, _by_name(gradients, params, f), params, directions, seed)
    return Report(tuple(verdicts), _DIRECTIONS.format(directions))


def check_backward(forward, backward, inputs, upstream=None, *, names=None, **options):
    """Run forward and backward, check the gradients, and look at what backward did to what it was given.

    Args:
        forward, backward: out, cache = forward(**inputs); gradients = backward(upstream, cache). The cache is the last
            of what forward returns. Where forward returns no cache, backward takes upstream alone, or inputs by name
            after it. Of several outputs upstream is a tuple, and backward takes it as one argument or as several.
        inputs: dict, every argument of forward.
        names: the inputs that backward gives a gradient for, in its order. None: all of them but integers.
        options: see check_gradient.

    Returns:
        A Report: one verdict a gradient, and one more for each of these if it was found: "cache": backward changed it,
        or an input (fail); "second call": it gave another answer (fail); "dout": it was written into (pass, a remark).

    Raises:
        ValueError: forward returns no cache and backward asks for one; and as check_gradient.
    """
    original = copy.deepcopy(inputs)
    several = _several(upstream)
    inputs, upstream = copy.deepcopy(inputs), copy.deepcopy(upstream) if several else np.array(_one(upstream))
    result = forward(**inputs)
    remarks = [n for n, a in _leaves(original).items() if _distance(a, _leaves(inputs).get(n)) > 0]
    call = _backward_call(backward, result, inputs, upstream)
    given = {"dout": copy.deepcopy(upstream)} | inputs | {"cache": _cache_of(result, upstream)}
    before = {path: a.copy() for path, a in _leaves(given).items()}
    raw = call(given["dout"])
    first, after = copy.deepcopy(raw), _leaves(given)
    names = _differentiated(names, raw, original)
    arrays = (
        raw
        if isinstance(raw, dict)
        else dict(zip(names, raw if isinstance(raw, tuple | list) else (raw,), strict=False))
    )
    arrays = {n.removeprefix("d") if n not in names else n: g for n, g in arrays.items() if isinstance(g, np.ndarray)}
    shared = {n for n, g in arrays.items() if any(np.may_share_memory(g, a) for a in after.values())}
    changed = {path: _distance(a, after.get(path)) for path, a in before.items()}
    changed = {path: distance for path, distance in changed.items() if distance > 0}
    written = [path for path in changed if path.split("[")[0] == "dout"]
    changed = {path: distance for path, distance in changed.items() if path not in written}
    verdicts = []
    if written:
        remark = "Right, but it wrote into dout: whoever needs dout afterwards no longer has it."
        verdicts.append(Verdict("dout", "pass", np.shape(upstream) if not several else (), 0.0, words=(remark,)))
    if changed:
        words = f"backward changed {', '.join(changed)} (by up to {max(changed.values()):.2g})."
        hint = "A backward pass only reads. Look for `-=`, `*=` or `out=` on something that you did not make."
        verdicts.append(Verdict("cache", "fail", (), words=(words, hint)))
    try:
        one, two = _leaves(first), _leaves(call(copy.deepcopy(upstream)))
        distance = max((_distance(a, two.get(path)) for path, a in one.items()), default=0.0)
        second = f"answers differently (by up to {distance:.2g})." if distance else ""
    except Exception as error:
        second = f"raises {type(error).__name__}: {error}"
    if second:
        words = f"Called again with the same input, it {second}"
        verdicts.append(Verdict("second call", "fail", (), words=(words,)))
    others = {name: value for name, value in original.items() if name not in names}
    wanted = {name: original[name] for name in names}
    report = check_gradient(_with(forward, others), wanted, first, upstream, **options)
    remark = "A view of something that it was given: change the one and the other changes."
    own = [replace(v, words=(*v.words, remark)) if v.name in shared else v for v in report.verdicts]
    notes = [f"forward writes into {', '.join(remarks)}: whoever needs it afterwards has other numbers."]
    return replace(report, verdicts=(*own, *verdicts), notes=(*report.notes, *(notes if remarks else ())))


def compare_arrays(name, yours, expected, *, tolerance=TOLERANCE, where=None, factors=None):
    """Judge one array against a reference: a Verdict. See symptoms for where and factors.

    Nothing is known here of how the reference was computed: float32 is allowed 4e-5, which is 300 of its last bits.
    """
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


# The forward pass


class _Forward:
    """A forward pass as a function of its parameters: sum(upstream * out), or out itself where upstream is False.

    params: {path: float64 array} of what is differentiated, where a path is how one would write a nested one. held:
    {path: value} of the rest. All values are differences from the one at params: what does not change cancels exactly.
    """

    def __init__(self, forward, params, upstream, batched):
        self.forward, self.batched, self.tree = forward, batched, dict(params)
        self.call = _accepting(forward, list(params))
        self.originals, self.progress, self.cast = {}, _Progress(), False
        self.held = {}
        for path, leaf in _flatten(self.tree).items():
            array = np.asarray(leaf)
            if array.dtype.kind not in "fiuc" or array.dtype.kind == "O":
                if array.dtype.kind not in "bUSM" and leaf is not None:
                    raise ValueError(
                        f"{path} is an object of type {type(leaf).__name__}; arrays of numbers are wanted. Write "
                        "def forward(x, W): layer.W = W; return layer.forward(x)"
                    )
                self.held[path] = leaf
            else:
                self.originals[path] = array
        self.params = {path: np.array(a, np.float64) for path, a in self.originals.items()}
        self.several = _several(upstream)
        self.given = upstream
        out, again = self._first_calls()
        self.shape = out.shape[1:]
        self.dtype = self.raw_dtype
        if not np.array_equal(out, again, equal_nan=True):
            raise ValueError(
                "forward answers differently each time. If it is random, draw its random numbers once, outside of it, "
                "and hand them over as an argument (a mask, or r); if it updates running statistics that it uses, "
                "restore them in each call"
            )
        if self.several:
            upstream = self._joined_upstream(upstream)
        if upstream is None and self.shape:
            raise ValueError(f"out has the shape {self.shape}, so an upstream gradient of that shape is needed")
        if upstream is not None and upstream is not False and np.shape(upstream) != self.shape:
            more = " forward returns several things: for several outputs upstream is a tuple, an array each"
            raise ValueError(
                f"upstream must have the shape of out, {self.shape}, but has {np.shape(upstream)}."
                + more * isinstance(self.result, tuple | list | dict)
            )
        self.upstream = upstream if upstream is False else np.array(1.0 if upstream is None else upstream, np.float64)
        self.base = out[0]
        self.weight = np.abs(self.base) if upstream is False else np.abs(self.upstream * self.base).sum()
        rng = np.random.default_rng(0)
        self.shaken = {n: p * (1 + 4 * EPS * rng.normal(size=p.shape)) for n, p in self.params.items()}
        eps = np.finfo(self.dtype).eps if self.dtype.kind == "f" else EPS
        moved = self.value(self.shaken)
        self.least_rounding = EPS * self.weight + np.abs(moved)
        self.rounding = eps * self.weight + np.abs(moved)
        self.measured = False
        self.kinked = set()  # parameters along which central differences were unsure at the point itself

    @property
    def entries(self):
        return sum(p.size for p in self.params.values())

    def _first_calls(self):
        """out twice; what forward wants of its inputs is found out here."""
        integers = [path for path, a in self.originals.items() if a.dtype.kind in "iu"]
        try:
            out = self.run(self._one_row())
        except (TypeError, IndexError, ValueError) as error:
            if integers:  # axes, indices, sizes
                self.hold(integers)
            elif any(a.dtype.kind == "f" and a.dtype.itemsize < 8 for a in self.originals.values()):
                self.cast = True
            else:
                raise
            logging.getLogger("autograder").info("forward refuses float64 for its inputs", exc_info=error)
            out = self.run(self._one_row())
        start = time.perf_counter()
        again = self.run(self._one_row())
        self.seconds = time.perf_counter() - start
        return out, again

    def time_rows(self):
        """Take the seconds of a call from several in a row; of a batched forward pass, from several at once."""
        count = 16 if self.batched else 2
        start = time.perf_counter()
        self.values({n: np.broadcast_to(p, (count, *p.shape)) for n, p in self.params.items()})
        self.seconds = min(self.seconds, (time.perf_counter() - start) / count)

    def _one_row(self):
        return {name: p[None] for name, p in self.params.items()}

    def hold(self, paths):
        """Do not differentiate these."""
        for path in paths:
            self.held[path] = _flatten(self.tree)[path]
            self.params.pop(path), self.originals.pop(path)
            getattr(self, "shaken", {}).pop(path, None)

    def _joined_upstream(self, upstream):
        outs = _outputs(self.result, upstream)
        items = list(upstream.values() if isinstance(upstream, dict) else upstream)
        flat = []
        for number, (out, one) in enumerate(zip(outs, items, strict=True)):
            if one is not None and np.shape(one) != np.shape(out):
                raise ValueError(
                    f"upstream[{number}] must have the shape of that output, {np.shape(out)}, but has {np.shape(one)}"
                )
            flat.append(np.zeros(np.size(out)) if one is None else np.ravel(np.asarray(one, np.float64)))
        return np.concatenate(flat)

    def run(self, params):
        """out for each row of the parameters, which all have one more axis in front."""
        if self.batched:
            return self._out(self.call(**self._built(params)), True)
        outs = []
        for i in range(len(next(iter(params.values()))) if params else 1):
            outs.append(self._out(self.call(**self._built({n: p[i].copy() for n, p in params.items()})), False))
            self.progress.step()
        return np.stack(outs)

    def _built(self, values):
        if self.cast:
            values = {n: v.astype(self.originals[n].dtype) if v.dtype.kind != "c" else v for n, v in values.items()}
        if len(values) == len(self.tree) and values.keys() == self.tree.keys():
            return values
        return {name: _rebuild(part, name, values, self.held) for name, part in self.tree.items()}

    def _out(self, result, rows):
        self.result = result
        if self.several:
            outs = [np.asarray(out) for out in _outputs(result, self.given)]
            self.raw_dtype = np.result_type(*outs)
            return np.concatenate([out.reshape(len(out), -1) if rows else out.ravel() for out in outs], axis=-1) + 0.0
        out = np.array(result[0] if isinstance(result, tuple) else result)
        self.raw_dtype = out.dtype
        return out

    def weigh(self, out, base):
        out = out.astype(np.complex128 if out.dtype.kind == "c" else np.float64) - base
        return out if self.upstream is False else (out * self.upstream).reshape(len(out), -1).sum(axis=1)

    def values(self, rows):
        """The value for each row of some parameters, which have one more axis in front; the others stand still."""
        count, results = len(next(iter(rows.values()))), []
        for part in self._chunks(count, self.params):
            held = {n: np.broadcast_to(p, (len(range(count)[part]), *p.shape)) for n, p in self.params.items()}
            results.append(self._weighed(held | {n: p[part] for n, p in rows.items()}))
        return np.concatenate(results)

    @np.errstate(all="ignore")
    def _weighed(self, rows):
        return self.weigh(self.run(rows), self.base)

    def _numbers(self, params):
        return max(1, sum(p.size for p in params.values()) + math.prod(self.shape))

    def _chunks(self, count, params, times=1):
        """Slices of so many rows that their perturbed inputs, each so many times, fit the memory."""
        chunk = max(1, CHUNK // (16 * times * self._numbers(params)))
        return [slice(start, start + chunk) for start in range(0, count, chunk)]

    def value(self, params):
        return self._weighed({n: p[None] for n, p in params.items()})[0]

    def along(self, name, directions, indices, h, params=None):
        """The value at params[name] + h * direction, for each index, in chunks that fit the memory. Of several h: a row
        each."""
        params, results, steps = params or self.params, [], np.atleast_1d(h)
        if len(steps) > max(1, CHUNK // (16 * self._numbers(params))):
            return np.stack([self.along(name, directions, indices, step, params) for step in steps])
        for part in self._chunks(len(indices), params, len(steps)):
            some = directions(indices[part])
            moved = params[name] + np.concatenate([step * some for step in steps])
            rows = {n: np.broadcast_to(p, (len(moved), *p.shape)) for n, p in params.items()}
            values = self._weighed(rows | {name: moved})
            results.append(values.reshape(len(steps), -1, *values.shape[1:]))
        values = np.concatenate(results, axis=1)
        return values if np.ndim(h) else values[0]

    def size(self, name):
        """What a gradient of ordinary size would be: the gradient of a linear function has at least this norm."""
        return float(np.max(self.weight, initial=0) / max(1.0, np.linalg.norm(self.params[name])))

    def signs(self, name, count, seed=0):
        """Random directions in which all entries move; the more there are, the less each: the derivative along such a
        direction grows with the root of their number, and so does the step, so half of that balances noise and bend."""
        p = self.params[name]
        signs = np.random.default_rng(seed).integers(0, 2, (count, *p.shape), np.int8) * 2.0 - 1
        return signs * (lengths(p) * 2.0 ** (2 - round(math.log2(max(1, p.size)) / 4)))

    def nearby(self, amount, seed, upwards=False):
        """The parameters, each entry moved at random by this much of its length."""
        rng, sign = np.random.default_rng(seed), np.abs if upwards else np.positive
        return {n: p + amount * lengths(p) * sign(rng.normal(size=p.shape)) for n, p in self.params.items()}

    def calls(self, method, step):
        """How often a check of every entry will call forward, about."""
        if method == "exact" or (method == "auto" and not step and hasattr(self.forward, "exact")):
            return 50
        if method == "central" or step or not self._takes_complex():
            return 50 + 4 * self.entries
        return 50 + self.entries

    def _takes_complex(self):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error", np.exceptions.ComplexWarning)
                return self.run({n: p[None] + 1e-20j for n, p in self.params.items()}).dtype.kind == "c"
        except REFUSALS:
            return False

    def measure_noise(self):
        """Add what f itself is uncertain by to its rounding.

        Where f is smooth, the fourth differences of eight values on a short line vanish (Hamming; Moré and Wild, 2011).
        The lines lie beside the point, which may be on a kink, and the middle one of several is taken.
        """
        if self.measured:
            return
        self.measured, found, spacing = True, [], 2.0**-20
        for seed in range(5):
            centre, rng = self.nearby(2.0**-7, seed), np.random.default_rng(seed + 5)
            along = {n: spacing * lengths(p) * rng.normal(size=p.shape) for n, p in centre.items()}
            points = {n: p + np.arange(8).reshape(8, *[1] * p.ndim) * along[n] for n, p in centre.items()}
            values = self.values(points)
            if np.isfinite(values).all():
                found.append(np.sqrt((np.diff(values, n=4, axis=0) ** 2).mean(axis=0) / 70))
        if found:
            self.rounding = np.maximum(self.least_rounding, np.median(found, axis=0) / 3)

    def eps(self):
        """The last bit of the least precise of the inputs, the outputs, and what the forward pass rounds them to."""
        types = [a.dtype for a in self.originals.values()] + [self.dtype]
        eps = max([EPS, *(float(np.finfo(t).eps) for t in types if t.kind == "f")])
        return max(eps, SINGLE) if eps > EPS or self.cast or any(map(self._rounds, self.params)) else eps

    def _rounds(self, name):
        """Whether forward rounds this parameter, or all that it makes of it, to float32: nothing changes below that."""
        p = self.params[name]
        signs = np.random.default_rng(0).choice([-1.0, 1.0], p.shape)
        small, large = (
            self.run(self._one_row() | {name: (p * (1 + k * signs))[None]})[0] for k in (2.0**-40, 2.0**-16)
        )
        change = (
            np.abs(large.astype(np.float64) - self.base) * 2.0**-24
        )  # in proportion; is it more than float64's last bits?
        visible = change > 16 * EPS * np.abs(self.base)
        return bool(np.array_equal(small, self.base) and visible.any())


def lengths(p):
    """How far each entry may be moved: the spread of its column, its own size, or that of the whole parameter."""
    if not p.size:
        return np.ones(p.shape)
    spread = p.std(axis=0) if p.ndim > 1 else np.abs(p)
    spread = np.where(spread > 0, spread, np.sqrt((p**2).mean()) or 1.0)
    return np.broadcast_to(2.0 ** np.round(np.log2(spread)), p.shape)


def _accepting(forward, names):
    """forward, which may be a method: then parameters that it does not take are set as attributes of its object."""
    inner = forward.func if isinstance(forward, partial) else forward
    try:
        takes = inspect.signature(forward).parameters
    except (TypeError, ValueError):
        return forward
    lacking = [name for name in names if name not in takes]
    if not lacking or any(p.kind is p.VAR_KEYWORD for p in takes.values()):
        return forward
    owner = getattr(inner, "__self__", None if inspect.isroutine(inner) else inner)
    for name in lacking:
        if not hasattr(owner, name):
            raise ValueError(
                f"forward takes no argument {name!r}, but {', '.join(takes) or 'none'}. Where {name} is in an object, "
                f"write  def forward(x, {name}): layer.{name} = {name}; return layer.forward(x)"
            )

    def call(**values):
        saved = {name: getattr(owner, name) for name in lacking}
        try:
            for name in lacking:
                setattr(owner, name, values.pop(name))
            return forward(**values)
        finally:
            for name, value in saved.items():
                setattr(owner, name, value)

    return call


def _is_tree(value):
    return isinstance(value, dict) or (
        isinstance(value, list | tuple) and any(isinstance(v, np.ndarray) or _is_tree(v) for v in value)
    )


def _items(tree):
    return tree.items() if isinstance(tree, dict) else enumerate(tree)


def _flatten(tree, path=""):
    """Every leaf of nested dicts, lists and tuples: {how one would write it: leaf}. A list of numbers is a leaf."""
    if path and not _is_tree(tree):
        return {path: tree}
    inner = {f"{path}[{key!r}]" if path else str(key): item for key, item in _items(tree)}
    return {p: leaf for key, item in inner.items() for p, leaf in _flatten(item, key).items()}


def _rebuild(tree, path, values, held):
    if not _is_tree(tree):
        return values[path] if path in values else held[path]
    inner = {key: _rebuild(item, f"{path}[{key!r}]", values, held) for key, item in _items(tree)}
    return inner if isinstance(tree, dict) else type(tree)(inner.values())


def _several(upstream):
    """Whether an upstream gradient is one of several outputs."""
    return isinstance(upstream, tuple | dict) or (
        isinstance(upstream, list) and any(u is None or isinstance(u, np.ndarray) for u in upstream)
    )


def _one(upstream):
    return 1.0 if upstream is None else upstream


def _outputs(result, upstream):
    """The outputs of a forward pass that an upstream gradient of several is for."""
    if isinstance(upstream, dict):
        result = result[0] if isinstance(result, tuple) and isinstance(result[0], dict) else result
        if not isinstance(result, dict) or not upstream.keys() <= result.keys():
            returned = ", ".join(map(repr, result)) if isinstance(result, dict) else f"a {type(result).__name__}"
            raise ValueError(
                f"upstream has several outputs {', '.join(map(repr, upstream))}, but forward returns {returned}"
            )
        return [result[key] for key in upstream]
    if isinstance(result, tuple | list) and len(result) and isinstance(result[0], tuple | list):
        result = result[0]
    if not isinstance(result, tuple | list) or len(result) < len(upstream):
        came = f"{len(result)} things" if isinstance(result, tuple | list) else f"one {type(result).__name__}"
        raise ValueError(f"upstream is for several outputs, {len(upstream)} of them, but forward returns {came}")
    return list(result[: len(upstream)])


def _one_hot(unit, block):
    directions = np.zeros((len(block), unit.size))
    directions[np.arange(len(block)), block] = unit.flat[block]
    return directions.reshape(-1, *unit.shape)


# The engines


def _slopes(f, method, step, rounding=True):
    """{name: slopes}, {name: uncertainties}, the engine."""
    if method not in ("auto", *ENGINES):
        raise ValueError(f"method must be one of {['auto', *ENGINES]}, but is {method!r}")
    engines = [method]
    if method == "auto":
        engines = ["central"] if step else ["exact"] * hasattr(f.forward, "exact") + ["complex", "central"]
    for engine in engines:
        last = engine == engines[-1]
        try:
            slopes, uncertainty = {"exact": _exact, "complex": _complex, "central": _central}[engine](f, step, rounding)
            if not last:
                _cross_check(f, engine, slopes)
            return slopes, uncertainty, engine
        except (_Disagreement, *REFUSALS) as error:  # refused, or not believed: the next one
            if last or (engine == "exact" and not isinstance(error, _Disagreement)):
                raise
            logging.getLogger("autograder").info("%s did not do", ENGINES[engine], exc_info=True)


def _central(f, step, rounding):
    f.measure_noise()
    pairs = {n: _central_difference(f, n, partial(_one_hot, lengths(p)), p.size, step) for n, p in f.params.items()}
    return tuple({n: _per_entry(f, n, pair[k]) for n, pair in pairs.items()} for k in (0, 1))


def _complex(f, step, rounding):
    slopes, uncertainty, h = {}, {}, step or 1e-20
    for name, p in f.params.items():
        rows = _complex_step(f, name, partial(_one_hot, lengths(p)), p.size, h)
        slopes[name] = _per_entry(f, name, rows)
        if rounding:
            relative = _complex_rounding(f, name, h, f.params)
            if relative > 1e-6:  # the point may be on a kink
                relative = min(relative, _complex_rounding(f, name, h, f.nearby(2.0**-7, 0)))
            uncertainty[name] = _spread(np.abs(slopes[name]) * (EPS + relative))
    return slopes, uncertainty


def _complex_rounding(f, name, h, params):
    """How much the last bits of the parameters change the slopes along two random directions, relatively."""
    rng, signs = np.random.default_rng(0), f.signs(name, 2).__getitem__
    shaken = {n: p * (1 + 4 * EPS * rng.normal(size=p.shape)) for n, p in params.items()}
    here, there = _complex_step(f, name, signs, 2, h, params), _complex_step(f, name, signs, 2, 0.7 * h, shaken)
    return np.linalg.norm(here - there) / (np.linalg.norm(here) or 1.0)


def _spread(uncertainty):
    """With a part of what the whole array is uncertain by: a single entry may be right by chance."""
    return uncertainty + 3 * np.sqrt((uncertainty**2).mean()) if uncertainty.size else uncertainty


def _exact(f, step, rounding):
    h = step or 1e-10
    slopes = _exact_at(f, f.params, h)
    moved = _exact_at(f, f.shaken, 0.7 * h) if rounding else slopes
    return slopes, {n: _spread(EPS * np.abs(slope) + np.abs(slope - moved[n])) for n, slope in slopes.items()}


def _exact_at(f, params, step):
    if f.upstream is not False:
        return f.forward.exact(params, f.upstream, step)
    rows = [f.forward.exact(params, one.reshape(f.shape), step) for one in np.eye(math.prod(f.shape))]
    return {n: np.stack([row[n] for row in rows]).reshape(f.shape + p.shape) for n, p in params.items()}


def _per_entry(f, name, rows):
    """From one slope a row to out.shape + param.shape, a slope for each unit of the entry."""
    rows = np.moveaxis(rows, 0, -1) / lengths(f.params[name]).ravel()
    return rows.reshape(rows.shape[:-1] + f.params[name].shape)


def _complex_step(f, name, directions, count, h, params=None):
    if not count:
        return np.zeros((0, *np.shape(f.weight)))
    with warnings.catch_warnings():
        warnings.simplefilter("error", np.exceptions.ComplexWarning)  # a forward pass that drops the imaginary part
        return f.along(name, directions, np.arange(count), 1j * h, params).imag / h


def _relative_rounding(f):
    return float(np.max(f.rounding / np.where(f.weight > 0, f.weight, 1.0), initial=0))


def _steps(f):
    """The steps to try, the likely best one first: rounding r is balanced by the error h^4 at h = r^(1/5)."""
    relative = _relative_rounding(f)
    if not ROUGH < relative < 1:
        return STEPS
    best = min(13, max(3, round(-math.log2(relative) / 5)))
    return tuple(2.0**-k for k in dict.fromkeys((best, best - 1, best - 2, *range(best + 1, best + 13, 2))) if k > 0)


def _central_difference(f, name, directions, count, step=None, params=None, enough=1e-7):
    """The slopes and their uncertainties. At each step: h and h/2, extrapolated; and by how much the slope jumps.

    Of a rough f the steps are large, and h/4 says how far the extrapolation may be off. Steps are tried until the
    uncertainty is `enough`, relative to the largest slope.
    """
    shape = np.shape(f.weight)
    slopes, uncertainty = np.zeros((count, *shape)), np.full((count, *shape), np.inf)
    todo, centre = np.arange(count), 0.0 if params is None else f.value(params)
    rough = _relative_rounding(f) > ROUGH and not step
    for h in (step,) if step else _steps(f):
        if not len(todo):
            break
        multiples = np.array([1, -1, 0.5, -0.5, *([0.25, -0.25] if rough else [])])
        plus, minus, half_plus, half_minus, *last = f.along(name, directions, todo, h * multiples, params)
        whole, half = (plus - minus) / (2 * h), (half_plus - half_minus) / h
        bend, half_bend = (plus + minus - 2 * centre) / h, (half_plus + half_minus - 2 * centre) / (h / 2)
        noise = 8 * f.rounding / h
        kink = (np.abs(half_bend) > 0.75 * np.abs(bend)) & (np.abs(half_bend) > 4 * noise + 1e-6 * np.abs(half))
        slope, found = (4 * half - whole) / 3, np.abs(whole - half)
        if rough:
            quarter = (last[0] - last[1]) / (h / 2)
            slope, found, noise = (4 * quarter - half) / 3, np.abs(4 * (quarter - half) - (half - whole)) / 3, 2 * noise
        found = found + noise + kink * np.abs(half_bend)
        surer = found < uncertainty[todo]
        slopes[todo] = np.where(surer, slope, slopes[todo])
        uncertainty[todo] = np.where(surer, found, uncertainty[todo])
        unsure = uncertainty[todo] > enough * np.abs(slopes).max(initial=0)
        todo = todo[unsure.reshape(len(todo), -1).any(axis=1)]
    slopes[~np.isfinite(uncertainty)] = np.nan
    return slopes, uncertainty


def _cross_check(f, engine, slopes):
    """Refuse an engine whose slopes along random signs are not those of central differences, away from kinks."""
    for name, p in f.params.items():
        if not p.size:
            continue
        signs = f.signs(name, 2)
        own = np.stack([np.tensordot(slopes[name], s, s.ndim) for s in signs])
        off, allowed, size = _disagreement(f, name, own, signs)
        sure = allowed <= 1e-4 * size
        if off <= allowed and sure:
            continue
        f.kinked.add(name)
        f.measure_noise()
        best = (off, allowed, size)
        for attempt, amount in enumerate((2.0**-5, 2.0**-5, 2.0**-8, 2.0**-12, 2.0**-5)):
            there = f.nearby(amount, attempt, upwards=attempt == 4)  # a logarithm's argument may be 0
            if engine == "exact":
                found = _exact_at(f, there, 1e-10)[name]
                own = np.stack([np.tensordot(found, s, s.ndim) for s in signs])
            else:
                own = _complex_step(f, name, signs.__getitem__, len(signs), 1e-20, there)
            off, allowed, size = _disagreement(f, name, own, signs, there)
            if np.isfinite(off) and (
                attempt == 0 or not np.isfinite(best[1]) or allowed / (size or 1) < best[1] / (best[2] or 1)
            ):
                best = (off, allowed, size)
            if np.isfinite(off) and allowed <= 1e-4 * size:
                break
        if not best[0] <= best[1]:
            raise _Disagreement(f"central differences disagree about {name}")


def _disagreement(f, name, own, signs, params=None):
    """How far slopes are from central differences, how far they may be, and how large those are."""
    central, uncertainty = _central_difference(f, name, signs.__getitem__, len(signs), params=params)
    size = float(np.linalg.norm(central))
    return float(np.linalg.norm(own - central)), 10 * float(np.linalg.norm(uncertainty)) + 1e-6 * size, size


# Judging one parameter


@np.errstate(all="ignore")
def _examine(f, engine, step, name, yours, slopes, uncertainty, options):
    """The verdict on one parameter. Whatever does not pass is looked at more closely before it fails: kinks, the
    precision of float32, noise; each entry for itself."""
    p, slopes, uncertainty = f.params[name], slopes.copy(), uncertainty.copy()
    remarks = []

    def judge(precision=0.0):
        found = _judge(name, yours, slopes, uncertainty, size=f.size(name), precision=precision, **options)
        return replace(found, words=(*found.words, *remarks))

    verdict = judge()
    if not p.size:
        return replace(verdict, verdict="inconclusive", words=(f"{name} is empty: its shape is {p.shape}.",))
    if verdict.worst is None or not math.isfinite(verdict.error):
        return _with_hint(verdict, yours, slopes)
    if not np.any(f.upstream) and verdict.verdict != "fail":
        words = ("The upstream gradient is zero everywhere, so every right gradient is zero too: that shows nothing.",)
        return replace(verdict, verdict="inconclusive", words=words)
    values = np.real(np.asarray(yours)).astype(np.float64).reshape(p.shape)
    if verdict.verdict == "pass":
        together = name in f.kinked and _ties(f, name, values, _all_kinks(f, name))
        return replace(verdict, verdict="fail", words=(*verdict.words, together)) if together else verdict
    single = _is_single(yours)
    eps = max(f.eps(), SINGLE if single else EPS)

    f.measure_noise()
    kinks = np.zeros(0, int)
    if step is None or verdict.verdict == "fail":
        kinks = _kinks(f, name, values.ravel(), slopes.ravel(), uncertainty.ravel(), eps)
    if len(kinks):
        slopes.flat[kinks], uncertainty.flat[kinks] = values.flat[kinks], 0
        remarks.append(f"The forward pass has a kink at {len(kinks)} of the entries: either slope is right there.")
        verdict = judge()
        together = _ties(f, name, values, kinks)
        if together:
            words = [w for w in verdict.words[: -len(remarks)] if "whatever the formula" not in w]
            return replace(verdict, verdict="fail", words=(*words, together))
    precision = 0.0
    if verdict.verdict == "fail" and eps > EPS:
        precision = _allowed_for_rounding(f, engine, name, slopes, eps, kinks)
        verdict = judge(precision)
    if verdict.verdict == "inconclusive" and step is None and "whatever" not in str(verdict.words):
        verdict = _by_directions(f, name, values, kinks, verdict)
    if verdict.verdict == "fail" and step is None:
        verdict = _confirmed(f, name, values, slopes, kinks, verdict)
    return _with_hint(verdict, yours, slopes)


def _is_single(yours):
    return (kind := np.asarray(yours).dtype).kind == "f" and kind.itemsize < 8


def _allowed_for_rounding(f, engine, name, slopes, eps, kinks):
    """The relative error that is allowed where some numbers have the last bit eps: what a backward pass rounds in any
    case, and what rounding the inputs does to the true gradient, measured twice."""
    saved, changes = f.params, []
    step = {"exact": 1e-10, "complex": 1e-20, "central": None}[engine]
    for seed in (1, 2):
        rng = np.random.default_rng(seed)
        moved = {n: p * (1 + eps * rng.uniform(-0.5, 0.5, size=p.shape)) for n, p in saved.items()}
        if engine == "exact":
            there = _exact_at(f, moved, step)[name]
        else:
            p, one_hot = saved[name], partial(_one_hot, lengths(saved[name]))
            if engine == "complex":
                rows = _complex_step(f, name, one_hot, p.size, step, moved)
            else:
                rows = _central_difference(f, name, one_hot, p.size, params=moved)[0]
            there = _per_entry(f, name, rows)
        change = np.where(np.isfinite(there), there - slopes, 0.0)
        change.flat[kinks] = 0
        changes.append(np.linalg.norm(change))
    norm = np.linalg.norm(slopes)
    relative = max(changes) / norm if norm else 0.0
    return 50 * eps + FLOAT32_FACTOR * relative


def _kinks(f, name, yours, slopes, uncertainty, eps):
    """The entries on a kink of the forward pass where yours is between the left and the right derivative, or among what
    ReLU's conventions make of several kinks that one entry is on."""
    largest = float(np.abs(slopes).max(initial=0)) or float(np.abs(yours).max(initial=0))
    off = np.abs(yours - slopes)
    at = np.flatnonzero((off > 1e-7 * largest) | (10 * uncertainty > DOUBTFUL * max(largest, 1e-300)))
    at = at[np.argsort(-off[at])]
    if len(at) > 64:  # a few first: where no kink is among them, nor among those that cannot be differentiated
        some = np.concatenate([at[:32], np.flatnonzero(uncertainty > 1e-6 * largest)[:32]])
        if not _one_sided(f, name, np.unique(some), eps)[0].any():
            return np.zeros(0, int)
    if not len(at):
        return at
    kink, low, high, slack = _one_sided(f, name, at, eps)
    within = kink & (low - slack <= yours[at]) & (yours[at] <= high + slack)
    outside = np.flatnonzero(kink & ~within)[:64]
    if len(outside):
        within[outside] = _by_convention(f, name, at[outside], yours[at[outside]], low[outside], high[outside])
    return at[within]


def _one_sided(f, name, at, eps):
    """Of some entries: whether they are on a kink, the lower and the higher one-sided derivative, and their slack."""
    unit = lengths(f.params[name]).ravel()[at]
    kink, low, high, slack = np.zeros(len(at), bool), *np.zeros((3, len(at)))
    smallest = 27 if eps == EPS else 20  # in single precision what is nearer than its last bits is on the kink
    todo = np.arange(len(at))
    for k in (smallest, 17, 13, 10, 7, 5) if _relative_rounding(f) > ROUGH else (smallest, 20):
        if not len(todo):
            break
        h, block, length = 2.0**-k, at[todo], unit[todo]
        right, left, far_right, far_left = (
            f.along(name, partial(_one_hot, lengths(f.params[name])), block, s * h) for s in (1, -1, 4, -4)
        )
        jump, far = (right + left) / h, (far_right + far_left) / (4 * h)
        right, left = right / (h * length), -left / (h * length)
        noise = 8 * f.rounding / (h * length)
        found = np.abs(jump) / length > 4 * noise + 1e-6 * (np.abs(left) + np.abs(right))
        found &= np.abs(far) < 2.5 * np.abs(jump)  # a bend would be four times as much,
        found &= np.abs(far) > 0.5 * np.abs(jump)  # noise a quarter
        now = todo[found]
        kink[now] = True
        low[now], high[now] = np.minimum(left, right)[found], np.maximum(left, right)[found]
        slack[now] = (noise + 1e-6 * (np.abs(left) + np.abs(right)) + np.abs(far - jump) / length)[found]
        todo = todo[~found]
    return kink, low, high, slack


def _by_convention(f, name, at, yours, low, high):
    """Where one entry is on several kinks, its derivative with one convention for all need not lie between the left and
    the right one. The derivatives at points nearby, with the kinks to either side at random, say how far it may lie."""
    unit, nearby = lengths(f.params[name]), []
    for seed in range(24):
        there = f.nearby(2.0**-20, seed)
        h = 2.0**-27
        right, left = (f.along(name, partial(_one_hot, unit), at, s * h, there) for s in (1, -1))
        nearby.append((right - left) / (2 * h * unit.ravel()[at]))
    nearby = np.array(nearby)
    middle, width = (low + high) / 2, nearby.std(axis=0)
    slack = 1e-4 * (np.abs(low) + np.abs(high))
    several = (nearby.min(axis=0) < low - slack) | (nearby.max(axis=0) > high + slack)
    return several & (np.abs(yours - middle) <= 4 * width)


def _all_kinks(f, name):
    kink, *_ = _one_sided(f, name, np.arange(f.params[name].size), EPS)
    return np.flatnonzero(kink)


def _ties(f, name, yours, kinks):
    """A sentence where yours is wrong along all of the entries on kinks together, and there is no kink along that."""
    if not len(kinks):
        return ""
    p = f.params[name]
    length = float(np.median(lengths(p).ravel()[kinks]))
    together = np.zeros(p.shape)
    together.flat[kinks] = length
    for h in (2.0**-27, 2.0**-20, 2.0**-10):
        right, left = (float(f.along(name, lambda _: together[None], [0], s * h)[0]) / h for s in (1, -1))
        noise = 8 * float(f.rounding) / h
        own = float((yours * together).sum())
        size = abs(right) + abs(left) + np.abs(yours * together).sum()
        if noise > 1e-3 * size:
            continue
        if abs(right + left) <= 4 * noise + 1e-5 * size and abs(own - (right - left) / 2) > 10 * noise + 1e-4 * size:
            return (
                f"{len(kinks)} entries tie. Along all of them together, (1, ..., 1), the derivative is "
                f"{_number((right - left) / 2 / length)}; yours sum to {_number(own / length)}: entries that tie share "
                "one gradient."
            )
        return ""
    return ""


def _directional(f, name, values, kinks, count=8):
    """Along random signs, without the entries on kinks: what yours gives, the derivative, its uncertainty."""
    p = f.params[name]
    signs = 2.0 * np.random.default_rng(3).integers(0, 2, (count, *p.shape)) - 1
    signs *= float(np.exp2(np.round(np.log2(np.median(lengths(p))))))
    signs.reshape(count, -1)[:, kinks] = 0
    own = (signs * values).reshape(count, -1).sum(axis=1)
    f.measure_noise()
    return own, *_central_difference(f, name, signs.__getitem__, count)


def _by_directions(f, name, values, kinks, verdict):
    """Where single entries are too rough to be judged: the derivative along random directions, in which all of them
    move and noise counts once. Taylor's remainder f(p + hd) - f(p - hd) - 2h yours.d falls faster than h, or not."""
    own, slopes, uncertainty = _directional(f, name, values, kinks)
    rms = lambda a: float(np.sqrt((a**2).mean()))  # noqa: E731
    size, off, unsure = rms(slopes), rms(own - slopes), 10 * rms(uncertainty)
    if not size or not np.isfinite(off) or unsure > DOUBTFUL * size:
        return verdict
    good = off <= unsure + 1e-6 * size
    words = f"Judged along {len(own)} random directions: entry by entry it is known to {verdict.tolerance:.0e} only."
    kept = tuple(word for word in verdict.words if not word.startswith("Known to"))
    return replace(
        verdict,
        verdict="pass" if good else "fail",
        error=off / size,
        tolerance=unsure / size + 1e-6,
        words=(*kept, words),
    )


def _confirmed(f, name, values, slopes, kinks, verdict):
    """A failure, or "inconclusive" where central differences along the difference itself contradict it, or where the
    forward pass jumps by as much as would explain it, as a solver does that stops early."""
    difference = np.nan_to_num(values - slopes)
    difference.flat[kinks] = 0
    norm, size = float(np.linalg.norm(difference)), float(np.linalg.norm(slopes))
    if not norm or not size or norm > 0.02 * size:
        return verdict
    f.measure_noise()
    along = np.where(np.abs(difference) > 1e-3 * np.abs(difference).max(), difference, 0) / norm
    along = along[None] * float(np.min(lengths(f.params[name])[along != 0]))
    (slope,), (uncertainty,) = _central_difference(f, name, along.__getitem__, 1)
    own, engines = float((values * along[0]).sum()), float((slopes * along[0]).sum())
    if abs(own - slope) <= 10 * uncertainty < abs(engines - slope):
        words = f"Not known better than to {norm / size:.0e}: along the difference the forward pass agrees with yours."
        return replace(verdict, verdict="inconclusive", words=(*verdict.words, words))
    jump = _largest_jump(f, name)
    known = 1000 * jump / (size * float(np.max(lengths(f.params[name]))))  # what it iterates shrinks slowly, perhaps
    if norm / size <= known and jump < DOUBTFUL * float(np.max(f.weight)):
        words = (
            f"The forward pass jumps by {jump:.0e}, as one that iterates and stops early: known to {known:.0e} only."
        )
        return replace(verdict, verdict="inconclusive", words=(words,))
    return verdict


def _largest_jump(f, name):
    """The largest jump of the forward pass along a few lines near the point, 0 where it is continuous."""
    largest = 0.0
    for seed in range(int(np.clip(2e-3 / f.seconds, 1, 6))):
        rng = np.random.default_rng(seed)
        others = float(seed % 2)  # lines along which this parameter moves alone, and lines along which all move
        line = {n: lengths(p) * rng.normal(size=p.shape) * (1.0 if n == name else others) for n, p in f.params.items()}
        rough = _sixth_differences(f, line, -1 / 8, 1 / 8, 129)
        for _ in range(4):
            if not np.isfinite(rough).all() or not rough.any():
                break
            peak = int(rough.argmax())
            jump = _zoomed(f, line, (peak + 1) / 512 - 1 / 8, (peak + 5) / 512 - 1 / 8)
            if jump > 100 * float(np.max(f.rounding)):
                largest = max(largest, jump)
                break
            rough[max(0, peak - 6) : peak + 7] = 0  # a kink: the next one
    return largest


def _sixth_differences(f, line, low, high, points):
    t = np.linspace(low, high, points)
    values = f.values({n: p + np.multiply.outer(t, line[n]) for n, p in f.params.items()})
    return np.abs(np.diff(values, n=6)) / 10  # of a jump: its size; of a kink: less the shorter the line


def _zoomed(f, line, low, high):
    """What is left of a rough place when the interval around it shrinks: a jump, or 0 where it is a kink."""
    sizes = []
    for _ in range(7):
        rough = np.nan_to_num(_sixth_differences(f, line, low, high, 33))
        peak, spacing = int(rough.argmax()), (high - low) / 32
        low, high = low + (peak + 1) * spacing, low + (peak + 5) * spacing
        sizes.append(float(rough.max()))
    return sizes[-1] if sizes[-1] > 0.3 * sizes[-3] else 0.0  # each time a kink counts an eighth


_DIRECTIONS = ENGINES["central"] + ", {} random directions"


def _along_directions(f, given, params, directions, seed=0):
    """A verdict a parameter by central differences along random signs."""
    verdicts = []
    for name, yours in given.items():
        if name in f.held:
            verdicts += _held_still(name, yours)
            continue
        shape = f.params[name].shape
        array, remarks = _coerce(yours, shape, f.originals[name])
        if not math.prod(shape) or array is None or array.shape != shape or not np.isfinite(array).all():
            verdict = _judge(name, yours, np.zeros(shape))
            if not math.prod(shape):
                words = (f"{name} is empty: its shape is {shape}.",)
                verdict = replace(verdict, verdict="inconclusive", words=words)
            verdicts.append(verdict)
            continue
        verdict = _judge_directions(f, name, array, f.signs(name, directions, seed), enough=1e-6)
        if verdict.verdict != "pass":
            verdict = _judge_directions_again(f, name, array, f.signs(name, max(directions, 4), seed + 1))
        if verdict.verdict == "inconclusive" and np.any(f.upstream) and 50 * array.size * f.seconds < 1:
            slopes, uncertainty = _central_difference(f, name, partial(_one_hot, lengths(f.params[name])), array.size)
            slopes, uncertainty = (_per_entry(f, name, rows) for rows in (slopes, uncertainty))
            verdict = _examine(f, "central", None, name, yours, slopes, uncertainty, {"like": f.originals[name]})
        words = tuple(dict.fromkeys((*remarks, *verdict.words)))
        verdict = replace(verdict, shape=np.shape(yours), worst=None, words=words)
        verdicts.append(verdict)
    return verdicts


def _judge_directions(f, name, array, signs, precision=0.0, enough=1e-7):
    if not np.any(f.upstream):
        words = ("The upstream gradient is zero everywhere, so every right gradient is zero too: that shows nothing.",)
        return Verdict(name, "inconclusive", array.shape, 0.0, worst=(), words=words)
    count = len(signs)
    along = (signs.reshape(count, -1) @ array.ravel()).astype(array.dtype)
    slopes, uncertainty = _central_difference(f, name, signs.__getitem__, count, enough=enough)
    size = f.size(name) * float(np.linalg.norm(signs[0]))
    return _judge(name, along, slopes, uncertainty, size=size, precision=precision)


def _judge_directions_again(f, name, array, signs):
    """Noise, float32 and kinks, before a failure along random directions."""
    f.measure_noise()
    eps = max(f.eps(), SINGLE if _is_single(array) else EPS)
    precision = 0.0
    if eps > EPS:
        rng = np.random.default_rng(1)
        moved = {n: p * (1 + eps * rng.uniform(-0.5, 0.5, size=p.shape)) for n, p in f.params.items()}
        here, there = (_central_difference(f, name, signs.__getitem__, len(signs), params=q)[0] for q in (None, moved))
        precision = 50 * eps + FLOAT32_FACTOR * float(np.linalg.norm(there - here)) / (float(np.linalg.norm(here)) or 1)
    again = _judge_directions(f, name, array, signs, precision)
    if again.verdict != "fail":
        return again
    p = f.params[name]
    _, where, count = np.unique(p, return_inverse=True, return_counts=True)
    alone = (count[where.reshape(p.shape)] == 1) & (p != 0)
    h = 2.0**-27
    right, left = (f.along(name, signs.__getitem__, np.arange(len(signs)), s * h) / h for s in (1, -1))
    jump, noise = np.abs(right + left), 16 * f.rounding / h
    if not (jump > noise + 1e-5 * (np.abs(right) + np.abs(left))).any():
        return again
    if alone.any():
        without = _judge_directions(f, name, array, signs * alone, precision)
        if without.verdict == "pass":
            words = f"The forward pass has a kink here: {p.size - alone.sum()} entries that are 0 or tie were left out."
            return replace(without, words=(*without.words, words))
        if without.verdict == "fail":
            return without
    words = "The forward pass has a kink at this very point: check_gradient looks at each entry by itself."
    return replace(again, verdict="inconclusive", words=(words,))


def _held_still(name, gradient):
    """Nothing, or a failure where an input that is not differentiated has a gradient."""
    if gradient is None or not np.any(gradient):
        return []
    words = (f"{name} is held still here (integers, text, or bool): it has no gradient. Return None for it.",)
    return [Verdict(name, "fail", np.shape(gradient), words=words)]


# The verdicts


@np.errstate(all="ignore")
def _judge(
    name,
    yours,
    expected,
    uncertainty=0.0,
    size=0.0,
    tolerance=TOLERANCE,
    where=None,
    factors=None,
    like=None,
    precision=None,
):
    expected = np.asarray(expected, np.float64)
    array, words = _coerce(yours, expected.shape, like)
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
    norm, unsure, distance = (float(np.linalg.norm(a)) for a in (expected, uncertainty, off))
    single = array.dtype.kind == "f" and array.dtype.itemsize < 8
    if precision is None:  # nothing is known of the inputs
        precision = 300 * float(np.finfo(array.dtype).eps) if single else 0.0
    allowed = tolerance + precision
    error, unit = distance / (norm or 1.0), norm
    noisy = norm <= min(10 * unsure, DOUBTFUL * size) or (norm <= 1e-13 * size and unsure > 1e-8 * norm)
    zero = size > 0 and (not norm or (noisy and error > allowed))
    if zero:
        error, unit = distance / size, size
    limit = allowed + (10 * unsure / unit if unit else 0.0)
    entries = (off > 10 * np.asarray(uncertainty) + allowed * (unit or 1.0)).any()
    right, reason = error <= limit and not entries, []
    if right and zero:
        reason = ["The gradient is zero here whatever the formula, and yours is too: that shows little."]
    elif right and error > allowed and limit > DOUBTFUL:
        reason = [f"Known to {limit:.0e} only: a kink inside the step, or numbers that hang on the inputs' last bits."]
    if single and precision:
        words.append(f"{array.dtype}: judged by its own precision, to {allowed:.0e}.")
    elif precision:
        words.append(f"Judged by the precision of the forward pass and its inputs, to {allowed:.0e}.")
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


def _with_hint(verdict, yours, expected):
    """A failure by very little, or of infinities, with what often makes it."""
    if verdict.verdict != "fail" or verdict.worst is None:
        return verdict
    hint = "Look for an ε, in a log, a root or a division, that one of forward and backward has and the other has not."
    yours, norm = np.asarray(yours, np.complex128), np.linalg.norm(expected)
    near = norm > 0 and yours.size == expected.size and np.linalg.norm(yours.ravel() - expected.ravel()) < 1e-3 * norm
    if near or np.isinf(yours).any():
        return replace(verdict, words=(*verdict.words, hint))
    return verdict


def _coerce(yours, shape, like=None):
    """A real array of `shape` where only the form is unusual, and remarks; (None, messages) for what is no array."""
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
    if array.shape != shape and _strip_leading_ones(array.shape) == _strip_leading_ones(shape):
        words.append(f"Shape {array.shape} for {shape}: the same numbers.")
        array = array.reshape(shape)
    if array.dtype == np.float64 and getattr(like, "dtype", None) == np.float32:
        words.append("float64, where the parameter is float32.")
    if array.dtype.kind == "f" and (np.signbit(array) & (array == 0)).any():
        words.append(NEGATIVE_ZERO)
    return array, words


def _strip_leading_ones(shape):
    return shape if not shape or shape[0] != 1 else _strip_leading_ones(shape[1:])


def _by_name(gradients, params, f):
    """{path: gradient} of every parameter, None where there is none; integers without one are held still."""
    names = list(params)
    floats = [n for n in names if any(path in f.params for path in _flatten({n: params[n]}))]
    real = [n for n in floats if not all(_is_integer(leaf) for leaf in _flatten({n: params[n]}).values())]
    if isinstance(gradients, dict):
        given = {name: gradients.get(name, gradients.get("d" + name)) for name in names}
    elif isinstance(gradients, tuple | list) and len(gradients) in (len(names), len(floats), len(real)):
        those = next(some for some in (names, floats, real) if len(some) == len(gradients))
        given = dict.fromkeys(names) | dict(zip(those, gradients, strict=True))
        if len(names) == 1 and isinstance(gradients, list):
            given = {names[0]: gradients}
    elif len(real) == 1 and not isinstance(gradients, tuple):
        given = dict.fromkeys(names) | {real[0]: gradients}
    elif len(names) == 1 and not isinstance(gradients, tuple):
        given = {names[0]: gradients}
    else:
        given = dict.fromkeys(names)
    found = {}
    for name in names:
        found |= _descend(params[name], given[name], name)
    f.hold([path for path, g in found.items() if g is None and path in f.params and _is_integer(f.originals[path])])
    return found


def _is_integer(leaf):
    return np.asarray(leaf).dtype.kind in "iu"


def _descend(tree, gradients, path):
    """The gradients of one parameter's leaves, by path."""
    if not _is_tree(tree):
        return {path: gradients}
    found = {}
    for key, item in _items(tree):
        if isinstance(gradients, dict):
            one = gradients.get(key, gradients.get(f"d{key}"))
        else:
            fits = isinstance(gradients, tuple | list) and isinstance(key, int) and key < len(gradients)
            one = gradients[key] if fits else None
        found |= _descend(item, one, f"{path}[{key!r}]")
    return found


def _why_missing(name, gradients, params, f):
    """Sentences on a gradient that did not come: a name that nobody asked for, or another number of gradients."""
    if isinstance(gradients, dict):
        known = {*params, *(f"d{n}" for n in params)}
        others = [key for key in gradients if key not in known]
        if not others:
            return ()
        near = difflib.get_close_matches(name.lower(), [str(key).lower().removeprefix("d") for key in others], 1, 0.5)
        hint = [f"Is one of them that of {name}? Its name would be {name!r} or {'d' + name!r}."] * bool(near)
        return (f"Nobody has asked for {', '.join(map(repr, others))}.", *hint)
    count = len(gradients) if isinstance(gradients, tuple | list) else 0 if gradients is None else 1
    if count != len(params):
        came = f"{count} gradient{'s' * (count != 1)} came for {len(params)} parameters"
        return (f"{came} ({', '.join(params)}): one each is wanted, in this order, None for one without.",)
    return ()


@np.errstate(all="ignore")
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


# Calling a backward pass


def _with(forward, others):
    return partial(forward, **others) if others else forward


def _cache_of(result, upstream):
    """The cache in what forward returned, None where there is none."""
    outputs = len(upstream) if isinstance(upstream, tuple | list) and _several(upstream) else 1
    if isinstance(result, tuple) and len(result) > outputs:
        return result[-1]
    return None


def _backward_call(backward, result, inputs, upstream):
    """backward as a function of the upstream gradient alone, called as its arguments ask for."""
    several = _several(upstream) and not isinstance(upstream, dict)
    has_cache = isinstance(result, tuple) and len(result) > (len(upstream) if several else 1)
    try:
        takes = [p for p in inspect.signature(backward).parameters.values() if p.kind in (0, 1)]
        required = [p.name for p in takes if p.default is p.empty]
    except (TypeError, ValueError):
        takes, required = None, None
    apart = several and required is not None and len(required) == len(upstream) + (1 if has_cache else 0)
    apart = apart and len(upstream) > 1

    def first(dout):
        return tuple(dout) if apart else (dout,)

    if has_cache and (required is None or len(required) != (len(upstream) if apart else 1)):
        return lambda dout: backward(*first(dout), result[-1])
    rest = (required or [])[len(first(upstream)) :]
    if required is not None and not set(rest) <= set(inputs):
        missing = ", ".join(name for name in rest if name not in inputs)
        raise ValueError(
            f"forward returns no cache, but backward asks for {missing}. Let forward return (out, cache), "
            "or write backward so that it takes inputs of forward by their names: backward(dout, x)"
        )
    return lambda dout: backward(*first(dout), **{name: inputs[name] for name in rest})


def _differentiated(names, raw, inputs):
    """The inputs that have a gradient: those that are named, those in a dict of gradients, or all but integers."""
    if isinstance(raw, dict):
        named = [n for n in inputs if n in raw or "d" + n in raw]
        return (
            [*names, *(n for n in named if n not in names)]
            if names
            else list(dict.fromkeys([*named, *_floats(inputs)]))
        )
    if names:
        return list(names)
    count = len(raw) if isinstance(raw, tuple | list) else 1
    return list(inputs) if count == len(inputs) else _floats(inputs) if count == len(_floats(inputs)) else list(inputs)


def _floats(inputs):
    """The inputs that hold floating point numbers."""
    return [
        n for n, v in inputs.items() if any(np.asarray(leaf).dtype.kind in "fc" for leaf in _flatten({n: v}).values())
    ]


def _leaves(value, path=""):
    """Every array in nested dicts, tuples and lists: {how one would write it: array}."""
    if isinstance(value, dict | tuple | list):
        inner = {f"{path}[{key!r}]" if path else str(key): item for key, item in _items(value)}
        return {p: a for key, item in inner.items() for p, a in _leaves(item, key).items()}
    return {path: value} if isinstance(value, np.ndarray | np.generic) else {}


def _distance(a, b):
    """The largest difference of two arrays; infinite where one is missing or has another shape."""
    if b is None or np.shape(a) != np.shape(b):
        return math.inf
    if np.array_equal(a, b, equal_nan=a.dtype.kind in "fc"):
        return 0.0
    return float(np.abs(np.subtract(a, b, dtype=np.float64)).max())


# Progress


class _Progress:
    """A line on how far a check is, once it has taken a second, then each second."""

    def __init__(self, calls=0, entries=0):
        self.calls, self.entries, self.done, self.shown = calls, entries, 0, False
        self.start = self.last = time.monotonic()

    def step(self):
        self.done += 1
        if self.calls and self.done % 8 == 0:
            now = time.monotonic()
            if now - self.last >= PROGRESS_AFTER and self.done < self.calls:
                self.last, self.shown = now, True
                share = self.done / self.calls
                left = max(1, (now - self.start) / share * (1 - share))
                line = f"{int(share * self.entries):,} of {self.entries:,} entries, about {_duration(left)} left"
                print(f"\r{line:<70}", end="", flush=True)

    def tell(self, line):
        print(line, flush=True)

    def end(self):
        if self.shown:
            print("\r" + " " * 70, end="\r", flush=True)


def _duration(seconds):
    if seconds < 1:
        return f"{seconds * 1e3:.2g} ms"
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"


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
        ones = [n for n in yours.shape if n != 1] == [n for n in expected.shape if n != 1]
        hint = f" Drop the axes of length 1, as .reshape({', '.join(map(str, expected.shape))}) does." if ones else ""
        return f"{came}: the numbers are right.{hint}"
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
    for v in verdicts:
        line = f"{v.name:<{width}}  {v.shape!s:<{shapes}}  {MARKS[v.verdict]:<8} "
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

"""Computational graphs as pictures: the value of each edge above it, the gradient that flows back along it below.

No number in a picture is typed. `evaluate` runs the graph forward and backward, in fractions where the inputs are whole
numbers, and `circuit` draws what it returns. `batch_norm_example` does the same for one feature of a batch.
"""

from fractions import Fraction
from html import escape

from IPython.display import HTML

# An operation: its value, and its partial derivative with respect to each argument.
OPERATIONS = {
    "+": (lambda a, b: a + b, lambda a, b: (1, 1)),
    "−": (lambda a, b: a - b, lambda a, b: (1, -1)),
    "×": (lambda a, b: a * b, lambda a, b: (b, a)),
    "square": (lambda a: a * a, lambda a: (2 * a,)),
    "max(·, 0)": (lambda a: max(a, 0), lambda a: (1 if a > 0 else 0,)),
}

STYLE = """\
.circuit { overflow-x: auto; margin: 1rem 0; }
.circuit svg { display: block; min-width: 34rem; width: 100%; max-width: 50rem; height: auto; margin: auto; }
.circuit svg { color: inherit; font-size: 17px; }
.circuit { --straight: #0b5fa5; --second: #a84300; --third: #7d12f0; }
html[data-theme="dark"] .circuit { --straight: #74b9f2; --second: #ffab5c; --third: #b79fff; }
.circuit text { fill: currentColor; text-anchor: middle; }
.circuit .start { text-anchor: start; }
.circuit .end { text-anchor: end; }
.circuit .edge, .circuit .node { fill: none; stroke: currentColor; stroke-width: 1.5; }
.circuit .head { fill: currentColor; }
.circuit .back { fill: var(--second); font-weight: 700; }
.circuit .straight { --ink: var(--straight); }
.circuit .second { --ink: var(--second); stroke-dasharray: 8 4; }
.circuit .third { --ink: var(--third); stroke-dasharray: 2 4; }
.circuit .way { fill: none; stroke: var(--ink); stroke-width: 3; }
.circuit .tip { fill: var(--ink); }
.circuit text.straight, .circuit text.second, .circuit text.third { fill: var(--ink); font-weight: 700; }"""


def evaluate(inputs, steps, upstream=1):
    """Run a scalar graph forward, then backward.

    Args:
        inputs: {name: value}.
        steps: [(name, operation, name of each argument ...)] in the order of computation; the last is the output.
        upstream: the gradient of the loss with respect to the output.

    Returns:
        Three dicts: {name: value}; {name: gradient}; {(step, argument): what flows back along that edge}.
    """
    values, along = dict(inputs), {}
    for name, operation, *arguments in steps:
        values[name] = OPERATIONS[operation][0](*(values[a] for a in arguments))
    gradients = dict.fromkeys(values, 0) | {steps[-1][0]: upstream}
    for name, operation, *arguments in reversed(steps):
        local = OPERATIONS[operation][1](*(values[a] for a in arguments))
        for argument, derivative in zip(arguments, local, strict=True):
            along[name, argument] = derivative * gradients[name]
            gradients[argument] += along[name, argument]
    return values, gradients, along


def circuit(title, inputs, steps, at, upstream=1, backward=True):
    """Draw a scalar graph with its numbers, as an inline SVG.

    Args:
        title: what the picture shows, in a few words; the description that is read out follows from the numbers.
        inputs, steps, upstream: as `evaluate` takes them.
        at: {name: (column, row)}, where each input and each step stands.
        backward: False leaves out the gradients.
    """
    values, gradients, along = evaluate(inputs, steps, upstream)
    place = {name: (60 + 150 * column, 52 + 116 * row) for name, (column, row) in at.items()}
    parts, said = [], []
    for name, operation, *arguments in steps:
        for argument in arguments:
            parts.append(_edge(place[argument], place[name]))
            x, y = (sum(ends) / 2 for ends in zip(place[argument], place[name], strict=True))
            shown = f"{argument} = {number(values[argument])}" if argument not in inputs else number(values[argument])
            parts.append(f'<text x="{x:g}" y="{y - 9:g}">{escape(shown)}</text>')
            if backward:
                parts.append(f'<text class="back" x="{x:g}" y="{y + 22:g}">{number(along[name, argument])}</text>')
        made = f"{name} = {operation} of {' and '.join(arguments)} = {number(values[name])}"
        said.append(made + (f", gradient {number(gradients[name])}" if backward else ""))
    output = steps[-1][0]
    x, y = place[output]
    parts.append(_edge((x, y), (x + 120, y)))
    parts.append(f'<text x="{x + 80:g}" y="{y - 9:g}">{output} = {number(values[output])}</text>')
    if backward:
        parts.append(f'<text class="back" x="{x + 80:g}" y="{y + 22:g}">{number(upstream)}</text>')
        said += [f"gradient of {name}: {number(gradients[name])}" for name in inputs]
    symbols = {name: operation for name, operation, *_ in steps} | {name: name for name in inputs}
    parts += [_node(*place[name], symbols[name], name in inputs) for name in place]
    width, height = x + 140, max(y for _, y in place.values()) + 44
    return _picture(title, "; ".join(said) + ".", "".join(parts), f"0 0 {width:g} {height:g}")


def number(value):
    """A number as one writes it: whole, a fraction, or with a few digits."""
    if isinstance(value, (int, Fraction)) or float(value).is_integer():
        return str(Fraction(value)).replace("-", "−")
    return f"{value:.3g}".replace("-", "−")


def _edge(start, end, gap=24):
    (x0, y0), (x1, y1) = start, end
    length = ((x1 - x0) ** 2 + (y1 - y0) ** 2) ** 0.5
    u, v = (x1 - x0) / length, (y1 - y0) / length
    x0, y0, x1, y1 = x0 + gap * u, y0 + gap * v, x1 - gap * u, y1 - gap * v
    corners = f"{x1:.1f},{y1:.1f} {x1 - 9 * u - 4 * v:.1f},{y1 - 9 * v + 4 * u:.1f} "
    corners += f"{x1 - 9 * u + 4 * v:.1f},{y1 - 9 * v - 4 * u:.1f}"
    return (
        f'<path class="edge" d="M{x0:.1f} {y0:.1f}L{x1 - 4 * u:.1f} {y1 - 4 * v:.1f}"/>'
        f'<polygon class="head" points="{corners}"/>'
    )


def _node(x, y, text, is_input):
    wide = 22 if len(text) < 3 else 38
    box = (
        f'<rect class="node" x="{x - wide}" y="{y - 20}" width="{2 * wide}" height="40" rx="{6 if is_input else 20}"/>'
    )
    size = "" if len(text) < 3 else ' font-size="13"'
    return f'{box}<text x="{x}" y="{y + 6}"{size}>{escape(text)}</text>'


def _picture(title, description, inside, box):
    return HTML(
        f'<div class="network circuit"><style>{STYLE}</style><svg viewBox="{box}" role="img" '
        f'aria-label="{escape(title)}"><title>{escape(title)}</title><desc>{escape(description)}</desc>{inside}</svg></div>'
    )


# ---------------------------------------------------------------------------------------- batch norm, one feature


def batch_norm_example(x=(6, 6, 8, 0), upstream=(54, 0, 0, 0)):
    """One feature of a batch through batch norm (γ = 1, β = 0, ε = 0) and back, in fractions.

    The standard deviation must be a fraction too, or ValueError is raised.

    Returns:
        {name: a Fraction, or a tuple of one for each sample}: mu, u, var, w, x_hat; h, dw, dvar, du, dmu, dx, and the
        three contributions to dx: straight, by_variance, by_mean.
    """
    m = len(x)
    mu = Fraction(sum(x), m)
    u = tuple(value - mu for value in x)
    var = sum(value**2 for value in u) / m
    w = Fraction(var.denominator, 1) / Fraction(round((var.numerator * var.denominator) ** 0.5))
    if w**2 * var != 1:
        raise ValueError(f"the variance {var} has no root among the fractions")
    h = tuple(map(Fraction, upstream))
    dw = sum(a * b for a, b in zip(u, h, strict=True))
    dvar = -dw * w**3 / 2
    straight = tuple(w * each for each in h)
    by_variance = tuple(2 * value * dvar / m for value in u)
    du = tuple(a + b for a, b in zip(straight, by_variance, strict=True))
    dmu = -sum(du)
    return {
        "x": x,
        "mu": mu,
        "u": u,
        "var": var,
        "w": w,
        "x_hat": tuple(value * w for value in u),
        "h": h,
        "dw": dw,
        "dvar": dvar,
        "du": du,
        "dmu": dmu,
        "dx": tuple(each + dmu / m for each in du),
        "straight": straight,
        "by_variance": by_variance,
        "by_mean": (dmu / m,) * m,
    }


def vector(values):
    """A tuple as one writes it: (13, −5, −6, −2)."""
    return f"({', '.join(map(number, values))})"


def batch_norm_circuit():
    """The computational graph of batch norm with the numbers of `batch_norm_example`, and three paths back to x."""
    e = batch_norm_example()

    def way(kind, points, tip):
        return f'<path class="way {kind}" d="{points}"/><polygon class="tip {kind}" points="{tip}"/>'

    def label(x, y, text, kind="", anchor="", size=17):
        return f'<text class="{kind} {anchor}" x="{x}" y="{y}" font-size="{size}">{text}</text>'

    def box(x, y, wide, text):
        node = f'<rect class="node" x="{x - wide / 2}" y="{y - 22}" width="{wide}" height="44" rx="14"/>'
        return node + label(x, y + 6, text, size=16)

    parts = [
        # forward
        '<path class="edge" d="M75 60H366M414 60H664M712 60H876"/>',
        '<path class="edge" d="M60 82V210H140M220 210H390V88M470 60V210H502M596 210H640M676 210H694V88"/>',
        '<polygon class="head" points="368,60 358,56 358,64"/><polygon class="head" points="666,60 656,56 656,64"/>',
        '<polygon class="head" points="880,60 870,56 870,64"/><polygon class="head" points="390,84 386,94 394,94"/>',
        '<polygon class="head" points="142,210 132,206 132,214"/>',
        '<polygon class="head" points="504,210 494,206 494,214"/>',
        '<polygon class="head" points="642,210 632,206 632,214"/><polygon class="head" points="694,84 690,94 698,94"/>',
        box(52, 60, 44, "x"),
        box(390, 60, 46, "−"),
        box(688, 60, 46, "×"),
        box(904, 60, 46, "x̂"),
        box(180, 210, 76, "mean"),
        box(550, 210, 92, "mean of u²"),
        box(658, 210, 36, "1/√"),
        label(222, 44, f"x = {vector(e['x'])}"),
        label(566, 44, f"u = {vector(e['u'])}"),
        label(796, 44, f"x̂ = {vector(e['x_hat'])}", size=14),
        label(300, 200, f"μ = {number(e['mu'])}"),
        label(617, 180, f"σ² = {number(e['var'])}", size=15),
        label(706, 140, f"w = {number(e['w'])}", anchor="start"),
        # backward
        way("straight", "M872 74H722M662 74H424M362 74H88", "78,74 92,67 92,81"),
        way("second", "M682 90V196M642 222H602M506 222H458V92", "458,80 451,94 465,94"),
        way("third", "M400 90V222H226M138 222H44V96", "44,84 37,98 51,98"),
        label(800, 96, vector(e["h"]), "straight"),
        label(556, 96, vector(e["straight"]), "straight", size=15),
        label(222, 96, vector(e["straight"]), "straight", size=15),
        label(706, 164, f"dw = {number(e['dw'])}", "second", "start"),
        label(624, 246, f"dσ² = {number(e['dvar'])}", "second", size=15),
        label(640, 120, vector(e["by_variance"]), "second", "end", 14),
        label(308, 246, f"dμ = {number(e['dmu'])}", "third"),
        label(72, 160, f"{number(e['by_mean'][0])} each", "third", "start"),
    ]
    rows = [
        ("straight", "straight through", e["straight"]),
        ("second", "through the variance", e["by_variance"]),
        ("third", "through the mean", e["by_mean"]),
        ("", "∂L/∂x, the sum", e["dx"]),
    ]
    for k, (kind, words, values) in enumerate(rows):
        y = 300 + 34 * k
        if kind:
            parts.append(f'<path class="way {kind}" d="M190 {y - 6}H240"/>')
        else:
            parts.append(f'<path class="edge" d="M180 {y - 25}H790"/>')
        parts.append(label(256, y, words, "", "start", 19))
        for j, value in enumerate(values):
            parts.append(label(540 + 80 * j, y, number(value), kind, "end", 19))
    description = (
        f"Forward: x = {vector(e['x'])}, mean {number(e['mu'])}, deviations u = {vector(e['u'])}, variance "
        f"{number(e['var'])}, w = {number(e['w'])}, x-hat = {vector(e['x_hat'])}. Backward, from the upstream gradient "
        f"{vector(e['h'])}: straight through {vector(e['straight'])}, through the variance {vector(e['by_variance'])}, "
        f"through the mean {vector(e['by_mean'])}; their sum is {vector(e['dx'])}."
    )
    return _picture("Batch norm on four numbers, forward and backward", description, "".join(parts), "0 0 940 425")


# ------------------------------------------------------------------------------------ the gradient as a projection

PROJECTION_SCRIPT = """\
(() => {
  const figure = document.currentScript.parentElement, hat = [1 / 3, 1 / 3, 1, -5 / 3];
  const mean = (v) => v.reduce((sum, x) => sum + x, 0) / v.length;
  const said = figure.querySelector("[role=status]");
  const show = () => {
    const h = [...figure.querySelectorAll("input")].map((one) => Number(one.value));
    const centered = h.map((v) => v - mean(h));
    const along = mean(h.map((v, i) => v * hat[i]));
    const rows = [h, centered, centered.map((v, i) => v - hat[i] * along)];
    rows.forEach((row, r) => row.forEach((v, i) => {
      const bar = figure.querySelector(`[data-bar="${r}${i}"]`), y = 60 + 120 * r;
      bar.setAttribute("y", y - Math.max(v, 0));
      bar.setAttribute("height", Math.abs(v));
      figure.querySelector(`[data-value="${r}${i}"]`).textContent = v.toFixed(1).replace("-", "−");
    }));
    const last = rows[2], clean = (v) => (Math.abs(v) < 1e-9 ? 0 : v).toFixed(1).replace("-", "−");
    said.textContent = `Sum of the last row: ${clean(4 * mean(last))}. Its inner product with x̂: ` +
      `${clean(4 * mean(last.map((v, i) => v * hat[i])))}.`;
  };
  figure.querySelectorAll("input").forEach((one) => one.addEventListener("input", show));
  figure.querySelector(".moving-controls").hidden = false;
})();"""


def projection():
    """The gradient of batch norm as two subtractions, in bars that follow four sliders.

    The rows are h, h less its mean, and that less its component along x̂, for the batch of `batch_norm_example`. Without
    JavaScript the picture stands still, at the upstream gradient (54, 0, 0, 0).
    """
    e = batch_norm_example()
    m = len(e["x"])
    mean = sum(e["h"]) / m
    along = sum(a * b for a, b in zip(e["h"], e["x_hat"], strict=True)) / m
    centered = tuple(value - mean for value in e["h"])
    rows = [e["h"], centered, tuple(a - b * along for a, b in zip(centered, e["x_hat"], strict=True))]
    parts = []
    for r, (row, words) in enumerate(zip(rows, ("h", "h minus its mean", "minus the part along x̂"), strict=True)):
        y = 60 + 120 * r
        parts.append(f'<text class="start" x="6" y="{y - 34}">{words}</text><path class="edge" d="M190 {y}H560"/>')
        for i, value in enumerate(row):
            x, shown = 210 + 90 * i, f"{float(value):.1f}".replace("-", "−")
            parts.append(
                f'<rect class="bar" data-bar="{r}{i}" x="{x}" width="26" y="{float(y - max(value, 0)):g}" '
                f'height="{float(abs(value)):g}"/>'
                f'<text class="start" data-value="{r}{i}" x="{x + 32}" y="{y - 6}">{shown}</text>'
            )
    sliders = "".join(
        f'<label>h<sub>{i + 1}</sub> <input type="range" min="-54" max="54" value="{value}" '
        f'aria-label="upstream entry {i + 1}"></label> '
        for i, value in enumerate(e["h"])
    )
    title = "Two subtractions make the gradient orthogonal to 1 and to x̂"
    return HTML(
        f'<div class="circuit moving"><style>{STYLE}\n.circuit .bar {{ fill: var(--straight); }}</style>'
        f'<svg viewBox="0 0 600 360" role="img" aria-label="{title}"><title>{title}</title><desc>Three rows of four '
        f"bars: {'; '.join(map(vector, rows))}.</desc>{''.join(parts)}</svg>"
        f'<p class="moving-controls" hidden>{sliders}</p>'
        f'<p role="status" class="moving-said">Sum of the last row: 0.0. '
        f"Its inner product with x̂: 0.0.</p><script>{PROJECTION_SCRIPT}</script></div>"
    )

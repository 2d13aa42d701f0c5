"""Pictures that a reader can move, with a slider or the keyboard: a small Sphinx extension.

`{moving} step`, `{moving} influence` and `{moving} walk` stand where the picture shall be. It is drawn here, once, from
numbers that are measured as the page is built, and stays like that in print and where no script runs.
`_static/interactive_figures/interactive_figures.js` then moves what is drawn, without a kernel and without a request to
another site.
"""

import json
from html import escape

import numpy as np
from docutils import nodes
from docutils.statemachine import StringList
from sphinx.util.docutils import SphinxDirective

from autograder.gradcheck import numerical_gradient, numerical_jacobian
from book._ext.editions import equations
from book._lib.example_network import draw, draw_features
from book._lib.page_helpers import NODES, network
from solutions import batch_norm_forward, two_branch_backward, two_branch_forward

# --------------------------------------------------------------------------------------- the step and the error curve

WEIGHT = ("theta_2b", (1, 2))  # no ReLU comes after it: the loss has no corner along it
STEPS = 10.0 ** (-np.arange(46) / 3)  # from 1 to 1e-15
ALONG = np.arange(-24, 25) / 12  # t/h, where the loss is looked at
ROUNDING = 2.0**-53
FIRST = 3  # the step of the still picture, 0.1: secant and tangent can be told apart


def measured():
    """The loss along one weight of the network, around where it stands, at every step h of STEPS.

    Returns:
        A list of dicts: h; estimate and true, the central difference and the slope; error, of its size; bends and lost,
        the two terms of equation `two-errors`; curve, (f(t) - f(0)) / (h f'(0)) at t = h ALONG.
    """
    x, y_a, y_b, params, r, p, eps = draw()
    name, index = WEIGHT

    def f(t):
        moved = params[name] + np.zeros_like(np.asarray(t), shape=params[name].shape)
        moved[index] += t
        return two_branch_forward(x, y_a, y_b, params | {name: moved}, r, p, eps)[0]

    def slope(at):
        return numerical_gradient(f, {"t": at}, method="complex")["t"].item()

    here, true, k = f(0.0), slope(0.0), 1e-3
    third = (slope(k) - 2 * true + slope(-k)) / k**2
    found = []
    for h in STEPS:
        estimate = (f(h) - f(-h)) / (2 * h)
        curve = np.array([f(t) - here for t in h * ALONG]) / (h * true)
        terms = {"bends": abs(h**2 * third / 6 / true), "lost": abs(ROUNDING * here / h / true)}
        error = abs(estimate - true) / abs(true)
        found.append({"h": h, "estimate": estimate, "true": true, "error": error, "curve": curve} | terms)
    return found


def _said(step):
    """What is read out of a step."""
    winner = "the curve bends" if step["bends"] > step["lost"] else "digits are lost"
    text = (
        f"h = {step['h']:.1e}. Slope by two points {step['estimate']:.12f}, true {step['true']:.12f}: "
        f"off by {step['error']:.0e} of its size. The curve bends: {step['bends']:.0e}. "
        f"Digits are lost: {step['lost']:.0e}. What wins: {winner}."
    )
    return text.replace("-", "−")


def step(directive):
    """The step h and the error curve: the loss under a microscope that is h wide, and the error of its two points."""
    found = measured()
    errors = np.log10([max(each["error"], 1e-12) for each in found])
    frames = [
        {
            "curve": np.clip(each["curve"] * 1000, -9999, 9999).round().astype(int).tolist(),
            "error": round(error, 2),
            "wins": "bends" if each["bends"] > each["lost"] else "lost",
            "said": _said(each),
        }
        for each, error in zip(found, errors, strict=True)
    ]
    at = np.log10(STEPS)
    first = frames[FIRST]
    secant = [first["curve"][12], first["curve"][36]]
    microscope = _svg(
        "0 0 320 250",
        "The loss under a microscope that is four steps wide",
        "The loss along one weight from -2h to 2h, the dashed tangent at 0, and the line through the two points at -h "
        "and h. For large h the loss bends away from its tangent. For very small h it is a staircase of rounding.",
        f'<clipPath id="moving-step"><path d="M20 10H300V210H20Z"/></clipPath><g clip-path="url(#moving-step)">'
        '<g transform="translate(160 110) scale(70 -.045)"><path class="axis" d="M-2 0H2M-1 -60V60M0 -60V60M1 -60V60"/>'
        '<path class="tangent" d="M-2 -2000L2 2000"/>'
        f'<polyline class="loss" points="{_points(ALONG, first["curve"])}"/>'
        f'<path class="secant" d="{_through(*secant)}"/><path class="two" d="{_two(*secant)}"/></g></g>'
        '<path class="secant" d="M28 22h24"/><text class="start" x="60" y="26">through −h and h</text>'
        '<path class="tangent" d="M28 40h24"/><text class="start" x="60" y="44">the tangent</text>'
        '<path class="loss" d="M28 58h24"/><text class="start" x="60" y="62">the loss</text>'
        '<text x="90" y="228">−h</text><text x="160" y="228">0</text><text x="230" y="228">h</text>'
        '<text x="160" y="246">the weight, moved by t</text>',
    )
    decades = "".join(
        f'<text x="{_px(-k)}" y="228">1{f"e−{k}" if k else ""}</text>' for k in range(0, 16, 5)
    ) + "".join(f'<text class="end" x="46" y="{_py(-k) + 4}">1{f"e−{k}" if k else ""}</text>' for k in range(0, 12, 5))
    curves = _svg(
        "0 0 320 250",
        "Error against step",
        "Both axes are logarithmic. The error of the two points falls as h squared, since the curve bends, and then "
        "rises as 1 over h, since digits are lost. The lowest point lies where the two meet.",
        f'<path class="axis" d="M52 10V210H305"/>{decades}<text x="180" y="246">step h</text>'
        '<g transform="translate(52 30.8) scale(16.5 -15)">'
        + "".join(
            f'<polyline class="term {term}" points="'
            f'{_points(-at, np.log10([each[term] for each in found]), floor=-11.7)}"/>'
            for term in ("bends", "lost")
        )
        + f'<path class="points" d="{"".join(f"M{-x:.2f} {y:.2f}h0" for x, y in zip(at, errors, strict=True))}"/>'
        f'<path class="here" d="M{-at[FIRST]:.2f} {errors[FIRST]:.2f}h0"/></g>'
        '<text x="112" y="24">the curve bends</text><text x="238" y="24">digits are lost</text>',
    )
    data = {"frames": frames, "first": FIRST, "at": [round(-x, 3) for x in at]}
    return [_raw(_frame("step", microscope + curves, data, first["said"]))]


def _px(decade):
    return round(52 - 16.5 * decade, 1)


def _py(decade):
    return round(30.8 - 15 * decade, 1)


def _points(x, y, floor=-np.inf):
    return " ".join(f"{a:.3g},{b:.4g}" for a, b in zip(x, y, strict=True) if b >= floor)


def _through(low, high):
    """The line through what the loss is at -h and at h."""
    middle, half = (low + high) / 2, (high - low) / 2
    return f"M-2 {middle - 2 * half:g}L2 {middle + 2 * half:g}"


def _two(low, high):
    return f"M-1 {low}h0M1 {high}h0"


# ----------------------------------------------------------------------------------- batch norm's lines of influence

SAMPLE, FEATURE = 2, 0  # of the still picture
LEFT, RIGHT, BOTTOM, HEIGHT = 40, 150, 215, 200


def influence(directive):
    """Batch norm's lines of influence: the values of each feature on the left, what becomes of them on the right."""
    x, gamma, beta, _, eps = draw_features()
    m = len(x)
    y, _ = batch_norm_forward(x, gamma, beta, eps)
    slopes = numerical_jacobian(lambda x: batch_norm_forward(x, gamma, beta, eps)[0], {"x": x})["x"]
    spread = (x.max(axis=0) - x.min(axis=0)) / 2
    reach = abs(gamma) * m**0.5  # no output of a batch of m lies as far from beta
    values = np.stack([x.min(axis=0) - spread, x.max(axis=0) + spread], axis=1)
    outputs = np.stack([beta - reach, beta + reach], axis=1)
    panels = []
    for k in range(x.shape[1]):
        along = slopes[:, FEATURE, SAMPLE, FEATURE] if k == FEATURE else None
        panels.append(_feature(k, _place(x[:, k], *values[k]), _place(y[:, k], *outputs[k]), along))
    data = {"x": x, "gamma": gamma, "beta": beta, "values": values, "outputs": outputs}
    data = {name: value.tolist() for name, value in data.items()} | {"eps": eps, "sample": SAMPLE, "feature": FEATURE}
    said = (
        f"Lines lead from sample {SAMPLE + 1} of feature {FEATURE + 1} to all {m} outputs of its feature, and to no "
        "other output. The wider a line, the larger the slope; dashed: negative."
    )
    return [_raw(_frame("influence", "".join(panels), data, said))]


def _place(value, low, high):
    return BOTTOM - HEIGHT * (value - low) / (high - low)


def _feature(k, inputs, outputs, slopes):
    """One feature's panel, of heights and of the slopes along the chosen sample, or None."""
    pairs = list(zip(inputs, outputs, strict=True))
    lines = [f'<path class="own" d="M{LEFT} {a:.1f}L{RIGHT} {b:.1f}"/>' for a, b in pairs]
    for i, b in enumerate(outputs):
        slope = 0 if slopes is None else slopes[i] / abs(slopes).max()
        lines.append(
            f'<path class="line{" minus" if slope < 0 else ""}" stroke-width="{6 * abs(slope):.2f}" '
            f'd="M{LEFT} {inputs[SAMPLE]:.1f}L{RIGHT} {b:.1f}"/>'
        )
    dots = [f'<circle class="was" cx="{RIGHT}" cy="{b:.1f}" r="5"/>' for _, b in pairs]
    dots += [f'<circle class="in" cx="{LEFT}" cy="{a:.1f}" r="5"/>' for a, _ in pairs]
    dots += [f'<circle class="out" cx="{RIGHT}" cy="{b:.1f}" r="5"/>' for _, b in pairs]
    return _svg(
        "15 0 160 245",
        f"Feature {k + 1}",
        f"{len(pairs)} values on the left, their outputs on the right. Each value is tied to its own output; the value "
        "that is moved, to all of its feature.",
        f'{"".join(lines + dots)}<text x="{LEFT}" y="240">x</text><text x="{RIGHT}" y="240">y</text>'
        f'<text x="95" y="240">feature {k + 1}</text>',
    )


# ------------------------------------------------------------------------------------------------- the way back, walked

PASSED, SUMMED, SPREAD = "passed on through", "summed over samples", "distributed over samples, for each feature"
# The gradients in the order of two_branch_backward: the nodes that are lit, the symbol beside the arrow, the label of
# the equation, and what happens.
WALK = {
    "dy_hat_b": ("loss_b", "ŷ_b", "grad-y-hat-b", "branch B's backward pass starts here, at its loss"),
    "dz_2b": ("softmax", "z_2B", "grad-z-2b", f"{PASSED} softmax"),
    "dtheta_2b": ("fc2b", "", "grad-theta-2b", SUMMED),
    "dc": ("fc2b add", "c", "grad-c", f"{PASSED} FC2B and the sum"),
    "dbeta": ("batch_norm", "", "grad-beta", SUMMED),
    "dgamma": ("batch_norm", "", "grad-gamma", SUMMED),
    "da_1b": ("batch_norm", "a_1B", "grad-a-1b", SPREAD),
    "dz_1b": ("relu_b", "z_1B", "grad-z-1b", f"{PASSED} ReLU"),
    "dtheta_1b": ("fc1b", "", "grad-theta-1b", SUMMED),
    "dz_2a": ("loss_a fc2b add", "z_2A = ŷ_a", "grad-z-2a", "summed over two paths"),
    "dtheta_2a": ("fc2a", "", "grad-theta-2a", SUMMED),
    "dd": ("fc2a", "d", "grad-d", f"{PASSED} FC2A"),
    "dz_1a": ("dropout relu_a", "z_1A", "grad-z-1a", f"{PASSED} dropout and ReLU"),
    "dtheta_1a": ("fc1a", "", "grad-theta-1a", SUMMED),
}
SIZES = {7: "m", 5: "n", 4: "n_h", 3: "K"}  # of book._lib.example_network.draw


def walk(directive):
    """The network, and the way back through it: each gradient with its shape, its numbers and its equation.

    The equation is the labelled one, from its page. The student edition's pages have none, and so has the walk then.
    """
    x, y_a, y_b, params, r, p, eps = draw()
    gradients = two_branch_backward(1.0, two_branch_forward(x, y_a, y_b, params, r, p, eps)[1])
    known = equations(directive.env)
    items = nodes.enumerated_list()
    for name, (lit, symbol, label, happens) in WALK.items():
        item = nodes.list_item(classes=["step"], names=[])
        words = _parsed(directive, _words(name, gradients[name].shape, lit, happens, label, known.get(label)))
        item += [
            _raw(f'<span class="at" data-nodes="{lit}" data-symbol="{symbol}"></span>'),
            *words,
            _raw(_marks(gradients[name])),
        ]
        items += item
    controls = f'<div class="moving-data" data-picture="walk">{network().data}{CONTROLS}</div>'
    return [nodes.container("", _raw(controls), items, classes=["moving", "moving-walk"])]


def _words(name, shape, lit, happens, label, tex):
    where = ", ".join(NODES[node][3] for node in lit.split())
    sizes = ", ".join(SIZES[size] for size in shape)
    line = f"**{where}.** `{name}` $({sizes})$, {happens}"
    return f"{line}: {{eq}}`{label}`\n\n$${tex}$$" if tex else f"{line}."


def _parsed(directive, text):
    holder = nodes.Element()
    directive.state.nested_parse(StringList(text.split("\n")), directive.content_offset, holder)
    return holder.children


def _marks(gradient):
    """A gradient as rows of marks: the area is the size, filled is positive, hollow negative."""
    rows = np.atleast_2d(gradient)
    sides = 0.9 * np.sqrt(abs(rows) / abs(rows).max())
    drawn = {True: "", False: ""}
    for (i, j), side in np.ndenumerate(sides):
        if side > 0.02:
            half = side / 2
            drawn[bool(rows[i, j] > 0)] += (
                f"M{j + 0.5 - half:.2f} {i + 0.5 - half:.2f}h{side:.2f}v{side:.2f}h-{side:.2f}z"
            )
    height, width = rows.shape
    size = f'viewBox="-.1 -.1 {width + 0.2} {height + 0.2}" width="{width * 1.1:g}rem" height="{height * 1.1:g}rem"'
    shown = f"Its numbers in our draw, as marks. The largest is {abs(rows).max():.2g}; hollow ones are negative."
    return (
        f'<svg class="marks" {size} aria-hidden="true"><path class="axis" d="M0 0H{width}V{height}H0Z"/>'
        f'<path class="plus" d="{drawn[True]}"/><path class="minus" d="{drawn[False]}"/></svg>'
        f'<p class="hint">{shown}</p>'
    )


# ------------------------------------------------------------------------------------------------------ what they share

PICTURES = {"step": step, "influence": influence, "walk": walk}
CONTROLS = '<div class="moving-controls" hidden></div>'


def _raw(text):
    return nodes.raw("", text, format="html")


def _frame(name, picture, data, said):
    """A picture with its numbers for the script. What is `said` is read out again when it changes."""
    numbers = json.dumps(data, separators=(",", ":")).replace("<", "\\u003c")
    return (
        f'<div class="moving moving-{name}" data-picture="{name}"><div class="moving-pictures">{picture}</div>'
        f'{CONTROLS}<p class="moving-said" role="status">{escape(said)}</p>'
        f'<script type="application/json">{numbers}</script></div>'
    )


def _svg(box, title, description, inside):
    return (
        f'<svg viewBox="{box}" role="img" aria-label="{escape(title)}"><title>{escape(title)}</title>'
        f"<desc>{escape(description)}</desc>{inside}</svg>"
    )


class Moving(SphinxDirective):
    """`{moving} name`: the picture of that name."""

    required_arguments = 1

    def run(self):
        name = self.arguments[0]
        if name not in PICTURES:
            raise self.error(f"there is no picture {name!r} to move; there are {', '.join(PICTURES)}")
        return PICTURES[name](self)


def _add_script(app, pagename, templatename, context, doctree):
    if doctree is not None and any(_is_moving(node) for node in doctree.findall()):
        app.add_js_file("interactive_figures/interactive_figures.js")
        app.add_css_file("interactive_figures/interactive_figures.css")


def _is_moving(node):
    return isinstance(node, nodes.raw) and "data-picture=" in node.astext()


def setup(app):
    """Register the extension with Sphinx."""
    app.add_directive("moving", Moving)
    app.connect("html-page-context", _add_script)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}

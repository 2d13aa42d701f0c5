r"""The table of hw1's network: each quantity once, with its shape, its LaTeX, its equation, and what is asked of it.

What lists names, shapes or points derives from it: the questions, the formulas' symbols, the mistakes' equations.
Students get this file as a part of formulas.py; it holds no answer.
"""

from dataclasses import dataclass

# The letters of shapes: samples, inputs, units (of both branches, so that s adds them) and classes.
SIZES = {"m": "m", "n": "n", "h": "n_h", "K": "K"}
WORDS = {"m": "sample", "n": "input", "h": "unit", "K": "class"}


@dataclass(frozen=True)
class Quantity:
    r"""A quantity of the network, or the gradient of one.

    name: in code.
    axes: its shape in code, a letter of SIZES an axis; "" for a number.
    latex: as a formula writes it, with its set label, `\theta_1a`; "" where formulas have no symbol for it. Other ways
        to write it follow in `also`.
    place: "input", "parameter", "a" and "b" for the two branches, "head".
    label: of its equation in the book, where it is not called after `name`.
    question: the id of the question that asks for it, or "".
    points, after: as of Part.
    words: what its axes are, where that is not what their letters say.
    """

    name: str
    axes: str
    latex: str = ""
    place: str = ""
    question: str = ""
    points: int = 0
    after: tuple[str, ...] = ()
    also: tuple[str, ...] = ()
    label: str = ""
    words: tuple[str, ...] = ()

    @property
    def axes_in_words(self) -> tuple[str, ...]:
        return self.words or tuple(WORDS[letter] for letter in self.axes)


def _step(name, axes, latex, place, after=(), points=1, **more):
    return Quantity(name, axes, latex, place, "2-1", points, after, **more)


QUANTITIES = (
    Quantity("x", "mn", "x", "input"),
    Quantity("y_a", "mh", "y_a", "input"),
    Quantity("y_b", "mK", "y_b", "input"),
    Quantity("r", "mh", "r", "input"),
    Quantity("p", "", "p", "input"),
    Quantity("eps", "", r"\epsilon", "input"),
    Quantity("theta_1a", "hn", r"\theta_1a", "parameter"),
    Quantity("theta_1b", "hn", r"\theta_1b", "parameter"),
    Quantity("theta_2a", "hh", r"\theta_2a", "parameter", words=("unit", "unit before")),
    Quantity("theta_2b", "Kh", r"\theta_2b", "parameter"),
    Quantity("gamma", "h", r"\gamma", "parameter"),
    Quantity("beta", "h", r"\beta", "parameter"),
    _step("z_1a", "mh", "z_1a", "a"),
    _step("a_1a", "mh", "a_1a", "a", ("z_1a",)),
    _step("mask", "mh", "M", "a", label="dropout-forward"),
    _step("d", "mh", "d", "a", ("a_1a", "mask")),
    _step("z_2a", "mh", "z_2a", "a", ("d",), also=(r"\hat y_a",)),
    _step("z_1b", "mh", "z_1b", "b"),
    _step("a_1b", "mh", "a_1b", "b", ("z_1b",)),
    _step("mu_b", "h", r"\mu", "b", ("a_1b",), also=(r"\mu_b",)),
    _step("var_b", "h", "", "b", ("a_1b", "mu_b")),
    _step("x_hat", "mh", r"\hat x", "b", ("a_1b", "mu_b", "var_b")),
    _step("c", "mh", "c", "b", ("x_hat",)),
    _step("s", "mh", "s", "head", ("c", "z_2a")),
    _step("z_2b", "mK", "z_2b", "head", ("s",)),
    _step("y_hat_b", "mK", r"\hat y_b", "head", ("z_2b",)),
    _step("loss", "", "L", "loss", ("z_2a", "y_hat_b"), 2),
)
BY_NAME = {quantity.name: quantity for quantity in QUANTITIES}


def _gradient(of, question, points, after=()):
    quantity = BY_NAME[of]
    return Quantity(f"d{of}", quantity.axes, question=question, points=points, after=after, words=quantity.words)


def _jacobian(out, into, axes, label, question, points, words=()):
    name = f"d{out}_d{into}"
    return Quantity(name, axes, f"{BY_NAME[out].latex}/{into}", "", question, points, label=label, words=words)


GRADIENTS = (
    _gradient("y_hat_b", "2-2 head", 2),
    _jacobian("y_hat_b", "z_2b", "mKK", "jac-softmax", "2-2 head", 2, ("sample", "probability", "score")),
    _gradient("z_2b", "2-2 head", 2),
    _gradient("theta_2b", "2-2 head", 2, ("dz_2b",)),
    _jacobian("z_2b", "c", "Kh", "jac-z-2b-c", "2-2 branch b", 1),
    _gradient("c", "2-2 branch b", 2),
    _gradient("beta", "2-2 branch b", 2, ("dc",)),
    _gradient("gamma", "2-2 branch b", 2, ("dc",)),
    _gradient("a_1b", "2-2 branch b", 4, ("dc",)),
    _gradient("z_1b", "2-2 branch b", 2, ("da_1b",)),
    _gradient("theta_1b", "2-2 branch b", 2, ("dz_1b",)),
    _gradient("z_2a", "2-2 branch a", 3),
    _gradient("theta_2a", "2-2 branch a", 2, ("dz_2a",)),
    _gradient("d", "2-2 branch a", 2, ("dz_2a",)),
    _gradient("z_1a", "2-2 branch a", 3, ("dd",)),
    _gradient("theta_1a", "2-2 branch a", 2, ("dz_1a",)),
)
FULL_BACKWARD_POINTS = 2  # points of each parameter's gradient in 2-2, the whole backward pass

NAMES = {
    place: tuple(q.name for q in QUANTITIES if q.place == place) for place in ("input", "parameter", "a", "b", "head")
}
INPUTS, PARAMS, BRANCH_A, BRANCH_B = NAMES["input"], NAMES["parameter"], NAMES["a"], NAMES["b"]
INTERMEDIATES = (*BRANCH_A, *BRANCH_B, *NAMES["head"])
CACHE = (*INPUTS, *PARAMS, *INTERMEDIATES)


def asked_in(question: str) -> tuple[Quantity, ...]:
    """What a question asks for, in the order of its parts."""
    return tuple(quantity for quantity in (*QUANTITIES, *GRADIENTS) if quantity.question == question)

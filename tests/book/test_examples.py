"""The numbers that pages work out by hand, against SymPy's exact derivatives; and the parts that each page has."""

import re
from fractions import Fraction

import jupytext
import numpy as np
import pytest
import sympy as sp

from autograder.gradcheck import check_gradient
from book._lib import circuits
from tests.answers import ROOT

LAYERS = [f"block1/{name}" for name in ("linear", "relu", "softmax", "dropout", "batch_norm")]
NETWORK = [f"block2/{name}" for name in ("forward", "head", "branch_b", "branch_a", "summary")]
CHECKING = [f"checking/{name}" for name in ("finite_differences", "judging", "exact_differences", "autodiff")]
OPENING = ["start/chain_rule", "start/how_to_derive"]
DERIVATIONS = [*LAYERS, *NETWORK, *CHECKING, *OPENING]


def text_of(page):
    return (ROOT / f"book/{page}.md").read_text(encoding="utf8")


def prose_of(page):
    """A page without front matter, code, formulas in code and directives' options."""
    text = re.sub(r"\A---\n.*?\n---\n", "", text_of(page), flags=re.DOTALL)
    text = re.sub(r"^(`{3,})\{(code-cell|bibliography)\}.*?^\1$", "", text, flags=re.DOTALL | re.MULTILINE)
    return re.sub(r"^(`{3,})[a-z]*\n.*?^\1$", "", text, flags=re.DOTALL | re.MULTILINE)


# ------------------------------------------------------------------------------------------------- batch norm, exactly


def exact_batch_norm_gradient(values, upstream):
    """Of one feature with ε = 0, by SymPy, from the forward pass alone."""
    x = sp.symbols(f"x:{len(values)}")
    mean = sum(x) / len(x)
    deviation = sp.sqrt(sum((v - mean) ** 2 for v in x) / len(x))
    loss = sum(g * (v - mean) / deviation for g, v in zip(upstream, x, strict=True))
    at = dict(zip(x, values, strict=True))
    return tuple(Fraction(int(d.p), int(d.q)) for d in (sp.nsimplify(sp.diff(loss, v).subs(at)) for v in x))


EXAMPLES = [
    ((6, 6, 8, 0), (54, 0, 0, 0)),
    ((6, 6, 8, 0), (3, -1, 2, 7)),
    ((1, 3), (2, 5)),
    ((0, 0, 3, 3, 9), (1, 2, 0, 0, 4)),
]


@pytest.mark.parametrize(("x", "upstream"), EXAMPLES)
def test_the_batch_norm_example_is_exact(x, upstream):
    if x == (0, 0, 3, 3, 9):
        with pytest.raises(ValueError, match="no root among the fractions"):
            circuits.batch_norm_example(x, upstream)
        return
    e = circuits.batch_norm_example(x, upstream)
    assert e["dx"] == exact_batch_norm_gradient(x, upstream)
    assert sum(e["dx"]) == 0 == sum(a * b for a, b in zip(e["dx"], e["x_hat"], strict=True))
    parts = zip(e["straight"], e["by_variance"], e["by_mean"], strict=True)
    assert tuple(map(sum, parts)) == e["dx"]


def test_the_page_and_its_pictures_show_the_example():
    e, page = circuits.batch_norm_example(), text_of("block1/batch_norm")
    assert e["dx"] == (13, -5, -6, -2) and e["u"] == (1, 1, 3, -5) and (e["mu"], e["var"]) == (5, 9)
    assert "$\\partial L/\\partial x = (13, -5, -6, -2)$" in page and "(39, -15, -18, -6)" in page
    graph = circuits.batch_norm_circuit().data
    for shown in ("(6, 6, 8, 0)", "(1, 1, 3, −5)", "(54, 0, 0, 0)", "dw = 54", "dσ² = −1", "dμ = −18"):
        assert shown in graph, shown
    assert circuits.vector(e["dx"]) in graph
    picture = circuits.projection().data
    assert circuits.vector(tuple(3 * value for value in e["dx"])) in picture


def test_three_samples_contribute_in_branch_b():
    """ReLU blocks the fourth sample, whose activation is 0."""
    on = np.array([1, 1, 1, 0])
    assert (np.array(circuits.batch_norm_example()["dx"], float) * on).tolist() == [13, -5, -6, 0]
    assert "13\\, x_1^{\\mathsf T} - 5\\, x_2^{\\mathsf T} - 6\\, x_3^{\\mathsf T}" in text_of("block2/branch_b")


def test_the_forward_example():
    scores = np.array([[1, -1], [0, np.log(3) / 2]]) @ np.add([5, 1], [-3, 1])
    probabilities = np.exp(scores) / np.exp(scores).sum()
    assert np.allclose(probabilities, [1 / 4, 3 / 4])
    loss = ((np.array([5, 1]) - [3, 2]) ** 2).sum() / 2 - np.log(probabilities[0])
    assert f"{loss:.3f}" == "3.886" and "The\nloss is their sum, 3.886." in text_of("block2/forward")


# ------------------------------------------------------------------------------------------------------ scalar graphs

GRAPHS = {
    "neuron": (
        dict(w=2, x=3, b=-1, t=4),
        [("z", "×", "w", "x"), ("a", "+", "z", "b"), ("e", "−", "a", "t"), ("L", "square", "e")],
        dict(w=6, x=4, b=2, t=-2),
    ),
    "twice": (dict(x=3, k=1), [("u", "+", "x", "k"), ("f", "×", "x", "u")], dict(x=7, k=3)),
    "tape": (dict(a=2, b=3), [("v3", "×", "a", "b"), ("v4", "square", "a"), ("L", "+", "v3", "v4")], dict(a=7, b=2)),
    "corner": (dict(a=-2, b=5), [("r", "max(·, 0)", "a"), ("L", "×", "r", "b")], dict(a=0, b=0)),
}


def by_sympy(inputs, steps):
    at = {name: sp.Symbol(name, real=True) for name in inputs}
    rules = {
        "+": lambda a, b: a + b,
        "−": lambda a, b: a - b,
        "×": lambda a, b: a * b,
        "square": lambda a: a**2,
        "max(·, 0)": lambda a: sp.Max(a, 0),
    }
    values = dict(at)
    for name, operation, *arguments in steps:
        values[name] = rules[operation](*(values[a] for a in arguments))
    here = {at[name]: value for name, value in inputs.items()}
    return {name: sp.diff(values[steps[-1][0]], at[name]).subs(here) for name in inputs}


@pytest.mark.parametrize("graph", GRAPHS)
def test_the_gradients_of_a_graph_are_exact(graph):
    inputs, steps, expected = GRAPHS[graph]
    _, gradients, _ = circuits.evaluate(inputs, steps)
    assert {name: gradients[name] for name in inputs} == expected == by_sympy(inputs, steps)


def test_a_wrong_rule_is_noticed(monkeypatch):
    forward, _ = circuits.OPERATIONS["×"]
    monkeypatch.setitem(circuits.OPERATIONS, "×", (forward, lambda a, b: (a, b)))
    inputs, steps, expected = GRAPHS["neuron"]
    _, gradients, _ = circuits.evaluate(inputs, steps)
    assert {name: gradients[name] for name in inputs} != expected


def test_a_graph_shows_its_numbers_and_describes_them():
    inputs, steps, _ = GRAPHS["neuron"]
    at = dict(w=(0, 0), x=(0, 1), z=(1, 0.5), b=(1, 1.5), a=(2, 1), t=(2, 2), e=(3, 1.5), L=(4, 1.5))
    shown = circuits.circuit("A neuron", inputs, steps, at).data
    assert "gradient of w: 6" in shown and ">a = 5</text>" in shown and 'class="back"' in shown
    assert 'class="back"' not in circuits.circuit("A neuron", inputs, steps, at, backward=False).data


# ------------------------------------------------------------------------------- the small layers and the cheat sheet


def run(page, stop=None):
    """What the cells of a page define."""
    names = {}
    for cell in jupytext.reads(text_of(page), fmt="md:myst").cells:
        if cell.cell_type == "code":
            exec(compile(cell.source, page, "exec"), names)
    return names


def test_each_small_layer_is_checked_and_a_wrong_gradient_is_not_accepted():
    names = run("start/how_to_derive")
    seen = []
    for cell in jupytext.reads(text_of("start/how_to_derive"), fmt="md:myst").cells:
        if cell.cell_type != "code" or "\ncheck(" not in cell.source:
            continue
        right, local = names["check"], dict(names)

        def wrong(forward, inputs, gradients, right=right, local=local):
            right.__globals__["G"] = local["G"]
            right(forward, inputs, gradients)
            for name in gradients:
                with pytest.raises(AssertionError):
                    right(forward, inputs, gradients | {name: 1.001 * gradients[name]})
            seen.append(forward.__name__)

        local["check"] = wrong
        exec(compile(cell.source, "page", "exec"), local)
    assert seen == ["bias", "scale_rows", "quadratic", "inverse", "residual"]


def test_each_row_of_the_cheat_sheet_is_checked():
    names = run("appendix/cheat_sheet")
    rows = names["rows"]
    shown = re.findall(r"^\* - (?:\{doc\}`)?([\w -]+?)(?: <.*>`)?$", text_of("appendix/cheat_sheet"), re.MULTILINE)
    assert {"softmax with cross-entropy" if name == "cross-entropy" else name for name in rows} <= set(shown)
    for name, (forward, inputs, gradients, upstream) in rows.items():
        first, *others = gradients if isinstance(gradients, tuple) else (gradients,)
        wrong = (1.001 * first, *others) if others else 1.001 * first
        assert not check_gradient(forward, inputs, wrong, upstream).passed, name


# ------------------------------------------------------------------------------------------------ what each page has


@pytest.mark.parametrize("page", DERIVATIONS)
def test_a_page_has_its_fixed_parts(page):
    text = text_of(page)
    assert "After this page you can" in text and re.search(r"(minutes|hour)", text[: text.index("\n## ")])
    if page not in (
        "block2/summary",
        "checking/judging",
    ):  # the one collects results; the other has an example a section
        assert re.search(r"^## .*(example|neuron|The task)", text, re.MULTILINE | re.IGNORECASE)
    for level in ("easy", "medium", "hard"):
        assert re.search(rf"^```+\{{exercise\}} .*\({level}\)$", text, re.MULTILINE), level
    questions, answers = text[text.index("## Test yourself") :].split("Answers, with reasons", 1)
    assert re.findall(r"^(\d)\. ", questions, re.MULTILINE) == list("12345")
    assert re.findall(r"^(\d)\. ", answers, re.MULTILINE) == list("12345")


@pytest.mark.parametrize("page", [page for page in DERIVATIONS if page not in ("block2/forward", *OPENING)])
def test_a_page_says_what_goes_wrong(page):
    assert re.search(r"^## (What goes wrong|A corner|Where the)", text_of(page), re.MULTILINE)


@pytest.mark.parametrize(
    ("page", "name"), list(zip(LAYERS, ("Linear", "ReLU", "Softmax", "Dropout", "BatchNorm"), strict=True))
)
def test_a_layer_has_its_code_in_pytorch(page, name):
    assert f'pytorch("{name}")' in text_of(page) and "**The same in PyTorch" in text_of(page)


PAGES = sorted(str(path.relative_to(ROOT / "book").with_suffix("")) for path in (ROOT / "book").rglob("*.md"))
HOUSE_WORDS = r"\b(oracles?|slopes? along|entry by entry|what arrives|feels?|nobody|lottery|witness(es)?)\b"


@pytest.mark.parametrize("page", [page for page in PAGES if not page.startswith("teach/")])
def test_a_page_uses_the_field_s_words(page):
    found = [match.group() for match in re.finditer(HOUSE_WORDS, prose_of(page), re.IGNORECASE)]
    allowed = {"block1/linear": ["entry by entry"] * 1, "block2/summary": [], "training": ["nobody"]}
    assert [word for word in found if word not in allowed.get(page, [])] == []


@pytest.mark.parametrize(
    "page", [page for page in PAGES if page.split("/")[0] in ("block1", "block2", "checking", "start")]
)
def test_the_source_homework_is_introduced_on_the_errata_page_only(page):
    assert not re.search(r"\b[Tt]he source\b", prose_of(page))

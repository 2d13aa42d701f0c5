"""The line under an equation: its numbers are measured, and what is broken is not called checked."""

import re
from types import SimpleNamespace

import pytest
from docutils import nodes

import solutions
from book._ext import verification_lines
from tests.answers import ROOT, answer_equations
from tests.solutions.mutants import mutants
from verification import equation_registry
from verification.equation_registry import CHECKS, check_of, error_of, labels_of
from verification.reference_gradients import automatic, oracle
from verification.symbolic_derivations import STEPS

FULL, STUDENT = ROOT / "_build/html", ROOT / "_build/student/html"
LABELS = sorted(answer_equations())
MEASURED = r"(?:0|\de-1[3-9])"
LINE = re.compile(
    r"(?:grad|jac)-[\w-]+, checked: SymPy, exactly · "
    rf"oracle {MEASURED} · autograd {MEASURED} · check_\w+_(?:backward|jacobian)"
)


def test_the_lists_are_one():
    """The book's equations, the checks' marks, the functions' docstrings, and the steps for SymPy."""
    said = "\n".join(getattr(solutions, name).__doc__ for name in solutions.__all__)
    lists = {
        "marked": set().union(*map(labels_of, CHECKS.values())),
        "said": set(re.findall(r"\b(?:grad|jac)-[a-z0-9-]*[a-z0-9]", said)),
        "stepped": {label for label in STEPS if verification_lines.LABEL.fullmatch(label)},
    }
    assert {name: labels ^ set(LABELS) for name, labels in lists.items()} == {name: set() for name in lists}
    assert len(LABELS) > 30


@pytest.mark.parametrize("label", LABELS)
def test_each_equation_has_its_line(label):
    line = verification_lines.words(label, answer_equations()[label])
    assert LINE.fullmatch(line.astext()) and line.astext().startswith(f"{label}, "), line.astext()
    assert not list(line.findall(nodes.reference))


def test_the_line_leads_to_the_lines_that_check():
    line = verification_lines.words(
        "grad-c", answer_equations()["grad-c"], "https://code.example.org/us/course/", "next"
    )
    step, test = (node["refuri"] for node in line.findall(nodes.reference))
    for address, name in ((step, "def grad_c(v)"), (test, "verifies(")):
        base, path, number = re.fullmatch(r"(https://.*?)/blob/next/(.*)#L(\d+)", address).groups()
        assert base == "https://code.example.org/us/course"
        assert name in (ROOT / path).read_text().split("\n")[int(number) - 1]


@pytest.mark.parametrize("reference", [oracle, automatic])
@pytest.mark.parametrize("label", ["grad-batch-norm-x", "grad-theta-2b", "jac-softmax", "grad-relu"])
def test_a_broken_function_is_not_called_checked(label, reference):
    check, function = check_of(label)
    assert error_of(label, check, function, reference) < 1e-13
    seen = 0
    for _, broken in mutants(function):
        try:
            error_of(label, check, broken, reference)
        except AssertionError:
            seen += 1
        except Exception:
            continue
    assert seen >= 3


def test_the_error_is_that_of_the_gradient_itself():
    """Of a test that compares several, the one that the label names."""
    check, function = check_of("grad-beta")

    def off(dz_2b, cache):
        found = function(dz_2b, cache)
        return found | {"dbeta": found["dbeta"] * (1 + 1e-12)}

    assert error_of("grad-beta", check, off, oracle) == pytest.approx(1e-12, rel=0.1)
    assert error_of("grad-gamma", check, off, oracle) < 1e-14
    assert error_of("jac-z-2b-c", check, off, oracle) < 1e-14


def page(*labels):
    texts = (answer_equations().get(label, "x") for label in labels)
    return nodes.section("", *(nodes.math_block(x, x, label=label) for label, x in zip(labels, texts, strict=True)))


def added(doctree, monkeypatch, builder="html", **options):
    warnings = []
    monkeypatch.setattr(
        verification_lines.LOGGER, "warning", lambda message, error, **place: warnings.append(str(error))
    )
    app = SimpleNamespace(builder=SimpleNamespace(format=builder), config=SimpleNamespace(html_theme_options=options))
    verification_lines._add(app, doctree)
    return [line.astext() for line in doctree.findall(nodes.paragraph)], warnings


def test_only_gradients_and_jacobians_get_a_line_and_it_follows_at_once(monkeypatch):
    doctree = page("softmax-forward", "jac-softmax", None)
    lines, warnings = added(doctree, monkeypatch)
    assert len(lines) == 1 and warnings == []
    assert [child.tagname for child in doctree] == ["math_block", "math_block", "paragraph", "math_block"]


def test_what_nobody_checks_is_a_warning(monkeypatch):
    lines, warnings = added(page("grad-nothing"), monkeypatch)
    assert lines == [] and warnings == ["grad-nothing: no check is marked to verify it"]


def test_an_equation_that_was_changed_is_a_warning(monkeypatch):
    doctree = nodes.section("", nodes.math_block("", answer_equations()["grad-softmax"] + "+1", label="grad-softmax"))
    lines, warnings = added(doctree, monkeypatch)
    assert lines == [] and warnings == [
        "grad-softmax: verification/derivation_steps.py has no step for this very equation"
    ]


def test_a_step_that_is_not_exact_is_a_warning(monkeypatch):
    equation_registry.verify.cache_clear()
    step = STEPS["grad-softmax"]
    monkeypatch.setitem(STEPS, "grad-softmax", lambda v: tuple(-line for line in step(v)))
    lines, warnings = added(page("grad-softmax"), monkeypatch)
    equation_registry.verify.cache_clear()
    assert lines == [] and warnings == ["grad-softmax is not what SymPy derives"]


def test_a_function_that_is_wrong_is_a_warning(monkeypatch):
    equation_registry.verify.cache_clear()
    right = solutions.softmax_backward
    check, _ = check_of("grad-softmax")
    monkeypatch.setattr(
        "verification.equation_registry.check_of", lambda label: (check, lambda *args: 1.001 * right(*args))
    )
    lines, warnings = added(page("grad-softmax"), monkeypatch)
    equation_registry.verify.cache_clear()
    assert lines == [] and len(warnings) == 1 and "off by 0.001 of its size" in warnings[0]


def lines_of(folder):
    texts = [file.read_text(encoding="utf8") for file in sorted(folder.glob("book/**/*.html"))]
    return [re.sub("<[^>]*>", "", line) for text in texts for line in re.findall(r'<p class="checked">(.*?)</p>', text)]


@pytest.mark.skipif(not (FULL / "index.html").exists(), reason="make book builds it")
def test_every_equation_of_the_built_book_has_its_line():
    lines = lines_of(FULL)
    assert len(lines) == len(LABELS) and all(map(LINE.fullmatch, lines)), lines


@pytest.mark.skipif(not (STUDENT / "index.html").exists(), reason="make book EDITION=student builds it")
def test_the_student_edition_has_none():
    assert lines_of(STUDENT) == []

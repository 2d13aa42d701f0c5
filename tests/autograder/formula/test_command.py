"""`autograder formula`: one formula, or a written solution whole, with an exit status."""

import pytest

from autograder import cli
from book._lib.source_verdicts import FILE as SHEET

RIGHT = r"\frac1m \sum_i (\theta_{2B}^T (\hat y_{b,i} - y_{b,i})) \circ \hat x_i"
DEFINED = "g_i = \\theta_{2B}^T (\\hat y_{b,i} - y_{b,i})\n\\frac1m \\sum_i g_i \\circ \\hat x_i"


def run(capsys, *words):
    status = cli.main(["formula", *map(str, words)])
    told = capsys.readouterr()
    return status, told.out, told.err


@pytest.mark.parametrize(
    "formula, status, words",
    [
        (RIGHT, cli.GRADED, ["right, to ", "it is a column of n_h"]),
        (DEFINED, cli.GRADED, ["g_i is a column of n_h", "it is a column of n_h"]),
        (RIGHT.replace(r"\circ ", ""), cli.REPAIRED, ["right after a repair", r"was read as entry by entry, \circ"]),
        (RIGHT.replace(r"\hat x", "c"), cli.NEEDS_A_PERSON, ["wrong, off by", ": ∂L/∂γ from the output"]),
        (f"3 {RIGHT}", cli.NEEDS_A_PERSON, ["wrong, off by 2"]),
        (f"{RIGHT} )", cli.NEEDS_A_PERSON, ["not read", "`)` closes nothing", " ^"]),
        ("\x1b[2J", cli.NEEDS_A_PERSON, ["not read", r"\x1b"]),
    ],
)
def test_a_formula_has_its_verdict_and_its_exit_status(capsys, formula, status, words):
    found, out, _ = run(capsys, formula, "--question", "2-2-gamma")
    assert found == status, out
    assert out.startswith("2-2 gamma   ")
    assert all(word in out for word in words), out
    assert "\x1b" not in out


def test_one_gamma_for_all_features_is_asked_for(capsys):
    formula = r"\frac1m \sum_i (\hat y_{b,i} - y_{b,i})^T \theta_{2B} \hat x_i"
    assert run(capsys, formula, "--question", "2-2-gamma")[0] == cli.NEEDS_A_PERSON
    assert run(capsys, formula, "--question", "2-2-gamma", "--scalars")[0] == cli.GRADED


def test_a_formula_that_begins_with_a_minus_comes_last(capsys):
    assert run(capsys, "--question", "2-2-z_2b", "--", r"-\frac1m (y_{b,i} - \hat y_{b,i})")[0] == cli.GRADED


def test_a_written_solution_is_checked_whole(capsys, tmp_path):
    status, out, _ = run(capsys, SHEET, "--scalars")
    assert status == cli.NEEDS_A_PERSON
    assert out.strip().splitlines()[-1] == (
        "57 formulas · 30 right · 13 right after a repair · 12 wrong · 2 defining something"
    )
    assert "batch statistics taken as constants; and sgn(z_1B) for ReLU's slope" in out
    right = tmp_path / "sheet.md"
    right.write_text(rf"So $$ \frac{{\partial L}}{{\partial \gamma}} = {RIGHT} $$, and that is all.")
    status, out, _ = run(capsys, right)
    assert status == cli.GRADED
    assert "1 formula · 1 right" in out


DOCUMENT = r"""
Let $\delta_i = \frac1m(\hat y_{b,i} - y_{b,i})$ and $m = 5$, for $i = 1, \dots, m$, with $s_i$ as before. `$x = 3$`

\[ \frac{\partial L}{\partial z_{2B,i}} = \delta_i \]

\begin{align*}
\frac{\partial L}{\partial \theta_{2B}} &= \sum_i \delta_i s_i^T \\
 &= \frac1m \sum_i (\hat y_{b,i} - y_{b,i}) s_i^T
\end{align*}

```math
\frac{\partial L}{\partial \beta} = \sum_i \theta_{2B}^T \delta_i
```
```python
a = "$$ \gamma = 3 $$"
```
\begin{equation} \frac{\partial L}{\partial W_{2B}} = \delta^T \tanh(s) \end{equation}
"""


def test_every_way_to_write_a_display_is_found_and_what_is_not_read_is_counted(capsys, tmp_path):
    document = tmp_path / "document.md"
    document.write_text(DOCUMENT.replace(r"\begin{equation}", "<!--").replace(r"\end{equation}", "-->"))
    status, out, _ = run(capsys, document)
    assert (status, out.strip().splitlines()[-1]) == (cli.GRADED, "5 formulas · 4 right · 1 defining something")
    for more, words in (
        (DOCUMENT, "1 not read"),
        (DOCUMENT + r"$$ \sum_i x_i $$", "2 not read"),
        (DOCUMENT + r"$$ \frac{\partial L}{\partial c_i} = \tanh(x), \quad \kappa_i = \sinh(x) $$", "3 not read"),
        (DOCUMENT + r"and $\kappa = \tanh(x)$", "2 not read"),
    ):
        document.write_text(more)
        status, out, _ = run(capsys, document)
        assert status == cli.NEEDS_A_PERSON and words in out.strip().splitlines()[-1], out


def test_right_after_a_repair_has_an_exit_status_and_a_count_of_its_own(capsys, tmp_path):
    document = tmp_path / "document.md"
    document.write_text(rf"$$ \frac{{\partial L}}{{\partial \gamma}} = {RIGHT.replace(chr(92) + 'circ ', '')} $$")
    status, out, _ = run(capsys, document)
    assert status == cli.REPAIRED and out.strip().splitlines()[-1] == "1 formula · 1 right after a repair"


@pytest.mark.parametrize(
    "words, told",
    [
        (["x", "--question", "2-2 delta"], "there is no formula '2-2 delta'; there are 1-1 gamma"),
        (["nowhere.md"], "there is no file nowhere.md; of a formula say what it answers:  --question 2-2-gamma"),
    ],
)
def test_what_cannot_be_asked_is_said(capsys, words, told):
    status, _, err = run(capsys, *words)
    assert status == cli.FAILED
    assert told in err

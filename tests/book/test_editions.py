"""What the student edition leaves out of a page's text, and what it must not touch."""

import pytest

from book._ext.editions import AGAIN, hidden_labels, labels, student_edition

NOTICE = "This part holds an answer. It and the page's others appear here when the homework has closed."

PAGE = """\
---
kernelspec: {name: python3}
---

(slope)=
# A page

Before.

$$ y = x $$ (forward)

::::{answer}
SECRET one.

$$ dy = SECRET $$ (backward)

:::{note}
SECRET two.
:::
::::

```{code-cell} ipython3
:tags: [hide-input, answer]
SECRET = 3
```

Between: {eq}`backward`, {eq}`forward`, [there](#backward).

```{code-cell} ipython3
:tags: [live]
print("kept")
```

```{solution} an-exercise
:class: dropdown
SECRET four.
```

After.
"""


def test_answers_go_and_the_rest_stays():
    page = student_edition(PAGE)
    assert "SECRET" not in page
    for kept in ("kernelspec", "(slope)=", "Before.", "$$ y = x $$ (forward)", 'print("kept")', "Between", "After."):
        assert kept in page


def test_one_notice_for_a_run_of_answers():
    """The answer and the cell right after it are one run; the solution to an exercise goes without a word."""
    assert student_edition(PAGE).count(NOTICE) == 1


def test_text_between_two_answers_ends_the_run():
    answer = ":::{answer}\nx\n:::\n\n"
    assert student_edition(answer + answer).count(NOTICE) == 1
    page = student_edition(answer + "Between.\n\n" + answer)
    assert page.count(NOTICE) + page.count(AGAIN) == 2


ANSWER = "::::{answer}\nSECRET\n::::\n\n"


def test_a_page_says_it_once_in_full():
    """The second notice is a paragraph of its own, also where the answer followed a line of text at once."""
    page = student_edition(f"# T\n\nOne.\n\n{ANSWER}Two.\n{ANSWER}Three.\n\n- four\n\n  :::{{answer}}\n  x\n  :::\n")
    assert page.count(NOTICE) == 1 and page.count(AGAIN) == 2
    assert page.index("One.") < page.index(NOTICE) < page.index("Two.") < page.index(AGAIN)
    assert f"Two.\n\n{AGAIN}\n\n" in page and f"\n\n  {AGAIN}\n" in page
    assert "\0" not in page


def test_a_section_of_nothing_but_answers_goes_with_its_heading():
    """And the full notice is where the first answer of what is left was."""
    page = student_edition(
        f"# T\n\n(bare)=\n## Bare\n\n{ANSWER}(full)=\n## Full\n\nText, {{ref}}`it <bare>`.\n\n{ANSWER}"
    )
    assert page.startswith("# T\n\n(full)=\n## Full\n\nText, it.\n\n::::{admonition}")
    assert page.count(NOTICE) == 1


@pytest.mark.parametrize(
    ("sections", "left"),
    [
        (f"## A\n\n{ANSWER}### B\n\nText.\n", ["## A", "### B"]),
        (f"## A\n\n{ANSWER}### B\n\n{ANSWER}## C\n\nText.\n", ["## C"]),
        (f"## A\n\n### B\n\nText.\n\n### C\n\n{ANSWER}## D\n\n{ANSWER}", ["## A", "### B"]),
        (f"## A\n\n{ANSWER}```python\n## B\n```\n\n## C\n\n", ["## A", "## B", "## C"]),
        (f"# A\n\n{ANSWER}", ["# A"]),
    ],
)
def test_which_sections_stay(sections, left):
    assert [line for line in student_edition(sections).splitlines() if line.startswith("#")] == left


def test_the_notice_can_name_a_day():
    assert "has closed (12 March)." in student_edition(PAGE, closes="12 March")


def test_references_to_what_is_gone_become_words():
    page = student_edition(PAGE)
    assert "{eq}`backward`" not in page and "[there]" not in page
    assert "Between: an equation that appears later, {eq}`forward`, there." in page


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{eq}`x`", "an equation that appears later"),
        ("{numref}`x`", "a part that appears later"),
        ("{numref}`Figure %s <x>`", "a part that appears later"),
        ("{ref}`the slope <x>`", "the slope"),
        ("{prf:ref}`x`", "a part that appears later"),
        ("[](#x)", "a part that appears later"),
        ("[the slope](x)", "the slope"),
        ("{eq}`y`", "{eq}`y`"),
        ("`x` and $x$ and f(x)", "`x` and $x$ and f(x)"),
    ],
)
def test_references_to_another_page(text, expected):
    assert student_edition(text, hidden={"x"}) == expected


def test_a_page_without_answers_is_the_same_to_the_letter():
    page = "# A\n\n```python\nx = {'a': 1}\n```\n\n:::{note}\n`` ` ``\n:::\n\n```inline``` and ~~~\n"
    assert student_edition(page) == page


@pytest.mark.parametrize(
    "block",
    [
        ":::{answer}\nSECRET\n:::",
        "::::::{answer}\n:::{note}\nSECRET\n:::\nSECRET\n::::::",
        "````{answer}\n```python\nSECRET\n```\nSECRET\n````",
        "- item\n\n  :::{answer}\n  SECRET\n  :::",
        "::::{admonition} A title\n:::{answer}\nSECRET\n:::\n::::",
        ":::{answer}\nSECRET, never closed",
        '```{code-cell}\n:tags: ["answer"]\nSECRET\n```',
        "```{code-cell} python\n---\ntags: [answer]\n---\nSECRET\n```",
        "```{code-cell}\n---\ntags:\n  - remove-input\n  - answer\n---\nSECRET\n```",
        "```{code-cell}\n:mystnb: {figure: {name: fig-x}}\n:tags: [answer]\nSECRET\n```",
    ],
)
def test_every_way_to_mark_an_answer(block):
    page = student_edition(f"Before.\n\n{block}\n")
    assert "SECRET" not in page
    assert "Before." in page and NOTICE in page


def test_the_notice_fits_where_the_answer_stood():
    """Inside another block it must not end that block, and inside a list it stays in the list."""
    page = student_edition("::::{admonition} T\n:::{answer}\nx\n:::\nkept\n::::\n").splitlines()
    assert page[0] == "::::{admonition} T" and page[1].startswith(":::{adm") and page[-3:] == [":::", "kept", "::::"]
    assert all(line.startswith("  ") for line in student_edition("  :::{answer}\n  x\n  :::").splitlines() if line)


def test_a_cell_that_only_mentions_the_tag_stays():
    cell = '```{code-cell}\nanswer = "tags: [answer]"\n```'
    assert student_edition(cell) == cell


@pytest.mark.parametrize("name", ["{code-cell}", "{code-block} md", "md", ""])
def test_code_that_shows_how_to_mark_an_answer_stays(name):
    block = f"````{name}\n:::{{answer}}\nx\n:::\n````"
    assert student_edition(block) == block


def test_code_in_a_line_of_text_opens_no_block():
    assert "SECRET" not in student_edition("```inline``` code\n\n:::{answer}\nSECRET\n:::\n")


def test_gated_solutions_are_refused():
    with pytest.raises(ValueError, match="solution-start"):
        student_edition("```{solution-start} x\n```\nSECRET\n```{solution-end}\n```\n")


def test_labels_of_every_kind():
    dollars = "(a)=\n# T\n\n$$ x $$ (b)\n\n$$\nx\n$$ (c)\n\n"
    options = "```{math}\n:label: d\nx\n```\n\n```{figure} f.svg\n:name: e\n```\n"
    assert labels(dollars + options) == {"a", "b", "c", "d", "e"}


def test_hidden_labels_are_those_of_answers_alone():
    assert hidden_labels(PAGE) == {"backward"}

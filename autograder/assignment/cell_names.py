"""The names of an assignment's cells, nbgrader's grade_id: a check, a written formula, a derivation.

    check-2-2-gamma-written    the check of the question "2-2 gamma, written"
    written-2-2-gamma          the cell in which its formula is written
    derive-2-2                 a derivation, which a person reads

Of a question asked as a function the check is `check-2-2-head`; the cell of its function may have any other name.
"""

CHECK, FORMULA, DERIVATION, OF_FORMULA = "check-", "written-", "derive-", "-written"
ASKED = ", written"  # how the id of a question ends that asks for a formula


def check_cell(question: str) -> str:
    """The name of the cell that asks a question."""
    return f"{CHECK}{question.replace(',', '').replace(' ', '-')}"


def formula_cell(question: str) -> str:
    """The name of the cell in which the formula of a question is written; ", written" may be left out."""
    return f"{FORMULA}{formula_of(question).replace(' ', '-')}"


def formula_of(question: str) -> str:
    """A question's id without what says that it asks for a formula: "2-2 gamma" of "2-2 gamma, written"."""
    return question.removesuffix(ASKED)


def is_formula(name: str) -> bool:
    """Whether a formula is written in the cell of this name."""
    return name.startswith(FORMULA)


def is_check_of_formula(name: str) -> bool:
    """Whether a check of this name judges a formula; a name without its `check-` will do."""
    return name.endswith(OF_FORMULA)


def short_name(name: str) -> str:
    """What a graded cell is called in a table: without `check-` or `derive-`."""
    return name.removeprefix(CHECK).removeprefix(DERIVATION)


def bare_name(name: str) -> str:
    """What a graded cell asks about: `2-2-gamma` of its derivation, its check, and its formula's check."""
    return short_name(name).removesuffix(OF_FORMULA)

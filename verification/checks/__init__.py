"""Checks of the functions of solutions/ against reference gradients, a module for each module there.

A check is called `check_` and the function's name. It takes a `problem`; for a gradient also the `reference`, one of
the five differentiators in `reference_gradients`; and `function`, which is the function of solutions/ by default, or
another in its place, such as a broken one. It raises AssertionError where they disagree.
"""


def verifies(*labels):
    """Mark a check with the labels of the book's equations which the function that it checks computes."""

    def mark(check):
        check.labels = labels
        return check

    return mark

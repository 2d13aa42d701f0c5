"""Why a formula could not be read, and the place in it that the message is about."""

SHOWN_CHARACTERS = 80  # of a line, on each side of the place


class FormulaError(ValueError):
    """A formula cannot be read, or has no meaning. `at` is the place, (start, end) in the string, or None."""

    def __init__(self, message, at=None):
        super().__init__(message)
        self.at = at


class ShapeError(FormulaError):
    """Shapes do not fit. `repairs` are the changes, each (kind, place), that might make them fit here."""

    def __init__(self, message, at=None, repairs=()):
        super().__init__(message, at)
        self.repairs = repairs


def point(latex, error):
    """The message with the line of the formula that it is about, and a mark below the place."""
    if not error.at:
        return str(error)
    start, end = error.at
    first = latex.rfind("\n", 0, start) + 1
    last = first + len(latex[first:].split("\n")[0])
    begin, stop = max(first, start - SHOWN_CHARACTERS), min(last, start + SHOWN_CHARACTERS)
    before, after = "… " * (begin > first), " …" * (stop < last)
    mark = " " * (len(before) + start - begin) + "^" * max(1, min(end, stop) - start)
    return f"{error}\n    {before}{latex[begin:stop]}{after}\n    {mark}"

r"""Unicode to the LaTeX that the tokens are read from: "ŷ" is "\hat{y}", "θ₂" is "\theta_{2}", "，" is ",".

Every character of the result knows its origin in what was written, so that messages point at what the student sees.
"""

import re
import unicodedata

MAX_MACROS, MAX_EXPANDED = 20, 20_000
MACRO = re.compile(
    r"\\(?:(?:re)?newcommand\*?|def)\s*\{?\s*(\\[a-zA-Z]+)\s*\}?\s*\{((?:[^{}]|\{(?:[^{}]|\{[^{}]*\})*\})*)\}"
)

ACCENT_MARKS = {"\u0302": r"\hat", "\u0304": r"\bar", "\u0305": r"\bar", "\u0303": r"\tilde", "\u0307": r"\dot"}
CHARACTERS = {
    "∂": r"\partial ",
    "𝜕": r"\partial ",
    "∑": r"\sum ",
    "Σ": r"\sum ",
    "√": r"\sqrt ",
    "∇": r"\nabla ",
    "⊤": r"\top ",
    "⊺": r"\top ",
    "𝟙": r"\mathbb{1}",
    "𝟏": r"\mathbf{1}",
    "𝔼": r"\mathbb{E}",
    "𝕀": r"\mathbb{I}",
    "ℓ": r"\ell ",
    "ℒ": "L",
    "𝓛": "L",
    "∈": r"\in ",
    "∀": r"\forall ",
    "⟨": r"\langle ",
    "⟩": r"\rangle ",
    "‖": r"\|",
    "∥": r"\|",
    "∣": "|",
    "⊗": r"\otimes ",
    "⊘": r"\oslash ",
    "⋅": r"\cdot ",
    "•": r"\cdot ",
    "∗": "*",
    "⋆": "*",
    "∧": r"\wedge ",
    "÷": "/",
    "⁄": "/",
    "∕": "/",
    "⇒": r"\Rightarrow ",
    "⟹": r"\Rightarrow ",
    "→": r"\Rightarrow ",
    "⟶": r"\Rightarrow ",
    "…": r"\dots ",
    "⋯": r"\dots ",
    "⋮": r"\vdots ",
    "⋱": r"\ddots ",
    "∴": " ",
    "■": " ",
    "□": " ",
    "∎": " ",
    "≔": "=",
    "≡": "=",
    "≜": "=",
    "≠": r"\neq ",
    "≥": r"\geq ",
    "≤": r"\leq ",
    "⩾": r"\geq ",
    "⩽": r"\leq ",
    "≰": r"\nleq ",
    "≱": r"\ngeq ",
    "。": ".",
    "、": ",",
    "‘": "'",
    "’": "'",
    "‐": "-",
    "–": "-",
    "—": "-",
    "½": r"\frac{1}{2}",
}


def in_ascii(written, labels):
    """(text, origin): the LaTeX in plain characters, and for each of them and for the end its index in `written`.

    labels: of the notation's names, in lower case: the letter that ends one follows its digit into the subscript.
    """
    pieces, place = [], 0
    while place < len(written):
        text, end = _next_piece(written, place, labels)
        pieces.append((text, place))
        place = end
    text = "".join(piece for piece, _ in pieces)
    origin = [place for piece, place in pieces for _ in piece]
    return _without_macros(text, [*origin, len(written)])


def _without_macros(text, origin):
    r"""The text with what "\newcommand" abbreviates in full, without arguments, and without its definitions."""
    for _ in range(MAX_MACROS):
        match = MACRO.search(text)
        if not match:
            break
        name, body = re.escape(match[1]), match[2]
        text, origin = text[: match.start()] + text[match.end() :], origin[: match.start()] + origin[match.end() :]
        uses = list(re.finditer(rf"{name}(?![a-zA-Z])", text))
        if len(text) + len(uses) * len(body) > MAX_EXPANDED:
            break
        for use in reversed(uses):
            origin[use.start() : use.end()] = [origin[use.start()]] * (len(body) + 2)
            text = text[: use.start()] + f"{{{body}}}" + text[use.end() :]
    return text, origin


def _next_piece(written, place, labels):
    """(LaTeX, where the next piece begins)."""
    character = written[place]
    following = written[place + 1 : place + 2]
    if character < "\x80" and (following < "\x80" or not unicodedata.combining(following)):
        return character, place + 1
    if character in CHARACTERS:
        return CHARACTERS[character], place + 1
    for tag, sign in (("<super>", "^"), ("<sub>", "_")):
        end = place
        while end < len(written) and unicodedata.decomposition(written[end]).startswith(tag):
            end += 1
        if end > place:
            inner = unicodedata.normalize("NFKC", written[place:end]).replace("−", "-")
            if sign == "_" and inner.isdigit() and (inner + written[end : end + 1]).lower() in labels:
                inner, end = inner + written[end], end + 1
            return f"{sign}{{{inner}}}", end
    return _with_accents(written, place)


def _with_accents(written, place):
    """A letter with the marks that are combined with it."""
    end = place + 1
    while end < len(written) and unicodedata.combining(written[end]):
        end += 1
    letter, *marks = unicodedata.normalize("NFKD", written[place:end]) or " "
    if letter in ACCENT_MARKS or len([m for m in marks if not unicodedata.combining(m)]):
        return unicodedata.normalize("NFKC", written[place:end]), end  # more than one letter, or a mark by itself
    text = letter
    for mark in marks:
        if mark in ACCENT_MARKS:
            text = f"{ACCENT_MARKS[mark]}{{{text}}}"
    return text, end


def is_foreign(character):
    """Whether a character belongs to words alone: neither Latin nor Greek."""
    return character.isalpha() and not character.isascii() and not "\u0370" <= character <= "\u03ff"

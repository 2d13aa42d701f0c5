"""A string of LaTeX, split into tokens, and the tokens into statements. Font, spacing and size commands are skipped."""

import re
from dataclasses import dataclass
from functools import lru_cache

from .errors import FormulaError
from .notation import (
    CASE_WORDS,
    CLOSING,
    CONNECTIVES,
    FONTS,
    FUNCTION_NAMES,
    GREEK_COMMANDS,
    GREEK_LETTERS,
    INDEX_COMMANDS,
    PROSE,
    SAME_BRACKET,
    SAME_COMMAND,
    SIGNS,
)

MAX_CHARACTERS, MAX_DEPTH = 10_000, 40
LOST_BACKSLASH = re.compile(
    r"[\a\b\v\f]|\t(?=heta|ext|op\b|imes|frac|ilde|au)|\r(?=ho|ight|m\b)"
)  # "\frac" without r: a form feed, "rac"
CASES = r"\begin{cases}"


@dataclass(frozen=True)
class Token:
    """kind: "num", "letter", "func", "ones", "word", "nl", "open", "close", "eq", "op" or "end". at: (start, end)."""

    kind: str
    text: str
    at: tuple[int, int]


def tokens_of(latex, notation):
    """The tokens of a string, its brackets balanced; line breaks within brackets are gone (but for those of cases).

    Raises:
        FormulaError: with the place, where there is something that no formula holds, or a bracket too many.
    """
    if len(latex) > MAX_CHARACTERS:
        raise FormulaError(f"A formula of {len(latex):,} characters is too long: {MAX_CHARACTERS:,} are read.")
    if lost := LOST_BACKSLASH.search(latex):
        raise FormulaError('A backslash is lost here. Is the r missing, as in r"…"?', lost.span())
    tokens, opened = [], []
    for match in _matches(latex, _token_pattern(notation)):
        for token in _tokens_in(match, notation):
            _balance(token, opened)
            breaks_line = token.kind == "nl" or token.text == "&"
            if not (breaks_line and opened and ("quad" in token.text or opened[-1].text != CASES)):
                tokens.append(token)
    if opened:
        raise FormulaError(f"`{opened[-1].text}` is never closed, at {opened[-1].at[0]}.", opened[-1].at)
    return tokens


@lru_cache(maxsize=8)
def _token_pattern(notation):
    names, fonts, words = "|".join(FUNCTION_NAMES), "|".join(FONTS), "|".join(CONNECTIVES)
    size = _size_pattern(notation)
    return re.compile(
        rf"""
        (?P<skip> %[^\n]* | [^\S\n]+ | \\[,;:!>\ ] | ~ | \$ | \\[\[\]] | \\(?:label|tag)\{{[^{{}}]*\}}
            | \\in\s*\\mathbb\s*\{{?R\}}?(?:\^(?:\w|\{{(?:[^{{}}]|\{{[^{{}}]*\}})*\}}))?
            | \\(?:left|right)\s*\. | \\(?:left|right|middle|[bB]igg?[lrm]?|displaystyle|textstyle|limits|nolimits
            |notag|nonumber|mathop|mathstrut|thinspace)(?![a-zA-Z])
            | \\(?:begin|end)\s*\{{(?:aligned|align|equation|split|gather|gathered|multline)\*?\}} )
        | (?P<isones> (?:\\text\s*\{{)?\s{{0,9}}\bis\s+(?:a|the)\s+(?:column|vector)\s+of\s*\}}?\s*\$?(?:{size})?\$?
            \s*(?:\\text\s*\{{)?\s*ones\b\s*\}}? )
        | (?P<ones> \\begin\{{(?P<m>[bp]matrix)\}}\s*1\s*(?:\\\\\s*(?:1|\\vdots)\s*)+\\end\{{(?P=m)\}}
            (?:_\{{\s*{size}\s*\\times\s*1\s*\}})? | \\(?:{fonts})\s*(?:\{{\s*1\s*\}}|1) )
        | (?P<func> \\(?:text|textrm|{fonts})\s*\{{\s*(?:{names})\s*\}} | \\?(?:{names})(?![a-zA-Z]) )
        | (?P<word> \\text(?:rm|it)?\s*\{{[^{{}}]*\}} | (?<![a-zA-Z\\])(?:{words})(?![a-zA-Z]) )
        | (?P<font> \\(?:{fonts})(?![a-zA-Z]) )
        | (?P<nl> \\\\(?:\[[^\]\n]*\])? | \n | \\q?quad(?![a-zA-Z]) )
        | (?P<open> [({{\[] | \\\{{ | \\begin\s*\{{cases\}} | \\(?:lbrack|lVert|lvert)(?![a-zA-Z]) )
        | (?P<close> [)}}\]] | \\\}} | \\end\s*\{{cases\}} | \\(?:rbrack|rVert|rvert)(?![a-zA-Z]) )
        | (?P<num> \d+(?:\.\d+)? )
        | (?P<eq> :?= | \\(?:coloneqq|triangleq|equiv)(?![a-zA-Z]) )
        | (?P<cmd> \\[a-zA-Z]+ | \\\| )
        | (?P<letter> [a-zA-Zα-ωΑ-Ω] )
        | (?P<op> [-+*/^_',;.&|<>:∘⊙≥≤≠−′·×] )
        """,
        re.X,
    )


def _size_pattern(notation):
    return rf"[{notation.size_letters}](?:_\{{?\w+\}}?)?"


def _matches(latex, pattern):
    place = 0
    while place < len(latex):
        match = pattern.match(latex, place)
        if not match or match.end() == place:
            at = (place, match.end() if match else place + 1)
            raise FormulaError(f"`{latex[place]}` has no meaning here, at {place}.", at)
        place = match.end()
        yield match


def _tokens_in(match, notation):
    """The tokens of one match: none for what is skipped, two for "is a column of ones"."""
    kind, text, at = match.lastgroup, match[0], match.span()
    if kind in ("skip", "font"):
        return ()
    if kind == "isones":
        return Token("eq", "=", at), Token("ones", _size_in(text, notation) or "", at)
    if kind == "ones":
        size = _size_in(text, notation) if "times" in text else None
        return (Token("ones", size or ("" if "matrix" in text else "1"), at),)
    if kind in _SPELLING:
        kind, text = _SPELLING[kind](text)
    return (Token(kind, text, at),)


def _size_in(text, notation):
    found = re.search(rf"(?:_\{{\s*|of\s*\}}?\s*\$?)({_size_pattern(notation)})", text)
    name = re.sub(r"[{}\s]", "", found[1]) if found else None
    return name if name in notation.sizes else None


def _function(text):
    return "func", re.search(rf"(?:{'|'.join(FUNCTION_NAMES)})(?=\W*$)", text)[0]


def _word(text):
    return "word", re.sub(r"\\text(rm|it)?\s*\{|[{}]", "", text).strip()


def _command(text):
    name = SAME_COMMAND.get(text[1:], text[1:])
    if name in INDEX_COMMANDS:
        return "letter", INDEX_COMMANDS[name]
    return ("letter" if name in GREEK_COMMANDS else "op"), SIGNS.get("\\" + name, "\\" + name)


def _letter(text):
    return "letter", "\\" + GREEK_LETTERS[text] if text in GREEK_LETTERS else text


def _bracket(kind):
    def spelled(text):
        for written, meant in SAME_BRACKET.items():
            text = text.replace(written, meant)
        return kind, text

    return spelled


_SPELLING = {  # from the kind of a match: (kind of the token, its text in one spelling)
    "func": _function,
    "word": _word,
    "cmd": _command,
    "letter": _letter,
    "op": lambda text: ("op", SIGNS.get(text, text)),
    "eq": lambda text: ("eq", "="),
    "open": _bracket("open"),
    "close": _bracket("close"),
}


def _balance(token, opened):
    """Open or close a bracket on the stack `opened`."""
    if token.kind == "open":
        opened.append(token)
        if len(opened) > MAX_DEPTH:
            raise FormulaError(f"Brackets are nested more than {MAX_DEPTH} deep, at {token.at[0]}.", token.at)
    elif token.kind == "close":
        if not opened:
            raise FormulaError(f"`{token.text}` closes nothing, at {token.at[0]}.", token.at)
        last = opened[-1]
        if CLOSING[last.text] != token.text:
            raise FormulaError(f"`{token.text}` at {token.at[0]} closes the `{last.text}` of {last.at[0]}.", token.at)
        opened.pop()


# ---------------------------------------------------------------------------------------------------------------------
# Statements


def statements_of(tokens):
    """The tokens of each statement. A line that goes on from the one before belongs to it."""
    lines = [line for line in _lines(tokens) if line[0]]
    statements, defines = [], False
    for number, (line, hard) in enumerate(lines):
        equals = _has_equals(line)
        is_last = number == len(lines) - 1
        if statements and _goes_on(statements[-1], defines, line, equals, hard, is_last):
            statements[-1] += line
            defines |= equals
        else:
            statements.append(line)
            defines = equals
    return statements


def _lines(tokens):
    """[(tokens of a line, whether a word or punctuation began it)], without words; some lines are empty."""
    lines, depth, remark, hard = [([], False)], 0, False, False
    for token in tokens:
        depth += (token.kind == "open") - (token.kind == "close")
        remark = (remark and token.kind != "nl") or (token.kind == "word" and "that" in token.text)  # "note that ..."
        if remark:
            continue
        if token.kind == "word" and depth == 0:
            _check_word(token)
        if depth == 0 and (token.kind in ("nl", "word") or token.text in (",", ";", ".")):
            hard |= token.kind != "nl"
            lines.append(([], hard))
        elif depth or token.text != "&":
            lines[-1][0].append(token)
            hard = False
    return lines


def _check_word(token):
    word = token.text.lower().strip(" ,:")
    if word in CASE_WORDS:
        raise FormulaError(
            f"`{token.text}` is read within \\begin{{cases}} alone, at {token.at[0]}. Or write [j = k].", token.at
        )
    if word not in PROSE:
        raise FormulaError(f"The words `{token.text}` are not read, at {token.at[0]}.", token.at)


def _goes_on(before, defines, line, equals, hard, is_last):
    """Whether a line belongs to the statement before it, which has an "=" if it `defines`."""
    joins, first = ("+", "-", r"\circ", r"\cdot", "/"), line[0]
    goes_on = first.kind == "eq" or (first.text in joins and not hard)
    if first.text == "-" and defines and not equals and is_last:
        goes_on &= before[0].text == r"\frac"  # a definition is followed by the answer; a gradient goes on
    goes_on |= before[-1].text in joins or before[-1].kind == "eq"
    return goes_on or not (defines or equals or hard)


def sides_of(statement):
    """The tokens between the "=" of a statement, without an empty first side."""
    sides, depth = [[]], 0
    for token in statement:
        depth += (token.kind == "open") - (token.kind == "close")
        if token.kind == "eq" and depth == 0:
            sides.append([])
        else:
            sides[-1].append(token)
    return sides[1:] if len(sides) > 1 and not sides[0] else sides


def _has_equals(line):
    depth, found = 0, False
    for token in line:
        depth += (token.kind == "open") - (token.kind == "close")
        found |= token.kind == "eq" and depth == 0
    return found

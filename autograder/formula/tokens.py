"""A string of LaTeX, split into tokens, and the tokens into statements. Font, spacing and size commands are skipped."""

import re
from dataclasses import dataclass
from functools import lru_cache

from .errors import FormulaError
from .notation import (
    ARROWS,
    CASE_WORDS,
    CLOSING,
    COMPARISONS,
    CONNECTIVES,
    CONTRADICTING,
    DOTS,
    EQUALS_WORDS,
    FONTS,
    FUNCTION_NAMES,
    GREEK_COMMANDS,
    GREEK_LETTERS,
    HARMLESS,
    IF_WORDS,
    INDEX_COMMANDS,
    LAYOUT_COMMANDS,
    LOSS_WORDS,
    MEAN_NAMES,
    NEGATING,
    OTHERWISE_WORDS,
    PROSE,
    SAME_BRACKET,
    SAME_COMMAND,
    SHORT_FUNCTION_NAMES,
    SIGNS,
    VERBS,
    WRAPPERS,
)
from .spelling import in_ascii, is_foreign

MAX_CHARACTERS, MAX_DEPTH = 10_000, 40
LOST_BACKSLASH = re.compile(
    r"[\a\b\v\f]|\t(?=heta|ext|op\b|imes|frac|ilde|au)|\r(?=ho|ight|m\b)"
)  # "\frac" without r: a form feed, "rac"
CASES, MATRIX = r"\begin{cases}", r"\begin{matrix}"
DIFFERENTIAL = "\\d"  # an upright d


@dataclass(frozen=True)
class Token:
    """kind: "num", "letter", "func", "ones", "identity", "word", "dots", "nl", "open", "close", "eq", "op" or "end".
    at: (start, end)."""

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
    text, origin = in_ascii(latex, notation.all_labels)
    tokens, opened, wrappers, wraps = [], [], [], False
    for match in _matches(latex, text, origin, _token_pattern(notation)):
        at = (origin[match.start()], max(origin[match.end()], origin[match.start()] + 1))
        for token in _tokens_in(match, at, notation):
            if token.kind == "wrapper":
                wraps = True
                continue
            if token.text == "{" and wraps:
                wrappers.append(len(opened))
                wraps = False
                continue
            if token.text == "}" and wrappers and wrappers[-1] == len(opened):
                wrappers.pop()
                continue
            _balance(token, opened)
            breaks_line = token.kind == "nl" or token.text == "&"
            if not (breaks_line and opened and ("quad" in token.text or opened[-1].text not in (CASES, MATRIX))):
                tokens.append(token)
    if wrappers:
        raise FormulaError("A bracket is never closed.")
    if opened:
        raise FormulaError(f"`{opened[-1].text}` is never closed, at {opened[-1].at[0]}.", opened[-1].at)
    return _with_cases(tokens)


@lru_cache(maxsize=8)
def _token_pattern(notation):
    names, fonts, words = "|".join(FUNCTION_NAMES), "|".join(FONTS), "|".join(CONNECTIVES)
    layout, arrows, dots = "|".join(LAYOUT_COMMANDS), "|".join(ARROWS), "|".join(DOTS)
    short, wrappers = "|".join(SHORT_FUNCTION_NAMES), "|".join(WRAPPERS)
    means, losses = "|".join(MEAN_NAMES), "|".join(LOSS_WORDS)
    size = _size_pattern(notation)
    return re.compile(
        rf"""
        (?P<skip> %[^\n]* | [^\S\n]+ | \\[,;:!>\ ()] | ~ | \$ | \\[\[\]]
            | \\(?:label|tag\*?|color|hspace\*?|vspace\*?|h?phantom)\s*\{{[^{{}}]*\}}
            | \\begin\s*\{{(?:alignat|array)\*?\}}\s*\{{[^{{}}]*\}} | \\end\s*\{{array\}}
            | \\in\s*\\mathbb\s*\{{?R\}}?(?:\^(?:\w|\{{(?:[^{{}}]|\{{[^{{}}]*\}})*\}}))?
            | \\(?:left|right)\s*\. | \\(?:{layout})(?![a-zA-Z])
            | \\(?:begin|end)\s*\{{(?:aligned|align|alignat|equation|split|gather|gathered|multline|flalign|eqnarray
                |displaymath|math)\*?\}} )
        | (?P<wrapper> \\(?:textcolor|colorbox)\s*\{{[^{{}}]*\}}(?=\s*\{{) | \\(?:{wrappers})(?=\s*\{{) )
        | (?P<isones> (?:\\text\s*\{{)?\s{{0,9}}\bis\s+(?:a|the)\s+(?:column|vector)\s+of\s*\}}?\s*\$?(?:{size})?\$?
            \s*(?:\\text\s*\{{)?\s*ones\b\s*\}}? )
        | (?P<ones> \\begin\{{(?P<m>[bp]matrix)\}}\s*1\s*(?:\\\\\s*(?:1|\\vdots)\s*)+\\end\{{(?P=m)\}}
            (?:_\{{\s*{size}\s*\\times\s*1\s*\}})? | \\(?:{fonts})\s*(?:\{{\s*1\s*\}}|1) )
        | (?P<mean> \\(?:hat|widehat|bar|tilde)\s*\{{?\s*\\mathbb\s*(?:\{{E\}}|E(?![a-zA-Z]))\s*\}}?
            | \\(?:mathbb|mathds|mathbbm|operatorname|mathrm|text)\s*(?:\{{\s*(?:{means})\s*\}}|E(?![a-zA-Z]))
            | (?<![a-zA-Z\\])E(?=\s*\[) )
        | (?P<identity> \\(?:text|textrm|{fonts})\s*\{{\s*(?:Id|id|eye)\s*\}} )
        | (?P<cost> \\(?:text|textrm|{fonts})\s*\{{\s*(?i:{losses})\s*\}} )
        | (?P<short> \\(?:text|textrm|{fonts})\s*\{{\s*(?:{short})\s*\}} | \\(?!vec)(?:{short})(?=\s*[({{\[\\])
            | \\vec(?=\s*\()
            | (?<![a-zA-Z\\])(?:{short})(?=\s*[(\[]) )
        | (?P<func> \\(?:text|textrm|{fonts})\s*\{{\s*(?:{names})\s*\}} | \\?(?:{names})(?![a-zA-Z]) )
        | (?P<identifier> \\(?:mathrm|operatorname|mathit)\s*\{{[A-Za-z]{{2,12}}\}} )
        | (?P<differential> \\dd(?![a-zA-Z])
            | \\(?:mathrm|text|rm|textrm|operatorname)\s*(?:\{{\s*d\s*\}}|d(?=[a-zA-Z\\{{])) )
        | (?P<word> \\(?:text(?:rm|it|bf)?|mbox|intertext)\s*\{{(?:[^{{}}$]|\$[^$]*\$)*\}}
            | (?<![a-zA-Z\\])(?:{words})(?![a-zA-Z]) | \\(?:{arrows})(?![a-zA-Z]) | [^\W\d_a-zA-Z\u0370-\u03ff]+ )
        | (?P<font> \\(?:{fonts})(?![a-zA-Z]) )
        | (?P<nl> \\\\(?:\[[^\]\n]*\])? | \n | \\q?quad(?![a-zA-Z]) )
        | (?P<open> [({{\[] | \\\{{ | \\begin\s*\{{d?cases\}} | \\begin\s*\{{[bpvBV]?(?:small)?matrix\}}
            | \\(?:lbrack|lbrace|lVert|lvert|langle)(?![a-zA-Z]) )
        | (?P<close> [)}}\]] | \\\}} | \\end\s*\{{d?cases\}} | \\end\s*\{{[bpvBV]?(?:small)?matrix\}}
            | \\(?:rbrack|rbrace|rVert|rvert|rangle)(?![a-zA-Z]) )
        | (?P<num> \d+(?:\.\d+)? )
        | (?P<eq> :?= | =: | \\(?:coloneqq|coloneq|triangleq|doteq|equiv)(?![a-zA-Z])
            | \\(?:stackrel|overset|underset)\s*\{{(?:[^{{}}]|\{{[^{{}}]*\}})*\}}\s*\{{\s*:?=\s*\}} )
        | (?P<dots> \\(?:{dots})(?![a-zA-Z]) | \.\.\. )
        | (?P<cmd> \\[a-zA-Z]+ | \\\| )
        | (?P<letter> [a-zA-Zα-ωΑ-Ω] )
        | (?P<op> [-+*/^_',;.&|<>:!∘⊙≥≤≠−′·×] )
        """,
        re.X,
    )


def _size_pattern(notation):
    return rf"[{notation.size_letters}](?:_\{{?\w+\}}?)?"


def _matches(latex, text, origin, pattern):
    place = 0
    while place < len(text):
        match = pattern.match(text, place)
        if not match or match.end() == place:
            start = origin[place]
            raise FormulaError(f"`{latex[start]}` has no meaning here, at {start}.", (start, start + 1))
        place = match.end()
        yield match


def _tokens_in(match, at, notation):
    """The tokens of one match: none for what is skipped, two for "is a column of ones"."""
    kind, text = match.lastgroup, match[0]
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
    if text[1:] in ARROWS:
        return "word", ""
    return "word", re.sub(r"\\(?:text(?:rm|it|bf)?|mbox|intertext)\s*\{|[{}]", "", text).strip()


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
        return kind, re.sub(r"\{(?:d(cases)|[bpvBV]?(?:small)?(matrix))\}", r"{\1\2}", text)

    return spelled


_SPELLING = {  # from the kind of a match: (kind of the token, its text in one spelling)
    "func": _function,
    "short": lambda text: ("func", re.search(rf"(?:{'|'.join(SHORT_FUNCTION_NAMES)})(?=\W*$)", text)[0]),
    "identifier": lambda text: ("letter", rf"\mathrm{{{re.search(r'{(.*)}', text)[1]}}}"),
    "mean": lambda text: ("func", "mean"),
    "identity": lambda text: ("identity", "I"),
    "cost": lambda text: ("letter", "L"),
    "differential": lambda text: ("letter", DIFFERENTIAL),
    "dots": lambda text: ("dots", "\\dots"),
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


def _with_cases(tokens):
    """Tokens in which "a if c, b otherwise" stands as cases; as they are where that is not what is written."""
    depth, flat = 0, []
    for place, token in enumerate(tokens):
        depth += (token.kind == "open") - (token.kind == "close")
        if depth == 0:
            flat.append(place)
    ifs = [place for place in flat if tokens[place].kind == "word" and (_words(tokens[place]) or [""])[0] in IF_CASES]
    ends = [place for place in flat if _is_otherwise(tokens[place])]
    if not ifs or len(ifs) + len(ends) != 2 or (ends and ends[0] < ifs[0]):
        return tokens
    begins = [place for place in flat if place < ifs[0] and tokens[place].kind == "eq"]
    breaks = [place for place in flat if ifs[0] < place and _ends_a_case(tokens[place])]
    if not begins or not breaks or breaks[0] > (ends or ifs)[-1]:
        return tokens
    start, cut, stop = begins[-1] + 1, breaks[0], (ends[0] + 1 if ends else len(tokens))
    after = next(k for k in range(cut, len(tokens)) if not _ends_a_case(tokens[k]))
    opening, closing = Token("open", CASES, tokens[start].at), Token("close", r"\end{cases}", tokens[stop - 1].at)
    line_end = Token("nl", r"\\", tokens[cut].at)
    cases = [*tokens[start:cut], line_end, *tokens[after:stop]]
    return [*tokens[:start], opening, *cases, closing, *tokens[stop:]]


IF_CASES = IF_WORDS & set(CASE_WORDS)


def _is_otherwise(token):
    return token.kind == "word" and any(word in OTHERWISE_WORDS for word in _words(token))


def _ends_a_case(token):
    return (
        token.kind == "nl" or token.text in (",", ";") or (token.kind == "word" and _words(token) in (["and"], ["und"]))
    )


def statements_of(tokens):
    """The tokens of each statement. A line that goes on from the one before belongs to it."""
    lines = [line for line in _lines(tokens) if line[0] and not _explains_a_sign(line[0])]
    lines = _without_ranges(lines)
    statements, rows, defines = [], [], False
    for number, (line, hard, row) in enumerate(lines):
        equals = _has_equals(line)
        is_last = number == len(lines) - 1
        if statements and _goes_on(statements[-1], defines, line, equals, hard, is_last):
            first = rows.index(rows[-1]) if line[0].kind == "eq" and row > rows[-1] else -1
            statements[first] += line  # "a = b, S = c \\\\ &= d" goes on with a
            rows[first] = rows[-1] = row
            defines |= equals
        else:
            statements.append(line)
            rows.append(row)
            defines = equals
    return statements


def _explains_a_sign(line):
    """Whether a line says what a sign means, "\\langle \\cdot \\rangle", or what a set holds, "B = {1, …, m}"."""
    texts = [token.text for token in line]
    for k in range(1, len(line) - 1):
        if texts[k] == r"\cdot" and line[k - 1].kind == "open" and line[k + 1].kind == "close":
            return True
    return len(texts) > 3 and line[1].kind == "eq" and texts[2] == r"\{" and r"\dots" in texts


def _lines(tokens):
    """[(tokens of a line, whether a word or punctuation began it, its row)], without words; some are empty."""
    lines, depth, remark, hard, row = [([], False, 0)], 0, False, False, 0
    for number, token in enumerate(tokens):
        depth += (token.kind == "open") - (token.kind == "close")
        remark = (remark and token.kind != "nl") or (token.kind == "word" and "that" in token.text)  # "note that ..."
        if remark:
            continue
        row += token.kind == "nl" and "quad" not in token.text
        if token.kind == "word" and depth == 0:
            words = _words(token)
            if lines[-1][0] and len(words) == 1 and words[0] in EQUALS_WORDS:
                lines[-1][0].append(Token("eq", "=", token.at))
                continue
            if lines[-1][0] and words and words[0] in VERBS and not _has_equals(lines[-1][0]):
                lines[-1][0].clear()  # "where w_k is the k-th row"
                remark = True
                continue
            _check_word(token, tokens[number - 1] if number else None, tokens[number + 1 : number + 2])
        is_colon = token.text == ":" and not lines[-1][0]
        if depth == 0 and (token.kind in ("nl", "word") or token.text in (",", ";", ".", "!") or is_colon):
            hard |= token.kind != "nl"
            lines.append(([], hard, row))
        elif depth or token.text != "&":
            lines[-1][0].append(token)
            hard = False
    return [(_without_remark(line), hard, row) for line, hard, row in lines]


def _words(token):
    return re.findall(r"[^\W\d_]+", token.text.lower())


def _without_remark(line):
    """A line without what stands in brackets at its end and begins with words, "(row by row)", or is a range."""
    while line and line[-1].text == ")":
        depth, start = 0, len(line)
        while start and (start == len(line) or depth):
            start -= 1
            depth += (line[start].kind == "close") - (line[start].kind == "open")
        inner = line[start + 1 : -1]
        if inner and inner[0].kind == "word":
            _check_remark(inner[0])
        elif not inner or not (r"\dots" in [t.text for t in inner] and _is_range([t.text for t in inner])):
            break
        line = line[:start]
    return line


def _check_remark(token):
    """Refuse a remark that may change what a formula means."""
    text = " ".join(_words(token))
    harmless = any(text.startswith(phrase) for phrase in HARMLESS)
    if not harmless and (NEGATING & set(_words(token)) or re.search(r"[\d=+*/^]", token.text)):
        raise FormulaError(f"The words `{token.text}` are not read, at {token.at[0]}.", token.at)


def _without_ranges(lines):
    """The lines without those that say how far an index runs: "i = 1, …, m", "for all i \\in B"."""
    kept, skip = [], False
    for line, hard, row in lines:
        texts = [token.text for token in line]
        if skip and texts[0] not in (r"\dots", "i") and len(texts) <= 4 and not _has_equals(line):
            skip = False
            continue
        skip = kept and (_is_range(texts) or (skip and texts == [r"\dots"]) or texts == [r"\dots"])
        if not skip:
            kept.append((line, hard, row))
        skip = skip and (texts[-1:] == ["1"] or texts == [r"\dots"])
    return kept


def _is_range(texts):
    if r"\forall" in texts:
        return True
    if len(texts) < 2:
        return False
    letters = [text for text in texts if text.isalpha() and len(text) == 1]
    known = {"=", "1", "0", r"\in", "<", r"\leq", r"\dots", r"\{", r"\}", "{", "}", "[", "]", ",", "|", "-", ":"}
    others = [text for text in texts if text not in known and text not in letters]
    says = texts[1:2] in (["="], [r"\in"]) or any(text in ("<", r"\leq") for text in texts)
    return says and not others and texts[1:3] != ["=", "0"] and len(letters) <= 4 and _names_one_index(texts)


def _names_one_index(texts):
    first = texts[0]
    if texts[1] == "=":
        begins = first.isalpha() and len(first) == 1 and texts[2:3] == ["1"]
        return begins and (len(texts) == 3 or texts[3] in (",", r"\dots"))
    return first.isalpha() or first in ("1", "0")


def _check_word(token, before, following):
    """Refuse words that may change what a formula means: "if", "not", or the name of an unknown function."""
    words = _words(token)
    if any(word in CASE_WORDS for word in words):
        raise FormulaError(
            f"`{token.text}` is read within \\begin{{cases}} alone, at {token.at[0]}. Or write [j = k].", token.at
        )
    if all(word in PROSE for word in words):
        return
    stops = (before is None or before.kind == "nl" or before.text in (",", ".", ";")) and not following
    if len(words) > 2 and stops:  # a sentence by itself
        return _check_remark(token)
    contradicts = any(word in CONTRADICTING for word in words) or any(sign in token.text for sign in CONTRADICTING[-6:])
    dangles = before is not None and (before.kind == "op" and before.text in _DANGLING)
    applied = any(token.kind == "open" for token in following)
    known = any(word in PROSE for word in words) or any(map(is_foreign, token.text))
    at_an_end = before is None or before.kind in ("nl", "word") or before.text in (",", ".", ";", ":")
    at_an_end |= not following or following[0].kind in ("nl", "word") or following[0].text in (",", ".", ";", ":", ")")
    if contradicts or dangles or applied or not (known or at_an_end) or re.search(r"[\d=+*/^]", token.text):
        raise FormulaError(f"The words `{token.text}` are not read, at {token.at[0]}.", token.at)


_DANGLING = {"-", "+", "/", "^", "_", r"\circ", r"\cdot", r"\otimes", "|", *COMPARISONS} - {"="}


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

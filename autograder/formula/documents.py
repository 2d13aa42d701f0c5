r"""The formulas of a text in Markdown: every display, in whichever way it is written, and the formulas within lines."""

import re
from typing import NamedTuple

ENVIRONMENTS = "equation|align|alignat|gather|multline|eqnarray|flalign|displaymath|math"
PATTERN = re.compile(
    rf"""
    ^(?P<fence>```+|~~~+)[ ]*\{{?(?P<kind>[a-z]*)\}}?[^\n]*\n(?P<block>[\s\S]*?)(?:^(?P=fence)[^\n]*$|\Z)
    | <!--[\s\S]*?--> | \$`(?P<gitlab>[^`\n]+)`\$ | (?P<ticks>`+)[^`][\s\S]*?(?P=ticks)
    | \\\$
    | \$\$(?P<dollars>[\s\S]*?)\$\$
    | \\\[(?P<brackets>[\s\S]*?)\\\]
    | \\begin\{{(?P<name>(?:{ENVIRONMENTS})\*?)\}}(?P<environment>[\s\S]*?)\\end\{{(?P=name)\}}
    | \\\((?P<round>[\s\S]*?)\\\)
    | \$(?P<inline>[^$\n]+)\$
    """,
    re.VERBOSE | re.MULTILINE,
)


class Written(NamedTuple):
    """A formula of a text: its LaTeX, and whether it stands within a line."""

    latex: str
    is_inline: bool


def formulas_in(text):
    """[Written] of a text in Markdown, in its order: $$, \\[ \\], align and the like, ```math, and formulas in lines.

    What stands in code, or in a comment, is none.
    """
    found = []
    for match in PATTERN.finditer(text):
        if match["fence"]:
            latex = (
                re.sub(r"^:[a-z-]+:.*$", "", match["block"], flags=re.MULTILINE) if match["kind"] == "math" else None
            )
        else:
            latex = next((match[name] for name in ("dollars", "brackets", "environment") if match[name]), None)
        inline = next((match[name] for name in ("gitlab", "round", "inline") if match[name]), None)
        if latex or inline:
            found.append(Written(latex or inline, latex is None))
    return found

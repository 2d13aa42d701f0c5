"""What makes a page light: a browser fetches nothing from outside the site, and little from inside.

MathJax comes from the installed package, in the parts that the pages use, as one compressed file: many servers send
files as they lie. Of the theme's icons and style sheets a site keeps what its pages show.
"""

import gzip
import importlib.util
import itertools
import re
import shutil
from pathlib import Path

import tinycss2
from fontTools import subset
from fontTools.ttLib import TTFont

LETTERS = "output/chtml/fonts/tex"  # what `output/chtml` asks for by itself
FONTS = {"fa-solid-900": ("Font Awesome 6 Free", 900, ".fas, .fa-solid"), "fa-brands-400": ("Brands", 400, ".fab")}
ICON_CSS = """\
@font-face {{ font-family: "{family}"; font-weight: {weight}; src: url({file}.woff) format("woff"); }}
{classes} {{ font: {weight} 1em/1 "{family}"; display: inline-block; text-rendering: auto; }}
"""
MORE_CSS = """\
:root {{ --fa-font-solid: normal 900 1em/1 "Font Awesome 6 Free"; }}
.fa-lg {{ font-size: 1.25em; line-height: 0.05em; vertical-align: -0.075em; }}
{}
"""


def copy_mathjax(site, parts):
    """MathJax from the installed package into a site, a folder: its parts, and `mathjax.packed`, all of them in one.

    `load.js` takes the packed one where a browser can, and the parts where it cannot. `parts` are the names of what
    `mathjax3_config` of _config.yml loads.
    """
    (package,) = importlib.util.find_spec("mathjax").submodule_search_locations
    source, target = Path(package, "static/mathjax/es5"), site / "_static/mathjax"
    names = [*parts, LETTERS]
    files = [source / f"{name}.js" for name in ["startup", *names]]
    for part in [*files, source / "output/chtml/fonts/woff-v2", source / "input/tex/extensions"]:
        place = target / part.relative_to(source)
        copy = shutil.copytree if part.is_dir() else shutil.copy
        place.parent.mkdir(parents=True, exist_ok=True)
        if not place.exists():
            copy(part, place)
    present = f"MathJax.loader.preLoad({', '.join(map(repr, names))});"  # so that no part is asked for once more
    code = "\n".join([files[0].read_text(), present, *(file.read_text() for file in files[1:])])
    (target / "mathjax.packed").write_bytes(gzip.compress(code.encode(), mtime=0))


def few_icons(site):
    """Of the theme's icons, 400 kB of fonts and style, those that a page, a script or a style of a site shows."""
    static, icons = site / "_static", site / "_static/icons"
    (theirs,) = (static / "vendor/fontawesome").glob("*")
    codes = icon_codes((theirs / "css/all.min.css").read_text())
    files = [*site.rglob("*.html"), *static.glob("scripts/*.js"), *static.glob("styles/*.css")]
    text = "".join(file.read_text() for file in files)
    shown = {name: codes[name] for name in sorted(set(re.findall(r"fa-[a-z-]+", text)) & codes.keys())}
    wanted = set(shown.values()) | {ord(letter) for letter in text if "\ue000" <= letter <= "\uf8ff"}
    wanted |= {int(code, 16) for code in re.findall(r"\\(f[0-9a-f]{3})\b", text)}
    icons.mkdir(exist_ok=True)
    css = MORE_CSS.format("\n".join(f'.{name}::before {{ content: "\\{code:x}"; }}' for name, code in shown.items()))
    for file, (family, weight, classes) in FONTS.items():
        if few_letters(theirs / f"webfonts/{file}.ttf", wanted, icons / f"{file}.woff"):
            css += ICON_CSS.format(family=family, weight=weight, classes=classes, file=file)
    (icons / "icons.css").write_text(css)
    shutil.rmtree(static / "vendor")


def icon_codes(css):
    """{class of an icon: its code point}, from Font Awesome's style sheet."""
    rules = re.findall(r'([^{}]+)\{content:"\\?([^"]+)"\}', css)
    return {
        name: int(code, 16) if len(code) > 1 else ord(code)
        for selectors, code in rules
        for name in re.findall(r"\.(fa-[\w-]+):before", selectors)
    }


def few_letters(font, codes, target):
    """Write those letters of a font (a path, of a .ttf) whose code points are wanted to a WOFF; whether it has any."""
    letters = TTFont(font)
    present = set(codes) & letters.getBestCmap().keys()
    if present:
        options = subset.Options(flavor="woff", layout_features=[], notdef_outline=False)
        subsetter = subset.Subsetter(options)
        subsetter.populate(unicodes=present)
        subsetter.subset(letters)
        subset.save_font(letters, target, options)
    return bool(present)


def few_rules(site):
    """Of the theme's style sheets, 400 kB, the rules for what a site's pages and scripts can hold."""
    static = site / "_static"
    scripts = [file for file in static.rglob("*.js") if file.parent != static / "mathjax"]
    words = set()
    for file in [*site.rglob("*.html"), *scripts]:
        words.update(re.findall(r"[\w-]+", file.read_text(encoding="utf8")))
    for sheet in [*static.glob("styles/*.css"), *static.glob("mystnb.*.css")]:
        sheet.write_text(used_rules(sheet.read_text(encoding="utf8"), words), encoding="utf8")


def used_rules(css, words):
    """A style sheet without its comments and without rules for a class or an id that is none of `words`, a set."""
    skip = {"skip_comments": True, "skip_whitespace": True}
    rules = tinycss2.parse_stylesheet(css, **skip)
    return "\n".join(filter(None, (_used(rule, words, skip) for rule in rules)))


def _used(rule, words, skip):
    """A rule as text, with its selectors that are used; "" if none is."""
    if rule.type == "qualified-rule":
        selectors = [part for part in _split(rule.prelude) if all(_known(name, words) for name in _names(part))]
        text = ",".join(tinycss2.serialize(part).strip() for part in selectors)
        return text and f"{text}{{{tinycss2.serialize(rule.content).strip()}}}"
    if rule.type == "at-rule" and rule.lower_at_keyword in ("media", "supports"):
        inside = [_used(one, words, skip) for one in tinycss2.parse_rule_list(rule.content, **skip)]
        kept = "\n".join(filter(None, inside))
        return kept and f"@{rule.at_keyword}{tinycss2.serialize(rule.prelude)}{{{kept}}}"
    return rule.serialize()


def _split(prelude):
    """The selectors of a rule, each a list of tokens."""
    parts = [[]]
    for token in prelude:
        if token == ",":
            parts.append([])
        else:
            parts[-1].append(token)
    return parts


def _names(selector):
    """The classes and ids without which a selector matches nothing. What stands in `:not(...)` and the like is none."""
    classes = {name.value for dot, name in itertools.pairwise(selector) if dot == "." and name.type == "ident"}
    return classes | {token.value for token in selector if token.type == "hash"}


def _known(name, words):
    # Bootstrap's script puts together names that begin with bs-.
    return name in words or name.startswith("bs-") or not re.fullmatch(r"[\w-]+", name)

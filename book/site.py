"""What makes a built book a website to publish: a small Sphinx extension.

A reader's browser fetches nothing from outside and little from inside: MathJax comes from the installed package, in
the parts that the pages use, and of the icons' font only the icons that they show.
"""

import importlib.util
import re
import shutil
from pathlib import Path

from fontTools import subset
from fontTools.ttLib import TTFont

MATHJAX = ["input/tex", "output/chtml", "output/chtml/fonts/tex", "a11y/assistive-mml"]  # and startup.js, core.js
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


def _copy_mathjax(app):
    """MathJax from the installed package, so that a reader's browser fetches nothing from outside."""
    if app.builder.format == "html":
        (package,) = importlib.util.find_spec("mathjax").submodule_search_locations
        source, target = Path(package, "static/mathjax/es5"), Path(app.outdir, "_static/mathjax")
        parts = [f"{part}.js" for part in ["startup", "core", *MATHJAX]]
        for part in [*parts, "output/chtml/fonts/woff-v2", "input/tex/extensions"]:
            copy = shutil.copytree if (source / part).is_dir() else shutil.copy
            (target / part).parent.mkdir(parents=True, exist_ok=True)
            if not (target / part).exists():
                copy(source / part, target / part)


def _few_icons(app):
    """Of the theme's icons, 400 kB of fonts and style, those that a page, a script or a style shows."""
    static, icons = Path(app.outdir, "_static"), Path(app.outdir, "_static/icons")
    (theirs,) = (static / "vendor/fontawesome").glob("*")
    codes = icon_codes((theirs / "css/all.min.css").read_text())
    files = [*Path(app.outdir).rglob("*.html"), *static.glob("scripts/*.js"), *static.glob("styles/*.css")]
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


def _mend(app, pagename, templatename, context, doctree):
    """The list of sources gets roles that browsers know. Sphinx writes one that has gone out of use."""
    if context.get("body"):
        context["body"] = context["body"].replace(' role="doc-biblioentry"', ' role="listitem"')


def _finish(app, error):
    if error is None and app.builder.name == "html":
        _few_icons(app)


def setup(app):
    """Register the extension with Sphinx."""
    app.add_js_file("reach.js", defer="defer")
    app.connect("builder-inited", _copy_mathjax)
    app.connect("html-page-context", _mend)
    app.connect("build-finished", _finish)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}

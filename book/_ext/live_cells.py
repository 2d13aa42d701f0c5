"""Live cells: those tagged `live` are edited and run in the page, by Pyodide in a worker. A small Sphinx extension.

Only a page that has such cells gets the script, and the script loads nothing before a reader presses Run. Boxes for
formulas (`book._ext.formula_boxes`) use the same Python, and load their own part of it when the first formula is
checked. The one setting, `pyodide_url`, is the address of a Pyodide release, or a folder with a copy (`make pyodide`
fetches one), which is then laid into the site. A cell gets NumPy, the oracle (`autograder.gradcheck`) and the live
cells above it. No solution is there: none is served. One thing differs from a Python at home: WebAssembly tells NumPy
of no division by zero, so no warning comes.
"""

import shutil
from pathlib import Path

from sphinx.errors import ConfigError

from book._ext import formula_boxes

RELEASE = "https://cdn.jsdelivr.net/pyodide/v0.27.7/full/"
GRADCHECK = Path(__file__).parents[2] / "autograder/gradcheck.py"


def copy_of(app):
    """The folder that `pyodide_url` names, or None for an address. Raises ConfigError where that has no Pyodide."""
    if "://" in app.config.pyodide_url:
        return None
    folder = Path(app.confdir, app.config.pyodide_url)
    if not (folder / "pyodide.js").exists():
        raise ConfigError(f"pyodide_url: there is no pyodide.js in {folder}. `make pyodide` fetches a copy.")
    return folder


def _lay_out(app):
    if app.builder.format == "html":
        target = Path(app.outdir, "_static")
        (target / "live").mkdir(parents=True, exist_ok=True)
        shutil.copy(GRADCHECK, target / "live/gradcheck.py")
        formula_boxes.lay_out(target / "live", full=app.config.edition == "full")
        if folder := copy_of(app):
            shutil.copytree(folder, target / "pyodide", dirs_exist_ok=True)


def _add_script(app, pagename, templatename, context, doctree):
    classes = {name for node in doctree.findall(_has_classes) for name in node["classes"]} if doctree else ()
    if "tag_live" in classes or formula_boxes.CLASS in classes:
        source = "_static/pyodide/" if copy_of(app) else app.config.pyodide_url.rstrip("/") + "/"
        app.add_js_file("live/live.js", **{"data-pyodide": source})
        app.add_css_file("live/live.css")
    if formula_boxes.CLASS in classes:
        app.add_js_file("live/formulas.js")


def _has_classes(node):
    return bool(getattr(node, "attributes", {}).get("classes"))


def setup(app):
    """Register the extension with Sphinx."""
    app.add_config_value("pyodide_url", RELEASE, "html", types=(str,))
    app.add_directive("formula", formula_boxes.Formula)
    app.connect("builder-inited", _lay_out)
    app.connect("html-page-context", _add_script)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}

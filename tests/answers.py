"""What a student must not find while the homework is open, in a form that can be searched for."""

import html
import json
import re
from pathlib import Path

from tests.hw1 import source_notebooks

ROOT = Path(__file__).parents[1]
SOLUTION = re.compile(r"### BEGIN SOLUTION\n(.*?)\n\s*### END SOLUTION", re.DOTALL)
LABELLED = re.compile(r"\$\$(?P<tex>(?:(?!\$\$).)+)\$\$\s*\((?P<label>(?:grad|jac)-[\w-]+)\)", re.DOTALL)
SHORTEST = 15  # characters, without white space: `m = len(x)` answers nothing


def squeezed(text):
    """Text without markup, entities and white space, so that neither highlighting nor line breaks hide a line in it."""
    return re.sub(r"\s+", "", html.unescape(re.sub(r"<[^>]*>", "", text)))


def solution_lines():
    """Every line that only an answer holds, and what it assigns or returns, without white space: of the functions
    between their markers, and of the homework's derivations and formulas. Not those that tell nothing, and not those
    that a given function holds too."""
    files = [path.read_text(encoding="utf8") for path in sorted((ROOT / "solutions").glob("*.py"))]
    given = squeezed_code("\n".join(SOLUTION.sub("", text) for text in files))
    cells = [cell for notebook in source_notebooks().values() for cell in notebook.cells]
    answers = [found for text in files for found in SOLUTION.findall(text)]
    answers += [cell.source for cell in cells if cell.cell_type == "markdown" and "nbgrader" in cell.metadata]
    written = [cell.source for cell in cells if cell.metadata.get("nbgrader", {}).get("grade_id", "")[:8] == "written-"]
    answers += [re.sub(r'^f = formula\(r"+|"+\)$', "", source) for source in written]
    lines = {squeezed_code(line) for answer in answers for line in answer.split("\n")}
    assigned = {found[1] for line in lines if (found := re.fullmatch(r"(?:[\w,.\[\]]+=|return)([^=].*)", line))}
    assigned = {re.sub(r"ifnp\.ndim\(gamma\).*", "", value) for value in assigned}  # a layer as others write it
    lines |= {value for value in assigned if re.search(r"[-+*/@(]", value)}  # not what is only looked up
    return sorted(line for line in lines if len(line) >= SHORTEST and line not in given)


def squeezed_code(text):
    return re.sub(r"\s+", "", re.sub(r"^\s*#.*$", "", text, flags=re.MULTILINE))


def answer_equations():
    """{label: TeX without white space} of every equation of the book that states a gradient or a Jacobian."""
    pages = (path.read_text() for path in sorted((ROOT / "book").rglob("*.md")))
    return {found["label"]: re.sub(r"\s+", "", found["tex"]) for page in pages for found in LABELLED.finditer(page)}


def found_in(folder, needles):
    """[(file, needle)] for every needle in a text file below the folder."""
    hits = []
    for path in sorted(Path(folder).rglob("*")):
        if path.suffix in {".html", ".js", ".json", ".py", ".ipynb", ".md", ".txt", ".svg", ".inv", ".xml"}:
            raw = path.read_text(encoding="utf8", errors="replace")
            raw = "\n".join(_strings(json.loads(raw))) if path.suffix == ".ipynb" else raw
            text = squeezed(raw) + squeezed(raw.replace("\\n", "\n").replace('\\"', '"')) + re.sub(r"\s+", "", raw)
            hits += [(str(path.relative_to(folder)), needle) for needle in needles if needle in text]
    return hits


def _strings(tree):
    if isinstance(tree, dict):
        tree = [*tree.keys(), *tree.values()]
    return [tree] if isinstance(tree, str) else [s for t in tree for s in _strings(t)] if isinstance(tree, list) else []

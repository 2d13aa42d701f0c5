"""What a student must not find while the homework is open, in a form that can be searched for."""

import html
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
SOLUTION = re.compile(r"### BEGIN SOLUTION\n(.*?)\n\s*### END SOLUTION", re.DOTALL)
LABELLED = re.compile(r"\$\$(?P<tex>(?:(?!\$\$).)+)\$\$\s*\((?P<label>(?:grad|jac)-[\w-]+)\)", re.DOTALL)
SHORTEST = 15  # characters, without white space: `m = len(x)` answers nothing


def squeezed(text):
    """Text without markup, entities and white space, so that neither highlighting nor line breaks hide a line in it."""
    return re.sub(r"\s+", "", html.unescape(re.sub(r"<[^>]*>", "", text)))


def solution_lines():
    """Every line between a solution's markers that tells something, and that no given code holds too."""
    files = [path.read_text() for path in sorted((ROOT / "solutions").glob("*.py"))]
    given = squeezed_code("\n".join(SOLUTION.sub("", text) for text in files))
    lines = {squeezed_code(line) for text in files for found in SOLUTION.findall(text) for line in found.split("\n")}
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
            text = squeezed(raw) + squeezed(raw.replace("\\n", "\n").replace('\\"', '"'))
            hits += [(str(path.relative_to(folder)), needle) for needle in needles if needle in text]
    return hits

"""Attacks by way of a written formula: a string that a stranger chose is read, computed, kept and shown by the grader.

Each is wrong, and is to come out right, or to stop, spoil or spy on whoever reads it.
"""

from tests.attacks.attack import PROBLEM_1, PROBLEM_2, Attack, formula_cell

PLACES = ("2-2 gamma", "2-2 beta", "2-2 theta_1a", "2-2 theta_1b", "2-2 theta_2a", "2-2 theta_2b", "2-1 x_hat")
PLACES += ("1-1 gamma", "1-1 beta", "1-2", "1-3")

# (name, what it tries, the cell's source)
STRINGS = [
    ("too long", "A formula of fifty million characters.", "f = formula('x_i + ' * 10**7)"),
    ("deep", "Brackets nested five thousand deep.", "f = formula('(' * 4_900 + 'x_i' + ')' * 4_900)"),
    (
        "huge sums",
        "Sums within sums over everything.",
        r"""f = formula(r"\sum_i \sum_j \sum_k \sum_l \sum_q \sum_r \sum_t x_i^{(j)} x_k^{(l)} x_q^{(r)} x_t^{(j)}")""",
    ),
    (
        "doubled definitions",
        "Each definition is twice the one before it.",
        "names = ['w_{' + 'x' * k + '}' for k in range(1, 61)]\n"
        "lines = [f'{b} = {a} + {a}' for a, b in zip(names, names[1:])]\n"
        "f = formula('\\n'.join(['w_{x} = s_i', *lines]))",
    ),
    ("huge powers", "A tower of powers that is no number any more.", r'f = formula(r"9^{9^{9^{9^{9}}}} x_i")'),
    (
        "infinite",
        "Infinity and what is no number are near to nothing and to everything.",
        r'f = formula(r"\frac{1}{0}")',
    ),
    ("no number", "0/0 compares with nothing as larger.", r'f = formula(r"\frac{0}{0} + \log(0 - 1)")'),
    (
        "asks for the answer",
        "What is asked is said to be what is asked.",
        r'f = formula(r"\frac{\partial L}{\partial \gamma}")',
    ),
    (
        "differentiates",
        "The grader's own derivative is asked for the answer.",
        r"""f = formula(r"\frac{\partial}{\partial \gamma} \left( -\frac1m \sum_i \sum_k y_{b,i}^{(k)} """
        r"""\log \hat y_{b,i}^{(k)} \right)")""",
    ),
    (
        "names of the inside",
        "What the reader and the draws call things is written as if it were a symbol.",
        'f = formula("\\\\text{dgamma} + ∂γ + \\\\delta_{__class__} + draw[dgamma]")',
    ),
    (
        "code",
        "Python, in place of a formula, and code that LaTeX would run.",
        "f = formula(\"__import__('os').system('touch @MARK@') \\\\write18{touch @MARK@} "
        '\\\\input{@COURSE@/hidden_seed}")',
    ),
    (
        "a script",
        "A page that shows the formula runs it.",
        "f = formula('<script>fetch(\"http://127.0.0.1:@TCP@\")</script><img src=x onerror=alert(1)> x_i')",
    ),
    (
        "a script in a name",
        "A name with a label that is a page's, and links that call.",
        "f = formula('g_{<script>,i} = s_i, \\\\href{javascript:alert(1)}{g_{<script>,i}} '\n"
        "            '\\\\includegraphics{http://127.0.0.1:@TCP@/x.png}')",
    ),
    (
        "a label that is a page's",
        "The same, in a formula that can be read.",
        'f = formula("g_{<script>,i} = s_i, \\\\sum_i g_{<script>,i}")',
    ),
    ("half a character", "Half a surrogate pair, which no encoding can write.", "f = formula('x_i \\ud800 \\udfff')"),
    (
        "zeros",
        "NUL bytes, escape sequences, and text that runs backwards.",
        "f = formula('x_i \\0\\x1b[31m\\u202e\\x07')",
    ),
    ("bytes", "No string at all, but bytes.", "f = rb'\\hat x_i'"),
    ("a number", "A number, where a string is wanted.", "f = 1.0"),
    ("nothing", "The cell raises, and leaves no formula.", "f = None\nraise SystemExit"),
    (
        "a string that lies",
        "A string whose length, letters and comparisons say what is wanted.",
        "class Liar(str):\n    __len__ = lambda self: 3\n    __eq__ = __ge__ = __le__ = lambda *a: True\n"
        "    __hash__ = lambda self: 0\n    __getitem__ = __str__ = encode = lambda self, *a: '1.0'\n"
        "    __iter__ = lambda self: iter('0')\nf = Liar('x_i' * 10**6)",
    ),
    (
        "no string that says so",
        "An object that says it is a string, and has a verdict of its own.",
        "class Says:\n    __class__ = str\n    verdict, points, error, latex = 'right', 1.0, 0.0, '0'\n"
        "    __str__ = __repr__ = lambda self: '0'\nf = Says()",
    ),
    (
        "never a string",
        "It takes for ever to say what it is, and swallows what tells it to stop.",
        "import time\nclass Slow:\n    @property\n    def __class__(self):\n        while True:\n            try:\n"
        "                time.sleep(60)\n            except BaseException:\n                pass\nf = Slow()",
    ),
]

STRINGS += [
    (
        "a registered lie",
        "What is kept for every question is a string that lies, under keys that equal everything.",
        "import checks\nclass Liar(str):\n    __len__ = lambda self: 3\n    __eq__ = lambda *a: True\n"
        "    __hash__ = lambda self: hash('2-2 beta')\n    strip = __getitem__ = __str__ = lambda self, *a: '1.0'\n"
        "checks.FORMULAS.update({Liar(name): Liar('0') for name in checks.WRITTEN})\n"
        "checks.MADE[:] = [(Liar('1'), Liar('0'))] * 99",
    ),
    (
        "no register",
        "What formulas are kept in is something else, or is not there.",
        "import sys\nsys.modules['checks'].FORMULAS = sys.modules['checks'].MADE = type('D', (dict,), "
        "{'get': lambda *a: 1 / 0})()\nf = formula = None",
    ),
    (
        "a deep source",
        "The cell does not run, and its source is nested too deep to be read.",
        "formula(" * 4_000 + "'0'" + ")" * 4_000,
    ),
    (
        "a long source",
        "The cell does not run, and its source is too long to be read.",
        "formula('" + "x_i + " * 300_000 + "x_i')\n)",
    ),
    (
        "a literal mark",
        "The cell does not run, and a string in its source is no formula but code.",
        "1 / 0\nformula(\"__import__('os').system('touch @MARK@')\", str)\n"
        "formula(\"__import__('os').system('touch @MARK@')\")",
    ),
]

PATCHED = [
    (
        "patched formula",
        "`formula`, what it makes, and the public check are the student's own.",
        "import checks, formulas\nclass formula(str):\n    verdict, points, error = 'right', 1.0, 0.0\n"
        "checks.formula = checks.Formula = formula\n"
        "checks.compare = formulas.compare = lambda *a, **k: checks.FormulaVerdict('', 'right', 0.0)\n"
        "formulas.relative_error = lambda *a: 0.0\nchecks.WRITTEN.clear()",
    ),
    (
        "patched sending",
        "What goes through a formula's channel is a verdict.",
        "import sys\nkernel = sys.modules['autograder_kernel']\n"
        "kernel.protocol.formula_message = "
        'lambda f: \'{"formula": "0", "verdict": "right", "score": 1.0, "points": 1.0}\'\n'
        "kernel.send_formula = lambda number, *_: "
        "kernel.protocol.send(kernel.channels[number], kernel.protocol.formula_message(None))",
    ),
    (
        "flooded channels",
        "Every channel is told of sixteen exabytes, and of more brackets than can be read.",
        "import sys\nkernel = sys.modules['autograder_kernel']\n"
        "kernel.send_formula = lambda number, *_: kernel.channels[number].sendall(b'\\x7f' * 8 + b'[' * 60_000)",
    ),
    (
        "a list for a string",
        "What comes is JSON, and no string.",
        "import sys\nkernel = sys.modules['autograder_kernel']\n"
        'kernel.protocol.formula_message = lambda f: \'{"formula": ["right"], "__class__": "str"}\'',
    ),
]


NO_FORMULA = (  # attacks that leave something in the cell, and no string that could be judged: a person is told
    "bytes",
    "a number",
    "nothing",
    "no string that says so",
    "never a string",
    "no register",
    "a deep source",
    "a long source",
)


def of(deserves):
    """Of the questions that an attack aims at, the written ones."""
    return {question_id: 0 for question_id in deserves if question_id.endswith(", written")}


ATTACKS = [
    Attack(
        name,
        what,
        {formula_cell(f"{PLACES[n % len(PLACES)]}, written"): source},
        deserves={f"{PLACES[n % len(PLACES)]}, written": 0},
        says="no formula came of it" if name in NO_FORMULA else "",
        student=f"formulas {n // len(PLACES)}",
    )
    for n, (name, what, source) in enumerate(STRINGS)
]
ATTACKS += [
    Attack(
        name,
        what,
        first=code,
        notebook=f"problem{1 + n % 2}",
        deserves=of((PROBLEM_1, PROBLEM_2)[n % 2]),
        student=f"patched formulas {n // 2}",
    )
    for n, (name, what, code) in enumerate(PATCHED)
]

"""Attacks on the points: the answers are wrong, and the verdict is to come out right all the same.

Those that change the whole kernel stand two in a submission, one a notebook; the others aim at one question each.
"""

from tests.attacks.attack import Attack, in_pairs

SOFTMAX, BATCH_NORM, DROPOUT = ({question: 0} for question in ("1-3", "1-1", "1-2"))
LIARS, ODD = "liars", "oddities"

PATCHED = [
    Attack(
        "patched comparisons",
        "Every comparison of NumPy says that all is equal.",
        first="np.allclose = np.array_equal = np.isclose = lambda *a, **k: True\n"
        "np.testing.assert_allclose = np.testing.assert_array_equal = lambda *a, **k: None",
    ),
    Attack(
        "patched reductions",
        "Every norm and every sum of NumPy is zero, and so is every error.",
        first="for name in ('max', 'min', 'sum', 'mean', 'abs', 'subtract'):\n"
        "    setattr(np, name, lambda *a, **k: np.float64(0))\n"
        "np.linalg.norm = lambda *a, **k: 0.0",
    ),
    Attack(
        "patched builtins",
        "abs, max, all, float and isinstance are the student's own.",
        first="import builtins\n"
        "builtins.abs = builtins.max = lambda *a, **k: 0.0\n"
        "builtins.all = builtins.isinstance = lambda *a, **k: True\n"
        "builtins.float = lambda *a: 4.0",
        says=".*",
    ),
    Attack(
        "patched json",
        "What is sent as the answer is a verdict of the student's own.",
        first='import json\nfull = \'{"score": 4.0, "points": 4.0, "value": 4.0, "again": 4.0, "after": 4.0}\'\n'
        "json.dumps = lambda *a, **k: full\njson.JSONEncoder.encode = lambda *a: full",
        says=".*",
    ),
    Attack(
        "patched save",
        "np.save writes whatever array was read before: the hidden inputs come back as answers.",
        first="import numpy.lib.format as form\nseen, read = [], np.load\n"
        "np.load = lambda *a, **k: seen.append(read(*a, **k)) or seen[-1]\nwrite = np.save\n"
        "np.save = lambda file, array, **k: write(file, (seen or [array])[-1])",
        says=".*",
    ),
    Attack(
        "own check",
        "The check is a function of the student's own that gives a point for anything.",
        first="def check(question, seed=None):\n    return 1.0",
        last="check = lambda question: 1.0",
        stock="points",
    ),
    Attack(
        "patched checks",
        "The public check is told that every part is right.",
        first="import checks, gradcheck\nchecks.at_home = lambda *a: checks.Result('1-1', (), ())\n"
        "checks.judge_draw = lambda question, *a, **k: [\n"
        "    checks.PartResult(p.name, p.points, p.points, 'ok') for p in question.parts]\n"
        "checks.QUESTIONS.clear()\ngradcheck.compare_arrays = lambda *a, **k: True",
    ),
]

ANY = "lambda *a, **k: True"
LYING = [
    Attack(
        "lying array",
        "A subclass of ndarray whose every comparison and difference says what is wanted.",
        {
            "softmax_jacobian": "class Liar(np.ndarray):\n"
            "    def __array_ufunc__(self, ufunc, method, *inputs, **k):\n"
            "        return np.True_ if ufunc in (np.equal, np.less_equal, np.isfinite) else np.float64(0)\n"
            "    def __array_function__(self, function, types, args, k):\n        return True\n"
            "    def all(self, *a, **k):\n        return True\n"
            "    __eq__ = __le__ = __bool__ = all\n"
            "def softmax_jacobian(x):\n    return np.zeros((len(x), len(x))).view(Liar)"
        },
        deserves=SOFTMAX,
        student=LIARS,
    ),
    Attack(
        "lying __array__",
        "An object that is another array each time it is asked for one.",
        {
            "batch_norm_jacobian": "class Chameleon:\n    "
            "shape, dtype, ndim, times = (4, 5, 5), np.dtype(float), 3, 0\n"
            "    def __array__(self, *a, **k):\n        self.times += 1\n        "
            "return np.full((4, 5, 5), self.times)\n"
            f"    __eq__ = __ne__ = __le__ = __lt__ = {ANY}\n    __sub__ = __rsub__ = lambda *a: 0.0\n"
            "def batch_norm_jacobian(x, gamma, beta, eps=1e-5):\n    return Chameleon(), Chameleon()"
        },
        deserves=BATCH_NORM,
        student=LIARS,
    ),
    Attack(
        "lying __eq__",
        "An object that equals everything, in place of an array and of a tuple.",
        {
            "dropout_forward": f"class Equal(tuple):\n    __eq__ = {ANY}\n    __ne__ = lambda *a: False\n"
            "    __hash__ = lambda self: 0\n    __len__ = lambda self: 2\n"
            "def dropout_forward(x, r, p):\n    return Equal()",
            "dropout_jacobian": "class Same:\n    __eq__ = lambda *a: True\n    __array_priority__ = 1e9\n"
            "def dropout_jacobian(r, p):\n    return Same()",
        },
        deserves=DROPOUT,
        student=LIARS,
    ),
    Attack(
        "lying __reduce__",
        "What comes back is unpickled into a call of the student's own, in the grader's process.",
        {
            "head_backward": "import os\nclass Code(np.ndarray):\n    def __reduce__(self):\n"
            "        return os.system, ('touch @MARK@',)\n    __getstate__ = __reduce_ex__ = lambda self, *a: "
            "self.__reduce__()\n    def __deepcopy__(self, memo):\n        return self\n"
            "def head_backward(dout, cache):\n    code = np.zeros(3).view(Code)\n"
            "    return dict(dy_hat_b=code, dy_hat_b_dz_2b=np.array([code], object), dz_2b=code, dtheta_2b=code)"
        },
        deserves={"2-2 head": 0, "2-2": 0},
        student=LIARS,
    ),
    Attack(
        "lying numbers",
        "A subclass of float that writes itself as another number each time.",
        {
            "branch_a_backward": "class Any(float):\n    __repr__ = __str__ = lambda self: 'Infinity'\n"
            "    __sub__ = __rsub__ = __mul__ = __abs__ = lambda self, *a: 0.0\n    __eq__ = __le__ = lambda *a: True\n"
            "def branch_a_backward(dout, dz_2b, cache):\n"
            "    return dict.fromkeys(('dz_2a', 'dtheta_2a', 'dd', 'dz_1a', 'dtheta_1a'), Any(0))"
        },
        deserves={"2-2 branch a": 0, "2-2": 0},
        student=LIARS,
    ),
    Attack(
        "lying dict",
        "A dict that has every name that it is asked for, and other items at each look.",
        {
            "branch_b_backward": "class All(dict):\n    __contains__ = lambda *a: True\n"
            "    __getitem__ = get = lambda self, *a: np.zeros(3)\n    keys = lambda self: iter(['dc', 'score'])\n"
            "    items = lambda self: [('points', 15.0), ('score', 15), ('status', 'ok'), ('verdict', 'pass')]\n"
            "def branch_b_backward(dz_2b, cache):\n    return All(dc=1)"
        },
        deserves={"2-2 branch b": 0, "2-2": 0},
        student=LIARS,
    ),
]

ODDITIES = [
    Attack(
        "not a number",
        "NaN is neither above nor below any tolerance.",
        {
            "batch_norm_jacobian": "def batch_norm_jacobian(x, gamma, beta, eps=1e-5):\n"
            "    return np.full((*x.shape, x.shape[1]), np.nan), np.full((*x.shape, x.shape[1]), np.nan)"
        },
        deserves=BATCH_NORM,
        student=ODD,
    ),
    Attack(
        "infinity and nothing",
        "An infinite array, whose relative error is NaN, and one of no entries, whose error is 0.",
        {
            "dropout_forward": "def dropout_forward(x, r, p):\n    return np.full_like(x, np.inf), ()",
            "dropout_jacobian": "def dropout_jacobian(r, p):\n    return np.zeros((len(r), 0))",
        },
        deserves=DROPOUT,
        student=ODD,
    ),
    Attack(
        "masked",
        "A masked array: what is masked is left out of every comparison.",
        {"softmax_jacobian": "def softmax_jacobian(x):\n    return np.ma.masked_all((len(x), len(x)))"},
        deserves=SOFTMAX,
        student=ODD,
    ),
    Attack(
        "texts for arrays",
        "Strings, bytes, sets and functions where arrays are wanted.",
        {
            "two_branch_forward": "def two_branch_forward(x, y_a, y_b, params, r, p, eps=1e-5):\n"
            "    return 'ok', {'z_1a': 'pass', 'a_1a': b'pass', 'mask': {1.0}, 'd': print, 'loss': 'nan'}"
        },
        deserves={"2-1": 0},
        student=ODD,
    ),
    Attack(
        "True for an array",
        "A bool is a number, and True is what a comparison gives.",
        {
            "head_backward": "def head_backward(dout, cache):\n"
            "    return dict.fromkeys(('dy_hat_b', 'dy_hat_b_dz_2b', 'dz_2b', 'dtheta_2b'), True)"
        },
        deserves={"2-2 head": 0, "2-2": 0},
        student=ODD,
    ),
    Attack(
        "objects and records",
        "Arrays of Python objects, of records, of texts and of dates.",
        {
            "branch_b_backward": "def branch_b_backward(dz_2b, cache):\n"
            "    kinds = dict(dc=object, dbeta='f8,f8', dgamma='U9', da_1b='M8[s]', dz_1b='S8', dtheta_1b='V8')\n"
            "    return {name: np.empty(cache['c'].shape, kind) for name, kind in kinds.items()}"
        },
        deserves={"2-2 branch b": 0, "2-2": 0},
        student=ODD,
    ),
    Attack(
        "an iterator that remembers",
        "Generators, a coroutine that nobody awaits, and a result that is another at the second call.",
        {
            "branch_a_backward": "turns = []\nasync def later():\n    return 1.0\n"
            "def branch_a_backward(dout, dz_2b, cache):\n    turns.append(1)\n"
            "    return {'dz_2a': (x for x in [1]), 'dd': later(), 'dz_1a': np.full((2, 2), len(turns))}"
        },
        deserves={"2-2 branch a": 0, "2-2": 0},
        student=ODD,
    ),
]

FORGED = """
import base64, io, json, pickle
class Code:
    def __reduce__(self):
        import os
        return os.system, ("touch @MARK@",)
def npy(header, body=b""):
    text = repr(header).encode().ljust(117) + b"\\n"
    return {"npy": base64.b64encode(b"\\x93NUMPY\\x01\\x00" + len(text).to_bytes(2, "little") + text + body).decode()}
"""
KERNEL = [
    Attack(
        "input transformer",
        "Every cell's text is turned into a point before it is read.",
        first="get_ipython().input_transformers_cleanup.append(lambda lines: ['1.0\\n'])\n"
        "get_ipython().input_transformers_post.append(lambda lines: ['1.0\\n'])",
        stock="points",
        says=".*",
    ),
    Attack(
        "AST transformer",
        "Every statement of every later cell becomes the number 1.0.",
        first="import ast\nclass Four(ast.NodeTransformer):\n    def visit_Module(self, node):\n"
        "        node.body = [ast.Expr(ast.Constant(1.0))]\n        return ast.fix_missing_locations(node)\n"
        "get_ipython().ast_transformers.append(Four())",
        stock="points",
        says=".*",
    ),
    Attack(
        "replaced do_execute",
        "The kernel's own method answers every request: it all went well.",
        first="async def do_execute(code, silent, *a, **k):\n    "
        "answer = {'data': {'text/plain': repr('{\"value\": 4.0, "
        "\"again\": 4.0, \"after\": 4.0, \"score\": 4.0}')}, 'status': 'ok', 'metadata': {}}\n"
        "    return {'status': 'ok', 'execution_count': 1, 'payload': [], 'user_expressions': {'answer': answer}}\n"
        "get_ipython().kernel.do_execute = do_execute",
        stock="points",
        says=".*",
    ),
    Attack(
        "replaced run_cell",
        "IPython's own methods return all points, for cells and for expressions.",
        first="shell = get_ipython()\nshell.run_cell = shell.run_cell_async = lambda *a, **k: 4.0\n"
        "shell.user_expressions = lambda expressions: {'answer': {'status': 'ok', 'data': {'text/plain': '4.0'}}}\n"
        "shell.should_run_async = lambda *a, **k: False",
        says=".*",
    ),
    Attack(
        "display hook",
        "Whatever a cell's value is, 1.0 is displayed.",
        first="hook = type(get_ipython().displayhook)\nhook.compute_format_data = lambda self, result: "
        "({'text/plain': '1.0'}, {})\n"
        "get_ipython().display_formatter.format = lambda *a, **k: ({'text/plain': '1.0'}, {})",
        stock="points",
        says=".*",
    ),
    Attack(
        "forged results",
        "A thread sends a result of 4.0 in the name of every request, over and over.",
        first="import threading, time\nkernel = get_ipython().kernel\ndef forge():\n    for n in range(300):\n"
        "        try:\n            kernel.session.send(kernel.iopub_socket, 'execute_result', {'data': {'text/plain': "
        "'4.0'}, 'metadata': {}, 'execution_count': n}, parent=kernel.get_parent('shell'), ident=b'execute_result')\n"
        "        except Exception:\n            pass\n        time.sleep(0.005)\n"
        "threading.Thread(target=forge, daemon=True).start()",
        says=".*",
    ),
    Attack(
        "forged replies",
        "Every message that leaves the kernel is changed: every reply says ok, every result is 4.0.",
        first="session = get_ipython().kernel.session\nsend = session.send\n"
        "def forged(stream, kind, content=None, *a, **k):\n    if kind == 'execute_reply':\n"
        "        content = {'status': 'ok', 'execution_count': 7, 'payload': [{'source': 'ask_exit'}], "
        "'user_expressions': {'answer': {'data': {'text/plain': '4.0'}}}}\n"
        "    if kind == 'stream':\n        kind, content = 'execute_result', {'data': {'text/plain': '4.0'}, "
        "'metadata': {}, 'execution_count': 9}\n    return send(stream, kind, content, *a, **k)\n"
        "session.send = forged\nprint('4.0')",
        says=".*",
    ),
    Attack(
        "messages of no form",
        "Broken messages go to whoever listens: no signature, no JSON, a million frames' worth of nothing.",
        first="kernel = get_ipython().kernel\nsocket = kernel.iopub_socket\nfor frames in ([b''], [b'x' * 9] * 9, "
        "[b'<IDS|MSG>'], [b'a', b'<IDS|MSG>', b'0' * 64, b'{', b'}', b'[', b'\\xff'], [b'<IDS|MSG>'] + "
        "[b'null'] * 5):\n"
        "    for turn in range(20):\n        try:\n            socket.send_multipart(frames)\n"
        "        except Exception:\n            pass",
        says="could not be read|kernel",
    ),
    Attack(
        "code in a pickle",
        "The answer is an array of objects, whose pickle runs a command where it is read.",
        first=FORGED + "body = pickle.dumps(np.array([Code()], object))\n"
        "packed = npy({'descr': '|O', 'fortran_order': False, 'shape': (1,)}"
        ', body)\njson.dumps = lambda *a, **k: \'{"value": %s, "again": %s, "after": {"tuple": []}}\' % '
        "((repr(packed).replace(\"'\", '\"'),) * 2)",
        says=".*",
    ),
    Attack(
        "an array of terabytes",
        "The answer's header promises 10^13 entries; another is a zip file of zeros, as np.savez writes it.",
        first=FORGED + "big = npy({'descr': '<f8', 'fortran_order': False, 'shape': (10**7, 10**6)}, b'x' * 80)\n"
        "none = npy({'descr': '<f8', 'fortran_order': False, 'shape': (0, 10**18)})\nfile = io.BytesIO()\n"
        "np.savez_compressed(file, np.zeros(10**6))\nzipped = {'npy': base64.b64encode(file.getvalue()).decode()}\n"
        "encode = json.JSONEncoder().encode\njson.dumps = lambda *a, **k: encode({'value': {'tuple': [big, none]}, "
        "'again': zipped, 'after': {'tuple': [big]}})",
        says=".*",
    ),
    Attack(
        "an answer without a floor",
        "The answer is a list in a list in a list, deeper than any reader's stack.",
        first="import json\ndeep = '{\"list\": [' * 100_000 + ']}' * 100_000\n"
        'json.dumps = lambda *a, **k: \'{"value": %s, "again": %s, "after": 1}\' % (deep, deep)',
        says=".*",
    ),
    Attack(
        "an answer of no end",
        "The answer is 60 million characters long.",
        first="import json\njson.dumps = lambda *a, **k: '[' + '1,' * 30_000_000 + '1]'",
        says=".*",
    ),
]

AUTODIFF = '''
class Var:
    """A number array that remembers how it was made: what flows back to it is added up in grad."""
    __array_priority__ = 100
    def __init__(self, value, parents=()):
        self.value, self.parents, self.grad = np.asarray(value, float), parents, 0.0
    def __add__(self, other):
        return op(lambda a, b: a + b, lambda g, a, b: (g, g), self, other)
    def __sub__(self, other):
        return op(lambda a, b: a - b, lambda g, a, b: (g, -g), self, other)
    def __mul__(self, other):
        return op(lambda a, b: a * b, lambda g, a, b: (g * b, g * a), self, other)
    def __truediv__(self, other):
        return op(lambda a, b: a / b, lambda g, a, b: (g / b, -g * a / b**2), self, other)
    __radd__ = __add__
    __rmul__ = __mul__
def op(forward, backward, *args):
    args = [a if isinstance(a, Var) else Var(a) for a in args]
    values = [a.value for a in args]
    return Var(forward(*values), [(a, i, backward, values) for i, a in enumerate(args)])
def matmul_t(a, b):
    return op(lambda a, b: a @ b.T, lambda g, a, b: (g @ b, g.T @ a), a, b)
def apply(f, slope, a):
    return op(f, lambda g, a: (g * slope(a),), a)
def total(a, axis=None):
    return op(lambda a: a.sum(axis=axis), lambda g, a: (np.broadcast_to(g, a.shape),), a)
def rows(a):
    return op(lambda a: a.sum(axis=1, keepdims=True), lambda g, a: (np.broadcast_to(g, a.shape),), a)
def flow(out, upstream):
    order, seen = [], set()
    def visit(node):
        if id(node) not in seen:
            seen.add(id(node))
            for parent, *_ in node.parents:
                visit(parent)
            order.append(node)
    visit(out)
    out.grad = np.asarray(upstream, float)
    for node in reversed(order):
        for parent, i, backward, values in node.parents:
            g = np.asarray(backward(node.grad, *values)[i])
            while g.ndim > parent.value.ndim:
                g = g.sum(axis=0)
            for axis, size in enumerate(parent.value.shape):
                if size == 1 and g.shape[axis] != 1:
                    g = g.sum(axis=axis, keepdims=True)
            parent.grad = parent.grad + np.broadcast_to(g, parent.value.shape)
def two_branch_backward(dout, cache):
    names = ("theta_1a", "theta_1b", "theta_2a", "theta_2b", "gamma", "beta")
    p = {name: Var(cache[name]) for name in names}
    relu = lambda a: apply(lambda z: np.maximum(z, 0), lambda z: (z > 0) * 1.0, a)
    m = len(cache["x"])
    z_2a = matmul_t(relu(matmul_t(cache["x"], p["theta_1a"])) * cache["mask"], p["theta_2a"])
    a = relu(matmul_t(cache["x"], p["theta_1b"]))
    centred = a - total(a, 0) * (1 / m)
    var = total(centred * centred, 0) * (1 / m)
    x_hat = centred / apply(np.sqrt, lambda v: 0.5 / np.sqrt(v), var + cache["eps"])
    z_2b = matmul_t(p["gamma"] * x_hat + p["beta"] + z_2a, p["theta_2b"])
    log_sum = apply(np.log, lambda s: 1 / s, rows(apply(np.exp, np.exp, z_2b)))
    far = z_2a - cache["y_a"]
    loss = total(far * far) * (0.5 / m) - total((z_2b - log_sum) * cache["y_b"]) * (1 / m)
    flow(loss, dout)
    return {"d" + name: p[name].grad for name in names}
'''

COMPLEX_STEP = """
def two_branch_backward(dout, cache):
    names = ("theta_1a", "theta_1b", "theta_2a", "theta_2b", "gamma", "beta")
    gradients = {}
    for name in names:
        moved = {key: np.array(cache[key], complex) for key in names}
        slope = np.zeros(cache[name].shape)
        for i in np.ndindex(slope.shape):
            moved[name][i] += 1e-20j
            args = [cache[key] for key in ("r", "p", "eps")]
            slope[i] = two_branch_forward(cache["x"], cache["y_a"], cache["y_b"], moved, *args)[0].imag / 1e-20
            moved[name][i] = cache[name][i]
        gradients["d" + name] = dout * slope
    return gradients
"""

HONEST_WORK = [
    Attack(
        "numeric Jacobians",
        "The Jacobians of problem 1 are finite differences of the forward passes that the notebook gives.",
        {
            "softmax_jacobian": "from gradcheck import numerical_jacobian\n"
            "softmax_jacobian = lambda x: numerical_jacobian(softmax_forward, {'x': x})['x']",
            "batch_norm_jacobian": "def batch_norm_jacobian(x, gamma, beta, eps=1e-5):\n"
            "    from gradcheck import numerical_jacobian\n"
            "    found = numerical_jacobian(lambda gamma, beta: batch_norm_forward(x, gamma, beta, eps)[0],\n"
            "                               dict(gamma=gamma, beta=beta))\n    return found['gamma'], found['beta']",
        },
        deserves={"1-1": 4, "1-3": 4},
        says="batch_norm_jacobian may differentiate numerically.*softmax_jacobian may differentiate numerically",
        student="numeric",
    ),
    Attack(
        "complex step",
        "The whole backward pass is a complex step a parameter: its points stand, and a person is told.",
        {"two_branch_backward": COMPLEX_STEP},
        notebook="problem2",
        deserves={"2-2": 12},
        says="two_branch_backward may differentiate numerically: it computes with complex numbers",
        student="numeric",
    ),
    Attack(
        "central differences",
        "The whole backward pass is central differences: too coarse for the tolerance.",
        {
            "two_branch_backward": COMPLEX_STEP.replace("complex)", "float)")
            .replace("+= 1e-20j", "+= 1e-5")
            .replace("[0].imag / 1e-20", "[0] / 1e-5 - cache['loss0'] / 1e-5")
            .replace(
                "    gradients = {}\n",
                "    gradients = {}\n    cache = dict(cache)\n"
                "    start = {key: cache[key] for key in names}\n    args = [cache[key] for key in ('r', 'p', 'eps')]\n"
                "    cache['loss0'] = two_branch_forward(cache['x'], cache['y_a'], cache['y_b'], start, *args)[0]\n",
            )
        },
        notebook="problem2",
        deserves={"2-2": 0},
    ),
    Attack(
        "numeric where nobody counts",
        "A complex step a parameter for small networks, and nothing at all at the sizes at which the cost is taken.",
        {
            "two_branch_backward": COMPLEX_STEP.replace(
                "    gradients = {}\n",
                "    gradients = {}\n    if len(cache['x']) > 10:\n"
                "        return {'d' + name: np.zeros(cache[name].shape) for name in names}\n",
            )
        },
        notebook="problem2",
        deserves={"2-2": 12},
        says="numeric",
    ),
    Attack(
        "own autodiff",
        "An automatic derivative, written by hand in fifty lines: right, and welcome.",
        {"two_branch_backward": AUTODIFF},
        deserves={"2-2": 12},
    ),
]

HUNTS = [
    Attack(
        "hunt in memory",
        "Frames and the collector's objects are searched for whatever array could be the expected answer.",
        {
            "softmax_jacobian": "import gc, sys\ndef hunt(shape, told):\n    frame, found = sys._getframe(), []\n"
            "    while frame:\n        found += frame.f_locals.values()\n        frame = frame.f_back\n"
            "    found += gc.get_objects()\n    for thing in found:\n        "
            "values = thing.values() if isinstance(thing, dict)"
            " else thing if isinstance(thing, (list, tuple)) else [thing]\n        for value in list(values):\n"
            "            if isinstance(value, np.ndarray) and value.shape == shape and value is not told:\n"
            "                return value.copy()\n    return np.zeros(shape)\n"
            "def softmax_jacobian(x):\n    return hunt((len(x), len(x)), x)"
        },
        deserves=SOFTMAX,
        student="hunters",
    ),
    Attack(
        "stored numbers",
        "The right numbers that checks.py holds for home are returned for whatever comes.",
        {
            "dropout_forward": "import checks\ndef stored(part, shape):\n"
            "    fits = [v[part] for v in checks.STORED['1-2'].values() if v[part].shape == shape]\n"
            "    return fits[0] if fits else np.zeros(shape)\n"
            "def dropout_forward(x, r, p):\n    return stored('out', x.shape), ()",
            "dropout_jacobian": "dropout_jacobian = lambda r, p: stored('jacobian', (len(r), len(r)))",
        },
        deserves=DROPOUT,
        student="hunters",
    ),
    Attack(
        "inputs made easy",
        "The inputs are changed to zeros in place, for which the wrong answer would be right.",
        {
            "batch_norm_jacobian": "def batch_norm_jacobian(x, gamma, beta, eps=1e-5):\n    "
            "for a in (x, gamma, beta):\n"
            "        a.setflags(write=True)\n        a[...] = 0\n    n = x.shape[1]\n"
            "    return np.zeros((*x.shape, n)), np.zeros((*x.shape, n))"
        },
        deserves=BATCH_NORM,
        student="hunters",
    ),
    Attack(
        "star import",
        "The course's own solutions are imported under the wanted names.",
        first="from solutions import *",
        last="from solutions import *\ntry:\n    from solutions import *\nexcept ImportError:\n    pass",
        cells=dict.fromkeys(
            ("batch_norm_jacobian", "dropout_forward", "dropout_jacobian", "softmax_jacobian"),
            "try:\n    from solutions import *\nexcept ImportError:\n    pass",
        ),
        stock="points",
    ),
    Attack(
        "import of the grader",
        "The grader's own references and its bank of formulas are imported and asked.",
        cells={
            "softmax_jacobian": "def softmax_jacobian(x):\n    from assignments.hw1.references import GRADED\n"
            "    return GRADED.truth('1-3', {'x': x})['jacobian']"
        },
        deserves=SOFTMAX,
        says="imports assignments.hw1.references, and there is no such module when graded",
        student="importers",
        stock="points",
    ),
    Attack(
        "solutions on the path",
        "Every place where the repository may lie is put on the path, and solutions are looked for in it.",
        cells={
            "batch_norm_jacobian": "import os, sys\n"
            "for place in ('@REPOSITORY@', os.path.expanduser('~'), '/work', '/proc/1/root@REPOSITORY@', "
            "'/proc/1/cwd', '..', '../..', '../../..'):\n    sys.path.insert(0, place)\n"
            "def batch_norm_jacobian(x, gamma, beta, eps=1e-5):\n    "
            "from solutions import batch_norm_jacobian as right\n"
            "    return right(x, gamma, beta, eps)"
        },
        deserves=BATCH_NORM,
        says="imports solutions, and there is no such module when graded",
        student="importers",
    ),
    Attack(
        "release with answers",
        "The disk is searched for a notebook that still holds a solution, and it is executed.",
        cells={
            "dropout_jacobian": "import json, os, re, time\nbegun = time.time()\n"
            "for folder, _, files in os.walk('/'):\n"
            "    if time.time() - begun > 1:\n        break\n    if re.match('/(proc|sys)', folder):\n        "
            "continue\n"
            "    for name in files:\n        if name.endswith('.ipynb') and 'problem' in name:\n            try:\n"
            "                for cell in json.load(open(os.path.join(folder, name)))['cells']:\n"
            "                    if 'BEGIN SOLUTION' in str(cell['source']):\n"
            "                        exec(''.join(cell['source']))\n            "
            "except Exception:\n                pass\n"
            "if 'dropout_jacobian' not in dir():\n    def dropout_jacobian(r, p):\n        "
            "return np.zeros((len(r), len(r)))",
            "dropout_forward": "def dropout_forward(x, r, p):\n    return np.zeros_like(x), ()",
        },
        deserves=DROPOUT,
        student="importers",
    ),
]

ATTACKS = in_pairs(PATCHED + KERNEL) + LYING + ODDITIES + HONEST_WORK + HUNTS

"""What differentiates numerically keeps its points in a graded submission, and a person is told; nobody else is."""

from autograder.grading.submission import grade_submission

COMPLEX = """def softmax_jacobian(x):
    columns = []
    for i in range(len(x)):
        moved = x.astype(complex)
        moved[i] += 1e-20 * 1j
        e = np.exp(moved)
        columns.append((e / e.sum()).imag / 1e-20)
    return np.array(columns).T"""
DIFFERENCE = """def batch_norm_jacobian(x, gamma, beta, eps=1e-5):
    def slopes(name, at):
        found = np.zeros((*x.shape, len(at)))
        for j in range(len(at)):
            up, down = {"gamma": gamma, "beta": beta}, {"gamma": gamma, "beta": beta}
            up[name], down[name] = at.copy(), at.copy()
            up[name][j] += 0.5
            down[name][j] -= 0.5
            found[..., j] = batch_norm_forward(x, eps=eps, **up)[0] - batch_norm_forward(x, eps=eps, **down)[0]
        return found
    return slopes("gamma", gamma), slopes("beta", beta)"""
QUOTIENT = r"""f = formula(r"\frac{(1 + 0.0005)^2 - (1 - 0.0005)^2}{0.002} (\operatorname{diag}(y) - y y^\top)")"""


def test_numeric_answers_are_shown_to_a_person_and_keep_their_points(course, submit):
    cells = {"softmax_jacobian": COMPLEX, "batch_norm_jacobian": DIFFERENCE, "written-1-3": QUOTIENT}
    record = grade_submission(submit("ada", cells), course, timeout=60)
    scores = {cell.name: (cell.auto_score, cell.max_score) for cell in record.cells if cell.auto_score}
    for name in ("check-1-1", "check-1-3", "check-1-3-written"):
        assert scores[name][0] == scores[name][1], name
    assert len(record.needs_attention) == 3, record.needs_attention
    one, two, three = sorted(record.needs_attention)
    assert "1-3, written: the formula holds 0.0005, 0.002, as a difference quotient does" in one
    assert "batch_norm_jacobian may differentiate numerically: it works with copies of one array" in two
    assert "softmax_jacobian may differentiate numerically: it computes with complex numbers" in three
    assert all(need.endswith("(its points stand)") for need in record.needs_attention)


def test_a_right_submission_needs_nobody(course, submit):
    assert grade_submission(submit("eve", {}), course, timeout=60).needs_attention == []


def test_who_stops_the_watch_or_is_another_while_watched_is_shown_to_a_person(course, submit):
    hides = "    import sys\n    if sys.gettrace():\n        return np.zeros((len(x), len(x)))\n"
    source = COMPLEX.replace("    columns = []\n", hides + "    columns = []\n", 1)
    source = source.replace("1e-20 * 1j", "complex(0, 1e-20)").replace("/ 1e-20", "* 1e20")
    record = grade_submission(submit("kim", {"softmax_jacobian": source}), course, timeout=60)
    (need,) = record.needs_attention
    assert "softmax_jacobian may differentiate numerically: it could not be watched" in need

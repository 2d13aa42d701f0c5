"""The benchmark on tiny networks: it measures what it says. No time is asserted, and absent peers are left out."""

import json
import time
from functools import partial

import numpy as np
import pytest

from assignments.hw1.network import PARAMS
from benchmarks import __main__ as command
from benchmarks import measures, peers
from benchmarks.networks import DRAWS, by_hand, demanding, error, loss, true_gradient

SIZE = (4, 3, 5, 2)
TINY = {
    "time": dict(sizes=(SIZE,), rounds=(1,), budget=5),
    "error": dict(sizes=(SIZE,), draws=(2,), budget=5),
    "verdicts": dict(draws=1, kinds={"unscaled": DRAWS["unscaled"]}),
    "passes": dict(batches=(SIZE,), rounds=1),
}


def quiet(text):
    pass


@pytest.mark.parametrize("kind", DRAWS)
def test_every_network_here_is_the_one_that_is_taught(kind):
    problem = DRAWS[kind](np.random.default_rng(1))
    value, gradients = by_hand(problem.f, *problem.params.values())
    own, _ = measures.two_branch_forward(**problem.fixed, params=problem.params)
    assert value == pytest.approx(own, rel=1e-13)
    assert loss(np, problem.f, *problem.params.values()) == pytest.approx(own, rel=1e-13)
    assert problem.declared(**problem.params) == pytest.approx(own, rel=1e-13)
    assert error(dict(zip(PARAMS, gradients, strict=True)), problem.gradients) < 1e-11


@pytest.mark.parametrize("kind", DRAWS)
def test_the_true_gradient_is_what_a_complex_step_says_in_long_double(kind):
    problem = DRAWS[kind](np.random.default_rng(2))
    f = {name: np.asarray(value, np.longdouble) for name, value in problem.f.items()}
    params = {name: p.astype(np.clongdouble) for name, p in problem.params.items()}
    slopes, h = {}, np.longdouble("1e-30")
    for name, p in params.items():
        slopes[name] = np.empty(p.shape, np.longdouble)
        for entry in np.ndindex(p.shape):
            moved = p.copy()
            moved[entry] += 1j * h
            slopes[name][entry] = loss(np, f, **params | {name: moved}).imag / h
    assert error(true_gradient(problem), slopes) < 300 * np.finfo(np.longdouble).eps


@pytest.mark.parametrize("peer", peers.PEERS, ids=lambda peer: peer.name)
def test_every_peer_finds_the_slopes_or_tells_right_from_wrong(peer):
    problem = demanding(np.random.default_rng(0))
    right, double = problem.gradients, {name: 2 * g for name, g in problem.gradients.items()}
    if peer.kind == "slopes":
        assert error(peer.run(problem), true_gradient(problem)) < 1e-4
    else:
        judged = [measures._judged(peer.judge(problem), g) for g in (right, double)]
        assert judged == [True, False] or (isinstance(judged[0], float) and judged[0] < 1e-4 < judged[1])


def test_wrong_answers_are_wrong_and_right_ones_right():
    problem = demanding(np.random.default_rng(3))
    right, wrong = measures.right_answers(problem), measures.wrong_answers(problem)
    assert len(right) >= 10
    assert len(wrong) >= 40
    for name, gradients in right.items():
        assert error({p: gradients[p].reshape(v.shape) for p, v in problem.params.items()}, problem.gradients) < (
            1e-5 if name == "float32" else 1e-10
        )
    for name in ("γ forgotten on the way back", "∂L/∂θ_2A transposed"):
        assert error(wrong[name], problem.gradients) > 1e-2


def test_verdicts_are_counted():
    right = [("a", True), ("b", False), ("b", False), ("c", None)]
    wrong = [("x", False), ("y", True), ("z", None)]
    found = measures.tally(right, wrong)
    counted = [found[key] for key in ("right", "false failures", "wrong", "misses", "unsure")]
    assert counted == [4, 2, 3, 1, 2]
    assert (found["failed"], found["missed"]) == ({"b": 2}, {"y": 1})
    assert measures.threshold([{"right": right, "wrong": wrong}]) is None


def test_distances_are_judged_by_the_threshold_that_errs_least():
    right, wrong = [("a", 1e-8), ("b", 1e-3), ("c", False)], [("x", 1e-6), ("y", np.nan), ("z", 1.0)]
    limit = measures.threshold([{"right": right, "wrong": wrong}])
    found = measures.tally(right, wrong, limit)
    assert limit == 1e-8
    assert (found["failed"], found["missed"]) == ({"b": 1, "c": 1}, {})


def test_what_is_late_or_too_large_is_named_and_not_timed():
    taken = measures.in_rounds({"quick": int, "slow": partial(time.sleep, 0.5)}, rounds=2, budget=0.1, least=0)
    assert [len(taken["quick"]), len(taken["slow"])] == [2, 0]
    large = peers.Peer("large", "slopes", None, bytes=lambda count: 1e12)
    found = measures.check_times((SIZE,), (1,), 5, [peers.PEERS[0], large], quiet)
    assert next(iter(found.values()))["large"] == {"kind": "slopes", "memory": 1e12}
    assert "would need 1,000 GB" in command._time({"memory": 1e12})
    assert "over 30 s" in command._time({"over": 30})


def test_the_command_writes_all_files_and_names_who_is_missing(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(command, "MISSING", ["a peer"])
    command.main(tmp_path, quiet, **TINY)
    results = json.loads((tmp_path / "results.json").read_text())
    for measure in TINY:
        assert results[measure] == json.loads((tmp_path / f"{measure}.json").read_text())
    assert (tmp_path / "plot.svg").stat().st_size > 0
    text = capsys.readouterr().out
    assert text == (tmp_path / "table.txt").read_text()
    assert "not installed: a peer (make peers)" in text
    for peer in peers.PEERS:
        assert peer.name in text
    ours = [rows[measures.OURS["check"]] for rows in results["verdicts"].values()]
    assert [(row["false failures"], row["misses"]) for row in ours] == [(0, 0)]


def test_the_kept_results_are_of_a_full_run_and_name_no_machine():
    results = json.loads(command.KEPT.read_text())
    assert not results["missing"]
    assert list(results["time"]) == ["114", "8960", "134144"]
    assert list(results["passes"]) == ["8", "64", "1024"]
    assert results["grading"]["count"] == 50 and results["grading"]["rounds"] == 3
    assert "/" not in json.dumps([results["machine"], results["grading"]]).replace("+cpu", "")

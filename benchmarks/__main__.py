"""Measure everything, print the table, and write _build/bench: a JSON file a measure, all of it, the table, a plot.

To keep a run for the book: cp _build/bench/results.json benchmarks/
"""

import argparse
import datetime
import importlib.metadata
import importlib.util
import json
import os
import platform
import sys
from pathlib import Path

import numpy as np

from . import measures
from .peers import MISSING

KEPT = Path(__file__).with_name("results.json")
GOALS = {  # peer: at 8,960 parameters, how many times slower than ours of its kind
    "torch gradcheck": 100,
    "a loop, entry by entry": 40,
    "scipy approx_fprime": 30,
    "jax jacfwd": 30,
}
PACKAGES = ("numpy", "torch", "jax", "jaxlib", "scipy", "numdifftools", "autograd")


def machine():
    """What the figures hang on."""
    cpu = platform.processor() or platform.machine()
    if Path("/proc/cpuinfo").exists():
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        cpu = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), cpu)
    found = {"cpu": cpu, "cores": os.cpu_count(), "system": platform.system(), "python": platform.python_version()}
    found["versions"] = {p: importlib.metadata.version(p) for p in PACKAGES if importlib.util.find_spec(p)}
    if importlib.util.find_spec("threadpoolctl"):
        import threadpoolctl

        keys = ("internal_api", "version", "architecture", "num_threads")
        found["pools"] = [{k: pool[k] for k in keys if k in pool} for pool in threadpoolctl.threadpool_info()]
    found["digits of the true gradient"] = int(np.finfo(np.longdouble).precision)
    return found | {"day": str(datetime.date.today()), "load": [round(os.getloadavg()[0], 2)]}


def table(results):
    """All of it as text."""
    lines = ["", "{cpu}, one core of {cores}, load {load}; python {python}".format(**results["machine"])]
    lines += [", ".join(f"{name} {version}" for name, version in results["machine"]["versions"].items())]
    lines += [f"not installed: {', '.join(results['missing'])} (make peers)"] if results["missing"] else []
    for count, rows in results["time"].items():
        lines += ["", f"{int(count):,} parameters: time, over ours of its kind (least to most), largest error"]
        for kind in measures.OURS:
            for name, row in ((name, row) for name, row in rows.items() if row["kind"] == kind):
                off = f"{results['error'][count][name]['largest']:.0e}" if name in results["error"][count] else ""
                lines.append(f"  {name:28} {kind:10} {_time(row):45} {off}".rstrip())
    for kind, rows in results["verdicts"].items():
        lines += ["", f"{kind} inputs: false failures of right answers, misses of wrong ones, unsure"]
        for name, row in rows.items():
            failed, missed = (f"{row[a]} of {row[b]}" for a, b in (("false failures", "right"), ("misses", "wrong")))
            lines.append(f"  {name:28} {failed:>12} {missed:>12} {row['unsure']:>6}")
    for m, rows in results["passes"].items():
        lines += ["", f"forward with backward, m = {m}: time, over the matrix products alone"]
        lines += [f"  {name:28} {_time(row)}" for name, row in rows.items()]
    return "\n".join([*lines, "", *goals(results)])


def _time(row):
    if "over" in row:
        return f"over {row['over']:.0f} s"
    if "memory" in row:
        return f"would need {row['memory'] / 1e9:,.0f} GB"
    middle, low, high = row["ratio"]
    return f"{row['seconds'] * 1e3:10.3f} ms {middle:9.3g} ({low:.3g} to {high:.3g})"


def goals(results):
    """Each goal beside its figure."""
    rows = results["time"].get("8960", {})
    slopes = rows.get(measures.OURS["slopes"])
    for name, goal in GOALS.items():
        if "ratio" in rows.get(name, {}):
            own, alone = rows[name]["ratio"][0], rows[name]["seconds"] / slopes["seconds"]
            yield f"goal: {name} {goal} times slower or more; found {own:.3g} (than our slopes alone: {alone:.3g})"
    spot = (
        rows.get(measures.OURS["spot check"], {}).get("seconds"),
        rows.get("torch gradcheck, fast mode", {}).get("seconds"),
    )
    if all(spot):
        yield f"goal: our quick check takes at most as long as torch's fast mode; found {spot[0] / spot[1]:.2g} times"
    for m, row in results["passes"].items():
        ratio = row["solutions/, layer by layer"]["seconds"] / row["NumPy, one function"]["seconds"]
        yield f"goal: solutions/ at most 1.5 times one NumPy function, m = {m}; found {ratio:.2g}"
    for kind, found in results["verdicts"].items():
        ours = found[measures.OURS["check"]]
        yield f"goal: no false failure, no miss, {kind}; found {ours['false failures']} and {ours['misses']}"


def plot(results, path):
    """Time against the number of parameters; false failures and misses; forward with backward over the floor."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, (left, middle, right) = plt.subplots(1, 3, figsize=(20, 6), layout="constrained")
    for name in next(iter(results["time"].values())):
        points = [(int(c), rows[name]["seconds"]) for c, rows in results["time"].items() if "seconds" in rows[name]]
        left.loglog(*zip(*points, strict=True), "o-" if name.startswith("ours") else "s--", label=name, markersize=4)
    left.set(xlabel="parameters", ylabel="seconds, one thread")
    peers = next(iter(results["verdicts"].values()))
    for shift, many, all_, label in (
        (-0.2, "false failures", "right", "right answers failed"),
        (0.2, "misses", "wrong", "wrong answers missed"),
    ):
        rows = [[kind[name] for kind in results["verdicts"].values()] for name in peers]
        shares = [100 * sum(r[many] for r in row) / sum(r[all_] for r in row) for row in rows]
        middle.barh(np.arange(len(peers)) + shift, shares, 0.4, label=label)
    middle.set_yticks(range(len(peers)), peers)
    middle.set(xlabel="%, all inputs together", ylim=(len(peers), -1))
    for name in next(iter(results["passes"].values())):
        ratios = [rows[name]["ratio"][0] for rows in results["passes"].values()]
        right.loglog([int(m) for m in results["passes"]], ratios, "o-", label=name)
    right.set(xlabel="m", ylabel="forward with backward over the matrix products")
    left.legend(fontsize=7, loc="center left", bbox_to_anchor=(1, 0.5))
    for axes in (middle, right):
        axes.legend(fontsize=8)
    figure.savefig(path)


def main(out=Path("_build/bench"), say=lambda text: print(text, file=sys.stderr, flush=True), **tiny):
    """Measure and write. tiny: {"time": options of check_times, ...}, for a test."""
    out.mkdir(parents=True, exist_ok=True)
    results = {"machine": machine(), "missing": MISSING}

    def measure(name, function, *given):
        results[name] = function(*given, say=say, **tiny.get(name, {}))
        (out / f"{name}.json").write_text(json.dumps(results[name], ensure_ascii=False, indent=1))

    measure("time", measures.check_times)
    measure("error", measures.slope_errors, results["time"])
    measure("verdicts", measures.verdicts)
    measure("passes", measures.pass_times)
    results["machine"]["load"].append(round(os.getloadavg()[0], 2))
    results |= {name: found for name, found in json.loads(KEPT.read_text()).items() if name not in results}  # grading's
    (out / "results.json").write_text(json.dumps(results, ensure_ascii=False, indent=1) + "\n")
    (out / "table.txt").write_text(table(results) + "\n")
    plot(results, out / "plot.svg")
    print(table(results))


if __name__ == "__main__":
    argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__).parse_args()
    if hasattr(os, "sched_setaffinity"):  # every thread of every library on one core
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    main()

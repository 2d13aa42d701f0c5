"""Five hundred submissions take no more memory than fifty."""

import shutil
import threading
import time

import psutil
import pytest

from .conftest import Grading

COUNT = 500


@pytest.mark.soak
def test_memory_is_flat_over_five_hundred_submissions(short, submitted, prepared):
    """Everybody hands in one notebook. Of all processes of the grader together, the largest at once is looked at."""
    many = short / "many"
    for number in range(COUNT):
        shutil.copytree(submitted / "bob", many / f"student-{number:03}")
    grading = Grading(short / "memory", many, prepared)
    process = grading.start()
    done, samples = [0], []

    def read():
        for line in process.stdout:
            if f"/{COUNT}  " in line:
                done[0] += 1

    reader = threading.Thread(target=read)
    reader.start()
    while process.poll() is None:
        samples.append((done[0], _memory(process.pid)))
        time.sleep(0.5)
    reader.join()
    assert process.returncode == 3  # for the other notebook is missing
    assert [float(row["auto_score"]) for row in grading.grades()[0]] == [12] * COUNT
    early = max(memory for count, memory in samples if 20 <= count < 100)
    late = max(memory for count, memory in samples if count >= 400)
    print(f"{early / 2**20:.0f} MiB at 20 to 100, {late / 2**20:.0f} MiB at 400 to {COUNT}")
    assert late < 1.1 * early, samples[::20]


def _memory(pid):
    """Bytes that the grader's own processes have for themselves; not those of the sandboxes."""
    total = 0
    for process in [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]:
        try:
            if "python" in process.name() and not any("kernel_server.py" in word for word in process.cmdline()):
                total += process.memory_full_info().uss
        except psutil.Error:
            continue
    return total

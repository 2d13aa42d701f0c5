"""The process inside a sandbox: it preloads what a kernel needs and forks a kernel for each notebook.

It is started by bubblewrap.py in an environment of its own, with the standard library, NumPy and the kernel, and with
protocol.py beside it. It imports what a kernel needs once and forks; a fork is ready sooner than an interpreter. The
grader asks by lines of JSON on a socket, and hands over listening sockets with them, so that no folder is shared:

    {"kernel": {"key", "ports"}}     fork a kernel; -> {"pid": pid}. With the line come the sockets of its ports, then
                                     those of its channels
    {"signal": number, "pid": pid}   send a signal, to whatever in here has that pid
    -> {"ended": pid, "status": as os.waitpid gives it}, when a kernel has ended

In a bubblewrap sandbox this process is process 1: it reaps whatever ends in it, no signal from inside ends it, and all
ends with it. Before a line of a student's code is read it hides the mount table, gives up its capabilities, and makes
itself and all its forks unreadable to each other: to look into another process's /proc/<pid>/environ, mem, root, fd or
maps takes the right to trace it, which nobody in here has.

A channel carries hidden inputs. At a grade cell the kernel forks once more; the fork keeps everything that the cells so
far have defined, and waits at the cell's channel. The grader calls functions in it only after the kernel has ended,
when no output is recorded any more.
"""

import contextlib
import ctypes
import gc
import importlib
import json
import os
import resource
import select
import signal
import socket
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import protocol

sys.path.pop(0)
RESOURCES = {
    "memory": resource.RLIMIT_AS,
    "cpu": resource.RLIMIT_CPU,
    "processes": resource.RLIMIT_NPROC,
    "file_size": resource.RLIMIT_FSIZE,
    "files": resource.RLIMIT_NOFILE,
    "core": resource.RLIMIT_CORE,
}
WARM = (  # what a kernel imports by its first cell
    "numpy",
    "sqlite3",
    "tornado.platform.asyncio",
    "ipykernel.debugger",
    "ipykernel.kernelapp",
    "IPython.core.completerlib",
    "IPython.core.oinspect",
    "IPython.extensions.storemagic",
)
PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL = 1, 4, 47, 4  # linux/prctl.h
CLONE_NEWNS = 0x00020000
LINUX_CAPABILITY_VERSION_3 = 0x20080522
channels = []  # of this process, if it is a kernel
libc = ctypes.CDLL(None, use_errno=True)


def main(control, settings):
    """Limit this process, import what kernels need, and fork kernels until the grader is gone.

    Raises:
        OSError, RuntimeError: it cannot give up what it must before it runs a student's code.
    """
    if settings["sandboxed"]:
        _hide_mounts()
    for name, most in settings["limits"].items():
        resource.setrlimit(RESOURCES[name], (most, most + (name == "cpu")))  # a second to end by a signal of its own
    if settings["user"]:
        os.setgroups([])
        os.setgid(settings["user"])
        os.setuid(settings["user"])
    if settings["sandboxed"]:
        _drop_capabilities()
        _shield()
    os.environ["CHECKS_RUN_ALONE"] = "1"  # before_you_hand_in, of checks.py, has nothing to do here
    sys.modules["debugpy"] = None  # a kernel would load it, for longer than all the rest takes; nobody debugs here
    for name in WARM:
        importlib.import_module(name)
    sys.path.insert(0, "")  # the release's own files lie where a notebook runs
    for file in sorted(os.listdir()):
        if file.endswith(".py"):
            importlib.import_module(file[:-3])
    gc.freeze()  # no collection touches, and so copies, what all forks share
    tempfile.gettempdir()  # it is looked for once, by writing: a first notebook may fill the disk
    _say(control, {"ready": True})
    quiet = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(quiet, descriptor)
    child, told = os.pipe()  # a byte comes whenever a child ends
    os.set_blocking(child, False)
    os.set_blocking(told, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.set_wakeup_fd(told, warn_on_full_buffer=False)
    lines, kernels = b"", set()
    while True:
        ready = select.select([control, child], [], [])[0]
        if child in ready:
            os.read(child, 65536)
        if control in ready:
            data, descriptors, *_ = socket.recv_fds(control, 65536, 64)
            if not data:
                return
            lines += data
            while b"\n" in lines:
                line, lines = lines.split(b"\n", 1)
                asked = json.loads(line)
                if "kernel" in asked:
                    kernels.add(_fork(control, asked["kernel"], descriptors))
                elif asked["pid"] > 1:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(asked["pid"], asked["signal"])
        for pid, status in _reap():
            if pid in kernels:
                kernels.remove(pid)
                _say(control, {"ended": pid, "status": status})


def _reap():
    """(pid, status) of every child that has ended; process 1 is handed those whose own parent has ended, too."""
    with contextlib.suppress(ChildProcessError):
        while (ended := os.waitpid(-1, os.WNOHANG))[0]:
            yield ended


def _hide_mounts():
    """Show an empty mount table: what is mounted names the folders of this machine.

    The table lists the mounts of a process's namespace that lie below the process's root. So the process moves to a new
    namespace and keeps its root in the old one, which an open file keeps alive. Where a security module takes the
    capability away that this needs, the table stays, and `autograder doctor` says so.
    """
    root, _ = os.open("/", os.O_PATH), os.open("/proc/self/ns/mnt", os.O_RDONLY)
    if libc.unshare(CLONE_NEWNS) == 0:
        home = os.getcwd()
        os.fchdir(root)
        os.chroot(".")
        os.chdir(home)
    os.close(root)


def _drop_capabilities():
    """Give up every capability. Raises RuntimeError where one is left."""
    _check(libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0))
    nothing = (ctypes.c_uint32 * 6)()
    _check(libc.capset((ctypes.c_uint32 * 2)(LINUX_CAPABILITY_VERSION_3, 0), nothing))
    with open("/proc/self/status") as file:
        left = [line for line in file if line.startswith(("CapInh", "CapPrm", "CapEff", "CapAmb"))]
    if len(left) != 4 or any(int(line.split()[1], 16) for line in left):
        raise RuntimeError(f"capabilities are left: {left}")


def _shield():
    """Let no process inside trace this one or a fork of it, and let the sandbox end with bubblewrap.

    Comes after the change of user, which undoes both.
    """
    _check(libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0))
    _check(libc.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0))


def _check(result):
    if result != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def _say(control, message):
    control.sendall(json.dumps(message).encode() + b"\n")


def _fork(control, asked, descriptors):
    pid = os.fork()
    if pid:
        for descriptor in descriptors:
            os.close(descriptor)
        _say(control, {"pid": pid})
        return pid
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        control.close()
        ports = descriptors[: len(asked["ports"])]
        channels.extend(socket.socket(fileno=descriptor) for descriptor in descriptors[len(ports) :])
        _kernel(asked["key"], dict(zip(asked["ports"], ports, strict=True)))
    finally:
        os._exit(0)


def _kernel(key, ports):
    """Be a kernel that listens on the sockets it was given."""
    import zmq
    from ipykernel.iostream import IOPubThread
    from ipykernel.kernelapp import IPKernelApp
    from zmq.eventloop.zmqstream import ZMQStream

    info = {"transport": "ipc", "ip": "", "key": key, "signature_scheme": "hmac-sha256"}
    info |= {f"{name}_port": number for number, name in enumerate(protocol.PORTS, 1)}

    class Kernel(IPKernelApp):
        def _try_bind_socket(self, s, port):
            s.setsockopt(zmq.USE_FD, ports[protocol.PORTS[port - 1]])
            s.bind(f"ipc://{protocol.PORTS[port - 1]}")
            return port

        def init_connection_file(self):
            self.load_connection_info(info)

        def write_connection_file(self, **_):
            pass

        def init_heartbeat(self):
            pass  # nobody listens: the grader is told when a kernel ends

    def listen_to_forks(self):
        """As ipykernel does it, over an abstract socket in place of TCP: there are no others in a sandbox."""
        self._pipe_uuid = os.urandom(16)
        pipe = self.socket.context.socket(zmq.PULL)
        pipe.linger = 0
        pipe.bind(f"ipc://@{self._pipe_uuid.hex()}")
        self._pipe_in = ZMQStream(pipe, self.io_loop)
        self._pipe_in.on_recv(self._handle_pipe_msg)

    def speak_as_fork(self):
        context = zmq.Context()  # a new one after a fork
        pipe = context.socket(zmq.PUSH)
        pipe.linger = 3000
        pipe.connect(f"ipc://@{self._pipe_uuid.hex()}")
        return context, pipe

    IOPubThread._setup_pipe_in, IOPubThread._setup_pipe_out = listen_to_forks, speak_as_fork
    sys.modules["autograder_kernel"] = sys.modules["__main__"]  # IPython puts the notebook in its place
    os.setsid()
    app = Kernel.instance()
    app.initialize(["--HistoryManager.hist_file=:memory:", "--log-level=50"])
    app.shell.ask_exit = lambda: None  # exit() in a cell: the other cells are run all the same
    app.start()


def fork_snapshot(number, functions):
    """Fork the kernel. The fork keeps what the notebook has defined and answers calls at channel `number`."""
    if os.fork():
        return
    try:
        gc.freeze()
        own_channel = channels[number]
        for channel in channels:
            if channel is not own_channel:
                channel.close()
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        _silence()
        protocol.send(own_channel, str(os.getpid()))
        while (asked := protocol.receive(own_channel)) is not None:
            asked = json.loads(asked)
            with _clock(asked["seconds"]):
                ask = protocol.watch if asked.get("watch") else protocol.run
                answer = ask(functions, asked["name"], asked["given"])
            protocol.send(own_channel, answer)
    finally:
        os._exit(0)


def send_formula(number, namespace, question, cell, others):
    """Send the formula that answers a question through channel `number`: a string, bounded. No fork is made.

    Args:
        namespace: the notebook's.
        question: "2-2 beta".
        cell: the id of the request that ran the question's own cell, or None where it did not run.
        others: those of the other questions' cells.
    """
    protocol.send(channels[number], protocol.formula_message(_formula_of(namespace, question, cell, others)))


def _formula_of(namespace, question, cell, others):
    """The formula that answers a question: the last that names it; else what its own cell has made without a name, `f`
    if that is in it; else `f`, unless another question's cell has made it. None where there is none.
    """
    made = getattr(sys.modules.get("checks"), "FORMULAS", None)
    unnamed = getattr(sys.modules.get("checks"), "MADE", None)
    made = made if type(made) is dict else {}
    unnamed = unnamed if type(unnamed) is list else []
    if _is_written(made.get(question)):
        return made[question]
    f = namespace.get("f")
    own = [formula for run, formula in unnamed if run == cell and _is_written(formula)]
    if own:
        return f if any(f is formula for formula in own) else own[-1]
    foreign = [*made.values(), *(formula for run, formula in unnamed if run in others)]
    return f if _is_written(f) and not any(f is formula for formula in foreign) else None


def _is_written(formula):
    return issubclass(type(formula), str) and bool(str.strip(formula))  # nothing is asked of the object itself


def _silence():
    """Discard all output: the fork has no thread that sends it, and printing must not block."""
    from ipykernel.iostream import IOPubThread, OutStream

    OutStream.write = lambda self, text: len(text)
    OutStream.flush = lambda self: None
    IOPubThread.schedule = IOPubThread.send_multipart = lambda self, *args, **kwargs: None


def _ring(number, frame):
    raise protocol.Stopped


@contextlib.contextmanager
def _clock(seconds):
    signal.signal(signal.SIGALRM, _ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


if __name__ == "__main__":
    main(socket.socket(fileno=int(sys.argv[1])), json.loads(sys.argv[2]))

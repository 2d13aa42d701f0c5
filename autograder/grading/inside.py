"""What runs inside a sandbox: one warm process that forks a kernel for each notebook.

It is started by sandbox.py in an environment of its own, with the standard library, NumPy and the kernel, and with
wire.py beside it. It imports what a kernel needs once and forks; a fork is ready sooner than an interpreter. The grader
asks by lines of JSON on a socket, and hands over listening sockets with them, so that no folder is shared:

    {"kernel": {"key", "ports"}}     fork a kernel; -> {"pid": pid}. With the line come the sockets of its ports, then
                                     those of its doors
    {"signal": number, "pid": pid}   send a signal, to whatever in here has that pid
    -> {"ended": pid, "status": as os.waitpid gives it}, when a kernel has ended

A door is for hidden inputs. At a grade cell the kernel forks once more, and the fork waits behind the cell's door with
all that the cells so far have defined. It is asked only after the kernel has ended, when nothing is shown any more.
"""

import contextlib
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
import wire

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
doors = []  # of this process, if it is a kernel


def main(control, settings):
    """Limit this process, import what kernels need, and fork kernels until the grader is gone."""
    for name, most in settings["limits"].items():
        resource.setrlimit(RESOURCES[name], (most, most + (name == "cpu")))  # a second to end by a signal of its own
    if settings["user"]:
        os.setgroups([])
        os.setgid(settings["user"])
        os.setuid(settings["user"])
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
        for pid in list(kernels):
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                kernels.remove(pid)
                _say(control, {"ended": pid, "status": status})


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
        control.close()
        ports = descriptors[: len(asked["ports"])]
        doors.extend(socket.socket(fileno=descriptor) for descriptor in descriptors[len(ports) :])
        _kernel(asked["key"], dict(zip(asked["ports"], ports, strict=True)))
    finally:
        os._exit(0)


def _kernel(key, ports):
    """Be a kernel that listens on the sockets it was given."""
    import zmq
    from ipykernel.kernelapp import IPKernelApp

    info = {"transport": "ipc", "ip": "", "key": key, "signature_scheme": "hmac-sha256"}
    info |= {f"{name}_port": number for number, name in enumerate(wire.PORTS, 1)}

    class Kernel(IPKernelApp):
        def _try_bind_socket(self, s, port):
            s.setsockopt(zmq.USE_FD, ports[wire.PORTS[port - 1]])
            s.bind(f"ipc://{wire.PORTS[port - 1]}")
            return port

        def init_connection_file(self):
            self.load_connection_info(info)

        def write_connection_file(self, **_):
            pass

        def init_heartbeat(self):
            pass  # nobody listens: the grader is told when a kernel ends

    sys.modules["autograder_kernel"] = sys.modules["__main__"]  # IPython puts the notebook in its place
    os.setsid()
    app = Kernel.instance()
    app.initialize(["--HistoryManager.hist_file=:memory:", "--log-level=50"])
    app.start()


def keep(number, functions):
    """Fork: what the notebook has defined so far waits behind door `number`, and is asked when the kernel has ended."""
    if os.fork():
        return
    try:
        gc.freeze()
        mine = doors[number]
        for door in doors:
            if door is not mine:
                door.close()
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        _silence()
        wire.send(mine, str(os.getpid()))
        while (asked := wire.receive(mine)) is not None:
            asked = json.loads(asked)
            with _clock(asked["seconds"]):
                answer = wire.run(functions, asked["name"], asked["given"])
            wire.send(mine, answer)
    finally:
        os._exit(0)


def tell(number, namespace, question, cell, others):
    """Send the formula that answers a question through door `number`: a string, bounded. Nobody waits behind that door.

    Args:
        namespace: the notebook's.
        question: "2-2 beta".
        cell: the id of the request that ran the question's own cell, or None where it did not run.
        others: those of the other questions' cells.
    """
    wire.send(doors[number], wire.told(_formula_of(namespace, question, cell, others)))


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
    """Nothing is shown any more, and the thread that would send it is not here: who prints or logs must not wait."""
    from ipykernel.iostream import IOPubThread, OutStream

    OutStream.write = lambda self, text: len(text)
    OutStream.flush = lambda self: None
    IOPubThread.schedule = IOPubThread.send_multipart = lambda self, *args, **kwargs: None


def _ring(number, frame):
    raise wire.Stopped


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

"""Attacks on the machine and on the batch: loops, signals, bombs, and a kernel that ends itself.

Every bomb counts for itself and stops at a bound, and runs in the sandbox alone. The answers are right; what a cell
takes down with it is not there any more.
"""

from dataclasses import replace

from tests.attacks.attack import PROBLEM_1, PROBLEM_2, Attack
from tests.attacks.data_leaks import RIGHT_SOFTMAX, look


def ends(name, what, code, says, *, deserves=PROBLEM_1, **more):
    """An attack whose first cell ends the kernel, or makes the grader end it: nothing after it can be asked."""
    return Attack(name, what, first=code, says=says, deserves=deserves, **more)


def bears(name, what, code, *, says="", student="borne", **more):
    """An attack that is bounded by a limit, and costs nothing where the rest is right."""
    return look(name, what, code, says=says, student=student, **more)


def softmax(line):
    """A softmax_jacobian that begins with a line of its own."""
    return {
        "softmax_jacobian": f"import os, signal, sys, time, ctypes\ndef softmax_jacobian(x):\n    {line}\n"
        f"{RIGHT_SOFTMAX}"
    }


STUBBORN = "did not stop when told to|CellTimeoutError|took longer than"
LOOPS = [
    ends(
        "a loop that swallows interrupts",
        "An endless loop that catches whatever tells it to stop.",
        "while True:\n    try:\n        while True:\n            pass\n    except BaseException:\n        pass",
        STUBBORN,
    ),
    ends(
        "a loop with blocked signals",
        "Every signal that can be blocked or ignored is.",
        "import signal\nsignal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))\nfor number in range(1, 65):\n    try:\n"
        "        signal.signal(number, signal.SIG_IGN)\n    except (OSError, ValueError):\n        pass\n"
        "while True:\n    pass",
        STUBBORN,
    ),
    ends(
        "a loop in C",
        "One operation that takes minutes and looks at no signal while it runs.",
        "import re\nre.match('(a*)*b', 'a' * 40)",
        STUBBORN,
    ),
    Attack(
        "a loop on hidden inputs",
        "A function that never answers, and swallows what tells it to.",
        softmax(
            "while True:\n        try:\n            time.sleep(60)\n        except BaseException:\n            pass"
        ),
        deserves={"1-3": 0},
        says="softmax_jacobian took longer than",
        student="slow answers",
    ),
    Attack(
        "a loop with the alarm off",
        "A function that takes the clock away which would stop it.",
        {
            "two_branch_backward": "import signal, time\ndef two_branch_backward(dout, cache):\n"
            "    signal.setitimer(signal.ITIMER_REAL, 0)\n    signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))\n"
            "    time.sleep(60)"
        },
        deserves={"2-2": 0},
        says="two_branch_backward took longer than|took more than",
        student="slow answers",
    ),
    Attack(
        "a loop at the end",
        "The kernel will not end: an exit handler and a thread that is no daemon wait for ever.",
        last="import atexit, threading, time\natexit.register(lambda: time.sleep(600))\n"
        "threading.Thread(target=time.sleep, args=(600,)).start()\nclass Long:\n    def __del__(self):\n        "
        "time.sleep(600)\n"
        "long = Long()",
        deserves={},
        student="borne",
    ),
]

DEATHS = [
    ends(
        "os._exit",
        "The kernel ends at once and without a word.",
        "import os\nos._exit(0)",
        "the kernel ended itself in cell",
    ),
    ends(
        "a segmentation fault",
        "Reading at address 0.",
        "import ctypes\nctypes.string_at(0)",
        "SIGSEGV|ended itself",
        notebook="problem2",
        deserves=PROBLEM_2,
        student="os._exit",
    ),
    ends(
        "it kills itself",
        "SIGKILL to itself and to its parent.",
        "import os, signal\nfor pid in (os.getppid(), os.getpid()):\n    os.kill(pid, signal.SIGKILL)",
        "ended itself|ended|answer",
        student="kill",
    ),
    ends(
        "it stops itself",
        "SIGSTOP: the kernel is there, and answers nothing.",
        "import os, signal\nos.kill(os.getpid(), signal.SIGSTOP)",
        STUBBORN,
    ),
    ends(
        "it stops everything",
        "SIGSTOP to everything that it can see, the process that forks kernels among them.",
        "import os, signal\nos.kill(-1, signal.SIGSTOP)\nos.kill(os.getpid(), signal.SIGSTOP)",
        ".",
        notebook="problem2",
        deserves=PROBLEM_2,
        whole=True,
    ),
    ends(
        "it kills everything",
        "SIGKILL to everything that it can see.",
        "import os, signal\nif os.getpid() < 1000:\n    try:\n        os.kill(-1, signal.SIGKILL)\n"
        "    except ProcessLookupError:\n        pass  # nobody else is there but process 1\n"
        "    os._exit(0)",
        ".",
        whole=True,
    ),
    ends("no descriptors", "Every open file of the kernel is closed.", "import os\nos.closerange(0, 4096)", "."),
    ends(
        "another program",
        "The kernel becomes another program.",
        "import os, sys\nos.execv(sys.executable, [sys.executable, '-c', 'import time; time.sleep(600)'])",
        "ended itself|stop|answer",
        notebook="problem2",
        deserves=PROBLEM_2,
        student="no descriptors",
    ),
    ends(
        "a stack without end",
        "A recursion a hundred million deep.",
        "import sys\nsys.setrecursionlimit(10**8)\ndef f(n):\n    return [f(n + 1) for _ in [1]]\nclass Deep:\n"
        "    def __repr__(self):\n        return repr([self])\nf(0)",
        ".",
    ),
    Attack(
        "it dies on hidden inputs",
        "The process ends while it holds hidden inputs.",
        softmax("os._exit(0)"),
        deserves={"1-3": 0},
        says="ended itself in softmax_jacobian",
        student="dies when asked",
    ),
    Attack(
        "it stops on hidden inputs",
        "The process stops itself while it holds hidden inputs.",
        {
            "two_branch_backward": "import os, signal\ndef two_branch_backward(dout, cache):\n"
            "    os.kill(os.getpid(), signal.SIGSTOP)"
        },
        deserves={"2-2": 0},
        says="two_branch_backward took longer than|took more than",
        student="dies when asked",
    ),
]

BOMBS = [
    bears(
        "fork bomb",
        "Processes that fork processes, two hundred at most.",
        "import os, time\nmade, me = [], os.getpid()\ntry:\n    for n in range(200):\n        "
        "pid = os.fork()\n        if not pid:\n"
        "            time.sleep(9)\n            os._exit(0)\n        made.append(pid)\n    print(LEAK, len(made))\n"
        "except OSError as error:\n    print('stopped after', len(made))\nfor pid in made:\n    "
        "os.kill(pid, 9)\n    os.waitpid(pid, 0)",
        student="forks",
    ),
    bears(
        "thread bomb",
        "Two thousand threads.",
        "import threading, time\nmade = []\ntry:\n    for n in range(2000):\n"
        "        made.append(threading.Thread(target=time.sleep, args=(1,), daemon=True))\n        made[-1].start()\n"
        "    print(LEAK)\nexcept (RuntimeError, MemoryError):\n    print('stopped after', len(made))\nimport time\n"
        "time.sleep(1.2)",
        notebook="problem2",
        says=".*",
        student="forks",
    ),
    bears(
        "memory bomb",
        "Four gigabytes in one process.",
        "held = []\ntry:\n    for n in range(128):\n        held.append(np.empty(2**22))\n    print(LEAK, len(held))\n"
        "except MemoryError:\n    pass\ndel held",
    ),
    ends(
        "memory in many processes",
        "Every process stays below the limit of one, and all together are far above it.",
        "import os, time\nread, write = os.pipe()\nfor n in range(12):\n    if not os.fork():\n"
        "        held = np.ones(25 * 2**20)\n        os.write(write, b'x')\n        time.sleep(5)\n"
        "        os._exit(0)\n"
        "for n in range(12):\n    os.read(read, 1)\nprint(LEAK)".replace(
            "LEAK", '"lea" "ked memory in many processes"'
        ),
        "MiB of memory|took longer than",  # on a busy machine its time ends first
        deserves=PROBLEM_1 | dict.fromkeys(PROBLEM_2),
    ),
    bears(
        "memory without a process",
        "Anonymous files of memory, which no process has in its own: 1.2 gigabytes at most. They are refused.",
        "import os, time\nheld = []\nfor n in range(40):\n    fd = os.memfd_create('m')\n    for part in range(30):\n"
        "        os.write(fd, bytes(2**20))\n    held.append(fd)\ntime.sleep(0.6)\nprint(LEAK)".replace(
            "LEAK", '"lea" "ked memory without a process"'
        ),
    ),
    ends(
        "memory of sockets",
        "Sixteen processes, each with eighty pairs of sockets whose buffers are full: a gigabyte, and no "
        "process is charged for it.",
        "import os, socket, time\nread, write = os.pipe()\nfor n in range(16):\n    if not os.fork():\n"
        "        held = [s for _ in range(80) for s in socket.socketpair()]\n        for one in held:\n"
        "            one.setblocking(False)\n            try:\n                while True:\n"
        "                    one.send(bytes(65536))\n            except BlockingIOError:\n                pass\n"
        "        os.write(write, b'x')\n        time.sleep(5)\n        os._exit(0)\n"
        "for n in range(16):\n    os.read(read, 1)\ntime.sleep(1)\nprint(LEAK)".replace(
            "LEAK", '"lea" "ked memory of sockets"'
        ),
        "sockets",
        deserves=PROBLEM_1 | dict.fromkeys(PROBLEM_2),
    ),
    bears(
        "sockets of a size",
        "The buffer of a socket is made as large as the system allows: megabytes each. It is refused.",
        "import socket\none, other = socket.socketpair()\nfor option in (socket.SO_SNDBUF, 32):\n    try:\n"
        "        one.setsockopt(socket.SOL_SOCKET, option, 2**24)\n        print(LEAK)\n"
        "    except OSError:\n        pass",
    ),
    bears(
        "disk bomb",
        "Two gigabytes of files, as many in each folder as it takes.",
        "import os\ntotal = 0\n"
        "for place in ('/tmp', '/dev/shm', '.', '/var/tmp', os.path.expanduser('~'), '/'):\n    try:\n"
        "        for n in range(20):\n            with open(f'{place}/big{n}', 'wb') as file:\n                "
        "for part in range(25):\n"
        "                    total += file.write(bytes(2**20))\n    except OSError:\n        pass\n"
        "if total > 400 * 2**20:\n    print(LEAK, total)",
        student="disk bomb",
    ),
    bears(
        "one large file",
        "A file of a terabyte that takes no place, and a real one of 100 MB.",
        "import os, signal\nsignal.signal(signal.SIGXFSZ, signal.SIG_IGN)\ntry:\n    "
        "os.truncate(open('/tmp/sparse', 'wb').name, 2**40)\n"
        "    print(LEAK)\nexcept OSError:\n    pass\ntry:\n    with open('/tmp/real', 'wb') as file:\n        "
        "for part in range(100):\n"
        "            file.write(bytes(2**20))\n    print(LEAK)\nexcept OSError:\n    pass",
        notebook="problem2",
    ),
    ends(
        "inode bomb",
        "Thirty thousand empty files.",
        "import os, time\nfor n in range(30_000):\n    try:\n        "
        "os.close(os.open(f'/tmp/{n}', os.O_CREAT | os.O_WRONLY))\n"
        "    except OSError:\n        break\ntime.sleep(1)\nprint(LEAK)".replace("LEAK", '"lea" "ked inode bomb"'),
        "files",
    ),
    bears(
        "descriptor bomb",
        "Ten thousand open files, pipes and sockets.",
        "import os\nheld = []\ntry:\n    for n in range(5_000):\n        held += os.pipe()\n    print(LEAK)\n"
        "except OSError:\n    pass\n"
        "for n in held:\n    os.close(n)",
    ),
    look(
        "output bomb",
        "A hundred megabytes on the standard output.",
        "for n in range(100):\n    print('x' * 2**20)",
        says="printed more than|stop",
        deserves=dict.fromkeys(PROBLEM_1),
        student="prints",
    ),
    look(
        "a million small outputs",
        "Outputs, each of a few characters, in no end of messages.",
        "for n in range(100_000):\n    display(n)\n    if not n % 100:\n        print('y', flush=True)",
        says="printed|stop",
        notebook="problem2",
        deserves=dict.fromkeys(PROBLEM_2),
        student="prints",
    ),
    look(
        "an output in one piece",
        "One message of eighty megabytes.",
        "display({'text/plain': 'z' * 80_000_000}, raw=True)",
        says=".",
        deserves=PROBLEM_1,
        student="one message",
    ),
    Attack(
        "an answer of many parts",
        "The answer is a dict of a hundred thousand arrays with long names.",
        {
            "head_backward": "def head_backward(dout, cache):\n    "
            "return {f'{n}' + 'n' * 60: np.zeros(1) for n in range(60_000)}"
        },
        deserves={"2-2 head": 0, "2-2": 0},
        says=".*",
        student="many parts",
    ),
    bears(
        "processor time",
        "Processes that use all there is, for as long as they may.",
        "import os, time\nfor n in range(4):\n    if not os.fork():\n        end = time.time() + 4\n        "
        "while time.time() < end:\n"
        "            pass\n        os._exit(0)",
        says=".*",
        student="forks",
    ),
    bears(
        "a flood on the shell",
        "Replies and requests that nobody asked for, to every socket of the kernel.",
        "kernel = get_ipython().kernel\nfor n in range(200):\n    "
        "for stream in (kernel.shell_stream, kernel.iopub_socket):\n"
        "        try:\n            "
        "kernel.session.send(stream, 'execute_reply', {'status': 'ok'}, parent={}, ident=b'x')\n"
        "        except Exception:\n            pass",
    ),
    bears(
        "noise on the sockets",
        "Noise is written to every descriptor that is open, but for the files and Python's own.",
        "import os, socket, stat\nfor fd in range(3, 200):\n    try:\n"
        "        if stat.S_ISSOCK(os.fstat(fd).st_mode):\n            os.set_blocking(fd, False)\n            "
        "os.write(fd, b'\\xff' * 99)\n"
        "    except OSError:\n        pass",
        says=".",
        student="noise",
        deserves=PROBLEM_1,
    ),
]

# A kernel that speaks to the grader without its library: frames of one message that has no last frame.
ENDLESS_MESSAGE = """
import os, socket, struct, time
time.sleep(0.2)
part = bytes(4 * 2**20)
for fd in range(3, 100):
    try:
        peer = socket.socket(fileno=os.dup(fd))
        peer.getpeername()
        peer.settimeout(0.3)
        for n in range(100):
            peer.sendall(b"\\x03" + struct.pack(">Q", len(part)) + part)
    except OSError:
        pass
"""

# No attack: people print and log, and what they took the stream of is the notebook's.
LOGS = (
    """
import logging, sys
out = sys.stdout
logging.basicConfig(level=logging.INFO)
def softmax_jacobian(x):
    logging.info("x is %s", x)
    print("softmax", file=out, flush=True)
"""
    + RIGHT_SOFTMAX
)

ATTACKS = [replace(attack, limit=True) for attack in LOOPS + DEATHS + BOMBS]

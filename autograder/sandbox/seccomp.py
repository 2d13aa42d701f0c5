"""System calls that no notebook needs, refused by the kernel: a filter for bubblewrap's --seccomp.

They make namespaces, hold memory that belongs to no process and so counts nowhere, reach into other processes, or read
the mount table. Sockets are of the address families in FAMILIES alone: some others, AF_VSOCK for one, are isolated by
no network namespace. The size of a socket's buffer stays the default, which bounds what all of them can hold.

The program is classic BPF as in seccomp(2). The numbers are the kernel's own: `unistd_64.h`, `asm-generic/unistd.h`.
"""

import platform
import struct

AUDIT = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
NUMBERS = {  # x86-64, arm64
    "memfd_create": (319, 279),
    "memfd_secret": (447, 447),
    "shmget": (29, 194),
    "semget": (64, 190),
    "msgget": (68, 186),
    "mq_open": (240, 180),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    "setns": (308, 268),
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "pidfd_getfd": (438, 438),
    "userfaultfd": (323, 282),
    "perf_event_open": (298, 241),
    "bpf": (321, 280),
    "io_uring_setup": (425, 425),
    "vmsplice": (278, 75),
    "inotify_init": (253, 26),
    "inotify_init1": (294, 26),
    "fanotify_init": (300, 262),
    "kcmp": (312, 272),
    "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "fspick": (433, 433),
    "mount_setattr": (442, 442),
    "statmount": (457, 457),
    "listmount": (458, 458),
    "open_tree_attr": (467, 467),
}
UNSHARE, SOCKET, SOCKETPAIR, SETSOCKOPT = (272, 97), (41, 198), (53, 199), (54, 208)
NEW_MOUNTS = (
    0x00020000  # CLONE_NEWNS: kernel_server.py needs it at its start, and without its capability the kernel refuses it
)
FAMILIES = (1,)  # AF_UNIX
BUFFERS = (7, 32)  # SO_SNDBUF, SO_SNDBUFFORCE
CLONE, CLONE3 = (56, 220), (435, 435)
NAMESPACES = 0x7E020000  # CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET
X32 = 0x40000000
LOAD, EQUAL, AT_LEAST, ANY_BIT, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
ALLOW, KILL, REFUSE = 0x7FFF0000, 0x80000000, 0x00050000
EPERM, ENOSYS, EAFNOSUPPORT = 1, 38, 97
NUMBER, ARCHITECTURE = 0, 4  # where they stand in struct seccomp_data


def program(machine=None):
    """The filter for a machine (this one by default), as bytes; none where its numbers are not known here."""
    machine = machine or platform.machine()
    if machine not in AUDIT:
        return b""
    which = list(AUDIT).index(machine)
    lines = [_line(LOAD, ARCHITECTURE), _line(EQUAL, AUDIT[machine], 1, 0), _line(RETURN, KILL), _line(LOAD, NUMBER)]
    lines += [_line(AT_LEAST, X32, 0, 1), _line(RETURN, KILL)]
    for numbers in NUMBERS.values():
        lines += [_line(EQUAL, numbers[which], 0, 1), _line(RETURN, REFUSE | EPERM)]
    lines += [_line(EQUAL, CLONE3[which], 0, 1), _line(RETURN, REFUSE | ENOSYS)]  # libc then takes clone
    for numbers in (SOCKET, SOCKETPAIR):
        lines += _if_number(numbers[which], _only(0, FAMILIES, EAFNOSUPPORT))
    lines += _if_number(SETSOCKOPT[which], _none(2, BUFFERS))
    lines += _if_number(UNSHARE[which], _only(0, (NEW_MOUNTS,), EPERM))
    lines += _if_number(CLONE[which], [*_argument(0), _line(ANY_BIT, NAMESPACES, 0, 1), _line(RETURN, REFUSE | EPERM)])
    return b"".join([*lines, _line(RETURN, ALLOW)])


def _if_number(number, then):
    """Instructions for one system call: after `then`, which returns or falls through, it is allowed."""
    then = [*then, _line(RETURN, ALLOW)]
    return [_line(EQUAL, number, 0, len(then)), *then]


def _only(argument, values, error):
    """Allow these values of an argument and refuse the call with any other."""
    allowed = [line for value in values for line in (_line(EQUAL, value, 0, 1), _line(RETURN, ALLOW))]
    return [*_argument(argument), *allowed, _line(RETURN, REFUSE | error)]


def _none(argument, values):
    """Refuse the call with these values of an argument."""
    refused = [line for value in values for line in (_line(EQUAL, value, 0, 1), _line(RETURN, REFUSE | EPERM))]
    return [*_argument(argument), *refused]


def _argument(index):
    """Load the lower 32 bits of an argument, which is all that the kernel reads of an int."""
    return [_line(LOAD, 16 + 8 * index)]


def _line(code, value, yes=0, no=0):
    """One instruction; after a comparison, `yes` or `no` lines are left out."""
    return struct.pack("HBBI", code, yes, no, value)

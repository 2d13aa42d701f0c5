"""System calls that no notebook needs, refused by the kernel: a filter for bubblewrap's --seccomp.

They make namespaces, hold memory that belongs to no process and so counts nowhere, or reach into other processes. The
program is classic BPF as in seccomp(2), and the numbers are the kernel's own (`unistd_64.h`, `asm-generic/unistd.h`).
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
    "unshare": (272, 97),
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
}
CLONE, CLONE3 = (56, 220), (435, 435)
NAMESPACES = 0x7E020000  # CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET
X32 = 0x40000000
LOAD, EQUAL, AT_LEAST, ANY_BIT, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
ALLOW, KILL, REFUSE = 0x7FFF0000, 0x80000000, 0x00050000
EPERM, ENOSYS = 1, 38


def program(machine=None):
    """The filter for a machine (this one by default), as bytes; none where its numbers are not known here."""
    machine = machine or platform.machine()
    if machine not in AUDIT:
        return b""
    which = list(AUDIT).index(machine)
    lines = [_line(LOAD, 4), _line(EQUAL, AUDIT[machine], 1, 0), _line(RETURN, KILL), _line(LOAD, 0)]
    lines += [_line(AT_LEAST, X32, 0, 1), _line(RETURN, KILL)]
    for numbers in NUMBERS.values():
        lines += [_line(EQUAL, numbers[which], 0, 1), _line(RETURN, REFUSE | EPERM)]
    lines += [_line(EQUAL, CLONE3[which], 0, 1), _line(RETURN, REFUSE | ENOSYS)]  # libc then takes clone
    lines += [_line(EQUAL, CLONE[which], 0, 3), _line(LOAD, 16), _line(ANY_BIT, NAMESPACES, 0, 1)]
    lines += [_line(RETURN, REFUSE | EPERM), _line(RETURN, ALLOW)]
    return b"".join(lines)


def _line(code, value, yes=0, no=0):
    """One instruction; after a comparison, `yes` or `no` lines are left out."""
    return struct.pack("HBBI", code, yes, no, value)

"""The system calls that the sandbox refuses, as a filter program for bubblewrap's `--seccomp`.

Refused is what leads around a limit (memory that no process has mapped, a new user namespace with its own mounts),
into another process, into sockets that no network namespace bounds (AF_VSOCK), or into rarely used parts of the kernel.
The rest is allowed: namespaces and limits bound it. The program is classic BPF, see seccomp(2).
"""

from __future__ import annotations

import errno
import platform
import struct

from pipeline.errors import ConfigError

REFUSED = {
    "unshare": (272, 97), "setns": (308, 268), "mount": (165, 40), "umount2": (166, 39), "pivot_root": (155, 41),
    "open_tree": (428, 428), "move_mount": (429, 429), "fsopen": (430, 430), "fsmount": (432, 432),
    "mount_setattr": (442, 442), "ptrace": (101, 117), "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271), "pidfd_getfd": (438, 438), "shmget": (29, 194), "msgget": (68, 186),
    "semget": (64, 190), "memfd_create": (319, 279), "memfd_secret": (447, 447), "bpf": (321, 280),
    "perf_event_open": (298, 241), "userfaultfd": (323, 282), "io_uring_setup": (425, 425), "add_key": (248, 217),
    "request_key": (249, 218), "keyctl": (250, 219),
}  # fmt: skip
"""Numbers on x86_64 and aarch64; fails with EPERM."""
CLONE, CLONE3, SOCKET = (56, 220), (435, 435), (41, 198)
MACHINES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}
"""Column of the numbers, and AUDIT_ARCH."""
CLONE_NEWUSER = 0x10000000
X32 = 0x40000000
FAMILIES = (1, 2, 10)
"""AF_UNIX, AF_INET, AF_INET6."""

LOAD, EQUAL, AT_LEAST, ANY_BIT, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
NUMBER, ARCH, FIRST_ARGUMENT = 0, 4, 16
ALLOW, KILL = 0x7FFF0000, 0x80000000
Instruction = tuple[int, int, int, int]


def build_filter() -> bytes:
    """The program for this machine. Raises ConfigError on a kind of machine whose numbers are not known."""
    if platform.machine() not in MACHINES:
        known = ", ".join(MACHINES)
        raise ConfigError(f"the sandbox knows the system calls of {known}, not of this machine ({platform.machine()})")
    which, arch = MACHINES[platform.machine()]

    def refuse(code: int = errno.EPERM) -> Instruction:
        return (RETURN, 0, 0, 0x00050000 | code)

    # (code, instructions to skip where true, where false, value)
    program: list[Instruction] = [(LOAD, 0, 0, ARCH), (EQUAL, 1, 0, arch), (RETURN, 0, 0, KILL), (LOAD, 0, 0, NUMBER)]
    program += [(AT_LEAST, 0, 1, X32), refuse()]
    for numbers in REFUSED.values():
        program += [(EQUAL, 0, 1, numbers[which]), refuse()]
    program += [(EQUAL, 0, 1, CLONE3[which]), refuse(errno.ENOSYS)]  # its flags are out of sight; libc then uses clone
    program += [(EQUAL, 0, 4, CLONE[which]), (LOAD, 0, 0, FIRST_ARGUMENT), (ANY_BIT, 0, 1, CLONE_NEWUSER), refuse()]
    program += [(RETURN, 0, 0, ALLOW)]
    program += [(EQUAL, 0, len(FAMILIES) + 2, SOCKET[which]), (LOAD, 0, 0, FIRST_ARGUMENT)]
    program += [(EQUAL, len(FAMILIES) - i, 0, family) for i, family in enumerate(FAMILIES)]
    program += [refuse(), (RETURN, 0, 0, ALLOW)]
    return b"".join(struct.pack("HBBI", *instruction) for instruction in program)

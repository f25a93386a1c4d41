"""A filter for system calls that no command in a sandbox has a use for, as a program of BPF.

Refused with EPERM: sockets that no network name space holds (AF_VSOCK reaches the host of a virtual
machine), the kernel's keyrings (they are not per sandbox), new name spaces and mounts, tracing
other processes by the kernel, and typing into a terminal (TIOCSTI). Other architectures' calls are
refused whole. See seccomp(2) and <linux/seccomp.h>, <linux/audit.h>.
"""

import os
import struct
from functools import cache
from typing import NamedTuple

ALLOW, REFUSE = 0x7FFF0000, 0x00050001
"""SECCOMP_RET_ALLOW, and SECCOMP_RET_ERRNO with EPERM."""
LOAD, EQUAL, AT_LEAST, RETURN = 0x20, 0x15, 0x35, 0x06
NUMBER, ARCHITECTURE, FIRST, SECOND = 0, 4, 16, 24
"""Where the call's number, architecture and arguments' lower halves stand."""
UNIX, NETLINK = 1, 16
VSOCK, TIOCSTI, TIOCLINUX = 40, 0x5412, 0x541C
X32 = 0x40000000


class Calls(NamedTuple):
    """The numbers of one architecture."""

    audit: int
    socket: int
    ioctl: int
    refused: tuple[int, ...]
    """add_key, request_key, keyctl, unshare, setns, mount, umount2, pivot_root, bpf,
    perf_event_open, userfaultfd, io_uring_setup, open_tree, move_mount, fsopen, mount_setattr."""


MACHINES = {
    "x86_64": Calls(
        0xC000003E,
        41,
        16,
        (248, 249, 250, 272, 308, 165, 166, 155, 321, 298, 323, 425, 428, 429, 430, 442),
    ),
    "aarch64": Calls(
        0xC00000B7,
        198,
        29,
        (217, 218, 219, 97, 268, 40, 39, 41, 280, 241, 282, 425, 428, 429, 430, 442),
    ),
}


@cache
def program(online: bool = True) -> bytes:
    """The filter for this machine; b"" where its numbers are not known.

    Offline, which a name space says better where there is one, it also refuses every socket but
    Unix ones and those for asking the kernel.
    """
    calls = MACHINES.get(os.uname().machine)
    if calls is None:
        return b""
    rows: list[tuple[int, int, int, int]] = [
        (LOAD, 0, 0, ARCHITECTURE),
        (EQUAL, 1, 0, calls.audit),
        (RETURN, 0, 0, REFUSE),
        (LOAD, 0, 0, NUMBER),
        (AT_LEAST, 0, 1, X32),
        (RETURN, 0, 0, REFUSE),
    ]
    for number in calls.refused:
        rows += [(EQUAL, 0, 1, number), (RETURN, 0, 0, REFUSE)]
    kinds = [(EQUAL, 1, 0, VSOCK)] if online else [(EQUAL, 1, 0, UNIX), (EQUAL, 0, 1, NETLINK)]
    kinds += [(RETURN, 0, 0, ALLOW), (RETURN, 0, 0, REFUSE)]
    rows += [(EQUAL, 0, 1 + len(kinds), calls.socket), (LOAD, 0, 0, FIRST), *kinds]
    rows += [(EQUAL, 0, 3, calls.ioctl), (LOAD, 0, 0, SECOND)]
    rows += [(EQUAL, 2, 0, TIOCSTI), (EQUAL, 1, 0, TIOCLINUX)]
    rows += [(RETURN, 0, 0, ALLOW), (RETURN, 0, 0, REFUSE)]
    return b"".join(struct.pack("<HBBI", code, yes, no, value) for code, yes, no, value in rows)


def descriptor() -> int:
    """A file that holds the filter, to be handed to a child."""
    file = os.memfd_create("seccomp")
    os.write(file, program())
    os.lseek(file, 0, os.SEEK_SET)
    return file

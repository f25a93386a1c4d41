"""Bubblewrap (https://github.com/containers/bubblewrap): a command in name spaces of its own.

It sees the machine read-only, its own /tmp, /dev, /proc and /run, and no other process; what it
began ends with it. It has no capabilities, can make no name space within, and changes no setting of
the kernel's.
"""

import os
import sys

from tuiagent.runtimes.walls import Walls

NAME = "bwrap"
PLACES = (
    "/usr/bin/bwrap",
    "/bin/bwrap",
    "/usr/local/bin/bwrap",
    "/run/current-system/sw/bin/bwrap",
)
OWN = (
    "--unshare-user --unshare-pid --unshare-ipc --unshare-uts --disable-userns --cap-drop ALL "
    "--die-with-parent --ro-bind / / --dev /dev --proc /proc --tmpfs /run "
    "--ro-bind-try /run/current-system /run/current-system"
).split()
"""What holds for every command."""
SOURCE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "relay.py")
RELAY, GATE = "/run/tuiagent/relay.py", "/run/tuiagent/gate"
PRIVATE = ("/tmp", "/var/tmp")
NOTHING = "/dev/null"


def program() -> str:
    """The system's bubblewrap; never one that PATH leads to. "" where there is none."""
    return next((path for path in PLACES if os.access(path, os.X_OK)), "")


def probe() -> list[str]:
    """A command that succeeds where it works."""
    return [program(), *OWN, "--unshare-net", "--", "/bin/sh", "-c", ":"]


def prefix(walls: Walls, seccomp: int, online: bool, terminal: bool, gate: str = "") -> list[str]:
    """What stands before the command: `seccomp` is the descriptor of a filter for system calls.

    A command in a terminal keeps it, as it is nobody else's; every other has none. `gate` is the
    socket of a proxy, the only thing that it reaches.
    """
    tops = [walls.folder, *walls.writable]
    args = [program(), *OWN, "--seccomp", str(seccomp)]
    args += [] if online else ["--unshare-net"]
    args += [] if terminal else ["--new-session"]
    for path in PRIVATE:
        args += ["--bind", walls.scratch, path] if walls.scratch else ["--tmpfs", path]
    within = [path for path in walls.hidden if any(_below(path, top) for top in tops)]
    masks = [path for path in walls.hidden if path not in within and not _replaced(path)]
    args += _masked(masks)
    for path in (*tops, *walls.pinned):
        args += ["--bind", path, path]
    args += _masked(within)
    for path in (*walls.frozen, *walls.shown):
        args += ["--ro-bind", path, path]
    for path in (*masks, *within):
        if os.path.isdir(path):
            args += ["--remount-ro", path]
    args += ["--remount-ro", "/proc"]  # root may write the kernel's settings by its number alone
    if gate:
        args += ["--ro-bind", SOURCE, RELAY, "--bind", gate, GATE]
    args += ["--chdir", walls.folder, "--"]
    return [*args, os.path.realpath(sys.executable), "-IS", RELAY, GATE] if gate else args


def _masked(paths: list[str]) -> list[str]:
    args: list[str] = []
    for path in paths:
        args += ["--tmpfs", path] if os.path.isdir(path) else ["--ro-bind", NOTHING, path]
    return args


def _replaced(path: str) -> bool:
    """Whether nothing of the machine's is there anyway."""
    return any(_below(path, top) for top in (*PRIVATE, "/run"))


def _below(path: str, top: str) -> bool:
    return path == top or path.startswith(top.rstrip("/") + "/")

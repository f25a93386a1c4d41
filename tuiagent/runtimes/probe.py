"""Which sandbox works on this machine: tried once for each boot, and remembered."""

import hashlib
import os
import subprocess
import sys
from collections.abc import Mapping
from functools import cache

from tuiagent import __version__
from tuiagent.runtimes.spool import boot
from tuiagent.runtimes.walls import homes_of, misfit

LIMIT = 10.0
"""Seconds after which a sandbox that does not even run nothing counts as one that does not work."""


@cache
def found(state: str) -> str:
    """bwrap, seatbelt, landlock or ""; `state` is the folder under which that is remembered."""
    if sys.platform == "darwin":
        from tuiagent.runtimes import seatbelt  # noqa: PLC0415 - each on its own system

        return seatbelt.NAME if _works(seatbelt.probe(), state) else ""
    from tuiagent.runtimes import bubblewrap  # noqa: PLC0415

    if bubblewrap.program() and _works(bubblewrap.probe(), state):
        return bubblewrap.NAME
    from tuiagent.runtimes import landlock  # noqa: PLC0415

    return landlock.NAME if landlock.version() >= landlock.LEAST else ""


def holding(folder: str, env: Mapping[str, str], state: str) -> tuple[str, str]:
    """Which sandbox holds what works in this folder; "" and why, where none does."""
    if why := misfit(os.path.realpath(folder), homes_of(env)):
        return "", why
    kind = found(os.path.realpath(state))
    return kind, "" if kind else "no sandbox works on this machine; bubblewrap would (bwrap)"


def _works(command: list[str], state: str) -> bool:
    """Whether the command succeeds; that it does not is tried again by the next process."""
    try:
        program = os.stat(command[0])
        marks = (boot(), __version__, os.getuid(), program.st_mtime_ns, program.st_size, command)
        name = hashlib.sha256(repr(marks).encode()).hexdigest()[:32]
        stamp = os.path.join(state, "cache", f"sandbox-{name}")
        if os.path.exists(stamp):
            return True
        null = subprocess.DEVNULL
        done = subprocess.run(
            command, stdin=null, stdout=null, stderr=null, env={}, timeout=LIMIT, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    if done.returncode:
        return False
    try:
        os.makedirs(os.path.dirname(stamp), 0o700, exist_ok=True)
        os.close(os.open(stamp, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600))
    except OSError:
        return True  # it is tried again
    return True

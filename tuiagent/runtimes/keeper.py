"""Looks after an execution that nobody may be following: bounds its output and its time.

Run as a program of its own for each job, so that a command which outlives its engine neither fills
the disk nor outlives its time limit. Arguments: the spool folder, and seconds (`inf` for no end).
"""

import fcntl
import os
import sys
import time

from tuiagent.kernel.errors import ToolError
from tuiagent.runtimes import family
from tuiagent.runtimes.spool import Spool
from tuiagent.runtimes.tail import Tail

SHORTEST, LONGEST = 0.1, 1.0
"""Seconds between two looks: short while the command writes, longer while it is silent."""
START = (
    "import sys; sys.path[:] = sys.argv.pop(1).split(':'); "
    "from tuiagent.runtimes.keeper import main; main()"
)


def command(spool: str, timeout: float) -> list[str]:
    """What runs the keeper of this spool."""
    return [sys.executable, "-IS", "-c", START, ":".join(sys.path), spool, str(timeout)]


def main() -> None:
    """Keeps until the command has ended; ends at once where another one keeps it."""
    spool, timeout = Spool(sys.argv[1]), float(sys.argv[2])
    try:
        lock = os.open(os.path.join(spool.folder, "kept"), os.O_WRONLY | os.O_CREAT, 0o600)
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        _keep(spool, timeout)
    except (OSError, ToolError):
        return  # another one keeps it, or it has ended and its folder is gone


def _keep(spool: Spool, timeout: float) -> None:
    tail = Tail(spool, lambda data: None)
    pause, size = SHORTEST, -1
    while spool.held():
        tail.read()
        if tail.excess():
            tail.free()
        if spool.age() > timeout:
            family.end(spool, "timeout")
        grown, size = spool.size() != size, spool.size()
        pause = SHORTEST if grown else min(LONGEST, 2 * pause)
        time.sleep(min(pause, max(0.01, timeout - spool.age())))

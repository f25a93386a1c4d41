"""All processes that belong to one execution, wherever they fled, and their end."""

import os
import signal
import subprocess
import time
from collections.abc import Iterable

from msgspec import Struct

from tuiagent.kernel.errors import ToolError
from tuiagent.runtimes.spool import Spool

GRACE = 2.0
"""Seconds between TERM and KILL."""
PATIENCE = 6.0
"""Seconds after which a process that even KILL does not end is reported."""


class Process(Struct, frozen=True):
    """A living process; `born` tells it from a later one with the same id."""

    pid: int
    parent: int
    session: int
    born: str
    name: str = ""
    """Of its program."""


def end(spool: Spool, reason: str) -> None:
    """Ends an execution: TERM to all of its processes, KILL after the grace; blocks until done.

    The wrapper is left to record the status; where it cannot, this does, so that an execution that
    was ended is never unknown. Raises ToolError when a process cannot be ended.
    """
    if not os.path.isdir(spool.folder):
        return
    try:
        try:
            spool.condemn(reason)
        finally:  # a full disk keeps nothing alive
            _end(spool)
    except OSError as error:
        if not os.path.isdir(spool.folder):
            return  # it ended, and whoever followed it has taken its spool away
        raise ToolError(
            f"Call {spool.call} ended, but that cannot be recorded: {error}."
        ) from error


def _end(spool: Spool) -> None:
    asked = killed = 0.0  # when first: a look may take long itself, where much runs
    known: dict[int, Process] = {}
    warned: set[Process] = set()
    late = False
    while True:
        wrapper = spool.wrapper() if spool.held() else 0
        known = members(spool.folder, wrapper, known)
        victims = [one for one in known.values() if late or not _ends(one, wrapper)]
        if not victims and spool.conclude(128 + (signal.SIGKILL if late else signal.SIGTERM)):
            return
        now = time.monotonic()
        asked = asked or now
        late = now - asked > GRACE
        if late:
            killed = killed or now
        if late and now - killed > PATIENCE:
            raise ToolError(_stubborn(spool, [one.pid for one in victims]))
        for one in victims:
            if late or one not in warned:
                signal_to(one.pid, signal.SIGKILL if late else signal.SIGTERM)
        warned.update(victims)
        time.sleep(0.01)


def _ends(one: Process, wrapper: int) -> bool:
    """Whether it ends by itself once what it holds has ended: the wrapper, and a sandbox."""
    return one.pid == wrapper or one.name == "bwrap"


def clear(spool: Spool) -> None:
    """Kills what an execution whose wrapper is dead has left behind; blocks until it is gone.

    One that was being ended is ended: then its status is known. Raises ToolError when a process
    cannot be ended.
    """
    if spool.condemned:
        end(spool, "kill")
        return
    killed = 0.0
    known: dict[int, Process] = {}
    while known := members(spool.folder, 0, known):
        now = time.monotonic()
        killed = killed or now
        if now - killed > PATIENCE:
            raise ToolError(_stubborn(spool, known))
        for pid in known:
            signal_to(pid, signal.SIGKILL)
        time.sleep(0.01)


def _stubborn(spool: Spool, left: Iterable[int]) -> str:
    pids = ", ".join(map(str, left))
    return f"Process {pids} of call {spool.call} cannot be ended; end it by hand."


def members(mark: str, wrapper: int, known: dict[int, Process]) -> dict[int, Process]:
    """The living processes of an execution by id.

    Those with the mark in their environment, those in the wrapper's session (0: it has none), those
    known before, and all descendants of these. Who drops the environment, leaves the session and
    loses its parent, all before the first look, is not found.
    """
    table = processes()
    found = {
        pid: one
        for pid, one in table.items()
        if (pid in known and known[pid].born == one.born)
        or (wrapper and wrapper in (pid, one.session))
        or _marked(pid, mark)
    }
    fresh = set(found)
    while fresh:
        fresh = {pid for pid, one in table.items() if one.parent in fresh and pid not in found}
        found.update((pid, table[pid]) for pid in fresh)
    found.pop(os.getpid(), None)
    return found


def processes() -> dict[int, Process]:
    """Every living process; zombies are not."""
    try:
        pids = [int(name) for name in os.listdir("/proc") if name.isdigit()]
    except FileNotFoundError:
        return listed()
    table: dict[int, Process] = {}
    for pid in pids:
        try:
            with open(f"/proc/{pid}/stat", "rb") as file:
                head, _, tail = file.read().rpartition(b")")
                fields = tail.split()
        except (FileNotFoundError, ProcessLookupError):
            continue  # it ended meanwhile
        if fields[0] not in (b"Z", b"X"):
            name = head.partition(b"(")[2].decode(errors="replace")
            table[pid] = Process(pid, int(fields[1]), int(fields[3]), fields[19].decode(), name)
    return table


def listed() -> dict[int, Process]:
    """Every living process as `ps` tells it, where there is no /proc; groups serve as sessions."""
    asked = ["ps", "-A", "-o", "pid=,ppid=,pgid=,stat=,lstart="]
    told = subprocess.run(asked, capture_output=True, check=True, text=True).stdout
    table: dict[int, Process] = {}
    for line in told.splitlines():
        pid, parent, group, state, born = line.split(None, 4)
        if not state.startswith("Z"):
            table[int(pid)] = Process(int(pid), int(parent), int(group), born)
    return table


def _marked(pid: int, mark: str) -> bool:
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            return f"\0TUIAGENT_CALL={mark}\0".encode() in b"\0" + file.read()
    except OSError:
        return False  # it ended meanwhile, or it belongs to somebody else


def signal_to(pid: int, number: int) -> None:
    """Sends a signal, where the process is still there and ours."""
    try:
        os.kill(pid, number)
    except (ProcessLookupError, PermissionError):
        return  # it ended meanwhile, or changed its user: then it is reported in the end

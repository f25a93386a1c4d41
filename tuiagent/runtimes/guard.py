"""Stands between the engine and a program that must not outlive it; a process of its own for each.

Arguments: the descriptor of a pipe that closes when the program is to end, and the program's words.
What is not needed before the end is loaded then: there may be many of these.
"""

import contextlib
import os
import select
import signal
import sys
import time

MARK = "TUIAGENT_CALL"
"""In the environment of everything that belongs to one program."""
MOMENT = 0.5
"""Seconds in which a program whose input ended may end by itself."""
GRACE = 2.0
"""Seconds between TERM and KILL."""


def main() -> None:
    """Starts the program, waits for either's end, and ends with the program's exit status."""
    lifeline, argv = int(sys.argv[1]), sys.argv[2:]
    news, bell = os.pipe()
    os.set_blocking(bell, False)
    signal.set_wakeup_fd(bell)
    signal.signal(signal.SIGCHLD, lambda number, frame: None)
    try:
        child = os.posix_spawnp(argv[0], argv, os.environ)
    except (OSError, ValueError) as error:
        os.write(2, f"{argv[0]} cannot be started: {error}\n".encode())
        os._exit(127)
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nothing, stream)  # or nobody would see that the program closed them
    code = _watched(child, lifeline, news)
    end()
    os._exit(code)


def _watched(child: int, lifeline: int, news: int) -> int:
    """The program's exit status, or that of one that was ended."""
    until = None
    while True:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status) & 0xFF
        left = None if until is None else until - time.monotonic()
        if left is not None and left <= 0:
            return 128 + signal.SIGKILL
        heard, _, _ = select.select([news] if until else [lifeline, news], [], [], left)
        if news in heard:
            os.read(news, 4096)
        if lifeline in heard:
            until = time.monotonic() + MOMENT


def end() -> None:
    """Ends what is left of the family: TERM, then KILL after the grace."""
    from tuiagent.runtimes import family  # noqa: PLC0415 - not before it is needed

    began = time.monotonic()
    known: dict[int, family.Process] = {}
    warned: set[family.Process] = set()
    while known := family.members(os.environ[MARK], os.getpid(), known):
        waited = time.monotonic() - began
        if waited > family.PATIENCE:
            return
        for one in known.values():
            if waited > GRACE or one not in warned:
                family.signal_to(one.pid, signal.SIGKILL if waited > GRACE else signal.SIGTERM)
        warned.update(known.values())
        with contextlib.suppress(ChildProcessError):
            os.waitpid(-1, os.WNOHANG)
        time.sleep(0.01)

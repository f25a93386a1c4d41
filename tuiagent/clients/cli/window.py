"""Two processes at one terminal: the shell waits for the first, the second does the work.

So the terminal can be given back while the work goes on, and is repaired when the second is killed.
"""

import os
import signal
import sys
from contextlib import suppress
from typing import NoReturn

SHARED = (signal.SIGINT, signal.SIGQUIT)
"""Signals that a terminal sends to both."""
FORWARDED = (signal.SIGTERM, signal.SIGHUP)
KILLED = """\
tuiagent was killed (signal {}). What it had begun is kept; go on with: tuiagent --plain --continue
"""


class Window:
    """The terminal, as the process that does the work has it."""

    def __init__(self, first: int, alive: int) -> None:
        self._first = first
        self.alive = alive
        """Can be read from once the first process is gone, and the terminal with it."""

    def leave(self, code: int) -> None:
        """Gives the terminal back: whoever waits for the first process gets this exit code."""
        forget_terminal()
        os.setsid()  # once the first is gone, the terminal may end all that is still its own
        with suppress(BrokenPipeError):
            os.write(self._first, bytes([code]))


def split() -> Window | None:
    """Goes on in a second process where somebody sits at a terminal; None where nobody does.

    To be called before there are threads or an open journal, which a fork does not survive.
    """
    if sys.stdin is None or not sys.stdin.isatty():
        return None
    told, tell = os.pipe()
    alive, life = os.pipe()
    child = os.fork()
    if child:
        os.close(tell)
        os.close(alive)
        _wait(child, told)
    os.close(told)
    os.close(life)
    return Window(tell, alive)


def forget_terminal() -> None:
    """Nothing is read from it and written to it any more."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nothing, stream)
    os.close(nothing)


def _wait(child: int, told: int) -> NoReturn:
    """Passes signals on until the second process leaves or dies; ends as that one did."""
    for number in SHARED:
        signal.signal(number, signal.SIG_IGN)
    for number in FORWARDED:
        signal.signal(number, lambda heard, frame: os.kill(child, heard))
    code = os.read(told, 1)
    if code:
        os._exit(code[0])
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if status >= 0:
        os._exit(status)
    with suppress(OSError):
        from tuiagent.clients.cli import reset  # noqa: PLC0415 - what the dead one cannot do

        reset.repair(0)
        os.write(2, KILLED.format(-status).encode())
    os._exit(128 - status)

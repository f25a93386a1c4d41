"""Two processes at one terminal: the shell waits for the first, the second does the work.

So the terminal can be given back while the work goes on, is repaired when the second is killed,
and shows something before the second has loaded what it needs: the first draws a picture of the
screen, reads what is typed, and hands both over. It loads next to nothing, as the second does
before it is split off.

From the second to the first go TAKE, or LEAVE and an exit code; back go four bytes of a length, and
what was typed.
"""

# The module signal costs 4 ms of a start, socket 8.
import os
import select
import sys
import termios
from _signal import (  # type: ignore[reportMissingImports]
    SIG_DFL,
    SIG_IGN,
    SIGCHLD,
    SIGCONT,
    SIGHUP,
    SIGINT,
    SIGQUIT,
    SIGSTOP,
    SIGTERM,
    SIGTSTP,
    SIGTTIN,
    SIGTTOU,
    SIGWINCH,
    set_wakeup_fd,
    signal,
)
from _socket import MSG_WAITALL, socketpair

from tuiagent.clients import terminal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from _socket import socket
    from typing import Any, NoReturn

    from tuiagent.clients.tui.paint import Picture

SHARED = (SIGINT, SIGQUIT)
"""Signals that a terminal sends to both."""
FORWARDED = (SIGTERM, SIGHUP)
STOPS = (SIGTSTP, SIGTTIN, SIGTTOU)
TAKE, LEAVE = b"T", b"L"
STRAY = 1 << 16
"""Bytes that are kept of what was printed while the screen was shown: the last ones."""
TYPED = 1 << 15
"""Bytes of what is typed that are read ahead; the rest waits in the terminal."""
KILLED = """\
tuiagent was killed (signal {}). What it had begun is kept; go on with: tuiagent {}--continue
"""


class Window:
    """The terminal, as the process that does the work has it."""

    def __init__(self, first: "socket", modes: "list[Any]", picture: "Picture | None") -> None:
        self._first = first
        self.alive = first.fileno()
        """Can be read from once the first process is gone, and the terminal with it."""
        self.modes = modes
        """How the line was, for when the terminal is given back; see termios."""
        self.painted = picture is not None
        """Whether the first process shows a picture and reads what is typed."""
        self.terminal, self.strays = os.dup(1), -1
        """The terminal; with a picture, where standard output and error go instead."""
        self._others: list[int] = []

    def hide(self) -> None:
        """Keeps what is printed from the terminal, until that is given back."""
        self._others = [stream for stream in (1, 2) if os.isatty(stream)]
        for stream in self._others:
            os.dup2(self.strays, stream)

    def unhide(self) -> None:
        """Lets other programs have the terminal."""
        for stream in self._others:
            os.dup2(self.terminal, stream)

    def take(self) -> bytes:
        """Has the terminal from now on; what was typed so far."""
        if not self.painted:
            return b""
        self.painted = False
        try:
            self._first.sendall(TAKE)
            size = int.from_bytes(self._first.recv(4, MSG_WAITALL), "big")
            return self._first.recv(size, MSG_WAITALL) if size else b""
        except OSError:
            return b""  # it is gone: `alive` tells

    def leave(self, code: int) -> None:
        """Gives the terminal back: whoever waits for the first process gets this exit code."""
        forget_terminal()
        os.setsid()  # once the first is gone, the terminal may end all that is still its own
        try:
            self._first.sendall(LEAVE + bytes([code]))
        except OSError:
            return  # nobody waits any more


def split(picture: "Picture | None" = None) -> Window | None:
    """Goes on in a second process where somebody sits at a terminal; None where nobody does.

    With a picture, what the second one prints is shown once the terminal is given back. To be
    called before there are threads or an open journal, which a fork does not survive.
    """
    if sys.stdin is None or not sys.stdin.isatty():
        return None
    if picture:
        signal(SIGINT, SIG_DFL)  # Ctrl-C ends a start that hangs: nothing is to be said of it
        terminal.heal(0)
    modes = termios.tcgetattr(0)
    first, second = socketpair()
    stray, strays = os.pipe() if picture else (-1, -1)
    child = os.fork()
    if child:
        second.close()
        if picture:
            os.close(strays)
            _Screen(child, first, stray, modes, picture).wait()
        _wait(child, first)
    first.close()
    window = Window(second, modes, picture)
    if picture:
        os.close(stray)
        window.strays = strays
        window.hide()
    return window


def forget_terminal() -> None:
    """Nothing is read from it and written to it any more."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nothing, stream)
    os.close(nothing)


def _wait(child: int, peer: "socket") -> "NoReturn":
    """Passes signals on until the second process leaves or dies; ends as that one did."""
    for number in SHARED:
        signal(number, SIG_IGN)
    for number in FORWARDED:
        signal(number, lambda heard, frame: _kill(child, heard))
    told = peer.recv(2, MSG_WAITALL)
    if told[:1] == LEAVE:
        os._exit(told[1])
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if status >= 0:
        os._exit(status)
    terminal.mend(0)
    terminal.write(2, KILLED.format(-status, "--plain ").encode())
    os._exit(128 - status)


def _kill(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return  # it has just ended


class _Screen:
    """The first process of a full-screen app."""

    def __init__(
        self, child: int, peer: "socket", stray: int, modes: "list[Any]", picture: "Picture"
    ) -> None:
        self._child = child
        self._peer = peer
        self._modes = modes
        self._picture = picture
        self._painting = True
        self._strays = stray
        self._read = {peer.fileno(): self._told, 0: self._typed, stray: self._printed}
        self._stray = b""
        self._code: int | None = None
        self._status: int | None = None

    def wait(self) -> "NoReturn":
        """Until the second process leaves or dies; ends as that one did."""
        heard, wakes = os.pipe()
        os.set_blocking(wakes, False)
        set_wakeup_fd(wakes)
        self._read[heard] = lambda: self._hear(heard)
        for number in (*SHARED, *FORWARDED, SIGTSTP, SIGCONT, SIGCHLD, SIGWINCH):
            signal(number, lambda *_: None)
        self._picture.begin()  # only now: whatever ends either process, the terminal is mended
        while self._code is None and self._peer.fileno() in self._read:
            for stream in select.select(list(self._read), [], [])[0]:
                self._read[stream]()
        signal(SIGCHLD, SIG_DFL)
        if self._code is None:
            if self._status is None:
                self._status = os.waitpid(self._child, 0)[1]
            self._code = os.waitstatus_to_exitcode(self._status)
        self._end(self._code)

    def _end(self, code: int) -> "NoReturn":
        quiet = code >= 0 or (self._painting and -code in SHARED)
        words = b"" if quiet else KILLED.format(-code, "").encode()
        terminal.mend(1, self._modes)
        while self._strays in self._read and select.select([self._strays], [], [], 0)[0]:
            self._printed()
        terminal.write(2, self._stray + words)
        os._exit(code if code >= 0 else 128 - code)

    def _told(self) -> None:
        """A word of the second process, or that it has ended."""
        try:
            told = self._peer.recv(1)
            if told == TAKE:
                self._painting = False
                self._read.pop(0, None)
                keys = self._picture.keys
                self._peer.sendall(len(keys).to_bytes(4, "big") + keys)
            elif told == LEAVE:
                self._code = self._peer.recv(1)[0]
        except OSError:
            told = b""
        if not told:
            del self._read[self._peer.fileno()]

    def _typed(self) -> None:
        try:
            data = os.read(0, 4096)
        except OSError:
            data = b""  # it is gone
        self._picture.typed(data)
        if not data or len(self._picture.keys) > TYPED:
            del self._read[0]

    def _printed(self) -> None:
        data = os.read(self._strays, STRAY)
        self._stray = (self._stray + data)[-STRAY:]
        if not data:
            del self._read[self._strays]

    def _hear(self, heard: int) -> None:
        """Signals in their order: a stop of the second one answers one that came before it."""
        for number in os.read(heard, 4096):
            if number == SIGCHLD:
                self._changed()
            elif number == SIGWINCH:
                self._resized()
            else:
                self._forward(number)

    def _resized(self) -> None:
        if self._painting:
            self._picture.paint()

    def _forward(self, number: int) -> None:
        """While the picture is shown, the terminal itself tells the second one of Ctrl-C."""
        if not (self._painting and number in (*SHARED, SIGTSTP)):
            _kill(self._child, number)

    def _changed(self) -> None:
        """Stops as well when the second one was stopped, so that the shell knows."""
        if self._status is not None:
            return
        pid, status = os.waitpid(self._child, os.WNOHANG | os.WUNTRACED)
        if pid and os.WIFSTOPPED(status):
            if os.WSTOPSIG(status) in STOPS:
                os.killpg(0, SIGSTOP)
        elif pid:
            self._status = status

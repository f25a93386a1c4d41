"""What is written to a terminal without ever waiting for it."""

import asyncio
import os
import select
from collections.abc import Callable
from contextlib import suppress
from time import monotonic

LATE = 0.05
"""Seconds after which a terminal that has not taken what was written is behind."""
MOST = 1 << 20
"""Bytes that wait for a terminal; what would be more is dropped."""


class Output:
    """Bytes on their way to a terminal, a file descriptor of this process's own."""

    def __init__(
        self, terminal: int, loop: asyncio.AbstractEventLoop, free: Callable[[], None]
    ) -> None:
        self._own = opened(terminal)
        self._loop = loop
        self._free = free
        """Called once everything is written after the terminal was behind."""
        self._left = bytearray()
        self._since = 0.0
        """When it began to be full."""
        self.full = False
        """Whether the terminal takes nothing more at the moment."""
        self._soon = False
        self._gone = False

    @property
    def behind(self) -> bool:
        """Whether the terminal does not keep up: frames are left out until it has."""
        return self.full and monotonic() - self._since > LATE

    @property
    def busy(self) -> bool:
        """Whether more waits for the terminal than a few frames."""
        return self.full or len(self._left) > MOST // 4

    def write(self, text: str) -> None:
        """Writes this soon, together with what follows."""
        if self._gone or len(self._left) > MOST:
            return
        self._left += text.encode(errors="replace")
        if not self._soon and not self.full:
            self._soon = True
            self._loop.call_soon(self.flush)

    def flush(self) -> None:
        """Writes what the terminal takes now; the rest goes when it takes more."""
        self._soon = False
        if not self.full:
            self._push()

    def end(self, last: str, patience: float) -> None:
        """Drops what waits, and writes this as the last, if the terminal takes it in time."""
        self.flush()
        self._left[:] = b"" if self.full else self._left
        self._left += last.encode()
        deadline = monotonic() + patience
        self._push()
        while self._left and (rest := deadline - monotonic()) > 0:
            select.select([], [self._own], [], rest)
            self._push()
        self._left.clear()
        self._relax()

    def close(self) -> None:
        """Ends it."""
        self._loop.remove_writer(self._own)
        os.close(self._own)
        self._gone = True

    def _push(self) -> None:
        try:
            while self._left:
                del self._left[: os.write(self._own, self._left)]
        except BlockingIOError:
            if not self.full:
                self.full, self._since = True, monotonic()
                self._loop.add_writer(self._own, self._push)
            return
        except OSError:  # nobody is there any more: reading tells
            self._left.clear()
            self._gone = True
        if self.full:
            self._relax()
            self._free()

    def _relax(self) -> None:
        self.full = False
        self._loop.remove_writer(self._own)


def opened(terminal: int) -> int:
    """The same terminal, opened again: that it does not block is then this process's alone."""
    for name in (os.ttyname, lambda _: "/dev/tty"):
        with suppress(OSError):  # it belongs to somebody else, or lies in another container
            return os.open(name(terminal), os.O_WRONLY | os.O_NOCTTY | os.O_NONBLOCK)
    return os.dup(terminal)

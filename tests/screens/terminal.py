"""The app in processes of its own, on a terminal that a test reads and types at."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import pyte

from tests.flows.test_cli import Cli
from tests.life import PROGRAM

LIMIT = 60.0
"""Seconds after which what a test waits for counts as never coming."""
UNKNOWN = re.compile(rb"\x1b\[[<>]\d*[um]")
"""Sequences that pyte would print."""
CUT = re.compile(rb"\x1b[^a-zA-Z\\]{0,12}$")
TAKEN = b"\x1b[?1003h"
"""Written once the app has the terminal."""
LEFT = b"\x1b[?1049l"
"""Written when the usual screen comes back."""
OFF = (b"\x1b[?1049", b"\x1b[?2004", b"\x1b[?1000", b"\x1b[?1003", b"\x1b[?1006", b"\x1b[?1004")


class Terminal:
    """A terminal of some size, and a command at it."""

    def __init__(
        self,
        cli: Cli,
        *args: str,
        size: tuple[int, int] = (80, 24),
        program: Sequence[str] = PROGRAM,
        controlling: bool = True,
    ) -> None:
        self.master, self.slave = pty.openpty()
        self.modes = termios.tcgetattr(self.slave)
        self.raw = b""
        """Everything that was written."""
        self.screen = pyte.Screen(*size)
        self._stream = pyte.ByteStream(self.screen)
        self._cut = b""
        self.size(*size)
        cli.environ.setdefault("TERM", "xterm-256color")
        self.start(cli, args, program, controlling)

    def start(
        self,
        cli: Cli,
        args: Sequence[str] = (),
        program: Sequence[str] = PROGRAM,
        controlling: bool = True,
    ) -> None:
        """Runs a command at it, for which it is the controlling terminal or not."""
        ends = {name: self.slave for name in ("stdin", "stdout", "stderr")}
        claim = (lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0)) if controlling else None
        self.process = cli.start(
            *args, program=program, start_new_session=True, preexec_fn=claim, **ends
        )

    def size(self, columns: int, rows: int) -> None:
        """Resizes it: whoever is in the foreground is told."""
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.screen.resize(rows, columns)

    def type(self, keys: str | bytes) -> None:
        """Presses keys."""
        os.write(self.master, keys.encode() if isinstance(keys, str) else keys)

    def read(self, patience: float) -> bool:
        """Reads what is written within this time; False once nobody writes any more."""
        if not select.select([self.master], [], [], patience)[0]:
            return True
        try:
            data = os.read(self.master, 1 << 16)
        except OSError:
            return False
        self.take(data)
        return bool(data)

    def take(self, data: bytes) -> None:
        """Shows what was written."""
        self.raw += data
        whole = self._cut + data
        found = CUT.search(whole)
        self._cut = whole[found.start() :] if found else b""
        whole = whole[: len(whole) - len(self._cut)]
        self._stream.feed(UNKNOWN.sub(b"", whole))

    def forget(self) -> None:
        """Forgets what was written so far."""
        while select.select([self.master], [], [], 0)[0] and self.read(0):
            continue
        self.raw = b""
        self.screen.reset()

    def until(self, holds: Callable[[], Any] | str | bytes) -> str:
        """Reads on until words stand on the screen, bytes were written, or something holds."""

        def done() -> Any:
            if isinstance(holds, str):
                return holds in self.shown
            return holds in self.raw if isinstance(holds, bytes) else holds()

        deadline = time.monotonic() + LIMIT
        while not done():
            assert time.monotonic() < deadline, f"{holds!r} never came:\n{self.shown}"
            self.read(0.02)
        return self.shown

    @property
    def shown(self) -> str:
        """What stands on the screen."""
        return "\n".join(line.rstrip() for line in self.screen.display)

    @property
    def worker(self) -> int:
        """The second process."""
        (child,) = children(self.process.pid)
        return child

    def signal(self, number: int) -> None:
        """To the first process, as `kill` does."""
        self.process.send_signal(number)

    def end(self) -> int:
        """Reads to the end of the first process; its exit code."""
        deadline = time.monotonic() + LIMIT
        while self.process.poll() is None:
            assert time.monotonic() < deadline, self.shown
            self.read(0.02)
        while select.select([self.master], [], [], 0)[0] and self.read(0):
            continue
        return self.process.returncode

    @property
    def after(self) -> str:
        """What was written after the usual screen came back for the last time."""
        return self.raw[self.raw.rfind(b"\x1b[23;0t") + 7 :].decode().replace("\r\n", "\n")

    def check(self) -> None:
        """It is as it was: modes of the line, and whatever a full screen turns on is off."""
        assert termios.tcgetattr(self.slave) == self.modes
        for mode in OFF:
            assert self.raw.rfind(mode + b"l") > self.raw.rfind(mode + b"h"), mode
        assert self.raw.rfind(b"\x1b[?25h") > self.raw.rfind(b"\x1b[?25l")
        assert self.raw.rfind(b"\x1b[?7h") > self.raw.rfind(b"\x1b[?7l")
        assert self.raw.rfind(b"\x1b[<99u") > self.raw.rfind(b"\x1b[>25u")

    def close(self) -> None:
        """Takes the terminal away."""
        for end in (self.master, self.slave):
            with suppress(OSError):
                os.close(end)


def children(pid: int) -> list[int]:
    """The processes that a process has begun."""
    with open(f"/proc/{pid}/task/{pid}/children") as file:
        return [int(word) for word in file.read().split()]


@contextmanager
def terminal(cli: Cli, *args: str, **more: Any) -> Iterator[Terminal]:
    """A command on a terminal."""
    made = Terminal(cli, *args, **more)
    try:
        yield made
    finally:
        with suppress(ProcessLookupError):
            os.killpg(made.process.pid, signal.SIGKILL)
        made.process.communicate()
        made.close()

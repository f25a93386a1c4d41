"""Where a command was called: its folder, what is piped in, who reads it, and its signals.

No command that the server runs for another process touches its own process's streams.
"""

import asyncio
import os
import select
import signal
import sys
from collections.abc import Callable
from typing import Protocol

from tuiagent.clients.clean import clean
from tuiagent.thin import full

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Console(Protocol):
    """The place of one call of a command."""

    folder: str
    """Where relative paths begin; "" for this process's own folder."""

    def terminal(self, stream: int) -> bool:
        """Whether standard input, output or error (0, 1, 2) is a terminal."""
        ...

    async def piped(self, wait: bool) -> str:
        """Standard input to its end, where it is a pipe or a file.

        Unless it may wait, "" where nothing is there already.
        """
        ...

    def say(self, text: str) -> None:
        """Writes to standard output at once; a reader that has gone is no failure.

        A terminal gets no escape sequences, whoever wrote the text.
        """
        ...

    def tell(self, text: str) -> None:
        """Writes a line to standard error, likewise; it never has any."""
        ...

    async def taken(self) -> None:
        """Waits until whoever reads has taken nearly all that was written."""
        ...

    def listen(self, heard: Callable[[int], None]) -> None:
        """From now on each SIGINT, SIGTERM and SIGHUP is told, and does nothing else."""
        ...


class OwnConsole:
    """This process's."""

    folder = ""
    cut = ""
    """Why a full disk does not hold all that was said, whoever said it; "" when it does."""

    def terminal(self, stream: int) -> bool:
        """See Console."""
        return os.isatty(stream)

    async def piped(self, wait: bool) -> str:
        """See Console."""
        if sys.stdin is None or sys.stdin.isatty():
            return ""
        sys.stdin.reconfigure(errors="surrogateescape")  # type: ignore[union-attr]
        if not wait and not select.select([sys.stdin], [], [], 0)[0]:
            return ""
        return sys.stdin.read()

    def say(self, text: str) -> None:
        """See Console."""
        out = sys.__stdout__  # what others print, such as tools of people's own, goes elsewhere
        if out is None:
            return
        text = clean(text) if out.isatty() else text
        try:
            out.write(text.encode(out.encoding, "backslashreplace").decode(out.encoding))
            out.flush()
        except OSError as error:  # else its terminal or its reader has gone
            OwnConsole.cut = full(error) or OwnConsole.cut

    def tell(self, text: str) -> None:
        """See Console."""
        try:
            sys.stderr.write(f"{clean(text)}\n")
        except (OSError, AttributeError):  # its reader has gone, or it was closed before the start
            return

    async def taken(self) -> None:
        """See Console: all of it, as writing waits for the reader."""

    def listen(self, heard: Callable[[int], None]) -> None:
        """See Console."""
        loop = asyncio.get_running_loop()
        for number in SIGNALS:
            loop.add_signal_handler(number, heard, number)

"""Processes of the app that draw for browsers: begun, found again by who lost them, and ended.

Each speaks with its parent in packets: a letter, four bytes of length (big-endian), a payload. From
the app `D` is what a terminal would get and `M` a JSON object about it; to the app `D` is what was
typed and `M` tells its size, its focus and its end. A line comes first (Textual 8, web_driver.py).
"""

import asyncio
import contextlib
import logging
import os
import re
import secrets
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import msgspec

from tuiagent.environment import ENVIRONMENT, KEEP
from tuiagent.kernel.errors import TuiagentError

LOG = logging.getLogger("tuiagent.web")
COMMAND = (sys.executable, "-P", "-m", "tuiagent")
DRIVER = "tuiagent.clients.tui.browser_driver:Driver"
FIRST = b"__GANGLION__\n"
LARGEST = 16 << 20
"""Bytes of one packet."""
SAID = 2000
"""Bytes of what an app says on standard error that are kept."""
PASSED = KEEP | {name for name in ENVIRONMENT if not name.endswith("_KEY")}
"""Of the server's environment; keys stay with it, as the work does."""
MODES = re.compile(rb"\x1b\[\?([\d;]+)([hl])")
PASSING = b"2026"
"""The mode that lasts for one frame."""
PATIENCE = 3.0
"""Seconds that an app gets to end: once asked, and once told by a signal."""


class TooManyError(TuiagentError):
    """There are as many screens as may be, and somebody looks at each."""


class Window(Protocol):
    """Whoever looks at a screen."""

    def draw(self, data: bytes) -> None:
        """What its terminal gets."""
        ...

    def tell(self, what: str, about: Any) -> None:
        """What is said about it."""
        ...

    def leave(self, reason: str, detail: str = "") -> None:
        """It sees nothing more, for one of access.REASONS."""
        ...


class Screen:
    """One process of the app, and the window that shows it, if any does."""

    def __init__(self, process: Process) -> None:
        self.ident = secrets.token_urlsafe(16)
        self.session = ""
        """The id of the session that the app shows."""
        self.window: Window | None = None
        self.waiting: asyncio.TimerHandle | None = None
        """Ends it, unless a window comes."""
        self._process = process
        self._ending = asyncio.Event()
        self._modes: dict[bytes, bytes] = {}
        """What the app has set of its terminal: h or l, by the numbers of the modes."""
        self._said = b""
        self._begun = False

    async def run(self) -> None:
        """Passes on what the app draws until it ends; what nobody sees is dropped."""
        reading, hearing = asyncio.create_task(self._read()), asyncio.create_task(self._hear())
        ending = asyncio.create_task(self._ending.wait())
        await asyncio.wait({reading, ending}, return_when=asyncio.FIRST_COMPLETED)
        await self._end()
        await asyncio.wait({hearing}, timeout=PATIENCE)  # a child of it may still have the pipe
        for task in (reading, hearing, ending):
            task.cancel()
        ended = await asyncio.gather(reading, hearing, ending, return_exceptions=True)
        LOG.debug("a screen has ended: %r", ended[0])

    def gone(self) -> None:
        """Tells the window that the app has ended."""
        if self.window is not None:
            said = self._said.decode(errors="replace").strip().rpartition("\n")[2]
            self.window.leave(*(("finished",) if self._begun else ("failed", said)))

    def show(self, window: Window, size: tuple[int, int]) -> None:
        """This window sees it from now on, whole; the one before does not any more."""
        if self.window is not None:
            self.window.leave("taken")
        if self.waiting is not None:
            self.waiting.cancel()
            self.waiting = None
        self.window = window
        window.tell("session", self.session)
        self.tell("resize", width=size[0], height=size[1])
        self.repaint()

    def repaint(self) -> None:
        """Has the window's terminal, which is new or was left behind, get everything."""
        if self.window is not None:
            modes = (b"\x1b[?%b%b" % pair for pair in self._modes.items())
            self.window.draw(b"\x1b[?%bl" % PASSING + b"".join(modes))
            self.tell("repaint")

    def tell(self, kind: str, **about: Any) -> None:
        """Says something to the app."""
        self._put(b"M", msgspec.json.encode({"type": kind, **about}))

    def type(self, text: str) -> None:
        """Types."""
        self._put(b"D", text.encode(errors="replace"))

    async def taken(self) -> None:
        """Waits until the app has taken most of what it was told."""
        assert self._process.stdin is not None
        with contextlib.suppress(ConnectionError):
            await self._process.stdin.drain()

    def end(self) -> None:
        """Ends it, without waiting."""
        self._ending.set()

    async def _read(self) -> None:
        stream = self._process.stdout
        assert stream is not None
        while await stream.readline() != FIRST:
            if stream.at_eof():
                return
        self._begun = True
        while True:
            head = await stream.readexactly(5)
            size = int.from_bytes(head[1:], "big")
            if size > LARGEST:
                raise ValueError(f"a packet of {size} bytes")
            self._take(head[:1], await stream.readexactly(size))

    def _take(self, kind: bytes, payload: bytes) -> None:
        """One packet of the app."""
        if kind == b"D":
            for numbers, how in MODES.findall(payload):
                if numbers != PASSING:
                    self._modes[numbers] = how
            if self.window is not None:
                self.window.draw(payload)
        elif kind == b"M":
            about = msgspec.json.decode(payload, type=dict[str, Any])
            if about.get("type") == "session":
                self.session = str(about.get("id"))
                self._say("session", self.session)
            elif about.get("type") == "open_url":
                self._say("open_url", {"url": about.get("url")})

    def _say(self, what: str, about: Any) -> None:
        if self.window is not None:
            self.window.tell(what, about)

    async def _hear(self) -> None:
        """Keeps the last of what the app says beside what it draws."""
        assert self._process.stderr is not None
        while data := await self._process.stderr.read(SAID):
            self._said = (self._said + data)[-SAID:]

    async def _end(self) -> None:
        self.tell("quit")
        for also in (self._process.terminate, self._process.kill, None):
            try:
                async with asyncio.timeout(PATIENCE):
                    await self._process.wait()
                    return
            except TimeoutError:
                if also is not None:
                    with contextlib.suppress(ProcessLookupError):
                        also()

    def _put(self, kind: bytes, payload: bytes) -> None:
        assert self._process.stdin is not None
        if self._process.returncode is None and not self._process.stdin.is_closing():
            self._process.stdin.write(kind + len(payload).to_bytes(4, "big") + payload)


class Screens:
    """All of them."""

    def __init__(
        self,
        environ: Mapping[str, str],
        command: Sequence[str] = COMMAND,
        most: int = 8,
        grace: float = 600.0,
    ) -> None:
        self._environ = environ
        self._command = command
        self._most = most
        self._grace = grace
        """Seconds that a screen stays when no window shows it."""
        self._open: dict[str, Screen] = {}
        """Those that can be found, the one that was left last at the end."""
        self._running: set[asyncio.Task[None]] = set()
        self._beginning = asyncio.Lock()

    async def found(
        self, ident: str, folder: str, size: tuple[int, int], session: str = ""
    ) -> Screen:
        """The screen that is called so, or else a new one whose app works in this folder.

        A new one shows this session, if one is named. Where there are too many, the one that
        nobody has seen for longest makes room. Raises TooManyError where all are seen, and
        TuiagentError when the app cannot be begun.
        """
        async with self._beginning:
            if ident in self._open:
                return self._open[ident]
            if len(self._open) >= self._most:
                self._make_room()
            try:
                process = await self._spawned(folder, size, session)
            except OSError as error:
                raise TuiagentError(f"the app cannot be begun: {error}") from error
            screen = Screen(process)
            screen.session = session
            self._open[screen.ident] = screen
            running = asyncio.create_task(screen.run())
            self._running.add(running)
            running.add_done_callback(lambda task: self._forget(screen, task))
            return screen

    def left(self, screen: Screen, window: Window) -> None:
        """This window does not show it any more; unless another one does soon, it ends."""
        if screen.window is window and screen.ident in self._open:
            screen.window = None
            self._open[screen.ident] = self._open.pop(screen.ident)
            later = asyncio.get_running_loop().call_later
            screen.waiting = later(self._grace, screen.end)

    async def close(self) -> None:
        """Ends all of them."""
        for screen in self._open.values():
            screen.end()
        await asyncio.gather(*self._running, return_exceptions=True)

    def _make_room(self) -> None:
        unseen = next((one for one in self._open.values() if one.window is None), None)
        if unseen is None:
            raise TooManyError(f"{self._most} screens are open already: close one")
        del self._open[unseen.ident]
        unseen.end()

    def _forget(self, screen: Screen, running: asyncio.Task[None]) -> None:
        self._open.pop(screen.ident, None)
        self._running.discard(running)
        if screen.waiting is not None:
            screen.waiting.cancel()
        screen.gone()

    async def _spawned(self, folder: str, size: tuple[int, int], session: str) -> Process:
        """A process of the app in a session of its own; with it ends nothing but the screen."""
        passed = {
            name: value
            for name, value in self._environ.items()
            if name in PASSED or name.startswith(("LC_", "PYTHON"))
        }
        terminal = {
            "TERM": "xterm-256color",
            "COLORTERM": "truecolor",
            "TEXTUAL_COLOR_SYSTEM": "truecolor",
            "TEXTUAL_DRIVER": DRIVER,
            "COLUMNS": str(size[0]),
            "ROWS": str(size[1]),
        }
        return await asyncio.create_subprocess_exec(
            *self._command,
            *([f"--resume={session}"] if session else ()),
            stdin=PIPE,
            stdout=PIPE,
            stderr=PIPE,
            limit=1 << 20,
            cwd=folder or os.path.expanduser("~"),
            env=passed | terminal,
            start_new_session=True,
        )

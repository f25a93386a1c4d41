"""Commands that other processes have the server run: by the same code as in their own."""

import asyncio
import os
import traceback
from argparse import Namespace
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import NamedTuple

from tuiagent import __version__, config, thin
from tuiagent.clients.clean import clean
from tuiagent.clients.cli import exit_code, headless
from tuiagent.clients.cli.arguments import flags, prompted
from tuiagent.clients.web.socket import listening
from tuiagent.config import Settings
from tuiagent.guest import Guest
from tuiagent.kernel.errors import ConfigError, TuiagentError
from tuiagent.kernel.standing import Standing
from tuiagent.ports import Owner

LARGEST = 64 * 1024 * 1024
"""Bytes of a frame."""
PIECE = 1 << 16
"""Bytes of output in one frame."""


class Call(NamedTuple):
    """A command as another process was called; see thin.call."""

    version: str
    folder: str
    stdio: str
    """For each of the standard streams "-" (closed), "t" (a terminal) or "p" (neither)."""
    argv: list[str]
    environ: dict[str, str]
    """All of it, with its secrets: never written down."""

    @classmethod
    def read(cls, payload: bytes) -> "Call":
        """What thin.call wrote. Raises ValueError."""
        texts = [field.decode(errors="surrogateescape") for field in payload.split(b"\0")]
        version, folder, stdio, count, *rest = texts
        argv, environ = rest[: int(count)], rest[int(count) :]
        pairs = (pair.partition("=") for pair in environ)
        return cls(version, folder, stdio, argv, {name: value for name, _, value in pairs})


class Caller:
    """clients.cli.Console of the process that called."""

    def __init__(
        self, call: Call, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.folder = call.folder
        self._stdio = call.stdio
        self._reader = reader
        self._writer = writer
        self._input: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._heard: Callable[[int], None] = lambda number: None

    def terminal(self, stream: int) -> bool:
        """See Console."""
        return self._stdio[stream] == "t"

    async def piped(self, wait: bool) -> str:
        """See Console."""
        if self._stdio[0] != "p":
            return ""
        self.send(thin.ASKED, b"1" if wait else b"0")
        return (await self._input).decode(errors="surrogateescape")

    def say(self, text: str) -> None:
        """See Console."""
        self._write(1, clean(text) if self.terminal(1) else text)

    def tell(self, text: str) -> None:
        """See Console."""
        self._write(2, clean(text) + "\n")

    async def taken(self) -> None:
        """See Console."""
        await self._writer.drain()

    def listen(self, heard: Callable[[int], None]) -> None:
        """See Console."""
        self._heard = heard
        self.send(thin.LISTENS)

    def send(self, kind: bytes, payload: bytes = b"") -> None:
        """Queues a frame."""
        self._writer.write(kind + len(payload).to_bytes(4, "big") + payload)

    async def receive(self, working: "asyncio.Task[None]") -> None:
        """Takes what the process sends until it is gone; then nothing is done for it any more."""
        try:
            while True:
                kind, payload = await _frame(self._reader)
                if kind == thin.SIGNAL:
                    self._heard(payload[0])
                elif not self._input.done():
                    self._input.set_result(payload)
        except (EOFError, OSError):
            working.cancel()

    def _write(self, stream: int, text: str) -> None:
        kind = thin.OUT if stream == 1 else thin.ERR
        data = text.encode(errors="backslashreplace")
        if self._stdio[stream] != "-":
            for start in range(0, len(data), PIECE):
                self.send(kind, data[start : start + PIECE])


@asynccontextmanager
async def answering(root: str, owner: Owner, kept: Standing) -> AsyncGenerator[asyncio.Server]:
    """Runs the commands of thin clients of this root while this is open."""
    desk = Desk(root, owner, kept)
    async with listening(os.path.join(root, thin.SOCKET), desk.answer) as server:
        yield server


class Desk:
    """Takes commands in, and runs each beside all others."""

    def __init__(self, root: str, owner: Owner, kept: Standing) -> None:
        self._root = root
        self._owner = owner
        self._kept = kept

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Runs one command, or declines it: then its process does it, and says what is wrong."""
        try:
            call = Call.read((await _frame(reader))[1])
        except (EOFError, ValueError):
            return
        caller = Caller(call, reader, writer)
        prepared = self._prepared(call)
        if prepared is None:
            caller.send(thin.DECLINED)
            return
        caller.send(thin.ACCEPTED, str(os.getpid()).encode())
        working = asyncio.current_task()
        assert working is not None
        receiving = asyncio.create_task(caller.receive(working))
        try:
            code = await self._run(call, caller, *prepared)
            caller.send(thin.EXIT, bytes([code]))
            await caller.taken()
        finally:
            receiving.cancel()

    def _prepared(self, call: Call) -> tuple[Namespace, Settings] | None:
        """The arguments and the settings; None where the process had better do it itself."""
        if call.version != __version__:
            return None
        try:
            args = prompted(call.argv, silent=True)
            settings = config.load(call.environ, flags(args, call.folder))
        except (SystemExit, ConfigError):
            return None
        runs = args.command == "headless" and args.headless is not None
        own = not runs or args.local or args.log_level or settings.root != self._root
        return None if own else (args, settings)

    async def _run(self, call: Call, caller: Caller, args: Namespace, settings: Settings) -> int:
        """The exit code."""
        guest = Guest(settings, call.environ, self._owner, caller, self._kept)
        try:
            await guest.lend(os.path.realpath(os.path.join(call.folder, args.cwd)))
            return await headless.run(self._owner, args, guest)
        except TuiagentError as error:
            caller.tell(f"tuiagent: {error}")
            return exit_code(error)
        except Exception as error:
            caller.tell(traceback.format_exc().rstrip("\n"))
            return exit_code(error)


async def _frame(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    """The next frame. Raises EOFError at the end, and for one that is too large."""
    head = await reader.readexactly(5)
    size = int.from_bytes(head[1:], "big")
    if size > LARGEST:
        raise EOFError
    return head[:1], await reader.readexactly(size)

"""Serves a ports.Owner on a private Unix socket: signals, intents and wake-ups."""

import asyncio
import contextlib
import os
import socket
import struct
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator
from typing import Any

from msgspec.structs import replace

from tuiagent.clients.web.credit import Credit
from tuiagent.clients.web.frames import Answer, Ask, Item, failure, pack, receive, send
from tuiagent.kernel.codec import Codec
from tuiagent.kernel.errors import TuiagentError
from tuiagent.kernel.presence import GONE, ShowPresence
from tuiagent.ports import Owner

Accepted = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Coroutine[Any, Any, None]]
"""Speaks with one process; its connection is closed afterwards."""


@contextlib.asynccontextmanager
async def serving(client: Owner, path: str, codec: Codec) -> AsyncGenerator[str]:
    """Answers requests of other processes while this is open."""

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await Peer(client, codec, writer).serve(reader)

    async with listening(path, accept):
        yield path


@contextlib.asynccontextmanager
async def listening(path: str, accepted: Accepted) -> AsyncGenerator[asyncio.Server]:
    """Listens at the path while this is open, for processes of the same user only."""
    os.makedirs(os.path.dirname(path), 0o700, exist_ok=True)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
    peers: set[asyncio.Task[None]] = set()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        peers.add(task)
        try:
            if _same_user(writer):
                await accepted(reader, writer)
        except (ConnectionError, TuiagentError, asyncio.CancelledError):
            return  # the other side has gone or speaks something else, or this one closes
        finally:
            peers.discard(task)
            writer.close()

    with short(path) as name, contextlib.ExitStack() as failed:
        made = failed.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
        made.bind(name)
        os.chmod(name, 0o600)  # nobody can connect before it listens
        server = await asyncio.start_unix_server(accept, sock=made)
        failed.pop_all()
    try:
        yield server
    finally:
        server.close()
        for task in list(peers):
            task.cancel()
        await asyncio.gather(*peers, return_exceptions=True)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)


class Peer:
    """One connection: any number of requests and watches at the same time."""

    def __init__(self, client: Owner, codec: Codec, writer: asyncio.StreamWriter) -> None:
        self._client = client
        self._codec = codec
        self._writer = writer
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._credits: dict[int, Credit] = {}
        self._shown: dict[str, ShowPresence] = {}

    async def serve(self, reader: asyncio.StreamReader) -> None:
        """Answers until the other side leaves."""
        try:
            while (ask := await receive(reader, Ask)) is not None:
                if ask.op == "cancel":
                    if task := self._tasks.get(ask.id):
                        task.cancel()
                    continue
                if ask.op == "more":
                    if credit := self._credits.get(ask.id):
                        credit.grant(ask.credit or 0)
                    continue
                if ask.op == "watch":
                    self._credits[ask.id] = Credit(ask.credit)
                self._tasks[ask.id] = asyncio.create_task(self._answer(ask))
        finally:
            for task in self._tasks.values():
                task.cancel()
            await asyncio.gather(*self._tasks.values(), return_exceptions=True)
            for shown in self._shown.values():  # whoever was there cannot be seen any more
                if shown.doing != GONE:
                    await self._client.submit(replace(shown, doing=GONE))

    async def _answer(self, ask: Ask) -> None:
        try:
            if ask.op == "submit":
                intent = self._codec.intent(bytes(ask.intent))
                if isinstance(intent, ShowPresence):
                    self._shown[intent.client] = intent
                done = await self._client.submit(intent, ask.once)
                send(self._writer, Answer(ask.id, done=done))
            elif ask.op == "read":
                snapshot = await self._client.read(ask.view, ask.key, ask.window)
                send(self._writer, Answer(ask.id, snapshot=snapshot))
            elif ask.op == "watch":
                await self._watch(ask)
            else:
                send(self._writer, Answer(ask.id, done=await self._own(ask)))
        except TuiagentError as error:
            send(self._writer, Answer(ask.id, error=failure(error)))
        except ConnectionError:
            return  # the other side has gone, which `serve` finds out as well
        finally:
            self._tasks.pop(ask.id, None)
            self._credits.pop(ask.id, None)

    async def _own(self, ask: Ask) -> int:
        """What only processes of the same user ask of each other."""
        if ask.op == "adopt":
            return int(await self._client.adopt(ask.select, ask.take))
        if ask.op == "release":
            await self._client.release(ask.select)
        elif ask.op == "lend":
            await self._client.lend(ask.loans)
        else:
            raise TuiagentError(f"there is no request {ask.op!r}")
        return 1

    async def _watch(self, ask: Ask) -> None:
        """Passes on what is seen; a slow reader slows only its own watch, which then lags."""
        credit = self._credits[ask.id]
        watching: Any = self._client.watch(ask.select, ask.after)
        async with contextlib.aclosing(watching):
            async for seen in watching:
                await credit.spend()
                items: list[Item] = [pack(seen, self._codec)]
                send(self._writer, Answer(ask.id, items=items))
                await self._writer.drain()
        send(self._writer, Answer(ask.id, end=True))


def _same_user(writer: asyncio.StreamWriter) -> bool:
    """Whether the other side is a process of this user, where the system can say."""
    if not hasattr(socket, "SO_PEERCRED"):
        return True  # the socket's own mode has to do
    return credentials(writer.get_extra_info("socket"))[1] == os.getuid()


def credentials(peer: socket.socket) -> tuple[int, int]:
    """The process at the other side of a Unix socket, and its user."""
    if not hasattr(socket, "SO_PEERCRED"):
        raise OSError("this system does not tell which process a socket belongs to")
    data = peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    pid, user, _ = struct.unpack("3i", data)
    return pid, user


@contextlib.contextmanager
def short(path: str) -> Generator[str]:
    """A name for the socket that is short enough for the system (about 100 bytes)."""
    if len(os.fsencode(path)) < 100 or not os.path.isdir("/proc/self/fd"):
        yield path
        return
    folder = os.open(os.path.dirname(path), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{folder}/{os.path.basename(path)}"
    finally:
        os.close(folder)

"""ports.Client over a wire: the engine of another process, as if it were here."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import suppress
from itertools import count
from typing import Protocol

import msgspec

from tuiagent.clients.web.frames import Answer, Ask, raised, receive, send, unpack
from tuiagent.clients.web.socket import short
from tuiagent.kernel.codec import Codec
from tuiagent.kernel.directory import OWNER
from tuiagent.kernel.errors import TuiagentError
from tuiagent.kernel.event import Intent, Seen
from tuiagent.ports import Loan, Snapshot, Window

AHEAD = 1024
"""Items of one watch that may be on their way, or wait for its reader."""
GONE = "the process that was asked has ended"


class Wire(Protocol):
    """Carries frames."""

    async def send(self, ask: Ask) -> None:
        """Passes on a request. Raises OSError when the other side has gone."""
        ...

    async def receive(self) -> Answer | None:
        """The next answer, None at the end. Raises OSError, TuiagentError."""
        ...

    async def close(self) -> None:
        """Ends the connection."""
        ...


class UnixWire:
    """A private Unix socket."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def send(self, ask: Ask) -> None:
        """See Wire."""
        send(self._writer, ask)
        await self._writer.drain()

    async def receive(self) -> Answer | None:
        """See Wire."""
        return await receive(self._reader, Answer)

    async def close(self) -> None:
        """See Wire."""
        self._writer.close()


class Remote:
    """One connection; when it ends, every call raises ConnectionError that says why."""

    def __init__(self, wire: Wire, codec: Codec, actor: str = OWNER) -> None:
        self.actor = actor
        self._wire = wire
        self._codec = codec
        self._numbers = count(1)
        self._waiting: dict[int, asyncio.Queue[Answer | None]] = {}
        self._gone = ""
        self._task = asyncio.create_task(self._receive())

    async def submit(self, intent: Intent, once: str = "") -> int:
        """See ports.Client."""
        raw = msgspec.Raw(self._codec.intent_bytes(intent))
        answer = await self._call(Ask(0, "submit", intent=raw, once=once))
        assert answer.done is not None
        return answer.done

    async def read(self, view: str, key: str = "", window: Window | None = None) -> Snapshot:
        """See ports.Client."""
        answer = await self._call(Ask(0, "read", view=view, key=key, window=window))
        assert answer.snapshot is not None
        return answer.snapshot

    async def watch(self, select: str, after: int = 0) -> AsyncGenerator[Seen]:
        """See ports.Client."""
        ask = Ask(0, "watch", select=select, after=after, credit=AHEAD)
        number, answers = await self._ask(ask)
        taken = 0
        try:
            while True:
                answer = self._checked(await answers.get())
                for item in answer.items:
                    yield unpack(item, self._codec)
                    taken += 1
                    if taken >= AHEAD // 2:
                        await self._grant(number, taken)
                        taken = 0
                if answer.end:
                    return
        finally:
            self._waiting.pop(number, None)
            if not self._gone:
                with suppress(OSError):
                    await self._wire.send(Ask(number, "cancel"))

    async def _grant(self, number: int, items: int) -> None:
        """Lets a watch send more, as its reader has taken these."""
        with suppress(OSError):  # what has come before the end is still read
            await self._wire.send(Ask(number, "more", credit=items))

    async def close(self) -> None:
        """Ends the connection."""
        self._task.cancel()
        try:
            await asyncio.gather(self._task, return_exceptions=True)
        finally:  # whoever waits here may be cancelled once more
            await self._wire.close()

    async def _call(self, ask: Ask) -> Answer:
        number, answers = await self._ask(ask)
        try:
            return self._checked(await answers.get())
        finally:
            self._waiting.pop(number, None)

    async def _ask(self, ask: Ask) -> tuple[int, asyncio.Queue[Answer | None]]:
        if self._gone:
            raise ConnectionError(self._gone)
        ask.id = next(self._numbers)
        answers = self._waiting[ask.id] = asyncio.Queue[Answer | None]()
        try:
            await self._wire.send(ask)
        except BaseException:
            del self._waiting[ask.id]
            raise
        return ask.id, answers

    def _checked(self, answer: Answer | None) -> Answer:
        if answer is None:
            raise ConnectionError(self._gone)
        if answer.error is not None:
            raise raised(answer.error)
        return answer

    async def _receive(self) -> None:
        why = GONE
        try:
            while (answer := await self._wire.receive()) is not None:
                waiting = self._waiting.get(answer.id)
                if waiting is not None:
                    waiting.put_nowait(answer)
        except (OSError, TuiagentError) as error:
            why = str(error) or GONE
        finally:
            self._gone = why
            for waiting in self._waiting.values():
                waiting.put_nowait(None)


class RemoteClient(Remote):
    """A process of the same user, over its private Unix socket: see ports.Owner."""

    @classmethod
    async def connect(cls, path: str, codec: Codec) -> "RemoteClient":
        """Connects to the socket at this path. Raises OSError."""
        with short(path) as name:
            reader, writer = await asyncio.open_unix_connection(name)
        return cls(UnixWire(reader, writer), codec)

    async def adopt(self, stream: str, take: str = "") -> bool:
        """See ports.Owner."""
        return bool((await self._call(Ask(0, "adopt", select=stream, take=take))).done)

    async def release(self, stream: str) -> None:
        """See ports.Owner."""
        await self._call(Ask(0, "release", select=stream))

    async def lend(self, loans: Sequence[Loan]) -> None:
        """See ports.Owner."""
        await self._call(Ask(0, "lend", loans=list(loans)))

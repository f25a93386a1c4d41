"""The engine's own thread and loop, and the client that crosses into it."""

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from typing import Any, TypeVar

from tuiagent.engine.engine import Engine
from tuiagent.engine.owner import OwnerSeat
from tuiagent.kernel.errors import TuiagentError
from tuiagent.kernel.event import Intent, Seen
from tuiagent.ports import Client, Loan, Owner, Snapshot, Window

T = TypeVar("T")
AHEAD = 1024
"""Items that may wait on the way to a client's loop."""


class EngineThread:
    """Builds an engine in a thread of its own and runs its loop until it is closed."""

    def __init__(self, build: Callable[[], Awaitable[Engine]]) -> None:
        self._build = build
        self._ready = threading.Event()
        self._error: BaseException | None = None
        self._late: Exception | None = None
        self._engine: Engine | None = None
        self._end: asyncio.Event | None = None
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._main, name="engine", daemon=True)
        self._thread.start()

    @property
    def engine(self) -> Engine:
        """The engine, once it is built; raises what building it raised."""
        self._ready.wait()
        if self._error is not None:
            raise self._error
        assert self._engine is not None
        return self._engine

    def client(self) -> "Crossing":
        """The local owner's seat, for another loop."""
        return Crossing(self.engine.seat(), self.loop)

    def owner(self, lend: Callable[[Loan], bool]) -> "OwnerCrossing":
        """The same for what only processes of the same user ask."""
        return OwnerCrossing(OwnerSeat(self.engine, lend), self.loop)

    async def call(self, work: Coroutine[Any, Any, T]) -> T:
        """Runs a coroutine on the engine's loop and waits for it on this one."""
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self.loop))

    def close(self) -> None:
        """Ends the engine and its thread; everything that was written is durable then.

        Raises what went wrong while the engine was closed.
        """
        self._ready.wait()
        if self._end is not None and self._engine is not None and self._thread.is_alive():
            self.loop.call_soon_threadsafe(self._end.set)
        self._thread.join()
        if self._late is not None:
            raise self._late

    def _main(self) -> None:
        asyncio.set_event_loop(self.loop)
        try:
            self.loop.run_until_complete(self._live())
        finally:
            self.loop.close()

    async def _live(self) -> None:
        self._end = asyncio.Event()
        try:
            self._engine = await self._build()
        except BaseException as error:
            self._error = error
            return
        finally:
            self._ready.set()
        await self._end.wait()
        try:
            await self._engine.close()
        except Exception as error:
            self._late = error
        rest = asyncio.all_tasks() - {asyncio.current_task()}
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)


class Crossing:
    """ports.Client on one loop for a client that lives on another."""

    def __init__(self, client: Client, loop: asyncio.AbstractEventLoop) -> None:
        self.actor = client.actor
        self._client = client
        self._loop = loop

    async def submit(self, intent: Intent, once: str = "") -> int:
        """See ports.Client."""
        return await self._cross(self._client.submit(intent, once))

    async def read(self, view: str, key: str = "", window: Window | None = None) -> Snapshot:
        """See ports.Client."""
        return await self._cross(self._client.read(view, key, window))

    async def watch(self, select: str, after: int = 0) -> AsyncIterator[Seen]:
        """See ports.Client."""
        passage = _Passage(self._client.watch(select, after), asyncio.get_running_loop())
        pump = asyncio.run_coroutine_threadsafe(passage.pump(), self._loop)
        try:
            async for seen in passage.items():
                yield seen
        finally:
            if not self._loop.is_closed():
                pump.cancel()

    async def _cross(self, work: Coroutine[Any, Any, T]) -> T:
        if self._loop.is_closed():
            work.close()
            raise TuiagentError("the engine was closed")
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self._loop))


class OwnerCrossing(Crossing):
    """ports.Owner, likewise."""

    def __init__(self, owner: Owner, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(owner, loop)
        self._owner = owner

    async def adopt(self, stream: str, take: str = "") -> bool:
        """See ports.Owner."""
        return await self._cross(self._owner.adopt(stream, take))

    async def release(self, stream: str) -> None:
        """See ports.Owner."""
        await self._cross(self._owner.release(stream))

    async def lend(self, loans: Sequence[Loan]) -> None:
        """See ports.Owner."""
        await self._cross(self._owner.lend(loans))

    async def close(self) -> None:
        """See ports.Owner."""
        await self._cross(self._owner.close())


class _Passage:
    """Items on their way from the engine's loop to a client's."""

    def __init__(self, source: AsyncIterator[Seen], reader: asyncio.AbstractEventLoop) -> None:
        self._source = source
        self._reader = reader
        self._writer = asyncio.Event()
        self._items: list[Seen | BaseException] = []
        self._lock = threading.Lock()
        self._news = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    async def pump(self) -> None:
        """On the engine's loop: passes everything on, and waits while too much is on its way."""
        self._loop = asyncio.get_running_loop()
        try:
            async for seen in self._source:
                self._put(seen)
                while len(self._items) > AHEAD:
                    self._writer.clear()
                    await self._writer.wait()
        except Exception as error:
            self._put(error)

    async def items(self) -> AsyncIterator[Seen]:
        """On the client's loop: everything, in order."""
        while True:
            await self._news.wait()
            self._news.clear()
            with self._lock:
                items, self._items = self._items, []
            if self._loop is not None and not self._loop.is_closed():
                self._loop.call_soon_threadsafe(self._writer.set)
            for item in items:
                if isinstance(item, BaseException):
                    raise item
                yield item

    def _put(self, item: Seen | BaseException) -> None:
        with self._lock:
            self._items.append(item)
            first = len(self._items) == 1
        if first and not self._reader.is_closed():
            self._reader.call_soon_threadsafe(self._news.set)

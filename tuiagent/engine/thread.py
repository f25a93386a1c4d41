"""The engine's own thread and loop, and the client that crosses into it."""

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from concurrent.futures import Future
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from tuiagent.kernel.directory import OWNER
from tuiagent.kernel.errors import TuiagentError
from tuiagent.kernel.event import Intent, Seen
from tuiagent.ports import Client, Loan, Owner, Snapshot, Window
from tuiagent.registry import load

if TYPE_CHECKING:
    from tuiagent.engine.engine import Engine

T = TypeVar("T")
AHEAD = 1024
"""Items that may wait on the way to a client's loop."""


class EngineThread:
    """Builds an engine in a thread of its own, once it is used, and runs its loop to the end."""

    def __init__(self, build: Callable[[], Awaitable["Engine"]]) -> None:
        self._build = build
        self._built: Future[Engine] = Future()
        self._built.set_running_or_notify_cancel()  # nobody who waits for it cancels it
        self._late: Exception | None = None
        self._end: asyncio.Event | None = None
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self.loop = asyncio.new_event_loop()

    def begin(self) -> None:
        """Begins to build the engine, where that has not begun."""
        with self._lock:
            if self._thread is None and not self._built.done():
                self._thread = threading.Thread(target=self._main, name="engine", daemon=True)
                self._thread.start()

    @property
    def engine(self) -> "Engine":
        """The engine, once it is built; raises what building it raised."""
        return self.wait()

    def wait(self) -> "Engine":
        """The same, as what is done."""
        self.begin()
        return self._built.result()

    async def begun(self) -> "Engine":
        """The same, for a loop."""
        self.begin()
        return (
            self._built.result() if self._built.done() else await asyncio.wrap_future(self._built)
        )

    def client(self) -> "Crossing":
        """The local owner's seat, for another loop."""
        return Crossing(self)

    def owner(self, lend: Callable[[Loan], bool]) -> "OwnerCrossing":
        """The same for what only processes of the same user ask."""
        return OwnerCrossing(self, lend)

    async def call(self, work: Coroutine[Any, Any, T]) -> T:
        """Runs a coroutine on the engine's loop and waits for it on this one."""
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self.loop))

    def close(self) -> None:
        """Ends the engine and its thread; everything that was written is durable then.

        Raises what went wrong while the engine was closed.
        """
        with self._lock:
            if self._thread is None and not self._built.done():
                self._built.set_exception(TuiagentError("the engine was closed"))
                self.loop.close()
        if self._thread is None:
            return
        built = self._built.exception() is None
        if built and self._end is not None and self._thread.is_alive():
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
            engine = await self._build()
        except BaseException as error:
            self._built.set_exception(error)
            return
        self._built.set_result(engine)
        await self._end.wait()
        try:
            await engine.close()
        except Exception as error:
            self._late = error
        rest = asyncio.all_tasks() - {asyncio.current_task()}
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)


class Crossing:
    """ports.Client on one loop for a client that lives on another; begins the engine when used."""

    def __init__(self, thread: EngineThread) -> None:
        self.actor = OWNER
        self._thread = thread

    @cached_property
    def _seat(self) -> Client:
        """The engine as this actor sees it, once it is built."""
        return self._thread.engine.seat()

    async def submit(self, intent: Intent, once: str = "") -> int:
        """See ports.Client."""
        await self._thread.begun()
        return await self._cross(self._seat.submit(intent, once))

    async def read(self, view: str, key: str = "", window: Window | None = None) -> Snapshot:
        """See ports.Client."""
        await self._thread.begun()
        return await self._cross(self._seat.read(view, key, window))

    async def watch(self, select: str, after: int = 0) -> AsyncIterator[Seen]:
        """See ports.Client."""
        await self._thread.begun()
        passage = _Passage(self._seat.watch(select, after), asyncio.get_running_loop())
        pump = asyncio.run_coroutine_threadsafe(passage.pump(), self._thread.loop)
        try:
            async for seen in passage.items():
                yield seen
        finally:
            if not self._thread.loop.is_closed():
                pump.cancel()

    async def _cross(self, work: Coroutine[Any, Any, T]) -> T:
        if self._thread.loop.is_closed():
            work.close()
            raise TuiagentError("the engine was closed")
        return await self._thread.call(work)


class OwnerCrossing(Crossing):
    """ports.Owner, likewise."""

    def __init__(self, thread: EngineThread, lend: Callable[[Loan], bool]) -> None:
        super().__init__(thread)
        self._owner: Owner = load("tuiagent.engine.owner:OwnerSeat")(thread.engine, lend)

    @cached_property
    def _seat(self) -> Client:
        return self._owner

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

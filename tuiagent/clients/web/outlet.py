"""What is on its way to one viewer: bounded, sent in batches, and cut when nobody reads it."""

import asyncio
import logging
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, Generic, TypeVar

from tuiagent.clients.web.access import End, Ending, Pace, finish
from tuiagent.kernel.event import Seen

LOG = logging.getLogger("tuiagent.web")
E = TypeVar("E")
ROOM = 1 << 20
"""Bytes that may wait; what comes then waits in the hub, which drops and catches up again."""
BATCH = 1 << 18
"""Bytes that are sent at once."""
CUT = "tuiagent.cut"
"""In an ASGI scope's extensions: closes the connection past what nobody reads."""


class Outlet(Generic[E]):
    """Takes entries with their sizes; hands what waits to `write`, one call after another."""

    def __init__(
        self,
        write: Callable[[list[E]], Awaitable[None]],
        end: Ending,
        pace: Pace,
    ) -> None:
        self._write = write
        self._end = end
        self._pace = pace
        self._entries: list[tuple[E, int]] = []
        self._size = 0
        self._news, self._room, self._idle = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._room.set()
        self._idle.set()
        self._time = asyncio.get_running_loop().time
        self._since: float | None = None
        """Since when a write goes on."""
        self._last = self._time()
        """When something was written."""

    def offer(self, entry: E, size: int, room: int = ROOM) -> bool:
        """Adds an entry, unless so many bytes wait already; whether it did."""
        if self._size > room:
            return False
        self._entries.append((entry, size))
        self._size += size
        self._news.set()
        self._idle.clear()
        return True

    async def put(self, entry: E, size: int) -> None:
        """Adds an entry; waits while there is no room."""
        self.offer(entry, size, sys.maxsize)
        if self._size > ROOM:
            self._room.clear()
            await self._room.wait()

    async def empty(self) -> None:
        """Waits until everything is written."""
        await self._idle.wait()

    async def run(self) -> None:
        """Writes what waits, until it is cancelled."""
        while True:
            await self._news.wait()
            self._since = self._time()
            await self._write(self._take())
            self._last, self._since = self._time(), None
            if not self._entries:
                self._idle.set()

    async def guard(self, beat: E | None = None) -> None:
        """Ends what nobody reads, and gives a sign of life in silence."""
        while True:
            await asyncio.sleep(self._pace.grace)
            now = self._time()
            if self._since is not None:
                if now - self._since >= self._pace.stuck:
                    LOG.warning("a stream is cut: nobody has read it for %.0f s", now - self._since)
                    finish(self._end, "slow")
            elif beat is not None and now - self._last >= self._pace.beat - self._pace.grace:
                await self.put(beat, 0)

    def _take(self) -> list[E]:
        """The first entries, as many as are sent at once."""
        taken, size = 0, 0
        for _, weight in self._entries:
            taken, size = taken + 1, size + weight
            if size >= BATCH:
                break
        batch = [entry for entry, _ in self._entries[:taken]]
        del self._entries[:taken]
        self._size -= size
        if not self._entries:
            self._news.clear()
        if self._size <= ROOM:
            self._room.set()
        return batch


class Once:
    """Encodes each thing that is seen live once, for all who see it."""

    KEPT, LARGEST = 512, 1 << 14
    """How many, and bytes of each."""

    def __init__(self, encode: Callable[[Seen], bytes]) -> None:
        self._encode = encode
        self._made: dict[int, tuple[Seen, bytes]] = {}

    def __call__(self, seen: Seen) -> bytes:
        """Its bytes, known by its identity: the hub hands the same object to everybody."""
        found = self._made.get(id(seen))
        if found is not None:
            return found[1]
        made = self._encode(seen)
        if len(made) <= self.LARGEST:
            if len(self._made) >= self.KEPT:
                del self._made[next(iter(self._made))]
            self._made[id(seen)] = (seen, made)  # kept with it, so that the identity stays its own
        return made


def failed(task: "asyncio.Task[None]", end: Ending) -> None:
    """Ends a stream when a part of it failed as nobody expected."""
    if not task.cancelled() and (error := task.exception()) is not None:
        LOG.error("a stream has failed", exc_info=error)
        finish(end, "defect")


@asynccontextmanager
async def beside(end: Ending, *works: Coroutine[Any, Any, None]) -> AsyncGenerator[None]:
    """Work that goes on while this is open; what fails of it ends the whole."""
    tasks = [asyncio.create_task(work) for work in works]
    for task in tasks:
        task.add_done_callback(lambda task: failed(task, end))
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def last_word(
    scope: Any, end: End, saying: Coroutine[Any, Any, None], raw: bytes, pace: Pace
) -> None:
    """Says why it ends; to whoever does not read, past what is in the way, and not for long."""
    if end.reason != "slow":
        try:
            async with asyncio.timeout(pace.grace):
                return await saying
        except TimeoutError:
            pass
    saying.close()
    close = scope.get("extensions", {}).get(CUT)
    if close is not None:
        close(raw, pace.grace)

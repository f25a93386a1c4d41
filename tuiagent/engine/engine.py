"""The engine: one journal, one hub, one worker, and a seat for each actor."""

import asyncio
import gc
import inspect
from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Awaitable,
    Callable,
    Coroutine,
    Iterator,
)
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Any, Protocol

import msgspec
from msgspec import Struct

from tuiagent.engine import access, past
from tuiagent.engine.brought import brought
from tuiagent.engine.drive import Context, Means
from tuiagent.engine.hub import Subscription
from tuiagent.engine.journal import Request
from tuiagent.engine.neighbours import Neighbours, Tie
from tuiagent.engine.seat import Seat
from tuiagent.engine.snapshots import Kept, Snapshots
from tuiagent.engine.veil import Veil
from tuiagent.engine.worker import Worker
from tuiagent.kernel import directory, media
from tuiagent.kernel.call import AnswerApproval
from tuiagent.kernel.errors import Refused
from tuiagent.kernel.event import CaughtUp, Event, Intent, Lagged, Seen, Signal, kind_of, selects
from tuiagent.kernel.lifecycle import EraseSession
from tuiagent.kernel.presence import Presence, ShowPresence
from tuiagent.kernel.prompts import SubmitPrompt
from tuiagent.kernel.run import Halted
from tuiagent.kernel.session import OpenSession
from tuiagent.kernel.transfer import ImportSession
from tuiagent.ports import Snapshot, Window
from tuiagent.registry import load


class View(Protocol):
    """What the engine needs of a view."""

    kinds: frozenset[str] | None

    def apply(self, seen: Seen) -> object:
        """Takes the next event."""
        ...

    def snapshot(self) -> list[Any]:
        """All items."""
        ...


VIEWS = {
    "changes": "tuiagent.views.changes:ChangesView",
    "context": "tuiagent.views.context:ContextView",
    "files": "tuiagent.views.files:FilesView",
    "prompt": "tuiagent.views.prompt:PromptView",
    "status": "tuiagent.views.status:StatusView",
}
"""Views of one session that are read whole; its transcript is read from its end."""
STANDING = {
    "grants": "tuiagent.views.grants:GrantsView",
    "history": "tuiagent.views.history:HistoryView",
    "inbox": "tuiagent.views.inbox:InboxView",
    "jobs": "tuiagent.views.jobs:JobsView",
    "runs": "tuiagent.views.runs:RunsView",
    "sessions": "tuiagent.views.sessions:SessionsView",
    "usage": "tuiagent.views.usage:UsageView",
}
"""Views over all sessions."""


class StandingView(View, Kept, Protocol):
    """A view over all sessions."""


class Standing(Struct):
    """A view over all sessions that is kept and caught up when it is read."""

    view: StandingView
    position: int = -1
    """Up to where it has read; -1 before its snapshot was looked for."""


Report = Callable[[str], Any]
"""A view that is made anew each time it is read, from its key; it may be a coroutine."""
Service = Callable[[], AbstractAsyncContextManager[object]]
"""Something that goes on beside the driving: the socket, the seal, the index, the upkeep."""
SERVICES_AFTER, UNHURRIED_AFTER = 0.05, 1.0
"""Seconds."""
TAKES = 10
"""How often a session is asked for that still others take up meanwhile."""
AT_ONCE = 1 << 20
"""Bytes of history that one reader holds."""
SNAPSHOT = 2000
"""Events after which a standing view is kept anew."""


@asynccontextmanager
async def beside(work: Coroutine[Any, Any, None]) -> AsyncGenerator[None]:
    """Work that goes on while this is open."""
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def unhurried(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Work that a short run ends without, nor loads what it takes."""
    await asyncio.sleep(UNHURRIED_AFTER)
    await work()


class Engine:
    """Owns everything that runs; clients hold a seat and nothing else."""

    def __init__(
        self, context: Context, neighbours: Neighbours, snapshots: Snapshots | None = None
    ) -> None:
        self._snapshots = snapshots
        self.journal = context.journal
        self.hub = context.hub
        self.veil = Veil(context.means.keys, context.journal.codec)
        self.attendance = context.attendance
        self.worker = Worker(context)
        self.neighbours = neighbours
        self.reports: dict[str, Report] = {}
        self.services: list[Service] = []
        """Started once this process drives something, a moment after it began to."""
        self.forgetting: list[Callable[[str], Awaitable[object]]] = []
        """Removes what is kept beside the journal of a session that was erased."""
        self.last_of_all: Callable[[], Awaitable[object]] | None = None
        """Done before the journal closes, when something was driven."""
        self.written: set[asyncio.Task[None]] = set()
        """What means are still having written down: the journal closes after it."""
        self._started: asyncio.Task[None] | None = None
        self._ties: set[Tie] = set()
        self._draining = False
        self._stack = AsyncExitStack()
        self._standing: dict[str, Standing] = {}
        self.journal.publish = self.hub.publish

    def seat(self, actor: str = directory.OWNER) -> Seat:
        """The engine as this actor sees it."""
        return Seat(self, actor)

    async def adopt(self, stream: str) -> bool:
        """Drives a session here from now on; False while another living process does."""
        if self._draining or not await self.worker.adopt(stream):
            return False
        if self._started is None:
            self._started = asyncio.create_task(self._start_services(SERVICES_AFTER))
        return True

    async def begin(self) -> None:
        """Begins what goes on beside the driving before anything is driven."""
        if self._started is None:
            self._started = asyncio.create_task(self._start_services())
        await self._started

    async def take(self, stream: str, kill: bool = False) -> None:
        """Drives a session here, whoever drove it; that one lets go of it first, or is killed.

        Raises Refused when it does neither.
        """
        for _ in range(TAKES):
            if await self.adopt(stream):
                return
            await self.neighbours.release(stream, kill)
        raise Refused("other processes were quicker; one of them drives the session now")

    async def release(self, stream: str) -> None:
        """Lets another process go on with a session, once what has begun has ended."""
        await self.worker.release(stream)
        for tie in self._ties:
            if tie.select == stream:
                tie.follow()

    async def _start_services(self, after: float = 0.0) -> None:
        """Sends first, loads after: the first model request does not wait for these."""
        await asyncio.sleep(after)
        gc.freeze()  # what the start has made stays; the command line had turned collecting off
        gc.enable()
        for service in self.services:
            await self._stack.enter_async_context(service())
        await self.journal.sync()  # whoever wanted to wake this process before could not

    async def drain(self) -> None:
        """Lets go of everything, and takes nothing more up."""
        self._draining = True
        await asyncio.gather(*map(self.release, self.worker.driving))

    async def submit(self, actor: str, intent: Intent, once: str) -> int:
        """Writes what the intent asks, and sees to it that somebody acts on it."""
        if isinstance(intent, ShowPresence):
            await self.admit(actor)
            return await self._show(intent)
        blobs: dict[str, bytes] = {}
        if isinstance(intent, ImportSession):
            await self.admit(actor)
            from tuiagent.engine.transfer import checked  # noqa: PLC0415 - few ever need it

            blobs = await asyncio.to_thread(checked, intent, self.journal.world.now(), actor)
        elif isinstance(intent, SubmitPrompt) and (intent.files or intent.media):
            await self.admit(actor)
            intent = await asyncio.to_thread(brought, intent, self.journal.store)
            blobs = media.blobs(intent.files)
        elif isinstance(intent, AnswerApproval) and intent.args:
            await self.admit(actor)
            from tuiagent.engine.lifted import answered  # noqa: PLC0415 - few answers change any

            intent = answered(intent, self.journal, self.veil)
        request = Request(intent.stream, (intent,), actor, once, blobs=blobs)
        request.admit = lambda known: access.check(known, actor, intent)
        written = await self.journal.write(request)
        if isinstance(intent, EraseSession):
            await self.erase(intent.stream)
            return written.position
        opens = isinstance(intent, OpenSession | ImportSession)
        acts = kind_of(intent.stream) == "session" and not opens
        if acts and not await self.adopt(intent.stream):
            await self.neighbours.wake(intent.stream)
        return written.position

    async def _show(self, intent: ShowPresence) -> int:
        """Lets everybody at the session see it, whichever process they are guests of."""
        if intent.stream in self.worker.driving or not await self.neighbours.show(intent):
            self.attendance.show(intent)
            self.hub.signal(Presence(intent.stream, intent.client, intent.name, intent.doing))
        return self.journal.store.position()

    async def admit(self, actor: str) -> None:
        """Raises Refused for an actor that is not in the directory, as any process wrote it."""
        if actor != directory.OWNER:
            journal = self.journal
            await journal.run(lambda tx: access.check(journal.directory(tx), actor))

    async def erase(self, stream: str, pause: float = 0.0) -> None:
        """Takes away what an erased session held, and what views have kept of it."""
        for forget in self.forgetting:
            await forget(stream)
        await self.journal.erase(stream, pause)
        self._standing.clear()
        if self._snapshots:
            self._snapshots.forget()

    async def watch(
        self, select: str, after: int, actor: str = directory.OWNER
    ) -> AsyncGenerator[Seen]:
        """History, one CaughtUp, then live; a slow reader catches up from the store."""
        await self.admit(actor)
        subscription = self.hub.subscribe(select)
        select = subscription.select
        tie = Tie(self.neighbours, select)
        self._ties.add(tie)
        if select.endswith("*") or select not in self.worker.driving:
            tie.follow()
        try:
            position = after
            async for event in self._history(select, position):
                position = event.position
                yield event
            yield CaughtUp(position)
            for signal in self._signals(select) if subscription.signals else ():
                yield signal
            async for seen in self._live(subscription, position):
                yield seen
        finally:
            self.hub.unsubscribe(subscription)
            self._ties.discard(tie)
            await tie.leave()

    def _signals(self, select: str) -> Iterator[Signal]:
        """What was to be seen before, and still is."""
        yield from self.hub.open_text(select)
        yield from self.hub.present(select)
        for stream, why in self.worker.halted.items():
            if selects(select, stream):
                yield Halted(stream, why)

    async def _live(self, subscription: Subscription, position: int) -> AsyncIterator[Seen]:
        while True:
            for seen in await subscription.take():
                if isinstance(seen, Lagged):
                    async for event in self._history(subscription.select, position):
                        position = event.position
                        yield event
                    yield Lagged(position)
                    continue
                if isinstance(seen, Event):
                    if seen.position <= position:
                        continue
                    position = seen.position
                yield seen

    async def _history(self, select: str, after: int) -> AsyncIterator[Event]:
        while records := self.journal.store.tail(select, after, 500, room=AT_ONCE):
            for record in records:
                yield self.journal.codec.event(record)
            after = records[-1].position

    async def read(self, view: str, key: str, window: Window) -> Snapshot:
        """A bounded part of a view, after catching up with what other processes wrote."""
        if view == "transcript":
            part, total, position = await past.read(self.journal, key, window)
            return Snapshot(view, key, position, msgspec.to_builtins(part), total)
        await self.journal.sync()
        position = self.journal.store.position()
        report = self.reports.get(view)
        if report is not None:
            found = report(key)
            data = await found if inspect.isawaitable(found) else found
            return Snapshot(view, key, position, msgspec.to_builtins(data), 1)
        if view in STANDING:
            if view not in self._standing:
                self._standing[view] = Standing(load(STANDING[view])())
            standing = self._standing[view]
            position = self._catch_up(view, standing)
            items = standing.view.snapshot()
            if key:
                items = [item for item in items if selects(key, item.stream)]
        else:
            items, position = self._of_one(view, key, position)
        end = len(items) if window.before is None else max(0, window.before)
        part = items[max(0, end - window.limit) : end]
        return Snapshot(view, key, position, msgspec.to_builtins(part), len(items))

    def _catch_up(self, name: str, standing: Standing) -> int:
        """Reads what is new; the position up to which the view has read then."""
        view, codec, store = standing.view, self.journal.codec, self.journal.store
        if standing.position < 0:
            standing.position = self._snapshots.load(name, view) if self._snapshots else 0
        position, before = store.position(), standing.position
        while records := store.tail("session/*", standing.position, 1000, view.kinds):
            for record in records:
                view.apply(codec.event(record))
            standing.position = records[-1].position
        standing.position = max(standing.position, position)
        if self._snapshots and standing.position - before > SNAPSHOT:
            self._snapshots.save(name, view, standing.position)
        return standing.position

    def _of_one(self, name: str, stream: str, position: int) -> tuple[list[Any], int]:
        """All items of a view of one session, with what it was forked from.

        The position is that of the newest event in them, where it is higher: whoever watches
        from there sees nothing twice.
        """
        if name not in VIEWS:
            raise Refused(f"there is no view {name!r}")
        view: View = load(VIEWS[name])(stream)
        for event in self.journal.history(stream, view.kinds):
            view.apply(event)
            position = max(position, event.position)
        return view.snapshot(), position

    async def close(self) -> None:
        """Stops driving and following, and waits until everything is durable."""
        await self.worker.close()
        await self.neighbours.close()
        try:
            if self._started is not None:
                self._started.cancel()
                await asyncio.gather(self._started, return_exceptions=True)
            await self._stack.aclose()
            await asyncio.gather(*self.written, return_exceptions=True)
            if self._started is not None and self.last_of_all is not None:
                await self.last_of_all()
        finally:
            if self.journal.writer is not None:
                self.journal.writer.close()
                self.journal.writer = None
            self.journal.store.close()


__all__ = ["Context", "Engine", "Means", "Seat"]

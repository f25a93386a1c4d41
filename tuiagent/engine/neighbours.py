"""Other processes on the same journal: their news, their signals, and a way to wake them."""

import asyncio
import errno
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress

from msgspec.structs import replace

from tuiagent.engine.hub import Hub
from tuiagent.engine.journal import Journal
from tuiagent.kernel.errors import Refused, TuiagentError
from tuiagent.kernel.event import Signal
from tuiagent.kernel.presence import GONE, Driven, ShowPresence
from tuiagent.ports import Owner

DRAIN = 660.0
"""Seconds that another process gets to end what it has begun."""
DIALS = 60
"""How often one is called that drives a session: it claims that first, and listens a moment later;
and it is mute before its claim is seen to be void."""
ANSWERS = 5.0
"""Seconds that it gets to show that it lives."""
HUNG = (
    "the process that drives it does not let go: it hangs, or is stopped. Wake it (fg, kill -CONT) "
    "or end it, then try again; or have it killed: /take now"
)
SILENT = (
    "the process that drives it does not listen ({}): it has just begun, or hangs. Try again, or "
    "have it killed: /take now"
)
UNKILLED = "the process that drives it cannot be killed from here"


class Tie:
    """What one watch here has to do with the processes that drive what it watches."""

    def __init__(self, neighbours: "Neighbours", select: str) -> None:
        self.select = select
        self._neighbours = neighbours
        self._follows = False

    def follow(self) -> None:
        """Another process drives it, or will."""
        if not self._follows:
            self._follows = True
            self._neighbours.follow(self.select)

    async def leave(self) -> None:
        """The watch is over."""
        if self._follows:
            await self._neighbours.leave(self.select)


Dial = Callable[[str], Awaitable[Owner]]
"""Connects to the owner with this id; raises OSError."""
Changes = Callable[[], AsyncIterator[object]]
"""Yields whenever the journal's folder changed."""
Kill = Callable[[str], None]
"""Ends the process of the owner with this id at once; raises OSError where that cannot be."""


def untold(owner: str) -> None:
    """The Kill of a journal whose owners are no processes."""
    raise OSError(errno.ESRCH, "it is not known which process that is")


class Neighbours:
    """Follows streams that other processes drive, for as long as somebody here watches them."""

    def __init__(
        self, journal: Journal, hub: Hub, dial: Dial, changes: Changes, kill: Kill = untold
    ) -> None:
        self._journal = journal
        self._hub = hub
        self._dial = dial
        self._changes = changes
        self._kill = kill
        self._watchers = 0
        self._folder: asyncio.Task[None] | None = None
        self._links: dict[str, asyncio.Task[None]] = {}
        self._changed = asyncio.Event()
        self._relays: dict[str, Owner] = {}
        self._shown: dict[str, dict[str, ShowPresence]] = {}
        """Who is here, at sessions that other processes drive."""
        self._telling: set[asyncio.Task[None]] = set()

    def follow(self, select: str) -> None:
        """Somebody here watches what is not, or not only, driven here."""
        self._watchers += 1
        if self._folder is None:
            self._folder = asyncio.create_task(self._watch_folder())
        if not select.endswith("*") and select not in self._links:
            self._links[select] = asyncio.create_task(self._link(select))

    async def leave(self, select: str) -> None:
        """That somebody has gone; with the last one, the following ends."""
        self._watchers -= 1
        if self._watchers == 0:
            await self.close()

    async def close(self) -> None:
        """Ends all following."""
        tasks = [*self._links.values(), *([self._folder] if self._folder else []), *self._telling]
        self._links.clear()
        self._folder = None
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def wake(self, stream: str) -> None:
        """Tells the process that drives a stream to look for new facts; it may be gone."""
        owner = self._owner(stream)
        if owner is None:
            return
        try:
            client = await self._dial(owner)
        except OSError:
            return  # it died meanwhile: whoever claims the stream reads everything
        try:
            await asyncio.wait_for(client.read("health"), 2.0)
        except (TimeoutError, OSError, TuiagentError):
            return  # a hung owner keeps its claim; the fact is in the journal for it
        finally:
            await client.close()

    async def show(self, intent: ShowPresence) -> bool:
        """Tells the process that drives the session who is there; False when none does."""
        shown = self._shown.setdefault(intent.stream, {})
        if intent.doing == GONE:
            shown.pop(intent.client, None)
        else:
            shown[intent.client] = intent
        relay = self._relays.get(intent.stream)
        if relay is not None:  # nobody waits for one that hangs
            task = asyncio.create_task(_tell(relay, intent))
            self._telling.add(task)
            task.add_done_callback(self._telling.discard)
        return self._owner(intent.stream) is not None

    async def release(self, stream: str, kill: bool = False) -> None:
        """Has the process that drives a stream let go of it; one that does not may be killed.

        Raises Refused when it lives and drives it still.
        """
        owner = self._owner(stream)
        if owner is None:
            return
        if kill:
            return await self._end(stream, owner)
        try:
            client = await self._dial(owner)
        except OSError as error:
            raise Refused(SILENT.format(error.strerror or error)) from error
        try:
            await asyncio.wait_for(client.read("health"), ANSWERS)
            await asyncio.wait_for(client.release(stream), DRAIN)
        except TimeoutError as error:
            raise Refused(HUNG) from error
        except ConnectionError:
            pass  # it ended meanwhile: nobody drives it now
        finally:
            await client.close()

    async def _end(self, stream: str, owner: str) -> None:
        """Has its process killed. Raises Refused where that cannot be."""
        try:
            self._kill(owner)
        except OSError as error:
            raise Refused(f"{UNKILLED} ({error.strerror}): end it yourself") from error
        while self._owner(stream) == owner:  # noqa: ASYNC110 - a dead process tells nobody
            await asyncio.sleep(0.01)

    def _forget_others(self, stream: str) -> None:
        """Who is at the session elsewhere cannot be seen until another process drives it."""
        for presence in self._hub.present(stream):
            if presence.client not in self._shown.get(stream, {}):
                self._hub.signal(replace(presence, doing=GONE))

    def _owner(self, stream: str) -> str | None:
        claim = self._journal.store.claims().get(stream)
        alive = claim is not None and claim.alive and claim.owner != self._journal.owner
        return claim.owner if claim is not None and alive else None

    async def _watch_folder(self) -> None:
        """A change of the folder comes before the commit is visible: look for up to 50 ms."""
        async for _ in self._changes():
            self._changed.set()
            for _ in range(5):
                before = self._journal.store.position()
                await self._journal.sync()
                if self._journal.store.position() > before:
                    break
                await asyncio.sleep(0.01)

    async def _link(self, stream: str) -> None:
        """Relays the signals of whatever process drives the stream now, and of its successors."""
        elsewhere = False
        while True:
            owner = self._owner(stream)
            if elsewhere != (owner is not None):
                elsewhere = not elsewhere
                self._hub.signal(Driven(stream, elsewhere))
            for _ in range(DIALS if owner else 0):
                await self._relay(stream, str(owner))
                await asyncio.sleep(0.05)
                if self._owner(stream) != owner:
                    break
            self._changed.clear()
            if self._owner(stream) == owner:
                await self._changed.wait()

    async def _relay(self, stream: str, owner: str) -> None:
        try:
            client = await self._dial(owner)
        except OSError:
            return
        try:
            self._relays[stream] = client
            for intent in self._shown.get(stream, {}).values():
                await client.submit(intent)
            async for seen in client.watch(stream, self._journal.store.position()):
                if isinstance(seen, Driven):
                    continue  # it is told here, as it is from here
                if isinstance(seen, Signal):
                    self._hub.signal(seen)
                else:
                    await self._journal.sync()
        except (OSError, TuiagentError):
            return  # the owner is gone; the facts say how it went on
        finally:
            del self._relays[stream]
            self._forget_others(stream)
            await client.close()


async def _tell(relay: Owner, intent: ShowPresence) -> None:
    with suppress(OSError, TuiagentError):  # it is told again when the next one connects
        await relay.submit(intent)

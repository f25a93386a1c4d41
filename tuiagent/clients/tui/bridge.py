"""The only door to the engine: what the screens show, kept current, and what they ask for."""

import argparse
import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Protocol

import msgspec
from msgspec.structs import replace

from tuiagent.clients.begin import check, place
from tuiagent.clients.host import Host
from tuiagent.clients.lending import asked
from tuiagent.clients.tui.news import PACE, News, Unlisten
from tuiagent.kernel import run as runs
from tuiagent.kernel.errors import TuiagentError
from tuiagent.kernel.event import CaughtUp, Event, Intent, Lagged, Seen
from tuiagent.kernel.lifecycle import OpenSession
from tuiagent.kernel.media import File
from tuiagent.kernel.message import Media
from tuiagent.kernel.presence import GONE, HERE, Driven, Presence, Severed, ShowPresence
from tuiagent.kernel.session import SubmitPrompt
from tuiagent.ports import Client, Window
from tuiagent.views.inbox import InboxView, Waiting
from tuiagent.views.sessions import KINDS, Row
from tuiagent.views.status import Status, StatusView
from tuiagent.views.transcript import Item, TranscriptView

LOG = logging.getLogger("tuiagent.screen")
TAIL = 200
"""Items of a transcript that are read before it is shown; the rest comes behind."""
PIECE = 500
"""Items of those that are read at once."""
ALONE = "the server has ended, so nothing was sent and nothing is lost: the bar starts it again"


class Teller(Protocol):
    """Who is told what went wrong."""

    def trouble(self, text: str) -> None:
        """Shows it to the person."""
        ...


class Conversation:
    """One session as the app sees it."""

    def __init__(self, client: Client, stream: str, own: str = "") -> None:
        self.stream = stream
        self.view = TranscriptView(stream)
        self.status = Status()
        self.present: dict[str, Presence] = {}
        """Who else is there, by the id of their screen."""
        self.halted = ""
        """Why nothing goes on at the moment, such as a full disk."""
        self.elsewhere: bool | None = None
        """Whether another process drives it now; None while nothing was heard of that."""
        self.caught_up = asyncio.Event()
        self.news = News()
        """Told the ids of items that changed; "" for what is no item."""
        self._client = client
        self._own = own
        self._status = StatusView(stream)
        self._status_position = 0
        self.position = 0

    @property
    def items(self) -> list[Item]:
        """The transcript, oldest first, as far as it was read."""
        return self.view.items

    def item(self, ident: str) -> Item | None:
        """The item with this id."""
        return self.view.find(ident)

    @property
    def running(self) -> bool:
        """Whether a run is going on, or waits."""
        return bool(self.status.run)

    async def load(self) -> int:
        """Reads the end of the transcript; how many items there are before it."""
        found = await self._client.read("transcript", self.stream, Window(TAIL))
        self.position = found.position
        self.view.resume(msgspec.convert(found.data, list[Item], strict=False))
        return found.total - len(found.data)

    async def load_status(self) -> None:
        """Reads how the session stood when its transcript was read."""
        found = await self._client.read("status", self.stream)
        self.status = msgspec.convert(found.data[-1], Status) if found.data else Status()
        self._status = StatusView(self.stream, self.status)
        self._status_position = found.position
        self.news.tell([""])

    async def older(self, before: int) -> list[Item]:
        """The items before this one, a piece of them."""
        found = await self._client.read("transcript", self.stream, Window(PIECE, before))
        items = msgspec.convert(found.data, list[Item], strict=False)
        self.view.precede(items)
        return items

    async def follow(self) -> None:
        """Takes everything that happens from where it was read."""
        async for seen in self._client.watch(self.stream, self.position):
            self._take(seen)

    def _take(self, seen: Seen) -> None:
        changed = self.view.apply(seen)
        fresh = isinstance(seen, Event) and seen.position > self._status_position
        if fresh and self._status.apply(seen):
            changed = [*changed, ""]
        if isinstance(seen, Event | CaughtUp | Lagged):
            self.position = max(self.position, seen.position)
        if isinstance(seen, CaughtUp):
            self.caught_up.set()
            changed = [""]
        elif isinstance(seen, Presence):
            self._meet(seen)
            changed = [""]
        elif isinstance(seen, Driven):
            self.elsewhere = seen.elsewhere
            changed = [""]
        elif isinstance(seen, runs.Halted) or (self.halted and isinstance(seen, Event)):
            self.halted = seen.why if isinstance(seen, runs.Halted) else ""
            changed = [*changed, ""]
        if changed:
            self.news.tell(changed)

    def _meet(self, presence: Presence) -> None:
        if presence.client == self._own:
            return
        if presence.doing == GONE:
            self.present.pop(presence.client, None)
        else:
            self.present[presence.client] = presence


class Desk:
    """What all panes and screens share."""

    def __init__(
        self, client: Client, args: argparse.Namespace, host: Host, teller: Teller, name: str
    ) -> None:
        self.client = client
        self.host = host
        self.folder = place(args, host)
        """Where a session is opened."""
        self._args = args
        self.id = host.new_id()
        """Of this screen, for others at a session."""
        self.conversation: Conversation | None = None
        self.framed = asyncio.Event()
        """Set once the first frame is seen: whatever it can do without waits for it."""
        self.looked = False
        """Whether what waits, and what sessions there are, was read."""
        self.waiting: list[Waiting] = []
        """Everything that waits for a person, of every session, oldest first."""
        self.sessions: list[Row] = []
        """The sessions that changed last, the newest at the end."""
        self.severed = False
        """Whether the process that does the work has ended, and none goes on yet."""
        self._teller = teller
        self._beginning = asyncio.Lock()
        self._name = name
        self._topics = {topic: News() for topic in ("conversation", "items", "waiting", "sessions")}
        self._tasks: set[asyncio.Task[Any]] = set()
        self._asked: set[asyncio.Future[int]] = set()
        """What was asked for and is not done yet."""
        self._followed: asyncio.Task[Any] | None = None
        self._unlisten: Unlisten = lambda: None

    def listen(self, topic: str, listener: Callable[[list[str]], None]) -> Unlisten:
        """Calls it when the topic changes: conversation (another one), items, waiting, sessions.

        `items` tells the ids of items of the conversation that changed, "" for its status.
        """
        return self._topics[topic].listen(listener)

    async def send(self, intent: Intent, once: str = "") -> bool:
        """Asks for something; a refusal is shown, never raised. Whether it is done."""
        if self._alone():
            return False
        asked = asyncio.ensure_future(self.client.submit(intent, once))
        self._asked.add(asked)
        asked.add_done_callback(self._asked.discard)
        return await self.attempt(asyncio.shield(asked))

    def _alone(self) -> bool:
        """Whether nobody is there to be asked; the person is told."""
        if self.severed:
            self.trouble(ALONE)
        return self.severed

    async def attempt(self, work: Awaitable[Any]) -> bool:
        """Does something that may be refused, which is shown. Whether it is done."""
        try:
            await work
        except (TuiagentError, OSError) as error:
            self.trouble(str(error))
            return False
        return True

    def trouble(self, text: str) -> None:
        """Shows the person what went wrong."""
        self._teller.trouble(text)

    async def reload(self) -> None:
        """Takes up settings that were written, here and where the work is done.

        Raises ConfigError, and then those before hold.
        """
        self.host.reload()
        await asked(self.client, "reload")

    async def begin(
        self,
        text: str,
        steer: bool = False,
        files: tuple[File, ...] = (),
        media: tuple[Media, ...] = (),
    ) -> bool:
        """Says something in the session at hand, or in a new one. Whether it is said."""
        return await self.ready() and await self.say(text, steer, files, media)

    async def ready(self) -> bool:
        """Sees to it that there is a session, and but one. Whether there is."""
        if self._alone():
            return False
        async with self._beginning:
            if self.conversation is None:
                stream = f"session/{self.host.new_id()}"
                if not await self.attempt(self._begin(stream)):
                    return False
                await self.open(stream)
            return self.conversation is not None

    async def _begin(self, stream: str) -> None:
        """Opens a session as the arguments say; the name is the first one's. Raises ConfigError."""
        await check(self.client, self._args, self.host)
        opening = replace(self.host.opening(self.folder), name=self._args.name)
        await self.client.submit(OpenSession(stream, opening))
        self._args.name = ""

    async def say(
        self,
        text: str,
        steer: bool = False,
        files: tuple[File, ...] = (),
        media: tuple[Media, ...] = (),
    ) -> bool:
        """Says something in the session at hand; while a run goes on it steers, or waits.

        `files` go along, and `media`, which went along with another prompt before.
        """
        conversation = self.conversation
        if conversation is None:
            return False
        limits = self.host.settings.limits
        place = (conversation.stream, self.host.new_id(), text, steer, limits)
        return await self.send(SubmitPrompt(*place, files, media))

    async def open(self, stream: str) -> None:
        """Shows another session from now on; the one before stays until it is loaded."""
        conversation = Conversation(self.client, stream, self.id)
        if not await self.attempt(self._load(conversation)):
            return
        await self.leave()
        self.conversation = conversation
        self._unlisten = conversation.news.listen(self._topics["items"].tell)
        self._topics["conversation"].tell([stream])
        self._followed = self.spawn(self._follow(conversation))
        self.spawn(self.show(HERE))

    async def leave(self) -> None:
        """Shows no session any more."""
        if self.conversation is None:
            return
        self._unlisten()
        await self.show(GONE)
        if self._followed is not None:
            self._followed.cancel()
        self.conversation = None
        self._topics["conversation"].tell([""])

    async def show(self, doing: str) -> None:
        """Lets others at the session see what the person here does."""
        if self.conversation is not None and not self.severed:
            stream = self.conversation.stream
            await self.attempt(self.client.submit(ShowPresence(stream, self.id, self._name, doing)))

    def spawn(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Goes on with something beside, once there is a frame; what goes wrong is shown."""
        task = asyncio.create_task(self._guarded(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(lambda _: work.close())  # where it was cancelled before it began
        return task

    async def look(self) -> None:
        """Keeps what waits and what sessions there are current."""
        position = min(await self._read_waiting(), await self._read_sessions())
        self.looked = True
        dirty: dict[str, Callable[[], Awaitable[int]]] = {}
        news = asyncio.Event()
        reading = self.spawn(self._reread(dirty, news))
        try:
            async for seen in self.client.watch("session/*!", position):
                if isinstance(seen, Severed | CaughtUp):
                    self.severed = isinstance(seen, Severed)
                    self._topics["items"].tell([""])
                if not isinstance(seen, Event | Lagged):
                    continue
                kind = seen.kind if isinstance(seen, Event) else ""
                if not kind or kind in (InboxView.kinds or ()):
                    dirty["waiting"] = self._read_waiting
                if not kind or kind in KINDS:
                    dirty["sessions"] = self._read_sessions
                if dirty:
                    news.set()
        finally:
            reading.cancel()

    async def close(self) -> None:
        """Listens to nothing any more; what was asked for is done."""
        await self.leave()
        if not self.severed:  # else nobody ever answers
            await asyncio.gather(*self._asked, return_exceptions=True)
        for news in self._topics.values():
            news.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _reread(
        self, dirty: dict[str, Callable[[], Awaitable[int]]], news: asyncio.Event
    ) -> None:
        while True:
            await news.wait()
            news.clear()
            now = list(dirty.values())
            dirty.clear()
            for read in now:
                await read()
            await asyncio.sleep(PACE)

    async def _read_waiting(self) -> int:
        found = await self.client.read("inbox", "", Window(1000))
        self.waiting = msgspec.convert(found.data, list[Waiting], strict=False)
        self._topics["waiting"].tell([""])
        return found.position

    async def _read_sessions(self) -> int:
        found = await self.client.read("sessions", "", Window(500))
        self.sessions = msgspec.convert(found.data, list[Row], strict=False)
        self._topics["sessions"].tell([""])
        return found.position

    async def _load(self, conversation: Conversation) -> None:
        await conversation.load()

    async def _follow(self, conversation: Conversation) -> None:
        await conversation.load_status()
        await conversation.follow()

    async def _guarded(self, work: Coroutine[Any, Any, Any]) -> Any:
        try:
            await self.framed.wait()
            return await work
        except (TuiagentError, OSError) as error:
            self.trouble(str(error))
        except Exception as error:
            LOG.exception("a task of the screen")
            self.trouble(f"a defect in tuiagent: {type(error).__name__}: {error}")

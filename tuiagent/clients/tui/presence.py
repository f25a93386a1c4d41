"""Who drives the session at hand, and what others at it see of who types here."""

import asyncio

from textual import events

from tuiagent.clients.tui.bridge import Desk
from tuiagent.clients.tui.hints import keyed
from tuiagent.clients.tui.screens.sheet import Ends
from tuiagent.clients.tui.status import Line
from tuiagent.kernel.presence import HERE, TYPING
from tuiagent.ports import ASK, KILL

EVERY, STOPPED = 3.0, 5.0
"""Seconds between two times that others are told of typing, and after which it has stopped."""


class Typing:
    """Tells others at a session that somebody types here, and that they have stopped."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._told: float | None = None
        """When they were told last; None while nobody types."""
        self._stop: asyncio.TimerHandle | None = None

    def typed(self, text: str) -> None:
        """This stands in the prompt now."""
        if not text:
            self.stopped()
            return
        loop = asyncio.get_running_loop()
        if self._told is None or loop.time() - self._told >= EVERY:
            self._told = loop.time()
            self._desk.spawn(self._desk.show(TYPING))
        if self._stop is not None:
            self._stop.cancel()
        self._stop = loop.call_later(STOPPED, self.stopped)

    def stopped(self) -> None:
        """Nobody types any more."""
        if self._stop is not None:
            self._stop.cancel()
        if self._told is not None:
            self._told = None
            self._desk.spawn(self._desk.show(HERE))


class OwnerBar(Line):
    """Said where another process drives the session at hand, and how to have it here."""

    def on_mount(self) -> None:
        """Takes up each session that is shown and that nobody drives, also once it is let go of."""
        self._stream = ""
        self._asked = False
        self.display = False
        self._elsewhere: bool | None = None
        self.app.desk.listen("conversation", self._look)
        self.app.desk.listen("items", self._look)

    def _look(self, changed: list[str]) -> None:
        conversation = self.app.desk.conversation
        stream = conversation.stream if conversation else ""
        elsewhere = conversation.elsewhere if conversation else None
        if stream != self._stream:
            self._stream, self._asked, self.display = stream, False, False
            self._elsewhere = elsewhere
            if stream:
                self.app.desk.spawn(self._adopt(stream))
        elif elsewhere != self._elsewhere:
            self._elsewhere = elsewhere
            if elsewhere:
                self.display = True
            elif self.display:
                self.app.desk.spawn(self._adopt(stream))

    async def _adopt(self, stream: str, take: str = "") -> None:
        taken = await self.app.desk.host.adopt(stream, take)
        if stream == self._stream:
            self.display = not taken
            self._asked = self._asked and not taken
            if take and taken:
                self.app.notify("The session goes on here now.", markup=False)

    def ends(self) -> Ends:
        """See Line."""
        if self._asked:
            text = " Asked; it ends what it has begun."
            return [(text, "warn")], [(keyed(self, "Alt+T kills it "), "strong")]
        text = " Driven by another process."
        return [(text, "warn")], [(keyed(self, "Alt+T takes over "), "strong")]

    def take(self) -> None:
        """Asks the other process to let go; a second time kills it."""
        if self.display:
            how = KILL if self._asked else ASK
            self._asked = True
            self.refresh()
            self.app.desk.spawn(self._adopt(self._stream, how))

    def on_click(self, event: events.Click) -> None:
        """Asks it to let go; killing takes a key."""
        if not self._asked:
            self.take()

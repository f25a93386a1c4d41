"""The end of a session's transcript, read from its end: nothing of what came long before."""

import asyncio

from msgspec import Struct

from tuiagent.engine.journal import Journal
from tuiagent.kernel.event import Event
from tuiagent.kernel.lifecycle import Origin, SessionOpened
from tuiagent.ports import Window
from tuiagent.views.transcript import Item, TranscriptView, last, settled

PAGE, MOST = 512, 4096
"""Events that are read at once, at first and later on; others have their turn in between."""


class Part(Struct, frozen=True):
    """A stream up to a version, as a session was forked from it; the session itself is the last."""

    stream: str
    last: int


class Past:
    """The events of a session and of those it was forked from, numbered from 1 without gaps."""

    def __init__(self, journal: Journal, stream: str, version: int) -> None:
        self._journal = journal
        self._parts = [Part(stream, version)]
        origin = self._origin(stream)
        while origin is not None:
            version = self._version(origin.stream, origin.position)
            self._parts.insert(0, Part(origin.stream, version))
            origin = self._origin(origin.stream)
        self.length = sum(part.last for part in self._parts)

    def read(self, after: int, upto: int) -> list[Event]:
        """The events with these numbers, the first one left out."""
        found: list[Event] = []
        start = 0
        for part in self._parts:
            first, end = max(after - start, 0), min(upto - start, part.last)
            while first < end:
                records = self._journal.store.read(part.stream, first, end - first)
                found += map(self._journal.codec.event, records)
                first = records[-1].version if records else end
            start += part.last
        return found

    def before(self, position: int) -> int:
        """The number of the last event before a position."""
        start = 0
        for part in self._parts:
            version = min(part.last, self._version(part.stream, position - 1))
            if version < part.last:
                return start + version
            start += part.last
        return start

    def _version(self, stream: str, position: int) -> int:
        """The stream's version as of a position."""
        later = self._journal.store.tail(stream, position, 1)
        if later:
            return later[0].version - 1
        heads = self._journal.store.heads()
        return next((head.version for head in heads if head.stream == stream), 0)

    def _origin(self, stream: str) -> Origin | None:
        """What it was forked from, if that was before it began."""
        first = self._journal.store.read(stream, 0, 1)
        fact = self._journal.codec.event(first[0]).fact if first else None
        origin = fact.origin if isinstance(fact, SessionOpened) else None
        return origin if origin is not None and origin.position < first[0].position else None


async def read(journal: Journal, stream: str, window: Window) -> tuple[list[Item], int, int]:
    """A part of a transcript, how many items it has at least, and its position.

    That is more than the part holds where there are older ones. Whoever watches from that
    position sees nothing twice.
    """
    position = journal.store.position()
    head = await journal.run(lambda tx: tx.head(stream))
    if head is None:
        return [], 0, position
    past = Past(journal, stream, head.version)
    end = past.length if window.before is None else past.before(window.before)
    events: list[Event] = []
    first, made = end, 0
    while first and made < window.limit:
        after = max(0, first - min(MOST, max(PAGE, len(events))))
        page = past.read(after, first)
        made += len(_folded(stream, page).items)
        events, first = [*page, *events], after
        await asyncio.sleep(0)
    view = _folded(stream, events)
    found = last(view.items, window.limit, window.before)
    while end < past.length and not all(map(settled, found)):
        for event in past.read(end, end + PAGE):
            view.apply(event)
        end += PAGE
        await asyncio.sleep(0)
    return found, made + (first > 0), max(position, head.position)


def _folded(stream: str, events: list[Event]) -> TranscriptView:
    view = TranscriptView(stream)
    for event in events:
        view.apply(event)
    return view

"""Hands news to whoever watches: in order, bounded, never waiting for a slow reader."""

import asyncio
from collections.abc import Callable, Iterable
from typing import cast

from msgspec import Struct

from tuiagent.kernel import run as runs
from tuiagent.kernel.event import Event, Lagged, Seen, Signal, heard, selects
from tuiagent.kernel.presence import GONE, Presence

LIMIT = 2048
"""Items that may wait for one reader."""
ROOM = 2 << 20
"""Letters and bytes that these may hold."""


class Subscription:
    """What one reader has yet to see."""

    def __init__(self, select: str) -> None:
        self.select, self.signals = heard(select)
        self._items: list[Seen] = []
        self._size = 0
        self._lagged = False
        self._news = asyncio.Event()

    def put(self, item: Seen, size: int = 0) -> None:
        """Adds an item; when too much waits, a Lagged takes the place of all that comes."""
        if self._lagged or not (self.signals or isinstance(item, Event)):
            return
        self._size += size
        if len(self._items) >= LIMIT or (self._items and self._size > ROOM):
            self._lagged = True
            self._items = [Lagged(0)]
        else:
            self._items.append(item)
        self._news.set()

    async def take(self) -> list[Seen]:
        """Waits for news and takes all of it."""
        while not self._items:
            self._news.clear()
            await self._news.wait()
        items, self._items = self._items, []
        self._size, self._lagged = 0, False
        return items


class Hub:
    """Fans out facts and signals, and knows the text of every open attempt so far."""

    def __init__(self) -> None:
        self._narrow: dict[str, set[Subscription]] = {}
        """Those of one stream, by that."""
        self._wide: set[Subscription] = set()
        self._listeners: dict[str, Callable[[Event], None]] = {}
        self._open: dict[str, runs.Delta] = {}
        self._present: dict[str, dict[str, Presence]] = {}
        self.everything: Callable[[list[Event]], None] = lambda events: None
        """Told of every batch of facts, before the readers are."""

    def subscribe(self, select: str) -> Subscription:
        """Begins to collect what is selected."""
        subscription = Subscription(select)
        streams = subscription.select
        wide = streams.endswith("*")
        (self._wide if wide else self._narrow.setdefault(streams, set())).add(subscription)
        return subscription

    def unsubscribe(self, subscription: Subscription) -> None:
        """Stops collecting."""
        self._wide.discard(subscription)
        of_stream = self._narrow.get(subscription.select, set[Subscription]())
        of_stream.discard(subscription)
        if not of_stream:
            self._narrow.pop(subscription.select, None)

    def listen(self, stream: str, listener: Callable[[Event], None] | None) -> None:
        """Calls one listener at once with each fact of a stream; None ends that."""
        if listener is None:
            self._listeners.pop(stream, None)
        else:
            self._listeners[stream] = listener

    def publish(self, events: Iterable[Event]) -> None:
        """Hands out facts, in commit order."""
        batch = list(events)
        self.everything(batch)
        for event in batch:
            if not isinstance(event.fact, runs.AttemptStarted):
                self._open.pop(event.stream, None)
            listener = self._listeners.get(event.stream)
            if listener is not None:
                listener(event)
            self._hand_out(event)

    def signal(self, signal: Signal) -> None:
        """Hands out something that is not kept."""
        if isinstance(signal, runs.Delta) and not signal.reasoning:
            before = self._open.get(signal.stream)
            if before is None or before.attempt != signal.attempt or signal.offset == 0:
                self._open[signal.stream] = signal
            else:
                text = before.text[: signal.offset] + signal.text
                self._open[signal.stream] = runs.Delta(signal.stream, signal.attempt, 0, text)
        elif isinstance(signal, Presence):
            there = self._present.setdefault(signal.stream, {})
            if signal.doing == GONE:
                there.pop(signal.client, None)
            else:
                there[signal.client] = signal
        self._hand_out(signal)

    def present(self, select: str) -> list[Presence]:
        """Who is at the sessions that are selected."""
        return [
            presence
            for stream, there in self._present.items()
            if selects(select, stream)
            for presence in there.values()
        ]

    def open_text(self, select: str) -> list[runs.Delta]:
        """The text so far of the open attempts that are selected."""
        return [delta for stream, delta in self._open.items() if selects(select, stream)]

    def _hand_out(self, item: Event | Signal) -> None:
        narrow = self._narrow.get(item.stream, ())
        if not narrow and not self._wide:
            return
        size = weight(item)
        for subscription in narrow:
            subscription.put(item, size)
        for subscription in self._wide:
            if selects(subscription.select, item.stream):
                subscription.put(item, size)


def weight(value: object) -> int:
    """Letters and bytes that are in something seen, about."""
    if isinstance(value, str | bytes):
        return len(value)
    if isinstance(value, Struct):
        return sum(weight(getattr(value, name)) for name in value.__struct_fields__)
    if isinstance(value, dict):
        return sum(map(weight, cast(dict[str, object], value).values()))
    if isinstance(value, list | tuple):
        return sum(map(weight, cast(list[object], value)))
    return 0

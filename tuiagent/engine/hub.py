"""Hands news to whoever watches: in order, bounded, never waiting for a slow reader."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable

from tuiagent.kernel import run as runs
from tuiagent.kernel.event import Event, Seen, Signal, selects
from tuiagent.kernel.presence import GONE, Presence

LIMIT = 2048
"""Items that may wait for one reader."""


class Subscription:
    """What one reader has yet to see."""

    def __init__(self, select: str) -> None:
        self.select = select
        self.lagged = False
        self._items: deque[Seen] = deque()
        self._news = asyncio.Event()

    def put(self, item: Seen) -> None:
        """Adds an item; when too many wait, all are dropped and `lagged` is set."""
        if len(self._items) >= LIMIT:
            self._items.clear()
            self.lagged = True
        self._items.append(item)
        self._news.set()

    async def take(self) -> list[Seen]:
        """Waits for news and takes all of it."""
        while not self._items:
            self._news.clear()
            await self._news.wait()
        items = list(self._items)
        self._items.clear()
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
        wide = select.endswith("*")
        (self._wide if wide else self._narrow.setdefault(select, set())).add(subscription)
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
        for subscription in self._narrow.get(item.stream, ()):
            subscription.put(item)
        for subscription in self._wide:
            if selects(subscription.select, item.stream):
                subscription.put(item)

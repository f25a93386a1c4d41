"""ports.Client over a bundle: a session that is played again, for any screen.

Time comes from a Pace, so that whoever watches decides how fast it goes by, and tests need none.
"""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any, NamedTuple, Protocol

import msgspec

from tuiagent.kernel.codec import Codec
from tuiagent.kernel.errors import Refused
from tuiagent.kernel.event import CaughtUp, Event, Intent, Seen, heard, selects
from tuiagent.kernel.replay import Header, events, header
from tuiagent.kernel.run import (
    AttemptFailed,
    AttemptStarted,
    Delta,
    ReplyInterrupted,
    ReplyReceived,
)
from tuiagent.ports import Snapshot, Window
from tuiagent.views.changes import ChangesView
from tuiagent.views.files import FilesView
from tuiagent.views.transcript import TranscriptView, last

PAUSE = 3.0
"""Seconds that are left of a longer time in which nothing happened."""
ANSWERING = 8.0
"""The same, of the time in which the model answered."""
PIECES = 150
"""Into so many a reply is cut at most."""
WORD = re.compile(r"\S{1,200}\s*|\s+")
VIEWS = {"transcript": TranscriptView, "files": FilesView, "changes": ChangesView}


class Pace(Protocol):
    """How time goes by while a bundle is played."""

    def now(self) -> float:
        """Seconds since the playing began."""
        ...

    async def until(self, moment: float) -> None:
        """Waits for that second."""
        ...


class Clock:
    """Time goes by as it does, or so many times as fast."""

    def __init__(
        self,
        speed: float = 1.0,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._speed, self._clock, self._sleep = speed, clock, sleep
        self._began = clock()

    def now(self) -> float:
        """See Pace."""
        return (self._clock() - self._began) * self._speed

    async def until(self, moment: float) -> None:
        """See Pace."""
        while (left := moment - self.now()) > 0:
            await self._sleep(left / self._speed)


class Steps:
    """Time goes on when somebody presses a key, from one moment to the next."""

    def __init__(self, press: Callable[[], None]) -> None:
        self._press = press
        self._now = 0.0

    def now(self) -> float:
        """See Pace."""
        return self._now

    async def until(self, moment: float) -> None:
        """See Pace."""
        if moment > self._now:
            self._press()
            self._now = moment


class Moment(NamedTuple):
    """When, in seconds of playing, something is seen."""

    at: float
    seen: Event | Delta


class Replayed:
    """A session out of a bundle; whoever watches sees it happen, nobody can take part."""

    actor = "viewer"

    def __init__(self, told: Header, moments: Sequence[Moment], pace: Pace) -> None:
        self.header = told
        self._moments = moments
        self._pace = pace

    async def submit(self, intent: Intent, once: str = "") -> int:
        """Always raises Refused."""
        raise Refused("this is a session that is played again: nothing can be said or done in it")

    async def watch(self, select: str, after: int = 0) -> AsyncIterator[Seen]:
        """See ports.Client; it ends with the bundle."""
        position, caught_up = after, False
        streams, signals = heard(select)
        open_text: list[Delta] = []
        for moment, seen in self._moments if selects(streams, self.header.stream) else ():
            if not caught_up and moment > self._pace.now():
                caught_up = True
                yield CaughtUp(position)
                for delta in open_text:
                    yield delta
            if caught_up:
                await self._pace.until(moment)
            if isinstance(seen, Delta) and not signals:
                continue
            if isinstance(seen, Delta):
                open_text.append(seen)
                if caught_up:
                    yield seen
                continue
            open_text.clear()
            if seen.position > after:
                position = seen.position
                yield seen
        if not caught_up:
            yield CaughtUp(position)

    async def read(self, view: str, key: str = "", window: Window | None = None) -> Snapshot:
        """See ports.Client: what has been played of the transcript or the files."""
        if view not in VIEWS:
            raise Refused(f"a session that is played again has no view {view!r}")
        made, position = VIEWS[view](self.header.stream), 0
        for moment, seen in self._moments:
            if moment > self._pace.now():
                break
            made.apply(seen)
            position = seen.position if isinstance(seen, Event) else position
        items, part = made.snapshot(), window or Window()
        if view == "transcript":
            shown: list[Any] = last(items, part.limit, part.before)
        else:
            end = len(items) if part.before is None else max(0, part.before)
            shown = items[max(0, end - part.limit) : end]
        return Snapshot(view, key, position, msgspec.to_builtins(shown), len(items))


def load(lines: Sequence[bytes], codec: Codec) -> tuple[Header, list[Event]]:
    """What a bundle holds, once it is known that it can be shown. Raises Refused."""
    told, found = header(lines), events(lines, codec)
    views = [kind(told.stream) for kind in VIEWS.values()]
    for number, event in enumerate(found, 2):
        try:
            for view in views:
                view.apply(event)
        except Exception as error:  # anybody may have written it: it may make no sense at all
            raise Refused(f"line {number} cannot be told ({error!r:.200})") from error
    return told, found


def stepped(found: Sequence[Event]) -> list[Moment]:
    """One frame at each moment."""
    return [Moment(float(number), event) for number, event in enumerate(found)]


def timed(found: Sequence[Event]) -> list[Moment]:
    """Frames as far apart as they were, less the long pauses; replies come in pieces between."""
    moments: list[Moment] = []
    now, before = 0.0, found[0].at if found else 0.0
    begun: dict[str, float] = {}
    for event in found:
        fact = event.fact
        attempt, text = _said(event)
        now += min(max(0.0, event.at - before), ANSWERING if attempt else PAUSE)
        before = event.at
        if isinstance(fact, AttemptStarted):
            begun[fact.attempt] = now
        elif attempt in begun:
            moments += _pieces(event.stream, attempt, text, begun[attempt], now)
        moments.append(Moment(now, event))
    return moments


def _said(event: Event) -> tuple[str, str]:
    """The attempt that ends with this event and its words, "" for none."""
    fact = event.fact
    if isinstance(fact, ReplyReceived):
        return fact.attempt, fact.reply.text
    if isinstance(fact, AttemptFailed | ReplyInterrupted):
        return fact.attempt, fact.partial
    return "", ""


def _pieces(stream: str, attempt: str, text: str, start: float, end: float) -> list[Moment]:
    """The text word by word between two moments, or by more where it is long."""
    words = WORD.findall(text)
    size = max(1, -(-len(words) // PIECES))
    pieces = ["".join(words[first : first + size]) for first in range(0, len(words), size)]
    moments: list[Moment] = []
    offset = 0
    for number, piece in enumerate(pieces, 1):
        at = start + (end - start) * number / (len(pieces) + 1)
        moments.append(Moment(at, Delta(stream, attempt, offset, piece)))
        offset += len(piece)
    return moments

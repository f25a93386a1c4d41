"""What happens, as server-sent events: from a position on, without a gap or a repeat.

Each fact is an event `fact` whose id is its position. Signals have no id: `delta`, `progress` and
`halted`. The marks are `caught_up` (history ends here), `lagged` (signals were dropped, facts were
not), `resync` (the position that was asked for does not exist: it begins at the end), `heartbeat`,
`problem`, and `end` with its reason, after which the connection closes.
"""

import re
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from functools import cache
from typing import Any, Protocol

import msgspec
from msgspec import Struct

from tuiagent.clients.web.access import Asked, Ending, finish
from tuiagent.clients.web.outlet import Once, Outlet, beside, last_word
from tuiagent.clients.web.problem import Problem, problem
from tuiagent.clients.web.shapes import Line
from tuiagent.kernel.aggregates import codec
from tuiagent.kernel.errors import TuiagentError
from tuiagent.kernel.event import CaughtUp, Erased, Event, Lagged, Seen, Signal
from tuiagent.kernel.prompts import PromptSubmitted, PromptWithdrawn
from tuiagent.kernel.run import RunFinished, RunStarted
from tuiagent.ports import Client

CODEC = codec()
HEARTBEAT = b"event: heartbeat\ndata: {}\n\n"


class Part(Protocol):
    """Which of what is seen belongs to a stream, and when that is all."""

    over: bool

    def holds(self, seen: Seen) -> bool:
        """Whether this belongs to it; everything is shown, in order."""
        ...


class Wanted(Struct, frozen=True):
    """A stream that was asked for."""

    select: str
    after: int
    missed: bool = False
    """Whether a later position was asked for, which does not exist."""
    part: Part | None = None


async def wanted(asked: Asked, select: str, part: Part | None = None) -> Wanted:
    """From where a stream goes on: the larger of the two positions. Raises a Problem."""
    after = max(_position(asked.query.after), _position(asked.last))
    end = (await asked.client.read("sessions", select)).position
    return Wanted(select, min(after, end), after > end, part)


def _position(text: str) -> int:
    if not text:
        return 0
    if not re.fullmatch("[0-9]{1,18}", text):
        raise Problem(400, "position_unreadable", f"{text[:40]!r} is not a position: 0, 1, 2 …")
    return int(text)


def line(event: Event) -> Line:
    """A fact in its place, as the API tells it."""
    fact = event.fact
    body = b"null" if isinstance(fact, Erased) else CODEC.body(fact)[2]
    place = (event.position, event.stream, event.version, event.at, event.actor, event.kind)
    return Line(*place, msgspec.Raw(body))


def framed(name: str, data: Any, position: int | None = None) -> bytes:
    """One server-sent event."""
    ident = b"" if position is None else b"id: %d\n" % position
    return b"%sevent: %s\ndata: %s\n\n" % (ident, name.encode(), msgspec.json.encode(data))


def encoded(seen: Seen) -> bytes:
    """What was seen, as a server-sent event."""
    if isinstance(seen, Event):
        return framed("fact", line(seen), seen.position)
    if isinstance(seen, CaughtUp | Lagged):
        return framed(named(type(seen).__name__), seen, seen.position)
    return framed(named(type(seen).__name__), seen)


@cache
def named(kind: str) -> str:
    """`caught_up` for CaughtUp."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", kind).lower()


ENCODED = Once(encoded)


async def tell(asked: Asked, wanted: Wanted, scope: Any, receive: Any, send: Any) -> None:
    """Answers with a stream, until one side ends it."""
    headers = [
        (b"content-type", b"text/event-stream"),
        (b"cache-control", b"no-store"),
        (b"x-accel-buffering", b"no"),
    ]
    await send({"type": "http.response.start", "status": 200, "headers": headers})

    async def write(chunks: list[bytes]) -> None:
        body = b"".join(chunks)
        await send({"type": "http.response.body", "body": body, "more_body": True})

    pace = asked.web.pace
    with asked.web.stream(asked.principal) as end:
        outlet = Outlet(write, end, pace)
        async with beside(
            end,
            outlet.run(),
            outlet.guard(HEARTBEAT),
            _gone(receive, end),
            _pump(asked.client, wanted, outlet, end),
        ):
            ended = await end
    if ended.reason != "gone":
        last = framed("end", ended._asdict())
        saying = send({"type": "http.response.body", "body": last, "more_body": False})
        await last_word(scope, ended, saying, b"%x\r\n%s\r\n0\r\n\r\n" % (len(last), last), pace)


async def _gone(receive: Callable[[], Any], end: Ending) -> None:
    while (await receive())["type"] != "http.disconnect":
        continue
    finish(end, "gone")


async def _pump(client: Client, wanted: Wanted, outlet: Outlet[bytes], end: Ending) -> None:
    """Passes on what is seen."""
    if wanted.missed:
        note = framed("resync", {"position": wanted.after}, wanted.after)
        await outlet.put(note, len(note))
    try:
        make = encoded
        async with aclosing(seen_of(client, wanted)) as watching:
            async for seen in watching:
                chunk = make(seen)
                await outlet.put(chunk, len(chunk))
                if isinstance(seen, CaughtUp):
                    make = ENCODED
    except TuiagentError as error:
        chunk = framed("problem", problem(error).body())
        await outlet.put(chunk, len(chunk))
    await outlet.empty()
    finish(end, "finished")


async def seen_of(client: Client, wanted: Wanted) -> AsyncGenerator[Seen]:
    """What is to be told; of a part of a session all is looked at, from its beginning on."""
    part = wanted.part
    watching: Any = client.watch(wanted.select, 0 if part else wanted.after)
    async with aclosing(watching):
        async for seen in watching:
            if part is None:
                yield seen
                continue
            early = isinstance(seen, Event) and seen.position <= wanted.after
            if part.holds(seen) and not early:
                yield seen
            if part.over:
                return


class OfRun:
    """What belongs to one run: from its prompt to its end, and what happens between the two."""

    def __init__(self, run: str) -> None:
        self.over = False
        self._run = run
        self._going_on = False

    def holds(self, seen: Seen) -> bool:
        """See Part."""
        if isinstance(seen, Signal):
            return self._going_on
        if not isinstance(seen, Event):
            return True
        fact, inside = seen.fact, self._going_on
        if isinstance(fact, RunStarted) and fact.run == self._run:
            self._going_on = inside = True
        elif isinstance(fact, RunFinished) and fact.run == self._run:
            self.over = True
        elif isinstance(fact, PromptSubmitted | PromptWithdrawn) and fact.prompt == self._run:
            inside = True
            self.over = isinstance(fact, PromptWithdrawn)
        return inside

"""Facts of sessions and runs: part by part, or as they come."""

from contextlib import aclosing

from tuiagent.clients.web.access import Asked
from tuiagent.clients.web.api import runs, sessions
from tuiagent.clients.web.events import OfRun, Wanted, line, seen_of, wanted
from tuiagent.clients.web.shapes import Events, Line
from tuiagent.kernel.event import CaughtUp, Event


async def of_session(asked: Asked) -> Events:
    """GET /sessions/{id}/events."""
    return await _history(asked, Wanted(await sessions.stream(asked), asked.query.after))


async def of_run(asked: Asked) -> Events:
    """GET /runs/{id}/events."""
    row = await runs.row(asked)
    part = OfRun(row["id"])
    return await _history(asked, Wanted(row["stream"], asked.query.after, part=part))


async def _history(asked: Asked, wanted: Wanted) -> Events:
    """The facts up to now, as many as are wanted."""
    found: list[Line] = []
    more = False
    async with aclosing(seen_of(asked.client, wanted)) as watching:
        async for seen in watching:
            more = len(found) == asked.query.limit and isinstance(seen, Event)
            if more or isinstance(seen, CaughtUp):
                break
            if isinstance(seen, Event):
                found.append(line(seen))
    return Events(found, found[-1].position if found else wanted.after, more)


async def stream_all(asked: Asked) -> Wanted:
    """GET /events/stream."""
    return await wanted(asked, asked.query.select)


async def stream_session(asked: Asked) -> Wanted:
    """GET /sessions/{id}/stream."""
    return await wanted(asked, await sessions.stream(asked))


async def stream_run(asked: Asked) -> Wanted:
    """GET /runs/{id}/stream."""
    row = await runs.row(asked)
    return await wanted(asked, row["stream"], OfRun(row["id"]))

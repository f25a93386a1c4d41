"""Runs: what was asked of agents, and what came of each."""

from contextlib import aclosing
from typing import Any

from msgspec import Raw
from msgspec.json import encode

from tuiagent.clients import fitting
from tuiagent.clients.web.access import Asked
from tuiagent.clients.web.api.sessions import ALL, part, window
from tuiagent.clients.web.problem import Problem
from tuiagent.clients.web.shapes import Answer, Page
from tuiagent.kernel.errors import ConfigError, Refused
from tuiagent.kernel.event import CaughtUp, Event
from tuiagent.kernel.prompts import PromptSubmitted, WithdrawPrompt
from tuiagent.kernel.run import InterruptRun, ReplyReceived, RunFinished
from tuiagent.ports import Window
from tuiagent.views.runs import ENDS

AT_ONCE = 500
"""Rows that are looked at before others have a turn: there may be 10,000s."""


def told(found: dict[str, Any]) -> dict[str, Any]:
    """A row as the API tells it."""
    return {**found, "session": found["stream"].partition("/")[2]}


async def row(asked: Asked) -> dict[str, Any]:
    """The run that the path names; of several the newest. Raises a Problem."""
    name, client = asked.path["id"], asked.client
    before: int | None = None
    while before != 0:
        page = await client.read("runs", "", Window(AT_ONCE, before))
        for found in reversed(page.data):
            if found["id"] == name:
                return told(found)
        before = max(0, (page.total if before is None else before) - AT_ONCE)
    raise Problem(404, "run_not_found", f"there is no run {name[:64]!r}")


async def listed(asked: Asked) -> Page[Any]:
    """GET /runs."""
    query = asked.query
    key = f"session/{query.session}" if query.session else ""
    snapshot = await asked.client.read("runs", key, ALL if query.status else window(query))
    if not query.status:
        rows = [told(found) for found in reversed(snapshot.data)]
        return Page(rows, snapshot.position, snapshot.total)
    rows = [told(found) for found in snapshot.data if found["status"] == query.status]
    return part(rows, query, snapshot.position)


async def one(asked: Asked) -> dict[str, Any]:
    """GET /runs/{id}."""
    return await row(asked)


async def answered(asked: Asked) -> Answer:
    """GET /runs/{id}/answer."""
    found = await row(asked)
    answer, schema = "", None
    watching: Any = asked.client.watch(found["stream"], found["position"] - 1)
    async with aclosing(watching):
        async for seen in watching:
            fact = seen.fact if isinstance(seen, Event) else None
            if isinstance(fact, PromptSubmitted) and fact.prompt == found["id"]:
                schema = fact.schema
            elif isinstance(fact, ReplyReceived) and _of(fact.attempt, found["id"]):
                answer = fact.reply.text if fact.reply.text.strip() else answer
            elif isinstance(seen, CaughtUp) or (
                isinstance(fact, RunFinished) and (fact.run == found["id"])
            ):
                break
    told = Answer(found["id"], found["status"], answer, None, [])
    if schema is None or found["status"] not in ENDS:
        return told
    try:
        document, told.problems = await fitting.read(answer, encode(schema).decode())
    except ConfigError as error:
        document, told.problems = "", [f"it cannot be checked: {error}"]
    told.structured_output = Raw(document.encode()) if document and not told.problems else None
    return told


def _of(attempt: str, run: str) -> bool:
    return attempt.rpartition(".")[0] == run


async def cancelled(asked: Asked) -> dict[str, Any]:
    """POST /runs/{id}/cancel: it may begin or end while it is looked at."""
    for _ in range(3):
        found = await row(asked)
        if found["status"] in ENDS:
            break
        queued = found["status"] == "queued"
        stream, run = found["stream"], found["id"]
        intent = WithdrawPrompt(stream, run) if queued else InterruptRun(stream, True, run)
        try:
            await asked.client.submit(intent)
            break
        except Refused:
            continue
    return await row(asked)

"""Runs: what was asked of agents, and what came of each."""

from typing import Any

from tuiagent.clients.web.access import Asked
from tuiagent.clients.web.api.sessions import ALL, part, window
from tuiagent.clients.web.problem import Problem
from tuiagent.clients.web.shapes import Page
from tuiagent.kernel.errors import Refused
from tuiagent.kernel.prompts import WithdrawPrompt
from tuiagent.kernel.run import InterruptRun
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

"""Runs: what was asked of agents, and what came of each."""

import re
from typing import Any

from tuiagent.clients.web.access import Asked
from tuiagent.clients.web.api.sessions import ALL, part
from tuiagent.clients.web.problem import Problem
from tuiagent.clients.web.shapes import Page
from tuiagent.kernel.errors import Refused
from tuiagent.kernel.prompts import WithdrawPrompt
from tuiagent.kernel.run import InterruptRun
from tuiagent.views.runs import ENDS


async def every(asked: Asked, session: str = "") -> tuple[list[dict[str, Any]], int]:
    """The rows of all runs, or those of one session, and the position at which they hold."""
    key = f"session/{session}" if re.fullmatch(r"[A-Za-z0-9_-]{1,64}", session) else ""
    if session and not key:
        return [], (await asked.client.read("runs", "session/-")).position
    snapshot = await asked.client.read("runs", key, ALL)
    rows = [{**found, "session": found["stream"].partition("/")[2]} for found in snapshot.data]
    return rows, snapshot.position


async def row(asked: Asked) -> dict[str, Any]:
    """The run that the path names; of several the newest. Raises a Problem."""
    name = asked.path["id"]
    rows, _ = await every(asked)
    found = [one for one in rows if one["id"] == name]
    if not found:
        raise Problem(404, "run_not_found", f"there is no run {name[:64]!r}")
    return found[-1]


async def listed(asked: Asked) -> Page[Any]:
    """GET /runs."""
    rows, position = await every(asked, asked.query.session)
    wanted = asked.query.status
    return part([one for one in rows if wanted in ("", one["status"])], asked.query, position)


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
        intent = WithdrawPrompt(stream, run) if queued else InterruptRun(stream, run=run)
        try:
            await asked.client.submit(intent)
            break
        except Refused:
            continue
    return await row(asked)

"""Sessions: what there is, what was said in them, and what is wanted of them."""

import asyncio
import hashlib
import os
import re
from typing import Any

import msgspec
from msgspec import UNSET

from tuiagent.clients import fitting
from tuiagent.clients.web.access import Asked
from tuiagent.clients.web.problem import Problem
from tuiagent.clients.web.scopes import ADMIN, need, of_intent, of_mode
from tuiagent.clients.web.shapes import Accepted, Done, Input, Interrupt, Page, Paged, SessionChange
from tuiagent.kernel.claims import OFF
from tuiagent.kernel.effort import ChangeEffort
from tuiagent.kernel.errors import Refused
from tuiagent.kernel.event import Intent
from tuiagent.kernel.grants import ChangeSandbox
from tuiagent.kernel.jobs import StopJob
from tuiagent.kernel.lifecycle import (
    ArchiveSession,
    DeleteSession,
    NameSession,
    RestoreSession,
)
from tuiagent.kernel.limits import Limits
from tuiagent.kernel.media import File, attached
from tuiagent.kernel.policy import mode_of
from tuiagent.kernel.prompts import ChangeModel, ShortenConversation, SubmitPrompt
from tuiagent.kernel.run import InterruptRun
from tuiagent.kernel.session import ChangeMode
from tuiagent.kernel.undo import UndoCall
from tuiagent.ports import Window
from tuiagent.views.runs import ENDS

ALL = Window(limit=1_000_000)
DAY = 86400.0
NO_MODEL = (
    "there is no model yet, so nothing was begun: set OPENAI_API_KEY, or OPENAI_BASE_URL for any "
    "compatible server, where the server is started, or change the session's model"
)


# ---------------------------------------------------------------- finding


async def row(asked: Asked, ident: str | None = None) -> dict[str, Any]:
    """The session that the path names. Raises a Problem where it is not, or not to be seen."""
    name = asked.path["id"] if ident is None else ident
    if re.fullmatch(r"[A-Za-z0-9_-]{1,64}", name):
        found = (await asked.client.read("sessions", f"session/{name}", Window(limit=1))).data
        if found:
            return {**found[0], "id": name}
    raise Problem(404, "session_not_found", f"there is no session {name[:64]!r}")


async def stream(asked: Asked) -> str:
    """Its stream. Raises a Problem."""
    return (await row(asked))["stream"]


def window(query: Paged) -> Window:
    """The part of a view that is wanted."""
    return Window(query.limit, None if query.before is UNSET else query.before)


async def paged(asked: Asked, view: str, key: str = "") -> Page[Any]:
    """A part of a view."""
    snapshot = await asked.client.read(view, key, window(asked.query))
    return Page(snapshot.data, snapshot.position, snapshot.total)


def last(items: list[Any], query: Paged) -> list[Any]:
    """The last items, or those before an index."""
    end = len(items) if query.before is UNSET else min(query.before, len(items))
    return items[max(0, end - query.limit) : end]


def part(items: list[Any], query: Paged, position: int) -> Page[Any]:
    """The same, the newest first."""
    return Page(last(items, query)[::-1], position, len(items))


# ---------------------------------------------------------------- reading


async def listed(asked: Asked) -> Page[Any]:
    """GET /sessions."""
    snapshot = await asked.client.read("sessions", "", ALL)
    rows = [
        {**found, "id": found["stream"].partition("/")[2]}
        for found in snapshot.data
        if asked.query.all or not (found["archived"] or found["deleted"] is not None)
    ]
    return part(rows, asked.query, snapshot.position)


async def one(asked: Asked) -> dict[str, Any]:
    """GET /sessions/{id}."""
    return await row(asked)


async def transcript(asked: Asked) -> Page[Any]:
    """GET /sessions/{id}/transcript."""
    return await paged(asked, "transcript", await stream(asked))


async def files(asked: Asked) -> Page[Any]:
    """GET /sessions/{id}/files."""
    return await paged(asked, "files", await stream(asked))


async def usage(asked: Asked) -> Page[Any]:
    """GET /sessions/{id}/usage."""
    return await paged(asked, "usage", await stream(asked))


async def jobs(asked: Asked) -> Page[Any]:
    """GET /sessions/{id}/jobs."""
    return await paged(asked, "jobs", await stream(asked))


# ---------------------------------------------------------------- wanting


async def done(asked: Asked, intent: Intent) -> Done:
    """Submits what is wanted, if the key's scopes are enough for it. Raises a Problem."""
    need(asked.principal, of_intent(intent))
    return Done(await asked.client.submit(intent, asked.once))


def folder_of(asked: Asked, path: str) -> str:
    """The folder that is meant, by its absolute path, whose name can be kept as text.

    Raises a Problem.
    """
    path = path or asked.web.host.settings.work_dir
    try:
        path.encode()
        there = os.path.isabs(path) and os.path.isdir(path)
    except ValueError:
        there = False
    if not there:
        raise Problem(409, "folder_not_found", f"{path[:200]!r} is not a folder of this machine")
    return path


def sandbox_of(asked: Asked, no_sandbox: bool, folder: str) -> str:
    """What would hold commands in this folder; that nothing does is for administrators to say.

    Raises a Problem.
    """
    if no_sandbox:
        need(asked.principal, [ADMIN])
        return OFF
    return asked.web.host.opening(folder).sandbox


def may_hold(asked: Asked, mode: str, sandbox: str) -> None:
    """Whether who asks may let this mode hold in such a sandbox. Raises a Problem."""
    need(asked.principal, [of_mode(mode)])
    if mode_of(mode) == "auto" and not sandbox:
        raise Problem(
            409, "sandbox_missing", "mode auto needs a sandbox; without one, say no_sandbox openly"
        )


async def changed(asked: Asked) -> dict[str, Any]:
    """PATCH /sessions/{id}: all of it is looked at before the first of it is done."""
    name, wanted = await stream(asked), asked.body
    assert isinstance(wanted, SessionChange)
    intents: list[Intent] = [ChangeSandbox(name, OFF)] if wanted.no_sandbox else []
    if wanted.name is not None:
        intents.append(NameSession(name, wanted.name))
    if wanted.mode is not None:
        folder = (await row(asked))["folder"]
        may_hold(asked, wanted.mode, sandbox_of(asked, wanted.no_sandbox, folder))
        intents.append(ChangeMode(name, wanted.mode))
    if wanted.model is not None:
        intents.append(ChangeModel(name, wanted.model))
    if wanted.effort is not None:
        intents.append(ChangeEffort(name, wanted.effort))
    if wanted.archived is not None:
        intents.append(ArchiveSession(name, wanted.archived))
    for intent in intents:
        need(asked.principal, of_intent(intent))
    for number, intent in enumerate(intents):
        await asked.client.submit(intent, f"{asked.once}.{number}" if asked.once else "")
    return await row(asked)


async def deleted(asked: Asked) -> dict[str, Any]:
    """DELETE /sessions/{id}."""
    days = asked.web.host.settings.retention_days
    await done(asked, DeleteSession(await stream(asked), days * DAY))
    return await row(asked)


async def restored(asked: Asked) -> dict[str, Any]:
    """POST /sessions/{id}/restore."""
    await done(asked, RestoreSession(await stream(asked)))
    return await row(asked)


async def said(asked: Asked) -> Accepted:
    """POST /sessions/{id}/input."""
    found, wanted = await row(asked), asked.body
    once = asked.once or wanted.once
    if not found["model"]:
        raise Problem(409, "no_model", NO_MODEL)
    limits = asked.web.host.settings.limits
    if wanted.limits is not None:
        limits = Limits(wanted.limits.turns, wanted.limits.cost, wanted.limits.seconds)
    if limits.cost and not (await asked.client.read("prices", found["model"])).data["known"]:
        words = f"the price of {found['model']} is not known, so no limit of money can be kept"
        raise Problem(409, "price_unknown", words)
    prompt = made_of(asked, once) or asked.web.host.new_id()
    text, schema = await _asked_for(wanted)
    place = (found["stream"], prompt, text, wanted.steer, limits)
    intent = SubmitPrompt(*place, await _files(wanted), schema=schema)
    position = await asked.client.submit(intent, once)
    run = await _steered(asked, found["stream"], prompt) if wanted.steer else prompt
    return Accepted(run, prompt, position)


async def _asked_for(wanted: Input) -> tuple[str, dict[str, Any] | None]:
    """The words, and the schema that their answer is to fit. Raises a Problem."""
    if wanted.output_schema is None:
        return wanted.prompt, None
    schema = msgspec.json.encode(wanted.output_schema).decode()
    why = "a schema is for the answer of a run of its own, not for one that is going on"
    if not wanted.steer:
        large = f"it has more than {fitting.LARGEST >> 10} KiB"
        why = large if len(schema) > fitting.LARGEST else await fitting.refusal(schema)
    if why:
        raise Problem(409, "schema_refused", why)
    return fitting.asked(wanted.prompt, schema), wanted.output_schema


async def _files(wanted: Input) -> tuple[File, ...]:
    """The images and documents that belong to what is said. Raises a Problem."""
    files = tuple(
        File(one.name or f"file-{number}", one.data) for number, one in enumerate(wanted.files, 1)
    )
    try:
        await asyncio.to_thread(attached, files)
    except Refused as error:
        raise Problem(409, "file_refused", str(error)) from error
    return files


async def _steered(asked: Asked, stream: str, prompt: str) -> str:
    """The run that a steering prompt went to; its own when none was going on."""
    rows = (await asked.client.read("runs", stream, ALL)).data
    live = [one["id"] for one in rows if one["status"] not in (*ENDS, "queued")]
    return prompt if prompt in [one["id"] for one in rows] or not live else live[-1]


def made_of(asked: Asked, once: str) -> str:
    """The id that follows from an Idempotency-Key, so that a repetition finds what it made."""
    if not once:
        return ""
    mark = hashlib.sha256(f"{asked.principal.actor}\n{once}".encode()).hexdigest()
    return f"once{mark[:24]}"


async def interrupted(asked: Asked) -> Done:
    """POST /sessions/{id}/interrupt."""
    assert isinstance(asked.body, Interrupt)
    return await done(asked, InterruptRun(await stream(asked), asked.body.cancel))


async def undone(asked: Asked) -> Done:
    """POST /sessions/{id}/undo."""
    wanted = asked.body
    return await done(asked, UndoCall(await stream(asked), wanted.call, wanted.path, wanted.hunk))


async def compacted(asked: Asked) -> Done:
    """POST /sessions/{id}/compact."""
    return await done(asked, ShortenConversation(await stream(asked)))


async def job_stopped(asked: Asked) -> Done:
    """POST /sessions/{id}/jobs/{job}/stop."""
    return await done(asked, StopJob(await stream(asked), asked.path["job"]))

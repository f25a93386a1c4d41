"""Opening a session over the web: the caller says where and what, this machine says how."""

from contextlib import aclosing
from typing import Any

import msgspec

from tuiagent.clients.web.access import Asked
from tuiagent.clients.web.api.sessions import folder_of, made_of, may_hold, row, sandbox_of
from tuiagent.clients.web.problem import Problem
from tuiagent.clients.web.shapes import NewSession
from tuiagent.kernel.errors import Refused
from tuiagent.kernel.event import Event
from tuiagent.kernel.lifecycle import Origin, SessionOpened
from tuiagent.kernel.policy import mode_of
from tuiagent.kernel.rules import parse_rule
from tuiagent.kernel.session import OpenSession

STRICTEST = "ask"
"""What holds where neither the caller nor a scope that suffices says another mode."""


async def opened(asked: Asked) -> tuple[int, dict[str, Any]]:
    """POST /sessions: 201 for a new one, 200 for the one that this very call made before."""
    wanted = asked.body
    assert isinstance(wanted, NewSession)
    opening = await _opening(asked, wanted)
    ident = wanted.id or made_of(asked, asked.once) or asked.web.host.new_id()
    named = bool(wanted.id or asked.once)
    try:
        await asked.client.submit(OpenSession(f"session/{ident}", opening))
    except Refused:
        if not named or not await _same(asked, ident, wanted, opening):
            raise
        return 200, await row(asked, ident)
    return 201, await row(asked, ident)


async def _opening(asked: Asked, wanted: NewSession) -> SessionOpened:
    """How it begins. Raises a Problem."""
    origin: Origin | None = None
    folder, model = wanted.folder, wanted.model
    if wanted.fork is not None:
        found = await row(asked, wanted.fork.session)
        position = (await asked.client.read("sessions")).position
        origin = Origin(found["stream"], min(wanted.fork.position or position, position))
        folder, model = folder or found["folder"], model or found["model"]
    folder = folder_of(asked, folder)
    await _skills_exist(asked, folder, wanted.skills)
    opening = asked.web.host.opening(folder)
    sandbox = sandbox_of(asked, wanted.no_sandbox, folder)
    return msgspec.structs.replace(
        opening,
        model=model or opening.model,
        mode=_mode(asked, wanted, opening.mode, sandbox),
        sandbox=sandbox,
        name=wanted.name or "",
        rules=(
            *opening.rules,
            *(parse_rule(text, "deny", "session") for text in wanted.deny),
            *(parse_rule(text, "ask", "session") for text in wanted.ask),
        ),
        origin=origin,
        skills=tuple(dict.fromkeys((*opening.skills, *wanted.skills))),
        effort=wanted.effort or opening.effort,
    )


async def _skills_exist(asked: Asked, folder: str, names: list[str]) -> None:
    """Raises a Problem for a skill that there is not, or that cannot be used."""
    if not names:
        return
    known = {row["name"]: row for row in (await asked.client.read("skills", folder)).data}
    for name in names:
        problem = known[name]["problem"] if name in known else "there is none of this name"
        if problem:
            raise Problem(409, "skill_refused", f"the skill {name[:64]!r}: {problem}")


def _mode(asked: Asked, wanted: NewSession, usual: str, sandbox: str) -> str:
    """The mode that is asked for; else the usual one, unless this key could not ask for it."""
    if wanted.mode:
        may_hold(asked, wanted.mode, sandbox)
        return mode_of(wanted.mode)
    try:
        may_hold(asked, usual, sandbox)
    except Problem:
        return STRICTEST
    return usual


async def _same(asked: Asked, ident: str, wanted: NewSession, opening: SessionOpened) -> bool:
    """Whether the session was opened by a call that said the same."""
    watching: Any = asked.client.watch(f"session/{ident}", 0)
    async with aclosing(watching):
        seen = await anext(watching)
    before = seen.fact if isinstance(seen, Event) else None
    if not isinstance(before, SessionOpened):
        return False
    pairs = [
        (before.folder, opening.folder),
        (before.name, opening.name),
        (_own(before), _own(opening)),
        (before.origin and before.origin.stream, opening.origin and opening.origin.stream),
    ]
    pairs += [(before.model, opening.model)] if wanted.model else []
    pairs += [(before.mode, opening.mode)] if wanted.mode else []
    pairs += [(before.effort, opening.effort)] if wanted.effort else []
    pairs += [(before.skills, opening.skills)] if wanted.skills else []
    pairs += [(before.origin, opening.origin)] if wanted.fork and wanted.fork.position else []
    return all(one == other for one, other in pairs)


def _own(opening: SessionOpened) -> list[str]:
    """The rules that the caller brought."""
    return [f"{rule.action} {rule}" for rule in opening.rules if rule.source == "session"]

"""What is to be known of this server: its state, its settings, and what can be asked of it."""

from typing import Any
from urllib.parse import urlsplit

import msgspec

from tuiagent import __version__
from tuiagent.clients.web.access import Asked
from tuiagent.clients.web.api.sessions import ALL, folder_of, paged
from tuiagent.clients.web.routes import ROUTES
from tuiagent.clients.web.scopes import SCOPES
from tuiagent.clients.web.shapes import Findings, Page, RunLimits
from tuiagent.clients.web.told import (
    Capabilities,
    Config,
    Health,
    Me,
    Model,
    Provider,
    Server,
    Skill,
    Status,
)
from tuiagent.kernel.errors import Refused
from tuiagent.kernel.policy import MODES
from tuiagent.registry import load
from tuiagent.views.runs import ENDS


async def alive(asked: Asked) -> Health:
    """GET /healthz and /alive."""
    return Health(_state(asked))


async def ready(asked: Asked) -> tuple[int, Health]:
    """GET /readyz, /health and /api/health."""
    return (503 if asked.web.draining else 200), Health(_state(asked))


def _state(asked: Asked) -> str:
    return "draining" if asked.web.draining else "ready"


async def me(asked: Asked) -> Me:
    """GET /me."""
    who = asked.principal
    return Me(who.actor, who.key, sorted(who.scopes), who.expires)


async def status(asked: Asked) -> Status:
    """GET /status."""
    sessions = await asked.client.read("sessions")
    inbox = await asked.client.read("inbox")
    counts: dict[str, int] = {}
    for row in (await asked.client.read("runs", "", ALL)).data:
        if row["status"] not in ENDS:
            counts[row["status"]] = counts.get(row["status"], 0) + 1
    total = sessions.total
    return Status(_state(asked), __version__, sessions.position, total, counts, inbox.total)


async def capabilities(asked: Asked) -> Capabilities:
    """GET /capabilities."""
    dialects = sorted({route.dialect for route in ROUTES})
    streams = sorted({route.kind for route in ROUTES if route.kind})
    return Capabilities(__version__, dialects, list(SCOPES), list(MODES), streams)


async def models(asked: Asked) -> Page[Any]:
    """GET /models."""
    settings = asked.web.host.settings
    names = {settings.model: True} if settings.model else {}
    for name, table in settings.providers.items():
        for model in (table.default_model, *table.models):
            if model:
                names.setdefault(f"{name}/{model}", False)
    found: list[Model] = []
    position = (await asked.client.read("sessions")).position
    for name, default in names.items():
        known = (await asked.client.read("prices", name)).data["known"]
        found.append(Model(name, default, known))
    return Page(found, position, len(found))


async def tools(asked: Asked) -> Page[Any]:
    """GET /tools."""
    snapshot = await asked.client.read("tools")
    rows = snapshot.data["tools"]
    return Page(rows, snapshot.position, len(rows))


async def skills(asked: Asked) -> Page[Any]:
    """GET /skills."""
    snapshot = await asked.client.read("skills", _place(asked))
    names = ("name", "description", "source", "problem")
    rows = [Skill(*(row[name] for name in names)) for row in snapshot.data]
    return Page(rows, snapshot.position, len(rows))


async def servers(asked: Asked) -> Page[Any]:
    """GET /mcp-servers: not where each is, as that may hold secrets."""
    key = msgspec.json.encode({"folder": _place(asked)}).decode()
    snapshot = await asked.client.read("mcp", key)
    names = ("name", "source", "state", "problem", "tools")
    rows = [Server(*(row[name] for name in names)) for row in snapshot.data]
    return Page(rows, snapshot.position, len(rows))


def _place(asked: Asked) -> str:
    """The folder that is asked about; else one in which there is only what there is anywhere."""
    settings = asked.web.host.settings
    return folder_of(asked, asked.query.folder or settings.work_dir or settings.root)


async def config(asked: Asked) -> Config:
    """GET /config: made of the few things that are no secret, not by leaving secrets out."""
    settings = asked.web.host.settings
    limits = settings.limits
    providers = {
        name: Provider(
            _bare(table.api_base),
            table.default_model,
            list(table.models),
            f"env:{table.env_var}" if table.env_var else "config" if table.api_key else "",
        )
        for name, table in settings.providers.items()
    }
    return Config(
        settings.model,
        settings.mode,
        [f"{rule.action} {rule}" for rule in settings.rules if rule.source != "house"],
        RunLimits(limits.turns, limits.cost, limits.seconds),
        settings.retention_days,
        providers,
    )


def _bare(url: str) -> str:
    """The address without a user, a password or a query."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()


async def usage(asked: Asked) -> Page[Any]:
    """GET /usage."""
    return await paged(asked, "usage")


async def search(asked: Asked) -> Any:
    """GET /search."""
    query = asked.query
    stream = f"session/{query.session}" if query.session else ""
    wanted = {"text": query.q, "session": stream, "limit": query.limit, "all": query.all}
    try:
        return (await asked.client.read("search", msgspec.json.encode(wanted).decode())).data
    except Refused as error:  # there is no word in it
        return Findings([], str(error))


async def openapi(asked: Asked) -> dict[str, Any]:
    """GET /openapi.json."""
    return load("tuiagent.clients.web.documents:openapi")()


async def asyncapi(asked: Asked) -> dict[str, Any]:
    """GET /asyncapi.json."""
    return load("tuiagent.clients.web.documents:asyncapi")()

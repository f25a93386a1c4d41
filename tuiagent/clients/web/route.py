"""One thing that can be asked of the web server, and whether a table of them holds together."""

from collections.abc import Iterable
from typing import Any

from msgspec import Struct

from tuiagent.clients.web import shapes
from tuiagent.clients.web.scopes import ANY, LOGIN, OPEN, SCOPES
from tuiagent.kernel.errors import ConfigError

BASE = "/api/v1"
OWN, BROWSER = "tuiagent", "browser"
SSE, WEBSOCKET = "sse", "websocket"


class Route(Struct, frozen=True):
    """One thing that can be asked."""

    method: str
    """As in HTTP; of a WebSocket GET."""
    path: str
    dialect: str
    """Whose interface it belongs to."""
    scope: str
    """What a key must have; OPEN for no key at all, ANY for any that is live."""
    handler: str
    """`module:attribute`."""
    summary: str
    answer: Any = None
    """The type of the answer."""
    request: type[Struct] | None = None
    """The type of the body."""
    query: type[Struct] = shapes.Nothing
    statuses: tuple[int, ...] = (200,)
    """How it answers: the usual status first; problems besides those that follow from the rest."""
    kind: str = ""
    """SSE or WEBSOCKET, where the answer has no end."""
    owner: bool = False
    """Whether whoever asks acts as the owner, so that no other actor may, with whatever scope."""


def check(routes: Iterable[Route]) -> None:
    """Raises ConfigError for two routes that meet, and for one that nobody guards."""
    taken: dict[tuple[str, str], Route] = {}
    for route in routes:
        name = f"{route.method} {route.path}"
        if route.scope not in (*SCOPES, OPEN, ANY, LOGIN):
            raise ConfigError(f"{name} has no scope that is known: {route.scope!r}")
        parts = ("{}" if part[:1] == "{" else part for part in route.path.split("/"))
        place = (route.method, "/".join(parts))
        if place in taken:
            other = taken[place]
            raise ConfigError(f"{name} of {route.dialect} meets {other.path} of {other.dialect}")
        taken[place] = route

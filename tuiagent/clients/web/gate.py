"""Who asks: the one place where a key becomes an actor with scopes."""

import asyncio
import hmac
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any, Protocol
from urllib.parse import parse_qs

from msgspec import Struct

from tuiagent.kernel import directory, keys
from tuiagent.kernel.directory import OWNER, STREAM, Directory, KeyIssued
from tuiagent.kernel.errors import StoreError
from tuiagent.kernel.event import CaughtUp, Event
from tuiagent.ports import Client

SUBPROTOCOL = "tuiagent.bearer."
"""What a key is written behind among the sub-protocols of a WebSocket, beside a real one."""
COOKIE = "tuiagent"
LONGEST = 200
"""Characters of a token that are looked at."""
LOOK = 1.0
"""Seconds after which the clock is looked at again: it may be set, or stand while one sleeps."""
NOBODY = KeyIssued("", "", "", "0" * 64, ())
OVER = {
    "unknown": "the key is not known any more",
    "revoked": "the key was revoked",
    "expired": "the key has expired",
}
PRINCIPAL = "tuiagent.principal"
"""Where a scope keeps who asks, once that was found out."""


class Principal(Struct, frozen=True):
    """Whoever holds a key that is live."""

    actor: str
    key: str
    """The key's id, never the key; "" where none was needed (`--auth none`)."""
    scopes: frozenset[str]
    expires: float | None = None
    """Seconds since 1970."""
    login: str = ""
    """The mark of the log-in or ticket that stands for the key; "" where the key was sent."""

    def may(self, scope: str) -> bool:
        """Whether the key has this scope, by itself or because it has all."""
        return directory.covers(self.scopes, scope)


class Gate(Protocol):
    """Knows the keys."""

    async def identify(self, token: str) -> Principal | None:
        """Whose key this is; None for anything else, always in the same time."""
        ...

    def over(self, principal: Principal) -> str:
        """Why this does not count any more; "" while it does."""
        ...

    async def ended(self, principal: Principal) -> str:
        """Waits until it does not count any more; says why."""
        ...


class KeyGate:
    """Knows the keys of the directory, whatever process wrote it; see `watching`."""

    def __init__(self, client: Client, now: Callable[[], float] = time.time) -> None:
        self._client = client
        self._now = now
        self._state = Directory()
        self._position = -1
        self._lost = False
        self.ready = asyncio.Event()
        """Set once it knows what is in the directory now."""
        self._news = asyncio.Event()

    async def identify(self, token: str) -> Principal | None:
        """See Gate. Raises StoreError once the directory cannot be followed any more."""
        if self._lost:
            raise StoreError("who may act here cannot be read any more: start the server again")
        known, mark = self._state, keys.mark(token[:LONGEST])
        issued = known.keys.get(known.marks.get(mark, ""), NOBODY)
        same = hmac.compare_digest(issued.sha256, mark)
        over = known.over(issued.key, self._now())
        if not same or over:
            return None
        return Principal(issued.actor, issued.key, frozenset(issued.scopes), issued.until or None)

    def over(self, principal: Principal) -> str:
        """See Gate."""
        if self._lost:
            return "who may act here cannot be read any more"
        over = self._state.over(principal.key, self._now())
        return over and OVER[over]

    async def ended(self, principal: Principal) -> str:
        """See Gate."""
        while not (over := self.over(principal)):
            left = None if principal.expires is None else principal.expires - self._now()
            with suppress(TimeoutError):
                async with asyncio.timeout(left and min(left, LOOK)):
                    await self._news.wait()
        return over

    async def reach(self, position: int) -> None:
        """Waits until what was written to the directory up to this position counts here."""
        while self._position < position and not self._lost:
            await self._news.wait()

    async def follow(self) -> None:
        """Takes what happens in the directory, until it is cancelled or the client ends."""
        try:
            async for seen in self._client.watch(STREAM):
                if isinstance(seen, Event):
                    self._state = directory.fold(self._state, seen.fact)
                    self._position = seen.position
                    self._tell()
                elif isinstance(seen, CaughtUp):
                    self.ready.set()
        finally:
            self._lost = True
            self.ready.set()
            self._tell()

    def _tell(self) -> None:
        self._news.set()
        self._news = asyncio.Event()


@asynccontextmanager
async def watching(client: Client, now: Callable[[], float] = time.time) -> AsyncGenerator[KeyGate]:
    """The gate over this client's directory; it knows what is in it now when this is entered."""
    gate = KeyGate(client, now)
    following = asyncio.create_task(gate.follow())
    try:
        await gate.ready.wait()
        if following.done():
            await following
        yield gate
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)


class OpenGate:
    """Takes everybody for the owner: `--auth none`, on loopback only."""

    async def identify(self, token: str) -> Principal | None:
        """See Gate."""
        return Principal(OWNER, "", frozenset(directory.SCOPES))

    def over(self, principal: Principal) -> str:
        """See Gate."""
        return ""

    async def ended(self, principal: Principal) -> str:
        """See Gate."""
        return await asyncio.get_running_loop().create_future()


async def identified(gate: Gate, scope: Any) -> Principal | None:
    """Who asks in this ASGI scope, found out once; None without a key that is live."""
    if PRINCIPAL not in scope:
        scope[PRINCIPAL] = await gate.identify(token_of(scope))
    return scope[PRINCIPAL]


def token_of(scope: Mapping[str, Any]) -> str:
    """The key that an ASGI scope brings along, wherever; "" without one. It is never logged.

    Looked at in this order: Authorization, X-Session-API-Key, the cookie, the sub-protocol, and
    `?token=`; the first that is there counts, and no other.
    """
    headers = {name: value.decode("latin-1") for name, value in reversed(scope["headers"])}
    method, _, given = headers.get(b"authorization", "").partition(" ")
    if method.lower() == "bearer":
        return given.strip()
    if b"x-session-api-key" in headers:
        return headers[b"x-session-api-key"].strip()
    for part in headers.get(b"cookie", "").split(";"):
        name, _, value = part.strip().partition("=")
        if name == COOKIE:
            return value.strip('"')
    for name in scope.get("subprotocols") or ():
        if name.startswith(SUBPROTOCOL):
            return name.removeprefix(SUBPROTOCOL)
    query = scope.get("query_string", b"").decode("latin-1")
    return parse_qs(query).get("token", [""])[0] if "token=" in query else ""

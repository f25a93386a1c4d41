"""What every answer begins with: whose key it is, and whether that is enough."""

import asyncio
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any, NamedTuple, Protocol

from msgspec import Struct

from tuiagent.clients.web.browser.screens import Screens
from tuiagent.clients.web.gate import Gate, Principal, identified
from tuiagent.clients.web.logins import Logins
from tuiagent.clients.web.problem import Problem
from tuiagent.clients.web.routes import Route
from tuiagent.clients.web.scopes import OPEN, need
from tuiagent.config import Settings
from tuiagent.kernel.directory import OWNER
from tuiagent.kernel.lifecycle import SessionOpened
from tuiagent.kernel.rules import Rule
from tuiagent.ports import Client

NOBODY = Principal("", "", frozenset())


class Host(Protocol):
    """What the API needs of its process beside clients."""

    settings: Settings

    def new_id(self) -> str:
        """A new id for a session or a prompt."""
        ...

    def opening(self, folder: str) -> SessionOpened:
        """How a session in this folder is opened here."""
        ...

    def rules(self, folder: str) -> tuple[Rule, ...]:
        """The rules that hold for sessions in this folder."""
        ...


class End(NamedTuple):
    """Why a stream ends."""

    reason: str
    """One of REASONS."""
    detail: str


Ending = asyncio.Future[End]
"""Something open, which gets the reason for which it has to end."""
REASONS = {
    "finished": "there is nothing more to tell",
    "key": "the key was revoked or has expired",
    "slow": "nobody read what was sent; go on from the last position",
    "draining": "the server ends; go on from the last position, there or at its successor",
    "frame": "what came is no frame of this protocol",
    "defect": "tuiagent has a defect here; its log says more",
    "gone": "the other side has left",
    "taken": "another window shows this screen now",
    "full": "as many screens are open as may be",
    "failed": "the app did not start",
}


class Pace(Struct, frozen=True):
    """How long streams wait, in seconds."""

    beat: float = 15.0
    """Between signs of life, where nothing else is said."""
    stuck: float = 20.0
    """Until whoever does not read is cut."""
    grace: float = 5.0
    """Between looks at that, and for the last word."""


class Web:
    """What all answers of one server share."""

    def __init__(
        self,
        seat: Callable[[str], Client],
        gate: Gate,
        host: Host,
        pace: Pace,
        screens: Screens,
    ) -> None:
        self.seat = seat
        self.gate = self.logins = Logins(gate)
        self.screens = screens
        self.host = host
        self.pace = pace
        self.draining = False
        self._streams: dict[Principal, set[Ending]] = {}
        self._watched: dict[Principal, asyncio.Task[None]] = {}

    async def admitted(self, route: Route, scope: Any) -> Principal:
        """Who asks. Raises a Problem for no live key, or one that lacks the route's scope."""
        if route.scope == OPEN:
            return NOBODY
        principal = await identified(self.gate, scope)
        if principal is None:
            raise Problem(
                401,
                "key_invalid",
                "a live key is needed: send it as Authorization: Bearer KEY",
                {"WWW-Authenticate": "Bearer"},
            )
        need(principal, [route.scope])
        if route.owner and principal.actor != OWNER:
            raise Problem(403, "owner_needed", "this acts as the owner: only their key may")
        return principal

    def drain(self) -> None:
        """Lets every stream end, and the readiness say so."""
        self.draining = True
        for ends in self._streams.values():
            for end in ends:
                finish(end, "draining")

    @contextmanager
    def stream(self, principal: Principal) -> Generator[Ending]:
        """Something that stays open, and has to end when it is told.

        One look at a key serves all streams that were opened with it.
        """
        end: Ending = asyncio.get_running_loop().create_future()
        ends = self._streams.setdefault(principal, set())
        ends.add(end)
        if principal not in self._watched:
            watching = self._until_ended(principal, ends)
            self._watched[principal] = asyncio.create_task(watching)
        if self.draining:
            finish(end, "draining")
        try:
            yield end
        finally:
            ends.discard(end)
            if not ends and self._streams.get(principal) is ends:
                del self._streams[principal]
                self._watched.pop(principal).cancel()

    async def _until_ended(self, principal: Principal, ends: set[Ending]) -> None:
        try:
            why = await self.gate.ended(principal)
        except Exception as error:  # a gate that fails lets nothing go on
            why = f"the key cannot be looked at any more: {error}"
        for end in ends:
            finish(end, "key", why)


def finish(end: Ending, reason: str, detail: str = "") -> None:
    """Gives the first reason; later ones do not count."""
    if not end.done():
        end.set_result(End(reason, detail or REASONS[reason]))


class Asked(Struct, frozen=True):
    """What a handler is given: who asks, and what was said."""

    principal: Principal
    web: Web
    path: dict[str, str]
    query: Any
    body: Any
    once: str
    """The header Idempotency-Key; "" without one."""
    last: str = ""
    """The header Last-Event-ID."""
    origin: str = ""
    """The header Origin."""

    @property
    def client(self) -> Client:
        """The engine as who asks sees it."""
        return self.web.seat(self.principal.actor)

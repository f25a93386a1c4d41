"""The socket above: the engine as one actor sees it."""

from collections.abc import AsyncIterator
from typing import Any, Protocol

from msgspec import Struct

from tuiagent.kernel.event import Intent, Seen


class Snapshot(Struct, frozen=True):
    """A bounded part of a view, and the position at which it holds."""

    view: str
    key: str
    position: int
    data: Any
    """Plain lists, dictionaries, strings and numbers."""
    total: int
    """How many items the whole view has."""


class Window(Struct, frozen=True):
    """Which part of a view is wanted: the last `limit` items, or those before `before`."""

    limit: int = 200
    before: int | None = None


class Client(Protocol):
    """The engine as one actor sees it; every screen, server and agent holds one of these."""

    actor: str

    async def submit(self, intent: Intent, once: str = "") -> int:
        """Does what the intent asks; the position at which it is done. Raises Refused, Conflict."""
        ...

    def watch(self, select: str, after: int = 0) -> AsyncIterator[Seen]:
        """History after a position, one CaughtUp, then what happens, signals included."""
        ...

    async def read(self, view: str, key: str = "", window: Window | None = None) -> Snapshot:
        """A bounded part of a view: transcript, inbox, sessions, prompt."""
        ...

"""The engine as one actor sees it."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import TYPE_CHECKING

from msgspec.structs import replace

from tuiagent.kernel.errors import TuiagentError
from tuiagent.kernel.event import Intent, Seen
from tuiagent.ports import Snapshot, Window

if TYPE_CHECKING:
    from tuiagent.engine.engine import Engine


class Seat:
    """ports.Client for one actor, in the engine's own thread; nothing that leaves holds a key."""

    def __init__(self, engine: "Engine", actor: str) -> None:
        self.actor = actor
        self._engine = engine

    async def submit(self, intent: Intent, once: str = "") -> int:
        """See ports.Client."""
        try:
            return await self._engine.submit(self.actor, intent, once)
        except TuiagentError as error:
            self._engine.veil.clear(error)
            raise

    async def watch(self, select: str, after: int = 0) -> AsyncIterator[Seen]:
        """See ports.Client."""
        veil = self._engine.veil
        async with aclosing(self._engine.watch(select, after, self.actor)) as watch:
            async for seen in watch:
                yield veil.seen(seen)

    async def read(self, view: str, key: str = "", window: Window | None = None) -> Snapshot:
        """See ports.Client."""
        veil = self._engine.veil
        try:
            await self._engine.admit(self.actor)
            found = await self._engine.read(view, key, window or Window())
        except TuiagentError as error:
            veil.clear(error)
            raise
        return replace(found, data=veil.data(found.data))

"""The engine as other processes of the same user see it: they hand sessions and keys over."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress

from tuiagent.engine.engine import Engine, Seat
from tuiagent.engine.journal import Request
from tuiagent.kernel.directory import OWNER
from tuiagent.kernel.errors import Refused, TuiagentError
from tuiagent.kernel.stall import ResumeRun
from tuiagent.ports import KILL, Loan


class OwnerSeat(Seat):
    """ports.Owner in the engine's own thread."""

    def __init__(self, engine: Engine, lend: Callable[[Loan], bool]) -> None:
        super().__init__(engine, OWNER)
        self._lend = lend
        self._going_on: set[asyncio.Task[None]] = set()

    async def adopt(self, stream: str, take: str = "") -> bool:
        """See ports.Owner."""
        world = self._engine.journal.world
        world.point("adopting")
        if take:
            await self._engine.take(stream, take == KILL)
        adopted = await self._engine.adopt(stream)
        world.point("adopted")
        return adopted

    async def release(self, stream: str) -> None:
        """See ports.Owner. When whoever asks has gone before it is done, it goes on here."""
        letting_go = asyncio.create_task(self._engine.release(stream))
        try:
            await asyncio.shield(letting_go)
        except asyncio.CancelledError:
            going_on = asyncio.create_task(self._go_on(stream, letting_go))
            self._going_on.add(going_on)
            going_on.add_done_callback(self._going_on.discard)
            raise

    async def _go_on(self, stream: str, letting_go: asyncio.Task[None]) -> None:
        """Drives again what nobody wants any more, under a new fence."""
        with suppress(TuiagentError):  # the journal cannot be written, or is closed
            await letting_go
            await self._engine.adopt(stream)

    async def lend(self, loans: Sequence[Loan]) -> None:
        """See ports.Owner."""
        if loans and not any([self._lend(loan) for loan in loans]):
            return
        for stream, state in self._engine.worker.states().items():
            if state.run is None or state.run.stall is None:
                continue
            try:
                await self._engine.journal.write(Request(stream, (ResumeRun(stream),), OWNER))
            except Refused:
                continue  # it ended meanwhile

    async def close(self) -> None:
        """See ports.Owner; the engine goes on."""

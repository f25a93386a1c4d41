"""The engine as other processes of the same user see it: they hand sessions and keys over."""

from collections.abc import Callable, Sequence

from tuiagent.engine.engine import Engine, Seat
from tuiagent.engine.journal import Request
from tuiagent.kernel.directory import OWNER
from tuiagent.kernel.errors import Refused, TuiagentError
from tuiagent.kernel.stall import ResumeRun
from tuiagent.ports import Loan


class OwnerSeat(Seat):
    """ports.Owner in the engine's own thread."""

    def __init__(self, engine: Engine, lend: Callable[[Loan], None]) -> None:
        super().__init__(engine, OWNER)
        self._lend = lend

    async def adopt(self, stream: str, take: bool = False) -> bool:
        """See ports.Owner."""
        if take:
            await self._engine.take(stream)
        return await self._engine.adopt(stream)

    async def release(self, stream: str) -> None:
        """See ports.Owner."""
        await self._engine.release(stream)

    async def lend(self, loans: Sequence[Loan]) -> None:
        """See ports.Owner."""
        for loan in loans:
            self._lend(loan)
        for stream, state in self._engine.worker.states().items():
            if state.run is None or state.run.stall is None:
                continue
            try:
                await self._engine.journal.write(Request(stream, (ResumeRun(stream),), OWNER))
            except Refused:
                continue  # it ended meanwhile

    async def kill(self) -> None:
        """See ports.Owner; a process is killed from outside."""
        raise TuiagentError("a process does not end itself at once: it hands over")

    async def close(self) -> None:
        """See ports.Owner; the engine goes on."""

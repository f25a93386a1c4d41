"""ports.Owner of whatever server runs: when one ends, all goes on with the next."""

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from typing import TypeVar

from tuiagent.kernel.errors import TuiagentError
from tuiagent.kernel.event import CaughtUp, Event, Intent, Lagged, Seen
from tuiagent.kernel.presence import Severed
from tuiagent.ports import Loan, Owner, Snapshot, Window

T = TypeVar("T")
LOOK, LONGEST = 0.05, 1.0
"""Seconds between two looks for it: at first, and at most."""
ENDED = "the server has ended; what it did is kept, and goes on here once the next one runs"

NONE = "no server came: once one runs (tuiagent serve), tuiagent attach goes on"


class Lasting:
    """One client over the connections that it takes; `tell` is told when one ends.

    What was submitted has a `once`, so that it is done once though nobody heard the answer; keys
    that were lent are lent again. Where no server comes for `patience` seconds, ConnectionError is
    raised.
    """

    def __init__(
        self,
        client: Owner,
        connect: Callable[[], Awaitable[Owner]],
        new_id: Callable[[], str],
        tell: Callable[[str], None],
        patience: float,
    ) -> None:
        self.actor = client.actor
        self._client = client
        self._connect = connect
        self._new_id = new_id
        self._tell = tell
        self._patience = patience
        self._loans: dict[tuple[str, str, str], Loan] = {}
        self._lock = asyncio.Lock()

    async def submit(self, intent: Intent, once: str = "") -> int:
        """See ports.Client."""
        once = once or f"lasting-{self._new_id()}"
        return await self._lasting(lambda client: client.submit(intent, once))

    async def read(self, view: str, key: str = "", window: Window | None = None) -> Snapshot:
        """See ports.Client."""
        return await self._lasting(lambda client: client.read(view, key, window))

    async def watch(self, select: str, after: int = 0) -> AsyncGenerator[Seen]:
        """See ports.Client. CaughtUp is said once for each connection, Severed at its end."""
        position = after
        while True:
            client = self._client
            try:
                async for seen in client.watch(select, position):
                    if isinstance(seen, Event | CaughtUp | Lagged):
                        position = max(position, seen.position)
                    yield seen
                return
            except ConnectionError:
                yield Severed(select)
                await self._again(client)

    async def adopt(self, stream: str, take: str = "") -> bool:
        """See ports.Owner."""
        return await self._lasting(lambda client: client.adopt(stream, take))

    async def release(self, stream: str) -> None:
        """See ports.Owner."""
        await self._lasting(lambda client: client.release(stream))

    async def lend(self, loans: Sequence[Loan]) -> None:
        """See ports.Owner."""
        self._loans |= {(loan.folder, loan.where, loan.url): loan for loan in loans}
        await self._lasting(lambda client: client.lend(loans))

    async def close(self) -> None:
        """See ports.Owner."""
        await self._client.close()

    async def _lasting(self, ask: Callable[[Owner], Awaitable[T]]) -> T:
        while True:
            client = self._client
            try:
                return await ask(client)
            except ConnectionError:
                await self._again(client)

    async def _again(self, ended: Owner) -> None:
        """Waits for the next server, once for all who miss this one. Raises ConnectionError."""
        async with self._lock:
            if self._client is not ended:
                return
            self._tell(ENDED)
            await ended.close()
            until, pause = time.monotonic() + self._patience, LOOK
            while True:
                try:
                    self._client = await self._connect()
                    await self._client.lend(list(self._loans.values()))
                    return
                except (OSError, TuiagentError):
                    if time.monotonic() > until:
                        raise ConnectionError(NONE) from None
                    await asyncio.sleep(pause)
                    pause = min(2 * pause, LONGEST)

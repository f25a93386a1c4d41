"""Signs the heads of all streams: at the end of a run and once a minute of activity."""

import asyncio
import logging
import os
from collections.abc import Callable
from typing import Protocol

import msgspec

from tuiagent.engine.hub import Hub
from tuiagent.engine.journal import Journal, Request
from tuiagent.kernel import audit
from tuiagent.kernel.errors import Conflict, Refused, StoreError
from tuiagent.kernel.event import Event, Lagged, kind_of
from tuiagent.kernel.run import RunFinished

LOG = logging.getLogger("tuiagent.seal")
INTERVAL = 60.0
ACTOR = "sealer"
LARGEST, LINES = 1 << 20, 1000
"""Bytes of the copy at which it is cut down, and how many of its lines stay then."""


class Signer(Protocol):
    """Signs bytes with one key."""

    public: str

    def sign(self, payload: bytes) -> str:
        """The signature, hexadecimal."""
        ...


class Sealer:
    """Keeps the seals up to date; a copy of each goes to a file outside the database."""

    def __init__(self, journal: Journal, hub: Hub, signer: Callable[[], Signer], copy: str) -> None:
        self._journal = journal
        self._hub = hub
        self._make = signer
        self._signer: Signer | None = None
        self._copy = copy
        self._sealed = 0
        self._newest: asyncio.Future[int] | None = None

    async def seal(self) -> int:
        """Signs every head that changed since the last seal; how many there were.

        What goes wrong is told; the next seal makes up for it. One that is cancelled is ended all
        the same, its copy with it, and the next one waits for that.
        """
        self._newest = asyncio.ensure_future(self._after(self._newest))
        return await asyncio.shield(self._newest)

    async def _after(self, before: asyncio.Future[int] | None) -> int:
        if before is not None:
            await before
        try:
            return await self._seal()
        except (StoreError, OSError) as error:
            LOG.warning("tuiagent: the journal could not be sealed: %s", error)
            return 0

    async def _seal(self) -> int:
        store = self._journal.store
        if not self._sealed:
            newest = store.tail(audit.STREAM, 0, 1_000_000)
            self._sealed = newest[-1].position if newest else 0
        heads = [h for h in store.heads(self._sealed) if kind_of(h.stream) != "seal"]
        before = [h for h in store.heads(0) if h.stream == audit.STREAM] if heads else []
        marks = tuple((h.stream, h.version, h.hash.hex()) for h in (*before, *heads))
        if not heads:
            return 0
        if self._signer is None:
            self._signer = await asyncio.to_thread(self._make)
        signature = self._signer.sign(audit.payload(marks))
        seal = audit.Seal(audit.STREAM, marks, self._signer.public, signature)
        try:
            written = await self._journal.write(Request(audit.STREAM, (seal,), ACTOR))
        except (Refused, Conflict):
            return 0  # another process sealed meanwhile
        self._sealed = written.position
        self._journal.world.point("sealed")
        await asyncio.to_thread(self._keep, seal)
        return len(heads)

    async def work(self) -> None:
        """Seals at the end of each run and once a minute of activity, until it is cancelled."""
        subscription = self._hub.subscribe("session/*!")
        try:
            due = 0.0
            while True:
                try:
                    wait = max(0.0, due - self._journal.world.now()) if due else None
                    news = await asyncio.wait_for(subscription.take(), wait)
                except TimeoutError:
                    news = []
                facts = [seen.fact for seen in news if isinstance(seen, Event)]
                missed = any(isinstance(seen, Lagged) for seen in news)
                ended = missed or any(isinstance(fact, RunFinished) for fact in facts)
                now = self._journal.world.now()
                due = due or (now + INTERVAL if facts else 0.0)
                if ended or (due and now >= due):
                    await self.seal()
                    due = 0.0
        finally:
            self._hub.unsubscribe(subscription)

    def _keep(self, seal: audit.Seal) -> None:
        """Appends the seal to its file; it may lag behind the database and never leads it."""
        line = msgspec.json.encode([seal.heads, seal.key, seal.signature]) + b"\n"
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        file = os.open(self._copy, flags, 0o600)
        try:
            end = os.fstat(file).st_size
            if os.write(file, line) < len(line):  # the disk is full
                os.ftruncate(file, end)
            os.fsync(file)
        finally:
            os.close(file)


def trim(copy: str) -> None:
    """Leaves the newest lines of a long copy: each seal signs the end of the seals before it."""
    try:
        if os.path.getsize(copy) < LARGEST:
            return
    except FileNotFoundError:
        return
    scratch = f"{copy}.new"
    with open(copy, "rb") as file:
        lines = file.readlines()[-LINES:]
    with open(scratch, "wb", opener=_private) as file:
        file.writelines(lines)
        file.flush()
        os.fsync(file.fileno())
    os.replace(scratch, copy)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_CLOEXEC, 0o600)

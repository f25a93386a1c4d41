"""Keeps the state root bounded: erases what can be brought back no more, and gives the room back.

By hand (`tuiagent gc`), and once a day beside the work of a process that drives something. All
of it is done in small pieces and may be broken off anywhere: whoever does it again goes on.
"""

import asyncio
import contextlib
import fcntl
import logging
import os
import shutil
from collections.abc import Awaitable, Callable, Container, Generator, Iterator

from msgspec import Struct

from tuiagent.engine.engine import Engine
from tuiagent.engine.journal import Request
from tuiagent.engine.seal import trim
from tuiagent.kernel.errors import Refused, StoreError
from tuiagent.kernel.event import Event, Unknown
from tuiagent.kernel.lifecycle import (
    EraseSession,
    SessionDeleted,
    SessionErased,
    SessionOpened,
    SessionRestored,
)

LOG = logging.getLogger("tuiagent.upkeep")
ACTOR = "upkeep"
DAY = 86400.0
KEPT = 30 * DAY
"""Seconds that answers, spools of dead calls and copies made before tables changed are kept."""
START, PAUSE = 1.0, 0.05
"""Seconds before it begins, and between two pieces, beside a driven session."""
PAGES = 64
"""Pages given back in one transaction."""
FATES = frozenset(kind.__name__ for kind in (SessionDeleted, SessionRestored, SessionErased))
OPENED = frozenset({SessionOpened.__name__})

Sweep = Callable[[str, frozenset[str]], Awaitable[None]]
"""Runtime.sweep: removes spools that begin so, but those to keep and those in use."""


class Done(Struct):
    """What was done."""

    busy: bool = False
    """Nothing, as another process is at it."""
    erased: int = 0
    """Sessions."""
    needed: list[str] = []
    """Sessions whose time is over, but from which others were forked."""
    before: int = 0
    """Bytes of the journal."""
    after: int = 0
    spools: int = 0
    """Folders of dead calls that were removed."""
    copies: list[str] = []
    """Copies of the journal that stay; they may hold what was erased."""


class Upkeep:
    """Looks after one state root."""

    def __init__(self, engine: Engine, root: str, sweep: Sweep) -> None:
        self._engine = engine
        self._journal = engine.journal
        self._root = root
        self._sweep = sweep

    async def run(self) -> Done:
        """Does it now."""
        with self._alone() as stamp:
            return Done(busy=True) if stamp is None else await self._do(stamp, 0.0)

    async def turn(self) -> float:
        """Does it when it was last done a day ago; seconds until it is to be done again."""
        try:
            with self._alone() as stamp:
                if stamp is not None and not self._left(stamp):
                    await asyncio.sleep(START)
                    await self._do(stamp, PAUSE)
                return self._left(stamp) if stamp is not None else DAY
        except (StoreError, OSError) as error:
            LOG.warning("the state root could not be looked after: %s", error)
            return DAY

    async def work(self) -> None:
        """Does it once a day, until it is cancelled."""
        wait = 0.0
        while True:
            await asyncio.sleep(wait)
            wait = await self.turn()

    async def _do(self, stamp: int, pause: float) -> Done:
        """Everything, in the order of what is gained. Raises StoreError, OSError."""
        journal, now = self._journal, self._journal.world.now()
        done = Done(before=journal.store.size())
        due, done.needed, _ = await asyncio.to_thread(self._fates, now)
        for stream in due:
            try:
                await journal.write(Request(stream, (EraseSession(stream),), ACTOR))
            except Refused as refusal:
                LOG.info("%s is not erased: %s", stream, refusal)  # it was brought back meanwhile
                continue
            done.erased += 1
        gone = (await asyncio.to_thread(self._fates, now))[2]
        for stream, version in gone.items():
            if journal.store.read(stream, version - 2, 1)[0].body is not None:  # it goes last
                await self._engine.erase(stream, pause)
        left = True
        while left:
            left = await journal.run(lambda tx: tx.tidy(now - KEPT, PAGES))
            await asyncio.sleep(pause)
        done.spools = await self._spools(gone, now)
        await asyncio.to_thread(self._files, now)
        done.copies = sorted(
            os.path.join("backups", name) for name in _names(self._root, "backups")
        )
        done.after = journal.store.size()
        os.pwrite(stamp, b"%d\n" % now, 0)
        return done

    # ------------------------------------------------------------ sessions

    def _fates(self, now: float) -> tuple[list[str], list[str], dict[str, int]]:
        """Sessions to be erased now, those that stay as others need them, and those erased.

        Of the erased ones, the version at which that was said; bodies before it have to go.
        """
        until: dict[str, float] = {}
        gone: dict[str, int] = {}
        for event in self._facts(FATES):
            fact = event.fact
            if isinstance(fact, SessionDeleted):
                until[event.stream] = fact.until
            elif isinstance(fact, SessionRestored):
                until.pop(event.stream, None)
            elif isinstance(fact, SessionErased):
                until.pop(event.stream, None)
                gone.setdefault(event.stream, event.version)
        due = {stream for stream, end in until.items() if end < now}
        needed = self._needed(due) if due else set[str]()
        return sorted(due - needed), sorted(needed), gone

    def _needed(self, due: set[str]) -> set[str]:
        """Those of them from which a session was forked that stays, or may."""
        origins: dict[str, str] = {}
        for event in self._facts(OPENED):
            if isinstance(event.fact, Unknown):
                return due  # a newer version's: nobody here knows what it needs
            if isinstance(event.fact, SessionOpened) and event.fact.origin:
                origins[event.stream] = event.fact.origin.stream
        needed: set[str] = set()
        while more := {
            origin
            for stream, origin in origins.items()
            if origin in due - needed and stream not in due - needed
        }:
            needed |= more
        return needed

    def _facts(self, kinds: frozenset[str]) -> Iterator[Event]:
        after = 0
        while records := self._journal.store.tail("session/*", after, 500, kinds):
            yield from map(self._journal.codec.event, records)
            after = records[-1].position

    # ------------------------------------------------------------ files

    async def _spools(self, gone: Container[str], now: float) -> int:
        """Removes the spools of erased sessions, and old ones of sessions in which nothing goes on.

        Of a session with a next step, whoever takes that still looks at its calls.
        """
        store, folder = self._journal.store, os.path.join(self._root, "spools")
        busy = {stream for stream, claim in store.claims().items() if claim.alive}
        busy |= set(store.due(float("inf")))
        found = _names(self._root, "spools")
        for name in found:
            stream = f"session/{name.partition('.')[0]}"
            old = now - _changed(os.path.join(folder, name)) > KEPT
            if stream in gone or (old and stream not in busy):
                await self._sweep(name, frozenset())
        return len(set(found) - set(_names(self._root, "spools")))

    def _files(self, now: float) -> None:
        """Removes old leftovers of other sorts, and shortens the copy of the seals."""
        for name in _names(self._root, "tmp"):
            path = os.path.join(self._root, "tmp", name)
            if now - _changed(path) > KEPT:
                shutil.rmtree(path, ignore_errors=True)
        cached = ("rules-", "sandbox-", ".view.")
        for folder, kinds in (("cache", cached), ("backups", ("schema-", ".new"))):
            for name in _names(self._root, folder):
                path = os.path.join(self._root, folder, name)
                old = now - _changed(path) > KEPT
                if old and any(kind in name for kind in kinds):
                    with contextlib.suppress(FileNotFoundError):
                        os.unlink(path)
        trim(os.path.join(self._root, "seals.jsonl"))

    # ------------------------------------------------------------ once a day, by one

    @contextlib.contextmanager
    def _alone(self) -> Generator[int | None]:
        """The open stamp, which says when it was done last, locked; None while another has it."""
        path = os.path.join(self._root, "upkeep")
        stamp = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            try:
                fcntl.flock(stamp, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield None
            else:
                yield stamp
        finally:
            os.close(stamp)

    def _left(self, stamp: int) -> float:
        """Seconds until it is to be done again; a stamp of the future counts for nothing."""
        text = os.pread(stamp, 32, 0).strip()
        since = self._journal.world.now() - (float(text) if text.isdigit() else 0.0)
        return DAY - since if 0 <= since < DAY else 0.0


def _names(root: str, folder: str) -> list[str]:
    """What lies in a folder of the state root, which may not be there."""
    try:
        return os.listdir(os.path.join(root, folder))
    except FileNotFoundError:
        return []


def _changed(path: str) -> float:
    """When it was changed; never for what is gone meanwhile."""
    try:
        return os.stat(path).st_mtime
    except FileNotFoundError:
        return float("inf")

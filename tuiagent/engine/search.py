"""Search over all sessions: fills the index beside the journal, and reads what it lacks."""

import asyncio
import logging
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

import msgspec
from msgspec import Struct

from tuiagent.engine.hub import Hub
from tuiagent.engine.journal import Journal
from tuiagent.kernel.codec import Record
from tuiagent.kernel.errors import Refused, StoreError
from tuiagent.kernel.lifecycle import SessionErased
from tuiagent.views import search as texts
from tuiagent.views.search import Entry, Findings, Hit, Phrase

LOG = logging.getLogger("tuiagent.search")
QUIET, PAUSE = 1.0, 0.05
"""Seconds without news before the index is filled, and between two batches."""
ASIDE, AT_ONCE = 100, 4000
"""Facts in one batch beside the driving, and while somebody waits."""
MOST = 500
"""Hits of one search."""
SELECT = "session/*"


class Table(Protocol):
    """An index while it is used; everything done to it holds together or not at all."""

    def mark(self) -> tuple[int, str]:
        """Up to which position it has read, and the hash of the record there; (0, "") at first."""
        ...

    def reach(self, position: int, digest: str) -> None:
        """It has read up to here."""
        ...

    def add(self, entries: Iterable[Entry]) -> None:
        """Makes texts findable."""
        ...

    def forget(self, stream: str) -> bool:
        """Removes every text of a stream; False when that was so much that all else went along."""
        ...

    def clear(self) -> None:
        """Removes everything."""
        ...

    def find(self, wanted: Sequence[Phrase], among: frozenset[str], limit: int) -> list[Entry]:
        """The newest texts of these streams in which every phrase stands."""
        ...


class Index(Protocol):
    """A disposable index that several processes share."""

    def using(self) -> AbstractContextManager[Table]:
        """The index to itself. Raises StoreError."""
        ...

    def forget(self, stream: str) -> None:
        """Removes every text of a stream, or else everything. Raises StoreError."""
        ...


class Asked(Struct):
    """The key of a search, as JSON."""

    text: str
    session: str = ""
    """A stream; "" for all."""
    limit: int = 20
    all: bool = False
    """Also in deleted sessions."""


class Searcher:
    """Keeps one index up with one journal."""

    def __init__(self, journal: Journal, hub: Hub, index: Index) -> None:
        self._journal = journal
        self._hub = hub
        self._index = index

    async def search(self, key: str, rows: Sequence[dict[str, Any]]) -> Findings:
        """What is found, given the rows of the sessions view. Raises Refused."""
        try:
            asked = msgspec.json.decode(key, type=Asked)
        except msgspec.MsgspecError as error:
            raise Refused(f"a search is asked for as JSON with a text: {error}") from error
        wanted = texts.phrases(asked.text)
        known = {row["stream"]: row for row in rows if asked.all or row["deleted"] is None}
        among = frozenset(s for s in known if asked.session in ("", s))
        limit = max(1, min(asked.limit, MOST))
        found, note = await asyncio.to_thread(self._find, wanted, among, limit)
        looked = texts.patterns(wanted)
        hits: list[Hit] = []
        for entry in found:
            row, (shown, marks) = known[entry.stream], texts.snippet(entry.text, looked)
            place = (entry.stream, row["name"], row["title"], entry.position, entry.at)
            hits.append(Hit(*place, entry.kind, shown, marks))
        return Findings(hits, note)

    async def forget(self, stream: str) -> None:
        """Removes what was erased, wherever the index stands. Raises StoreError."""
        await asyncio.to_thread(self._index.forget, stream)

    async def work(self) -> None:
        """Fills the index in quiet moments, until it is cancelled."""
        subscription = self._hub.subscribe(SELECT)
        wait: float | None = QUIET
        try:
            while True:
                try:
                    await asyncio.wait_for(subscription.take(), wait)
                    wait = QUIET
                except TimeoutError:
                    wait = PAUSE if await self._aside() else None
        finally:
            self._hub.unsubscribe(subscription)

    async def _aside(self) -> bool:
        """One small batch in a thread; False when there is no more, or it has to wait."""
        work = asyncio.ensure_future(asyncio.to_thread(self.step, ASIDE))
        try:
            return await asyncio.shield(work)
        except asyncio.CancelledError:
            await asyncio.gather(work, return_exceptions=True)
            raise
        except StoreError as error:
            LOG.info("the search index waits: %s", error)
            return False

    # ------------------------------------------------------------ in a thread

    def step(self, limit: int) -> bool:
        """Reads the next facts into the index; False when there are no more. Raises StoreError."""
        with self._index.using() as table:
            return self._fill(table, limit)

    def _fill(self, table: Table, limit: int) -> bool:
        """See step.

        The journal is read while the index is held: what another process erases meanwhile is
        either known to be erased, though parts of it may still be there, or is removed by that
        process afterwards.
        """
        records = self._journal.store.tail(SELECT, self._valid(table), limit)
        gone = {record.stream for record in self._erasures()}
        for record in records:
            event = self._journal.codec.event(record)
            if isinstance(event.fact, SessionErased) and not table.forget(event.stream):
                return True
            if event.stream not in gone:
                table.add(texts.entries(event))
        if records:
            table.reach(records[-1].position, records[-1].hash.hex())
        return len(records) == limit

    def _erasures(self) -> Iterator[Record]:
        """Where it was said that a session is erased."""
        kinds, after = frozenset({SessionErased.__name__}), 0
        while records := self._journal.store.tail(SELECT, after, AT_ONCE, kinds):
            yield from records
            after = records[-1].position

    def _valid(self, table: Table) -> int:
        """Up to where the index has read this journal; what it read of another one goes."""
        position, digest = table.mark()
        if position and self._journal.digest(position) != digest:
            table.clear()
            return 0
        return position

    def _find(
        self, wanted: Sequence[Phrase], among: frozenset[str], limit: int
    ) -> tuple[list[Entry], str]:
        """The newest texts, from the index or, as far as that does not reach, from the journal."""
        note = ""
        for _ in range(2):  # an index that was damaged is made anew
            try:
                while True:
                    with self._index.using() as table:
                        if not self._fill(table, AT_ONCE):
                            return table.find(wanted, among, limit), ""
            except StoreError as error:
                note = f"everything was read anew, which takes longer: {error}"
        return self._read(wanted, among, limit), note

    def _read(self, wanted: Sequence[Phrase], among: frozenset[str], limit: int) -> list[Entry]:
        """The newest texts, without an index."""
        looked = texts.patterns(wanted)
        found: list[Entry] = []
        after = 0
        while records := self._journal.store.tail(SELECT, after, AT_ONCE):
            after = records[-1].position
            for record in records:
                if record.stream in among:
                    these = texts.entries(self._journal.codec.event(record))
                    found += [entry for entry in these if texts.matches(entry.text, looked)]
            del found[:-limit]
        return found[::-1]
